//! The sequential test of two event counts: is the share of events in the second arm what its share of the traffic says?
//!
//! Lindon and Malek 2022: given that an event happened, it happened in the second arm with the probability of its share
//! of the traffic, if both arms are alike; a Beta mixture over other probabilities is an e-process against that. It holds
//! for Poisson and Bernoulli streams of any shape over time, because the shape cancels. The same mixture is the sharp
//! one for sums of two-valued variables ([`super::mixture::BetaBinomial`]).
//!
//! Traps: events that come in groups (retries, a crashing pod) are overdispersed: divide the counts by the dispersion
//! first. A share of the traffic that changes meanwhile must enter event by event ([`CountTest::log_marginal`]).

use crate::rng::normal_cdf;
use crate::rng::special::{incomplete_beta, ln_factorial};

/// From so many events on a Beta distribution is taken as normal: it is, and its continued fraction is long.
const MOST_EVENTS: f64 = 1e8;

/// The test of one share of the traffic, with its prior.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CountTest {
    shares: [f64; 2],
    prior: [f64; 2],
}

impl CountTest {
    /// The test for an arm that gets the share `second_share` of the traffic; `concentration` is the prior's
    /// total weight (200 expects near equality, 2 large effects).
    ///
    /// `None` unless `second_share` lies in (0, 1) and `concentration` is finite and positive.
    #[must_use]
    pub fn new(second_share: f64, concentration: f64) -> Option<Self> {
        let valid =
            second_share > 0.0 && second_share < 1.0 && concentration > 0.0 && concentration.is_finite();
        let shares = [1.0 - second_share, second_share];
        let prior = shares.map(|share| share * concentration);
        let usable = valid && prior.iter().all(|weight| *weight > 0.0);
        usable.then_some(CountTest { shares, prior })
    }

    /// The share of the traffic that the second arm gets.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.shares[1]
    }

    /// The logarithm of the Bayes factor against equal rates, at these cumulative counts.
    #[must_use]
    pub fn log_evidence(&self, first: f64, second: f64) -> f64 {
        let [s, t] = self.shares.map(libm::log);
        self.log_marginal(first, second) - first * s - second * t
    }

    /// As [`log_evidence`](Self::log_evidence), against shares of the events up to the traffic's: only more events in
    /// the second arm count.
    #[must_use]
    pub fn log_evidence_above(&self, first: f64, second: f64) -> f64 {
        self.log_evidence(first, second) + self.log_above(first, second)
    }

    /// What restricting the prior to larger shares of the second arm adds to the evidence, as a logarithm.
    #[must_use]
    pub fn log_above(&self, first: f64, second: f64) -> f64 {
        self.log_share_above(first, second) - self.log_share_above(0.0, 0.0)
    }

    /// The logarithm of the chance that the second arm's share of the events is above its share of the traffic, after
    /// these events.
    fn log_share_above(&self, first: f64, second: f64) -> f64 {
        let [rest, share] = self.shares;
        let (a, b) = (self.prior[1] + second, self.prior[0] + first);
        if a + b < MOST_EVENTS {
            return libm::log(incomplete_beta(a, b, share, rest).upper);
        }
        let mean = a / (a + b);
        let deviation = (mean * (b / (a + b)) / (a + b)).sqrt();
        libm::log(normal_cdf((mean - share) / deviation))
    }

    /// The logarithm of the mixture's probability of any one sequence with these counts.
    #[must_use]
    pub fn log_marginal(&self, first: f64, second: f64) -> f64 {
        let (weight, total) = (self.prior[0] + self.prior[1], first + second);
        let of = |prior: f64, count: f64| ln_gamma(prior + count) - ln_gamma(prior);
        of(self.prior[0], first) + of(self.prior[1], second) - of(weight, total)
    }
}

/// The logarithm of the gamma function for x > 0.
pub(super) fn ln_gamma(x: f64) -> f64 {
    if x < 17.0 { libm::lgamma(x) } else { ln_factorial(x - 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Key;
    use crate::stats::estimate::wilson;

    fn p(test: &CountTest, first: f64, second: f64) -> f64 {
        libm::exp(-test.log_evidence(first, second)).min(1.0)
    }

    #[test]
    fn it_agrees_with_the_closed_form() {
        // Symmetric prior (c, c), p at a single look; computed for the project's statistics page.
        for (c, first, second, expected) in [
            (10.0, 40.0, 60.0, 0.4573),
            (10.0, 100.0, 150.0, 0.0347),
            (10.0, 20.0, 50.0, 0.01234),
            (100.0, 100.0, 150.0, 0.0922),
            (100.0, 1000.0, 1100.0, 0.3855),
            (1.0, 20.0, 50.0, 0.00974),
        ] {
            let found = p(&CountTest::new(0.5, 2.0 * c).unwrap(), first, second);
            assert!((found - expected).abs() < 6e-5, "{found} is not {expected}");
        }
        let test = CountTest::new(0.05, 20.0).unwrap();
        assert_eq!(p(&test, 95.0, 5.0), 1.0);
        assert!(p(&test, 950.0, 200.0) < 1e-6);
    }

    #[test]
    fn one_sided_evidence_counts_one_side() {
        let test = CountTest::new(0.25, 40.0).unwrap();
        assert_eq!(test.log_evidence_above(0.0, 0.0), 0.0);
        assert!(test.log_evidence_above(300.0, 40.0) < 0.0 && test.log_evidence(300.0, 40.0) > 3.0);
        // Half of the prior lies above, so one-sided evidence is at most about twice the other.
        let (one, two) = (test.log_evidence_above(300.0, 160.0), test.log_evidence(300.0, 160.0));
        assert!(one > two && one < two + 0.8, "{one} {two}");
    }

    #[test]
    fn very_many_events_go_on_where_many_ended() {
        let test = CountTest::new(0.5, 100.0).unwrap();
        let half = 0.5 * MOST_EVENTS;
        let (few, more) = (test.log_above(half - 200.0, half - 100.0), test.log_above(half, half + 100.0));
        assert!((few - more).abs() < 1e-6, "{few} {more}");
        assert!(!test.log_evidence_above(1e300, 2e300).is_infinite());
    }

    #[test]
    fn a_healthy_release_is_rarely_stopped_however_often_one_looks() {
        let mut stream = Key::root(1, "always valid counts").stream();
        let (runs, alpha) = (1500u32, 0.05);
        let test = CountTest::new(0.25, 40.0).unwrap();
        let (mut both, mut above) = (0u64, 0u64);
        for _ in 0..runs {
            let (mut first, mut second, mut most, mut most_above) = (0.0, 0.0, 0.0f64, 0.0f64);
            for n in 1..=1000 {
                if stream.uniform() < 0.25 {
                    second += 1.0;
                } else {
                    first += 1.0;
                }
                if n % 10 == 0 {
                    most = most.max(test.log_evidence(first, second));
                    most_above = most_above.max(test.log_evidence_above(first, second));
                }
            }
            let limit = -libm::log(alpha);
            both += u64::from(most >= limit);
            above += u64::from(most_above >= limit);
        }
        for stopped in [both, above] {
            let low = wilson(stopped, u64::from(runs), 0.99).low;
            assert!(low <= alpha && stopped > 0, "{stopped} of {runs}");
        }
    }

    #[test]
    fn parameters_without_meaning_are_refused() {
        assert_eq!(CountTest::new(0.0, 10.0), None);
        assert_eq!(CountTest::new(0.5, f64::INFINITY), None);
        assert_eq!(CountTest::new(f64::NAN, 10.0), None);
        assert_eq!(CountTest::new(1e-300, 1e-300), None);
    }
}
