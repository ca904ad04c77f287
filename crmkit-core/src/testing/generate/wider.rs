//! Columns that only a full export has, of companies, contacts, deals and tasks.
//!
//! They come from numbers of their own, so that a full export has the small one's records in it.

use std::sync::Arc;

use rust_decimal::Decimal;

use super::{
    allegory::AllegoryExport,
    draft::Draft,
    record::{moment, time},
    seed::SplitMix64,
};
use crate::{Address, RecordRef, Value};

/// Columns behind those of a small export.
pub(super) const COMPANIES: &[&str] =
    &["address_state", "address_postal", "address_country", "primary_contact_id", "cf_segment", "cf_renewal"];
pub(super) const CONTACTS: &[&str] = &[
    "address_street",
    "address_city",
    "address_state",
    "address_postal",
    "address_country",
    "lifecycle_changed_at",
    "lead_status",
    "cf_newsletter",
];
pub(super) const DEALS: &[&str] = &["probability", "lost_reason", "cf_matter_type", "cf_win_chance"];
pub(super) const TASKS: &[&str] = &["description", "priority", "company_id", "deal_id"];

impl AllegoryExport {
    pub(super) fn wider_company(&self, made: &mut Draft, number: u64, cells: &mut Vec<String>) {
        let mut rng = SplitMix64::of(self.seed, 101, number);
        let (state, postal) = (rng.pick(&["Skåne", "Lagos", "Sindh", "TX"]).to_string(), postal(&mut rng));
        let address = [cells[9].clone(), cells[10].clone(), state, postal, country(&mut rng)];
        address_of(made, &address);
        let primary = if self.contacts > 0 && rng.chance(0.5) {
            let id = format!("p{}", 1 + rng.below(self.contacts));
            made.record.later.push(("primary_contact_id".into(), RecordRef::new("contacts", id.as_str())));
            id
        } else {
            String::new()
        };
        let segment = made.option("cf_segment", rng.pick(&["Corporate", "Boutique", "In-house"]));
        let renewal = moment(number + rng.below(300)).date_naive();
        made.field("cf_renewal", Value::Date(renewal));
        let [_, _, state, postal, country] = address;
        cells.extend([state, postal, country, primary, segment, renewal.to_string()]);
    }

    pub(super) fn wider_contact(&self, made: &mut Draft, number: u64, cells: &mut Vec<String>) {
        let mut rng = SplitMix64::of(self.seed, 102, number);
        let lives = rng.chance(0.6);
        let street = format!("{} Oak Lane\nApt {}", 1 + rng.below(99), 1 + rng.below(40));
        let address = [street, "Göteborg".to_owned(), String::new(), postal(&mut rng), country(&mut rng)];
        let address = if lives { address } else { Default::default() };
        address_of(made, &address);
        made.option("lifecycle_stage", &cells[8]);
        made.field("lifecycle_changed_at", Value::Timestamp(moment(number + 3)));
        let status = made.option("lead_status", rng.pick(&["New", "Contacted", "Qualified"]));
        let newsletter = rng.chance(0.5);
        made.field("cf_newsletter", Value::Bool(newsletter));
        cells.extend(address);
        cells.extend([time(number + 3), status, if newsletter { "yes" } else { "no" }.to_owned()]);
    }

    pub(super) fn wider_deal(&self, made: &mut Draft, number: u64, status: &str, cells: &mut Vec<String>) {
        let mut rng = SplitMix64::of(self.seed, 103, number);
        let probability = rng.below(101) as i64;
        made.field("probability", Value::Decimal(probability.into()));
        let reason = if status == "lost" { *rng.pick(&["Price", "Conflict of interest", "No answer"]) } else { "" };
        made.text("lost_reason", reason);
        let types = [["Contract"].as_slice(), &["Patent", "Litigation"], &["Employment"]];
        let types = *rng.pick(&types);
        made.field("cf_matter_type", Value::List(types.iter().map(|one| Value::option(*one)).collect()));
        let chance = Decimal::new(rng.below(10_000) as i64, 4);
        made.field("cf_win_chance", Value::Decimal(chance));
        cells.extend([probability.to_string(), reason.to_owned(), types.join(";"), chance.to_string()]);
    }

    pub(super) fn wider_task(&self, made: &mut Draft, number: u64, cells: &mut Vec<String>) {
        let mut rng = SplitMix64::of(self.seed, 105, number);
        let description =
            if rng.chance(0.5) { format!("Call back about matter {number}\n- first, \"ask\"") } else { String::new() };
        made.text("description", &description);
        let priority = made.option("priority", rng.pick(&["low", "normal", "high"]));
        made.option("status", &cells[3]);
        if !cells[4].is_empty() {
            made.field("completed_at", Value::Timestamp(moment(number + 13)));
        }
        made.field("due_at", Value::Date(moment(number + 14).date_naive()));
        let company = match self.companies > 0 && rng.chance(0.4) {
            true => self.link_to(made, "company", 1 + rng.below(self.companies)),
            false => String::new(),
        };
        let deal = match self.deals > 0 && rng.chance(0.4) {
            true => self.link_to(made, "deal", 1 + rng.below(self.deals)),
            false => String::new(),
        };
        cells.extend([description, priority, company, deal]);
    }
}

fn postal(rng: &mut SplitMix64) -> String {
    format!("{:05}", rng.below(100_000))
}

fn country(rng: &mut SplitMix64) -> String {
    rng.pick(&["SE", "Nigeria", "Pakistan", "US"]).to_string()
}

fn address_of(made: &mut Draft, parts: &[String; 5]) {
    if parts.iter().any(|part| !part.is_empty()) {
        let [street, city, region, postal_code, country] = parts.each_ref().map(|part| Arc::from(part.as_str()));
        made.field("address", Value::Address(Arc::new(Address { street, city, region, postal_code, country })));
    }
}
