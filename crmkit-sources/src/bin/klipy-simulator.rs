//! A Klipy to test against, as a program: prints where it listens and serves until it is stopped.

use std::{env, fs, io, io::Write as _};

use crmkit_sources::klipy::simulator::{KlipySimulator, KlipySimulatorBuilder};

const USAGE: &str = "usage: klipy-simulator [--port N] [--seed FILE] [--switches FILE]";

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
        println!("{}", serde_json::json!({ "url": simulator.url(), "key": simulator.key() }));
        io::stdout().flush()?;
        std::future::pending::<io::Result<()>>().await
    })
}

fn read_arguments(mut arguments: impl Iterator<Item = String>) -> Result<KlipySimulatorBuilder, String> {
    let mut builder = KlipySimulator::builder();
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        let read = || fs::read_to_string(&value).map_err(|error| format!("{value}: {error}"));
        let broken = |error: serde_json::Error| format!("{value}: {error}");
        builder = match name.as_str() {
            "--port" => builder.port(value.parse().map_err(|_| format!("{name} cannot be {value}"))?),
            "--seed" => builder.seed(serde_json::from_str(&read()?).map_err(broken)?),
            "--switches" => builder.switches(serde_json::from_str(&read()?).map_err(broken)?),
            _ => return Err(format!("unknown option {name}")),
        };
    }
    Ok(builder)
}
