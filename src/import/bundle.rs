//! The objects in a set of files, by kind.

use super::{ImportOptions, SourceText, cloudformation, compose, kayenta, prometheus};
use crate::diagnostic::{Diagnostic, Diagnostics, Source};
use crate::document::{self, Node, Reader};

/// A file and its documents.
pub(super) struct Parsed<'a> {
    source: SourceText<'a>,
    documents: Vec<Node>,
}

/// A Kubernetes object.
pub(super) struct Object<'a> {
    /// A cursor at the document.
    pub(super) reader: Reader<'a>,
    /// `metadata.name`.
    pub(super) name: String,
    /// `metadata.namespace`, or what the user says, or `default`.
    pub(super) namespace: String,
    /// Whether the object itself names its namespace.
    pub(super) names_namespace: bool,
}

/// A document about service level objectives.
pub(super) struct SloObject<'a> {
    /// A cursor at the document.
    pub(super) reader: Reader<'a>,
    /// The file it is in.
    pub(super) source: SourceText<'a>,
    /// Whose it is.
    pub(super) format: SloFormat,
}

/// Formats of service level objectives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SloFormat {
    /// Sloth's own files.
    Sloth,
    /// Sloth's Kubernetes objects.
    SlothObject,
    /// OpenSLO documents.
    OpenSlo,
    /// Pyrra's Kubernetes objects.
    Pyrra,
}

/// What was found.
#[derive(Default)]
pub(super) struct Bundle<'a> {
    pub(super) native: Vec<SourceText<'a>>,
    /// Files that name a process.
    pub(super) processes: Vec<SourceText<'a>>,
    /// Files with groups of Prometheus rules.
    pub(super) rules: Vec<SourceText<'a>>,
    /// Configurations of Alertmanager.
    pub(super) alertmanagers: Vec<Reader<'a>>,
    /// CloudFormation templates.
    pub(super) templates: Vec<Reader<'a>>,
    /// Compose files.
    pub(super) compose: Vec<Reader<'a>>,
    /// Kayenta's canary configurations.
    pub(super) canary_configs: Vec<Reader<'a>>,
    /// Keptn's definitions of analyses, what they measure, and the analyses themselves.
    pub(super) definitions: Vec<Object<'a>>,
    pub(super) value_templates: Vec<Object<'a>>,
    pub(super) keptn_analyses: Vec<Object<'a>>,
    pub(super) objectives: Vec<SloObject<'a>>,
    pub(super) canaries: Vec<Object<'a>>,
    pub(super) metric_templates: Vec<Object<'a>>,
    pub(super) alert_providers: Vec<Object<'a>>,
    pub(super) rollouts: Vec<Object<'a>>,
    pub(super) analysis_templates: Vec<Object<'a>>,
    pub(super) cluster_templates: Vec<Object<'a>>,
    pub(super) analysis_runs: Vec<Object<'a>>,
    pub(super) deployments: Vec<Object<'a>>,
}

/// Parses every file; what is not YAML becomes a problem.
pub(super) fn parse<'a>(sources: &[SourceText<'a>], problems: &mut Diagnostics) -> Vec<Parsed<'a>> {
    let mut parsed = Vec::new();
    for source in sources {
        let documents = document::parse_documents(source.name, source.text);
        if let Some(documents) = problems.keep(documents) {
            parsed.push(Parsed { source: *source, documents });
        }
    }
    parsed
}

