//! What follows when a step has failed: in this order the controller's own retry, the fallbacks of the scenario, a person.
//!
//! Traps: a look that failed repeats the whole procedure, a command only itself. A person mends the commands before the step
//! at hand only where a look has shown that something is wrong with them.

use super::{Ending, Execution, Phase};
use crate::rollback::target::{Brings, Target};
use crate::rollback::{Command, Fallback, PlannedStep, StepKind};
use crate::time::{SimDuration, SimTime};

impl Execution {
    /// A step failed: somebody or something tries again, or something else.
    pub(super) fn fail(&mut self, step: &PlannedStep, now: SimTime) {
        self.close_step(now, true);
        self.attempt += 1;
        if let Some(pause) = step.retry.filter(|_| step.working == Command::Works) {
            return self.repeat(step, now, pause);
        }
        self.fall_back(step, now);
    }

    /// What the scenario says follows a failure, or a person.
    pub(super) fn fall_back(&mut self, step: &PlannedStep, now: SimTime) {
        while let Some(&fallback) = self.fallbacks.0.first() {
            match fallback {
                Fallback::Retry { times, pause } if self.fallbacks.1 < times => {
                    self.fallbacks.1 += 1;
                    return self.repeat(step, now, pause);
                }
                Fallback::NextTarget if self.aim + 1 < self.targets.len() => {
                    self.next_fallback();
                    return self.aim_at_next(now);
                }
                Fallback::Page => return self.person(step, now),
                Fallback::ForwardFix => {
                    self.phase = Phase::Ended(now, Ending::FixForward);
                    return;
                }
                Fallback::GiveUp => {
                    self.phase = Phase::Ended(now, Ending::GivenUp);
                    return;
                }
                Fallback::Retry { .. } | Fallback::NextTarget => self.next_fallback(),
            }
        }
        self.person(step, now);
    }

    /// The whole procedure again, towards the next target.
    fn aim_at_next(&mut self, now: SimTime) {
        let before = self.goes_to();
        self.aim += 1;
        self.index = 0;
        self.attempt = 0;
        if before == self.goes_to() && self.steps[0].what != StepKind::ClearTarget {
            let clear = PlannedStep::new("stop the failed target", SimDuration::ZERO, StepKind::ClearTarget);
            self.steps.insert(0, clear);
        }
        self.begin_step(now);
    }

    fn next_fallback(&mut self) {
        self.fallbacks.0.remove(0);
        self.fallbacks.1 = 0;
    }

    /// A person comes, mends the command (all of them, when only a look showed that something is wrong), and repeats
    /// the step.
    fn person(&mut self, step: &PlannedStep, now: SimTime) {
        self.unattended = false;
        self.attended = true;
        self.other_way = true;
        let from = if matches!(step.what, StepKind::Check(_)) { 0 } else { self.index };
        for (index, step) in self.steps.iter_mut().enumerate().take(self.index + 1).skip(from) {
            if step.working != Command::Works || step.swallows {
                self.mended.push(index);
            }
            step.working = Command::Works;
            step.swallows = false;
        }
        if self.targets.iter().any(|target| target.brings != Brings::Itself) {
            self.targets = self.targets.drain(..).map(Target::mended).collect();
            self.index = 0;
        }
        self.repeat(step, now, self.conditions.person_after);
    }

    /// The step again; where a look failed, everything again.
    fn repeat(&mut self, step: &PlannedStep, now: SimTime, pause: SimDuration) {
        if matches!(step.what, StepKind::Check(_)) {
            self.index = 0;
        }
        self.log_step(now);
        self.phase = Phase::Command(now + pause.max(self.steps[self.index].command));
    }
}
