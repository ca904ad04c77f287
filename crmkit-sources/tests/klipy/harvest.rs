//! Harvests: templates, the checkpoint, custom fields that a person types in, and files together with the interface.

use std::sync::Arc;

use crmkit_core::{ErrorKind, Severity, SourceConnector, rust_decimal::Decimal, simulator::JumpingClock};
use crmkit_sources::klipy::{
    HarvestReview, Klipy, KlipyConfig, LooseInteractions, SpreadRule, simulator::KlipySimulator, write_templates,
};
use tempfile::TempDir;

use super::{all, approved, config, folder, ids, klipy, one, simulator, text, write};

fn harvested(folder: &TempDir) -> Klipy {
    klipy(KlipyConfig::harvested(folder.path()), &Arc::new(JumpingClock::new()))
}

async fn codes(source: &Klipy, severity: Severity) -> Vec<String> {
    let mut problems = source.describe().await.unwrap().problems;
    problems.retain(|problem| problem.severity == severity);
    problems.into_iter().map(|problem| problem.code).collect()
}

#[tokio::test]
async fn nothing_is_used_before_somebody_looked_through_it() {
    let files = tempfile::tempdir().unwrap();
    let written = write_templates(files.path()).unwrap();
    assert_eq!(written.len(), 12);
    let review = HarvestReview::of(files.path()).unwrap();
    assert!(!review.blocked() && review.files.values().all(|file| file.rows == 0), "{review:?}");
    let header = std::fs::read_to_string(files.path().join("contacts.csv")).unwrap();
    assert!(header.starts_with("First Name,Last Name,Email,Company,Title,Phone,LinkedIn URL,Notes,"));

    write(files.path(), "contacts.csv", &format!("{header}Ann,Berg,ann@acme.example,Acme,,,,,c1,,,,\n"));
    assert_eq!(codes(&harvested(&files), Severity::Block).await, ["harvest_not_approved"]);
    let review = HarvestReview::of(files.path()).unwrap();
    review.approve(files.path(), "ada").unwrap();
    assert!(codes(&harvested(&files), Severity::Block).await.is_empty());
    assert!(write_templates(files.path()).unwrap().is_empty(), "what is filled in stays");

    write(files.path(), "contacts.csv", &format!("{header}Ann,Berg,ann@acme.example,Acme,,,,,c2,,,,\n"));
    assert_eq!(codes(&harvested(&files), Severity::Block).await, ["harvest_not_approved"]);
    assert_eq!(review.approve(files.path(), "ada").unwrap_err().kind(), ErrorKind::State);
    write(files.path(), "harvest-approved.json", "{");
    assert_eq!(codes(&harvested(&files), Severity::Block).await, ["harvest_not_approved"]);
}

#[tokio::test]
async fn custom_fields_have_the_type_that_a_person_wrote() {
    let contacts = "Contact ID,Email,Tier,Score,Birthday,Member,Nickname\n\
        1,a@x.example,gold,\"1,5\",2000-01-02,yes,Al\n2,b@x.example,Platinum,x,soon,perhaps,\n";
    let fields = "Object,Field Name,Type,Options\ncontact,Tier,dropdown,Gold;Silver\nContacts,score,number,\n\
        contact,Birthday,date,\ncontact,Member,checkbox,\ncontact,Nickname,text,\n";
    let files = approved(&[("contacts.csv", contacts), ("fields.csv", fields)]);
    let source = harvested(&files);
    let schema = source.describe().await.unwrap().schema;
    let contacts = schema.object(&"contacts".into()).unwrap();
    let types: Vec<_> = contacts.fields.values().filter(|field| field.custom).map(|field| field.ty.label()).collect();
    assert_eq!(types, ["option", "decimal", "date", "bool", "text"]);
    let good = one(&source, "contacts", "1").await;
    let values = ["cf_tier", "cf_score", "cf_birthday", "cf_member", "cf_nickname"].map(|field| text(&good, field));
    assert_eq!(values, ["Gold", "1.5", "2000-01-02", "true", "Al"]);
    let bad = one(&source, "contacts", "2").await;
    let mut doubts: Vec<_> = bad.doubts.iter().map(|doubt| (doubt.field.as_str(), doubt.line)).collect();
    doubts.sort();
    let line = Some(3);
    assert_eq!(doubts, [("cf_birthday", line), ("cf_member", line), ("cf_score", line), ("cf_tier", line)]);

    let unconfirmed = folder(&[("contacts.csv", "Contact ID,Tier\n1,Gold\n")]);
    let review = HarvestReview::of(unconfirmed.path()).unwrap();
    assert!(review.blocked());
    assert_eq!(review.files["contacts.csv"].custom, ["Tier"]);
    assert!(review.approve(unconfirmed.path(), "ada").is_err());
    let wrong = folder(&[("fields.csv", "Object,Field Name,Type\ndeal,Size,huge\nfish,X,text\n")]);
    let codes: Vec<_> = HarvestReview::of(wrong.path()).unwrap().problems.into_iter().map(|one| one.code).collect();
    assert_eq!(codes, ["unknown_type", "unknown_object"]);
}

