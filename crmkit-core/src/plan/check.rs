//! Whether a plan fits its source and destination: pure, so that a host's web page can ask on every key stroke.

use std::collections::BTreeSet;

use super::{Plan, suggest::instead};
use crate::{Destination, ObjectName, Permission, Problem, Severity, Source, Transforms};

mod items;
mod line;
mod mapping;
mod values;

pub(crate) use items::custom_fields;

/// Codes of blocking findings that a plan's `accept` may take on.
const ACCEPTABLE: [&str; 3] = ["no_delete", "no_see_all", "fields_stay"];

impl Plan {
    /// What is wrong with the plan for this source and destination: located, graded, each with its remedy.
    ///
    /// Nothing that blocks is left for the run: names, types along every line's transforms, links and their order, owners,
    /// options and stages, caps, permissions, open questions.
    ///
    /// ```
    /// use crmkit_core::{Destination, Plan, PlanEnd, Source, Transforms};
    /// # let nothing = serde_json::json!({"kind": "mock", "instance": "1", "account": "1", "schema": {"objects": {}}, "counts": {},
    /// #     "problems": [], "abilities": {}, "users": [], "items": [], "permissions": {}, "caps": {}, "gotchas": []});
    /// # let source: Source = serde_json::from_value(nothing.clone()).unwrap();
    /// # let destination: Destination = serde_json::from_value(nothing).unwrap();
    /// let end = || PlanEnd { kind: "mock".into(), instance: None };
    /// let mut plan = Plan::new(end(), end());
    /// assert_eq!(plan.check(&source, &destination, &Transforms::standard()), vec![]);
    /// plan.time_zone = Some("Europe/Olso".into());
    /// let problems = plan.check(&source, &destination, &Transforms::standard());
    /// assert_eq!(problems[0].remedy, "did you mean \"Europe/Oslo\"?");
    /// ```
    pub fn check(&self, source: &Source, destination: &Destination, transforms: &Transforms) -> Vec<Problem> {
        let destination = &*self.prepared(destination);
        let mut check = Check { plan: self, source, destination, transforms, problems: Vec::new() };
        check.ends();
        check.settings();
        check.questions();
        check.permissions();
        check.owners();
        check.items();
        check.mappings();
        if let Err(problem) = self.phases(destination) {
            check.problems.push(problem);
        }
        for problem in &mut check.problems {
            if ACCEPTABLE.contains(&problem.code.as_str()) && self.accept.contains(&problem.code) {
                problem.severity = Severity::Warn;
            }
        }
        check.problems
    }
}

pub(super) struct Check<'a> {
    plan: &'a Plan,
    source: &'a Source,
    destination: &'a Destination,
    transforms: &'a Transforms,
    problems: Vec<Problem>,
}

impl<'a> Check<'a> {
    fn say(
        &mut self,
        severity: Severity,
        code: &str,
        pointer: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.problems.push(Problem::new(severity, code, message, remedy).at(pointer));
    }

    fn block(&mut self, code: &str, pointer: impl Into<String>, message: impl Into<String>, remedy: impl Into<String>) {
        self.say(Severity::Block, code, pointer, message, remedy);
    }

    fn warn(&mut self, code: &str, pointer: impl Into<String>, message: impl Into<String>, remedy: impl Into<String>) {
        self.say(Severity::Warn, code, pointer, message, remedy);
    }

    fn ends(&mut self) {
        let ends = [
            ("source", &self.plan.source, &self.source.kind, &self.source.instance),
            ("destination", &self.plan.destination, &self.destination.kind, &self.destination.account),
        ];
        for (side, end, kind, instance) in ends {
            let mut wrong = |what: &str, planned: &str, found: &str| {
                let message = format!("the plan was made for the {side} {planned:?}, and this one is {found:?}");
                self.block(
                    "other_account",
                    format!("/{side}/{what}"),
                    message,
                    "open the account the plan was made for",
                );
            };
            if end.kind != *kind {
                wrong("kind", &end.kind, kind);
            }
            if let Some(planned) = end.instance.as_deref().filter(|planned| *planned != *instance) {
                wrong("instance", planned, instance);
            }
        }
    }

