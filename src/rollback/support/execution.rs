//! A procedure under way: one step after the other, towards one target after the other.
//!
//! A step's command goes out at its instant; it may fail, do nothing, or begin what the cluster then needs time for.
//! What follows a failure is, in this order: the controller's own retry, the fallbacks of the scenario, a person.
//!
//! Traps: what is *reported* and what *is* part ways here. A command that did nothing, or failed and was swallowed,
//! ends its step like one that worked; only the log's `silent` tells.

mod failing;

use std::borrow::Cow;
use std::sync::Arc;

use crate::catalogue::Catalogue;
use crate::effect::{Action, RolloutView, SetName};
use crate::rng::{Key, Purpose};
use crate::rollback::check::Evidence;
use crate::rollback::kubectl_undo::KubectlUndo;
use crate::rollback::target::{Log, Shelf, Target, Which};
use crate::rollback::{
    Command, Fallback, OutOfReach, PlannedStep, ProcedureSpec, RollbackConditions, StepKind, Transition,
};
use crate::strategy::support::polling::Polling;
use crate::strategy::{Progress, Step};
use crate::time::{SimDuration, SimTime};

use super::drive::{Begun, Standing, drive};
use super::registry::{Registry, follow};

/// What a step left in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepLog {
    /// Its name.
    pub name: Cow<'static, str>,
    /// When it began.
    pub began: SimTime,
    /// When it ended.
    pub ended: Option<SimTime>,
    /// Whether its command failed (a repeated one is another entry).
    pub failed: bool,
    /// Whether it was reported as done and did nothing.
    pub silent: bool,
    /// For a check: whether what it found was the truth.
    pub right: Option<bool>,
    /// The service its command waited for, if it could not go out at once, and for how long.
    pub waited: Option<(String, SimDuration)>,
}

/// How far the execution is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    /// The command of the present step goes out at this instant.
    Command(SimTime),
    /// The command is out; waiting for its effect.
    Waiting(Begun),
    /// Nothing left to do.
    Ended(SimTime, Ending),
    /// There is nothing to go back to.
    Impossible,
}

/// How an execution ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Every step was reported as done.
    Done,
    /// It was given up.
    GivenUp,
    /// It was given up for a fix forwards.
    FixForward,
}

/// A rollback under way.
#[derive(Clone, Debug)]
pub struct Execution {
    name: &'static str,
    steps: Vec<PlannedStep>,
    index: usize,
    attempt: u64,
    phase: Phase,
    /// Whether the present command has been followed up at least once.
    asked: bool,
    conditions: Arc<RollbackConditions>,
    /// What is left to fall back to, with how often the first has been used.
    fallbacks: (Vec<Fallback>, u32),
    targets: Vec<Target>,
    aim: usize,
    key: Key,
    unattended: bool,
    /// Whether a person has come, who looks at users instead of checks.
    attended: bool,
    verified: Option<SimTime>,
    evidence_removed: bool,
    /// Since when the present command cannot go out.
    held_since: Option<SimTime>,
    /// Whether somebody has found a way that needs nothing.
    other_way: bool,
    /// Steps whose commands somebody mended, and whether one had nothing to start pods from.
    mended: Vec<usize>,
    misses_artefact: bool,
    why_impossible: String,
    /// Revisions in the order in which they last became current.
    revisions: Log,
    /// The registry of models, once it was called.
    registry: Option<Registry>,
    promotion_archived: bool,
    /// Steps so far.
    pub log: Vec<StepLog>,
}

/// The targets the rules of a scenario name, those first that are to be tried first; and why there is none.
pub fn targets(conditions: &RollbackConditions, log: &[Which]) -> (Vec<Target>, String) {
    let shelf = Shelf { history: &conditions.history, log };
    let mut reason = "there is no previous revision to go back to".to_owned();
    let mut found: Vec<Target> = Vec::new();
    for rule in &conditions.targets {
        match rule.as_dyn().pick(&shelf) {
            Ok(which) => {
                let mut target = shelf.target(which);
                target.is_gone |= conditions.no_target && which == Which::Past(conditions.history.running);
                target.is_gone &= !conditions.lessons.artefact_kept;
                if !found.iter().any(|known| known.which == which) {
                    found.push(target);
                }
            }
            Err(why) => reason = why,
        }
    }
    (found, reason)
}

