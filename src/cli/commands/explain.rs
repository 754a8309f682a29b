//! `backout explain`: what a policy file does here, and what services a file shows, in plain words.

use std::fmt::Write as _;

use serde::Serialize;

use super::super::args::{Explain, Global, QuickArgs};
use super::super::exit::Failure;
use super::super::ui::Ui;
use super::super::{chaos, doubts, files, inputs};
use super::init;
use crate::diagnostic::Diagnostics;
use crate::import::SourceText;
use crate::import::chaos::Chaos;
use crate::import::graph::{self, Graph, HowOften};
use crate::policy::loaded::{Loaded, StandIn, Unsupported};
use crate::replication::prepared::explain_bindings;
use crate::scenario::Scenario;
use crate::telemetry::binding::{Bound, WorldNames};
use crate::telemetry::dialect;

/// Everything that is told about one policy.
#[derive(Debug, Serialize)]
struct Explained {
    name: String,
    source: String,
    engine: String,
    summary: String,
    brings_rollout: bool,
    reading: Vec<String>,
    checks: Vec<Check>,
    queries: Vec<Query>,
    stand_ins: Vec<StandIn>,
    unsupported: Vec<Unsupported>,
    /// What the rules of `backout lint` find, with the scenario's facts.
    warnings: Diagnostics,
}

#[derive(Debug, Serialize)]
struct Check {
    name: String,
    line: usize,
    good: String,
    query: Option<String>,
}

#[derive(Debug, Serialize)]
struct Query {
    text: String,
    line: usize,
    selectors: Vec<Selector>,
    /// Why it cannot be asked of this scenario.
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct Selector {
    text: String,
    /// Metrics with the exporters they are from.
    metrics: Vec<String>,
    /// Whose series of the simulated world it can read: `stable`, `candidate` or the names of other services.
    roles: Vec<String>,
    /// How many kinds of series of the simulated world it can read.
    series: usize,
    /// What was inferred or has to be known.
    notes: Vec<String>,
}

/// What was asked about.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Told {
    Policy(Explained),
    Chaos(Chaos),
    Graph(Graph),
}

pub(super) fn run(global: &Global, explain: &Explain, ui: &Ui) -> Result<(), Failure> {
    let format = super::format(global, &["text", "json"])?;
    let sink = super::sink(global)?;
    files::check_stdin_once(explain.files.iter().chain([&explain.scenario]).chain(&explain.chaos.chaos))?;
    let scenario = inputs::one_scenario(&explain.scenario, &QuickArgs::default(), ui)?.scenario;
    let chaos = chaos::told(&explain.chaos, &scenario)?;
    let Asked { graphs, policies } = asked(&explain.files)?;
    let sets = inputs::policy_sets_of(policies, &explain.policy)?;
    let (facts, said) = (doubts::facts(&scenario), doubts::said(&explain.policy)?);
    let mut all: Vec<Explained> = Vec::new();
    for set in &sets {
        let files = doubts::parsed(set);
        let told = |policy: &Loaded| Explained {
            warnings: doubts::of_policy(&files, policy, &facts, &said),
            ..explained(policy, &scenario)
        };
        all.extend(set.policies.iter().map(told));
    }
    let bytes = if format == "json" {
        let policies = all.into_iter().map(Told::Policy);
        let others = chaos.into_iter().map(Told::Chaos).chain(graphs.into_iter().map(Told::Graph));
        super::json(&policies.chain(others).collect::<Vec<_>>())?
    } else {
        let policies = all.iter().map(|one| text(one, &scenario.name));
        let others = chaos.iter().map(chaos_text).chain(graphs.iter().map(graph_text));
        policies.chain(others).collect::<Vec<_>>().join("\n").into_bytes()
    };
    sink.write(&bytes)
}

/// The files by what they are.
struct Asked {
    graphs: Vec<Graph>,
    policies: Vec<inputs::PolicyText>,
}

