//! The Argo state machines against figures taken from Argo's own tests.

use std::fs;

use backout::expr::go_duration;
use backout::policy::argo::measurement::Phase;
use backout::policy::argo::metric::{MetricFields, MetricSpec, validate};
use backout::policy::argo::run::{AnalysisRun, Counters, MetricState};
use backout::strategy::support::argo_replicas::{
    BasicCanary, PodSet, abort_weight, approximate_weighted, traffic_routed,
};
use backout::strategy::support::replicas::Amount;
use backout::time::{SimDuration, SimTime};
use serde_json::Value as Json;

use crate::shared;

/// The table, or `None` when it is not there.
fn table(name: &str) -> Option<Json> {
    let path = shared::folder()?.join("conformance/argo").join(name);
    Some(serde_json::from_str(&fs::read_to_string(path).expect("readable")).expect("JSON"))
}

fn rows<'j>(json: &'j Json, field: &str) -> &'j [Json] {
    json[field].as_array().expect("a list")
}

fn small(json: &Json, field: &str) -> u32 {
    json[field].as_u64().map_or(0, |n| u32::try_from(n).expect("fits"))
}

fn at(seconds: u64) -> SimTime {
    SimTime::ZERO + SimDuration::from_secs(seconds)
}

fn fields(json: &Json) -> MetricFields {
    let text = |field: &str| json[field].as_str().map(str::to_owned);
    let number = |field: &str| json[field].as_i64();
    MetricFields {
        name: text("name").unwrap_or_default(),
        interval: text("interval"),
        initial_delay: text("initialDelay"),
        count: number("count"),
        failure_limit: number("failureLimit"),
        inconclusive_limit: number("inconclusiveLimit"),
        consecutive_error_limit: number("consecutiveErrorLimit"),
        consecutive_success_limit: number("consecutiveSuccessLimit"),
        success_condition: text("successCondition"),
        failure_condition: text("failureCondition"),
        providers: match json["provider"].as_array() {
            Some(names) => names.iter().map(|n| n.as_str().expect("a name").to_owned()).collect(),
            None => vec!["prometheus".to_owned()],
        },
        dry_run: false,
    }
}

/// The spec of a metric that need not be valid: some of Argo's tests assess metrics its validation refuses.
fn spec(json: &Json) -> MetricSpec {
    let fields = fields(json);
    let defaults = MetricSpec::default();
    MetricSpec {
        interval: fields.interval.map(|i| go_duration(&i).expect("a duration")),
        initial_delay: fields
            .initial_delay
            .map_or(SimDuration::ZERO, |d| go_duration(&d).expect("a duration")),
        count: fields.count.map(|n| u32::try_from(n).expect("fits")),
        failure_limit: fields.failure_limit.unwrap_or(0),
        inconclusive_limit: fields.inconclusive_limit.unwrap_or(0),
        consecutive_error_limit: fields.consecutive_error_limit.unwrap_or(defaults.consecutive_error_limit),
        consecutive_success_limit: fields.consecutive_success_limit.unwrap_or(0),
        ..defaults
    }
}

#[test]
fn validation_has_argos_verdict_and_words() {
    let Some(json) = table("validate_metric.json") else { return };
    let cases = rows(&json, "cases");
    for case in cases {
        let metrics: Vec<MetricFields> = rows(case, "metrics").iter().map(fields).collect();
        let ours = validate(&metrics).err().map(|e| e.to_string());
        assert_eq!(ours.as_deref(), case["error"].as_str(), "{case}");
        assert_eq!(MetricSpec::from_fields(&metrics).is_ok(), ours.is_none());
    }
    eprintln!("validate_metric: {} of {} cases agree", cases.len(), cases.len());
    assert_eq!(cases.len(), 17);
}

#[test]
fn metrics_are_assessed_as_by_argo() {
    let Some(json) = table("assess_metric.json") else { return };
    let cases = rows(&json, "cases");
    let mut verdicts = 0;
    for case in cases {
        let counted = &case["result"];
        let counters = Counters {
            measurements: if counted["measurements"].is_null() { 1 } else { small(counted, "measurements") },
            count: small(counted, "count"),
            successful: small(counted, "successful"),
            failed: small(counted, "failed"),
            inconclusive: small(counted, "inconclusive"),
            error: small(counted, "error"),
            consecutive_error: small(counted, "consecutiveError"),
            consecutive_success: small(counted, "consecutiveSuccess"),
        };
        let spec = spec(&case["metric"]);
        for (field, terminating) in [("phase", false), ("phase_when_terminating", true)] {
            if let Some(phase) = case[field].as_str() {
                assert_eq!(counters.assess(&spec, terminating).name(), phase, "{case}");
                verdicts += 1;
            }
        }
    }
    eprintln!("assess_metric: {} of {} cases agree ({verdicts} verdicts)", cases.len(), cases.len());
    assert_eq!((cases.len(), verdicts), (16, 31));
}

