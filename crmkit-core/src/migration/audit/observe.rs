//! What is looked at in each record of an object, field by field, without copying a value.

use std::hash::BuildHasher;

use chrono::{Datelike, Months, NaiveDate};
use foldhash::quality::FixedState;
use indexmap::IndexMap;

use super::{super::duplicates, AuditOptions, ObjectAudit, Oversize, Stale};
use crate::{
    FieldConcept, FieldName, FieldType, ObjectConcept, ObjectName, ObjectSchema, Record, Value,
    migration::{
        duplicates::{Comparing, Roster, SameBy},
        links::{LinkField, Links, hash_of},
        profile::Profiler,
    },
};

/// Looks at the records of one object.
#[derive(Debug)]
pub(super) struct Observer<'a> {
    object: &'a ObjectSchema,
    options: &'a AuditOptions,
    fields: Vec<Watched<'a>>,
    owned: bool,
    owners: IndexMap<String, u64, FixedState>,
    unowned: u64,
    comparing: Comparing,
    /// Values that it remembers.
    compared: usize,
    /// Records that can be duplicates or stale.
    roster: Roster,
    rostered: bool,
    newest: u32,
    records: u64,
    oversize: Option<Oversize>,
    /// Links of the record at hand: they are dated when all of it was seen.
    linked: Vec<(LinkField, u64)>,
    name: String,
}

/// What is left of an object's records when all were read.
#[derive(Debug, Default)]
pub(super) struct Seen {
    roster: Roster,
    ages: bool,
    /// The last day on which a record was made or changed.
    pub(super) newest: u32,
}

/// A field and what it is watched for.
#[derive(Debug)]
struct Watched<'a> {
    name: &'a FieldName,
    profiler: Profiler,
    link: Option<LinkField>,
    parent: bool,
    owner: bool,
    same: Option<SameBy>,
    name_part: bool,
    dated: bool,
    changed: bool,
    tags: bool,
    size: bool,
}

impl<'a> Observer<'a> {
    pub(super) fn new(object: &'a ObjectSchema, options: &'a AuditOptions, links: &mut Links) -> Self {
        use {FieldConcept as F, ObjectConcept as O};
        let comparing = Comparing::of(object);
        let whole_name = object.by_concept(F::Name).is_some();
        let owner = object.by_concept(F::Owner).map(|field| &field.name);
        let fields: Vec<Watched<'_>> = object
            .fields
            .values()
            .map(|field| Watched {
                name: &field.name,
                profiler: Profiler::new(field, options.distinct),
                link: matches!(field.ty, FieldType::Link { .. } | FieldType::Any)
                    .then(|| links.field(&object.name, &field.name)),
                parent: field.concept == Some(F::Parent),
                owner: owner == Some(&field.name),
                same: comparing.kind(field),
                name_part: comparing.has_names()
                    && !whole_name
                    && matches!(field.concept, Some(F::GivenName | F::FamilyName)),
                dated: matches!(
                    field.concept,
                    Some(
                        F::CreatedAt | F::ModifiedAt | F::Start | F::End | F::Due | F::ClosedAt | F::WonAt | F::LostAt
                    )
                ),
                changed: matches!(field.concept, Some(F::CreatedAt | F::ModifiedAt)),
                tags: field.concept == Some(F::Labels)
                    || (object.concept == Some(O::Tag) && field.concept == Some(F::Name)),
                size: field.concept == Some(F::Size)
                    || (object.concept == Some(O::File)
                        && field.concept.is_none()
                        && field.name.as_str().contains("size")),
            })
            .collect();
        Self {
            object,
            options,
            owned: owner.is_some(),
            owners: IndexMap::with_hasher(FixedState::with_seed(0)),
            unowned: 0,
            comparing,
            compared: 0,
            roster: Roster::default(),
            rostered: matches!(object.concept, Some(O::Person | O::Organization | O::Lead)),
            newest: 0,
            records: 0,
            oversize: None,
            linked: Vec::new(),
            name: String::new(),
            fields,
        }
    }

    /// Looks for files larger than this.
    pub(super) fn measure_files(&mut self, limit: u64) {
        if self.fields.iter().any(|field| field.size) {
            self.oversize = Some(Oversize { limit, ..Oversize::default() });
        }
    }

