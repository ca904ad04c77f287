//! How fast is the engine beside a plain loop that sends the same bodies to the same server?
//!
//! `engine [RECORDS] [ROUNDS]`; 20,000 and 5 unless told. Each side of each round has a fresh server and a process of its own.

use std::{env, fs, io, path::Path, sync::Arc};

use crmkit_benches::{Failure, PLAN, Server, Usage, child, connector, median, migration, records, serve};
use crmkit_core::{EngineSettings, Plan};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};

/// Records a second of the engine over those of the plain loop.
const RATE_BAR: f64 = 0.7;
/// Milliseconds of processor time per record.
const CPU_BAR: f64 = 0.06;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    if tokio::task::block_in_place(serve)? {
        return Ok(());
    }
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["engine", url, token, ledger, count] => engine(url, token, Path::new(ledger), count.parse()?).await,
        ["plain", url, token, bodies] => plain(url, token, Path::new(bodies)).await,
        [] => compare(20_000, 5).await,
        [count] => compare(count.parse()?, 5).await,
        [count, rounds] => compare(count.parse()?, rounds.parse()?).await,
        _ => Err("usage: engine [RECORDS] [ROUNDS]".into()),
    }
}

async fn compare(count: u64, rounds: usize) -> Result<(), Failure> {
    println!("{count} records, {rounds} rounds");
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    rehearse(folder.path(), count).await?;
    let (mut engines, mut plains) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let mut run_engine = || -> Result<(), Failure> {
            let server = Server::start(Some(&at("seed.json")), 0)?;
            let ledger = at(&format!("round-{round}.ledger"));
            fs::copy(at("sampled.ledger"), &ledger)?;
            let ledger = ledger.to_str().ok_or("the temporary folder's name is not text")?;
            engines.push(child(&["engine", &server.url, &server.token, ledger, &count.to_string()])?);
            Ok(())
        };
        let mut run_plain = || -> Result<(), Failure> {
            let server = Server::start(Some(&at("seed.json")), 0)?;
            let bodies = at("bodies.json");
            let bodies = bodies.to_str().ok_or("the temporary folder's name is not text")?;
            plains.push(child(&["plain", &server.url, &server.token, bodies])?);
            Ok(())
        };
        // Whoever comes second in one round comes first in the next.
        if round % 2 == 0 {
            run_engine()?;
            run_plain()?;
        } else {
            run_plain()?;
            run_engine()?;
        }
        if let (Some(engine), Some(plain)) = (engines.last(), plains.last()) {
            println!(
                "  engine {:6.0}/s {:.4} ms CPU, peak {} KiB; plain {:6.0}/s {:.4} ms CPU, peak {} KiB; ratio {:.2}",
                engine.rate(),
                engine.cpu_per_record(),
                engine.peak,
                plain.rate(),
                plain.cpu_per_record(),
                plain.peak,
                engine.rate() / plain.rate(),
            );
        }
    }
    let ratio = median(engines.iter().zip(&plains).map(|(engine, plain)| engine.rate() / plain.rate()));
    let whole = median(engines.iter().map(|engine| engine.cpu_per_record()));
    let own =
        median(engines.iter().zip(&plains).map(|(engine, plain)| engine.cpu_per_record() - plain.cpu_per_record()));
    println!("records per second, engine over plain loop: {ratio:.2} (bar: at least {RATE_BAR})");
    println!(
        "CPU per record of the engine's process:     {whole:.3} ms, {:.2} of the bar of {CPU_BAR}",
        whole / CPU_BAR
    );
    println!("the same beyond that of the plain loop:     {own:.3} ms, {:.2} of the bar of {CPU_BAR}", own / CPU_BAR);
    println!(
        "peak memory of the engine's process:        {} KiB",
        median(engines.iter().map(|engine| engine.peak as f64))
    );
    Ok(())
}

/// Everything before the run, once; keeps ledger and server as they are then, and the bodies that the run sends.
async fn rehearse(folder: &Path, count: u64) -> Result<(), Failure> {
    let server = Server::start(None, usize::try_from(count)? + 10_000)?;
    let ledger = folder.join("sampled.ledger");
    {
        let migration = migration(Arc::new(records(count)), connector(&server.url, &server.token)?, &ledger)?;
        let plan = Plan::from_toml(PLAN, "plan.toml").map_err(|problems| format!("{problems:?}"))?;
        let approval = migration.approve_plan(&plan, "bench").await?;
        migration.prepare(&approval).await?;
        let sample = migration.sample(&approval).await?;
        if !sample.clean {
            return Err(format!("the sample is not clean: {sample:#?}").into());
        }
        migration.approve_sample(&sample, "bench").await?;
    }
    server.dump(&folder.join("seed.json")).await?;
    let before = server.creates().await?.len();
    let run = folder.join("rehearsal.ledger");
    fs::copy(&ledger, &run)?;
    engine_on(&server.url, &server.token, &run, count).await?;
    let sent = server.creates().await?.split_off(before);
    let bodies: Vec<Body> =
        sent.into_iter().map(|request| Body { path: request.path, body: request.body.unwrap_or_default() }).collect();
    if bodies.len() as u64 != count {
        return Err(format!("{} requests for {count} records", bodies.len()).into());
    }
    let bytes: usize = bodies.iter().map(|body| body.body.len()).sum();
    println!("bodies of {} bytes on average", bytes / bodies.len().max(1));
    Ok(serde_json::to_writer(io::BufWriter::new(fs::File::create(folder.join("bodies.json"))?), &bodies)?)
}

async fn engine(url: &str, token: &str, ledger: &Path, count: u64) -> Result<(), Failure> {
    engine_on(url, token, ledger, count).await?.tell()
}

async fn engine_on(url: &str, token: &str, ledger: &Path, count: u64) -> Result<crmkit_benches::Reading, Failure> {
    let migration = migration(Arc::new(records(count)), connector(url, token)?, ledger)?;
    let approval = migration.approval("sample").await?.ok_or("the sample is not approved")?;
    let before = Usage::now()?;
    let report = migration.run(&approval).await?;
    let reading = before.since(count)?;
    let created: u64 = report.objects.iter().map(|object| object.created).sum();
    if !report.finished || created != count {
        return Err(format!("{created} of {count} records were created: {report:#?}").into());
    }
    Ok(reading)
}

/// One request of the recorded run.
#[derive(Serialize, Deserialize)]
struct Body {
    path: String,
    body: String,
}

/// What somebody would write by hand who needs nothing but speed: bodies that are ready, answers that nobody reads, no budget, no
/// record of what was done; as many requests at once as the engine has.
async fn plain(url: &str, token: &str, bodies: &Path) -> Result<(), Failure> {
    let bodies: Vec<Body> = serde_json::from_slice(&fs::read(bodies)?)?;
    let (organizations, deals): (Vec<_>, Vec<_>) =
        bodies.into_iter().partition(|body| body.path.ends_with("/organizations"));
    let count = (organizations.len() + deals.len()) as u64;
    let settings = EngineSettings::default();
    let at_once = settings.pages_in_flight * settings.writes_in_flight;
    let client = reqwest::Client::new();
    let before = Usage::now()?;
    for phase in [organizations, deals] {
        stream::iter(phase)
            .map(|Body { path, body }| {
                let request = client
                    .post(format!("{url}{path}"))
                    .header("x-api-token", token)
                    .header("content-type", "application/json")
                    .body(body);
                async move { request.send().await?.error_for_status()?.bytes().await }
            })
            .buffer_unordered(at_once)
            .try_for_each(|_| async { Ok(()) })
            .await?;
    }
    before.since(count)?.tell()
}
