//! The sample, field by field, for the person who approves it.

use super::{
    page::{Page, grouped},
    reconciliation::held,
};
use crate::{ComparedRecord, SampleDiff};

/// How many records are shown in full; the JSON document has all.
const SHOWN: usize = 20;

impl SampleDiff {
    pub(super) fn page(&self) -> Page {
        let mut page = Page::default().title("Sample");
        page.text(format!(
            "{} records were chosen, {} were written and read back, {} fields differ. {}",
            grouped(self.chosen),
            grouped(self.compared),
            grouped(self.differing),
            if self.rolled_back { "The sample was taken back." } else { "The sample stays and is part of the run." }
        ));
        let differing: Vec<&ComparedRecord> =
            self.records.iter().filter(|record| record.fields.iter().any(|field| !field.same)).collect();
        if !differing.is_empty() {
            page.section("Different");
            differing.iter().for_each(|record| show(&mut page, record));
        }
        held(&mut page, &self.held);
        page.section("Records");
        self.records.iter().take(SHOWN).for_each(|record| show(&mut page, record));
        page
    }
}

fn show(page: &mut Page, record: &ComparedRecord) {
    page.part(format!("{} as {}", record.source, record.destination));
    page.table(
        ["field", "source", "expected", "found", ""],
        record.fields.iter().map(|field| {
            let source: Vec<String> = field.source.iter().map(|(name, value)| format!("{name}: {value}")).collect();
            [
                field.field.to_string(),
                source.join(", "),
                field.expected.to_string(),
                field.actual.as_ref().map(ToString::to_string).unwrap_or_default(),
                if field.same { String::new() } else { "differs".to_owned() },
            ]
        }),
    );
}
