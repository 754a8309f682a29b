//! A scenario with every name looked up and every default filled in.

use super::group::Companion;
use super::rehearsal::Rehearsal;
use crate::catalogue::Catalogue;
use crate::effect::ServiceId;
use crate::fault::{ConfounderSpec, Fault, FaultSpec, SurroundingSpec};
use crate::people::People;
use crate::policy::Facts;
use crate::quantity::Ratio;
use crate::rollback::{ProcedureSpec, RollbackConditions};
use crate::strategy::StrategySpec;
use crate::telemetry::sampler::TelemetrySpec;
use crate::time::{SimDuration, SimTime};
use crate::world::database::spec::{Lock, StepSpec};
use crate::world::spec::{ServiceSpec, WorldSpec};
use crate::world::throttle;

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
    /// Services that are released as one change with the target.
    pub companions: Vec<Companion>,
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
    /// A rehearsal of the release in staging, if there is one.
    pub rehearsal: Option<Rehearsal>,
    /// Who is paged, if the file says so.
    pub people: Option<People>,
    /// What people know about the change.
    pub facts: Facts,
    /// Scraping and queries.
    pub telemetry: TelemetrySpec,
    /// The fidelity asked for.
    pub fidelity: FidelityChoice,
}

impl Scenario {
    /// Mean rate of requests over all traffic, per second, each sent once: the mean of the shapes over the horizon, noise and
    /// confounders left out.
    pub fn mean_rate(&self) -> f64 {
        let deploy_at = SimTime::ZERO + self.warm_up;
        self.rate_over(deploy_at, deploy_at + self.horizon)
    }

    /// Mean arrival rate over all traffic from one instant to another.
    pub fn rate_over(&self, from: SimTime, until: SimTime) -> f64 {
        self.world.traffic.iter().map(|t| t.request_rate() * t.shape.mean(from, until)).sum()
    }

    /// Arrivals per second at a service directly from users, at the peaks of all shapes.
    pub fn peak_rate(&self, service: usize) -> f64 {
        let sources = self.world.traffic.iter().filter(|t| usize::from(t.to.0) == service);
        sources.map(|t| t.request_rate() * t.shape.peak()).sum()
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
        let past = self.rollback_conditions.history.past.iter().flat_map(|revision| &revision.faults);
        let past = past.map(|fault| ("history", fault.name(), fault.as_dyn()));
        if let Some(why) = self.why_released_with_requests() {
            return Some(why);
        }
        for (path, name, member) in faults.chain(past).chain(self.circumstances()) {
            if let Some(why) = member.needs_requests() {
                return Some(format!("under `{name}` ({path}) {why}"));
            }
        }
        if let Some(why) = self.why_not_locked() {
            return Some(why);
        }
        for (index, service) in self.world.services.iter().enumerate() {
            if !service.calls.is_empty() {
                return Some(format!("`{}` calls other services", service.name));
            }
            if service.server.as_ref().is_some_and(|server| server.ejection.is_some()) {
                return Some(format!("pods of `{}` are taken out by their answers", service.name));
            }
            if service.server.is_some() {
                return Some(format!(
                    "`{}` sheds, orders or slows requests by how many there are",
                    service.name
                ));
            }
            let rate = self.peak_rate(index);
            let replicas = f64::from(service.most_replicas());
            let servers = replicas * f64::from(service.concurrency);
            let utilisation = rate * service.service_time.mean() / servers.max(1.0);
            if utilisation > 0.5 {
                return Some(format!(
                    "`{}` is {:.0} % busy, so requests queue",
                    service.name,
                    utilisation * 100.0
                ));
            }
        }
        if let Some(why) =
            self.world.services.iter().enumerate().find_map(|(i, s)| self.why_not_limited(i, s))
        {
            return Some(why);
        }
        if let Some(why) = self.people() {
            return Some(why);
        }
        if let Some(sticky) = self.world.traffic.iter().find(|t| t.sticky && !self.world.is_sticky()) {
            return Some(format!("users of `{}` stay where they are, and others do not", sticky.name));
        }
        let patient = self.world.traffic.iter().find(|t| t.timeout.is_some());
        patient.map(|t| format!("users of `{}` time out", t.name))
    }

