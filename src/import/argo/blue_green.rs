//! The blue-green strategy of an Argo Rollout.

use super::rollout::{analysis, deadline, seconds};
use super::{Draft, Parts, line, steps, tell};
use crate::diagnostic::Diagnostic;
use crate::document::Reader;
use crate::import::bundle::Object;
use crate::import::unread::unsupported;
use crate::policy::argo::engine::{Analyses, AnalysisDef, RunKind};
use crate::rollback::{ProcedureSpec, switch_back::SwitchBack};
use crate::strategy::StrategySpec;
use crate::strategy::blue_green::BlueGreen;
use crate::time::SimDuration;

/// What the `blueGreen` section comes down to.
pub(super) fn read(
    draft: &mut Draft<'_, '_>,
    object: &Object<'_>,
    section: &Reader<'_>,
) -> Result<Parts, Diagnostic> {
    let (pause, person) = pause(draft, section)?;
    let before = promotion(draft, object, section, "prePromotionAnalysis", RunKind::PrePromotion)?;
    let after = promotion(draft, object, section, "postPromotionAnalysis", RunKind::PostPromotion)?;
    let number = |key: &str| -> Result<Option<u32>, Diagnostic> {
        let Some(reader) = section.get(key) else { return Ok(None) };
        u32::try_from(reader.i64()?).map(Some).map_err(|_| {
            reader.diagnostic_at(format!("`{key}` must be a number, zero or more"), "write it like `1`")
        })
    };
    let preview_replicas = number("previewReplicaCount")?;
    let limit = number("scaleDownDelayRevisionLimit")?;
    let scale_down_delay = seconds(section, "scaleDownDelaySeconds")?;
    let abort_delay = seconds(section, "abortScaleDownDelaySeconds")?;
    let min_ready = seconds(&object.reader.required("spec")?, "minReadySeconds")?;
    for key in ["activeMetadata", "previewMetadata", "maxUnavailable"] {
        section.ignore(key);
    }
    let rollout = BlueGreen {
        preview_replicas,
        pause,
        person,
        pre_promotion: before.as_ref().map(steps::length),
        post_promotion: after.as_ref().map(steps::length),
        scale_down_delay,
        scale_down_delay_revision_limit: limit,
        min_ready: min_ready.unwrap_or(SimDuration::ZERO),
    };
    summarise(draft, &rollout, before.as_ref(), after.as_ref());
    let default = SwitchBack::default();
    let rollback = SwitchBack {
        scale_down_delay: abort_delay.unwrap_or(default.scale_down_delay),
        keep_candidate: abort_delay == Some(SimDuration::ZERO),
        ..default
    };
    Ok(Parts {
        summary: format!("Argo rollout {} (blue-green)", object.name),
        analyses: Analyses {
            background: None,
            steps: before.into_iter().chain(after).collect(),
            resume_after: draft.options.resume_after,
            deadline: Some(deadline(object)?),
        },
        rollout: Some(StrategySpec::BlueGreen(rollout)),
        rollback: Some(ProcedureSpec::SwitchBack(rollback)),
    })
}

/// How long the rollout waits before the switch, and whether a person ends the wait.
fn pause(draft: &mut Draft<'_, '_>, section: &Reader<'_>) -> Result<(SimDuration, bool), Diagnostic> {
    let enabled = section.get("autoPromotionEnabled");
    let automatic = enabled.as_ref().map(|reader| reader.bool()).transpose()?.unwrap_or(true);
    let after = seconds(section, "autoPromotionSeconds")?.filter(|after| !after.is_zero());
    if let Some(after) = after {
        return Ok((after, false));
    }
    if automatic {
        return Ok((SimDuration::ZERO, false));
    }
    let after = draft.options.resume_after;
    let place = enabled.as_ref().map_or(0, line);
    draft.stand_in("the person who promotes the preview", place, format!("after {after}"));
    Ok((after, true))
}

/// An analysis before or after the switch.
fn promotion(
    draft: &mut Draft<'_, '_>,
    object: &Object<'_>,
    section: &Reader<'_>,
    key: &str,
    kind: RunKind,
) -> Result<Option<AnalysisDef>, Diagnostic> {
    let Some(section) = section.get(key) else { return Ok(None) };
    let Some(analysis) = analysis(draft, object, &section)? else { return Ok(None) };
    if !analysis.ends() {
        let note = "a metric with an interval and no count: the promotion never goes on by itself";
        draft.unsupported.push(unsupported(&section, note));
    }
    Ok(Some(analysis.of_kind(kind)))
}

fn summarise(
    draft: &mut Draft<'_, '_>,
    rollout: &BlueGreen,
    before: Option<&AnalysisDef>,
    after: Option<&AnalysisDef>,
) {
    let preview = match rollout.preview_replicas {
        Some(pods) => format!("a preview of {pods} pods"),
        None => "a preview at full size".to_owned(),
    };
    let mut wait = match (rollout.person, rollout.pause.is_zero()) {
        (true, _) => format!(", {} until a person promotes it", rollout.pause),
        (false, false) => format!(", a pause of {}", rollout.pause),
        (false, true) => String::new(),
    };
    if let Some(analysis) = before {
        wait.push_str(&format!(", analysis {}", analysis.name));
    }
    let verified = after.map_or(String::new(), |analysis| format!(", then analysis {}", analysis.name));
    draft.reading.push(format!("Blue-green: {preview}{wait}, then all traffic at once{verified}."));
    if let Some(analysis) = before {
        tell(draft, "Before the switch", analysis);
    }
    if let Some(analysis) = after {
        tell(draft, "After the switch", analysis);
    }
    if before.is_none() && after.is_none() {
        draft.reading.push("There is no analysis: nothing ever rolls this rollout back.".to_owned());
    }
}
