//! Pipelines and custom fields that the plan makes.

use std::collections::BTreeSet;

use super::Check;
use crate::{FieldPlan, FieldType, ItemKind, ItemPlan, ObjectPlan, Permission, PipelinePlan, Recovery};

/// Most entries of a pick-list that any destination takes.
const MOST_OPTIONS: usize = 10_000;

impl Check<'_> {
    pub(super) fn items(&mut self) {
        let mut ids = BTreeSet::new();
        for (index, field) in self.plan.fields.iter().enumerate() {
            let pointer = format!("/fields/{index}");
            if !ids.insert(&field.id) {
                self.block(
                    "duplicate_id",
                    pointer.clone(),
                    format!("there are two custom fields {:?}", field.id),
                    "rename one",
                );
            }
            self.field(field, &pointer);
        }
        for (index, object) in self.plan.objects.iter().enumerate() {
            self.object(object, &format!("/objects/{index}"));
        }
        for (index, items) in self.plan.items.iter().enumerate() {
            self.listed(items, &format!("/items/{index}"));
        }
        let mut names = BTreeSet::new();
        for (index, pipeline) in self.plan.pipelines.iter().enumerate() {
            let pointer = format!("/pipelines/{index}");
            if !names.insert((&pipeline.object, &pipeline.name)) {
                let message = format!("there are two pipelines {:?}", pipeline.name);
                self.block("duplicate_id", pointer.clone(), message, "rename one, or merge them");
            }
            self.pipeline(pipeline, &pointer);
        }
        self.cap();
    }

    fn object(&mut self, object: &ObjectPlan, pointer: &str) {
        if self.plan.objects.iter().filter(|other| other.id == object.id).count() > 1 {
            let message = format!("there are two custom objects {:?}", object.id);
            self.block("duplicate_id", format!("{pointer}/id"), message, "rename one");
        }
        // One that the destination has, or can make, was added to it for this check.
        if self.destination.schema.object(&object.reference()).is_some() {
            return;
        }
        match &object.use_existing {
            Some(name) => drop(self.destination_object(name, format!("{pointer}/use_existing"))),
            None => {
                let remedy = "fold its records into fields or notes of another object, or leave them behind";
                self.block("no_custom_objects", pointer.to_owned(), "objects cannot be made here", remedy);
            }
        }
    }

    fn listed(&mut self, items: &ItemPlan, pointer: &str) {
        let Some(object) = self.destination_object(&items.object, format!("{pointer}/object")) else { return };
        let lists = matches!(items.kind, ItemKind::Option | ItemKind::Label);
        let by_hand = self.destination.permissions.get("activity_types") == Some(&Permission::No);
        if items.kind == ItemKind::ActivityType && by_hand {
            let there = |name: &&String| {
                let known = &self.destination.items;
                known
                    .iter()
                    .any(|known| known.item.kind == items.kind && crate::plan::same_name(&known.item.name, name))
            };
            let missing: Vec<String> =
                items.names.iter().filter(|name| !there(name)).map(|name| format!("{name:?}")).collect();
            if !missing.is_empty() {
                let message = format!("there is no activity type {}", missing.join(", "));
                let remedy = "the destination's interface cannot make activity types: make them by hand in the settings and audit again";
                self.block("activity_type_by_hand", format!("{pointer}/names"), message, remedy);
            }
        }
        let Some(name) = &items.field else {
            if lists {
                let remedy = "write field = \"…\"";
                self.block("missing_key", pointer.to_owned(), "options and labels belong to a field", remedy);
            }
            return;
        };
        match object.fields.get(name) {
            None => {
                let remedy = super::instead(name.as_str(), object.fields.keys().map(|key| key.as_str()));
                let message = format!("{} has no field {name:?}", items.object);
                self.block("unknown_field", format!("{pointer}/field"), message, remedy);
            }
            Some(field) if lists && !matches!(field.ty, FieldType::Option | FieldType::Options) => {
                let message = format!("{name:?} is {}, which has no options", field.ty.label());
                self.block("no_options", format!("{pointer}/field"), message, "name a pick-list");
            }
            Some(_) => {}
        }
    }

    fn field(&mut self, field: &FieldPlan, pointer: &str) {
        let Some(object) = self.destination_object(&field.object, format!("{pointer}/object")) else { return };
        self.options(field, pointer);
        let Some(key) = &field.use_existing else {
            if !object.custom_fields {
                let message = format!("custom fields cannot be made on {}", field.object);
                self.block("no_custom_fields", format!("{pointer}/object"), message, "use an existing field");
            }
            let folded = field.name.trim().to_lowercase();
            let twin = object.fields.values().find(|known| known.label.trim().to_lowercase() == folded);
            if let Some(twin) = twin {
                let message =
                    format!("{} already has a field named {:?}; a second one will be made", field.object, twin.label);
                self.warn(
                    "field_exists",
                    format!("{pointer}/name"),
                    message,
                    format!("write use_existing = {:?} to fill that one", twin.name),
                );
            }
            return;
        };
        let pointer = format!("{pointer}/use_existing");
        match object.fields.get(key) {
            None => {
                let remedy = super::instead(key.as_str(), object.fields.keys().map(|key| key.as_str()));
                self.block("unknown_field", pointer, format!("{} has no field {key:?}", field.object), remedy);
            }
            Some(known) if std::mem::discriminant(&known.ty) != std::mem::discriminant(&field.ty) => {
                let message = format!("the field is {}, and the plan says {}", known.ty.label(), field.ty.label());
                self.block("other_type", pointer, message, format!("write its type, {}", known.ty.label()));
            }
            Some(known) => {
                let missing = field
                    .options
                    .iter()
                    .filter(|label| known.options.iter().all(|option| option.label != **label))
                    .count();
                if missing > 0 {
                    let message =
                        format!("{missing} of the plan's options are not in the existing field; they will be added");
                    self.warn("options_added", pointer, message, "take them out of options if they should not be");
                }
            }
        }
    }

    fn options(&mut self, field: &FieldPlan, pointer: &str) {
        let pointer = format!("{pointer}/options");
        let listed = matches!(field.ty, FieldType::Option | FieldType::Options);
        match field.options.len() {
            0 if listed && field.use_existing.is_none() => {
                self.block(
                    "no_options",
                    pointer.clone(),
                    "a pick-list without options takes no value",
                    "list its options",
                );
            }
            1.. if !listed => {
                self.block("no_options", pointer.clone(), "only pick-lists have options", "write type = \"option\"");
            }
            count if count > MOST_OPTIONS => {
                let message = format!("{count} options are more than the {MOST_OPTIONS} that fit");
                self.block("too_many_options", pointer.clone(), message, "write type = \"text\"");
            }
            _ => {}
        }
        let mut seen = BTreeSet::new();
        if field.options.iter().any(|label| !seen.insert(label.trim())) {
            self.block("duplicate_option", pointer, "an option is listed twice", "keep one");
        }
    }

    fn pipeline(&mut self, pipeline: &PipelinePlan, pointer: &str) {
        if self.destination_object(&pipeline.object, format!("{pointer}/object")).is_none() {
            return;
        }
        let mut seen = BTreeSet::new();
        for (index, stage) in pipeline.stages.iter().enumerate() {
            let pointer = format!("{pointer}/stages/{index}");
            if !seen.insert(stage.name.trim()) {
                self.block(
                    "duplicate_id",
                    pointer.clone(),
                    format!("there are two stages {:?}", stage.name),
                    "rename one",
                );
            }
            if stage.probability.is_some_and(|percent| percent > 100) {
                self.block("wrong_value", pointer, "the probability is above 100", "write a number from 0 to 100");
            }
        }
        if pipeline.stages.is_empty() && pipeline.use_existing.is_none() {
            self.block("no_stages", pointer.to_owned(), "a pipeline needs a stage", "list its stages");
        }
        let items = &self.destination.items;
        let mut existing = items.iter().filter(|known| known.item.kind == ItemKind::Pipeline);
        if let Some(id) = &pipeline.use_existing {
            if !existing.any(|known| known.id == *id) {
                let remedy = super::instead(
                    id,
                    items.iter().filter(|known| known.item.kind == ItemKind::Pipeline).map(|known| known.id.as_str()),
                );
                self.block(
                    "unknown_pipeline",
                    format!("{pointer}/use_existing"),
                    format!("no pipeline has the id {id:?}"),
                    remedy,
                );
            }
        } else if self.destination.permissions.get("pipelines") == Some(&Permission::No) {
            // Said below, with what to do.
        } else if let Some(twin) = existing.find(|known| known.item.name == pipeline.name) {
            let message = format!("a pipeline named {:?} is there already; a second one will be made", pipeline.name);
            let remedy = format!("write use_existing = {:?} to fill that one", twin.id);
            self.warn("pipeline_exists", format!("{pointer}/name"), message, remedy);
        }
        self.made_by_hand(pipeline, pointer);
    }

    /// Pipelines and stages that only a person can make, by name, where the interface cannot.
    fn made_by_hand(&mut self, pipeline: &PipelinePlan, pointer: &str) {
        if self.destination.permissions.get("pipelines") != Some(&Permission::No) {
            return;
        }
        let names = |stages: &mut dyn Iterator<Item = &str>| {
            stages.map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
        };
        let items = &self.destination.items;
        let Some(id) = &pipeline.use_existing else {
            let message = format!("the destination's interface cannot make the pipeline {:?}", pipeline.name);
            let stages = names(&mut pipeline.stages.iter().map(|stage| stage.name.as_str()));
            let remedy = format!(
                "make it by hand in the settings, with the stages {stages} in this order, audit again, and write its id as use_existing"
            );
            return self.block("pipeline_by_hand", format!("{pointer}/name"), message, remedy);
        };
        let there = |stage: &&crate::StagePlan| {
            items.iter().any(|known| {
                let item = &known.item;
                item.kind == ItemKind::Stage && item.parent.as_ref() == Some(id) && item.name == stage.name
            })
        };
        let missing: Vec<&str> =
            pipeline.stages.iter().filter(|stage| !there(stage)).map(|stage| stage.name.as_str()).collect();
        if !missing.is_empty() {
            let message =
                format!("the pipeline {:?} has no stage {}", pipeline.name, names(&mut missing.iter().copied()));
            let remedy =
                "the destination's interface cannot make stages: make them by hand in the settings and audit again";
            self.block("stage_by_hand", format!("{pointer}/stages"), message, remedy);
        }
    }

    /// What stays behind for good where custom fields cannot be removed again.
    pub(super) fn lasting_fields(&mut self) {
        let there = self.destination.items.iter().filter(|known| known.item.kind == ItemKind::Field).count();
        let made = (custom_fields(self.plan, self.destination) as usize).saturating_sub(there);
        if made > 0 {
            let message =
                format!("{made} custom fields will be made, and the destination's interface cannot remove them again");
            let remedy = "add \"fields_stay\" to accept, and remove them by hand after a rollback";
            self.block("fields_stay", "/fields", message, remedy);
        }
    }

    /// Custom fields after `prepare`: those there now, the plan's new ones, and one for each object whose records are marked.
    fn cap(&mut self) {
        let Some(cap) = self.destination.caps.get("custom_fields").copied() else { return };
        let wanted = custom_fields(self.plan, self.destination);
        if wanted > cap {
            let message = format!("the account allows {cap} custom fields, and {wanted} are wanted");
            self.block(
                "custom_field_cap",
                "/fields",
                message,
                "take fields out of the plan, or raise the account's plan",
            );
        }
    }
}

