//! What happens to users, counted: gross fates, harm against the world without a deploy, minute by minute.
//!
//! Traps: `slow` and `wrong` requests succeeded, so they are not part of the sum that makes `issued`; a request is
//! harmed at most once, by the worst thing that happened to it.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::time::{SimDuration, SimTime};

/// Requests by fate. `issued = succeeded + failed + timed_out + rejected + in_flight` always holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Sent by users.
    pub issued: u64,
    /// Answered without an error.
    pub succeeded: u64,
    /// Answered with an error.
    pub failed: u64,
    /// Given up on by the user.
    pub timed_out: u64,
    /// Turned away: no pod, or a full queue.
    pub rejected: u64,
    /// Not answered at the end of the span.
    pub in_flight: u64,
    /// Of the succeeded ones: slower than the SLO allows.
    pub slow: u64,
    /// Of the succeeded ones: answered wrongly.
    pub wrong: u64,
}

impl Counts {
    /// Whether every request issued is accounted for.
    pub fn is_conserved(&self) -> bool {
        self.issued == self.succeeded + self.failed + self.timed_out + self.rejected + self.in_flight
            && self.slow + self.wrong <= self.succeeded
    }

    /// Requests that were bad for their user in any way.
    pub fn bad(&self) -> u64 {
        self.failed + self.timed_out + self.rejected + self.slow + self.wrong
    }

    /// Field by field `self + other`.
    #[must_use]
    pub fn plus(&self, other: &Counts) -> Counts {
        self.zip(other, |a, b| a + b)
    }

    /// Field by field `self - other`; `other` must be an earlier state of the same tally.
    #[must_use]
    pub fn minus(&self, other: &Counts) -> Counts {
        self.zip(other, u64::saturating_sub)
    }

    fn zip(&self, other: &Counts, f: impl Fn(u64, u64) -> u64) -> Counts {
        Counts {
            issued: f(self.issued, other.issued),
            succeeded: f(self.succeeded, other.succeeded),
            failed: f(self.failed, other.failed),
            timed_out: f(self.timed_out, other.timed_out),
            rejected: f(self.rejected, other.rejected),
            in_flight: f(self.in_flight, other.in_flight),
            slow: f(self.slow, other.slow),
            wrong: f(self.wrong, other.wrong),
        }
    }
}

/// Requests bad here and good without the deploy, by how they are bad here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Harm {
    /// Failed here.
    pub failed: u64,
    /// Timed out here.
    pub timed_out: u64,
    /// Rejected here.
    pub rejected: u64,
    /// Answered wrongly here.
    pub wrong: u64,
    /// Slow here.
    pub slow: u64,
    /// Bad without the deploy and good here (the opposite of harm).
    pub relieved: u64,
}

impl Harm {
    /// Harmed requests of every kind.
    pub fn total(&self) -> u64 {
        self.failed + self.timed_out + self.rejected + self.wrong + self.slow
    }
}

/// The fate of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Fate {
    /// Not answered yet, or never issued.
    #[default]
    Open,
    /// Answered well.
    Good,
    /// Answered well, but too late for the SLO.
    Slow,
    /// Answered with an error.
    Failed,
    /// Given up on.
    TimedOut,
    /// Turned away.
    Rejected,
    /// Answered in time, with status 200, and wrongly.
    Wrong,
}

impl Fate {
    /// Whether the user minds.
    pub fn is_bad(self) -> bool {
        !matches!(self, Fate::Open | Fate::Good)
    }
}

/// Requests of one minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Minute {
    /// Answered in it.
    pub answered: u32,
    /// Of those: bad, slow ones not counted.
    pub bad: u32,
    /// Of those: slow.
    pub slow: u32,
}

/// The running count of one branch.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Gross fates of requests that arrived since counting began.
    pub counts: Counts,
    /// Harm against the world without a deploy.
    pub harm: Harm,
    /// Requests a fault touched.
    pub touched: u64,
    /// Minutes since counting began.
    pub minutes: Vec<Minute>,
    /// When counting began.
    pub since: SimTime,
    /// Users (source, number) with at least one harmed request; request level only.
    pub harmed_users: BTreeSet<(u16, u64)>,
    /// Time in which the target service had no pod to serve with.
    pub downtime: SimDuration,
    /// When that was: spans in order, none touching the next.
    pub down: Vec<(SimTime, SimTime)>,
}

impl Tally {
    /// The target had no pod to serve with in this span.
    pub fn note_down(&mut self, from: SimTime, until: SimTime) {
        self.downtime += until.since(from);
        match self.down.last_mut() {
            Some(last) if last.1 == from => last.1 = until,
            _ => self.down.push((from, until)),
        }
    }

    /// Notes answers for the minute in which they came.
    pub fn answered(&mut self, at: SimTime, answered: u64, bad: u64, slow: u64) {
        let minute = (at.since(self.since).as_nanos() / 60_000_000_000) as usize;
        if self.minutes.len() <= minute {
            self.minutes.resize(minute + 1, Minute::default());
        }
        let entry = &mut self.minutes[minute];
        entry.answered = entry.answered.saturating_add(answered.min(u64::from(u32::MAX)) as u32);
        entry.bad = entry.bad.saturating_add(bad.min(u64::from(u32::MAX)) as u32);
        entry.slow = entry.slow.saturating_add(slow.min(u64::from(u32::MAX)) as u32);
    }

    /// Counts a harmed (or relieved) request.
    pub fn compare(&mut self, here: Fate, without: Fate) {
        match (here, without.is_bad()) {
            (Fate::Good, true) => self.harm.relieved += 1,
            (Fate::Failed, false) => self.harm.failed += 1,
            (Fate::TimedOut, false) => self.harm.timed_out += 1,
            (Fate::Rejected, false) => self.harm.rejected += 1,
            (Fate::Slow, false) => self.harm.slow += 1,
            (Fate::Wrong, false) => self.harm.wrong += 1,
            _ => {}
        }
    }
}
