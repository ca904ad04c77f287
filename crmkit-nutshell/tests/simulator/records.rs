//! Accounts and contacts: what goes in, what comes out.

use serde_json::{Value, json};

use crate::api::{all, start};

#[tokio::test]
async fn an_account_comes_back_as_documented() {
    let api = start().await;
    api.rpc("newTag", json!({"tag": {"name": "vip", "entityType": "Accounts"}})).await;
    let contact = api.new_one("Contact", json!({"name": "Joan Smith"})).await;
    let lead = api.new_one("Lead", json!({"description": "Big"})).await;
    let made = api
        .new_one(
            "Account",
            json!({
                "name": " Arbor Medical LLC ", "owner": {"entityType": "Users", "id": 2}, "industryId": 4,
                "accountTypeId": 2, "territoryId": 1, "url": ["example.com"], "phone": ["734-555-9090"],
                "email": ["info@example.com"], "description": "d", "note": "hello", "tags": ["VIP"],
                "address": [{"address_1": "220 Depot St", "city": "Ann Arbor", "state": "MI", "country": "US"}],
                "contacts": [{"id": contact["id"], "relationship": "Purchasing Manager"}],
                "leads": [{"id": lead["id"], "relationship": "r"}],
            }),
        )
        .await;
    assert_eq!(
        (&made["entityType"], &made["name"], &made["tags"]),
        (&json!("Accounts"), &json!("Arbor Medical LLC"), &json!(["vip"]))
    );
    assert_eq!(made["htmlUrl"], format!("{}/company/{}-arbor-medical-llc", api.simulator.url(), made["id"]));
    assert_eq!((&made["owner"]["name"], &made["owner"]["stub"]), (&json!("Anna Snelling"), &json!(true)));
    assert_eq!(
        (&made["industry"]["name"], &made["accountType"]),
        (&json!("Medical"), &json!({"id": 2, "name": "Prospect"}))
    );
    assert_eq!(made["territory"], json!({"id": 1, "name": "North"}));
    assert_eq!(made["email"], json!({"0": "info@example.com", "--primary": "info@example.com"}));
    assert_eq!(made["url"]["--primary"], "http://example.com");
    let phone = json!({"countryCode": "1", "number": "7345559090", "extension": "", "numberFormatted": "(734) 555-9090",
        "E164": "+17345559090"});
    assert_eq!(made["phone"], json!({"0": phone, "--primary": phone}));
    assert_eq!(
        (&made["address"]["0"]["address_1"], &made["address"]["0"]["address_2"]),
        (&json!("220 Depot St"), &Value::Null)
    );
    assert_eq!(made["contacts"][0]["relationship"], "Purchasing Manager");
    assert_eq!((&made["leads"][0]["relationship"], &made["leads"][0]["entityType"]), (&json!("r"), &json!("Leads")));
    assert_eq!(made["notes"][0]["note"], "hello");
    for key in ["legacyId", "mergedInto", "lastContactedDate", "deletedTime"] {
        assert_eq!(made[key], Value::Null, "{key}");
    }
    assert_eq!(made["createdTime"], "2026-01-01T00:00:00+0000");
    let contact = api.get_one("Contact", &contact["id"]).await;
    assert_eq!(contact["accounts"][0]["relationship"], "Purchasing Manager");
    assert_eq!(api.get_one("Lead", &lead["id"]).await["accounts"][0]["id"], made["id"]);
    let stub = &api.rpc("findAccounts", json!({})).await[0];
    assert_eq!((&stub["stub"], &stub["regions"], stub.get("email")), (&json!(true), &json!(["Ann Arbor, MI"]), None));
}

#[tokio::test]
async fn what_has_no_value_is_absent_and_defaults_are_the_servers() {
    let api = start().await;
    let made = api.new_one("Account", json!({"name": "Acme"})).await;
    for key in ["email", "phone", "url", "address", "customFields"] {
        assert!(made.get(key).is_none(), "{key}");
    }
    assert_eq!(made["accountType"]["name"], "Customer");
    assert_eq!(made["owner"]["name"], "Importing User");
    for wrong in
        [json!({"industryId": 99}), json!({"owner": {"entityType": "Users", "id": 99}}), json!({"tags": ["no"]})]
    {
        api.refused("newAccount", json!({"account": wrong}), 400, "").await;
    }
    api.simulator.put("users", json!({"id": 5, "isEnabled": false})).unwrap();
    let disabled = json!({"owner": {"entityType": "Users", "id": 5}});
    api.refused("newAccount", json!({"account": disabled}), 400, "disabled").await;
    api.refused("newAccount", json!({"account": {"email": ["not an address"]}}), 400, "email").await;
    api.refused("newAccount", json!({"account": {"name": 5}}), -32602, "name").await;
}