/// Actions that the cluster answers: pods and weights.
fn acts(actions: &[Action]) -> usize {
    actions.iter().filter(|action| **action != Action::Configure).count()
}

/// A procedure that is about to begin.
#[derive(Clone, Debug)]
pub struct Order {
    /// What it is called in records.
    pub name: &'static str,
    /// Its steps.
    pub steps: Vec<PlannedStep>,
    /// Where it goes: the first target, and the others if that fails.
    pub targets: Vec<Target>,
    /// Why there are none.
    pub why_not: String,
    /// What goes differently from the book.
    pub conditions: Arc<RollbackConditions>,
    /// Keys what chance decides.
    pub key: Key,
    /// Revisions in the order in which they last became current.
    pub revisions: Log,
    /// Of a registry of models: whether the promotion of the new version archived the old one.
    pub promotion_archived: bool,
}

impl Order {
    /// A procedure as the conditions leave it: spoiled by its defects, followed by looks; without a target yet.
    pub fn of(spec: &ProcedureSpec, conditions: Arc<RollbackConditions>, key: Key) -> Self {
        let mut steps = spec.as_dyn().plan(&conditions.services);
        conditions.defects.iter().for_each(|defect| defect.as_dyn().spoil(&mut steps));
        conditions.lessons.mend(spec.name(), &mut steps);
        conditions.unrehearsed.iter().for_each(|defect| defect.as_dyn().spoil(&mut steps));
        if let Some(hands) = &conditions.hands {
            hands.take(&mut steps, key.purpose(Purpose::RollbackStep));
        }
        steps.extend(conditions.verify.iter().map(|check| {
            let look = format!("verify: {}", check.name());
            PlannedStep::new(look, check.as_dyn().delay(), StepKind::Check(check.clone()))
        }));
        Order {
            name: spec.name(),
            steps,
            targets: Vec::new(),
            why_not: String::new(),
            revisions: conditions.history.log(),
            promotion_archived: spec.as_dyn().promotion_archived(),
            conditions,
            key,
        }
    }

    /// The same towards one revision.
    #[must_use]
    pub fn to(self, target: Target) -> Self {
        Order { targets: vec![target], ..self }
    }
}

impl Execution {
    /// Begins a procedure towards where the rules of the scenario point. `log` is the order of revisions so far; `key`
    /// is the replication's: draws do not depend on when it begins.
    pub fn begin(
        spec: &ProcedureSpec,
        conditions: Arc<RollbackConditions>,
        log: &[Which],
        key: Key,
        view: &RolloutView,
    ) -> Self {
        // Once the primary runs the new revision Flagger has nothing to go back to; what is left is to undo the
        // primary's own Deployment.
        let promoted = view.set(SetName::Promoted).created > 0;
        let undo = ProcedureSpec::KubectlUndo(KubectlUndo::default());
        let spec = if promoted && matches!(spec, ProcedureSpec::Flagger(_)) { &undo } else { spec };
        let (targets, why_not) = targets(&conditions, log);
        let brings = spec.as_dyn().brings();
        let targets = targets.into_iter().map(|target| target.brought_as(brings)).collect();
        let order = Order::of(spec, conditions, key);
        Execution::towards(Order { targets, why_not, revisions: log.to_vec(), ..order }, view)
    }

    /// Begins a procedure.
    pub fn towards(order: Order, view: &RolloutView) -> Self {
        let Order { name, steps, targets, why_not, conditions, key, revisions, promotion_archived } = order;
        let mut execution = Execution {
            name,
            steps,
            index: 0,
            attempt: 0,
            phase: Phase::Impossible,
            asked: false,
            fallbacks: (conditions.on_failure.clone(), 0),
            unattended: conditions.hands.is_none(),
            attended: conditions.hands.is_some(),
            conditions,
            targets,
            aim: 0,
            key: key.purpose(Purpose::RollbackStep),
            verified: None,
            evidence_removed: false,
            held_since: None,
            other_way: false,
            mended: Vec::new(),
            misses_artefact: false,
            why_impossible: why_not,
            revisions,
            registry: None,
            promotion_archived,
            log: Vec::new(),
        };
        if execution.has_target(view) {
            execution.begin_step(view.now);
        }
        execution
    }

