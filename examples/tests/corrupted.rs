//! Reconcile finds every field that somebody changed after the run, and nothing else.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeSet;

use crmkit_pipedrive::simulator::PipedriveSimulator;
use serde_json::{Value, json};
use support::{
    Colleague, Dice, account, bundled_plan, every_nth_deal, field_code, listed_ids, live, migrate, migration,
};

const SEED: u64 = 20_261_101;

/// Custom fields of deals by their names in the plan.
struct Codes {
    source_id: String,
    product: String,
    engage_date: String,
}

/// What is spoilt: the field as reconcile should name it, which deals qualify, and the body of the change.
type Spoil<'a> = (&'a str, Box<dyn Fn(&Value) -> bool + 'a>, Box<dyn Fn(&Value) -> Value + 'a>);

fn is(status: &'static str) -> Box<dyn Fn(&Value) -> bool> {
    Box::new(move |deal| deal["status"] == status)
}

fn any() -> Box<dyn Fn(&Value) -> bool> {
    Box::new(|_| true)
}

/// Another id of a table than that which `current` is.
fn other(simulator: &PipedriveSimulator, table: &str, current: &Value, fits: impl Fn(&Value) -> bool) -> Value {
    let rows = live(simulator, table);
    rows.iter().find(|row| row["id"] != *current && fits(row)).unwrap()["id"].clone()
}

fn spoils<'a>(simulator: &'a PipedriveSimulator, codes: &'a Codes) -> Vec<Spoil<'a>> {
    let custom = |code: &str, value: Value| json!({ "custom_fields": { code: value } });
    vec![
        ("title", any(), Box::new(|deal| json!({"title": format!("{}?", deal["title"].as_str().unwrap())}))),
        ("value", is("won"), Box::new(|deal| json!({"value": deal["value"].as_f64().unwrap() + 0.01}))),
        ("value", is("won"), Box::new(|_| json!({"currency": "EUR"}))),
        (
            "stage_id",
            is("open"),
            Box::new(|deal| {
                let same_pipeline = |stage: &Value| stage["pipeline_id"] == deal["pipeline_id"];
                json!({"stage_id": other(simulator, "stages", &deal["stage_id"], same_pipeline)})
            }),
        ),
        // Winning an open deal; the plan says nothing of the times of an open one.
        ("status", is("open"), Box::new(|_| json!({"status": "won"}))),
        (
            "won_time",
            is("won"),
            Box::new(|deal| json!({"won_time": "2017-07-07T07:07:07Z", "close_time": deal["close_time"]})),
        ),
        (&codes.engage_date, is("lost"), Box::new(move |_| custom(&codes.engage_date, json!("2016-01-01")))),
        (
            &codes.product,
            any(),
            Box::new(move |deal| {
                let fields = live(simulator, "dealFields");
                let field = fields.iter().find(|field| field["field_code"] == codes.product.as_str()).unwrap();
                let options = field["options"].as_array().unwrap();
                let current = &deal["custom_fields"][&codes.product];
                let another = options.iter().find(|option| option["id"] != *current).unwrap();
                custom(&codes.product, another["id"].clone())
            }),
        ),
        (&codes.source_id, any(), Box::new(move |_| custom(&codes.source_id, Value::Null))),
        (
            "owner_id",
            any(),
            Box::new(|deal| json!({"owner_id": other(simulator, "users", &deal["owner_id"], |_| true)})),
        ),
        (
            "org_id",
            Box::new(|deal| !deal["org_id"].is_null()),
            Box::new(|deal| json!({"org_id": other(simulator, "organizations", &deal["org_id"], |_| true)})),
        ),
    ]
}

#[tokio::test]
async fn reconcile_finds_what_was_changed_and_nothing_else() {
    let export = every_nth_deal(16);
    let simulator = account().await;
    let migration = migration(&simulator, export.path());
    let mut plan = bundled_plan();
    plan.sample.size = 40;
    let report = migrate(&migration, &plan).await;
    let untouched = migration.reconcile().await.unwrap();
    assert!(untouched.clean, "{:#?}", untouched.mismatches);

    let codes = Codes {
        source_id: field_code(&simulator, "dealFields", "Source id"),
        product: field_code(&simulator, "dealFields", "Product"),
        engage_date: field_code(&simulator, "dealFields", "Engage date"),
    };
    let source_of = |deal: &Value| deal["custom_fields"][&codes.source_id].as_str().unwrap().to_owned();
    let (deals, organizations) = (live(&simulator, "deals"), live(&simulator, "organizations"));
    let colleague = Colleague::of(&simulator);
    let mut dice = Dice(SEED);
    let mut untaken: Vec<&Value> = deals.iter().collect();
    let mut expected = BTreeSet::new();
    for (field, fits, change) in spoils(&simulator, &codes) {
        let (mut candidates, rest): (Vec<_>, Vec<_>) = untaken.into_iter().partition(|deal| fits(deal));
        let deal = dice.take(&mut candidates);
        untaken = candidates.into_iter().chain(rest).collect();
        colleague.patch(&format!("v2/deals/{}", deal["id"]), change(deal)).await;
        expected.insert(("deals".to_owned(), source_of(deal), field.to_owned()));
    }
    let gone = dice.take(&mut untaken);
    colleague.delete(&format!("v2/deals/{}", gone["id"])).await;
    expected.insert(("deals".to_owned(), source_of(gone), String::new()));
    // A link that is a record of its own: a daughter loses its parent.
    let relation = dice.take(&mut live(&simulator, "organizationRelationships"));
    colleague.delete(&format!("v1/organizationRelationships/{}", relation["id"])).await;
    let daughter = organizations.iter().find(|row| row["id"] == relation["rel_linked_org_id"]).unwrap();
    expected.insert(("companies".to_owned(), daughter["name"].as_str().unwrap().to_owned(), "parent".to_owned()));

    let before = simulator.requests().last().unwrap().sequence;
    let reconciliation = migration.reconcile().await.unwrap();
    let found: BTreeSet<_> = reconciliation
        .mismatches
        .iter()
        .map(|mismatch| (mismatch.mapping.to_string(), mismatch.source.id.to_string(), mismatch.field.to_string()))
        .collect();
    assert_eq!(found, expected);
    assert_eq!(reconciliation.mismatches.len(), expected.len(), "each is told once");
    assert!(!reconciliation.clean);
    for (mapping, mismatched, missing) in [("companies", 1, 0), ("deals", 11, 1)] {
        let counted = reconciliation.objects.iter().find(|object| object.count.mapping == mapping).unwrap();
        let written = report.objects.iter().find(|object| object.mapping == mapping).unwrap().written;
        assert_eq!((counted.mismatched, counted.missing), (mismatched, missing), "{mapping}");
        assert_eq!(counted.verified, written - mismatched - missing, "{mapping}");
    }

    // Everything that was written was read back, a hundred at a time.
    let ids = |rows: &[Value]| rows.iter().map(|row| row["id"].as_i64().unwrap()).collect::<BTreeSet<_>>();
    assert_eq!(listed_ids(&simulator, "/api/v2/deals", before), ids(&deals));
    assert_eq!(listed_ids(&simulator, "/api/v2/organizations", before), ids(&organizations));
    assert_eq!(simulator.verify(), Vec::<String>::new());
}
