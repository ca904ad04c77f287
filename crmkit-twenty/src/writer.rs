//! Creating and updating records. A create carries many and is applied whole or not at all, so a bad record is found and left out.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use crmkit_core::{
    Destination, DestinationWriter, Error, ErrorKind, FieldConcept, FieldSchema, Fields, FileSink, ObjectConcept,
    Operation, OperationKind, Provisioner, Reader, Remover, Result, Retry, Stored, Value, WriteBatch, Written,
    chrono::{DateTime, Utc},
    http::reqwest::Method,
    same_value,
};
use serde_json::{Map, Value as Json};

use crate::{
    Twenty,
    client::records,
    connector::{Target, uuid},
    convert,
    error::again,
    files::is_told,
    refusal::Refusal,
    updates::{Update, no_such_record},
};

const CREATE: &str = "twenty.create";
const UPDATE: &str = "twenty.update";

#[async_trait]
impl DestinationWriter for Twenty {
    async fn describe(&self) -> Result<Destination> {
        self.load().await
    }

    async fn write(&self, batch: &WriteBatch) -> Result<Vec<Result<Written>>> {
        let workspace = self.workspace().await?;
        let target = Target::of(&workspace, &batch.object, "twenty.write")?;
        let mut results: Vec<Option<Result<Written>>> = batch.operations.iter().map(|_| None).collect();
        let (mut creates, mut updates) = (Vec::new(), Vec::new());
        for (place, operation) in batch.operations.iter().enumerate() {
            match self.body(target, operation) {
                Err(error) => results[place] = Some(Err(error)),
                Ok(body) => match &operation.kind {
                    OperationKind::Create => creates.push(Entry { place, body }),
                    OperationKind::Update { id, .. } => match uuid(id.as_str()) {
                        Some(id) => updates.push(Update { place, id, body }),
                        None => results[place] = Some(Err(no_such_record())),
                    },
                },
            }
        }
        self.update(target, updates, batch.send_before, &mut results).await;
        for (place, error) in twins(target, &mut creates) {
            results[place] = Some(Err(error));
        }
        let mut open: Vec<Vec<Entry>> = Vec::new();
        while !creates.is_empty() {
            let rest = creates.split_off(creates.len().min(self.config.batch));
            open.push(std::mem::replace(&mut creates, rest));
        }
        open.reverse();
        self.create(target, open, batch.send_before, &mut results).await;
        let unanswered = || Err(Error::new(ErrorKind::Protocol, CREATE, "the answer lacks the record", Retry::Verify));
        Ok(results.into_iter().map(|result| result.unwrap_or_else(unanswered)).collect())
    }

    fn respells(&self, field: &FieldSchema, written: &Value, stored: Option<&Value>) -> bool {
        // The bytes themselves tell, and are compared.
        if is_told(&field.name) && matches!(field.concept, Some(FieldConcept::Size | FieldConcept::MediaType)) {
            return true;
        }
        same_value(&convert::kept(field, written, self.config.phone_region.as_deref()), stored)
    }

    fn reader(&self) -> Option<&dyn Reader> {
        Some(self)
    }

    fn remover(&self) -> Option<&dyn Remover> {
        Some(self)
    }

    fn provisioner(&self) -> Option<&dyn Provisioner> {
        Some(self)
    }

    fn file_sink(&self) -> Option<&dyn FileSink> {
        Some(self)
    }
}

/// A record to create, and which operation of the batch it is.
struct Entry {
    place: usize,
    body: Map<String, Json>,
}

/// What became of one create of several records.
enum Created {
    All(Vec<Stored>),
    /// Nothing was applied.
    Refused(Refusal),
}

impl Twenty {
    pub(crate) fn body(&self, target: Target<'_>, operation: &Operation) -> Result<Map<String, Json>> {
        let region = self.config.phone_region.as_deref();
        let (creating, name) = match operation.kind {
            OperationKind::Create => (true, CREATE),
            OperationKind::Update { .. } => (false, UPDATE),
        };
        let mut fields: Fields = operation.fields.clone();
        if target.schema.concept == Some(ObjectConcept::File) {
            fields.retain(|name, _| !is_told(name));
        }
        // A record's id is what it is.
        if let OperationKind::Update { id, .. } = &operation.kind
            && let Some(given) = fields.shift_remove("id")
            && given.as_text() != Some(id.as_str())
        {
            return Err(Error::new(ErrorKind::Rejected, name, "the id of a record cannot be changed", Retry::Never)
                .with_context("field", "id"));
        }
        convert::body(target, &fields, creating, region, name)
    }

