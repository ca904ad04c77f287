//! What becomes of profiles: types, contradictions, tags, consents, companies and deals, segments and flows.

use crmkit_core::{FieldType, Severity, SourceConnector, Value as V};
use crmkit_sources::apsis_one::{AttributeType, TagNames, simulator::AttributeKeys};
use serde_json::{Map, Value, json};

use super::world::{MAIN, SHOP, World, all, attribute, consent, doubt, profile, record, text};

const FIRST: &str = "com.apsis1.attributes.firstname";

/// An account of two sections that define these attributes under the same names.
fn account(names: &[(&str, &str)], profiles: Value) -> Value {
    let attributes = |from: u32, mark: &str| -> Vec<Value> {
        names
            .iter()
            .zip((from..).step_by(2))
            .map(|((slug, name), number)| attribute(&format!("{slug}-{mark}"), name, number))
            .collect()
    };
    json!({
        "sections": [
            { "discriminator": MAIN, "name": "Main", "attributes": attributes(500, "aaaaaaaaaa") },
            { "discriminator": SHOP, "name": "Webshop", "attributes": attributes(1_500, "bbbbbbbbbb") },
        ],
        "profiles": profiles,
    })
}

fn main(slug: &str) -> String {
    format!("usercreated.attributes.{slug}-aaaaaaaaaa")
}

fn shop(slug: &str) -> String {
    format!("usercreated.attributes.{slug}-bbbbbbbbbb")
}

fn attributes(values: &[(String, Value)]) -> Value {
    json!({ "attributes": values.iter().cloned().collect::<Map<_, _>>() })
}

#[tokio::test]
async fn types_are_told_by_data_whatever_shape_it_comes_in() {
    let names = [
        ("tier", "Customer tier"),
        ("points", "Points"),
        ("share", "Share"),
        ("since", "Member since"),
        ("vip", "VIP"),
        ("login", "Last login"),
        ("topics", "Interests"),
        ("sizes", "Sizes"),
    ];
    let one = attributes(&[
        (main("tier"), json!("Gold")),
        (main("points"), json!(7)),
        (main("share"), json!(0.25)),
        (main("since"), json!("2020-02-29")),
        (main("vip"), json!(true)),
        (main("login"), json!("2026-01-02T03:04:05Z")),
        (main("topics"), json!("Golf; Wine")),
        (main("sizes"), json!(["S", "M"])),
    ]);
    let two = attributes(&[(main("topics"), json!("Wine")), (main("sizes"), json!(["M"])), (main("share"), json!(3))]);
    let three = attributes(&[(main("topics"), json!("Golf;Wine")), (main("tier"), json!("Silver"))]);
    let profiles = json!({
        "x1": profile("a@example.org", &[(MAIN, one)]),
        "x2": profile("b@example.org", &[(MAIN, two)]),
        "x3": profile("c@example.org", &[(MAIN, three)]),
    });
    for keys in [AttributeKeys::Version, AttributeKeys::Discriminator] {
        for (map, property) in [(true, ""), (false, "data_type")] {
            let world = World::of(account(&names, profiles.clone())).await;
            world.simulator.set_switches(|switches| {
                switches.attribute_keys = keys;
                switches.tags_as_map = map;
                switches.type_property = property.to_owned();
            });
            let source = world.source();
            let described = source.describe().await.unwrap();
            let fields = &described.schema.objects["profiles"].fields;
            let types = [
                ("customer_tier", FieldType::text()),
                ("points", FieldType::Int),
                ("share", FieldType::Decimal),
                ("member_since", FieldType::Date),
                ("vip", FieldType::Bool),
                ("last_login", FieldType::Timestamp),
                ("interests", FieldType::Options),
                ("sizes", FieldType::Options),
            ];
            for (field, ty) in types {
                assert_eq!(fields[field].ty, ty, "{field}");
            }
            let options: Vec<&str> = fields["interests"].options.iter().map(|option| option.label.as_str()).collect();
            assert_eq!(options, ["Golf", "Wine"]);
            let records = all(&source, "profiles").await;
            let first = record(&records, "x1");
            let values = [
                ("customer_tier", "Gold"),
                ("points", "7"),
                ("share", "0.25"),
                ("member_since", "2020-02-29"),
                ("vip", "true"),
                ("last_login", "2026-01-02T03:04:05Z"),
                ("interests", "Golf; Wine"),
                ("sizes", "S; M"),
                ("sections", "Main"),
                ("export_key", "x1"),
            ];
            for (field, value) in values {
                assert_eq!(text(first, field), value, "{field}");
            }
            assert_eq!(first.doubts, []);
        }
    }
}

