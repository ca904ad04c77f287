//! Removing records: to the trash, from where a person can restore them for 30 days.

use async_trait::async_trait;
use crmkit_core::{
    Error, ErrorKind, ObjectName, RecordId, Remover, Result, Retry,
    chrono::{DateTime, Utc},
};

use crate::{Pipedrive, object::Object};

#[async_trait]
impl Remover for Pipedrive {
    async fn remove(
        &self,
        object: &ObjectName,
        id: &RecordId,
        _version: Option<&str>,
        send_before: DateTime<Utc>,
    ) -> Result<()> {
        let Some(object) = Object::named(object) else {
            return Err(Error::new(
                ErrorKind::Rejected,
                "pipedrive.remove",
                "pipedrive has no such object",
                Retry::Never,
            )
            .with_context("object", object));
        };
        gone(self.client.done(object.delete().about(id.as_str())?.send_before(send_before)).await)
    }
}

/// Already gone is success.
pub(crate) fn gone(result: Result<()>) -> Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
