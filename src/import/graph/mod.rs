//! Files that show which services there are and who calls whom, as the beginning of a scenario: Kiali graphs, Kubernetes
//! manifests, compose files, isotope topologies, MiSim architectures and Bering models.
//!
//! Every format becomes the same [`Graph`]: services, calls, where traffic enters. A number that stands in a file carries
//! the place it is from ([`Known`]); what no file says stays `None` and is filled in with a stand-in by whoever writes the
//! scenario, who says so. What has no effect, what is a guess and what was left out is a [`Note`] with its line.
//!
//! Traps: manifests and compose files do not say who calls whom. An environment variable that names a service, or a
//! `depends_on`, is the best there is, and is marked as a guess ([`Edge::is_guess`]). A graph may go round in circles and
//! our scenarios may not; `settle.rs` opens circles and says which call it left out.

mod bering;
mod compose;
mod isotope;
mod kiali;
mod kubernetes;
mod misim;
mod names;
mod settle;

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Format, SourceText, line};
use crate::diagnostic::{Diagnostic, Diagnostics, Source};
use crate::document::{NodeValue, Reader, parse_documents};
use crate::quantity::{Bytes, Cores, Ratio};
use crate::strategy::StrategySpec;
use crate::time::SimDuration;

pub(super) use compose::{has_updates, is_compose};

/// The formats that are read as service graphs.
pub const FORMATS: &[Format] = &[
    Format {
        name: "kiali",
        summary: "Kiali graphs (service, app, versioned app, workload): services, rates, errors and calls; for `init --from`",
        recognised_by: "elements: with nodes: and edges:",
    },
    Format {
        name: "kubernetes",
        summary: "Kubernetes manifests: workloads, Services, autoscalers; calls are guessed from environment values; for `init --from`",
        recognised_by: "apiVersion: apps/v1, kind: Deployment or StatefulSet",
    },
    Format {
        name: "compose",
        summary: "Docker compose files: services, health checks, limits, and update_config as a policy; calls are guessed",
        recognised_by: "services: with image: or build:",
    },
    Format {
        name: "isotope",
        summary: "isotope topologies: services with scripts of calls; for `init --from`",
        recognised_by: "services: with name: and script:",
    },
    Format {
        name: "misim",
        summary: "MiSim architectures: microservices with capacities and operations; for `init --from`",
        recognised_by: "microservices:",
    },
    Format {
        name: "bering",
        summary: "Bering topologies and models: services, calls, endpoints; for `init --from`",
        recognised_by: "services: with id:, and edges:",
    },
];

/// A value with the place it is from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Known<T> {
    /// The value.
    pub value: T,
    /// File, line and key, or how it follows from them: `shop.yaml:12 spec.replicas`.
    pub from: String,
}

/// A probe of a pod as far as the simulation has it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ProbeTimes {
    /// Pause before the first probe.
    pub initial_delay: SimDuration,
    /// Pause between probes.
    pub period: SimDuration,
    /// Failures in a row before the pod counts as failed.
    pub failure_threshold: u32,
}

/// Pods that follow the use of processors.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Scaling {
    /// Fewest pods.
    pub min: u32,
    /// Most pods.
    pub max: u32,
    /// Target use relative to the request.
    pub cpu: Option<Ratio>,
}

/// A service, and what is known of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct GraphService {
    /// Where it is, `file:line`.
    pub at: String,
    /// Pods.
    pub replicas: Option<Known<u32>>,
    /// Time a request takes in a pod, as a scenario writes it.
    pub service_time: Option<Known<String>>,
    /// Share of requests that fail.
    pub error_ratio: Option<Known<Ratio>>,
    /// Requests per second that were observed to come in.
    pub observed_rate: Option<Known<f64>>,
    /// Readiness probe; `Some(None)` if the file shows that there is none.
    pub readiness: Option<Known<Option<ProbeTimes>>>,
    /// Liveness probe; `Some(None)` if the file shows that there is none.
    pub liveness: Option<Known<Option<ProbeTimes>>>,
    /// Processor limit.
    pub cpu_limit: Option<Known<Cores>>,
    /// Processor request.
    pub cpu_request: Option<Known<Cores>>,
    /// Memory limit.
    pub memory_limit: Option<Known<Bytes>>,
    /// Longest time a stopping pod may finish its requests.
    pub termination_grace: Option<Known<SimDuration>>,
    /// Autoscaler.
    pub scaling: Option<Known<Scaling>>,
    /// How its next release is rolled out.
    pub rollout: Option<Known<StrategySpec>>,
    /// Versions that run side by side, with their share of the requests (or of the pods), 0 to 1.
    pub versions: Vec<(String, f64)>,
    /// Sentences about it for the scenario file.
    pub remarks: Vec<String>,
}

