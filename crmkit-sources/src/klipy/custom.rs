//! Custom fields: columns that no template has, with the type that a person wrote into `fields.csv`. No type is guessed.

use std::borrow::Cow;

use crmkit_core::{FieldName, FieldSchema, FieldType, OptionSchema, Problem, Severity, Value};
use indexmap::IndexMap;

use super::harvest::{Row, Table};
use crate::allegory::{Column, Kind, folded};

/// A custom field.
#[derive(Debug)]
pub(super) struct CustomField {
    /// `contacts`, `companies` or `deals`.
    pub(super) object: &'static str,
    pub(super) name: FieldName,
    label: String,
    ty: FieldType,
    options: Vec<String>,
    place: usize,
    column: Column,
}

const FILES: [(&str, &str); 3] = [("contacts", "contacts.csv"), ("companies", "companies.csv"), ("deals", "deals.csv")];

/// The object that a word in `fields.csv` or `tags.csv` means.
pub(super) fn object(word: &str) -> Option<&'static str> {
    match folded(word).as_str() {
        "contact" | "contacts" | "person" | "people" => Some("contacts"),
        "company" | "companies" | "organization" => Some("companies"),
        "deal" | "deals" => Some("deals"),
        _ => None,
    }
}

/// What somebody confirmed about a column.
struct Confirmed<'a> {
    ty: FieldType,
    kind: Kind,
    options: Vec<String>,
    line: u64,
    name: &'a str,
    used: bool,
}

/// The custom fields of all files.
pub(super) fn fields(tables: &IndexMap<&'static str, Table>, problems: &mut Vec<Problem>) -> Vec<CustomField> {
    let mut confirmed: IndexMap<(&'static str, String), Confirmed<'_>> = IndexMap::new();
    if let Some(table) = tables.get("fields.csv") {
        for row in &table.rows {
            let mut wrong = |code: &str, message: &str, remedy: &str| {
                let problem = Problem::new(Severity::Block, code, message, remedy);
                problems.push(problem.in_file(table.file.clone(), row.line));
            };
            let object = table.get(row, "Object").and_then(object);
            let (Some(object), Some(name)) = (object, table.get(row, "Field Name")) else {
                wrong(
                    "unknown_object",
                    "the row names no field of contacts, companies or deals",
                    "mend Object and Field Name",
                );
                continue;
            };
            let word = table.get(row, "Type").map(folded);
            let Some((ty, kind)) = word.as_deref().and_then(kind) else {
                let remedy = "write text, number, date, dropdown or checkbox";
                wrong("unknown_type", "the field has no type that can be read", remedy);
                continue;
            };
            let options = table.several(row, "Options").map(str::to_owned).collect();
            let entry = Confirmed { ty, kind, options, line: row.line, name, used: false };
            if confirmed.insert((object, folded(name)), entry).is_some() {
                wrong("duplicate_field", "an earlier row describes the same field", "remove one of the rows");
            }
        }
    }
    let mut fields = Vec::new();
    for (object, file) in FILES {
        let Some(table) = tables.get(file) else { continue };
        for (label, place) in &table.further {
            let known = confirmed.get_mut(&(object, folded(label)));
            let filled = table.rows.iter().any(|row| row.at(*place).is_some());
            let (ty, kind, options) = match known {
                Some(known) => {
                    known.used = true;
                    (known.ty.clone(), known.kind, known.options.clone())
                }
                None if !filled => continue,
                None => {
                    let message = format!("nobody confirmed the type of the custom field {label}");
                    let remedy = "add a row for it to fields.csv";
                    let problem = Problem::new(Severity::Block, "unconfirmed_field", message, remedy);
                    problems.push(problem.at(format!("/objects/{object}")).in_file(table.file.clone(), 1));
                    (FieldType::text(), Kind::Text, Vec::new())
                }
            };
            let cells = table.rows.iter().filter_map(|row| row.at(*place)).map(Cow::Borrowed);
            let column = Column::of(kind, None, cells);
            let name = format!("cf_{}", folded(label).replace(' ', "_"));
            fields.push(CustomField {
                object,
                name: name.into(),
                label: label.clone(),
                ty,
                options,
                place: *place,
                column,
            });
        }
    }
    for ((object, _), field) in confirmed.iter().filter(|(_, field)| !field.used) {
        let message = format!("no file has a column {} of {object}", field.name);
        let problem = Problem::new(Severity::Warn, "unused_field", message, "add the column, or remove the row");
        problems.push(problem.in_file("fields.csv", field.line));
    }
    fields
}

fn kind(word: &str) -> Option<(FieldType, Kind)> {
    Some(match word {
        "text" => (FieldType::text(), Kind::Text),
        "number" => (FieldType::Decimal, Kind::Decimal),
        "date" => (FieldType::Date, Kind::Date),
        "dropdown" => (FieldType::Option, Kind::Option),
        "checkbox" => (FieldType::Bool, Kind::Bool),
        _ => return None,
    })
}

impl CustomField {
    /// The value of a row, or why it has none, in words without the cell's content.
    pub(super) fn value(&self, row: &Row) -> Option<Result<Value, &'static str>> {
        let cell = row.at(self.place)?;
        let listed = |option: &String| folded(option) == folded(cell);
        Some(match self.ty {
            FieldType::Option if !self.options.is_empty() => match self.options.iter().find(|option| listed(option)) {
                Some(option) => Ok(Value::option(option.as_str())),
                None => Err("the value is none of the field's options in fields.csv"),
            },
            FieldType::Date => self.column.value(cell).and_then(|value| match value {
                Value::Date(_) => Ok(value),
                Value::Timestamp(time) => Ok(Value::Date(time.date_naive())),
                Value::Local(time) => Ok(Value::Date(time.date())),
                _ => Err("not a day"),
            }),
            _ => self.column.value(cell),
        })
    }

    /// The field, with the options that it has or that occur.
    pub(super) fn schema(&self, table: Option<&Table>) -> FieldSchema {
        let mut schema = FieldSchema::new(self.name.clone(), self.label.clone(), self.ty.clone()).custom();
        if self.ty == FieldType::Option {
            let mut options = self.options.clone();
            if options.is_empty() {
                for row in table.into_iter().flat_map(|table| &table.rows) {
                    if let Some(Ok(Value::Option(option))) = self.value(row)
                        && !options.iter().any(|known| **known == *option)
                    {
                        options.push(option.to_string());
                    }
                }
            }
            schema.options = options.into_iter().map(|label| OptionSchema { id: label.clone(), label }).collect();
        }
        schema
    }
}
