//! What the monitoring of a model knows: a job reads the log of predictions, joins it with labels as they come, and exports
//! counters.
//!
//! The log knows which version answered and for which segment, so the counters are kept by set and not by pod: no restart
//! sets them back. Labels of the predictions between two scrapes form a batch; how many of a batch are known at an instant is
//! the law of the delay applied to the instants at which they were made, evenly spread over the time between the scrapes.
//! The counts of a batch are by chance, the thinning of a batch over time is not (systematic sampling: unbiased, and within
//! one label of the law at every instant).
//!
//! Traps: a label is about the version that answered, also when a rollback has come meanwhile; so candidates go on getting
//! labels after they are gone.

use super::judged::{Cell, Drift};
use super::spec::{Labels, MAX_SEGMENTS, ModelSpec};
use crate::effect::SetName;
use crate::rng::{Key, gamma_quantile};
use crate::time::SimTime;

/// Instants of a batch at which its predictions are taken to have been made.
const INSTANTS: u64 = 16;

/// Counts of one set by segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModelCounters {
    /// Predictions by segment, negative ones and positive ones.
    pub predictions: [[u64; 2]; MAX_SEGMENTS],
    /// Predictions whose label is known, by segment and [`Cell`].
    pub labelled: [[u64; Cell::COUNT]; MAX_SEGMENTS],
    /// Bad and good feedback.
    pub feedback: [u64; 2],
}

/// What the monitoring job of a model exports.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelInstruments {
    /// By [`SetName::index`].
    pub sets: [ModelCounters; SetName::COUNT],
    /// Population stability index of the watched feature over the predictions since the last scrape.
    pub drift: Option<f64>,
}

/// Labels of a set that will come for one cell of one segment.
#[derive(Clone, Copy, Debug)]
struct Coming {
    set: SetName,
    segment: u8,
    cell: Cell,
    all: u64,
    known: u64,
}

/// Labels of the predictions between two scrapes.
#[derive(Clone, Debug)]
struct Batch {
    from: SimTime,
    until: SimTime,
    key: Key,
    coming: Vec<Coming>,
}

impl Batch {
    /// Share of its labels that are known at `now`.
    fn share(&self, labels: &Labels, now: SimTime) -> f64 {
        let width = self.until.as_nanos() - self.from.as_nanos();
        let known = |instant: u64| {
            let made = self.from.as_nanos() + width * (2 * instant + 1) / (2 * INSTANTS);
            let age = now.as_nanos().checked_sub(made);
            age.map_or(0.0, |age| labels.delay.cdf(age as f64 / 1e9))
        };
        (0..INSTANTS).map(known).sum::<f64>() / INSTANTS as f64
    }
}

/// The job of one branch.
#[derive(Clone, Debug)]
pub struct Log {
    /// What it exports.
    pub exported: ModelInstruments,
    /// Labels to come of the predictions since the last scrape.
    labels: [[[u64; Cell::COUNT]; MAX_SEGMENTS]; SetName::COUNT],
    /// Predictions since then.
    seen: u64,
    since: SimTime,
    batches: Vec<Batch>,
}

impl Log {
    /// A job that starts at time zero.
    pub fn new() -> Self {
        Log {
            exported: ModelInstruments::default(),
            labels: Default::default(),
            seen: 0,
            since: SimTime::ZERO,
            batches: Vec::new(),
        }
    }

    /// Notes predictions of a set, and how many of them will ever be labelled.
    pub fn predicted(&mut self, set: SetName, (segment, cell): (usize, Cell), count: u64, labelled: u64) {
        let counters = &mut self.exported.sets[set.index()];
        counters.predictions[segment][usize::from(cell.is_positive())] += count;
        self.labels[set.index()][segment][cell as usize] += labelled;
        self.seen += count;
    }

    /// Notes what users said of a set's answers.
    pub fn heard(&mut self, set: SetName, bad: u64, good: u64) {
        let feedback = &mut self.exported.sets[set.index()].feedback;
        feedback[0] += bad;
        feedback[1] += good;
    }

    /// A scrape comes: what was predicted since the last one is a batch, labels that have come are counted, the drift is
    /// measured. `key` is that of the scrape.
    pub fn close(&mut self, spec: &ModelSpec, drift: &Drift, key: Key, now: SimTime) {
        let coming = self.take_labels();
        if !coming.is_empty() {
            self.batches.push(Batch { from: self.since, until: now, key, coming });
        }
        self.since = now;
        let mut batches = std::mem::take(&mut self.batches);
        for batch in &mut batches {
            self.receive(batch, &spec.labels, now);
        }
        batches.retain(|batch| batch.coming.iter().any(|coming| coming.known < coming.all));
        self.batches = batches;
        if self.seen > 0 {
            // Of n inputs like those of the training the index is chi-squared with one degree less than bins, over n.
            let freedom = f64::from(spec.bins.saturating_sub(1).max(1));
            let scatter = gamma_quantile(freedom, freedom / 2.0, key.uniform_open());
            self.exported.drift = Some(drift.psi + scatter / self.seen as f64);
        }
        self.seen = 0;
    }

