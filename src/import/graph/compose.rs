//! Docker compose files: services with their health checks, limits and replicas.
//!
//! `depends_on` says what must run first, and an environment value may name a service as a host: both are guesses at who
//! calls whom. Variables (`${ADDR}`) are in other files or the shell and are not looked up. Requests enter at services with
//! a published port that nobody else calls, or where a service that sounds like a load generator sends them.
//!
//! Traps: `deploy:` and so replicas, limits and updates are read by Swarm (`docker stack deploy`) and in part by
//! `docker compose`; a health check has defaults of 30 s, 3 failures and no start period, and takes a container out of
//! nothing unless it is Swarm that looks.

use super::names::{self, Labels};
use super::{
    About, Collector, Edge, Entry, GraphService, HowOften, ProbeTimes, count, from, known, kubernetes, place,
};
use crate::diagnostic::Diagnostic;
use crate::document::{NodeValue, Reader};
use crate::import::compose as policy;
use crate::import::line;
use crate::quantity::{Bytes, Cores};
use crate::time::SimDuration;

const NOTES: crate::import::unread::Notes = &[
    ("profiles", "every service is taken, whatever its profiles"),
    ("extends", "what another file says is not looked up"),
    ("secrets", "has no effect on traffic"),
];

/// Keys of a service without effect on traffic.
const WITHOUT_EFFECT: &[&str] = &[
    "image",
    "build",
    "container_name",
    "hostname",
    "restart",
    "logging",
    "volumes",
    "networks",
    "ports",
    "expose",
    "command",
    "entrypoint",
    "environment",
    "labels",
    "user",
    "pid",
    "configs",
    "depends_on",
    "links",
    "cap_add",
    "cap_drop",
    "working_dir",
    "env_file",
    "healthcheck",
    "deploy",
    "tty",
    "stdin_open",
    "privileged",
    "init",
    "read_only",
    "tmpfs",
    "ulimits",
    "platform",
    "pull_policy",
    "security_opt",
    "extra_hosts",
    "dns",
];

/// Keys that only services of a compose file have.
const TELLING: [&str; 6] = ["image", "build", "deploy", "ports", "depends_on", "environment"];

/// Whether a document is a compose file: services of containers, and none of the keys of a scenario.
pub(crate) fn is_compose(root: &Reader<'_>) -> bool {
    let node = root.peek();
    let is_ours = ["format", "traffic", "rollouts", "apiVersion"].iter().any(|key| node.get(key).is_some());
    let services = node.get("services").map(|services| services.entries()).unwrap_or_default();
    let tells = |service: &crate::document::Node| TELLING.iter().any(|key| service.get(key).is_some());
    !is_ours && services.iter().any(|entry| tells(&entry.value))
}

/// Whether a compose file says how Swarm deploys a service.
pub(crate) fn has_updates(root: &Reader<'_>) -> bool {
    let services = root.peek().get("services").map(|services| services.entries()).unwrap_or_default();
    is_compose(root) && services.iter().any(|entry| entry.value.get("deploy").is_some())
}

