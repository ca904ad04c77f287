//! The audit: what is in the source, and what the destination is like, before anything is decided.

use chrono::NaiveDate;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{
    duplicates::Duplicates,
    links::Links,
    profile::{FieldProfile, masked},
};
use crate::{
    Destination, DestinationWriter, Error, FieldConcept, FieldName, FieldType, ObjectConcept, ObjectName, ObjectSchema,
    PageRequest, Problem, Record, RecordId, Reject, Result, Severity, Source, SourceConnector, SourceUser, Value,
};

mod observe;
mod pair;
mod problems;

use observe::{Observer, Seen};

/// What is in the source, and what the destination is like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Audit {
    /// Always [`Audit::FORMAT`].
    pub format: String,
    /// Always [`Audit::VERSION`].
    pub version: u32,
    /// The source's own description.
    pub source: Source,
    /// The destination's own description.
    pub destination: Destination,
    /// The day that ages are counted from: as told, or the last change at the source.
    #[serde(default)]
    pub as_of: Option<NaiveDate>,
    /// What was found in each object of the source.
    pub objects: IndexMap<ObjectName, ObjectAudit>,
    /// The people at the source.
    pub users: Vec<SourceUser>,
    /// The stages at the source, where it keeps them as records.
    pub stages: Vec<SourceStage>,
    /// Custom fields of one name and several types.
    #[serde(default)]
    pub clashes: Vec<TypeClash>,
    /// Objects of the destination that have records already.
    #[serde(default)]
    pub existing: Vec<ObjectName>,
    /// What is particular to this source and this destination together.
    #[serde(default)]
    pub pair_gotchas: Vec<String>,
    /// The first rows that could not become records.
    pub rejects: Vec<Reject>,
    /// All rejected rows by code.
    pub reject_counts: IndexMap<String, u64>,
    /// What is wrong or worth knowing.
    pub problems: Vec<Problem>,
}

impl Audit {
    /// The document's format name.
    pub const FORMAT: &'static str = "crmkit.audit";
    /// The document's version.
    pub const VERSION: u32 = 1;
    /// Where the document has personal data: JSON pointers with `*` for every entry.
    pub const PERSONAL: [&'static str; 13] = [
        "/users/*/id",
        "/users/*/email",
        "/users/*/name",
        "/destination/users/*/email",
        "/destination/users/*/name",
        "/objects/*/owners",
        "/objects/*/duplicates/*/groups",
        "/objects/*/stale/listed",
        "/objects/*/oversize/listed",
        "/objects/*/fields/*/examples",
        "/objects/*/fields/*/frequent",
        "/objects/*/fields/*/min",
        "/objects/*/fields/*/max",
    ];

    /// The same document without personal data: names, addresses, ids of records, values. Counts stay, and so do the values of
    /// pick-lists.
    pub fn redacted(mut self) -> Self {
        let gone = || Some("…".to_owned());
        for (number, user) in self.users.iter_mut().enumerate() {
            user.id = format!("user {}", number + 1).into();
            user.email = user.email.take().and_then(|_| gone());
            user.name = user.name.take().and_then(|_| gone());
        }
        for user in &mut self.destination.users {
            user.email = "…".to_owned();
            user.name = "…".to_owned();
        }
        for object in self.objects.values_mut() {
            let owners = std::mem::take(&mut object.owners);
            object.owners = owners
                .into_values()
                .enumerate()
                .map(|(number, count)| (format!("owner {}", number + 1), count))
                .collect();
            object.duplicates.iter_mut().for_each(|same| same.groups.clear());
            object.stale.iter_mut().for_each(|stale| stale.listed.clear());
            object.oversize.iter_mut().for_each(|oversize| oversize.listed.clear());
            for profile in object.fields.values_mut() {
                profile.examples = profile.examples.iter().map(|text| masked(text)).collect();
                profile.frequent = profile.frequent.iter().map(|(text, count)| (masked(text), *count)).collect();
                let dates = |value: &Value| !matches!(value, Value::Date(_) | Value::Local(_) | Value::Timestamp(_));
                profile.min = profile.min.take().filter(dates);
                profile.max = profile.max.take().filter(dates);
            }
        }
        self
    }

