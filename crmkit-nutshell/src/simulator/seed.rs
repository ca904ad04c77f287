//! A fresh instance: its users and what only a person can make in the vendor's own pages.

use serde_json::{Value, json};

use super::account::ApiKey;
use super::answer::Row;
use super::entity::Entity;
use super::store::{Store, object};
use super::time::Millis;

/// The domain of the default instance.
pub(super) const COMPANY: &str = "crmkit-test.example";

/// The administrator of every fresh instance.
pub(super) const ADMIN: &str = "admin@crmkit.example";

/// The rows of API keys have ids from here.
pub(super) const FIRST_KEY_USER: i64 = 9000;

const AGENTS: &str = "Anna Snelling;Cecily Lampkin;Versie Hillebrand;Lajuana Vencill;Moses Frase;Jonathan Berthelot;\
Marty Freudenburg;Gladys Colclough;Niesha Huffines;Darcel Schlecht;Mei-Mei Johns;Violet Mclelland;Corliss Cosme;\
Rosie Papadopoulos;Garret Kinder;Wilburn Farren;Elizabeth Anderson;Daniell Hammack;Cassey Cress;Donn Cantrell;\
Reed Clapper;Boris Faz;Natalya Ivanova;Vicki Laflamme;Rosalina Dieter;Hayden Neloms;Markita Hansen;Elease Gluck;\
Carol Thompson;James Ascencio;Kary Hendrixson;Kami Bicknell;Zane Levy;Maureen Marcano;Carl Lin";

/// The first store of an instance.
pub(super) fn fresh(now: Millis, keys: &[ApiKey]) -> Store {
    let mut store = Store::new();
    let mut add = |entity: Entity, rows: Value| {
        for (row, id) in rows.as_array().into_iter().flatten().zip(entity.first_id()..) {
            let mut full = object(json!({
                "id": id, "rev": 1, "createdTime": now, "modifiedTime": now, "deletedTime": null,
            }));
            full.extend(object(row.clone()));
            store.put(entity, full);
        }
    };
    let agents = AGENTS.split(';').map(|name| {
        let email = format!("{}@maven.example", name.to_lowercase().replace(' ', "."));
        Value::Object(user(name, &email, false))
    });
    add(Entity::Users, std::iter::once(Value::Object(user("Importing User", ADMIN, true))).chain(agents).collect());
    add(Entity::Teams, json!([{"name": "Sales team", "members": [1, 2, 3]}]));
    add(
        Entity::Markets,
        json!([
            {"name": "United States", "currency": "USD", "currencySymbol": "$", "isDefault": true},
            {"name": "Europe", "currency": "EUR", "currencySymbol": "€", "isDefault": false},
        ]),
    );
    add(
        Entity::Stagesets,
        json!([
            {"name": "Sales", "default": true, "position": 1, "status": 1},
            {"name": "Renewals", "default": false, "position": 2, "status": 1},
        ]),
    );
    let stage = |name: &str, stageset: i64, position: i64| json!({"name": name, "stagesetId": stageset, "position": position, "description": null});
    add(
        Entity::Milestones,
        json!([
            stage("Qualify", 1, 1),
            stage("Meet", 1, 2),
            stage("Propose", 1, 3),
            stage("Negotiate", 1, 4),
            stage("Remind", 2, 1),
            stage("Renew", 2, 2),
        ]),
    );
    add(
        Entity::Outcomes,
        json!([
            {"name": "Won the lead", "type": 10},
            {"name": "Lost to a competitor", "type": 11},
            {"name": "Too expensive", "type": 11},
            {"name": "Cancelled", "type": 12},
        ]),
    );
    let named = |names: &[&str]| names.iter().map(|name| json!({ "name": name })).collect::<Value>();
    add(Entity::ActivityTypes, named(&["Phone Call / Meeting", "Call", "Email", "Meeting", "Task"]));
    add(Entity::AccountTypes, named(&["Customer", "Prospect", "Partner"]));
    add(Entity::Industries, named(&["Software", "Retail", "Finance", "Medical", "Marketing", "Services"]));
    add(Entity::Territories, named(&["North", "South"]));
    add(Entity::Competitors, named(&["Initech", "Hooli"]));
    add(Entity::Origins, json!([{"name": "API", "originType": "api"}]));
    add(Entity::Audiences, named(&["Newsletter"]));
    add(Entity::Sources, json!([{"name": "Website", "channel": 0}]));
    for key in keys {
        store.put(Entity::Users, key_user(key, now));
    }
    store
}

/// A user as stored.
fn user(name: &str, email: &str, admin: bool) -> Row {
    let (first, last) = name.split_once(' ').unwrap_or((name, ""));
    object(json!({
        "name": name, "firstName": first, "lastName": last, "emails": [email], "isEnabled": true,
        "isAdministrator": admin, "isViewingRestricted": false, "isApiKey": false,
        "permissions": {
            "canAccessSetup": admin, "canBulkEdit": true, "canExport": admin, "canImport": true,
            "canMergeEntities": true, "canDeleteEntities": true, "canAssignEntities": true, "canAccessCrm": true,
        },
    }))
}

/// The row that stands for a key.
pub(super) fn key_user(key: &ApiKey, now: Millis) -> Row {
    let mut row = user(&key.name, "", true);
    row.extend(object(json!({
        "id": key.user, "rev": 1, "emails": [], "isApiKey": true, "createdTime": now, "modifiedTime": now,
        "deletedTime": null,
    })));
    row
}
