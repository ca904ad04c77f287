//! Each rule quotes the sentence of the contract that it tests: a promise that changes is found here.

use crmkit_core::testing::conformance::{Rule, destination, ledger, source};

/// The documentation comments of a source file as one text.
fn docs(file: &str) -> String {
    let lines = file.lines().filter_map(|line| line.trim().strip_prefix("///"));
    plain(&lines.collect::<Vec<_>>().join(" "))
}

/// One form of a text, however it is broken into lines, linked or begun.
fn plain(text: &str) -> String {
    let mut text = text.replace(" - ", " ").to_lowercase();
    // A link says in words what it leads to.
    while let Some(start) = text.find("](") {
        let Some(end) = text[start..].find(')') else { break };
        text.replace_range(start..=start + end, "");
    }
    text.replace(['[', '`'], "").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What the comment of a rule puts between quotes, in pieces where it leaves something out.
fn quoted(rules: &str, name: &str) -> Vec<String> {
    let at = rules.find(&format!("pub async fn {name}<")).unwrap_or_else(|| panic!("{name} is not in these files"));
    let above: Vec<&str> = rules[..at].lines().rev().map_while(|line| line.strip_prefix("///")).collect();
    let comment = above.into_iter().rev().collect::<Vec<_>>().join(" ");
    let pieces = comment.split('"').skip(1).step_by(2).flat_map(|quote| quote.split('…'));
    let piece = |piece: &str| plain(piece).trim_matches([' ', '.', ',', ':', ';']).to_owned();
    pieces.map(piece).filter(|piece| !piece.is_empty()).collect()
}

fn check(rules: &[Rule], files: &[&str], contracts: &[&str]) {
    let (rules_text, contract) = (files.join("\n"), contracts.iter().map(|file| docs(file)).collect::<String>());
    for rule in rules {
        let quoted = quoted(&rules_text, rule.name);
        assert!(!quoted.is_empty(), "{} quotes nothing", rule.name);
        for piece in quoted {
            assert!(contract.contains(&piece), "{} quotes what the contract does not say: {piece:?}", rule.name);
        }
    }
}

/// Something that is a harness by type alone; nothing of it runs.
mod any {
    pub(super) use crate::{destinations::Sabotaged as Destination, sources::Contacts as Source};
}

#[test]
fn every_rule_for_sources_quotes_the_contract() {
    let rules = source::rules::<any::Source>();
    check(&rules, &[include_str!("../../src/testing/conformance/source.rs")], &[include_str!("../../src/source.rs")]);
}

#[test]
fn every_rule_for_destinations_quotes_the_contract() {
    let rules = destination::rules::<any::Destination>();
    let file = include_str!("../../src/testing/conformance/destination/rules.rs");
    check(&rules, &[file], &[include_str!("../../src/destination.rs")]);
}

#[test]
fn every_rule_for_ledgers_quotes_the_contract() {
    let rules = ledger::rules::<NoLedger>();
    let files = [
        include_str!("../../src/testing/conformance/ledger/commit.rs"),
        include_str!("../../src/testing/conformance/ledger/file.rs"),
        include_str!("../../src/testing/conformance/ledger/keep.rs"),
        include_str!("../../src/testing/conformance/ledger/open.rs"),
        include_str!("../../src/testing/conformance/ledger/select.rs"),
    ];
    check(&rules, &files, &[include_str!("../../src/ledger/mod.rs")]);
}

/// The rules' names are asked for, and no rule is run.
struct NoLedger;

impl ledger::LedgerHarness for NoLedger {
    async fn start() -> Self {
        Self
    }

    fn ledger(&self) -> std::sync::Arc<dyn crmkit_core::IdLedger> {
        unreachable!("no rule is run")
    }

    async fn reopen(&mut self) {}

    fn clock(&self) -> &crmkit_core::testing::ManualClock {
        unreachable!("no rule is run")
    }
}
