//! The mocks keep the rules that connectors keep; broken connectors break exactly theirs. Ledgers have a test of their own.
#![cfg(feature = "testing")]

use std::sync::Arc;

use async_trait::async_trait;
use crmkit_core::{
    Clock, DestinationWriter, FieldName, FieldType, Fields, ItemKind, Labelled, Markup, ObjectName, Operation,
    OperationKind, RecordRef, RichText, SchemaItem, Value, WriteBatch,
    chrono::{DateTime, TimeDelta, Utc},
    testing::{
        ManualClock, MockDestination, MockFault,
        conformance::destination::{
            DestinationHarness, DropsUnknownFields, IgnoresDeadlines, RULES, RetriesLostCreates, WriteFault, run,
        },
    },
};

/// The small CRM with a marker field on persons, and one organization for notes to hang on.
struct Bench {
    clock: ManualClock,
    crm: MockDestination,
    marker: FieldName,
    anchor: RecordRef,
}

impl Bench {
    async fn start() -> Self {
        let clock = ManualClock::jumping();
        let crm = MockDestination::crm(Arc::new(clock.clone()));
        let marker = SchemaItem {
            kind: ItemKind::Field,
            object: "person".into(),
            parent: None,
            name: "crmkit_id".to_owned(),
            ty: Some(FieldType::text()),
            options: Vec::new(),
            probability: None,
        };
        let soon = clock.now() + TimeDelta::seconds(60);
        let marker = crm.provisioner().expect("it can").create(&marker, soon).await.expect("created").into();
        let fields = fields([("name", Value::text("Anchor"))]);
        let batch = WriteBatch {
            object: "organization".into(),
            operations: vec![Operation { kind: OperationKind::Create, fields }],
            send_before: soon,
        };
        let id = crm.write(&batch).await.expect("sent").remove(0).expect("written").id;
        Self { anchor: RecordRef::new("organization", id), clock, crm, marker }
    }

    fn person(&self, n: usize) -> Fields {
        let email = Labelled { value: format!("p{n}@a.example").into(), label: None };
        let mut fields = fields([
            ("name", Value::text(format!("Person {n}"))),
            ("emails", Value::List([Value::Labelled(Arc::new(email))].into())),
        ]);
        fields.insert(self.marker.clone(), Value::text(format!("key-{n}")));
        fields
    }

    fn note(&self, n: usize) -> Fields {
        let text = RichText { markup: Markup::Html, text: format!("<p>Note {n}</p>").into() };
        fields([("body", Value::Rich(Arc::new(text))), ("organization", Value::link(self.anchor.clone()))])
    }

    fn marked(&self, fields: &Fields) -> Fields {
        [(self.marker.clone(), fields[&self.marker].clone())].into_iter().collect()
    }

    fn whole(&self, fields: &Fields) -> Fields {
        fields.clone()
    }
}

