//! Updates: several in one call where their server takes that, and each with an answer of its own.

use std::collections::HashMap;

use crmkit_core::{
    Error, ErrorKind, RecordId, Result, Retry, Written,
    chrono::{DateTime, Utc},
    http::reqwest::Method,
};
use serde_json::{Map, Value as Json, json};

use crate::{Twenty, client::records, connector::Target, convert, error::again, refusal::Refusal};

const UPDATE: &str = "twenty.update";
/// The most fields at the root of a document, and the most fields of a whole document, that the server takes.
const ROOTS: usize = 20;
const FIELDS: usize = 2000;

/// New values for one record, and which operation of the batch it is.
pub(crate) struct Update {
    pub(crate) place: usize,
    pub(crate) id: String,
    pub(crate) body: Map<String, Json>,
}

/// What became of one update of a call.
enum Outcome {
    Done(Json),
    Refused(Refusal),
    /// It was not run; nobody says that it cannot be.
    Open,
}

impl Twenty {
    /// Updates records. The interface for one record has a call for each; the other one takes several, which are run one after
    /// the other, and tells of each.
    pub(crate) async fn update(
        &self,
        target: Target<'_>,
        updates: Vec<Update>,
        send_before: DateTime<Utc>,
        results: &mut [Option<Result<Written>>],
    ) {
        let shown = selection(target);
        let some = ROOTS.min(FIELDS / (shown.1 + 1)).max(1);
        // An author's name can be changed over the other interface only.
        let alone = |update: &Update| update.body.keys().any(|name| target.wire(name) == "ACTOR");
        let (alone, updates): (Vec<Update>, Vec<Update>) = updates.into_iter().partition(alone);
        for update in alone {
            results[update.place] = Some(self.update_one(target, &update, send_before).await);
        }
        let mut open = updates.into_iter().peekable();
        while open.peek().is_some() {
            // Where each update counts as a call, several in one are refused half-way.
            let together = if self.counts_updates() { 1 } else { some };
            let group: Vec<Update> = open.by_ref().take(together).collect();
            let group = match group.len() {
                1 => group,
                _ => match self.update_together(target, group, &shown.0, send_before, results).await {
                    Ok(rest) => rest,
                    Err(()) => continue,
                },
            };
            for update in group {
                results[update.place] = Some(self.update_one(target, &update, send_before).await);
            }
        }
    }

    async fn update_one(&self, target: Target<'_>, update: &Update, send_before: DateTime<Utc>) -> Result<Written> {
        let request = target.about(UPDATE, Method::PATCH, &update.id).json(&update.body).send_before(send_before);
        let record = self.client.data(request).await?;
        Ok(Written { id: RecordId::from(update.id.as_str()), stored: convert::stored(target, &record) })
    }

    /// Runs updates in one call, and gives back those that were not run. An error is in the results already.
    async fn update_together(
        &self,
        target: Target<'_>,
        group: Vec<Update>,
        shown: &str,
        send_before: DateTime<Utc>,
        results: &mut [Option<Result<Written>>],
    ) -> std::result::Result<Vec<Update>, ()> {
        let request = records(UPDATE, Method::POST, "/graphql".to_owned())
            .json(&document(target, &group, shown))
            .changing()
            .send_before(send_before);
        let answer = match self.client.raw(request).await {
            Ok(answer) => answer,
            Err(error) => {
                for update in group {
                    results[update.place] = Some(Err(again(&error)));
                }
                return Err(());
            }
        };
        let answers = outcomes(&answer, group.len());
        let mut rest = Vec::new();
        for (update, outcome) in group.into_iter().zip(answers) {
            results[update.place] = Some(match outcome {
                Outcome::Done(record) => {
                    Ok(Written { id: RecordId::from(update.id.as_str()), stored: convert::stored(target, &record) })
                }
                Outcome::Refused(refusal) if refusal.is_limit() => {
                    self.count_updates();
                    rest.push(update);
                    continue;
                }
                Outcome::Refused(refusal) => Err(refusal.error(UPDATE)),
                Outcome::Open => {
                    rest.push(update);
                    continue;
                }
            });
        }
        Ok(rest)
    }
}

/// One update a field at the root, under the name of its place.
fn document(target: Target<'_>, group: &[Update], shown: &str) -> Json {
    let kind = capitalised(&target.meta.singular);
    let (mut declared, mut roots, mut variables) = (Vec::new(), Vec::new(), Map::new());
    for (place, update) in group.iter().enumerate() {
        declared.push(format!("$i{place}: UUID!, $d{place}: {kind}UpdateInput!"));
        roots.push(format!("r{place}: update{kind}(id: $i{place}, data: $d{place}) {{ {shown} }}"));
        variables.insert(format!("i{place}"), json!(update.id));
        variables.insert(format!("d{place}"), json!(update.body));
    }
    json!({
        "query": format!("mutation Update({}) {{ {} }}", declared.join(", "), roots.join(" ")),
        "variables": variables,
    })
}

