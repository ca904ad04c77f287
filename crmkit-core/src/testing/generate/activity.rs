//! Calls, e-mails and meetings.

use chrono::{Duration, SecondsFormat};

use super::{
    allegory::AllegoryExport,
    draft::{Draft, Made, Mess},
    expected::Trouble,
    record::{CLEAN, SAME_NAME, TRADES, TWICE, WORDS, email_of_user, moment, time},
    seed::SplitMix64,
};
use crate::{Markup, RecordRef, Value};

use Mess::{BadValue, Dangling, DateOnly, DuplicateId, MissingId, MissingName, NoOwner, OwnerUnknown, Ragged};

pub(super) const CALLS: &[&str] = &[
    "id",
    "subject",
    "started_at",
    "duration_seconds",
    "outcome",
    "disposition",
    "notes",
    "direction",
    "contact_id",
    "contact_name",
    "company_id",
    "deal_id",
    "owner_id",
    "created_at",
];
pub(super) const EMAILS: &[&str] = &[
    "id",
    "subject",
    "body_text",
    "body_html",
    "sent_at",
    "direction",
    "from",
    "to",
    "cc",
    "bcc",
    "thread_id",
    "contact_id",
    "company_id",
    "deal_id",
    "owner_id",
    "created_at",
];
pub(super) const MEETINGS: &[&str] = &[
    "id",
    "title",
    "start_at",
    "end_at",
    "location",
    "attendees",
    "organizer_email",
    "agenda",
    "outcome",
    "recurrence_rule",
    "series_id",
    "contact_id",
    "company_id",
    "deal_id",
    "owner_id",
    "created_at",
];

/// Meetings of one weekly series.
const SERIES: u64 = 4;

impl AllegoryExport {
    /// The call of that number. Some name their contact only: one contact, two (held), or nobody.
    pub(super) fn call(&self, number: u64) -> Made {
        let mess = [MissingName, OwnerUnknown, NoOwner, Dangling, BadValue, DateOnly, Ragged, MissingId, DuplicateId];
        let (mut rng, mess) = self.rng(8, number, &mess);
        let mut made = Draft::new("calls", format!("k{number}"), mess);
        let subject = if mess == Some(MissingName) {
            String::new()
        } else {
            format!("Call about {} {number}", rng.pick(&TRADES))
        };
        made.titled("subject", &subject);
        let started = self.activity_time(&mut made, "started_at", number, mess);
        let seconds = rng.below(5_400) as i64;
        let duration = match mess {
            Some(BadValue) => made.doubt("duration_seconds", "half an hour"),
            _ => {
                made.field("duration_seconds", Value::Duration(seconds));
                seconds.to_string()
            }
        };
        let outcome = made.option("outcome", rng.pick(&["answered", "voicemail", "no_answer"]));
        let disposition = made.option("disposition", rng.pick(&["Interested", "Callback", "Wrong number"]));
        let notes = if rng.chance(0.5) { format!("Said \"maybe\",\nwill read {number}") } else { String::new() };
        made.text("notes", &notes);
        let direction = made.option("direction", rng.pick(&["inbound", "outbound"]));
        let (mut contact, mut name) = (String::new(), String::new());
        let mut company = (self.companies > 0 && rng.chance(0.5)).then(|| 1 + rng.below(self.companies));
        let mut deal = (self.deals > 0 && rng.chance(0.3)).then(|| 1 + rng.below(self.deals));
        let turn = if number > CLEAN && mess != Some(Dangling) && self.contacts > 0 { number % 16 } else { 0 };
        match turn {
            // A name that fits one contact.
            3 | 11 => {
                let number = 1 + rng.below(self.contacts.min(CLEAN / 2));
                let target = self.contact(number);
                name = target.told("name");
                made.link("contact_id", "contacts", target.record.key.id.to_string(), target.arrives());
            }
            // A name that fits nobody: it hangs on its company or deal.
            5 => {
                name = format!("Nobody Known {number}");
                company = company.or((self.companies > 0).then_some(1 + number % self.companies.max(1)));
                if company.is_none() && deal.is_none() {
                    made.record.troubles.push(Trouble::Doubt("contact_id".into()));
                }
            }
            13 => {
                name = format!("Nobody Known {number}");
                (company, deal) = (None, None);
                made.record.troubles.push(Trouble::Doubt("contact_id".into()));
            }
            // A name that fits two.
            6 if self.contacts >= SAME_NAME => {
                name = self.contact(TWICE).told("name");
                made.record.troubles.push(Trouble::AmbiguousLink("contact_id".into()));
            }
            _ if mess == Some(Dangling) => contact = made.dangling("contact_id", "p-gone"),
            _ if self.contacts > 0 => {
                let number = 1 + rng.below(self.contacts);
                contact = self.link_to(&mut made, "contact", number);
                name = self.contact(number).told("name");
            }
            _ => {}
        }
        made.text("contact_name", &name);
        let company = company.map(|number| self.link_to(&mut made, "company", number)).unwrap_or_default();
        let deal = deal.map(|number| self.link_to(&mut made, "deal", number)).unwrap_or_default();
        made.created(number + 21);
        let owner = self.owner(&mut made, &mut rng, mess);
        let cells = vec![
            made.id(),
            subject,
            started,
            duration,
            outcome,
            disposition,
            notes,
            direction,
            contact,
            name,
            company,
            deal,
            owner,
            time(number + 21),
        ];
        made.done(cells)
    }