    /// Creates groups of records, the last group first. A refused group loses the records that the server names and is sent
    /// again; where it names none, halves are.
    async fn create(
        &self,
        target: Target<'_>,
        mut open: Vec<Vec<Entry>>,
        send_before: DateTime<Utc>,
        results: &mut [Option<Result<Written>>],
    ) {
        while let Some(mut group) = open.pop() {
            match self.create_all(target, &group, send_before).await {
                Ok(Created::All(stored)) => {
                    for (entry, stored) in group.iter().zip(stored) {
                        results[entry.place] = Some(Ok(Written { id: stored.id.clone(), stored: Some(stored) }));
                    }
                }
                // One that is refused for a value of another record is asked about, so that its reason names it.
                Ok(Created::Refused(refusal)) if group.len() == 1 && !refusal.is_duplicate() => {
                    results[group[0].place] = Some(Err(refusal.error(CREATE)));
                }
                Ok(Created::Refused(refusal)) if refusal.error(CREATE).kind() == ErrorKind::Auth => {
                    give_up(&refusal.error(CREATE), group, &mut open, results);
                }
                Ok(Created::Refused(refusal)) => {
                    let mut culprits = self.culprits(target, &refusal, &group, send_before).await;
                    let half = group.len() / 2;
                    if culprits.is_empty() && half == 0 {
                        results[group[0].place] = Some(Err(refusal.error(CREATE)));
                        continue;
                    }
                    if culprits.is_empty() {
                        open.push(group.split_off(half));
                        open.push(group);
                        continue;
                    }
                    let (bad, good): (Vec<_>, Vec<_>) =
                        group.into_iter().partition(|entry| culprits.contains_key(&entry.place));
                    for entry in bad {
                        let named = culprits.remove(&entry.place).flatten();
                        results[entry.place] = Some(Err(named.unwrap_or_else(|| refusal.error(CREATE))));
                    }
                    if !good.is_empty() {
                        open.push(good);
                    }
                }
                // It may have been applied, and says nothing about the others.
                Err(error) if error.retry() == Retry::Verify => {
                    for entry in group {
                        results[entry.place] = Some(Err(again(&error)));
                    }
                }
                Err(error) => give_up(&error, group, &mut open, results),
            }
        }
    }

    async fn create_all(&self, target: Target<'_>, group: &[Entry], send_before: DateTime<Utc>) -> Result<Created> {
        let bodies: Vec<&Map<String, Json>> = group.iter().map(|entry| &entry.body).collect();
        let path = format!("/rest/batch/{}", target.meta.plural);
        let request = records(CREATE, Method::POST, path).json(&bodies).creating().send_before(send_before);
        let answer = match self.client.ask(request).await? {
            Ok(answer) => answer,
            Err(refusal) => return Ok(Created::Refused(refusal)),
        };
        let list = answer["data"].as_object().and_then(|data| data.values().next()).unwrap_or(&answer["data"]);
        let stored: Vec<Stored> =
            list.as_array().into_iter().flatten().filter_map(|record| convert::stored(target, record)).collect();
        let ours = |(entry, stored): (&Entry, &Stored)| {
            entry.body.get("id").is_none_or(|id| id.as_str() == Some(stored.id.as_str()))
        };
        if stored.len() != group.len() || !group.iter().zip(&stored).all(ours) {
            let message = "the answer does not list the records that were sent";
            return Err(Error::new(ErrorKind::Protocol, CREATE, message, Retry::Verify));
        }
        Ok(Created::All(stored))
    }

    /// Which records of a refused group the refusal is about, as far as the server tells.
    async fn culprits(
        &self,
        target: Target<'_>,
        refusal: &Refusal,
        group: &[Entry],
        send_before: DateTime<Utc>,
    ) -> HashMap<usize, Option<Error>> {
        if refusal.is_duplicate() {
            // Where looking fails, halving finds them.
            return self.taken(target, group, send_before).await.unwrap_or_default();
        }
        let values = refusal.values();
        let column = refusal.field().map(|field| field.split('.').next().unwrap_or(field));
        let phones = refusal.field().is_none();
        let has = |entry: &&Entry| {
            entry.body.iter().any(|(name, json)| {
                let looked_at = match column {
                    Some(column) => name == column,
                    None => phones && target.wire(name) == "PHONES",
                };
                looked_at && values.iter().any(|value| holds(json, value))
            })
        };
        group.iter().filter(has).map(|entry| (entry.place, None)).collect()
    }

