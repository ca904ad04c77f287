//! What the account's plan allows, as the review counts it, and what a plan that allows little refuses.

use crmkit_core::{AuditOptions, DestinationWriter, chrono::TimeDelta};
use crmkit_nutshell::{Nutshell, NutshellConfig, simulator::Switches};
use serde_json::json;

use crate::world::{World, switched};

#[tokio::test]
async fn what_is_there_counts() {
    let world = World::start(Switches::default(), 0).await;
    let approval = world.admitted().await.unwrap();
    world.migration().run(&approval).await.unwrap();
    // The lists of the other interface lag.
    world.clock.sleep_until(world.clock.now() + TimeDelta::seconds(10)).await;
    let mut config = NutshellConfig::at(world.simulator.url(), world.simulator.username(), world.simulator.key());
    config.unlimited = true;
    (config.open_lead_cap, config.contact_cap, config.custom_field_cap) = (Some(100), Some(2), Some(30));
    let crm = Nutshell::builder(config, world.clock.clone()).build().unwrap();
    let caps: Vec<_> = crm.describe().await.unwrap().caps.into_iter().collect();
    let expected = [("open_deals", 97), ("contacts", 0), ("custom_fields", 30)];
    assert_eq!(caps, expected.map(|(name, cap)| (name.to_owned(), cap)), "three leads are open, one is won");
}

#[tokio::test]
async fn the_review_says_what_does_not_fit() {
    let world = World::start(switched(&json!({})), 0).await;
    let mut audit = world.migration().audit(&AuditOptions::default()).await.unwrap();
    audit.destination.caps.insert("open_deals".to_owned(), 3);
    audit.destination.caps.insert("contacts".to_owned(), 2);
    let review = world.migration().review(&world.plan, &audit);
    let told: Vec<_> = review.problems.iter().filter(|problem| problem.code == "cap_exceeded").collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].message.starts_with("4 records count towards open deals"), "{told:#?}");
}
