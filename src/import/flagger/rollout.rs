//! The rollout a canary brings: weights tick by tick (pkg/controller/scheduler.go).

use super::{Draft, Load};
use crate::diagnostic::Diagnostic;
use crate::document::Reader;
use crate::import::line;
use crate::import::unread::unsupported;
use crate::policy::loaded::StandIn;
use crate::quantity::Weight;
use crate::strategy::flagger::{Flagger, Kind};
use crate::time::SimDuration;

/// Most steps a file can ask for; far beyond what 100 % allows, and a bound for `iterations`.
const MOST_STEPS: usize = 10_000;

/// What was read elsewhere and belongs to the rollout.
pub(super) struct Shape {
    pub(super) interval: SimDuration,
    pub(super) deadline: SimDuration,
    pub(super) skip_analysis: bool,
    pub(super) suspend: bool,
    pub(super) load: Load,
    pub(super) confirm_rollout: bool,
}

/// The rollout of a canary.
pub(super) struct Rollout {
    pub(super) spec: Flagger,
    /// What the controller says at each step.
    pub(super) steps: Vec<String>,
    pub(super) sentence: String,
}

impl Rollout {
    /// Flagger's name for the strategy.
    pub(super) fn kind(&self) -> &'static str {
        match self.spec.kind() {
            Kind::Canary => "canary",
            Kind::BlueGreen => "blue-green",
            Kind::AbTesting => "A/B testing",
        }
    }
}

pub(super) fn read(
    draft: &mut Draft<'_, '_>,
    section: &Reader<'_>,
    shape: Shape,
) -> Result<Rollout, Diagnostic> {
    let whole = |key: &str| section.get(key).map(|reader| reader.i64()).transpose();
    let routed = draft.names.provider != "kubernetes";
    let iterations = iterations(draft, section, routed)?;
    let matches = section.get("match").filter(|reader| !reader.peek().items().is_empty());
    let matching = matches.is_some() && iterations > 0 && routed;
    let (step, max) = (whole("stepWeight")?, whole("maxWeight")?);
    let promotion = whole("stepWeightPromotion")?;
    let listed = match section.get("stepWeights") {
        Some(list) => list.seq()?.iter().map(Reader::i64).collect::<Result<Vec<i64>, _>>()?,
        None => Vec::new(),
    };
    let (weights, promotes) = if iterations > 0 { (Vec::new(), true) } else { canary(step, max, &listed) };
    if !promotes && !shape.skip_analysis {
        let note = "neither stepWeight nor stepWeights: the canary stays at 0 % for ever";
        draft.unsupported.push(unsupported(section, note));
    }
    let spec = Flagger {
        iterations,
        matching,
        mirror: mirror(draft, section, matching, routed)?,
        routed,
        synthetic_load: shape.load,
        skip_analysis: shape.skip_analysis,
        suspend: shape.suspend,
        confirm_rollout: shape.confirm_rollout,
        promotes,
        progress_deadline: shape.deadline,
        primary_ready: ready_share(section, "primaryReadyThreshold")?,
        canary_ready: ready_share(section, "canaryReadyThreshold")?,
        ..Flagger::new(shape.interval, weights)
    };
    let last = if iterations > 0 { 100.0 } else { spec.weights.last().map_or(0.0, |weight| weight.get()) };
    let promotion_weights = promotion_weights(last, promotion);
    let spec = Flagger { promotion_weights, ..spec };
    if let Some(matches) = &matches {
        of_matches(draft, matches, &spec);
    }
    if spec.kind() == Kind::AbTesting && promotion.is_some_and(|step| step > 0) {
        let note = "the matching requests come back in one go";
        let at = section.get("stepWeightPromotion");
        draft.unsupported.push(unsupported(at.as_ref().unwrap_or(section), note));
    }
    if spec.kind() == Kind::BlueGreen && spec.mirror.is_none() && spec.synthetic_load.is_none() {
        draft.stand_ins.push(StandIn {
            what: "traffic on the canary before it gets live traffic".to_owned(),
            line: line(section),
            setting: "none: metric checks find no values unless a load test makes some".to_owned(),
        });
    }
    Ok(Rollout { steps: sentences(&spec), sentence: sentence(&spec), spec })
}

/// `iterations`; 10 for the provider `kubernetes` where the file has none.
fn iterations(draft: &mut Draft<'_, '_>, section: &Reader<'_>, routed: bool) -> Result<u32, Diagnostic> {
    let reader = section.get("iterations");
    let written = reader.as_ref().map(|reader| reader.i64()).transpose()?.unwrap_or(0);
    if written < 1 && !routed {
        draft.stand_ins.push(StandIn {
            what: "the iterations, which the provider `kubernetes` needs".to_owned(),
            line: line(reader.as_ref().unwrap_or(section)),
            setting: "10, as Flagger sets them".to_owned(),
        });
        return Ok(10);
    }
    Ok(u32::try_from(written.max(0)).unwrap_or(MOST_STEPS as u32).min(MOST_STEPS as u32))
}

