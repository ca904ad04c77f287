//! The verify unit: every field of every written record, read back and compared with what the source says now.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::{
    CompiledMapping, Draft, FieldName, Fields, Outcome, Overwrite, Part, Record, RecordId, RecordRef, Result, Row,
    RowState, Selection, Stored, UnitState, Value,
    engine::{
        Core, LeaseGuard, PassKind,
        facts::keep,
        file::{Content, contents, holds_files},
        intake::take_in,
        link::part_of,
        lookup::{Target, Targets, key_of},
        merge,
        pass::{PassContext, pass_key},
    },
};

/// One field that is not what it should be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mismatch {
    /// The mapping.
    pub mapping: crate::MappingId,
    /// The source record.
    pub source: RecordRef,
    /// The destination record, if there is one.
    pub destination: Option<RecordRef>,
    /// The destination field; empty where the whole record is missing.
    pub field: FieldName,
    /// What it should be.
    pub expected: Option<Value>,
    /// What it is.
    pub actual: Option<Value>,
}

/// One field of a record of the sample, as it was compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComparedField {
    /// The destination field.
    pub field: FieldName,
    /// The source fields it comes from, with their values.
    pub source: BTreeMap<FieldName, Value>,
    /// What it should be.
    pub expected: Value,
    /// What was read back.
    pub actual: Option<Value>,
    /// They are the same.
    pub same: bool,
}

/// A record of the sample, as it was compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComparedRecord {
    /// The mapping.
    pub mapping: crate::MappingId,
    /// The source record.
    pub source: RecordRef,
    /// The destination record.
    pub destination: RecordRef,
    /// Every field that the plan fills.
    pub fields: Vec<ComparedField>,
}

pub(super) async fn execute(
    core: &Core,
    cx: &PassContext,
    mut unit: UnitState,
    lease: &mut LeaseGuard<'_>,
) -> Result<Outcome> {
    let mapping = cx.compiled.mapping(&unit.key.mapping).expect("a pass names mappings of its plan");
    let page = lease.read_page(cx, &mapping.from, &mut unit).await?;
    let taken = take_in(page, mapping, cx.sample.as_ref(), &mut unit);
    let records =
        taken.into_iter().filter(|(_, selection)| *selection == Selection::Selected).map(|(record, _)| record);
    let Looked { written, lost } = look_up(core, cx, mapping, records.collect()).await?;
    let records: Vec<&Record> = written.iter().map(|(record, _)| record).collect();
    let drafts = merge::drafts(core, cx, mapping, &records).await?;
    let drafts: Vec<(Record, Row, Draft)> =
        written.into_iter().zip(drafts).map(|((record, row), draft)| (record, row, draft)).collect();
    let links =
        drafts.iter().flat_map(|(_, _, draft)| draft.links.iter().map(|link| (link.target.clone(), link.to.clone())));
    let targets = Targets::load(core, cx, links.collect::<HashSet<_>>()).await?;
    let stored = fetch(
        core,
        &mapping.to,
        drafts.iter().filter_map(|(_, row, _)| row.destination.as_ref()).map(|to| to.id.clone()).collect(),
    )
    .await?;
    let carried = carriers(core, mapping, &drafts).await?;
    let held = held_links(core, mapping, &drafts).await?;

    let files = contents_of(core, cx, mapping, &drafts).await?;

    let mut changes = Vec::new();
    let (mut verified, mut mismatched, mut missing) = (0, 0, lost.len() as u64);
    let kind = format!("mismatch/{}", pass_key(unit.key.pass));
    for record in lost {
        changes.push(keep(&kind, format!("{}/{record}/", mapping.id), &absent(mapping, &record, None)));
    }
    for (record, row, mut draft) in drafts {
        // Held with its reason, and counted there.
        draft.links.retain(|link| !held.contains(&(record.key.id.clone(), link.line.clone())));
        let destination = row.destination.clone().expect("a written row has a destination");
        let Some(stored) = stored.get(&destination.id).filter(|stored| !stored.trashed) else {
            missing += 1;
            let gone = absent(mapping, &record.key, Some(destination));
            changes.push(keep(&kind, format!("{}/{}/", mapping.id, record.key), &gone));
            continue;
        };
        let expected = expected(core, cx, mapping, &row, draft, &targets, &carried);
        let mut compared: Vec<ComparedField> = expected
            .into_iter()
            .map(|(field, value, actual)| {
                let actual = actual.or_else(|| stored.fields.get(&field).cloned());
                ComparedField {
                    source: origin(mapping, &field, &record),
                    same: cx.same(core, &mapping.to, &field, &value, actual.as_ref()),
                    field,
                    expected: value,
                    actual,
                }
            })
            .collect();
        compared.extend(files.get(&record.key.id).map(|content| ComparedField {
            field: "content".into(),
            source: BTreeMap::new(),
            expected: Value::text(content.source.as_str()),
            actual: Some(Value::text(content.destination.as_str())),
            same: content.source == content.destination,
        }));
        let wrong: Vec<&ComparedField> = compared.iter().filter(|field| !field.same).collect();
        if wrong.is_empty() {
            verified += 1
        } else {
            mismatched += 1
        }
        for field in wrong {
            let mismatch = Mismatch {
                mapping: mapping.id.clone(),
                source: record.key.clone(),
                destination: Some(destination.clone()),
                field: field.field.clone(),
                expected: Some(field.expected.clone()),
                actual: field.actual.clone(),
            };
            changes.push(keep(&kind, format!("{}/{}/{}", mapping.id, record.key, field.field), &mismatch));
        }
        if matches!(cx.pass.kind, PassKind::Reconcile { of: Some(_) }) {
            let compared = ComparedRecord {
                mapping: mapping.id.clone(),
                source: record.key.clone(),
                destination,
                fields: compared,
            };
            let kind = format!("compared/{}", pass_key(unit.key.pass));
            changes.push(keep(&kind, format!("{}/{}", mapping.id, record.key), &compared));
        }
    }
    for (name, count) in [("verified", verified), ("mismatched", mismatched), ("missing", missing)] {
        unit.counts.insert(name.to_owned(), count);
    }
    lease.done(unit, changes, verified + mismatched + missing).await
}

