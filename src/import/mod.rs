//! Users' policy files, read as they are: Flagger canaries, Argo rollouts and analysis templates, Prometheus rules, Kayenta
//! configurations, CloudFormation templates, Keptn analyses, native triggers, and files that name a process of the user's.
//!
//! What a file asks for is honoured exactly, stands for something the simulation does not have (a *stand-in*: a
//! webhook that succeeds, a person who resumes), or is listed as *unsupported* with its line; nothing is guessed in
//! silence. Kinds are told apart by `apiVersion` and `kind` together: two projects have a kind called `Rollout`.
//!
//! Several files that belong together are given together: a canary finds its metric templates and a rollout its
//! analysis templates among all of them. An analysis template no rollout uses is a policy of its own.
//!
//! Traps: placeholders are filled in before a query is read, so the line of an error is right and its column may not
//! be; numbers may be written as texts; keys that hold nothing are absent.

mod argo;
mod assume;
mod bundle;
pub mod chaos;
mod cloudformation;
mod compose;
mod contents;
mod deployment;
mod flagger;
pub mod graph;
mod kayenta;
mod keptn;
pub mod knobs;
mod load_test;
mod native;
mod native_condition;
mod native_tree;
mod placeholder;
mod process;
mod prometheus;
mod query_book;
mod signals;
mod slo;
mod unread;

pub use assume::Answer;
pub use contents::{Contents, contents};
pub use flagger::hook_setting::{HookOpens, HookSetting, SETTINGS as HOOK_SETTINGS};
pub use kayenta::{CANARY_RUN_SETTINGS, CanaryRun};
pub use native::schema as native_schema;
pub use process::schema as process_schema;
pub use prometheus::{ALERT_SETTINGS, AlertSetting, RECEIVERS_OF};

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::document::Reader;
use crate::policy::loaded::Loaded;
use crate::policy::process::Launcher;
use crate::rules::GroupDef;
use crate::telemetry::naming::{LabelRole, MetricBinding};
use crate::time::SimDuration;
use bundle::Bundle;

/// A format that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// Its name in lists.
    pub name: &'static str,
    /// What it is.
    pub summary: &'static str,
    /// How it is recognised.
    pub recognised_by: &'static str,
}

/// Every format that can be read.
pub const FORMATS: &[Format] = &[
    Format {
        name: "native",
        summary: "triggers of this project: PromQL expressions and what follows",
        recognised_by: "format: 1 and triggers:",
    },
    Format {
        name: "process",
        summary: "a program of yours in any language, asked over JSON lines",
        recognised_by: "format: 1 and process:",
    },
    Format {
        name: "prometheus",
        summary: "Prometheus alerts and recording rules, plain or as PrometheusRule; alerts page unless said otherwise",
        recognised_by: "groups:, or apiVersion: monitoring.coreos.com/v1, kind: PrometheusRule",
    },
    Format {
        name: "alertmanager",
        summary: "an alertmanager.yml beside rules or objectives: which alert is told to whom, when, and what silences it",
        recognised_by: "route: and receivers:",
    },
    Format {
        name: "slo",
        summary: "service level objectives of Sloth, OpenSLO and Pyrra, played as the burn-rate rules that are generated from them",
        recognised_by: "version: prometheus/v1 and slos:, or apiVersion: openslo/v1, openslo/v1alpha, sloth.slok.dev/v1 or pyrra.dev/v1alpha1",
    },
    Format {
        name: "flagger",
        summary: "Flagger canaries with their metric templates; bring their own rollout",
        recognised_by: "apiVersion: flagger.app/v1beta1, kind: Canary or MetricTemplate",
    },
    Format {
        name: "argo",
        summary: "Argo rollouts (canary, blue-green) and analyses; rollouts bring their own steps",
        recognised_by: "apiVersion: argoproj.io/v1alpha1, kind: Rollout, AnalysisTemplate, ClusterAnalysisTemplate or AnalysisRun",
    },
    Format {
        name: "kayenta",
        summary: "Kayenta canary configurations, judged as by its standalone service; the run is said by options",
        recognised_by: "metrics: with classifier: or judge:",
    },
    Format {
        name: "codedeploy",
        summary: "SAM and CloudFormation templates: functions deployed bit by bit, with their CloudWatch alarms",
        recognised_by: "Resources: with a Type that begins with AWS::",
    },
    Format {
        name: "keptn",
        summary: "Keptn analyses: objectives scored once at the end of a time frame",
        recognised_by: "apiVersion: metrics.keptn.sh/v1, kind: AnalysisDefinition, AnalysisValueTemplate or Analysis",
    },
    Format {
        name: "deployment",
        summary: "Kubernetes Deployments given alone: their own rolling update, which nothing rolls back",
        recognised_by: "apiVersion: apps/v1, kind: Deployment",
    },
    Format {
        name: "swarm",
        summary: "Docker compose files: update_config and rollback_config, as Docker Swarm plays them",
        recognised_by: "services: with deploy:",
    },
];

