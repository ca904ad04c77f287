//! A plan compiled against both schemas: from a source record to a draft in destination terms.

use std::{collections::HashSet, sync::Arc};

use indexmap::{IndexMap, IndexSet};

use crate::{
    Abilities, Destination, FieldConcept, FieldContext, FieldName, FieldSchema, FieldTransform, FieldType, Fields,
    LinkCarrier, Mapping, MappingId, MatchRule, ObjectName, OptionSchema, Overwrite, Plan, Predicate, Prepared,
    Problem, Record, RecordId, RecordRef, Recovery, Schema, Severity, TransformSettings, Transforms, Unresolved, Value,
    coerce::{coerce, label_options},
};

/// A plan compiled against both schemas and what `prepare` made.
#[derive(Debug)]
pub struct CompiledPlan {
    settings: TransformSettings,
    mappings: IndexMap<MappingId, CompiledMapping>,
}

/// One mapping, ready to turn records into drafts.
#[derive(Debug)]
pub struct CompiledMapping {
    /// Its id.
    pub id: MappingId,
    /// The source object.
    pub from: ObjectName,
    /// The destination object.
    pub to: ObjectName,
    /// What the destination can do with that object.
    pub abilities: Abilities,
    /// What to do with records that are there already.
    pub matching: Option<MatchRule>,
    /// The destination's owner field, if the object has one.
    pub owner: Option<FieldName>,
    /// The field that carries the marker, if the object has one.
    pub marker: Option<FieldName>,
    when: Option<Predicate>,
    exclude: HashSet<RecordId>,
    merge: IndexMap<RecordId, RecordId>,
    /// Those that stand for others.
    survivors: HashSet<RecordId>,
    /// The source field that tells how large a file is, where the destination object holds files.
    size: Option<FieldName>,
    lines: Vec<CompiledLine>,
}

#[derive(Debug)]
struct CompiledLine {
    id: String,
    from: Vec<FieldName>,
    /// The schemas of those source fields that are pick-lists: their keys mean nothing elsewhere, their labels do.
    lists: Vec<Option<FieldSchema>>,
    transforms: Vec<Arc<dyn FieldTransform>>,
    to: FieldSchema,
    kind: LineKind,
    required: bool,
    unresolved: Unresolved,
    overwrite: Overwrite,
}

#[derive(Debug)]
enum LineKind {
    Value,
    Owner,
    Link {
        target: MappingId,
        /// The source object whose records the target writes: a link to another object's is not this line's.
        reads: ObjectName,
        deferred: bool,
        many: bool,
    },
}

/// A record in destination terms, but for what only the ledger knows: links and owner.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    /// Values by destination field.
    pub fields: Fields,
    /// The source's owner of the record.
    pub owner: Option<RecordId>,
    /// Links in source terms.
    pub links: Vec<DraftLink>,
    /// Fields of lines that had no value, which is what the source says now.
    pub empty: Vec<FieldName>,
    /// Lossy steps, in words without values.
    pub notes: Vec<String>,
    /// Why the record has to wait for a person, if it has.
    pub hold: Option<String>,
}

/// A link of a draft, in source terms.
#[derive(Clone, Debug, PartialEq)]
pub struct DraftLink {
    /// The plan line's id.
    pub line: String,
    /// The destination field.
    pub field: FieldName,
    /// The mapping that writes the record linked to.
    pub target: MappingId,
    /// The source record linked to.
    pub to: RecordRef,
    /// The record cannot be without it.
    pub required: bool,
    /// What becomes of the record where the link cannot be followed.
    pub unresolved: Unresolved,
    /// It is one of several in its field.
    pub many: bool,
    /// It is set after both ends are written.
    pub deferred: bool,
    /// The object whose records carry the link, where the destination keeps it as a record.
    pub carrier: Option<LinkCarrier>,
}

/// Whether a mapping takes a source record.
#[derive(Clone, Debug, PartialEq)]
pub enum Selection {
    /// It does not concern this mapping.
    Unmapped,
    /// The plan leaves it behind.
    Excluded,
    /// Another source record stands for it.
    Merged(RecordId),
    /// It moves.
    Selected,
}