/// Reads the files; a file may be both, a policy and a graph.
fn asked(words: &[String]) -> Result<Asked, Failure> {
    let mut asked = Asked { graphs: Vec::new(), policies: Vec::new() };
    for word in words {
        let text = inputs::policy_text(word)?;
        let source = SourceText { name: &text.file.name, text: &text.file.text };
        if graph::shows_services(source) {
            asked.graphs.push(graph::load(&[source]).map_err(Failure::Input)?);
        }
        if graph::format_of(source).is_none() || graph::is_also_policy(source) {
            asked.policies.push(text);
        }
    }
    Ok(asked)
}

fn explained(policy: &Loaded, scenario: &Scenario) -> Explained {
    let bindings = explain_bindings(policy, scenario);
    let queries = policy.queries.iter().enumerate().map(|(index, query)| {
        let bound = bindings.get(index).map(|(_, bound)| bound);
        let selectors = bound.and_then(|bound| bound.as_ref().ok()).into_iter().flatten();
        Query {
            text: query.text.clone(),
            line: query.line,
            selectors: selectors
                .map(|selector| Selector {
                    text: selector.text.clone(),
                    metrics: selector.bound.families.iter().map(|family| metric(&family.metric)).collect(),
                    roles: roles(&selector.bound, scenario),
                    series: selector.bound.feeds.len(),
                    notes: selector.bound.notes.clone(),
                })
                .collect(),
            error: bound.and_then(|bound| bound.as_ref().err()).cloned(),
        }
    });
    let checks = policy.checks.iter().map(|check| Check {
        name: check.name.clone(),
        line: check.line,
        good: check.good.clone(),
        query: check.query.clone(),
    });
    Explained {
        name: policy.name.clone(),
        source: policy.source.clone(),
        engine: policy.engine.name().to_owned(),
        summary: policy.summary.clone(),
        brings_rollout: policy.rollout.is_some(),
        reading: policy.reading.clone(),
        checks: checks.collect(),
        queries: queries.collect(),
        stand_ins: policy.stand_ins.clone(),
        unsupported: policy.unsupported.clone(),
        warnings: Diagnostics::new(),
    }
}

fn metric(name: &str) -> String {
    match dialect::owner(name) {
        Some((dialect, _)) => format!("{name} ({})", dialect.name()),
        None => name.to_owned(),
    }
}

fn text(one: &Explained, scenario: &str) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{} ({} policy, {})", one.name, one.engine, one.source);
    section(&mut text, "What it does", &one.reading);
    let rollout = if one.brings_rollout { "its own, from the file" } else { "the scenario's" };
    let _ = writeln!(text, "\nRollout: {rollout}");
    let checks =
        one.checks.iter().map(|check| format!("line {}: {} is good {}", check.line, check.name, check.good));
    section(&mut text, "Checks", &checks.collect::<Vec<_>>());
    if !one.queries.is_empty() {
        let _ = writeln!(text, "\nQueries, as asked of `{scenario}`");
        one.queries.iter().for_each(|query| query_text(&mut text, query));
    }
    standing(&mut text, &one.stand_ins, &one.unsupported);
    let warnings = (&one.warnings).into_iter().map(|found| {
        let place = line(found.location.map_or(0, |at| at.line as usize));
        let help = found.help.as_deref().unwrap_or_default();
        format!("{place}{} ({help}) [{}]", found.message, found.code.unwrap_or_default())
    });
    section(&mut text, "What is most likely not meant", &warnings.collect::<Vec<_>>());
    text
}

fn chaos_text(chaos: &Chaos) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{} ({})", chaos.source, chaos.tool);
    section(&mut text, "What it does", &chaos.reading);
    standing(&mut text, &chaos.stand_ins, &chaos.unsupported);
    text
}

