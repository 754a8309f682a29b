//! What is wrong with the world at an instant: the disturbances in force, combined.
//!
//! Confounders act in every branch; faults of the change act only in the bad twin and only on the candidate revision
//! of the rolled-out service. Several disturbances of one kind combine as independent causes (shares) or by
//! multiplication (factors).
//!
//! Traps: what is in force is worked out at boundaries ([`Conditions::refresh`]) and looked up in between, because it
//! is asked for every request; arrivals look ahead in time and therefore ask by instant.

pub mod environment;
pub mod special;

use std::sync::Arc;

use environment::Missing;

use super::database::effects::TableUse;
use super::database::state::Trouble;
use super::model::Bent;
use super::model::spec::ModelSpec;
use super::residue::Residues;
use super::spec::TimedDisturbance;
use super::warming::Warming;
use crate::effect::{Revision, ServiceId, WorldDisturbance};
use crate::time::{SimDuration, SimTime};

/// The disturbances of one branch.
#[derive(Clone, Debug)]
pub struct Conditions {
    /// The service that is rolled out: what names a revision is about its code.
    target: ServiceId,
    confounders: Arc<[TimedDisturbance]>,
    faults: Arc<[TimedDisturbance]>,
    /// What is wrong with the third revision, once it exists.
    of_other: Arc<[TimedDisturbance]>,
    acting: Acting,
    /// Whether the configuration that came with the release was put back.
    configured_back: bool,
    /// What the release leaves behind beside its pods.
    pub residues: Residues,
    /// Whether the third revision is a fix of the new one, and not an older one.
    pub third_is_fix: bool,
    /// What the database does to requests of a service, while they feel it.
    table: Option<(ServiceId, TableUse)>,
    /// The model of the target, whose troubles are worked out against it.
    model: Option<Arc<ModelSpec>>,
}

/// Slow requests of a revision.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slowness {
    /// Multiplier of the service time of the slow ones.
    pub factor: f64,
    /// Share of requests that are slow.
    pub share: f64,
}

impl Slowness {
    /// Nothing is slow.
    pub const NONE: Slowness = Slowness { factor: 1.0, share: 0.0 };
}

/// What is in force at present, combined.
#[derive(Clone, Debug)]
struct Acting {
    /// By service: share of requests that their shared dependencies let through.
    dependency_good: Vec<f64>,
    /// By service and revision.
    revisions: Vec<[OfRevision; Revision::COUNT]>,
    /// Cold pods.
    cold: Vec<Warming>,
    /// By service: share of requests that wait for something outside, and how many seconds.
    waits: Vec<(f64, f64)>,
    /// Services whose candidate writes keys of cache entries in its own way, by [`ServiceId::bit`].
    new_cache_keys: u64,
    /// What hits some pods, users or edges only.
    special: Vec<Special>,
    /// By service: mean time until something it reads ends a process.
    poison: Vec<Option<SimDuration>>,
    /// What befalls steps of a migration that begin now.
    migration: Trouble,
    /// What is wrong with models and their inputs.
    model: Bent,
    /// What processes find missing in their environment.
    missing: Vec<Missing>,
}

/// A disturbance that hits some pods, users or edges only.
#[derive(Clone, Debug)]
struct Special {
    /// Its place among all disturbances.
    place: usize,
    /// Whose code it is about, where it names a revision.
    owner: ServiceId,
    what: WorldDisturbance,
}

/// What is wrong with the code of a revision.
#[derive(Clone, Copy, Debug)]
struct OfRevision {
    /// Share of requests that succeed, as far as this code is concerned.
    good: f64,
    slowness: Slowness,
    crash_uptime: Option<SimDuration>,
    /// Bytes per second.
    leak: f64,
    /// Share of good answers that are right.
    right: f64,
    /// Multiplier of the processor time of a request, when it matters.
    cpu: Option<f64>,
    /// Share of readiness and of liveness checks that pass.
    passes: [f64; 2],
    /// Multiplier of the time a pod takes to start.
    startup: f64,
    /// Share of requests that leave a row as it is.
    harmless: f64,
}

impl OfRevision {
    const SOUND: OfRevision = OfRevision {
        good: 1.0,
        slowness: Slowness::NONE,
        crash_uptime: None,
        leak: 0.0,
        right: 1.0,
        cpu: None,
        passes: [1.0; 2],
        startup: 1.0,
        harmless: 1.0,
    };
}

impl Acting {
    fn nothing(services: usize) -> Self {
        Acting {
            dependency_good: vec![1.0; services],
            revisions: vec![[OfRevision::SOUND; Revision::COUNT]; services],
            cold: Vec::new(),
            waits: vec![(0.0, 0.0); services],
            new_cache_keys: 0,
            special: Vec::new(),
            poison: vec![None; services],
            migration: Trouble::NONE,
            model: Bent::NOTHING,
            missing: Vec::new(),
        }
    }

