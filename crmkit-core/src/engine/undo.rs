//! The undo unit: removes what we made, restores what we changed, and touches nothing that others changed since.

use std::collections::{HashMap, HashSet};

use futures::{StreamExt, stream};

use crate::{
    Change, Digest, Entry, Error, FieldName, FieldType, Fields, IntendedOperation, Intent, LedgerKey, Operation,
    OperationKind, Outcome, Part, RecordRef, Removal, Result, Retry, Row, RowState, Select, Stored, UnitState,
    UnitStatus, Value, WriteBatch,
    engine::{
        Core, Facts, LeaseGuard, PassKind,
        facts::keep,
        gone,
        pass::PassContext,
        send::again,
        survey::{Attached, Judgement, Kept, WRITTEN, closure, fetch, is_patch, judge, kept_kind},
        touched::{self, Fate, Fates},
        work::{seal, settled},
    },
};
use chrono::{DateTime, Utc};

/// Which parts of the rows a phase takes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parts {
    /// Deferred links.
    Links,
    /// The records themselves.
    Main,
}

pub(super) async fn execute(
    core: &Core,
    cx: &PassContext,
    mut unit: UnitState,
    lease: &mut LeaseGuard<'_>,
    parts: Parts,
) -> Result<Outcome> {
    let (of, preview) = match cx.pass.kind {
        PassKind::Rollback { of, preview } => (of, preview),
        // Records that are gone at the source, where the plan says that they go here, too.
        PassKind::Delta => (None, cx.pass.number),
        _ => return Err(Error::state("undo", "only a rollback takes back").with_context("pass", cx.pass.number)),
    };
    let facts = Facts(&*core.ledger);
    if cx.pass.kind == PassKind::Delta
        && let Some(reason) = gone::too_many(core, cx, &unit).await?
    {
        unit.status = UnitStatus::Blocked { reason: reason.clone() };
        lease.commit(&[Change::Unit(unit)]).await?;
        return Ok(Outcome::Blocked { reason });
    }
    // Rows of any state: what is taken back leaves no gap for the next page's rows to move into.
    let cursor = unit.cursor.clone();
    let (page, fates) = touched::page(core, cx, &unit.key.mapping, of, Vec::new(), cursor.as_ref()).await?;
    lease.open_next(&mut unit, page.next.as_ref()).await?;
    let rows: Vec<Row> = page
        .items
        .into_iter()
        .filter(|row| WRITTEN.contains(&row.state) && (row.key.part == Part::main()) == (parts == Parts::Main))
        .collect();
    let rows = if cx.pass.kind == PassKind::Delta { gone::removable(core, rows).await? } else { rows };
    // A request of an earlier attempt may still be on its way.
    if let Some(latest) = rows.iter().filter_map(|row| row.intent.as_ref()).map(|intent| intent.send_before).max() {
        let quiet = latest + core.settings.settle_after;
        if core.clock.now() < quiet {
            return lease.back_off(unit, Vec::new(), quiet).await;
        }
    }
    let kind = kept_kind(preview);
    let names = rows.iter().filter_map(|row| row.destination.as_ref()).map(ToString::to_string).collect();
    let kept: HashSet<RecordRef> =
        facts.at::<Kept>(&kind, names).await?.into_iter().map(|(_, kept)| kept.record).collect();
    let ours = Attached::load(core, &rows).await?;
    let stored = fetch(core, &rows).await?;
    let mains = main_rows(core, &rows).await?;

    let (mut changes, mut gone) = (Vec::new(), Vec::new());
    let mut steps = Vec::new();
    for mut row in rows {
        let Some(destination) = row.destination.clone() else { continue };
        if kept.contains(&destination) || (fates.later() && fates.of(&row) == Fate::Left) {
            continue;
        }
        if is_patch(&row) {
            match mains.get(&row.key) {
                // The record itself goes, and the link with it: `finish` takes both rows back together.
                None => continue,
                // A link to what goes first may be emptied by the destination, and would look like somebody's change: it is
                // taken back before, unless it cannot be cleared and goes with its record.
                Some(main) if goes(&fates, main) && !clears(cx, core, &row, &destination).await? => {
                    continue;
                }
                Some(main) => row.seal = main.seal,
            }
        }
        let record = stored.get(&destination);
        let main = mains.get(&row.key).cloned();
        match judge(cx, &row, record, &ours, fates.of(&row)) {
            Judgement::Gone => {
                gone.push(destination);
                changes.extend(settled(core, taken_back(row), "remove"));
            }
            Judgement::Others(reason) => changes.extend(closure(core, &kind, &destination, reason).await?),
            Judgement::Ours if fates.of(&row) == Fate::Removed && cannot_remove(cx, &destination) => {
                changes.extend(closure(core, &kind, &destination, "the destination cannot remove such records").await?);
            }
            Judgement::Ours if fates.of(&row) == Fate::Removed => steps.push(Step {
                row,
                destination,
                restore: None,
                version: record.and_then(|record| record.version.clone()),
            }),
            Judgement::Ours => {
                let prior = prior_values(core, cx, &row).await?;
                let wrong: Fields = prior
                    .iter()
                    .filter(|(name, value)| {
                        let stored = record.and_then(|record| record.fields.get(*name));
                        !cx.same(core, &destination.object, name, value, stored)
                    })
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect();
                let (restore, stuck) = restorable(cx, &destination, wrong);
                for name in stuck {
                    let reason = format!("{name} was empty before and cannot be cleared again");
                    row.notes.push(reason.clone());
                    changes.push(keep(&format!("unrestored/{preview:010}"), format!("{destination}/{name}"), &reason));
                }
                if restore.is_empty() {
                    let arrived = row.intent.is_some().then_some(record).flatten();
                    if let (Some(mut main), Some(record)) = (main.filter(|_| is_patch(&row)), arrived) {
                        // Our own restore arrived, and its answer was lost: the record's seal moves with it.
                        if as_it_was(cx, &row, record, &prior) == main.seal {
                            main.seal = Some(seal(record, volatile_of(cx, &destination)));
                            changes.push(Change::Settle(main));
                        }
                    }
                    let taken = given_back(core, cx, row, record).await?;
                    changes.extend(settled(core, taken, "restore"));
                } else {
                    let version = record.and_then(|record| record.version.clone());
                    steps.push(Step { row, destination, restore: Some(restore), version });
                }
            }
        }
    }
    changes.extend(gone_with(core, gone).await?);
    lease.commit(&changes).await?;
    let send_before = lease.send_before().await?;
    // A restore moves the seal by which we know the record for ours: that it is under way has to be known before it leaves.
    let now = core.clock.now();
    let restores: Vec<Change> = steps.iter().filter_map(|step| step.intend(now, send_before)).collect();
    lease.commit(&restores).await?;
    let answers: Vec<Vec<(Step, Result<Option<Stored>>)>> = stream::iter(in_groups(core, cx, steps))
        .map(|steps| async move {
            let answers = perform(core, &steps, send_before).await;
            steps.into_iter().zip(answers).collect()
        })
        .buffer_unordered(core.settings.writes_in_flight.max(1))
        .collect()
        .await;
    let answers = answers.into_iter().flatten().collect();
    finish(core, cx, unit, lease, &kind, answers).await
}

