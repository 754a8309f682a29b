//! Kayenta's configurations as policies: other people's files and some of our own, read, refused and played.

use std::num::NonZeroUsize;

use backout::fault::FaultSpec;
use backout::import::{ImportOptions, SourceText, load};
use backout::policy::loaded::Loaded;
use backout::replication::prepared::PrepareOptions;
use backout::replication::record::{DecisionKind, Player, ReplicationRecord, RunRecord};
use backout::scenario::Scenario;
use backout::scenario::resolved::FidelityChoice;
use backout::study::{Progress, Replications, Study};
use backout::telemetry::naming::Engine;
use backout::time::SimDuration;

use crate::{shared, studies};

const FILES: [&str; 3] = [
    "kayenta-01-scratch-prometheus.json",
    "kayenta-02-integration-prometheus-cpu.json",
    "kayenta-03-judge-test-config.json",
];

/// The error ratio of a side by its scope, as a whole expression.
const ERRORS: &str = r#"PromQL: (sum(rate(http_requests_total{deployment="${scope}",code=~"5.."}[1m])) or vector(0)) / sum(rate(http_requests_total{deployment="${scope}"}[1m]))"#;

fn options() -> ImportOptions {
    ImportOptions { service: Some("shop".to_owned()), ..ImportOptions::default() }
}

fn read(name: &str, text: &str, options: &ImportOptions) -> Result<Loaded, String> {
    match load(&[SourceText { name, text }], options) {
        Ok(mut policies) => Ok(policies.remove(0)),
        Err(found) => Err(found.iter().map(|one| one.render(false)).collect::<Vec<_>>().join("\n")),
    }
}

fn given(name: &str) -> Option<Loaded> {
    let text = std::fs::read_to_string(shared::folder()?.join("policies").join(name)).unwrap();
    Some(read(name, &text, &options()).unwrap())
}

fn config(query: &str, canary: &str) -> String {
    format!(
        "name: errors\nmetrics:\n  - name: errors\n    groups: [web]\n    query:\n{query}\
         \n    analysisConfigurations:\n      canary: {canary}\nclassifier:\n  groupWeights: {{web: 100}}\n"
    )
}

fn whole(expression: &str) -> String {
    format!("      type: prometheus\n      customInlineTemplate: '{expression}'")
}

/// A canary that stays at a fifth of the traffic beside a baseline of the same size.
fn scenario(fault: &str, baseline: bool) -> Scenario {
    let fault: FaultSpec = studies::yaml(fault);
    let rollout = format!("canary: {{baseline: {baseline}, steps: [{{weight: 20%, bake: 40m}}]}}");
    Scenario {
        name: "test/kayenta".to_owned(),
        faults: vec![("change.faults[0]".to_owned(), fault)],
        rollout: studies::yaml(&rollout),
        horizon: SimDuration::from_mins(45),
        ..studies::canary(FidelityChoice::Flow, 200.0)
    }
}

fn runs(scenario: Scenario, policy: &Loaded, n: u32, bad: bool) -> Vec<RunRecord> {
    let records: Vec<ReplicationRecord> =
        Study::new(&[studies::shared(scenario)], std::slice::from_ref(policy), 5, PrepareOptions::default())
            .unwrap_or_else(|error| panic!("{error:?}"))
            .with_replications(Replications { flow: n, request: n })
            .with_jobs(NonZeroUsize::MIN)
            .play(&Progress::default())
            .unwrap();
    let twins = records.iter().flat_map(|r| &r.rollouts).map(|r| if bad { &r.bad } else { &r.healthy });
    let of_policy = |run: &&RunRecord| matches!(run.player, Player::Policy(_));
    twins.flat_map(|twin| twin.runs.iter().filter(of_policy).cloned()).collect()
}

/// How many of the runs rolled back, and the instants in minutes after the warm-up of three.
fn rolled_back(scenario: Scenario, policy: &Loaded, n: u32, bad: bool) -> Vec<u64> {
    runs(scenario, policy, n, bad)
        .iter()
        .filter_map(|run| run.decision.as_ref())
        .filter(|decision| decision.kind == DecisionKind::RollBack)
        .map(|decision| decision.at / 1_000_000_000)
        .collect()
}

#[test]
fn given_files_are_read_and_explained() {
    for (name, metrics) in FILES.iter().zip([1, 1, 3]) {
        let Some(policy) = given(name) else { return };
        assert_eq!((policy.engine, policy.checks.len()), (Engine::Kayenta, metrics), "{name}");
        assert!(policy.rollout.is_none() && policy.rollback.is_none(), "a configuration brings neither");
        assert_eq!(policy.reading.len(), 3 + metrics, "{:?}", policy.reading);
        assert!(policy.stand_ins.iter().any(|one| one.setting.contains("lifetime=30m")), "{name}");
    }
    // What Kayenta does not read is listed with its line.
    let first = given(FILES[0]).unwrap();
    let lines: Vec<(usize, &str)> =
        first.unsupported.iter().map(|one| (one.line, one.path.as_str())).collect();
    assert_eq!(lines, [(16, "metrics[0].query.aggregationPeriod"), (18, "metrics[0].query.sumByFields")]);
}

