//! Answers that leave open what happened, on creates of every object: in the end, each record is there exactly once.

use crmkit_core::{
    MatchPolicy, MatchRule, Overwrite, Value,
    simulator::{Effect, Fault},
};
use serde_json::json;

use crate::world::{World, source};

fn status(status: u16) -> Effect {
    Effect::Status { status, body: None, headers: Vec::new() }
}

fn html(status: u16) -> Effect {
    Effect::Html { status, body: None }
}

/// What may hide a create that was applied, or one that was not, and whether it was.
fn ambiguous() -> Vec<(Effect, bool)> {
    let hollow = Effect::answer(201, json!({"success": true, "data": {}}));
    let redirect = Effect::Status { status: 307, body: None, headers: vec![("location".into(), "/elsewhere".into())] };
    let open =
        [status(500), html(502), status(503), html(504), status(408), html(200), redirect, hollow, Effect::Reset];
    let applied = [Effect::CloseAfterApply, Effect::TruncateBody, Effect::ResetBody, Effect::Garbage];
    open.into_iter()
        .flat_map(|effect| [(effect.clone(), false), (effect.after_apply(), true)])
        .chain(applied.map(|effect| (effect, true)))
        .chain([(Effect::CloseBeforeApply, false)])
        .collect()
}

/// A run through a fault on the first creates of each object.
async fn through(effect: &Effect, applied: bool, times: u64, page_size: usize) {
    let mut world = World::new().await;
    world.page_size = page_size;
    let migration = world.process();
    let approval = world.admitted(&migration).await;
    world.fault_creates(effect, times);
    let report = world.run(&migration, &approval).await;
    assert!(world.simulator.verify().is_empty(), "{effect:?}: {:?}", world.simulator.verify());
    let uncertain = &report.uncertain;
    assert_eq!(uncertain.held, 0, "{effect:?}");
    match applied {
        true => assert!(uncertain.adopted >= 5 && uncertain.resent == 0, "{effect:?}: {uncertain:?}"),
        false => assert!(uncertain.resent >= 1, "{effect:?}: {uncertain:?}"),
    }
    world.assert_exactly(&migration, 3).await;
}

#[tokio::test]
async fn a_lost_answer_ends_with_one_record_of_each() {
    for (effect, applied) in ambiguous() {
        through(&effect, applied, 1, 5).await;
    }
}

#[tokio::test]
async fn answers_lost_again_and_again_end_with_one_record_of_each() {
    for (effect, applied) in [(Effect::Reset, false), (Effect::ResetBody, true), (html(502).after_apply(), true)] {
        for page_size in [1, 2] {
            through(&effect, applied, 2, page_size).await;
        }
    }
}

#[tokio::test]
async fn a_timeout_ends_with_one_record_of_each() {
    for (effect, applied) in [(Effect::Hang, false), (Effect::Hang.after_apply(), true), (Effect::Stall, true)] {
        let mut world = World::new().await;
        let patient = world.process();
        let approval = world.admitted(&patient).await;
        world.config = |config| (config.unlimited, config.timeout_seconds) = (true, 1);
        world.fault_creates(&effect, 1);
        // On a busy machine other requests may time out, too; the end is the same.
        let report = world.run(&world.process(), &approval).await;
        assert!(world.simulator.verify().is_empty(), "{effect:?}: {:?}", world.simulator.verify());
        assert!(report.uncertain.held == 0 && (!applied || report.uncertain.adopted >= 5), "{effect:?}: {report:#?}");
        world.assert_exactly(&patient, 3).await;
    }
}

#[tokio::test]
async fn a_lost_answer_to_a_schema_item_ends_with_one_of_each() {
    const PATHS: [&str; 5] = [
        "/api/v2/pipelines",
        "/api/v2/stages",
        "/api/v2/organizationFields",
        "/api/v2/personFields",
        "/api/v2/dealFields",
    ];
    for (effect, applied) in ambiguous() {
        let world = World::new().await;
        let migration = world.process();
        let approval = migration.approve_plan(&world.plan, "ann").await.unwrap();
        for path in PATHS {
            world.simulator.fault(Fault::on("POST", path, effect.clone()));
        }
        let preparation = migration.prepare(&approval).await.unwrap_or_else(|error| panic!("{effect:?}: {error}"));
        assert!(world.simulator.verify().is_empty(), "{effect:?}: {:?}", world.simulator.verify());
        let expected = if applied { (5, 0) } else { (0, 5) };
        let uncertain = preparation.uncertain;
        assert_eq!((uncertain.adopted, uncertain.resent), expected, "{effect:?}");
        let named =
            |table: &str, key: &str, name: &str| world.live(table).iter().filter(|row| row[key] == name).count();
        assert_eq!(named("pipelines", "name", "Sales"), 1, "{effect:?}");
        assert_eq!((named("stages", "name", "Open"), named("stages", "name", "Won")), (1, 1), "{effect:?}");
        for table in ["organizationFields", "personFields", "dealFields"] {
            assert_eq!(named(table, "field_name", "crmkit_id"), 1, "{effect:?}: {table}");
        }
    }
}

