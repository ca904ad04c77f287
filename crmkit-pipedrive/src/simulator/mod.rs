//! An in-process Pipedrive.
