//! Creating and retiring pipelines, stages, fields and options.

use async_trait::async_trait;
use crmkit_core::{
    Error, ErrorKind, ExistingItem, FieldType, ItemKind, ObjectName, Provisioner, Result, Retry, SchemaItem,
    chrono::{DateTime, Utc},
    http::Request,
};

use crate::{
    Pipedrive,
    client::writing,
    endpoint::{self, Endpoint},
    object::Object,
    remover::gone,
    schema::{OPTIONS, wire_type},
    wire::{
        Created, Field, FieldOption, LeadLabel, NewActivityType, NewField, NewLeadLabel, NewOption, NewPipeline,
        NewStage, OptionId,
    },
};

const CREATE: &str = "pipedrive.provision";
const LABELS: &str = "label_ids";
/// Pictures that people know an activity by.
const ICONS: [&str; 9] =
    ["email", "meeting", "deadline", "call", "lunch", "document", "camera", "clip", "presentation"];
/// What a lead label has to have; people change it at will.
const LABEL_COLOR: &str = "gray";

#[async_trait]
impl Provisioner for Pipedrive {
    async fn create(&self, item: &SchemaItem, send_before: DateTime<Utc>) -> Result<String> {
        let created = self.create_item(item, send_before).await;
        // Also after an error: the item may be there.
        self.forget_schema().await;
        created
    }

    async fn retire(&self, item: &ExistingItem, send_before: DateTime<Utc>) -> Result<()> {
        let remove = |request: Request| self.client.done(request.send_before(send_before));
        let retired = match item.item.kind {
            ItemKind::Pipeline => gone(remove(endpoint::PIPELINE_DELETE.about(&item.id)?).await),
            ItemKind::Stage => gone(remove(endpoint::STAGE_DELETE.about(&item.id)?).await),
            ItemKind::Field => gone(remove(Fielded::of(&item.item.object)?.field_delete.about(&item.id)?).await),
            ItemKind::Label if is_lead(&item.item) => gone(remove(endpoint::LEAD_LABEL_DELETE.about(&item.id)?).await),
            ItemKind::Option | ItemKind::Label => self.retire_option(item, send_before).await,
            ItemKind::ActivityType => gone(remove(endpoint::ACTIVITY_TYPE_DELETE.about(&item.id)?).await),
            ItemKind::Object | ItemKind::LeadSource | ItemKind::Filter => Err(unknown(item.item.kind)),
        };
        self.forget_schema().await;
        retired
    }
}

impl Pipedrive {
    /// The interface refuses an unknown option with the same status as anything else that is wrong, so the field is asked
    /// whether the option is still there.
    async fn retire_option(&self, item: &ExistingItem, send_before: DateTime<Utc>) -> Result<()> {
        let endpoints = Fielded::of(&item.item.object)?;
        let field = field_of(&item.item)?;
        let id: i64 = item.id.parse().map_err(|_| refused("an option's id is a number"))?;
        let request = endpoints.option_delete.about(field)?.json(&[OptionId { id }]).send_before(send_before);
        match gone(self.client.done(request).await) {
            Err(error) if error.kind() == ErrorKind::Rejected => {
                let fields: Vec<Field> = self.client.all(endpoints.field_list).await?;
                let field = fields.iter().find(|known| known.field_code == field);
                let mut options = field.and_then(|field| field.options.as_ref()).into_iter().flatten();
                if options.any(|option| option.id.as_i64() == Some(id)) { Err(error) } else { Ok(()) }
            }
            result => result,
        }
    }

    async fn create_item(&self, item: &SchemaItem, send_before: DateTime<Utc>) -> Result<String> {
        let name = item.name.as_str();
        match item.kind {
            ItemKind::Pipeline => {
                let request = writing(endpoint::PIPELINE_CREATE.request(), &NewPipeline { name }, send_before);
                Ok(self.client.data::<Created>(request).await?.id.to_string())
            }
            ItemKind::Stage => {
                let pipeline = item.parent.as_deref().and_then(|parent| parent.parse().ok());
                let pipeline_id = pipeline.ok_or_else(|| refused("a stage needs its pipeline's id as parent"))?;
                let stage = NewStage { name, pipeline_id, deal_probability: item.probability };
                let request = writing(endpoint::STAGE_CREATE.request(), &stage, send_before);
                Ok(self.client.data::<Created>(request).await?.id.to_string())
            }
            ItemKind::Field => {
                let field = new_field(item)?;
                let request = Fielded::of(&item.object)?.field_create.request();
                Ok(self.client.data::<Field>(writing(request, &field, send_before)).await?.field_code)
            }
            ItemKind::Label if is_lead(item) => {
                let label = NewLeadLabel { name, color: LABEL_COLOR };
                let request = writing(endpoint::LEAD_LABEL_CREATE.request(), &label, send_before);
                Ok(self.client.data::<LeadLabel>(request).await?.id)
            }
            ItemKind::Option | ItemKind::Label => {
                let request = Fielded::of(&item.object)?.option_create.about(field_of(item)?)?;
                let request = writing(request, &[NewOption { label: name }], send_before);
                // Only the new ones are answered.
                let options: Vec<FieldOption> = self.client.data(request.clone()).await?;
                let id = options.iter().find(|option| option.label == name).and_then(|option| option.id.as_i64());
                id.map(|id| id.to_string()).ok_or_else(|| {
                    Error::new(
                        ErrorKind::Protocol,
                        request.operation(),
                        "the answer lacks the new option",
                        Retry::Verify,
                    )
                })
            }
            ItemKind::ActivityType => {
                let kind = NewActivityType { name, icon_key: icon(name) };
                let request = writing(endpoint::ACTIVITY_TYPE_CREATE.request(), &kind, send_before);
                Ok(self.client.data::<Created>(request).await?.id.to_string())
            }
            ItemKind::Object | ItemKind::LeadSource | ItemKind::Filter => Err(unknown(item.kind)),
        }
    }
}

