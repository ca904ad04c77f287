//! kill -9 at every point at which something durable changes, and a disk that fails: the next process ends the migration right.
#![cfg(all(feature = "testing", feature = "sqlite", unix))]

mod disk;
mod life;
#[allow(dead_code, reason = "shared with the simulation, which uses all of it")]
#[path = "../simulation/oracle.rs"]
mod oracle;
mod points;
#[allow(dead_code, reason = "shared with the simulation, which uses all of it")]
#[path = "../simulation/schedule.rs"]
mod schedule;
mod sweep;
#[allow(dead_code, reason = "shared with the simulation, which uses all of it")]
#[path = "../simulation/world.rs"]
mod world;
