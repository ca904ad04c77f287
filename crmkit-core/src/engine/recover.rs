//! After a crash or a lost answer: look for every write that may have been applied before anything is sent again (I4).

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use indexmap::IndexMap;

use crate::{
    Digest, IntendedOperation, LedgerKey, ObjectName, Probe, RecordRef, Recovery, Result, Row, Select, Stored,
    Uncertain, UnitKey,
    engine::{
        Core, Facts, LeaseGuard,
        lookup::claims,
        pass::PassContext,
        work::{held, settled},
    },
};

/// What was found out about the writes that were under way.
#[derive(Debug)]
pub(super) enum Recovered {
    /// A request may still be in flight: not before this moment.
    Wait(DateTime<Utc>),
    /// What each of them came to.
    Known(HashMap<LedgerKey, Found>),
}

/// What one write that was under way came to.
#[derive(Debug)]
pub(super) enum Found {
    /// It was applied: this is the record. Its content is not known to be complete.
    Applied(Stored),
    /// It was not applied.
    Absent,
    /// It changed a record that was there: it can be repeated.
    Repeatable,
    /// Nobody can tell; the row is held.
    Held,
}

/// Looks for the open intents of a unit.
pub(super) async fn recover(
    core: &Core,
    cx: &PassContext,
    unit: &UnitKey,
    lease: &mut LeaseGuard<'_>,
) -> Result<Recovered> {
    let open = Facts(&*core.ledger).rows(&Select::OpenIntents(unit.clone())).await?;
    let mut known = HashMap::new();
    let Some(latest) = open.iter().filter_map(|row| row.intent.as_ref()).map(|intent| intent.send_before).max() else {
        return Ok(Recovered::Known(known));
    };
    let quiet = latest + core.settings.settle_after;
    if core.clock.now() < quiet {
        return Ok(Recovered::Wait(quiet));
    }
    let mut creates: IndexMap<ObjectName, Vec<Row>> = IndexMap::new();
    for row in open {
        let intent = row.intent.as_ref().expect("selected by its intent");
        match intent.operation {
            IntendedOperation::Create => creates.entry(intent.object.clone()).or_default().push(row),
            IntendedOperation::Update { .. } | IntendedOperation::Remove { .. } => {
                known.insert(row.key.clone(), Found::Repeatable);
            }
        }
    }
    let mut changes = Vec::new();
    for (object, rows) in creates {
        let hits = look(core, cx, &object, &rows).await?;
        for (row, found) in resolve(core, unit, rows, hits, &object).await? {
            if let Found::Held = found {
                let mut row = held(
                    row.clone(),
                    unit,
                    "the answer to its create was lost, and what is there does not tell whether it arrived",
                );
                row.uncertain = Some(Uncertain::Held);
                changes.extend(settled(core, row, "create"));
            }
            known.insert(row.key, found);
        }
    }
    lease.commit(&changes).await?;
    Ok(Recovered::Known(known))
}

/// Every record that fits each row's probe; `None` where the destination cannot be asked.
async fn look(core: &Core, cx: &PassContext, object: &ObjectName, rows: &[Row]) -> Result<Option<Vec<Vec<Stored>>>> {
    let blind = cx.destination.abilities.get(object).is_none_or(|abilities| abilities.recovery == Recovery::Nothing);
    let Some(reader) = core.destination.reader().filter(|_| !blind) else { return Ok(None) };
    let probes: Vec<Probe> = rows
        .iter()
        .filter_map(|row| row.intent.as_ref())
        .map(|intent| Probe { fields: intent.probe.clone(), sent_after: intent.sent_after })
        .collect();
    reader.find(object, &probes).await.map(Some)
}

/// Gives hits to rows: equal probes share their hits, one each, and what others hold already is nobody's hit.
async fn resolve(
    core: &Core,
    unit: &UnitKey,
    rows: Vec<Row>,
    hits: Option<Vec<Vec<Stored>>>,
    object: &ObjectName,
) -> Result<Vec<(Row, Found)>> {
    let Some(hits) = hits else { return Ok(rows.into_iter().map(|row| (row, Found::Held)).collect()) };
    // Whoever settles between the two looks is a rival in the first or has claimed in the second.
    let rivals =
        if hits.iter().any(|hits| hits.len() > 1) { rivals(core, unit, object).await? } else { HashMap::new() };
    let all = hits.iter().flatten().map(|hit| RecordRef { object: object.clone(), id: hit.id.clone() }).collect();
    let claimed = claims(core, all).await?;
    let mut groups: IndexMap<Digest, (Vec<Row>, Vec<Stored>)> = IndexMap::new();
    for (row, hits) in rows.into_iter().zip(hits) {
        let probe = Digest::of_fields(&row.intent.as_ref().expect("selected by its intent").probe);
        let (members, found) = groups.entry(probe).or_default();
        for hit in hits {
            let by_others = claimed
                .get(&RecordRef { object: object.clone(), id: hit.id.clone() })
                .is_some_and(|keys| keys.iter().any(|key| *key != row.key));
            if !by_others && !row.history.contains(&hit.id) && !found.iter().any(|known| known.id == hit.id) {
                found.push(hit);
            }
        }
        members.push(row);
    }
    let mut resolved = Vec::new();
    for (probe, (members, found)) in groups {
        // Units that wait for the same answer share the hits, one each: which is whose, nobody can tell and nobody needs to.
        let most = members.len() + rivals.get(&probe).copied().unwrap_or(0);
        if found.len() > most || found.iter().any(|hit| hit.trashed) {
            resolved.extend(members.into_iter().map(|row| (row, Found::Held)));
            continue;
        }
        let mut found = found.into_iter();
        for row in members {
            let found = found.next().map_or(Found::Absent, Found::Applied);
            resolved.push((row, found));
        }
    }
    Ok(resolved)
}

/// How many writes of other units are under way for each probe.
async fn rivals(core: &Core, unit: &UnitKey, object: &ObjectName) -> Result<HashMap<Digest, usize>> {
    let facts = Facts(&*core.ledger);
    let mut rivals = HashMap::new();
    for other in facts.units(&Select::OpenUnits(unit.pass)).await? {
        if other.key == *unit {
            continue;
        }
        let open = facts.rows(&Select::OpenIntents(other.key)).await?;
        for intent in open.into_iter().filter_map(|row| row.intent).filter(|intent| intent.object == *object) {
            *rivals.entry(Digest::of_fields(&intent.probe)).or_insert(0) += 1;
        }
    }
    Ok(rivals)
}
