//! How the arrival rate of a traffic source changes with time: a ramp, a day, spikes, a recording.
//!
//! A shape is a multiplier of the source's rate. Noise and confounders multiply it further. All times count from the
//! deploy and also run backwards from there: what a shape does before the deploy is what the warm-up sees.
//!
//! Integrals are exact (closed forms, no steps), because both fidelities live on them: the request level waits until
//! the integral of the rate reaches an exponential number, the flow level draws counts with the integral as mean.
//!
//! Trap: the mean of a shape over the horizon is not 1; whatever speaks of a mean rate must ask [`Shape::mean`].

use std::f64::consts::TAU;

use crate::time::{SimDuration, SimTime};

/// A shape and the instant its times count from.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// The deploy.
    pub origin: SimTime,
    /// What it looks like.
    pub form: Form,
}

/// The form of a shape; times in seconds from the origin, values are multipliers of the rate.
#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    /// 1 throughout.
    Constant,
    /// From one level to another in a straight line.
    Ramp {
        /// Level before it.
        from: f64,
        /// Level after it.
        to: f64,
        /// When it begins.
        at: f64,
        /// How long it takes, above 0.
        lasts: f64,
    },
    /// A sine around 1.
    Diurnal {
        /// Largest deviation, 0 to 1.
        amplitude: f64,
        /// Length of a day, above 0.
        period: f64,
        /// Time of a peak.
        peak_at: f64,
    },
    /// Levels that hold for a while.
    Steps(Steps),
}

/// A piecewise constant function of time.
#[derive(Clone, Debug, PartialEq)]
pub struct Steps {
    /// Where a level begins, ascending; the first level also holds before it.
    starts: Vec<f64>,
    levels: Vec<f64>,
    /// Integral from the first start to each start.
    sums: Vec<f64>,
    /// After this long it begins again (the first start is 0 then).
    period: Option<f64>,
}

impl Steps {
    /// Levels with the times at which they begin, ascending and not empty; repeated every `period` if there is one,
    /// else the last level holds for ever.
    pub fn new(steps: &[(f64, f64)], period: Option<f64>) -> Self {
        let (starts, levels): (Vec<f64>, Vec<f64>) = steps.iter().copied().unzip();
        let mut sums = vec![0.0; starts.len()];
        for i in 1..starts.len() {
            sums[i] = sums[i - 1] + (starts[i] - starts[i - 1]) * levels[i - 1];
        }
        Steps { starts, levels, sums, period }
    }

    /// Whole periods before `t`, and the rest.
    fn fold(&self, t: f64) -> (f64, f64) {
        match self.period {
            Some(period) => {
                let turns = (t / period).floor();
                (turns, (t - turns * period).clamp(0.0, period))
            }
            None => (0.0, t),
        }
    }

    fn index(&self, t: f64) -> usize {
        self.starts.partition_point(|&start| start <= t).saturating_sub(1)
    }

    fn level(&self, t: f64) -> f64 {
        let (_, t) = self.fold(t);
        self.levels[self.index(t)]
    }

    fn antiderivative(&self, t: f64) -> f64 {
        let (turns, rest) = self.fold(t);
        let until = |t: f64| {
            let i = self.index(t);
            self.sums[i] + (t - self.starts[i]) * self.levels[i]
        };
        turns * self.period.map_or(0.0, until) + until(rest)
    }
}

impl Shape {
    /// 1 throughout.
    pub fn constant() -> Self {
        Shape { origin: SimTime::ZERO, form: Form::Constant }
    }

    /// Whether it is 1 throughout.
    pub fn is_constant(&self) -> bool {
        self.form == Form::Constant
    }

    fn seconds(&self, at: SimTime) -> f64 {
        (at.as_nanos() as f64 - self.origin.as_nanos() as f64) / 1e9
    }

    /// The multiplier at an instant.
    pub fn level(&self, at: SimTime) -> f64 {
        let t = self.seconds(at);
        match &self.form {
            Form::Constant => 1.0,
            Form::Ramp { from, to, at, lasts } => from + (to - from) * ((t - at) / lasts).clamp(0.0, 1.0),
            Form::Diurnal { amplitude, period, peak_at } => {
                1.0 + amplitude * libm::cos(TAU * (t - peak_at) / period)
            }
            Form::Steps(steps) => steps.level(t),
        }
    }

    /// The multiplier integrated over a span, in seconds.
    pub fn integral(&self, from: SimTime, until: SimTime) -> f64 {
        if self.is_constant() {
            return until.since(from).as_secs_f64();
        }
        (self.antiderivative(self.seconds(until)) - self.antiderivative(self.seconds(from))).max(0.0)
    }

