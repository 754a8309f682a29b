//! A served request is answered with a prediction: judged, noted in the log, and perhaps wrong.
//!
//! Copies that a router makes for a candidate are predictions too, labelled like any other: comparing versions on
//! them is what shadowing is for. Nobody gets their answers, so none of them harms.

use super::super::model::judged::judge;
use super::{Around, COPIED, Requests, SYNTHETIC, fate};
use crate::rng::Purpose;

impl Requests {
    /// Decides what the model says to a call that was served well.
    pub(super) fn predicts(&mut self, slot: u32, around: &mut Around<'_>) {
        let call = self.calls[slot as usize];
        let Some(pod) = call.pod.filter(|_| call.service == around.spec.target) else { return };
        if call.source == SYNTHETIC && call.intent != COPIED {
            // A load test asks what nobody wants to know.
            return;
        }
        let (Some(spec), Some(log)) = (&around.spec.model, around.model.as_mut()) else { return };
        let pod = &around.cluster.pods[pod as usize];
        let bent = around.conditions.models();
        let trouble = bent.of(pod.revision());
        let key = call.key.purpose(Purpose::Prediction);
        let judged = judge(spec, trouble, &bent.drift, call.wrong, key);
        let labelled = key.id(5).uniform() < spec.labels.share.get();
        log.predicted(pod.key.set, (judged.segment, judged.cell), 1, u64::from(labelled));
        if let Some(feedback) = spec.feedback.filter(|asked| key.id(6).uniform() < asked.share.get()) {
            let good = key.id(7).uniform() < feedback.good.get() + trouble.liking;
            log.heard(pod.key.set, u64::from(!good), u64::from(good));
        }
        if judged.harms {
            self.calls[slot as usize].wrong = true;
            fate::touch(&call, around.tally);
        }
    }
}
