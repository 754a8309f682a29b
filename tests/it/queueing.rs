//! The agenda carries textbook queues whose steady state is known in closed form.
//!
//! The queue here is small and local to the test, so that a failure points at the engine. Every figure is held
//! against theory within a few standard errors of its own run (batch means), and the standard error itself must be
//! small, or the comparison would prove nothing. Seeds are fixed.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use backout::engine::{Agenda, Class, End, run_until};
use backout::time::{SimDuration, SimTime};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::queueing_theory as theory;

const CLASS: Class = Class::new(0);
/// Room for everybody.
const UNBOUNDED: usize = usize::MAX;
/// Standard errors a figure may be off: about 7 in a million runs by chance.
const ERRORS: f64 = 4.5;

/// Service times with mean 1 s.
#[derive(Clone, Copy, Debug)]
enum Service {
    Deterministic,
    Erlang(u32),
    Exponential,
    /// Two exponential phases with balanced means and this squared coefficient of variation.
    Hyperexponential(f64),
}

impl Service {
    fn draw(self, rng: &mut Xoshiro256PlusPlus) -> f64 {
        match self {
            Service::Deterministic => 1.0,
            Service::Erlang(phases) => (0..phases).map(|_| exponential(rng)).sum::<f64>() / f64::from(phases),
            Service::Exponential => exponential(rng),
            Service::Hyperexponential(scv) => {
                let p = (1.0 + ((scv - 1.0) / (scv + 1.0)).sqrt()) / 2.0;
                let branch = if uniform(rng) < p { p } else { 1.0 - p };
                exponential(rng) / (2.0 * branch)
            }
        }
    }
}

/// In (0, 1], so that its logarithm is finite.
fn uniform(rng: &mut Xoshiro256PlusPlus) -> f64 {
    ((rng.next_u64() >> 11) + 1) as f64 / (1u64 << 53) as f64
}

fn exponential(rng: &mut Xoshiro256PlusPlus) -> f64 {
    -libm::log(uniform(rng))
}

#[derive(Clone, Copy)]
enum Event {
    Arrival,
    Departure { arrived: SimTime },
}

/// A FIFO station with Poisson arrivals, run until `arrivals` customers came and all have left.
struct Station {
    rng: Xoshiro256PlusPlus,
    arrival_rate: f64,
    service: Service,
    servers: usize,
    /// Customers it holds at most, those in service included.
    room: usize,
    arrivals: usize,
    busy: usize,
    queue: VecDeque<SimTime>,
    /// Of each arrival in order: whether it was turned away.
    blocked: Vec<f64>,
    /// Of each served customer in order of service: waiting time [s].
    waiting: Vec<f64>,
    /// Of each served customer in order of departure: sojourn time [s].
    sojourn: Vec<f64>,
    /// Sum of all sojourn times, and the integral of the number in the system over time [ns].
    sojourn_ns: u128,
    area_ns: u128,
    changed: SimTime,
}

impl Station {
    fn new(
        servers: u32,
        arrival_rate: f64,
        service: Service,
        room: usize,
        arrivals: usize,
        seed: u64,
    ) -> Self {
        Station {
            rng: Xoshiro256PlusPlus::seed_from_u64(seed),
            arrival_rate,
            service,
            servers: servers as usize,
            room,
            arrivals,
            busy: 0,
            queue: VecDeque::new(),
            blocked: Vec::with_capacity(arrivals),
            waiting: Vec::with_capacity(arrivals),
            sojourn: Vec::with_capacity(arrivals),
            sojourn_ns: 0,
            area_ns: 0,
            changed: SimTime::ZERO,
        }
    }

    fn run(mut self) -> Self {
        let mut agenda = Agenda::new();
        self.schedule_arrival(SimTime::ZERO, &mut agenda);
        let run = run_until(&mut agenda, SimTime::NEVER, 3 * self.arrivals as u64, |now, event, agenda| {
            self.handle(now, event, agenda);
            ControlFlow::<()>::Continue(())
        })
        .expect("two events per customer");
        assert_eq!(run.end, End::Drained);
        assert_eq!(run.events as usize, self.arrivals + self.sojourn.len());
        self
    }

