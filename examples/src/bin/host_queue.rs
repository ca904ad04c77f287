//! A host that owns its job queue: units travel as texts, workers come and go, people decide on a web page.
//!
//! Nothing here calls a step that runs units by itself, but for the sample. Everything that counts is in the ledger, so each worker
//! builds its own `Migration` and can be killed at any moment.

use std::{
    collections::{HashSet, VecDeque},
    error::Error,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crmkit_core::{
    Action, AuditOptions, Clock, FieldConcept, FieldSchema, FieldType, MemoryLedger, Migration, ObjectConcept,
    ObjectSchema, Outcome, Plan, Record, RecordRef, Severity, Transforms, UnitKey, Value, audit, execute_unit,
    load_state, next_action, propose,
    testing::{ManualClock, MockDestination, MockFault, MockSource},
};
use serde_json::{Value as Json, json};
use tokio::{sync::Notify, task::JoinHandle};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let host = Arc::new(Host::new());
    let web = host.migration("web")?;

    // On the web: the plan is a JSON document until somebody approves it.
    let draft = web_drafts(&host).await?;
    let draft = web_edits(draft)?;
    let plan: Plan = serde_json::from_value(draft)?;
    let blocking = web.check(&plan).await?.into_iter().find(|problem| problem.severity == Severity::Block);
    if let Some(problem) = blocking {
        return Err(problem.to_string().into());
    }
    let approval = web.approve_plan(&plan, "ann").await?;
    web.prepare(&approval).await?;
    let sample = web.sample(&approval).await?;
    let approval = web.approve_sample(&sample, "ann").await?;

    // In the background: the queue.
    host.crm.fail(4, MockFault::CloseAfterApply);
    let pass = web.start_run(&approval).await?;
    let told = schedule(&host, &web, pass).await?;
    web.close(pass).await?;

    let report = web.run_report(pass).await?;
    let (created, held) = report.objects.iter().fold((0, 0), |sum, count| (sum.0 + count.created, sum.1 + count.held));
    println!("{} jobs, {} workers, {} of them killed", told.jobs, told.workers, told.killed);
    println!("{} waits, {} decisions", told.waits, told.decisions);
    println!("{created} records created, {held} held, {} found after a lost answer", report.uncertain.adopted);
    let reconciliation = web.reconcile().await?;
    let verified: u64 = reconciliation.objects.iter().map(|object| object.verified).sum();
    println!("{verified} records read back, {} fields differ", reconciliation.mismatches.len());
    if (verified, reconciliation.mismatches.len()) == (created, 0) { Ok(()) } else { Err("the two differ".into()) }
}

/// What a host has: connectors, a ledger, a clock, and a queue of its own.
#[derive(Debug)]
struct Host {
    source: Arc<MockSource>,
    crm: MockDestination,
    ledger: MemoryLedger,
    clock: ManualClock,
    queue: Queue,
}

impl Host {
    fn new() -> Self {
        let clock = ManualClock::jumping();
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        Self {
            source: Arc::new(source()),
            crm: MockDestination::crm(shared.clone()),
            ledger: MemoryLedger::new(shared),
            queue: Queue::default(),
            clock,
        }
    }

    /// The migration as one process of the host sees it. The name tells it from the others.
    fn migration(&self, worker: &str) -> Result<Migration> {
        Ok(Migration::builder("acme")
            .worker(worker)
            .source(self.source.clone())
            .destination(Arc::new(self.crm.clone()))
            .ledger(Arc::new(self.ledger.clone()))
            .clock(Arc::new(self.clock.clone()))
            .settings(|settings| settings.page_size = 5)
            .build()?)
    }
}

/// What `GET /plan` answers.
async fn web_drafts(host: &Host) -> Result<Json> {
    let audit = audit(&*host.source, &host.crm, &AuditOptions::default()).await?;
    Ok(serde_json::to_value(propose(&audit, &Transforms::standard()))?)
}

/// What `PATCH /plan` makes of it: a number is edited in place, questions are answered.
fn web_edits(mut draft: Json) -> Result<Json> {
    draft["stop_when"] = json!(0.1);
    let mut plan: Plan = serde_json::from_value(draft)?;
    let open: Vec<_> = plan.questions.iter().filter(|question| question.answer.is_none()).cloned().collect();
    for question in open {
        let answer = match question.id.as_str() {
            "owners.fallback" => "hold",
            _ => question.choices.first().map_or("yes", String::as_str),
        };
        plan.answer(&question.id, answer).map_err(|problem| problem.to_string())?;
    }
    Ok(serde_json::to_value(&plan)?)
}

/// What the scheduler has seen.
#[derive(Debug, Default)]
struct Told {
    jobs: usize,
    workers: usize,
    killed: usize,
    waits: usize,
    decisions: usize,
}

