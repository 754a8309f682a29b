//! Published figures of overload, retries and metastability (`reference/statistics.md` 1.7), at request level.
//!
//! Bounds are Monte-Carlo errors computed from the runs themselves: the standard deviation over replications, once for
//! our mean and once for the published run where that is a simulation of the same size.

use std::sync::Arc;

use backout::effect::{ServiceId, WorldDisturbance};
use backout::quantity::Ratio;
use backout::rng::{Distribution, Key};
use backout::time::{SimDuration, SimTime};
use backout::world::climate::Climate;
use backout::world::instruments::{Code, ServiceInstruments};
use backout::world::protection::{
    BudgetSpec, CallOptions, Guards, Pause, PeopleSpec, ServerOptions, StopSpec, ThrottleSpec, UserRetry,
};
use backout::world::spec::{CallSpec, ServiceSpec, Timed, WorldSpec};
use backout::world::{Common, Level, World};

use crate::worlds;

pub(crate) fn ratio(share: f64) -> Ratio {
    Ratio::new(share).unwrap()
}

pub(crate) fn seconds(seconds: f64) -> SimDuration {
    SimDuration::from_secs_f64(seconds)
}

pub(crate) fn at(second: f64) -> SimTime {
    SimTime::ZERO + seconds(second)
}

pub(crate) fn fixed(time: f64) -> Distribution<SimDuration> {
    Distribution::fixed(time).unwrap()
}

fn exponential(mean: f64) -> Distribution<SimDuration> {
    Distribution::exponential(mean).unwrap()
}

/// A service that never runs out of places; probes never find it unhealthy.
pub(crate) fn roomy(name: &str, time: Distribution<SimDuration>) -> ServiceSpec {
    let mut service = worlds::service(name, time);
    service.concurrency = 1_000_000;
    service.readiness.failure_threshold = u32::MAX;
    service.liveness.failure_threshold = u32::MAX;
    service
}

pub(crate) fn with(to: u16, options: CallOptions) -> CallSpec {
    CallSpec { options: Some(Box::new(options)), ..CallSpec::plain(ServiceId(to)) }
}

/// The world with arrivals multiplied by these factors in these spans.
pub(crate) fn start(spec: WorldSpec, seed: u64, end: f64, factors: &[(f64, f64, f64)]) -> World {
    let key = Key::root(seed, "overload").replication(0);
    let climate = Climate::new(&spec, key, at(end));
    let spans = factors.iter().map(|&(from, until, factor)| Timed {
        from: at(from),
        until: at(until),
        what: WorldDisturbance::TrafficSpike { factor },
    });
    let mut world = World::new(
        Arc::new(Common::new(spec, climate, key)),
        spans.collect::<Vec<_>>().into(),
        Level::Request,
    );
    world.begin_counting(None, false);
    world
}

pub(crate) fn instruments(world: &World) -> Vec<ServiceInstruments> {
    let mut instruments = Vec::new();
    world.instruments(&mut instruments);
    instruments
}

/// Answers of a service as its callers count them, by code.
pub(crate) fn answers(world: &World, service: usize) -> [u64; 4] {
    let pods = &instruments(world)[service].pods;
    std::array::from_fn(|code| pods.iter().map(|pod| pod.client.by_code[code]).sum())
}

pub(crate) fn received(world: &World, service: usize) -> u64 {
    answers(world, service).iter().sum()
}

/// Mean and standard deviation.
fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    (mean, (squares / (n - 1.0)).sqrt())
}

/// Compares our mean with a figure that one run (or the mean of so many runs) of the same size gave elsewhere.
fn agrees(values: &[f64], published: f64, their_runs: f64, rounding: f64, what: &str) {
    let (mean, deviation) = moments(values);
    let error = deviation * (1.0 / values.len() as f64 + 1.0 / their_runs).sqrt();
    assert!(
        (mean - published).abs() <= 4.0 * error + rounding,
        "{what}: {mean:.4} here, {published} published, standard error {error:.4}"
    );
}

#[derive(Clone, Copy, Debug)]
enum Retries {
    None,
    Three,
    Bucket,
    Breaker,
}

