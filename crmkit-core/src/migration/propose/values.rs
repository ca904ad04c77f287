//! Pick-list values: which option they become, and which of them are the same thing spelt twice.

use serde_json::{Map, Value as Json};

use super::{Lines, Proposing, lines::folded};
use crate::{Badge, FieldSchema, FieldType, ObjectConcept, ObjectSchema, TransformCall};

impl<'a> Proposing<'a> {
    /// A line into an existing pick-list: none where it knows none of the values.
    pub(super) fn options_bridge(
        &self,
        object: &ObjectSchema,
        field: &FieldSchema,
        target: &FieldSchema,
    ) -> Option<(Vec<TransformCall>, Badge)> {
        let (mut calls, badge) = self.bridge(object, field, &target.ty)?;
        if field.ty == FieldType::Bool {
            return Some((calls, badge));
        }
        let values = self.labels(object, field);
        let mut table = Map::new();
        let mut exact = true;
        for value in &values {
            let option = target.options.iter().find(|option| folded(&option.label) == folded(value));
            match option {
                Some(option) => {
                    exact &= option.label.trim().to_lowercase() == value.trim().to_lowercase();
                    table.insert(value.clone(), Json::from(option.label.as_str()));
                }
                None => exact = false,
            }
        }
        if table.is_empty() || table.len() < values.len() {
            return None;
        }
        if !exact {
            calls.push(TransformCall::with("value_map", Json::Object(table)));
        }
        Some((calls, badge))
    }

    /// Values of one field that are nearly the same: mapped together, with a question.
    pub(super) fn values(&mut self, lines: &mut Lines<'a>, index: usize) {
        let mut questions = Vec::new();
        for (place, line) in lines.lines.iter_mut().enumerate() {
            let [name] = &line.from[..] else { continue };
            let Some(field) = lines.from.fields.get(name).filter(|_| line.transforms.is_empty()) else { continue };
            let pick = matches!(field.ty, FieldType::Option | FieldType::Options | FieldType::Text { .. });
            let Some(profile) = self.profile(lines.from, name).filter(|_| pick) else { continue };
            let counted: Vec<(String, u64)> = profile
                .top
                .iter()
                .map(|(key, count)| {
                    let label =
                        field.options.iter().find(|option| option.id == *key).map(|option| option.label.clone());
                    (label.unwrap_or_else(|| key.clone()), *count)
                })
                .collect();
            let same = same_things(&counted, &self.catalogue());
            if same.is_empty() {
                continue;
            }
            let told: Vec<String> = same.iter().map(|(from, to)| format!("{from:?} is {to:?}")).collect();
            let map: Map<String, Json> =
                same.iter().map(|(from, to)| (from.clone(), Json::from(to.as_str()))).collect();
            let arguments = serde_json::json!({ "map": map, "otherwise": "keep" });
            line.transforms.push(TransformCall::with("value_map", arguments));
            line.badge = Some(Badge::ManyToOne);
            if let Some(planned) = line.to.strip_prefix("custom:")
                && let Some(planned) = self.plan.fields.iter_mut().find(|known| known.id == planned)
            {
                for (_, to) in &same {
                    if !planned.options.is_empty() && !planned.options.contains(to) {
                        planned.options.push(to.clone());
                    }
                }
            }
            let text = format!("In {} of {}: {}. Write them as one?", field.label, lines.from.label, told.join(", "));
            let about = format!("/mappings/{index}/fields/{place}/transforms/{}", line.transforms.len() - 1);
            questions.push((format!("{}.values", line.id), about, text));
        }
        for (id, about, text) in questions {
            self.ask(id, about, text, vec!["yes".to_owned(), "no".to_owned()]);
        }
    }

    /// Names of things that other records mention: products and the like.
    fn catalogue(&self) -> Vec<String> {
        let lists = |object: &&ObjectSchema| matches!(object.concept, None | Some(ObjectConcept::CustomObject));
        let objects = self.audit.source.schema.objects.values().filter(lists);
        let fields = objects.flat_map(|object| object.fields.values().map(move |field| (object, field)));
        fields
            .filter(|(_, field)| matches!(field.ty, FieldType::Text { .. } | FieldType::Option | FieldType::Any))
            .filter_map(|(object, field)| self.profile(object, &field.name))
            .flat_map(|profile| profile.top.keys().cloned())
            .collect()
    }
}

/// Values that are another one, differently spelt: from each to the spelling of the catalogue, or the more frequent one.
fn same_things(values: &[(String, u64)], catalogue: &[String]) -> Vec<(String, String)> {
    let mut same: Vec<(String, String)> = Vec::new();
    let listed = |value: &str| catalogue.iter().any(|entry| entry == value);
    for (value, count) in values.iter().filter(|(value, _)| !listed(value)) {
        let entry = catalogue.iter().find(|entry| folded(entry) == folded(value));
        let twin = || {
            let twins = values.iter().filter(|(other, more)| {
                other != value && (listed(other) || (more, other) > (count, value)) && alike(value, other)
            });
            twins.max_by_key(|(other, more)| (listed(other), *more)).map(|(other, _)| other)
        };
        if let Some(to) = entry.or_else(twin) {
            same.push((value.clone(), to.clone()));
        }
    }
    // What stands for another must itself stay.
    let replaced: Vec<String> = same.iter().map(|(from, _)| from.clone()).collect();
    same.retain(|(_, to)| !replaced.contains(to));
    same
}

/// Whether two values differ only in case, spaces and punctuation, or by a slip of the pen. Numbers tell things apart.
fn alike(a: &str, b: &str) -> bool {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let (x, y) = (folded(a), folded(b));
    if x.is_empty() || digits(a) != digits(b) {
        return false;
    }
    x == y || (x.len() >= 8 && y.len() >= 8 && strsim::normalized_damerau_levenshtein(&x, &y) >= 0.9)
}

#[cfg(test)]
mod tests {
    use super::same_things;

    #[test]
    fn spellings_of_one_thing_are_found() {
        let values =
            |list: &[(&str, u64)]| list.iter().map(|(value, count)| ((*value).to_owned(), *count)).collect::<Vec<_>>();
        let pair = |from: &str, to: &str| vec![(from.to_owned(), to.to_owned())];
        let catalogue = ["GTX Pro".to_owned(), "GTX Plus Pro".to_owned()];
        assert_eq!(same_things(&values(&[("GTXPro", 9)]), &catalogue), pair("GTXPro", "GTX Pro"));
        assert_eq!(same_things(&values(&[("GTX Plus Pro", 2), ("GTX Pro", 9)]), &catalogue), []);
        assert_eq!(same_things(&values(&[("technology", 9), ("technolgy", 1)]), &[]), pair("technolgy", "technology"));
        assert_eq!(same_things(&values(&[("e-mail", 1), ("email", 1)]), &[]), pair("e-mail", "email"));
        assert_eq!(same_things(&values(&[("Region 10 North", 1), ("Region 11 North", 5)]), &[]), []);
        assert_eq!(same_things(&values(&[("yes", 1), ("no", 5)]), &[]), []);
    }
}
