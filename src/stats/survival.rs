//! Times that may be cut off: the Kaplan-Meier estimate.
//!
//! A detection that did not come before follow-up ended has no time, only a lower bound of one. Leaving such
//! replications out, or counting them as the end of follow-up, makes a policy that misses often look fast.
//! Here a censored time stays in the risk set up to its own time and never counts as an event. Events and
//! censorings at the same time: the events come first, by convention.

use super::Estimate;
use super::estimate::student_t_quantile;
use crate::rng::normal_quantile;

/// One unit's time and whether the event happened then (or follow-up ended).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lifetime {
    /// Time of the event or of the end of follow-up.
    pub time: f64,
    /// Whether the event happened; false means censored.
    pub event: bool,
}

impl Lifetime {
    /// The event happened at `time`.
    #[must_use]
    pub fn event(time: f64) -> Self {
        Lifetime { time, event: true }
    }

    /// Followed to `time` without the event.
    #[must_use]
    pub fn censored(time: f64) -> Self {
        Lifetime { time, event: false }
    }
}

/// The curve right after one time at which something happened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// When.
    pub time: f64,
    /// How many were followed up to this time.
    pub at_risk: u64,
    /// How many events at this time.
    pub events: u64,
    /// How many were cut off at this time.
    pub censored: u64,
    /// Share that has had no event up to and including this time.
    pub survival: f64,
    /// Greenwood's sum of d / (n (n - d)): the variance of the curve is `survival`^2 times this.
    pub greenwood: f64,
}

/// The Kaplan-Meier estimate of a survival curve (1958).
#[derive(Clone, Debug, PartialEq)]
pub struct KaplanMeier {
    steps: Vec<Step>,
    n: u64,
}

impl KaplanMeier {
    /// The curve of these lifetimes. Those whose time is NaN carry no information and are left out of `n`
    /// too.
    #[must_use]
    pub fn new(lifetimes: &[Lifetime]) -> Self {
        let mut sorted: Vec<Lifetime> = lifetimes.iter().copied().filter(|l| !l.time.is_nan()).collect();
        sorted.sort_by(|a, b| a.time.total_cmp(&b.time));
        let n = sorted.len() as u64;
        let mut steps: Vec<Step> = Vec::new();
        let (mut at_risk, mut survival, mut greenwood) = (n, 1.0, 0.0);
        for group in sorted.chunk_by(|a, b| a.time == b.time) {
            let events = group.iter().filter(|l| l.event).count() as u64;
            let censored = group.len() as u64 - events;
            let (risk, died) = (at_risk as f64, events as f64);
            survival *= (risk - died) / risk;
            if events > 0 {
                // Infinite when the last at risk has its event; the curve is zero from there on.
                greenwood += died / (risk * (risk - died));
            }
            let time = group.first().map_or(f64::NAN, |l| l.time);
            steps.push(Step { time, at_risk, events, censored, survival, greenwood });
            at_risk -= events + censored;
        }
        KaplanMeier { steps, n }
    }

    /// The curve, one step per distinct time, in order of time.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// How many lifetimes.
    #[must_use]
    pub fn n(&self) -> u64 {
        self.n
    }

