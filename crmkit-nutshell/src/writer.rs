//! Creating and updating records.

mod activity;
mod note;

use async_trait::async_trait;
use crmkit_core::{
    Destination, DestinationWriter, Error, ErrorKind, FieldSchema, Fields, FileSink, ObjectSchema, Operation,
    OperationKind, Provisioner, Reader, RecordId, Remover, Result, Retry, Stored, Value, WriteBatch, Written,
    chrono::{DateTime, Utc},
    indexmap::IndexMap,
};
use serde::Serialize;
use serde_json::{Value as Json, json};

use crate::{
    Nutshell,
    client::{Call, Effect, patch},
    connector::Known,
    convert::{self, Labelled, Wired, check, custom_value, day, labelled, money_text, stored, text_of},
    object::Object,
    schema::{OPEN, bare_name},
    wire::{Multi, Record},
};

/// What is sent of a record: in order, because the first of several values becomes the primary one.
type Body = IndexMap<String, Node>;

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Node {
    Json(Json),
    Labelled(Labelled),
}

impl From<Json> for Node {
    fn from(json: Json) -> Self {
        Self::Json(json)
    }
}

/// The parameters of a call, by name.
type Params = IndexMap<String, Part>;

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Part {
    Json(Json),
    Body(Body),
}

#[async_trait]
impl DestinationWriter for Nutshell {
    async fn describe(&self) -> Result<Destination> {
        self.load().await
    }

    fn respells(&self, _field: &FieldSchema, written: &Value, stored: Option<&Value>) -> bool {
        convert::respells(written, stored)
    }

    async fn write(&self, batch: &WriteBatch) -> Result<Vec<Result<Written>>> {
        let known = self.known().await?;
        let (object, schema) = known.object(&batch.object, "nutshell.write")?;
        let mut results = Vec::with_capacity(batch.operations.len());
        for operation in &batch.operations {
            let write = Write { nutshell: self, known: &known, object, schema, send_before: batch.send_before };
            results.push(write.perform(operation).await);
        }
        Ok(results)
    }

    fn reader(&self) -> Option<&dyn Reader> {
        Some(self)
    }

    fn remover(&self) -> Option<&dyn Remover> {
        Some(self)
    }

    fn file_sink(&self) -> Option<&dyn FileSink> {
        Some(self)
    }

    fn provisioner(&self) -> Option<&dyn Provisioner> {
        Some(self)
    }
}

/// One record on its way.
struct Write<'a> {
    nutshell: &'a Nutshell,
    known: &'a Known,
    object: Object,
    schema: &'a ObjectSchema,
    send_before: DateTime<Utc>,
}

