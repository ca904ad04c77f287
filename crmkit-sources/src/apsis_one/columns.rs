//! Which attribute becomes which field: names joined across sections, types told by data, contradictions kept for a person.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crmkit_core::{
    Doubt, FieldConcept as F, FieldName, FieldSchema, FieldType, OptionSchema, Problem, Severity, Value,
};
use serde_json::Value as Json;

use super::{
    catalog::Catalog,
    config::ApsisOneConfig,
    infer::{Kind, Seen},
    wire,
};

/// Where values of doubtful records come from.
pub(super) const ORIGIN: &str = "profile export";

/// A field and the attributes that it is read from.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) field: FieldName,
    label: String,
    shape: Shape,
    concept: Option<F>,
    custom: bool,
    /// The data tells the shape.
    open: bool,
    /// Places of section and attribute, in order of precedence.
    sources: Vec<(usize, usize)>,
    /// Why a person has to decide before any value counts.
    conflict: Option<String>,
    options: Vec<String>,
}

/// What a column's values become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Plain(Kind),
    Emails,
    Phones,
    Url,
    /// One entry of a pick-list.
    Choice,
}

/// The columns of an object.
#[derive(Debug, Default)]
pub(super) struct Columns(pub(super) Vec<Column>);

/// Values of one profile by place of section and attribute.
pub(super) type Values<'a> = HashMap<(usize, usize), &'a Json>;

/// The columns of the three objects that a profile may become.
#[derive(Debug, Default)]
pub(super) struct AllColumns {
    pub(super) person: Columns,
    pub(super) organization: Columns,
    pub(super) deal: Columns,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Group {
    Person,
    Organization,
    Deal,
}

/// Where an attribute goes.
struct Target {
    group: Group,
    field: String,
    concept: Option<F>,
    /// The shape, where it does not depend on the data.
    shape: Option<Shape>,
    custom: bool,
}

/// Fields of a profile that are not read from an attribute of their name.
const RESERVED: [&str; 14] = [
    "export_key",
    "organization",
    "tags",
    "sections",
    "segments",
    "consents",
    "email_consent",
    "email_consent_date",
    "email_enabled",
    "sms_consent",
    "sms_consent_date",
    "sms_enabled",
    "email",
    "mobile",
];

/// The values of a profile; a value under a current version counts before one under an old one.
pub(super) fn values<'a>(catalog: &Catalog, profile: &'a wire::Profile) -> Values<'a> {
    let mut values: HashMap<(usize, usize), (&Json, bool)> = HashMap::new();
    for (place, section) in catalog.sections.iter().enumerate() {
        let Some(data) = profile.sections.get(&section.discriminator) else { continue };
        // Where values come in a list of their own inside the section.
        let attributes = data.attributes.get("items").and_then(Json::as_object).unwrap_or(&data.attributes);
        for (name, value) in attributes {
            let Some((attribute, old)) = section.attribute(name) else { continue };
            let value = value.get("value").unwrap_or(value);
            if !old || values.get(&(place, attribute)).is_none_or(|(_, known_old)| *known_old) {
                values.insert((place, attribute), (value, old));
            }
        }
    }
    values.into_iter().map(|(place, (value, _))| (place, value)).collect()
}

/// Watches the values of all profiles to tell the types of attributes.
#[derive(Debug, Default)]
pub(super) struct Learning {
    seen: HashMap<(usize, usize), Seen>,
}

impl Learning {
    pub(super) fn see(&mut self, config: &ApsisOneConfig, values: &Values<'_>) {
        for (place, value) in values {
            self.seen.entry(*place).or_default().see(value, &config.delimiters, config.most_options);
        }
    }

