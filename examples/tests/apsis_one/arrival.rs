//! What is in Pipedrive afterwards, held to the invented account itself.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::world::{World, account, expected};

const SECTIONS: [&str; 2] = ["usercreated.sections.newsletter-k3v9x2m1qa", "usercreated.sections.webshop-p7d4h8s2zc"];

/// Profiles that arrive, from the description.
fn arriving() -> Vec<String> {
    (1..=30).chain([39, 40]).map(|number| format!("p{number:02}")).collect()
}

pub(crate) fn check(world: &World) {
    let table = expected();
    for (mapping, rows) in
        [("organizations", "organizations"), ("profiles", "persons"), ("deals", "deals"), ("notes", "notes")]
    {
        assert_eq!(world.live(rows).len() as u64, table[mapping].created, "{mapping}");
        assert!(table[mapping].created > 0);
    }
    let account = account();
    let persons = persons(world, &account);
    let organizations: BTreeMap<String, Value> = world
        .live("organizations")
        .into_iter()
        .map(|row| (row["name"].as_str().unwrap().to_owned(), row["id"].clone()))
        .collect();
    let names: Vec<&str> = organizations.keys().map(String::as_str).collect();
    assert_eq!(names, ["Acme Camping AS", "Fjord Kayak", "Nord Guiding", "Solvang Camping"]);
    let works = |company: &str| &organizations[company];
    for (key, company) in [
        ("p01", "Acme Camping AS"),
        ("p02", "Acme Camping AS"),
        ("p03", "Acme Camping AS"),
        ("p04", "Fjord Kayak"),
        ("p05", "Fjord Kayak"),
        ("p06", "Solvang Camping"),
    ] {
        assert_eq!(persons[key]["org_id"], *works(company), "{key}");
    }
    assert!(persons["p07"]["org_id"].is_null());
    deals(world, &persons, works);
    notes(world, &persons);
    activities(world, &persons);
}

/// What people did after the run is there, too.
pub(crate) fn check_changes(world: &World) {
    let rows = world.live("persons");
    assert_eq!(rows.len() as u64, expected()["profiles"].created + 1);
    let one = |name: &str| rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("no {name}"));
    assert_eq!(one("Ylva Lund")["emails"][0]["value"], "ylva.lund@nordlys.example");
    let tenth = one("Jon Lund");
    for (name, value) in [
        ("Customer tier", "Platinum"),
        ("E-mail consent", "No"),
        ("E-mail consent date", "2026-01-20T13:00:00Z"),
        ("E-mail enabled", "No"),
    ] {
        assert_eq!(shown(&field(world, "personFields", name), tenth), [value], "{name}");
    }
}

/// A custom field's key by its name.
fn field(world: &World, table: &str, name: &str) -> Value {
    let mut found = world.live(table);
    found.retain(|row| row["field_name"] == name && row["is_custom_field"] == true);
    assert_eq!(found.len(), 1, "one {name} in {table}");
    found.remove(0)
}

/// The labels behind a custom field's value.
fn shown(field: &Value, row: &Value) -> Vec<String> {
    let value = &row["custom_fields"][field["field_code"].as_str().unwrap()];
    let one = |value: &Value| -> String {
        let option = field["options"].as_array().into_iter().flatten().find(|option| option["id"] == *value);
        match option {
            Some(option) => option["label"].as_str().unwrap().to_owned(),
            None => value.as_str().map_or_else(|| value.to_string(), str::to_owned),
        }
    };
    match value {
        Value::Null => Vec::new(),
        Value::Array(list) => list.iter().map(one).collect(),
        value => vec![one(value)],
    }
}

