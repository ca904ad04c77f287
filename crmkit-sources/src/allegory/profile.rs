//! One walk over an object's rows before any is read for good: counts, repeated ids, types.

use std::{
    collections::HashSet,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    io,
};

use crmkit_core::{FieldSchema, FieldType, ObjectName, OptionSchema, Problem, Severity};
use indexmap::IndexMap;

use super::{
    convert,
    infer::Inferred,
    rows::{Fault, Rows},
    stages::Stages,
    table::{Field, FieldSource, Row, Table},
    values::{Kind, Style},
};

/// Rows with a quote that nothing closes, after which the rest of the file is read on. Each costs a walk to its end.
const MOST_UNCLOSED: usize = 16;

/// Counts, marks repeated ids, looks at every field, checks what the manifest declares.
pub(super) fn profile(table: &mut Table, problems: &mut Vec<Problem>) -> io::Result<()> {
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    let mut ids = HashSet::<u64>::new();
    let mut rejects = IndexMap::<&'static str, Rejected>::new();
    for number in 0..table.parts.len() {
        let file = &mut table.parts[number];
        let name = file.part.file.clone();
        let mut rows = Rows::open(&file.part, file.part.first)?;
        let mut count = 0;
        while let Some(place) = rows.advance()? {
            let unclosed = &mut table.parts[number].part.unclosed;
            if rows.fault() == Some(&Fault::Unclosed)
                && unclosed.len() < MOST_UNCLOSED
                && let Err(at) = unclosed.binary_search(&place.offset)
            {
                unclosed.insert(at, place.offset);
                rows = Rows::open(&table.parts[number].part, place)?;
                continue;
            }
            count += 1;
            let mut reject = |code| {
                let rejected =
                    rejects.entry(code).or_insert_with(|| Rejected { file: name.clone(), ..Rejected::default() });
                rejected.rows += 1;
                if rejected.rows == 1 {
                    rejected.line = place.line;
                }
            };
            if let Some(fault) = rows.fault() {
                reject(fault.code());
                continue;
            }
            let row = Row { rows: &rows, cells: &table.parts[number].cells };
            let Some(id) = row.id(&table.id) else {
                if !table.distinct {
                    reject("missing_id");
                }
                continue;
            };
            let new = ids.insert(hasher.hash_one(&id));
            if new == table.distinct {
                table.marked.insert((number, place.offset));
            }
            if !new {
                if !table.distinct {
                    reject("duplicate_id");
                }
                continue;
            }
            table.records += 1;
            for field in &mut table.fields {
                look(field, &row, &name, place.line);
            }
        }
        check(&table.parts[number], count, problems);
    }
    for (code, rejected) in rejects {
        let message = format!("{} rows of `{}` cannot become records", rejected.rows, table.name);
        let remedy = "the quarantine list names every line; mend the rows, or leave them behind";
        problems.push(Problem::new(Severity::Warn, code, message, remedy).in_file(rejected.file, rejected.line));
    }
    for field in &mut table.fields {
        settle(field, &table.name, problems);
    }
    // A parent's field that no record uses is no field, apart from the three that every CRM has.
    let main = |to: &ObjectName| matches!(to.as_str(), "companies" | "contacts" | "deals");
    table.fields.retain(|field| match &field.source {
        FieldSource::Parent { to, .. } => main(to) || !field.seen.is_empty(),
        _ => true,
    });
    Ok(())
}

/// Rows that cannot become records for one reason, and where the first is.
#[derive(Debug, Default)]
struct Rejected {
    rows: u64,
    file: String,
    line: u64,
}

