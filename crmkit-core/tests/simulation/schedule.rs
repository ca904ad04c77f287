//! What goes wrong in one world, and when: drawn from a seed, printed in full where the world ends badly.

use std::{collections::BTreeMap, fmt, time::Duration};

use crmkit_core::testing::MockFault;

/// Numbers from a seed (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// A number from `first` to `last`.
    pub(crate) fn among(&mut self, first: usize, last: usize) -> usize {
        first + self.below(last + 1 - first)
    }

    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// What a process is at when something happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Step {
    Prepare,
    /// Approving, starting and closing passes, making documents.
    Control,
    Match,
    Write,
    /// Looking for writes whose answer was lost.
    Recover,
    Link,
    Verify,
    Survey,
    Unlink,
    Undo,
    Retire,
}

impl Step {
    pub(crate) const ALL: [Self; 11] = [
        Self::Prepare,
        Self::Control,
        Self::Match,
        Self::Write,
        Self::Recover,
        Self::Link,
        Self::Verify,
        Self::Survey,
        Self::Unlink,
        Self::Undo,
        Self::Retire,
    ];

    /// Whether its faults hit requests that change something.
    pub(crate) fn changes(self) -> bool {
        matches!(self, Self::Prepare | Self::Write | Self::Link | Self::Unlink | Self::Undo | Self::Retire)
    }

    /// About how many such requests a world makes in it.
    fn requests(self) -> usize {
        match self {
            Self::Control => 20,
            Self::Match | Self::Recover => 2,
            Self::Write => 50,
            Self::Undo => 45,
            Self::Verify | Self::Survey | Self::Link => 8,
            Self::Prepare => 8,
            Self::Unlink => 2,
            Self::Retire => 7,
        }
    }

    /// About how many turns of the executor a world spends in it.
    fn turns(self) -> usize {
        match self {
            Self::Control => 200,
            Self::Match => 20,
            Self::Recover => 2,
            Self::Write => 300,
            Self::Undo => 200,
            Self::Prepare | Self::Verify | Self::Survey | Self::Link => 60,
            Self::Unlink | Self::Retire => 30,
        }
    }

    /// What can happen in it.
    pub(crate) fn faults(self) -> Vec<Fault> {
        let mut faults = vec![Fault::Death, Fault::Freeze];
        faults.extend([
            Fault::Refused,
            Fault::RefusedWithoutTime,
            Fault::ServerError,
            Fault::Delay,
            Fault::DaySpent,
            Fault::TokenExpired,
        ]);
        if self.changes() {
            faults.extend([Fault::LostRequest, Fault::LostAnswer, Fault::Unreadable, Fault::Late]);
        }
        if self == Self::Recover {
            faults.push(Fault::StaleIndex);
        }
        faults
    }
}

/// What happens to a request, or to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Fault {
    /// 429 with `Retry-After`.
    Refused,
    /// 429 without.
    RefusedWithoutTime,
    /// 5xx.
    ServerError,
    /// It never arrives.
    LostRequest,
    /// It is applied, and the answer dropped.
    LostAnswer,
    /// It is applied, and the answer is no answer.
    Unreadable,
    /// It takes its time.
    Delay,
    /// The caller gave up, and it is applied later.
    Late,
    /// The day's budget is gone.
    DaySpent,
    /// Every request is refused until the host brings a new token.
    TokenExpired,
    /// The look-up does not see the newest records.
    StaleIndex,
    /// The process is gone between two polls.
    Death,
    /// The process stands still for longer than a lease lasts, and goes on.
    Freeze,
}

/// Something that will happen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planned {
    pub(crate) step: Step,
    /// The nth request of the step, or turn of the executor in it.
    pub(crate) nth: usize,
    pub(crate) fault: Fault,
    /// How long, where that says something.
    pub(crate) seconds: u64,
}

