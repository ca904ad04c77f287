//! An account of APSIS One goes into Pipedrive, both simulated, under their limits and with answers that are lost. What arrives is
//! compared with the table and the description that come with the invented account, never with what crmkit reports about itself.
#![allow(clippy::unwrap_used, reason = "a test that fails")]

mod arrival;
mod others;
mod world;

use std::collections::BTreeMap;

use crmkit_core::{
    AuditOptions, ItemKind, ItemPlan, RunReport, Severity,
    simulator::{Effect, Fault},
};
use serde_json::json;
use world::{World, expected};

#[tokio::test]
async fn what_arrives_is_what_the_description_says() {
    let world = World::start().await;
    let migration = &world.migration;
    let audit = migration.audit(&AuditOptions::default()).await.unwrap();
    let told: Vec<(&str, Severity)> =
        audit.problems.iter().map(|problem| (problem.code.as_str(), problem.severity)).collect();
    for (code, severity) in [
        ("attribute_types_differ", Severity::Hold),
        ("tags_joined", Severity::Warn),
        ("events_left", Severity::Warn),
        ("doubtful", Severity::Hold),
    ] {
        assert!(told.contains(&(code, severity)), "{code}: {told:?}");
    }

    let mut plan = migration.propose(&audit);
    plan.stop_when = 0.6;
    for question in plan.questions.clone() {
        let answer = match question.id.as_str() {
            "owners.unowned" => world.owner.clone(),
            "left_behind" => "leave them behind".to_owned(),
            _ => question.choices.first().cloned().unwrap_or_else(|| panic!("nobody expects {question:?}")),
        };
        plan.answer(&question.id, &answer).unwrap();
    }
    // Labels are made before any person (R361).
    if plan.items.iter().all(|item| item.kind != ItemKind::Label) {
        let names = ["loyal_customer", "summer_sale"].map(str::to_owned).to_vec();
        let (object, field) = ("person".into(), Some("label_ids".into()));
        plan.items.push(ItemPlan { kind: ItemKind::Label, object, field, names, conditions: Vec::new() });
    }
    let review = migration.review(&plan, &audit);
    assert!(!review.blocked(), "{:#?}", review.problems);
    let approval = migration.approve_plan(&plan, "tester").await.unwrap();
    migration.prepare(&approval).await.unwrap();
    let before = world.counts();
    let sample = migration.sample(&approval).await.unwrap();
    assert_eq!(sample.differing, 0, "{:#?}", sample.records);
    assert!(sample.rolled_back && sample.compared > 0);
    assert_eq!(world.counts(), before, "a sample leaves nothing behind");
    let approval = migration.approve_sample(&sample, "tester").await.unwrap();
    // The source has a bad day, too.
    world.apsis.revoke_tokens();
    let down = Effect::Status { status: 503, body: None, headers: Vec::new() };
    let consents = "/v2/audience/keyspaces/{}/profiles/{}/sections/{}/consents";
    world.apsis.fault(Fault::on("GET", "/audience/downloads/*", Effect::TruncateBody).nth(3));
    world
        .apsis
        .fault(Fault::on("GET", "/audience/downloads/*", Effect::answer(410, json!({ "title": "gone" }))).nth(5));
    world.apsis.fault(Fault::on("GET", consents, down).nth(5).times(20));
    world.apsis.fault(Fault::on("GET", consents, Effect::ResetBody).nth(40));
    let report = migration.run(&approval).await.unwrap();
    assert_eq!(world.apsis.verify(), Vec::<String>::new(), "everything went wrong that was to");
    assert!(report.finished, "{:#?} {:#?} {:#?}", report.waits_for, report.held, report.objects);

    // Every mapping of the table either runs as it says, or has no place at the destination and is told to stay behind.
    let left =
        plan.questions.iter().find(|question| question.id == "left_behind").map(|question| question.text.as_str());
    for (mapping, fate) in expected() {
        if plan.mappings.iter().any(|known| known.id == mapping.as_str()) {
            assert_eq!(held(&report, &mapping), fate.held, "{mapping}: {:#?}", report.held);
        } else {
            let total = fate.created + fate.held.values().sum::<u64>();
            assert!(left.is_some_and(|left| left.contains(&format!("{mapping} ({total})"))), "{mapping}: {left:?}");
        }
    }
    for wanted in ["organizations", "profiles", "deals", "notes", "email_events", "events"] {
        assert!(plan.mappings.iter().any(|mapping| mapping.id == wanted), "{wanted} moves");
    }
    arrival::check(&world);

    // People go on using the source: a new profile, another tier, a consent that is taken back.
    world.changes();
    let delta = migration.delta(&approval).await.unwrap();
    assert!(delta.finished, "{:#?} {:#?}", delta.waits_for, delta.held);
    assert_eq!((&*delta.conflicts, &*delta.gone), (&[][..], &[][..]));
    arrival::check_changes(&world);

    let reconciliation = migration.reconcile().await.unwrap();
    assert_eq!(reconciliation.mismatches, []);
    for object in &reconciliation.objects {
        assert_eq!((object.verified, object.mismatched, object.missing), (object.count.written, 0, 0), "{object:?}");
    }
    // The source was read and nothing else, within its limits.
    for request in world.apsis.requests() {
        assert_ne!(request.status, Some(429), "{} {}", request.method, request.path);
        assert!(
            request.method == "GET" || request.method == "POST" && !request.path.contains("/profiles/p"),
            "{}",
            request.path
        );
    }

    let preview = migration.preview_rollback().await.unwrap();
    assert_eq!(preview.kept, []);
    let approval = migration.approve_rollback(&preview, "tester").await.unwrap();
    assert!(migration.rollback(&approval).await.unwrap().clean);
    assert!(world.counts().values().all(|count| *count == 0), "{:?}", world.counts());
}

