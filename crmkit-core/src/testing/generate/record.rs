//! One record of a generated export: its cells and its fate, from the seed and its number alone.

use std::sync::Arc;

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use rust_decimal::Decimal;

use super::{
    allegory::AllegoryExport,
    draft::{Draft, Made, Mess},
    expected::Trouble,
    seed::SplitMix64,
};
use crate::{Labelled, Markup, RecordRef, RichText, Value};

use Mess::{
    BadValue, Dangling, DuplicateId, MissingId, MissingName, NoEmail, NoOwner, NonAscii, OddEmail, OwnerUnknown,
    Quotes, Ragged, SameDomain, SameName, SharedEmail,
};

pub(super) const GIVEN: [&str; 8] = ["Ann", "Bo", "Chandra", "Dalia", "Emeka", "Freya", "Goran", "Hana"];
pub(super) const FAMILY: [&str; 8] = ["Berg", "Cole", "Diaz", "Eze", "Fors", "Gill", "Hahn", "Ito"];
pub(super) const FOREIGN: [&str; 5] = ["Åsa Öberg", "José Niño", "Zoë Łuczak", "李 明", "Ольга Ким"];
pub(super) const WORDS: [&str; 8] = ["North", "Blue", "Iron", "Cedar", "Delta", "Summit", "Harbor", "Quartz"];
pub(super) const TRADES: [&str; 6] = ["Logistics", "Foods", "Systems", "Legal", "Energy", "Textiles"];

/// Companies that are parents and have none themselves.
const ROOTS: u64 = 20;

/// The first records of each object are clean, so that small exports have some.
pub(super) const CLEAN: u64 = 10;

/// Stage names, the same in both pipelines.
pub(super) const STAGES: [(&str, &str); 4] =
    [("Qualified", "open"), ("Proposal", "open"), ("Won", "won"), ("Lost", "lost")];

/// Stages of the third pipeline of a full export: one has a name of the others.
pub(super) const THIRD: [(&str, &str); 5] =
    [("Intake", "open"), ("Proposal", "open"), ("Discovery", "open"), ("Settled", "won"), ("Dismissed", "lost")];

/// In a full export, this contact has the name of that one, so that the name fits two.
pub(super) const SAME_NAME: u64 = CLEAN + 1;
pub(super) const TWICE: u64 = CLEAN / 2 + 1;

const COMPANY: [Mess; 10] =
    [MissingName, OwnerUnknown, NoOwner, Dangling, BadValue, NonAscii, Quotes, Ragged, MissingId, DuplicateId];
const CONTACT: [Mess; 11] = [
    MissingName,
    OwnerUnknown,
    NoOwner,
    Dangling,
    NoEmail,
    SharedEmail,
    NonAscii,
    Quotes,
    Ragged,
    MissingId,
    DuplicateId,
];

impl AllegoryExport {
    pub(super) fn rng(&self, object: u64, number: u64, mess: &[Mess]) -> (SplitMix64, Option<Mess>) {
        let mut rng = SplitMix64::of(self.seed, object, number);
        let messy = rng.chance(self.mess);
        let which = *rng.pick(mess);
        (rng, (messy && number > CLEAN).then_some(which))
    }

