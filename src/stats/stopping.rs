//! When to stop a study: as soon as a figure is known to the width that was asked for, and not by luck.
//!
//! Looking again and again and stopping when the interval *of that look* is narrow enough is not what the interval
//! was made for: the looks at which it is too narrow are the ones at which one stops. Two rules that may be looked at as often as
//! one likes:
//!
//! * [`ShareStopping`]: a share, by the beta-binomial confidence sequence ([`super::always_valid::share_interval`]; Howard
//!   and Ramdas 2022). It holds at all looks at once with the stated confidence, for independent replications and any
//!   number of them: stopping cannot spoil it. The price is about 1.5 times the width of Wilson's interval, so twice
//!   the replications.
//! * [`MeanStopping`]: a mean, by the asymptotic confidence sequence of the normal mixture with the sample's own variance
//!   (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2024, theorem 2.2). Asymptotic: it starts to look after [`LEAST`]
//!   values (as the rule of Chow and Robbins 1965 needs a least number too), because the variance of a few values is
//!   sometimes next to nothing. Its coverage at the stop is measured in the tests.
//!
//! Traps: rare large values (one replication in 200 costs 100 times as much) are not seen by a variance of 64 values; a mean of
//! such is known to no rule. Looks must be in the order of the replications, and no look may be left out because of what it
//! would show.

use super::Estimate;
use super::always_valid::share_interval;
use super::confidence_sequence::NormalMixture;
use super::two_sample::Moments;

/// The least number of values of which a mean is taken to be known.
pub const LEAST: u64 = 64;

/// What a look says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Look {
    /// It is not known to the width that was asked for; this is what is known.
    GoOn(Estimate),
    /// It is.
    Decided(Estimate),
}

impl Look {
    /// What is known.
    #[must_use]
    pub fn estimate(&self) -> Estimate {
        match self {
            Look::GoOn(estimate) | Look::Decided(estimate) => *estimate,
        }
    }
}

/// What is wanted: half of the width, and the confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Wanted {
    half_width: f64,
    alpha: f64,
}

impl Wanted {
    fn new(half_width: f64, confidence: f64) -> Option<Self> {
        let valid = half_width > 0.0 && half_width.is_finite() && confidence > 0.0 && confidence < 1.0;
        valid.then_some(Wanted { half_width, alpha: 1.0 - confidence })
    }

    fn judge(&self, estimate: Estimate) -> Look {
        let narrow = estimate.half_width() <= self.half_width;
        if narrow { Look::Decided(estimate) } else { Look::GoOn(estimate) }
    }
}

/// Fixed-width stopping for a share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShareStopping {
    wanted: Wanted,
    /// The number of replications at which the sequence is tightest.
    best: f64,
    /// What all looks so far leave: as all of them hold at once, so does what they have in common.
    low: f64,
    high: f64,
}

impl ShareStopping {
    /// Until a share is known to plus or minus `half_width` at this confidence.
    ///
    /// `None` unless the width is positive and the confidence in (0, 1).
    #[must_use]
    pub fn new(half_width: f64, confidence: f64) -> Option<Self> {
        let wanted = Wanted::new(half_width, confidence)?;
        // Tuned to where a share of one in ten would be as narrow as that; a matter of speed, not of validity.
        let best = (4.0 * 0.09 / (half_width * half_width)).clamp(16.0, 1e9);
        Some(ShareStopping { wanted, best, low: 0.0, high: 1.0 })
    }

    /// Looks after `n` replications, of which `successes` count.
    pub fn look(&mut self, successes: u64, n: u64) -> Look {
        let now = share_interval(successes as f64, n as f64, self.wanted.alpha, self.best);
        // Where the looks have nothing in common, one of them is the one in twenty: the last word is the latest's.
        let (low, high) = (self.low.max(now.low), self.high.min(now.high));
        (self.low, self.high) = if low <= high { (low, high) } else { (now.low, now.high) };
        let (low, high) = (self.low.min(now.value), self.high.max(now.value));
        if now.value.is_nan() {
            return Look::GoOn(Estimate { low: 0.0, high: 1.0, ..now });
        }
        self.wanted.judge(Estimate { low, high, ..now })
    }
}

/// Fixed-width stopping for a mean.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MeanStopping {
    wanted: Option<Wanted>,
    moments: Moments,
}

impl MeanStopping {
    /// Until a mean is known to plus or minus `half_width` at this confidence, with no less than [`LEAST`] values.
    ///
    /// `None` unless the width is positive and the confidence in (0, 1).
    #[must_use]
    pub fn new(half_width: f64, confidence: f64) -> Option<Self> {
        let wanted = Some(Wanted::new(half_width, confidence)?);
        Some(MeanStopping { wanted, moments: Moments::default() })
    }

