//! What the first walk over an object's rows showed: counts, types of fields, what the manifest says otherwise.

use std::io;

use crmkit_core::{FieldSchema, FieldType, ObjectName, OptionSchema, Problem, Severity};

use super::{
    infer::Inferred,
    stages::Stages,
    table::{Field, FieldSource, Table},
    values::{Kind, Style},
    walk::{self, Ranges, Walked},
};

/// Counts, marks repeated ids, looks at every field, checks what the manifest declares.
pub(super) fn profile(table: &mut Table, ranges: Ranges, problems: &mut Vec<Problem>) -> io::Result<()> {
    let Walked { looks, rejects, rows, records } = walk::walk(table, ranges)?;
    table.records = records;
    for (field, look) in table.fields.iter_mut().zip(looks) {
        field.look = look;
    }
    for (file, rows) in table.parts.iter().zip(rows) {
        check(file, rows, problems);
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
        FieldSource::Parent { to, .. } => main(to) || !field.look.seen.is_empty(),
        _ => true,
    });
    Ok(())
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
    if let Some((file, line)) = field.look.first_unread.take() {
        let what = match field.reading.kind {
            Kind::Date | Kind::Moment => "dates in a form that is not declared",
            _ => "no numbers",
        };
        let message = format!("{} cells of `{name}` are {what}; this is the first", field.look.unread);
        let remedy = "declare the column's format or export it again; until then records with such a cell are held";
        let problem = Problem::new(Severity::Hold, "unreadable_value", message, remedy);
        problems.push(problem.at(format!("/objects/{object}/fields/{}", field.name)).in_file(file, line));
    }
    if field.reading.kind == Kind::Infer {
        field.reading.kind = match field.look.seen.infer() {
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
        && field.look.seen.options().is_none()
    {
        field.reading.kind = Kind::Text;
        let message = format!("`{name}` has too many different values for a pick-list and is read as text");
        problems.push(Problem::new(Severity::Warn, "too_many_options", message, "declare it as text"));
    }
    field.reading.style = field.look.seen.style();
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
        (_, Kind::Date) if !field.look.seen.has_times() => FieldType::Date,
        (_, Kind::Moment) if field.look.seen.has_dates() && !field.look.seen.has_times() => FieldType::Date,
        (_, Kind::Date | Kind::Moment) => {
            let local = field.look.seen.has_naive() && field.reading.zone.is_none();
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
    for seen in field.look.seen.options().into_iter().flatten() {
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
