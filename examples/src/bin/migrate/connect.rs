//! Source, destination, ledger and clock, as the command line says.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

use crmkit_core::{Clock, Migration, SharedDestination, SqliteLedger, SystemClock, simulator::JumpingClock};
use crmkit_nutshell::{Nutshell, NutshellConfig, simulator::NutshellSimulator};
use crmkit_pipedrive::{
    Pipedrive, PipedriveConfig, Tier,
    simulator::{self, PipedriveSimulator},
};
use crmkit_twenty::{Twenty, TwentyConfig, simulator::TwentySimulator};

use crate::{
    options::{Limits, Options, To},
    source::{self, Origin},
    steps::Failure,
};

/// A migration with what it needs to stay alive.
#[derive(Debug)]
pub(crate) struct Connected {
    pub(crate) migration: Migration,
    pub(crate) origin: Origin,
    /// The destination, where it lives in this process.
    _simulator: Option<Simulator>,
}

/// A destination in this process.
#[derive(Debug)]
#[allow(dead_code, reason = "kept, because dropping it stops it")]
enum Simulator {
    Pipedrive(PipedriveSimulator),
    Nutshell(NutshellSimulator),
    Twenty(TwentySimulator),
}

/// Where records go, and by which clock.
struct Place {
    clock: Arc<dyn Clock>,
    destination: SharedDestination,
    /// On this machine.
    near: bool,
    simulator: Option<Simulator>,
}

/// The export that comes with this program.
pub(crate) fn bundled() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/maven-crm")
}

/// How long a request to this machine itself may take, in seconds. Far-away accounts get the connector's default.
const LOOPBACK_TIMEOUT: u64 = 2;

pub(crate) async fn connect(options: &Options) -> Result<Connected, Failure> {
    let place = match options.to {
        To::Pipedrive => pipedrive(options).await?,
        To::Nutshell => nutshell(options).await?,
        To::Twenty => twenty(options).await?,
    };
    let Place { clock, destination, near, simulator } = place;
    let origin = source::open(options, &clock).await?;
    let ledger = SqliteLedger::open_file(&options.ledger, clock.clone())?;
    let migration = Migration::builder("migrate")
        .actor(std::env::var("USER").unwrap_or_else(|_| "migrate".to_owned()))
        .source(origin.source.clone())
        .destination(destination)
        .ledger(Arc::new(ledger))
        .clock(clock)
        .spool(beside(&options.ledger, "spool"))
        .settings(|settings| {
            if near {
                settings.send_window = std::time::Duration::from_secs(5);
                settings.settle_after = std::time::Duration::from_secs(LOOPBACK_TIMEOUT + 1);
            }
        })
        .build()?;
    Ok(Connected { migration, origin, _simulator: simulator })
}

async fn pipedrive(options: &Options) -> Result<Place, Failure> {
    let (clock, config, simulator) = pipedrive_account(options).await?;
    let near = config.base_url.as_deref().is_some_and(is_loopback);
    let destination = Arc::new(Pipedrive::builder(config, clock.clone()).build()?);
    Ok(Place { clock, destination, near, simulator: simulator.map(Simulator::Pipedrive) })
}

async fn nutshell(options: &Options) -> Result<Place, Failure> {
    let (clock, mut config, simulator): (Arc<dyn Clock>, _, _) = match &options.destination_url {
        None => {
            let clock = jumping_clock(options)?;
            let simulator = NutshellSimulator::builder()
                .jumping_clock(&clock)
                .journal(beside(&options.ledger, "nutshell"))
                .start()
                .await
                .map_err(|error| Failure::from(format!("the simulator does not start: {error}")))?;
            let config = NutshellConfig::at(simulator.url(), simulator.username(), simulator.key());
            (Arc::new(clock), config, Some(Simulator::Nutshell(simulator)))
        }
        Some(url) => {
            check_tls(url)?;
            let user = options.user.as_deref().ok_or_else(|| {
                Failure::from("Nutshell needs the e-mail of a user beside the key; give `--user`".to_owned())
            })?;
            (Arc::new(SystemClock), NutshellConfig::at(url, user, token(options)?), None)
        }
    };
    config.unlimited = options.limits == Limits::Off;
    let near = config.base_url.as_deref().is_some_and(is_loopback);
    if near {
        config.timeout_seconds = LOOPBACK_TIMEOUT;
    }
    let destination = Arc::new(Nutshell::builder(config, clock.clone()).build()?);
    Ok(Place { clock, destination, near, simulator })
}

