//! What a workspace's objects and fields are, in core's words.

use crmkit_core::{
    Abilities, CustomObject, Destination, ExistingItem, FieldConcept, FieldName, FieldSchema, FieldType, ItemKind,
    LinkCarrier, ObjectConcept, ObjectName, ObjectSchema, OptionSchema, Permission, RecordId, Recovery, Removal,
    Schema, SchemaItem, User, indexmap::IndexMap,
};
use serde_json::Value as Json;

use crate::{
    KIND, TwentyConfig, files, junction,
    metadata::{MetaField, MetaObject},
    naming::field_name,
    provisioner::is_taken,
};

/// Joins a pipeline's name and a stage's in the label of an option: Twenty has one pick-list of stages.
pub(crate) const STAGE_JOINT: &str = " / ";
/// Objects that can be written although the server calls them its own.
pub(crate) const JOINS: [&str; 2] = ["taskTarget", "noteTarget"];

/// A workspace as it was last seen.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) schema: Schema,
    /// Everything the server has, by singular name.
    pub(crate) objects: IndexMap<String, MetaObject>,
}

impl Workspace {
    pub(crate) fn new(found: Vec<MetaObject>) -> Self {
        let mut objects: IndexMap<String, MetaObject> =
            found.into_iter().map(|object| (object.singular.clone(), object)).collect();
        let place = |name: &str| {
            let known = ["company", "person", "opportunity", "task", "note"].iter().position(|known| *known == name);
            known.unwrap_or(if JOINS.contains(&name) { 7 } else { 6 })
        };
        objects.sort_by(|a, _, b, _| (place(a), a).cmp(&(place(b), b)));
        let written = objects.values().filter(|object| is_written(object));
        let schema = written.map(|object| describe_object(object, &objects)).collect();
        Self { schema, objects }
    }

    /// A label for the other side of a relation, whose name is made of it and has to be free there.
    pub(crate) fn free_label(&self, object: &MetaObject, label: &str) -> String {
        let taken = |label: &str| is_taken(object, &field_name(label, |_| false));
        let mut free = label.to_owned();
        let mut count = 1;
        while taken(&free) {
            count += 1;
            free = format!("{label} {count}");
        }
        free
    }

    /// The workspace as a destination.
    pub(crate) fn describe(&self, account: String, users: &[Json]) -> Destination {
        let mut destination = Destination::new(KIND, account);
        let able = |object: &ObjectSchema| {
            let mut abilities = abilities();
            abilities.max_bytes = (object.concept == Some(ObjectConcept::File)).then_some(files::LARGEST);
            (object.name.clone(), abilities)
        };
        destination.abilities = self.schema.objects.values().map(able).collect();
        destination.schema = self.schema.clone();
        destination.users = users.iter().map(user).collect();
        destination.items = self.items();
        destination.custom_object = Some(CustomObject { schema: new_object(), abilities: abilities() });
        let unknown = ["delete", "see_all", "schema", "set_owner"].map(|name| (name.to_owned(), Permission::Unknown));
        destination.permissions = unknown.into_iter().collect();
        destination.gotchas = GOTCHAS.iter().map(|text| (*text).to_owned()).collect();
        destination
    }

    fn items(&self) -> Vec<ExistingItem> {
        let mut items = Vec::new();
        for object in self.schema.objects.values() {
            let meta = &self.objects[object.name.as_str()];
            let mut add = |kind, id: &str, parent: Option<&str>, name: &str, ty: Option<FieldType>| {
                items.push(ExistingItem {
                    id: id.to_owned(),
                    item: SchemaItem {
                        parent: parent.map(str::to_owned),
                        ty,
                        ..SchemaItem::new(kind, object.name.clone(), name)
                    },
                });
            };
            if meta.is_custom {
                add(ItemKind::Object, object.name.as_str(), None, &object.label, None);
            }
            for field in object.fields.values() {
                let id = field.name.as_str();
                if field.custom {
                    add(ItemKind::Field, id, None, &field.label, Some(field.ty.clone()));
                }
                if field.concept == Some(FieldConcept::Stage) {
                    add(ItemKind::Pipeline, id, None, &meta.label_plural, None);
                    for option in &field.options {
                        match option.label.split_once('/') {
                            Some((pipeline, stage)) if *pipeline == meta.label_plural => {
                                add(ItemKind::Stage, &option.id, Some(id), stage, None);
                            }
                            Some((pipeline, stage)) => add(ItemKind::Stage, &option.id, Some(pipeline), stage, None),
                            None => {}
                        }
                    }
                } else {
                    for option in &field.options {
                        add(ItemKind::Option, &option.id, Some(id), &option.label, None);
                    }
                }
            }
        }
        items
    }
}

