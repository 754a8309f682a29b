//! What calls, callers, pods and users do beyond plain calls, each feature by itself in a small world.

use std::sync::Arc;

use backout::effect::ServiceId;
use backout::quantity::Rate;
use backout::rng::Distribution;
use backout::time::SimDuration;
use backout::world::World;
use backout::world::instruments::Code;
use backout::world::protection::{
    BreakerSpec, CallOptions, Guards, PeopleSpec, PoolSpec, QueueOrder, ServerOptions, SessionSpec,
};
use backout::world::spec::{CallSpec, WorldSpec};

use crate::overload::{answers, at, fixed, instruments, ratio, received, roomy, seconds, start, with};
use crate::worlds;

const OK: usize = Code::Ok as usize;

/// A front that takes no time and makes these calls, and the services it calls; drained after 100 s.
fn front(calls: Vec<CallSpec>, behind: Vec<backout::world::spec::ServiceSpec>) -> World {
    let mut first = roomy("front", fixed(1e-6));
    first.calls = calls;
    let spec = worlds::spec([vec![first], behind].concat(), 50.0);
    let mut world = start(spec, 1, 300.0, &[(100.0, 1e9, 0.0)]);
    worlds::play(&mut world, at(300.0));
    let counts = world.tally().unwrap().counts;
    assert!(counts.is_conserved() && counts.in_flight == 0, "{counts:?}");
    world
}

fn mean_latency(world: &World) -> f64 {
    let pods = &instruments(world)[0].pods;
    pods.iter().map(|p| p.client.seconds).sum::<f64>() / received(world, 0) as f64
}

#[test]
fn calls_are_made_by_chance_and_several_times() {
    let options = CallOptions { probability: ratio(0.3), count: 3, ..CallOptions::default() };
    let world = front(vec![with(1, options)], vec![roomy("b", fixed(0.1))]);
    let requests = received(&world, 0) as f64;
    let calls = received(&world, 1) as f64 / 3.0;
    assert_eq!(calls.fract(), 0.0, "all three or none");
    assert!((calls - 0.3 * requests).abs() < 4.0 * (0.3 * 0.7 * requests).sqrt(), "{calls} of {requests}");
    assert!((mean_latency(&world) - 0.3 * calls / requests).abs() < 0.001, "one after the other");
}

#[test]
fn a_group_takes_as_long_as_its_slowest_and_fails_with_any() {
    let in_group = || CallOptions { group: Some(0), ..CallOptions::default() };
    let twice = CallOptions { count: 2, ..in_group() };
    let calls = || vec![with(1, in_group()), with(2, twice.clone()), CallSpec::plain(ServiceId(3))];
    let behind = |failing: f64| {
        let mut b = roomy("b", fixed(0.2));
        b.error_ratio = ratio(failing);
        vec![b, roomy("c", fixed(0.5)), roomy("d", fixed(0.1))]
    };
    let world = front(calls(), behind(0.0));
    assert!((mean_latency(&world) - 0.6).abs() < 1e-4, "{}", mean_latency(&world));
    let all = received(&world, 0);
    assert_eq!([1, 2, 3].map(|s| received(&world, s)), [all, 2 * all, all]);

    let world = front(calls(), behind(1.0));
    assert!((mean_latency(&world) - 0.2).abs() < 1e-4, "it fails as soon as one has failed");
    assert_eq!((world.tally().unwrap().counts.failed, received(&world, 3)), (all, 0));
    assert_eq!(received(&world, 2), 2 * all, "the others were on their way");
}

#[test]
fn a_failed_part_can_be_left_out() {
    let options = CallOptions { ignore_failure: true, ..CallOptions::default() };
    let mut broken = roomy("b", fixed(0.1));
    broken.error_ratio = ratio(1.0);
    let attempts = CallSpec { attempts: 2, ..with(1, options) };
    let world = front(vec![attempts, CallSpec::plain(ServiceId(2))], vec![broken, roomy("c", fixed(0.1))]);
    let all = world.tally().unwrap().counts.issued;
    assert_eq!(world.tally().unwrap().counts.succeeded, all);
    assert_eq!([1, 2].map(|s| received(&world, s)), [2 * all, all]);
}

