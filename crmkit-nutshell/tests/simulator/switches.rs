//! Each open question in both positions. Those about throttles, caps and files are with them.

use crmkit_nutshell::simulator::{DateForm, EmptyMap, SameField, Stray, Switches, TaskCompletion};
use serde_json::{Value, json};

use crate::api::{Api, all, start, switched};

#[test]
fn every_switch_is_tested() {
    let tests = [
        include_str!("switches.rs"),
        include_str!("limits.rs"),
        include_str!("files.rs"),
        include_str!("protocol.rs"),
        include_str!("shapes.rs"),
    ];
    let Value::Object(switches) = json!(Switches::default()) else { panic!("switches are an object") };
    let set = |name: &str| {
        tests.iter().any(|text| text.contains(&format!("switches.{name}")) || text.contains(&format!("\"{name}\"")))
    };
    let untested: Vec<&String> = switches.keys().filter(|name| !set(name)).collect();
    assert!(untested.is_empty(), "{untested:?}");
}

#[tokio::test]
async fn codes_and_envelopes() {
    let api = switched(|switches| {
        (switches.bad_params_code, switches.forbidden_code, switches.invalid_code) = (400, 401, 422);
        (switches.error_null, switches.rpc_batches, switches.entity_type_any_case) = (true, true, true);
    })
    .await;
    api.refused("add", json!({}), 400, "num1").await;
    api.refused("newTag", json!({"tag": {"name": "", "entityType": "leads"}}), 422, "name").await;
    let made = api.new_one("Lead", json!({})).await;
    api.rpc("newNote", json!({"entity": {"entityType": "leads", "id": made["id"]}, "note": "n"})).await;
    let (_, body) = api.rpc_body(json!({"method": "add", "params": [1, 1], "id": 1})).await;
    assert_eq!(body, json!({"result": 2, "error": null, "id": 1, "jsonrpc": "2.0"}));
    let batch = json!([{"method": "add", "params": [1, 1], "id": 1}, {"method": "no", "id": 2}]);
    let (status, answers) = api.rpc_body(batch.clone()).await;
    assert_eq!((status, &answers[0]["result"], &answers[1]["error"]["code"]), (200, &json!(2), &json!(-32601)));
    let note = api.get_one("Note", &json!(1)).await;
    let anna = api.with("anna.snelling@maven.example", &api.key);
    anna.refused("editNote", json!([1, note["rev"], "x"]), 401, "author").await;

    let api = start().await;
    let (status, body) = api.rpc_body(batch).await;
    assert_eq!((status, &body["error"]["code"]), (400, &json!(-32600)));
    let (_, body) = api.rpc_body(json!({"method": "add", "params": [1, 1], "id": 1})).await;
    assert!(body.get("error").is_none());
}

#[tokio::test]
async fn authors() {
    for sets in [true, false] {
        let api = switched(|switches| switches.impersonation_sets_author = sets).await;
        let anna = api.with("anna.snelling@maven.example", &api.key);
        let made = anna.new_one("Account", json!({"name": "A", "note": "n"})).await;
        let expected = if sets { "Anna Snelling" } else { "crmkit" };
        assert_eq!((&made["creator"]["name"], &made["notes"][0]["user"]["name"]), (&json!(expected), &json!(expected)));
        assert_eq!(anna.rpc("getUser", json!({})).await["name"], "Anna Snelling");
    }
    for may in [true, false] {
        let api = switched(|switches| switches.disabled_users_may_write = may).await;
        api.simulator.put("users", json!({"id": 2, "isEnabled": false})).unwrap();
        let anna = api.with("anna.snelling@maven.example", &api.key);
        assert_eq!(anna.rpc_body(json!({"method": "getUser", "id": 1})).await.0, if may { 200 } else { 401 });
    }
}