#[test]
fn given_files_see_a_clear_fault_and_leave_a_healthy_release_alone() {
    for name in FILES {
        let Some(policy) = given(name) else { return };
        let burn = || {
            let mut scenario = scenario("cpu_burn: {factor: 5}", true);
            scenario.fidelity = FidelityChoice::Request;
            scenario.world = studies::canary(FidelityChoice::Request, 40.0).world;
            for service in &mut scenario.world.services {
                service.cpu_per_request = 0.01;
            }
            scenario
        };
        let bad = rolled_back(burn(), &policy, 3, true);
        assert_eq!(bad.len(), 3, "{name}: {bad:?}");
        // The first judgement is at the end of the first interval, ten minutes after the deploy.
        let first = bad[0];
        assert!(bad.iter().all(|at| *at == first), "{name}: {bad:?}");
        assert!(rolled_back(burn(), &policy, 3, false).is_empty(), "{name}");
    }
}

#[test]
fn scopes_are_the_workloads_of_the_sides() {
    // Five errors a minute on each side: their ratio over ten minutes strays by a fifth, so twice as many count.
    let effect = "effectSize: {allowedIncrease: 2, criticalIncrease: 2}";
    let canary = format!("{{direction: increase, critical: true, {effect}}}");
    let text = config(&whole(ERRORS), &canary);
    let policy = read("errors.yaml", &text, &options()).unwrap();
    let scopes: Vec<bool> = ["shop-canary", "shop-baseline", "shop"]
        .iter()
        .zip(&policy.queries)
        .map(|(scope, query)| query.text.contains(&format!("deployment=\"{scope}\"")))
        .collect();
    assert_eq!(scopes, [true; 3]);
    for baseline in [true, false] {
        let burst = || scenario("error_burst: {share: 20%, after: 1m}", baseline);
        assert_eq!(rolled_back(burst(), &policy, 3, true).len(), 3);
        assert!(rolled_back(burst(), &policy, 3, false).is_empty());
    }
}

#[test]
fn json_and_yaml_are_one_format_and_the_run_is_what_the_options_say() {
    let yaml = config(&whole("PromQL: up{role=\"candidate\"}"), "{direction: decrease}");
    let json = r#"{"name":"errors","metrics":[{"name":"errors","groups":["web"],"query":{"type":"prometheus",
        "customInlineTemplate":"PromQL: up{role=\"candidate\"}"},"extensions":{"canary":{"direction":"decrease"}}}],
        "classifier":{"groupWeights":{"web":100}}}"#;
    let (a, b) = (read("a.yaml", &yaml, &options()).unwrap(), read("a.json", json, &options()).unwrap());
    assert_eq!(a.reading, b.reading);
    assert!(a.reading.iter().any(|line| line.contains("the same series on both sides")), "{:?}", a.reading);
    let mut said = options();
    for (key, value) in [("lifetime", "20m"), ("interval", "1h"), ("begin_after", "4m"), ("pass", "90")] {
        said.kayenta.set(key, value).unwrap();
    }
    let one = read("a.yaml", &yaml, &said).unwrap();
    // An interval is at most the lifetime: one judgement, at the very end.
    assert!(one.summary.contains("judged every 20m for 20m"), "{}", one.summary);
    let text = config(&whole(ERRORS), "{direction: increase}");
    let policy = read("errors.yaml", &text, &said).unwrap();
    let every = read("errors.yaml", &text, &options()).unwrap();
    let burst = || scenario("error_burst: {share: 20%, after: 0s}", true);
    let (late, early) = (rolled_back(burst(), &policy, 1, true), rolled_back(burst(), &every, 1, true));
    assert_eq!(late[0] - early[0], (24 - 10) * 60, "{late:?} {early:?}");
}

#[test]
fn what_is_said_of_a_metric_stands_in_for_it() {
    let text = config("      type: datadog\n      metricName: shop.something", "{}");
    let told = |answer: &str| {
        let mut options = options();
        options.providers.insert("errors".to_owned(), backout::import::Answer::parse(answer).unwrap());
        read("a.yaml", &text, &options)
    };
    let quiet = || scenario("error_burst: {share: 1%, after: 40m}", true);
    assert!(rolled_back(quiet(), &told("succeed").unwrap(), 1, false).is_empty());
    assert_eq!(rolled_back(quiet(), &told("fail").unwrap(), 1, false).len(), 1);
    assert_eq!(rolled_back(quiet(), &told("no_data").unwrap(), 1, false).len(), 1);
    // A group of nothing but errors counts 100.
    assert!(rolled_back(quiet(), &told("error").unwrap(), 1, false).is_empty());
    let by_signal = told("latency_mean").unwrap();
    assert!(by_signal.queries[0].text.contains("_seconds_sum{role=\"candidate\"}"));
    let refused = told("90%").err().unwrap();
    assert!(refused.contains("latency_buckets") && refused.contains("a.yaml:6:"), "{refused}");
}

#[test]
fn mistakes_are_told_with_their_place() {
    let good = config(&whole(ERRORS), "{direction: increase}");
    let cases = [
        ("direction: increase", "direction: up", "a.yaml:9:27", "`up` is no direction"),
        ("${scope}", "${zone}", "a.yaml:7:29", "nothing is known about `${zone}`"),
        ("sum(rate", "sum(rote", "a.yaml:7:", "rote"),
        ("{web: 100}", "{web: 60, db: 60}", "a.yaml:11:17", "the weights sum to 120"),
        ("customInlineTemplate: '", "customFilterTemplate: '", "a.yaml:7:29", "there is no template"),
        (
            "name: errors\nmetrics",
            "judge: {name: RandomV1}\nmetrics",
            "a.yaml:1:15",
            "`RandomV1` is not played",
        ),
    ];
    for (from, to, place, fact) in cases {
        let text = good.replace(from, to);
        assert_ne!(text, good, "{from}");
        let error = read("a.yaml", &text, &options()).err().unwrap();
        assert!(error.contains(place) && error.contains(fact), "{to}: {error}");
    }
}
