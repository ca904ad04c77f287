//! What is particular to one source and one destination together: read off both descriptions, for neither knows the other.

use super::{super::propose::counterpart, Audit};
use crate::{FieldConcept, FieldType, ObjectConcept, ObjectSchema, Permission, Removal};

/// What a person should know about moving from this source to this destination.
pub(super) fn gotchas(audit: &Audit) -> Vec<String> {
    let mut gotchas = Vec::new();
    let schema = &audit.destination.schema;
    for from in audit.source.schema.objects.values().filter(|from| audit.records(&from.name) > 0) {
        let Some(concept) = from.concept else { continue };
        match counterpart(concept, |wanted| schema.by_concept(wanted)) {
            Some(to) => {
                if to.concept != Some(concept) {
                    gotchas.push(format!("{} become {} at the destination", from.label, to.label));
                }
                fields(audit, from, to, &mut gotchas);
            }
            None => gotchas.extend(nowhere(concept, from)),
        }
    }
    if audit.destination.permissions.get("pipelines") == Some(&Permission::No)
        && (audit.source.schema.by_concept(ObjectConcept::Stage).is_some()
            || audit.source.schema.objects.values().any(|object| object.by_concept(FieldConcept::Stage).is_some()))
    {
        gotchas.push("pipelines and stages have to be made by people before anything moves".to_owned());
    }
    gotchas
}

fn nowhere(concept: ObjectConcept, from: &ObjectSchema) -> Option<String> {
    use ObjectConcept as O;
    match concept {
        O::User | O::Pipeline | O::Stage | O::Tag | O::Consent => None,
        O::Automation | O::Segment => Some(format!("{} are rebuilt by people from a guide", from.label)),
        O::CustomObject => {
            Some(format!("the destination has no place for {}: fold them or make an object", from.label))
        }
        _ => Some(format!("the destination has nothing like {}", from.label)),
    }
}

fn fields(audit: &Audit, from: &ObjectSchema, to: &ObjectSchema, gotchas: &mut Vec<String>) {
    use FieldConcept as F;
    let found = audit.objects.get(&from.name);
    let filled = |concept: F| {
        let field = from.by_concept(concept)?;
        found?.fields.get(&field.name).filter(|profile| profile.filled > 0).map(|_| field)
    };
    let settable = |concept: F| to.by_concept(concept).is_some_and(|field| field.writable);
    if filled(F::CreatedAt).is_some() && !settable(F::CreatedAt) {
        gotchas.push(format!("when {} were created cannot be set and needs a field of its own", from.label));
    }
    if filled(F::Owner).is_some() && to.by_concept(F::Owner).is_none() {
        gotchas.push(format!("{} have no owner at the destination", to.label));
    }
    if filled(F::LifecycleStage).is_some() && !settable(F::LifecycleStage) {
        gotchas.push(format!("the lifecycle stage of {} needs a field of its own", from.label));
    }
    let local = from.fields.values().filter(|field| field.ty == FieldType::Local).count();
    if local > 0 && audit.source.time_zone.is_none() {
        gotchas.push(format!("times of {} carry no zone: the plan has to say which", from.label));
    }
    if audit.destination.abilities.get(&to.name).is_some_and(|abilities| abilities.remove == Removal::Never) {
        gotchas.push(format!("{} cannot be removed again by a rollback", to.label));
    }
}
