//! What happens after a decision, and what waiting costs: rollback time, time to recover, promotion delay.
//!
//! Clocks: rollback time runs from the decision until capacity and traffic are restored; time to recover from first
//! harm to the first of five one-minute windows inside the objective (or no worse than without the deploy); promotion
//! delay from the deploy until the new revision has all traffic. What never came is censored at the end of the span.
//! Rollbacks are those of bad releases; promotion delay is that of healthy releases left alone.

use serde::{Deserialize, Serialize};

use super::case::{Case, Promotion, Rollback};
use super::detection::rate;
use super::estimate::Estimate;
use super::stratum::Stratum;
use super::times::{Timed, Times, times};
use crate::replication::record::RollbackOutcome;

/// Rollbacks of bad releases.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rollbacks {
    /// Decision to the candidate's last request, in seconds.
    pub drained: Times,
    /// Decision to restored, in seconds: *the* rollback time.
    pub time: Times,
    /// Decision to verified, in seconds; those never verified are censored.
    pub verified: Times,
    /// Share restored within 60 s; like the following, of the rollbacks begun.
    pub worked: Estimate,
    /// Share restored later.
    pub slow: Estimate,
    /// Share that ended while the candidate still served.
    pub no_effect: Estimate,
    /// Share with nothing to go back to.
    pub impossible: Estimate,
    /// Share that harmed more requests than they saved.
    pub made_worse: Estimate,
    /// Share not ended when the follow-up did.
    pub unfinished: Estimate,
    /// Share nobody and nothing checked afterwards.
    pub unverified: Estimate,
    /// Share that needed no human step.
    pub unattended: Estimate,
    /// Decision to somebody having been told of it, in seconds; those nobody was told of are censored. Only where the
    /// scenario or an alert of the engine says anything about that.
    pub notify: Times,
    /// Share of these that nobody was told of.
    pub silent: Estimate,
}

/// Roll-outs of healthy releases.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PromotionDelay {
    /// Deploy to all traffic, in seconds.
    pub absolute: Times,
    /// The same beyond `never` on the same rollout and replication; negative when promoted sooner.
    pub beyond_never: Times,
    /// Releases left alone that never got all traffic.
    pub stuck: u64,
    /// Releases rolled back; in neither curve.
    pub rolled_back: u64,
}

/// Scores the rollbacks of a row.
pub fn rollbacks(strata: &[&Stratum]) -> Rollbacks {
    let of = |hit: &dyn Fn(&Rollback) -> bool| {
        rate(strata, &|case| case.rollback.as_ref().is_some_and(hit), &|case| case.rollback.is_some())
    };
    let ended = |outcome: RollbackOutcome| of(&|rollback| rollback.outcome == outcome);
    Rollbacks {
        drained: durations(strata, &|case| case.rollback.map(|rollback| rollback.drained)),
        time: durations(strata, &|case| case.rollback.map(|rollback| rollback.time)),
        verified: durations(strata, &|case| case.rollback.map(|rollback| rollback.verified)),
        worked: ended(RollbackOutcome::Worked),
        slow: ended(RollbackOutcome::Slow),
        no_effect: ended(RollbackOutcome::NoEffect),
        impossible: ended(RollbackOutcome::Impossible),
        made_worse: ended(RollbackOutcome::MadeWorse),
        unfinished: ended(RollbackOutcome::Unfinished),
        unverified: of(&|rollback| !rollback.verified.ended),
        unattended: of(&|rollback| rollback.unattended),
        notify: durations(strata, &told),
        silent: rate(strata, &|case| told(case).is_some_and(|told| !told.ended), &|case| {
            told(case).is_some()
        }),
    }
}

/// When somebody was told of a rollback, where that is known.
fn told(case: &Case) -> Option<Timed> {
    case.rollback.and_then(|rollback| rollback.told)
}

/// First harm to recovery, in seconds.
pub fn time_to_recover(strata: &[&Stratum]) -> Times {
    let recover = durations(strata, &|case| case.recovery);
    debug_assert!(recover.median.value.is_none_or(|v| v >= 0.0));
    recover
}

/// Scores the roll-outs of a row.
pub fn promotion_delay(strata: &[&Stratum]) -> PromotionDelay {
    let absolute = |case: &Case| match case.promotion {
        Promotion::LeftAlone { delay, .. } => Some(delay),
        Promotion::RolledBack => None,
    };
    let beyond = |case: &Case| match case.promotion {
        Promotion::LeftAlone { beyond, .. } => beyond,
        Promotion::RolledBack => None,
    };
    let cases = || strata.iter().flat_map(|s| &s.cases);
    PromotionDelay {
        absolute: durations(strata, &absolute),
        beyond_never: durations(strata, &beyond),
        stuck: cases().filter(|case| absolute(case).is_some_and(|delay| !delay.ended)).count() as u64,
        rolled_back: cases().filter(|case| case.promotion == Promotion::RolledBack).count() as u64,
    }
}

fn durations(strata: &[&Stratum], time: &dyn Fn(&Case) -> Option<Timed>) -> Times {
    times(&strata.iter().map(|s| (s.weight, s.cases.iter().filter_map(time).collect())).collect::<Vec<_>>())
}
