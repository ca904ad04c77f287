//! What a process has used, by its own account, and processes of our own that are measured.

use std::{
    env, fs, io,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::Failure;

/// Ticks of `/proc/self/stat` in a second: `USER_HZ`, which is 100 on every Linux.
const TICKS: f64 = 100.0;

/// A moment in the life of this process.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    time: Instant,
    cpu: f64,
}

impl Usage {
    /// Now.
    ///
    /// # Errors
    /// Where there is no `/proc`.
    pub fn now() -> io::Result<Self> {
        let stat = fs::read_to_string("/proc/self/stat")?;
        // The name in brackets may have blanks; user and system time are the 12th and 13th field after it.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace();
        let ticks: f64 = fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
        Ok(Self { time: Instant::now(), cpu: ticks / TICKS })
    }

    /// What was used since, for so many records.
    ///
    /// # Errors
    /// Where there is no `/proc`.
    pub fn since(self, records: u64) -> io::Result<Reading> {
        let now = Self::now()?;
        let seconds = now.time.duration_since(self.time).as_secs_f64();
        Ok(Reading { records, seconds, cpu: now.cpu - self.cpu, peak: peak()? })
    }
}

/// The most memory that this process had at once, in KiB.
fn peak() -> io::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_ascii_whitespace().next()).and_then(|number| number.parse().ok());
    number.ok_or_else(|| io::Error::other("no VmHWM in /proc/self/status"))
}

/// What some work used.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Reading {
    /// Records worked on.
    pub records: u64,
    /// Seconds by the wall clock.
    pub seconds: f64,
    /// Seconds of processor time, user and system, of all threads.
    pub cpu: f64,
    /// The process's peak memory in KiB.
    pub peak: u64,
}

impl Reading {
    /// Records a second.
    #[allow(clippy::cast_precision_loss, reason = "counts of records are far below 2^52")]
    pub fn rate(&self) -> f64 {
        self.records as f64 / self.seconds
    }

    /// Milliseconds of processor time per record.
    #[allow(clippy::cast_precision_loss, reason = "counts of records are far below 2^52")]
    pub fn cpu_per_record(&self) -> f64 {
        1_000.0 * self.cpu / self.records as f64
    }

    /// Tells the parent process.
    ///
    /// # Errors
    /// Never in practice.
    pub fn tell(&self) -> Result<(), Failure> {
        println!("{}", serde_json::to_string(self)?);
        Ok(())
    }
}

/// Runs this program again with other arguments and gives the reading that it tells.
///
/// # Errors
/// The child failed; its own words are on the standard error.
pub fn child(arguments: &[&str]) -> Result<Reading, Failure> {
    let output = Command::new(env::current_exe()?).args(arguments).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{} failed", arguments.first().unwrap_or(&"")).into());
    }
    // Connections of the child that are not quite closed yet must not disturb the next one.
    std::thread::sleep(Duration::from_millis(200));
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The middle one.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
