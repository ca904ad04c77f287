//! The address of an instance is asked for, once while the answer holds.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{sync::Arc, time::Duration};

use crmkit_core::{DestinationWriter, testing::ManualClock};
use crmkit_nutshell::{Nutshell, NutshellConfig, simulator::NutshellSimulator};

#[tokio::test]
async fn the_address_is_asked_for_and_kept_for_a_while() {
    let clock = ManualClock::new();
    let simulator = NutshellSimulator::builder().clock(Arc::new(clock.clone())).start().await.unwrap();
    let mut config = NutshellConfig::user(simulator.username(), simulator.key());
    config.discovery_url = simulator.url();
    config.unlimited = true;
    let nutshell = Nutshell::builder(config, Arc::new(clock.clone())).build().unwrap();
    let asked = || simulator.requests().iter().filter(|request| request.path == "/v1/json").count();
    for _ in 0..2 {
        assert!(nutshell.describe().await.unwrap().users.iter().any(|user| user.importing));
    }
    assert_eq!(asked(), 1);
    clock.advance(Duration::from_secs(31 * 60));
    nutshell.describe().await.unwrap();
    assert_eq!(asked(), 2);
}