#[tokio::test]
async fn how_values_are_written() {
    for (form, shown) in
        [(EmptyMap::Absent, None), (EmptyMap::List, Some(json!([]))), (EmptyMap::Object, Some(json!({})))]
    {
        let api = switched(|switches| switches.empty_maps = form).await;
        let made = api.new_one("Account", json!({"name": "A"})).await;
        assert_eq!((made.get("email"), made.get("customFields")), (shown.as_ref(), shown.as_ref()));
        // What was read can be sent back.
        if shown.is_some() {
            api.edit("Account", &made, json!({"email": made["email"], "customFields": made["customFields"]})).await;
        }
    }
    let api = switched(|switches| {
        (switches.nulls_are_absent, switches.stub_rev_is_number, switches.outcome_ids_are_text) = (true, true, false);
        (switches.amounts_are_text, switches.currency_shortname) = (true, true);
    })
    .await;
    let made = api.new_one("Account", json!({"name": "A"})).await;
    assert!(made.get("description").is_none() && made.get("industry").is_none());
    let stub = &api.rpc("findAccounts", json!({})).await[0];
    assert_eq!((&stub["rev"], &made["rev"]), (&json!(1), &json!("1")));
    assert_eq!(api.new_one("Lead", json!({})).await["value"], json!({"currency_shortname": "USD", "amount": "0"}));
    assert_eq!(all(&api.rpc("findLead_Outcomes", json!({"orderBy": "id", "limit": 1})).await, "id"), [1000]);

    let api = start().await;
    let made = api.new_one("Account", json!({"name": "A"})).await;
    assert_eq!(made.get("description"), Some(&Value::Null));
    assert_eq!(api.rpc("findAccounts", json!({})).await[0]["rev"], "1");
    assert_eq!(api.new_one("Lead", json!({})).await["value"], json!({"currency": "USD", "amount": 0}));
    assert_eq!(all(&api.rpc("findLead_Outcomes", json!({"orderBy": "id", "limit": 1})).await, "id"), ["1000"]);
}

#[tokio::test]
async fn ids_of_both_apis() {
    for offset in [0, 5_000] {
        let api = switched(|switches| switches.rest_id_offset = offset).await;
        let made = api.new_one("Account", json!({"name": "A"})).await;
        let id = format!("{}-accounts", made["id"].as_i64().unwrap() + offset);
        let read = api.get(&format!("/accounts/{id}")).await;
        assert_eq!((&read["accounts"][0]["id"], &read["accounts"][0]["name"]), (&json!(id), &json!("A")));
        if offset > 0 {
            assert_eq!(api.rest("GET", "/accounts/1-accounts", None).await.0, 404);
        }
    }
    for offset in [0, 64] {
        let api = switched(|switches| switches.stage_id_offset = offset).await;
        assert_eq!(api.get("/stages").await[0]["id"], format!("{}-stages", 1 + offset));
        assert_eq!(api.rpc("findMilestones", json!({"orderBy": "id"})).await[0]["id"], 1);
    }
    assert_eq!(Switches::default().stage_id_offset, 64);
}

#[tokio::test]
async fn lists_of_addresses() {
    for first in [true, false] {
        let api = switched(|switches| (switches.first_is_primary, switches.primary_is_copied) = (first, first)).await;
        let made = api.new_one("Contact", json!({"email": ["a@x.example", "b@x.example"]})).await;
        assert_eq!(made["email"]["--primary"], if first { "a@x.example" } else { "b@x.example" });
        let edited = api.edit("Contact", &made, json!({"email": made["email"]})).await;
        assert_eq!(edited["email"].as_object().unwrap().len(), if first { 4 } else { 3 });
    }
    for scheme in [true, false] {
        let api =
            switched(|switches| (switches.urls_get_a_scheme, switches.names_are_trimmed) = (scheme, scheme)).await;
        let made = api.new_one("Account", json!({"name": " A ", "url": ["x.example"]})).await;
        assert_eq!(made["url"]["0"], if scheme { "http://x.example" } else { "x.example" });
        assert_eq!(made["name"], if scheme { "A" } else { " A " });
        let made = api.new_one("Contact", json!({"name": " Ann "})).await;
        assert_eq!(made["name"]["displayName"].as_str().unwrap().len(), if scheme { 3 } else { 5 });
    }
    let name = json!({"contact": {"name": {"givenName": "Ann", "familyName": "B"}}});
    let api = switched(|switches| (switches.name_objects, switches.same_email_allowed) = (false, false)).await;
    api.refused("newContact", name.clone(), -32602, "name").await;
    let mail = json!({"contact": {"email": ["A@x.example"]}});
    let made = api.rpc("newContact", mail.clone()).await;
    api.refused("newContact", mail.clone(), 400, "another person").await;
    api.edit("Contact", &made, json!({"email": ["a@x.example"]})).await;
    let api = start().await;
    assert_eq!(api.rpc("newContact", name).await["name"]["displayName"], "Ann B");
    for _ in 0..2 {
        api.rpc("newContact", mail.clone()).await;
    }
}

