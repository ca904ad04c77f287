//! A connector that breaks the one rule it is told to.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use crmkit_core::{
    Destination, DestinationWriter, Error, ErrorKind, FieldName, ObjectName, Operation, OperationKind, Page,
    PageRequest, Probe, Provisioner, Reader, RecordId, Remover, Result, Retry, Stored, Value, WriteBatch, Written,
    chrono::{DateTime, Utc},
};

use crate::destinations::SECRET;

pub(crate) struct Saboteur {
    pub(crate) crm: Arc<dyn DestinationWriter>,
    pub(crate) breaks: &'static str,
}

impl fmt::Debug for Saboteur {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = if self.breaks == "no_secret_is_shown" { SECRET } else { "***" };
        f.debug_struct("Saboteur").field("token", &shown).finish_non_exhaustive()
    }
}

impl Saboteur {
    fn inner(&self) -> &dyn Reader {
        self.crm.reader().expect("the mock can be read")
    }

    async fn stored(&self, object: &ObjectName, id: &RecordId) -> Option<Stored> {
        self.inner().fetch(object, std::slice::from_ref(id)).await.ok()?.pop()?
    }

    async fn ids(&self, object: &ObjectName) -> Result<Vec<RecordId>> {
        let page = self.inner().scan(&PageRequest::first(object.clone(), 1000)).await?;
        Ok(page.items.into_iter().map(|stored| stored.id).collect())
    }

    /// The batch that is sent instead.
    async fn changed(&self, batch: &WriteBatch) -> Result<WriteBatch> {
        let mut batch = batch.clone();
        let schema = self.describe().await?.schema;
        let object = schema.object(&batch.object).expect("rules write objects that there are").clone();
        for operation in &mut batch.operations {
            let Operation { kind, fields } = operation;
            match (self.breaks, &*kind) {
                ("an_unknown_option_is_refused_not_dropped", _) => {
                    let known = |name: &FieldName, id: &str| {
                        object.fields.get(name).is_some_and(|field| field.options.iter().any(|option| option.id == id))
                    };
                    fields.retain(|name, value| !matches!(value, Value::Option(id) if !known(name, id)));
                }
                ("an_update_changes_only_what_it_names", OperationKind::Update { .. }) => {
                    for name in object.fields.keys() {
                        fields.entry(name.clone()).or_insert(Value::Null);
                    }
                }
                ("a_settled_batch_replayed_changes_nothing", OperationKind::Update { id, .. }) => {
                    let old = self.stored(&batch.object, id).await.map(|stored| stored.fields).unwrap_or_default();
                    if fields.iter().all(|(name, value)| old.get(name) == Some(value)) {
                        *kind = OperationKind::Create;
                    }
                }
                _ => {}
            }
        }
        Ok(batch)
    }
}

/// Writes a second time when the first is given up.
struct OnceMore {
    crm: Arc<dyn DestinationWriter>,
    batch: Option<WriteBatch>,
}

impl Drop for OnceMore {
    fn drop(&mut self) {
        if let Some(batch) = self.batch.take() {
            let crm = self.crm.clone();
            tokio::spawn(async move { crm.write(&batch).await.is_ok() });
        }
    }
}

fn never(error: &Error) -> Error {
    Error::new(error.kind(), "saboteur.write", error.message().to_owned(), Retry::Never)
}

#[async_trait]
impl DestinationWriter for Saboteur {
    async fn describe(&self) -> Result<Destination> {
        self.crm.describe().await
    }

    async fn write(&self, batch: &WriteBatch) -> Result<Vec<Result<Written>>> {
        if self.breaks == "no_secret_is_in_a_span" {
            tracing::info_span!("write", token = SECRET).in_scope(|| ());
        }
        let batch = self.changed(batch).await?;
        let before = self.ids(&batch.object).await?;
        let mut once_more = OnceMore { crm: self.crm.clone(), batch: None };
        if self.breaks == "a_dropped_write_can_be_found" {
            once_more.batch = Some(batch.clone());
        }
        let mut results = self.crm.write(&batch).await?;
        once_more.batch = None;
        for result in &mut results {
            let again = match (self.breaks, &*result) {
                ("an_unreadable_answer_creates_nothing_twice", Err(error)) => error.kind() == ErrorKind::Protocol,
                ("a_refused_token_is_never_retried", Err(error)) => error.kind() == ErrorKind::Auth,
                _ => false,
            };
            if again {
                return self.crm.write(&batch).await;
            }
            match (self.breaks, &mut *result) {
                ("outcomes_are_in_order_and_complete", Ok(written)) if before.len() > 3 => {
                    written.id = before[0].clone();
                }
                ("one_bad_record_does_not_sink_the_others", Err(error)) if error.kind() == ErrorKind::Rejected => {
                    return Err(never(error));
                }
                ("a_lost_request_creates_nothing_twice", Err(error)) if error.message().contains("closed") => {
                    *error = never(error);
                }
                ("a_server_error_leaves_no_doubt_unsaid", Err(error)) if error.message().contains("server") => {
                    *error = never(error);
                }
                ("a_throttled_write_arrives_once_or_not_at_all", Err(error)) if error.kind() == ErrorKind::Limited => {
                    *error =
                        Error::new(ErrorKind::Unavailable, "saboteur.write", "something went wrong", error.retry());
                }
                _ => {}
            }
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
        self.crm.provisioner()
    }
}

#[async_trait]
impl Reader for Saboteur {
    async fn find(&self, object: &ObjectName, probes: &[Probe]) -> Result<Vec<Vec<Stored>>> {
        self.inner().find(object, probes).await
    }

    async fn fetch(&self, object: &ObjectName, ids: &[RecordId]) -> Result<Vec<Option<Stored>>> {
        let mut found = self.inner().fetch(object, ids).await?;
        if self.breaks == "a_missing_record_is_none" && ids.len() > 1 {
            found.retain(Option::is_some);
        }
        Ok(found)
    }

    async fn scan(&self, request: &PageRequest) -> Result<Page<Stored>> {
        self.inner().scan(request).await
    }
}

#[async_trait]
impl Remover for Saboteur {
    async fn remove(
        &self,
        object: &ObjectName,
        id: &RecordId,
        version: Option<&str>,
        send_before: DateTime<Utc>,
    ) -> Result<()> {
        let gone = self.stored(object, id).await.is_none_or(|stored| stored.trashed);
        if gone && self.breaks == "removing_twice_is_success" {
            return Err(Error::new(ErrorKind::NotFound, "saboteur.remove", "there is no such record", Retry::Never));
        }
        self.crm.remover().expect("the mock's records can be removed").remove(object, id, version, send_before).await
    }
}
