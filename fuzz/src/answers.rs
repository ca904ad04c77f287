//! A Pipedrive whose answers are the input.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use crmkit_core::{
    AccountBudget, Clock, DestinationWriter, Operation, OperationKind, PageRequest, Probe, Value, WriteBatch,
    simulator::{Handler, InFlight, Reply, Server, ServerThread},
    testing::ManualClock,
};
use crmkit_pipedrive::{Pipedrive, PipedriveConfig};
use hyper::{Request, Response};

/// Requests that one step may take over answers that make no sense.
const PATIENCE: usize = 2_000;

#[derive(Clone, Debug, Default)]
struct Answer {
    /// Part of the paths that it is for.
    path: String,
    status: u16,
    body: Bytes,
}

#[derive(Debug, Default)]
struct Parrot {
    answers: Mutex<Vec<Answer>>,
    asked: AtomicUsize,
}

impl Parrot {
    /// Answers, each after a line `--- PATH` or `--- PATH STATUS`; what comes before the first is for the rest.
    fn learn(&self, bytes: &[u8]) {
        let mut answers = vec![(Answer { status: 200, ..Answer::default() }, Vec::new())];
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            match line.strip_prefix(b"--- ").and_then(|line| std::str::from_utf8(line).ok()) {
                Some(words) => {
                    let (path, status) = words.trim().split_once(' ').unwrap_or((words.trim(), ""));
                    let status = status.parse().ok().filter(|status| (200..600).contains(status)).unwrap_or(200);
                    answers.push((Answer { path: path.to_owned(), status, ..Answer::default() }, Vec::new()));
                }
                None => answers.last_mut().expect("one at least").1.extend_from_slice(line),
            }
        }
        let answers = answers.into_iter().rev().map(|(answer, body)| Answer { body: body.into(), ..answer });
        *self.answers.lock().expect("no panic") = answers.collect();
        self.asked.store(0, Ordering::SeqCst);
    }
}

#[async_trait]
impl Handler for Parrot {
    async fn handle(&self, request: Request<Bytes>) -> Reply {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        if asked > PATIENCE {
            return Reply::Close;
        }
        let answers = self.answers.lock().expect("no panic");
        let fits = |answer: &&Answer| request.uri().path().contains(&answer.path);
        let Some(Answer { status, body, .. }) = answers.iter().find(fits).cloned() else { return Reply::Close };
        let answer = Response::builder().status(status).header("content-type", "application/json").body(body);
        Reply::Send(answer.expect("a status"))
    }
}

struct World {
    runtime: tokio::runtime::Runtime,
    parrot: Arc<Parrot>,
    server: Server,
}

thread_local! {
    static WORLD: World = {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let parrot = Arc::new(Parrot::default());
        let server = {
            let _inside = runtime.enter();
            Server::start(0, ServerThread::Current, InFlight::default(), parrot.clone()).expect("a port")
        };
        World { runtime, parrot, server }
    };
}

/// Describes the account, reads, looks for and writes records; every answer is out of the input.
pub fn pipedrive(bytes: &[u8]) {
    WORLD.with(|world| {
        world.parrot.learn(bytes);
        let work = ask(world.server.url());
        let done = world.runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), work).await });
        assert!(done.is_ok(), "the connector waits for ever");
        let asked = world.parrot.asked.load(Ordering::SeqCst);
        assert!(asked <= PATIENCE, "the connector asks for ever");
    });
}

async fn ask(url: String) {
    let clock = Arc::new(ManualClock::jumping());
    let budget = Arc::new(AccountBudget::unlimited(clock.clone()));
    let crm = Pipedrive::builder(PipedriveConfig::at(url, "token"), clock.clone()).budget(budget);
    let crm = crm.build().expect("a connector");
    let described = crm.describe().await;
    let now = clock.now();
    let named = || [("name".into(), Value::text("Acme"))].into_iter().collect();
    for object in ["organization", "person", "deal", "lead", "activity", "note"] {
        let object = object.into();
        if let Some(reader) = crm.reader() {
            let _ = reader.fetch(&object, &["1".into(), "2".into()]).await;
            let _ = reader.find(&object, &[Probe { fields: named(), sent_after: now }]).await;
            let _ = reader.scan(&PageRequest::first(object.clone(), 10)).await;
        }
        let operations = vec![Operation { kind: OperationKind::Create, fields: named() }];
        let send_before = now + crmkit_core::chrono::TimeDelta::days(1);
        let _ = crm.write(&WriteBatch { object, operations, send_before }).await;
    }
    drop(described);
}
