//! Field lines: names, transforms, and types from the source field to the destination field.

use super::{Check, instead};
use crate::{FieldConcept, FieldLine, FieldSchema, FieldType, Mapping, ObjectConcept, ObjectSchema, can_coerce};

impl Check<'_> {
    pub(super) fn line(
        &mut self,
        mapping: &Mapping,
        line: &FieldLine,
        from: &ObjectSchema,
        to: &ObjectSchema,
        pointer: &str,
    ) {
        let target = self.target(line, to, pointer);
        let inputs = self.inputs(line, from, pointer);
        let (Some(target), Some(inputs)) = (target, inputs) else { return };
        if target.concept == Some(FieldConcept::Owner) {
            return;
        }
        let Some(made) = self.through_transforms(line, &inputs, pointer) else { return };
        if line.link.is_some() || target.ty.links_to().is_some() {
            return self.link(mapping, line, &made, &target, pointer);
        }
        if !can_coerce(&made, &target.ty) {
            let message = format!("the line gives {}, and {:?} takes {}", made.label(), line.to, target.ty.label());
            self.block("type_mismatch", pointer, message, bridge(&made, &target.ty));
            return;
        }
        self.settings_for(&made, &target.ty, pointer);
        self.values(mapping, line, from, &target, pointer);
    }

    /// The field a line fills, with a planned field as if it were there.
    fn target(&mut self, line: &FieldLine, to: &ObjectSchema, pointer: &str) -> Option<FieldSchema> {
        let pointer = format!("{pointer}/to");
        if let Some(id) = line.to.strip_prefix("custom:") {
            let Some(planned) = self.plan.fields.iter().find(|field| field.id == id) else {
                let remedy = instead(id, self.plan.fields.iter().map(|field| field.id.as_str()));
                self.block("unknown_field", pointer, format!("the plan makes no custom field {id:?}"), remedy);
                return None;
            };
            let owner = self.destination.schema.object(&planned.object).and_then(|object| object.concept);
            let shared = (owner, to.concept) == (Some(ObjectConcept::Deal), Some(ObjectConcept::Lead));
            if planned.object != to.name && !shared {
                let message = format!("the custom field {id:?} is made on {}, not on {}", planned.object, to.name);
                self.block("unknown_field", pointer, message, "plan a field on this object");
                return None;
            }
            let mut field = FieldSchema::new(line.to.as_str(), planned.name.as_str(), planned.ty.clone());
            field.options = planned
                .options
                .iter()
                .map(|label| crate::OptionSchema { id: label.clone(), label: label.clone() })
                .collect();
            return Some(field);
        }
        let Some(field) = to.fields.get(line.to.as_str()) else {
            let remedy = instead(&line.to, to.fields.keys().map(|name| name.as_str()));
            self.block("unknown_field", pointer, format!("{} has no field {:?}", to.name, line.to), remedy);
            return None;
        };
        if !field.writable {
            let message = format!("{:?} of {} cannot be set", line.to, to.name);
            self.block("read_only_field", pointer, message, "keep the value in a custom field, or leave the line out");
            return None;
        }
        Some(field.clone())
    }

    fn inputs(&mut self, line: &FieldLine, from: &ObjectSchema, pointer: &str) -> Option<Vec<FieldType>> {
        let mut types = Vec::new();
        for (place, name) in line.from.iter().enumerate() {
            match from.fields.get(name) {
                Some(field) => types.push(field.ty.clone()),
                None => {
                    let pointer = match line.from.len() {
                        1 => format!("{pointer}/from"),
                        _ => format!("{pointer}/from/{place}"),
                    };
                    let remedy = instead(name.as_str(), from.fields.keys().map(|name| name.as_str()));
                    self.block("unknown_field", pointer, format!("{} has no field {name:?}", from.name), remedy);
                }
            }
        }
        (types.len() == line.from.len()).then_some(types)
    }

    fn through_transforms(&mut self, line: &FieldLine, inputs: &[FieldType], pointer: &str) -> Option<FieldType> {
        let built = match self.transforms.build_all(&line.transforms, &line.from) {
            Ok(built) => built,
            Err(wrong) => {
                let name = &line.transforms[wrong.index].name;
                let pointer = format!("{pointer}/transforms/{}", wrong.index);
                match wrong.error {
                    Some(error) => self.block("wrong_arguments", pointer, error.message, "mend the arguments"),
                    None => {
                        let remedy = instead(name, self.transforms.names());
                        self.block("unknown_transform", pointer, format!("no transform {name:?} is known"), remedy);
                    }
                }
                return None;
            }
        };
        let mut types = inputs.to_vec();
        for (index, transform) in built.iter().enumerate() {
            match transform.output(&types) {
                Ok(ty) => types = vec![ty],
                Err(error) => {
                    let pointer = format!("{pointer}/transforms/{index}");
                    self.block("type_mismatch", pointer, error.message, "change the transform, or one before it");
                    return None;
                }
            }
        }
        match &types[..] {
            [one] => Some(one.clone()),
            [] => {
                self.block(
                    "no_value",
                    pointer,
                    "the line has neither a source field nor a transform",
                    "write from, or the transform constant",
                );
                None
            }
            _ => {
                self.block(
                    "no_value",
                    pointer,
                    "several source fields need a transform that takes them together",
                    "add join, template or coalesce",
                );
                None
            }
        }
    }

    fn link(&mut self, mapping: &Mapping, line: &FieldLine, made: &FieldType, target: &FieldSchema, pointer: &str) {
        let at = format!("{pointer}/link");
        let Some(objects) = target.ty.links_to() else {
            let message = format!("{:?} takes {}, which is no link", line.to, target.ty.label());
            return self.block("link_mismatch", at, message, "take link out of the line");
        };
        let candidates = self.plan.mappings.iter().filter(|other| objects.contains(&other.to));
        let candidates: Vec<&str> = candidates.map(|other| other.id.as_str()).collect();
        let Some(link) = &line.link else {
            let message = format!("{:?} is a link, and the line does not say whose records it links to", line.to);
            let remedy = match &candidates[..] {
                [] => format!("add a mapping to {}", names(objects)),
                known => format!("write link = {:?}", known[0]),
            };
            return self.block("link_without_mapping", at, message, remedy);
        };
        let Some(other) = self.plan.mapping(link) else {
            return self.block(
                "unknown_mapping",
                at,
                format!("no mapping {link:?}"),
                instead(link.as_str(), candidates),
            );
        };
        if !objects.contains(&other.to) {
            let message = format!("{:?} links to {}, and {link} writes {}", line.to, names(objects), other.to);
            return self.block("link_mismatch", at, message, instead(link.as_str(), candidates));
        }
        match made {
            FieldType::Links { .. } if matches!(target.ty, FieldType::Link { .. }) => {
                let message = format!("the line gives several links, and {:?} takes one", line.to);
                self.block(
                    "link_mismatch",
                    pointer,
                    message,
                    "add the transform first, or fill a field that takes several",
                );
            }
            FieldType::Any => {}
            FieldType::Link { to } | FieldType::Links { to } if to.contains(&other.from) => {}
            FieldType::Link { to } | FieldType::Links { to } => {
                let message = format!("the source field links to {}, and {link} reads {}", names(to), other.from);
                self.block("link_mismatch", at, message, format!("name a mapping of {} that reads them", mapping.from));
            }
            _ => {
                let message = format!("the line gives {}, which is no link", made.label());
                self.block("link_mismatch", pointer, message, "take a source field that links");
            }
        }
    }

    fn settings_for(&mut self, made: &FieldType, to: &FieldType, pointer: &str) {
        use FieldType as T;
        if matches!((made, to), (T::Local, T::Timestamp)) && self.plan.time_zone.is_none() {
            let message = "these times carry no zone, and the plan names none";
            self.block("time_zone_missing", pointer, message, "write time_zone = \"Europe/Stockholm\", or yours");
        }
        let converts = matches!((made, to), (T::Int | T::Decimal, T::Money) | (T::Money, T::Decimal));
        if converts && self.plan.currency.is_none() {
            let message = "these amounts carry no currency, and the plan names none";
            self.block("currency_missing", pointer, message, "write currency = \"EUR\", or yours");
        }
    }
}

fn names(objects: &[crate::ObjectName]) -> String {
    objects.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(" or ")
}

/// What makes one type of another.
fn bridge(from: &FieldType, to: &FieldType) -> String {
    use FieldType as T;
    let transform = match (from, to) {
        (T::Timestamp | T::Local, T::Date) => "date_of",
        (T::Date, T::Timestamp) => "timestamp",
        (T::Text { .. } | T::LongText, T::Timestamp) => "timestamp",
        (T::Text { .. } | T::LongText, T::Date) => "date",
        (T::Text { .. } | T::LongText | T::Money, T::Int | T::Decimal | T::Money) => "number",
        (T::Text { .. } | T::LongText | T::Option | T::Int, T::Bool) => "boolean",
        (T::Text { .. } | T::LongText, T::Name) => "split_name",
        (T::Emails | T::Phones, T::Text { .. } | T::LongText) => "first",
        (T::Options, T::Option) => "first",
        (T::Options, T::Text { .. } | T::LongText) => "join",
        (_, T::Text { .. } | T::LongText) => "text",
        _ => return format!("add a transform that gives {}", to.label()),
    };
    format!("add the transform {transform:?}")
}
