//! The routes of REST and what each does.

use serde_json::{Value, json};

use super::super::entity::Entity;
use super::{Play, create, lists, patch, single};

/// A route of the vendor's documents.
#[derive(Debug)]
pub(in crate::simulator) struct Route {
    pub(super) method: &'static str,
    /// Below `/rest`.
    pub(super) template: &'static str,
    pub(in crate::simulator) entity: Entity,
    /// None: the vendor has it, the simulator does not.
    pub(super) play: Option<Play>,
}

macro_rules! table {
    ($($method:literal $template:literal $entity:ident $play:expr),* $(,)?) => {
        &[$(Route { method: $method, template: $template, entity: Entity::$entity, play: $play }),*]
    };
}

/// Literal segments come before `{id}`.
const ROUTES: &[Route] = table![
    "GET" "/accounts/list" Accounts None,
    "GET" "/accounts/customfields/attributes" Accounts Some(single::attributes),
    "POST" "/accounts/customfield" Accounts Some(create::custom_field),
    "GET" "/accounts/{id}/customfields" Accounts Some(single::custom_fields),
    "POST" "/accounts/{id}/undelete" Accounts Some(single::undelete),
    "GET" "/accounts/{id}" Accounts Some(single::get),
    "PATCH" "/accounts/{id}" Accounts Some(patch::record),
    "DELETE" "/accounts/{id}" Accounts Some(single::delete),
    "GET" "/accounts" Accounts Some(lists::page),
    "POST" "/accounts" Accounts Some(create::account),
    "GET" "/contacts/list" Contacts None,
    "GET" "/contacts/customfields/attributes" Contacts Some(single::attributes),
    "POST" "/contacts/customfield" Contacts Some(create::custom_field),
    "GET" "/contacts/{id}/customfields" Contacts Some(single::custom_fields),
    "POST" "/contacts/{id}/undelete" Contacts Some(single::undelete),
    "GET" "/contacts/{id}" Contacts Some(single::get),
    "PATCH" "/contacts/{id}" Contacts Some(patch::record),
    "DELETE" "/contacts/{id}" Contacts Some(single::delete),
    "GET" "/contacts" Contacts Some(lists::page),
    "POST" "/contacts" Contacts Some(create::contact),
    "GET" "/leads/list" Leads None,
    "GET" "/leads/report" Leads None,
    "GET" "/leads/customfields/attributes" Leads Some(single::attributes),
    "POST" "/leads/customfield" Leads Some(create::custom_field),
    "GET" "/leads/{id}/customfields" Leads Some(single::custom_fields),
    "GET" "/leads/{id}/stages" Leads Some(single::stages),
    "POST" "/leads/{id}/reopen" Leads Some(single::reopen),
    "POST" "/leads/{id}/status" Leads Some(single::status),
    "POST" "/leads/{id}/stageset" Leads Some(single::stageset),
    "POST" "/leads/{id}/watch" Leads Some(single::watch),
    "POST" "/leads/{id}/undelete" Leads Some(single::undelete),
    "GET" "/leads/{id}/installments" Leads None,
    "POST" "/leads/{id}/installments" Leads None,
    "GET" "/leads/{id}" Leads Some(single::get),
    "PATCH" "/leads/{id}" Leads Some(patch::record),
    "DELETE" "/leads/{id}" Leads Some(single::delete),
    "GET" "/leads" Leads Some(lists::page),
    "POST" "/leads" Leads Some(create::lead),
    "GET" "/activities/{id}" Activities Some(single::get),
    "PUT" "/activities/{id}" Activities None,
    "GET" "/activities" Activities Some(lists::page),
    "POST" "/activities" Activities Some(create::activity),
    "POST" "/notes/{id}/undelete" Notes Some(single::undelete),
    "GET" "/notes/{id}" Notes Some(single::get),
    "DELETE" "/notes/{id}" Notes Some(single::delete),
    "GET" "/notes" Notes Some(lists::page),
    "POST" "/notes" Notes Some(create::note),
    "GET" "/tasks/{id}" Tasks Some(single::get),
    "PATCH" "/tasks/{id}" Tasks Some(patch::task),
    "DELETE" "/tasks/{id}" Tasks Some(single::delete),
    "GET" "/tasks" Tasks Some(lists::page),
    "POST" "/tasks" Tasks Some(create::task),
    "POST" "/tags/{id}/undelete" Tags Some(single::undelete),
    "DELETE" "/tags/{id}" Tags Some(single::delete),
    "GET" "/tags" Tags Some(lists::page),
    "POST" "/tags" Tags Some(create::tag),
    "POST" "/sources/{id}/undelete" Sources Some(single::undelete),
    "DELETE" "/sources/{id}" Sources Some(single::delete),
    "GET" "/sources" Sources Some(lists::page),
    "POST" "/sources" Sources Some(create::source),
    "POST" "/products/{id}/undelete" Products Some(single::undelete),
    "GET" "/products/{id}" Products Some(single::get),
    "DELETE" "/products/{id}" Products Some(single::delete),
    "GET" "/products" Products Some(lists::page),
    "GET" "/productmaps/{id}" ProductMaps Some(single::get),
    "PATCH" "/productmaps/{id}" ProductMaps Some(patch::product_map),
    "DELETE" "/productmaps/{id}" ProductMaps Some(single::delete),
    "GET" "/productmaps" ProductMaps Some(lists::page),
    "GET" "/competitormaps/{id}" CompetitorMaps Some(single::get),
    "PATCH" "/competitormaps/{id}" CompetitorMaps None,
    "DELETE" "/competitormaps/{id}" CompetitorMaps Some(single::delete),
    "GET" "/competitormaps" CompetitorMaps Some(lists::page),
    "GET" "/competitors/{id}" Competitors Some(single::get),
    "GET" "/competitors" Competitors Some(lists::page),
    "GET" "/audiences" Audiences Some(lists::page),
    "POST" "/audiences" Audiences Some(create::audience),
    "GET" "/events/deleted" Events Some(lists::deleted),
    "GET" "/events" Events Some(lists::events),
    "GET" "/users/{id}" Users Some(single::get),
    "GET" "/users" Users Some(lists::page),
    "GET" "/accounttypes" AccountTypes Some(lists::page),
    "GET" "/activitytypes" ActivityTypes Some(lists::page),
    "GET" "/industries" Industries Some(lists::page),
    "GET" "/territories" Territories Some(lists::page),
    "GET" "/markets" Markets Some(lists::page),
    "GET" "/outcomes" Outcomes Some(lists::page),
    "GET" "/stages" Milestones Some(lists::page),
    "GET" "/stagesets/{id}/export" Stagesets None,
    "GET" "/stagesets" Stagesets Some(lists::page),
    "GET" "/origins-in-events" Origins None,
    "POST" "/productcategories" Products None,
    "GET" "/filters" Events None,
    "GET" "/forms/{id}" Events None,
    "GET" "/forms" Events None,
];

