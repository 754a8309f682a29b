//! Drift detection by Hoeffding's bounds on averages (Frias-Blanco and others 2014, HDDM_A).
//!
//! The cut is where the average of all numbers since the start, less its bound `sqrt(ln(1 / drift) / (2 n))`, was least, so that what came before it is as
//! good as it has been; an alarm when the average of all is above that of the part before the cut by more than
//! `sqrt((n - c) / (2 c n) ln(2 / drift))` for a cut after `c` of `n` numbers. Guaranteed for independent numbers in [0, 1]
//! of any law, which is also why it needs many of them: it does not know that rare errors vary little.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support::events::Input;
use super::support::recursion::{OnEvents, Recursion};
use super::support::{Side, within};
use super::{BadField, Detect, Detector, Reads, State};
use crate::catalogue::Entry;

/// The average of all numbers against that of the best beginning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HddmA {
    /// Chance of a false alarm at a cut, above 0, below 1. 0.001 if not given.
    #[serde(default = "drift")]
    pub drift: f64,
    /// Chance of a false warning at a cut. 0.005 if not given.
    #[serde(default = "warning")]
    pub warning: f64,
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

impl Entry for HddmA {
    const NAME: &'static str = "hddm_a";
    const SUMMARY: &'static str = "averages within Hoeffding's bounds, for sudden changes of a share";
    const EXAMPLE: &'static str = "hddm_a: {drift: 0.001, warning: 0.005, side: up}";
}

impl Detect for HddmA {
    fn reads(&self) -> Reads {
        self.input.reads()
    }

    fn check(&self) -> Result<(), BadField> {
        let example = "hddm_a: {drift: 0.001, warning: 0.005}";
        within("drift", self.drift, 1e-300, 0.999, example)?;
        within("warning", self.warning, self.drift, 0.999, example)
    }

    fn start(&self) -> Box<dyn Detector> {
        let none = Average::default();
        OnEvents::start(self.input, Averages { spec: self.clone(), all: none, low: none, high: none })
    }

    fn assumes(&self) -> &'static str {
        "independent numbers between 0 and 1, of any law"
    }

    fn cost(&self) -> &'static str {
        "three averages; O(1) a number"
    }

    fn pitfall(&self) -> &'static str {
        "blind to rare errors: 1 % becoming 5 % is not found in 2000 events"
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Average {
    count: f64,
    mean: f64,
}

impl Average {
    fn bound(self, chance: f64) -> f64 {
        (-libm::log(chance) / (2.0 * self.count)).sqrt()
    }
}

#[derive(Clone, Debug)]
struct Averages {
    spec: HddmA,
    all: Average,
    /// All up to the cut where they were lowest, and where they were highest.
    low: Average,
    high: Average,
}

impl Averages {
    /// By how much all are worse than a beginning of theirs, and by how much they may be; `None` right at the cut.
    fn worse(&self, cut: Average, sign: f64, chance: f64) -> Option<(f64, f64)> {
        let share = (self.all.count - cut.count) / cut.count / self.all.count;
        let allowed = (share / 2.0 * libm::log(2.0 / chance)).sqrt();
        (cut.count < self.all.count).then_some((sign * (self.all.mean - cut.mean), allowed))
    }

    fn sides(&self, chance: f64) -> Option<(f64, f64)> {
        let up = self.worse(self.low, 1.0, chance).filter(|_| self.spec.side.watches_up());
        let down = self.worse(self.high, -1.0, chance).filter(|_| self.spec.side.watches_down());
        let excess =
            |side: Option<(f64, f64)>| side.map_or(f64::NEG_INFINITY, |(apart, allowed)| apart - allowed);
        if excess(down) > excess(up) { down } else { up }
    }
}

impl Recursion for Averages {
    fn take(&mut self, x: f64) -> State {
        let x = x.clamp(0.0, 1.0);
        self.all.count += 1.0;
        self.all.mean += (x - self.all.mean) / self.all.count;
        let chance = self.spec.drift;
        let here = self.all.bound(chance);
        if self.low.count == 0.0 || self.low.mean + self.low.bound(chance) >= self.all.mean + here {
            self.low = self.all;
        }
        if self.high.count == 0.0 || self.high.mean - self.high.bound(chance) <= self.all.mean - here {
            self.high = self.all;
        }
        let beyond = |chance: f64| self.sides(chance).is_some_and(|(apart, allowed)| apart >= allowed);
        if beyond(self.spec.drift) {
            State::Alarm
        } else if beyond(self.spec.warning) {
            State::Warning
        } else {
            State::Quiet
        }
    }

    fn statistic(&self) -> Option<f64> {
        self.sides(self.spec.drift).map(|(apart, _)| apart)
    }

    fn limit(&self) -> Option<f64> {
        self.sides(self.spec.drift).map(|(_, allowed)| allowed)
    }
}
