//! Removing records: to the trash, and only what is still as it was.

use async_trait::async_trait;
use crmkit_core::{
    Error, ErrorKind, ObjectName, Reader, RecordId, Remover, Result, Retry,
    chrono::{DateTime, Utc},
};

use crate::{
    Nutshell,
    client::{Call, Effect},
    convert::is_gone,
    files::FileId,
    object::{Object, object_named},
};

#[async_trait]
impl Remover for Nutshell {
    /// With the revision that the caller saw; what somebody edited meanwhile is a `Conflict`, unless it is gone.
    async fn remove(
        &self,
        object: &ObjectName,
        id: &RecordId,
        version: Option<&str>,
        send_before: DateTime<Utc>,
    ) -> Result<()> {
        let object = object_named(object, "nutshell.remove")?;
        if object == Object::File {
            return self.remove_file(id, version, send_before).await;
        }
        let number = object.number(id)?;
        let mut rev = version.map(str::to_owned);
        if rev.is_none() {
            match self.read_one(object, number).await?.filter(|record| !is_gone(record)) {
                Some(record) => rev = Some(record.rev()),
                None => return Ok(()),
            }
        }
        if matches!(object, Object::Account | Object::Contact) && self.has_activities(object, number).await? {
            let message = "an activity hangs on it";
            return Err(Error::new(ErrorKind::Rejected, object.removing(), message, Retry::Never));
        }
        let mut params = object.params(number);
        params.insert("rev".to_owned(), rev.unwrap_or_default().into());
        let call = Call::new(object.removing(), &object.method("delete"), Effect::Changes, &params);
        match self.client.call::<serde_json::Value>(call.send_before(send_before)).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => match self.read_one(object, number).await {
                // Removed already, by us with a lost answer or by somebody else.
                Ok(record) if record.as_ref().is_none_or(is_gone) && error.kind() != ErrorKind::Auth => Ok(()),
                _ => Err(error),
            },
        }
    }
}

impl Nutshell {
    /// A file has the digest of its content for a version.
    async fn remove_file(&self, id: &RecordId, version: Option<&str>, send_before: DateTime<Utc>) -> Result<()> {
        let found =
            self.fetch(&Object::File.name().into(), std::slice::from_ref(id)).await?.into_iter().next().flatten();
        let Some(file) = FileId::parse(id) else { return Ok(()) };
        if let (Some(known), Some(found)) = (version, found.filter(|found| !found.trashed))
            && found.version.as_deref() != Some(known)
        {
            let message = "somebody sent another content for the file";
            return Err(Error::new(ErrorKind::Conflict, "file.remove", message, Retry::Never));
        }
        let _alone = self.filing.lock().await;
        self.withdraw(file, send_before).await
    }
}

/// Already gone is success.
pub(crate) fn gone(result: Result<()>) -> Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
