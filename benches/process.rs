//! Observations per second through one process: the example policy of the documentation, in Python.
//!
//! A run is 1,000 observations of two metrics, with the session's beginning and end; the metrics are ready, so what is
//! measured is the rendering, the way to the process and back, and the process itself.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a program of its own, which reads a file and may have nothing to measure"
)]

use std::hint::black_box;
use std::sync::Arc;

use backout::cli::process::Processes;
use backout::effect::{RolloutView, Routing, SetName, SetView, Split};
use backout::import::{ImportOptions, SourceText, load};
use backout::policy::{Facts, Observation, Policy, Queries, QueryError, RolloutStatus, Start, Verdict};
use backout::promql::Value;
use backout::strategy::{Progress, StepKind, StepStatus};
use backout::time::{SimDuration, SimTime};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const OBSERVATIONS: u64 = 1_000;

struct Ready([Value; 2]);

impl Queries for Ready {
    fn value(&mut self, query: usize) -> Result<&Value, QueryError> {
        self.0.get(query).ok_or(QueryError::Unavailable)
    }

    fn range(&mut self, query: usize, _: SimTime, _: SimTime, _: SimDuration) -> Result<Value, QueryError> {
        self.value(query).cloned()
    }
}

/// One run of a policy that never decides.
fn run(policy: &dyn Policy, queries: &mut Ready) {
    let mut policy = policy.boxed();
    let deploy_at = SimTime::ZERO;
    policy.start(&Start { deploy_at, phase: 0.0, end: SimTime::NEVER, own_rollout: false });
    let view = RolloutView {
        now: deploy_at,
        deploy_at,
        replicas: 4,
        sets: [SetView::default(); SetName::COUNT],
        split: Split::STABLE,
        in_force: Split::STABLE,
        routing: Routing::Weighted,
        hold: false,
        database: None,
        others_back: 0,
    };
    let step = StepStatus { index: 1, kind: StepKind::Bake, since: deploy_at };
    let rollout = RolloutStatus { view, step, progress: Progress::Running, progressed_at: deploy_at };
    let (mut findings, mut notices) = (Vec::new(), Vec::new());
    for _ in 0..OBSERVATIONS {
        findings.clear();
        let verdict = policy.observe(&mut Observation {
            now: policy.next_tick(),
            rollout,
            chance: 0.5,
            truth: None,
            facts: Facts::default(),
            queries,
            findings: &mut findings,
            notices: &mut notices,
            log: None,
        });
        assert_eq!(black_box(verdict), Verdict::Continue);
    }
}

fn python(criterion: &mut Criterion) {
    if std::process::Command::new("python3").arg("--version").output().is_err() {
        eprintln!("python3 is not there: nothing is measured");
        return;
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/rollback_policy.yaml");
    let text = std::fs::read_to_string(path).expect("the example");
    let options = ImportOptions { processes: Some(Arc::new(Processes)), ..ImportOptions::default() };
    let loaded = load(&[SourceText { name: path, text: &text }], &options).expect("a policy").remove(0);
    let mut queries = Ready([Value::Scalar(0.001_25), Value::Scalar(0.187_5)]);
    // The first two sessions are played twice; that is over before anything is measured.
    (0..2).for_each(|_| run(&*loaded.prototype, &mut queries));
    let mut group = criterion.benchmark_group("process");
    group.throughput(Throughput::Elements(OBSERVATIONS)).sample_size(20);
    group.bench_function("python", |bencher| bencher.iter(|| run(&*loaded.prototype, &mut queries)));
    group.finish();
    assert_eq!(loaded.prototype.trouble(), None);
}

criterion_group!(benches, python);
criterion_main!(benches);