#[tokio::test]
async fn keys_that_nobody_documents() {
    for stray in [Stray::Ignored, Stray::Refused, Stray::Kept] {
        let api = switched(|switches| {
            (switches.legacy_id, switches.created_time, switches.closed_time) = (stray, stray, stray);
            (switches.lead_value, switches.parent_account) = (stray, stray);
            switches.unknown_keys_refused = stray == Stray::Refused;
        })
        .await;
        let parent = api.new_one("Account", json!({"name": "Parent"})).await;
        let lead = api.new_one("Lead", json!({})).await;
        let old = "2020-01-02T03:04:05+0000";
        let closing = json!({"outcomeId": 1000, "closedTime": old});
        if stray == Stray::Refused {
            for (key, value) in [
                ("legacyId", json!("7")),
                ("createdTime", json!(old)),
                ("parentAccount", json!({"id": 1})),
                ("shoes", json!(1)),
            ] {
                api.refused("newAccount", json!({"account": {"name": "A", key: value}}), 400, key).await;
            }
            api.refused("newLead", json!({"lead": {"value": {"currency": "USD", "amount": 5}}}), 400, "value").await;
            api.refused("editLead", json!([lead["id"], lead["rev"], closing]), 400, "closedTime").await;
            api.refused("newTask", json!({"task": {"title": "t", "shoes": 1}}), 400, "shoes").await;
            continue;
        }
        let kept = stray == Stray::Kept;
        let given = json!({"name": "A", "legacyId": "7", "createdTime": old, "parentAccount": {"id": parent["id"]}, "shoes": 1});
        let made = api.new_one("Account", given).await;
        assert_eq!(made["legacyId"], if kept { json!("7") } else { Value::Null });
        assert_eq!(made["createdTime"] == old, kept);
        assert_eq!(made.get("parentAccount").map(|stub| &stub["id"]), kept.then_some(&parent["id"]));
        assert!(made.get("shoes").is_none());
        let rest = api.get("/accounts/2-accounts").await;
        assert_eq!(rest["accounts"][0]["links"]["parentAccount"], if kept { json!("1-accounts") } else { Value::Null });
        let valued = api.new_one("Lead", json!({"value": {"currency": "USD", "amount": 5}})).await;
        assert_eq!(valued["value"]["amount"], if kept { 5 } else { 0 });
        let closed = api.edit("Lead", &lead, closing).await;
        assert_eq!((&closed["status"], closed["closedTime"] == old), (&json!(10), kept));
    }
}

#[tokio::test]
async fn links_and_revisions() {
    for raise in [true, false] {
        let api = switched(|switches| switches.links_raise_rev = raise).await;
        let account = api.new_one("Account", json!({"name": "A"})).await;
        api.new_one("Lead", json!({"accounts": [{"id": account["id"]}]})).await;
        let linked = api.get_one("Account", &account["id"]).await;
        assert_eq!(linked["rev"] != account["rev"], raise);
        api.rpc("newNote", json!({"entity": {"entityType": "Accounts", "id": account["id"]}, "note": "n"})).await;
        assert_eq!(api.get_one("Account", &account["id"]).await["rev"] != linked["rev"], raise);
    }
}

