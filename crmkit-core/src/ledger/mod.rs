//! The ledger: what became of every source record, in one transactional store.

mod audit;
mod cursor;
mod erase;
mod memory;
#[cfg(feature = "sqlite")]
mod sqlite;
mod transition;

use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{
    Cursor, Digest, Fields, MappingId, MigrationId, ObjectName, Page, Part, RecordId, RecordRef, Result, UnitKey,
    UnitState,
};

#[cfg(feature = "sqlite")]
pub use self::sqlite::SqliteLedger;
pub use self::{
    audit::{BrokenChain, ChainHead, verify_chain},
    memory::MemoryLedger,
};

/// What a ledger belongs to. Opening it for anything else is an error that names both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// The migration.
    pub migration: MigrationId,
    /// The host's tenant.
    pub tenant: String,
    /// The source instance.
    pub source: String,
    /// The destination account.
    pub destination: String,
}

/// Names a row: one part of what one source record becomes through one mapping.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LedgerKey {
    /// The migration.
    pub migration: MigrationId,
    /// The mapping.
    pub mapping: MappingId,
    /// The source object.
    pub object: ObjectName,
    /// The source record's id.
    pub id: RecordId,
    /// Which of the records it becomes.
    pub part: Part,
}

/// What became of one part of one source record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Which part of which record.
    pub key: LedgerKey,
    /// Where it stands.
    pub state: RowState,
    /// The destination record, once known.
    pub destination: Option<RecordRef>,
    /// The destination record was made by us: rollback removes it. Otherwise rollback restores prior values.
    pub made: bool,
    /// Digest of the payload last settled.
    pub hash: Option<Digest>,
    /// Digest of the record read back after our last own write.
    pub seal: Option<Digest>,
    /// The unit that last changed it.
    pub unit: UnitKey,
    /// The write that is under way, if any.
    pub intent: Option<Intent>,
    /// Why it is held, dropped or excluded, in words without values.
    pub reason: Option<String>,
    /// The record it waits for, where it is held for one.
    pub waits_for: Option<RecordRef>,
    /// How an uncertain create was resolved, if one was.
    pub uncertain: Option<Uncertain>,
    /// Destination records that its values link to.
    pub links: Vec<RecordRef>,
    /// Destination ids it had before and no longer has.
    pub history: Vec<RecordId>,
    /// Lossy steps, in words without values.
    pub notes: Vec<String>,
}

impl Row {
    /// A row about which nothing is known yet.
    pub fn new(key: LedgerKey, unit: UnitKey) -> Self {
        Self {
            key,
            state: RowState::Intended,
            destination: None,
            made: false,
            hash: None,
            seal: None,
            unit,
            intent: None,
            reason: None,
            waits_for: None,
            uncertain: None,
            links: Vec::new(),
            history: Vec::new(),
            notes: Vec::new(),
        }
    }
}

/// Where a row stands. All but `Intended` are terminal for their pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowState {
    /// A write may be under way.
    Intended,
    /// We made the destination record.
    Created,
    /// We changed a destination record.
    Updated,
    /// The destination record already had our values.
    Unchanged,
    /// A destination record stands for it, untouched.
    Linked,
    /// Another source record stands for it.
    Merged,
    /// It waits for a decision.
    Held,
    /// The plan leaves it out.
    Excluded,
    /// It was taken back.
    RolledBack,
}

impl RowState {
    /// Its name in documents: `rolled_back`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Linked => "linked",
            Self::Merged => "merged",
            Self::Held => "held",
            Self::Excluded => "excluded",
            Self::RolledBack => "rolled_back",
        }
    }

    /// Whether a destination record stands for it.
    pub fn is_written(self) -> bool {
        matches!(self, Self::Created | Self::Updated | Self::Unchanged | Self::Linked)
    }
}

/// How an uncertain create was resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Uncertain {
    /// It had been applied: the record was found and taken.
    Adopted,
    /// It had not been applied: it was sent again.
    Resent,
    /// Nobody can tell: it is held with the evidence.
    Held,
}

/// A write that may be under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// What it does.
    pub operation: IntendedOperation,
    /// The destination object written to.
    pub object: ObjectName,
    /// Digest of the payload.
    pub hash: Digest,
    /// Field values that find the record again: marker or witness.
    #[serde(with = "crate::ledger::probe_fields")]
    pub probe: Fields,
    /// When it was decided.
    pub sent_after: DateTime<Utc>,
    /// No request of it leaves after this moment.
    pub send_before: DateTime<Utc>,
}