/// All persons by the key of the profile that they were, each compared with it.
fn persons(world: &World, account: &Value) -> BTreeMap<String, Value> {
    let own = field(world, "personFields", "Source id");
    let rows: BTreeMap<String, Value> =
        world.live("persons").into_iter().map(|row| (shown(&own, &row).remove(0), row)).collect();
    assert_eq!(rows.keys().cloned().collect::<Vec<_>>(), arriving());
    let fields = [
        "Customer tier",
        "Points",
        "VIP",
        "Member since",
        "E-mail consent",
        "E-mail consent date",
        "E-mail enabled",
        "SMS consent",
        "Sections",
        "Segments",
        "CRM ID",
    ]
    .map(|name| (name, field(world, "personFields", name)));
    let mut labels = world.live("personFields");
    labels.retain(|row| row["field_code"] == "label_ids");
    for (key, row) in &rows {
        let profile = &account["profiles"][key];
        let section = SECTIONS.into_iter().find(|section| profile["sections"][section].is_object()).unwrap();
        let data = &profile["sections"][section];
        let attribute = |name: &str| &data["attributes"][format!("com.apsis1.attributes.{name}")];
        let number: u32 = key[1..].parse().unwrap();
        let address = attribute("email").as_str().unwrap().to_lowercase();
        let name = match (attribute("firstname").as_str(), attribute("lastname").as_str()) {
            (Some(first), Some(last)) => format!("{first} {last}"),
            _ => address.clone(),
        };
        assert_eq!(row["name"], name, "{key}");
        assert_eq!(row["emails"][0]["value"], address, "{key}");
        let mut tags: Vec<&str> = row["label_ids"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|id| {
                let options = labels[0]["options"].as_array().unwrap();
                options.iter().find(|option| option["id"] == *id).unwrap()["label"].as_str().unwrap()
            })
            .collect();
        tags.sort_unstable();
        let wanted: &[&str] = match number {
            1..=4 => &["loyal_customer", "summer_sale"],
            5..=12 => &["loyal_customer"],
            40 => &["summer_sale"],
            _ => &[],
        };
        assert_eq!(tags, wanted, "labels of {key}");
        if number == 5 {
            assert_eq!(row["phones"][0]["value"], "+4790000005");
        }
        let consents = data["consents"].as_array();
        let email: Vec<&Value> = consents
            .into_iter()
            .flatten()
            .filter(|consent| consent["channel_discriminator"] == "com.apsis1.channels.email")
            .collect();
        // One opt-in is enough, and its time counts; without any, the last refusal's does.
        let decides: Vec<&&Value> =
            match email.iter().filter(|consent| consent["type"] != "opt-out").collect::<Vec<_>>() {
                yes if yes.is_empty() => email.iter().collect(),
                yes => yes,
            };
        let date = decides.iter().map(|consent| consent["modified_at"].as_str().unwrap()).max();
        let consented =
            date.map(|_| if decides.iter().any(|consent| consent["type"] != "opt-out") { "Yes" } else { "No" });
        let tier = if number <= 20 { Some(["Gold", "Silver", "Bronze"][number as usize % 3]) } else { None };
        let tier = tier.or((number >= 39).then_some("Silver"));
        let one = |text: Option<&str>| text.map(str::to_owned).into_iter().collect::<Vec<String>>();
        let few = (number <= 9).then_some(number);
        for (name, field) in &fields {
            let wanted: Vec<String> = match *name {
                "Customer tier" => one(tier),
                "Points" => few.map(|number| (number * 10).to_string()).into_iter().collect(),
                "VIP" => one(few.map(|number| if number % 2 == 0 { "Yes" } else { "No" })),
                "Member since" => few.map(|number| format!("2019-0{number}-15")).into_iter().collect(),
                "E-mail consent" => one(consented),
                "E-mail consent date" => one(date),
                "E-mail enabled" => one(consented),
                "SMS consent" => one((number == 5).then_some("Yes")),
                "Sections" => one(Some(if number >= 39 { "Webshop" } else { "Newsletter" })),
                "Segments" => one(matches!(number, 3 | 6).then_some("Gold members")),
                _ => (number <= 10).then(|| (1_000 + number).to_string()).into_iter().collect(),
            };
            let found: Vec<String> = shown(field, row).into_iter().map(|text| text.replace(".0", "")).collect();
            assert_eq!(found, wanted, "{name} of {key}");
        }
    }
    rows
}

