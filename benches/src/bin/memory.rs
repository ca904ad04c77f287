//! How much more memory does a whole migration take at ten times the records?
//!
//! `memory [SMALL] [LARGE]`; 20,000 and 200,000 records unless told. Source is a generated export folder with some mess in it, the
//! plan is the proposed one. Audit (profiles and duplicates), proposal, preparation, sample and run happen in one process, whose
//! peak is read.

use std::{env, path::Path, sync::Arc};

use crmkit_benches::{Failure, Server, Usage, child, connector, migration, serve};
use crmkit_core::{AuditOptions, Plan, Transforms, audit, propose, testing::generate::AllegoryExport};
use crmkit_sources::allegory::ExportFolder;

/// Peak at the large size over peak at the small one.
const BAR: f64 = 1.2;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    if tokio::task::block_in_place(serve)? {
        return Ok(());
    }
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["migrate", url, token, folder] => migrate(url, token, Path::new(folder)).await,
        [] => compare(20_000, 200_000),
        [small, large] => compare(small.parse()?, large.parse()?),
        _ => Err("usage: memory [SMALL LARGE]".into()),
    }
}

#[allow(clippy::cast_precision_loss, reason = "a peak in KiB is far below 2^52")]
fn compare(small: u64, large: u64) -> Result<(), Failure> {
    let mut peaks = Vec::new();
    for count in [small, large] {
        let folder = tempfile::tempdir()?;
        AllegoryExport::new(7)
            .companies(count / 10)
            .contacts(count * 3 / 10)
            .deals(count * 3 / 10)
            .notes(count * 3 / 10)
            .tasks(0)
            .mess(0.01)
            .write_with(folder.path().join("export"), |_| {})?;
        let server = Server::start(None, 0)?;
        let path = folder.path().to_str().ok_or("the temporary folder's name is not text")?;
        let reading = child(&["migrate", &server.url, &server.token, path])?;
        println!("{count} records, {} of them written: peak {} KiB", reading.records, reading.peak);
        peaks.push(reading.peak as f64);
    }
    println!("peak memory at {large} records over that at {small}: {:.2} (bar: at most {BAR})", peaks[1] / peaks[0]);
    Ok(())
}

async fn migrate(url: &str, token: &str, folder: &Path) -> Result<(), Failure> {
    let before = Usage::now()?;
    let source = Arc::new(ExportFolder::open(folder.join("export"))?);
    let destination = connector(url, token)?;
    let found = audit(&*source, &destination, &AuditOptions::default()).await?;
    let mut plan = propose(&found, &Transforms::standard());
    answer(&mut plan)?;
    drop(found);
    let migration = migration(source, destination, &folder.join("bench.ledger"))?;
    let approval = migration.approve_plan(&plan, "bench").await?;
    migration.prepare(&approval).await?;
    let sample = migration.sample(&approval).await?;
    let approval = migration.approve_sample(&sample, "bench").await?;
    let report = migration.run(&approval).await?;
    if !report.finished {
        return Err(format!("the run waits: {:?}", report.waits_for).into());
    }
    before.since(report.objects.iter().map(|object| object.created).sum())?.tell()
}

/// Answers as somebody would who wants everything moved: whoever has no counterpart is replaced by the administrator.
fn answer(plan: &mut Plan) -> Result<(), Failure> {
    plan.stop_when = 0.5;
    let questions: Vec<_> =
        plan.questions.iter().map(|question| (question.id.clone(), question.choices.clone())).collect();
    for (id, choices) in questions {
        let answer = if id.starts_with("merge.") {
            "no"
        } else if id.starts_with("owners.") {
            "admin@crmkit.example"
        } else {
            choices.first().map_or("yes", String::as_str)
        };
        plan.answer(&id, answer).map_err(|problem| format!("{id}: {problem}"))?;
    }
    Ok(())
}