impl CompiledPlan {
    /// Compiles a checked plan. `deferred` holds the ids of lines whose links are set in a later round.
    ///
    /// # Errors
    /// The problems that [`Plan::check`] reports too; a plan that was checked against the same schemas has none.
    pub fn compile(
        plan: &Plan,
        source: &Schema,
        destination: &Destination,
        transforms: &Transforms,
        prepared: &Prepared,
        deferred: &IndexSet<String>,
    ) -> Result<Self, Vec<Problem>> {
        let zone = |name: &Option<String>| name.as_ref().and_then(|name| name.parse().ok());
        let settings = TransformSettings {
            time_zone: zone(&plan.time_zone),
            date_zone: zone(&plan.date_zone),
            currency: plan.currency.as_deref().map(Arc::from),
            ..TransformSettings::default()
        };
        let mut problems = Vec::new();
        let mut mappings = IndexMap::new();
        for mapping in &plan.mappings {
            match CompiledMapping::compile(mapping, plan, source, destination, transforms, prepared, deferred) {
                Ok(compiled) => {
                    mappings.insert(mapping.id.clone(), compiled);
                }
                Err(problem) => problems.push(*problem),
            }
        }
        if problems.is_empty() { Ok(Self { settings, mappings }) } else { Err(problems) }
    }

    /// The mapping of that id.
    pub fn mapping(&self, id: &MappingId) -> Option<&CompiledMapping> {
        self.mappings.get(id)
    }

    /// All mappings, in the plan's order.
    pub fn mappings(&self) -> impl Iterator<Item = &CompiledMapping> {
        self.mappings.values()
    }

    /// The draft of a record through one of the mappings.
    pub fn draft(&self, mapping: &CompiledMapping, record: &Record) -> Draft {
        mapping.draft(record, &self.settings)
    }

    /// The source record that stands for `to`, after reviewed merges: a survivor may itself have been merged.
    pub fn survivor(&self, mapping: &MappingId, to: &RecordRef) -> RecordRef {
        let Some(mapping) = self.mappings.get(mapping) else { return to.clone() };
        let mut id = &to.id;
        // As many steps as there are merges: a checked plan has no circle, and an unchecked one must not hang.
        for _ in &mapping.merge {
            match mapping.merge.get(id) {
                Some(survivor) => id = survivor,
                None => break,
            }
        }
        RecordRef { object: to.object.clone(), id: id.clone() }
    }
}

