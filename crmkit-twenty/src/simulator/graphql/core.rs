//! The operations on records.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::call::Call;
use super::super::failure::Failure;
use super::super::files;
use super::super::record::{self, Order, Page, Window};
use super::super::schema::{Object, capitalised};
use super::super::store::Row;
use super::super::switches::LegacyUpload;
use super::check;
use super::document::{FILE, Operation};
use super::input;
use super::kind::{Kind, LEGACY_FILE, LIST_ARGUMENTS};
use super::selection::Node;
use super::{Refusal, unknown};

/// The records of a page when nothing is said.
const PAGE: usize = 60;

/// What a field at the root does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    FindMany,
    FindOne,
    Create,
    Update,
    Delete,
    Destroy,
    Restore,
    Upload,
}

/// Which action on which object a name means, and whether on many records.
fn resolve(call: &Call<'_>, name: &str, mutation: bool) -> Option<(Action, Option<Arc<Object>>, bool)> {
    if !mutation {
        let many = call.store.by_plural(name).map(|object| (Action::FindMany, Some(object), true));
        return many.or_else(|| call.store.by_singular(name).map(|object| (Action::FindOne, Some(object), false)));
    }
    if name == "uploadFile" && call.switches.legacy_upload != LegacyUpload::Gone {
        return Some((Action::Upload, None, false));
    }
    let verbs = [
        ("create", Action::Create),
        ("update", Action::Update),
        ("delete", Action::Delete),
        ("destroy", Action::Destroy),
        ("restore", Action::Restore),
    ];
    verbs.into_iter().find_map(|(verb, action)| {
        let rest = name.strip_prefix(verb)?;
        let object = call.store.objects().find(|object| {
            object.is_active && (capitalised(&object.name_singular) == rest || capitalised(&object.name_plural) == rest)
        })?;
        Some((action, Some(object.clone()), capitalised(&object.name_plural) == rest))
    })
}

/// The type of a field at the root, once its arguments have been checked.
pub(super) fn signature(
    call: &Call<'_>,
    operation: &Operation<'_>,
    root: &Node<'_>,
    mutation: bool,
) -> Result<Kind, Refusal> {
    let parent = if mutation { "Mutation" } else { "Query" };
    let not_modelled =
        ["Duplicates", "GroupBy"].iter().any(|end| root.name.ends_with(end)) || root.name.starts_with("merge");
    let Some((action, object, many)) = resolve(call, root.name, mutation) else {
        return Err(if not_modelled { Refusal::NotModelled(root.name.to_owned()) } else { unknown(root, parent) });
    };
    let (known, required): (&[&str], &[&str]) = match (action, many) {
        (Action::FindMany, _) => (&LIST_ARGUMENTS, &[]),
        (Action::FindOne, _) => (&["filter"], &["filter"]),
        (Action::Create, _) => (&["data", "upsert"], &["data"]),
        (Action::Update, false) => (&["id", "data"], &["id", "data"]),
        (Action::Update, true) => (&["filter", "data"], &["filter", "data"]),
        (Action::Upload, _) => (&["file", "fileFolder"], &["file"]),
        (_, false) => (&["id"], &["id"]),
        (_, true) => (&["filter"], &["filter"]),
    };
    check::arguments(root, parent, known)?;
    let arguments = root.arguments(operation)?;
    if let Some(missing) = required.iter().find(|name| !arguments.contains_key(**name)) {
        let message = format!("Field \"{}\" argument \"{missing}\" is required, but it was not provided.", root.name);
        return Err(Refusal::Invalid(message, root.place));
    }
    let Some(object) = object else {
        let signed = call.switches.legacy_upload == LegacyUpload::SignedFile;
        return Ok(if signed { Kind::Meta(&LEGACY_FILE) } else { Kind::Leaf });
    };
    input::list_arguments(call, &object, &arguments, root.place)?;
    let verb = if action == Action::Create { "Create" } else { "Update" };
    match arguments.get("data") {
        Some(Value::Array(list)) => {
            list.iter().try_for_each(|item| input::data(&object, item, verb, root.place))?;
        }
        Some(one) => input::data(&object, one, verb, root.place)?,
        None => {}
    }
    Ok(if action == Action::FindMany { Kind::Connection(object) } else { Kind::Record(object) })
}

