//! Objects of any CRM: the manifest says which file and column is what.

use crmkit_core::{FieldConcept, ObjectName, ObjectSchema, Problem, Severity};

use super::{
    compile::{Columns, OpenedFile, Setting},
    declare::typed,
    header,
    manifest::{self, ForeignField, ForeignObject, OneOrSeveral, TypeName},
    table::{Field, FieldSource, Slot, Table, TablePart, label_of},
    values::Kind,
};

/// Compiles the foreign object at `place` of the manifest.
pub(super) fn compile(
    place: usize,
    object: &ForeignObject,
    all: &[ForeignObject],
    files: Vec<OpenedFile>,
    setting: &Setting,
    problems: &mut Vec<Problem>,
) -> Option<Table> {
    let pointer = format!("/foreign/{place}");
    let mut columns = Columns::default();
    let first = files.first()?.part.file.clone();
    let mut parts = Vec::new();
    for file in files {
        let mut cells = Vec::new();
        for (index, cell) in file.header.iter().enumerate() {
            let slot = columns.slot(cell);
            cells.resize(cells.len().max(slot + 1), None);
            cells[slot].get_or_insert(index);
        }
        parts.push(TablePart { part: file.part, cells, rows: file.rows, sha256: file.sha256 });
    }
    let mut reader = Reader { columns: &columns, file: first.clone(), problems, all, setting };
    let (id_name, id_pointer) = match (&object.id_column, &object.from_column) {
        (_, Some(from)) => (from.column.clone(), format!("{pointer}/from_column/column")),
        (Some(column), None) => (column.clone(), format!("{pointer}/id_column")),
        (None, None) => ("id".to_owned(), format!("{pointer}/id_column")),
    };
    let id = reader.column(&id_name, &id_pointer, "missing_id_column")?;
    let mut fields: Vec<Field> = Vec::new();
    let mut used = vec![id];
    for (number, declared) in object.fields.iter().enumerate() {
        let pointer = format!("{pointer}/fields/{number}");
        let Some(mut field) = reader.field(declared, object, &pointer) else { continue };
        if fields.iter().any(|known| known.name == field.name) {
            let twice = format!("`{}` has two fields `{}`", object.object, declared.field);
            reader.block("duplicate_field", twice, "give one of them another name", &format!("{pointer}/field"));
            continue;
        }
        let slots = field.source.slots();
        if object.from_column.is_some() && slots.iter().any(|slot| *slot != id) {
            reader.block(
                "other_column",
                format!("`{}` is made of the values of one column and cannot read another", object.object),
                "use `file` and `id_column` where every value has a row of its own",
                &format!("{pointer}/column"),
            );
            continue;
        }
        used.extend(slots);
        field.reading.zone = setting.zone;
        fields.push(field);
    }
    if !fields.iter().any(|field| field.name == "id") {
        fields.insert(0, Field::new("id", Kind::Text, FieldSource::Cell(id)).means(Some(FieldConcept::Id)));
    }
    let unused: Vec<_> = (0..columns.names.len()).filter(|slot| !used.contains(slot)).collect();
    if !unused.is_empty() && object.from_column.is_none() {
        let names: Vec<_> = unused.iter().map(|slot| columns.names[*slot].as_str()).collect();
        problems.push(
            Problem::new(
                Severity::Warn,
                "unmapped_column",
                format!("no field of `{}` reads: {}", object.object, names.join(", ")),
                "add fields to the manifest, or leave these columns behind",
            )
            .at(pointer)
            .in_file(first, 1),
        );
    }
    let name = ObjectName::from(object.object.as_str());
    let label = object.label.clone().unwrap_or_else(|| label_of(&object.object));
    Some(Table {
        schema: ObjectSchema::new(name.clone(), label, object.concept),
        name,
        parts,
        id: vec![id],
        distinct: object.from_column.is_some(),
        fields,
        marked: Default::default(),
        records: 0,
        making: Default::default(),
    })
}

struct Reader<'a> {
    columns: &'a Columns,
    file: String,
    problems: &'a mut Vec<Problem>,
    all: &'a [ForeignObject],
    setting: &'a Setting,
}

