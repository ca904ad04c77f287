//! Attachments on their way: streamed, never whole in memory.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::stream::BoxStream;

use crate::{Fields, ObjectName, RecordId, Result, Written};

/// A chunk of a file's bytes.
pub type Chunk = Arc<[u8]>;

/// A file's bytes, in order.
pub type FileStream = BoxStream<'static, Result<Chunk>>;

/// Opens the files of a source.
#[async_trait]
pub trait FileSource: Send + Sync {
    /// The bytes of the attachment record `id`. Size and digest are checked while streaming; the last item is an error
    /// where they do not match.
    async fn open(&self, id: &RecordId) -> Result<FileStream>;
}

/// Takes files at a destination.
///
/// # Errors
/// As [`DestinationWriter::write`](crate::DestinationWriter::write): a lost answer is `Verify`.
#[async_trait]
pub trait FileSink: Send + Sync {
    /// Stores a file as a record of `object` with these values: its name, its media type, its links to the records it hangs on. No
    /// request leaves after `send_before`. An error of `bytes` ends the upload, and no file is there then.
    async fn store(
        &self,
        object: &ObjectName,
        fields: &Fields,
        bytes: FileStream,
        send_before: DateTime<Utc>,
    ) -> Result<Written>;

    /// The bytes of a stored file, for comparison.
    async fn open(&self, object: &ObjectName, id: &RecordId) -> Result<FileStream>;
}
