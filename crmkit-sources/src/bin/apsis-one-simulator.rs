//! An APSIS One to test against, as a program: prints where it listens and serves until it is stopped.

use std::io::Write as _;
use std::{env, fs, io};

use crmkit_sources::apsis_one::simulator::{ApsisOneSimulator, ApsisOneSimulatorBuilder};

const USAGE: &str = "usage: apsis-one-simulator [--port N] [--seed FILE] [--limits on|off]";

fn main() -> io::Result<()> {
    let builder = match read_arguments(env::args().skip(1)) {
        Ok(builder) => builder,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            std::process::exit(2);
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let simulator = builder.start().await?;
        let greeting = serde_json::json!({
            "url": simulator.url(), "client_id": simulator.client_id(), "client_secret": simulator.client_secret(),
        });
        println!("{greeting}");
        io::stdout().flush()?;
        std::future::pending::<io::Result<()>>().await
    })
}

fn read_arguments(mut arguments: impl Iterator<Item = String>) -> Result<ApsisOneSimulatorBuilder, String> {
    let mut builder = ApsisOneSimulator::builder();
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        let wrong = || format!("{name} cannot be {value}");
        builder = match name.as_str() {
            "--port" => builder.port(value.parse().map_err(|_| wrong())?),
            "--limits" => match value.as_str() {
                "on" => builder.limits(true),
                "off" => builder.limits(false),
                _ => return Err(wrong()),
            },
            "--seed" => {
                let text = fs::read_to_string(&value).map_err(|error| format!("{value}: {error}"))?;
                builder.seed(serde_json::from_str(&text).map_err(|error| format!("{value}: {error}"))?)
            }
            _ => return Err(format!("unknown option {name}")),
        };
    }
    Ok(builder)
}
