//! The bytes of attachments, straight from the server, checked on the way.

use std::sync::Arc;

use async_trait::async_trait;
use crmkit_core::{Error, ErrorKind, FileSource, FileStream, RecordId, Result, Retry};
use futures::{StreamExt, stream};
use sha2::{Digest as _, Sha256};

use super::connector::Shared;

const OPERATION: &str = "allegory_api.file";

/// Opens attachments by their records.
#[derive(Debug)]
pub(super) struct Files(pub(super) Arc<Shared>);

#[async_trait]
impl FileSource for Files {
    async fn open(&self, id: &RecordId) -> Result<FileStream> {
        let attachment = self.0.folder().await?.attachment(id).await?;
        let Some(attachment) = attachment else {
            return Err(Error::new(ErrorKind::NotFound, OPERATION, "there is no such attachment", Retry::Never)
                .with_context("attachment", id));
        };
        let bytes = self.0.client.content(id).await?;
        let check = Check {
            left: attachment.bytes,
            sha: attachment.sha256.map(|wanted| (Sha256::new(), wanted)),
            id: id.clone(),
        };
        Ok(Box::pin(stream::try_unfold((bytes, check), |(mut bytes, mut check)| async move {
            match bytes.next().await.transpose()? {
                Some(chunk) => {
                    check.take(&chunk)?;
                    Ok(Some((chunk, (bytes, check))))
                }
                None => check.end().map(|()| None),
            }
        })))
    }
}

/// What is left to come, and the digest so far.
struct Check {
    left: Option<u64>,
    sha: Option<(Sha256, String)>,
    id: RecordId,
}

impl Check {
    fn wrong(&self, message: &str) -> Error {
        Error::input(OPERATION, message).with_context("attachment", &self.id)
    }

    fn take(&mut self, chunk: &[u8]) -> Result<()> {
        if let Some(left) = self.left {
            let left = left.checked_sub(chunk.len() as u64);
            self.left = Some(left.ok_or_else(|| self.wrong("the file is longer than declared"))?);
        }
        if let Some((sha, _)) = &mut self.sha {
            sha.update(chunk);
        }
        Ok(())
    }

    fn end(mut self) -> Result<()> {
        if self.left.is_some_and(|left| left > 0) {
            return Err(self.wrong("the file is shorter than declared"));
        }
        if let Some((sha, wanted)) = self.sha.take()
            && crate::allegory::hexadecimal(sha) != wanted
        {
            return Err(self.wrong("the file's digest is not the declared one"));
        }
        Ok(())
    }
}
