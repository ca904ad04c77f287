//! Writing to the mock, and removing from it.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{
    MockCall, MockDestination, World, refused,
    wire::{Change, Effect, Refusal},
};
use crate::{
    Destination, DestinationWriter, Error, ErrorKind, Fields, FileSink, ObjectName, Operation, OperationKind,
    Permission, Provisioner, Reader, RecordId, Removal, Remover, Result, Retry, Value, WriteBatch, Written,
};

#[async_trait]
impl DestinationWriter for MockDestination {
    async fn describe(&self) -> Result<Destination> {
        self.ask(MockCall::Describe, None).await?;
        let world = self.world();
        Ok(Destination {
            schema: world.schema.clone(),
            abilities: world.abilities.clone(),
            users: world.users.clone(),
            items: world.items.clone(),
            permissions: ["delete", "see_all"].map(|name| (name.to_owned(), Permission::Yes)).into_iter().collect(),
            equivalents: Default::default(),
            custom_object: world.custom_object.clone(),
            ..Destination::new("mock", "mock-account")
        })
    }

    async fn write(&self, batch: &WriteBatch) -> Result<Vec<Result<Written>>> {
        let (atomic, results) = {
            let world = self.world();
            let abilities = world.abilities(&batch.object)?;
            if batch.operations.len() > abilities.batch {
                return Err(Error::input("mock.write", "the batch is larger than the abilities say"));
            }
            let checked = |operation| world.check_operation(&batch.object, operation);
            (abilities.atomic, batch.operations.iter().map(checked).collect::<Vec<Result<()>>>())
        };
        if atomic {
            return self.write_whole(batch, results).await;
        }
        let mut answers = Vec::with_capacity(results.len());
        for (operation, checked) in batch.operations.iter().zip(results) {
            answers.push(match checked {
                Ok(()) => self.write_one(batch, operation).await,
                Err(error) => Err(error),
            });
        }
        Ok(answers)
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

    fn file_sink(&self) -> Option<&dyn FileSink> {
        Some(self)
    }
}

impl MockDestination {
    /// One request for the whole batch, without the operations that are refused before it leaves.
    async fn write_whole(&self, batch: &WriteBatch, checked: Vec<Result<()>>) -> Result<Vec<Result<Written>>> {
        let operations = batch.operations.iter().zip(&checked).filter(|(_, checked)| checked.is_ok());
        let operations: Vec<Operation> = operations.map(|(operation, _)| operation.clone()).collect();
        let mut sent =
            if operations.is_empty() { Vec::new() } else { self.request(MockCall::Create, batch, operations).await? }
                .into_iter();
        let answer = |checked: Result<()>| checked.and_then(|()| sent.next().expect("an answer per operation"));
        Ok(checked.into_iter().map(answer).collect())
    }

    /// One operation: a request, or two where the object's records take two.
    async fn write_one(&self, batch: &WriteBatch, operation: &Operation) -> Result<Written> {
        let one = |answers: Vec<Result<Written>>| answers.into_iter().next().expect("an answer per operation");
        let later = self.world().later.get(&batch.object).cloned().unwrap_or_default();
        let (call, first, rest): (_, Fields, Fields) = match operation.kind {
            OperationKind::Update { .. } => (MockCall::Update, operation.fields.clone(), Fields::new()),
            OperationKind::Create => {
                let (rest, first) = operation.fields.clone().into_iter().partition(|(name, _)| later.contains(name));
                (MockCall::Create, first, rest)
            }
        };
        let first = Operation { kind: operation.kind.clone(), fields: first };
        let written = one(self.request(call, batch, vec![first]).await?)?;
        if rest.is_empty() {
            return Ok(written);
        }
        let kind = OperationKind::Update { id: written.id, version: None };
        let second = self.request(MockCall::Update, batch, vec![Operation { kind, fields: rest }]).await;
        // The record is there by now: whatever was answered, it has to be looked for.
        second.and_then(one).map_err(|error| Error::new(error.kind(), "mock.write", error.message(), Retry::Verify))
    }