impl CompiledMapping {
    fn compile(
        mapping: &Mapping,
        plan: &Plan,
        source: &Schema,
        destination: &Destination,
        transforms: &Transforms,
        prepared: &Prepared,
        deferred: &IndexSet<String>,
    ) -> Result<Self, Box<Problem>> {
        let problem = |code: &str, message: String| {
            let remedy = "check the plan against the account";
            Box::new(Problem::new(Severity::Block, code, message, remedy).at(format!("/mappings/{}", mapping.id)))
        };
        let object = prepared
            .object(&mapping.to)
            .ok_or_else(|| problem("not_prepared", format!("the custom object {} is not there", mapping.to)))?;
        let schema = destination
            .schema
            .object(&object)
            .ok_or_else(|| problem("unknown_object", format!("the destination has no object {}", mapping.to)))?;
        let abilities = destination
            .abilities
            .get(&object)
            .ok_or_else(|| problem("unknown_object", format!("nothing can be written to {}", mapping.to)))?
            .clone();
        let marker =
            match &abilities.recovery {
                Recovery::MarkerField { label } => Some(prepared.marker(&mapping.to, label).ok_or_else(|| {
                    problem("not_prepared", format!("the marker field of {} is not there", mapping.to))
                })?),
                recovery => recovery.marker_field().cloned(),
            };
        let mut lines = Vec::with_capacity(mapping.fields.len());
        for line in &mapping.fields {
            let name = match line.to.strip_prefix("custom:") {
                Some(id) => prepared.field(&mapping.to, id).ok_or_else(|| {
                    problem("not_prepared", format!("custom field {id} of {} is not there", mapping.to))
                })?,
                None => FieldName::from(line.to.as_str()),
            };
            let mut to = schema
                .fields
                .get(&name)
                .ok_or_else(|| problem("unknown_field", format!("{} has no field {}", mapping.to, line.to)))?
                .clone();
            to.options = planned_options(&to, &mapping.to, plan, prepared);
            let lists = line
                .from
                .iter()
                .map(|field| {
                    source.object(&mapping.from)?.fields.get(field).filter(|field| !field.options.is_empty()).cloned()
                })
                .collect();
            let transforms = transforms.build_all(&line.transforms, &line.from).map_err(|error| {
                let name = &line.transforms[error.index].name;
                match error.error {
                    Some(error) => problem("bad_arguments", format!("{name}: {}", error.message)),
                    None => problem("unknown_transform", format!("there is no transform {name}")),
                }
            })?;
            let kind = match (&line.link, &to.ty) {
                (Some(target), ty) => LineKind::Link {
                    target: target.clone(),
                    reads: plan
                        .mapping(target)
                        .map(|target| target.from.clone())
                        .ok_or_else(|| problem("unknown_mapping", format!("no mapping {target:?}")))?,
                    deferred: deferred.contains(&line.id) || to.carrier.is_some(),
                    many: matches!(ty, FieldType::Links { .. }),
                },
                (None, FieldType::Link { .. }) if to.concept == Some(FieldConcept::Owner) => LineKind::Owner,
                (None, _) => LineKind::Value,
            };
            lines.push(CompiledLine {
                id: line.id.clone(),
                from: line.from.clone(),
                lists,
                transforms,
                required: line.required || to.required,
                unresolved: line.unresolved,
                to,
                kind,
                overwrite: line.overwrite,
            });
        }
        let owner =
            schema.by_concept(FieldConcept::Owner).filter(|field| field.writable).map(|field| field.name.clone());
        Ok(Self {
            id: mapping.id.clone(),
            from: mapping.from.clone(),
            to: object,
            abilities,
            matching: mapping.matching.clone(),
            owner,
            marker,
            when: mapping.when.clone(),
            exclude: mapping.exclude.iter().cloned().collect(),
            merge: mapping.merge.clone(),
            survivors: mapping.merge.values().cloned().collect(),
            size: source
                .object(&mapping.from)
                .and_then(|object| object.by_concept(FieldConcept::Size))
                .map(|field| field.name.clone()),
            lines,
        })
    }

    /// Whether this mapping takes a record.
    pub fn select(&self, record: &Record) -> Selection {
        if self.when.as_ref().is_some_and(|when| !when.fits(record)) {
            Selection::Unmapped
        } else if self.exclude.contains(&record.key.id) {
            Selection::Excluded
        } else if let Some(survivor) = self.merge.get(&record.key.id) {
            Selection::Merged(survivor.clone())
        } else {
            Selection::Selected
        }
    }

    /// The source records that were merged into this one, also by way of others, in the plan's order.
    pub(crate) fn absorbed(&self, record: &RecordRef) -> Vec<RecordRef> {
        if !self.survivors.contains(&record.id) {
            return Vec::new();
        }
        let stands_for = |merged: &RecordId| {
            let mut at = merged;
            // As many steps as there are merges: a checked plan has no circle, and an unchecked one must not hang.
            for _ in &self.merge {
                match self.merge.get(at) {
                    Some(next) if *next == record.id => return true,
                    Some(next) => at = next,
                    None => return false,
                }
            }
            false
        };
        let merged = self.merge.keys().filter(|merged| stands_for(merged));
        merged.map(|id| RecordRef { object: record.object.clone(), id: id.clone() }).collect()
    }

    /// What an update does with a value that is there.
    pub fn overwrite(&self, field: &FieldName) -> Overwrite {
        self.lines.iter().find(|line| line.to.name == *field).map_or(Overwrite::Always, |line| line.overwrite)
    }