    /// Takes in the next values, in order, and looks. Values that are not finite are left out.
    pub fn look(&mut self, values: &[f64]) -> Look {
        values.iter().for_each(|value| self.moments.take(*value));
        let n = self.moments.count();
        let known = self.wanted.filter(|_| n >= LEAST as f64).zip(self.moments.variance());
        let Some((wanted, variance)) = known else {
            let value = if n > 0.0 { self.moments.mean() } else { f64::NAN };
            return Look::GoOn(Estimate { value, n: n as u64, ..Estimate::UNKNOWN });
        };
        // Tightest at the number at which it would be as narrow as wanted, by this variance's own account; fixed to a power of
        // four, so that it does not follow every value.
        let due = (9.0 * variance / (wanted.half_width * wanted.half_width)).clamp(LEAST as f64, 1e12);
        let best = libm::exp2(2.0 * libm::ceil(0.5 * libm::log2(due)));
        let reach = match NormalMixture::new(best, wanted.alpha) {
            // In standard deviations: the intrinsic time of standardised values is their number.
            Some(mixture) => mixture.bound(n, wanted.alpha) / n * variance.sqrt(),
            None => f64::INFINITY,
        };
        let mean = self.moments.mean();
        wanted.judge(Estimate { value: mean, low: mean - reach, high: mean + reach, n: n as u64 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Key, Stream, normal_sample};
    use crate::stats::estimate::{mean_interval, wilson_modified};

    const BATCH: u64 = 16;
    const MOST: u64 = 60_000;

    /// Runs until a stop; how often the interval at the stop held, and the mean number of replications.
    fn coverage(runs: u64, mut one: impl FnMut(&mut Stream) -> (bool, u64)) -> (f64, f64) {
        let (mut held, mut sum) = (0u64, 0u64);
        for run in 0..runs {
            let (holds, n) = one(&mut Key::root(run, "stopping").stream());
            held += u64::from(holds);
            sum += n;
        }
        (held as f64 / runs as f64, sum as f64 / runs as f64)
    }

    fn share_until_narrow(stream: &mut Stream, p: f64, half_width: f64, sequence: bool) -> (bool, u64) {
        let mut rule = ShareStopping::new(half_width, 0.95).unwrap();
        let (mut hits, mut n) = (0, 0);
        while n < MOST {
            n += BATCH;
            hits += (0..BATCH).filter(|_| stream.uniform() < p).count() as u64;
            let plain = wilson_modified(hits, n, 0.95);
            match rule.look(hits, n) {
                Look::Decided(e) if sequence => return (e.holds(p), n),
                _ if !sequence && plain.half_width() <= half_width => return (plain.holds(p), n),
                _ => {}
            }
        }
        panic!("never narrow");
    }

    #[test]
    fn shares_hold_at_the_stop_however_often_one_looks() {
        for (p, half_width) in [(0.02, 0.03), (0.1, 0.05), (0.5, 0.08)] {
            let (held, n) = coverage(400, |s| share_until_narrow(s, p, half_width, true));
            let (_, fewer) = coverage(400, |s| share_until_narrow(s, p, half_width, false));
            assert!(held >= 0.95, "{p}: {held}");
            assert!(n > fewer && n < 6.0 * fewer, "{n} {fewer}");
        }
    }

    fn mean_until_narrow(
        s: &mut Stream,
        half_width: f64,
        truth: f64,
        draw: fn(&mut Stream) -> f64,
    ) -> (bool, u64) {
        let mut rule = MeanStopping::new(half_width, 0.95).unwrap();
        loop {
            let values: Vec<f64> = (0..BATCH).map(|_| draw(s)).collect();
            if let Look::Decided(e) = rule.look(&values) {
                return (e.holds(truth), e.n);
            }
        }
    }

    #[test]
    fn means_hold_at_the_stop_from_the_least_number_on() {
        let log_normal = |s: &mut Stream| libm::exp(0.7 * normal_sample(s));
        for half_width in [0.1, 0.2, 0.5] {
            let (normal, n) = coverage(400, |s| mean_until_narrow(s, half_width, 0.0, normal_sample));
            let truth = libm::exp(0.245);
            let (skewed, _) = coverage(400, |s| mean_until_narrow(s, half_width, truth, log_normal));
            assert!(n >= LEAST as f64 && normal >= 0.95 && skewed >= 0.93, "{normal} {skewed}");
        }
    }

    #[test]
    fn a_plain_interval_that_is_peeked_at_does_not_hold_what_it_says() {
        // The rule without a least number and with the interval of the look: stops where the variance is small by luck.
        let (held, _) = coverage(1000, |s| {
            let mut values = vec![libm::exp(1.2 * normal_sample(s))];
            loop {
                values.push(libm::exp(1.2 * normal_sample(s)));
                let e = mean_interval(&values, 0.95);
                if e.half_width() <= 0.5 {
                    return (e.holds(libm::exp(0.72)), e.n);
                }
            }
        });
        assert!(held < 0.85, "{held}");
    }

    #[test]
    fn what_cannot_be_asked_is_refused_and_nothing_known_goes_on() {
        assert!(ShareStopping::new(0.0, 0.95).is_none() && MeanStopping::new(f64::NAN, 0.95).is_none());
        assert!(ShareStopping::new(0.1, 1.0).is_none());
        let Look::GoOn(none) = ShareStopping::new(0.1, 0.95).unwrap().look(0, 0) else { panic!("decided") };
        assert_eq!((none.low, none.high), (0.0, 1.0));
        let mut rule = MeanStopping::new(1e9, 0.95).unwrap();
        assert!(matches!(rule.look(&[1.0, f64::NAN, 1.0]), Look::GoOn(Estimate { n: 2, .. })));
        assert!(matches!(rule.look(&[1.0; 62]), Look::Decided(Estimate { n: 64, .. })));
    }
}
