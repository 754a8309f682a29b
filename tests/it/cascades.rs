//! What turns a small failure into a large one in the simulated world: caches that are lost, checks that eject
//! everything, autoscalers that take waiting for idling, crowds that come back together.

use backout::effect::{Action, Revision, ServiceId, SetName, Which, WorldDisturbance};
use backout::world::World;
use backout::world::autoscaler::AutoscalerSpec;
use backout::world::caching::CacheSpec;
use backout::world::instruments::Code;
use backout::world::protection::{CallOptions, EjectionSpec, Pause, PeopleSpec, ServerOptions, UserRetry};
use backout::world::spec::{CallSpec, TimedDisturbance, WorldSpec};

use crate::metastable::{CAPACITY, disturbed, during, recovered, server, system};
use crate::overload::{answers, at, fixed, instruments, ratio, received, roomy, seconds};
use crate::worlds;

/// An application with a cache in front of its calls.
fn cached(load: f64, cache: CacheSpec, pods: u32) -> WorldSpec {
    let mut spec = system(load, 1e6, 1.0, 1);
    spec.services[0].replicas = pods;
    spec.services[1].service_time = fixed(0.001);
    spec.services[0].calls[0].options =
        Some(Box::new(CallOptions { cache: Some(cache), ..CallOptions::default() }));
    spec
}

fn cache(hit_ratio: f64, keys: u32, skew: f64) -> CacheSpec {
    CacheSpec { hit_ratio: ratio(hit_ratio), keys, skew, ttl: None, shared: true }
}

fn loss(at_second: f64, share: f64) -> TimedDisturbance {
    let what = WorldDisturbance::CacheLoss { service: None, share: ratio(share), salt: 3 };
    during(at_second, at_second, what)
}

/// Calls that reach the callee and requests, from one second to another.
fn calls_and_requests(world: &mut World, from: f64, until: f64) -> (f64, f64) {
    worlds::play(world, at(from));
    let (calls, issued) = (received(world, 1), world.tally().unwrap().counts.issued);
    worlds::play(world, at(until));
    let requests = world.tally().unwrap().counts.issued - issued;
    ((received(world, 1) - calls) as f64, requests as f64)
}

#[test]
fn the_loss_of_a_cache_is_ten_times_the_load_and_feeds_itself_unless_the_database_sheds() {
    // 90 % of hits in front of 300 queries a second: 3,000 are advertised, 1,000 are asked for.
    let behind = |keys: u32| {
        let mut spec = cached(1000.0, cache(0.9, keys, 0.0), 1);
        spec.services[1] = server("db", CAPACITY);
        spec
    };
    let mut world = disturbed(behind(50_000), 1, 60.0, vec![loss(20.0, 1.0)]);
    let (calls, requests) = calls_and_requests(&mut world, 5.0, 20.0);
    let error = (0.9 * 0.1 / requests).sqrt();
    assert!((calls / requests - 0.1).abs() < 4.0 * error + 0.001, "{calls} of {requests}");
    let (lost, _) = calls_and_requests(&mut world, 30.0, 45.0);
    // Both are Poisson numbers.
    let amplification = lost / calls;
    assert!((amplification - 10.0).abs() < 4.0 * 10.0 * (1.0 / calls + 1.0 / lost).sqrt(), "{amplification}");
    // The answers of the first second are in time and fill some 400 entries; all later ones fill nothing.
    let mut spec = behind(5000);
    assert_eq!(recovered(2, 65.0, &spec, &[loss(20.0, 1.0)]), 0);
    spec.services[1].queue = 200;
    assert_eq!(recovered(2, 65.0, &spec, &[loss(20.0, 1.0)]), 2, "300 answers a second fill it again");
}

#[test]
fn entries_with_a_time_to_live_miss_as_often_as_renewal_theory_says() {
    let spec = CacheSpec { ttl: Some(seconds(5.0)), ..cache(1.0, 50, 0.8) };
    let (load, ttl) = (100.0, 5.0);
    let share = |entry| {
        let popularity = spec.popularity(entry);
        popularity / (1.0 + load * popularity * ttl)
    };
    let expected: f64 = (0..50).map(share).sum();
    let mut world = disturbed(cached(load, spec, 1), 1, 420.0, vec![]);
    let (calls, requests) = calls_and_requests(&mut world, 20.0, 420.0);
    let error = (expected / requests).sqrt();
    assert!((calls / requests - expected).abs() < 4.0 * error, "{} instead of {expected}", calls / requests);
}