    /// The destination schema of a field that a line fills.
    pub fn field(&self, name: &FieldName) -> Option<&FieldSchema> {
        self.lines.iter().map(|line| &line.to).find(|field| field.name == *name)
    }

    /// The source fields and transforms behind a destination field, for a diff.
    pub fn origin(&self, field: &FieldName) -> Option<&[FieldName]> {
        self.lines.iter().find(|line| line.to.name == *field).map(|line| line.from.as_slice())
    }

    /// Lines whose links are set in a later round.
    pub fn deferred_lines(&self) -> impl Iterator<Item = &str> {
        self.lines
            .iter()
            .filter(|line| matches!(line.kind, LineKind::Link { deferred: true, .. }))
            .map(|line| line.id.as_str())
    }

    /// Why a file cannot be stored, where it is larger than the destination takes.
    fn too_large(&self, record: &Record) -> Option<String> {
        let (max, size) = (self.abilities.max_bytes?, self.size.as_ref()?);
        let bytes = match record.fields.get(size)? {
            Value::Int(bytes) => u64::try_from(*bytes).ok()?,
            Value::Decimal(bytes) => u64::try_from(*bytes).ok()?,
            _ => return None,
        };
        (bytes > max).then(|| format!("the file is larger than the {max} bytes that the destination takes"))
    }

    fn draft(&self, record: &Record, settings: &TransformSettings) -> Draft {
        let mut draft = Draft { hold: self.too_large(record), ..Draft::default() };
        for line in &self.lines {
            if let Some(doubt) = record.doubts.iter().find(|doubt| line.from.contains(&doubt.field)) {
                let leave = matches!(line.kind, LineKind::Link { .. })
                    && !line.required
                    && line.unresolved == Unresolved::Leave;
                if !leave {
                    draft.hold.get_or_insert_with(|| format!("{}: {}", doubt.field, doubt.message));
                }
                let place = doubt.line.map(|line| format!(" line {line}")).unwrap_or_default();
                draft.notes.push(format!("{}: in doubt at {}{place}", doubt.field, doubt.origin));
                continue;
            }
            if let Err(reason) = line.fill(record, settings, &mut draft) {
                draft.hold.get_or_insert(reason);
            }
        }
        draft
    }
}

impl CompiledLine {
    /// Adds the line's value to the draft; the error holds the record.
    fn fill(&self, record: &Record, settings: &TransformSettings, draft: &mut Draft) -> Result<(), String> {
        let mut values: Vec<Option<Value>> = self
            .from
            .iter()
            .zip(&self.lists)
            .map(|(field, list)| {
                let value = record.fields.get(field).cloned();
                match list {
                    Some(list) => value.map(|value| label_options(value, list)),
                    None => value,
                }
            })
            .collect();
        let noted = draft.notes.len();
        let mut cx = FieldContext::new(settings);
        let mut answer = Ok(());
        for transform in &self.transforms {
            match transform.apply(&values, &mut cx) {
                Ok(value) => values = vec![value],
                Err(error) if error.hold => {
                    answer = Err(format!("{}: {}", self.id, error.message));
                    break;
                }
                Err(error) => {
                    cx.note(error.message);
                    values = vec![None];
                }
            }
        }
        draft.notes.extend(cx.take_notes().into_iter().map(|note| format!("{}: {note}", self.id)));
        answer?;
        let value = values.into_iter().next().flatten().filter(|value| !value.is_empty() || *value == Value::Null);
        let Some(value) = value else {
            // An owner line without a value is the `unowned` case, which the engine decides.
            let needed = self.required && !matches!(self.kind, LineKind::Owner);
            if needed {
                return Err(format!("{}: {} has no value", self.id, self.to.name));
            }
            // A value that was lost on the way, with a note, does not make the field empty.
            if matches!(self.kind, LineKind::Value) && draft.notes.len() == noted {
                draft.empty.push(self.to.name.clone());
            }
            return Ok(());
        };
        match &self.kind {
            LineKind::Owner => {
                draft.owner = value.as_ref_to().map(|to| to.id.clone()).or_else(|| value.as_text().map(RecordId::from))
            }
            LineKind::Link { target, reads, deferred, many } => {
                let values = match &value {
                    Value::List(values) if *many => &values[..],
                    one => std::slice::from_ref(one),
                };
                let mut seen = HashSet::new();
                for value in values {
                    let to = value.as_ref_to().ok_or_else(|| format!("{}: the value is not a link", self.id))?;
                    // A field that links to several objects feeds a line for each of them.
                    if to.object != *reads || !seen.insert(to) {
                        continue;
                    }
                    draft.links.push(DraftLink {
                        line: self.id.clone(),
                        field: self.to.name.clone(),
                        target: target.clone(),
                        to: to.clone(),
                        required: self.required,
                        unresolved: self.unresolved,
                        many: *many,
                        deferred: *deferred,
                        carrier: self.to.carrier.clone(),
                    });
                }
            }
            LineKind::Value => match coerce(value, &self.to, settings) {
                Ok(value) => {
                    draft.fields.insert(self.to.name.clone(), value);
                }
                Err(message) if self.required => return Err(format!("{}: {message}", self.id)),
                Err(message) => draft.notes.push(format!("{}: left out, {message}", self.id)),
            },
        }
        Ok(())
    }
}

