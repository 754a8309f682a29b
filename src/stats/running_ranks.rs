//! Mann-Whitney and Kolmogorov-Smirnov on two samples that change by one value at a time.
//!
//! Both samples are kept in order; a value that comes or goes changes U by the number of values of the other sample
//! below it (and half of its equals) and the tie correction by its own group, so a step costs two searches and a move
//! of memory instead of a sort. The figures are those of [`super::rank_test`], to rounding.

use super::rank_test::{MannWhitney, distances, kolmogorov_limit};

/// Two samples in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunningRanks {
    first: Vec<f64>,
    second: Vec<f64>,
    u: f64,
    ties: f64,
}

/// Which of the two samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The first.
    First,
    /// The second.
    Second,
}

impl RunningRanks {
    /// Adds a value to a sample; NaN changes nothing.
    pub fn add(&mut self, which: Which, value: f64) {
        if value.is_nan() {
            return;
        }
        let equal = self.equal(value);
        self.ties += group(equal + 1.0) - group(equal);
        self.u += self.share_of_u(which, value);
        let sample = self.sample(which);
        sample.insert(sample.partition_point(|other| *other < value), value);
    }

    /// Takes a value away that was added; others change nothing.
    pub fn remove(&mut self, which: Which, value: f64) {
        let sample = self.sample(which);
        let at = sample.partition_point(|other| *other < value);
        if sample.get(at).is_none_or(|found| *found != value) {
            return;
        }
        sample.remove(at);
        let equal = self.equal(value);
        self.ties += group(equal) - group(equal + 1.0);
        self.u -= self.share_of_u(which, value);
    }

    fn sample(&mut self, which: Which) -> &mut Vec<f64> {
        match which {
            Which::First => &mut self.first,
            Which::Second => &mut self.second,
        }
    }

    /// Values of both samples equal to this one.
    fn equal(&self, value: f64) -> f64 {
        let in_sample = |sample: &[f64]| {
            let (less, up_to) = below(sample, value);
            up_to - less
        };
        in_sample(&self.first) + in_sample(&self.second)
    }

    /// The pairs that a value adds to U, which counts those in which the first sample is larger.
    fn share_of_u(&self, which: Which, value: f64) -> f64 {
        match which {
            Which::First => {
                let (less, up_to) = below(&self.second, value);
                0.5 * (less + up_to)
            }
            Which::Second => {
                let (less, up_to) = below(&self.first, value);
                self.first.len() as f64 - 0.5 * (less + up_to)
            }
        }
    }

    /// The test as [`super::rank_test::mann_whitney`] makes it; `None` while a sample is empty.
    #[must_use]
    pub fn mann_whitney(&self) -> Option<MannWhitney> {
        let (n, m) = (self.first.len() as f64, self.second.len() as f64);
        (n > 0.0 && m > 0.0).then(|| MannWhitney::from_sums(n, m, self.u, self.ties))
    }

    /// The largest distances of the empirical distribution functions: where the first sample is larger, and where it is
    /// smaller. `None` while a sample is empty.
    #[must_use]
    pub fn distances(&self) -> Option<(f64, f64)> {
        let some = !self.first.is_empty() && !self.second.is_empty();
        some.then(|| distances(&self.first, &self.second))
    }

    /// The distance that samples of these sizes from one distribution exceed with probability `alpha`, two-sided or on
    /// the given side alone (Smirnov 1939: one side alone has the tail exp(-2 x^2)).
    #[must_use]
    pub fn critical_distance(&self, alpha: f64, two_sided: bool) -> f64 {
        let (n, m) = (self.first.len() as f64, self.second.len() as f64);
        let limit = if two_sided { kolmogorov_limit(alpha) } else { (-0.5 * libm::log(alpha)).sqrt() };
        limit * ((n + m) / (n * m)).sqrt()
    }
}

/// How many values are less, and how many at most.
fn below(ascending: &[f64], value: f64) -> (f64, f64) {
    let less = ascending.partition_point(|other| *other < value);
    let up_to = ascending.partition_point(|other| *other <= value);
    (less as f64, up_to as f64)
}

fn group(size: f64) -> f64 {
    size * (size * size - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::rank_test::{kolmogorov_smirnov, mann_whitney};

    #[test]
    fn one_sided_distances_have_their_own_law() {
        let mut ranks = RunningRanks::default();
        for value in [1.0, 2.0, 3.0, 4.0] {
            ranks.add(Which::First, value + 2.0);
            ranks.add(Which::Second, value);
        }
        assert_eq!(ranks.distances(), Some((0.5, 0.0)));
        // exp(-2 x^2) = 0.05 at 1.2239; 1.3581 is Kolmogorov's.
        assert!((ranks.critical_distance(0.05, false) - 1.2239 * f64::sqrt(0.5)).abs() < 1e-4);
        assert!((ranks.critical_distance(0.05, true) - 1.3581 * f64::sqrt(0.5)).abs() < 1e-4);
        assert_eq!(RunningRanks::default().distances(), None);
    }

    proptest::proptest! {
        #[test]
        fn it_is_the_test_of_the_values_that_are_there(
            values in proptest::collection::vec((0u8..12, proptest::bool::ANY, proptest::bool::ANY), 1..60),
        ) {
            let mut ranks = RunningRanks::default();
            let (mut first, mut second): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
            for (value, to_first, take) in values {
                let (which, sample) =
                    if to_first { (Which::First, &mut first) } else { (Which::Second, &mut second) };
                if take && !sample.is_empty() {
                    let gone = sample.remove(usize::from(value) % sample.len());
                    ranks.remove(which, gone);
                } else {
                    sample.push(f64::from(value));
                    ranks.add(which, f64::from(value));
                }
                proptest::prop_assert_eq!(ranks.mann_whitney(), mann_whitney(&first, &second));
                let distance = ranks.distances().map(|(below, above)| below.max(above));
                proptest::prop_assert_eq!(distance, kolmogorov_smirnov(&first, &second).map(|ks| ks.distance));
            }
        }
    }
}
