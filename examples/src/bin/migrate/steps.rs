//! The steps in order, each with its document, and the two approvals between them.

use std::{
    fmt, fs,
    io::{self, BufRead, IsTerminal, Write},
    path::Path,
    slice,
};

use crmkit_core::{
    Approval, Audit, AuditOptions, ConflictPolicy, Decision, Error, LogFormat, Migration, Plan, Reconciliation, Review,
    RunReport, Severity, indexmap::IndexMap, spreadsheet_cell,
};
use crmkit_sources::klipy::Klipy;

use crate::{
    connect::{bundled, connect},
    documents::Documents,
    options::{Conflict, Options, Step},
    progress::shown,
};

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// As it should.
    Clean,
    /// Something is held, differs, or waits for an answer.
    Open,
}

/// Why a call failed, in one message.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn file(path: &Path, error: &io::Error) -> Self {
        Self(format!("{}: {error}", path.display()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error.to_string())
    }
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self(message)
    }
}

pub(crate) async fn run(options: &Options) -> Result<Ending, Failure> {
    let given = options.plan.as_deref().map(read_plan).transpose()?;
    let documents = Documents::in_folder(&options.reports)?;
    let connected = connect(options).await?;
    let migration = &connected.migration;
    let klipy = connected.origin.klipy.as_deref();
    let steps = Steps { options, documents, migration, given, klipy };
    match options.step {
        Step::Audit => steps.audit().await.map(|_| Ending::Clean),
        Step::Propose => steps.propose(&steps.audit().await?).await.map(|_| Ending::Clean),
        Step::Review => steps.review().await,
        Step::Prepare => steps.prepare().await.map(|_| Ending::Clean),
        Step::Sample => {
            steps.sample().await.map(|approved| if approved.is_some() { Ending::Clean } else { Ending::Open })
        }
        Step::Run => steps
            .run()
            .await
            .map(|report| if report.finished && report.held.is_empty() { Ending::Clean } else { Ending::Open }),
        Step::Resolve => steps.resolve().await,
        Step::Delta => steps.delta().await,
        Step::Reconcile => steps.reconcile().await,
        Step::Handover => steps.handover().await,
        Step::Rollback => steps.rollback().await,
        Step::Accept => steps.accept().await,
        Step::All => steps.all().await,
    }
}

struct Steps<'a> {
    options: &'a Options,
    documents: Documents,
    migration: &'a Migration,
    /// The plan named on the command line.
    given: Option<Plan>,
    /// The source, where it has proposals of its own.
    klipy: Option<&'a Klipy>,
}

