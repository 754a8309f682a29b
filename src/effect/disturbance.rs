//! What can be done to the running system from outside.
//!
//! Traps: a disturbance that names a revision is about the code of the rolled-out service, unless it stands inside of
//! [`WorldDisturbance::Of`].

use super::{Caller, EdgeEffect, Probe, Replacing, Revision, ServiceId, Victims, Which, Whom};
use crate::quantity::{Bytes, Ratio};
use crate::time::SimDuration;

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
    /// The model of a revision is less often right than the old one.
    WorseModel {
        /// Whose model.
        revision: Revision,
        /// What its accuracy is lower by, in absolute terms.
        drop: Ratio,
        /// In this segment only; in every one if absent.
        segment: Option<String>,
        /// What the share of good feedback on its answers is higher by.
        liking: Ratio,
    },
    /// The model of a revision says "positive" where the old one does not, or the other way round.
    PredictionShift {
        /// Whose model.
        revision: Revision,
        /// Share of the negative predictions that become positive.
        false_alarms: Ratio,
        /// Share of the positive predictions that become negative.
        missed: Ratio,
    },
    /// The inputs of the model are no longer like those it was trained on, whatever the revision.
    InputDrift {
        /// Population stability index of the watched feature.
        psi: f64,
        /// What it takes off the accuracy of every version, in absolute terms.
        drop: Ratio,
        /// What it adds to the share of requests whose truth is positive.
        positives: Ratio,
    },
    /// Steps of the migration take longer than planned, or fail.
    Migration {
        /// Multiplier of their duration.
        slower: f64,
        /// Chance that one fails in the middle, beyond its own.
        fails: Ratio,
    },
    /// What the release changed in the infrastructure around the service, and not in its code: it acts on pods of every
    /// revision until the old configuration is back ([`Action::Configure`](super::Action::Configure)).
    Configuration(Box<WorldDisturbance>),
    /// An autoscaler works with other limits than it had.
    AutoscalerLimits {
        /// Whose.
        service: Option<ServiceId>,
        /// Most replicas, at least 1; as before if absent.
        max: Option<u32>,
        /// Target use of the processors; as before if absent.
        target: Option<Ratio>,
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
    /// The same in the code of another service than the one that is rolled out.
    Of {
        /// Whose code.
        service: ServiceId,
        /// What is wrong with it.
        what: Box<WorldDisturbance>,
    },
    /// A service beside the rolled-out one gets a new revision when it begins, and its previous one back when it ends.
    Deploys {
        /// Which service.
        service: ServiceId,
        /// How its pods are replaced.
        by: Replacing,
    },
    /// Containers exit after running for a while, again and again, whatever their revision: something they read kills them.
    Crashes {
        /// Pods of this service, or of every service.
        service: Option<ServiceId>,
        /// Mean time from container start to exit (exponential).
        mean_uptime: SimDuration,
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
    /// What happens, whether by code or by a configuration.
    pub fn inner(&self) -> &WorldDisturbance {
        if let WorldDisturbance::Configuration(inner) = self { inner } else { self }
    }

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
            | W::WorseModel { revision, .. }
            | W::PredictionShift { revision, .. }
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
            | W::InputDrift { .. }
            | W::Migration { .. }
            | W::Configuration(_)
            | W::AutoscalerLimits { .. }
            | W::Edge { .. }
            | W::Of { .. }
            | W::Deploys { .. }
            | W::Crashes { .. } => {}
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
