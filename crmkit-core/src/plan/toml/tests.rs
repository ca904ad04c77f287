use proptest::prelude::*;

use crate::{
    Badge, FieldLine, FieldPlan, FieldType, Mapping, MatchPolicy, MatchRule, Overwrite, OwnerPlan, PipelinePlan, Plan,
    PlanEnd, Predicate, Question, SamplePlan, StagePlan, TransformCall,
};

/// A plan with something in every key.
fn full(odd: &str) -> Plan {
    let end = |kind: &str| PlanEnd { kind: kind.into(), instance: Some(odd.into()) };
    let line = |id: &str| FieldLine {
        id: id.into(),
        from: vec!["a".into(), odd.into()],
        to: "custom:x".into(),
        transforms: vec![
            TransformCall::bare("trim"),
            TransformCall::with("value_map", serde_json::json!({ odd: "x", "map": { odd: 1, "y": [1.5, true] } })),
        ],
        link: Some("companies".into()),
        unresolved: crate::Unresolved::Leave,
        required: true,
        overwrite: Overwrite::IfEmpty,
        badge: Some(Badge::ManyToOne),
        confidence: Some(0.9),
        reason: Some(odd.into()),
        origin: Some(odd.into()),
    };
    Plan {
        revision: 3,
        time_zone: Some("Europe/Oslo".into()),
        date_zone: Some("UTC".into()),
        currency: Some("EUR".into()),
        stop_when: 0.02,
        accept: vec![odd.into()],
        owners: OwnerPlan {
            fallback: Some("a@b.se".into()),
            unowned: Some(odd.into()),
            aliases: [(odd.to_owned(), "a@b.se".to_owned())].into_iter().collect(),
        },
        sample: SamplePlan { size: 5, keep: true, seed: 9 },
        questions: vec![Question {
            id: "q".into(),
            about: "/mappings/0".into(),
            text: odd.into(),
            choices: vec!["a".into(), odd.into()],
            answer: Some("a".into()),
        }],
        pipelines: vec![PipelinePlan {
            object: "deal".into(),
            name: odd.into(),
            use_existing: Some("1".into()),
            stages: vec![
                StagePlan { name: odd.into(), probability: Some(10) },
                StagePlan { name: "b".into(), probability: None },
            ],
        }],
        objects: vec![crate::ObjectPlan { id: odd.into(), name: odd.into(), use_existing: Some(odd.into()) }],
        items: vec![crate::ItemPlan {
            kind: crate::ItemKind::Filter,
            object: odd.into(),
            field: Some(odd.into()),
            names: vec![odd.into(), "b".into()],
            conditions: vec![crate::Predicate {
                field: odd.into(),
                one_of: vec![odd.into()],
                none_of: vec![],
                filled: Some(true),
            }],
        }],
        fields: vec![FieldPlan {
            id: "x".into(),
            object: "deal".into(),
            name: odd.into(),
            ty: FieldType::Text { max: Some(9) },
            options: vec![odd.into()],
            use_existing: Some("hash".into()),
        }],
        mappings: vec![
            Mapping {
                id: "deals".into(),
                from: "deals".into(),
                to: "deal".into(),
                when: Some(Predicate {
                    field: odd.into(),
                    one_of: vec![odd.into()],
                    none_of: vec!["b".into()],
                    filled: Some(true),
                }),
                exclude: vec![odd.into()],
                merge: [(odd.into(), "2".into())].into_iter().collect(),
                matching: Some(MatchRule { by: "name".into(), found: MatchPolicy::Update }),
                fields: vec![line("deals.a"), FieldLine { from: vec![], transforms: vec![], ..line("deals.b") }],
            },
            Mapping {
                id: "empty".into(),
                from: "x".into(),
                to: "y".into(),
                when: None,
                exclude: vec![],
                merge: Default::default(),
                matching: None,
                fields: vec![],
            },
        ],
        ..Plan::new(end("allegory"), end("pipedrive"))
    }
}

