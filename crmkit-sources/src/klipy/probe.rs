//! What answers at the address, and what the key may read: the first question of every migration off Klipy.

use crmkit_core::{ErrorKind, Result, http::Answer};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{client::Client, templates::TEMPLATES, wire};

/// What was found, and what follows from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Where records come from.
    pub extraction: Extraction,
    /// Who answers at the address.
    pub answering: Answering,
    /// People.
    pub people: Access,
    /// Companies that people and interactions name.
    pub companies: Access,
    /// Interactions.
    pub interactions: Access,
    /// The files that have to be filled in.
    pub files: Vec<String>,
}

/// Where records come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extraction {
    /// The interface, and files for what it does not give.
    ApiToApi,
    /// Files for everything.
    CsvHarvest,
}

/// Who answers at the address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answering {
    /// Klipy, and this is the key's workspace.
    Klipy {
        /// Its name.
        team: String,
    },
    /// Klipy, which refuses the key: a new one is needed.
    KeyRefused,
    /// Klipy, and the key lacks the scope even for its own name.
    ScopeMissing,
    /// Somebody else: a web site, a gateway, or the GIF service of the same name.
    SomebodyElse {
        /// The status.
        status: u16,
    },
    /// Nobody.
    Nobody,
    /// No key was given, so nobody was asked.
    NotAsked,
}

/// Whether something can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// It can.
    Readable,
    /// The key lacks the scope.
    ScopeMissing,
    /// The call is not there or answers something else.
    Absent,
    /// Nobody could tell: there was no record to try it with, or the key was refused.
    Unknown,
}

pub(super) async fn probe(client: Option<&Client>) -> Result<Probe> {
    let mut probe = Probe {
        extraction: Extraction::CsvHarvest,
        answering: Answering::NotAsked,
        people: Access::Unknown,
        companies: Access::Unknown,
        interactions: Access::Unknown,
        files: Vec::new(),
    };
    if let Some(client) = client {
        probe.answering = answering(client).await?;
        if matches!(probe.answering, Answering::Klipy { .. }) {
            probe.extraction = Extraction::ApiToApi;
            let (people, person) = list(client, "/people/query", "people").await?;
            let (interactions, interaction) = list(client, "/interactions/query", "interactions").await?;
            (probe.people, probe.interactions) = (people, interactions);
            let employer = person.and_then(|row| wire::text(&row, &["companyId"]).map(str::to_owned));
            let named = || wire::ids(&interaction.unwrap_or_default(), "companies").into_iter().next();
            if let Some(company) = employer.or_else(named) {
                probe.companies = match look(client.look_at_company(&company).await)? {
                    Some((status, body)) if status == 404 && wire::is_refusal(&body) => Access::Readable,
                    found => access(found.as_ref()),
                };
            }
        }
    }
    let given = |file: &str| match file {
        "contacts.csv" => probe.people == Access::Readable,
        "companies.csv" => probe.companies == Access::Readable,
        "activities.csv" => probe.interactions == Access::Readable,
        _ => false,
    };
    probe.files = TEMPLATES.iter().map(|template| template.file.to_owned()).filter(|file| !given(file)).collect();
    Ok(probe)
}

async fn answering(client: &Client) -> Result<Answering> {
    let Some((status, body)) = look(client.look("/authenticate").await)? else { return Ok(Answering::Nobody) };
    // A refusal counts as Klipy's only in Klipy's envelope: others have the same status codes.
    Ok(match status {
        200 => match wire::team(&body) {
            Some(team) => Answering::Klipy { team },
            None => Answering::SomebodyElse { status },
        },
        401 if wire::is_refusal(&body) => Answering::KeyRefused,
        403 if wire::is_refusal(&body) => Answering::ScopeMissing,
        _ => Answering::SomebodyElse { status },
    })
}

/// Whether a list can be read, and its first record.
async fn list(client: &Client, path: &'static str, name: &str) -> Result<(Access, Option<Json>)> {
    let found = look(client.look(path).await)?;
    let (access, first) = match found {
        Some((200, body)) => match wire::list(body, name) {
            Some(page) => (Access::Readable, page.items.into_iter().next()),
            None => (Access::Absent, None),
        },
        found => (access(found.as_ref()), None),
    };
    Ok((access, first))
}

fn access(found: Option<&(u16, Json)>) -> Access {
    match found {
        Some((200, body)) if wire::data(body).is_some() => Access::Readable,
        Some((403, body)) if wire::is_refusal(body) => Access::ScopeMissing,
        Some((401, _)) => Access::Unknown,
        _ => Access::Absent,
    }
}

/// Status and body of an answer; `None` where there is none. Only a limit is worth waiting for.
fn look(answer: Result<Answer>) -> Result<Option<(u16, Json)>> {
    match answer {
        Ok(answer) => Ok(Some((answer.status, serde_json::from_slice(&answer.body).unwrap_or_default()))),
        Err(error) if error.kind() == ErrorKind::Limited => Err(error),
        Err(_) => Ok(None),
    }
}
