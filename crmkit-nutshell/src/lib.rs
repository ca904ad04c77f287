//! Nutshell for crmkit: a simulator of its JSON-RPC and REST APIs, behind the feature `simulator`.

#[cfg(feature = "simulator")]
pub mod simulator;
