//! What is wrong with the way a team rolls back, as long as nobody has practised it.
//!
//! A defect changes what the commands of a procedure really do, not what they are meant to do: the plan reads the
//! same in the runbook. It acts in every rollback of a scenario, of good releases and bad.
//!
//! Traps: most defects report success, so only a [check](super::check) tells; and only one that looks at users.

pub mod bookkeeping_only;
pub mod command_missing;
pub mod expired_credentials;
pub mod swallowed_exit_code;
pub mod traffic_never_moves;
pub mod wrong_environment;

use super::PlannedStep;

/// A flaw of a procedure as it is really set up.
pub trait Defect: Send + Sync {
    /// Changes the steps of the plan.
    fn spoil(&self, plan: &mut [PlannedStep]);
}

crate::catalogue! {
    /// What is wrong with the way back.
    pub enum DefectSpec: Defect {
        command_missing => command_missing::CommandMissing,
        wrong_environment => wrong_environment::WrongEnvironment,
        expired_credentials => expired_credentials::ExpiredCredentials,
        swallowed_exit_code => swallowed_exit_code::SwallowedExitCode,
        bookkeeping_only => bookkeeping_only::BookkeepingOnly,
        traffic_never_moves => traffic_never_moves::TrafficNeverMoves,
    }
}