    /// Adds what acts; `owner` is the service whose code it is about, where it names a revision.
    fn add(&mut self, place: usize, owner: ServiceId, what: &WorldDisturbance) {
        match *what {
            WorldDisturbance::Errors { revision, share } => {
                self.of(owner, revision).good *= 1.0 - share.get()
            }
            WorldDisturbance::Latency { revision, factor, share } => {
                let slow = &mut self.of(owner, revision).slowness;
                *slow = Slowness { factor: slow.factor * factor, share: slow.share.max(share.get()) };
            }
            WorldDisturbance::CrashLoop { revision, mean_uptime } => {
                let crash = &mut self.of(owner, revision).crash_uptime;
                *crash = Some(crash.map_or(mean_uptime, |known| known.min(mean_uptime)));
            }
            WorldDisturbance::MemoryLeak { revision, per_second } => {
                self.of(owner, revision).leak += per_second.get() as f64;
            }
            // Arrivals ask by instant; pods stop, are replaced, and caches are emptied at one.
            WorldDisturbance::TrafficSpike { .. }
            | WorldDisturbance::PodsDown { .. }
            | WorldDisturbance::Deploys { .. }
            | WorldDisturbance::CacheLoss { .. } => {}
            // Without a model nothing predicts.
            WorldDisturbance::WorseModel { .. }
            | WorldDisturbance::PredictionShift { .. }
            | WorldDisturbance::InputDrift { .. } => {}
            // What is left behind has a state of its own.
            WorldDisturbance::StateFormat { .. } | WorldDisturbance::BadFetch { .. } => {}
            // That depends on when it went missing.
            WorldDisturbance::MissingEnv { .. } => {}
            WorldDisturbance::NewCacheKeys => self.new_cache_keys |= owner.bit(),
            WorldDisturbance::Of { service, ref what } => self.add(place, service, what),
            WorldDisturbance::DependencyErrors { service, share } => {
                let hit = |index: usize| service.is_none_or(|s| usize::from(s.0) == index);
                let goods = self.dependency_good.iter_mut().enumerate();
                goods.filter(|(index, _)| hit(*index)).for_each(|(_, good)| *good *= 1.0 - share.get());
            }
            WorldDisturbance::ColdCache { factor, warm_up } => {
                self.cold.push(Warming { factor, tau: warm_up });
            }
            WorldDisturbance::Waits { service, share, wait } => self.add_wait(service, share.get(), wait),
            WorldDisturbance::Crashes { service, mean_uptime } => self.add_poison(service, mean_uptime),
            _ => self.add_to_revision(place, owner, what),
        }
    }

    fn of(&mut self, service: ServiceId, revision: Revision) -> &mut OfRevision {
        &mut self.revisions[usize::from(service.0)][revision as usize]
    }
}

fn is_configuration(fault: &TimedDisturbance) -> bool {
    matches!(fault.what, WorldDisturbance::Configuration(_))
}

impl Conditions {
    /// The conditions of a world with this many services at time zero, before any deploy.
    pub fn new(target: ServiceId, services: usize, confounders: Arc<[TimedDisturbance]>) -> Self {
        let mut conditions = Conditions {
            target,
            confounders,
            faults: Arc::new([]),
            of_other: Arc::new([]),
            acting: Acting::nothing(services),
            configured_back: false,
            residues: Residues::default(),
            third_is_fix: false,
            table: None,
            model: None,
        };
        conditions.refresh(SimTime::ZERO);
        conditions
    }

    /// The same where the target answers with the predictions of a model.
    #[must_use]
    pub fn with_model(self, model: Option<Arc<ModelSpec>>) -> Self {
        let mut conditions = Conditions { model, ..self };
        conditions.refresh(SimTime::ZERO);
        conditions
    }

    /// The candidate exists from now on, with these faults.
    pub fn deploy(&mut self, faults: Arc<[TimedDisturbance]>, now: SimTime) {
        self.faults = faults;
        self.refresh(now);
    }

    /// The third revision is another one from now on, with these faults.
    pub fn adopt(&mut self, faults: Arc<[TimedDisturbance]>, now: SimTime) {
        self.of_other = faults;
        self.refresh(now);
    }

    /// Works out what is in force at `now` and until the next boundary.
    pub fn refresh(&mut self, now: SimTime) {
        let mut acting = Acting::nothing(self.acting.dependency_good.len());
        let in_force = self.all().enumerate().filter(|(_, d)| d.from <= now && now < d.until);
        for (place, d) in in_force {
            let what = d.what.inner();
            match &self.model {
                Some(model) if acting.add_to_model(model, what) => {}
                _ => acting.add(place, self.target, what),
            }
            acting.add_missing(d.from, what);
        }
        self.acting = acting;
    }

