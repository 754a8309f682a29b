//! The world at request level, with keyed draws and instruments on, and the loops its own bench compares it with.

use backout::time::{SimDuration, SimTime};
use backout::world::World;

use crate::queues::{self, POD, RATE, SERVICE};
use crate::{Done, baseline, study};

/// The weather of `study::start` is made for an hour.
const MOST: u64 = 3_590 * RATE as u64;

/// Plays until so many requests are expected to have come; the requests answered by the first service, and their mean
/// latency in seconds.
fn play(mut world: World, requests: u64) -> (u64, f64) {
    assert!(requests <= MOST, "at most {MOST} requests");
    study::play(&mut world, SimTime::ZERO + SimDuration::from_secs_f64(requests as f64 / RATE));
    let mut instruments = Vec::new();
    world.instruments(&mut instruments);
    let (mut answers, mut seconds) = (0, 0.0);
    for pod in &instruments[0].pods {
        answers += pod.client.total();
        seconds += pod.client.seconds;
    }
    (answers, seconds / answers as f64)
}

/// Mean waiting time in service times, of a mean time in the system in seconds.
fn waiting(units: u64, sojourn: f64) -> Done {
    Done { units, check: (sojourn - SERVICE) / SERVICE }
}

pub(crate) fn mm1_world(customers: u64) -> Done {
    let (units, sojourn) = play(queues::single_server(), customers);
    waiting(units, sojourn)
}

pub(crate) fn mm1_baseline(customers: u64) -> Done {
    let sojourn = baseline::single_server(RATE, SERVICE, customers);
    waiting(customers, sojourn as f64 / 1e9 / customers as f64)
}

pub(crate) fn graph_world(requests: u64) -> Done {
    let (units, sojourn) = play(queues::call_graph(None), requests);
    Done { units, check: sojourn * 1e3 }
}

pub(crate) fn graph_baseline(requests: u64) -> Done {
    let (sojourn, _) = baseline::call_graph((RATE, SERVICE), POD, requests, None);
    Done { units: requests, check: sojourn as f64 / 1e6 / requests as f64 }
}
