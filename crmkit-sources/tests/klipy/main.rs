//! Klipy as a source: the rules for sources, the probe, interrupted extractions, harvests, and both put together.
#![cfg(all(feature = "klipy", feature = "simulator"))]
#![allow(clippy::unwrap_used, reason = "a test that fails")]

mod conformance;
mod extraction;
mod files;
mod harvest;
mod probe;
mod proposals;

use std::{fs, path::Path, sync::Arc};

use crmkit_core::{Page, PageRequest, Record, SourceConnector, Value, simulator::JumpingClock};
use crmkit_sources::klipy::{
    HarvestReview, Klipy, KlipyConfig,
    simulator::{KlipySimulator, KlipySimulatorBuilder},
};
use tempfile::TempDir;

/// A simulator and the clock that it shares with its client.
pub(crate) async fn simulator(builder: KlipySimulatorBuilder) -> (KlipySimulator, Arc<JumpingClock>) {
    let clock = JumpingClock::new();
    let simulator = builder.jumping_clock(&clock).start().await.unwrap();
    (simulator, Arc::new(clock))
}

pub(crate) fn config(simulator: &KlipySimulator) -> KlipyConfig {
    KlipyConfig::at(simulator.url(), simulator.key())
}

pub(crate) fn klipy(config: KlipyConfig, clock: &Arc<JumpingClock>) -> Klipy {
    Klipy::builder(config, clock.clone()).build().unwrap()
}

/// A folder of files, looked through and found good.
pub(crate) fn approved(files: &[(&str, &str)]) -> TempDir {
    let folder = folder(files);
    HarvestReview::of(folder.path()).unwrap().approve(folder.path(), "ada@customer.example").unwrap();
    folder
}

pub(crate) fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    files.iter().for_each(|(name, text)| write(folder.path(), name, text));
    folder
}

pub(crate) fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).unwrap();
}

/// Everything of an object.
pub(crate) async fn all(source: &dyn SourceConnector, object: &str) -> Page<Record> {
    let mut request = PageRequest::first(object, 3);
    let mut whole = source.read(&request).await.unwrap();
    while let Some(next) = whole.next.take() {
        request = request.at(next);
        let page = source.read(&request).await.unwrap();
        whole.items.extend(page.items);
        whole.rejects.extend(page.rejects);
        whole.rows += page.rows;
        whole.next = page.next;
    }
    whole
}

/// The record of an id.
pub(crate) async fn one(source: &dyn SourceConnector, object: &str, id: &str) -> Record {
    let page = all(source, object).await;
    let ids: Vec<String> = page.items.iter().map(|record| record.key.id.to_string()).collect();
    page.items.into_iter().find(|record| record.key.id == id).unwrap_or_else(|| panic!("{id} in {ids:?}"))
}

/// A field as people read it; empty where there is none.
pub(crate) fn text(record: &Record, field: &str) -> String {
    record.fields.get(field).map(Value::to_string).unwrap_or_default()
}

/// Ids in order.
pub(crate) fn ids(page: &Page<Record>) -> Vec<String> {
    let mut ids: Vec<String> = page.items.iter().map(|record| record.key.id.to_string()).collect();
    ids.sort();
    ids
}
