//! The same account into Twenty and into Nutshell, from the proposal alone: the same table holds.

use std::{collections::BTreeMap, sync::Arc};

use crmkit_core::{AuditOptions, MemoryLedger, Migration, Severity, SharedDestination, simulator::JumpingClock};
use crmkit_nutshell::{Nutshell, NutshellConfig, simulator::NutshellSimulator};
use crmkit_sources::apsis_one::{ApsisOne, ApsisOneConfig, simulator::ApsisOneSimulator};
use crmkit_twenty::{Twenty, TwentyConfig, simulator::TwentySimulator};
use serde_json::json;

use crate::{
    held,
    world::{account, expected, settings},
};

/// Moves the account, and gives the mapping that each of the table's objects has.
async fn moved(destination: SharedDestination, clock: &JumpingClock) -> BTreeMap<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let apsis = ApsisOneSimulator::builder().jumping_clock(clock).seed(account()).start().await.unwrap();
    let mut source = settings();
    source["base_url"] = apsis.url().into();
    source["client_id"] = apsis.client_id().into();
    source["client_secret"] = apsis.client_secret().into();
    let source: ApsisOneConfig = serde_json::from_value(source).unwrap();
    let clock = Arc::new(clock.clone());
    let migration = Migration::builder("nordlys")
        .source(Arc::new(ApsisOne::builder(source, clock.clone()).build().unwrap()))
        .destination(destination)
        .ledger(Arc::new(MemoryLedger::new(clock.clone())))
        .clock(clock)
        .spool(folder.path().join("spool"))
        .build()
        .unwrap();
    let audit = migration.audit(&AuditOptions::default()).await.unwrap();
    let mut plan = migration.propose(&audit);
    plan.stop_when = 0.6;
    for question in plan.questions.clone() {
        let answer = match question.id.as_str() {
            "left_behind" => "leave them behind".to_owned(),
            _ => question.choices.first().cloned().unwrap_or_else(|| panic!("nobody expects {question:?}")),
        };
        plan.answer(&question.id, &answer).unwrap();
    }
    // Nutshell says that its custom fields cannot be removed again.
    plan.accept.push("fields_stay".to_owned());
    let review = migration.review(&plan, &audit);
    let blocks: Vec<_> = review.problems.iter().filter(|problem| problem.severity == Severity::Block).collect();
    assert!(!review.blocked(), "{blocks:#?}");
    let approval = migration.approve_plan(&plan, "tester").await.unwrap();
    migration.prepare(&approval).await.unwrap();
    let sample = migration.sample(&approval).await.unwrap();
    assert_eq!(sample.differing, 0, "{:#?}", sample.records);
    let approval = migration.approve_sample(&sample, "tester").await.unwrap();
    let report = migration.run(&approval).await.unwrap();
    assert!(report.finished, "{:#?} {:#?}", report.waits_for, report.held);
    let reconciliation = migration.reconcile().await.unwrap();
    assert_eq!(reconciliation.mismatches, []);
    let mut places = BTreeMap::new();
    for (mapping, fate) in expected() {
        if let Some(planned) = plan.mappings.iter().find(|known| known.id == mapping.as_str()) {
            assert_eq!(held(&report, &mapping), fate.held, "{mapping}: {:#?}", report.held);
            places.insert(mapping, planned.to.to_string());
        }
    }
    for wanted in ["organizations", "profiles", "deals", "notes"] {
        assert!(places.contains_key(wanted), "{wanted} moves: {places:?}");
    }
    places
}

/// What the table says is there, table by table, and nothing else. What is tied to persons by records of their own arrives before the
/// person does: only its tie waits.
fn check(places: &BTreeMap<String, String>, tied: &[&str], rows: impl Fn(&str) -> usize) {
    let mut wanted: BTreeMap<&str, u64> = BTreeMap::new();
    for (mapping, place) in places {
        let fate = &expected()[mapping];
        let early = if tied.contains(&mapping.as_str()) { fate.held["link_to_held"] } else { 0 };
        *wanted.entry(place).or_default() += fate.created + early;
    }
    let found: BTreeMap<&str, u64> = wanted.keys().map(|place| (*place, rows(place) as u64)).collect();
    assert_eq!(found, wanted);
    assert!(wanted.values().all(|count| *count > 0));
}

#[tokio::test]
async fn the_account_moves_to_twenty() {
    let clock = JumpingClock::starting_at("2026-01-20T12:00:00Z".parse().unwrap());
    let twenty = TwentySimulator::builder().jumping_clock(&clock).drop_every(11).start().await.unwrap();
    let count = |table: &str| {
        let table = match table {
            "company" => "companies",
            "person" => "people",
            "opportunity" => "opportunities",
            "note" => "notes",
            "task" => "tasks",
            other => panic!("{other}"),
        };
        twenty.rows(table).into_iter().filter(|row| row["deletedAt"].is_null()).count()
    };
    let before: BTreeMap<&str, usize> =
        ["company", "person", "opportunity", "note", "task"].map(|name| (name, count(name))).into();
    let config = TwentyConfig::at(twenty.url(), twenty.token());
    let destination = Arc::new(Twenty::builder(config, Arc::new(clock.clone())).build().unwrap());
    let places = moved(destination, &clock).await;
    check(&places, &["notes", "events"], |place| count(place) - before[place]);
}

#[tokio::test]
async fn the_account_moves_to_nutshell() {
    let clock = JumpingClock::starting_at("2026-01-20T12:00:00Z".parse().unwrap());
    let nutshell = NutshellSimulator::builder().jumping_clock(&clock).drop_every(11).start().await.unwrap();
    // No interface makes stages and markets: people did.
    for (position, stage) in ["Offer", "Negotiation"].into_iter().enumerate() {
        let mut row = nutshell.rows("stages").pop().unwrap();
        for (name, value) in [
            ("id", json!(210 + position)),
            ("name", json!(stage)),
            ("position", json!(10 + position)),
            ("stagesetId", json!(1)),
        ] {
            row[name] = value;
        }
        nutshell.put("stages", row).unwrap();
    }
    let mut market = nutshell.rows("markets").pop().unwrap();
    for (name, value) in
        [("id", json!(9)), ("name", json!("Norway")), ("currency", json!("NOK")), ("isDefault", json!(false))]
    {
        market[name] = value;
    }
    nutshell.put("markets", market).unwrap();
    let config = NutshellConfig::at(nutshell.url(), nutshell.username(), nutshell.key());
    let destination = Arc::new(Nutshell::builder(config, Arc::new(clock.clone())).build().unwrap());
    let count = |place: &str| {
        let table = match place {
            "account" => "accounts",
            "contact" => "contacts",
            "lead" => "leads",
            "note" => "notes",
            "activity" => "activities",
            "task" => "tasks",
            other => panic!("{other}"),
        };
        nutshell.rows(table).into_iter().filter(|row| row["deletedTime"].is_null()).count()
    };
    let places = moved(destination, &clock).await;
    check(&places, &[], count);
}
