//! What a source record would become, field by field: for a page that shows a plan at work, without any connector or ledger.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Plan;
use crate::{
    Destination, FieldConcept, FieldLine, FieldName, FieldSchema, FieldType, Mapping, MappingId, ObjectName,
    OptionSchema, Record, RecordId, RecordRef, Source, TransformSettings, Transforms, Value, coerce, label_options,
};

/// What a source record would become.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preview {
    /// Always [`Preview::FORMAT`].
    pub format: String,
    /// Always [`Preview::VERSION`].
    pub version: u32,
    /// The record.
    pub record: RecordRef,
    /// What each mapping of its object makes of it.
    pub mappings: Vec<MappingPreview>,
}

/// What a mapping makes of a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MappingPreview {
    /// The mapping.
    pub mapping: MappingId,
    /// The destination object.
    pub to: ObjectName,
    /// What happens to the record.
    pub outcome: PreviewOutcome,
    /// Its fields; none where it is not written.
    pub fields: Vec<FieldPreview>,
}

/// What happens to a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PreviewOutcome {
    /// It is written, as far as its values decide that.
    Written,
    /// It waits for a person: why.
    Held(String),
    /// It does not meet the mapping's condition.
    Unmapped,
    /// The plan leaves it behind.
    Excluded,
    /// This record stands for it.
    Merged(RecordId),
}

/// What becomes of a field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldPreview {
    /// The plan line.
    pub line: String,
    /// The destination field, or `custom:<id>`.
    pub to: String,
    /// The source's values.
    pub from: Vec<(FieldName, Option<Value>)>,
    /// What would be written: a pick-list's entry by its label, a link and an owner as the source names them.
    pub value: Option<Value>,
    /// Steps that lose something.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Preview {
    /// The document's format name.
    pub const FORMAT: &'static str = "crmkit.preview";
    /// The document's version.
    pub const VERSION: u32 = 1;
    /// Where the document has personal data: JSON pointers with `*` for every entry.
    pub const PERSONAL: [&'static str; 3] =
        ["/record/id", "/mappings/*/fields/*/from/*/1", "/mappings/*/fields/*/value"];

    /// The same document without values.
    pub fn redacted(mut self) -> Self {
        let hidden = |value: &Option<Value>| value.as_ref().map(|_| Value::text("…"));
        self.record.id = "…".into();
        for mapping in &mut self.mappings {
            if let PreviewOutcome::Merged(id) = &mut mapping.outcome {
                *id = "…".into();
            }
            for field in &mut mapping.fields {
                field.value = hidden(&field.value);
                field.from.iter_mut().for_each(|(_, value)| *value = hidden(value));
            }
        }
        self
    }
}

impl Plan {
    /// What a source record would become, field by field. Pure: it needs the descriptions of both ends, which an audit has, and
    /// neither end itself.
    ///
    /// ```
    /// # let nothing = serde_json::json!({"kind": "mock", "instance": "1", "account": "1", "schema": {"objects": {}}, "counts": {},
    /// #     "problems": [], "abilities": {}, "users": [], "items": [], "permissions": {}, "caps": {}, "gotchas": []});
    /// # let source: crmkit_core::Source = serde_json::from_value(nothing.clone()).unwrap();
    /// # let destination: crmkit_core::Destination = serde_json::from_value(nothing).unwrap();
    /// use crmkit_core::{FieldLine, Mapping, Plan, PlanEnd, Record, RecordRef, TransformCall, Transforms, Value};
    /// let end = || PlanEnd { kind: "mock".into(), instance: None };
    /// let mut plan = Plan::new(end(), end());
    /// let line = FieldLine::new("people.name", ["first", "last"], "name").through(TransformCall::bare("join"));
    /// plan.mappings.push(Mapping::new("people", "people", "person").with(line));
    ///
    /// let ann = Record::new(RecordRef::new("people", "1"))
    ///     .with("first", Value::text("Ann"))
    ///     .with("last", Value::text("Berg"));
    /// let preview = plan.preview(&ann, &source, &destination, &Transforms::standard());
    /// assert_eq!(preview.mappings[0].fields[0].value, Some(Value::text("Ann Berg")));
    /// ```
    pub fn preview(
        &self,
        record: &Record,
        source: &Source,
        destination: &Destination,
        transforms: &Transforms,
    ) -> Preview {
        let zone = |name: &Option<String>| name.as_ref().and_then(|name| name.parse().ok());
        let previewing = Previewing {
            plan: self,
            source,
            destination: &self.prepared(destination),
            transforms,
            settings: TransformSettings {
                time_zone: zone(&self.time_zone),
                date_zone: zone(&self.date_zone),
                currency: self.currency.as_deref().map(Arc::from),
                ..TransformSettings::default()
            },
        };
        let mappings = self.mappings.iter().filter(|mapping| mapping.from == record.key.object);
        Preview {
            format: Preview::FORMAT.to_owned(),
            version: Preview::VERSION,
            record: record.key.clone(),
            mappings: mappings.map(|mapping| previewing.mapping(mapping, record)).collect(),
        }
    }
}

