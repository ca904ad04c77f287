//! A destination connector for the in-house CRM, on core's transport.

use std::sync::Arc;

use async_trait::async_trait;
use crmkit_core::{
    Abilities, AccountBudget, Clock, Cursor, Destination, DestinationWriter, Error, ErrorKind, FixedToken, ObjectName,
    Operation, OperationKind, Page, PageRequest, Permission, Probe, Reader, RecordId, Recovery, Remover, Result,
    Stored, User, WriteBatch, Written,
    chrono::{DateTime, Utc},
    http::{
        PlainDialect, Request, Transport, TransportBuilder,
        reqwest::{Method, header::HeaderName},
    },
};
use serde::{Deserialize, de::DeserializeOwned};

use super::customer::{Customer, body, schema};

/// The in-house CRM. It has one object, `customer`.
#[derive(Debug)]
pub(crate) struct Inhouse(Transport);

#[derive(Deserialize)]
struct Account {
    account: String,
    users: Vec<Member>,
}

#[derive(Deserialize)]
struct Member {
    id: u64,
    email: String,
    me: bool,
}

impl Inhouse {
    /// A connector to the API at `base`.
    pub(crate) fn new(base: &str, key: &str, clock: Arc<dyn Clock>) -> Result<Self> {
        let dialect = Arc::new(PlainDialect::new(HeaderName::from_static("x-key")));
        let budget = Arc::new(AccountBudget::unlimited(clock.clone()));
        TransportBuilder::new(base, dialect, Arc::new(FixedToken::new(key)), budget, clock).build().map(Self)
    }

    async fn ask<T: DeserializeOwned>(&self, request: Request) -> Result<T> {
        self.0.send(request.clone()).await?.json(&request)
    }

    async fn list(&self, request: Request) -> Result<Vec<Stored>> {
        Ok(self.ask::<Vec<Customer>>(request).await?.into_iter().map(Stored::from).collect())
    }

    async fn perform(&self, operation: &Operation, send_before: DateTime<Utc>) -> Result<Written> {
        let request = match &operation.kind {
            OperationKind::Create => Request::new("customer.create", Method::POST, "/api/customers").creating(),
            OperationKind::Update { id, .. } => about("customer.update", Method::PATCH, id)?,
        };
        let request = request.json(&body(&operation.fields)?).send_before(send_before);
        let stored = Stored::from(self.ask::<Customer>(request).await?);
        Ok(Written { id: stored.id.clone(), stored: Some(stored) })
    }
}

fn listing() -> Request {
    Request::new("customer.list", Method::GET, "/api/customers")
}

fn about(operation: &'static str, method: Method, id: &RecordId) -> Result<Request> {
    let id: u64 = id.as_str().parse().map_err(|_| Error::input(operation, "an id is a number"))?;
    Ok(Request::new(operation, method, format!("/api/customers/{id}")))
}

#[async_trait]
impl DestinationWriter for Inhouse {
    async fn describe(&self) -> Result<Destination> {
        let account: Account = self.ask(Request::new("account.read", Method::GET, "/api/account")).await?;
        let abilities = Abilities::plain(Recovery::ClientId { field: "external_key".into() });
        let mut described = Destination::new("inhouse", account.account).with_object(schema(), abilities);
        described.users = account.users.into_iter().map(User::from).collect();
        described.permissions.extend(["delete", "see_all"].map(|name| (name.to_owned(), Permission::Yes)));
        Ok(described)
    }

    async fn write(&self, batch: &WriteBatch) -> Result<Vec<Result<Written>>> {
        let mut results = Vec::new();
        for operation in &batch.operations {
            results.push(self.perform(operation, batch.send_before).await);
        }
        Ok(results)
    }

    fn reader(&self) -> Option<&dyn Reader> {
        Some(self)
    }

    fn remover(&self) -> Option<&dyn Remover> {
        Some(self)
    }
}

impl From<Member> for User {
    fn from(Member { id, email, me }: Member) -> Self {
        Self { id: id.to_string().into(), name: email.clone(), email, active: true, importing: me }
    }
}

#[async_trait]
impl Reader for Inhouse {
    async fn find(&self, _: &ObjectName, probes: &[Probe]) -> Result<Vec<Vec<Stored>>> {
        let mut found = Vec::new();
        for key in probes.iter().map(|probe| &probe.fields["external_key"]) {
            found.push(self.list(listing().query("external_key", key)).await?);
        }
        Ok(found)
    }

    async fn fetch(&self, _: &ObjectName, ids: &[RecordId]) -> Result<Vec<Option<Stored>>> {
        let wanted: Vec<&str> = ids.iter().map(RecordId::as_str).collect();
        let found = self.list(listing().query("ids", wanted.join(","))).await?;
        Ok(ids.iter().map(|id| found.iter().find(|stored| stored.id == *id).cloned()).collect())
    }

    async fn scan(&self, page: &PageRequest) -> Result<Page<Stored>> {
        let after = page.cursor.as_ref().map_or("0", |cursor| &cursor.0);
        let items = self.list(listing().query("after", after).query("limit", page.limit)).await?;
        let next = items.last().filter(|_| items.len() == page.limit).map(|last| Cursor(last.id.to_string()));
        Ok(Page::of(items, next))
    }
}

#[async_trait]
impl Remover for Inhouse {
    async fn remove(&self, _: &ObjectName, id: &RecordId, _: Option<&str>, send_before: DateTime<Utc>) -> Result<()> {
        match self.0.send(about("customer.remove", Method::DELETE, id)?.send_before(send_before)).await {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
