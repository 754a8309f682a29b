//! The words the parts of a simulation speak to each other: what a controller asks of the cluster (`Action`), what
//! it sees of it (`RolloutView`), and what can be done to the world from outside (`Disturbance`).
//!
//! A *revision* is a version of the code; a *set* is where pods of one revision run. Most rollouts have two sets:
//! [`SetName::Old`] and [`SetName::New`]. Flagger has a third: after the analysis it copies the new revision into
//! the primary workload, whose pods are [`SetName::Promoted`] and are reached as the stable *destination*. Analyses
//! that compare like with like have a fourth: [`SetName::Baseline`], fresh pods of the old revision beside the
//! candidate's; and what a rollback brings that is neither of the two, an older revision or a fix, runs in
//! [`SetName::Other`].
//!
//! Traps: traffic is sent to a *destination*, not to a revision; after a Flagger promotion the stable destination
//! runs the new code. A weight is a share of requests (0 to 1), not a percentage.

mod database;
mod disturbance;
mod target;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::time::SimTime;

pub use database::{DatabaseAction, DatabaseView, Pick};
pub use disturbance::{
    Disturbance, MonitoringDisturbance, PeopleDisturbance, RollbackDisturbance, WorldDisturbance,
};
pub use target::{Caller, EdgeEffect, Probe, Refusal, Victims, Which, Whom};

/// Index of a service in its world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceId(pub u16);

impl ServiceId {
    /// Its bit in a set of services; there are at most 64.
    pub const fn bit(self) -> u64 {
        1 << (self.0 % 64)
    }
}

/// A version of the code of the service that is rolled out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Revision {
    /// The version that ran before the deploy.
    Stable,
    /// The version that is being deployed.
    Candidate,
    /// Neither of the two: an older version that a rollback goes to, or a fix.
    Other,
}

impl Revision {
    /// Every revision, in index order.
    pub const ALL: [Revision; Revision::COUNT] = [Revision::Stable, Revision::Candidate, Revision::Other];

    /// How many revisions there are: the length of per-revision tables.
    pub const COUNT: usize = 3;
}

/// A group of pods of one revision in one workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SetName {
    /// Pods of the old revision.
    Old,
    /// Pods of the new revision, in the canary workload or the new replica set.
    New,
    /// Pods of the new revision in the primary workload, after Flagger copied the template.
    Promoted,
    /// Fresh pods of the old revision, as many as the candidate has, to compare it with.
    Baseline,
    /// Pods of a third revision, under the stable destination.
    Other,
}

impl SetName {
    /// Every set, in index order.
    pub const ALL: [SetName; SetName::COUNT] =
        [SetName::Old, SetName::New, SetName::Promoted, SetName::Baseline, SetName::Other];

    /// How many sets there are: the length of per-set tables.
    pub const COUNT: usize = 5;

    /// Position in per-set tables.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The revision the pods of this set run.
    pub const fn revision(self) -> Revision {
        match self {
            SetName::Old | SetName::Baseline => Revision::Stable,
            SetName::New | SetName::Promoted => Revision::Candidate,
            SetName::Other => Revision::Other,
        }
    }

    /// The destination under which a router reaches this set.
    pub const fn destination(self) -> Destination {
        match self {
            SetName::New => Destination::Candidate,
            SetName::Old | SetName::Promoted | SetName::Other => Destination::Stable,
            SetName::Baseline => Destination::Baseline,
        }
    }
}

/// Where a router sends a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    /// The stable service or primary workload.
    Stable,
    /// The candidate service or canary workload.
    Candidate,
    /// The baseline workload of a comparison.
    Baseline,
}

impl Destination {
    /// Every destination, in index order.
    pub const ALL: [Destination; Destination::COUNT] =
        [Destination::Stable, Destination::Candidate, Destination::Baseline];

    /// How many destinations there are: the length of per-destination tables.
    pub const COUNT: usize = 3;

    /// Position in per-destination tables.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The sets that are reached here, in index order: those whose [`SetName::destination`] this is.
    pub const fn sets(self) -> &'static [SetName] {
        match self {
            Destination::Stable => &[SetName::Old, SetName::Promoted, SetName::Other],
            Destination::Candidate => &[SetName::New],
            Destination::Baseline => &[SetName::Baseline],
        }
    }
}

/// What the routers do with the traffic of the rolled-out service, beyond finding pods.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Split {
    /// Share (0 to 1) of requests that goes to the candidate destination, whoever sends them.
    pub candidate: f64,
    /// Share (0 to 1) that goes to the baseline destination.
    pub baseline: f64,
    /// Share (0 to 1) of the requests of the stable destination that is copied to the candidate; nobody waits for
    /// the answers to the copies.
    pub mirror: f64,
    /// Whether requests of the matching cohort (a header, a cookie) go to the candidate, whatever the shares.
    pub cohort: bool,
}

