//! The cells: each fault on each request, by itself.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use crmkit_core::{
    Clock, Credentials, DestinationWriter, Error, ErrorKind, Result, Retry,
    chrono::TimeDelta,
    secrecy::SecretString,
    simulator::{Effect, Fault, LoggedRequest},
};
use crmkit_pipedrive::simulator::PipedriveSimulator;

use crate::{
    account::{Bench, Options, SECRETS},
    operation::{Class, Operation, operations},
    rows::{End, Row, Told, answered, cut, silent},
};

/// Plays one cell, and gives what else was asked meanwhile.
async fn play(row: &Row, operation: &Operation, bench: Bench) -> Vec<LoggedRequest> {
    let cell = format!("{} at {}", row.name, operation.name);
    let earlier = bench.simulator.requests().len();
    let creates = operation.class() == Class::Creates;
    let told = (row.end)(operation);
    // What is streamed is not sent again by the connector, and whatever comes is what was asked for.
    let end = match told.clone() {
        End::Done(waits) if operation.streams() && !waits.is_empty() => {
            End::Failed(ErrorKind::Limited, Told::After(waits[0]), 1)
        }
        End::GivenUp(kind) if operation.streams() => End::Failed(kind, Told::After(2), 1),
        _ if operation.name == "file.download" && row.good => End::Done(Vec::new()),
        end => end,
    };
    let applied = row.applied && end == told;
    let population = if creates { bench.population() } else { 0 };
    let fault = Fault::on(&operation.method, operation.path, (row.effect)(bench.clock.now())).times(row.times);
    bench.simulator.fault(fault);
    let start = bench.clock.now();
    let result = operation.perform(&bench).await;
    assert!(bench.simulator.verify().is_empty(), "{cell}: {:?}", bench.simulator.verify());
    let log = bench.simulator.requests().split_off(earlier);
    let sent: Vec<&LoggedRequest> = log.iter().filter(|request| operation.is(&request.method, &request.path)).collect();
    let spaces: Vec<TimeDelta> = sent.windows(2).map(|pair| pair[1].time - pair[0].time).collect();

    match (end, &result) {
        (End::Done(seconds), Ok(())) => {
            assert_eq!(spaces.len(), seconds.len(), "{cell}: requests");
            for (space, least) in spaces.iter().zip(&seconds) {
                let least = TimeDelta::seconds(i64::try_from(*least).unwrap());
                assert!(*space >= least && *space < least + TimeDelta::seconds(5), "{cell}: {space} for {least}");
            }
        }
        (End::Failed(kind, told, requests), Err(error)) => {
            assert_eq!((error.kind(), sent.len()), (kind, requests), "{cell}: {error}");
            assert_told(&cell, &bench, error, told);
        }
        (End::GivenUp(kind), Err(error)) => {
            assert_eq!(error.kind(), kind, "{cell}: {error}");
            assert!((3..=8).contains(&sent.len()), "{cell}: {} requests", sent.len());
            assert!(spaces.windows(2).all(|pair| pair[1] > pair[0]), "{cell}: {spaces:?}");
            assert_told(&cell, &bench, error, Told::After(10));
        }
        (end, result) => panic!("{cell}: {result:?} instead of {end:?}"),
    }
    if let Err(error) = &result {
        assert!(bench.clock.now() - start <= TimeDelta::seconds(301), "{cell}: it waited beyond patience");
        assert_actionable(&cell, &bench, error, row.says);
    }
    if creates {
        // Whatever happened, nothing was made twice, and nothing that the row does not say.
        let made = bench.population() - population;
        assert_eq!(made, usize::from(applied), "{cell}: made");
    }
    log
}

fn assert_told(cell: &str, bench: &Bench, error: &Error, told: Told) {
    match (error.retry(), told) {
        (Retry::Never, Told::Never) | (Retry::Verify, Told::Verify) => {}
        (Retry::After(wait), Told::After(seconds)) => {
            let until = error.until().map(|until| (until - bench.clock.now()).to_std().unwrap_or_default());
            let wait = until.unwrap_or(wait) + Duration::from_secs(1);
            assert!(wait >= Duration::from_secs(seconds), "{cell}: after {wait:?}");
        }
        (retry, told) => panic!("{cell}: {retry:?} instead of {told:?}: {error}"),
    }
}

