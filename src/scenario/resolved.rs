//! A scenario with every name looked up and every default filled in.

use crate::catalogue::Catalogue;
use crate::fault::{ConfounderSpec, Fault, FaultSpec, SurroundingSpec};
use crate::quantity::Ratio;
use crate::rollback::{ProcedureSpec, RollbackConditions};
use crate::strategy::StrategySpec;
use crate::telemetry::sampler::TelemetrySpec;
use crate::time::SimDuration;
use crate::world::spec::WorldSpec;

/// How a scenario wants to be played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FidelityChoice {
    /// Flow level where no queue couples the requests, request level elsewhere.
    #[default]
    Auto,
    /// Every request is an event.
    Request,
    /// Counts per scrape window.
    Flow,
}

/// A scenario, ready to be played.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// `folder/stem`; it keys every random draw.
    pub name: String,
    /// Group of the scenario; groups weigh the same in pooled scores.
    pub folder: String,
    /// One line on what happens.
    pub summary: String,
    /// Weight within its folder.
    pub weight: f64,
    /// Services and traffic.
    pub world: WorldSpec,
    /// Time played before the deploy.
    pub warm_up: SimDuration,
    /// Time a release is followed, from the deploy.
    pub horizon: SimDuration,
    /// Follow-up after the first harm; the horizon is extended if need be.
    pub watch: SimDuration,
    /// Share of releases that are bad, for mixed figures.
    pub base_rate: Ratio,
    /// Faults of the change, with their path in the document.
    pub faults: Vec<(String, FaultSpec)>,
    /// Confounders, in document order, with their path.
    pub confounders: Vec<(String, ConfounderSpec)>,
    /// Chaos of the surroundings, in document order, with its path.
    pub surroundings: Vec<(String, SurroundingSpec)>,
    /// The rollout for policies that bring none.
    pub rollout: StrategySpec,
    /// How it is rolled back, if not the way its strategy implies.
    pub rollback: Option<ProcedureSpec>,
    /// What goes differently from the book when rolling back.
    pub rollback_conditions: RollbackConditions,
    /// Scraping and queries.
    pub telemetry: TelemetrySpec,
    /// The fidelity asked for.
    pub fidelity: FidelityChoice,
}

impl Scenario {
    /// Mean arrival rate over all traffic, requests per second.
    pub fn mean_rate(&self) -> f64 {
        self.world.traffic.iter().map(|t| t.rate.get()).sum()
    }

    /// The level it is played at: `auto` takes the flow level when no service calls another one and no pod is busy
    /// enough to queue.
    pub fn is_flow(&self) -> bool {
        match self.fidelity {
            FidelityChoice::Flow => true,
            FidelityChoice::Request => false,
            FidelityChoice::Auto => self.why_not_flow().is_none(),
        }
    }

    /// What happens in both twins: confounders first, then the surroundings, each with its path and name.
    pub fn circumstances(&self) -> Vec<(&str, &'static str, &dyn Fault)> {
        let confounders = self.confounders.iter().map(|(path, c)| (path.as_str(), c.name(), c.as_dyn()));
        let surroundings = self.surroundings.iter().map(|(path, s)| (path.as_str(), s.name(), s.as_dyn()));
        confounders.chain(surroundings).collect()
    }

    /// Why the flow level would be wrong here, in words; `None` when it is right.
    pub fn why_not_flow(&self) -> Option<String> {
        let faults = self.faults.iter().map(|(path, fault)| (path.as_str(), fault.name(), fault.as_dyn()));
        for (path, name, member) in faults.chain(self.circumstances()) {
            if let Some(why) = member.needs_requests() {
                return Some(format!("under `{name}` ({path}) {why}"));
            }
        }
        for (index, service) in self.world.services.iter().enumerate() {
            if !service.calls.is_empty() {
                return Some(format!("`{}` calls other services", service.name));
            }
            let rate: f64 =
                self.world.traffic.iter().filter(|t| t.to.0 as usize == index).map(|t| t.rate.get()).sum();
            let servers = f64::from(service.replicas) * f64::from(service.concurrency);
            let utilisation = rate * service.service_time.mean() / servers.max(1.0);
            if utilisation > 0.5 {
                return Some(format!(
                    "`{}` is {:.0} % busy, so requests queue",
                    service.name,
                    utilisation * 100.0
                ));
            }
        }
        if let Some(sticky) = self.world.traffic.iter().find(|t| t.sticky) {
            return Some(format!(
                "users of `{}` stay where they are, so harm falls on few of them",
                sticky.name
            ));
        }
        let patient = self.world.traffic.iter().find(|t| t.timeout.is_some());
        patient.map(|t| format!("users of `{}` time out", t.name))
    }
}
