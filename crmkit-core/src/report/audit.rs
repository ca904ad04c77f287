//! The audit for people.

use super::markdown::{Markdown, grouped};
use crate::Audit;

impl Audit {
    /// The audit as Markdown.
    pub fn to_markdown(&self) -> String {
        let mut page = Markdown::default().title(format!("Audit: {} to {}", self.source.kind, self.destination.kind));
        page.text(format!("Source {}, destination account {}.", self.source.instance, self.destination.account));
        page.section("Objects");
        page.table(
            ["object", "rows", "records", "quarantined", "doubtful", "without owner", "repeated"],
            self.objects.iter().map(|(name, object)| {
                [
                    name.to_string(),
                    grouped(object.rows),
                    grouped(object.records),
                    grouped(object.quarantined),
                    grouped(object.doubtful),
                    grouped(object.unowned),
                    grouped(object.duplicates.as_ref().map_or(0, |same| same.records)),
                ]
            }),
        );
        if !self.problems.is_empty() {
            page.section("Problems");
            super::problems(&mut page, &self.problems);
        }
        page.section("Fields");
        for (name, object) in &self.objects {
            page.part(name);
            page.table(
                ["field", "filled", "missing", "different", "longest", "values"],
                object.fields.iter().map(|(field, profile)| {
                    let more = if profile.distinct.exact { "" } else { "more than " };
                    let shown = profile.top.iter().take(8).map(|(value, count)| format!("{value} ({count})"));
                    [
                        field.to_string(),
                        grouped(profile.filled),
                        grouped(profile.missing),
                        format!("{more}{}", grouped(profile.distinct.count)),
                        profile.longest.to_string(),
                        shown.collect::<Vec<_>>().join(", "),
                    ]
                }),
            );
        }
        if !self.users.is_empty() {
            page.section("Owners");
            page.table(
                ["person", "e-mail", "records"],
                self.users.iter().map(|user| {
                    let name = user.name.clone().unwrap_or_else(|| user.id.to_string());
                    [name, user.email.clone().unwrap_or_default(), grouped(user.records)]
                }),
            );
        }
        if !self.source.gotchas.is_empty() || !self.destination.gotchas.is_empty() {
            page.section("Good to know");
            page.list(self.source.gotchas.iter().chain(&self.destination.gotchas));
        }
        page.done()
    }
}
