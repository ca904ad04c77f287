//! The generated full export goes through a whole migration into a simulator that loses answers. What becomes of its records is
//! in a table that the generator's own expectations fill, and never a report.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use crmkit_core::{
    MemoryLedger, Migration, Plan, Severity,
    simulator::JumpingClock,
    testing::generate::{AllegoryExport, Expected, LinkRule, Treatment},
};
use crmkit_nutshell::{Nutshell, NutshellConfig, simulator::NutshellSimulator};
use crmkit_sources::allegory::ExportFolder;
use serde_json::{Value as Json, json};

/// The export's users are members from this id on.
const FIRST_MEMBER: usize = 100;
/// What the plan moves.
const OBJECTS: [&str; 9] = ["companies", "contacts", "deals", "leads", "tasks", "calls", "emails", "meetings", "notes"];

fn export() -> AllegoryExport {
    AllegoryExport::full(7)
        .users(10)
        .companies(30)
        .contacts(50)
        .deals(40)
        .leads(30)
        .tasks(20)
        .calls(40)
        .emails(30)
        .meetings(24)
        .notes(60)
        .mess(0.15)
}

/// What a person knows of the plan and of Nutshell: parents of companies and contacts of companies cannot be written, notes hang on
/// companies, people and leads only, files stay in the manifest.
fn treatment() -> Treatment {
    let mut treatment = Treatment::engine().link("companies", "parent_id", LinkRule::Dropped).link(
        "companies",
        "primary_contact_id",
        LinkRule::Dropped,
    );
    for parent in ["task_id", "call_id", "email_id", "meeting_id", "hearing_id"] {
        treatment = treatment.link("notes", parent, LinkRule::Dropped);
    }
    treatment
        .without("attachments")
        .link("leads", "contact_id", LinkRule::Dropped)
        .link("leads", "converted_deal_id", LinkRule::Dropped)
        .link("tasks", "company_id", LinkRule::Dropped)
        .link("tasks", "deal_id", LinkRule::Dropped)
        .unmapped("leads", "value")
        .unmapped("companies", "employee_count")
        .unmapped("companies", "annual_revenue")
        .unmapped("meetings", "end_at")
}

/// A line per object: how many arrive, and how many wait, by their first reason.
fn table(expected: &Expected) -> String {
    let fates = expected.fates(&treatment());
    let mut table = String::new();
    for object in OBJECTS {
        let tally = fates.counts(object);
        let held: Vec<String> = tally.held.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
        writeln!(table, "{object}: {} created; held: {}", tally.arrives, held.join(", ")).unwrap();
    }
    table
}

struct Flow {
    expected: Expected,
    simulator: NutshellSimulator,
    migration: Migration,
    plan: Plan,
    _folder: tempfile::TempDir,
}

impl Flow {
    /// The export, and an instance in which people made what no interface makes.
    async fn start(drop_every: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = folder.path().join("export");
        let expected = export().write(&files).unwrap();
        let clock = JumpingClock::new();
        let simulator =
            NutshellSimulator::builder().jumping_clock(&clock).drop_every(drop_every).start().await.unwrap();
        for (place, user) in expected.destination_users.iter().enumerate() {
            let mut member = simulator.rows("users").remove(0);
            member["id"] = json!(FIRST_MEMBER + place);
            member["name"] = json!(user.name);
            member["emails"] = json!([user.email]);
            simulator.put("users", member).unwrap();
        }
        let mut third = simulator.rows("stagesets").remove(0);
        (third["id"], third["name"], third["default"]) = (json!(3), json!("Litigation"), json!(false));
        simulator.put("stagesets", third).unwrap();
        let stages = [
            (1, "Qualified"),
            (1, "Proposal"),
            (2, "Qualified"),
            (2, "Proposal"),
            (3, "Intake"),
            (3, "Proposal"),
            (3, "Discovery"),
        ];
        for (place, (stageset, name)) in stages.into_iter().enumerate() {
            let mut row = simulator.rows("stages").pop().unwrap();
            (row["id"], row["name"], row["stagesetId"]) = (json!(200 + place), json!(name), json!(stageset));
            row["position"] = json!(10 + place);
            simulator.put("stages", row).unwrap();
        }
        let mut market = simulator.rows("markets").pop().unwrap();
        (market["id"], market["name"], market["currency"]) = (json!(9), json!("Sweden"), json!("SEK"));
        market["isDefault"] = json!(false);
        simulator.put("markets", market).unwrap();
        let mut config = NutshellConfig::at(simulator.url(), simulator.username(), simulator.key());
        config.unlimited = true;
        let clock = Arc::new(clock);
        let migration = Migration::builder("generated")
            .source(Arc::new(ExportFolder::open(&files).unwrap()))
            .destination(Arc::new(Nutshell::builder(config, clock.clone()).build().unwrap()))
            .ledger(Arc::new(MemoryLedger::new(clock.clone())))
            .clock(clock)
            .build()
            .unwrap();
        let plan = Plan::from_toml(include_str!("plan.toml"), "plan.toml").unwrap_or_else(|wrong| panic!("{wrong:#?}"));
        Self { expected, simulator, migration, plan, _folder: folder }
    }

