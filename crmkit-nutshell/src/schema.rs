//! What an instance's objects and fields are, in core's words.

use crmkit_core::{
    Destination, ExistingItem, FieldConcept, FieldName, FieldSchema, FieldType, ItemKind, ObjectConcept, ObjectName,
    ObjectSchema, OptionSchema, Permission, RecordId, SchemaItem, User as CoreUser,
};
use serde_json::Value as Json;

use crate::{
    KIND, NutshellConfig,
    connector::Known,
    cost,
    object::Object,
    wire::{Attribute, Market, Milestone, Named, Outcome, RestUser, Tags, User},
};

/// What the instance answered about itself.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) id: i64,
    pub(crate) caps: Vec<(&'static str, u64)>,
    pub(crate) me: User,
    pub(crate) users: Vec<User>,
    pub(crate) rest_users: Vec<RestUser>,
    pub(crate) account_fields: Vec<Attribute>,
    pub(crate) contact_fields: Vec<Attribute>,
    pub(crate) lead_fields: Vec<Attribute>,
    pub(crate) catalog: Catalog,
}

/// What people set up, as far as records name it.
#[derive(Debug)]
pub(crate) struct Catalog {
    pub(crate) stagesets: Vec<Named>,
    pub(crate) milestones: Vec<Milestone>,
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) activity_types: Vec<Named>,
    pub(crate) sources: Vec<Named>,
    pub(crate) industries: Vec<Named>,
    pub(crate) account_types: Vec<Named>,
    pub(crate) territories: Vec<Named>,
    pub(crate) teams: Vec<Named>,
    pub(crate) tags: Tags,
    pub(crate) markets: Vec<Market>,
}

/// What a custom field's name is prefixed with, so that one called `name` is not the name.
const CUSTOM: &str = "cf.";

/// A custom field's name in the schema.
pub(crate) fn custom_name(name: &str) -> FieldName {
    FieldName::from(format!("{CUSTOM}{name}"))
}

/// A custom field's name at Nutshell.
pub(crate) fn bare_name(name: &FieldName) -> &str {
    name.as_str().strip_prefix(CUSTOM).unwrap_or(name.as_str())
}

impl Instance {
    /// The instance as a destination, with what values are converted by.
    pub(crate) fn known(self, config: &NutshellConfig) -> Known {
        let objects = [self.account(), self.contact(), self.lead(), self.activity(), note(config.impersonate), file()];
        let abilities = Object::ALL.into_iter().map(|object| {
            let mut abilities = object.abilities(&config.marker);
            abilities.max_bytes = config.max_file_bytes.filter(|_| object == Object::File);
            (object.name().into(), abilities)
        });
        let destination = Destination {
            schema: objects.into_iter().collect(),
            abilities: abilities.collect(),
            users: self.users.iter().map(|user| self.user(user)).collect(),
            items: self.items(),
            permissions: self.permissions().into_iter().map(|(name, may)| (name.to_owned(), may)).collect(),
            caps: self.caps.iter().map(|(name, cap)| ((*name).to_owned(), *cap)).collect(),
            costs: Object::ALL.into_iter().map(|object| (object.name().into(), cost::of(object))).collect(),
            allowance: cost::allowance(config),
            gotchas: GOTCHAS.iter().map(|text| (*text).to_owned()).chain(self.set_up()).collect(),
            ..Destination::new(KIND, self.id.to_string())
        };
        Known { destination, catalog: self.catalog }
    }

    fn user(&self, user: &User) -> CoreUser {
        CoreUser {
            id: RecordId::from(user.id.to_string()),
            email: user.emails.first().cloned().unwrap_or_default(),
            name: user.name.clone().unwrap_or_default(),
            active: user.is_enabled,
            importing: user.id == self.me.id,
        }
    }