/// What a path below `/rest` leads to.
pub(in crate::simulator) enum Found<'a> {
    /// This route, with what fills its `{id}`.
    Route(&'static Route, &'a str),
    /// A path that other methods have.
    OtherMethod,
    Nothing,
}

/// Finds the route of a call.
pub(in crate::simulator) fn find<'a>(method: &str, path: &'a str) -> Found<'a> {
    let mut other = false;
    for route in ROUTES {
        let Some(segment) = fill(route.template, path) else { continue };
        if route.method == method {
            return Found::Route(route, segment);
        }
        other = true;
    }
    if other { Found::OtherMethod } else { Found::Nothing }
}

fn fill<'a>(template: &str, path: &'a str) -> Option<&'a str> {
    let mut segment = "";
    let mut given = path.trim_matches('/').split('/');
    for wanted in template.trim_matches('/').split('/') {
        let given = given.next()?;
        if wanted == "{id}" {
            segment = given;
        } else if !wanted.eq_ignore_ascii_case(given) {
            return None;
        }
    }
    given.next().is_none().then_some(segment)
}

/// Every route and whether it is modelled, for who steers.
pub(in crate::simulator) fn routes() -> Value {
    let one = |route: &Route| json!({ "method": route.method, "path": format!("/rest{}", route.template), "modelled": route.play.is_some() });
    ROUTES.iter().map(one).collect()
}
