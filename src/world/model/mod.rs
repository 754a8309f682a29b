//! A service that answers with the prediction of a classifier: who is right, for whom, and when that is known.
//!
//! A request belongs to a *segment* and has a *truth*, positive or negative. The old model is right with the accuracy of the
//! segment. What is wrong with a newer model are *flips* of its answers: right ones that become wrong, negative ones that
//! become positive, positive ones that become negative. [`spec`] describes the model, [`judged`] holds the one rule by
//! which both levels of fidelity judge a prediction, [`log`] is what the monitoring job knows: predictions at once,
//! *labels* (the truth) late and for a part of the requests only, feedback of users, and the drift of the inputs.
//!
//! Harm is a difference here as everywhere: a prediction that is wrong and that the old model would have got right. What
//! the old model gets wrong too is no harm and counts as no wrong answer, however low its accuracy. (Decision 031.)
//!
//! Traps: accuracy is seen as late as its labels come, and the labels of a candidate are a small share of a small share; a
//! total hides a small segment; drift lowers the accuracy of every version, so a rollback helps nothing; feedback of users
//! may rise while quality falls.

pub mod judged;
pub mod log;
pub mod spec;

use super::World;
use crate::effect::Revision;
use crate::rng::Purpose;
use judged::{Drift, Trouble};
use log::ModelInstruments;
use spec::ModelSpec;

impl World {
    /// A scrape comes: the job that reads the log of predictions exports what it knows.
    pub(super) fn close_model_log(&mut self, (slot, part): (usize, u64)) {
        let (Some(spec), Some(log)) = (&self.common.spec.model, &mut self.model) else { return };
        let key = self.common.service_keys[usize::from(self.common.spec.target.0)];
        let key = key.purpose(Purpose::Prediction).id(slot as u64).id(part);
        log.close(spec, &self.conditions.models().drift, key, self.now);
    }

    /// What that job exports.
    pub(super) fn model_instruments(&self) -> Option<Box<ModelInstruments>> {
        self.model.as_ref().map(|log| Box::new(log.exported.clone()))
    }
}

/// What is in force of all that concerns models.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bent {
    /// What is wrong with the model of each revision.
    of: [Trouble; Revision::COUNT],
    /// How far the inputs have drifted.
    pub drift: Drift,
}

impl Bent {
    /// Every model is like the old one, on inputs like those it was trained on.
    pub const NOTHING: Bent = Bent { of: [Trouble::NONE; Revision::COUNT], drift: Drift::NONE };

    /// What is wrong with the model of a revision.
    pub fn of(&self, revision: Revision) -> &Trouble {
        &self.of[revision as usize]
    }

    /// The accuracy of a revision falls by so much, in a segment or in all, and its users' liking rises.
    pub(super) fn worsen(
        &mut self,
        spec: &ModelSpec,
        revision: Revision,
        (segment, drop): (Option<&str>, f64),
        liking: f64,
    ) {
        let trouble = &mut self.of[revision as usize];
        let segments = spec.segments.iter().zip(&mut trouble.kept);
        for (described, kept) in segments.filter(|(s, _)| segment.is_none_or(|name| name == s.name)) {
            let share = if described.accuracy > 0.0 { drop / described.accuracy } else { 0.0 };
            *kept *= 1.0 - share.clamp(0.0, 1.0);
        }
        trouble.liking += liking;
    }

    /// Shares of the negative and of the positive predictions of a revision change sides.
    pub(super) fn shift(&mut self, revision: Revision, false_alarms: f64, missed: f64) {
        let trouble = &mut self.of[revision as usize];
        trouble.raised = 1.0 - (1.0 - trouble.raised) * (1.0 - false_alarms);
        trouble.missed = 1.0 - (1.0 - trouble.missed) * (1.0 - missed);
    }

    /// The inputs drift, whatever the revision; several drifts add up.
    pub(super) fn drift(&mut self, more: Drift) {
        self.drift.psi += more.psi;
        self.drift.drop += more.drop;
        self.drift.positives += more.positives;
    }
}
