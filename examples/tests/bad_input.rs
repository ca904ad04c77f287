//! Wrong input to `migrate`: one message that says what is wrong and where, and nothing changed at the destination.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::{fs, path::Path};

use serde_json::{Value, json};
use support::{
    bundled, every_nth_deal,
    tool::{Ended, Tool},
};
use tempfile::TempDir;

/// A small export, its plan, and an account.
struct Case {
    tool: Tool,
    export: TempDir,
}

impl Case {
    fn new() -> Self {
        Self { tool: Tool::new(), export: every_nth_deal(100) }
    }

    fn plan(&self) -> String {
        fs::read_to_string(bundled().join("plan.toml")).unwrap().replace("size = 300", "size = 20")
    }

    /// Calls `migrate` with a plan that is the good one after `edit`.
    fn with_plan(&self, edit: impl Fn(String) -> String, arguments: &[&str]) -> Ended {
        let plan = self.tool.file("plan.toml", &edit(self.plan()));
        let export = self.export.path().to_str().unwrap();
        self.tool.migrate(&[&["--export", export, "--plan", &plan], arguments].concat())
    }

    /// The call fails with one message that has all these words, and the account is as it was.
    fn fails(&self, call: impl FnOnce() -> Ended, words: &[&str]) -> Ended {
        let before = self.tool.simulator.dump();
        let ended = call();
        assert_eq!(ended.code, 1, "{ended:#?}");
        assert!(ended.stderr.starts_with("error: ") && ended.stderr.lines().count() == 1, "one message: {ended:#?}");
        for word in words {
            assert!(ended.stderr.contains(word), "{word:?} is in the message: {}", ended.stderr);
        }
        assert!(self.tool.simulator.dump() == before, "nothing was written");
        ended
    }
}

/// The text with its one occurrence of `old` replaced.
fn replaced(text: &str, old: &str, new: &str) -> String {
    assert_eq!(text.matches(old).count(), 1, "{old}");
    text.replace(old, new)
}

/// The line at which a text occurs, from 1.
fn line_of(text: &str, what: &str) -> usize {
    text.lines().position(|line| line.contains(what)).unwrap() + 1
}

#[test]
fn a_wrong_token_is_named_as_the_reason() {
    let case = Case::new();
    let (url, token) = (case.tool.url(), "0".repeat(40));
    let call = || case.tool.call(&["--destination-url", &url, "--token", &token, "--yes"]);
    case.fails(call, &["the token was refused", "give a valid token"]);
}

#[test]
fn a_missing_token_is_asked_for() {
    let case = Case::new();
    let url = case.tool.url();
    case.fails(|| case.tool.call(&["--destination-url", &url, "--yes"]), &["needs a token", "--token", "CRMKIT_TOKEN"]);
}

#[test]
fn a_host_that_does_not_answer_is_named() {
    let case = Case::new();
    let token = case.tool.token();
    // Bound and closed again: nobody listens there.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{free}");
    let call = || case.tool.call(&["--destination-url", &url, "--token", &token, "--yes"]);
    case.fails(call, &["no connection could be made", "nothing was sent", &format!("host: {free}")]);
}

#[test]
#[cfg(not(feature = "tls"))]
fn https_without_tls_says_how_to_get_it() {
    let case = Case::new();
    let token = case.tool.token();
    let call = || case.tool.call(&["--destination-url", "https://127.0.0.1:9", "--token", &token, "--yes"]);
    case.fails(call, &["without TLS", "--features tls"]);
}

#[test]
fn an_unknown_key_of_the_plan_has_file_line_and_a_suggestion() {
    let case = Case::new();
    let edit = |plan: String| replaced(&plan, "unowned = \"versie", "unownd = \"versie");
    let line = line_of(&edit(case.plan()), "unownd");
    let place = format!("plan.toml:{line}: /owners/unownd: ");
    case.fails(|| case.with_plan(edit, &["--yes"]), &[&place, "no key \"unownd\"", "did you mean \"unowned\"?"]);
}

#[test]
fn an_unknown_transform_has_file_line_and_a_suggestion() {
    let case = Case::new();
    let edit =
        |plan: String| replaced(&plan, "{ value_map = { Engaging = \"Open\"", "{ valuemap = { Engaging = \"Open\"");
    let line = line_of(&edit(case.plan()), "valuemap");
    let place = format!("plan.toml:{line}: /mappings/1/fields/2/transforms/0: ");
    let words = [&*place, "no transform \"valuemap\" is known", "did you mean \"value_map\"?"];
    case.fails(|| case.with_plan(edit, &["--yes"]), &words);
}

