//! Creating and retiring fields, options and stages, one change at a time.

use async_trait::async_trait;
use crmkit_core::{
    Error, ErrorKind, ExistingItem, FieldConcept, FieldType, ItemKind, Provisioner, Result, Retry, SchemaItem,
    chrono::{DateTime, Utc},
    http::reqwest::Method,
};
use serde_json::{Value as Json, json};

use crate::{
    Twenty,
    client::{metadata, records},
    connector::Target,
    junction::ends,
    metadata::{MetaField, MetaObject},
    naming::{field_name, object_names, option_value},
    reader::TRASHED_TOO,
    remover::gone,
    schema::{STAGE_JOINT, Workspace, wire_type},
};

const CREATE: &str = "twenty.provision";
const RETIRE: &str = "twenty.retire";
/// Colours of options, in turn.
const COLOURS: [&str; 10] = ["sky", "turquoise", "green", "yellow", "orange", "red", "pink", "purple", "blue", "gray"];

#[async_trait]
impl Provisioner for Twenty {
    async fn create(&self, item: &SchemaItem, send_before: DateTime<Utc>) -> Result<String> {
        let _alone = self.schema_change.lock().await;
        // What others changed meanwhile is seen: names have to be free, and lists of options are sent whole.
        self.forget_schema().await;
        let workspace = self.workspace().await?;
        if item.kind == ItemKind::Object {
            let created = self.create_object(&workspace, &item.name, "", send_before).await;
            self.forget_schema().await;
            return created;
        }
        let target = Target::of(&workspace, &item.object, CREATE)?;
        let created = match item.kind {
            ItemKind::Field => self.create_field(&workspace, target, item, send_before).await,
            ItemKind::Option => {
                let field =
                    item.parent.as_deref().ok_or_else(|| refused("an option needs its field's name as parent"))?;
                self.add_option(field_of(target, field)?, &item.name, send_before).await
            }
            // There is one pick-list of stages. Pipelines live in the names of its entries.
            ItemKind::Pipeline => stage_field(target).map(|_| item.name.clone()),
            ItemKind::Stage => {
                let field = stage_field(target)?;
                let pipeline =
                    item.parent.as_deref().ok_or_else(|| refused("a stage needs its pipeline's id as parent"))?;
                // The list itself stands for the workspace's own pipeline.
                let label = match pipeline == field.name {
                    true => item.name.clone(),
                    false => format!("{pipeline}{STAGE_JOINT}{}", item.name),
                };
                self.add_option(field, &label, send_before).await
            }
            ItemKind::Label => Err(refused("twenty has no labels")),
            // Made above.
            ItemKind::Object => Err(refused("an object belongs to none")),
            ItemKind::ActivityType | ItemKind::LeadSource | ItemKind::Filter => {
                Err(refused("this connector makes no such item"))
            }
        };
        // Also after an error: the item may be there.
        self.forget_schema().await;
        created
    }

    async fn retire(&self, item: &ExistingItem, send_before: DateTime<Utc>) -> Result<()> {
        let _alone = self.schema_change.lock().await;
        self.forget_schema().await;
        let workspace = self.workspace().await?;
        // An object, and one that only ties records together.
        let objects = workspace.objects.values();
        let object = match item.item.kind {
            ItemKind::Object => objects.into_iter().find(|object| object.singular == item.id),
            ItemKind::Field => objects.into_iter().find(|object| object.plural == item.id && ends(object).is_some()),
            _ => None,
        };
        if object.is_some() || item.item.kind == ItemKind::Object {
            let retired = match object {
                Some(object) => self.remove_object(object, send_before).await,
                None => Ok(()),
            };
            self.forget_schema().await;
            return retired;
        }
        let target = Target::of(&workspace, &item.item.object, RETIRE)?;
        let field = |name: &str| target.meta.fields.iter().find(|field| field.column() == name);
        let retired = match item.item.kind {
            ItemKind::Field => match field(&item.id) {
                Some(field) => self.remove_field(field, send_before).await,
                None => Ok(()),
            },
            ItemKind::Option => match item.item.parent.as_deref().and_then(field) {
                Some(field) => self.remove_option(target, field, &item.id, send_before).await,
                None => Ok(()),
            },
            ItemKind::Stage => self.remove_option(target, stage_field(target)?, &item.id, send_before).await,
            ItemKind::Pipeline
            | ItemKind::Label
            | ItemKind::Object
            | ItemKind::ActivityType
            | ItemKind::LeadSource
            | ItemKind::Filter => Ok(()),
        };
        self.forget_schema().await;
        retired
    }
}

