//! What can be wrong: faults of a change, confounders that look like one, and chaos of the surroundings.
//!
//! A member turns its parameters (drawn once per replication) into disturbances with a span. Faults of the change act
//! on the candidate revision only and begin `after` the deploy, but for what a release leaves behind or takes away ([shared
//! state](incompatible_state), [clients](client_cache), [configuration](missing_env)), which reaches the old one; the others act on everybody at a given time, in both twins.
//! *Confounders* are what traffic, neighbours and monitoring do to a judgement; *surroundings* are what chaos experiments do
//! to a system: instances, zones, edges, disks, clocks, databases. Several act together.
//!
//! Some members only make sense where requests are followed one by one; [`Fault::needs_requests`] says so, and `fidelity: auto`
//! follows it.
//!
//! Traps: `after` is counted from the deploy, not from the first request the candidate serves; a fault that begins
//! before the candidate gets traffic harms nobody until it does.

pub mod autoscaler_limits;
pub mod cache_loss;
pub mod client_cache;
pub mod clock_skew;
pub mod cohort_only;
pub mod cold_cache;
pub mod counter_reset;
pub mod cpu_burn;
pub mod cpu_pressure;
pub mod crash_loop;
pub mod db_conn_exhaust;
pub mod db_failover;
pub mod db_lock;
pub mod dep_throttle;
pub mod disk_full;
pub mod dns_error;
pub mod dropped_verdicts;
pub mod edge_bandwidth;
pub mod edge_delay;
pub mod edge_duplicate;
pub mod edge_loss;
pub mod edge_partition;
pub mod error_burst;
pub mod failing_health_check;
pub mod flapping;
pub mod http_body_corrupt;
pub mod http_delay;
pub mod http_error;
pub mod http_reset;
pub mod incompatible_state;
pub mod infrastructure_change;
pub mod input_drift;
pub mod instance_down;
pub mod io_delay;
pub mod io_error;
pub mod latency_regression;
pub mod latent_trigger;
pub mod lb_health_check;
pub mod mem_pressure;
pub mod memory_leak;
pub mod metric_gap;
pub mod metric_lag;
pub mod migration_trouble;
pub mod missing_candidate_label;
pub mod missing_env;
pub mod neighbour_outage;
pub mod new_cache_keys;
pub mod node_drain;
pub mod other_deploy;
pub mod overload_only;
pub mod pool_size;
pub mod prediction_shift;
pub mod query_errors;
pub mod silent_corruption;
pub mod slow_start;
pub mod stale_series;
pub mod traffic_spike;
pub mod users_only;
pub mod vulnerable_release;
pub mod worse_model;
pub mod wrong_answers;
pub mod zone_down;

use crate::effect::{Caller, Disturbance, EdgeEffect, ServiceId, WorldDisturbance};
use crate::rng::{Distribution, Key, Purpose, Unit};
use crate::time::{SimDuration, SimTime};

/// What a member is given to resolve itself for one replication.
pub struct Resolution<'a> {
    /// Key of the replication's scenario draws.
    pub key: Key,
    /// Path of the entry in the scenario, e.g. `change.faults[0]`.
    pub path: &'a str,
    /// When the new revision is deployed.
    pub deploy_at: SimTime,
    /// Looks up a service by name.
    pub service: &'a dyn Fn(&str) -> Option<ServiceId>,
    /// Every number drawn, by document path, for the record.
    pub drawn: &'a mut Vec<(String, f64)>,
}

