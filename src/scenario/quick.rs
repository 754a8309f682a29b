//! Scenarios from a few numbers, for people who have a policy file and no scenario yet.
//!
//! The numbers describe a healthy service; the family [`FAMILY`] adds one kind of bad release each. What comes out
//! is the *text* of a scenario file with comments, read like any other, so that it can also be written to disk and
//! changed.
//!
//! Traps: the rollout is a canary in three steps unless the policy's own file brings one; replicas that are not given
//! are chosen so that no pod is more than a quarter busy, which keeps queues out of the picture.

use std::fmt::Write as _;

use serde_json::Value;

use super::{Resolved, read};
use crate::diagnostic::{Diagnostics, Source};
use crate::quantity::{Rate, Ratio};
use crate::rng::Distribution;
use crate::strategy::StrategySpec;
use crate::time::SimDuration;

/// A kind of bad release of the family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Its name; the scenario is called `quick/<name>`.
    pub name: &'static str,
    /// One line on what happens.
    pub summary: &'static str,
    /// The fault as it stands in the file.
    pub(super) fault: &'static str,
}

/// The kinds of bad releases a quick study plays, each with its healthy twin.
pub const FAMILY: &[Variant] = &[
    Variant {
        name: "errors",
        summary: "a release fails 1 to 10 % of its requests",
        fault: "error_burst: {share: {uniform: [1%, 10%]}, after: {uniform: [0s, 5m]}}",
    },
    Variant {
        name: "latency",
        summary: "a release is 3 to 8 times slower for a third to all of its requests",
        fault: "latency_regression: {factor: {uniform: [3, 8]}, share: {uniform: [30%, 100%]}}",
    },
    Variant {
        name: "crash",
        summary: "containers of a release exit once or several times a minute",
        fault: "crash_loop: {mean_uptime: {uniform: [15s, 90s]}}",
    },
];

/// The name under which messages mention a text made here.
pub const NUMBERS: &str = "<made from numbers>";

/// What is known of the service.
#[derive(Clone, Debug, PartialEq)]
pub struct Quick {
    /// Its name.
    pub service: String,
    /// Mean arrival rate.
    pub rate: Rate,
    /// Share of requests that fail when nothing is wrong.
    pub errors: Ratio,
    /// Median answer time; a sixth of `p99` if not given.
    pub p50: Option<SimDuration>,
    /// Answer time of the slowest hundredth.
    pub p99: SimDuration,
    /// Users; one per 100 seconds between requests if not given.
    pub users: Option<u64>,
    /// Pods; enough that none is more than a quarter busy if not given.
    pub replicas: Option<u32>,
    /// The rollout; a canary of three steps if not given.
    pub strategy: Option<StrategySpec>,
}

impl Default for Quick {
    /// A middling web service: 100 requests a second, 0.1 % errors, 250 ms at the 0.99 quantile.
    fn default() -> Self {
        Quick {
            service: "web".to_owned(),
            rate: Rate::per_second(100.0).unwrap_or_default(),
            errors: Ratio::new(0.001).unwrap_or_default(),
            p50: None,
            p99: SimDuration::from_millis(250),
            users: None,
            replicas: None,
            strategy: None,
        }
    }
}

/// Requests one pod serves at a time in quick scenarios.
const CONCURRENCY: f64 = 64.0;

impl Quick {
    fn p50(&self) -> SimDuration {
        self.p50.unwrap_or_else(|| {
            SimDuration::from_millis((self.p99.scale(1.0 / 6.0).as_millis()).max(1) as u64)
        })
    }

    /// Pods: at least 4, so that a step of a canary is not half of the service.
    fn replicas(&self) -> u32 {
        self.replicas.unwrap_or_else(|| {
            let (p50, p99) = (self.p50().as_secs_f64(), self.p99.as_secs_f64());
            let mean =
                Distribution::<SimDuration>::lognormal(p50, p99.max(p50)).map_or(p99, |time| time.mean());
            let busy = self.rate.get() * mean / CONCURRENCY;
            // The cast saturates; too many are refused when the text is read.
            (busy * 4.0).ceil().max(4.0) as u32
        })
    }

    fn users(&self) -> u64 {
        self.users.unwrap_or_else(|| ((self.rate.get() * 100.0).ceil() as u64).max(1))
    }