#[tokio::test]
async fn one_name_in_two_sections_is_one_field_unless_the_types_differ() {
    let names = [("tier", "Customer tier"), ("score", "Score")];
    let profiles = json!({
        "x1": profile("a@example.org", &[
            (MAIN, attributes(&[(main("tier"), json!("Gold")), (main("score"), json!(7))])),
            (SHOP, attributes(&[(shop("tier"), json!("Gold"))])),
        ]),
        "x2": profile("b@example.org", &[(SHOP, attributes(&[(shop("tier"), json!("Silver")), (shop("score"), json!("high"))]))]),
        "x3": profile("c@example.org", &[(SHOP, attributes(&[(shop("tier"), json!("Silver"))]))]),
    });
    let world = World::of(account(&names, profiles)).await;
    let source = world.source();
    let described = source.describe().await.unwrap();
    let names: Vec<&str> = described.schema.objects["profiles"].fields.keys().map(|name| name.as_str()).collect();
    assert_eq!(names.iter().filter(|name| name.contains("tier")).count(), 1, "{names:?}");
    let problem = described.problems.iter().find(|problem| problem.code == "attribute_types_differ").unwrap();
    assert_eq!(problem.severity, Severity::Hold);
    assert!(problem.message.contains("whole numbers in Main, text in Webshop"), "{problem}");
    let records = all(&source, "profiles").await;
    assert_eq!(text(record(&records, "x2"), "customer_tier"), "Silver");
    for held in ["x1", "x2"] {
        assert!(doubt(record(&records, held), "score").unwrap().contains("disagree"), "{held}");
    }
    assert_eq!(doubt(record(&records, "x3"), "score"), None, "who has no value need not wait");

    // A person decides.
    let source = world.source_with(|config| {
        config.attribute_types.insert("Score".to_owned(), AttributeType::Text);
    });
    let described = source.describe().await.unwrap();
    assert!(described.problems.iter().all(|problem| problem.code != "attribute_types_differ"));
    let records = all(&source, "profiles").await;
    assert_eq!(text(record(&records, "x1"), "score"), "7");
    assert_eq!(text(record(&records, "x2"), "score"), "high");
    let source = world.source_with(|config| {
        config.attribute_types.insert("Score".to_owned(), AttributeType::Int);
    });
    let records = all(&source, "profiles").await;
    assert_eq!(text(record(&records, "x1"), "score"), "7");
    assert_eq!(doubt(record(&records, "x2"), "score"), Some("a value is not of the kind whole numbers"));
}

#[tokio::test]
async fn different_values_in_two_sections_wait_unless_one_section_counts() {
    let named =
        |name: &str, email: &str| json!({ "attributes": { FIRST: name, "com.apsis1.attributes.email": email } });
    let profiles = json!({
        "x1": profile("", &[(MAIN, named("Ann", "Ann@Example.org")), (SHOP, named("Anna", "anna@example.org"))]),
        "x2": profile("", &[(MAIN, named("Bo", "bo@example.org")), (SHOP, named("Bo", "BO@example.org"))]),
        "x3": profile("", &[(MAIN, json!({ "attributes": { FIRST: "Cy", "com.apsis1.attributes.mobile": 46_701_234_567_u64 } }))]),
    });
    let world = World::of(account(&[], profiles)).await;
    let records = all(&world.source(), "profiles").await;
    let ann = record(&records, "x1");
    assert_eq!(doubt(ann, "first_name"), Some("sections hold different values"));
    assert_eq!(text(ann, "email"), "ann@example.org; anna@example.org", "several addresses are several addresses");
    assert_eq!(text(record(&records, "x2"), "email"), "bo@example.org");
    assert_eq!(text(record(&records, "x2"), "sections"), "Main; Webshop");
    let cy = record(&records, "x3");
    assert_eq!(doubt(cy, "email"), Some("the profile has no e-mail address"), "held, not dropped");
    assert_eq!(text(cy, "mobile"), "+46701234567");
    let source = world.source_with(|config| {
        config.first_section_wins = true;
        config.sections = vec!["Webshop".to_owned(), "Main".to_owned()];
    });
    let records = all(&source, "profiles").await;
    assert_eq!(
        (text(record(&records, "x1"), "first_name"), &*record(&records, "x1").doubts),
        ("Anna".to_owned(), &[][..])
    );
}