    /// The company of that number, from 1.
    pub(super) fn company(&self, number: u64) -> Made {
        let mess: &[Mess] = match self.full {
            false => &COMPANY,
            true => &[COMPANY.as_slice(), &[SameName, SameDomain]].concat(),
        };
        let (mut rng, mess) = self.rng(1, number, mess);
        let mut made = Draft::new("companies", format!("c{number}"), mess);
        let twin = CLEAN / 2 + 1 + number % (CLEAN / 2);
        let name = match mess {
            Some(MissingName) => String::new(),
            Some(SameName) => {
                made.record.similar.push(("name".into(), RecordRef::new("companies", format!("c{twin}"))));
                self.company(twin).told("name")
            }
            Some(NonAscii) => format!("{} & Söhne {number}", FOREIGN[number as usize % 5]),
            Some(Quotes) => format!("\"{}\", Inc.\n{number}", rng.pick(&WORDS)),
            _ => format!("{} {} {number}", rng.pick(&WORDS), rng.pick(&TRADES)),
        };
        made.name(&name);
        let domain = match mess {
            Some(SameDomain) => {
                made.record.similar.push(("domain".into(), RecordRef::new("companies", format!("c{twin}"))));
                format!("c{twin}.example")
            }
            _ => format!("c{number}.example"),
        };
        made.text("domain", &domain);
        let revenue = match mess {
            Some(BadValue) => made.doubt("annual_revenue", "about 3 million"),
            _ => {
                let revenue = Decimal::new((rng.below(90_000_000) + 1) as i64, 2);
                made.money("annual_revenue", revenue, "USD")
            }
        };
        let owner = self.owner(&mut made, &mut rng, mess);
        let parent = match (number, mess) {
            (1, _) if self.companies >= 2 => made.cycle("companies", "c2"),
            (2, _) => made.cycle("companies", "c1"),
            (3, _) => made.cycle("companies", "c3"),
            (_, Some(Dangling)) => made.dangling("parent_id", "c-gone"),
            _ if number > ROOTS && rng.chance(0.2) => {
                let parent = 4 + rng.below(ROOTS - 3);
                made.link("parent_id", "companies", format!("c{parent}"), self.company(parent).arrives())
            }
            _ => String::new(),
        };
        made.created(number);
        let city = ["Malmö", "Lagos", "Karachi", "Austin"][rng.below(4) as usize].to_owned();
        let mut cells = vec![
            made.id(),
            name,
            domain.clone(),
            format!("https://www.{domain}/"),
            rng.pick(&TRADES).to_string(),
            (1 + rng.below(5_000)).to_string(),
            revenue,
            "USD".to_owned(),
            format!("+46 40 {:06}", number % 1_000_000),
            format!("{} Main Street, floor {}", 1 + rng.below(99), 1 + rng.below(9)),
            city,
            parent,
            owner,
            time(number),
            time(number + 90),
        ];
        if self.full {
            self.wider_company(&mut made, number, &mut cells);
        }
        made.done(cells)
    }

    /// The contact of that number, from 1.
    pub(super) fn contact(&self, number: u64) -> Made {
        let mess: &[Mess] = match self.full {
            false => &CONTACT,
            true => &[CONTACT.as_slice(), &[SameName, OddEmail]].concat(),
        };
        let (mut rng, mut mess) = self.rng(2, number, mess);
        if self.full && number == SAME_NAME {
            mess = Some(SameName);
        }
        let mut made = Draft::new("contacts", format!("p{number}"), mess);
        let twin = if number == SAME_NAME { TWICE } else { CLEAN / 2 + 1 + number % (CLEAN / 2) };
        let (given, family) = match mess {
            Some(MissingName) => (String::new(), String::new()),
            Some(SameName) => {
                made.record.similar.push(("name".into(), RecordRef::new("contacts", format!("p{twin}"))));
                let twin = self.contact(twin);
                (twin.told("first_name"), twin.told("last_name"))
            }
            Some(NonAscii) => {
                let (given, family) = rng.pick(&FOREIGN).split_once(' ').unwrap_or_default();
                (given.to_owned(), family.to_owned())
            }
            Some(Quotes) => (format!("{} \"Ace\"", rng.pick(&GIVEN)), format!("{}, Jr.\nEsq.", rng.pick(&FAMILY))),
            _ => (rng.pick(&GIVEN).to_string(), format!("{}-{number}", rng.pick(&FAMILY))),
        };
        made.text("first_name", &given);
        made.text("last_name", &family);
        made.name(format!("{given} {family}").trim());
        let mut email = format!("p{number}@c{}.example", 1 + number % self.companies.max(1));
        let mut more = if rng.chance(0.2) { format!("home:p{number}@home.example; {email}") } else { String::new() };
        match mess {
            Some(NoEmail) => (email, more) = Default::default(),
            Some(OddEmail) => (email, more) = (format!("åsa.ö{number}@c1.example"), String::new()),
            Some(SharedEmail) => {
                let other = 1 + number % CLEAN;
                email = format!("P{other}@C{}.example", 1 + other % self.companies.max(1));
                more.clear();
                let other = RecordRef::new("contacts", format!("p{other}"));
                made.record.similar.push(("emails".into(), other.clone()));
                made.record.duplicate_of = Some(other);
            }
            _ => {}
        }
        let mut emails = Vec::new();
        if !email.is_empty() {
            emails.push(labelled(&email, None));
        }
        if !more.is_empty() {
            emails.push(labelled(&format!("p{number}@home.example"), Some("home")));
        }
        if !emails.is_empty() {
            made.field("emails", Value::List(emails.into()));
        }
        let phone = format!("+46 70 {:07}", number % 10_000_000);
        made.field("phones", Value::List([labelled(&phone, Some("mobile"))].into()));
        made.created(number);
        let owner = self.owner(&mut made, &mut rng, mess);
        let company = match mess {
            Some(Dangling) => made.dangling("company_id", "c-gone"),
            _ if self.companies > 0 && rng.chance(0.9) => {
                let company = 1 + rng.below(self.companies);
                made.link("company_id", "companies", format!("c{company}"), self.company(company).arrives())
            }
            _ => String::new(),
        };
        let mut cells = vec![
            made.id(),
            given,
            family,
            email,
            more,
            format!("mobile:{phone}"),
            rng.pick(&["Buyer", "Counsel", "CEO", "Engineer"]).to_string(),
            company,
            rng.pick(&["lead", "customer", "subscriber"]).to_string(),
            owner,
            time(number),
            time(number + 30),
            rng.pick(&["Gold", "Silver", "Bronze"]).to_string(),
            rng.below(100).to_string(),
        ];
        if self.full {
            self.wider_contact(&mut made, number, &mut cells);
        }
        made.done(cells)
    }

