//! A small company on its way into a simulated account: what survives a process, and whole steps.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crmkit_core::{
    Approval, Clock, Credentials, FieldConcept, FieldLine, FieldSchema, FieldType, FixedToken, Mapping, MappingId,
    Markup, MemoryLedger, Migration, ObjectConcept, ObjectSchema, PipelinePlan, Plan, PlanEnd, Record, RecordRef,
    RichText, RunReport, StagePlan, TransformCall, Value,
    simulator::{Effect, Fault, JumpingClock},
    testing::MockSource,
};
use crmkit_pipedrive::{
    Pipedrive, PipedriveConfig, Tier,
    simulator::{PipedriveSimulator, PipedriveSimulatorBuilder},
};
use serde_json::{Value as Json, json};

/// Every path on which the run creates something, and the table behind it.
pub(crate) const CREATES: [(&str, &str); 5] = [
    ("/api/v2/organizations", "organizations"),
    ("/api/v2/persons", "persons"),
    ("/api/v2/deals", "deals"),
    ("/api/v1/notes", "notes"),
    ("/api/v1/organizationRelationships", "organizationRelationships"),
];

/// Source, account, ledger, clock and plan.
pub(crate) struct World {
    pub(crate) clock: JumpingClock,
    pub(crate) simulator: PipedriveSimulator,
    pub(crate) ledger: MemoryLedger,
    pub(crate) source: Arc<MockSource>,
    pub(crate) plan: Plan,
    pub(crate) page_size: usize,
    pub(crate) config: fn(&mut PipedriveConfig),
}

impl World {
    /// An account without limits, and three records of everything: a company with two daughters, a person, a deal and a note each.
    pub(crate) async fn new() -> Self {
        Self::on(|simulator| simulator.limits(false)).await
    }

    pub(crate) async fn on(set: impl FnOnce(PipedriveSimulatorBuilder) -> PipedriveSimulatorBuilder) -> Self {
        let clock = crate::account::clock();
        let simulator = set(PipedriveSimulator::builder().jumping_clock(&clock)).start().await.unwrap();
        let source = Arc::new(source(3, |n| format!("Secret note {n}")));
        let ledger = MemoryLedger::new(Arc::new(clock.clone()));
        Self { clock, simulator, ledger, source, plan: plan(), page_size: 5, config: |config| config.unlimited = true }
    }

    /// A process with the account's token.
    pub(crate) fn process(&self) -> Migration {
        self.process_with(Arc::new(FixedToken::new(self.simulator.token())))
    }

    /// A process with the host's tokens.
    pub(crate) fn process_with(&self, credentials: Arc<dyn Credentials>) -> Migration {
        let mut config = PipedriveConfig::at(self.simulator.url(), "");
        (config.tier, config.seats) = (Tier::Ultimate, 35);
        (self.config)(&mut config);
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let crm = Pipedrive::builder(config, clock.clone()).credentials(credentials).build().unwrap();
        Migration::builder("test")
            .source(self.source.clone())
            .destination(Arc::new(crm))
            .ledger(Arc::new(self.ledger.clone()))
            .clock(clock)
            .settings(|settings| {
                settings.page_size = self.page_size;
                settings.settle_after = Duration::from_secs(90);
            })
            .build()
            .unwrap()
    }

    /// Prepared, sampled, and the run admitted.
    pub(crate) async fn admitted(&self, migration: &Migration) -> Approval {
        let approval = migration.approve_plan(&self.plan, "ann").await.unwrap();
        migration.prepare(&approval).await.unwrap();
        let sample = migration.sample(&approval).await.unwrap();
        assert!(sample.clean, "{sample:#?}");
        migration.approve_sample(&sample, "ann").await.unwrap()
    }

    /// The first create of each object meets this, `times` times in a row.
    pub(crate) fn fault_creates(&self, effect: &Effect, times: u64) {
        for (path, _) in CREATES {
            self.simulator.fault(Fault::on("POST", path, effect.clone()).times(times));
        }
    }

