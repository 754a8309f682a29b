//! Evaluation times of the query shapes that trigger files are made of.
//!
//! Every iteration is at another instant, so nothing is answered from memory; the store is a flat vector per series,
//! as a scrape loop fills it.

use backout::promql::{Evaluator, Labels, MemoryStorage, Program, QueryId, View};
use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;

const SCRAPE_MS: i64 = 15_000;
const SCRAPES: i64 = 240;

/// Eight request counters and six bucket counters per role, an hour of 15 s scrapes.
fn store() -> MemoryStorage {
    let mut store = MemoryStorage::new();
    for series in 0..8 {
        let (code, pod) = (if series % 4 == 3 { "500" } else { "200" }, format!("pod-{series}"));
        let pairs = [("code", code), ("pod", pod.as_str()), ("role", "candidate"), ("service", "checkout")];
        for name in ["requests_total", "errors_total"] {
            let labels = Labels::new(pairs.into_iter().chain([("__name__", name)]));
            for scrape in 0..SCRAPES {
                store.append(&labels, scrape * SCRAPE_MS, (scrape * (series + 3)) as f64);
            }
        }
    }
    for (rank, bound) in ["0.05", "0.1", "0.25", "0.5", "1", "+Inf"].into_iter().enumerate() {
        for pod in ["a", "b"] {
            let labels = Labels::new([("__name__", "latency_bucket"), ("le", bound), ("pod", pod)]);
            for scrape in 0..SCRAPES {
                store.append(&labels, scrape * SCRAPE_MS, (scrape * (rank as i64 + 1) * 7) as f64);
            }
        }
    }
    store
}

fn bench(criterion: &mut Criterion, name: &str, queries: &[String]) {
    let store = store();
    let mut program = Program::new();
    let ids: Vec<QueryId> = queries.iter().map(|text| program.add(text).expect("a query")).collect();
    let mut evaluator = Evaluator::new();
    let mut at = 600_000;
    criterion.bench_function(name, |bencher| {
        bencher.iter(|| {
            at = if at > 3_000_000 { 600_007 } else { at + 1_009 };
            let mut sum = 0.0;
            for id in &ids {
                if let Ok(View::Vector(view)) = evaluator.view(&program, &store, *id, at) {
                    sum += view.values().sum::<f64>();
                }
            }
            black_box(sum)
        });
    });
}

fn shapes(criterion: &mut Criterion) {
    let one = |text: &str| vec![text.to_owned()];
    let ratio = "sum(rate(errors_total[1m])) / sum(rate(requests_total[1m]))";
    bench(criterion, "promql/ratio_of_rates_8_series_1m", &one(ratio));
    let five = "sum(rate(errors_total[2m])) / sum(rate(requests_total[2m]))";
    bench(criterion, "promql/ratio_of_rates_8_series_2m", &one(five));
    bench(criterion, "promql/filtered_rate", &one(r#"sum(rate(requests_total{code=~"5.."}[1m])) > 0.05"#));
    let quantile = "histogram_quantile(0.99, sum(rate(latency_bucket[1m])) by (le))";
    bench(criterion, "promql/histogram_quantile_12_buckets", &one(quantile));
    let by = "sum by (pod) (rate(errors_total[1m])) / sum by (pod) (rate(requests_total[1m])) > 0.1";
    bench(criterion, "promql/ratio_by_pod", &one(by));
    let thresholds: Vec<String> = (0..1000).map(|n| format!("{ratio} > 0.{n:03}")).collect();
    bench(criterion, "promql/ratio_with_1000_thresholds", &thresholds);
    bench(criterion, "promql/subquery_10m_1m", &one("max_over_time(sum(rate(errors_total[1m]))[10m:1m])"));
}

fn branching(criterion: &mut Criterion) {
    let store = store();
    let mut program = Program::new();
    for n in 0..1000 {
        program.add(&format!("sum(rate(requests_total[1m])) > {n}")).expect("a query");
    }
    let query = program.add("sum(rate(requests_total[1m]))").expect("a query");
    let mut evaluator = Evaluator::new();
    evaluator.eval(&program, &store, query, 600_000).expect("a value");
    criterion.bench_function("promql/clone_of_an_evaluator", |bencher| {
        bencher.iter(|| black_box(evaluator.clone()))
    });
}

/// A branch whose store has a series that the trunk never saw: the tables of names are copied once.
fn new_series_in_a_branch(criterion: &mut Criterion) {
    let mut trunk = MemoryStorage::new();
    for series in 0..300 {
        let pod = format!("pod-{series}");
        let labels =
            Labels::new([("__name__", "requests_total"), ("pod", pod.as_str()), ("service", "checkout")]);
        (0..8).for_each(|scrape| trunk.append(&labels, scrape * SCRAPE_MS, scrape as f64));
    }
    let mut branch = trunk.clone();
    branch.append(
        &Labels::new([("__name__", "requests_total"), ("pod", "new"), ("service", "checkout")]),
        60_000,
        1.0,
    );
    let mut program = Program::new();
    for (name, service) in (0..20).map(|n| (n, if n % 4 == 0 { "checkout" } else { "web" })) {
        program.add(&format!("sum(rate(m{name}{{service=~\"{service}.*\"}}[1m]))")).expect("a query");
    }
    let query = program.add(r#"count(requests_total{service="checkout"})"#).expect("a query");
    let mut evaluator = Evaluator::new();
    evaluator.eval(&program, &trunk, query, 60_000).expect("a value");
    criterion.bench_function("promql/first_query_of_a_branch_with_a_new_series", |bencher| {
        bencher.iter(|| black_box(evaluator.clone().eval(&program, &branch, query, 60_000)));
    });
    criterion.bench_function("promql/first_query_of_a_branch", |bencher| {
        bencher.iter(|| black_box(evaluator.clone().eval(&program, &trunk, query, 60_000)));
    });
}

criterion_group!(benches, shapes, branching, new_series_in_a_branch);
criterion_main!(benches);
