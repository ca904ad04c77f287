//! Products and their variations (v2): one price per currency.

use serde_json::{Value, json};

use super::pipelines::require_name;
use super::{Route, currencies, records};
use crate::simulator::answer::{Answer, Answered, Row};
use crate::simulator::call::Call;
use crate::simulator::entity::Entity;
use crate::simulator::listing::{Listing, next_cursor};
use crate::simulator::table::{int, text};

const PRODUCTS: Entity = Entity::Products;
const VARIATIONS: Entity = Entity::ProductVariations;

pub(super) fn route(method: &str, template: &str) -> Option<Route> {
    Some(match (method, template) {
        ("GET", "/api/v2/products") => list,
        ("POST", "/api/v2/products") => create,
        ("GET", "/api/v2/products/{id}") => |call| records::get(call, PRODUCTS),
        ("PATCH", "/api/v2/products/{id}") => update,
        ("DELETE", "/api/v2/products/{id}") => |call| records::delete(call, PRODUCTS),
        ("GET", "/api/v2/products/{id}/variations") => list_variations,
        ("POST", "/api/v2/products/{id}/variations") => create_variation,
        ("PATCH", "/api/v2/products/{id}/variations/{product_variation_id}") => update_variation,
        ("DELETE", "/api/v2/products/{id}/variations/{product_variation_id}") => delete_variation,
        _ => return None,
    })
}

fn list(call: &mut Call<'_>) -> Answered {
    let listing = Listing::read(call, PRODUCTS, &["owner_id"])?;
    records::list(call, PRODUCTS, &listing)
}

fn create(call: &mut Call<'_>) -> Answered {
    let id = call.store.table(PRODUCTS).next_id();
    let defaults = json!({
        "id": id, "code": null, "unit": null, "tax": 0, "is_deleted": false, "is_linkable": true,
        "visible_to": call.profile.tier.everyone(), "owner_id": call.user, "add_time": call.stamp(),
        "description": null, "category": null, "billing_frequency": "one-time", "billing_frequency_cycles": null,
        "prices": [{ "product_id": id, "price": 0, "currency": call.currency(), "cost": 0, "direct_cost": null,
            "notes": "" }],
        "custom_fields": {},
    });
    let Value::Object(row) = defaults else { unreachable!("the defaults are an object") };
    write(call, row)
}

fn update(call: &mut Call<'_>) -> Answered {
    let row = call.changeable(PRODUCTS)?;
    write(call, row)
}

fn write(call: &mut Call<'_>, mut row: Row) -> Answered {
    let mut body = call.take_body();
    require_name(&body, "name")?;
    if let Some(category) = body.get_mut("category").filter(|category| category.is_number()) {
        *category = category.to_string().into();
    }
    if let Some(given) = body.get("prices") {
        let prices = prices(given, row["id"].as_i64().unwrap_or_default(), "product_id")?;
        body.insert("prices".into(), prices);
    }
    records::write_common(call, PRODUCTS, &mut body, &mut row)?;
    row.extend(body);
    records::save(call, PRODUCTS, row)
}

/// Prices as they are stored: at most one for each currency.
fn prices(given: &Value, owner: i64, owner_key: &str) -> Result<Value, Answer> {
    let mut seen: Vec<&str> = Vec::new();
    let mut kept = Vec::new();
    for price in given.as_array().into_iter().flatten() {
        let currency = price["currency"].as_str().filter(|code| currencies::is_known(code));
        let currency = currency.ok_or_else(|| Answer::invalid("prices.currency", "Unknown currency."))?;
        if !price["price"].is_number() {
            return Err(Answer::invalid("prices.price", "The value is not a valid 'number'"));
        }
        if seen.contains(&currency) {
            return Err(Answer::invalid("prices.currency", "Only one price per currency is allowed."));
        }
        seen.push(currency);
        kept.push(json!({
            owner_key: owner, "price": price["price"], "currency": currency,
            "cost": price.get("cost").cloned().unwrap_or_else(|| 0.into()), "direct_cost": price["direct_cost"],
            "notes": price["notes"].as_str().unwrap_or_default(),
        }));
    }
    Ok(kept.into())
}

fn product(call: &Call<'_>) -> Result<i64, Answer> {
    let id = call.id()?;
    call.store.table(PRODUCTS).live(id).map(|_| id).ok_or_else(Answer::not_found)
}

fn show(row: &Row) -> Value {
    let mut shown = row.clone();
    shown.remove("is_deleted");
    Value::Object(shown)
}

fn list_variations(call: &mut Call<'_>) -> Answered {
    let product = product(call)?;
    let mut listing = Listing::read(call, VARIATIONS, &[])?;
    listing.links.push(("product_id", product));
    let (page, cursor) = listing.page(call.store.table(VARIATIONS), false, |_| true);
    Ok(Answer::with(page.into_iter().map(|stored| show(&stored.row)).collect::<Value>(), next_cursor(cursor)))
}

fn create_variation(call: &mut Call<'_>) -> Answered {
    let product = product(call)?;
    let id = call.store.table(VARIATIONS).next_id();
    let row = json!({ "id": id, "product_id": product, "prices": [], "is_deleted": false });
    let Value::Object(row) = row else { unreachable!("a variation is an object") };
    write_variation(call, row)
}

/// The variation in the path, if it is one of the product in the path.
fn variation(call: &Call<'_>) -> Result<Row, Answer> {
    let product = product(call)?;
    let stored = call.store.table(VARIATIONS).live(call.segment_id(1)?);
    let stored = stored.filter(|stored| int(&stored.row, "product_id") == Some(product));
    stored.map(|stored| stored.row.clone()).ok_or_else(Answer::not_found)
}

fn update_variation(call: &mut Call<'_>) -> Answered {
    let row = variation(call)?;
    write_variation(call, row)
}

fn write_variation(call: &mut Call<'_>, mut row: Row) -> Answered {
    let mut body = call.take_body();
    if text(&body, "name").is_some_and(|name| name.trim().is_empty()) {
        return Err(Answer::invalid("name", "This value should not be blank."));
    }
    if let Some(given) = body.get("prices") {
        let prices = prices(given, row["id"].as_i64().unwrap_or_default(), "product_variation_id")?;
        body.insert("prices".into(), prices);
    }
    row.extend(body);
    call.store.put(VARIATIONS, row.clone());
    Ok(Answer::ok(show(&row)))
}

fn delete_variation(call: &mut Call<'_>) -> Answered {
    let row = variation(call)?;
    Ok(Answer::ok(json!({ "id": call.delete(VARIATIONS, row) })))
}
