//! Creating and updating records.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use crmkit_core::{
    Destination, DestinationWriter, Error, ErrorKind, FieldName, FieldSchema, Fields, FileSink, ObjectSchema,
    Operation, OperationKind, Provisioner, Reader, RecordId, Remover, Result, Retry, Stored, Value, WriteBatch,
    Written,
    chrono::{DateTime, Utc},
    http::Request,
};

use crate::{
    Pipedrive,
    client::writing,
    connector::object_of,
    convert::{self, html_of, same_minute, visible_text},
    files,
    object::Object,
    wire,
};

#[async_trait]
impl DestinationWriter for Pipedrive {
    async fn describe(&self) -> Result<Destination> {
        self.load().await
    }

    async fn write(&self, batch: &WriteBatch) -> Result<Vec<Result<Written>>> {
        let schema = self.schema().await?;
        let (object, fields) = object_of(&schema, &batch.object, "pipedrive.write")?;
        let mut results = Vec::with_capacity(batch.operations.len());
        for operation in &batch.operations {
            results.push(self.write_one(object, fields, operation, batch.send_before).await);
        }
        Ok(results)
    }

    /// A contact counts among the participants of an activity; seconds may be lost; Markdown shows as it was typed; a file's name is
    /// spelled as forms spell it.
    fn respells(&self, field: &FieldSchema, written: &Value, stored: Option<&Value>) -> bool {
        match (field.name.as_str(), written, stored) {
            ("participants", Value::List(written), Some(Value::List(stored))) => {
                written.iter().all(|person| stored.contains(person)) && stored.len() <= written.len() + 1
            }
            // Whether times of day keep their seconds, the documents leave open.
            (name, written, Some(stored)) if same_minute(name, written, stored) => true,
            // Markdown shows as it was typed.
            (_, Value::Rich(written), Some(Value::Rich(stored))) => {
                visible_text(&html_of(written)) == visible_text(&stored.text)
            }
            ("name", Value::Text(written), Some(Value::Text(stored))) => files::spelled(written) == **stored,
            _ => false,
        }
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

impl Pipedrive {
    async fn write_one(
        &self,
        object: Object,
        schema: &ObjectSchema,
        operation: &Operation,
        send_before: DateTime<Utc>,
    ) -> Result<Written> {
        let stored = match &operation.kind {
            OperationKind::Create if object.nest().is_some() => {
                self.add(object, schema, &operation.fields, send_before).await?
            }
            OperationKind::Create if object == Object::File => {
                let message = "files are stored with their bytes, through the file sink";
                return Err(Error::new(ErrorKind::Rejected, object.create().operation, message, Retry::Never));
            }
            OperationKind::Create => {
                let body = convert::body(object, schema, &operation.fields, true)?;
                self.send(object, schema, object.create().request(), body, send_before).await?
            }
            OperationKind::Update { id, .. } => self.update(object, schema, id, &operation.fields, send_before).await?,
        };
        Ok(Written { id: stored.id.clone(), stored: Some(stored) })
    }

    /// Values that can be set on a create only are compared with what is stored, and refused where they differ. What the interface
    /// keeps as one is written whole.
    async fn update(
        &self,
        object: Object,
        schema: &ObjectSchema,
        id: &RecordId,
        fields: &Fields,
        send_before: DateTime<Utc>,
    ) -> Result<Stored> {
        let Some((update, get)) = object.update().zip(object.get()) else {
            let message = "these are added and removed, and never changed";
            return Err(Error::new(ErrorKind::Rejected, object.create().operation, message, Retry::Never));
        };
        let once = |name: &str| object.set_once().contains(&name);
        let request = update.about(id.as_str())?;
        let has_fixed = fields.keys().any(|name| once(name.as_str()));
        let alone = convert::lacks_companions(object, schema, fields);
        if !has_fixed && !alone {
            let body = convert::body(object, schema, fields, false)?;
            return self.send(object, schema, request, body, send_before).await;
        }
        if !alone {
            // What cannot be written at all is refused before anything is asked.
            convert::body(object, schema, fields, false)?;
        }
        let stored = self.record(object, schema, get.about(id.as_str())?.send_before(send_before)).await?;
        let mut fields = convert::with_companions(object, schema, fields.clone(), &stored.fields);
        let body = convert::body(object, schema, &fields, false)?;
        let fixed: Fields = fields.iter().filter(|(name, _)| once(name.as_str())).map(owned).collect();
        let as_stored = stored.fields.iter().filter(|(name, _)| once(name.as_str())).map(owned).collect();
        let as_stored = convert::body(object, schema, &as_stored, false)?;
        let differs = fixed.keys().find(|name| body.get(name.as_str()) != as_stored.get(name.as_str()));
        if let Some(name) = differs {
            let message = "the field can be set only while the record is created, and the stored value differs";
            return Err(
                Error::new(ErrorKind::Rejected, update.operation, message, Retry::Never).with_context("field", name)
            );
        }
        fields.retain(|name, _| !once(name.as_str()));
        if fields.is_empty() {
            return Ok(stored);
        }
        let body = convert::body(object, schema, &fields, false)?;
        self.send(object, schema, request, body, send_before).await
    }

    /// Writes a record. A refusal applies nothing: where it names what the documents leave open how to spell, the other spelling is
    /// tried, and kept once it was taken.
    async fn send(
        &self,
        object: Object,
        schema: &ObjectSchema,
        request: Request,
        body: wire::Object,
        send_before: DateTime<Utc>,
    ) -> Result<Stored> {
        let (other, differing) = convert::respelled(object, schema, &body);
        if differing.is_empty() {
            return self.record(object, schema, writing(request, &body, send_before)).await;
        }
        let kept = &self.respelled[usize::from(object == Object::Lead)];
        let respelled = kept.load(Ordering::Relaxed);
        let (first, second) = if respelled { (other, body) } else { (body, other) };
        let refused = match self.record(object, schema, writing(request.clone(), &first, send_before)).await {
            Err(error) if error.kind() == ErrorKind::Rejected => error,
            result => return result,
        };
        if !differing.iter().any(|key| refused.message().contains(key.as_str())) {
            return Err(refused);
        }
        let stored = self.record(object, schema, writing(request, &second, send_before)).await?;
        kept.store(!respelled, Ordering::Relaxed);
        Ok(stored)
    }

    /// Sends a request that is answered with one record.
    pub(crate) async fn record(&self, object: Object, schema: &ObjectSchema, request: Request) -> Result<Stored> {
        Ok(convert::stored(object, schema, self.client.data(request).await?))
    }
}

fn owned((name, value): (&FieldName, &Value)) -> (FieldName, Value) {
    (name.clone(), value.clone())
}
