//! Who sees which records: administrators all, others what its visibility lets them see.

use serde_json::Value;

use super::answer::Row;
use super::call::Call;
use super::entity::Entity;
use super::table::int;

/// What the acting user sees.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    admin: bool,
    user: i64,
    group: i64,
    /// Whether the plan has visibility groups.
    groups: bool,
    everyone: i64,
}

/// The visibility group of a user; everybody is in the first one unless a test says otherwise.
fn group(call: &Call<'_>, user: Option<i64>) -> i64 {
    let stored = user.and_then(|user| call.store.table(Entity::Users).any(user));
    stored.and_then(|stored| int(&stored.row, "visibility_group")).unwrap_or(1)
}

impl Sight {
    pub(super) fn of(call: &Call<'_>) -> Self {
        let tier = call.profile.tier;
        Self {
            admin: call.is_admin(),
            user: call.user,
            group: group(call, Some(call.user)),
            groups: tier.visibilities().len() > 2,
            everyone: tier.everyone(),
        }
    }

    /// Whether the user sees a record; kinds without visibility are seen by all.
    pub(super) fn admits(self, call: &Call<'_>, entity: Entity, row: &Row) -> bool {
        let limited = matches!(
            entity,
            Entity::Deals | Entity::Leads | Entity::Persons | Entity::Organizations | Entity::Products
        );
        let owner = int(row, "owner_id");
        if self.admin || !limited || owner == Some(self.user) {
            return true;
        }
        let given = row.get("visible_to").unwrap_or(&Value::Null);
        let visibility = given.as_i64().or_else(|| given.as_str()?.parse().ok()).unwrap_or(self.everyone);
        if visibility == self.everyone {
            return true;
        }
        match (visibility, self.groups) {
            (1, false) => self.follows(call, entity, row),
            (3 | 5, true) => group(call, owner) == self.group,
            _ => false,
        }
    }

    fn follows(self, call: &Call<'_>, entity: Entity, row: &Row) -> bool {
        let table = call.store.table(Entity::Followers);
        let link = super::routes::records::link_to(entity);
        let followers = int(row, "id").into_iter().flat_map(|id| table.linked(link, id));
        followers.filter_map(|id| table.live(id)).any(|stored| int(&stored.row, "user_id") == Some(self.user))
    }
}