#[test]
fn comments_and_spelling_do_not_change_the_fingerprint() {
    let plan = full("odd");
    let from_toml = Plan::from_toml(&format!("# mine\n{}", plan.to_toml()), "p").unwrap();
    let from_json = Plan::from_json(&serde_json::to_string(&plan).unwrap(), "p").unwrap();
    assert_eq!(from_toml.fingerprint(), plan.fingerprint());
    assert_eq!(from_json.fingerprint(), plan.fingerprint());

    let mut told = plan.clone();
    told.mappings[0].fields[0].reason = None;
    told.mappings[0].fields[0].confidence = Some(0.1);
    told.mappings[0].fields[0].badge = Some(Badge::Lossy);
    assert_eq!(told.fingerprint(), plan.fingerprint());
    let mut changed = plan.clone();
    changed.mappings[0].fields[0].required = false;
    assert_ne!(changed.fingerprint(), plan.fingerprint());
    changed = plan.clone();
    changed.pipelines[0].stages.reverse();
    assert_ne!(changed.fingerprint(), plan.fingerprint());
}

#[test]
fn slips_are_located_with_a_remedy() {
    let good = full("odd").to_toml();
    let cases = [
        ("stop_when", "stop_wen", "unknown_key", "/stop_wen", "did you mean \"stop_when\"?"),
        (
            "overwrite = \"if_empty\"",
            "overwrite = \"if_emty\"",
            "wrong_value",
            "/mappings/0/fields/0/overwrite",
            "did you mean \"if_empty\"?",
        ),
        ("size = 5", "size = \"5\"", "wrong_type", "/sample/size", "write a whole number from 0 to 4294967295"),
        ("kind = \"allegory\"\n", "", "missing_key", "/source", "add it"),
        (
            "type = { text = { max = 9 } }",
            "type = \"decimall\"",
            "wrong_value",
            "/fields/0/type",
            "did you mean \"decimal\"?",
        ),
        (
            "\"trim\"",
            "4",
            "wrong_type",
            "/mappings/0/fields/0/transforms/0",
            "write a transform's name, or one name with its arguments: \"trim\", { truncate = 255 }",
        ),
        ("version = 1", "version = 2", "wrong_version", "/version", "read it with the crmkit that wrote it"),
    ];
    for (from, to, code, pointer, remedy) in cases {
        assert!(good.contains(from), "{from} in {good}");
        let text = good.replacen(from, to, 1);
        let problems = Plan::from_toml(&text, "plan.toml").expect_err(to);
        let found = &problems[0];
        assert_eq!((&*found.code, &*found.pointer, &*found.remedy), (code, pointer, remedy));
        assert_eq!(found.file.as_deref(), Some("plan.toml"));
        let line = text.lines().nth(found.line.expect("a line") as usize - 1).unwrap();
        assert!(to.is_empty() || line.contains(to), "{code}: {line}");
    }
}

#[test]
fn a_text_field_needs_no_braces() {
    let text = full("odd").to_toml().replacen("type = { text = { max = 9 } }", "type = \"text\"", 1);
    assert_eq!(Plan::from_toml(&text, "p").unwrap().fields[0].ty, FieldType::text());
}

#[test]
fn a_null_stands_for_an_absent_key() {
    let mut json = serde_json::to_value(full("odd")).unwrap();
    json["time_zone"] = serde_json::Value::Null;
    json["accept"] = serde_json::Value::Null;
    let plan = Plan::from_json(&json.to_string(), "p").unwrap();
    assert_eq!((plan.time_zone, plan.accept.len()), (None, 0));
}

proptest! {
    #[test]
    fn a_plan_reads_back_as_itself(odd in "\\PC{0,8}|[\\x00-\\x7f]{0,8}") {
        let plan = full(&odd);
        prop_assert_eq!(Plan::from_toml(&plan.to_toml(), "p"), Ok(plan.clone()));
        prop_assert_eq!(Plan::from_json(&plan.to_json(), "p"), Ok(plan));
    }
}
