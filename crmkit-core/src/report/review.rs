//! The review for people.

use super::markdown::{Markdown, grouped};
use crate::{PhaseTask, Review};

impl Review {
    /// The review as Markdown.
    pub fn to_markdown(&self) -> String {
        let mut page = Markdown::default().title("Review of the plan");
        page.text(format!("Plan {}.", self.plan));
        page.text(format!("Grade {} {}: {}.", self.grade.letter, self.grade.label, self.grade.reason));
        page.text(format!("{} of {} lines are one field to one field.", self.one_to_one, self.lines));
        page.text(if self.blocked() { "It cannot be approved yet." } else { "It can be approved." });
        if !self.problems.is_empty() {
            page.section("Problems");
            super::problems(&mut page, &self.problems);
        }
        page.section("Records");
        page.table(
            ["mapping", "records", "left out", "merged", "waiting"],
            self.expected.iter().map(|known| {
                let held = known.held.iter().map(|(reason, count)| format!("{}: {reason}", grouped(*count)));
                let most = if known.exact { "" } else { "at most " };
                [
                    known.mapping.to_string(),
                    format!("{most}{}", grouped(known.records)),
                    grouped(known.excluded),
                    grouped(known.merged),
                    held.collect::<Vec<_>>().join("; "),
                ]
            }),
        );
        page.section("Fields");
        for mapping in &self.diff {
            page.part(format!("{} to {} ({})", mapping.from, mapping.to, mapping.mapping));
            page.table(
                ["line", "from", "to", "", "through"],
                mapping.lines.iter().map(|line| {
                    let badge = serde_json::to_value(line.badge).ok();
                    let badge = badge.as_ref().and_then(|badge| badge.as_str()).unwrap_or_default().to_owned();
                    let from = line.from.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
                    [line.line.clone(), from, line.to.clone(), badge, line.transforms.join(", ")]
                }),
            );
            if !mapping.left_out.is_empty() {
                let left: Vec<&str> = mapping.left_out.iter().map(|name| name.as_str()).collect();
                page.text(format!("Not moved: {}.", left.join(", ")));
            }
        }
        if !self.left_behind.is_empty() {
            page.section("Left behind");
            page.list(self.left_behind.iter().map(|(name, records)| format!("{name}: {} records", grouped(*records))));
        }
        page.section("To be made");
        let cap = self.custom_field_cap.map(|cap| format!(" of {}", grouped(cap))).unwrap_or_default();
        page.text(format!("Custom fields afterwards: {}{cap}.", grouped(self.custom_fields)));
        page.table(
            ["what", "object", "name"],
            self.items
                .iter()
                .map(|item| [format!("{:?}", item.kind).to_lowercase(), item.object.to_string(), item.name.clone()]),
        );
        page.section("Calls");
        page.table(
            ["phase", "", "mappings", "writes", "read back"],
            self.phases.iter().map(|phase| {
                let mappings = phase.mappings.iter().map(|id| id.as_str()).collect::<Vec<_>>().join(", ");
                let task = if phase.task == PhaseTask::Write { "write" } else { "link" };
                let number = phase.phase.to_string();
                [number, task.to_owned(), mappings, grouped(phase.writes), grouped(phase.read_back)]
            }),
        );
        if !self.quiet.is_empty() {
            page.section("Before the import");
            page.list(&self.quiet);
        }
        page.done()
    }
}
