//! The objects that every workspace has, by release.

use serde_json::{Value, json};

use super::super::random::fixed_id;
use super::super::store::Store;
use super::super::switches::Version;
use super::{Field, FieldKind, Object, STANDARD_APPLICATION, Target, capitalised, to_one};

/// The objects that can point at any other one.
pub(super) const TARGET_OBJECTS: [&str; 4] = ["timelineActivity", "attachment", "noteTarget", "taskTarget"];

/// The file field of attachments, the same in all workspaces.
const ATTACHMENT_FILE: &str = "20202020-15db-460e-8166-c7b5d87ad4be";

/// The other side of what points at an object: field name and label.
pub(super) fn inverse(target_object: &str) -> (&'static str, &'static str) {
    match target_object {
        "timelineActivity" => ("timelineActivities", "Timeline Activities"),
        "attachment" => ("attachments", "Attachments"),
        "noteTarget" => ("noteTargets", "Notes"),
        _ => ("taskTargets", "Tasks"),
    }
}

/// A field before it has an id.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    kind: FieldKind,
    name: String,
    label: String,
    default: Value,
    settings: Value,
    options: &'static [(&'static str, &'static str, &'static str)],
    unique: bool,
    nullable: bool,
    system: bool,
}

impl Draft {
    pub(super) fn new(kind: FieldKind, name: &str, label: &str) -> Self {
        Self {
            kind,
            name: name.into(),
            label: label.into(),
            default: Value::Null,
            settings: Value::Null,
            options: &[],
            unique: false,
            nullable: true,
            system: false,
        }
    }

    fn unique(mut self) -> Self {
        self.unique = true;
        self
    }

    fn settings(mut self, settings: Value) -> Self {
        self.settings = settings;
        self
    }

    fn required(mut self, default: &str) -> Self {
        self.nullable = false;
        self.default = default.into();
        self
    }

    fn options(mut self, options: &'static [(&'static str, &'static str, &'static str)], default: &str) -> Self {
        self.options = options;
        self.default = default.into();
        self
    }

    fn system(mut self) -> Self {
        self.system = true;
        self
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn build(self, store: &mut Store, object: &Object, now: &str) -> Field {
        let option = |(position, (value, label, color)): (usize, &(&str, &str, &str))| json!({ "id": store.new_id(), "value": value, "label": label, "color": color, "position": position });
        let options = match self.options {
            [] => Value::Null,
            options => options.iter().enumerate().map(option).collect(),
        };
        Field {
            id: store.new_id(),
            universal_identifier: fixed_id(&format!("{}.{}", object.universal_identifier, self.name)),
            application_id: object.application_id.clone(),
            kind: self.kind,
            name: self.name,
            label: self.label,
            description: None,
            icon: None,
            is_active: true,
            is_system: self.system,
            is_nullable: self.nullable,
            is_unique: self.unique,
            default_value: self.default,
            options,
            settings: self.settings,
            morph_id: None,
            object_metadata_id: object.id.clone(),
            is_label_synced_with_name: false,
            created_at: now.into(),
            updated_at: now.into(),
            target: None,
        }
    }
}

/// What every object has.
pub(super) fn automatic_fields() -> Vec<Draft> {
    use FieldKind::{Actor, DateTime, Position, TsVector, Uuid};
    let mut fields = vec![
        Draft::new(Uuid, "id", "Id").required("uuid"),
        Draft::new(DateTime, "createdAt", "Creation date").required("now"),
        Draft::new(DateTime, "updatedAt", "Last update").required("now"),
        Draft::new(DateTime, "deletedAt", "Deleted at"),
        Draft::new(Actor, "createdBy", "Created by"),
        Draft::new(Actor, "updatedBy", "Updated by"),
        Draft::new(Position, "position", "Position"),
        Draft::new(TsVector, "searchVector", "Search vector"),
    ];
    fields[0].unique = true;
    fields.into_iter().map(Draft::system).collect()
}

const STAGES: &[(&str, &str, &str)] = &[
    ("NEW", "New", "red"),
    ("SCREENING", "Screening", "purple"),
    ("MEETING", "Meeting", "sky"),
    ("PROPOSAL", "Proposal", "turquoise"),
    ("CUSTOMER", "Customer", "yellow"),
];

const STATUSES: &[(&str, &str, &str)] =
    &[("TODO", "To do", "sky"), ("IN_PROGRESS", "In progress", "purple"), ("DONE", "Done", "green")];