const COMPANIES: &str = "Company Name,Domain,Industry,Size,Website,Company ID,Owner Email,Tags\n\
    Acme,www.acme.example,Tools,11-50,https://acme.example,,eve@us.example,VIP;vip\n\
    Borealis,borealis.example,Food,40,,cmp_4,,\n\
    Borealis,other.example,,,,,,\n";
const CONTACTS: &str = "First Name,Last Name,Email,Company,Title,Phone,LinkedIn URL,Notes,Contact ID,Owner Email,Tags\n\
    Bo,Cederlund,BO@borealis.example,,CEO,+46 70 1,,,c_4,eve@us.example,Hot Lead\n\
    Anna,Berg,\"\"\"Berg, Ann\"\" <ANN.BERG@acme.example>\",Acme,CTO,,,,,,hot-lead\n\
    New,Person,new@acme.example,Dynamo,,,,,,,\n\
    Dis,Puted,dis@x.example,Borealis,,,,,,,\n";

#[tokio::test]
async fn files_and_interface_make_one_set_without_duplicates() {
    let (simulator, clock) = simulator(KlipySimulator::builder()).await;
    let activities = "Activity ID,Type,Channel,Subject,Body,Direction,Occurred At,Duration Seconds,Contact Emails,Deal ID,Owner Email\n\
        int_6,call,Phone,,,,2025-03-06T09:55:00Z,300,farid@cirrus.example,,\n\
        ,email,Email,Re: offer,,,2025-03-01T09:55:30Z,,ann.berg@acme.example,,eve@us.example\n\
        ,message,WhatsApp,,Hi again,,2025-04-01T10:00:00Z,,elin@borealis.example,,\n";
    let files = approved(&[("companies.csv", COMPANIES), ("contacts.csv", CONTACTS), ("activities.csv", activities)]);
    let mut config = config(&simulator);
    config.harvest = Some(files.path().to_owned());
    let source = klipy(config, &clock);

    let companies = ids(&all(&source, "companies").await);
    assert_eq!(companies, ["cmp_1", "cmp_2", "cmp_3", "cmp_4", "cmp_5", "domain:other.example", "name:dynamo"]);
    let acme = one(&source, "companies", "cmp_1").await;
    assert_eq!(text(&acme, "name"), "Acme Tools", "the interface is believed");
    assert_eq!((text(&acme, "website"), text(&acme, "size")), ("https://acme.example".into(), "11-50".into()));
    assert_eq!(text(&acme, "owner"), "owners/eve@us.example");
    let codes = codes(&source, Severity::Warn).await;
    assert!(codes.contains(&"told_differently".to_owned()), "{codes:?}");

    let contacts = all(&source, "contacts").await;
    assert_eq!(contacts.items.len(), 11, "nine of the interface and two of the file");
    let bo = one(&source, "contacts", "c_4").await;
    assert_eq!((text(&bo, "job_title"), text(&bo, "phones")), ("CEO".into(), "+46 70 1".into()));
    let ann = one(&source, "contacts", "c_1").await;
    assert_eq!((text(&ann, "first_name"), text(&ann, "job_title")), ("Ann".into(), "CTO".into()));
    assert_eq!(text(&ann, "labels"), "hot-lead");
    assert_eq!(text(&one(&source, "contacts", "email:new@acme.example").await, "company"), "companies/name:dynamo");
    let doubtful = one(&source, "contacts", "email:dis@x.example").await;
    assert_eq!(doubtful.doubts.len(), 1);
    assert_eq!(doubtful.doubts[0].candidates.len(), 2, "two companies are called so");

    let counts = source.describe().await.unwrap().counts;
    assert_eq!([counts["emails"], counts["calls"], counts["tasks"]], [1, 1, 4]);
    assert_eq!(text(&one(&source, "calls", "int_6").await, "duration"), "300s");
    assert_eq!(text(&one(&source, "emails", "int_1").await, "owner"), "owners/u_1");
}