/// What became of each of `count` updates, in order.
fn outcomes(answer: &Json, count: usize) -> Vec<Outcome> {
    let errors: Vec<&Json> = answer["errors"].as_array().into_iter().flatten().collect();
    let by_path: HashMap<&str, &Json> =
        errors.iter().filter_map(|error| Some((error["path"][0].as_str()?, *error))).collect();
    let names: Vec<String> = (0..count).map(|place| format!("r{place}")).collect();
    let failed = names.iter().filter(|name| answer["data"].get(*name) == Some(&Json::Null)).count();
    // Servers that do not say which update an error is about tell them in the order in which they ran.
    let told = by_path.is_empty() && errors.len() == failed;
    let mut in_order = errors.iter().filter(|_| told).copied();
    let outcome = |name: &String| match answer["data"].get(name) {
        Some(Json::Null) => match by_path.get(name.as_str()).copied().or_else(|| in_order.next()) {
            Some(error) => Outcome::Refused(Refusal::of(&json!({ "errors": [error] }))),
            None => Outcome::Open,
        },
        Some(record) => Outcome::Done(record.clone()),
        None => Outcome::Open,
    };
    names.iter().map(outcome).collect()
}

/// The fields by which a record is read back, and how many they are.
fn selection(target: Target<'_>) -> (String, usize) {
    let mut names = vec!["id".to_owned(), "updatedAt".to_owned(), "deletedAt".to_owned()];
    let mut count = names.len();
    for name in target.schema.fields.values().filter(|field| field.carrier.is_none()).map(|field| &field.name) {
        // What is told with a file is no field over there.
        let there = target.meta.fields.iter().any(|field| field.column() == name.as_str());
        if !there || names.iter().any(|known| known == name.as_str()) {
            continue;
        }
        let parts = parts(target.wire(name.as_str()));
        count += 1 + parts.len();
        names.push(if parts.is_empty() { name.to_string() } else { format!("{name} {{ {} }}", parts.join(" ")) });
    }
    (names.join(" "), count)
}

/// The parts of a type that has any.
fn parts(wire: &str) -> &'static [&'static str] {
    match wire {
        "EMAILS" => &["primaryEmail", "additionalEmails"],
        "PHONES" => &["primaryPhoneNumber", "primaryPhoneCountryCode", "primaryPhoneCallingCode", "additionalPhones"],
        "LINKS" => &["primaryLinkUrl", "primaryLinkLabel", "secondaryLinks"],
        "CURRENCY" => &["amountMicros", "currencyCode"],
        "FULL_NAME" => &["firstName", "lastName"],
        "ADDRESS" => {
            &["addressStreet1", "addressStreet2", "addressCity", "addressPostcode", "addressState", "addressCountry"]
        }
        "ACTOR" => &["source", "name"],
        "RICH_TEXT" | "RICH_TEXT_V2" => &["markdown"],
        "FILES" => &["fileId", "label"],
        _ => &[],
    }
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The id cannot be one of this workspace.
pub(crate) fn no_such_record() -> Error {
    Error::new(ErrorKind::NotFound, UPDATE, "there is no such record", Retry::Never)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(answer: &Json, count: usize) -> Vec<String> {
        let name = |outcome| match outcome {
            Outcome::Done(record) => record["id"].to_string(),
            Outcome::Refused(refusal) => refusal.message.clone(),
            Outcome::Open => "open".to_owned(),
        };
        outcomes(answer, count).into_iter().map(name).collect()
    }

    #[test]
    fn each_update_gets_its_own_answer() {
        let error = |message: &str| json!({"message": message, "extensions": {"code": "BAD_USER_INPUT"}});
        let at = |message: &str, path: &str| json!({"message": message, "path": [path]});
        let data = json!({"r0": {"id": 1}, "r1": null, "r2": {"id": 3}, "r3": null});
        let cases = [
            (json!({"data": data, "errors": [error("a"), error("b")]}), ["1", "a", "3", "b"]),
            (json!({"data": data, "errors": [at("b", "r3"), at("a", "r1")]}), ["1", "a", "3", "b"]),
            // Nobody can tell which one it is about.
            (json!({"data": data, "errors": [error("a")]}), ["1", "open", "3", "open"]),
            (json!({"data": null, "errors": [error("a")]}), ["open"; 4]),
            (json!({"errors": [error("a")]}), ["open"; 4]),
        ];
        for (answer, expected) in cases {
            assert_eq!(told(&answer, 4), expected, "{answer}");
        }
    }
}