pub(super) fn read(roots: &[Reader<'_>], into: &mut Collector<'_>) -> Result<(), Diagnostic> {
    for root in roots {
        into.source = root.source().name.to_owned();
        one(root, into)?;
    }
    kubernetes::guessed(into);
    Ok(())
}

fn one(root: &Reader<'_>, into: &mut Collector<'_>) -> Result<(), Diagnostic> {
    for key in ["version", "name", "networks", "volumes", "secrets", "configs"] {
        root.ignore(key);
    }
    root.entries()?.iter().filter(|(key, ..)| key.starts_with("x-")).for_each(|(_, _, value)| {
        value.whole();
    });
    let mut labels = Labels::default();
    let entries = root.required("services")?.entries()?;
    for (name, _, _) in &entries {
        labels.give(name, name);
    }
    let names: Vec<&str> = entries.iter().map(|(name, ..)| *name).collect();
    let mut sources = Vec::new();
    for (name, _, at) in &entries {
        let label = labels.give(name, name);
        WITHOUT_EFFECT.iter().for_each(|key| at.ignore(key));
        let called = called(at, &names)?;
        if names::sounds_like_load(name) {
            let text = format!("`{name}` is taken for a source of load by its name, not for a service");
            into.note(About::Guess, line(at), text);
            sources.push((label, called));
            continue;
        }
        into.graph.services.insert(label.clone(), service(at)?);
        for (to, how) in called {
            let is_service = |name: &&str| *name != label && !names::sounds_like_load(to);
            let Some(to) = labels.get(to).filter(is_service) else { continue };
            into.graph.edges.push(Edge::new(&label, to, how, true, HowOften::Unknown));
        }
    }
    for (name, called) in sources {
        from_source(&name, &called, &labels, into);
    }
    published(&entries, &labels, into)?;
    into.unread(root, NOTES);
    Ok(())
}

fn service(at: &Reader<'_>) -> Result<GraphService, Diagnostic> {
    let mut service = GraphService { at: place(at), ..GraphService::default() };
    let replicas = at.at("deploy.replicas").or_else(|| at.get("scale"));
    if let Some(at) = replicas.filter(is_written) {
        service.replicas = known(count(&at, 0)?.max(1), &at);
    }
    let check = at.get("healthcheck");
    service.readiness = match &check {
        Some(check) => Some(super::Known { value: health(check)?, from: from(check) }),
        None => Some(super::Known { value: None, from: format!("{}: no `healthcheck`", place(at)) }),
    };
    service.liveness.clone_from(&service.readiness);
    if let Some(at) = at.get("stop_grace_period").filter(is_written) {
        service.termination_grace = known(at.duration_go()?, &at);
    }
    if let Some(config) = at.at("deploy.update_config")
        && let Some(rollout) = policy::rollout(&config)
    {
        service.rollout = known(rollout, &config);
    }
    let limit = |path: &str, old: &str| at.at(path).or_else(|| at.get(old)).filter(is_written);
    if let Some(at) = limit("deploy.resources.limits.cpus", "cpus") {
        let cores: Result<Cores, _> = at.text()?.parse();
        service.cpu_limit =
            known(cores.map_err(|wrong| at.diagnostic_at(wrong.to_string(), "write `cpus: '0.5'`"))?, &at);
    }
    if let Some(at) = limit("deploy.resources.limits.memory", "mem_limit") {
        service.memory_limit = known(memory(&at)?, &at);
    }
    Ok(service)
}

/// Whether a value is written here, and not in a variable.
fn is_written(at: &Reader<'_>) -> bool {
    !at.peek().raw.contains('$')
}

/// Bytes as compose has them: `b`, `k`, `m`, `g` and `kb`, `mb`, `gb`, all binary.
fn memory(at: &Reader<'_>) -> Result<Bytes, Diagnostic> {
    let text = at.text()?.trim().to_ascii_lowercase();
    let plain = text.strip_suffix('b').unwrap_or(&text);
    let (number, shift) = match plain.chars().last() {
        Some('k') => (plain.trim_end_matches('k'), 10),
        Some('m') => (plain.trim_end_matches('m'), 20),
        Some('g') => (plain.trim_end_matches('g'), 30),
        _ => (plain, 0),
    };
    let bytes =
        number.trim().parse().ok().filter(|n: &f64| n.is_finite() && (0.0..1e9).contains(n) || shift == 0);
    let bytes = bytes.map(|n: f64| n * f64::from(1u32 << shift)).filter(|bytes| (1.0..9e15).contains(bytes));
    bytes.map(|bytes| Bytes::new(bytes as u64)).ok_or_else(|| {
        at.diagnostic_at(
            format!("`{}` is no amount of memory", at.peek().raw),
            "write it like `512m` or `1g`",
        )
    })
}

/// The times of a health check; `None` if it is switched off.
fn health(check: &Reader<'_>) -> Result<Option<ProbeTimes>, Diagnostic> {
    let off = check.get("disable").is_some_and(|at| at.bool().unwrap_or(false));
    let test = check.get("test");
    let none = test.is_some_and(|test| {
        test.peek().as_str() == Some("NONE")
            || test.peek().items().first().and_then(|n| n.as_str()) == Some("NONE")
    });
    if off || none {
        return Ok(None);
    }
    let time = |key: &str, default: u64| match check.get(key).filter(is_written) {
        Some(at) => at.duration_go(),
        None => Ok(SimDuration::from_secs(default)),
    };
    let period = time("interval", 30)?;
    Ok(Some(ProbeTimes {
        initial_delay: time("start_period", 0)?,
        period: if period.is_zero() { SimDuration::from_secs(30) } else { period },
        failure_threshold: check.get("retries").filter(is_written).map_or(Ok(3), |at| count(&at, 1))?,
    }))
}

/// Services that this one names, and how: `depends_on`, `links`, environment values.
fn called<'n>(at: &Reader<'_>, names: &[&'n str]) -> Result<Vec<(&'n str, String)>, Diagnostic> {
    let mut found: Vec<(&'n str, String)> = Vec::new();
    let mut add = |name: &str, how: String| {
        if let Some(name) = names.iter().find(|known| **known == name)
            && found.iter().all(|(other, _)| other != name)
        {
            found.push((name, how));
        }
    };
    let mut values: Vec<Reader<'_>> = Vec::new();
    match at.get("environment") {
        Some(environment) if matches!(environment.peek().value, NodeValue::Map(_)) => {
            values.extend(environment.entries()?.into_iter().map(|(_, _, value)| value));
        }
        Some(environment) => values.extend(environment.seq()?),
        None => {}
    }
    for value in values {
        let text = value.peek().raw.as_str();
        // In the form of a list `NAME=value`; a name alone is taken from the shell.
        let is_listed = value.path().ends_with(']');
        let text = if is_listed { text.split_once('=').map(|(_, value)| value) } else { Some(text) };
        for host in names::hosts(text.unwrap_or_default(), names.iter().copied()) {
            add(host, from(&value));
        }
    }
    for key in ["depends_on", "links"] {
        let Some(list) = at.get(key) else { continue };
        if matches!(list.peek().value, NodeValue::Map(_)) {
            for (name, _, value) in list.entries()? {
                add(name, from(&value));
            }
            continue;
        }
        for item in list.seq()? {
            let text = item.text()?;
            add(text.split(':').next().unwrap_or(text), from(&item));
        }
    }
    Ok(found)
}

/// Requests of a load generator enter at what it names, but for what is reached from there anyway.
fn from_source(name: &str, called: &[(&str, String)], labels: &Labels, into: &mut Collector<'_>) {
    let reached = |from: &str, to: &str| {
        let mut open = vec![from.to_owned()];
        let mut seen = std::collections::BTreeSet::new();
        while let Some(one) = open.pop() {
            for edge in into.graph.edges.iter().filter(|edge| edge.from == one) {
                if edge.to == to {
                    return true;
                }
                if seen.insert(edge.to.clone()) {
                    open.push(edge.to.clone());
                }
            }
        }
        false
    };
    // Itself it names too, as the name its own measurements go by.
    let services = called.iter().filter(|(to, _)| !names::sounds_like_load(to));
    let mine: Vec<(&str, &String)> = services.filter_map(|(to, how)| Some((labels.get(to)?, how))).collect();
    let first: Vec<(String, String)> = mine
        .iter()
        .filter(|(to, _)| mine.iter().all(|(other, _)| other == to || !reached(other, to)))
        .map(|(to, how)| ((*to).to_owned(), format!("{how}: `{name}` names it")))
        .collect();
    for (to, why) in first {
        into.graph.entries.push(Entry { name: name.to_owned(), to, rate: None, why });
    }
}

/// Without a load generator requests enter at published ports of services that nobody calls.
fn published(
    entries: &[(&str, crate::diagnostic::Location, Reader<'_>)],
    labels: &Labels,
    into: &mut Collector<'_>,
) -> Result<(), Diagnostic> {
    if !into.graph.entries.is_empty() {
        return Ok(());
    }
    let mut open = Vec::new();
    for (name, _, at) in entries {
        let Some(label) = labels.get(name) else { continue };
        let is_called = into.graph.edges.iter().any(|edge| edge.to == label);
        let Some(ports) = at.get("ports").filter(|_| !is_called) else { continue };
        let calls = into.graph.edges.iter().any(|edge| edge.from == label);
        let why = format!("{}: a published port, and nobody calls it", from(&ports));
        open.push((
            calls,
            Entry { name: format!("users-of-{label}"), to: label.to_owned(), rate: None, why },
        ));
    }
    // What calls others is rather an entry than a tool with a page of its own.
    let some_call = open.iter().any(|(calls, _)| *calls);
    let entries = open.into_iter().filter(|(calls, _)| *calls || !some_call).map(|(_, entry)| entry);
    into.graph.entries.extend(entries);
    Ok(())
}
