//! Experiment steps: pods of both revisions beside the rollout, and analyses of them.
//!
//! Pods of `specRef: canary` stand behind the canary's destination and pods of `specRef: stable` behind the
//! baseline's; a template's weight is traffic on top of the canary's own. All analyses of the experiment are one run
//! here: the first that fails ends the others in either case.

use super::steps::{MOST_PODS, Steps, analysis_step};
use super::{Draft, templates};
use crate::diagnostic::Diagnostic;
use crate::document::Reader;
use crate::import::bundle::Object;
use crate::import::unread::unsupported;
use crate::policy::argo::engine::{AnalysisDef, ExperimentEnd, RunKind};
use crate::quantity::Weight;
use crate::strategy::canary::{CanaryStep, Experiment};
use crate::telemetry::naming::Role;
use crate::time::SimDuration;

/// An experiment step.
pub(super) fn step(
    draft: &mut Draft<'_, '_>,
    object: &Object<'_>,
    section: &Reader<'_>,
    steps: &mut Steps,
) -> Result<CanaryStep, Diagnostic> {
    let lasts = section.get("duration").map(|reader| reader.duration_go()).transpose()?;
    let pods = pods(draft, section, steps)?;
    let analysis = analyses(draft, object, section, lasts)?;
    if pods == Experiment::default() {
        draft.unsupported.push(unsupported(section, "an experiment without templates runs no pods"));
    }
    let length = lasts.map_or("until its analyses end".to_owned(), |lasts| format!("for {lasts}"));
    steps.words.push(format!("experiment {length}"));
    let step = match analysis {
        Some(analysis) => analysis_step(draft, section, analysis, steps),
        None => {
            if lasts.is_none() {
                let note =
                    "an experiment without a duration and without analyses never ends: it lasts no time here";
                draft.unsupported.push(unsupported(section, note));
            }
            CanaryStep { bake: lasts.unwrap_or(SimDuration::ZERO), ..CanaryStep::default() }
        }
    };
    draft.templates.clear();
    Ok(CanaryStep { experiment: Some(pods).filter(|pods| *pods != Experiment::default()), ..step })
}

/// The pods and weights of the templates; the roles of the templates go to the draft.
fn pods(draft: &mut Draft<'_, '_>, section: &Reader<'_>, steps: &Steps) -> Result<Experiment, Diagnostic> {
    let mut pods = Experiment::default();
    draft.templates.clear();
    let Some(list) = section.get("templates") else { return Ok(pods) };
    for item in list.seq()? {
        let name = item.required("name")?.text()?.to_owned();
        let reference = item.required("specRef")?;
        let role = match reference.text()? {
            "stable" => Role::Baseline,
            "canary" => Role::Candidate,
            _ => {
                return Err(
                    reference.diagnostic_at("must be `stable` or `canary`", "write `specRef: canary`")
                );
            }
        };
        let replicas = item.get("replicas").map(|reader| reader.i64()).transpose()?.unwrap_or(1);
        let replicas = u32::try_from(replicas).ok().filter(|pods| *pods <= MOST_PODS).ok_or_else(|| {
            item.diagnostic_at("`replicas` is no number of pods", "write a number of pods, like `1`")
        })?;
        let weight = match item.get("weight") {
            Some(reader) if steps.routed(draft, &reader, "weight") => steps.weight(&reader)?,
            _ => Weight::default(),
        };
        for key in ["metadata", "selector", "service"] {
            item.ignore(key);
        }
        let (count, share) = if role == Role::Baseline {
            (&mut pods.baseline, &mut pods.baseline_weight)
        } else {
            (&mut pods.candidate, &mut pods.candidate_weight)
        };
        *count = count.saturating_add(replicas);
        *share = Weight::percent(share.get() + weight.get()).map_err(|error| {
            item.diagnostic_at(error.to_string(), "the weights of all templates are at most all traffic")
        })?;
        draft.templates.insert(name, role);
    }
    Ok(pods)
}

/// The analyses of an experiment as one.
fn analyses(
    draft: &mut Draft<'_, '_>,
    object: &Object<'_>,
    section: &Reader<'_>,
    lasts: Option<SimDuration>,
) -> Result<Option<AnalysisDef>, Diagnostic> {
    let Some(list) = section.get("analyses") else { return Ok(None) };
    let (mut names, mut metrics, mut required) = (Vec::new(), Vec::new(), Vec::new());
    for item in list.seq()? {
        let is_required = item.get("requiredForCompletion").map(|reader| reader.bool()).transpose()?;
        item.ignore("name");
        let arguments = templates::arguments(draft, item.get("args"))?;
        let Some(template) = templates::find_one(draft, &item, &object.namespace)? else { continue };
        let analysis = templates::analysis(draft, &[template], &arguments, section)?;
        names.push(analysis.name.clone());
        required.extend(analysis.metrics().iter().map(|_| is_required.unwrap_or(false)));
        metrics.extend(analysis.metrics().iter().cloned());
    }
    if metrics.is_empty() {
        return Ok(None);
    }
    let experiment = Some(ExperimentEnd { lasts, required });
    let mut analysis = AnalysisDef::new(names.join("+"), metrics).of_kind(RunKind::Experiment);
    analysis.experiment = experiment;
    Ok(Some(analysis))
}
