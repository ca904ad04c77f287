//! Removing records: to the trash, from where a person can restore them for 30 days.

use async_trait::async_trait;
use crmkit_core::{
    Error, ErrorKind, ObjectName, RecordId, Remover, Result, Retry,
    chrono::{DateTime, Utc},
};

use crate::{Pipedrive, nested::was_there, object::Object};

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
        if was_there(id) {
            return Ok(());
        }
        match gone(self.client.done(object.delete().about(id.as_str())?.send_before(send_before)).await) {
            Err(error) if object == Object::Participant && error.kind() == ErrorKind::Rejected => {
                if self.is_contact(object, id).await? { Ok(()) } else { Err(error) }
            }
            result => result,
        }
    }
}

/// Already gone is success.
pub(crate) fn gone(result: Result<()>) -> Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