/// What an intent does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "operation")]
pub enum IntendedOperation {
    /// Makes a record.
    Create,
    /// Changes a record. Can be repeated.
    Update {
        /// Which.
        id: RecordId,
    },
    /// Removes a record. Can be repeated.
    Remove {
        /// Which.
        id: RecordId,
    },
}

/// The values that fields had before we changed them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PriorValues {
    /// The row that changed them.
    pub key: LedgerKey,
    /// The pass in which it did.
    pub pass: u32,
    /// The record changed.
    pub destination: RecordRef,
    /// Exactly the fields changed; `Null` where there was no value.
    pub fields: Fields,
}

/// A fact beside rows: a document, an approval, a pass, a prepared item, a decision, an index entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// What kind: `plan`, `approval`, `pass`, `prepared`, `snapshot`, `kept`, `match/contacts/email`.
    pub kind: String,
    /// Its key within the kind.
    pub key: String,
    /// Its content.
    pub value: Json,
}

/// What the audit log keeps of a final outcome. The ledger adds the sequence and the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When.
    pub time: DateTime<Utc>,
    /// Who: the actor the host named.
    pub actor: String,
    /// What was done: `create`, `update`, `remove`, `prepare`, `approve`.
    pub operation: String,
    /// What it was done for: a keyed digest of the ledger key, or a plain name where no person is concerned.
    pub key: String,
    /// The destination id, if there is one.
    pub destination: Option<RecordRef>,
    /// Digest of the payload.
    pub hash: Option<Digest>,
    /// The outcome: `created`, `held`.
    pub result: String,
}

/// A line of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditLine {
    /// Place in the log, from 1.
    pub sequence: u64,
    /// What happened.
    #[serde(flatten)]
    pub entry: AuditEntry,
    /// Digest of the line before and this line's content: a line cannot be changed or taken out unseen.
    pub chain: Digest,
}

/// Permission to commit outcomes of one unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The unit.
    pub unit: UnitKey,
    /// Raised by every lease of the unit: an older one is fenced.
    pub epoch: u64,
    /// Until when nobody else can lease it.
    pub until: DateTime<Utc>,
}

/// One step of a commit. Exhaustive on purpose: a ledger that does not know a kind must not compile.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Keeps a unit's state.
    Unit(UnitState),
    /// Keeps a row with an open intent. The row carries the state it has: `Intended` if it is new, otherwise its last outcome.
    /// How a row was last settled is kept until the intent is closed.
    Intend(Row),
    /// Keeps a row in a terminal state and closes its intent. A row that is settled with another destination record is a
    /// `Conflict`, unless it was rolled back or held before, or the new outcome names no destination.
    Settle(Row),
    /// Closes an intent that was certainly not applied: a row that was new is forgotten, another is again exactly what was last
    /// settled. A new row with history counts as rolled back. Without an open intent nothing happens.
    Free(LedgerKey),
    /// Keeps prior values. The first kept for a (key, pass, field) stays, and the first destination.
    Prior(PriorValues),
    /// Keeps or replaces a fact.
    Fact(Fact),
    /// Forgets a fact.
    Forget {
        /// Its kind.
        kind: String,
        /// Its key.
        key: String,
    },
    /// Adds a line to the audit log.
    Audit(AuditEntry),
}

/// What to select, in key order. Exhaustive like [`Change`].
#[derive(Clone, Debug, PartialEq)]
pub enum Select {
    /// Rows with an open intent of this unit.
    OpenIntents(UnitKey),
    /// Rows of a mapping, all passes or the one named, any state or those named.
    Rows {
        /// The mapping.
        mapping: MappingId,
        /// Last changed in this pass.
        pass: Option<u32>,
        /// In one of these states; empty is any.
        states: Vec<RowState>,
    },
    /// Rows whose destination is one of these.
    ByDestination(Vec<RecordRef>),
    /// Rows that link to one of these destination records.
    LinkingTo(Vec<RecordRef>),
    /// Units of a pass that are not done, in key order.
    OpenUnits(u32),
    /// All units of a pass.
    Units(u32),
    /// Facts of a kind.
    Facts(String),
    /// Facts of a kind with one of these keys.
    FactsAt(String, Vec<String>),
    /// Prior values of a row, oldest pass first.
    Prior(LedgerKey),
    /// Audit lines.
    Audit,
    /// The last audit line: the head of the chain.
    AuditHead,
    /// Row counts per mapping, part, state and uncertainty, of one pass or all.
    Counts {
        /// Last changed in this pass.
        pass: Option<u32>,
    },
}