#[tokio::test]
async fn leads() {
    for moves in [true, false] {
        let api = switched(|switches| (switches.closed_leads_move, switches.find_leads_is_mine) = (moves, moves)).await;
        let lead = api.new_one("Lead", json!({"assignee": {"entityType": "Users", "id": 2}})).await;
        let closed = api.edit("Lead", &lead, json!({"outcomeId": 1000})).await;
        let same = api.edit("Lead", &closed, json!({"milestoneId": 1})).await;
        if moves {
            assert_eq!(api.edit("Lead", &same, json!({"milestoneId": 2})).await["milestone"]["id"], 2);
        } else {
            api.refused("editLead", json!([lead["id"], same["rev"], {"milestoneId": 2}]), 400, "stage").await;
        }
        assert_eq!(api.rpc("findLeads", json!({})).await.as_array().unwrap().len(), usize::from(!moves));
    }
    for runs in [true, false] {
        let api = switched(|switches| switches.automations = runs).await;
        let lead = api.new_one("Lead", json!({})).await;
        api.edit("Lead", &lead, json!({"description": "x"})).await;
        assert_eq!(api.rpc("findTasks", json!({})).await.as_array().unwrap().len(), usize::from(runs));
    }
}

#[tokio::test]
async fn finding() {
    for heeds in [true, false] {
        let api = switched(|switches| switches.find_users_by_email = heeds).await;
        let found = api.rpc("findUsers", json!({"query": {"email": "carl.lin@maven.example"}, "limit": 100})).await;
        assert_eq!(found.as_array().unwrap().len(), if heeds { 1 } else { 36 });
    }
    let api = switched(|switches| switches.full_limit_refused = false).await;
    for number in 0..101 {
        api.new_one("Account", json!({"name": format!("{number}")})).await;
    }
    let found = api.rpc("findAccounts", json!({"stubResponses": false, "limit": 200})).await;
    assert_eq!(found.as_array().unwrap().len(), 100);
    for lag in [0, 3_000] {
        let api =
            switched(|switches| (switches.find_lag_ms, switches.search_lag_ms, switches.list_lag_ms) = (lag, lag, lag))
                .await;
        api.new_one("Account", json!({"name": "A"})).await;
        let seen = usize::from(lag == 0);
        let count = async || {
            [
                api.rpc("findAccounts", json!({})).await.as_array().unwrap().len(),
                api.rpc("searchAccounts", json!(["a"])).await.as_array().unwrap().len(),
                api.get("/accounts").await["accounts"].as_array().unwrap().len(),
            ]
        };
        assert_eq!(count().await, [seen; 3]);
        api.wait(3);
        assert_eq!(count().await, [1; 3]);
    }
}

#[tokio::test]
async fn activities_and_tasks() {
    for position in [true, false] {
        let api = switched(|switches| {
            (switches.new_activity_logs, switches.activities_can_be_cancelled) = (position, position);
            (switches.caller_takes_part, switches.rest_lead_participants) = (position, position);
            switches.all_day_zone = (!position).then_some(60);
        })
        .await;
        let given = json!({"name": "a", "status": 1, "isAllDay": true, "startTime": "2030-01-02T12:00:00Z",
            "endTime": "2030-01-02T13:00:00Z"});
        let made = api.new_one("Activity", given).await;
        assert_eq!(
            (&made["status"], made["participants"].as_array().unwrap().len()),
            (&json!(i64::from(position)), usize::from(position))
        );
        assert_eq!(made["startTime"], if position { "2030-01-02T12:00:00+0000" } else { "2030-01-01T23:00:00+0000" });
        if position {
            assert_eq!(api.edit("Activity", &made, json!({"status": 2})).await["status"], 2);
        } else {
            api.refused("editActivity", json!([made["id"], made["rev"], {"status": 2}]), 400, "status").await;
            assert_eq!(api.edit("Activity", &made, json!({"status": 1})).await["status"], 1);
        }
        api.new_one("Lead", json!({})).await;
        let body = json!({"activities": [{"name": "b", "links": {"participants": ["1000-leads"]}}]});
        assert_eq!(api.rest("POST", "/activities", Some(body)).await.0, if position { 201 } else { 400 });
    }
    let cases = [
        (TaskCompletion::Nothing, false, false),
        (TaskCompletion::Status, true, false),
        (TaskCompletion::CompletedTime, false, true),
    ];
    for (completion, by_status, by_time) in cases {
        let api = switched(|switches| switches.task_completion = completion).await;
        let task = api.new_one("Task", json!({"title": "t"})).await;
        let task = api.edit("Task", &task, json!({"status": 1})).await;
        assert_eq!(task["completedTime"].is_string(), by_status);
        let task = api.edit("Task", &task, json!({"completedTime": "2020-01-01T00:00:00Z"})).await;
        assert_eq!(task["completedTime"] == "2020-01-01T00:00:00+0000", by_time);
    }
}

