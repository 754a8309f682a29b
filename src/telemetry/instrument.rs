//! Neutral series: what is stored, before anybody's names are put on it.
//!
//! An [`Instrument`] says what a series counts, a [`SeriesKey`] which pod or set it counts it for. Real names, labels
//! and units come later, from a [dialect](crate::telemetry::dialect).
//!
//! Traps: bucket series are *cumulative*, as exporters print them, whereas
//! [`RequestCounters`](crate::world::instruments::RequestCounters) are not. `Client` series are kept per *set*, not per
//! pod: a proxy or an ingress adds up all pods behind a destination, and its counters go on when a pod is gone.

use crate::effect::{ServiceId, SetName};
use crate::world::instruments::{BOUNDS, Code};
use crate::world::model::judged::Cell;
use crate::world::model::spec::MAX_SEGMENTS;

/// How many latency buckets a histogram has, the +Inf bucket included.
pub const BUCKETS: usize = BOUNDS.len();

const SERVER: usize = 0;
const CLIENT: usize = Code::ALL.len() + BUCKETS + 3;
const REST: usize = 2 * CLIENT;
const MODEL: usize = REST + POD_SIDE.len() + SET_SIDE.len();
const LABELLED: usize = MODEL + 2 * MAX_SEGMENTS;
const HEARD: usize = LABELLED + Cell::COUNT * MAX_SEGMENTS;
const POD_SIDE: [Instrument; 10] = [
    Instrument::CpuSeconds,
    Instrument::MemoryBytes,
    Instrument::MemoryLimit,
    Instrument::CpuLimit,
    Instrument::Restarts,
    Instrument::OomKills,
    Instrument::LastKilledByMemory,
    Instrument::PodReady,
    Instrument::Up,
    Instrument::InFlight,
];
const SET_SIDE: [Instrument; 7] = [
    Instrument::SetDesired,
    Instrument::SetCreated,
    Instrument::SetReady,
    Instrument::SetAvailable,
    Instrument::SetUnavailable,
    Instrument::ClientNoPod,
    Instrument::RowMismatches,
];

/// What a series counts or shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Instrument {
    /// Answers of one code, as the pod counts them.
    ServerRequests(Code),
    /// Answers not slower than the bound of this index, as the pod counts them.
    ServerBucket(u8),
    /// Sum of latencies in seconds, as the pod counts them.
    ServerSum,
    /// Answers that were not good, as the pod counts them, in one series.
    ServerErrors,
    /// Mean latency in seconds of what the pod answered since the last scrape; no sample when it answered nothing.
    ServerMean,
    /// Answers of one code, as callers count them.
    ClientRequests(Code),
    /// Answers not slower than the bound of this index, as callers count them.
    ClientBucket(u8),
    /// Sum of latencies in seconds, as callers count them.
    ClientSum,
    /// Answers that were not good, as callers count them, in one series.
    ClientErrors,
    /// Mean latency in seconds as callers saw it since the last scrape; no sample when there was no answer.
    ClientMean,
    /// Requests that found no pod behind the set's destination, as callers count them.
    ClientNoPod,
    /// CPU seconds used since the process started.
    CpuSeconds,
    /// Memory in use, in bytes.
    MemoryBytes,
    /// Memory limit, in bytes.
    MemoryLimit,
    /// CPU limit, in cores.
    CpuLimit,
    /// Container restarts.
    Restarts,
    /// Restarts because of the memory limit.
    OomKills,
    /// 1 if the last restart was because of the memory limit, 0 if not; no sample before the first restart.
    LastKilledByMemory,
    /// 1 if the pod passes its readiness probe, else 0.
    PodReady,
    /// 1 if the last scrape of the pod succeeded, else 0.
    Up,
    /// Requests being served.
    InFlight,
    /// Pods asked for.
    SetDesired,
    /// Pods that exist and are not terminating.
    SetCreated,
    /// Pods that pass their readiness probe.
    SetReady,
    /// Pods that have been ready for long enough.
    SetAvailable,
    /// Pods that exist and are not available.
    SetUnavailable,
    /// Rows that the last comparison of the service's table with its source found wrong; no sample where there is none.
    RowMismatches,
    /// Predictions of one class in the segment of this index, as the job that reads their log counts them.
    Predictions {
        /// Index of the segment.
        segment: u8,
        /// Whether those that said "positive" are counted.
        positive: bool,
    },
    /// Predictions of the segment of this index whose label is known.
    Labelled {
        /// Index of the segment.
        segment: u8,
        /// What they said and what is true.
        cell: Cell,
    },
    /// What users said of answers.
    Feedback {
        /// Whether what is good is counted.
        good: bool,
    },
    /// Population stability index of the watched feature; one series a service, no sample before the first prediction.
    InputDrift,
}

