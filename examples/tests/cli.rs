//! The steps of `migrate` in processes of their own end where one call for all of them ends.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::{collections::BTreeMap, fs};

use crmkit_pipedrive::simulator::PipedriveSimulator;
use serde_json::{Value, json};
use support::{
    bundled, content, every_nth_deal, field_code, live,
    tool::{Ended, Tool},
};

const STEPS: [&str; 7] = ["audit", "propose", "review", "prepare", "sample", "run", "reconcile"];

fn plan(tool: &Tool) -> String {
    let plan = fs::read_to_string(bundled().join("plan.toml")).unwrap();
    tool.file("plan.toml", &plan.replace("size = 300", "size = 20"))
}

fn ends_well(ended: &Ended) {
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:#?}");
}

/// What was moved, under names instead of ids: several writes are under way at once, so ids are given in any order.
fn moved(simulator: &PipedriveSimulator) -> BTreeMap<String, Value> {
    let names = |table: &str, key: &str| -> BTreeMap<i64, Value> {
        live(simulator, table).iter().map(|row| (row["id"].as_i64().unwrap(), row[key].clone())).collect()
    };
    let (organizations, stages) = (names("organizations", "name"), names("stages", "name"));
    let name = |names: &BTreeMap<i64, Value>, id: &Value| id.as_i64().map_or(Value::Null, |id| names[&id].clone());
    let source_id = field_code(simulator, "dealFields", "Source id");
    let mut moved = BTreeMap::new();
    for ((table, _), mut row) in content(simulator) {
        let fields = row.as_object_mut().unwrap();
        for by_chance in ["id", "add_time"] {
            fields.remove(by_chance);
        }
        let key = match table.as_str() {
            "organizations" => row["name"].to_string(),
            "deals" => {
                (row["org_id"], row["stage_id"]) =
                    (name(&organizations, &row["org_id"]), name(&stages, &row["stage_id"]));
                row["custom_fields"][&source_id].to_string()
            }
            "organizationRelationships" => {
                let linked = name(&organizations, &row["rel_linked_org_id"]);
                row = json!([name(&organizations, &row["rel_owner_org_id"]), row["type"]]);
                linked.to_string()
            }
            _ => continue,
        };
        assert_eq!(moved.insert(format!("{table}/{key}"), row), None, "{table}/{key} is there once");
    }
    moved
}

/// A document without what differs from run to run.
fn document(tool: &Tool, name: &str) -> Value {
    let mut document = tool.report(name);
    document.as_object_mut().unwrap().remove("observed");
    document
}

#[test]
fn steps_one_by_one_end_where_all_at_once_ends() {
    let export = every_nth_deal(100);
    let export = export.path().to_str().unwrap();
    let at_once = Tool::new();
    ends_well(&at_once.migrate(&["--export", export, "--plan", &plan(&at_once), "--yes"]));

    let by_steps = Tool::new();
    let plan = plan(&by_steps);
    for step in STEPS {
        ends_well(&by_steps.migrate(&["--export", export, "--plan", &plan, "--step", step, "--yes"]));
    }
    let there = moved(&at_once.simulator);
    assert_eq!(there.len(), 85 + 15 + 88);
    assert_eq!(moved(&by_steps.simulator), there);
    for name in ["audit.json", "review.json", "preparation.json", "run.json", "reconciliation.json"] {
        assert_eq!(document(&by_steps, name), document(&at_once, name), "{name}");
    }
    ends_well(&by_steps.migrate(&["--export", export, "--plan", &plan, "--yes"]));
    assert_eq!(moved(&by_steps.simulator), there, "all after the steps has nothing to do");

    // Taken back, and moved once more.
    let empty = content(&Tool::new().simulator);
    ends_well(&by_steps.migrate(&["--export", export, "--step", "rollback", "--yes"]));
    let left = content(&by_steps.simulator);
    assert_eq!(left.keys().collect::<Vec<_>>(), empty.keys().collect::<Vec<_>>());
    ends_well(&by_steps.migrate(&["--export", export, "--plan", &plan, "--yes"]));
    let again = moved(&by_steps.simulator);
    assert_eq!(again.keys().collect::<Vec<_>>(), there.keys().collect::<Vec<_>>());
}

