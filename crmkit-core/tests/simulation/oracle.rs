//! What must be true at the end, read from the destination's own store and held against what the seed said.

use std::collections::{BTreeMap, BTreeSet};

use crmkit_core::{
    AuditLine, ChainHead, Cursor, Entry, Fields, IdLedger, ObjectCount, Part, RecordRef, Row, RowState, RunReport,
    Select, Uncertain, Value, testing::MockDestination, verify_chain,
};
use futures::executor::block_on;

use crate::world::{Fate, World};

/// Everything a selection gives.
fn every(ledger: &dyn IdLedger, select: &Select) -> Vec<Entry> {
    let (mut all, mut after): (Vec<Entry>, Option<Cursor>) = (Vec::new(), None);
    loop {
        let page = block_on(ledger.select(select, after.as_ref(), 500)).expect("the ledger reads");
        all.extend(page.items);
        match page.next {
            Some(next) => after = Some(next),
            None => return all,
        }
    }
}

pub(crate) fn rows(world: &World, ledger: &dyn IdLedger) -> Vec<Row> {
    let of = |mapping: &crmkit_core::Mapping| {
        every(ledger, &Select::Rows { mapping: mapping.id.clone(), pass: None, states: Vec::new() })
    };
    let entries = world.plan.mappings.iter().flat_map(of);
    entries.filter_map(|entry| if let Entry::Row(row) = entry { Some(row) } else { None }).collect()
}

/// A record in words: links by the name of what they lead to, and without what tells nothing about the migration.
fn words(crm: &MockDestination, live: &BTreeMap<RecordRef, Fields>, record: &RecordRef) -> String {
    let items = crm.items();
    let mut parts: Vec<String> = live[record]
        .iter()
        .filter(|(name, _)| name.as_str() != "touched" && items.iter().all(|item| item.id != name.as_str()))
        .map(|(name, value)| {
            let value = match value {
                Value::Option(id) => items
                    .iter()
                    .find(|item| item.id == **id)
                    .map(|stage| {
                        let above = items.iter().find(|item| Some(&item.id) == stage.item.parent.as_ref());
                        format!(
                            "{}/{}",
                            above.map(|above| above.item.name.as_str()).unwrap_or_default(),
                            stage.item.name
                        )
                    })
                    .unwrap_or_default(),
                value => match value.as_ref_to() {
                    Some(to) if to.object.as_str() == "user" => to.id.to_string(),
                    Some(to) => live.get(to).map_or("NOTHING".to_owned(), |fields| fields["name"].to_string()),
                    None => value.to_string(),
                },
            };
            format!("{name}={value}")
        })
        .collect();
    parts.sort();
    format!("{} {}", record.object, parts.join(" "))
}

fn sorted(mut words: Vec<String>) -> Vec<String> {
    words.sort();
    words
}

/// The words of an expected record in the same order as [`words`] has them.
fn normal(expected: &str) -> String {
    let (object, rest) = expected.split_once(' ').expect("an object and its fields");
    // Fields begin with a lower-case name and an equals sign.
    let mut parts: Vec<String> = Vec::new();
    for word in rest.split(' ') {
        if word.split_once('=').is_some_and(|(name, _)| name.chars().all(char::is_lowercase)) {
            parts.push(word.to_owned());
        } else if let Some(last) = parts.last_mut() {
            last.push(' ');
            last.push_str(word);
        }
    }
    parts.sort();
    format!("{object} {}", parts.join(" "))
}

fn differ(expected: Vec<String>, actual: Vec<String>) -> Result<(), String> {
    let (expected, actual) = (sorted(expected), sorted(actual));
    if expected == actual {
        return Ok(());
    }
    let count = |list: &[String]| {
        let mut counts: BTreeMap<String, i64> = BTreeMap::new();
        list.iter().for_each(|line| *counts.entry(line.clone()).or_default() += 1);
        counts
    };
    let mut difference = count(&actual);
    count(&expected).into_iter().for_each(|(line, times)| *difference.entry(line).or_default() -= times);
    let lines: Vec<String> = difference
        .into_iter()
        .filter(|(_, times)| *times != 0)
        .map(|(line, times)| format!("{times:+} {line}"))
        .collect();
    Err(format!(
        "the destination differs from what it should be (+ is too many, - is missing):\n  {}",
        lines.join("\n  ")
    ))
}

