//! A plan as TOML and JSON, in and out, and its fingerprint.

use serde_json::Value as Json;

use super::{
    Plan, shape,
    spans::{self, Spans},
    write,
};
use crate::{Digest, Problem, Severity};

impl Plan {
    /// Reads a plan from TOML; a text that begins with a brace is read as JSON.
    ///
    /// # Errors
    /// Every slip as a problem with its file, line and pointer: syntax, unknown keys, wrong types, missing keys.
    ///
    /// ```
    /// use crmkit_core::Plan;
    /// let text = "format = \"crmkit.plan\"\nversion = 1\n[source]\nkind = \"allegory\"\n[destination]\nknd = \"pipedrive\"\n";
    /// let problems = Plan::from_toml(text, "plan.toml").expect_err("a key is misspelt");
    /// assert_eq!(problems[1].to_string(), "plan.toml:6: /destination/knd: no key \"knd\" belongs here; did you mean \"kind\"?");
    /// ```
    pub fn from_toml(text: &str, file: &str) -> Result<Self, Vec<Problem>> {
        read(spans::read(text, file)?, file)
    }

    /// Reads a plan from JSON.
    ///
    /// # Errors
    /// As [`Plan::from_toml`].
    ///
    /// ```
    /// use crmkit_core::{Plan, PlanEnd};
    /// let end = |kind: &str| PlanEnd { kind: kind.into(), instance: None };
    /// let plan = Plan::new(end("allegory"), end("pipedrive"));
    /// assert_eq!(Plan::from_json(&plan.to_json(), "plan.json"), Ok(plan));
    /// ```
    pub fn from_json(text: &str, file: &str) -> Result<Self, Vec<Problem>> {
        read(spans::read_json(text, file)?, file)
    }

    /// The plan as TOML with comments that explain its sections.
    ///
    /// It reads back as the same plan, except that `null` inside the arguments of a transform is left out: TOML has none.
    ///
    /// ```
    /// use crmkit_core::{Plan, PlanEnd};
    /// let end = |kind: &str| PlanEnd { kind: kind.into(), instance: None };
    /// let plan = Plan::new(end("allegory"), end("pipedrive"));
    /// assert_eq!(Plan::from_toml(&plan.to_toml(), "plan.toml"), Ok(plan));
    /// ```
    pub fn to_toml(&self) -> String {
        write::plan(self)
    }

    /// The plan as indented JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("plans are serialisable")
    }

    /// What an approval is of: the digest of everything that decides what is written.
    ///
    /// Left out are the revision and each line's confidence, reason, origin and badge. The order of keys, comments, and whether it was
    /// TOML or JSON make no difference; the order of lists does.
    ///
    /// ```
    /// use crmkit_core::{Plan, PlanEnd};
    /// let end = |kind: &str| PlanEnd { kind: kind.into(), instance: None };
    /// let mut plan = Plan::new(end("allegory"), end("pipedrive"));
    /// let before = plan.fingerprint();
    /// plan.revision += 1;
    /// assert_eq!(plan.fingerprint(), before);
    /// plan.time_zone = Some("Europe/Oslo".into());
    /// assert_ne!(plan.fingerprint(), before);
    /// ```
    pub fn fingerprint(&self) -> Digest {
        let mut bare = self.clone();
        bare.revision = 0;
        for line in bare.mappings.iter_mut().flat_map(|mapping| &mut mapping.fields) {
            line.badge = None;
            line.confidence = None;
            line.reason = None;
            line.origin = None;
        }
        Digest::of_document(&bare)
    }

    /// Gives problems with this plan their lines in the text it was read from. A text that cannot be read locates nothing.
    ///
    /// ```
    /// use crmkit_core::{Plan, Problem, Severity};
    /// let mut problems = [Problem::new(Severity::Block, "unknown_time_zone", "no such zone", "").at("/time_zone")];
    /// Plan::locate(&mut problems, "version = 1\ntime_zone = \"Mars\"\n", "plan.toml");
    /// assert_eq!(problems[0].line, Some(2));
    /// ```
    pub fn locate(problems: &mut [Problem], text: &str, file: &str) {
        if let Ok((_, spans)) = spans::read(text, file) {
            place(problems, &spans, file);
        }
    }
}

fn place(problems: &mut [Problem], spans: &Spans, file: &str) {
    for problem in problems.iter_mut().filter(|problem| problem.file.is_none()) {
        problem.file = Some(file.to_owned());
        problem.line = spans.line(&problem.pointer);
    }
}

fn read((mut json, spans): (Json, Spans), file: &str) -> Result<Plan, Vec<Problem>> {
    let mut problems = Vec::new();
    let block = |code: &str, message: String, remedy: &str| Problem::new(Severity::Block, code, message, remedy);
    match (json["format"].as_str(), json["version"].as_u64()) {
        (Some(format), _) if format != Plan::FORMAT => {
            let message = format!("{format:?} is not the format of a plan");
            problems.push(block("wrong_format", message, "write format = \"crmkit.plan\"").at("/format"));
        }
        (_, Some(version)) if version != u64::from(Plan::VERSION) => {
            let message = format!("version {version} of the plan format is not known here");
            problems.push(block("wrong_version", message, "read it with the crmkit that wrote it").at("/version"));
        }
        _ => shape::check(&mut json, &shape::PLAN, "", &mut problems),
    }
    if problems.is_empty() {
        match serde_json::from_value(json) {
            Ok(plan) => return Ok(plan),
            Err(error) => problems.push(block("wrong_value", error.to_string(), "mend the value")),
        }
    }
    place(&mut problems, &spans, file);
    problems.sort_by_key(|problem| problem.line);
    Err(problems)
}

#[cfg(test)]
mod tests;