#[tokio::test]
async fn a_value_under_an_old_version_counts_where_there_is_no_other() {
    let old = |slug: &str, value: &str, also: Option<&str>| {
        let mut data = json!({ "attributes": {}, "deprecated": { "500": value } });
        if let Some(also) = also {
            data["attributes"][main(slug)] = json!(also);
        }
        data
    };
    let profiles = json!({
        "x1": profile("a@example.org", &[(MAIN, old("tier", "Bronze", None))]),
        "x2": profile("b@example.org", &[(MAIN, old("tier", "Bronze", Some("Gold")))]),
    });
    let world = World::of(account(&[("tier", "Customer tier")], profiles)).await;
    let records = all(&world.source(), "profiles").await;
    assert_eq!(text(record(&records, "x1"), "customer_tier"), "Bronze");
    assert_eq!(text(record(&records, "x2"), "customer_tier"), "Gold");
}

#[tokio::test]
async fn tags_become_labels_and_rare_ones_are_told() {
    let mut account = account(&[], json!({}));
    let tag = |slug: &str, name: &str| json!({ "discriminator": format!("usercreated.tags.{slug}"), "name": name });
    account["sections"][0]["tags"] = json!([tag("sale-1", "Summer sale"), tag("loyal-1", "Loyal  customer")]);
    account["sections"][1]["tags"] = json!([tag("sale-2", "summer Sale")]);
    let mut profiles = Map::new();
    for number in 1..=5 {
        let loyal = json!({ "tags": ["usercreated.tags.loyal-1"] });
        // Four have the sale: two in one section, one in the other, one in both.
        let sale = |on: bool, tag: &str| if on { json!({ "tags": [tag] }) } else { json!({ "tags": [] }) };
        let mut main = sale(number <= 3, "usercreated.tags.sale-1");
        main["tags"].as_array_mut().unwrap().extend(loyal["tags"].as_array().unwrap().iter().cloned());
        let shop = sale(number == 3 || number == 4, "usercreated.tags.sale-2");
        profiles
            .insert(format!("x{number}"), profile(&format!("p{number}@example.org"), &[(MAIN, main), (SHOP, shop)]));
    }
    account["profiles"] = json!(profiles);
    for as_map in [false, true] {
        let world = World::of(account.clone()).await;
        world.simulator.set_switches(|switches| switches.tags_as_map = as_map);
        let source = world.source();
        let described = source.describe().await.unwrap();
        let labels: Vec<&str> = described.schema.objects["profiles"].fields["tags"]
            .options
            .iter()
            .map(|option| option.label.as_str())
            .collect();
        assert_eq!(labels, ["loyal_customer", "summer_sale"]);
        let rare = described.problems.iter().find(|problem| problem.code == "rare_tags").unwrap();
        assert!(
            rare.message.contains("summer_sale") && !rare.message.contains("loyal"),
            "four are few, five are not: {rare}"
        );
        assert!(described.problems.iter().any(|problem| problem.code == "tags_joined"));
        let records = all(&source, "profiles").await;
        let mut third: Vec<String> = text(record(&records, "x3"), "tags").split("; ").map(str::to_owned).collect();
        third.sort();
        assert_eq!(third, ["loyal_customer", "summer_sale"], "in both sections, once");
        assert_eq!(text(record(&records, "x5"), "tags"), "loyal_customer");
        let tags = all(&source, "tags").await;
        assert_eq!(
            (text(record(&tags, "summer_sale"), "profiles"), text(record(&tags, "summer_sale"), "rare")),
            ("4".into(), "true".into())
        );
        assert_eq!(
            (text(record(&tags, "loyal_customer"), "profiles"), text(record(&tags, "loyal_customer"), "rare")),
            ("5".into(), "false".into())
        );
        let titled = world.source_with(|config| config.tag_names = TagNames::Title);
        assert_eq!(text(&all(&titled, "profiles").await[4], "tags"), "Loyal Customer");
    }
}

