//! Values against what they are at this time of the day, or week.
//!
//! Two models. `median`: the median of the values at the same phase of earlier seasons, and the median distance of a value
//! from the median of the others at its phase, over all phases (times 1.4826, which makes it a standard deviation where
//! errors are normal, and does not mind a few that are not). `holt_winters`: a level, a trend and
//! a season, each smoothed exponentially (Holt 1957, Winters 1960, additive), and the standard deviation of its one-step
//! errors. An alarm when a value is `k` deviations or more on the worse side, `samples` times in a row.
//!
//! Time is counted in samples: one sample must follow the other at the same interval, and what is missing must be told as a
//! sample that is no number: it moves the season on and changes nothing else. Values that are beyond the limit are not learned from, so
//! that an outage does not become normal. What was learned, and the phase, outlive [`Detector::reset`].

use std::collections::VecDeque;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support::{Side, within};
use super::{BadField, Detect, Detector, Reads, Sample, State};
use crate::catalogue::Entry;

/// Values against those of earlier seasons.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Seasonal {
    /// Samples in a season, 1 to 100,000: 5760 for a day at 15 s.
    pub season: u32,
    /// What is expected.
    #[serde(default)]
    pub model: Model,
    /// Distance of the limit in deviations. 4 if not given.
    #[serde(default = "four")]
    pub k: f64,
    /// Values in a row that must be beyond it. 1 if not given.
    #[serde(default = "one")]
    pub samples: u32,
    /// Which changes are for the worse.
    #[serde(default)]
    pub side: Side,
}

/// What is expected of the next value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Model {
    /// The median of so many earlier seasons at the same phase, 3 to 60.
    Median(u32),
    /// A level, a trend and a season, smoothed exponentially; learned from two seasons.
    HoltWinters {
        /// Weight of the newest value in the level, 0 to 1.
        alpha: f64,
        /// Weight of the newest step in the trend, 0 to 1.
        beta: f64,
        /// Weight of the newest value in the season, 0 to 1.
        gamma: f64,
    },
}

impl Default for Model {
    /// Five seasons.
    fn default() -> Self {
        Model::Median(5)
    }
}

fn four() -> f64 {
    4.0
}

fn one() -> u32 {
    1
}

impl Entry for Seasonal {
    const NAME: &'static str = "seasonal";
    const SUMMARY: &'static str =
        "a value against those at the same time of earlier days, for metrics with a daily or weekly course";
    const EXAMPLE: &'static str = "seasonal: {season: 96, model: {median: 5}, k: 4, samples: 2}";
}

impl Detect for Seasonal {
    fn reads(&self) -> Reads {
        Reads::Value
    }

    fn check(&self) -> Result<(), BadField> {
        within("season", f64::from(self.season), 1.0, 100_000.0, "season: 96")?;
        within("k", self.k, 1e-9, f64::MAX, "k: 4")?;
        within("samples", f64::from(self.samples), 1.0, f64::MAX, "samples: 2")?;
        match self.model {
            Model::Median(seasons) => within("model", f64::from(seasons), 3.0, 60.0, "model: {median: 5}"),
            Model::HoltWinters { alpha, beta, gamma } => {
                let example = "model: {holt_winters: {alpha: 0.2, beta: 0.01, gamma: 0.2}}";
                [alpha, beta, gamma]
                    .into_iter()
                    .try_for_each(|weight| within("model", weight, 0.0, 1.0, example))
            }
        }
    }

    fn start(&self) -> Box<dyn Detector> {
        let season = if self.check().is_ok() { self.season as usize } else { 0 };
        let expected = match self.model {
            Model::Median(seasons) => Expected::Median(Medians::new(season, seasons as usize)),
            Model::HoltWinters { alpha, beta, gamma } => {
                Expected::HoltWinters(Smoothed::new(season, [alpha, beta, gamma]))
            }
        };
        Box::new(Watch { spec: self.clone(), season, phase: 0, expected, score: None, beyond: 0 })
    }

