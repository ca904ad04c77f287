//! What only leads have: a number, a stage, an end, lines, rivals and files.

use crmkit_core::rust_decimal::Decimal;
use serde_json::{Value, json};

use super::super::answer::{Failure, Row, invalid};
use super::super::call::Call;
use super::super::entity::Entity;
use super::super::store::{flag, int, list, object, text};
use super::super::values;
use super::record::Draft;

/// A lead as it is before a caller says anything about it.
pub(super) fn fresh(call: &Call<'_>, owner: Value) -> Result<Row, Failure> {
    call.check_lead_cap()?;
    let default =
        |entity: Entity, key: &str| call.store.all_live(entity).find(|(_, row)| flag(row, key)).map(|(id, _)| id);
    let stageset = default(Entity::Stagesets, "default");
    Ok(object(json!({
        "number": call.store.next_number(), "description": null, "primaryAccount": null, "accounts": [],
        "contacts": [], "market": default(Entity::Markets, "isDefault"), "stageset": stageset,
        "milestone": stageset.and_then(|id| first_stage(call, id)), "confidence": 50, "dueTime": null,
        "assignee": owner, "sources": [], "tags": [], "customFields": {}, "priority": 0, "status": 0,
        "closedTime": null, "outcome": null, "manualValue": null, "watchers": [],
    })))
}

fn first_stage(call: &Call<'_>, stageset: i64) -> Option<i64> {
    let stages = call.store.linked(Entity::Milestones, (Entity::Stagesets, stageset));
    stages.min_by_key(|(id, row)| (int(row, "position"), *id)).map(|(id, _)| id)
}

/// Puts a lead where `milestone` and `stageset` of the draft say, and its primary account among its accounts.
pub(super) fn place(call: &Call<'_>, row: &mut Row, draft: &mut Draft) -> Result<(), Failure> {
    let (stageset, milestone) = (int(&draft.set, "stageset"), int(&draft.set, "milestone"));
    let (stageset, milestone) = match (stageset, milestone) {
        (None, None) => (None, None),
        (Some(stageset), None) => {
            call.require_link(Entity::Stagesets, stageset)?;
            // Naming the pipeline in which the lead is already does not move it.
            let stays = int(row, "stageset") == Some(stageset);
            (Some(stageset), if stays { int(row, "milestone") } else { first_stage(call, stageset) })
        }
        (given, Some(milestone)) => {
            call.require_link(Entity::Milestones, milestone)?;
            let own = call.store.live(Entity::Milestones, milestone).and_then(|stage| int(stage, "stagesetId"));
            if given.is_some() && given != own {
                return invalid(format!("milestone {milestone} does not belong to the given stageset"));
            }
            (own, Some(milestone))
        }
    };
    if let Some(stageset) = stageset {
        if !can_access(call, stageset) {
            return Err(Failure::PlanCap("Your plan does not include this pipeline.".into()));
        }
        let moves = int(row, "milestone") != milestone;
        if moves && int(row, "status").unwrap_or(0) >= 10 && !call.switches().closed_leads_move {
            return invalid("A closed lead cannot change its stage");
        }
        draft.set.insert("stageset".into(), stageset.into());
        draft.set.insert("milestone".into(), milestone.into());
    }
    let named = draft.set.contains_key("primaryAccount");
    if named || draft.set.contains_key("accounts") {
        let of = |key: &str| draft.set.get(key).or_else(|| row.get(key)).cloned().unwrap_or(Value::Null);
        let mut accounts = of("accounts").as_array().cloned().unwrap_or_default();
        let mut primary = of("primaryAccount");
        let listed = |accounts: &[Value], id: &Value| accounts.iter().any(|account| account["id"] == *id);
        if named && !primary.is_null() && !listed(&accounts, &primary) {
            accounts.insert(0, json!({ "id": primary, "relationship": null }));
        } else if primary.is_null() || !listed(&accounts, &primary) {
            primary = accounts.first().map_or(Value::Null, |account| account["id"].clone());
        }
        draft.set.insert("accounts".into(), Value::Array(accounts));
        draft.set.insert("primaryAccount".into(), primary);
    }
    Ok(())
}

/// Whether the plan includes a pipeline.
pub(in crate::simulator) fn can_access(call: &Call<'_>, stageset: i64) -> bool {
    call.store.all_live(Entity::Stagesets).take(call.profile.plan.pipelines()).any(|(id, _)| id == stageset)
}

/// Closes or reopens a lead; a closed one is not pending, nor does it open by not being so.
pub(super) fn end(call: &Call<'_>, row: &mut Row, draft: &mut Draft) -> Result<(), Failure> {
    let closed = int(row, "status").unwrap_or(0) >= 10 && !draft.reopen;
    if closed || draft.outcome.is_some() {
        let pending = draft.set.remove("status").is_some_and(|status| status == 1);
        if pending {
            return invalid("A closed lead cannot be pending");
        }
    }
    if let Some(outcome) = draft.outcome {
        call.require_link(Entity::Outcomes, outcome)?;
        let status = call.store.live(Entity::Outcomes, outcome).and_then(|outcome| int(outcome, "type"));
        row.insert("status".into(), status.into());
        row.insert("outcome".into(), outcome.into());
        row.insert("closedTime".into(), call.now.into());
    }
    if draft.reopen && int(row, "status").unwrap_or(0) != 0 {
        if int(row, "status").unwrap_or(0) >= 10 {
            call.check_lead_cap()?;
        }
        row.insert("status".into(), 0.into());
        row.insert("outcome".into(), Value::Null);
        row.insert("closedTime".into(), Value::Null);
    }
    Ok(())
}

