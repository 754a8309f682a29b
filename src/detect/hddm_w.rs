//! Drift detection by McDiarmid's bounds on weighted averages (Frias-Blanco and others 2014, HDDM_W).
//!
//! As [`super::hddm_a`], with exponentially weighted averages: the cut is where the average of all, plus its bound, was least;
//! what came since has an average of its own. An alarm when that is above the one at the cut by more than
//! `sqrt((b1 + b2) ln(1 / drift) / 2)`, `b` the sum of squared weights of an average, `b = w^2 + (1 - w)^2 b` from 1.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support::events::Input;
use super::support::recursion::{OnEvents, Recursion};
use super::support::{Side, within};
use super::{BadField, Detect, Detector, Reads, State};
use crate::catalogue::Entry;

/// A weighted average of the latest numbers against the best there was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HddmW {
    /// Chance of a false alarm at a cut, above 0, below 1. 0.001 if not given.
    #[serde(default = "drift")]
    pub drift: f64,
    /// Chance of a false warning at a cut. 0.005 if not given.
    #[serde(default = "warning")]
    pub warning: f64,
    /// Weight of the newest number, above 0, below 1. 0.05 if not given.
    #[serde(default = "weight")]
    pub weight: f64,
    /// Which changes are for the worse.
    #[serde(default)]
    pub side: Side,
    /// Events one by one, or values between 0 and 1 (others count as the nearer of these).
    #[serde(default)]
    pub input: Input,
}

fn drift() -> f64 {
    0.001
}

fn warning() -> f64 {
    0.005
}

fn weight() -> f64 {
    0.05
}

impl Entry for HddmW {
    const NAME: &'static str = "hddm_w";
    const SUMMARY: &'static str =
        "weighted averages within McDiarmid's bounds, for gradual changes of a share";
    const EXAMPLE: &'static str = "hddm_w: {drift: 0.001, warning: 0.005, weight: 0.05, side: up}";
}

impl Detect for HddmW {
    fn reads(&self) -> Reads {
        self.input.reads()
    }

    fn check(&self) -> Result<(), BadField> {
        let example = "hddm_w: {drift: 0.001, warning: 0.005, weight: 0.05}";
        within("drift", self.drift, 1e-300, 0.999, example)?;
        within("warning", self.warning, self.drift, 0.999, example)?;
        within("weight", self.weight, 1e-9, 0.999, example)
    }

    fn start(&self) -> Box<dyn Detector> {
        let sides = [Cut::default(), Cut::default()];
        OnEvents::start(self.input, Averages { spec: self.clone(), all: Average::default(), sides })
    }

    fn assumes(&self) -> &'static str {
        "independent numbers between 0 and 1, of any law"
    }

    fn cost(&self) -> &'static str {
        "five averages; O(1) a number"
    }

    fn pitfall(&self) -> &'static str {
        "remembers some twenty numbers: blind to changes of rare errors, nervous where errors are common"
    }
}

/// A weighted average with its sum of squared weights; `None` before the first number.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Average {
    mean: Option<f64>,
    squares: f64,
}

impl Default for Average {
    fn default() -> Self {
        Average { mean: None, squares: 1.0 }
    }
}

impl Average {
    fn take(&mut self, weight: f64, x: f64) {
        self.mean = Some(self.mean.map_or(x, |mean| weight * x + (1.0 - weight) * mean));
        self.squares = weight * weight + (1.0 - weight) * (1.0 - weight) * self.squares;
    }
}

fn bound(squares: f64, chance: f64) -> f64 {
    (-squares * libm::log(chance) / 2.0).sqrt()
}

/// The average where it was best, and that of what came since.
#[derive(Clone, Copy, Debug, Default)]
struct Cut {
    best: Option<f64>,
    before: Average,
    since: Average,
}

impl Cut {
    /// Numbers are seen from this side: larger ones are worse.
    fn take(&mut self, all: Average, sign: f64, spec: &HddmW, x: f64) {
        let here = all.mean.map(|mean| sign * mean + bound(all.squares, spec.drift));
        let better = match (here, self.best) {
            (Some(here), Some(best)) => here < best,
            (here, None) => here.is_some(),
            (None, _) => false,
        };
        if better {
            *self = Cut { best: here, before: all, since: Average::default() };
        } else {
            self.since.take(spec.weight, x);
        }
    }

    /// By how much what came since is worse, and by how much it may be.
    fn worse(&self, sign: f64, chance: f64) -> Option<(f64, f64)> {
        let apart = sign * (self.since.mean? - self.before.mean?);
        Some((apart, bound(self.before.squares + self.since.squares, chance)))
    }
}

#[derive(Clone, Debug)]
struct Averages {
    spec: HddmW,
    all: Average,
    /// For growing and for falling numbers.
    sides: [Cut; 2],
}

impl Averages {
    fn worst(&self, chance: f64) -> Option<(f64, f64)> {
        let up = self.sides[0].worse(1.0, chance).filter(|_| self.spec.side.watches_up());
        let down = self.sides[1].worse(-1.0, chance).filter(|_| self.spec.side.watches_down());
        let excess =
            |side: Option<(f64, f64)>| side.map_or(f64::NEG_INFINITY, |(apart, allowed)| apart - allowed);
        if excess(down) > excess(up) { down } else { up }
    }
}

impl Recursion for Averages {
    fn take(&mut self, x: f64) -> State {
        let x = x.clamp(0.0, 1.0);
        self.all.take(self.spec.weight, x);
        for (cut, sign) in self.sides.iter_mut().zip([1.0, -1.0]) {
            cut.take(self.all, sign, &self.spec, x);
        }
        let beyond = |chance: f64| self.worst(chance).is_some_and(|(apart, allowed)| apart > allowed);
        if beyond(self.spec.drift) {
            State::Alarm
        } else if beyond(self.spec.warning) {
            State::Warning
        } else {
            State::Quiet
        }
    }

    fn statistic(&self) -> Option<f64> {
        self.worst(self.spec.drift).map(|(apart, _)| apart)
    }

    fn limit(&self) -> Option<f64> {
        self.worst(self.spec.drift).map(|(_, allowed)| allowed)
    }
}