    /// The columns, and what a person should know about them.
    pub(super) fn finish(self, catalog: &Catalog, config: &ApsisOneConfig) -> (AllColumns, Vec<Problem>) {
        let mut found: BTreeMap<(Group, usize), Column> = BTreeMap::new();
        let mut order: HashMap<(Group, String), usize> = HashMap::new();
        for (place, section) in catalog.sections.iter().enumerate() {
            let mut here: BTreeSet<(Group, String)> = BTreeSet::new();
            for (attribute, definition) in section.attributes.iter().enumerate() {
                let mut target = target(config, definition);
                // Two attributes of one section are two fields, whatever they are called.
                let base = target.field.clone();
                let mut number = 1;
                while !here.insert((target.group, target.field.clone())) {
                    number += 1;
                    target.field = format!("{base}_{number}");
                }
                let count = order.len();
                let at = *order.entry((target.group, target.field.clone())).or_insert(count);
                let column = found.entry((target.group, at)).or_insert_with(|| Column {
                    field: target.field.as_str().into(),
                    label: definition.label().to_owned(),
                    shape: target.shape.unwrap_or(Shape::Plain(Kind::Text)),
                    concept: target.concept,
                    custom: target.custom,
                    open: target.shape.is_none(),
                    sources: Vec::new(),
                    conflict: None,
                    options: Vec::new(),
                });
                column.sources.push((place, attribute));
            }
        }
        let mut all = AllColumns::default();
        let mut problems = Vec::new();
        for ((group, _), mut column) in found {
            self.settle(&mut column, catalog, config);
            if let Some(conflict) = &column.conflict {
                let remedy = format!(
                    "decide: write its type under attribute_types, as in {{\"{}\": \"text\"}}; until then every profile with a value waits",
                    column.label
                );
                let message = format!("the attribute {} has several types: {conflict}", column.label);
                problems.push(
                    Problem::new(Severity::Hold, "attribute_types_differ", message, remedy)
                        .at(format!("/schema/objects/profiles/fields/{}", column.field)),
                );
            }
            match group {
                Group::Person => all.person.0.push(column),
                Group::Organization => all.organization.0.push(column),
                Group::Deal => all.deal.0.push(column),
            }
        }
        (all, problems)
    }

    /// The shape of a column by its values, unless a person decided it.
    fn settle(&self, column: &mut Column, catalog: &Catalog, config: &ApsisOneConfig) {
        let definitions = |(section, attribute): (usize, usize)| &catalog.sections[section].attributes[attribute];
        let decided = config.attribute_types.iter().find(|(name, _)| {
            **name == column.label
                || column.field == name.as_str()
                || column.sources.iter().any(|place| definitions(*place).discriminator == **name)
        });
        let mut parts: BTreeSet<String> = BTreeSet::new();
        for place in &column.sources {
            parts.extend(self.seen.get(place).into_iter().flat_map(|seen| seen.parts().iter().cloned()));
        }
        if let Some((_, ty)) = decided {
            column.shape = Shape::Plain((*ty).into());
        } else if column.open {
            self.by_data(column, catalog, config, &parts);
        }
        if matches!(column.shape, Shape::Plain(Kind::Options) | Shape::Choice) {
            column.options = parts.into_iter().collect();
        }
    }

    fn by_data(&self, column: &mut Column, catalog: &Catalog, config: &ApsisOneConfig, parts: &BTreeSet<String>) {
        let mut kind: Option<Kind> = None;
        let mut kinds: Vec<(String, Kind)> = Vec::new();
        let mut differ = false;
        for (section, attribute) in &column.sources {
            let seen = self.seen.get(&(*section, *attribute));
            let Some(own) = seen.and_then(|seen| seen.kind(config.most_options)) else { continue };
            // What the vendor stores as a number and calls a time is a time.
            let definition = &catalog.sections[*section].attributes[*attribute];
            let declared = definition.versions.iter().find_map(|version| Kind::declared(version.declared()?));
            let own = if own == Kind::Int && declared == Some(Kind::Timestamp) { Kind::Timestamp } else { own };
            kinds.push((catalog.sections[*section].name.clone(), own));
            kind = match kind {
                None => Some(own),
                Some(known) => match known.with(own) {
                    Some(both) => Some(both),
                    // One value at a time in one section, several in another: one vocabulary.
                    None if is_one_list(known, own) && parts.len() <= config.most_options => Some(Kind::Options),
                    None => {
                        differ = true;
                        Some(known)
                    }
                },
            };
        }
        let declared = || {
            column.sources.iter().find_map(|(section, attribute)| {
                let versions = &catalog.sections[*section].attributes[*attribute].versions;
                versions.iter().find_map(|version| Kind::declared(version.declared()?))
            })
        };
        column.shape = match kind {
            _ if differ => {
                let told: Vec<String> =
                    kinds.iter().map(|(section, kind)| format!("{} in {section}", kind.word())).collect();
                column.conflict = Some(told.join(", "));
                Shape::Plain(Kind::LongText)
            }
            Some(kind) => Shape::Plain(kind),
            // Without a value the vendor's word counts; a pick-list without entries would be none.
            None => Shape::Plain(declared().filter(|kind| *kind != Kind::Options).unwrap_or(Kind::Text)),
        };
    }
}

