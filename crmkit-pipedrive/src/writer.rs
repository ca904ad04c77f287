//! Creating and updating records.

use async_trait::async_trait;
use crmkit_core::{
    Destination, DestinationWriter, Error, ErrorKind, Fields, ObjectSchema, Operation, OperationKind, Provisioner,
    Reader, RecordId, Remover, Result, Retry, Stored, WriteBatch, Written,
    chrono::{DateTime, Utc},
    http::Request,
};

use crate::{Pipedrive, client::writing, connector::object_of, convert, object::Object};

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

    fn reader(&self) -> Option<&dyn Reader> {
        Some(self)
    }

    fn remover(&self) -> Option<&dyn Remover> {
        Some(self)
    }

    fn provisioner(&self) -> Option<&dyn Provisioner> {
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
            OperationKind::Create => {
                let body = convert::body(object, schema, &operation.fields, true)?;
                self.record(object, schema, writing(object.create().request(), &body, send_before)).await?
            }
            OperationKind::Update { id, .. } => self.update(object, schema, id, &operation.fields, send_before).await?,
        };
        Ok(Written { id: stored.id.clone(), stored: Some(stored) })
    }

    /// Values that can be set on a create only are compared with what is stored, and refused where they differ.
    async fn update(
        &self,
        object: Object,
        schema: &ObjectSchema,
        id: &RecordId,
        fields: &Fields,
        send_before: DateTime<Utc>,
    ) -> Result<Stored> {
        let once = |name: &str| object.set_once().contains(&name);
        let mut fields = fields.clone();
        let body = convert::body(object, schema, &fields, false)?;
        let request = object.update().about(id.as_str())?;
        if !fields.keys().any(|name| once(name.as_str())) {
            return self.record(object, schema, writing(request, &body, send_before)).await;
        }
        let stored = self.record(object, schema, object.get().about(id.as_str())?.send_before(send_before)).await?;
        let as_stored = convert::body(object, schema, &writable(schema, &stored.fields), false)?;
        let differs =
            fields.keys().find(|name| once(name.as_str()) && body.get(name.as_str()) != as_stored.get(name.as_str()));
        if let Some(name) = differs {
            let message = "the field can be set only while the record is created, and the stored value differs";
            return Err(Error::new(ErrorKind::Rejected, object.update().operation, message, Retry::Never)
                .with_context("field", name));
        }
        fields.retain(|name, _| !once(name.as_str()));
        if fields.is_empty() {
            return Ok(stored);
        }
        let body = convert::body(object, schema, &fields, false)?;
        self.record(object, schema, writing(request, &body, send_before)).await
    }

    /// Sends a request that is answered with one record.
    pub(crate) async fn record(&self, object: Object, schema: &ObjectSchema, request: Request) -> Result<Stored> {
        Ok(match object {
            Object::Organization | Object::Person | Object::Deal => {
                convert::stored_entity(object, schema, &self.client.data(request).await?)
            }
            Object::Note => convert::stored_note(schema, &self.client.data(request).await?),
            Object::Relationship => convert::stored_relationship(schema, &self.client.data(request).await?),
        })
    }
}

fn writable(schema: &ObjectSchema, fields: &Fields) -> Fields {
    let settable = |name: &&crmkit_core::FieldName| schema.fields.get(*name).is_some_and(|field| field.writable);
    fields.keys().filter(settable).map(|name| (name.clone(), fields[name].clone())).collect()
}
