//! What a sweep noted: enough to say at any time what any of its policies has found, and when it would fire.

use crate::policy::CheckOutcome;
use crate::policy::native::Rule;
use crate::replication::branch::CheckAccount;
use crate::replication::record::CheckSummary;
use crate::time::SimTime;

use super::Seen;
use super::ranking::{Ranking, Standing};

/// The evaluations of a group so far. Values are turned so that higher is worse ([`super::Group::up`]).
#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    /// Those that count for the rules: when, and the value; infinite where it was good or bad for everybody.
    counted: Vec<(SimTime, f64)>,
    /// What a check that was never bad has found.
    common: CheckAccount,
    /// The findings since the onset; minus infinity, which is bad for nobody, where there was no value.
    found: Vec<f64>,
    /// The highest of them.
    highest: Option<f64>,
    /// The same in order, as far as somebody asked for it.
    ranking: Ranking,
    spare: Vec<f64>,
}

impl Account {
    /// Notes what the check found.
    pub(super) fn find(&mut self, seen: Seen, up: f64, after_onset: bool) {
        let outcome = match seen {
            Seen::Value(value) => CheckOutcome::Good(value),
            Seen::NoData => CheckOutcome::NoData,
            Seen::Error => CheckOutcome::Error,
        };
        self.common.note(outcome, after_onset);
        if after_onset {
            self.found.push(if up.is_nan() { f64::NEG_INFINITY } else { up });
            if !up.is_nan() {
                self.highest = Some(self.highest.map_or(up, |high| high.max(up)));
            }
        }
    }

    /// Counts an evaluation; NaN is good for everybody.
    pub(super) fn count(&mut self, now: SimTime, up: f64) {
        self.counted.push((now, if up.is_nan() { f64::NEG_INFINITY } else { up }));
    }

    /// What was counted at this instant.
    pub(super) fn newest(&self, now: SimTime) -> Option<f64> {
        self.counted.last().filter(|(at, _)| *at == now).map(|(_, up)| *up)
    }

    /// Below which threshold the rule fires at the evaluation counted last, provided that this one is bad.
    pub(super) fn level(&mut self, rule: Rule, now: SimTime) -> Option<f64> {
        let all = &self.counted;
        match rule {
            Rule::For { hold, .. } => {
                // Bad without a break since an evaluation that is `hold` ago or longer.
                let since = all.iter().rposition(|(at, _)| now.since(*at) >= hold)?;
                Some(lowest(&all[since..]))
            }
            Rule::Consecutive(count) => {
                let since = all.len().checked_sub(count as usize)?;
                Some(lowest(&all[since..]))
            }
            Rule::KOfN { k, n } => self.kth_highest(k, n as usize),
            Rule::Cumulative(count) => self.kth_highest(count, usize::MAX),
        }
    }

    /// The `k`-th highest among the last `n`.
    fn kth_highest(&mut self, k: u32, n: usize) -> Option<f64> {
        let since = self.counted.len().saturating_sub(n);
        self.spare.clear();
        self.spare.extend(self.counted[since..].iter().map(|(_, up)| *up));
        let place = self.spare.len().checked_sub(k as usize)?;
        (k > 0).then(|| *self.spare.select_nth_unstable_by(place, f64::total_cmp).1)
    }

    /// What a check has found for which these values are bad, and how it stands; what is above a bad value must be
    /// bad too.
    pub(super) fn settle(&mut self, is_bad: impl Fn(f64) -> bool) -> (CheckSummary, Standing) {
        let mut standing = Standing { bad: 0, longest: 0, down_to: None };
        if self.highest.is_some_and(&is_bad) {
            self.ranking.catch_up(&self.found);
            standing = self.ranking.standing(is_bad);
        }
        let summary =
            CheckSummary { bad: standing.bad, longest_bad: standing.longest, ..self.common.summary };
        (summary, standing)
    }
}

fn lowest(counted: &[(SimTime, f64)]) -> f64 {
    counted.iter().fold(f64::INFINITY, |low, (_, up)| low.min(*up))
}
