//! REST for records.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::answer::Answer;
use super::super::call::Call;
use super::super::failure::Failure;
use super::super::record::{self, Filter, Order, Window};
use super::super::schema::{Object, capitalised};
use super::super::service::Asked;
use super::super::store::Row;

/// The records of a page when nothing is said.
const PAGE: usize = 60;
/// The most fields of a record without `fields=`.
const FIELDS_MAX: usize = 200;

/// Answers a call below `/rest/`.
pub(in super::super) fn core(call: &mut Call<'_>, asked: &Asked, segments: &[&str]) -> Result<Answer, Failure> {
    let method = if asked.method == "PUT" { "PATCH" } else { asked.method.as_str() };
    let plural = match segments {
        ["batch", plural] => plural,
        [plural, ..] => plural,
        [] => return Ok(Answer::not_modelled("/rest")),
    };
    let object = find_object(call, plural)?;
    let query = Query { call, asked, object };
    match (method, segments) {
        (_, [_, "duplicates" | "merge" | "groupBy"]) => Ok(Answer::not_modelled(&format!("{method} {}", asked.path))),
        ("POST", ["batch", _]) => query.create_many(),
        ("POST", [_]) => query.create_one(),
        ("GET", [_]) => query.list(),
        ("GET", [_, id]) => query.get(id),
        ("PATCH", [_, "restore"]) if query.call.switches.rest_restore => query.restore_many(),
        ("PATCH", [_, id, "restore"]) if query.call.switches.rest_restore => query.restore_one(id),
        ("PATCH", [_]) => query.update_many(),
        ("PATCH", [_, id]) => query.update_one(id),
        ("DELETE", [_]) => query.delete_many(),
        ("DELETE", [_, id]) => query.delete_one(id),
        (_, [_, _, ..]) => Err(Failure::bad(format!(
            "Query path '{}' invalid. Valid examples: /rest/companies/id or /rest/companies or /rest/batch/companies",
            asked.path
        ))),
        _ => Err(Failure::framework(404, format!("Cannot {} {}", asked.method, asked.path))),
    }
}

fn find_object(call: &Call<'_>, plural: &str) -> Result<Arc<Object>, Failure> {
    call.store.by_plural(plural).ok_or_else(|| {
        let hint = match call.store.by_singular(plural) {
            Some(object) => format!("Did you mean '{}'?", object.name_plural),
            None => "eg: companies".to_owned(),
        };
        Failure::bad(format!("object '{plural}' not found. {hint}"))
    })
}

struct Query<'a, 'b> {
    call: &'a mut Call<'b>,
    asked: &'a Asked,
    object: Arc<Object>,
}

fn path_id(id: &str) -> Result<Uuid, Failure> {
    Uuid::try_parse(id).map_err(|_| Failure::bad(format!("'{id}' is not a valid UUID")))
}

impl Query<'_, '_> {
    fn depth(&self) -> Result<u8, Failure> {
        match self.asked.parameter("depth") {
            None | Some("0") => Ok(0),
            Some("1") => Ok(1),
            Some(other) => Err(Failure::bad(format!("'depth={other}' parameter invalid. Allowed values are 0, 1"))),
        }
    }

    fn flag(&self, name: &str) -> bool {
        self.asked.parameter(name) == Some("true")
    }

    fn filter(&self) -> Result<Option<Filter>, Failure> {
        let text = self.asked.parameter("filter").filter(|text| !text.is_empty());
        text.map(|text| record::from_rest(&self.object, text)).transpose()
    }

    fn required_filter(&self, doing: &str) -> Result<Filter, Failure> {
        self.filter()?.ok_or_else(|| {
            Failure::bad(format!(
                "Filters are mandatory for bulk {doing} operations. \
                 Please provide at least one filter to prevent accidental deletion of all records."
            ))
        })
    }

    /// The name of an answer: `createCompany`.
    fn one(&self, verb: &str) -> String {
        format!("{verb}{}", capitalised(&self.object.name_singular))
    }

    fn many(&self, verb: &str) -> String {
        format!("{verb}{}", capitalised(&self.object.name_plural))
    }

    /// The fields to show: those asked for, or all up to the cap.
    fn columns(&self) -> Result<Option<Vec<String>>, Failure> {
        if !self.call.switches.fields_parameter {
            return Ok(None);
        }
        let known = |name: &str| self.object.field(name).is_some() || self.object.joined(name).is_some();
        if let Some(text) = self.asked.parameter("fields") {
            let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
            return match names.iter().find(|name| !known(name)) {
                Some(unknown) => Err(self.object.unknown_field(unknown)),
                None => Ok(Some(names)),
            };
        }
        let capped = self.object.fields.len() > FIELDS_MAX;
        let column = |field: &super::super::schema::Field| field.join_column().unwrap_or(&field.name).to_owned();
        Ok(capped.then(|| self.object.fields.iter().take(FIELDS_MAX).map(column).collect()))
    }

    fn show(&self, row: &Row, depth: u8, columns: Option<&[String]>) -> Value {
        let mut shown = record::present(self.call, &self.object, row, depth);
        if let (Some(columns), Value::Object(shown)) = (columns, &mut shown) {
            shown.retain(|key, _| columns.contains(key));
        }
        shown
    }

    fn answer(&self, status: u16, name: String, value: Value) -> Answer {
        let mut data = Map::new();
        data.insert(name, value);
        let mut answer = Answer::json(status, json!({ "data": data }));
        let capped = self.asked.parameter("fields").is_none() && self.object.fields.len() > FIELDS_MAX;
        if self.call.switches.fields_parameter && capped {
            answer = answer.header("x-twenty-fields-capped", "true").header("x-twenty-fields-max", "200");
        }
        answer
    }

