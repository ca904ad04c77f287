//! Records that people change meanwhile: edits under a revision, lists that are merged, texts that are never appended twice.

use crmkit_core::{
    ConflictPolicy, DestinationWriter, ErrorKind, Operation, OperationKind, Retry, Value, WriteBatch,
    chrono::TimeDelta,
    simulator::{BodyPredicate, Effect, Fault},
};
use crmkit_nutshell::simulator::Switches;
use serde_json::{Value as Json, json};

use crate::world::{World, calls, companies, record, rich};

/// Everything that was asked for by this method.
fn asked(world: &World, method: &str) -> Vec<Json> {
    let bodies = world.simulator.requests().into_iter().filter_map(|request| request.body);
    let bodies = bodies.filter_map(|body| serde_json::from_str::<Json>(&body).ok());
    bodies.filter(|body| body["method"] == method).collect()
}

/// The run is over; the companies of the source have another name for the first.
async fn renamed(policy: ConflictPolicy) -> World {
    let mut world = World::start(Switches::default(), 0).await;
    world.plan.delta.conflict = policy;
    let approval = world.admitted().await.unwrap();
    assert!(world.migration().run(&approval).await.unwrap().finished);
    let mut companies = companies();
    companies[0].fields.insert("name".into(), Value::text("Acme Ltd"));
    world.source.set("companies", companies);
    world
}

#[tokio::test]
async fn the_plan_decides_about_what_both_sides_changed() {
    for (policy, name) in [
        (ConflictPolicy::KeepTheirs, "Their Acme"),
        (ConflictPolicy::TakeOurs, "Acme Ltd"),
        (ConflictPolicy::Hold, "Their Acme"),
    ] {
        let world = renamed(policy).await;
        let id = world.row("accounts", "name", "Acme")["id"].clone();
        let now = || world.rows("accounts").into_iter().find(|row| row["id"] == id).unwrap()["name"].clone();
        world.simulator.put("accounts", json!({"id": id, "name": "Their Acme"})).unwrap();
        let approval = world.migration().approval("sample").await.unwrap().unwrap();
        let delta = world.migration().delta(&approval).await.unwrap();
        assert!(delta.finished, "{policy:?} {delta:#?}");
        assert_eq!(delta.conflicts.len(), 1, "{policy:?}");
        assert_eq!(now(), name, "{policy:?}");
        let ignored = asked(&world, "editAccount").iter().any(|call| call["params"]["rev"] == "REV_IGNORE");
        assert!(!ignored, "{policy:?}");
    }
}

#[tokio::test]
async fn a_409_is_read_again_and_written_once() {
    let world = renamed(ConflictPolicy::KeepTheirs).await;
    let stale = json!({"error": {"code": 409, "message": "rev key is out-of-date", "data": null}, "id": "1"});
    let body = BodyPredicate::Equals { pointer: "/method".into(), value: "editAccount".into() };
    let conflict = Effect::Status { status: 409, body: Some(stale), headers: Vec::new() };
    world.simulator.fault(Fault::on("POST", "/api/v1/json", conflict).when(body));
    let (edits, reads) = (asked(&world, "editAccount").len(), asked(&world, "getAccount").len());
    let approval = world.migration().approval("sample").await.unwrap().unwrap();
    let delta = world.migration().delta(&approval).await.unwrap();
    assert!(delta.finished && delta.conflicts.is_empty(), "{delta:#?}");
    assert_eq!(asked(&world, "editAccount").len() - edits, 2, "refused, and then done");
    assert!(asked(&world, "getAccount").len() >= reads + 2, "read again before");
    assert_eq!(world.row("accounts", "name", "Acme Ltd")["urls"][0]["value"], "http://acme.example");
    assert_eq!(world.simulator.verify(), Vec::<String>::new());
}

