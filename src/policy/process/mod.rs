//! A policy that is a process of the user's, in any language: what monitoring shows goes to it line by line, and its
//! verdicts come back. The messages are in [`message`], the file that names the process in [`ProcessFile`].
//!
//! One process plays many runs. `reset` begins a *session*, which is one run; `observe` shows it an instant and is answered
//! with a verdict before anything else is sent; `end` closes it. Sessions of one process may be interleaved. After a
//! decision (`roll_back`, `forward_fix`, `stop`) a run is asked no more.
//!
//! Such a policy is outside of what makes a study repeatable, so its word is checked: the first two sessions and 2 % of the
//! others are shown the same observations again in a new session, and must be answered the same. An answer that differs,
//! comes late, is for something else or is none, and a process that ends: each makes the whole row void
//! ([`Trouble`]), and from then on the policy is silent. Rows of other policies do not depend on it.
//!
//! Traps: what a process sees is what monitoring shows. It is told neither the scenario nor the replication nor how long a run
//! is followed, for that differs between good and bad releases. A copy of a running policy becomes a session of its own
//! by being shown everything again.

pub mod host;
pub mod message;
mod session;
mod spec;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use host::{Breakdown, Host, Launcher, Line, Order, Trouble};
pub use spec::{ProcessBlock, ProcessFile};

use self::session::{Session, Shared};
use super::native::Clock;
use super::{Observation, Policy, RunName, Start, Verdict};
use crate::time::{SimDuration, SimTime};

/// A policy that is a process.
pub struct Process {
    shared: Arc<Shared>,
    clock: Clock,
    start_after: SimDuration,
    run: RunName,
    deploy_at: SimTime,
    /// A decision has been made, or the process cannot be asked.
    is_over: bool,
    session: Option<Session>,
}

/// How a policy asks its process.
#[derive(Clone, Debug)]
pub struct Asks {
    /// Time between observations.
    pub every: SimDuration,
    /// Time from the deploy to the first one.
    pub start_after: SimDuration,
    /// What each query is called, with its index.
    pub queries: Vec<(String, usize)>,
}

/// The greeting of the process of a policy.
pub fn hello(policy: &str, asks: &Asks, params: &serde_json::Value) -> Vec<u8> {
    let names: Vec<String> = asks.queries.iter().map(|(name, _)| name.clone()).collect();
    wire::hello(policy, asks.every, &names, params)
}

impl Process {
    /// The policy of this name, whose processes `host` runs.
    pub fn new(name: &str, asks: &Asks, host: Arc<dyn Host>) -> Self {
        let key =
            |(name, query): &(String, usize)| (serde_json::Value::from(name.as_str()).to_string(), *query);
        let keys = asks.queries.iter().map(key).collect();
        Process {
            shared: Arc::new(Shared::new(name.to_owned(), keys, host)),
            clock: Clock::new(asks.every, &[]),
            start_after: asks.start_after,
            run: RunName::default(),
            deploy_at: SimTime::ZERO,
            is_over: false,
            session: None,
        }
    }
}

impl Policy for Process {
    fn placed(&mut self, run: &RunName) {
        self.run = run.clone();
    }

    fn start(&mut self, start: &Start) {
        self.clock.start(start.deploy_at, start.phase, self.start_after);
        self.deploy_at = start.deploy_at;
        self.is_over = false;
        self.session = Some(Session::new(Arc::clone(&self.shared), self.run.clone(), start.deploy_at));
    }

    fn next_tick(&self) -> SimTime {
        if self.is_over { SimTime::NEVER } else { self.clock.next() }
    }

    fn observe(&mut self, observation: &mut Observation<'_>) -> Verdict {
        if observation.now < self.next_tick() {
            return Verdict::Continue;
        }
        self.clock.tick(observation.now);
        let said = self.session.as_mut().and_then(|session| session.ask(observation));
        self.is_over = said.as_ref().is_none_or(Verdict::is_decision);
        if self.is_over {
            self.session = None;
        }
        said.unwrap_or_default()
    }

    fn on_rollback_end(&mut self, _now: SimTime) {
        self.is_over = true;
        self.session = None;
    }

    fn may_resume(&self) -> bool {
        false
    }

    fn trouble(&self) -> Option<Trouble> {
        self.shared.trouble().cloned()
    }

    fn boxed(&self) -> Box<dyn Policy> {
        Box::new(Process {
            shared: Arc::clone(&self.shared),
            clock: self.clock.clone(),
            start_after: self.start_after,
            run: self.run.clone(),
            deploy_at: self.deploy_at,
            is_over: self.is_over,
            session: self.session.as_ref().map(Session::twin),
        })
    }
}
