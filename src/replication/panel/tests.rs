use super::*;
use crate::effect::{ServiceId, SetName};
use crate::promql::{Evaluator, Value};
use crate::telemetry::store::SampleStore;
use crate::telemetry::store::ScrapeHealth;
use crate::world::instruments::{Code, PodInstruments, PodKey, RequestCounters, ServiceInstruments};

fn world() -> WorldNames {
    WorldNames {
        services: vec!["podinfo".into()],
        target: ServiceId(0),
        returns: false,
        model: Default::default(),
        released: Vec::new(),
    }
}

fn input<'a>(naming: &'a Naming, queries: &[&'a str]) -> PanelInput<'a> {
    PanelInput { naming, queries: queries.to_vec(), allow_missing: false }
}

fn panel(inputs: &[PanelInput<'_>]) -> Panel {
    Panel::new(inputs, &Dialect::ALL, &world()).unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// A pod that answers 10 requests a second for `seconds`, of which a share fails.
fn pod(set: SetName, seconds: u64, failing_of_ten: u64) -> PodInstruments {
    let mut counters = RequestCounters::default();
    for i in 0..seconds * 10 {
        counters.count(if i % 10 < failing_of_ten { Code::Failed } else { Code::Ok }, 0.03);
    }
    PodInstruments {
        key: PodKey { service: ServiceId(0), set, ordinal: 0 },
        up: true,
        ready: true,
        restarts: 0,
        oom_kills: 0,
        server: counters,
        client: counters,
        cpu_seconds: 0.0,
        memory_bytes: 0.0,
        in_flight: 0,
    }
}

fn played(panel: &Panel) -> SampleStore {
    let mut store = SampleStore::new(panel.needs());
    for scrape in 0..9i64 {
        let seconds = scrape as u64 * 15;
        let pods = vec![pod(SetName::Old, seconds, 1), pod(SetName::New, seconds, 3)];
        let services = [ServiceInstruments { pods, ..Default::default() }];
        store.record_scrape(scrape * 15_000, scrape * 15_000, &services, &ScrapeHealth::default());
    }
    store
}

#[track_caller]
fn one(value: &Value) -> f64 {
    match value {
        Value::Vector(samples) if samples.len() == 1 => samples[0].value,
        other => panic!("{other:?}"),
    }
}

const FLAGGER: &str = "sum(rate(istio_requests_total{reporter=\"destination\",destination_workload=~\"podinfo\",\
     destination_workload_namespace=\"test\",response_code!~\"5.*\"}[1m])) / sum(rate(istio_requests_total{\
     reporter=\"destination\",destination_workload=~\"podinfo\",destination_workload_namespace=\"test\"}[1m])) * 100";

#[test]
fn each_engine_reads_the_same_canary_under_its_own_names() {
    let (flagger, argo) = (Naming::flagger("test", "podinfo"), Naming::argo("demo", "podinfo", "st", "ca"));
    let native = Naming::native("podinfo");
    let inputs = [
        input(&flagger, &[FLAGGER]),
        input(
            &argo,
            &[
                "sum(irate(istio_requests_total{reporter=\"source\",destination_service=~\"ca.demo.svc.cluster.local\",\
               response_code!~\"5.*\"}[5m])) / sum(irate(istio_requests_total{reporter=\"source\",\
               destination_service=~\"ca.demo.svc.cluster.local\"}[5m]))",
            ],
        ),
        input(
            &native,
            &[
                "sum by (role) (rate(http_requests_total{code=~\"5..\"}[1m])) \
               / sum by (role) (rate(http_requests_total[1m]))",
                "histogram_quantile(0.5, sum by (le) (rate(http_request_duration_seconds_bucket{role=\"candidate\"}[1m])))",
            ],
        ),
    ];
    let panel = panel(&inputs);
    let store = played(&panel);
    let mut state = panel.start();
    let success = one(state.value(&panel, &store, (0, 0), 120_000).unwrap());
    assert!((success - 70.0).abs() < 1e-9, "{success}");
    let success = one(state.value(&panel, &store, (1, 0), 120_000).unwrap());
    assert!((success - 0.7).abs() < 1e-9, "{success}");
    let Value::Vector(ratios) = state.value(&panel, &store, (2, 0), 120_000).unwrap() else { panic!() };
    let ratios: Vec<(&str, f64)> = ratios.iter().map(|s| (s.labels.value("role"), s.value)).collect();
    assert_eq!(ratios.len(), 2);
    for (role, ratio) in ratios {
        assert!((ratio - if role == "candidate" { 0.3 } else { 0.1 }).abs() < 1e-9, "{role} {ratio}");
    }
    let median = one(state.value(&panel, &store, (2, 1), 120_000).unwrap());
    assert!(median > 0.025 && median <= 0.05, "{median}");
}

#[test]
fn variants_of_a_file_share_a_program_and_house_labels_do_not_leak() {
    let naming = Naming::native("podinfo");
    let inputs = [
        input(&naming, &["sum(rate(http_requests_total{code=\"500\"}[1m])) > 1"]),
        input(&naming, &["sum(rate(http_requests_total{code=\"500\"}[1m])) > 2"]),
        input(&naming, &["sum(rate(http_requests_total{status=\"500\"}[1m])) > 2"]),
    ];
    let panel = panel(&inputs);
    assert_eq!(panel.programs(), 2, "the third reads other labels");
    let store = played(&panel);
    let mut state = panel.start();
    for policy in 0..3 {
        let value = one(state.value(&panel, &store, (policy, 0), 120_000).unwrap());
        assert!((value - 4.0).abs() < 1e-9, "{policy} {value}");
    }
}

#[test]
fn a_fork_answers_the_same_and_a_new_scrape_is_seen() {
    let naming = Naming::flagger("test", "podinfo");
    let panel = panel(&[input(&naming, &[FLAGGER])]);
    let mut store = played(&panel);
    let mut state = panel.start();
    let before = one(state.value(&panel, &store, (0, 0), 130_000).unwrap());
    let mut fork = state.clone();
    assert_eq!(one(fork.value(&panel, &store.clone(), (0, 0), 130_000).unwrap()), before);
    let pods = vec![pod(SetName::New, 125, 10)];
    let services = [ServiceInstruments { pods, ..Default::default() }];
    store.record_scrape(125_000, 125_000, &services, &ScrapeHealth::default());
    let after = one(state.value(&panel, &store, (0, 0), 130_000).unwrap());
    assert!(after < before, "{before} {after}");
}

#[test]
fn candidate_only_and_ranges() {
    let naming = Naming::native("podinfo");
    let query = "sum(rate(http_requests_total{code=~\"5..\"}[1m])) / sum(rate(http_requests_total[1m]))";
    let panel = panel(&[input(&naming, &[query])]);
    let store = played(&panel);
    let mut state = panel.start();
    let mixed = one(state.value(&panel, &store, (0, 0), 120_000).unwrap());
    assert!((mixed - 0.2).abs() < 1e-9, "{mixed}");
    let mut program = Program::new();
    let id = program.add(query).unwrap();
    let alone = one(&state
        .candidate_only(&panel, &store, 0, (&program, id), &mut Evaluator::new(), 120_000)
        .unwrap());
    assert!((alone - 0.3).abs() < 1e-9, "{alone}");
    let Value::Matrix(series) =
        state.range(&panel, &store, (0, 0), 120_000, (60_000, 120_000, 30_000)).unwrap()
    else {
        panic!()
    };
    assert_eq!(series[0].points.iter().map(|p| p.0).collect::<Vec<_>>(), [60_000, 90_000, 120_000]);
}

#[test]
fn everything_wrong_is_reported_with_its_place() {
    let naming = Naming::native("podinfo");
    let queries =
        ["sum(rate(http_requests_total[1m])", "up", "sum(rate(http_requests_totl{rol=\"candidate\"}[1m]))"];
    let errors = Panel::new(&[input(&naming, &queries)], &Dialect::ALL, &world()).unwrap_err();
    assert_eq!(errors.iter().map(|e| e.query).collect::<Vec<_>>(), [Some(0), Some(2)]);
    assert!(matches!(errors[0].problem, PanelProblem::Query(_)), "{:?}", errors[0]);
    assert_eq!(errors[1].selector.as_deref(), Some("http_requests_totl{rol=\"candidate\"}"));
    let missing = PanelInput { naming: &naming, queries: vec!["queue_depth > 5"], allow_missing: true };
    let panel = Panel::new(&[missing], &Dialect::ALL, &world()).unwrap();
    assert!(panel.selectors(0, 0)[0].bound.never.is_some());
    let store = played(&panel);
    let mut state = panel.start();
    assert_eq!(state.value(&panel, &store, (0, 0), 60_000).unwrap(), &Value::Vector(vec![]));
    assert!(state.value(&panel, &store, (0, 7), 60_000).is_err());
}

#[test]
fn a_renewed_state_answers_like_a_new_one_in_another_world() {
    let naming = Naming::flagger("test", "podinfo");
    let everything = "sum by (destination_workload, response_code) (rate(istio_requests_total[1m]))";
    let panel = panel(&[input(&naming, &[FLAGGER, everything])]);
    let first = played(&panel);
    let mut used = panel.start();
    for query in 0..2 {
        assert!(used.value(&panel, &first, (0, query), 120_000).is_ok());
    }
    // Other pods in another order, so that equal ids mean other series.
    let mut second = SampleStore::new(panel.needs());
    for scrape in 0..9i64 {
        let seconds = scrape as u64 * 15;
        let pods = vec![pod(SetName::New, seconds, 5), pod(SetName::Promoted, seconds, 0)];
        let services = [ServiceInstruments { pods, ..Default::default() }];
        second.record_scrape(scrape * 15_000, scrape * 15_000, &services, &ScrapeHealth::default());
    }
    let (mut renewed, mut fresh) = (used.renewed(), panel.start());
    for at in [60_000, 120_000] {
        for query in 0..2 {
            let expected = fresh.value(&panel, &second, (0, query), at).unwrap().clone();
            assert_eq!(renewed.value(&panel, &second, (0, query), at).unwrap(), &expected, "{query} at {at}");
        }
    }
    let success = one(renewed.value(&panel, &second, (0, 0), 120_000).unwrap());
    assert!((success - 50.0).abs() < 1e-9, "{success}");
}

#[test]
fn a_thousand_variants_bind_their_common_selectors_once() {
    let naming = Naming::native("podinfo");
    let texts: Vec<String> = (0..1000)
        .map(|i| {
            format!("sum(rate(http_requests_total{{code=~\"5..\",role=\"candidate\"}}[1m])) > {}", i % 7)
        })
        .collect();
    let inputs: Vec<PanelInput<'_>> = texts.iter().map(|text| input(&naming, &[text])).collect();
    let panel = panel(&inputs);
    assert_eq!(panel.programs(), 1);
    let store = played(&panel);
    let mut state = panel.start();
    let fires = (0..1000).filter(|&policy| {
        matches!(state.value(&panel, &store, (policy, 0), 120_000), Ok(Value::Vector(samples)) if !samples.is_empty())
    });
    // 3 failures a second: the thresholds 0, 1 and 2 of each seven fire; 1,000 is 142 sevens and 6.
    assert_eq!(fires.count(), 142 * 3 + 3);
}
