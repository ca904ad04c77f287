use super::{
    super::audit::{
        audit,
        tests::{Fixed, audited, messy},
    },
    *,
};
use crate::*;

fn blocking(plan: &Plan, audit: &Audit) -> Vec<String> {
    let problems = plan.check(&audit.source, &audit.destination, &Transforms::standard());
    let blocking = problems.into_iter().filter(|problem| problem.severity == Severity::Block);
    blocking.map(|problem| format!("{} {}", problem.code, problem.pointer)).collect()
}

#[tokio::test]
async fn a_proposal_lacks_only_answers() {
    let audit = audited().await;
    let mut plan = propose(&audit, &Transforms::standard());
    let codes = blocking(&plan, &audit);
    assert!(!codes.is_empty() && codes.iter().all(|code| code.starts_with("unanswered_question")), "{codes:#?}");
    let ids: Vec<String> = plan.questions.iter().map(|question| question.id.clone()).collect();
    assert_eq!(
        ids,
        [
            "merge.contacts",
            "stages.Sales",
            "deals.title",
            "deals.custom.deal_product.values",
            "owners.fallback",
            "left_behind"
        ]
    );
    plan.answer("merge.contacts", "yes").unwrap();
    plan.answer("stages.Sales", "yes").unwrap();
    plan.answer("deals.title", "{product} for {company_id|no account}").unwrap();
    plan.answer("deals.custom.deal_product.values", "yes").unwrap();
    plan.answer("owners.fallback", "ada@acme.com").unwrap();
    plan.answer("left_behind", "leave them behind").unwrap();
    assert_eq!(blocking(&plan, &audit), Vec::<String>::new(), "{}", plan.to_toml());
    assert_eq!(plan.owners.fallback.as_deref(), Some("ada@acme.com"));
    assert_eq!(plan.revision, 6);
    assert_eq!(Plan::from_toml(&plan.to_toml(), "p").as_ref(), Ok(&plan));
    assert_eq!(propose(&audit, &Transforms::standard()), propose(&audit, &Transforms::standard()));
}

#[tokio::test]
async fn lines_follow_meaning_and_say_why() {
    let audit = audited().await;
    let plan = propose(&audit, &Transforms::standard());
    let told: Vec<String> = plan
        .mappings
        .iter()
        .flat_map(|mapping| &mapping.fields)
        .map(|line| {
            let from: Vec<&str> = line.from.iter().map(|name| name.as_str()).collect();
            let calls: Vec<&str> = line.transforms.iter().map(|call| call.name.as_str()).collect();
            assert!(line.reason.is_some() && line.confidence.is_some() && line.badge.is_some());
            format!("{} <- {} {}", line.id, from.join("+"), calls.join(","))
        })
        .collect();
    let wanted = [
        "companies.owner_id <- owner_id ",
        "companies.parent <- parent_id ",
        "companies.name <- name ",
        "companies.custom.organization_source_id <- id ",
        "companies.custom.organization_sector <- sector ",
        "contacts.owner_id <- owner_id ",
        "contacts.org_id <- company_id ",
        "contacts.name <- first+last join",
        "contacts.emails <- emails email",
        "contacts.custom.person_source_id <- id ",
        "deals.owner_id <- owner_id ",
        "deals.stage_id <- stage value_map",
        "deals.status <- stage value_map",
        "deals.won_time <- stage+closed only_if,timestamp",
        "deals.close_time <- stage+closed only_if,timestamp",
        "deals.org_id <- company_id ",
        "deals.value <- amount ",
        "deals.title <- product+company_id template,truncate",
        "deals.custom.deal_source_id <- id ",
        "deals.custom.deal_product <- product value_map",
    ];
    assert_eq!(told, wanted);
    let deals = plan.mapping(&"deals".into()).unwrap();
    let line = |id: &str| deals.fields.iter().find(|line| line.id == id).unwrap();
    assert_eq!(line("deals.stage_id").transforms[0].arguments["Won"], "Sales/Engaging");
    assert_eq!(line("deals.status").transforms[0].arguments["Prospecting"], "open");
    assert_eq!(line("deals.custom.deal_product").transforms[0].arguments["map"]["GTXPro"], "GTX Pro");
    assert_eq!(line("deals.org_id").link, Some("companies".into()));
    let stages: Vec<&str> = plan.pipelines[0].stages.iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(stages, ["Prospecting", "Engaging"]);
}

