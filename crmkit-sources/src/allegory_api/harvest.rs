//! From the server into an export folder, page by page.

use std::{io, path::Path, sync::Arc};

use crmkit_core::{Error, ErrorKind, Result};
use serde_json::json;

use super::{
    AllegoryApiConfig,
    client::{Client, Object, Rows},
    progress::{Progress, Subject, Written, append, settle, write_whole},
};
use crate::allegory::blocking;

const OPERATION: &str = "allegory_api.harvest";

/// The list of what is gone, of a delta.
const DELETED: &str = "deleted";

/// Brings the folder up to a whole export, from wherever an earlier attempt left it.
pub(super) async fn harvest(client: &Client, config: &AllegoryApiConfig, folder: &Path) -> Result<()> {
    let of = Subject { address: config.base_url.trim_end_matches('/').to_owned(), since: config.since };
    let path: Arc<Path> = folder.into();
    let known = on_disk(&path, move |folder| {
        std::fs::create_dir_all(folder)?;
        Progress::load(folder)
    })
    .await?;
    let mut progress = match known {
        Some(progress) if progress.of == of => progress,
        Some(_) => {
            let message = "the folder holds a harvest of another server or delta; name an empty one";
            return Err(Error::input(OPERATION, message).with_context("folder", folder.display()));
        }
        None => begin(client, of).await?,
    };
    if progress.done {
        return Ok(());
    }
    let names: Vec<String> = progress.account.objects.keys().cloned().collect();
    let deleted = config.since.map(|_| DELETED.to_owned());
    for object in names.into_iter().chain(deleted) {
        read(client, &mut progress, &object, &path).await?;
    }
    progress.done = true;
    finish(progress, config, &path).await
}

async fn begin(client: &Client, of: Subject) -> Result<Progress> {
    let account = client.schema().await?;
    if let Some(object) = account.objects.keys().find(|object| !is_object(object)) {
        let message = "the server names an object that is none of the contract's, a custom one or a link";
        return Err(Error::new(ErrorKind::Protocol, OPERATION, message, crmkit_core::Retry::Never)
            .with_context("object", object));
    }
    Ok(Progress { of, account, objects: Default::default(), done: false })
}

/// Whether a name can be that of a file in the folder: `contacts`, `custom/hearings`, `links/a__b`.
fn is_object(name: &str) -> bool {
    let bare = name.strip_prefix("custom/").or_else(|| name.strip_prefix("links/")).unwrap_or(name);
    let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    !bare.is_empty() && bare != DELETED && bare.len() <= 100 && bare.bytes().all(word)
}

/// Reads the rest of an object's pages.
async fn read(client: &Client, progress: &mut Progress, object: &str, folder: &Arc<Path>) -> Result<()> {
    let mut restarted = false;
    loop {
        let written = progress.objects.entry(object.to_owned()).or_default();
        if written.done {
            return Ok(());
        }
        let page = match client.rows(object, written.cursor.as_deref()).await {
            // The server forgot where we were; what it gave before may not fit what it gives now.
            Err(error) if error.kind() == ErrorKind::NotFound && written.cursor.is_some() && !restarted => {
                (*written, restarted) = (Written::default(), true);
                continue;
            }
            page => page?,
        };
        let lines = lines(&page);
        let from = written.bytes;
        written.rows += page.data.len() as u64;
        written.bytes += lines.len() as u64;
        written.done = page.next_cursor.is_none();
        written.cursor = page.next_cursor;
        let (kept, file) = (progress.clone(), format!("{object}.jsonl"));
        // First the rows, then how far they reach: what is written twice is cut off first.
        let whole = on_disk(folder, move |folder| {
            let whole = append(&folder.join(file), from, &lines)?;
            if whole { kept.keep(folder).map(|()| true) } else { Ok(false) }
        })
        .await?;
        if !whole {
            progress.objects.insert(object.to_owned(), Written::default());
        }
    }
}

/// Rows as lines. JSON has ends of line between its words only, never in them.
fn lines(page: &Rows) -> Vec<u8> {
    let mut lines = Vec::new();
    for row in &page.data {
        lines.extend(row.get().bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }));
        lines.push(b'\n');
    }
    lines
}

/// Writes `schema.json` and the manifest, after which the folder is a whole export.
async fn finish(progress: Progress, config: &AllegoryApiConfig, folder: &Arc<Path>) -> Result<()> {
    let (since, instance) = (config.since, config.instance.clone());
    on_disk(folder, move |folder| {
        for object in progress.objects.keys() {
            settle(&folder.join(format!("{object}.jsonl")))?;
        }
        let account = &progress.account;
        let described = |(_, object): &(&String, &Object)| object.label.is_some() || !object.fields.is_empty();
        let objects: serde_json::Map<String, serde_json::Value> =
            account.objects.iter().filter(described).map(|(name, object)| (name.clone(), json!(object))).collect();
        write_whole(&folder.join("schema.json"), json!({ "objects": objects }).to_string().as_bytes(), true)?;
        let entry = |(name, written): (&String, &Written)| {
            (name != DELETED).then(|| json!({ "name": name, "file": format!("{name}.jsonl"), "rows": written.rows }))
        };
        let mut manifest = json!({
            "format": "crm-export",
            "version": 1,
            "source": account.source.as_deref().unwrap_or("allegory"),
            "snapshot": if since.is_some() { "delta" } else { "full" },
            "objects": progress.objects.iter().filter_map(entry).collect::<Vec<_>>(),
        });
        let texts = [
            ("instance", instance.or_else(|| account.instance.clone())),
            ("timezone", account.timezone.clone()),
            ("currency", account.currency.clone()),
            ("since", since.map(|since| since.to_rfc3339())),
        ];
        for (key, text) in texts {
            if let Some(text) = text {
                manifest[key] = text.into();
            }
        }
        write_whole(&folder.join("manifest.json"), manifest.to_string().as_bytes(), true)?;
        progress.keep(folder)
    })
    .await
}

async fn on_disk<T: Send + 'static>(
    folder: &Arc<Path>,
    work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> Result<T> {
    let folder = Arc::clone(folder);
    blocking::run(move || {
        work(&folder).map_err(|error| {
            Error::storage(OPERATION, "the folder of the harvest cannot be used; make room, or name another one")
                .with_context("folder", folder.display())
                .with_source(error)
        })
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_files_of_the_folder_and_nothing_else() {
        for name in ["contacts", "custom/hearings", "links/a__b", "deal_contacts"] {
            assert!(is_object(name), "{name}");
        }
        for name in ["", "../x", "custom/../x", "/etc/passwd", "deleted", "custom/", "a b", "a.csv", "x/y"] {
            assert!(!is_object(name), "{name}");
        }
    }
}
