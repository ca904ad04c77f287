//! The proposer: a plan from an audit, every line with its reason, for a person to confirm.

use std::collections::BTreeSet;

use super::Audit;
use crate::{
    Badge, FieldConcept, FieldLine, FieldName, FieldPlan, FieldSchema, FieldType, ItemKind, ItemPlan, Mapping,
    MappingId, ObjectConcept, ObjectName, ObjectSchema, Overwrite, Plan, PlanEnd, Predicate, Question, TransformCall,
    Transforms,
};

mod bridge;
mod existing;
mod lines;
mod merges;
mod objects;
mod owners;
mod stages;
mod values;

pub(super) use lines::folded;
pub use merges::Survivor;

/// Proposes a plan: objects by what they mean, fields by what they mean, then by name and type.
///
/// The same audit gives the same plan. What has no place at the destination gets a custom field; what the proposer cannot decide
/// is a question, and a question without an answer blocks the approval.
///
/// ```no_run
/// # fn show(audit: &crmkit_core::Audit) {
/// let mut plan = crmkit_core::propose(audit, &crmkit_core::Transforms::standard());
/// plan.answer("owners.unowned", "ada@acme.com").expect("a question of the plan");
/// println!("{}", plan.to_toml());
/// # }
/// ```
pub fn propose(audit: &Audit, transforms: &Transforms) -> Plan {
    propose_with(audit, transforms, &ProposeOptions::default())
}

/// What a proposal prefers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProposeOptions {
    /// Which of several records that seem to be one stands for the others.
    pub survivor: Survivor,
}

/// As [`propose`], with other preferences.
pub fn propose_with(audit: &Audit, transforms: &Transforms, options: &ProposeOptions) -> Plan {
    let end = |kind: &str, instance: &str| PlanEnd { kind: kind.to_owned(), instance: Some(instance.to_owned()) };
    let source = &audit.source;
    let mut plan =
        Plan::new(end(&source.kind, &source.instance), end(&audit.destination.kind, &audit.destination.account));
    plan.time_zone.clone_from(&source.time_zone);
    plan.date_zone.clone_from(&source.time_zone);
    plan.currency.clone_from(&source.currency);
    let made = objects::made(audit);
    let mut proposing = Proposing { audit, transforms, options, plan, pairs: pairs(audit, &made), left: Vec::new() };
    proposing.plan_objects(&made);
    for at in 0..proposing.pairs.len() {
        proposing.mapping(at);
    }
    proposing.zones();
    proposing.owners();
    proposing.clashes();
    proposing.left_behind();
    proposing.quiet();
    proposing.plan
}

/// A source object and where it goes.
struct Pair<'a> {
    id: MappingId,
    from: &'a ObjectSchema,
    to: &'a ObjectSchema,
    when: Option<Predicate>,
}

/// The pairs, in the order of the destination's objects, then of the source's.
fn pairs<'a>(audit: &'a Audit, made: &'a [objects::Made]) -> Vec<Pair<'a>> {
    let schema = &audit.destination.schema;
    let mut pairs: Vec<(usize, Pair<'_>)> = Vec::new();
    for from in audit.source.schema.objects.values().filter(|from| audit.records(&from.name) > 0) {
        let Some(concept) = from.concept else { continue };
        if concept == ObjectConcept::Event && objects::events(audit, from, &mut pairs) {
            continue;
        }
        let to = match concept {
            ObjectConcept::CustomObject => objects::place(audit, from, made),
            _ => counterpart(concept, |wanted| schema.by_concept(wanted)),
        };
        let Some(to) = to else { continue };
        // What the plan makes itself comes last: it may link to everything else.
        let place = schema.objects.get_index_of(&to.name).unwrap_or(usize::MAX);
        pairs.push((place, Pair { id: MappingId::from(safe(from.name.as_str())), from, to, when: None }));
    }
    pairs.sort_by_key(|(place, _)| *place);
    pairs.into_iter().map(|(_, pair)| pair).collect()
}

/// The destination object for a concept: the same, or the nearest that keeps its meaning.
pub(super) fn counterpart<'a>(
    concept: ObjectConcept,
    find: impl Fn(ObjectConcept) -> Option<&'a ObjectSchema>,
) -> Option<&'a ObjectSchema> {
    use ObjectConcept as O;
    let wanted: &[O] = match concept {
        O::Organization | O::Person | O::Deal | O::Activity | O::Note | O::File => &[concept],
        O::Lead => &[O::Lead, O::Person],
        O::Event => &[O::Activity, O::Note],
        _ => &[],
    };
    wanted.iter().find_map(|wanted| find(*wanted))
}

