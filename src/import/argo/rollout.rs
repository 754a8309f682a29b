//! The canary of an Argo Rollout: its steps, its router, its bounds and its analyses.

use std::collections::BTreeSet;

use super::{Draft, Parts, ROLLOUT_NOTES, line, tell, templates, text};
use crate::diagnostic::Diagnostic;
use crate::document::{NodeValue, Reader};
use crate::import::ImportOptions;
use crate::import::bundle::{Bundle, Object};
use crate::import::unread::{self, unsupported};
use crate::policy::argo::engine::{Analyses, AnalysisDef};
use crate::policy::loaded::Loaded;
use crate::quantity::Weight;
use crate::rollback::{ProcedureSpec, argo_abort::ArgoAbort};
use crate::strategy::StrategySpec;
use crate::strategy::canary::{Canary, CanaryStep, WaitKind};
use crate::strategy::rolling::Rolling;
use crate::strategy::support::replicas::{Amount, Bounds};
use crate::telemetry::naming::Naming;
use crate::time::SimDuration;

/// An analysis step lasts at least as long as the controller takes to see its end.
const SHORTEST_ANALYSIS: SimDuration = SimDuration::from_secs(1);

/// Parts of a Rollout that describe pods and bookkeeping, without any effect on what is decided.
const WITHOUT_EFFECT: [&str; 8] = [
    "spec.template",
    "spec.selector",
    "spec.workloadRef",
    "spec.revisionHistoryLimit",
    "spec.restartAt",
    "spec.analysis",
    "spec.strategy.canary.canaryMetadata",
    "spec.strategy.canary.stableMetadata",
];

/// The steps of a canary while they are read.
#[derive(Default)]
struct Steps {
    steps: Vec<CanaryStep>,
    analyses: Vec<AnalysisDef>,
    words: Vec<String>,
}

/// The policy and the rollout of a Rollout; the templates it uses are added to `used`.
pub(super) fn load(
    object: &Object<'_>,
    bundle: &Bundle<'_>,
    options: &ImportOptions,
    used: &mut BTreeSet<(String, usize)>,
) -> Result<Loaded, Vec<Diagnostic>> {
    let canary = canary_section(&object.reader).map_err(|problem| vec![problem])?;
    let naming = naming(object, &canary).map_err(|problem| vec![problem])?;
    let mut draft = Draft::new(bundle, options, naming);
    let parts = read(&mut draft, object, &canary);
    used.extend(draft.used.iter().cloned());
    let Some(parts) = draft.problems.keep(parts) else {
        return Err(draft.problems.into_iter().collect());
    };
    for path in WITHOUT_EFFECT {
        object.reader.ignore(path);
    }
    draft.unsupported.extend(unread::list(&object.reader, ROLLOUT_NOTES));
    draft.finish(object, parts)
}

fn canary_section<'a>(root: &Reader<'a>) -> Result<Reader<'a>, Diagnostic> {
    let strategy = root.required("spec")?.required("strategy")?;
    if let Some(blue_green) = strategy.get("blueGreen") {
        let fact =
            "blue-green rollouts of Argo are not simulated: the switch of the active service is missing";
        let help = "give its analysis templates alone: they run in the background of the scenario's rollout";
        return Err(blue_green.diagnostic_at(fact, help).with_code("missing_strategy"));
    }
    strategy.get("canary").ok_or_else(|| {
        let fact = "the rollout has no `canary` strategy, which is the only one that is simulated";
        strategy.diagnostic_at(fact, "write `canary:` with its steps").with_code("missing_strategy")
    })
}

fn naming(object: &Object<'_>, canary: &Reader<'_>) -> Result<Naming, Diagnostic> {
    let name = &object.name;
    let stable = text(canary, "stableService")?.unwrap_or_else(|| name.clone());
    let candidate = text(canary, "canaryService")?.unwrap_or_else(|| name.clone());
    Ok(Naming::argo(&object.namespace, name, &stable, &candidate))
}