impl Predicate {
    /// Whether a source record fits.
    pub fn fits(&self, record: &Record) -> bool {
        let value = record.fields.get(&self.field).filter(|value| !value.is_empty());
        let text = value.map(ToString::to_string).unwrap_or_default();
        self.filled.is_none_or(|filled| filled == value.is_some())
            && (self.one_of.is_empty() || self.one_of.contains(&text))
            && !self.none_of.contains(&text)
    }
}

/// A pick-list's options with what the plan made in front: names are not unique, ours come first.
fn planned_options(field: &FieldSchema, object: &ObjectName, plan: &Plan, prepared: &Prepared) -> Vec<OptionSchema> {
    if field.concept != Some(FieldConcept::Stage) {
        let mut options = field.options.clone();
        options.extend(respelt_options(field, object, plan, prepared));
        return options;
    }
    let mut options: Vec<OptionSchema> = plan
        .pipelines
        .iter()
        .filter(|pipeline| pipeline.object == *object)
        .flat_map(|pipeline| pipeline.stages.iter().map(|stage| format!("{}/{}", pipeline.name, stage.name)))
        .filter_map(|label| prepared.stage(object, &label).map(|id| OptionSchema { id, label }))
        .collect();
    let planned: HashSet<String> = options.iter().map(|option| option.label.clone()).collect();
    options.extend(field.options.iter().filter(|option| !planned.contains(&option.label)).cloned());
    options
}
/// Options of a planned field that the destination spells in another way, under the plan's spelling: some take no comma, or cut
/// long names.
fn respelt_options(field: &FieldSchema, object: &ObjectName, plan: &Plan, prepared: &Prepared) -> Vec<OptionSchema> {
    /// A shorter beginning could be anything's.
    const CUT: usize = 32;
    let bare = |label: &str| label.chars().filter(|letter| letter.is_alphanumeric()).collect::<String>().to_lowercase();
    let planned = plan.fields.iter().filter(|planned| {
        planned.object == *object && prepared.field(object, &planned.id).as_ref() == Some(&field.name)
    });
    let new = planned.flat_map(|planned| &planned.options);
    new.filter(|label| !field.options.iter().any(|option| option.label == **label))
        .filter_map(|label| {
            let wanted = bare(label);
            let fits = |option: &&OptionSchema| {
                let known = bare(&option.label);
                known == wanted || (known.len() >= CUT && wanted.starts_with(&known))
            };
            let mut found = field.options.iter().filter(fits);
            match (found.next(), found.next()) {
                (Some(option), None) => Some(OptionSchema { id: option.id.clone(), label: label.clone() }),
                _ => None,
            }
        })
        .collect()
}
