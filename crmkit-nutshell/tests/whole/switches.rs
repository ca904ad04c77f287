//! What nobody outside the vendor knows for sure, in both positions: a whole migration, there, checked, and back.

use std::collections::BTreeMap;

use crmkit_core::Severity;
use crmkit_nutshell::simulator::Switches;
use futures::{StreamExt, stream};
use serde_json::{Value as Json, json};

use crate::world::{World, switched};

/// How a migration ended.
#[derive(Debug, Default, PartialEq, Eq)]
struct Ended {
    /// The step that failed, and why.
    failed: Option<String>,
    /// Live rows after the run.
    there: BTreeMap<&'static str, usize>,
    /// Held records by mapping and reason.
    held: Vec<String>,
    /// Fields that are not as they should be.
    differing: Vec<String>,
    /// Live rows after the rollback.
    left: BTreeMap<&'static str, usize>,
}

async fn there_and_back(changes: &Json, drop_every: u64) -> Ended {
    let world = World::start(switched(changes), drop_every).await;
    let mut ended = Ended::default();
    let migration = world.migration();
    let blocked: Vec<String> = match migration.check(&world.plan).await {
        Ok(problems) => problems
            .into_iter()
            .filter(|problem| problem.severity == Severity::Block)
            .map(|problem| format!("{} {}", problem.code, problem.message))
            .collect(),
        Err(error) => vec![error.to_string()],
    };
    if !blocked.is_empty() {
        ended.failed = Some(format!("check: {blocked:?}"));
        return ended;
    }
    let approval = match world.admitted().await {
        Ok(approval) => approval,
        Err(error) => {
            ended.failed = Some(format!("prepare: {error}"));
            return ended;
        }
    };
    let run = match migration.run(&approval).await {
        Ok(run) => run,
        Err(error) => {
            ended.failed = Some(format!("run: {error}"));
            return ended;
        }
    };
    assert!(run.finished, "{changes}: {run:#?}");
    ended.there = world.live();
    ended.held = run.held.iter().map(|held| format!("{} {} {}", held.mapping, held.records, held.reason)).collect();
    let reconciliation = migration.reconcile().await.expect("reconciled");
    ended.differing =
        reconciliation.mismatches.iter().map(|mismatch| format!("{}.{}", mismatch.mapping, mismatch.field)).collect();
    // Nothing changed: nothing is written again.
    let idle = migration.delta(&approval).await.expect("delta");
    assert!(idle.objects.iter().all(|count| count.created == 0 && count.updated == 0), "{changes}: {idle:#?}");
    let preview = migration.preview_rollback().await.expect("previewed");
    let approval = migration.approve_rollback(&preview, "ann").await.expect("approved");
    migration.rollback(&approval).await.expect("rolled back");
    ended.left = world.live();
    ended
}