    /// Records of one object; 0 for one that the source does not have.
    pub fn records(&self, object: &ObjectName) -> u64 {
        self.objects.get(object).map_or(0, |object| object.records)
    }
}

/// What was found in one object of the source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ObjectAudit {
    /// Rows, counted before they were parsed.
    pub rows: u64,
    /// Records: rows without the quarantined ones.
    pub records: u64,
    /// Rows that could not become records.
    pub quarantined: u64,
    /// Records that the source says were deleted.
    pub gone: u64,
    /// Records with a value that the source could not decide.
    pub doubtful: u64,
    /// A profile of each field.
    pub fields: IndexMap<FieldName, FieldProfile>,
    /// Records per owner, by the owner's id or name at the source.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub owners: IndexMap<String, u64>,
    /// Records that nobody owns, where the object has owners.
    pub unowned: u64,
    /// Links per field to records that are not there.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub dangling: IndexMap<FieldName, u64>,
    /// Records that are above themselves, by their parents.
    pub in_cycles: u64,
    /// Records that seem to be one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub duplicates: Vec<Duplicates>,
    /// Records with which nothing happened for long, where that was looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale: Option<Stale>,
    /// Records per field of the destination that is required there and has no value here.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub missing_required: IndexMap<FieldName, u64>,
    /// Tags that few records have, by field.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub rare_tags: IndexMap<FieldName, IndexMap<String, u64>>,
    /// Files that the destination does not take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oversize: Option<Oversize>,
}

/// Records with which nothing happened for long: neither changed nor linked to by anything that did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stale {
    /// How many months are long.
    pub months: u32,
    /// How many there are.
    pub records: u64,
    /// Records of which the source tells no time at all.
    pub undated: u64,
    /// The first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listed: Vec<RecordId>,
}

/// Files that are larger than the destination takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Oversize {
    /// The largest size in bytes that it takes.
    pub limit: u64,
    /// How many there are.
    pub files: u64,
    /// Their bytes together.
    pub bytes: u64,
    /// The largest.
    pub largest: u64,
    /// The first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listed: Vec<RecordId>,
}

/// Custom fields of one name and several types.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeClash {
    /// The name, in lower case letters and digits.
    pub name: String,
    /// The fields, with what their values are.
    pub fields: Vec<(ObjectName, FieldName, FieldType)>,
}

/// A stage at the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceStage {
    /// Id at the source.
    pub id: RecordId,
    /// Its name.
    pub name: String,
    /// Its place, if known.
    pub position: Option<i64>,
    /// Probability of winning in percent, if known.
    pub probability: Option<u8>,
    /// Whether it is open, won or lost, in the source's words, if known.
    pub kind: Option<String>,
}

/// How the audit reads, how much it keeps, and what it takes for old, rare and large.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AuditOptions {
    /// Rows per page.
    pub page: usize,
    /// Different values counted exactly per field; the number of more is an estimate.
    pub distinct: usize,
    /// Values shown per field that works like a pick-list.
    pub top: usize,
    /// Rejects shown.
    pub rejects: usize,
    /// Ids, links, parents, addresses and names remembered in all, as hashes: about 16 bytes each. Past it dangling links,
    /// circles, duplicates and stale records are not looked for any further, and a problem says so.
    pub hashes: usize,
    /// Users and stages kept, and owners per object.
    pub users: usize,
    /// Groups of duplicates listed per object and kind, and stale records and large files listed per object.
    pub listed: usize,
    /// Months after which a record with which nothing happened is stale.
    pub stale_months: u32,
    /// The day to count from; the last change at the source where none is told.
    pub today: Option<NaiveDate>,
    /// Tags with fewer records are told.
    pub rare_tags: u64,
    /// The largest file in bytes, where the destination tells none.
    pub file_limit: u64,
    /// Shows examples and frequent values as they are.
    pub examples: bool,
}