#[tokio::test]
async fn an_edit_of_what_somebody_changed_applies_nothing() {
    let world = World::start(Switches::default(), 0).await;
    let write = |kind, name: &str| WriteBatch {
        object: "account".into(),
        operations: vec![Operation { kind, fields: [("name".into(), Value::text(name))].into_iter().collect() }],
        send_before: world.clock.now() + TimeDelta::seconds(60),
    };
    let made = world.crm.write(&write(OperationKind::Create, "A")).await.unwrap().remove(0).unwrap();
    let version = made.stored.unwrap().version;
    let id: i64 = made.id.as_str().parse().unwrap();
    world.simulator.put("accounts", json!({"id": id, "description": "theirs"})).unwrap();
    let update = OperationKind::Update { id: made.id, version };
    let error = world.crm.write(&write(update, "B")).await.unwrap().remove(0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(matches!(error.retry(), Retry::After(_)), "{error:?}");
    assert_eq!(world.row("accounts", "name", "A")["description"], "theirs");
    assert!(asked(&world, "editAccount").is_empty());
}

#[tokio::test]
async fn what_people_added_to_a_list_stays() {
    let world = World::start(Switches::default(), 0).await;
    let approval = world.admitted().await.unwrap();
    world.migration().run(&approval).await.unwrap();
    let call = world.row("activities", "name", "Intro");
    let account = world.row("accounts", "name", "Beta")["id"].clone();
    let mut participants = call["participants"].as_array().unwrap().clone();
    participants.push(json!({"type": "accounts", "id": account}));
    world.simulator.put("activities", json!({"id": call["id"], "participants": participants})).unwrap();
    // Only what is outside the seal may be theirs: take ours, and merge.
    let mut changed = calls();
    changed[0].fields.insert("subject".into(), Value::text("Introduction"));
    changed[0].fields.insert("owner".into(), crate::world::link("users", "anna"));
    world.source.set("calls", changed);
    let delta = world.migration().delta(&approval).await.unwrap();
    assert!(delta.finished, "{delta:#?}");
    if delta.conflicts.is_empty() {
        let call = world.row("activities", "name", "Introduction");
        assert!(
            call["participants"].as_array().unwrap().contains(&json!({"type": "accounts", "id": account})),
            "{call}"
        );
    } else {
        // The account is a field of the activity: what they set there is a conflict, and theirs is kept.
        assert_eq!(world.row("activities", "name", "Intro")["participants"], json!(participants));
    }
}

#[tokio::test]
async fn notes_and_activities_carry_their_authors_and_old_notes_are_left() {
    let world = World::start(Switches::default(), 3).await;
    let approval = world.admitted().await.unwrap();
    world.migration().run(&approval).await.unwrap();
    for note in world.rows("notes") {
        assert_eq!(world.user(&note["user"]), "Cecily Lampkin", "{note}");
    }
    assert_eq!(world.user(&world.row("activities", "name", "Intro")["loggedBy"]), "Cecily Lampkin");
    assert_eq!(world.user(&world.row("activities", "name", "Kick-off")["creator"]), "Anna Snelling");
    // The `note` of a record appends: it is in no call.
    for method in ["newAccount", "editAccount", "newContact", "editContact", "newLead", "editLead"] {
        for call in asked(&world, method) {
            let record = call["params"].as_object().unwrap().values().find(|value| value.is_object()).unwrap();
            assert!(record.get("note").is_none(), "{call}");
        }
    }
    world.clock.sleep_until(world.clock.now() + TimeDelta::days(2)).await;
    let note = record("notes", "n3", "cecily")
        .with("body", rich("changed"))
        .with("written", crate::world::moment("2019-01-02T03:04:05Z"))
        .with("deal", crate::world::link("deals", "d1"));
    world.source.set("notes", [note]);
    let delta = world.migration().delta(&approval).await.unwrap();
    let held: Vec<_> = delta.held.iter().map(|held| (held.mapping.as_str(), held.records)).collect();
    assert_eq!(held, [("notes", 1)], "{:#?}", delta.held);
    assert_eq!(world.rows("notes").len(), 3, "nothing is made a second time");
    assert!(world.rows("notes").iter().all(|note| !note["note"].as_str().unwrap().contains("changed")));
}

#[tokio::test]
async fn what_only_people_make_is_looked_for_again_before_anything_is_made() {
    let world = World::start(Switches::default(), 0).await;
    let approval = world.migration().approve_plan(&world.plan, "ann").await.unwrap();
    let gone = |table: &str, name: &str| {
        let row = world.simulator.rows(table).into_iter().find(|row| row["name"] == name).unwrap();
        world.simulator.put(table, json!({"id": row["id"], "name": "Something else"})).unwrap();
    };
    gone("stages", "Propose");
    gone("activityTypes", "Call");
    let error = world.migration().prepare(&approval).await.unwrap_err().to_string();
    assert!(error.contains("no stage \"Propose\"") && error.contains("no activity type \"Call\""), "{error}");
    assert!(asked(&world, "newTag").is_empty() && asked(&world, "newSource").is_empty());
    let posts = world.simulator.requests().into_iter().filter(|request| request.path.contains("customfield"));
    assert_eq!(posts.filter(|request| request.method == "POST").count(), 0, "fields stay for good");
}
