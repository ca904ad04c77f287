//! One workspace: its keys, what is stored in it, and how much of its minute is spent.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use crmkit_core::simulator::{FaultScript, RollingWindow};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::switches::Switches;

/// The tables that the interface knows.
pub(super) const TABLES: [&str; 3] = ["people", "companies", "interactions"];

/// A key and what it may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// The key itself: `klipy_api_…`.
    pub key: String,
    /// `ALL`, `people:read`, `companies:write` …
    pub scopes: Vec<String>,
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
}

impl ApiKey {
    /// A key without an end.
    pub fn new<S: Into<String>>(key: impl Into<String>, scopes: impl IntoIterator<Item = S>) -> Self {
        Self { key: key.into(), scopes: scopes.into_iter().map(Into::into).collect(), expires_at: None }
    }

    pub(super) fn may(&self, scope: &str) -> bool {
        self.scopes.iter().any(|own| own == "ALL" || own == scope)
    }
}

/// What a workspace is, apart from its records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Profile {
    pub(super) name: String,
    pub(super) keys: Vec<ApiKey>,
    #[serde(default)]
    pub(super) switches: Switches,
}

/// A workspace.
#[derive(Debug)]
pub(super) struct Workspace {
    profile: Mutex<Profile>,
    tables: Mutex<Tables>,
    windows: Mutex<Windows>,
    pub(super) faults: FaultScript,
}

/// Calls of the last minute. The vendor's windows are of the organization, which here is the workspace.
#[derive(Debug, Default)]
struct Windows {
    keys: HashMap<String, RollingWindow>,
    organization: Option<RollingWindow>,
}

/// What is left of the narrower window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) admitted: bool,
    pub(super) limit: usize,
    pub(super) remaining: usize,
    pub(super) reset: TimeDelta,
}

impl Workspace {
    pub(super) fn new(profile: Profile, tables: Tables) -> Self {
        Self {
            profile: Mutex::new(profile),
            tables: Mutex::new(tables),
            windows: Mutex::default(),
            faults: FaultScript::default(),
        }
    }

    pub(super) fn profile(&self) -> MutexGuard<'_, Profile> {
        self.profile.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn dump(&self) -> Value {
        json!({ "profile": *self.profile(), "tables": self.tables().dump() })
    }

    /// Counts a call of a key, in both windows or in none.
    pub(super) fn admit(&self, key: &str, switches: &Switches, now: DateTime<Utc>) -> Option<Room> {
        let width = TimeDelta::minutes(1);
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let windows = &mut *windows;
        let mut both: Vec<&mut RollingWindow> = Vec::new();
        if switches.per_key > 0 {
            let own = windows.keys.entry(key.to_owned()).or_insert_with(|| RollingWindow::new(switches.per_key, width));
            if own.limit() != switches.per_key {
                *own = RollingWindow::new(switches.per_key, width);
            }
            both.push(own);
        }
        if switches.per_organization > 0 {
            let all = windows.organization.get_or_insert_with(|| RollingWindow::new(switches.per_organization, width));
            if all.limit() != switches.per_organization {
                *all = RollingWindow::new(switches.per_organization, width);
            }
            both.push(all);
        }
        let admitted = both.iter_mut().all(|window| window.remaining(now) > 0);
        if admitted {
            for window in &mut both {
                window.admit(now);
            }
        }
        let told = both.into_iter().map(|window| Room {
            admitted,
            limit: window.limit(),
            remaining: window.remaining(now),
            reset: window.reset_after(now),
        });
        told.min_by_key(|room| room.remaining)
    }
}

/// Rows by table, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Tables {
    rows: HashMap<&'static str, Vec<(u64, Value)>>,
    next: u64,
}

impl Tables {
    pub(super) fn load(dump: &Value) -> Result<Self, String> {
        let mut tables = Self::default();
        for table in TABLES {
            for row in dump[table].as_array().into_iter().flatten() {
                tables.put(table, row.clone())?;
            }
        }
        Ok(tables)
    }

    pub(super) fn dump(&self) -> Value {
        TABLES.iter().map(|table| ((*table).to_owned(), Value::Array(self.rows(table)))).collect::<Map<_, _>>().into()
    }

    pub(super) fn rows(&self, table: &str) -> Vec<Value> {
        self.numbered(table).map(|(_, row)| row.clone()).collect()
    }

    /// Rows with the number that orders them.
    pub(super) fn numbered(&self, table: &str) -> impl Iterator<Item = (u64, &Value)> {
        self.rows.get(table).into_iter().flatten().map(|(number, row)| (*number, row))
    }

    pub(super) fn find(&self, table: &str, id: &str) -> Option<&Value> {
        self.numbered(table).map(|(_, row)| row).find(|row| row["id"] == id)
    }

    /// Merges a row into the one of its id, or adds it.
    pub(super) fn put(&mut self, table: &str, row: Value) -> Result<(), String> {
        let table = TABLES.iter().find(|known| **known == table).ok_or_else(|| format!("there is no table {table}"))?;
        let Value::Object(fields) = row else { return Err("a row is an object".to_owned()) };
        let id = fields.get("id").and_then(Value::as_str).ok_or("a row has an `id`")?.to_owned();
        let rows = self.rows.entry(table).or_default();
        if let Some((_, Value::Object(known))) = rows.iter_mut().find(|(_, known)| known["id"] == id.as_str()) {
            known.extend(fields);
            return Ok(());
        }
        self.next += 1;
        rows.push((self.next, Value::Object(fields)));
        Ok(())
    }

    pub(super) fn remove(&mut self, table: &str, id: &str) -> Option<Value> {
        let rows = self.rows.iter_mut().find(|(known, _)| **known == table).map(|(_, rows)| rows)?;
        let at = rows.iter().position(|(_, row)| row["id"] == id)?;
        Some(rows.remove(at).1)
    }

    /// An id that no row has had.
    pub(super) fn fresh(&mut self, prefix: &str) -> String {
        self.next += 1;
        format!("{prefix}_{:06}", self.next)
    }
}
