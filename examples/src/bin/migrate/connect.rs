//! Source, destination, ledger and clock, as the command line says.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

use crmkit_core::{Clock, Migration, SharedDestination, SqliteLedger, SystemClock, simulator::JumpingClock};
use crmkit_pipedrive::{
    Pipedrive, PipedriveConfig, Tier,
    simulator::{self, PipedriveSimulator},
};
use crmkit_sources::allegory::ExportFolder;
use crmkit_twenty::{Twenty, TwentyConfig, simulator::TwentySimulator};

use crate::{
    options::{Limits, Options, To},
    steps::Failure,
};

/// A migration with what it needs to stay alive.
#[derive(Debug)]
pub(crate) struct Connected {
    pub(crate) migration: Migration,
    /// The destination, where it lives in this process.
    _simulator: Option<Simulator>,
}

/// Stops when it is dropped.
#[derive(Debug)]
enum Simulator {
    Pipedrive { _server: PipedriveSimulator },
    Twenty { _server: TwentySimulator },
}

/// The export that comes with this program.
pub(crate) fn bundled() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/maven-crm")
}

/// How long a request to this machine itself may take, in seconds. Far-away accounts get the connector's default.
const LOOPBACK_TIMEOUT: u64 = 2;

pub(crate) async fn connect(options: &Options) -> Result<Connected, Failure> {
    let source = ExportFolder::open(options.export.clone().unwrap_or_else(bundled))?;
    let Connection { clock, url, token, simulator } = connection(options).await?;
    let near = is_loopback(&url);
    let destination: SharedDestination = match options.to {
        To::Pipedrive => Arc::new(Pipedrive::builder(config(options, &url, &token)?, clock.clone()).build()?),
        To::Twenty => {
            let mut config = TwentyConfig::at(url, token);
            config.unlimited = options.limits == Limits::Off;
            if near {
                config.timeout_seconds = LOOPBACK_TIMEOUT;
            }
            Arc::new(Twenty::builder(config, clock.clone()).build()?)
        }
    };
    let ledger = SqliteLedger::open_file(&options.ledger, clock.clone())?;
    let migration = Migration::builder("migrate")
        .actor(std::env::var("USER").unwrap_or_else(|_| "migrate".to_owned()))
        .source(Arc::new(source))
        .destination(destination)
        .ledger(Arc::new(ledger))
        .clock(clock)
        .settings(|settings| {
            if near {
                settings.send_window = std::time::Duration::from_secs(5);
                settings.settle_after = std::time::Duration::from_secs(LOOPBACK_TIMEOUT + 1);
            }
        })
        .build()?;
    Ok(Connected { migration, _simulator: simulator })
}

/// Where the destination is.
struct Connection {
    clock: Arc<dyn Clock>,
    url: String,
    token: String,
    simulator: Option<Simulator>,
}

async fn connection(options: &Options) -> Result<Connection, Failure> {
    let Some(url) = &options.destination_url else {
        let clock = JumpingClock::persisted(beside(&options.ledger, "clock"))
            .map_err(|error| Failure::file(&options.ledger, &error))?;
        let limits = options.limits == Limits::On;
        let dead = |error| Failure::from(format!("the simulator does not start: {error}"));
        let (url, token, simulator) = match options.to {
            To::Pipedrive => {
                let server = PipedriveSimulator::builder()
                    .jumping_clock(&clock)
                    .journal(beside(&options.ledger, "pipedrive"))
                    .tier(options.tier.parse::<simulator::Tier>()?)
                    .seats(options.seats)
                    .limits(limits)
                    .start()
                    .await
                    .map_err(dead)?;
                (server.url(), server.token().to_owned(), Simulator::Pipedrive { _server: server })
            }
            To::Twenty => {
                let server = TwentySimulator::builder()
                    .jumping_clock(&clock)
                    .journal(beside(&options.ledger, "twenty"))
                    .limits(limits)
                    .start()
                    .await
                    .map_err(dead)?;
                (server.url(), server.token().to_owned(), Simulator::Twenty { _server: server })
            }
        };
        return Ok(Connection { clock: Arc::new(clock), url, token, simulator: Some(simulator) });
    };
    if url.starts_with("https:") && cfg!(not(feature = "tls")) {
        return Err(Failure::from(
            "this program was built without TLS; build it with `--features tls` for https destinations".to_owned(),
        ));
    }
    let token = options
        .token
        .clone()
        .ok_or_else(|| Failure::from("a destination needs a token; give `--token`, or set CRMKIT_TOKEN".to_owned()))?;
    Ok(Connection { clock: Arc::new(SystemClock), url: url.clone(), token, simulator: None })
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
fn beside(ledger: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(ledger.as_os_str());
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}
