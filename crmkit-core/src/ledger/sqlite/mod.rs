//! The durable ledger: one SQLite file, one thread that writes, one that reads.

mod apply;
mod erase;
mod file;
mod read;
mod row;
mod schema;
mod table;
mod writer;

use std::{
    fmt,
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use async_trait::async_trait;
use futures::channel::oneshot;

use self::{
    apply::Batch,
    read::{Query, Reader},
    writer::{Answer, Task, Writer},
};
use super::{
    cursor::page_of,
    transition::{check, check_migration, unbound},
};
use crate::{
    Binding, Change, Clock, Cursor, Entry, Erase, Error, IdLedger, Lease, LedgerKey, MigrationId, Page, Result, Row,
    Select, UnitKey,
};

/// A ledger in one SQLite file, for one process at a time. Clones share it; the last one dropped closes it.
///
/// Beside the file it keeps a write-ahead log (`-wal`, `-shm`) and a lock file (`.lock`). All are readable by their owner
/// alone. A commit that returned survives a power cut. Calls need no runtime: one thread writes, another reads.
///
/// ```
/// # use std::sync::Arc;
/// # #[cfg(feature = "tokio")]
/// # fn example(clock: Arc<dyn crmkit_core::Clock>) -> crmkit_core::Result<()> {
/// use crmkit_core::{SqliteLedger, SystemClock};
/// let ledger = SqliteLedger::open_file("acme.ledger", Arc::new(SystemClock))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SqliteLedger(Arc<Inner>);

struct Inner {
    path: PathBuf,
    binding: Arc<OnceLock<Binding>>,
    /// All four are there until the ledger is dropped.
    write: Option<mpsc::Sender<(Task, oneshot::Sender<Result<Answer>>)>>,
    read: Option<mpsc::Sender<Query>>,
    writer: Option<JoinHandle<()>>,
    reader: Option<JoinHandle<()>>,
    /// Released after the threads have closed the file.
    _lock: File,
}

impl SqliteLedger {
    /// Opens a ledger file or makes a new one; leases end by this clock. Blocks while it reads the file's head.
    ///
    /// # Errors
    /// `Busy` while another handle, in this process or another, works on the file: clone that handle. `Storage` if it is
    /// something else than a ledger, was written by a newer release, or cannot be opened.
    pub fn open_file(path: impl AsRef<Path>, clock: Arc<dyn Clock>) -> Result<Self> {
        let path = path.as_ref();
        let lock = file::lock(path)?;
        file::create(path)?;
        let connection = schema::open(path)?;
        let binding = Arc::new(OnceLock::new());
        let writer = Writer::new(connection, path, clock, binding.clone())?;
        let reader = Reader::new(path, binding.clone())?;

        let (write, tasks) = mpsc::channel();
        let (read, queries) = mpsc::channel();
        let reader = file::thread("ledger reader", move || reader.run(&queries))?;
        let writer = file::thread("ledger writer", move || writer.run(&tasks))?;
        let (write, read) = (Some(write), Some(read));
        let (writer, reader) = (Some(writer), Some(reader));
        Ok(Self(Arc::new(Inner { path: path.to_owned(), binding, write, read, writer, reader, _lock: lock })))
    }

    fn migration(&self) -> Result<&MigrationId> {
        self.0.binding.get().map(|binding| &binding.migration).ok_or_else(unbound)
    }

    async fn write(&self, task: Task) -> Result<Answer> {
        let (reply, answer) = oneshot::channel();
        let sent = self.0.write.as_ref().is_some_and(|write| write.send((task, reply)).is_ok());
        if !sent {
            return Err(gone());
        }
        answer.await.map_err(|_| gone())?
    }

    async fn read<T>(&self, query: impl FnOnce(oneshot::Sender<Result<T>>) -> Query) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let sent = self.0.read.as_ref().is_some_and(|read| read.send(query(reply)).is_ok());
        if !sent {
            return Err(gone());
        }
        answer.await.map_err(|_| gone())?
    }
}

fn gone() -> Error {
    Error::storage("ledger.thread", "the ledger's thread has ended: open the ledger again")
}

impl fmt::Debug for SqliteLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteLedger").field("path", &self.0.path).field("binding", &self.0.binding.get()).finish()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The reader has to be gone first: the last connection to close writes the log back, and only the writer's can.
        // A thread that panicked has already told its callers.
        drop(self.read.take());
        let _ = self.reader.take().map(JoinHandle::join);
        drop(self.write.take());
        let _ = self.writer.take().map(JoinHandle::join);
    }
}

#[async_trait]
impl IdLedger for SqliteLedger {
    async fn open(&self, binding: &Binding) -> Result<()> {
        self.write(Task::Open(binding.clone())).await.map(drop)
    }

    async fn lease(&self, unit: &UnitKey, owner: &str, ttl: Duration) -> Result<Lease> {
        check_migration(&unit.migration, self.migration()?)?;
        self.write(Task::Lease { unit: unit.clone(), owner: owner.to_owned(), ttl }).await?.lease()
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<Lease> {
        check_migration(&lease.unit.migration, self.migration()?)?;
        self.write(Task::Renew { lease: lease.clone(), ttl }).await?.lease()
    }

    async fn commit(&self, lease: &Lease, changes: &[Change]) -> Result<()> {
        let migration = self.migration()?;
        check_migration(&lease.unit.migration, migration)?;
        check(changes, migration)?;
        let batch = Batch::of(changes)?;
        self.write(Task::Commit { lease: lease.clone(), batch }).await.map(drop)
    }

    async fn rows(&self, keys: &[LedgerKey]) -> Result<Vec<Option<Row>>> {
        let migration = self.migration()?;
        keys.iter().try_for_each(|key| check_migration(&key.migration, migration))?;
        let keys = keys.to_vec();
        self.read(|reply| Query::Rows { keys, reply }).await
    }

    async fn select(&self, select: &Select, after: Option<&Cursor>, limit: usize) -> Result<Page<Entry>> {
        let migration = self.migration()?;
        match select {
            Select::OpenIntents(unit) => check_migration(&unit.migration, migration)?,
            Select::Prior(key) => check_migration(&key.migration, migration)?,
            _ => {}
        }
        let most = super::cursor::fetch(limit)?;
        let (select, after) = (select.clone(), after.cloned());
        let entries = self.read(|reply| Query::Select { select, after, most, reply }).await?;
        Ok(page_of(entries, limit))
    }

    async fn erase(&self, scope: &Erase) -> Result<u64> {
        self.write(Task::Erase(scope.clone())).await?.erased()
    }
}
