//! A messy generated export goes through a whole migration into a Nutshell simulator that loses answers. What arrives is
//! compared with what the generator says, read past the interface.

#[path = "../generated/fate.rs"]
#[allow(dead_code, reason = "parents and twins are told of Pipedrive only")]
mod fate;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use crmkit_core::{
    AuditOptions, MemoryLedger, Migration, Value as V,
    simulator::JumpingClock,
    testing::generate::{AllegoryExport, Expected, ExpectedRecord},
};
use crmkit_nutshell::{Nutshell, NutshellConfig, simulator::NutshellSimulator};
use crmkit_sources::allegory::ExportFolder;
use fate::Fates;
use serde_json::{Value, json};

/// The export's users are members from this id on.
const FIRST_MEMBER: usize = 100;

struct Flow {
    expected: Expected,
    simulator: NutshellSimulator,
    migration: Migration,
    _folder: tempfile::TempDir,
}

impl Flow {
    /// The export, and an instance in which people made what no interface makes: members, pipelines, stages, markets.
    async fn start(seed: u64, mess: f64, drop_every: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let files = folder.path().join("export");
        let export = AllegoryExport::new(seed).users(12).companies(60).contacts(120).deals(80).notes(80).tasks(10);
        let expected = export.mess(mess).write(&files).expect("the export is written");
        let clock = JumpingClock::new();
        let simulator =
            NutshellSimulator::builder().jumping_clock(&clock).drop_every(drop_every).start().await.expect("it starts");
        for (place, user) in expected.destination_users.iter().enumerate() {
            let mut member = simulator.rows("users").remove(0);
            member["id"] = json!(FIRST_MEMBER + place);
            member["name"] = json!(user.name);
            member["emails"] = json!([user.email]);
            simulator.put("users", member).expect("a member");
        }
        for (pipeline, stageset) in [("Sales", 1), ("Renewals", 2)] {
            assert!(simulator.rows("stagesets").iter().any(|row| row["id"] == stageset && row["name"] == pipeline));
            for (position, stage) in ["Qualified", "Proposal"].into_iter().enumerate() {
                let mut row = simulator.rows("stages").pop().expect("a fresh instance has stages");
                let fields = row.as_object_mut().expect("a row");
                fields.insert("id".to_owned(), json!(200 + 10 * stageset + position));
                fields.insert("name".to_owned(), json!(stage));
                fields.insert("position".to_owned(), json!(10 + position));
                fields.insert("stagesetId".to_owned(), json!(stageset));
                simulator.put("stages", row).expect("a stage");
            }
        }
        let mut market = simulator.rows("markets").pop().expect("a fresh instance has markets");
        market["id"] = json!(9);
        market["name"] = json!("Sweden");
        market["currency"] = json!("SEK");
        market["isDefault"] = json!(false);
        simulator.put("markets", market).expect("a market");
        let mut config = NutshellConfig::at(simulator.url(), simulator.username(), simulator.key());
        config.unlimited = true;
        let clock = Arc::new(clock);
        let migration = Migration::builder("generated")
            .source(Arc::new(ExportFolder::open(&files).expect("the export opens")))
            .destination(Arc::new(Nutshell::builder(config, clock.clone()).build().expect("the connector builds")))
            .ledger(Arc::new(MemoryLedger::new(clock.clone())))
            .clock(clock)
            .build()
            .expect("complete");
        Self { expected, simulator, migration, _folder: folder }
    }

    /// The rows of a table that are not in the trash.
    fn live(&self, table: &str) -> Vec<Value> {
        let gone = |row: &Value| row.get("deletedTime").is_some_and(|time| !time.is_null());
        self.simulator.rows(table).into_iter().filter(|row| !gone(row)).collect()
    }
}

#[tokio::test]
async fn what_arrives_is_what_the_generator_says() {
    there_and_back(7, 0.1, 23).await;
}

#[tokio::test]
async fn more_mess_and_more_lost_answers_change_nothing() {
    there_and_back(8, 0.3, 7).await;
}

