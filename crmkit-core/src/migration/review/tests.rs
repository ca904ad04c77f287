use super::super::{audit::tests::audited, propose};
use super::*;
use crate::Predicate;

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
    assert_eq!(found.phases.iter().map(|phase| phase.writes).collect::<Vec<_>>(), [3, 3, 6]);
    assert_eq!(found.quiet, ["mails go out on import"]);
    let markdown = found.to_markdown();
    for part in ["Grade B", "9 of 20", "deals.title", "owner without a member", "mails go out"] {
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