    fn assumes(&self) -> &'static str {
        "a course that repeats from season to season, with errors of the same size at all times"
    }

    fn cost(&self) -> &'static str {
        "the remembered seasons; O(seasons) a step for medians, O(1) smoothed; the deviation once per season"
    }

    fn pitfall(&self) -> &'static str {
        "holidays, changes of the clock and a season that holds an outage; learning takes whole seasons"
    }
}

#[derive(Clone, Debug)]
enum Expected {
    Median(Medians),
    HoltWinters(Smoothed),
}

#[derive(Clone, Debug)]
struct Watch {
    spec: Seasonal,
    /// Zero where the parameters make no model.
    season: usize,
    phase: usize,
    expected: Expected,
    /// How many deviations the last value was on the worse side.
    score: Option<f64>,
    /// Values in a row beyond the limit.
    beyond: u32,
}

impl Watch {
    /// The expected value at this phase with the deviation of values from it.
    fn forecast(&mut self) -> Option<(f64, f64)> {
        let found = match &mut self.expected {
            Expected::Median(medians) => medians.forecast(self.phase),
            Expected::HoltWinters(smoothed) => smoothed.forecast(self.phase),
        };
        found.filter(|(expected, deviation)| expected.is_finite() && *deviation > 0.0)
    }

    fn accept(&mut self, value: f64) {
        match &mut self.expected {
            Expected::Median(medians) => medians.accept(self.phase, value),
            Expected::HoltWinters(smoothed) => smoothed.accept(self.phase, value),
        }
    }

    fn pass(&mut self) {
        self.phase = (self.phase + 1) % self.season;
    }
}

impl Detector for Watch {
    fn learn(&mut self, sample: &Sample<'_>) {
        let Sample::Value(value) = *sample else { return };
        if self.season == 0 {
            return;
        }
        if value.is_finite() {
            self.accept(value);
        }
        self.pass();
    }

    fn step(&mut self, sample: &Sample<'_>) -> State {
        let Sample::Value(value) = *sample else { return State::Learning };
        if self.season == 0 {
            return State::Learning;
        }
        if !value.is_finite() {
            self.pass();
            return State::Learning;
        }
        self.score = self.forecast().map(|(expected, deviation)| {
            let distance = (value - expected) / deviation;
            self.spec.side.worse(distance, -distance)
        });
        let far = self.score.is_some_and(|score| score >= self.spec.k);
        self.beyond = if far { self.beyond.saturating_add(1) } else { 0 };
        if !far {
            self.accept(value);
        }
        self.pass();
        match self.score {
            None => State::Learning,
            Some(_) if self.beyond >= self.spec.samples => State::Alarm,
            Some(_) if far => State::Warning,
            Some(_) => State::Quiet,
        }
    }

    fn reset(&mut self) {
        self.beyond = 0;
        self.score = None;
    }

    fn statistic(&self) -> Option<f64> {
        self.score
    }

    fn limit(&self) -> Option<f64> {
        Some(self.spec.k)
    }

    fn boxed(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }
}

/// From a median absolute deviation to the standard deviation of normal values.
const NORMAL_PER_MAD: f64 = 1.482_602_218_505_602;

/// Values of earlier seasons by phase, newest last.
#[derive(Clone, Debug)]
struct Medians {
    wanted: usize,
    phases: Vec<VecDeque<f64>>,
    deviation: Option<f64>,
}

impl Medians {
    fn new(season: usize, wanted: usize) -> Self {
        Medians { wanted, phases: vec![VecDeque::new(); season], deviation: None }
    }

    fn accept(&mut self, phase: usize, value: f64) {
        let values = &mut self.phases[phase];
        values.push_back(value);
        if values.len() > self.wanted {
            values.pop_front();
        }
    }