#[tokio::test]
async fn notes_products_and_tags() {
    let tag = |name: &str| json!({"tag": {"name": name, "entityType": "Leads"}});
    for position in [true, false] {
        let api = switched(|switches| {
            (switches.note_body_key, switches.product_prices, switches.tags_ignore_case) =
                (position, position, position);
        })
        .await;
        let lead = api.new_one("Lead", json!({})).await;
        let note = json!({"entity": {"entityType": "Leads", "id": lead["id"]}, "note": {"body": "b"}});
        let product =
            json!({"product": {"name": "W", "prices": [{"marketId": 1, "price": {"currency": "USD", "amount": 10}}]}});
        api.rpc("newTag", tag("hot")).await;
        if position {
            assert_eq!(api.rpc("newNote", note).await["note"], "b");
            assert_eq!(api.rpc("newProduct", product).await["prices"][0]["price"]["amount"], 10);
            api.refused("newTag", tag("HOT"), 400, "exists").await;
            assert_eq!(api.new_one("Lead", json!({"tags": ["HOT"]})).await["tags"], json!(["hot"]));
        } else {
            api.refused("newNote", note, -32602, "text").await;
            api.refused("newProduct", product, 400, "prices").await;
            api.refused("newLead", json!({"lead": {"tags": ["HOT"]}}), 400, "not a tag").await;
            api.rpc("newTag", tag("HOT")).await;
        }
    }
}

async fn define(api: &Api, field: Value) -> u16 {
    api.rest("POST", "/accounts/customfield", Some(field)).await.0
}

#[tokio::test]
async fn values_of_custom_fields() {
    let forms = [
        (DateForm::Atom, json!("2024-03-01T00:00:00+0000")),
        (DateForm::Unix, json!(1_709_251_200)),
        (DateForm::Day, json!("2024-03-01")),
    ];
    for (form, shown) in forms {
        let api = switched(|switches| switches.date_form = form).await;
        define(&api, json!({"name": "D", "type": "Date"})).await;
        let made = api.new_one("Account", json!({"name": "A", "customFields": {"D": "2024-03-01"}})).await;
        assert_eq!(made["customFields"]["D"], shown);
    }
    for position in [true, false] {
        let api = switched(|switches| {
            (switches.multiple_is_list, switches.unlisted_choices_refused) = (position, position);
            (switches.custom_fields_merge, switches.field_lengths) = (position, position);
        })
        .await;
        define(&api, json!({"name": "M", "type": "Enum", "choices": ["a", "b"], "isMultiple": true})).await;
        define(&api, json!({"name": "S", "type": "String"})).await;
        let (given, other) = (json!(["a", "b"]), json!("a, b"));
        let (given, other) = if position { (given, other) } else { (other, given) };
        let made = api.new_one("Account", json!({"name": "A", "customFields": {"M": given, "S": "s"}})).await;
        assert_eq!(made["customFields"]["M"], given);
        if !position {
            api.refused("newAccount", json!({"account": {"customFields": {"M": other}}}), 400, "form").await;
        }
        let edited = api.edit("Account", &made, json!({"customFields": {"S": "t"}})).await;
        assert_eq!(edited["customFields"].get("M").is_some(), position);
        let stray = json!({"account": {"customFields": {"M": if position { json!(["c"]) } else { json!("c") }}}});
        let long = json!({"account": {"customFields": {"S": "x".repeat(256)}}});
        if position {
            api.refused("newAccount", stray, 400, "not a choice").await;
            api.refused("newAccount", long, 400, "255").await;
        } else {
            api.rpc("newAccount", stray).await;
            api.rpc("newAccount", long).await;
        }
        assert_eq!(
            define(&api, json!({"name": "x".repeat(41), "type": "String"})).await,
            if position { 400 } else { 200 }
        );
    }
}

