//! What goes wrong with a request to the mock.

use std::time::Duration;

use super::refused;
use crate::{Error, ErrorKind, Retry};

/// What goes wrong with one request.
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
            Self::Unauthorized => {
                Some(Error::new(ErrorKind::Auth, "mock.write", "the credentials were refused", Retry::Never))
            }
            Self::CloseAfterApply | Self::Garbage => None,
        }
    }

    /// What is answered although the request was applied.
    pub(super) fn after(self) -> Error {
        match self {
            Self::Garbage => Error::new(ErrorKind::Protocol, "mock.write", "the answer is unreadable", Retry::Verify),
            _ => Error::new(ErrorKind::Unavailable, "mock.write", "the answer was lost", Retry::Verify),
        }
    }
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
