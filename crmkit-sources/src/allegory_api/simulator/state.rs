//! The accounts of one simulator.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::TimeDelta;
use crmkit_core::{
    Clock,
    simulator::{FaultScript, RollingWindow, SteeredClock, Traffic},
};
use serde_json::{Value, json};

use super::account::{Row, Seed, Switches};

/// Everything of one simulator.
#[derive(Debug)]
pub(super) struct State {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) steered: Option<SteeredClock>,
    pub(super) traffic: Traffic,
    pub(super) faults: FaultScript,
    limits: bool,
    companies: Mutex<Vec<Arc<Company>>>,
    unmodelled: Mutex<BTreeSet<String>>,
}

/// One account.
#[derive(Debug)]
pub(super) struct Company {
    pub(super) faults: FaultScript,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    seed: Seed,
    window: Option<RollingWindow>,
    /// Raised when the cursors given so far are forgotten.
    generation: u64,
}

/// What a page is made of.
pub(super) struct Page {
    pub(super) rows: Vec<Row>,
    pub(super) next: Option<String>,
}

impl State {
    pub(super) fn new(
        clock: Arc<dyn Clock>,
        steered: Option<SteeredClock>,
        traffic: Traffic,
        limits: bool,
        seed: Seed,
    ) -> Self {
        let companies = Mutex::new(vec![Arc::new(Company::new(seed))]);
        let faults = FaultScript::default();
        Self { clock, steered, traffic, faults, limits, companies, unmodelled: Mutex::default() }
    }

    pub(super) fn companies(&self) -> MutexGuard<'_, Vec<Arc<Company>>> {
        self.companies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn first(&self) -> Arc<Company> {
        let mut companies = self.companies();
        if companies.is_empty() {
            companies.push(Arc::new(Company::new(Seed::default())));
        }
        Arc::clone(&companies[0])
    }

    pub(super) fn by_token(&self, token: &str) -> Option<Arc<Company>> {
        self.companies().iter().find(|company| company.tokens().iter().any(|known| known == token)).cloned()
    }

    pub(super) fn note_unmodelled(&self, what: String) {
        self.unmodelled.lock().unwrap_or_else(PoisonError::into_inner).insert(what);
    }

    pub(super) fn unmodelled(&self) -> BTreeSet<String> {
        self.unmodelled.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes a place in the second, or says how long to wait for one.
    pub(super) fn admit(&self, company: &Company) -> Result<(), TimeDelta> {
        if !self.limits {
            return Ok(());
        }
        let now = self.clock.now();
        let mut held = company.held();
        let limit = held.seed.switches.per_second;
        if held.window.as_ref().is_none_or(|window| window.limit() != limit) {
            held.window = Some(RollingWindow::new(limit, TimeDelta::seconds(1)));
        }
        let Some(window) = &mut held.window else { return Ok(()) };
        if window.admit(now) { Ok(()) } else { Err(window.reset_after(now)) }
    }
}

impl Company {
    pub(super) fn new(mut seed: Seed) -> Self {
        if seed.tokens.is_empty() {
            seed.tokens.push("allegory-token".to_owned());
        }
        let held = Mutex::new(Held { seed, window: None, generation: 0 });
        Self { faults: FaultScript::default(), held }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tokens(&self) -> Vec<String> {
        self.held().seed.tokens.clone()
    }

    pub(super) fn add_token(&self, token: String) {
        self.held().seed.tokens.push(token);
    }

    pub(super) fn load(&self, seed: Seed) {
        let mut held = self.held();
        let tokens = std::mem::take(&mut held.seed.tokens);
        let known = if seed.tokens.is_empty() { tokens } else { seed.tokens.clone() };
        held.seed = Seed { tokens: known, ..seed };
        held.generation += 1;
    }

    pub(super) fn dump(&self) -> Value {
        json!(self.held().seed)
    }

    pub(super) fn switches(&self) -> Switches {
        self.held().seed.switches.clone()
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.held().seed.switches);
    }

    pub(super) fn forget_cursors(&self) {
        self.held().generation += 1;
    }

    pub(super) fn put(&self, object: &str, row: Row) {
        let mut held = self.held();
        let rows = held.seed.objects.entry(object.to_owned()).or_default();
        match rows.iter_mut().find(|known| known.get("id").is_some() && known.get("id") == row.get("id")) {
            Some(known) => *known = row,
            None => rows.push(row),
        }
    }

    pub(super) fn file(&self, id: &str) -> Option<super::account::Content> {
        self.held().seed.files.get(id).cloned()
    }

    /// The account's facts, and its objects with their fields.
    pub(super) fn schema(&self) -> Value {
        let held = self.held();
        let seed = &held.seed;
        let object = |name: &String| {
            let mut object = seed.schema.get(name).cloned().unwrap_or_else(|| json!({ "fields": {} }));
            object["count"] = seed.objects[name].len().into();
            (name.clone(), object)
        };
        json!({
            "source": "allegory",
            "instance": seed.instance,
            "timezone": seed.timezone,
            "currency": seed.currency,
            "objects": seed.objects.keys().map(object).collect::<serde_json::Map<_, _>>(),
        })
    }

    /// A page of rows; `None` where there is no such object, an error where the cursor is not known.
    pub(super) fn page(
        &self,
        object: &str,
        cursor: Option<&str>,
        limit: usize,
        since: Option<&str>,
    ) -> Option<Result<Page, ()>> {
        let held = self.held();
        let (rows, stamps) = match object {
            "deleted" => (&held.seed.deleted, ["deleted_at", "deleted_at"]),
            _ => (held.seed.objects.get(object)?, ["updated_at", "created_at"]),
        };
        let from = match cursor {
            None => 0,
            Some(cursor) => match cursor.split_once('-').map(|(age, from)| (age.parse::<u64>(), from.parse::<usize>()))
            {
                Some((Ok(age), Ok(from))) if age == held.generation => from,
                _ => return Some(Err(())),
            },
        };
        // Rows that tell no time may always have changed.
        let changed = |row: &&Row| {
            let told = stamps.iter().find_map(|stamp| row.get(*stamp)).and_then(Value::as_str);
            since.is_none() || told.is_none() || later(told, since)
        };
        let limit = limit.clamp(1, held.seed.switches.most_rows.max(1));
        let mut found = rows.iter().filter(changed).skip(from);
        let rows: Vec<Row> = found.by_ref().take(limit).cloned().collect();
        let next = found.next().map(|_| format!("{}-{}", held.generation, from + limit));
        let numbers = held.seed.switches.numbers;
        let rows = if numbers { rows.into_iter().map(with_numbers).collect() } else { rows };
        Some(Ok(Page { rows, next }))
    }
}

/// Whether a moment is not before another. What is no moment may be.
fn later(told: Option<&str>, since: Option<&str>) -> bool {
    let moment = |text: Option<&str>| chrono::DateTime::parse_from_rfc3339(text?).ok();
    match (moment(told), moment(since)) {
        (Some(told), Some(since)) => told >= since,
        _ => true,
    }
}

/// A row whose whole numbers are numbers, except in ids.
fn with_numbers(row: Row) -> Row {
    let number = |text: &str| text.parse::<i64>().ok().filter(|number| number.to_string() == text);
    let cell = |(name, cell): (String, Value)| match cell.as_str().and_then(number) {
        Some(number) if name != "id" && !name.ends_with("_id") => (name, number.into()),
        _ => (name, cell),
    };
    row.into_iter().map(cell).collect()
}
