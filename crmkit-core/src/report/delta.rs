//! A delta for people: what came over, what is gone, what changed at both ends.

use super::{
    page::Page,
    reconciliation::{bars, counts, held, uncertain},
};
use crate::{ConflictPolicy, DeltaReport, Gone};

impl DeltaReport {
    pub(super) fn page(&self) -> Page {
        let mut page = Page::default().title("Delta");
        page.text(if self.finished { "The delta is finished." } else { "The delta is not finished." });
        page.list(&self.waits_for);
        bars(&mut page, self.objects.iter());
        counts(&mut page, self.objects.iter());
        gone(&mut page, "Gone at the source, and still here", &self.gone);
        gone(&mut page, "Gone at the source, and removed here", &self.removed);
        if !self.kept.is_empty() {
            page.section("Not removed");
            page.table(["record", "why"], self.kept.iter().map(|kept| [kept.record.to_string(), kept.reason.clone()]));
        }
        if !self.conflicts.is_empty() {
            page.section("Changed at both ends");
            page.table(
                ["source", "destination", "fields", "done"],
                self.conflicts.iter().map(|conflict| {
                    let fields: Vec<&str> = conflict.fields.iter().map(|field| field.as_str()).collect();
                    let done = match conflict.policy {
                        ConflictPolicy::KeepTheirs => "theirs was kept",
                        ConflictPolicy::TakeOurs => "ours was written",
                        ConflictPolicy::Hold => "held",
                    };
                    [conflict.source.to_string(), conflict.destination.to_string(), fields.join(", "), done.to_owned()]
                }),
            );
        }
        uncertain(&mut page, self.uncertain);
        held(&mut page, &self.held);
        page
    }
}

fn gone(page: &mut Page, title: &str, gone: &[Gone]) {
    if gone.is_empty() {
        return;
    }
    page.section(title);
    page.table(
        ["source", "destination", "how it is known"],
        gone.iter().map(|gone| {
            let how = match (gone.told, gone.certain) {
                (true, _) => "the source says so",
                (false, true) => "a whole walk did not meet it",
                (false, false) => "a walk with unreadable rows did not meet it",
            };
            [gone.source.to_string(), gone.destination.to_string(), how.to_owned()]
        }),
    );
}
