//! What goes wrong, when, and how often: scripted, so that a test can demand that it did.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One scripted fault.
///
/// ```
/// use crmkit_core::simulator::{Effect, Fault, FaultScript};
///
/// let script = FaultScript::default();
/// script.add(Fault::on("POST", "/api/v2/persons", Effect::CloseAfterApply).nth(2));
/// assert_eq!(script.take("POST", "/api/v2/persons", b"{}"), None);
/// assert_eq!(script.verify().len(), 1);
/// assert_eq!(script.take("POST", "/api/v2/persons", b"{}"), Some(Effect::CloseAfterApply));
/// assert!(script.verify().is_empty());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The method it concerns; absent: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The path it concerns: a segment `{…}` matches any one segment, a last segment `*` whatever follows.
    #[serde(default = "any_path")]
    pub path: String,
    /// What the request body must look like; absent: anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<BodyPredicate>,
    /// The first matching request that is hit, from 1.
    #[serde(default = "one")]
    pub nth: u64,
    /// How many matching requests in a row are hit; 0: all that follow.
    #[serde(default = "one")]
    pub times: u64,
    /// What happens.
    pub effect: Effect,
}

/// A condition on a request body.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyPredicate {
    /// The body contains this text.
    Contains(String),
    /// The body is JSON and has this value at this JSON pointer.
    Equals {
        /// The JSON pointer, such as `/name`.
        pointer: String,
        /// The value that must be there.
        value: Value,
    },
}

/// What a fault does to a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Effect {
    /// Answers this instead of applying.
    Status {
        /// The status.
        status: u16,
        /// The JSON body; absent: the vendor's usual error body.
        #[serde(default)]
        body: Option<Value>,
        /// Further headers.
        #[serde(default)]
        headers: Vec<(String, String)>,
    },
    /// Waits, then goes on as usual.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
    /// Closes the connection; nothing is applied.
    CloseBeforeApply,
    /// Applies, then closes the connection without an answer.
    CloseAfterApply,
    /// Applies, then sends half of the answer.
    TruncateBody,
    /// Answers 429 with this `retry-after`, sensible or not.
    RetryAfter {
        /// The header's value.
        value: String,
    },
    /// Answers as to a token that is not valid any more.
    ExpiredToken,
    /// Answers as when the day's budget is spent.
    BudgetSpent,
    /// Answers a page of HTML, as gateways do.
    Html {
        /// The status.
        status: u16,
        /// The page; absent: a short one.
        #[serde(default)]
        body: Option<String>,
    },
    /// Applies, then answers 200 with something that claims to be JSON and is not.
    Garbage,
    /// Resets the connection without an answer; nothing is applied.
    Reset,
    /// Applies, then resets the connection after half of the answer.
    ResetBody,
    /// Keeps the connection open and never answers; nothing is applied.
    Hang,
    /// Applies, sends half of the answer and then nothing more, with the connection kept open.
    Stall,
    /// Applies, then does this with the answer: how a gateway's error page or a lost connection hides a success.
    AfterApply(Box<Effect>),
}

impl Effect {
    /// The same effect, on a request that was applied all the same.
    ///
    /// ```
    /// use crmkit_core::simulator::Effect;
    /// let timeout_with_commit = Effect::Hang.after_apply();
    /// assert_eq!(timeout_with_commit, Effect::AfterApply(Box::new(Effect::Hang)));
    /// ```
    #[must_use]
    pub fn after_apply(self) -> Self {
        Self::AfterApply(Box::new(self))
    }

    /// Whether the request is applied before anything else, and what happens then.
    pub fn peeled(self) -> (bool, Self) {
        match self {
            Self::AfterApply(then) => (true, then.peeled().1),
            effect => (false, effect),
        }
    }

    /// Answers this status with a JSON body of its own, instead of applying.
    pub fn answer(status: u16, body: Value) -> Self {
        Self::Status { status, body: Some(body), headers: Vec::new() }
    }
}

fn any_path() -> String {
    "*".into()
}

fn one() -> u64 {
    1
}

impl Fault {
    /// A fault for the first request with `method` (`*`: any) on a path like `path`.
    pub fn on(method: &str, path: &str, effect: Effect) -> Self {
        let method = (method != "*").then(|| method.to_owned());
        Self { method, path: path.to_owned(), body: None, nth: 1, times: 1, effect }
    }

    /// A fault for the very next request.
    pub fn next(effect: Effect) -> Self {
        Self::on("*", "*", effect)
    }

    /// Starts at the `nth` matching request, from 1.
    #[must_use]
    pub fn nth(mut self, nth: u64) -> Self {
        self.nth = nth;
        self
    }

    /// Hits that many matching requests in a row; 0: all that follow.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }

    /// Hits only requests whose body fits.
    #[must_use]
    pub fn when(mut self, body: BodyPredicate) -> Self {
        self.body = Some(body);
        self
    }

