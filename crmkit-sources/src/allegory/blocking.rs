//! File work off the host's executor, whichever that is.

use std::thread;

use crmkit_core::{Error, ErrorKind, Result, Retry};
use futures::channel::oneshot;

/// Runs `work` on a thread of its own and waits for it without blocking.
pub(crate) async fn run<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let failed = |message: &str| Error::new(ErrorKind::Unavailable, "allegory.thread", message, Retry::Never);
    let (answer, answered) = oneshot::channel();
    let named = thread::Builder::new().name("crmkit-export".to_owned());
    // A dropped future no longer listens; reading has no effect, so the thread may as well finish.
    let spawned = named.spawn(move || drop(answer.send(work())));
    spawned.map_err(|error| failed("no thread to read the export with").with_source(error))?;
    answered.await.map_err(|_| failed("reading the export stopped early"))?
}
