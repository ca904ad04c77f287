//! Conditions on records, with the three-valued logic of the database below.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde_json::Value;
use uuid::Uuid;

use super::super::failure::Failure;
use super::super::schema::{Field, Object};
use super::super::store::{Row, Store};
use super::super::table::{Table, id_of, is_deleted, uuid_at};
use super::compare;
use super::path::{Path, Scalar};

/// A condition.
#[derive(Clone, Debug)]
pub(in super::super) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Test(Test),
    /// Some record at the other side of a relation.
    Related(Box<Field>, Box<Filter>),
}

/// A comparison.
#[derive(Clone, Debug)]
pub(in super::super) struct Test {
    path: Path,
    operator: Operator,
    values: Vec<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Eq,
    Neq,
    In,
    ContainsAny,
    IsNull,
    IsNotNull,
    IsEmptyArray,
    Gt,
    Gte,
    Lt,
    Lte,
    StartsWith,
    EndsWith,
    Like,
    Ilike,
}

impl Test {
    /// A comparison by the vendor's name for it.
    pub(super) fn new(path: Path, comparator: &str, given: &Value) -> Result<Self, Failure> {
        let operator = match comparator {
            "eq" => Operator::Eq,
            "neq" => Operator::Neq,
            "in" => Operator::In,
            "containsAny" => Operator::ContainsAny,
            "is" => match given.as_str() {
                Some("NULL") => Operator::IsNull,
                Some("NOT_NULL") => Operator::IsNotNull,
                _ => return Err(Failure::bad("'is' takes NULL or NOT_NULL")),
            },
            "isEmptyArray" => Operator::IsEmptyArray,
            "gt" => Operator::Gt,
            "gte" => Operator::Gte,
            "lt" => Operator::Lt,
            "lte" => Operator::Lte,
            "startsWith" => Operator::StartsWith,
            "endsWith" => Operator::EndsWith,
            "like" => Operator::Like,
            "ilike" => Operator::Ilike,
            other => {
                return Err(Failure::bad(format!("The filter operator {other} is not modelled")));
            }
        };
        let pattern = matches!(
            operator,
            Operator::StartsWith | Operator::EndsWith | Operator::Like | Operator::Ilike | Operator::IsEmptyArray
        );
        let given = match given {
            Value::Array(values) => values.clone(),
            other => vec![other.clone()],
        };
        let values = match operator {
            Operator::IsNull | Operator::IsNotNull => Vec::new(),
            _ if pattern => given,
            _ => given.iter().map(|value| compare::literal(&path, value)).collect::<Result<_, _>>()?,
        };
        Ok(Self { path, operator, values })
    }

    fn holds(&self, row: &Row) -> Option<bool> {
        let held = self.path.get(row);
        match self.operator {
            Operator::IsNull => return Some(held.is_null()),
            Operator::IsNotNull => return Some(!held.is_null()),
            Operator::IsEmptyArray => return Some(held.as_array().is_none_or(Vec::is_empty)),
            _ if held.is_null() => return None,
            _ => {}
        }
        let first = self.values.first()?;
        let text = || match held {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let wanted = || first.as_str().unwrap_or_default();
        let order = || compare::order(held, first);
        Some(match self.operator {
            Operator::Eq => order() == Ordering::Equal,
            Operator::Neq => order() != Ordering::Equal,
            Operator::In if self.path.scalar != Scalar::List => {
                self.values.iter().any(|value| compare::order(held, value) == Ordering::Equal)
            }
            Operator::In | Operator::ContainsAny => match held {
                Value::Array(held) => held.iter().any(|value| self.values.contains(value)),
                held => self.values.contains(held),
            },
            Operator::Gt => order() == Ordering::Greater,
            Operator::Gte => order() != Ordering::Less,
            Operator::Lt => order() == Ordering::Less,
            Operator::Lte => order() != Ordering::Greater,
            Operator::StartsWith => text().starts_with(wanted()),
            Operator::EndsWith => text().ends_with(wanted()),
            Operator::Like => compare::like(wanted(), &text()),
            Operator::Ilike => compare::like(&wanted().to_lowercase(), &text().to_lowercase()),
            Operator::IsNull | Operator::IsNotNull | Operator::IsEmptyArray => return None,
        })
    }
}

impl Filter {
    /// Whether a record fulfils it; `None` where the database does not know.
    pub(super) fn holds(&self, store: &Store, row: &Row) -> Option<bool> {
        match self {
            Self::Test(test) => test.holds(row),
            Self::Not(inner) => inner.holds(store, row).map(|held| !held),
            Self::And(parts) => three_valued(parts.iter().map(|part| part.holds(store, row)), false),
            Self::Or(parts) if parts.is_empty() => Some(true),
            Self::Or(parts) => three_valued(parts.iter().map(|part| part.holds(store, row)), true),
            Self::Related(field, inner) => Some(
                related(store, field, row).any(|(_, row)| !is_deleted(row) && inner.holds(store, row) == Some(true)),
            ),
        }
    }

