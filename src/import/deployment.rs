//! A Kubernetes Deployment given alone: the rolling update it makes, and a controller that never goes back.
//!
//! Nothing in a Deployment rolls back: after `progressDeadlineSeconds` without progress its condition `Progressing`
//! becomes false, which somebody else may act on. Probes and replicas are those of the scenario's service.

use super::bundle::Object;
use super::unread::{self, Notes};
use crate::diagnostic::Diagnostic;
use crate::document::Reader;
use crate::policy::argo::engine::{Analyses, Argo, Deadline};
use crate::policy::loaded::Loaded;
use crate::rollback::{ProcedureSpec, kubectl_undo::KubectlUndo};
use crate::strategy::StrategySpec;
use crate::strategy::rolling::Rolling;
use crate::strategy::support::replicas::{Amount, Bounds};
use crate::telemetry::naming::{Engine, Naming};
use crate::time::SimDuration;

const NOTES: Notes = &[
    ("spec.replicas", "overridden: the scenario says how many replicas the service has"),
    ("readinessProbe", "overridden: the scenario says how the service is probed"),
    ("livenessProbe", "overridden: the scenario says how the service is probed"),
    ("startupProbe", "not honoured: the scenario says how long a pod starts"),
    ("terminationGracePeriodSeconds", "overridden: the scenario says how long a pod may drain"),
    ("spec.paused", "not honoured: the rollout is played as if it were not paused"),
];

/// Parts of a container that have no effect on a rollout.
const CONTAINER: [&str; 12] = [
    "name",
    "image",
    "imagePullPolicy",
    "ports",
    "command",
    "args",
    "env",
    "envFrom",
    "volumeMounts",
    "securityContext",
    "resources",
    "lifecycle",
];

/// The rollout of a Deployment and a policy that only marks it.
pub(super) fn load(object: &Object<'_>) -> Result<Loaded, Diagnostic> {
    let spec = object.reader.required("spec")?;
    let bounds = bounds(&spec)?;
    let after = seconds(&spec, "progressDeadlineSeconds")?.unwrap_or(SimDuration::from_mins(10));
    for key in ["selector", "revisionHistoryLimit", "template.metadata"] {
        spec.ignore(key);
    }
    containers(&spec)?;
    let deadline = Deadline { after, abort: false, says: "Progressing=False (ProgressDeadlineExceeded)" };
    let (surge, unavailable) = (shown(bounds.max_surge), shown(bounds.max_unavailable));
    let reading = vec![
        format!(
            "A rolling update: at most {surge} pods more and {unavailable} available pods less than wanted."
        ),
        format!(
            "After {after} without progress its condition Progressing is False; nothing ever rolls it back."
        ),
    ];
    Ok(Loaded {
        name: object.name.clone(),
        source: object.reader.source().name.to_owned(),
        engine: Engine::Native,
        identity: format!("{}/{}", object.namespace, object.name),
        summary: format!("Deployment {} (rolling update, no trigger)", object.name),
        prototype: Box::new(Argo::new(Analyses { deadline: Some(deadline), ..Analyses::default() })),
        queries: Vec::new(),
        checks: Vec::new(),
        rollout: Some(StrategySpec::Rolling(Rolling { bounds })),
        rollback: Some(ProcedureSpec::KubectlUndo(KubectlUndo { bounds, ..KubectlUndo::default() })),
        naming: Naming::native(&object.name),
        needs_truth: false,
        tells_only: false,
        unsupported: unread::list(&object.reader, NOTES),
        stand_ins: Vec::new(),
        reading,
    })
}

/// Takes what is known to be without effect in the pod template as read.
fn containers(spec: &Reader<'_>) -> Result<(), Diagnostic> {
    let Some(pod) = spec.at("template.spec") else { return Ok(()) };
    for key in ["serviceAccountName", "securityContext", "volumes", "initContainers", "imagePullSecrets"] {
        pod.ignore(key);
    }
    let Some(list) = pod.get("containers") else { return Ok(()) };
    for container in list.seq()? {
        for key in CONTAINER {
            container.ignore(key);
        }
    }
    Ok(())
}

fn shown(amount: Amount) -> String {
    match amount {
        Amount::Pods(pods) => pods.to_string(),
        Amount::Percent(percent) => format!("{percent} % of the"),
    }
}

fn seconds(at: &Reader<'_>, key: &str) -> Result<Option<SimDuration>, Diagnostic> {
    let Some(reader) = at.get(key) else { return Ok(None) };
    u64::try_from(reader.i64()?).map(|seconds| Some(SimDuration::from_secs(seconds))).map_err(|_| {
        reader.diagnostic_at(format!("`{key}` must be zero or more seconds"), "write it like `30`")
    })
}

pub(super) fn bounds(spec: &Reader<'_>) -> Result<Bounds, Diagnostic> {
    let min_ready = seconds(spec, "minReadySeconds")?.unwrap_or(SimDuration::ZERO);
    let default = Bounds { min_ready, ..Bounds::default() };
    let Some(strategy) = spec.get("strategy") else { return Ok(default) };
    if let Some(kind) = strategy.get("type")
        && kind.text()? == "Recreate"
    {
        let fact = "a Deployment with strategy `Recreate` is not simulated: it stops all pods first";
        return Err(kind.diagnostic_at(fact, "write `type: RollingUpdate`").with_code("missing_strategy"));
    }
    let Some(rolling) = strategy.get("rollingUpdate") else { return Ok(default) };
    Ok(Bounds {
        max_surge: amount(&rolling, "maxSurge", default.max_surge)?,
        max_unavailable: amount(&rolling, "maxUnavailable", default.max_unavailable)?,
        min_ready,
    })
}

/// A number of pods or a percentage under `key`.
pub(super) fn amount(at: &Reader<'_>, key: &str, default: Amount) -> Result<Amount, Diagnostic> {
    let Some(reader) = at.get(key) else { return Ok(default) };
    let text = reader.text()?.trim();
    let read = match text.strip_suffix('%') {
        Some(percent) => percent.parse().ok().filter(|p| (0.0..=1e6).contains(p)).map(Amount::Percent),
        None => text.parse().ok().map(Amount::Pods),
    };
    read.ok_or_else(|| {
        let fact = format!("`{key}` must be a number of pods or a percentage");
        reader.diagnostic_at(fact, "write it like `1` or `25%`")
    })
}
