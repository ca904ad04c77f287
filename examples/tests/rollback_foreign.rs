//! Rollback in an account that others use: what was there before is as it was, what others made their own stays.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use crmkit_core::{AuditOptions, MatchPolicy, MatchRule, Migration, Plan, RollbackReport};
use crmkit_pipedrive::simulator::PipedriveSimulator;
use serde_json::{Value, json};
use support::{Colleague, account, content, export, field_code, live, migrate, migration};
use tempfile::TempDir;

fn source() -> TempDir {
    export(&[
        (
            "users.csv",
            "id,email,name,active\n\
             u1,anna.snelling@maven.example,Anna Snelling,true\n\
             u2,moses.frase@maven.example,Moses Frase,true\n",
        ),
        (
            "companies.csv",
            "id,name,address_city,owner_id,parent_id,cf_tier\n\
             c1,Northwind,Leeds,u1,,Gold\n\
             c2,Northwind Labs,York,u1,c1,Silver\n\
             c3,Contoso,Hull,u2,,\n\
             c4,Fabrikam,Ely,u2,c1,Gold\n",
        ),
        (
            "contacts.csv",
            "id,name,emails,phones,company_id,owner_id,cf_tier\n\
             p1,Ann Lee,work:ann@northwind.example,+44 113 496 0001,c4,u1,Gold\n\
             p2,Bo Berg,work:bo@contoso.example,+44 113 496 0002,c3,u2,\n\
             p3,Cy Dale,work:cy@fabrikam.example,+44 113 496 0003,c4,u2,Gold\n",
        ),
        (
            "deals.csv",
            "id,name,amount,currency,stage_name,status,company_id,primary_contact_id,owner_id,cf_region,cf_priority\n\
             d1,Renewal,1000,EUR,Talks,open,c4,p1,u1,North,High\n\
             d2,Pilot,250.50,EUR,Offer,open,c2,,u1,South,\n\
             d3,Rollout,9000,EUR,Offer,won,c3,p2,u2,,\n\
             d4,Extension,400,EUR,Talks,open,c4,p3,u2,North,\n",
        ),
    ])
}

/// What the account's people had made before. Gives the person that will be matched.
async fn settle(people: &Colleague) -> i64 {
    let globex = people.add("v2/organizations", json!({"name": "Globex", "owner_id": 3})).await;
    let daughter = people.add("v2/organizations", json!({"name": "Northwind"})).await;
    let relation = json!({"type": "parent", "rel_owner_org_id": globex, "rel_linked_org_id": daughter});
    people.post("v1/organizationRelationships", relation).await;
    // Fields of the same names as the plan's, and even as the marker.
    let mut codes = Vec::new();
    for (object, name) in
        [("organization", "Tier"), ("person", "Tier"), ("deal", "Region"), ("deal", "Source id"), ("deal", "crmkit_id")]
    {
        let field = json!({"field_name": name, "field_type": "varchar"});
        let made = people.post(&format!("v2/{object}Fields"), field).await;
        codes.push(made["field_code"].as_str().unwrap().to_owned());
    }
    let tier = json!({"custom_fields": {&codes[0]: "Old gold"}});
    people.patch(&format!("v2/organizations/{globex}"), tier).await;
    let ann = json!({
        "name": "Ann", "owner_id": 4, "org_id": globex, "phones": [{"value": "112", "label": "work", "primary": true}],
        "emails": [
            {"value": "ANN@northwind.example", "label": "work", "primary": true},
            {"value": "ann@home.example", "label": "home", "primary": false},
        ],
        "custom_fields": {&codes[1]: "VIP"},
    });
    let ann = people.add("v2/persons", ann).await;
    people.add("v2/persons", json!({"name": "Zed", "org_id": daughter})).await;
    let pipeline = people.add("v2/pipelines", json!({"name": "Sales"})).await;
    let stage = people.add("v2/stages", json!({"name": "Talks", "pipeline_id": pipeline})).await;
    let deal = json!({
        "title": "Theirs", "org_id": globex, "person_id": ann, "stage_id": stage, "value": 7,
        "custom_fields": {&codes[2]: "East", &codes[3]: "d1", &codes[4]: "not ours"},
    });
    let deal = people.add("v2/deals", deal).await;
    people.add("v1/notes", json!({"content": "about Ann", "person_id": ann})).await;
    people.add("v1/notes", json!({"content": "about theirs", "deal_id": deal, "org_id": globex})).await;
    ann
}

