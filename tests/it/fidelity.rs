//! Flow level against request level on small worlds, end to end: the same scenario, the same policy, the same scores
//! within Monte-Carlo error.

use std::num::NonZeroUsize;

use backout::policy::loaded::Loaded;
use backout::replication::prepared::PrepareOptions;
use backout::replication::record::{Player, Reference, ReplicationRecord, RunRecord};
use backout::scenario::Scenario;
use backout::scenario::resolved::FidelityChoice;
use backout::stats::rank_test::kolmogorov_smirnov;
use backout::study::{Progress, Replications, Study};

use crate::studies;

fn play(scenario: Scenario, policy: &Loaded, n: u32, seed: u64) -> Vec<ReplicationRecord> {
    Study::new(&[studies::shared(scenario)], std::slice::from_ref(policy), seed, PrepareOptions::default())
        .unwrap()
        .with_replications(Replications { flow: n, request: n })
        .with_jobs(NonZeroUsize::new(2).unwrap())
        .play(&Progress::default())
        .unwrap()
}

struct Figures {
    detection: Vec<f64>,
    decided: f64,
    false_rollbacks: f64,
    harmed_by_never: Vec<f64>,
    bad_without: Vec<f64>,
}

fn figures(records: &[ReplicationRecord]) -> Figures {
    let n = records.len() as f64;
    let policy =
        |runs: &[RunRecord]| runs.iter().find(|r| matches!(r.player, Player::Policy(_))).unwrap().clone();
    let never = |runs: &[RunRecord]| {
        runs.iter().find(|r| r.player == Player::Reference(Reference::Never)).unwrap().harmed.total() as f64
    };
    let twins = || records.iter().map(|r| &r.rollouts[0]);
    let detection: Vec<f64> = twins()
        .filter_map(|t| {
            let decision = policy(&t.bad.runs).decision?;
            Some((decision.at as f64 - t.bad.first_harm? as f64) / 1e9)
        })
        .collect();
    Figures {
        decided: detection.len() as f64 / n,
        detection,
        false_rollbacks: twins().filter(|t| policy(&t.healthy.runs).decision.is_some()).count() as f64 / n,
        harmed_by_never: twins().map(|t| never(&t.bad.runs)).collect(),
        bad_without: records.iter().map(|r| r.rollouts[0].no_deploy.failed as f64).collect(),
    }
}

