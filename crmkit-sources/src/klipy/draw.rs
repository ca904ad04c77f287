//! Drawing everything over the interface: lists page by page, then the companies that they name, in steps that are kept.

use std::{collections::HashSet, future::Future, time::Duration};

use crmkit_core::{Clock, Error, ErrorKind, Result, Retry, chrono::TimeDelta};
use futures::{StreamExt as _, stream};
use indexmap::IndexMap;
use serde_json::Value as Json;

use super::{
    client::Client,
    store::{Entry, FORMAT, Store, VERSION},
    wire,
};
use crate::allegory::off_executor;

/// The lists, in the order in which they are drawn.
pub(super) const LISTS: [&str; 2] = ["people", "interactions"];

/// Companies asked for at once. The minute's calls, not the waiting, are what bounds them.
const AT_ONCE: usize = 4;

/// Tries of a read that failed on the way.
const TRIES: u32 = 5;
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What was drawn so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Drawn {
    pub(super) team: Option<String>,
    pub(super) lists: IndexMap<String, List>,
    /// Companies by id, those that are gone among them.
    pub(super) companies: IndexMap<String, Option<Json>>,
    /// What the key may not read.
    pub(super) refused: Vec<String>,
    pub(super) complete: bool,
}

/// One list as far as it was drawn.
#[derive(Clone, Debug, Default)]
pub(super) struct List {
    /// Records by id, each once.
    pub(super) rows: IndexMap<String, Json>,
    /// Rows without an id.
    pub(super) nameless: u64,
    /// Rows whose id came before: the list moved while it was read.
    pub(super) repeated: u64,
    next: Option<String>,
    cursors: HashSet<String>,
    done: bool,
}

impl Drawn {
    /// Takes a step into account.
    pub(super) fn apply(&mut self, entry: Entry) {
        match entry {
            Entry::Begun { team, .. } => self.team = Some(team),
            Entry::Page { list, items, next } => {
                let list = self.lists.entry(list).or_default();
                for row in items {
                    let Some(id) = wire::id(&row) else {
                        list.nameless += 1;
                        continue;
                    };
                    if list.rows.contains_key(&id) {
                        list.repeated += 1;
                    } else {
                        list.rows.insert(id, row);
                    }
                }
                list.done = next.is_none();
                list.cursors.extend(next.clone());
                list.next = next;
            }
            Entry::Refused { list } => self.refused.push(list),
            Entry::Company { id, row } => drop(self.companies.insert(id, row)),
            Entry::Complete {} => self.complete = true,
        }
    }

    /// The rows of a list.
    pub(super) fn rows(&self, list: &str) -> impl Iterator<Item = (&str, &Json)> {
        self.lists.get(list).into_iter().flat_map(|list| list.rows.iter()).map(|(id, row)| (id.as_str(), row))
    }

    /// The companies that people and interactions name, and that nobody asked for yet.
    fn unknown_companies(&self) -> Vec<String> {
        let people = self.rows("people").filter_map(|(_, row)| wire::text(row, &["companyId"]).map(str::to_owned));
        let interactions = self.rows("interactions").flat_map(|(_, row)| wire::ids(row, "companies"));
        let mut seen = HashSet::new();
        let named = people.chain(interactions);
        named.filter(|id| !self.companies.contains_key(id) && seen.insert(id.clone())).collect()
    }
}

/// One extraction.
pub(super) struct Drawing<'a> {
    pub(super) client: &'a Client,
    pub(super) clock: &'a dyn Clock,
    pub(super) store: Option<&'a Store>,
    pub(super) drawn: &'a mut Drawn,
}

