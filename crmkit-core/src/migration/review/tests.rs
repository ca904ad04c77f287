use super::super::{audit::tests::audited, propose};
use super::*;
use crate::{Badge, FieldName, ItemKind, Predicate};

#[tokio::test]
async fn a_review_tells_what_will_happen() {
    let audit = audited().await;
    let transforms = Transforms::standard();
    let mut plan = propose(&audit, &transforms);
    assert!(review(&plan, &audit, &transforms).blocked(), "questions are open");
    for question in plan.questions.clone() {
        let answer = if question.about == "/owners/fallback" { "hold" } else { question.choices[0].as_str() };
        plan.answer(&question.id, answer).unwrap();
    }
    let found = review(&plan, &audit, &transforms);
    assert!(!found.blocked(), "{:#?}", found.problems);
    assert_eq!((found.grade.letter, found.grade.reason.as_str()), ('B', "3 of 8 kinds of objects need a mapping"));
    assert_eq!((found.one_to_one, found.lines), (9, 20));
    let deals = found.expected.iter().find(|known| known.mapping == "deals").unwrap();
    assert_eq!((deals.records, deals.held.get("owner without a member")), (4, Some(&4)));
    assert_eq!(found.left_behind, IndexMap::from([("products".into(), 1)]));
    let kinds = |kind| found.items.iter().filter(|item| item.kind == kind).count();
    assert_eq!((kinds(ItemKind::Pipeline), kinds(ItemKind::Stage), kinds(ItemKind::Field)), (1, 2, 5));
    assert_eq!((found.custom_fields, found.custom_field_cap), (5, Some(30)));
    assert_eq!(found.phases.iter().map(|phase| phase.writes).collect::<Vec<_>>(), [3, 3, 5]);
    assert_eq!(found.gotchas[..2], ["stages are not shared", "mails go out on import"]);
    let markdown = found.to_markdown();
    for part in ["Grade B", "9 of 20", "deals.title", "owner without a member", "mails go out", "API constraints"] {
        assert!(markdown.contains(part), "{part} in {markdown}");
    }
    let json = serde_json::to_string(&found).unwrap();
    assert_eq!(serde_json::from_str::<Review>(&json).unwrap(), found);
}

#[tokio::test]
async fn conditions_and_tables_are_counted() {
    let audit = audited().await;
    let transforms = Transforms::standard();
    let mut plan = propose(&audit, &transforms);
    let deals = plan.mappings.iter_mut().find(|mapping| mapping.id == "deals").unwrap();
    let stage = |one_of: &[&str]| Predicate {
        field: "stage".into(),
        one_of: one_of.iter().map(|text| (*text).to_owned()).collect(),
        none_of: vec![],
        filled: None,
    };
    deals.when = Some(stage(&["Won", "Lost"]));
    deals.exclude.push("d2".into());
    let line = deals.fields.iter_mut().find(|line| line.to == "stage_id").unwrap();
    line.transforms[0].arguments.as_object_mut().unwrap().remove("Lost");
    let found = review(&plan, &audit, &transforms);
    let deals = found.expected.iter().find(|known| known.mapping == "deals").unwrap();
    assert_eq!((deals.records, deals.exact, deals.written()), (2, true, 1));
    assert_eq!(deals.held["value not in the table of deals.stage_id"], 1);
}

/// A plan with all its questions answered, and its audit.
async fn answered() -> (Plan, Audit) {
    let audit = audited().await;
    let mut plan = propose(&audit, &Transforms::standard());
    for question in plan.questions.clone() {
        let answer = if question.about == "/owners/fallback" { "hold" } else { question.choices[0].as_str() };
        plan.answer(&question.id, answer).unwrap();
    }
    (plan, audit)
}

fn reviewed(plan: &Plan, audit: &Audit) -> Review {
    review(plan, audit, &Transforms::standard())
}

#[tokio::test]
async fn problems_say_which_document_they_point_into() {
    let (mut plan, audit) = answered().await;
    plan.time_zone = Some("Mars".into());
    let found = reviewed(&plan, &audit);
    let place = |code: &str| {
        let problem = found.problems.iter().find(|problem| problem.code == code).expect(code);
        (problem.file.as_deref(), problem.pointer.as_str(), problem.severity)
    };
    assert_eq!(place("unknown_time_zone"), (None, "/time_zone", Severity::Block));
    assert_eq!(place("parent_cycle"), (Some("audit"), "/objects/companies/in_cycles", Severity::Hold));
    assert_eq!(place("too_many_held"), (None, "/mappings/0", Severity::Warn), "two of three companies are in a circle");
    let severities: Vec<Severity> = found.problems.iter().map(|problem| problem.severity).collect();
    assert!(severities.is_sorted_by(|a, b| a >= b), "the gravest first");
}

