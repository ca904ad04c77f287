//! All accounts of a simulator, each with its tokens, jobs, limits and faults.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use crmkit_core::Clock;
use crmkit_core::simulator::{FaultScript, SteeredClock, Traffic};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::account::Account;
use super::limits::{Class, Limits};
use super::seed;

/// Everything one simulator knows.
#[derive(Debug)]
pub(super) struct State {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) steered: Option<SteeredClock>,
    pub(super) traffic: Traffic,
    pub(super) faults: FaultScript,
    /// Limits are kept.
    pub(super) limited: bool,
    companies: Mutex<Vec<Arc<Company>>>,
    unmodelled: Mutex<BTreeSet<String>>,
}

/// One account, and what of it no dump holds.
#[derive(Debug)]
pub(super) struct Company {
    account: Mutex<Account>,
    pub(super) faults: FaultScript,
    live: Mutex<Live>,
}

#[derive(Debug, Default)]
pub(super) struct Live {
    pub(super) limits: Limits,
    /// When each token ends.
    tokens: HashMap<String, DateTime<Utc>>,
    jobs: BTreeMap<u64, Job>,
    counter: u64,
}

/// An export on its way.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// How often it answers that it is not ready.
    pub(super) polls_left: u32,
    pub(super) created: DateTime<Utc>,
    pub(super) body: Vec<u8>,
    pub(super) content_type: &'static str,
}

impl Job {
    /// Files are there for a day.
    pub(super) fn is_gone(&self, now: DateTime<Utc>) -> bool {
        now - self.created >= TimeDelta::days(1)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Company {
    pub(super) fn new(account: Account) -> Self {
        Self { account: Mutex::new(account), faults: FaultScript::default(), live: Mutex::default() }
    }

    pub(super) fn account(&self) -> MutexGuard<'_, Account> {
        lock(&self.account)
    }

    pub(super) fn live(&self) -> MutexGuard<'_, Live> {
        lock(&self.live)
    }

    /// A token of `client`, as a JWT: its signature convinces nobody but this simulator, which remembers it.
    pub(super) fn issue(&self, client: &str, now: DateTime<Utc>) -> (String, i64) {
        let seconds = self.account().switches.token_seconds;
        let mut live = self.live();
        live.counter += 1;
        let until = now + TimeDelta::seconds(seconds);
        let claims =
            json!({ "iss": "apsis-one-simulator", "sub": client, "jti": live.counter, "exp": until.timestamp() });
        let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
        let unsigned = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let token = format!("{unsigned}.{}", URL_SAFE_NO_PAD.encode(Sha256::digest(&unsigned)));
        // A claim has whole seconds.
        live.tokens.insert(token.clone(), DateTime::from_timestamp(until.timestamp(), 0).unwrap_or(until));
        (token, seconds)
    }

    /// Whether the account issued this token, good or expired.
    pub(super) fn issued(&self, token: &str) -> Option<DateTime<Utc>> {
        self.live().tokens.get(token).copied()
    }
}

impl Live {
    pub(super) fn add_job(&mut self, job: Job) -> u64 {
        self.counter += 1;
        self.jobs.insert(self.counter, job);
        self.counter
    }

    pub(super) fn job(&mut self, id: u64) -> Option<&mut Job> {
        self.jobs.get_mut(&id)
    }

    pub(super) fn revoke_tokens(&mut self) {
        self.tokens.clear();
    }
}

impl State {
    pub(super) fn new(clock: Arc<dyn Clock>, steered: Option<SteeredClock>, traffic: Traffic, limited: bool) -> Self {
        Self {
            clock,
            steered,
            traffic,
            faults: FaultScript::default(),
            limited,
            companies: Mutex::default(),
            unmodelled: Mutex::default(),
        }
    }

    pub(super) fn companies(&self) -> Vec<Arc<Company>> {
        lock(&self.companies).clone()
    }

    pub(super) fn by_token(&self, token: &str) -> Option<Arc<Company>> {
        self.companies().into_iter().find(|company| company.issued(token).is_some())
    }

    pub(super) fn by_client(&self, id: &str) -> Option<Arc<Company>> {
        let has = |company: &Arc<Company>| company.account().clients.iter().any(|client| client.client_id == id);
        self.companies().into_iter().find(has)
    }

    pub(super) fn by_name(&self, name: &str) -> Option<Arc<Company>> {
        self.companies().into_iter().find(|company| company.account().name == name)
    }

    pub(super) fn open(&self, account: Account) {
        lock(&self.companies).push(Arc::new(Company::new(account)));
    }

    pub(super) fn admit(&self, company: &Company, class: &Class) -> Result<(), TimeDelta> {
        if !self.limited {
            return Ok(());
        }
        company.live().limits.admit(class, self.clock.now())
    }

    pub(super) fn note_unmodelled(&self, what: &str) {
        lock(&self.unmodelled).insert(what.to_owned());
    }

    pub(super) fn unmodelled(&self) -> BTreeSet<String> {
        lock(&self.unmodelled).clone()
    }

    pub(super) fn dump(&self) -> Value {
        let accounts: Vec<Value> = self.companies().iter().map(|company| json!(*company.account())).collect();
        json!({ "accounts": accounts })
    }

    /// Replaces everything: a dump of all, or one account.
    pub(super) fn load(&self, dump: Value) -> Result<(), String> {
        let accounts = match dump.get("accounts") {
            Some(accounts) => accounts.clone(),
            None => json!([dump]),
        };
        let mut accounts: Vec<Account> = serde_json::from_value(accounts).map_err(|error| error.to_string())?;
        accounts.iter_mut().for_each(seed::complete);
        *lock(&self.companies) = accounts.into_iter().map(|account| Arc::new(Company::new(account))).collect();
        Ok(())
    }

    pub(super) fn reset(&self) {
        lock(&self.unmodelled).clear();
        self.faults.clear();
        self.traffic.clear();
        *lock(&self.companies) = vec![Arc::new(Company::new(seed::fresh()))];
    }
}
