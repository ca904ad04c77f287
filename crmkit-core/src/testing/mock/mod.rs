//! A destination in memory, with the abilities and the misbehaviour a test chooses.

mod crm;
mod fault;
mod file;
mod provisioner;
mod reader;
mod saved;
mod wire;
mod writer;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};

use chrono::{DateTime, Utc};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::{
    Abilities, Clock, CustomObject, Digest, Error, ErrorKind, ExistingItem, FieldName, Fields, ObjectName,
    ObjectSchema, RecordId, RecordRef, Result, Retry, Schema, Stored, User, Value,
};

use wire::{Effect, InFlight, Script};

pub use fault::{MockCall, MockFault, MockRequest};

/// A destination in memory. Clones share the store, as processes share a CRM.
///
/// ```
/// use std::sync::Arc;
/// use crmkit_core::{DestinationWriter, testing::{ManualClock, MockDestination}};
/// let crm = MockDestination::crm(Arc::new(ManualClock::jumping()));
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// assert_eq!(crm.describe().await?.account, "mock-account");
/// # Ok::<(), crmkit_core::Error>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct MockDestination {
    world: Arc<Mutex<World>>,
    clock: Arc<dyn Clock>,
}

#[derive(Debug, Default)]
struct World {
    schema: Schema,
    abilities: IndexMap<ObjectName, Abilities>,
    users: Vec<User>,
    items: Vec<ExistingItem>,
    records: BTreeMap<(ObjectName, u64), Kept>,
    next: u64,
    faults: VecDeque<(u64, MockFault)>,
    requests: u64,
    log: Vec<String>,
    script: Option<Script>,
    in_flight: Vec<InFlight>,
    landed: BTreeMap<u64, Effect>,
    tickets: u64,
    spent_until: Option<DateTime<Utc>>,
    expired: bool,
    /// Fields that take a request of their own after the create.
    later: BTreeMap<ObjectName, BTreeSet<FieldName>>,
    /// The field that says when a record, or what hangs on it, was last changed.
    stamps: BTreeMap<ObjectName, FieldName>,
    /// What an object that somebody adds will be like.
    custom_object: Option<CustomObject>,
    /// What was uploaded, by the digest of the values it came with.
    files: BTreeMap<Digest, Arc<[u8]>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    fields: Fields,
    trashed: bool,
    made: DateTime<Utc>,
    modified: DateTime<Utc>,
}

impl MockDestination {
    /// A destination with these objects and users.
    pub fn new(clock: Arc<dyn Clock>, objects: Vec<(ObjectSchema, Abilities)>, users: Vec<User>) -> Self {
        let abilities = objects.iter().map(|(object, abilities)| (object.name.clone(), abilities.clone())).collect();
        let schema = objects.into_iter().map(|(object, _)| object).collect();
        let world = World { schema, abilities, users, next: 1, ..World::default() };
        Self { world: Arc::new(Mutex::new(world)), clock }
    }

    /// The nth changing request from now (1 is the next) meets this fault.
    pub fn fail(&self, nth: u64, fault: MockFault) {
        let mut world = self.world();
        let at = world.requests + nth;
        world.faults.push_back((at, fault));
    }

    /// Every request, read or write, is shown to this, which says what happens to it.
    pub fn script(&self, script: impl FnMut(&MockRequest) -> Option<MockFault> + Send + 'static) {
        self.world().script = Some(Script(Box::new(script)));
    }

    /// Ends all that goes wrong: no script, no fault to come, a valid token, budget for the day. What is on its way still arrives.
    pub fn heal(&self) {
        let mut world = self.world();
        world.script = None;
        world.faults.clear();
        world.expired = false;
        world.spent_until = None;
    }

    /// The host puts a new token in place of the expired one.
    pub fn renew_token(&self) {
        self.world().expired = false;
    }

    /// Records of this object are made without these fields: a second request sets them, as where an interface has an endpoint of
    /// its own for participants or labels.
    pub fn in_two_requests(&self, object: impl Into<ObjectName>, later: impl IntoIterator<Item = FieldName>) {
        self.world().later.insert(object.into(), later.into_iter().collect());
    }

    /// This field of the object, a time, moves with every write to a record and to what links to it.
    pub fn stamps(&self, object: impl Into<ObjectName>, field: impl Into<FieldName>) {
        self.world().stamps.insert(object.into(), field.into());
    }

    /// People can add objects, which will be like this.
    pub fn custom_objects(&self, like: CustomObject) {
        self.world().custom_object = Some(like);
    }

    /// Puts a record into the trash, as somebody else would.
    pub fn trash(&self, record: &RecordRef) {
        self.world().record(&record.object, &record.id).expect("a test trashes records that are there").trashed = true;
    }

    /// Every record that is not in the trash, by object and id.
    pub fn live(&self) -> BTreeMap<RecordRef, Fields> {
        let world = self.world();
        let live = world.records.iter().filter(|(_, kept)| !kept.trashed);
        live.map(|((object, id), kept)| (RecordRef::new(object.clone(), id.to_string()), kept.fields.clone())).collect()
    }

