//! The way of a request to the mock and back, with everything that can happen on it.

use std::fmt;

use chrono::{DateTime, Utc};

use super::{
    MockCall, MockDestination, MockFault, MockRequest, World,
    fault::{on_the_wire, too_late, unauthorized},
};
use crate::{Error, ErrorKind, ObjectName, Operation, Result, Retry, Written};

type Decide = dyn FnMut(&MockRequest) -> Option<MockFault> + Send;

/// Asked for every request what happens to it.
pub(super) struct Script(pub(super) Box<Decide>);

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Script")
    }
}

/// What a request that changes something does when it arrives.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Write(ObjectName, Vec<Operation>),
    Remove(ObjectName, crate::RecordId),
    Create(crate::SchemaItem),
    Retire(crate::ExistingItem),
}

/// What a change that arrived is answered.
#[derive(Clone, Debug)]
pub(super) enum Effect {
    Written(Vec<std::result::Result<Written, Refusal>>),
    Made(std::result::Result<String, String>),
    Gone,
}

/// Why a record was not written.
#[derive(Clone, Debug)]
pub(super) enum Refusal {
    /// For its own sake.
    Own(ErrorKind, String),
    /// For another's in the same transaction.
    Others,
}

/// A request that left and has not arrived.
#[derive(Debug)]
pub(super) struct InFlight {
    arrives: DateTime<Utc>,
    ticket: u64,
    change: Change,
}

impl World {
    /// Everything that has arrived by now, in the order of arrival.
    pub(super) fn land(&mut self, now: DateTime<Utc>) {
        loop {
            let due = self.in_flight.iter().enumerate().filter(|(_, flight)| flight.arrives <= now);
            let Some(first) = due.min_by_key(|(_, flight)| (flight.arrives, flight.ticket)).map(|(at, _)| at) else {
                return;
            };
            let InFlight { arrives, ticket, change } = self.in_flight.remove(first);
            let effect = self.apply(&change, arrives);
            self.landed.insert(ticket, effect);
        }
    }

    fn apply(&mut self, change: &Change, now: DateTime<Utc>) -> Effect {
        match change {
            Change::Write(object, operations) => Effect::Written(self.write(object, operations, now)),
            Change::Remove(object, id) => {
                self.remove(object, id, now);
                Effect::Gone
            }
            Change::Create(item) => Effect::Made(self.create_item(item)),
            Change::Retire(item) => {
                self.retire_item(item);
                Effect::Gone
            }
        }
    }

    /// What happens to a request.
    fn meets(&mut self, call: MockCall, object: Option<&ObjectName>) -> Option<MockFault> {
        let request = MockRequest { call, object: object.cloned() };
        let scripted = self.script.as_mut().and_then(|script| script.0(&request));
        if !call.changes() {
            return scripted;
        }
        self.requests += 1;
        let at = self.faults.iter().position(|(nth, _)| *nth == self.requests);
        at.and_then(|at| self.faults.remove(at)).map(|(_, fault)| fault).or(scripted)
    }

    /// Whether the account answers at all.
    fn closed(&mut self, now: DateTime<Utc>, fault: Option<MockFault>) -> Option<Error> {
        match fault {
            Some(MockFault::DaySpent(wait)) => self.spent_until = self.spent_until.max(Some(now + wait)),
            Some(MockFault::TokenExpired) => self.expired = true,
            _ => {}
        }
        if self.expired {
            return Some(unauthorized());
        }
        let until = self.spent_until.filter(|until| now < *until)?;
        let wait = Retry::After((until - now).to_std().unwrap_or_default());
        Some(Error::new(ErrorKind::Limited, "mock.request", "the day's budget is gone", wait).with_until(until))
    }
}

impl MockDestination {
    /// Sends a request that reads; what it meets besides is for the caller.
    pub(super) async fn ask(&self, call: MockCall, object: Option<&ObjectName>) -> Result<Option<MockFault>> {
        on_the_wire().await;
        let now = self.clock.now();
        let (fault, closed) = {
            let mut world = self.world();
            let fault = world.meets(call, object);
            (fault, world.closed(now, fault))
        };
        if let Some(error) = closed.or_else(|| fault.and_then(MockFault::on_read)) {
            return Err(error);
        }
        if let Some(MockFault::Delay(wait)) = fault {
            self.clock.sleep_until(now + wait).await;
        }
        Ok(fault)
    }

    /// Sends a request that changes something.
    pub(super) async fn send(
        &self,
        call: MockCall,
        object: &ObjectName,
        change: Change,
        send_before: DateTime<Utc>,
    ) -> Result<Effect> {
        on_the_wire().await;
        let now = self.clock.now();
        if now > send_before {
            return Err(too_late());
        }
        let (fault, flight) = {
            let mut world = self.world();
            let fault = world.meets(call, Some(object));
            if let Some(error) = world.closed(now, fault).or_else(|| fault.and_then(MockFault::before)) {
                return Err(error);
            }
            let wait = if let Some(MockFault::Delay(wait) | MockFault::Late(wait)) = fault { Some(wait) } else { None };
            world.tickets += 1;
            let ticket = world.tickets;
            let arrives = wait.map_or(now, |wait| now + wait);
            world.in_flight.push(InFlight { arrives, ticket, change });
            world.land(now);
            (fault, (ticket, arrives))
        };
        if let Some(MockFault::Delay(_)) = fault {
            self.clock.sleep_until(flight.1).await;
        }
        on_the_wire().await;
        if let Some(error) = fault.and_then(MockFault::after) {
            return Err(error);
        }
        Ok(self.world().landed.remove(&flight.0).expect("it has arrived by now"))
    }
}
