//! What users suffered, as means per bad release (harmless ones included), and what healthy releases do by themselves.
//!
//! Harm is counterfactual: requests bad here and good without the deploy. `gross` adds its kinds up; `net` takes off
//! the requests that were bad without the deploy and good here. The error budget counts failed, timed-out and
//! rejected requests as a share of what the availability objective allows in 30 days at mean rate.

use serde::{Deserialize, Serialize};

use super::case::{Case, harmed};
use super::estimate::{Estimate, Note, mean};
use super::stratum::Stratum;

/// Means per bad release, except the last.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Impact {
    /// Requests failed.
    pub failed: Estimate,
    /// Requests timed out.
    pub timed_out: Estimate,
    /// Requests rejected.
    pub rejected: Estimate,
    /// Requests answered wrongly.
    pub wrong: Estimate,
    /// Requests answered slowly.
    pub slow: Estimate,
    /// All of them.
    pub gross: Estimate,
    /// All of them less those relieved; may be negative.
    pub net: Estimate,
    /// Users with at least one harmed request.
    pub users: Estimate,
    /// The same as a share of the scenario's users.
    pub users_share: Estimate,
    /// Share of the 30-day error budget; above 1 when it is overspent.
    pub error_budget: Estimate,
    /// Rows lost or corrupted.
    pub rows: Estimate,
    /// Seconds without service.
    pub downtime: Estimate,
    /// Requests harmed per *healthy* release: what deploying (and rolling back) does without any fault.
    pub healthy: Estimate,
}

/// Scores the strata of a row.
pub fn impact(strata: &[&Stratum]) -> Impact {
    let of = |value: &dyn Fn(&Case) -> f64| {
        mean(&strata.iter().map(|s| (s.weight, s.cases.iter().map(value).collect())).collect::<Vec<_>>())
    };
    let impact = Impact {
        failed: of(&|c| c.harm.failed as f64),
        timed_out: of(&|c| c.harm.timed_out as f64),
        rejected: of(&|c| c.harm.rejected as f64),
        wrong: of(&|c| c.harm.wrong as f64),
        slow: of(&|c| c.harm.slow as f64),
        gross: of(&|c| harmed(&c.harm) as f64),
        net: of(&|c| harmed(&c.harm) as f64 - c.harm.relieved as f64),
        users: of(&|c| c.users),
        users_share: where_stated(strata, &|c| c.users_share),
        error_budget: where_stated(strata, &|c| c.error_budget),
        rows: of(&|c| c.rows as f64),
        downtime: of(&|c| c.downtime_s),
        healthy: of(&|c| harmed(&c.healthy_harm) as f64),
    };
    debug_assert!(impact.gross.value.is_none_or(|gross| gross >= 0.0));
    impact
}

/// A mean over the files that state what it is measured against.
fn where_stated(strata: &[&Stratum], share: &dyn Fn(&Case) -> Option<f64>) -> Estimate {
    let shares: Vec<(f64, Vec<f64>)> =
        strata.iter().map(|s| (s.weight, s.cases.iter().filter_map(share).collect())).collect();
    if shares.iter().all(|(_, values)| values.is_empty()) {
        return Estimate::absent(Note::NotStated, 0);
    }
    mean(&shares)
}
