//! How a branch goes back: which way there is, and what becomes of it.
//!
//! A rollback can be followed by another: a policy that watches on and fires again, a sync that puts the new revision
//! back, a fix forwards after a rollback that was given up. All of them are procedures towards a revision; the branch
//! keeps the order in which revisions became current, which is what the rules for targets look at.

use std::sync::Arc;

use crate::catalogue::Entry;
use crate::effect::{Probe, Revision, SetName, WorldDisturbance};
use crate::quantity::Ratio;
use crate::rng::{Key, Purpose};
use crate::rollback::forward_fix::ForwardFix;
use crate::rollback::kubectl_undo::KubectlUndo;
use crate::rollback::target::{Brings, Shelf, Target, Which};
use crate::rollback::{Ending, Execution, Fallback, Order, Procedure, ProcedureSpec, RollbackConditions};
use crate::strategy::Signal;
use crate::time::SimTime;
use crate::world::World;
use crate::world::spec::{Timed, TimedDisturbance};

use super::branch::Branch;
use super::record::Lane;

/// What is known of the ways back of a twin before anybody goes one.
#[derive(Clone, Debug)]
pub struct WayBack {
    /// What goes differently from the book.
    pub conditions: Arc<RollbackConditions>,
    /// The replication's key.
    pub key: Key,
    /// What is wrong with the revisions of the history.
    pub of_past: Vec<Arc<[TimedDisturbance]>>,
    /// What is wrong with a fix that mends nothing; empty in the healthy twin.
    pub of_bad_fix: Arc<[TimedDisturbance]>,
}

impl WayBack {
    /// What is wrong with a revision that runs as the third one.
    fn faults_of(&self, target: &Target) -> Arc<[TimedDisturbance]> {
        match target.brings {
            Brings::Itself => {}
            Brings::InTheNewEnvironment => return Arc::clone(&self.of_bad_fix),
            Brings::AnotherImage => return never_ready(),
        }
        match target.which {
            Which::Past(past) => self.of_past.get(past).cloned().unwrap_or_default(),
            Which::Fix if self.fix_is_bad() => Arc::clone(&self.of_bad_fix),
            Which::Fix | Which::New => Arc::new([]),
        }
    }

    fn fix_is_bad(&self) -> bool {
        let luck = self.key.purpose(Purpose::RollbackStep).entity("forward fix").uniform();
        luck < self.conditions.fix.bad.get()
    }
}

/// What is wrong with an image that is no such service.
fn never_ready() -> Arc<[TimedDisturbance]> {
    let (revision, probe) = (Revision::Other, Probe::Readiness);
    let what = WorldDisturbance::ProbesFail { revision, probe, share: Ratio::ONE };
    Arc::new([Timed { from: SimTime::ZERO, until: SimTime::NEVER, what }])
}

/// A rollback on a branch.
#[derive(Clone)]
pub struct Rollback {
    /// The procedure under way.
    pub execution: Execution,
    /// When the decision fell.
    pub began: SimTime,
    /// When the candidate served its last request.
    pub drained: Option<SimTime>,
    /// When traffic and capacity were as before, on pods of the target.
    pub restored: Option<SimTime>,
    /// When it wants to be asked next.
    pub wake: Option<SimTime>,
    /// Whether the revision it went to is broken too.
    pub also_broken: bool,
    /// The target the world knows of.
    aimed_at: Option<(Which, Brings)>,
}

impl Rollback {
    fn begin(execution: Execution, began: SimTime) -> Self {
        Rollback {
            execution,
            began,
            drained: None,
            restored: None,
            wake: None,
            also_broken: false,
            aimed_at: None,
        }
    }

    /// The target, and whether a person has been called.
    fn standing(&self) -> (Option<Which>, bool) {
        (self.execution.target().map(|target| target.which), self.execution.is_attended())
    }

