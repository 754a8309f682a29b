//! Flagger canaries with their metric templates.

mod alerts;
mod builtin;
pub(super) mod hook_setting;
mod metrics;
mod rollout;
mod webhooks;

use super::ImportOptions;
use super::bundle::{Bundle, Object};
use super::line;
use super::query_book::QueryBook;
use super::unread::{self, Notes, unsupported};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::document::Reader;
use crate::policy::flagger::{Analysis, Flagger, HookKind};
use crate::policy::loaded::{Loaded, StandIn, Unsupported};
use crate::quantity::Rate;
use crate::rollback::{self, ProcedureSpec};
use crate::strategy::StrategySpec;
use crate::strategy::flagger::Kind;
use crate::telemetry::naming::{Engine, Naming};
use crate::time::SimDuration;

/// Shortest time between ticks.
const SHORTEST_INTERVAL: SimDuration = SimDuration::from_secs(10);

const NOTES: Notes = &[
    ("spec.metricsServer", "queries are answered by the simulated monitoring"),
    (
        "analysis.sessionAffinity",
        "no file makes users sticky: they are where the scenario's traffic says `sticky: true`, else weights hold for \
         single requests",
    ),
    ("spec.revertOnDeletion", "nothing is deleted here"),
    ("service.retries", "retries by the mesh are those of the scenario"),
    ("service.timeout", "time-outs are those of the scenario"),
];

/// Parts of a Canary that say how the service is exposed, without any effect on what is decided.
const WITHOUT_EFFECT: [&str; 4] = ["spec.service", "spec.targetRef", "spec.ingressRef", "spec.routeRef"];

/// A canary while it is read.
struct Draft<'b, 'a> {
    bundle: &'b Bundle<'a>,
    options: &'b ImportOptions,
    names: Names,
    book: QueryBook,
    unsupported: Vec<Unsupported>,
    stand_ins: Vec<StandIn>,
    problems: Diagnostics,
}

/// What the placeholders of a canary stand for.
struct Names {
    name: String,
    namespace: String,
    target: String,
    service: String,
    ingress: String,
    route: String,
    provider: String,
}

/// The policy and the rollout of a canary.
pub(super) fn load(
    object: &Object<'_>,
    bundle: &Bundle<'_>,
    options: &ImportOptions,
) -> Result<Loaded, Vec<Diagnostic>> {
    let root = &object.reader;
    let (names, spec) = names(object).map_err(|problem| vec![problem])?;
    let mut draft = Draft {
        bundle,
        options,
        names,
        book: QueryBook::default(),
        unsupported: Vec::new(),
        stand_ins: Vec::new(),
        problems: Diagnostics::new(),
    };
    let read = read(&mut draft, &spec);
    let policy = match draft.problems.keep(read) {
        Some(read) if !draft.problems.has_errors() => assemble(draft, root, read),
        _ => return Err(draft.problems.into_iter().collect()),
    };
    Ok(policy)
}

fn names<'a>(object: &Object<'a>) -> Result<(Names, Reader<'a>), Diagnostic> {
    let spec = object.reader.required("spec")?;
    let target = spec.required("targetRef")?.required("name")?.text()?.to_owned();
    let text = |path: &str| -> Result<Option<String>, Diagnostic> {
        spec.at(path).map(|reader| Ok(reader.text()?.to_owned())).transpose()
    };
    let names = Names {
        name: object.name.clone(),
        namespace: object.namespace.clone(),
        service: text("service.name")?.unwrap_or_else(|| target.clone()),
        ingress: text("ingressRef.name")?.unwrap_or_else(|| target.clone()),
        route: text("routeRef.name")?.unwrap_or_else(|| target.clone()),
        provider: text("provider")?.unwrap_or_else(|| "istio".to_owned()),
        target,
    };
    Ok((names, spec))
}

/// What was read of a canary.
struct Read {
    analysis: Analysis,
    metrics: metrics::Metrics,
    rollout: rollout::Rollout,
}

fn read(draft: &mut Draft<'_, '_>, spec: &Reader<'_>) -> Result<Read, Diagnostic> {
    if !spec.has("provider") {
        draft.stand_ins.push(StandIn {
            what: "the provider, which the file does not name".to_owned(),
            line: line(spec),
            setting: "istio, as in Flagger's own default".to_owned(),
        });
    }
    let deadline = match spec.get("progressDeadlineSeconds") {
        Some(reader) => SimDuration::from_secs(positive(&reader)?),
        None => SimDuration::from_mins(10),
    };
    let flag = |key: &str| spec.get(key).map(|reader| reader.bool()).transpose();
    let (skip_analysis, suspend) =
        (flag("skipAnalysis")?.unwrap_or(false), flag("suspend")?.unwrap_or(false));
    autoscaler(draft, spec)?;
    let section = match spec.get("analysis").or_else(|| spec.get("canaryAnalysis")) {
        Some(section) => section,
        None if skip_analysis => spec.clone(),
        None => spec.required("analysis")?,
    };
    let interval = interval(draft, &section);
    let threshold = match section.get("threshold") {
        Some(reader) => u32::try_from(reader.i64()?).unwrap_or(0).max(1),
        None => 1,
    };
    let webhooks = webhooks::read(draft, &section)?;
    let alerts = alerts::read(draft, &section)?;
    let metrics = metrics::read(draft, &section)?;
    let confirm_rollout = webhooks.hooks.iter().any(|hook| hook.kind == HookKind::ConfirmRollout);
    let load = webhooks.load;
    let shape = rollout::Shape { interval, deadline, skip_analysis, suspend, load, confirm_rollout };
    let rollout = rollout::read(draft, &section, shape)?;
    let names = &draft.names;
    let spec = &rollout.spec;
    let analysis = Analysis {
        name: names.name.clone(),
        namespace: names.namespace.clone(),
        target: names.target.clone(),
        provider: names.provider.clone(),
        interval,
        threshold,
        progress_deadline: deadline,
        skip_analysis,
        suspend,
        primary_ready: spec.primary_ready,
        canary_ready: spec.canary_ready,
        webhooks: webhooks.hooks,
        alerts,
        increases: spec.kind() == Kind::Canary && spec.promotes,
        // Blue-green asks before the switch and again before the promotion.
        confirmed_from: spec.steps() - usize::from(spec.kind() == Kind::BlueGreen),
        metrics: metrics.metrics.clone(),
        steps: rollout.steps.clone(),
    };
    Ok(Read { analysis, metrics, rollout })
}