impl<'a> Bundle<'a> {
    /// The objects of all files; unknown kinds become problems, companions of a rollout are passed over.
    pub(super) fn sort(
        files: &'a [Parsed<'a>],
        options: &ImportOptions,
        problems: &mut Diagnostics,
    ) -> Bundle<'a> {
        let mut bundle = Bundle::default();
        for file in files {
            let source = Source::new(file.source.name, file.source.text);
            for document in &file.documents {
                let reader = Reader::new(source, document);
                if let Err(problem) = bundle.take(reader, file.source, options) {
                    problems.push(problem);
                }
            }
        }
        bundle
    }

    fn take(
        &mut self,
        reader: Reader<'a>,
        source: SourceText<'a>,
        options: &ImportOptions,
    ) -> Result<(), Diagnostic> {
        if matches!(reader.peek().value, document::NodeValue::Null) {
            return Ok(());
        }
        if !reader.has("apiVersion") {
            return self.take_plain(reader, source);
        }
        let version = reader.required("apiVersion")?.text()?;
        let kind_reader = reader.required("kind")?;
        let kind = kind_reader.text()?;
        let (group, _) = version.split_once('/').unwrap_or(("", version));
        let list = match (group, kind) {
            ("metrics.keptn.sh", "AnalysisDefinition") => &mut self.definitions,
            ("metrics.keptn.sh", "AnalysisValueTemplate") => &mut self.value_templates,
            ("metrics.keptn.sh", "Analysis") => &mut self.keptn_analyses,
            ("metrics.keptn.sh", "KeptnMetricsProvider") => return Ok(()),
            ("flagger.app", "Canary") => &mut self.canaries,
            ("flagger.app", "MetricTemplate") => &mut self.metric_templates,
            ("flagger.app", "AlertProvider") => &mut self.alert_providers,
            ("argoproj.io", "Rollout") => &mut self.rollouts,
            ("argoproj.io", "AnalysisTemplate") => &mut self.analysis_templates,
            ("argoproj.io", "ClusterAnalysisTemplate") => &mut self.cluster_templates,
            ("argoproj.io", "AnalysisRun") => &mut self.analysis_runs,
            ("apps", "Deployment") => &mut self.deployments,
            ("openslo" | "sloth.slok.dev" | "pyrra.dev", _) => {
                let format = match group {
                    "sloth.slok.dev" => SloFormat::SlothObject,
                    "pyrra.dev" => SloFormat::Pyrra,
                    _ => SloFormat::OpenSlo,
                };
                self.objectives.push(SloObject { reader, source, format });
                return Ok(());
            }
            ("monitoring.coreos.com", "PrometheusRule") => {
                self.take_rules(source);
                return Ok(());
            }
            _ => return passed_over(group, version, kind, &kind_reader),
        };
        list.push(object(reader, options)?);
        Ok(())
    }

    /// A document that says nothing of its kind: it is known by its keys.
    fn take_plain(&mut self, reader: Reader<'a>, source: SourceText<'a>) -> Result<(), Diagnostic> {
        if reader.has("process") && reader.has("format") && !reader.has("services") {
            if !self.processes.contains(&source) {
                self.processes.push(source);
            }
            return Ok(());
        }
        let may_be_native = reader.has("format") && !reader.has("kind") && !reader.has("services");
        if reader.has("triggers") || may_be_native {
            if !self.native.contains(&source) {
                self.native.push(source);
            }
            return Ok(());
        }
        if reader.has("groups") {
            self.take_rules(source);
            return Ok(());
        }
        if prometheus::is_configuration(&reader) {
            self.alertmanagers.push(reader);
            return Ok(());
        }
        if kayenta::is_canary_config(&reader) {
            self.canary_configs.push(reader);
            return Ok(());
        }
        if cloudformation::is_template(&reader) {
            self.templates.push(reader);
            return Ok(());
        }
        if compose::is_one(&reader) {
            self.compose.push(reader);
            return Ok(());
        }
        if reader.has("slos") {
            self.objectives.push(SloObject { reader, source, format: SloFormat::Sloth });
            return Ok(());
        }
        Err(unknown_document(&reader))
    }

    fn take_rules(&mut self, source: SourceText<'a>) {
        if !self.rules.contains(&source) {
            self.rules.push(source);
        }
    }

    /// Whether nothing but Deployments was found, so that they are what is asked about.
    pub(super) fn has_only_deployments(&self) -> bool {
        let others = [
            &self.canaries,
            &self.metric_templates,
            &self.rollouts,
            &self.analysis_templates,
            &self.cluster_templates,
            &self.analysis_runs,
            &self.definitions,
        ];
        self.native.is_empty()
            && self.processes.is_empty()
            && self.rules.is_empty()
            && self.objectives.is_empty()
            && self.canary_configs.is_empty()
            && self.templates.is_empty()
            && self.compose.is_empty()
            && others.iter().all(|list| list.is_empty())
    }
}

fn object<'a>(reader: Reader<'a>, options: &ImportOptions) -> Result<Object<'a>, Diagnostic> {
    let metadata = reader.required("metadata")?;
    let generated = metadata.get("generateName").filter(|_| !metadata.has("name"));
    let name = match generated {
        Some(prefix) => prefix.text()?.trim_end_matches('-').to_owned(),
        None => metadata.required("name")?.text()?.to_owned(),
    };
    let written = match metadata.get("namespace") {
        Some(namespace) => Some(namespace.text()?.to_owned()),
        None => None,
    };
    reader.ignore("metadata");
    reader.ignore("status");
    let names_namespace = written.is_some();
    let namespace = written.or_else(|| options.namespace.clone()).unwrap_or_else(|| "default".to_owned());
    Ok(Object { reader, name, namespace, names_namespace })
}

/// Kinds that stand beside a rollout in the same file and decide nothing, and kinds that are refused by name.
fn passed_over(group: &str, version: &str, kind: &str, at: &Reader<'_>) -> Result<(), Diagnostic> {
    let refuse = |fact: String, help: &str| Err(at.diagnostic_at(fact, help).with_code("unknown_format"));
    match (group, kind) {
        ("rollouts.kruise.io", _) => refuse(
            format!("`{kind}` of {version} is OpenKruise's, which is not read"),
            "Argo's Rollout has `apiVersion: argoproj.io/v1alpha1`; the kinds share only their name",
        ),
        ("argoproj.io", "Application") => Ok(()),
        ("flagger.app" | "argoproj.io", _) => refuse(
            format!("`{kind}` of {version} is not read"),
            "give the Canary, Rollout or AnalysisTemplate it belongs to",
        ),
        ("monitoring.coreos.com" | "metrics.keptn.sh" | "lifecycle.keptn.sh", _) => refuse(
            format!("`{kind}` of {version} is not read yet"),
            "`backout list formats` has those that are",
        ),
        _ => Ok(()),
    }
}

fn unknown_document(reader: &Reader<'_>) -> Diagnostic {
    let help = if reader.has("services") {
        "this looks like a scenario: play it with `--scenario FILE`"
    } else if reader.has("judge") || reader.has("metrics") {
        "a Kayenta canary config has `metrics:` and `classifier:`"
    } else if reader.has("Resources") || reader.has("AWSTemplateFormatVersion") {
        "a CloudFormation template has resources with a `Type:` that begins with `AWS::`"
    } else {
        "native files begin with `format: 1` and `triggers:` (or `process:`), Kubernetes objects with `apiVersion:` and `kind:`"
    };
    reader.diagnostic_at("this is no policy file", help).with_code("unknown_format")
}