fn is_one_list(a: Kind, b: Kind) -> bool {
    matches!((a, b), (Kind::Options, Kind::Text) | (Kind::Text, Kind::Options))
}

/// Where an attribute goes: to the company or deal that the configuration names, else to the person.
fn target(config: &ApsisOneConfig, definition: &wire::Named) -> Target {
    let is = |(_, wanted): &(&String, &String)| **wanted == definition.discriminator || **wanted == definition.label();
    let plain = |kind| Some(Shape::Plain(kind));
    if let Some((name, _)) = config.organization.iter().find(is) {
        let (concept, shape) = match name.as_str() {
            "name" => (Some(F::Name), plain(Kind::Text)),
            "domain" => (Some(F::Domain), plain(Kind::Text)),
            "website" => (Some(F::Website), Some(Shape::Url)),
            "industry" => (Some(F::Industry), Some(Shape::Choice)),
            "employee_count" => (Some(F::EmployeeCount), plain(Kind::Int)),
            "revenue" => (Some(F::Revenue), plain(Kind::Decimal)),
            _ => (None, None),
        };
        return Target { group: Group::Organization, field: slug(name), custom: concept.is_none(), concept, shape };
    }
    if let Some((name, _)) = config.deal.iter().find(is) {
        let (concept, shape) = match name.as_str() {
            "id" => (None, plain(Kind::Text)),
            "title" => (Some(F::Name), plain(Kind::Text)),
            "amount" => (Some(F::Amount), plain(Kind::Decimal)),
            "stage" => (Some(F::Stage), Some(Shape::Choice)),
            "status" => (Some(F::Status), Some(Shape::Choice)),
            "expected_close_date" => (Some(F::ExpectedCloseDate), plain(Kind::Date)),
            "probability" => (Some(F::Probability), plain(Kind::Decimal)),
            _ => (None, None),
        };
        let custom = concept.is_none() && name != "id";
        return Target { group: Group::Deal, field: slug(name), custom, concept, shape };
    }
    let standard = |field: &str, concept: Option<F>, shape: Shape| Target {
        group: Group::Person,
        field: field.to_owned(),
        concept,
        shape: Some(shape),
        custom: false,
    };
    match definition.discriminator.strip_prefix("com.apsis1.attributes.") {
        Some("firstname") => standard("first_name", Some(F::GivenName), Shape::Plain(Kind::Text)),
        Some("lastname") => standard("last_name", Some(F::FamilyName), Shape::Plain(Kind::Text)),
        Some("email") => standard("email", Some(F::Emails), Shape::Emails),
        Some("mobile") => standard("mobile", Some(F::Phones), Shape::Phones),
        Some("birthdate") => standard("birth_date", Some(F::BirthDate), Shape::Plain(Kind::Date)),
        // Texts, even where all of them are numbers: they are another system's keys.
        Some("crmid") => standard("crm_id", None, Shape::Plain(Kind::Text)),
        _ => {
            let mut field = slug(definition.label());
            let standard = ["first_name", "last_name", "birth_date", "crm_id"];
            if RESERVED.contains(&field.as_str()) || standard.contains(&field.as_str()) {
                field = format!("attribute_{field}");
            }
            Target { group: Group::Person, field, concept: None, shape: None, custom: true }
        }
    }
}

/// A name for programs.
pub(super) fn slug(name: &str) -> String {
    let mut slug = String::new();
    for letter in name.trim().chars().flat_map(char::to_lowercase) {
        if letter.is_alphanumeric() {
            slug.push(letter);
        } else if !slug.ends_with('_') && !slug.is_empty() {
            slug.push('_');
        }
    }
    let slug = slug.trim_end_matches('_').to_owned();
    if slug.is_empty() { "unnamed".to_owned() } else { slug }
}