    /// The text of the scenario file for a kind of bad release.
    pub fn text(&self, variant: &Variant) -> String {
        let mut text = String::new();
        let availability = (1.0 - 2.0 * self.errors.get()).clamp(0.5, 0.999);
        let availability = Ratio::new((availability * 1e6).round() / 1e6).unwrap_or(Ratio::ONE);
        let strategy = self.strategy.as_ref().and_then(|strategy| serde_json::to_value(strategy).ok());
        let strategy = strategy.map_or_else(|| DEFAULT_STRATEGY.to_owned(), |value| flow(&value));
        let _ = write!(
            text,
            "\
# Situation: {summary}.
# Good policy: rolls it back soon and leaves its healthy twin alone.
# Source: made from a few numbers; make it yours (`backout schema scenario` lists every key).
format: 1
summary: {summary}

# Time before the deploy, and time a release is followed after it.
warm_up: 10m
horizon: 60m

services:
  {service}:
    replicas: {replicas}
    concurrency: {CONCURRENCY}
    # Drawn for each request; noise multiplies it, correlated over about five minutes.
    service_time: {{lognormal: {{p50: {p50}, p99: {p99}}}}}
    noise: {{tau: 5m, cv: 0.15, shared: 60%}}
    # Share of requests that fail when nothing is wrong.
    error_ratio: {errors}
    error_noise: {{tau: 5m, cv: 0.3, shared: 80%}}

traffic:
  - {{to: {service}, rate: {rate}, users: {users}, noise: {{tau: 3m, cv: 0.15}}}}

# Played for policies that bring no rollout of their own.
rollouts:
  - service: {service}
    strategy: {strategy}

# One release in ten is bad; each number is drawn once per release.
change:
  bad: 10%
  faults:
    - {fault}

# Things that look like a bad release and are not, for example:
#   - traffic_spike: {{factor: 3, at: 5m, for: 4m}}
#   - metric_gap: {{at: 4m, for: 2m}}
confounders: []
surroundings: []

telemetry: {{scrape: 15s, lag: 2s, loss: 1%}}
slo: {{availability: {availability}, latency: {{p99: {slow}}}}}
",
            summary = variant.summary,
            service = self.service,
            replicas = self.replicas(),
            p50 = self.p50(),
            p99 = self.p99,
            errors = self.errors,
            rate = self.rate,
            users = self.users(),
            fault = variant.fault,
            slow = self.p99 * 2,
        );
        text
    }

    /// The scenarios of the whole family.
    ///
    /// # Errors
    /// What the numbers are not: an impossible rate, quantiles in the wrong order, a bad name; the place is in the
    /// text that was made from them.
    pub fn family(&self) -> Result<Vec<Resolved>, Diagnostics> {
        FAMILY
            .iter()
            .map(|variant| {
                let name = format!("quick/{}", variant.name);
                read(&name, Source::new(NUMBERS, &self.text(variant)))
            })
            .collect()
    }
}

/// A canary of three steps.
pub(super) const DEFAULT_STRATEGY: &str =
    "{canary: {steps: [{weight: 5%, bake: 10m}, {weight: 25%, bake: 10m}, {weight: 50%, bake: 10m}]}}";

/// A value in YAML's flow form; what is null is left out, texts are bare where that is safe.
pub(super) fn flow(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let entries = map.iter().filter(|(_, value)| !value.is_null());
            let entries: Vec<String> =
                entries.map(|(key, value)| format!("{key}: {}", flow(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::String(text) if is_bare(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Letters, digits and the signs of quantities: never a flow indicator, never a boolean or null.
fn is_bare(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._%/".contains(c);
    !text.is_empty()
        && text.chars().all(plain)
        && !matches!(text.to_lowercase().as_str(), "true" | "false" | "null" | "yes" | "no" | "on" | "off")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::parse_typed;

    #[test]
    fn the_family_reads_back_without_a_doubt() {
        let family = Quick::default().family().unwrap();
        assert_eq!(family.len(), FAMILY.len());
        for resolved in &family {
            assert!(resolved.warnings.is_empty(), "{}", resolved.warnings.render(false));
            assert!(resolved.scenario.is_flow(), "{:?}", resolved.scenario.why_not_flow());
            assert_eq!(resolved.scenario.folder, "quick");
        }
    }

    #[test]
    fn the_numbers_are_in_the_scenario() {
        let quick = Quick {
            rate: Rate::per_second(3000.0).unwrap(),
            errors: Ratio::new(0.02).unwrap(),
            p50: Some(SimDuration::from_millis(80)),
            p99: SimDuration::from_millis(900),
            users: Some(7),
            ..Quick::default()
        };
        let scenario = &quick.family().unwrap()[0].scenario;
        let service = &scenario.world.services[0];
        assert_eq!(scenario.mean_rate(), 3000.0);
        assert_eq!(service.error_ratio.get(), 0.02);
        assert_eq!(scenario.world.traffic[0].users, 7);
        assert!((service.service_time.quantile(0.5) - 0.08).abs() < 1e-9);
        assert!((service.service_time.quantile(0.99) - 0.9).abs() < 1e-9);
        assert!(scenario.is_flow(), "{:?}", scenario.why_not_flow());
        assert!((scenario.world.slo.availability.get() - 0.96).abs() < 1e-9);
    }

    #[test]
    fn a_strategy_is_written_in_flow_form_and_reads_back() {
        let texts = [
            "canary: {steps: [{weight: 12.5%, bake: 1m30s}, {bake: 90s, kind: pause}], traffic_routed: false}",
            "flagger: {interval: 30s, weights: [10%, 50%], synthetic_load: 5/s}",
            "rolling: {bounds: {max_surge: {pods: 2}, max_unavailable: {percent: 0}}}",
        ];
        for text in texts {
            let strategy: StrategySpec = parse_typed("s", text).unwrap();
            let quick = Quick { strategy: Some(strategy.clone()), ..Quick::default() };
            assert_eq!(quick.family().unwrap()[0].scenario.rollout, strategy, "{text}");
        }
    }

    #[test]
    fn impossible_numbers_are_refused_not_played() {
        let slow = Quick { p50: Some(SimDuration::from_secs(9)), ..Quick::default() };
        assert!(slow.family().unwrap_err().has_errors(), "p50 above p99");
        let named = Quick { service: "a: b".to_owned(), ..Quick::default() };
        assert!(named.family().is_err());
        let huge = Quick { rate: Rate::per_second(1e12).unwrap(), ..Quick::default() };
        assert!(huge.family().is_err());
    }
}
