//! APSIS One as the source: the account that a settings file names, or the invented one that comes with this program.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use crmkit_core::{Clock, secrecy::SecretString};
use crmkit_sources::apsis_one::{ApsisOne, ApsisOneConfig, simulator::ApsisOneSimulator};
use serde_json::Value;

use crate::{options::Options, steps::Failure};

/// The source, and its simulator where that is in this process.
pub(crate) async fn open(
    options: &Options,
    clock: &Arc<dyn Clock>,
) -> Result<(Arc<ApsisOne>, Option<ApsisOneSimulator>), Failure> {
    let settings = options.source_settings.clone().unwrap_or_else(|| bundled("settings.json"));
    let mut config: ApsisOneConfig =
        serde_json::from_value(read(&settings)?).map_err(|error| wrong(&settings, &error))?;
    if let Some(secret) = &options.source_secret {
        config.client_secret = Some(SecretString::from(secret.clone()));
    }
    let mut simulator = None;
    if options.source_settings.is_none() {
        let started = ApsisOneSimulator::builder()
            .clock(clock.clone())
            .seed(read(&bundled("account.json"))?)
            .start()
            .await
            .map_err(|error| Failure::from(format!("the simulator does not start: {error}")))?;
        config.base_url = started.url();
        config.client_id = started.client_id();
        config.client_secret = Some(SecretString::from(started.client_secret()));
        simulator = Some(started);
    }
    Ok((Arc::new(ApsisOne::builder(config, clock.clone()).build()?), simulator))
}

fn bundled(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/apsis-one").join(name)
}

fn read(path: &Path) -> Result<Value, Failure> {
    let text = fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?;
    serde_json::from_str(&text).map_err(|error| wrong(path, &error))
}

fn wrong(path: &Path, error: &serde_json::Error) -> Failure {
    Failure::from(format!("{}: {error}", path.display()))
}
