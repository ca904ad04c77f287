use super::*;
use crate::*;

/// Two companies' worth of schema: organizations and deals with stage, owner, money, a link and a custom field.
fn source() -> Source {
    let mut stage = FieldSchema::new("stage", "Stage", FieldType::Option).means(FieldConcept::Stage);
    stage.options = ["Open", "Won"].map(|name| OptionSchema { id: name.into(), label: name.into() }).into();
    Source {
        kind: "allegory".into(),
        instance: "export-1".into(),
        schema: Schema::from_iter([
            ObjectSchema::new("companies", "Companies", ObjectConcept::Organization)
                .with(FieldSchema::new("name", "Name", FieldType::text()))
                .with(FieldSchema::new("owner", "Owner", FieldType::link("users")))
                .with(FieldSchema::new("founded", "Founded", FieldType::Timestamp)),
            ObjectSchema::new("deals", "Deals", ObjectConcept::Deal)
                .with(FieldSchema::new("title", "Title", FieldType::text()))
                .with(FieldSchema::new("amount", "Amount", FieldType::Decimal))
                .with(FieldSchema::new("closes", "Closes", FieldType::Local))
                .with(FieldSchema::new("company", "Company", FieldType::link("companies")))
                .with(stage),
        ]),
        counts: Default::default(),
        time_zone: None,
        currency: None,
        problems: vec![],
        gotchas: vec![],
    }
}

fn destination() -> Destination {
    let owner = FieldSchema::new("owner_id", "Owner", FieldType::link("user")).means(FieldConcept::Owner);
    let mut organization = ObjectSchema::new("organization", "Organization", ObjectConcept::Organization)
        .with(FieldSchema::new("name", "Name", FieldType::text()).required())
        .with(owner.clone())
        .with(FieldSchema::new("founded", "Founded", FieldType::Date))
        .with(FieldSchema::new("add_time", "Created", FieldType::Timestamp).read_only())
        .with(FieldSchema::new("abc", "Region", FieldType::Option).custom());
    organization.custom_fields = true;
    let deal = ObjectSchema::new("deal", "Deal", ObjectConcept::Deal)
        .with(FieldSchema::new("title", "Title", FieldType::text()).required())
        .with(owner)
        .with(FieldSchema::new("value", "Value", FieldType::Money))
        .with(FieldSchema::new("close", "Close", FieldType::Timestamp))
        .with(FieldSchema::new("org_id", "Organization", FieldType::link("organization")))
        .with(FieldSchema::new("stage_id", "Stage", FieldType::Option).means(FieldConcept::Stage));
    let user = |email: &str, active| User {
        id: email.into(),
        email: email.into(),
        name: String::new(),
        active,
        importing: false,
    };
    Destination {
        kind: "pipedrive".into(),
        account: "acme".into(),
        schema: Schema::from_iter([organization, deal]),
        abilities: Default::default(),
        users: vec![user("Ada@acme.com", true), user("gone@acme.com", false)],
        items: vec![],
        permissions: [("delete".to_owned(), Permission::Yes)].into_iter().collect(),
        caps: [("custom_fields".to_owned(), 3)].into_iter().collect(),
        gotchas: vec![],
        equivalents: Default::default(),
        custom_object: None,
        costs: Default::default(),
        allowance: None,
        quiet: Default::default(),
    }
}

const GOOD: &str = r#"
format = "crmkit.plan"
version = 1
time_zone = "Europe/Oslo"
currency = "EUR"
[source]
kind = "allegory"
[destination]
kind = "pipedrive"
instance = "acme"
[owners]
fallback = "ada@acme.com"
unowned = "ada@acme.com"
[[questions]]
id = "q"
text = "Really?"
answer = "yes"
[[pipelines]]
object = "deal"
name = "Sales"
stages = [{ name = "Open" }]
[[fields]]
id = "size"
object = "organization"
name = "Size"
type = "option"
options = ["S", "L"]
[[mappings]]
id = "companies"
from = "companies"
to = "organization"
fields = [
  { id = "companies.name", from = "name", to = "name", transforms = ["trim"] },
  { id = "companies.owner", from = "owner", to = "owner_id" },
  { id = "companies.founded", from = "founded", to = "founded", transforms = ["date_of"] },
  { id = "companies.size", to = "custom:size", transforms = [{ constant = "L" }] },
]
[[mappings]]
id = "deals"
from = "deals"
to = "deal"
fields = [
  { id = "deals.title", from = "title", to = "title" },
  { id = "deals.amount", from = "amount", to = "value" },
  { id = "deals.close", from = "closes", to = "close" },
  { id = "deals.company", from = "company", to = "org_id", link = "companies" },
  { id = "deals.stage", from = "stage", to = "stage_id", transforms = [{ value_map = { Open = "Sales/Open", Won = "Sales/Open" } }] },
]
"#;

