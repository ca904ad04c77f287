//! Each question that the vendor's documents leave open, answered either way: the same records arrive, or those that the account
//! will not take wait with its own words, and all of it can be taken back.

use std::collections::BTreeSet;

use crmkit_core::testing::generate::Fates;
use crmkit_pipedrive::simulator::Switches;
use serde_json::{Value, json};

use crate::{
    check,
    flow::{Flow, Size},
    plan,
};

/// What a switch does to a migration.
enum Outcome {
    /// Nothing.
    Same,
    /// The account refuses some records in these words.
    Refuses(&'static str),
}

use Outcome::{Refuses, Same};

/// Every switch with its other answer, or answers. The default ones are what the whole export is tested with.
fn answers() -> Vec<(Value, Outcome)> {
    let same = |switches: Value| (switches, Same);
    vec![
        same(json!({"deal_add_time": "ignored", "unknown_keys": "ignored", "limit_over_max": "ignored"})),
        same(json!({"deleted_is_readable": false})),
        same(json!({"purge_days": 0})),
        same(json!({"default_stages": true})),
        same(json!({"stage_with_deals_deletable": true})),
        same(json!({"stage_mismatch_status": 403})),
        same(json!({"delete_cascades": true})),
        same(json!({"writes_touch_parents": false})),
        same(json!({"label_options_writable": false})),
        same(json!({"schema_needs_admin": false})),
        same(json!({"activity_person_id": "ignored"})),
        same(json!({"due_times": "seconds"})),
        same(json!({"times_have_seconds": false})),
        same(json!({"done_is_now": false})),
        same(json!({"attendees_are_invited": true})),
        same(json!({"html_is_cleaned": false})),
        same(json!({"activity_types_cap": 50})),
        same(json!({"lead_sets": "text"})),
        same(json!({"lead_sets": "array"})),
        same(json!({"conversion_ms": 1_000})),
        (json!({"file_bytes": 50_000}), Refuses("too large")),
        (json!({"file_bytes": 50_000, "file_too_large_status": 400}), Refuses("too large")),
        (json!({"storage_bytes": 1_000}), Refuses("storage limit reached")),
        same(json!({"download_redirects": true})),
        same(json!({"main_person_participates": false})),
        same(json!({"participant_again": "ignored"})),
        same(json!({"owner_follows": false})),
        same(json!({"filters_cap": 1})),
        (json!({"relationships_cap": 1}), Refuses("reached the")),
        same(json!({"products_value_deals": false})),
        same(json!({"limit_model": "requests"})),
        same(json!({"limit_model": "tokens_per_minute"})),
        same(json!({"query_token": true})),
        same(json!({"refresh_tokens_rotate": false})),
        same(json!({"errors_have_code": false})),
        same(json!({"over_limit_is_json": false, "retry_after": false, "daily_headers": false})),
        same(json!({"cursor_minutes": 1})),
        same(json!({"inactive_can_own": true})),
        same(json!({"deleted_stages_listed": true})),
        same(json!({"labels_per_deal_cap": 1})),
        same(json!({"emails_per_person_cap": 5})),
        same(json!({"emails_are_checked": true})),
        (json!({"notes_per_deal_cap": 1}), Refuses("limit")),
        (json!({"notes_have_one_parent": true}), Refuses("one")),
        same(json!({"delete_again_succeeds": true})),
        same(json!({"name_chars": 0})),
        same(json!({"field_lag_ms": 500, "search_lag_ms": 60_000})),
        same(json!({"backdating_needs_admin": true})),
        same(json!({"contact_sync": true, "firmographics": true, "campaigns": true})),
        same(json!({"failed_calls_cost": false, "search_counts_as_burst": false})),
        same(json!({"reset_hour": 7})),
        same(json!({"writes_per_day": 100_000})),
        same(json!({"block_after": 0, "block_seconds": 1})),
    ]
}

async fn play(answer: &Value, outcome: &Outcome) {
    println!("{answer}");
    let set = |switches: &mut Switches| {
        let mut all = serde_json::to_value(&*switches).expect("switches are data");
        for (switch, position) in answer.as_object().expect("switches by name") {
            assert_ne!(all[switch], *position, "the other position of {switch}");
            all[switch] = position.clone();
        }
        *switches = serde_json::from_value(all).expect("a switch and a position of it");
    };
    let flow = Flow::start(Size::Small, set).await;
    let fates = flow.expected.fates(&plan::treatment());
    let before = flow.snapshot();
    let approval = flow.admitted().await;
    let report = flow.run(&approval).await;
    match outcome {
        Same => check(&flow, &fates, &report).await,
        Refuses(words) => check_refused(&flow, &fates, words).await,
    }
    assert_eq!(flow.simulator.rows("invitations"), Vec::<Value>::new(), "{answer}: nobody is written to");
    let reconciliation = flow.migration.reconcile().await.expect("reconciled");
    assert_eq!(reconciliation.mismatches, [], "{answer}");
    let preview = flow.migration.preview_rollback().await.expect("previewed");
    assert_eq!(preview.kept, [], "{answer}");
    let approval = flow.migration.approve_rollback(&preview, "tester").await.expect("approved");
    let back = flow.migration.rollback(&approval).await.expect("rolled back");
    assert!(back.clean && back.kept_items.is_empty(), "{answer}: {back:#?}");
    assert_eq!(flow.snapshot(), before, "{answer}: everything is as it was");
}

/// What the generator says arrives, but for what the account refused in these words; and it did refuse something.
async fn check_refused(flow: &Flow, fates: &Fates<'_>, words: &str) {
    let mut refused = 0;
    for (object, _) in fates.tallies() {
        let waiting = flow.waiting_parts(object.as_str()).await;
        for (id, reason) in &waiting {
            let own = reason.to_lowercase().contains(words);
            refused += usize::from(own);
            let key = flow
                .expected
                .records
                .iter()
                .find(|record| record.key.object == *object && record.key.id == id.as_str());
            let meant = key.is_some_and(|record| !fates.arrives(&record.key));
            let follows = reason.contains("waits for a decision") || reason.contains("leads back");
            assert!(own || meant || follows || reason.contains("does not move"), "{object}/{id}: {reason}");
        }
    }
    assert!(refused > 0, "nothing was refused");
}

async fn play_part(part: usize) {
    for (answer, outcome) in answers().iter().skip(part).step_by(3) {
        play(answer, outcome).await;
    }
}

#[tokio::test]
async fn either_answer_will_do_first_third() {
    play_part(0).await;
}

#[tokio::test]
async fn either_answer_will_do_second_third() {
    play_part(1).await;
}

#[tokio::test]
async fn either_answer_will_do_last_third() {
    play_part(2).await;
}

#[test]
fn no_switch_is_forgotten() {
    let all = serde_json::to_value(Switches::default()).expect("switches are data");
    let all: BTreeSet<&String> = all.as_object().expect("by name").keys().collect();
    let answers = answers();
    let played: BTreeSet<&String> =
        answers.iter().flat_map(|(answer, _)| answer.as_object().expect("by name").keys()).collect();
    assert_eq!(played, all);
}
