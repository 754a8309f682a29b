//! Which revision a rollback goes to.
//!
//! "The previous version" is a rule like any other, and each rule has its own way of being wrong: the previous one may
//! be the failed one of last week, the best by an offline figure may be the one that just failed, the second newest
//! deploy knows nothing of rollbacks.
//!
//! Traps: a rule names a revision; whether it can be started is another question
//! ([`Target::is_gone`](support::shelf::Target)).

pub mod best_metric;
pub mod first_archived;
pub mod last_known_good;
pub mod named;
pub mod previous;
pub mod second_newest_deploy;
pub mod support;
pub mod tagged;

pub use support::history::{Artefact, History, NewRevision, Past, Reputation, Retention};
pub use support::shelf::{Brings, Log, Shelf, Target, Which};

/// A rule that names the revision to go back to.
pub trait TargetRule: Send + Sync {
    /// The revision, which may be the current one.
    ///
    /// # Errors
    /// Why there is none, in the words of whoever looks.
    fn pick(&self, shelf: &Shelf<'_>) -> Result<Which, String>;
}

crate::catalogue! {
    /// How the revision to go back to is chosen.
    pub enum TargetSpec: TargetRule {
        previous => previous::Previous,
        last_known_good => last_known_good::LastKnownGood,
        named => named::Named,
        tagged => tagged::Tagged,
        best_metric => best_metric::BestMetric,
        second_newest_deploy => second_newest_deploy::SecondNewestDeploy,
        first_archived => first_archived::FirstArchived,
    }
}

impl TargetSpec {
    /// The revision that was current before the present one.
    pub fn previous() -> Self {
        TargetSpec::Previous(previous::Previous::default())
    }
}
