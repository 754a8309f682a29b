//! Noise as recorded series have it: slow drift, a part that is forgotten quickly, swings by the clock, rare spikes.
//!
//! A [`Noise`] is a multiplier of mean 1. Its everyday part is log-normal: the logarithm is a sum of up to three
//! independent Gaussian processes that share one variance,
//!
//! * *slow*, an AR(1) process ([`Ar1`]) with correlation `exp(-t / tau)`;
//! * *quick*, a second one with a short correlation time (what geostatistics calls a nugget), which lowers the
//!   correlation of neighbouring values without shortening the memory of the rest;
//! * *cycle*, Harvey's stochastic cycle with correlation `exp(-t / coherence) cos(2 pi t / period)`: a daily season
//!   if it is coherent for weeks, an oscillation of a job or a controller if for minutes.
//!
//! [`Spikes`] are added on top: they come as a Poisson process, each lasts and is as large as a log-normal law says
//! (a shot noise), and the whole is divided by its mean.
//!
//! Traps: the mean is 1 over *all* replications; one replication that is shorter than `tau`, the period or the time
//! between spikes sees a piece that lies above or below. A replication has one phase and one strength of a cycle,
//! drawn. Two noises with the same period have the same cycle, because there is one clock. Counts drawn with a
//! noisy mean are overdispersed (a Poisson log-normal mixture); no further law is needed for that.

use serde::{Deserialize, Serialize};

use super::ar1::StandardSteps;
use super::{Ar1, Key, Lean, Purpose, normal_cdf, normal_quantile, poisson_quantile};
use crate::time::SimDuration;

/// The part of a noise that is forgotten quickly.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quick {
    /// Its share of the variance of the logarithm, 0 to 1.
    #[serde(deserialize_with = "super::distribution_text::ratio")]
    #[schemars(with = "super::distribution_text::RatioText")]
    pub share: f64,
    /// Time after which its correlation has fallen to 1/e.
    pub tau: SimDuration,
}

/// Swings by the clock.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cycle {
    /// Its share of the variance of the logarithm, 0 to 1; the same for all replicas.
    #[serde(deserialize_with = "super::distribution_text::ratio")]
    #[schemars(with = "super::distribution_text::RatioText")]
    pub share: f64,
    /// Time from one crest to the next.
    pub period: SimDuration,
    /// Time after which the swings have lost their phase (their correlation has fallen to 1/e).
    pub coherence: SimDuration,
}

/// Rare spikes on top of the everyday values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spikes {
    /// Mean time from the begin of one spike to the begin of the next.
    pub every: SimDuration,
    /// How long a spike lasts.
    pub lasts: DurationSpread,
    /// How much a spike adds, in multiples of the everyday level.
    pub size: SizeSpread,
}

/// A log-normal duration by its median and 99th percentile; nothing lasts longer than one in a thousand does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DurationSpread {
    /// Half of all are shorter.
    pub p50: SimDuration,
    /// One in a hundred is longer.
    pub p99: SimDuration,
}

/// A log-normal size by its median and 99th percentile; nothing is larger than one in a thousand is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SizeSpread {
    /// Half of all are smaller.
    pub p50: f64,
    /// One in a hundred is larger.
    pub p99: f64,
}

/// A multiplier of mean 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Noise {
    /// Correlation time of the slow part.
    pub tau: SimDuration,
    /// Standard deviation over mean of the everyday values, without spikes.
    pub cv: f64,
    /// The part that is forgotten quickly.
    pub quick: Option<Quick>,
    /// The part that swings by the clock.
    pub cycle: Option<Cycle>,
    /// What comes on top.
    pub spikes: Option<Spikes>,
}

impl Noise {
    /// Two noises whose product has this one's everyday law and as many spikes: what all replicas of a service have
    /// in common, and what each has alone. `shared` (0 to 1, clamped) is the share of the variance of the logarithm
    /// and of the spikes that is common; the cycle is common as a whole.
    #[must_use]
    pub fn split(&self, shared: f64) -> (Noise, Noise) {
        let shared = if shared > 0.0 { shared.min(1.0) } else { 0.0 };
        let (quick, cycle) = self.shares();
        let part = |share: f64, cycle: f64| {
            // Of the variance: what remains here, and how it divides.
            let kept = share * (1.0 - cycle_of(self)) + cycle;
            let of = |part: f64| if kept > 0.0 { part / kept } else { 0.0 };
            Noise {
                tau: self.tau,
                cv: partial_cv(self.cv, kept),
                quick: self.quick.map(|q| Quick { share: of(share * quick), ..q }).filter(|q| q.share > 0.0),
                cycle: self.cycle.map(|c| Cycle { share: of(cycle), ..c }).filter(|c| c.share > 0.0),
                spikes: self
                    .spikes
                    .filter(|_| share > 0.0)
                    .map(|s| Spikes { every: s.every.scale(1.0 / share), ..s }),
            }
        };
        (part(shared, cycle), part(1.0 - shared, 0.0))
    }

