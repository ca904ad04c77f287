//! Uploaded files: bound to a field, attached once, read by a signed address.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::call::{Call, timestamp};
use super::failure::Failure;
use super::random;
use super::schema::FieldKind;

/// The most bytes of a multipart upload.
pub(super) const MULTIPART_MAX: usize = 10 << 20;
/// The most bytes of a direct upload.
const DIRECT_MAX: f64 = 1_073_741_824.0;
/// How long the address of a direct upload is good.
const UPLOAD_MINUTES: i64 = 15;
/// How long the address of a file is good.
const DOWNLOAD_HOURS: i64 = 24;

/// A file, or one that is still expected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct StoredFile {
    pub(super) id: String,
    /// The FILES field it was uploaded for; empty for what old releases upload.
    pub(super) field: String,
    pub(super) path: String,
    pub(super) extension: String,
    pub(super) mime: String,
    pub(super) created_at: String,
    /// What was announced; the size once the bytes are there.
    pub(super) size: u64,
    #[serde(with = "bytes_as_text")]
    pub(super) content: Option<Vec<u8>>,
    pub(super) complete: bool,
    /// The record it belongs to.
    pub(super) holder: Option<String>,
}

mod bytes_as_text {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(content: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
        match content {
            Some(content) => serializer.serialize_some(&STANDARD.encode(content)),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| STANDARD.decode(text).map_err(serde::de::Error::custom)).transpose()
    }
}

fn extension_of(name: &str) -> String {
    name.rsplit_once('.').map(|(_, extension)| format!(".{extension}")).unwrap_or_default()
}

/// A signature for what an address is for, good until a moment.
fn sign(call: &Call<'_>, purpose: &str, id: &str, hours: TimeDelta) -> String {
    let until = (call.now + hours).timestamp();
    format!("{until}.{}", random::token(&format!("{purpose} {id} {until} {}", call.workspace)))
}

/// Whether a signature is right and not too old.
pub(super) fn is_signed(workspace: &str, purpose: &str, id: &str, token: &str, now: DateTime<Utc>) -> bool {
    let Some((until, digest)) = token.split_once('.') else { return false };
    let right = random::token(&format!("{purpose} {id} {until} {workspace}"));
    until.parse::<i64>().is_ok_and(|until| until >= now.timestamp()) && digest == right
}

/// The address that a file is read from.
pub(super) fn url_of(call: &Call<'_>, id: &str) -> String {
    let token = sign(call, "read", id, TimeDelta::hours(DOWNLOAD_HOURS));
    format!("{}/file/files-field/{id}?token={token}", call.base)
}

/// The FILES field that an upload names by its id or its universal identifier.
fn field_of(call: &Call<'_>, id: Option<&str>, universal: Option<&str>) -> Result<(String, String), Failure> {
    let mut fields = call.store.objects().flat_map(|object| object.fields.iter());
    let wanted = |given: Option<&str>, own: &str| given == Some(own);
    let field = fields.find(|field| wanted(id, &field.id) || wanted(universal, &field.universal_identifier));
    let missing = || Failure::metadata_not_found("FIELD_METADATA_NOT_FOUND", "Field metadata not found");
    let field = field.ok_or_else(missing)?;
    if field.kind != FieldKind::Files {
        return Err(Failure::bad(format!("Field {} is not of type FILES", field.name)));
    }
    Ok((field.id.clone(), field.universal_identifier.clone()))
}

fn view(call: &Call<'_>, file: &StoredFile) -> Value {
    json!({
        "id": file.id, "path": file.path, "size": file.size, "createdAt": file.created_at, "url": url_of(call, &file.id),
    })
}

/// A file that came as a part of a form.
#[derive(Clone, Debug)]
pub(super) struct Upload {
    pub(super) name: String,
    pub(super) mime: String,
    pub(super) content: Vec<u8>,
}

/// Stores a file that came whole.
pub(super) fn store(
    call: &mut Call<'_>,
    upload: &Upload,
    field: Option<&str>,
    universal: Option<&str>,
) -> Result<Value, Failure> {
    may_upload(call)?;
    let (field, universal) = field_of(call, field, universal)?;
    let mut file = expected(call, &upload.name, &field, &universal);
    upload.mime.clone_into(&mut file.mime);
    file.size = upload.content.len() as u64;
    file.content = Some(upload.content.clone());
    file.complete = true;
    call.store.put_file(file.clone());
    Ok(view(call, &file))
}

/// Stores a file as old releases do: bound to nothing, answered by its path.
pub(super) fn store_legacy(call: &mut Call<'_>, upload: &Upload, signed: bool) -> Result<Value, Failure> {
    may_upload(call)?;
    let mut file = expected(call, &upload.name, "", "attachment");
    file.path = format!("attachment/{}{}", file.id, file.extension);
    file.size = upload.content.len() as u64;
    file.content = Some(upload.content.clone());
    file.complete = true;
    let path = file.path.clone();
    let token = sign(call, "read", &file.id, TimeDelta::hours(DOWNLOAD_HOURS));
    call.store.put_file(file);
    Ok(if signed { json!({ "path": path, "token": token }) } else { path.into() })
}

