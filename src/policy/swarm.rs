//! Docker Swarm's watch over its own update of a service (`update_config` of a compose file), by the rules of its updater
//! (moby/swarmkit, `manager/orchestrator/update/updater.go`).
//!
//! A task of the new version *fails* if it ends before it is RUNNING, or within `monitor` after that; each task counts once,
//! and the tasks that replace failed ones do not count. When failures over the number of tasks to update exceed
//! `max_failure_ratio` (not: reach it), `failure_action` follows: `pause` stops the update where it is, `rollback` goes back,
//! `continue` never looks. After the last task is updated, failures are watched for one more `monitor`; then the update is
//! complete, whatever happens afterwards. With a health check a task is RUNNING only once it is healthy, and ends if it
//! stays unhealthy.
//!
//! Traps: nothing here looks at what a service answers. The cluster shows pods in numbers, not one by one, so a pod that
//! restarts while one less is ready is taken for the one that became ready last; the older ones are past `monitor` anyway
//! where tasks run longer than that.

use super::{CheckOutcome, Observation, Policy, Start, Verdict};
use crate::effect::SetName;
use crate::strategy::Progress;
use crate::time::{SimDuration, SimTime};

/// Time between looks: the orchestrator sees a task end at once.
const TICK: SimDuration = SimDuration::from_secs(1);

/// What follows too many failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureAction {
    /// The update stops where it is until somebody resumes it.
    Pause,
    /// Nothing: failures are not looked at.
    Continue,
    /// Back to the previous version.
    Rollback,
}

/// `update_config` as far as it watches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Update {
    /// How long after it is RUNNING a task that ends has failed.
    pub monitor: SimDuration,
    /// Failures over tasks above which the action follows, 0 to 1.
    pub max_failure_ratio: f64,
    /// What follows.
    pub action: FailureAction,
    /// How long a task may be unhealthy before it is ended: `retries` times `interval` of its health check; `None` if it has
    /// none.
    pub unhealthy_after: Option<SimDuration>,
    /// `start_period` of the health check, in which failures do not count.
    pub start_period: SimDuration,
}

/// A task of the new version.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Task {
    created: SimTime,
    running: Option<SimTime>,
    has_failed: bool,
}

/// The watch over one update.
#[derive(Clone, Debug)]
pub struct Swarm {
    update: Update,
    tasks: Vec<Task>,
    ready: u32,
    restarts: u32,
    next: SimTime,
    /// When the last task was updated.
    updated_at: Option<SimTime>,
}

impl Swarm {
    /// A watch before its start.
    pub fn new(update: Update) -> Self {
        Swarm { update, tasks: Vec::new(), ready: 0, restarts: 0, next: SimTime::NEVER, updated_at: None }
    }

    /// Takes over what changed since the last look.
    fn look(&mut self, now: SimTime, created: u32, ready: u32, restarts: u32) {
        while self.tasks.len() < created as usize {
            self.tasks.push(Task { created: now, running: None, has_failed: false });
        }
        let ended = restarts.saturating_sub(self.restarts);
        let lost = self.ready.saturating_sub(ready);
        for number in 0..ended {
            if number < lost { self.running_task_ended(now) } else { self.starting_task_ended() }
        }
        for _ in self.ready..ready {
            // The oldest that has not been running yet: pods of one image start alike.
            let waiting = self.tasks.iter_mut().find(|task| task.running.is_none() && !task.has_failed);
            if let Some(task) = waiting {
                task.running = Some(now);
            }
        }
        if let Some(limit) = self.update.unhealthy_after {
            let patience = limit + self.update.start_period;
            let waiting = self.tasks.iter_mut().filter(|task| task.running.is_none());
            for task in waiting.filter(|task| now.since(task.created) > patience) {
                task.has_failed = true;
            }
        }
        self.ready = ready;
        self.restarts = restarts;
    }

    fn running_task_ended(&mut self, now: SimTime) {
        let monitor = self.update.monitor;
        let running = self.tasks.iter_mut().filter(|task| task.running.is_some() && !task.has_failed);
        let newest = running.max_by_key(|task| task.running);
        if let Some(task) = newest
            && task.running.is_some_and(|since| now.since(since) <= monitor)
        {
            task.has_failed = true;
        }
    }

