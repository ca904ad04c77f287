//! Files: sent as a form, streamed, with the ids of what they hang on beside them; read back as raw bytes.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use crmkit_core::{
    Chunk, Error, ErrorKind, Fields, FileSink, FileStream, ObjectName, RecordId, Result, Retry, Written,
    chrono::{DateTime, Utc},
    http::file_form,
};
use futures::{StreamExt, stream};
use serde_json::Value as Json;

use crate::{Pipedrive, connector::object_of, convert, endpoint, object::Object};

/// What is sent is what is kept: the account tells types by names.
const MEDIA_TYPE: &str = "application/octet-stream";

#[async_trait]
impl FileSink for Pipedrive {
    async fn store(
        &self,
        object: &ObjectName,
        fields: &Fields,
        bytes: FileStream,
        send_before: DateTime<Utc>,
    ) -> Result<Written> {
        let schema = self.schema().await?;
        let endpoint = endpoint::FILE_CREATE;
        let (object, schema) = object_of(&schema, object, endpoint.operation)?;
        if object != Object::File {
            let message = "only files are stored with bytes";
            return Err(Error::new(ErrorKind::Rejected, endpoint.operation, message, Retry::Never));
        }
        let mut body = convert::body(object, schema, fields, true)?;
        let name = body.remove("name");
        let name = name.as_ref().and_then(Json::as_str).unwrap_or_default();
        let too_large = Arc::new(AtomicBool::new(false));
        let bytes = bounded(bytes, self.config.max_file_bytes, too_large.clone());
        let (content_type, form) = file_form("file", name, MEDIA_TYPE, bytes);
        let links = body.iter().filter(|(_, link)| !link.is_null());
        let form = with_texts(&content_type, links.map(|(name, link)| (name.as_str(), plain(link))), form);
        let request = endpoint.request().send_before(send_before);
        match self.client.upload(request, &content_type, form).await {
            Ok(entity) => {
                let stored = convert::stored(object, schema, entity);
                Ok(Written { id: stored.id.clone(), stored: Some(stored) })
            }
            // It was broken off by us, and what does not end is not stored.
            Err(_) if too_large.load(Ordering::Relaxed) => {
                let message = format!("the file is larger than {} bytes", self.config.max_file_bytes);
                Err(Error::new(ErrorKind::Rejected, endpoint.operation, message, Retry::Never))
            }
            Err(error) => Err(error),
        }
    }

    async fn open(&self, _object: &ObjectName, id: &RecordId) -> Result<FileStream> {
        // Where the bytes lie in a storage of their own, the answer leads there.
        self.client.download(endpoint::FILE_DOWNLOAD.about(id.as_str())?.following()).await
    }
}

/// A file's name as forms carry it: quotes and line ends would end it.
pub(crate) fn spelled(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

/// An id as a form has it.
fn plain(id: &Json) -> String {
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}

/// Breaks a stream off that becomes longer than allowed.
fn bounded(bytes: FileStream, most: u64, too_large: Arc<AtomicBool>) -> FileStream {
    let mut seen = 0_u64;
    let bounded = bytes.map(move |chunk| {
        let chunk = chunk?;
        seen += chunk.len() as u64;
        if seen > most {
            too_large.store(true, Ordering::Relaxed);
            return Err(Error::input(endpoint::FILE_CREATE.operation, "the file is larger than allowed"));
        }
        Ok(chunk)
    });
    bounded.boxed()
}

/// The form with text parts before its file.
fn with_texts<'a>(content_type: &str, texts: impl Iterator<Item = (&'a str, String)>, form: FileStream) -> FileStream {
    let (_, boundary) = content_type.split_once("boundary=").expect("a form has a boundary");
    let mut head = String::new();
    for (name, text) in texts {
        head += &format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n");
    }
    if head.is_empty() {
        return form;
    }
    stream::iter([Ok(Chunk::from(head.into_bytes()))]).chain(form).boxed()
}
