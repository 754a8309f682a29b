//! From a simulated world through scrapes and names to the values queries have.

use std::sync::Arc;

use backout::effect::{Action, Routing, SetName};
use backout::promql::Value;
use backout::quantity::Ratio;
use backout::replication::panel::{Panel, PanelInput};
use backout::rng::{Distribution, Key};
use backout::telemetry::binding::WorldNames;
use backout::telemetry::dialect::Dialect;
use backout::telemetry::naming::Naming;
use backout::telemetry::sampler::{Sampler, TelemetrySpec};
use backout::telemetry::store::SampleStore;
use backout::time::{SimDuration, SimTime};
use backout::world::{Level, World};

use crate::worlds;

const SUCCESS: &str = "sum(rate(istio_requests_total{reporter=\"destination\",destination_workload_namespace=\"test\",\
     destination_workload=~\"web\",response_code!~\"5.*\"}[1m])) / sum(rate(istio_requests_total{\
     reporter=\"destination\",destination_workload_namespace=\"test\",destination_workload=~\"web\"}[1m])) * 100";
const P99: &str = "histogram_quantile(0.99, sum(rate(istio_request_duration_milliseconds_bucket{\
     reporter=\"destination\",destination_workload=~\"web\"}[1m])) by (le))";
const PASSED: &str = "sum(istio_requests_total{reporter=\"source\"})";
const READY: &str = "kube_deployment_status_replicas_ready{deployment=\"web\"}";
const PODS_UP: &str = "sum(up{namespace=\"test\"})";

fn telemetry(loss: f64) -> TelemetrySpec {
    TelemetrySpec {
        scrape: SimDuration::from_secs(15),
        jitter: SimDuration::ZERO,
        lag: SimDuration::from_secs(2),
        loss: Ratio::new(loss).unwrap(),
        query_errors: Ratio::ZERO,
        needs: None,
        dialects: Dialect::ALL.to_vec(),
    }
}

fn world(level: Level) -> World {
    let mut service = worlds::service("web", Distribution::certain(0.04));
    service.replicas = 4;
    service.concurrency = 64;
    service.error_ratio = Ratio::new(0.05).unwrap();
    let end = SimTime::ZERO + SimDuration::from_mins(31);
    worlds::start(worlds::spec(vec![service], 200.0), level, 7, end)
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Vector(samples) => samples.first().map(|sample| sample.value),
        _ => None,
    }
}

/// Ten minutes old only, ten minutes with half of the traffic on two canary pods, ten minutes rolled back. The answers
/// of all queries after each scrape.
fn play(level: Level, loss: f64) -> Vec<[Option<f64>; 5]> {
    let mut world = world(level);
    let naming = Naming::flagger("test", "web");
    let queries = vec![SUCCESS, P99, PASSED, READY, PODS_UP];
    let input = PanelInput { naming: &naming, queries, allow_missing: false };
    let names = WorldNames::of(&world.common().spec);
    let panel = Panel::new(&[input], &Dialect::ALL, &names).unwrap();
    let sampler = Sampler::new(&telemetry(loss), Key::root(7, "test").replication(0), Vec::new());
    let (mut store, mut state) = (SampleStore::new(panel.needs()), panel.start());
    let (mut instruments, mut rows) = (Vec::new(), Vec::new());
    for scrape in 0..120u64 {
        let at = sampler.scrape_at(scrape);
        worlds::play(&mut world, at);
        world.end_slot(scrape as usize);
        world.instruments(&mut instruments);
        let health = sampler.health(scrape, at, &instruments);
        store.record_scrape(at.as_millis(), sampler.visible_at(at).as_millis(), &instruments, &health);
        let now = (at + SimDuration::from_secs(5)).as_millis();
        rows.push([0, 1, 2, 3, 4].map(|query| number(state.value(&panel, &store, (0, query), now).unwrap())));
        match scrape {
            40 => {
                world.deploy(Arc::new([]), SimDuration::ZERO);
                let actions =
                    [Action::Route(Routing::Weighted), Action::Scale(SetName::New, 2), Action::Weight(0.5)];
                actions.iter().for_each(|action| world.perform(action));
            }
            80 => {
                let actions = [Action::Weight(0.0), Action::Scale(SetName::New, 0)];
                actions.iter().for_each(|action| world.perform(action));
            }
            _ => {}
        }
    }
    rows
}

#[track_caller]
fn check(rows: &[[Option<f64>; 5]]) {
    let column = |query: usize| rows.iter().map(move |row| row[query]).collect::<Vec<_>>();
    let (success, p99, passed, ready) = (column(0), column(1), column(2), column(3));
    assert!(success[..41].iter().all(Option::is_none), "no canary, no value: {success:?}");
    let during: Vec<f64> = success[50..80].iter().copied().map(Option::unwrap).collect();
    // 6,000 requests a minute at 5 %: standard deviation 0.28 points a minute.
    assert!(during.iter().all(|value| (value - 95.0).abs() < 1.5), "{during:?}");
    let mean = during.iter().sum::<f64>() / during.len() as f64;
    assert!((mean - 95.0).abs() < 0.3, "{mean}");
    assert!(success[95..].iter().all(Option::is_none), "the canary's pods are gone: {success:?}");
    // Every answer takes 40 ms: the quantile lies in the bucket from 25 to 50 ms.
    assert!(p99[50..80].iter().all(|value| value.is_some_and(|ms| ms > 25.0 && ms <= 50.0)), "{p99:?}");
    let passed: Vec<f64> = passed.into_iter().flatten().collect();
    assert!(
        passed.len() > 110 && passed.windows(2).all(|pair| pair[0] <= pair[1]),
        "callers' counters never fall"
    );
    let rate = (passed[passed.len() - 1] - passed[0]) / (15.0 * (passed.len() - 1) as f64);
    assert!((rate - 200.0).abs() < 5.0, "{rate}");
    assert_eq!(ready[60], Some(2.0));
    assert_eq!(ready[119], Some(0.0));
}

#[test]
fn flaggers_queries_over_a_world_of_requests() {
    let rows = play(Level::Request, 0.0);
    check(&rows);
    assert_eq!((rows[30][4], rows[60][4], rows[119][4]), (Some(4.0), Some(6.0), Some(4.0)));
}

#[test]
fn flaggers_queries_over_a_world_of_flows() {
    check(&play(Level::Flow { histograms: true }, 0.0));
}

#[test]
fn lost_scrapes_show_in_up_and_do_not_bend_ratios() {
    let rows = play(Level::Flow { histograms: true }, 0.05);
    let up: Vec<f64> = rows[..40].iter().filter_map(|row| row[4]).collect();
    let seen = up.iter().sum::<f64>() / (4.0 * up.len() as f64);
    // 160 scrapes of pods at 5 % loss: standard deviation 1.7 points.
    assert!((0.88..1.0).contains(&seen), "{seen}");
    let success: Vec<f64> = rows[50..80].iter().filter_map(|row| row[0]).collect();
    let mean = success.iter().sum::<f64>() / success.len() as f64;
    assert!(success.len() >= 25 && (mean - 95.0).abs() < 0.5, "{} {mean}", success.len());
}