    /// How many of them are events.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.steps.iter().map(|s| s.events).sum()
    }

    /// The share without an event after `time`, with the log-log interval on Greenwood's variance
    /// (Kalbfleisch and Prentice), which stays inside [0, 1].
    ///
    /// After the last time, if that was censored, the estimate stays at its last value and is not to be
    /// trusted.
    #[must_use]
    pub fn survival_at(&self, time: f64, confidence: f64) -> Estimate {
        let after = self.steps.partition_point(|s| s.time <= time);
        match after.checked_sub(1).and_then(|i| self.steps.get(i)) {
            Some(step) => self.band(step, confidence),
            None if self.n == 0 => Estimate { low: 0.0, high: 1.0, ..Estimate::UNKNOWN },
            None => Estimate { value: 1.0, low: 1.0, high: 1.0, n: self.n },
        }
    }

    fn band(&self, step: &Step, confidence: f64) -> Estimate {
        let s = step.survival;
        if s >= 1.0 || s <= 0.0 {
            return Estimate { value: s, low: s, high: s, n: self.n };
        }
        let log = libm::log(s);
        let reach = libm::exp(deviate(confidence) * step.greenwood.sqrt() / -log);
        Estimate { value: s, low: libm::exp(log * reach), high: libm::exp(log / reach), n: self.n }
    }

    /// The first time by which a share `q` has had the event, with the interval of Brookmeyer and Crowley:
    /// the times at which the log-log band of the curve crosses.
    ///
    /// A share that was not reached has the value infinity: "later than we looked". So may the upper end.
    #[must_use]
    pub fn quantile(&self, q: f64, confidence: f64) -> Estimate {
        if self.n == 0 || q.is_nan() {
            return Estimate { n: self.n, ..Estimate::UNKNOWN };
        }
        // A hair of slack, so that ten steps of 0.1 reach the level 0.5.
        let level = 1.0 - q + 1e-12;
        let first = |reached: &dyn Fn(&Step) -> bool| {
            self.steps.iter().find(|s| s.events > 0 && reached(s)).map_or(f64::INFINITY, |s| s.time)
        };
        Estimate {
            value: first(&|s| s.survival <= level),
            low: first(&|s| self.band(s, confidence).low <= level),
            high: first(&|s| self.band(s, confidence).high <= level),
            n: self.n,
        }
    }

    /// The mean of the lifetimes cut at `horizon` (the area under the curve up to there), with the interval on its
    /// Greenwood-type variance, which for few events is made larger by `d / (d - 1)` (Kaplan and Meier 1958, section 6.2), with
    /// Student's t on `d - 1` degrees of freedom, `d` the number of events before `horizon`. A mean beyond the last time followed would be invention, so
    /// `horizon` must lie inside follow-up to be exact; past it the curve is continued flat, which
    /// overstates.
    #[must_use]
    pub fn restricted_mean(&self, horizon: f64, confidence: f64) -> Estimate {
        if self.n == 0 || horizon.is_nan() {
            return Estimate { n: self.n, ..Estimate::UNKNOWN };
        }
        let area = self.area(0.0, horizon);
        let mut variance = 0.0;
        for step in self.steps.iter().filter(|s| s.events > 0 && s.events < s.at_risk && s.time < horizon) {
            let rest = self.area(step.time, horizon);
            let (risk, died) = (step.at_risk as f64, step.events as f64);
            variance += rest * rest * died / (risk * (risk - died));
        }
        let before = self.steps.iter().filter(|s| s.time < horizon).map(|s| s.events).sum::<u64>() as f64;
        let reach = if variance == 0.0 { 0.0 } else { few_events(confidence, before) * variance.sqrt() };
        Estimate {
            value: area,
            low: (area - reach).max(0.0).min(area),
            high: (area + reach).min(horizon).max(area),
            n: self.n,
        }
    }

    /// The area under the curve between two times.
    fn area(&self, from: f64, to: f64) -> f64 {
        let (mut at, mut height, mut sum) = (from, 1.0, 0.0);
        for step in &self.steps {
            if step.time >= to {
                break;
            }
            if step.time > at {
                sum += height * (step.time - at);
                at = step.time;
            }
            height = step.survival;
        }
        if to > at { sum + height * (to - at) } else { sum }
    }
}

/// The deviate of an interval that rests on so many events, the larger variance included; infinite below two of them.
fn few_events(confidence: f64, events: f64) -> f64 {
    if events < 2.0 || !(confidence > 0.0 && confidence < 1.0) {
        return f64::INFINITY;
    }
    student_t_quantile(0.5 + 0.5 * confidence, events - 1.0) * (events / (events - 1.0)).sqrt()
}

