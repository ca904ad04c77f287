//! OAuth: codes are exchanged for tokens, access tokens expire, refresh tokens are replaced when they are used.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use crmkit_core::simulator::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::answer::Answer;
use super::endpoints;
use super::state::State;

/// The one app that is registered with the simulator.
pub(super) const CLIENT_ID: &str = "crmkit-app";
pub(super) const CLIENT_SECRET: &str = "crmkit-app-secret";

const ACCESS_SECONDS: i64 = 3_600;
const CODE_MINUTES: i64 = 5;
const REFRESH_DAYS: i64 = 60;

/// What a user has granted to the app, kept in the profile of the company.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Grant {
    pub(super) user: i64,
    pub(super) scopes: Vec<String>,
    /// A code that was not exchanged yet, and until when it can be.
    code: Option<(String, DateTime<Utc>)>,
    refresh: Option<(String, DateTime<Utc>)>,
    /// Access tokens, each until its end.
    access: Vec<(String, DateTime<Utc>)>,
    /// How many tokens were given, so that none comes twice.
    given: u64,
}

/// Tokens of one grant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OAuthTokens {
    /// The access token for `Authorization: Bearer`.
    pub access_token: String,
    /// The token for the next pair of tokens.
    pub refresh_token: String,
    /// The app to which they were granted.
    pub client_id: String,
    /// The secret of the app.
    pub client_secret: String,
}

impl Grant {
    fn new(user: i64, scopes: Vec<String>) -> Self {
        Self { user, scopes, code: None, refresh: None, access: Vec::new(), given: 0 }
    }

    fn secret(&mut self, company: &str, kind: &str) -> String {
        self.given += 1;
        let digest = Sha256::digest(format!("{kind} {} of {} at {company}", self.given, self.user));
        digest.iter().take(20).map(|byte| format!("{byte:02x}")).collect()
    }

    /// A new pair of tokens; the refresh token is kept unless it is to be replaced.
    fn renew(&mut self, company: &str, now: DateTime<Utc>, rotate: bool) -> (String, String) {
        self.code = None;
        self.access.retain(|(_, until)| *until > now);
        let access = format!("v1u:{}", self.secret(company, "access"));
        self.access.push((access.clone(), now + TimeDelta::seconds(ACCESS_SECONDS)));
        let kept = self.refresh.take().filter(|_| !rotate).map(|(token, _)| token);
        let refresh = kept.unwrap_or_else(|| format!("1:1:{}", self.secret(company, "refresh")));
        self.refresh = Some((refresh.clone(), now + TimeDelta::days(REFRESH_DAYS)));
        (access, refresh)
    }

    /// The access tokens that it has given and not forgotten yet.
    pub(super) fn tokens(&self) -> impl Iterator<Item = &str> {
        self.access.iter().map(|(token, _)| token.as_str())
    }

    pub(super) fn admits(&self, token: &str, now: DateTime<Utc>) -> bool {
        self.access.iter().any(|(known, until)| known == token && now < *until)
    }

    fn has_code(&self, code: &str, now: DateTime<Utc>) -> bool {
        self.code.as_ref().is_some_and(|(known, until)| known == code && now < *until)
    }

    fn has_refresh(&self, token: &str, now: DateTime<Utc>) -> bool {
        self.refresh.as_ref().is_some_and(|(known, until)| known == token && now < *until)
    }
}

/// Grants the app access for a user, with all scopes if none are named.
pub(super) fn grant(state: &State, company: &str, user: i64, scopes: Vec<String>) -> Result<OAuthTokens, String> {
    let company = state.by_name(company).ok_or("there is no such company")?;
    let scopes = if scopes.is_empty() { endpoints::scopes() } else { scopes };
    let now = state.clock.now();
    let mut tokens = (String::new(), String::new());
    state.change(&company, |profile| {
        let mut grant = Grant::new(user, scopes);
        grant.given = 100 * profile.grants.len() as u64;
        tokens = grant.renew(&profile.name, now, true);
        profile.grants.push(grant);
    })?;
    let (access_token, refresh_token) = tokens;
    Ok(OAuthTokens { access_token, refresh_token, client_id: CLIENT_ID.into(), client_secret: CLIENT_SECRET.into() })
}

