//! The commands of `docs/bring-your-own-csv.md` do what the page says.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::fs;

use support::tool::Tool;

const PAGE: &str = include_str!("../../docs/bring-your-own-csv.md");

#[test]
fn the_page_s_commands_do_what_it_says() {
    let tool = Tool::new();
    fs::create_dir(tool.path("crm")).unwrap();
    for part in PAGE.split("\n`crm/").skip(1) {
        let (name, rest) = part.split_once("`:\n\n```").unwrap();
        let (text, _) = rest.split_once("\n").unwrap().1.split_once("```").unwrap();
        fs::write(tool.path("crm").join(name), text).unwrap();
    }
    let commands: Vec<&str> = PAGE.lines().filter_map(|line| line.strip_prefix("migrate --export crm ")).collect();
    assert_eq!(commands, ["--step audit", "--step propose", "--step review"]);
    let export = tool.path("crm");
    let before = tool.simulator.dump();
    let ended = commands.iter().map(|command| {
        let step = command.split_once(' ').unwrap().1;
        tool.migrate(&["--export", export.to_str().unwrap(), "--step", step])
    });
    let ended: Vec<_> = ended.collect();
    let codes: Vec<i32> = ended.iter().map(|ended| ended.code).collect();
    assert_eq!(codes, [0, 0, 2], "{ended:#?}");
    assert_eq!(tool.report("audit.json")["objects"]["people"]["records"], 3);
    let plan = fs::read_to_string(tool.path("reports/plan.toml")).unwrap();
    let questions = plan.matches("[[questions]]").count();
    assert!(questions > 0 && ended[1].stdout.contains(&format!("a plan with {questions} questions")), "{plan}");
    let told = ended[2].stderr.lines().filter(|line| line.contains("/questions/") && line.contains("plan.toml:"));
    assert_eq!(told.count(), questions, "each with its line: {}", ended[2].stderr);
    assert!(tool.simulator.dump() == before, "nothing was written");
}