#[tokio::test]
async fn costs_come_from_counts_and_prices() {
    use crate::{AllowanceWindow, CostUnit, ObjectCost, Price};
    let (mut plan, mut audit) = answered().await;
    plan.sample.size = 4;
    let unknown = reviewed(&plan, &audit);
    assert_eq!((unknown.efforts.days, unknown.phases[0].cost.minutes), (None, None), "no limit is invented");
    let cost = ObjectCost {
        create: Price::tokens(5),
        update: Price::tokens(5),
        read: Price::tokens(10),
        read_batch: 2,
        remove: Price::tokens(3),
    };
    for object in ["organization", "person", "deal"] {
        audit.destination.costs.insert(object.into(), cost);
    }
    audit.destination.costs.insert("relationship".into(), ObjectCost { create: Price::tokens(10), ..cost });
    let windows = vec![
        AllowanceWindow { unit: CostUnit::Calls, amount: 1, seconds: 60 },
        AllowanceWindow { unit: CostUnit::Tokens, amount: 60, seconds: 86_400 },
    ];
    audit.destination.allowance = Some(crate::Allowance { windows, published: true });
    let found = reviewed(&plan, &audit);
    let told: Vec<_> = found.phases.iter().map(|phase| (phase.writes, phase.cost.calls, phase.cost.tokens)).collect();
    assert_eq!(
        told,
        [(3, 3, 15), (3, 3, 30), (5, 5, 25)],
        "companies, their parents as records of their own, the rest"
    );
    assert_eq!(found.phases[0].cost.minutes, Some(3));
    assert_eq!((found.efforts.reconcile.calls, found.efforts.reconcile.tokens), (2 + 1 + 2, 50));
    assert_eq!((found.efforts.rollback.calls, found.efforts.rollback.tokens), (8, 24));
    assert_eq!(found.efforts.prepare.calls, found.items.len() as u64);
    let all = [found.efforts.prepare, found.efforts.sample, found.efforts.run, found.efforts.reconcile];
    assert_eq!(found.efforts.total.tokens, all.iter().map(|effort| effort.tokens).sum::<u64>());
    assert_eq!(found.efforts.days, Some(found.efforts.total.tokens.div_ceil(60)));
    assert!(found.problems.iter().any(|problem| problem.code == "several_days"));
    let factor = found.grade.factors.iter().find(|factor| factor.kind == FactorKind::Limits).unwrap();
    assert_eq!(factor.weight, FactorWeight::Heavy);
    assert!(found.to_markdown().contains("spread it over"));
    plan.sample.keep = true;
    assert!(reviewed(&plan, &audit).efforts.sample.tokens < found.efforts.sample.tokens, "nothing is removed again");
}

#[tokio::test]
async fn the_grade_has_five_factors_and_steps_up() {
    let (plan, mut audit) = answered().await;
    let found = reviewed(&plan, &audit);
    let kinds: Vec<FactorKind> = found.grade.factors.iter().map(|factor| factor.kind).collect();
    use FactorKind as K;
    assert_eq!(kinds, [K::Objects, K::Fields, K::Timeline, K::Limits, K::Volume]);
    assert!(found.grade.factors[1].finding.contains("until the sample confirms"));
    let options = ReviewOptions { large: 5, ..ReviewOptions::default() };
    let large = review_with(&plan, &audit, &Transforms::standard(), &options);
    assert_eq!((found.grade.letter, large.grade.letter), ('B', 'C'));
    assert!(large.problems.iter().any(|problem| problem.code == "large"));
    assert_eq!(large.timeline.label(), "1-2 weeks");
    audit.objects.values_mut().for_each(|object| object.records = 0);
    assert_eq!(reviewed(&plan, &audit).grade.letter, 'B', "A, but nothing is confirmed");
}

#[tokio::test]
async fn objects_that_simply_go_over_are_counted() {
    let (mut plan, audit) = answered().await;
    let fits = |found: &Review| {
        let each = found.compatibility.each.iter().map(|fit| (fit.object.to_string(), fit.badge)).collect::<Vec<_>>();
        (found.compatibility.one_to_one, found.compatibility.objects, each)
    };
    let (simple, all, each) = fits(&reviewed(&plan, &audit));
    assert_eq!((simple, all), (4, 5));
    assert_eq!(each[3], ("products".to_owned(), None), "it stays behind");
    let mut second = plan.mappings[2].clone();
    second.id = "deals_again".into();
    plan.mappings.push(second);
    assert_eq!(fits(&reviewed(&plan, &audit)).2[4], ("deals".to_owned(), Some(Badge::OneToMany)));
}