    /// What a failure has led to since then, in words.
    fn turns(&self, before: (Option<Which>, bool)) -> Vec<String> {
        let target = self.execution.target().filter(|target| before.0 != Some(target.which));
        let next = target.map(|target| format!("that did not help: on to the next target, {}", target.name));
        let called = self.execution.is_attended() && !before.1;
        let called = called.then(|| "a person is called to mend it".to_owned());
        next.into_iter().chain(called).collect()
    }

    /// Tells the world which revision the third one is, when that has changed.
    fn introduce(&mut self, way: &WayBack, world: &mut World) {
        let Some(target) = self.execution.target() else { return };
        let aim = Some((target.which, target.brings));
        if self.aimed_at == aim {
            return;
        }
        self.aimed_at = aim;
        // What stood for an earlier target says nothing of this one.
        self.restored = None;
        self.also_broken = false;
        if target.set == SetName::Other {
            let faults = way.faults_of(target);
            self.also_broken = !faults.is_empty();
            world.adopt(faults);
            world.third_is_fix(target.which == Which::Fix);
        }
    }
}

impl Branch {
    /// Begins to roll back.
    pub fn roll_back(&mut self, procedure: &ProcedureSpec, way: &Arc<WayBack>) {
        if let ProcedureSpec::ForwardFix(fix) = procedure {
            let conditions = RollbackConditions { fix: fix.clone(), ..way.conditions.as_ref().clone() };
            let way = WayBack { conditions: Arc::new(conditions), ..way.as_ref().clone() };
            return self.fix_forward(&Arc::new(way));
        }
        self.world.halt_companions();
        let view = self.view();
        let execution = Execution::begin(procedure, Arc::clone(&way.conditions), &self.log, way.key, &view);
        self.go_back(execution, way);
    }

    /// Begins to repair forwards.
    pub fn fix_forward(&mut self, way: &Arc<WayBack>) {
        let conditions = Arc::clone(&way.conditions);
        let target = Shelf { history: &conditions.history, log: &self.log }.target(Which::Fix);
        let fix = ProcedureSpec::ForwardFix(conditions.fix.clone());
        // Whoever sees that the fix mends nothing rolls back, instead of what follows a failed rollback.
        let conditions = match conditions.fix.falls_back {
            Some(_) => Arc::new(RollbackConditions {
                on_failure: vec![Fallback::GiveUp],
                ..conditions.as_ref().clone()
            }),
            None => conditions,
        };
        let mut rollbacks = self.rollback.iter().chain(&self.earlier_rollbacks);
        let conditions = if rollbacks.any(|rollback| rollback.execution.has_removed_evidence()) {
            let slower = conditions.slower * conditions.without_evidence;
            Arc::new(RollbackConditions { slower, ..conditions.as_ref().clone() })
        } else {
            conditions
        };
        let order = Order::of(&fix, conditions, way.key);
        self.go_back(Execution::towards(order.to(target), &self.view()), way);
    }

    /// Something that knows nothing of the rollback puts the new revision back.
    fn put_back(&mut self, way: &Arc<WayBack>) {
        let sync = RollbackConditions { history: way.conditions.history.clone(), ..Default::default() };
        let target = Shelf { history: &sync.history, log: &self.log }.target(Which::New);
        let order = Order {
            name: "sync",
            steps: KubectlUndo::default().plan(&sync.services),
            ..Order::of(&ProcedureSpec::KubectlUndo(KubectlUndo::default()), Arc::new(sync), way.key)
        };
        self.note(Lane::Cluster, || "a sync puts the new revision back".to_owned());
        self.go_back(Execution::towards(order.to(target), &self.view()), way);
    }

    fn go_back(&mut self, execution: Execution, way: &Arc<WayBack>) {
        let now = self.world.now();
        self.strategy = None;
        self.strategy_wake = None;
        self.put_back_at = None;
        self.way = Some(Arc::clone(way));
        let begins = if execution.is_impossible() {
            format!("{}: {}", execution.name(), execution.why_impossible())
        } else {
            let target = execution.target().map_or("", |target| target.name.as_str());
            format!("{} begins, to {target}", execution.name())
        };
        self.note(Lane::Rollback, || begins);
        self.earlier_rollbacks.extend(self.rollback.replace(Rollback::begin(execution, now)));
        self.control(Signal::Start);
    }

