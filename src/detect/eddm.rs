//! The early drift detection method (Baena-Garcia and others 2006).
//!
//! It watches the distances between errors instead of their share: with their mean `p` and deviation `s` so far, and the greatest
//! `p + 2 s` ever seen, a warning when `(p + 2 s) / (p_max + 2 s_max)` is below `warning`, an alarm below `drift`. It finds slow changes
//! sooner than [`super::ddm`]; where errors are common (20 %) it alarms in 96 of 100 stationary streams.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support::events::Input;
use super::support::recursion::{OnEvents, Recursion};
use super::support::within;
use super::{BadField, Detect, Detector, Reads, State};
use crate::catalogue::Entry;

/// Distances between errors against the greatest there were.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Eddm {
    /// Share of the greatest distance for a warning. 0.95 if not given.
    #[serde(default = "warning")]
    pub warning: f64,
    /// Share of the greatest distance for an alarm. 0.9 if not given.
    #[serde(default = "drift")]
    pub drift: f64,
    /// Events, and errors, before the first answer. 30 if not given.
    #[serde(default = "thirty")]
    pub least: u32,
}

fn warning() -> f64 {
    0.95
}

fn drift() -> f64 {
    0.9
}

fn thirty() -> u32 {
    30
}

impl Entry for Eddm {
    const NAME: &'static str = "eddm";
    const SUMMARY: &'static str =
        "distances between errors against the greatest there were (early drift detection method)";
    const EXAMPLE: &'static str = "eddm: {warning: 0.95, drift: 0.9, least: 30}";
}

impl Detect for Eddm {
    fn reads(&self) -> Reads {
        Reads::Counts
    }

    fn check(&self) -> Result<(), BadField> {
        let example = "eddm: {warning: 0.95, drift: 0.9}";
        within("warning", self.warning, 1e-9, 1.0, example)?;
        within("drift", self.drift, 1e-9, self.warning, example)
    }

    fn start(&self) -> Box<dyn Detector> {
        OnEvents::start(
            Input::Counts,
            Distances {
                spec: self.clone(),
                count: 0.0,
                last: 0.0,
                errors: 0.0,
                mean: 0.0,
                squares: 0.0,
                greatest: None,
            },
        )
    }

    fn assumes(&self) -> &'static str {
        "errors that come further apart, or as far apart, while nothing changes"
    }

    fn cost(&self) -> &'static str {
        "a mean and a deviation; O(1) an event, at most 20,000 events a step"
    }

    fn pitfall(&self) -> &'static str {
        "alarms without any change where errors are common: distances of few events swing by a tenth all the time"
    }
}

#[derive(Clone, Debug)]
struct Distances {
    spec: Eddm,
    count: f64,
    /// The number of the last error.
    last: f64,
    errors: f64,
    mean: f64,
    squares: f64,
    greatest: Option<f64>,
}

impl Distances {
    /// The mean and twice the deviation of the distances, the first from the start.
    fn now(&self) -> f64 {
        let variance = if self.errors > 1.0 { self.squares / (self.errors - 1.0) } else { 0.0 };
        self.mean + 2.0 * variance.sqrt()
    }

    /// The share of the greatest; only once enough errors were seen.
    fn level(&self) -> Option<f64> {
        let enough = self.errors > f64::from(self.spec.least);
        self.greatest.filter(|_| enough).map(|greatest| self.now() / greatest)
    }
}

impl Recursion for Distances {
    fn take(&mut self, x: f64) -> State {
        self.count += 1.0;
        if x >= 0.5 {
            let distance = self.count - self.last;
            self.last = self.count;
            self.errors += 1.0;
            let from_mean = distance - self.mean;
            self.mean += from_mean / self.errors;
            self.squares += from_mean * (distance - self.mean);
            if self.count > f64::from(self.spec.least) {
                self.greatest = Some(self.greatest.map_or(self.now(), |greatest| greatest.max(self.now())));
            }
        }
        match self.level() {
            None => State::Learning,
            Some(level) if level < self.spec.drift => State::Alarm,
            Some(level) if level < self.spec.warning => State::Warning,
            Some(_) => State::Quiet,
        }
    }

    /// How far the distances have shrunk: one less their share of the greatest.
    fn statistic(&self) -> Option<f64> {
        self.level().map(|level| 1.0 - level)
    }

    fn limit(&self) -> Option<f64> {
        Some(1.0 - self.spec.drift)
    }
}
