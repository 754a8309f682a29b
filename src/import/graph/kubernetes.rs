//! Kubernetes manifests: Deployments and StatefulSets with their Services, Ingresses and autoscalers.
//!
//! A service of the scenario is a Kubernetes Service with the workloads its selector matches; several workloads behind one
//! Service are versions of it that run side by side, as in Istio's samples. Without any Service in the files each workload
//! is one. Numbers are those of the pod template; what Kubernetes fills in by itself is filled in here
//! (`replicas` 1, probe period 10 s and threshold 3, `terminationGracePeriodSeconds` 30).
//!
//! Who calls whom is a guess: an environment value, argument or command that names a Service as a host. Requests enter where
//! a Service is a LoadBalancer or NodePort, an Ingress points to, or a workload without a Service (a load generator)
//! names; else where nobody calls.

use std::collections::BTreeMap;

use super::names::{self, Labels};
use super::{
    About, Collector, Edge, Entry, GraphService, HowOften, Known, ProbeTimes, Scaling, count, from, known,
    place,
};
use crate::diagnostic::Diagnostic;
use crate::document::Reader;
use crate::import::deployment;
use crate::import::line;
use crate::quantity::{Bytes, Cores, Ratio};
use crate::strategy::StrategySpec;
use crate::strategy::rolling::Rolling;
use crate::time::SimDuration;

const WORKLOADS: [&str; 2] = ["Deployment", "StatefulSet"];

const NOTES: crate::import::unread::Notes = &[
    ("strategy", "only rolling updates of Deployments are taken over"),
    ("startupProbe", "not honoured: the time a pod takes to start is a stand-in"),
    ("affinity", "the simulation places no pods"),
    ("nodeSelector", "the simulation places no pods"),
    ("tolerations", "the simulation places no pods"),
    ("topologySpreadConstraints", "the simulation places no pods"),
    ("metrics", "an autoscaler follows the use of processors only"),
    ("behavior", "an autoscaler moves as Kubernetes does by default"),
];

/// A workload.
struct Workload<'a> {
    at: Reader<'a>,
    name: String,
    labels: Vec<(String, String)>,
    /// Environment values, arguments and commands.
    texts: Vec<Reader<'a>>,
}

/// A Kubernetes Service.
struct Front<'a> {
    at: Reader<'a>,
    name: String,
    selector: Vec<(String, String)>,
    is_open: bool,
}

pub(super) fn is_one(root: &Reader<'_>) -> bool {
    let node = root.peek();
    let is_workload =
        node.get("kind").and_then(|kind| kind.as_str()).is_some_and(|kind| WORKLOADS.contains(&kind));
    is_workload && node.get("apiVersion").and_then(|v| v.as_str()).is_some_and(|v| v.starts_with("apps/"))
}