/// Custom fields the account will have: existing, planned, and markers.
pub(crate) fn custom_fields(plan: &crate::Plan, destination: &crate::Destination) -> u64 {
    // Objects may share fields, as leads share those of deals: each counts once.
    let items = destination.items.iter().filter(|known| known.item.kind == ItemKind::Field);
    let items = items.map(|known| (&known.id, &known.item.name)).collect::<BTreeSet<_>>().len();
    let fields = destination.schema.objects.values().flat_map(|object| object.fields.values());
    let listed = fields.filter(|field| field.custom).map(|field| (&field.name, &field.label));
    let listed = listed.collect::<BTreeSet<_>>().len();
    let planned = plan.fields.iter().filter(|field| field.use_existing.is_none()).count();
    let objects: BTreeSet<_> = plan.mappings.iter().map(|mapping| &mapping.to).collect();
    let unmarked = |object: &&&crate::ObjectName| {
        let Some(Recovery::MarkerField { label }) =
            destination.abilities.get(**object).map(|abilities| &abilities.recovery)
        else {
            return false;
        };
        let schema = destination.schema.object(object);
        schema.is_some_and(|schema| schema.custom_fields && schema.fields.values().all(|field| field.label != *label))
    };
    (items.max(listed) + planned + objects.iter().filter(unmarked).count()) as u64
}