/// A file as it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceText<'a> {
    /// Its path or name.
    pub name: &'a str,
    /// What is in it.
    pub text: &'a str,
}

/// What the user says beside the files.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// Values of `{{args.name}}`; they win over those in the files.
    pub args: BTreeMap<String, String>,
    /// What metric names of the house mean.
    pub bindings: Vec<MetricBinding>,
    /// What label values of the house mean.
    pub label_roles: Vec<LabelRole>,
    /// What the service is called in files that do not say it (an analysis template alone); `app` if absent.
    pub service: Option<String>,
    /// Namespace of objects that name none; `default` if absent.
    pub namespace: Option<String>,
    /// Whether a template that is named and not given is taken to succeed, instead of being an error.
    pub allow_missing: bool,
    /// How long until a person resumes a pause without a duration.
    pub resume_after: SimDuration,
    /// What metric providers answer that the simulation does not have, by name of the metric or kind of provider.
    pub providers: BTreeMap<String, Answer>,
    /// What stands in for the receivers of webhooks, by the webhook's name; `*` is for all, before those by name.
    pub webhooks: BTreeMap<String, HookSetting>,
    /// What follows alerts of Prometheus rules; the first that fits counts.
    pub alerts: Vec<AlertSetting>,
    /// How canary configurations of Kayenta are run, which they do not say.
    pub kayenta: CanaryRun,
    /// Who starts the processes of policies that are processes; without it such files are refused.
    pub processes: Option<Arc<dyn Launcher>>,
}

impl Default for ImportOptions {
    fn default() -> Self {
        ImportOptions {
            args: BTreeMap::new(),
            bindings: Vec::new(),
            label_roles: Vec::new(),
            service: None,
            namespace: None,
            allow_missing: false,
            resume_after: SimDuration::from_mins(10),
            providers: BTreeMap::new(),
            webhooks: BTreeMap::new(),
            alerts: Vec::new(),
            kayenta: CanaryRun::default(),
            processes: None,
        }
    }
}

