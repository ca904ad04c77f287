//! Making custom fields and tags, and telling what only a person can make.

use std::time::Duration;

use async_trait::async_trait;
use crmkit_core::{
    Error, ErrorKind, ExistingItem, FieldType, ItemKind, Provisioner, Result, Retry, SchemaItem,
    chrono::{DateTime, TimeDelta, Utc},
    http::Request,
    http::reqwest::Method,
};
use serde_json::{Value as Json, json};

use crate::{
    Nutshell,
    client::{Call, Effect, get, post},
    object::{Object, object_named},
    schema::{custom_name, field_type, wire_type},
    wire::{Attribute, id_of},
};

const CREATE: &str = "nutshell.provision";
/// How often a new field is looked for before it counts as lost.
const LOOKS: u32 = 8;
const BETWEEN: Duration = Duration::from_secs(2);

#[async_trait]
impl Provisioner for Nutshell {
    /// Pipelines and stages are taken where people made them, under exactly this name; otherwise the error says what to click.
    async fn create(&self, item: &SchemaItem, send_before: DateTime<Utc>) -> Result<String> {
        let created = match item.kind {
            ItemKind::Pipeline => Err(by_hand(
                item,
                format!(
                    "make it under Setup > Pipelines with the name {:?}, then audit again and name its id in the plan",
                    item.name
                ),
            )),
            ItemKind::Stage => Err(by_hand(
                item,
                format!("open its pipeline under Setup > Pipelines, add the stage {:?}, then audit again", item.name),
            )),
            ItemKind::Option => Err(by_hand(
                item,
                format!("open the field under Setup > Custom fields, add the choice {:?}, then audit again", item.name),
            )),
            ItemKind::Field => self.create_field(item, send_before).await,
            ItemKind::Label => self.create_tag(item, send_before).await,
            ItemKind::LeadSource => self.create_source(item, send_before).await,
            ItemKind::ActivityType => Err(by_hand(
                item,
                format!("make it under Setup > Activity types with the name {:?}, then audit again", item.name),
            )),
            ItemKind::Object | ItemKind::Filter => {
                Err(by_hand(item, "keep its records in custom fields or leave them behind".to_owned()))
            }
        };
        // Also after an error: the item may be there.
        self.forget().await;
        created
    }

    async fn retire(&self, item: &ExistingItem, send_before: DateTime<Utc>) -> Result<()> {
        let retired = match item.item.kind {
            ItemKind::Label => self.remove_tag(item, send_before).await,
            ItemKind::LeadSource => {
                let request =
                    Request::new("source.retire", Method::DELETE, format!("/rest/sources/{}-sources", item.id));
                crate::remover::gone(self.client.done(request.send_before(send_before)).await)
            }
            kind => {
                let message =
                    format!("the interface cannot remove a {kind:?}; remove {:?} under Setup", item.item.name);
                Err(Error::new(ErrorKind::Rejected, "nutshell.retire", message.to_lowercase(), Retry::Never))
            }
        };
        self.forget().await;
        retired
    }
}