/// How often a caller makes a call.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub enum HowOften {
    /// So many times a second in all, as was observed.
    Rate(f64),
    /// So many times for each request, on average.
    PerRequest(f64),
    /// Nobody says.
    Unknown,
}

/// A call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Edge {
    /// Who calls.
    pub from: String,
    /// Who is called.
    pub to: String,
    /// How it is known: file, line and key.
    pub at: String,
    /// Whether it is a guess.
    pub is_guess: bool,
    /// How often.
    pub often: HowOften,
    /// Share of these calls that were observed to fail.
    pub failing: Option<f64>,
    /// How long the caller waits.
    pub timeout: Option<Known<SimDuration>>,
    /// Attempts in all.
    pub attempts: Option<Known<u32>>,
    /// Group of calls made at once.
    pub parallel: Option<String>,
}

impl Edge {
    /// A call of which nothing more is known.
    fn new(from: &str, to: &str, at: String, is_guess: bool, often: HowOften) -> Self {
        Edge {
            from: from.to_owned(),
            to: to.to_owned(),
            at,
            is_guess,
            often,
            failing: None,
            timeout: None,
            attempts: None,
            parallel: None,
        }
    }
}

/// Where requests enter.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// Who sends them.
    pub name: String,
    /// The service they enter.
    pub to: String,
    /// Requests per second, if known.
    pub rate: Option<Known<f64>>,
    /// How it is known that they enter here.
    pub why: String,
}

/// What a note is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// Something is a guess.
    Guess,
    /// Something of the file is not in the scenario.
    LeftOut,
    /// Something is otherwise than the file has it.
    Changed,
}

/// Something the user must hear.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Note {
    /// What it is about.
    pub about: About,
    /// The file.
    pub source: String,
    /// Line in the file, from 1; 0 if it is about the whole.
    pub line: usize,
    /// What.
    pub text: String,
}

/// Services, calls and where traffic enters.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Graph {
    /// The formats of the files it is from.
    pub formats: Vec<&'static str>,
    /// The files.
    pub sources: Vec<String>,
    /// The services, by names a scenario can have.
    pub services: BTreeMap<String, GraphService>,
    /// The calls, without circles, at most one from a service to another.
    pub edges: Vec<Edge>,
    /// Where requests enter.
    pub entries: Vec<Entry>,
    /// What the user must hear.
    pub notes: Vec<Note>,
}

/// A file in the making of a graph.
struct Collector<'g> {
    graph: &'g mut Graph,
    source: String,
}

impl Collector<'_> {
    fn note(&mut self, about: About, line: usize, text: impl Into<String>) {
        let source = self.source.clone();
        self.graph.notes.push(Note { about, source, line, text: text.into() });
    }

    /// Lists the keys nobody read, those that end alike together.
    fn unread(&mut self, root: &Reader<'_>, known: super::unread::Notes) {
        let mut groups: BTreeMap<(String, String), (usize, usize)> = BTreeMap::new();
        for key in super::unread::list(root, known) {
            let last = key.path.rsplit('.').next().unwrap_or(&key.path).to_owned();
            let first = groups.entry((last, key.note)).or_insert((key.line, 0));
            first.1 += 1;
        }
        for ((key, note), (at, count)) in groups {
            let places = if count > 1 { format!(" ({count} places, here the first)") } else { String::new() };
            self.note(About::LeftOut, at, format!("`{key}`{places}: {note}"));
        }
    }
}

/// Where a cursor stands, for comments: `shop.yaml:12 spec.replicas`.
fn from(at: &Reader<'_>) -> String {
    format!("{} {}", place(at), at.path())
}

/// `shop.yaml:12`, without folders.
fn place(at: &Reader<'_>) -> String {
    let name = at.source().name;
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    format!("{file}:{}", line(at))
}

fn known<T>(value: T, at: &Reader<'_>) -> Option<Known<T>> {
    Some(Known { value, from: from(at) })
}

/// A whole number of at least `least` that fits, or an error at its place.
fn count(at: &Reader<'_>, least: u32) -> Result<u32, Diagnostic> {
    let read = u32::try_from(at.i64()?).ok().filter(|count| *count >= least);
    read.ok_or_else(|| {
        at.diagnostic_at(format!("`{}` must be {least} or more", at.path()), "write a whole number")
    })
}

