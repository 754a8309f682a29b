//! What rules must know of a scenario, as plain facts.

use crate::strategy::StrategySpec;
use crate::telemetry::binding::WorldNames;
use crate::telemetry::dialect::Dialect;
use crate::telemetry::sampler::TelemetrySpec;
use crate::time::SimDuration;
use crate::world::spec::WorldSpec;

/// Facts about the scenario a policy is to be played in.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Names of the services, and which one is rolled out.
    pub world: WorldNames,
    /// The exporters that are there.
    pub dialects: Vec<Dialect>,
    /// Time between scrapes.
    pub scrape: SimDuration,
    /// Share of scrapes of one target that fail, 0 to 1.
    pub loss: f64,
    /// Time played before the deploy.
    pub warm_up: SimDuration,
    /// Time a release is followed, from the deploy.
    pub horizon: SimDuration,
    /// Mean requests per second to the rolled-out service, its callers' calls included.
    pub rate: f64,
    /// Share of the rolled-out service's requests that fail while nothing is wrong, 0 to 1.
    pub errors: f64,
    /// Typical time from a pod's start until it is ready.
    pub startup: SimDuration,
    /// The rollout that is played for files that bring none.
    pub rollout: StrategySpec,
    /// Whether somebody acts on pages.
    pub people_act: bool,
}

impl Facts {
    /// The facts of a world under this monitoring and rollout, in which nobody acts on pages.
    pub fn new(
        world: &WorldSpec,
        telemetry: &TelemetrySpec,
        rollout: &StrategySpec,
        warm_up: SimDuration,
        horizon: SimDuration,
    ) -> Self {
        let target = world.services.get(usize::from(world.target.0));
        let startup = target.map_or(SimDuration::ZERO, |service| {
            SimDuration::from_secs_f64(service.startup.mean()) + service.readiness.initial_delay
        });
        Facts {
            world: WorldNames::of(world),
            dialects: telemetry.dialects.clone(),
            scrape: telemetry.scrape,
            loss: telemetry.loss.get(),
            warm_up,
            horizon,
            errors: target.map_or(0.0, |service| service.error_ratio.get()),
            rate: rate_to_target(world),
            startup,
            rollout: rollout.clone(),
            people_act: false,
        }
    }
}

/// Requests per second to the rolled-out service: what users send, and one call for each request of a caller.
fn rate_to_target(world: &WorldSpec) -> f64 {
    let mut rates: Vec<f64> = vec![0.0; world.services.len()];
    for traffic in &world.traffic {
        if let Some(rate) = rates.get_mut(usize::from(traffic.to.0)) {
            *rate += traffic.rate.get();
        }
    }
    // Calls form no circle, so that many rounds reach every service; each round starts from what users send.
    let direct = rates.clone();
    for _ in 0..world.services.len() {
        let mut next = direct.clone();
        for (service, rate) in world.services.iter().zip(&rates) {
            for call in &service.calls {
                if let Some(called) = next.get_mut(usize::from(call.to.0)) {
                    *called += rate;
                }
            }
        }
        rates = next;
    }
    rates.get(usize::from(world.target.0)).copied().unwrap_or(0.0)
}
