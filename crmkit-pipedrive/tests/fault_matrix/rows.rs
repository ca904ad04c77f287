//! The rows: what goes wrong, and what the connector has to make of it.

use std::time::Duration;

use crmkit_core::{
    ErrorKind,
    chrono::{DateTime, Utc},
    simulator::Effect,
};
use serde_json::json;

use crate::{
    account::Options,
    operation::{Class, Operation},
};

/// What the caller is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Never,
    /// Not before so many seconds.
    After(u64),
    Verify,
}

/// How a call ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It is done; between the requests are at least so many seconds each.
    Done(Vec<u64>),
    /// It fails after so many requests.
    Failed(ErrorKind, Told, usize),
    /// It fails after several requests, with growing pauses between them.
    GivenUp(ErrorKind),
}

/// One fault.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) effect: fn(DateTime<Utc>) -> Effect,
    /// How many requests it hits; 0: all.
    pub(crate) times: u64,
    pub(crate) options: Options,
    pub(crate) end: fn(&Operation) -> End,
    /// A create leaves something behind.
    pub(crate) applied: bool,
    /// The answer is a good one, by its status.
    pub(crate) good: bool,
    /// What the message has to say, so that a person can act on it.
    pub(crate) says: &'static str,
}

fn row(name: &'static str, effect: fn(DateTime<Utc>) -> Effect, end: fn(&Operation) -> End) -> Row {
    Row { name, effect, times: 1, options: Options::default(), end, applied: false, good: false, says: "" }
}

impl Row {
    fn applied(self) -> Self {
        Self { applied: true, ..self }
    }

    fn good(self) -> Self {
        Self { good: true, ..self }
    }

    fn says(self, says: &'static str) -> Self {
        Self { says, ..self }
    }

    fn always(self) -> Self {
        Self { times: 0, ..self }
    }

    fn limited(mut self) -> Self {
        self.options.limits = true;
        self
    }

    fn impatient(mut self) -> Self {
        self.options.impatient = true;
        self
    }
}

fn status(status: u16) -> Effect {
    Effect::Status { status, body: None, headers: Vec::new() }
}

fn html(status: u16) -> Effect {
    Effect::Html { status, body: None }
}

fn refusal(status: u16, error: &str) -> Effect {
    Effect::answer(status, json!({"success": false, "error": error, "data": null}))
}

/// What may have been applied is verified; a read is repeated.
fn lost(operation: &Operation) -> End {
    lost_as(operation, ErrorKind::Unavailable)
}

fn lost_as(operation: &Operation, kind: ErrorKind) -> End {
    match operation.class() {
        Class::Reads => End::Failed(kind, Told::After(1), 1),
        Class::Creates | Class::Changes => End::Failed(kind, Told::Verify, 1),
    }
}

fn refused(kind: ErrorKind) -> End {
    End::Failed(kind, Told::Never, 1)
}

/// What is gone is removed already, and is no record.
fn gone(operation: &Operation) -> End {
    match operation.verb() {
        "remove" | "retire" => End::Done(Vec::new()),
        "get" => End::Failed(ErrorKind::State, Told::Never, 1),
        _ => refused(ErrorKind::NotFound),
    }
}

/// An answer without what it should carry.
fn hollow(operation: &Operation) -> End {
    match (operation.class(), operation.verb()) {
        (Class::Creates, _) => End::Failed(ErrorKind::Protocol, Told::Verify, 1),
        (_, "remove" | "retire") => End::Done(Vec::new()),
        _ => refused(ErrorKind::Protocol),
    }
}

fn redirected(operation: &Operation) -> End {
    match operation.class() {
        Class::Creates => End::Failed(ErrorKind::Protocol, Told::Verify, 1),
        _ => refused(ErrorKind::Protocol),
    }
}

const SERVERS: &str = "look at its status page";
const CONNECTION: &str = "check the network";
const ADDRESS: &str = "check that the base address";