#[test]
fn a_loss_hits_its_share_and_a_cache_in_a_pod_dies_with_it() {
    let spec = cached(200.0, cache(1.0, 100_000, 0.0), 1);
    let mut world = disturbed(spec, 1, 30.0, vec![loss(10.0, 0.5)]);
    assert_eq!(calls_and_requests(&mut world, 1.0, 10.0).0, 0.0, "it is full when the world begins");
    let (calls, requests) = calls_and_requests(&mut world, 10.0, 15.0);
    assert!((calls / requests - 0.5).abs() < 4.0 * 0.5 / requests.sqrt(), "{calls} of {requests}");

    let killed = || {
        let which = Which::Count { count: 1, salt: 1 };
        let (graceful, restarts, back_after) = (false, true, seconds(1.0));
        let what =
            WorldDisturbance::PodsDown { service: Some(ServiceId(0)), which, graceful, restarts, back_after };
        vec![during(10.0, 1e6, what)]
    };
    for shared in [true, false] {
        let spec = cached(400.0, CacheSpec { shared, ..cache(1.0, 10_000, 0.0) }, 4);
        let mut world = disturbed(spec, 1, 60.0, killed());
        assert_eq!(calls_and_requests(&mut world, 1.0, 10.0).0, 0.0);
        let (calls, requests) = calls_and_requests(&mut world, 30.0, 35.0);
        // A quarter of the requests meets the new process, where after 10 to 20 s at 100/s 10 to 20 % are there again.
        let share = calls / requests;
        assert!(
            if shared { calls == 0.0 } else { (0.18..0.25).contains(&share) },
            "shared: {shared}, {share}"
        );
    }
}

#[test]
fn new_cache_keys_find_nothing_and_the_old_revision_finds_what_it_had() {
    let mut spec = cached(200.0, cache(1.0, 100_000, 0.0), 2);
    spec.services[0].readiness.period = seconds(1.0);
    let mut world = disturbed(spec, 1, 120.0, vec![]);
    worlds::play(&mut world, at(5.0));
    world.deploy(vec![during(5.0, 1e6, WorldDisturbance::NewCacheKeys)].into(), seconds(0.0));
    world.perform(&Action::Scale(SetName::New, 2));
    worlds::play(&mut world, at(20.0));
    world.perform(&Action::Scale(SetName::Old, 0));
    let (calls, requests) = calls_and_requests(&mut world, 30.0, 35.0);
    assert!(calls > 0.9 * requests, "{calls} of {requests}");
    assert!(world.tally().unwrap().touched >= calls as u64);
    world.perform(&Action::Scale(SetName::Old, 2));
    worlds::play(&mut world, at(55.0));
    world.perform(&Action::Scale(SetName::New, 0));
    assert_eq!(calls_and_requests(&mut world, 65.0, 75.0).0, 0.0);
}

fn ejection(panic_threshold: f64) -> EjectionSpec {
    EjectionSpec {
        consecutive: 5,
        interval: seconds(10.0),
        base: seconds(30.0),
        longest: seconds(300.0),
        most: ratio(1.0),
        panic_threshold: ratio(panic_threshold),
    }
}

/// Four pods behind a router that ejects.
fn ejecting(rule: Option<EjectionSpec>) -> WorldSpec {
    let mut shop = roomy("shop", fixed(0.01));
    shop.replicas = 4;
    shop.server = rule.map(|rule| ServerOptions { ejection: Some(rule), ..ServerOptions::default() });
    worlds::spec(vec![shop], 100.0)
}

#[test]
fn checks_that_eject_everything_outlast_the_outage_unless_the_router_panics() {
    let errors = || WorldDisturbance::DependencyErrors { service: None, share: ratio(1.0) };
    let good = |rule: Option<EjectionSpec>, from: f64, until: f64| {
        let mut world = disturbed(ejecting(rule), 1, 120.0, vec![during(10.0, 20.0, errors())]);
        worlds::play(&mut world, at(from));
        let before = world.tally().unwrap().counts;
        worlds::play(&mut world, at(until));
        let counts = world.tally().unwrap().counts.minus(&before);
        counts.succeeded as f64 / counts.issued as f64
    };
    assert!(good(None, 20.5, 39.0) > 0.99);
    assert_eq!(good(Some(ejection(0.0)), 20.5, 39.0), 0.0, "every pod is out for 30 s");
    assert!(good(Some(ejection(0.5)), 20.5, 39.0) > 0.99, "all are used again as soon as most are out");
    assert!(good(Some(ejection(0.0)), 41.0, 60.0) > 0.99, "and then they are back");
    let most = EjectionSpec { most: ratio(0.5), ..ejection(0.0) };
    assert!(good(Some(most), 20.5, 39.0) > 0.99, "half of them always stay");
}

