//! How somebody looks whether a rollback helped.
//!
//! A check is asked at one instant and says good or bad by what it can see: the platform's view of pods and routers,
//! and the last scrapes. Whether its answer is *right* is another matter, and the record keeps both: a check that
//! cannot fail, or comes before the bad minutes have left its window, is worse than none because people stop looking.
//!
//! Traps: a rate over a window still holds what happened before the rollback; errors per second compared with a
//! threshold meant as a ratio call every busy service bad; "all pods ready" says nothing about what they answer.

pub mod error_rate_as_ratio;
pub mod error_ratio;
pub mod health_endpoint;
pub mod pods_ready;
pub mod traffic_moved;
pub mod unanswered_query;
pub mod vacuous;

use crate::effect::{RolloutView, SetName};
use crate::time::SimDuration;

/// Requests as the last scrapes tell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Seen {
    /// Requests answered or given up in the window.
    pub answered: u64,
    /// Of these: failed, timed out or rejected.
    pub bad: u64,
    /// Length of what was seen, which may be shorter than what was asked for; in seconds.
    pub seconds: f64,
}

/// What whoever rolls back meets and whoever checks can measure, beside the platform's view.
pub trait Evidence {
    /// What the scrapes of this last while show; `None` before there are two.
    fn seen(&self, window: SimDuration) -> Option<Seen>;
    /// Whether users are being harmed just now. The truth: for records, no check may ask it.
    fn is_harming(&self) -> bool;
    /// A service that commands need to reach the cluster and that does not answer now.
    fn cut_off_by(&self) -> Option<&str> {
        None
    }
}

/// A look at the service after a rollback.
pub trait Check: Send + Sync {
    /// Time from the last step until it looks.
    fn delay(&self) -> SimDuration {
        SimDuration::ZERO
    }
    /// Whether it finds everything in order; `target` is where the rollback went.
    fn passes(&self, target: SetName, view: &RolloutView, evidence: &dyn Evidence) -> bool;
}

crate::catalogue! {
    /// How a rollback is verified.
    pub enum CheckSpec: Check {
        error_ratio => error_ratio::ErrorRatio,
        traffic_moved => traffic_moved::TrafficMoved,
        pods_ready => pods_ready::PodsReady,
        health_endpoint => health_endpoint::HealthEndpoint,
        error_rate_as_ratio => error_rate_as_ratio::ErrorRateAsRatio,
        unanswered_query => unanswered_query::UnansweredQuery,
        vacuous => vacuous::Vacuous,
    }
}