    /// Whether it has a slow part, the one that can [lean](Self::leaning_path).
    #[must_use]
    pub fn drifts(&self) -> bool {
        let (quick, cycle) = self.shares();
        self.varies() && 1.0 - quick - cycle > 0.0
    }

    /// Whether it is 1 throughout.
    #[must_use]
    pub fn is_still(&self) -> bool {
        !self.varies() && self.spikes.is_none()
    }

    fn varies(&self) -> bool {
        self.cv > 0.0
    }

    /// The shares of the quick part and of the cycle, in range.
    fn shares(&self) -> (f64, f64) {
        let cycle = cycle_of(self);
        let quick = self.quick.map_or(0.0, |quick| quick.share.clamp(0.0, 1.0 - cycle));
        (quick, cycle)
    }

    /// The first `n` values at distance `step`; `clock` is what all noises with one clock share. Every draw is keyed
    /// by the slot or spike it is for, so a longer path begins with the shorter one, bit for bit.
    ///
    /// The everyday part is taken at the beginning of each step, spikes by the part of the step they cover.
    #[must_use]
    pub fn path(&self, key: Key, clock: Key, step: SimDuration, n: usize) -> Vec<f64> {
        self.leaning_path(key, clock, step, (n, Lean::NONE))
    }

    /// As [`path`](Self::path), with the innovations of the slow part of some steps drawn from a law that leans.
    #[must_use]
    pub fn leaning_path(
        &self,
        key: Key,
        clock: Key,
        step: SimDuration,
        (n, lean): (usize, Lean),
    ) -> Vec<f64> {
        let mut path = vec![1.0; n];
        if self.varies() {
            self.everyday(key, clock, (step, lean), &mut path);
        }
        if let Some(spikes) = &self.spikes {
            spikes.raise(key.purpose(Purpose::NoiseSpikes), step, &mut path);
        }
        path
    }

    fn everyday(&self, key: Key, clock: Key, (step, lean): (SimDuration, Lean), path: &mut [f64]) {
        let (quick, cycle) = self.shares();
        let slow = 1.0 - quick - cycle;
        if slow > 0.0 {
            // All of it, untouched, where there is nothing else.
            let cv = if slow < 1.0 { partial_cv(self.cv, slow) } else { self.cv };
            multiply(path, Ar1 { tau: self.tau, cv }.leaning_steps(key, step, lean));
        }
        if let Some(part) = self.quick.filter(|_| quick > 0.0) {
            let process = Ar1 { tau: part.tau, cv: partial_cv(self.cv, quick) };
            multiply(path, process.steps(key.purpose(Purpose::QuickNoise), step));
        }
        if let Some(part) = self.cycle.filter(|_| cycle > 0.0) {
            multiply(path, part.steps(cycle * libm::log1p(self.cv * self.cv), clock, step));
        }
    }
}

fn cycle_of(noise: &Noise) -> f64 {
    noise.cycle.map_or(0.0, |cycle| cycle.share.clamp(0.0, 1.0))
}

fn multiply(path: &mut [f64], factors: impl Iterator<Item = f64>) {
    path.iter_mut().zip(factors).for_each(|(value, factor)| *value *= factor);
}

/// The coefficient of variation of a factor that carries `share` of the variance of the logarithm.
fn partial_cv(cv: f64, share: f64) -> f64 {
    libm::sqrt(libm::expm1(share * libm::log1p(cv * cv)))
}