fn refused(status: u16, error: &str, message: &str) -> Answer {
    Answer::new(status, json!({ "success": false, "error": error, "message": message }))
}

fn has_credentials(headers: &HeaderMap) -> bool {
    let basic = headers.get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("Basic "));
    let given = basic.and_then(|basic| STANDARD.decode(basic.trim()).ok());
    given.is_some_and(|given| given == format!("{CLIENT_ID}:{CLIENT_SECRET}").into_bytes())
}

/// The consent page, which a person has approved at once: off to the app with a code.
pub(super) fn authorize(state: &State, query: &[(String, String)]) -> Answer {
    let of = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let (Some(CLIENT_ID), Some(redirect)) = (of("client_id"), of("redirect_uri")) else {
        return refused(400, "invalid_request", "client_id and redirect_uri must be given");
    };
    let Some(company) = state.default_company() else { return refused(404, "not_found", "no company") };
    let Ok(mut address) = url::Url::parse(redirect) else {
        return refused(400, "invalid_request", "redirect_uri is not an address");
    };
    let until = state.clock.now() + TimeDelta::minutes(CODE_MINUTES);
    let mut code = String::new();
    let changed = state.change(&company, |profile| {
        let mut grant = Grant::new(1, endpoints::scopes());
        grant.given = 100 * profile.grants.len() as u64;
        code = grant.secret(&profile.name, "code");
        grant.code = Some((code.clone(), until));
        profile.grants.push(grant);
    });
    if let Err(error) = changed {
        return Answer::error(500, &error);
    }
    address.query_pairs_mut().append_pair("code", &code);
    if let Some(state) = of("state") {
        address.query_pairs_mut().append_pair("state", state);
    }
    Answer::redirect(address.into())
}

/// The token endpoint.
pub(super) fn token(state: &State, headers: &HeaderMap, body: &[u8], host: &str) -> Answer {
    if !has_credentials(headers) {
        return refused(401, "invalid_client", "client credentials are not valid");
    }
    let form: Vec<(String, String)> = url::form_urlencoded::parse(body).into_owned().collect();
    let of = |name: &str| form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    let now = state.clock.now();
    let (kind, secret) = match of("grant_type") {
        "authorization_code" => ("code", of("code")),
        "refresh_token" => ("refresh", of("refresh_token")),
        _ => return refused(400, "unsupported_grant_type", "grant_type is not supported"),
    };
    let fits =
        |grant: &Grant| if kind == "code" { grant.has_code(secret, now) } else { grant.has_refresh(secret, now) };
    let Some(company) = state.all().into_iter().find(|company| company.profile().grants.iter().any(fits)) else {
        return refused(400, "invalid_grant", "the code or the refresh token is not valid");
    };
    let mut answer = Value::Null;
    let changed = state.change(&company, |profile| {
        let rotate = profile.switches.refresh_tokens_rotate;
        let name = profile.name.clone();
        if let Some(grant) = profile.grants.iter_mut().find(|grant| fits(grant)) {
            let (access, refresh) = grant.renew(&name, now, rotate);
            answer = json!({
                "access_token": access, "token_type": "Bearer", "refresh_token": refresh,
                "scope": grant.scopes.join(" "), "expires_in": ACCESS_SECONDS, "api_domain": format!("http://{host}"),
            });
        }
    });
    match changed {
        Ok(()) if answer.is_object() => Answer::new(200, answer),
        Ok(()) => refused(400, "invalid_grant", "the code or the refresh token is not valid"),
        Err(error) => Answer::error(500, &error),
    }
}