/// After the run: every source record exactly once or held with a reason, links right, ledger and destination one.
pub(crate) fn after_the_run(world: &World, ledger: &dyn IdLedger, report: &RunReport) -> Result<(), String> {
    if !report.finished {
        return Err(format!("the run is not finished: {:?}", report.waits_for));
    }
    if let Some(wrong) = report.objects.iter().find(|count| !ObjectCount::balances(count)) {
        return Err(format!("the balances do not hold: {wrong:?}"));
    }
    let rows = rows(world, ledger);
    let live = world.crm.live();
    let state_of: BTreeMap<(String, String), &Row> = rows
        .iter()
        .filter(|row| row.key.part == Part::main())
        .map(|row| ((row.key.mapping.to_string(), row.key.id.to_string()), row))
        .collect();
    let mut expected: Vec<String> = world.foreign.clone();
    let mut twins = (0, 0);
    for (key, fate) in &world.fates {
        let row = state_of.get(key).ok_or_else(|| format!("{key:?} is not in the ledger"))?;
        let held = row.state == RowState::Held && row.reason.is_some();
        match fate {
            Fate::There(state, looks) => {
                // What hangs on a company of the sample and may be somebody else's keeps that company.
                let kept = world.shape.carried_blind && key.0 == "companies" && row.state == RowState::Unchanged;
                if row.state.as_str() != *state && !kept {
                    return Err(format!("{key:?} is {} and not {state}: {:?}", row.state.as_str(), row.reason));
                }
                expected.push(normal(looks));
            }
            Fate::Held if held => {}
            Fate::Excluded if row.state == RowState::Excluded => {}
            Fate::Twin(looks) if row.state == RowState::Updated => {
                twins.0 += 1;
                expected.push(normal(looks));
            }
            Fate::Twin(_) if held => twins.1 += 1,
            Fate::Blind(looks) if row.state == RowState::Created => expected.push(normal(looks)),
            Fate::Blind(looks) if held && row.uncertain == Some(Uncertain::Held) => {
                // Nobody can tell, and the oracle only that it is not there twice.
                if live.keys().any(|record| words(&world.crm, &live, record) == normal(looks)) {
                    expected.push(normal(looks));
                }
            }
            fate => return Err(format!("{key:?} is {} ({:?}) and should be {fate:?}", row.state.as_str(), row.reason)),
        }
    }
    if world.shape.twins && twins != (1, 1) {
        return Err(format!("of two that match one record, {} were written and {} held", twins.0, twins.1));
    }
    let actual = live
        .keys()
        .filter(|record| record.object.as_str() != "relation")
        .map(|record| words(&world.crm, &live, record));
    differ(expected, actual.collect())?;
    relations(world, &rows, &live)?;
    one_each(&rows, &live)?;
    let uncertain = |kind| {
        rows.iter().filter(|row| row.unit.pass == report.observed.pass && row.uncertain == Some(kind)).count() as u64
    };
    let counted = (uncertain(Uncertain::Adopted), uncertain(Uncertain::Resent), uncertain(Uncertain::Held));
    if counted != (report.uncertain.adopted, report.uncertain.resent, report.uncertain.held) {
        return Err(format!("the ledger has {counted:?} uncertain creates, the report says {:?}", report.uncertain));
    }
    let mut names: Vec<_> = world
        .crm
        .items()
        .iter()
        .map(|item| format!("{:?} {} {} {:?}", item.item.kind, item.item.object, item.item.name, item.item.parent))
        .collect();
    let all = names.len();
    names.sort();
    names.dedup();
    if names.len() != all {
        return Err(format!("a schema item was made twice: {names:?}"));
    }
    chain(ledger)
}

/// Parents that are records of their own.
fn relations(world: &World, rows: &[Row], live: &BTreeMap<RecordRef, Fields>) -> Result<(), String> {
    let there: Vec<_> = live.iter().filter(|(record, _)| record.object.as_str() == "relation").collect();
    let pairs: BTreeSet<String> = there.iter().map(|(record, _)| words(&world.crm, live, record)).collect();
    if pairs.len() != there.len() {
        return Err(format!("a parent is linked twice: {there:?}"));
    }
    let blind = rows
        .iter()
        .filter(|row| {
            row.key.part != Part::main() && row.uncertain == Some(Uncertain::Held) && row.state == RowState::Held
        })
        .count();
    let expected = world.carried_parents();
    if there.len() > expected || there.len() + blind < expected {
        return Err(format!("{} parents are linked, {blind} uncertain, and {expected} should be", there.len()));
    }
    if blind > 0 && !world.shape.carried_blind {
        return Err("a link that can be found again is held as uncertain".to_owned());
    }
    Ok(())
}