#[test]
fn a_delta_brings_over_what_people_did_since() {
    let export = every_nth_deal(100);
    let folder = export.path().to_str().unwrap();
    let tool = Tool::new();
    let plan = plan(&tool);
    let early = tool.migrate(&["--export", folder, "--plan", &plan, "--step", "delta", "--yes"]);
    assert_eq!(early.code, 1, "{early:#?}");
    assert!(early.stderr.contains("a delta follows a run"), "{early:#?}");
    ends_well(&tool.migrate(&["--export", folder, "--plan", &plan, "--yes"]));
    let before = moved(&tool.simulator);

    // One account gets other words, one is new, one deal is deleted.
    let accounts = export.path().join("accounts.csv");
    let text = fs::read_to_string(&accounts).unwrap();
    let changed = text.replacen("Acme Corporation,technolgy", "Acme Corporation,services", 1);
    assert_ne!(text, changed, "the account is there");
    let like = text.lines().find(|line| line.starts_with("Betasoloin,")).unwrap();
    fs::write(&accounts, format!("{}{}\n", changed, like.replacen("Betasoloin", "Newcomer", 1))).unwrap();
    let deals = export.path().join("sales_pipeline.csv");
    let text = fs::read_to_string(&deals).unwrap();
    let gone = text.lines().last().unwrap();
    fs::write(&deals, text.replace(&format!("{gone}\n"), "")).unwrap();

    let ended = tool.migrate(&["--export", folder, "--plan", &plan, "--step", "delta", "--yes"]);
    assert_eq!(ended.code, 2, "a deal is gone, and a person should know: {ended:#?}");
    let report = tool.report("delta.json");
    let count = |mapping: usize, state: &str| report["objects"][mapping][state].as_u64().unwrap();
    assert_eq!([count(0, "created"), count(0, "updated"), count(0, "unchanged")], [1, 1, 84], "{report:#}");
    assert_eq!([count(1, "created"), count(1, "updated"), count(1, "unchanged")], [0, 0, 87], "{report:#}");
    assert_eq!(report["gone"].as_array().unwrap().len(), 1, "{report:#}");
    assert!(gone.starts_with(report["gone"][0]["source"]["id"].as_str().unwrap_or("?")), "{gone}: {report:#}");
    let after = moved(&tool.simulator);
    let new: Vec<_> = after.keys().filter(|key| !before.contains_key(*key)).collect();
    assert_eq!(new, ["organizations/\"Newcomer\""]);
    let differ: Vec<_> =
        before.keys().filter(|key| without_times(&before[*key]) != without_times(&after[*key])).collect();
    assert_eq!(differ, ["organizations/\"Acme Corporation\""]);
    ends_well(&tool.migrate(&["--export", folder, "--plan", &plan, "--step", "reconcile"]));
    ends_well(&tool.migrate(&["--export", folder, "--step", "rollback", "--yes"]));
}

/// A row without the time of its last change, which writing to what hangs on it moves too.
fn without_times(row: &Value) -> Value {
    let mut row = row.clone();
    if let Some(fields) = row.as_object_mut() {
        fields.remove("update_time");
    }
    row
}

#[test]
fn the_simulator_inside_keeps_what_was_moved_from_step_to_step() {
    let export = every_nth_deal(100);
    let export = export.path().to_str().unwrap();
    let outside = Tool::new();
    ends_well(&outside.migrate(&["--export", export, "--plan", &plan(&outside), "--yes"]));

    let inside = Tool::new();
    let plan = plan(&inside);
    for step in STEPS {
        ends_well(&inside.call(&["--export", export, "--plan", &plan, "--step", step, "--yes"]));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let kept = PipedriveSimulator::builder().journal(inside.path("ledger.pipedrive")).own_thread().start();
    let kept = runtime.block_on(kept).unwrap();
    assert_eq!(moved(&kept), moved(&outside.simulator));
}

#[test]
fn a_proposal_waits_for_its_answers() {
    let export = every_nth_deal(100);
    let export = export.path().to_str().unwrap();
    let tool = Tool::new();
    let before = tool.simulator.dump();
    let asked = tool.migrate(&["--export", export, "--yes"]);
    assert_eq!(asked.code, 2, "--yes answers no question: {asked:#?}");
    assert!(tool.simulator.dump() == before, "nothing was written");
    let plan = fs::read_to_string(tool.path("reports/plan.toml")).unwrap();
    let told: Vec<&str> = asked.stderr.lines().filter(|line| line.contains("/questions/")).collect();
    assert_eq!(told.len(), plan.matches("[[questions]]").count(), "{asked:#?}");
    for (index, told) in told.iter().enumerate() {
        let line =
            plan.match_indices("[[questions]]").nth(index).map(|(at, _)| plan[..at].lines().count() + 1).unwrap();
        assert!(told.contains(&format!("plan.toml:{line}: /questions/{index}: ")), "{told}");
    }

    // An answer that is only told, and not what the plan says, is no answer.
    let title = "choices = [\"{product|Deal} for {company_id|unknown}\"]\n";
    assert_eq!(plan.matches(title).count(), 1);
    let told = plan.replace(title, &format!("{title}answer = \"{{product}}\"\n"));
    fs::write(tool.path("reports/plan.toml"), told).unwrap();
    let asked = tool.migrate(&["--export", export, "--fallback-owner", "anna.snelling@maven.example", "--yes"]);
    assert_eq!(asked.code, 2, "{asked:#?}");
    let told = "/questions/1/answer: the answer to \"deals.title\" is not what the plan says at /mappings/1/fields/8/";
    assert!(asked.stderr.contains(told), "{}", asked.stderr);
    assert!(!asked.stderr.contains("/questions/3"), "the fallback is answered: {}", asked.stderr);
    assert!(tool.simulator.dump() == before, "nothing was written");

    // The answers go where the questions are, into the reports folder.
    fs::copy(bundled().join("plan.toml"), tool.path("reports/plan.toml")).unwrap();
    ends_well(&tool.migrate(&["--export", export, "--yes"]));
    assert_eq!(live(&tool.simulator, "deals").len(), 88);
}