/// `retry_sim`: 100 clients, 10 requests a second each for 20 s, a server that fails a share of all calls. Returns
/// the share of successful requests and the calls per request.
fn retry_sim(retries: Retries, failing: f64, seed: u64) -> (f64, f64) {
    let guards = match retries {
        Retries::None | Retries::Three => None,
        Retries::Bucket => {
            Some(Guards { budget: Some(BudgetSpec { ratio: ratio(0.1), burst: 5.0 }), ..Guards::default() })
        }
        Retries::Breaker => {
            let stop = StopSpec { ratio: ratio(0.1), window: SimDuration::from_mins(60) };
            Some(Guards { stop: Some(stop), ..Guards::default() })
        }
    };
    let attempts = match retries {
        Retries::None => 1,
        Retries::Three | Retries::Breaker => 4,
        Retries::Bucket => 1000,
    };
    let mut clients = roomy("clients", fixed(1e-6));
    clients.replicas = 100;
    clients.calls = vec![CallSpec { attempts, ..with(1, CallOptions { guards, ..CallOptions::default() }) }];
    let mut server = roomy("server", exponential(0.02));
    server.error_ratio = ratio(failing);
    let spec = worlds::spec(vec![clients, server], 1000.0);
    let mut world = start(spec, seed, 30.0, &[(20.0, 1e9, 0.0)]);
    worlds::play(&mut world, at(30.0));
    let counts = world.tally().unwrap().counts;
    assert!(counts.is_conserved() && counts.in_flight == 0, "{counts:?}");
    let requests = counts.issued as f64;
    (counts.succeeded as f64 / requests, received(&world, 1) as f64 / requests)
}

#[test]
fn retries_budgets_and_breakers_cost_what_brooker_s_simulator_says() {
    let rows = [
        (Retries::None, 0.1, 0.903, 1.0),
        (Retries::None, 0.2, 0.802, 1.0),
        (Retries::None, 0.5, 0.501, 1.0),
        (Retries::Three, 0.1, 1.000, 1.109),
        (Retries::Three, 0.2, 0.998, 1.251),
        (Retries::Three, 0.5, 0.938, 1.866),
        (Retries::Bucket, 0.1, 0.987, 1.100),
        (Retries::Bucket, 0.2, 0.888, 1.118),
        (Retries::Bucket, 0.5, 0.556, 1.121),
        (Retries::Breaker, 0.1, 0.932, 1.035),
        (Retries::Breaker, 0.2, 0.799, 1.002),
        (Retries::Breaker, 0.5, 0.498, 1.0),
    ];
    for (retries, failing, success, calls) in rows {
        let runs: Vec<(f64, f64)> = (1..=8).map(|seed| retry_sim(retries, failing, seed)).collect();
        let part = |pick: fn(&(f64, f64)) -> f64| runs.iter().map(pick).collect::<Vec<_>>();
        let what = format!("{retries:?} at {failing}");
        agrees(&part(|run| run.0), success, 1.0, 0.001, &format!("success, {what}"));
        agrees(&part(|run| run.1), calls, 1.0, 0.001, &format!("calls, {what}"));
    }
}

/// A chain of services in which every layer makes so many attempts and the last one always fails.
fn amplification(layers: u16, attempts: u32) -> f64 {
    let mut services: Vec<_> = (0..=layers).map(|n| roomy(&format!("s{n}"), fixed(0.001))).collect();
    for (n, service) in services.iter_mut().enumerate().take(layers as usize) {
        service.calls = vec![CallSpec { attempts, ..CallSpec::plain(ServiceId(n as u16 + 1)) }];
    }
    services[layers as usize].error_ratio = Ratio::ONE;
    let mut world = start(worlds::spec(services, 50.0), 1, 40.0, &[(10.0, 1e9, 0.0)]);
    worlds::play(&mut world, at(40.0));
    let counts = world.tally().unwrap().counts;
    assert_eq!((counts.failed, counts.in_flight), (counts.issued, 0));
    received(&world, layers as usize) as f64 / counts.issued as f64
}

#[test]
fn layers_of_retries_multiply() {
    assert_eq!(amplification(1, 3), 3.0);
    assert_eq!(amplification(3, 4), 64.0, "the SRE book's 4^3");
    assert_eq!(amplification(5, 3), 243.0, "the Builders' Library's 3^5");
}

