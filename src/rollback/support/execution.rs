//! A procedure under way.

use crate::catalogue::Catalogue;
use crate::effect::{Action, RolloutView, Routing, SetName, Split};
use crate::rng::{Key, Purpose};
use crate::rollback::kubectl_undo::KubectlUndo;
use crate::rollback::{PlannedStep, ProcedureSpec, RollbackConditions, StepKind};
use crate::strategy::support::argo_replicas::abort_weight;
use crate::strategy::support::replicas::{Bounds, Goal, reconcile};
use crate::strategy::{Progress, Step};
use crate::time::SimTime;

/// What a step left in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepLog {
    /// Its name.
    pub name: &'static str,
    /// When it began.
    pub began: SimTime,
    /// When it ended.
    pub ended: Option<SimTime>,
    /// Whether its command failed (a repeated one is another entry).
    pub failed: bool,
}

/// How far the execution is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The command of the present step goes out at this instant.
    Command(SimTime),
    /// The command is out; waiting for its effect.
    Waiting,
    /// Nothing left to do.
    Ended(SimTime),
    /// There is nothing to go back to.
    Impossible,
}

/// A rollback under way.
#[derive(Clone, Debug)]
pub struct Execution {
    name: &'static str,
    steps: Vec<PlannedStep>,
    index: usize,
    attempt: u64,
    phase: Phase,
    conditions: RollbackConditions,
    key: Key,
    unattended: bool,
    verified: Option<SimTime>,
    /// Steps so far.
    pub log: Vec<StepLog>,
}

impl Execution {
    /// Begins a procedure. `key` is the replication's; draws do not depend on when it begins.
    pub fn begin(spec: &ProcedureSpec, conditions: RollbackConditions, key: Key, view: &RolloutView) -> Self {
        // Once the primary runs the new revision Flagger has nothing to go back to; what is left is to undo the
        // primary's own Deployment.
        let promoted = view.set(SetName::Promoted).created > 0;
        let undo = ProcedureSpec::KubectlUndo(KubectlUndo::default());
        let spec = if promoted && matches!(spec, ProcedureSpec::Flagger(_)) { &undo } else { spec };
        let mut execution = Execution {
            name: spec.name(),
            steps: spec.as_dyn().plan(),
            index: 0,
            attempt: 0,
            phase: Phase::Impossible,
            conditions,
            key: key.purpose(Purpose::RollbackStep),
            unattended: true,
            verified: None,
            log: Vec::new(),
        };
        if execution.has_target(view) {
            execution.begin_step(view.now);
        }
        execution
    }

    /// Old pods that still run are a target by themselves; otherwise the previous revision must still exist.
    fn has_target(&self, view: &RolloutView) -> bool {
        let stable_runs = view.set(SetName::Old).created >= view.replicas;
        stable_runs || !self.conditions.no_target
    }

    fn begin_step(&mut self, now: SimTime) {
        match self.steps.get(self.index) {
            Some(step) => {
                self.log.push(StepLog { name: step.name, began: now, ended: None, failed: false });
                self.phase = Phase::Command(now + step.command.scale(self.conditions.slower));
            }
            None => self.phase = Phase::Ended(now),
        }
    }

    fn command_fails(&self) -> bool {
        let key = self.key.id(self.index as u64).id(self.attempt);
        key.uniform() < self.conditions.step_fails.get()
    }

    /// What to do now.
    pub fn next(&mut self, view: &RolloutView) -> Step {
        let mut actions = Vec::new();
        while let Some(step) = self.steps.get(self.index).copied() {
            match self.phase {
                Phase::Command(at) if view.now < at => {
                    return Step { actions, wake: Some(at), progress: Progress::Running };
                }
                Phase::Command(_) if self.command_fails() => self.fail(&step, view.now),
                Phase::Command(_) => self.phase = Phase::Waiting,
                Phase::Waiting => {
                    let before = actions.len();
                    let over = self.drive(&step, view, &mut actions);
                    // A flip is over with its command; other steps are looked at again once their actions show.
                    let flipped = matches!(step.what, StepKind::FlipWeight);
                    if !over || (actions.len() > before && !flipped) {
                        break;
                    }
                    self.end_step(view.now);
                }
                Phase::Ended(_) | Phase::Impossible => break,
            }
        }
        Step { actions, wake: None, progress: Progress::Running }
    }

    /// The command of a step failed: the controller, or a person, tries again later.
    fn fail(&mut self, step: &PlannedStep, now: SimTime) {
        let pause = step.retry.unwrap_or(self.conditions.person_after);
        self.unattended &= step.retry.is_some();
        self.close_step(now, true);
        self.attempt += 1;
        self.log.push(StepLog { name: step.name, began: now, ended: None, failed: false });
        self.phase = Phase::Command(now + pause.max(step.command));
    }