/// Two notes of one text at one time on one company are two notes, whichever answer is lost.
#[tokio::test]
async fn equal_witnesses_are_counted() {
    let faults = [
        (Effect::CloseBeforeApply, 1),
        (Effect::CloseAfterApply, 1),
        (Effect::CloseBeforeApply, 2),
        (Effect::CloseAfterApply, 2),
    ];
    for (effect, times) in faults {
        for nth in [1, 2] {
            for page_size in [1, 5] {
                let mut world = World::new().await;
                world.page_size = page_size;
                let twins = source(2, |_| "Secret twin".to_owned());
                // Both hang on the same company.
                let note = |id: &str| {
                    crmkit_core::Record::new(crmkit_core::RecordRef::new("notes", id))
                        .with("owner", Value::link(crmkit_core::RecordRef::new("users", "ann")))
                        .with(
                            "body",
                            Value::Rich(std::sync::Arc::new(crmkit_core::RichText {
                                markup: crmkit_core::Markup::Html,
                                text: "Secret twin".into(),
                            })),
                        )
                        .with("at", Value::Timestamp("2019-05-06T07:08:09Z".parse().unwrap()))
                        .with("company", crate::world::company_ref(0))
                };
                twins.set("notes", [note("n0"), note("n1")]);
                world.source = std::sync::Arc::new(twins);
                let migration = world.process();
                let approval = world.admitted(&migration).await;
                world.simulator.fault(Fault::on("POST", "/api/v1/notes", effect.clone()).nth(nth).times(times));
                let report = migration.run(&approval).await.unwrap();
                let cell = format!("{effect:?} x {times} from {nth}, pages of {page_size}");
                assert!(report.finished && report.held.is_empty(), "{cell}: {report:#?}");
                assert_eq!(world.live("notes").len(), 2, "{cell}");
                let reconciliation = migration.reconcile().await.unwrap();
                assert!(reconciliation.clean, "{cell}: {reconciliation:#?}");
                world.take_back(&migration).await;
                assert!(world.live("notes").is_empty(), "{cell}");
            }
        }
    }
}

/// An organization that was there is changed, the answer is lost: rollback knows what it was before.
#[tokio::test]
async fn a_lost_answer_to_a_change_is_ours_all_the_same() {
    for effect in [Effect::CloseAfterApply, html(502).after_apply(), Effect::Garbage, Effect::Reset, status(503)] {
        let mut world = World::new().await;
        world.simulator.put("organizations", json!({
            "id": 77, "name": "Secret company 1", "owner_id": 5, "is_deleted": false, "custom_fields": {}, "label_ids": [],
            "add_time": "2020-01-01T00:00:00Z", "update_time": "2020-01-01T00:00:00Z",
        })).unwrap();
        world.plan.mappings[0].matching = Some(MatchRule { by: "name".into(), found: MatchPolicy::Update });
        world.plan.mappings[0].fields[1].overwrite = Overwrite::Always;
        let migration = world.process();
        let approval = world.admitted(&migration).await;
        let owner = || world.live("organizations").into_iter().find(|row| row["id"] == 77).unwrap()["owner_id"].clone();
        assert_eq!(owner(), 5);
        world.simulator.fault(Fault::on("PATCH", "/api/v2/organizations/{}", effect.clone()));
        let report = world.run(&migration, &approval).await;
        assert!(world.simulator.verify().is_empty(), "{effect:?}: {:?}", world.simulator.verify());
        assert_eq!((report.objects[0].created, report.objects[0].updated), (2, 1), "{effect:?}: {report:#?}");
        assert_eq!(owner(), 2, "{effect:?}");
        world.assert_exactly(&migration, 3).await;
        // The answer to what restores it is lost, too.
        world.simulator.fault(Fault::on("PATCH", "/api/v2/organizations/{}", effect.clone()));
        world.take_back(&migration).await;
        assert!(world.simulator.verify().is_empty(), "{effect:?}: {:?}", world.simulator.verify());
        assert_eq!(owner(), 5, "{effect:?}: as it was");
        assert_eq!(world.live("organizations").len(), 1, "{effect:?}");
    }
}
