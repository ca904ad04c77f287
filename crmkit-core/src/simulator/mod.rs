//! Server parts that CRM simulators share.
