//! What counters grew between two evaluations.

use std::collections::BTreeMap;

use crate::promql::{Labels, Sample};

/// Counters as they were at the evaluation before.
///
/// Growth is taken series by series, so that a pod that goes takes nothing back. A series that shrank was reset and has
/// grown by what it shows; one that was not there before has grown by what it shows as well, since counters begin at 0
/// with their process. At the first evaluation nothing has grown. A scrape that is lost is made good by the next one: unlike
/// `increase` over a window nothing is counted twice, extrapolated or left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Counters {
    last: BTreeMap<Labels, f64>,
    begun: bool,
}

impl Counters {
    /// The growth of each series that is there.
    pub(super) fn grown<'s>(&mut self, samples: &'s [Sample]) -> Vec<(&'s Labels, f64)> {
        let begun = std::mem::replace(&mut self.begun, true);
        let mut all = Vec::with_capacity(samples.len());
        for sample in samples.iter().filter(|sample| sample.value.is_finite() && sample.value >= 0.0) {
            let before = match self.last.get_mut(&sample.labels) {
                Some(last) => Some(std::mem::replace(last, sample.value)),
                None => self.last.insert(sample.labels.clone(), sample.value),
            };
            let grown = match before {
                Some(before) if sample.value >= before => sample.value - before,
                None if !begun => 0.0,
                _ => sample.value,
            };
            all.push((&sample.labels, grown));
        }
        all
    }

    /// The growth of all.
    pub(super) fn growth(&mut self, samples: &[Sample]) -> f64 {
        self.grown(samples).iter().map(|(_, grown)| grown).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(values: &[(&str, f64)]) -> Vec<Sample> {
        let sample =
            |(pod, value): &(&str, f64)| Sample { labels: Labels::new([("pod", *pod)]), value: *value };
        values.iter().map(sample).collect()
    }

    #[test]
    fn growth_is_taken_series_by_series() {
        let mut counters = Counters::default();
        let mut growth = |values: &[(&str, f64)]| counters.growth(&samples(values));
        assert_eq!(growth(&[("a", 100.0)]), 0.0, "what came before the first evaluation does not count");
        assert_eq!(growth(&[("a", 130.0), ("b", 7.0)]), 37.0, "b began after it");
        assert_eq!(growth(&[("b", 9.0)]), 2.0, "a is gone and takes nothing back");
        assert_eq!(growth(&[]), 0.0);
        assert_eq!(growth(&[("a", 4.0), ("b", 9.0)]), 4.0, "a was reset");
        assert_eq!(growth(&[("a", f64::NAN), ("b", -1.0)]), 0.0);
        assert_eq!(growth(&[("a", 5.0), ("b", 10.0)]), 2.0);
    }
}
