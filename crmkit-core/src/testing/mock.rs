//! A destination in memory, with the abilities and the misbehaviour a test chooses.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use indexmap::IndexMap;

use crate::{
    Abilities, Clock, Cursor, Destination, DestinationWriter, Error, ErrorKind, ExistingItem, FieldConcept, FieldName,
    FieldSchema, FieldType, Fields, ItemKind, ObjectName, ObjectSchema, OperationKind, OptionSchema, Page, PageRequest,
    Permission, Probe, Provisioner, Reader, RecordId, RecordRef, Recovery, Removal, Remover, Result, Retry, Schema,
    SchemaItem, Stored, User, Value, WriteBatch, Written, compare::same_value,
};

/// What goes wrong with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MockFault {
    /// It is refused before anything is applied: wait this long.
    RefuseBeforeApply(Duration),
    /// The connection closes before anything is applied; the caller cannot know.
    CloseBeforeApply,
    /// It is applied, and the answer is lost.
    CloseAfterApply,
    /// The record is refused for good.
    Reject,
    /// The credentials are refused.
    Unauthorized,
}

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
    writes: u64,
    log: Vec<String>,
}

#[derive(Clone, Debug)]
struct Kept {
    fields: Fields,
    trashed: bool,
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

    /// A small CRM: organizations with parents, persons, deals in stages, notes, two users; one record a request.
    pub fn crm(clock: Arc<dyn Clock>) -> Self {
        use crate::ObjectConcept as Object;
        let owner = || FieldSchema::new("owner", "Owner", FieldType::link("user")).means(FieldConcept::Owner);
        let name = || FieldSchema::new("name", "Name", FieldType::text()).means(FieldConcept::Name).required();
        let marked = Recovery::MarkerField { label: "crmkit_id".to_owned() };
        let witnessed =
            Recovery::Witness { fields: vec!["organization".into(), "person".into(), "deal".into(), "body".into()] };
        let organization =
            ObjectSchema::new("organization", "Organization", Object::Organization).with(name()).with(owner()).with(
                FieldSchema::new("parent", "Parent", FieldType::link("organization"))
                    .means(FieldConcept::Parent)
                    .clearable(),
            );
        let person = ObjectSchema::new("person", "Person", Object::Person)
            .with(name())
            .with(owner())
            .with(FieldSchema::new("emails", "E-mails", FieldType::Emails).means(FieldConcept::Emails).clearable())
            .with(
                FieldSchema::new("organization", "Organization", FieldType::link("organization"))
                    .means(FieldConcept::Organization),
            );
        let deal = ObjectSchema::new("deal", "Deal", Object::Deal)
            .with(name())
            .with(owner())
            .with(FieldSchema::new("stage", "Stage", FieldType::Option).means(FieldConcept::Stage))
            .with(FieldSchema::new("amount", "Amount", FieldType::Decimal).means(FieldConcept::Amount))
            .with(FieldSchema::new("person", "Person", FieldType::link("person")).means(FieldConcept::Person))
            .with(
                FieldSchema::new("organization", "Organization", FieldType::link("organization"))
                    .means(FieldConcept::Organization),
            );
        let note = ObjectSchema::new("note", "Note", Object::Note)
            .with(FieldSchema::new("body", "Body", FieldType::Rich).means(FieldConcept::Body).required())
            .with(
                FieldSchema::new("organization", "Organization", FieldType::link("organization"))
                    .means(FieldConcept::Organization),
            )
            .with(FieldSchema::new("person", "Person", FieldType::link("person")).means(FieldConcept::Person))
            .with(FieldSchema::new("deal", "Deal", FieldType::link("deal")).means(FieldConcept::Deal));
        let able = |recovery| Abilities {
            batch: 1,
            atomic: false,
            recovery,
            update: true,
            remove: Removal::Soft,
            volatile: Vec::new(),
        };
        let objects = vec![
            (organization, able(marked.clone())),
            (person, able(marked.clone())),
            (deal, able(marked)),
            (note, able(witnessed)),
        ];
        let user = |id: &str, email: &str, importing| User {
            id: id.into(),
            email: email.to_owned(),
            name: email.to_owned(),
            active: true,
            importing,
        };
        Self::new(clock, objects, vec![user("1", "importer@crm.example", true), user("2", "ann@crm.example", false)])
    }

    /// The nth write from now (1 is the next) meets this fault.
    pub fn fail(&self, nth: u64, fault: MockFault) {
        let mut world = self.world();
        let at = world.writes + nth;
        world.faults.push_back((at, fault));
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
        self.world.lock().expect("no test panics while it holds the store")
    }
}

