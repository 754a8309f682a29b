//! The scenarios and policies that ship with the program, in the binary, so that it works in an empty folder.
//!
//! The list is explicit: a test compares it with the files of `scenarios/`.

/// A file in the binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path below `scenarios/`, `fault/crash-loop.yaml`.
    pub path: &'static str,
    /// Its text.
    pub text: &'static str,
}

impl File {
    /// The path without its ending: `fault/crash-loop`, the name of a scenario.
    pub fn name(&self) -> &'static str {
        self.path.strip_suffix(".yaml").unwrap_or(self.path)
    }
}

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        &[$(File { path: $path, text: include_str!(concat!("../../scenarios/", $path)) }),*]
    };
}

/// The scenarios, in the order in which they are played.
pub const SCENARIOS: &[File] = files![
    "canary/blue-green-switch.yaml",
    "canary/clean-low-traffic.yaml",
    "canary/error-regression.yaml",
    "canary/latency-regression.yaml",
    "canary/per-request-five-percent.yaml",
    "canary/replica-weighted.yaml",
    "canary/sticky-five-percent.yaml",
    "canary/subtle-harm.yaml",
    "confounder/cold-cache.yaml",
    "confounder/dropped-verdicts.yaml",
    "confounder/metric-gap.yaml",
    "confounder/neighbour-outage.yaml",
    "confounder/traffic-spike.yaml",
    "fault/checkout-error-regression.yaml",
    "fault/crash-loop.yaml",
    "fault/flapping.yaml",
    "fault/late-onset.yaml",
    "fault/memory-leak-oom.yaml",
    "fault/mild-errors.yaml",
    "fault/rollback-struggles.yaml",
    "fault/slow-checkout-timeouts.yaml",
    "noise/correlated-20m.yaml",
    "noise/correlated-5m.yaml",
    "noise/independent.yaml",
    "noise/shared-20m.yaml",
    "traffic/autoscaled.yaml",
    "traffic/night-release.yaml",
    "traffic/release-in-a-ramp.yaml",
    "overload/retry-budget.yaml",
    "overload/retry-storm.yaml",
    "fault/vulnerable-release.yaml",
    "surroundings/zone-down.yaml",
    "pitfall/dead-canary-is-silent.yaml",
    "pitfall/low-traffic.yaml",
    "pitfall/mixed-hours.yaml",
    "pitfall/peeking.yaml",
    "pitfall/retries-hide-errors.yaml",
    "pitfall/shared-dependency.yaml",
    "pitfall/stale-baseline.yaml",
    "pitfall/tail-of-a-few.yaml",
    "rollback/also-broken.yaml",
    "rollback/also-broken-verified.yaml",
    "rollback/credentials-expired.yaml",
    "rollback/fix-forward.yaml",
    "rollback/images-pruned.yaml",
    "rollback/moved-tag.yaml",
    "rollback/rehearsed-first.yaml",
    "rollback/swallowed-errors.yaml",
    "rollback/sync-puts-it-back.yaml",
    "rollback/wrong-environment.yaml",
    "group/dependency-needs-it-too.yaml",
    "group/latent-trigger-row.yaml",
    "group/ordered-group.yaml",
    "group/partial-into-skew.yaml",
    "group/two-teams-at-once.yaml",
    "group/wrong-change-blamed.yaml",
    "incident/anthropic-2025.yaml",
    "incident/azure-ad-2021.yaml",
    "incident/stripe-2019.yaml",
    "incident/cloudflare-bot-file-2025.yaml",
    "incident/cloudflare-waf-2019.yaml",
    "incident/gce-network-2016.yaml",
    "incident/github-db-config-2024.yaml",
    "incident/github-migration-2021.yaml",
    "incident/google-gclb-2021.yaml",
    "incident/guide-blue-green-payment.yaml",
    "incident/guide-canary-latency.yaml",
    "incident/guide-incident-report.yaml",
    "incident/guide-rolling-migration.yaml",
    "incident/honeycomb-2023.yaml",
    "incident/knight-2012.yaml",
    "incident/slack-2022.yaml",
    "cascade/retry-storm-database.yaml",
    "cascade/cache-loss.yaml",
    "cascade/herd-after-restart.yaml",
    "cascade/everything-ejected.yaml",
    "cascade/scaled-down-while-waiting.yaml",
    "cascade/monitoring-needs-the-gateway.yaml",
    "database/lock-storm.yaml",
    "database/one-shot-swap.yaml",
    "database/phased-dual-writes.yaml",
    "database/phased-without-dual-writes.yaml",
    "database/point-of-no-return.yaml",
    "database/restore-from-backup.yaml",
    "database/silent-corruption.yaml",
    "people/asleep-and-unpractised.yaml",
    "people/wrong-hypothesis.yaml",
    "rollout/dns-shift-back-is-slow.yaml",
    "rollout/feature-flag-off.yaml",
    "rollout/recreate-downtime.yaml",
    "model/fraud-false-alarms.yaml",
    "model/proxy-improves-quality-falls.yaml",
    "model/one-segment-only.yaml",
    "model/input-drift-is-not-the-release.yaml",
    "model/registry-swap-dies-between.yaml",
    "residue/client-cache-half-life.yaml",
    "residue/needs-new-env.yaml",
    "residue/newer-config-old-code.yaml",
    "residue/redis-format.yaml",
    "residue/rollback-path-is-down.yaml",
];

