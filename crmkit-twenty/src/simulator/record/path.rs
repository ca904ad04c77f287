//! Where a value is in a record: a column, or a column of a composite.

use serde_json::Value;

use super::super::failure::Failure;
use super::super::schema::{FieldKind, Object, Part};
use super::super::store::Row;

/// What kind of value is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Scalar {
    Text,
    Number,
    Boolean,
    Id,
    Date,
    Moment,
    Option,
    List,
    Json,
}

/// A path to a scalar.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Path {
    pub(super) column: String,
    pub(super) part: Option<&'static str>,
    pub(super) scalar: Scalar,
    /// Whether it is the column of a to-one relation.
    pub(super) joins: bool,
}

static NULL: Value = Value::Null;

impl Path {
    pub(super) fn id() -> Self {
        Self { column: "id".into(), part: None, scalar: Scalar::Id, joins: false }
    }

    /// The path that a name such as `name`, `companyId` or `emails.primaryEmail` leads to.
    pub(super) fn of(object: &Object, name: &str) -> Result<Self, Failure> {
        let (column, part) = name.split_once('.').map_or((name, None), |(column, part)| (column, Some(part)));
        if object.joined(column).is_some() && part.is_none() {
            return Ok(Self { column: column.into(), part: None, scalar: Scalar::Id, joins: true });
        }
        let field = object.field(column).filter(|field| !field.is_relation());
        let field = field.ok_or_else(|| object.unknown_field(column))?;
        let Some(part) = part else {
            let scalar = scalar_of(field.kind).ok_or_else(|| object.unknown_field(column))?;
            return Ok(Self { column: column.into(), part: None, scalar, joins: false });
        };
        let found = field.kind.parts().iter().find(|(name, _)| *name == part);
        let (part, kind) = found.ok_or_else(|| {
            let words = field.kind.words();
            Failure::bad(format!("Invalid subfield {part} for {words} field \"{column}\""))
        })?;
        let scalar = match kind {
            Part::Text | Part::Rich => Scalar::Text,
            Part::Source => Scalar::Option,
            Part::Number => Scalar::Number,
            Part::Id => Scalar::Id,
            Part::List | Part::Json => Scalar::Json,
        };
        Ok(Self { column: column.into(), part: Some(part), scalar, joins: false })
    }

    /// The value in a row; null where there is none.
    pub(super) fn get<'a>(&self, row: &'a Row) -> &'a Value {
        let value = row.get(&self.column).unwrap_or(&NULL);
        self.part.map_or(value, |part| &value[part])
    }

    /// The name of the field in messages.
    pub(super) fn name(&self) -> String {
        self.part.map_or_else(|| self.column.clone(), |part| format!("{}.{part}", self.column))
    }
}

fn scalar_of(kind: FieldKind) -> Option<Scalar> {
    Some(match kind {
        FieldKind::Text | FieldKind::TsVector => Scalar::Text,
        FieldKind::Number | FieldKind::Numeric | FieldKind::Position => Scalar::Number,
        FieldKind::Boolean => Scalar::Boolean,
        FieldKind::Uuid => Scalar::Id,
        FieldKind::Date => Scalar::Date,
        FieldKind::DateTime => Scalar::Moment,
        FieldKind::Select | FieldKind::Rating => Scalar::Option,
        FieldKind::MultiSelect | FieldKind::Array => Scalar::List,
        FieldKind::RawJson | FieldKind::Files => Scalar::Json,
        _ => return None,
    })
}
