//! One migration of a generated export, and what is stored at its end, read past the interface.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use crmkit_core::{
    Approval, AuditOptions, Cursor, Entry, IdLedger, MemoryLedger, Migration, RowState, RunReport, Select,
    simulator::JumpingClock,
    testing::generate::{AllegoryExport, Expected, Fates},
};
use crmkit_pipedrive::{
    Pipedrive, PipedriveConfig, Tier,
    simulator::{PipedriveSimulator, Switches},
};
use crmkit_sources::allegory::ExportFolder;
use serde_json::{Value, json};

use crate::plan;

/// The export's users are members from this id on.
const FIRST_MEMBER: usize = 100;
/// What is stored, by table, and the objects of the export that arrive there.
const TABLES: [(&str, &[&str]); 8] = [
    ("organizations", &["companies"]),
    ("persons", &["contacts"]),
    ("deals", &["deals"]),
    ("leads", &["leads"]),
    ("activities", &["tasks", "calls", "emails", "meetings"]),
    ("notes", &["notes", "custom/hearings"]),
    ("files", &["attachments"]),
    ("organizationRelationships", &[]),
];

/// How much there is of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    Whole,
    Small,
}

pub(crate) struct Flow {
    pub(crate) expected: Expected,
    pub(crate) simulator: PipedriveSimulator,
    pub(crate) migration: Migration,
    ledger: Arc<dyn IdLedger>,
    _folder: tempfile::TempDir,
}

impl Flow {
    pub(crate) async fn start(size: Size, set: impl FnOnce(&mut Switches)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let files = folder.path().join("export");
        let export = AllegoryExport::full(7).file_limit(plan::FILE_BYTES);
        let export = match size {
            Size::Whole => export.users(12).mess(0.15),
            Size::Small => export
                .users(6)
                .companies(30)
                .contacts(25)
                .deals(12)
                .leads(12)
                .deal_contacts(14)
                .tasks(12)
                .calls(16)
                .emails(12)
                .meetings(12)
                .notes(16)
                .attachments(14)
                .tags(4)
                .custom(6)
                .mess(0.3),
        };
        let expected = export.write(&files).expect("the export is written");
        let clock = JumpingClock::new();
        let mut switches = Switches::default();
        set(&mut switches);
        let simulator = PipedriveSimulator::builder().jumping_clock(&clock).limits(true).switches(switches);
        let drop_every = if size == Size::Whole { 40 } else { 0 };
        let simulator = simulator.drop_every(drop_every).start().await.expect("the simulator starts");
        for (place, user) in expected.destination_users.iter().enumerate() {
            let mut member = simulator.rows("users").pop().expect("a fresh account has members");
            member["id"] = json!(FIRST_MEMBER + place);
            member["name"] = json!(user.name);
            member["email"] = json!(user.email);
            simulator.put("users", member).expect("a member");
        }
        let mut config = PipedriveConfig::at(simulator.url(), simulator.token());
        (config.tier, config.seats, config.max_file_bytes) = (Tier::Ultimate, 35, plan::FILE_BYTES);
        let clock = Arc::new(clock);
        let ledger: Arc<dyn IdLedger> = Arc::new(MemoryLedger::new(clock.clone()));
        let migration = Migration::builder("generated")
            .source(Arc::new(ExportFolder::open(&files).expect("the export opens")))
            .destination(Arc::new(Pipedrive::builder(config, clock.clone()).build().expect("the connector builds")))
            .ledger(ledger.clone())
            .clock(clock)
            .build()
            .expect("complete");
        Self { expected, simulator, migration, ledger, _folder: folder }
    }

    /// Audited, planned, prepared, sampled; the run is admitted.
    pub(crate) async fn admitted(&self) -> Approval {
        let audit = self.migration.audit(&AuditOptions::default()).await.expect("audited");
        let mut plan = self.migration.propose(&audit);
        plan::careful(&mut plan);
        let review = self.migration.review(&plan, &audit);
        assert!(!review.blocked(), "{:#?}", review.problems);
        let approval = self.migration.approve_plan(&plan, "tester").await.expect("approved");
        self.migration.prepare(&approval).await.expect("prepared");
        let sample = self.migration.sample(&approval).await.expect("sampled");
        assert_eq!(sample.differing, 0, "{:#?}", sample.records);
        assert!(sample.rolled_back && sample.compared > 0);
        self.migration.approve_sample(&sample, "tester").await.expect("approved")
    }

    pub(crate) async fn run(&self, approval: &Approval) -> RunReport {
        let report = self.migration.run(approval).await.expect("run");
        assert!(report.finished, "{report:#?}");
        assert_eq!(report.uncertain.held, 0, "{:?}", report.uncertain);
        report
    }

    /// Which records wait in the ledger, by source id, with why.
    pub(crate) async fn waiting(&self, object: &str) -> HashMap<String, String> {
        let rows = self.held(object).await.into_iter().filter(|(_, part, _)| part.is_empty());
        rows.map(|(id, _, reason)| (id, reason)).collect()
    }

