//! Compares what is stored with what the generator says, record by record.

use std::collections::{BTreeMap, HashMap};

use crmkit_core::{
    Cursor, Entry, RowState, Select, Value as V, rust_decimal::prelude::ToPrimitive, testing::generate::ExpectedRecord,
};
use serde_json::{Value, json};

use crate::{
    account::Account,
    fate::{Fates, Parent},
    flow::Flow,
};

/// Holds the whole account, and what the ledger holds back, to the generator's statement.
pub(crate) async fn check(flow: &Flow, fates: &Fates<'_>) {
    let check = Check::of(flow, fates);
    check.records("companies", "organizations", "organizationFields", |company, row| {
        check.custom(row, "organizationFields", "Domain", company, "domain");
        check.custom(row, "organizationFields", "Annual revenue", company, "annual_revenue");
        assert_eq!(row["name"], stored(field(company, "name")), "{}", company.key);
        assert_eq!(row["add_time"], stored(field(company, "created_at")), "{}", company.key);
    });
    check.records("contacts", "persons", "personFields", |contact, row| {
        check.custom(row, "personFields", "First name", contact, "first_name");
        check.custom(row, "personFields", "Last name", contact, "last_name");
        assert_eq!(row["name"], stored(field(contact, "name")), "{}", contact.key);
        assert_eq!(row["emails"], addresses(field(contact, "emails")), "{}", contact.key);
        assert_eq!(row["phones"], addresses(field(contact, "phones")), "{}", contact.key);
        assert_eq!(row["add_time"], stored(field(contact, "created_at")), "{}", contact.key);
        assert_eq!(row["org_id"], check.link(contact, "company_id"), "{}", contact.key);
    });
    check.records("deals", "deals", "dealFields", |deal, row| {
        let amount = stored(field(deal, "amount"));
        assert_eq!(row["title"], stored(field(deal, "name")), "{}", deal.key);
        assert_eq!((&row["value"], &row["currency"]), (&amount["value"], &amount["currency"]), "{}", deal.key);
        let (pipeline, stage, status) = place(field(deal, "stage_id"));
        assert_eq!(row["stage_id"], check.account.stage(pipeline, stage), "{}", deal.key);
        assert_eq!(row["status"], status, "{}", deal.key);
        assert_eq!(row["won_time"], stored(field(deal, "won_at")), "{}", deal.key);
        assert_eq!(row["lost_time"], stored(field(deal, "lost_at")), "{}", deal.key);
        check.custom(row, "dealFields", "Created at", deal, "created_at");
        assert_eq!(row["org_id"], check.link(deal, "company_id"), "{}", deal.key);
        assert_eq!(row["person_id"], check.link(deal, "primary_contact_id"), "{}", deal.key);
    });
    check.notes();
    let parts = check.parents();
    for object in ["companies", "contacts", "deals", "notes"] {
        let mut held = waiting(flow, object).await;
        for (id, meant) in fates.held(object) {
            let reason =
                held.remove(&(id.clone(), String::new())).unwrap_or_else(|| panic!("{object}/{id} is not held"));
            assert_eq!(class(&reason), meant, "{object}/{id}: {reason}");
        }
        if object == "companies" {
            // Which link of a cycle waits is not the generator's to say.
            let (cycles, alone): (Vec<_>, Vec<_>) = parts.iter().partition(|(_, meant)| *meant == "either");
            assert_eq!(cycles.len(), 2);
            let either = cycles.iter().filter_map(|(id, _)| held.remove(&(id.clone(), PARENT.to_owned())));
            assert_eq!(either.map(|reason| class(&reason)).collect::<Vec<_>>(), ["cycle"]);
            for (id, meant) in alone {
                let reason = held.remove(&(id.clone(), PARENT.to_owned())).unwrap_or_else(|| panic!("{id}'s parent"));
                assert_eq!(class(&reason), *meant, "{id}'s parent: {reason}");
            }
        }
        assert_eq!(held, HashMap::new(), "held without need");
    }
}

/// The part that a company's parent is.
const PARENT: &str = "link:companies.parent";

struct Check<'a> {
    fates: &'a Fates<'a>,
    account: Account,
    /// Id at the account, by object and source id.
    ids: HashMap<(&'static str, String), Value>,
    /// E-mail addresses of users, by source id.
    users: HashMap<&'a str, &'a str>,
}

