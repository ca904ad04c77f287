//! Sending the writes of a unit: intents first, then the requests, then one commit of all outcomes.

use std::{
    collections::{BTreeMap, HashMap},
    sync::OnceLock,
};

use futures::{StreamExt, stream};

use crate::{
    Change, Error, ErrorKind, Operation, OperationKind, Outcome, PriorValues, RecordId, RecordRef, Result, Retry,
    RowState, Stored, UnitKey, UnitState, WriteBatch, Written,
    engine::{
        Core, Event, LeaseGuard,
        file::{holds_files, store},
        pass::PassContext,
        touched::remember,
        work::{Work, held, seal, settled},
    },
};
use chrono::{DateTime, Utc};

/// How sending ended.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// Rows and audit lines to commit together with the unit's state.
    pub(super) changes: Vec<Change>,
    /// How many were settled.
    pub(super) settled: u64,
    /// Something is left to do, not before this moment.
    pub(super) again: Option<DateTime<Utc>>,
    /// What no later execution would mend; to be returned after the changes are committed.
    pub(super) fatal: Option<Error>,
}

/// Makes the writes. The intents are durable before anything leaves.
pub(super) async fn send(
    core: &Core,
    cx: &PassContext,
    unit: &UnitKey,
    lease: &mut LeaseGuard<'_>,
    work: Vec<Work>,
    prior: Vec<PriorValues>,
) -> Result<Sent> {
    let mut sent = Sent::default();
    if work.is_empty() {
        return Ok(sent);
    }
    let send_before = lease.send_before().await?;
    let now = core.clock.now();
    let mut intents: Vec<Change> = Vec::with_capacity(prior.len() + work.len());
    intents.extend(prior.into_iter().map(Change::Prior));
    intents.extend(work.iter().map(|work| work.intend(now, send_before)));
    lease.commit(&intents).await?;

    let answers = perform(core, cx, work, send_before).await;
    let answers = read_missing(core, cx, answers).await?;
    let mut uncertain = 0;
    // A row and its audit line each: growing step by step would move a page's rows several times.
    sent.changes.reserve(2 * answers.len() + 1);
    for (work, answer) in answers {
        match answer {
            Ok(written) => {
                sent.settled += 1;
                let volatile =
                    cx.destination.abilities.get(&work.object).map_or(&[][..], |abilities| &abilities.volatile);
                let operation = if work.kind == OperationKind::Create { "create" } else { "update" };
                let mut row = work.row;
                row.state = work.state;
                row.made |= work.kind == OperationKind::Create;
                row.destination = Some(RecordRef { object: work.object, id: written.id });
                row.hash = Some(work.hash);
                row.seal = written.stored.as_ref().map(|stored| seal(stored, volatile));
                row.intent = None;
                sent.changes.extend(settled(core, row, operation));
            }
            Err(error) => match error.retry() {
                Retry::After(wait) => {
                    // Never sent: a new row is forgotten; one that was once uncertain keeps its story and is looked for again.
                    if work.row.uncertain.is_none() {
                        sent.changes.push(Change::Free(work.row.key));
                    }
                    sent.wait(error.until().unwrap_or(core.clock.now() + wait));
                }
                Retry::Verify => {
                    uncertain += 1;
                    // It has left by now: nobody has to wait for the rest of its window.
                    sent.changes.push(work.intend(now, core.clock.now().min(send_before)));
                    sent.wait(core.clock.now() + core.settings.settle_after);
                }
                Retry::Never if stops_the_run(error.kind()) => {
                    // An answer that nobody understands does not say that nothing was applied: the next run looks.
                    if work.row.uncertain.is_none() && error.kind() != ErrorKind::Protocol {
                        sent.changes.push(Change::Free(work.row.key));
                    }
                    sent.fatal.get_or_insert(error);
                }
                Retry::Never => {
                    sent.settled += 1;
                    let reason = error.message().to_owned();
                    sent.changes.extend(settled(core, held(work.row, unit, reason), "write"));
                }
            },
        }
    }
    remember(cx, &mut sent.changes);
    if uncertain > 0 {
        core.events.tell(Event::Uncertain { mapping: unit.mapping.clone(), writes: uncertain });
    }
    Ok(sent)
}

/// Commits what became of the writes together with where that leaves the unit.
pub(super) async fn conclude(lease: &mut LeaseGuard<'_>, unit: UnitState, sent: Sent, records: u64) -> Result<Outcome> {
    if let Some(error) = sent.fatal {
        lease.commit(&sent.changes).await?;
        return Err(error);
    }
    match sent.again {
        Some(until) => lease.back_off(unit, sent.changes, until).await,
        None => lease.done(unit, sent.changes, records.max(sent.settled)).await,
    }
}