async fn there_and_back(seed: u64, mess: f64, drop_every: u64) {
    let flow = Flow::start(seed, mess, drop_every).await;
    let fates = Fates::of(&flow.expected);
    let audit = flow.migration.audit(&AuditOptions::default()).await.expect("audited");
    let mut plan = flow.migration.propose(&audit);
    for question in plan.questions.clone() {
        let answer = match question.id.as_str() {
            "owners.fallback" | "owners.unowned" => "hold",
            "left_behind" => "leave them behind",
            id if id.starts_with("merge.") => "no",
            other => panic!("nobody expects the question {other}: {}", question.text),
        };
        plan.answer(&question.id, answer).expect("an answer");
    }
    plan.stop_when = 1.0;
    let review = flow.migration.review(&plan, &audit);
    let blocks: Vec<&str> = review
        .problems
        .iter()
        .filter(|problem| problem.severity == crmkit_core::Severity::Block)
        .map(|problem| problem.code.as_str())
        .collect();
    assert_eq!(blocks, ["fields_stay"], "{:#?}", review.problems);
    plan.accept.push("fields_stay".to_owned());
    let review = flow.migration.review(&plan, &audit);
    assert!(!review.blocked(), "{:#?}", review.problems);

    let approval = flow.migration.approve_plan(&plan, "tester").await.expect("approved");
    flow.migration.prepare(&approval).await.expect("prepared");
    let sample = flow.migration.sample(&approval).await.expect("sampled");
    assert_eq!(sample.differing, 0, "{:#?}", sample.records);
    assert!(
        sample.rolled_back && sample.compared > 0,
        "{:#?}",
        (&sample.held, sample.compared, flow.migration.preview_rollback().await)
    );
    let approval = flow.migration.approve_sample(&sample, "tester").await.expect("approved");
    let report = flow.migration.run(&approval).await.expect("run");
    assert!(report.finished, "{report:#?}");
    assert!(report.uncertain.adopted > 0 && report.uncertain.held == 0, "{:?}", report.uncertain);
    check(&flow, &fates);

    let reconciliation = flow.migration.reconcile().await.expect("reconciled");
    assert_eq!(reconciliation.mismatches, []);
    for object in &reconciliation.objects {
        assert_eq!((object.verified, object.mismatched, object.missing), (object.count.written, 0, 0), "{object:?}");
    }

    let preview = flow.migration.preview_rollback().await.expect("previewed");
    assert_eq!(preview.kept, []);
    let approval = flow.migration.approve_rollback(&preview, "tester").await.expect("approved");
    let back = flow.migration.rollback(&approval).await.expect("rolled back");
    assert_eq!(back.kept, []);
    for table in ["accounts", "contacts", "leads", "notes"] {
        assert_eq!(flow.live(table), Vec::<Value>::new(), "{table}");
    }
    assert!(!back.kept_items.is_empty(), "fields stay, and that is said");
}

