//! REST: envelopes around lists of records, ids with their type, lists that lag behind.

mod create;
mod id;
mod input;
mod lists;
mod patch;
mod routes;
mod single;
mod view;

use serde_json::{Value, json};

use super::answer::{Answer, Failure, rest_error};
use super::call::Call;
use super::entity::Entity;

pub(super) use routes::{Found, Route, find, routes};

/// A call to one route.
pub(super) struct Asked<'a, 'c> {
    pub(super) call: &'a mut Call<'c>,
    /// What fills the `{id}` of the route.
    pub(super) segment: &'a str,
    pub(super) query: &'a [(String, String)],
    pub(super) content_type: &'a str,
    pub(super) body: &'a [u8],
    pub(super) entity: Entity,
}

/// What a route does.
pub(super) type Play = fn(&mut Asked<'_, '_>) -> Result<Answer, Failure>;

impl Asked<'_, '_> {
    /// The body as JSON.
    fn json(&self) -> Result<Value, Failure> {
        let refused = |_| Failure::Rest(400, "Invalid JSON".into(), None);
        serde_json::from_slice(if self.body.is_empty() { b"{}" } else { self.body }).map_err(refused)
    }

    fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, text)| key == name && !text.is_empty()).map(|(_, text)| text.as_str())
    }
}

/// What every envelope says of the instance.
pub(super) fn meta(call: &Call<'_>) -> Value {
    let instance = call.profile.instance;
    json!({ "instanceId": instance.to_string(), "siteId": format!("{:08x}", instance * 7919) })
}

/// The envelope around records.
fn envelope(call: &Call<'_>, key: &str, records: Vec<Value>) -> Value {
    json!({ "meta": meta(call), "links": {}, key: records })
}

/// Plays a route; what fails leaves no trace.
pub(super) fn answer(route: &Route, asked: &mut Asked<'_, '_>) -> Answer {
    let Some(play) = route.play else {
        return Answer::not_modelled(&format!("{} /rest{}", route.method, route.template));
    };
    let mark = asked.call.store.mark();
    match play(asked) {
        Ok(answer) => answer,
        Err(failure) => {
            asked.call.store.revert(mark);
            rest_error(failure, asked.entity.rest(), meta(asked.call), asked.call.switches())
        }
    }
}