fn absent(mapping: &CompiledMapping, record: &RecordRef, destination: Option<RecordRef>) -> Mismatch {
    Mismatch {
        mapping: mapping.id.clone(),
        source: record.clone(),
        destination,
        field: "".into(),
        expected: None,
        actual: None,
    }
}

/// The bytes of the files among these records, at both ends.
async fn contents_of(
    core: &Core,
    cx: &PassContext,
    mapping: &CompiledMapping,
    drafts: &[(Record, Row, Draft)],
) -> Result<HashMap<RecordId, Content>> {
    if !holds_files(cx, &mapping.to) {
        return Ok(HashMap::new());
    }
    let made = drafts.iter().filter(|(_, row, _)| row.made);
    let pairs: Vec<(RecordId, RecordId)> = made
        .filter_map(|(record, row, _)| Some((record.key.id.clone(), row.destination.as_ref()?.id.clone())))
        .collect();
    let read = contents(core, mapping, pairs.clone()).await?;
    Ok(pairs.into_iter().map(|(from, _)| from).zip(read).collect())
}

/// A page's records as the ledger knows them.
struct Looked {
    /// A destination record stands for them, in the pass looked at.
    written: Vec<(Record, Row)>,
    /// The ledger says nothing final about them.
    lost: Vec<RecordRef>,
}

async fn look_up(core: &Core, cx: &PassContext, mapping: &CompiledMapping, records: Vec<Record>) -> Result<Looked> {
    let keys: Vec<_> = records.iter().map(|record| key_of(core, &mapping.id, &record.key, Part::main())).collect();
    let rows = core.ledger.rows(&keys).await?;
    let of = if let PassKind::Reconcile { of } = cx.pass.kind { of } else { None };
    let mut looked = Looked { written: Vec::new(), lost: Vec::new() };
    for (record, row) in records.into_iter().zip(rows) {
        match row {
            Some(row) if row.state.is_written() && row.destination.is_some() => {
                if of.is_none_or(|pass| row.unit.pass == pass) {
                    looked.written.push((record, row));
                }
            }
            Some(row) if row.state != RowState::Intended && row.state != RowState::RolledBack => {}
            _ if of.is_some() => {}
            _ => looked.lost.push(record.key),
        }
    }
    Ok(looked)
}

async fn fetch(core: &Core, object: &crate::ObjectName, ids: Vec<RecordId>) -> Result<HashMap<RecordId, Stored>> {
    let reader = core.destination.reader().ok_or_else(|| {
        crate::Error::state("verify.fetch", "the destination cannot be read, so nothing can be verified")
    })?;
    let stored = reader.fetch(object, &ids).await?;
    Ok(ids.into_iter().zip(stored).filter_map(|(id, stored)| stored.map(|stored| (id, stored))).collect())
}

type Carried = HashMap<(RecordId, Part), Option<Stored>>;

