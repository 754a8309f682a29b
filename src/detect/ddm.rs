//! The drift detection method (Gama and others 2004).
//!
//! With the share `p` of errors among all `n` events so far and `s = sqrt(p (1 - p) / n)`, the least `p + s` ever seen is kept; a
//! warning when `p + s` is above `p_min + warning s_min`, an alarm above `p_min + drift s_min`.
//!
//! Trap: while errors are rare, a run without any makes `p_min` and `s_min` zero or nearly so, and the next error is an alarm: at an
//! error ratio of 1 % it alarms in 84 of 100 stationary streams of 2000 events. `require` raises the number of errors that must
//! have been seen before the least value is taken.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support::events::Input;
use super::support::recursion::{OnEvents, Recursion};
use super::support::within;
use super::{BadField, Detect, Detector, Reads, State};
use crate::catalogue::Entry;

/// The share of errors against the least there was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ddm {
    /// Deviations above the least for a warning. 2 if not given.
    #[serde(default = "two")]
    pub warning: f64,
    /// Deviations above the least for an alarm. 3 if not given.
    #[serde(default = "three")]
    pub drift: f64,
    /// Events before the first answer. 30 if not given.
    #[serde(default = "thirty")]
    pub least: u32,
    /// Errors that must have been seen before the least is taken: 0 is the published method, 30 keeps it from being taken
    /// out of a lucky start. 0 if not given.
    #[serde(default)]
    pub require: u32,
}

fn two() -> f64 {
    2.0
}

fn three() -> f64 {
    3.0
}

fn thirty() -> u32 {
    30
}

impl Entry for Ddm {
    const NAME: &'static str = "ddm";
    const SUMMARY: &'static str =
        "the share of errors so far against the least it has been (drift detection method)";
    const EXAMPLE: &'static str = "ddm: {warning: 2, drift: 3, least: 30, require: 30}";
}

impl Detect for Ddm {
    fn reads(&self) -> Reads {
        Reads::Counts
    }

    fn check(&self) -> Result<(), BadField> {
        let example = "ddm: {warning: 2, drift: 3}";
        within("warning", self.warning, 0.0, f64::MAX, example)?;
        within("drift", self.drift, self.warning, f64::MAX, example)
    }

    fn start(&self) -> Box<dyn Detector> {
        OnEvents::start(Input::Counts, Share { spec: self.clone(), count: 0.0, errors: 0.0, least: None })
    }

    fn assumes(&self) -> &'static str {
        "independent errors whose share falls or stays while nothing changes"
    }

    fn cost(&self) -> &'static str {
        "two counts; O(1) an event, at most 20,000 events a step"
    }

    fn pitfall(&self) -> &'static str {
        "alarms without any change where errors are rare; ever slower the longer all was well"
    }
}

#[derive(Clone, Debug)]
struct Share {
    spec: Ddm,
    count: f64,
    errors: f64,
    /// The share and its deviation where their sum was least.
    least: Option<(f64, f64)>,
}

impl Share {
    fn now(&self) -> (f64, f64) {
        let share = self.errors / self.count;
        (share, (share * (1.0 - share) / self.count).max(0.0).sqrt())
    }
}

impl Recursion for Share {
    fn take(&mut self, x: f64) -> State {
        self.count += 1.0;
        self.errors += x.clamp(0.0, 1.0);
        if self.count <= f64::from(self.spec.least) || self.errors < f64::from(self.spec.require) {
            return State::Learning;
        }
        let (share, deviation) = self.now();
        let (low, low_deviation) = match self.least {
            Some((p, s)) if share + deviation > p + s => (p, s),
            _ => (share, deviation),
        };
        self.least = Some((low, low_deviation));
        let now = share + deviation;
        if now > low + self.spec.drift * low_deviation {
            State::Alarm
        } else if now > low + self.spec.warning * low_deviation {
            State::Warning
        } else {
            State::Quiet
        }
    }

    fn statistic(&self) -> Option<f64> {
        self.least.map(|_| {
            let (share, deviation) = self.now();
            share + deviation
        })
    }

    fn limit(&self) -> Option<f64> {
        self.least.map(|(share, deviation)| share + self.spec.drift * deviation)
    }
}