/// Takes what a row says about a field into account.
fn look(field: &mut Field, row: &Row<'_>, file: &str, line: u64) {
    let kind = field.reading.kind;
    match &field.source {
        FieldSource::Cell(slot) | FieldSource::Money { amount: slot, .. } => {
            let options = matches!(kind, Kind::Option | Kind::Infer);
            let types =
                matches!(kind, Kind::Infer | Kind::Int | Kind::Decimal | Kind::Duration | Kind::Date | Kind::Moment);
            if kind == Kind::Options {
                let Some(cell) = row.get(*slot) else { return };
                let entries = cell.split(';').map(str::trim).filter(|entry| !entry.is_empty());
                entries.for_each(|entry| field.seen.add(entry, false, true));
            } else if (types || options)
                && let Some(cell) = row.get(*slot)
            {
                let known = field.seen.known();
                field.seen.add(cell.trim(), types, options);
                let told = match kind {
                    Kind::Date | Kind::Moment if field.reading.format.is_some() => field.reading.value(&cell).is_ok(),
                    Kind::Int | Kind::Decimal | Kind::Duration | Kind::Date | Kind::Moment => {
                        field.seen.known() > known
                    }
                    _ => true,
                };
                if !told {
                    field.unread += 1;
                    field.first_unread.get_or_insert_with(|| (file.to_owned(), line));
                }
            }
        }
        FieldSource::Stage { id, .. } | FieldSource::Pipeline(id) => {
            if let Some(cell) = row.get(*id) {
                field.seen.add(cell.trim(), false, true);
            }
        }
        FieldSource::StageByName { name, pipeline } => {
            let Some(name) = row.trimmed(*name) else { return };
            let stage = Stages::composite(pipeline.and_then(|slot| row.trimmed(slot)).as_deref(), &name);
            field.seen.add(&stage, false, true);
        }
        FieldSource::Parent { kind, id, to, known } => {
            let is_this = |kind: &str| convert::parent(kind, known) == Some(to);
            if row.get(*id).is_some() && row.get(*kind).is_some_and(|kind| is_this(&kind)) {
                field.seen.add("", false, false);
            }
        }
        _ => {}
    }
}

/// Compares a file with what the manifest says about it.
fn check(file: &super::table::TablePart, rows: u64, problems: &mut Vec<Problem>) {
    let name = file.part.file.clone();
    if let Some(declared) = file.rows.filter(|declared| *declared != rows) {
        problems.push(
            Problem::new(
                Severity::Block,
                "row_count_mismatch",
                format!("the manifest says {declared} rows, the file has {rows}"),
                "export the file again, or accept `row_count_mismatch` in the plan",
            )
            .in_file(name.clone(), None),
        );
    }
    let declared = file.sha256.as_ref().map(|sha| sha.trim().to_ascii_lowercase());
    if declared.is_some() && declared != file.part.survey.sha256 {
        problems.push(
            Problem::new(
                Severity::Block,
                "digest_mismatch",
                "the file is not the one the manifest was written for",
                "export the file again, or accept `digest_mismatch` in the plan",
            )
            .in_file(name, None),
        );
    }
}

/// Decides what the walk showed: types of undeclared fields, number styles.
fn settle(field: &mut Field, object: &ObjectName, problems: &mut Vec<Problem>) {
    let name = format!("{object}.{}", field.name);
    if let Some((file, line)) = field.first_unread.take() {
        let what = match field.reading.kind {
            Kind::Date | Kind::Moment => "dates in a form that is not declared",
            _ => "no numbers",
        };
        let message = format!("{} cells of `{name}` are {what}; this is the first", field.unread);
        let remedy = "declare the column's format or export it again; until then records with such a cell are held";
        let problem = Problem::new(Severity::Hold, "unreadable_value", message, remedy);
        problems.push(problem.at(format!("/objects/{object}/fields/{}", field.name)).in_file(file, line));
    }
    if field.reading.kind == Kind::Infer {
        field.reading.kind = match field.seen.infer() {
            Inferred::Bool => Kind::Bool,
            Inferred::Int => Kind::Int,
            Inferred::Decimal => Kind::Decimal,
            Inferred::Date => Kind::Date,
            Inferred::Moment => Kind::Moment,
            Inferred::Option => Kind::Option,
            Inferred::Text => Kind::Text,
            Inferred::LongText => Kind::LongText,
        };
        let message = format!("nobody declared the type of `{name}`; its cells look like {}", ty(field).label());
        let remedy = "declare it if this is wrong";
        problems.push(Problem::new(Severity::Warn, "inferred_type", message, remedy));
    }
    if field.reading.kind == Kind::Option
        && matches!(field.source, FieldSource::Cell(_))
        && field.seen.options().is_none()
    {
        field.reading.kind = Kind::Text;
        let message = format!("`{name}` has too many different values for a pick-list and is read as text");
        problems.push(Problem::new(Severity::Warn, "too_many_options", message, "declare it as text"));
    }
    field.reading.style = field.seen.style();
    let message = match field.reading.style {
        Style::Mixed if numeric(field) => format!("`{name}` mixes decimal points and decimal commas"),
        Style::Unsure if numeric(field) => {
            format!("the commas in `{name}` may separate thousands or decimals")
        }
        _ => return,
    };
    let remedy = "export the column again with a decimal point; until then records with such a number are held";
    problems.push(Problem::new(Severity::Hold, "mixed_decimals", message, remedy));
}