impl Drawing<'_> {
    /// Draws what is missing. What came before a failure stays, and the next call goes on behind it.
    pub(super) async fn run(&mut self) -> Result<()> {
        let team = self.patiently(|| self.client.team()).await?;
        match &self.drawn.team {
            None => self.keep(Entry::Begun { format: FORMAT.to_owned(), version: VERSION, team }).await?,
            Some(known) if *known != team => {
                let message = format!("the snapshot is of the workspace {known}, the key of {team}; name another file");
                return Err(Error::input("klipy.snapshot", message));
            }
            Some(_) => {}
        }
        for list in LISTS {
            self.list(list).await?;
        }
        self.companies().await?;
        self.keep(Entry::Complete {}).await
    }

    fn is_refused(&self, list: &str) -> bool {
        self.drawn.refused.iter().any(|refused| refused == list)
    }

    async fn list(&mut self, name: &'static str) -> Result<()> {
        loop {
            let known = self.drawn.lists.get(name);
            if known.is_some_and(|list| list.done) || self.is_refused(name) {
                return Ok(());
            }
            let cursor = known.and_then(|list| list.next.clone());
            let page = match self.patiently(|| self.client.query(name, cursor.as_deref())).await {
                // The key is good: `authenticate` took it. It lacks the scope.
                Err(error) if error.kind() == ErrorKind::Auth && error.context("status") == Some("403") => {
                    self.keep(Entry::Refused { list: name.to_owned() }).await?;
                    return Ok(());
                }
                page => page?,
            };
            if page.more == Some(true) && page.next.is_none() {
                let message = "the answer says that there is more, but not where";
                return Err(Error::new(ErrorKind::Protocol, "klipy.list", message, Retry::Never));
            }
            let seen = |next: &String| known.is_some_and(|list| list.cursors.contains(next));
            let last = page.items.is_empty() || page.more == Some(false);
            let next = page.next.filter(|next| !last && cursor.as_ref() != Some(next) && !seen(next));
            self.keep(Entry::Page { list: name.to_owned(), items: page.items, next }).await?;
        }
    }

    async fn companies(&mut self) -> Result<()> {
        let unknown = self.drawn.unknown_companies();
        if unknown.is_empty() || self.is_refused("companies") {
            return Ok(());
        }
        let (client, clock) = (self.client, self.clock);
        let asked = stream::iter(unknown)
            .map(|id| async move {
                let found = patiently(clock, || client.company(&id)).await;
                (id, found)
            })
            .buffered(AT_ONCE);
        let mut asked = std::pin::pin!(asked);
        while let Some((id, found)) = asked.next().await {
            match found {
                Ok(row) => self.keep(Entry::Company { id, row }).await?,
                Err(error) if error.kind() == ErrorKind::Auth && error.context("status") == Some("403") => {
                    return self.keep(Entry::Refused { list: "companies".to_owned() }).await;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Keeps a step: in the file first, then in memory.
    async fn keep(&mut self, entry: Entry) -> Result<()> {
        if let Some(store) = self.store {
            let (store, written) = (store.clone(), entry.clone());
            off_executor(move || store.append(&written)).await?;
        }
        self.drawn.apply(entry);
        Ok(())
    }

    async fn patiently<T, F: Future<Output = Result<T>>>(&self, ask: impl Fn() -> F) -> Result<T> {
        patiently(self.clock, ask).await
    }
}

/// Asks again after what passes by itself. Reads can be repeated; a limit was already waited for by the transport.
async fn patiently<T, F: Future<Output = Result<T>>>(clock: &dyn Clock, ask: impl Fn() -> F) -> Result<T> {
    let mut tries = 1;
    loop {
        match ask().await {
            Err(error) if tries < TRIES && error.kind() != ErrorKind::Limited => match error.retry() {
                Retry::After(wait) => {
                    let wait = wait.max(Duration::from_secs(1)).saturating_mul(1 << (tries - 1)).min(LONGEST_WAIT);
                    clock.sleep_until(clock.now() + TimeDelta::from_std(wait).unwrap_or_default()).await;
                    tries += 1;
                }
                _ => return Err(error),
            },
            answer => return answer,
        }
    }
}
