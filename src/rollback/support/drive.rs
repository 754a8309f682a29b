//! What the steps of a procedure ask of the cluster, again and again until the cluster shows that they are over.

use super::database;
use super::step::StepKind;
use crate::effect::{Action, RolloutView, SetName, SetView, Split};
use crate::rollback::check::Evidence;
use crate::strategy::support::argo_replicas::abort_weight;
use crate::strategy::support::drift::Ladder;
use crate::strategy::support::replicas::{Bounds, Goal, reconcile, routed};
use crate::time::SimTime;

/// Where a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Something is still missing.
    Pending,
    /// Something is still missing, and it wants to be asked again at this instant.
    PendingUntil(SimTime),
    /// Its end condition holds.
    Over,
    /// What it looked at is not as it should be.
    Bad,
}

impl Standing {
    /// What a person finds who looks at users.
    pub(super) fn of_users(evidence: &dyn Evidence) -> Standing {
        if evidence.is_harming() { Standing::Bad } else { Standing::Over }
    }

    pub(super) fn over_if(over: bool) -> Standing {
        if over { Standing::Over } else { Standing::Pending }
    }
}

/// How things stood when the command of a step went out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Begun {
    /// When that was.
    pub(super) at: SimTime,
    /// Share of the traffic on the candidate destination.
    pub(super) share: f64,
    /// What the routers were asked for, or servers had found in a registry.
    pub(super) asked: f64,
}

impl Begun {
    pub(super) fn now(view: &RolloutView) -> Self {
        Begun { at: view.now, share: view.in_force.candidate, asked: view.split.candidate }
    }
}

/// Pushes a step on; `asked` says whether it has been pushed before since its command went out.
pub(super) fn drive(
    what: &StepKind,
    begun: Begun,
    to: SetName,
    (asked, view): (bool, &RolloutView),
    evidence: &dyn Evidence,
    actions: &mut Vec<Action>,
) -> Standing {
    let target = view.set(to);
    match what {
        // What servers do depends on the registry, which the execution keeps.
        StepKind::Wait | StepKind::Registry { .. } => Standing::Over,
        StepKind::RestoreCapacity => {
            if target.desired < view.replicas {
                actions.push(Action::Scale(to, view.replicas));
            }
            Standing::over_if(target.ready >= view.replicas)
        }
        StepKind::Launch => {
            if target.desired < view.replicas {
                actions.push(Action::Scale(to, view.replicas));
            }
            Standing::Over
        }
        StepKind::FlipWeight => {
            actions.push(Action::SyntheticLoad(0.0));
            actions.push(Action::Unsplit);
            Standing::Over
        }
        StepKind::DropBackup => {
            actions.push(Action::Backup(false));
            Standing::Over
        }
        StepKind::WalkWeightBack => Standing::over_if(walk_back(to, view, actions)),
        StepKind::ClearTarget => {
            if target.desired > 0 {
                actions.push(Action::Scale(to, 0));
            }
            Standing::over_if(target.created == 0 && target.terminating == 0)
        }
        StepKind::ScaleDown => {
            scale_down(to, view, actions);
            Standing::over_if(others_gone(to, view))
        }
        StepKind::RollBack(bounds) | StepKind::Apply(bounds) => {
            if matches!(what, StepKind::Apply(_)) && !asked {
                actions.push(Action::Configure);
            }
            roll_back(to, view, bounds, actions);
            Standing::over_if(target.available >= view.replicas && others_gone(to, view))
        }
        StepKind::RollPartlyBack { left, bounds } => {
            let left = routed(view.replicas, left.get()).min(view.replicas);
            Standing::over_if(roll_partly_back(to, left, view, bounds, actions))
        }
        StepKind::DriftBack(ladder) => drift_back(ladder, begun, view, actions),
        StepKind::Verify => {
            Standing::over_if(target.available >= view.replicas && view.split == Split::STABLE)
        }
        StepKind::SchemaBack
        | StepKind::Restore { .. }
        | StepKind::StopApplication
        | StepKind::StartApplication => database::drive(what, asked, view, actions),
        StepKind::UndoOther { service, wait } => {
            if !asked {
                actions.push(Action::Undo(*service));
            }
            Standing::over_if(!wait || view.others_back & service.bit() != 0)
        }
        StepKind::OthersBack(others) => Standing::over_if(view.others_back & others == *others),
        StepKind::Check(check) if check.as_dyn().passes(to, view, evidence) => Standing::Over,
        StepKind::Check(_) => Standing::Bad,
    }
}

