//! Field lines by meaning, by name, by need; custom fields for the rest.

use super::{Lines, Proposing, safe, why};
use crate::{Badge, FieldConcept, FieldSchema, FieldType, ObjectConcept, TransformCall};

/// Concepts that other steps fill, or that nothing can fill.
const ELSEWHERE: [FieldConcept; 3] = [FieldConcept::Owner, FieldConcept::Id, FieldConcept::Currency];

/// What can stand for a concept that the source lacks.
fn stand_ins(concept: FieldConcept) -> &'static [FieldConcept] {
    use FieldConcept as F;
    match concept {
        F::Website => &[F::Domain],
        F::Domain => &[F::Website],
        F::Name => &[F::Subject],
        F::Subject => &[F::Name],
        F::Due => &[F::Start],
        F::Start => &[F::Due],
        _ => &[],
    }
}

impl<'a> Proposing<'a> {
    /// Links, each to the mapping that writes what it links to.
    pub(super) fn links(&mut self, lines: &mut Lines<'a>) {
        for target in lines.to.fields.values() {
            let Some(objects) = target.ty.links_to() else { continue };
            let several = matches!(target.ty, FieldType::Links { .. });
            if !lines.is_free(target) || target.concept == Some(FieldConcept::Owner) {
                continue;
            }
            let fits = |field: &FieldSchema| {
                let to = field.ty.links_to().filter(|_| several || matches!(field.ty, FieldType::Link { .. }))?;
                let pairs = self.pairs.iter();
                pairs.into_iter().find(|pair| to.contains(&pair.from.name) && objects.contains(&pair.to.name))
            };
            let candidates: Vec<(&FieldSchema, _)> = lines
                .from
                .fields
                .values()
                .filter(|field| !lines.used.contains(&field.name) && field.concept != Some(FieldConcept::Owner))
                .filter_map(|field| Some((field, fits(field)?.id.clone())))
                .collect();
            let same = candidates.iter().find(|(field, _)| field.concept.is_some() && field.concept == target.concept);
            let named = || candidates.iter().find(|(field, _)| alike(field, target));
            let Some((field, mapping)) = same.or_else(named) else { continue };
            let sure = if same.is_some() { 0.98 } else { 0.8 };
            let reason = format!("both link to {mapping}");
            lines.add(&[field], target.name.as_str(), vec![], why(Badge::OneToOne, sure, reason)).link =
                Some(mapping.clone());
        }
    }

    /// Fields that mean the same.
    pub(super) fn by_concept(&mut self, lines: &mut Lines<'a>) {
        for target in lines.to.fields.values() {
            let Some(concept) = target.concept.filter(|concept| !ELSEWHERE.contains(concept)) else { continue };
            if !lines.is_free(target) || target.ty.links_to().is_some() {
                continue;
            }
            // A name in parts comes from the parts where the source has them: taking a full name apart is a guess.
            let parts = [FieldConcept::GivenName, FieldConcept::FamilyName].map(|part| lines.source(part));
            let in_parts = parts.iter().all(|part| part.is_some_and(|part| self.filled(lines.from, part) > 0));
            if target.ty == FieldType::Name && in_parts && self.name_parts(lines, concept, target) {
                continue;
            }
            if let Some(field) = lines.source(concept).filter(|field| self.filled(lines.from, field) > 0) {
                if let Some((calls, badge)) = self.fitting(lines, field, target) {
                    let sure = if calls.is_empty() { 0.98 } else { 0.9 };
                    let reason = format!("both are {}", spoken(concept));
                    lines.add(&[field], target.name.as_str(), calls, why(badge, sure, reason));
                }
                continue;
            }
            if self.name_parts(lines, concept, target) {
                continue;
            }
            let stand_in = stand_ins(concept).iter().find_map(|concept| lines.source(*concept));
            let stand_in =
                stand_in.filter(|field| !lines.used.contains(&field.name) && self.filled(lines.from, field) > 0);
            if let Some(field) = stand_in
                && let Some((calls, badge)) = self.fitting(lines, field, target)
            {
                let reason = format!("the source has no {}; {} is the nearest", spoken(concept), field.label);
                lines.add(&[field], target.name.as_str(), calls, why(badge, 0.75, reason));
            }
        }
    }