impl Twenty {
    /// Makes an object and gives its name. One of that description that is there already is taken: a lost answer may have made it.
    pub(crate) async fn create_object(
        &self,
        workspace: &Workspace,
        label: &str,
        description: &str,
        send_before: DateTime<Utc>,
    ) -> Result<String> {
        let taken = |name: &str| {
            let all = workspace.objects.values().flat_map(|object| [&object.singular, &object.plural]);
            all.into_iter().any(|known| known.eq_ignore_ascii_case(name))
        };
        let (singular, plural, labels) = object_names(label, taken);
        let body = json!({
            "nameSingular": singular, "namePlural": plural, "labelSingular": label, "labelPlural": labels,
            "description": description, "icon": "IconDatabaseImport", "isLabelSyncedWithName": false,
        });
        let request = metadata(CREATE, Method::POST, "/rest/metadata/objects").json(&body).creating();
        let made = self.client.data(request.send_before(send_before)).await?;
        made["nameSingular"]
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| Error::new(ErrorKind::Protocol, CREATE, "the answer lacks the new object", Retry::Verify))
    }

    /// Removes an object, which takes its records with it: only an empty one.
    async fn remove_object(&self, object: &MetaObject, send_before: DateTime<Utc>) -> Result<()> {
        let count = records(RETIRE, Method::GET, format!("/rest/{}", object.plural)).query("limit", 1);
        if !self.client.page(count.query("filter", TRASHED_TOO)).await?.items.is_empty() {
            let why = "the object has records that stay";
            return Err(
                Error::new(ErrorKind::Rejected, RETIRE, why, Retry::Never).with_context("object", &object.singular)
            );
        }
        let request = metadata(RETIRE, Method::DELETE, format!("/rest/metadata/objects/{}", object.id));
        gone(self.client.done(request.send_before(send_before)).await.map(drop))
    }

    async fn create_field(
        &self,
        workspace: &Workspace,
        target: Target<'_>,
        item: &SchemaItem,
        send_before: DateTime<Utc>,
    ) -> Result<String> {
        let ty = item.ty.as_ref().ok_or_else(|| refused("a field needs a type"))?;
        if let FieldType::Links { to } = ty {
            let [to] = &to[..] else { return Err(refused("a relation leads to one object")) };
            return self.create_junction(item, to.as_str(), send_before).await;
        }
        let (wire, settings) = wire_type(ty, rich(workspace))
            .ok_or_else(|| refused("twenty has no fields of this type").with_context("type", ty.label()))?;
        let name = field_name(&item.name, |name| is_taken(target.meta, name));
        let mut body = json!({
            "objectMetadataId": target.meta.id, "type": wire, "name": name, "label": item.name, "icon": "IconDatabaseImport",
            "isNullable": true, "isLabelSyncedWithName": false,
        });
        if !settings.is_null() {
            body["settings"] = settings;
        }
        if matches!(ty, FieldType::Option | FieldType::Options) {
            if item.options.is_empty() {
                return Err(refused("a pick-list field needs options"));
            }
            let mut options: Vec<Json> = Vec::new();
            for label in &item.options {
                options.push(new_option(&options, label)?);
            }
            body["options"] = Json::Array(options);
        }
        let mut column = name.clone();
        if let FieldType::Link { to } = ty {
            let [to] = &to[..] else { return Err(refused("a relation leads to one object")) };
            let to = if *to == "user" { "workspaceMember" } else { to.as_str() };
            let other =
                workspace.objects.get(to).ok_or_else(|| refused("the relation leads to no object of the workspace"))?;
            // The other side's name comes from this label, and has to be free there.
            let label = workspace.free_label(other, &format!("{} of {}", item.name, target.meta.label_plural));
            body["relationCreationPayload"] = json!({
                "type": "MANY_TO_ONE", "targetObjectMetadataId": other.id, "targetFieldLabel": label,
                "targetFieldIcon": "IconDatabaseImport",
            });
            column = format!("{name}Id");
        }
        let request = metadata(CREATE, Method::POST, "/rest/metadata/fields").json(&body).creating();
        let made = self.client.data(request.send_before(send_before)).await?;
        if made["id"].as_str().is_none() {
            return Err(Error::new(ErrorKind::Protocol, CREATE, "the answer lacks the new field", Retry::Verify));
        }
        let told = made["settings"]["joinColumnName"].as_str().map(str::to_owned);
        Ok(if matches!(ty, FieldType::Link { .. }) { told.unwrap_or(column) } else { column })
    }

    /// Appends an option. The whole list is sent, each known entry with its id.
    async fn add_option(&self, field: &MetaField, label: &str, send_before: DateTime<Utc>) -> Result<String> {
        let option = new_option(&field.options, label)?;
        let value = option["value"].as_str().unwrap_or_default().to_owned();
        let mut options = field.options.clone();
        options.push(option);
        self.set_options(CREATE, field, &options, send_before).await?;
        Ok(value)
    }

    /// Removes an option that no record has, in the trash either: those that had it would silently fall to the default.
    async fn remove_option(
        &self,
        target: Target<'_>,
        field: &MetaField,
        value: &str,
        send_before: DateTime<Utc>,
    ) -> Result<()> {
        let mut options = field.options.clone();
        options.retain(|option| option["value"] != value);
        if options.len() == field.options.len() {
            return Ok(());
        }
        let has = if field.ty == "MULTI_SELECT" { format!("[containsAny]:[{value}]") } else { format!("[eq]:{value}") };
        let filter = format!("{}{has},{TRASHED_TOO}", field.name);
        let list = target.request(RETIRE, Method::GET).query("filter", filter).query("limit", 1);
        if !self.client.page(list).await?.items.is_empty() {
            let why = "records that stay have this option";
            return Err(Error::new(ErrorKind::Rejected, RETIRE, why, Retry::Never).with_context("field", &field.name));
        }
        self.set_options(RETIRE, field, &options, send_before).await
    }

    async fn set_options(
        &self,
        operation: &'static str,
        field: &MetaField,
        options: &[Json],
        send_before: DateTime<Utc>,
    ) -> Result<()> {
        let path = format!("/rest/metadata/fields/{}", field.id);
        let request = metadata(operation, Method::PATCH, path).json(&json!({ "options": options })).changing();
        self.client.done(request.send_before(send_before)).await.map(drop)
    }

    async fn remove_field(&self, field: &MetaField, send_before: DateTime<Utc>) -> Result<()> {
        let request = metadata(RETIRE, Method::DELETE, format!("/rest/metadata/fields/{}", field.id));
        gone(self.client.done(request.send_before(send_before)).await.map(drop))
    }
}