    /// Pushes a rollback on; whether there is one.
    pub(super) fn push_rollback(&mut self) -> bool {
        let Some(way) = self.way.clone() else { return false };
        if self.put_back_at.is_some_and(|at| at <= self.world.now()) {
            self.put_back(&way);
            return true;
        }
        let view = self.view();
        let cut = way.conditions.path.needs.iter().find(|(service, _)| !self.world.answers(*service));
        self.ledger.note_cut(cut.map(|(_, name)| name.as_str()));
        let Some(rollback) = &mut self.rollback else { return false };
        rollback.introduce(&way, &mut self.world);
        let pending = rollback.execution.is_pending();
        let waited = rollback.execution.waits_for().is_some();
        let before = rollback.standing();
        let step = rollback.execution.next(&view, &self.ledger);
        let waits = rollback.execution.waits_for().map(str::to_owned);
        let turns = rollback.turns(before);
        rollback.introduce(&way, &mut self.world);
        rollback.wake = step.wake;
        let ended = if pending { rollback.execution.ended() } else { None };
        for turn in turns {
            self.note(Lane::Rollback, || turn);
        }
        self.note_wait(waited, waits);
        self.perform(&step.actions);
        self.stamp();
        if let Some((at, ending)) = ended {
            self.rollback_ended(at, ending, &way);
        }
        true
    }

    fn note_wait(&mut self, before: bool, waits: Option<String>) {
        match waits {
            Some(service) if !before => self.note(Lane::Rollback, || {
                format!("the command waits: `{service}`, which it needs, does not answer")
            }),
            None if before => self.note(Lane::Rollback, || "it waits no longer".to_owned()),
            _ => {}
        }
    }

    fn rollback_ended(&mut self, at: SimTime, ending: Ending, way: &Arc<WayBack>) {
        let target = self.rollback.as_ref().and_then(|rollback| rollback.execution.target()).cloned();
        if let (Ending::Done, Some(Target { which, .. })) = (ending, target) {
            self.log.retain(|listed| *listed != which);
            self.log.push(which);
            let reverts = way.conditions.reverted_after.filter(|_| which != Which::New);
            self.put_back_at = reverts.map(|after| at + after);
        }
        if ending == Ending::FixForward {
            self.note(Lane::Rollback, || "the rollback is given up for a fix forwards".to_owned());
            self.fix_forward(way);
            return;
        }
        let was_fix =
            self.rollback.as_ref().is_some_and(|rollback| rollback.execution.name() == ForwardFix::NAME);
        if ending == Ending::GivenUp && was_fix && way.conditions.fix.falls_back.is_some() {
            self.note(Lane::Rollback, || "the fix mends nothing: back to the old revision".to_owned());
            // The fix came by a rolling update, so that is what is undone.
            self.roll_back(&ProcedureSpec::KubectlUndo(KubectlUndo::default()), way);
            return;
        }
        self.tell_riders_it_ended();
    }

    /// Stamps what the world shows of the rollback.
    pub(super) fn stamp(&mut self) {
        let Some(rollback) = &mut self.rollback else { return };
        if rollback.execution.is_impossible() {
            return;
        }
        let now = self.world.now();
        if rollback.drained.is_none() && self.world.is_drained() {
            rollback.drained = Some(now);
        }
        let set = rollback.execution.lands_on();
        let others = rollback.execution.others();
        let others_are_back = self.world.others_back() & others == others;
        let target_is_back = || set.revision() != Revision::Candidate && self.world.is_carried_by(set);
        let is_back = others_are_back && (rollback.execution.spares_target() || target_is_back());
        if rollback.restored.is_none() && is_back {
            rollback.restored = Some(now);
            self.note(Lane::Rollback, || "restored: traffic and capacity as before the deploy".to_owned());
        }
    }
}