const CATEGORIES: &[(&str, &str, &str)] = &[
    ("ARCHIVE", "Archive", "gray"),
    ("AUDIO", "Audio", "pink"),
    ("IMAGE", "Image", "yellow"),
    ("PRESENTATION", "Presentation", "orange"),
    ("SPREADSHEET", "Spreadsheet", "turquoise"),
    ("TEXT_DOCUMENT", "Text Document", "blue"),
    ("VIDEO", "Video", "purple"),
    ("OTHER", "Other", "gray"),
];

/// Name, plural, whether it is a system object, and its own fields.
type Blueprint = (&'static str, &'static str, bool, Vec<Draft>);

fn blueprints(version: Version) -> Vec<Blueprint> {
    use FieldKind::{
        Address, Boolean, Currency, DateTime, Emails, Files, FullName, Links, Number, Phones, RichText, Select, Text,
        Uuid,
    };
    let text = |name: &str, label: &str| Draft::new(Text, name, label);
    let links = |name: &str, label: &str| Draft::new(Links, name, label);
    let old = version < Version::V2_19;
    let mut company = vec![
        text("name", "Name"),
        links("domainName", "Domain Name").unique().settings(json!({ "maxNumberOfValues": 1 })),
        Draft::new(Address, "address", "Address"),
        links("linkedinLink", "Linkedin"),
    ];
    let mut person = vec![
        Draft::new(FullName, "name", "Name"),
        Draft::new(Emails, "emails", "Emails").unique(),
        Draft::new(Phones, "phones", "Phones"),
        links("linkedinLink", "Linkedin"),
        text("jobTitle", "Job Title"),
        text("avatarUrl", "Avatar"),
    ];
    let mut attachment = vec![text("name", "Name"), text("fullPath", "Full path")];
    if old {
        company.extend([
            links("xLink", "X"),
            Draft::new(Number, "employees", "Employees"),
            Draft::new(Currency, "annualRecurringRevenue", "ARR"),
            Draft::new(Boolean, "idealCustomerProfile", "ICP"),
        ]);
        person.extend([links("xLink", "X"), text("city", "City")]);
        attachment.push(text("type", "Type"));
    } else {
        company.push(Draft::new(Currency, "annualRevenue", "Annual Revenue"));
        let one = || json!({ "maxNumberOfValues": 1 });
        person.push(Draft::new(Files, "avatarFile", "Avatar file").settings(one()));
        attachment.push(Draft::new(Files, "file", "File").settings(one()));
    }
    if version >= Version::V1_10 {
        let mut category = Draft::new(Select, "fileCategory", "File category").options(CATEGORIES, "'OTHER'");
        category.nullable = false;
        attachment.push(category);
    }
    let mut stage = Draft::new(Select, "stage", "Stage").options(STAGES, "'NEW'");
    stage.nullable = false;
    let member = vec![
        Draft::new(FullName, "name", "Name"),
        text("userEmail", "User Email").unique(),
        Draft::new(Uuid, "userId", "User Id"),
        text("colorScheme", "Color Scheme").required("'System'"),
        text("locale", "Language").required("'en'"),
        text("timeZone", "Timezone").required("'system'"),
        text("avatarUrl", "Avatar Url"),
        text("jobTitle", "Job Title"),
    ];
    let opportunity = vec![
        text("name", "Name"),
        Draft::new(Currency, "amount", "Amount"),
        Draft::new(DateTime, "closeDate", "Close date"),
        stage,
    ];
    let body = || Draft::new(RichText, "bodyV2", "Body");
    let task = vec![
        text("title", "Title"),
        body(),
        Draft::new(DateTime, "dueAt", "Due Date"),
        Draft::new(Select, "status", "Status").options(STATUSES, "'TODO'"),
    ];
    vec![
        ("workspaceMember", "workspaceMembers", true, member),
        ("company", "companies", false, company),
        ("person", "people", false, person),
        ("opportunity", "opportunities", false, opportunity),
        ("task", "tasks", false, task),
        ("note", "notes", false, vec![text("title", "Title"), body()]),
        ("dashboard", "dashboards", false, vec![text("title", "Title")]),
        ("workflow", "workflows", false, vec![text("name", "Name")]),
        ("taskTarget", "taskTargets", true, Vec::new()),
        ("noteTarget", "noteTargets", true, Vec::new()),
        ("attachment", "attachments", true, attachment),
        (
            "timelineActivity",
            "timelineActivities",
            true,
            vec![text("name", "Name"), Draft::new(DateTime, "happensAt", "Happens at").required("now")],
        ),
    ]
}

/// Object, field, target, the field of the other side, what a destroyed target does, whether it is one of a morph group.
type Link = (&'static str, String, &'static str, &'static str, &'static str, bool);