/// A name as an id: letters, digits, `_`, `.`, `-`.
fn safe(name: &str) -> String {
    name.chars()
        .map(|letter| if letter.is_ascii_alphanumeric() || "_.-".contains(letter) { letter } else { '_' })
        .collect()
}

struct Proposing<'a> {
    audit: &'a Audit,
    transforms: &'a Transforms,
    options: &'a ProposeOptions,
    plan: Plan,
    pairs: Vec<Pair<'a>>,
    /// What has no place: object, field where it is one, records.
    left: Vec<(ObjectName, Option<FieldName>, u64)>,
}

/// The lines of one mapping under construction.
struct Lines<'a> {
    mapping: MappingId,
    from: &'a ObjectSchema,
    to: &'a ObjectSchema,
    lines: Vec<FieldLine>,
    used: BTreeSet<FieldName>,
    filled: BTreeSet<FieldName>,
}

impl<'a> Lines<'a> {
    fn is_free(&self, to: &FieldSchema) -> bool {
        to.writable && !self.filled.contains(&to.name)
    }

    fn source(&self, concept: FieldConcept) -> Option<&'a FieldSchema> {
        self.from.by_concept(concept)
    }

    /// Adds a line; `to` is a field name or `custom:<id>`.
    fn add(&mut self, from: &[&FieldSchema], to: &str, transforms: Vec<TransformCall>, why: Why) -> &mut FieldLine {
        self.used.extend(from.iter().map(|field| field.name.clone()));
        self.filled.insert(FieldName::from(to));
        self.lines.push(FieldLine {
            id: format!("{}.{}", self.mapping, to.replace(':', ".")),
            from: from.iter().map(|field| field.name.clone()).collect(),
            to: to.to_owned(),
            transforms,
            link: None,
            unresolved: Default::default(),
            required: false,
            overwrite: Overwrite::default(),
            badge: Some(why.badge),
            confidence: Some(why.confidence),
            reason: Some(why.reason),
            origin: None,
        });
        self.lines.last_mut().expect("just added")
    }
}

/// What a person reads about a line.
struct Why {
    badge: Badge,
    confidence: f64,
    reason: String,
}

fn why(badge: Badge, confidence: f64, reason: impl Into<String>) -> Why {
    Why { badge, confidence, reason: reason.into() }
}

impl<'a> Proposing<'a> {
    fn mapping(&mut self, at: usize) {
        let Pair { id, from, to, when } = &self.pairs[at];
        let when = when.clone();
        let mut lines =
            Lines { mapping: id.clone(), from, to, lines: Vec::new(), used: BTreeSet::new(), filled: BTreeSet::new() };
        let index = self.plan.mappings.len();
        self.owner_line(&mut lines);
        self.stage_lines(&mut lines);
        self.links(&mut lines);
        self.by_concept(&mut lines);
        self.by_name(&mut lines);
        self.kind_line(&mut lines);
        self.folded_body(&mut lines);
        self.required(&mut lines, index);
        self.leftovers(&mut lines);
        self.values(&mut lines, index);
        self.labels_to_make(&lines);
        let merge = self.merges(&lines, index);
        let matching = self.matching(&mut lines, index);
        self.plan.mappings.push(Mapping {
            id: lines.mapping,
            from: lines.from.name.clone(),
            to: lines.to.name.clone(),
            when,
            exclude: Vec::new(),
            merge,
            matching,
            fields: lines.lines,
        });
    }