/// Whether records of it can be moved in: not what belongs to the server itself.
fn is_written(object: &MetaObject) -> bool {
    let standard = ["company", "person", "opportunity", "task", "note"].contains(&object.singular.as_str());
    standard
        || JOINS.contains(&object.singular.as_str())
        || takes_files(object)
        || (object.is_custom && !object.is_system)
}

/// Attachments of releases whose files are values of a field; before, they were addresses.
fn takes_files(object: &MetaObject) -> bool {
    object.singular == "attachment" && object.fields.iter().any(|field| field.name == "file" && field.ty == "FILES")
}

fn abilities() -> Abilities {
    Abilities {
        // The most that one call may carry; the configuration says how many it does carry.
        batch: TwentyConfig::default().batch,
        atomic: false,
        recovery: Recovery::ClientUuid { field: "id".into() },
        update: true,
        remove: Removal::Hard,
        volatile: vec!["updatedAt".into()],
        max_bytes: None,
    }
}

fn user(json: &Json) -> User {
    let text = |json: &Json| json.as_str().unwrap_or_default().trim().to_owned();
    let name = format!("{} {}", text(&json["name"]["firstName"]), text(&json["name"]["lastName"]));
    User {
        id: RecordId::from(text(&json["id"])),
        email: text(&json["userEmail"]),
        name: name.trim().to_owned(),
        active: json["deletedAt"].is_null(),
        // An API key is nobody.
        importing: false,
    }
}

fn describe_object(object: &MetaObject, objects: &IndexMap<String, MetaObject>) -> ObjectSchema {
    let concept = match object.singular.as_str() {
        "company" => ObjectConcept::Organization,
        "person" => ObjectConcept::Person,
        "opportunity" => ObjectConcept::Deal,
        "task" => ObjectConcept::Activity,
        "note" => ObjectConcept::Note,
        "attachment" => ObjectConcept::File,
        name if JOINS.contains(&name) => ObjectConcept::Link,
        _ if junction::is_ours(object) => ObjectConcept::Link,
        _ => ObjectConcept::CustomObject,
    };
    let mut schema = ObjectSchema::new(object.singular.as_str(), object.label.as_str(), concept);
    schema.custom_fields = ![ObjectConcept::Link, ObjectConcept::File].contains(&concept);
    for field in &object.fields {
        if let Some(field) = describe_field(object, field) {
            schema.fields.insert(field.name.clone(), field);
        }
    }
    if concept == ObjectConcept::File {
        let told = |name: &str, label: &str, ty, concept| FieldSchema::new(name, label, ty).means(concept);
        schema = schema.with(told(files::SIZE, "Size", FieldType::Int, FieldConcept::Size)).with(told(
            files::MEDIA_TYPE,
            "Media type",
            FieldType::text(),
            FieldConcept::MediaType,
        ));
    }
    // So is a tie of a many-to-many relation.
    for junction in objects.values() {
        if let Some(field) = junction::field(object, junction)
            && !schema.fields.contains_key(&field.name)
            && field
                .ty
                .links_to()
                .is_some_and(|to| to.iter().all(|to| objects.get(to.as_str()).is_some_and(is_written)))
        {
            schema.fields.insert(field.name.clone(), field);
        }
    }
    // What a note or task is about is a record of its own.
    let join = objects.get(&format!("{}Target", object.singular));
    if let (Some(join), true) = (join, ["note", "task"].contains(&object.singular.as_str())) {
        let from = join.fields.iter().find(|field| field.target.as_deref() == Some(&*object.singular));
        for to in
            join.fields.iter().filter(|field| field.is_link() && field.target.as_deref() != Some(&*object.singular))
        {
            let (Some(from), Some(target)) = (from, to.target.as_deref()) else { continue };
            if !objects.get(target).is_some_and(is_written) {
                continue;
            }
            let mut field =
                FieldSchema::new(to.column(), to.label.as_str(), FieldType::Links { to: vec![target.into()] });
            field.concept = concept_of_link(target);
            field.carrier = Some(LinkCarrier {
                object: join.singular.as_str().into(),
                from: from.column().into(),
                to: to.column().into(),
                constants: Vec::new(),
            });
            schema.fields.insert(field.name.clone(), field);
        }
    }
    schema
}