/// The ledger and the destination name the same records.
fn one_each(rows: &[Row], live: &BTreeMap<RecordRef, Fields>) -> Result<(), String> {
    let mut owners: BTreeMap<&RecordRef, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        if row.intent.is_some() || row.state == RowState::Intended {
            return Err(format!("a write is still open: {:?}", row.key));
        }
        if !row.state.is_written() {
            continue;
        }
        let Some(destination) = &row.destination else {
            return Err(format!("{:?} is {} and stands for nothing", row.key, row.state.as_str()));
        };
        if !live.contains_key(destination) {
            return Err(format!("{:?} names {destination}, which is not there", row.key));
        }
        if row.seal.is_none() {
            return Err(format!("{:?} was never read back", row.key));
        }
        if row.made || row.key.part == Part::main() {
            owners.entry(destination).or_default().push(row);
        }
    }
    match owners.iter().find(|(_, rows)| rows.len() > 1) {
        Some((record, rows)) => {
            Err(format!("{record} stands for {:?}", rows.iter().map(|row| &row.key).collect::<Vec<_>>()))
        }
        None => Ok(()),
    }
}

/// No line of the audit log was lost, added or changed.
fn chain(ledger: &dyn IdLedger) -> Result<(), String> {
    let lines: Vec<AuditLine> = every(ledger, &Select::Audit)
        .into_iter()
        .filter_map(|entry| if let Entry::Audit(line) = entry { Some(line) } else { None })
        .collect();
    if lines.is_empty() {
        return Err("the audit log is empty".to_owned());
    }
    verify_chain(&lines, ChainHead::default())
        .map(drop)
        .map_err(|broken| format!("the audit chain is broken: {broken:?}"))
}

/// After the rollback: the store as it was before, but for records of which nobody can tell whose they are.
pub(crate) fn after_the_rollback(
    world: &World,
    ledger: &dyn IdLedger,
    before: &BTreeMap<RecordRef, Fields>,
) -> Result<(), String> {
    let strip = |live: BTreeMap<RecordRef, Fields>| -> BTreeMap<RecordRef, Vec<(String, Value)>> {
        let plain = |fields: Fields| -> Vec<(String, Value)> {
            let mut plain: Vec<_> = fields
                .into_iter()
                .filter(|(name, _)| name.as_str() != "touched")
                .map(|(name, value)| (name.to_string(), value))
                .collect();
            plain.sort_by(|a, b| a.0.cmp(&b.0));
            plain
        };
        live.into_iter().map(|(record, fields)| (record, plain(fields))).collect()
    };
    let rows = rows(world, ledger);
    let blind: BTreeSet<&str> = rows
        .iter()
        .filter(|row| row.state == RowState::Held && row.uncertain == Some(Uncertain::Held))
        .map(|row| if row.key.part == Part::main() { "task" } else { "relation" })
        .collect();
    let before = strip(before.clone());
    let mut after = strip(world.crm.live());
    // A link that nobody knows of keeps both its ends, and all they refer to.
    let keeps_ends = after.keys().any(|record| record.object.as_str() == "relation") && blind.contains("relation");
    after.retain(|record, _| {
        before.contains_key(record)
            || !(blind.contains(record.object.as_str()) || keeps_ends && record.object.as_str() == "organization")
    });
    if before != after {
        let lines: Vec<String> = before
            .keys()
            .chain(after.keys())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .filter(|record| before.get(*record) != after.get(*record))
            .map(|record| format!("{record}: {:?} and now {:?}", before.get(record), after.get(record)))
            .collect();
        return Err(format!("the rollback did not restore the store:\n  {}", lines.join("\n  ")));
    }
    let left: Vec<String> = world.crm.items().iter().map(|item| item.item.name.clone()).collect();
    if !left.is_empty() && !keeps_ends {
        return Err(format!("what prepare made is still there: {left:?}"));
    }
    if let Some(row) = rows.iter().find(|row| row.state == RowState::Intended || row.intent.is_some()) {
        return Err(format!("a write is still open: {:?}", row.key));
    }
    let left =
        rows.iter().find(|row| row.state.is_written() && !(keeps_ends && row.key.object.as_str() == "companies"));
    if let Some(row) = left {
        return Err(format!("{:?} is still {}", row.key, row.state.as_str()));
    }
    chain(ledger)
}