    /// The deviation is that of all phases together, and looked up once per season.
    fn forecast(&mut self, phase: usize) -> Option<(f64, f64)> {
        if self.phases[phase].len() < self.wanted {
            return None;
        }
        if phase == 0 || self.deviation.is_none() {
            self.deviation = self.deviation();
        }
        Some((median(self.phases[phase].iter().copied().collect())?, self.deviation?))
    }

    /// From how far each value is from the median of the others at its phase, which is how far a forecast is off.
    fn deviation(&self) -> Option<f64> {
        let mut distances = Vec::new();
        for values in &self.phases {
            for (left_out, value) in values.iter().enumerate() {
                let others = values.iter().enumerate().filter(|(index, _)| *index != left_out);
                let middle = median(others.map(|(_, other)| *other).collect());
                distances.extend(middle.map(|middle| (value - middle).abs()));
            }
        }
        median(distances).map(|mad| mad * NORMAL_PER_MAD)
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    let n = values.len();
    values.sort_by(f64::total_cmp);
    (n > 0).then(|| 0.5 * (values[(n - 1) / 2] + values[n / 2]))
}

/// Holt's and Winters' smoothing.
#[derive(Clone, Debug)]
struct Smoothed {
    weights: [f64; 3],
    /// The first two seasons, while they are learned.
    first: Vec<f64>,
    level: f64,
    trend: f64,
    season: Vec<f64>,
    /// Mean of the squared one-step errors, over about a season.
    square: Option<f64>,
}

impl Smoothed {
    fn new(season: usize, weights: [f64; 3]) -> Self {
        Smoothed {
            weights,
            first: Vec::new(),
            level: 0.0,
            trend: 0.0,
            season: vec![0.0; season],
            square: None,
        }
    }

    fn learned(&self) -> bool {
        self.first.len() >= 2 * self.season.len()
    }

    fn expected(&self, phase: usize) -> f64 {
        self.level + self.trend + self.season[phase]
    }

    fn forecast(&self, phase: usize) -> Option<(f64, f64)> {
        let expected = self.learned().then(|| self.expected(phase))?;
        Some((expected, self.square?.sqrt()))
    }

    fn accept(&mut self, phase: usize, value: f64) {
        if !self.learned() {
            // The first value is of phase zero unless some were missing; they are then learned a little late.
            self.first.push(value);
            if self.learned() {
                self.begin(phase);
            }
            return;
        }
        let error = value - self.expected(phase);
        let forget = 1.0 / self.season.len().max(20) as f64;
        let square = self.square.unwrap_or(error * error);
        self.square = Some(square + forget * (error * error - square));
        let [alpha, beta, gamma] = self.weights;
        let before = self.level;
        self.level = alpha * (value - self.season[phase]) + (1.0 - alpha) * (self.level + self.trend);
        self.trend = beta * (self.level - before) + (1.0 - beta) * self.trend;
        self.season[phase] = gamma * (value - self.level) + (1.0 - gamma) * self.season[phase];
    }

