//! The smallest scenario that still shows the failure.
//!
//! Events go first, then what was otherwise goes back to what it was, then every part of the document that need not be
//! there (hierarchical delta debugging, Misherghi and Su 2006: whole sections before what is in them; what is left out has
//! the format's default), then numbers become round. All of it is repeated until nothing changes. Each step is kept only if the
//! smaller scenario shows the same failure at the demanded rate, over several replications.
//!
//! Traps: the smallest scenario may show the failure for another reason than the first one did, so a finding is named after
//! what is left. The rollout is the user's and stays as it is. The worlds meet other luck than in the search.

use serde_json::Value;

use super::amount;
use super::judge::Judge;
use super::kind::Shelf;
use super::world::{Stage, at, put, take};
use super::yaml;

/// The name that keys the luck here.
pub(super) const NAME: &str = "hunt/shrink";
/// Rounds; the second one rarely finds anything.
const ROUNDS: u32 = 3;

/// Makes scenarios smaller.
pub(super) struct Shrinker<'s> {
    pub(super) stage: &'s Stage,
    pub(super) judge: &'s Judge<'s>,
    /// Least amount that shows the failure, for measures of more or less.
    pub(super) least: f64,
    /// Replications of each scenario, and how many of them must show it.
    pub(super) count: u32,
    pub(super) needed: u32,
    /// Scenarios tried, and replications played.
    pub(super) checks: u32,
    pub(super) replications: u64,
}

type Path = Vec<String>;

impl Shrinker<'_> {
    /// The smallest document found.
    pub(super) fn run(&mut self, document: Value) -> Value {
        let mut smallest = document;
        for _ in 0..ROUNDS {
            let before = smallest.clone();
            self.events(&mut smallest);
            self.settings(&mut smallest);
            self.services(&mut smallest);
            self.parts(&mut smallest);
            self.numbers(&mut smallest);
            if smallest == before {
                break;
            }
        }
        smallest
    }

    /// Takes the candidate if it shows the failure.
    fn take_if_shown(&mut self, current: &mut Value, candidate: Value) -> bool {
        if candidate == *current {
            return false;
        }
        let Ok(ready) = self.judge.ready(NAME, &yaml::text(&candidate)) else { return false };
        let (shows, played) = self.judge.shows(&ready, 0..self.count, self.least, self.needed);
        self.checks += 1;
        self.replications += u64::from(played);
        if shows {
            *current = candidate;
        }
        shows
    }

    fn without(&mut self, current: &mut Value, path: &[String]) -> bool {
        let mut candidate = current.clone();
        take(&mut candidate, path).is_some() && self.take_if_shown(current, candidate)
    }

    /// One event after the other, the last first.
    fn events(&mut self, current: &mut Value) {
        for shelf in [Shelf::Defects, Shelf::Surroundings, Shelf::Confounders, Shelf::Faults] {
            let path: Path = shelf.path().iter().map(|part| (*part).to_owned()).collect();
            let count = at(current, &path).and_then(Value::as_array).map_or(0, Vec::len);
            for index in (0..count).rev() {
                let item: Path = path.iter().cloned().chain([index.to_string()]).collect();
                self.without(current, &item);
            }
        }
    }

    /// What the hunt turned goes back to what it was, or is left out.
    fn settings(&mut self, current: &mut Value) {
        for knob in &self.stage.knobs {
            let path = knob.path();
            let (is, was) = (at(current, path), at(&self.stage.base, path));
            if is == was {
                continue;
            }
            let mut candidate = current.clone();
            match was {
                Some(was) => put(&mut candidate, path, was.clone()),
                None => drop(take(&mut candidate, path)),
            }
            self.take_if_shown(current, candidate);
        }
    }

    /// Services that matter to nobody, with the calls to them and their traffic.
    fn services(&mut self, current: &mut Value) {
        for service in &self.stage.services {
            let mut candidate = current.clone();
            if take(&mut candidate, &["services", service]).is_none() {
                continue;
            }
            let to = |value: &Value| value.get("to").and_then(Value::as_str) == Some(service);
            if let Some(sources) = candidate.get_mut("traffic").and_then(Value::as_array_mut) {
                sources.retain(|source| !to(source));
            }
            for other in candidate.get_mut("services").and_then(Value::as_object_mut).into_iter().flatten() {
                if let Some(calls) = other.1.get_mut("calls").and_then(Value::as_array_mut) {
                    calls.retain(|call| !to(call));
                }
            }
            self.take_if_shown(current, candidate);
        }
    }

    /// Everything that may be left out, whole sections before what is in them.
    fn parts(&mut self, current: &mut Value) {
        let mut paths = Vec::new();
        collect(current, &mut Vec::new(), &mut paths);
        paths.sort_by_key(Vec::len);
        for path in paths {
            let is_key = path.last().is_some_and(|part| part.parse::<usize>().is_err());
            if is_key && at(current, &path).is_some() {
                self.without(current, &path);
            }
        }
    }

    /// Numbers that the hunt chose become round.
    fn numbers(&mut self, current: &mut Value) {
        let mut paths = Vec::new();
        collect(current, &mut Vec::new(), &mut paths);
        for path in paths {
            if at(current, &path) == at(&self.stage.base, &path) {
                continue;
            }
            let forms = at(current, &path).map(amount::rounder).unwrap_or_default();
            for form in forms {
                let mut candidate = current.clone();
                put(&mut candidate, &path, form);
                if self.take_if_shown(current, candidate) {
                    break;
                }
            }
        }
    }
}

/// Every path of the document that may be changed.
fn collect(value: &Value, path: &mut Path, found: &mut Vec<Path>) {
    let parts: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(i, item)| (i.to_string(), item)).collect(),
        _ => return,
    };
    for (part, value) in parts {
        let rollout = path.first().is_some_and(|first| first == "rollouts") && part == "strategy";
        if rollout || (path.is_empty() && part == "format") {
            continue;
        }
        path.push(part);
        found.push(path.clone());
        collect(value, path, found);
        path.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_rollout_and_the_format_are_left_alone() {
        let document = json!({
            "format": 1, "services": {"web": {"replicas": 3}},
            "rollouts": [{"service": "web", "strategy": {"canary": {"steps": []}}}],
        });
        let mut found = Vec::new();
        collect(&document, &mut Vec::new(), &mut found);
        let texts: Vec<String> = found.iter().map(|path| path.join(".")).collect();
        assert_eq!(
            texts,
            [
                "rollouts",
                "rollouts.0",
                "rollouts.0.service",
                "services",
                "services.web",
                "services.web.replicas"
            ]
        );
    }
}
