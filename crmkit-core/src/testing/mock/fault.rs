//! What goes wrong with a request to the mock.

use std::time::Duration;

use super::refused;
use crate::{Error, ErrorKind, ObjectName, Retry};

/// What goes wrong with one request.
///
/// Requests that read know only some of it: what is lost is asked again, and nothing is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MockFault {
    /// It is refused before anything is applied: wait this long.
    RefuseBeforeApply(Duration),
    /// The connection closes before anything is applied; the caller cannot know.
    CloseBeforeApply,
    /// It is applied, and the answer is lost.
    CloseAfterApply,
    /// It is applied, and the answer cannot be read.
    Garbage,
    /// The server fails before anything is applied; the caller cannot know.
    ServerError,
    /// The record is refused for good.
    Reject,
    /// The credentials are refused.
    Unauthorized,
    /// It takes this long to arrive, whether or not the caller still waits, and is answered then.
    Delay(Duration),
    /// The caller gives up at once; it arrives this much later all the same.
    Late(Duration),
    /// The day's budget is gone: this and every request is refused, for this long.
    DaySpent(Duration),
    /// The token has expired: this and every request is refused until
    /// [`renew_token`](super::MockDestination::renew_token).
    TokenExpired,
    /// A look-up does not see what was made this recently. Other requests do not mind.
    StaleIndex(Duration),
}

impl MockFault {
    /// What is answered instead of applying the request.
    pub(super) fn before(self) -> Option<Error> {
        let unavailable = |message: &str| Error::new(ErrorKind::Unavailable, "mock.write", message, Retry::Verify);
        match self {
            Self::RefuseBeforeApply(wait) => {
                Some(Error::new(ErrorKind::Limited, "mock.write", "too many requests", Retry::After(wait)))
            }
            Self::CloseBeforeApply => Some(unavailable("the connection closed")),
            Self::ServerError => Some(unavailable("the server failed")),
            Self::Reject => Some(refused("the record was refused")),
            Self::Unauthorized => Some(unauthorized()),
            Self::CloseAfterApply
            | Self::Garbage
            | Self::Delay(_)
            | Self::Late(_)
            | Self::DaySpent(_)
            | Self::TokenExpired
            | Self::StaleIndex(_) => None,
        }
    }

    /// What is answered although the request was applied, or will be.
    pub(super) fn after(self) -> Option<Error> {
        let lost = |kind, message: &str| Some(Error::new(kind, "mock.write", message, Retry::Verify));
        match self {
            Self::Garbage => lost(ErrorKind::Protocol, "the answer is unreadable"),
            Self::CloseAfterApply => lost(ErrorKind::Unavailable, "the answer was lost"),
            Self::Late(_) => lost(ErrorKind::Unavailable, "the answer did not come in time"),
            _ => None,
        }
    }

    /// What a request that reads is answered: what may be asked again is `After`.
    pub(super) fn on_read(self) -> Option<Error> {
        match self {
            Self::CloseAfterApply | Self::Garbage | Self::Late(_) | Self::CloseBeforeApply | Self::ServerError => {
                let wait = Retry::After(Duration::from_secs(1));
                Some(Error::new(ErrorKind::Unavailable, "mock.read", "the answer was lost", wait))
            }
            other => other.before(),
        }
    }
}

/// A request that reaches the mock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MockRequest {
    /// What it asks for.
    pub call: MockCall,
    /// The object it is about, if it is about one.
    pub object: Option<ObjectName>,
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each name is the contract's method, or the operation")]
pub enum MockCall {
    Describe,
    Find,
    Fetch,
    Scan,
    Create,
    Update,
    Remove,
    Prepare,
    Retire,
}

impl MockCall {
    /// Whether it changes something at the destination.
    pub fn changes(self) -> bool {
        !matches!(self, Self::Describe | Self::Find | Self::Fetch | Self::Scan)
    }
}

pub(super) fn unauthorized() -> Error {
    Error::new(ErrorKind::Auth, "mock.request", "the credentials were refused", Retry::Never)
}

pub(super) fn too_late() -> Error {
    Error::new(ErrorKind::Limited, "mock.write", "the request could not leave in time", Retry::After(Duration::ZERO))
}

/// Lets others run, and a test drop the future here: before a request leaves and before its answer arrives.
pub(super) async fn on_the_wire() {
    let mut waited = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut waited, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}
