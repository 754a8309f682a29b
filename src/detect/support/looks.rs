//! A test of a fixed size that is looked at several times, by plan.

use std::sync::Arc;

use super::Side;
use crate::detect::State;
use crate::stats::group_sequential::Spending;
use crate::stats::two_sample::{Comparison, normal_equivalent};

/// The most looks that can be planned.
pub const MOST: u32 = 1000;

/// Looks at work.
///
/// After the last planned look the test is over: it stays with its last word, accepted if nothing was found. Looks that
/// are no plan (`Spending::None`) go on for ever.
#[derive(Clone, Debug)]
pub struct Looks {
    limits: Arc<[f64]>,
    side: Side,
    endless: bool,
    every: u32,
    evaluations: u32,
    made: usize,
    state: State,
    statistic: Option<f64>,
}

impl Looks {
    /// `planned` looks, one after every so many evaluations.
    pub fn new(spending: Spending, alpha: f64, planned: u32, every: u32, side: Side) -> Self {
        Looks {
            limits: spending.limits(alpha, planned.clamp(1, MOST), side == Side::Both).into(),
            side,
            endless: spending == Spending::None,
            every: every.max(1),
            evaluations: 0,
            made: 0,
            state: State::Learning,
            statistic: None,
        }
    }

    /// Takes in an evaluation that brought something to look at; `compare` is asked if a look is due.
    pub fn evaluate(&mut self, compare: impl FnOnce() -> Option<Comparison>) -> State {
        self.evaluations += 1;
        if self.evaluations < self.every {
            return self.state;
        }
        self.evaluations = 0;
        let over = !self.endless && self.made >= self.limits.len();
        if over {
            return self.state;
        }
        // Nothing that varies is nothing found, but the look was made.
        let statistic = compare().map_or(0.0, |found| towards_worse(self.side, &found));
        let limit = self.next_limit();
        self.made += 1;
        self.statistic = Some(statistic);
        let last = !self.endless && self.made >= self.limits.len();
        self.state = match (statistic >= limit, last) {
            (true, _) => State::Alarm,
            (false, true) => State::Accepted,
            (false, false) => State::Quiet,
        };
        self.state
    }

    fn next_limit(&self) -> f64 {
        let index = if self.endless { 0 } else { self.made };
        self.limits.get(index).copied().unwrap_or(f64::INFINITY)
    }

    /// What was said last.
    pub fn state(&self) -> State {
        self.state
    }

    /// The last look's statistic, as a normal one.
    pub fn statistic(&self) -> Option<f64> {
        self.statistic
    }

    /// What it was compared with.
    pub fn limit(&self) -> Option<f64> {
        let index = if self.endless { 0 } else { self.made.saturating_sub(1) };
        self.limits.get(index).copied()
    }

    /// Starts the plan over.
    pub fn reset(&mut self) {
        (self.evaluations, self.made) = (0, 0);
        (self.state, self.statistic) = (State::Learning, None);
    }
}

/// The normal statistic with the p-value of the comparison, towards the worse.
fn towards_worse(side: Side, found: &Comparison) -> f64 {
    let p = match side {
        Side::Up => found.p_greater,
        Side::Down => found.p_less,
        Side::Both => found.p_greater.min(found.p_less),
    };
    normal_equivalent(p)
}
