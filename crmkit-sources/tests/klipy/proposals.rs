//! Duplicates, tags and stages, as a person confirms them.

use std::sync::Arc;

use crmkit_core::{FieldLine, Mapping, Plan, PlanEnd, TransformCall, indexmap::IndexMap, simulator::JumpingClock};
use crmkit_sources::klipy::{KlipyConfig, simulator::KlipySimulator};
use serde_json::json;

use super::{approved, config, klipy, simulator};

#[tokio::test]
async fn duplicates_of_the_interface_are_told_and_none_is_merged() {
    let (simulator, clock) = simulator(KlipySimulator::builder()).await;
    let source = klipy(config(&simulator), &clock);
    let proposals = source.proposals().await.unwrap();
    let contacts = &proposals.duplicates["contacts"];
    assert_eq!(contacts.len(), 1);
    assert_eq!(contacts[0].survivor, "c_1");
    let others: Vec<_> = contacts[0].others.iter().map(|(id, why)| (id.as_str(), why.as_str())).collect();
    assert_eq!(others, [("c_2", "the same e-mail address"), ("c_3", "the same e-mail address")]);
    let companies = &proposals.duplicates["companies"][0];
    assert_eq!(companies.survivor, "cmp_1");
    assert_eq!(companies.others.len(), 2, "bare, www and http forms of one domain");
    assert_eq!(proposals.merge("contacts").len(), 2);
    assert_eq!(super::all(&source, "contacts").await.items.len(), 9);
}

#[tokio::test]
async fn a_plan_takes_the_proposals_and_asks_for_each() {
    let files = approved(&[
        (
            "contacts.csv",
            "Contact ID,First Name,Last Name,Email,Phone,LinkedIn URL,Tags\n\
             1,Ann,Berg,ann@x.example,,https://linkedin.com/in/ann,Hot Lead\n\
             2,Ann,Berg,other@x.example,,https://www.linkedin.com/in/ann/,hot-lead\n\
             3,Bo,Ek,bo@x.example,+46 70 123 45 67,,VIP\n4,B,Ek,b@x.example,0046701234567,,hot-lead\n\
             5,Cia,Dahl,cia@x.example,+46 70 123 45 67,,\n",
        ),
        ("deals.csv", "Deal ID,Deal Name,Stage\nd,Deal,Prospecting\ne,Deal,Discovery\nf,Deal,Closed Won\n"),
    ]);
    let source = klipy(KlipyConfig::harvested(files.path()), &Arc::new(JumpingClock::new()));
    let proposals = source.proposals().await.unwrap();
    let merge: Vec<_> = proposals.merge("contacts").into_iter().map(|(from, to)| format!("{from}>{to}")).collect();
    assert_eq!(merge, ["2>1", "4>3"], "a number alone is that of a switchboard");
    assert_eq!(json!(proposals.tag_map("contacts")), json!({ "Hot Lead": "hot-lead", "hot-lead": "hot-lead" }));

    let end = |kind: &str| PlanEnd { kind: kind.to_owned(), instance: None };
    let mut plan = Plan::new(end("klipy"), end("pipedrive"));
    let stages = json!({ "Sales/Prospecting": "Sales/Prospecting", "Sales/Discovery": "Sales/Discovery", "Sales/Closed Won": "Sales/Discovery" });
    plan.mappings.push(Mapping::new("contacts", "contacts", "person").with(FieldLine::new(
        "contacts.labels",
        ["labels"],
        "label_ids",
    )));
    plan.mappings.push(
        Mapping::new("deals", "deals", "deal").with(
            FieldLine::new("deals.stage", ["stage"], "stage_id").through(TransformCall::with("value_map", stages)),
        ),
    );
    let existing = IndexMap::from([("Sales".to_owned(), vec!["Qualified".to_owned()])]);
    proposals.put_into(&mut plan, &existing);
    let asked: Vec<_> = plan.questions.iter().map(|question| question.id.as_str()).collect();
    assert_eq!(asked, ["klipy.merge.contacts", "klipy.tags.contacts", "klipy.stages.Sales"]);
    assert_eq!(plan.mappings[0].merge.len(), 2);
    assert_eq!(plan.mappings[0].fields[0].transforms[0].arguments["otherwise"], "keep");
    let map = &plan.mappings[1].fields[0].transforms[0].arguments;
    assert_eq!(map["Sales/Prospecting"], "Sales/Qualified");
    assert_eq!(map["Sales/Closed Won"], "Sales/Qualified");
    assert_eq!(plan.items[0].names, ["VIP", "hot-lead"]);
    let once = plan.clone();
    proposals.put_into(&mut plan, &existing);
    assert_eq!(plan, once, "a second time changes nothing");
}
