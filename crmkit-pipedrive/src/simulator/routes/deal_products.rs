//! Products attached to deals (v2), and the value that they give a deal.

use serde_json::{Value, json};

use super::Route;
use crate::simulator::answer::{Answer, Answered, Row};
use crate::simulator::call::Call;
use crate::simulator::entity::Entity;
use crate::simulator::listing::{Listing, next_cursor};
use crate::simulator::table::{flag, int, text};

const ATTACHED: Entity = Entity::DealProducts;
const MAX_BULK: usize = 100;

pub(super) fn route(method: &str, template: &str) -> Option<Route> {
    Some(match (method, template) {
        ("GET", "/api/v2/deals/products") => list_of_many,
        ("GET", "/api/v2/deals/{id}/products") => list,
        ("POST", "/api/v2/deals/{id}/products") => create,
        ("DELETE", "/api/v2/deals/{id}/products") => delete_many,
        ("POST", "/api/v2/deals/{id}/products/bulk") => create_many,
        ("PATCH", "/api/v2/deals/{id}/products/{product_attachment_id}") => update,
        ("DELETE", "/api/v2/deals/{id}/products/{product_attachment_id}") => delete,
        _ => return None,
    })
}

fn deal(call: &Call<'_>) -> Result<Row, Answer> {
    call.store.table(Entity::Deals).live(call.id()?).map(|deal| deal.row.clone()).ok_or_else(Answer::not_found)
}

fn show(row: &Row) -> Value {
    let mut shown = row.clone();
    shown.remove("is_deleted");
    Value::Object(shown)
}

fn page(call: &Call<'_>, listing: &Listing, keep: impl Fn(&Row) -> bool) -> Answered {
    let (page, cursor) = listing.page(call.store.table(ATTACHED), false, keep);
    Ok(Answer::with(page.into_iter().map(|stored| show(&stored.row)).collect::<Value>(), next_cursor(cursor)))
}

fn list(call: &mut Call<'_>) -> Answered {
    let deal = int(&deal(call)?, "id").expect("rows have ids");
    let mut listing = Listing::read(call, ATTACHED, &[])?;
    listing.links.push(("deal_id", deal));
    page(call, &listing, |_| true)
}

fn list_of_many(call: &mut Call<'_>) -> Answered {
    let deals: Result<Vec<i64>, _> = call.list_param("deal_ids").into_iter().map(str::parse).collect();
    let Some(deals) = deals.ok().filter(|deals| (1..=100).contains(&deals.len())) else {
        return Err(Answer::invalid("deal_ids", "1 to 100 ids must be given."));
    };
    let listing = Listing::read(call, ATTACHED, &[])?;
    page(call, &listing, |row| int(row, "deal_id").is_some_and(|deal| deals.contains(&deal)))
}

fn create(call: &mut Call<'_>) -> Answered {
    let deal = deal(call)?;
    let body = call.take_body();
    let id = call.store.table(ATTACHED).next_id();
    let row = attach(call, &deal, body, id)?;
    call.store.put(ATTACHED, row.clone());
    settle_value(call, deal);
    Ok(Answer::ok(show(&row)))
}

/// All or none.
fn create_many(call: &mut Call<'_>) -> Answered {
    let deal = deal(call)?;
    let Some(Value::Array(given)) = call.take_body().remove("data") else {
        return Err(Answer::invalid("data", "This field is required."));
    };
    if given.is_empty() || given.len() > MAX_BULK {
        return Err(Answer::invalid("data", "1 to 100 products must be given."));
    }
    let mut rows = Vec::new();
    for (id, body) in (call.store.table(ATTACHED).next_id()..).zip(given) {
        let Value::Object(body) = body else { unreachable!("the shape wants objects") };
        rows.push(attach(call, &deal, body, id)?);
    }
    for row in &rows {
        call.store.put(ATTACHED, row.clone());
    }
    settle_value(call, deal);
    Ok(Answer::ok(rows.iter().map(show).collect::<Value>()))
}

fn attach(call: &Call<'_>, deal: &Row, body: Row, id: i64) -> Result<Row, Answer> {
    let order = call.store.table(ATTACHED).linked_count("deal_id", int(deal, "id").expect("rows have ids")) + 1;
    let defaults = json!({
        "id": id, "deal_id": deal["id"], "product_variation_id": null, "order_nr": order, "add_time": call.stamp(),
        "comments": "", "currency": deal["currency"], "discount": 0, "discount_type": "percentage", "tax": 0,
        "tax_method": "inclusive", "is_enabled": true, "billing_frequency": "one-time",
        "billing_frequency_cycles": null, "billing_start_date": null, "is_deleted": false,
    });
    let Value::Object(row) = defaults else { unreachable!("the defaults are an object") };
    fill(call, body, row)
}