/// The autoscaler of the canary, which is the scenario's business.
fn autoscaler(draft: &mut Draft<'_, '_>, spec: &Reader<'_>) -> Result<(), Diagnostic> {
    let Some(reader) = spec.get("autoscalerRef") else { return Ok(()) };
    let text = |key: &str| reader.get(key).map(|r| Ok(r.text()?.to_owned())).transpose();
    let kind = text("kind")?.unwrap_or_else(|| "HorizontalPodAutoscaler".to_owned());
    let name = text("name")?.unwrap_or_default();
    reader.whole();
    draft.stand_ins.push(StandIn {
        what: format!("autoscaler {name} ({kind})"),
        line: line(&reader),
        setting: "the number of pods is the scenario's, for the primary as for the canary".to_owned(),
    });
    Ok(())
}

fn positive(reader: &Reader<'_>) -> Result<u64, Diagnostic> {
    u64::try_from(reader.i64()?).map_err(|_| {
        let fact = format!("`{}` must not be negative", reader.path());
        reader.diagnostic_at(fact, "write seconds, like 600")
    })
}

/// `analysis.interval`: 60 s where Flagger cannot read it, 10 s at least.
fn interval(draft: &mut Draft<'_, '_>, section: &Reader<'_>) -> SimDuration {
    let default = SimDuration::from_mins(1);
    let Some(reader) = section.get("interval") else { return default };
    match reader.duration_go() {
        Ok(interval) if interval < SHORTEST_INTERVAL => {
            let note = "below Flagger's minimum: ticks are 10s apart";
            draft.unsupported.push(unsupported(&reader, note));
            SHORTEST_INTERVAL
        }
        Ok(interval) => interval,
        Err(_) => {
            let note = "no duration that Flagger can read: it takes 60s instead";
            draft.unsupported.push(unsupported(&reader, note));
            default
        }
    }
}

fn assemble(mut draft: Draft<'_, '_>, root: &Reader<'_>, read: Read) -> Loaded {
    for path in WITHOUT_EFFECT {
        root.ignore(path);
    }
    draft.unsupported.extend(unread::list(root, NOTES));
    draft.unsupported.sort_by(|a, b| (a.line, &a.path).cmp(&(b.line, &b.path)));
    let names = &draft.names;
    let mut naming = Naming::flagger(&names.namespace, &names.target);
    naming.ingress.clone_from(&names.ingress);
    naming.apex.clone_from(&names.service);
    naming.envoy_clusters = builtin::envoy_clusters(&names.provider);
    let identity = format!("{}/{}", names.namespace, names.name);
    let reading = reading(&read);
    Loaded {
        name: names.name.clone(),
        source: root.source().name.to_owned(),
        engine: Engine::Flagger,
        identity,
        summary: format!("Flagger canary {} ({})", names.name, read.rollout.kind()),
        prototype: Box::new(Flagger::new(read.analysis)),
        queries: draft.book.into_queries(),
        checks: read.metrics.checks,
        rollout: Some(StrategySpec::Flagger(read.rollout.spec)),
        rollback: Some(ProcedureSpec::Flagger(rollback::flagger::Flagger::default())),
        naming,
        needs_truth: false,
        tells_only: false,
        unsupported: draft.unsupported,
        stand_ins: draft.stand_ins,
        reading,
    }
}

fn reading(read: &Read) -> Vec<String> {
    let analysis = &read.analysis;
    if analysis.suspend {
        return vec!["The canary is suspended: a new revision is not even noticed.".to_owned()];
    }
    if analysis.skip_analysis {
        return vec!["The analysis is skipped: the canary is promoted as soon as it is ready.".to_owned()];
    }
    let mut lines = vec![read.rollout.sentence.clone()];
    let order = |templates: bool| {
        let is_template = move |index: &usize| read.metrics.is_template(*index) == templates;
        (0..read.metrics.checks.len()).filter(is_template).map(|index| &read.metrics.checks[index])
    };
    let checks: Vec<String> =
        order(false).chain(order(true)).map(|check| format!("{} {}", check.name, check.good)).collect();
    if checks.is_empty() {
        lines.push("There are no metric checks: only the readiness of the canary is looked at.".to_owned());
    } else {
        lines.push(format!(
            "Every {}, from the tick after the first step on, in this order and up to the first that fails: {}.",
            analysis.interval,
            checks.join("; ")
        ));
    }
    lines.push(format!(
        "A check without a value fails. {} failed checks in all (not in a row) roll back, on the tick after the last.",
        analysis.threshold
    ));
    lines.push(format!(
        "A canary that is not ready is waited for; after {} without progress, or with too few pods, it is rolled back.",
        analysis.progress_deadline
    ));
    lines.push(alerts::sentence(&analysis.alerts));
    lines
}

/// Synthetic traffic of a load-test webhook.
type Load = Option<Rate>;
