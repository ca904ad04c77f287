//! Connectors that break one rule each, to prove that the rule can fail.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;

use crate::{
    Destination, DestinationWriter, Error, ErrorKind, FieldSchema, FileSink, Provisioner, Reader, Remover, Result,
    Retry, Value, WriteBatch, Written,
};

/// A connector that writes in its own way, and is otherwise the one it wraps.
macro_rules! saboteur {
    ($(#[$docs:meta])* $name:ident, |$inner:ident, $batch:ident| $write:expr) => {
        $(#[$docs])*
        #[derive(Debug)]
        pub struct $name(pub Arc<dyn DestinationWriter>);

        #[async_trait]
        impl DestinationWriter for $name {
            async fn describe(&self) -> Result<Destination> {
                self.0.describe().await
            }

            async fn write(&self, batch: &WriteBatch) -> Result<Vec<Result<Written>>> {
                let ($inner, $batch) = (&*self.0, batch);
                $write
            }

            fn respells(&self, field: &FieldSchema, written: &Value, stored: Option<&Value>) -> bool {
                self.0.respells(field, written, stored)
            }

            fn reader(&self) -> Option<&dyn Reader> {
                self.0.reader()
            }

            fn remover(&self) -> Option<&dyn Remover> {
                self.0.remover()
            }

            fn provisioner(&self) -> Option<&dyn Provisioner> {
                self.0.provisioner()
            }

            fn file_sink(&self) -> Option<&dyn FileSink> {
                self.0.file_sink()
            }
        }
    };
}

saboteur! {
    /// Sends a create again whose connection closed, as a careless client does. Breaks
    /// [`a_lost_answer_creates_nothing_twice`](super::a_lost_answer_creates_nothing_twice).
    RetriesLostCreates, |inner, batch| {
        let results = inner.write(batch).await?;
        let is_lost = |error: &Error| error.kind() == ErrorKind::Unavailable && error.retry() == Retry::Verify;
        let lost = results.iter().any(|result| result.as_ref().is_err_and(is_lost));
        if lost { inner.write(batch).await } else { Ok(results) }
    }
}

saboteur! {
    /// Leaves out what the schema does not name, as lenient clients do. Breaks
    /// [`an_unknown_field_is_refused_not_dropped`](super::an_unknown_field_is_refused_not_dropped).
    DropsUnknownFields, |inner, batch| {
        let schema = inner.describe().await?.schema;
        let mut batch = batch.clone();
        if let Some(object) = schema.object(&batch.object) {
            for operation in &mut batch.operations {
                operation.fields.retain(|name, _| object.fields.contains_key(name));
            }
        }
        inner.write(&batch).await
    }
}

saboteur! {
    /// Sends whenever it comes to it. Breaks
    /// [`what_cannot_leave_in_time_is_not_sent`](super::what_cannot_leave_in_time_is_not_sent).
    IgnoresDeadlines, |inner, batch| {
        let send_before = batch.send_before + TimeDelta::hours(1);
        inner.write(&WriteBatch { send_before, ..batch.clone() }).await
    }
}