/// Whether a link's record goes, too.
fn goes(fates: &Fates, main: &Row) -> bool {
    main.made && (!fates.later() || fates.of(main) == Fate::Removed)
}

/// The main rows of the records that these rows only changed.
async fn main_rows(core: &Core, rows: &[Row]) -> Result<HashMap<LedgerKey, Row>> {
    let patches: Vec<&LedgerKey> = rows.iter().filter(|row| is_patch(row)).map(|row| &row.key).collect();
    let keys: Vec<LedgerKey> = patches.iter().map(|key| LedgerKey { part: Part::main(), ..(*key).clone() }).collect();
    let mains = core.ledger.rows(&keys).await?;
    Ok(patches.into_iter().cloned().zip(mains).filter_map(|(key, main)| main.map(|main| (key, main))).collect())
}

async fn finish(
    core: &Core,
    cx: &PassContext,
    unit: UnitState,
    lease: &mut LeaseGuard<'_>,
    kind: &str,
    answers: Vec<(Step, Result<Option<Stored>>)>,
) -> Result<Outcome> {
    let removed: Vec<RecordRef> = answers
        .iter()
        .filter(|(step, answer)| step.restore.is_none() && answer.is_ok())
        .map(|(step, _)| step.destination.clone())
        .collect();
    let mut changes = gone_with(core, removed).await?;
    let mut again: Option<DateTime<Utc>> = None;
    let mut fatal: Option<Error> = None;
    let mut records = 0;
    for (step, answer) in answers {
        match answer {
            Ok(stored) => {
                records += 1;
                let operation = if step.restore.is_some() { "restore" } else { "remove" };
                let read = stored.clone();
                if let Some(stored) = stored.filter(|_| is_patch(&step.row)) {
                    // The record's own change is taken back later, and must still be known for ours then.
                    let key = LedgerKey { part: Part::main(), ..step.row.key.clone() };
                    if let Some(mut main) = core.ledger.rows(&[key]).await?.into_iter().next().flatten() {
                        main.seal = Some(seal(&stored, volatile_of(cx, &step.destination)));
                        changes.push(Change::Settle(main));
                    }
                }
                let taken = match step.restore {
                    Some(_) => given_back(core, cx, step.row, read.as_ref()).await?,
                    None => taken_back(step.row),
                };
                changes.extend(settled(core, taken, operation));
            }
            Err(error) => match error.retry() {
                // Removing and restoring can be repeated: nothing has to be looked for first.
                Retry::After(wait) => {
                    changes.extend(step.free());
                    let until = error.until().unwrap_or(core.clock.now() + wait);
                    again = Some(again.map_or(until, |known| known.max(until)));
                }
                Retry::Verify => {
                    // It has left by now: nobody has to wait for the rest of its window.
                    changes.extend(step.intend(core.clock.now(), core.clock.now()));
                    let until = core.clock.now() + core.settings.settle_after;
                    again = Some(again.map_or(until, |known| known.max(until)));
                }
                Retry::Never if error.kind() == crate::ErrorKind::Auth => {
                    changes.extend(step.free());
                    fatal.get_or_insert(error);
                }
                Retry::Never => {
                    changes.extend(step.free());
                    changes.extend(closure(core, kind, &step.destination, error.message()).await?);
                }
            },
        }
    }
    if let Some(error) = fatal {
        lease.commit(&changes).await?;
        return Err(error);
    }
    match again {
        Some(until) => lease.back_off(unit, changes, until).await,
        None => lease.done(unit, changes, records).await,
    }
}