/// A person reads what to do and nothing that is nobody's business.
fn assert_actionable(cell: &str, bench: &Bench, error: &Error, says: &str) {
    assert!(error.to_string().contains(says), "{cell}: {error}");
    let shown = format!("{error} {error:?}");
    for secret in SECRETS.iter().copied().chain([bench.simulator.token()]) {
        assert!(!shown.contains(secret), "{cell} shows {secret}: {shown}");
    }
    assert!(!error.message().ends_with('.') && error.message().starts_with(char::is_lowercase), "{cell}: {error}");
}

/// Plays rows against every column, a row at a time or a cell at a time, and demands that nothing was sent that is no column.
async fn play_all(rows: &[Row], whole_rows: bool) {
    let operations = operations();
    let mut logs: Vec<Vec<LoggedRequest>> = Vec::new();
    for row in rows {
        // Started one by one: what waits for a timeout must not keep others waiting.
        let mut benches = Vec::new();
        for operation in &operations {
            let bench = Bench::start(&row.options).await;
            match whole_rows {
                true => benches.push(play(row, operation, bench)),
                false => logs.push(play(row, operation, bench).await),
            }
        }
        logs.extend(futures::future::join_all(benches).await);
    }
    assert_eq!(logs.len(), rows.len() * operations.len());
    let strangers: BTreeSet<_> = logs
        .iter()
        .flatten()
        .filter(|request| !operations.iter().any(|operation| operation.is(&request.method, &request.path)))
        // Where the redirect leads: a download follows it, without the token.
        .filter(|request| !(request.path == "/api/v2/secret" && request.status == Some(401)))
        .map(|request| format!("{} {}", request.method, request.path))
        .collect();
    assert!(strangers.is_empty(), "sent, but not in the matrix: {strangers:?}");
    let unsent: Vec<_> = operations
        .iter()
        .filter(|operation| !logs.iter().flatten().any(|request| operation.is(&request.method, &request.path)))
        .collect();
    assert!(unsent.is_empty(), "in the matrix, but never sent: {unsent:?}");
}

#[tokio::test]
async fn answers_that_come_are_understood() {
    play_all(&answered(), false).await;
}

#[tokio::test]
async fn answers_that_break_off_leave_what_may_have_happened_open() {
    play_all(&cut(), false).await;
}

#[tokio::test]
async fn silence_ends_at_the_timeout_and_leaves_what_may_have_happened_open() {
    play_all(&silent(), true).await;
}

/// The prices in the connector's list are what the server takes, and nothing is sent that the server does not model.
#[tokio::test]
async fn without_a_fault_every_request_is_sent_once_and_costs_what_the_list_says() {
    for operation in operations() {
        let bench = Bench::start(&Options { limits: true, ..Options::default() }).await;
        let (earlier, spent) = (bench.simulator.requests().len(), bench.simulator.tokens_spent());
        operation.perform(&bench).await.unwrap_or_else(|error| panic!("{}: {error}", operation.name));
        assert!(bench.simulator.verify().is_empty(), "{:?}", bench.simulator.verify());
        let log = bench.simulator.requests().split_off(earlier);
        let all = operations();
        let price = |request: &LoggedRequest| {
            all.iter().find(|operation| operation.is(&request.method, &request.path)).expect("a column").cost
        };
        assert_eq!(bench.simulator.tokens_spent() - spent, log.iter().map(price).sum::<u64>(), "{}", operation.name);
        let sent = log.iter().filter(|request| operation.is(&request.method, &request.path)).count();
        assert_eq!(sent, 1, "{}", operation.name);
    }
}