    fn antiderivative(&self, t: f64) -> f64 {
        match &self.form {
            Form::Constant => t,
            Form::Ramp { from, to, at, lasts } => {
                let inside = (t - at).clamp(0.0, *lasts);
                let after = (t - at - lasts).max(0.0);
                from * (t - after) + (to - from) * inside * inside / (2.0 * lasts) + to * after
            }
            Form::Diurnal { amplitude, period, peak_at } => {
                t + amplitude * period / TAU * libm::sin(TAU * (t - peak_at) / period)
            }
            Form::Steps(steps) => steps.antiderivative(t),
        }
    }

    /// The mean multiplier over a span; its level if the span is empty.
    pub fn mean(&self, from: SimTime, until: SimTime) -> f64 {
        let span = until.since(from).as_secs_f64();
        if self.is_constant() || span <= 0.0 {
            return self.level(from);
        }
        self.integral(from, until) / span
    }

    /// The largest multiplier it ever has.
    pub fn peak(&self) -> f64 {
        match &self.form {
            Form::Constant => 1.0,
            Form::Ramp { from, to, .. } => from.max(*to),
            Form::Diurnal { amplitude, .. } => 1.0 + amplitude,
            Form::Steps(steps) => steps.levels.iter().copied().fold(0.0, f64::max),
        }
    }

    /// How long after `from` the integral reaches `need` (which it does by `until`), by Newton's method between
    /// brackets.
    pub fn reach(&self, from: SimTime, until: SimTime, need: f64) -> SimDuration {
        let start = self.seconds(from);
        let base = self.antiderivative(start);
        let (mut low, mut high) = (0.0, until.since(from).as_secs_f64());
        let mut guess = (need / self.level(from).max(1e-12)).clamp(low, high);
        for _ in 0..100 {
            let error = self.antiderivative(start + guess) - base - need;
            if error < 0.0 {
                low = guess
            } else {
                high = guess
            }
            let slope = self.level(from + SimDuration::from_secs_f64(guess));
            let newton = guess - error / slope;
            let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
            // A tenth of a nanosecond is below what an instant can hold.
            let done = (next - guess).abs() < 1e-10;
            guess = next;
            if done {
                break;
            }
        }
        SimDuration::from_secs_f64(guess)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> SimTime {
        SimTime::ZERO + SimDuration::from_secs_f64(seconds)
    }

    fn shapes() -> Vec<Shape> {
        let forms = [
            Form::Ramp { from: 0.5, to: 3.0, at: 60.0, lasts: 300.0 },
            Form::Diurnal { amplitude: 0.8, period: 700.0, peak_at: 100.0 },
            Form::Steps(Steps::new(&[(0.0, 1.0), (120.0, 4.0), (180.0, 1.0)], None)),
            Form::Steps(Steps::new(&[(0.0, 2.0), (60.0, 0.5), (120.0, 0.0)], Some(180.0))),
        ];
        forms.into_iter().map(|form| Shape { origin: at(600.0), form }).collect()
    }

    #[test]
    fn integrals_are_those_of_the_levels() {
        for shape in shapes() {
            let (from, until) = (at(13.0), at(1537.0));
            let step = 0.01;
            let sum: f64 =
                (0..152_400).map(|i| shape.level(at(13.0 + (f64::from(i) + 0.5) * step)) * step).sum();
            let exact = shape.integral(from, until);
            assert!((exact - sum).abs() < 0.05, "{shape:?}: {exact} {sum}");
            let middle = at(701.7);
            let parts = shape.integral(from, middle) + shape.integral(middle, until);
            assert!((exact - parts).abs() < 1e-9);
            assert!(shape.mean(from, until) <= shape.peak());
        }
    }

    #[test]
    fn reaching_inverts_the_integral() {
        for shape in shapes() {
            for start in [0.0, 590.0, 661.0, 725.0] {
                let (from, until) = (at(start), at(start + 400.0));
                let all = shape.integral(from, until);
                for share in [0.001, 0.3, 0.77] {
                    let need = all * share;
                    let reached = from + shape.reach(from, until, need);
                    assert!((shape.integral(from, reached) - need).abs() < 1e-7, "{shape:?} {start} {share}");
                }
            }
        }
    }

    #[test]
    fn a_recording_runs_backwards_from_the_deploy() {
        let recorded = &shapes()[3];
        assert_eq!(recorded.level(at(599.0)), 0.0, "before the deploy the recording's end is played");
        assert_eq!((recorded.level(at(600.0)), recorded.level(at(780.0))), (2.0, 2.0));
        let ramp = &shapes()[0];
        assert_eq!((ramp.level(at(0.0)), ramp.level(at(810.0)), ramp.level(at(960.0))), (0.5, 1.75, 3.0));
    }
}