/// What we had only changed in a record goes with the record.
async fn gone_with(core: &Core, records: Vec<RecordRef>) -> Result<Vec<Change>> {
    if records.is_empty() {
        return Ok(Vec::new());
    }
    let rows = Facts(&*core.ledger).rows(&Select::ByDestination(records)).await?;
    Ok(rows.into_iter().filter(is_patch).flat_map(|patch| settled(core, taken_back(patch), "remove")).collect())
}

/// The seal that a record had while it held our values, from its state now.
fn as_it_was(cx: &PassContext, row: &Row, record: &Stored, prior: &Fields) -> Option<Digest> {
    let several = |name: &FieldName| {
        let object = cx.destination.schema.object(&row.destination.as_ref()?.object)?;
        object.fields.get(name).map(|field| matches!(field.ty, FieldType::Links { .. }))
    };
    let one = Value::link(row.links.get(1)?.clone());
    let all = Value::List(row.links[1..].iter().cloned().map(Value::link).collect());
    let ours = |name: &FieldName| if several(name) == Some(true) { all.clone() } else { one.clone() };
    let mut record = record.clone();
    record.fields.extend(prior.keys().map(|name| (name.clone(), ours(name))));
    Some(seal(&record, volatile_of(cx, row.destination.as_ref()?)))
}

