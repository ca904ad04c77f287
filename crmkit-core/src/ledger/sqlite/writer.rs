//! The thread that writes: several commits that wait share one transaction and one flush to the disk.

use std::{
    path::Path,
    sync::{Arc, OnceLock, mpsc},
    time::Duration,
};

use chrono::{DateTime, Utc};
use futures::channel::oneshot;
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    apply::{Batch, apply, page_number},
    erase::erase,
    file::OrFailed,
    row::{digest, json, unsigned},
};
use crate::{
    Binding, Clock, Erase, Error, Lease, MigrationId, Result, UnitKey,
    ledger::{
        audit::ChainHead,
        transition::{busy, check_binding, fenced, lease_end, unbound},
    },
};

/// How many waiting tasks share a transaction at most.
const GROUP: usize = 64;

/// What the writer is asked to do.
pub(super) enum Task {
    Open(Binding),
    Lease { unit: UnitKey, owner: String, ttl: Duration },
    Renew { lease: Lease, ttl: Duration },
    Commit { lease: Lease, batch: Batch },
    Erase(Erase),
}

/// What came of it.
pub(super) enum Answer {
    Done,
    Lease(Lease),
    Erased(u64),
}

impl Answer {
    pub(super) fn lease(self) -> Result<Lease> {
        if let Self::Lease(lease) = self {
            Ok(lease)
        } else {
            Err(Error::storage("ledger.lease", "no lease came back"))
        }
    }

    pub(super) fn erased(self) -> Result<u64> {
        if let Self::Erased(count) = self {
            Ok(count)
        } else {
            Err(Error::storage("ledger.erase", "no count came back"))
        }
    }
}