#[tokio::test]
async fn a_contact_is_named_by_the_server_and_titled_by_its_link() {
    let api = start().await;
    let account = api.new_one("Account", json!({"name": "Acme"})).await;
    let accounts = json!([{"id": account["id"], "relationship": "Purchasing Manager"}]);
    let given = json!({"name": "Joan Ann Smith", "accounts": accounts, "territoryId": 2, "audiences": [{"id": 1}],
        "email": {"0": "joan@example.com", "home": "j@home.example"}, "phone": {"cell": "+46 8 123 456"}});
    let made = api.new_one("Contact", given).await;
    let name =
        json!({"givenName": "Joan Ann", "familyName": "Smith", "salutation": null, "displayName": "Joan Ann Smith"});
    assert_eq!(made["name"], name);
    let email = json!({"0": "joan@example.com", "home": "j@home.example", "--primary": "joan@example.com"});
    assert_eq!(made["email"], email);
    assert_eq!(made["phone"]["cell"]["countryCode"], "46");
    assert_eq!(made["accounts"][0]["relationship"], "Purchasing Manager");
    assert!(made.get("deletedTime").is_none());
    let rest = api.get(&format!("/contacts/{}-contacts", made["id"])).await;
    assert_eq!(rest["contacts"][0]["jobTitle"], "Purchasing Manager");
    assert_eq!(
        (&rest["contacts"][0]["firstName"], &rest["contacts"][0]["lastName"]),
        (&json!("Joan Ann"), &json!("Smith"))
    );
    api.refused("newContact", json!({"contact": {"description": "nobody"}}), 400, "name, a phone or an email").await;
    let nameless = api.new_one("Contact", json!({"email": ["x@y.example"]})).await;
    assert_eq!(nameless["name"], Value::Null);
    api.new_one("Contact", json!({"email": ["x@y.example"]})).await;
}

#[tokio::test]
async fn a_list_that_is_sent_replaces_the_list() {
    let api = start().await;
    for name in ["one", "two"] {
        api.rpc("newTag", json!({"tag": {"name": name, "entityType": "Contacts"}})).await;
    }
    let (a, b) =
        (api.new_one("Account", json!({"name": "A"})).await, api.new_one("Account", json!({"name": "B"})).await);
    let given = json!({"name": "J", "tags": ["one", "two"], "email": ["a@x.example", "b@x.example"],
        "accounts": [{"id": a["id"]}], "note": "first"});
    let made = api.new_one("Contact", given).await;
    let change = json!({"tags": ["two"], "email": ["b@x.example"], "note": "second",
        "accounts": [{"id": b["id"], "relationship": "CEO", "entityType": "Accounts"}]});
    let edited = api.edit("Contact", &made, change).await;
    assert_eq!(
        (&edited["tags"], &edited["email"]),
        (&json!(["two"]), &json!({"0": "b@x.example", "--primary": "b@x.example"}))
    );
    assert_eq!(all(&edited["accounts"], "id"), [&b["id"]]);
    assert_eq!(all(&edited["notes"], "note"), ["first", "second"]);
    assert_eq!(edited["name"]["displayName"], "J");
    assert_eq!(api.get_one("Account", &a["id"]).await["contacts"], json!([]));
    let b = api.get_one("Account", &b["id"]).await;
    assert_eq!(all(&b["contacts"], "id"), [&made["id"]]);
    api.edit("Account", &b, json!({"contacts": []})).await;
    assert_eq!(api.get_one("Contact", &made["id"]).await["accounts"], json!([]));
    let cleared = api.rpc("editContact", json!([made["id"], "REV_IGNORE", {"description": null, "email": []}])).await;
    assert!(cleared.get("email").is_none());
}

#[tokio::test]
async fn custom_fields_are_written_by_name() {
    let api = start().await;
    let fields = [
        json!({"name": "External ID", "type": "String"}),
        json!({"name": "Signed", "type": "Date"}),
        json!({"name": "Worth", "type": "Currency"}),
        json!({"name": "Size", "type": "Enum", "choices": ["S", "L"]}),
        json!({"name": "Colours", "type": "Enum", "choices": ["red", "blue"], "isMultiple": true}),
    ];
    for field in fields {
        assert_eq!(api.rest("POST", "/contacts/customfield", Some(field)).await, (200, json!("")));
    }
    let values = json!({"External ID": "c-1", "Signed": "2024-03-01", "Worth": {"currency": "USD", "amount": "500"},
        "Size": "L", "Colours": ["red", "blue"]});
    let made = api.new_one("Contact", json!({"name": "J", "customFields": values})).await;
    let shown = json!({"External ID": "c-1", "Signed": "2024-03-01T00:00:00+0000", "Size": "L", "Colours": ["red", "blue"],
        "Worth": {"currency": "USD", "amount": 500}});
    assert_eq!(made["customFields"], shown);
    let edited = api.edit("Contact", &made, json!({"customFields": {"Size": "", "External ID": "c-2"}})).await;
    assert_eq!((&edited["customFields"]["External ID"], edited["customFields"].get("Size")), (&json!("c-2"), None));
    assert_eq!(edited["customFields"]["Colours"], json!(["red", "blue"]));
    let wrong = [
        (json!({"Shoe size": "7"}), "is not a custom field"),
        (json!({"external id": "7"}), "is not a custom field"),
        (json!({"Size": "XL"}), "XL is not a choice"),
        (json!({"Signed": "soon"}), "Signed"),
        (json!({"External ID": "x".repeat(256)}), "255"),
    ];
    for (values, text) in wrong {
        api.refused("newContact", json!({"contact": {"name": "J", "customFields": values}}), 400, text).await;
    }
    api.refused("newAccount", json!({"account": {"customFields": {"Size": "L"}}}), 400, "is not a custom field").await;
    let found = api.rpc("findCustomFields", json!({})).await;
    assert_eq!(found["Contacts"][0], json!({"name": "External ID", "type": "String"}));
    assert_eq!((&found["Leads"], found["Contacts"].as_array().unwrap().len()), (&json!([]), 5));
    assert_eq!(api.rpc("describeCustomFields", json!({})).await, found);
}

