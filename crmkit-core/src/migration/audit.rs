//! The audit: what is in the source, and what the destination is like, before anything is decided.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{
    links::Links,
    profile::{FieldProfile, Profiler},
};
use crate::{
    Destination, DestinationWriter, FieldConcept, FieldName, ObjectConcept, ObjectName, ObjectSchema, PageRequest,
    Problem, Record, RecordId, Reject, Result, Severity, Source, SourceConnector, SourceUser, Value,
};

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
    /// What was found in each object of the source.
    pub objects: IndexMap<ObjectName, ObjectAudit>,
    /// The people at the source.
    pub users: Vec<SourceUser>,
    /// The stages at the source, where it keeps them as records.
    pub stages: Vec<SourceStage>,
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
    pub const PERSONAL: [&'static str; 4] =
        ["/users/*/email", "/users/*/name", "/destination/users/*/email", "/destination/users/*/name"];

    /// The same document without personal data.
    pub fn redacted(mut self) -> Self {
        for user in &mut self.users {
            user.email = user.email.take().map(|_| "…".to_owned());
            user.name = user.name.take().map(|_| "…".to_owned());
        }
        for user in &mut self.destination.users {
            user.email = "…".to_owned();
            user.name = "…".to_owned();
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
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub owners: IndexMap<String, u64>,
    /// Records that nobody owns, where the object has owners.
    pub unowned: u64,
    /// Links per field to records that are not there.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub dangling: IndexMap<FieldName, u64>,
    /// Records that are above themselves, by their parents.
    pub in_cycles: u64,
    /// Records that share an e-mail address or company name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicates: Option<Duplicates>,
}

/// Records that share a value that should be their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duplicates {
    /// The field compared, trimmed and in lower case.
    pub field: FieldName,
    /// Values that several records have.
    pub values: u64,
    /// Records beyond the first of each such value.
    pub records: u64,
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

/// How the audit reads, and how much it keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditOptions {
    /// Rows per page.
    pub page: usize,
    /// Different values counted per field; more are "more than".
    pub distinct: usize,
    /// Values shown per field that works like a pick-list.
    pub top: usize,
    /// Rejects shown.
    pub rejects: usize,
    /// Ids, links, parents and e-mail addresses remembered in all, as 64-bit hashes: about 20 bytes each. Past it dangling
    /// links, circles and duplicates are not looked for any further, and a problem says so.
    pub hashes: usize,
    /// Users and stages kept.
    pub users: usize,
}

impl Default for AuditOptions {
    fn default() -> Self {
        Self { page: 1_000, distinct: 1_000, top: 100, rejects: 100, hashes: 4_000_000, users: 10_000 }
    }
}

/// Reads the whole source once and describes the destination; writes nothing.
///
/// Memory is bounded by the options, not by the source.
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
        audit: Audit {
            format: Audit::FORMAT.to_owned(),
            version: Audit::VERSION,
            destination: destination.describe().await?,
            objects: IndexMap::new(),
            users: Vec::new(),
            stages: Vec::new(),
            rejects: Vec::new(),
            reject_counts: IndexMap::new(),
            problems: described.problems.clone(),
            source: described.clone(),
        },
    };
    for object in described.schema.objects.values() {
        auditing.object(source, object).await?;
    }
    Ok(auditing.finish())
}

struct Auditing<'a> {
    options: &'a AuditOptions,
    links: Links,
    audit: Audit,
}

impl Auditing<'_> {
    async fn object(&mut self, source: &dyn SourceConnector, object: &ObjectSchema) -> Result<()> {
        let mut found = ObjectAudit::default();
        let mut profilers: IndexMap<&FieldName, Profiler> =
            object.fields.values().map(|field| (&field.name, Profiler::new(field, self.options.distinct))).collect();
        let mut request = PageRequest::first(object.name.clone(), self.options.page);
        loop {
            let page = source.read(&request).await?;
            found.rows += page.rows;
            found.records += page.items.len() as u64;
            found.quarantined += page.rejects.len() as u64;
            found.gone += page.gone.len() as u64;
            for record in &page.items {
                found.doubtful += u64::from(!record.doubts.is_empty());
                for (field, profiler) in &mut profilers {
                    profiler.see(record.fields.get(*field));
                }
                self.owner(object, record, &mut found);
                self.known(object, record);
                self.links.see(object, record);
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
        let lists = matches!(object.concept, None | Some(ObjectConcept::CustomObject));
        let lists = lists && found.records <= self.options.top as u64;
        found.fields = profilers
            .into_iter()
            .map(|(name, profiler)| (name.clone(), profiler.finish(self.options.top, lists)))
            .collect();
        self.audit.objects.insert(object.name.clone(), found);
        Ok(())
    }

    fn owner(&mut self, object: &ObjectSchema, record: &Record, found: &mut ObjectAudit) {
        let Some(field) = object.by_concept(FieldConcept::Owner) else { return };
        let owner = match record.fields.get(&field.name).filter(|value| !value.is_empty()) {
            Some(Value::Ref(to)) => to.id.to_string(),
            Some(other) => other.to_string(),
            None => {
                found.unowned += 1;
                return;
            }
        };
        if found.owners.len() < self.options.users || found.owners.contains_key(&owner) {
            *found.owners.entry(owner).or_default() += 1;
        }
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
        let overflowed = self.links.finish(&mut self.audit.objects);
        if overflowed {
            let message =
                format!("more than {} ids, links and addresses; those past it were not compared", self.options.hashes);
            let remedy = "raise the audit's option hashes, at about 20 bytes each";
            self.audit.problems.push(Problem::new(Severity::Warn, "not_compared", message, remedy));
        }
        let found: Vec<Problem> = self.audit.objects.iter().flat_map(|(name, object)| problems(name, object)).collect();
        self.audit.problems.extend(found);
        self.audit
    }
}

fn problems(name: &ObjectName, object: &ObjectAudit) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut say = |count: u64, severity: Severity, code: &str, message: String, remedy: &str| {
        if count > 0 {
            problems.push(Problem::new(severity, code, message, remedy).at(format!("/objects/{name}")));
        }
    };
    let bad = object.quarantined;
    say(
        bad,
        Severity::Hold,
        "quarantined",
        format!("{bad} rows of {name} could not be read"),
        "mend them in the source",
    );
    let bad = object.doubtful;
    let message = format!("{bad} records of {name} have a value that fits several records or none");
    say(bad, Severity::Hold, "doubtful", message, "decide them when they are held");
    for (field, bad) in &object.dangling {
        let message = format!("{bad} records of {name} link by {field} to records that are not there");
        say(*bad, Severity::Warn, "dangling_link", message, "export the missing records, or let the links be empty");
    }
    let bad = object.in_cycles;
    say(
        bad,
        Severity::Hold,
        "parent_cycle",
        format!("{bad} records of {name} are above themselves"),
        "mend their parents",
    );
    if let Some(same) = &object.duplicates {
        let message = format!("{} records of {name} repeat the {} of another", same.records, same.field);
        say(same.records, Severity::Warn, "duplicates", message, "review them; merge says which stands for which");
    }
    problems
}

#[cfg(test)]
pub(super) mod tests;
