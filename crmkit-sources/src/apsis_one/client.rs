//! Requests without meaning: definitions, one profile's calls, and exports from their request to the whole file.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crmkit_core::{
    CostClass, Digest, Error, ErrorKind, Result, Retry,
    chrono::{DateTime, TimeDelta, Utc},
    http::{
        Answer, Request, Transport,
        reqwest::{Method, Url},
    },
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::{error::status, wire};

/// The classes of the budget beside the account's own.
pub(super) const PROFILE_EXPORTS: &str = "profile_export";
pub(super) const EVENT_EXPORTS: &str = "event_export";
pub(super) const DOWNLOADS: &str = "download";

/// How long a job's file is there.
const VALIDITY: TimeDelta = TimeDelta::days(1);
/// Tries of something that was not applied and may work later.
const TRIES: u32 = 6;
/// Requests of one export before it is given up for now: files go, jobs fail.
const REQUESTS: u32 = 4;
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A path segment of a value.
pub(super) fn segment(value: &str) -> String {
    utf8_percent_encode(value, SEGMENT).to_string()
}

/// One account's interface.
pub(super) struct Client {
    transport: Transport,
    base: Url,
    export_wait: TimeDelta,
    body_limit: usize,
    /// Jobs that were asked for and whose file may still be there, by what was asked.
    jobs: Mutex<HashMap<String, Job>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// Which export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Export {
    /// Profiles with attributes, tags and a window of events, as JSON.
    Profiles,
    /// The members of a segment, as CSV.
    Segment,
    /// What happened to e-mails, as packed CSV.
    Emails,
}

impl Export {
    fn path(self) -> &'static str {
        match self {
            Self::Profiles => "/audience/profiles/exports",
            Self::Segment => "/audience/profiles/reports/segments",
            Self::Emails => "/emails/reports",
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Profiles => EVENT_EXPORTS,
            Self::Segment => PROFILE_EXPORTS,
            Self::Emails => "api",
        }
    }

    fn operation(self) -> &'static str {
        match self {
            Self::Profiles => "apsis_one.export_profiles",
            Self::Segment => "apsis_one.export_segment",
            Self::Emails => "apsis_one.export_emails",
        }
    }
}

/// A job that was asked for.
#[derive(Clone, Debug)]
struct Job {
    place: Place,
    until: DateTime<Utc>,
}

#[derive(Clone, Debug)]
enum Place {
    /// A file to poll. The old style answers 404 while it is being made.
    File { path: String, query: Vec<(String, String)>, old_style: bool },
    /// A report whose state names the file.
    Report { id: String },
}

enum Fetched {
    File(Vec<u8>),
    Running,
    /// It has to be asked for anew.
    Gone,
}

impl Client {
    pub(super) fn new(transport: Transport, base: Url, export_wait: Duration, body_limit: usize) -> Self {
        let export_wait = TimeDelta::from_std(export_wait).unwrap_or(VALIDITY);
        Self { transport, base, export_wait, body_limit, jobs: Mutex::default() }
    }

    pub(super) fn bind(&self, account: &str) {
        self.transport.bind(account);
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.transport.clock().now()
    }

    pub(super) fn body_limit(&self) -> usize {
        self.body_limit
    }