/// Puts units on the queue until the pass is over. A cron job could do the same: it keeps nothing that the ledger does not.
async fn schedule(host: &Arc<Host>, web: &Migration, pass: u32) -> Result<Told> {
    let mut told = Told::default();
    let mut workers = employ(host, &mut told)?;
    loop {
        // A deployment, an hour into the run: whoever works is killed, and others take over.
        if told.killed == 0 && host.queue.ended() >= 3 {
            workers.iter().for_each(JoinHandle::abort);
            told.killed = workers.len();
            host.queue.forget_under_way();
            workers = employ(host, &mut told)?;
        }
        match next_action(&load_state(web.core(), pass).await?) {
            Action::Run { units } => {
                let jobs = units.iter().map(UnitKey::to_string);
                told.jobs += host.queue.offer(jobs);
                host.queue.change().await;
            }
            Action::SleepUntil { until } => {
                told.waits += 1;
                host.clock.sleep_until(until).await;
            }
            Action::WaitForDecision { units } => {
                for (unit, reason) in units {
                    println!("ann accepts {unit}: {reason}");
                    web.accept_gate(&unit, "ann").await?;
                    told.decisions += 1;
                }
            }
            Action::WaitForApproval { gate } => return Err(format!("{gate} is not approved").into()),
            Action::Paused => return Err("somebody paused the migration".into()),
            Action::Finished => break,
        }
        if let Some(ended) = workers.iter().position(JoinHandle::is_finished) {
            workers.swap_remove(ended).await??;
        }
    }
    workers.iter().for_each(JoinHandle::abort);
    Ok(told)
}

/// Two more workers.
fn employ(host: &Arc<Host>, told: &mut Told) -> Result<Vec<JoinHandle<Result<()>>>> {
    let mut workers = Vec::new();
    for _ in 0..2 {
        told.workers += 1;
        let migration = host.migration(&format!("worker-{}", told.workers))?;
        workers.push(tokio::spawn(work(host.clone(), migration)));
    }
    Ok(workers)
}

/// A worker knows nothing but the texts it is given.
async fn work(host: Arc<Host>, migration: Migration) -> Result<()> {
    loop {
        let job = host.queue.take().await;
        let outcome = execute_unit(migration.core(), &job.parse()?).await?;
        if let Outcome::Busy { until } = outcome {
            // Its last worker was killed: the job is delivered again when that worker's lease has ended.
            host.clock.sleep_until(until).await;
        }
        host.queue.end(&job);
    }
}

/// The host's queue: each job is in it at most once, until it has ended.
#[derive(Debug, Default)]
struct Queue {
    jobs: Mutex<Jobs>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Jobs {
    waiting: VecDeque<String>,
    under_way: HashSet<String>,
    ended: usize,
}

impl Queue {
    /// Adds what is not in it, and says how many those were.
    fn offer(&self, jobs: impl Iterator<Item = String>) -> usize {
        let mut queue = self.jobs();
        let known = queue.waiting.len();
        for job in jobs {
            if !queue.under_way.contains(&job) && !queue.waiting.contains(&job) {
                queue.waiting.push_back(job);
            }
        }
        let added = queue.waiting.len() - known;
        self.changed.notify_waiters();
        added
    }

    async fn take(&self) -> String {
        loop {
            let changed = self.changed.notified();
            {
                let mut queue = self.jobs();
                if let Some(job) = queue.waiting.pop_front() {
                    queue.under_way.insert(job.clone());
                    return job;
                }
            }
            changed.await;
        }
    }

    fn end(&self, job: &str) {
        let mut queue = self.jobs();
        queue.under_way.remove(job);
        queue.ended += 1;
        self.changed.notify_waiters();
    }

    fn ended(&self) -> usize {
        self.jobs().ended
    }

    /// The jobs of workers that were killed can be offered again.
    fn forget_under_way(&self) {
        self.jobs().under_way.clear();
    }

    /// Waits a turn, or until a job has ended.
    async fn change(&self) {
        tokio::select! {
            () = self.changed.notified() => {}
            () = tokio::time::sleep(std::time::Duration::from_millis(1)) => {}
        }
    }

    fn jobs(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Companies and their people; every eighth company is Bob's, who has no account at the destination.
fn source() -> MockSource {
    let text = |name: &str, concept| FieldSchema::new(name, name, FieldType::text()).means(concept);
    let link = |name: &str, to: &str, concept| FieldSchema::new(name, name, FieldType::link(to)).means(concept);
    let users = ObjectSchema::new("users", "User", ObjectConcept::User).with(text("email", FieldConcept::Emails));
    let companies = ObjectSchema::new("companies", "Company", ObjectConcept::Organization)
        .with(text("name", FieldConcept::Name))
        .with(link("parent", "companies", FieldConcept::Parent))
        .with(link("owner", "users", FieldConcept::Owner));
    let contacts = ObjectSchema::new("contacts", "Contact", ObjectConcept::Person)
        .with(text("name", FieldConcept::Name))
        .with(link("company", "companies", FieldConcept::Organization))
        .with(link("owner", "users", FieldConcept::Owner));
    let user = |(id, email): (&str, &str)| Record::new(RecordRef::new("users", id)).with("email", Value::text(email));
    let owner = |n: usize| Value::link(RecordRef::new("users", if n % 8 == 7 { "bob" } else { "ann" }));
    let company = |n: usize| {
        let parent = Value::link(RecordRef::new("companies", format!("c{}", n / 3)));
        let company = Record::new(RecordRef::new("companies", format!("c{n}")))
            .with("name", Value::text(format!("Company {n}")))
            .with("owner", owner(n));
        if n == 0 { company } else { company.with("parent", parent) }
    };
    let contact = |n: usize| {
        Record::new(RecordRef::new("contacts", format!("p{n}")))
            .with("name", Value::text(format!("Person {n}")))
            .with("company", Value::link(RecordRef::new("companies", format!("c{n}"))))
            .with("owner", owner(0))
    };
    MockSource::new("old-crm")
        .with_object(users, [("ann", "ann@crm.example"), ("bob", "bob@gone.example")].map(user))
        .with_object(companies, (0..24).map(company))
        .with_object(contacts, (0..24).map(contact))
}
