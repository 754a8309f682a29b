//! A rollout that brings a migration with it: its steps before the first pod, the rollout itself, its steps after the
//! promotion.
//!
//! A step that fails stops the migration where it is: before the first pod nothing is rolled out, afterwards the rollout
//! goes on without it. A hold delays steps as it delays weights.
//!
//! Trap: the rollout is promoted when it has all traffic, although steps of the migration may be left.

use crate::effect::{Action, DatabaseAction, DatabaseView, RolloutView};
use crate::strategy::{Progress, Signal, Step, StepKind, StepStatus, Strategy};
use crate::time::{SimDuration, SimTime};
use crate::world::database::spec::MigrationSpec;

/// A rollout with a migration.
#[derive(Clone)]
pub struct Migrating {
    rollout: Box<dyn Strategy>,
    /// Pauses before the steps.
    pauses: Vec<SimDuration>,
    /// Steps that were done when it was last looked.
    applied: u16,
    /// Since when the next step's pause runs: the deploy, the promotion, or the end of the step before.
    since: Option<SimTime>,
    started: bool,
    promoted: bool,
}

impl Migrating {
    /// This rollout with the steps of a migration around it.
    pub fn around(rollout: Box<dyn Strategy>, migration: &MigrationSpec) -> Self {
        let pauses = migration.up.iter().map(|step| step.pause).collect();
        Migrating { rollout, pauses, applied: 0, since: None, started: false, promoted: false }
    }

    /// When the next step is due; `None` if there is none, or not yet.
    fn due(&self, database: &DatabaseView) -> Option<SimTime> {
        let last = if self.promoted { database.steps } else { database.before };
        let at_work = database.running || database.failed || database.applied >= last;
        if at_work || self.started && !self.promoted {
            return None;
        }
        Some(self.since? + self.pauses.get(usize::from(database.applied)).copied()?)
    }

    fn note(&mut self, database: &DatabaseView, now: SimTime) {
        if self.since.is_none() || database.applied != self.applied {
            self.since = Some(now);
            self.applied = database.applied;
        }
    }

    /// Asks for the next step if it is due, else for being asked when it is.
    fn push(&self, step: &mut Step, database: &DatabaseView, view: &RolloutView) {
        match self.due(database) {
            Some(due) if due > view.now => step.wake = Some(step.wake.map_or(due, |wake| wake.min(due))),
            Some(_) if !view.hold => step.actions.push(Action::Database(DatabaseAction::Forward)),
            _ => {}
        }
    }
}

impl Strategy for Migrating {
    fn next(&mut self, signal: Signal, view: &RolloutView) -> Step {
        let Some(database) = view.database else { return self.rollout.next(signal, view) };
        self.note(&database, view.now);
        let mut signal = signal;
        if !self.started {
            if database.applied < database.before {
                let mut step = Step::default();
                self.push(&mut step, &database, view);
                return step;
            }
            self.started = true;
            signal = Signal::Start;
        }
        let mut step = self.rollout.next(signal, view);
        if step.progress == Progress::Promoted && !self.promoted {
            self.promoted = true;
            self.since = Some(view.now);
        }
        self.push(&mut step, &database, view);
        step
    }

    fn wants_to_advance(&self, view: &RolloutView) -> bool {
        let due = view.database.and_then(|database| self.due(&database));
        due.is_some_and(|due| due <= view.now) || self.started && self.rollout.wants_to_advance(view)
    }

    fn status(&self) -> StepStatus {
        if self.started {
            return self.rollout.status();
        }
        StepStatus { index: 0, kind: StepKind::Progressing, since: self.since.unwrap_or(SimTime::ZERO) }
    }

    fn boxed(&self) -> Box<dyn Strategy> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effect::{Routing, SetView, Split};
    use crate::strategy::Rollout;
    use crate::strategy::rolling::Rolling;
    use crate::world::database::spec::{CandidateCode, StepKind as What, StepSpec};

    fn view(now: u64, old: u32, new: u32, database: DatabaseView) -> RolloutView {
        let pods = |n| SetView { desired: n, created: n, ready: n, available: n, ..SetView::default() };
        RolloutView {
            now: SimTime::ZERO + SimDuration::from_secs(now),
            deploy_at: SimTime::ZERO,
            replicas: 4,
            sets: [pods(old), pods(new), pods(0), pods(0), pods(0)],
            split: Split::STABLE,
            in_force: Split::STABLE,
            routing: Routing::Endpoints,
            hold: false,
            database: Some(database),
            others_back: 0,
        }
    }

    #[test]
    fn steps_before_come_first_and_steps_after_wait_for_promotion_and_pause() {
        let minute = SimDuration::from_mins(1);
        let up = vec![StepSpec::of(What::AddColumn), StepSpec::of(What::Backfill).after(minute)];
        let candidate = CandidateCode::UNCHANGED;
        let migration = MigrationSpec { up, down: Vec::new(), candidate, truncates: false };
        let mut rollout = Migrating::around(Rolling::default().start(), &migration);
        let forward = Action::Database(DatabaseAction::Forward);
        let done =
            |applied, running| DatabaseView { applied, running, steps: 2, before: 1, ..Default::default() };
        assert_eq!(rollout.next(Signal::Start, &view(0, 4, 0, done(0, false))).actions, [forward]);
        assert!(rollout.next(Signal::Changed, &view(1, 4, 0, done(0, true))).actions.is_empty());
        let step = rollout.next(Signal::Changed, &view(2, 4, 0, done(1, false)));
        assert!(step.actions.contains(&Action::Route(Routing::Endpoints)), "{step:?}");
        let step = rollout.next(Signal::Changed, &view(100, 0, 4, done(1, false)));
        assert_eq!(
            (step.progress, step.wake),
            (Progress::Promoted, Some(SimTime::ZERO + minute + SimDuration::from_secs(100)))
        );
        assert!(!step.actions.contains(&forward));
        assert!(rollout.wants_to_advance(&view(160, 0, 4, done(1, false))));
        assert!(rollout.next(Signal::Changed, &view(160, 0, 4, done(1, false))).actions.contains(&forward));
    }

    #[test]
    fn a_step_that_fails_before_the_first_pod_keeps_the_release_back() {
        let up = vec![StepSpec::of(What::ChangeType)];
        let candidate = CandidateCode::UNCHANGED;
        let migration = MigrationSpec { up, down: Vec::new(), candidate, truncates: false };
        let mut rollout = Migrating::around(Rolling::default().start(), &migration);
        let failed = DatabaseView { failed: true, steps: 1, before: 1, ..Default::default() };
        let step = rollout.next(Signal::Start, &view(9, 4, 0, failed));
        assert!(step.actions.is_empty() && step.wake.is_none() && step.progress == Progress::Running);
    }
}