    /// Pods that still run are a target by themselves; otherwise there must be something to start them from, or
    /// something else to try.
    fn has_target(&self, view: &RolloutView) -> bool {
        if self.spares_target() {
            return true;
        }
        let Some(target) = self.target() else { return false };
        let anew = self.steps.iter().any(PlannedStep::loads_anew);
        let runs = view.set(target.set).created >= view.replicas;
        runs && !anew || !target.is_gone || !self.conditions.on_failure.is_empty()
    }

    /// The revision it goes to at present.
    pub fn target(&self) -> Option<&Target> {
        self.targets.get(self.aim)
    }

    /// Services beside the target that it takes back, by their [bits](crate::effect::ServiceId::bit).
    pub fn others(&self) -> u64 {
        self.steps.iter().fold(0, |all, step| match step.what {
            StepKind::UndoOther { service, .. } => all | service.bit(),
            _ => all,
        })
    }

    /// Whether it takes others back and leaves the target as it is.
    pub fn spares_target(&self) -> bool {
        let others = |step: &PlannedStep| matches!(step.what, StepKind::UndoOther { .. });
        self.others() != 0 && self.steps.iter().all(|step| !step.acts() || others(step))
    }

    fn goes_to(&self) -> SetName {
        self.target().map_or(SetName::Old, |target| target.set)
    }

    fn begin_step(&mut self, now: SimTime) {
        match self.steps.get(self.index) {
            Some(step) => {
                let pause = self.command_time(step);
                self.unattended &= !step.by_hand;
                self.log_step(now);
                self.phase = Phase::Command(now + pause);
            }
            None => self.phase = Phase::Ended(now, Ending::Done),
        }
    }

    fn log_step(&mut self, now: SimTime) {
        let name = self.steps[self.index].name.clone();
        self.log.push(StepLog {
            name,
            began: now,
            ended: None,
            failed: false,
            silent: false,
            right: None,
            waited: None,
        });
    }

    fn command_time(&self, step: &PlannedStep) -> SimDuration {
        let book = match &step.varies {
            None => step.command,
            Some(law) => {
                let luck = self.key.id(self.index as u64).entity("takes").uniform_open();
                SimDuration::from_secs_f64(law.quantile(luck))
            }
        };
        book.scale(self.conditions.slower)
    }

    fn command_fails(&mut self, step: &PlannedStep, view: &RolloutView) -> bool {
        if matches!(step.what, StepKind::Check(_)) {
            // It fails by what it finds.
            return false;
        }
        if step.working == Command::FailsUntilMended {
            return true;
        }
        let nothing_to_start = self.target().is_some_and(|target| {
            let starts = view.set(target.set).created < view.replicas && step.starts_pods();
            target.is_gone && (starts || step.loads_anew())
        });
        self.misses_artefact |= nothing_to_start;
        let key = self.key.id(self.index as u64).id(self.attempt);
        nothing_to_start || key.uniform() < self.conditions.step_fails.get()
    }

