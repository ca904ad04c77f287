//! From the contract's columns and a file's header to the fields of a table.

use std::sync::Arc;

use chrono_tz::Tz;
use crmkit_core::{FieldConcept, Markup, ObjectConcept, ObjectName, ObjectSchema, Problem, Severity};

use super::{
    declare::declare,
    header,
    layout::{self, Column, Role, Standard},
    manifest::{SchemaField, SchemaObject},
    rows::Part,
    table::{Field, FieldSource, Slot, Table, TablePart, label_of},
    values::Kind,
};

/// What every object of the folder shares.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) zone: Option<Tz>,
    pub(super) currency: Option<Arc<str>>,
    /// All objects of the folder.
    pub(super) objects: Vec<ObjectName>,
}

/// A file with its header and what the manifest says about it.
#[derive(Debug)]
pub(super) struct OpenedFile {
    pub(super) part: Part,
    pub(super) header: Vec<String>,
    pub(super) rows: Option<u64>,
    pub(super) sha256: Option<String>,
}

/// The columns of all files of an object.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) names: Vec<String>,
}

impl Columns {
    /// The slot of a name, added where it is new.
    pub(super) fn slot(&mut self, name: &str) -> Slot {
        self.find(name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        })
    }

    /// The slot of a name.
    pub(super) fn find(&self, name: &str) -> Option<Slot> {
        let folded = header::fold(name);
        self.names.iter().position(|known| header::fold(known) == folded)
    }
}

/// Compiles an object of the contract, a custom object or a link file.
pub(super) fn compile(
    name: &ObjectName,
    files: Vec<OpenedFile>,
    id_column: Option<&str>,
    declared: Option<&SchemaObject>,
    setting: &Setting,
    problems: &mut Vec<Problem>,
) -> Option<Table> {
    let spec = Spec::of(name);
    let known: Vec<&'static str> = spec.columns.iter().map(|column| column.name).collect();
    let mut columns = Columns::default();
    let mut parts = Vec::new();
    for file in files {
        let mut cells: Vec<Option<usize>> = Vec::new();
        let mut used: Vec<&str> = Vec::new();
        for (index, cell) in file.header.iter().enumerate() {
            let is_id = id_column.is_some_and(|id| header::fold(id) == header::fold(cell));
            let canonical = if is_id { Some("id") } else { header::column(cell, &known) };
            let slot = match canonical {
                Some(canonical) if !used.contains(&canonical) => {
                    used.push(canonical);
                    columns.slot(canonical)
                }
                _ => columns.slot(cell),
            };
            cells.resize(cells.len().max(slot + 1), None);
            cells[slot].get_or_insert(index);
        }
        parts.push(TablePart { part: file.part, cells, rows: file.rows, sha256: file.sha256 });
    }
    let id: Option<Vec<Slot>> = spec.id.iter().map(|column| columns.find(column)).collect();
    let Some(id) = id else {
        let file = parts.first().map(|part| part.part.file.clone()).unwrap_or_default();
        let wanted = spec.id.join(", ");
        problems.push(
            Problem::new(
                Severity::Block,
                "missing_id_column",
                format!("`{name}` cannot be read: its header has no column `{wanted}`"),
                "name the column in the manifest's `id_column`, or export the file again with it",
            )
            .in_file(file, 1),
        );
        return None;
    };
    let mut assembly = Assembly { columns: &columns, fields: Vec::new(), setting, declared };
    for column in &spec.columns {
        if let Some(slot) = columns.find(column.name) {
            assembly.standard(column, slot);
        }
    }
    assembly.full_name(&spec);
    assembly.ends(&spec);
    let unknown = assembly.custom(&known);
    let fields = assembly.fields;
    if !unknown.is_empty() {
        let file = parts.first().map(|part| part.part.file.clone()).unwrap_or_default();
        problems.push(
            Problem::new(
                Severity::Warn,
                "unknown_column",
                format!("`{name}` has columns outside the contract, read as custom fields: {}", unknown.join(", ")),
                "declare them in schema.json, or leave them out of the plan",
            )
            .in_file(file, 1),
        );
    }
    let label = declared.and_then(|object| object.label.clone()).unwrap_or(spec.label);
    Some(Table {
        name: name.clone(),
        parts,
        id,
        distinct: false,
        fields,
        schema: ObjectSchema::new(name.clone(), label, spec.concept),
        marked: Default::default(),
        records: 0,
        making: Default::default(),
    })
}

/// The columns and the id of an object, whichever kind it is.
struct Spec {
    label: String,
    concept: ObjectConcept,
    id: Vec<&'static str>,
    columns: Vec<Column>,
    /// The two objects of a link file.
    ends: Option<(String, String)>,
}

