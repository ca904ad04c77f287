use proptest::prelude::*;

use super::*;
use crate::{LinkCarrier, ObjectSchema, PlanEnd, Schema};

/// Mappings `0`, `1`, … with links (from, to, required), and a destination with a field for each.
fn plan(count: usize, links: &[(usize, usize, bool)]) -> (Plan, Destination) {
    let end = || PlanEnd { kind: "mock".into(), instance: None };
    let mut plan = Plan::new(end(), end());
    let mut schema: Vec<ObjectSchema> = Vec::new();
    for at in 0..count {
        let mut object = ObjectSchema::new(format!("o{at}"), "", None);
        let mut fields = Vec::new();
        for (place, (_, to, required)) in links.iter().enumerate().filter(|(_, (from, _, _))| *from == at) {
            let mut field = FieldSchema::new(format!("f{place}"), "", FieldType::link(format!("o{to}")));
            field.required = *required;
            object = object.with(field);
            fields.push(FieldLine {
                id: format!("{at}.{place}"),
                from: vec!["x".into()],
                to: format!("f{place}"),
                transforms: vec![],
                link: Some(to.to_string().into()),
                unresolved: Default::default(),
                required: false,
                overwrite: Default::default(),
                badge: None,
                confidence: None,
                reason: None,
                origin: None,
            });
        }
        schema.push(object);
        plan.mappings.push(Mapping {
            id: at.to_string().into(),
            from: format!("s{at}").into(),
            to: format!("o{at}").into(),
            when: None,
            exclude: vec![],
            merge: Default::default(),
            matching: None,
            fields,
        });
    }
    let destination = Destination {
        kind: "mock".into(),
        account: "1".into(),
        schema: Schema::from_iter(schema),
        abilities: Default::default(),
        users: vec![],
        items: vec![],
        permissions: Default::default(),
        caps: Default::default(),
        gotchas: vec![],
        equivalents: Default::default(),
        custom_object: None,
        costs: Default::default(),
        allowance: None,
        quiet: Default::default(),
    };
    (plan, destination)
}

/// `"W 0 1 | L 0:0.2"`: what the phases do.
fn told(phases: &[PhasePlan]) -> String {
    let of = |phase: &PhasePlan| match phase.task {
        PhaseTask::Write => format!("W {}", phase.mappings.iter().map(|id| id.as_str()).collect::<Vec<_>>().join(" ")),
        PhaseTask::Link => {
            let lines: Vec<&str> = phase.lines.values().flatten().map(String::as_str).collect();
            format!("L {}", lines.join(" "))
        }
    };
    phases.iter().map(of).collect::<Vec<_>>().join(" | ")
}

#[test]
fn phases_follow_the_links() {
    type Links = &'static [(usize, usize, bool)];
    let cases: [(usize, Links, &str); 8] = [
        (2, &[], "W 0 1"),
        (3, &[(1, 0, false), (2, 1, true)], "W 0 | W 1 | W 2"),
        (3, &[(1, 0, false), (2, 0, false)], "W 0 | W 1 2"),
        (1, &[(0, 0, false)], "W 0 | L 0.0"),
        (2, &[(0, 1, false), (1, 0, false)], "W 0 | W 1 | L 0.0"),
        (2, &[(0, 1, true), (1, 0, false)], "W 1 | W 0 | L 1.1"),
        (2, &[(0, 1, false), (0, 1, false), (1, 0, false)], "W 1 | W 0 | L 1.2"),
        (3, &[(0, 1, false), (1, 2, false), (2, 0, false)], "W 0 | W 2 | W 1 | L 0.0"),
    ];
    for (count, links, wanted) in cases {
        let (plan, destination) = plan(count, links);
        let phases = plan.phases(&destination).unwrap();
        assert_eq!(told(&phases), wanted, "{links:?}");
        assert!(phases.iter().enumerate().all(|(at, phase)| usize::from(phase.index) == at));
    }
}

#[test]
fn a_circle_of_required_links_is_named() {
    for (links, path) in
        [(&[(0, 1, true), (1, 2, true), (2, 0, true)][..], "0 → 1 → 2 → 0"), (&[(1, 1, true)][..], "1 → 1")]
    {
        let (plan, destination) = plan(3, links);
        let problem = plan.phases(&destination).expect_err("a circle");
        assert!(problem.message.ends_with(path), "{}", problem.message);
    }
}

#[test]
fn a_link_that_is_a_record_of_its_own_waits() {
    let (plan, mut destination) = plan(2, &[(1, 0, true)]);
    let field = destination.schema.objects["o1"].fields.get_mut("f0").unwrap();
    field.carrier =
        Some(LinkCarrier { object: "relation".into(), from: "a".into(), to: "b".into(), constants: vec![] });
    assert_eq!(told(&plan.phases(&destination).unwrap()), "W 0 1 | L 1.0");
    assert_eq!(plan.deferred(&destination, &"1".into()).unwrap(), BTreeSet::from(["1.0".to_owned()]));
}

proptest! {
    #[test]
    fn what_does_not_wait_is_written_before(
        links in proptest::collection::vec((0..7_usize, 0..7_usize, proptest::bool::weighted(0.2)), 0..16),
    ) {
        let (plan, destination) = plan(7, &links);
        let Ok(phases) = plan.phases(&destination) else { return Ok(()) };
        prop_assert_eq!(&phases, &plan.phases(&destination).unwrap());
        let written = |id: usize| {
            let id = id.to_string();
            phases.iter().position(|phase| {
                phase.task == PhaseTask::Write && phase.mappings.iter().any(|mapping| *mapping == id.as_str())
            })
        };
        for (place, (from, to, required)) in links.iter().enumerate() {
            let line = format!("{from}.{place}");
            let linked = phases.iter().position(|phase| phase.lines.values().flatten().any(|id| *id == line));
            match linked {
                Some(phase) => {
                    prop_assert!(!required);
                    prop_assert!(Some(phase) > written(*from) && Some(phase) > written(*to));
                }
                None => prop_assert!(written(*to) < written(*from), "{}", line),
            }
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn large_circles_end(links in proptest::collection::vec((0..25_usize, 0..25_usize, Just(false)), 100..200)) {
        let (plan, destination) = plan(25, &links);
        prop_assert!(plan.phases(&destination).is_ok());
    }
}
