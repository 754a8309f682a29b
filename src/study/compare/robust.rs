//! The same scenarios with noise or traffic off by a factor of two: does a ranking survive what nobody knows exactly?
//!
//! Nothing is drawn anew: names and keys stay, so each variant is the same luck in a different world. Traps: twice the traffic
//! may overload pods that were sized for once, which is then part of the answer; noise is the deviation of the everyday
//! part (`cv`), spikes and cycles stay.

use std::sync::Arc;

use crate::quantity::Rate;
use crate::scenario::Scenario;

/// A variant of the scenarios.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Variant {
    /// Its name.
    pub name: &'static str,
    /// What noise is multiplied by.
    pub noise: f64,
    /// What traffic is multiplied by.
    pub traffic: f64,
}

/// Half and twice of each.
pub const VARIANTS: [Variant; 4] = [
    Variant { name: "noise x0.5", noise: 0.5, traffic: 1.0 },
    Variant { name: "noise x2", noise: 2.0, traffic: 1.0 },
    Variant { name: "traffic x0.5", noise: 1.0, traffic: 0.5 },
    Variant { name: "traffic x2", noise: 1.0, traffic: 2.0 },
];

/// A scenario so varied. A rate that would be out of range stays as it is.
pub fn vary(scenario: &Scenario, variant: Variant) -> Arc<Scenario> {
    let mut varied = scenario.clone();
    for traffic in &mut varied.world.traffic {
        traffic.noise.cv *= variant.noise;
        if let Ok(rate) = Rate::per_second(traffic.rate.get() * variant.traffic) {
            traffic.rate = rate;
        }
    }
    for service in &mut varied.world.services {
        service.noise.cv *= variant.noise;
        service.error_noise.cv *= variant.noise;
    }
    Arc::new(varied)
}