    fn schedule_arrival(&mut self, now: SimTime, agenda: &mut Agenda<Event>) {
        let gap = SimDuration::from_secs_f64(exponential(&mut self.rng) / self.arrival_rate);
        agenda.schedule(now + gap, CLASS, Event::Arrival);
    }

    fn in_system(&self) -> usize {
        self.busy + self.queue.len()
    }

    fn handle(&mut self, now: SimTime, event: Event, agenda: &mut Agenda<Event>) {
        self.area_ns += u128::from((now - self.changed).as_nanos()) * self.in_system() as u128;
        self.changed = now;
        match event {
            Event::Arrival => {
                let full = self.in_system() >= self.room;
                self.blocked.push(f64::from(u8::from(full)));
                if !full {
                    self.queue.push_back(now);
                    self.start_if_free(now, agenda);
                }
                if self.blocked.len() < self.arrivals {
                    self.schedule_arrival(now, agenda);
                }
            }
            Event::Departure { arrived } => {
                self.busy -= 1;
                self.sojourn_ns += u128::from((now - arrived).as_nanos());
                self.sojourn.push((now - arrived).as_secs_f64());
                self.start_if_free(now, agenda);
            }
        }
    }

    fn start_if_free(&mut self, now: SimTime, agenda: &mut Agenda<Event>) {
        if self.busy == self.servers {
            return;
        }
        if let Some(arrived) = self.queue.pop_front() {
            self.busy += 1;
            self.waiting.push((now - arrived).as_secs_f64());
            let service = SimDuration::from_secs_f64(self.service.draw(&mut self.rng));
            agenda.schedule(now + service, CLASS, Event::Departure { arrived });
        }
    }
}

/// Mean and standard error by 40 batch means, after leaving out the first twentieth.
fn batch_means(values: impl Iterator<Item = f64>, count: usize) -> (f64, f64) {
    const BATCHES: usize = 40;
    let skip = count / 20;
    let size = (count - skip) / BATCHES;
    let (mut sums, mut squares, mut batch) = (0.0, 0.0, 0.0);
    for (i, value) in values.skip(skip).take(size * BATCHES).enumerate() {
        batch += value / size as f64;
        if (i + 1) % size == 0 {
            sums += batch;
            squares += batch * batch;
            batch = 0.0;
        }
    }
    let n = BATCHES as f64;
    let mean = sums / n;
    (mean, ((squares / n - mean * mean).max(0.0) / (n - 1.0)).sqrt())
}

/// The figure must lie within [`ERRORS`] standard errors of `expected`, and the error within `precision` of it.
fn assert_agrees(what: &str, values: &[f64], map: impl Fn(f64) -> f64, expected: f64, precision: f64) {
    let (mean, error) = batch_means(values.iter().map(|&value| map(value)), values.len());
    assert!(error < precision * expected, "{what}: standard error {error} is too large to judge {expected}");
    assert!((mean - expected).abs() < ERRORS * error, "{what}: {mean} +- {error} is not {expected}");
}

#[test]
fn mm1_waiting_sojourn_and_percentiles() {
    for (rho, customers, seed) in
        [(0.5, 400_000, 1), (0.8, 1_000_000, 2), (0.9, 2_000_000, 3), (0.95, 3_000_000, 4)]
    {
        let station = Station::new(1, rho, Service::Exponential, UNBOUNDED, customers, seed).run();
        let steady = theory::mm1(rho, 1.0);
        assert_agrees("waiting", &station.waiting, |w| w, steady.waiting, 0.04);
        assert_agrees("sojourn", &station.sojourn, |w| w, steady.sojourn, 0.04);
        assert_agrees("share waiting", &station.waiting, |w| f64::from(w > 0.0), steady.p_wait, 0.02);
        for (p, precision) in [(0.95, 0.12), (0.99, 0.25)] {
            let quantile = theory::mm1_sojourn_quantile(rho, 1.0, p);
            assert_agrees("share above", &station.sojourn, |w| f64::from(w > quantile), 1.0 - p, precision);
        }
        // The same against the error theory predicts, which owes nothing to the run.
        let error = (theory::mm1_waiting_asymptotic_variance(rho, 1.0) / customers as f64).sqrt();
        let mean = station.waiting.iter().sum::<f64>() / customers as f64;
        assert!(
            (mean - steady.waiting).abs() < ERRORS * error,
            "{mean} +- {error} is not {}",
            steady.waiting
        );
    }
}