    /// Given and family name against full name.
    fn name_parts(&mut self, lines: &mut Lines<'a>, concept: FieldConcept, target: &FieldSchema) -> bool {
        let parts = [FieldConcept::GivenName, FieldConcept::FamilyName].map(|concept| lines.source(concept));
        match (concept, parts) {
            (FieldConcept::Name, [Some(given), Some(family)]) => {
                let call = if target.ty == FieldType::Name { "full_name" } else { "join" };
                let reason = "given and family name together";
                let calls = vec![TransformCall::bare(call)];
                lines.add(&[given, family], target.name.as_str(), calls, why(Badge::ManyToOne, 0.95, reason));
                true
            }
            (FieldConcept::GivenName | FieldConcept::FamilyName, _) => {
                let Some(name) = lines.source(FieldConcept::Name) else { return false };
                let part = if concept == FieldConcept::GivenName { "given" } else { "family" };
                let reason = format!("the {part} part of the full name");
                let calls = vec![TransformCall::with("name_part", part)];
                lines.add(&[name], target.name.as_str(), calls, why(Badge::OneToMany, 0.8, reason));
                true
            }
            _ => false,
        }
    }

    /// A bridge, unless the target is a pick-list that knows none of the values.
    fn fitting(
        &self,
        lines: &Lines<'a>,
        field: &FieldSchema,
        target: &FieldSchema,
    ) -> Option<(Vec<TransformCall>, Badge)> {
        let listed = matches!(target.ty, FieldType::Option | FieldType::Options);
        if listed && target.concept != Some(FieldConcept::Labels) {
            return self.options_bridge(lines.from, field, target);
        }
        self.bridge(lines.from, field, &target.ty)
    }

    /// Fields that are named alike, the best pair first: by name, then by how many of the values are among the options there.
    pub(super) fn by_name(&mut self, lines: &mut Lines<'a>) {
        let mut pairs: Vec<(u32, usize, usize)> = Vec::new();
        for (place, target) in lines.to.fields.values().enumerate() {
            if !lines.is_free(target) || target.ty.links_to().is_some() {
                continue;
            }
            for (from, field) in lines.from.fields.values().enumerate() {
                let free = !lines.used.contains(&field.name) && self.filled(lines.from, field) > 0;
                let clash = field.concept.is_some() && target.concept.is_some();
                let elsewhere = field.concept.is_some_and(|concept| ELSEWHERE.contains(&concept));
                let name = likeness(field, target);
                if free && !clash && !elsewhere && name >= 0.95 {
                    let score = name + 0.05 * self.overlap(lines.from, field, target);
                    pairs.push(((score * 10_000.0) as u32, place, from));
                }
            }
        }
        pairs.sort_by_key(|(score, place, from)| (std::cmp::Reverse(*score), *place, *from));
        let mut found: Vec<(usize, usize)> = Vec::new();
        for (_, place, from) in pairs {
            if found.iter().any(|(known, field)| *known == place || *field == from) {
                continue;
            }
            let fits = self.fitting(lines, &lines.from.fields[from], &lines.to.fields[place]).is_some();
            if fits {
                found.push((place, from));
            }
        }
        found.sort_unstable();
        for (place, from) in found {
            let (target, field) = (&lines.to.fields[place], &lines.from.fields[from]);
            let Some((calls, badge)) = self.fitting(lines, field, target) else { continue };
            let overlap = self.overlap(lines.from, field, target);
            let (sure, also) = match overlap {
                share if share > 0.0 => (0.85, format!("; {:.0} % of the values are among its options", share * 100.0)),
                _ => (0.75, String::new()),
            };
            let reason = format!("named alike: {} and {}{also}", field.label, target.label);
            lines.add(&[field], target.name.as_str(), calls, why(badge, sure, reason));
        }
    }