    fn permissions(&self) -> [(&'static str, Permission); 7] {
        let told = self.rest_users.iter().find(|user| user.id == self.me.id);
        let may = |yes: Option<bool>| match yes {
            Some(true) => Permission::Yes,
            Some(false) => Permission::No,
            None => Permission::Unknown,
        };
        let flag = |name: &str| may(told.and_then(|user| user.permissions[name].as_bool()));
        [
            ("schema", may(Some(self.me.is_administrator))),
            ("set_owner", flag("canAssignEntities")),
            ("delete", flag("canDeleteEntities")),
            ("see_all", may(told.and_then(|user| user.is_viewing_restricted).map(|restricted| !restricted))),
            // No interface has these.
            ("pipelines", Permission::No),
            ("activity_types", Permission::No),
            ("remove_fields", Permission::No),
        ]
    }

    fn account(&self) -> ObjectSchema {
        let catalog = &self.catalog;
        let object = ObjectSchema::new(Object::Account.name(), "Company", ObjectConcept::Organization)
            .with(FieldSchema::new("name", "Name", FieldType::text()).means(FieldConcept::Name).required())
            .with(link("owner", "Owner", "user").means(FieldConcept::Owner))
            .with(FieldSchema::new("description", "Description", FieldType::LongText))
            .with(FieldSchema::new("url", "Website", FieldType::Url).means(FieldConcept::Website))
            .with(FieldSchema::new("email", "E-mail", FieldType::Emails).means(FieldConcept::Emails).clearable())
            .with(FieldSchema::new("phone", "Phone", FieldType::Phones).means(FieldConcept::Phones).clearable())
            .with(FieldSchema::new("address", "Address", FieldType::Address).means(FieldConcept::Address))
            .with(pick("industryId", "Industry", named(&catalog.industries)).means(FieldConcept::Industry))
            .with(pick("accountTypeId", "Company type", named(&catalog.account_types)))
            .with(pick("territoryId", "Territory", named(&catalog.territories)))
            .with(tags(&catalog.tags.accounts));
        complete(object, &self.account_fields)
    }

    fn contact(&self) -> ObjectSchema {
        let object = ObjectSchema::new(Object::Contact.name(), "Person", ObjectConcept::Person)
            .with(FieldSchema::new("name", "Name", FieldType::text()).means(FieldConcept::Name).required())
            .with(link("owner", "Owner", "user").means(FieldConcept::Owner))
            .with(FieldSchema::new("email", "E-mail", FieldType::Emails).means(FieldConcept::Emails).clearable())
            .with(FieldSchema::new("phone", "Phone", FieldType::Phones).means(FieldConcept::Phones).clearable())
            .with(link("account", "Company", "account").means(FieldConcept::Organization))
            .with(FieldSchema::new("description", "Description", FieldType::LongText))
            .with(FieldSchema::new("url", "Website", FieldType::Url).means(FieldConcept::Website))
            .with(FieldSchema::new("address", "Address", FieldType::Address).means(FieldConcept::Address))
            .with(pick("territoryId", "Territory", named(&self.catalog.territories)))
            .with(tags(&self.catalog.tags.contacts));
        complete(object, &self.contact_fields)
    }

    fn lead(&self) -> ObjectSchema {
        let catalog = &self.catalog;
        let object = ObjectSchema::new(Object::Lead.name(), "Lead", ObjectConcept::Deal)
            .with(FieldSchema::new("description", "Name", FieldType::text()).means(FieldConcept::Name).required())
            .with(FieldSchema::new("value", "Value", FieldType::Money).means(FieldConcept::Amount))
            .with(pick("milestoneId", "Stage", catalog.stage_options()).means(FieldConcept::Stage))
            .with(pick("status", "Status", catalog.status_options()).means(FieldConcept::Status))
            .with(
                FieldSchema::new("dueTime", "Expected close date", FieldType::Date)
                    .means(FieldConcept::ExpectedCloseDate),
            )
            .with(FieldSchema::new("confidence", "Confidence", FieldType::Int).means(FieldConcept::Probability))
            .with(link("contact", "Person", "contact").means(FieldConcept::Person))
            .with(
                FieldSchema::new("people", "People", FieldType::Links { to: vec!["contact".into()] })
                    .means(FieldConcept::People),
            )
            .with(link("account", "Company", "account").means(FieldConcept::Organization))
            .with(link("assignee", "Assignee", "user").means(FieldConcept::Owner))
            .with(several("sources", "Sources", named(&catalog.sources)).means(FieldConcept::LeadSource))
            .with(tags(&catalog.tags.leads))
            .with(time("closedTime", "Closed").means(FieldConcept::ClosedAt).read_only())
            .with(FieldSchema::new("number", "Number", FieldType::Int).read_only());
        complete(object, &self.lead_fields)
    }

    /// Activities have no custom fields. How one went is written once: a second text would be appended to the first.
    fn activity(&self) -> ObjectSchema {
        let rich = |name: &str, label: &str| FieldSchema::new(FieldName::from(name), label, FieldType::Rich);
        ObjectSchema::new(Object::Activity.name(), "Activity", ObjectConcept::Activity)
            .with(FieldSchema::new("name", "Subject", FieldType::text()).means(FieldConcept::Subject).required())
            .with(
                pick("activityTypeId", "Type", named(&self.catalog.activity_types))
                    .means(FieldConcept::Kind)
                    .required(),
            )
            .with(time("startTime", "Start").means(FieldConcept::Start))
            .with(time("endTime", "End").means(FieldConcept::End))
            .with(FieldSchema::new("duration", "Duration", FieldType::Duration).means(FieldConcept::Duration))
            .with(FieldSchema::new("isLogged", "Logged", FieldType::Bool).means(FieldConcept::Done).required())
            .with(FieldSchema::new("location", "Location", FieldType::text()).means(FieldConcept::Location))
            .with(rich("description", "Agenda").means(FieldConcept::Body))
            .with(rich("note", "What happened").create_only())
            .with(link("owner", "Owner", "user").means(FieldConcept::Owner))
            .with(link("lead", "Lead", "lead").means(FieldConcept::Deal))
            .with(link("contact", "Person", "contact").means(FieldConcept::Person))
            .with(link("account", "Company", "account").means(FieldConcept::Organization))
            .with(
                FieldSchema::new("people", "People", FieldType::Links { to: vec!["contact".into()] })
                    .means(FieldConcept::People),
            )
            .with(time("createdTime", "Created").read_only())
            .with(time("modifiedTime", "Changed").means(FieldConcept::ModifiedAt).read_only())
    }

    fn items(&self) -> Vec<ExistingItem> {
        let lead = ObjectName::from(Object::Lead.name());
        let existing = |id: String, item| ExistingItem { id, item };
        let catalog = &self.catalog;
        let mut items: Vec<_> = catalog
            .stagesets
            .iter()
            .map(|set| existing(set.id.to_string(), item(ItemKind::Pipeline, &lead, None, &set.name)))
            .collect();
        items.extend(catalog.stages().map(|(set, stage)| {
            existing(stage.id.to_string(), item(ItemKind::Stage, &lead, Some(set.id.to_string()), &stage.name))
        }));
        let sources = catalog.sources.iter();
        items.extend(
            sources
                .map(|source| existing(source.id.to_string(), item(ItemKind::LeadSource, &lead, None, &source.name))),
        );
        let activity = ObjectName::from(Object::Activity.name());
        items.extend(
            catalog
                .activity_types
                .iter()
                .map(|kind| existing(kind.id.to_string(), item(ItemKind::ActivityType, &activity, None, &kind.name))),
        );
        let objects = [
            (Object::Account, &self.account_fields, &catalog.tags.accounts),
            (Object::Contact, &self.contact_fields, &catalog.tags.contacts),
            (Object::Lead, &self.lead_fields, &catalog.tags.leads),
        ];
        for (object, fields, tags) in objects {
            let object = ObjectName::from(object.name());
            for field in fields {
                let mut item = item(ItemKind::Field, &object, None, field.name());
                item.ty = Some(field_type(field));
                item.options = field.choices.clone();
                items.push(existing(custom_name(field.name()).to_string(), item));
            }
            items.extend(
                tags.iter()
                    .map(|tag| existing(tag.clone(), item(ItemKind::Label, &object, Some("tags".to_owned()), tag))),
            );
        }
        items
    }

    /// What only people can set up, by name, for whoever reviews the plan.
    fn set_up(&self) -> Vec<String> {
        let names = |list: &[Named]| list.iter().map(|item| item.name.as_str()).collect::<Vec<_>>().join(", ");
        let catalog = &self.catalog;
        let outcomes: Vec<_> = catalog.outcomes.iter().map(|outcome| outcome.description.as_str()).collect();
        vec![
            format!("outcomes that exist: {}; further ones are made under Setup > Outcomes", outcomes.join(", ")),
            format!(
                "activity types that exist: {}; further ones are made under Setup > Activity types",
                names(&catalog.activity_types)
            ),
            format!("teams that exist: {}; only users are given records", names(&catalog.teams)),
        ]
    }
}

impl Catalog {
    fn stages(&self) -> impl Iterator<Item = (&Named, &Milestone)> {
        let mut sets: Vec<_> = self.stagesets.iter().collect();
        sets.sort_by_key(|set| (set.position, set.id));
        sets.into_iter().flat_map(|set| {
            let mut stages: Vec<_> = self.milestones.iter().filter(|stage| stage.stageset == set.id).collect();
            stages.sort_by_key(|stage| (stage.position, stage.id));
            stages.into_iter().map(move |stage| (set, stage))
        })
    }

