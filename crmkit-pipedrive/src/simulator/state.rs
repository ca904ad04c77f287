//! All companies of one simulator with their tokens, and how they are saved and loaded.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use chrono::{DateTime, Utc};
use crmkit_core::Clock;
use crmkit_core::simulator::{DropEvery, FaultScript, Journal, SteeredClock, Traffic};
use serde_json::{Value, json};

use super::account::{Company, Profile};
use super::oauth::Grant;
use super::seed;
use super::store::Store;

/// What the server and the handle share.
#[derive(Debug)]
pub(super) struct State {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) steered: Option<SteeredClock>,
    /// The default account as it is after a reset.
    pub(super) default: Profile,
    pub(super) faults: FaultScript,
    pub(super) drop_every: DropEvery,
    pub(super) traffic: Traffic,
    unmodelled: Mutex<BTreeSet<String>>,
    companies: RwLock<Companies>,
    journal: Option<Journal>,
}

#[derive(Debug, Default)]
struct Companies {
    by_name: HashMap<String, Arc<Company>>,
    by_token: HashMap<String, (Arc<Company>, i64)>,
    /// Access tokens of OAuth, expired ones among them.
    by_access: HashMap<String, Arc<Company>>,
}

impl Companies {
    fn insert(&mut self, company: Arc<Company>) {
        let profile = company.profile();
        self.by_token.retain(|_, (known, _)| known.profile().name != profile.name);
        for (token, user) in &profile.tokens {
            self.by_token.insert(token.clone(), (company.clone(), *user));
        }
        self.by_access.retain(|_, known| known.profile().name != profile.name);
        for token in profile.grants.iter().flat_map(Grant::tokens) {
            self.by_access.insert(token.to_owned(), company.clone());
        }
        self.by_name.insert(profile.name.clone(), company);
    }
}

impl State {
    pub(super) fn new(
        clock: Arc<dyn Clock>,
        steered: Option<SteeredClock>,
        default: Profile,
        traffic: Traffic,
        drop_every: u64,
        journal: Option<Journal>,
    ) -> Self {
        Self {
            clock,
            steered,
            default,
            faults: FaultScript::default(),
            drop_every: DropEvery::new(drop_every),
            traffic,
            unmodelled: Mutex::default(),
            companies: RwLock::default(),
            journal,
        }
    }

    pub(super) fn by_token(&self, token: &str) -> Option<(Arc<Company>, i64)> {
        self.companies.read().unwrap_or_else(PoisonError::into_inner).by_token.get(token).cloned()
    }

    /// The company of an access token that has not expired, the user it acts for and its scopes.
    pub(super) fn by_access(&self, token: &str, now: DateTime<Utc>) -> Option<(Arc<Company>, i64, Vec<String>)> {
        let companies = self.companies.read().unwrap_or_else(PoisonError::into_inner);
        let company = companies.by_access.get(token)?.clone();
        let profile = company.profile();
        let grant = profile.grants.iter().find(|grant| grant.admits(token, now))?;
        Some((company, grant.user, grant.scopes.clone()))
    }

    pub(super) fn all(&self) -> Vec<Arc<Company>> {
        self.companies.read().unwrap_or_else(PoisonError::into_inner).by_name.values().cloned().collect()
    }

    /// The default company, whatever its tokens are by now.
    pub(super) fn default_company(&self) -> Option<Arc<Company>> {
        self.by_name(&self.default.name)
    }

    /// The company with this domain.
    pub(super) fn by_name(&self, name: &str) -> Option<Arc<Company>> {
        self.companies.read().unwrap_or_else(PoisonError::into_inner).by_name.get(name).cloned()
    }

    /// Puts a company in place, instead of the one of the same name.
    fn insert(&self, profile: Profile, mut store: Store) {
        if self.journal.is_some() {
            store.journal();
        }
        let company = Arc::new(Company::new(profile, store));
        self.companies.write().unwrap_or_else(PoisonError::into_inner).insert(company);
    }

    /// Opens a company with a fresh store.
    pub(super) fn open(&self, profile: Profile) -> Result<(), String> {
        let store = seed::fresh(self.clock.now());
        let entry = json!({ "company": { "profile": profile, "store": store.dump() } });
        self.insert(profile, store);
        self.record(&entry)
    }