    /// The share of a field's values that are among the options of another, from 0 to 1.
    fn overlap(&self, object: &crate::ObjectSchema, field: &FieldSchema, target: &FieldSchema) -> f64 {
        let values = self.labels(object, field);
        if values.is_empty() || target.options.is_empty() {
            return 0.0;
        }
        let there = |value: &&String| target.options.iter().any(|option| folded(&option.label) == folded(value));
        values.iter().filter(there).count() as f64 / values.len() as f64
    }

    /// The kind of an activity, by the name of the object it comes from.
    pub(super) fn kind_line(&mut self, lines: &mut Lines<'a>) {
        if lines.to.concept != Some(ObjectConcept::Activity) {
            return;
        }
        let from = folded(lines.from.name.as_str());
        for target in lines.to.fields.values().filter(|field| matches!(field.ty, FieldType::Option)) {
            let kind = target.options.iter().find(|option| {
                let label = folded(&option.label);
                !label.is_empty() && (from == label || from == format!("{label}s"))
            });
            if let Some(kind) = kind.filter(|_| lines.is_free(target)) {
                let calls = vec![TransformCall::with("constant", kind.label.as_str())];
                let reason = format!("every record of {} is one", lines.from.label);
                lines.add(&[], target.name.as_str(), calls, why(Badge::OneToOne, 0.9, reason));
                return;
            }
        }
    }

    /// What a record cannot be created without.
    pub(super) fn required(&mut self, lines: &mut Lines<'a>, index: usize) {
        for target in lines.to.fields.values() {
            let textual = matches!(target.ty, FieldType::Text { .. } | FieldType::LongText | FieldType::Rich);
            if !target.required || !lines.is_free(target) || !textual {
                continue;
            }
            let (fields, template) = self.suggested(lines);
            if fields.is_empty() {
                continue;
            }
            let reason = format!("{} is required and the source has none; a suggestion", target.label);
            let pointer = format!("/mappings/{index}/fields/{}/transforms/0/template", lines.lines.len());
            let text = format!("What should the {} of {} be?", target.label.to_lowercase(), lines.from.label);
            let names: Vec<String> = fields.iter().map(|field| format!("{{{}}}", field.name)).collect();
            let text = format!("{text} Fields to build it from: {}.", names.join(", "));
            let mut calls = vec![TransformCall::with("template", template.as_str())];
            if let FieldType::Text { max: Some(max) } = target.ty {
                calls.push(TransformCall::with("truncate", max));
            }
            let id = format!("{}.{}", lines.mapping, target.name);
            let used = lines.used.clone();
            lines.add(&fields, target.name.as_str(), calls, why(Badge::ManyToOne, 0.5, reason)).required = true;
            // What a title repeats is still kept in its own field.
            lines.used = used;
            self.ask(id, pointer, text, vec![template]);
        }
    }

    /// Fields and a template for a name that the source does not have.
    fn suggested(&self, lines: &Lines<'a>) -> (Vec<&'a FieldSchema>, String) {
        let telling = |field: &&FieldSchema| {
            let kind = matches!(field.ty, FieldType::Text { .. } | FieldType::Option | FieldType::Any);
            let dull = [FieldConcept::Id, FieldConcept::Stage, FieldConcept::Status, FieldConcept::Pipeline];
            kind && !field.concept.is_some_and(|concept| dull.contains(&concept))
        };
        let fields = lines.from.fields.values();
        let mut best: Vec<&FieldSchema> =
            fields.filter(telling).filter(|field| self.filled(lines.from, field) > 0).collect();
        best.sort_by_key(|field| std::cmp::Reverse(self.filled(lines.from, field)));
        let organization = lines.source(FieldConcept::Organization).filter(|field| self.filled(lines.from, field) > 0);
        match (best.first(), organization, lines.source(FieldConcept::Id)) {
            (Some(what), Some(whom), _) => {
                let template = format!("{{{}|{}}} for {{{}|unknown}}", what.name, lines.to.label, whom.name);
                (vec![what, whom], template)
            }
            (Some(what), None, _) => (vec![what], format!("{{{}}}", what.name)),
            (None, Some(whom), _) => (vec![whom], format!("{} for {{{}}}", lines.to.label, whom.name)),
            (None, None, Some(id)) => (vec![id], format!("{} {{{}}}", lines.to.label, id.name)),
            (None, None, None) => (vec![], String::new()),
        }
    }