/// The policies in a set of files that belong together, in the order of the files.
///
/// # Errors
/// Everything that makes a file unusable: not YAML, no known format, a reference to what is not given, a query that is
/// no PromQL, a strategy that cannot be simulated; each with its place.
pub fn load(sources: &[SourceText<'_>], options: &ImportOptions) -> Result<Vec<Loaded>, Vec<Diagnostic>> {
    let mut problems = Diagnostics::new();
    let files = bundle::parse(sources, &mut problems);
    let bundle = Bundle::sort(&files, options, &mut problems);
    let mut loaded = Vec::new();
    for text in &bundle.native {
        loaded.extend(problems.keep(native::load(*text, options)));
    }
    for text in &bundle.processes {
        loaded.extend(problems.keep(process::load(*text, options)));
    }
    match prometheus::load(&bundle.rules, &bundle.alertmanagers, options) {
        Ok(policies) => loaded.extend(policies),
        Err(found) => problems.extend(found),
    }
    for config in &bundle.canary_configs {
        match kayenta::load(config, options) {
            Ok(policy) => loaded.push(policy),
            Err(found) => problems.extend(found),
        }
    }
    for template in &bundle.templates {
        match cloudformation::load(template, options) {
            Ok(policies) => loaded.extend(policies),
            Err(found) => problems.extend(found),
        }
    }
    for file in &bundle.compose {
        match compose::load(file, options) {
            Ok(policies) => loaded.extend(policies),
            Err(found) => problems.push(found),
        }
    }
    for object in &bundle.definitions {
        match keptn::load(object, &bundle, options) {
            Ok(policy) => loaded.push(policy),
            Err(found) => problems.extend(found),
        }
    }
    loaded.extend(slo::load(&bundle.objectives, &bundle.alertmanagers, options, &mut problems));
    for object in &bundle.canaries {
        match flagger::load(object, &bundle, options) {
            Ok(policy) => loaded.push(policy),
            Err(found) => problems.extend(found),
        }
    }
    match argo::load(&bundle, options) {
        Ok(policies) => loaded.extend(policies),
        Err(found) => problems.extend(found),
    }
    if bundle.has_only_deployments() {
        for object in &bundle.deployments {
            loaded.extend(problems.keep(deployment::load(object)));
        }
    }
    if loaded.is_empty() && !problems.has_errors() {
        problems.push(nothing_found(sources, &bundle));
    }
    if problems.has_errors() {
        return Err(problems.into_iter().collect());
    }
    name_apart(&mut loaded);
    for policy in &mut loaded {
        policy.naming.bind.extend(options.bindings.iter().cloned());
        policy.naming.label_roles.extend(options.label_roles.iter().cloned());
    }
    Ok(loaded)
}

/// The Prometheus rules that follow from files of service level objectives, as their generators make them; files of other
/// formats have none.
///
/// # Errors
/// As [`load`].
pub fn rules_of_objectives(sources: &[SourceText<'_>]) -> Result<Vec<GroupDef>, Vec<Diagnostic>> {
    let mut problems = Diagnostics::new();
    let files = bundle::parse(sources, &mut problems);
    let bundle = Bundle::sort(&files, &ImportOptions::default(), &mut problems);
    let groups = slo::rules(&bundle.objectives, &mut problems);
    if problems.has_errors() { Err(problems.into_iter().collect()) } else { Ok(groups) }
}

fn nothing_found(sources: &[SourceText<'_>], bundle: &Bundle<'_>) -> Diagnostic {
    let names: Vec<&str> = sources.iter().map(|source| source.name).collect();
    let known: Vec<String> = FORMATS.iter().map(|f| format!("{} ({})", f.name, f.recognised_by)).collect();
    let help = if !bundle.alertmanagers.is_empty() {
        "Alertmanager decides nothing by itself: give the rules whose alerts it routes as well".to_owned()
    } else if bundle.metric_templates.is_empty() {
        format!("formats: {}", known.join("; "))
    } else {
        "a MetricTemplate decides nothing by itself: give the Canary that uses it as well".to_owned()
    };
    Diagnostic::error(format!("no policy in {}", names.join(", "))).with_help(help)
}

/// The line of a cursor, from 1.
fn line(at: &Reader<'_>) -> usize {
    at.location().line as usize
}

/// The file's name without folders and extension.
fn stem(source: &str) -> &str {
    let file = source.rsplit(['/', '\\']).next().unwrap_or(source);
    file.rsplit_once('.').map_or(file, |(stem, _)| if stem.is_empty() { file } else { stem })
}

/// Policies from one file take the name of their object; equal names get a number.
fn name_apart(loaded: &mut [Loaded]) {
    let mut per_source: BTreeMap<String, usize> = BTreeMap::new();
    for policy in loaded.iter() {
        *per_source.entry(policy.source.clone()).or_default() += 1;
    }
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    for policy in loaded {
        if per_source.get(&policy.source).copied() == Some(1) {
            policy.name = stem(&policy.source).to_owned();
        }
        let count = taken.entry(policy.name.clone()).or_default();
        *count += 1;
        if *count > 1 {
            policy.name = format!("{}#{count}", policy.name);
        }
    }
}

#[cfg(test)]
mod tests;