/// Exactly the records that arrive are there, each with what the generator says of it.
fn check(flow: &Flow, fates: &Fates<'_>) {
    let mut ids: HashMap<(&str, String), Value> = HashMap::new();
    let tables = [("companies", "accounts"), ("contacts", "contacts"), ("deals", "leads")];
    let rows = |table: &str| -> HashMap<String, Value> {
        let rows = flow
            .live(table)
            .into_iter()
            .map(|row| (custom(&row, "Source id").as_str().expect("an id").to_owned(), row));
        let found: Vec<_> = rows.collect();
        let count = found.len();
        let by_id: HashMap<_, _> = found.into_iter().collect();
        assert_eq!(by_id.len(), count, "{table} has a record twice");
        by_id
    };
    for (object, table) in tables {
        for (id, row) in rows(table) {
            ids.insert((object, id), row["id"].clone());
        }
    }
    let id_of = |record: &ExpectedRecord, link: &str| {
        let (_, to) = record.links.iter().find(|(name, _)| name == link)?;
        Some(
            ids[&(["companies", "contacts", "deals"].into_iter().find(|name| to.object == *name)?, to.id.to_string())]
                .clone(),
        )
    };
    let members: HashMap<&str, usize> = flow
        .expected
        .destination_users
        .iter()
        .enumerate()
        .map(|(place, user)| (user.email.as_str(), FIRST_MEMBER + place))
        .collect();
    for (object, table) in tables {
        let mut found = rows(table);
        for record in fates.arriving(object) {
            let row = found.remove(record.key.id.as_str()).unwrap_or_else(|| panic!("{} did not arrive", record.key));
            let owner = members[record.owner.as_deref().expect("what arrives has an owner")];
            let text = row.to_string();
            let name = text_of(record, "name").expect("a name");
            assert!(text.contains(&json!(name).to_string()) || object == "contacts", "{name}: {row}");
            let owned_by = if object == "deals" { &row["assignee"] } else { &row["owner"] };
            assert_eq!(*owned_by, json!({"id": owner, "type": "users"}), "{}", record.key);
            if object == "contacts" {
                for value in
                    record.fields.iter().filter(|(name, _)| name == "emails").flat_map(|(_, value)| listed(value))
                {
                    assert!(text.contains(&value.to_lowercase()), "{value}: {row}");
                }
            }
            if let Some(V::Money(money)) = field(record, "amount") {
                assert!(text.contains(&money.amount.normalize().to_string()), "{money:?}: {row}");
            }
            if object == "deals" {
                let Some(V::Option(stage)) = field(record, "stage_id") else { panic!("every deal has a stage") };
                let number: usize = stage.trim_start_matches('s').parse().expect("s1 to s8");
                let (position, status) = [(0, 0), (1, 0), (1, 10), (1, 11)][(number - 1) % 4];
                let stage = 200 + 10 * ((number - 1) / 4 + 1) + position;
                assert_eq!(row["milestone"], stage, "{row}");
                assert_eq!(row["status"], status, "{row}");
            }
        }
        assert!(found.is_empty(), "{table} that should not be there: {:?}", found.keys());
    }
    notes(flow, fates, id_of);
}

/// Notes carry no id: they are told by their text and what they are about, and counted.
fn notes(flow: &Flow, fates: &Fates<'_>, id_of: impl Fn(&ExpectedRecord, &str) -> Option<Value>) {
    let mut counted: BTreeMap<String, i64> = BTreeMap::new();
    for note in fates.arriving("notes") {
        let parents = [("deal_id", "leads"), ("contact_id", "contacts"), ("company_id", "accounts")];
        let parent = parents.into_iter().find_map(|(link, table)| Some((table, id_of(note, link)?))).expect("a parent");
        let Some(V::Timestamp(time)) = field(note, "created_at") else { panic!("a note has a time") };
        let words = match field(note, "body") {
            Some(V::Rich(rich)) => crmkit_core::visible_text(&rich.text),
            Some(V::Text(text)) => text.split_whitespace().collect::<Vec<_>>().join(" "),
            other => panic!("a note is text, not {other:?}"),
        };
        let text = format!("[{} UTC] {words}", time.format("%Y-%m-%d %H:%M:%S"));
        *counted.entry(json!([text, parent.0, parent.1]).to_string()).or_default() += 1;
    }
    assert!(counted.values().any(|count| *count > 1), "some notes are the same");
    for row in flow.live("notes") {
        let text = row["note"].as_str().or(row["body"].as_str()).expect("a text").replace("\\@[", "@[");
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let (table, id) = parent_of(&row);
        *counted.entry(json!([text, table, id]).to_string()).or_default() -= 1;
    }
    counted.retain(|_, missing| *missing != 0);
    assert_eq!(counted, BTreeMap::new(), "notes that are missing, or too many");
}

fn parent_of(row: &Value) -> (String, Value) {
    let parent = &row["parent"];
    (parent["type"].as_str().expect("a type").to_owned(), parent["id"].clone())
}

fn custom(row: &Value, name: &str) -> Value {
    row["customFields"][name].clone()
}

fn field<'a>(record: &'a ExpectedRecord, name: &str) -> Option<&'a V> {
    record.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value)
}

fn text_of(record: &ExpectedRecord, name: &str) -> Option<String> {
    field(record, name).map(ToString::to_string)
}

fn listed(value: &V) -> Vec<String> {
    match value {
        V::List(items) => items.iter().map(ToString::to_string).collect(),
        other => vec![other.to_string()],
    }
}