    /// The run's report; nothing is held and every balance is even.
    pub(crate) async fn run(&self, migration: &Migration, approval: &Approval) -> RunReport {
        let report = migration.run(approval).await.unwrap_or_else(|error| panic!("{error}"));
        assert!(report.finished && report.held.is_empty(), "{report:#?}");
        assert!(report.objects.iter().all(crmkit_core::ObjectCount::balances), "{report:#?}");
        report
    }

    /// Each of `n` companies, with all that belongs to it, is there exactly once and whole.
    pub(crate) async fn assert_exactly(&self, migration: &Migration, n: usize) {
        for (_, table) in CREATES {
            let mut live = BTreeMap::new();
            for row in self.live(table) {
                let key = match table {
                    "notes" => row["content"].to_string(),
                    "deals" => row["title"].to_string(),
                    "organizationRelationships" => row["rel_linked_org_id"].to_string(),
                    _ => row["name"].to_string(),
                };
                *live.entry(key).or_insert(0) += 1;
            }
            let expected = if table == "organizationRelationships" { n - 1 } else { n };
            assert!(live.len() == expected && live.values().all(|count| *count == 1), "{table}: {live:#?}");
        }
        let reconciliation = migration.reconcile().await.unwrap();
        assert!(reconciliation.clean, "{reconciliation:#?}");
    }

    /// Everything is taken back; nothing had to stay and nothing is left.
    pub(crate) async fn take_back(&self, migration: &Migration) {
        let preview = migration.preview_rollback().await.unwrap();
        assert!(preview.kept.is_empty(), "{preview:#?}");
        let approval = migration.approve_rollback(&preview, "ann").await.unwrap();
        let report = migration.rollback(&approval).await.unwrap();
        assert!(report.clean && report.kept.is_empty() && report.unrestored.is_empty(), "{report:#?}");
    }

    /// The rows of a table that are not in the trash.
    pub(crate) fn live(&self, table: &str) -> Vec<Json> {
        let gone = |row: &Json| row["is_deleted"] == true || row.get("active_flag") == Some(&json!(false));
        self.simulator.rows(table).into_iter().filter(|row| !gone(row)).collect()
    }

    /// How many requests were answered with this status.
    pub(crate) fn answered(&self, status: u16) -> usize {
        self.simulator.requests().iter().filter(|request| request.status == Some(status)).count()
    }
}

pub(crate) fn company_ref(n: usize) -> Value {
    Value::link(RecordRef::new("companies", format!("c{n}")))
}

/// A source with `n` of everything.
pub(crate) fn source(n: usize, note: impl Fn(usize) -> String) -> MockSource {
    let owned = |object: &str, id: String| {
        Record::new(RecordRef::new(object, id)).with("owner", Value::link(RecordRef::new("users", "ann")))
    };
    let text = |name: &str, concept| FieldSchema::new(name, name, FieldType::text()).means(concept);
    let link = |name: &str, to: &str, concept| FieldSchema::new(name, name, FieldType::link(to)).means(concept);
    let owner = || link("owner", "users", FieldConcept::Owner);
    let user = Record::new(RecordRef::new("users", "ann")).with("email", Value::text("anna.snelling@maven.example"));
    let users = ObjectSchema::new("users", "User", ObjectConcept::User).with(text("email", FieldConcept::Emails));
    let companies = ObjectSchema::new("companies", "Company", ObjectConcept::Organization)
        .with(text("name", FieldConcept::Name))
        .with(link("parent", "companies", FieldConcept::Parent))
        .with(owner());
    let contacts = ObjectSchema::new("contacts", "Contact", ObjectConcept::Person)
        .with(text("name", FieldConcept::Name))
        .with(link("company", "companies", FieldConcept::Organization))
        .with(owner());
    let deals = ObjectSchema::new("deals", "Deal", ObjectConcept::Deal)
        .with(text("name", FieldConcept::Name))
        .with(text("stage", FieldConcept::Stage))
        .with(link("company", "companies", FieldConcept::Organization))
        .with(owner());
    let notes = ObjectSchema::new("notes", "Note", ObjectConcept::Note)
        .with(FieldSchema::new("body", "body", FieldType::Rich).means(FieldConcept::Body))
        .with(FieldSchema::new("at", "at", FieldType::Timestamp).means(FieldConcept::CreatedAt))
        .with(link("company", "companies", FieldConcept::Organization))
        .with(owner());
    let company = |at: usize| {
        let company = owned("companies", format!("c{at}")).with("name", Value::text(format!("Secret company {at}")));
        if at == 0 { company } else { company.with("parent", company_ref(0)) }
    };
    let contact = |at: usize| {
        owned("contacts", format!("p{at}"))
            .with("name", Value::text(format!("Secret person {at}")))
            .with("company", company_ref(at))
    };
    let deal = |at: usize| {
        owned("deals", format!("d{at}"))
            .with("name", Value::text(format!("Secret deal {at}")))
            .with("stage", Value::text("Won"))
            .with("company", company_ref(at))
    };
    let note = |at: usize| {
        let body = RichText { markup: Markup::Html, text: note(at).into() };
        owned("notes", format!("n{at}"))
            .with("body", Value::Rich(Arc::new(body)))
            .with("at", Value::Timestamp("2019-05-06T07:08:09Z".parse().unwrap()))
            .with("company", company_ref(at))
    };
    MockSource::new("export-1")
        .with_object(users, [user])
        .with_object(companies, (0..n).map(company))
        .with_object(contacts, (0..n).map(contact))
        .with_object(deals, (0..n).map(deal))
        .with_object(notes, (0..n).map(note))
}

