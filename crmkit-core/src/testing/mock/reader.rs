//! Reading the mock back.

use async_trait::async_trait;

use super::{Kept, MockCall, MockDestination, MockFault};
use crate::{Cursor, ObjectName, Page, PageRequest, Probe, Reader, RecordId, Result, Stored, compare::same_value};

#[async_trait]
impl Reader for MockDestination {
    async fn find(&self, object: &ObjectName, probes: &[Probe]) -> Result<Vec<Vec<Stored>>> {
        let seen_until = match self.ask(MockCall::Find, Some(object)).await? {
            Some(MockFault::StaleIndex(age)) => self.clock.now() - age,
            _ => self.clock.now(),
        };
        let mut world = self.world();
        world.log.push(format!("find {object} {}", probes.len()));
        let fits = |probe: &Probe, kept: &Kept| {
            kept.made >= probe.sent_after
                && kept.made <= seen_until
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
        self.ask(MockCall::Fetch, Some(object)).await?;
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
        self.ask(MockCall::Scan, Some(&request.object)).await?;
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