fn volatile_of<'a>(cx: &'a PassContext, record: &RecordRef) -> &'a [FieldName] {
    cx.destination.abilities.get(&record.object).map_or(&[][..], |abilities| &abilities.volatile)
}

/// One record to take back.
struct Step {
    row: Row,
    destination: RecordRef,
    /// The values to restore; none where the record goes.
    restore: Option<Fields>,
    version: Option<String>,
}

impl Step {
    /// The row with the intent to restore it; a removal needs none.
    fn intend(&self, now: DateTime<Utc>, send_before: DateTime<Utc>) -> Option<Change> {
        let fields = self.restore.as_ref()?;
        let mut row = self.row.clone();
        row.intent = Some(Intent {
            operation: IntendedOperation::Update { id: self.destination.id.clone() },
            object: self.destination.object.clone(),
            hash: Digest::of_fields(fields),
            probe: Fields::new(),
            sent_after: now,
            send_before,
        });
        Some(Change::Intend(row))
    }

    /// Closes the intent of what was certainly not applied.
    fn free(&self) -> Option<Change> {
        self.restore.as_ref().map(|_| Change::Free(self.row.key.clone()))
    }
}

/// Steps that one call can take: of one object, all removals or all restores.
fn in_groups(core: &Core, cx: &PassContext, mut steps: Vec<Step>) -> Vec<Vec<Step>> {
    let place = |step: &Step| (step.restore.is_some(), step.destination.object.clone());
    steps.sort_by_key(place);
    let mut groups: Vec<Vec<Step>> = Vec::new();
    for step in steps {
        let most = match &step.restore {
            Some(_) => cx.destination.abilities.get(&step.destination.object).map_or(1, |abilities| abilities.batch),
            None => core.destination.remover().map_or(1, crate::Remover::at_once),
        };
        match groups.last_mut().filter(|group| group.len() < most && place(&group[0]) == place(&step)) {
            Some(group) => group.push(step),
            None => groups.push(vec![step]),
        }
    }
    groups
}

/// Takes the steps of a group, and gives an answer for each.
async fn perform(core: &Core, steps: &[Step], send_before: DateTime<Utc>) -> Vec<Result<Option<Stored>>> {
    let Some(first) = steps.first() else { return Vec::new() };
    let object = &first.destination.object;
    let all = |error: &Error| steps.iter().map(|_| Err(again(error))).collect();
    if first.restore.is_none() {
        let Some(remover) = core.destination.remover() else {
            return all(&Error::state("rollback", "the destination cannot remove records"));
        };
        let records: Vec<_> = steps.iter().map(|step| (step.destination.id.clone(), step.version.clone())).collect();
        let answers = remover.remove_all(object, &records, send_before).await;
        return answers.into_iter().map(|answer| answer.map(|()| None)).collect();
    }
    let operation = |step: &Step| Operation {
        kind: OperationKind::Update { id: step.destination.id.clone(), version: step.version.clone() },
        fields: step.restore.clone().unwrap_or_default(),
    };
    let batch = WriteBatch { object: object.clone(), operations: steps.iter().map(operation).collect(), send_before };
    match core.destination.write(&batch).await {
        Ok(answers) => answers.into_iter().map(|answer| answer.map(|written| written.stored)).collect(),
        Err(error) => all(&error),
    }
}

fn cannot_remove(cx: &PassContext, destination: &RecordRef) -> bool {
    cx.destination.abilities.get(&destination.object).is_some_and(|abilities| abilities.remove == Removal::Never)
}

