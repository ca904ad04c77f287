//! Records of one object that share an e-mail address, a phone number, a domain or a name.
//!
//! Values are compared as hashes in lists that are sorted once, when the object is read: 16 bytes a value, and a record is 12
//! bytes and its id.

use std::fmt::Write as _;

use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};

use super::profile::hash;
use crate::{FieldConcept, FieldSchema, ObjectConcept, ObjectSchema, RecordId, Value};

/// Records that share a value that should be their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duplicates {
    /// What is compared.
    pub by: SameBy,
    /// Values that several records have.
    pub values: u64,
    /// Records beyond the first of each such value.
    pub records: u64,
    /// The first groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<DuplicateGroup>,
}

/// By what two records seem to be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SameBy {
    /// An e-mail address, without regard to case and display name.
    Email,
    /// A phone number by its digits.
    Phone,
    /// A web address without scheme, `www.` and path.
    Domain,
    /// The letters and digits of the name.
    Name,
}

impl SameBy {
    /// Its word in questions and reports.
    pub fn label(self) -> &'static str {
        match self {
            Self::Email => "e-mail address",
            Self::Phone => "phone number",
            Self::Domain => "domain",
            Self::Name => "name",
        }
    }
}

/// Records that share a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DuplicateGroup {
    /// How many records share it.
    pub size: u64,
    /// The first of them, in the source's order.
    pub members: Vec<DuplicateMember>,
}

/// A record of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DuplicateMember {
    /// Its id at the source.
    pub id: RecordId,
    /// The day of its last change, where the source tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<NaiveDate>,
    /// Its fields that have a value.
    pub filled: u32,
}

/// Members kept of a group.
const MEMBERS: usize = 50;

/// A day as a number; 0 is none.
pub(super) fn day(date: NaiveDate) -> u32 {
    let days = date.signed_duration_since(NaiveDate::default()).num_days();
    u32::try_from(days).map_or(1, |days| days.max(1))
}

/// The date of a day.
pub(super) fn date(day: u32) -> Option<NaiveDate> {
    (day > 0).then(|| NaiveDate::default().checked_add_days(Days::new(u64::from(day)))).flatten()
}

/// The records of one object in the order of the source: ids in one piece of memory.
#[derive(Debug, Default)]
pub(super) struct Roster {
    ids: String,
    records: Vec<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Where the id ends.
    end: u32,
    day: u32,
    filled: u32,
}

impl Roster {
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// Adds a record; `false` where its id has no room any more.
    pub(super) fn add(&mut self, id: &str, day: u32, filled: u32) -> bool {
        let Ok(end) = u32::try_from(self.ids.len() + id.len()) else { return false };
        self.ids.push_str(id);
        self.records.push(Entry { end, day, filled });
        true
    }

    pub(super) fn id(&self, record: usize) -> &str {
        let begin = record.checked_sub(1).map_or(0, |before| self.records[before].end as usize);
        &self.ids[begin..self.records[record].end as usize]
    }

    pub(super) fn day(&self, record: usize) -> u32 {
        self.records[record].day
    }

    fn member(&self, record: usize) -> DuplicateMember {
        let Entry { day, filled, .. } = self.records[record];
        DuplicateMember { id: self.id(record).into(), changed: date(day), filled }
    }
}

/// What the records of an object are compared by, and their values so far.
#[derive(Debug)]
pub(super) struct Comparing {
    kinds: Vec<(SameBy, Vec<(u64, u32)>)>,
    scratch: String,
}

impl Comparing {
    /// What is compared of an object's records; activities and the like repeat everything.
    pub(super) fn of(object: &ObjectSchema) -> Self {
        use ObjectConcept as O;
        let kinds: &[SameBy] = match object.concept {
            Some(O::Person | O::Lead) => &[SameBy::Email, SameBy::Phone, SameBy::Name],
            Some(O::Organization) => &[SameBy::Email, SameBy::Phone, SameBy::Domain, SameBy::Name],
            _ => &[],
        };
        Self { kinds: kinds.iter().map(|kind| (*kind, Vec::new())).collect(), scratch: String::new() }
    }