#[test]
fn mmc_share_waiting_and_waiting_time() {
    for (i, (servers, offered, ..)) in theory::MMC.into_iter().enumerate() {
        // Many servers near saturation have long memory: one batch must span many relaxation times.
        let customers = if servers < 20 { 500_000 } else { 2_000_000 };
        let seed = 10 + i as u64;
        let station = Station::new(servers, offered, Service::Exponential, UNBOUNDED, customers, seed).run();
        let steady = theory::mmc(offered, 1.0, servers);
        assert_agrees("share waiting", &station.waiting, |w| f64::from(w > 0.0), steady.p_wait, 0.05);
        assert_agrees("waiting", &station.waiting, |w| w, steady.waiting, 0.1);
        assert_agrees("sojourn", &station.sojourn, |w| w, steady.sojourn, 0.05);
    }
}

#[test]
fn mg1_waiting_time_depends_on_the_service_variance() {
    for (i, (service, scv)) in [
        (Service::Deterministic, 0.0),
        (Service::Erlang(4), 0.25),
        (Service::Exponential, 1.0),
        (Service::Hyperexponential(4.0), 4.0),
    ]
    .into_iter()
    .enumerate()
    {
        let station = Station::new(1, 0.8, service, UNBOUNDED, 800_000, 20 + i as u64).run();
        let steady = theory::mg1(0.8, 1.0, scv);
        assert_agrees("waiting", &station.waiting, |w| w, steady.waiting, 0.05);
        assert_agrees("share waiting", &station.waiting, |w| f64::from(w > 0.0), steady.p_wait, 0.01);
    }
}

#[test]
fn mm1k_turns_away_the_right_share() {
    for (i, (rho, room, _)) in theory::MM1K.into_iter().enumerate() {
        let station = Station::new(1, rho, Service::Exponential, room as usize, 400_000, 30 + i as u64).run();
        assert_agrees("turned away", &station.blocked, |b| b, theory::mm1k(rho, room), 0.05);
    }
}

#[test]
fn a_loss_system_depends_on_the_mean_service_time_only() {
    for (i, (servers, offered, _)) in theory::ERLANG_B.into_iter().enumerate() {
        for service in [Service::Exponential, Service::Hyperexponential(4.0)] {
            let station =
                Station::new(servers, offered, service, servers as usize, 250_000, 40 + i as u64).run();
            assert_agrees("lost", &station.blocked, |b| b, theory::erlang_b(servers, offered), 0.1);
        }
    }
}

fn service() -> impl Strategy<Value = Service> {
    prop_oneof![
        Just(Service::Deterministic),
        (1..6u32).prop_map(Service::Erlang),
        Just(Service::Exponential),
        (1.0..9.0f64).prop_map(Service::Hyperexponential),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// From empty to empty, the area under the number in the system is the sum of the sojourn times to the
    /// nanosecond: Little's law without its limit, overload and bounded room included.
    #[test]
    fn littles_law_is_exact_from_empty_to_empty(
        servers in 1..8u32,
        load in 0.1..1.5f64,
        service in service(),
        room in prop_oneof![Just(UNBOUNDED), 8..30usize],
        seed: u64,
    ) {
        let station = Station::new(servers, load * f64::from(servers), service, room, 2000, seed).run();
        prop_assert_eq!(station.area_ns, station.sojourn_ns);
        let turned_away = station.blocked.iter().sum::<f64>() as usize;
        prop_assert_eq!(station.sojourn.len() + turned_away, 2000);
    }
}

#[test]
fn littles_law_holds_with_the_theoretical_rate() {
    let station = Station::new(3, 2.4, Service::Erlang(2), UNBOUNDED, 400_000, 50).run();
    let in_system = station.area_ns as f64 / station.changed.as_nanos() as f64;
    let sojourn = station.sojourn.iter().sum::<f64>() / station.sojourn.len() as f64;
    // L / W is the arrival rate that this run had: Poisson, so its relative error is 1 / sqrt(n).
    let relative = in_system / sojourn / 2.4 - 1.0;
    assert!(relative.abs() < ERRORS / (400_000f64).sqrt(), "L = {in_system}, lambda W = {}", 2.4 * sojourn);
}
