//! File work off the host's executor, whichever that is.

use std::thread;

use crmkit_core::{Error, Result};
use futures::channel::oneshot;

/// Runs `work` on a thread of its own and waits for it without blocking. It goes on to its end when nobody waits any more.
pub(super) async fn run<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let failed = |message: &str| Error::storage("twenty.csv.thread", message);
    let (answer, answered) = oneshot::channel();
    let spawned = thread::Builder::new().name("crmkit-csv".to_owned()).spawn(move || drop(answer.send(work())));
    spawned.map_err(|error| failed("no thread to write files with").with_source(error))?;
    answered.await.map_err(|_| failed("writing files stopped early"))?
}
