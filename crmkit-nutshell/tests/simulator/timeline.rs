//! Activities, notes, tasks and e-mails.

use serde_json::{Value, json};

use crate::api::{all, start};

#[tokio::test]
async fn activities_keep_their_own_dates() {
    let api = start().await;
    let contact = api.new_one("Contact", json!({"name": "Joan"})).await;
    let lead = api.new_one("Lead", json!({})).await;
    let given = json!({
        "name": "Intro call", "description": "agenda", "activityTypeId": 2, "startTime": "2024-03-01T15:00:00+0000",
        "endTime": "2024-03-01T15:30:00Z", "isFlagged": true, "location": "here", "status": 1,
        "participants": [{"entityType": "Users", "id": 2}, {"entityType": "Contacts", "id": contact["id"]}],
        "leads": [{"id": lead["id"]}], "logNote": {"note": "what happened"},
    });
    let made = api.new_one("Activity", given).await;
    assert_eq!(
        (&made["startTime"], &made["endTime"]),
        (&json!("2024-03-01T15:00:00+0000"), &json!("2024-03-01T15:30:00+0000"))
    );
    assert_eq!(
        (&made["status"], &made["logNote"]["note"], &made["logDescription"]),
        (&json!(1), &json!("what happened"), &json!("what happened"))
    );
    assert_eq!((&made["activityType"]["name"], &made["loggedBy"]["entityType"]), (&json!("Call"), &json!("Users")));
    assert_eq!(all(&made["participants"], "entityType"), ["Users", "Contacts"]);
    assert_eq!((&made["leads"][0]["id"], &made["lead"]["id"]), (&lead["id"], &lead["id"]));
    assert_eq!(api.get_one("Lead", &lead["id"]).await["activitiesCount"], json!({"0": 0, "1": 1, "2": 0, "-1": 0}));
    let upside_down = json!({"startTime": "2024-03-02T00:00:00Z", "endTime": "2024-03-01T00:00:00Z"});
    api.refused("newActivity", json!({"activity": upside_down}), 400, "before it begins").await;
    api.refused("newActivity", json!({"activity": {"startTime": "2024-03-02T00:00:00"}}), -32602, "zone").await;
    api.refused("newActivity", json!({"activity": {"activityTypeId": 99}}), 400, "activityType").await;
    let past = api.new_one("Activity", json!({"name": "missed", "startTime": "2024-03-01T15:00:00+0000"})).await;
    assert_eq!(past["status"], -1);
    let logged = api.edit("Activity", &past, json!({"status": 1, "logNote": "done"})).await;
    assert_eq!((&logged["status"], &logged["logNote"]["note"]), (&json!(1), &json!("done")));
    let query = json!({"query": {"leadId": lead["id"], "status": 1}});
    assert_eq!(all(&api.rpc("findActivities", query).await, "id"), [&made["id"]]);
    let query = json!({"query": {"contactId": [contact["id"]]}, "stubResponses": false});
    assert_eq!(api.rpc("findActivities", query).await[0]["location"], "here");
    assert_eq!(api.rpc("deleteActivity", json!([made["id"], made["rev"]])).await, json!(true));
}

#[tokio::test]
async fn rest_logs_history() {
    let api = start().await;
    let (contact, lead) = (api.new_one("Contact", json!({"name": "J"})).await, api.new_one("Lead", json!({})).await);
    let participants = json!([format!("{}-contacts", contact["id"]), "2-users", format!("{}-leads", lead["id"])]);
    let body = json!({"activities": [{"name": "Call", "description": "agenda", "note": "what happened",
        "activityType": "2-activityTypes", "startTime": 1_709_305_200, "endTime": 1_709_307_000, "isLogged": true,
        "isAllDay": false, "links": {"participants": participants}}]});
    let (status, made) = api.rest("POST", "/activities", Some(body)).await;
    let made = &made["activities"][0];
    assert_eq!((status, &made["isLogged"], &made["isOverdue"]), (201, &json!(true), &json!(false)));
    assert_eq!((&made["startTime"], &made["agenda"]), (&json!(1_709_305_200), &json!("agenda")));
    assert_eq!(made["loggedTime"], 1_767_225_600);
    let id: i64 = made["id"].as_str().unwrap().trim_end_matches("-activities").parse().unwrap();
    let read = api.get_one("Activity", &json!(id)).await;
    assert_eq!((&read["leads"][0]["id"], &read["logNote"]["note"]), (&lead["id"], &json!("what happened")));
    api.wait(5);
    for path in [
        "filter[participant][]=2-users",
        "filter[status][]=logged",
        "filter[dateMin]=2024-03-01T00:00:00Z&filter[dateMax]=2024-03-02T00:00:00Z",
        "filter[activityType]=2-activityTypes",
        "filter[status][]=scheduled&filter[status][]=logged",
    ] {
        assert_eq!(api.get(&format!("/activities?{path}")).await["activities"].as_array().unwrap().len(), 1, "{path}");
    }
    assert_eq!(api.get("/activities?filter[status][]=cancelled").await["activities"], json!([]));
    assert_eq!(api.rest("DELETE", "/activities/1-activities", None).await, (405, json!("Internal Error")));
}

