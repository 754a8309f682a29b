//! What Flagger's controller says, in its own words: people search their logs for them.

use super::analysis::{Analysis, Beyond, Metric, MetricKind};

/// A check whose value is outside of its band.
pub(super) fn halt(analysis: &Analysis, metric: &Metric, value: f64, beyond: Beyond) -> String {
    let (sign, bound) = match beyond {
        Beyond::Below(min) => ("<", min),
        Beyond::Above(max) => (">", max),
    };
    let id = analysis.id();
    match metric.kind {
        MetricKind::SuccessRate => format!("Halt {id} advancement success rate {value:.2}% {sign} {bound}%"),
        MetricKind::Duration => {
            format!("Halt {id} advancement request duration {} {sign} {}", millis(value), millis(bound))
        }
        _ => format!("Halt {id} advancement {} {value:.2} {sign} {bound}", metric.name),
    }
}

/// A check without a value.
pub(super) fn no_values(analysis: &Analysis, metric: &Metric) -> String {
    match metric.kind {
        MetricKind::SuccessRate | MetricKind::Duration => format!(
            "Halt advancement no values found for {} metric {} probably {} is not receiving traffic: no values found",
            analysis.provider,
            metric.name,
            analysis.target_id()
        ),
        MetricKind::Inline => format!("Halt advancement no values found for metric: {}", metric.name),
        _ => {
            format!("Halt advancement no values found for custom metric: {}: no values found", metric.name)
        }
    }
}

/// A check whose query failed.
pub(super) fn query_failed(metric: &Metric, error: &str) -> String {
    match metric.kind {
        MetricKind::SuccessRate | MetricKind::Duration => format!("Prometheus query failed: {error}"),
        MetricKind::Inline => format!("Prometheus query failed for {}: {error}", metric.name),
        _ => format!("Metric query failed for {}: {error}", metric.name),
    }
}

/// A canary that has to be waited for.
pub(super) fn not_ready(analysis: &Analysis, ready: u32, desired: u32) -> String {
    format!(
        "canary deployment {} not ready: waiting for rollout to finish: {ready} of {desired} (readyThreshold {}%) \
         updated replicas are available",
        analysis.target_id(),
        analysis.canary_ready.get()
    )
}

/// A primary that has to be waited for.
pub(super) fn primary_not_ready(analysis: &Analysis, ready: u32, desired: u32) -> String {
    format!(
        "primary deployment {}-primary.{} not ready: waiting for rollout to finish: {ready} of {desired} \
         (readyThreshold {}%) updated replicas are available",
        analysis.target,
        analysis.namespace,
        analysis.primary_ready.get()
    )
}

/// A canary that was waited for too long.
pub(super) fn deadline_exceeded(analysis: &Analysis) -> String {
    format!(
        "canary deployment {} not ready: deployment {:?} exceeded its progress deadline",
        analysis.target_id(),
        analysis.target
    )
}

/// The promotion begins.
pub(super) fn copying(analysis: &Analysis) -> String {
    let (id, target, namespace) = (analysis.target_id(), &analysis.target, &analysis.namespace);
    format!("Copying {id} template spec to {target}-primary.{namespace}")
}

/// Whole milliseconds as Go prints a duration: `500ms`, `1.5s`, `2m0s`.
fn millis(value: f64) -> String {
    let total = value.trunc() as i64;
    let (sign, total) = (if total < 0 { "-" } else { "" }, total.unsigned_abs());
    if total == 0 {
        return "0s".to_owned();
    }
    if total < 1000 {
        return format!("{sign}{total}ms");
    }
    let (hours, minutes) = (total / 3_600_000, total / 60_000 % 60);
    let seconds = (total % 60_000) as f64 / 1000.0;
    match (hours, minutes) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, _) => format!("{sign}{minutes}m{seconds}s"),
        _ => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_print_as_go_prints_them() {
        let printed: Vec<String> =
            [0.9, 500.7, 1500.0, 120_000.0, 3_661_001.0, -3.0].into_iter().map(millis).collect();
        assert_eq!(printed, ["0s", "500ms", "1.5s", "2m0s", "1h1m1.001s", "-3ms"]);
    }
}