impl Resolution<'_> {
    /// The value of a number field for this replication: one draw keyed by the document path.
    pub fn number<U: Unit>(&mut self, field: &str, distribution: &Distribution<U>) -> f64 {
        let path = format!("{}.{field}", self.path);
        let u = self.key.purpose(Purpose::ScenarioDraw).entity(&path).uniform_open();
        let value = distribution.quantile(u);
        self.drawn.push((path, value));
        value
    }

    /// Like [`Resolution::number`], for durations.
    pub fn duration(&mut self, field: &str, distribution: &Distribution<SimDuration>) -> SimDuration {
        SimDuration::from_secs_f64(self.number(field, distribution))
    }

    /// The span from `at` after the deploy for the time `lasts`.
    pub fn span(
        &mut self,
        at: &Distribution<SimDuration>,
        lasts: &Distribution<SimDuration>,
    ) -> (SimTime, SimTime) {
        let from = self.deploy_at + self.duration("at", at);
        (from, from + self.duration("for", lasts))
    }

    /// What a member does to the world in its span; numbers of `what` are drawn after those of the span.
    pub fn timed(
        &mut self,
        at: &Distribution<SimDuration>,
        lasts: &Distribution<SimDuration>,
        what: impl FnOnce(&mut Self) -> WorldDisturbance,
    ) -> Vec<Effect> {
        let (from, until) = self.span(at, lasts);
        vec![Effect { from, until, what: Disturbance::World(what(self)) }]
    }

    /// What a release changes around its code, from `after` on until somebody puts the old configuration back.
    pub fn configured(
        &mut self,
        after: &Distribution<SimDuration>,
        what: impl IntoIterator<Item = WorldDisturbance>,
    ) -> Vec<Effect> {
        let from = self.deploy_at + self.duration("after", after);
        let effect = |what| Effect {
            from,
            until: SimTime::NEVER,
            what: Disturbance::World(WorldDisturbance::Configuration(Box::new(what))),
        };
        what.into_iter().map(effect).collect()
    }

    /// As [`Resolution::timed`], to calls on an edge, `ends` its caller and its callee.
    pub fn on_edge(
        &mut self,
        ends: (&Option<String>, &Option<String>),
        at: &Distribution<SimDuration>,
        lasts: &Distribution<SimDuration>,
        effect: impl FnOnce(&mut Self) -> EdgeEffect,
    ) -> Vec<Effect> {
        self.timed(at, lasts, |r| {
            let effect = effect(r);
            WorldDisturbance::Edge { from: r.caller(ends.0), to: r.target(ends.1), effect }
        })
    }

    /// A number that tells the victims of this entry from those of others.
    pub fn salt(&self) -> u64 {
        self.key.purpose(Purpose::Victims).entity(self.path).below(u64::MAX)
    }

    /// The service of this name; every service if there is no name.
    pub fn target(&self, name: &Option<String>) -> Option<ServiceId> {
        name.as_deref().and_then(|name| (self.service)(name))
    }

    /// The caller of this name; everybody if there is no name.
    pub fn caller(&self, name: &Option<String>) -> Caller {
        match name.as_deref() {
            None => Caller::Anybody,
            Some(USERS) => Caller::Users,
            Some(name) => (self.service)(name).map_or(Caller::Anybody, Caller::Service),
        }
    }

    /// Like [`Resolution::number`], for shares; values outside 0 to 1 are cut.
    pub fn share(
        &mut self,
        field: &str,
        distribution: &Distribution<crate::rng::Ratio>,
    ) -> crate::quantity::Ratio {
        let value = self.number(field, distribution).clamp(0.0, 1.0);
        crate::quantity::Ratio::new(value).unwrap_or(crate::quantity::Ratio::ZERO)
    }
}

/// What stands for the users where a caller is named.
const USERS: &str = "users";

/// Why what happens on an edge cannot be counted per window.
const SEEN_DIFFERENTLY: &str = "callers and pods see different things";

/// The name of the one service a member may name, with its field.
fn one_service(service: &Option<String>) -> Vec<(&'static str, &str)> {
    service.iter().map(|name| ("service", name.as_str())).collect()
}

/// The names of services in the ends of an edge, with their fields.
fn edge_services<'a>(from: &'a Option<String>, to: &'a Option<String>) -> Vec<(&'static str, &'a str)> {
    let from = from.iter().filter(|name| *name != USERS).map(|name| ("from", name.as_str()));
    from.chain(to.iter().map(|name| ("to", name.as_str()))).collect()
}

/// Ten seconds, the default of what comes back soon: Kubernetes' first back-off.
fn ten_seconds() -> Distribution<SimDuration> {
    Distribution::certain(10.0)
}

/// Five minutes, the tolerance of clocks.
fn five_minutes() -> SimDuration {
    SimDuration::from_mins(5)
}

/// Zero, the default of `after`.
fn at_once() -> Distribution<SimDuration> {
    Distribution::certain(0.0)
}

/// Zero, the default of shares that need not be.
fn nothing() -> Distribution<crate::rng::Ratio> {
    Distribution::certain(0.0)
}

/// One, the default of shares.
fn everything() -> Distribution<crate::rng::Ratio> {
    Distribution::certain(1.0)
}

/// A disturbance with its span.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    /// When it begins.
    pub from: SimTime,
    /// When it ends.
    pub until: SimTime,
    /// What happens.
    pub what: Disturbance,
}

/// The same in the code of another service than the one that is rolled out.
pub fn elsewhere(service: ServiceId, effect: Effect) -> Effect {
    match effect.what {
        Disturbance::World(what) => {
            let what = Disturbance::World(WorldDisturbance::Of { service, what: Box::new(what) });
            Effect { what, ..effect }
        }
        _ => effect,
    }
}

