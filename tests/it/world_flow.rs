//! Flow level against request level and against the exact answer for the canary of `reference/performance.md` 2.4.

use backout::quantity::Ratio;
use backout::rng::Distribution;
use backout::time::{SimDuration, SimTime};
use backout::world::Level;
use backout::world::instruments::Code;

use crate::worlds;

/// Plays one version at 100 requests per second with 0.8 % errors for 120 windows of 15 s; whether the error ratio of
/// three windows running was above 1 %.
fn fires(seed: u64, level: Level) -> bool {
    let mut service = worlds::service("canary", Distribution::certain(0.01));
    service.replicas = 4;
    service.concurrency = 64;
    service.error_ratio = Ratio::new(0.008).unwrap();
    let window = SimDuration::from_secs(15);
    let mut world =
        worlds::start(worlds::spec(vec![service], 100.0), level, seed, SimTime::ZERO + window * 121);
    world.begin_counting(None, false);
    let (mut before, mut streak) = ((0, 0), 0);
    let mut instruments = Vec::new();
    for index in 0..120 {
        worlds::play(&mut world, SimTime::ZERO + window * (index + 1));
        world.end_slot(index as usize);
        world.instruments(&mut instruments);
        let bad: u64 = instruments[0].pods.iter().map(|p| p.client.by_code[Code::Failed as usize]).sum();
        let all: u64 = instruments[0].pods.iter().map(|p| p.client.total()).sum();
        let ratio = (bad - before.0) as f64 / (all - before.1) as f64;
        streak = if ratio > 0.01 { streak + 1 } else { 0 };
        before = (bad, all);
        assert!(world.tally().unwrap().counts.is_conserved());
        if streak >= 3 {
            return true;
        }
    }
    false
}

#[test]
fn flow_level_fires_as_often_as_the_markov_chain_says() {
    let n = 8_000;
    let fired = (0..n).filter(|&seed| fires(seed, Level::Flow { histograms: false })).count();
    let share = fired as f64 / n as f64;
    // Exact: 0.484304. Standard error 0.0056.
    assert!((share - 0.484304).abs() < 0.02, "{share}");
}

#[test]
fn request_level_agrees_with_it() {
    let n = 60;
    let fired = (0..n).filter(|&seed| fires(seed, Level::Request)).count();
    let share = fired as f64 / n as f64;
    // Standard error 0.065.
    assert!((share - 0.484304).abs() < 0.2, "{share}");
}
