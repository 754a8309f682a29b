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
mod target;

use crate::quantity::{Bytes, Ratio};
use crate::time::{SimDuration, SimTime};

pub use database::{DatabaseAction, DatabaseView, Pick};
pub use target::{Caller, EdgeEffect, Probe, Refusal, Victims, Which, Whom};

/// Index of a service in its world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceId(pub u16);

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
    /// Every ready pod gets an equal share, whatever its revision.
    Endpoints,
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
    /// All of the above back to nothing at once: every request to the stable destination, no copies.
    Unsplit,
    /// Ask for this many pods in a set: missing ones start, surplus ones drain and stop.
    Scale(SetName, u32),
    /// Start (or stop) synthetic load on the candidate destination, in requests per second.
    SyntheticLoad(f64),
    /// Do something to the service's database; nothing happens where there is none.
    Database(DatabaseAction),
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
}

impl RolloutView {
    /// The view of one set.
    pub fn set(&self, name: SetName) -> &SetView {
        &self.sets[name.index()]
    }
}

/// Something done to the running system from outside, in four families.
#[derive(Clone, Debug, PartialEq)]
pub enum Disturbance {
    /// The world itself behaves differently.
    World(WorldDisturbance),
    /// Monitoring sees less, or later.
    Monitoring(MonitoringDisturbance),
    /// The rollback goes differently.
    Rollback(RollbackDisturbance),
    /// People act differently.
    People(PeopleDisturbance),
}

/// A change of the behaviour of services or traffic.
#[derive(Clone, Debug, PartialEq)]
pub enum WorldDisturbance {
    /// Requests served by a revision fail with this extra probability.
    Errors {
        /// Which code fails.
        revision: Revision,
        /// Share of requests that fail beyond the background.
        share: Ratio,
    },
    /// Service times of a revision are multiplied.
    Latency {
        /// Which code is slow.
        revision: Revision,
        /// Multiplier of the service time, at least 0.
        factor: f64,
        /// Share of its requests that are slow.
        share: Ratio,
    },
    /// Containers of a revision exit after running for a while, again and again.
    CrashLoop {
        /// Which code crashes.
        revision: Revision,
        /// Mean time from container start to exit (exponential).
        mean_uptime: SimDuration,
    },
    /// Containers of a revision use more memory the longer they run, and are killed at the limit.
    MemoryLeak {
        /// Which code leaks.
        revision: Revision,
        /// Growth per pod and second of uptime.
        per_second: Bytes,
    },
    /// Arrivals are multiplied while it lasts.
    TrafficSpike {
        /// Multiplier of the arrival rate.
        factor: f64,
    },
    /// A shared dependency of a service fails requests of every revision alike.
    DependencyErrors {
        /// The service whose requests fail, or every service.
        service: Option<ServiceId>,
        /// Share of requests that fail beyond the background.
        share: Ratio,
    },
    /// Fresh pods serve slowly until their cache is warm, whatever their revision.
    ColdCache {
        /// Service-time multiplier of a pod that just started.
        factor: f64,
        /// Time constant of the exponential return to 1.
        warm_up: SimDuration,
    },
    /// A share of the answers of a revision is wrong, with status 200.
    Wrong {
        /// Which code answers wrongly.
        revision: Revision,
        /// Share of its good answers that are wrong.
        share: Ratio,
    },
    /// As `Errors`, for some users only.
    ErrorsFor {
        /// Which code fails.
        revision: Revision,
        /// Share of these users' requests that fail beyond the background.
        share: Ratio,
        /// Whose requests.
        whom: Whom,
    },
    /// As `Errors`, in pods that get more than so many requests.
    ErrorsAbove {
        /// Which code fails.
        revision: Revision,
        /// Share of requests that fail beyond the background while it is overloaded.
        share: Ratio,
        /// Requests per second and pod from which on it fails.
        load: f64,
    },
    /// Requests of a revision need more processor time, and pods are throttled at their limit.
    CpuPerRequest {
        /// Which code burns it.
        revision: Revision,
        /// Multiplier of the processor time of a request.
        factor: f64,
    },
    /// Health checks of a revision fail with this probability each.
    ProbesFail {
        /// Which code.
        revision: Revision,
        /// Which check.
        probe: Probe,
        /// Share of the checks that fail.
        share: Ratio,
    },
    /// Pods of a revision take longer to start.
    SlowStart {
        /// Which code.
        revision: Revision,
        /// Multiplier of the time from creation to a running process.
        factor: f64,
    },
    /// Pods stop when it begins, and come back later.
    PodsDown {
        /// Pods of this service, or of every service.
        service: Option<ServiceId>,
        /// Which of them.
        which: Which,
        /// Whether they finish what they have.
        graceful: bool,
        /// Whether it shows as a container restart (a killed process) or not (a pod made anew elsewhere).
        restarts: bool,
        /// Time from the stop to a running process.
        back_after: SimDuration,
    },
    /// Processes of some pods get less done in the same time, whatever their revision.
    PodsSlow {
        /// Pods of this service, or of every service.
        service: Option<ServiceId>,
        /// Which of them.
        pods: Victims,
        /// Multiplier of the service time.
        factor: f64,
    },
    /// Something eats up the memory of some pods until they are killed at their limit, again and again.
    MemoryPressure {
        /// Pods of this service, or of every service.
        service: Option<ServiceId>,
        /// Which of them.
        pods: Victims,
        /// Time from the start of a fresh process to its end, about.
        oom_after: SimDuration,
    },
    /// A share of the requests waits for something outside of the process (a disk, a lock), whatever the revision.
    Waits {
        /// The service whose requests wait, or every service.
        service: Option<ServiceId>,
        /// Share of its requests.
        share: Ratio,
        /// How long each of them waits.
        wait: SimDuration,
    },
    /// Pods serve fewer requests at a time.
    Concurrency {
        /// Pods of this service, or of every service.
        service: Option<ServiceId>,
        /// Requests a pod serves at a time at most.
        most: u32,
    },
    /// The caches in which a service looks before it calls lose a share of what they hold when it begins.
    CacheLoss {
        /// The service that looks, or every service.
        service: Option<ServiceId>,
        /// Share of the entries.
        share: Ratio,
        /// Tells this choice from others.
        salt: u64,
    },
    /// The candidate writes the keys of cache entries in another way, so it finds nothing that the old revision filled.
    NewCacheKeys,
    /// Requests of a revision that write corrupt a row, and nobody notices.
    Corrupts {
        /// Which code.
        revision: Revision,
        /// Share of all its requests that corrupt one.
        share: Ratio,
    },
    /// Steps of the migration take longer than planned, or fail.
    Migration {
        /// Multiplier of their duration.
        slower: f64,
        /// Chance that one fails in the middle, beyond its own.
        fails: Ratio,
    },
    /// A revision writes entries of shared state in a format that the one before cannot read.
    StateFormat {
        /// Which code writes it.
        revision: Revision,
        /// Share of the requests that read an entry.
        reads: Ratio,
        /// Mean time until an entry expires or is overwritten.
        lifetime: SimDuration,
        /// Whether this code reads what the one before wrote.
        new_reads_old: bool,
    },
    /// A revision hands out something that clients keep for a while and that fails them.
    BadFetch {
        /// Which code hands it out.
        revision: Revision,
        /// Share of the requests of a client that holds it that fail.
        fails: Ratio,
        /// Mean time between two fetches of a client.
        every: SimDuration,
        /// Time in which half of the clients that hold it replace it, where nobody hands it out.
        half_life: SimDuration,
        /// Tells which clients these are from other choices.
        salt: u64,
    },
    /// Processes of a revision find something missing in their environment.
    MissingEnv {
        /// Which code needs it; of [`Revision::Stable`] older revisions that a rollback goes to as well.
        revision: Revision,
        /// Share of the requests that fail in such a process.
        share: Ratio,
        /// Whether it exits as it starts instead.
        at_start: bool,
        /// Whether running processes read it again; else only those that start from now on lack it.
        reloads: bool,
    },
    /// Something happens on the way from callers to a service.
    Edge {
        /// Who calls.
        from: Caller,
        /// The service that is called, or every service.
        to: Option<ServiceId>,
        /// What happens.
        effect: EdgeEffect,
    },
}

