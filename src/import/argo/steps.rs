//! The steps of a canary. One step of the file is one step of the strategy, so that both count alike.

use super::rollout::analysis;
use super::{Draft, experiment, line};
use crate::diagnostic::Diagnostic;
use crate::document::{NodeValue, Reader};
use crate::import::bundle::Object;
use crate::import::unread::unsupported;
use crate::policy::argo::engine::AnalysisDef;
use crate::quantity::Weight;
use crate::strategy::canary::{CanaryScale, CanaryStep, WaitKind};
use crate::time::SimDuration;

/// An analysis step lasts at least as long as the controller takes to see its end.
const SHORTEST_ANALYSIS: SimDuration = SimDuration::from_secs(1);

/// Most pods a file may ask for; the simulated service has fewer anyway.
pub(super) const MOST_PODS: u32 = 10_000;

/// The steps of a canary while they are read.
#[derive(Default)]
pub(super) struct Steps {
    pub(super) steps: Vec<CanaryStep>,
    pub(super) analyses: Vec<AnalysisDef>,
    pub(super) words: Vec<String>,
    /// What the router calls all of the traffic (`maxTrafficWeight`).
    heaviest: f64,
    routed: bool,
}

/// The steps below `canary`; `heaviest` is the router's word for all of the traffic, if there is a router.
pub(super) fn steps(
    draft: &mut Draft<'_, '_>,
    object: &Object<'_>,
    canary: &Reader<'_>,
    heaviest: Option<f64>,
) -> Result<Steps, Diagnostic> {
    let mut steps =
        Steps { heaviest: heaviest.unwrap_or(100.0), routed: heaviest.is_some(), ..Steps::default() };
    let Some(list) = canary.get("steps") else { return Ok(steps) };
    for item in list.seq()? {
        let step = one(draft, object, &item, &mut steps)?;
        steps.steps.push(step);
    }
    Ok(steps)
}

impl Steps {
    /// A weight of the file as a share.
    pub(super) fn weight(&self, reader: &Reader<'_>) -> Result<Weight, Diagnostic> {
        Weight::percent(reader.f64()? * 100.0 / self.heaviest).map_err(|error| {
            reader.diagnostic_at(error.to_string(), "write a weight between 0 and the maximal one")
        })
    }

    /// Whether there is a router; a section that needs one is listed otherwise, since Argo refuses it.
    pub(super) fn routed(&self, draft: &mut Draft<'_, '_>, section: &Reader<'_>, what: &str) -> bool {
        if !self.routed {
            section.whole();
            let note = format!("`{what}` needs trafficRouting, without which Argo refuses it: no effect");
            draft.unsupported.push(unsupported(section, note));
        }
        self.routed
    }
}

fn one(
    draft: &mut Draft<'_, '_>,
    object: &Object<'_>,
    item: &Reader<'_>,
    steps: &mut Steps,
) -> Result<CanaryStep, Diagnostic> {
    if let Some(reader) = item.get("setWeight") {
        let weight = steps.weight(&reader)?;
        steps.words.push(format!("{} %", weight.get()));
        return Ok(CanaryStep { weight: Some(weight), ..CanaryStep::default() });
    }
    // `pause: {}` is an empty mapping and `pause:` is null: both wait for a person.
    if item.peek().get("pause").is_some() {
        return pause(draft, item, steps);
    }
    if let Some(section) = item.get("analysis") {
        let Some(analysis) = analysis(draft, object, &section)? else { return Ok(CanaryStep::default()) };
        steps.words.push(format!("analysis {}", analysis.name));
        return Ok(analysis_step(draft, &section, analysis, steps));
    }
    if let Some(section) = item.get("experiment") {
        return experiment::step(draft, object, &section, steps);
    }
    if let Some(section) = item.get("setCanaryScale") {
        return canary_scale(draft, &section, steps);
    }
    if let Some(section) = item.get("setHeaderRoute") {
        return header_route(draft, &section, steps);
    }
    if let Some(section) = item.get("setMirrorRoute") {
        return mirror_route(draft, &section, steps);
    }
    let name = item.peek().entries().first().map_or("an empty step", |entry| entry.key.as_str());
    item.whole();
    draft.unsupported.push(unsupported(item, format!("`{name}` is not simulated: the step takes no time")));
    Ok(CanaryStep::default())
}

/// A step that waits for an analysis.
pub(super) fn analysis_step(
    draft: &mut Draft<'_, '_>,
    section: &Reader<'_>,
    analysis: AnalysisDef,
    steps: &mut Steps,
) -> CanaryStep {
    if !analysis.ends() {
        let note = "a metric with an interval and no count: the step never ends by itself";
        draft.unsupported.push(unsupported(section, note));
    }
    let bake = length(&analysis);
    steps.analyses.push(analysis);
    CanaryStep { bake, kind: WaitKind::Analysis, ..CanaryStep::default() }
}