#[tokio::test]
async fn consents_are_folded_with_their_times_and_kept_one_by_one() {
    let times = ["2025-03-01T08:00:00Z", "2025-04-01T09:30:15Z", "2025-05-01T10:00:00Z"];
    let with = |consents: Value| json!({ "consents": consents, "attributes": { "com.apsis1.attributes.mobile": 46_701_111_111_u64 } });
    let profiles = json!({
        "x1": profile("a@example.org", &[
            (MAIN, with(json!([consent("news", "email", "opt-in", times[0]), consent("deals", "email", "opt-out", times[2])]))),
            (SHOP, with(json!([consent("shop", "email", "confirmed-opt-in", times[1]), consent("shop", "sms", "opt-out", times[2])]))),
        ]),
        "x2": profile("b@example.org", &[(MAIN, json!({ "consents": [consent("news", "email", "pending-opt-in", times[0])] }))]),
        "x3": profile("c@example.org", &[(MAIN, json!({}))]),
        "x4": profile("D@example.org", &[(MAIN, json!({ "consents": [consent("news", "email", "opt-in", times[0])] }))]),
    });
    let mut account = account(&[], profiles);
    account["sections"][0]["topics"] =
        json!([{ "discriminator": "usercreated.topics.news-1111111111", "name": "News" }]);
    let world = World::of(account).await;
    let source = world.source_with(|config| config.suppressed = vec!["d@example.org".to_owned()]);
    let records = all(&source, "profiles").await;
    let fields = |id: &str| {
        ["email_consent", "email_consent_date", "email_enabled", "sms_consent", "sms_consent_date", "sms_enabled"]
            .map(|field| text(record(&records, id), field))
    };
    assert_eq!(fields("x1"), ["true", times[1], "true", "false", times[2], "false"]);
    assert_eq!(fields("x2"), ["false", times[0], "false", "", "", "false"], "no number, so nothing is enabled");
    assert_eq!(fields("x3"), ["", "", "", "", "", "false"], "unknown is not no");
    assert_eq!(fields("x4"), ["false", times[0], "false", "", "", "false"], "suppressed");
    let kept: Value = serde_json::from_str(&text(record(&records, "x1"), "consents")).unwrap();
    assert_eq!(kept.as_array().unwrap().len(), 4, "nothing is lost");
    assert_eq!(
        (&kept[0]["topic"], &kept[0]["section"], &kept[0]["modified_at"]),
        (&json!("News"), &json!("Main"), &json!(times[0]))
    );
    assert_eq!((&kept[0]["source"], &kept[0]["reason"]), (&json!("Form"), &json!("Signed up")));
}