fn fill(call: &Call<'_>, body: Row, mut row: Row) -> Result<Row, Answer> {
    if let Some(product) = int(&body, "product_id") {
        let stored = call.store.table(Entity::Products).live(product);
        let stored = stored.filter(|stored| flag(&stored.row, "is_linkable"));
        let stored = stored.ok_or_else(|| Answer::missing_link("product_id", "product"))?;
        row.insert("name".into(), stored.row["name"].clone());
    }
    row.extend(body);
    if let Some(variation) = int(&row, "product_variation_id") {
        let stored = call.store.table(Entity::ProductVariations).live(variation);
        if stored.is_none_or(|stored| stored.row.get("product_id") != row.get("product_id")) {
            return Err(Answer::missing_link("product_variation_id", "product variation"));
        }
    }
    row.insert("sum".into(), sum(&row).into());
    row.insert("update_time".into(), call.stamp().into());
    Ok(row)
}

/// Price by quantity, less the discount, plus the tax that is not in the price.
fn sum(row: &Row) -> f64 {
    let number = |key: &str| row.get(key).and_then(Value::as_f64).unwrap_or(0.0);
    let whole = number("item_price") * number("quantity");
    let discounted = match text(row, "discount_type") {
        Some("amount") => whole - number("discount"),
        _ => whole * (1.0 - number("discount") / 100.0),
    };
    let tax = if text(row, "tax_method") == Some("exclusive") { 1.0 + number("tax") / 100.0 } else { 1.0 };
    discounted * tax
}

/// A deal with products is worth their sum, if the switch says so.
fn settle_value(call: &mut Call<'_>, mut deal: Row) {
    let id = int(&deal, "id").expect("rows have ids");
    let table = call.store.table(ATTACHED);
    let attached: Vec<&Row> = table.linked("deal_id", id).filter_map(|id| Some(&table.live(id)?.row)).collect();
    let enabled = attached.iter().filter(|row| flag(row, "is_enabled"));
    let value: f64 = enabled.filter_map(|row| row["sum"].as_f64()).sum();
    if call.profile.switches.products_value_deals && !attached.is_empty() {
        deal.insert("value".into(), value.into());
    }
    deal.insert("update_time".into(), call.stamp().into());
    call.store.put(Entity::Deals, deal);
}

/// The attachment in the path, if it is one of the deal in the path.
fn attachment(call: &Call<'_>, deal: &Row) -> Result<Row, Answer> {
    let stored = call.store.table(ATTACHED).live(call.segment_id(1)?);
    let stored = stored.filter(|stored| stored.row.get("deal_id") == deal.get("id"));
    stored.map(|stored| stored.row.clone()).ok_or_else(Answer::not_found)
}

fn update(call: &mut Call<'_>) -> Answered {
    let deal = deal(call)?;
    let row = attachment(call, &deal)?;
    let body = call.take_body();
    let row = fill(call, body, row)?;
    call.store.put(ATTACHED, row.clone());
    settle_value(call, deal);
    Ok(Answer::ok(show(&row)))
}

fn delete(call: &mut Call<'_>) -> Answered {
    let deal = deal(call)?;
    let row = attachment(call, &deal)?;
    let id = call.delete(ATTACHED, row);
    settle_value(call, deal);
    Ok(Answer::ok(json!({ "id": id })))
}

/// The given ones of the deal, or its first hundred.
fn delete_many(call: &mut Call<'_>) -> Answered {
    let deal = deal(call)?;
    let id = int(&deal, "id").expect("rows have ids");
    let wanted: Result<Vec<i64>, _> = call.list_param("ids").into_iter().map(str::parse).collect();
    let wanted = wanted.map_err(|_| Answer::invalid("ids", "The value is not a valid list of integers."))?;
    let attached: Vec<i64> = call.store.table(ATTACHED).linked("deal_id", id).collect();
    let mut chosen = attached.into_iter().filter(|id| wanted.is_empty() || wanted.contains(id));
    let gone: Vec<i64> = chosen.by_ref().take(MAX_BULK).collect();
    let more = chosen.next().is_some();
    for id in &gone {
        if let Some(row) = call.store.table(ATTACHED).live(*id).map(|stored| stored.row.clone()) {
            call.delete(ATTACHED, row);
        }
    }
    settle_value(call, deal);
    Ok(Answer::with(json!({ "ids": gone }), json!({ "more_items_in_collection": more })))
}