impl Planned {
    /// What the mock does.
    pub(crate) fn to_mock(self) -> Option<MockFault> {
        let wait = Duration::from_secs(self.seconds);
        Some(match self.fault {
            Fault::Refused => MockFault::RefuseBeforeApply(wait),
            Fault::RefusedWithoutTime => MockFault::RefuseBeforeApply(Duration::ZERO),
            Fault::ServerError => MockFault::ServerError,
            Fault::LostRequest => MockFault::CloseBeforeApply,
            Fault::LostAnswer => MockFault::CloseAfterApply,
            Fault::Unreadable => MockFault::Garbage,
            Fault::Delay => MockFault::Delay(wait),
            Fault::Late => MockFault::Late(wait),
            Fault::DaySpent => MockFault::DaySpent(wait),
            Fault::TokenExpired => MockFault::TokenExpired,
            Fault::StaleIndex => MockFault::StaleIndex(wait),
            Fault::Death | Fault::Freeze => return None,
        })
    }
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.to_mock().is_some() { "request" } else { "turn" };
        write!(f, "{:?} {what} {}: {:?} ({} s)", self.step, self.nth, self.fault, self.seconds)
    }
}

/// Everything that will happen in a world.
pub(crate) fn schedule(draw: &mut Draw) -> Vec<Planned> {
    let mut planned: Vec<Planned> = (0..draw.among(3, 9)).map(|_| any(draw)).collect();
    // Without a lost answer nobody looks for anything.
    let fault = draw.of(&[Fault::LostAnswer, Fault::LostRequest, Fault::Late]);
    planned.push(at(draw, draw_step(draw.clone()), fault));
    planned.sort_by_key(|planned| (planned.step, planned.nth));
    planned
}

fn draw_step(mut draw: Draw) -> Step {
    draw.of(&[Step::Write, Step::Write, Step::Link])
}

fn any(draw: &mut Draw) -> Planned {
    // Few records have a link that is taken back for its own sake, and few answers are lost.
    let step = if draw.one_in(5) { draw.of(&[Step::Unlink, Step::Unlink, Step::Recover]) } else { draw.of(&Step::ALL) };
    let fault = draw.of(&step.faults());
    at(draw, step, fault)
}

fn at(draw: &mut Draw, step: Step, fault: Fault) -> Planned {
    let seconds = match fault {
        Fault::Refused => draw.among(1, 90),
        // A look-up, a late request and a clock's skew share what the engine waits before it believes a look-up.
        Fault::Delay | Fault::Late => draw.among(1, 15),
        Fault::StaleIndex => draw.among(1, 20),
        Fault::DaySpent => draw.among(600, 4_000),
        Fault::Freeze => draw.among(185, 500),
        _ => 0,
    };
    let range = if matches!(fault, Fault::Death | Fault::Freeze) { step.turns() } else { step.requests() };
    Planned { step, nth: draw.among(1, range), fault, seconds: seconds as u64 }
}

/// What happened, over many worlds.
#[derive(Debug, Default)]
pub(crate) struct Coverage {
    pub(crate) faults: BTreeMap<(Step, Fault), u64>,
    /// Units that were executed while another worker was at the same run.
    pub(crate) rivals: BTreeMap<Step, u64>,
    pub(crate) fenced: u64,
    pub(crate) busy: u64,
    pub(crate) conflicts: u64,
    pub(crate) adopted: u64,
    pub(crate) resent: u64,
    pub(crate) held: u64,
}

impl Coverage {
    pub(crate) fn add(&mut self, other: &Self) {
        other.faults.iter().for_each(|(key, count)| *self.faults.entry(*key).or_default() += count);
        other.rivals.iter().for_each(|(key, count)| *self.rivals.entry(*key).or_default() += count);
        self.fenced += other.fenced;
        self.busy += other.busy;
        self.conflicts += other.conflicts;
        self.adopted += other.adopted;
        self.resent += other.resent;
        self.held += other.held;
    }

    /// What happened less often than `least` times although it can happen.
    pub(crate) fn gaps(&self, least: u64) -> Vec<String> {
        let mut gaps = Vec::new();
        for step in Step::ALL {
            for fault in step.faults() {
                let count = self.faults.get(&(step, fault)).copied().unwrap_or(0);
                if count < least {
                    gaps.push(format!("{step:?} x {fault:?}: {count}"));
                }
            }
            let count = self.rivals.get(&step).copied().unwrap_or(0);
            if count < least && !matches!(step, Step::Recover | Step::Control | Step::Prepare | Step::Survey) {
                gaps.push(format!("{step:?} x two workers: {count}"));
            }
        }
        gaps
    }
}
