//! Programs that embed crmkit, one flow each: see `src/bin`.
//!
//! The library is empty; it holds the README, so that the code in it is compiled and run with the other tests.

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
