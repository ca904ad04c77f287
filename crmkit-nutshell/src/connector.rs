//! The connector: one instance, and what it last said about itself.

use std::{collections::HashMap, sync::Arc};

use crmkit_core::{
    Clock, Destination, Error, ErrorKind, ObjectName, ObjectSchema, Result, Retry, http::Request, http::reqwest::Method,
};
use futures::lock::Mutex;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use crate::{
    NutshellBuilder, NutshellConfig,
    client::{Call, Client, get},
    object::{Object, object_named},
    schema::{Catalog, Instance},
    wire::{Attribute, Market, Named, RestUser, User},
};

/// A Nutshell instance as a destination.
///
/// It keeps what it last saw of the instance, because values are converted by it:
/// [`describe`](crmkit_core::DestinationWriter::describe) refreshes it, making an item through the
/// [`Provisioner`](crmkit_core::Provisioner) drops it.
#[derive(Debug)]
pub struct Nutshell {
    pub(crate) client: Client,
    pub(crate) config: NutshellConfig,
    known: Mutex<Option<Arc<Known>>>,
    /// Held while a file is announced and sent.
    pub(crate) filing: Mutex<()>,
    /// The activities that carry files of people and companies, by whose they are; none where the answer to the last create was lost.
    pub(crate) carriers: Mutex<HashMap<(Object, i64), Option<i64>>>,
}

/// What was last seen of the instance.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) destination: Destination,
    pub(crate) catalog: Catalog,
}

impl Known {
    /// The object of that name and its fields.
    pub(crate) fn object(&self, name: &ObjectName, operation: &'static str) -> Result<(Object, &ObjectSchema)> {
        let object = object_named(name, operation)?;
        let schema = self.destination.schema.object(name);
        schema.map(|schema| (object, schema)).ok_or_else(|| Error::state(operation, "the schema lacks the object"))
    }
}

/// The most full records of a page.
pub(crate) const LIMIT: usize = 100;

impl Nutshell {
    /// Begins to build the connector. Waits and deadlines go by `clock`.
    pub fn builder(config: NutshellConfig, clock: Arc<dyn Clock>) -> NutshellBuilder {
        NutshellBuilder::new(config, clock)
    }

    pub(crate) fn new(client: Client, config: NutshellConfig) -> Self {
        Self { client, config, known: Mutex::default(), filing: Mutex::default(), carriers: Mutex::default() }
    }

    /// Asks the instance about itself and keeps it.
    pub(crate) async fn load(&self) -> Result<Destination> {
        let mut kept = self.known.lock().await;
        let known = self.ask().await?;
        let destination = known.destination.clone();
        *kept = Some(Arc::new(known));
        Ok(destination)
    }

    /// What is known of the instance, which is asked where nothing is. Several callers at once ask once.
    pub(crate) async fn known(&self) -> Result<Arc<Known>> {
        let mut kept = self.known.lock().await;
        if let Some(known) = &*kept {
            return Ok(known.clone());
        }
        let known = Arc::new(self.ask().await?);
        *kept = Some(known.clone());
        Ok(known)
    }

    /// Forgets what is known: the next call that needs it asks again.
    pub(crate) async fn forget(&self) {
        *self.known.lock().await = None;
    }