pub(super) struct Writer {
    connection: Connection,
    clock: Arc<dyn Clock>,
    binding: Option<Binding>,
    /// Where the handles see the binding, once it is durable.
    bound: Arc<OnceLock<Binding>>,
    head: ChainHead,
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        path: &Path,
        clock: Arc<dyn Clock>,
        bound: Arc<OnceLock<Binding>>,
    ) -> Result<Self> {
        let binding: Option<String> = connection
            .query_row("SELECT value FROM meta WHERE name = 'binding'", [], |row| row.get(0))
            .optional()
            .or_failed("ledger.open")?;
        let binding: Option<Binding> =
            binding.map(|json| serde_json::from_str(&json)).transpose().map_err(|error| {
                Error::storage("ledger.open", "the ledger's file is damaged: restore it from a backup")
                    .with_context("file", path.display())
                    .with_source(error)
            })?;
        if let Some(binding) = &binding {
            bound.get_or_init(|| binding.clone());
        }
        let head = head_of(&connection, path)?;
        Ok(Self { connection, clock, binding, bound, head })
    }

    /// Works until the last handle is gone.
    pub(super) fn run(mut self, tasks: &mpsc::Receiver<(Task, oneshot::Sender<Result<Answer>>)>) {
        while let Ok(first) = tasks.recv() {
            let group: Vec<_> = std::iter::once(first).chain(tasks.try_iter().take(GROUP - 1)).collect();
            let (tasks, replies): (Vec<_>, Vec<_>) = group.into_iter().unzip();
            let answers = self.transact(tasks);
            for (reply, answer) in replies.into_iter().zip(answers) {
                // A caller who dropped its future asked for no answer.
                let _ = reply.send(answer);
            }
        }
    }

    /// One transaction for all; a task that fails takes nothing but itself back.
    fn transact(&mut self, tasks: Vec<Task>) -> Vec<Result<Answer>> {
        let count = tasks.len();
        let erases = tasks.iter().any(|task| matches!(task, Task::Erase(_)));
        let before = (self.binding.clone(), self.head);
        match self.try_transact(tasks, erases) {
            Ok(answers) => {
                if let Some(binding) = &self.binding {
                    self.bound.get_or_init(|| binding.clone());
                }
                answers
            }
            Err(error) => {
                // The failure may have ended the transaction already; then there is nothing to roll back.
                let _ = self.connection.execute_batch("ROLLBACK");
                (self.binding, self.head) = before;
                let again = |_| {
                    Err(Error::storage("ledger.commit", error.message().to_owned())
                        .with_context("cause", error.context("cause").unwrap_or_default()))
                };
                (0..count).map(again).collect()
            }
        }
    }

    fn try_transact(&mut self, tasks: Vec<Task>, erases: bool) -> Result<Vec<Result<Answer>>> {
        self.execute("BEGIN IMMEDIATE")?;
        let mut answers = Vec::with_capacity(tasks.len());
        for task in tasks {
            let before = (self.binding.clone(), self.head);
            self.execute("SAVEPOINT task")?;
            let answer = self.perform(task);
            if answer.is_err() {
                self.execute("ROLLBACK TO task")?;
                (self.binding, self.head) = before;
            }
            self.execute("RELEASE task")?;
            answers.push(answer);
        }
        self.execute("COMMIT")?;
        if erases {
            self.forget_log();
        }
        Ok(answers)
    }

    /// What was erased must not survive in the log beside the file. A reader may delay that until the next checkpoint.
    fn forget_log(&self) {
        let _ = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }

    fn execute(&self, sql: &str) -> Result<()> {
        let run = || self.connection.prepare_cached(sql)?.execute([]);
        run().map(drop).or_failed("ledger.commit")
    }

    fn perform(&mut self, task: Task) -> Result<Answer> {
        match task {
            Task::Open(binding) => self.open(binding).map(|()| Answer::Done),
            Task::Lease { unit, owner, ttl } => self.lease(unit, &owner, ttl).map(Answer::Lease),
            Task::Renew { lease, ttl } => self.renew(lease, ttl).map(Answer::Lease),
            Task::Commit { lease, batch } => {
                if self.epoch(&lease.unit)? != Some(lease.epoch) {
                    return Err(fenced("ledger.commit", &lease.unit));
                }
                let mut head = self.head;
                apply(&self.connection, self.migration()?, &mut head, &batch)?;
                self.head = head;
                Ok(Answer::Done)
            }
            Task::Erase(scope) => erase(&self.connection, self.migration()?, &scope).map(Answer::Erased),
        }
    }

    fn migration(&self) -> Result<&MigrationId> {
        self.binding.as_ref().map(|binding| &binding.migration).ok_or_else(unbound)
    }

    fn open(&mut self, binding: Binding) -> Result<()> {
        if let Some(kept) = &self.binding {
            return check_binding(kept, &binding);
        }
        self.connection
            .execute("INSERT INTO meta (name, value) VALUES ('binding', ?1)", [json(&binding)])
            .or_failed("ledger.open")?;
        self.binding = Some(binding);
        Ok(())
    }

    fn lease(&self, unit: UnitKey, owner: &str, ttl: Duration) -> Result<Lease> {
        let now = self.clock.now();
        let until = lease_end(now, ttl)?;
        let held = self
            .connection
            .prepare_cached(
                "SELECT owner, epoch, until FROM leases WHERE pass = ?1 AND phase = ?2 AND mapping = ?3 AND page = ?4",
            )
            .and_then(|mut held| {
                held.query_row(
                    params![unit.pass, unit.phase, unit.mapping.as_str(), page_number(&unit).unwrap_or(-1)],
                    |row| Ok((row.get::<_, String>(0)?, unsigned(row, 1)?, row.get::<_, String>(2)?)),
                )
                .optional()
            })
            .or_failed("ledger.lease")?;
        let epoch = match held {
            None => 1,
            Some((other, epoch, until)) => {
                let until = moment(&until)?;
                if other != owner && until > now {
                    return Err(busy(&unit, now, until));
                }
                epoch + 1
            }
        };
        self.connection
            .prepare_cached(
                "INSERT INTO leases (pass, phase, mapping, page, owner, epoch, until) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT DO UPDATE SET owner = excluded.owner, epoch = excluded.epoch, until = excluded.until",
            )
            .and_then(|mut keep| {
                let page = unit.page as i64;
                let (mapping, until) = (unit.mapping.as_str(), until.to_rfc3339());
                keep.execute(params![unit.pass, unit.phase, mapping, page, owner, epoch as i64, until])
            })
            .or_failed("ledger.lease")?;
        Ok(Lease { unit, epoch, until })
    }

    fn renew(&self, lease: Lease, ttl: Duration) -> Result<Lease> {
        let until = lease_end(self.clock.now(), ttl)?;
        let Lease { unit, epoch, .. } = &lease;
        let page = page_number(unit)?;
        let changed = self
            .connection
            .prepare_cached(
                "UPDATE leases SET until = ?1
                 WHERE pass = ?2 AND phase = ?3 AND mapping = ?4 AND page = ?5 AND epoch = ?6",
            )
            .and_then(|mut renew| {
                let (mapping, until) = (unit.mapping.as_str(), until.to_rfc3339());
                renew.execute(params![until, unit.pass, unit.phase, mapping, page, *epoch as i64])
            })
            .or_failed("ledger.renew")?;
        if changed == 0 { Err(fenced("ledger.renew", unit)) } else { Ok(Lease { until, ..lease }) }
    }

    /// The epoch of the newest lease of a unit.
    fn epoch(&self, unit: &UnitKey) -> Result<Option<u64>> {
        let page = page_number(unit)?;
        self.connection
            .prepare_cached("SELECT epoch FROM leases WHERE pass = ?1 AND phase = ?2 AND mapping = ?3 AND page = ?4")
            .and_then(|mut epoch| {
                epoch
                    .query_row(params![unit.pass, unit.phase, unit.mapping.as_str(), page], |row| unsigned(row, 0))
                    .optional()
            })
            .or_failed("ledger.commit")
    }
}

/// The head that the last commit kept; the log has to reach exactly that far.
fn head_of(connection: &Connection, path: &Path) -> Result<ChainHead> {
    let read = |sql| {
        let head = connection.query_row(sql, [], |row| {
            Ok(ChainHead { sequence: unsigned(row, 0)?, chain: digest(row, 1)?.unwrap_or(ChainHead::default().chain) })
        });
        head.optional().or_failed("ledger.open")
    };
    let kept = read("SELECT sequence, chain FROM audit_head")?;
    let last = read("SELECT sequence, chain FROM audit ORDER BY sequence DESC LIMIT 1")?;
    if kept != last {
        let message = "lines are missing at the end of the audit log: restore the ledger's file from a backup";
        let place = |head: Option<ChainHead>| head.unwrap_or_default().sequence;
        return Err(Error::storage("ledger.open", message)
            .with_context("file", path.display())
            .with_context("found", format!("line {}", place(last)))
            .with_context("expected", format!("line {}", place(kept))));
    }
    Ok(last.unwrap_or_default())
}

fn moment(text: &str) -> Result<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).map(|moment| moment.with_timezone(&Utc)).map_err(|error| {
        Error::storage("ledger.lease", "a lease in the ledger's file cannot be read").with_source(error)
    })
}
