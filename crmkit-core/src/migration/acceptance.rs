//! The end of a migration: the window in which it can be taken back, its acceptance, and the right to be forgotten.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    AuditEntry, Change, Erase, Error, RecordRef, Result,
    engine::{PassKind, keep, merged_kind},
    migration::Migration,
};

/// Somebody accepted the migration, or opened its window again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// Who.
    pub actor: String,
    /// When.
    pub time: DateTime<Utc>,
    /// Why, where there was something to say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

const ACCEPTED: &str = "accepted";
const REOPENED: &str = "window_reopened";

impl Migration {
    /// Until when the migration can be taken back: the plan's window after the last pass that wrote (R141). `None` before the first.
    pub async fn rollback_until(&self) -> Result<Option<DateTime<Utc>>> {
        let plan = self.frozen_plan().await?;
        let whole = |kind| matches!(kind, PassKind::Initial | PassKind::Delta | PassKind::Resolve);
        let last =
            self.passes().await?.into_iter().filter(|pass| whole(pass.kind)).filter_map(|pass| pass.finished).max();
        Ok(last.map(|last| last + TimeDelta::hours(plan.rollback.window_hours.into())))
    }

    /// Who accepted the migration, if somebody has.
    pub async fn acceptance(&self) -> Result<Option<Signed>> {
        self.open().await?;
        self.facts().get("document", ACCEPTED).await
    }

    /// Accepts the migration: it can no longer be taken back, and what was kept only for that is gone: prior values of records that
    /// were changed, what reviewed duplicates gave, and the pages in the spool. Accepting again gives the acceptance there is.
    ///
    /// # Errors
    /// `State` while a pass that writes is under way.
    pub async fn accept(&self, actor: &str) -> Result<Signed> {
        if let Some(known) = self.acceptance().await? {
            self.purge().await?;
            return Ok(known);
        }
        if self.passes().await?.iter().any(|pass| pass.kind.writes() && pass.finished.is_none()) {
            return Err(Error::state("accept", "a pass that writes is under way; let it end first"));
        }
        let signed = Signed { actor: actor.to_owned(), time: self.core.clock.now(), reason: String::new() };
        self.sign(ACCEPTED, &signed, "accept").await?;
        self.purge().await?;
        Ok(signed)
    }

    /// Opens the window again after it has passed, in somebody's name and for a reason that the audit log keeps.
    ///
    /// # Errors
    /// `State` after acceptance: what a rollback needs is gone then.
    pub async fn reopen_window(&self, actor: &str, reason: &str) -> Result<()> {
        if self.acceptance().await?.is_some() {
            return Err(accepted());
        }
        let signed = Signed { actor: actor.to_owned(), time: self.core.clock.now(), reason: reason.to_owned() };
        self.sign(REOPENED, &signed, "reopen_window").await
    }

    /// Forgets source records, wherever the ledger names them, and their pages in the spool; what was written stays at the destination.
    /// The audit chain stays whole, since it carries no ids. Gives how many entries went.
    ///
    /// # Errors
    /// `State` while a pass is under way, which might write them down again.
    pub async fn erase(&self, records: &[RecordRef], actor: &str) -> Result<u64> {
        self.open().await?;
        if self.passes().await?.iter().any(|pass| pass.finished.is_none()) {
            return Err(Error::state("erase", "a pass is under way; let it end first"));
        }
        let mut gone = self.core.ledger.erase(&Erase::Records(records.to_vec())).await?;
        // A page holds others' records too, and cannot be taken apart: what later passes need of it they read anew.
        gone += self.empty_spool().await?;
        self.commit(vec![Change::Audit(AuditEntry {
            time: self.core.clock.now(),
            actor: actor.to_owned(),
            operation: "erase".to_owned(),
            key: format!("{} records", records.len()),
            destination: None,
            hash: None,
            result: "erased".to_owned(),
        })])
        .await?;
        Ok(gone)
    }

    /// Refuses what takes back once the window has passed.
    pub(super) async fn within_window(&self) -> Result<()> {
        if self.acceptance().await?.is_some() {
            return Err(accepted());
        }
        let Some(until) = self.rollback_until().await? else { return Ok(()) };
        if self.core.clock.now() <= until || self.facts().get::<Signed>("document", REOPENED).await?.is_some() {
            return Ok(());
        }
        let message =
            "the window in which the migration can be taken back has passed: open it again in somebody's name";
        Err(Error::state("rollback.preview", message).with_context("window_ended", until))
    }

    async fn purge(&self) -> Result<()> {
        self.core.ledger.erase(&Erase::PriorValues).await?;
        let mut merged = Vec::new();
        for mapping in &self.frozen_plan().await?.mappings {
            let kind = merged_kind(&mapping.id);
            let known = self.facts().all::<serde_json::Value>(&kind).await?;
            merged.extend(known.into_iter().map(|(key, _)| Change::Forget { kind: kind.clone(), key }));
        }
        self.commit(merged).await?;
        self.empty_spool().await.map(drop)
    }

    /// Removes the spool's pages, and what the ledger knows of them.
    async fn empty_spool(&self) -> Result<u64> {
        let Some(spool) = &self.core.spool else { return Ok(0) };
        let mut forgotten = Vec::new();
        for pass in self.passes().await? {
            let kind = crate::engine::spool_kind(pass.number);
            let known = self.facts().all::<serde_json::Value>(&kind).await?;
            forgotten.extend(known.into_iter().map(|(key, _)| (pass.number, kind.clone(), key)));
        }
        let files = forgotten.iter().map(|(walk, _, key)| (*walk, key.clone())).collect();
        spool.remove(&self.core.migration, files).await?;
        let count = forgotten.len() as u64;
        let forget = |(_, kind, key)| Change::Forget { kind, key };
        self.commit(forgotten.into_iter().map(forget).collect()).await?;
        Ok(count)
    }

    async fn sign(&self, key: &str, signed: &Signed, operation: &str) -> Result<()> {
        let line = AuditEntry {
            time: signed.time,
            actor: signed.actor.clone(),
            operation: operation.to_owned(),
            key: "migration".to_owned(),
            destination: None,
            hash: None,
            result: "signed".to_owned(),
        };
        self.commit(vec![keep("document", key, signed), Change::Audit(line)]).await
    }
}

fn accepted() -> Error {
    Error::state("rollback", "the migration was accepted, and what a rollback needs is gone")
}
