//! Notes, files and stored e-mails as JSON-RPC shows them.

use serde_json::{Value, json};

use super::super::answer::Row;
use super::super::call::Call;
use super::super::entity::Entity;
use super::super::store::{int, object, text};
use super::super::time::atom_value;
use super::view::{get, rev, stub_of, tidy};

/// A note with its text as such, as markup, and as HTML.
pub(super) fn shown(call: &Call<'_>, row: &Row) -> Value {
    let markup = text(row, "note").unwrap_or_default();
    let id = int(row, "id").unwrap_or(0);
    let files = call.store.linked(Entity::Files, (Entity::Notes, id)).map(|(_, row)| file(call, row));
    let mut shown = object(json!({
        "id": id, "entityType": "Notes", "rev": rev(row), "user": stub_of(call, Entity::Users, int(row, "user")),
        "originId": 1, "note": plain(markup), "noteMarkup": markup, "noteHtml": html(markup),
        "date": atom_value(row.get("createdTime")), "files": files.collect::<Vec<_>>(), "mentions": mentions(markup),
    }));
    if !get(row, "deletedTime").is_null() {
        shown.insert("deletedTime".into(), atom_value(row.get("deletedTime")));
    }
    let parent = get(row, "parent");
    if let Some(entity) = parent["type"].as_str().and_then(Entity::from_rest) {
        shown.insert(entity.singular().into(), stub_of(call, entity, parent["id"].as_i64()));
    }
    tidy(call, shown)
}

/// `@[Contacts:12]` mentions somebody, `\@[` does not.
fn mentions(markup: &str) -> Vec<Value> {
    let mut found = Vec::new();
    for (at, _) in markup.match_indices("@[") {
        let inside = markup[at + 2..].split_once(']').and_then(|(inside, _)| inside.split_once(':'));
        if !markup[..at].ends_with('\\')
            && let Some((entity, id)) = inside
            && let (Some(entity), Ok(id)) = (Entity::from_rpc(entity, false), id.parse::<i64>())
        {
            found.push(json!({ "entityType": entity.rpc(), "id": id }));
        }
    }
    found
}

/// The text without its escapes.
pub(in crate::simulator) fn plain(markup: &str) -> String {
    markup.replace("\\@[", "@[")
}

/// The text as HTML.
pub(in crate::simulator) fn html(markup: &str) -> String {
    let escaped = plain(markup).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!("<p>{}</p>", escaped.replace("\r\n", "\n").replace('\n', "<br />"))
}

/// A file; its `rev` is a digest of its content.
pub(super) fn file(call: &Call<'_>, row: &Row) -> Value {
    let id = int(row, "id").unwrap_or(0);
    json!({
        "entityType": "Files", "id": id, "name": get(row, "name"), "uri": format!("{}/file/api/{id}", call.base),
        "size": get(row, "size"), "rev": get(row, "sha1"), "mime": get(row, "mime"), "clientType": null,
        "duration": null,
    })
}

/// A stored e-mail.
pub(super) fn email(row: &Row) -> Value {
    json!({
        "id": get(row, "id"), "entityType": "Emails", "rev": rev(row), "subject": get(row, "subject"),
        "date": atom_value(row.get("date")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escaped_mention_is_text() {
        assert_eq!(mentions(r"hi @[Contacts:12], not \@[Contacts:13]"), [json!({"entityType": "Contacts", "id": 12})]);
        assert_eq!(html("a\\@[x] <b>\nc"), "<p>a@[x] &lt;b&gt;<br />c</p>");
    }
}
