//! What became of every record, for people: run and reconciliation.

use std::collections::BTreeMap;

use super::page::{Page, grouped};
use crate::{HeldReason, ObjectCount, Reconciliation, RunReport, UncertainCount};

impl RunReport {
    pub(super) fn page(&self) -> Page {
        let mut page = Page::default().title("Run");
        page.text(match (self.finished, self.delivered) {
            (true, true) => {
                "Delivered, not verified: the records lie in files, and nothing here says that they were imported."
            }
            (true, false) => "The run is finished.",
            (false, _) => "The run is not finished.",
        });
        page.list(&self.waits_for);
        bars(&mut page, self.objects.iter());
        counts(&mut page, self.objects.iter());
        uncertain(&mut page, self.uncertain);
        held(&mut page, &self.held);
        page
    }
}

impl Reconciliation {
    /// How often each field differs: a fault of the map shows in one field, a fault of a record in many.
    fn fields_that_differ(&self, page: &mut Page) {
        let mut fields: BTreeMap<String, u64> = BTreeMap::new();
        for mismatch in &self.mismatches {
            *fields.entry(format!("{}.{}", mismatch.mapping, mismatch.field)).or_default() += 1;
        }
        page.bars(["field", "differing"], fields.into_iter().map(|(field, count)| (field, vec![count])));
    }

    pub(super) fn page(&self) -> Page {
        let mut page = Page::default().title("Reconciliation");
        page.text(if self.delivered {
            "Delivered, not verified: what was read back are the files; nothing here says that they were imported."
        } else if self.clean {
            "Clean: every field of every record was read back and is what it should be."
        } else {
            "Not clean: see what is held, missing or different below."
        });
        page.section("Read back");
        page.table(
            ["mapping", "source", "written", "verified", "different", "missing"],
            self.objects.iter().map(|object| {
                [
                    object.count.mapping.clone(),
                    grouped(object.count.source),
                    grouped(object.count.written),
                    grouped(object.verified),
                    grouped(object.mismatched),
                    grouped(object.missing),
                ]
            }),
        );
        bars(&mut page, self.objects.iter().map(|object| &object.count));
        counts(&mut page, self.objects.iter().map(|object| &object.count));
        self.fields_that_differ(&mut page);
        uncertain(&mut page, self.uncertain);
        if !self.mismatches.is_empty() {
            page.section("Different");
            page.table(
                ["mapping", "source", "destination", "field", "expected", "found"],
                self.mismatches.iter().map(|mismatch| {
                    let shown =
                        |value: &Option<crate::Value>| value.as_ref().map(ToString::to_string).unwrap_or_default();
                    [
                        mismatch.mapping.to_string(),
                        mismatch.source.to_string(),
                        mismatch.destination.as_ref().map(ToString::to_string).unwrap_or_default(),
                        mismatch.field.to_string(),
                        shown(&mismatch.expected),
                        shown(&mismatch.actual),
                    ]
                }),
            );
        }
        held(&mut page, &self.held);
        page
    }
}

/// What became of the records, in a picture.
pub(super) fn bars<'a>(page: &mut Page, objects: impl Iterator<Item = &'a ObjectCount>) {
    page.bars(
        ["mapping", "written", "held", "excluded", "merged"],
        objects.map(|count| (count.mapping.clone(), vec![count.written, count.held, count.excluded, count.merged])),
    );
}

pub(super) fn counts<'a>(page: &mut Page, objects: impl Iterator<Item = &'a ObjectCount>) {
    page.section("Records");
    page.table(
        ["mapping", "source", "created", "updated", "unchanged", "linked", "held", "excluded", "merged"],
        objects.map(|object| {
            [
                object.mapping.clone(),
                grouped(object.source),
                grouped(object.created),
                grouped(object.updated),
                grouped(object.unchanged),
                grouped(object.linked),
                grouped(object.held),
                grouped(object.excluded),
                grouped(object.merged),
            ]
        }),
    );
}

pub(super) fn uncertain(page: &mut Page, uncertain: UncertainCount) {
    page.section("Writes whose answer was lost");
    page.text(format!(
        "{} were found and taken, {} were not there and sent again, {} are held.",
        grouped(uncertain.adopted),
        grouped(uncertain.resent),
        grouped(uncertain.held)
    ));
}

pub(super) fn held(page: &mut Page, held: &[HeldReason]) {
    if held.is_empty() {
        return;
    }
    page.section("Held");
    page.table(
        ["mapping", "part", "reason", "records", "for example"],
        held.iter().map(|reason| {
            [
                reason.mapping.to_string(),
                reason.part.to_string(),
                reason.reason.clone(),
                grouped(reason.records),
                reason.examples.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            ]
        }),
    );
}