impl Cycle {
    /// The factors by step. Two slow processes turn with the clock: a cos + b sin (A. Harvey, Forecasting,
    /// Structural Time Series Models and the Kalman Filter, 1989, section 2.3.3).
    fn steps(self, variance: f64, clock: Key, step: SimDuration) -> impl Iterator<Item = f64> {
        let key = clock.purpose(Purpose::NoiseCycle).id(self.period.as_nanos());
        let mut even = StandardSteps::new(self.coherence, key.id(0), step);
        let mut odd = StandardSteps::new(self.coherence, key.id(1), step);
        let (deviation, centre) = (variance.sqrt(), -0.5 * variance);
        let period = self.period.as_nanos().max(1);
        // Whole nanoseconds, so that the phase stays exact.
        let (turn, mut phase) = (step.as_nanos() % period, 0u64);
        std::iter::repeat_with(move || {
            let angle = std::f64::consts::TAU * (phase as f64 / period as f64);
            phase = ((u128::from(phase) + u128::from(turn)) % u128::from(period)) as u64;
            let value = even.advance() * libm::cos(angle) + odd.advance() * libm::sin(angle);
            libm::exp(centre + deviation * value)
        })
    }
}

impl Spikes {
    /// What a spike factor is on average, before it is divided by that.
    fn mean(&self) -> f64 {
        1.0 + self.lasts.law().mean() / self.every.as_secs_f64() * self.size.law().mean()
    }

    /// Multiplies a path by the spikes. Time is cut into cells of the length `every`; the starts within a cell are a
    /// Poisson number keyed by the cell, so they do not depend on the step.
    fn raise(&self, key: Key, step: SimDuration, path: &mut [f64]) {
        let (every, step) = (self.every.as_secs_f64(), step.as_secs_f64());
        if every <= 0.0 || step <= 0.0 {
            return;
        }
        let (lasts, size) = (self.lasts.law(), self.size.law());
        // As far back as a spike may have begun that is not over at time zero.
        let first = -(libm::ceil(lasts.largest() / every) as i64);
        let last = libm::ceil(path.len() as f64 * step / every) as i64;
        let mut extra = vec![0.0; path.len()];
        for cell in first..last {
            let key = key.id(cell as u64);
            for spike in 0..poisson_quantile(1.0, key.uniform()) {
                let key = key.id(spike);
                let from = (cell as f64 + key.id(0).uniform()) * every;
                let until = from + lasts.quantile(key.id(1).uniform_open());
                cover(&mut extra, step, (from, until), size.quantile(key.id(2).uniform_open()));
            }
        }
        let mean = self.mean();
        path.iter_mut().zip(extra).for_each(|(value, extra)| *value *= (1.0 + extra) / mean);
    }
}

/// Adds a spike to the steps it covers, each by the part that is covered.
fn cover(extra: &mut [f64], step: f64, (from, until): (f64, f64), size: f64) {
    // A negative begin is the conversion's 0.
    let begin = (from / step) as usize;
    for (index, value) in extra.iter_mut().enumerate().skip(begin) {
        let (low, high) = (index as f64 * step, (index + 1) as f64 * step);
        if low >= until {
            break;
        }
        *value += size * ((high.min(until) - low.max(from)) / step).max(0.0);
    }
}

impl DurationSpread {
    fn law(&self) -> Law {
        Law::new(self.p50.as_secs_f64(), self.p99.as_secs_f64())
    }

    /// The longest there is: what one in a thousand lasts.
    #[must_use]
    pub fn longest(&self) -> SimDuration {
        SimDuration::from_secs_f64(self.law().largest())
    }

    /// The mean.
    #[must_use]
    pub fn mean(&self) -> SimDuration {
        SimDuration::from_secs_f64(self.law().mean())
    }
}

impl SizeSpread {
    fn law(&self) -> Law {
        Law::new(self.p50, self.p99)
    }
}

/// The 0.99 and the 0.999 quantile of the standard normal distribution.
const Z99: f64 = 2.326_347_874_040_841;
const Z999: f64 = 3.090_232_306_167_813;

/// A log-normal law whose largest thousandth is set to the 0.999 quantile.
#[derive(Clone, Copy, Debug)]
struct Law {
    median: f64,
    sigma: f64,
}

impl Law {
    fn new(p50: f64, p99: f64) -> Self {
        let sigma = if p99 > p50 && p50 > 0.0 { libm::log(p99 / p50) / Z99 } else { 0.0 };
        Law { median: p50, sigma }
    }

    fn quantile(&self, u: f64) -> f64 {
        self.median * libm::exp(self.sigma * normal_quantile(u).min(Z999))
    }

    fn largest(&self) -> f64 {
        self.median * libm::exp(self.sigma * Z999)
    }

