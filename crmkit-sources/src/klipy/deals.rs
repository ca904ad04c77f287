//! Deals: what they are worth, where they stand, whom they are with.

use std::collections::{HashMap, HashSet};

use chrono_tz::Tz;
use crmkit_core::{Money, Reject, Value, rust_decimal::Decimal};

use super::{
    SpreadRule,
    combine::{Columns, Draft, Ids, link, row_id},
    custom,
    harvest::{Harvest, reject},
    identity::{domain_key, email_key},
    people::{Found, People},
    stages::{ONLY_PIPELINE, Stages},
};
use crate::allegory::{Kind, folded};

/// All deals.
#[derive(Debug, Default)]
pub(super) struct Deals {
    pub(super) drafts: Vec<Draft>,
    pub(super) rejects: Vec<Reject>,
    ids: HashSet<String>,
}

impl Deals {
    pub(super) fn has(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    pub(super) fn of(harvest: &Harvest, people: &mut People, stages: &mut Stages, zone: Option<Tz>) -> Self {
        let mut deals = Self::default();
        let Some(table) = harvest.table("deals.csv") else { return deals };
        let wanted = [
            ("Deal Name", "name", Kind::Text),
            ("Value", "value", Kind::Decimal),
            ("Currency", "currency", Kind::Text),
            ("Status", "status", Kind::Option),
            ("Created At", "created_at", Kind::Moment),
            ("Expected Close Date", "expected_close_date", Kind::Date),
        ];
        let columns = Columns::new("deals", table, zone, &wanted, &harvest.custom);
        let mut ids = Ids::default();
        for row in &table.rows {
            let name = table.get(row, "Deal Name");
            let id = match (table.get(row, "Deal ID"), name) {
                (Some(id), _) if deals.ids.contains(id) => {
                    deals.rejects.push(reject(&table.file, row.line, "duplicate_id", "an earlier row has the same id"));
                    continue;
                }
                (Some(id), _) => id.to_owned(),
                (None, Some(name)) => {
                    ids.free(row_id(&[Some(name), table.get(row, "Company"), table.get(row, "Created At")]))
                }
                (None, None) => {
                    deals.rejects.push(reject(&table.file, row.line, "missing_id", "the row has neither id nor name"));
                    continue;
                }
            };
            deals.ids.insert(id.clone());
            let mut draft = Draft::new(id, &table.file, Some(row.line));
            columns.fill(&mut draft, row, &mut people.conflicts);
            money(&mut draft);
            if let Some(stage) = table.get(row, "Stage") {
                let pipeline = table.get(row, "Pipeline").unwrap_or(ONLY_PIPELINE);
                draft.offer("pipeline", Value::option(pipeline));
                draft.offer("stage", Value::option(stages.of_deal(pipeline, stage)));
            } else if let Some(pipeline) = table.get(row, "Pipeline") {
                draft.offer("pipeline", Value::option(pipeline));
            }
            let whom = table.get(row, "Company Domain").filter(|domain| domain_key(domain).is_some());
            if let Some(whom) = whom.or_else(|| table.get(row, "Company")) {
                let named = table.get(row, "Company");
                let found = match (people.company(whom), named) {
                    (Found::Nothing, Some(named)) => people.company(named),
                    (found, _) => found,
                };
                match found {
                    Found::One(place) => {
                        draft.offer("company", link("companies", &people.companies.drafts[place].id));
                    }
                    Found::Several(candidates) => {
                        draft.doubt("company", "several companies have the name that the row gives", candidates);
                    }
                    Found::Nothing => {
                        let company = people.invent(whom, &table.file, row.line);
                        draft.offer("company", company);
                    }
                }
            }
            if let Some(owner) = table.get(row, "Owner Email") {
                draft.offer("owner", people.owner(owner));
            }
            Self::associate(&mut draft, table.several(row, "Contact Emails"), people);
            deals.drafts.push(draft);
        }
        deals
    }

    /// The first contact is the deal's; the others are further ones.
    fn associate<'a>(deal: &mut Draft, emails: impl Iterator<Item = &'a str>, people: &People) {
        const UNKNOWN: &str = "no contact has the e-mail address that the row gives";
        let mut known: Vec<String> = Vec::new();
        for (place, email) in emails.enumerate() {
            let contact = email_key(email).and_then(|key| people.contacts.with_key(&key));
            match contact.map(|contact| people.contacts.drafts[contact].id.clone()) {
                Some(contact) if known.contains(&contact) => {}
                Some(contact) => {
                    let to = link("contacts", &contact);
                    match place {
                        0 => deal.offer("contact", to),
                        _ => deal.join("contacts", to),
                    };
                    known.push(contact);
                }
                None => deal.doubt(if place == 0 { "contact" } else { "contacts" }, UNKNOWN, Vec::new()),
            }
        }
    }

    /// Puts deals into further pipelines, by tag or by value, in the stage that they are in.
    pub(super) fn spread(&mut self, rules: &[SpreadRule], stages: &mut Stages) {
        let mut copied = HashMap::new();
        for draft in &mut self.drafts {
            let Some(rule) = rules.iter().find(|rule| fits(rule, draft)) else { continue };
            let from = draft.text("pipeline").unwrap_or(ONLY_PIPELINE).to_owned();
            if copied.insert((from.clone(), rule.pipeline.clone()), ()).is_none() {
                stages.spread(&from, &rule.pipeline);
            }
            let stage = draft.text("stage").and_then(|stage| stage.split_once('/')).map(|(_, stage)| stage.to_owned());
            draft.fields.insert("pipeline".into(), Value::option(rule.pipeline.as_str()));
            if let Some(stage) = stage {
                draft.fields.insert("stage".into(), Value::option(stages.of_deal(&rule.pipeline, &stage)));
            }
        }
    }