struct Previewing<'a> {
    plan: &'a Plan,
    source: &'a Source,
    destination: &'a Destination,
    transforms: &'a Transforms,
    settings: TransformSettings,
}

impl Previewing<'_> {
    fn mapping(&self, mapping: &Mapping, record: &Record) -> MappingPreview {
        let (id, to) = (mapping.id.clone(), mapping.to.clone());
        let outcome = if mapping.when.as_ref().is_some_and(|when| !when.fits(record)) {
            Some(PreviewOutcome::Unmapped)
        } else if mapping.exclude.contains(&record.key.id) {
            Some(PreviewOutcome::Excluded)
        } else {
            mapping.merge.get(&record.key.id).cloned().map(PreviewOutcome::Merged)
        };
        if let Some(outcome) = outcome {
            return MappingPreview { mapping: id, to, outcome, fields: Vec::new() };
        }
        let mut held = None;
        let mut fields = Vec::with_capacity(mapping.fields.len());
        for line in &mapping.fields {
            if let Some(doubt) = record.doubts.iter().find(|doubt| line.from.contains(&doubt.field)) {
                held.get_or_insert_with(|| format!("{}: {}", doubt.field, doubt.message));
            }
            let (field, hold) = self.line(mapping, line, record);
            if let Some(reason) = hold {
                held.get_or_insert(reason);
            }
            fields.push(field);
        }
        let outcome = held.map_or(PreviewOutcome::Written, PreviewOutcome::Held);
        MappingPreview { mapping: id, to, outcome, fields }
    }

    /// A line's value, and why the record would wait for it.
    fn line(&self, mapping: &Mapping, line: &FieldLine, record: &Record) -> (FieldPreview, Option<String>) {
        let schema = self.source.schema.object(&mapping.from);
        let from: Vec<(FieldName, Option<Value>)> = line
            .from
            .iter()
            .map(|name| {
                let list = schema.and_then(|schema| schema.fields.get(name)).filter(|field| !field.options.is_empty());
                let value = record.fields.get(name).cloned();
                let value = match list {
                    Some(list) => value.map(|value| label_options(value, list)),
                    None => value,
                };
                (name.clone(), value)
            })
            .collect();
        let inputs: Vec<Option<Value>> = from.iter().map(|(_, value)| value.clone()).collect();
        let applied = self.transforms.preview(&line.transforms, &line.from, &inputs, &self.settings);
        let (value, mut notes, mut held) = match applied {
            Ok((value, notes)) => (value.filter(|value| !value.is_empty()), notes, None),
            Err(error) if error.hold => (None, Vec::new(), Some(format!("{}: {}", line.id, error.message))),
            Err(error) => (None, vec![error.message], None),
        };
        let to = self.target(mapping, line);
        let required = line.required || to.as_ref().is_some_and(|to| to.required);
        let owner = to.as_ref().is_some_and(|to| to.concept == Some(FieldConcept::Owner));
        let value = match (value, &to) {
            (Some(value), Some(to)) if line.link.is_none() && !owner => match coerce(value, to, &self.settings) {
                Ok(value) => Some(label_options(value, to)),
                Err(message) if required => {
                    held.get_or_insert(format!("{}: {message}", line.id));
                    None
                }
                Err(message) => {
                    notes.push(format!("left out, {message}"));
                    None
                }
            },
            (value, _) => value,
        };
        if value.is_none() && required && !owner {
            held.get_or_insert(format!("{}: {} has no value", line.id, line.to));
        }
        (FieldPreview { line: line.id.clone(), to: line.to.clone(), from, value, notes }, held)
    }

    /// The destination field as it will be, with what the plan makes.
    fn target(&self, mapping: &Mapping, line: &FieldLine) -> Option<FieldSchema> {
        let option = |label: &String| OptionSchema { id: label.clone(), label: label.clone() };
        if let Some(id) = line.to.strip_prefix("custom:") {
            let planned = self.plan.fields.iter().find(|field| field.id == id && field.object == mapping.to)?;
            let mut field = FieldSchema::new(line.to.as_str(), planned.name.clone(), planned.ty.clone());
            field.options = planned.options.iter().map(option).collect();
            return Some(field);
        }
        let mut field = self.destination.schema.object(&mapping.to)?.fields.get(line.to.as_str())?.clone();
        if field.concept == Some(FieldConcept::Stage) && matches!(field.ty, FieldType::Option) {
            let pipelines = self.plan.pipelines.iter().filter(|pipeline| pipeline.object == mapping.to);
            let stages = pipelines.flat_map(|pipeline| {
                pipeline.stages.iter().map(move |stage| format!("{}/{}", pipeline.name, stage.name))
            });
            let mut options: Vec<OptionSchema> = stages.map(|label| option(&label)).collect();
            options.append(&mut field.options);
            field.options = options;
        }
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Doubt, FieldPlan, ObjectConcept, ObjectSchema, PipelinePlan, PlanEnd, Predicate, StagePlan, TransformCall,
    };

    fn world() -> (Plan, Source, Destination) {
        let mut stage = FieldSchema::new("stage", "Stage", FieldType::Option).means(FieldConcept::Stage);
        stage.options = vec![OptionSchema { id: "s1".into(), label: "Sales/New".into() }];
        let deals = ObjectSchema::new("deals", "Deals", ObjectConcept::Deal)
            .with(FieldSchema::new("name", "Name", FieldType::text()))
            .with(FieldSchema::new("amount", "Amount", FieldType::text()))
            .with(stage);
        let mut source = Source::new("mock", "1");
        source.schema.objects.insert("deals".into(), deals);
        let deal = ObjectSchema::new("deal", "Deal", ObjectConcept::Deal)
            .with(FieldSchema::new("title", "Title", FieldType::Text { max: Some(5) }).required())
            .with(FieldSchema::new("value", "Value", FieldType::Decimal))
            .with(FieldSchema::new("stage_id", "Stage", FieldType::Option).means(FieldConcept::Stage));
        let mut destination = Destination::new("mock", "1");
        destination.schema.objects.insert("deal".into(), deal);
        let end = || PlanEnd { kind: "mock".into(), instance: None };
        let mut plan = Plan::new(end(), end());
        plan.pipelines.push(PipelinePlan {
            object: "deal".into(),
            name: "Sales".into(),
            use_existing: None,
            stages: vec![StagePlan { name: "New".into(), probability: None }],
        });
        plan.fields.push(FieldPlan {
            id: "kind".into(),
            object: "deal".into(),
            name: "Kind".into(),
            ty: FieldType::Option,
            options: vec!["Large".into()],
            use_existing: None,
        });
        let line = |id: &str, from: &str, to: &str| FieldLine::new(id, [from], to);
        plan.mappings.push(
            Mapping::new("deals", "deals", "deal")
                .with(line("deals.title", "name", "title").through(TransformCall::with("truncate", 5)))
                .with(line("deals.value", "amount", "value").through(TransformCall::bare("number")))
                .with(line("deals.stage", "stage", "stage_id"))
                .with(line("deals.kind", "name", "custom:kind")),
        );
        (plan, source, destination)
    }

    fn previewed(plan: &Plan, record: &Record) -> MappingPreview {
        let (_, source, destination) = world();
        plan.preview(record, &source, &destination, &Transforms::standard()).mappings.remove(0)
    }

    fn deal() -> Record {
        Record::new(RecordRef::new("deals", "7"))
            .with("name", Value::text("Large one"))
            .with("amount", Value::text("12.50"))
            .with("stage", Value::option("s1"))
    }

    #[test]
    fn fields_are_shown_as_they_would_be_written() {
        let (plan, ..) = world();
        let found = previewed(&plan, &deal());
        assert_eq!(found.outcome, PreviewOutcome::Written);
        let values: Vec<_> = found.fields.iter().map(|field| field.value.clone()).collect();
        let decimal = Value::Decimal("12.50".parse().unwrap());
        assert_eq!(
            values,
            [Some(Value::text("Large")), Some(decimal), Some(Value::text("Sales/New")), None],
            "stages that the plan makes are known by name"
        );
        assert_eq!(found.fields[0].from, [("name".into(), Some(Value::text("Large one")))]);
        assert_eq!((found.fields[0].notes.len(), found.fields[3].notes.len()), (1, 1), "cut; no such option");
    }

    #[test]
    fn what_keeps_a_record_from_being_written_is_told() {
        let (mut plan, ..) = world();
        let mut nameless = deal();
        nameless.fields.shift_remove("name");
        let held = PreviewOutcome::Held("deals.title: title has no value".into());
        assert_eq!(previewed(&plan, &nameless).outcome, held);
        let mut doubtful = deal();
        let (field, origin, message) = ("amount".into(), "f".into(), "two".into());
        doubtful.doubts.push(Doubt { field, origin, line: None, message, candidates: vec![] });
        assert_eq!(previewed(&plan, &doubtful).outcome, PreviewOutcome::Held("amount: two".into()));
        let mut wrong = deal();
        wrong.fields.insert("amount".into(), Value::text("much"));
        assert_ne!(previewed(&plan, &wrong).fields[1].value, Some(Value::text("much")));

        plan.mappings[0].merge.insert("7".into(), "8".into());
        assert_eq!(previewed(&plan, &deal()).outcome, PreviewOutcome::Merged("8".into()));
        plan.mappings[0].exclude.push("7".into());
        assert_eq!(previewed(&plan, &deal()).outcome, PreviewOutcome::Excluded);
        let none_of = vec!["Large one".to_owned()];
        plan.mappings[0].when = Some(Predicate { field: "name".into(), one_of: vec![], none_of, filled: None });
        assert_eq!(previewed(&plan, &deal()).outcome, PreviewOutcome::Unmapped);
        assert!(previewed(&plan, &deal()).fields.is_empty());
    }

    #[test]
    fn a_redacted_preview_shows_no_value() {
        let (plan, source, destination) = world();
        let preview = plan.preview(&deal(), &source, &destination, &Transforms::standard());
        let json = serde_json::to_string(&preview).unwrap();
        assert_eq!(serde_json::from_str::<Preview>(&json).unwrap(), preview);
        let redacted = serde_json::to_string(&preview.redacted()).unwrap();
        assert!(json.contains("Large") && !redacted.contains("Large") && !redacted.contains("12.50"), "{redacted}");
    }
}