#[tokio::test]
async fn notes_are_their_authors_for_a_day() {
    let api = start().await;
    let account = api.new_one("Account", json!({"name": "Acme"})).await;
    let entity = json!({"entityType": "Accounts", "id": account["id"]});
    let anna = api.with("anna.snelling@maven.example", &api.key);
    let note = anna.rpc("newNote", json!({"entity": entity, "note": "Line one\nLine two"})).await;
    assert_eq!((&note["noteHtml"], &note["account"]["id"]), (&json!("<p>Line one<br />Line two</p>"), &account["id"]));
    assert_eq!((&note["user"]["name"], &note["date"]), (&json!("Anna Snelling"), &json!("2026-01-01T00:00:00+0000")));
    let object = json!({"entityType": "Notes", "note": r"\@[x] and @[Contacts:12]"});
    let second = anna.rpc("newNote", json!({"entity": entity, "note": object})).await;
    assert_eq!(
        (&second["note"], &second["mentions"]),
        (&json!("@[x] and @[Contacts:12]"), &json!([{"entityType": "Contacts", "id": 12}]))
    );
    api.refused("newNote", json!({"entity": entity, "note": {"body": "b"}}), -32602, "text").await;
    api.refused("newNote", json!({"entity": {"entityType": "Activities", "id": 1}, "note": "b"}), 400, "notes").await;
    api.refused("newNote", json!({"entity": {"entityType": "Leads", "id": 1}, "note": "b"}), 400, "lead").await;
    let edit = |rev: &Value| json!([note["id"], rev, {"entityType": "Notes", "note": "changed"}]);
    api.refused("editNote", edit(&note["rev"]), 403, "author").await;
    let edited = anna.rpc("editNote", edit(&note["rev"])).await;
    assert_eq!(edited["note"], "changed");
    anna.wait(86_401);
    anna.refused("editNote", edit(&edited["rev"]), 403, "24 hours").await;
    assert_eq!(api.get_one("Account", &account["id"]).await["notes"].as_array().unwrap().len(), 2);
    let (status, made) =
        api.rest("POST", "/notes", Some(json!({"data": {"body": "t", "links": {"parent": "1-accounts"}}}))).await;
    assert_eq!(
        (status, &made["notes"][0]["parentType"], &made["notes"][0]["isEditable"]),
        (201, &json!("accounts"), &json!(true))
    );
    let (status, _) = api.rest("DELETE", &format!("/notes/{}-notes,{}-notes", note["id"], second["id"]), None).await;
    assert_eq!(status, 200);
    assert_eq!(api.get_one("Account", &account["id"]).await["notes"].as_array().unwrap().len(), 1);
    let (status, _) = api.rest("POST", &format!("/notes/{}-notes/undelete", note["id"]), None).await;
    assert_eq!((status, api.get_one("Note", &note["id"]).await["deletedTime"].is_null()), (200, true));
}

#[tokio::test]
async fn tasks_need_a_title_and_are_never_done() {
    let api = start().await;
    let lead = api.new_one("Lead", json!({})).await;
    let given = json!({"title": "Send contract", "entity": {"entityType": "Leads", "id": lead["id"]},
        "dueTime": "2026-12-01T17:00:00+0000", "assignee": {"entityType": "Users", "id": 2}});
    let made = api.new_one("Task", given).await;
    assert_eq!((&made["entity"]["id"], &made["assignee"]["name"]), (&lead["id"], &json!("Anna Snelling")));
    let edited = api.edit("Task", &made, json!({"status": 1, "completedTime": "2026-01-01T00:00:00Z"})).await;
    assert_eq!(edited["completedTime"], Value::Null);
    api.refused("newTask", json!({"task": {"description": "x"}}), 400, "title").await;
    let body = json!({"title": "Call", "dueTime": "1764608400", "links": {"relatedEntity": "1000-leads", "assignee": "1-users"}});
    let (status, task) = api.rest("POST", "/tasks", Some(body)).await;
    assert_eq!((status, &task["tasks"][0]["dueTime"]), (200, &json!(1_764_608_400)));
    let operations = json!([{"op": "replace", "path": "/tasks/0/links/assignee", "value": "2-users"}]);
    assert_eq!(api.rest("PATCH", "/tasks/2-tasks", Some(operations)).await.0, 204);
    let found = api.rpc("findTasks", json!({"query": {"assignee": [{"entityType": "Users", "id": 2}]}})).await;
    assert_eq!(all(&found, "name"), ["Call", "Send contract"]);
    assert_eq!(api.rpc("deleteTask", json!([made["id"], edited["rev"]])).await, json!(true));
    assert_eq!(api.rest("DELETE", "/tasks/2-tasks", None).await.0, 200);
    assert_eq!(api.rpc("findTasks", json!({})).await, json!([]));
}

#[tokio::test]
async fn a_timeline_has_activities_notes_and_mails() {
    let api = start().await;
    let contact = api.new_one("Contact", json!({"name": "J", "email": ["Joan@x.example"]})).await;
    let entity = json!({"entityType": "Contacts", "id": contact["id"]});
    api.rpc("newNote", json!({"entity": entity, "note": "n"})).await;
    api.new_one("Activity", json!({"name": "a", "startTime": "2020-01-01T00:00:00Z", "participants": [entity]})).await;
    let mail = "From: A <a@b.example>\r\nTo: joan@x.example\r\nSubject: Hi\r\nDate: Mon, 01 Mar 2021 10:00:00 +0000\r\n\r\nbody";
    let mail = api.rpc("newEmail", json!({"emailString": mail})).await;
    assert_eq!((&mail["subject"], &mail["date"]), (&json!("Hi"), &json!("2021-03-01T10:00:00+0000")));
    let found = api.rpc("findTimeline", json!({"query": entity})).await;
    assert_eq!(all(&found, "entityType"), [&json!("Activities"), &json!("Emails"), &Value::Null]);
    let newest = api.rpc("findTimeline", json!({"query": entity, "orderDirection": "DESC", "limit": 1})).await;
    assert_eq!(newest[0]["note"], "n");
    api.refused("newEmail", json!(["no header"]), 400, "message").await;
}
