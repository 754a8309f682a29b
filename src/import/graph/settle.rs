//! Makes of what the files say a graph that a scenario can have: one call from a service to another, no circles, nobody
//! who calls itself, and somewhere for requests to enter.
//!
//! Of a circle the call with the lowest observed rate is left out, one that is a guess before one that is not, the last
//! found first. What is left out is noted; the rates of the other calls stay as they were observed, because how often a
//! call is made for each request is worked out afterwards from what still arrives.

use std::collections::{BTreeMap, BTreeSet};

use super::{About, Edge, Entry, Graph, HowOften, Note};

/// See the module.
pub(super) fn settle(graph: &mut Graph) {
    join(graph);
    let own: Vec<Edge> = take(graph, |edge| edge.from == edge.to);
    for edge in own {
        let text = format!("`{}` calls itself{}, which a scenario cannot have", edge.from, shown(edge.often));
        leave_out(graph, &edge, text);
    }
    while let Some(circle) = find_circle(graph) {
        let edge = graph.edges.remove(weakest(graph, &circle));
        let names: Vec<&str> = circle.iter().map(String::as_str).collect();
        let text = format!(
            "the call from `{}` to `{}`{}: the calls go round in a circle ({}), which a scenario cannot have",
            edge.from,
            edge.to,
            shown(edge.often),
            names.join(" -> ")
        );
        leave_out(graph, &edge, text);
    }
    if graph.entries.is_empty() {
        enter(graph);
    }
}

/// One call from a service to another: observed rates are added up, else the first counts, one that is known before one
/// that is a guess.
fn join(graph: &mut Graph) {
    let mut order: Vec<(String, String)> = Vec::new();
    let mut joined: BTreeMap<(String, String), Edge> = BTreeMap::new();
    for edge in std::mem::take(&mut graph.edges) {
        let key = (edge.from.clone(), edge.to.clone());
        let Some(first) = joined.get_mut(&key) else {
            order.push(key.clone());
            joined.insert(key, edge);
            continue;
        };
        match (first.often, edge.often) {
            (HowOften::Rate(one), HowOften::Rate(other)) => {
                let failed = |edge: &Edge, rate: f64| edge.failing.map(|share| share * rate);
                let failing = failed(first, one).zip(failed(&edge, other));
                first.failing = failing.map(|(one_failed, other_failed)| {
                    if one + other > 0.0 { (one_failed + other_failed) / (one + other) } else { 0.0 }
                });
                first.often = HowOften::Rate(one + other);
            }
            (HowOften::PerRequest(one), HowOften::PerRequest(other)) => {
                first.often = HowOften::PerRequest(one + other);
            }
            _ if first.is_guess && !edge.is_guess => *first = edge,
            _ => {}
        }
    }
    graph.edges = order.iter().filter_map(|key| joined.remove(key)).collect();
}

fn take(graph: &mut Graph, which: impl Fn(&Edge) -> bool) -> Vec<Edge> {
    let (taken, rest) = std::mem::take(&mut graph.edges).into_iter().partition(which);
    graph.edges = rest;
    taken
}

fn leave_out(graph: &mut Graph, edge: &Edge, text: String) {
    let (source, line) = split(&edge.at);
    let source = graph.sources.iter().find(|name| name.ends_with(&source)).cloned().unwrap_or(source);
    graph.notes.push(Note { about: About::LeftOut, source, line, text });
}

/// File and line of `shop.yaml:12 key`.
fn split(at: &str) -> (String, usize) {
    let place = at.split(' ').next().unwrap_or(at);
    let (file, line) = place.rsplit_once(':').unwrap_or((place, "0"));
    (file.to_owned(), line.parse().unwrap_or(0))
}

fn shown(often: HowOften) -> String {
    match often {
        HowOften::Rate(rate) => format!(" ({rate}/s)"),
        HowOften::PerRequest(_) | HowOften::Unknown => String::new(),
    }
}

/// One circle of calls, its first service repeated at the end.
fn find_circle(graph: &Graph) -> Option<Vec<String>> {
    // Who calls nobody that is left is in no circle; what remains when nobody can leave are circles and what is above.
    let mut left: BTreeSet<&str> = graph.services.keys().map(String::as_str).collect();
    loop {
        let calls =
            |name: &str| graph.edges.iter().any(|edge| edge.from == name && left.contains(edge.to.as_str()));
        let leaves: Vec<&str> = left.iter().copied().filter(|name| !calls(name)).collect();
        if leaves.is_empty() {
            break;
        }
        for name in leaves {
            left.remove(name);
        }
    }
    let mut walk: Vec<&str> = vec![left.first()?];
    loop {
        let last = walk.last().copied()?;
        let next = graph.edges.iter().find(|edge| edge.from == last && left.contains(edge.to.as_str()))?;
        if let Some(start) = walk.iter().position(|name| *name == next.to) {
            let ring = walk.iter().skip(start).map(|name| (*name).to_owned());
            return Some(ring.chain([next.to.clone()]).collect());
        }
        walk.push(&next.to);
    }
}

/// Index of the call of a circle that is left out.
fn weakest(graph: &Graph, circle: &[String]) -> usize {
    let on = |edge: &Edge| {
        circle.windows(2).any(|pair| matches!(pair, [a, b] if *a == edge.from && *b == edge.to))
    };
    let weight = |edge: &Edge| match edge.often {
        HowOften::Rate(rate) => rate,
        HowOften::PerRequest(_) | HowOften::Unknown => f64::INFINITY,
    };
    let rank = |edge: &Edge| (!edge.is_guess, weight(edge));
    let among = graph.edges.iter().enumerate().filter(|(_, edge)| on(edge));
    // The first of equals counts, so the last found comes first.
    let weakest = among.rev().min_by(|(_, one), (_, other)| {
        let ((one_known, one), (other_known, other)) = (rank(one), rank(other));
        one_known.cmp(&other_known).then(one.total_cmp(&other))
    });
    weakest.map_or(0, |(index, _)| index)
}

/// Requests enter at services that nobody calls and that call others.
fn enter(graph: &mut Graph) {
    let called = |name: &str| graph.edges.iter().any(|edge| edge.to == name);
    let calls = |name: &str| graph.edges.iter().any(|edge| edge.from == name);
    let tops: Vec<String> =
        graph.services.keys().filter(|name| calls(name) && !called(name)).cloned().collect();
    for name in tops {
        let why = "nobody calls it and it calls others: taken to be where users come in".to_owned();
        graph.entries.push(Entry { name: format!("users-of-{name}"), to: name, rate: None, why });
    }
}
