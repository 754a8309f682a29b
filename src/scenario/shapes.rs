//! How traffic changes with time, as it is written and checked.
//!
//! All times count from the deploy. What a shape does before the deploy (in the warm-up) follows from its form: a
//! ramp has its first level, a day and a repeated recording run backwards, a held recording has its first rate.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::resolve::Checker;
use crate::time::{SimDuration, SimTime};
use crate::world::shape::{Form, Shape, Steps};

/// How the arrival rate of a source changes with time. Times count from the deploy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrafficShape {
    /// Always `rate`.
    #[default]
    Constant,
    /// From one multiple of `rate` to another in a straight line.
    Ramp(Ramp),
    /// A sine around `rate`.
    Diurnal(Diurnal),
    /// `rate` but for spikes; where spikes overlap their factors multiply.
    Spikes(Vec<Spike>),
    /// As it was recorded, scaled so that the mean of the recording is `rate`.
    Recorded(Recorded),
}

/// A straight rise or fall.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ramp {
    /// Multiple of `rate` before it.
    pub from: f64,
    /// Multiple of `rate` after it.
    pub to: f64,
    /// When it begins, counted from the deploy.
    #[serde(default = "no_time")]
    pub at: SimDuration,
    /// How long it takes.
    #[serde(rename = "for")]
    pub lasts: SimDuration,
}

/// A day.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Diurnal {
    /// Largest deviation from `rate`, relative to it, 0 to 1: 0.6 is between 40 % and 160 % of it.
    pub amplitude: f64,
    /// Length of a day.
    #[serde(default = "a_day")]
    pub period: SimDuration,
    /// When a peak is, counted from the deploy; half a period is a deploy in the trough.
    #[serde(default = "no_time")]
    pub peak_at: SimDuration,
}

/// A burst that comes every time (a confounder `traffic_spike` is drawn per replication and can be blamed).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spike {
    /// When it begins, counted from the deploy.
    pub at: SimDuration,
    /// How long it lasts.
    #[serde(rename = "for")]
    pub lasts: SimDuration,
    /// Multiplier of `rate`.
    pub factor: f64,
}

/// A recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// How long each value holds.
    #[serde(default = "a_minute")]
    pub step: SimDuration,
    /// The values, in any unit (requests per second, per minute): only their proportions count. The first begins at
    /// the deploy.
    pub rates: Vec<f64>,
    /// What comes after the last value.
    #[serde(default)]
    pub then: Then,
}

/// What comes after the end of a recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// It begins again; before the deploy its end is played.
    #[default]
    Repeat,
    /// The last value holds, and the first one before the deploy.
    Hold,
}

fn no_time() -> SimDuration {
    SimDuration::ZERO
}
fn a_minute() -> SimDuration {
    SimDuration::from_mins(1)
}
fn a_day() -> SimDuration {
    SimDuration::from_mins(24 * 60)
}

/// Largest multiplier of a rate.
const MAX_FACTOR: f64 = 1000.0;
/// Most values of a recording, and most spikes.
const MAX_VALUES: usize = 10_080;
const MAX_SPIKES: usize = 100;

/// The shape of a source of traffic; where something is wrong it was noted, and the shape is constant.
pub(super) fn resolve(checker: &mut Checker<'_>, index: &str, shape: &TrafficShape) -> Shape {
    let origin = SimTime::ZERO + checker.document.warm_up;
    let form = match shape {
        TrafficShape::Constant => Some(Form::Constant),
        TrafficShape::Ramp(ramp) => resolve_ramp(checker, index, ramp),
        TrafficShape::Diurnal(diurnal) => resolve_diurnal(checker, index, diurnal),
        TrafficShape::Spikes(spikes) => resolve_spikes(checker, index, spikes),
        TrafficShape::Recorded(recorded) => resolve_recorded(checker, index, recorded),
    };
    Shape { origin, form: form.unwrap_or(Form::Constant) }
}

fn resolve_ramp(checker: &mut Checker<'_>, index: &str, ramp: &Ramp) -> Option<Form> {
    let path = |field| ["traffic", index, "shape", "ramp", field];
    let mut good = factor(checker, &path("from"), ramp.from) & factor(checker, &path("to"), ramp.to);
    if ramp.from == 0.0 && ramp.to == 0.0 {
        checker.error(&path("to"), "a ramp from nothing to nothing", "give one of the two a value");
        good = false;
    }
    if ramp.lasts.is_zero() {
        let help = "use `spikes:` or `recorded:` for a sudden change";
        checker.error(&path("for"), "a ramp of 0s", help);
        good = false;
    }
    let (at, lasts) = (ramp.at.as_secs_f64(), ramp.lasts.as_secs_f64());
    good.then_some(Form::Ramp { from: ramp.from, to: ramp.to, at, lasts })
}

