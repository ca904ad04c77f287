//! The engine and the contracts with which a program moves a company from one CRM to another.

mod clock;
#[cfg(feature = "simulator")]
pub mod simulator;

pub use clock::Clock;
#[cfg(feature = "tokio")]
pub use clock::SystemClock;