#[tokio::test]
async fn a_no_takes_the_proposed_table_away() {
    let audit = audited().await;
    let mut plan = propose(&audit, &Transforms::standard());
    plan.answer("deals.custom.deal_product.values", "no").unwrap();
    let deals = plan.mapping(&"deals".into()).unwrap();
    let line = deals.fields.iter().find(|line| line.id == "deals.custom.deal_product").unwrap();
    assert_eq!(line.transforms, vec![]);
    let asked = plan.questions.iter().find(|question| question.id == "deals.custom.deal_product.values").unwrap();
    assert_eq!(asked.about, "", "what it was about is gone");
    plan.answer("none", "yes").expect_err("no such question");
    plan.answer("owners.fallback", "hold").unwrap();
    assert_eq!(plan.owners.fallback, None);
}

/// The messy export with one more object, or another destination.
async fn with(change: impl FnOnce(&mut Fixed)) -> Audit {
    let mut fixed = messy();
    change(&mut fixed);
    audit(&fixed, &fixed, &AuditOptions::default()).await.unwrap()
}

fn proposal(audit: &Audit) -> Plan {
    propose(audit, &Transforms::standard())
}

fn asked<'a>(plan: &'a Plan, id: &str) -> &'a Question {
    plan.questions.iter().find(|question| question.id == id).unwrap_or_else(|| panic!("{id} in {:#?}", plan.questions))
}

fn note() -> ObjectSchema {
    let link = |name: &str, to: &str, concept| FieldSchema::new(name, name, FieldType::link(to)).means(concept);
    ObjectSchema::new("note", "Note", ObjectConcept::Note)
        .with(FieldSchema::new("content", "Content", FieldType::Rich).means(FieldConcept::Body).required())
        .with(link("org_id", "organization", FieldConcept::Organization))
}

fn pets(fixed: &mut Fixed) {
    let pets = ObjectSchema::new("custom/pets", "Pets", ObjectConcept::CustomObject)
        .with(FieldSchema::new("breed", "Breed", FieldType::text()))
        .with(FieldSchema::new("age", "Age", FieldType::Int))
        .with(
            FieldSchema::new("company_id", "Company", FieldType::link("companies")).means(FieldConcept::Organization),
        );
    fixed.source.schema.objects.insert(pets.name.clone(), pets);
    fixed.records.push(
        Record::new(RecordRef::new("custom/pets", "1"))
            .with("breed", Value::text("Collie"))
            .with("age", Value::Int(4))
            .with("company_id", Value::link(RecordRef::new("companies", "c1"))),
    );
}

#[tokio::test]
async fn groups_of_duplicates_become_a_merge_map_that_a_person_confirms() {
    let audit = audited().await;
    let contacts = |plan: &Plan| plan.mapping(&"contacts".into()).unwrap().merge.clone();
    let mut plan = proposal(&audit);
    assert_eq!(contacts(&plan), indexmap::IndexMap::from([(RecordId::from("p2"), RecordId::from("p1"))]));
    assert!(asked(&plan, "merge.contacts").text.starts_with("2 records of Contacts share their e-mail address"));
    let mut kept = plan.clone();
    kept.answer("merge.contacts", "yes").unwrap();
    assert_eq!(contacts(&kept), contacts(&plan));
    plan.answer("merge.contacts", "no").unwrap();
    assert!(contacts(&plan).is_empty());
    // Somebody wrote the answer into the file, and left the map.
    kept.questions.iter_mut().find(|question| question.id == "merge.contacts").unwrap().answer = Some("no".into());
    let problems = kept.check(&audit.source, &audit.destination, &Transforms::standard());
    assert!(problems.iter().any(|problem| problem.code == "unapplied_answer"), "{problems:#?}");
}

#[tokio::test]
async fn what_the_destination_has_already_is_matched_and_only_filled_up() {
    let mut audit = with(|fixed| {
        let person = fixed.destination.schema.objects.get_mut("person").unwrap();
        let consent = FieldSchema::new("email_consent", "Email consent", FieldType::text());
        person.fields.insert(consent.name.clone(), consent);
        let contacts = fixed.source.schema.objects.get_mut("contacts").unwrap();
        let consent = FieldSchema::new("email_consent", "Email consent", FieldType::text());
        contacts.fields.insert(consent.name.clone(), consent);
        for record in fixed.records.iter_mut().filter(|record| record.key.object == "contacts") {
            record.fields.insert("email_consent".into(), Value::text("yes"));
        }
    })
    .await;
    assert_eq!(proposal(&audit).mappings[1].matching, None, "nothing is there");
    audit.existing.push("person".into());
    let mut plan = proposal(&audit);
    let people = &plan.mappings[1];
    assert_eq!(people.matching, Some(MatchRule { by: "emails".into(), found: MatchPolicy::Update }));
    let overwrite = |to: &str| people.fields.iter().find(|line| line.to == to).map(|line| line.overwrite);
    assert_eq!(overwrite("name"), Some(Overwrite::IfEmpty));
    assert_eq!(overwrite("email_consent"), Some(Overwrite::Never));
    plan.answer("matching.contacts", "link").unwrap();
    assert_eq!(plan.mappings[1].matching.as_ref().unwrap().found, MatchPolicy::Link);
}