impl Instrument {
    /// How many instruments there are; indices are below it.
    pub const COUNT: usize = HEARD + 3;

    /// Every instrument, in index order.
    pub fn all() -> impl Iterator<Item = Instrument> {
        let server = Code::ALL.into_iter().map(Instrument::ServerRequests);
        let server = server.chain((0..BUCKETS).map(|i| Instrument::ServerBucket(i as u8)));
        let server = server.chain([Instrument::ServerSum, Instrument::ServerErrors, Instrument::ServerMean]);
        let client = Code::ALL.into_iter().map(Instrument::ClientRequests);
        let client = client.chain((0..BUCKETS).map(|i| Instrument::ClientBucket(i as u8)));
        let client = client.chain([Instrument::ClientSum, Instrument::ClientErrors, Instrument::ClientMean]);
        server.chain(client).chain(POD_SIDE).chain(SET_SIDE).chain(Instrument::of_models())
    }

    /// What is known of predictions, in index order.
    fn of_models() -> impl Iterator<Item = Instrument> {
        let segments = 0..MAX_SEGMENTS as u8;
        let classes = |segment| [false, true].map(|positive| Instrument::Predictions { segment, positive });
        let cells = |segment| Cell::ALL.map(|cell| Instrument::Labelled { segment, cell });
        let heard = [false, true].map(|good| Instrument::Feedback { good });
        segments
            .clone()
            .flat_map(classes)
            .chain(segments.flat_map(cells))
            .chain(heard)
            .chain([Instrument::InputDrift])
    }

    /// Position in tables of all instruments, below [`Instrument::COUNT`].
    pub const fn index(self) -> usize {
        let codes = Code::ALL.len();
        match self {
            Instrument::ServerRequests(code) => SERVER + code as usize,
            Instrument::ServerBucket(bucket) => SERVER + codes + bucket as usize,
            Instrument::ServerSum => SERVER + codes + BUCKETS,
            Instrument::ServerErrors => SERVER + codes + BUCKETS + 1,
            Instrument::ServerMean => SERVER + codes + BUCKETS + 2,
            Instrument::ClientRequests(code) => CLIENT + code as usize,
            Instrument::ClientBucket(bucket) => CLIENT + codes + bucket as usize,
            Instrument::ClientSum => CLIENT + codes + BUCKETS,
            Instrument::ClientErrors => CLIENT + codes + BUCKETS + 1,
            Instrument::ClientMean => CLIENT + codes + BUCKETS + 2,
            Instrument::CpuSeconds => REST,
            Instrument::MemoryBytes => REST + 1,
            Instrument::MemoryLimit => REST + 2,
            Instrument::CpuLimit => REST + 3,
            Instrument::Restarts => REST + 4,
            Instrument::OomKills => REST + 5,
            Instrument::LastKilledByMemory => REST + 6,
            Instrument::PodReady => REST + 7,
            Instrument::Up => REST + 8,
            Instrument::InFlight => REST + 9,
            Instrument::SetDesired => REST + 10,
            Instrument::SetCreated => REST + 11,
            Instrument::SetReady => REST + 12,
            Instrument::SetAvailable => REST + 13,
            Instrument::SetUnavailable => REST + 14,
            Instrument::ClientNoPod => REST + 15,
            Instrument::RowMismatches => REST + 16,
            Instrument::Predictions { segment, positive } => MODEL + 2 * segment as usize + positive as usize,
            Instrument::Labelled { segment, cell } => {
                LABELLED + Cell::COUNT * segment as usize + cell as usize
            }
            Instrument::Feedback { good } => HEARD + good as usize,
            Instrument::InputDrift => HEARD + 2,
        }
    }

