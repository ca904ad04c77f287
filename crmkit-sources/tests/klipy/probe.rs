//! The probe tells Klipy from whoever else answers.

use std::sync::Arc;

use crmkit_core::simulator::{Effect, Fault, JumpingClock};
use crmkit_sources::klipy::{
    Access, Answering, Extraction, Klipy, KlipyConfig, Probe,
    simulator::{ApiKey, Envelope, Impostor, KlipySimulator, ListPlace, Switches},
};

use super::{config, klipy, simulator};

async fn probed(switches: Switches) -> Probe {
    let (simulator, clock) = simulator(KlipySimulator::builder().switches(switches)).await;
    klipy(config(&simulator), &clock).probe().await.unwrap()
}

#[tokio::test]
async fn klipy_is_known_in_both_envelopes_and_gives_what_has_no_file() {
    let mut older = Switches::default();
    older.envelope = Envelope::Older;
    older.lists = ListPlace::Named;
    for switches in [Switches::default(), older] {
        let probe = probed(switches).await;
        assert_eq!(probe.extraction, Extraction::ApiToApi);
        assert_eq!(probe.answering, Answering::Klipy { team: "Northwind Agency".into() });
        assert_eq!([probe.people, probe.companies, probe.interactions], [Access::Readable; 3]);
        assert!(probe.files.contains(&"deals.csv".to_owned()) && !probe.files.contains(&"contacts.csv".to_owned()));
    }
}

#[tokio::test]
async fn nobody_else_is_taken_for_klipy() {
    for (impostor, status) in [(Impostor::Gifs, 200), (Impostor::GifsNotFound, 404), (Impostor::Website, 200)] {
        let mut switches = Switches::default();
        switches.impostor = impostor;
        let probe = probed(switches).await;
        assert_eq!(probe.extraction, Extraction::CsvHarvest, "{impostor:?}");
        assert_eq!(probe.answering, Answering::SomebodyElse { status }, "{impostor:?}");
        assert!(probe.files.contains(&"contacts.csv".to_owned()));
    }
    // Others refuse with the same status, in words of their own.
    let (simulator, clock) = simulator(KlipySimulator::builder()).await;
    simulator.fault(Fault::next(Effect::answer(401, serde_json::json!({ "result": false, "message": "no" }))));
    let probe = klipy(config(&simulator), &clock).probe().await.unwrap();
    assert_eq!(probe.answering, Answering::SomebodyElse { status: 401 });
    assert!(simulator.verify().is_empty(), "{:?}", simulator.verify());
}

#[tokio::test]
async fn a_refused_key_a_missing_scope_and_silence_are_told_apart() {
    let (simulator, clock) = simulator(KlipySimulator::builder()).await;
    let with = |key: &str| klipy(KlipyConfig::at(simulator.url(), key), &clock);
    assert_eq!(with("klipy_api_nobody").probe().await.unwrap().answering, Answering::KeyRefused);

    simulator.add_key(ApiKey::new("klipy_api_people", ["people:read"]));
    let probe = with("klipy_api_people").probe().await.unwrap();
    assert_eq!(probe.extraction, Extraction::ApiToApi);
    assert_eq!(
        [probe.people, probe.companies, probe.interactions],
        [Access::Readable, Access::ScopeMissing, Access::ScopeMissing]
    );
    assert!(probe.files.contains(&"companies.csv".to_owned()) && probe.files.contains(&"activities.csv".to_owned()));

    let url = simulator.url();
    drop(simulator);
    let probe = klipy(KlipyConfig::at(url, "klipy_api_0"), &clock).probe().await.unwrap();
    assert_eq!((probe.answering, probe.extraction), (Answering::Nobody, Extraction::CsvHarvest));

    let folder = tempfile::tempdir().unwrap();
    let offline = Klipy::builder(KlipyConfig::harvested(folder.path()), Arc::new(JumpingClock::new())).build().unwrap();
    assert_eq!(offline.probe().await.unwrap().answering, Answering::NotAsked);
}