impl Write<'_> {
    async fn perform(&self, operation: &Operation) -> Result<Written> {
        let fields = &operation.fields;
        let creating = operation.kind == OperationKind::Create;
        check(self.schema, fields, self.operation(creating), creating)?;
        let record = match (&operation.kind, self.object) {
            (_, Object::File) => {
                let message = "a file is stored once, and whole; it cannot be changed";
                return Err(Error::new(ErrorKind::Rejected, self.operation(creating), message, Retry::Never));
            }
            (OperationKind::Create, Object::Note) => self.create_note(fields).await?,
            (OperationKind::Create, Object::Activity) => self.create_activity(fields).await?,
            (OperationKind::Create, _) => self.create(fields).await?,
            (OperationKind::Update { id, version }, Object::Note) => {
                self.update_note(id, version.as_deref(), fields).await?
            }
            (OperationKind::Update { id, version }, Object::Activity) => {
                self.update_activity(id, version.as_deref(), fields).await?
            }
            (OperationKind::Update { id, version }, _) => self.update(id, version.as_deref(), fields).await?,
        };
        let stored: Stored = stored(self.object, self.schema, &record);
        Ok(Written { id: stored.id.clone(), stored: Some(stored) })
    }

    fn operation(&self, creating: bool) -> &'static str {
        if creating { self.object.creating() } else { self.object.updating() }
    }

    /// One creating call with everything it takes. What further calls set is told as uncertain where one of them fails: the record is
    /// there, and whoever finds it by its marker completes it.
    async fn create(&self, fields: &Fields) -> Result<Record> {
        let mut body = self.body(fields, None)?;
        let market = self.market(fields, true)?;
        body.extend(market);
        let params: Params = [(self.object.name().to_owned(), Part::Body(body))].into_iter().collect();
        let call = Call::new(self.operation(true), &self.object.method("new"), Effect::Creates, &params);
        let record: Record = self.nutshell.client.call(call.send_before(self.send_before)).await?;
        if self.object != Object::Lead {
            return Ok(record);
        }
        let completed = self.complete_lead(record, fields).await;
        completed.map_err(|error| error.with_retry(Retry::Verify))
    }

    /// Under the revision that was read just now, which has to be the one that the caller saw.
    async fn update(&self, id: &RecordId, version: Option<&str>, fields: &Fields) -> Result<Record> {
        let number = self.object.number(id)?;
        let mut record = self.current(number, version).await?;
        if self.object == Object::Lead && fields.get("status") == Some(&Value::option(OPEN)) {
            // Reopened first: a closed lead may not move.
            if record.get("status").as_i64().is_some_and(|status| status >= 10) {
                record = self.edit(&record, body_of([("status", json!(0))])).await?;
            }
        }
        let mut body = self.body(fields, Some(&record))?;
        body.extend(self.market(fields, false)?);
        if !body.is_empty() {
            record = self.edit(&record, body).await?;
        }
        if self.object == Object::Lead { self.complete_lead(record, fields).await } else { Ok(record) }
    }

    async fn current(&self, number: i64, version: Option<&str>) -> Result<Record> {
        let operation = self.operation(false);
        let record = self
            .nutshell
            .read_one(self.object, number)
            .await?
            .ok_or_else(|| Error::new(ErrorKind::NotFound, operation, "there is no such record", Retry::Never))?;
        if version.is_some_and(|version| version != record.rev()) {
            let message = "somebody changed the record meanwhile; it is read again";
            return Err(Error::new(
                ErrorKind::Conflict,
                operation,
                message,
                Retry::After(std::time::Duration::from_secs(1)),
            ));
        }
        Ok(record)
    }

    async fn edit(&self, record: &Record, body: Body) -> Result<Record> {
        self.nutshell.client.call(self.edit_call(record, body)).await
    }

    /// The edit of a record under the revision that it was read with.
    fn edit_call(&self, record: &Record, body: Body) -> Call {
        let mut params: Params =
            self.object.params(record.id).into_iter().map(|(name, id)| (name, Part::Json(id))).collect();
        params.insert("rev".to_owned(), Part::Json(json!(record.rev())));
        params.insert(self.object.name().to_owned(), Part::Body(body));
        let call = Call::new(self.operation(false), &self.object.method("edit"), Effect::Changes, &params);
        call.send_before(self.send_before)
    }

    /// The amount, which only REST takes, and the outcome, which only an edit takes. Last of all: a closed lead may not move.
    async fn complete_lead(&self, mut record: Record, fields: &Fields) -> Result<Record> {
        if let Some((amount, _)) = fields.get("value").and_then(money_text) {
            let path = format!("/rest/leads/{}-leads", record.id);
            let operations = json!([{"op": "replace", "path": "/leads/0/manualValue", "value": amount}]);
            let request = patch("lead.value", path, &operations).send_before(self.send_before);
            self.nutshell.client.done(request).await?;
            record = self.current(record.id, None).await?;
        }
        let Some(Value::Option(status)) = fields.get("status") else { return Ok(record) };
        let outcome = self.known.catalog.outcomes.iter().find(|outcome| outcome.id.to_string() == **status);
        let Some(outcome) = outcome else { return Ok(record) };
        let has = crate::wire::id_of(&record.get("outcome")["id"]) == Some(outcome.id);
        if has && record.get("status").as_i64() == Some(outcome.status) {
            return Ok(record);
        }
        let record = self.edit(&record, body_of([("outcomeId", json!(outcome.id))])).await?;
        if record.get("status").as_i64() == Some(outcome.status) {
            return Ok(record);
        }
        let message = "the lead did not take its outcome";
        Err(Error::new(ErrorKind::Rejected, self.operation(false), message, Retry::Never))
    }

    /// A currency is a market's.
    fn market(&self, fields: &Fields, creating: bool) -> Result<Option<(String, Node)>> {
        let Some((_, currency)) = fields.get("value").and_then(money_text) else { return Ok(None) };
        match self.known.catalog.market(currency) {
            Some(market) => Ok(Some(("market".to_owned(), json!({"id": market}).into()))),
            // Where no market tells its currency, nothing can be chosen.
            None if self.known.catalog.markets.iter().all(|market| market.currency.is_none()) => Ok(None),
            None => {
                let message = format!("no market has the currency {currency}; add one under Setup > Markets");
                let operation = self.operation(creating);
                Err(Error::new(ErrorKind::Rejected, operation, message, Retry::Never).with_context("field", "value"))
            }
        }
    }

    /// What JSON-RPC takes of the fields. What we know one of and Nutshell several of goes before those that are there.
    fn body(&self, fields: &Fields, current: Option<&Record>) -> Result<Body> {
        let mut body = Body::new();
        let mut custom = serde_json::Map::new();
        for (name, value) in fields {
            let field: &FieldSchema = &self.schema.fields[name];
            if field.custom {
                custom.insert(bare_name(name).to_owned(), custom_value(value));
                continue;
            }
            let id = || value.as_ref_to().and_then(|to| to.id.as_str().parse::<i64>().ok());
            let number = || value.as_text().and_then(|text| text.parse::<i64>().ok());
            let node: Node = match (name.as_str(), value) {
                ("value" | "status", _) => continue,
                ("owner" | "assignee", _) => json!({"entityType": "Users", "id": id()}).into(),
                ("account", _) => {
                    if self.object == Object::Lead {
                        body.insert("primaryAccount".to_owned(), json!({"id": id()}).into());
                    }
                    let others = others(current, "accounts", id());
                    body.insert("accounts".to_owned(), first(id(), "Accounts", others).into());
                    continue;
                }
                ("contact" | "people", _) => {
                    body.insert("contacts".to_owned(), contacts(fields, current).into());
                    continue;
                }
                ("sources", Value::List(items)) => items
                    .iter()
                    .filter_map(|item| item.as_text()?.parse::<i64>().ok())
                    .map(|id| json!({"id": id}))
                    .collect::<Json>()
                    .into(),
                ("tags", Value::List(items)) => {
                    items.iter().filter_map(Value::as_text).map(Json::from).collect::<Json>().into()
                }
                ("tags" | "email" | "phone", Value::Null) => json!([]).into(),
                ("email" | "phone", Value::List(items)) if items.is_empty() => json!([]).into(),
                ("email" | "phone", Value::List(items)) => Node::Labelled(labelled(items)),
                ("url", _) => merged(json!(text_of(value)), current.map(|record| &record.url)),
                ("address", Value::Address(address)) => {
                    merged(Wired::from(&**address).0, current.map(|record| &record.address))
                }
                ("dueTime", Value::Date(date)) => day(date).into(),
                ("confidence", Value::Int(percent)) => json!(percent).into(),
                (_, Value::Option(_)) => json!(number()).into(),
                _ => json!(text_of(value)).into(),
            };
            body.insert(name.as_str().to_owned(), node);
        }
        if !custom.is_empty() {
            // Fields that are not sent are believed to stay; sent with the others, they do.
            if let Some(Json::Object(there)) = current.map(|record| record.get("customFields")) {
                for (name, value) in there {
                    custom.entry(name.clone()).or_insert_with(|| value.clone());
                }
            }
            body.insert("customFields".to_owned(), Json::Object(custom).into());
        }
        Ok(body)
    }

    /// The e-mail of the user whom a field names, for whom the key speaks.
    fn author(&self, fields: &Fields, field: &str) -> Result<Option<&str>> {
        let Some(author) = fields.get(field).and_then(Value::as_ref_to) else { return Ok(None) };
        let users = &self.known.destination.users;
        let user = users.iter().find(|user| user.id == author.id && user.active && !user.email.is_empty());
        user.map(|user| Some(user.email.as_str())).ok_or_else(|| {
            let message = "the author is no active user of the instance";
            Error::new(ErrorKind::Rejected, self.operation(true), message, Retry::Never).with_context("field", field)
        })
    }
}