/// What a selection gives.
#[derive(Clone, Debug, PartialEq)]
#[allow(
    missing_docs,
    clippy::large_enum_variant,
    reason = "each variant carries the type of its name; rows are the common case"
)]
pub enum Entry {
    Row(Row),
    Unit(UnitState),
    Fact(Fact),
    Prior(PriorValues),
    Audit(AuditLine),
    Count(Count),
}

/// How many rows of a mapping stand somewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// The mapping.
    pub mapping: MappingId,
    /// The part.
    pub part: Part,
    /// The state.
    pub state: RowState,
    /// How uncertain creates among them were resolved.
    pub uncertain: Option<Uncertain>,
    /// How many.
    pub rows: u64,
}

/// What to erase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Erase {
    /// Everything kept about these source records: rows, prior values, facts that name them. Rows that wait for them stay held
    /// and no longer say for what.
    ///
    /// A fact names a record when its key holds the record's `object/id` between characters other than letters, digits, `_`, `-`
    /// and `.`, or when its value is, or has anywhere outside of lists, that text or an object with this `object` and
    /// `id`, or is a list of nothing else. From facts that stay, the innermost list item that names one of them is taken out:
    /// a document loses a line.
    /// What an approval was given for may have changed by that; approve it again.
    Records(Vec<RecordRef>),
    /// All prior values: the rollback window is over.
    PriorValues,
}

/// One transactional store for a migration.
///
/// # Contract
/// - `open` binds a new ledger and checks an old one: another tenant, source or destination account is a `State` error that
///   names both.
/// - A file of something else, a newer format, or a damaged one, is a `Storage` error that says so, before anything is
///   changed. An older format is brought up to date, whole or not at all. An audit log whose last lines are missing is
///   a `Storage` error.
/// - `commit` applies all changes or none, in order, and returns after they are durable. It is `Fenced` if a newer lease of
///   the unit was given out; nothing is applied then.
/// - Changes to rows do not depend on changes of other kinds in the same commit.
/// - A destination record stands for one source record: a row that takes one which another source record has is a `Conflict`, and
///   `After`, because looking again shows it. Rows that only link to a record share it, and so do the parts of one source record.
/// - Settling a row twice with the same outcome changes nothing. Intents survive a crash. What is kept comes
///   back unchanged.
/// - Two handles on one ledger agree; a reader does not wait for a writer and never sees half a commit.
/// - A key of another migration, or any call before the first `open`, is a `State` error.
///
/// # Errors
/// `Busy` with [`Error::until`](crate::Error::until) from `lease` while another owner's lease is running; `Fenced` from `commit`
/// and `renew`; `Conflict` from `commit`; `Storage` where the store failed.
///
/// # Cancellation
/// A dropped `commit` may have been applied; it is applied whole or not at all.
#[async_trait]
pub trait IdLedger: Debug + Send + Sync + 'static {
    /// Binds or checks the ledger.
    async fn open(&self, binding: &Binding) -> Result<()>;

    /// Leases a unit and raises its epoch. The same owner may lease again at any time.
    async fn lease(&self, unit: &UnitKey, owner: &str, ttl: Duration) -> Result<Lease>;

    /// Prolongs a lease; the epoch stays. Gives the lease with its new end. For no time at all, it gives the lease back.
    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<Lease>;

    /// Applies all changes or none.
    async fn commit(&self, lease: &Lease, changes: &[Change]) -> Result<()>;

    /// The rows of these keys, in order.
    async fn rows(&self, keys: &[LedgerKey]) -> Result<Vec<Option<Row>>>;

    /// What the selection fits, in key order, `limit` entries after `after`, which is the [`Page::next`] of the same selection.
    async fn select(&self, select: &Select, after: Option<&Cursor>, limit: usize) -> Result<Page<Entry>>;

    /// Erases for privacy's sake and says how many entries went. The audit chain stays whole.
    async fn erase(&self, scope: &Erase) -> Result<u64>;
}

/// Probe fields as pairs, so that their order survives formats that sort maps.
pub(crate) mod probe_fields {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::{FieldName, Fields, Value};

    pub(crate) fn serialize<S: Serializer>(fields: &Fields, to: S) -> Result<S::Ok, S::Error> {
        fields.iter().collect::<Vec<_>>().serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Fields, D::Error> {
        Ok(Vec::<(FieldName, Value)>::deserialize(from)?.into_iter().collect())
    }
}

/// The counts of a selection, summed by mapping.
pub fn sum_by_mapping(counts: &[Count], fits: impl Fn(&Count) -> bool) -> IndexMap<MappingId, u64> {
    let mut sums = IndexMap::new();
    for count in counts.iter().filter(|count| fits(count)) {
        *sums.entry(count.mapping.clone()).or_insert(0) += count.rows;
    }
    sums
}