    fn live(&self, table: &str) -> Vec<Json> {
        let gone = |row: &Json| row.get("deletedTime").is_some_and(|time| !time.is_null());
        self.simulator.rows(table).into_iter().filter(|row| !gone(row)).collect()
    }
}

#[test]
fn the_table_is_what_the_generator_expects() {
    let folder = tempfile::tempdir().unwrap();
    let expected = export().write(folder.path()).unwrap();
    assert_eq!(table(&expected), include_str!("table.txt"));
}

#[tokio::test]
async fn a_full_export_goes_there_and_back() {
    let flow = Flow::start(11).await;
    let problems = flow.migration.check(&flow.plan).await.unwrap();
    let blocks: Vec<_> = problems.iter().filter(|problem| problem.severity == Severity::Block).collect();
    assert!(blocks.is_empty(), "{blocks:#?}");
    let migration = &flow.migration;
    let approval = migration.approve_plan(&flow.plan, "tester").await.unwrap();
    migration.prepare(&approval).await.unwrap();
    let sample = migration.sample(&approval).await.unwrap();
    assert_eq!(sample.differing, 0, "{:#?}", sample.records);
    let approval = migration.approve_sample(&sample, "tester").await.unwrap();
    let run = migration.run(&approval).await.unwrap();
    assert!(run.finished, "{run:#?}");
    assert!(run.uncertain.adopted > 0 && run.uncertain.held == 0, "{:?}", run.uncertain);

    // What is there, counted past every interface, is what the table says.
    let fates = flow.expected.fates(&treatment());
    let mut wanted: BTreeMap<&str, u64> = BTreeMap::new();
    let mut waiting: BTreeMap<&str, u64> = BTreeMap::new();
    for object in OBJECTS {
        let table = match object {
            "companies" => "accounts",
            "contacts" => "contacts",
            "deals" | "leads" => "leads",
            "notes" => "notes",
            _ => "activities",
        };
        let tally = fates.counts(object);
        *wanted.entry(table).or_default() += tally.arrives;
        waiting.insert(object, tally.held.values().sum());
    }
    let own = |row: &Json| row["parent"]["type"] != "activities";
    let there: BTreeMap<&str, u64> = wanted
        .keys()
        .map(|table| (*table, flow.live(table).iter().filter(|row| *table != "notes" || own(row)).count() as u64))
        .collect();
    let held = |object: &str| -> u64 {
        let of = |mapping: &str| mapping.split("_on_").next() == Some(object);
        run.objects.iter().filter(|count| of(&count.mapping)).map(|count| count.held).sum()
    };
    let held: BTreeMap<&str, u64> = OBJECTS.into_iter().map(|object| (object, held(object))).collect();
    assert_eq!((there, held), (wanted, waiting), "{:#?}", run.held);
    // By their ids, each once.
    for (object, table) in [("companies", "accounts"), ("contacts", "contacts"), ("deals", "leads"), ("leads", "leads")]
    {
        let kind = if object == "leads" { "Lead" } else { "Deal" };
        let rows = flow.live(table);
        let rows = rows.iter().filter(|row| table != "leads" || row["customFields"]["Record type"] == kind);
        let mut ids: Vec<&str> = rows.map(|row| row["customFields"]["Source id"].as_str().unwrap()).collect();
        let mut arriving: Vec<&str> = fates.arriving(object).map(|record| record.key.id.as_str()).collect();
        ids.sort_unstable();
        arriving.sort_unstable();
        assert_eq!(ids, arriving, "{object}");
    }
    let reconciliation = migration.reconcile().await.unwrap();
    assert_eq!(reconciliation.mismatches, []);
    let delta = migration.delta(&approval).await.unwrap();
    assert!(delta.finished && delta.conflicts.is_empty() && delta.gone.is_empty(), "{delta:#?}");
    assert!(delta.objects.iter().all(|count| count.created == 0 && count.updated == 0), "{:#?}", delta.objects);

    let preview = migration.preview_rollback().await.unwrap();
    assert_eq!(preview.kept, []);
    let approval = migration.approve_rollback(&preview, "tester").await.unwrap();
    let back = migration.rollback(&approval).await.unwrap();
    assert!(back.kept.is_empty() && !back.kept_items.is_empty(), "{back:#?}");
    for table in ["accounts", "contacts", "leads", "activities"] {
        assert_eq!(flow.live(table), Vec::<Json>::new(), "{table}");
    }
}
