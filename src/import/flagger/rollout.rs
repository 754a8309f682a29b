//! The rollout a canary brings: weights tick by tick (pkg/controller/scheduler.go).

use super::{Draft, Load};
use crate::diagnostic::Diagnostic;
use crate::document::Reader;
use crate::import::line;
use crate::import::unread::unsupported;
use crate::policy::loaded::StandIn;
use crate::quantity::Weight;
use crate::strategy::StrategySpec;
use crate::strategy::flagger::Flagger;
use crate::time::SimDuration;

/// Most steps a file can ask for; far beyond what 100 % allows, and a bound for `iterations`.
const MOST_STEPS: usize = 10_000;

/// What was read elsewhere and belongs to the rollout.
pub(super) struct Shape {
    pub(super) interval: SimDuration,
    pub(super) deadline: SimDuration,
    pub(super) skip_analysis: bool,
    pub(super) load: Load,
}

/// The rollout of a canary.
pub(super) struct Rollout {
    pub(super) spec: StrategySpec,
    /// What the controller says at each step.
    pub(super) steps: Vec<String>,
    /// Flagger's name for the strategy.
    pub(super) kind: &'static str,
    pub(super) sentence: String,
}

pub(super) fn read(
    draft: &mut Draft<'_, '_>,
    section: &Reader<'_>,
    shape: Shape,
) -> Result<Rollout, Diagnostic> {
    let whole = |key: &str| section.get(key).map(|reader| reader.i64()).transpose();
    let is_kubernetes = draft.names.provider == "kubernetes";
    let mut iterations = whole("iterations")?.unwrap_or(0);
    if is_kubernetes && iterations < 1 {
        iterations = 10;
    }
    let matches = section.get("match").filter(|reader| !reader.peek().items().is_empty());
    let (step, max) = (whole("stepWeight")?, whole("maxWeight")?);
    let promotion = whole("stepWeightPromotion")?;
    let listed = match section.get("stepWeights") {
        Some(list) => list.seq()?.iter().map(Reader::i64).collect::<Result<Vec<i64>, _>>()?,
        None => Vec::new(),
    };
    let iterations = usize::try_from(iterations).unwrap_or(0).min(MOST_STEPS);
    let (weights, kind, promotes) = match &matches {
        Some(matches) if iterations > 0 && !is_kubernetes => {
            (ab_testing(draft, matches, iterations), "A/B testing", true)
        }
        _ if iterations > 0 => (blue_green(draft, is_kubernetes, iterations), "blue-green", true),
        _ => {
            let (weights, promotes) = canary(step, max, &listed);
            (weights, "canary", promotes)
        }
    };
    if let Some(matches) = &matches {
        matches.whole();
    }
    if !promotes {
        let note = "neither stepWeight nor stepWeights: the canary stays at 0 % for ever";
        draft.unsupported.push(unsupported(section, note));
    }
    let steps = sentences(kind, &weights);
    let sentence = sentence(kind, &weights, shape.interval, promotes);
    let spec = StrategySpec::Flagger(Flagger {
        promotion_weights: promotion_weights(&weights, promotion),
        synthetic_load: shape.load,
        skip_analysis: shape.skip_analysis,
        promotes,
        progress_deadline: shape.deadline,
        ..Flagger::new(shape.interval, weights)
    });
    Ok(Rollout { spec, steps, kind, sentence })
}

fn percent(value: i64) -> Weight {
    Weight::percent(value.clamp(0, 100) as f64).unwrap_or_default()
}

/// The weights of the successive good ticks, and whether the last one leads to a promotion.
fn canary(step: Option<i64>, max: Option<i64>, listed: &[i64]) -> (Vec<Weight>, bool) {
    let max = match listed.last() {
        Some(last) => (*last).min(100),
        None => max.filter(|max| *max > 0).unwrap_or(100),
    };
    let mut weights = Vec::new();
    let mut weight = 0;
    while weight < max {
        let next = next_step(step.unwrap_or(0), listed, weight);
        if next <= 0 || weights.len() >= MOST_STEPS {
            return (weights, false);
        }
        weight = (weight + next).min(100);
        weights.push(percent(weight));
    }
    // Even at the maximum a step of zero keeps the canary where it is.
    let promotes = next_step(step.unwrap_or(0), listed, weight) > 0;
    (weights, promotes)
}

