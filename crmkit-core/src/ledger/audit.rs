//! The audit log's chain: each line carries a digest of itself and of the line before.

use crate::{AuditEntry, AuditLine, Digest};

/// How far a chain reaches: the last line's sequence and digest. Reports quote it.
///
/// The default is the beginning, before the first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainHead {
    /// The last line's place, 0 before the first.
    pub sequence: u64,
    /// The last line's digest.
    pub chain: Digest,
}

impl Default for ChainHead {
    fn default() -> Self {
        Self { sequence: 0, chain: Digest::from_bytes([0; 16]) }
    }
}

impl ChainHead {
    /// The head after one more line with this content.
    pub(crate) fn then(self, content: &[u8]) -> Self {
        let sequence = self.sequence + 1;
        let chain = Digest::of_parts([self.chain.as_bytes(), content, &sequence.to_le_bytes()]);
        Self { sequence, chain }
    }
}

impl From<&AuditLine> for ChainHead {
    fn from(line: &AuditLine) -> Self {
        Self { sequence: line.sequence, chain: line.chain }
    }
}

/// A line of the audit log that does not follow from the one before: it was changed, or one before it was taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the audit log is broken at line {sequence}")]
pub struct BrokenChain {
    /// The place at which the expected line does not stand.
    pub sequence: u64,
}

/// What of an entry goes into the chain: its compact JSON, fields in the order of the type.
pub(crate) fn content_of(entry: &AuditEntry) -> String {
    serde_json::to_string(entry).expect("an audit entry is serialisable")
}

/// Checks lines of an audit log, from the one after `after`, and gives the new head: check the next page from there.
///
/// Lines cut off at the end leave a shorter chain that holds. A ledger that keeps its head refuses to open without them; who has
/// the lines alone compares the head with the one that a report quotes.
///
/// ```
/// use crmkit_core::{AuditLine, ChainHead, verify_chain};
/// let lines: Vec<AuditLine> = Vec::new();
/// assert_eq!(verify_chain(&lines, ChainHead::default()), Ok(ChainHead::default()));
/// ```
pub fn verify_chain<'a>(
    lines: impl IntoIterator<Item = &'a AuditLine>,
    after: ChainHead,
) -> Result<ChainHead, BrokenChain> {
    let mut head = after;
    for line in lines {
        let expected = head.then(content_of(&line.entry).as_bytes());
        if expected != ChainHead::from(line) {
            return Err(BrokenChain { sequence: expected.sequence });
        }
        head = expected;
    }
    Ok(head)
}