fn others(to: SetName) -> impl Iterator<Item = SetName> {
    SetName::ALL.into_iter().filter(move |set| *set != to)
}

fn others_gone(to: SetName, view: &RolloutView) -> bool {
    others(to).all(|set| view.set(set).created == 0 && view.set(set).terminating == 0)
}

/// Traffic goes back as fast as stable pods become available, and never forth again.
fn walk_back(to: SetName, view: &RolloutView, actions: &mut Vec<Action>) -> bool {
    let target = view.set(to);
    if target.desired < view.replicas {
        actions.push(Action::Scale(to, view.replicas));
    }
    if target.available >= view.replicas {
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
    let weight = f64::from(abort_weight(view.replicas, target.available, present, true)) / 100.0;
    if weight < view.split.candidate {
        actions.push(Action::Weight(weight));
    }
    false
}

fn scale_down(to: SetName, view: &RolloutView, actions: &mut Vec<Action>) {
    for set in others(to) {
        if view.set(set).desired > 0 {
            actions.push(Action::Scale(set, 0));
        }
    }
}

/// The target's pods for the others, within the bounds; a weight that sends traffic to the candidate is taken back
/// once the stable destination can carry it.
fn roll_back(to: SetName, view: &RolloutView, bounds: &Bounds, actions: &mut Vec<Action>) {
    if view.routing.is_split() {
        // Pods behind another destination do not stand in for each other: first the target's pods, then the weight.
        if view.set(to).desired < view.replicas {
            actions.push(Action::Scale(to, view.replicas));
        } else if view.set(to).available >= view.replicas {
            if view.split != Split::STABLE {
                actions.push(Action::Unsplit);
            }
            scale_down(to, view, actions);
        }
        return;
    }
    let goal = Goal { old: 0, new: view.replicas };
    actions.extend(reconcile(view, goal, bounds, (next_to_go(to, view), to)));
}

/// The set that goes next: one after the other where more than one is left, the newest first.
fn next_to_go(to: SetName, view: &RolloutView) -> SetName {
    let order = [SetName::Promoted, SetName::Other, SetName::New, SetName::Baseline, SetName::Old];
    let mut left = order.into_iter().filter(|set| *set != to && view.set(*set).desired > 0);
    left.next().unwrap_or(if to == SetName::New { SetName::Old } else { SetName::New })
}

/// The target's pods for some of the others; whether no more than `left` of those are there. Behind a router pods of
/// one destination do not stand in for another's, so nothing is done by halves there.
fn roll_partly_back(
    to: SetName,
    left: u32,
    view: &RolloutView,
    bounds: &Bounds,
    actions: &mut Vec<Action>,
) -> bool {
    let others_are = |count: fn(&SetView) -> u32| others(to).map(|set| count(view.set(set))).sum::<u32>();
    if view.routing.is_split() {
        return true;
    }
    if others_are(|set| set.desired) > left || view.set(to).desired < view.replicas - left {
        let goal = Goal { old: left, new: view.replicas - left };
        actions.extend(reconcile(view, goal, bounds, (next_to_go(to, view), to)));
    }
    others_are(|set| set.created) <= left && view.set(to).available >= view.replicas - left
}

/// Clients leave the candidate as they next look.
fn drift_back(ladder: &Ladder, begun: Begun, view: &RolloutView, actions: &mut Vec<Action>) -> Standing {
    let stage = ladder.back(begun.share, view.now.since(begun.at));
    if stage.share != view.split.candidate {
        actions.push(Action::ClientShare(stage.share));
    }
    stage.until.map_or(Standing::Over, |left| Standing::PendingUntil(begun.at + left))
}