/// Copies of live requests: of all of them unless `mirrorWeight` says how many. A/B tests have none.
fn mirror(
    draft: &mut Draft<'_, '_>,
    section: &Reader<'_>,
    matching: bool,
    routed: bool,
) -> Result<Option<Weight>, Diagnostic> {
    let share = section.get("mirrorWeight").map(|reader| reader.i64()).transpose()?;
    let Some(reader) = section.get("mirror") else { return Ok(None) };
    if !reader.bool()? {
        return Ok(None);
    }
    if matching || !routed {
        let note = if matching { "A/B tests are not mirrored" } else { "nothing can copy requests" };
        draft.unsupported.push(unsupported(&reader, note));
        return Ok(None);
    }
    Ok(Some(percent(share.filter(|share| *share > 0).unwrap_or(100))))
}

/// Share of the pods that must be ready, 100 where the file says nothing.
fn ready_share(section: &Reader<'_>, key: &str) -> Result<Weight, Diagnostic> {
    let share = section.get(key).map(|reader| reader.i64()).transpose()?;
    Ok(percent(share.unwrap_or(100)))
}

/// The conditions of an A/B test. What they match is not looked at: users match or they do not.
fn of_matches(draft: &mut Draft<'_, '_>, matches: &Reader<'_>, spec: &Flagger) {
    matches.whole();
    if spec.kind() == Kind::AbTesting {
        draft.stand_ins.push(StandIn {
            what: "the users whose requests match the conditions of the A/B test".to_owned(),
            line: line(matches),
            setting: "the `cohort` of the scenario's traffic, 10 % of users where it says nothing".to_owned(),
        });
        return;
    }
    let note = if spec.routed {
        "without `iterations` there is no A/B test: the conditions have no effect"
    } else {
        "A/B testing is not supported when using the kubernetes provider"
    };
    draft.unsupported.push(unsupported(matches, note));
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

/// Weights left on the canary on the successive ticks of the promotion; the last one is zero.
fn promotion_weights(last: f64, step: Option<i64>) -> Vec<Weight> {
    let Some(step) = step.filter(|step| *step > 0) else { return Vec::new() };
    let mut left = last;
    let mut taken = Vec::new();
    while left > 0.0 {
        left = (left - step as f64).max(0.0);
        taken.push(Weight::percent(left).unwrap_or_default());
    }
    taken
}

fn sentences(spec: &Flagger) -> Vec<String> {
    let iterations = spec.iterations as usize;
    let mirrored = usize::from(spec.mirror.is_some());
    let of = |index: usize| match spec.kind() {
        Kind::Canary if index < mirrored => "canary weight 0".to_owned(),
        Kind::Canary => {
            let weight = spec.weights.get(index - mirrored).map_or(0.0, |weight| weight.get());
            format!("canary weight {weight}")
        }
        Kind::BlueGreen if index == iterations => "routing all traffic to canary".to_owned(),
        Kind::BlueGreen | Kind::AbTesting => format!("canary iteration {}/{iterations}", index + 1),
    };
    (0..spec.steps()).map(of).collect()
}

fn sentence(spec: &Flagger) -> String {
    let Flagger { interval, iterations, .. } = spec;
    let list: Vec<String> = spec.weights.iter().map(|weight| weight.get().to_string()).collect();
    let end = if spec.promotes { "then the primary takes over" } else { "and then nothing more happens" };
    match (spec.kind(), spec.mirror) {
        (Kind::Canary, mirror) => {
            let first = mirror.map_or_else(String::new, |share| {
                format!("first {share} of the requests are copied to the canary for one step, then ")
            });
            format!(
                "One step every {interval} while every check passes: {first}weights {} %, {end}.",
                if list.is_empty() { "0".to_owned() } else { list.join(", ") }
            )
        }
        (Kind::BlueGreen, mirror) => {
            let traffic = mirror.map_or_else(
                || "without live traffic".to_owned(),
                |share| format!("with copies of {share} of the live requests"),
            );
            let switch = if spec.routed { ", then all traffic to the canary" } else { "" };
            format!("{iterations} iterations of {interval} {traffic}{switch}, {end}.")
        }
        (Kind::AbTesting, _) => {
            format!("{iterations} iterations of {interval} with the matching requests on the canary, {end}.")
        }
    }
}
