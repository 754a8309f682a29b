//! What is rolled out and how: weights that rise, steps that can be taken.

use super::document::Rollout;
use super::group;
use super::resolve::Checker;
use crate::catalogue::Catalogue;
use crate::effect::ServiceId;
use crate::quantity::Weight;
use crate::rollback::ProcedureSpec;
use crate::strategy::canary::{Canary, CanaryScale, CanaryStep};
use crate::strategy::flagger::Flagger;
use crate::strategy::model_registry::Names;
use crate::strategy::support::replicas::{Amount, Bounds};
use crate::strategy::{Objection, StrategySpec};
use crate::time::SimDuration;

/// The rollout, checked.
pub(super) struct Resolved {
    pub(super) target: ServiceId,
    pub(super) strategy: StrategySpec,
    pub(super) rollback: Option<ProcedureSpec>,
    pub(super) weight_propagation: SimDuration,
}

const STEPS: [&str; 5] = ["rollouts", "0", "strategy", "canary", "steps"];
/// Most steps of a rollout.
const MAX_STEPS: usize = 200;

/// The one rollout of the document; nothing if it is wrong in a way that was noted.
pub(super) fn resolve(checker: &mut Checker<'_>) -> Option<Resolved> {
    let rollouts = &checker.document.rollouts;
    let [rollout] = rollouts.as_slice() else {
        let fact = format!("{} rollouts, where exactly one can be played", rollouts.len());
        checker.error(&["rollouts"], fact, "write one file per release");
        return None;
    };
    check_strategy(checker, rollout);
    check_procedure(checker, rollout);
    if rollout.weight_propagation > SimDuration::from_mins(60) {
        let fact = format!("weights take {} to reach the routers", rollout.weight_propagation);
        checker.error(&["rollouts", "0", "weight_propagation"], fact, "a few seconds are usual, at most 1h");
    }
    let target = checker.service(&["rollouts", "0", "service"], &rollout.service)?;
    Some(Resolved {
        target,
        strategy: rollout.strategy.clone(),
        rollback: rollout.rollback.clone(),
        weight_propagation: rollout.weight_propagation,
    })
}

fn check_strategy(checker: &mut Checker<'_>, rollout: &Rollout) {
    match &rollout.strategy {
        StrategySpec::Canary(canary) => check_canary(checker, canary),
        StrategySpec::Flagger(flagger) => check_flagger(checker, flagger),
        StrategySpec::Rolling(rolling) => check_bounds(checker, "rolling", &rolling.bounds),
        StrategySpec::Waves(waves) => check_bounds(checker, "waves", &waves.bounds),
        _ => {}
    }
    for Objection { path, fact, help } in rollout.strategy.as_dyn().objections() {
        let mut place = vec!["rollouts", "0", "strategy", rollout.strategy.name()];
        place.extend(path.iter().map(String::as_str));
        checker.error(&place, fact, help);
    }
}

/// A procedure must be able to undo the rollout.
fn check_procedure(checker: &mut Checker<'_>, rollout: &Rollout) {
    let Some(procedure) = &rollout.rollback else { return };
    check_registry(checker, rollout, procedure);
    group::check_procedure(checker, rollout, procedure);
    if let Some(why) = procedure.why_not(rollout.strategy.as_dyn().routing()) {
        let (way, kind) = (procedure.name(), rollout.strategy.name());
        let fact = format!("`{way}` cannot undo a rollout of the kind `{kind}`: {why}");
        let help = "leave `rollback` out for what fits the rollout, or see `backout list procedures`";
        checker.error(&["rollouts", "0", "rollback"], fact, help);
    }
}

/// What calls a registry must change what servers look for, and know what the promotion did.
fn check_registry(checker: &mut Checker<'_>, rollout: &Rollout, procedure: &ProcedureSpec) {
    let path = ["rollouts", "0", "rollback", procedure.name()];
    let swap = match procedure {
        ProcedureSpec::RegistryStageSwap(swap) => Some(swap),
        ProcedureSpec::RegistryAlias(_) => None,
        _ => return,
    };
    let StrategySpec::ModelRegistry(registry) = &rollout.strategy else { return };
    let mode = if swap.is_some() { Names::Stages } else { Names::Alias };
    if registry.mode != mode {
        let help = "stages are swapped by `registry_stage_swap`, aliases are moved by `registry_alias`";
        checker.error(&path, "servers look for something else than it changes", help);
    }
    if swap.is_some_and(|swap| swap.promotion_archived != registry.archive_existing) {
        let fact = "the rollout and its way back disagree on whether the promotion archived the old version";
        let help = "write `archive_existing` of the rollout and `promotion_archived` alike";
        checker.error(&[path.as_slice(), &["promotion_archived"]].concat(), fact, help);
    }
}

