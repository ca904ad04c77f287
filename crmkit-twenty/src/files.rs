//! Attachments: uploaded first, then told which record they hang on. An upload that nothing refers to is nobody's, and the server
//! clears it away.

use std::time::Duration;

use async_trait::async_trait;
use crmkit_core::{
    Chunk, Error, ErrorKind, FieldName, Fields, FileSink, FileStream, ObjectName, Operation, OperationKind, RecordId,
    Result, Retry, Value, Written,
    chrono::{DateTime, Utc},
    http::{file_form, reqwest::Method},
};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value as Json, json};
use url::Url;

use crate::{
    Twenty,
    client::{metadata, records},
    connector::{Target, uuid},
    convert,
    metadata::MetaField,
};

const STORE: &str = "twenty.file.store";
pub(crate) const OPEN: &str = "twenty.file.open";
/// The most bytes that go in a form.
const FORM: u64 = 10_000_000;
/// The most bytes of a file.
pub(crate) const LARGEST: u64 = 1 << 30;
/// What is told of a file, and not kept in a field: the bytes themselves tell.
pub(crate) const SIZE: &str = "size";
pub(crate) const MEDIA_TYPE: &str = "mediaType";

/// How long a failed upload waits. Nothing refers to it yet, so nothing has to be looked for.
const SOON: Duration = Duration::from_secs(5);

#[async_trait]
impl FileSink for Twenty {
    async fn store(
        &self,
        object: &ObjectName,
        fields: &Fields,
        bytes: FileStream,
        send_before: DateTime<Utc>,
    ) -> Result<Written> {
        let workspace = self.workspace().await?;
        let target = Target::of(&workspace, object, STORE)?;
        let field = file_field(target).ok_or_else(|| refused("the object takes no files"))?;
        // What the record would be refused for is found before the file is sent.
        let operation = Operation { kind: OperationKind::Create, fields: fields.clone() };
        let mut body = self.body(target, &operation)?;
        let text = |name: &str| fields.get(name).and_then(Value::as_text).unwrap_or_default().to_owned();
        let name = Some(text("name")).filter(|name| !name.is_empty()).unwrap_or_else(|| "file".to_owned());
        let media_type = Some(text(MEDIA_TYPE)).filter(|text| !text.is_empty());
        let media_type = media_type.unwrap_or_else(|| "application/octet-stream".to_owned());
        let size = match fields.get(SIZE) {
            Some(Value::Int(size)) => u64::try_from(*size).ok(),
            _ => None,
        };
        let upload = Upload { name: &name, media_type: &media_type, field, send_before };
        let id = self.upload(upload, size, bytes).await.map_err(|error| match error.retry() {
            Retry::Verify => error.with_retry(Retry::After(SOON)),
            _ => error,
        })?;
        body.insert(field.name.clone(), json!([{"fileId": id, "label": name}]));
        if let Some(kind) = category(target, &media_type).filter(|_| !body.contains_key("fileCategory")) {
            body.insert("fileCategory".to_owned(), json!(kind));
        }
        let request = records(STORE, Method::POST, format!("/rest/{}", target.meta.plural)).json(&body).creating();
        let record = self.client.data(request.send_before(send_before)).await?;
        let stored = convert::stored(target, &record)
            .ok_or_else(|| Error::new(ErrorKind::Protocol, STORE, "the answer lacks the record", Retry::Verify))?;
        Ok(Written { id: stored.id.clone(), stored: Some(stored) })
    }

    async fn open(&self, object: &ObjectName, id: &RecordId) -> Result<FileStream> {
        let missing = || Error::new(ErrorKind::NotFound, OPEN, "there is no such file", Retry::Never);
        let workspace = self.workspace().await?;
        let target = Target::of(&workspace, object, OPEN)?;
        let field = file_field(target).ok_or_else(missing)?;
        let id = uuid(id.as_str()).ok_or_else(missing)?;
        let request = target.request(OPEN, Method::GET).query("filter", format!("id[eq]:{id}")).query("limit", 1);
        let page = self.client.page(request).await?;
        let address =
            page.items.first().and_then(|record| record[&field.name][0]["url"].as_str()).ok_or_else(missing)?;
        // The address is signed and good for a day. The server may know itself by another name than we do.
        let url = Url::parse(address).map_err(|_| no_address())?;
        let mut request = metadata(OPEN, Method::GET, url.path());
        for (name, value) in url.query_pairs() {
            request = request.query(name.into_owned(), value);
        }
        self.client.download(request).await
    }
}

/// What an upload is told.
#[derive(Clone, Copy)]
struct Upload<'a> {
    name: &'a str,
    media_type: &'a str,
    field: &'a MetaField,
    send_before: DateTime<Utc>,
}

