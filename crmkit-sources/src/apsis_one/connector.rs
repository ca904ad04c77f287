//! The source: pages of profiles and of what they tell, over exports that last a day.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
    sync::{Arc, Mutex as SyncMutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use crmkit_core::{
    AccountBudget, AccountKey, Clock, CostClass, Cursor, Error, Page, PageRequest, RateBudget, Record, Result, Source,
    SourceConnector, Window as Limit, chrono::TimeDelta,
};
use futures::{StreamExt, TryStreamExt, future::BoxFuture, lock::Mutex, stream};
use serde::{Deserialize, Serialize};

use super::{
    ApsisOneBuilder, ApsisOneConfig,
    account::{
        Account, DEALS, EMAIL_EVENTS, EVENTS, FLOWS, Groups, NOTES, ORGANIZATIONS, PROFILES, SECTIONS, SEGMENTS, TAGS,
    },
    catalog::Catalog,
    client::Client,
    config::EmailEvents,
    events::{self, Place, Row, Window},
    extract::Extract,
    lists, records, wire,
};

/// The keyspace of the keys in every export.
const EXPORT_KEYSPACE: &str = "com.apsis1.keyspaces.export";

/// Reads an account of APSIS One.
///
/// Profiles come from exports, in the order of their keys; a cursor is a key, so that a walk goes on in any later export where the
/// first one is gone. Pages do not read twice the same: give the migration's builder a spool folder.
///
/// ```
/// use std::sync::Arc;
/// use crmkit_core::SystemClock;
/// use crmkit_sources::apsis_one::{ApsisOne, ApsisOneConfig};
/// let config = ApsisOneConfig::at("https://api.apsis.one", "0b5c", "secret");
/// let source = ApsisOne::builder(config, Arc::new(SystemClock)).build()?;
/// # let _ = source;
/// # Ok::<(), crmkit_core::Error>(())
/// ```
pub struct ApsisOne {
    client: Client,
    config: ApsisOneConfig,
    clock: Arc<dyn Clock>,
    /// What the account is, learnt once: a description is stable.
    account: Mutex<Option<Arc<Account>>>,
    /// The export that walks are on.
    snapshot: Mutex<Option<Arc<Snapshot>>>,
    /// The last window of the profiles' events and of the e-mail reports.
    windows: [Mutex<Option<Read>>; 2],
}

/// A window and its rows.
type Read = (Window, Arc<Vec<Row>>);

/// An export, and whom its profiles are about.
struct Snapshot {
    extract: Extract,
    groups: Groups,
    /// Objects whose walk began on it.
    walked: SyncMutex<HashSet<&'static str>>,
}

/// How old an export may be for an object's walk to begin on it: the objects of one pass share one.
const SHARED_FOR: TimeDelta = TimeDelta::minutes(5);

impl fmt::Debug for ApsisOne {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApsisOne").field("account", &self.config.instance()).finish_non_exhaustive()
    }
}

/// Where a walk over keys is.
#[derive(Serialize, Deserialize)]
struct After {
    after: String,
}

impl ApsisOne {
    /// Begins to build one.
    pub fn builder(config: ApsisOneConfig, clock: Arc<dyn Clock>) -> ApsisOneBuilder {
        ApsisOneBuilder::new(config, clock)
    }

    pub(super) fn new(client: Client, config: ApsisOneConfig, clock: Arc<dyn Clock>) -> Self {
        let (account, snapshot, windows) = Default::default();
        Self { client, config, clock, account, snapshot, windows }
    }

    async fn account(&self) -> Result<Arc<Account>> {
        let mut known = self.account.lock().await;
        if let Some(account) = &*known {
            return Ok(account.clone());
        }
        let catalog = Catalog::read(&self.client, &self.config).await?;
        let extract = Extract::take(&self.client, &catalog, &self.config.static_segments).await?;
        let account = Arc::new(Account::learn(catalog, &self.config, &extract));
        let groups = account.groups(&self.config, &extract);
        *self.snapshot.lock().await = Some(Arc::new(Snapshot { extract, groups, walked: SyncMutex::default() }));
        Ok(known.insert(account).clone())
    }

