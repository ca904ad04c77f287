//! What an account's objects and fields are, in core's words.

use std::collections::HashMap;

use crmkit_core::{
    Destination, ExistingItem, FieldConcept, FieldName, FieldSchema, FieldType, ItemKind, LinkCarrier, ObjectConcept,
    ObjectName, ObjectSchema, OptionSchema, Permission, RecordId, SchemaItem, User, Value,
};

use crate::{
    KIND, PipedriveConfig,
    convert::UNTIL,
    cost,
    object::Object,
    wire::{ActivityType, Field, FieldOption, LeadLabel, Me, Pipeline, Stage, User as WireUser},
};

/// What the account answered about itself.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) me: Me,
    pub(crate) users: Vec<WireUser>,
    pub(crate) organization_fields: Vec<Field>,
    pub(crate) person_fields: Vec<Field>,
    pub(crate) deal_fields: Vec<Field>,
    pub(crate) pipelines: Vec<Pipeline>,
    pub(crate) stages: Vec<Stage>,
    pub(crate) activity_types: Vec<ActivityType>,
    pub(crate) lead_labels: Vec<LeadLabel>,
}

const LABELS: &str = "label_ids";
/// The most options of a pick-list field.
pub(crate) const OPTIONS: u64 = 10_000;
const FOLLOWERS: &str = "followers";

impl Account {
    /// The account as a destination.
    pub(crate) fn describe(&self, config: &PipedriveConfig) -> Destination {
        let objects = Object::ALL.into_iter().map(|object| self.object(object, config));
        let abilities = Object::ALL.into_iter().map(|object| (object.name().into(), object.abilities(config)));
        let caps = [
            ("custom_fields", Some(config.tier.custom_fields()).filter(|_| !config.unlimited)),
            // Leads count, too.
            ("open_deals", Some(config.tier.deals(config.seats)).filter(|_| !config.unlimited)),
            ("notes_per_deal", config.notes_per_deal),
            ("options_per_field", Some(OPTIONS)),
        ];
        Destination {
            schema: objects.collect(),
            abilities: abilities.collect(),
            users: self.users.iter().map(|user| self.user(user)).collect(),
            items: self.items(),
            permissions: self.permissions().into_iter().map(|(name, may)| (name.to_owned(), may)).collect(),
            caps: caps.iter().filter_map(|(name, cap)| Some(((*name).to_owned(), (*cap)?))).collect(),
            gotchas: GOTCHAS.iter().map(|text| (*text).to_owned()).collect(),
            costs: Object::ALL.into_iter().map(|object| (object.name().into(), cost::of(object))).collect(),
            allowance: cost::allowance(config),
            ..Destination::new(KIND, self.me.company_id.to_string())
        }
    }

    fn object(&self, object: Object, config: &PipedriveConfig) -> ObjectSchema {
        match object {
            Object::Organization => self.organization(),
            Object::Person => self.person(),
            Object::Deal => self.deal(),
            Object::Lead => self.lead(),
            Object::Activity => self.activity(config),
            Object::Note => note(),
            Object::File => file(),
            Object::Relationship => relationship(),
            Object::Participant => nested(object, "Deal participant", "Participant", "person"),
            Object::OrganizationFollower => nested(object, "Organization follower", "Follower", "user"),
            Object::PersonFollower => nested(object, "Person follower", "Follower", "user"),
            Object::DealFollower => nested(object, "Deal follower", "Follower", "user"),
        }
    }

    fn user(&self, user: &WireUser) -> User {
        User {
            id: RecordId::from(user.id.to_string()),
            email: user.email.clone().unwrap_or_default(),
            name: user.name.clone().unwrap_or_default(),
            active: user.active_flag.unwrap_or(true) && !user.is_deleted.unwrap_or(false),
            importing: user.is_you.unwrap_or(user.id == self.me.id),
        }
    }

