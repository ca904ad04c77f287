//! A fresh workspace: the standard objects, and the people who work there.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::call::timestamp;
use super::random::fixed_id;
use super::schema::standard;
use super::store::Store;
use super::switches::Version;
use super::workspace::Key;

/// The name of the default workspace.
pub(super) const WORKSPACE: &str = "crmkit";

/// First name, last name, e-mail as stored.
const MEMBERS: [(&str, &str, &str); 4] = [
    ("Tim", "Apple", "tim@apple.dev"),
    ("Jane", "Austen", "jane.austen@apple.dev"),
    ("Jony", "Ive", "Jony.Ive@apple.dev"),
    ("Phil", "Schiller", "phil.schiler@apple.dev"),
];

/// The token of a key, by the names of workspace and key.
pub(super) fn token_for(workspace: &str, key: &str) -> String {
    super::random::token(&format!("key {key} of {workspace}"))
}

/// A key that may do everything.
pub(super) fn administrator(workspace: &str) -> Key {
    let name = "Migration";
    Key { token: token_for(workspace, name), name: name.into(), write: true, data_model: true, upload: true }
}

/// The store of a workspace that nobody has written to yet.
pub(super) fn fresh(workspace: &str, version: Version, now: DateTime<Utc>) -> Store {
    let (mut store, now) = (Store::new(workspace), timestamp(now));
    standard(&mut store, version, &now);
    if let Some(object) = store.by_singular("workspaceMember") {
        for (place, (first, last, email)) in MEMBERS.into_iter().enumerate() {
            let system = json!({ "source": "SYSTEM", "workspaceMemberId": null, "name": "System", "context": {} });
            let row: Map<String, Value> = [
                ("id", fixed_id(&format!("member {email} of {workspace}")).into()),
                ("createdAt", now.clone().into()),
                ("updatedAt", now.clone().into()),
                ("createdBy", system.clone()),
                ("updatedBy", system),
                ("position", place.into()),
                ("name", json!({ "firstName": first, "lastName": last })),
                ("userEmail", email.into()),
                ("userId", fixed_id(&format!("user {email}")).into()),
                ("colorScheme", "System".into()),
                ("locale", "en".into()),
                ("timeZone", "system".into()),
            ]
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
            store.put_row(&object.id, row);
        }
    }
    store.settle();
    store
}