    fn stage_options(&self) -> Vec<OptionSchema> {
        let label = |set: &Named, stage: &Milestone| format!("{}/{}", set.name, stage.name);
        self.stages().map(|(set, stage)| OptionSchema { id: stage.id.to_string(), label: label(set, stage) }).collect()
    }

    /// Open, then every outcome: a lead is closed by one of them and by nothing else.
    fn status_options(&self) -> Vec<OptionSchema> {
        let mut options = vec![OptionSchema { id: OPEN.to_owned(), label: "Open".to_owned() }];
        for (status, word) in [(10, "Won"), (11, "Lost"), (12, "Cancelled")] {
            options.extend(self.outcomes.iter().filter(|outcome| outcome.status == status).map(|outcome| {
                OptionSchema { id: outcome.id.to_string(), label: format!("{word}: {}", outcome.description) }
            }));
        }
        options
    }

    /// The market whose leads are in a currency.
    pub(crate) fn market(&self, currency: &str) -> Option<i64> {
        self.markets.iter().find(|market| market.currency.as_deref() == Some(currency)).map(|market| market.id)
    }
}

/// The id of the status of leads that no outcome has closed.
pub(crate) const OPEN: &str = "open";

/// The object with its custom fields and times.
fn complete(mut object: ObjectSchema, fields: &[Attribute]) -> ObjectSchema {
    for field in fields {
        let mut schema = FieldSchema::new(custom_name(field.name()), field.name(), field_type(field)).custom();
        schema.options = options(field.choices.iter().map(String::as_str));
        // Types that are not made by us are read as text.
        object = object.with(if schema.ty == FieldType::Any { schema.read_only() } else { schema });
    }
    object.custom_fields = true;
    object
        .with(time("createdTime", "Created").means(FieldConcept::CreatedAt).read_only())
        .with(time("modifiedTime", "Changed").means(FieldConcept::ModifiedAt).read_only())
}

/// A custom field's type in core's words: what is read is spelt in another way than what is written.
pub(crate) fn field_type(field: &Attribute) -> FieldType {
    match field.kind.to_ascii_lowercase().as_str() {
        "string" => FieldType::Text { max: Some(255) },
        "text" | "longtext" => FieldType::LongText,
        "date" | "date-time" | "datetime" => FieldType::Date,
        "currency" => FieldType::Money,
        "enum" if field.is_multiple => FieldType::Options,
        "enum" => FieldType::Option,
        "url" => FieldType::Url,
        _ => FieldType::Any,
    }
}

/// The vendor's type for a field to create, and whether it takes several choices. `None` where there is none.
///
/// There is no number (text), no boolean (a pick-list of Yes and No) and no moment (text, RFC 3339).
pub(crate) fn wire_type(ty: &FieldType) -> Option<(&'static str, bool)> {
    Some(match ty {
        FieldType::Text { max: Some(max) } if *max > 255 => ("Text", false),
        FieldType::Text { .. } | FieldType::Name | FieldType::Timestamp | FieldType::Local | FieldType::Time => {
            ("String", false)
        }
        FieldType::Int | FieldType::Decimal | FieldType::Duration => ("String", false),
        FieldType::LongText | FieldType::Rich | FieldType::Url | FieldType::Address => ("Text", false),
        FieldType::Emails | FieldType::Phones => ("Text", false),
        FieldType::Bool | FieldType::Option => ("Enum", false),
        FieldType::Options => ("Enum", true),
        FieldType::Date => ("Date", false),
        FieldType::Money => ("Currency", false),
        _ => return None,
    })
}

/// A note hangs on one record. Its time stands in its text; its author is whoever the key speaks for.
fn note(impersonate: bool) -> ObjectSchema {
    let author = link("user", "Author", "user");
    let author = if impersonate {
        author.means(FieldConcept::Owner).create_only()
    } else {
        author.means(FieldConcept::Author).read_only()
    };
    ObjectSchema::new(Object::Note.name(), "Note", ObjectConcept::Note)
        .with(FieldSchema::new("note", "Text", FieldType::Rich).means(FieldConcept::Body).required())
        .with(link("lead", "Lead", "lead").means(FieldConcept::Deal).create_only())
        .with(link("contact", "Person", "contact").means(FieldConcept::Person).create_only())
        .with(link("account", "Company", "account").means(FieldConcept::Organization).create_only())
        .with(author)
        .with(time("written", "Written").means(FieldConcept::CreatedAt))
        .with(time("date", "Created").read_only())
}

/// A file hangs on one record. People and companies take none: an activity carries theirs.
fn file() -> ObjectSchema {
    let fixed = |name: &str, label: &str, ty| FieldSchema::new(FieldName::from(name), label, ty).create_only();
    ObjectSchema::new(Object::File.name(), "File", ObjectConcept::File)
        .with(fixed("name", "Name", FieldType::text()).means(FieldConcept::Name).required())
        .with(fixed("size", "Size", FieldType::Int).means(FieldConcept::Size))
        .with(fixed("mime", "Media type", FieldType::text()).means(FieldConcept::MediaType))
        .with(link("lead", "Lead", "lead").means(FieldConcept::Deal).create_only())
        .with(link("contact", "Person", "contact").means(FieldConcept::Person).create_only())
        .with(link("account", "Company", "account").means(FieldConcept::Organization).create_only())
        .with(link("activity", "Activity", "activity").create_only())
}

fn item(kind: ItemKind, object: &ObjectName, parent: Option<String>, name: &str) -> SchemaItem {
    let (name, object) = (name.to_owned(), object.clone());
    SchemaItem { parent, ..SchemaItem::new(kind, object, name) }
}

fn named(list: &[Named]) -> Vec<OptionSchema> {
    list.iter().map(|item| OptionSchema { id: item.id.to_string(), label: item.name.clone() }).collect()
}

fn options<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<OptionSchema> {
    texts.map(|text| OptionSchema { id: text.to_owned(), label: text.to_owned() }).collect()
}

fn tags(names: &[String]) -> FieldSchema {
    several("tags", "Tags", options(names.iter().map(String::as_str))).means(FieldConcept::Labels).clearable()
}

fn several(name: &str, label: &str, options: Vec<OptionSchema>) -> FieldSchema {
    let mut field = FieldSchema::new(FieldName::from(name), label, FieldType::Options);
    field.options = options;
    field
}

fn pick(name: &str, label: &str, options: Vec<OptionSchema>) -> FieldSchema {
    let mut field = FieldSchema::new(FieldName::from(name), label, FieldType::Option);
    field.options = options;
    field
}

fn time(name: &str, label: &str) -> FieldSchema {
    FieldSchema::new(FieldName::from(name), label, FieldType::Timestamp)
}

fn link(name: &str, label: &str, to: &str) -> FieldSchema {
    FieldSchema::new(FieldName::from(name), label, FieldType::link(to))
}

/// Whether a JSON value tells nothing.
pub(crate) fn is_nothing(json: &Json) -> bool {
    match json {
        Json::Null => true,
        Json::String(text) => text.is_empty(),
        Json::Array(list) => list.is_empty(),
        Json::Object(map) => map.is_empty(),
        _ => false,
    }
}

const GOTCHAS: &[&str] = &[
    "creation times cannot be set; keep the source's in custom fields",
    "pipelines, stages, outcomes and activity types are made by hand, before the audit",
    "custom fields cannot be removed again, nor their choices changed",
    "there are no number, boolean or date-time fields; they become text and pick-lists",
    "a lead is closed by an outcome; when it was closed is set to now",
    "the currency of a lead is its market's; currencies without a market are refused",
    "a note hangs on one record; its time is written into its first line",
    "a note can be changed by its author within 24 hours only",
    "parents of companies cannot be set",
    "deleted records lie in the trash for about 30 days",
    "automations, processes and notifications may fire on imported records; switch them off first",
];