    /// What the interface tells of permissions: who administers the account may change its schema and set owners.
    fn permissions(&self) -> [(&'static str, Permission); 4] {
        let own = self.users.iter().find(|user| user.id == self.me.id);
        let (schema, owner) = match own.map(WireUser::is_admin) {
            Some(true) => (Permission::Yes, Permission::Yes),
            Some(false) => (Permission::No, Permission::Unknown),
            None => (Permission::Unknown, Permission::Unknown),
        };
        [("schema", schema), ("set_owner", owner), ("delete", Permission::Unknown), ("see_all", Permission::Unknown)]
    }

    fn organization(&self) -> ObjectSchema {
        let listed = Listed::new(&self.organization_fields);
        let carrier = LinkCarrier {
            object: Object::Relationship.name().into(),
            from: "rel_linked_org_id".into(),
            to: "rel_owner_org_id".into(),
            constants: vec![("type".into(), Value::option("parent"))],
        };
        let mut parent = FieldSchema::new("parent", "Parent organization", FieldType::link("organization"))
            .means(FieldConcept::Parent);
        parent.carrier = Some(carrier);
        let object = ObjectSchema::new(Object::Organization.name(), "Organization", ObjectConcept::Organization)
            .with(name_field("name", "Name"))
            .with(owner())
            .with(time("add_time", "Created").means(FieldConcept::CreatedAt).create_only())
            .with(FieldSchema::new("address", "Address", FieldType::Address).means(FieldConcept::Address))
            .with(listed.labels())
            .with(carried(Object::OrganizationFollower, FOLLOWERS, "Followers", users()).means(FieldConcept::Followers))
            .with(parent);
        let optional = [
            FieldSchema::new("website", "Website", FieldType::Url).means(FieldConcept::Website),
            FieldSchema::new("linkedin", "LinkedIn profile", FieldType::Url),
            FieldSchema::new("industry", "Industry", FieldType::Option).means(FieldConcept::Industry),
            FieldSchema::new("annual_revenue", "Annual revenue", FieldType::Int).means(FieldConcept::Revenue),
            FieldSchema::new("employee_count", "Employees", FieldType::Int).means(FieldConcept::EmployeeCount),
        ];
        listed.complete(object, optional.map(FieldSchema::clearable))
    }

    fn person(&self) -> ObjectSchema {
        let listed = Listed::new(&self.person_fields);
        let object = ObjectSchema::new(Object::Person.name(), "Person", ObjectConcept::Person)
            .with(name_field("name", "Name"))
            .with(FieldSchema::new("emails", "E-mail", FieldType::Emails).means(FieldConcept::Emails).clearable())
            .with(FieldSchema::new("phones", "Phone", FieldType::Phones).means(FieldConcept::Phones).clearable())
            .with(link("org_id", "Organization", "organization").means(FieldConcept::Organization))
            .with(owner())
            .with(time("add_time", "Created").means(FieldConcept::CreatedAt).create_only())
            .with(carried(Object::PersonFollower, FOLLOWERS, "Followers", users()).means(FieldConcept::Followers))
            .with(listed.labels());
        // Fields of contact sync: a write to them is refused with 403 where the account does not list them.
        let synced = [
            FieldSchema::new("job_title", "Job title", text(255)).means(FieldConcept::JobTitle),
            FieldSchema::new("birthday", "Birthday", FieldType::Date).means(FieldConcept::BirthDate),
            FieldSchema::new("notes", "Contact notes", text(10_000)),
            FieldSchema::new("postal_address", "Postal address", FieldType::Address).means(FieldConcept::Address),
        ];
        listed.complete(object, synced)
    }

    fn deal(&self) -> ObjectSchema {
        let listed = Listed::new(&self.deal_fields);
        let status = [("open", "Open"), ("won", "Won"), ("lost", "Lost")];
        let object = ObjectSchema::new(Object::Deal.name(), "Deal", ObjectConcept::Deal)
            .with(name_field("title", "Title"))
            .with(FieldSchema::new("value", "Value", FieldType::Money).means(FieldConcept::Amount))
            .with(pick("stage_id", "Stage", self.stage_options()).means(FieldConcept::Stage))
            .with(pick("status", "Status", options(&status)).means(FieldConcept::Status))
            .with(time("won_time", "Won at").means(FieldConcept::WonAt))
            .with(time("lost_time", "Lost at").means(FieldConcept::LostAt))
            .with(time("close_time", "Closed at").means(FieldConcept::ClosedAt).clearable())
            .with(FieldSchema::new("lost_reason", "Lost reason", text(255)).means(FieldConcept::LostReason).clearable())
            .with(
                FieldSchema::new("expected_close_date", "Expected close date", FieldType::Date)
                    .means(FieldConcept::ExpectedCloseDate),
            )
            .with(
                FieldSchema::new("probability", "Probability", FieldType::Decimal)
                    .means(FieldConcept::Probability)
                    .clearable(),
            )
            .with(link("person_id", "Contact person", "person").means(FieldConcept::Person))
            .with(link("org_id", "Organization", "organization").means(FieldConcept::Organization))
            .with(owner())
            .with(listed.labels())
            .with(carried(Object::Participant, "participants", "Participants", people()).means(FieldConcept::People))
            .with(carried(Object::DealFollower, FOLLOWERS, "Followers", users()).means(FieldConcept::Followers))
            .with(pick("pipeline_id", "Pipeline", self.pipeline_options()).means(FieldConcept::Pipeline).read_only())
            .with(time("add_time", "Created").means(FieldConcept::CreatedAt).read_only())
            .with(time("stage_change_time", "Stage changed at").read_only());
        listed.complete(object, [])
    }

    /// Leads have no fields of their own: a deal's custom field is a lead's, too.
    fn lead(&self) -> ObjectSchema {
        let labels = self.lead_labels.iter();
        let mut label_ids =
            FieldSchema::new(LABELS, "Labels", FieldType::Options).means(FieldConcept::Labels).clearable();
        label_ids.options =
            labels.map(|label| OptionSchema { id: label.id.clone(), label: label.name.clone() }).collect();
        let object = ObjectSchema::new(Object::Lead.name(), "Lead", ObjectConcept::Lead)
            .with(name_field("title", "Title"))
            .with(FieldSchema::new("value", "Value", FieldType::Money).means(FieldConcept::Amount).clearable())
            .with(
                FieldSchema::new("expected_close_date", "Expected close date", FieldType::Date)
                    .means(FieldConcept::ExpectedCloseDate)
                    .clearable(),
            )
            .with(link("person_id", "Contact person", "person").means(FieldConcept::Person).clearable())
            .with(link("organization_id", "Organization", "organization").means(FieldConcept::Organization).clearable())
            .with(owner())
            .with(label_ids)
            .with(FieldSchema::new("was_seen", "Seen", FieldType::Bool))
            .with(FieldSchema::new("origin_id", "Origin id", text(255)).create_only())
            .with(FieldSchema::new("is_archived", "Archived", FieldType::Bool).read_only())
            .with(FieldSchema::new("source_name", "Source", text(255)).means(FieldConcept::LeadSource).read_only())
            .with(time("add_time", "Created").means(FieldConcept::CreatedAt).read_only());
        Listed::new(&self.deal_fields).complete(object, [])
    }

    /// What `due` and the like are in the interface's words: `convert/activity.rs`.
    fn activity(&self, config: &PipedriveConfig) -> ObjectSchema {
        let mut kind = FieldSchema::new("type", "Type", FieldType::Option).means(FieldConcept::Kind).required();
        let live = self.activity_types.iter().filter(|kind| kind.active_flag != Some(false));
        kind.options =
            live.map(|kind| OptionSchema { id: kind.key_string.clone(), label: kind.name.clone() }).collect();
        let attendees = FieldSchema::new("attendees", "Attendees", FieldType::Emails).means(FieldConcept::Attendees);
        ObjectSchema::new(Object::Activity.name(), "Activity", ObjectConcept::Activity)
            .with(FieldSchema::new("subject", "Subject", text(255)).means(FieldConcept::Subject).required())
            .with(kind)
            .with(time("due", "Due").means(FieldConcept::Due))
            .with(FieldSchema::new("due_date", "Due day", FieldType::Date))
            .with(time("end", "End").means(FieldConcept::End))
            .with(FieldSchema::new("duration", "Duration", FieldType::Duration).means(FieldConcept::Duration))
            .with(FieldSchema::new("done", "Done", FieldType::Bool).means(FieldConcept::Done))
            .with(FieldSchema::new("note", "Note", FieldType::Rich).means(FieldConcept::Body))
            .with(FieldSchema::new("location", "Location", text(255)).means(FieldConcept::Location))
            .with(FieldSchema::new("public_description", "Public description", FieldType::LongText))
            .with(FieldSchema::new("busy", "Busy", FieldType::Bool))
            .with(link("deal_id", "Deal", "deal").means(FieldConcept::Deal))
            .with(link("lead_id", "Lead", "lead").means(FieldConcept::Lead))
            .with(link("person_id", "Contact person", "person").means(FieldConcept::Person))
            .with(FieldSchema::new("participants", "Participants", people()).means(FieldConcept::People))
            .with(link("org_id", "Organization", "organization").means(FieldConcept::Organization))
            .with(owner())
            .with(if config.attendees { attendees } else { attendees.read_only() })
            .with(time("add_time", "Created").means(FieldConcept::CreatedAt).read_only())
            .with(time("marked_as_done_time", "Marked as done at").read_only())
            .with(changed())
    }

    fn live_stages(&self) -> impl Iterator<Item = (&Pipeline, &Stage)> {
        let pipelines = self.pipelines.iter().filter(|pipeline| !pipeline.is_deleted.unwrap_or(false));
        pipelines.flat_map(|pipeline| {
            let mut stages: Vec<_> = self
                .stages
                .iter()
                .filter(|stage| stage.pipeline_id == pipeline.id && !stage.is_deleted.unwrap_or(false))
                .collect();
            stages.sort_by_key(|stage| (stage.order_nr, stage.id));
            stages.into_iter().map(move |stage| (pipeline, stage))
        })
    }

    fn stage_options(&self) -> Vec<OptionSchema> {
        let stages = self.live_stages();
        stages
            .map(|(pipeline, stage)| OptionSchema {
                id: stage.id.to_string(),
                label: format!("{}/{}", pipeline.name, stage.name),
            })
            .collect()
    }

    fn pipeline_options(&self) -> Vec<OptionSchema> {
        let live = self.pipelines.iter().filter(|pipeline| !pipeline.is_deleted.unwrap_or(false));
        live.map(|pipeline| OptionSchema { id: pipeline.id.to_string(), label: pipeline.name.clone() }).collect()
    }

    fn items(&self) -> Vec<ExistingItem> {
        let deal = ObjectName::from(Object::Deal.name());
        let pipelines = self.pipeline_options().into_iter().map(|pipeline| ExistingItem {
            id: pipeline.id,
            item: item(ItemKind::Pipeline, &deal, None, pipeline.label),
        });
        let stages = self.live_stages().map(|(pipeline, stage)| {
            let mut item = item(ItemKind::Stage, &deal, Some(pipeline.id.to_string()), stage.name.clone());
            // A percentage: nothing is lost by the cast.
            item.probability = stage.deal_probability.map(|percent| percent.clamp(0.0, 100.0) as u8);
            ExistingItem { id: stage.id.to_string(), item }
        });
        let mut items: Vec<_> = pipelines.chain(stages).collect();
        let objects = [
            (Object::Organization, &self.organization_fields),
            (Object::Person, &self.person_fields),
            (Object::Deal, &self.deal_fields),
            // The same fields once more: what was made for leads is found as theirs.
            (Object::Lead, &self.deal_fields),
        ];
        for (object, fields) in objects {
            let object = ObjectName::from(object.name());
            for field in fields {
                let kind = if field.field_code == LABELS { ItemKind::Label } else { ItemKind::Option };
                let options = field.options.iter().flatten();
                if field.is_custom_field {
                    let mut item = item(ItemKind::Field, &object, None, field.field_name.clone());
                    item.ty = Some(field_type(&field.field_type));
                    item.options = options.clone().map(|option| option.label.clone()).collect();
                    items.push(ExistingItem { id: field.field_code.clone(), item });
                } else if kind != ItemKind::Label || object == Object::Lead.name() {
                    continue;
                }
                items.extend(options.map(|option| ExistingItem {
                    id: option_id(option),
                    item: item(kind, &object, Some(field.field_code.clone()), option.label.clone()),
                }));
            }
        }
        let activity = ObjectName::from(Object::Activity.name());
        let live = self.activity_types.iter().filter(|kind| kind.active_flag != Some(false));
        items.extend(live.map(|kind| ExistingItem {
            id: kind.id.to_string(),
            item: item(ItemKind::ActivityType, &activity, None, kind.name.clone()),
        }));
        let lead = ObjectName::from(Object::Lead.name());
        items.extend(self.lead_labels.iter().map(|label| ExistingItem {
            id: label.id.clone(),
            item: item(ItemKind::Label, &lead, Some(LABELS.to_owned()), label.name.clone()),
        }));
        items
    }
}

/// The fields that the account lists for an object.
struct Listed<'a> {
    fields: &'a [Field],
    by_code: HashMap<&'a str, &'a Field>,
}

