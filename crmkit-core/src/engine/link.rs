//! The link unit: sets the links that had to wait until both ends were written, one page after the other.

use std::collections::{HashMap, HashSet};

use crate::{
    Change, CompiledMapping, Digest, DraftLink, FieldName, Fields, LedgerKey, OperationKind, Outcome, Part,
    PriorValues, Record, RecordId, RecordRef, Recovery, Result, Row, RowState, Select, Selection, Stored, Uncertain,
    UnitState, Unresolved, Value,
    engine::{
        Core, Facts, LeaseGuard,
        lookup::{Target, Targets, key_of},
        pass::PassContext,
        recover::{Found, Recovered, recover},
        send::{conclude, send, unchanged},
        touched::remember,
        undo::prior_values,
        work::{Work, held, row_of, seal, settled},
    },
};

/// The part of a source record that a deferred link becomes: one of several carried links is a part of its own.
pub(super) fn part_of(link: &DraftLink) -> Part {
    match (link.many, &link.carrier) {
        (true, Some(_)) => Part::from(format!("link:{}:{}", link.line, link.to.id)),
        _ => Part::from(format!("link:{}", link.line)),
    }
}

/// One part to be: a link, or all links of a field that keeps several as one list.
struct Tie {
    record: RecordRef,
    link: DraftLink,
    to: Vec<RecordRef>,
}

pub(super) async fn execute(
    core: &Core,
    cx: &PassContext,
    mut unit: UnitState,
    lease: &mut LeaseGuard<'_>,
) -> Result<Outcome> {
    let mapping = cx.compiled.mapping(&unit.key.mapping).expect("a pass names mappings of its plan");
    let page = lease.read_page(cx, &mapping.from, &mut unit).await?;
    let mut found = match recover(core, cx, &unit.key, lease).await? {
        Recovered::Wait(until) => return lease.back_off(unit, Vec::new(), until).await,
        Recovered::Known(found) => found,
    };
    let links = links_of(cx, mapping, page.items);
    let keys: Vec<_> = links.iter().map(|tie| key_of(core, &mapping.id, &tie.record, part_of(&tie.link))).collect();
    let rows = core.ledger.rows(&keys).await?;
    let ends = links.iter().flat_map(|Tie { record, link, to }| {
        let far = to.iter().map(|to| (link.target.clone(), to.clone()));
        std::iter::once((mapping.id.clone(), record.clone())).chain(far)
    });
    let targets = Targets::load(core, cx, ends.collect::<HashSet<_>>()).await?;

    let mut changes = Vec::new();
    let mut carriers = Vec::new();
    let mut patches = Vec::new();
    let mut page_parents: HashMap<RecordId, RecordId> = HashMap::new();
    for ((Tie { record, link, to: far }, key), known) in links.into_iter().zip(keys).zip(rows) {
        let found = found.remove(&key);
        let undecided =
            known.as_ref().is_some_and(|row| row.state == RowState::Held && row.uncertain == Some(Uncertain::Held));
        let known_state = known.as_ref().map(|row| (row.state, row.reason.clone(), row.unit.pass));
        let mut row = row_of(known, key, &unit.key);
        let mut hold = |row: Row, reason: String| {
            let same = known_state.as_ref().is_some_and(|(state, known, pass)| {
                (*state, known.as_deref(), *pass) == (RowState::Held, Some(reason.as_str()), unit.key.pass)
            });
            if !same {
                changes.extend(settled(core, held(row, &unit.key, reason), "link"));
            }
        };
        if matches!(found, Some(Found::Held)) {
            continue;
        }
        // Nobody can tell whether it arrived: only a decision makes it move again.
        if undecided {
            row.uncertain = Some(Uncertain::Held);
            let reason = known_state.as_ref().and_then(|(_, reason, _)| reason.clone()).unwrap_or_default();
            hold(row, reason);
            continue;
        }
        // A record that waits takes its links along: they are set when it is written.
        let Target::Written(own) = targets.get(&mapping.id, &record) else { continue };
        let mut led = Vec::with_capacity(far.len());
        let mut waits = None;
        for to in far {
            match targets.get(&link.target, &to) {
                Target::Written(to) => led.push(to),
                Target::Nowhere => row.notes.push(format!("{}: a record it links to does not move", link.line)),
                Target::Waiting if link.unresolved == Unresolved::Leave => {
                    row.notes.push(format!("{}: left out, the record it links to waits for a decision", link.line))
                }
                Target::Waiting => waits = Some(to),
            }
        }
        if let Some(to) = waits {
            row.waits_for = Some(to);
            hold(row, format!("{}: the record it links to waits for a decision", link.line));
            continue;
        }
        let Some(to) = led.first().cloned() else {
            if link.unresolved == Unresolved::Hold {
                row.notes.clear();
                hold(row, format!("{}: the record it links to does not move", link.line));
            }
            continue;
        };
        if !link.many
            && link.target == mapping.id
            && closes_a_cycle(core, mapping, &link, &own, &to, &page_parents).await?
        {
            hold(row, format!("{}: following it upwards leads back to the record itself", link.line));
            continue;
        }
        if !link.many && link.target == mapping.id {
            page_parents.insert(own.id.clone(), to.id.clone());
        }
        row.links = std::iter::once(own.clone()).chain(led.iter().cloned()).collect();
        match &link.carrier {
            Some(carrier) => {
                let mut fields: Fields = carrier.constants.iter().cloned().collect();
                fields.insert(carrier.from.clone(), Value::link(own));
                fields.insert(carrier.to.clone(), Value::link(to));
                if let Some(change) = carry(core, cx, row, carrier.object.clone(), fields, found, &mut carriers) {
                    changes.extend(change);
                }
            }
            None if link.many => {
                let all: Vec<Value> = led.into_iter().map(Value::link).collect();
                patches.push((row, own, link.field, Value::List(all.into())))
            }
            None => patches.push((row, own, link.field, Value::link(to))),
        }
    }
    remember(cx, &mut changes);
    lease.commit(&changes).await?;
    let Patched { mut work, prior, mut changes, before } = patch(core, cx, mapping, patches).await?;
    remember(cx, &mut changes);
    reseal(core, mapping, &before, &mut changes).await?;
    lease.commit(&changes).await?;
    work.extend(carriers);
    let mut sent = send(core, cx, &unit.key, lease, work, prior).await?;
    reseal(core, mapping, &before, &mut sent.changes).await?;
    conclude(lease, unit, sent, 0).await
}

