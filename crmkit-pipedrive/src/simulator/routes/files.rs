//! Files (v1): uploaded, linked to records, renamed, downloaded.

use std::fmt::Write as _;

use crmkit_core::simulator::Bytes;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Route, records};
use crate::simulator::answer::{Answer, Answered, Row};
use crate::simulator::call::Call;
use crate::simulator::entity::Entity;
use crate::simulator::listing::v1_page_of;
use crate::simulator::table::{Stored, int, link_key, text};
use crate::simulator::time;

const FILES: Entity = Entity::Files;
const MAX_PAGE: usize = 100;
/// What a file can be linked to: under which key, what, and the names of both in a file.
const LINKS: [(&str, Entity, &str, &str); 6] = [
    ("deal_id", Entity::Deals, "title", "deal_name"),
    ("person_id", Entity::Persons, "name", "person_name"),
    ("org_id", Entity::Organizations, "name", "org_name"),
    ("lead_id", Entity::Leads, "title", "lead_name"),
    ("product_id", Entity::Products, "name", "product_name"),
    ("activity_id", Entity::Activities, "subject", ""),
];

pub(super) fn route(method: &str, template: &str) -> Option<Route> {
    Some(match (method, template) {
        ("GET", "/api/v1/files") => list,
        ("GET", "/api/v1/deals/{id}/files") => |call| list_of(call, Entity::Deals),
        ("GET", "/api/v1/persons/{id}/files") => |call| list_of(call, Entity::Persons),
        ("GET", "/api/v1/organizations/{id}/files") => |call| list_of(call, Entity::Organizations),
        ("GET", "/api/v1/products/{id}/files") => |call| list_of(call, Entity::Products),
        ("POST", "/api/v1/files") => create,
        ("POST", "/api/v1/files/remote" | "/api/v1/files/remoteLink") => create_remote,
        ("GET", "/api/v1/files/{id}") => get,
        ("GET", "/api/v1/files/{id}/download") => download,
        ("PUT", "/api/v1/files/{id}") => update,
        ("DELETE", "/api/v1/files/{id}") => delete,
        _ => return None,
    })
}

/// The record that a link of a file points at.
fn target<'c>(call: &'c Call<'_>, entity: Entity, id: &Value) -> Option<&'c Stored> {
    let place = match id.as_str() {
        Some(uuid) => call.store.by_uuid(entity, uuid)?,
        None => id.as_i64()?,
    };
    call.store.table(entity).live(place)
}

fn show(call: &Call<'_>, row: &Row) -> Value {
    let mut shown = row.clone();
    for (link, entity, title, name) in LINKS.into_iter().filter(|(.., name)| !name.is_empty()) {
        let stored = row.get(link).and_then(|id| target(call, entity, id));
        let title = stored.map_or_else(|| "".into(), |stored| stored.row[title].clone());
        shown.insert(name.into(), title);
    }
    shown.insert("project_name".into(), "".into());
    let url = format!("http://{}/api/v1/files/{}/download", call.host, row["id"]);
    shown.insert("url".into(), url.into());
    Value::Object(shown)
}

fn page(call: &Call<'_>, mut files: Vec<&Stored>) -> Answered {
    if let Some(sort) = call.param("sort") {
        if !matches!(sort.split_whitespace().next(), Some("id" | "update_time")) {
            return Err(Answer::error(400, "Files can be sorted by id and update_time only."));
        }
        records::sort_v1(sort, &mut files);
    }
    let (page, pagination) = v1_page_of(call, files.into_iter(), MAX_PAGE);
    let rows: Value = page.into_iter().map(|stored| show(call, &stored.row)).collect();
    Ok(Answer::with(rows, json!({ "pagination": pagination })))
}

fn list(call: &mut Call<'_>) -> Answered {
    page(call, call.store.table(FILES).all_live().map(|(_, stored)| stored).collect())
}

fn list_of(call: &Call<'_>, entity: Entity) -> Answered {
    let id = call.id()?;
    if call.store.table(entity).live(id).is_none() {
        return Err(Answer::not_found());
    }
    let table = call.store.table(FILES);
    let files = table.linked(records::link_to(entity), id).filter_map(|id| table.live(id));
    page(call, files.collect())
}

fn get(call: &mut Call<'_>) -> Answered {
    Ok(Answer::ok(show(call, &call.readable(FILES)?.row)))
}

/// `IMG_1_5f…ab.jpg` of `IMG 1.jpg`.
fn mangled(company: &str, id: i64, name: &str) -> String {
    let digest = Sha256::digest(format!("file {id} of {company}"));
    let hash = digest.iter().take(23).fold(String::new(), |mut hash, byte| {
        let _ = write!(hash, "{byte:02x}");
        hash
    });
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || "-_".contains(letter) { letter } else { '_' };
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => (stem, format!(".{extension}")),
        _ => (name, String::new()),
    };
    let stem: String = stem.chars().map(plain).collect();
    format!("{stem}_{hash}{extension}")
}

fn kind(name: &str, mime: &str) -> String {
    if mime.starts_with("image/") {
        return "img".into();
    }
    name.rsplit_once('.').map_or_else(|| "unknown".into(), |(_, extension)| extension.to_lowercase())
}

