//! How large a scenario may be: far beyond every real one, small enough that no file can take a machine down.

use crate::time::SimDuration;

/// Most services.
pub const MAX_SERVICES: usize = 64;
/// Most sources of traffic.
pub const MAX_TRAFFIC: usize = 64;
/// Most replicas of one service.
pub const MAX_REPLICAS: u32 = 512;
/// Most pods of all services together, before any rollout.
pub const MAX_PODS: u64 = 4096;
/// Most requests one pod may serve at a time, and most that may wait.
pub const MAX_SLOTS: u32 = 1_000_000;
/// Most attempts of one call.
pub const MAX_ATTEMPTS: u32 = 10;
/// Most times one request may make one call.
pub const MAX_COUNT: u32 = 1000;
/// Most entries of a cache.
pub const MAX_CACHED: u32 = 100_000;
/// Most entries of the caches of all pods of a service.
pub const MAX_CACHED_IN_ALL: u64 = 2_000_000;
/// Largest exponent of the popularity of a cache's entries.
pub const MAX_SKEW: f64 = 5.0;
/// Longest mean session, in requests.
pub const MAX_SESSION: f64 = 10_000.0;
/// Most calls one request may cause along the graph, every call made once.
pub const MAX_FAN_OUT: f64 = 1000.0;
/// Most users behind one source.
pub const MAX_USERS: u64 = 1_000_000_000;
/// Longest warm-up, horizon or watch: a month's budget and its history.
pub const MAX_SPAN: SimDuration = SimDuration::from_secs(40 * 86_400);
/// Longest mean service time.
pub const MAX_SERVICE_TIME: SimDuration = SimDuration::from_mins(10);
/// Most scrapes of one replication.
pub const MAX_SCRAPES: f64 = 100_000.0;
/// Most pod scrapes (pods times scrapes) of one replication.
pub const MAX_POD_SCRAPES: f64 = 50_000_000.0;
/// Most calls of one replication when every request is an event.
pub const MAX_REQUESTS: f64 = 20_000_000.0;
/// Most requests of one replication when they are counted per scrape window.
pub const MAX_COUNTED: f64 = 1e12;
/// Most faults, and most confounders.
pub const MAX_FAULTS: usize = 32;
/// Largest coefficient of variation of a noise.
pub const MAX_CV: f64 = 10.0;
/// Most often spikes of a noise may come.
pub const MIN_SPIKE_EVERY: SimDuration = SimDuration::from_secs(10);
/// Longest a spike may last at the median, in multiples of the time between spikes.
pub const MAX_SPIKE_OVERLAP: u64 = 100;
/// Largest median of what a spike adds, in multiples of the everyday level.
pub const MAX_SPIKE_SIZE: f64 = 100_000.0;
/// Largest ratio of the 99th percentile of a spike's size or duration to its median.
pub const MAX_SPIKE_SPREAD: f64 = 100.0;

/// Most revisions of a history.
pub const MAX_REVISIONS: usize = 64;
