//! The account as a source: what its definitions and the data of one export tell, in core's words.

use std::collections::{BTreeMap, HashMap};

use crmkit_core::{
    FieldConcept as F, FieldSchema, FieldType, ObjectConcept, ObjectSchema, OptionSchema, Problem, Severity, Source,
};

use super::{
    catalog::Catalog,
    columns::{AllColumns, Columns, Learning, Values, values},
    config::{ApsisOneConfig, EmailEvents, EventKind},
    events,
    extract::Extract,
    tags::Tags,
};

/// What the account is, learnt once.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) catalog: Catalog,
    pub(super) columns: AllColumns,
    pub(super) tags: Tags,
    problems: Vec<Problem>,
    counts: Vec<(&'static str, u64)>,
}

/// What an export says about whom, by who it is about.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// Keys of the profiles that tell about a company.
    pub(super) organizations: BTreeMap<String, Vec<String>>,
    /// Keys of the profiles that tell about a deal.
    pub(super) deals: BTreeMap<String, Vec<String>>,
    /// Keys of the profiles with an address.
    pub(super) by_email: HashMap<String, Vec<String>>,
}

/// The objects, in the order in which they are described.
pub(super) const PROFILES: &str = "profiles";
pub(super) const ORGANIZATIONS: &str = "organizations";
pub(super) const DEALS: &str = "deals";
pub(super) const EMAIL_EVENTS: &str = "email_events";
pub(super) const EVENTS: &str = "events";
pub(super) const NOTES: &str = "notes";
pub(super) const TAGS: &str = "tags";
pub(super) const SEGMENTS: &str = "segments";
pub(super) const SECTIONS: &str = "sections";
pub(super) const FLOWS: &str = "flows";

impl Account {
    /// Learns types and tags from the data.
    pub(super) fn learn(catalog: Catalog, config: &ApsisOneConfig, extract: &Extract) -> Self {
        let mut learning = Learning::default();
        let mut tags = Tags::new(config.tag_names, &catalog);
        for key in extract.keys_after(None) {
            // What cannot be read is told when its page is.
            let Ok(profile) = extract.profile(key) else { continue };
            learning.see(config, &values(&catalog, &profile));
            let labels = tags.of(&catalog, &profile);
            tags.count(&labels);
        }
        let (columns, mut problems) = learning.finish(&catalog, config);
        problems.extend(tags.problems());
        problems.extend(undeclared(&catalog, config));
        let mut account = Self { catalog, columns, tags, problems, counts: Vec::new() };
        let groups = account.groups(config, extract);
        account.counts = vec![
            (PROFILES, extract.len() as u64),
            (ORGANIZATIONS, groups.organizations.len() as u64),
            (DEALS, groups.deals.len() as u64),
            (TAGS, account.tags.labels.len() as u64),
            (SEGMENTS, account.catalog.segments.len() as u64),
            (SECTIONS, account.catalog.sections.len() as u64),
            (FLOWS, (account.catalog.flows.len() + config.flows.len()) as u64),
        ];
        account
    }

    /// Whom the profiles of an export are about.
    pub(super) fn groups(&self, config: &ApsisOneConfig, extract: &Extract) -> Groups {
        let mut groups = Groups::default();
        for key in extract.keys_after(None) {
            let Ok(profile) = extract.profile(key) else { continue };
            let values = values(&self.catalog, &profile);
            if let Some(id) = self.organization_id(config, &values) {
                groups.organizations.entry(id).or_default().push(key.to_owned());
            }
            if let Some(id) = self.deal_id(config, key, &values) {
                groups.deals.entry(id).or_default().push(key.to_owned());
            }
            if let Some(addresses) = self.columns.person.text("email", config, &values) {
                for address in addresses.split("; ") {
                    groups.by_email.entry(address.to_owned()).or_default().push(key.to_owned());
                }
            }
        }
        groups
    }

    /// A company by its domain, else by its name.
    pub(super) fn organization_id(&self, config: &ApsisOneConfig, values: &Values<'_>) -> Option<String> {
        let columns = &self.columns.organization;
        let domain = ["domain", "website"].into_iter().find_map(|field| columns.text(field, config, values));
        let name = || {
            let name = columns.text("name", config, values)?;
            Some(name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase())
        };
        domain.map(|domain| bare_domain(&domain)).filter(|domain| !domain.is_empty()).or_else(name)
    }