#[test]
fn a_stage_that_does_not_exist_has_file_line_and_the_stages_there_are() {
    let case = Case::new();
    let edit = |plan: String| replaced(&plan, "Lost = \"Sales/Engaging\"", "Lost = \"Sales/Elsewhere\"");
    let line = line_of(&edit(case.plan()), "Sales/Elsewhere");
    let place = format!("plan.toml:{line}: /mappings/1/fields/1/transforms/0/value_map/Lost: ");
    let ended = case.fails(
        || case.with_plan(edit, &["--yes"]),
        &[&place, "\"Sales/Elsewhere\"", "Sales/Prospecting", "Sales/Engaging", "Pipeline/Qualified"],
    );
    assert_eq!(ended.stderr.matches("Pipeline/Qualified").count(), 1, "each stage is told once: {}", ended.stderr);
}

#[test]
fn nothing_is_written_without_an_approval() {
    let case = Case::new();
    let words = ["Approve the plan?", "review.md", "Nobody can answer here", "--yes"];
    case.fails(|| case.with_plan(|plan| plan, &[]), &words);
    case.fails(|| case.with_plan(|plan| plan, &["--step", "prepare"]), &words);
    let words = ["the sample is not approved", "do the steps before first"];
    case.fails(|| case.with_plan(|plan| plan, &["--step", "run", "--yes"]), &words);
    let words = ["no plan is approved", "approve one first"];
    for step in ["reconcile", "rollback"] {
        case.fails(|| case.with_plan(|plan| plan, &["--step", step, "--yes"]), &words);
    }
}

/// Adds a row that is too short and one that is too long, and gives the lines they are in.
fn make_ragged(export: &Path) -> [usize; 2] {
    let file = export.join("sales_pipeline.csv");
    let mut rows: Vec<String> = fs::read_to_string(&file).unwrap().lines().map(str::to_owned).collect();
    rows.insert(10, "SHORTROW,Moses Frase,GTX Basic".to_owned());
    rows.insert(60, "LONGROW1,Moses Frase,GTX Basic,Cancity,Won,2017-01-01,2017-02-01,55,too,much".to_owned());
    fs::write(&file, rows.join("\n") + "\n").unwrap();
    let manifest = export.join("manifest.json");
    let mut json: Value = serde_json::from_str(&fs::read_to_string(&manifest).unwrap()).unwrap();
    let deals = json["foreign"].as_array_mut().unwrap().iter_mut().find(|object| object["object"] == "deals").unwrap();
    deals["rows"] = (rows.len() - 1).into();
    fs::write(&manifest, json.to_string()).unwrap();
    [11, 61]
}

/// Every file below a folder that contains the text.
fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else if fs::read(&path).unwrap().windows(text.len()).any(|window| window == text.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn ragged_rows_are_reported_and_the_rest_moves_once() {
    let case = Case::new();
    let lines = make_ragged(case.export.path());
    let first = case.with_plan(|plan| plan, &["--yes"]);
    assert_eq!((first.code, first.stderr.as_str()), (0, ""), "{first:#?}");
    let report = case.tool.report("run.json");
    let deals = &report["objects"][1];
    assert_eq!((&deals["rows"], &deals["quarantined"], &deals["written"]), (&json!(90), &json!(2), &json!(88)));
    let quarantined = report["quarantined"].as_array().unwrap();
    let told: Vec<_> = quarantined.iter().map(|row| json!([row["origin"], row["line"], row["code"]])).collect();
    assert_eq!(told, lines.map(|line| json!(["sales_pipeline.csv", line, "ragged_row"])));
    assert_eq!(support::live(&case.tool.simulator, "deals").len(), 88);

    // A second call finds nothing to do.
    let done = case.tool.simulator.dump();
    let second = case.with_plan(|plan| plan, &["--yes"]);
    assert_eq!((second.code, second.stderr.as_str()), (0, ""), "{second:#?}");
    assert!(case.tool.simulator.dump() == done, "a second call changes nothing");
    assert!(case.tool.simulator.verify().is_empty());

    // The frozen plan is the plan, whatever the file says by now; a comment says nothing.
    let edit = |plan: String| replaced(&plan, "{ truncate = 255 }", "{ truncate = 250 }");
    let words = ["differs from the one that was approved", "/mappings/1/fields/8/transforms/1/truncate"];
    for step in ["all", "prepare", "sample", "run", "reconcile"] {
        case.fails(|| case.with_plan(edit, &["--step", step, "--yes"]), &words);
    }
    let commented = case.with_plan(|plan| format!("# looked at twice\n{plan}"), &["--step", "run", "--yes"]);
    assert_eq!(commented.code, 0, "{commented:#?}");

    // Nobody wrote the token down.
    let token = case.tool.token();
    assert_eq!(files_with(case.tool.folder.path(), &token), Vec::<String>::new());
    for ended in [first, second, commented] {
        assert!(!ended.stdout.contains(&token) && !ended.stderr.contains(&token));
    }
}
