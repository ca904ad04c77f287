//! Rules for destinations.