    /// By what a field's values are compared.
    pub(super) fn kind(&self, field: &FieldSchema) -> Option<SameBy> {
        use FieldConcept as F;
        let kind = match field.concept? {
            F::Emails => SameBy::Email,
            F::Phones => SameBy::Phone,
            F::Website | F::Domain => SameBy::Domain,
            F::Name => SameBy::Name,
            _ => return None,
        };
        self.kinds.iter().any(|(known, _)| *known == kind).then_some(kind)
    }

    /// Whether names are compared.
    pub(super) fn has_names(&self) -> bool {
        self.kinds.iter().any(|(kind, _)| *kind == SameBy::Name)
    }

    /// Takes a value of the record with this number; says how many were remembered.
    pub(super) fn see(&mut self, kind: SameBy, value: &Value, record: u32) -> usize {
        match value {
            Value::List(values) => values.iter().map(|value| self.see(kind, value, record)).sum(),
            Value::Name(name) => {
                let text = name.to_string();
                self.text(kind, &text, record)
            }
            one => one.as_text().map_or(0, |text| self.text(kind, text, record)),
        }
    }

    /// As [`Comparing::see`], of a text.
    pub(super) fn text(&mut self, kind: SameBy, text: &str, record: u32) -> usize {
        let Some((_, seen)) = self.kinds.iter_mut().find(|(known, _)| *known == kind) else { return 0 };
        normalized(kind, text, &mut self.scratch);
        if self.scratch.is_empty() {
            return 0;
        }
        seen.push((hash(self.scratch.as_str()), record));
        1
    }

    /// Groups of the records, at most `groups` of each kind.
    pub(super) fn finish(self, roster: &Roster, groups: usize) -> Vec<Duplicates> {
        self.kinds.into_iter().filter_map(|(by, seen)| grouped(by, seen, roster, groups)).collect()
    }
}

fn grouped(by: SameBy, mut seen: Vec<(u64, u32)>, roster: &Roster, most: usize) -> Option<Duplicates> {
    seen.sort_unstable();
    // An address that one record has twice is no second record.
    seen.dedup();
    let mut found = Duplicates { by, values: 0, records: 0, groups: Vec::new() };
    let mut first: Vec<(u32, &[(u64, u32)])> = Vec::new();
    for group in seen.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1) {
        found.values += 1;
        found.records += group.len() as u64 - 1;
        first.push((group[0].1, group));
    }
    first.sort_unstable_by_key(|(record, _)| *record);
    found.groups = first
        .into_iter()
        .take(most)
        .map(|(_, group)| DuplicateGroup {
            size: group.len() as u64,
            members: group
                .iter()
                .take(MEMBERS)
                .filter(|(_, record)| (*record as usize) < roster.len())
                .map(|(_, record)| roster.member(*record as usize))
                .collect(),
        })
        .filter(|group| group.members.len() > 1)
        .collect();
    (found.values > 0).then_some(found)
}

/// The part of a value that makes two the same; empty where it says nothing.
pub(super) fn normalized(kind: SameBy, text: &str, into: &mut String) {
    into.clear();
    let text = text.trim();
    match kind {
        SameBy::Email => {
            // `Ann <ann@a.example>` is her address with a display name.
            let bare = text.rsplit_once('<').map_or(text, |(_, rest)| rest.trim_end_matches('>')).trim();
            let bare =
                bare.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("mailto:")).map_or(bare, |_| &bare[7..]);
            if bare.contains('@') {
                lower(bare, into);
            }
        }
        SameBy::Phone => {
            let digits = |letter: &char| letter.is_ascii_digit();
            into.extend(text.chars().filter(digits).skip_while(|digit| *digit == '0'));
            // Shorter ones are extensions and emergency numbers.
            if into.len() < 6 {
                into.clear();
            }
        }
        SameBy::Domain => {
            let host = text.split_once("://").map_or(text, |(_, rest)| rest);
            let host = host.split(['/', '?', '#']).next().unwrap_or_default();
            let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
            let host = host.split(':').next().unwrap_or_default().trim_end_matches('.');
            if host.contains('.') && !host.contains(char::is_whitespace) {
                lower(host, into);
                if into.starts_with("www.") {
                    into.drain(..4);
                }
            }
        }
        SameBy::Name => {
            if text.is_ascii() {
                into.extend(
                    text.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| char::from(byte.to_ascii_lowercase())),
                );
            } else {
                into.extend(text.chars().flat_map(char::to_lowercase).filter(|letter| letter.is_alphanumeric()));
            }
        }
    }
}