/// Lines, rivals and files of a lead; each list that is given replaces what was there.
pub(super) fn attach(
    call: &mut Call<'_>,
    lead: i64,
    products: Option<Vec<Row>>,
    competitors: Option<Vec<Row>>,
    files: Option<Vec<Value>>,
) -> Result<(), Failure> {
    let kinds = [
        (Entity::ProductMaps, Entity::Products, "product", products),
        (Entity::CompetitorMaps, Entity::Competitors, "competitor", competitors),
    ];
    for (maps, entity, key, lines) in kinds {
        let Some(lines) = lines else { continue };
        let before: Vec<Row> = call.store.linked(maps, (Entity::Leads, lead)).map(|(_, row)| row.clone()).collect();
        for mut line in before {
            line.insert("deletedTime".into(), call.now.into());
            call.store.put(maps, line);
        }
        for mut line in lines {
            call.require_link(entity, int(&line, key).unwrap_or(0))?;
            line.insert("lead".into(), lead.into());
            call.insert(maps, line);
        }
    }
    if let Some(files) = files {
        announce(call, (Entity::Leads, lead), &files)?;
    }
    if call.switches().automations && call.store.any(Entity::Leads, lead).and_then(|row| int(row, "rev")) == Some(1) {
        let task = json!({
            "title": "Automation: introduce yourself", "description": null, "dueTime": null, "status": 0,
            "completedTime": null, "assignee": null, "entity": { "type": "leads", "id": lead },
        });
        call.insert(Entity::Tasks, object(task));
    }
    Ok(())
}

/// Announces the files of a lead or note: the list replaces what was there, new ones are empty until uploaded.
pub(in crate::simulator) fn announce(
    call: &mut Call<'_>,
    parent: (Entity, i64),
    files: &[Value],
) -> Result<(), Failure> {
    let before: Vec<i64> = call.store.linked(Entity::Files, parent).map(|(id, _)| id).collect();
    let mut kept = Vec::new();
    for file in files {
        let name = file["name"].as_str().map(str::trim).filter(|name| !name.is_empty());
        match (super::super::rpc::input::id_of(&file["id"]), name) {
            (Some(id), _) if before.contains(&id) => kept.push(id),
            (Some(id), _) => return invalid(format!("{id} is not a file of this record")),
            (None, Some(name)) => {
                let row = json!({
                    "name": name, "size": 0, "sha1": "", "mime": null, "content": null,
                    "parent": { "type": parent.0.rest(), "id": parent.1 },
                });
                call.insert(Entity::Files, object(row));
            }
            (None, None) => return invalid("a file needs a name"),
        }
    }
    if call.switches().files_can_be_removed {
        for id in before.into_iter().filter(|id| !kept.contains(id)) {
            let mut row = call.require(Entity::Files, id)?.clone();
            row.insert("deletedTime".into(), call.now.into());
            call.store.put(Entity::Files, row);
        }
    }
    Ok(())
}

/// What a lead is worth: what was set by hand, else the sum of its lines.
pub(in crate::simulator) fn value_of(call: &Call<'_>, lead: &Row) -> Value {
    if let Some(value) = lead.get("manualValue").filter(|value| !value.is_null()) {
        return value.clone();
    }
    let currency = currency_of(call, lead);
    let id = int(lead, "id").unwrap_or(0);
    let lines = call.store.linked(Entity::ProductMaps, (Entity::Leads, id));
    let (mut total, mut of_lines) = (Decimal::ZERO, None);
    for (_, line) in lines {
        let quantity = line.get("quantity").and_then(values::amount).unwrap_or(Decimal::ONE);
        let price = line.get("price").unwrap_or(&Value::Null);
        let product = quantity.checked_mul(values::amount(&price["amount"]).unwrap_or_default());
        total = total.checked_add(product.unwrap_or(Decimal::MAX)).unwrap_or(Decimal::MAX);
        of_lines = of_lines.or_else(|| price["currency"].as_str().map(str::to_owned));
    }
    json!({ "currency": of_lines.unwrap_or(currency), "amount": total.to_string() })
}

/// The currency of a lead's market.
pub(in crate::simulator) fn currency_of(call: &Call<'_>, lead: &Row) -> String {
    let market = int(lead, "market").and_then(|id| call.store.any(Entity::Markets, id));
    market.and_then(|market| text(market, "currency")).unwrap_or("USD").to_owned()
}

/// What is shown as a lead's name: an EN DASH and its number.
pub(in crate::simulator) fn name_of(lead: &Row) -> String {
    format!("Lead\u{2013}{}", int(lead, "number").unwrap_or(0))
}

/// The names of what a lead's lists of ids point at.
pub(in crate::simulator) fn names(call: &Call<'_>, entity: Entity, row: &Row, key: &str) -> Vec<Value> {
    let ids = list(row, key).iter().filter_map(Value::as_i64);
    ids.filter_map(|id| call.store.live(entity, id)?.get("name").cloned()).collect()
}
