//! Pausing, resuming and cancelling: between units, so that nothing is left half done.

use crate::{
    AuditEntry, Change, Error, Result, Select,
    engine::{PAUSED, keep, pass_key},
    migration::{Migration, Signed},
};

impl Migration {
    /// Pauses the migration: units under way come to their end, and no new one begins, in any process, until it is resumed.
    pub async fn pause(&self, actor: &str, reason: &str) -> Result<()> {
        self.open().await?;
        let signed = Signed { actor: actor.to_owned(), time: self.core.clock.now(), reason: reason.to_owned() };
        self.commit(vec![keep("document", PAUSED, &signed), self.control_line(actor, "pause", "migration")]).await
    }

    /// Lets a paused migration go on; the step that was under way is called again.
    pub async fn resume(&self, actor: &str) -> Result<()> {
        self.open().await?;
        let forget = Change::Forget { kind: "document".to_owned(), key: PAUSED.to_owned() };
        self.commit(vec![forget, self.control_line(actor, "resume", "migration")]).await
    }

    /// Who paused the migration, if it is paused.
    pub async fn paused(&self) -> Result<Option<Signed>> {
        self.open().await?;
        self.facts().get("document", PAUSED).await
    }

    /// Ends a pass before all is done. What it wrote stays, and can be taken back; what it did not reach is never written by it.
    ///
    /// # Errors
    /// `State` where the pass is over, or while a write of it is under way or its answer was lost: pause, and let it come to its end.
    pub async fn cancel(&self, pass: u32, actor: &str) -> Result<()> {
        self.open().await?;
        let mut record = self.pass(pass).await?;
        if record.finished.is_some() {
            return Err(Error::state("cancel", "the pass is over").with_context("pass", pass));
        }
        for unit in self.facts().units(&Select::OpenUnits(pass)).await? {
            if !self.facts().rows(&Select::OpenIntents(unit.key)).await?.is_empty() {
                let message =
                    "writes are under way, and nobody knows yet whether they arrived: let them come to their end";
                return Err(Error::state("cancel", message).with_context("pass", pass));
            }
        }
        record.finished = Some(self.core.clock.now());
        record.cancelled = true;
        self.commit(vec![
            keep("pass", pass_key(pass), &record),
            self.control_line(actor, "cancel", &format!("pass {pass}")),
        ])
        .await?;
        self.core.contexts.lock().await.remove(&pass);
        Ok(())
    }

    fn control_line(&self, actor: &str, operation: &str, key: &str) -> Change {
        Change::Audit(AuditEntry {
            time: self.core.clock.now(),
            actor: actor.to_owned(),
            operation: operation.to_owned(),
            key: key.to_owned(),
            destination: None,
            hash: None,
            result: "done".to_owned(),
        })
    }
}
