//! One call to a route: what was asked, by whom, and the store it may change.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Builder;

use super::account::Profile;
use super::answer::{Answer, Row};
use super::endpoints::Endpoint;
use super::entity::Entity;
use super::store::Store;
use super::table::{Stored, flag, fold, link};
use super::upload::Upload;
use super::visibility::Sight;
use super::{seed, time};

/// A call whose price is paid and whose body fits its shape.
pub(super) struct Call<'a> {
    pub(super) store: &'a mut Store,
    pub(super) profile: &'a Profile,
    pub(super) endpoint: &'static Endpoint,
    pub(super) segments: &'a [&'a str],
    pub(super) query: &'a [(String, String)],
    pub(super) body: Value,
    /// The file of a multipart body.
    pub(super) file: Option<Upload>,
    /// Where the request was sent to.
    pub(super) host: &'a str,
    pub(super) user: i64,
    pub(super) now: DateTime<Utc>,
}

impl Call<'_> {
    /// The id in the path.
    pub(super) fn id(&self) -> Result<i64, Answer> {
        self.segment_id(0)
    }

    /// The id in one of the variable segments of the path.
    pub(super) fn segment_id(&self, place: usize) -> Result<i64, Answer> {
        let segment = self.segments.get(place).copied().unwrap_or_default();
        segment.parse().map_err(|_| Answer::invalid("id", "The value is not a valid 'integer'"))
    }

    /// Where the record in the path is in its table.
    pub(super) fn place(&self, entity: Entity) -> Result<i64, Answer> {
        if entity.has_uuids() {
            let uuid = self.segments.first().copied().unwrap_or_default();
            return self.store.by_uuid(entity, uuid).ok_or_else(|| Answer::gone(entity));
        }
        self.id()
    }

    /// A new UUID, the same in every run.
    pub(super) fn new_uuid(&self, entity: Entity) -> String {
        let place = self.store.table(entity).next_id();
        let digest = Sha256::digest(format!("{}/{}/{place}", self.profile.name, entity.name()));
        let bytes: [u8; 16] = digest[..16].try_into().expect("a digest has 32 bytes");
        Builder::from_random_bytes(bytes).into_uuid().to_string()
    }

    /// A query parameter that is not empty.
    pub(super) fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, text)| key == name && !text.is_empty()).map(|(_, text)| text.as_str())
    }

    /// An integer query parameter.
    pub(super) fn int_param(&self, name: &str) -> Option<i64> {
        self.param(name)?.parse().ok()
    }

    /// An id in the query, be it a number or a UUID, as links are indexed.
    pub(super) fn link_param(&self, name: &str) -> Option<i64> {
        let text = self.param(name)?;
        text.parse().ok().or_else(|| fold(text))
    }

    /// The parts of a comma list in the query.
    pub(super) fn list_param(&self, name: &str) -> Vec<&str> {
        self.param(name).into_iter().flat_map(|text| text.split(',')).map(str::trim).collect()
    }

    /// Whether a query flag is set.
    pub(super) fn flag_param(&self, name: &str) -> bool {
        matches!(self.param(name), Some("true" | "1"))
    }

    /// Takes the body, which is an object.
    pub(super) fn take_body(&mut self) -> Row {
        match self.body.take() {
            Value::Object(body) => body,
            _ => Row::new(),
        }
    }

    /// Holds the body of a v1 call to its shape, as v1 words it.
    pub(super) fn check_v1(&mut self) -> Result<(), Answer> {
        let Some(shape) = &self.endpoint.body else { return Ok(()) };
        if self.body.is_null() {
            self.body = Value::Object(Row::new());
        }
        shape.check_v1(&mut self.body)
    }

    /// The currency of the acting user.
    pub(super) fn currency(&self) -> Value {
        let user = self.store.table(Entity::Users).live(self.user);
        user.and_then(|user| user.row.get("default_currency")).cloned().unwrap_or_else(|| "EUR".into())
    }

    /// Now, as v2 writes it.
    pub(super) fn stamp(&self) -> String {
        time::v2(self.now)
    }

    /// Whether the acting user is an administrator.
    pub(super) fn is_admin(&self) -> bool {
        self.store.table(Entity::Users).live(self.user).is_some_and(|user| {
            let access = user.row.get("access").and_then(Value::as_array);
            access.into_iter().flatten().any(|access| {
                access["admin"] == true
                    && matches!(access["app"].as_str(), Some("sales" | "global" | "account_settings"))
            })
        })
    }

    /// Refuses who may not change pipelines, stages, fields and activity types.
    pub(super) fn require_schema_admin(&self) -> Result<(), Answer> {
        if self.profile.switches.schema_needs_admin { self.require_admin() } else { Ok(()) }
    }

    /// Refuses whoever is not an administrator.
    pub(super) fn require_admin(&self) -> Result<(), Answer> {
        if self.is_admin() { Ok(()) } else { Err(Answer::forbidden()) }
    }

    /// The row in the path for reading: a deleted one only as the switch says.
    pub(super) fn readable(&self, entity: Entity) -> Result<&Stored, Answer> {
        let id = self.place(entity)?;
        let table = self.store.table(entity);
        let stored = table.any(id).ok_or_else(|| Answer::gone(entity))?;
        let gone = table.is_deleted(id) && (!self.profile.switches.deleted_is_readable || self.is_purged(stored));
        let hidden = !Sight::of(self).admits(self, entity, &stored.row);
        if gone || hidden { Err(Answer::gone(entity)) } else { Ok(stored) }
    }

    /// A copy of the row in the path for changing it.
    pub(super) fn changeable(&self, entity: Entity) -> Result<Row, Answer> {
        let stored = self.store.table(entity).live(self.place(entity)?);
        let stored = stored.filter(|stored| Sight::of(self).admits(self, entity, &stored.row));
        stored.map(|stored| stored.row.clone()).ok_or_else(|| Answer::gone(entity))
    }

    /// A copy of the row in the path for deleting it; the error says so if deleting it again is a success.
    pub(super) fn deletable(&self, entity: Entity) -> Result<Row, Answer> {
        let deleted = self.place(entity).ok().filter(|place| self.store.table(entity).is_deleted(*place));
        match deleted.and_then(|place| self.store.table(entity).any(place)) {
            Some(stored) if self.profile.switches.delete_again_succeeds => {
                Err(Answer::ok(serde_json::json!({ "id": stored.row["id"] })))
            }
            _ => self.changeable(entity),
        }
    }

    /// Whether a deleted row is past the days in which it can be seen.
    pub(super) fn is_purged(&self, stored: &Stored) -> bool {
        self.now.timestamp() - stored.updated > self.profile.switches.purge_days * 86_400
    }

    /// Refuses an id that is not that of an existing record.
    pub(super) fn require(&self, entity: Entity, key: &str, id: i64) -> Result<(), Answer> {
        let stored = self.store.table(entity).live(id);
        if stored.is_some_and(|stored| Sight::of(self).admits(self, entity, &stored.row)) {
            Ok(())
        } else {
            Err(Answer::missing_link(key, entity.singular()))
        }
    }

    /// Refuses an owner who is not an active user.
    pub(super) fn require_active_user(&self, key: &str, id: i64) -> Result<(), Answer> {
        match self.store.table(Entity::Users).live(id) {
            Some(user) if self.profile.switches.inactive_can_own || flag(&user.row, "active_flag") => Ok(()),
            _ => Err(Answer::missing_link(key, "User")),
        }
    }

    /// Marks a row as deleted.
    pub(super) fn delete(&mut self, entity: Entity, mut row: Row) -> Value {
        let id = row.get("id").cloned().expect("rows have ids");
        row.insert("is_deleted".into(), true.into());
        row.insert("update_time".into(), self.stamp().into());
        self.touch_parents(entity, &row);
        self.store.put(entity, row);
        id
    }

    /// Moves the time of change of everything that this row hangs on, if the switch says so.
    pub(super) fn touch_parents(&mut self, entity: Entity, row: &Row) {
        if !self.profile.switches.writes_touch_parents {
            return;
        }
        let links: &[(&str, Entity)] = match entity {
            Entity::Deals => &[("org_id", Entity::Organizations), ("person_id", Entity::Persons)],
            Entity::Persons => &[("org_id", Entity::Organizations)],
            Entity::Leads => &[("organization_id", Entity::Organizations), ("person_id", Entity::Persons)],
            Entity::Notes | Entity::Activities | Entity::Files => {
                &[("org_id", Entity::Organizations), ("person_id", Entity::Persons), ("deal_id", Entity::Deals)]
            }
            Entity::Participants => &[("deal_id", Entity::Deals)],
            Entity::OrganizationRelationships => {
                &[("rel_owner_org_id", Entity::Organizations), ("rel_linked_org_id", Entity::Organizations)]
            }
            _ => &[],
        };
        for (key, parent) in links {
            let stored = link(row, key).and_then(|id| self.store.table(*parent).live(id));
            if let Some(mut parent_row) = stored.map(|stored| stored.row.clone()) {
                parent_row.insert("update_time".into(), self.stamp().into());
                self.store.put(*parent, parent_row);
            }
        }
    }

    /// Adds the usual stages to a pipeline.
    pub(super) fn add_default_stages(&mut self, pipeline: i64) {
        for (order, name) in (1..).zip(seed::STAGES) {
            let id = self.store.table(Entity::Stages).next_id();
            self.store.put(Entity::Stages, seed::stage(id, pipeline, order, name, self.now));
        }
    }
}