fn body_of<const N: usize>(pairs: [(&str, Json); N]) -> Body {
    pairs.into_iter().map(|(name, json)| (name.to_owned(), json.into())).collect()
}

/// The people of a lead: ours first, then those of the list, then whoever is there.
fn contacts(fields: &Fields, current: Option<&Record>) -> Json {
    let ours = fields.get("contact").and_then(link_id);
    let there = current.and_then(|record| record.get("contacts").as_array()).map(Vec::as_slice).unwrap_or_default();
    // The first of those that are there is the one that we call ours: it gives way to the new one.
    let there = there.iter().skip(usize::from(ours.is_some()));
    let mut all: Vec<(i64, Json)> = ours.map(|id| (id, Json::Null)).into_iter().collect();
    let named = fields.get("people").map(listed_ids).unwrap_or_default().into_iter().map(|id| (id, Json::Null));
    let there = there.filter_map(|item| Some((crate::wire::id_of(&item["id"])?, item["relationship"].clone())));
    for (id, relationship) in there.chain(named) {
        if all.iter().all(|(known, _)| *known != id) {
            all.push((id, relationship));
        }
    }
    let reference = |(id, relationship): (i64, Json)| {
        let mut item = json!({"id": id, "entityType": "Contacts"});
        if !relationship.is_null() {
            item["relationship"] = relationship;
        }
        item
    };
    all.into_iter().map(reference).collect()
}