#[tokio::test]
async fn a_refused_connection_sends_nothing() {
    for operation in operations() {
        let Bench { clock, simulator, crm } = Bench::start(&Options::default()).await;
        let address = simulator.url().trim_start_matches("http://").to_owned();
        let gone = Bench { clock, simulator: PipedriveSimulator::start().await.unwrap(), crm };
        drop(simulator);
        // The server's task ends soon after its handle.
        while tokio::net::TcpStream::connect(&address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let error = operation.perform(&gone).await.expect_err(operation.name);
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{}: {error}", operation.name);
        assert_told(operation.name, &gone, &error, Told::After(1));
        assert_actionable(operation.name, &gone, &error, "nothing was sent; check the network");
        assert!(error.to_string().contains(&address), "the host is named: {error}");
    }
}

/// A host with a second token, which it gives to whoever was refused the first.
#[derive(Debug)]
struct Renewing {
    first: String,
    second: String,
    /// It gives the second at once.
    renewed: AtomicBool,
}

#[async_trait]
impl Credentials for Renewing {
    async fn token(&self) -> Result<SecretString> {
        let token = if self.renewed.load(Ordering::Relaxed) { &self.second } else { &self.first };
        Ok(SecretString::from(token.clone()))
    }

    async fn refresh(&self, refused: &SecretString) -> Result<SecretString> {
        use crmkit_core::secrecy::ExposeSecret;
        assert_eq!(refused.expose_secret(), self.first);
        Ok(SecretString::from(self.second.clone()))
    }
}

#[tokio::test]
async fn a_host_that_renews_its_token_notices_nothing() {
    for operation in operations() {
        let mut bench = Bench::start(&Options::default()).await;
        let first = bench.simulator.token().to_owned();
        let second = bench.simulator.replace_token().unwrap();
        let host = Arc::new(Renewing { first, second, renewed: AtomicBool::new(false) });
        let options = Options { credentials: Some(host.clone()), ..Options::default() };
        bench.crm = crate::account::connector(&bench.simulator, &bench.clock, &options);
        bench.crm.describe().await.unwrap();
        let earlier = bench.simulator.requests().len();
        let mut result = operation.perform(&bench).await;
        if operation.streams() {
            assert!(matches!(result.as_ref().unwrap_err().retry(), Retry::After(_)), "{}", operation.name);
            host.renewed.store(true, Ordering::Relaxed);
            result = operation.perform(&bench).await;
        }
        result.unwrap_or_else(|error| panic!("{}: {error}", operation.name));
        let log = bench.simulator.requests().split_off(earlier);
        let answers: Vec<_> = log
            .iter()
            .filter(|request| operation.is(&request.method, &request.path))
            .map(|request| request.status.unwrap())
            .collect();
        assert!(answers[..] == [401, 200] || answers[..] == [401, 201], "{}: {answers:?}", operation.name);
    }
}

/// One wall, one pause: until it is over, nobody sends anything.
#[tokio::test]
async fn one_block_pauses_everybody() {
    let faults = [(Effect::Html { status: 403, body: None }, 300), (Effect::RetryAfter { value: "600".into() }, 600)];
    for (effect, seconds) in faults {
        let bench = Bench::start(&Options::default()).await;
        let earlier = bench.simulator.requests().len();
        bench.simulator.fault(Fault::on("POST", "*", effect));
        let operations = operations();
        let creates: Vec<_> = operations.iter().filter(|operation| operation.class() == Class::Creates).collect();
        let (first, others) = creates.split_first().unwrap();
        first.perform(&bench).await.unwrap_err();
        let late = futures::future::join_all(others.iter().map(|operation| operation.perform(&bench))).await;
        for error in late.into_iter().filter_map(Result::err) {
            assert_eq!(error.kind(), ErrorKind::Limited, "{error}");
            assert!(matches!(error.retry(), Retry::After(_)), "{error}");
        }
        let log = bench.simulator.requests().split_off(earlier);
        let over = log[0].time + TimeDelta::seconds(seconds);
        assert!(log[1..].iter().all(|request| request.time >= over), "{log:#?}");
        bench.clock.sleep_until(over).await;
        first.perform(&bench).await.unwrap();
    }
}
