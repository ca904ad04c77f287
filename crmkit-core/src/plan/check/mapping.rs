//! Mappings: their objects, ids, conditions, merges, and what they leave out.

use std::collections::{BTreeMap, BTreeSet};

use super::{Check, instead};
use crate::{FieldConcept, Mapping, ObjectConcept, ObjectSchema, RecordId};

impl Check<'_> {
    pub(super) fn mappings(&mut self) {
        let mut ids = BTreeSet::new();
        let mut line_ids = BTreeSet::new();
        for (index, mapping) in self.plan.mappings.iter().enumerate() {
            let pointer = format!("/mappings/{index}");
            let id = mapping.id.as_str();
            let safe = |letter: char| letter.is_ascii_alphanumeric() || "_.:-".contains(letter);
            if id.is_empty() || !id.chars().all(safe) {
                let remedy = "use letters, digits, \"_\", \".\", \":\" and \"-\"";
                self.block("unsafe_id", format!("{pointer}/id"), "the id cannot be part of a key", remedy);
            }
            if !ids.insert(id) {
                self.block(
                    "duplicate_id",
                    format!("{pointer}/id"),
                    format!("there are two mappings {id:?}"),
                    "rename one",
                );
            }
            for (place, line) in mapping.fields.iter().enumerate() {
                if !line_ids.insert(line.id.as_str()) {
                    let message = format!("there are two lines {:?}", line.id);
                    self.block("duplicate_id", format!("{pointer}/fields/{place}/id"), message, "rename one");
                }
            }
            self.mapping(mapping, &pointer);
        }
    }

    fn mapping(&mut self, mapping: &Mapping, pointer: &str) {
        self.merges(mapping, pointer);
        let from = self.source.schema.object(&mapping.from);
        if from.is_none() {
            let remedy = instead(mapping.from.as_str(), self.source.schema.objects.keys().map(|name| name.as_str()));
            let message = format!("the source has no object {:?}", mapping.from);
            self.block("unknown_object", format!("{pointer}/from"), message, remedy);
        }
        let to = self.destination_object(&mapping.to, format!("{pointer}/to"));
        if let (Some(from), Some(when)) = (from, &mapping.when) {
            if !from.fields.contains_key(&when.field) {
                let remedy = instead(when.field.as_str(), from.fields.keys().map(|name| name.as_str()));
                let message = format!("{} has no field {:?}", mapping.from, when.field);
                self.block("unknown_field", format!("{pointer}/when/field"), message, remedy);
            }
            if when.one_of.is_empty() && when.none_of.is_empty() && when.filled.is_none() {
                let remedy = "write one_of, none_of or filled";
                self.warn("empty_condition", format!("{pointer}/when"), "the condition asks for nothing", remedy);
            }
        }
        let Some(to) = to else { return };
        let files = |object: &ObjectSchema| object.concept == Some(ObjectConcept::File);
        if files(to) && !from.is_none_or(files) {
            let message = format!("{} takes files, and the records of {:?} are none", to.name, mapping.from);
            self.block("no_files", format!("{pointer}/from"), message, "name an object whose records are files");
        }
        if let Some(matching) = &mapping.matching
            && !to.fields.contains_key(&matching.by)
        {
            let remedy = instead(matching.by.as_str(), to.fields.keys().map(|name| name.as_str()));
            let message = format!("{} has no field {:?}", mapping.to, matching.by);
            self.block("unknown_field", format!("{pointer}/matching/by"), message, remedy);
        }
        let mut targets: BTreeMap<&str, usize> = BTreeMap::new();
        for (place, line) in mapping.fields.iter().enumerate() {
            let pointer = format!("{pointer}/fields/{place}");
            if let Some(first) = targets.insert(&line.to, place) {
                let message = format!("the line {:?} fills {:?} already", mapping.fields[first].id, line.to);
                let remedy = "keep one; coalesce or join takes several sources";
                self.block("duplicate_target", format!("{pointer}/to"), message, remedy);
            }
            if let Some(from) = from {
                self.line(mapping, line, from, to, &pointer);
            }
        }
        self.left_out(to, &targets, pointer);
    }

    fn left_out(&mut self, to: &ObjectSchema, targets: &BTreeMap<&str, usize>, pointer: &str) {
        let missing = to.fields.values().filter(|field| !targets.contains_key(field.name.as_str()) && field.writable);
        for field in missing {
            let is_owner = field.concept == Some(FieldConcept::Owner);
            if is_owner && self.plan.owners.unowned.is_none() {
                let message =
                    format!("no line fills the owner of {}, and records never belong to the importing user", to.name);
                let remedy = format!("add a line to {:?}, or name a member in owners.unowned", field.name);
                self.block("owner_unset", pointer, message, remedy);
            } else if field.required && !is_owner {
                let message = format!("{} cannot be created without {:?}", to.name, field.name);
                self.block("required_field", pointer, message, format!("add a line to {:?}", field.name));
            }
        }
    }

    fn merges(&mut self, mapping: &Mapping, pointer: &str) {
        for merged in mapping.merge.keys() {
            let at = super::super::spans::deeper(&format!("{pointer}/merge"), merged);
            let mut seen: BTreeSet<&RecordId> = BTreeSet::from([merged]);
            let mut last = merged;
            while let Some(next) = mapping.merge.get(last) {
                if !seen.insert(next) {
                    self.block(
                        "merge_cycle",
                        at.clone(),
                        "these duplicates stand for each other in a circle",
                        "choose one of them",
                    );
                    break;
                }
                last = next;
            }
            if mapping.exclude.contains(last) {
                self.block(
                    "merge_excluded",
                    at,
                    "the record that stands for this one is left behind",
                    "take it out of exclude",
                );
            }
        }
    }
}