fn resolve_diurnal(checker: &mut Checker<'_>, index: &str, diurnal: &Diurnal) -> Option<Form> {
    let path = |field| ["traffic", index, "shape", "diurnal", field];
    let mut good = true;
    if !(0.0..=1.0).contains(&diurnal.amplitude) {
        let fact = format!("an amplitude of {} is not between 0 and 1", diurnal.amplitude);
        checker.error(&path("amplitude"), fact, "0.6 means between 40 % and 160 % of the rate");
        good = false;
    }
    if diurnal.period < SimDuration::from_mins(1) {
        let fact = format!("a day of {} is too short", diurnal.period);
        checker.error(&path("period"), fact, "leave it out for 24h");
        good = false;
    }
    good.then(|| Form::Diurnal {
        amplitude: diurnal.amplitude,
        period: diurnal.period.as_secs_f64(),
        peak_at: diurnal.peak_at.as_secs_f64(),
    })
}

fn resolve_spikes(checker: &mut Checker<'_>, index: &str, spikes: &[Spike]) -> Option<Form> {
    let base = ["traffic", index, "shape", "spikes"];
    if spikes.is_empty() || spikes.len() > MAX_SPIKES {
        let fact = format!("{} spikes are not between 1 and {MAX_SPIKES}", spikes.len());
        checker.error(&base, fact, "leave `shape` out for a constant rate");
        return None;
    }
    let mut good = true;
    for (at, spike) in spikes.iter().enumerate() {
        let at = at.to_string();
        let path: Vec<&str> = base.into_iter().chain([at.as_str(), "factor"]).collect();
        good &= factor(checker, &path, spike.factor);
    }
    let ends = |spike: &Spike| [spike.at, spike.at + spike.lasts];
    let mut edges: Vec<SimDuration> = spikes.iter().flat_map(ends).chain([SimDuration::ZERO]).collect();
    edges.sort_unstable();
    edges.dedup();
    let level = |at: SimDuration| -> f64 {
        let here = spikes.iter().filter(|spike| spike.at <= at && at < spike.at + spike.lasts);
        here.map(|spike| spike.factor).product()
    };
    // Before the deploy there is no spike, whatever begins with it.
    let steps: Vec<(f64, f64)> = std::iter::once((-1.0, 1.0))
        .chain(edges.iter().map(|&edge| (edge.as_secs_f64(), level(edge))))
        .collect();
    good.then(|| Form::Steps(Steps::new(&steps, None)))
}

fn resolve_recorded(checker: &mut Checker<'_>, index: &str, recorded: &Recorded) -> Option<Form> {
    let base = ["traffic", index, "shape", "recorded"];
    let path = |field| base.into_iter().chain([field]).collect::<Vec<_>>();
    let rates = &recorded.rates;
    if rates.is_empty() || rates.len() > MAX_VALUES {
        let fact = format!("{} values are not between 1 and {MAX_VALUES}", rates.len());
        checker.error(&path("rates"), fact, "a week has 10080 minutes; take longer steps for more");
        return None;
    }
    let mut good = true;
    if let Some(at) = rates.iter().position(|rate| !(0.0..=1e12).contains(rate)) {
        let at = at.to_string();
        let path: Vec<&str> = base.into_iter().chain(["rates", at.as_str()]).collect();
        checker.error(&path, "a rate that is negative or no number", "write what was counted, 0 or more");
        good = false;
    }
    if recorded.step < SimDuration::from_secs(1) {
        let fact = format!("a step of {} is too short", recorded.step);
        checker.error(&path("step"), fact, "write how long each value holds, at least 1s");
        good = false;
    }
    let mean = rates.iter().sum::<f64>() / rates.len() as f64;
    if good && mean <= 0.0 {
        checker.error(&path("rates"), "all values are 0", "record a time with traffic");
        good = false;
    }
    let step = recorded.step.as_secs_f64();
    let steps: Vec<(f64, f64)> =
        rates.iter().enumerate().map(|(at, rate)| (at as f64 * step, rate / mean)).collect();
    let period = (recorded.then == Then::Repeat).then_some(step * rates.len() as f64);
    good.then(|| Form::Steps(Steps::new(&steps, period)))
}

fn factor(checker: &mut Checker<'_>, path: &[&str], value: f64) -> bool {
    let holds = (0.0..=MAX_FACTOR).contains(&value);
    if !holds {
        let fact = format!("a multiplier of {value} is not between 0 and {MAX_FACTOR}");
        checker.error(path, fact, "2 is twice the rate, 0.5 half of it");
    }
    holds
}
