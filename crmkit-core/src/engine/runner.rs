//! The in-process runner: a loop over `next_action` and `execute_unit` that any job queue can replace.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use chrono::{DateTime, Utc};
use futures::{FutureExt, StreamExt, channel::mpsc, future::Either, stream::FuturesUnordered};

use crate::{
    Error, Result, Select, UnitKey,
    engine::{
        Action, Core, Event, Facts, Outcome, RunState, execute_unit, next_action,
        pass::{PassRecord, pass_key},
    },
};

/// Loads what [`next_action`] decides from: bounded by open units.
pub async fn load_state(core: &Core, pass: u32) -> Result<RunState> {
    let facts = Facts(&*core.ledger);
    let record: PassRecord = facts
        .get("pass", &pass_key(pass))
        .await?
        .ok_or_else(|| Error::state("pass.load", "there is no such pass").with_context("pass", pass))?;
    let approved = match &record.gate {
        Some(gate) => facts.get::<serde_json::Value>("approval", gate).await?.is_some(),
        None => true,
    };
    Ok(RunState {
        open: facts.units(&Select::OpenUnits(pass)).await?,
        now: core.clock.now(),
        pages_in_flight: core.settings.pages_in_flight,
        pass: record,
        approved,
        paused: facts.get::<serde_json::Value>("document", PAUSED).await?.is_some(),
    })
}

/// The key under which the ledger keeps that the migration is paused.
pub(crate) const PAUSED: &str = "paused";

/// How soon to ask again about a unit that somebody else works on.
const BUSY: Duration = Duration::from_secs(1);

/// Runs a pass until nothing is left to do without a person, and says what that is: `Finished`, or what it waits for.
///
/// # Errors
/// The first error of a unit, after the units under way came to their end.
pub async fn run_pass(core: &Core, pass: u32) -> Result<Action> {
    let mut opened = core.events.listen();
    let mut under_way = FuturesUnordered::new();
    let mut keys: HashSet<UnitKey> = HashSet::new();
    let mut failed: Option<Error> = None;
    // Units that others work on, and when to ask again.
    let mut busy: HashMap<UnitKey, DateTime<Utc>> = HashMap::new();
    loop {
        let state = load_state(core, pass).await?;
        busy.retain(|_, again| *again > state.now);
        let action = next_action(&state);
        let room = core.settings.pages_in_flight.saturating_sub(keys.len());
        let fresh: Vec<UnitKey> = match &action {
            Action::Run { units } if failed.is_none() => {
                let free = units.iter().filter(|unit| !keys.contains(*unit) && !busy.contains_key(*unit));
                free.take(room).cloned().collect()
            }
            _ => Vec::new(),
        };
        for unit in fresh {
            keys.insert(unit.clone());
            under_way.push(async move { (execute_unit(core, &unit).await, unit) }.boxed());
        }
        if under_way.is_empty() {
            if let Some(error) = failed {
                return Err(error);
            }
            match action {
                Action::SleepUntil { until } => core.clock.sleep_until(until).await,
                Action::Run { .. } => {
                    if let Some(again) = busy.values().min() {
                        core.clock.sleep_until(*again).await;
                    }
                }
                settled => return Ok(settled),
            }
            continue;
        }
        // Whatever comes first: a unit's end, or a new unit that can run beside it.
        let (result, unit) = loop {
            match futures::future::select(under_way.next(), next_opened(&mut opened).boxed()).await {
                Either::Left((Some(ended), _)) => break ended,
                Either::Left((None, _)) => unreachable!("something is under way"),
                Either::Right(((), _)) if keys.len() < core.settings.pages_in_flight && failed.is_none() => {
                    break (Ok(Outcome::Done), UnitKey::control(&core.migration));
                }
                Either::Right(((), _)) => {}
            }
        };
        keys.remove(&unit);
        match result {
            // Most are done long before their lease ends.
            Ok(Outcome::Busy { until }) => drop(busy.insert(unit, until.min(core.clock.now() + BUSY))),
            Ok(_) => {}
            Err(error) => {
                failed.get_or_insert(error);
            }
        }
    }
}

async fn next_opened(events: &mut mpsc::UnboundedReceiver<Event>) {
    while let Some(event) = events.next().await {
        if matches!(event, Event::UnitOpened { .. }) {
            return;
        }
    }
    futures::future::pending().await
}