impl Twenty {
    /// Uploads a file and gives its id: in a form where it is small, straight into the store where it is not.
    async fn upload(&self, upload: Upload<'_>, size: Option<u64>, mut bytes: FileStream) -> Result<String> {
        let Some(size) = size else {
            // Nobody says how long it is: what fits into a form is taken in whole.
            let mut begun: Vec<Chunk> = Vec::new();
            let mut length = 0;
            while let Some(chunk) = bytes.try_next().await? {
                length += chunk.len() as u64;
                begun.push(chunk);
                if length > FORM {
                    return Err(refused("the file is larger than 10 MB, and the plan has no line for its size"));
                }
            }
            return self.upload_form(upload, stream::iter(begun.into_iter().map(Ok)).boxed()).await;
        };
        match size {
            0..=FORM => self.upload_form(upload, bytes).await,
            _ => self.upload_direct(upload, size, bytes).await,
        }
    }

    async fn upload_form(&self, upload: Upload<'_>, bytes: FileStream) -> Result<String> {
        let operations = json!({
            "query": "mutation Upload($file: Upload!, $field: String!) { uploadFilesFieldFile(file: $file, fieldMetadataId: $field) { id size } }",
            "variables": {"file": null, "field": upload.field.id},
        });
        let (content_type, form) = file_form("0", upload.name, upload.media_type, bytes);
        let boundary = content_type.rsplit('=').next().unwrap_or_default();
        let part = |name: &str, json: Json| {
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{json}\r\n")
        };
        let head = part("operations", operations) + &part("map", json!({"0": ["variables.file"]}));
        let form = stream::iter([Ok(Chunk::from(head.into_bytes()))]).chain(form).boxed();
        let request = metadata(STORE, Method::POST, "/metadata").changing().send_before(upload.send_before);
        let answer = self.client.upload(request, &content_type, form).await?;
        id_of(&answer["data"]["uploadFilesFieldFile"]["id"])
    }

    async fn upload_direct(&self, upload: Upload<'_>, size: u64, bytes: FileStream) -> Result<String> {
        let ask = |query: &str, variables: Json| {
            metadata(STORE, Method::POST, "/metadata")
                .json(&json!({"query": query, "variables": variables}))
                .changing()
                .send_before(upload.send_before)
        };
        let query = "mutation Announce($name: String!, $size: Float!, $field: String!) { createFileUpload(filename: $name, size: $size, fileFolder: FilesField, fieldMetadataId: $field) { fileId uploadUrl } }";
        let variables = json!({"name": upload.name, "size": size, "field": upload.field.id});
        let announced = self.client.done(ask(query, variables)).await?["data"]["createFileUpload"].take();
        let id = id_of(&announced["fileId"])?;
        let url = announced["uploadUrl"].as_str().and_then(|url| Url::parse(url).ok()).ok_or_else(no_address)?;
        self.client.put(&url, upload.media_type, size, bytes, upload.send_before).await?;
        let query = "mutation Complete($id: String!) { completeFileUpload(fileId: $id) { id size } }";
        let done = self.client.done(ask(query, json!({"id": id}))).await?["data"]["completeFileUpload"].take();
        id_of(&done["id"])
    }
}

/// The field that holds a record's file.
pub(crate) fn file_field<'a>(target: Target<'a>) -> Option<&'a MetaField> {
    target.meta.fields.iter().find(|field| field.name == "file" && field.ty == "FILES")
}

/// Fields that are told with a file, and not kept.
pub(crate) fn is_told(name: &FieldName) -> bool {
    [SIZE, MEDIA_TYPE].contains(&name.as_str())
}

/// What people see at first glance; the server does not look for itself.
fn category(target: Target<'_>, media_type: &str) -> Option<&'static str> {
    let (kind, rest) = media_type.split_once('/')?;
    let has = |words: &[&str]| words.iter().any(|word| rest.contains(word));
    let category = match kind {
        "image" => "IMAGE",
        "audio" => "AUDIO",
        "video" => "VIDEO",
        _ if has(&["spreadsheet", "excel", "csv"]) => "SPREADSHEET",
        _ if has(&["presentation", "powerpoint"]) => "PRESENTATION",
        _ if has(&["zip", "tar", "compressed", "rar"]) => "ARCHIVE",
        "text" => "TEXT_DOCUMENT",
        _ if has(&["pdf", "word", "document", "rtf"]) => "TEXT_DOCUMENT",
        _ => return None,
    };
    let field = target.schema.fields.get("fileCategory")?;
    field.options.iter().any(|option| option.id == category).then_some(category)
}

fn id_of(json: &Json) -> Result<String> {
    let id = json.as_str().and_then(uuid);
    id.ok_or_else(|| Error::new(ErrorKind::Protocol, STORE, "the answer lacks the file's id", Retry::Verify))
}

fn no_address() -> Error {
    Error::new(ErrorKind::Protocol, STORE, "the server gave no address of a file", Retry::Never)
}

fn refused(why: &str) -> Error {
    Error::new(ErrorKind::Rejected, STORE, why, Retry::Never)
}