fn graph_text(graph: &Graph) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{} (services, {})", graph.sources.join(", "), graph.formats.join(", "));
    let _ = writeln!(
        text,
        "\nmake a scenario of it with: backout init FILE --from {}",
        graph.sources.join(" --from ")
    );
    let services = graph.services.iter().map(|(name, service)| {
        let pods = service.replicas.as_ref().map(|pods| format!(", {} pods", pods.value)).unwrap_or_default();
        let rate =
            service.observed_rate.as_ref().map(|rate| format!(", {}/s", rate.value)).unwrap_or_default();
        let errors =
            service.error_ratio.as_ref().map(|share| format!(", {} fail", share.value)).unwrap_or_default();
        let versions: Vec<&str> = service.versions.iter().map(|(version, _)| version.as_str()).collect();
        let versions = if versions.is_empty() {
            String::new()
        } else {
            format!(", versions {}", versions.join(" and "))
        };
        format!("{name}{pods}{rate}{errors}{versions}")
    });
    section(&mut text, "Services", &services.collect::<Vec<_>>());
    let calls = graph.edges.iter().map(|edge| {
        let often = match edge.often {
            HowOften::Rate(rate) => format!(", {rate}/s"),
            HowOften::PerRequest(mean) if mean != 1.0 => format!(", {mean} times for each request"),
            HowOften::PerRequest(_) | HowOften::Unknown => String::new(),
        };
        let guess = if edge.is_guess { ", a guess" } else { "" };
        format!("{} -> {}{often}{guess} ({})", edge.from, edge.to, edge.at)
    });
    section(&mut text, "Calls", &calls.collect::<Vec<_>>());
    let entries = graph.entries.iter().map(|entry| {
        let rate = entry.rate.as_ref().map(|rate| format!(" {}/s", rate.value)).unwrap_or_default();
        format!("{} -> {}{rate} ({})", entry.name, entry.to, entry.why)
    });
    section(&mut text, "Where requests enter", &entries.collect::<Vec<_>>());
    section(&mut text, "What is a guess, left out, or otherwise here", &init::notes(graph));
    text
}

/// What is replaced and what is left out.
fn standing(text: &mut String, stand_ins: &[StandIn], unsupported: &[Unsupported]) {
    let stand_ins = stand_ins.iter().map(|s| format!("{}{}: {}", line(s.line), s.what, s.setting));
    section(text, "What stands for what a simulation does not have", &stand_ins.collect::<Vec<_>>());
    let without = unsupported.iter().map(|u| format!("{}`{}`: {}", line(u.line), u.path, u.note));
    section(text, "What has no effect here", &without.collect::<Vec<_>>());
}

fn line(line: usize) -> String {
    if line == 0 { String::new() } else { format!("line {line}: ") }
}

/// Whose series a selector reads, in a fixed order.
fn roles(bound: &Bound, scenario: &Scenario) -> Vec<String> {
    let world = WorldNames::of(&scenario.world);
    let mut roles: Vec<String> =
        bound.roles(&world).iter().map(|role| format!("the {}", role.word())).collect();
    for feed in bound.feeds.iter().filter(|feed| feed.service != world.target) {
        let name = format!("`{}`", world.services[feed.service.0 as usize]);
        if !roles.contains(&name) {
            roles.push(name);
        }
    }
    roles
}

fn section(text: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{title}");
    for line in lines {
        let _ = writeln!(text, "  {line}");
    }
}

fn query_text(text: &mut String, query: &Query) {
    let _ = writeln!(
        text,
        "  line {}: {}",
        query.line,
        query.text.split_whitespace().collect::<Vec<_>>().join(" ")
    );
    if let Some(error) = &query.error {
        let _ = writeln!(text, "    cannot be asked here: {error}");
    }
    for selector in &query.selectors {
        let metrics = selector.metrics.join(", ");
        let roles = selector.roles.join(" and ");
        let _ = writeln!(text, "    {} reads {metrics} of {roles}", selector.text);
        for note in &selector.notes {
            let _ = writeln!(text, "      {note}");
        }
    }
}
