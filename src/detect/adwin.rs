//! Adaptive windowing (Bifet and Gavalda 2007).
//!
//! A window of the latest numbers is cut wherever its two parts differ by more than chance allows; the older part is then
//! dropped. It is kept as an exponential histogram, so a window of `n` numbers costs about `5 log2 n` pairs of sums. With parts of
//! `n0` and `n1` numbers, `1/m = 1/(n0 - s + 1) + 1/(n1 - s + 1)` (`s` the shortest part), `v` the variance in the window and
//! `d = ln(2 ln(n) / delta)`, parts differ if their means do by more than `sqrt(2 v d / m) + 2 d / (3 m)`.
//!
//! Buckets, the order of cuts and the check every 32 numbers are those of river 0.26's implementation, whose figures are
//! reproduced. (MOA and earlier versions of river do not cut behind the newest bucket of a size and count it as new although
//! it is old, which doubles the delay.) A window is cut for changes in either direction; an alarm is a cut for the worse.

use std::collections::VecDeque;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support::events::Input;
use super::support::recursion::{OnEvents, Recursion};
use super::support::{Side, within};
use super::{BadField, Detect, Detector, Reads, State};
use crate::catalogue::Entry;

/// A window that is cut where its parts differ.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Adwin {
    /// Chance of a false cut per check, above 0, below 1. 0.002 if not given.
    #[serde(default = "delta")]
    pub delta: f64,
    /// Checks once in so many numbers. 32 if not given.
    #[serde(default = "clock")]
    pub clock: u32,
    /// No check before so many numbers. 10 if not given.
    #[serde(default = "ten")]
    pub grace: u32,
    /// Shortest part that is compared. 5 if not given.
    #[serde(default = "five")]
    pub shortest: u32,
    /// Which changes are for the worse.
    #[serde(default)]
    pub side: Side,
    /// Events one by one, or values.
    #[serde(default)]
    pub input: Input,
}

fn delta() -> f64 {
    0.002
}

fn clock() -> u32 {
    32
}

fn ten() -> u32 {
    10
}

fn five() -> u32 {
    5
}

impl Entry for Adwin {
    const NAME: &'static str = "adwin";
    const SUMMARY: &'static str =
        "a window of the past that is cut where its two parts differ, for changes of unknown size and speed";
    const EXAMPLE: &'static str = "adwin: {delta: 0.002, side: up, input: counts}";
}

impl Detect for Adwin {
    fn reads(&self) -> Reads {
        self.input.reads()
    }

    fn check(&self) -> Result<(), BadField> {
        within("delta", self.delta, 1e-12, 0.999, "adwin: {delta: 0.002}")?;
        within("clock", f64::from(self.clock), 1.0, f64::MAX, "adwin: {clock: 32}")?;
        within("shortest", f64::from(self.shortest), 1.0, f64::MAX, "adwin: {shortest: 5}")
    }

    fn start(&self) -> Box<dyn Detector> {
        let fresh = Window {
            spec: Adwin { clock: self.clock.max(1), ..self.clone() },
            rows: VecDeque::new(),
            all: Part::default(),
            tick: 0,
            gap: None,
        };
        OnEvents::start(self.input, fresh)
    }

    fn assumes(&self) -> &'static str {
        "independent numbers of bounded size (events: 0 or 1)"
    }

    fn cost(&self) -> &'static str {
        "O(log W) memory; a step costs O(1), every 32nd O(log W) for each cut"
    }

    fn pitfall(&self) -> &'static str {
        "slow for small changes of rare errors: 634 events to see 1 % become 5 %"
    }
}

/// How many buckets of a size there may be.
const MOST_BUCKETS: usize = 5;

/// Numbers next to each other: how many, their sum, their sum of squared distances from the mean.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Part {
    count: f64,
    sum: f64,
    squares: f64,
}

impl Part {
    fn mean(self) -> f64 {
        self.sum / self.count
    }

    /// What the distance of two means adds to the squares of both together.
    fn between(self, other: Part) -> f64 {
        let apart = self.mean() - other.mean();
        self.count * other.count * apart * apart / (self.count + other.count)
    }

    fn and(self, other: Part) -> Part {
        if self.count == 0.0 {
            return other;
        }
        Part {
            count: self.count + other.count,
            sum: self.sum + other.sum,
            squares: self.squares + other.squares + self.between(other),
        }
    }

    fn without(self, other: Part) -> Part {
        let rest = Part { count: self.count - other.count, sum: self.sum - other.sum, squares: self.squares };
        Part { squares: (self.squares - other.squares - rest.between(other)).max(0.0), ..rest }
    }
}

#[derive(Clone, Debug)]
struct Window {
    spec: Adwin,
    /// Row `i` holds buckets of `2^i` numbers, oldest first; the last row holds the oldest numbers.
    rows: VecDeque<Vec<Part>>,
    all: Part,
    tick: u32,
    /// The difference of the last cut that was looked at, with what chance allows.
    gap: Option<(f64, f64)>,
}