impl Default for AuditOptions {
    fn default() -> Self {
        Self {
            page: 1_000,
            distinct: 1_000,
            top: 100,
            rejects: 100,
            hashes: 16_000_000,
            users: 10_000,
            listed: 1_000,
            stale_months: 24,
            today: None,
            rare_tags: 5,
            file_limit: 25 << 20,
            examples: false,
        }
    }
}

/// Reads the whole source once and describes the destination; writes nothing.
///
/// Memory is bounded by the options, not by the source: per field `distinct` values or 4 KB, and 512 samples; `hashes` for links
/// and duplicates; of records that can be duplicates or stale also the id and 12 bytes.
///
/// # Errors
/// The first error of a connector.
///
/// ```no_run
/// # async fn show(source: &dyn crmkit_core::SourceConnector, destination: &dyn crmkit_core::DestinationWriter)
/// # -> crmkit_core::Result<()> {
/// let audit = crmkit_core::audit(source, destination, &crmkit_core::AuditOptions::default()).await?;
/// println!("{}", audit.to_markdown());
/// # Ok(())
/// # }
/// ```
pub async fn audit(
    source: &dyn SourceConnector,
    destination: &dyn DestinationWriter,
    options: &AuditOptions,
) -> Result<Audit> {
    let described = source.describe().await?;
    let mut auditing = Auditing {
        options,
        links: Links::new(options.hashes),
        seen: Vec::new(),
        audit: Audit {
            format: Audit::FORMAT.to_owned(),
            version: Audit::VERSION,
            destination: destination.describe().await?,
            as_of: options.today,
            objects: IndexMap::new(),
            users: Vec::new(),
            stages: Vec::new(),
            clashes: Vec::new(),
            existing: Vec::new(),
            pair_gotchas: Vec::new(),
            rejects: Vec::new(),
            reject_counts: IndexMap::new(),
            problems: described.problems.clone(),
            source: described.clone(),
        },
    };
    auditing.existing(destination).await;
    for object in described.schema.objects.values() {
        auditing.object(source, object).await?;
    }
    Ok(auditing.finish())
}

struct Auditing<'a> {
    options: &'a AuditOptions,
    links: Links,
    seen: Vec<(ObjectName, Seen)>,
    audit: Audit,
}