    /// The deal of that number, from 1.
    pub(super) fn deal(&self, number: u64) -> Made {
        let mess =
            [MissingName, OwnerUnknown, NoOwner, Dangling, BadValue, NonAscii, Quotes, Ragged, MissingId, DuplicateId];
        let (mut rng, mess) = self.rng(3, number, &mess);
        let mut made = Draft::new("deals", format!("d{number}"), mess);
        let name = match mess {
            Some(MissingName) => String::new(),
            Some(NonAscii) => format!("Ökning {number} – 倉庫"),
            Some(Quotes) => format!("=\"Upgrade\", {number}\nsecond line"),
            _ => format!("{} deal {number}", rng.pick(&WORDS)),
        };
        made.name(&name);
        let currency = *rng.pick(&["EUR", "USD", "SEK"]);
        let amount = match mess {
            Some(BadValue) => made.doubt("amount", "ask Bo"),
            _ => {
                let scale = if rng.chance(0.25) { 4 } else { 2 };
                made.money("amount", Decimal::new((rng.below(1_000_000_000) + 1) as i64, scale), currency)
            }
        };
        let (pipeline, stage) = (1 + rng.below(2), rng.below(STAGES.len() as u64));
        let (pipeline, stage, (stage_name, status)) = match self.full && number.is_multiple_of(5) {
            true => (3, number / 5 % THIRD.len() as u64, THIRD[(number / 5) as usize % THIRD.len()]),
            false => (pipeline, stage, STAGES[stage as usize]),
        };
        let stage_id = format!("s{}", (pipeline - 1) * STAGES.len() as u64 + stage + 1);
        made.field("stage_id", Value::option(stage_id.as_str()));
        let closed = moment(number + 200);
        let when = |wanted: &str, text: String| if status == wanted { text } else { String::new() };
        let closing = closed.format("%Y-%m-%d").to_string();
        let (won, lost) = (when("won", time(number + 200)), when("lost", time(number + 200)));
        if status != "open" {
            made.field(if status == "won" { "won_at" } else { "lost_at" }, Value::Timestamp(closed));
        }
        made.created(number);
        let owner = self.owner(&mut made, &mut rng, mess);
        let company = match mess {
            Some(Dangling) => made.dangling("company_id", "c-gone"),
            _ if self.companies > 0 && rng.chance(0.9) => {
                let company = 1 + rng.below(self.companies);
                made.link("company_id", "companies", format!("c{company}"), self.company(company).arrives())
            }
            _ => String::new(),
        };
        let contact = if self.contacts > 0 && rng.chance(0.7) {
            let contact = 1 + rng.below(self.contacts);
            made.link("primary_contact_id", "contacts", format!("p{contact}"), self.contact(contact).arrives())
        } else {
            String::new()
        };
        let mut cells = vec![
            made.id(),
            name,
            amount,
            currency.to_owned(),
            format!("pl{pipeline}"),
            stage_id,
            stage_name.to_owned(),
            status.to_owned(),
            when("open", closing.clone()),
            if status == "open" { String::new() } else { closing },
            won,
            lost,
            company,
            contact,
            owner,
            time(number),
            time(number + 60),
        ];
        if self.full {
            self.wider_deal(&mut made, number, status, &mut cells);
        }
        made.done(cells)
    }

