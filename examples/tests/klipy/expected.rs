//! The table beside the data, and holding a run to it.

use std::collections::BTreeMap;

use crmkit_core::{Plan, RunReport};

use super::data;

/// What should become of one mapping's records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) mapping: String,
    pub(crate) selected: u64,
    pub(crate) created: u64,
    pub(crate) merged: u64,
    pub(crate) held: BTreeMap<&'static str, u64>,
    pub(crate) quarantined: u64,
}

const REASONS: [&str; 3] = ["owner", "link", "doubt"];

/// The lines of a destination.
pub(crate) fn lines(destination: &str) -> Vec<Line> {
    let mut table = csv::Reader::from_path(data().join("expected.csv")).expect("the table is there");
    let rows = table.records().map(|row| row.expect("a row")).filter(|row| &row[0] == destination);
    let line = |row: csv::StringRecord| {
        let number = |place: usize| row[place].parse::<u64>().expect("a number");
        let held = REASONS.into_iter().zip(5..).map(|(reason, place)| (reason, number(place)));
        let line = Line {
            mapping: row[1].to_owned(),
            selected: number(2),
            created: number(3),
            merged: number(4),
            held: held.filter(|(_, count)| *count > 0).collect(),
            quarantined: number(8),
        };
        let settled = line.created + line.merged + line.held.values().sum::<u64>();
        assert_eq!(line.selected, settled, "the table's own balance: {line:?}");
        assert!(line.created > 0, "a table by which everything is held proves nothing: {line:?}");
        line
    };
    rows.map(line).collect()
}

/// Holds a run's report to the table; lines whose object the destination has no place for yet are told.
pub(crate) fn hold_to(destination: &str, plan: &Plan, report: &RunReport) {
    let mut compared = 0;
    for line in lines(destination) {
        if !plan.mappings.iter().any(|mapping| mapping.id.as_str() == line.mapping) {
            println!("skipped: {destination} has no place for {} yet", line.mapping);
            continue;
        }
        let count = report.objects.iter().find(|count| count.mapping.as_str() == line.mapping);
        let count = count.unwrap_or_else(|| panic!("no balance of {}", line.mapping));
        let mut held = BTreeMap::new();
        for group in
            report.held.iter().filter(|group| group.mapping.as_str() == line.mapping && group.part.as_str().is_empty())
        {
            *held.entry(class(&group.reason)).or_insert(0) += group.records;
        }
        let found = Line {
            mapping: line.mapping.clone(),
            selected: count.source,
            created: count.created,
            merged: count.merged,
            held,
            quarantined: count.quarantined,
        };
        assert_eq!(found, line, "{:#?}", report.held);
        compared += 1;
    }
    assert!(compared >= 4, "{destination}: {compared} mappings compared");
}

/// Which of the table's reasons a report's words are.
fn class(reason: &str) -> &'static str {
    match reason {
        reason if reason.contains("owner") => "owner",
        reason if reason.contains("several companies") || reason.contains("no contact has") => "doubt",
        reason if reason.contains("linked") || reason.contains("link") || reason.contains("refers") => "link",
        other => panic!("a reason that the table does not know: {other}"),
    }
}
