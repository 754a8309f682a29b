//! Kiali graphs (`graph/config/cytoscape`): the JSON that Kiali's graph page is drawn from.
//!
//! Nodes have an app, a version, a workload or a service; edges and nodes have rates per protocol, as texts in requests per
//! second over the graph's `duration`. `http5xx`, `httpNoResponse` and `grpcErr` are failures here; 4xx are the caller's
//! mistakes, which Kiali's own percentages count as errors. Versions of one app are one service, as a rollout has it.
//!
//! Traps: rates of protocol `tcp` are bytes per second, not requests. There are no latencies unless the graph was asked
//! for response times, and then the file does not say which quantile they are. Nodes that receive nothing are where traffic
//! comes from, not services.

use std::collections::BTreeMap;

use super::names::Labels;
use super::{About, Collector, Edge, Entry, GraphService, HowOften, Known, from, place};
use crate::diagnostic::Diagnostic;
use crate::document::Reader;
use crate::import::line;
use crate::quantity::Ratio;

/// Suffixes of the rates of nodes and edges that are failures.
const FAILED: [&str; 4] = ["5xx", "NoResponse", "Err", "ErrNoResponse"];

/// A node of the graph.
struct KNode<'a> {
    at: Reader<'a>,
    /// Name in the graph, or that of where traffic comes from.
    name: String,
    version: Option<String>,
    incoming: f64,
    failed: f64,
    refused: f64,
    /// Where its incoming rate stands.
    rate_at: Option<String>,
    is_unknown: bool,
}

pub(super) fn is_one(root: &Reader<'_>) -> bool {
    root.peek().get("elements").is_some_and(|elements| elements.get("nodes").is_some())
}

pub(super) fn read(roots: &[Reader<'_>], into: &mut Collector<'_>) -> Result<(), Diagnostic> {
    for root in roots {
        into.source = root.source().name.to_owned();
        one(root, into)?;
    }
    Ok(())
}

fn one(root: &Reader<'_>, into: &mut Collector<'_>) -> Result<(), Diagnostic> {
    let elements = root.required("elements")?;
    let mut labels = Labels::default();
    let mut boxes: BTreeMap<String, KNode<'_>> = BTreeMap::new();
    let mut order = Vec::new();
    for item in elements.required("nodes")?.seq()? {
        let data = item.required("data")?;
        if data.get("isBox").is_some() || data.get("nodeType").is_some_and(|kind| kind.peek().raw == "box") {
            continue;
        }
        let id = data.required("id")?.text()?.to_owned();
        let node = node(data, &mut labels)?;
        order.push(id.clone());
        boxes.insert(id, node);
    }
    services(&order, &boxes, into)?;
    let edges = elements.get("edges").map(|list| list.seq()).transpose()?.unwrap_or_default();
    for item in edges {
        edge(&item.required("data")?, &boxes, into)?;
    }
    rest(into);
    let text =
        "no latencies: the times services take are stand-ins (ask Kiali for response times, or measure)";
    if !into.graph.services.values().any(|service| service.service_time.is_some()) {
        into.note(About::LeftOut, 0, text);
    }
    Ok(())
}

fn node<'a>(data: Reader<'a>, labels: &mut Labels) -> Result<KNode<'a>, Diagnostic> {
    let word = |key: &str| -> Result<Option<String>, Diagnostic> {
        data.get(key).map(|value| value.text().map(str::to_owned)).transpose()
    };
    let (app, service, workload) = (word("app")?, word("service")?, word("workload")?);
    let namespace = word("namespace")?.unwrap_or_default();
    let is_unknown = namespace == "unknown" || word("nodeType")?.is_some_and(|kind| kind == "unknown");
    let Some(name) = app.or(service).or(workload) else {
        return Err(data.diagnostic_at("a node without `app`, `service` or `workload`", "give each a name"));
    };
    let label = labels.give(&format!("{namespace}/{name}"), &name);
    let mut node = KNode {
        name: label,
        version: word("version")?.filter(|version| !version.is_empty() && version != "unknown"),
        incoming: 0.0,
        failed: 0.0,
        refused: 0.0,
        rate_at: None,
        is_unknown,
        at: data.clone(),
    };
    for protocol in data.get("traffic").map(|list| list.seq()).transpose()?.unwrap_or_default() {
        let name = protocol.required("protocol")?.text()?.to_owned();
        let Some(rates) = protocol.get("rates") else { continue };
        if name != "http" && name != "grpc" {
            continue;
        }
        if let Some(total) = rates.get(&format!("{name}In")) {
            node.incoming += rate(&total)?;
            node.rate_at = node.rate_at.or_else(|| Some(from(&total)));
        }
        for end in FAILED {
            node.failed += rate_of(&rates, &format!("{name}In{end}"))?;
        }
        node.refused += rate_of(&rates, &format!("{name}In4xx"))?;
    }
    Ok(node)
}

