//! Plans, read, checked, written and read again.

use std::sync::{Arc, LazyLock};

use crmkit_core::{
    Destination, DestinationWriter, FieldConcept, FieldSchema, FieldType, ObjectConcept, ObjectSchema, Plan, Problem,
    Source, SourceConnector, Transforms,
    testing::{ManualClock, MockDestination, MockSource},
};
use futures::executor::block_on;

const FILE: &str = "plan";

static ENDS: LazyLock<(Source, Destination)> = LazyLock::new(|| {
    let text = |name: &str, concept| FieldSchema::new(name, name, FieldType::text()).means(concept);
    let companies = ObjectSchema::new("companies", "Company", ObjectConcept::Organization)
        .with(text("name", FieldConcept::Name))
        .with(FieldSchema::new("amount", "Amount", FieldType::Decimal));
    let source = MockSource::new("1").with_object(companies, []);
    let destination = MockDestination::crm(Arc::new(ManualClock::jumping()));
    (block_on(source.describe()).expect("a source"), block_on(destination.describe()).expect("a destination"))
});

/// A plan in TOML.
pub fn toml(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    look(text, Plan::from_toml(text, FILE));
}

/// A plan in JSON.
pub fn json(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    look(text, Plan::from_json(text, FILE));
}

fn look(text: &str, read: Result<Plan, Vec<Problem>>) {
    let plan = match read {
        Ok(plan) => plan,
        Err(problems) => {
            assert!(!problems.is_empty(), "a refusal says why");
            let lines = text.lines().count().max(1) as u64;
            for problem in problems {
                assert_eq!(problem.file.as_deref(), Some(FILE), "{problem}");
                assert!(problem.line.is_none_or(|line| (1..=lines + 1).contains(&line)), "{problem}");
            }
            return;
        }
    };
    let (source, destination) = &*ENDS;
    let mut problems = plan.check(source, destination, &Transforms::standard());
    Plan::locate(&mut problems, text, FILE);
    assert_eq!(Plan::from_json(&plan.to_json(), FILE), Ok(plan.clone()), "as JSON");
    let written = plan.to_toml();
    let again = Plan::from_toml(&written, FILE).unwrap_or_else(|problems| panic!("{problems:?}\n{written}"));
    // TOML has no null, which may stand in the arguments of a transform.
    if !text.contains("null") {
        assert_eq!(again.fingerprint(), plan.fingerprint(), "{written}");
    }
}
