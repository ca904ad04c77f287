//! The order of lists, and the cursors that are places in it.

use std::cmp::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::super::failure::Failure;
use super::super::schema::Object;
use super::super::store::Row;
use super::compare;
use super::path::Path;

/// The values to sort by; the id decides at last.
#[derive(Clone, Debug)]
pub(in super::super) struct Order(Vec<(Path, Direction)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    AscNullsFirst,
    AscNullsLast,
    DescNullsFirst,
    DescNullsLast,
}

const DIRECTIONS: &str = "'AscNullsFirst', 'AscNullsLast', 'DescNullsFirst', 'DescNullsLast'";

fn direction(name: &str) -> Option<Direction> {
    Some(match name {
        "AscNullsFirst" => Direction::AscNullsFirst,
        "AscNullsLast" => Direction::AscNullsLast,
        "DescNullsFirst" => Direction::DescNullsFirst,
        "DescNullsLast" => Direction::DescNullsLast,
        _ => return None,
    })
}

fn sortable(object: &Object, name: &str) -> Result<Path, Failure> {
    let missing = || Failure::coded("FIELD_NOT_FOUND", format!("Field \"{name}\" does not exist or is not sortable"));
    Path::of(object, name).map_err(|_| missing())
}

/// An order as REST writes it: `name,createdAt[DescNullsLast]`.
pub(in super::super) fn from_rest(object: &Object, text: &str) -> Result<Order, Failure> {
    let mut order = Vec::new();
    for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        let (name, way) = match item.strip_suffix(']').and_then(|item| item.split_once('[')) {
            Some((name, way)) => {
                let unknown = || {
                    let eg = "?order_by=field_1[AscNullsFirst],field_2[DescNullsLast],field_3";
                    let allowed = format!("Allowed values are {DIRECTIONS}");
                    Failure::bad(format!("'order_by' direction '{way}' invalid. {allowed}. eg: {eg}"))
                };
                (name, direction(way).ok_or_else(unknown)?)
            }
            None => (item, Direction::AscNullsFirst),
        };
        order.push((sortable(object, name)?, way));
    }
    Ok(Order(order))
}

/// An order as GraphQL writes it: `[{ name: AscNullsLast }, { emails: { primaryEmail: DescNullsLast } }]`.
pub(in super::super) fn from_graphql(object: &Object, given: &Value) -> Result<Order, Failure> {
    let mut order = Vec::new();
    let items = match given {
        Value::Array(items) => items.clone(),
        Value::Null => Vec::new(),
        other => vec![other.clone()],
    };
    let way = |value: &Value| {
        let unknown = || Failure::bad(format!("Invalid order direction {value}. Allowed values are {DIRECTIONS}"));
        value.as_str().and_then(direction).ok_or_else(unknown)
    };
    for (name, value) in items.iter().filter_map(Value::as_object).flatten() {
        match value {
            Value::Object(parts) => {
                for (part, value) in parts {
                    order.push((sortable(object, &format!("{name}.{part}"))?, way(value)?));
                }
            }
            value => order.push((sortable(object, name)?, way(value)?)),
        }
    }
    Ok(Order(order))
}

impl Order {
    /// By id alone.
    pub(in super::super) fn by_id() -> Self {
        Self(Vec::new())
    }

    pub(super) fn is_by_id(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn compare(&self, a: &Row, b: &Row) -> Ordering {
        for (path, direction) in &self.0 {
            let (a, b) = (path.get(a), path.get(b));
            let nulls_first = matches!(direction, Direction::AscNullsFirst | Direction::DescNullsFirst);
            let descending = matches!(direction, Direction::DescNullsFirst | Direction::DescNullsLast);
            let ordering = match (a.is_null(), b.is_null()) {
                (true, true) => Ordering::Equal,
                (true, false) => {
                    if nulls_first {
                        Ordering::Less
                    } else {
                        Ordering::Greater
                    }
                }
                (false, true) => {
                    if nulls_first {
                        Ordering::Greater
                    } else {
                        Ordering::Less
                    }
                }
                (false, false) if descending => compare::order(b, a),
                (false, false) => compare::order(a, b),
            };
            if ordering != Ordering::Equal {
                return ordering;
            }
        }
        compare::order(Path::id().get(a), Path::id().get(b))
    }

    /// The place of a record.
    pub(in super::super) fn cursor(&self, row: &Row) -> String {
        let mut place = Map::new();
        for (path, _) in &self.0 {
            let value = path.get(row).clone();
            match path.part {
                Some(part) => place.entry(path.column.clone()).or_insert_with(|| json!({}))[part] = value,
                None => drop(place.insert(path.column.clone(), value)),
            }
        }
        place.insert("id".into(), Path::id().get(row).clone());
        STANDARD.encode(Value::Object(place).to_string())
    }
}

/// The place that a cursor names.
pub(super) fn read_cursor(text: &str) -> Result<Row, Failure> {
    let invalid = || Failure::bad(format!("Invalid cursor: {text}"));
    let bytes = STANDARD.decode(text).map_err(|_| invalid())?;
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(place)) if place.get("id").is_some_and(Value::is_string) => Ok(place),
        _ => Err(invalid()),
    }
}
