//! The survey unit: finds what others changed or attached, which rollback must leave alone with all it refers to (I8).

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::{
    Change, Error, ObjectName, Outcome, RecordRef, Result, Row, RowState, Select, Stored, UnitState,
    engine::{
        Core, Facts, LeaseGuard, PassKind,
        facts::keep,
        pass::{PassContext, pass_key},
        touched::{self, Fate},
        work::seal,
    },
};

/// A destination record that rollback leaves alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The record.
    pub record: RecordRef,
    /// Why, in words.
    pub reason: String,
    /// The kept record that refers to it, where that is the reason.
    pub because_of: Option<RecordRef>,
}

/// The kind under which a preview keeps what must be left alone.
pub(crate) fn kept_kind(preview: u32) -> String {
    format!("kept/{}", pass_key(preview))
}

/// Every state in which a destination record stands for a row.
pub(super) const WRITTEN: [RowState; 4] = [RowState::Created, RowState::Updated, RowState::Unchanged, RowState::Linked];

pub(super) async fn execute(
    core: &Core,
    cx: &PassContext,
    mut unit: UnitState,
    lease: &mut LeaseGuard<'_>,
) -> Result<Outcome> {
    let PassKind::Preview { of } = cx.pass.kind else {
        return Err(Error::state("survey", "only a preview surveys").with_context("pass", cx.pass.number));
    };
    let cursor = unit.cursor.clone();
    let (page, fates) = touched::page(core, cx, &unit.key.mapping, of, WRITTEN.to_vec(), cursor.as_ref()).await?;
    lease.open_next(&mut unit, page.next.as_ref()).await?;
    let ours = Attached::load(core, &page.items).await?;
    let stored = fetch(core, &page.items).await?;
    let kind = kept_kind(cx.pass.number);
    let (mut remove, mut restore) = (0, 0);
    let mut changes = Vec::new();
    for row in page.items.iter().filter(|row| !is_patch(row) || fates.later()) {
        let Some(destination) = &row.destination else { continue };
        match judge(cx, row, stored.get(destination), &ours, fates.of(row)) {
            Judgement::Ours => match fates.of(row) {
                Fate::Removed => remove += 1,
                Fate::Restored => restore += 1,
                Fate::Left => {}
            },
            Judgement::Gone => {}
            Judgement::Others(reason) => changes.extend(closure(core, &kind, destination, reason).await?),
        }
    }
    for (name, count) in [("remove", remove), ("restore", restore)] {
        unit.counts.insert(name.to_owned(), count);
    }
    lease.done(unit, changes, page.items.len() as u64).await
}

/// Whether a row only changed a field of its record: the record's main row speaks for both.
pub(super) fn is_patch(row: &Row) -> bool {
    row.key.part != crate::Part::main() && !row.made
}

/// Whose a destination record is by now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// As we left it.
    Ours,
    /// Not there any more.
    Gone,
    /// Others changed it or attached something.
    Others(&'static str),
}

/// Judges one record by its seal and, where it would go, by what hangs on it.
pub(super) fn judge(cx: &PassContext, row: &Row, stored: Option<&Stored>, ours: &Attached, fate: Fate) -> Judgement {
    let Some(destination) = &row.destination else { return Judgement::Gone };
    let Some(stored) = stored.filter(|stored| !stored.trashed) else { return Judgement::Gone };
    if fate == Fate::Left {
        return Judgement::Ours;
    }
    let volatile = cx.destination.abilities.get(&destination.object).map_or(&[][..], |abilities| &abilities.volatile);
    match row.seal {
        // Our own restore may have arrived: what it restores is ours to restore.
        _ if row.intent.is_some() && !row.made => {}
        None => return Judgement::Others("what we left there was never read back"),
        Some(known) if known != seal(stored, volatile) => {
            return Judgement::Others("somebody changed it since it was written");
        }
        Some(_) => {}
    }
    let known = |object: &ObjectName| {
        ours.0.get(destination).and_then(|ours| ours.get(object)).map_or(0, |ours| ours.len() as u64)
    };
    if fate == Fate::Removed && stored.attached.iter().any(|(object, count)| *count > known(object)) {
        return Judgement::Others("somebody attached something to it");
    }
    Judgement::Ours
}