    fn close_step(&mut self, now: SimTime, failed: bool) {
        if let Some(entry) = self.log.last_mut() {
            entry.ended = Some(now);
            entry.failed = failed;
        }
    }

    fn end_step(&mut self, now: SimTime) {
        self.close_step(now, false);
        if matches!(self.steps[self.index].what, StepKind::Verify) {
            self.verified = Some(now);
        }
        self.index += 1;
        self.attempt = 0;
        self.begin_step(now);
    }

    /// Pushes the present step on; returns whether its end condition holds.
    fn drive(&self, step: &PlannedStep, view: &RolloutView, actions: &mut Vec<Action>) -> bool {
        let old = view.set(SetName::Old);
        match step.what {
            StepKind::RestoreCapacity => {
                if old.desired < view.replicas {
                    actions.push(Action::Scale(SetName::Old, view.replicas));
                }
                old.ready >= view.replicas
            }
            StepKind::FlipWeight => {
                actions.push(Action::SyntheticLoad(0.0));
                actions.push(Action::Unsplit);
                true
            }
            StepKind::WalkWeightBack => walk_back(view, actions),
            StepKind::ScaleDown => {
                scale_down(view, actions);
                gone(view)
            }
            StepKind::RollBack(bounds) => {
                roll_back(view, &bounds, actions);
                old.available >= view.replicas && gone(view)
            }
            StepKind::Verify => old.available >= view.replicas && view.split == Split::STABLE,
        }
    }

    /// Name of the procedure.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// When the last step ended.
    pub fn ended_at(&self) -> Option<SimTime> {
        if let Phase::Ended(at) = self.phase { Some(at) } else { None }
    }

    /// Whether there was nothing to go back to.
    pub fn is_impossible(&self) -> bool {
        self.phase == Phase::Impossible
    }

    /// Whether steps are left.
    pub fn is_pending(&self) -> bool {
        matches!(self.phase, Phase::Command(_) | Phase::Waiting)
    }

    /// Whether no person had to do anything so far.
    pub fn is_unattended(&self) -> bool {
        self.unattended
    }

    /// When the procedure's own check found everything in order.
    pub fn verified_at(&self) -> Option<SimTime> {
        self.verified
    }
}

fn gone(view: &RolloutView) -> bool {
    [SetName::New, SetName::Promoted, SetName::Baseline]
        .iter()
        .all(|&s| view.set(s).created == 0 && view.set(s).terminating == 0)
}

/// Traffic goes back as fast as stable pods become available, and never forth again.
fn walk_back(view: &RolloutView, actions: &mut Vec<Action>) -> bool {
    let old = view.set(SetName::Old);
    if old.desired < view.replicas {
        actions.push(Action::Scale(SetName::Old, view.replicas));
    }
    if old.available >= view.replicas {
        if view.split != Split::STABLE {
            actions.push(Action::SyntheticLoad(0.0));
            actions.push(Action::Unsplit);
        }
        return view.split == Split::STABLE;
    }
    // Managed routes go at once, weights as far as there are stable pods for them.
    if view.split.cohort {
        actions.push(Action::Cohort(false));
    }
    if view.split.mirror > 0.0 {
        actions.push(Action::Mirror(0.0));
    }
    let present = (view.split.candidate * 100.0).ceil() as u32;
    let weight = f64::from(abort_weight(view.replicas, old.available, present, true)) / 100.0;
    if weight < view.split.candidate {
        actions.push(Action::Weight(weight));
    }
    false
}

fn scale_down(view: &RolloutView, actions: &mut Vec<Action>) {
    for set in [SetName::New, SetName::Promoted, SetName::Baseline] {
        if view.set(set).desired > 0 {
            actions.push(Action::Scale(set, 0));
        }
    }
}

/// Old pods for new ones, within the bounds; a weight that sends traffic to the candidate is taken back once the
/// stable destination can carry it.
fn roll_back(view: &RolloutView, bounds: &Bounds, actions: &mut Vec<Action>) {
    let goal = Goal { old: 0, new: view.replicas };
    let from = if view.set(SetName::Promoted).desired > 0 { SetName::Promoted } else { SetName::New };
    if view.routing == Routing::Weighted {
        // Pods behind another destination do not stand in for each other: first the stable pods, then the weight.
        if view.set(SetName::Old).desired < view.replicas {
            actions.push(Action::Scale(SetName::Old, view.replicas));
        } else if view.set(SetName::Old).available >= view.replicas {
            if view.split != Split::STABLE {
                actions.push(Action::Unsplit);
            }
            scale_down(view, actions);
        }
        return;
    }
    actions.extend(reconcile(view, goal, bounds, (from, SetName::Old)));
}
