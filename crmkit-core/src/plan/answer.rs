//! Answering the questions of a plan.

use serde_json::Value as Json;

use super::{Plan, Question, suggest::instead};
use crate::{Problem, Severity};

impl Plan {
    /// Answers a question, and changes what it is about.
    ///
    /// A question about a text puts the answer there. One about a transform or a merge map keeps it on `yes` and takes it out on `no`. `hold`
    /// leaves an owner open, so that its records wait. The revision rises.
    ///
    /// # Errors
    /// There is no such question, or the answer does not fit.
    ///
    /// ```
    /// use crmkit_core::{Plan, PlanEnd, Question};
    /// let end = |kind: &str| PlanEnd { kind: kind.into(), instance: None };
    /// let mut plan = Plan::new(end("allegory"), end("pipedrive"));
    /// plan.questions.push(Question {
    ///     id: "zone".into(),
    ///     about: "/time_zone".into(),
    ///     text: "In which time zone are times that carry none?".into(),
    ///     choices: vec![],
    ///     answer: None,
    /// });
    /// plan.answer("zone", "Europe/Oslo")?;
    /// assert_eq!(plan.time_zone.as_deref(), Some("Europe/Oslo"));
    /// # Ok::<(), Box<crmkit_core::Problem>>(())
    /// ```
    pub fn answer(&mut self, question: &str, answer: &str) -> Result<(), Box<Problem>> {
        let block = |code: &str, message: String, remedy: String| {
            Box::new(Problem::new(Severity::Block, code, message, remedy).at("/questions"))
        };
        let Some(place) = self.questions.iter().position(|known| known.id == question) else {
            let remedy = instead(question, self.questions.iter().map(|known| known.id.as_str()));
            return Err(block("unknown_question", format!("the plan asks no question {question:?}"), remedy));
        };
        let about = self.questions[place].about.clone();
        let mut json = serde_json::to_value(&*self).expect("plans are serialisable");
        if !about.is_empty() && answer != "hold" {
            set(&mut json, &about, answer);
        }
        // What it was about is gone, and another transform may have its place.
        if is_transform(&about) && answer == "no" {
            json["questions"][place]["about"] = Json::from("");
        }
        let mut changed: Self = serde_json::from_value(json)
            .map_err(|error| block("wrong_value", format!("the answer does not fit: {error}"), String::new()))?;
        changed.questions[place].answer = Some(answer.to_owned());
        changed.revision += 1;
        *self = changed;
        Ok(())
    }
}

/// Whether a pointer names a transform of a line.
fn is_transform(about: &str) -> bool {
    about.rsplit_once('/').is_some_and(|(around, _)| around.ends_with("/transforms"))
}

/// Whether a pointer names a mapping's merge map.
fn is_merge(about: &str) -> bool {
    about.starts_with("/mappings/") && about.ends_with("/merge")
}

/// What an answer says and the plan does not: somebody wrote the one and not the other.
pub(super) fn unapplied(plan: &Plan) -> Vec<(usize, &Question)> {
    let json = serde_json::to_value(plan).expect("plans are serialisable");
    let differs = |question: &Question| {
        let Some(answer) = question.answer.as_deref().filter(|answer| *answer != "hold") else { return false };
        let there = json.pointer(&question.about);
        if is_transform(&question.about) {
            return answer == "no" && there.is_some();
        }
        if is_merge(&question.about) {
            return answer == "no" && there.is_some();
        }
        !question.about.is_empty() && there.and_then(Json::as_str) != Some(answer)
    };
    plan.questions.iter().enumerate().filter(|(_, question)| differs(question)).collect()
}

fn set(json: &mut Json, about: &str, answer: &str) {
    let Some((around, last)) = about.rsplit_once('/') else { return };
    match json.pointer_mut(around) {
        Some(Json::Array(list)) if is_transform(about) => {
            if let Some(index) = last.parse().ok().filter(|index| *index < list.len() && answer == "no") {
                let _: Json = list.remove(index);
            }
        }
        Some(Json::Object(table)) if is_merge(about) && answer == "no" => {
            table.remove(last);
        }
        Some(Json::Object(_)) if is_merge(about) => {}
        Some(Json::Object(table)) => {
            table.insert(last.replace("~1", "/").replace("~0", "~"), Json::from(answer));
        }
        _ => {}
    }
}
