//! The connector: one workspace, and what it last said about itself.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crmkit_core::{
    Allowance, AllowanceWindow, Clock, CostUnit, Destination, Error, ErrorKind, ObjectCost, ObjectName, ObjectSchema,
    Result, Retry,
    http::{Request, reqwest::Method},
};
use futures::lock::Mutex;
use serde_json::{Value as Json, json};

use crate::{
    TwentyBuilder, TwentyConfig,
    client::{Client, metadata, records},
    metadata::{self, MetaObject},
    schema::Workspace,
};

/// Records that one call reads by their ids.
const READ_BATCH: u32 = 100;

const DESCRIBE: &str = "twenty.describe";

/// A Twenty workspace as a destination.
///
/// It keeps the schema it last saw, because values are converted by it: [`describe`](crmkit_core::DestinationWriter::describe)
/// refreshes it, creating or retiring an item through the [`Provisioner`](crmkit_core::Provisioner) drops it.
#[derive(Debug)]
pub struct Twenty {
    pub(crate) client: Client,
    pub(crate) config: TwentyConfig,
    workspace: Mutex<Option<Arc<Workspace>>>,
    /// Changes of the schema are made one at a time: the server does not bear several.
    pub(crate) schema_change: Mutex<()>,
    /// The server was seen to count each update of a call.
    counts_updates: AtomicBool,
}

impl Twenty {
    /// Begins to build the connector. Waits and deadlines go by `clock`.
    pub fn builder(config: TwentyConfig, clock: Arc<dyn Clock>) -> TwentyBuilder {
        TwentyBuilder::new(config, clock)
    }

    pub(crate) fn new(client: Client, config: TwentyConfig) -> Self {
        Self {
            client,
            config,
            workspace: Mutex::default(),
            schema_change: Mutex::default(),
            counts_updates: AtomicBool::new(false),
        }
    }

    /// Whether several updates in one call are as dear as a call for each.
    pub(crate) fn counts_updates(&self) -> bool {
        self.counts_updates.load(Ordering::Relaxed)
    }

    pub(crate) fn count_updates(&self) {
        self.counts_updates.store(true, Ordering::Relaxed);
    }

    /// Asks the workspace about itself and keeps the schema.
    pub(crate) async fn load(&self) -> Result<Destination> {
        let mut kept = self.workspace.lock().await;
        let (workspace, account) = self.ask().await?;
        let list = || records(DESCRIBE, Method::GET, "/rest/workspaceMembers".to_owned()).query("limit", 200);
        let users = self.client.all(list).await?;
        let mut destination = workspace.describe(account, &users);
        for abilities in destination.abilities.values_mut() {
            abilities.batch = self.config.batch;
        }
        let cost = ObjectCost { read_batch: READ_BATCH, ..ObjectCost::default() };
        destination.costs = destination.schema.objects.keys().map(|name| (name.clone(), cost)).collect();
        destination.allowance = (!self.config.unlimited).then(|| Allowance {
            windows: vec![AllowanceWindow {
                unit: CostUnit::Calls,
                amount: self.config.calls.into(),
                seconds: self.config.per_seconds,
            }],
            published: true,
        });
        *kept = Some(Arc::new(workspace));
        Ok(destination)
    }

    async fn ask(&self) -> Result<(Workspace, String)> {
        let list = || metadata(DESCRIBE, Method::GET, "/rest/metadata/objects").query("limit", 200);
        let objects = self.client.all(list).await?;
        let account = objects.iter().find_map(|object| object["workspaceId"].as_str()).map(str::to_owned);
        let account = account.ok_or_else(|| {
            Error::new(ErrorKind::Protocol, DESCRIBE, "the workspace does not tell its id", Retry::Never)
        })?;
        let relations = self.relations().await?;
        self.client.bind(&account);
        Ok((Workspace::new(metadata::read(&objects, &relations)), account))
    }

    /// Where relations lead. Releases without relations to several objects do not know the word for them.
    async fn relations(&self) -> Result<Json> {
        let to = "{ type targetObjectMetadata { nameSingular } }";
        let query = |more: &str| {
            let fields = format!("fieldsList {{ id name relation {to} {more} }}");
            let query =
                format!("query {{ objects(paging: {{ first: 1000 }}) {{ edges {{ node {{ id {fields} }} }} }} }}");
            metadata(DESCRIBE, Method::POST, "/metadata").json(&json!({ "query": query }))
        };
        match self.client.ask(query(&format!("morphRelations {to}"))).await? {
            Ok(answer) => Ok(answer),
            Err(_) => self.client.done(query("")).await,
        }
    }

    /// Forgets the schema: the next call that needs it asks again.
    pub(crate) async fn forget_schema(&self) {
        *self.workspace.lock().await = None;
    }

    /// The workspace, asked where it is not known. Several callers at once ask once.
    pub(crate) async fn workspace(&self) -> Result<Arc<Workspace>> {
        let mut kept = self.workspace.lock().await;
        if let Some(workspace) = &*kept {
            return Ok(workspace.clone());
        }
        let workspace = Arc::new(self.ask().await?.0);
        *kept = Some(workspace.clone());
        Ok(workspace)
    }
}

/// An object that is written, with its fields.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) meta: &'a MetaObject,
    pub(crate) schema: &'a ObjectSchema,
}

impl<'a> Target<'a> {
    pub(crate) fn of(workspace: &'a Workspace, name: &ObjectName, operation: &'static str) -> Result<Self> {
        match (workspace.objects.get(name.as_str()), workspace.schema.object(name)) {
            (Some(meta), Some(schema)) => Ok(Self { meta, schema }),
            _ => Err(Error::new(ErrorKind::Rejected, operation, "the workspace has no such object", Retry::Never)
                .with_context("object", name)),
        }
    }

    /// A request to the object's records.
    pub(crate) fn request(&self, operation: &'static str, method: Method) -> Request {
        records(operation, method, format!("/rest/{}", self.meta.plural))
    }

    /// A request about one record.
    pub(crate) fn about(&self, operation: &'static str, method: Method, id: &str) -> Request {
        records(operation, method, format!("/rest/{}/{id}", self.meta.plural))
    }

    /// The wire type of a field.
    pub(crate) fn wire(&self, column: &str) -> &'a str {
        self.meta.fields.iter().find(|field| field.column() == column).map_or("", |field| &field.ty)
    }
}

/// An id of Twenty in its usual spelling; nothing else can become part of an address.
pub(crate) fn uuid(id: &str) -> Option<String> {
    uuid::Uuid::parse_str(id).ok().map(|id| id.hyphenated().to_string())
}
