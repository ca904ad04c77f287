//! One call to either API: who asks, of what instance, and the rules that every record follows.

use serde_json::{Value, json};

use super::account::Profile;
use super::answer::{Failure, Row};
use super::entity::Entity;
use super::store::{Store, flag, int, object};
use super::switches::Switches;
use super::time::Millis;

/// A call whose caller is known.
pub(super) struct Call<'a> {
    pub(super) store: &'a mut Store,
    pub(super) profile: &'a Profile,
    /// The user who asks; of a key without impersonation, the row of the key.
    pub(super) actor: i64,
    /// Whose name is put to what is written.
    pub(super) author: i64,
    pub(super) now: Millis,
    /// The base URL by which the caller reached us, without a final slash.
    pub(super) base: &'a str,
}

impl Call<'_> {
    pub(super) fn switches(&self) -> &Switches {
        &self.profile.switches
    }

    /// The row of the user who asks.
    pub(super) fn caller(&self) -> Option<&Row> {
        self.store.any(Entity::Users, self.actor)
    }

    pub(super) fn is_admin(&self) -> bool {
        self.caller().is_some_and(|user| flag(user, "isAdministrator"))
    }

    fn may(&self, permission: &str) -> bool {
        self.caller().is_some_and(|user| {
            user.get("permissions").is_none_or(|permissions| permissions[permission] != Value::Bool(false))
        })
    }

    /// A row that is not deleted, or why not.
    pub(super) fn require(&self, entity: Entity, id: i64) -> Result<&Row, Failure> {
        let missing = || Failure::NotFound(format!("{} {id} not found", entity.singular()));
        self.store.live(entity, id).ok_or_else(missing)
    }

    /// A row that something shall refer to.
    pub(super) fn require_link(&self, entity: Entity, id: i64) -> Result<(), Failure> {
        let missing = || Failure::Invalid(format!("{id} is not a valid {}", entity.singular()));
        self.store.live(entity, id).map(|_| ()).ok_or_else(missing)
    }

    /// A user or team to whom something shall belong.
    pub(super) fn require_owner(&self, entity: Entity, id: i64) -> Result<(), Failure> {
        self.require_link(entity, id)?;
        let enabled =
            entity != Entity::Users || self.store.live(entity, id).is_some_and(|user| flag(user, "isEnabled"));
        if enabled { Ok(()) } else { Err(Failure::Invalid(format!("user {id} is disabled"))) }
    }

    /// A row for reading: a deleted one only as the switch says, and not for ever.
    pub(super) fn readable(&self, entity: Entity, id: i64) -> Option<&Row> {
        let row = self.store.any(entity, id)?;
        match int(row, "deletedTime") {
            None => Some(row),
            Some(deleted) => {
                let purged = self.now - deleted > self.switches().purge_days * 86_400_000;
                (self.switches().deleted_is_readable && !purged).then_some(row)
            }
        }
    }

    /// Whether a list whose index lags by `lag` shows this row.
    pub(super) fn is_listed(&self, row: &Row, lag: Millis) -> bool {
        let indexed = |key: &str| int(row, key).is_some_and(|time| self.now - time >= lag);
        let made = lag == 0 || indexed("madeTime") || row.get("madeTime").is_none();
        let gone = row.get("deletedTime").is_some_and(|time| !time.is_null()) && (lag == 0 || indexed("deletedTime"));
        made && !gone
    }

    /// Adds a row, with the next id and what every record has.
    pub(super) fn insert(&mut self, entity: Entity, row: Row) -> i64 {
        let id = self.store.next_id(entity);
        let mut full = object(json!({
            "id": id, "rev": 1, "creator": self.author, "createdTime": self.now, "modifiedTime": self.now,
            "madeTime": self.now, "deletedTime": null,
        }));
        full.extend(row);
        self.store.put(entity, full);
        self.tell("create", entity, id);
        id
    }

    /// Writes a changed row back, under its next revision.
    pub(super) fn save(&mut self, entity: Entity, mut row: Row) {
        let id = int(&row, "id").expect("rows have ids");
        let rev = int(&row, "rev").unwrap_or(0) + 1;
        row.insert("rev".into(), rev.into());
        row.insert("modifiedTime".into(), self.now.into());
        self.store.put(entity, row);
        self.tell("edit", entity, id);
    }

    /// Something was linked to this record.
    pub(super) fn touch(&mut self, entity: Entity, id: i64) {
        if self.switches().links_raise_rev
            && let Some(row) = self.store.live(entity, id).cloned()
        {
            self.save(entity, row);
        }
    }

    /// An entry of the audit feed.
    pub(super) fn tell(&mut self, action: &str, entity: Entity, id: i64) {
        let told = matches!(
            entity,
            Entity::Accounts | Entity::Contacts | Entity::Leads | Entity::Activities | Entity::Notes | Entity::Tasks
        );
        if told {
            let event = json!({
                "id": self.store.next_id(Entity::Events), "createdTime": self.now, "actor": self.author,
                "action": action, "payload": { "type": entity.rest(), "id": id },
            });
            self.store.put(Entity::Events, object(event));
        }
    }

    /// Compares the revision that a caller knows with the one that is.
    pub(super) fn check_rev(&self, row: &Row, rev: &Value) -> Result<(), Failure> {
        let known = rev.as_str().map(str::to_owned).or_else(|| rev.as_i64().map(|rev| rev.to_string()));
        let current = int(row, "rev").unwrap_or(0).to_string();
        match known.as_deref() {
            Some("REV_IGNORE") => Ok(()),
            Some(known) if known == current => Ok(()),
            Some(_) => Err(Failure::Stale),
            None => Err(Failure::BadParams("rev is a string".into())),
        }
    }

    /// The record that a delete names, if the caller may delete; a deleted one as the switch says.
    fn deletable(&self, entity: Entity, id: i64) -> Result<Row, Failure> {
        if !self.may("canDeleteEntities") {
            return Err(Failure::Forbidden("You do not have permission to delete this.".into()));
        }
        let row = match self.store.any(entity, id) {
            Some(row) if self.store.live(entity, id).is_some() || self.switches().deleted_is_deletable => row.clone(),
            _ => return Err(Failure::NotFound(format!("{} {id} not found", entity.singular()))),
        };
        Ok(row)
    }

    /// Deletes softly; a `rev` that is given has to be the current one.
    pub(super) fn delete(&mut self, entity: Entity, id: i64, rev: Option<&Value>) -> Result<(), Failure> {
        let row = self.deletable(entity, id)?;
        if let Some(rev) = rev {
            self.check_rev(&row, rev)?;
        }
        if self.store.live(entity, id).is_none() {
            return Ok(());
        }
        self.bury(entity, row);
        if entity == Entity::Accounts && self.switches().delete_cascades {
            for linked in [Entity::Contacts, Entity::Leads] {
                let rows: Vec<Row> = self.store.linked(linked, (entity, id)).map(|(_, row)| row.clone()).collect();
                rows.into_iter().for_each(|row| self.bury(linked, row));
            }
        }
        Ok(())
    }

    fn bury(&mut self, entity: Entity, mut row: Row) {
        let id = int(&row, "id").expect("rows have ids");
        row.insert("deletedTime".into(), self.now.into());
        let rev = int(&row, "rev").unwrap_or(0) + 1;
        row.insert("rev".into(), rev.into());
        self.store.put(entity, row);
        self.tell("delete", entity, id);
    }

    /// Takes a delete back.
    pub(super) fn undelete(&mut self, entity: Entity, id: i64) -> Result<(), Failure> {
        let gone = || Failure::NotFound(format!("{} {id} not found", entity.singular()));
        let mut row = self.readable(entity, id).ok_or_else(gone)?.clone();
        row.insert("deletedTime".into(), Value::Null);
        self.save(entity, row);
        Ok(())
    }

    /// Refuses a further open lead when the plan has no room for it.
    pub(super) fn check_lead_cap(&self) -> Result<(), Failure> {
        let cap = self.profile.plan.open_leads().filter(|_| self.switches().lead_cap);
        match cap {
            Some(cap) if self.store.open_leads() >= cap => {
                Err(Failure::PlanCap(format!("Your plan is limited to {cap} open leads.")))
            }
            _ => Ok(()),
        }
    }

    /// Refuses a further contact when the tier has no room for it.
    pub(super) fn check_contact_cap(&self) -> Result<(), Failure> {
        match self.switches().contact_cap {
            Some(cap) if self.store.contacts() >= cap => {
                Err(Failure::PlanCap(format!("Your plan is limited to {cap} contacts.")))
            }
            _ => Ok(()),
        }
    }

    /// The address of a page in the vendor's user interface.
    pub(super) fn html_path(&self, entity: Entity, row: &Row, name: &str) -> String {
        let (page, id) = match entity {
            Entity::Accounts => ("company", int(row, "id")),
            Entity::Contacts => ("person", int(row, "id")),
            // The page of a lead has its number.
            Entity::Leads => ("lead", int(row, "number")),
            _ => (entity.singular(), int(row, "id")),
        };
        let words = name.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
        let slug = words.map(str::to_lowercase).collect::<Vec<_>>().join("-");
        let dash = if slug.is_empty() { "" } else { "-" };
        format!("/{page}/{}{dash}{slug}", id.unwrap_or(0))
    }
}
