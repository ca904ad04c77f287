//! Custom objects, many-to-many links, their declaration in `schema.json`, and automations.

use rust_decimal::Decimal;
use serde_json::json;

use super::{
    allegory::AllegoryExport,
    draft::{Draft, Made, Mess},
    expected::{ExpectedWorkflow, Trouble},
    record::{moment, time},
};
use crate::{RecordRef, Value};

use Mess::{BadValue, Dangling, DuplicateId, MissingId, MissingName, NoOwner, OwnerUnknown, Ragged};

pub(super) const COURTS: &[&str] = &["id", "name", "cf_city", "cf_level", "created_at"];
pub(super) const RISK_PROFILES: &[&str] =
    &["id", "name", "company_id", "cf_score", "cf_rating", "cf_reviewed", "owner_id", "created_at"];
pub(super) const HEARINGS: &[&str] = &[
    "id",
    "name",
    "deal_id",
    "contact_id",
    "cf_court",
    "cf_held_at",
    "cf_public",
    "cf_topics",
    "cf_link",
    "cf_transcript",
    "owner_id",
    "created_at",
];
pub(super) const LINKS: &[&str] = &["left_id", "right_id", "role"];

/// Courts that hearings look up.
const MAX_COURTS: u64 = 10;

impl AllegoryExport {
    pub(super) fn court_count(&self) -> u64 {
        self.custom.min(MAX_COURTS)
    }

    /// At most one of a company.
    pub(super) fn risk_profile_count(&self) -> u64 {
        self.custom.min(self.companies)
    }

    /// A custom object without owners that others look up.
    pub(super) fn court(&self, number: u64) -> Made {
        let (mut rng, mess) = self.rng(13, number, &[MissingName]);
        let mut made = Draft::new("custom/courts", format!("ct{number}"), mess);
        let name = format!("District Court {number}");
        made.name(&name);
        let city = rng.pick(&["Malmö", "Lagos", "Austin"]).to_string();
        made.text("cf_city", &city);
        let level = made.option("cf_level", rng.pick(&["District", "Appeal", "Supreme"]));
        made.created(number);
        let cells = vec![made.id(), name, city, level, time(number)];
        made.done(cells)
    }

    /// A custom object of which each company has one at most.
    pub(super) fn risk_profile(&self, number: u64) -> Made {
        let (mut rng, mess) =
            self.rng(14, number, &[MissingName, OwnerUnknown, NoOwner, BadValue, Ragged, DuplicateId]);
        let mut made = Draft::new("custom/risk_profiles", format!("rp{number}"), mess);
        let name = if mess == Some(MissingName) { String::new() } else { format!("Risk of c{number}") };
        made.name(&name);
        let company = self.link_to(&mut made, "company", number);
        let score = match mess {
            Some(BadValue) => made.doubt("cf_score", "high"),
            _ => {
                let score = Decimal::new(rng.below(1_000_000) as i64, 4);
                made.field("cf_score", Value::Decimal(score));
                score.to_string()
            }
        };
        let rating = made.option("cf_rating", rng.pick(&["A", "B", "C"]));
        let reviewed = moment(number + 50).date_naive();
        made.field("cf_reviewed", Value::Date(reviewed));
        made.created(number);
        let owner = self.owner(&mut made, &mut rng, mess);
        let cells = vec![made.id(), name, company, score, rating, reviewed.to_string(), owner, time(number)];
        made.done(cells)
    }

    /// A custom object that looks up deals, contacts and another custom object.
    pub(super) fn hearing(&self, number: u64) -> Made {
        let mess = [MissingName, OwnerUnknown, NoOwner, Dangling, BadValue, Ragged, MissingId, DuplicateId];
        let (mut rng, mess) = self.rng(15, number, &mess);
        let mut made = Draft::new("custom/hearings", format!("h{number}"), mess);
        let name = if mess == Some(MissingName) { String::new() } else { format!("Hearing {number}") };
        made.name(&name);
        let deal = match self.deals {
            0 => String::new(),
            deals => self.link_to(&mut made, "deal", 1 + rng.below(deals)),
        };
        let contact = match self.contacts > 0 && rng.chance(0.7) {
            true => self.link_to(&mut made, "contact", 1 + rng.below(self.contacts)),
            false => String::new(),
        };
        let court = match mess {
            Some(Dangling) => made.dangling("cf_court", "ct-gone"),
            _ => {
                let court = self.court(1 + rng.below(self.court_count()));
                made.link("cf_court", "custom/courts", court.record.key.id.to_string(), court.arrives())
            }
        };
        let held = match mess {
            Some(BadValue) => made.doubt("cf_held_at", "next spring"),
            _ => {
                made.field("cf_held_at", Value::Timestamp(moment(number + 70)));
                time(number + 70)
            }
        };
        let public = rng.chance(0.5);
        made.field("cf_public", Value::Bool(public));
        let topics = *rng.pick(&[["Evidence"].as_slice(), &["Evidence", "Motion"], &[]]);
        if !topics.is_empty() {
            made.field("cf_topics", Value::List(topics.iter().map(|topic| Value::option(*topic)).collect()));
        }
        let link = format!("https://court.example/h/{number}");
        made.text("cf_link", &link);
        let transcript = json!({ "pages": rng.below(90), "by": "Clerk, \"A\"" }).to_string();
        made.text("cf_transcript", &transcript);
        made.created(number);
        let owner = self.owner(&mut made, &mut rng, mess);
        let cells = vec![
            made.id(),
            name,
            deal,
            contact,
            court,
            held,
            public.to_string(),
            topics.join(";"),
            link,
            transcript,
            owner,
            time(number),
        ];
        made.done(cells)
    }

