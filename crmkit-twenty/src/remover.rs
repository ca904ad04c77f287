//! Removing records for good.

use async_trait::async_trait;
use crmkit_core::{
    ErrorKind, ObjectName, RecordId, Remover, Result,
    chrono::{DateTime, Utc},
    http::reqwest::Method,
};

use crate::{
    Twenty,
    connector::{Target, uuid},
};

const REMOVE: &str = "twenty.remove";

#[async_trait]
impl Remover for Twenty {
    async fn remove(
        &self,
        object: &ObjectName,
        id: &RecordId,
        _version: Option<&str>,
        send_before: DateTime<Utc>,
    ) -> Result<()> {
        let workspace = self.workspace().await?;
        let target = Target::of(&workspace, object, REMOVE)?;
        // An id of another form cannot exist here.
        let Some(id) = uuid(id.as_str()) else { return Ok(()) };
        // By a filter, because that reaches the trash, too, and is no error where there is nothing.
        let request = target.request(REMOVE, Method::DELETE).query("filter", format!("id[in]:[{id}]"));
        gone(self.client.done(request.send_before(send_before)).await.map(drop))
    }
}

/// Already gone is success.
pub(crate) fn gone(result: Result<()>) -> Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