const DEALS: &str = "Deal ID,Deal Name,Value,Currency,Pipeline,Stage,Status,Company,Company Domain,Contact Emails,Owner Email,Created At,Expected Close Date,Tags\n\
    d1,One,1000,eur,,Prospecting,,Acme,,ann@acme.example;bo@acme.example,eve@us.example,2025-01-01T00:00:00Z,2025-06-01,\n\
    d2,Two,60000,EUR,,proposal,,,https://www.acme.example/,ann@acme.example,,,,\n\
    d3,Three,5,EUR,,Closed Won,,Nobody Inc,,nobody@x.example,,,,Partner\n\
    d3,Again,5,EUR,,Proposal,,,,,,,,\n\
    ,,5,EUR,,Proposal,,,,,,,,\n\
    d4,Four,5,Euro,,Proposal,maybe,,,,,,,\n";

#[tokio::test]
async fn deals_find_company_contacts_stage_and_pipeline() {
    let files = [
        ("companies.csv", "Company Name,Domain\nAcme,acme.example\n"),
        ("contacts.csv", "First Name,Email\nAnn,ann@acme.example\nBo,bo@acme.example\n"),
        ("deals.csv", DEALS),
        ("stages.csv", "Pipeline,Stage,Position,Outcome\n,Prospecting,1,\n,Proposal,2,\n,Closed Won,3,won\n"),
        (
            "notes.csv",
            "Note ID,Body,Is AI Draft,Draft Source,Contact Email,Deal ID,Author Email\nn1,Draft text,yes,Thread 7,ann@acme.example,d1,eve@us.example\nn2,,,,,,\n",
        ),
    ];
    let files = approved(&files);
    let mut config = KlipyConfig::harvested(files.path());
    let source = klipy(config.clone(), &Arc::new(JumpingClock::new()));
    let deals = all(&source, "deals").await;
    assert_eq!((deals.items.len(), deals.rejects.len(), deals.rows), (4, 2, 6));
    let d1 = one(&source, "deals", "d1").await;
    assert_eq!(text(&d1, "value"), "1000 EUR");
    assert_eq!((text(&d1, "stage"), text(&d1, "status")), ("Sales/Prospecting".into(), "open".into()));
    assert_eq!(text(&d1, "company"), "companies/domain:acme.example");
    assert_eq!(text(&d1, "contact"), "contacts/email:ann@acme.example");
    assert_eq!(text(&d1, "contacts"), "contacts/email:bo@acme.example");
    let d2 = one(&source, "deals", "d2").await;
    assert_eq!((text(&d2, "stage"), text(&d2, "company")), ("Sales/Proposal".into(), text(&d1, "company")));
    let d3 = one(&source, "deals", "d3").await;
    assert_eq!((text(&d3, "status"), text(&d3, "company")), ("won".into(), "companies/name:nobody inc".into()));
    assert_eq!(d3.doubts[0].field, "contact");
    let d4 = one(&source, "deals", "d4").await;
    let doubts: Vec<_> = d4.doubts.iter().map(|doubt| doubt.field.as_str()).collect();
    assert_eq!(doubts, ["value", "status"]);
    let note = one(&source, "notes", "n1").await;
    assert_eq!(text(&note, "body"), "Draft text\n\nAI draft, made from: Thread 7");
    assert_eq!(all(&source, "notes").await.rejects[0].code, "missing_body");

    config.spread = vec![
        SpreadRule { pipeline: "Partners".into(), tag: Some("partner".into()), ..SpreadRule::default() },
        SpreadRule { pipeline: "Enterprise".into(), from: Some(Decimal::from(50_000)), ..SpreadRule::default() },
    ];
    let source = klipy(config, &Arc::new(JumpingClock::new()));
    for (deal, stage) in [("d1", "Sales/Prospecting"), ("d2", "Enterprise/Proposal"), ("d3", "Partners/Closed Won")] {
        assert_eq!(text(&one(&source, "deals", deal).await, "stage"), stage);
    }
    let pipelines = ids(&all(&source, "pipelines").await);
    assert_eq!(pipelines, ["Enterprise", "Partners", "Sales"]);
    assert_eq!(all(&source, "stages").await.items.len(), 9);
}