    async fn ask(&self) -> Result<Known> {
        let client = &self.client;
        let instance: Json = client.call(Call::read("instance.get", "instanceData", json!({}))).await?;
        let id = crate::wire::id_of(&instance["id"])
            .ok_or_else(|| Error::new(ErrorKind::Protocol, "instance.get", "the instance has no id", Retry::Never))?;
        client.bind(&id.to_string()).await;
        let me: User = client.call(Call::read("user.me", "getUser", json!({}))).await?;
        let rest_users: Vec<RestUser> = client.rest(get("user.list", "/rest/users"), "users").await?;
        let users: Vec<User> = self.all("user.list", "findUsers").await?;
        // Values are set by one interface and read by the other: their ids have to be the same.
        let twin = rest_users.iter().find(|user| user.emails.iter().any(|email| me.emails.contains(email)));
        if twin.is_some_and(|twin| twin.id != me.id) {
            let message = "the two interfaces give one user different ids, so that nothing can be told of records";
            return Err(Error::new(ErrorKind::Protocol, "user.list", message, Retry::Never));
        }
        let [account_fields, contact_fields, lead_fields] =
            [self.attributes(Object::Account), self.attributes(Object::Contact), self.attributes(Object::Lead)];
        let caps = self.caps().await?;
        let instance = Instance {
            id,
            caps,
            me,
            users,
            rest_users,
            account_fields: account_fields.await?,
            contact_fields: contact_fields.await?,
            lead_fields: lead_fields.await?,
            catalog: Catalog {
                stagesets: self.all("pipeline.list", "findStagesets").await?,
                milestones: self.all("stage.list", "findMilestones").await?,
                outcomes: self.all("outcome.list", "findLead_Outcomes").await?,
                activity_types: self.all("activity_type.list", "findActivityTypes").await?,
                sources: self.all("source.list", "findSources").await?,
                industries: self.all("industry.list", "findIndustries").await?,
                account_types: self.all("account_type.list", "findAccountTypes").await?,
                territories: self.all("territory.list", "findTerritories").await?,
                teams: self.all("team.list", "findTeams").await?,
                tags: client.call(Call::read("tag.list", "findTags", json!({}))).await?,
                markets: self.markets().await?,
            },
        };
        Ok(instance.known(&self.config))
    }

    /// How much more the account's plan allows, as far as the configuration tells its caps: what is there already counts.
    async fn caps(&self) -> Result<Vec<(&'static str, u64)>> {
        let mut caps = Vec::new();
        if let Some(cap) = self.config.open_lead_cap {
            let mut open = 0;
            for page in 1.. {
                let query = json!({"status": 0, "filter": 2});
                let params = json!({"query": query, "orderBy": "id", "limit": LIMIT, "page": page});
                let some: Vec<Json> = self.client.call(Call::read("lead.list", "findLeads", params)).await?;
                open += some.len() as u64;
                if some.len() < LIMIT || open >= cap {
                    break;
                }
            }
            caps.push(("open_deals", cap.saturating_sub(open)));
        }
        if let Some(cap) = self.config.contact_cap {
            let there = self.client.total(get("contact.count", "/rest/contacts").query("page[limit]", 1)).await?;
            caps.push(("contacts", cap.saturating_sub(there)));
        }
        caps.extend(self.config.custom_field_cap.map(|cap| ("custom_fields", cap)));
        Ok(caps)
    }

    /// Every page of a JSON-RPC list.
    async fn all<T: DeserializeOwned>(&self, operation: &'static str, method: &str) -> Result<Vec<T>> {
        let mut all = Vec::new();
        for page in 1.. {
            let params = json!({"limit": LIMIT, "page": page});
            let some: Vec<T> = self.client.call(Call::read(operation, method, params)).await?;
            let last = some.len() < LIMIT;
            all.extend(some);
            if last {
                break;
            }
        }
        Ok(all)
    }

    /// The custom fields of an object.
    pub(crate) async fn attributes(&self, object: Object) -> Result<Vec<Attribute>> {
        let path = format!("/rest/{}/customfields/attributes", object.resource());
        self.client.rest(get("field.list", path), "customFields").await
    }

    /// Currencies are told by REST alone, and not by every instance: there amounts go as they are.
    async fn markets(&self) -> Result<Vec<Market>> {
        match self.client.rest(Request::new("market.list", Method::GET, "/rest/markets"), "markets").await {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let named: Vec<Named> = self.all("market.list", "findMarkets").await?;
                Ok(named.into_iter().map(|market| Market { id: market.id, currency: None }).collect())
            }
            result => result,
        }
    }
}