/// Runs a field at the root of a checked document.
pub(super) fn execute(call: &mut Call<'_>, operation: &Operation<'_>, root: &Node<'_>) -> Result<Value, Failure> {
    let arguments = root.arguments(operation).unwrap_or_default();
    let found = resolve(call, root.name, false).or_else(|| resolve(call, root.name, true));
    let (action, object, many) = found.ok_or_else(Failure::record_not_found)?;
    let Some(object) = object else { return upload(call, operation, &arguments, root) };
    let in_max = call.switches.in_max;
    let filter =
        arguments.get("filter").map(|given| record::from_graphql(call.store, &object, given, in_max)).transpose()?;
    let data = arguments.get("data").cloned().unwrap_or_default();
    let upsert = arguments.get("upsert") == Some(&Value::Bool(true));
    if action == Action::FindMany {
        let window = window(call, &arguments);
        let order = record::order_from_graphql(&object, arguments.get("orderBy").unwrap_or(&Value::Null))?;
        let page = record::find_many(call.store, &object, filter.as_ref(), &order, &window)?;
        return Ok(connection(call, operation, &object, &page, &order, root));
    }
    let mandatory = |doing: &str| {
        filter.clone().ok_or_else(|| Failure::bad(format!("Filters are mandatory for bulk {doing} operations.")))
    };
    let id = || {
        let text = arguments.get("id").and_then(Value::as_str).unwrap_or_default();
        let wrong = || Failure::coded("INVALID_QUERY_INPUT", format!("Value \"{text}\" is not a valid UUID"));
        Uuid::try_parse(text).map_err(|_| wrong())
    };
    let one = |row: Arc<Row>| vec![row];
    let rows = match (action, many) {
        (Action::FindOne | Action::FindMany | Action::Upload, _) => {
            record::find_one(call.store, &object, &mandatory("find")?).map(one)?
        }
        (Action::Create, true) => {
            let inputs = match &data {
                Value::Array(inputs) => inputs.clone(),
                other => vec![other.clone()],
            };
            record::create_many(call, &object, &inputs, upsert)?
        }
        (Action::Create, false) => record::create_one(call, &object, &data, upsert).map(one)?,
        (Action::Update, true) => record::update_many(call, &object, &mandatory("update")?, &data)?,
        (Action::Update, false) => record::update_one(call, &object, id()?, &data).map(one)?,
        (Action::Delete, true) => record::soft_delete_many(call, &object, &mandatory("delete")?)?,
        (Action::Delete, false) => record::soft_delete_one(call, &object, id()?).map(one)?,
        (Action::Destroy, true) => record::destroy_many(call, &object, &mandatory("destroy")?)?,
        (Action::Destroy, false) => record::destroy_one(call, &object, id()?).map(one)?,
        (Action::Restore, true) => record::restore_many(call, &object, &mandatory("restore")?)?,
        (Action::Restore, false) => record::restore_one(call, &object, id()?).map(one)?,
    };
    let shown: Vec<Value> = rows.iter().map(|row| record_value(call, operation, &object, row, root)).collect();
    Ok(if many { shown.into() } else { shown.into_iter().next().unwrap_or_default() })
}

fn window(call: &Call<'_>, arguments: &Map<String, Value>) -> Window {
    let number = |name: &str| arguments.get(name).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
    let text = |name: &str| arguments.get(name).and_then(Value::as_str).map(str::to_owned);
    Window {
        limit: number("first").or_else(|| number("last")).unwrap_or(PAGE).min(call.switches.page_max),
        after: text("after"),
        before: text("before"),
        offset: number("offset").unwrap_or(0),
        from_end: number("last").is_some() && number("first").is_none(),
    }
}

fn connection(
    call: &Call<'_>,
    operation: &Operation<'_>,
    object: &Arc<Object>,
    page: &Page,
    order: &Order,
    node: &Node<'_>,
) -> Value {
    let kind = Kind::Connection(object.clone());
    let mut shown = Map::new();
    for child in node.checked_children(operation, &kind.name()) {
        let value = match child.name {
            "totalCount" => page.total.into(),
            "__typename" => kind.name().into(),
            "pageInfo" => {
                let cursor = |row: Option<&Arc<Row>>| row.map(|row| record::cursor_of(order, row));
                let info = json!({
                    "hasNextPage": page.next,
                    "hasPreviousPage": page.previous,
                    "startCursor": cursor(page.rows.first()),
                    "endCursor": cursor(page.rows.last()),
                    "__typename": "PageInfo",
                });
                pick(operation, &child, "PageInfo", &info)
            }
            _ => page.rows.iter().map(|row| edge(call, operation, object, row, order, &child)).collect(),
        };
        shown.insert(child.key, value);
    }
    Value::Object(shown)
}