#[tokio::test]
async fn sources_are_found_or_made_and_tags_are_not() {
    let api = start().await;
    let made = api.rpc("newSource", json!({"name": "Trade show"})).await;
    assert_eq!(api.rpc("newSource", json!({"name": "Trade show"})).await["id"], made["id"]);
    assert_eq!(api.rpc("newSource", json!(["Website"])).await["id"], 1);
    assert_eq!(api.rpc("findSources", json!({})).await.as_array().unwrap().len(), 2);
    let tag = |name: &str, entity: &str| json!({"tag": {"name": name, "entityType": entity}});
    api.rpc("newTag", tag("vip", "Contacts")).await;
    api.refused("newTag", tag("vip", "Contacts"), 400, "exists").await;
    api.rpc("newTag", tag("vip", "Leads")).await;
    api.refused("newTag", tag("vip", "leads"), 400, "entityType").await;
    api.refused("newTag", tag("vip", "Notes"), 400, "tags").await;
    assert_eq!(api.rpc("findTags", json!({})).await, json!({"Accounts": [], "Contacts": ["vip"], "Leads": ["vip"]}));
}

#[tokio::test]
async fn deletes_are_soft_and_rest_takes_them_back() {
    let api = start().await;
    let made = api.new_one("Contact", json!({"name": "Joan", "email": ["j@x.example"]})).await;
    api.rpc("deleteContact", json!({"contactId": made["id"], "rev": made["rev"]})).await;
    let gone = api.get_one("Contact", &made["id"]).await;
    assert_eq!(gone["deletedTime"], "2026-01-01T00:00:00+0000");
    assert_eq!(api.rpc("findContacts", json!({})).await, json!([]));
    api.refused("editContact", json!([made["id"], gone["rev"], {"name": "x"}]), 404, "not found").await;
    assert_eq!(api.rpc("deleteContact", json!([made["id"], gone["rev"]])).await, json!(true));
    let back = api.post(&format!("/contacts/{}-contacts/undelete", made["id"]), json!({})).await;
    assert_eq!(back["contacts"][0]["name"], "Joan");
    assert!(api.get_one("Contact", &made["id"]).await.get("deletedTime").is_none());
    let back = api.get_one("Contact", &made["id"]).await;
    api.rpc("deleteContact", json!([made["id"], back["rev"]])).await;
    api.wait(31 * 86_400);
    assert_eq!(api.get_one("Contact", &made["id"]).await, Value::Null);
    assert_eq!(api.rest("POST", "/contacts/1-contacts/undelete", None).await.0, 404);
}

#[tokio::test]
async fn who_may_not_delete_does_not() {
    let api = start().await;
    let made = api.new_one("Account", json!({"name": "Acme"})).await;
    api.simulator.put("users", json!({"id": 2, "permissions": {"canDeleteEntities": false}})).unwrap();
    let anna = api.with("anna.snelling@maven.example", &api.key);
    anna.refused("deleteAccount", json!([made["id"], made["rev"]]), 403, "permission").await;
    assert_eq!(anna.rest("DELETE", "/accounts/1-accounts", None).await.0, 403);
    assert_eq!(anna.get("/users/2-users").await["users"][0]["permissions"]["canDeleteEntities"], false);
    let field = json!({"name": "F", "type": "String"});
    assert_eq!(anna.rest("POST", "/leads/customfield", Some(field)).await.0, 403);
}

#[tokio::test]
async fn labels_keep_their_order() {
    let api = start().await;
    let call = r#"{"method":"newContact","params":{"contact":{"name":"A","email":{"work":"w@x.example","0":"a@x.example",
        "home":"h@x.example"}}},"id":1}"#;
    let request = api.request("POST", "/api/v1/json").body(call).header("content-type", "application/json");
    let text = request.send().await.unwrap().text().await.unwrap();
    let shown = r#""email":{"work":"w@x.example","1":"a@x.example","home":"h@x.example","--primary":"w@x.example"}"#;
    assert!(text.contains(shown), "{text}");
}