#[tokio::test]
async fn definitions_of_custom_fields() {
    let field = json!({"name": "F", "type": "String"});
    for (same, status, count) in
        [(SameField::Refused, 400, 1), (SameField::Ignored, 200, 1), (SameField::Added, 200, 2)]
    {
        let api = switched(|switches| switches.same_field = same).await;
        assert_eq!((define(&api, field.clone()).await, define(&api, field.clone()).await), (200, status));
        let fields = api.get("/accounts/customfields/attributes").await;
        assert_eq!(fields["customFields"].as_array().unwrap().len(), count);
    }
    for needed in [true, false] {
        let api =
            switched(|switches| (switches.fields_need_admin, switches.field_create_body) = (needed, !needed)).await;
        let anna = api.with("anna.snelling@maven.example", &api.key);
        assert_eq!(define(&anna, field.clone()).await, if needed { 403 } else { 200 });
        let (_, body) = api.rest("POST", "/leads/customfield", Some(field.clone())).await;
        assert_eq!(body["customFields"][0]["name"] == "F", !needed);
    }
    let api = switched(|switches| switches.field_lag_ms = 2_000).await;
    define(&api, field.clone()).await;
    let account = json!({"account": {"name": "A", "customFields": {"F": "x"}}});
    assert_eq!(api.get("/accounts/customfields/attributes").await["customFields"], json!([]));
    api.refused("newAccount", account.clone(), 400, "is not a custom field").await;
    assert_eq!(define(&api, field).await, 400);
    api.wait(2);
    api.rpc("newAccount", account).await;
}

#[tokio::test]
async fn forms_of_rest() {
    for position in [true, false] {
        let api = switched(|switches| {
            (switches.bare_lists, switches.patch_is_empty, switches.pointer_escapes) = (position, position, position);
            switches.content_type_status = if position { 400 } else { 415 };
        })
        .await;
        assert_eq!(
            (api.get("/stages").await.is_array(), api.get("/leads/customfields/attributes").await.is_array()),
            (position, position)
        );
        define(&api, json!({"name": "A~1B", "type": "String"})).await;
        define(&api, json!({"name": "A/B", "type": "String"})).await;
        api.new_one("Account", json!({"name": "A"})).await;
        let patch = Some(json!([{"op": "replace", "path": "/accounts/0/A~1B", "value": "x"}]));
        let (status, body) = api.rest("PATCH", "/accounts/1-accounts", patch).await;
        assert_eq!((status, body["accounts"][0]["name"] == "A"), if position { (204, false) } else { (200, true) });
        let values = api.get_one("Account", &json!(1)).await["customFields"].clone();
        assert_eq!(values, if position { json!({"A/B": "x"}) } else { json!({"A~1B": "x"}) });
        let plain = api.request("PATCH", "/rest/accounts/1").json(&json!([])).send().await.unwrap();
        assert_eq!(plain.status().as_u16(), if position { 400 } else { 415 });
    }
}

#[tokio::test]
async fn what_deleted_means() {
    for position in [true, false] {
        let api = switched(|switches| {
            (switches.deleted_is_readable, switches.deleted_is_deletable) = (position, position);
            (switches.delete_cascades, switches.purge_days) = (!position, 5);
        })
        .await;
        let account = api.new_one("Account", json!({"name": "A"})).await;
        let contact = api.new_one("Contact", json!({"name": "C", "accounts": [{"id": account["id"]}]})).await;
        api.rpc("deleteAccount", json!([account["id"], "REV_IGNORE"])).await;
        let again = json!({"method": "deleteAccount", "params": [account["id"], "REV_IGNORE"], "id": 1});
        assert_eq!(api.rpc_body(again).await.0, if position { 200 } else { 404 });
        assert_eq!(api.get_one("Account", &account["id"]).await["deletedTime"].is_string(), position);
        let found = api.rpc("findContacts", json!({})).await;
        assert_eq!(all(&found, "id"), if position { vec![&contact["id"]] } else { vec![] });
        api.wait(6 * 86_400);
        assert_eq!(api.get_one("Account", &account["id"]).await, Value::Null);
    }
}
