//! The schema diff: what becomes of each field of the source, and what of the destination nobody fills.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Audit;
use crate::{Badge, FieldConcept, FieldLine, FieldName, Mapping, MappingId, ObjectName, Plan};

/// What becomes of a mapping's fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappingDiff {
    /// The mapping.
    pub mapping: MappingId,
    /// The source object.
    pub from: ObjectName,
    /// The destination object.
    pub to: ObjectName,
    /// Its lines.
    pub lines: Vec<LineDiff>,
    /// Source fields with values that no line reads.
    pub left_out: Vec<LeftField>,
    /// Destination fields that a record needs and no line fills.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unfilled: Vec<FieldName>,
}

/// What becomes of a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineDiff {
    /// The line.
    pub line: String,
    /// The source fields.
    pub from: Vec<FieldName>,
    /// The destination field.
    pub to: String,
    /// How the value gets there.
    pub kind: LineKind,
    /// How the two relate.
    pub badge: Badge,
    /// The transforms, by name.
    pub transforms: Vec<String>,
    /// Types of the source fields: declared, or as every value looks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from_types: Vec<String>,
    /// Type of the destination field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_type: Option<String>,
    /// Records that have a value in the best filled source field.
    #[serde(default)]
    pub filled: u64,
}

/// How a value gets from one field to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// As it is.
    Direct,
    /// Through a table.
    ValueMap,
    /// Through other transforms.
    Transformed,
    /// Into a field made for it.
    CustomField,
    /// As a link to the record that another mapping writes.
    Link,
    /// As the member that it matches.
    Owner,
    /// The same for every record.
    Constant,
}

impl LineKind {
    /// Its word in reports.
    pub fn label(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::ValueMap => "value map",
            Self::Transformed => "transformed",
            Self::CustomField => "custom field",
            Self::Link => "link",
            Self::Owner => "owner",
            Self::Constant => "constant",
        }
    }
}

/// A source field that no line reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftField {
    /// The field.
    pub field: FieldName,
    /// Records that have a value in it.
    pub filled: u64,
}

pub(super) fn mapping(plan: &Plan, mapping: &Mapping, audit: &Audit) -> MappingDiff {
    let used: BTreeSet<&FieldName> = mapping.fields.iter().flat_map(|line| &line.from).collect();
    let fields = audit.objects.get(&mapping.from).map(|object| &object.fields);
    let to = audit.destination.schema.object(&mapping.to);
    let filled_by = |name: &FieldName| mapping.fields.iter().any(|line| *name == *line.to.as_str());
    MappingDiff {
        mapping: mapping.id.clone(),
        from: mapping.from.clone(),
        to: mapping.to.clone(),
        lines: mapping.fields.iter().map(|line| self::line(plan, mapping, line, audit)).collect(),
        left_out: fields
            .into_iter()
            .flatten()
            .filter(|(name, profile)| profile.filled > 0 && !used.contains(name))
            .map(|(name, profile)| LeftField { field: name.clone(), filled: profile.filled })
            .collect(),
        unfilled: to
            .into_iter()
            .flat_map(|to| to.fields.values())
            .filter(|field| field.required && field.writable && !filled_by(&field.name))
            .map(|field| field.name.clone())
            .collect(),
    }
}

fn line(plan: &Plan, mapping: &Mapping, line: &FieldLine, audit: &Audit) -> LineDiff {
    let from = audit.source.schema.object(&mapping.from);
    let found = audit.objects.get(&mapping.from);
    let profile = |name: &FieldName| found.and_then(|found| found.fields.get(name));
    let target = audit.destination.schema.object(&mapping.to).and_then(|to| to.fields.get(line.to.as_str()));
    let custom = line.to.strip_prefix("custom:");
    let planned = custom.and_then(|id| plan.fields.iter().find(|field| field.id == id));
    let badge = line.badge.unwrap_or(match (&line.from[..], custom) {
        (_, Some(_)) => Badge::Folded,
        ([_, _, ..], _) => Badge::ManyToOne,
        _ => Badge::OneToOne,
    });
    let kind = match (&line.transforms[..], &line.link, custom) {
        (_, Some(_), _) => LineKind::Link,
        _ if target.is_some_and(|field| field.concept == Some(FieldConcept::Owner)) => LineKind::Owner,
        ([], _, None) => LineKind::Direct,
        (_, _, Some(_)) => LineKind::CustomField,
        (calls, _, None) if calls.iter().any(|call| call.name == "value_map") => LineKind::ValueMap,
        ([only], _, None) if only.name == "constant" => LineKind::Constant,
        _ => LineKind::Transformed,
    };
    let ty = |name: &FieldName| {
        let declared = from.and_then(|from| from.fields.get(name)).map_or("any", |field| field.ty.label());
        profile(name).and_then(|profile| profile.certain()).map_or(declared, |ty| ty.label()).to_owned()
    };
    LineDiff {
        line: line.id.clone(),
        from: line.from.clone(),
        to: line.to.clone(),
        kind,
        badge,
        transforms: line.transforms.iter().map(|call| call.name.clone()).collect(),
        from_types: line.from.iter().map(ty).collect(),
        to_type: planned.map(|field| &field.ty).or(target.map(|field| &field.ty)).map(|ty| ty.label().to_owned()),
        filled: line.from.iter().filter_map(|name| Some(profile(name)?.filled)).max().unwrap_or_default(),
    }
}