#[tokio::test]
async fn profiles_that_a_crm_wrote_become_persons_companies_and_deals() {
    let names = [
        ("company", "Company name"),
        ("domain", "Company domain"),
        ("title", "Deal title"),
        ("value", "Deal value"),
        ("stage", "Deal stage"),
    ];
    let with = |values: &[(&str, Value)]| {
        attributes(&values.iter().map(|(slug, value)| (main(slug), value.clone())).collect::<Vec<_>>())
    };
    let profiles = json!({
        "x1": profile("a@example.org", &[(MAIN, with(&[
            ("company", json!("Acme AB")), ("domain", json!("https://www.Acme.example/about")),
            ("title", json!("Pumps")), ("value", json!(1200.5)), ("stage", json!("Offer")),
        ]))]),
        "x2": profile("b@example.org", &[(MAIN, with(&[("company", json!("ACME  ab")), ("domain", json!("acme.example"))]))]),
        "x3": profile("c@example.org", &[(MAIN, with(&[("company", json!("Fjord AS")), ("title", json!("Boats"))]))]),
        "x4": profile("d@example.org", &[(MAIN, json!({}))]),
        "x5": profile("e@example.org", &[(MAIN, with(&[("company", json!("Acme Holding")), ("domain", json!("acme.example"))]))]),
    });
    let world = World::of(account(&names, profiles)).await;
    let source = world.source_with(|config| {
        let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        config.organization = map(&[("name", "Company name"), ("domain", "Company domain")]);
        config.deal = map(&[("title", "Deal title"), ("amount", "Deal value"), ("stage", "Deal stage")]);
    });
    let described = source.describe().await.unwrap();
    assert!(!described.schema.objects["profiles"].fields.contains_key("company_name"), "split out, not doubled");
    let persons = all(&source, "profiles").await;
    let links: Vec<String> = persons.iter().map(|record| text(record, "organization")).collect();
    let acme = "organizations/acme.example";
    assert_eq!(links, [acme, acme, "organizations/fjord as", "", acme]);
    let companies = all(&source, "organizations").await;
    assert_eq!(companies.len(), 2);
    let acme = record(&companies, "acme.example");
    assert_eq!(doubt(acme, "name"), Some("profiles hold different values"), "Acme AB or Acme Holding?");
    assert_eq!(text(record(&companies, "fjord as"), "name"), "Fjord AS");
    let deals = all(&source, "deals").await;
    assert_eq!(deals.len(), 2);
    let pumps = record(&deals, "x1");
    assert_eq!(pumps.fields["amount"], V::Decimal("1200.5".parse().unwrap()));
    for (field, value) in [
        ("title", "Pumps"),
        ("stage", "Offer"),
        ("profile", "profiles/x1"),
        ("organization", "organizations/acme.example"),
    ] {
        assert_eq!(text(pumps, field), value);
    }
    assert_eq!(described.counts["deals"], 2);
    let source = world.source_with(|config| drop(config.deal.insert("title".to_owned(), "No such".to_owned())));
    let problems = source.describe().await.unwrap().problems;
    assert!(problems.iter().any(|problem| problem.code == "unknown_attribute" && problem.severity == Severity::Block));
}

#[tokio::test]
async fn segments_sections_and_flows_are_documents_for_a_guide() {
    let rules = json!({ "all": [{ "property": "Customer tier", "operator": "equals", "value": "Gold" }] });
    let mut account = account(
        &[("tier", "Customer tier")],
        json!({
            "x1": profile("a@example.org", &[(MAIN, json!({}))]),
            "x2": profile("b@example.org", &[(MAIN, json!({}))]),
        }),
    );
    account["segments"] = json!([
        { "discriminator": "usercreated.segments.gold-1111111111", "name": "Gold", "definition": rules, "members": ["x2"] },
        { "discriminator": "usercreated.segments.all-2222222222", "name": "All", "definition": "everybody" },
    ]);
    account["flows"] = json!([{ "id": "f1", "name": "Welcome", "state": "active" }]);
    let world = World::of(account).await;
    let source = world.source_with(|config| {
        config.static_segments = vec!["Gold".to_owned()];
        config.flows_path = Some("/marketing-automation/activities".to_owned());
        config.flows =
            vec![json!({ "name": "Welcome", "nodes": [{ "trigger": "opt-in" }] }), json!({ "name": "Win back" })];
    });
    let json = |text: String| serde_json::from_str::<Value>(&text).unwrap();
    let segments = all(&source, "segments").await;
    let gold = record(&segments, "usercreated.segments.gold-1111111111");
    assert_eq!((text(gold, "name"), text(gold, "members")), ("Gold".to_owned(), "1".to_owned()));
    let definition = json(text(gold, "definition"));
    assert_eq!(definition["versions"][0]["definition"], rules, "rules and operators as they are");
    assert_eq!((&definition["static"], &definition["members"]), (&json!(true), &json!(1)));
    assert_eq!(text(record(&segments, "usercreated.segments.all-2222222222"), "members"), "2");
    let profiles = all(&source, "profiles").await;
    assert_eq!((text(&profiles[0], "segments"), text(&profiles[1], "segments")), (String::new(), "Gold".to_owned()));
    let sections = all(&source, "sections").await;
    assert_eq!(json(text(record(&sections, SHOP), "definition"))["filter"]["value"], "Webshop");
    let flows = all(&source, "flows").await;
    assert_eq!(flows.len(), 2);
    let welcome = json(text(record(&flows, "f1"), "definition"));
    assert_eq!(welcome["flow"]["state"], "active");
    assert_eq!(welcome["flow"]["document"]["nodes"][0]["trigger"], "opt-in");
    assert_eq!(text(record(&flows, "document-win_back"), "name"), "Win back");
}