    /// The e-mail of that number: three make a thread.
    pub(super) fn email(&self, number: u64) -> Made {
        let mess = [MissingName, OwnerUnknown, NoOwner, Dangling, Ragged, MissingId, DuplicateId];
        let (mut rng, mess) = self.rng(9, number, &mess);
        let mut made = Draft::new("emails", format!("e{number}"), mess);
        let thread = (number - 1) / 3;
        let again = if !(number - 1).is_multiple_of(3) { "Re: " } else { "" };
        let subject = match mess {
            Some(MissingName) => String::new(),
            _ => format!("{again}Draft of the agreement, version {thread}"),
        };
        made.titled("subject", &subject);
        let html = rng.chance(0.7);
        let text = match !html || rng.chance(0.5) {
            true => format!("Dear colleague,\n\nthe {} matter ({number}) & more.\n> quoted", rng.pick(&WORDS)),
            false => String::new(),
        };
        let body = match html {
            true => format!(
                "<html><head><style>p {{ color: #333 }}</style></head><body><p>Dear colleague,</p><p>the <b>{}</b> matter \
                 ({number}) &amp; more.</p><table><tr><td>1</td><td>Fee</td></tr></table><blockquote>quoted</blockquote>\
                 <img src=\"cid:logo{number}\"></body></html>",
                rng.pick(&WORDS)
            ),
            false => String::new(),
        };
        made.text("body_text", &text);
        if html {
            made.rich("body_html", Markup::Html, &body);
        }
        let sent = self.activity_time(&mut made, "sent_at", number, mess);
        let going = rng.chance(0.5);
        let direction = made.option("direction", if going { "sent" } else { "received" });
        let (us, them) = (email_of_user(1 + rng.below(self.known_users())), format!("them{number}@firm.example"));
        let (sender, receiver) = if going { (us, them) } else { (them, us) };
        let from = made.addresses("from", &[(None, sender)]);
        let mut to = vec![(None, receiver)];
        if rng.chance(0.3) {
            to.push((Some("work"), format!("second{number}@firm.example")));
        }
        let to = made.addresses("to", &to);
        let copies = |made: &mut Draft, field: &str, count: u64| {
            let copies: Vec<_> =
                (1..=count).map(|copy| (None, format!("{field}{copy}.{number}@firm.example"))).collect();
            made.addresses(field, &copies)
        };
        let cc = if rng.chance(0.3) { copies(&mut made, "cc", 1 + number % 3) } else { String::new() };
        let bcc = if rng.chance(0.2) { copies(&mut made, "bcc", 1) } else { String::new() };
        let thread = format!("thread-{thread}");
        made.text("thread_id", &thread);
        let [contact, company, deal] = self.ends(&mut made, &mut rng, mess);
        made.created(number + 20);
        let owner = self.owner(&mut made, &mut rng, mess);
        let cells = vec![
            made.id(),
            subject,
            text,
            body,
            sent,
            direction,
            from,
            to,
            cc,
            bcc,
            thread,
            contact,
            company,
            deal,
            owner,
            time(number + 20),
        ];
        made.done(cells)
    }

