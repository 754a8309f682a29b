//! Argo rollouts and analysis templates.

mod blue_green;
mod condition;
mod experiment;
mod metrics;
mod providers;
mod rollout;
mod steps;
mod templates;

use std::collections::{BTreeMap, BTreeSet};

use super::ImportOptions;
use super::bundle::{Bundle, Object};
use super::line;
use super::query_book::QueryBook;
use super::unread::{self, Notes};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::document::Reader;
use crate::policy::argo::engine::{Analyses, AnalysisDef, Argo};
use crate::policy::loaded::{CheckDef, Loaded, StandIn, Unsupported};
use crate::telemetry::naming::{Engine, Naming, Role};

const TEMPLATE_NOTES: Notes = &[
    ("spec.measurementRetention", "every measurement is kept"),
    ("inconclusiveCondition", "no such field exists: what is neither success nor failure is inconclusive"),
];

const ROLLOUT_NOTES: Notes = &[
    ("spec.replicas", "overridden: the scenario says how many replicas the service has"),
    ("spec.paused", "not honoured: the rollout is played as if it were not paused"),
    ("spec.rollbackWindow", "not honoured: the new revision is never a recent one"),
    ("measurementRetention", "every measurement is kept"),
    ("antiAffinity", "nodes are not simulated"),
    ("stepPlugin", "plugins are not run"),
    ("scaleDownDelayRevisionLimit", "there is one old revision only"),
    ("replicaProgressThreshold", "not honoured: a step waits for all of its pods"),
    ("canary.pingPong", "not honoured: the two services keep their roles"),
];

/// A policy while it is read.
struct Draft<'b, 'a> {
    bundle: &'b Bundle<'a>,
    options: &'b ImportOptions,
    naming: Naming,
    book: QueryBook,
    checks: Vec<CheckDef>,
    unsupported: Vec<Unsupported>,
    stand_ins: Vec<StandIn>,
    reading: Vec<String>,
    problems: Diagnostics,
    /// Templates read so far, by their place in the files, so that what they do not honour is listed once.
    listed: BTreeSet<(String, usize)>,
    /// Templates that belong to this policy, by their place in the files.
    used: BTreeSet<(String, usize)>,
    /// The pods behind the templates of the experiment that is being read.
    templates: BTreeMap<String, Role>,
}

impl<'b, 'a> Draft<'b, 'a> {
    fn new(bundle: &'b Bundle<'a>, options: &'b ImportOptions, naming: Naming) -> Self {
        Draft {
            bundle,
            options,
            naming,
            book: QueryBook::default(),
            checks: Vec::new(),
            unsupported: Vec::new(),
            stand_ins: Vec::new(),
            reading: Vec::new(),
            problems: Diagnostics::new(),
            listed: BTreeSet::new(),
            used: BTreeSet::new(),
            templates: BTreeMap::new(),
        }
    }

    fn stand_in(&mut self, what: impl Into<String>, line: usize, setting: impl Into<String>) {
        let stand_in = StandIn { what: what.into(), line, setting: setting.into() };
        if !self.stand_ins.contains(&stand_in) {
            self.stand_ins.push(stand_in);
        }
    }

    /// Lists what a template did not get read, once.
    fn list_unread(&mut self, template: &Object<'_>) {
        let place = (template.reader.source().name.to_owned(), line(&template.reader));
        if self.listed.insert(place) {
            self.unsupported.extend(unread::list(&template.reader, TEMPLATE_NOTES));
        }
    }

    /// The policy, or the problems found on the way.
    fn finish(self, object: &Object<'_>, parts: Parts) -> Result<Loaded, Vec<Diagnostic>> {
        if self.problems.has_errors() {
            return Err(self.problems.into_iter().collect());
        }
        let mut unsupported = self.unsupported;
        unsupported.sort_by(|a, b| (a.line, &a.path).cmp(&(b.line, &b.path)));
        Ok(Loaded {
            name: object.name.clone(),
            source: object.reader.source().name.to_owned(),
            engine: Engine::Argo,
            identity: format!("{}/{}", object.namespace, object.name),
            summary: parts.summary,
            prototype: Box::new(Argo::new(parts.analyses)),
            queries: self.book.into_queries(),
            checks: self.checks,
            rollout: parts.rollout,
            rollback: parts.rollback,
            naming: self.naming,
            needs_truth: false,
            tells_only: false,
            unsupported,
            stand_ins: self.stand_ins,
            reading: self.reading,
        })
    }
}