impl<'a> Check<'a> {
    fn of(flow: &'a Flow, fates: &'a Fates<'a>) -> Self {
        let account = flow.account();
        let tables = [
            ("companies", "organizations", "organizationFields"),
            ("contacts", "persons", "personFields"),
            ("deals", "deals", "dealFields"),
        ];
        let mut ids = HashMap::new();
        for (object, table, fields) in tables {
            for (id, row) in account.by_source_id(table, fields) {
                ids.insert((object, id.to_owned()), row["id"].clone());
            }
        }
        let users = &flow.expected.destination_users;
        let users = users.iter().map(|user| (user.source_id.as_str(), user.email.as_str())).collect();
        Self { fates, account, ids, users }
    }

    /// Exactly the records that arrive are there, with their owners, and each passes the look.
    fn records(&self, object: &'a str, table: &str, fields: &str, look: impl Fn(&ExpectedRecord, &Value)) {
        let mut rows = self.account.by_source_id(table, fields);
        for record in self.fates.arriving(object) {
            let row = rows.remove(record.key.id.as_str()).unwrap_or_else(|| panic!("{} did not arrive", record.key));
            let owner = record.owner.as_deref().expect("what arrives has an owner");
            assert_eq!(row["owner_id"], self.account.member(owner), "{}", record.key);
            look(record, row);
        }
        assert!(rows.is_empty(), "{table} that should not be there: {:?}", rows.keys());
    }

    fn custom(&self, row: &Value, fields: &str, name: &str, record: &ExpectedRecord, source: &str) {
        let found = self.account.custom(fields, name, row);
        assert_eq!(*found, stored(field(record, source)), "{}: {name}", record.key);
    }

    /// The id of what a record links to; null where that does not exist.
    fn link(&self, record: &ExpectedRecord, field: &str) -> Value {
        let Some((_, to)) = record.links.iter().find(|(name, _)| name == field) else { return Value::Null };
        let object = ["companies", "contacts", "deals"].into_iter().find(|object| to.object == *object);
        self.ids[&(object.expect("one of ours"), to.id.to_string())].clone()
    }

    /// Notes carry no id: they are told by text, time, author and what they are about, and counted, so that of two that are
    /// the same both must be there.
    fn notes(&self) {
        let meant = self.fates.arriving("notes").map(|note| {
            let (_, author) = note.links.iter().find(|(name, _)| name == "author_id").expect("an author");
            let author = self.account.member(self.users[author.id.as_str()]);
            let about = ["deal_id", "contact_id", "company_id"].map(|field| self.link(note, field));
            let time = stored(field(note, "created_at")).as_str().expect("a time").replace('T', " ").replace('Z', "");
            json!([content(note), time, author, about]).to_string()
        });
        let found = self.account.rows("notes").iter().map(|row| {
            let about = [&row["deal_id"], &row["person_id"], &row["org_id"]];
            json!([row["content"], row["add_time"], row["user_id"], about]).to_string()
        });
        let mut notes: BTreeMap<String, i64> = BTreeMap::new();
        meant.for_each(|note| *notes.entry(note).or_default() += 1);
        assert!(notes.values().any(|count| *count > 1), "some notes are the same");
        found.for_each(|note| *notes.entry(note).or_default() -= 1);
        notes.retain(|_, missing| *missing != 0);
        assert_eq!(notes, BTreeMap::new(), "notes that are missing, or too many");
    }

    /// Parents are records of their own; gives the companies whose links wait, and why.
    fn parents(&self) -> Vec<(String, &'static str)> {
        let mut rows: Vec<(Value, Value)> = Vec::new();
        for row in self.account.rows("organizationRelationships") {
            assert_eq!(row["type"], "parent");
            rows.push((row["rel_linked_org_id"].clone(), row["rel_owner_org_id"].clone()));
        }
        let (mut held, mut cycle) = (Vec::new(), 0);
        for company in self.fates.arriving("companies") {
            let id = company.key.id.to_string();
            let own = self.ids[&("companies", id.clone())].clone();
            let take = |rows: &mut Vec<(Value, Value)>| {
                let link = (own.clone(), self.link(company, "parent_id"));
                rows.iter().position(|row| *row == link).map(|place| rows.swap_remove(place)).is_some()
            };
            match self.fates.parent(company) {
                Parent::None => {}
                Parent::Linked(to) => assert!(take(&mut rows), "{} has no parent {to}", company.key),
                Parent::Held(reason) => held.push((id, reason)),
                Parent::Cycle(_) => {
                    cycle += usize::from(take(&mut rows));
                    held.push((id, "either"));
                }
            }
        }
        assert_eq!(cycle, 1, "of a cycle of two, one link is there");
        assert_eq!(rows, [], "parents that should not be there");
        held
    }
}