impl Nutshell {
    async fn create_field(&self, item: &SchemaItem, send_before: DateTime<Utc>) -> Result<String> {
        let object = extended(item)?;
        let ty = item.ty.as_ref().ok_or_else(|| refused("a field needs a type"))?;
        let (kind, multiple) = wire_type(ty)
            .ok_or_else(|| refused("nutshell has no fields of this type").with_context("type", ty.label()))?;
        if let Some(twin) = self.field_named(object, &item.name).await? {
            // Fields stay for good: a marker of an earlier migration serves again.
            return if item.name == self.config.marker && matches!(field_type(&twin), FieldType::Text { .. }) {
                Ok(custom_name(&item.name).to_string())
            } else {
                let remedy = format!(
                    "a field of this name is there already; name {:?} as use_existing",
                    custom_name(&item.name).as_str()
                );
                Err(refused(&remedy).with_context("field", &item.name))
            };
        }
        let mut body = json!({"name": item.name, "type": kind});
        if kind == "Enum" {
            let yes_no = ["Yes".to_owned(), "No".to_owned()];
            let choices =
                if *ty == FieldType::Bool && item.options.is_empty() { &yes_no[..] } else { &item.options[..] };
            if choices.is_empty() {
                return Err(refused("a pick-list field needs options"));
            }
            body["choices"] = json!(choices);
            body["isMultiple"] = json!(multiple);
        }
        let path = format!("/rest/{}/customfield", object.resource());
        let request = post("field.create", path, &body).send_before(send_before);
        self.client.done(request).await?;
        // What is answered is not documented, and the list may lag.
        let clock = self.client.clock();
        for _ in 0..LOOKS {
            if self.field_named(object, &item.name).await?.is_some() {
                return Ok(custom_name(&item.name).to_string());
            }
            clock.sleep_until(clock.now() + TimeDelta::from_std(BETWEEN).unwrap_or_default()).await;
        }
        let message = "the new field does not show among the fields";
        Err(Error::new(ErrorKind::Protocol, CREATE, message, Retry::Verify).with_context("field", &item.name))
    }

    async fn field_named(&self, object: Object, name: &str) -> Result<Option<Attribute>> {
        Ok(self.attributes(object).await?.into_iter().find(|field| field.name() == name))
    }

    /// Tags go by their names.
    async fn create_tag(&self, item: &SchemaItem, send_before: DateTime<Utc>) -> Result<String> {
        let object = extended(item)?;
        let params = json!({"tag": {"name": item.name, "entityType": object.entity()}});
        let call = Call::new("tag.create", "newTag", Effect::Creates, &params).send_before(send_before);
        self.client.call::<Json>(call).await?;
        Ok(item.name.clone())
    }

    /// The interface gives the source that is there, where one has the name.
    async fn create_source(&self, item: &SchemaItem, send_before: DateTime<Utc>) -> Result<String> {
        let call = Call::new("source.create", "newSource", Effect::Creates, &json!({"name": item.name}));
        let made: Json = self.client.call(call.send_before(send_before)).await?;
        let id = id_of(&made["id"]).map(|id| id.to_string());
        id.ok_or_else(|| Error::new(ErrorKind::Protocol, CREATE, "the new source has no id", Retry::Verify))
    }

    async fn remove_tag(&self, item: &ExistingItem, send_before: DateTime<Utc>) -> Result<()> {
        let object = extended(&item.item)?;
        let kind = object.resource();
        let list = get("tag.list", "/rest/tags").query("q", &item.item.name);
        let tags: Vec<Json> = self.client.rest(list, "tags").await?;
        let ours = |tag: &&Json| tag["name"] == item.item.name.as_str() && tag["tagType"] == kind;
        let Some(id) = tags.iter().find(ours).and_then(|tag| id_of(&tag["id"])) else { return Ok(()) };
        let request = Request::new("tag.retire", Method::DELETE, format!("/rest/tags/{id}-tags"));
        crate::remover::gone(self.client.done(request.send_before(send_before)).await)
    }
}

/// The object of an item, which has to be one that takes fields and tags.
fn extended(item: &SchemaItem) -> Result<Object> {
    let object = object_named(&item.object, CREATE)?;
    if Object::MARKED.contains(&object) {
        Ok(object)
    } else {
        Err(refused("this object has no custom fields or tags").with_context("object", &item.object))
    }
}

fn by_hand(item: &SchemaItem, what: String) -> Error {
    let kind = match item.kind {
        ItemKind::Pipeline => "pipeline",
        ItemKind::Stage => "stage",
        ItemKind::ActivityType => "activity type",
        ItemKind::Object => "object",
        ItemKind::Filter => "filter",
        _ => "choice",
    };
    refused(&format!("the interface cannot make the {kind} {:?}: {what}", item.name))
}

fn refused(message: &str) -> Error {
    Error::new(ErrorKind::Rejected, CREATE, message, Retry::Never)
}