/// The row after it was taken back: the id stays as history, so that no later look-up takes the trash for a record.
fn taken_back(mut row: Row) -> Row {
    row.state = RowState::RolledBack;
    if let Some(destination) = row.destination.take() {
        row.history.push(destination.id);
    }
    row.made = false;
    row.hash = None;
    row.seal = None;
    row.intent = None;
    row.links.clear();
    row
}

/// The row after its record got its former values: where an earlier pass wrote the record, it stands for it as before.
async fn given_back(core: &Core, cx: &PassContext, mut row: Row, record: Option<&Stored>) -> Result<Row> {
    if !cx.later || !(row.made || wrote_earlier(core, cx, &row).await?) {
        return Ok(taken_back(row));
    }
    if let Some(record) = record {
        row.links = links_of(core, cx, &row, record).await?;
    }
    row.state = RowState::Unchanged;
    row.seal = match (record, &row.destination) {
        (Some(record), Some(destination)) => Some(seal(record, volatile_of(cx, destination))),
        _ => None,
    };
    // What the source says now is not what is there.
    row.hash = None;
    row.intent = None;
    Ok(row)
}

/// Where a record, or the field of it that a row is about, leads now.
async fn links_of(core: &Core, cx: &PassContext, row: &Row, record: &Stored) -> Result<Vec<RecordRef>> {
    let refs = |value: &Value| -> Vec<RecordRef> {
        match value {
            Value::List(values) => values.iter().filter_map(Value::as_ref_to).cloned().collect(),
            one => one.as_ref_to().into_iter().cloned().collect(),
        }
    };
    if !is_patch(row) {
        let leads = record.fields.values().flat_map(refs);
        return Ok(leads.filter(|to| cx.destination.abilities.contains_key(&to.object)).collect());
    }
    let fields = prior_values(core, cx, row).await?;
    let leads = fields.keys().filter_map(|name| record.fields.get(name)).flat_map(refs);
    Ok(row.links.first().cloned().into_iter().chain(leads).collect())
}

/// Whether a pass before the one that is taken back changed the record, too.
async fn wrote_earlier(core: &Core, cx: &PassContext, row: &Row) -> Result<bool> {
    let of = cx.pass.kind.takes_back().unwrap_or_default();
    let kept = Facts(&*core.ledger).every(&Select::Prior(row.key.clone())).await?;
    Ok(kept
        .iter()
        .any(|entry| matches!(entry, Entry::Prior(prior) if prior.pass < of && !cx.given_back.contains(&prior.pass))))
}

/// Whether what the fields held before can be put back whole.
async fn clears(cx: &PassContext, core: &Core, row: &Row, destination: &RecordRef) -> Result<bool> {
    let (restore, stuck) = restorable(cx, destination, prior_values(core, cx, row).await?);
    Ok(stuck.is_empty() && !restore.is_empty())
}

/// What the fields we changed held before we first did.
pub(super) async fn prior_values(core: &Core, cx: &PassContext, row: &Row) -> Result<Fields> {
    let mut fields = Fields::new();
    for entry in Facts(&*core.ledger).every(&Select::Prior(row.key.clone())).await? {
        if let Entry::Prior(prior) = entry
            && !cx.given_back.contains(&prior.pass)
            && (!cx.later || cx.pass.kind.takes_back() == Some(prior.pass))
        {
            for (name, value) in prior.fields {
                fields.entry(name).or_insert(value);
            }
        }
    }
    Ok(fields)
}

/// What can be restored, and the fields that were empty and cannot be cleared.
fn restorable(cx: &PassContext, destination: &RecordRef, wrong: Fields) -> (Fields, Vec<crate::FieldName>) {
    let schema = cx.destination.schema.object(&destination.object);
    let clearable = |name: &crate::FieldName| {
        schema.and_then(|schema| schema.fields.get(name)).is_some_and(|field| field.clearable)
    };
    let (restore, stuck): (Fields, Fields) =
        wrong.into_iter().partition(|(name, value)| *value != Value::Null || clearable(name));
    (restore, stuck.into_keys().collect())
}