impl Sent {
    fn wait(&mut self, until: DateTime<Utc>) {
        self.again = Some(self.again.map_or(until, |known| known.max(until)));
    }
}

/// Whether an error speaks for the account rather than for one record.
fn stops_the_run(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Auth
            | ErrorKind::State
            | ErrorKind::Storage
            | ErrorKind::Input
            | ErrorKind::Protocol
            | ErrorKind::Limited
    )
}

type Answers = Vec<(Work, Result<Written>)>;

/// Sends everything, several requests at once; the answers stand beside the writes in the order of the writes.
async fn perform(core: &Core, cx: &PassContext, mut work: Vec<Work>, send_before: DateTime<Utc>) -> Answers {
    let batch = work
        .first()
        .and_then(|work| cx.destination.abilities.get(&work.object))
        .map_or(1, |abilities| abilities.batch.max(1));
    let files = work.first().is_some_and(|work| holds_files(cx, &work.object));
    let batch = if files { 1 } else { batch };
    let sources: Vec<RecordId> =
        if files { work.iter().map(|work| work.row.key.id.clone()).collect() } else { Vec::new() };
    let sources = &sources;
    let requests: Vec<WriteBatch> = work
        .chunk_by_mut(|one, next| one.object == next.object)
        .flat_map(|same| same.chunks_mut(batch))
        .map(|works| WriteBatch {
            object: works[0].object.clone(),
            operations: works
                .iter_mut()
                .map(|work| Operation { kind: work.kind.clone(), fields: std::mem::take(&mut work.fields) })
                .collect(),
            send_before,
        })
        .collect();
    // An error that speaks for the account is told once: the rest is not sent, to hear the same again.
    let stopped: OnceLock<Error> = OnceLock::new();
    let stopped = &stopped;
    let mut answers: Vec<(usize, Vec<Result<Written>>)> = stream::iter(requests.into_iter().enumerate())
        .map(|(place, request)| async move {
            let answers = match stopped.get() {
                Some(error) => Err(again(error)),
                None if files => Ok(vec![store(core, &sources[place], &request).await]),
                None => core.destination.write(&request).await,
            };
            let answers = for_each(request.operations.len(), answers);
            let fatal = |error: &&Error| error.retry() == Retry::Never && stops_the_run(error.kind());
            if let Some(error) = answers.iter().filter_map(|answer| answer.as_ref().err()).find(fatal) {
                let _ = stopped.set(again(error));
            }
            (place, answers)
        })
        .buffer_unordered(core.settings.writes_in_flight.max(1))
        .collect()
        .await;
    answers.sort_unstable_by_key(|(place, _)| *place);
    work.into_iter().zip(answers.into_iter().flat_map(|(_, answers)| answers)).collect()
}

/// One answer per write. An outer error speaks for all: it is told again for each.
fn for_each(writes: usize, answers: Result<Vec<Result<Written>>>) -> Vec<Result<Written>> {
    let error = match answers {
        Ok(answers) if answers.len() == writes => return answers,
        Ok(_) => {
            Error::new(ErrorKind::Protocol, "write", "the connector did not answer for every operation", Retry::Verify)
        }
        Err(error) => error,
    };
    (0..writes).map(|_| Err(again(&error))).collect()
}

/// The same error, for another write.
pub(super) fn again(error: &Error) -> Error {
    let told = Error::new(error.kind(), error.operation(), error.message(), error.retry());
    match error.until() {
        Some(until) => told.with_until(until),
        None => told,
    }
}

/// Reads back what the answers did not carry, so that every settled row has its seal.
async fn read_missing(core: &Core, _cx: &PassContext, mut answers: Answers) -> Result<Answers> {
    let Some(reader) = core.destination.reader() else { return Ok(answers) };
    let mut missing: BTreeMap<crate::ObjectName, Vec<crate::RecordId>> = BTreeMap::new();
    for (work, answer) in &answers {
        if let Ok(Written { id, stored: None }) = answer {
            missing.entry(work.object.clone()).or_default().push(id.clone());
        }
    }
    let mut read: HashMap<RecordRef, Stored> = HashMap::new();
    for (object, ids) in missing {
        for stored in reader.fetch(&object, &ids).await?.into_iter().flatten() {
            read.insert(RecordRef { object: object.clone(), id: stored.id.clone() }, stored);
        }
    }
    for (work, answer) in &mut answers {
        if let Ok(written) = answer
            && written.stored.is_none()
        {
            written.stored = read.remove(&RecordRef { object: work.object.clone(), id: written.id.clone() });
        }
    }
    Ok(answers)
}

/// The state of a row that needs no write: it stays, or is settled as unchanged in this pass.
pub(super) fn unchanged(mut row: crate::Row, hash: crate::Digest) -> crate::Row {
    row.state = RowState::Unchanged;
    row.hash = Some(hash);
    row.intent = None;
    row
}