/// The deferred links of the records that this mapping moves.
fn links_of(cx: &PassContext, mapping: &CompiledMapping, records: Vec<Record>) -> Vec<Tie> {
    let links = records
        .into_iter()
        .filter(|record| cx.sample.as_ref().is_none_or(|sample| sample.contains(&record.key)))
        .filter(|record| mapping.select(record) == Selection::Selected)
        .flat_map(|record| {
            let draft = cx.compiled.draft(mapping, &record);
            draft.links.into_iter().filter(|link| link.deferred).map(move |link| (record.key.clone(), link))
        });
    let mut ties: Vec<Tie> = Vec::new();
    for (record, link) in links {
        let to = link.to.clone();
        let listed = link.many && link.carrier.is_none();
        match ties.iter_mut().rev().find(|tie| listed && tie.record == record && tie.link.line == link.line) {
            Some(tie) => tie.to.push(to),
            None => ties.push(Tie { record, link, to: vec![to] }),
        }
    }
    ties
}

/// Whether the chain of parents from `to` leads back to `own`: a cycle in the data, which no hierarchy can hold.
async fn closes_a_cycle(
    core: &Core,
    mapping: &CompiledMapping,
    link: &DraftLink,
    own: &RecordRef,
    to: &RecordRef,
    page: &HashMap<RecordId, RecordId>,
) -> Result<bool> {
    let part = part_of(link);
    let mut at = to.clone();
    let mut seen = HashSet::new();
    while at != *own {
        if !seen.insert(at.id.clone()) {
            return Ok(false);
        }
        let above = match page.get(&at.id) {
            Some(parent) => Some(RecordRef { object: at.object.clone(), id: parent.clone() }),
            None => Facts(&*core.ledger)
                .rows(&Select::LinkingTo(vec![at.clone()]))
                .await?
                .into_iter()
                .filter(|row| {
                    row.key.mapping == mapping.id
                        && row.key.part == part
                        && (row.state.is_written() || row.intent.is_some())
                })
                .find(|row| row.links.first() == Some(&at))
                .and_then(|row| row.links.get(1).cloned()),
        };
        match above {
            Some(above) => at = above,
            None => return Ok(false),
        }
    }
    Ok(true)
}

/// A link that the destination keeps as a record of its own.
fn carry(
    core: &Core,
    cx: &PassContext,
    mut row: Row,
    object: crate::ObjectName,
    mut fields: Fields,
    found: Option<Found>,
    carriers: &mut Vec<Work>,
) -> Option<[Change; 2]> {
    let recovery = cx.destination.abilities.get(&object).map(|abilities| &abilities.recovery);
    let marker = recovery.and_then(|recovery| Some((recovery.marker_field()?.clone(), recovery)));
    if let Some((field, recovery)) = &marker {
        fields.insert(field.clone(), recovery.marker(core.marker(&cx.source.instance, &row.key)));
    }
    let hash = Digest::of_fields(&fields);
    match found {
        Some(Found::Applied(stored)) => {
            let volatile = cx.destination.abilities.get(&object).map_or(&[][..], |abilities| &abilities.volatile);
            row.uncertain = Some(Uncertain::Adopted);
            row.made = true;
            row.state = RowState::Created;
            row.destination = Some(RecordRef { object, id: stored.id.clone() });
            row.hash = Some(hash);
            row.seal = Some(seal(&stored, volatile));
            row.intent = None;
            return Some(settled(core, row, "create"));
        }
        Some(Found::Absent) => row.uncertain = Some(Uncertain::Resent),
        _ if row.state.is_written() && row.hash == Some(hash) => return None,
        _ => {}
    }
    let names = match (&marker, recovery) {
        (Some((field, _)), _) => std::slice::from_ref(field),
        (None, Some(Recovery::Witness { fields })) => fields,
        _ => &[],
    };
    let probe = names.iter().filter_map(|name| fields.get(name).map(|value| (name.clone(), value.clone()))).collect();
    carriers.push(Work { row, state: RowState::Created, object, kind: OperationKind::Create, fields, hash, probe });
    None
}

