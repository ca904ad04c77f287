//! The rules for sources: over the interface in both of its forms, from files, and from both.

use std::sync::Arc;

use async_trait::async_trait;
use crmkit_core::{
    ObjectName, RecordId, SourceConnector, simulator::JumpingClock, testing::conformance::source::SourceHarness,
};
use crmkit_sources::klipy::{
    Klipy, KlipyConfig,
    simulator::{CursorName, Envelope, KlipySimulator, ListPlace, RateHeaders, Switches},
};
use serde_json::json;
use tempfile::TempDir;

use super::{approved, config, klipy, simulator};

const PEOPLE: u32 = 9;

fn people(extra: &[&str]) -> Vec<RecordId> {
    let own = (1..=PEOPLE).map(|number| RecordId::from(format!("c_{number}")));
    own.chain(extra.iter().map(|id| RecordId::from(*id))).collect()
}

macro_rules! over_the_interface {
    ($name:ident, $switches:expr, $page:expr) => {
        struct $name {
            simulator: KlipySimulator,
            _clock: Arc<JumpingClock>,
            _folder: TempDir,
            source: Arc<Klipy>,
        }

        #[async_trait]
        impl SourceHarness for $name {
            async fn start() -> Self {
                let (simulator, clock) = simulator(KlipySimulator::builder().switches($switches)).await;
                let folder = tempfile::tempdir().unwrap();
                let mut config = config(&simulator);
                config.page = $page;
                config.snapshot = Some(folder.path().join("snapshot"));
                let source = Arc::new(klipy(config, &clock));
                Self { simulator, _clock: clock, _folder: folder, source }
            }

            fn source(&self) -> Arc<dyn SourceConnector> {
                self.source.clone()
            }

            fn object(&self) -> ObjectName {
                "contacts".into()
            }

            fn expected_ids(&self) -> Vec<RecordId> {
                people(&[])
            }

            fn empty_object(&self) -> Option<ObjectName> {
                Some("deals".into())
            }

            async fn add_record(&self) -> bool {
                let row = json!({ "id": "c_99", "email": "new@acme.example", "firstName": "New", "lastName": "Comer" });
                self.simulator.put("people", row).is_ok()
            }

            fn requests(&self) -> Option<u64> {
                Some(self.simulator.count())
            }
        }
    };
}

over_the_interface!(Current, Switches::default(), 100);
over_the_interface!(Older, older(), 2);

fn older() -> Switches {
    let mut switches = Switches::default();
    switches.envelope = Envelope::Older;
    switches.lists = ListPlace::Named;
    switches.cursors = CursorName::EndCursor;
    switches.rate_headers = RateHeaders::Plain;
    switches.short_pages = true;
    switches.company_snapshots = false;
    switches.nulls = false;
    switches
}

const CONTACTS: &str = "First Name,Last Name,Email,Company,Contact ID\n\
    Ada,Ek,ada@one.example,One,k1\nBo,Ek,bo@one.example,One,k2\nCia,Ek,,Two,k3\nDan,Ek,dan@gmail.com,,\n\
    ,,,,\nEva,Ek,Eva@Two.example,two.example,\nFia,Ek,fia@two.example,Two,k1\n,,nonsense,,\nGun,Ek,gun@x.example,,k7\n\
    Hal,Ek,hal@x.example,,k8\n";

struct Files(TempDir, Arc<Klipy>);

#[async_trait]
impl SourceHarness for Files {
    async fn start() -> Self {
        let folder = approved(&[("contacts.csv", CONTACTS), ("deals.csv", "Deal ID,Deal Name\n")]);
        let source = klipy(KlipyConfig::harvested(folder.path()), &Arc::new(JumpingClock::new()));
        Self(folder, Arc::new(source))
    }

    fn source(&self) -> Arc<dyn SourceConnector> {
        self.1.clone()
    }

    fn object(&self) -> ObjectName {
        "contacts".into()
    }

    fn expected_ids(&self) -> Vec<RecordId> {
        let ids = ["k1", "k2", "k3", "k7", "k8", "email:dan@gmail.com", "email:eva@two.example"];
        ids.into_iter().map(RecordId::from).collect()
    }

    fn empty_object(&self) -> Option<ObjectName> {
        Some("deals".into())
    }

    async fn add_record(&self) -> bool {
        super::write(self.0.path(), "contacts.csv", &format!("{CONTACTS}Ida,Ek,ida@x.example,,k9\n"));
        true
    }
}

/// Both, without a snapshot's file.
struct Both {
    simulator: KlipySimulator,
    _folder: TempDir,
    source: Arc<Klipy>,
}

#[async_trait]
impl SourceHarness for Both {
    async fn start() -> Self {
        let (simulator, clock) = simulator(KlipySimulator::builder()).await;
        let folder = approved(&[("contacts.csv", CONTACTS)]);
        let mut config = config(&simulator);
        config.harvest = Some(folder.path().to_owned());
        let source = Arc::new(klipy(config, &clock));
        Self { simulator, _folder: folder, source }
    }

    fn source(&self) -> Arc<dyn SourceConnector> {
        self.source.clone()
    }

    fn object(&self) -> ObjectName {
        "contacts".into()
    }

    fn expected_ids(&self) -> Vec<RecordId> {
        people(&["k1", "k2", "k3", "k7", "k8", "email:dan@gmail.com", "email:eva@two.example"])
    }

    fn requests(&self) -> Option<u64> {
        Some(self.simulator.count())
    }
}

mod current {
    crmkit_core::conformance_tests!(source, super::Current);
}

mod older {
    crmkit_core::conformance_tests!(source, super::Older);
}

mod files {
    crmkit_core::conformance_tests!(source, super::Files);
}

mod both {
    crmkit_core::conformance_tests!(source, super::Both);
}