fn fields(pairs: impl IntoIterator<Item = (&'static str, Value)>) -> Fields {
    pairs.into_iter().map(|(name, value)| (FieldName::from(name), value)).collect()
}

macro_rules! harness {
    ($name:ident, $object:literal, $sample:ident, $probe:ident, $writer:expr) => {
        struct $name(Bench);

        #[async_trait]
        impl DestinationHarness for $name {
            async fn start() -> Self {
                Self(Bench::start().await)
            }

            fn writer(&self) -> Arc<dyn DestinationWriter> {
                let crm: Arc<dyn DestinationWriter> = Arc::new(self.0.crm.clone());
                let wrap = $writer;
                wrap(crm)
            }

            fn object(&self) -> ObjectName {
                $object.into()
            }

            fn sample(&self, n: usize) -> Fields {
                self.0.$sample(n)
            }

            fn invalid(&self) -> Fields {
                let mut fields = self.0.$sample(99);
                fields.insert("organization".into(), Value::link(RecordRef::new("organization", "987654")));
                fields
            }

            fn probe(&self, fields: &Fields) -> Fields {
                self.0.$probe(fields)
            }

            async fn fail_next(&self, fault: WriteFault) -> bool {
                let fault = match fault {
                    WriteFault::CloseBeforeApply => MockFault::CloseBeforeApply,
                    WriteFault::CloseAfterApply => MockFault::CloseAfterApply,
                    WriteFault::ServerError => MockFault::ServerError,
                    WriteFault::Unauthorized => MockFault::Unauthorized,
                    WriteFault::Throttled => MockFault::RefuseBeforeApply(std::time::Duration::from_secs(1)),
                    WriteFault::Garbage => MockFault::Garbage,
                    _ => return false,
                };
                self.0.crm.fail(1, fault);
                true
            }

            fn now(&self) -> DateTime<Utc> {
                self.0.clock.now()
            }

            fn requests(&self) -> Option<u64> {
                Some(self.0.crm.requests())
            }
        }
    };
}

/// Found by their marker.
mod persons {
    use super::*;
    harness!(Persons, "person", person, marked, std::convert::identity);
    crmkit_core::conformance_tests!(destination, Persons);
}

/// Found by parent and content.
mod notes {
    use super::*;
    harness!(Notes, "note", note, whole, std::convert::identity);
    crmkit_core::conformance_tests!(destination, Notes);
}

harness!(Retrying, "person", person, marked, |crm| Arc::new(RetriesLostCreates(crm)));
harness!(Dropping, "person", person, marked, |crm| Arc::new(DropsUnknownFields(crm)));
harness!(Late, "person", person, marked, |crm| Arc::new(IgnoresDeadlines(crm)));

/// The rules that a destination breaks.
async fn broken<H: DestinationHarness>() -> Vec<&'static str> {
    let mut failed = Vec::new();
    for rule in RULES {
        if tokio::spawn(run::<H>(rule)).await.is_err() {
            failed.push(*rule);
        }
    }
    failed
}

#[tokio::test]
async fn saboteurs_fail_exactly_their_rules() {
    // An answer that cannot be read is lost as well.
    assert_eq!(
        broken::<Retrying>().await,
        ["a_lost_answer_creates_nothing_twice", "an_unreadable_answer_creates_nothing_twice"]
    );
    assert_eq!(broken::<Dropping>().await, ["an_unknown_field_is_refused_not_dropped"]);
    assert_eq!(broken::<Late>().await, ["what_cannot_leave_in_time_is_not_sent"]);
}

mod sources {
    use std::sync::Arc;

    use async_trait::async_trait;
    use crmkit_core::{
        FieldSchema, FieldType, ObjectConcept, ObjectName, ObjectSchema, Record, RecordId, RecordRef, Reject,
        SourceConnector, Value,
        testing::{MockSource, conformance::source::SourceHarness},
    };

    /// Seven contacts with links, one row that is none, and an object without records.
    struct Contacts(Arc<dyn SourceConnector>);

    #[async_trait]
    impl SourceHarness for Contacts {
        async fn start() -> Self {
            let contacts = ObjectSchema::new("contacts", "Contacts", ObjectConcept::Person)
                .with(FieldSchema::new("name", "Name", FieldType::text()))
                .with(FieldSchema::new("company", "Company", FieldType::link("companies")));
            let companies = ObjectSchema::new("companies", "Companies", ObjectConcept::Organization);
            let contact = |id: RecordId| {
                Record::new(RecordRef::new("contacts", id))
                    .with("name", Value::text("Ann"))
                    .with("company", Value::link(RecordRef::new("companies", "1")))
            };
            let reject = Reject {
                origin: "contacts.csv".to_owned(),
                line: Some(9),
                field: None,
                code: "missing_id".to_owned(),
                message: "the row has no id".to_owned(),
            };
            let source = MockSource::new("crm-1")
                .with_object(contacts, ids().into_iter().map(contact))
                .with_object(companies, [])
                .with_rejects("contacts", [reject]);
            Self(Arc::new(source))
        }

        fn source(&self) -> Arc<dyn SourceConnector> {
            self.0.clone()
        }

        fn object(&self) -> ObjectName {
            "contacts".into()
        }

        fn expected_ids(&self) -> Vec<RecordId> {
            ids()
        }

        fn empty_object(&self) -> Option<ObjectName> {
            Some("companies".into())
        }
    }

    fn ids() -> Vec<RecordId> {
        (1..=7).map(|n| RecordId::from(format!("p{n}"))).collect()
    }

    crmkit_core::conformance_tests!(source, Contacts);
}