    /// What to do now.
    pub fn next(&mut self, view: &RolloutView, evidence: &dyn Evidence) -> Step {
        let mut actions = Vec::new();
        while let Some(step) = self.steps.get(self.index).cloned() {
            let phase = self.phase;
            match phase {
                Phase::Command(at) if view.now < at => {
                    return Step { actions, wake: Some(at), progress: Progress::Running };
                }
                Phase::Command(_) if self.is_held(&step, view.now, evidence) => {}
                Phase::Command(_) => self.send_command(&step, view),
                Phase::Waiting(begun) => {
                    let before = acts(&actions);
                    let standing = match &step.what {
                        StepKind::Check(_) if self.attended || step.by_hand => Standing::of_users(evidence),
                        StepKind::Registry { polling, .. } => {
                            self.follow_registry((polling, begun), view, &mut actions)
                        }
                        what => {
                            drive(what, begun, self.goes_to(), (self.asked, view), evidence, &mut actions)
                        }
                    };
                    self.asked = true;
                    self.judge(&step, standing, evidence);
                    if standing == Standing::Bad {
                        self.stop_everything(&step, view, &mut actions);
                        self.fail(&step, view.now);
                        continue;
                    }
                    if let Standing::PendingUntil(at) = standing {
                        return Step { actions, wake: Some(at), progress: Progress::Running };
                    }
                    // A flip is over with its command; other steps are looked at again once their actions show.
                    let flipped = matches!(
                        step.what,
                        StepKind::FlipWeight
                            | StepKind::Launch
                            | StepKind::DropBackup
                            | StepKind::DriftBack(_)
                            | StepKind::Registry { .. }
                            | StepKind::UndoOther { wait: false, .. }
                    );
                    if standing == Standing::Pending || (acts(&actions) > before && !flipped) {
                        break;
                    }
                    self.end_step(view.now);
                }
                Phase::Ended(..) | Phase::Impossible => break,
            }
        }
        Step { actions, wake: None, progress: Progress::Running }
    }

    /// Whether the command of a step cannot go out now because something does not answer that it needs.
    fn is_held(&mut self, step: &PlannedStep, now: SimTime, evidence: &dyn Evidence) -> bool {
        let cut = evidence.cut_off_by().filter(|_| step.acts() && !self.other_way);
        let since = match (cut, self.held_since) {
            (None, None) => return false,
            (_, since) => since.unwrap_or(now),
        };
        let waited = now.since(since);
        if let Some(entry) = self.log.last_mut() {
            let known = entry.waited.take().map(|(service, _)| service);
            entry.waited = cut.map(str::to_owned).or(known).map(|service| (service, waited));
        }
        self.held_since = cut.map(|_| since);
        if cut.is_none() {
            return false;
        }
        match self.conditions.path.out_of_reach {
            OutOfReach::Wait { every, at_most } if waited < at_most => {
                self.phase = Phase::Command(now + every.min(at_most));
            }
            OutOfReach::Wait { .. } | OutOfReach::Fail => {
                self.held_since = None;
                self.close_step(now, true);
                self.attempt += 1;
                self.fall_back(step, now);
            }
        }
        true
    }

    /// The service its command waits for at present.
    pub fn waits_for(&self) -> Option<&str> {
        let waited = self.log.last().and_then(|entry| entry.waited.as_ref());
        waited.filter(|_| self.held_since.is_some()).map(|(service, _)| service.as_str())
    }

    fn send_command(&mut self, step: &PlannedStep, view: &RolloutView) {
        if self.key.id(self.index as u64).entity("dies").uniform() < step.dies.get() {
            self.close_step(view.now, true);
            self.phase = Phase::Ended(view.now, Ending::GivenUp);
            return;
        }
        let fails = self.command_fails(step, view);
        if fails && !step.swallows {
            self.fail(step, view.now);
        } else if fails || step.working == Command::DoesNothing {
            if let Some(entry) = self.log.last_mut() {
                entry.silent = true;
            }
            self.end_step(view.now);
        } else {
            if let StepKind::Registry { transition, .. } = step.what {
                self.call_registry(transition);
            }
            self.phase = Phase::Waiting(Begun::now(view));
            self.asked = false;
        }
    }

    fn call_registry(&mut self, transition: Transition) {
        let history = &self.conditions.history;
        let shelf = Shelf { history, log: &self.revisions };
        let promotion_archived = self.promotion_archived;
        let registry = self.registry.get_or_insert_with(|| Registry::new(&shelf, promotion_archived));
        if let Some(target) = self.targets.get(self.aim) {
            registry.call(transition, target.which, history);
        }
    }