    pub(super) fn advisor_count(&self) -> u64 {
        self.custom.min(self.companies * self.contacts)
    }

    pub(super) fn witness_count(&self) -> u64 {
        self.custom.min(self.contacts * self.custom)
    }

    /// Companies and the contacts who advise them, many-to-many.
    pub(super) fn advisor(&self, number: u64) -> Made {
        self.pair("links/companies__contacts", 16, number, ("company", self.companies), ("contact", self.contacts))
    }

    /// Contacts and the hearings they attend, many-to-many.
    pub(super) fn witness(&self, number: u64) -> Made {
        self.pair("links/contacts__hearings", 17, number, ("contact", self.contacts), ("hearing", self.custom))
    }

    /// The link of that number; no pair occurs twice.
    fn pair(&self, object: &str, salt: u64, number: u64, left: (&str, u64), right: (&str, u64)) -> Made {
        let (mut rng, mess) = self.rng(salt, number, &[Dangling, Ragged, MissingId, DuplicateId]);
        let first = 1 + (number - 1) % left.1;
        let second = 1 + (first * 5 + (number - 1) / left.1) % right.1;
        let (first, second) = (self.one(left.0, first), self.one(right.0, second));
        let gone = format!("gone-{number}");
        let right_id = if mess == Some(Dangling) { gone } else { second.record.key.id.to_string() };
        let mut made = Draft::new(object, format!("{}:{right_id}", first.record.key.id), mess);
        let RecordRef { object, id } = &first.record.key;
        let left_id = made.link("left_id", object.as_str(), id.to_string(), first.arrives());
        match mess {
            Some(Dangling) => made.record.troubles.push(Trouble::DanglingLink("right_id".into())),
            _ => {
                made.link("right_id", second.record.key.object.as_str(), right_id.clone(), second.arrives());
            }
        }
        let role = *rng.pick(&["advisor", "referrer", ""]);
        made.text("role", role);
        made.done(vec![left_id, right_id, role.to_owned()])
    }

    /// The record of that kind and number.
    pub(super) fn one(&self, kind: &str, number: u64) -> Made {
        match kind {
            "company" => self.company(number),
            "contact" => self.contact(number),
            "deal" => self.deal(number),
            "lead" => self.lead(number),
            "task" => self.task(number),
            "call" => self.call(number),
            "email" => self.email(number),
            "meeting" => self.meeting(number),
            "hearing" => self.hearing(number),
            _ => self.note_on_anything(number),
        }
    }

    /// How many of that kind there are.
    pub(super) fn count(&self, kind: &str) -> u64 {
        match kind {
            "company" => self.companies,
            "contact" => self.contacts,
            "deal" => self.deals,
            "lead" => self.leads,
            "task" => self.tasks,
            "call" => self.calls,
            "email" => self.emails,
            "meeting" => self.meetings,
            "hearing" => self.custom,
            _ => self.notes,
        }
    }
}

/// Types of the custom fields of a full export.
pub(super) fn schema() -> serde_json::Value {
    let options = |ty: &str, options: &[&str]| json!({ "type": ty, "options": options });
    let of = |ty: &str| json!({ "type": ty });
    json!({ "objects": {
        "companies": { "label": "Firms", "fields": {
            "cf_segment": options("picklist", &["Corporate", "Boutique", "In-house", "Public sector"]),
            "cf_renewal": of("date"),
        } },
        "contacts": { "fields": {
            "cf_tier": { "label": "Tier", "type": "picklist", "options": ["Gold", "Silver", "Bronze"] },
            "cf_score": of("number"),
            "cf_newsletter": of("boolean"),
        } },
        "deals": { "fields": {
            "cf_matter_type": options("multi_picklist", &["Contract", "Patent", "Litigation", "Employment"]),
            "cf_win_chance": of("number"),
        } },
        "custom/courts": { "label": "Courts", "fields": {
            "cf_city": of("text"),
            "cf_level": options("picklist", &["District", "Appeal", "Supreme"]),
        } },
        "custom/risk_profiles": { "label": "Risk profiles", "fields": {
            "cf_score": of("number"),
            "cf_rating": options("picklist", &["A", "B", "C", "D"]),
            "cf_reviewed": of("date"),
        } },
        "custom/hearings": { "label": "Hearings", "fields": {
            "cf_court": { "label": "Court", "type": "lookup", "lookup": "custom/courts" },
            "cf_held_at": of("datetime"),
            "cf_public": of("boolean"),
            "cf_topics": options("multi_picklist", &["Evidence", "Motion", "Appeal"]),
            "cf_link": of("url"),
            "cf_transcript": of("json"),
        } },
    } })
}

/// Automations of a full export.
pub(super) fn workflows() -> Vec<ExpectedWorkflow> {
    let one = |number: u64, name: &str, trigger: &str| {
        let definition = json!({
            "name": name,
            "enabled": number != 2,
            "trigger": { "object": trigger, "event": "created" },
            "steps": [{ "wait": "2d" }, { "send": "template-7", "to": "owner" }],
        });
        ExpectedWorkflow { id: format!("w{number}"), name: name.to_owned(), definition: format!("{definition:#}\n") }
    };
    vec![one(1, "Welcome", "contact"), one(2, "Nurture \u{2013} old", "lead"), one(3, "Renewal reminder", "deal")]
}