    /// Whether it asks for the trash in any way.
    pub(super) fn mentions_deleted(&self) -> bool {
        match self {
            Self::Test(test) => test.path.column == "deletedAt",
            Self::Not(inner) => inner.mentions_deleted(),
            Self::And(parts) | Self::Or(parts) => parts.iter().any(Self::mentions_deleted),
            Self::Related(..) => false,
        }
    }

    /// The only rows that can fulfil it, where an index knows them.
    pub(super) fn candidates(&self, table: &Table) -> Option<BTreeSet<Uuid>> {
        match self {
            Self::And(parts) => parts.iter().find_map(|part| part.candidates(table)),
            Self::Test(Test { path, operator: Operator::Eq | Operator::In, values }) if path.scalar == Scalar::Id => {
                let ids = values.iter().filter_map(|value| Uuid::try_parse(value.as_str()?).ok());
                match (path.joins, path.column.as_str()) {
                    (true, column) => Some(ids.flat_map(|id| table.linked(column, id)).collect()),
                    (false, "id") => Some(ids.collect()),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

/// What a list of answers comes to when one `decisive` answer is enough, and nobody knows while one is unknown.
fn three_valued(answers: impl Iterator<Item = Option<bool>>, decisive: bool) -> Option<bool> {
    let mut known = true;
    for answer in answers {
        match answer {
            Some(answer) if answer == decisive => return Some(decisive),
            Some(_) => {}
            None => known = false,
        }
    }
    known.then_some(!decisive)
}

/// The records at the other side of a relation.
pub(super) fn related<'a>(
    store: &'a Store,
    field: &'a Field,
    row: &'a Row,
) -> Box<dyn Iterator<Item = (Uuid, &'a std::sync::Arc<Row>)> + 'a> {
    let Some(target) = &field.target else { return Box::new(std::iter::empty()) };
    let table = store.table(&target.object);
    if let Some(column) = field.join_column() {
        return Box::new(uuid_at(row, column).and_then(|id| Some((id, table.get(id)?))).into_iter());
    }
    let column = store.field(&target.field).and_then(|(_, field)| field.join_column().map(str::to_owned));
    let ids = column.zip(id_of(row)).map(|(column, id)| table.linked(&column, id).collect::<Vec<_>>());
    Box::new(ids.unwrap_or_default().into_iter().filter_map(|id| Some((id, table.get(id)?))))
}

/// A filter as GraphQL writes it.
pub(in super::super) fn from_graphql(
    store: &Store,
    object: &Object,
    given: &Value,
    in_max: usize,
) -> Result<Filter, Failure> {
    let mut parts = Vec::new();
    for (key, condition) in given.as_object().into_iter().flatten() {
        let all = || match condition {
            Value::Array(parts) => parts.iter().map(|part| from_graphql(store, object, part, in_max)).collect(),
            other => from_graphql(store, object, other, in_max).map(|part| vec![part]),
        };
        if condition.is_null() {
            continue;
        }
        parts.push(match key.as_str() {
            "and" => Filter::And(all()?),
            "or" => Filter::Or(all()?),
            "not" => Filter::Not(Box::new(from_graphql(store, object, condition, in_max)?)),
            name => match object.field(name).filter(|field| field.is_relation()) {
                Some(field) => {
                    let target = field.target.as_ref().and_then(|target| store.object(&target.object));
                    let target = target.ok_or_else(|| object.unknown_field(name))?;
                    let inner = from_graphql(store, &target, condition, in_max)?;
                    Filter::Related(Box::new(field.clone()), Box::new(inner))
                }
                None => tests(object, name, condition, in_max)?,
            },
        });
    }
    Ok(Filter::And(parts))
}

fn tests(object: &Object, name: &str, condition: &Value, in_max: usize) -> Result<Filter, Failure> {
    let composite = object.field(name).is_some_and(|field| !field.kind.parts().is_empty());
    let mut parts = Vec::new();
    for (key, value) in condition.as_object().into_iter().flatten() {
        if composite {
            parts.push(tests(object, &format!("{name}.{key}"), value, in_max)?);
            continue;
        }
        if in_max > 0 && key == "in" && value.as_array().is_some_and(|values| values.len() > in_max) {
            return Err(Failure::bad(format!("The filter in takes at most {in_max} values")));
        }
        parts.push(Filter::Test(Test::new(Path::of(object, name)?, key, value)?));
    }
    Ok(Filter::And(parts))
}