/// SRE book, chapter 22: 1,000 threads, 1,000 requests a second of 100 ms, of which 5 % never complete and hold their
/// thread for the deadline of 100 s. A tenth of it is played here: 100 threads and 100 requests a second have the same
/// load per thread. Of the published quotient 1000/5095 a loss system reaches all but the moments in which a thread is
/// free, which is Erlang's formula B (0.80393 for 100 threads).
#[test]
fn a_few_requests_that_never_complete_take_all_threads() {
    let mut front =
        roomy("front", Distribution::mixture(vec![(0.95, fixed(0.1)), (0.05, fixed(100.0))]).unwrap());
    front.concurrency = 100;
    front.queue = 0;
    let mut spec = worlds::spec(vec![front], 100.0);
    spec.traffic[0].timeout = Some(seconds(99.999));
    let shares: Vec<f64> = (1..=4)
        .map(|seed| {
            let mut world = start(spec.clone(), seed, 1200.0, &[]);
            worlds::play(&mut world, at(200.0));
            let before = answers(&world, 0);
            worlds::play(&mut world, at(1200.0));
            let after = answers(&world, 0);
            let [ok, _, rejected, late] = std::array::from_fn(|code| (after[code] - before[code]) as f64);
            assert!(late > 0.0, "some time out");
            (ok + late) / (ok + late + rejected)
        })
        .collect();
    let (mean, deviation) = moments(&shares);
    let error = deviation / 2.0;
    assert!((mean - (1.0 - 0.80393)).abs() < 4.0 * error + 1e-4, "{mean} +- {error}");
    agrees(&shares, 1000.0 / 5095.0, f64::INFINITY, 0.0005, "share of requests that get a thread");
}

/// SRE book, chapter 22: a backend that answers 10,000 requests a second gets 10,100, and each one it turns away comes
/// back after a second. The load grows by the 100 it lacks, every second.
#[test]
fn unanswered_load_comes_back_and_grows_by_the_excess_every_second() {
    let mut backend = roomy("backend", fixed(0.01));
    backend.concurrency = 100;
    backend.queue = 200;
    let mut spec = worlds::spec(vec![backend], 10_100.0);
    let pause = Pause { doubling: false, jitter: false };
    let retry = UserRetry { attempts: 100, backoff: seconds(1.0), pause };
    spec.traffic[0].people = Some(Box::new(PeopleSpec { retry: Some(retry), sessions: None }));
    // The queue fills in the first seconds; from then on whatever is above the limit is turned away.
    let (first, last) = (4, 11);
    let mut growth = Vec::new();
    for seed in 1..=3 {
        let mut world = start(spec.clone(), seed, 12.0, &[]);
        let mut load = Vec::new();
        let (mut seen, mut issued, mut rejected) = ([0; 4], 0, 0);
        for second in 1..=last {
            worlds::play(&mut world, at(f64::from(second)));
            let now = answers(&world, 0);
            let counts = world.tally().unwrap().counts;
            let offered = counts.issued - issued + rejected;
            rejected = now[Code::Rejected as usize] - seen[Code::Rejected as usize];
            let served = now[Code::Ok as usize] - seen[Code::Ok as usize];
            if second >= first {
                assert!(served.abs_diff(10_000) <= 1, "it serves its limit: {served}");
                assert!(
                    (served + rejected).abs_diff(offered) <= 300,
                    "new ones and those turned away before"
                );
                load.push(offered as f64);
            }
            (seen, issued) = (now, counts.issued);
        }
        growth.push((load[load.len() - 1] - load[0]) / (load.len() - 1) as f64);
    }
    // Each second's growth is 100 plus the Poisson deviation of that second's arrivals: over 7 seconds and 3 runs.
    let error = 10_100f64.sqrt() / f64::from(last - first).sqrt() / 3f64.sqrt();
    let mean = growth.iter().sum::<f64>() / 3.0;
    assert!((mean - 100.0).abs() < 3.5 * error, "{growth:?}, standard error {error:.1}");
}