    /// A deal by its own id where one is told, else by whose it is.
    pub(super) fn deal_id(&self, config: &ApsisOneConfig, key: &str, values: &Values<'_>) -> Option<String> {
        let columns = &self.columns.deal;
        let told = |field: &str| columns.text(field, config, values);
        if let Some(id) = told("id") {
            return Some(id);
        }
        let any = columns.0.iter().any(|column| {
            let (value, doubt) = column.read(config, values);
            value.is_some() || doubt.is_some()
        });
        any.then(|| key.to_owned())
    }

    pub(super) fn describe(&self, config: &ApsisOneConfig) -> Source {
        let mut source = Source::new(super::KIND, config.instance());
        source.schema = self.objects(config).into_iter().collect();
        source.counts = self.counts.iter().map(|(name, count)| ((*name).into(), *count)).collect();
        source.time_zone = Some("UTC".to_owned());
        source.currency.clone_from(&config.currency);
        source.problems.clone_from(&self.problems);
        source.gotchas = GOTCHAS.iter().map(|text| (*text).to_owned()).collect();
        source
    }

    fn objects(&self, config: &ApsisOneConfig) -> Vec<ObjectSchema> {
        let organizations = !self.columns.organization.0.is_empty();
        let mut objects = Vec::new();
        if organizations {
            let object =
                ObjectSchema::new(ORGANIZATIONS, "Companies in profiles", ObjectConcept::Organization).with(id("id"));
            objects.push(with_columns(object, &self.columns.organization));
        }
        objects.push(self.profiles(config, organizations));
        if !self.columns.deal.0.is_empty() {
            let mut object = ObjectSchema::new(DEALS, "Deals in profiles", ObjectConcept::Deal)
                .with(id("source_id"))
                .with(FieldSchema::new("profile", "Profile", FieldType::link(PROFILES)).means(F::Person));
            if organizations {
                object = object.with(organization_link());
            }
            objects.push(with_columns(object, &self.columns.deal));
        }
        if config.events.email == EmailEvents::Reports {
            objects.push(events::email_schema());
        }
        objects.push(events::schema(EVENTS, "Events", ObjectConcept::Activity));
        objects.push(events::schema(NOTES, "Web events", ObjectConcept::Note));
        objects.push(
            // A list of what there is; which profile has which is in the profiles.
            ObjectSchema::new(TAGS, "Tags", None)
                .with(FieldSchema::new("name", "Name", FieldType::text()).means(F::Name))
                .with(FieldSchema::new("spellings", "Names in the sections", FieldType::LongText))
                .with(FieldSchema::new("profiles", "Profiles", FieldType::Int))
                .with(FieldSchema::new("rare", "On fewer than five profiles", FieldType::Bool)),
        );
        let defined = |name: &str, label: &str, concept| {
            ObjectSchema::new(name, label, concept)
                .with(FieldSchema::new("name", "Name", FieldType::text()).means(F::Name))
                .with(FieldSchema::new("description", "Description", FieldType::LongText))
                .with(FieldSchema::new("members", "Members", FieldType::Int))
                .with(FieldSchema::new("definition", "Definition", FieldType::LongText).means(F::Definition))
        };
        objects.push(defined(SEGMENTS, "Segments", ObjectConcept::Segment));
        objects.push(defined(SECTIONS, "Sections", ObjectConcept::Segment));
        objects.push(defined(FLOWS, "Automation flows", ObjectConcept::Automation));
        objects
    }

    fn profiles(&self, config: &ApsisOneConfig, organizations: bool) -> ObjectSchema {
        let mut object = ObjectSchema::new(PROFILES, "Profiles", ObjectConcept::Person).with(id("export_key"));
        object = with_columns(object, &self.columns.person);
        if organizations {
            object = object.with(organization_link());
        }
        let options = |mut field: FieldSchema, names: Vec<&str>| {
            field.options =
                names.into_iter().map(|name| OptionSchema { id: name.to_owned(), label: name.to_owned() }).collect();
            field
        };
        let tags = FieldSchema::new("tags", "Tags", FieldType::Options).means(F::Labels);
        object = object.with(options(tags, self.tags.labels.keys().map(String::as_str).collect()));
        let sections = FieldSchema::new("sections", "Sections", FieldType::Options).custom();
        let names = self.catalog.sections.iter().map(|section| section.name.as_str()).collect();
        object = object.with(options(sections, names));
        if !config.static_segments.is_empty() {
            let kept = self.catalog.segments.iter().filter(|segment| {
                config.static_segments.iter().any(|one| *one == segment.discriminator || one == segment.label())
            });
            let field = FieldSchema::new("segments", "Segments", FieldType::Options).custom();
            object = object.with(options(field, kept.map(|segment| segment.label()).collect()));
        }
        if config.consents {
            for (channel, label) in [("email", "E-mail"), ("sms", "SMS")] {
                let field = |name: &str, what: &str, ty| {
                    FieldSchema::new(format!("{channel}_{name}"), format!("{label} {what}"), ty).custom()
                };
                object = object
                    .with(field("consent", "consent", FieldType::Bool))
                    .with(field("consent_date", "consent date", FieldType::Timestamp))
                    .with(field("enabled", "enabled", FieldType::Bool));
            }
            object = object.with(FieldSchema::new("consents", "Consents", FieldType::LongText).custom());
        }
        object
    }
}