/// What a new object has.
fn new_object() -> ObjectSchema {
    let field = |name: &str, label: &str, ty: &str| MetaField {
        id: String::new(),
        name: name.to_owned(),
        label: label.to_owned(),
        ty: ty.to_owned(),
        is_custom: false,
        is_nullable: true,
        is_unique: false,
        options: Vec::new(),
        settings: Json::Null,
        target: None,
    };
    let fields = vec![
        field("id", "Id", "UUID"),
        field("name", "Name", "TEXT"),
        field("createdAt", "Creation date", "DATE_TIME"),
        field("updatedAt", "Last update", "DATE_TIME"),
        field("createdBy", "Created by", "ACTOR"),
    ];
    let meta = MetaObject {
        id: String::new(),
        singular: String::new(),
        plural: String::new(),
        label: String::new(),
        label_plural: String::new(),
        is_system: false,
        is_custom: true,
        description: String::new(),
        label_field: Some("name".to_owned()),
        fields,
    };
    describe_object(&meta, &IndexMap::new())
}

fn concept_of_link(target: &str) -> Option<FieldConcept> {
    match target {
        "company" => Some(FieldConcept::Organization),
        "person" => Some(FieldConcept::Person),
        "opportunity" => Some(FieldConcept::Deal),
        _ => None,
    }
}

/// A field in core's words; none where migrations have no business with it.
fn describe_field(object: &MetaObject, meta: &MetaField) -> Option<FieldSchema> {
    if ["deletedAt", "updatedBy", "position", "searchVector"].contains(&meta.name.as_str()) {
        return None;
    }
    let ty = match (&meta.target, meta.ty.as_str()) {
        (Some(target), "RELATION" | "MORPH_RELATION") if target == "workspaceMember" => FieldType::link("user"),
        (Some(target), "RELATION" | "MORPH_RELATION") => FieldType::link(target.as_str()),
        (None, wire) => core_type(wire, &meta.settings)?,
        (Some(_), _) => return None,
    };
    let mut field = FieldSchema::new(FieldName::from(meta.column()), meta.label.as_str(), ty);
    field.custom = meta.is_custom;
    field.clearable = meta.is_nullable;
    field.concept = concept(object, meta);
    // The server takes records without a name, but nobody finds them.
    let named = ["company", "person", "opportunity"].contains(&object.singular.as_str());
    field.required = named && object.label_field.as_deref() == Some(meta.name.as_str());
    let stage = field.concept == Some(FieldConcept::Stage);
    field.options =
        meta.options.iter().filter_map(|option| option_of(option, stage.then_some(&*object.label_plural))).collect();
    Some(field)
}

/// An option; a stage's label is `Pipeline/Stage`.
fn option_of(option: &Json, pipeline: Option<&str>) -> Option<OptionSchema> {
    let label = option["label"].as_str()?;
    let label = match (pipeline, label.split_once(STAGE_JOINT)) {
        (None, _) => label.to_owned(),
        (Some(_), Some((pipeline, stage))) => format!("{pipeline}/{stage}"),
        (Some(pipeline), None) => format!("{pipeline}/{label}"),
    };
    Some(OptionSchema { id: option["value"].as_str()?.to_owned(), label })
}

fn concept(object: &MetaObject, field: &MetaField) -> Option<FieldConcept> {
    use FieldConcept as F;
    let to_member = field.target.as_deref() == Some("workspaceMember");
    Some(match (object.singular.as_str(), field.name.as_str()) {
        (_, "id") => F::Id,
        (_, "createdAt") => F::CreatedAt,
        (_, "updatedAt") => F::ModifiedAt,
        (_, "createdBy") => F::Author,
        ("company" | "person" | "opportunity", "name") => F::Name,
        (_, name) if object.is_custom && object.label_field.as_deref() == Some(name) => F::Name,
        ("task" | "note", "title") => F::Subject,
        ("task" | "note", "bodyV2" | "body") if field.ty.starts_with("RICH_TEXT") => F::Body,
        ("company", "domainName") => F::Website,
        ("company", "address") => F::Address,
        ("company", "annualRevenue" | "annualRecurringRevenue") => F::Revenue,
        ("company", "employees") => F::EmployeeCount,
        ("person", "emails") => F::Emails,
        ("person", "phones") => F::Phones,
        ("person", "jobTitle") => F::JobTitle,
        ("person" | "opportunity", "company") => F::Organization,
        ("opportunity", "pointOfContact") => F::Person,
        ("opportunity", "amount") => F::Amount,
        ("opportunity", "closeDate") => F::ExpectedCloseDate,
        ("opportunity", "stage") if field.ty == "SELECT" => F::Stage,
        ("task", "dueAt") => F::Due,
        ("task", "status") => F::Status,
        (_, "accountOwner" | "owner" | "assignee") if to_member => F::Owner,
        ("attachment", "name") => F::Name,
        ("attachment", _) => concept_of_link(field.target.as_deref()?)?,
        (own, _) if field.is_custom && field.target.as_deref() == Some(own) && field.name.starts_with("parent") => {
            F::Parent
        }
        _ => return None,
    })
}

