//! Who is served next in a pod.

use std::collections::VecDeque;

use super::super::instruments::Code;
use super::super::protection::QueueOrder;
use super::{Around, Requests};

impl Requests {
    /// Takes the call whose turn it is out of a pod's queue; those that waited too long are turned away on the way.
    pub(super) fn next_waiting(&mut self, pod: u32, around: &mut Around<'_>) -> Option<u32> {
        loop {
            let state = &mut around.cluster.pods[pod as usize];
            let queue = self.queues.get_mut(pod as usize)?;
            if queue.is_empty() {
                return None;
            }
            let spec = &around.spec.services[state.key.service.0 as usize];
            let next = match &spec.server {
                None => queue.pop_front(),
                Some(server) => take(queue, server.order, spec.queue),
            };
            let slot = next?;
            state.waiting = state.waiting.saturating_sub(1);
            let call = &self.calls[slot as usize];
            let waited = around.now.since(call.queued_at);
            let code = if call.mortal && call.abandoned {
                Code::TimedOut
            } else if spec.server.as_ref().and_then(|s| s.target).is_some_and(|target| waited > target) {
                Code::Rejected
            } else {
                return Some(slot);
            };
            state.server.count(code, waited.as_secs_f64());
            self.finish(slot, code, around);
            // Whoever heard that may have sent another request, which has the place now.
            if around.cluster.pods[pod as usize].in_flight >= spec.concurrency {
                return None;
            }
        }
    }
}

fn take(queue: &mut VecDeque<u32>, order: QueueOrder, places: u32) -> Option<u32> {
    let newest = match order {
        QueueOrder::Fifo => false,
        QueueOrder::Lifo => true,
        QueueOrder::Adaptive => queue.len() * 2 > places as usize,
    };
    if newest { queue.pop_back() } else { queue.pop_front() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_differ_in_who_is_next() {
        let queue = || VecDeque::from([1, 2, 3]);
        assert_eq!(take(&mut queue(), QueueOrder::Fifo, 3), Some(1));
        assert_eq!(take(&mut queue(), QueueOrder::Lifo, 3), Some(3));
        assert_eq!(take(&mut queue(), QueueOrder::Adaptive, 6), Some(1), "half is not more than half");
        assert_eq!(take(&mut queue(), QueueOrder::Adaptive, 5), Some(3));
        assert_eq!(take(&mut VecDeque::new(), QueueOrder::Lifo, 5), None);
    }
}