fn close_shares(a: f64, n: f64, b: f64, m: f64, what: &str) {
    let pooled = (a * n + b * m) / (n + m);
    let error = (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt().max(0.005);
    assert!((a - b).abs() < 3.5 * error, "{what}: flow {a}, request {b}, standard error {error}");
}

fn close_laws(a: &[f64], b: &[f64], what: &str) {
    let test = kolmogorov_smirnov(a, b).unwrap();
    assert!(test.p > 0.002, "{what}: Kolmogorov-Smirnov distance {}, p {}", test.distance, test.p);
}

fn compare(prepare: impl Fn(Scenario) -> Scenario, policy: &Loaded) {
    let (n, m) = (400, 60);
    let scenario = |fidelity| prepare(studies::canary(fidelity, 30.0));
    let flow = figures(&play(scenario(FidelityChoice::Flow), policy, n, 21));
    let request = figures(&play(scenario(FidelityChoice::Request), policy, m, 22));
    let (n, m) = (f64::from(n), f64::from(m));
    close_shares(flow.decided, n, request.decided, m, "detected");
    close_shares(flow.false_rollbacks, n, request.false_rollbacks, m, "false rollbacks");
    close_laws(&flow.detection, &request.detection, "detection time");
    close_laws(&flow.harmed_by_never, &request.harmed_by_never, "harm under never");
    close_laws(&flow.bad_without, &request.bad_without, "failures without the deploy");
}

#[test]
fn an_error_burst_is_the_same_at_both_levels() {
    compare(|s| s, &studies::threshold("two-percent", 0.02, 2));
}

#[test]
fn a_crash_loop_is_the_same_at_both_levels() {
    let crash = |mut s: Scenario| {
        s.faults = vec![("change.faults[0]".to_owned(), studies::yaml("crash_loop: {mean_uptime: 60s}"))];
        s
    };
    let down = "sum(kube_pod_container_status_restarts_total) > 0";
    let mut policy = studies::threshold_on(down, "restarts", 2.5, 1);
    policy.naming = backout::telemetry::naming::Naming::native("shop");
    let with_kube = move |s: Scenario| {
        let mut s = crash(s);
        s.telemetry.dialects.push(backout::telemetry::dialect::Dialect::KubeState);
        s
    };
    compare(with_kube, &policy);
}

#[test]
fn noise_and_a_latency_regression_are_the_same_at_both_levels() {
    let slow = |mut s: Scenario| {
        s.faults = vec![("change.faults[0]".to_owned(), studies::yaml("latency_regression: {factor: 4}"))];
        s.world.slo.latency = Some(backout::time::SimDuration::from_millis(400));
        s.world.services[0].noise = backout::world::spec::NoiseSpec {
            tau: backout::time::SimDuration::from_mins(3),
            cv: 0.2,
            shared: backout::quantity::Ratio::new(0.5).unwrap(),
            ..backout::world::spec::NoiseSpec::none()
        };
        s
    };
    let p90 = "histogram_quantile(0.9, sum(rate(http_request_duration_seconds_bucket{role=\"candidate\"}[1m])) by (le))";
    compare(slow, &studies::threshold_on(p90, "p90", 0.25, 2));
}

#[test]
fn spikes_and_cycles_are_the_same_at_both_levels() {
    let restless = |mut s: Scenario| {
        let spikes = "{every: 4m, lasts: {p50: 20s, p99: 1m}, size: {p50: 1, p99: 5}}";
        let none = backout::world::spec::NoiseSpec::none();
        let noise = backout::world::spec::NoiseSpec {
            cv: 0.3,
            quick: Some(studies::yaml("{share: 30%, tau: 20s}")),
            cycle: Some(studies::yaml("{share: 40%, period: 5m, coherence: 20m}")),
            spikes: Some(studies::yaml(spikes)),
            ..none
        };
        s.world.traffic[0].noise = noise;
        s.world.services[0].error_noise = noise;
        s.world.services[0].noise =
            backout::world::spec::NoiseSpec { shared: backout::quantity::Ratio::HALF, ..noise };
        s.world.slo.latency = Some(backout::time::SimDuration::from_millis(400));
        s
    };
    compare(restless, &studies::threshold("two-percent", 0.02, 2));
}

#[test]
fn a_ramp_with_an_autoscaler_and_slow_fresh_pods_is_the_same_at_both_levels() {
    use backout::world::shape::{Form, Shape};
    let grows = |mut s: Scenario| {
        s.faults = vec![(
            "change.faults[0]".to_owned(),
            studies::yaml("error_burst: {share: {uniform: [2%, 10%]}}"),
        )];
        let form = Form::Ramp { from: 1.0, to: 2.0, at: 120.0, lasts: 300.0 };
        s.world.traffic[0].shape = Shape { origin: backout::time::SimTime::ZERO + s.warm_up, form };
        let shop = &mut s.world.services[0];
        shop.cpu_per_request = 0.04;
        shop.throttled = true;
        shop.autoscaler = Some(backout::world::autoscaler::AutoscalerSpec {
            min: 2,
            max: 12,
            target: backout::quantity::Ratio::new(0.4).unwrap(),
            sync: backout::time::SimDuration::from_secs(15),
            tolerance: backout::quantity::Ratio::new(0.1).unwrap(),
            stabilize_up: backout::time::SimDuration::ZERO,
            stabilize_down: backout::time::SimDuration::from_mins(5),
        });
        shop.warming = Some(backout::world::warming::Warming {
            factor: 2.0,
            tau: backout::time::SimDuration::from_secs(30),
        });
        s
    };
    compare(grows, &studies::threshold("two-percent", 0.02, 2));
}
