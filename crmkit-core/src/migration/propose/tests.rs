use super::super::audit::tests::audited;
use super::*;
use crate::Severity;

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
