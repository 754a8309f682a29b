//! Flow windows through the world: each rollout is a new world with its own draws, its weather included.
//!
//! What is read of each window are the callers' counters before and after it, as a scrape would see them. Noise on the
//! arrival rate (log-normal AR(1), a fifth of the mean, forgotten in five minutes) makes it another one in each window.

use backout::time::{SimDuration, SimTime};
use backout::world::instruments::{BOUNDS, Code, ServiceInstruments};
use backout::world::spec::{NoiseSpec, WorldSpec};
use backout::world::{Level, World};

use crate::verdict::{ERRORS, RATE, Streak, WINDOW, WINDOWS};
use crate::{Done, study};

/// So many versions, each a service with traffic of its own.
fn spec(versions: u16, varying: bool) -> WorldSpec {
    let services = (0..versions).map(|n| study::service(&format!("version-{n}"), 1, ERRORS)).collect();
    let mut spec = study::world(services, RATE);
    let first = spec.traffic[0].clone();
    for version in 1..versions {
        let mut traffic = first.clone();
        traffic.name = format!("users-{version}");
        traffic.to = backout::effect::ServiceId(version);
        spec.traffic.push(traffic);
    }
    if varying {
        let tau = SimDuration::from_mins(5);
        spec.traffic
            .iter_mut()
            .for_each(|traffic| traffic.noise = NoiseSpec { cv: 0.2, tau, ..NoiseSpec::none() });
    }
    spec
}

/// What the callers of a version have counted.
#[derive(Clone, Copy, Default)]
struct Counted {
    failed: u64,
    all: u64,
    buckets: [u64; BOUNDS.len()],
}

impl Counted {
    fn read(service: &ServiceInstruments) -> Self {
        let mut counted = Counted::default();
        for pod in &service.pods {
            counted.failed += pod.client.by_code[Code::Failed as usize];
            counted.all += pod.client.total();
            counted.buckets.iter_mut().zip(&pod.client.buckets).for_each(|(sum, n)| *sum += n);
        }
        counted
    }

    fn since(&self, before: &Counted) -> Counted {
        let mut window = *self;
        window.failed -= before.failed;
        window.all -= before.all;
        window.buckets.iter_mut().zip(&before.buckets).for_each(|(n, before)| *n -= before);
        window
    }
}

/// Plays a rollout and shows each window of all versions.
fn windows<const VERSIONS: usize>(mut world: World, mut see: impl FnMut([Counted; VERSIONS])) {
    let window = SimDuration::from_secs_f64(WINDOW);
    let mut before = [Counted::default(); VERSIONS];
    let mut instruments = Vec::new();
    world.begin_counting(None, false);
    for index in 0..WINDOWS {
        study::play(&mut world, SimTime::ZERO + window * (index + 1));
        world.end_slot(index as usize);
        world.instruments(&mut instruments);
        let now: [Counted; VERSIONS] = std::array::from_fn(|version| Counted::read(&instruments[version]));
        see(std::array::from_fn(|version| now[version].since(&before[version])));
        before = now;
    }
}

fn share(rollouts: u64, fires: impl Fn(u32) -> bool) -> Done {
    let fired = (0..rollouts as u32).filter(|&rollout| fires(rollout)).count();
    Done { units: rollouts, check: fired as f64 / rollouts as f64 }
}

/// C1.
pub(crate) fn errors(rollouts: u64, varying: bool) -> Done {
    let spec = spec(1, varying);
    share(rollouts, |rollout| {
        let mut streak = Streak::default();
        let world = study::start_as(rollout, spec.clone(), Level::Flow { histograms: false });
        windows(world, |[version]: [Counted; 1]| streak.errors(version.failed, version.all));
        streak.fired()
    })
}

/// C2.
pub(crate) fn histograms(rollouts: u64, varying: bool) -> Done {
    let spec = spec(2, varying);
    share(rollouts, |rollout| {
        let (mut errors, mut latencies) = (Streak::default(), Streak::default());
        let world = study::start_as(rollout, spec.clone(), Level::Flow { histograms: true });
        windows(world, |[stable, candidate]: [Counted; 2]| {
            errors.errors(candidate.failed, candidate.all);
            latencies.latencies(&stable.buckets, &candidate.buckets);
        });
        errors.fired() || latencies.fired()
    })
}