    /// What has to be scraped to get this.
    pub const fn target(self) -> Target {
        match self {
            Instrument::ServerRequests(_)
            | Instrument::ServerBucket(_)
            | Instrument::ServerSum
            | Instrument::ServerErrors
            | Instrument::ServerMean
            | Instrument::InFlight
            | Instrument::Up => Target::Pod,
            Instrument::ClientRequests(_)
            | Instrument::ClientBucket(_)
            | Instrument::ClientSum
            | Instrument::ClientErrors
            | Instrument::ClientMean
            | Instrument::ClientNoPod => Target::Proxy,
            Instrument::CpuSeconds
            | Instrument::MemoryBytes
            | Instrument::MemoryLimit
            | Instrument::CpuLimit => Target::Kubelet,
            _ => Target::Cluster,
        }
    }

    /// Whether it tells of requests, and so carries the labels of whoever served them.
    pub const fn counts_requests(self) -> bool {
        self.index() < REST || matches!(self, Instrument::InFlight | Instrument::ClientNoPod)
    }

    /// Whether there is one series a pod; else there is one a set.
    pub const fn is_per_pod(self) -> bool {
        !matches!(self.target(), Target::Proxy)
            && !self.is_of_model()
            && !matches!(
                self,
                Instrument::SetDesired
                    | Instrument::SetCreated
                    | Instrument::SetReady
                    | Instrument::SetAvailable
                    | Instrument::SetUnavailable
                    | Instrument::RowMismatches
            )
    }

    /// Whether the job that reads the log of predictions exports it.
    pub const fn is_of_model(self) -> bool {
        self.index() >= MODEL
    }

    /// The index of the segment it is about, if it tells segments apart.
    pub const fn segment(self) -> Option<usize> {
        match self {
            Instrument::Predictions { segment, .. } | Instrument::Labelled { segment, .. } => {
                Some(segment as usize)
            }
            _ => None,
        }
    }

    /// The code this counts answers of, if it tells codes apart.
    pub const fn code(self) -> Option<Code> {
        match self {
            Instrument::ServerRequests(code) | Instrument::ClientRequests(code) => Some(code),
            Instrument::ClientNoPod => Some(Code::Rejected),
            _ => None,
        }
    }

    /// The index of the latency bucket, if this is one.
    pub const fn bucket(self) -> Option<usize> {
        match self {
            Instrument::ServerBucket(bucket) | Instrument::ClientBucket(bucket) => Some(bucket as usize),
            _ => None,
        }
    }
}

/// What a series is scraped from: what has to answer for it to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// The pod itself, or the proxy in it.
    Pod,
    /// The proxies of the callers.
    Proxy,
    /// The node's container statistics.
    Kubelet,
    /// The exporter of the cluster's API objects.
    Cluster,
}

/// Stands for "the whole set" where a pod's number would be.
pub const WHOLE_SET: u16 = u16::MAX;

/// The identity of a neutral series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesKey {
    /// The service it is about.
    pub service: ServiceId,
    /// The set it is about.
    pub set: SetName,
    /// The pod's number within its set, or [`WHOLE_SET`].
    pub pod: u16,
    /// What it counts.
    pub instrument: Instrument,
}

impl SeriesKey {
    /// Row of a table over services and sets.
    pub const fn set_index(self) -> usize {
        self.service.0 as usize * SetName::ALL.len() + self.set.index()
    }