impl Column {
    pub(super) fn schema(&self) -> FieldSchema {
        let ty = match self.shape {
            Shape::Plain(kind) => kind.field_type(),
            Shape::Emails => FieldType::Emails,
            Shape::Phones => FieldType::Phones,
            Shape::Url => FieldType::Url,
            Shape::Choice => FieldType::Option,
        };
        let mut field = FieldSchema::new(self.field.clone(), self.label.clone(), ty);
        field.concept = self.concept;
        field.custom = self.custom;
        field.options =
            self.options.iter().map(|name| OptionSchema { id: name.clone(), label: name.clone() }).collect();
        field
    }

    /// The value of a profile, or why a person has to look at it.
    pub(super) fn read(&self, config: &ApsisOneConfig, values: &Values<'_>) -> (Option<Value>, Option<Doubt>) {
        let mut found: Vec<Value> = Vec::new();
        for place in &self.sources {
            let Some(json) = values.get(place) else { continue };
            match self.one(config, json) {
                Ok(Some(value)) if !found.contains(&value) => found.push(value),
                Ok(_) => {}
                Err(message) => return (None, Some(self.doubt(message))),
            }
        }
        if found.is_empty() {
            return (None, None);
        }
        // A value stands beside its doubt, so that the field is one that has values: it gets a place, and the record waits for it.
        if let Some(conflict) = &self.conflict {
            let message = format!("sections disagree about its type: {conflict}");
            return (found.into_iter().next(), Some(self.doubt(message)));
        }
        match self.shape {
            // Several addresses are several addresses.
            Shape::Emails | Shape::Phones => (Some(Value::List(found.into())), None),
            _ if found.len() > 1 && !config.first_section_wins => {
                (found.into_iter().next(), Some(self.doubt("sections hold different values".to_owned())))
            }
            _ => (found.into_iter().next(), None),
        }
    }

    pub(super) fn doubt(&self, message: String) -> Doubt {
        doubt(&self.field, message)
    }

    fn one(&self, config: &ApsisOneConfig, json: &Json) -> Result<Option<Value>, String> {
        let labelled = |value: String| {
            Value::Labelled(std::sync::Arc::new(crmkit_core::Labelled { value: value.into(), label: None }))
        };
        let text = || super::infer::plain(json).trim().to_owned();
        match self.shape {
            Shape::Plain(kind) => kind.value(json, &config.delimiters),
            Shape::Emails => Ok(Some(text().to_lowercase()).filter(|text| !text.is_empty()).map(labelled)),
            Shape::Phones => Ok(phone(&text()).map(labelled)),
            Shape::Url => Ok(Some(text()).filter(|text| !text.is_empty()).map(Value::text)),
            Shape::Choice => Ok(Some(text()).filter(|text| !text.is_empty()).map(Value::option)),
        }
    }
}

/// A doubt about a field of a profile.
pub(super) fn doubt(field: &FieldName, message: String) -> Doubt {
    Doubt { field: field.clone(), origin: ORIGIN.to_owned(), line: None, message, candidates: Vec::new() }
}

/// Numbers are kept with their country code and without the sign that says so.
fn phone(text: &str) -> Option<String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let bare = digits && !text.starts_with('0');
    (!text.is_empty()).then(|| if bare { format!("+{text}") } else { text.to_owned() })
}

impl Columns {
    pub(super) fn get(&self, field: &str) -> Option<&Column> {
        self.0.iter().find(|column| column.field == field)
    }

    /// The text of a field of a profile, if it has one that is not in doubt.
    pub(super) fn text(&self, field: &str, config: &ApsisOneConfig, values: &Values<'_>) -> Option<String> {
        let (value, _) = self.get(field)?.read(config, values);
        value.map(|value| value.to_string().trim().to_owned()).filter(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_for_programs() {
        for (name, expected) in
            [("Customer tier", "customer_tier"), (" A -- b! ", "a_b"), ("Förnamn", "förnamn"), ("?", "unnamed")]
        {
            assert_eq!(slug(name), expected);
        }
        assert_eq!(phone("46701234567").as_deref(), Some("+46701234567"));
        assert_eq!(phone("0701").as_deref(), Some("0701"));
        assert_eq!(phone(""), None);
    }
}