impl Spec {
    fn of(name: &ObjectName) -> Self {
        let plain = |spec: &'static Standard| Self {
            label: spec.label.to_owned(),
            concept: spec.concept,
            id: spec.id.to_vec(),
            columns: spec.columns.iter().chain(layout::COMMON).copied().collect(),
            ends: None,
        };
        if let Some(spec) = layout::standard(name.as_str()) {
            return plain(spec);
        }
        let ends = name.as_str().strip_prefix("links/").and_then(|name| name.split_once("__"));
        let side = |name| Column { name, role: Role::Cell(Kind::Text), concept: None };
        match ends {
            Some((left, right)) => Self {
                label: format!("{} to {}", label_of(left), label_of(right)),
                concept: ObjectConcept::Link,
                id: vec!["left_id", "right_id"],
                columns: vec![side("left_id"), side("right_id"), side("role")],
                ends: Some((header::object(left), header::object(right))),
            },
            None => Self {
                label: label_of(name.as_str()),
                concept: ObjectConcept::CustomObject,
                id: vec!["id"],
                columns: layout::CUSTOM.iter().chain(layout::COMMON).copied().collect(),
                ends: None,
            },
        }
    }
}

struct Assembly<'a> {
    columns: &'a Columns,
    fields: Vec<Field>,
    setting: &'a Setting,
    declared: Option<&'a SchemaObject>,
}