fn id(name: &str) -> FieldSchema {
    FieldSchema::new(name, "Id in APSIS One", FieldType::text()).means(F::Id)
}

fn organization_link() -> FieldSchema {
    FieldSchema::new("organization", "Company", FieldType::link(ORGANIZATIONS)).means(F::Organization)
}

fn with_columns(object: ObjectSchema, columns: &Columns) -> ObjectSchema {
    columns.0.iter().fold(object, |object, column| object.with(column.schema()))
}

/// `https://www.Acme.example/about` and `acme.example` are one.
pub(super) fn bare_domain(text: &str) -> String {
    let text = text.trim().to_lowercase();
    let text = text.split_once("://").map_or(text.as_str(), |(_, rest)| rest);
    let text = text.split(['/', '?', '#', ':']).next().unwrap_or_default();
    text.strip_prefix("www.").unwrap_or(text).trim_end_matches('.').to_owned()
}

/// What the configuration leaves out or names in vain.
fn undeclared(catalog: &Catalog, config: &ApsisOneConfig) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut say = |severity, code: &str, message: String, remedy: &str| {
        problems.push(Problem::new(severity, code, message, remedy));
    };
    let known = |wanted: &String| {
        let attributes = catalog.sections.iter().flat_map(|section| &section.attributes);
        attributes.into_iter().any(|one| one.discriminator == *wanted || one.label() == wanted)
    };
    for (group, map) in [("organization", &config.organization), ("deal", &config.deal)] {
        for (field, attribute) in map.iter().filter(|(_, attribute)| !known(attribute)) {
            let message = format!("{group}.{field} names the attribute {attribute}, which no section has");
            say(Severity::Block, "unknown_attribute", message, "write the attribute's name or discriminator");
        }
    }
    let types = catalog.sections.iter().flat_map(|section| &section.events).count();
    if config.events.since.is_none() && types > 0 {
        let message = format!("the history of {types} event types is not read, because events.since is not given");
        say(Severity::Warn, "events_not_read", message, "write from when on events are wanted");
    }
    let left: Vec<&str> = catalog
        .sections
        .iter()
        .flat_map(|section| &section.events)
        .filter(|event| event.is(EventKind::Leave))
        .map(|event| event.definition.label())
        .collect();
    if !left.is_empty() {
        let message = format!("events of these types are not read: {}", left.join(", "));
        say(
            Severity::Warn,
            "events_left",
            message,
            "consents tell about themselves; name other types under events.kinds",
        );
    }
    if !config.consents {
        say(Severity::Warn, "consents_not_read", "consents are not read".to_owned(), "write consents = true");
    }
    if catalog.flows_missing {
        let message = "the inventory of automations cannot be read at the address given".to_owned();
        say(Severity::Warn, "flows_not_read", message, "write the automations down as documents under flows");
    }
    problems
}

/// What a person should know before moving off APSIS One.
const GOTCHAS: [&str; 8] = [
    "10 requests per second for any single profile; other profiles are read beside it",
    "request bodies are capped at 100 kB, so long lists of columns become several exports",
    "the state of a synchronisation with a CRM and its last time cannot be read; pair the systems again and synchronise in full",
    "automation flows cannot be exported; write each down as a document, with screenshots, and rebuild it",
    "segments are rules in a language that is not published; rebuild them as filters from the guide",
    "forms, landing pages, reports, sequences and the sending set-up stay behind",
    "suppressed addresses cannot be read; export the list by hand and name them in the configuration",
    "the price depends on the size of the audience: end the contract after the last delta",
];

#[cfg(test)]
mod tests {
    use super::bare_domain;

    #[test]
    fn spellings_of_a_domain_are_one() {
        for text in
            ["acme.example", "https://www.Acme.example/about?x", " WWW.acme.example. ", "http://acme.example:80"]
        {
            assert_eq!(bare_domain(text), "acme.example", "{text}");
        }
    }
}
