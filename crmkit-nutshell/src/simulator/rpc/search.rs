//! `search*`: stubs of what an index that lags behind finds.

use serde_json::{Value, json};

use super::super::answer::{Failure, Row};
use super::super::call::Call;
use super::super::entity::{Entity, email_term};
use super::super::store::list;
use super::input::{bad, id_of};
use super::{Args, view};

/// What has the words in its name or address.
pub(super) fn one_kind(call: &Call<'_>, entity: Entity, args: &Args) -> Result<Value, Failure> {
    let default = if entity == Entity::Leads { 40 } else { 10 };
    let limit = args.get("limit").filter(|limit| !limit.is_null()).map_or(Some(default), id_of);
    let Some(limit) = limit.and_then(|limit| usize::try_from(limit).ok()) else { return bad("limit is an integer") };
    Ok(Value::Array(matches(call, entity, words(args)?, limit)))
}

fn words(args: &Args) -> Result<&str, Failure> {
    args.get("string").and_then(Value::as_str).map_or_else(|| bad("string is a string"), Ok)
}

fn matches(call: &Call<'_>, entity: Entity, words: &str, limit: usize) -> Vec<Value> {
    let words = words.trim().to_lowercase();
    let lag = call.switches().search_lag_ms;
    let says = |value: &Value| value.as_str().is_some_and(|text| text.to_lowercase().contains(&words));
    let fits = |row: &Row| {
        says(&view::name(entity, row))
            || entity == Entity::Leads && row.get("description").is_some_and(says)
            || list(row, "emails").iter().any(|entry| says(&entry["value"]))
    };
    let rows = call.store.all_live(entity).filter(|(_, row)| call.is_listed(row, lag) && fits(row));
    rows.take(limit).map(|(_, row)| view::stub(call, entity, row)).collect()
}

/// `searchUniversal`.
pub(super) fn universal(call: &Call<'_>, args: &Args) -> Result<Value, Failure> {
    let words = words(args)?;
    let of = |entity: Entity| matches(call, entity, words, 10);
    Ok(json!({ "contacts": of(Entity::Contacts), "accounts": of(Entity::Accounts), "leads": of(Entity::Leads) }))
}

/// `searchByEmail`: exactly this address.
pub(super) fn by_email(call: &Call<'_>, args: &Args) -> Result<Value, Failure> {
    let Some(email) = args.get("emailAddressString").and_then(Value::as_str) else {
        return bad("emailAddressString is a string");
    };
    let (term, lag) = (email_term(email), call.switches().search_lag_ms);
    let of = |entity: Entity| {
        let rows = call.store.with_term(entity, &term).filter(|(_, row)| call.is_listed(row, lag));
        rows.map(|(_, row)| view::stub(call, entity, row)).collect::<Vec<_>>()
    };
    Ok(json!({ "contacts": of(Entity::Contacts), "accounts": of(Entity::Accounts), "leads": [] }))
}