impl<'a> Listed<'a> {
    fn new(fields: &'a [Field]) -> Self {
        Self { fields, by_code: fields.iter().map(|field| (field.field_code.as_str(), field)).collect() }
    }

    fn options(&self, code: &str) -> Vec<OptionSchema> {
        self.by_code.get(code).map(|field| option_schemas(field)).unwrap_or_default()
    }

    fn labels(&self) -> FieldSchema {
        let mut field = FieldSchema::new(LABELS, "Labels", FieldType::Options).means(FieldConcept::Labels).clearable();
        field.options = self.options(LABELS);
        field
    }

    /// The object with those optional standard fields that the account has, its custom fields, and the time of change.
    fn complete<const N: usize>(&self, mut object: ObjectSchema, optional: [FieldSchema; N]) -> ObjectSchema {
        for mut field in optional {
            if self.by_code.contains_key(field.name.as_str()) {
                field.options = self.options(field.name.as_str());
                object = object.with(field);
            }
        }
        for field in self.fields.iter().filter(|field| field.is_custom_field) {
            object = object.with(custom(field));
            if let Some(until) = until(field) {
                object = object.with(until);
            }
        }
        object.custom_fields = true;
        object.with(changed())
    }
}

fn custom(field: &Field) -> FieldSchema {
    let mut schema =
        FieldSchema::new(field.field_code.as_str(), field.field_name.as_str(), field_type(&field.field_type))
            .custom()
            .clearable();
    schema.options = option_schemas(field);
    // Types yet unknown are read as text and never written.
    if schema.ty == FieldType::Any { schema.read_only() } else { schema }
}

