//! The connector: one account, and what it last said about itself.

use std::sync::{Arc, atomic::AtomicBool};

use crmkit_core::{Clock, Destination, Error, ErrorKind, ObjectName, ObjectSchema, Result, Retry, Schema};
use futures::lock::Mutex;

use crate::{PipedriveBuilder, PipedriveConfig, client::Client, endpoint, object::Object, schema::Account};

/// A Pipedrive account as a destination.
///
/// It keeps the schema it last saw, because values are converted by it: [`describe`](crmkit_core::DestinationWriter::describe)
/// refreshes it, creating or retiring an item through the [`Provisioner`](crmkit_core::Provisioner) drops it.
#[derive(Debug)]
pub struct Pipedrive {
    pub(crate) client: Client,
    pub(crate) config: PipedriveConfig,
    schema: Mutex<Option<Arc<Schema>>>,
    /// The account takes the second of two spellings that the documents leave open: of activities, of leads.
    pub(crate) respelled: [AtomicBool; 2],
}

impl Pipedrive {
    /// Begins to build the connector. Waits and deadlines go by `clock`.
    pub fn builder(config: PipedriveConfig, clock: Arc<dyn Clock>) -> PipedriveBuilder {
        PipedriveBuilder::new(config, clock)
    }

    pub(crate) fn new(client: Client, config: PipedriveConfig) -> Self {
        Self { client, config, schema: Mutex::default(), respelled: Default::default() }
    }

    /// Asks the account about itself and keeps the schema.
    pub(crate) async fn load(&self) -> Result<Destination> {
        let mut kept = self.schema.lock().await;
        let destination = self.ask().await?;
        *kept = Some(Arc::new(destination.schema.clone()));
        Ok(destination)
    }

    async fn ask(&self) -> Result<Destination> {
        let client = &self.client;
        let account = Account {
            me: client.data(endpoint::USER_ME.request()).await?,
            users: client.whole(endpoint::USER_LIST).await?,
            organization_fields: client.all(endpoint::ORGANIZATION_FIELD_LIST).await?,
            person_fields: client.all(endpoint::PERSON_FIELD_LIST).await?,
            deal_fields: client.all(endpoint::DEAL_FIELD_LIST).await?,
            pipelines: client.all(endpoint::PIPELINE_LIST).await?,
            stages: client.all(endpoint::STAGE_LIST).await?,
            activity_types: client.whole(endpoint::ACTIVITY_TYPE_LIST).await?,
            lead_labels: client.whole(endpoint::LEAD_LABEL_LIST).await?,
        };
        let company = account.me.company_domain.clone().unwrap_or_else(|| account.me.company_id.to_string());
        client.bind(&company);
        Ok(account.describe(&self.config))
    }

    /// Forgets the schema: the next call that needs it asks again.
    pub(crate) async fn forget_schema(&self) {
        *self.schema.lock().await = None;
    }

    /// The schema, from the account where none is kept. Several callers at once ask once.
    pub(crate) async fn schema(&self) -> Result<Arc<Schema>> {
        let mut kept = self.schema.lock().await;
        if let Some(schema) = &*kept {
            return Ok(schema.clone());
        }
        let schema = Arc::new(self.ask().await?.schema);
        *kept = Some(schema.clone());
        Ok(schema)
    }
}

/// The object of that name and its fields.
pub(crate) fn object_of<'a>(
    schema: &'a Schema,
    name: &ObjectName,
    operation: &'static str,
) -> Result<(Object, &'a ObjectSchema)> {
    let found = Object::named(name).and_then(|object| Some((object, schema.object(name)?)));
    found.ok_or_else(|| {
        Error::new(ErrorKind::Rejected, operation, "pipedrive has no such object", Retry::Never)
            .with_context("object", name)
    })
}
