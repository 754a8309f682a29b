//! Simulated signals in the place of metrics the simulation does not have.
//!
//! Kayenta and Keptn read many stores of metrics; only Prometheus' language is evaluated here. Another store's metric is read by
//! its words: one whose name says `cpu` is the CPU the pods use. What is read is a number of one pod, or a ratio, so that
//! sides of different size can be compared, as an average over instances is in those stores.

use crate::telemetry::dialect::Signal;
use crate::telemetry::naming::Role;

/// Words of names with what they most likely mean; the first that is found counts, so errors come before requests.
const WORDS: [(&[&str], Signal); 5] = [
    (&["error", "5xx", "fail", "exception", "fault"], Signal::Errors),
    (
        &["latency", "duration", "responsetime", "response_time", "response-time", "elapsed"],
        Signal::LatencyMean,
    ),
    (&["cpu"], Signal::Cpu),
    (&["memory", "heap", "rss"], Signal::Memory),
    (&["request", "throughput", "rps", "qps", "hits", "invocations"], Signal::Requests),
];

/// What the first text that says anything most likely means.
pub(super) fn meant(texts: &[&str]) -> Option<Signal> {
    texts.iter().find_map(|text| {
        let text = text.to_ascii_lowercase();
        let (_, signal) = WORDS.iter().find(|(words, _)| words.iter().any(|word| text.contains(word)))?;
        Some(*signal)
    })
}

/// The signal of this name in policy files, if it can stand in.
pub(super) fn named(word: &str) -> Option<Signal> {
    let signal = serde_json::from_value(serde_json::Value::String(word.to_owned())).ok()?;
    query(signal, Role::Candidate).map(|_| signal)
}

/// The signals that can stand in, for messages.
pub(super) const NAMES: &str = "errors, latency_mean, latency_buckets, cpu, memory, requests, in_flight";

/// What a signal is here, in words.
pub(super) const fn words(signal: Signal) -> &'static str {
    match signal {
        Signal::Errors => "the share of answers that are server errors",
        Signal::LatencyMean | Signal::LatencySum => "the mean latency",
        Signal::LatencyBuckets => "the 99th percentile of the latency",
        Signal::Cpu => "CPU cores used by a pod",
        Signal::Memory => "memory of a pod",
        Signal::Requests => "requests a second of a pod",
        _ => "requests in flight in a pod",
    }
}

/// The expression of a signal for one role; `None` if it cannot stand in.
pub(super) fn query(signal: Signal, role: Role) -> Option<String> {
    let role = format!("role=\"{}\"", role.word());
    let rate = |metric: &str, more: &str| format!("rate({metric}{{{role}{more}}}[1m])");
    let requests = rate("http_requests_total", "");
    let latency = "http_request_duration_seconds";
    Some(match signal {
        Signal::Errors => {
            let errors = rate("http_requests_total", ",code=~\"5..\"");
            format!("(sum({errors}) or vector(0)) / sum({requests})")
        }
        Signal::LatencyMean | Signal::LatencySum => {
            let (sum, count) = (rate(&format!("{latency}_sum"), ""), rate(&format!("{latency}_count"), ""));
            format!("sum({sum}) / sum({count})")
        }
        Signal::LatencyBuckets => {
            let buckets = rate(&format!("{latency}_bucket"), "");
            format!("histogram_quantile(0.99, sum by (le) ({buckets}))")
        }
        Signal::Cpu => format!("avg({})", rate("process_cpu_seconds_total", "")),
        Signal::Memory => format!("avg(process_resident_memory_bytes{{{role}}})"),
        Signal::Requests => format!("avg(sum by (pod) ({requests}))"),
        Signal::InFlight => format!("avg(http_requests_in_flight{{{role}}})"),
        _ => return None,
    })
}

/// The expression of a signal for one role with its words; a latency at the percentile that `name` holds (`p95`), if any.
pub(super) fn sharp_query(signal: Signal, role: Role, name: &str) -> Option<(String, String)> {
    let percent =
        name.split(['-', '_', '.', ' ']).find_map(|word| word.strip_prefix('p')?.parse::<u32>().ok());
    match percent.filter(|percent| (1..100).contains(percent)) {
        Some(percent) if matches!(signal, Signal::LatencyMean | Signal::LatencyBuckets) => {
            let text = query(Signal::LatencyBuckets, role)?;
            let sharp = text.replacen("0.99", &(f64::from(percent) / 100.0).to_string(), 1);
            Some((sharp, format!("percentile {percent} of the latency")))
        }
        _ => Some((query(signal, role)?, words(signal).to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promql::Program;

    #[test]
    fn names_are_read_by_their_words() {
        assert_eq!(meant(&["cpu", "name,CpuRawUser,:eq,:sum"]), Some(Signal::Cpu));
        assert_eq!(meant(&["apache.http.requests"]), Some(Signal::Requests));
        assert_eq!(meant(&["http_request_errors"]), Some(Signal::Errors));
        assert_eq!(meant(&["foo", "name,foo,:eq"]), None);
        let (text, words) = sharp_query(Signal::LatencyMean, Role::Candidate, "response-time-p95").unwrap();
        assert!(text.starts_with("histogram_quantile(0.95,") && words.contains("95"), "{text}");
    }

    #[test]
    fn every_name_that_is_offered_is_an_expression() {
        for name in NAMES.split(", ") {
            let signal = named(name).unwrap_or_else(|| panic!("{name}"));
            for role in Role::ALL {
                let text = query(signal, role).unwrap();
                assert!(Program::new().add(&text).is_ok(), "{text}");
            }
        }
        assert_eq!(named("replicas"), None);
        assert_eq!(named("nonsense"), None);
    }
}
