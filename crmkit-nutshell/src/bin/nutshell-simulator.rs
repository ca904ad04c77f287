//! A Nutshell to test against, as a program: prints where it listens and serves until it is stopped.

use std::io::Write as _;
use std::{env, fs, io};

use crmkit_nutshell::simulator::{NutshellSimulator, NutshellSimulatorBuilder};

const USAGE: &str = "usage: nutshell-simulator [--port N] [--plan foundation|growth|pro|business|enterprise] \
[--seed FILE] [--switches FILE] [--drop-every N] [--journal FILE]";

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
            "url": simulator.url(), "username": simulator.username(), "key": simulator.key(),
        });
        println!("{greeting}");
        io::stdout().flush()?;
        std::future::pending::<io::Result<()>>().await
    })
}

fn read_arguments(mut arguments: impl Iterator<Item = String>) -> Result<NutshellSimulatorBuilder, String> {
    let mut builder = NutshellSimulator::builder();
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        let wrong = || format!("{name} cannot be {value}");
        let read = || fs::read_to_string(&value).map_err(|error| format!("{value}: {error}"));
        let broken = |error: serde_json::Error| format!("{value}: {error}");
        builder = match name.as_str() {
            "--port" => builder.port(value.parse().map_err(|_| wrong())?),
            "--plan" => builder.plan(value.parse()?),
            "--drop-every" => builder.drop_every(value.parse().map_err(|_| wrong())?),
            "--journal" => builder.journal(&value),
            "--seed" => builder.seed(serde_json::from_str(&read()?).map_err(broken)?),
            "--switches" => builder.switches(serde_json::from_str(&read()?).map_err(broken)?),
            _ => return Err(format!("unknown option {name}")),
        };
    }
    Ok(builder)
}