    /// Column of a table over pods (the whole set first) and instruments, for one set.
    pub const fn dense_index(self) -> usize {
        let row = if self.pod == WHOLE_SET { 0 } else { self.pod as usize + 1 };
        row * Instrument::COUNT + self.instrument.index()
    }
}

/// Which instruments have to be stored, per service: what the loaded queries can read, and nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs(Vec<u128>);

impl Needs {
    /// Nothing at all.
    pub fn none() -> Self {
        Needs::default()
    }

    /// Every instrument of the first `services` services.
    pub fn everything(services: usize) -> Self {
        let mut needs = Needs::none();
        for service in 0..services {
            Instrument::all().for_each(|instrument| needs.add(ServiceId(service as u16), instrument));
        }
        needs
    }

    /// Adds one instrument of one service.
    pub fn add(&mut self, service: ServiceId, instrument: Instrument) {
        let index = usize::from(service.0);
        if self.0.len() <= index {
            self.0.resize(index + 1, 0);
        }
        self.0[index] |= 1 << instrument.index();
    }

    /// Adds everything `other` needs.
    pub fn merge(&mut self, other: &Needs) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine |= theirs;
        }
    }

    /// Whether this instrument of this service is needed.
    pub fn contains(&self, service: ServiceId, instrument: Instrument) -> bool {
        self.0.get(usize::from(service.0)).is_some_and(|bits| bits & (1 << instrument.index()) != 0)
    }

    /// Whether any latency is needed, so that the world has to keep histograms.
    pub fn has_latencies(&self) -> bool {
        let latency = |instrument: &Instrument| {
            use Instrument as I;
            let sums = matches!(instrument, I::ServerSum | I::ServerMean | I::ClientSum | I::ClientMean);
            sums || instrument.bucket().is_some()
        };
        let mask = Instrument::all().filter(latency).fold(0u128, |mask, i| mask | 1 << i.index());
        self.0.iter().any(|bits| bits & mask != 0)
    }

    /// The instruments needed of one service, in index order.
    pub fn of(&self, service: ServiceId) -> impl Iterator<Item = Instrument> {
        let bits = self.0.get(usize::from(service.0)).copied().unwrap_or(0);
        Instrument::all().filter(move |instrument| bits & (1 << instrument.index()) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_are_a_permutation_of_the_list() {
        let indices: Vec<usize> = Instrument::all().map(Instrument::index).collect();
        assert_eq!(indices, (0..Instrument::COUNT).collect::<Vec<_>>());
        const { assert!(Instrument::COUNT <= 128, "needs are 128 bits wide") };
    }

    #[test]
    fn needs_hold_what_was_added_and_nothing_else() {
        let mut needs = Needs::none();
        needs.add(ServiceId(2), Instrument::Up);
        let mut other = Needs::none();
        other.add(ServiceId(0), Instrument::ClientBucket(16));
        needs.merge(&other);
        assert!(needs.contains(ServiceId(2), Instrument::Up));
        assert!(!needs.contains(ServiceId(1), Instrument::Up));
        assert_eq!(needs.of(ServiceId(0)).collect::<Vec<_>>(), [Instrument::ClientBucket(16)]);
        assert_eq!(needs.of(ServiceId(9)).count(), 0);
        assert!(needs.has_latencies());
        let mut counts = Needs::none();
        counts.add(ServiceId(0), Instrument::ServerRequests(Code::Ok));
        assert!(!counts.has_latencies());
    }

    #[test]
    fn client_series_survive_their_pods_and_server_series_do_not() {
        for instrument in Instrument::all() {
            let proxy = instrument.target() == Target::Proxy;
            assert!(!(proxy && instrument.is_per_pod()), "{instrument:?}");
        }
        assert!(Instrument::Restarts.is_per_pod() && !Instrument::SetReady.is_per_pod());
    }
}
