//! What one scrape reads of each instrument.

use crate::effect::{SetName, SetView};
use crate::telemetry::instrument::{BUCKETS, Instrument};
use crate::world::instruments::{Code, PodInstruments, RequestCounters, ServiceInstruments};
use crate::world::model::log::ModelInstruments;

/// Request counters as an exporter prints them: a child exists from its first event on, buckets are cumulative.
pub(super) struct Counted<'a> {
    counters: &'a RequestCounters,
    total: u64,
    cumulative: [u64; BUCKETS],
}

impl<'a> Counted<'a> {
    pub(super) fn new(counters: &'a RequestCounters) -> Self {
        let mut cumulative = counters.buckets;
        let mut sum = 0;
        for bucket in &mut cumulative {
            sum += *bucket;
            *bucket = sum;
        }
        Counted { counters, total: counters.total(), cumulative }
    }

    /// The value of an instrument that counts requests; `None` for others, and for what has not occurred.
    pub(super) fn value(&self, instrument: Instrument) -> Option<f64> {
        use Instrument as I;
        match instrument {
            I::ServerRequests(code) | I::ClientRequests(code) => {
                counted(self.counters.by_code[code as usize])
            }
            I::ServerErrors => Some(self.errors()),
            I::ClientErrors => counted(self.total).map(|_| self.errors()),
            I::ServerSum | I::ClientSum => counted(self.total).map(|_| self.counters.seconds),
            I::ServerBucket(bucket) | I::ClientBucket(bucket) => {
                counted(self.total)?;
                self.cumulative.get(usize::from(bucket)).map(|&count| count as f64)
            }
            _ => None,
        }
    }

    fn errors(&self) -> f64 {
        (self.total - self.counters.by_code[Code::Ok as usize]) as f64
    }
}

/// The value of an instrument of a pod that counts no requests.
pub(super) fn pod_value(
    instrument: Instrument,
    pod: &PodInstruments,
    service: &ServiceInstruments,
) -> Option<f64> {
    match instrument {
        Instrument::CpuSeconds => Some(pod.cpu_seconds),
        Instrument::MemoryBytes => Some(pod.memory_bytes),
        Instrument::MemoryLimit => Some(service.memory_limit),
        Instrument::CpuLimit => Some(service.cpu_limit),
        Instrument::Restarts => Some(f64::from(pod.restarts)),
        Instrument::OomKills => Some(f64::from(pod.oom_kills)),
        Instrument::PodReady => Some(f64::from(u8::from(pod.ready))),
        Instrument::InFlight => Some(f64::from(pod.in_flight)),
        _ => None,
    }
}

/// The value of an instrument of a set that is about predictions; a counter is there from its first count on.
pub(super) fn model_value(instrument: Instrument, set: SetName, model: &ModelInstruments) -> Option<f64> {
    let counters = &model.sets[set.index()];
    match instrument {
        Instrument::Predictions { segment, positive } => {
            counted(counters.predictions.get(usize::from(segment))?[usize::from(positive)])
        }
        Instrument::Labelled { segment, cell } => {
            counted(counters.labelled.get(usize::from(segment))?[cell as usize])
        }
        Instrument::Feedback { good } => counted(counters.feedback[usize::from(good)]),
        // Inputs are one for all sets; their figure is kept with the one that is always there.
        Instrument::InputDrift => model.drift.filter(|_| set == SetName::Old),
        _ => None,
    }
}

/// The value of an instrument of a set that counts no requests.
pub(super) fn set_value(instrument: Instrument, view: &SetView) -> Option<f64> {
    let pods = match instrument {
        Instrument::SetDesired => view.desired,
        Instrument::SetCreated => view.created,
        Instrument::SetReady => view.ready,
        Instrument::SetAvailable => view.available,
        // The deployment controller's own formula: pods that exist less those available.
        Instrument::SetUnavailable => view.created.saturating_sub(view.available),
        _ => return None,
    };
    Some(f64::from(pods))
}

/// A counter child exists from its first event on.
pub(super) fn counted(count: u64) -> Option<f64> {
    (count > 0).then_some(count as f64)
}