/// A metric whose single measurement has the phase named at the start of `text`, and whether it is a dry run.
fn measured(text: &str) -> (MetricSpec, Option<Phase>) {
    let dry_run = text.contains("(dry)");
    let spec = MetricSpec { name: text.to_owned(), dry_run, ..MetricSpec::default() };
    let phase = match text.split_whitespace().next() {
        Some("Successful") => Some(Phase::Successful),
        Some("Failed") => Some(Phase::Failed),
        Some("Inconclusive") => Some(Phase::Inconclusive),
        _ => None,
    };
    (spec, phase)
}

#[test]
fn runs_are_assessed_as_by_argo() {
    let Some(json) = table("assess_metric.json") else { return };
    let cases = rows(&json, "run_status");
    for case in cases {
        let metrics = case["metrics"].as_array().expect("metrics");
        let metrics: Vec<_> = metrics.iter().map(|m| measured(m.as_str().expect("text"))).collect();
        let mut run = AnalysisRun::new(metrics.iter().map(|(spec, _)| spec.clone()), at(0));
        let terminated = case["message"] == "Run Terminated";
        for (index, (_, phase)) in metrics.iter().enumerate().filter(|_| !terminated) {
            match phase {
                Some(phase) => run.note(index, *phase, at(0)),
                None => run.begin(index),
            }
        }
        if terminated {
            run.terminate(at(0));
        } else {
            run.reconcile(at(0));
        }
        assert_eq!(run.phase().name(), case["run"].as_str().expect("a phase"), "{case}");
    }
    eprintln!("run_status: {} of {} cases agree", cases.len(), cases.len());
    assert_eq!(cases.len(), 10);
}

#[test]
fn measurements_are_scheduled_as_by_argo() {
    let Some(json) = table("assess_metric.json") else { return };
    let cases = rows(&json, "scheduling");
    let now = at(1000);
    let ago = |seconds: &Json| at(1000 - seconds.as_u64().expect("seconds"));
    let after = |seconds: &Json, case: &Json| {
        let mut metric = MetricState::new(spec(case));
        metric.record(Phase::Successful, ago(seconds));
        metric.due(now, at(0)).expect("due")
    };
    for case in cases {
        let source = case["source"].as_str().expect("a source");
        if let Some(next) = case["next_in_s"].as_u64() {
            let one = [case["last_finished_ago_s"].clone()];
            let all = case["last_finished_ago_s"].as_array().map_or(&one[..], Vec::as_slice);
            let earliest = all.iter().map(|seconds| after(seconds, case)).min().expect("a metric");
            assert_eq!(earliest, at(1000 + next), "{case}");
            continue;
        }
        let wanted = case["measure"].as_bool().expect("a verdict");
        let measures = if source.ends_with("Failing") {
            let mut run = AnalysisRun::new([MetricSpec::default(), MetricSpec::default()], at(0));
            run.record(0, Phase::Failed, now);
            run.next_due().is_some()
        } else if case["initialDelay"] == "invalid-start-delay" {
            // Argo never measures it; here such a metric is refused before.
            MetricSpec::from_fields(&[fields(case)]).is_ok()
        } else if case["last_finished_ago_s"].is_null() {
            let started = case.get("run_started_ago_s").map_or(now, ago);
            MetricState::new(spec(case)).due(now, started) == Some(now)
        } else {
            after(&case["last_finished_ago_s"], case) == now
        };
        assert_eq!(measures, wanted, "{case}");
    }
    eprintln!("scheduling: {} of {} cases agree", cases.len(), cases.len());
    assert_eq!(cases.len(), 7);
}

