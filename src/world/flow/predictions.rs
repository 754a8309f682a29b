//! The predictions of a slot: how many of each kind every set made, which of them will be labelled, what users said.
//!
//! What predictions come to may change within a slot (a fault begins, inputs drift), so shares are integrals over the
//! requests of a set, like everything at this level. Of the copies that a router makes for a candidate as many fail as of its
//! requests.
//!
//! Traps: which predictions harm is drawn with the fates of the slot, apart from which ones are wrong; both have the shares
//! of the one rule ([`judged`](super::super::model::judged)), and are not the same requests.

use super::super::model::judged::{Cell, shares};
use super::super::model::log::Log;
use super::super::model::spec::{Feedback, MAX_SEGMENTS, ModelSpec};
use super::draw::Slot;
use super::exposure::Exposure;
use super::serve::mirrored;
use super::{Flow, Surroundings, ratio};
use crate::effect::{Revision, SetName};
use crate::rng::{Key, Purpose, binomial_quantile};

/// Integrals over the requests of a set in the present slot.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Met {
    /// All of them.
    all: f64,
    /// Of the share of each segment and cell.
    cells: [[f64; Cell::COUNT]; MAX_SEGMENTS],
    /// Of the share of feedback that is good.
    good: f64,
}

impl Met {
    /// Adds what predictions of a revision come to now.
    pub(super) fn add(
        &mut self,
        model: &ModelSpec,
        revision: Revision,
        part: f64,
        around: &Surroundings<'_>,
    ) {
        let (conditions, target) = (around.conditions, around.spec.target);
        let bent = conditions.models();
        let trouble = bent.of(revision);
        let by_table = conditions.table(target).map_or(0.0, |table| table.wrong(revision));
        let spoiled = 1.0 - (1.0 - conditions.wrong(target, revision)) * (1.0 - by_table);
        self.all += part;
        for (index, segment) in model.segments.iter().enumerate() {
            let found = shares((index, segment), trouble, &bent.drift, spoiled);
            let sums = self.cells[index].iter_mut().zip(found.cells);
            sums.for_each(|(sum, share)| *sum += part * segment.share * share);
        }
        let good = model.feedback.map_or(0.0, |feedback| feedback.good.get() + trouble.liking);
        self.good += part * good.clamp(0.0, 1.0);
    }
}

impl Flow {
    /// Draws the predictions of a slot and notes them.
    pub(super) fn predict(
        &mut self,
        drawn: &Slot,
        exposure: &Exposure,
        slot_key: &Key,
        log: Option<&mut Log>,
        around: &Surroundings<'_>,
    ) {
        let (Some(model), Some(log)) = (&around.spec.model, log) else { return };
        let Some(met) = self.predictions.as_deref_mut() else { return };
        let met = std::mem::take(met);
        for set in SetName::ALL {
            let (fates, of) = (&drawn.sets[set.index()], &met[set.index()]);
            if of.all <= 0.0 {
                continue;
            }
            let key = slot_key.purpose(Purpose::Prediction).id(set.index() as u64);
            let copies = mirrored(set, exposure, drawn, slot_key);
            let failed = ratio(exposure.sets[set.index()].fault, exposure.sets[set.index()].arrivals);
            let copies = copies - binomial_quantile(copies, failed, key.id(200).uniform());
            let count = fates.answered() + copies;
            if count > 0 {
                note(model, (set, count), of, key, log);
            }
        }
    }
}

/// Spreads the predictions of a set over segments and cells, one binomial after the other out of what is left.
fn note(model: &ModelSpec, (set, count): (SetName, u64), met: &Met, key: Key, log: &mut Log) {
    let (mut left, mut mass) = (count, met.all);
    for segment in 0..model.segments.len() {
        for cell in Cell::ALL {
            let place = (segment * Cell::COUNT + cell as usize) as u64;
            let part = met.cells[segment][cell as usize];
            let is_last = segment + 1 == model.segments.len() && cell as usize + 1 == Cell::COUNT;
            let here = if is_last {
                left
            } else {
                binomial_quantile(left, ratio(part, mass), key.id(place).uniform())
            };
            left -= here;
            mass -= part;
            if here > 0 {
                let share = model.labels.share.get();
                let labelled = binomial_quantile(here, share, key.id(100 + place).uniform());
                log.predicted(set, (segment, cell), here, labelled);
            }
        }
    }
    if let Some(Feedback { share, .. }) = model.feedback {
        let heard = binomial_quantile(count, share.get(), key.id(201).uniform());
        let good = binomial_quantile(heard, ratio(met.good, met.all), key.id(202).uniform());
        log.heard(set, heard - good, good);
    }
}
