//! Answering the questions of a plan.

use serde_json::Value as Json;

use super::{Plan, suggest::instead};
use crate::{Problem, Severity};

impl Plan {
    /// Answers a question, and changes what it is about.
    ///
    /// A question about a text puts the answer there. One about a transform keeps it on `yes` and takes it out on `no`. `hold`
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
        let mut changed: Self = serde_json::from_value(json)
            .map_err(|error| block("wrong_value", format!("the answer does not fit: {error}"), String::new()))?;
        changed.questions[place].answer = Some(answer.to_owned());
        changed.revision += 1;
        *self = changed;
        Ok(())
    }
}

fn set(json: &mut Json, about: &str, answer: &str) {
    let Some((around, last)) = about.rsplit_once('/') else { return };
    let transform = around.ends_with("/transforms") || around == "transforms";
    match json.pointer_mut(around) {
        Some(Json::Array(list)) if transform => {
            if let Some(index) = last.parse().ok().filter(|index| *index < list.len() && answer == "no") {
                let _: Json = list.remove(index);
            }
        }
        Some(Json::Object(table)) => {
            table.insert(last.replace("~1", "/").replace("~0", "~"), Json::from(answer));
        }
        _ => {}
    }
}