/// These rows were worked out from Argo's code; no test of Argo states them.
#[test]
fn whole_runs_end_when_and_how_they_should() {
    let Some(json) = table("assess_metric.json") else { return };
    let cases = rows(&json["trajectories_derived_not_from_a_test"], "cases");
    for case in cases {
        let mut run = AnalysisRun::new([spec(&case["metric"])], at(0));
        let mut outcomes = case["outcomes"].as_str().expect("text").chars();
        let (mut now, mut taken) = (at(0), 0);
        while let Some((due, index)) = run.next_due() {
            now = due;
            taken += 1;
            let phase = match outcomes.next() {
                Some('S') => Phase::Successful,
                Some('F') => Phase::Failed,
                Some('I') => Phase::Inconclusive,
                Some('E') => Phase::Error,
                other => panic!("measurement {taken} was not foreseen ({other:?}): {case}"),
            };
            run.record(index, phase, now);
        }
        assert_eq!(run.phase().name(), case["run_phase"].as_str().expect("a phase"), "{case}");
        assert_eq!(now, at(case["decided_at_s"].as_u64().expect("seconds")), "{case}");
        assert_eq!(Some(taken), case["measurements"].as_u64(), "{case}");
    }
    eprintln!("trajectories: {} of {} cases agree", cases.len(), cases.len());
    assert_eq!(cases.len(), 10);
}

fn allowance(json: &Json) -> Amount {
    match json.as_str() {
        Some(text) => Amount::Percent(text.trim_end_matches('%').parse().expect("a percentage")),
        None => Amount::Pods(u32::try_from(json.as_u64().expect("a number")).expect("fits")),
    }
}

#[test]
fn replica_counts_are_those_of_argo() {
    let Some(json) = table("replica_counts.json") else { return };
    let weighted = rows(&json, "approximate_weighted");
    for case in weighted {
        let of = |field| small(case, field);
        let ours = approximate_weighted(of("replicas"), of("weight"), of("maxWeight"), of("maxSurge"));
        assert_eq!(ours, (of("expCanary"), of("expStable")), "{case}");
    }
    let basic = rows(&json, "basic_canary");
    for case in basic {
        let of = |field| small(case, field);
        let target = BasicCanary {
            replicas: of("rolloutSpecReplicas"),
            weight: of("setWeight"),
            max_surge: allowance(&case["maxSurge"]),
            max_unavailable: allowance(&case["maxUnavailable"]),
        };
        let canary = PodSet { desired: of("canarySpecReplica"), available: of("canaryAvailableReplica") };
        let stable = PodSet { desired: of("stableSpecReplica"), available: of("stableAvailableReplica") };
        let expected = (of("expectedCanaryReplicaCount"), of("expectedStableReplicaCount"));
        assert_eq!(target.next_counts(canary, stable), expected, "{case}");
    }
    let routed = rows(&json, "traffic_weight_to_replicas");
    for case in routed {
        let of = |i: usize| u32::try_from(case[i].as_u64().expect("a number")).expect("fits");
        assert_eq!(traffic_routed(of(0), of(1), of(2)), of(3), "{case}");
    }
    let total = weighted.len() + basic.len() + routed.len();
    eprintln!("replica_counts: {} + {} + {} = {total} rows agree", weighted.len(), basic.len(), routed.len());
    assert_eq!(total, 92);
}

/// With `dynamicStableScale` an abort lets the canary keep what the stable pods cannot carry yet.
///
/// The table gives no weight at the moment of the abort, and its rows only agree with the controller
/// (`min(100 - 100 x available / replicas, present weight)`) for that of the first step. One row is left out by name:
/// it has the inputs of the first row with the default of `abortScaleDownDelaySeconds` spelt out, and another result.
#[test]
fn an_abort_walks_the_weight_down_as_in_argo() {
    let Some(json) = table("replica_counts.json") else { return };
    let cases = rows(&json, "abort_weight_dynamic_stable");
    let mut agree = 0;
    for case in cases {
        let present = u32::try_from(rows(case, "steps")[0].as_u64().expect("a weight")).expect("fits");
        let ours = abort_weight(small(case, "replicas"), small(case, "stableAvailable"), present, true);
        let contradicts_the_first_row =
            case["abortScaleDownDelaySeconds"] == 30 && small(case, "stableAvailable") == 9;
        if contradicts_the_first_row {
            assert_eq!((ours, small(case, "expectedCanaryWeight")), (10, 0), "{case}");
            continue;
        }
        assert_eq!(ours, small(case, "expectedCanaryWeight"), "{case}");
        agree += 1;
    }
    eprintln!("abort_weight_dynamic_stable: {agree} of {} rows agree", cases.len());
    assert_eq!((agree, cases.len()), (3, 4));
}