/// The second end of a range, which is a field of its own for us.
fn until(field: &Field) -> Option<FieldSchema> {
    let ends = matches!(field.field_type.as_str(), "daterange" | "timerange");
    let name = format!("{}{UNTIL}", field.field_code);
    let label = format!("{} (until)", field.field_name);
    ends.then(|| FieldSchema::new(name.as_str(), label, field_type(&field.field_type)).custom().clearable())
}

fn option_schemas(field: &Field) -> Vec<OptionSchema> {
    let options = field.options.iter().flatten();
    options.map(|option| OptionSchema { id: option_id(option), label: option.label.clone() }).collect()
}

fn option_id(option: &FieldOption) -> String {
    option.id.as_str().map_or_else(|| option.id.to_string(), str::to_owned)
}

/// A custom field's type in core's words. <https://pipedrive.readme.io/docs/core-api-concepts-custom-fields>
fn field_type(name: &str) -> FieldType {
    match name {
        "varchar" | "varchar_auto" | "phone" => text(255),
        "text" => FieldType::LongText,
        "double" => FieldType::Decimal,
        "monetary" => FieldType::Money,
        "enum" => FieldType::Option,
        "set" => FieldType::Options,
        "date" | "daterange" => FieldType::Date,
        "time" | "timerange" => FieldType::Time,
        "address" => FieldType::Address,
        "user" => FieldType::link("user"),
        "org" => FieldType::link(Object::Organization.name()),
        "people" => FieldType::link(Object::Person.name()),
        _ => FieldType::Any,
    }
}

