//! What a call meets at the database: it waits, is refused, or gets a wrong value.
//!
//! It is decided when the call is served, by the state of the table at that moment: who waits for a lock in vain fails when
//! its wait is over, even if the lock is gone by then.

use super::super::instruments::Code;
use super::{Around, Requests, fate};
use crate::rng::Purpose;

impl Requests {
    /// Decides what a call that is served now meets; returns the seconds it waits.
    pub(super) fn wait_for_table(&mut self, slot: u32, pod: u32, around: &mut Around<'_>) -> f64 {
        let call = &mut self.calls[slot as usize];
        let Some(table) = around.conditions.table(call.service) else { return 0.0 };
        let revision = around.cluster.pods[pod as usize].revision();
        let met = table.meets(revision, call.key.purpose(Purpose::Database).uniform());
        call.way.denied = met.fails;
        call.wrong |= met.wrong;
        if met.wrong {
            fate::touch(call, around.tally);
        }
        met.wait
    }

    /// The application is stopped: callers count it as they count a service without pods.
    pub(super) fn turned_away(&mut self, slot: u32, around: &mut Around<'_>) {
        let call = self.calls[slot as usize];
        let destination = self.destination(&call, around);
        around.no_pod[call.service.0 as usize][destination as usize] += 1;
        self.finish(slot, Code::Rejected, around);
    }
}