    /// The export that a walk over `object` is on: a walk that begins gets one that no earlier walk over the object began on.
    async fn snapshot(&self, account: &Account, object: &'static str, begins: bool) -> Result<Arc<Snapshot>> {
        let mut current = self.snapshot.lock().await;
        if let Some(snapshot) = &*current {
            let young = self.client.now() - snapshot.extract.taken < SHARED_FOR;
            let mut walked = snapshot.walked.lock().unwrap_or_else(PoisonError::into_inner);
            if !begins || young && walked.insert(object) {
                return Ok(snapshot.clone());
            }
        }
        let extract = Extract::take(&self.client, &account.catalog, &self.config.static_segments).await?;
        let groups = account.groups(&self.config, &extract);
        let snapshot = Snapshot { extract, groups, walked: SyncMutex::new([object].into()) };
        Ok(current.insert(Arc::new(snapshot)).clone())
    }

    async fn profiles(&self, account: &Account, request: &PageRequest) -> Result<Page<Record>> {
        let after = after(request)?;
        let snapshot = self.snapshot(account, PROFILES, after.is_none()).await?;
        let extract = &snapshot.extract;
        let (keys, next) = cut(extract.keys_after(after.as_deref()), request.limit);
        let pace = AccountBudget::new(
            vec![Limit::rolling(self.config.limits.profile_per_second, Duration::from_secs(1))],
            self.clock.clone(),
        );
        let pace = &pace;
        let mut reads: Vec<BoxFuture<'_, Result<Option<Record>>>> = Vec::with_capacity(keys.len());
        for key in keys {
            reads.push(Box::pin(async move {
                let Ok(profile) = extract.profile(key) else { return Ok(None) };
                let given = self.consents(account, pace, key, &profile).await?;
                Ok(Some(records::person(account, &self.config, extract, key, &profile, &given)))
            }));
        }
        let read: Vec<Option<Record>> = stream::iter(reads).buffered(self.config.parallel).try_collect().await?;
        Ok(page(read, next))
    }

    /// The consents of a profile, section by section: one profile is not asked about more often than the vendor allows.
    async fn consents(
        &self,
        account: &Account,
        pace: &AccountBudget,
        key: &str,
        profile: &wire::Profile,
    ) -> Result<Vec<(String, wire::Consent)>> {
        let mut given = Vec::new();
        if !self.config.consents || !records::Addresses::of(account, &self.config, profile).any() {
            return Ok(given);
        }
        let (whose, class) = (AccountKey::of("profile", key), CostClass::from("profile"));
        for section in &account.catalog.sections {
            if !self.config.unlimited {
                let wait = pace.reserve(&whose, &class, 1, Duration::from_secs(3600)).await?;
                if !wait.is_zero() {
                    self.client.wait(wait).await;
                }
            }
            let found = self.client.consents(EXPORT_KEYSPACE, key, &section.discriminator).await?;
            given.extend(found.into_iter().map(|consent| (section.discriminator.clone(), consent)));
        }
        Ok(given)
    }

    /// Companies or deals that profiles tell about.
    async fn grouped(&self, account: &Account, object: &'static str, request: &PageRequest) -> Result<Page<Record>> {
        let after = after(request)?;
        let snapshot = self.snapshot(account, object, after.is_none()).await?;
        let groups: &BTreeMap<String, Vec<String>> = match object {
            ORGANIZATIONS => &snapshot.groups.organizations,
            _ => &snapshot.groups.deals,
        };
        use std::ops::Bound::{Excluded, Unbounded};
        let from = after.as_deref().map_or(Unbounded, Excluded);
        let (ids, next) = cut(groups.range::<str, _>((from, Unbounded)).map(|(id, _)| id.as_str()), request.limit);
        let make = match object {
            ORGANIZATIONS => records::organization,
            _ => records::deal,
        };
        let items = ids.into_iter().map(|id| Some(make(account, &self.config, &snapshot.extract, id, &groups[id])));
        Ok(page(items.collect(), next))
    }

