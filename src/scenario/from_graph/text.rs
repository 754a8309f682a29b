//! The text of the scenario file, part by part.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::balance::{Balance, Made};
use super::{Wishes, comment};
use crate::import::graph::{Edge, Entry, Graph, GraphService, HowOften, Known, ProbeTimes};
use crate::quantity::{Bytes, Ratio};
use crate::rng::Distribution;
use crate::scenario::limits::MAX_REPLICAS;
use crate::scenario::quick::{DEFAULT_STRATEGY, Variant, flow};
use crate::time::SimDuration;

/// Median and 0.99 quantile of the time of a service when nobody says it.
const TIMES: (SimDuration, SimDuration) = (SimDuration::from_millis(10), SimDuration::from_millis(60));
/// Requests one pod serves at a time, as everywhere in scenarios where nobody says it.
const CONCURRENCY: f64 = 64.0;
/// No probe: looked at as often as is allowed, and never failed.
const NEVER_FAILS: u32 = 1000;

/// Everything that goes into the file.
pub(super) struct Writer<'a> {
    pub(super) graph: &'a Graph,
    pub(super) wishes: &'a Wishes,
    pub(super) target: &'a str,
    pub(super) entries: &'a [Entry],
    pub(super) balance: &'a Balance,
}

impl Writer<'_> {
    /// The file.
    pub(super) fn write(&self, variant: &Variant) -> String {
        let mut text = String::new();
        let sources: Vec<String> = self.graph.sources.iter().map(|name| comment(name)).collect();
        let _ = write!(
            text,
            "\
# Situation: {summary}.
# Good policy: rolls it back soon and leaves its healthy twin alone.
# Source: made from {sources}. Every number says where it is from; a stand-in is nobody's figure:
#   replace it. No file says time-outs, retries and breakers of calls unless a comment does
#   (`backout schema scenario` lists every key).
format: 1
summary: {summary}

warm_up: 10m
horizon: 45m
watch: 15m

services:
",
            summary = variant.summary,
            sources = sources.join(", "),
        );
        for (name, service) in &self.graph.services {
            self.service(&mut text, name, service);
        }
        self.traffic(&mut text);
        self.rollout(&mut text);
        let _ = write!(
            text,
            "
# One release in ten is bad; each number is drawn once per release.
change:
  bad: 10%
  faults:
    - {fault}

confounders: []
surroundings: []

telemetry: {{scrape: 15s, lag: 2s, loss: 1%}}
",
            fault = variant.fault,
        );
        self.slo(&mut text);
        text
    }

    fn service(&self, text: &mut String, name: &str, service: &GraphService) {
        let _ = writeln!(text, "  # {}", comment(&service.at));
        for remark in &service.remarks {
            let _ = writeln!(text, "  # {}", comment(remark));
        }
        if !service.versions.is_empty() {
            let shares: Vec<String> = service
                .versions
                .iter()
                .map(|(version, share)| format!("{version} {}", percent(*share)))
                .collect();
            let shares = comment(&shares.join(", "));
            let _ = writeln!(text, "  # Versions side by side, played as one revision: {shares}.");
        }
        if self.balance.arrivals.get(name).is_none_or(|rate| *rate == 0.0) {
            let _ = writeln!(text, "  # Gets no requests here: nothing in the files leads to it.");
        }
        let _ = writeln!(text, "  {}:", key(name));
        self.replicas(text, name, service);
        self.times(text, service);
        self.errors(text, name, service);
        if name == self.target {
            let _ = writeln!(text, "    noise: {{tau: 5m, cv: 0.15, shared: 60%}} # stand-in");
            let _ = writeln!(text, "    error_noise: {{tau: 5m, cv: 0.3, shared: 80%}} # stand-in");
        }
        for (key, probe) in [("readiness", &service.readiness), ("liveness", &service.liveness)] {
            if let Some(probe) = probe {
                let (value, what) = probe_text(key, probe.value);
                let _ = writeln!(text, "    {key}: {value} # {}{what}", comment(&probe.from));
            }
        }
        if let Some(grace) = &service.termination_grace {
            let _ = writeln!(text, "    termination_grace: {} # {}", grace.value, comment(&grace.from));
        }
        resources(text, service);
        self.calls(text, name);
    }

    fn replicas(&self, text: &mut String, name: &str, service: &GraphService) {
        let busy =
            self.balance.arrivals.get(name).copied().unwrap_or(0.0) * self.mean_time(service) / CONCURRENCY;
        let (pods, from) = match (&service.replicas, self.wishes.replicas.filter(|_| name == self.target)) {
            (_, Some(pods)) => (pods, "--replicas".to_owned()),
            (Some(known), None) => (known.value, comment(&known.from)),
            (None, None) => {
                let least = if name == self.target { 4.0 } else { 2.0 };
                // The cast saturates; too many are refused when the text is read.
                let pods = (busy * 4.0).ceil().max(least) as u32;
                (pods, "stand-in: so many that none is more than a quarter busy".to_owned())
            }
        };
        match &service.scaling {
            None => {
                let _ = writeln!(text, "    replicas: {pods} # {from}");
            }
            Some(scaling) => {
                let bounds = scaling.value;
                let max = bounds.max.min(MAX_REPLICAS);
                let min = bounds.min.min(max);
                let _ = writeln!(
                    text,
                    "    replicas: {} # {from}, within the autoscaler's bounds",
                    pods.clamp(min, max)
                );
                let cpu = bounds.cpu.map(|cpu| format!(", cpu: {cpu}")).unwrap_or_default();
                let from = comment(&scaling.from);
                let _ = writeln!(text, "    autoscaler: {{min: {min}, max: {max}{cpu}}} # {from}");
            }
        }
    }

    fn stand_in_times(&self) -> (SimDuration, SimDuration) {
        match (self.wishes.p50, self.wishes.p99) {
            (Some(p50), Some(p99)) => (p50, p99),
            (None, Some(p99)) => (SimDuration::from_millis((p99.as_millis() / 6).max(1) as u64), p99),
            (Some(p50), None) => (p50, p50 * 6),
            (None, None) => TIMES,
        }
    }

    /// Seconds a request takes in the service on average, for sizes that are nobody's figure.
    fn mean_time(&self, service: &GraphService) -> f64 {
        self.time(service).map_or(0.0, |time| time.mean())
    }

    /// How long a request takes in the service.
    fn time(&self, service: &GraphService) -> Option<Distribution<SimDuration>> {
        let (p50, p99) = self.stand_in_times();
        let written = service.service_time.as_ref().map(|known| known.value.as_str());
        let read =
            written.and_then(|text| crate::document::parse_typed::<Distribution<SimDuration>>("", text).ok());
        let stand_in = Distribution::<SimDuration>::lognormal(p50.as_secs_f64(), p99.as_secs_f64()).ok();
        read.or(stand_in)
    }

    fn times(&self, text: &mut String, service: &GraphService) {
        let (value, from) = match &service.service_time {
            Some(known) => (known.value.clone(), comment(&known.from)),
            None => {
                let (p50, p99) = self.stand_in_times();
                let says =
                    if self.wishes.p99.or(self.wishes.p50).is_some() { "--p50, --p99" } else { "stand-in" };
                (
                    format!("{{lognormal: {{p50: {p50}, p99: {p99}}}}}"),
                    format!("{says}: no latency in the files"),
                )
            }
        };
        let _ = writeln!(text, "    service_time: {value} # {from}");
    }

    fn errors(&self, text: &mut String, name: &str, service: &GraphService) {
        let (own, is_observed) = self.balance.own.get(name).copied().unwrap_or_default();
        let from = match &service.error_ratio {
            Some(known) if is_observed && (known.value.get() - own).abs() > 1e-9 => {
                format!("{}; what its calls fail for is taken off", comment(&known.from))
            }
            Some(known) => comment(&known.from),
            None if self.wishes.errors.is_some() => "--errors".to_owned(),
            None => "stand-in".to_owned(),
        };
        let _ = writeln!(text, "    error_ratio: {} # {from}", percent(own));
    }

    fn calls(&self, text: &mut String, name: &str) {
        let mine = self.graph.edges.iter().zip(&self.balance.made).filter(|(edge, _)| edge.from == name);
        let mine: Vec<(&Edge, &Made)> = mine.collect();
        if mine.is_empty() {
            return;
        }
        let _ = writeln!(text, "    calls:");
        for (edge, made) in mine {
            let mut parts = vec![format!("to: {}", key(&edge.to))];
            if made.probability < 1.0 {
                parts.push(format!("probability: {}", percent(made.probability)));
            }
            if made.count > 1 {
                parts.push(format!("count: {}", made.count));
            }
            parts.extend(edge.timeout.as_ref().map(|timeout| format!("timeout: {}", timeout.value)));
            parts.extend(
                edge.attempts.as_ref().map(|attempts| format!("retry: {{attempts: {}}}", attempts.value)),
            );
            parts.extend(edge.parallel.as_ref().map(|group| format!("parallel: {group}")));
            if made.ignored {
                parts.push("on_failure: ignore".to_owned());
            }
            let _ = writeln!(text, "      - {{{}}} # {}", parts.join(", "), about(edge, made));
        }
    }

    fn traffic(&self, text: &mut String) {
        let _ = writeln!(text, "\ntraffic:");
        let mut taken: BTreeMap<String, u32> = BTreeMap::new();
        for entry in self.entries {
            let rate = entry.rate.as_ref().map_or(0.0, |rate| rate.value);
            let from = entry.rate.as_ref().map(|rate| comment(&rate.from)).unwrap_or_default();
            let count = taken.entry(entry.name.clone()).or_default();
            *count += 1;
            let number = if *count > 1 { format!("-{count}") } else { String::new() };
            let users = self.wishes.users.unwrap_or((rate * 100.0).ceil().max(1.0) as u64);
            let _ = writeln!(text, "  # {}", comment(&entry.why));
            let _ = writeln!(
                text,
                "  - {{name: {:?}, to: {}, rate: {}/s, users: {users}, noise: {{tau: 3m, cv: 0.15}}}} # {from}",
                format!("{}{number}", entry.name),
                key(&entry.to),
                short(rate),
            );
        }
        let says = if self.wishes.users.is_some() {
            "--users"
        } else {
            "a stand-in, one per 100 s between requests"
        };
        let _ = writeln!(text, "  # Users are {says}; the noise is a stand-in.");
    }

    fn rollout(&self, text: &mut String) {
        let own = self.graph.services.get(self.target).and_then(|service| service.rollout.as_ref());
        let known = self.wishes.rollout.as_ref().or(own);
        let (strategy, from) = match known {
            Some(known) => {
                let value = serde_json::to_value(&known.value).ok();
                (
                    value.map_or_else(|| DEFAULT_STRATEGY.to_owned(), |value| flow(&value)),
                    comment(&known.from),
                )
            }
            None => (DEFAULT_STRATEGY.to_owned(), "stand-in: no file says how releases go out".to_owned()),
        };
        let _ = write!(
            text,
            "
# Played for policies that bring no rollout of their own.
rollouts:
  - service: {target}
    # {from}
    strategy: {strategy}
",
            target = key(self.target),
        );
    }

    fn slo(&self, text: &mut String) {
        let worst = self
            .entries
            .iter()
            .filter_map(|entry| self.balance.seen.get(&entry.to))
            .copied()
            .fold(0.0, f64::max);
        let availability = (1.0 - 2.0 * worst).clamp(0.5, 0.999);
        let (_, p99) = self.stand_in_times();
        let slow = self.entries.iter().map(|entry| self.time_below(&entry.to, 0)).fold(0.0, f64::max);
        let slow = SimDuration::from_millis((slow * 1500.0).ceil().clamp(1.0, 600_000.0) as u64).max(p99 * 2);
        let _ = writeln!(
            text,
            "# Stand-ins: twice the failures users see without a bad release; one and a half times the 99th percentiles of a whole\n\
             # answer's services, one after the other."
        );
        let _ = writeln!(text, "slo: {{availability: {}, latency: {{p99: {slow}}}}}", percent(availability));
    }

    /// The 99th percentiles, in seconds, of a service and all it calls, one after the other; the graph has no circles, and
    /// `depth` bounds the walk all the same.
    fn time_below(&self, name: &str, depth: usize) -> f64 {
        let slow = |service| self.time(service).map_or(0.0, |time| time.quantile(0.99));
        let own = self.graph.services.get(name).map_or(0.0, slow);
        if depth > 12 {
            return own;
        }
        let calls = self.graph.edges.iter().zip(&self.balance.made).filter(|(edge, _)| edge.from == name);
        own + calls.map(|(edge, made)| made.mean * self.time_below(&edge.to, depth + 1)).sum::<f64>()
    }
}

