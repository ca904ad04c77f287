//! A hook for somebody who knows better: a host's language model, or its table of earlier migrations.

use std::fmt::Debug;

use async_trait::async_trait;

use super::Audit;
use crate::{
    Badge, FieldLine, FieldSchema, Mapping, Migration, Plan, Problem, Question, Result, Severity, TransformCall,
    Transforms,
};

/// Suggests what a proposal could do better.
///
/// # Contract
/// Its suggestions stay proposals: each is marked with the advisor's name and asked about before the plan can be approved. One
/// that names an unknown field or transform, or a field that another line fills, is refused and told, never taken.
///
/// # Errors
/// An error ends the asking; what was suggested until then is lost with it, the proposal is not.
///
/// # Cancellation
/// Dropping the future changes nothing.
#[async_trait]
pub trait MappingAdvisor: Debug + Send + Sync {
    /// Its name: the origin of its suggestions in the plan.
    fn name(&self) -> &str;

    /// What it suggests, if anything.
    async fn advise(&self, matter: &Matter<'_>) -> Result<Option<Advice>>;
}

/// What an advisor is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Matter<'a> {
    /// What is known about both ends. [`Audit::redacted`] is what may leave the house.
    pub audit: &'a Audit,
    /// The mapping concerned.
    pub mapping: &'a Mapping,
    /// The line or field concerned.
    pub subject: Subject<'a>,
}