    /// The meeting of that number. Of every twelve the first four are a weekly series, each a row of its own.
    pub(super) fn meeting(&self, number: u64) -> Made {
        let mess = [MissingName, OwnerUnknown, NoOwner, Dangling, DateOnly, Ragged, MissingId, DuplicateId];
        let (mut rng, mess) = self.rng(10, number, &mess);
        let mut made = Draft::new("meetings", format!("g{number}"), mess);
        let (group, turn) = ((number - 1) / SERIES, (number - 1) % SERIES);
        let weekly = group % 3 == 0;
        let title = match mess {
            Some(MissingName) => String::new(),
            _ if weekly => format!("Weekly status {group}"),
            _ => format!("Deposition {number}"),
        };
        made.titled("title", &title);
        let from = if weekly { moment(group) + Duration::days(7 * turn as i64) } else { moment(number) };
        let (start, end) = match mess {
            Some(DateOnly) => {
                made.field("start_at", Value::Date(from.date_naive()));
                made.field("end_at", Value::Date(from.date_naive()));
                (from.date_naive().to_string(), from.date_naive().to_string())
            }
            _ => {
                let end = from + Duration::minutes(15 * (1 + rng.below(8) as i64));
                made.field("start_at", Value::Timestamp(from));
                made.field("end_at", Value::Timestamp(end));
                let words = |time: chrono::DateTime<chrono::Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
                (words(from), words(end))
            }
        };
        let place = *rng.pick(&["Room 4, \"Library\"", "https://meet.example/r/1", ""]);
        made.text("location", place);
        let organizer = email_of_user(1 + rng.below(self.known_users()));
        let attendees = [
            (None, organizer.clone()),
            (Some("required"), format!("a{number}@firm.example")),
            (Some("optional"), format!("b{number}@firm.example")),
        ];
        let attendees = made.addresses("attendees", &attendees[..rng.below(4) as usize]);
        let organizer = made.addresses("organizer_email", &[(None, organizer)]);
        let agenda = if rng.chance(0.6) { format!("1. Facts\n2. Strategy {number}") } else { String::new() };
        made.text("agenda", &agenda);
        let outcome = *rng.pick(&["held", "no_show", "moved", ""]);
        if !outcome.is_empty() {
            made.option("outcome", outcome);
        }
        let (rule, series) = match weekly {
            true => (format!("FREQ=WEEKLY;COUNT={SERIES}"), format!("series-{group}")),
            false => Default::default(),
        };
        made.text("recurrence_rule", &rule);
        made.text("series_id", &series);
        let [contact, company, deal] = self.ends(&mut made, &mut rng, mess);
        made.created(number + 2);
        let owner = self.owner(&mut made, &mut rng, mess);
        let cells = vec![
            made.id(),
            title,
            start,
            end,
            place.to_owned(),
            attendees,
            organizer,
            agenda,
            outcome.to_owned(),
            rule,
            series,
            contact,
            company,
            deal,
            owner,
            time(number + 2),
        ];
        made.done(cells)
    }

    /// When it happened: a moment, a naive time in the export's zone, or a day only.
    fn activity_time(&self, made: &mut Draft, field: &str, number: u64, mess: Option<Mess>) -> String {
        let at = moment(number + 20);
        if mess == Some(DateOnly) {
            made.field(field, Value::Date(at.date_naive()));
            return at.date_naive().to_string();
        }
        made.field(field, Value::Timestamp(at));
        match number % 9 {
            4 => (at + Duration::hours(super::allegory::ZONE.1)).format("%Y-%m-%d %H:%M:%S").to_string(),
            _ => time(number + 20),
        }
    }

    /// The contact, company and deal of an activity: one, two or all of them; of every twenty one hangs on nothing.
    fn ends(&self, made: &mut Draft, rng: &mut SplitMix64, mess: Option<Mess>) -> [String; 3] {
        let alone = rng.chance(0.05);
        let mut end =
            |made: &mut Draft, kind: &str, count: u64, share: f64| match !alone && count > 0 && rng.chance(share) {
                true => self.link_to(made, kind, 1 + rng.below(count)),
                false => String::new(),
            };
        let contact = match mess {
            Some(Dangling) => made.dangling("contact_id", "p-gone"),
            _ => end(made, "contact", self.contacts, 0.8),
        };
        let company = end(made, "company", self.companies, 0.5);
        let deal = end(made, "deal", self.deals, 0.4);
        [contact, company, deal]
    }

    /// A link to the record of that kind and number.
    pub(super) fn link_to(&self, made: &mut Draft, kind: &str, number: u64) -> String {
        let target = self.one(kind, number);
        let RecordRef { object, id } = &target.record.key;
        made.link(&format!("{kind}_id"), object.as_str(), id.to_string(), target.arrives())
    }
}