fn links(version: Version) -> Vec<Link> {
    let old = version < Version::V2_19;
    let mut links: Vec<Link> = [
        ("company", "accountOwner", "workspaceMember", "accountOwnerForCompanies", "SET_NULL"),
        ("person", "company", "company", "people", "SET_NULL"),
        ("opportunity", "company", "company", "opportunities", "SET_NULL"),
        ("opportunity", "pointOfContact", "person", "pointOfContactForOpportunities", "SET_NULL"),
        ("opportunity", "owner", "workspaceMember", "ownedOpportunities", "SET_NULL"),
        ("task", "assignee", "workspaceMember", "assignedTasks", "SET_NULL"),
        ("taskTarget", "task", "task", "taskTargets", "CASCADE"),
        ("noteTarget", "note", "note", "noteTargets", "CASCADE"),
    ]
    .map(|(object, field, target, inverse, on_delete)| (object, field.to_owned(), target, inverse, on_delete, false))
    .into();
    if old {
        links.retain(|(object, field, ..)| (*object, field.as_str()) != ("opportunity", "owner"));
        links.push(("attachment", "author".into(), "workspaceMember", "authoredAttachments", "SET_NULL", false));
    }
    for holder in TARGET_OBJECTS {
        let targets: &[&str] = match holder {
            "noteTarget" | "taskTarget" => &["person", "company", "opportunity"],
            _ => &["person", "company", "opportunity", "task", "note", "dashboard", "workflow"],
        };
        for target in targets {
            let field = if old { (*target).to_owned() } else { format!("target{}", capitalised(target)) };
            let keeps = holder == "attachment" && matches!(*target, "task" | "note");
            let on_delete = if keeps { "SET_NULL" } else { "CASCADE" };
            links.push((holder, field, target, inverse(holder).0, on_delete, !old));
        }
    }
    links
}

/// Fills a store with the standard objects of a release.
pub(in super::super) fn standard(store: &mut Store, version: Version, now: &str) {
    let blueprints = blueprints(version);
    let mut objects: Vec<Object> = blueprints.iter().map(|blueprint| bare(store, blueprint, now)).collect();
    for (object, (_, _, _, own)) in objects.iter_mut().zip(blueprints) {
        let drafts = automatic_fields().into_iter().chain(own);
        let fields: Vec<Field> = drafts.map(|draft| draft.build(store, object, now)).collect();
        let identifier = fields.iter().find(|field| matches!(field.name.as_str(), "name" | "title"));
        object.label_identifier_field_metadata_id = identifier.or(fields.first()).map(|field| field.id.clone());
        object.fields = fields;
        if object.name_singular == "attachment" {
            let file = object.fields.iter_mut().find(|field| field.name == "file");
            file.into_iter().for_each(|field| field.universal_identifier = ATTACHMENT_FILE.into());
        }
    }
    for (name, field_name, target, inverse_name, on_delete, morph) in links(version) {
        let place = |name: &str| objects.iter().position(|object| object.name_singular == name);
        let (Some(holder), Some(target)) = (place(name), place(target)) else { continue };
        let kind = if morph { FieldKind::MorphRelation } else { FieldKind::Relation };
        let label = if morph { "Target".to_owned() } else { capitalised(&field_name) };
        let mut field = Draft::new(kind, &field_name, &label).build(store, &objects[holder], now);
        field.settings = to_one(&format!("{field_name}Id"), on_delete);
        field.morph_id = morph.then(|| fixed_id(&format!("{name} target")));
        let back = Draft::new(FieldKind::Relation, inverse_name, &capitalised(inverse_name));
        let mut back = back.settings(json!({ "relationType": "ONE_TO_MANY" })).build(store, &objects[target], now);
        back.target = Some(Target { object: objects[holder].id.clone(), field: field.id.clone() });
        field.target = Some(Target { object: objects[target].id.clone(), field: back.id.clone() });
        objects[holder].fields.push(field);
        objects[target].fields.push(back);
    }
    objects.into_iter().for_each(|object| store.put_object(object));
}

fn bare(store: &mut Store, (singular, plural, system, _): &Blueprint, now: &str) -> Object {
    Object {
        id: store.new_id(),
        universal_identifier: fixed_id(singular),
        application_id: STANDARD_APPLICATION.into(),
        name_singular: (*singular).into(),
        name_plural: (*plural).into(),
        label_singular: capitalised(singular),
        label_plural: capitalised(plural),
        description: None,
        icon: None,
        color: None,
        shortcut: None,
        is_active: true,
        is_system: *system,
        is_searchable: !system,
        is_label_synced_with_name: false,
        label_identifier_field_metadata_id: None,
        image_identifier_field_metadata_id: None,
        created_at: now.into(),
        updated_at: now.into(),
        fields: Vec::new(),
    }
}