/// The line or field that an advisor is asked about.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// A line that the proposer is not sure of.
    Line(&'a FieldLine),
    /// A source field with values that no line reads.
    Unmapped(&'a FieldSchema),
}

/// A suggestion.
#[derive(Clone, Debug, PartialEq)]
pub struct Advice {
    /// The destination field.
    pub to: String,
    /// Transforms on the way.
    pub transforms: Vec<TransformCall>,
    /// How sure it is, from 0 to 1.
    pub confidence: f64,
    /// Why, in words.
    pub reason: String,
}

/// Confidence below which a line is shown to an advisor.
const SURE: f64 = 0.9;

/// Asks an advisor about every line that the proposer is not sure of and every field that nothing reads.
///
/// Gives the plan with what it suggested, each with a question, and what was refused.
///
/// # Errors
/// The advisor's.
pub async fn advise(
    mut plan: Plan,
    audit: &Audit,
    transforms: &Transforms,
    advisor: &dyn MappingAdvisor,
) -> Result<(Plan, Vec<Problem>)> {
    let mut refused = Vec::new();
    for index in 0..plan.mappings.len() {
        let mapping = plan.mappings[index].clone();
        let unsure = |line: &&FieldLine| line.link.is_none() && line.confidence.is_some_and(|sure| sure < SURE);
        for line in mapping.fields.iter().filter(unsure) {
            let matter = Matter { audit, mapping: &mapping, subject: Subject::Line(line) };
            if let Some(advice) = advisor.advise(&matter).await? {
                take(&mut plan, audit, transforms, advisor.name(), index, Some(line), &line.from, advice, &mut refused);
            }
        }
        let Some(from) = audit.source.schema.object(&mapping.from) else { continue };
        let found = audit.objects.get(&mapping.from);
        let read = |field: &FieldSchema| mapping.fields.iter().any(|line| line.from.contains(&field.name));
        let filled = |field: &FieldSchema| {
            found.and_then(|found| found.fields.get(&field.name)).is_some_and(|profile| profile.filled > 0)
        };
        for field in from.fields.values().filter(|field| !read(field) && filled(field)) {
            let matter = Matter { audit, mapping: &mapping, subject: Subject::Unmapped(field) };
            if let Some(advice) = advisor.advise(&matter).await? {
                let from = std::slice::from_ref(&field.name);
                take(&mut plan, audit, transforms, advisor.name(), index, None, from, advice, &mut refused);
            }
        }
    }
    Ok((plan, refused))
}

#[allow(clippy::too_many_arguments, reason = "the two callers differ in two of them")]
fn take(
    plan: &mut Plan,
    audit: &Audit,
    transforms: &Transforms,
    advisor: &str,
    index: usize,
    line: Option<&FieldLine>,
    from: &[crate::FieldName],
    advice: Advice,
    refused: &mut Vec<Problem>,
) {
    let blocking = |plan: &Plan| {
        let problems = plan.check(&audit.source, &audit.destination, transforms).into_iter();
        problems.filter(|problem| problem.severity == Severity::Block).collect::<Vec<_>>()
    };
    let mut changed = plan.clone();
    let mapping = &mut changed.mappings[index];
    let id = line.map_or_else(|| format!("{}.{}", mapping.id, advice.to.replace(':', ".")), |line| line.id.clone());
    let mut new = FieldLine::new(id.clone(), from.iter().cloned(), advice.to.clone());
    new.transforms = advice.transforms;
    new.badge = Some(if from.len() > 1 { Badge::ManyToOne } else { Badge::OneToOne });
    new.confidence = Some(advice.confidence.clamp(0.0, 1.0));
    let before = line.map(|line| format!("; before: {}", line.to)).unwrap_or_default();
    new.reason = Some(format!("{}{before}", advice.reason));
    new.origin = Some(advisor.to_owned());
    match line.and_then(|line| mapping.fields.iter().position(|known| known.id == line.id)) {
        Some(place) => mapping.fields[place] = new,
        None => mapping.fields.push(new),
    }
    // A field that was planned for the line alone is not made any more.
    if let Some(planned) = line.and_then(|line| line.to.strip_prefix("custom:")) {
        let used = changed.mappings.iter().flat_map(|mapping| &mapping.fields);
        if !used.into_iter().any(|line| line.to.strip_prefix("custom:") == Some(planned)) {
            changed.fields.retain(|field| field.id != planned);
        }
    }
    let known = blocking(plan);
    if let Some(problem) = blocking(&changed).into_iter().find(|problem| !known.contains(problem)) {
        let message = format!("{advisor} suggested {} for {id}: {}", advice.to, problem.message);
        refused.push(Problem::new(Severity::Warn, "advice_refused", message, problem.remedy).at(problem.pointer));
        return;
    }
    let text = format!("{advisor} suggests that {id} fills {}: {}. Is that so?", advice.to, advice.reason);
    changed.questions.push(Question {
        id: format!("advice.{id}"),
        about: String::new(),
        text: format!("{text} Otherwise mend the line."),
        choices: vec!["yes".to_owned()],
        answer: None,
    });
    *plan = changed;
}

impl Migration {
    /// Proposes a plan and asks an advisor about what the proposer is not sure of: the plan, and what was refused of the advice.
    ///
    /// # Errors
    /// The advisor's.
    pub async fn propose_advised(&self, audit: &Audit, advisor: &dyn MappingAdvisor) -> Result<(Plan, Vec<Problem>)> {
        advise(self.propose(audit), audit, &self.core.transforms, advisor).await
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{audit::tests::audited, propose},
        *,
    };
    use crate::Error;

    /// Moves the product into the title, knows a field that is not there, and sees more than it should not.
    #[derive(Debug)]
    struct Clever(&'static str);

    #[async_trait]
    impl MappingAdvisor for Clever {
        fn name(&self) -> &str {
            "clever"
        }

        async fn advise(&self, matter: &Matter<'_>) -> Result<Option<Advice>> {
            let Subject::Line(line) = matter.subject else { return Ok(None) };
            if self.0 == "broken" {
                return Err(Error::input("advise", "no model"));
            }
            Ok((line.id == "deals.title").then(|| Advice {
                to: self.0.to_owned(),
                transforms: vec![TransformCall::with("template", "{product|Deal}")],
                confidence: 2.0,
                reason: "products name deals".to_owned(),
            }))
        }
    }

    #[tokio::test]
    async fn advice_is_marked_asked_about_and_checked() {
        let audit = audited().await;
        let transforms = Transforms::standard();
        let draft = propose(&audit, &transforms);
        let (plan, refused) = advise(draft.clone(), &audit, &transforms, &Clever("title")).await.unwrap();
        assert_eq!(refused, []);
        let line = plan.mappings[2].fields.iter().find(|line| line.id == "deals.title").unwrap();
        assert_eq!((line.origin.as_deref(), line.confidence), (Some("clever"), Some(1.0)));
        assert_eq!(line.transforms[0].arguments, "{product|Deal}");
        assert!(plan.questions.iter().any(|question| question.id == "advice.deals.title" && question.answer.is_none()));
        assert_eq!(Plan::from_toml(&plan.to_toml(), "p").as_ref(), Ok(&plan), "the origin is in the file");
        let mut plain = plan.clone();
        plain.mappings[2].fields.iter_mut().for_each(|line| line.origin = None);
        assert_eq!(plain.fingerprint(), plan.fingerprint(), "who suggested it decides nothing");

        let (same, refused) = advise(draft.clone(), &audit, &transforms, &Clever("nowhere")).await.unwrap();
        assert_eq!((same, refused.len()), (draft.clone(), 1));
        assert_eq!(refused[0].code, "advice_refused");
        assert!(advise(draft, &audit, &transforms, &Clever("broken")).await.is_err());
    }
}