fn check_canary(checker: &mut Checker<'_>, canary: &Canary) {
    check_length(checker, &STEPS, canary.steps.len());
    check_bounds(checker, "canary", &canary.bounds);
    check_pods(checker, canary);
    let weights = canary.steps.iter().enumerate().filter_map(|(at, step)| Some((at, step.weight?)));
    let weights: Vec<(usize, Weight)> = weights.collect();
    for pair in weights.windows(2) {
        let [(_, before), (at, after)] = pair else { continue };
        if after.get() <= before.get() {
            let at = at.to_string();
            let path: Vec<&str> = STEPS.iter().copied().chain([at.as_str(), "weight"]).collect();
            not_rising(checker, &path, *before, *after);
        }
    }
}

/// Pods that a canary asks for by number.
fn check_pods(checker: &mut Checker<'_>, canary: &Canary) {
    let asked = |step: &CanaryStep| {
        let scale = match step.scale {
            Some(CanaryScale::Pods(pods)) => pods,
            _ => 0,
        };
        let experiment = step.experiment.unwrap_or_default();
        scale.max(experiment.candidate).max(experiment.baseline)
    };
    let most = super::limits::MAX_REPLICAS;
    let help = format!("at most {most}, like the replicas of a service");
    if canary.min_pods > most {
        let path = ["rollouts", "0", "strategy", "canary", "min_pods"];
        checker.error(&path, format!("{} pods are too many", canary.min_pods), help.clone());
    }
    for (at, step) in canary.steps.iter().enumerate().filter(|(_, step)| asked(step) > most) {
        let at = at.to_string();
        let path: Vec<&str> = STEPS.iter().copied().chain([at.as_str()]).collect();
        checker.error(&path, format!("{} pods are too many", asked(step)), help.clone());
    }
}

fn check_flagger(checker: &mut Checker<'_>, flagger: &Flagger) {
    let base = ["rollouts", "0", "strategy", "flagger"];
    let path = |field| base.into_iter().chain([field]).collect::<Vec<_>>();
    if flagger.interval < SimDuration::from_secs(1) {
        let fact = format!("a tick every {}", flagger.interval);
        checker.error(&path("interval"), fact, "the interval of an analysis is at least 1s");
    }
    let steps = if flagger.iterations > 0 { "iterations" } else { "weights" };
    if !flagger.skip_analysis {
        check_length(checker, &path(steps), flagger.steps());
    }
    for (at, pair) in flagger.weights.windows(2).enumerate() {
        let [before, after] = pair else { continue };
        if after.get() <= before.get() {
            let index = (at + 1).to_string();
            let path: Vec<&str> = base.into_iter().chain(["weights", index.as_str()]).collect();
            not_rising(checker, &path, *before, *after);
        }
    }
}

fn check_length(checker: &mut Checker<'_>, path: &[&str], steps: usize) {
    if steps == 0 {
        checker.error(path, "a rollout without steps", "use `rolling: {}` for one that never waits");
    } else if steps > MAX_STEPS {
        checker.error(path, format!("{steps} steps are more than {MAX_STEPS}"), "take larger steps");
    }
}

fn not_rising(checker: &mut Checker<'_>, path: &[&str], before: Weight, after: Weight) {
    let fact = format!("the weight {after} does not rise above {before} of the step before");
    checker.error(path, fact, "weights rise from step to step; leave `weight:` out to wait at the same one");
}

fn check_bounds(checker: &mut Checker<'_>, strategy: &str, bounds: &Bounds) {
    for (field, amount) in [("max_surge", bounds.max_surge), ("max_unavailable", bounds.max_unavailable)] {
        let wrong = match amount {
            Amount::Pods(pods) => pods > super::limits::MAX_REPLICAS,
            Amount::Percent(percent) => !(0.0..=100.0).contains(&percent),
        };
        if wrong {
            let path = ["rollouts", "0", "strategy", strategy, "bounds", field];
            let help =
                format!("write `pods: 1` or `percent: 25`, at most {} pods", super::limits::MAX_REPLICAS);
            checker.error(&path, format!("`{field}` is out of range"), help);
        }
    }
}