    /// Which records and links of records wait in the ledger, by source id, with why.
    pub(crate) async fn waiting_parts(&self, object: &str) -> Vec<(String, String)> {
        self.held(object).await.into_iter().map(|(id, _, reason)| (id, reason)).collect()
    }

    async fn held(&self, object: &str) -> Vec<(String, String, String)> {
        let mapping = object.trim_start_matches("custom/").into();
        let select = Select::Rows { mapping, pass: None, states: vec![RowState::Held] };
        let mut after: Option<Cursor> = None;
        let mut held = Vec::new();
        loop {
            let page = self.ledger.select(&select, after.as_ref(), 100).await.expect("the ledger answers");
            for entry in page.items {
                let Entry::Row(row) = entry else { panic!("a selection of rows gives rows") };
                held.push((row.key.id.to_string(), row.key.part.to_string(), row.reason.unwrap_or_default()));
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return held,
            }
        }
    }

    fn live(&self, table: &str) -> Vec<Value> {
        let live = |row: &Value| row["is_deleted"] != true && row["active_flag"] != false && row["status"] != "deleted";
        self.simulator.rows(table).into_iter().filter(live).collect()
    }

    /// Everything that is live, apart from when it was last changed.
    pub(crate) fn snapshot(&self) -> BTreeMap<&'static str, Vec<Value>> {
        let items = ["users", "pipelines", "stages", "dealFields", "personFields", "organizationFields", "leadLabels"];
        let tables = TABLES.iter().map(|(table, _)| *table).chain(items).chain(["activityTypes", "participants"]);
        let rows = |table: &str| {
            let mut rows = self.live(table);
            rows.iter_mut().for_each(|row| drop(row.as_object_mut().expect("a row").remove("update_time")));
            rows
        };
        tables.map(|table| (table, rows(table))).collect()
    }

    /// As many of each are stored as the generator says, with its names, and the files with their bytes.
    pub(crate) fn check_account(&self, fates: &Fates<'_>) {
        for (table, objects) in TABLES.iter().filter(|(_, objects)| !objects.is_empty()) {
            let meant = objects.iter().map(|object| fates.arriving(object).count()).sum::<usize>();
            assert_eq!(self.live(table).len(), meant, "{table}");
        }
        let names = [
            ("companies", "organizations", "name", "name"),
            ("contacts", "persons", "name", "name"),
            ("deals", "deals", "name", "title"),
            ("leads", "leads", "name", "title"),
        ];
        for (object, table, from, to) in names {
            let text = |value: &crmkit_core::Value| value.as_text().unwrap_or_default().to_owned();
            let meant = fates.arriving(object).filter_map(|record| {
                record.fields.iter().find(|(field, _)| field == from).map(|(_, value)| text(value))
            });
            let found = self.live(table);
            let found = found.iter().map(|row| row[to].as_str().unwrap_or_default().to_owned());
            assert_eq!(counted(found), counted(meant), "{table}");
        }
        let kinds = [("tasks", "task"), ("calls", "call"), ("emails", "email"), ("meetings", "meeting")];
        for (object, kind) in kinds {
            let found = self.live("activities").iter().filter(|row| row["type"] == kind).count();
            assert_eq!(found, fates.arriving(object).count(), "{kind}");
        }
        let sizes = fates.arriving("attachments").map(|record| record.file.as_ref().expect("a file").bytes.to_string());
        let found = self.live("files");
        assert_eq!(counted(found.iter().map(|row| row["file_size"].to_string())), counted(sizes));
    }
}

fn counted(items: impl Iterator<Item = String>) -> BTreeMap<String, u32> {
    let mut counted = BTreeMap::new();
    items.for_each(|item| *counted.entry(item).or_default() += 1);
    counted
}

/// The generator's codes that a reason in words can stand for.
pub(crate) fn classes(reason: &str) -> &'static [&'static str] {
    const CLASSES: [(&str, &[&str]); 16] = [
        ("has no value", &["missing_name"]),
        ("is no active member", &["owner_unknown"]),
        ("nobody owns it", &["no_owner"]),
        ("leads back to the record itself", &["cycle"]),
        ("waits for a decision", &["link_to_held"]),
        ("the record it links to is not there", &["link_to_held", "dangling_link"]),
        ("the record it links to does not move", &["dangling_link"]),
        ("a lead needs a person or an organization", &["no_parent", "dangling_link"]),
        ("note must be attached", &["no_parent", "dangling_link"]),
        ("not a number", &["doubt"]),
        ("of an object that the export does not have", &["doubt"]),
        ("is larger than", &["too_large"]),
        ("the text is longer than", &["too_long"]),
        ("shorter than declared", &["file_size"]),
        ("not the declared digest", &["file_digest"]),
        ("the file cannot be read at the source", &["file_missing", "file_outside", "file_remote", "file_digest"]),
    ];
    CLASSES.iter().find(|(words, _)| reason.contains(words)).map_or(&[], |(_, classes)| classes)
}