#[tokio::test]
async fn a_custom_object_is_made_where_there_are_such_and_folded_where_not() {
    let folded = with(|fixed| {
        pets(fixed);
        let note = note();
        fixed.destination.abilities.insert("note".into(), Abilities::plain(Recovery::Nothing));
        fixed.destination.schema.objects.insert(note.name.clone(), note);
    })
    .await;
    let plan = proposal(&folded);
    let mapping = plan.mapping(&"custom_pets".into()).unwrap();
    let told: Vec<_> = mapping.fields.iter().map(|line| (line.to.as_str(), line.from.len(), line.badge)).collect();
    assert_eq!(
        (mapping.to.as_str(), &told[..]),
        ("note", &[("org_id", 1, Some(Badge::OneToOne)), ("content", 2, Some(Badge::Folded))][..])
    );
    assert!(asked(&plan, "fold.custom_pets").text.contains("1 records"));
    let problems = plan.check(&folded.source, &folded.destination, &Transforms::standard());
    let wrong: Vec<_> = problems.iter().filter(|problem| problem.code != "unanswered_question").collect();
    assert!(wrong.iter().all(|problem| problem.severity != Severity::Block), "{wrong:#?}");

    let made = with(|fixed| {
        pets(fixed);
        let mut schema = ObjectSchema::new("", "", None)
            .with(FieldSchema::new("name", "Name", FieldType::text()).means(FieldConcept::Name));
        schema.custom_fields = true;
        fixed.destination.custom_object = Some(CustomObject { schema, abilities: Abilities::plain(Recovery::Nothing) });
    })
    .await;
    let plan = proposal(&made);
    let objects: Vec<_> = plan.objects.iter().map(|object| (object.id.as_str(), object.name.as_str())).collect();
    assert_eq!(objects, [("products", "Products"), ("pets", "Pets")]);
    let mapping = plan.mapping(&"custom_pets".into()).unwrap();
    assert_eq!(mapping.to.as_str(), "custom:pets");
    assert!(
        plan.fields.iter().any(|field| field.object == "custom:pets" && field.name == "Breed"),
        "{:#?}",
        plan.fields
    );
    let problems = plan.check(&made.source, &made.destination, &Transforms::standard());
    let wrong: Vec<_> = problems.iter().filter(|problem| problem.code != "unanswered_question").collect();
    assert!(wrong.iter().all(|problem| problem.severity != Severity::Block), "{wrong:#?}");
}

#[tokio::test]
async fn web_visits_among_events_become_notes() {
    let audit = with(|fixed| {
        let events = ObjectSchema::new("events", "Events", ObjectConcept::Event)
            .with(FieldSchema::new("kind", "Kind", FieldType::Option).means(FieldConcept::Kind))
            .with(FieldSchema::new("text", "Text", FieldType::LongText).means(FieldConcept::Body));
        fixed.source.schema.objects.insert(events.name.clone(), events);
        for (id, kind) in ["Email open", "Page view", "Form submission", "Email open"].into_iter().enumerate() {
            let record = Record::new(RecordRef::new("events", &*id.to_string()));
            fixed.records.push(record.with("kind", Value::option(kind)).with("text", Value::text("x")));
        }
        let activity = ObjectSchema::new("activity", "Activity", ObjectConcept::Activity)
            .with(FieldSchema::new("subject", "Subject", FieldType::text()).means(FieldConcept::Subject));
        for object in [activity, note()] {
            fixed.destination.schema.objects.insert(object.name.clone(), object);
        }
    })
    .await;
    let plan = proposal(&audit);
    let told: Vec<_> = plan
        .mappings
        .iter()
        .filter(|mapping| mapping.from == "events")
        .map(|mapping| (mapping.id.as_str(), mapping.to.as_str(), mapping.when.clone().unwrap()))
        .collect();
    assert_eq!(
        told.iter().map(|(id, to, _)| (*id, *to)).collect::<Vec<_>>(),
        [("events", "activity"), ("events_notes", "note")]
    );
    assert_eq!(told[0].2.none_of, told[1].2.one_of);
    assert_eq!(told[1].2.one_of, ["Form submission", "Page view"]);
    let expected = crate::review(&plan, &audit, &Transforms::standard()).expected;
    let counted: u64 =
        expected.iter().filter(|known| known.mapping.as_str().starts_with("events")).map(|known| known.records).sum();
    assert_eq!(counted, 4, "each event goes one way");
}

