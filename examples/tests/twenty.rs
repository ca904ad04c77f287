//! A messy generated export goes through a whole migration into a Twenty workspace, which loses answers on the way. What arrives
//! is compared with what the generator says, never with what crmkit reports about itself.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use crmkit_core::{
    AuditOptions, DestinationWriter, FieldType, ItemKind, MemoryLedger, Migration, RecordRef, SchemaItem, Value as V,
    chrono::{DateTime, TimeDelta, Utc},
    simulator::JumpingClock,
    testing::generate::{AllegoryExport, Expected, ExpectedRecord, Trouble},
};
use crmkit_sources::allegory::ExportFolder;
use crmkit_twenty::{
    Twenty, TwentyConfig,
    simulator::{Switches, TwentySimulator},
};
use serde_json::{Value, json};

/// Tables of the workspace that a migration may touch.
const TABLES: [&str; 8] =
    ["companies", "people", "opportunities", "tasks", "notes", "taskTargets", "noteTargets", "workspaceMembers"];

fn rows(simulator: &TwentySimulator) -> BTreeMap<&'static str, Vec<Value>> {
    TABLES.iter().map(|table| (*table, simulator.rows(table))).collect()
}

fn counts(simulator: &TwentySimulator) -> BTreeMap<&'static str, usize> {
    rows(simulator).into_iter().map(|(table, rows)| (table, rows.len())).collect()
}

fn field<'a>(record: &'a ExpectedRecord, name: &str) -> Option<&'a V> {
    record.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value)
}

fn text(record: &ExpectedRecord, name: &str) -> String {
    field(record, name).map(ToString::to_string).unwrap_or_default()
}

/// The addresses or numbers of a list.
fn list(record: &ExpectedRecord, name: &str) -> Vec<String> {
    let Some(V::List(items)) = field(record, name) else { return Vec::new() };
    items.iter().map(ToString::to_string).collect()
}

/// The records that wait under the proposal, and those that arrive.
///
/// An owner is needed where the object has one, which people and notes have not. What notes and tasks are about is a record of its own,
/// which waits alone, as does a parent. Of people with the same address the first arrives.
fn held(expected: &Expected) -> HashSet<&RecordRef> {
    let mut held = HashSet::new();
    let mut addresses = HashSet::new();
    for record in &expected.records {
        let object = record.key.object.as_str();
        let waits = record.troubles.iter().any(|trouble| match trouble {
            Trouble::MissingName => !["notes", "tasks"].contains(&object),
            Trouble::OwnerUnknown | Trouble::NoOwner => !["notes", "contacts"].contains(&object),
            Trouble::Doubt(_) => true,
            Trouble::LinkToHeld(link) if ["contacts", "deals"].contains(&object) => {
                let (_, to) = record.links.iter().find(|(field, _)| field == link).expect("a link");
                held.contains(to)
            }
            _ => false,
        });
        // What waits for a person with somebody else's address is not the generator's to say.
        let follows = object == "deals" && record.links.iter().any(|(_, to)| held.contains(to));
        let twin = object == "contacts"
            && !waits
            && list(record, "emails").first().is_some_and(|first| !addresses.insert(first.to_lowercase()));
        if waits || follows || twin {
            held.insert(&record.key);
        }
    }
    held
}

#[tokio::test]
async fn what_arrives_in_a_workspace_is_what_the_generator_says() {
    there_and_back(Switches::default()).await;
}

/// What nobody outside the vendor knows, all of it the other way round.
#[tokio::test]
async fn whatever_the_server_does_where_nobody_knows() {
    let mut switches = Switches::default();
    switches.calls = 50;
    switches.calls_by_root_field = true;
    switches.retry_after = true;
    switches.in_max = 60;
    switches.direct_metadata = true;
    // Real time: long enough to be seen, for some two hundred calls.
    switches.metadata_delay_ms = 20;
    switches.updated_by_writable = false;
    switches.unattached_file_hours = 1;
    switches.restores_targets = false;
    there_and_back(switches).await;
}

