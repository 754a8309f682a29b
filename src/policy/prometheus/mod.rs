//! Prometheus rule groups as a policy: recording rules and alerts evaluated group by group, and what follows an alert.
//!
//! Rules that read what was scraped put their query to monitoring as every policy does. What recording rules write, and
//! `ALERTS`, is seen only by the rules of the files loaded together: it is kept here, and rules that read nothing else
//! are computed over it; an expression that reads both sees them side by side ([`Overlay`](crate::promql::Overlay)). Before the first evaluation the past of the records is filled in from what monitoring has
//! stored, so that windows over records are as full as they would be on a server that has been running.
//!
//! An alert that begins to fire tells Alertmanager, which waits to group it (`group_wait`, 30 s) before anybody hears of
//! it, or does what its configuration says where that is given ([`alertmanager`]). What happens then is not in the file: a page,
//! unless the user says that this alert, or this receiver, rolls back.
//!
//! Traps: each group has a phase of its own, from its name, as on a server. An alert acts when a series of it *begins* to
//! fire: one that fires since before the deploy says nothing new. A failed query leaves alerts as they are.

pub mod alertmanager;
mod watch;

use std::sync::Arc;

use self::alertmanager::{Alertmanager, Dispatch};
use self::watch::Watch;
pub use self::watch::{Ask, GroupSpec, Member};
use super::native::Then;
use super::{Observation, Policy, Start, Verdict};
use crate::promql::{Evaluator, MemoryStorage, Program};
use crate::time::{SimDuration, SimTime};

/// What follows when an alert begins to fire.
#[derive(Clone, Debug, PartialEq)]
pub struct Reaction {
    /// What is done.
    pub then: Then,
    /// How long after the alert: the time Alertmanager waits to group it.
    pub after: SimDuration,
}

/// What all copies of a policy share.
#[derive(Debug)]
pub struct Rules {
    /// The groups, in order.
    pub groups: Vec<GroupSpec>,
    /// The queries over what rules wrote.
    pub program: Program,
    /// What stands between alerts and people; `None` if every alert is told by itself.
    pub alertmanager: Option<Alertmanager>,
}

/// Rule groups at work.
#[derive(Clone, Debug)]
pub struct Prometheus {
    rules: Arc<Rules>,
    watches: Vec<Watch>,
    store: MemoryStorage,
    evaluator: Evaluator,
    /// For what reads records and scrapes together.
    over: Evaluator,
    dispatch: Dispatch,
    has_past: bool,
    is_through: bool,
}

impl Prometheus {
    /// Groups that have not been evaluated yet.
    pub fn new(rules: Rules) -> Self {
        let watches = rules.groups.iter().map(Watch::new).collect();
        Prometheus {
            rules: Arc::new(rules),
            watches,
            store: MemoryStorage::new(),
            evaluator: Evaluator::new(),
            over: Evaluator::new(),
            dispatch: Dispatch::default(),
            has_past: false,
            is_through: false,
        }
    }
}

impl Policy for Prometheus {
    fn start(&mut self, start: &Start) {
        for (watch, group) in self.watches.iter_mut().zip(&self.rules.groups) {
            watch.start(group, start);
        }
    }

    fn next_tick(&self) -> SimTime {
        if self.is_through {
            return SimTime::NEVER;
        }
        let rules = self.watches.iter().map(|watch| watch.next).min().unwrap_or(SimTime::NEVER);
        rules.min(self.dispatch.next())
    }

    fn observe(&mut self, observation: &mut Observation<'_>) -> Verdict {
        let mut verdict = Verdict::Continue;
        let rules = Arc::clone(&self.rules);
        let mut bench = watch::Bench {
            program: &rules.program,
            evaluator: &mut self.evaluator,
            over: &mut self.over,
            store: &mut self.store,
        };
        // All groups before any of them is evaluated: one may read what another wrote long ago.
        if !std::mem::replace(&mut self.has_past, true) {
            for (watch, group) in self.watches.iter_mut().zip(&rules.groups) {
                watch.fill_past(group, &mut bench, observation);
            }
            if let Some(manager) = &rules.alertmanager {
                for (index, (watch, group)) in self.watches.iter().zip(&rules.groups).enumerate() {
                    self.dispatch.hear(manager, index, watch.firing(group), observation.now);
                }
                self.dispatch.settle(manager, observation.now);
            }
        }
        for (index, (watch, group)) in self.watches.iter_mut().zip(&rules.groups).enumerate() {
            if watch.next > observation.now {
                continue;
            }
            let at_once = watch.evaluate(group, &mut bench, observation);
            match &rules.alertmanager {
                None => verdict = verdict.stronger(at_once),
                Some(manager) => self.dispatch.hear(manager, index, watch.firing(group), observation.now),
            }
        }
        if let Some(manager) = &rules.alertmanager {
            verdict = verdict.stronger(self.dispatch.flush(manager, observation));
        }
        // One rollback is all an alert asks for; pages go on.
        self.is_through |= decides(&verdict);
        verdict
    }

    fn may_resume(&self) -> bool {
        false
    }

    fn boxed(&self) -> Box<dyn Policy> {
        Box::new(self.clone())
    }
}

/// Whether a verdict is a decision, now or later.
fn decides(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::After { verdict, meanwhile, .. } => decides(verdict) || decides(meanwhile),
        verdict => verdict.is_decision(),
    }
}