/// Requests per second; a text in Kiali's files.
fn rate(at: &Reader<'_>) -> Result<f64, Diagnostic> {
    let value = at.text()?.trim().parse().ok().filter(|rate: &f64| rate.is_finite() && *rate >= 0.0);
    value.ok_or_else(|| {
        at.diagnostic_at(format!("`{}` is no rate", at.peek().raw), "a rate is a number like \"12.50\"")
    })
}

fn rate_of(rates: &Reader<'_>, key: &str) -> Result<f64, Diagnostic> {
    rates.get(key).as_ref().map_or(Ok(0.0), rate)
}

/// The services: everything that receives requests, versions of one app together.
fn services(
    order: &[String],
    boxes: &BTreeMap<String, KNode<'_>>,
    into: &mut Collector<'_>,
) -> Result<(), Diagnostic> {
    let mut versions: BTreeMap<String, Vec<&KNode<'_>>> = BTreeMap::new();
    for node in order.iter().filter_map(|id| boxes.get(id)) {
        if is_service(node) {
            versions.entry(node.name.clone()).or_default().push(node);
        }
    }
    for node in order.iter().filter_map(|id| boxes.get(id)) {
        passed_over(node, into)?;
    }
    for (name, nodes) in versions {
        let service = service(&nodes, into);
        into.graph.services.insert(name, service);
    }
    Ok(())
}

fn is_service(node: &KNode<'_>) -> bool {
    node.incoming > 0.0 && !node.is_unknown
}

/// Says what becomes of nodes that are no services.
fn passed_over(node: &KNode<'_>, into: &mut Collector<'_>) -> Result<(), Diagnostic> {
    let at = line(&node.at);
    if node.is_unknown && node.incoming > 0.0 {
        let text = format!("{}/s of requests to hosts nobody knows (no route)", node.incoming);
        into.note(About::LeftOut, at, text);
    }
    for protocol in node.at.get("traffic").map(|list| list.seq()).transpose()?.unwrap_or_default() {
        let name = protocol.required("protocol")?.text()?;
        if name != "http" && name != "grpc" {
            let what = if is_service(node) { "traffic of" } else { "the node" };
            let text = format!("{what} `{}` over `{name}`: counted in bytes, not in requests", node.name);
            into.note(About::LeftOut, line(&protocol), text);
        }
    }
    Ok(())
}

