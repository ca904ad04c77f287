//! What becomes of profiles.
