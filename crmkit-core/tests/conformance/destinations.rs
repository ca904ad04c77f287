//! The mock destination keeps the rules, and each saboteur breaks exactly its own.

use std::{cell::Cell, sync::Arc};

use async_trait::async_trait;
use crmkit_core::{
    Clock, DestinationWriter, FieldName, FieldType, Fields, ItemKind, Labelled, Markup, ObjectName, Operation,
    OperationKind, RecordRef, RichText, SchemaItem, Value, WriteBatch,
    chrono::{DateTime, TimeDelta, Utc},
    testing::{
        ManualClock, MockDestination, MockFault,
        conformance::{
            broken,
            destination::{
                DestinationHarness, DropsUnknownFields, IgnoresDeadlines, RetriesLostCreates, WriteFault, rules,
            },
        },
    },
};

use crate::saboteur::Saboteur;

/// What a saboteur shows, and nobody else has.
pub(crate) const SECRET: &str = "token-0815";

/// The small CRM with a marker field on persons, and one organization for notes to hang on.
pub(crate) struct Bench {
    clock: ManualClock,
    crm: MockDestination,
    /// The marker field, of the same name on every object.
    marker: FieldName,
    anchor: RecordRef,
}

impl Bench {
    async fn start(object: &str) -> Self {
        let clock = ManualClock::jumping();
        let crm = MockDestination::crm(Arc::new(clock.clone()));
        let marker = |object: &str| SchemaItem {
            kind: ItemKind::Field,
            object: object.into(),
            parent: None,
            name: "crmkit_id".to_owned(),
            ty: Some(FieldType::text()),
            options: Vec::new(),
            probability: None,
            conditions: Vec::new(),
        };
        let soon = clock.now() + TimeDelta::seconds(60);
        let provisioner = crm.provisioner().expect("it can");
        let key = provisioner.create(&marker("person"), soon).await.expect("created");
        let marker = match object {
            "deal" => provisioner.create(&marker("deal"), soon).await.expect("created"),
            _ => key,
        };
        let fields = fields([("name", Value::text("Anchor"))]);
        let batch = WriteBatch {
            object: "organization".into(),
            operations: vec![Operation { kind: OperationKind::Create, fields }],
            send_before: soon,
        };
        let id = crm.write(&batch).await.expect("sent").remove(0).expect("written").id;
        Self { anchor: RecordRef::new("organization", id), clock, crm, marker: marker.into() }
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

    fn deal(&self, n: usize) -> Fields {
        let mut fields = fields([("name", Value::text(format!("Deal {n}")))]);
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
        pub(crate) struct $name(Bench);

        #[async_trait]
        impl DestinationHarness for $name {
            async fn start() -> Self {
                Self(Bench::start($object).await)
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

            fn secret(&self) -> Option<String> {
                Some(SECRET.to_owned())
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

/// Deals in stages: a field with options.
mod deals {
    use super::*;
    harness!(Deals, "deal", deal, marked, std::convert::identity);
    crmkit_core::conformance_tests!(destination, Deals);
}

harness!(Sabotaged, "person", person, marked, sabotaged);
harness!(SabotagedDeals, "deal", deal, marked, sabotaged);

thread_local! {
    /// The rule that connectors made on this thread break.
    static BREAKS: Cell<&'static str> = const { Cell::new("") };
}

fn sabotaged(crm: Arc<dyn DestinationWriter>) -> Arc<dyn DestinationWriter> {
    match BREAKS.get() {
        "" => crm,
        "a_lost_answer_creates_nothing_twice" => Arc::new(RetriesLostCreates(crm)),
        "an_unknown_field_is_refused_not_dropped" => Arc::new(DropsUnknownFields(crm)),
        "what_cannot_leave_in_time_is_not_sent" => Arc::new(IgnoresDeadlines(crm)),
        breaks => Arc::new(Saboteur { crm, breaks }),
    }
}

#[tokio::test]
async fn each_saboteur_fails_exactly_its_rule() {
    assert_eq!(broken(rules::<Sabotaged>()).await, [""; 0], "unbroken, the connector keeps them all");
    assert_eq!(broken(rules::<SabotagedDeals>()).await, [""; 0], "unbroken, the connector keeps them all");
    for rule in rules::<Sabotaged>() {
        BREAKS.set(rule.name);
        let found = match rule.name {
            // Persons have no options to be wrong about.
            "an_unknown_option_is_refused_not_dropped" => broken(rules::<SabotagedDeals>()).await,
            _ => broken(rules::<Sabotaged>()).await,
        };
        assert_eq!(found, [rule.name], "by the saboteur of {}", rule.name);
    }
}
