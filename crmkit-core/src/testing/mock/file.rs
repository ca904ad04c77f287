//! Files of the mock: kept beside the record that was made of the values they came with.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::{StreamExt, stream};

use super::{MockCall, MockDestination, refused};
use crate::{
    Digest, Error, ErrorKind, Fields, FileSink, FileStream, ObjectName, Operation, OperationKind, RecordId, Result,
    Retry, WriteBatch, Written,
};

#[async_trait]
impl FileSink for MockDestination {
    async fn store(
        &self,
        object: &ObjectName,
        fields: &Fields,
        mut bytes: FileStream,
        send_before: DateTime<Utc>,
    ) -> Result<Written> {
        let mut content = Vec::new();
        while let Some(chunk) = bytes.next().await {
            content.extend_from_slice(&chunk?);
        }
        self.world().files.insert(Digest::of_fields(fields), content.into());
        let operation = Operation { kind: OperationKind::Create, fields: fields.clone() };
        let batch = WriteBatch { object: object.clone(), operations: Vec::new(), send_before };
        let answers = self.request(MockCall::Create, &batch, vec![operation]).await?;
        answers.into_iter().next().ok_or_else(|| refused("no answer"))?
    }

    async fn open(&self, object: &ObjectName, id: &RecordId) -> Result<FileStream> {
        let mut world = self.world();
        let fields = world.record(object, id).map(|kept| Digest::of_fields(&kept.fields));
        let content: Option<Arc<[u8]>> = fields.and_then(|fields| world.files.get(&fields).cloned());
        let missing = || Error::new(ErrorKind::NotFound, "mock.open", "there is no such file", Retry::Never);
        let content = content.ok_or_else(missing)?;
        Ok(stream::iter([Ok(content)]).boxed())
    }
}

impl MockDestination {
    /// Changes the bytes of a stored file, as a broken disk would.
    ///
    /// # Panics
    /// Where there is no such file.
    pub fn corrupt(&self, object: impl Into<ObjectName>, id: &RecordId, bytes: impl Into<Arc<[u8]>>) {
        let mut world = self.world();
        let kept = world.record(&object.into(), id).expect("a test corrupts files that are there");
        let digest = Digest::of_fields(&kept.fields);
        world.files.insert(digest, bytes.into());
    }
}