fn next_step(step: i64, listed: &[i64], weight: i64) -> i64 {
    let room = 100 - weight;
    match listed {
        _ if step > 0 => step,
        [] => step,
        _ if room == 0 => 1,
        [first, ..] if weight == 0 => room.min(*first),
        _ => {
            let pairs = listed.windows(2).filter_map(|pair| <[i64; 2]>::try_from(pair).ok());
            let next = pairs.into_iter().find(|[here, _]| *here == weight);
            next.map_or(room, |[here, there]| room.min(there.saturating_sub(here)))
        }
    }
}

/// The matching requests are a fixed share of all; for each iteration they go to the canary.
fn ab_testing(draft: &mut Draft<'_, '_>, matches: &Reader<'_>, iterations: usize) -> Vec<Weight> {
    let share = draft.options.match_share;
    draft.stand_ins.push(StandIn {
        what: "the share of requests that match the conditions of the A/B test".to_owned(),
        line: line(matches),
        setting: format!("{share} of all requests, drawn at random"),
    });
    vec![share; iterations]
}

/// No live traffic during the iterations, then all of it.
fn blue_green(draft: &mut Draft<'_, '_>, is_kubernetes: bool, iterations: usize) -> Vec<Weight> {
    let mut weights = vec![Weight::default(); iterations];
    // Without a mesh nothing can be routed to the canary: its last step only takes a tick.
    weights.push(percent(if is_kubernetes { 0 } else { 100 }));
    if draft.stand_ins.iter().all(|stand_in| !stand_in.setting.contains("synthetic")) {
        draft.stand_ins.push(StandIn {
            what: "traffic on the canary before it gets live traffic".to_owned(),
            line: 0,
            setting: "none: metric checks find no values unless a load test makes some".to_owned(),
        });
    }
    weights
}

fn promotion_weights(weights: &[Weight], step: Option<i64>) -> Vec<Weight> {
    let Some(step) = step.filter(|step| *step > 0) else { return Vec::new() };
    let mut left = weights.last().map_or(0.0, |weight| weight.get());
    let mut taken = Vec::new();
    while left > 0.0 {
        left = (left - step as f64).max(0.0);
        taken.push(Weight::percent(left).unwrap_or_default());
    }
    taken
}

fn sentences(kind: &str, weights: &[Weight]) -> Vec<String> {
    let count = weights.len();
    let of = |(index, weight): (usize, &Weight)| match kind {
        "canary" => format!("canary weight {}", weight.get()),
        "blue-green" if index + 1 == count => "routing all traffic to canary".to_owned(),
        "blue-green" => format!("canary iteration {}/{}", index + 1, count - 1),
        _ => format!("canary iteration {}/{count}", index + 1),
    };
    weights.iter().enumerate().map(of).collect()
}

fn sentence(kind: &str, weights: &[Weight], interval: SimDuration, promotes: bool) -> String {
    let list: Vec<String> = weights.iter().map(|weight| weight.get().to_string()).collect();
    let end = if promotes { "then the primary takes over" } else { "and then nothing more happens" };
    match kind {
        "canary" => format!(
            "One step every {interval} while every check passes: weights {} %, {end}.",
            if list.is_empty() { "0".to_owned() } else { list.join(", ") }
        ),
        "blue-green" => format!(
            "{} iterations of {interval} without live traffic, then all traffic to the canary, {end}.",
            weights.len().saturating_sub(1)
        ),
        _ => format!(
            "{} iterations of {interval} with the matching requests on the canary, {end}.",
            weights.len()
        ),
    }
}