    fn take_labels(&mut self) -> Vec<Coming> {
        let labels = std::mem::take(&mut self.labels);
        let mut coming = Vec::new();
        for set in SetName::ALL {
            for (segment, cells) in labels[set.index()].iter().enumerate() {
                for cell in Cell::ALL {
                    let all = cells[cell as usize];
                    if all > 0 {
                        coming.push(Coming { set, segment: segment as u8, cell, all, known: 0 });
                    }
                }
            }
        }
        coming
    }

    /// Counts the labels of a batch that have come since the last look.
    fn receive(&mut self, batch: &mut Batch, labels: &Labels, now: SimTime) {
        let share = batch.share(labels, now);
        if share <= 0.0 {
            return;
        }
        let key = batch.key;
        for (index, coming) in batch.coming.iter_mut().enumerate() {
            let edge = key.id(index as u64).uniform();
            let known = ((coming.all as f64 * share + edge) as u64).clamp(coming.known, coming.all);
            let counters = &mut self.exported.sets[coming.set.index()];
            counters.labelled[usize::from(coming.segment)][coming.cell as usize] += known - coming.known;
            coming.known = known;
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Log::new()
    }
}

#[cfg(test)]
mod tests {
    use super::super::spec::Segment;
    use super::*;
    use crate::quantity::Ratio;
    use crate::rng::Distribution;
    use crate::time::SimDuration;

    fn spec(delay: Distribution<SimDuration>) -> ModelSpec {
        ModelSpec {
            segments: vec![Segment { name: "all".to_owned(), share: 1.0, accuracy: 0.9, positives: 0.5 }],
            labels: Labels { delay, share: Ratio::ONE },
            feedback: None,
            bins: 10,
        }
    }

    fn at(seconds: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_secs(seconds)
    }

    /// Labels known at each scrape of 15 s, when 1000 predictions are made before the first.
    fn known(delay: Distribution<SimDuration>, scrapes: u64) -> Vec<u64> {
        let (spec, mut log) = (spec(delay), Log::new());
        log.predicted(SetName::Old, (0, Cell::TrueNegative), 1000, 1000);
        let mut found = Vec::new();
        for scrape in 1..=scrapes {
            log.close(&spec, &Drift::NONE, Key::root(1, "log").id(scrape), at(15 * scrape));
            found.push(log.exported.sets[0].labelled[0][Cell::TrueNegative as usize]);
        }
        found
    }

    #[test]
    fn a_certain_delay_shows_labels_exactly_that_late() {
        assert_eq!(known(Distribution::certain(30.0), 4), [0, 0, 1000, 1000]);
        let half = known(Distribution::certain(37.5), 4);
        assert!(half[..2] == [0, 0] && half[2].abs_diff(500) <= 1 && half[3] == 1000, "{half:?}");
    }

    #[test]
    fn a_delay_of_chance_shows_its_law() {
        let found = known(Distribution::exponential(60.0).unwrap(), 80);
        for (index, count) in found.iter().enumerate() {
            // The mean of 1 - exp(-age/60) over ages that are even over 15 s.
            let oldest = 15.0 * (index + 1) as f64;
            let mean = 1.0 - 4.0 * (libm::exp(-(oldest - 15.0) / 60.0) - libm::exp(-oldest / 60.0));
            assert!((*count as f64 - 1000.0 * mean).abs() < 2.0, "{index}: {count} {mean}");
        }
        assert_eq!(found[79], 1000, "the last one comes too");
    }

    #[test]
    fn the_index_of_inputs_like_those_of_the_training_is_small_and_that_of_drift_is_not() {
        let spec = spec(Distribution::certain(1.0));
        let mean = |psi: f64| {
            let one = |number: u64| {
                let mut log = Log::new();
                log.predicted(SetName::Old, (0, Cell::TrueNegative), 900, 0);
                let key = Key::root(2, "log").id(number);
                log.close(&spec, &Drift { psi, ..Drift::NONE }, key, at(15));
                log.exported.drift.unwrap()
            };
            (0..2000).map(one).sum::<f64>() / 2000.0
        };
        // Nine degrees of freedom over 900 predictions; the mean of 2000 has a standard error of 1e-4.
        assert!((mean(0.0) - 0.01).abs() < 5e-4 && (mean(0.3) - 0.31).abs() < 5e-4);
    }
}