/// Which of our records hang on which, by object.
#[derive(Debug, Default)]
pub(super) struct Attached(HashMap<RecordRef, HashMap<ObjectName, HashSet<RecordRef>>>);

impl Attached {
    /// What the ledger knows to hang on the records of these rows. To be loaded before the records are fetched: what is removed in
    /// between then counts as ours, and not as somebody else's.
    pub(super) async fn load(core: &Core, rows: &[Row]) -> Result<Self> {
        let parents: Vec<RecordRef> =
            rows.iter().filter(|row| row.made).filter_map(|row| row.destination.clone()).collect();
        let mut attached = Self::default();
        if parents.is_empty() {
            return Ok(attached);
        }
        for child in Facts(&*core.ledger).rows(&Select::LinkingTo(parents)).await? {
            let Some(record) = child.destination.filter(|_| child.state.is_written()) else { continue };
            for parent in child.links.iter().filter(|parent| **parent != record) {
                attached
                    .0
                    .entry(parent.clone())
                    .or_default()
                    .entry(record.object.clone())
                    .or_default()
                    .insert(record.clone());
            }
        }
        Ok(attached)
    }
}

/// The facts that keep a record and, as far as links lead, everything it refers to.
pub(super) async fn closure(core: &Core, kind: &str, record: &RecordRef, reason: &str) -> Result<Vec<Change>> {
    let facts = Facts(&*core.ledger);
    let mut changes = Vec::new();
    let mut seen = HashSet::new();
    let mut open = vec![Kept { record: record.clone(), reason: reason.to_owned(), because_of: None }];
    while let Some(kept) = open.pop() {
        if !seen.insert(kept.record.clone()) {
            continue;
        }
        let refer = |to: &RecordRef| Kept {
            record: to.clone(),
            reason: "a record that stays refers to it".to_owned(),
            because_of: Some(kept.record.clone()),
        };
        for row in facts.rows(&Select::ByDestination(vec![kept.record.clone()])).await? {
            open.extend(row.links.iter().filter(|to| **to != kept.record).map(refer));
        }
        // Links that are records of their own: those that begin at this record stay, and so does where they lead.
        for row in facts.rows(&Select::LinkingTo(vec![kept.record.clone()])).await? {
            if row.key.part != crate::Part::main() && row.links.first() == Some(&kept.record) && row.state.is_written()
            {
                open.extend(row.destination.iter().chain(row.links.get(1)).filter(|to| **to != kept.record).map(refer));
            }
        }
        // What is kept for its own sake says so, whatever refers to it as well.
        let key = kept.record.to_string();
        let known: Option<Kept> = facts.get(kind, &key).await?;
        if known.is_none_or(|known| known.because_of.is_some() && kept.because_of.is_none()) {
            changes.push(keep(kind, key, &kept));
        }
    }
    Ok(changes)
}

/// The records behind rows, read in one go per object.
pub(super) async fn fetch(core: &Core, rows: &[Row]) -> Result<HashMap<RecordRef, Stored>> {
    let reader = core.destination.reader().ok_or_else(|| {
        Error::state("rollback", "the destination cannot be read, so nothing there can be taken back safely")
    })?;
    let mut ids: BTreeMap<&ObjectName, Vec<crate::RecordId>> = BTreeMap::new();
    for to in rows.iter().filter_map(|row| row.destination.as_ref()) {
        ids.entry(&to.object).or_default().push(to.id.clone());
    }
    let mut stored = HashMap::new();
    for (object, ids) in ids {
        for (id, record) in ids.iter().zip(reader.fetch(object, &ids).await?) {
            if let Some(record) = record {
                stored.insert(RecordRef { object: object.clone(), id: id.clone() }, record);
            }
        }
    }
    Ok(stored)
}
