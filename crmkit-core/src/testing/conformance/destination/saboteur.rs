//! Connectors that break one rule each, to prove that the rule can fail.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    Destination, DestinationWriter, FileSink, Provisioner, Reader, Remover, Result, Retry, WriteBatch, Written,
};

/// Sends a create again whose answer was lost, as a careless client does. Breaks
/// [`a_lost_answer_creates_nothing_twice`](super::a_lost_answer_creates_nothing_twice).
#[derive(Debug)]
pub struct RetriesLostCreates(pub Arc<dyn DestinationWriter>);

#[async_trait]
impl DestinationWriter for RetriesLostCreates {
    async fn describe(&self) -> Result<Destination> {
        self.0.describe().await
    }

    async fn write(&self, batch: &WriteBatch) -> Result<Vec<Result<Written>>> {
        let results = self.0.write(batch).await?;
        let lost = results.iter().any(|result| result.as_ref().is_err_and(|error| error.retry() == Retry::Verify));
        if lost { self.0.write(batch).await } else { Ok(results) }
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
