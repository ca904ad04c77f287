//! Custom objects: made at the destination where it has such, folded into notes where it does not.

use super::{Audit, Lines, Pair, Proposing, safe, why};
use crate::{Badge, FieldConcept, FieldSchema, FieldType, ObjectConcept, ObjectPlan, ObjectSchema, TransformCall};

/// A custom object to make, and what it will look like.
pub(super) type Made = (ObjectPlan, ObjectSchema);

/// The custom objects to make: one for each of the source's that has records, where the destination can have such.
pub(super) fn made(audit: &Audit) -> Vec<Made> {
    let Some(like) = &audit.destination.custom_object else { return Vec::new() };
    let custom = audit
        .source
        .schema
        .objects
        .values()
        .filter(|object| object.concept == Some(ObjectConcept::CustomObject) && audit.records(&object.name) > 0);
    custom
        .map(|object| {
            let id = safe(object.name.as_str().rsplit('/').next().unwrap_or_default());
            let plan = ObjectPlan { id, name: object.label.clone(), use_existing: None };
            let mut schema = like.schema.clone();
            schema.name = plan.reference();
            schema.label.clone_from(&object.label);
            schema.concept = Some(ObjectConcept::CustomObject);
            (plan, schema)
        })
        .collect()
}

/// Where a custom object's records go: to their own object, or to notes on what they belong to.
pub(super) fn place<'a>(audit: &'a Audit, from: &ObjectSchema, made: &'a [Made]) -> Option<&'a ObjectSchema> {
    let id = safe(from.name.as_str().rsplit('/').next().unwrap_or_default());
    if let Some((_, schema)) = made.iter().find(|(plan, _)| plan.id == id) {
        return Some(schema);
    }
    let note = audit.destination.schema.by_concept(ObjectConcept::Note)?;
    let body = note.by_concept(FieldConcept::Body).filter(|field| field.writable)?;
    let belongs = |field: &FieldSchema| {
        let parent = [FieldConcept::Organization, FieldConcept::Person, FieldConcept::Deal];
        field.concept.is_some_and(|concept| parent.contains(&concept) && note.by_concept(concept).is_some())
    };
    (from.fields.values().any(belongs) && body.writable).then_some(note)
}

impl<'a> Proposing<'a> {
    /// The text of a note that keeps a custom object's record: all its fields, as JSON.
    pub(super) fn folded_body(&mut self, lines: &mut Lines<'a>) {
        if lines.from.concept != Some(ObjectConcept::CustomObject) || lines.to.concept != Some(ObjectConcept::Note) {
            return;
        }
        let Some(body) = lines.to.by_concept(FieldConcept::Body).filter(|field| lines.is_free(field)) else { return };
        let kept: Vec<&FieldSchema> = lines
            .from
            .fields
            .values()
            .filter(|field| !lines.used.contains(&field.name) && !matches!(field.ty, FieldType::Link { .. }))
            .filter(|field| self.filled(lines.from, field) > 0)
            .collect();
        if kept.is_empty() {
            return;
        }
        let calls = vec![TransformCall::bare("json")];
        let reason = format!("the destination has no place for {}: all its fields as text", lines.from.label);
        lines.add(&kept, body.name.as_str(), calls, why(Badge::Folded, 0.6, reason));
        let text = format!(
            "The destination has no object for {} ({} records). Is each kept as a note, with its fields as JSON, on the record it \
             belongs to? Otherwise take the mapping {} out of the plan.",
            lines.from.label,
            self.audit.records(&lines.from.name),
            lines.mapping
        );
        self.ask(format!("fold.{}", lines.mapping), "", text, vec!["keep them as notes".to_owned()]);
    }

    /// Plans the custom objects that mappings write to.
    pub(super) fn plan_objects(&mut self, made: &[Made]) {
        let written = |schema: &ObjectSchema| self.pairs.iter().any(|pair| pair.to.name == schema.name);
        self.plan.objects.extend(made.iter().filter(|(_, schema)| written(schema)).map(|(plan, _)| plan.clone()));
    }
}

/// Web visits among events: they become notes, all others activities.
pub(super) fn events<'a>(audit: &'a Audit, from: &'a ObjectSchema, pairs: &mut Vec<(usize, Pair<'a>)>) -> bool {
    let schema = &audit.destination.schema;
    let (Some(activity), Some(note)) =
        (schema.by_concept(ObjectConcept::Activity), schema.by_concept(ObjectConcept::Note))
    else {
        return false;
    };
    let Some(kind) = from.by_concept(FieldConcept::Kind) else { return false };
    let profile = audit.objects.get(&from.name).and_then(|found| found.fields.get(&kind.name));
    let Some(profile) = profile.filter(|profile| profile.is_complete()) else { return false };
    let label = |value: &String| {
        kind.options.iter().find(|option| option.id == *value).map_or(value, |option| &option.label).to_lowercase()
    };
    let web = |value: &&String| ["page", "form", "web", "site"].iter().any(|word| label(value).contains(word));
    let visits: Vec<String> = profile.top.keys().filter(web).cloned().collect();
    if visits.is_empty() || visits.len() == profile.top.len() {
        return false;
    }
    let mut add = |suffix: &str, to: &'a ObjectSchema, one_of: Vec<String>, none_of: Vec<String>| {
        let id = format!("{}{suffix}", safe(from.name.as_str()));
        let when = crate::Predicate { field: kind.name.clone(), one_of, none_of, filled: None };
        let place = schema.objects.get_index_of(&to.name).unwrap_or_default();
        pairs.push((place, Pair { id: id.into(), from, to, when: Some(when) }));
    };
    add("", activity, Vec::new(), visits.clone());
    add("_notes", note, visits, Vec::new());
    true
}