    /// Custom fields for what is left, and the list of what cannot even have that.
    pub(super) fn leftovers(&mut self, lines: &mut Lines<'a>) {
        for field in lines.from.fields.values() {
            let filled = self.filled(lines.from, field);
            let is_id = field.concept == Some(FieldConcept::Id);
            let skip = matches!(field.concept, Some(FieldConcept::Currency | FieldConcept::ModifiedAt));
            if lines.used.contains(&field.name) || filled == 0 || skip {
                continue;
            }
            if !lines.to.custom_fields {
                if !is_id {
                    self.left.push((lines.from.name.clone(), Some(field.name.clone()), filled));
                }
                continue;
            }
            let (ty, options, calls) = self.kept_as(lines, field);
            let (id, name) = if is_id {
                (format!("{}_source_id", safe(lines.to.name.as_str())), "Source id".to_owned())
            } else {
                (format!("{}_{}", safe(lines.to.name.as_str()), safe(field.name.as_str())), field.label.clone())
            };
            // Several mappings into one object share the field that keeps the source id.
            let shared = is_id && self.plan.fields.iter().any(|known| known.id == id);
            let to = if shared { format!("custom:{id}") } else { self.custom(lines.to, id, &name, ty, options) };
            let reason = if is_id {
                "keeps the record's id at the source, so that people can trace it".to_owned()
            } else {
                format!("no field of {} is like it", lines.to.label)
            };
            let badge = if calls.iter().any(|call| call.name == "text") { Badge::Lossy } else { Badge::Folded };
            lines.add(&[field], &to, calls, why(badge, if is_id { 0.95 } else { 0.7 }, reason));
        }
    }

    /// The type of the custom field that keeps a source field, its options, and the transforms on the way.
    fn kept_as(&self, lines: &Lines<'a>, field: &FieldSchema) -> (FieldType, Vec<String>, Vec<TransformCall>) {
        use FieldType as T;
        let longest = self.profile(lines.from, &field.name).map_or(0, |profile| profile.longest);
        let text = if longest > 255 { T::LongText } else { T::text() };
        match self.known_type(lines.from, field) {
            T::Text { .. } | T::LongText => (text, vec![], vec![]),
            T::Name => (T::text(), vec![], vec![]),
            T::Bool => (T::Option, vec!["Yes".to_owned(), "No".to_owned()], vec![]),
            T::Emails | T::Phones => (T::LongText, vec![], vec![TransformCall::with("join", "; ")]),
            T::Link { .. } | T::Links { .. } | T::Rich => (T::LongText, vec![], vec![TransformCall::bare("text")]),
            ty @ (T::Option | T::Options) => {
                let options = self.labels(lines.from, field);
                match (options.is_empty(), ty) {
                    (true, T::Options) => (text, vec![], vec![TransformCall::with("join", "; ")]),
                    (true, _) => (text, vec![], vec![]),
                    (false, ty) => (ty, options, vec![]),
                }
            }
            other => (other, vec![], vec![]),
        }
    }
}

/// Letters and digits in lower case.
pub(in crate::migration) fn folded(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn alike(a: &FieldSchema, b: &FieldSchema) -> bool {
    likeness(a, b) >= 0.95
}

/// How like two fields are by name or label, from 0 to 1. Short names are alike only where they are the same.
fn likeness(a: &FieldSchema, b: &FieldSchema) -> f64 {
    let names = [folded(a.name.as_str()), folded(&a.label)];
    let others = [folded(b.name.as_str()), folded(&b.label)];
    let like = |name: &String, other: &String| match () {
        () if name == other => 1.0,
        () if name.len() >= 5 && other.len() >= 5 => strsim::jaro_winkler(name, other),
        () => 0.0,
    };
    names.iter().flat_map(|name| others.iter().map(move |other| like(name, other))).fold(0.0, f64::max)
}

fn spoken(concept: FieldConcept) -> String {
    let text = serde_json::to_value(concept).ok().and_then(|json| json.as_str().map(str::to_owned)).unwrap_or_default();
    text.replace('_', " ")
}