async fn there_and_back(switches: Switches) {
    let folder = tempfile::tempdir().expect("a folder");
    let export =
        AllegoryExport::new(7).users(12).companies(150).contacts(300).deals(200).notes(200).tasks(30).mess(0.1);
    let expected = export.write(folder.path()).expect("the export is written");
    let clock = JumpingClock::new();
    let simulator = TwentySimulator::builder()
        .jumping_clock(&clock)
        .limits(true)
        .switches(switches)
        .drop_every(13)
        .start()
        .await
        .expect("the simulator starts");
    let shape = simulator.rows("workspaceMembers").pop().expect("a fresh workspace has members");
    for (place, user) in expected.destination_users.iter().enumerate() {
        let mut member = shape.clone();
        member["id"] = json!(format!("20202020-1111-4111-8111-{place:012}"));
        member["userEmail"] = json!(user.email);
        simulator.put("workspaceMembers", &member).expect("a member");
    }
    let clock = Arc::new(clock);
    let config = TwentyConfig::at(simulator.url(), simulator.token());
    let twenty = Arc::new(Twenty::builder(config, clock.clone()).build().expect("the connector builds"));
    // Twenty has no parent companies: the workspace gets a relation for them.
    let parent = SchemaItem {
        kind: ItemKind::Field,
        object: "company".into(),
        parent: None,
        name: "Parent company".to_owned(),
        ty: Some(FieldType::link("company")),
        options: Vec::new(),
        probability: None,
        conditions: Vec::new(),
    };
    let soon = crmkit_core::Clock::now(&*clock) + TimeDelta::seconds(60);
    let parent = twenty.provisioner().expect("a provisioner").create(&parent, soon).await;
    // The answer may be one of those that are lost.
    let parent = parent.unwrap_or_else(|_| "parentCompanyId".to_owned());
    let before = rows(&simulator);
    let counted = counts(&simulator);

    let migration = Migration::builder("generated")
        .source(Arc::new(ExportFolder::open(folder.path()).expect("the export opens")))
        .destination(twenty)
        .ledger(Arc::new(MemoryLedger::new(clock.clone())))
        .clock(clock)
        .settings(|settings| {
            settings.page_size = 400;
            // The first of several people with the same address is the first in the file.
            settings.writes_in_flight = 1;
        })
        .build()
        .expect("complete");
    let audit = migration.audit(&AuditOptions::default()).await.expect("audited");
    let mut plan = migration.propose(&audit);
    plan.stop_when = 1.0;
    for question in plan.questions.clone() {
        let answer = match question.id.as_str() {
            "owners.fallback" | "owners.unowned" => "hold".to_owned(),
            "left_behind" => "leave them behind".to_owned(),
            id if id.starts_with("merge.") => "no".to_owned(),
            _ => question.choices.first().cloned().unwrap_or_else(|| panic!("{question:?}")),
        };
        plan.answer(&question.id, &answer).expect("an answer");
    }
    let review = migration.review(&plan, &audit);
    assert!(!review.blocked(), "{:#?}", review.problems);
    let approval = migration.approve_plan(&plan, "tester").await.expect("approved");
    migration.prepare(&approval).await.expect("prepared");
    let sample = migration.sample(&approval).await.expect("sampled");
    assert_eq!(sample.differing, 0, "{:#?}", sample.records);
    assert!(sample.rolled_back && sample.compared > 0);
    assert_eq!(counts(&simulator), counted, "a sample leaves nothing behind");

    let approval = migration.approve_sample(&sample, "tester").await.expect("approved");
    let report = migration.run(&approval).await.expect("run");
    assert!(report.finished, "{:#?}", report.waits_for);
    arrived(&simulator, &expected, &parent);

    let reconciliation = migration.reconcile().await.expect("reconciled");
    assert_eq!(reconciliation.mismatches, []);

    let preview = migration.preview_rollback().await.expect("previewed");
    assert_eq!(preview.kept, []);
    let approval = migration.approve_rollback(&preview, "tester").await.expect("approved");
    let back = migration.rollback(&approval).await.expect("rolled back");
    assert!(back.clean && back.kept.is_empty() && back.kept_items.is_empty(), "{back:#?}");
    assert_eq!(counts(&simulator), counted, "everything is gone");
    assert!(rows(&simulator) == before, "and what was there is as it was");
}

