//! Progress bars out of the engine's events.

use crmkit_core::{Event, Migration};
use futures::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};

/// Shows a bar while `work` goes on: records settled, and what is waited for.
pub(crate) async fn shown<T>(migration: &Migration, name: &'static str, work: impl Future<Output = T>) -> T {
    let bar = ProgressBar::new_spinner().with_prefix(name);
    let style = "{prefix:>10} {spinner} {pos} records {msg}";
    bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_spinner()));
    let mut events = migration.events();
    let told = bar.clone();
    let listener = tokio::spawn(async move {
        while let Some(event) = events.next().await {
            match event {
                Event::UnitDone { records, .. } => told.inc(records),
                Event::Uncertain { writes, .. } => {
                    told.set_message(format!("({writes} answers lost, looking for them)"))
                }
                Event::UnitWaits { milliseconds, .. } if milliseconds > 1_000 => {
                    told.set_message(format!("(waiting {} s)", milliseconds / 1_000));
                }
                _ => told.tick(),
            }
        }
    });
    let result = work.await;
    listener.abort();
    bar.finish_and_clear();
    result
}