fn lower(text: &str, into: &mut String) {
    if text.is_ascii() {
        let at = into.len();
        let _ = into.write_str(text);
        into[at..].make_ascii_lowercase();
    } else {
        into.extend(text.chars().flat_map(char::to_lowercase));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(kind: SameBy, text: &str) -> String {
        let mut into = String::new();
        normalized(kind, text, &mut into);
        into
    }

    #[test]
    fn spellings_of_one_value_are_one() {
        for (kind, one, other) in [
            (SameBy::Email, "ANN@a.example ", "Ann Berg <ann@A.example>"),
            (SameBy::Email, "mailto:ann@a.example", "ann@a.example"),
            (SameBy::Email, "ÅKE@a.example", "åke@a.example"),
            (SameBy::Phone, "+46 (70) 123-45 67", "0046701234567"),
            (SameBy::Domain, "https://www.Acme.com/about?x=1", "acme.com"),
            (SameBy::Domain, "http://acme.com:8080", "ACME.COM."),
            (SameBy::Name, "Acme, Inc.", "ACME INC"),
            (SameBy::Name, "Räksmörgås", "räksmörgås "),
        ] {
            assert_eq!(of(kind, one), of(kind, other), "{one} {other}");
            assert!(!of(kind, one).is_empty(), "{one}");
        }
        for (kind, text) in
            [(SameBy::Email, "n/a"), (SameBy::Phone, "112"), (SameBy::Domain, "none"), (SameBy::Name, " - ")]
        {
            assert_eq!(of(kind, text), "", "{text}");
        }
        assert_ne!(of(SameBy::Domain, "a.acme.com"), of(SameBy::Domain, "b.acme.com"));
    }

    #[test]
    fn groups_have_their_members_in_order() {
        let object = ObjectSchema::new("contacts", "Contacts", ObjectConcept::Person);
        let mut comparing = Comparing::of(&object);
        let mut roster = Roster::default();
        for (number, (id, email)) in
            [("a", "x@y.se"), ("b", "z@y.se"), ("c", "X@Y.se"), ("d", "x@y.se"), ("e", "Z <z@y.se>"), ("f", "")]
                .into_iter()
                .enumerate()
        {
            assert!(roster.add(id, 10 + number as u32, number as u32));
            comparing.see(SameBy::Email, &Value::text(email), number as u32);
            comparing.see(SameBy::Email, &Value::text(email), number as u32);
        }
        let found = comparing.finish(&roster, 1);
        let [same] = &found[..] else { panic!("{found:?}") };
        assert_eq!((same.by, same.values, same.records, same.groups.len()), (SameBy::Email, 2, 3, 1));
        let members: Vec<_> = same.groups[0].members.iter().map(|member| member.id.as_str()).collect();
        assert_eq!((same.groups[0].size, &members[..]), (3, &["a", "c", "d"][..]));
        assert_eq!(same.groups[0].members[1].changed, NaiveDate::from_ymd_opt(1970, 1, 13));
    }

    proptest! {
        #[test]
        fn days_are_dates(number in 1..100_000_u32) {
            prop_assert_eq!(date(number).map(day), Some(number));
        }

        #[test]
        fn any_text_can_be_normalized(text in ".{0,20}") {
            for kind in [SameBy::Email, SameBy::Phone, SameBy::Domain, SameBy::Name] {
                let once = of(kind, &text);
                prop_assert_eq!(of(kind, &once), once.clone());
            }
        }
    }
}