impl Assembly<'_> {
    /// Adds the field that a column of the contract becomes, unless another column made it already.
    fn standard(&mut self, column: &Column, slot: Slot) {
        let find = |name: &str| self.columns.find(name);
        let link = |to: &str, or_name| FieldSource::Link {
            cell: slot,
            to: to.into(),
            by: None,
            or_name,
            instead: ["company_id", "deal_id"].into_iter().filter(|_| or_name.is_some()).filter_map(find).collect(),
        };
        let mut field = match column.role {
            Role::Cell(kind) => Field::new(column.name, kind, FieldSource::Cell(slot)),
            Role::Link(to) => {
                let or_name = if column.name == "contact_id" { find("contact_name") } else { None };
                Field::new(column.name, Kind::Text, link(to, or_name))
            }
            Role::LinkByName(id) => {
                let text = Field::new(column.name, Kind::Text, FieldSource::Cell(slot));
                if find(id).is_none() {
                    let by = Some("name".into());
                    let instead = ["company_id", "deal_id"].into_iter().filter_map(find).collect();
                    let to = FieldSource::Link { cell: slot, to: "contacts".into(), by, or_name: None, instead };
                    self.push(Field::new(id, Kind::Text, to).means(Some(FieldConcept::Person)));
                }
                text
            }
            Role::Address(_) => {
                let names = ["address_street", "address_city", "address_state", "address_postal", "address_country"];
                let address = FieldSource::Address(names.map(find));
                Field::new("address", Kind::Text, address).means(Some(FieldConcept::Address))
            }
            Role::Several(name, kind) => {
                let others: &[&str] = match name {
                    "emails" => &["email", "emails"],
                    "phones" => &["phone", "phones"],
                    _ => &[],
                };
                let mut slots: Vec<_> = others.iter().filter_map(|name| find(name)).collect();
                if slots.is_empty() {
                    slots.push(slot);
                }
                Field::new(name, kind, FieldSource::Several(slots))
            }
            Role::Money => {
                let money = FieldSource::Money { amount: slot, currency: find("currency") };
                Field::new(column.name, Kind::Decimal, money)
            }
            Role::FullName => return,
            Role::Body => {
                let body = FieldSource::Body { text: slot, format: find("format") };
                Field::new(column.name, Kind::Rich(Markup::Html), body)
            }
            // What it says is in the body's markup.
            Role::Format => return,
            Role::ParentType => return,
            Role::ParentId => return self.parents(slot),
            Role::StageId => {
                let stage = FieldSource::Stage { id: slot, name: find("stage_name"), pipeline: find("pipeline_id") };
                Field::new(column.name, Kind::Option, stage)
            }
            Role::StageName if find("stage_id").is_some() => return,
            Role::StageName => {
                let stage = FieldSource::StageByName { name: slot, pipeline: find("pipeline_id") };
                Field::new(column.name, Kind::Option, stage)
            }
            Role::PipelineId => Field::new(column.name, Kind::Option, FieldSource::Pipeline(slot)),
            Role::DoneStatus => {
                let done = FieldSource::Done { status: Some(slot), at: find("completed_at") };
                self.push(Field::new("done", Kind::Bool, done).means(Some(FieldConcept::Done)));
                Field::new(column.name, Kind::Option, FieldSource::Cell(slot))
            }
        };
        field.concept = field.concept.or(column.concept);
        self.push(field);
    }

    /// A link field per object that a parent may be of: standard ones, and whatever else the folder holds.
    fn parents(&mut self, id: Slot) {
        let Some(kind) = self.columns.find("parent_type").or_else(|| self.columns.find("object_type")) else { return };
        let main = ["companies", "contacts", "deals", "leads"].map(ObjectName::from);
        let others = self.setting.objects.iter().filter(|object| {
            let name = object.as_str();
            !main.contains(object)
                && !name.starts_with("links/")
                && !matches!(name, "users" | "pipelines" | "stages" | "deal_contacts" | "tags" | "workflows")
        });
        let known: Arc<[ObjectName]> = main.iter().chain(others).cloned().collect();
        for to in known.iter() {
            let concept = match to.as_str() {
                "companies" => Some(FieldConcept::Organization),
                "contacts" => Some(FieldConcept::Person),
                "deals" => Some(FieldConcept::Deal),
                "leads" => Some(FieldConcept::Lead),
                _ => None,
            };
            let source = FieldSource::Parent { kind, id, to: to.clone(), known: Arc::clone(&known) };
            self.push(Field::new(&format!("{}_id", header::one_of(to.as_str())), Kind::Text, source).means(concept));
        }
    }

    /// The name of a person, which may have to be made of its parts.
    fn full_name(&mut self, spec: &Spec) {
        if !spec.columns.iter().any(|column| column.role == Role::FullName) {
            return;
        }
        let whole = self.columns.find("name");
        let parts: Vec<_> = ["first_name", "last_name"].iter().filter_map(|name| self.columns.find(name)).collect();
        if whole.is_some() || !parts.is_empty() {
            let name = FieldSource::FullName { whole, parts };
            self.push(Field::new("name", Kind::Text, name).means(Some(FieldConcept::Name)));
        }
    }

    /// The two sides of a link file are links.
    fn ends(&mut self, spec: &Spec) {
        let Some((left, right)) = &spec.ends else { return };
        for (name, to) in [("left_id", left), ("right_id", right)] {
            let field = self.fields.iter_mut().find(|field| field.name == name);
            if let (Some(field), Some(cell)) = (field, self.columns.find(name)) {
                let custom = ObjectName::from(format!("custom/{to}"));
                let to = match layout::standard(to).is_none() && self.setting.objects.contains(&custom) {
                    true => custom,
                    false => to.as_str().into(),
                };
                field.source = FieldSource::Link { cell, to, by: None, or_name: None, instead: Vec::new() };
            }
        }
    }

    /// Adds the columns outside the contract and returns those that nobody declared.
    fn custom(&mut self, known: &[&str]) -> Vec<String> {
        let mut unknown = Vec::new();
        for (slot, name) in self.columns.names.iter().enumerate() {
            if known.contains(&name.as_str()) || name == "id" {
                continue;
            }
            let declared = self.declared_field(name).cloned();
            if declared.is_none() && !header::fold(name).starts_with("cf ") {
                unknown.push(name.clone());
            }
            let mut field = Field::new(name, Kind::Infer, FieldSource::Cell(slot));
            field.custom = true;
            if let Some(declared) = declared {
                declare(&mut field, &declared, slot);
            }
            self.push(field);
        }
        unknown
    }

    fn declared_field(&self, name: &str) -> Option<&SchemaField> {
        let folded = header::fold(name);
        let fields = &self.declared?.fields;
        let bare = folded.strip_prefix("cf ").unwrap_or(&folded);
        fields
            .iter()
            .find(|(key, _)| header::fold(key) == folded)
            .or_else(|| fields.iter().find(|(key, _)| header::fold(key) == bare))
            .map(|(_, field)| field)
    }

    fn push(&mut self, mut field: Field) {
        if self.fields.iter().any(|known| known.name == field.name) {
            return;
        }
        if field.concept.is_some() && self.fields.iter().any(|known| known.concept == field.concept) {
            field.concept = None;
        }
        if !field.custom
            && let Some(declared) = self.declared_field(field.name.as_str())
        {
            field.required = declared.required;
            field.options = declared.options.clone();
            field.reading.format = declared.format.as_deref().map(Into::into);
            if let Some(label) = &declared.label {
                field.label.clone_from(label);
            }
        }
        field.reading.zone = self.setting.zone;
        self.fields.push(field);
    }
}
