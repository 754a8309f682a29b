//! The request level against closed-form queueing (`reference/statistics.md` 1.6): the same World that plays rollouts.

use backout::rng::Distribution;
use backout::time::{SimDuration, SimTime};
use backout::world::instruments::Code;
use backout::world::{Level, World};

use crate::worlds;

struct Run {
    mean_sojourn: f64,
    answered: u64,
    rejected: u64,
    /// Time average of requests in the system.
    mean_in_system: f64,
    rate: f64,
}

/// Plays one service and measures it through its own instruments.
fn measure(
    seed: u64,
    rate: f64,
    servers: u32,
    queue: u32,
    time: Distribution<SimDuration>,
    customers: f64,
) -> Run {
    let mut service = worlds::service("queue", time);
    service.concurrency = servers;
    service.queue = queue;
    // A probe finds a full queue unhealthy; here a full queue is the point.
    service.readiness.failure_threshold = u32::MAX;
    service.liveness.failure_threshold = u32::MAX;
    let seconds = customers / rate;
    let end = SimTime::ZERO + SimDuration::from_secs_f64(seconds);
    let mut world = worlds::start(worlds::spec(vec![service], rate), Level::Request, seed, end);
    world.begin_counting(None, false);
    let mut in_system = 0.0;
    let looks = 20_000;
    for look in 1..=looks {
        worlds::play(
            &mut world,
            SimTime::ZERO + SimDuration::from_secs_f64(seconds * f64::from(look) / f64::from(looks)),
        );
        in_system += open(&world);
    }
    let tally = world.tally().unwrap();
    assert!(tally.counts.is_conserved(), "{:?}", tally.counts);
    let mut instruments = Vec::new();
    world.instruments(&mut instruments);
    let pod = &instruments[0].pods[0];
    let rejected = pod.client.by_code[Code::Rejected as usize];
    let answered = pod.client.by_code[Code::Ok as usize];
    Run {
        mean_sojourn: pod.client.seconds / answered as f64,
        answered,
        rejected,
        mean_in_system: in_system / f64::from(looks),
        rate: answered as f64 / seconds,
    }
}

fn open(world: &World) -> f64 {
    world.tally().unwrap().counts.in_flight as f64
}

fn exponential(mean: f64) -> Distribution<SimDuration> {
    Distribution::exponential(mean).unwrap()
}

fn close(measured: f64, exact: f64, tolerance: f64, what: &str) {
    let error = (measured - exact).abs() / exact;
    assert!(error < tolerance, "{what}: measured {measured}, exact {exact}, off by {:.2} %", error * 100.0);
}

// Relative standard errors of the mean sojourn time: sqrt(asymptotic variance / n) / mean. For M/M/1 at rho 0.8 the
// variance of the waiting time is 1976 / n (performance.md 2.2), so with 400,000 customers 1.4 % of W = 5; bounds below
// are about 3.5 standard errors.

#[test]
fn mm1_has_the_textbook_sojourn_time() {
    let run = measure(1, 0.5, 1, 1_000_000, exponential(1.0), 300_000.0);
    close(run.mean_sojourn, 2.0, 0.02, "W at rho 0.5");
    let run = measure(2, 0.8, 1, 1_000_000, exponential(1.0), 400_000.0);
    close(run.mean_sojourn, 5.0, 0.05, "W at rho 0.8");
}

#[test]
fn mmc_has_the_erlang_c_waiting_time() {
    for (servers, load, waiting) in [(2, 1.6, 1.77778), (5, 4.0, 0.554113), (10, 8.0, 0.204590)] {
        let run = measure(3, load, servers, 1_000_000, exponential(1.0), 300_000.0);
        close(run.mean_sojourn, 1.0 + waiting, 0.04, &format!("W with {servers} servers"));
    }
}

#[test]
fn mg1_follows_pollaczek_and_khinchine() {
    let fixed = Distribution::certain(1.0);
    let erlang4 = Distribution::gamma(1.0, 4.0).unwrap();
    for (time, waiting, tolerance, what) in [(fixed, 2.0, 0.04, "D"), (erlang4, 2.5, 0.05, "E4")] {
        let run = measure(5, 0.8, 1, 1_000_000, time, 300_000.0);
        close(run.mean_sojourn, 1.0 + waiting, tolerance, what);
    }
}

#[test]
fn mm1k_turns_the_right_share_away() {
    for (load, places, blocked) in [(0.8, 5, 0.088819), (1.0, 10, 0.090909), (2.0, 10, 0.500244)] {
        let run = measure(7, load, 1, places - 1, exponential(1.0), 200_000.0);
        let share = run.rejected as f64 / (run.rejected + run.answered) as f64;
        close(share, blocked, 0.025, &format!("blocking at load {load}, {places} places"));
    }
}

#[test]
fn littles_law_holds() {
    for (seed, rate, servers) in [(11, 0.7, 1), (12, 3.0, 4), (13, 0.3, 1)] {
        let run = measure(seed, rate, servers, 1_000_000, exponential(1.0), 100_000.0);
        close(run.mean_in_system, run.rate * run.mean_sojourn, 0.03, "L = lambda W");
    }
}