fn resources(text: &mut String, service: &GraphService) {
    let limit = service.cpu_limit.as_ref().filter(|known| known.value.get() > 0.0);
    let fits = |known: &&Known<crate::quantity::Cores>| {
        known.value.get() > 0.0 && limit.is_none_or(|limit| known.value.get() <= limit.value.get())
    };
    let request = service.cpu_request.as_ref().filter(fits);
    if limit.is_some() || request.is_some() {
        let mut parts: Vec<String> = limit.iter().map(|known| format!("limit: {}", known.value)).collect();
        if limit.is_none() {
            parts.extend(
                request
                    .filter(|known| known.value.get() > 1.0)
                    .map(|known| format!("limit: {}", known.value)),
            );
        }
        parts.extend(request.map(|known| format!("request: {}", known.value)));
        let from: Vec<String> =
            [limit, request].into_iter().flatten().map(|known| comment(&known.from)).collect();
        let _ = writeln!(text, "    cpu: {{{}}} # {}", parts.join(", "), from.join("; "));
    }
    if let Some(known) = service.memory_limit.as_ref().filter(|known| known.value.get() > 1) {
        let half = Bytes::new(known.value.get() / 2);
        let from = comment(&known.from);
        let _ = writeln!(
            text,
            "    memory: {{base: {half}, limit: {}}} # {from}; the base is a stand-in",
            known.value
        );
    }
}

