//! Who will own what: matched, given to a fallback, or held, with the records concerned.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::Audit;
use crate::{FieldConcept, Owners, Plan, SourceUser};

/// Who will own what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnersReview {
    /// Each owner at the source with mapped records, those that wait first.
    pub owners: Vec<OwnerReview>,
    /// Records that wait because their owner has no member.
    pub held: u64,
    /// Records that nobody owns at the source.
    pub unowned: u64,
    /// The member who gets them; without one they wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unowned_to: Option<String>,
}

/// An owner at the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerReview {
    /// Id or name at the source.
    pub owner: String,
    /// E-mail address, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Mapped records that this person owns.
    pub records: u64,
    /// What becomes of them.
    pub outcome: OwnerOutcome,
}

/// What becomes of an owner's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnerOutcome {
    /// They wait: invite the person, name an alias, or a fallback.
    Held,
    /// The plan's fallback gets them.
    Fallback,
    /// The member of that address, or of the plan's alias, gets them.
    Matched,
}

impl OwnerOutcome {
    /// Its word in reports.
    pub fn label(self) -> &'static str {
        match self {
            Self::Held => "waits",
            Self::Fallback => "to the fallback",
            Self::Matched => "matched",
        }
    }
}

pub(super) fn owners(plan: &Plan, audit: &Audit) -> OwnersReview {
    let mut review = OwnersReview { unowned_to: plan.owners.unowned.clone(), ..OwnersReview::default() };
    let mut records: IndexMap<&str, u64> = IndexMap::new();
    for mapping in &plan.mappings {
        let to = audit.destination.schema.object(&mapping.to).and_then(|to| to.by_concept(FieldConcept::Owner));
        let (Some(to), Some(found)) = (to.filter(|field| field.writable), audit.objects.get(&mapping.from)) else {
            continue;
        };
        let line = mapping.fields.iter().any(|line| to.name == line.to.as_str());
        review.unowned += if line { found.unowned } else { found.records };
        for (owner, count) in found.owners.iter().filter(|_| line) {
            *records.entry(owner).or_default() += count;
        }
    }
    let users: Vec<SourceUser> = records.keys().map(|owner| user(audit, owner)).collect();
    let owners = Owners::resolve(&plan.owners, &users, &audit.destination.users);
    for (user, (owner, count)) in users.into_iter().zip(records) {
        let outcome = match owners.owner(Some(&user.id)) {
            Ok(_) if owners.is_matched(&user.id) => OwnerOutcome::Matched,
            Ok(_) => OwnerOutcome::Fallback,
            Err(_) => OwnerOutcome::Held,
        };
        if outcome == OwnerOutcome::Held {
            review.held += count;
        }
        review.owners.push(OwnerReview { owner: owner.to_owned(), email: user.email, records: count, outcome });
    }
    review.owners.sort_by(|a, b| (a.outcome, b.records, &a.owner).cmp(&(b.outcome, a.records, &b.owner)));
    review
}

/// The source's user whom an owner's id, address or name means; an owner that is an address stands for itself.
fn user(audit: &Audit, owner: &str) -> SourceUser {
    let known = audit
        .users
        .iter()
        .find(|user| user.id == *owner || user.name.as_deref() == Some(owner) || user.email.as_deref() == Some(owner));
    let email = known.map_or_else(|| owner.contains('@').then(|| owner.to_owned()), |user| user.email.clone());
    let name = known.and_then(|user| user.name.clone()).or_else(|| Some(owner.to_owned()));
    SourceUser { id: owner.into(), email, name, records: 0 }
}