impl Reader<'_> {
    fn block(&mut self, code: &str, message: String, remedy: &str, pointer: &str) {
        let problem = Problem::new(Severity::Block, code, message, remedy);
        self.problems.push(problem.at(pointer).in_file(manifest::FILE, None));
    }

    fn column(&mut self, name: &str, pointer: &str, code: &str) -> Option<Slot> {
        let found = self.columns.find(name);
        if found.is_none() {
            let message = format!("`{}` has no column `{name}`", self.file);
            let remedy = format!("name one of: {}", self.columns.names.join(", "));
            self.block(code, message, &remedy, pointer);
        }
        found
    }

    fn optional(&mut self, name: Option<&String>, pointer: &str) -> Option<Slot> {
        name.and_then(|name| self.column(name, pointer, "missing_column"))
    }

    fn field(&mut self, declared: &ForeignField, object: &ForeignObject, pointer: &str) -> Option<Field> {
        let mut field = self.source(declared, object, pointer)?;
        field.concept = declared.concept;
        field.custom = declared.concept.is_none();
        field.required = declared.required;
        field.options = declared.options.clone();
        field.reading.format = declared.format.as_deref().map(Into::into);
        if let Some(label) = &declared.label {
            field.label.clone_from(label);
        }
        Some(field)
    }

    fn source(&mut self, declared: &ForeignField, object: &ForeignObject, pointer: &str) -> Option<Field> {
        let name = declared.field.as_str();
        if let Some(address) = &declared.address {
            let parts = [
                ("street", &address.street),
                ("city", &address.city),
                ("region", &address.region),
                ("postal_code", &address.postal_code),
                ("country", &address.country),
            ];
            let slots =
                parts.map(|(part, column)| self.optional(column.as_ref(), &format!("{pointer}/address/{part}")));
            return Some(Field::new(name, Kind::Text, FieldSource::Address(slots)));
        }
        let names = match &declared.column {
            None => vec![declared.field.clone()],
            Some(OneOrSeveral::One(column)) => vec![column.clone()],
            Some(OneOrSeveral::Several(columns)) => columns.clone(),
        };
        let slots: Vec<_> =
            names.iter().filter_map(|name| self.column(name, &format!("{pointer}/column"), "missing_column")).collect();
        let first = *slots.first()?;
        if let Some(link) = &declared.link {
            let to = self.linked(link, &format!("{pointer}/link"))?;
            let by = link.by.as_deref().filter(|by| *by != "id").map(Into::into);
            let link = FieldSource::Link { cell: first, to, by, or_name: None, instead: Vec::new() };
            return Some(Field::new(name, Kind::Text, link));
        }
        let ty = declared.ty.or_else(|| declared.concept.and_then(type_of));
        let mut field = Field::new(name, Kind::Infer, FieldSource::Cell(first));
        if let Some(ty) = ty {
            typed(&mut field, ty, first);
        }
        match &mut field.source {
            FieldSource::Several(several) => *several = slots,
            FieldSource::Money { currency, .. } => {
                let pointer = format!("{pointer}/currency_column");
                *currency = self.optional(declared.currency_column.as_ref(), &pointer);
                if currency.is_none() && self.setting.currency.is_none() {
                    let message = format!("amounts of `{}.{name}` have no currency", object.object);
                    let remedy =
                        "say the manifest's `currency` or the field's `currency_column`, or the plan's currency";
                    let problem = Problem::new(Severity::Warn, "no_currency", message, remedy);
                    self.problems.push(problem.at(pointer).in_file(manifest::FILE, None));
                }
            }
            FieldSource::Cell(_) if slots.len() > 1 => {
                field.source = FieldSource::Joined(slots);
                field.reading.kind = Kind::Text;
            }
            _ => {}
        }
        Some(field)
    }

    /// The object that a link names, if it and the field exist.
    fn linked(&mut self, link: &manifest::ForeignLink, pointer: &str) -> Option<ObjectName> {
        let standard = |name: &str| self.setting.objects.iter().any(|known| known == name);
        let Some(object) = self.all.iter().find(|object| object.object == link.to) else {
            if standard(&link.to) {
                return Some(link.to.as_str().into());
            }
            let message = format!("the manifest has no object `{}`", link.to);
            self.block("unknown_object", message, "name an object of the manifest", &format!("{pointer}/to"));
            return None;
        };
        let known = |by: &str| by == "id" || object.fields.iter().any(|field| field.field == by);
        match &link.by {
            Some(by) if !known(by) => {
                let names: Vec<_> = object.fields.iter().map(|field| field.field.as_str()).collect();
                let message = format!("`{}` has no field `{by}`", link.to);
                let remedy = format!("name `id` or one of: {}", names.join(", "));
                self.block("unknown_field", message, &remedy, &format!("{pointer}/by"));
                None
            }
            _ => Some(link.to.as_str().into()),
        }
    }
}

/// The type that a concept's values usually have.
fn type_of(concept: FieldConcept) -> Option<TypeName> {
    use FieldConcept as F;
    Some(match concept {
        F::Emails | F::Attendees => TypeName::Emails,
        F::Phones => TypeName::Phones,
        F::Website => TypeName::Url,
        F::EmployeeCount => TypeName::Int,
        F::Amount | F::Revenue => TypeName::Money,
        F::Probability => TypeName::Decimal,
        F::Stage | F::Pipeline | F::Status | F::Priority | F::Industry | F::LifecycleStage => TypeName::Option,
        F::ExpectedCloseDate | F::ClosedAt | F::BirthDate => TypeName::Date,
        F::WonAt | F::LostAt | F::Start | F::End | F::Due | F::CreatedAt | F::ModifiedAt => TypeName::Timestamp,
        F::Duration => TypeName::Duration,
        F::Done => TypeName::Bool,
        F::Labels => TypeName::Options,
        F::Body => TypeName::LongText,
        F::Name | F::GivenName | F::FamilyName | F::Subject | F::Domain | F::JobTitle | F::Currency | F::Id => {
            TypeName::Text
        }
        _ => return None,
    })
}

/// Names that the manifest uses, to see which of the folder's files belong to it.
pub(super) fn files(objects: &[ForeignObject]) -> impl Iterator<Item = &str> {
    objects.iter().flat_map(|object| {
        let column = object.from_column.as_ref().map(|from| &from.file);
        let one = object.file.as_ref().or(column);
        one.into_iter().chain(object.files.iter().map(|file| &file.file)).map(String::as_str)
    })
}

/// The folded name of an object, as links and requests compare it.
pub(super) fn same_name(a: &str, b: &str) -> bool {
    header::fold(a) == header::fold(b)
}