    fn all(&self) -> impl Iterator<Item = &TimedDisturbance> {
        let back = self.configured_back;
        let faults = self.faults.iter().filter(move |fault| !(back && is_configuration(fault)));
        self.confounders.iter().chain(faults).chain(self.of_other.iter())
    }

    /// The infrastructure is configured as before the deploy from now on.
    pub fn configure_back(&mut self, now: SimTime) {
        self.configured_back = true;
        self.refresh(now);
    }

    /// Whether the infrastructure is configured as before the deploy.
    pub fn is_configured_as_before(&self) -> bool {
        self.configured_back || !self.faults.iter().any(is_configuration)
    }

    /// Every instant after `after` at which something begins or ends.
    pub fn boundaries(&self, after: SimTime) -> impl Iterator<Item = SimTime> + '_ {
        self.all().flat_map(|d| [d.from, d.until]).filter(move |&t| t > after && t < SimTime::NEVER)
    }

    /// The first instant after `after` at which the arrival rate may change. Faults of the change never change it, so
    /// arrivals are the same, to the nanosecond, in every branch.
    pub fn next_arrival_change(&self, after: SimTime) -> Option<SimTime> {
        self.confounders
            .iter()
            .filter(|d| matches!(d.what, WorldDisturbance::TrafficSpike { .. }))
            .flat_map(|d| [d.from, d.until])
            .filter(|&t| t > after && t < SimTime::NEVER)
            .min()
    }

    /// Multiplier of the arrival rate.
    pub fn arrival_factor(&self, at: SimTime) -> f64 {
        let in_force = self.confounders.iter().filter(|d| d.from <= at && at < d.until);
        in_force
            .map(|d| if let WorldDisturbance::TrafficSpike { factor } = d.what { factor } else { 1.0 })
            .product()
    }

    /// What the database does to requests of this service from now on.
    pub fn set_table(&mut self, service: ServiceId, table: TableUse) {
        self.table = table.is_felt().then_some((service, table));
    }

    /// What the database does to requests of `service`; `None` while they feel nothing.
    pub fn table(&self, service: ServiceId) -> Option<&TableUse> {
        self.table.as_ref().filter(|(of, _)| *of == service).map(|(_, table)| table)
    }

    /// Whether the application that is rolled out is stopped, so that it takes no request.
    pub fn is_stopped(&self) -> bool {
        self.table.as_ref().is_some_and(|(_, table)| table.stopped)
    }

    /// Share of the requests of `revision` that corrupt a row.
    pub fn corrupts(&self, revision: Revision) -> f64 {
        1.0 - self.code(self.target, revision).harmless
    }

    /// What is wrong with the models of all revisions, and with their inputs.
    pub fn models(&self) -> &Bent {
        &self.acting.model
    }

    /// What befalls steps of a migration that begin now.
    pub fn migration_trouble(&self) -> Trouble {
        self.acting.migration
    }

    /// Share of requests of `service` that a shared dependency fails, whatever the revision.
    pub fn dependency_errors(&self, service: ServiceId) -> f64 {
        1.0 - self.acting.dependency_good[usize::from(service.0)]
    }

    fn code(&self, service: ServiceId, revision: Revision) -> &OfRevision {
        &self.acting.revisions[usize::from(service.0)][revision as usize]
    }

    /// Share of requests of a revision of a service that its own code fails.
    pub fn fault_errors(&self, service: ServiceId, revision: Revision) -> f64 {
        1.0 - self.code(service, revision).good
    }

    /// Slow requests of a revision; several regressions at once multiply their factors and the largest share holds.
    pub fn slowness(&self, service: ServiceId, revision: Revision) -> Slowness {
        self.code(service, revision).slowness
    }

    /// Service-time multiplier of a pod that has run for `uptime`, because its cache is cold.
    pub fn cold_factor(&self, uptime: SimDuration) -> f64 {
        self.acting.cold.iter().map(|warming| warming.at(uptime)).product()
    }

    /// Whether the candidate of a service writes keys of cache entries in its own way.
    pub fn has_new_cache_keys(&self, service: ServiceId) -> bool {
        self.acting.new_cache_keys & service.bit() != 0
    }

    /// Whether anything makes fresh pods slow.
    pub fn any_cold(&self) -> bool {
        !self.acting.cold.is_empty()
    }

    /// Mean time from container start to exit, when the revision crashes.
    pub fn crash_uptime(&self, service: ServiceId, revision: Revision) -> Option<SimDuration> {
        self.code(service, revision).crash_uptime
    }

    /// Growth of memory in bytes per second of uptime.
    pub fn leak(&self, service: ServiceId, revision: Revision) -> f64 {
        self.code(service, revision).leak
    }
}
