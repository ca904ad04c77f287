//! Who owns a record at the destination: by e-mail, by alias, by explicit choice, never by accident.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::{OwnerPlan, RecordId, User};

/// Somebody who owns records at the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceUser {
    /// Id at the source.
    pub id: RecordId,
    /// E-mail address, if known.
    pub email: Option<String>,
    /// Name, if known.
    pub name: Option<String>,
    /// Records of all objects that this person owns, where they were counted.
    #[serde(default)]
    pub records: u64,
}

/// Owners resolved for a plan.
#[derive(Clone, Debug)]
pub struct Owners {
    resolved: HashMap<RecordId, RecordId>,
    unowned: Option<RecordId>,
    fallback: Option<RecordId>,
}

impl Owners {
    /// Resolves by e-mail (without regard to case), then by the alias table (id, e-mail or name), among active members.
    pub fn resolve(plan: &OwnerPlan, users: &[SourceUser], members: &[User]) -> Self {
        let by_email: HashMap<String, RecordId> = members
            .iter()
            .filter(|member| member.active)
            .map(|member| (member.email.to_lowercase(), member.id.clone()))
            .collect();
        let member = |email: &str| by_email.get(&email.trim().to_lowercase()).cloned();
        let alias = |user: &SourceUser| {
            [Some(user.id.as_str()), user.email.as_deref(), user.name.as_deref()]
                .into_iter()
                .flatten()
                .find_map(|name| plan.aliases.get(name))
                .and_then(|email| member(email))
        };
        let resolved = users
            .iter()
            .filter_map(|user| {
                let owner = alias(user).or_else(|| user.email.as_deref().and_then(member))?;
                Some((user.id.clone(), owner))
            })
            .collect();
        Self {
            resolved,
            unowned: plan.unowned.as_deref().and_then(member),
            fallback: plan.fallback.as_deref().and_then(member),
        }
    }

    /// The member who owns what this source user owned.
    ///
    /// # Errors
    /// Why nobody does, in words without names: the record is held.
    pub fn owner(&self, source: Option<&RecordId>) -> Result<&RecordId, &'static str> {
        match source {
            None => self
                .unowned
                .as_ref()
                .ok_or("nobody owns it at the source, and the plan names no owner for such records"),
            Some(user) => self
                .resolved
                .get(user)
                .or(self.fallback.as_ref())
                .ok_or("its owner is no active member of the destination, and the plan names no fallback"),
        }
    }

    /// Whether a source user was matched, not just given to the fallback.
    pub fn is_matched(&self, source: &RecordId) -> bool {
        self.resolved.contains_key(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: &str, email: &str, active: bool) -> User {
        User { id: id.into(), email: email.into(), name: String::new(), active, importing: false }
    }

    fn user(id: &str, email: Option<&str>) -> SourceUser {
        SourceUser { id: id.into(), email: email.map(str::to_owned), name: Some(format!("Name {id}")), records: 0 }
    }

    #[test]
    fn owners_come_from_email_then_alias_then_explicit_choice() {
        let plan = OwnerPlan {
            fallback: None,
            unowned: Some("boss@x.example".into()),
            aliases: [("Name c".to_owned(), "BOSS@x.example".to_owned())].into_iter().collect(),
        };
        let users = [user("a", Some("Ann@X.example")), user("b", Some("gone@x.example")), user("c", None)];
        let members = [
            member("1", "ann@x.example", true),
            member("2", "boss@x.example", true),
            member("3", "gone@x.example", false),
        ];
        let owners = Owners::resolve(&plan, &users, &members);
        assert_eq!(owners.owner(Some(&"a".into())), Ok(&"1".into()));
        assert!(owners.owner(Some(&"b".into())).is_err(), "an inactive member owns nothing");
        assert_eq!(owners.owner(Some(&"c".into())), Ok(&"2".into()));
        assert_eq!(owners.owner(None), Ok(&"2".into()));
    }
}
