//! Where records come from, as the command line says.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crmkit_core::{Clock, SourceConnector};
use crmkit_sources::{
    allegory::ExportFolder,
    apsis_one::simulator::ApsisOneSimulator,
    klipy::{Klipy, KlipyConfig, simulator::KlipySimulator},
};

use crate::{
    apsis,
    connect::{beside, bundled},
    options::{From, Options},
    steps::Failure,
};

/// A source with what it needs to stay alive.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) source: Arc<dyn SourceConnector>,
    /// What proposes merges and stages beside the plan.
    pub(crate) klipy: Option<Arc<Klipy>>,
    _simulator: Option<Simulator>,
}

/// A source in this process.
#[derive(Debug)]
#[allow(dead_code, reason = "kept, because dropping it stops it")]
enum Simulator {
    Klipy(KlipySimulator),
    ApsisOne(ApsisOneSimulator),
}

pub(crate) async fn open(options: &Options, clock: &Arc<dyn Clock>) -> Result<Origin, Failure> {
    match options.from {
        From::Allegory => {
            let source = ExportFolder::open(options.export.clone().unwrap_or_else(bundled))?;
            Ok(Origin { source: Arc::new(source), klipy: None, _simulator: None })
        }
        From::Klipy => klipy(options, clock).await,
        From::ApsisOne => {
            let (source, simulator) = apsis::open(options, clock).await?;
            Ok(Origin { source, klipy: None, _simulator: simulator.map(Simulator::ApsisOne) })
        }
    }
}

/// The workspace that comes with this program, its interface in this process; or the one that a key is of; or files alone.
async fn klipy(options: &Options, clock: &Arc<dyn Clock>) -> Result<Origin, Failure> {
    let mut simulator = None;
    let mut config = match &options.source_key {
        Some(key) => {
            let mut config = KlipyConfig::api(key);
            if let Some(url) = &options.source_url {
                config.base_url.clone_from(url);
            }
            config.harvest.clone_from(&options.export);
            config
        }
        None if options.export.is_some() => KlipyConfig::harvested(options.export.clone().unwrap_or_default()),
        None => {
            let seed = folder().join("workspace.json");
            let text = std::fs::read_to_string(&seed).map_err(|error| Failure::file(&seed, &error))?;
            let dump =
                serde_json::from_str(&text).map_err(|error| Failure::from(format!("{}: {error}", seed.display())))?;
            let started = KlipySimulator::builder().clock(clock.clone()).seed(dump).start().await;
            let started = started.map_err(|error| Failure::from(format!("the simulator does not start: {error}")))?;
            let mut config = KlipyConfig::at(started.url(), started.key());
            config.harvest = Some(folder().join("harvest"));
            simulator = Some(started);
            config
        }
    };
    // Files alone need no snapshot: nothing is drawn into it.
    config.snapshot = Some(beside(&options.ledger, "klipy"));
    config.currency.clone_from(&options.currency);
    let klipy = Arc::new(Klipy::builder(config, clock.clone()).build()?);
    Ok(Origin { source: klipy.clone(), klipy: Some(klipy), _simulator: simulator.map(Simulator::Klipy) })
}

/// The workspace that comes with this program.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/klipy")
}
