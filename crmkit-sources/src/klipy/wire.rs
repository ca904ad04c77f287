//! The JSON as far as its shape is fixed: two envelopes, lists in two places, cursors under several names.

use serde_json::Value as Json;

/// Whether a body is JSON at all.
pub(super) fn is_json(body: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok()
}

/// Whether a body is a success in one of Klipy's envelopes. An empty one is not: every read has an answer.
pub(super) fn is_success(body: &[u8]) -> bool {
    serde_json::from_slice(body).is_ok_and(|body: Json| data(&body).is_some())
}

/// What an envelope holds.
pub(super) fn data(body: &Json) -> Option<&Json> {
    let success = body["object"] == "success" || body["success"] == true;
    // A list may have no `data` but be named beside the flag, in answers of the older interface.
    if success { body.get("data") } else { None }
}

/// The code of a refusal in one of Klipy's envelopes, where it is one that a program made.
pub(super) fn refusal(body: &[u8]) -> Option<String> {
    let body: Json = serde_json::from_slice(body).ok()?;
    let code = is_refusal(&body).then(|| body["error"]["code"].as_str()).flatten()?;
    let made = code.len() <= 40 && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    made.then(|| code.to_owned())
}

/// Whether a body is a refusal in one of Klipy's envelopes.
pub(super) fn is_refusal(body: &Json) -> bool {
    (body["object"] == "error" || body["success"] == false) && body["error"].is_object()
}

/// The name of the team that a key is of.
pub(super) fn team(body: &Json) -> Option<String> {
    let data = data(body)?;
    let places = [&data["team"]["name"], &data["team_name"], &data["organization"]["name"], &data["name"]];
    let older = [&body["team_name"]];
    let name = places.into_iter().chain(older).find_map(Json::as_str)?.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// A page of a list.
#[derive(Debug, PartialEq)]
pub(super) struct Listing {
    pub(super) items: Vec<Json>,
    /// Where the next page is, as far as this one says.
    pub(super) next: Option<String>,
    /// It says that there is more.
    pub(super) more: Option<bool>,
}

/// A page of the list called `name`; `None` where the answer has no list.
pub(super) fn list(mut body: Json, name: &str) -> Option<Listing> {
    data(&body)?;
    let info = ["page_info", "pageInfo"].iter().find_map(|key| {
        let beside = body.get(*key).cloned();
        beside.or_else(|| body["data"].get(*key).cloned())
    });
    let info = info.unwrap_or_default();
    let data = body["data"].take();
    let items = match data {
        Json::Array(items) => items,
        Json::Object(mut data) => match data.remove(name).or_else(|| data.remove("items")) {
            Some(Json::Array(items)) => items,
            _ => return None,
        },
        _ => return None,
    };
    let flag = |names: [&str; 3]| names.iter().find_map(|key| info[*key].as_bool());
    let cursor = |names: [&str; 4]| names.iter().find_map(|key| info[*key].as_str()).map(str::to_owned);
    let next = cursor(["next_cursor", "nextCursor", "end_cursor", "endCursor"]).filter(|cursor| !cursor.is_empty());
    Some(Listing { items, next, more: flag(["has_next", "has_next_page", "hasNextPage"]) })
}

/// A text that is not empty.
pub(super) fn text<'a>(row: &'a Json, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| row[*name].as_str()).map(str::trim).filter(|text| !text.is_empty())
}

/// A record's id, which some answers write as a number.
pub(super) fn id(row: &Json) -> Option<String> {
    match &row["id"] {
        Json::String(id) if !id.trim().is_empty() => Some(id.trim().to_owned()),
        Json::Number(id) => Some(id.to_string()),
        _ => None,
    }
}

/// Ids in a list, each once: as texts, or as objects with an `id`.
pub(super) fn ids(row: &Json, name: &str) -> Vec<String> {
    let mut ids = Vec::new();
    for entry in row[name].as_array().into_iter().flatten() {
        let found = entry.as_str().map(str::to_owned).or_else(|| id(entry));
        if let Some(found) = found.filter(|found| !found.is_empty() && !ids.contains(found)) {
            ids.push(found);
        }
    }
    ids
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_envelopes_and_all_names_of_the_next_page_are_read() {
        let rows = json!([{"id": "c_1"}]);
        let bodies = [
            (json!({"object": "success", "data": rows, "page_info": {"next_cursor": "n"}}), Some("n"), None),
            (
                json!({"object": "success", "data": rows, "page_info": {"end_cursor": "n", "has_next": false}}),
                Some("n"),
                Some(false),
            ),
            (json!({"success": true, "data": {"people": rows, "page_info": {"nextCursor": "n"}}}), Some("n"), None),
            (json!({"success": true, "data": {"people": rows}}), None, None),
            (json!({"success": true, "data": {"people": rows}, "page_info": {"next_cursor": null}}), None, None),
        ];
        for (body, next, more) in bodies {
            let page = list(body.clone(), "people").unwrap_or_else(|| panic!("{body}"));
            assert_eq!((page.items.len(), page.next.as_deref(), page.more), (1, next, more), "{body}");
        }
        for body in [json!({"result": true, "data": rows}), json!({"object": "success", "data": {"x": 1}}), json!([])] {
            assert_eq!(list(body.clone(), "people"), None, "{body}");
        }
    }

    #[test]
    fn the_team_is_read_from_either_answer() {
        let bodies = [
            json!({"object": "success", "data": {"team": {"name": "Acme"}}}),
            json!({"success": true, "data": {"team_name": "Acme"}}),
            json!({"success": true, "data": {}, "team_name": "Acme"}),
        ];
        for body in bodies {
            assert_eq!(team(&body).as_deref(), Some("Acme"), "{body}");
        }
        assert_eq!(team(&json!({"result": true, "data": {"name": "Acme"}})), None);
    }
}