/// SRE book, chapter 22: a deadline of 30 s, 7 s spent by the first server and 4 s by the second, leaves 23 s and 19 s.
#[test]
fn deadlines_are_passed_on() {
    let mut a = roomy("a", fixed(7.0));
    let mut b = roomy("b", fixed(4.0));
    let passing = CallOptions { pass_deadline: true, ..CallOptions::default() };
    let call = |to| CallSpec { timeout: Some(seconds(60.0)), attempts: 3, ..with(to, passing.clone()) };
    (a.calls, b.calls) = (vec![call(1)], vec![call(2)]);
    let mut spec = worlds::spec(vec![a, b, roomy("c", fixed(1000.0))], 1.0);
    spec.traffic[0].timeout = Some(seconds(30.0));
    let mut world = start(spec, 1, 200.0, &[(100.0, 1e9, 0.0)]);
    worlds::play(&mut world, at(200.0));
    let issued = world.tally().unwrap().counts.issued;
    for (service, left) in [(0, 30.0), (1, 23.0), (2, 19.0)] {
        let pod = &instruments(&world)[service].pods[0];
        assert_eq!(pod.client.by_code[Code::TimedOut as usize], issued, "one attempt each");
        assert!((pod.client.seconds / issued as f64 - left).abs() < 1e-6, "{}", pod.client.seconds);
    }
}

#[test]
fn work_whose_deadline_is_over_is_not_begun() {
    let served = |pass_deadline| {
        let mut slow = roomy("slow", fixed(1.0));
        slow.concurrency = 1;
        let call = CallSpec {
            timeout: Some(seconds(3.0)),
            ..with(1, CallOptions { pass_deadline, ..CallOptions::default() })
        };
        let world = front(vec![call], vec![slow]);
        let pod = instruments(&world)[1].pods[0];
        (world.tally().unwrap().counts.succeeded, pod.server.by_code[OK])
    };
    let ((good, in_vain), (_, with)) = (served(false), served(true));
    assert!(good < 10 && in_vain >= 299, "all of it for nobody: {good} of {in_vain}");
    assert!((95..=105).contains(&with), "nothing is left to do when the last caller has given up: {with}");
}

#[test]
fn an_open_breaker_sends_probes_only_and_closes_when_they_succeed() {
    let breaker = BreakerSpec {
        consecutive: Some(5),
        error_ratio: None,
        minimum: 0,
        window: seconds(10.0),
        open: seconds(10.0),
        probes: 1,
    };
    let guards = Some(Guards { breaker: Some(breaker), ..Guards::default() });
    let calls = || vec![with(1, CallOptions { guards, ..CallOptions::default() })];
    let mut broken = roomy("b", fixed(0.001));
    broken.error_ratio = ratio(1.0);
    let world = front(calls(), vec![broken]);
    // Five failures open it, and one more call may be on its way by then; the next request after each 10 s is a probe.
    assert!((5 + 9..=6 + 9).contains(&received(&world, 1)), "{}", received(&world, 1));
    let counts = world.tally().unwrap().counts;
    assert_eq!(counts.failed, counts.issued, "the others fail on the spot");
    let mut shaky = roomy("b", fixed(0.001));
    shaky.error_ratio = ratio(0.02);
    let world = front(calls(), vec![shaky]);
    assert_eq!(received(&world, 1), world.tally().unwrap().counts.issued, "five in a row never come");
}

#[test]
fn a_pool_holds_back_what_its_size_does_not_let_through() {
    let run = |waiting, timeout: Option<f64>| {
        let pool = PoolSpec { size: 4, waiting, timeout: timeout.map(seconds) };
        let guards = Some(Guards { pool: Some(pool), ..Guards::default() });
        front(vec![with(1, CallOptions { guards, ..CallOptions::default() })], vec![roomy("b", fixed(0.1))])
    };
    // 4 connections of 0.1 s carry 40 of the 50 requests a second.
    let patient = run(100_000, None);
    let counts = patient.tally().unwrap().counts;
    assert_eq!(counts.succeeded, counts.issued);
    assert!(mean_latency(&patient) > 5.0, "they wait for a connection: {}", mean_latency(&patient));
    for world in [run(0, None), run(10, None), run(100_000, Some(0.2))] {
        let counts = world.tally().unwrap().counts;
        assert_eq!(counts.succeeded, received(&world, 1), "the others never leave the caller");
        assert_eq!(counts.succeeded + counts.failed, counts.issued);
        assert!(mean_latency(&world) < 0.4, "{}", mean_latency(&world));
        // Without waiting this is a loss system: Erlang's B for 4 places and a load of 5 is 0.398.
        let share = counts.succeeded as f64 / counts.issued as f64;
        assert!((0.58..0.84).contains(&share), "{counts:?}");
    }
}