    pub(super) async fn request(
        &self,
        call: MockCall,
        batch: &WriteBatch,
        operations: Vec<Operation>,
    ) -> Result<Vec<Result<Written>>> {
        let change = Change::Write(batch.object.clone(), operations);
        match self.send(call, &batch.object, change, batch.send_before).await? {
            Effect::Written(answers) => Ok(answers
                .into_iter()
                .map(|answer| {
                    answer.map_err(|refusal| match refusal {
                        Refusal::Own(kind, message) => Error::new(kind, "mock.write", message, Retry::Never),
                        Refusal::Others => Error::new(
                            ErrorKind::Rejected,
                            "mock.write",
                            "another record of the batch was refused",
                            Retry::After(Duration::ZERO),
                        ),
                    })
                })
                .collect()),
            _ => unreachable!("records were written"),
        }
    }
}

impl World {
    /// What a connector refuses before it sends anything.
    fn check_operation(&self, object: &ObjectName, operation: &Operation) -> Result<()> {
        self.check(object, &operation.fields)?;
        if operation.kind != OperationKind::Create && !self.abilities(object)?.update {
            return Err(refused("such records cannot be changed"));
        }
        Ok(())
    }

    /// Applies a request's operations. Several are one transaction: one that is refused takes the others with it.
    pub(super) fn write(
        &mut self,
        object: &ObjectName,
        operations: &[Operation],
        now: DateTime<Utc>,
    ) -> Vec<std::result::Result<Written, Refusal>> {
        let mut refusals: Vec<Option<Refusal>> =
            operations.iter().map(|operation| self.refusal(object, operation)).collect();
        if refusals.iter().any(Option::is_some) {
            refusals.iter_mut().for_each(|refusal| *refusal = refusal.take().or(Some(Refusal::Others)));
        }
        let answer = |(operation, refusal): (&Operation, Option<_>)| match refusal {
            Some(refusal) => Err(refusal),
            None => Ok(self.perform(object, operation, now)),
        };
        operations.iter().zip(refusals).map(answer).collect()
    }

    fn refusal(&mut self, object: &ObjectName, operation: &Operation) -> Option<Refusal> {
        if let OperationKind::Update { id, .. } = &operation.kind
            && self.record(object, id).is_none_or(|kept| kept.trashed)
        {
            return Some(Refusal::Own(ErrorKind::NotFound, "there is no such record".to_owned()));
        }
        self.follow(&operation.fields).err().map(|error| Refusal::Own(error.kind(), error.message().to_owned()))
    }

    fn perform(&mut self, object: &ObjectName, operation: &Operation, now: DateTime<Utc>) -> Written {
        let (verb, id) = match &operation.kind {
            OperationKind::Create => ("create", self.insert(object.clone(), operation.fields.clone(), now)),
            OperationKind::Update { id, .. } => {
                let kept = self.record(object, id).expect("looked up before");
                kept.fields.extend(operation.fields.iter().map(|(name, value)| (name.clone(), value.clone())));
                kept.fields.retain(|_, value| *value != Value::Null);
                kept.modified = now;
                ("update", id.clone())
            }
        };
        self.log.push(format!("{verb} {object} {id}"));
        self.stamp(object, &id, now);
        let number = id.as_str().parse().expect("the store numbers its records");
        let kept = &self.records[&(object.clone(), number)];
        Written { stored: Some(self.stored(object, number, kept)), id }
    }

    pub(super) fn remove(&mut self, object: &ObjectName, id: &RecordId, now: DateTime<Utc>) {
        let hard = self.abilities(object).is_ok_and(|abilities| abilities.remove == Removal::Hard);
        self.stamp(object, id, now);
        match id.as_str().parse::<u64>() {
            Ok(number) if hard => drop(self.records.remove(&(object.clone(), number))),
            _ => {
                if let Some(kept) = self.record(object, id) {
                    kept.trashed = true;
                }
            }
        }
        self.log.push(format!("remove {object} {id}"));
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
        if self.world().abilities(object)?.remove == Removal::Never {
            return Err(refused("such records cannot be removed"));
        }
        self.send(MockCall::Remove, object, Change::Remove(object.clone(), id.clone()), send_before).await.map(drop)
    }
}