fn read(draft: &mut Draft<'_, '_>, object: &Object<'_>, canary: &Reader<'_>) -> Result<Parts, Diagnostic> {
    let routing = canary.get("trafficRouting");
    let (traffic_routed, heaviest) = match &routing {
        Some(routing) => {
            let heaviest = routing.get("maxTrafficWeight").map(|reader| reader.f64()).transpose()?;
            routing.whole();
            (true, heaviest.filter(|max| *max > 0.0).unwrap_or(100.0))
        }
        None => (false, 100.0),
    };
    let bounds = bounds(object, canary)?;
    let steps = steps(draft, object, canary, heaviest)?;
    let background = background(draft, object, canary)?;
    let seconds = |key: &str| -> Result<SimDuration, Diagnostic> {
        let value = canary.get(key).map(|reader| reader.i64()).transpose()?.unwrap_or(30);
        Ok(SimDuration::from_secs(u64::try_from(value).unwrap_or(0)))
    };
    let scale_down_delay = seconds("scaleDownDelaySeconds")?;
    let abort_delay = seconds("abortScaleDownDelaySeconds")?;
    summarise(draft, &steps, traffic_routed, background.as_ref());
    let rollout = if steps.steps.is_empty() && !traffic_routed {
        StrategySpec::Rolling(Rolling { bounds })
    } else {
        StrategySpec::Canary(Canary {
            steps: steps.steps,
            traffic_routed,
            bounds,
            scale_down_delay,
            ..Canary::default()
        })
    };
    let rollback = ProcedureSpec::ArgoAbort(ArgoAbort {
        traffic_routed,
        bounds,
        scale_down_delay: abort_delay,
        ..ArgoAbort::default()
    });
    let resume_after = draft.options.resume_after;
    Ok(Parts {
        summary: format!("Argo rollout {} (canary)", object.name),
        analyses: Analyses { background, steps: steps.analyses, resume_after },
        rollout: Some(rollout),
        rollback: Some(rollback),
    })
}

fn summarise(
    draft: &mut Draft<'_, '_>,
    steps: &Steps,
    routed: bool,
    background: Option<&(AnalysisDef, usize)>,
) {
    let split = if routed { "a router splits the traffic" } else { "replica counts approximate the weights" };
    let mut lines = vec![if steps.words.is_empty() {
        "A rolling update without steps.".to_owned()
    } else {
        format!("Steps: {}; {split}.", steps.words.join(", "))
    }];
    std::mem::swap(&mut draft.reading, &mut lines);
    draft.reading.extend(lines);
    if let Some((analysis, step)) = background {
        let place = if *step == 0 {
            "In the background".to_owned()
        } else {
            format!("In the background from step {step} on")
        };
        tell(draft, &place, analysis);
    }
    let mut told: Vec<&str> = Vec::new();
    for analysis in &steps.analyses {
        if !told.contains(&analysis.name.as_str()) {
            tell(draft, "In a step", analysis);
            told.push(&analysis.name);
        }
    }
    if background.is_none() && steps.analyses.is_empty() {
        draft.reading.push("There is no analysis: nothing ever rolls this rollout back.".to_owned());
    }
}

fn bounds(object: &Object<'_>, canary: &Reader<'_>) -> Result<Bounds, Diagnostic> {
    let default = Bounds::default();
    let amount = |key: &str, default: Amount| -> Result<Amount, Diagnostic> {
        let Some(reader) = canary.get(key) else { return Ok(default) };
        let text = reader.text()?.trim();
        let read = match text.strip_suffix('%') {
            Some(percent) => percent.parse().ok().filter(|p| (0.0..=1e6).contains(p)).map(Amount::Percent),
            None => text.parse().ok().map(Amount::Pods),
        };
        read.ok_or_else(|| {
            let fact = format!("`{key}` must be a number of pods or a percentage");
            reader.diagnostic_at(fact, "write it like `1` or `25%`")
        })
    };
    let seconds = object.reader.at("spec.minReadySeconds").map(|reader| reader.i64()).transpose()?;
    Ok(Bounds {
        max_surge: amount("maxSurge", default.max_surge)?,
        max_unavailable: amount("maxUnavailable", default.max_unavailable)?,
        min_ready: SimDuration::from_secs(seconds.and_then(|s| u64::try_from(s).ok()).unwrap_or(0)),
    })
}

