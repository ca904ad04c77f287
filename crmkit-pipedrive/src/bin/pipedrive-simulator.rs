//! A Pipedrive to test against, as a program: prints where it listens and serves until it is stopped.

use std::io::Write as _;
use std::{env, fs, io};

use crmkit_pipedrive::simulator::{PipedriveSimulator, PipedriveSimulatorBuilder};
use serde::de::DeserializeOwned;

const USAGE: &str = "usage: pipedrive-simulator [--port N] [--listen ADDRESS:PORT] [--tier lite|growth|premium|ultimate] [--seats N] \
[--limits on|off] [--switches FILE] [--seed FILE] [--drop-every N] [--journal FILE]";

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
        let greeting = serde_json::json!({ "url": simulator.url(), "token": simulator.token() });
        println!("{greeting}");
        io::stdout().flush()?;
        std::future::pending::<io::Result<()>>().await
    })
}

/// What a file of JSON holds.
fn read<T: DeserializeOwned>(path: &str) -> Result<T, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    serde_json::from_str(&text).map_err(|error| format!("{path}: {error}"))
}

fn read_arguments(mut arguments: impl Iterator<Item = String>) -> Result<PipedriveSimulatorBuilder, String> {
    let mut builder = PipedriveSimulator::builder();
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        let wrong = || format!("{name} cannot be {value}");
        builder = match name.as_str() {
            "--port" => builder.port(value.parse().map_err(|_| wrong())?),
            "--listen" => builder.listen(value.parse().map_err(|_| wrong())?),
            "--tier" => builder.tier(value.parse()?),
            "--seats" => builder.seats(value.parse().map_err(|_| wrong())?),
            "--limits" => builder.limits(value != "off"),
            "--drop-every" => builder.drop_every(value.parse().map_err(|_| wrong())?),
            "--journal" => builder.journal(&value),
            "--seed" => builder.seed(read(&value)?),
            "--switches" => builder.switches(read(&value)?),
            _ => return Err(format!("unknown option {name}")),
        };
    }
    Ok(builder)
}
