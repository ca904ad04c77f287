//! REST for objects and fields.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::answer::Answer;
use super::super::call::Call;
use super::super::failure::Failure;
use super::super::schema::{self, Field, Object};
use super::super::service::Asked;

const PAGE: usize = 60;
const PAGE_MAX: usize = 200;

/// Answers a call below `/rest/metadata/`.
pub(in super::super) fn metadata(call: &mut Call<'_>, asked: &Asked, segments: &[&str]) -> Result<Answer, Failure> {
    let method = if asked.method == "PUT" { "PATCH" } else { asked.method.as_str() };
    if matches!(segments, ["relations", ..]) {
        return Err(Failure::framework(404, format!("Cannot {} {}", asked.method, asked.path)));
    }
    let ([kind @ ("objects" | "fields")] | [kind @ ("objects" | "fields"), _]) = segments else {
        return Ok(Answer::not_modelled(&format!("{} {}", asked.method, asked.path)));
    };
    if !call.key.data_model {
        return Err(Failure::permission(403));
    }
    let id = match segments {
        [_, id] => {
            let id =
                Uuid::try_parse(id).map_err(|_| Failure::framework(400, "Validation failed (uuid is expected)"))?;
            Some(id.to_string())
        }
        _ => None,
    };
    let objects = *kind == "objects";
    let missing = || match objects {
        true => Failure::metadata_not_found("OBJECT_METADATA_NOT_FOUND", "Object metadata not found"),
        false => Failure::metadata_not_found("FIELD_METADATA_NOT_FOUND", "Field metadata not found"),
    };
    match (method, id) {
        ("GET", None) => Ok(list(call, asked, kind, objects)),
        ("GET", Some(id)) if objects => {
            let object = call.store.object(&id).ok_or_else(missing)?;
            Ok(single(call, 200, "object", show_object(call, &object, false)))
        }
        ("GET", Some(id)) => {
            let (_, field) = call.store.field(&id).ok_or_else(missing)?;
            Ok(single(call, 200, "field", show_field(call, &field, false)))
        }
        ("POST", None) => {
            let input = asked.json()?;
            let (name, made) = if objects {
                let made = call.atomically(|call| schema::create_object(call, &input))?;
                ("createOneObject", show_object(call, &made, true))
            } else {
                let made = call.atomically(|call| schema::create_field(call, &input))?;
                ("createOneField", show_field(call, &made, true))
            };
            Ok(single(call, 201, name, made))
        }
        ("PATCH", Some(id)) => {
            let input = asked.json()?;
            let (name, changed) = if objects {
                let changed = call.atomically(|call| schema::update_object(call, &id, &input))?;
                ("updateOneObject", show_object(call, &changed, true))
            } else {
                let changed = call.atomically(|call| schema::update_field(call, &id, &input))?;
                ("updateOneField", show_field(call, &changed, true))
            };
            Ok(single(call, 200, name, changed))
        }
        ("DELETE", Some(id)) => {
            let (name, gone) = if objects {
                let gone = call.atomically(|call| schema::delete_object(call, &id))?;
                ("deleteOneObject", show_object(call, &gone, true))
            } else {
                let gone = call.atomically(|call| schema::delete_field(call, &id))?;
                ("deleteOneField", show_field(call, &gone, true))
            };
            Ok(single(call, 200, name, gone))
        }
        _ => Err(Failure::framework(404, format!("Cannot {} {}", asked.method, asked.path))),
    }
}

fn show_object(call: &Call<'_>, object: &Object, nulls: bool) -> Value {
    schema::object_view(object, call.workspace, call.switches, nulls)
}

fn show_field(call: &Call<'_>, field: &Field, nulls: bool) -> Value {
    schema::field_view(field, call.workspace, call.switches, nulls)
}

fn single(call: &Call<'_>, status: u16, name: &str, value: Value) -> Answer {
    if call.switches.direct_metadata {
        return Answer::json(status, value);
    }
    let mut data = Map::new();
    data.insert(name.to_owned(), value);
    Answer::json(status, json!({ "data": data }))
}

/// A page, the largest id first.
fn list(call: &Call<'_>, asked: &Asked, name: &str, objects: bool) -> Answer {
    let mut all: Vec<(String, Value)> = if objects {
        call.store.objects().map(|object| (object.id.clone(), show_object(call, object, false))).collect()
    } else {
        let fields = call.store.objects().flat_map(|object| object.fields.iter());
        fields.map(|field| (field.id.clone(), show_field(call, field, false))).collect()
    };
    all.sort_by(|a, b| b.0.cmp(&a.0));
    let total = all.len();
    let limit = asked.parameter("limit").and_then(|text| text.parse().ok()).unwrap_or(PAGE).min(PAGE_MAX);
    let backward = asked.parameter("ending_before");
    if let Some(after) = asked.parameter("starting_after") {
        all.retain(|(id, _)| id.as_str() < after);
    }
    if let Some(before) = backward {
        all.retain(|(id, _)| id.as_str() > before);
    }
    let more = all.len() > limit;
    if backward.is_some() {
        all.drain(..all.len().saturating_sub(limit));
    } else {
        all.truncate(limit);
    }
    let cursor = |entry: Option<&(String, Value)>| entry.map(|(id, _)| id.clone());
    let page = json!({
        "hasNextPage": more && backward.is_none(),
        "startCursor": cursor(all.first()),
        "endCursor": cursor(all.last()),
    });
    let values: Value = all.into_iter().map(|(_, value)| value).collect();
    let mut data = Map::new();
    data.insert(name.to_owned(), values.clone());
    let data = if call.switches.direct_metadata { values } else { Value::Object(data) };
    Answer::json(200, json!({ "data": data, "pageInfo": page, "totalCount": total }))
}