/// The proposal for the account while it was empty, with what a person adds: contacts that are there are updated.
async fn plan(migration: &Migration) -> Plan {
    let audit = migration.audit(&AuditOptions::default()).await.unwrap();
    let mut plan = migration.propose(&audit);
    let questions: Vec<String> = plan.questions.iter().map(|question| question.id.clone()).collect();
    for question in questions {
        plan.answer(&question, "yes").unwrap();
    }
    let contacts = plan.mappings.iter_mut().find(|mapping| mapping.id == "contacts").unwrap();
    contacts.matching = Some(MatchRule { by: "emails".into(), found: MatchPolicy::Update });
    plan
}

async fn take_back(migration: &Migration) -> RollbackReport {
    let preview = migration.preview_rollback().await.unwrap();
    let approval = migration.approve_rollback(&preview, "anna").await.unwrap();
    let report = migration.rollback(&approval).await.unwrap();
    assert_eq!(report.kept, preview.kept, "the preview told what would stay");
    report
}

fn named(simulator: &PipedriveSimulator, table: &str, key: &str, name: &str, after: i64) -> i64 {
    let rows = live(simulator, table);
    let row = rows.iter().find(|row| row[key] == name && row["id"].as_i64().unwrap() > after).unwrap();
    row["id"].as_i64().unwrap()
}

type Content = BTreeMap<(String, i64), Value>;

/// The places at which two contents differ, for people.
fn differences(expected: &Content, found: &Content) -> Vec<String> {
    let keys: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
    let differs = |key: &&&(String, i64)| expected.get(**key) != found.get(**key);
    let shown = |side: Option<&Value>| side.map_or("nothing".to_owned(), Value::to_string);
    let tell = |key: &(String, i64)| {
        format!("{}/{}:\n  {}\n  {}", key.0, key.1, shown(expected.get(key)), shown(found.get(key)))
    };
    keys.iter().filter(differs).map(|key| tell(key)).collect()
}

#[tokio::test]
async fn an_untouched_migration_leaves_no_trace() {
    let (export, simulator) = (source(), account().await);
    let migration = migration(&simulator, export.path());
    let plan = plan(&migration).await;
    let ann = settle(&Colleague::of(&simulator)).await;
    let before = content(&simulator);
    let warnings = migration.check(&plan).await.unwrap();
    let twins: Vec<_> = warnings.iter().filter(|problem| problem.code == "field_exists").collect();
    assert_eq!(twins.len(), 4, "Tier twice, Region, Source id: {warnings:#?}");
    let report = migrate(&migration, &plan).await;
    let contacts = report.objects.iter().find(|object| object.mapping == "contacts").unwrap();
    assert_eq!((contacts.created, contacts.updated), (2, 1));
    assert_eq!(content(&simulator)[&("persons".to_owned(), ann)]["name"], "Ann Lee");

    let report = take_back(&migration).await;
    assert_eq!(differences(&before, &content(&simulator)), Vec::<String>::new());
    assert!(report.clean && report.kept.is_empty() && report.kept_items.is_empty(), "{report:#?}");
    assert_eq!(report.unrestored, Vec::<String>::new());
    assert_eq!(simulator.verify(), Vec::<String>::new());
}

