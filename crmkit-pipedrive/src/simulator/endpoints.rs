//! The vendor's operations with their prices, from the extract of its specification, each with the route that plays it.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::answer::Answer;
use super::routes::{self, Route};
use super::shape::Shape;

const EXTRACTS: [&str; 2] = [include_str!("pipedrive-endpoints.json"), include_str!("pipedrive-endpoints-more.json")];

/// One operation of the API.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) method: String,
    /// The path with `{name}` segments, beginning with `/api/v1` or `/api/v2`.
    pub(super) template: String,
    segments: Vec<String>,
    pub(super) cost: u64,
    /// The status of success.
    pub(super) status: u16,
    pub(super) v2: bool,
    query: HashMap<String, Shape>,
    pub(super) body: Option<Shape>,
    pub(super) route: Option<Route>,
    /// One of these an access token of OAuth must have.
    pub(super) scopes: Vec<String>,
}

/// An endpoint and the values of the variable segments of its path.
pub(super) type Found<'a> = (&'static Endpoint, Vec<&'a str>);

static ENDPOINTS: LazyLock<HashMap<String, Vec<Endpoint>>> = LazyLock::new(|| {
    let mut by_resource: HashMap<String, Vec<Endpoint>> = HashMap::new();
    for extract in EXTRACTS {
        let extract: Value = serde_json::from_str(extract).expect("the extract is JSON");
        for entry in extract["endpoints"].as_array().expect("the extract lists endpoints") {
            let endpoint = Endpoint::read(entry);
            by_resource.entry(resource(&endpoint.template).to_owned()).or_default().push(endpoint);
        }
    }
    for endpoints in by_resource.values_mut() {
        endpoints.sort_by_key(|endpoint| endpoint.segments.iter().filter(|segment| segment.starts_with('{')).count());
    }
    by_resource
});

/// `/api/v2/deals` of `/api/v2/deals/1`.
fn resource(path: &str) -> &str {
    let end = path.match_indices('/').nth(3).map_or(path.len(), |(at, _)| at);
    &path[..end]
}

/// Finds the endpoint of a path that begins with `/api/v1` or `/api/v2`.
pub(super) fn find<'a>(method: &str, path: &'a str) -> Option<Found<'a>> {
    let given: Vec<&str> = path.split('/').skip(1).collect();
    ENDPOINTS.get(resource(path))?.iter().filter(|endpoint| endpoint.method == method).find_map(|endpoint| {
        if endpoint.segments.len() != given.len() {
            return None;
        }
        let mut values = Vec::new();
        for (segment, value) in endpoint.segments.iter().zip(&given) {
            if segment.starts_with('{') {
                values.push(*value);
            } else if segment != value {
                return None;
            }
        }
        Some((endpoint, values))
    })
}

/// Every scope that an endpoint asks for.
pub(super) fn scopes() -> Vec<String> {
    let mut all: Vec<String> = ENDPOINTS.values().flatten().flat_map(|endpoint| endpoint.scopes.clone()).collect();
    all.sort();
    all.dedup();
    all
}

/// Every endpoint and whether it is modelled.
pub(super) fn all() -> Vec<Value> {
    let mut listed: Vec<&Endpoint> = ENDPOINTS.values().flatten().collect();
    listed.sort_by(|a, b| (&a.template, &a.method).cmp(&(&b.template, &b.method)));
    let line = |endpoint: &&Endpoint| {
        json!({
            "method": endpoint.method, "path": endpoint.template, "cost": endpoint.cost,
            "modelled": endpoint.route.is_some(),
        })
    };
    listed.iter().map(line).collect()
}

impl Endpoint {
    fn read(entry: &Value) -> Self {
        let text = |key: &str| entry[key].as_str().expect("the extract has method and path").to_owned();
        let (method, template) = (text("method"), text("path"));
        let mut query = HashMap::new();
        for (name, notation) in entry["params"].as_object().into_iter().flatten() {
            if let Some(name) = name.strip_prefix("query:") {
                query.insert(name.trim_end_matches('*').to_owned(), Shape::read(notation));
            }
        }
        let mut body = entry.get("body").filter(|body| body.is_object() || body.is_array()).map(Shape::read);
        if let (Some(shape), Some(more)) = (&mut body, beyond_the_specification(&template)) {
            shape.extend(&more);
        }
        Self {
            segments: template.split('/').skip(1).map(str::to_owned).collect(),
            cost: entry["cost"].as_u64().unwrap_or(0),
            status: entry["ok"][0].as_str().and_then(|status| status.parse().ok()).unwrap_or(200),
            v2: entry["v"] == "v2",
            route: routes::find(&method, &template),
            scopes: serde_json::from_value(entry["scopes"].clone()).unwrap_or_default(),
            query,
            body,
            method,
            template,
        }
    }

    /// Whether it is a search, which has a window of its own.
    pub(super) fn is_search(&self) -> bool {
        self.template.contains("/itemSearch") || self.template.ends_with("/search")
    }

    /// What v2 says about query parameters that it does not know or cannot read.
    pub(super) fn check_query(&self, query: &[(String, String)]) -> Result<(), Answer> {
        for (name, text) in query {
            match self.query.get(name) {
                None => return Err(Answer::unknown_key(name, name)),
                Some(Shape::Scalar(scalar)) if !scalar.fits_query(text) => {
                    return Err(Answer::invalid(name, "The value is not valid."));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}

/// What live accounts take although the specification does not list it.
fn beyond_the_specification(template: &str) -> Option<Value> {
    match template {
        "/api/v2/deals" | "/api/v2/deals/{id}" => Some(json!({ "channel_id": "any" })),
        "/api/v2/persons" | "/api/v2/persons/{id}" => Some(json!({ "first_name": "string", "last_name": "string" })),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literal_segments_win() {
        let (endpoint, values) = find("GET", "/api/v2/deals/archived").unwrap();
        assert_eq!((endpoint.template.as_str(), values.len()), ("/api/v2/deals/archived", 0));
        let (endpoint, values) = find("GET", "/api/v2/deals/7").unwrap();
        assert_eq!((endpoint.cost, values), (1, vec!["7"]));
        assert_eq!(find("POST", "/api/v1/notes").unwrap().0.cost, 10);
        assert!(find("POST", "/api/v1/deals").is_none());
    }
}