async fn twenty(options: &Options) -> Result<Place, Failure> {
    let (clock, mut config, simulator): (Arc<dyn Clock>, _, _) = match &options.destination_url {
        None => {
            let clock = jumping_clock(options)?;
            let simulator = TwentySimulator::builder()
                .jumping_clock(&clock)
                .journal(beside(&options.ledger, "twenty"))
                .limits(options.limits == Limits::On)
                .start()
                .await
                .map_err(|error| Failure::from(format!("the simulator does not start: {error}")))?;
            let config = TwentyConfig::at(simulator.url(), simulator.token());
            (Arc::new(clock), config, Some(Simulator::Twenty(simulator)))
        }
        Some(url) => {
            check_tls(url)?;
            (Arc::new(SystemClock), TwentyConfig::at(url, token(options)?), None)
        }
    };
    config.unlimited = options.limits == Limits::Off;
    let near = is_loopback(&config.base_url);
    if near {
        config.timeout_seconds = LOOPBACK_TIMEOUT;
    }
    let destination = Arc::new(Twenty::builder(config, clock.clone()).build()?);
    Ok(Place { clock, destination, near, simulator })
}

fn jumping_clock(options: &Options) -> Result<JumpingClock, Failure> {
    JumpingClock::persisted(beside(&options.ledger, "clock")).map_err(|error| Failure::file(&options.ledger, &error))
}

fn check_tls(url: &str) -> Result<(), Failure> {
    if url.starts_with("https:") && cfg!(not(feature = "tls")) {
        return Err(Failure::from(
            "this program was built without TLS; build it with `--features tls` for https destinations".to_owned(),
        ));
    }
    Ok(())
}

fn token(options: &Options) -> Result<&str, Failure> {
    let missing = "a destination needs a token; give `--token`, or set CRMKIT_TOKEN";
    options.token.as_deref().ok_or_else(|| Failure::from(missing.to_owned()))
}

async fn pipedrive_account(
    options: &Options,
) -> Result<(Arc<dyn Clock>, PipedriveConfig, Option<PipedriveSimulator>), Failure> {
    let Some(url) = &options.destination_url else {
        let clock = jumping_clock(options)?;
        let simulator = PipedriveSimulator::builder()
            .jumping_clock(&clock)
            .journal(beside(&options.ledger, "pipedrive"))
            .tier(options.tier.parse::<simulator::Tier>()?)
            .seats(options.seats)
            .limits(options.limits == Limits::On)
            .start()
            .await
            .map_err(|error| Failure::from(format!("the simulator does not start: {error}")))?;
        let config = config(options, &simulator.url(), simulator.token())?;
        return Ok((Arc::new(clock), config, Some(simulator)));
    };
    check_tls(url)?;
    Ok((Arc::new(SystemClock), config(options, url, token(options)?)?, None))
}

fn config(options: &Options, url: &str, token: &str) -> Result<PipedriveConfig, Failure> {
    let mut config = PipedriveConfig::at(url, token);
    config.tier = match options.tier.as_str() {
        "lite" => Tier::Lite,
        "growth" => Tier::Growth,
        "premium" => Tier::Premium,
        "ultimate" => Tier::Ultimate,
        other => {
            return Err(Failure::from(format!(
                "there is no plan {other}; there are lite, growth, premium and ultimate"
            )));
        }
    };
    config.seats = options.seats;
    config.unlimited = options.limits == Limits::Off;
    if is_loopback(url) {
        config.timeout_seconds = LOOPBACK_TIMEOUT;
    }
    Ok(config)
}

fn is_loopback(url: &str) -> bool {
    reqwest::Url::parse(url).ok().is_some_and(|url| matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]")))
}

/// A file beside the ledger: `migration.crmkit.clock`.
pub(crate) fn beside(ledger: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(ledger.as_os_str());
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}