/// A pod that is asked for twice what it can do, by users who wait for a second.
fn overloaded(server: ServerOptions) -> World {
    let mut pod = roomy("pod", fixed(0.1));
    (pod.concurrency, pod.queue) = (10, 500);
    pod.server = Some(server);
    let mut spec = worlds::spec(vec![pod], 200.0);
    spec.traffic[0].timeout = Some(seconds(1.0));
    let mut world = start(spec, 1, 120.0, &[]);
    worlds::play(&mut world, at(100.0));
    assert!(world.tally().unwrap().counts.is_conserved());
    world
}

#[test]
fn disciplines_decide_what_overload_leaves() {
    let good = |server| overloaded(server).tally().unwrap().counts.succeeded as f64 / 100.0;
    let plain = ServerOptions::default();
    let fifo = good(plain);
    assert!(fifo < 15.0, "everybody gives up before the turn comes: {fifo}/s");
    let lifo = good(ServerOptions { order: QueueOrder::Lifo, ..plain });
    let adaptive = good(ServerOptions { order: QueueOrder::Adaptive, ..plain });
    let target = good(ServerOptions { target: Some(seconds(0.5)), ..plain });
    let shed = good(ServerOptions { shed_queue: Some(ratio(0.1)), ..plain });
    let busy = good(ServerOptions { shed_utilisation: Some(ratio(1.0)), ..plain });
    for (what, good) in
        [("lifo", lifo), ("adaptive", adaptive), ("target", target), ("queue", shed), ("utilisation", busy)]
    {
        assert!((60.0..=100.5).contains(&good), "{what}: {good}/s of 100");
    }
    assert!(target > 95.0 && shed > 95.0, "{target} {shed}");
}

fn sessions(think: f64, service: f64) -> WorldSpec {
    let mut spec = worlds::spec(vec![roomy("shop", fixed(service))], 2.0);
    let think = Distribution::exponential(think).unwrap();
    let sessions = Some(SessionSpec { requests: 5.0, think });
    spec.traffic[0].people = Some(Box::new(PeopleSpec { retry: None, sessions }));
    spec
}

#[test]
fn sessions_send_their_requests_one_after_the_other() {
    let mut world = start(sessions(3.0, 1.0), 1, 2200.0, &[(2000.0, 1e9, 0.0)]);
    let mut in_flight = 0.0;
    for look in 1..=20_000 {
        worlds::play(&mut world, at(f64::from(look) / 10.0));
        in_flight += world.tally().unwrap().counts.in_flight as f64 / 20_000.0;
    }
    let rate = world.tally().unwrap().counts.issued as f64 / 2000.0;
    assert!((in_flight - rate).abs() < 0.02, "Little's law, 1 s each: {in_flight} in flight, {rate}/s");
    worlds::play(&mut world, at(2200.0));
    let counts = world.tally().unwrap().counts;
    assert!(counts.is_conserved() && counts.in_flight == 0, "{counts:?}");
    // 4000 sessions of geometric length: variance of the sum 4000 x (20 + 25).
    let expected = 4000.0 * 5.0;
    let error = (4000f64 * 45.0).sqrt();
    assert!((counts.issued as f64 - expected).abs() < 4.0 * error, "{counts:?}");
}

#[test]
fn what_a_waiting_user_never_sent_counts_as_bad() {
    let fast = || {
        let mut world = start(sessions(1.0, 0.1), 1, 300.0, &[]);
        world.begin_counting(None, true);
        worlds::play(&mut world, at(200.0));
        world
    };
    let without = fast();
    let reference = Arc::new(without.outcomes().unwrap().clone());
    let counts = |service| {
        let mut world = start(sessions(1.0, service), 1, 300.0, &[]);
        world.begin_counting(Some(Arc::clone(&reference)), false);
        worlds::play(&mut world, at(200.0));
        let sent = world.tally().unwrap().counts;
        world.end_counting();
        let tally = world.tally().unwrap();
        assert!(tally.counts.is_conserved());
        (sent, tally.counts, tally.harm)
    };
    let (sent, ended, harm) = counts(0.1);
    assert_eq!((sent, harm.total()), (ended, 0), "the same world harms nobody");
    let (sent, ended, harm) = counts(40.0);
    assert!(harm.timed_out > 200, "{harm:?}");
    assert_eq!(ended.issued - sent.issued, harm.timed_out);
    let fewer = without.tally().unwrap().counts.issued - sent.issued;
    assert!(harm.timed_out.abs_diff(fewer) <= 20, "all but those in flight there: {harm:?}, {fewer}");
}

