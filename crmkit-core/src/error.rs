//! One error for every contract: what happened, where, and what the caller may do next.

use std::{error::Error as StdError, fmt, time::Duration};

use chrono::{DateTime, Utc};

/// The result of every contract.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the caller may do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The same call would fail the same way.
    Never,
    /// Nothing was applied; wait at least this long and call again.
    After(Duration),
    /// The call may have been applied: find the record before writing it again.
    Verify,
}

/// What kind of thing went wrong: coarse, for `match`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The credentials are wrong, expired or may not do this.
    Auth,
    /// The destination refused this record.
    Rejected,
    /// The account's plan does not allow more of this.
    Capped,
    /// It is not there, or no longer.
    NotFound,
    /// Somebody else changed it meanwhile.
    Conflict,
    /// A rate limit or a daily budget.
    Limited,
    /// The network or the other side's servers.
    Unavailable,
    /// The other side answered something that no document describes.
    Protocol,
    /// A file, plan or configuration is wrong.
    Input,
    /// A step was asked for out of order, without its approval, or against another account.
    State,
    /// The ledger's storage failed.
    Storage,
    /// The lease is not the newest: somebody else works on this unit.
    Fenced,
    /// Somebody else holds the lease.
    Busy,
}

/// What happened, where, and what may be done next.
///
/// Messages are lower case, without a full stop, and never carry tokens, queries or personal data.
///
/// ```
/// use crmkit_core::{Error, ErrorKind, Retry};
/// let error = Error::new(ErrorKind::Rejected, "person.write", "the server refused the record", Retry::Never)
///     .with_context("status", 422);
/// assert_eq!(error.to_string(), "person.write: the server refused the record (status: 422)");
/// assert_eq!(error.retry(), Retry::Never);
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    operation: &'static str,
    message: String,
    retry: Retry,
    until: Option<DateTime<Utc>>,
    context: Vec<(&'static str, String)>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of `operation` (`"person.write"`) with the verdict on a retry.
    pub fn new(kind: ErrorKind, operation: &'static str, message: impl Into<String>, retry: Retry) -> Self {
        Self(Box::new(Inner {
            kind,
            operation,
            message: message.into(),
            retry,
            until: None,
            context: Vec::new(),
            source: None,
        }))
    }

    /// Wrong input: never worth a retry.
    pub fn input(operation: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Input, operation, message, Retry::Never)
    }

    /// A step out of order: never worth a retry.
    pub fn state(operation: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::State, operation, message, Retry::Never)
    }

    /// A failure of the ledger's storage.
    pub fn storage(operation: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Storage, operation, message, Retry::Never)
    }

    /// Adds a fact for people: a status, a file, a line.
    pub fn with_context(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.0.context.push((name, value.to_string()));
        self
    }

    /// Keeps the original error.
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Says until when it makes no sense to try again (a spent day).
    pub fn with_until(mut self, until: DateTime<Utc>) -> Self {
        self.0.until = Some(until);
        self
    }

    /// The same error with another verdict.
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }

    /// What kind of thing went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What the caller may do next.
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// Until when it makes no sense to try again.
    pub fn until(&self) -> Option<DateTime<Utc>> {
        self.0.until
    }

    /// The operation that failed: `"person.write"`.
    pub fn operation(&self) -> &'static str {
        self.0.operation
    }

    /// What happened, without operation and context.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// A fact added with [`Error::with_context`].
    pub fn context(&self, name: &str) -> Option<&str> {
        self.0.context.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.operation, self.0.message)?;
        let mut open = " (";
        for (name, value) in &self.0.context {
            write!(f, "{open}{name}: {value}")?;
            open = ", ";
        }
        if self.0.context.is_empty() { Ok(()) } else { f.write_str(")") }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("retry", &self.0.retry)
            .field("text", &self.to_string())
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