/// The vendor's type for a field to create. `None` where there is none.
///
/// There is no boolean (a pick-list of Yes and No), no web address (text) and no moment (text, RFC 3339).
pub(crate) fn wire_type(ty: &FieldType) -> Option<&'static str> {
    Some(match ty {
        FieldType::Text { max: Some(max) } if *max > 255 => "text",
        FieldType::Text { .. } | FieldType::Name => "varchar",
        FieldType::Timestamp | FieldType::Local | FieldType::Duration => "varchar",
        FieldType::Url | FieldType::LongText | FieldType::Rich => "text",
        FieldType::Emails | FieldType::Phones => "text",
        FieldType::Bool | FieldType::Option => "enum",
        FieldType::Options => "set",
        FieldType::Int | FieldType::Decimal => "double",
        FieldType::Date => "date",
        FieldType::Time => "time",
        FieldType::Money => "monetary",
        FieldType::Address => "address",
        FieldType::Link { to } => match to.first()?.as_str() {
            "user" => "user",
            "organization" => "org",
            "person" => "people",
            _ => return None,
        },
        _ => return None,
    })
}

fn note() -> ObjectSchema {
    let content = FieldSchema::new("content", "Content", FieldType::Rich).means(FieldConcept::Body).required();
    let author = link("user_id", "Author", "user").means(FieldConcept::Owner);
    ObjectSchema::new(Object::Note.name(), "Note", ObjectConcept::Note)
        .with(content)
        .with(link("deal_id", "Deal", "deal").means(FieldConcept::Deal))
        .with(link("person_id", "Person", "person").means(FieldConcept::Person))
        .with(link("org_id", "Organization", "organization").means(FieldConcept::Organization))
        .with(link("lead_id", "Lead", "lead").means(FieldConcept::Lead))
        .with(author)
        .with(FieldSchema::new("pinned_to_deal_flag", "Pinned to the deal", FieldType::Bool))
        .with(FieldSchema::new("pinned_to_person_flag", "Pinned to the person", FieldType::Bool))
        .with(FieldSchema::new("pinned_to_organization_flag", "Pinned to the organization", FieldType::Bool))
        .with(FieldSchema::new("pinned_to_lead_flag", "Pinned to the lead", FieldType::Bool))
        .with(time("add_time", "Created").means(FieldConcept::CreatedAt))
        .with(changed())
}

