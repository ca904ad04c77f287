//! From a row to a record.

use std::sync::Arc;

use crmkit_core::{Address, Doubt, FieldName, Markup, Money, ObjectName, Record, RecordId, RecordRef, RichText, Value};

use super::{
    foreign::same_name,
    header,
    links::Links,
    shapes::Shapes,
    stages::Stages,
    table::{Field, FieldSource, Row, Slot, Table},
    values::{Kind, Reading, merge},
};

/// What turning rows into records needs beside the row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Converter<'a> {
    pub(super) stages: &'a Stages,
    pub(super) links: &'a Links,
    pub(super) currency: Option<&'a Arc<str>>,
}

/// What making one record leaves for the next.
#[derive(Debug, Default)]
pub(super) struct Making {
    shapes: Shapes,
    values: Vec<Option<Value>>,
}

/// A value, nothing, or why it cannot be told.
type Told = Result<Option<Value>, Untold>;

struct Untold {
    reason: String,
    candidates: Vec<RecordId>,
    /// A name fits no record.
    nobody: bool,
}

impl<T: Into<String>> From<T> for Untold {
    fn from(reason: T) -> Self {
        Self { reason: reason.into(), candidates: Vec::new(), nobody: false }
    }
}

impl Converter<'_> {
    /// The record of a row.
    pub(super) fn record(
        &self,
        table: &Table,
        row: &Row<'_>,
        id: &str,
        file: &str,
        line: u64,
        made: &mut Making,
    ) -> Record {
        let mut record = Record::new(RecordRef { object: table.name.clone(), id: id.into() });
        for field in &table.fields {
            let value = self.value(field, row).unwrap_or_else(|untold| {
                record.doubts.push(Doubt {
                    field: field.name.clone(),
                    origin: file.to_owned(),
                    line: Some(line),
                    message: untold.reason,
                    candidates: untold.candidates,
                });
                None
            });
            made.values.push(value);
        }
        record.fields = made.shapes.fill(&table.fields, &mut made.values);
        record
    }

    /// The texts by which links may name the record of a row.
    pub(super) fn keys(&self, field: &Field, row: &Row<'_>) -> Vec<String> {
        match self.value(field, row) {
            Ok(Some(Value::List(values))) => values.iter().map(Value::to_string).collect(),
            Ok(Some(value)) => vec![value.to_string()],
            _ => Vec::new(),
        }
    }

    fn value(&self, field: &Field, row: &Row<'_>) -> Told {
        let reading = &field.reading;
        match &field.source {
            FieldSource::Cell(slot) => read(reading, row, *slot),
            FieldSource::Joined(slots) => Ok(join(row, slots)),
            FieldSource::FullName { whole, parts } => {
                Ok(whole.and_then(|slot| row.get(slot)).map(|name| Value::text(&*name)).or_else(|| join(row, parts)))
            }
            FieldSource::Address(slots) => Ok(address(row, slots)),
            FieldSource::Several(slots) => {
                let lists = slots.iter().filter_map(|slot| row.get(*slot));
                let values = lists
                    .flat_map(|cell| super::values::labelled(&cell, reading.kind == Kind::Emails).collect::<Vec<_>>());
                let values = merge(values);
                Ok((!values.is_empty()).then(|| Value::List(values.into())))
            }
            FieldSource::Money { amount, currency } => self.money(reading, row, *amount, *currency),
            FieldSource::Body { text, format } => body(row, *text, *format),
            FieldSource::Link { cell, to, by, or_name, instead } => {
                let elsewhere = instead.iter().any(|slot| row.get(*slot).is_some());
                self.link(row, *cell, to, by.as_ref(), *or_name).or_else(|untold| match elsewhere && untold.nobody {
                    true => Ok(None),
                    false => Err(untold),
                })
            }
            FieldSource::Parent { kind, id, to, known } => self.parent(row, *kind, *id, to, known),
            FieldSource::Stage { id, name, pipeline } => self.stage(row, *id, *name, *pipeline),
            FieldSource::StageByName { name, pipeline } => Ok(row.trimmed(*name).map(|name| {
                let pipeline = pipeline.and_then(|slot| row.trimmed(slot));
                Value::option(Stages::composite(pipeline.as_deref(), &name))
            })),
            FieldSource::Pipeline(slot) => Ok(row.trimmed(*slot).map(Value::option)),
            FieldSource::Done { status, at } => done(row, *status, *at),
        }
    }

    fn money(&self, reading: &Reading, row: &Row<'_>, amount: Slot, currency: Option<Slot>) -> Told {
        let Some(value) = read(reading, row, amount)? else { return Ok(None) };
        let currency = match currency.and_then(|slot| row.trimmed(slot)) {
            Some(code) if code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
                Some(code.to_ascii_uppercase().into())
            }
            Some(_) => return Err("the currency is not a three-letter code".into()),
            None => self.currency.cloned(),
        };
        Ok(Some(match (value, currency) {
            (Value::Decimal(amount), Some(currency)) => Value::Money(Money { amount, currency }),
            (value, _) => value,
        }))
    }

    fn link(&self, row: &Row<'_>, cell: Slot, to: &ObjectName, by: Option<&FieldName>, or_name: Option<Slot>) -> Told {
        match (row.trimmed(cell), by) {
            (Some(id), None) => Ok(Some(Value::link(RecordRef { object: to.clone(), id: id.into() }))),
            (Some(key), Some(by)) => self.find(to, by, &key),
            (None, _) => match or_name.and_then(|slot| row.trimmed(slot)) {
                Some(name) => self.find(to, &"name".into(), &name),
                None => Ok(None),
            },
        }
    }

    fn find(&self, to: &ObjectName, by: &FieldName, key: &str) -> Told {
        let candidates = self.links.find(to, by, key);
        match candidates {
            [one] => Ok(Some(Value::link(RecordRef { object: to.clone(), id: one.clone() }))),
            [] => Err(Untold { nobody: true, ..format!("no record of `{to}` has this `{by}`").into() }),
            several => Err(Untold {
                reason: format!("{} records of `{to}` have this `{by}`", several.len()),
                candidates: several.to_vec(),
                nobody: false,
            }),
        }
    }

    fn parent(&self, row: &Row<'_>, kind: Slot, id: Slot, to: &ObjectName, known: &[ObjectName]) -> Told {
        let Some(id) = row.trimmed(id) else { return Ok(None) };
        let Some(kind) = row.get(kind) else { return Err("the parent has an id but no type".into()) };
        match parent(&kind, known) {
            Some(object) if object == to => Ok(Some(Value::link(RecordRef { object: to.clone(), id: id.into() }))),
            Some(_) => Ok(None),
            None => Err("the parent is of an object that the export does not have".into()),
        }
    }

    fn stage(&self, row: &Row<'_>, id: Slot, name: Option<Slot>, pipeline: Option<Slot>) -> Told {
        if let Some(id) = row.trimmed(id) {
            return Ok(Some(Value::option(id)));
        }
        let Some(name) = name.and_then(|slot| row.trimmed(slot)) else { return Ok(None) };
        let pipeline = pipeline.and_then(|slot| row.trimmed(slot));
        let found = self.stages.find(&name, pipeline.as_deref());
        match found.as_slice() {
            [one] => Ok(Some(Value::option(one.as_str()))),
            [] => Err("no stage has this name".into()),
            _ => {
                let reason = format!("{} stages have this name", found.len());
                Err(Untold { reason, candidates: found, nobody: false })
            }
        }
    }
}

