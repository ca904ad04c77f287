//! The destination as `prepare` will make it: what checks and orders a plan before `prepare` ran.

use std::borrow::Cow;

use crate::{
    Abilities, Destination, FieldConcept, FieldSchema, ItemKind, ItemPlan, ObjectConcept, ObjectName, ObjectPlan,
    ObjectSchema, OptionSchema, Plan, Schema,
};

impl ObjectPlan {
    /// What mappings and fields of the plan call it: `custom:<id>`.
    pub fn reference(&self) -> ObjectName {
        ObjectName::from(format!("custom:{}", self.id))
    }
}

impl Plan {
    /// The destination with the plan's custom objects, under the names that the plan gives them, and its new options.
    pub(crate) fn prepared<'a>(&self, destination: &'a Destination) -> Cow<'a, Destination> {
        if self.objects.is_empty() && self.items.is_empty() {
            return Cow::Borrowed(destination);
        }
        let mut extended = destination.clone();
        for planned in &self.objects {
            if let Some((schema, abilities)) = like(planned, destination) {
                extended = extended.with_object(schema, abilities);
            }
        }
        for items in &self.items {
            if let Some(field) = listing(items, &mut extended.schema) {
                for name in &items.names {
                    if !field.options.iter().any(|option| same_name(&option.label, name)) {
                        field.options.push(OptionSchema { id: name.clone(), label: name.clone() });
                    }
                }
            }
        }
        Cow::Owned(extended)
    }
}

/// Whether two names of items are one: people do not tell them apart either.
pub(crate) fn same_name(a: &str, b: &str) -> bool {
    a.trim().to_lowercase() == b.trim().to_lowercase()
}

/// The field whose pick-list the items join.
fn listing<'a>(items: &ItemPlan, schema: &'a mut Schema) -> Option<&'a mut FieldSchema> {
    let object = schema.objects.get_mut(&items.object)?;
    let concept = match items.kind {
        ItemKind::ActivityType => FieldConcept::Kind,
        ItemKind::LeadSource => FieldConcept::LeadSource,
        ItemKind::Option | ItemKind::Label => match &items.field {
            Some(field) => return object.fields.get_mut(field),
            None => FieldConcept::Labels,
        },
        _ => return None,
    };
    object.fields.values_mut().find(|field| field.concept == Some(concept))
}

/// What a planned object will be: the existing one that the plan takes, or what this destination makes of a new one.
fn like(planned: &ObjectPlan, destination: &Destination) -> Option<(ObjectSchema, Abilities)> {
    let (mut schema, abilities) = match &planned.use_existing {
        Some(name) => (destination.schema.object(name)?.clone(), destination.abilities.get(name)?.clone()),
        None => {
            let made = destination.custom_object.clone()?;
            (made.schema, made.abilities)
        }
    };
    schema.name = planned.reference();
    schema.label.clone_from(&planned.name);
    schema.concept = schema.concept.or(Some(ObjectConcept::CustomObject));
    Some((schema, abilities))
}