impl Steps<'_> {
    async fn all(&self) -> Result<Ending, Failure> {
        if self.review().await? == Ending::Open {
            return Ok(Ending::Open);
        }
        self.prepare().await?;
        if self.sample().await?.is_none() {
            return Ok(Ending::Open);
        }
        if !self.run().await?.finished {
            return Ok(Ending::Open);
        }
        let ending = self.reconcile().await?;
        self.handover().await?;
        Ok(ending)
    }

    async fn audit(&self) -> Result<Audit, Failure> {
        let audit = shown(self.migration, "audit", self.migration.audit(&AuditOptions::default())).await?;
        self.documents.json("audit", &audit)?;
        self.documents.readable("audit", audit.to_markdown(), audit.to_html())?;
        Ok(audit)
    }

    /// Writes the proposal; a plan that somebody may have edited is left alone.
    async fn propose(&self, audit: &Audit) -> Result<Plan, Failure> {
        let mut plan = self.migration.propose(audit);
        if let Some(klipy) = self.klipy {
            klipy.proposals().await?.put_into(&mut plan, &IndexMap::new());
        }
        let name = if self.documents.path("plan.toml").exists() { "plan.proposed.toml" } else { "plan.toml" };
        self.documents.text(name, &plan.to_toml())?;
        println!("proposed a plan with {} questions: {}", plan.questions.len(), self.documents.path(name).display());
        Ok(plan)
    }

    /// The plan at hand: named, frozen, bundled, edited, or proposed, in this order.
    async fn plan(&self, audit: &Audit) -> Result<Plan, Failure> {
        let mut plan = if let Some(plan) = &self.given {
            plan.clone()
        } else if let Ok(frozen) = self.migration.frozen_plan().await {
            return Ok(frozen);
        } else if self.options.has_bundled_plan() {
            read_plan(&bundled().join("plan.toml"))?
        } else if self.documents.path("plan.toml").exists() {
            read_plan(&self.documents.path("plan.toml"))?
        } else {
            self.propose(audit).await?
        };
        if let Some(fallback) = &self.options.fallback_owner {
            let asked = plan.questions.iter().find(|question| question.about == "/owners/fallback");
            match asked.map(|question| question.id.clone()) {
                Some(question) => plan.answer(&question, fallback).map_err(|problem| Failure(problem.to_string()))?,
                None => plan.owners.fallback = Some(fallback.clone()),
            }
        }
        if let Some(size) = self.options.sample {
            plan.sample.size = size;
        }
        if let Some(conflict) = self.options.conflict {
            plan.delta.conflict = match conflict {
                Conflict::KeepTheirs => ConflictPolicy::KeepTheirs,
                Conflict::TakeOurs => ConflictPolicy::TakeOurs,
                Conflict::Hold => ConflictPolicy::Hold,
            };
        }
        Ok(plan)
    }

    async fn review(&self) -> Result<Ending, Failure> {
        let audit = self.audit().await?;
        let plan = self.plan(&audit).await?;
        let review = self.migration.review(&plan, &audit);
        self.documents.json("review", &review)?;
        self.documents.readable("review", review.to_markdown(), review.to_html())?;
        if !self.documents.path("plan.toml").exists() {
            self.documents.text("plan.toml", &plan.to_toml())?;
        }
        if review.blocked() {
            let told = self.blocking(&review);
            return match &self.options.plan {
                Some(_) => Err(Failure(told)),
                None => {
                    eprintln!("{told}");
                    Ok(Ending::Open)
                }
            };
        }
        Ok(Ending::Clean)
    }

    /// What blocks the plan, each problem with its line in the plan's file.
    fn blocking(&self, review: &Review) -> String {
        let path = match &self.options.plan {
            Some(given) => given.clone(),
            None if self.options.has_bundled_plan() => bundled().join("plan.toml"),
            None => self.documents.path("plan.toml"),
        };
        let text = fs::read_to_string(&path).unwrap_or_default();
        let blocking = review.problems.iter().filter(|problem| problem.severity == Severity::Block);
        let told = blocking.cloned().map(|mut problem| {
            if !problem.pointer.is_empty() {
                Plan::locate(slice::from_mut(&mut problem), &text, &path.display().to_string());
            }
            problem.to_string()
        });
        told.collect::<Vec<_>>().join("\n")
    }

    /// Refuses a plan on the command line that is not the approved one.
    async fn same_plan(&self) -> Result<(), Failure> {
        match &self.given {
            Some(given) if self.migration.approval("plan").await?.is_some() => {
                Ok(self.migration.ensure_frozen(given).await?)
            }
            _ => Ok(()),
        }
    }

    /// The plan's approval: the one there is, or a new one.
    async fn plan_approval(&self) -> Result<Approval, Failure> {
        self.same_plan().await?;
        if let Some(approval) = self.migration.approval("plan").await? {
            return Ok(approval);
        }
        let audit = self.audit().await?;
        let plan = self.plan(&audit).await?;
        self.ask("Approve the plan? See review.md in the reports folder.")?;
        Ok(self.migration.approve_plan(&plan, &user()).await?)
    }

    async fn prepare(&self) -> Result<(), Failure> {
        let approval = self.plan_approval().await?;
        let preparation = shown(self.migration, "prepare", self.migration.prepare(&approval)).await?;
        println!("prepared {} items", preparation.items.0.len());
        self.documents.json("preparation", &preparation)
    }

    /// The sample and its approval; none where it shows something that nobody should approve unseen.
    async fn sample(&self) -> Result<Option<Approval>, Failure> {
        let approval = self.plan_approval().await?;
        if let Some(approval) = self.migration.approval("sample").await? {
            return Ok(Some(approval));
        }
        let sample = shown(self.migration, "sample", self.migration.sample(&approval)).await?;
        self.documents.json("sample", &sample)?;
        self.documents.readable("sample", sample.to_markdown(), sample.to_html())?;
        println!(
            "sample: {} records compared, {} fields differ, {} reasons to hold",
            sample.compared,
            sample.differing,
            sample.held.len()
        );
        if sample.differing > 0 && self.options.yes {
            println!("the sample differs; look at sample.md, and approve it without --yes if that is as it should be");
            return Ok(None);
        }
        self.ask("Approve the sample? See sample.md in the reports folder.")?;
        Ok(Some(self.migration.approve_sample(&sample, &user()).await?))
    }

    async fn run(&self) -> Result<RunReport, Failure> {
        self.same_plan().await?;
        let approval = self.migration.approval("sample").await?.ok_or_else(|| {
            Failure("the sample is not approved; do the steps before first, or all with `--step all`".to_owned())
        })?;
        let report = shown(self.migration, "run", self.migration.run(&approval)).await?;
        self.documents.json("run", &report)?;
        self.documents.readable("run", report.to_markdown(), report.to_html())?;
        for object in &report.objects {
            println!("{:>14}: {} of {} written, {} held", object.mapping, object.written, object.source, object.held);
        }
        for waits in &report.waits_for {
            println!("waits: {waits}");
        }
        Ok(report)
    }

    async fn delta(&self) -> Result<Ending, Failure> {
        self.same_plan().await?;
        let approval = self.migration.approval("sample").await?.ok_or_else(|| {
            Failure("nothing was run yet; a delta follows a run: call with `--step all` first".to_owned())
        })?;
        if let Some(klipy) = self.klipy {
            // A delta compares with the workspace as it is now, not with what was drawn for the run.
            klipy.refresh().await?;
        }
        let report = shown(self.migration, "delta", self.migration.delta(&approval)).await?;
        self.documents.json("delta", &report)?;
        self.documents.readable("delta", report.to_markdown(), report.to_html())?;
        for object in &report.objects {
            println!(
                "{:>14}: {} new, {} changed, {} as they were, {} held",
                object.mapping, object.created, object.updated, object.unchanged, object.held
            );
        }
        println!("{} gone at the source, {} changed at both ends", report.gone.len(), report.conflicts.len());
        let quiet = report.finished && report.held.is_empty() && report.gone.is_empty() && report.conflicts.is_empty();
        Ok(if quiet { Ending::Clean } else { Ending::Open })
    }

    async fn reconcile(&self) -> Result<Ending, Failure> {
        self.same_plan().await?;
        let mut reconciliation = self.read_back().await?;
        if self.options.repair && !reconciliation.mismatches.is_empty() {
            let approval = self.sample_approval().await?;
            let repaired = shown(self.migration, "repair", self.migration.repair(&approval)).await?;
            self.documents.json("repair", &repaired)?;
            reconciliation = self.read_back().await?;
        }
        for object in &reconciliation.objects {
            println!(
                "{:>14}: {} of {} verified, {} different, {} missing",
                object.count.mapping, object.verified, object.count.written, object.mismatched, object.missing
            );
        }
        println!("{}", if reconciliation.clean { "clean" } else { "not clean; see reconciliation.md" });
        Ok(if reconciliation.clean { Ending::Clean } else { Ending::Open })
    }

    async fn read_back(&self) -> Result<Reconciliation, Failure> {
        let reconciliation = shown(self.migration, "reconcile", self.migration.reconcile()).await?;
        self.documents.json("reconciliation", &reconciliation)?;
        let (text, html) = (reconciliation.to_markdown(), reconciliation.to_html());
        self.documents.readable("reconciliation", text, html)?;
        Ok(reconciliation)
    }

    async fn sample_approval(&self) -> Result<Approval, Failure> {
        let missing = || Failure("nothing was run yet: call with `--step all` first".to_owned());
        self.migration.approval("sample").await?.ok_or_else(missing)
    }

    /// Takes the decisions of the file, if one is named, and tries again what was held.
    async fn resolve(&self) -> Result<Ending, Failure> {
        self.same_plan().await?;
        let approval = self.sample_approval().await?;
        if let Some(path) = &self.options.decisions {
            let text = fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?;
            let decisions: Vec<Decision> = serde_json::from_str(&text)
                .map_err(|error| Failure(format!("{}:{}: {error}", path.display(), error.line())))?;
            self.migration.decide(&decisions, &user()).await?;
        }
        let report = shown(self.migration, "resolve", self.migration.resolve(&approval)).await?;
        self.documents.json("resolve", &report)?;
        self.documents.readable("resolve", report.to_markdown(), report.to_html())?;
        let written: u64 = report.objects.iter().map(|object| object.written).sum();
        let held: u64 = report.objects.iter().map(|object| object.held).sum();
        println!("resolve: {written} written, {held} held");
        Ok(if report.finished && held == 0 { Ending::Clean } else { Ending::Open })
    }

    async fn handover(&self) -> Result<Ending, Failure> {
        let handover = shown(self.migration, "handover", self.migration.handover()).await?;
        self.documents.json("handover", &handover)?;
        self.documents.readable("handover", handover.to_markdown(), handover.to_html())?;
        let mut files = vec!["source,name,size,url,parents,destination,reason".to_owned()];
        self.migration
            .file_manifest(|file| {
                let parents: Vec<String> = file.parents.iter().map(ToString::to_string).collect();
                let text = |text: &Option<String>| text.clone().unwrap_or_default();
                let cells = [
                    file.source.to_string(),
                    text(&file.name),
                    file.size.map(|size| size.to_string()).unwrap_or_default(),
                    text(&file.url),
                    parents.join(" "),
                    file.destination.as_ref().map(ToString::to_string).unwrap_or_default(),
                    text(&file.reason),
                ];
                files.push(cells.map(|cell| quoted(&cell)).join(","));
            })
            .await?;
        self.documents.text("files.csv", &format!("{}\r\n", files.join("\r\n")))?;
        let mut log = String::new();
        let write = |line: &str| {
            log.push_str(line);
            Ok(())
        };
        self.migration.export_audit(LogFormat::Csv, write).await?;
        self.documents.text("audit-log.csv", &log)?;
        self.documents.index()?;
        println!("handover: {} guides, {} files did not move", handover.guides.len(), handover.files.left);
        Ok(Ending::Clean)
    }

    async fn accept(&self) -> Result<Ending, Failure> {
        self.ask("Accept the migration? It can no longer be taken back then.")?;
        let signed = self.migration.accept(&user()).await?;
        println!("accepted by {}", signed.actor);
        Ok(Ending::Clean)
    }

    async fn rollback(&self) -> Result<Ending, Failure> {
        let preview = shown(self.migration, "preview", self.migration.preview_rollback()).await?;
        self.documents.readable("rollback", preview.to_markdown(), preview.to_html())?;
        println!(
            "rollback: {} records to remove, {} to restore, {} stay",
            preview.remove,
            preview.restore,
            preview.kept.len()
        );
        self.ask("Approve the rollback? See rollback.md in the reports folder.")?;
        let approval = self.migration.approve_rollback(&preview, &user()).await?;
        let report = shown(self.migration, "rollback", self.migration.rollback(&approval)).await?;
        self.documents.json("rollback", &report)?;
        self.documents.readable("rollback", report.to_markdown(), report.to_html())?;
        println!("{}", if report.clean { "taken back" } else { "not everything could be taken back; see rollback.md" });
        Ok(if report.clean && report.kept.is_empty() { Ending::Clean } else { Ending::Open })
    }

    /// Asks on the terminal; `--yes` approves.
    fn ask(&self, question: &str) -> Result<(), Failure> {
        if self.options.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            return Err(Failure(format!("{question} Nobody can answer here: call again on a terminal, or with --yes")));
        }
        print!("{question} [y/N] ");
        let mut answer = String::new();
        let read = io::stdout().flush().and_then(|()| io::stdin().lock().read_line(&mut answer));
        match read {
            Ok(_) if matches!(answer.trim(), "y" | "Y" | "yes") => Ok(()),
            Ok(_) => Err(Failure("not approved; nothing was written".to_owned())),
            Err(error) => Err(Failure(error.to_string())),
        }
    }
}

/// A cell of a CSV file that a spreadsheet may open.
fn quoted(text: &str) -> String {
    format!("\"{}\"", spreadsheet_cell(text).replace('"', "\"\""))
}

fn user() -> String {
    std::env::var("USER").unwrap_or_else(|_| "migrate".to_owned())
}

/// Reads a plan; the first problem is the message, with file and line.
fn read_plan(path: &Path) -> Result<Plan, Failure> {
    let text = fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?;
    let file = path.display().to_string();
    let plan = if path.extension().is_some_and(|ending| ending == "json") {
        Plan::from_json(&text, &file)
    } else {
        Plan::from_toml(&text, &file)
    };
    plan.map_err(|problems| Failure(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))
}