fn numeric(field: &Field) -> bool {
    matches!(field.reading.kind, Kind::Decimal | Kind::Int | Kind::Duration)
}

/// The type of a settled field, apart from money, which depends on the manifest.
pub(super) fn ty(field: &Field) -> FieldType {
    match (&field.source, field.reading.kind) {
        (FieldSource::Address(_), _) => FieldType::Address,
        (FieldSource::Link { to, .. } | FieldSource::Parent { to, .. }, _) => FieldType::link(to.clone()),
        (FieldSource::Body { format: None, .. }, _) => FieldType::LongText,
        (_, Kind::Text | Kind::Infer) => FieldType::text(),
        (_, Kind::LongText) => FieldType::LongText,
        (_, Kind::Bool) => FieldType::Bool,
        (_, Kind::Int) => FieldType::Int,
        (_, Kind::Decimal) => FieldType::Decimal,
        (_, Kind::Date) if !field.seen.has_times() => FieldType::Date,
        (_, Kind::Moment) if field.seen.has_dates() && !field.seen.has_times() => FieldType::Date,
        (_, Kind::Date | Kind::Moment) => {
            let local = field.seen.has_naive() && field.reading.zone.is_none();
            if local { FieldType::Local } else { FieldType::Timestamp }
        }
        (_, Kind::Duration) => FieldType::Duration,
        (_, Kind::Option) => FieldType::Option,
        (_, Kind::Options) => FieldType::Options,
        (_, Kind::Emails) => FieldType::Emails,
        (_, Kind::Phones) => FieldType::Phones,
        (_, Kind::Url) => FieldType::Url,
        (_, Kind::Rich(_)) => FieldType::Rich,
    }
}

/// Writes the schema of a profiled table.
pub(super) fn describe(table: &mut Table, stages: &Stages, currency: bool, problems: &mut Vec<Problem>) {
    for field in &table.fields {
        let ty = match &field.source {
            FieldSource::Money { currency: cell, .. } if currency || cell.is_some() => FieldType::Money,
            _ => ty(field),
        };
        let mut schema = FieldSchema::new(field.name.clone(), field.label.clone(), ty);
        schema.concept = field.concept;
        schema.required = field.required;
        schema.custom = field.custom;
        schema.options = options(field, &table.name, stages, problems);
        table.schema.fields.insert(field.name.clone(), schema);
    }
    table.schema.repeatable = table.parts.iter().all(|part| part.part.stored.is_seekable());
}

/// Declared entries first, then those that only the records know.
fn options(field: &Field, object: &ObjectName, stages: &Stages, problems: &mut Vec<Problem>) -> Vec<OptionSchema> {
    if !matches!(field.reading.kind, Kind::Option | Kind::Options) {
        return Vec::new();
    }
    let entry = |id: &str, label: &str| OptionSchema { id: id.to_owned(), label: label.to_owned() };
    let mut options: Vec<OptionSchema> = match &field.source {
        FieldSource::Stage { .. } => stages.labels().map(|(id, label)| entry(id, &label)).collect(),
        FieldSource::Pipeline(_) => stages.pipelines().map(|(id, name)| entry(id, name)).collect(),
        _ => field.options.iter().map(|option| entry(option, option)).collect(),
    };
    let declared = options.len();
    for seen in field.seen.options().into_iter().flatten() {
        if !options.iter().any(|known| known.id == seen) {
            let label = match &field.source {
                FieldSource::StageByName { .. } => stages.named(seen),
                _ => seen.to_owned(),
            };
            options.push(entry(seen, &label));
        }
    }
    if declared > 0 && options.len() > declared {
        let message =
            format!("`{object}.{}` has {} values outside its pick-list", field.name, options.len() - declared);
        let remedy = "map them in the plan, or add them to the pick-list";
        problems.push(Problem::new(Severity::Warn, "undeclared_option", message, remedy));
    }
    options
}