/// The records that carry deferred links of this page.
async fn carriers(core: &Core, mapping: &CompiledMapping, drafts: &[(Record, Row, Draft)]) -> Result<Carried> {
    let mut by_object: BTreeMap<crate::ObjectName, Vec<(RecordId, Part, crate::LedgerKey)>> = BTreeMap::new();
    for (record, _, draft) in drafts {
        for link in &draft.links {
            if let Some(carrier) = &link.carrier {
                let part = part_of(link);
                let key = key_of(core, &mapping.id, &record.key, part.clone());
                by_object.entry(carrier.object.clone()).or_default().push((record.key.id.clone(), part, key));
            }
        }
    }
    let mut carried = Carried::new();
    for (object, parts) in by_object {
        let keys: Vec<_> = parts.iter().map(|(_, _, key)| key.clone()).collect();
        let rows = core.ledger.rows(&keys).await?;
        let mut written = Vec::new();
        for ((id, part, _), row) in parts.into_iter().zip(rows) {
            match row {
                Some(row) if row.state == RowState::Held => {}
                Some(crate::Row { state, destination: Some(to), .. }) if state.is_written() => {
                    written.push((id, part, to.id))
                }
                _ => {
                    carried.insert((id, part), None);
                }
            }
        }
        let mut stored = fetch(core, &object, written.iter().map(|(_, _, id)| id.clone()).collect()).await?;
        for (record, part, id) in written {
            carried.insert((record, part), stored.remove(&id).filter(|stored| !stored.trashed));
        }
    }
    Ok(carried)
}

/// The deferred links of this page that wait for a decision, but for those that are records: `carriers` knows about them.
async fn held_links(
    core: &Core,
    mapping: &CompiledMapping,
    drafts: &[(Record, Row, Draft)],
) -> Result<HashSet<(RecordId, String)>> {
    let links: Vec<_> = drafts
        .iter()
        .flat_map(|(record, _, draft)| draft.links.iter().map(move |link| (&record.key, link)))
        .filter(|(_, link)| link.deferred && link.carrier.is_none())
        .collect();
    let keys: Vec<_> = links.iter().map(|(record, link)| key_of(core, &mapping.id, record, part_of(link))).collect();
    let rows = core.ledger.rows(&keys).await?;
    Ok(links
        .into_iter()
        .zip(rows)
        .filter(|(_, row)| row.as_ref().is_some_and(|row| row.state == RowState::Held))
        .map(|((record, link), _)| (record.id.clone(), link.line.clone()))
        .collect())
}

/// Every field the record should have, with what is there where that is not in the record itself.
fn expected(
    core: &Core,
    cx: &PassContext,
    mapping: &CompiledMapping,
    row: &Row,
    draft: Draft,
    targets: &Targets,
    carried: &Carried,
) -> Vec<(FieldName, Value, Option<Value>)> {
    let mut fields: Fields = draft.fields;
    if let (Some(field), Ok(owner)) = (&mapping.owner, cx.owners.owner(draft.owner.as_ref())) {
        fields.insert(field.clone(), Value::link(RecordRef { object: "user".into(), id: owner.clone() }));
    }
    if let (Some(marker), true) = (&mapping.marker, row.made) {
        fields.insert(marker.clone(), mapping.abilities.recovery.marker(core.marker(&cx.source.instance, &row.key)));
    }
    let mut expected: Vec<(FieldName, Value, Option<Value>)> =
        fields.into_iter().map(|(name, value)| (name, value, None)).collect();
    let mut several: BTreeMap<FieldName, Vec<Value>> = BTreeMap::new();
    for link in draft.links {
        let Target::Written(to) = targets.get(&link.target, &link.to) else { continue };
        let actual = match &link.carrier {
            Some(carrier) => match carried.get(&(row.key.id.clone(), part_of(&link))) {
                Some(Some(stored)) => Some(stored.fields.get(&carrier.to).cloned().unwrap_or(Value::Null)),
                Some(None) => Some(Value::Null),
                // Held with its reason, and counted there.
                None => continue,
            },
            None => None,
        };
        if link.many && link.carrier.is_none() {
            several.entry(link.field).or_default().push(Value::link(to));
        } else {
            expected.push((link.field, Value::link(to), actual));
        }
    }
    expected.extend(several.into_iter().map(|(field, links)| (field, Value::List(links.into()), None)));
    if row.made {
        return expected;
    }
    // What others made was changed only where the plan allows it.
    expected.retain(|(name, _, _)| row.state != RowState::Linked && mapping.overwrite(name) == Overwrite::Always);
    expected
}

fn origin(mapping: &CompiledMapping, field: &FieldName, record: &Record) -> BTreeMap<FieldName, Value> {
    let names = mapping.origin(field).unwrap_or_default();
    names.iter().filter_map(|name| record.fields.get(name).map(|value| (name.clone(), value.clone()))).collect()
}
