//! A small source of people and companies, a small CRM, and a migration between them.

use std::{collections::BTreeMap, sync::Arc};

use crmkit_core::{
    Approval, Clock, FieldConcept, FieldLine, FieldSchema, FieldType, Fields, IdLedger, Labelled, Mapping, MappingId,
    MatchPolicy, MatchRule, MemoryLedger, Migration, ObjectConcept, ObjectCount, ObjectSchema, Plan, PlanEnd, Record,
    RecordRef, RunReport, Value,
    testing::{ManualClock, MockDestination, MockSource},
};

/// What survives a process: source, destination, ledger, clock; and the plan.
pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) source: Arc<MockSource>,
    pub(crate) crm: MockDestination,
    pub(crate) ledger: Arc<dyn IdLedger>,
    pub(crate) plan: Plan,
    pub(crate) page_size: usize,
}

impl World {
    /// Companies with parents, and contacts in them. Ann is a member of the destination, Bob has left.
    pub(crate) fn new(companies: impl IntoIterator<Item = Record>, contacts: impl IntoIterator<Item = Record>) -> Self {
        let clock = ManualClock::jumping();
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let text = |name: &str, concept| FieldSchema::new(name, name, FieldType::text()).means(concept);
        let link = |name: &str, to: &str, concept| FieldSchema::new(name, name, FieldType::link(to)).means(concept);
        let user = |id: &str, email: &str| Record::new(RecordRef::new("users", id)).with("email", Value::text(email));
        let source = MockSource::new("export-1")
            .with_object(
                ObjectSchema::new("users", "User", ObjectConcept::User).with(text("email", FieldConcept::Emails)),
                [user("ann", "Ann@CRM.example"), user("bob", "bob@gone.example")],
            )
            .with_object(
                ObjectSchema::new("companies", "Company", ObjectConcept::Organization)
                    .with(text("name", FieldConcept::Name))
                    .with(link("parent", "companies", FieldConcept::Parent))
                    .with(link("owner", "users", FieldConcept::Owner)),
                companies,
            )
            .with_object(
                ObjectSchema::new("contacts", "Contact", ObjectConcept::Person)
                    .with(text("name", FieldConcept::Name))
                    .with(FieldSchema::new("emails", "E-mails", FieldType::Emails).means(FieldConcept::Emails))
                    .with(link("company", "companies", FieldConcept::Organization))
                    .with(link("owner", "users", FieldConcept::Owner)),
                contacts,
            );
        Self {
            crm: MockDestination::crm(shared.clone()),
            ledger: Arc::new(MemoryLedger::new(shared)),
            source: Arc::new(source),
            clock,
            plan: plan(),
            page_size: 5,
        }
    }

    /// A migration in a process of that name.
    pub(crate) fn worker(&self, name: &str) -> Migration {
        Migration::builder("test")
            .worker(name)
            .source(self.source.clone())
            .destination(Arc::new(self.crm.clone()))
            .ledger(self.ledger.clone())
            .clock(Arc::new(self.clock.clone()))
            .settings(|settings| settings.page_size = self.page_size)
            .build()
            .expect("complete")
    }

    /// Prepared, sampled, and the run admitted.
    pub(crate) async fn admitted(&self, migration: &Migration) -> Approval {
        let approval = migration.approve_plan(&self.plan, "ann").await.expect("approved");
        migration.prepare(&approval).await.expect("prepared");
        let sample = migration.sample(&approval).await.expect("sampled");
        migration.approve_sample(&sample, "ann").await.expect("approved")
    }

    /// A whole run, its balances checked.
    pub(crate) async fn run(&self) -> (Migration, RunReport) {
        let migration = self.worker("worker");
        let approval = self.admitted(&migration).await;
        let report = migration.run(&approval).await.expect("run");
        assert!(report.finished, "{report:#?}");
        assert!(report.objects.iter().all(ObjectCount::balances), "{report:#?}");
        (migration, report)
    }

    /// Everything is taken back, and nothing had to stay.
    pub(crate) async fn take_back(&self, migration: &Migration) {
        let preview = migration.preview_rollback().await.expect("previewed");
        let approval = migration.approve_rollback(&preview, "ann").await.expect("approved");
        let report = migration.rollback(&approval).await.expect("rolled back");
        assert!(report.clean, "{report:#?}");
    }

    /// A record that somebody else made.
    pub(crate) fn foreign(&self, object: &str, fields: impl IntoIterator<Item = (&'static str, Value)>) -> RecordRef {
        self.crm.put(object, fields.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }

    pub(crate) fn stored(&self, record: &RecordRef) -> Fields {
        self.crm.live().remove(record).expect("the record is there")
    }

    /// The record of that name.
    pub(crate) fn named(&self, object: &str, name: &str) -> (RecordRef, Fields) {
        let named = |(record, fields): &(RecordRef, Fields)| {
            record.object == *object && fields.get("name") == Some(&Value::text(name))
        };
        self.crm.live().into_iter().find(named).expect("a record of that name")
    }

    /// How many records of each name there are.
    pub(crate) fn names(&self, object: &str) -> BTreeMap<String, usize> {
        let mut names = BTreeMap::new();
        for (_, fields) in self.crm.live().into_iter().filter(|(record, _)| record.object == *object) {
            *names.entry(fields["name"].to_string()).or_insert(0) += 1;
        }
        names
    }
}

/// The counts of a mapping.
pub(crate) fn count<'a>(report: &'a RunReport, mapping: &str) -> &'a ObjectCount {
    report.objects.iter().find(|count| count.mapping == mapping).expect("the plan names it")
}

pub(crate) fn once_each<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeMap<String, usize> {
    names.into_iter().map(|name| (name.to_owned(), 1)).collect()
}

/// A company of Ann's.
pub(crate) fn company(id: &str, name: &str) -> Record {
    Record::new(RecordRef::new("companies", id)).with("name", Value::text(name)).with("owner", user("ann"))
}

/// A contact of Ann's.
pub(crate) fn contact(id: &str, name: &str, email: &str) -> Record {
    Record::new(RecordRef::new("contacts", id))
        .with("name", Value::text(name))
        .with("emails", emails(email))
        .with("owner", user("ann"))
}

pub(crate) fn at(company: &str) -> Value {
    Value::link(RecordRef::new("companies", company))
}

pub(crate) fn user(id: &str) -> Value {
    Value::link(RecordRef::new("users", id))
}

pub(crate) fn emails(address: &str) -> Value {
    let email = Labelled { value: address.into(), label: None };
    Value::List([Value::Labelled(Arc::new(email))].into())
}

pub(crate) fn by_email(found: MatchPolicy) -> Option<MatchRule> {
    Some(MatchRule { by: "emails".into(), found })
}

fn line(id: &str, from: &str, to: &str) -> FieldLine {
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
    let end = || PlanEnd { kind: "mock".to_owned(), instance: None };
    let mut plan = Plan::new(end(), end());
    plan.stop_when = 1.0;
    plan.mappings = vec![
        mapping(
            "companies",
            "organization",
            vec![
                line("companies.name", "name", "name"),
                line("companies.owner", "owner", "owner"),
                link("companies.parent", "parent", "parent"),
            ],
        ),
        mapping(
            "contacts",
            "person",
            vec![
                line("contacts.name", "name", "name"),
                line("contacts.emails", "emails", "emails"),
                line("contacts.owner", "owner", "owner"),
                link("contacts.company", "company", "organization"),
            ],
        ),
    ];
    plan
}
