//! The mock's store as a document, for tests in which the process dies and the CRM does not.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use serde::{Deserialize, Serialize};

use super::{Kept, MockDestination, World};
use crate::{Abilities, Clock, ExistingItem, FieldName, ObjectName, Schema, User};

/// What the other side keeps, whatever becomes of us.
#[derive(Serialize, Deserialize)]
struct Saved {
    schema: Schema,
    abilities: indexmap::IndexMap<ObjectName, Abilities>,
    users: Vec<User>,
    items: Vec<ExistingItem>,
    records: Vec<((ObjectName, u64), Kept)>,
    next: u64,
    log: Vec<String>,
    later: BTreeMap<ObjectName, BTreeSet<FieldName>>,
    stamps: BTreeMap<ObjectName, FieldName>,
}

impl MockDestination {
    /// The store as a document. Scripts, faults and requests on their way are not in it.
    pub fn save(&self) -> String {
        let world = self.world();
        let saved = Saved {
            schema: world.schema.clone(),
            abilities: world.abilities.clone(),
            users: world.users.clone(),
            items: world.items.clone(),
            records: world.records.iter().map(|(key, kept)| (key.clone(), kept.clone())).collect(),
            next: world.next,
            log: world.log.clone(),
            later: world.later.clone(),
            stamps: world.stamps.clone(),
        };
        serde_json::to_string(&saved).expect("a store is serialisable")
    }

    /// A destination with the store that [`save`](Self::save) gave.
    ///
    /// # Panics
    /// Where the document is something else.
    pub fn load(clock: Arc<dyn Clock>, saved: &str) -> Self {
        let saved: Saved = serde_json::from_str(saved).expect("a saved store");
        let world = World {
            schema: saved.schema,
            abilities: saved.abilities,
            users: saved.users,
            items: saved.items,
            records: saved.records.into_iter().collect(),
            next: saved.next,
            log: saved.log,
            later: saved.later,
            stamps: saved.stamps,
            ..World::default()
        };
        Self { world: Arc::new(Mutex::new(world)), clock }
    }
}
