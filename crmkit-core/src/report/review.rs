//! The review for people.

use super::page::{Page, grouped};
use crate::{Effort, PhaseTask, Review};

impl Review {
    pub(super) fn page(&self) -> Page {
        let mut page = Page::default().title("Review of the plan");
        page.text(format!("Plan {}.", self.plan));
        page.text(format!("Grade {} {}: {}.", self.grade.letter, self.grade.label, self.grade.reason));
        page.text(format!(
            "{} of {} objects and {} of {} lines are one to one.",
            self.compatibility.one_to_one, self.compatibility.objects, self.one_to_one, self.lines
        ));
        page.text(format!("Time: {} ({}).", self.timeline.label(), self.timeline.reasons.join("; ")));
        page.text(if self.blocked() { "It cannot be approved yet." } else { "It can be approved." });
        if !self.problems.is_empty() {
            page.section("Problems");
            super::problems(&mut page, &self.problems);
        }
        page.section("Grade");
        page.table(
            ["judged by", "", "finding"],
            self.grade.factors.iter().map(|factor| {
                let weight = format!("{:?}", factor.weight).to_lowercase();
                [factor.kind.label().to_owned(), weight, factor.finding.clone()]
            }),
        );
        page.table(
            ["object", "goes to", ""],
            self.compatibility.each.iter().map(|fit| {
                let to: Vec<&str> = fit.to.iter().map(|name| name.as_str()).collect();
                let badge = fit.badge.map_or("stays behind".to_owned(), word);
                [fit.object.to_string(), to.join(", "), badge]
            }),
        );
        self.records(&mut page);
        self.schema_diff(&mut page);
        if !self.left_behind.is_empty() {
            page.section("Left behind");
            page.list(self.left_behind.iter().map(|(name, records)| format!("{name}: {} records", grouped(*records))));
        }
        page.section("To be made");
        let cap = self.custom_field_cap.map(|cap| format!(" of {}", grouped(cap))).unwrap_or_default();
        page.text(format!("Custom fields afterwards: {}{cap}.", grouped(self.custom_fields)));
        page.table(
            ["what", "object", "name"],
            self.items.iter().map(|item| [word(item.kind), item.object.to_string(), item.name.clone()]),
        );
        self.effort(&mut page);
        if !self.quiet.is_empty() {
            page.section("Before the import");
            page.table(
                ["object", "may start by itself", "answer"],
                self.quiet.iter().map(|item| {
                    let answer = item.answer.clone().unwrap_or_else(|| "open".to_owned());
                    [item.object.to_string(), item.what.clone(), answer]
                }),
            );
        }
        if !self.gotchas.is_empty() {
            page.section("Good to know");
            page.list(&self.gotchas);
        }
        page
    }

    fn records(&self, page: &mut Page) {
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
        page.section("Owners");
        if self.owners.unowned > 0 {
            let to = self.owners.unowned_to.as_ref().map_or("they wait".to_owned(), |to| format!("{to} gets them"));
            page.text(format!("{} records have no owner at the source: {to}.", grouped(self.owners.unowned)));
        }
        if self.owners.held > 0 {
            page.text(format!("{} records wait because their owner has no member.", grouped(self.owners.held)));
        }
        page.table(
            ["owner", "e-mail", "records", ""],
            self.owners.owners.iter().map(|owner| {
                let email = owner.email.clone().unwrap_or_default();
                [owner.owner.clone(), email, grouped(owner.records), owner.outcome.label().to_owned()]
            }),
        );
    }

    fn schema_diff(&self, page: &mut Page) {
        page.section("Fields");
        for mapping in &self.diff {
            page.part(format!("{} to {} ({})", mapping.from, mapping.to, mapping.mapping));
            page.table(
                ["line", "from", "to", "how", "", "records", "through"],
                mapping.lines.iter().map(|line| {
                    let typed = |name: &str, ty: Option<&String>| match ty {
                        Some(ty) => format!("{name} ({ty})"),
                        None => name.to_owned(),
                    };
                    let from: Vec<String> = line
                        .from
                        .iter()
                        .enumerate()
                        .map(|(place, name)| typed(name.as_str(), line.from_types.get(place)))
                        .collect();
                    [
                        line.line.clone(),
                        from.join(", "),
                        typed(&line.to, line.to_type.as_ref()),
                        line.kind.label().to_owned(),
                        word(line.badge),
                        grouped(line.filled),
                        line.transforms.join(", "),
                    ]
                }),
            );
            if !mapping.left_out.is_empty() {
                let left: Vec<String> =
                    mapping.left_out.iter().map(|left| format!("{} ({})", left.field, grouped(left.filled))).collect();
                page.text(format!("Not moved: {}.", left.join(", ")));
            }
            if !mapping.unfilled.is_empty() {
                let names: Vec<&str> = mapping.unfilled.iter().map(|name| name.as_str()).collect();
                page.text(format!("Required and filled by nothing: {}.", names.join(", ")));
            }
        }
    }

    fn effort(&self, page: &mut Page) {
        page.section("Calls");
        page.table(
            ["phase", "", "mappings", "writes", "read back", "calls", "tokens", "time"],
            self.phases.iter().map(|phase| {
                let mappings = phase.mappings.iter().map(|id| id.as_str()).collect::<Vec<_>>().join(", ");
                let task = if phase.task == PhaseTask::Write { "write" } else { "link" };
                let [calls, tokens, time] = told(phase.cost);
                let writes = grouped(phase.writes);
                let number = phase.phase.to_string();
                [number, task.to_owned(), mappings, writes, grouped(phase.read_back), calls, tokens, time]
            }),
        );
        let efforts = &self.efforts;
        page.table(
            ["step", "calls", "tokens", "time"],
            [
                ("prepare", efforts.prepare),
                ("sample", efforts.sample),
                ("run", efforts.run),
                ("reconcile", efforts.reconcile),
                ("in all", efforts.total),
                ("a rollback, if it comes to that", efforts.rollback),
            ]
            .map(|(step, effort)| {
                let [calls, tokens, time] = told(effort);
                [step.to_owned(), calls, tokens, time]
            }),
        );
        page.text(match (efforts.days, efforts.limits_published) {
            (None, _) => "Nobody knows the account's limits.".to_owned(),
            (Some(1), true) => "The account's limits leave it in one day.".to_owned(),
            (Some(days), true) => format!("The account's limits spread it over {days} days."),
            (Some(days), false) => format!("At limits that are a guess: {days} days."),
        });
    }
}

fn told(effort: Effort) -> [String; 3] {
    let time = match effort.minutes {
        None => String::new(),
        Some(minutes) if minutes < 90 => format!("{minutes} min"),
        Some(minutes) => format!("{}.{} h", minutes / 60, minutes % 60 / 6),
    };
    [grouped(effort.calls), if effort.tokens > 0 { grouped(effort.tokens) } else { String::new() }, time]
}

/// The word that a document has for something.
fn word(of: impl serde::Serialize) -> String {
    let json = serde_json::to_value(of).ok();
    json.as_ref().and_then(|json| json.as_str()).unwrap_or_default().replace('_', " ")
}