/// Leads have labels of their own, which are no options of a field.
fn is_lead(item: &SchemaItem) -> bool {
    item.object == Object::Lead.name()
}

/// The field that an option belongs to: its parent; labels have one of their own.
fn field_of(item: &SchemaItem) -> Result<&str> {
    match (item.kind, item.parent.as_deref()) {
        (ItemKind::Label, None) => Ok(LABELS),
        (_, Some(field)) => Ok(field),
        (_, None) => Err(refused("an option needs its field's key as parent")),
    }
}

/// Yes and No stand in for a boolean, which does not exist.
fn new_field(item: &SchemaItem) -> Result<NewField<'_>> {
    let ty = item.ty.as_ref().ok_or_else(|| refused("a field needs a type"))?;
    let field_type = wire_type(ty)
        .ok_or_else(|| refused("pipedrive has no fields of this type").with_context("type", ty.label()))?;
    let labels: Vec<&str> = match ty {
        FieldType::Bool if item.options.is_empty() => vec!["Yes", "No"],
        _ => item.options.iter().map(String::as_str).collect(),
    };
    let picks = matches!(field_type, "enum" | "set");
    if picks && labels.is_empty() {
        return Err(refused("a pick-list field needs options"));
    }
    if labels.len() as u64 > OPTIONS {
        return Err(refused("a pick-list field takes at most 10000 options; keep the values in a text field"));
    }
    let options = picks.then(|| labels.into_iter().map(|label| NewOption { label }).collect());
    Ok(NewField { field_name: &item.name, field_type, options })
}

/// The picture of an activity type: that of its name where there is one.
fn icon(name: &str) -> &'static str {
    let name = name.to_lowercase();
    let named = |icon: &&str| name.split(|char: char| !char.is_alphanumeric()).any(|word| word == *icon);
    ICONS.into_iter().find(named).unwrap_or("task")
}

/// What only people, or nobody, can make.
fn unknown(kind: ItemKind) -> Error {
    let message = match kind {
        ItemKind::Object => "pipedrive has no custom objects; fold them into fields or notes",
        ItemKind::LeadSource => "where a lead came from is told by pipedrive itself; keep it in a custom field",
        _ => "pipedrive's filters name fields by numbers that its interface no longer tells; people make them",
    };
    refused(message)
}

fn refused(message: &str) -> Error {
    Error::new(ErrorKind::Rejected, CREATE, message, Retry::Never)
}

/// The endpoints of an object that has custom fields.
struct Fielded {
    field_list: Endpoint,
    field_create: Endpoint,
    field_delete: Endpoint,
    option_create: Endpoint,
    option_delete: Endpoint,
}

impl Fielded {
    fn of(object: &ObjectName) -> Result<Self> {
        Ok(match Object::named(object) {
            Some(Object::Organization) => Self {
                field_list: endpoint::ORGANIZATION_FIELD_LIST,
                field_create: endpoint::ORGANIZATION_FIELD_CREATE,
                field_delete: endpoint::ORGANIZATION_FIELD_DELETE,
                option_create: endpoint::ORGANIZATION_OPTION_CREATE,
                option_delete: endpoint::ORGANIZATION_OPTION_DELETE,
            },
            Some(Object::Person) => Self {
                field_list: endpoint::PERSON_FIELD_LIST,
                field_create: endpoint::PERSON_FIELD_CREATE,
                field_delete: endpoint::PERSON_FIELD_DELETE,
                option_create: endpoint::PERSON_OPTION_CREATE,
                option_delete: endpoint::PERSON_OPTION_DELETE,
            },
            Some(Object::Deal | Object::Lead) => Self {
                field_list: endpoint::DEAL_FIELD_LIST,
                field_create: endpoint::DEAL_FIELD_CREATE,
                field_delete: endpoint::DEAL_FIELD_DELETE,
                option_create: endpoint::DEAL_OPTION_CREATE,
                option_delete: endpoint::DEAL_OPTION_DELETE,
            },
            _ => return Err(refused("this object has no custom fields").with_context("object", object)),
        })
    }
}