    pub(super) fn record(&mut self, record: &Record, links: &mut Links) {
        let own = hash_of(&self.object.name, record.key.id.as_str());
        links.record(own);
        self.records += 1;
        let number = u32::try_from(self.roster.len()).unwrap_or(u32::MAX);
        let (mut day, mut filled, mut at, mut owned) = (0, 0, 0, false);
        self.linked.clear();
        self.name.clear();
        for (name, value) in &record.fields {
            if value.is_empty() {
                continue;
            }
            // Records have their fields in the schema's order, most of the time.
            let Some(place) = place(&self.fields, &mut at, name) else { continue };
            filled += 1;
            let field = &mut self.fields[place];
            field.profiler.see(value);
            if let Some(link) = field.link {
                let values: &[Value] = match value {
                    Value::List(values) => values,
                    one => std::slice::from_ref(one),
                };
                for to in values.iter().filter_map(Value::as_ref_to) {
                    let target = hash_of(&to.object, to.id.as_str());
                    self.linked.push((link, target));
                    if field.parent && to.object == self.object.name {
                        links.parent(&self.object.name, own, target);
                    }
                }
            }
            if field.owner {
                owned = true;
                match value {
                    Value::Ref(to) => count_owner(&mut self.owners, to.id.as_str(), self.options.users),
                    Value::Text(text) | Value::Option(text) => count_owner(&mut self.owners, text, self.options.users),
                    other => count_owner(&mut self.owners, &other.to_string(), self.options.users),
                }
            }
            if let Some(kind) = field.same.filter(|_| !links.overflowed()) {
                let count = self.comparing.see(kind, value, number);
                self.compared += count;
                links.room(count);
            }
            if field.name_part
                && let Some(text) = value.as_text()
            {
                self.name.push_str(text);
            }
            if field.dated
                && let Some(date) = date_of(value)
            {
                let date = duplicates::day(date);
                day = day.max(date);
                if field.changed {
                    self.newest = self.newest.max(date);
                }
            }
            if field.size
                && let (Some(oversize), Some(bytes)) = (&mut self.oversize, bytes_of(value))
                && bytes > oversize.limit
            {
                oversize.files += 1;
                oversize.bytes += bytes;
                oversize.largest = oversize.largest.max(bytes);
                if oversize.listed.len() < self.options.listed {
                    oversize.listed.push(record.key.id.clone());
                }
            }
        }
        if !self.name.is_empty() && !links.overflowed() {
            let count = self.comparing.text(SameBy::Name, &self.name, number);
            self.compared += count;
            links.room(count);
        }
        self.unowned += u64::from(self.owned && !owned);
        if self.rostered && links.room(1) && !self.roster.add(record.key.id.as_str(), day, filled) {
            links.room(usize::MAX);
        }
        for (field, target) in self.linked.drain(..) {
            links.link(field, target, day);
        }
    }

    /// Puts what was found into the object's audit.
    pub(super) fn finish(self, found: &mut ObjectAudit, links: &mut Links) -> Seen {
        let lists = matches!(self.object.concept, None | Some(ObjectConcept::CustomObject));
        let lists = lists && self.records <= self.options.top as u64;
        for field in self.fields {
            if field.tags {
                let rare = field.profiler.rare(self.options.rare_tags);
                if !rare.is_empty() {
                    found.rare_tags.insert(field.name.clone(), rare);
                }
            }
            let profile = field.profiler.finish(self.records, self.options.top, lists, self.options.examples);
            found.fields.insert(field.name.clone(), profile);
        }
        found.owners = self.owners.into_iter().collect();
        found.unowned = self.unowned;
        found.oversize = self.oversize.filter(|oversize| oversize.files > 0);
        if !links.overflowed() {
            found.duplicates = self.comparing.finish(&self.roster, self.options.listed);
            links.give_back(self.compared);
        }
        Seen { roster: self.roster, ages: self.rostered, newest: self.newest }
    }
}

impl Seen {
    /// Records with which nothing happened for long before `today`.
    pub(super) fn stale(
        &self,
        object: &ObjectName,
        today: NaiveDate,
        options: &AuditOptions,
        links: &Links,
    ) -> Option<Stale> {
        let limit = today.checked_sub_months(Months::new(options.stale_months)).filter(|limit| limit.year() >= 1970)?;
        let limit = duplicates::day(limit);
        if !self.ages || self.roster.len() == 0 {
            return None;
        }
        let mut stale = Stale { months: options.stale_months, ..Stale::default() };
        for record in 0..self.roster.len() {
            let id = self.roster.id(record);
            let own = self.roster.day(record);
            if own > limit {
                continue;
            }
            let last = own.max(links.last(hash_of(object, id)));
            if last == 0 {
                stale.undated += 1;
            } else if last < limit {
                stale.records += 1;
                if stale.listed.len() < options.listed {
                    stale.listed.push(id.into());
                }
            }
        }
        Some(stale)
    }
}

/// The place of a field, looked for from the one after the last.
fn place(fields: &[Watched<'_>], at: &mut usize, name: &FieldName) -> Option<usize> {
    let ahead = fields[*at..].iter().position(|field| field.name == name).map(|ahead| *at + ahead);
    let place = ahead.or_else(|| fields.iter().position(|field| field.name == name))?;
    *at = place + 1;
    Some(place)
}

fn count_owner<S: BuildHasher>(owners: &mut IndexMap<String, u64, S>, owner: &str, most: usize) {
    if let Some(count) = owners.get_mut(owner) {
        *count += 1;
    } else if owners.len() < most {
        owners.insert(owner.to_owned(), 1);
    }
}

fn date_of(value: &Value) -> Option<NaiveDate> {
    match value {
        Value::Date(date) => Some(*date),
        Value::Local(time) => Some(time.date()),
        Value::Timestamp(time) => Some(time.date_naive()),
        _ => None,
    }
}

fn bytes_of(value: &Value) -> Option<u64> {
    match value {
        Value::Int(bytes) => u64::try_from(*bytes).ok(),
        Value::Decimal(bytes) => u64::try_from(*bytes).ok(),
        _ => None,
    }
}