fn may_upload(call: &Call<'_>) -> Result<(), Failure> {
    if call.key.upload { Ok(()) } else { Err(Failure::permission(403)) }
}

fn expected(call: &mut Call<'_>, name: &str, field: &str, universal: &str) -> StoredFile {
    let (id, extension) = (call.store.new_id(), extension_of(name));
    StoredFile {
        path: format!("files-field/{universal}/{id}{extension}"),
        field: field.into(),
        mime: "application/octet-stream".into(),
        created_at: call.timestamp(),
        size: 0,
        content: None,
        complete: false,
        holder: None,
        extension,
        id,
    }
}

/// Announces a direct upload.
pub(super) fn announce(call: &mut Call<'_>, arguments: &Value) -> Result<Value, Failure> {
    may_upload(call)?;
    if arguments["fileFolder"] != "FilesField" {
        return Err(Failure::bad("Only the folder FilesField takes direct uploads"));
    }
    let size = arguments["size"].as_f64().unwrap_or(0.0);
    if size <= 0.0 || size > DIRECT_MAX {
        let message = format!("Invalid file size {} (max 1073741824 bytes)", arguments["size"]);
        return Err(Failure::internal(500, message));
    }
    let text = |key: &str| arguments[key].as_str();
    let (field, universal) = field_of(call, text("fieldMetadataId"), text("fieldMetadataUniversalIdentifier"))?;
    let mut file = expected(call, text("filename").unwrap_or_default(), &field, &universal);
    // Checked above: positive and at most 2^30.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be positive and small")]
    let announced = size as u64;
    file.size = announced;
    let until = TimeDelta::minutes(UPLOAD_MINUTES);
    let token = sign(call, "write", &file.id, until);
    let answer = json!({
        "fileId": file.id,
        "uploadUrl": format!("{}/file-upload/{}?token={token}", call.base, file.id),
        "contentType": file.mime,
        "expiresAt": timestamp(call.now + until),
    });
    call.store.put_file(file);
    Ok(answer)
}

/// Ends a direct upload whose bytes have arrived.
pub(super) fn complete(call: &mut Call<'_>, id: &str) -> Result<Value, Failure> {
    let missing = || Failure::metadata_not_found("FILE_NOT_FOUND", "File not found");
    let mut file = (**call.store.file(id).ok_or_else(missing)?).clone();
    let arrived = file.content.as_ref().map_or(0, Vec::len) as u64;
    if arrived != file.size {
        return Err(Failure::coded("FILE_SIZE_MISMATCH", format!("Expected {} bytes but got {arrived}", file.size)));
    }
    file.complete = true;
    let answer = view(call, &file);
    call.store.put_file(file);
    Ok(answer)
}

/// The value of a FILES field: each file exists, was uploaded for this field, and belongs to nothing else.
pub(super) fn attach(
    call: &mut Call<'_>,
    field: &super::schema::Field,
    record: &str,
    given: &Value,
    held: &Value,
) -> Result<Value, Failure> {
    let items = match given {
        Value::Null => &[][..],
        Value::Array(items) => items,
        other => {
            let shown = super::failure::inspect(other);
            return Err(Failure::bad(format!("Invalid files value {shown} for field \"{}\"", field.name)));
        }
    };
    let max = field.settings["maxNumberOfValues"].as_u64().unwrap_or(1);
    if items.len() as u64 > max {
        return Err(Failure::bad(format!("Max number of files is {max} for field \"{}\"", field.name)));
    }
    let is_held = |id: &str| held.as_array().into_iter().flatten().any(|item| item["fileId"] == id);
    let mut attached = Vec::new();
    for item in items {
        let strict = item.as_object().is_some_and(|item| item.keys().all(|key| key == "fileId" || key == "label"));
        let id = item["fileId"].as_str().filter(|id| Uuid::try_parse(id).is_ok_and(|id| id.get_version_num() == 4));
        let (Some(id), Some(label), true) = (id, item["label"].as_str(), strict) else {
            let shown = super::failure::inspect(item);
            return Err(Failure::bad(format!("Invalid file item {shown} for field \"{}\"", field.name)));
        };
        let found = call.store.file(id).filter(|file| file.complete && file.field == field.id);
        let Some(found) = found else { return Err(Failure::bad(format!("File not found: {id}"))) };
        let mut file = (**found).clone();
        if file.holder.is_some() && !is_held(id) {
            let message = format!("File {id} is already associated with a permanent files field");
            return Err(Failure::bad(message));
        }
        file.holder = Some(record.into());
        attached.push(json!({ "fileId": id, "label": label, "extension": file.extension }));
        call.store.put_file(file);
    }
    Ok(if attached.is_empty() { Value::Null } else { Value::Array(attached) })
}

/// Forgets files that nothing was attached to for too long.
pub(super) fn collect(call: &mut Call<'_>) {
    if call.switches.unattached_file_hours == 0 {
        return;
    }
    let limit = timestamp(call.now - TimeDelta::hours(call.switches.unattached_file_hours));
    let stale = call.store.files().filter(|file| file.holder.is_none() && file.created_at < limit);
    let stale: Vec<String> = stale.map(|file| file.id.clone()).collect();
    stale.iter().for_each(|id| call.store.remove_file(id));
}