#[test]
fn a_bad_pod_is_out_most_of_the_time_and_longer_each_time() {
    let failed = |rule: Option<EjectionSpec>, until: f64| {
        let mut world = disturbed(ejecting(rule), 1, 300.0, vec![]);
        worlds::play(&mut world, at(5.0));
        let what = WorldDisturbance::Errors { revision: Revision::Candidate, share: ratio(1.0) };
        world.deploy(vec![during(5.0, 1e6, what)].into(), seconds(0.0));
        world.perform(&Action::Scale(SetName::New, 1));
        worlds::play(&mut world, at(until));
        world.tally().unwrap().counts.failed
    };
    assert!(failed(None, 65.0) > 400, "a fifth of the requests of more than 20 s");
    // Out for 30 s, 60 s, 90 s: five failures each, and a few that were under way.
    let until = [65.0, 150.0, 290.0].map(|until| failed(Some(ejection(0.5)), until));
    assert!(until[0] <= 12 && until[2] <= 30 && until[2] > until[0], "{until:?}");
}

/// Pods that wait for a slow dependency use no processor.
fn waiting_shop(scales: bool) -> WorldSpec {
    let mut shop = roomy("shop", fixed(0.05));
    (shop.replicas, shop.concurrency, shop.queue) = (8, 1, 5);
    (shop.cpu_per_request, shop.cpu_limit, shop.cpu_request) = (0.05, 1.0, 0.5);
    shop.calls = vec![CallSpec::plain(ServiceId(1))];
    shop.autoscaler = scales.then(|| AutoscalerSpec {
        min: 1,
        max: 8,
        target: ratio(0.5),
        sync: seconds(15.0),
        tolerance: ratio(0.1),
        stabilize_up: seconds(0.0),
        stabilize_down: seconds(60.0),
    });
    worlds::spec(vec![shop, roomy("pricing", fixed(0.02))], 40.0)
}

#[test]
fn an_autoscaler_takes_waiting_pods_for_idle_ones() {
    // 40/s of 50 ms are 2 cores; 8 pods at half of half a core each carry just that.
    let waits =
        WorldDisturbance::Waits { service: Some(ServiceId(1)), share: ratio(1.0), wait: seconds(10.0) };
    let play = |scales: bool| {
        let mut world = disturbed(waiting_shop(scales), 1, 600.0, vec![during(120.0, 360.0, waits.clone())]);
        worlds::play(&mut world, at(119.0));
        let ready = |world: &World| instruments(world)[0].pods.iter().filter(|pod| pod.ready).count();
        let before = ready(&world);
        worlds::play(&mut world, at(359.0));
        let during = ready(&world);
        worlds::play(&mut world, at(371.0));
        let counts = world.tally().unwrap().counts;
        worlds::play(&mut world, at(386.0));
        let after = world.tally().unwrap().counts.minus(&counts);
        (before, during, after.rejected as f64 / after.issued as f64)
    };
    let (before, during, refused) = play(true);
    assert!(before == 8 && during <= 2, "{before} pods, {during} while they wait");
    assert!(refused > 0.1, "users are refused after the dependency is well again: {refused}");
    let (before, during, refused) = play(false);
    assert!(before == 8 && during == 8 && refused < 0.02, "{before} {during} {refused}");
}

/// One pod with room for 100 requests of two seconds, and users who come back five seconds after a failure.
fn herd(jitter: bool) -> WorldSpec {
    let mut api = roomy("api", fixed(2.0));
    (api.concurrency, api.queue) = (100, 0);
    api.readiness.initial_delay = seconds(0.0);
    api.readiness.period = seconds(0.5);
    let mut spec = worlds::spec(vec![api], 40.0);
    let pause = Pause { doubling: false, jitter };
    let retry = UserRetry { attempts: 6, backoff: seconds(5.0), pause };
    spec.traffic[0].people = Some(Box::new(PeopleSpec { retry: Some(retry), sessions: None }));
    spec
}

#[test]
fn callers_of_a_process_that_dies_come_back_together_unless_they_jitter() {
    // About 80 requests are open when the process dies at 20 s, and about 80 new ones at 25 s, when the others are back.
    let which = Which::Count { count: 1, salt: 1 };
    let (graceful, restarts, back_after) = (false, true, seconds(1.0));
    let dies = WorldDisturbance::PodsDown { service: None, which, graceful, restarts, back_after };
    let turned_away = |jitter: bool| {
        let mut world = disturbed(herd(jitter), 1, 40.0, vec![during(20.0, 1e6, dies.clone())]);
        [25.0, 30.0].map(|second| {
            let rejected = |world: &World| answers(world, 0)[Code::Rejected as usize];
            worlds::play(&mut world, at(second - 0.005));
            let before = rejected(&world);
            worlds::play(&mut world, at(second + 0.005));
            rejected(&world) - before
        })
    };
    let together = turned_away(false);
    assert!(together[0] > 30 && together[1] > 10, "{together:?}");
    let spread = turned_away(true);
    assert!(spread.iter().all(|&n| n <= 3), "{spread:?}");
}
