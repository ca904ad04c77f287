//! Customers: their schema, and what they look like on the wire and in a plan.

use crmkit_core::{
    Error, ErrorKind, FieldConcept, FieldSchema, FieldType, Fields, ObjectConcept, ObjectSchema, RecordRef, Result,
    Retry, Stored, Value,
};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

/// A customer as the API answers it.
#[derive(Deserialize)]
pub(crate) struct Customer {
    id: u64,
    fields: Map<String, Json>,
}

/// The fields of a customer, all of which are texts but for the owner.
pub(crate) fn schema() -> ObjectSchema {
    let text = |name: &str| FieldSchema::new(name, name, FieldType::text());
    ObjectSchema::new("customer", "Customer", ObjectConcept::Organization)
        .with(text("name").means(FieldConcept::Name).required())
        .with(text("email").means(FieldConcept::Emails).clearable())
        .with(text("tier").clearable())
        .with(text("external_key"))
        .with(FieldSchema::new("owner", "Owner", FieldType::link("user")).means(FieldConcept::Owner))
}

/// Values as the API takes them.
pub(crate) fn body(fields: &Fields) -> Result<Map<String, Json>> {
    schema().refuse_unknown("customer.write", fields)?;
    let pairs = fields.iter().map(|(name, value)| match value {
        Value::Null => Ok((name.to_string(), Json::Null)),
        Value::Text(text) => Ok((name.to_string(), json!(text))),
        Value::Ref(owner) => Ok((name.to_string(), json!(owner.id.as_str()))),
        _ => {
            let message = format!("{name} cannot hold such a value");
            Err(Error::new(ErrorKind::Rejected, "customer.write", message, Retry::Never))
        }
    });
    pairs.collect()
}

impl From<Customer> for Stored {
    fn from(customer: Customer) -> Self {
        let value = |(name, json): (String, Json)| match (name.as_str(), json.as_str()?) {
            ("owner", id) => Some(("owner".into(), Value::link(RecordRef::new("user", id)))),
            (name, text) => Some((name.into(), Value::text(text))),
        };
        Self::new(customer.id.to_string(), customer.fields.into_iter().filter_map(value).collect())
    }
}