/// The policies, in the order in which they are listed.
pub const POLICIES: &[File] = files![
    "policies/argo-checkout.yaml",
    "policies/burn-rate.yaml",
    "policies/compare-with-stable.yaml",
    "policies/cpu-95pct-5m.yaml",
    "policies/decision-tree-procedures.yaml",
    "policies/decision-tree-strategies.yaml",
    "policies/error-5pct-or-latency-1s.yaml",
    "policies/five-xx-10pct-2m.yaml",
    "policies/flagger-checkout.yaml",
    "policies/forward-fix-table.yaml",
    "policies/golden-signals.yaml",
    "policies/health-check-3-fails.yaml",
    "policies/mean-latency-20pct-over-stable.yaml",
    "policies/named-reasons.yaml",
    "policies/oom-kill-seen.yaml",
    "policies/p95-5x-stable.yaml",
];

/// Policies that ask for what only the monitoring of a model knows: they fit scenarios with a `model:`, and are played
/// where they are named.
pub const MODEL_POLICIES: &[File] =
    files!["policies/accuracy-with-enough-labels.yaml", "policies/model-error-p99-accuracy.yaml"];

/// A policy for every detector, to compare them: they look at the same errors and answer times, and are played where they
/// are named.
pub const DETECTOR_POLICIES: &[File] = files![
    "policies/detectors/adwin.yaml",
    "policies/detectors/bernoulli-cusum.yaml",
    "policies/detectors/bocpd.yaml",
    "policies/detectors/burn-rate-counts.yaml",
    "policies/detectors/confidence-sequence.yaml",
    "policies/detectors/count-test.yaml",
    "policies/detectors/cusum-whitened.yaml",
    "policies/detectors/cusum.yaml",
    "policies/detectors/ddm.yaml",
    "policies/detectors/dead-mans-switch.yaml",
    "policies/detectors/eddm.yaml",
    "policies/detectors/errors-at-the-edge.yaml",
    "policies/detectors/ewma.yaml",
    "policies/detectors/guard-or-difference.yaml",
    "policies/detectors/hddm-a.yaml",
    "policies/detectors/hddm-w.yaml",
    "policies/detectors/kolmogorov-smirnov.yaml",
    "policies/detectors/kswin.yaml",
    "policies/detectors/mann-whitney.yaml",
    "policies/detectors/mixture-sprt.yaml",
    "policies/detectors/page-hinkley-values.yaml",
    "policies/detectors/page-hinkley.yaml",
    "policies/detectors/poisson-cusum.yaml",
    "policies/detectors/poisson-sprt.yaml",
    "policies/detectors/psi.yaml",
    "policies/detectors/shewhart.yaml",
    "policies/detectors/shiryaev-roberts.yaml",
    "policies/detectors/sprt.yaml",
    "policies/detectors/two-proportions-peeking.yaml",
    "policies/detectors/two-proportions.yaml",
    "policies/detectors/welch.yaml",
];

/// The gates.
pub const GATES: &[File] = files!["gates/rollback-goals.yaml", "gates/rollback-test.yaml"];

/// Every shipped policy.
pub fn all_policies() -> impl Iterator<Item = &'static File> {
    [POLICIES, MODEL_POLICIES, DETECTOR_POLICIES].into_iter().flatten()
}

/// The scenario of this name (`fault/crash-loop`), or of this stem if only one has it (`crash-loop`).
pub fn scenario(name: &str) -> Option<&'static File> {
    find(&[SCENARIOS], name)
}

/// The policy of this name (`policies/five-xx`), or of this stem if only one has it (`five-xx`).
pub fn policy(name: &str) -> Option<&'static File> {
    find(&[POLICIES, MODEL_POLICIES, DETECTOR_POLICIES], name)
}

/// The gate of this name (`gates/rollback-goals`), or of this stem (`rollback-goals`).
pub fn gate(name: &str) -> Option<&'static File> {
    find(&[GATES], name)
}

fn find(lists: &[&'static [File]], name: &str) -> Option<&'static File> {
    let name = name.strip_suffix(".yaml").unwrap_or(name);
    let name = name.strip_prefix("scenarios/").unwrap_or(name);
    let files = || lists.iter().copied().flatten();
    if let Some(file) = files().find(|file| file.name() == name) {
        return Some(file);
    }
    let mut same_stem = files().filter(|file| file.name().rsplit('/').next() == Some(name));
    let first = same_stem.next()?;
    same_stem.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_name_stem_and_path() {
        for name in ["fault/crash-loop", "crash-loop", "scenarios/fault/crash-loop.yaml"] {
            assert_eq!(scenario(name).map(File::name), Some("fault/crash-loop"), "{name}");
        }
        assert!(scenario("crash").is_none() && scenario("").is_none() && scenario("fault").is_none());
    }
}