    /// The note of that number, from 1. Of every fifty one repeats the one before it.
    pub(super) fn note(&self, number: u64) -> Made {
        let twin = if number % 50 == 2 { number - 1 } else { number };
        let mess = [Dangling, BadValue, NonAscii, Quotes, Ragged, MissingId, DuplicateId];
        let (mut rng, mess) = self.rng(4, twin, &mess);
        let mut made = Draft::new("notes", format!("n{number}"), mess);
        let words = match mess {
            Some(NonAscii) => format!("Möte {twin} 会議"),
            Some(Quotes) => format!("She said \"yes\", twice\n{twin}"),
            _ => format!("{} call about {} {twin}", rng.pick(&WORDS), rng.pick(&TRADES)),
        };
        let html = rng.chance(0.5);
        let body = if html { format!("<p>{words} <b>@bo</b></p>") } else { words };
        made.field(
            "body",
            match html {
                true => Value::Rich(Arc::new(RichText { markup: Markup::Html, text: body.as_str().into() })),
                false => Value::text(body.as_str()),
            },
        );
        made.created(twin + 5);
        let author = format!("u{}", 1 + rng.below(self.known_users()));
        made.record.links.push(("author_id".into(), RecordRef::new("users", author.as_str())));
        let parents = [
            ("company", "companies", self.companies),
            ("contact", "contacts", self.contacts),
            ("deal", "deals", self.deals),
        ];
        let start = rng.below(3) as usize;
        let parent = (0..3).map(|turn| parents[(start + turn) % 3]).find(|(.., count)| *count > 0);
        let (kind, id) = match (mess, parent) {
            (Some(BadValue), _) | (_, None) => ("matterhorn", made.doubt("company_id", "x1")),
            (Some(Dangling), _) => ("deal", made.dangling("deal_id", "d-gone")),
            (_, Some((kind, object, count))) => {
                let number = 1 + rng.below(count);
                let target = match kind {
                    "company" => self.company(number),
                    "contact" => self.contact(number),
                    _ => self.deal(number),
                };
                let id = target.record.key.id.to_string();
                (kind, made.link(&format!("{kind}_id"), object, id, target.arrives()))
            }
        };
        let format = if html { "html" } else { "text" };
        let cells = vec![made.id(), body, format.to_owned(), author, kind.to_owned(), id, time(twin + 5)];
        made.done(cells)
    }

    /// The task of that number, from 1.
    pub(super) fn task(&self, number: u64) -> Made {
        let (mut rng, mess) = self.rng(5, number, &[MissingName, OwnerUnknown, NoOwner, Dangling, Ragged, MissingId]);
        let mut made = Draft::new("tasks", format!("t{number}"), mess);
        let subject = if mess == Some(MissingName) { String::new() } else { format!("Follow up {number}") };
        if subject.is_empty() {
            made.record.troubles.push(Trouble::MissingName);
        } else {
            made.text("subject", &subject);
        }
        let finished = rng.chance(0.5);
        made.field("done", Value::Bool(finished));
        let owner = self.owner(&mut made, &mut rng, mess);
        let contact = match mess {
            Some(Dangling) => made.dangling("contact_id", "p-gone"),
            _ if self.contacts > 0 => {
                let contact = 1 + rng.below(self.contacts);
                made.link("contact_id", "contacts", format!("p{contact}"), self.contact(contact).arrives())
            }
            _ => String::new(),
        };
        let due = moment(number + 14).format("%Y-%m-%d").to_string();
        let (status, completed) = if finished { ("completed", time(number + 13)) } else { ("open", String::new()) };
        let mut cells = vec![made.id(), subject, due, status.to_owned(), completed, contact, owner, time(number)];
        if self.full {
            self.wider_task(&mut made, number, &mut cells);
        }
        made.done(cells)
    }

    pub(super) fn owner(&self, made: &mut Draft, rng: &mut SplitMix64, mess: Option<Mess>) -> String {
        let known = self.known_users();
        let user = match mess {
            Some(OwnerUnknown) if self.users > known => known + 1 + rng.below(self.users - known),
            Some(NoOwner) => {
                made.record.troubles.push(Trouble::NoOwner);
                return String::new();
            }
            _ => 1 + rng.below(known),
        };
        if user > known {
            made.record.troubles.push(Trouble::OwnerUnknown);
        } else {
            made.record.owner = Some(email_of_user(user));
        }
        format!("u{user}")
    }
}

/// The e-mail address of the user of that number.
pub(super) fn email_of_user(number: u64) -> String {
    format!("u{number}@acme.example")
}

fn labelled(value: &str, label: Option<&str>) -> Value {
    Value::Labelled(Arc::new(Labelled { value: value.into(), label: label.map(Into::into) }))
}

/// The moment that many days after the first one.
pub(super) fn moment(days: u64) -> DateTime<Utc> {
    let first = DateTime::UNIX_EPOCH + Duration::days(18_262);
    first + Duration::days((days % 1_500) as i64) + Duration::seconds((days % 86_400) as i64)
}

/// That moment in words.
pub(super) fn time(days: u64) -> String {
    moment(days).to_rfc3339_opts(SecondsFormat::Secs, true)
}
