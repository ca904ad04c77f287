//! Leads, open and converted, and the contacts of deals.

use rust_decimal::Decimal;

use super::{
    allegory::AllegoryExport,
    draft::{Draft, Made, Mess},
    record::{FAMILY, GIVEN, WORDS, moment, time},
};
use crate::Value;

pub(super) const LEADS: &[&str] = &[
    "id",
    "first_name",
    "last_name",
    "email",
    "phone",
    "company_name",
    "contact_id",
    "company_id",
    "value",
    "currency",
    "status",
    "source",
    "converted",
    "converted_at",
    "converted_contact_id",
    "converted_deal_id",
    "owner_id",
    "created_at",
    "updated_at",
];
pub(super) const DEAL_CONTACTS: &[&str] = &["deal_id", "contact_id", "role"];

impl AllegoryExport {
    /// The lead of that number: every third is converted and tells which contact and deal it became.
    pub(super) fn lead(&self, number: u64) -> Made {
        use Mess::{BadValue, Dangling, DuplicateId, MissingId, MissingName, NoOwner, OwnerUnknown, Ragged};
        let mess = [MissingName, OwnerUnknown, NoOwner, Dangling, BadValue, Ragged, MissingId, DuplicateId];
        let (mut rng, mess) = self.rng(6, number, &mess);
        let mut made = Draft::new("leads", format!("l{number}"), mess);
        let (given, family) = match mess {
            Some(MissingName) => (String::new(), String::new()),
            _ => (rng.pick(&GIVEN).to_string(), format!("{}-L{number}", rng.pick(&FAMILY))),
        };
        made.text("first_name", &given);
        made.text("last_name", &family);
        made.name(format!("{given} {family}").trim());
        let email = made.addresses("email", &[(None, format!("l{number}@prospect.example"))]);
        let phone = made.addresses("phone", &[(Some("work"), format!("+1 512 555 {:04}", number % 10_000))]);
        let firm = format!("{} Holdings", rng.pick(&WORDS));
        made.text("company_name", &firm);
        let value = match mess {
            Some(BadValue) => made.doubt("value", "tbd"),
            _ => made.money("value", Decimal::new((rng.below(9_000_000) + 1) as i64, 2), "USD"),
        };
        let converted = number.is_multiple_of(3) && self.contacts > 0 && self.deals > 0;
        made.field("converted", Value::Bool(converted));
        let status =
            made.option("status", if converted { "Converted" } else { *rng.pick(&["New", "Working", "Nurturing"]) });
        let source = made.option("source", rng.pick(&["Web", "Referral", "Trade show"]));
        let contact = match !converted && self.contacts > 0 && number % 3 == 1 {
            true => self.link_to(&mut made, "contact", 1 + rng.below(self.contacts)),
            false => String::new(),
        };
        let company = match mess {
            Some(Dangling) => made.dangling("company_id", "c-gone"),
            _ if self.companies > 0 && rng.chance(0.4) => {
                self.link_to(&mut made, "company", 1 + rng.below(self.companies))
            }
            _ => String::new(),
        };
        let (mut at, mut person, mut deal) = Default::default();
        if converted {
            made.field("converted_at", Value::Timestamp(moment(number + 40)));
            at = time(number + 40);
            let target = self.contact(1 + rng.below(self.contacts));
            person = made.link("converted_contact_id", "contacts", target.record.key.id.to_string(), target.arrives());
            let target = self.deal(1 + rng.below(self.deals));
            deal = made.link("converted_deal_id", "deals", target.record.key.id.to_string(), target.arrives());
        }
        made.created(number);
        let owner = self.owner(&mut made, &mut rng, mess);
        let cells = vec![
            made.id(),
            given,
            family,
            email,
            phone,
            firm,
            contact,
            company,
            value,
            "USD".to_owned(),
            status,
            source,
            converted.to_string(),
            at,
            person,
            deal,
            owner,
            time(number),
            time(number + 41),
        ];
        made.done(cells)
    }

    /// How many contacts of deals there are: no pair occurs twice.
    pub(super) fn deal_contact_count(&self) -> u64 {
        self.deal_contacts.min(self.deals * self.contacts)
    }

    /// The contact of a deal of that number. A deal's primary contact is among them, with that role.
    pub(super) fn deal_contact(&self, number: u64) -> Made {
        use Mess::{Dangling, DuplicateId, MissingId, Ragged};
        let (mut rng, mess) = self.rng(7, number, &[Dangling, DuplicateId, MissingId, Ragged]);
        let (deal, turn) = (1 + (number - 1) % self.deals, (number - 1) / self.deals);
        let target = self.deal(deal);
        let primary = target.record.links.iter().find(|(field, _)| field == "primary_contact_id");
        let primary = primary.map(|(_, to)| to.id.to_string());
        let nth = |turn: u64| format!("p{}", 1 + (deal * 7 + turn) % self.contacts);
        // The primary contact takes the first place; whoever would have been there takes the primary contact's.
        let contact = match (turn, &primary) {
            (0, Some(primary)) => primary.clone(),
            (_, Some(primary)) if *primary == nth(turn) => nth(0),
            _ => nth(turn),
        };
        let role = match turn == 0 && primary.is_some() {
            true => "primary",
            false => *rng.pick(&["decision maker", "opposing counsel", "witness"]),
        };
        let contact = if mess == Some(Dangling) { format!("p-gone-{number}") } else { contact };
        let mut made = Draft::new("deal_contacts", format!("d{deal}:{contact}"), mess);
        let deal = made.link("deal_id", "deals", format!("d{deal}"), target.arrives());
        let contact = match mess {
            Some(Dangling) => made.dangling("contact_id", &contact),
            _ => {
                let arrives = self.contact(contact[1..].parse().unwrap_or(1)).arrives();
                made.link("contact_id", "contacts", contact, arrives)
            }
        };
        made.text("role", role);
        made.done(vec![deal, contact, role.to_owned()])
    }
}