/// Whose file it is, and how it is read.
struct Kind {
    name: &'static str,
    is_one: fn(&Reader<'_>) -> bool,
    read: fn(&[Reader<'_>], &mut Collector<'_>) -> Result<(), Diagnostic>,
}

const KINDS: &[Kind] = &[
    Kind { name: "kiali", is_one: kiali::is_one, read: kiali::read },
    Kind { name: "kubernetes", is_one: kubernetes::is_one, read: kubernetes::read },
    Kind { name: "compose", is_one: compose::is_compose, read: compose::read },
    Kind { name: "isotope", is_one: isotope::is_one, read: isotope::read },
    Kind { name: "misim", is_one: misim::is_one, read: misim::read },
    Kind { name: "bering", is_one: bering::is_one, read: bering::read },
];

/// The name of the format, if a text holds a service graph; what is not YAML or JSON holds none.
pub fn format_of(text: SourceText<'_>) -> Option<&'static str> {
    let documents = parse_documents(text.name, text.text).ok()?;
    let source = Source::new(text.name, text.text);
    let mut readers = documents.iter().map(|document| Reader::new(source, document));
    readers.find_map(|root| KINDS.iter().find(|kind| (kind.is_one)(&root))).map(|kind| kind.name)
}

/// Whether a text shows services beyond a single workload, which a reader of policies is told about anyway.
pub fn shows_services(text: SourceText<'_>) -> bool {
    match format_of(text) {
        None => false,
        Some("kubernetes") => {
            let documents = parse_documents(text.name, text.text).unwrap_or_default();
            let source = Source::new(text.name, text.text);
            documents.iter().filter(|node| kubernetes::is_one(&Reader::new(source, node))).count() > 1
        }
        Some(_) => true,
    }
}

/// Whether a text that holds a service graph is a policy as well: it has a Deployment or a rollout, or an update that
/// Swarm plays.
pub fn is_also_policy(text: SourceText<'_>) -> bool {
    let documents = parse_documents(text.name, text.text).unwrap_or_default();
    let source = Source::new(text.name, text.text);
    documents.iter().any(|node| {
        let root = Reader::new(source, node);
        let kind = node.get("kind").and_then(|kind| kind.as_str());
        matches!(kind, Some("Deployment" | "Rollout" | "Canary")) || compose::has_updates(&root)
    })
}

/// The graph of a set of files that belong together.
///
/// # Errors
/// Everything that makes a file unusable: not YAML or JSON, of no known format, a number that is none, a call to a service
/// that is not there; each with its place.
pub fn load(sources: &[SourceText<'_>]) -> Result<Graph, Diagnostics> {
    let mut problems = Diagnostics::new();
    let mut graph = Graph::default();
    let mut parsed = Vec::new();
    for text in sources {
        if let Some(documents) = problems.keep(parse_documents(text.name, text.text)) {
            parsed.push((Source::new(text.name, text.text), documents));
        }
    }
    for kind in KINDS {
        let is_empty = |root: &Reader<'_>| matches!(root.peek().value, NodeValue::Null);
        let mut roots: Vec<Reader<'_>> = Vec::new();
        for (source, documents) in &parsed {
            let of_file: Vec<Reader<'_>> = documents.iter().map(|node| Reader::new(*source, node)).collect();
            if first_kind(&of_file).is_some_and(|first| first.name == kind.name) {
                roots.extend(of_file.into_iter().filter(|root| !is_empty(root)));
            }
        }
        let Some(first) = roots.first() else { continue };
        let source = first.source().name.to_owned();
        for root in &roots {
            let name = root.source().name.to_owned();
            if !graph.sources.contains(&name) {
                graph.sources.push(name);
            }
        }
        graph.formats.push(kind.name);
        problems.keep((kind.read)(&roots, &mut Collector { graph: &mut graph, source }));
    }
    for (source, documents) in &parsed {
        let of_file: Vec<Reader<'_>> = documents.iter().map(|node| Reader::new(*source, node)).collect();
        if first_kind(&of_file).is_none() {
            problems.push(no_graph(source.name));
        }
    }
    if !problems.has_errors() && graph.services.is_empty() {
        let fact = format!("there is no service in {}", graph.sources.join(", "));
        problems.push(Diagnostic::error(fact).with_help("`backout list formats` has what can be read"));
    }
    if problems.has_errors() {
        return Err(problems);
    }
    settle::settle(&mut graph);
    Ok(graph)
}

fn first_kind(documents: &[Reader<'_>]) -> Option<&'static Kind> {
    documents.iter().find_map(|root| KINDS.iter().find(|kind| (kind.is_one)(root)))
}

fn no_graph(name: &str) -> Diagnostic {
    let formats: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
    Diagnostic::error("this is no service graph")
        .in_source(name)
        .with_help(format!("files of {} are read", formats.join(", ")))
        .with_code("unknown_format")
}