fn file() -> ObjectSchema {
    ObjectSchema::new(Object::File.name(), "File", ObjectConcept::File)
        .with(name_field("name", "Name"))
        .with(link("deal_id", "Deal", "deal").means(FieldConcept::Deal))
        .with(link("person_id", "Person", "person").means(FieldConcept::Person))
        .with(link("org_id", "Organization", "organization").means(FieldConcept::Organization))
        .with(link("lead_id", "Lead", "lead").means(FieldConcept::Lead))
        .with(link("activity_id", "Activity", "activity"))
        .with(FieldSchema::new("file_size", "Size", FieldType::Int).means(FieldConcept::Size).read_only())
        .with(FieldSchema::new("file_type", "Type", text(255)).read_only())
        .with(link("user_id", "Uploaded by", "user").read_only())
        .with(time("add_time", "Created").means(FieldConcept::CreatedAt).read_only())
        .with(changed())
}

fn relationship() -> ObjectSchema {
    let kind = pick("type", "Type", options(&[("parent", "Parent"), ("related", "Related")])).required();
    ObjectSchema::new(Object::Relationship.name(), "Organization relationship", ObjectConcept::Link)
        .with(kind)
        .with(link("rel_owner_org_id", "Parent organization", "organization").required())
        .with(link("rel_linked_org_id", "Daughter organization", "organization").required())
        .with(time("add_time", "Created").read_only())
        .with(changed())
}