    pub(super) async fn wait(&self, wait: Duration) {
        let wait = TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX);
        self.transport.clock().sleep_until(self.now() + wait).await;
    }

    /// Sends a request that may be sent twice, again and later each time, as long as that may help.
    async fn send(&self, request: &Request) -> Result<Answer> {
        let mut wait = FIRST_WAIT;
        for attempt in 1.. {
            match self.transport.send(request.clone()).await {
                Err(error) if attempt < TRIES && may_pass(&error) => {
                    self.wait(wait).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
                answer => return answer,
            }
        }
        unreachable!("the loop ends by returning")
    }

    /// A JSON document.
    pub(super) async fn get<T: DeserializeOwned>(&self, operation: &'static str, path: &str) -> Result<T> {
        let request = Request::new(operation, Method::GET, path);
        self.send(&request).await?.json(&request)
    }

    /// All items of a list, over as many pages as the answers name.
    pub(super) async fn items<T: DeserializeOwned>(&self, operation: &'static str, path: &str) -> Result<Vec<T>> {
        let mut items = Vec::new();
        let mut request = Request::new(operation, Method::GET, path);
        for _ in 0..10_000 {
            let mut list: wire::List<T> = self.send(&request).await?.json(&request)?;
            items.append(&mut list.items);
            let Some(next) = list.next.filter(|next| !next.is_empty()) else { return Ok(items) };
            request = match self.own(&next) {
                Some((path, query)) => {
                    query.into_iter().fold(Request::new(operation, Method::GET, path), |request, (name, value)| {
                        request.query(name, value)
                    })
                }
                None => Request::new(operation, Method::GET, path).query("cursor", next),
            };
        }
        Err(Error::new(ErrorKind::Protocol, operation, "the pages of a list have no end", Retry::Never))
    }

    /// Path and query of an address that is the account's own: a token never goes elsewhere.
    fn own(&self, address: &str) -> Option<(String, Vec<(String, String)>)> {
        let url = Url::parse(address).ok().filter(|url| url.origin() == self.base.origin())?;
        let base = self.base.path().trim_end_matches('/');
        let path = url.path().strip_prefix(base).unwrap_or(url.path()).to_owned();
        Some((path, url.query_pairs().into_owned().collect()))
    }

    /// The consents of a profile in a section.
    pub(super) async fn consents(&self, keyspace: &str, key: &str, section: &str) -> Result<Vec<wire::Consent>> {
        let (keyspace, key, section) = (segment(keyspace), segment(key), segment(section));
        let path = format!("/v2/audience/keyspaces/{keyspace}/profiles/{key}/sections/{section}/consents");
        match self.items("apsis_one.consents", &path).await {
            // No consent was ever given there, or the profile went or was locked meanwhile: there is nothing to read.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            answer => answer,
        }
    }

    /// The file of an export, read by `parse`: requested, polled, downloaded, as often as it takes.
    ///
    /// With `keep`, the file is downloaded again by whoever asks for the same within its day; otherwise the next one who asks gets
    /// a new export.
    pub(super) async fn export<T>(
        &self,
        export: Export,
        body: &Json,
        keep: bool,
        parse: impl Fn(Vec<u8>) -> Result<T>,
    ) -> Result<T> {
        let spec = Digest::of_parts([export.path().as_bytes(), body.to_string().as_bytes()]).to_string();
        let mut last = None;
        for _ in 0..REQUESTS {
            let job = match self.known(&spec) {
                Some(job) => job,
                None => self.request(export, body, &spec).await?,
            };
            // A file that cannot be read is downloaded once more before a new one is asked for.
            for _ in 0..2 {
                match self.wait_for(export, &job).await? {
                    Some(file) => match parse(file) {
                        Ok(parsed) => {
                            if !keep {
                                self.forget(&spec);
                            }
                            return Ok(parsed);
                        }
                        Err(error) => last = Some(error),
                    },
                    None => break,
                }
            }
            self.forget(&spec);
        }
        let message = "the export was not to be had, although it was asked for several times";
        Err(last.unwrap_or_else(|| {
            Error::new(ErrorKind::Unavailable, export.operation(), message, Retry::After(LONGEST_WAIT))
        }))
    }

    fn known(&self, spec: &str) -> Option<Job> {
        let now = self.now();
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.retain(|_, job| job.until > now);
        jobs.get(spec).cloned()
    }

    fn forget(&self, spec: &str) {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).remove(spec);
    }

    async fn request(&self, export: Export, body: &Json, spec: &str) -> Result<Job> {
        let operation = export.operation();
        let request =
            Request::new(operation, Method::POST, export.path()).json(body).class(CostClass::from(export.class()));
        let asked: wire::Asked = self.send(&request).await?.json(&request)?;
        let unusable = |message: &str| Error::new(ErrorKind::Protocol, operation, message, Retry::Never);
        let place = match (asked.file_download_url_v2, asked.file_download_url, asked.report_id) {
            (Some(url), _, _) => self.file(&url, false),
            (None, Some(url), _) => self.file(&url, true),
            (None, None, Some(id)) => Some(Place::Report { id }),
            (None, None, None) => return Err(unusable("the answer names no place to poll")),
        };
        let place = place.ok_or_else(|| unusable("the answer names a place that is not the account's own address"))?;
        let job = Job { place, until: self.now() + VALIDITY };
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).insert(spec.to_owned(), job.clone());
        Ok(job)
    }

    fn file(&self, url: &str, old_style: bool) -> Option<Place> {
        let (path, query) = self.own(url)?;
        Some(Place::File { path, query, old_style })
    }

    /// The file once it is there; nothing where it has to be asked for anew.
    async fn wait_for(&self, export: Export, job: &Job) -> Result<Option<Vec<u8>>> {
        let end = self.now() + self.export_wait;
        let mut wait = FIRST_WAIT;
        let mut failures = 0;
        loop {
            let fetched = match &job.place {
                Place::File { path, query, old_style } => self.poll(export, path, query, *old_style).await,
                Place::Report { id } => self.report(export, id).await,
            };
            match fetched {
                Ok(Fetched::File(file)) => return Ok(Some(file)),
                Ok(Fetched::Gone) => return Ok(None),
                Ok(Fetched::Running) => {}
                Err(error) if failures < TRIES && may_pass(&error) => failures += 1,
                Err(error) => return Err(error),
            }
            let now = self.now();
            if now >= job.until {
                return Ok(None);
            }
            if now >= end {
                let message = "the export is still being made; it is waited for when the page is read again";
                return Err(Error::new(
                    ErrorKind::Unavailable,
                    export.operation(),
                    message,
                    Retry::After(LONGEST_WAIT),
                ));
            }
            self.wait(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    async fn poll(&self, export: Export, path: &str, query: &[(String, String)], old_style: bool) -> Result<Fetched> {
        let request = Request::new(export.operation(), Method::GET, path).class(CostClass::from(DOWNLOADS));
        let request = query.iter().fold(request, |request, (name, value)| request.query(name.clone(), value));
        match self.transport.send(request).await {
            Ok(answer) if answer.status == 200 => Ok(Fetched::File(answer.body)),
            Ok(_) => Ok(Fetched::Running),
            Err(error) => match status(&error) {
                Some(404) if old_style => Ok(Fetched::Running),
                Some(404 | 410) => Ok(Fetched::Gone),
                // Documented for this export: it failed, and another has to be asked for.
                Some(503) if export == Export::Profiles => Ok(Fetched::Gone),
                _ => Err(error),
            },
        }
    }

    async fn report(&self, export: Export, id: &str) -> Result<Fetched> {
        let path = format!("/emails/reports/{}", segment(id));
        let request = Request::new(export.operation(), Method::GET, path).class(CostClass::from(DOWNLOADS));
        let report: wire::Report = match self.transport.send(request.clone()).await {
            Ok(answer) => answer.json(&request)?,
            Err(error) if matches!(status(&error), Some(404 | 410)) => return Ok(Fetched::Gone),
            Err(error) => return Err(error),
        };
        match (report.status.as_str(), report.file_download_url) {
            ("failed" | "error" | "cancelled", _) => Ok(Fetched::Gone),
            ("completed", Some(url)) => {
                let message = "the report names a place that is not the account's own address";
                let (path, query) = self
                    .own(&url)
                    .ok_or_else(|| Error::new(ErrorKind::Protocol, export.operation(), message, Retry::Never))?;
                self.poll(export, &path, &query, false).await
            }
            _ => Ok(Fetched::Running),
        }
    }
}

/// Nothing was applied, and the same may work later.
fn may_pass(error: &Error) -> bool {
    matches!(error.retry(), Retry::After(_)) && error.kind() == ErrorKind::Unavailable
}