fn deals<'a>(world: &World, persons: &BTreeMap<String, Value>, works: impl Fn(&str) -> &'a Value) {
    let stages: BTreeMap<String, Value> = world
        .live("stages")
        .into_iter()
        .map(|row| (row["name"].as_str().unwrap().to_owned(), row["id"].clone()))
        .collect();
    let mut rows: BTreeMap<String, Value> =
        world.live("deals").into_iter().map(|row| (row["title"].as_str().unwrap().to_owned(), row)).collect();
    for (title, value, stage, key, company) in [
        ("Tents for the summer camp", 12_500.0, "Offer", "p01", Some("Acme Camping AS")),
        ("Kayak fleet", 88_000.0, "Negotiation", "p04", Some("Fjord Kayak")),
        ("Cabin stoves", 4_300.5, "Offer", "p06", Some("Solvang Camping")),
        ("Backpacks", 1_500.0, "Negotiation", "p07", None),
    ] {
        let row = rows.remove(title).unwrap_or_else(|| panic!("no {title}"));
        assert_eq!((row["value"].as_f64(), &row["currency"]), (Some(value), &json!("NOK")), "{title}");
        assert_eq!(row["stage_id"], stages[stage], "{title}");
        assert_eq!(row["person_id"], persons[key]["id"], "{title}");
        assert_eq!(row["org_id"], company.map_or(Value::Null, |company| works(company).clone()), "{title}");
    }
    assert!(rows.is_empty(), "{rows:?}");
}

fn notes(world: &World, persons: &BTreeMap<String, Value>) {
    let mut wanted: BTreeMap<String, i64> = BTreeMap::new();
    for (key, time, name) in [
        ("p01", "2026-01-02 10:00:00", "Page view"),
        ("p01", "2026-01-09 10:00:00", "Page view"),
        ("p01", "2026-01-16 10:00:00", "Page view"),
        ("p02", "2026-01-03 11:30:00", "Form submit"),
        ("p05", "2026-01-05 09:00:00", "Page view"),
        ("p05", "2026-01-05 09:05:00", "Page view"),
        ("p39", "2026-01-10 09:00:00", "Page view"),
    ] {
        *wanted.entry(format!("{} {time} {name}", persons[key]["id"])).or_default() += 1;
    }
    for row in world.live("notes") {
        let time = row["add_time"].as_str().unwrap().replace('T', " ");
        let time = time.trim_end_matches('Z');
        let content = row["content"].as_str().unwrap();
        let name = if content.contains("Form submit") { "Form submit" } else { "Page view" };
        assert!(content.contains(name) && (content.contains("url: ") || content.contains("form: ")), "{content}");
        *wanted.entry(format!("{} {time} {name}", row["person_id"])).or_default() -= 1;
    }
    wanted.retain(|_, missing| *missing != 0);
    assert_eq!(wanted, BTreeMap::new(), "notes that are missing, or too many");
}

fn activities(world: &World, persons: &BTreeMap<String, Value>) {
    let table = expected();
    let rows = world.live("activities");
    assert_eq!(rows.len() as u64, table["email_events"].created + table["events"].created);
    let mut wanted: BTreeMap<String, i64> = BTreeMap::new();
    for (key, kind, day, time, subject) in [
        ("p01", "task", "2026-01-12", "06:00", "Email sent"),
        ("p02", "task", "2026-01-12", "06:00", "Email sent"),
        ("p01", "task", "2026-01-12", "07:10", "Email opened"),
        ("p01", "task", "2026-01-12", "07:11", "Email clicked"),
        ("p02", "task", "2026-01-13", "21:00", "Email opened"),
        ("p03", "call", "2026-01-04", "13:00", "Phone call"),
        ("p04", "task", "2026-01-11", "14:00", "Order placed"),
        ("p04", "task", "2026-01-18", "14:00", "Order placed"),
    ] {
        *wanted.entry(format!("{} {kind} {day} {time} {subject}", persons[key]["id"])).or_default() += 1;
    }
    for row in rows {
        let text = |name: &str| row[name].as_str().unwrap_or_default();
        assert!(row["done"] == true || row["done"] == 1, "what happened is done: {row}");
        let person = if row["person_id"].is_null() { &row["participants"][0]["person_id"] } else { &row["person_id"] };
        let time = text("due_time").get(..5).unwrap_or_default();
        let key = format!("{person} {} {} {time} {}", text("type"), text("due_date"), text("subject"));
        *wanted.entry(key).or_default() -= 1;
    }
    wanted.retain(|_, missing| *missing != 0);
    assert_eq!(wanted, BTreeMap::new(), "activities that are missing, or too many");
}