    /// A window's rows of one object, and the place after them.
    async fn history(&self, account: &Account, object: &'static str, request: &PageRequest) -> Result<Page<Record>> {
        let place = match &request.cursor {
            Some(cursor) => Place::parse(cursor).ok_or_else(bad_cursor)?,
            None => Place::first(self.client.now()),
        };
        let Some(window) = place.window(&self.config.events) else { return Ok(Page::of(Vec::new(), None)) };
        let emails = object == EMAIL_EVENTS;
        let mut known = self.windows[usize::from(emails)].lock().await;
        let rows = match &*known {
            Some((of, rows)) if *of == window => rows.clone(),
            _ => {
                let rows = if emails {
                    let snapshot = self.snapshot(account, EMAIL_EVENTS, request.cursor.is_none()).await?;
                    events::of_emails(&self.client, &self.config, &snapshot.groups, window).await?
                } else {
                    events::of_profiles(&self.client, account, window).await?
                };
                known.insert((window, Arc::new(rows))).1.clone()
            }
        };
        drop(known);
        let rows: Vec<Row> = rows.iter().filter(|row| row.object == object).cloned().collect();
        let (rows, next) = place.page(&rows, request.limit);
        let mut page = Page::of(Vec::new(), next.window(&self.config.events).map(|_| next.cursor()));
        page.rows = rows.len() as u64;
        for row in rows {
            match &row.outcome {
                Ok(record) => page.items.push(record.clone()),
                Err(reject) => page.rejects.push(reject.clone()),
            }
        }
        Ok(page)
    }

    async fn list(&self, account: &Account, object: &'static str, request: &PageRequest) -> Result<Page<Record>> {
        let after = after(request)?;
        let ids = lists::ids(account, &self.config, object);
        let rest = ids.iter().map(String::as_str).filter(|id| after.as_deref().is_none_or(|after| *id > after));
        let (ids, next) = cut(rest, request.limit);
        let mut items = Vec::new();
        for id in ids {
            items.extend(lists::record(&self.client, account, &self.config, object, id).await?);
        }
        Ok(Page::of(items, next))
    }
}

/// As many as wanted, and the cursor after them where there are more.
fn cut<'a>(all: impl Iterator<Item = &'a str>, limit: usize) -> (Vec<&'a str>, Option<Cursor>) {
    let mut some: Vec<&str> = all.take(limit.saturating_add(1)).collect();
    if some.len() <= limit {
        return (some, None);
    }
    some.truncate(limit);
    let next = some.last().map(|after| {
        let after = After { after: (*after).to_owned() };
        Cursor(serde_json::to_string(&after).expect("a key is serialisable"))
    });
    (some, next)
}

fn after(request: &PageRequest) -> Result<Option<String>> {
    let Some(cursor) = &request.cursor else { return Ok(None) };
    let after: After = serde_json::from_str(&cursor.0).map_err(|_| bad_cursor())?;
    Ok(Some(after.after))
}

fn bad_cursor() -> Error {
    Error::input("apsis_one.read", "the cursor is not one of this source")
}

fn page(read: Vec<Option<Record>>, next: Option<Cursor>) -> Page<Record> {
    let rows = read.len();
    let items: Vec<Record> = read.into_iter().flatten().collect();
    let mut page = Page::of(items, next);
    page.rows = rows as u64;
    page.rejects = (page.items.len()..rows).map(|_| records::unreadable()).collect();
    page
}

#[async_trait]
impl SourceConnector for ApsisOne {
    async fn describe(&self) -> Result<Source> {
        Ok(self.account().await?.describe(&self.config))
    }

    async fn read(&self, request: &PageRequest) -> Result<Page<Record>> {
        let account = self.account().await?;
        let account = &*account;
        let has = |columns: &super::columns::Columns| !columns.0.is_empty();
        match request.object.as_str() {
            PROFILES => self.profiles(account, request).await,
            ORGANIZATIONS if has(&account.columns.organization) => self.grouped(account, ORGANIZATIONS, request).await,
            DEALS if has(&account.columns.deal) => self.grouped(account, DEALS, request).await,
            EMAIL_EVENTS if self.config.events.email == EmailEvents::Reports => {
                self.history(account, EMAIL_EVENTS, request).await
            }
            EVENTS => self.history(account, EVENTS, request).await,
            NOTES => self.history(account, NOTES, request).await,
            TAGS => self.list(account, TAGS, request).await,
            SEGMENTS => self.list(account, SEGMENTS, request).await,
            SECTIONS => self.list(account, SECTIONS, request).await,
            FLOWS => self.list(account, FLOWS, request).await,
            _ => {
                let message = "the account has no such object";
                Err(Error::input("apsis_one.read", message).with_context("object", &request.object))
            }
        }
    }
}