impl WorldDisturbance {
    /// Whether it is of the old revision: what a change takes away from the one before it.
    pub fn is_of_old(&self) -> bool {
        matches!(self, WorldDisturbance::MissingEnv { revision: Revision::Stable, .. })
    }

    /// The same of another revision's code; what is not about code stays as it is.
    #[must_use]
    pub fn of_revision(mut self, whose: Revision) -> Self {
        use WorldDisturbance as W;
        match &mut self {
            W::Errors { revision, .. }
            | W::Latency { revision, .. }
            | W::CrashLoop { revision, .. }
            | W::MemoryLeak { revision, .. }
            | W::Wrong { revision, .. }
            | W::ErrorsFor { revision, .. }
            | W::ErrorsAbove { revision, .. }
            | W::CpuPerRequest { revision, .. }
            | W::ProbesFail { revision, .. }
            | W::SlowStart { revision, .. }
            | W::Corrupts { revision, .. }
            | W::StateFormat { revision, .. }
            | W::BadFetch { revision, .. }
            | W::MissingEnv { revision, .. } => *revision = whose,
            W::TrafficSpike { .. }
            | W::DependencyErrors { .. }
            | W::ColdCache { .. }
            | W::PodsDown { .. }
            | W::PodsSlow { .. }
            | W::MemoryPressure { .. }
            | W::Waits { .. }
            | W::Concurrency { .. }
            | W::CacheLoss { .. }
            | W::NewCacheKeys
            | W::Migration { .. }
            | W::Edge { .. } => {}
        }
        self
    }
}

/// A change of what monitoring stores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MonitoringDisturbance {
    /// No scrape of the service succeeds while it lasts.
    ScrapeGap,
    /// Samples arrive later by this much.
    ExtraLag(SimDuration),
    /// Queries fail with this probability.
    QueryErrors(Ratio),
    /// The request counters of every pod and caller start again from zero when it begins; no process restarts.
    CounterReset,
    /// Scrapes succeed and give the values of the last one before it began.
    StaleSeries,
    /// The request metrics of the candidate are not told from others: counted as the stable's, or as nobody's.
    CandidateUnlabelled {
        /// Whether the stable's series count them.
        as_stable: bool,
    },
    /// A verdict does not reach whoever acts on it, with this probability.
    DroppedVerdicts(Ratio),
}

/// A change of how rollbacks go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RollbackDisturbance {
    /// Each step of a procedure fails with this probability.
    StepFails(Ratio),
    /// Each step takes this many times as long.
    Slower(f64),
    /// The previous revision is gone: there is nothing to go back to.
    NoTarget,
}

/// A change of what people do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PeopleDisturbance {
    /// A person takes this long to act on a page or a pause.
    ReactsAfter(SimDuration),
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
