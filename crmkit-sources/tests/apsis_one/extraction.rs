//! Extractions that are interrupted.