fn edge(
    call: &Call<'_>,
    operation: &Operation<'_>,
    object: &Arc<Object>,
    row: &Row,
    order: &Order,
    node: &Node<'_>,
) -> Value {
    let name = Kind::Edge(object.clone()).name();
    let mut shown = Map::new();
    for child in node.checked_children(operation, &name) {
        let value = match child.name {
            "cursor" => record::cursor_of(order, row).into(),
            "__typename" => name.clone().into(),
            _ => record_value(call, operation, object, row, &child),
        };
        shown.insert(child.key, value);
    }
    Value::Object(shown)
}

/// The selected parts of a plain value, or of each in a list.
pub(super) fn pick(operation: &Operation<'_>, node: &Node<'_>, kind: &str, value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| pick(operation, node, kind, item)).collect(),
        Value::Object(_) if node.has_children() => {
            let part = |child: Node<'_>| {
                let value = if child.name == "__typename" { kind.into() } else { value[child.name].clone() };
                (child.key, value)
            };
            Value::Object(node.checked_children(operation, kind).into_iter().map(part).collect())
        }
        other => other.clone(),
    }
}

fn record_value(call: &Call<'_>, operation: &Operation<'_>, object: &Arc<Object>, row: &Row, node: &Node<'_>) -> Value {
    let kind = Kind::Record(object.clone());
    let mut shown = Map::new();
    for child in node.checked_children(operation, &kind.name()) {
        let value = match object.field(child.name) {
            _ if child.name == "__typename" => kind.name().into(),
            None => row.get(child.name).cloned().unwrap_or_default(),
            Some(field) if field.is_relation() => {
                let target = field.target.as_ref().and_then(|target| call.store.object(&target.object));
                let Some(target) = target else { continue };
                if field.is_to_many() {
                    nested(call, operation, &target, record::related_many(call.store, field, row), &child)
                } else {
                    let row = record::related_one(call.store, field, row);
                    row.map_or(Value::Null, |row| record_value(call, operation, &target, &row, &child))
                }
            }
            Some(field) => {
                let value = record::field_value(call, object, field, row);
                let name = kind.field(call.store, child.name, false).map(|kind| kind.name()).unwrap_or_default();
                pick(operation, &child, &name, &value)
            }
        };
        shown.insert(child.key, value);
    }
    Value::Object(shown)
}

fn nested(
    call: &Call<'_>,
    operation: &Operation<'_>,
    object: &Arc<Object>,
    mut rows: Vec<Arc<Row>>,
    node: &Node<'_>,
) -> Value {
    let arguments = node.arguments(operation).unwrap_or_default();
    if let Some(filter) = arguments.get("filter")
        && let Ok(filter) = record::from_graphql(call.store, object, filter, 0)
    {
        let wanted: Vec<_> = record::matching(call.store, object, Some(&filter));
        rows.retain(|row| wanted.iter().any(|other| Arc::ptr_eq(row, other)));
    }
    let order = record::order_from_graphql(object, arguments.get("orderBy").unwrap_or(&Value::Null));
    let order = order.unwrap_or_else(|_| Order::by_id());
    let page = record::page_of(rows, &order, &window(call, &arguments));
    page.map_or(Value::Null, |page| connection(call, operation, object, &page, &order, node))
}

fn upload(
    call: &mut Call<'_>,
    operation: &Operation<'_>,
    arguments: &Map<String, Value>,
    root: &Node<'_>,
) -> Result<Value, Failure> {
    let signed = call.switches.legacy_upload == LegacyUpload::SignedFile;
    let stored = files::store_legacy(call, file_of(operation, arguments)?, signed)?;
    Ok(pick(operation, root, "SignedFile", &stored))
}

/// The file that the argument `file` stands for.
pub(super) fn file_of<'a>(
    operation: &Operation<'a>,
    arguments: &Map<String, Value>,
) -> Result<&'a files::Upload, Failure> {
    let name = arguments.get("file").and_then(Value::as_str).and_then(|text| text.strip_prefix(FILE));
    let file = name.and_then(|name| operation.files.get(name));
    file.ok_or_else(|| Failure::bad("Upload value invalid."))
}