    /// The records whose id or unique values others have already, those in the trash included, and which value it is.
    async fn taken(
        &self,
        target: Target<'_>,
        group: &[Entry],
        send_before: DateTime<Utc>,
    ) -> Result<HashMap<usize, Option<Error>>> {
        let mut taken = HashMap::new();
        for path in unique_paths(target) {
            let values: Vec<(usize, String)> = group
                .iter()
                .filter_map(|entry| Some((entry.place, unique_value(&entry.body, &path)?)))
                // The filter's list is split at commas, and its end is a bracket.
                .filter(|(_, value)| !value.contains([',', '[', ']', '(', ')', '"']))
                .collect();
            for some in values.chunks(30) {
                let list: Vec<&str> = some.iter().map(|(_, value)| value.as_str()).collect();
                let filter = format!("{path}[in]:[{}],{}", list.join(","), crate::reader::TRASHED_TOO);
                let request = target.request("twenty.find", Method::GET).query("filter", filter).query("limit", 200);
                let found = self.client.page(request.send_before(send_before)).await?;
                let holder =
                    |json: &Json| Some((unique_value(json.as_object()?, &path)?, !json["deletedAt"].is_null()));
                let found: HashMap<String, bool> = found.items.iter().filter_map(holder).collect();
                for (place, value) in some {
                    if let Some(trashed) = found.get(value) {
                        let why = match trashed {
                            true => {
                                "a record in the trash has this value, which is there but once: restore it, or destroy it"
                            }
                            false => "another record has this value, which is there but once",
                        };
                        let error = Error::new(ErrorKind::Rejected, CREATE, why, Retry::Never);
                        taken.entry(*place).or_insert_with(|| Some(error.with_context("field", &path)));
                    }
                }
            }
        }
        Ok(taken)
    }
}

/// What cannot go on for one group cannot for the others, which were not sent.
fn give_up(error: &Error, group: Vec<Entry>, open: &mut Vec<Vec<Entry>>, results: &mut [Option<Result<Written>>]) {
    for entry in group.into_iter().chain(open.drain(..).flatten()) {
        results[entry.place] = Some(Err(again(error)));
    }
}

/// The paths of values that only one record may have: `id`, `emails.primaryEmail`.
pub(crate) fn unique_paths(target: Target<'_>) -> Vec<String> {
    let unique = target.meta.fields.iter().filter(|field| field.is_unique && field.name != "id");
    let path = |field: &crate::metadata::MetaField| match field.ty.as_str() {
        "EMAILS" => Some(format!("{}.primaryEmail", field.name)),
        "LINKS" => Some(format!("{}.primaryLinkUrl", field.name)),
        "TEXT" | "UUID" | "DATE" => Some(field.name.clone()),
        _ => None,
    };
    std::iter::once("id".to_owned()).chain(unique.filter_map(path)).collect()
}

pub(crate) fn unique_value(body: &Map<String, Json>, path: &str) -> Option<String> {
    let mut parts = path.split('.');
    let mut json = body.get(parts.next()?)?;
    for part in parts {
        json = &json[part];
    }
    json.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Takes out the records that have a unique value of an earlier one: the server would refuse all of them.
fn twins(target: Target<'_>, creates: &mut Vec<Entry>) -> Vec<(usize, Error)> {
    let paths = unique_paths(target);
    let mut seen: HashSet<(String, String)> = HashSet::new();
    let mut twins = Vec::new();
    creates.retain(|entry| {
        let values: Vec<_> =
            paths.iter().filter_map(|path| Some((path.clone(), unique_value(&entry.body, path)?))).collect();
        let twin = values.iter().find(|value| seen.contains(*value)).map(|(path, _)| path.clone());
        match twin {
            Some(path) => {
                let message = "a duplicate entry was detected: a record before it has the same unique value";
                let error = Error::new(ErrorKind::Rejected, CREATE, message, Retry::Never).with_context("field", path);
                twins.push((entry.place, error));
                false
            }
            None => {
                seen.extend(values);
                true
            }
        }
    });
    twins
}

fn holds(json: &Json, value: &str) -> bool {
    match json {
        Json::String(text) => text == value,
        Json::Number(number) => number.to_string() == value,
        Json::Array(items) => items.iter().any(|item| holds(item, value)),
        Json::Object(parts) => parts.values().any(|part| holds(part, value)),
        Json::Bool(_) | Json::Null => false,
    }
}
