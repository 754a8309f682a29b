//! Single values beyond limits (Shewhart 1931), with the runs rules that make them see smaller shifts.
//!
//! An alarm at one value `k` standard deviations off, or at one of the chosen patterns of the Western Electric handbook
//! (1956), all on one and the same side: two of the last three at 2 deviations or more, four of the last five at 1 or more,
//! eight in a row on a side. Champ and Woodall (1987) computed what each costs: with all of them a false alarm comes every
//! 92 samples instead of every 370.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support::baseline::Baseline;
use super::support::recursion::{OnScores, Recursion};
use super::support::standard::{self, Standard, Whiten};
use super::support::{Side, within};
use super::{BadField, Detect, Detector, Reads, State};
use crate::catalogue::Entry;
use crate::rng::normal_cdf;
use crate::stats::run_length;

/// Values beyond limits, and runs of values near them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shewhart {
    /// Distance of the limits in standard deviations. 3 if not given: a false alarm every 370 samples on both sides, 741 on
    /// one.
    #[serde(default = "three")]
    pub k: f64,
    /// Patterns that alarm as well; none if not given.
    #[serde(default)]
    pub rules: Vec<RunsRule>,
    /// Which shifts count.
    #[serde(default)]
    pub side: Side,
    /// What is normal.
    #[serde(default)]
    pub baseline: Baseline,
    /// What is taken out of correlated values first; nothing if not given.
    #[serde(default)]
    pub whiten: Option<Whiten>,
}

/// A pattern that is unlikely without a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunsRule {
    /// Two of the last three values at 2 deviations or more, on the same side.
    TwoOfThree,
    /// Four of the last five values at 1 deviation or more, on the same side.
    FourOfFive,
    /// Eight values in a row on the same side.
    EightOnASide,
}

fn three() -> f64 {
    3.0
}

impl Entry for Shewhart {
    const NAME: &'static str = "shewhart";
    const SUMMARY: &'static str =
        "a value some standard deviations off, or a run of values near that; for large shifts";
    const EXAMPLE: &'static str = "shewhart: {k: 3, rules: [two_of_three], side: up, baseline: {learn: 40}}";
}

impl Shewhart {
    /// Mean number of samples until the alarm where values are independent, normal and `shift` standard deviations above
    /// the baseline from the first one on; `None` for parameters that make no chart.
    ///
    /// With runs rules the states of the rules are followed as a Markov chain, as by Champ and Woodall (1987).
    #[must_use]
    pub fn mean_run_length(&self, shift: f64) -> Option<f64> {
        let sound = self.k > 0.0 && self.k.is_finite() && shift.is_finite();
        if !sound {
            return None;
        }
        let mut edges: Vec<f64> = [1.0, 2.0, self.k].iter().flat_map(|edge| [-edge, *edge]).collect();
        edges.push(0.0);
        edges.sort_by(f64::total_cmp);
        edges.dedup();
        let below = |edge: f64| normal_cdf(edge - shift);
        let outside = self.k.max(2.0) + 1.0;
        let mut zones = vec![(below(edges[0]), -outside), (1.0 - below(edges[edges.len() - 1]), outside)];
        zones.extend(edges.windows(2).map(|w| (below(w[1]) - below(w[0]), 0.5 * (w[0] + w[1]))));
        run_length::markov_chain(Runs::default(), &zones, |runs, score| {
            let mut runs = *runs;
            runs.take(*score);
            (!self.alarms(*score, &runs)).then(|| runs.needed(&self.rules))
        })
    }

    fn alarms(&self, score: f64, runs: &Runs) -> bool {
        let (up, down) = (self.side.watches_up(), self.side.watches_down());
        let beyond = (up && score >= self.k) || (down && score <= -self.k);
        beyond
            || self.rules.iter().any(|rule| (up && runs.up.shows(*rule)) || (down && runs.down.shows(*rule)))
    }
}

impl Detect for Shewhart {
    fn reads(&self) -> Reads {
        Reads::Value
    }

    fn check(&self) -> Result<(), BadField> {
        within("k", self.k, 1e-9, f64::MAX, "shewhart: {k: 3}")?;
        standard::check(self.baseline, self.whiten)
    }

