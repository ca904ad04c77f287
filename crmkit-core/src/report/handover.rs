//! The handover for people, the guides step by step.

use super::{
    page::{Page, grouped},
    reconciliation::held,
};
use crate::{Guide, GuideKind, Handover};

impl Handover {
    pub(super) fn page(&self) -> Page {
        let mut page = Page::default().title("Handover");
        page.section("To check, and to switch on again");
        page.list(&self.checklist);
        if !self.not_moved.is_empty() || self.files.left > 0 {
            page.section("Not moved");
            page.table(
                ["what", "why", "records"],
                self.not_moved.iter().map(|not| [not.what.clone(), not.reason.clone(), grouped(not.records)]),
            );
        }
        held(&mut page, &self.held);
        page.text(format!(
            "{} files moved, {} did not; the file manifest lists each.",
            grouped(self.files.moved),
            grouped(self.files.left)
        ));
        if !self.not_fully.is_empty() {
            page.section("Moved, but not fully");
            page.table(
                ["mapping", "what", "records"],
                self.not_fully.iter().map(|not| [not.mapping.to_string(), not.note.clone(), grouped(not.records)]),
            );
        }
        for (kind, title) in
            [(GuideKind::Automation, "Automations to rebuild"), (GuideKind::Segment, "Segments to rebuild")]
        {
            let guides: Vec<&Guide> = self.guides.iter().filter(|guide| guide.kind == kind).collect();
            if !guides.is_empty() {
                page.section(title);
                guides.into_iter().for_each(|guide| show(&mut page, guide));
            }
        }
        if !self.configuration.is_empty() {
            page.section("Configuration");
            page.table(
                ["kind", "object", "name", "id", ""],
                self.configuration.iter().map(|item| {
                    let made = if item.made { "made" } else { "was there" };
                    [
                        item.kind.as_str().to_owned(),
                        item.object.to_string(),
                        item.name.clone(),
                        item.id.clone(),
                        made.to_owned(),
                    ]
                }),
            );
        }
        page.section("Which field went where");
        page.table(
            ["from", "to", "through", "kind"],
            self.map.iter().map(|line| {
                let badge = line.badge.and_then(|badge| serde_json::to_value(badge).ok());
                let badge = badge.and_then(|badge| badge.as_str().map(str::to_owned)).unwrap_or_default();
                [line.from.clone(), line.to.clone(), line.transforms.join(", "), badge]
            }),
        );
        page
    }
}

fn show(page: &mut Page, guide: &Guide) {
    page.part(&guide.name);
    page.list(guide.facts.iter().map(|(name, value)| format!("{name}: {value}")));
    page.table(
        ["step", "what", "settings", "here"],
        guide.steps.iter().map(|step| {
            let settings: Vec<String> = step.settings.iter().map(|(name, value)| format!("{name} = {value}")).collect();
            let place = format!("{}{}", "> ".repeat(step.depth.into()), step.place);
            let here = step.destination.clone().unwrap_or_else(|| "to be decided".to_owned());
            [place, step.what.clone(), settings.join("; "), here]
        }),
    );
}