#[tokio::test]
async fn what_others_made_their_own_stays_and_nothing_else() {
    let (export, simulator) = (source(), account().await);
    let people = Colleague::of(&simulator);
    let migration = migration(&simulator, export.path());
    let plan = plan(&migration).await;
    let ann = settle(&people).await;
    let before = content(&simulator);
    migrate(&migration, &plan).await;

    let deal = |title: &str| named(&simulator, "deals", "title", title, 1);
    let (pilot, rollout) = (deal("Pilot"), deal("Rollout"));
    people.patch(&format!("v2/deals/{pilot}"), json!({"value": 300})).await;
    let note = people.add("v1/notes", json!({"content": "they called", "deal_id": rollout})).await;
    let edited = content(&simulator);

    // The two deals; their organizations and person; the parent of one organization, and the relation to it.
    let organization = |name: &str| named(&simulator, "organizations", "name", name, 2);
    let (northwind, labs, contoso) =
        (organization("Northwind"), organization("Northwind Labs"), organization("Contoso"));
    let bo = named(&simulator, "persons", "name", "Bo Berg", 2);
    let relations = live(&simulator, "organizationRelationships");
    let relation = relations.iter().find(|row| row["rel_linked_org_id"] == labs).unwrap()["id"].as_i64().unwrap();
    let records = [
        ("deals", "deal", pilot),
        ("deals", "deal", rollout),
        ("organizations", "organization", northwind),
        ("organizations", "organization", labs),
        ("organizations", "organization", contoso),
        ("organizationRelationships", "organization_relationship", relation),
        ("persons", "person", bo),
    ];
    // The stage they are in with its pipeline, and the fields that they fill.
    let pipeline = named(&simulator, "pipelines", "name", "Sales", 2);
    let stage = named(&simulator, "stages", "name", "Offer", 0);
    let items = [
        ("pipelines", "pipeline:deal/Sales", pipeline),
        ("stages", "stage:deal/Sales/Offer", stage),
        ("dealFields", "field:deal/deal_cf_region", newest(&simulator, "dealFields", "Region")),
        ("dealFields", "field:deal/deal_source_id", newest(&simulator, "dealFields", "Source id")),
        ("dealFields", "marker:deal/crmkit_id", newest(&simulator, "dealFields", "crmkit_id")),
        (
            "organizationFields",
            "field:organization/organization_cf_tier",
            newest(&simulator, "organizationFields", "Tier"),
        ),
        (
            "organizationFields",
            "field:organization/organization_source_id",
            newest(&simulator, "organizationFields", "Source id"),
        ),
        ("organizationFields", "marker:organization/crmkit_id", newest(&simulator, "organizationFields", "crmkit_id")),
        ("personFields", "field:person/person_source_id", newest(&simulator, "personFields", "Source id")),
        ("personFields", "marker:person/crmkit_id", newest(&simulator, "personFields", "crmkit_id")),
    ];

    let report = take_back(&migration).await;

    let kept: BTreeSet<String> = report.kept.iter().map(|kept| kept.record.to_string()).collect();
    assert_eq!(kept, records.iter().map(|(_, object, id)| format!("{object}/{id}")).collect());
    let reason = |id: i64| {
        let kept = report.kept.iter().find(|kept| kept.record.to_string() == format!("deal/{id}")).unwrap();
        (kept.reason.as_str(), kept.because_of.clone())
    };
    assert_eq!(reason(pilot), ("somebody changed it since it was written", None));
    assert_eq!(reason(rollout), ("somebody attached something to it", None));
    let kept_items: BTreeSet<&str> = report.kept_items.iter().map(String::as_str).collect();
    assert_eq!(kept_items, items.iter().map(|(_, key, _)| *key).collect());
    assert!(report.clean, "everything that was ours alone is gone: {report:#?}");
    assert_eq!(report.unrestored, Vec::<String>::new());

    let stay =
        records.iter().map(|(table, _, id)| (*table, *id)).chain(items.iter().map(|(table, _, id)| (*table, *id)));
    let mut expected = before.clone();
    for (table, id) in stay.chain([("notes", note)]) {
        let key = (table.to_owned(), id);
        expected.insert(key.clone(), edited[&key].clone());
    }
    let after = content(&simulator);
    assert_eq!(differences(&expected, &after), Vec::<String>::new());
    let person = ("persons".to_owned(), ann);
    assert_ne!(edited[&person], before[&person]);
    assert_eq!(after[&person], before[&person]);
    field_code(&simulator, "personFields", "Tier");
    assert_eq!(simulator.verify(), Vec::<String>::new());
}

/// The id of the last field of that name.
fn newest(simulator: &PipedriveSimulator, table: &str, name: &str) -> i64 {
    let rows = live(simulator, table);
    rows.iter().filter(|row| row["field_name"] == name).filter_map(|row| row["id"].as_i64()).max().unwrap()
}