/// What waits in the ledger, by source id and part, with why.
async fn waiting(flow: &Flow, mapping: &str) -> HashMap<(String, String), String> {
    let select = Select::Rows { mapping: mapping.into(), pass: None, states: vec![RowState::Held] };
    let mut after: Option<Cursor> = None;
    let mut held = HashMap::new();
    loop {
        let page = flow.ledger.select(&select, after.as_ref(), 100).await.expect("the ledger answers");
        for entry in page.items {
            let Entry::Row(row) = entry else { panic!("a selection of rows gives rows") };
            let key = (row.key.id.to_string(), row.key.part.to_string());
            assert_eq!(held.insert(key, row.reason.unwrap_or_default()), None);
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return held,
        }
    }
}

/// The generator's code for a reason in words.
pub(crate) fn class(reason: &str) -> &'static str {
    let classes = [
        ("has no value", "missing_name"),
        ("is no active member", "owner_unknown"),
        ("nobody owns it", "no_owner"),
        ("leads back to the record itself", "cycle"),
        ("waits for a decision", "link_to_held"),
        ("the record it links to is not there", "link_to_held"),
        ("the record it links to does not move", "dangling_link"),
        // The account refuses a note about nothing.
        ("note must be attached", "dangling_link"),
        ("not a number", "doubt"),
        ("of an object that the export does not have", "doubt"),
    ];
    classes.into_iter().find(|(words, _)| reason.contains(words)).map_or("unknown", |(_, class)| class)
}

fn field<'a>(record: &'a ExpectedRecord, name: &str) -> Option<&'a V> {
    record.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value)
}

/// A value as the account stores it; what a record lacks is null there.
fn stored(value: Option<&V>) -> Value {
    match value {
        None => Value::Null,
        Some(V::Text(text)) => json!(**text),
        Some(V::Timestamp(time)) => json!(time.format("%Y-%m-%dT%H:%M:%SZ").to_string()),
        Some(V::Money(money)) => {
            // JSON knows one spelling of a whole number.
            let amount = match money.amount.to_i64().filter(|_| money.amount.is_integer()) {
                Some(whole) => json!(whole),
                None => json!(money.amount.to_f64()),
            };
            json!({ "value": amount, "currency": &*money.currency })
        }
        Some(other) => panic!("nothing generated is stored like {other:?}"),
    }
}

/// E-mail addresses are written in lower case, the first of a list is the primary one, and the account calls those without a
/// label "work".
fn addresses(value: Option<&V>) -> Value {
    let Some(V::List(values)) = value else { return json!([]) };
    let entries = values.iter().enumerate().map(|(place, value)| {
        let V::Labelled(entry) = value else { panic!("an address has a label or could") };
        let label = entry.label.as_deref().unwrap_or("work");
        json!({ "value": entry.value.to_lowercase(), "label": label, "primary": place == 0 })
    });
    entries.collect()
}

/// A note's text as the account stores it: HTML as it is, plain text as HTML that shows the same.
/// Quotes come back as themselves, however they were sent.
pub(crate) fn content(note: &ExpectedRecord) -> String {
    match field(note, "body") {
        Some(V::Rich(rich)) => rich.text.to_string(),
        Some(V::Text(text)) => {
            let signs = [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\n", "<br>")];
            signs.iter().fold(text.to_string(), |text, (sign, html)| text.replace(sign, html))
        }
        other => panic!("a note is text, not {other:?}"),
    }
}

/// Pipeline, stage and status of a stage of the export: closed deals stay in the last open stage of their pipeline.
fn place(stage: Option<&V>) -> (&'static str, &'static str, &'static str) {
    let Some(V::Option(id)) = stage else { panic!("every deal has a stage") };
    let number: usize = id.trim_start_matches('s').parse().expect("s1 to s8");
    let (stage, status) =
        [("Qualified", "open"), ("Proposal", "open"), ("Proposal", "won"), ("Proposal", "lost")][(number - 1) % 4];
    (["Sales", "Renewals"][(number - 1) / 4], stage, status)
}