    /// Pipelines, stages, fields and options that exist now.
    pub fn items(&self) -> Vec<ExistingItem> {
        self.world().items.clone()
    }

    /// Changing requests so far, refused ones included.
    pub fn requests(&self) -> u64 {
        self.world().requests
    }

    /// What was asked for, in order: `create deal 7`.
    pub fn log(&self) -> Vec<String> {
        self.world().log.clone()
    }

    /// Puts a record there, as somebody else would.
    pub fn put(&self, object: impl Into<ObjectName>, fields: Fields) -> RecordRef {
        let now = self.clock.now();
        let object = object.into();
        let mut world = self.world();
        let id = world.insert(object.clone(), fields, now);
        RecordRef { object, id }
    }

    /// Changes a record, as somebody else would.
    pub fn change(&self, record: &RecordRef, field: impl Into<FieldName>, value: Value) {
        let now = self.clock.now();
        let mut world = self.world();
        let kept = world.record(&record.object, &record.id).expect("a test changes records that are there");
        kept.fields.insert(field.into(), value);
        kept.modified = now;
    }

    fn world(&self) -> MutexGuard<'_, World> {
        let mut world = self.world.lock().expect("no test panics while it holds the store");
        world.land(self.clock.now());
        world
    }
}

impl World {
    fn insert(&mut self, object: ObjectName, fields: Fields, now: DateTime<Utc>) -> RecordId {
        let id = self.next;
        self.next += 1;
        self.records.insert((object, id), Kept { fields, trashed: false, made: now, modified: now });
        id.to_string().into()
    }

    fn record(&mut self, object: &ObjectName, id: &RecordId) -> Option<&mut Kept> {
        let id = id.as_str().parse().ok()?;
        self.records.get_mut(&(object.clone(), id))
    }

    fn stored(&self, object: &ObjectName, id: u64, kept: &Kept) -> Stored {
        let mut attached = IndexMap::new();
        let own = RecordRef::new(object.clone(), id.to_string());
        for ((child, _), other) in self.records.iter().filter(|(_, other)| !other.trashed) {
            if other.fields.values().any(|value| value.as_ref_to() == Some(&own)) {
                *attached.entry(child.clone()).or_insert(0) += 1;
            }
        }
        Stored {
            id: id.to_string().into(),
            fields: kept.fields.clone(),
            trashed: kept.trashed,
            modified: Some(kept.modified),
            version: None,
            attached,
        }
    }

    /// A record was written or removed: its time moves, and that of everything it links to.
    fn stamp(&mut self, object: &ObjectName, id: &RecordId, now: DateTime<Utc>) {
        let own = RecordRef { object: object.clone(), id: id.clone() };
        let links = self
            .record(object, id)
            .map(|kept| kept.fields.values().filter_map(Value::as_ref_to).cloned().collect::<Vec<_>>());
        for touched in std::iter::once(own).chain(links.unwrap_or_default()) {
            if let Some(field) = self.stamps.get(&touched.object).cloned()
                && let Some(kept) = self.record(&touched.object, &touched.id)
            {
                kept.fields.insert(field, Value::Timestamp(now));
                kept.modified = now;
            }
        }
    }

    fn abilities(&self, object: &ObjectName) -> Result<&Abilities> {
        self.abilities.get(object).ok_or_else(|| refused("there is no such object"))
    }

    /// What a connector refuses before it sends anything: a field or option that the schema does not name.
    fn check(&self, object: &ObjectName, fields: &Fields) -> Result<()> {
        let known = self.schema.object(object).ok_or_else(|| refused("there is no such object"))?;
        for (name, value) in fields {
            let field = known.fields.get(name).ok_or_else(|| refused(format!("unknown field {name}")))?;
            if let Value::Option(id) = value
                && !field.options.iter().any(|option| option.id == **id)
            {
                return Err(refused(format!("unknown option in {name}")));
            }
        }
        Ok(())
    }

    /// What a CRM refuses: a link to a record that it does not have.
    fn follow(&self, fields: &Fields) -> Result<()> {
        let links = fields.iter().flat_map(|(name, value)| match value {
            Value::List(values) => values.iter().filter_map(Value::as_ref_to).map(|to| (name, to)).collect(),
            one => one.as_ref_to().map(|to| (name, to)).into_iter().collect::<Vec<_>>(),
        });
        for (name, to) in links {
            let there = match to.object.as_str() {
                "user" => self.users.iter().any(|user| user.id == to.id),
                _ => self.records.iter().any(|((object, id), kept)| {
                    *object == to.object && to.id == id.to_string().as_str() && !kept.trashed
                }),
            };
            if !there {
                return Err(refused(format!("{name} links to nothing")));
            }
        }
        Ok(())
    }
}

fn refused(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Rejected, "mock.write", message, Retry::Never)
}