    fn mean(&self) -> f64 {
        let below = libm::exp(0.5 * self.sigma * self.sigma) * normal_cdf(Z999 - self.sigma);
        self.median * below + 0.001 * self.largest()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: SimDuration = SimDuration::from_secs(15);

    fn plain() -> Noise {
        Noise { tau: SimDuration::from_mins(5), cv: 0.3, quick: None, cycle: None, spikes: None }
    }

    fn full() -> Noise {
        let spread =
            |p50, p99| DurationSpread { p50: SimDuration::from_secs(p50), p99: SimDuration::from_secs(p99) };
        Noise {
            quick: Some(Quick { share: 0.2, tau: SimDuration::from_secs(20) }),
            cycle: Some(Cycle {
                share: 0.3,
                period: SimDuration::from_mins(10),
                coherence: SimDuration::from_mins(30),
            }),
            spikes: Some(Spikes {
                every: SimDuration::from_mins(30),
                lasts: spread(40, 300),
                size: SizeSpread { p50: 2.0, p99: 10.0 },
            }),
            ..plain()
        }
    }

    fn keys(seed: u64) -> (Key, Key) {
        (Key::root(seed, "noise"), Key::root(seed, "clock"))
    }

    fn path(noise: &Noise, seed: u64, step: SimDuration, n: usize) -> Vec<f64> {
        let (key, clock) = keys(seed);
        noise.path(key, clock, step, n)
    }

    fn mean(values: &[f64]) -> f64 {
        values.iter().sum::<f64>() / values.len() as f64
    }

    /// The covariance of the logarithms of two paths, the second `lag` steps later.
    fn covariance(a: &[f64], b: &[f64], lag: usize) -> f64 {
        let logs = |v: &[f64]| v.iter().map(|x| libm::log(*x)).collect::<Vec<f64>>();
        let (a, b) = (logs(a), logs(b));
        let (ma, mb) = (mean(&a), mean(&b));
        let pairs: Vec<f64> = a.iter().zip(b.iter().skip(lag)).map(|(x, y)| (x - ma) * (y - mb)).collect();
        mean(&pairs)
    }

    #[test]
    fn a_plain_noise_is_the_ar1_process() {
        let (key, _) = keys(1);
        let ar1 = Ar1 { tau: SimDuration::from_mins(5), cv: 0.3 };
        assert_eq!(path(&plain(), 1, STEP, 300), ar1.path(key, STEP, 300));
        let (common, own) = plain().split(0.7);
        let (a, b) = ar1.split(0.7);
        assert_eq!((common.cv, own.cv), (a.cv, b.cv));
    }

    #[test]
    fn longer_paths_extend_shorter_ones_bit_for_bit() {
        let long = path(&full(), 2, STEP, 2000);
        assert_eq!(path(&full(), 2, STEP, 600), long[..600]);
        assert_ne!(path(&full(), 3, STEP, 600), long[..600]);
    }

    #[test]
    fn the_mean_is_one_with_all_parts() {
        let means: Vec<f64> = (0..300).map(|seed| mean(&path(&full(), seed, STEP, 2000))).collect();
        let centre = mean(&means);
        let variance = mean(&means.iter().map(|m| (m - centre) * (m - centre)).collect::<Vec<_>>());
        let error = (variance / means.len() as f64).sqrt();
        assert!((centre - 1.0).abs() < 4.0 * error && error < 0.02, "{centre} +- {error}");
    }

    #[test]
    fn the_logarithm_has_the_covariance_of_its_parts() {
        let noise = Noise { spikes: None, ..full() };
        let n = 400_000;
        let values = path(&noise, 4, STEP, n);
        let variance = libm::log1p(0.09);
        for lag in [0usize, 1, 4, 20, 40, 80] {
            let t = 15.0 * lag as f64;
            let expected = 0.5 * libm::exp(-t / 300.0)
                + 0.2 * libm::exp(-t / 20.0)
                + 0.3 * libm::exp(-t / 1800.0) * libm::cos(std::f64::consts::TAU * t / 600.0);
            let found = covariance(&values, &values, lag) / variance;
            assert!((found - expected).abs() < 0.03, "lag {lag}: {found} is not {expected}");
        }
    }

    #[test]
    fn a_split_noise_keeps_its_law_and_correlates_replicas() {
        let noise = Noise { spikes: None, ..full() };
        let (common, own) = noise.split(0.6);
        let (key, clock) = keys(5);
        let n = 300_000;
        let shared = common.path(key.id(0), clock, STEP, n);
        let replica = |id: u64| -> Vec<f64> {
            own.path(key.id(id), clock, STEP, n).iter().zip(&shared).map(|(a, b)| a * b).collect()
        };
        let (a, b) = (replica(1), replica(2));
        let variance = libm::log1p(0.09);
        assert!((covariance(&a, &a, 0) / variance - 1.0).abs() < 0.02);
        // The cycle (0.3) as a whole and 60 % of the rest.
        assert!((covariance(&a, &b, 0) / variance - 0.72).abs() < 0.02);
        assert!(own.cycle.is_none() && noise.split(1.0).1.is_still());
    }

    #[test]
    fn spikes_come_as_often_last_as_long_and_add_as_much_as_said() {
        let only = Noise { cv: 0.0, ..full() };
        let spikes = only.spikes.unwrap();
        let step = SimDuration::from_secs(5);
        let (mut raised, mut begun, mut steps, mut level) = (0u32, 0u32, 0u32, f64::MAX);
        for seed in 0..100 {
            let values = path(&only, seed, step, 8640);
            level = values.iter().copied().fold(level, f64::min);
            let high = |v: &f64| *v > level * 1.000_001;
            raised += values.iter().filter(|v| high(v)).count() as u32;
            begun += values.windows(2).filter(|w| !high(&w[0]) && high(&w[1])).count() as u32;
            steps += values.len() as u32;
        }
        assert!((level * spikes.mean() - 1.0).abs() < 1e-12);
        let hours = f64::from(steps) / 720.0;
        // Two an hour; a few begin while another one lasts and are not seen.
        let busy = libm::exp(-spikes.lasts.mean().as_secs_f64() / 1800.0);
        assert!((f64::from(begun) / hours / (2.0 * busy) - 1.0).abs() < 0.06, "{begun} in {hours} h");
        // Two more half-covered steps a spike.
        let expected = 1.0 - libm::exp(-(spikes.lasts.mean().as_secs_f64() + 5.0) / 1800.0);
        let found = f64::from(raised) / f64::from(steps);
        assert!((found / expected - 1.0).abs() < 0.08, "{found} is not {expected}");
    }

    #[test]
    fn spikes_do_not_depend_on_the_step() {
        let only = Noise { cv: 0.0, ..full() };
        let fine = path(&only, 7, SimDuration::from_secs(5), 3600);
        let coarse = path(&only, 7, SimDuration::from_secs(60), 300);
        for (index, value) in coarse.iter().enumerate() {
            assert!((mean(&fine[12 * index..12 * (index + 1)]) / value - 1.0).abs() < 1e-9, "{index}");
        }
    }

    #[test]
    fn the_largest_thousandth_is_cut_and_the_mean_knows_it() {
        let law = Law::new(2.0, 200.0);
        let n = 200_000;
        let middle = |i: i32| (f64::from(i) + 0.5) / f64::from(n);
        let sum: f64 = (0..n).map(|i| law.quantile(middle(i))).sum();
        assert!((sum / f64::from(n) / law.mean() - 1.0).abs() < 1e-4);
        assert_eq!(law.quantile(0.999_999), law.largest());
        assert!((law.quantile(0.99) / 200.0 - 1.0).abs() < 1e-12);
        let fixed = Law::new(3.0, 3.0);
        assert!((fixed.mean() - 3.0).abs() < 1e-9 && fixed.quantile(0.2) == 3.0);
    }

    #[test]
    fn noises_with_one_period_have_one_cycle() {
        let only = Noise {
            cycle: full().cycle.map(|cycle| Cycle { share: 1.0, ..cycle }),
            quick: None,
            spikes: None,
            ..plain()
        };
        let clock = Key::root(8, "clock");
        let a = only.path(Key::root(8, "a"), clock, STEP, 200);
        assert_eq!(a, only.path(Key::root(8, "b"), clock, STEP, 200));
        assert_ne!(a, only.path(Key::root(8, "a"), Key::root(9, "clock"), STEP, 200));
    }

    #[test]
    fn reads_the_form_of_scenario_files() {
        let read: Spikes =
            serde_saphyr::from_str("{every: 30m, lasts: {p50: 40s, p99: 5m}, size: {p50: 2, p99: 10}}")
                .unwrap();
        assert_eq!(Some(read), full().spikes);
        let read: Cycle = serde_saphyr::from_str("{share: 30%, period: 10m, coherence: 30m}").unwrap();
        assert_eq!(Some(read), full().cycle);
        assert!(serde_saphyr::from_str::<Quick>("{share: -1, tau: 1m}").is_err());
    }
}
