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
    error::again,
};

const REMOVE: &str = "twenty.remove";
/// Ids in one call: the server refuses addresses of more than 16 KB.
const AT_ONCE: usize = 150;
/// The fewest records that a release destroys at a time.
const SOME: usize = 60;

#[async_trait]
impl Remover for Twenty {
    async fn remove(
        &self,
        object: &ObjectName,
        id: &RecordId,
        _version: Option<&str>,
        send_before: DateTime<Utc>,
    ) -> Result<()> {
        self.destroy(object, std::slice::from_ref(id), send_before).await
    }

    fn at_once(&self) -> usize {
        AT_ONCE
    }

    async fn remove_all(
        &self,
        object: &ObjectName,
        records: &[(RecordId, Option<String>)],
        send_before: DateTime<Utc>,
    ) -> Vec<Result<()>> {
        let ids: Vec<RecordId> = records.iter().map(|(id, _)| id.clone()).collect();
        let answer = self.destroy(object, &ids, send_before).await;
        let told = |_: &RecordId| match &answer {
            Ok(()) => Ok(()),
            Err(error) => Err(again(error)),
        };
        ids.iter().map(told).collect()
    }
}

impl Twenty {
    /// Destroys records, in one call where the release takes as many.
    async fn destroy(&self, object: &ObjectName, ids: &[RecordId], send_before: DateTime<Utc>) -> Result<()> {
        let workspace = self.workspace().await?;
        let target = Target::of(&workspace, object, REMOVE)?;
        // An id of another form cannot exist here.
        let mut open: Vec<String> = ids.iter().filter_map(|id| uuid(id.as_str())).collect();
        while !open.is_empty() {
            // By a filter, because that reaches the trash, too, and is no error where there is nothing.
            let filter = format!("id[in]:[{}]", open.join(","));
            let request = target.request(REMOVE, Method::DELETE).query("filter", filter).send_before(send_before);
            let answer = match self.client.data(request).await {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
                answer => answer?,
            };
            // Old releases destroy sixty at a time; what is not named was not there, or is still to do.
            let gone: Vec<&str> =
                answer.as_array().into_iter().flatten().filter_map(|row| row["id"].as_str()).collect();
            if gone.len() < SOME || gone.len() >= open.len() {
                return Ok(());
            }
            open.retain(|id| !gone.contains(&id.as_str()));
        }
        Ok(())
    }
}

/// Already gone is success.
pub(crate) fn gone(result: Result<()>) -> Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
