//! What one would write by hand: std's binary heap, flat arrays, one generator, no pods and no instruments.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use backout::rng::{Key, Stream, binomial_quantile, binomial_sample, poisson_quantile, poisson_sample};
use backout::world::instruments::BOUNDS;

/// Whom each of the ten services calls.
pub(crate) const CHILDREN: [&[usize]; 10] =
    [&[1, 2, 3], &[4, 5], &[6, 7], &[8, 9], &[], &[], &[], &[], &[], &[]];

/// (time in ns, order of scheduling, payload).
type Pending = BinaryHeap<Reverse<(u64, u64, u32)>>;

fn exponential(stream: &mut Stream, mean: f64) -> u64 {
    (-libm::log(stream.uniform_open()) * mean * 1e9) as u64
}

fn stream() -> Stream {
    Key::root(1, "baseline").stream()
}

/// Total time in the system of so many customers, in ns.
pub(crate) fn single_server(rate: f64, service: f64, customers: u64) -> u64 {
    const ARRIVAL: u32 = 0;
    let mut stream = stream();
    let mut pending = Pending::new();
    let mut queue: VecDeque<u64> = VecDeque::new();
    let (mut sequence, mut left, mut sojourn) = (0, customers, 0);
    pending.push(Reverse((exponential(&mut stream, 1.0 / rate), sequence, ARRIVAL)));
    while let Some(Reverse((now, _, event))) = pending.pop() {
        let mut schedule = |after: u64, event| {
            sequence += 1;
            pending.push(Reverse((now + after, sequence, event)));
        };
        if event == ARRIVAL {
            left -= 1;
            if left > 0 {
                schedule(exponential(&mut stream, 1.0 / rate), ARRIVAL);
            }
            queue.push_back(now);
            if queue.len() > 1 {
                continue;
            }
        } else {
            sojourn += now - queue.pop_front().unwrap_or(now);
        }
        if !queue.is_empty() {
            schedule(exponential(&mut stream, service), 1);
        }
    }
    sojourn
}

#[derive(Clone, Copy)]
struct Call {
    service: usize,
    parent: u32,
    child: usize,
    issued: u64,
}

/// Where the graph puts its events.
pub(crate) trait Later {
    fn schedule(&mut self, at: u64, event: u32);
}

/// The heap, first in, first out at equal times.
#[derive(Default)]
struct Heap {
    pending: Pending,
    sequence: u64,
}

impl Later for Heap {
    fn schedule(&mut self, at: u64, event: u32) {
        self.sequence += 1;
        self.pending.push(Reverse((at, self.sequence, event)));
    }
}

/// A tree of ten services and its requests.
pub(crate) struct Graph<L> {
    stream: Stream,
    pub(crate) later: L,
    calls: Vec<Call>,
    free: Vec<u32>,
    busy: [u32; CHILDREN.len()],
    queues: [VecDeque<u32>; CHILDREN.len()],
    rate: f64,
    service: f64,
    workers: u32,
    /// Requests that have not come yet.
    left: u64,
    /// How long a caller waits, in ns; `None` = for ever.
    timeout: Option<u64>,
    pub(crate) timed_out: u64,
    pub(crate) sojourn: u64,
}

const NONE: u32 = u32::MAX;
/// Set in the payload of a time-out, beside the slot of the call.
const TIMED_OUT: u32 = 1 << 31;
/// When a call was issued that is over.
const OVER: u64 = 0;

impl<L: Later> Graph<L> {
    /// Schedules the first of so many requests.
    pub(crate) fn new(
        later: L,
        (rate, service): (f64, f64),
        workers: u32,
        requests: u64,
        timeout: Option<u64>,
    ) -> Self {
        let mut graph = Graph {
            stream: stream(),
            later,
            calls: Vec::new(),
            free: Vec::new(),
            busy: [0; CHILDREN.len()],
            queues: Default::default(),
            rate,
            service,
            workers,
            left: requests,
            timeout,
            timed_out: 0,
            sojourn: 0,
        };
        let first = exponential(&mut graph.stream, 1.0 / rate);
        graph.later.schedule(first, NONE);
        graph
    }

    pub(crate) fn handle(&mut self, now: u64, event: u32) {
        if event < TIMED_OUT {
            return self.go_on(event, now);
        }
        if event != NONE {
            let issued = self.calls[(event & !TIMED_OUT) as usize].issued;
            // The slot may belong to another call by now.
            self.timed_out += u64::from(self.timeout.is_some_and(|timeout| issued + timeout == now));
            return;
        }
        self.left -= 1;
        if self.left > 0 {
            let at = now + exponential(&mut self.stream, 1.0 / self.rate);
            self.later.schedule(at, NONE);
        }
        self.call(0, NONE, now);
    }

