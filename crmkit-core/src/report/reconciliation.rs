//! What became of every record, for people: run and reconciliation.

use super::markdown::{Markdown, grouped};
use crate::{HeldReason, ObjectCount, Reconciliation, RunReport, UncertainCount};

impl RunReport {
    /// The report as Markdown.
    pub fn to_markdown(&self) -> String {
        let mut page = Markdown::default().title("Run");
        page.text(match (self.finished, self.delivered) {
            (true, true) => {
                "Delivered, not verified: the records lie in files, and nothing here says that they were imported."
            }
            (true, false) => "The run is finished.",
            (false, _) => "The run is not finished.",
        });
        page.list(&self.waits_for);
        counts(&mut page, self.objects.iter());
        uncertain(&mut page, self.uncertain);
        held(&mut page, &self.held);
        page.done()
    }
}

impl Reconciliation {
    /// The reconciliation as Markdown.
    pub fn to_markdown(&self) -> String {
        let mut page = Markdown::default().title("Reconciliation");
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
        counts(&mut page, self.objects.iter().map(|object| &object.count));
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
        page.done()
    }
}

fn counts<'a>(page: &mut Markdown, objects: impl Iterator<Item = &'a ObjectCount>) {
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

fn uncertain(page: &mut Markdown, uncertain: UncertainCount) {
    page.section("Writes whose answer was lost");
    page.text(format!(
        "{} were found and taken, {} were not there and sent again, {} are held.",
        grouped(uncertain.adopted),
        grouped(uncertain.resent),
        grouped(uncertain.held)
    ));
}

pub(super) fn held(page: &mut Markdown, held: &[HeldReason]) {
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