    fn show_one(&self, status: u16, name: String, row: &Row) -> Result<Answer, Failure> {
        let (depth, columns) = (self.depth()?, self.columns()?);
        Ok(self.answer(status, name, self.show(row, depth, columns.as_deref())))
    }

    fn show_many(&self, status: u16, name: String, rows: &[Arc<Row>]) -> Result<Answer, Failure> {
        let (depth, columns) = (self.depth()?, self.columns()?);
        let shown = rows.iter().map(|row| self.show(row, depth, columns.as_deref())).collect();
        Ok(self.answer(status, name, shown))
    }

    fn upserts(&self) -> bool {
        self.call.switches.rest_upsert && self.flag("upsert")
    }

    fn create_one(self) -> Result<Answer, Failure> {
        self.depth()?;
        let (input, upsert) = (self.asked.json()?, self.upserts());
        let row = record::create_one(self.call, &self.object, &input, upsert)?;
        self.show_one(201, self.one("create"), &row)
    }

    fn create_many(self) -> Result<Answer, Failure> {
        self.depth()?;
        let (input, upsert) = (self.asked.json()?, self.upserts());
        let inputs = input.as_array().ok_or_else(|| Failure::type_error("args.data.forEach is not a function"))?;
        let rows = record::create_many(self.call, &self.object, inputs, upsert)?;
        self.show_many(201, self.many("create"), &rows)
    }

    fn list(self) -> Result<Answer, Failure> {
        let limit = match self.asked.parameter("limit") {
            None => PAGE,
            Some(text) => {
                let wrong = || Failure::bad(format!("limit '{text}' is invalid. Should be an integer"));
                text.parse::<usize>().map_err(|_| wrong())?.min(self.call.switches.page_max)
            }
        };
        let order = match self.asked.parameter("order_by") {
            Some(text) => record::order_from_rest(&self.object, text)?,
            None => Order::by_id(),
        };
        let cursor = |name: &str| self.asked.parameter(name).map(str::to_owned);
        let window =
            Window { limit, after: cursor("starting_after"), before: cursor("ending_before"), ..Window::default() };
        let page = record::find_many(self.call.store, &self.object, self.filter()?.as_ref(), &order, &window)?;
        let mut answer = self.show_many(200, self.object.name_plural.clone(), &page.rows)?;
        if let super::super::answer::Body::Json(body) = &mut answer.body {
            let cursor = |row: Option<&Arc<Row>>| row.map(|row| record::cursor_of(&order, row));
            body["totalCount"] = page.total.into();
            body["pageInfo"] = json!({
                "startCursor": cursor(page.rows.first()),
                "endCursor": cursor(page.rows.last()),
                "hasNextPage": page.next,
                "hasPreviousPage": page.previous,
            });
        }
        Ok(answer)
    }

    fn get(self, id: &str) -> Result<Answer, Failure> {
        let id = path_id(id)?;
        let row = self.call.store.table(&self.object.id).get(id).cloned();
        let row = row.filter(|row| !super::super::table::is_deleted(row)).ok_or_else(Failure::record_not_found)?;
        self.show_one(200, self.object.name_singular.clone(), &row)
    }

    fn update_one(self, id: &str) -> Result<Answer, Failure> {
        let (id, input) = (path_id(id)?, self.asked.json()?);
        let row = record::update_one(self.call, &self.object, id, &input)?;
        self.show_one(200, self.one("update"), &row)
    }

    fn update_many(self) -> Result<Answer, Failure> {
        let (filter, input) = (self.required_filter("update")?, self.asked.json()?);
        let rows = record::update_many(self.call, &self.object, &filter, &input)?;
        self.show_many(200, self.many("update"), &rows)
    }

    fn deletes_softly(&self) -> bool {
        let switches = self.call.switches;
        !switches.rest_delete_is_hard || (switches.rest_soft_delete && self.flag("soft_delete"))
    }

    fn delete_one(self, id: &str) -> Result<Answer, Failure> {
        let id = path_id(id)?;
        if self.deletes_softly() {
            let row = record::soft_delete_one(self.call, &self.object, id)?;
            return self.show_one(200, self.one("delete"), &row);
        }
        record::destroy_one(self.call, &self.object, id)?;
        Ok(self.answer(200, self.one("delete"), json!({ "id": id.to_string() })))
    }

    fn delete_many(self) -> Result<Answer, Failure> {
        let rows = if self.deletes_softly() {
            let filter = self.required_filter("delete")?;
            record::soft_delete_many(self.call, &self.object, &filter)?
        } else {
            let filter = self.required_filter("destroy")?;
            record::destroy_many(self.call, &self.object, &filter)?
        };
        let ids = rows.iter().map(|row| json!({ "id": row.get("id") })).collect();
        Ok(self.answer(200, self.many("delete"), ids))
    }

    fn restore_one(self, id: &str) -> Result<Answer, Failure> {
        let row = record::restore_one(self.call, &self.object, path_id(id)?)?;
        self.show_one(200, self.one("restore"), &row)
    }

    fn restore_many(self) -> Result<Answer, Failure> {
        let filter = self.required_filter("restore")?;
        let rows = record::restore_many(self.call, &self.object, &filter)?;
        self.show_many(200, self.many("restore"), &rows)
    }
}
