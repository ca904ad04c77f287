//! What the measurements share. One file in `src/bin` is one question, answered as a ratio within one run:
//!
//! ```sh
//! cargo run --release -p crmkit-benches --bin engine    # the engine beside a plain loop that sends the same bodies
//! cargo run --release -p crmkit-benches --bin memory    # peak memory at ten times the records
//! cargo run --release -p crmkit-benches --bin ledger    # the durable ledger beside the one in memory
//! cargo run --release -p crmkit-benches --bin csv       # reading and profiling an export beside the plain csv crate
//! ```
//!
//! Each takes smaller sizes as arguments; its first lines say which. The simulator runs in a process of its own, so that what is
//! read of a process is of the engine alone. `docs/performance.md` has the bars and what was measured.

mod process;
mod server;
mod world;

pub use process::{Reading, Usage, child, median};
pub use server::{Server, serve};
pub use world::{Failure, PLAN, budget, connector, migration, records};