    /// The version that the registry names, where that is another one than before.
    fn named(&self) -> Option<Target> {
        let which = self.registry.as_ref()?.goes_to()?;
        Some(Shelf { history: &self.conditions.history, log: &self.revisions }.target(which))
    }

    fn follow_registry(
        &self,
        how: (&Polling, Begun),
        view: &RolloutView,
        actions: &mut Vec<Action>,
    ) -> Standing {
        let Some(registry) = &self.registry else { return Standing::Over };
        follow(registry, self.named().as_ref(), how, (self.asked, view), actions)
    }

    /// Where users end up if it goes on like this: with the target, but for a registry that names another version.
    pub fn lands_on(&self) -> SetName {
        self.named().map_or_else(|| self.goes_to(), |named| named.set)
    }

    /// Notes whether a check found the truth: users are harmed or they are not.
    fn judge(&mut self, step: &PlannedStep, standing: Standing, evidence: &dyn Evidence) {
        if let (StepKind::Check(_), Some(entry)) = (&step.what, self.log.last_mut()) {
            entry.right = Some((standing == Standing::Over) != evidence.is_harming());
        }
    }

    /// What a script does whose last step failed; a person who has come does not.
    fn stop_everything(&self, step: &PlannedStep, view: &RolloutView, actions: &mut Vec<Action>) {
        if step.leaves_nothing && !self.attended {
            let running = SetName::ALL.into_iter().filter(|set| view.set(*set).desired > 0);
            actions.extend(running.map(|set| Action::Scale(set, 0)));
        }
    }

    fn close_step(&mut self, now: SimTime, failed: bool) {
        if let Some(entry) = self.log.last_mut() {
            entry.ended = Some(now);
            entry.failed = failed;
        }
    }

    fn end_step(&mut self, now: SimTime) {
        self.close_step(now, false);
        if matches!(self.steps[self.index].what, StepKind::Verify | StepKind::Check(_)) {
            self.verified = Some(now);
        }
        let silent = self.log.last().is_some_and(|entry| entry.silent);
        self.evidence_removed |= self.steps[self.index].removes_evidence && !silent;
        self.index += 1;
        self.attempt = 0;
        self.begin_step(now);
    }

    /// Steps whose commands somebody mended, by their place in the plan.
    pub fn mended(&self) -> &[usize] {
        &self.mended
    }

    /// What a step is called.
    pub fn step_name(&self, index: usize) -> &str {
        self.steps.get(index).map_or("", |step| &step.name)
    }

    /// Whether a command had no artefact to start pods from.
    pub fn misses_artefact(&self) -> bool {
        self.misses_artefact
    }

    /// What the step does that was under way when its last attempt failed.
    pub fn failed_at(&self) -> Option<&StepKind> {
        let failed = self.log.iter().any(|entry| entry.failed);
        self.steps.get(self.index).filter(|_| failed).map(|step| &step.what)
    }

    /// Name of the procedure.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// When and how it ended.
    pub fn ended(&self) -> Option<(SimTime, Ending)> {
        if let Phase::Ended(at, ending) = self.phase { Some((at, ending)) } else { None }
    }

    /// Whether there was nothing to go back to.
    pub fn is_impossible(&self) -> bool {
        self.phase == Phase::Impossible
    }

    /// Why there was nothing to go back to.
    pub fn why_impossible(&self) -> &str {
        &self.why_impossible
    }

    /// Whether steps are left.
    pub fn is_pending(&self) -> bool {
        matches!(self.phase, Phase::Command(_) | Phase::Waiting(_))
    }

    /// Whether no person had to do anything so far.
    pub fn is_unattended(&self) -> bool {
        self.unattended
    }

    /// Whether what somebody would look at to find the cause is gone.
    pub fn has_removed_evidence(&self) -> bool {
        self.evidence_removed
    }

    /// Whether a person was called because something had failed.
    pub fn is_attended(&self) -> bool {
        self.attended
    }

    /// When the procedure's own check found everything in order.
    pub fn verified_at(&self) -> Option<SimTime> {
        self.verified
    }
}
