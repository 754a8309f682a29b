//! An Argo Rollout: the router, the bounds and the analyses of its canary; blue-green is a file of its own.

use std::collections::BTreeSet;

use super::steps::{self, Steps};
use super::{Draft, Parts, ROLLOUT_NOTES, blue_green, tell, templates, text};
use crate::diagnostic::Diagnostic;
use crate::document::Reader;
use crate::import::ImportOptions;
use crate::import::bundle::{Bundle, Object};
use crate::import::deployment::amount;
use crate::import::unread;
use crate::policy::argo::engine::{Analyses, AnalysisDef, Deadline};
use crate::policy::loaded::Loaded;
use crate::rollback::{ProcedureSpec, argo_abort::ArgoAbort};
use crate::strategy::StrategySpec;
use crate::strategy::canary::Canary;
use crate::strategy::rolling::Rolling;
use crate::strategy::support::replicas::Bounds;
use crate::telemetry::naming::Naming;
use crate::time::SimDuration;

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

/// The policy and the rollout of a Rollout; the templates it uses are added to `used`.
pub(super) fn load(
    object: &Object<'_>,
    bundle: &Bundle<'_>,
    options: &ImportOptions,
    used: &mut BTreeSet<(String, usize)>,
) -> Result<Loaded, Vec<Diagnostic>> {
    let section = Section::of(&object.reader).map_err(|problem| vec![problem])?;
    let naming = naming(object, &section).map_err(|problem| vec![problem])?;
    let mut draft = Draft::new(bundle, options, naming);
    let parts = match &section {
        Section::Canary(canary) => read(&mut draft, object, canary),
        Section::BlueGreen(section) => blue_green::read(&mut draft, object, section),
    };
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

/// The strategy of a rollout.
enum Section<'a> {
    Canary(Reader<'a>),
    BlueGreen(Reader<'a>),
}

impl<'a> Section<'a> {
    fn of(root: &Reader<'a>) -> Result<Self, Diagnostic> {
        let strategy = root.required("spec")?.required("strategy")?;
        match (strategy.get("canary"), strategy.get("blueGreen")) {
            (Some(canary), None) => Ok(Section::Canary(canary)),
            (None, Some(section)) => Ok(Section::BlueGreen(section)),
            (Some(_), Some(_)) => {
                let fact = "the rollout has two strategies, `canary` and `blueGreen`";
                Err(strategy.diagnostic_at(fact, "keep one of them").with_code("missing_strategy"))
            }
            (None, None) => {
                let fact = "the rollout has neither a `canary` nor a `blueGreen` strategy";
                let help = "write `canary:` with its steps, or `blueGreen:`";
                Err(strategy.diagnostic_at(fact, help).with_code("missing_strategy"))
            }
        }
    }
}

fn naming(object: &Object<'_>, section: &Section<'_>) -> Result<Naming, Diagnostic> {
    let name = &object.name;
    let (at, stable, candidate) = match section {
        Section::Canary(canary) => (canary, "stableService", "canaryService"),
        Section::BlueGreen(section) => (section, "activeService", "previewService"),
    };
    let stable = text(at, stable)?.unwrap_or_else(|| name.clone());
    let candidate = text(at, candidate)?.unwrap_or_else(|| name.clone());
    Ok(Naming::argo(&object.namespace, name, &stable, &candidate))
}

/// A number of seconds under `key`.
pub(super) fn seconds(at: &Reader<'_>, key: &str) -> Result<Option<SimDuration>, Diagnostic> {
    let Some(reader) = at.get(key) else { return Ok(None) };
    u64::try_from(reader.i64()?).map(|seconds| Some(SimDuration::from_secs(seconds))).map_err(|_| {
        reader.diagnostic_at(format!("`{key}` must be zero or more seconds"), "write it like `30`")
    })
}

/// The longest time without progress.
pub(super) fn deadline(object: &Object<'_>) -> Result<Deadline, Diagnostic> {
    let spec = object.reader.required("spec")?;
    let abort = spec.get("progressDeadlineAbort").map(|reader| reader.bool()).transpose()?.unwrap_or(false);
    let says = if abort {
        "ProgressDeadlineExceeded, the rollout aborts"
    } else {
        "ProgressDeadlineExceeded, Degraded"
    };
    let after = seconds(&spec, "progressDeadlineSeconds")?.unwrap_or(SimDuration::from_mins(10));
    Ok(Deadline { after, abort, says })
}

fn read(draft: &mut Draft<'_, '_>, object: &Object<'_>, canary: &Reader<'_>) -> Result<Parts, Diagnostic> {
    let routing = canary.get("trafficRouting");
    let heaviest = match &routing {
        Some(routing) => {
            let heaviest = routing.get("maxTrafficWeight").map(|reader| reader.f64()).transpose()?;
            routing.whole();
            Some(heaviest.filter(|max| *max > 0.0).unwrap_or(100.0))
        }
        None => None,
    };
    let traffic_routed = heaviest.is_some();
    let bounds = bounds(object, canary)?;
    let steps = steps::steps(draft, object, canary, heaviest)?;
    let background = background(draft, object, canary)?;
    let delay = |key: &str| Ok(seconds(canary, key)?.unwrap_or(SimDuration::from_secs(30)));
    let scale_down_delay: SimDuration = delay("scaleDownDelaySeconds")?;
    let abort_delay: SimDuration = delay("abortScaleDownDelaySeconds")?;
    let dynamic = canary.get("dynamicStableScale").map(|reader| reader.bool()).transpose()?;
    let dynamic_stable_scale = dynamic.unwrap_or(false) && traffic_routed;
    let min_pods = match canary.get("minPodsPerReplicaSet") {
        Some(reader) => u32::try_from(reader.i64()?).unwrap_or(0).min(steps::MOST_PODS),
        None => 0,
    };
    summarise(draft, &steps, traffic_routed, background.as_ref());
    let rollout = if steps.steps.is_empty() && !traffic_routed {
        StrategySpec::Rolling(Rolling { bounds })
    } else {
        StrategySpec::Canary(Canary {
            steps: steps.steps,
            traffic_routed,
            bounds,
            scale_down_delay,
            dynamic_stable_scale,
            min_pods: if traffic_routed { min_pods } else { 0 },
            ..Canary::default()
        })
    };
    let rollback = ProcedureSpec::ArgoAbort(ArgoAbort {
        traffic_routed,
        bounds,
        dynamic_stable_scale,
        scale_down_delay: abort_delay,
        keep_candidate: abort_delay.is_zero(),
        ..ArgoAbort::default()
    });
    let resume_after = draft.options.resume_after;
    Ok(Parts {
        summary: format!("Argo rollout {} (canary)", object.name),
        analyses: Analyses {
            background,
            steps: steps.analyses,
            resume_after,
            deadline: Some(deadline(object)?),
        },
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
    let min_ready = seconds(&object.reader.required("spec")?, "minReadySeconds")?;
    Ok(Bounds {
        max_surge: amount(canary, "maxSurge", default.max_surge)?,
        max_unavailable: amount(canary, "maxUnavailable", default.max_unavailable)?,
        min_ready: min_ready.unwrap_or(SimDuration::ZERO),
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
pub(super) fn analysis(
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