/// Holds the workspace to the generator's statement.
fn arrived(simulator: &TwentySimulator, expected: &Expected, parent: &str) {
    let held = held(expected);
    let tables = rows(simulator);
    let members: HashMap<&str, &Value> = tables["workspaceMembers"]
        .iter()
        .map(|member| (member["userEmail"].as_str().expect("an address"), &member["id"]))
        .collect();
    let pairs = [
        ("companies", "companies", "accountOwnerId"),
        ("contacts", "people", ""),
        ("deals", "opportunities", "ownerId"),
    ];
    let mut ids: HashMap<&RecordRef, &Value> = HashMap::new();
    let mut found: HashMap<&RecordRef, &Value> = HashMap::new();
    for (object, table, owner) in pairs {
        let mut by_source: HashMap<&str, &Value> = HashMap::new();
        for row in &tables[table] {
            assert!(
                by_source.insert(row["sourceId"].as_str().expect("a source id"), row).is_none(),
                "{table} twice: {row}"
            );
        }
        for record in expected.records.iter().filter(|record| record.key.object == object) {
            let row = by_source.remove(record.key.id.as_str());
            assert_eq!(row.is_none(), held.contains(&record.key), "{} {:?}", record.key, record.troubles);
            let Some(row) = row else { continue };
            if !owner.is_empty() {
                let email = record.owner.as_deref().expect("what arrives has an owner");
                assert_eq!(row[owner], *members[email], "{}", record.key);
            }
            ids.insert(&record.key, &row["id"]);
            found.insert(&record.key, row);
        }
        assert!(by_source.is_empty(), "{table} that should not be there: {by_source:?}");
    }
    let time = |json: &Value| DateTime::parse_from_rfc3339(json.as_str().expect("a time")).expect("a time").to_utc();
    for record in expected.records.iter().filter(|record| found.contains_key(&record.key)) {
        let row = found[&record.key];
        let link = |name: &str| {
            let to = record.links.iter().find(|(field, _)| field == name).map(|(_, to)| to);
            to.and_then(|to| ids.get(to)).map_or(Value::Null, |id| (*id).clone())
        };
        if let Some(V::Timestamp(made)) = field(record, "created_at") {
            assert_eq!(time(&row["createdAt"]), *made as DateTime<Utc>, "{}", record.key);
        }
        match record.key.object.as_str() {
            "companies" => {
                assert_eq!(row["name"], text(record, "name"));
                let cycle = record.troubles.contains(&Trouble::Cycle);
                if !cycle {
                    assert_eq!(row[parent], link("parent_id"), "{}'s parent", record.key);
                }
            }
            "contacts" => {
                for (part, source) in [("firstName", "first_name"), ("lastName", "last_name")] {
                    assert_eq!(row["name"][part].as_str().unwrap_or_default(), text(record, source), "{}", record.key);
                }
                let addresses: Vec<String> = list(record, "emails").iter().map(|one| one.to_lowercase()).collect();
                assert_eq!(
                    row["emails"]["primaryEmail"].as_str().unwrap_or_default(),
                    addresses.first().cloned().unwrap_or_default(),
                    "{}",
                    record.key
                );
                let number = format!(
                    "{}{}",
                    row["phones"]["primaryPhoneCallingCode"].as_str().unwrap_or_default(),
                    row["phones"]["primaryPhoneNumber"].as_str().unwrap_or_default()
                );
                assert_eq!(number, list(record, "phones").first().map(|one| one.replace(' ', "")).unwrap_or_default());
                assert_eq!(row["companyId"], link("company_id"), "{}", record.key);
            }
            _ => {
                assert_eq!(row["name"], text(record, "name"), "{}", record.key);
                if let Some(V::Money(money)) = field(record, "amount") {
                    assert_eq!(
                        row["amount"]["amountMicros"].to_string(),
                        (money.amount * crmkit_core::rust_decimal::Decimal::from(1_000_000)).normalize().to_string()
                    );
                    assert_eq!(row["amount"]["currencyCode"], *money.currency);
                }
                assert_eq!(row["companyId"], link("company_id"), "{}", record.key);
                assert_eq!(row["pointOfContactId"], link("primary_contact_id"), "{}", record.key);
            }
        }
    }
    // Each tie of each note and task that arrives, and no other.
    for (object, table, ties, own) in
        [("notes", "notes", "noteTargets", "noteId"), ("tasks", "tasks", "taskTargets", "taskId")]
    {
        let arriving: Vec<&ExpectedRecord> = expected
            .records
            .iter()
            .filter(|record| record.key.object == object && !held.contains(&record.key))
            .collect();
        assert_eq!(tables[table].len(), arriving.len(), "{table}");
        let mut wanted: BTreeMap<String, i64> = BTreeMap::new();
        for record in arriving {
            for (name, to) in record.links.iter().filter(|(name, _)| *name != "author_id" && *name != "owner_id") {
                if let Some(id) = ids.get(to) {
                    *wanted.entry(format!("{id}")).or_default() += 1;
                } else {
                    assert!(held.contains(to) || name == "user_id", "{}: {name}", record.key);
                }
            }
        }
        for tie in &tables[ties] {
            assert!(tables[table].iter().any(|row| row["id"] == tie[own]), "a tie of nothing: {tie}");
            let to = ["targetCompanyId", "targetPersonId", "targetOpportunityId"].map(|column| &tie[column]);
            let to = to.into_iter().find(|id| !id.is_null()).expect("a tie to something");
            *wanted.entry(format!("{to}")).or_default() -= 1;
        }
        wanted.retain(|_, missing| *missing != 0);
        assert_eq!(wanted, BTreeMap::new(), "{ties} that are missing, or too many");
    }
}