#[tokio::test]
async fn rows_that_cannot_be_read_are_rejects_and_loose_interactions_go_where_told() {
    let contacts = "Contact ID,Email\n1,a@x.example\n2,b@x.example,more\n3,\"open\n";
    let activities = "Activity ID,Type,Body,Contact Emails\na1,Memo,Remember,a@x.example\na2,,,\na1,Memo,Twice,\n";
    let files = approved(&[("contacts.csv", contacts), ("activities.csv", activities), ("extra.csv", "x\n1\n")]);
    let source = harvested(&files);
    let page = all(&source, "contacts").await;
    let mut codes: Vec<_> = page.rejects.iter().map(|reject| (reject.code.as_str(), reject.line)).collect();
    codes.sort();
    assert_eq!(codes, [("ragged_row", Some(3)), ("unclosed_quote", Some(4))]);
    assert_eq!(text(&one(&source, "notes", "a1").await, "body"), "Remember");
    let mut config = KlipyConfig::harvested(files.path());
    config.loose_interactions = LooseInteractions::Tasks;
    let source = klipy(config, &Arc::new(JumpingClock::new()));
    assert_eq!(text(&one(&source, "tasks", "a1").await, "body"), "Remember");
    assert!(all(&source, "notes").await.items.is_empty());
    assert!(source.describe().await.unwrap().problems.iter().any(|problem| problem.code == "undeclared_file"));
}

#[tokio::test]
async fn times_without_a_zone_are_not_guessed_and_a_memo_of_both_is_one_note() {
    let (simulator, clock) = simulator(KlipySimulator::builder()).await;
    let activities = "Activity ID,Type,Body,Occurred At,Contact Emails,Owner Email\n\
        int_7,Memo,Other words,,,eve@us.example\nx1,Call,,2025-07-01 10:00,farid@cirrus.example,\n";
    let deals = "Deal ID,Deal Name,Expected Close Date\nd1,One,2025-07-01T10:00:00Z\n";
    let files = approved(&[("activities.csv", activities), ("deals.csv", deals)]);
    let mut config = config(&simulator);
    config.harvest = Some(files.path().to_owned());
    let source = klipy(config.clone(), &clock);
    let notes = all(&source, "notes").await;
    assert_eq!(ids(&notes), ["int_7"]);
    assert_eq!(
        (text(&notes.items[0], "body"), text(&notes.items[0], "author")),
        ("Prefers e-mail.".into(), "owners/u_1".into())
    );
    let call = one(&source, "calls", "x1").await;
    assert_eq!(call.doubts.iter().map(|doubt| doubt.field.as_str()).collect::<Vec<_>>(), ["start"]);
    assert_eq!(text(&one(&source, "deals", "d1").await, "expected_close_date"), "2025-07-01");
    config.time_zone = Some("Europe/Stockholm".to_owned());
    let source = klipy(config, &clock);
    assert_eq!(text(&one(&source, "calls", "x1").await, "start"), "2025-07-01T08:00:00Z");
}
