//! The account's limits, counted on the injected clock.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use crmkit_core::simulator::RollingWindow;

/// The windows of one account.
#[derive(Debug)]
pub(super) struct Limits {
    account: RollingWindow,
    tokens: RollingWindow,
    profile_exports: RollingWindow,
    event_exports: RollingWindow,
    downloads: RollingWindow,
    /// By keyspace and key.
    profiles: HashMap<(String, String), RollingWindow>,
}

/// Which window a request draws on beside the account's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Other,
    Token,
    ProfileExport,
    EventExport,
    Download,
    Profile(String, String),
}

impl Default for Limits {
    fn default() -> Self {
        let (second, minute) = (TimeDelta::seconds(1), TimeDelta::minutes(1));
        Self {
            account: RollingWindow::new(100, second),
            tokens: RollingWindow::new(10, minute),
            profile_exports: RollingWindow::new(1, second),
            event_exports: RollingWindow::new(1, minute),
            downloads: RollingWindow::new(60, minute),
            profiles: HashMap::new(),
        }
    }
}

impl Limits {
    /// Lets a request through, or says for how long it has to wait.
    pub(super) fn admit(&mut self, class: &Class, now: DateTime<Utc>) -> Result<(), TimeDelta> {
        let own = match class {
            Class::Other => None,
            Class::Token => Some(&mut self.tokens),
            Class::ProfileExport => Some(&mut self.profile_exports),
            Class::EventExport => Some(&mut self.event_exports),
            Class::Download => Some(&mut self.downloads),
            Class::Profile(keyspace, key) => {
                let per_key = || RollingWindow::new(10, TimeDelta::seconds(1));
                Some(self.profiles.entry((keyspace.clone(), key.clone())).or_insert_with(per_key))
            }
        };
        if let Some(own) = own
            && !own.admit(now)
        {
            return Err(own.reset_after(now));
        }
        // The token endpoint has a limit of its own and no other.
        if *class != Class::Token && !self.account.admit(now) {
            return Err(self.account.reset_after(now));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_asked_ten_times_a_second_and_others_beside_it() {
        let (mut limits, now) = (Limits::default(), DateTime::UNIX_EPOCH);
        let of = |key: &str| Class::Profile("email".to_owned(), key.to_owned());
        assert!((0..10).all(|_| limits.admit(&of("a"), now).is_ok()));
        assert!(limits.admit(&of("a"), now).is_err());
        assert!((0..90).all(|number| limits.admit(&of(&format!("b{number}")), now).is_ok()));
        assert!(limits.admit(&of("c"), now).is_err(), "a hundred for the account");
        assert!(limits.admit(&of("a"), now + TimeDelta::seconds(1)).is_ok());
    }
}