    fn concerns(&self, method: &str, path: &str, body: &[u8]) -> bool {
        self.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && path_matches(&self.path, path)
            && self.body.as_ref().is_none_or(|predicate| predicate.holds(body))
    }
}

impl BodyPredicate {
    fn holds(&self, body: &[u8]) -> bool {
        match self {
            Self::Contains(text) => String::from_utf8_lossy(body).contains(text.as_str()),
            Self::Equals { pointer, value } => {
                serde_json::from_slice::<Value>(body).is_ok_and(|body| body.pointer(pointer) == Some(value))
            }
        }
    }
}

fn path_matches(pattern: &str, path: &str) -> bool {
    let mut wanted = pattern.split('/').filter(|segment| !segment.is_empty());
    let mut given = path.split('/').filter(|segment| !segment.is_empty());
    loop {
        match (wanted.next(), given.next()) {
            (Some("*"), _) | (None, None) => return true,
            (Some(wanted), Some(given)) if wanted == given || wanted.starts_with('{') => {}
            _ => return false,
        }
    }
}

#[derive(Debug)]
struct Scripted {
    fault: Fault,
    seen: u64,
    fired: u64,
}

/// The faults of one run, in the order in which they were added.
#[derive(Debug, Default)]
pub struct FaultScript {
    faults: Mutex<Vec<Scripted>>,
}

impl FaultScript {
    /// Adds a fault; its count of matching requests starts now.
    pub fn add(&self, fault: Fault) {
        self.lock().push(Scripted { fault, seen: 0, fired: 0 });
    }

    /// What happens to this request. Every matching fault counts it; the first that is due takes it.
    pub fn take(&self, method: &str, path: &str, body: &[u8]) -> Option<Effect> {
        let mut effect = None;
        for scripted in self.lock().iter_mut().filter(|scripted| scripted.fault.concerns(method, path, body)) {
            scripted.seen += 1;
            let due = scripted.seen >= scripted.fault.nth
                && (scripted.fault.times == 0 || scripted.fired < scripted.fault.times);
            if due && effect.is_none() {
                scripted.fired += 1;
                effect = Some(scripted.fault.effect.clone());
            }
        }
        effect
    }

    /// The faults that have not fired as often as scripted (at least once, for those without an end).
    pub fn verify(&self) -> Vec<Fault> {
        let missing = |scripted: &&Scripted| scripted.fired < scripted.fault.times.max(1);
        self.lock().iter().filter(missing).map(|scripted| scripted.fault.clone()).collect()
    }

    /// Forgets all faults.
    pub fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Scripted>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Loses the answer of every n-th write: applied, then dropped.
///
/// ```
/// use crmkit_core::simulator::DropEvery;
/// let drop = DropEvery::new(2);
/// assert_eq!([drop.hits(), drop.hits(), drop.hits(), drop.hits()], [false, true, false, true]);
/// assert!(!DropEvery::new(0).hits());
/// ```
#[derive(Debug)]
pub struct DropEvery {
    every: u64,
    count: AtomicU64,
}

impl DropEvery {
    /// Every `every`-th; 0: never.
    pub fn new(every: u64) -> Self {
        Self { every, count: AtomicU64::new(0) }
    }

    /// Counts one write and says whether its answer is lost.
    pub fn hits(&self) -> bool {
        self.every > 0 && (self.count.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(self.every)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_match_by_segment() {
        let cases = [
            ("*", "/a/b", true),
            ("/a/{}", "/a/b", true),
            ("/a/{id}", "/a", false),
            ("/a/*", "/a/b/c", true),
            ("/a", "/a/b", false),
            ("/a/{}/c", "/a/b/c", true),
        ];
        for (pattern, path, expected) in cases {
            assert_eq!(path_matches(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn a_fault_reads_the_body_and_counts() {
        let script = FaultScript::default();
        let equals = BodyPredicate::Equals { pointer: "/name".into(), value: "Ann".into() };
        script.add(Fault::on("POST", "/p", Effect::Garbage).when(equals).nth(2).times(2));
        let ann = br#"{"name":"Ann"}"#;
        let hits: Vec<bool> = (0..4).map(|_| script.take("POST", "/p", ann).is_some()).collect();
        assert_eq!(hits, [false, true, true, false]);
        assert_eq!(script.take("POST", "/p", br#"{"name":"Bob"}"#), None);
    }

    #[test]
    fn faults_are_plain_json() {
        let fault: Fault = serde_json::from_str(
            r#"{"method":"POST","path":"/api/v2/deals","body":{"contains":"x"},"effect":{"status":{"status":503}}}"#,
        )
        .unwrap();
        assert_eq!(fault.nth, 1);
        assert_eq!(serde_json::to_value(Effect::CloseAfterApply).unwrap(), "close_after_apply");
        let nested = serde_json::to_value(Effect::Hang.after_apply()).unwrap();
        assert_eq!(nested, serde_json::json!({"after_apply": "hang"}));
    }
}
