//! The simulator in a process of its own.

use std::{
    env, fs,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
};

use crmkit_core::simulator::LoggedRequest;
use crmkit_pipedrive::simulator::PipedriveSimulator;
use serde::{Deserialize, Serialize};

use crate::Failure;

/// The argument with which a program of ours serves.
const SERVE: &str = "serve";

/// A simulator without limits in a process of its own; dropping it stops it.
#[derive(Debug)]
pub struct Server {
    process: Child,
    /// Where it listens.
    pub url: String,
    /// What it takes.
    pub token: String,
}

#[derive(Serialize, Deserialize)]
struct Greeting {
    url: String,
    token: String,
}

impl Server {
    /// Starts one from a dump, if one is given; `log` requests are kept with their bodies.
    ///
    /// # Errors
    /// It did not start.
    pub fn start(seed: Option<&Path>, log: usize) -> Result<Self, Failure> {
        let mut process = Command::new(env::current_exe()?)
            .arg(SERVE)
            .arg(log.to_string())
            .args(seed)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        let Greeting { url, token } = serde_json::from_str(&line)?;
        Ok(Self { process, url, token })
    }

    /// Writes all it holds to a file from which another can start.
    ///
    /// # Errors
    /// It did not answer.
    pub async fn dump(&self, to: &Path) -> Result<(), Failure> {
        let dump = reqwest::get(format!("{}/_simulator/dump", self.url)).await?.error_for_status()?.bytes().await?;
        Ok(fs::write(to, dump)?)
    }

    /// The creating requests it has seen and kept.
    ///
    /// # Errors
    /// It did not answer.
    pub async fn creates(&self) -> Result<Vec<LoggedRequest>, Failure> {
        #[derive(Deserialize)]
        struct Log {
            requests: Vec<LoggedRequest>,
        }
        let log = reqwest::get(format!("{}/_simulator/requests", self.url)).await?.error_for_status()?;
        let Log { requests } = serde_json::from_slice(&log.bytes().await?)?;
        Ok(requests.into_iter().filter(|request| request.method == "POST").collect())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Serves until the parent is gone, if the arguments say so; whether they did.
///
/// # Errors
/// It could not start.
pub fn serve() -> Result<bool, Failure> {
    let mut arguments = env::args().skip(1);
    if arguments.next().as_deref() != Some(SERVE) {
        return Ok(false);
    }
    let log = arguments.next().map_or(Ok(0), |count| count.parse())?;
    let mut builder = PipedriveSimulator::builder().limits(false).log(log, if log == 0 { 0 } else { 1 << 16 });
    if let Some(seed) = arguments.next() {
        builder = builder.seed(serde_json::from_slice(&fs::read(seed)?)?);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let simulator = builder.start().await?;
        let greeting = Greeting { url: simulator.url(), token: simulator.token().to_owned() };
        println!("{}", serde_json::to_string(&greeting)?);
        io::stdout().flush()?;
        let parent_is_gone = tokio::task::spawn_blocking(|| io::stdin().read_to_end(&mut Vec::new()));
        parent_is_gone.await??;
        Ok(true)
    })
}
