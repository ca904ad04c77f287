//! Runs that have to stop in the middle, or wait until tomorrow, and go on as if nothing had been.

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use crmkit_core::{
    Clock, Credentials, Error, ErrorKind, Result, Retry,
    chrono::{DateTime, TimeDelta, Utc},
    secrecy::SecretString,
    simulator::{Effect, Fault},
};
use crmkit_pipedrive::simulator::{Switches, Tier};
use serde_json::json;

use crate::world::{CREATES, World, source};

/// A host's token, and something that happens when it was shown so often.
struct After<F> {
    token: String,
    shown: AtomicUsize,
    at: usize,
    happens: F,
}

impl<F> std::fmt::Debug for After<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("After")
    }
}

#[async_trait]
impl<F: Fn() + Send + Sync + 'static> Credentials for After<F> {
    async fn token(&self) -> Result<SecretString> {
        if self.shown.fetch_add(1, Ordering::SeqCst) + 1 == self.at {
            (self.happens)();
        }
        Ok(SecretString::from(self.token.clone()))
    }

    async fn refresh(&self, _refused: &SecretString) -> Result<SecretString> {
        let message = "the token was refused; give a valid token and go on";
        Err(Error::new(ErrorKind::Auth, "host.refresh", message, Retry::Never))
    }
}

/// How many requests a whole undisturbed run makes.
async fn requests_of_a_run(world: &World) -> usize {
    let migration = world.process();
    let approval = world.admitted(&migration).await;
    let before = world.simulator.requests().len();
    world.run(&migration, &approval).await;
    world.simulator.requests().len() - before
}

#[tokio::test]
async fn an_expired_token_stops_the_run_and_a_new_one_goes_on() {
    let requests = requests_of_a_run(&World::new().await).await;
    for at in (1..requests).step_by(3) {
        let mut world = World::new().await;
        world.page_size = 2;
        let approval = world.admitted(&world.process()).await;
        let world = Arc::new(world);
        let (new, expires) = (Arc::new(std::sync::OnceLock::new()), world.clone());
        let (told, token) = (new.clone(), world.simulator.token().to_owned());
        let happens = move || drop(told.set(expires.simulator.replace_token().unwrap()));
        let before = world.answered(401);
        let migration = world.process_with(Arc::new(After { token, shown: AtomicUsize::new(0), at, happens }));
        let error = migration.run(&approval).await.expect_err("the token is refused");
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Auth, Retry::Never), "{at}: {error}");
        assert!(error.to_string().contains("give a valid token and go on"), "{at}: {error}");
        assert!(!format!("{error:?}").contains(world.simulator.token()), "{at}: {error:?}");
        let refused = world.answered(401) - before;
        assert!(refused <= 4 * 2, "{at}: {refused} requests with a token that was refused: those under way");

        let token = new.get().expect("it was replaced").clone();
        let migration = world.process_with(Arc::new(crmkit_core::FixedToken::new(token)));
        world.run(&migration, &approval).await;
        world.assert_exactly(&migration, 3).await;
    }
}

/// A run during which others spend the day's tokens, and the moment at which they did.
async fn spent_day(switches: fn(&mut Switches), reset_hour: Option<u32>) -> (World, DateTime<Utc>) {
    let mut set = Switches::default();
    switches(&mut set);
    let mut world = World::on(|simulator| simulator.limits(true).tier(Tier::Ultimate).seats(35).switches(set)).await;
    world.config = match reset_hour {
        Some(_) => |config| config.reset_hour = Some(0),
        None => |config| config.reset_hour = None,
    };
    world.source = Arc::new(source(12, |n| format!("Secret note {n}")));
    let approval = world.admitted(&world.process()).await;
    let world = Arc::new(world);
    let (others, moment) = (world.clone(), Arc::new(std::sync::OnceLock::new()));
    let told = moment.clone();
    let happens = move || {
        others.simulator.spend_tokens(u64::MAX);
        told.set(others.clock.now()).unwrap();
    };
    let token = world.simulator.token().to_owned();
    let credentials = Arc::new(After { token, shown: AtomicUsize::new(0), at: 32, happens });
    let migration = world.process_with(credentials.clone());
    world.run(&migration, &approval).await;
    world.assert_exactly(&migration, 12).await;
    drop((migration, credentials));
    let moment = *moment.get().expect("the day was spent");
    (Arc::into_inner(world).expect("nobody else has it"), moment)
}

fn midnight(moment: DateTime<Utc>) -> DateTime<Utc> {
    (moment + TimeDelta::days(1)).date_naive().and_time(Default::default()).and_utc()
}

#[tokio::test]
async fn a_spent_day_is_slept_through_until_its_reset() {
    let (world, spent) = spent_day(|_| (), Some(0)).await;
    let log = world.simulator.requests();
    let reset = midnight(spent);
    assert!(world.clock.now() >= reset);
    let asked = log.iter().filter(|request| request.time > spent + TimeDelta::seconds(60) && request.time < reset);
    assert_eq!(asked.count(), 0, "nobody asks before the reset");
    let refused = world.answered(429);
    assert!((1..=16).contains(&refused), "{refused} requests were under way");
    let next = log.iter().find(|request| request.time >= reset).expect("it goes on");
    assert!(next.time < reset + TimeDelta::minutes(5), "soon after the reset: {}", next.time);
}