/// How long an analysis takes when every measurement succeeds.
pub(super) fn length(analysis: &AnalysisDef) -> SimDuration {
    analysis.length().max(SHORTEST_ANALYSIS)
}

fn canary_scale(
    draft: &mut Draft<'_, '_>,
    section: &Reader<'_>,
    steps: &mut Steps,
) -> Result<CanaryStep, Diagnostic> {
    if !steps.routed(draft, section, "setCanaryScale") {
        return Ok(CanaryStep::default());
    }
    let scale = if let Some(reader) = section.get("replicas") {
        let pods = u32::try_from(reader.i64()?).ok().filter(|pods| *pods <= MOST_PODS);
        CanaryScale::Pods(pods.ok_or_else(|| {
            reader.diagnostic_at("`replicas` is no number of pods", "write a number of pods, like `1`")
        })?)
    } else if let Some(reader) = section.get("weight") {
        let share = Weight::percent(reader.f64()?);
        CanaryScale::Share(share.map_err(|error| {
            reader.diagnostic_at(error.to_string(), "write a share of the replicas in per cent")
        })?)
    } else {
        let _ = section.get("matchTrafficWeight").map(|reader| reader.bool()).transpose()?;
        CanaryScale::MatchTraffic
    };
    steps.words.push(match scale {
        CanaryScale::Pods(pods) => format!("{pods} canary pods"),
        CanaryScale::Share(share) => format!("canary pods for {} %", share.get()),
        CanaryScale::MatchTraffic => "canary pods as its traffic".to_owned(),
    });
    Ok(CanaryStep { scale: Some(scale), ..CanaryStep::default() })
}

fn header_route(
    draft: &mut Draft<'_, '_>,
    section: &Reader<'_>,
    steps: &mut Steps,
) -> Result<CanaryStep, Diagnostic> {
    if !steps.routed(draft, section, "setHeaderRoute") {
        return Ok(CanaryStep::default());
    }
    let matches = section.get("match").is_some();
    section.whole();
    if matches {
        let setting = "the share of users that the scenario calls its cohort";
        draft.stand_in("the requests that match a header route", line(section), setting);
    }
    steps.words.push(if matches { "the cohort to the canary" } else { "no cohort" }.to_owned());
    Ok(CanaryStep { cohort: Some(matches), ..CanaryStep::default() })
}

fn mirror_route(
    draft: &mut Draft<'_, '_>,
    section: &Reader<'_>,
    steps: &mut Steps,
) -> Result<CanaryStep, Diagnostic> {
    if !steps.routed(draft, section, "setMirrorRoute") {
        return Ok(CanaryStep::default());
    }
    let matches = section.get("match").is_some();
    let percent = match section.get("percentage") {
        Some(reader) => reader.f64()?,
        // A route with neither match nor percentage is taken away.
        None if matches => 100.0,
        None => 0.0,
    };
    let share = Weight::percent(percent)
        .map_err(|error| section.diagnostic_at(error.to_string(), "write a percentage between 0 and 100"))?;
    section.whole();
    if matches && share.get() > 0.0 {
        let setting = "every request can be copied, whether it matches or not";
        draft.stand_in("the requests that match a mirror route", line(section), setting);
    }
    steps.words.push(format!("{} % mirrored", share.get()));
    Ok(CanaryStep { mirror: Some(share), ..CanaryStep::default() })
}

fn pause(draft: &mut Draft<'_, '_>, item: &Reader<'_>, steps: &mut Steps) -> Result<CanaryStep, Diagnostic> {
    item.get("pause");
    let Some(reader) = item.at("pause.duration") else {
        let bake = draft.options.resume_after;
        draft.stand_in(
            "the person who resumes a pause without a duration",
            line(item),
            format!("after {bake}"),
        );
        steps.words.push(format!("pause until resumed ({bake})"));
        return Ok(CanaryStep { bake, kind: WaitKind::Pause, ..CanaryStep::default() });
    };
    let is_number = matches!(reader.peek().value, NodeValue::Int(_));
    let seconds = reader.i64().ok().and_then(|seconds| u64::try_from(seconds).ok());
    let bake = match seconds.filter(|_| is_number || reader.duration_go().is_err()) {
        Some(seconds) => SimDuration::from_secs(seconds),
        None => reader.duration_go()?,
    };
    steps.words.push(format!("pause {bake}"));
    Ok(CanaryStep { bake, ..CanaryStep::default() })
}