    /// Changes a company's profile for good.
    pub(super) fn change(&self, company: &Arc<Company>, change: impl FnOnce(&mut Profile)) -> Result<(), String> {
        company.change_profile(change);
        self.companies.write().unwrap_or_else(PoisonError::into_inner).insert(company.clone());
        self.record(&json!({ "profile": *company.profile() }))
    }

    /// Forgets all companies but a fresh default one.
    pub(super) fn reset(&self) -> Result<(), String> {
        *self.companies.write().unwrap_or_else(PoisonError::into_inner) = Companies::default();
        self.insert(self.default.clone(), seed::fresh(self.clock.now()));
        self.record(&json!({ "state": self.dump() }))
    }

    pub(super) fn dump(&self) -> Value {
        let companies = self.companies.read().unwrap_or_else(PoisonError::into_inner);
        let mut companies: Vec<&Arc<Company>> = companies.by_name.values().collect();
        companies.sort_by_key(|company| company.profile().name.clone());
        json!({ "companies": companies.into_iter().map(|company| dump_of(company)).collect::<Vec<_>>() })
    }

    /// Replaces all companies by those of a dump; a dump of one store alone replaces that of the default company.
    pub(super) fn load(&self, dump: &Value) -> Result<(), String> {
        self.restore(dump)?;
        self.record(&json!({ "state": self.dump() }))
    }

    /// Replaces one company by what a dump says of it.
    pub(super) fn replace(&self, company: &Value) -> Result<(), String> {
        self.restore_company(company)?;
        self.record(&json!({ "company": company }))
    }

    fn restore(&self, dump: &Value) -> Result<(), String> {
        if dump["tables"].is_object() {
            return self.restore_company(&json!({ "profile": self.default, "store": dump }));
        }
        let companies = dump["companies"].as_array().ok_or("a dump has companies or tables")?;
        *self.companies.write().unwrap_or_else(PoisonError::into_inner) = Companies::default();
        companies.iter().try_for_each(|company| self.restore_company(company))
    }

    fn restore_company(&self, company: &Value) -> Result<(), String> {
        let profile = serde_json::from_value(company["profile"].clone()).map_err(|error| error.to_string())?;
        let mut store = seed::fresh(self.clock.now());
        store.load(&company["store"])?;
        self.insert(profile, store);
        Ok(())
    }

    /// Applies the entries of a journal.
    pub(super) fn replay(&self, entries: &[Value]) -> Result<(), String> {
        for entry in entries {
            if entry["state"].is_object() {
                self.restore(&entry["state"])?;
            } else if entry["company"].is_object() {
                self.restore_company(&entry["company"])?;
            } else if entry["profile"].is_object() {
                let profile: Profile =
                    serde_json::from_value(entry["profile"].clone()).map_err(|error| error.to_string())?;
                let company = self.by_name(&profile.name).ok_or("the journal names an unknown company")?;
                company.change_profile(|changed| *changed = profile);
                self.companies.write().unwrap_or_else(PoisonError::into_inner).insert(company);
            } else {
                let name = entry["of"].as_str().unwrap_or_default();
                let company = self.by_name(name).ok_or("the journal names an unknown company")?;
                let mut store = company.store();
                entry["changes"].as_array().into_iter().flatten().try_for_each(|change| store.replay(change))?;
            }
        }
        Ok(())
    }

    /// Writes the changes of one call to the journal, while its store is locked.
    pub(super) fn record_changes(&self, company: &str, store: &mut Store) -> Result<(), String> {
        if self.journal.is_none() {
            return Ok(());
        }
        let changes = store.take_changes();
        if changes.is_empty() { Ok(()) } else { self.record(&json!({ "of": company, "changes": changes })) }
    }

    fn record(&self, entry: &Value) -> Result<(), String> {
        match &self.journal {
            Some(journal) => journal.append(entry).map_err(|error| error.to_string()),
            None => Ok(()),
        }
    }

    /// Remembers a route that was asked for and is not modelled.
    pub(super) fn note_unmodelled(&self, method: &str, path: &str) {
        let mut unmodelled = self.unmodelled.lock().unwrap_or_else(PoisonError::into_inner);
        unmodelled.insert(format!("{method} {path}"));
    }

    pub(super) fn unmodelled(&self) -> Vec<String> {
        self.unmodelled.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    pub(super) fn forget_unmodelled(&self) {
        self.unmodelled.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// One company as a dump holds it.
pub(super) fn dump_of(company: &Company) -> Value {
    json!({ "profile": *company.profile(), "store": company.store().dump() })
}