/// Something that can go wrong.
pub trait Fault: Send + Sync {
    /// What it does in one replication.
    fn resolve(&self, resolution: &mut Resolution<'_>) -> Vec<Effect>;

    /// The services it names, each with its field: they must exist.
    fn services(&self) -> Vec<(&'static str, &str)> {
        Vec::new()
    }

    /// Why counting requests per window leaves out what it does; `None` if it does not.
    fn needs_requests(&self) -> Option<&'static str> {
        None
    }

    /// Whether it does nothing where the scenario has no database.
    fn needs_database(&self) -> bool {
        false
    }

    /// Whether it does nothing where the scenario has no model.
    fn needs_model(&self) -> bool {
        false
    }

    /// The segment of the model it names: it must exist.
    fn segment(&self) -> Option<&str> {
        None
    }

    /// Whether it is a change that somebody else made: a rollback because of it blames the wrong one.
    fn is_other_change(&self) -> bool {
        false
    }
}

crate::catalogue! {
    /// A fault of the change.
    pub enum FaultSpec: Fault {
        error_burst => error_burst::ErrorBurst,
        latency_regression => latency_regression::LatencyRegression,
        crash_loop => crash_loop::CrashLoop,
        memory_leak => memory_leak::MemoryLeak,
        cpu_burn => cpu_burn::CpuBurn,
        failing_health_check => failing_health_check::FailingHealthCheck,
        slow_start => slow_start::SlowStart,
        overload_only => overload_only::OverloadOnly,
        users_only => users_only::UsersOnly,
        cohort_only => cohort_only::CohortOnly,
        flapping => flapping::Flapping,
        wrong_answers => wrong_answers::WrongAnswers,
        vulnerable_release => vulnerable_release::VulnerableRelease,
        new_cache_keys => new_cache_keys::NewCacheKeys,
        silent_corruption => silent_corruption::SilentCorruption,
        migration_trouble => migration_trouble::MigrationTrouble,
        worse_model => worse_model::WorseModel,
        prediction_shift => prediction_shift::PredictionShift,
        pool_size => pool_size::PoolSize,
        autoscaler_limits => autoscaler_limits::AutoscalerLimits,
        lb_health_check => lb_health_check::LbHealthCheck,
        incompatible_state => incompatible_state::IncompatibleState,
        missing_env => missing_env::MissingEnv,
        client_cache => client_cache::ClientCache,
    }
}

crate::catalogue! {
    /// Something that looks like a bad release and is not.
    pub enum ConfounderSpec: Fault {
        traffic_spike => traffic_spike::TrafficSpike,
        neighbour_outage => neighbour_outage::NeighbourOutage,
        metric_gap => metric_gap::MetricGap,
        cold_cache => cold_cache::ColdCache,
        metric_lag => metric_lag::MetricLag,
        query_errors => query_errors::QueryErrors,
        stale_series => stale_series::StaleSeries,
        counter_reset => counter_reset::CounterReset,
        missing_candidate_label => missing_candidate_label::MissingCandidateLabel,
        dropped_verdicts => dropped_verdicts::DroppedVerdicts,
        input_drift => input_drift::InputDrift,
        other_deploy => other_deploy::OtherDeploy,
        infrastructure_change => infrastructure_change::InfrastructureChange,
        latent_trigger => latent_trigger::LatentTrigger,
    }
}

crate::catalogue! {
    /// Chaos of the surroundings: what happens to pods, networks, disks and databases whatever the release.
    pub enum SurroundingSpec: Fault {
        instance_down => instance_down::InstanceDown,
        node_drain => node_drain::NodeDrain,
        zone_down => zone_down::ZoneDown,
        cpu_pressure => cpu_pressure::CpuPressure,
        mem_pressure => mem_pressure::MemPressure,
        io_delay => io_delay::IoDelay,
        io_error => io_error::IoError,
        disk_full => disk_full::DiskFull,
        clock_skew => clock_skew::ClockSkew,
        edge_delay => edge_delay::EdgeDelay,
        edge_loss => edge_loss::EdgeLoss,
        edge_duplicate => edge_duplicate::EdgeDuplicate,
        edge_partition => edge_partition::EdgePartition,
        edge_bandwidth => edge_bandwidth::EdgeBandwidth,
        dns_error => dns_error::DnsError,
        http_error => http_error::HttpError,
        http_delay => http_delay::HttpDelay,
        http_reset => http_reset::HttpReset,
        http_body_corrupt => http_body_corrupt::HttpBodyCorrupt,
        dep_throttle => dep_throttle::DepThrottle,
        db_failover => db_failover::DbFailover,
        db_lock => db_lock::DbLock,
        db_conn_exhaust => db_conn_exhaust::DbConnExhaust,
        cache_loss => cache_loss::CacheLoss,
    }
}