/// Links that are fields of their records, on their way to becoming writes.
#[derive(Default)]
struct Patched {
    work: Vec<Work>,
    prior: Vec<PriorValues>,
    changes: Vec<Change>,
    /// The seal of each record as it was before our change.
    before: HashMap<LedgerKey, Digest>,
}

/// Links that are a field of the record: a change of its own, with the value that was there kept.
async fn patch(
    core: &Core,
    cx: &PassContext,
    mapping: &CompiledMapping,
    patches: Vec<(Row, RecordRef, crate::FieldName, Value)>,
) -> Result<Patched> {
    let mut patched = Patched::default();
    let Some(reader) = core.destination.reader().filter(|_| !patches.is_empty()) else { return Ok(patched) };
    let ids: Vec<_> = patches.iter().map(|(_, own, _, _)| own.id.clone()).collect();
    let stored = reader.fetch(&mapping.to, &ids).await?;
    let volatile = &mapping.abilities.volatile;
    for ((mut row, own, field, value), stored) in patches.into_iter().zip(stored) {
        let mut fields: Fields = [(field.clone(), value.clone())].into_iter().collect();
        let hash = Digest::of_fields(&fields);
        let Some(mut stored) = stored.filter(|stored| !stored.trashed) else {
            let gone = held(row.clone(), &row.unit, "its record at the destination is gone");
            patched.changes.extend(settled(core, gone, "link"));
            continue;
        };
        let was = stored.fields.get(&field).cloned().unwrap_or(Value::Null);
        if cx.same(core, &mapping.to, &field, &value, stored.fields.get(&field)) {
            if row.intent.is_some() {
                // Our own change arrived, and its answer was lost.
                row.state = RowState::Updated;
                row.destination = Some(own);
                row.hash = Some(hash);
                row.seal = Some(seal(&stored, volatile));
                let prior = prior_values(core, cx, &row).await?.shift_remove(&field).unwrap_or(Value::Null);
                stored.fields.insert(field, prior);
                patched.before.insert(row.key.clone(), seal(&stored, volatile));
                patched.changes.extend(settled(core, row, "link"));
            } else if row.hash != Some(hash) || !row.state.is_written() {
                row.destination = Some(own);
                row.seal = Some(seal(&stored, volatile));
                patched.changes.extend(settled(core, unchanged(row, hash), "link"));
            }
            continue;
        }
        patched.before.insert(row.key.clone(), seal(&stored, volatile));
        patched.prior.push(PriorValues {
            key: row.key.clone(),
            pass: cx.pass.number,
            destination: own.clone(),
            fields: [(field, was)].into_iter().collect(),
        });
        row.destination = Some(own.clone());
        // A time of change that was carried over does not move because of the link.
        if let Some((name, time)) = kept_time(cx, mapping, &stored) {
            fields.insert(name, time);
        }
        patched.work.push(Work {
            row,
            state: RowState::Updated,
            object: mapping.to.clone(),
            kind: OperationKind::Update { id: own.id, version: stored.version },
            fields,
            hash,
            probe: Fields::new(),
        });
    }
    Ok(patched)
}

/// The time of change that the plan sets, where the destination lets it be set, as it is now.
fn kept_time(cx: &PassContext, mapping: &CompiledMapping, stored: &Stored) -> Option<(FieldName, Value)> {
    let time = cx.destination.schema.object(&mapping.to)?.changed_at()?;
    mapping.field(&time.name)?;
    Some((time.name.clone(), stored.fields.get(&time.name)?.clone()))
}

/// A link that changed its record moved the record's seal: the main row takes the new one in the same commit, unless the record
/// was not as we had left it.
async fn reseal(
    core: &Core,
    mapping: &CompiledMapping,
    before: &HashMap<LedgerKey, Digest>,
    changes: &mut Vec<Change>,
) -> Result<()> {
    let mut seals = Vec::new();
    for change in changes.iter() {
        if let Change::Settle(row) = change
            && row.state == RowState::Updated
            && row.key.part != Part::main()
            && let Some(seal) = row.seal
        {
            let main = RecordRef { object: row.key.object.clone(), id: row.key.id.clone() };
            seals.push((key_of(core, &mapping.id, &main, Part::main()), before.get(&row.key), seal));
        }
    }
    let keys: Vec<_> = seals.iter().map(|(key, ..)| key.clone()).collect();
    for (row, (_, before, seal)) in core.ledger.rows(&keys).await?.into_iter().zip(seals) {
        if let Some(mut row) = row.filter(|row| row.seal.as_ref() == before) {
            row.seal = Some(seal);
            changes.push(Change::Settle(row));
        }
    }
    Ok(())
}
