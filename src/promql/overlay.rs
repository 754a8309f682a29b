//! One store laid over another: what rules have written, over what was scraped.
//!
//! A server keeps both in one database. Here records live with the policy that evaluates the rules, and scrapes with
//! the branch that is monitored; an expression that reads both sees them side by side.
//!
//! Traps: ids of the lower store move up whenever the upper one gets a series, so an evaluator is told by
//! [`Evaluator::rebind`](super::Evaluator::rebind) before every evaluation over an overlay.

use super::labels::Labels;
use super::storage::{Glance, MemoryStorage, SeriesId, Storage};

/// The series of `upper`, then those of `lower`.
pub struct Overlay<'a> {
    /// Its series come first.
    pub upper: &'a MemoryStorage,
    /// Its series come behind them.
    pub lower: &'a dyn Storage,
}

impl Overlay<'_> {
    /// The store of a series, and its number there.
    fn place(&self, id: SeriesId) -> (&dyn Storage, SeriesId) {
        let above = self.upper.series_count() as SeriesId;
        if id < above { (self.upper, id) } else { (self.lower, id - above) }
    }
}

impl Storage for Overlay<'_> {
    fn series_count(&self) -> usize {
        self.upper.series_count() + self.lower.series_count()
    }

    fn labels(&self, id: SeriesId) -> &Labels {
        let above = self.upper.series_count() as SeriesId;
        if id < above { self.upper.labels(id) } else { self.lower.labels(id - above) }
    }

    fn samples(&self, id: SeriesId, after_ms: i64, upto_ms: i64, out: &mut Vec<(i64, f64)>) {
        let (store, id) = self.place(id);
        store.samples(id, after_ms, upto_ms, out);
    }

    fn latest(&self, id: SeriesId, after_ms: i64, upto_ms: i64) -> Option<(i64, f64)> {
        let (store, id) = self.place(id);
        store.latest(id, after_ms, upto_ms)
    }

    fn glance(&self, id: SeriesId, after_ms: i64, upto_ms: i64) -> Glance {
        let (store, id) = self.place(id);
        store.glance(id, after_ms, upto_ms)
    }

    fn generation(&self) -> u64 {
        self.upper.generation().wrapping_add(self.lower.generation())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promql::{Evaluator, Program, Value};

    #[test]
    fn both_are_read_and_follow_each_other_s_growth() {
        let (mut records, mut scraped) = (MemoryStorage::new(), MemoryStorage::new());
        let labels = |name: &str| Labels::new([("__name__", name)]);
        scraped.append(&labels("scraped"), 1000, 12.0);
        let mut program = Program::new();
        let query = program.add("scraped / record").unwrap();
        let mut evaluator = Evaluator::new();
        let mut answer = |records: &MemoryStorage, scraped: &MemoryStorage| {
            evaluator.rebind();
            let both = Overlay { upper: records, lower: scraped };
            match evaluator.eval(&program, &both, query, 1000) {
                Ok(Value::Vector(samples)) => samples.first().map(|sample| sample.value),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(answer(&records, &scraped), None);
        records.append(&labels("record"), 1000, 4.0);
        assert_eq!(answer(&records, &scraped), Some(3.0), "the scraped series has moved up");
        scraped.append(&labels("other"), 1000, 0.0);
        records.append(&labels("another"), 1000, 0.0);
        assert_eq!(answer(&records, &scraped), Some(3.0));
        records.append(&labels("record"), 1000, 6.0);
        assert_eq!(answer(&records, &scraped), Some(2.0));
    }
}