/// What a rollout or a lone template comes down to.
struct Parts {
    summary: String,
    analyses: Analyses,
    rollout: Option<crate::strategy::StrategySpec>,
    rollback: Option<crate::rollback::ProcedureSpec>,
}

/// The policies of all rollouts, and of all templates that no rollout uses.
pub(super) fn load(bundle: &Bundle<'_>, options: &ImportOptions) -> Result<Vec<Loaded>, Vec<Diagnostic>> {
    let (mut loaded, mut problems) = (Vec::new(), Vec::new());
    let mut keep = |result: Result<Loaded, Vec<Diagnostic>>| match result {
        Ok(policy) => loaded.push(policy),
        Err(found) => problems.extend(found),
    };
    let mut used = BTreeSet::new();
    for object in &bundle.rollouts {
        keep(rollout::load(object, bundle, options, &mut used));
    }
    for object in
        bundle.analysis_templates.iter().chain(&bundle.cluster_templates).chain(&bundle.analysis_runs)
    {
        let place = (object.reader.source().name.to_owned(), line(&object.reader));
        if !used.contains(&place) {
            keep(alone(object, bundle, options));
        }
    }
    if problems.is_empty() { Ok(loaded) } else { Err(problems) }
}

/// A template without a rollout: a background analysis of the scenario's rollout.
fn alone(
    object: &Object<'_>,
    bundle: &Bundle<'_>,
    options: &ImportOptions,
) -> Result<Loaded, Vec<Diagnostic>> {
    let service = options.service.as_deref().unwrap_or("app");
    let (stable, canary) = (format!("{service}-stable"), format!("{service}-canary"));
    let mut draft = Draft::new(bundle, options, Naming::argo(&object.namespace, service, &stable, &canary));
    let arguments = templates::Arguments::default();
    let analysis = templates::analysis(&mut draft, &[object], &arguments, &object.reader);
    let Some(analysis) = draft.problems.keep(analysis) else {
        return Err(draft.problems.into_iter().collect());
    };
    draft
        .reading
        .insert(0, "Runs in the background of the scenario's rollout, from the deploy on.".to_owned());
    tell(&mut draft, "In the background", &analysis);
    let parts = Parts {
        summary: format!("Argo analysis {} in the background", object.name),
        analyses: Analyses {
            background: Some((analysis, 0)),
            steps: Vec::new(),
            resume_after: options.resume_after,
            deadline: None,
        },
        rollout: None,
        rollback: None,
    };
    draft.finish(object, parts)
}

/// Says in words what each metric of an analysis does.
fn tell(draft: &mut Draft<'_, '_>, place: &str, analysis: &AnalysisDef) {
    for metric in analysis.metrics() {
        let spec = &metric.spec;
        let good = draft.checks.get(metric.check).map_or("", |check| check.good.as_str());
        let often = match (spec.interval, spec.effective_count()) {
            (_, Some(1)) | (None, _) => "once".to_owned(),
            (Some(interval), Some(count)) => format!("{count} times, every {interval}"),
            (Some(interval), None) => format!("every {interval}"),
        };
        let delay = if spec.initial_delay.is_zero() {
            String::new()
        } else {
            format!(", first after {}", spec.initial_delay)
        };
        let fails = match spec.failure_limit {
            -1 => "failures never abort".to_owned(),
            limit => format!("failure number {} aborts", limit.saturating_add(1)),
        };
        let dry = if spec.dry_run { " (dry run: never decides)" } else { "" };
        draft.reading.push(format!(
            "{place}, {}: {often}{delay}; good when {good}; {fails}, {} errors in a row (10s apart) abort{dry}.",
            spec.name,
            spec.consecutive_error_limit.saturating_add(1),
        ));
    }
}

/// A text field as it is written, numbers included.
fn text(at: &Reader<'_>, key: &str) -> Result<Option<String>, Diagnostic> {
    at.get(key).map(|reader| Ok(reader.text()?.to_owned())).transpose()
}

#[cfg(test)]
mod tests;
