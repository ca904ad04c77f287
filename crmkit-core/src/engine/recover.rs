//! After a crash or a lost answer: look for every write that may have been applied before anything is sent again (I4).

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};

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
    let mut creates: HashMap<ObjectName, Vec<Row>> = HashMap::new();
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
        // After the look: whoever is seen there has an intent, or is settled.
        let rivals = rivals(core, cx, unit, &object, &rows).await?;
        let sent = rivals.iter().filter_map(|row| row.intent.as_ref()).map(|intent| intent.send_before).max();
        if let Some(quiet) =
            sent.map(|sent| sent + core.settings.settle_after).filter(|quiet| core.clock.now() < *quiet)
        {
            return Ok(Recovered::Wait(quiet));
        }
        for (row, found) in resolve(core, rows, rivals, hits, &object).await? {
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

/// Open creates of other units that a witness cannot tell from these. A marker tells every record from every other.
async fn rivals(core: &Core, cx: &PassContext, unit: &UnitKey, object: &ObjectName, rows: &[Row]) -> Result<Vec<Row>> {
    let mut rivals = Vec::new();
    let abilities = cx.destination.abilities.get(object);
    if !abilities.is_some_and(|abilities| matches!(abilities.recovery, Recovery::Witness { .. })) {
        return Ok(rivals);
    }
    let facts = Facts(&*core.ledger);
    let probes: HashSet<Digest> = rows.iter().map(probe_of).collect();
    for other in facts.units(&Select::OpenUnits(unit.pass)).await?.into_iter().filter(|other| other.key != *unit) {
        let open = facts.rows(&Select::OpenIntents(other.key)).await?;
        rivals.extend(open.into_iter().filter(|row| {
            row.intent
                .as_ref()
                .is_some_and(|intent| intent.operation == IntendedOperation::Create && intent.object == *object)
                && probes.contains(&probe_of(row))
        }));
    }
    Ok(rivals)
}

fn probe_of(row: &Row) -> Digest {
    Digest::of_fields(&row.intent.as_ref().expect("selected by its intent").probe)
}

/// Rows with one probe, those of other units among them, and what fits it.
#[derive(Debug, Default)]
struct Group {
    members: Vec<Row>,
    rivals: Vec<LedgerKey>,
    found: Vec<Stored>,
}

/// Gives hits to rows: equal probes share their hits, one each, and what others hold already is nobody's hit.
///
/// Hits go to claimants in the order of their keys, so that units that look at the same time do not take the same one.
async fn resolve(
    core: &Core,
    rows: Vec<Row>,
    rivals: Vec<Row>,
    hits: Option<Vec<Vec<Stored>>>,
    object: &ObjectName,
) -> Result<Vec<(Row, Found)>> {
    let Some(hits) = hits else { return Ok(rows.into_iter().map(|row| (row, Found::Held)).collect()) };
    let all = hits.iter().flatten().map(|hit| RecordRef { object: object.clone(), id: hit.id.clone() }).collect();
    let claimed = claims(core, all).await?;
    let mut groups: HashMap<Digest, Group> = HashMap::new();
    for rival in rivals {
        groups.entry(probe_of(&rival)).or_default().rivals.push(rival.key);
    }
    for (row, hits) in rows.into_iter().zip(hits) {
        let group = groups.entry(probe_of(&row)).or_default();
        for hit in hits {
            let by_others = claimed
                .get(&RecordRef { object: object.clone(), id: hit.id.clone() })
                .is_some_and(|keys| keys.iter().any(|key| *key != row.key));
            if !by_others && !row.history.contains(&hit.id) && !group.found.iter().any(|known| known.id == hit.id) {
                group.found.push(hit);
            }
        }
        group.members.push(row);
    }
    let mut resolved = Vec::new();
    for mut group in groups.into_values() {
        let mut claimants: Vec<LedgerKey> = group.members.iter().map(|row| row.key.clone()).collect();
        claimants.append(&mut group.rivals);
        if group.found.len() > claimants.len() || group.found.iter().any(|hit| hit.trashed) {
            resolved.extend(group.members.into_iter().map(|row| (row, Found::Held)));
            continue;
        }
        claimants.sort();
        group.found.sort_by(|one, other| one.id.cmp(&other.id));
        let given: HashMap<LedgerKey, Stored> = claimants.into_iter().zip(group.found).collect();
        for row in group.members {
            let found = given.get(&row.key).cloned().map_or(Found::Absent, Found::Applied);
            resolved.push((row, found));
        }
    }
    Ok(resolved)
}