/// The two-sided normal deviate of a level; infinite for levels without meaning.
fn deviate(confidence: f64) -> f64 {
    if confidence > 0.0 && confidence < 1.0 { normal_quantile(0.5 + 0.5 * confidence) } else { f64::INFINITY }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Key, exponential_quantile};

    /// Remission times in weeks of the 21 patients on 6-mercaptopurine (Freireich et al. 1963), the standard
    /// example.
    fn remission() -> KaplanMeier {
        let events = [6.0, 6.0, 6.0, 7.0, 10.0, 13.0, 16.0, 22.0, 23.0];
        let censored = [6.0, 9.0, 10.0, 11.0, 17.0, 19.0, 20.0, 25.0, 32.0, 32.0, 34.0, 35.0];
        let lifetimes: Vec<Lifetime> = events
            .into_iter()
            .map(Lifetime::event)
            .chain(censored.into_iter().map(Lifetime::censored))
            .collect();
        KaplanMeier::new(&lifetimes)
    }

    #[test]
    fn the_textbook_curve_is_reproduced() {
        let km = remission();
        assert_eq!((km.n(), km.events()), (21, 9));
        // (week, at risk, survival, standard error) as printed in textbooks (Cox & Oakes; Kleinbaum & Klein).
        let printed = [
            (6.0, 21, 0.8571, 0.0764),
            (7.0, 17, 0.8067, 0.0869),
            (10.0, 15, 0.7529, 0.0963),
            (13.0, 12, 0.6902, 0.1068),
            (16.0, 11, 0.6275, 0.1141),
            (22.0, 7, 0.5378, 0.1282),
            (23.0, 6, 0.4482, 0.1346),
        ];
        let steps: Vec<&Step> = km.steps().iter().filter(|s| s.events > 0).collect();
        assert_eq!(steps.len(), printed.len());
        for (step, (time, at_risk, survival, error)) in steps.into_iter().zip(printed) {
            assert_eq!((step.time, step.at_risk), (time, at_risk));
            assert!((step.survival - survival).abs() < 6e-5, "{time}: {}", step.survival);
            assert!((step.survival * step.greenwood.sqrt() - error).abs() < 6e-5, "{time}");
        }
    }

    #[test]
    fn the_median_is_week_23_and_the_upper_end_open() {
        // R: survfit(..., conf.type = "log-log") gives median 23, lower 13, upper NA.
        let median = remission().quantile(0.5, 0.95);
        assert_eq!((median.value, median.low, median.high), (23.0, 13.0, f64::INFINITY));
        assert_eq!(remission().quantile(0.9, 0.95).value, f64::INFINITY);
    }

    #[test]
    fn without_censoring_it_is_the_empirical_distribution() {
        let times = [3.0, 1.0, 2.0, 2.0, 5.0];
        let km = KaplanMeier::new(&times.map(Lifetime::event));
        for (t, s) in [(0.5, 1.0), (1.0, 0.8), (2.0, 0.4), (4.9, 0.2), (5.0, 0.0), (9.0, 0.0)] {
            assert!((km.survival_at(t, 0.95).value - s).abs() < 1e-12, "{t}");
        }
        assert!((km.restricted_mean(10.0, 0.95).value - 13.0 / 5.0).abs() < 1e-12);
        assert!((km.restricted_mean(2.5, 0.95).value - (1.0 + 2.0 + 2.0 + 2.5 + 2.5) / 5.0).abs() < 1e-12);
        assert_eq!(km.quantile(0.6, 0.95).value, 2.0);
    }

    #[test]
    fn censored_times_are_never_dropped() {
        let all_missed = KaplanMeier::new(&[Lifetime::censored(30.0); 10]);
        assert_eq!(all_missed.survival_at(30.0, 0.95).value, 1.0);
        assert_eq!(all_missed.quantile(0.5, 0.95).value, f64::INFINITY);
        assert_eq!(all_missed.restricted_mean(30.0, 0.95).value, 30.0);
        // An event and a censoring at the same time: the censored one was at risk.
        let tie = KaplanMeier::new(&[Lifetime::censored(1.0), Lifetime::event(1.0)]);
        assert_eq!(tie.survival_at(1.0, 0.95).value, 0.5);
    }

    #[test]
    fn the_true_curve_and_mean_lie_inside_as_often_as_said() {
        let key = Key::root(1, "survival");
        let (runs, mut curve, mut mean) = (1500u64, 0u32, 0u32);
        // Exponential events of mean 1, follow-up uniform on [0.5, 2.5]; restricted mean to 1 is 1 - 1/e.
        for run in 0..runs {
            let lifetimes: Vec<Lifetime> = (0..80)
                .map(|i| {
                    let k = key.id(run).id(i);
                    let event = exponential_quantile(1.0, k.id(0).uniform());
                    let end = 0.5 + 2.0 * k.id(1).uniform();
                    if event <= end { Lifetime::event(event) } else { Lifetime::censored(end) }
                })
                .collect();
            let km = KaplanMeier::new(&lifetimes);
            curve += u32::from(km.survival_at(1.0, 0.9).holds(libm::exp(-1.0)));
            mean += u32::from(km.restricted_mean(1.0, 0.9).holds(1.0 - libm::exp(-1.0)));
        }
        for covered in [curve, mean] {
            let share = f64::from(covered) / runs as f64;
            assert!((share - 0.9).abs() < 0.035, "{share}");
        }
    }

    #[test]
    fn nothing_in_gives_nothing_out() {
        let empty = KaplanMeier::new(&[Lifetime::event(f64::NAN)]);
        assert_eq!(empty.n(), 0);
        assert!(empty.quantile(0.5, 0.95).value.is_nan());
        assert!(empty.survival_at(1.0, 0.95).value.is_nan());
        assert!(empty.restricted_mean(1.0, 0.95).value.is_nan());
    }
}
