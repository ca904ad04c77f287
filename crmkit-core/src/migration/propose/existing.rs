//! Rules for records that the destination has already, where it has some.

use super::{Lines, Proposing, lines::folded};
use crate::{FieldConcept, FieldSchema, MatchPolicy, MatchRule, ObjectConcept, Overwrite};

impl<'a> Proposing<'a> {
    /// A rule by what identifies a record, with lines that fill only what is empty there; and a question.
    pub(super) fn matching(&mut self, lines: &mut Lines<'a>, index: usize) -> Option<MatchRule> {
        use {FieldConcept as F, ObjectConcept as O};
        if !self.audit.existing.contains(&lines.to.name) {
            return None;
        }
        let wanted: &[F] = match lines.to.concept {
            Some(O::Person | O::Lead) => &[F::Emails],
            Some(O::Organization) => &[F::Domain, F::Name],
            _ => &[],
        };
        let filled = |field: &&FieldSchema| lines.lines.iter().any(|line| field.name == line.to.as_str());
        let by = wanted.iter().find_map(|concept| lines.to.by_concept(*concept).filter(filled))?;
        for line in &mut lines.lines {
            // Nobody's consent is overwritten by what an older system says.
            let consent = folded(&line.to).contains("consent")
                || line.from.iter().any(|name| folded(name.as_str()).contains("consent"));
            line.overwrite = if consent { Overwrite::Never } else { Overwrite::IfEmpty };
        }
        let text = format!(
            "The destination has records of {} already. One with the same {} as a source record: update it (only what is empty \
             there is filled), link to it as it is, skip the source record, or create another one?",
            lines.to.label,
            by.label.to_lowercase()
        );
        let choices = ["update", "link", "skip", "create"].map(str::to_owned).to_vec();
        self.ask(format!("matching.{}", lines.mapping), format!("/mappings/{index}/matching/found"), text, choices);
        Some(MatchRule { by: by.name.clone(), found: MatchPolicy::Update })
    }
}