#[tokio::test]
async fn owners_who_wait_are_told_first_with_their_records() {
    let (mut plan, audit) = answered().await;
    let told = |plan: &Plan| {
        let owners = reviewed(plan, &audit).owners;
        let each = owners.owners.iter().map(|owner| (owner.owner.clone(), owner.records, owner.outcome));
        (owners.held, each.collect::<Vec<_>>())
    };
    let matched = ("u1".to_owned(), 4, OwnerOutcome::Matched);
    assert_eq!(told(&plan), (5, vec![("u2".to_owned(), 5, OwnerOutcome::Held), matched.clone()]));
    plan.owners.fallback = Some("ada@acme.com".into());
    assert_eq!(told(&plan), (0, vec![("u2".to_owned(), 5, OwnerOutcome::Fallback), matched]));
    let redacted = serde_json::to_string(&reviewed(&plan, &audit).redacted()).unwrap();
    assert!(!redacted.contains("bob@old.example") && !redacted.contains("\"u2\""), "{redacted}");
}

#[tokio::test]
async fn what_may_start_by_itself_is_asked_before_the_approval() {
    let mut audit = audited().await;
    audit.destination.quiet.insert("deal".into(), vec!["automations".into(), "webhooks".into()]);
    audit.destination.quiet.insert("note".into(), vec!["mails".into()]);
    let mut plan = propose(&audit, &Transforms::standard());
    let found = reviewed(&plan, &audit);
    let told: Vec<_> = found.quiet.iter().map(|item| (item.object.as_str(), item.what.as_str())).collect();
    assert_eq!(told, [("deal", "automations"), ("deal", "webhooks")], "notes are not written");
    assert!(found.blocked() && found.quiet[0].answer.is_none());
    plan.answer("quiet", "they are switched off").unwrap();
    assert_eq!(reviewed(&plan, &audit).quiet[0].answer.as_deref(), Some("they are switched off"));
}

#[tokio::test]
async fn caps_of_records_are_compared() {
    let (plan, mut audit) = answered().await;
    audit.destination.caps.insert("open_deals".into(), 3);
    audit.destination.caps.insert("contacts".into(), 2);
    let found = reviewed(&plan, &audit);
    let cap: Vec<_> = found.problems.iter().filter(|problem| problem.code == "cap_exceeded").collect();
    assert_eq!(cap.len(), 1, "two contacts fit, four deals do not");
    assert!(cap[0].message.starts_with("4 records count towards open deals"));
}

#[tokio::test]
async fn the_schema_diff_says_how_each_value_gets_there() {
    let (mut plan, audit) = answered().await;
    plan.mappings[2].fields.retain(|line| line.to != "title");
    let found = reviewed(&plan, &audit);
    let deals = &found.diff[2];
    let line = |id: &str| deals.lines.iter().find(|line| line.line == id).unwrap();
    let stage = line("deals.stage_id");
    assert_eq!((stage.kind, stage.filled), (LineKind::ValueMap, 4));
    assert_eq!(line("deals.owner_id").kind, LineKind::Owner);
    assert_eq!(line("deals.org_id").kind, LineKind::Link);
    assert_eq!(line("deals.custom.deal_product").kind, LineKind::CustomField);
    assert_eq!((line("deals.value").kind, line("deals.value").to_type.as_deref()), (LineKind::Direct, Some("money")));
    assert_eq!(deals.unfilled, [FieldName::from("title")]);
}

#[tokio::test]
async fn the_time_follows_what_people_have_to_do() {
    use crate::{ObjectConcept, ObjectSchema, Permission};
    let (mut plan, mut audit) = answered().await;
    let told = |plan: &Plan, audit: &Audit| reviewed(plan, audit).timeline.label();
    assert_eq!(told(&plan, &audit), "48-72 h", "an owner has to be invited");
    plan.owners.fallback = Some("ada@acme.com".into());
    assert_eq!(told(&plan, &audit), "24-72 h");
    audit.destination.permissions.insert("pipelines".into(), Permission::No);
    assert_eq!(told(&plan, &audit), "48-72 h", "pipelines have to be made by hand");
    let segments = ObjectSchema::new("segments", "Segments", ObjectConcept::Segment);
    audit.source.schema.objects.insert("segments".into(), segments);
    let found = crate::ObjectAudit { records: 9, ..Default::default() };
    audit.objects.insert("segments".into(), found);
    let found = reviewed(&plan, &audit);
    assert_eq!(found.timeline.label(), "3-5 weeks", "segments are rebuilt from a guide");
    let fit = found.compatibility.each.iter().find(|fit| fit.object == "segments").unwrap();
    assert_eq!(fit.badge, Some(Badge::GuideOnly));
}
