//! Writing to the mock, and removing from it.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use indexmap::IndexMap;

use super::{
    MockDestination, World,
    fault::{MockFault, on_the_wire, too_late},
    refused,
};
use crate::{
    Destination, DestinationWriter, Error, ErrorKind, ObjectName, Operation, OperationKind, Permission, Provisioner,
    Reader, RecordId, Removal, Remover, Result, Retry, Value, WriteBatch, Written,
};

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
        if batch.operations.len() > world.abilities(&batch.object)?.batch {
            return Err(Error::input("mock.write", "the batch is larger than the abilities say"));
        }
        Ok(batch.operations.iter().map(|operation| world.perform(&batch.object, operation, now)).collect())
    }
}

impl World {
    fn perform(&mut self, object: &ObjectName, operation: &Operation, now: DateTime<Utc>) -> Result<Written> {
        self.check(object, &operation.fields)?;
        if operation.kind != OperationKind::Create && !self.abilities(object)?.update {
            return Err(refused("such records cannot be changed"));
        }
        let fault = self.next_fault();
        if let Some(error) = fault.and_then(MockFault::before) {
            return Err(error);
        }
        self.follow(&operation.fields)?;
        let (verb, id) = match &operation.kind {
            OperationKind::Create => ("create", self.insert(object.clone(), operation.fields.clone(), now)),
            OperationKind::Update { id, .. } => {
                let kept = self.record(object, id).filter(|kept| !kept.trashed).ok_or_else(|| {
                    Error::new(ErrorKind::NotFound, "mock.write", "there is no such record", Retry::Never)
                })?;
                kept.fields.extend(operation.fields.iter().map(|(name, value)| (name.clone(), value.clone())));
                kept.fields.retain(|_, value| *value != Value::Null);
                kept.modified = now;
                ("update", id.clone())
            }
        };
        self.log.push(format!("{verb} {object} {id}"));
        if let Some(fault) = fault {
            return Err(fault.after());
        }
        let kept = self.record(object, &id).expect("it was just written").clone();
        let number = id.as_str().parse().expect("the store numbers its records");
        Ok(Written { stored: Some(self.stored(object, number, &kept)), id })
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
        on_the_wire().await;
        if self.clock.now() > send_before {
            return Err(too_late());
        }
        let mut world = self.world();
        let removal = world.abilities(object)?.remove;
        if removal == Removal::Never {
            return Err(refused("such records cannot be removed"));
        }
        let fault = world.next_fault();
        if let Some(error) = fault.and_then(MockFault::before) {
            return Err(error);
        }
        match (removal, id.as_str().parse::<u64>()) {
            (Removal::Hard, Ok(number)) => drop(world.records.remove(&(object.clone(), number))),
            _ => {
                if let Some(kept) = world.record(object, id) {
                    kept.trashed = true;
                }
            }
        }
        world.log.push(format!("remove {object} {id}"));
        fault.map_or(Ok(()), |fault| Err(fault.after()))
    }
}