    fn ask(&mut self, id: impl Into<String>, about: impl Into<String>, text: String, choices: Vec<String>) {
        let question = Question { id: id.into(), about: about.into(), text, choices, answer: None };
        self.plan.questions.push(question);
    }

    fn filled(&self, object: &ObjectSchema, field: &FieldSchema) -> u64 {
        self.audit
            .objects
            .get(&object.name)
            .and_then(|object| object.fields.get(&field.name))
            .map_or(0, |field| field.filled)
    }

    fn profile(&self, object: &ObjectSchema, field: &FieldName) -> Option<&'a super::FieldProfile> {
        self.audit.objects.get(&object.name)?.fields.get(field)
    }

    /// What the values of a source field are, as far as anybody knows.
    fn known_type(&self, object: &ObjectSchema, field: &FieldSchema) -> FieldType {
        let inferred = self.profile(object, &field.name).and_then(|profile| profile.certain().cloned());
        match &field.ty {
            FieldType::Any => inferred.unwrap_or(FieldType::text()),
            known => known.clone(),
        }
    }

    /// Plans a custom field for a source field, and gives what a line's `to` names it by.
    fn custom(&mut self, to: &ObjectSchema, id: String, name: &str, ty: FieldType, options: Vec<String>) -> String {
        let mut free = id.clone();
        let mut count = 1;
        while self.plan.fields.iter().any(|field| field.id == free) {
            count += 1;
            free = format!("{id}_{count}");
        }
        let custom = format!("custom:{free}");
        let object = to.name.clone();
        self.plan.fields.push(FieldPlan { id: free, object, name: name.to_owned(), ty, options, use_existing: None });
        custom
    }

    fn zones(&mut self) {
        let lines = |from: fn(&FieldType) -> bool, to: fn(&FieldType) -> bool| {
            self.pairs.iter().any(|pair| {
                pair.from.fields.values().any(|field| from(&field.ty))
                    && pair.to.fields.values().any(|field| to(&field.ty))
            })
        };
        let local = lines(|ty| matches!(ty, FieldType::Local), |ty| matches!(ty, FieldType::Timestamp));
        let amounts = |ty: &FieldType| matches!(ty, FieldType::Int | FieldType::Decimal);
        let money = lines(amounts, |ty| matches!(ty, FieldType::Money));
        if local && self.plan.time_zone.is_none() {
            let text = "In which time zone are times that carry none? (IANA name)".to_owned();
            self.ask("time_zone", "/time_zone", text, vec!["UTC".to_owned()]);
        }
        if money && self.plan.currency.is_none() {
            let text = "In which currency are amounts that carry none? (three letters)".to_owned();
            self.ask("currency", "/currency", text, vec!["EUR".to_owned(), "USD".to_owned()]);
        }
    }

    /// Asks about custom fields of one name and several types, and about fields whose values are mostly of another type.
    fn clashes(&mut self) {
        for clash in &self.audit.clashes {
            let fields: Vec<String> =
                clash.fields.iter().map(|(object, field, ty)| format!("{object}.{field} is {}", ty.label())).collect();
            let text = format!("Custom fields of one name differ in type: {}. Do they stay apart?", fields.join(", "));
            self.ask(format!("clash.{}", clash.name), "", text, vec!["they stay apart".to_owned()]);
        }
        let pairs: Vec<&ObjectSchema> = self.pairs.iter().map(|pair| pair.from).collect();
        for from in pairs {
            let Some(found) = self.audit.objects.get(&from.name) else { continue };
            for (name, profile) in &found.fields {
                let unsure = profile.confidence.filter(|share| (0.9..1.0).contains(share));
                let (Some(share), Some(ty)) = (unsure, &profile.inferred) else { continue };
                let id = format!("type.{}.{name}", from.name);
                // Several mappings can read one object.
                if self.plan.questions.iter().any(|question| question.id == id) {
                    continue;
                }
                let text = format!(
                    "{:.1} % of the values of {name} in {} look like {}, the others do not. Is it text? Otherwise mend the others at \
                     the source and audit again.",
                    (share * 1_000.0).floor() / 10.0,
                    from.label,
                    ty.label()
                );
                self.ask(id, "", text, vec!["it is text".to_owned()]);
            }
        }
    }

    /// Labels that the source uses and the destination lacks.
    fn labels_to_make(&mut self, lines: &Lines<'a>) {
        for line in &lines.lines {
            let Some(target) =
                lines.to.fields.get(line.to.as_str()).filter(|to| to.concept == Some(FieldConcept::Labels))
            else {
                continue;
            };
            let [from] = &line.from[..] else { continue };
            let Some(field) = lines.from.fields.get(from) else { continue };
            let there = |name: &String| target.options.iter().any(|option| folded(&option.label) == folded(name));
            let replaced = |name: &String| {
                line.transforms.iter().any(|call| call.arguments.get("map").is_some_and(|map| map.get(name).is_some()))
            };
            let names: Vec<String> =
                self.labels(lines.from, field).into_iter().filter(|name| !there(name) && !replaced(name)).collect();
            let (object, field) = (lines.to.name.clone(), Some(target.name.clone()));
            let known = self.plan.items.iter_mut().find(|items| items.object == object && items.field == field);
            match known {
                Some(items) => {
                    let new = names.into_iter().filter(|name| !items.names.contains(name)).collect::<Vec<_>>();
                    items.names.extend(new);
                }
                None if names.is_empty() => {}
                None => {
                    let items = ItemPlan { kind: ItemKind::Label, object, field, names, conditions: Vec::new() };
                    self.plan.items.push(items);
                }
            }
        }
    }

    /// Asks once about everything that may start by itself when records arrive.
    fn quiet(&mut self) {
        let written = |object: &ObjectName| self.pairs.iter().any(|pair| pair.to.name == *object);
        let told = self.audit.destination.quiet.iter().filter(|(object, what)| written(object) && !what.is_empty());
        let told: Vec<String> = told.map(|(object, what)| format!("{object}: {}", what.join(", "))).collect();
        if told.is_empty() {
            return;
        }
        let text = format!(
            "When records arrive, these may start by themselves: {}. Are they switched off until the migration is over?",
            told.join("; ")
        );
        let choices = ["they are switched off", "they may start"].map(str::to_owned).to_vec();
        self.ask(super::review::QUIET, "", text, choices);
    }

    /// Asks once about everything that stays behind.
    fn left_behind(&mut self) {
        use ObjectConcept as O;
        for from in self.audit.source.schema.objects.values() {
            // Users are matched, pipelines and stages are made before any record moves.
            let prepared = matches!(from.concept, Some(O::User | O::Pipeline | O::Stage));
            let records = self.audit.records(&from.name);
            if records > 0 && !prepared && !self.pairs.iter().any(|pair| pair.from.name == from.name) {
                self.left.push((from.name.clone(), None, records));
            }
        }
        if self.left.is_empty() {
            return;
        }
        let what = |(object, field, records): &(ObjectName, Option<FieldName>, u64)| match field {
            Some(field) => format!("{object}.{field} ({records})"),
            None => format!("{object} ({records})"),
        };
        let left: Vec<String> = self.left.iter().map(what).collect();
        let text = format!("These have no place at the destination: {}. Leave them behind?", left.join(", "));
        self.ask("left_behind", "", text, vec!["leave them behind".to_owned()]);
    }
}

#[cfg(test)]
mod tests;