impl Auditing<'_> {
    /// Looks which objects of the destination have records: the first is enough to know.
    async fn existing(&mut self, destination: &dyn DestinationWriter) {
        use ObjectConcept as O;
        let Some(reader) = destination.reader() else { return };
        let wanted =
            |object: &&ObjectSchema| matches!(object.concept, Some(O::Organization | O::Person | O::Lead | O::Deal));
        let objects: Vec<ObjectName> =
            self.audit.destination.schema.objects.values().filter(wanted).map(|object| object.name.clone()).collect();
        for object in objects {
            let found: Result<bool, Error> =
                reader.scan(&PageRequest::first(object.clone(), 1)).await.map(|page| !page.items.is_empty());
            match found {
                Ok(true) => self.audit.existing.push(object),
                Ok(false) => {}
                Err(_) => {
                    let message = format!("whether the destination has records of {object} could not be read");
                    let remedy = "look yourself, and set matching in the plan where it has";
                    self.audit.problems.push(Problem::new(Severity::Warn, "existing_unknown", message, remedy));
                }
            }
        }
    }

    async fn object(&mut self, source: &dyn SourceConnector, object: &ObjectSchema) -> Result<()> {
        let mut found = ObjectAudit::default();
        let mut observer = Observer::new(object, self.options, &mut self.links);
        if let Some(limit) = self.file_limit(object) {
            observer.measure_files(limit);
        }
        let mut request = PageRequest::first(object.name.clone(), self.options.page);
        loop {
            let page = source.read(&request).await?;
            found.rows += page.rows;
            found.records += page.items.len() as u64;
            found.quarantined += page.rejects.len() as u64;
            found.gone += page.gone.len() as u64;
            for record in &page.items {
                found.doubtful += u64::from(!record.doubts.is_empty());
                observer.record(record, &mut self.links);
                self.known(object, record);
            }
            for reject in page.rejects {
                *self.audit.reject_counts.entry(reject.code.clone()).or_default() += 1;
                if self.audit.rejects.len() < self.options.rejects {
                    self.audit.rejects.push(reject);
                }
            }
            match page.next {
                Some(cursor) => request = request.at(cursor),
                None => break,
            }
        }
        self.seen.push((object.name.clone(), observer.finish(&mut found, &mut self.links)));
        self.audit.objects.insert(object.name.clone(), found);
        Ok(())
    }

    /// The largest file that the destination takes, for an object of files.
    fn file_limit(&self, object: &ObjectSchema) -> Option<u64> {
        let to = self.audit.destination.schema.by_concept(ObjectConcept::File);
        let told = to.and_then(|to| self.audit.destination.abilities.get(&to.name)?.max_bytes);
        (object.concept == Some(ObjectConcept::File)).then(|| told.unwrap_or(self.options.file_limit))
    }

    /// Keeps users and stages, which the proposer needs one by one.
    fn known(&mut self, object: &ObjectSchema, record: &Record) {
        let text = |concept: FieldConcept| {
            let value = object.by_concept(concept).and_then(|field| record.fields.get(&field.name));
            let value = match value {
                Some(Value::List(values)) => values.first(),
                other => other,
            };
            value.filter(|value| !value.is_empty()).map(Value::to_string)
        };
        match object.concept {
            Some(ObjectConcept::User) if self.audit.users.len() < self.options.users => {
                self.audit.users.push(SourceUser {
                    id: record.key.id.clone(),
                    email: text(FieldConcept::Emails),
                    name: text(FieldConcept::Name),
                    records: 0,
                });
            }
            Some(ObjectConcept::Stage) if self.audit.stages.len() < self.options.users => {
                let whole = |value: Option<&Value>| match value {
                    Some(Value::Int(number)) => Some(*number),
                    Some(Value::Decimal(number)) => number.round().to_string().parse().ok(),
                    _ => None,
                };
                let percent =
                    object.by_concept(FieldConcept::Probability).and_then(|field| record.fields.get(&field.name));
                self.audit.stages.push(SourceStage {
                    id: record.key.id.clone(),
                    name: text(FieldConcept::Name).unwrap_or_else(|| record.key.id.to_string()),
                    position: whole(record.fields.get("position")),
                    probability: whole(percent).and_then(|percent| u8::try_from(percent.clamp(0, 100)).ok()),
                    kind: text(FieldConcept::Status),
                });
            }
            _ => {}
        }
    }

    fn finish(mut self) -> Audit {
        let mut owned: IndexMap<&str, u64> = IndexMap::new();
        for (owner, count) in self.audit.objects.values().flat_map(|object| &object.owners) {
            *owned.entry(owner.as_str()).or_default() += count;
        }
        for user in &mut self.audit.users {
            let names = [Some(user.id.as_str()), user.email.as_deref(), user.name.as_deref()];
            user.records = names.into_iter().flatten().find_map(|name| owned.get(name)).copied().unwrap_or_default();
        }
        self.links.settle();
        let newest = self.seen.iter().map(|(_, seen)| seen.newest).max().and_then(super::duplicates::date);
        self.audit.as_of = self.options.today.or(newest);
        for (name, seen) in &self.seen {
            if let Some(found) = self.audit.objects.get_mut(name).filter(|_| !self.links.overflowed()) {
                found.stale = self.audit.as_of.and_then(|today| seen.stale(name, today, self.options, &self.links));
            }
        }
        if self.links.overflowed() {
            let message =
                format!("more than {} ids, links and addresses; those past it were not compared", self.options.hashes);
            let remedy = "raise the audit's option hashes, at about 16 bytes each";
            self.audit.problems.push(Problem::new(Severity::Warn, "not_compared", message, remedy));
        }
        self.links.finish(&mut self.audit.objects);
        problems::complete(&mut self.audit);
        self.audit.pair_gotchas = pair::gotchas(&self.audit);
        self.audit
    }
}

#[cfg(test)]
pub(super) mod tests;