/// What the account does not tell is probed, not hammered at.
#[tokio::test]
async fn a_spent_day_without_words_is_probed() {
    let silences: [fn(&mut Switches); 3] = [
        |_| (),
        |switches| switches.daily_headers = false,
        |switches| (switches.daily_headers, switches.retry_after) = (false, false),
    ];
    for (at, switches) in silences.into_iter().enumerate() {
        let (world, spent) = spent_day(switches, None).await;
        assert!(world.clock.now() >= midnight(spent), "silence {at}");
        let hours = (midnight(spent) - spent).num_hours() + 1;
        let refused = i64::try_from(world.answered(429)).unwrap();
        // A probe an hour where the account says how long, one in five minutes where it says nothing.
        let probes = if at == 2 { 13 * hours } else { hours };
        assert!(refused <= 16 + probes, "silence {at}: {refused} refusals in {hours} hours");
        assert_eq!(world.answered(403), 0, "silence {at}: never against the wall");
    }
}

/// Runs until a fault has fired, then stops the process where it is.
async fn killed(world: &World, run: impl Future) {
    let mut run = pin!(run);
    let patience = std::time::Instant::now() + Duration::from_secs(60);
    while !world.simulator.verify().is_empty() {
        assert!(std::time::Instant::now() < patience, "the fault never fired");
        tokio::select! {
            _ = &mut run => panic!("the run ended"),
            () = tokio::time::sleep(Duration::from_millis(1)) => {}
        }
    }
}

/// A process dies while it waits for an answer, at each kind of create: also between an organization and its relation.
#[tokio::test]
async fn a_killed_process_leaves_nothing_half() {
    for (path, table) in CREATES {
        for effect in [Effect::Hang, Effect::Hang.after_apply()] {
            let world = World::new().await;
            let migration = world.process();
            let approval = world.admitted(&migration).await;
            world.simulator.fault(Fault::on("POST", path, effect.clone()).nth(2));
            killed(&world, migration.run(&approval)).await;
            drop(migration);
            let migration = world.process();
            let report = world.run(&migration, &approval).await;
            assert_eq!(report.uncertain.held, 0, "{table} {effect:?}");
            world.assert_exactly(&migration, 3).await;
            world.take_back(&migration).await;
            assert!(CREATES.iter().all(|(_, table)| world.live(table).is_empty()), "{table} {effect:?}");
        }
    }
}

/// What somebody threw away before it was looked for is found in the trash: held for a person, not made again.
#[tokio::test]
async fn a_deal_in_the_trash_is_found_and_not_doubled() {
    let world = World::new().await;
    let migration = world.process();
    let approval = world.admitted(&migration).await;
    let made = world.simulator.rows("deals").len();
    world.simulator.fault(Fault::on("POST", "/api/v2/deals", Effect::Hang.after_apply()));
    killed(&world, migration.run(&approval)).await;
    drop(migration);
    let deal = world.simulator.rows("deals")[made].clone();
    let now = world.clock.now().format("%Y-%m-%dT%H:%M:%SZ").to_string();
    world.simulator.put("deals", json!({"id": deal["id"], "is_deleted": true, "update_time": now})).unwrap();
    let mut report = world.process().run(&approval).await.unwrap();
    assert_eq!(report.uncertain.held, 1, "{report:#?}");
    let held = report.held.remove(0);
    assert_eq!((held.mapping.as_str(), held.records), ("deals", 1));
    let title = &deal["title"];
    assert_eq!(world.simulator.rows("deals").iter().skip(made).filter(|row| row["title"] == *title).count(), 1);
}

/// Our own later writes move the time of change of what they hang on; that is nobody's edit. A name is.
#[tokio::test]
async fn what_our_own_writes_move_is_no_drift() {
    for touches in [true, false] {
        let world = World::new().await;
        let mut switches = Switches::default();
        switches.writes_touch_parents = touches;
        world.simulator.set_switches(switches).unwrap();
        let migration = world.process();
        let approval = world.admitted(&migration).await;
        // Notes are written long after their organization.
        world.simulator.fault(Fault::on("POST", "/api/v1/notes", Effect::CloseBeforeApply));
        world.run(&migration, &approval).await;
        let moved = world.live("organizations").iter().filter(|row| row["update_time"] != row["add_time"]).count();
        assert_eq!(moved > 0, touches, "the simulator does as it was told");
        let edited = world.live("organizations").pop().unwrap();
        world.simulator.put("organizations", json!({"id": edited["id"], "name": "Secret new name"})).unwrap();
        let preview = migration.preview_rollback().await.unwrap();
        let own: Vec<_> = preview.kept.iter().filter(|kept| kept.because_of.is_none()).collect();
        assert_eq!(own.len(), 1, "{preview:#?}");
        assert_eq!(own[0].record.id.as_str(), edited["id"].to_string());
        world.simulator.put("organizations", json!({"id": edited["id"], "name": edited["name"]})).unwrap();
        world.take_back(&migration).await;
        assert!(CREATES.iter().all(|(_, table)| world.live(table).is_empty()));
    }
}
