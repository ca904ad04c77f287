//! Documents without personal data: no value, no id of a source record, which may itself be an address. Counts, reasons, field names
//! and ids at the destination stay, so that people can still talk about what they see.

use crate::{
    DeltaReport, HeldReason, Reconciliation, RecordRef, RollbackPreview, RollbackReport, RunReport, SampleDiff, Value,
};

const HIDDEN: &str = "…";

fn hide(record: &mut RecordRef) {
    record.id = HIDDEN.into();
}

fn hide_value(value: &mut Option<Value>) {
    *value = value.take().map(|_| Value::text(HIDDEN));
}

fn hide_held(held: &mut [HeldReason]) {
    held.iter_mut().flat_map(|held| &mut held.examples).for_each(hide);
}

impl SampleDiff {
    /// Where the document has personal data: JSON pointers with `*` for every entry.
    pub const PERSONAL: [&'static str; 5] = [
        "/records/*/source/id",
        "/records/*/fields/*/source",
        "/records/*/fields/*/expected",
        "/records/*/fields/*/actual",
        "/held/*/examples/*/id",
    ];

    /// The same document without personal data. It is for showing: what is approved is the whole one.
    pub fn redacted(mut self) -> Self {
        for record in &mut self.records {
            hide(&mut record.source);
            for field in &mut record.fields {
                field.source.values_mut().for_each(|value| *value = Value::text(HIDDEN));
                field.expected = Value::text(HIDDEN);
                hide_value(&mut field.actual);
            }
        }
        hide_held(&mut self.held);
        self
    }
}

impl Reconciliation {
    /// Where the document has personal data: JSON pointers with `*` for every entry.
    pub const PERSONAL: [&'static str; 4] =
        ["/mismatches/*/source/id", "/mismatches/*/expected", "/mismatches/*/actual", "/held/*/examples/*/id"];

    /// The same document without personal data.
    pub fn redacted(mut self) -> Self {
        for mismatch in &mut self.mismatches {
            hide(&mut mismatch.source);
            hide_value(&mut mismatch.expected);
            hide_value(&mut mismatch.actual);
        }
        hide_held(&mut self.held);
        self
    }
}

impl RunReport {
    /// Where the document has personal data: JSON pointers with `*` for every entry.
    pub const PERSONAL: [&'static str; 1] = ["/held/*/examples/*/id"];

    /// The same document without personal data.
    pub fn redacted(mut self) -> Self {
        hide_held(&mut self.held);
        self
    }
}

impl DeltaReport {
    /// Where the document has personal data: JSON pointers with `*` for every entry.
    pub const PERSONAL: [&'static str; 3] = ["/gone/*/source/id", "/conflicts/*/source/id", "/held/*/examples/*/id"];

    /// The same document without personal data.
    pub fn redacted(mut self) -> Self {
        self.gone.iter_mut().for_each(|gone| hide(&mut gone.source));
        self.conflicts.iter_mut().for_each(|conflict| hide(&mut conflict.source));
        hide_held(&mut self.held);
        self
    }
}

impl RollbackPreview {
    /// The document names records by their ids at the destination alone.
    pub const PERSONAL: [&'static str; 0] = [];

    /// The same document: it has no personal data.
    pub fn redacted(self) -> Self {
        self
    }
}

impl RollbackReport {
    /// The document names records by their ids at the destination alone.
    pub const PERSONAL: [&'static str; 0] = [];

    /// The same document: it has no personal data.
    pub fn redacted(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{ComparedField, ComparedRecord, Mismatch, Part};

    #[test]
    fn nothing_personal_is_left() {
        let secret = || Value::text("ann@acme.example");
        let source = || RecordRef::new("people", "ann@acme.example");
        let to = || RecordRef::new("person", "7");
        let held = || HeldReason {
            mapping: "people".into(),
            part: Part::main(),
            reason: "no owner".into(),
            records: 1,
            examples: vec![source()],
        };
        let field = ComparedField {
            field: "email".into(),
            source: BTreeMap::from([("email".into(), secret())]),
            expected: secret(),
            actual: Some(secret()),
            same: true,
        };
        let record =
            ComparedRecord { mapping: "people".into(), source: source(), destination: to(), fields: vec![field] };
        let sample = SampleDiff {
            format: "crmkit.sample".into(),
            version: 1,
            clean: true,
            chosen: 1,
            compared: 1,
            differing: 0,
            records: vec![record],
            held: vec![held()],
            rolled_back: true,
            uncertain: Default::default(),
            observed: Default::default(),
        };
        let mismatch = Mismatch {
            mapping: "people".into(),
            source: source(),
            destination: Some(to()),
            field: "email".into(),
            expected: Some(secret()),
            actual: None,
        };
        let reconciliation = Reconciliation {
            format: "crmkit.reconciliation".into(),
            version: 1,
            clean: false,
            objects: vec![],
            uncertain: Default::default(),
            delivered: Default::default(),
            mismatches: vec![mismatch],
            held: vec![held()],
            observed: Default::default(),
        };
        let texts = [
            (serde_json::to_string(&sample).unwrap(), serde_json::to_string(&sample.redacted()).unwrap()),
            (
                serde_json::to_string(&reconciliation).unwrap(),
                serde_json::to_string(&reconciliation.redacted()).unwrap(),
            ),
        ];
        for (whole, redacted) in texts {
            assert!(whole.contains("ann@") && !redacted.contains("ann@"), "{redacted}");
            assert!(redacted.contains("\"7\"") && redacted.contains("no owner"), "{redacted}");
        }
    }
}