fn link_id(value: &Value) -> Option<i64> {
    value.as_ref_to()?.id.as_str().parse().ok()
}

fn listed_ids(value: &Value) -> Vec<i64> {
    match value {
        Value::List(items) => items.iter().filter_map(link_id).collect(),
        _ => Vec::new(),
    }
}

/// The records that a list names beside ours.
fn others(current: Option<&Record>, list: &str, ours: Option<i64>) -> Vec<Json> {
    let Some(items) = current.and_then(|record| record.get(list).as_array()) else { return Vec::new() };
    // The first is the one that we call ours: it gives way to the new one.
    items.iter().skip(1).filter(|item| crate::wire::id_of(&item["id"]) != ours).cloned().collect()
}

fn first(id: Option<i64>, entity: &str, others: Vec<Json>) -> Json {
    let reference = |id: Option<i64>, relationship: &Json| {
        let mut item = json!({"id": id, "entityType": entity});
        if !relationship.is_null() {
            item["relationship"] = relationship.clone();
        }
        item
    };
    let rest = others.iter().map(|item| reference(crate::wire::id_of(&item["id"]), &item["relationship"]));
    std::iter::once(reference(id, &Json::Null)).chain(rest).collect()
}

/// A new first value before the further ones that are there.
fn merged(value: Json, current: Option<&Multi>) -> Node {
    let entries = current.map(Multi::entries).unwrap_or_default();
    let mut map = Labelled::new();
    let label = entries.first().and_then(|(label, _)| *label).unwrap_or("0");
    map.insert(label.to_owned(), value);
    for (place, (label, value)) in entries.into_iter().enumerate().skip(1) {
        map.insert(label.map_or_else(|| place.to_string(), str::to_owned), value.clone());
    }
    Node::Labelled(map)
}