    /// Open, won or lost, where the row does not say and the stage does.
    pub(super) fn conclude(&mut self, stages: &Stages) {
        for draft in &mut self.drafts {
            let told = draft.text("stage").and_then(|stage| stages.outcome(stage));
            let known = draft.text("status").map(folded);
            let known = known
                .as_deref()
                .and_then(|word| ["won", "lost", "open"].into_iter().find(|known| word.contains(known)));
            match (known, draft.fields.contains_key("status")) {
                (Some(known), _) => drop(draft.fields.insert("status".into(), Value::option(known))),
                (None, true) => {
                    draft.fields.shift_remove("status");
                    draft.doubt("status", "the status is neither open nor won nor lost", Vec::new());
                }
                (None, false) => drop(draft.offer("status", Value::option(told.unwrap_or("open")))),
            }
        }
    }
}

/// The amount with its currency, where the row has one.
fn money(draft: &mut Draft) {
    let (Some(Value::Decimal(amount)), Some(code)) = (draft.fields.get("value"), draft.text("currency")) else {
        return;
    };
    let (amount, code) = (*amount, code.trim().to_uppercase());
    if code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()) {
        let money = Money { amount, currency: code.as_str().into() };
        draft.fields.insert("value".into(), Value::Money(money));
        draft.fields.insert("currency".into(), Value::text(code));
    } else {
        draft.fields.shift_remove("value");
        draft.doubt("value", "the currency is no code of three letters", Vec::new());
    }
}

fn fits(rule: &SpreadRule, draft: &Draft) -> bool {
    let value: Option<Decimal> = match draft.fields.get("value") {
        Some(Value::Money(money)) => Some(money.amount),
        Some(Value::Decimal(amount)) => Some(*amount),
        _ => None,
    };
    let tagged = rule.tag.as_ref().is_none_or(|tag| draft.list("labels").any(|label| folded(label) == folded(tag)));
    let bounded = rule.from.is_some() || rule.below.is_some();
    let within = value.is_some_and(|value| {
        rule.from.is_none_or(|from| value >= from) && rule.below.is_none_or(|below| value < below)
    });
    tagged && (!bounded || within)
}

/// Gives contacts, companies and deals their tags, from their rows and from `tags.csv`.
pub(super) fn label(harvest: &Harvest, people: &mut People, deals: &mut Deals) {
    let mut tags: HashMap<(&'static str, String), Vec<String>> = HashMap::new();
    let mut add = |object: &'static str, id: &str, tag: &str| {
        let known = tags.entry((object, id.to_owned())).or_default();
        if !known.iter().any(|known| known == tag) {
            known.push(tag.to_owned());
        }
    };
    let place = |object: &str, key: &str, people: &People, deals: &Deals| -> Option<String> {
        match object {
            "contacts" => {
                let found = people.contacts.id(key).or_else(|| people.contacts.with_key(&email_key(key)?));
                found.map(|found| people.contacts.drafts[found].id.clone())
            }
            "companies" => match people.company(key) {
                Found::One(found) => Some(people.companies.drafts[found].id.clone()),
                _ => None,
            },
            _ => deals.has(key).then(|| key.to_owned()),
        }
    };
    for (file, object, columns) in [
        ("contacts.csv", "contacts", &["Contact ID", "Email"][..]),
        ("companies.csv", "companies", &["Company ID", "Domain", "Company Name"]),
        ("deals.csv", "deals", &["Deal ID"]),
    ] {
        for (table, row) in harvest.rows(file) {
            let by_line = match object {
                "contacts" => people.contact_of_line(row.line),
                "companies" => people.company_of_line(row.line),
                _ => None,
            };
            let key = || columns.iter().find_map(|column| table.get(row, column));
            let id = by_line.or_else(|| place(object, key()?, people, deals));
            for tag in table.several(row, "Tags") {
                if let Some(id) = &id {
                    add(object, id, tag);
                }
            }
        }
    }
    for (table, row) in harvest.rows("tags.csv") {
        let object = table.get(row, "Object Type").and_then(custom::object);
        let id = object.and_then(|object| place(object, table.get(row, "Object Key")?, people, deals));
        match (object, id, table.get(row, "Tag")) {
            (Some(object), Some(id), Some(tag)) => add(object, &id, tag),
            _ => {
                let message = "the row names no tag, or nothing that has it";
                let problem = crmkit_core::Problem::new(
                    crmkit_core::Severity::Warn,
                    "unknown_object_key",
                    message,
                    "mend Object Type and Object Key",
                );
                people.problems.push(problem.in_file(table.file.clone(), row.line));
            }
        }
    }
    let all = [
        ("contacts", &mut people.contacts.drafts),
        ("companies", &mut people.companies.drafts),
        ("deals", &mut deals.drafts),
    ];
    for (object, drafts) in all {
        for draft in drafts.iter_mut() {
            if let Some(own) = tags.get(&(object, draft.id.clone())) {
                draft.offer("labels", Value::List(own.iter().map(|tag| Value::option(tag.as_str())).collect()));
            }
        }
    }
}