    fn start(&self) -> Box<dyn Detector> {
        let fresh = Chart { spec: self.clone(), runs: Runs::default(), score: None };
        OnScores::start(Standard::new(self.baseline, self.whiten), fresh)
    }

    fn run_length(&self, shift: f64) -> Option<f64> {
        self.mean_run_length(shift)
    }

    fn assumes(&self) -> &'static str {
        "independent, roughly normal values around a known mean"
    }

    fn cost(&self) -> &'static str {
        "the last eight values as bits; O(1) a step"
    }

    fn pitfall(&self) -> &'static str {
        "heavy tails and every further rule multiply false alarms; slow for shifts below 1.5 deviations"
    }
}

/// What the rules remember of one side, newest value first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct OneSide {
    /// Bits of the last three values: at 2 deviations or more.
    two: u8,
    /// Bits of the last five values: at 1 deviation or more.
    one: u8,
    /// Values in a row on this side, up to eight.
    row: u8,
}

impl OneSide {
    fn take(&mut self, score: f64) {
        self.two = (self.two << 1 | u8::from(score >= 2.0)) & 0b111;
        self.one = (self.one << 1 | u8::from(score >= 1.0)) & 0b1_1111;
        self.row = if score > 0.0 { (self.row + 1).min(8) } else { 0 };
    }

    fn shows(&self, rule: RunsRule) -> bool {
        match rule {
            RunsRule::TwoOfThree => self.two.count_ones() >= 2,
            RunsRule::FourOfFive => self.one.count_ones() >= 4,
            RunsRule::EightOnASide => self.row >= 8,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Runs {
    up: OneSide,
    down: OneSide,
}

impl Runs {
    /// What later values can make a pattern with, under these rules.
    fn needed(mut self, rules: &[RunsRule]) -> Self {
        let mask = |rule, bits| if rules.contains(&rule) { bits } else { 0 };
        for side in [&mut self.up, &mut self.down] {
            side.two &= mask(RunsRule::TwoOfThree, 0b11);
            side.one &= mask(RunsRule::FourOfFive, 0b1111);
            side.row &= mask(RunsRule::EightOnASide, u8::MAX);
        }
        self
    }

    fn take(&mut self, score: f64) {
        self.up.take(score);
        self.down.take(-score);
    }
}

#[derive(Clone, Debug)]
struct Chart {
    spec: Shewhart,
    runs: Runs,
    score: Option<f64>,
}

impl Recursion for Chart {
    fn take(&mut self, score: f64) -> State {
        self.score = Some(score);
        self.runs.take(score);
        if self.spec.alarms(score, &self.runs) { State::Alarm } else { State::Quiet }
    }

    fn statistic(&self) -> Option<f64> {
        self.score.map(|score| self.spec.side.worse(score, -score))
    }

    fn limit(&self) -> Option<f64> {
        Some(self.spec.k)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Sample;

    fn alarm_at(rules: &[RunsRule], values: &[f64]) -> Option<usize> {
        let baseline = Baseline::Known { mean: 0.0, sd: 1.0 };
        let spec = Shewhart { k: 3.0, rules: rules.to_vec(), side: Side::Both, baseline, whiten: None };
        let mut chart = spec.start();
        values.iter().position(|value| chart.step(&Sample::Value(*value)) == State::Alarm)
    }

    #[test]
    fn rules_alarm_where_their_pattern_is_complete_and_on_one_side_only() {
        use RunsRule::{EightOnASide, FourOfFive, TwoOfThree};
        assert_eq!(alarm_at(&[], &[0.0, 2.9, -3.1]), Some(2));
        assert_eq!(alarm_at(&[TwoOfThree], &[2.1, 0.0, 2.1]), Some(2));
        assert_eq!(alarm_at(&[TwoOfThree], &[2.1, 0.0, 0.0, 2.1, 0.0, -2.1]), None);
        assert_eq!(alarm_at(&[FourOfFive], &[-1.2, -1.2, 0.5, -1.2, -1.2]), Some(4));
        assert_eq!(alarm_at(&[FourOfFive], &[1.2, 1.2, 1.2, -1.2, 0.0, 1.2]), None);
        assert_eq!(alarm_at(&[EightOnASide], &[0.1; 8]), Some(7));
        let mut broken = [0.1; 12];
        broken[6] = 0.0;
        assert_eq!(alarm_at(&[EightOnASide], &broken), None);
    }
}