fn blank(call: &Call<'_>, name: &str, mime: &str, size: usize) -> Row {
    let id = call.store.table(FILES).next_id();
    let row = json!({
        "id": id, "user_id": call.user, "deal_id": null, "person_id": null, "org_id": null, "product_id": null,
        "activity_id": null, "lead_id": null, "project_id": null, "log_id": null, "add_time": time::v1(call.now),
        "update_time": time::v1(call.now), "file_name": mangled(&call.profile.name, id, name),
        "file_type": kind(name, mime), "file_size": size, "active_flag": true, "inline_flag": false,
        "remote_location": "s3", "remote_id": name, "cid": "", "s3_bucket": "", "mail_message_id": "",
        "mail_template_id": "", "name": name, "description": "",
    });
    match row {
        Value::Object(row) => row,
        _ => unreachable!("a file is an object"),
    }
}

fn create(call: &mut Call<'_>) -> Answered {
    let Some(file) = call.file.take() else {
        return Err(Answer::error(400, "File must be given."));
    };
    call.check_v1()?;
    let switches = &call.profile.switches;
    if file.content.len() > switches.file_bytes {
        return Err(Answer::error(switches.file_too_large_status, "File is too large."));
    }
    let stored = || -> i64 {
        let files = call.store.table(FILES).all_live();
        files.filter_map(|(_, file)| int(&file.row, "file_size")).sum()
    };
    let size = i64::try_from(file.content.len()).unwrap_or(i64::MAX);
    if switches.storage_bytes > 0 && stored().saturating_add(size) > switches.storage_bytes {
        return Err(Answer::capped("Couldn't add the file. Storage limit reached.", "feature_capping_storage_limit"));
    }
    let mut row = blank(call, &file.name, &file.mime, file.content.len());
    for (key, id) in call.take_body().into_iter().filter(|(key, id)| key != "file" && !id.is_null()) {
        let linked = LINKS.iter().find(|(link, ..)| *link == key);
        if linked.and_then(|(_, entity, ..)| target(call, *entity, &id)).is_none() {
            let what = key.trim_end_matches("_id");
            return Err(Answer::error(400, &format!("Cannot add file because {what} does not exist.")));
        }
        row.insert(key, id);
    }
    let id = int(&row, "id").expect("a file has an id");
    call.store.put_blob(id, file.content);
    save(call, row)
}

/// A document that stays with Google.
fn create_remote(call: &mut Call<'_>) -> Answered {
    call.check_v1()?;
    let body = call.take_body();
    let name = text(&body, "title").or_else(|| text(&body, "remote_id")).unwrap_or_default();
    let mut row = blank(call, name, text(&body, "file_type").unwrap_or("gdoc"), 0);
    let item = text(&body, "item_type").unwrap_or_default();
    let entity =
        [Entity::Deals, Entity::Persons, Entity::Organizations].into_iter().find(|kind| kind.singular() == item);
    let (Some(entity), Some(id)) = (entity, body.get("item_id")) else {
        return Err(Answer::error(400, "item_type is not valid."));
    };
    if target(call, entity, id).is_none() {
        return Err(Answer::error(400, &format!("Cannot add file because {item} does not exist.")));
    }
    row.insert(records::link_to(entity).into(), id.clone());
    row.insert("remote_location".into(), "googledocs".into());
    row.insert("remote_id".into(), body.get("remote_id").cloned().unwrap_or_else(|| name.into()));
    save(call, row)
}

fn save(call: &mut Call<'_>, row: Row) -> Answered {
    call.touch_parents(FILES, &row);
    call.store.put(FILES, row.clone());
    Ok(Answer::ok(show(call, &row)))
}

fn update(call: &mut Call<'_>) -> Answered {
    call.check_v1()?;
    let mut row = call.changeable(FILES)?;
    row.extend(call.take_body());
    row.insert("update_time".into(), time::v1(call.now).into());
    save(call, row)
}

fn delete(call: &mut Call<'_>) -> Answered {
    let mut row = call.deletable(FILES)?;
    row.insert("active_flag".into(), false.into());
    row.insert("update_time".into(), time::v1(call.now).into());
    let id = row["id"].clone();
    save(call, row)?;
    Ok(Answer::ok(json!({ "id": id })))
}

fn download(call: &mut Call<'_>) -> Answered {
    let row = call.changeable(FILES)?;
    let id = link_key(&row["id"]).unwrap_or_default();
    let Some(content) = call.store.blob(id) else {
        return Err(Answer::error(400, "The file is not stored by Pipedrive."));
    };
    if call.profile.switches.download_redirects {
        let location = format!("/_storage/{}/{id}?signature={}", call.profile.name, signature(&call.profile.name, id));
        return Ok(Answer::redirect(location));
    }
    let name = text(&row, "file_name").unwrap_or_default();
    Ok(Answer::raw(content.clone(), format!("attachment; filename=\"{name}\"")))
}

fn signature(company: &str, id: i64) -> String {
    let digest = Sha256::digest(format!("signature of {id} at {company}"));
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// The company and the file that a signed address of the storage names.
pub(in crate::simulator) fn signed(path: &str, query: Option<&str>) -> Option<(String, i64)> {
    let (company, id) = path.strip_prefix("/_storage/")?.split_once('/')?;
    let id = id.parse().ok()?;
    let given = query?.strip_prefix("signature=")?;
    (given == signature(company, id)).then(|| (company.to_owned(), id))
}

/// What the storage says to whoever sends credentials along with a signed address.
pub(in crate::simulator) fn storage_refusal() -> Answer {
    let page = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>InvalidArgument</Code><Message>Only one auth \
        mechanism allowed</Message></Error>";
    let mut answer = Answer::raw(Bytes::from_static(page.as_bytes()), String::new());
    answer.status = 400;
    answer
}
