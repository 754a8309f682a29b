use super::*;
use crate::effect::ServiceId;
use crate::telemetry::store::ScrapeHealth;
use crate::world::instruments::{Code, PodInstruments, PodKey, RequestCounters, ServiceInstruments};

fn world() -> WorldNames {
    WorldNames { services: vec!["podinfo".into()], target: ServiceId(0) }
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
    let alone = one(&state.candidate_only(&panel, &store, 0, (&program, id), 120_000).unwrap());
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
#[ignore]
fn timing() {
    let naming = Naming::flagger("test", "podinfo");
    let p99 = "histogram_quantile(0.99, sum by (le) (rate(istio_request_duration_milliseconds_bucket{reporter=\"destination\",destination_workload=~\"podinfo\",destination_workload_namespace=\"test\"}[1m])))";
    let panel = panel(&[input(&naming, &[FLAGGER, p99])]);
    let pods: Vec<Vec<PodInstruments>> = (0..160)
        .map(|s| {
            (0..9u16)
                .map(|i| {
                    let mut p = pod(if i < 6 { SetName::Old } else { SetName::New }, s * 15 / 10, 1);
                    p.key.ordinal = i;
                    p
                })
                .collect()
        })
        .collect();
    let worlds: Vec<_> =
        pods.into_iter().map(|pods| [ServiceInstruments { pods, ..Default::default() }]).collect();
    for round in 0..3 {
        let t = std::time::Instant::now();
        let n = 50;
        for _ in 0..n {
            let mut store = SampleStore::new(panel.needs());
            let mut state = panel.start();
            for (i, w) in worlds.iter().enumerate() {
                store.record_scrape(i as i64 * 15000, i as i64 * 15000, w, &ScrapeHealth::default());
                let _ = &mut state;
            }
            std::hint::black_box(&store);
        }
        eprintln!("round {round}: record only {:?}/rollout", t.elapsed() / n);
        let t = std::time::Instant::now();
        for _ in 0..n {
            let mut store = SampleStore::new(panel.needs());
            let mut state = panel.start();
            for (i, w) in worlds.iter().enumerate() {
                store.record_scrape(i as i64 * 15000, i as i64 * 15000, w, &ScrapeHealth::default());
                if i % 4 == 3 {
                    for q in 0..2 {
                        let _ = std::hint::black_box(state.value(&panel, &store, (0, q), i as i64 * 15000));
                    }
                }
            }
        }
        eprintln!("round {round}: record + 40 ticks x 2 queries {:?}/rollout", t.elapsed() / n);
        let mut store = SampleStore::new(panel.needs());
        for (i, w) in worlds.iter().enumerate() {
            store.record_scrape(i as i64 * 15000, i as i64 * 15000, w, &ScrapeHealth::default());
        }
        let mut state = panel.start();
        let _ = state.value(&panel, &store, (0, 0), 1_000_000);
        let t = std::time::Instant::now();
        for _ in 0..1000 {
            std::hint::black_box((store.clone(), state.clone()));
        }
        eprintln!("round {round}: clone {:?}, series {}", t.elapsed() / 1000, store.keys().len());
    }
}
