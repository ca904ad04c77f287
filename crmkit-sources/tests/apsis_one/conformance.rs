//! The source keeps the rules for sources, whichever of its objects is read.

use std::sync::Arc;

use async_trait::async_trait;
use crmkit_core::{ObjectName, RecordId, SourceConnector, testing::conformance::source::SourceHarness};
use crmkit_sources::apsis_one::ApsisOne;
use serde_json::json;

use super::world::{MAIN, World, nine, profile};

struct Profiles(World, Arc<ApsisOne>);

#[async_trait]
impl SourceHarness for Profiles {
    async fn start() -> Self {
        let world = World::of(nine()).await;
        let source = world.source();
        Self(world, source)
    }

    fn source(&self) -> Arc<dyn SourceConnector> {
        self.1.clone()
    }

    fn object(&self) -> ObjectName {
        "profiles".into()
    }

    fn expected_ids(&self) -> Vec<RecordId> {
        (1..=9).map(|number| RecordId::from(format!("x{number}"))).collect()
    }

    fn empty_object(&self) -> Option<ObjectName> {
        Some("flows".into())
    }

    async fn add_record(&self) -> bool {
        self.0.simulator.put("x1a", profile("new@example.org", &[(MAIN, json!({}))])).unwrap();
        true
    }

    fn requests(&self) -> Option<u64> {
        Some(self.0.simulator.requests().len() as u64)
    }
}

/// The web events: their ids are digests, so they are taken from the source that is tested elsewhere to give the right ones.
struct Notes(World, Arc<ApsisOne>, Vec<RecordId>);

#[async_trait]
impl SourceHarness for Notes {
    async fn start() -> Self {
        let world = World::of(nine()).await;
        let source = world.source();
        let ids: Vec<RecordId> =
            super::world::all(&world.source(), "notes").await.into_iter().map(|record| record.key.id).collect();
        assert_eq!(ids.len(), 18, "two page views of each of nine profiles");
        Self(world, source, ids)
    }

    fn source(&self) -> Arc<dyn SourceConnector> {
        self.1.clone()
    }

    fn object(&self) -> ObjectName {
        "notes".into()
    }

    fn expected_ids(&self) -> Vec<RecordId> {
        self.2.clone()
    }

    fn requests(&self) -> Option<u64> {
        Some(self.0.simulator.requests().len() as u64)
    }
}

struct Emails(World, Arc<ApsisOne>);

#[async_trait]
impl SourceHarness for Emails {
    async fn start() -> Self {
        let world = World::of(nine()).await;
        let source = world.source();
        Self(world, source)
    }

    fn source(&self) -> Arc<dyn SourceConnector> {
        self.1.clone()
    }

    fn object(&self) -> ObjectName {
        "email_events".into()
    }

    fn expected_ids(&self) -> Vec<RecordId> {
        (1..=9).filter(|number| *number != 4).map(|number| RecordId::from(format!("c{number}:OPENED"))).collect()
    }

    fn requests(&self) -> Option<u64> {
        Some(self.0.simulator.requests().len() as u64)
    }
}

mod profiles {
    crmkit_core::conformance_tests!(source, super::Profiles);
}

mod notes {
    crmkit_core::conformance_tests!(source, super::Notes);
}

mod emails {
    crmkit_core::conformance_tests!(source, super::Emails);
}
