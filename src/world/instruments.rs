//! What the simulated processes count about themselves: the neutral instruments that telemetry scrapes.
//!
//! Counters live in the process: a container restart sets them to zero, a new pod starts from zero. Names, labels and
//! units of real exporters are added later, when a query is bound.
//!
//! Traps: `server` counters are kept by the pod (a pod that is down counts nothing); `client` counters are kept by
//! the callers' proxies and therefore see rejections, resets and time-outs too, and survive a restart of the pod they
//! are about. A request that found no pod at all is in [`NoPod`], which only the callers can count.

use super::model::log::ModelInstruments;
use crate::effect::{Destination, ServiceId, SetName, SetView};

/// Upper bounds of the latency histogram, in seconds; the last bucket is +Inf. A superset of the default buckets of
/// the Prometheus client libraries (5 ms to 10 s) and of Istio's request duration up to one minute.
pub const BOUNDS: [f64; 17] = [
    0.0005,
    0.001,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
    300.0,
    f64::INFINITY,
];

/// Classes of answers that instruments tell apart, with the status code they stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// 200.
    Ok,
    /// 500: the service failed.
    Failed,
    /// 503: turned away, no healthy pod or a full queue.
    Rejected,
    /// 504: the caller gave up.
    TimedOut,
}

impl Code {
    /// All codes, in index order.
    pub const ALL: [Code; 4] = [Code::Ok, Code::Failed, Code::Rejected, Code::TimedOut];

    /// The HTTP status as text.
    pub const fn status(self) -> &'static str {
        match self {
            Code::Ok => "200",
            Code::Failed => "500",
            Code::Rejected => "503",
            Code::TimedOut => "504",
        }
    }
}

/// Requests of one pod, as counters since its process started.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RequestCounters {
    /// Answers by [`Code`].
    pub by_code: [u64; 4],
    /// Answers by latency bucket (not cumulative), all codes together.
    pub buckets: [u64; BOUNDS.len()],
    /// Sum of the latencies, in seconds.
    pub seconds: f64,
}

impl RequestCounters {
    /// Counts one answer.
    #[inline]
    pub fn count(&mut self, code: Code, seconds: f64) {
        self.count_in(bucket(seconds), code, seconds);
    }

    /// As [`RequestCounters::count`], where the [`bucket`] is known.
    #[inline]
    pub fn count_in(&mut self, bucket: usize, code: Code, seconds: f64) {
        self.by_code[code as usize] += 1;
        self.buckets[bucket] += 1;
        self.seconds += seconds;
    }

    /// Adds a share of other counts, rounded down per counter.
    pub fn add(&mut self, other: &RequestCounters, share: f64) {
        add_share(&mut self.buckets, &other.buckets, share);
        self.add_answers(other, share);
    }

    /// As [`RequestCounters::add`], where no latency buckets are kept.
    pub fn add_answers(&mut self, other: &RequestCounters, share: f64) {
        add_share(&mut self.by_code, &other.by_code, share);
        self.seconds += other.seconds * share;
    }

    /// All answers.
    pub fn total(&self) -> u64 {
        self.by_code.iter().sum()
    }
}

fn add_share<const N: usize>(sums: &mut [u64; N], counts: &[u64; N], share: f64) {
    let pairs = sums.iter_mut().zip(counts);
    if share >= 1.0 {
        pairs.for_each(|(sum, &n)| *sum += n);
    } else {
        pairs.for_each(|(sum, &n)| *sum += (n as f64 * share) as u64);
    }
}

/// Index of the first bucket whose bound is not below `seconds`.
#[inline]
pub fn bucket(seconds: f64) -> usize {
    // Counting all of them has no branch to predict; the last bound is above everything.
    BOUNDS.iter().filter(|&&bound| bound < seconds).count()
}

/// The identity of a pod: the `ordinal`-th pod ever made in its set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PodKey {
    /// The service it belongs to.
    pub service: ServiceId,
    /// The set it belongs to.
    pub set: SetName,
    /// Its number within the set, from 0, never used again.
    pub ordinal: u16,
}

/// The instruments of one pod at one instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PodInstruments {
    /// Which pod.
    pub key: PodKey,
    /// Whether its process answers a scrape.
    pub up: bool,
    /// Whether it passes its readiness probe.
    pub ready: bool,
    /// Container restarts.
    pub restarts: u32,
    /// Restarts because of the memory limit.
    pub oom_kills: u32,
    /// Requests as the pod counts them; zero after a restart.
    pub server: RequestCounters,
    /// Requests as its callers count them.
    pub client: RequestCounters,
    /// CPU seconds used since the process started.
    pub cpu_seconds: f64,
    /// Memory in use, in bytes.
    pub memory_bytes: f64,
    /// Requests being served.
    pub in_flight: u32,
}

/// Requests that found no pod, as callers count them, per destination by
/// [`Destination::index`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoPod {
    /// Turned away since the start.
    pub rejected: [u64; Destination::COUNT],
}

/// The instruments of one service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceInstruments {
    /// Every pod that exists (terminating ones until they are gone), in order of creation.
    pub pods: Vec<PodInstruments>,
    /// Requests that found no pod.
    pub no_pod: NoPod,
    /// What the API shows of the sets.
    pub sets: [SetView; SetName::COUNT],
    /// Memory limit of a pod, in bytes.
    pub memory_limit: f64,
    /// CPU limit of a pod, in cores.
    pub cpu_limit: f64,
    /// Rows that the last comparison of the table with its source found wrong; `None` where nobody compares.
    pub mismatches: Option<f64>,
    /// What is known of its predictions; `None` where it makes none.
    pub model: Option<Box<ModelInstruments>>,
}
