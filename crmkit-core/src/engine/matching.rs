//! Matching: which records the destination has already, learnt once per pass instead of asked per record.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use crate::{
    Change, CompiledMapping, Error, Fields, MappingId, Outcome, PageRequest, RecordId, Recovery, Result, Stored,
    UnitState, Value,
    engine::{
        Core, Facts, LeaseGuard,
        facts::keep,
        pass::{PassContext, pass_key},
    },
};

/// Scans a page of the destination object and keeps which record has which value.
pub(super) async fn execute(
    core: &Core,
    cx: &PassContext,
    mut unit: UnitState,
    lease: &mut LeaseGuard<'_>,
) -> Result<Outcome> {
    let mapping = cx.compiled.mapping(&unit.key.mapping).expect("a pass names mappings of its plan");
    let reader = core
        .destination
        .reader()
        .ok_or_else(|| Error::state("match.scan", "the destination cannot be read, so nothing there can be matched"))?;
    let request =
        PageRequest { object: mapping.to.clone(), cursor: unit.cursor.clone(), limit: core.settings.page_size };
    let page = reader.scan(&request).await?;
    lease.open_next(&mut unit, page.next.as_ref()).await?;
    let mut ids: BTreeMap<String, Vec<RecordId>> = BTreeMap::new();
    for stored in &page.items {
        if made_by_us(mapping, stored) {
            continue;
        }
        for key in keys_of(core, mapping, &stored.fields) {
            ids.entry(key).or_default().push(stored.id.clone());
        }
    }
    let kind = kind_of(unit.key.pass, &mapping.id);
    for (key, known) in Facts(&*core.ledger).at::<Vec<RecordId>>(&kind, ids.keys().cloned().collect()).await? {
        let merged = ids.entry(key).or_default();
        merged.extend(known);
        merged.sort();
        merged.dedup();
    }
    let changes: Vec<Change> = ids.into_iter().map(|(key, ids)| keep(&kind, key, &ids)).collect();
    lease.done(unit, changes, page.rows).await
}

/// A pass has its own: what was there before an earlier pass may be gone.
fn kind_of(pass: u32, mapping: &MappingId) -> String {
    format!("match/{}/{mapping}", pass_key(pass))
}

/// A record with a marker is a migrated one: it stands for its own source record, never for another's. Where the marker is the id
/// that every record has, ours are those that were made of a name.
fn made_by_us(mapping: &CompiledMapping, stored: &Stored) -> bool {
    if let Recovery::ClientUuid { .. } = mapping.abilities.recovery {
        return Uuid::parse_str(stored.id.as_str()).is_ok_and(|id| id.get_version_num() == 5);
    }
    mapping.marker.as_ref().is_some_and(|marker| stored.fields.get(marker).is_some_and(|value| !value.is_empty()))
}

/// Digests of the comparable forms of the values of the field that a mapping matches by.
fn keys_of(core: &Core, mapping: &CompiledMapping, fields: &Fields) -> Vec<String> {
    let Some(value) = mapping.matching.as_ref().and_then(|rule| fields.get(&rule.by)) else { return Vec::new() };
    let values = match value {
        Value::List(values) => values.as_ref(),
        one => std::slice::from_ref(one),
    };
    let comparable = values.iter().map(|value| value.to_string().trim().to_lowercase());
    comparable.filter(|key| !key.is_empty()).map(|key| core.match_key(&key)).collect()
}

/// The matches of a page's records, looked up in one go.
#[derive(Debug)]
pub(super) struct Matches(HashMap<String, Vec<RecordId>>);

/// What fits a record.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Match {
    /// Nothing.
    None,
    /// Exactly one record.
    One(RecordId),
    /// Several: a person has to choose.
    Several,
}

impl Matches {
    /// Looks up what the destination has for these payloads.
    pub(super) async fn load<'a>(
        core: &Core,
        pass: u32,
        mapping: &CompiledMapping,
        payloads: impl Iterator<Item = &'a Fields>,
    ) -> Result<Self> {
        let keys: Vec<String> = payloads.flat_map(|fields| keys_of(core, mapping, fields)).collect();
        Ok(Self(Facts(&*core.ledger).at(&kind_of(pass, &mapping.id), keys).await?.into_iter().collect()))
    }

    /// What fits a payload.
    pub(super) fn of(&self, core: &Core, mapping: &CompiledMapping, fields: &Fields) -> Match {
        let mut ids: Vec<&RecordId> =
            keys_of(core, mapping, fields).iter().filter_map(|key| self.0.get(key)).flatten().collect();
        ids.sort();
        ids.dedup();
        match ids[..] {
            [] => Match::None,
            [one] => Match::One(one.clone()),
            _ => Match::Several,
        }
    }
}