#[tokio::test]
async fn labels_that_are_missing_are_made() {
    let audit = with(|fixed| {
        let labels = || FieldSchema::new("labels", "Labels", FieldType::Options).means(FieldConcept::Labels);
        fixed.source.schema.objects.get_mut("contacts").unwrap().fields.insert("labels".into(), labels());
        let mut there = labels();
        there.options = vec![OptionSchema { id: "1".into(), label: "VIP".into() }];
        fixed.destination.schema.objects.get_mut("person").unwrap().fields.insert("labels".into(), there);
        for record in fixed.records.iter_mut().filter(|record| record.key.object == "contacts") {
            let tags = ["vip", "newsletter"].map(Value::option);
            record.fields.insert("labels".into(), Value::List(tags.into()));
        }
    })
    .await;
    let plan = proposal(&audit);
    let [items] = &plan.items[..] else { panic!("{:#?}", plan.items) };
    assert_eq!(
        (items.kind, items.object.as_str(), &items.names[..]),
        (ItemKind::Label, "person", &["newsletter".to_owned()][..])
    );
}

#[tokio::test]
async fn types_that_clash_or_are_mostly_something_are_asked_about() {
    let audit = with(|fixed| {
        let custom = |ty| FieldSchema::new("renewal", "Renewal", ty).custom();
        fixed
            .source
            .schema
            .objects
            .get_mut("companies")
            .unwrap()
            .fields
            .insert("renewal".into(), custom(FieldType::text()));
        fixed
            .source
            .schema
            .objects
            .get_mut("contacts")
            .unwrap()
            .fields
            .insert("renewal".into(), custom(FieldType::Int));
        for number in 0..20 {
            let text = if number == 0 { "soon".to_owned() } else { format!("2024-01-{number:02}") };
            let record = Record::new(RecordRef::new("companies", &*format!("x{number}")));
            fixed.records.push(record.with("renewal", Value::text(text)));
        }
        fixed.records[5].fields.insert("renewal".into(), Value::Int(1));
    })
    .await;
    let plan = proposal(&audit);
    assert!(asked(&plan, "clash.renewal").text.contains("companies.renewal is text, contacts.renewal is int"));
    assert!(asked(&plan, "type.companies.renewal").text.starts_with("95.0 %"));
}

#[tokio::test]
async fn the_best_named_pair_wins_and_values_count() {
    let audit = with(|fixed| {
        let deal = fixed.destination.schema.objects.get_mut("deal").unwrap();
        let mut channel = FieldSchema::new("channel_x", "Channels", FieldType::Option);
        channel.options = ["web", "fair"].map(|id| OptionSchema { id: id.into(), label: id.into() }).into();
        deal.fields.insert("channel_x".into(), channel);
        let deals = fixed.source.schema.objects.get_mut("deals").unwrap();
        for name in ["channel", "channels"] {
            deals.fields.insert(name.into(), FieldSchema::new(name, name, FieldType::Option));
        }
        for record in fixed.records.iter_mut().filter(|record| record.key.object == "deals") {
            record.fields.insert("channel".into(), Value::option("web"));
            record.fields.insert("channels".into(), Value::option("fair"));
        }
    })
    .await;
    let plan = proposal(&audit);
    let line = plan.mappings[2].fields.iter().find(|line| line.to == "channel_x").unwrap();
    assert_eq!(line.from, [FieldName::from("channels")], "the same name before a like one");
    assert!(line.reason.as_deref().unwrap().contains("100 % of the values are among its options"));
    assert!(line.confidence > Some(0.8));
}

#[tokio::test]
async fn every_line_is_explained_in_the_file() {
    let plan = proposal(&audited().await);
    let text = plan.to_toml();
    assert!(text.contains("# stage to stage_id, through value_map (90 % sure)\n[[mappings.fields]]"), "{text}");
    assert!(text.contains("# company_id to org_id, as a link to what companies writes (98 % sure)"));
    assert_eq!(text.matches("\n[[mappings.fields]]").count(), text.matches("% sure)\n[[mappings.fields]]").count());
}