pub(super) fn read(roots: &[Reader<'_>], into: &mut Collector<'_>) -> Result<(), Diagnostic> {
    let (mut workloads, mut fronts, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for root in roots {
        let kind = root.get("kind").map(|kind| kind.text()).transpose()?.unwrap_or_default();
        match kind {
            kind if WORKLOADS.contains(&kind) => workloads.push(workload(root.clone())?),
            "Service" => fronts.push(front(root.clone())?),
            _ => others.push((kind, root.clone())),
        }
    }
    let mut labels = Labels::default();
    let behind = services(&workloads, &fronts, &mut labels, into)?;
    for (kind, root) in &others {
        match *kind {
            "HorizontalPodAutoscaler" => autoscaler(root, &behind, into)?,
            "Ingress" => ingress(root, &labels, into),
            "ServiceAccount"
            | "ConfigMap"
            | "Secret"
            | "Namespace"
            | "PersistentVolumeClaim"
            | "Role"
            | "RoleBinding"
            | "ClusterRole"
            | "ClusterRoleBinding"
            | "Rollout"
            | "Canary"
            | "MetricTemplate"
            | "AnalysisTemplate" => {}
            _ => {
                into.source = root.source().name.to_owned();
                into.note(About::LeftOut, line(root), format!("`kind: {kind}`: not known here"));
            }
        }
    }
    calls(&workloads, &fronts, &behind, &labels, into)?;
    enter(&fronts, &labels, into);
    for root in workloads.iter().map(|workload| &workload.at) {
        into.source = root.source().name.to_owned();
        into.unread(root, NOTES);
    }
    Ok(())
}

fn pairs(at: Option<Reader<'_>>) -> Result<Vec<(String, String)>, Diagnostic> {
    let Some(at) = at else { return Ok(Vec::new()) };
    at.entries()?.into_iter().map(|(key, _, value)| Ok((key.to_owned(), value.text()?.to_owned()))).collect()
}

fn workload(root: Reader<'_>) -> Result<Workload<'_>, Diagnostic> {
    for key in [
        "apiVersion",
        "metadata",
        "status",
        "spec.selector",
        "spec.revisionHistoryLimit",
        "spec.serviceName",
        "spec.progressDeadlineSeconds",
        "spec.volumeClaimTemplates",
        "spec.template.metadata",
    ] {
        root.ignore(key);
    }
    let name = root.required("metadata")?.required("name")?.text()?.to_owned();
    let labels = pairs(root.at("spec.template.metadata.labels"))?;
    let pod = root.required("spec")?.required("template")?.required("spec")?;
    for key in [
        "serviceAccountName",
        "serviceAccount",
        "securityContext",
        "volumes",
        "initContainers",
        "imagePullSecrets",
        "automountServiceAccountToken",
        "restartPolicy",
        "dnsPolicy",
        "enableServiceLinks",
    ] {
        pod.ignore(key);
    }
    let mut texts = Vec::new();
    for container in pod.required("containers")?.seq()? {
        for key in [
            "name",
            "image",
            "imagePullPolicy",
            "ports",
            "volumeMounts",
            "securityContext",
            "lifecycle",
            "envFrom",
            "stdin",
            "tty",
            "workingDir",
            "env",
            "args",
            "command",
            "resources",
            "livenessProbe",
            "readinessProbe",
        ] {
            container.ignore(key);
        }
        for variable in container.get("env").map(|list| list.seq()).transpose()?.unwrap_or_default() {
            texts.extend(variable.get("value"));
        }
        for key in ["args", "command"] {
            texts.extend(container.get(key).map(|list| list.seq()).transpose()?.unwrap_or_default());
        }
    }
    Ok(Workload { at: root, name, labels, texts })
}

fn front(root: Reader<'_>) -> Result<Front<'_>, Diagnostic> {
    let name = root.required("metadata")?.required("name")?.text()?.to_owned();
    let selector = pairs(root.at("spec.selector"))?;
    let kind = root.at("spec.type").map(|kind| kind.text()).transpose()?;
    let is_open = matches!(kind, Some("LoadBalancer" | "NodePort"));
    Ok(Front { at: root, name, selector, is_open })
}

fn selects(front: &Front<'_>, workload: &Workload<'_>) -> bool {
    !front.selector.is_empty() && front.selector.iter().all(|pair| workload.labels.contains(pair))
}

/// The services, and for each workload the name of the service it is behind.
fn services<'w>(
    workloads: &'w [Workload<'_>],
    fronts: &[Front<'_>],
    labels: &mut Labels,
    into: &mut Collector<'_>,
) -> Result<BTreeMap<&'w str, String>, Diagnostic> {
    let mut behind: BTreeMap<&str, String> = BTreeMap::new();
    for workload in workloads {
        let mine: Vec<&Front<'_>> = fronts.iter().filter(|front| selects(front, workload)).collect();
        let name = match mine.first() {
            Some(front) => {
                let label = labels.give(&front.name, &front.name);
                // Further Services in front of the same pods are other names of them.
                for other in &mine {
                    labels.alias(&other.name, &label);
                }
                label
            }
            None if fronts.is_empty() => labels.give(&workload.name, &workload.name),
            None => continue,
        };
        behind.insert(&workload.name, name.clone());
        let of_workload = service(workload)?;
        match into.graph.services.get_mut(&name) {
            None => {
                into.graph.services.insert(name, of_workload);
            }
            Some(first) => join(first, of_workload),
        }
    }
    // Shares of versions were numbers of pods until here.
    for service in into.graph.services.values_mut() {
        let all: f64 = service.versions.iter().map(|(_, pods)| pods).sum();
        service.versions.iter_mut().for_each(|(_, pods)| *pods /= all.max(1.0));
        if service.versions.len() < 2 {
            service.versions.clear();
        }
    }
    Ok(behind)
}

/// Another version behind the same Service: its pods are added.
fn join(first: &mut GraphService, other: GraphService) {
    if let (Some(pods), Some(more)) = (&mut first.replicas, &other.replicas) {
        pods.value = pods.value.saturating_add(more.value);
        pods.from = format!("{} + {}", pods.from, more.from);
    }
    first.versions.extend(other.versions);
}

fn service(workload: &Workload<'_>) -> Result<GraphService, Diagnostic> {
    let spec = workload.at.required("spec")?;
    let pod = spec.required("template")?.required("spec")?;
    let replicas = match spec.get("replicas") {
        Some(at) => Known { value: count(&at, 0)?.max(1), from: from(&at) },
        None => {
            Known { value: 1, from: format!("{}: no `replicas`, which is 1 in Kubernetes", place(&spec)) }
        }
    };
    let version = workload.labels.iter().find(|(key, _)| key == "version").map(|(_, value)| value.clone());
    let versions = vec![(version.unwrap_or_else(|| workload.name.clone()), f64::from(replicas.value))];
    let mut service = GraphService {
        at: place(&workload.at),
        versions,
        replicas: Some(replicas),
        ..GraphService::default()
    };
    if let Some(at) = pod.get("terminationGracePeriodSeconds") {
        service.termination_grace = known(SimDuration::from_secs(u64::from(count(&at, 0)?)), &at);
    }
    if let Some(container) = pod.required("containers")?.seq()?.first() {
        service.readiness = Some(probe(container, "readinessProbe")?);
        service.liveness = Some(probe(container, "livenessProbe")?);
        resources(container, &mut service)?;
    }
    if workload.at.get("kind").is_some_and(|kind| kind.peek().raw == "Deployment") {
        service.rollout = rollout(&spec);
    }
    Ok(service)
}

/// The rolling update of a Deployment; `Recreate` is left to the reading of the whole file.
fn rollout(spec: &Reader<'_>) -> Option<Known<StrategySpec>> {
    let bounds = deployment::bounds(spec).ok()?;
    let from = match spec.get("strategy") {
        Some(at) => from(&at),
        None => format!("{}: no `strategy`, which is a rolling update within 25 %", place(spec)),
    };
    Some(Known { value: StrategySpec::Rolling(Rolling { bounds }), from })
}

fn probe(container: &Reader<'_>, key: &str) -> Result<Known<Option<ProbeTimes>>, Diagnostic> {
    let Some(at) = container.get(key) else {
        return Ok(Known { value: None, from: format!("{}: no `{key}`", place(container)) });
    };
    let number = |key: &str, default: u32, least: u32| match at.get(key) {
        Some(at) => count(&at, least),
        None => Ok(default),
    };
    let times = ProbeTimes {
        initial_delay: SimDuration::from_secs(u64::from(number("initialDelaySeconds", 0, 0)?)),
        period: SimDuration::from_secs(u64::from(number("periodSeconds", 10, 1)?)),
        failure_threshold: number("failureThreshold", 3, 1)?,
    };
    Ok(Known { value: Some(times), from: from(&at) })
}

fn resources(container: &Reader<'_>, service: &mut GraphService) -> Result<(), Diagnostic> {
    fn quantity<T: std::str::FromStr>(at: &Reader<'_>) -> Result<T, Diagnostic>
    where
        T::Err: std::fmt::Display,
    {
        at.text()?
            .parse()
            .map_err(|wrong: T::Err| at.diagnostic_at(wrong.to_string(), "write it as Kubernetes has it"))
    }
    if let Some(at) = container.at("resources.limits.cpu") {
        service.cpu_limit = known(quantity::<Cores>(&at)?, &at);
    }
    if let Some(at) = container.at("resources.requests.cpu") {
        service.cpu_request = known(quantity::<Cores>(&at)?, &at);
    }
    if let Some(at) = container.at("resources.limits.memory") {
        service.memory_limit = known(quantity::<Bytes>(&at)?, &at);
    }
    Ok(())
}

fn autoscaler(
    root: &Reader<'_>,
    behind: &BTreeMap<&str, String>,
    into: &mut Collector<'_>,
) -> Result<(), Diagnostic> {
    let spec = root.required("spec")?;
    let target = spec.required("scaleTargetRef")?.required("name")?.text()?;
    let Some(service) = behind.get(target).and_then(|name| into.graph.services.get_mut(name)) else {
        into.note(
            About::LeftOut,
            line(root),
            format!("the autoscaler of `{target}`, which is not in the files"),
        );
        return Ok(());
    };
    let min = spec.get("minReplicas").map_or(Ok(1), |at| count(&at, 1))?;
    let max = count(&spec.required("maxReplicas")?, 1)?;
    let mut cpu = spec.get("targetCPUUtilizationPercentage");
    for metric in spec.get("metrics").map(|list| list.seq()).transpose()?.unwrap_or_default() {
        if metric.at("resource.name").is_some_and(|name| name.peek().raw == "cpu") {
            cpu = cpu.or_else(|| metric.at("resource.target.averageUtilization"));
        }
    }
    let cpu = match cpu {
        Some(at) => Some(Ratio::new(f64::from(count(&at, 1)?) / 100.0).map_err(|wrong| {
            at.diagnostic_at(wrong.to_string(), "a target above 100 % of the request is not simulated")
        })?),
        None => None,
    };
    service.scaling = known(Scaling { min, max: max.max(min), cpu }, &spec);
    Ok(())
}

/// Requests enter where an Ingress points to.
fn ingress(root: &Reader<'_>, labels: &Labels, into: &mut Collector<'_>) {
    let mut open = vec![root.peek()];
    while let Some(node) = open.pop() {
        open.extend(node.items());
        open.extend(node.entries().iter().map(|entry| &entry.value));
        let name = node.get("service").and_then(|service| service.get("name")).and_then(|name| name.as_str());
        let Some(label) = name.and_then(|name| labels.get(name)) else { continue };
        let why = format!("{}: an Ingress points to it", place(root));
        entry(label, "ingress", why, into);
    }
}

/// An entry, once for each service.
fn entry(to: &str, name: &str, why: String, into: &mut Collector<'_>) {
    if into.graph.entries.iter().all(|entry| entry.to != to) {
        into.graph.entries.push(Entry { name: name.to_owned(), to: to.to_owned(), rate: None, why });
    }
}

/// Calls and entries from values that name a Service.
fn calls(
    workloads: &[Workload<'_>],
    fronts: &[Front<'_>],
    behind: &BTreeMap<&str, String>,
    labels: &Labels,
    into: &mut Collector<'_>,
) -> Result<(), Diagnostic> {
    for workload in workloads {
        into.source = workload.at.source().name.to_owned();
        let caller = behind.get(workload.name.as_str());
        if caller.is_none() {
            let text = format!("`{}`: no Service selects it, so nobody can call it", workload.name);
            into.note(About::LeftOut, line(&workload.at), text);
        }
        for value in &workload.texts {
            let Ok(text) = value.text() else { continue };
            let own_names = fronts.iter().map(|front| front.name.as_str());
            for host in names::hosts(text, own_names) {
                let Some(to) = labels.get(host) else { continue };
                match caller {
                    Some(from_name) if from_name == to => {}
                    Some(from_name) => {
                        let edge = Edge::new(from_name, to, from(value), true, HowOften::Unknown);
                        into.graph.edges.push(edge);
                    }
                    None => {
                        let why =
                            format!("{}: `{}` names it, and nobody calls that", from(value), workload.name);
                        entry(to, &names::dns_label(&workload.name), why, into);
                    }
                }
            }
        }
    }
    guessed(into);
    Ok(())
}

/// Says once that the calls are guesses.
pub(super) fn guessed(into: &mut Collector<'_>) {
    let guesses = into.graph.edges.iter().filter(|edge| edge.is_guess).count();
    let text = if guesses == 0 {
        "no value names another service, so there are no calls: add them under `calls:`".to_owned()
    } else {
        format!(
            "{guesses} calls are guesses, from values that name a service; each is taken to be made once per request"
        )
    };
    into.note(About::Guess, 0, text);
}

/// Services that are open to the outside; they come before what workloads name.
fn enter(fronts: &[Front<'_>], labels: &Labels, into: &mut Collector<'_>) {
    for front in fronts.iter().filter(|front| front.is_open) {
        let Some(label) = labels.get(&front.name) else {
            let text = format!("Service `{}` selects no workload of the files", front.name);
            into.note(About::LeftOut, line(&front.at), text);
            continue;
        };
        let why = format!("{}: open to the outside", place(&front.at));
        entry(label, "users", why, into);
    }
}