/// Which of the known objects a parent's type names.
pub(super) fn parent<'a>(kind: &str, known: &'a [ObjectName]) -> Option<&'a ObjectName> {
    let kind = kind.trim();
    let plain = |object: &&ObjectName| {
        let name = object.as_str();
        name.strip_suffix('s').is_some_and(|one| one.eq_ignore_ascii_case(kind)) || name.eq_ignore_ascii_case(kind)
    };
    known.iter().find(plain).or_else(|| {
        let object = header::object_of_one(kind);
        known.iter().find(|known| {
            let bare = known.as_str().strip_prefix("custom/").unwrap_or(known.as_str());
            same_name(bare, &object) || same_name(&header::one_of(bare), kind)
        })
    })
}

fn read(reading: &Reading, row: &Row<'_>, slot: Slot) -> Told {
    match row.get(slot) {
        Some(cell) => Ok(Some(reading.value(&cell)?)),
        None => Ok(None),
    }
}

fn join(row: &Row<'_>, slots: &[Slot]) -> Option<Value> {
    let parts: Vec<_> = slots.iter().filter_map(|slot| row.trimmed(*slot)).collect();
    (!parts.is_empty()).then(|| Value::text(parts.join(" ")))
}

fn address(row: &Row<'_>, slots: &[Option<Slot>; 5]) -> Option<Value> {
    let [street, city, region, postal_code, country] =
        slots.map(|slot| slot.and_then(|slot| row.get(slot)).map(|cell| Arc::<str>::from(&*cell)).unwrap_or_default());
    let address = Address { street, city, region, postal_code, country };
    (address != Address::default()).then(|| Value::Address(Arc::new(address)))
}

fn body(row: &Row<'_>, text: Slot, format: Option<Slot>) -> Told {
    let Some(text) = row.get(text) else { return Ok(None) };
    let rich = |markup| Value::Rich(Arc::new(RichText { markup, text: (&*text).into() }));
    match format.and_then(|slot| row.trimmed(slot)).map(|format| format.to_ascii_lowercase()).as_deref() {
        None | Some("text" | "plain") => Ok(Some(Value::text(&*text))),
        Some("html") => Ok(Some(rich(Markup::Html))),
        Some("markdown") => Ok(Some(rich(Markup::Markdown))),
        Some(_) => Err("the format is none of text, html and markdown".into()),
    }
}

fn done(row: &Row<'_>, status: Option<Slot>, at: Option<Slot>) -> Told {
    const DONE: [&str; 5] = ["completed", "complete", "done", "closed", "finished"];
    const OPEN: [&str; 9] =
        ["open", "not started", "in progress", "waiting", "deferred", "planned", "to do", "todo", "pending"];
    if at.and_then(|slot| row.get(slot)).is_some() {
        return Ok(Some(Value::Bool(true)));
    }
    let Some(status) = status.and_then(|slot| row.get(slot)) else { return Ok(None) };
    let status = header::fold(&status);
    if DONE.contains(&status.as_str()) {
        Ok(Some(Value::Bool(true)))
    } else if OPEN.contains(&status.as_str()) {
        Ok(Some(Value::Bool(false)))
    } else {
        Err("the status tells neither open nor done".into())
    }
}