/// A new entry after the known ones.
fn new_option(known: &[Json], label: &str) -> Result<Json> {
    let clean: String = label.replace(',', ";").trim().chars().take(63).collect();
    if clean.is_empty() {
        return Err(refused("an option needs a label"));
    }
    let value = option_value(label, |value| known.iter().any(|option| option["value"] == value));
    let position = known.iter().filter_map(|option| option["position"].as_i64()).max().map_or(0, |last| last + 1);
    let colour = COLOURS[known.len() % COLOURS.len()];
    Ok(json!({"label": clean, "value": value, "color": colour, "position": position}))
}

fn field_of<'a>(target: Target<'a>, column: &str) -> Result<&'a MetaField> {
    let field = target.meta.fields.iter().find(|field| field.column() == column);
    field.ok_or_else(|| refused("the object has no such field").with_context("field", column))
}

fn stage_field(target: Target<'_>) -> Result<&MetaField> {
    let stage = target.schema.by_concept(FieldConcept::Stage).ok_or_else(|| refused("the object has no stages"))?;
    field_of(target, stage.name.as_str())
}

/// Whether a name is a field's, a relation's column, or what parts of a field are kept under.
pub(crate) fn is_taken(object: &MetaObject, name: &str) -> bool {
    let lower = name.to_lowercase();
    object.fields.iter().any(|field| {
        let own = field.name.to_lowercase();
        let parts: &[&str] = match field.ty.as_str() {
            "FULL_NAME" => &["firstname", "lastname"],
            "EMAILS" => &["primaryemail", "additionalemails"],
            "LINKS" => &["primarylinkurl", "primarylinklabel", "secondarylinks"],
            "CURRENCY" => &["amountmicros", "currencycode"],
            _ => &[],
        };
        lower == own
            || lower == field.column().to_lowercase()
            || parts.iter().any(|part| lower == format!("{own}{part}"))
    })
}

/// What this release calls formatted text.
fn rich(workspace: &Workspace) -> &'static str {
    let body = workspace.objects.get("note").and_then(|note| note.fields.iter().find(|field| field.name == "bodyV2"));
    if body.is_some_and(|body| body.ty == "RICH_TEXT_V2") { "RICH_TEXT_V2" } else { "RICH_TEXT" }
}

pub(crate) fn refused(message: &str) -> Error {
    Error::new(ErrorKind::Rejected, CREATE, message, Retry::Never)
}