    fn call(&mut self, service: usize, parent: u32, now: u64) {
        let call = Call { service, parent, child: 0, issued: now };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.calls[slot as usize] = call;
                slot
            }
            None => {
                self.calls.push(call);
                self.calls.len() as u32 - 1
            }
        };
        if let Some(timeout) = self.timeout {
            self.later.schedule(now + timeout, slot | TIMED_OUT);
        }
        if self.busy[service] < self.workers {
            self.serve(slot, now);
        } else {
            self.queues[service].push_back(slot);
        }
    }

    fn serve(&mut self, slot: u32, now: u64) {
        self.busy[self.calls[slot as usize].service] += 1;
        let at = now + exponential(&mut self.stream, self.service);
        self.later.schedule(at, slot);
    }

    /// The call's own work, or its last child, is over: the next child or the answer.
    fn go_on(&mut self, slot: u32, now: u64) {
        let call = self.calls[slot as usize];
        if let Some(&child) = CHILDREN[call.service].get(call.child) {
            self.calls[slot as usize].child += 1;
            return self.call(child, slot, now);
        }
        self.calls[slot as usize].issued = OVER;
        self.free.push(slot);
        self.busy[call.service] -= 1;
        if let Some(next) = self.queues[call.service].pop_front() {
            self.serve(next, now);
        }
        if call.parent == NONE {
            self.sojourn += now - call.issued;
        } else {
            self.go_on(call.parent, now);
        }
    }
}

/// Total time in the system of so many requests to a tree of ten services, in ns, and how often a caller has waited
/// for longer than `timeout` (in ns), if it is given. Time-outs are left in the heap to go stale.
pub(crate) fn call_graph(times: (f64, f64), workers: u32, requests: u64, timeout: Option<u64>) -> (u64, u64) {
    let mut graph = Graph::new(Heap::default(), times, workers, requests, timeout);
    while let Some(Reverse((now, _, event))) = graph.later.pending.pop() {
        graph.handle(now, event);
    }
    (graph.sojourn, graph.timed_out)
}

/// Errors of so many windows with this mean count: transformed rejection from one stream.
pub(crate) fn windows_by_rejection(mean: f64, errors: f64, windows: u64) -> u64 {
    let mut stream = stream();
    (0..windows)
        .map(|_| {
            let requests = poisson_sample(mean, &mut stream);
            binomial_sample(requests, errors, &mut stream)
        })
        .sum()
}

/// The same by exact inversion at one keyed number each, as coupled branches need it.
pub(crate) fn windows_by_inversion(mean: f64, errors: f64, windows: u64) -> u64 {
    let key = Key::root(1, "baseline");
    (0..windows)
        .map(|window| {
            let key = key.id(window);
            let requests = poisson_quantile(mean, key.id(0).uniform_open());
            binomial_quantile(requests, errors, key.id(1).uniform())
        })
        .sum()
}

/// Latency histograms of so many windows: each bucket a Poisson count (thinning), from one stream.
pub(crate) fn histograms_by_rejection(
    mean: f64,
    shares: &[f64; BOUNDS.len()],
    windows: u64,
) -> [u64; BOUNDS.len()] {
    let mut stream = stream();
    let mut counts = [0; BOUNDS.len()];
    for _ in 0..windows {
        for (count, share) in counts.iter_mut().zip(shares) {
            *count += poisson_sample(mean * share, &mut stream);
        }
    }
    counts
}

/// The same by conditional binomials, each inverted at one keyed number.
pub(crate) fn histograms_by_inversion(
    mean: f64,
    shares: &[f64; BOUNDS.len()],
    windows: u64,
) -> [u64; BOUNDS.len()] {
    let key = Key::root(1, "baseline");
    let mut counts = [0; BOUNDS.len()];
    for window in 0..windows {
        let key = key.id(window);
        let (mut left, mut mass) = (poisson_quantile(mean, key.uniform_open()), 1.0);
        for ((id, count), share) in (0..).zip(&mut counts).zip(shares) {
            let here = binomial_quantile(left, (share / mass).min(1.0), key.id(id).uniform());
            *count += here;
            left -= here;
            mass -= share;
            if left == 0 {
                break;
            }
        }
    }
    counts
}
