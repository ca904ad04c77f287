//! Files on their way: opened at the source, streamed into the destination, and compared byte by byte when read back.

use std::sync::{Arc, Mutex, PoisonError};

use futures::{StreamExt, TryStreamExt, stream};
use sha2::{Digest as _, Sha256};

use crate::{
    CompiledMapping, Error, ErrorKind, FileStream, ObjectConcept, ObjectName, OperationKind, RecordId, Result, Retry,
    WriteBatch, Written,
    engine::{Core, pass::PassContext},
};

/// Whether the records of a destination object are files.
pub(super) fn holds_files(cx: &PassContext, object: &ObjectName) -> bool {
    cx.destination.schema.object(object).is_some_and(|object| object.concept == Some(ObjectConcept::File))
}

/// Stores the file of the attachment record `source`.
///
/// # Errors
/// As [`FileSink::store`](crate::FileSink::store). Bytes that the source cannot give, or that are not what it said, are `Rejected`:
/// an upload that does not end is not applied.
pub(super) async fn store(core: &Core, source: &RecordId, batch: &WriteBatch) -> Result<Written> {
    let [operation] = &batch.operations[..] else {
        return Err(Error::state("file.store", "files are stored one by one"));
    };
    if operation.kind != OperationKind::Create {
        let answers = core.destination.write(batch).await?;
        return answers.into_iter().next().unwrap_or_else(|| Err(Error::state("file.store", "no answer")));
    }
    let files = core.source.files().ok_or_else(|| no_files("the source has no files to read"))?;
    let sink = core.destination.file_sink().ok_or_else(|| no_files("the destination takes no files"))?;
    let bytes = files.open(source).await.map_err(|error| unreadable(&error))?;
    let broken: Arc<Mutex<Option<Error>>> = Arc::default();
    let seen = broken.clone();
    let watched: FileStream = bytes
        .map_err(move |error| {
            let told = Error::new(error.kind(), "file.store", error.message(), error.retry());
            *seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(told);
            error
        })
        .boxed();
    let stored = sink.store(&batch.object, &operation.fields, watched, batch.send_before).await;
    let broken = broken.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (stored, broken) {
        (Err(_), Some(error)) => Err(unreadable(&error)),
        (stored, _) => stored,
    }
}

fn no_files(message: &str) -> Error {
    Error::new(ErrorKind::Rejected, "file.store", message, Retry::Never)
}

/// What an error of the source's bytes means for one record: it waits, or the run comes back to it.
fn unreadable(error: &Error) -> Error {
    let retry = if let Retry::After(wait) = error.retry() { Retry::After(wait) } else { Retry::Never };
    let kind = if retry == Retry::Never { ErrorKind::Rejected } else { error.kind() };
    Error::new(kind, "file.store", format!("the file cannot be read at the source: {}", error.message()), retry)
}

/// A file as it is at both ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Content {
    /// Size in bytes and SHA-256 at the source.
    pub(super) source: String,
    /// The same at the destination.
    pub(super) destination: String,
}

/// Reads files at both ends; the pairs come back in order, `None` where the file is not one that we stored.
pub(super) async fn contents(
    core: &Core,
    mapping: &CompiledMapping,
    pairs: Vec<(RecordId, RecordId)>,
) -> Result<Vec<Content>> {
    let files = core.source.files().ok_or_else(|| no_files("the source has no files to read"))?;
    let sink = core.destination.file_sink().ok_or_else(|| no_files("the destination takes no files"))?;
    stream::iter(pairs)
        .map(|(from, to)| async move {
            let source = print(files.open(&from).await).await?;
            let destination = print(sink.open(&mapping.to, &to).await).await?;
            Ok(Content { source, destination })
        })
        .buffered(4)
        .try_collect()
        .await
}

/// A file's size and SHA-256 in words; what cannot be read says so.
async fn print(opened: Result<FileStream>) -> Result<String> {
    let mut bytes = match opened {
        Ok(bytes) => bytes,
        Err(error) => return not_read(error),
    };
    let mut sum = Sha256::new();
    let mut size = 0_u64;
    while let Some(chunk) = bytes.next().await {
        match chunk {
            Ok(chunk) => {
                size += chunk.len() as u64;
                sum.update(&chunk);
            }
            Err(error) => return not_read(error),
        }
    }
    let digits: String = sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{size} bytes, sha256 {digits}"))
}

fn not_read(error: Error) -> Result<String> {
    match error.retry() {
        Retry::Never if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Rejected | ErrorKind::Input) => {
            Ok(format!("not readable: {}", error.message()))
        }
        _ => Err(error),
    }
}
