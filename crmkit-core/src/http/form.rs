//! A form with one file, as a stream: what most vendors take uploads in.

use futures::{StreamExt, stream};

use crate::{Chunk, Digest, FileStream};

/// The body of a form with one file, and its content type.
///
/// ```
/// # futures::executor::block_on(async {
/// use futures::{StreamExt, TryStreamExt, stream};
/// use crmkit_core::http::file_form;
/// let bytes = stream::iter([Ok(b"a,b".as_slice().into())]).boxed();
/// let (content_type, body) = file_form("file", "list \"1\".csv", "text/csv", bytes);
/// let body: Vec<_> = body.try_collect().await?;
/// let text = String::from_utf8_lossy(&body.concat()).into_owned();
/// assert!(content_type.starts_with("multipart/form-data; boundary="));
/// assert!(text.contains("filename=\"list %221%22.csv\"\r\nContent-Type: text/csv\r\n\r\na,b\r\n--"));
/// # Ok::<(), crmkit_core::Error>(())
/// # }).unwrap();
/// ```
pub fn file_form(field: &str, file_name: &str, media_type: &str, bytes: FileStream) -> (String, FileStream) {
    // Quotes and line ends would end the name: they are written as browsers write them.
    let quoted = |text: &str| text.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
    let media_type: String = media_type.chars().filter(|letter| letter.is_ascii_graphic() || *letter == ' ').collect();
    let digest = Digest::of(format!("{field}\0{file_name}\0{media_type}").as_bytes()).to_string();
    let boundary = format!("crmkit-{}", &digest[..48.min(digest.len())]);
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"; filename=\"{}\"\r\nContent-Type: {media_type}\r\n\r\n",
        quoted(field),
        quoted(file_name)
    );
    let tail = format!("\r\n--{boundary}--\r\n");
    let chunk = |text: String| Ok(Chunk::from(text.into_bytes()));
    let body = stream::iter([chunk(head)]).chain(bytes).chain(stream::iter([chunk(tail)])).boxed();
    (format!("multipart/form-data; boundary={boundary}"), body)
}