    /// The usual start: the trend between the means of two seasons, and how far each phase is from it on average. The last
    /// value learned was of `phase`.
    fn begin(&mut self, phase: usize) {
        let n = self.season.len();
        let mean = |values: &[f64]| values.iter().sum::<f64>() / n as f64;
        let (one, two) = (mean(&self.first[..n]), mean(&self.first[n..2 * n]));
        self.trend = (two - one) / n as f64;
        let line = |index: usize| one + self.trend * (index as f64 - 0.5 * (n as f64 - 1.0));
        let offset = (phase + 1) % n;
        let mut errors = 0.0;
        let (last, mut season) = (line(2 * n - 1), vec![0.0; n]);
        for index in 0..n {
            let (early, late) = (self.first[index] - line(index), self.first[index + n] - line(index + n));
            season[(index + offset) % n] = 0.5 * (early + late);
            errors += 0.5 * (early - late) * (early - late);
        }
        (self.level, self.season) = (last, season);
        self.square = Some(errors / n as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Key, normal_sample};

    fn spec(model: Model) -> Seasonal {
        Seasonal { season: 24, model, k: 5.0, samples: 1, side: Side::Up }
    }

    fn models() -> [Model; 2] {
        [Model::Median(5), Model::HoltWinters { alpha: 0.1, beta: 0.01, gamma: 0.1 }]
    }

    /// A day that swings between 0 and 200 with errors of deviation 2.
    fn course(hours: usize) -> Vec<f64> {
        let mut stream = Key::root(1, "course").stream();
        let swing = |hour: usize| 100.0 * libm::sin(hour as f64 / 24.0 * std::f64::consts::TAU);
        (0..hours).map(|hour| 100.0 + swing(hour) + 2.0 * normal_sample(&mut stream)).collect()
    }

    #[test]
    fn what_is_high_for_the_night_alarms_although_days_are_higher() {
        for model in models() {
            let mut watch = spec(model).start();
            let values = course(24 * 12);
            let states: Vec<State> = values.iter().map(|v| watch.step(&Sample::Value(*v))).collect();
            assert!(!states.contains(&State::Alarm), "{model:?}");
            assert!(states[24 * 6..].iter().all(|state| *state == State::Quiet), "{model:?}");
            // Phase 0 expects 100, phase 18 expects 0: 100 at the wrong time.
            let mut wrong = watch.boxed();
            for v in &course(24 * 12 + 18)[24 * 12..] {
                wrong.step(&Sample::Value(*v));
            }
            assert_eq!(wrong.step(&Sample::Value(100.0)), State::Alarm, "{model:?}");
            assert_eq!(watch.step(&Sample::Value(100.0)), State::Quiet, "{model:?}");
        }
    }

    #[test]
    fn deviations_are_those_of_the_errors() {
        for model in models() {
            let mut watch = spec(model).start();
            for v in course(24 * 30) {
                watch.step(&Sample::Value(v));
            }
            // Scores are in deviations of the errors of forecasts, so their mean square is 1; 720 of them, a tenth of slack each
            // for the scores, for a deviation learned from 120, and for one that follows the errors (five in a hundred).
            let mut scores: Vec<f64> = Vec::new();
            for v in course(24 * 60).into_iter().skip(24 * 30) {
                watch.step(&Sample::Value(v));
                scores.push(watch.statistic().unwrap());
            }
            let square = scores.iter().map(|s| s * s).sum::<f64>() / scores.len() as f64;
            assert!((0.75..1.3).contains(&square), "{model:?}: {square}");
        }
    }

    #[test]
    fn a_straight_line_with_a_season_is_forecast_exactly() {
        let (season, weights) = (4, [0.3, 0.2, 0.4]);
        let truth = |i: usize| 10.0 + 0.5 * i as f64 + [3.0, -1.0, -4.0, 2.0][i % season];
        let mut smoothed = Smoothed::new(season, weights);
        for i in 0..40 {
            if smoothed.learned() {
                assert!((smoothed.expected(i % season) - truth(i)).abs() < 1e-9, "{i}");
            }
            smoothed.accept(i % season, truth(i));
        }
    }

    #[test]
    fn an_outage_is_not_learned_and_a_gap_moves_the_season_on() {
        for model in models() {
            let mut watch = spec(model).start();
            for v in course(24 * 10) {
                watch.step(&Sample::Value(v));
            }
            let outage: Vec<State> = (0..24 * 3).map(|_| watch.step(&Sample::Value(400.0))).collect();
            assert!(outage.iter().all(|state| *state == State::Alarm), "{model:?}");
            (0..18).for_each(|_| {
                watch.step(&Sample::Value(f64::NAN));
            });
            watch.reset();
            assert_eq!(watch.step(&Sample::Value(2.0)), State::Quiet, "{model:?}");
        }
    }
}