fn background(
    draft: &mut Draft<'_, '_>,
    object: &Object<'_>,
    canary: &Reader<'_>,
) -> Result<Option<(AnalysisDef, usize)>, Diagnostic> {
    let Some(section) = canary.get("analysis") else { return Ok(None) };
    let starting = section.get("startingStep").map(|reader| reader.i64()).transpose()?.unwrap_or(0);
    let analysis = analysis(draft, object, &section)?;
    Ok(analysis.map(|analysis| (analysis, usize::try_from(starting).unwrap_or(0))))
}

/// An analysis by its templates; `None` when all of them are missing and taken to succeed.
fn analysis(
    draft: &mut Draft<'_, '_>,
    object: &Object<'_>,
    section: &Reader<'_>,
) -> Result<Option<AnalysisDef>, Diagnostic> {
    let list = section.required("templates")?;
    let found = templates::find(draft, &list, &object.namespace)?;
    let arguments = templates::arguments(draft, section.get("args"))?;
    if found.is_empty() {
        return Ok(None);
    }
    let analysis = templates::analysis(draft, &found, &arguments, section)?;
    Ok((!analysis.metrics().is_empty()).then_some(analysis))
}

fn steps(
    draft: &mut Draft<'_, '_>,
    object: &Object<'_>,
    canary: &Reader<'_>,
    heaviest: f64,
) -> Result<Steps, Diagnostic> {
    let mut steps = Steps::default();
    let Some(list) = canary.get("steps") else { return Ok(steps) };
    for item in list.seq()? {
        let step = one(draft, object, &item, heaviest, &mut steps)?;
        steps.steps.push(step);
    }
    Ok(steps)
}

/// One step of the file is one step of the strategy, so that both count alike.
fn one(
    draft: &mut Draft<'_, '_>,
    object: &Object<'_>,
    item: &Reader<'_>,
    heaviest: f64,
    steps: &mut Steps,
) -> Result<CanaryStep, Diagnostic> {
    if let Some(reader) = item.get("setWeight") {
        let share = reader.f64()? * 100.0 / heaviest;
        let weight = Weight::percent(share).map_err(|error| {
            reader.diagnostic_at(error.to_string(), "write a weight between 0 and the maximal one")
        })?;
        steps.words.push(format!("{} %", weight.get()));
        return Ok(CanaryStep { weight: Some(weight), ..CanaryStep::default() });
    }
    // `pause: {}` is an empty mapping and `pause:` is null: both wait for a person.
    if item.peek().get("pause").is_some() {
        return pause(draft, item, steps);
    }
    if let Some(section) = item.get("analysis") {
        let Some(analysis) = analysis(draft, object, &section)? else { return Ok(CanaryStep::default()) };
        if !analysis.ends() {
            let note = "a metric with an interval and no count: the step never ends by itself";
            draft.unsupported.push(unsupported(&section, note));
        }
        let bake = analysis.length().max(SHORTEST_ANALYSIS);
        steps.words.push(format!("analysis {}", analysis.name));
        steps.analyses.push(analysis);
        return Ok(CanaryStep { bake, kind: WaitKind::Analysis, ..CanaryStep::default() });
    }
    if let Some(experiment) = item.get("experiment") {
        let bake = experiment.get("duration").map(|reader| reader.duration_go()).transpose()?;
        experiment.whole();
        let note = "the experiment's own pods and analyses are not simulated: the step lasts its duration";
        draft.unsupported.push(unsupported(&experiment, note));
        let bake = bake.unwrap_or(SimDuration::ZERO);
        steps.words.push(format!("experiment for {bake}"));
        return Ok(CanaryStep { bake, ..CanaryStep::default() });
    }
    let name = item.peek().entries().first().map_or("an empty step", |entry| entry.key.as_str());
    item.whole();
    draft.unsupported.push(unsupported(item, format!("`{name}` is not simulated: the step takes no time")));
    Ok(CanaryStep::default())
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