    fn settings(&mut self) {
        for (key, zone) in [("time_zone", &self.plan.time_zone), ("date_zone", &self.plan.date_zone)] {
            let Some(zone) = zone.as_deref().filter(|zone| zone.parse::<chrono_tz::Tz>().is_err()) else { continue };
            let remedy = instead(zone, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()));
            self.block("unknown_time_zone", format!("/{key}"), format!("no time zone {zone:?} is known"), remedy);
        }
        let is_code = |code: &String| code.len() == 3 && code.bytes().all(|letter| letter.is_ascii_uppercase());
        if self.plan.currency.as_ref().is_some_and(|code| !is_code(code)) {
            self.block("unknown_currency", "/currency", "this is no currency code", "write three letters: \"EUR\"");
        }
        if !(0.0..=1.0).contains(&self.plan.stop_when) {
            self.block("wrong_value", "/stop_when", "this is no share", "write a number from 0 to 1");
        }
        for (index, code) in
            self.plan.accept.iter().enumerate().filter(|(_, code)| !ACCEPTABLE.contains(&code.as_str()))
        {
            let remedy = instead(code, ACCEPTABLE);
            self.warn("unknown_code", format!("/accept/{index}"), format!("{code:?} cannot be accepted"), remedy);
        }
    }

    fn questions(&mut self) {
        let mut ids = BTreeSet::new();
        for (index, question) in self.plan.questions.iter().enumerate() {
            let pointer = format!("/questions/{index}");
            if !ids.insert(&question.id) {
                self.block(
                    "duplicate_id",
                    pointer.clone(),
                    format!("there are two questions {:?}", question.id),
                    "rename one",
                );
            }
            if question.answer.is_none() {
                let remedy = match &question.choices[..] {
                    [] => "answer it".to_owned(),
                    choices => format!("answer it, for example with {}", choices.join(" or ")),
                };
                self.block("unanswered_question", pointer, question.text.clone(), remedy);
            }
        }
        for (index, question) in super::answer::unapplied(self.plan) {
            let message = format!("the answer to {:?} is not what the plan says at {}", question.id, question.about);
            let remedy = "make the two say the same";
            self.block("unapplied_answer", format!("/questions/{index}/answer"), message, remedy);
        }
    }

    fn permissions(&mut self) {
        let plan = self.plan;
        let provisions =
            !(plan.fields.is_empty() && plan.pipelines.is_empty() && plan.objects.is_empty() && plan.items.is_empty());
        let wanted = [
            ("delete", "no_delete", true, "remove records, so a rollback could not take them back"),
            ("see_all", "no_see_all", true, "see all records, so duplicates and lost answers could stay hidden"),
            ("schema", "no_schema", provisions, "create pipelines and custom fields"),
            ("set_owner", "no_set_owner", true, "set owners, so everything would belong to the importing user"),
        ];
        for (permission, code, needed, what) in wanted {
            if needed && self.destination.permissions.get(permission) == Some(&Permission::No) {
                let remedy = if ACCEPTABLE.contains(&code) {
                    format!("use an administrator's credentials, or add {code:?} to accept")
                } else {
                    "use an administrator's credentials".to_owned()
                };
                self.block(code, "", format!("the credentials may not {what}"), remedy);
            }
        }
        if self.destination.permissions.get("remove_fields") == Some(&Permission::No) {
            self.lasting_fields();
        }
    }

    fn owners(&mut self) {
        let owners = &self.plan.owners;
        let mut named: Vec<(String, &str)> = Vec::new();
        named.extend(owners.fallback.as_deref().map(|email| ("/owners/fallback".to_owned(), email)));
        named.extend(owners.unowned.as_deref().map(|email| ("/owners/unowned".to_owned(), email)));
        for (alias, email) in &owners.aliases {
            named.push((super::spans::deeper("/owners/aliases", alias), email));
        }
        for (pointer, email) in named {
            let known = self.destination.users.iter().find(|user| user.email.trim().eq_ignore_ascii_case(email.trim()));
            let problem = match known {
                None => "no member has this e-mail address",
                Some(user) if !user.active => "the member with this e-mail address is not active",
                Some(_) => continue,
            };
            let active: Vec<&str> =
                self.destination.users.iter().filter(|user| user.active).map(|user| user.email.as_str()).collect();
            self.block("unknown_owner", pointer, problem, instead(email, active));
        }
    }

    /// The destination object of that name, or a problem.
    fn destination_object(&mut self, name: &ObjectName, pointer: String) -> Option<&'a crate::ObjectSchema> {
        let found = self.destination.schema.object(name);
        if found.is_none() {
            let remedy = instead(name.as_str(), self.destination.schema.objects.keys().map(|name| name.as_str()));
            self.block("unknown_object", pointer, format!("the destination has no object {name:?}"), remedy);
        }
        found
    }
}

#[cfg(test)]
mod tests;