/// Answers that come.
pub(crate) fn answered() -> Vec<Row> {
    vec![
        row("429, seconds", |_| Effect::RetryAfter { value: "7".into() }, |_| End::Done(vec![7])).applied(),
        row(
            "429, date",
            |now| Effect::RetryAfter {
                value: (now + Duration::from_secs(20)).format("%a, %d %b %Y %H:%M:%S GMT").to_string(),
            },
            |_| End::Done(vec![18]),
        )
        .applied(),
        row("429, nothing", |_| status(429), |_| End::Done(vec![2])).applied(),
        row("429, nonsense", |_| Effect::RetryAfter { value: "soon".into() }, |_| End::Done(vec![2])).applied(),
        row("429, window", |_| status(429), |_| End::Done(vec![2])).applied().limited(),
        row(
            "429, longer than the call may wait",
            |_| Effect::RetryAfter { value: "900".into() },
            |_| End::Failed(ErrorKind::Limited, Told::After(900), 1),
        )
        .says("other programs use this account"),
        row("429 without end", |_| status(429), |_| End::GivenUp(ErrorKind::Limited))
            .always()
            .says("other programs use this account"),
        row("day spent", |_| Effect::BudgetSpent, |_| End::Failed(ErrorKind::Limited, Told::After(13 * 3600), 1))
            .limited()
            .says("the day's tokens are spent"),
        row("500", |_| status(500), lost).says(SERVERS),
        row("500 of a gateway", |_| html(500), lost).says(SERVERS),
        row("500 after all", |_| status(500).after_apply(), lost).applied().says(SERVERS),
        row("502 of a gateway", |_| html(502), lost).says(SERVERS),
        row("502 of a gateway after all", |_| html(502).after_apply(), lost).applied().says(SERVERS),
        row("503", |_| status(503), lost).says(SERVERS),
        row(
            "503, seconds",
            |_| Effect::Status { status: 503, body: None, headers: vec![("retry-after".into(), "120".into())] },
            |operation| match operation.class() {
                Class::Reads => End::Failed(ErrorKind::Unavailable, Told::After(120), 1),
                _ => lost(operation),
            },
        )
        .says(SERVERS),
        row("504 after all", |_| html(504).after_apply(), lost).applied().says(SERVERS),
        row("408", |_| status(408), lost).says(SERVERS),
        row(
            "200 with an error",
            |_| refusal(200, "Deal 'Secret deal' of ann@secret.example is not valid."),
            |_| refused(ErrorKind::Rejected),
        )
        .good()
        .says("is not valid"),
        row("201 without id", |_| Effect::answer(201, json!({"success": true, "data": {}})).after_apply(), hollow)
            .applied()
            .good()
            .says(ADDRESS),
        row("200 of somebody else", |_| html(200), |operation| lost_as(operation, ErrorKind::Protocol))
            .good()
            .says(ADDRESS),
        row("malformed JSON", |_| Effect::Garbage, |operation| lost_as(operation, ErrorKind::Protocol))
            .applied()
            .good()
            .says(ADDRESS),
        row(
            "redirect",
            |_| Effect::Status {
                status: 302,
                body: None,
                headers: vec![("location".into(), "/api/v2/secret?api_token=Secret".into())],
            },
            redirected,
        )
        .says("check the base address"),
        row("403 of the gateway", |_| html(403), |_| End::Failed(ErrorKind::Limited, Told::After(300), 1))
            .says("let other programs with this token pause, too"),
        row(
            "403, permission",
            |_| refusal(403, "You do not have permissions to do this."),
            |_| refused(ErrorKind::Auth),
        )
        .says("give the token's user this permission"),
        row(
            "403, plan",
            |_| {
                let error = "Couldn't add the deal. Open deals limit reached.";
                Effect::answer(403, json!({"success": false, "error": error, "code": "feature_capping_deals_limit"}))
            },
            |_| refused(ErrorKind::Capped),
        )
        .says("raise the account's plan"),
        row("401", |_| Effect::ExpiredToken, |_| refused(ErrorKind::Auth)).says("give a valid token"),
        row("402", |_| refusal(402, "Payment required"), |_| refused(ErrorKind::Capped)).says("has to be paid"),
        row(
            "400",
            |_| refusal(400, "Name 'Secret Acme' of ann@secret.example is taken."),
            |_| refused(ErrorKind::Rejected),
        )
        .says("is taken"),
        row("404", |_| refusal(404, "Entity was not found"), gone).says("not"),
        row("501", |_| status(501), |_| refused(ErrorKind::Protocol)).says("a newer release may"),
        row("a slow answer", |_| Effect::Delay { ms: 30 }, |_| End::Done(Vec::new())).applied(),
    ]
}

/// Answers that do not come, or not whole.
pub(crate) fn cut() -> Vec<Row> {
    vec![
        row("closed before", |_| Effect::CloseBeforeApply, lost).says(CONNECTION),
        row("closed after", |_| Effect::CloseAfterApply, lost).applied().says(CONNECTION),
        row("reset before headers", |_| Effect::Reset, lost).says(CONNECTION),
        row("reset before headers, after all", |_| Effect::Reset.after_apply(), lost).applied().says(CONNECTION),
        row("reset in the body", |_| Effect::ResetBody, lost).applied().says(CONNECTION),
        row("cut in the body", |_| Effect::TruncateBody, lost).applied().says(CONNECTION),
    ]
}

/// Silence.
pub(crate) fn silent() -> Vec<Row> {
    vec![
        row("timeout", |_| Effect::Hang, lost).impatient().says("allow a longer timeout"),
        row("timeout with commit", |_| Effect::Hang.after_apply(), lost)
            .impatient()
            .applied()
            .says("allow a longer timeout"),
        row("a body that does not end", |_| Effect::Stall, lost).impatient().applied().says("allow a longer timeout"),
    ]
}