fn people() -> FieldType {
    FieldType::Links { to: vec![Object::Person.name().into()] }
}

fn users() -> FieldType {
    FieldType::Links { to: vec!["user".into()] }
}

/// Several links, each a record that is listed below this one.
fn carried(object: Object, name: &str, label: &str, to: FieldType) -> FieldSchema {
    let nest = object.nest().expect("it is nested");
    let mut field = FieldSchema::new(name, label, to);
    let (from, to) = (nest.at.into(), nest.adds.into());
    field.carrier = Some(LinkCarrier { object: object.name().into(), from, to, constants: Vec::new() });
    field
}

/// A participant or follower: the record it hangs on, and who is added.
fn nested(object: Object, label: &str, adds: &str, whom: &str) -> ObjectSchema {
    let nest = object.nest().expect("it is nested");
    ObjectSchema::new(object.name(), label, ObjectConcept::Link)
        .with(link(nest.at, "Record", nest.parent.name()).required())
        .with(link(nest.adds, adds, whom).required())
        .with(time("add_time", "Added").read_only())
}

fn item(kind: ItemKind, object: &ObjectName, parent: Option<String>, name: String) -> SchemaItem {
    SchemaItem { parent, ..SchemaItem::new(kind, object.clone(), name) }
}

fn text(max: u32) -> FieldType {
    FieldType::Text { max: Some(max) }
}

fn name_field(name: &str, label: &str) -> FieldSchema {
    FieldSchema::new(FieldName::from(name), label, text(255)).means(FieldConcept::Name).required()
}

fn time(name: &str, label: &str) -> FieldSchema {
    FieldSchema::new(FieldName::from(name), label, FieldType::Timestamp)
}

fn changed() -> FieldSchema {
    time("update_time", "Changed").means(FieldConcept::ModifiedAt).read_only()
}

fn link(name: &str, label: &str, to: &str) -> FieldSchema {
    FieldSchema::new(FieldName::from(name), label, FieldType::link(to))
}

fn owner() -> FieldSchema {
    link("owner_id", "Owner", "user").means(FieldConcept::Owner)
}

fn pick(name: &str, label: &str, options: Vec<OptionSchema>) -> FieldSchema {
    let mut field = FieldSchema::new(FieldName::from(name), label, FieldType::Option);
    field.options = options;
    field
}

fn options(pairs: &[(&str, &str)]) -> Vec<OptionSchema> {
    pairs.iter().map(|(id, label)| OptionSchema { id: (*id).to_owned(), label: (*label).to_owned() }).collect()
}

const GOTCHAS: &[&str] = &[
    "a deal's creation time cannot be set; keep the source's in a custom field",
    "most standard fields cannot be cleared once they have a value",
    "a person belongs to one organization; further ones become custom fields or notes",
    "new stages always come last in their pipeline; create them in the wanted order",
    "there are no boolean, web address or date-time fields; they become pick-lists and text",
    "notes are cleaned of some HTML by the server, so their visible text is compared",
    "deleted records can be restored by a person for 30 days, not by the interface",
    "automations, webhooks and workflow mails may fire on imported records; switch them off first",
];