/// The type of a field's values; none for what cannot be written as a value.
fn core_type(wire: &str, settings: &Json) -> Option<FieldType> {
    Some(match wire {
        "TEXT" if settings["displayedMaxRows"].as_u64().is_some_and(|rows| rows > 1) => FieldType::LongText,
        "TEXT" | "UUID" | "ACTOR" => FieldType::text(),
        "NUMBER" if settings["decimals"] == 0 || settings["dataType"] == "int" || settings["dataType"] == "bigint" => {
            FieldType::Int
        }
        "NUMBER" | "NUMERIC" => FieldType::Decimal,
        "BOOLEAN" => FieldType::Bool,
        "DATE" => FieldType::Date,
        "DATE_TIME" => FieldType::Timestamp,
        "CURRENCY" => FieldType::Money,
        "FULL_NAME" => FieldType::Name,
        "ADDRESS" => FieldType::Address,
        "EMAILS" => FieldType::Emails,
        "PHONES" => FieldType::Phones,
        "LINKS" => FieldType::Url,
        "SELECT" | "RATING" => FieldType::Option,
        "MULTI_SELECT" => FieldType::Options,
        "RICH_TEXT" | "RICH_TEXT_V2" => FieldType::Rich,
        "ARRAY" | "RAW_JSON" => FieldType::Any,
        _ => return None,
    })
}

/// The wire type of a new field and its settings; `rich` is what this release calls formatted text.
pub(crate) fn wire_type(ty: &FieldType, rich: &'static str) -> Option<(&'static str, Json)> {
    let whole = || serde_json::json!({"dataType": "float", "decimals": 0, "type": "number"});
    Some(match ty {
        FieldType::Bool => ("BOOLEAN", Json::Null),
        FieldType::Int | FieldType::Duration => ("NUMBER", whole()),
        FieldType::Decimal => ("NUMBER", Json::Null),
        FieldType::Text { .. } | FieldType::Time | FieldType::Local => ("TEXT", Json::Null),
        FieldType::LongText => ("TEXT", serde_json::json!({"displayedMaxRows": 5})),
        FieldType::Rich => (rich, Json::Null),
        FieldType::Date => ("DATE", Json::Null),
        FieldType::Timestamp => ("DATE_TIME", Json::Null),
        FieldType::Money => ("CURRENCY", Json::Null),
        FieldType::Name => ("FULL_NAME", Json::Null),
        FieldType::Address => ("ADDRESS", Json::Null),
        FieldType::Emails => ("EMAILS", Json::Null),
        FieldType::Phones => ("PHONES", Json::Null),
        FieldType::Url => ("LINKS", Json::Null),
        FieldType::Option => ("SELECT", Json::Null),
        FieldType::Options => ("MULTI_SELECT", Json::Null),
        FieldType::Link { .. } => ("RELATION", Json::Null),
        // An object of its own.
        FieldType::Links { .. } => return None,
        FieldType::Any => ("ARRAY", Json::Null),
        _ => return None,
    })
}

/// The object's name where records of it are written.
pub(crate) fn object_name(object: &MetaObject) -> ObjectName {
    object.singular.as_str().into()
}

const GOTCHAS: &[&str] = &[
    "a company's domain and a person's first e-mail address are unique, records in the trash included; what clashes is held, and says so",
    "who has not accepted the invitation is no member yet and can own nothing: their records are among those without an owner",
    "there is one pick-list of stages; stages of several pipelines are told apart by `Pipeline / Stage`",
    "there are no won and lost deals; keep the outcome in a custom field or a stage",
    "e-mail addresses and phone numbers carry no labels",
    "phone numbers that name no country are refused unless the configuration names one; keep odd ones in a text field",
    "notes and tasks are tied to records by noteTarget and taskTarget records",
    "workflows and webhooks may fire on imported records; switch them off first",
    "removing a record removes its notes' and tasks' ties and its files with it",
];
