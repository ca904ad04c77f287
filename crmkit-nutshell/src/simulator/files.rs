//! The content of files: sent as a form after they were announced, read back whole or in part.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha1::{Digest, Sha1};

use super::answer::{Answer, Body};
use super::call::Call;
use super::entity::Entity;
use super::store::text;

/// Takes the part named `file` of a form.
pub(super) fn upload(call: &mut Call<'_>, id: &str, content_type: &str, body: &[u8]) -> Answer {
    let row = id.parse().ok().and_then(|id| call.store.live(Entity::Files, id)).cloned();
    let Some(mut row) = row else { return Answer::page(404, "Not Found") };
    let Some(part) = boundary(content_type).and_then(|boundary| file_part(body, &boundary)) else {
        return Answer::page(400, "Bad Request");
    };
    if call.switches().file_cap.is_some_and(|cap| part.content.len() > cap) {
        return Answer::page(413, "Request Entity Too Large");
    }
    let digest = Sha1::digest(part.content).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    row.insert("size".into(), part.content.len().into());
    row.insert("sha1".into(), digest.into());
    row.insert("mime".into(), part.mime.map_or_else(|| "application/octet-stream".into(), Value::from));
    row.insert("content".into(), STANDARD.encode(part.content).into());
    call.store.put(Entity::Files, row);
    Answer::empty(200)
}

/// Sends a file, or the range that is asked for.
pub(super) fn download(call: &Call<'_>, id: &str, range: Option<&str>) -> Answer {
    let row = id.parse().ok().and_then(|id| call.store.live(Entity::Files, id));
    let Some(row) = row else { return Answer::page(404, "Not Found") };
    let content = STANDARD.decode(text(row, "content").unwrap_or_default()).unwrap_or_default();
    let mime = text(row, "mime").unwrap_or("application/octet-stream").to_owned();
    let Some(range) = range else {
        return Answer { status: 200, body: Body::File(content, mime), headers: Vec::new() };
    };
    let all = content.len();
    match bytes_of(range, all) {
        Some((from, to)) => {
            let headers = vec![("content-range", format!("bytes {from}-{to}/{all}"))];
            Answer { status: 206, body: Body::File(content[from..=to].to_vec(), mime), headers }
        }
        None => Answer { status: 416, body: Body::Empty, headers: vec![("content-range", format!("bytes */{all}"))] },
    }
}

/// `bytes=from-to`, both inclusive.
fn bytes_of(range: &str, all: usize) -> Option<(usize, usize)> {
    let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
    let last = all.checked_sub(1)?;
    let (from, to) = match (from.parse::<usize>().ok(), to.parse::<usize>().ok()) {
        (Some(from), to) => (from, to.unwrap_or(last).min(last)),
        (None, Some(tail)) => (all.saturating_sub(tail), last),
        (None, None) => return None,
    };
    (from <= to).then_some((from, to))
}

fn boundary(content_type: &str) -> Option<String> {
    let parameters = content_type.strip_prefix("multipart/form-data")?;
    let value = parameters.split(';').find_map(|parameter| parameter.trim().strip_prefix("boundary="))?;
    Some(value.trim_matches('"').to_owned())
}

struct Part<'a> {
    mime: Option<String>,
    content: &'a [u8],
}

/// The part named `file`, if it has a file name.
fn file_part<'a>(body: &'a [u8], boundary: &str) -> Option<Part<'a>> {
    let delimiter = format!("--{boundary}");
    let mut rest = &body[position(body, delimiter.as_bytes())? + delimiter.len()..];
    loop {
        let head = position(rest, b"\r\n\r\n")?;
        let headers = String::from_utf8_lossy(&rest[..head]).into_owned();
        let after = &rest[head + 4..];
        let end = position(after, format!("\r\n{delimiter}").as_bytes())?;
        let line = |name: &str| headers.lines().find(|line| line.to_lowercase().starts_with(name));
        let disposition = line("content-disposition:").unwrap_or_default();
        if disposition.contains("name=\"file\"") && disposition.contains("filename") {
            let mime = line("content-type:").and_then(|line| Some(line.split_once(':')?.1.trim().to_owned()));
            return Some(Part { mime, content: &after[..end] });
        }
        rest = &after[end + 2 + delimiter.len()..];
    }
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_one_file() {
        let body = b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x\r\nContent-Disposition: \
form-data; name=\"file\"; filename=\"f\"\r\nContent-Type: text/plain\r\n\r\na\r\n--y\r\n--x--\r\n";
        let part = file_part(body, "x").unwrap();
        assert_eq!((part.mime.as_deref(), part.content), (Some("text/plain"), b"a\r\n--y".as_slice()));
        assert!(file_part(b"--x\r\n\r\n--x--", "x").is_none());
        assert_eq!(boundary("multipart/form-data; boundary=\"x\"").as_deref(), Some("x"));
    }

    #[test]
    fn ranges_are_inclusive() {
        assert_eq!(bytes_of("bytes=2-3", 10), Some((2, 3)));
        assert_eq!(bytes_of("bytes=8-", 10), Some((8, 9)));
        assert_eq!(bytes_of("bytes=-2", 10), Some((8, 9)));
        assert_eq!((bytes_of("bytes=10-", 10), bytes_of("bytes=0-", 0)), (None, None));
    }
}
