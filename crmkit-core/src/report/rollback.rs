//! A rollback for people: what would be, or was, taken back, and what stays.

use super::page::{Page, grouped};
use crate::{Kept, RollbackPreview, RollbackReport};

impl RollbackPreview {
    pub(super) fn page(&self) -> Page {
        let mut page = Page::default().title("Rollback: preview");
        page.text(format!(
            "{} records would be removed, {} would get their earlier values back, {} stay.",
            grouped(self.remove),
            grouped(self.restore),
            grouped(self.kept.len() as u64)
        ));
        kept(&mut page, &self.kept);
        if !self.retire.is_empty() {
            page.section("Schema items that would be retired");
            page.list(&self.retire);
        }
        page
    }
}

impl RollbackReport {
    pub(super) fn page(&self) -> Page {
        let mut page = Page::default().title("Rollback");
        page.text(if self.clean {
            "Everything that was ours alone is gone."
        } else {
            "Not everything could be taken back."
        });
        page.table(
            ["mapping", "taken back"],
            self.taken_back.iter().map(|(mapping, rows)| [mapping.clone(), grouped(*rows)]),
        );
        kept(&mut page, &self.kept);
        for (title, items) in [
            ("Retired schema items", &self.retired),
            ("Schema items that stay in use", &self.kept_items),
            ("Values that could not be restored", &self.unrestored),
        ] {
            if !items.is_empty() {
                page.section(title);
                page.list(items);
            }
        }
        page
    }
}

fn kept(page: &mut Page, kept: &[Kept]) {
    if kept.is_empty() {
        return;
    }
    page.section("Records that stay");
    page.table(
        ["record", "why", "because of"],
        kept.iter().map(|kept| {
            [
                kept.record.to_string(),
                kept.reason.clone(),
                kept.because_of.as_ref().map(ToString::to_string).unwrap_or_default(),
            ]
        }),
    );
}