/// Why how many records of a mapping wait, in the table's words.
fn held(report: &RunReport, mapping: &str) -> BTreeMap<String, u64> {
    let words = [
        ("the profile has no e-mail address", "no_email"),
        ("the profile has neither a name nor an e-mail address", "no_email"),
        ("sections disagree about its type", "types_differ"),
        ("sections hold different values", "sections_differ"),
        ("profiles hold different values", "profiles_differ"),
        ("no profile has the address", "no_profile"),
        ("the record it links to is not there", "link_to_held"),
        ("the record it links to waits for a decision", "link_to_held"),
    ];
    let mut counted = BTreeMap::new();
    for held in report.held.iter().filter(|held| held.mapping == mapping) {
        let code =
            words.iter().find(|(words, _)| held.reason.contains(words)).map_or(held.reason.as_str(), |(_, code)| code);
        *counted.entry(code.to_owned()).or_default() += held.records;
    }
    counted
}

/// The bundled account by the program, as far as the review, which asks a person.
#[test]
fn the_program_reads_the_bundled_account() {
    let folder = tempfile::tempdir().unwrap();
    let ended = std::process::Command::new(env!("CARGO_BIN_EXE_migrate"))
        .current_dir(folder.path())
        .args(["--from", "apsis-one", "--step", "review", "--limits", "off"])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(told.contains("question"), "a plan with open questions is not clean: {told}");
    let audit = std::fs::read_to_string(folder.path().join("migration-reports/audit.json")).unwrap();
    let audit: serde_json::Value = serde_json::from_str(&audit).unwrap();
    for (mapping, fate) in expected() {
        let total = fate.created + fate.held.values().sum::<u64>();
        assert_eq!(audit["objects"][&mapping]["records"], total, "{mapping}");
    }
    let plan = std::fs::read_to_string(folder.path().join("migration-reports/plan.toml")).unwrap();
    assert!(plan.contains("profiles"), "{plan}");
}