/// Every record of the source, and the activity that carries the files of a person.
fn everything() -> Ended {
    let there = [("accounts", 2), ("activities", 5), ("contacts", 2), ("files", 4), ("leads", 4), ("notes", 3)];
    Ended { there: there.into_iter().collect(), ..Ended::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_to_what_is_unknown() {
    // Mostly they wait for a clock that jumps.
    let ended = stream::iter(cases()).map(|(changes, expected)| async move {
        let ended = there_and_back(&changes, 0).await;
        (ended != expected).then(|| format!("{changes}: {ended:#?}"))
    });
    let wrong: Vec<String> = ended.buffer_unordered(4).filter_map(|wrong| async { wrong }).collect().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn lost_answers_change_nothing() {
    for drop_every in [2, 3, 7] {
        assert_eq!(there_and_back(&json!({}), drop_every).await, everything(), "every {drop_every}");
    }
    // What was announced, logged or carried under another answer, too.
    let changes = json!({"new_activity_logs": false, "links_raise_rev": true, "find_lag_ms": 5000});
    assert_eq!(there_and_back(&changes, 3).await, everything());
}

fn failed(step: &str) -> Ended {
    Ended { failed: Some(step.to_owned()), ..Ended::default() }
}

fn waiting(there: &[(&'static str, usize)], held: &[&str]) -> Ended {
    Ended {
        there: there.iter().copied().collect(),
        held: held.iter().map(|text| (*text).to_owned()).collect(),
        ..Ended::default()
    }
}

fn cases() -> Vec<(Json, Ended)> {
    let same = |changes: Json| (changes, everything());
    vec![
        same(json!({})),
        // How answers are written.
        same(json!({
            "error_null": true, "nulls_are_absent": true, "stub_rev_is_number": true, "amounts_are_text": true,
            "currency_shortname": true, "outcome_ids_are_text": false, "empty_maps": "list", "bare_lists": false,
            "date_form": "unix", "patch_is_empty": false, "field_create_body": true,
        })),
        same(json!({
            "empty_maps": "object", "date_form": "day", "errors_in_status": false, "bad_params_code": 400,
            "invalid_code": 422, "plan_cap_code": 400, "forbidden_code": 401, "content_type_status": 415,
            "entity_type_any_case": true, "rpc_batches": true,
        })),
        // What becomes of values.
        same(json!({
            "first_is_primary": false, "primary_is_copied": false, "urls_get_a_scheme": false,
            "names_are_trimmed": false, "name_objects": false, "same_email_allowed": false,
            "unknown_keys_refused": true,
        })),
        same(json!({
            "legacy_id": "kept", "created_time": "kept", "closed_time": "kept", "lead_value": "kept",
            "parent_account": "kept", "tags_ignore_case": false, "product_prices": false, "note_body_key": true,
            "task_completion": "status", "rest_lead_participants": false, "all_day_zone": 120,
        })),
        same(json!({
            "legacy_id": "refused", "created_time": "refused", "closed_time": "refused", "lead_value": "refused",
            "parent_account": "refused", "task_completion": "completed_time",
        })),
        // What a call does.
        same(json!({
            "links_raise_rev": true, "closed_leads_move": false, "find_leads_is_mine": false,
            "find_users_by_email": false, "full_limit_refused": false, "unlisted_choices_refused": false,
            "custom_fields_merge": false, "field_lengths": false, "same_field": "ignored", "fields_need_admin": false,
        })),
        same(json!({
            "new_activity_logs": false, "activities_can_be_cancelled": false, "caller_takes_part": false,
            "disabled_users_may_write": true, "same_field": "added", "stage_id_offset": 0, "pointer_escapes": false,
        })),
        // When it is seen, and what is left of it.
        same(json!({"field_lag_ms": 3000, "find_lag_ms": 5000, "list_lag_ms": 0, "search_lag_ms": 0})),
        same(json!({
            "deleted_is_readable": false, "deleted_is_deletable": false, "purge_days": 0, "delete_cascades": true,
        })),
        // How much is let through.
        same(json!({"throttle_calls": 20, "throttle_ms": 2000, "retry_after": true})),
        same(json!({"throttle_calls": 200, "throttle_status": 503})),
        same(json!({"throttle_full_finds": 1, "lead_cap": false, "automations": true})),
        // What a migration cannot do there, it says.
        (
            json!({"impersonation_sets_author": false}),
            // Verification tells that the authors are not those of the source.
            Ended { differing: vec!["notes.user".to_owned(); 3], ..everything() },
        ),
        (
            json!({"rest_id_offset": 5000}),
            failed(
                "check: [\"user.list: the two interfaces give one user different ids, so that nothing can be told of records\"]",
            ),
        ),
        (
            json!({"multiple_is_list": false}),
            waiting(
                &[("accounts", 2), ("activities", 2), ("contacts", 1), ("files", 1), ("leads", 2), ("notes", 2)],
                &[
                    "contacts 1 the value of Topics has the wrong form",
                    "deals 1 deals.people: the record it links to is not there",
                    "leads 1 leads.contact: the record it links to is not there",
                    "tasks 1 tasks.lead: the record it links to is not there",
                    "meetings 1 meetings.people: the record it links to is not there",
                    "notes 1 notes.lead: the record it links to is not there",
                    "files 1 files.lead: the record it links to is not there",
                    "files 2 files.contact: the record it links to is not there",
                ],
            ),
        ),
        (
            json!({"field_cap": 3}),
            failed(
                "prepare: field.create: your plan is limited to 3 custom fields (status: 403, item: field:contact/score)",
            ),
        ),
        (
            json!({"files_can_be_removed": false}),
            // What no interface removes stays with what it hangs on, and with what that refers to.
            Ended {
                left: [("accounts", 1), ("activities", 2), ("contacts", 2), ("files", 4), ("leads", 1)].into(),
                ..everything()
            },
        ),
        (
            json!({"file_cap": 10}),
            waiting(
                &[("accounts", 2), ("activities", 4), ("contacts", 2), ("files", 2), ("leads", 4), ("notes", 3)],
                &["files 2 the file is larger than the instance takes"],
            ),
        ),
        (
            json!({"contact_cap": 1}),
            waiting(
                &[("accounts", 2), ("activities", 2), ("contacts", 1), ("files", 2), ("leads", 3), ("notes", 2)],
                &[
                    "contacts 1 your plan is limited to 1 contacts",
                    "deals 1 deals.people: the record it links to is not there",
                    "tasks 1 tasks.lead: the record it links to is not there",
                    "calls 1 calls.contact: the record it links to is not there",
                    "meetings 1 meetings.people: the record it links to is not there",
                    "notes 1 notes.lead: the record it links to is not there",
                    "files 1 files.lead: the record it links to is not there",
                    "files 1 files.activity: the record it links to is not there",
                ],
            ),
        ),
    ]
}

#[test]
fn every_switch_is_there() {
    let Json::Object(switches) = json!(Switches::default()) else { panic!("switches are an object") };
    let cases = cases();
    let missing: Vec<_> =
        switches.keys().filter(|name| !cases.iter().any(|(changes, _)| changes.get(*name).is_some())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
