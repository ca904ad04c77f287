//! Values that a line can give to a pick-list: stages and options that are neither there nor planned.

use std::collections::HashSet;

use serde_json::Value as Json;

use super::Check;
use crate::{
    FieldConcept, FieldLine, FieldSchema, FieldType, ItemKind, ItemPlan, Mapping, ObjectSchema, Severity, TransformCall,
};

impl Check<'_> {
    pub(super) fn values(
        &mut self,
        mapping: &Mapping,
        line: &FieldLine,
        from: &ObjectSchema,
        target: &FieldSchema,
        pointer: &str,
    ) {
        if !matches!(target.ty, FieldType::Option | FieldType::Options) {
            return;
        }
        let known = self.known_values(mapping, target);
        let what = if target.concept == Some(FieldConcept::Stage) { "stage" } else { "option" };
        let is_known =
            |value: &str| known.iter().any(|label| label.trim().to_lowercase() == value.trim().to_lowercase());
        if let Some((index, call)) = line.transforms.iter().enumerate().next_back() {
            for (step, value) in given(call) {
                if !is_known(&value) {
                    let pointer = format!("{pointer}/transforms/{index}/{}{step}", call.name);
                    let message = format!("{value:?} is neither planned nor there as a {what} of {:?}", line.to);
                    let remedy = super::instead(&value, known.iter().map(String::as_str));
                    self.block(&format!("unknown_{what}"), pointer, message, remedy);
                }
            }
            return;
        }
        let source = match &line.from[..] {
            [one] => from.fields.get(one),
            _ => None,
        };
        let lost = source.map_or(0, |field| field.options.iter().filter(|option| !is_known(&option.label)).count());
        if lost > 0 {
            let message = format!(
                "{lost} of the source's options are no {what} of {:?}; records that have them are held",
                line.to
            );
            self.say(
                Severity::Hold,
                &format!("unmapped_{what}"),
                pointer,
                message,
                "add the transform value_map, or plan them",
            );
        }
    }

    /// Labels that the target will take once the plan's items are made.
    fn known_values(&self, mapping: &Mapping, target: &FieldSchema) -> Vec<String> {
        let mut known: Vec<String> = target.options.iter().map(|option| option.label.clone()).collect();
        let items = &self.destination.items;
        let named = |id: &str| items.iter().find(|item| item.item.kind == ItemKind::Pipeline && item.id == id);
        match target.concept {
            Some(FieldConcept::Stage) => {
                for pipeline in self.plan.pipelines.iter().filter(|pipeline| pipeline.object == mapping.to) {
                    known.extend(pipeline.stages.iter().map(|stage| format!("{}/{}", pipeline.name, stage.name)));
                }
                for stage in items.iter().filter(|item| item.item.kind == ItemKind::Stage) {
                    let pipeline = stage.item.parent.as_deref().and_then(named);
                    known.extend(pipeline.map(|pipeline| format!("{}/{}", pipeline.item.name, stage.item.name)));
                }
            }
            Some(FieldConcept::Pipeline) => {
                let planned = self.plan.pipelines.iter().filter(|pipeline| pipeline.object == mapping.to);
                known.extend(planned.map(|pipeline| pipeline.name.clone()));
            }
            _ => {}
        }
        let fills = |planned: &&ItemPlan| {
            let kind = match (planned.kind, target.concept) {
                (ItemKind::ActivityType, concept) => concept == Some(FieldConcept::Kind),
                (ItemKind::LeadSource, concept) => concept == Some(FieldConcept::LeadSource),
                (ItemKind::Option | ItemKind::Label, concept) => match &planned.field {
                    Some(field) => *field == target.name,
                    None => concept == Some(FieldConcept::Labels),
                },
                _ => false,
            };
            kind && planned.object == mapping.to
        };
        known.extend(self.plan.items.iter().filter(fills).flat_map(|planned| planned.names.iter().cloned()));
        // A stage that is there is an option and an item.
        let mut seen = HashSet::new();
        known.retain(|label| seen.insert(label.clone()));
        known
    }
}

/// The texts a call can answer with, each with its place in the arguments.
fn given(call: &TransformCall) -> Vec<(String, String)> {
    let text = |at: &str, json: &Json| json.as_str().map(|text| (at.to_owned(), text.to_owned()));
    match (call.name.as_str(), &call.arguments) {
        ("constant", value) => text("", value).into_iter().collect(),
        ("value_map", Json::Object(table)) => {
            let (map, at) = match table.get("map") {
                Some(Json::Object(map)) => (map, "/map"),
                _ => (table, ""),
            };
            let default = table.get("default").filter(|_| at == "/map").and_then(|value| text("/default", value));
            let entries = map.iter();
            entries
                .filter_map(|(key, value)| text(&super::super::spans::deeper(at, key), value))
                .chain(default)
                .collect()
        }
        _ => Vec::new(),
    }
}
