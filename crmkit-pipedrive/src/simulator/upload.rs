//! Multipart bodies, in which files arrive.

use std::convert::Infallible;

use crmkit_core::simulator::Bytes;
use serde_json::Value;

use super::answer::Row;

/// What a multipart body holds: texts by name, and the file.
#[derive(Clone, Debug, Default)]
pub(super) struct Form {
    pub(super) texts: Row,
    pub(super) file: Option<Upload>,
}

/// A file as it was sent.
#[derive(Clone, Debug)]
pub(super) struct Upload {
    pub(super) name: String,
    pub(super) mime: String,
    pub(super) content: Bytes,
}

/// Reads a body; `None` if it is not a whole multipart one.
pub(super) async fn read(content_type: &str, body: Bytes) -> Option<Form> {
    let boundary = multer::parse_boundary(content_type).ok()?;
    let stream = futures::stream::once(async move { Ok::<_, Infallible>(body) });
    let mut parts = multer::Multipart::new(stream, boundary);
    let mut form = Form::default();
    while let Some(part) = parts.next_field().await.ok()? {
        let name = part.name().unwrap_or_default().to_owned();
        if let Some(file) = part.file_name().map(str::to_owned) {
            let mime = part.content_type().map_or_else(|| "application/octet-stream".into(), ToString::to_string);
            let upload = Upload { name: file, mime, content: part.bytes().await.ok()? };
            if name == "file" {
                form.texts.insert(name, Value::from(upload.name.clone()));
                form.file = Some(upload);
            }
        } else {
            form.texts.insert(name, part.text().await.ok()?.into());
        }
    }
    Some(form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn parts_are_told_apart() {
        let body = "--b\r\ncontent-disposition: form-data; name=\"deal_id\"\r\n\r\n7\r\n--b\r\n\
            content-disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\ncontent-type: text/plain\r\n\r\nhi\r\n--b--\r\n";
        let form = read("multipart/form-data; boundary=b", Bytes::from(body)).await.unwrap();
        let file = form.file.unwrap();
        assert_eq!((form.texts["deal_id"].as_str(), &*file.name, &*file.mime), (Some("7"), "a.txt", "text/plain"));
        assert_eq!(file.content, "hi");
        assert!(read("multipart/form-data; boundary=b", Bytes::from("--b\r\ncut")).await.is_none());
        assert!(read("application/json", Bytes::from("{}")).await.is_none());
    }
}
