//! Custom objects that a plan makes, as if they were there: what checks and orders a plan before `prepare` ran.

use std::borrow::Cow;

use crate::{Abilities, Destination, ObjectConcept, ObjectName, ObjectPlan, ObjectSchema, Plan};

impl ObjectPlan {
    /// What mappings and fields of the plan call it: `custom:<id>`.
    pub fn reference(&self) -> ObjectName {
        ObjectName::from(format!("custom:{}", self.id))
    }
}

impl Plan {
    /// The destination with the plan's custom objects under the names that the plan gives them.
    pub(crate) fn with_objects<'a>(&self, destination: &'a Destination) -> Cow<'a, Destination> {
        if self.objects.is_empty() {
            return Cow::Borrowed(destination);
        }
        let mut extended = destination.clone();
        for planned in &self.objects {
            if let Some((schema, abilities)) = like(planned, destination) {
                extended = extended.with_object(schema, abilities);
            }
        }
        Cow::Owned(extended)
    }
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
