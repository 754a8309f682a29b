//! Detectors that take one number at a time, and what turns samples into such numbers.
//!
//! A chart is a [`Recursion`] on standard scores ([`OnScores`]), a drift detector one on single events or values
//! ([`OnEvents`]). A fresh copy is kept, so that starting over is the same as never having started.

use std::fmt::Debug;

use super::events::{Events, Input};
use super::standard::Standard;
use crate::detect::{Detector, Sample, State};

/// A detector that takes one finite number at a time.
pub trait Recursion: Clone + Debug + Send + Sync + 'static {
    /// Takes a number.
    fn take(&mut self, x: f64) -> State;
    /// See [`Detector::statistic`].
    fn statistic(&self) -> Option<f64>;
    /// See [`Detector::limit`].
    fn limit(&self) -> Option<f64>;
}

/// A recursion that is given how far values are from what is normal.
#[derive(Clone, Debug)]
pub struct OnScores<R> {
    standard: Standard,
    fresh: R,
    now: R,
}

impl<R: Recursion> OnScores<R> {
    /// The recursion behind the given standardisation.
    pub fn start(standard: Standard, fresh: R) -> Box<dyn Detector> {
        Box::new(OnScores { standard, now: fresh.clone(), fresh })
    }
}

impl<R: Recursion> Detector for OnScores<R> {
    fn learn(&mut self, sample: &Sample<'_>) {
        if let Sample::Value(value) = *sample {
            self.standard.learn(value);
        }
    }

    fn step(&mut self, sample: &Sample<'_>) -> State {
        let Sample::Value(value) = *sample else { return State::Learning };
        match self.standard.score(value) {
            Some(score) => self.now.take(score),
            None => State::Learning,
        }
    }

    fn reset(&mut self) {
        self.standard.reset();
        self.now = self.fresh.clone();
    }

    fn statistic(&self) -> Option<f64> {
        self.now.statistic()
    }

    fn limit(&self) -> Option<f64> {
        self.now.limit()
    }

    fn boxed(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }
}

/// A recursion that is given events one by one, or values as they are.
#[derive(Clone, Debug)]
pub struct OnEvents<R> {
    input: Input,
    events: Events,
    fresh: R,
    now: R,
}

impl<R: Recursion> OnEvents<R> {
    /// The recursion on what `input` says.
    pub fn start(input: Input, fresh: R) -> Box<dyn Detector> {
        Box::new(OnEvents { input, events: Events::default(), now: fresh.clone(), fresh })
    }
}

impl<R: Recursion> Detector for OnEvents<R> {
    /// A drift detector knows what is normal from what came before: the past is nothing but earlier events, and whatever it
    /// makes of them is no alarm.
    fn learn(&mut self, sample: &Sample<'_>) {
        self.step(sample);
        self.fresh = self.now.clone();
    }

    fn step(&mut self, sample: &Sample<'_>) -> State {
        match (self.input, *sample) {
            (Input::Value, Sample::Value(value)) if value.is_finite() => self.now.take(value),
            (Input::Counts, Sample::Counts(counts)) if counts.are_counts() => {
                let batch = self.events.spread(counts);
                // The worst that any event of the batch showed, so that no alarm is lost between two evaluations.
                batch.map(|x| self.now.take(x)).max_by_key(|state| severity(*state)).unwrap_or(State::Quiet)
            }
            _ => State::Learning,
        }
    }

    fn reset(&mut self) {
        self.events = Events::default();
        self.now = self.fresh.clone();
    }

    fn statistic(&self) -> Option<f64> {
        self.now.statistic()
    }

    fn limit(&self) -> Option<f64> {
        self.now.limit()
    }

    fn boxed(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }
}

fn severity(state: State) -> u8 {
    match state {
        State::Learning => 0,
        State::Accepted => 1,
        State::Quiet => 2,
        State::Warning => 3,
        State::Alarm => 4,
    }
}
