//! What the audit found, as problems with their place and remedy; and what it tells by comparing both ends.

use indexmap::IndexMap;

use super::{super::propose::counterpart, Audit, ObjectAudit, TypeClash};
use crate::{
    FieldConcept, FieldName, FieldSchema, FieldType, ObjectName, ObjectSchema, Problem, Severity,
    migration::propose::folded,
};

/// Adds what is known only when everything was read.
pub(super) fn complete(audit: &mut Audit) {
    let schema = &audit.source.schema;
    let missing: Vec<(ObjectName, IndexMap<FieldName, u64>)> =
        schema.objects.values().filter_map(|object| Some((object.name.clone(), missing(audit, object)?))).collect();
    for (object, missing) in missing {
        if let Some(found) = audit.objects.get_mut(&object) {
            found.missing_required = missing;
        }
    }
    audit.clashes = clashes(audit);
    let mut found: Vec<Problem> = audit.objects.iter().flat_map(|(name, object)| problems(name, object)).collect();
    for clash in &audit.clashes {
        let fields: Vec<String> =
            clash.fields.iter().map(|(object, field, ty)| format!("{object}.{field} ({})", ty.label())).collect();
        let message = format!("custom fields of one name have several types: {}", fields.join(", "));
        let remedy = "decide on one type, or give them different names at the destination";
        found.push(Problem::new(Severity::Warn, "type_clash", message, remedy).at("/clashes"));
    }
    audit.problems.extend(found);
}

/// Fields that the destination requires of an object's counterpart, with the records that have no value for them.
fn missing(audit: &Audit, object: &ObjectSchema) -> Option<IndexMap<FieldName, u64>> {
    use FieldConcept as F;
    let found = audit.objects.get(&object.name).filter(|found| found.records > 0)?;
    let target = counterpart(object.concept?, |wanted| audit.destination.schema.by_concept(wanted))?;
    let lacking = |field: &FieldSchema| found.fields.get(&field.name).map_or(found.records, |profile| profile.missing);
    let mut missing = IndexMap::new();
    for required in target.fields.values().filter(|field| field.required && field.writable) {
        let Some(concept) = required.concept.filter(|concept| !matches!(concept, F::Owner | F::Stage | F::Id)) else {
            continue;
        };
        let parts =
            || [F::GivenName, F::FamilyName].into_iter().filter_map(|part| object.by_concept(part)).map(lacking).min();
        let without = match object.by_concept(concept) {
            Some(field) => lacking(field),
            None if concept == F::Name => parts().unwrap_or(found.records),
            None => found.records,
        };
        if without > 0 {
            missing.insert(required.name.clone(), without);
        }
    }
    Some(missing)
}

/// Custom fields of one name and several types, among objects and sections.
fn clashes(audit: &Audit) -> Vec<TypeClash> {
    let mut named: IndexMap<String, Vec<(ObjectName, FieldName, FieldType)>> = IndexMap::new();
    for object in audit.source.schema.objects.values() {
        let found = audit.objects.get(&object.name);
        for field in object.fields.values().filter(|field| field.custom) {
            let profile = found.and_then(|found| found.fields.get(&field.name));
            if profile.is_none_or(|profile| profile.filled == 0) {
                continue;
            }
            let certain = profile.and_then(|profile| profile.certain());
            let ty = certain.filter(|_| matches!(field.ty, FieldType::Any)).unwrap_or(&field.ty).clone();
            named.entry(folded(&field.label)).or_default().push((object.name.clone(), field.name.clone(), ty));
        }
    }
    named
        .into_iter()
        .filter(|(name, fields)| {
            let kind = |ty: &FieldType| ty.label();
            !name.is_empty() && fields.iter().any(|(_, _, ty)| kind(ty) != kind(&fields[0].2))
        })
        .map(|(name, fields)| TypeClash { name, fields })
        .collect()
}

fn problems(name: &ObjectName, object: &ObjectAudit) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut say = |count: u64, severity: Severity, code: &str, place: &str, message: String, remedy: &str| {
        if count > 0 {
            problems.push(Problem::new(severity, code, message, remedy).at(format!("/objects/{name}{place}")));
        }
    };
    let bad = object.quarantined;
    let message = format!("{bad} rows of {name} could not be read");
    say(bad, Severity::Hold, "quarantined", "", message, "mend them in the source");
    let bad = object.doubtful;
    let message = format!("{bad} records of {name} have a value that fits several records or none");
    say(bad, Severity::Hold, "doubtful", "", message, "decide them when they are held");
    for (field, bad) in &object.dangling {
        let message = format!("{bad} records of {name} link by {field} to records that are not there");
        let remedy = "export the missing records, or let the links be empty";
        say(*bad, Severity::Warn, "dangling_link", &format!("/dangling/{field}"), message, remedy);
    }
    let bad = object.in_cycles;
    let message = format!("{bad} records of {name} are above themselves");
    say(bad, Severity::Hold, "parent_cycle", "/in_cycles", message, "mend their parents");
    for (place, same) in object.duplicates.iter().enumerate() {
        let message = format!("{} records of {name} repeat the {} of another", same.records, same.by.label());
        let remedy = "review them; merge says which stands for which";
        say(same.records, Severity::Warn, "duplicates", &format!("/duplicates/{place}"), message, remedy);
    }
    if let Some(stale) = &object.stale {
        let message = format!("nothing happened with {} records of {name} for {} months", stale.records, stale.months);
        let remedy = "leave them behind with exclude, or take them along";
        say(stale.records, Severity::Warn, "stale", "/stale", message, remedy);
    }
    for (field, bad) in &object.missing_required {
        let message = format!("{bad} records of {name} have no value for {field}, which the destination requires");
        let remedy = "fill them at the source, or let the plan make a value";
        say(*bad, Severity::Warn, "missing_required", &format!("/missing_required/{field}"), message, remedy);
    }
    for (field, rare) in &object.rare_tags {
        let message = format!("{} tags in {field} of {name} are on few records", rare.len());
        let remedy = "merge them with value_map, or let them go";
        say(rare.len() as u64, Severity::Warn, "rare_tags", &format!("/rare_tags/{field}"), message, remedy);
    }
    if let Some(oversize) = &object.oversize {
        let message = format!("{} files of {name} are larger than {} MB", oversize.files, oversize.limit >> 20);
        let remedy = "keep them elsewhere, and their address at the destination";
        say(oversize.files, Severity::Hold, "oversize_files", "/oversize", message, remedy);
    }
    problems
}
