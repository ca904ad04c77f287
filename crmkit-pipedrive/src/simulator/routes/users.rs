//! Users of the company (v1).

use serde_json::{Value, json};

use super::Route;
use crate::simulator::answer::{Answer, Answered, Row};
use crate::simulator::call::Call;
use crate::simulator::entity::Entity;
use crate::simulator::table::{int, text};
use crate::simulator::time;

pub(super) fn route(method: &str, template: &str) -> Option<Route> {
    Some(match (method, template) {
        ("GET", "/api/v1/users") => list,
        ("GET", "/api/v1/users/me") => me,
        ("GET", "/api/v1/users/find") => find,
        ("GET", "/api/v1/users/{id}") => get,
        ("PUT", "/api/v1/users/{id}") => update,
        _ => return None,
    })
}

fn show(call: &Call<'_>, row: &Row) -> Value {
    let mut row = row.clone();
    let is_you = int(&row, "id") == Some(call.user);
    row.insert("is_you".into(), is_you.into());
    Value::Object(row)
}

fn list(call: &mut Call<'_>) -> Answered {
    let users = call.store.table(Entity::Users).all_live();
    let users: Value = users.map(|(_, user)| show(call, &user.row)).collect();
    Ok(Answer::ok(users))
}

fn user(call: &Call<'_>, id: i64) -> Result<Value, Answer> {
    let missing = || Answer::new(404, json!({ "success": false, "error": "User not found or not accessible." }));
    call.store.table(Entity::Users).live(id).map(|user| show(call, &user.row)).ok_or_else(missing)
}

fn get(call: &mut Call<'_>) -> Answered {
    Ok(Answer::ok(user(call, call.id()?)?))
}

fn me(call: &mut Call<'_>) -> Answered {
    let mut user = user(call, call.user)?;
    user["company_id"] = 1.into();
    user["company_name"] = call.profile.name.clone().into();
    user["company_domain"] = call.profile.name.clone().into();
    user["company_country"] = "EE".into();
    user["company_industry"] = Value::Null;
    user["language"] = json!({ "language_code": "en", "country_code": "US" });
    Ok(Answer::ok(user))
}

fn find(call: &mut Call<'_>) -> Answered {
    let Some(term) = call.param("term").map(str::to_lowercase) else {
        return Err(Answer::error(400, "Search term must be given."));
    };
    let by_email = call.flag_param("search_by_email");
    let matches = |row: &Row| {
        let contains = |key| text(row, key).is_some_and(|text| text.to_lowercase().contains(&term));
        contains("email") || (!by_email && contains("name"))
    };
    let users = call.store.table(Entity::Users).all_live().filter(|(_, user)| matches(&user.row));
    let users: Value = users.map(|(_, user)| show(call, &user.row)).collect();
    Ok(Answer::ok(users))
}

fn update(call: &mut Call<'_>) -> Answered {
    call.require_admin()?;
    let id = call.id()?;
    user(call, id)?;
    let active = match call.take_body().get("active_flag") {
        Some(Value::Bool(active)) => *active,
        Some(Value::Number(active)) => active.as_i64() == Some(1),
        _ => return Err(Answer::error(400, "active_flag must be given.")),
    };
    let mut row = call.changeable(Entity::Users)?;
    row.insert("active_flag".into(), active.into());
    row.insert("modified".into(), time::v1(call.now).into());
    call.store.put(Entity::Users, row);
    Ok(Answer::ok(user(call, id)?))
}