impl Split {
    /// Everything to the stable destination.
    pub const STABLE: Split = Split { candidate: 0.0, baseline: 0.0, mirror: 0.0, cohort: false };
}

/// How requests find a pod of the rolled-out service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Routing {
    /// A router splits traffic between the destinations by weight.
    Weighted,
    /// The same shares, but nobody sends them there: clients look up by themselves where to go (a name, a flag).
    Clients,
    /// The same shares of the processes that serve a model: each looks up in a registry which version to serve.
    Registry,
    /// Every ready pod gets an equal share, whatever its revision.
    Endpoints,
}

impl Routing {
    /// Whether pods of the one destination do not stand in for those of the other.
    pub fn is_split(self) -> bool {
        self != Routing::Endpoints
    }
}

/// What a strategy or a rollback procedure asks of the cluster.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action {
    /// Choose how requests find pods.
    Route(Routing),
    /// Send this share (0 to 1) of traffic to the candidate destination; takes effect after the router's
    /// propagation delay.
    Weight(f64),
    /// This share (0 to 1) of the clients has found the candidate destination by itself, because a cache of theirs ran
    /// out or they asked for a flag. No router is told, so it is so at once.
    ClientShare(f64),
    /// Send this share (0 to 1) of traffic to the baseline destination; as slow as a weight.
    BaselineWeight(f64),
    /// Copy this share (0 to 1) of the stable destination's requests to the candidate; as slow as a weight.
    Mirror(f64),
    /// Send the matching cohort to the candidate (or stop to); as slow as a weight.
    Cohort(bool),
    /// Whether a request goes on to the other of the two destinations, stable and candidate, where its own has nobody who
    /// takes connections (a `backup` server of an nginx upstream, `proxy_next_upstream error`).
    Backup(bool),
    /// All weights, copies and cohorts back to nothing at once: every request to the stable destination, no copies.
    Unsplit,
    /// Ask for this many pods in a set: missing ones start, surplus ones drain and stop.
    Scale(SetName, u32),
    /// Start (or stop) synthetic load on the candidate destination, in requests per second.
    SyntheticLoad(f64),
    /// Of the processes that serve a model, this share (0 to 1) has found the new version in the registry, and this
    /// share has loaded it and answers with it. Nobody tells a router, so it is so at once.
    ModelShare {
        /// Have found it; they load it.
        found: f64,
        /// Have loaded it.
        loaded: f64,
    },
    /// The registry names no version to serve (or names one again): who starts now ends at once; who runs keeps what is
    /// loaded.
    NothingToLoad(bool),
    /// Put the configuration of the infrastructure back that was before the deploy.
    Configure,
    /// Do something to the service's database; nothing happens where there is none.
    Database(DatabaseAction),
    /// The Deployment of another service that was released with the target goes back to its previous revision, its own
    /// controller pod by pod; nothing happens where it was not released.
    Undo(ServiceId),
}

/// How the Deployment of a service that is released beside the target replaces its pods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Replacing {
    /// A few at a time, within Kubernetes' defaults: a quarter more and a quarter fewer pods than wanted.
    #[default]
    Rolling,
    /// All old ones stop, then all new ones start.
    Recreate,
}

/// What the Kubernetes API shows of one set.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SetView {
    /// Pods asked for.
    pub desired: u32,
    /// Pods that exist and are not terminating.
    pub created: u32,
    /// Pods that pass their readiness probe.
    pub ready: u32,
    /// Pods that have been ready for at least the minimum ready time asked for.
    pub available: u32,
    /// Pods still draining or terminating.
    pub terminating: u32,
    /// Container restarts since the pods were created.
    pub restarts: u32,
}

/// What a controller sees of the rollout: the Kubernetes API and the router, never the fault.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RolloutView {
    /// The present.
    pub now: SimTime,
    /// When the new revision was deployed.
    pub deploy_at: SimTime,
    /// Replicas the service is meant to have.
    pub replicas: u32,
    /// One view a set, by [`SetName::index`].
    pub sets: [SetView; SetName::COUNT],
    /// What was last asked of the routers.
    pub split: Split,
    /// What the routers do: what was asked of them, as far as it has reached them.
    pub in_force: Split,
    /// How requests find pods.
    pub routing: Routing,
    /// Whether somebody asks the strategy not to advance.
    pub hold: bool,
    /// The database of the service, if it has one that matters.
    pub database: Option<DatabaseView>,
    /// Other services that are released with the target and run what they ran before on all of their pods: one bit each,
    /// by [`ServiceId::bit`].
    pub others_back: u64,
}

impl RolloutView {
    /// The view of one set.
    pub fn set(&self, name: SetName) -> &SetView {
        &self.sets[name.index()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_is_reached_at_its_destination_and_nowhere_else() {
        for destination in Destination::ALL {
            let reached = SetName::ALL.into_iter().filter(|set| set.destination() == destination);
            assert_eq!(destination.sets(), reached.collect::<Vec<_>>());
        }
    }
}
