//! One pod: its life from creation to removal, and what its process counts.

use super::instruments::{PodKey, RequestCounters};
use super::spec::ServiceSpec;
use super::warming::Warming;
use crate::effect::Revision;
use crate::time::{SimDuration, SimTime};

/// Where a pod is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodState {
    /// Pulled, scheduled, booting: no process answers yet.
    Starting,
    /// The process runs.
    Running,
    /// The container exited and waits for its restart.
    Backoff,
    /// Told to stop: serves what it has, takes nothing new.
    Terminating,
    /// Removed.
    Gone,
}

/// One pod.
#[derive(Clone, Debug)]
pub struct Pod {
    /// Its identity.
    pub key: PodKey,
    /// Where it is in its life.
    pub state: PodState,
    /// Whether it passes its readiness probe (and so gets requests).
    pub ready: bool,
    /// Since when it is ready.
    pub ready_since: SimTime,
    /// Start of the present process.
    pub started_at: SimTime,
    /// When it was told to stop.
    pub terminating_since: SimTime,
    /// Number of the present process, from 0.
    pub incarnation: u32,
    /// Container restarts.
    pub restarts: u32,
    /// Restarts because of the memory limit.
    pub oom_kills: u32,
    /// Bytes the process has leaked by `leak_from`, and since when at the present rate.
    pub leaked: f64,
    /// When the leak last changed its rate (or the process started).
    pub leak_from: SimTime,
    /// Present leak, bytes per second.
    pub leak_rate: f64,
    /// Requests as the pod counts them.
    pub server: RequestCounters,
    /// Requests as callers count them.
    pub client: RequestCounters,
    /// CPU seconds of the present process.
    pub cpu_seconds: f64,
    /// Requests being served.
    pub in_flight: u32,
    /// Request level: requests waiting.
    pub waiting: u32,
    /// Readiness probes failed in a row.
    pub probe_failures: u32,
    /// When it was created.
    pub created_at: SimTime,
    /// Whether it ran long before the simulation began, so that it is warm.
    pub seasoned: bool,
    /// CPU seconds since the autoscaler last looked (expected ones at flow level).
    pub cpu_window: f64,
    /// Flow level: requests in it on average, as of the last slot.
    pub load: f64,
    /// Liveness probes failed in a row.
    pub liveness_failures: u32,
    /// It was told to stop from outside and finishes what it has: it gets nothing new.
    pub leaving: bool,
    /// How long after it was stopped from outside its next process runs.
    pub back_after: SimDuration,
    /// When its process reaches the memory limit, as things stand.
    pub oom_at: SimTime,
    /// When its processors have done all the work they have, where they are looked at.
    pub cpu_free_at: SimTime,
    /// Requests per second it got lately, and when that was last worked out; only where a fault depends on it.
    pub lately: (f64, SimTime),
    /// Flow level: ready time in the present slot, weighted with the arrival factor.
    pub exposure: f64,
    /// Flow level: like `exposure`, before a crash in the present slot.
    pub lost_exposure: f64,
}

impl Pod {
    /// A pod that was just created.
    pub fn new(key: PodKey, now: SimTime) -> Self {
        Pod {
            key,
            state: PodState::Starting,
            ready: false,
            ready_since: SimTime::NEVER,
            started_at: now,
            terminating_since: SimTime::NEVER,
            incarnation: 0,
            restarts: 0,
            oom_kills: 0,
            leaked: 0.0,
            leak_from: now,
            leak_rate: 0.0,
            server: RequestCounters::default(),
            client: RequestCounters::default(),
            cpu_seconds: 0.0,
            in_flight: 0,
            waiting: 0,
            probe_failures: 0,
            created_at: now,
            seasoned: false,
            cpu_window: 0.0,
            load: 0.0,
            liveness_failures: 0,
            leaving: false,
            back_after: SimDuration::ZERO,
            oom_at: SimTime::NEVER,
            cpu_free_at: SimTime::ZERO,
            lately: (0.0, now),
            exposure: 0.0,
            lost_exposure: 0.0,
        }
    }

    /// The revision it runs.
    pub fn revision(&self) -> Revision {
        self.key.set.revision()
    }

    /// Whether it exists and is meant to stay.
    pub fn is_created(&self) -> bool {
        matches!(self.state, PodState::Starting | PodState::Running | PodState::Backoff)
    }

    /// Whether its process answers.
    pub fn is_up(&self) -> bool {
        matches!(self.state, PodState::Running | PodState::Terminating)
    }

    /// Time its process has run.
    pub fn uptime(&self, now: SimTime) -> SimDuration {
        now.since(self.started_at)
    }

    /// Bytes leaked by its process.
    pub fn leaked_by(&self, now: SimTime) -> f64 {
        self.leaked + self.leak_rate * now.since(self.leak_from).as_secs_f64()
    }

    /// Bytes in use by its process: its base, what leaked, what its requests hold.
    pub fn memory(&self, spec: &ServiceSpec, now: SimTime) -> f64 {
        let requests = f64::from(self.in_flight) + f64::from(self.waiting) + self.load;
        let held = requests * spec.memory_per_request.get() as f64;
        spec.memory_base.get() as f64 + self.leaked_by(now) + held
    }

    /// Service-time multiplier because its process is fresh, now.
    pub fn warming(&self, warming: Option<&Warming>, now: SimTime) -> f64 {
        warming.filter(|_| !self.seasoned).map_or(1.0, |warming| warming.at(self.uptime(now)))
    }

    /// The process ended: what it counted is lost.
    pub fn reset_process(&mut self) {
        self.server = RequestCounters::default();
        self.cpu_seconds = 0.0;
        self.cpu_window = 0.0;
        self.load = 0.0;
        self.seasoned = false;
        self.leaked = 0.0;
        self.leak_rate = 0.0;
        self.lost_exposure += self.exposure;
        self.exposure = 0.0;
        self.cpu_free_at = SimTime::ZERO;
        self.lately = (0.0, SimTime::ZERO);
    }

    /// Notes a request and says how many per second came lately: exponentially weighted, over about ten seconds.
    pub fn note_load(&mut self, now: SimTime) -> f64 {
        const TAU: f64 = 10.0;
        let (load, since) = self.lately;
        let load = load * libm::exp(-now.since(since).as_secs_f64() / TAU) + 1.0 / TAU;
        self.lately = (load, now);
        load
    }
}