fn probe_text(key: &str, times: Option<ProbeTimes>) -> (String, &'static str) {
    let write = |delay: SimDuration, period: SimDuration, failures: u32| {
        format!("{{initial_delay: {delay}, period: {period}, failure_threshold: {failures}}}")
    };
    match times {
        Some(times) => {
            let failures = times.failure_threshold.min(NEVER_FAILS);
            (write(times.initial_delay, times.period.max(SimDuration::from_millis(100)), failures), "")
        }
        None if key == "readiness" => (
            write(SimDuration::ZERO, SimDuration::from_secs(1), NEVER_FAILS),
            ": it gets requests as soon as it runs, and keeps them",
        ),
        None => (
            write(SimDuration::ZERO, SimDuration::from_mins(60), NEVER_FAILS),
            ": nobody restarts what hangs",
        ),
    }
}

/// How a call is known, and what was worked out.
fn about(edge: &Edge, made: &Made) -> String {
    let guess = if edge.is_guess { "a guess, " } else { "" };
    let rate = match edge.often {
        HowOften::Rate(rate) => format!("; {}/s observed", short(rate)),
        HowOften::Unknown => "; once per request is a stand-in".to_owned(),
        HowOften::PerRequest(_) => String::new(),
    };
    let failing = edge.failing.filter(|share| *share > 0.0).map(|share| {
        let ends =
            if made.ignored { "the caller answered all the same" } else { "the caller failed with it" };
        format!("; {} of them failed and {ends}", percent(share))
    });
    format!("{guess}{}{rate}{}", comment(&edge.at), failing.unwrap_or_default())
}

/// A share in percent, with as many digits as tell it from its neighbours.
fn percent(share: f64) -> String {
    let ratio = Ratio::new((share * 1e8).round() / 1e8).unwrap_or_default();
    ratio.to_string()
}

/// A rate with at most four decimals.
fn short(rate: f64) -> f64 {
    (rate * 1e4).round() / 1e4
}

/// A name as a key: names that YAML takes for something else are quoted.
fn key(name: &str) -> String {
    let reserved = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&name);
    if reserved || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        format!("\"{name}\"")
    } else {
        name.to_owned()
    }
}