pub(crate) fn line(id: &str, from: &str, to: &str) -> FieldLine {
    FieldLine {
        id: id.to_owned(),
        from: vec![from.into()],
        to: to.to_owned(),
        transforms: Vec::new(),
        link: None,
        unresolved: Default::default(),
        required: false,
        overwrite: Default::default(),
        badge: None,
        confidence: None,
        reason: None,
        origin: None,
    }
}

fn link(id: &str, from: &str, to: &str) -> FieldLine {
    FieldLine { link: Some(MappingId::from("companies")), ..line(id, from, to) }
}

fn mapping(id: &str, to: &str, fields: Vec<FieldLine>) -> Mapping {
    Mapping {
        id: id.into(),
        from: id.into(),
        to: to.into(),
        when: None,
        exclude: Vec::new(),
        merge: Default::default(),
        matching: None,
        fields,
    }
}

fn plan() -> Plan {
    let end = |kind: &str| PlanEnd { kind: kind.to_owned(), instance: None };
    let mut plan = Plan::new(end("mock"), end("pipedrive"));
    plan.stop_when = 0.0;
    plan.sample.size = 1;
    let stage = |name: &str| StagePlan { name: name.to_owned(), probability: None };
    plan.pipelines = vec![PipelinePlan {
        object: "deal".into(),
        name: "Sales".to_owned(),
        use_existing: None,
        stages: vec![stage("Open"), stage("Won")],
    }];
    let mut staged = line("deals.stage", "stage", "stage_id");
    staged.transforms = vec![TransformCall::with("value_map", json!({"Won": "Sales/Won"}))];
    plan.mappings = vec![
        mapping(
            "companies",
            "organization",
            vec![
                line("companies.name", "name", "name"),
                line("companies.owner", "owner", "owner_id"),
                link("companies.parent", "parent", "parent"),
            ],
        ),
        mapping(
            "contacts",
            "person",
            vec![
                line("contacts.name", "name", "name"),
                line("contacts.owner", "owner", "owner_id"),
                link("contacts.company", "company", "org_id"),
            ],
        ),
        mapping(
            "deals",
            "deal",
            vec![
                line("deals.name", "name", "title"),
                line("deals.owner", "owner", "owner_id"),
                staged,
                link("deals.company", "company", "org_id"),
            ],
        ),
        mapping(
            "notes",
            "note",
            vec![
                line("notes.body", "body", "content"),
                line("notes.at", "at", "add_time"),
                line("notes.owner", "owner", "user_id"),
                link("notes.company", "company", "org_id"),
            ],
        ),
    ];
    plan
}
