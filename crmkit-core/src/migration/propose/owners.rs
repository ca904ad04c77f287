//! Owners: the line, and questions about those who have no member.

use super::{Lines, Proposing, why};
use crate::{Badge, FieldConcept};

impl<'a> Proposing<'a> {
    pub(super) fn owner_line(&mut self, lines: &mut Lines<'a>) {
        let Some(target) = lines.to.by_concept(FieldConcept::Owner).filter(|field| field.writable) else { return };
        let source = [FieldConcept::Owner, FieldConcept::Author].into_iter().find_map(|concept| lines.source(concept));
        if let Some(field) = source {
            let reason = "owners are matched by e-mail address";
            lines.add(&[field], target.name.as_str(), vec![], why(Badge::OneToOne, 0.95, reason));
        }
    }

    pub(super) fn owners(&mut self) {
        let members: Vec<&str> = self
            .audit
            .destination
            .users
            .iter()
            .filter(|user| user.active && !user.importing)
            .map(|user| user.email.as_str())
            .collect();
        let members: Vec<String> = members.into_iter().map(str::to_owned).collect();
        let owned = self.pairs.iter().filter(|pair| pair.to.by_concept(FieldConcept::Owner).is_some());
        let (mut unmatched, mut unowned) = (indexmap::IndexMap::<String, u64>::new(), 0);
        for pair in owned {
            let Some(found) = self.audit.objects.get(&pair.from.name) else { continue };
            if pair.from.by_concept(FieldConcept::Owner).or(pair.from.by_concept(FieldConcept::Author)).is_none() {
                unowned += found.records;
                continue;
            }
            unowned += found.unowned;
            for (owner, records) in &found.owners {
                if !self.audit.has_member(owner) {
                    *unmatched.entry(owner.clone()).or_default() += records;
                }
            }
        }
        if !unmatched.is_empty() {
            let records: u64 = unmatched.values().sum();
            let text = format!(
                "{} owners at the source have no active member here ({records} records). Name the member who takes their \
                 records, or write owners.aliases one by one and answer \"hold\" to keep the rest waiting.",
                unmatched.len()
            );
            let mut choices = members.clone();
            choices.push("hold".to_owned());
            self.ask("owners.fallback", "/owners/fallback", text, choices);
        }
        if unowned > 0 {
            let text = format!("{unowned} records have no owner at the source. Which member owns them?");
            self.ask("owners.unowned", "/owners/unowned", text, members);
        }
    }
}

impl super::Audit {
    /// Whether a source owner's e-mail address is that of an active member at the destination.
    pub(crate) fn has_member(&self, owner: &str) -> bool {
        let user = self.users.iter().find(|user| {
            user.id == *owner || user.name.as_deref() == Some(owner) || user.email.as_deref() == Some(owner)
        });
        let email = user.and_then(|user| user.email.as_deref()).unwrap_or(owner).trim().to_lowercase();
        self.destination.users.iter().any(|member| member.active && member.email.trim().to_lowercase() == email)
    }
}