impl World {
    fn insert(&mut self, object: ObjectName, fields: Fields, now: DateTime<Utc>) -> RecordId {
        let id = self.next;
        self.next += 1;
        self.records.insert((object, id), Kept { fields, trashed: false, modified: now });
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

    /// The fault that this write meets, if any.
    fn next_fault(&mut self) -> Option<MockFault> {
        self.writes += 1;
        let at = self.faults.iter().position(|(nth, _)| *nth == self.writes)?;
        self.faults.remove(at).map(|(_, fault)| fault)
    }

    /// Refuses what the schema does not name.
    fn check(&self, object: &ObjectName, fields: &Fields) -> Result<()> {
        let known = self.schema.object(object).ok_or_else(|| Error::input("mock.write", "there is no such object"))?;
        for (name, value) in fields {
            let Some(field) = known.fields.get(name) else {
                return Err(Error::new(
                    ErrorKind::Rejected,
                    "mock.write",
                    format!("unknown field {name}"),
                    Retry::Never,
                ));
            };
            if let Value::Option(id) = value
                && !field.options.iter().any(|option| option.id == **id)
            {
                return Err(Error::new(
                    ErrorKind::Rejected,
                    "mock.write",
                    format!("unknown option in {name}"),
                    Retry::Never,
                ));
            }
            if let Some(to) = value.as_ref_to()
                && to.object != *"user"
                && !self.records.iter().any(|((object, id), kept)| {
                    *object == to.object && to.id == id.to_string().as_str() && !kept.trashed
                })
            {
                return Err(Error::new(
                    ErrorKind::Rejected,
                    "mock.write",
                    format!("{name} links to nothing"),
                    Retry::Never,
                ));
            }
        }
        Ok(())
    }
}

/// Lets others run, and a test drop the future here: before a request leaves and before its answer arrives.
async fn on_the_wire() {
    let mut waited = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut waited, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

fn lost(applied: bool) -> Error {
    let message = if applied { "the answer was lost" } else { "the connection closed" };
    Error::new(ErrorKind::Unavailable, "mock.write", message, Retry::Verify)
}

fn refuse(fault: MockFault) -> Option<Error> {
    match fault {
        MockFault::RefuseBeforeApply(wait) => {
            Some(Error::new(ErrorKind::Limited, "mock.write", "too many requests", Retry::After(wait)))
        }
        MockFault::CloseBeforeApply => Some(lost(false)),
        MockFault::Reject => {
            Some(Error::new(ErrorKind::Rejected, "mock.write", "the record was refused", Retry::Never))
        }
        MockFault::Unauthorized => {
            Some(Error::new(ErrorKind::Auth, "mock.write", "the credentials were refused", Retry::Never))
        }
        MockFault::CloseAfterApply => None,
    }
}

fn too_late() -> Error {
    Error::new(ErrorKind::Limited, "mock.write", "the request could not leave in time", Retry::After(Duration::ZERO))
}

#[async_trait]
impl DestinationWriter for MockDestination {
    async fn describe(&self) -> Result<Destination> {
        let world = self.world();
        Ok(Destination {
            kind: "mock".to_owned(),
            account: "mock-account".to_owned(),
            schema: world.schema.clone(),
            abilities: world.abilities.clone(),
            users: world.users.clone(),
            items: world.items.clone(),
            permissions: ["delete", "see_all"].map(|name| (name.to_owned(), Permission::Yes)).into_iter().collect(),
            caps: IndexMap::new(),
            gotchas: Vec::new(),
        })
    }

    async fn write(&self, batch: &WriteBatch) -> Result<Vec<Result<Written>>> {
        on_the_wire().await;
        let answers = self.apply(batch);
        on_the_wire().await;
        answers
    }

    fn reader(&self) -> Option<&dyn Reader> {
        Some(self)
    }

    fn remover(&self) -> Option<&dyn Remover> {
        Some(self)
    }

    fn provisioner(&self) -> Option<&dyn Provisioner> {
        Some(self)
    }
}

impl MockDestination {
    fn apply(&self, batch: &WriteBatch) -> Result<Vec<Result<Written>>> {
        let now = self.clock.now();
        if now > batch.send_before {
            return Err(too_late());
        }
        let mut world = self.world();
        let mut answers = Vec::with_capacity(batch.operations.len());
        for operation in &batch.operations {
            let fault = world.next_fault();
            if let Some(error) = fault.and_then(refuse) {
                answers.push(Err(error));
                continue;
            }
            if let Err(error) = world.check(&batch.object, &operation.fields) {
                answers.push(Err(error));
                continue;
            }
            let id = match &operation.kind {
                OperationKind::Create => world.insert(batch.object.clone(), operation.fields.clone(), now),
                OperationKind::Update { id, .. } => {
                    match world.record(&batch.object, id).filter(|kept| !kept.trashed) {
                        Some(kept) => {
                            kept.fields
                                .extend(operation.fields.iter().map(|(name, value)| (name.clone(), value.clone())));
                            kept.fields.retain(|_, value| *value != Value::Null);
                            kept.modified = now;
                            id.clone()
                        }
                        None => {
                            answers.push(Err(Error::new(
                                ErrorKind::NotFound,
                                "mock.write",
                                "there is no such record",
                                Retry::Never,
                            )));
                            continue;
                        }
                    }
                }
            };
            let verb = if operation.kind == OperationKind::Create { "create" } else { "update" };
            world.log.push(format!("{verb} {} {id}", batch.object));
            let number = id.as_str().parse().expect("the store numbers its records");
            let kept = world.records[&(batch.object.clone(), number)].clone();
            let stored = Some(world.stored(&batch.object, number, &kept));
            answers.push(if fault.is_some() { Err(lost(true)) } else { Ok(Written { id, stored }) });
        }
        Ok(answers)
    }
}

#[async_trait]
impl Reader for MockDestination {
    async fn find(&self, object: &ObjectName, probes: &[Probe]) -> Result<Vec<Vec<Stored>>> {
        on_the_wire().await;
        let mut world = self.world();
        world.log.push(format!("find {object} {}", probes.len()));
        let fits = |probe: &Probe, kept: &Kept| {
            kept.modified >= probe.sent_after
                && probe.fields.iter().all(|(name, value)| same_value(value, kept.fields.get(name)))
        };
        Ok(probes
            .iter()
            .map(|probe| {
                let hits = world.records.iter().filter(|((of, _), kept)| of == object && fits(probe, kept));
                hits.map(|((_, id), kept)| world.stored(object, *id, kept)).collect()
            })
            .collect())
    }

    async fn fetch(&self, object: &ObjectName, ids: &[RecordId]) -> Result<Vec<Option<Stored>>> {
        on_the_wire().await;
        let world = self.world();
        Ok(ids
            .iter()
            .map(|id| {
                let number = id.as_str().parse().ok()?;
                world.records.get(&(object.clone(), number)).map(|kept| world.stored(object, number, kept))
            })
            .collect())
    }

    async fn scan(&self, request: &PageRequest) -> Result<Page<Stored>> {
        let world = self.world();
        let after: u64 = request.cursor.as_ref().and_then(|cursor| cursor.0.parse().ok()).unwrap_or(0);
        let mut live = world
            .records
            .iter()
            .filter(|((object, id), kept)| *object == request.object && *id > after && !kept.trashed);
        let items: Vec<Stored> =
            live.by_ref().take(request.limit).map(|((object, id), kept)| world.stored(object, *id, kept)).collect();
        let next = live.next().and(items.last()).map(|last| Cursor(last.id.to_string()));
        Ok(Page::of(items, next))
    }
}

#[async_trait]
impl Remover for MockDestination {
    async fn remove(
        &self,
        object: &ObjectName,
        id: &RecordId,
        _version: Option<&str>,
        send_before: DateTime<Utc>,
    ) -> Result<()> {
        if self.clock.now() > send_before {
            return Err(too_late());
        }
        let mut world = self.world();
        let fault = world.next_fault();
        if let Some(error) = fault.and_then(refuse) {
            return Err(error);
        }
        if let Some(kept) = world.record(object, id) {
            kept.trashed = true;
        }
        world.log.push(format!("remove {object} {id}"));
        if fault.is_some() { Err(lost(true)) } else { Ok(()) }
    }
}

#[async_trait]
impl Provisioner for MockDestination {
    async fn create(&self, item: &SchemaItem, send_before: DateTime<Utc>) -> Result<String> {
        on_the_wire().await;
        if self.clock.now() > send_before {
            return Err(too_late());
        }
        let mut world = self.world();
        let fault = world.next_fault();
        if let Some(error) = fault.and_then(refuse) {
            return Err(error);
        }
        let id = format!("item{}", world.next);
        world.next += 1;
        let pipeline = item
            .parent
            .as_ref()
            .and_then(|parent| world.items.iter().find(|known| known.id == *parent))
            .map(|known| known.item.name.clone());
        let object =
            world.schema.objects.get_mut(&item.object).ok_or_else(|| {
                Error::new(ErrorKind::Rejected, "mock.prepare", "there is no such object", Retry::Never)
            })?;
        match item.kind {
            ItemKind::Field => {
                let ty = item.ty.clone().unwrap_or(FieldType::text());
                let mut field = FieldSchema::new(id.as_str(), item.name.clone(), ty).custom().clearable();
                let option = |(index, label): (usize, &String)| OptionSchema {
                    id: format!("{id}-{index}"),
                    label: label.clone(),
                };
                field.options = item.options.iter().enumerate().map(option).collect();
                object.fields.insert(field.name.clone(), field);
            }
            ItemKind::Stage => {
                let label = format!("{}/{}", pipeline.unwrap_or_default(), item.name);
                if let Some(stage) = object.fields.values_mut().find(|field| field.concept == Some(FieldConcept::Stage))
                {
                    stage.options.push(OptionSchema { id: id.clone(), label });
                }
            }
            ItemKind::Pipeline | ItemKind::Option | ItemKind::Label => {}
        }
        world.items.push(ExistingItem { id: id.clone(), item: item.clone() });
        world.log.push(format!("prepare {}", item.name));
        if fault.is_some() { Err(lost(true)) } else { Ok(id) }
    }

    async fn retire(&self, item: &ExistingItem, _send_before: DateTime<Utc>) -> Result<()> {
        on_the_wire().await;
        let mut world = self.world();
        world.items.retain(|known| known.id != item.id);
        if let Some(object) = world.schema.objects.get_mut(&item.item.object) {
            object.fields.shift_remove(item.id.as_str());
            for field in object.fields.values_mut() {
                field.options.retain(|option| option.id != item.id);
            }
        }
        Ok(())
    }
}
