//! Reviewed duplicates: what merged records give to the one that stands for them: addresses and numbers, and what it lacks.

use std::collections::HashMap;

use crate::{
    Change, CompiledMapping, Draft, Fields, MappingId, Outcome, Record, RecordRef, Result, Selection, UnitState, Value,
    engine::{Core, Facts, LeaseGuard, facts::keep, pass::PassContext},
};

/// The kind under which the ledger keeps what merged records of a mapping would have been, until the migration is accepted.
pub(crate) fn merged_kind(mapping: &MappingId) -> String {
    format!("merged/{mapping}")
}

/// Keeps the drafts of a page's merged records: whoever stands for them may be on any page.
pub(super) async fn execute(
    _core: &Core,
    cx: &PassContext,
    mut unit: UnitState,
    lease: &mut LeaseGuard<'_>,
) -> Result<Outcome> {
    let mapping = cx.compiled.mapping(&unit.key.mapping).expect("a pass names mappings of its plan");
    let page = lease.read_page(cx, &mapping.from, &mut unit).await?;
    let kind = merged_kind(&mapping.id);
    let merged = page.items.iter().filter(|record| matches!(mapping.select(record), Selection::Merged(_)));
    let changes: Vec<Change> =
        merged.map(|record| keep(&kind, record.key.to_string(), &cx.compiled.draft(mapping, record).fields)).collect();
    lease.done(unit, changes, 0).await
}

/// The drafts of a page's records, each with what those that were merged into it give.
pub(super) async fn drafts(
    core: &Core,
    cx: &PassContext,
    mapping: &CompiledMapping,
    records: &[&Record],
) -> Result<Vec<Draft>> {
    let absorbed: Vec<Vec<RecordRef>> = records.iter().map(|record| mapping.absorbed(&record.key)).collect();
    let keys: Vec<String> = absorbed.iter().flatten().map(ToString::to_string).collect();
    let known: HashMap<String, Fields> =
        Facts(&*core.ledger).at(&merged_kind(&mapping.id), keys).await?.into_iter().collect();
    Ok(records
        .iter()
        .zip(absorbed)
        .map(|(record, absorbed)| {
            let mut draft = cx.compiled.draft(mapping, record);
            for fields in absorbed.iter().filter_map(|merged| known.get(&merged.to_string())) {
                unite(&mut draft, fields);
            }
            draft
        })
        .collect())
}

/// Fills what a draft lacks, and adds what its lists lack.
fn unite(draft: &mut Draft, fields: &Fields) {
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        match (draft.fields.get_mut(name), value) {
            (Some(Value::List(ours)), Value::List(theirs)) => {
                let known: Vec<String> = ours.iter().map(comparable).collect();
                let new: Vec<Value> =
                    theirs.iter().filter(|value| !known.contains(&comparable(value))).cloned().collect();
                if !new.is_empty() {
                    *ours = ours.iter().cloned().chain(new).collect();
                    draft.notes.push(format!("{name}: has what a merged record had"));
                }
            }
            (Some(ours), _) if !ours.is_empty() => {}
            (_, value) => {
                draft.fields.insert(name.clone(), value.clone());
                draft.empty.retain(|empty| empty != name);
                draft.notes.push(format!("{name}: comes from a merged record"));
            }
        }
    }
}

/// E-mail addresses and labels are the same in any case.
fn comparable(value: &Value) -> String {
    match value {
        Value::Labelled(labelled) => labelled.value.trim().to_lowercase(),
        other => other.to_string().trim().to_lowercase(),
    }
}