    fn starting_task_ended(&mut self) {
        let starting = self.tasks.iter_mut().find(|task| task.running.is_none() && !task.has_failed);
        if let Some(task) = starting {
            task.has_failed = true;
        }
    }

    fn verdict(&self, failed: usize) -> Verdict {
        match self.update.action {
            FailureAction::Continue => Verdict::Continue,
            FailureAction::Pause => Verdict::Inconclusive {
                reasons: vec![format!("update paused due to failure or early termination of {failed} tasks")],
            },
            FailureAction::Rollback => Verdict::RollBack {
                reasons: vec![format!(
                    "update rolled back due to failure or early termination of {failed} tasks"
                )],
            },
        }
    }
}

impl Policy for Swarm {
    fn start(&mut self, start: &Start) {
        *self = Swarm::new(self.update);
        if self.update.action != FailureAction::Continue {
            self.next = start.deploy_at + TICK;
        }
    }

    fn next_tick(&self) -> SimTime {
        self.next
    }

    fn observe(&mut self, o: &mut Observation<'_>) -> Verdict {
        let view = o.rollout.view;
        let set = view.set(SetName::New);
        self.look(o.now, set.created, set.ready, set.restarts);
        self.next = o.now + TICK;
        let failed = self.tasks.iter().filter(|task| task.has_failed).count();
        let ratio = failed as f64 / f64::from(view.replicas.max(1));
        if ratio > self.update.max_failure_ratio {
            o.found(0, CheckOutcome::Bad(ratio));
            self.next = SimTime::NEVER;
            return self.verdict(failed);
        }
        o.found(0, CheckOutcome::Good(ratio));
        if o.rollout.progress == Progress::Promoted {
            let updated_at = *self.updated_at.get_or_insert(o.now);
            if o.now >= updated_at + self.update.monitor {
                self.next = SimTime::NEVER;
                return Verdict::Continue;
            }
        }
        Verdict::Continue
    }

    fn may_resume(&self) -> bool {
        false
    }

    fn boxed(&self) -> Box<dyn Policy> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(monitor: u64, unhealthy_after: Option<u64>) -> Swarm {
        Swarm::new(Update {
            monitor: SimDuration::from_secs(monitor),
            max_failure_ratio: 0.0,
            action: FailureAction::Rollback,
            unhealthy_after: unhealthy_after.map(SimDuration::from_secs),
            start_period: SimDuration::ZERO,
        })
    }

    /// Failed tasks after looks (second, created, ready, restarts).
    fn failures(watch: &mut Swarm, looks: &[(u64, u32, u32, u32)]) -> usize {
        for (second, created, ready, restarts) in looks {
            watch.look(SimTime::ZERO + SimDuration::from_secs(*second), *created, *ready, *restarts);
        }
        watch.tasks.iter().filter(|task| task.has_failed).count()
    }

    #[test]
    fn a_task_that_ends_within_monitor_has_failed_and_later_it_has_not() {
        assert_eq!(
            failures(&mut watch(5, None), &[(0, 1, 0, 0), (8, 1, 1, 0), (13, 1, 0, 1)]),
            1,
            "5 s is within"
        );
        assert_eq!(
            failures(&mut watch(5, None), &[(0, 1, 0, 0), (8, 1, 1, 0), (14, 1, 0, 1)]),
            0,
            "6 s is not"
        );
    }

    #[test]
    fn a_task_that_never_runs_has_failed_and_counts_once() {
        let looks = [(0, 1, 0, 0), (3, 1, 0, 1), (9, 1, 0, 2), (20, 1, 0, 3)];
        assert_eq!(failures(&mut watch(5, None), &looks), 1);
        // Its replacement becomes ready and ends again: that is no task of the update.
        assert_eq!(
            failures(&mut watch(5, None), &[(0, 1, 0, 0), (3, 1, 0, 1), (9, 1, 1, 1), (10, 1, 0, 2)]),
            1
        );
    }

    #[test]
    fn without_a_health_check_a_task_may_start_for_ever() {
        let looks = [(0, 2, 0, 0), (100, 2, 0, 0)];
        assert_eq!(failures(&mut watch(5, None), &looks), 0);
        assert_eq!(failures(&mut watch(5, Some(90)), &looks), 2);
    }
}