fn problems(text: &str, destination: &Destination) -> Vec<Problem> {
    let plan = Plan::from_toml(text, "plan.toml").unwrap();
    let mut problems = plan.check(&source(), destination, &Transforms::standard());
    Plan::locate(&mut problems, text, "plan.toml");
    problems
}

#[test]
fn a_good_plan_has_no_problems() {
    assert_eq!(problems(GOOD, &destination()), vec![]);
}

#[test]
fn slips_are_found_and_located() {
    let cases = [
        ("kind = \"allegory\"", "kind = \"klipy\"", "other_account", "/source/kind", "open the account"),
        ("instance = \"acme\"", "instance = \"acmf\"", "other_account", "/destination/instance", "open the account"),
        ("Europe/Oslo", "Europe/Olso", "unknown_time_zone", "/time_zone", "did you mean \"Europe/Oslo\"?"),
        ("time_zone = \"Europe/Oslo\"", "", "time_zone_missing", "/mappings/1/fields/2", "write time_zone"),
        ("currency = \"EUR\"", "", "currency_missing", "/mappings/1/fields/1", "write currency"),
        ("currency = \"EUR\"", "currency = \"euro\"", "unknown_currency", "/currency", "three letters"),
        ("answer = \"yes\"", "", "unanswered_question", "/questions/0", "answer it"),
        (
            "answer = \"yes\"",
            "answer = \"Europe/Rome\"\nabout = \"/time_zone\"",
            "unapplied_answer",
            "/questions/0/answer",
            "make the two say the same",
        ),
        (
            "fallback = \"ada@acme.com\"",
            "fallback = \"adda@acme.com\"",
            "unknown_owner",
            "/owners/fallback",
            "did you mean \"Ada@acme.com\"?",
        ),
        (
            "fallback = \"ada@acme.com\"",
            "fallback = \"gone@acme.com\"",
            "unknown_owner",
            "/owners/fallback",
            "Ada@acme.com",
        ),
        ("unowned = \"ada@acme.com\"", "", "owner_unset", "/mappings/1", "owners.unowned"),
        ("from = \"deals\"", "from = \"deal\"", "unknown_object", "/mappings/1/from", "did you mean \"deals\"?"),
        ("to = \"deal\"", "to = \"deals\"", "unknown_object", "/mappings/1/to", "did you mean \"deal\"?"),
        (
            "from = \"title\"",
            "from = \"titel\"",
            "unknown_field",
            "/mappings/1/fields/0/from",
            "did you mean \"title\"?",
        ),
        ("to = \"value\"", "to = \"valu\"", "unknown_field", "/mappings/1/fields/1/to", "did you mean \"value\"?"),
        ("custom:size", "custom:sise", "unknown_field", "/mappings/0/fields/3/to", "did you mean \"size\"?"),
        (
            "[\"trim\"]",
            "[\"trin\"]",
            "unknown_transform",
            "/mappings/0/fields/0/transforms/0",
            "did you mean \"trim\"?",
        ),
        ("[\"trim\"]", "[{ truncate = \"x\" }]", "wrong_arguments", "/mappings/0/fields/0/transforms/0", "mend"),
        ("[\"date_of\"]", "[\"email\"]", "type_mismatch", "/mappings/0/fields/2/transforms/0", "change"),
        (", transforms = [\"date_of\"]", "", "type_mismatch", "/mappings/0/fields/2", "add the transform \"date_of\""),
        ("to = \"founded\"", "to = \"add_time\"", "read_only_field", "/mappings/0/fields/2/to", "custom field"),
        ("to = \"founded\"", "to = \"name\"", "duplicate_target", "/mappings/0/fields/2/to", "coalesce"),
        ("to = \"title\"", "to = \"org_id\"", "required_field", "/mappings/1", "add a line to \"title\""),
        ("deals.amount", "deals.title", "duplicate_id", "/mappings/1/fields/1/id", "rename"),
        ("id = \"deals\"", "id = \"companies\"", "duplicate_id", "/mappings/1/id", "rename"),
        ("id = \"deals\"", "id = \"de/als\"", "unsafe_id", "/mappings/1/id", "letters"),
        (
            ", link = \"companies\"",
            "",
            "link_without_mapping",
            "/mappings/1/fields/3/link",
            "write link = \"companies\"",
        ),
        ("link = \"companies\"", "link = \"deals\"", "link_mismatch", "/mappings/1/fields/3/link", "companies"),
        ("link = \"companies\"", "link = \"compani\"", "unknown_mapping", "/mappings/1/fields/3/link", "did you mean"),
        (
            "Won = \"Sales/Open\"",
            "Won = \"Sales/Opn\"",
            "unknown_stage",
            "/mappings/1/fields/4/transforms/0/value_map/Won",
            "did you mean \"Sales/Open\"?",
        ),
        (
            "constant = \"L\"",
            "constant = \"XL\"",
            "unknown_option",
            "/mappings/0/fields/3/transforms/0/constant",
            "known are S, L",
        ),
        ("options = [\"S\", \"L\"]", "options = [\"L\", \"L\"]", "duplicate_option", "/fields/0/options", "keep one"),
        ("name = \"Size\"", "name = \"region\"", "field_exists", "/fields/0/name", "use_existing = \"abc\""),
        (
            "name = \"Size\"",
            "name = \"Size\"\nuse_existing = \"abd\"",
            "unknown_field",
            "/fields/0/use_existing",
            "did you mean \"abc\"?",
        ),
        (
            "name = \"Size\"",
            "name = \"Size\"\nuse_existing = \"name\"",
            "other_type",
            "/fields/0/use_existing",
            "write its type, text",
        ),
        ("object = \"organization\"", "object = \"deal\"", "no_custom_fields", "/fields/0/object", "existing"),
        (
            "to = \"organization\"\n",
            "to = \"organization\"\nmerge = { a = \"b\", b = \"a\" }\n",
            "merge_cycle",
            "/mappings/0/merge/a",
            "choose",
        ),
        ("version = 1", "version = 1\nstop_when = 2", "wrong_value", "/stop_when", "from 0 to 1"),
    ];
    for (from, to, code, pointer, remedy) in cases {
        assert!(GOOD.contains(from), "{from}");
        let text = GOOD.replacen(from, to, 1);
        let all = problems(&text, &destination());
        let found = all.iter().find(|problem| problem.code == code && problem.pointer == pointer);
        let found = found.unwrap_or_else(|| panic!("{code} at {pointer} after {to}: {all:#?}"));
        assert!(found.remedy.contains(remedy), "{code}: {}", found.remedy);
        assert!(found.line.is_some(), "{code} has no line");
    }
}

#[test]
fn caps_and_permissions_block_unless_accepted() {
    let mut strict = destination();
    strict.caps.insert("custom_fields".into(), 1);
    strict.permissions.insert("delete".into(), Permission::No);
    let codes = |text: &str| -> Vec<(String, Severity)> {
        problems(text, &strict).into_iter().map(|problem| (problem.code, problem.severity)).collect()
    };
    let cap = ("custom_field_cap".to_owned(), Severity::Block);
    assert_eq!(codes(GOOD), [("no_delete".into(), Severity::Block), cap.clone()]);
    let accepted = GOOD.replacen("version = 1", "version = 1\naccept = [\"no_delete\"]", 1);
    assert_eq!(codes(&accepted), [("no_delete".into(), Severity::Warn), cap]);
}

#[test]
fn options_without_an_equivalent_hold() {
    let start = GOOD.find(", transforms = [{ value_map").unwrap();
    let end = start + GOOD[start..].find("}]").unwrap() + 2;
    let text = format!("{}{}", &GOOD[..start], &GOOD[end..]);
    let all = problems(&text, &destination());
    assert_eq!((all[0].code.as_str(), all[0].severity), ("unmapped_stage", Severity::Hold));
}