fn service(nodes: &[&KNode<'_>], into: &mut Collector<'_>) -> GraphService {
    let sum = |of: fn(&KNode<'_>) -> f64| nodes.iter().map(|node| of(node)).sum::<f64>();
    let (incoming, failed, refused) = (sum(|n| n.incoming), sum(|n| n.failed), sum(|n| n.refused));
    let first = nodes.first().map(|node| place(&node.at)).unwrap_or_default();
    let rate_at = nodes.iter().find_map(|node| node.rate_at.clone()).unwrap_or_else(|| first.clone());
    let mut service = GraphService { at: first, ..GraphService::default() };
    service.observed_rate = Some(Known { value: incoming, from: rate_at.clone() });
    if let Ok(share) = Ratio::new(failed / incoming) {
        let words = format!(
            "{rate_at}: {failed} of {incoming} requests a second failed (5xx, no response, gRPC errors)"
        );
        service.error_ratio = Some(Known { value: share, from: words });
    }
    if refused > 0.0 {
        let text = format!("{refused}/s answers 4xx are the callers' mistakes and no failures here");
        service.remarks.push(text.clone());
        let name = nodes.first().map(|node| node.name.as_str()).unwrap_or_default();
        let at = nodes.first().map_or(0, |node| line(&node.at));
        into.note(About::Changed, at, format!("`{name}`: {text}; Kiali's percentages count them"));
    }
    if nodes.len() > 1 {
        let version = |node: &&KNode<'_>| {
            let name = node.version.clone().unwrap_or_else(|| "unknown".to_owned());
            (name, node.incoming / incoming)
        };
        service.versions = nodes.iter().map(version).collect();
    }
    service
}

fn edge(
    data: &Reader<'_>,
    boxes: &BTreeMap<String, KNode<'_>>,
    into: &mut Collector<'_>,
) -> Result<(), Diagnostic> {
    let end = |key: &str| -> Result<Option<&KNode<'_>>, Diagnostic> {
        let at = data.required(key)?;
        let id = at.text()?;
        boxes.get(id).map(Some).ok_or_else(|| {
            at.diagnostic_at(
                format!("there is no node `{id}`"),
                "edges go from the `id` of a node to that of another",
            )
        })
    };
    let (Some(source), Some(target)) = (end("source")?, end("target")?) else { return Ok(()) };
    let Some(traffic) = data.get("traffic") else { return Ok(()) };
    let protocol = traffic.required("protocol")?.text()?.to_owned();
    if (protocol != "http" && protocol != "grpc") || !is_service(target) {
        return Ok(());
    }
    let Some(rates) = traffic.get("rates") else { return Ok(()) };
    let Some(total) = rates.get(&protocol) else { return Ok(()) };
    let per_second = rate(&total)?;
    if per_second == 0.0 {
        return Ok(());
    }
    let mut failed = 0.0;
    for end in FAILED {
        failed += rate_of(&rates, &format!("{protocol}{end}"))?;
    }
    if is_service(source) {
        let often = HowOften::Rate(per_second);
        let mut edge = Edge::new(&source.name, &target.name, from(&total), false, often);
        edge.failing = Some((failed / per_second).min(1.0));
        into.graph.edges.push(edge);
    } else {
        let why = format!("`{}` sends these requests and receives none", source.name);
        let rate = Some(Known { value: per_second, from: from(&total) });
        let entry = Entry { name: source.name.clone(), to: target.name.clone(), rate, why };
        into.graph.entries.push(entry);
    }
    response_time(data, target, into)
}

/// The response time of an edge, if the graph has it: the only latency there is.
fn response_time(data: &Reader<'_>, target: &KNode<'_>, into: &mut Collector<'_>) -> Result<(), Diagnostic> {
    let Some(at) = data.get("responseTime") else { return Ok(()) };
    let millis = rate(&at)?;
    let Some(service) = into.graph.services.get_mut(&target.name) else { return Ok(()) };
    if millis > 0.0 && service.service_time.is_none() {
        let value = format!("{{lognormal: {{p50: {millis}ms, p99: {}ms}}}}", millis * 6.0);
        let words = format!("{}: the median, calls included; its spread is a stand-in", from(&at));
        service.service_time = Some(Known { value, from: words });
        let text = format!(
            "the response time of `{}` is taken for the median of its own time: the file says neither its quantile nor \
             how much of it are calls",
            target.name
        );
        into.note(About::Guess, line(&at), text);
    }
    Ok(())
}

/// What came in and is on no edge comes from outside of the graph.
fn rest(into: &mut Collector<'_>) {
    let mut seen: BTreeMap<&str, f64> = BTreeMap::new();
    for edge in &into.graph.edges {
        if let HowOften::Rate(rate) = edge.often {
            *seen.entry(&edge.to).or_default() += rate;
        }
    }
    for entry in &into.graph.entries {
        *seen.entry(&entry.to).or_default() += entry.rate.as_ref().map_or(0.0, |rate| rate.value);
    }
    let mut more = Vec::new();
    for (name, service) in &into.graph.services {
        let Some(observed) = &service.observed_rate else { continue };
        let missing = observed.value - seen.get(name.as_str()).copied().unwrap_or(0.0);
        // Kiali rounds rates to two digits.
        if missing > 0.01 * observed.value {
            let from = format!("{}: what comes in and is on no edge", observed.from);
            let why = "nobody in the graph sends these requests".to_owned();
            let rate = Some(Known { value: (missing * 100.0).round() / 100.0, from });
            more.push(Entry { name: format!("others-to-{name}"), to: name.clone(), rate, why });
        }
    }
    into.graph.entries.extend(more);
}