/// SRE book, chapter 21: with K = 2 a backend in overload gets about twice what it accepts, whatever is asked.
#[test]
fn adaptive_throttling_sends_twice_what_is_accepted() {
    for rate in [600.0, 1500.0] {
        let throttle = ThrottleSpec { k: 2.0, window: SimDuration::from_secs(60) };
        let guards = Some(Guards { throttle: Some(throttle), ..Guards::default() });
        let mut clients = roomy("clients", fixed(1e-6));
        clients.replicas = 4;
        clients.calls = vec![with(1, CallOptions { guards, ..CallOptions::default() })];
        let mut backend = roomy("backend", fixed(0.1));
        (backend.concurrency, backend.queue) = (10, 10);
        let mut world = start(worlds::spec(vec![clients, backend], rate), 3, 400.0, &[]);
        worlds::play(&mut world, at(120.0));
        let before = answers(&world, 1);
        worlds::play(&mut world, at(320.0));
        let after = answers(&world, 1);
        let [accepted, _, rejected, _] = std::array::from_fn(|code| (after[code] - before[code]) as f64);
        // Whether an attempt is sent is a coin toss: the number sent has at most the variance of its mean.
        let error = (accepted + rejected).sqrt() / accepted;
        let sent = (accepted + rejected) / accepted;
        assert!((accepted / 200.0 - 100.0).abs() < 1.0, "{accepted} in 200 s");
        assert!((sent - 2.0).abs() < 4.0 * error + 0.01, "at {rate}/s: {sent} +- {error}");
    }
}

/// `simple_collapse_sim`: a server that takes 1 s and 10 ms more for each request in flight, a network of 100 ms each
/// way, three attempts of 3 s. Successes in each second, one row a run.
fn collapse(backoff: f64, base: f64, factors: &[(f64, f64, f64)], runs: u64, until: u32) -> Vec<Vec<f64>> {
    let mut outward = roomy("network-out", exponential(0.1));
    outward.calls = vec![CallSpec::plain(ServiceId(1)), CallSpec::plain(ServiceId(2))];
    let mut server = roomy("server", fixed(1.0));
    server.server = Some(ServerOptions { contention: seconds(0.01), ..ServerOptions::default() });
    let mut spec = worlds::spec(vec![outward, server, roomy("network-back", exponential(0.1))], base);
    spec.traffic[0].timeout = Some(seconds(3.0));
    let retry = UserRetry { attempts: 3, backoff: seconds(backoff), pause: Pause::default() };
    spec.traffic[0].people = Some(Box::new(PeopleSpec { retry: Some(retry), sessions: None }));
    (1..=runs)
        .map(|seed| {
            let mut world = start(spec.clone(), seed, 100.0, factors);
            let mut before = 0;
            (1..=until)
                .map(|second| {
                    worlds::play(&mut world, at(f64::from(second)));
                    let now = world.tally().unwrap().counts.succeeded;
                    let row = now - before;
                    before = now;
                    row as f64
                })
                .collect()
        })
        .collect()
}

/// Successes of the second that begins at `second`, one entry a run.
fn in_second(runs: &[Vec<f64>], second: usize) -> Vec<f64> {
    runs.iter().map(|run| run[second]).collect()
}

#[test]
fn a_spike_is_over_and_without_backoff_the_collapse_is_not() {
    let spike = [(20.0, 25.0, 2.0)];
    let without = collapse(0.0, 40.0, &spike, 16, 80);
    for (second, published) in [(10, 39.6), (27, 15.1), (40, 6.8), (50, 6.0), (79, 6.1)] {
        agrees(&in_second(&without, second), published, 40.0, 0.05, &format!("no back-off, second {second}"));
    }
    let with = collapse(20.0, 40.0, &spike, 16, 61);
    for (second, published) in [(27, 20.3), (30, 50.3), (40, 47.3), (60, 39.0)] {
        agrees(&in_second(&with, second), published, 40.0, 0.05, &format!("back-off, second {second}"));
    }
}

#[test]
fn a_slow_ramp_collapses_with_and_without_backoff() {
    let ramp: Vec<(f64, f64, f64)> = (0..150)
        .map(|half| {
            let from = f64::from(half) / 2.0;
            (from, from + 0.5, (80.0 - 1.6 * (from + 0.25 - 25.0).abs()) / 80.0)
        })
        .collect();
    for backoff in [0.0, 20.0] {
        let runs = collapse(backoff, 80.0, &ramp, 6, 34);
        let (before, _) = moments(&in_second(&runs, 10));
        assert!(before > 45.0, "{before} successes in second 10");
        for second in 30..=33 {
            let (mean, _) = moments(&in_second(&runs, second));
            assert!(mean < 1.0, "back-off {backoff}: {mean} successes in second {second}");
        }
    }
}