    /// Whether anything is wrong with the bad release: with its target, or with a service that is released with it.
    pub fn is_faulty(&self) -> bool {
        !self.faults.is_empty() || self.companions.iter().any(|companion| !companion.faults.is_empty())
    }

    /// Services beside the target that get a new revision: with the release, or by another team's.
    pub fn released(&self) -> Vec<ServiceId> {
        let index = |name: &str| self.world.services.iter().position(|service| service.name == name);
        let others = self.confounders.iter().filter_map(|(_, confounder)| match confounder {
            ConfounderSpec::OtherDeploy(other) => index(&other.service).map(|index| ServiceId(index as u16)),
            _ => None,
        });
        self.companions.iter().map(|companion| companion.service).chain(others).collect()
    }

    /// Which service is released beside the target, in words: requests meet two revisions of it, which only single
    /// requests do.
    fn why_released_with_requests(&self) -> Option<String> {
        let service = *self.released().first()?;
        let name = &self.world.services[usize::from(service.0)].name;
        Some(format!("`{name}` is released too, so that requests meet two revisions of it"))
    }

    /// Why the locks of the migration need single requests: who waits for one keeps its place in a pod.
    fn why_not_locked(&self) -> Option<String> {
        let database = self.world.database.as_ref()?;
        let service = &self.world.services[usize::from(self.world.target.0)];
        let troubled = self.faults.iter().any(|(_, fault)| fault.as_dyn().needs_database());
        let waiting = |step: &StepSpec| {
            let share = match step.lock {
                Lock::Nobody => 0.0,
                Lock::Writers => database.writes.get(),
                Lock::Everybody => database.writes.get() + database.reads.get(),
            };
            let longest = if troubled { database.lock_timeout } else { step.duration(database.rows) };
            let longest = longest.min(database.lock_timeout).as_secs_f64();
            self.peak_rate(usize::from(self.world.target.0)) * share * longest
        };
        let steps = database.migration.iter().flat_map(|migration| &migration.up);
        let most = steps.map(waiting).fold(0.0, f64::max);
        let slots = f64::from(service.most_replicas()) * f64::from(service.concurrency);
        (most > 0.5 * slots)
            .then(|| format!("{most:.0} requests wait for a lock of the migration, so requests queue"))
    }

    /// Why the limits of a service's pods need single requests.
    fn why_not_limited(&self, index: usize, service: &ServiceSpec) -> Option<String> {
        let per_pod = self.peak_rate(index) / f64::from(service.most_replicas().max(1));
        let of_limit = per_pod * service.cpu_per_request / service.cpu_limit;
        if service.throttled && of_limit > throttle::BUSIEST {
            let percent = of_limit * 100.0;
            return Some(format!("pods of `{}` use {percent:.0} % of their processor limit", service.name));
        }
        // Three standard deviations of a Poisson number above its mean are rare but not out of the question.
        let mean = per_pod * service.service_time.mean();
        let held = (mean + 3.0 * mean.sqrt()) * service.memory_per_request.get() as f64;
        let room = service.memory_limit.get() as f64 - service.memory_base.get() as f64;
        (held > room).then(|| format!("requests may fill the memory of a pod of `{}`", service.name))
    }

    /// Users that try again or come for sessions, in words.
    fn people(&self) -> Option<String> {
        self.world.traffic.iter().find_map(|traffic| {
            let people = traffic.people.as_ref()?;
            let what = if people.sessions.is_some() { "come for sessions" } else { "try again" };
            Some(format!("users of `{}` {what}", traffic.name))
        })
    }

    /// Why the flow level cannot play this at all, not even roughly; `None` when it can.
    pub fn why_never_flow(&self) -> Option<String> {
        let calling = self.world.services.iter().find(|service| !service.calls.is_empty());
        if let Some(why) = self.why_released_with_requests() {
            return Some(why);
        }
        calling.map(|service| format!("`{}` calls other services", service.name)).or_else(|| self.people())
    }
}