/// Every feature at once, for laws that hold whatever happens.
pub(crate) fn everything(seed: u64) -> WorldSpec {
    let guards = Guards {
        budget: Some(backout::world::protection::BudgetSpec { ratio: ratio(0.2), burst: 3.0 }),
        stop: Some(backout::world::protection::StopSpec { ratio: ratio(0.6), window: seconds(10.0) }),
        breaker: Some(BreakerSpec {
            consecutive: Some(6),
            error_ratio: Some(ratio(0.6)),
            minimum: 10,
            window: seconds(10.0),
            open: seconds(2.0),
            probes: 2,
        }),
        throttle: Some(backout::world::protection::ThrottleSpec { k: 1.5, window: seconds(20.0) }),
        pool: Some(PoolSpec { size: 3, waiting: 2, timeout: Some(SimDuration::from_millis(60)) }),
    };
    let call = |to, options| CallSpec {
        timeout: Some(SimDuration::from_millis(120)),
        attempts: 3,
        backoff: SimDuration::from_millis(10),
        ..with(to, options)
    };
    let base =
        CallOptions { pass_deadline: seed.is_multiple_of(2), guards: Some(guards), ..CallOptions::default() };
    let group = CallOptions { group: Some(0), count: 2, probability: ratio(0.7), ..base.clone() };
    let names = ["front", "left", "right", "deep"];
    let mut services: Vec<_> = names
        .iter()
        .map(|name| {
            let mut s = worlds::service(name, Distribution::lognormal(0.02, 0.2).unwrap());
            (s.replicas, s.concurrency, s.queue) = (2, 4, 4);
            s.error_ratio = ratio(0.03);
            s.server = Some(ServerOptions {
                contention: SimDuration::from_millis(2),
                shed_utilisation: None,
                shed_queue: Some(ratio(0.9)),
                order: [QueueOrder::Lifo, QueueOrder::Adaptive, QueueOrder::Fifo][(seed % 3) as usize],
                target: Some(SimDuration::from_millis(80)),
                ejection: None,
            });
            s
        })
        .collect();
    services[0].concurrency = 30;
    services[0].calls = vec![call(1, group.clone()), call(2, group)];
    services[1].calls = vec![call(3, CallOptions { ignore_failure: true, count: 2, ..base.clone() })];
    services[2].calls = vec![call(3, base)];
    let mut spec = worlds::spec(services, 12.0);
    spec.target = ServiceId(3);
    spec.traffic[0].timeout = Some(SimDuration::from_millis(400));
    let retry = backout::world::protection::UserRetry {
        attempts: 3,
        backoff: SimDuration::from_millis(100),
        pause: Default::default(),
    };
    let think = Distribution::exponential(0.5).unwrap();
    let sessions = Some(SessionSpec { requests: 4.0, think });
    spec.traffic[0].people = Some(Box::new(PeopleSpec { retry: Some(retry), sessions }));
    let mut plain = worlds::traffic(5.0);
    (plain.name, plain.rate) = ("robots".to_owned(), Rate::per_second(5.0).unwrap());
    spec.traffic.push(plain);
    spec
}

#[test]
fn clones_with_every_feature_stay_equal() {
    for seed in 0..3 {
        let mut world = start(everything(seed), seed, 200.0, &[(40.0, 60.0, 3.0)]);
        worlds::play(&mut world, at(50.0));
        let mut branch = world.clone();
        for second in [60.0, 90.0, 150.0] {
            worlds::play(&mut world, at(second));
            worlds::play(&mut branch, at(second));
            assert_eq!(world.tally().unwrap().counts, branch.tally().unwrap().counts);
            assert_eq!(instruments(&world), instruments(&branch));
        }
        let counts = world.tally().unwrap().counts;
        assert!(counts.is_conserved() && counts.succeeded > 0 && counts.bad() > 0, "{counts:?}");
        assert!(answers(&world, 3).iter().all(|&n| n > 0), "every kind of answer: {:?}", answers(&world, 3));
    }
}