impl Window {
    fn insert(&mut self, x: f64) {
        let one = Part { count: 1.0, sum: x, squares: 0.0 };
        self.all = self.all.and(one);
        let mut carried = one;
        for index in 0.. {
            if index == self.rows.len() {
                self.rows.push_back(Vec::with_capacity(MOST_BUCKETS + 1));
            }
            let row = &mut self.rows[index];
            row.push(carried);
            if row.len() <= MOST_BUCKETS {
                return;
            }
            carried = row[0].and(row[1]);
            row.drain(..2);
        }
    }

    fn drop_oldest(&mut self) {
        let Some(row) = self.rows.back_mut() else { return };
        let oldest = row.remove(0);
        self.all = self.all.without(oldest);
        if row.is_empty() {
            self.rows.pop_back();
        }
    }

    /// The first cut, from the oldest on, whose parts differ: by how much the newer one is higher.
    fn cut(&mut self) -> Option<f64> {
        let spread = libm::log(2.0 * libm::log(self.all.count) / self.spec.delta);
        let variance = self.all.squares / self.all.count;
        let shortest = f64::from(self.spec.shortest);
        let (mut old, mut new) = (Part::default(), self.all);
        for row in self.rows.iter().rev() {
            for bucket in row {
                (old.count, old.sum) = (old.count + bucket.count, old.sum + bucket.sum);
                (new.count, new.sum) = (new.count - bucket.count, new.sum - bucket.sum);
                if old.count < shortest || new.count < shortest {
                    continue;
                }
                let reciprocal = 1.0 / (old.count - shortest + 1.0) + 1.0 / (new.count - shortest + 1.0);
                let allowed = (2.0 * reciprocal * variance * spread).sqrt() + 2.0 / 3.0 * spread * reciprocal;
                let apart = new.mean() - old.mean();
                self.gap = Some((apart, allowed));
                if apart.abs() > allowed {
                    return Some(apart);
                }
            }
        }
        None
    }
}

impl Recursion for Window {
    fn take(&mut self, x: f64) -> State {
        self.insert(x);
        self.tick = (self.tick + 1) % self.spec.clock;
        if self.tick != 0 || self.all.count <= f64::from(self.spec.grace) {
            return State::Quiet;
        }
        let (mut worst, mut found) = (0.0_f64, None);
        while let Some(apart) = self.cut() {
            let worse = self.spec.side.worse(apart, -apart);
            if worse > worst {
                (worst, found) = (worse, self.gap);
            }
            self.drop_oldest();
        }
        if found.is_some() {
            self.gap = found;
        }
        if worst > 0.0 { State::Alarm } else { State::Quiet }
    }

    fn statistic(&self) -> Option<f64> {
        self.gap.map(|(apart, _)| self.spec.side.worse(apart, -apart))
    }

    fn limit(&self) -> Option<f64> {
        self.gap.map(|(_, allowed)| allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window() -> Window {
        let spec =
            Adwin { delta: 0.002, clock: 32, grace: 10, shortest: 5, side: Side::Up, input: Input::Value };
        Window { spec, rows: VecDeque::new(), all: Part::default(), tick: 0, gap: None }
    }

    #[test]
    fn buckets_hold_all_numbers_and_grow_by_powers_of_two() {
        let mut window = window();
        let n = 1000;
        (0..n).for_each(|i| window.insert(f64::from(i % 7)));
        let count: f64 = window.rows.iter().flatten().map(|part| part.count).sum();
        assert_eq!((count, window.all.count), (1000.0, 1000.0));
        for (index, row) in window.rows.iter().enumerate() {
            assert!(row.len() <= MOST_BUCKETS && row.iter().all(|part| part.count == f64::from(1 << index)));
        }
        let together = window.rows.iter().flatten().fold(Part::default(), |all, part| all.and(*part));
        assert!((together.squares - window.all.squares).abs() < 1e-9);
        assert!(window.rows.len() < 10);
    }

    #[test]
    fn the_window_forgets_what_was_before_a_jump() {
        let mut window = window();
        (0..512).for_each(|_| assert_eq!(window.take(0.0), State::Quiet));
        let states: Vec<State> = (0..64).map(|_| window.take(1.0)).collect();
        assert!(states.contains(&State::Alarm));
        (0..256).for_each(|_| {
            window.take(1.0);
        });
        assert!(window.all.count < 400.0 && window.all.mean() > 0.95, "{:?}", window.all);
        // Back to good is a cut, too, and no alarm.
        let back: Vec<State> = (0..256).map(|_| window.take(0.0)).collect();
        assert!(!back.contains(&State::Alarm) && window.all.mean() < 0.2, "{:?}", window.all);
    }
}
