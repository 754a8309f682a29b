//! What a caller pod remembers about one entry of its list of calls: tokens, breaker, throttle, connections.
//!
//! Traps: answers to attempts that were sent before a breaker opened still arrive; an open breaker ignores them, a half
//! open one takes them for answers to its probes, as real ones do.

use std::collections::VecDeque;

use super::super::instruments::Code;
use super::super::protection::{BreakerSpec, Guards};
use crate::time::{SimDuration, SimTime};

/// Parts of a rolling window.
const PARTS: usize = 10;

/// Two counts over a rolling window of ten parts; the oldest part is dropped as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rolling {
    parts: [(u32, u32); PARTS],
    /// Number of the newest part since time zero.
    newest: u64,
}

impl Rolling {
    fn roll(&mut self, now: SimTime, window: SimDuration) {
        let part = now.as_nanos() / (window.as_nanos() / PARTS as u64).max(1);
        let passed = part.saturating_sub(self.newest).min(PARTS as u64);
        for step in 0..passed {
            self.parts[((part - step) % PARTS as u64) as usize] = (0, 0);
        }
        self.newest = self.newest.max(part);
    }

    fn add(&mut self, now: SimTime, window: SimDuration, counts: (u32, u32)) {
        self.roll(now, window);
        let part = &mut self.parts[(self.newest % PARTS as u64) as usize];
        *part = (part.0.saturating_add(counts.0), part.1.saturating_add(counts.1));
    }

    fn sums(&mut self, now: SimTime, window: SimDuration) -> (f64, f64) {
        self.roll(now, window);
        self.parts.iter().fold((0.0, 0.0), |sum, part| (sum.0 + f64::from(part.0), sum.1 + f64::from(part.1)))
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Circuit {
    #[default]
    Closed,
    Open {
        until: SimTime,
    },
    HalfOpen {
        sent: u32,
        good: u32,
    },
}

/// A circuit breaker.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Breaker {
    circuit: Circuit,
    in_a_row: u32,
    /// Attempts and failures.
    counts: Rolling,
}

impl Breaker {
    /// Whether an attempt may be sent; half open, this one is a probe.
    fn allows(&mut self, spec: &BreakerSpec, now: SimTime) -> bool {
        match &mut self.circuit {
            Circuit::Closed => true,
            Circuit::Open { until } if now < *until => false,
            Circuit::Open { .. } => {
                self.circuit = Circuit::HalfOpen { sent: 1, good: 0 };
                true
            }
            Circuit::HalfOpen { sent, .. } => {
                *sent += 1;
                *sent <= spec.probes
            }
        }
    }

    fn heard(&mut self, spec: &BreakerSpec, ok: bool, now: SimTime) {
        match &mut self.circuit {
            Circuit::Open { .. } => {}
            Circuit::HalfOpen { .. } if !ok => self.circuit = Circuit::Open { until: now + spec.open },
            Circuit::HalfOpen { good, .. } => {
                *good += 1;
                if *good >= spec.probes {
                    *self = Breaker::default();
                }
            }
            Circuit::Closed => {
                self.counts.add(now, spec.window, (1, u32::from(!ok)));
                self.in_a_row = if ok { 0 } else { self.in_a_row + 1 };
                let (attempts, failed) = self.counts.sums(now, spec.window);
                let by_ratio = spec.error_ratio.is_some_and(|limit| {
                    attempts >= f64::from(spec.minimum) && failed >= limit.get() * attempts
                });
                if by_ratio && !ok || spec.consecutive.is_some_and(|limit| self.in_a_row >= limit) {
                    self.circuit = Circuit::Open { until: now + spec.open };
                }
            }
        }
    }
}

/// What becomes of an attempt before it leaves the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It is sent now.
    Send,
    /// Every connection is taken: it waits.
    Wait,
    /// It fails on the spot.
    Refuse,
}

/// The memory of one caller pod about one entry of its list of calls.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Client {
    tokens: f64,
    /// First attempts and failed attempts.
    retries: Rolling,
    breaker: Breaker,
    /// Attempts wanted and attempts accepted.
    throttle: Rolling,
    connections: u32,
    /// Who waits for a connection: slot and generation.
    pub(super) waiting: VecDeque<(u32, u32)>,
}

impl Client {
    pub(super) fn new(guards: &Guards) -> Self {
        Client {
            tokens: guards.budget.map_or(0.0, |budget| budget.burst),
            retries: Rolling::default(),
            breaker: Breaker::default(),
            throttle: Rolling::default(),
            connections: 0,
            waiting: VecDeque::new(),
        }
    }

    /// An attempt is about to be sent; `uniform` is the luck of this attempt against the throttle.
    pub(super) fn admit(&mut self, guards: &Guards, first: bool, uniform: f64, now: SimTime) -> Admission {
        if first {
            if let Some(budget) = &guards.budget {
                self.tokens = (self.tokens + budget.ratio.get()).min(budget.burst);
            }
            if let Some(stop) = &guards.stop {
                self.retries.add(now, stop.window, (1, 0));
            }
        }
        if let Some(throttle) = &guards.throttle {
            let (requests, accepts) = self.throttle.sums(now, throttle.window);
            self.throttle.add(now, throttle.window, (1, 0));
            if uniform < (requests - throttle.k * accepts) / (requests + 1.0) {
                return Admission::Refuse;
            }
        }
        if guards.breaker.as_ref().is_some_and(|breaker| !self.breaker.allows(breaker, now)) {
            return Admission::Refuse;
        }
        let Some(pool) = &guards.pool else { return Admission::Send };
        if self.connections < pool.size {
            self.connections += 1;
            Admission::Send
        } else if self.waiting.len() < pool.waiting as usize {
            Admission::Wait
        } else {
            Admission::Refuse
        }
    }

    /// The answer to an attempt that was sent.
    pub(super) fn heard(&mut self, guards: &Guards, code: Code, now: SimTime) {
        let ok = code == Code::Ok;
        if let Some(breaker) = &guards.breaker {
            self.breaker.heard(breaker, ok, now);
        }
        if let Some(throttle) = &guards.throttle {
            let accepted = matches!(code, Code::Ok | Code::Failed);
            self.throttle.add(now, throttle.window, (0, u32::from(accepted)));
        }
        if let Some(stop) = guards.stop.as_ref().filter(|_| !ok) {
            self.retries.add(now, stop.window, (0, 1));
        }
    }

    /// Whether a failed attempt may be tried again; takes the token.
    pub(super) fn may_retry(&mut self, guards: &Guards, now: SimTime) -> bool {
        if let Some(stop) = &guards.stop {
            let (requests, failed) = self.retries.sums(now, stop.window);
            if failed > stop.ratio.get() * requests {
                return false;
            }
        }
        if guards.budget.is_none() {
            return true;
        }
        // Tenths do not add up to one exactly.
        let has = self.tokens >= 1.0 - 1e-9;
        if has {
            self.tokens -= 1.0;
        }
        has
    }

    /// A connection is free; returns who has waited for it longest, and then it is theirs.
    pub(super) fn free_connection(&mut self) -> Option<(u32, u32)> {
        let next = self.waiting.pop_front();
        if next.is_none() {
            self.connections = self.connections.saturating_sub(1);
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantity::Ratio;
    use crate::world::protection::{BudgetSpec, PoolSpec, StopSpec, ThrottleSpec};

    fn at(ms: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_millis(ms)
    }

    fn ratio(value: f64) -> Ratio {
        Ratio::new(value).unwrap()
    }

    #[test]
    fn a_rolling_window_forgets_by_tenths() {
        let (mut rolling, window) = (Rolling::default(), SimDuration::from_secs(10));
        for second in 0..10 {
            rolling.add(at(second * 1000), window, (1, 2));
        }
        assert_eq!(rolling.sums(at(9999), window), (10.0, 20.0));
        assert_eq!(rolling.sums(at(10_000), window), (9.0, 18.0));
        assert_eq!(rolling.sums(at(14_500), window), (5.0, 10.0));
        assert_eq!(rolling.sums(at(1_000_000), window), (0.0, 0.0));
    }

    #[test]
    fn a_breaker_opens_probes_and_closes() {
        let spec = BreakerSpec {
            consecutive: Some(3),
            error_ratio: None,
            minimum: 0,
            window: SimDuration::from_secs(10),
            open: SimDuration::from_secs(5),
            probes: 2,
        };
        let mut breaker = Breaker::default();
        for ok in [false, false, true, false, false] {
            assert!(breaker.allows(&spec, at(0)));
            breaker.heard(&spec, ok, at(0));
        }
        assert!(breaker.allows(&spec, at(0)), "two in a row are not three");
        breaker.heard(&spec, false, at(0));
        assert!(!breaker.allows(&spec, at(4999)));
        assert!(breaker.allows(&spec, at(5000)) && breaker.allows(&spec, at(5000)), "two probes");
        assert!(!breaker.allows(&spec, at(5000)), "and no third");
        breaker.heard(&spec, true, at(5100));
        breaker.heard(&spec, false, at(5100));
        assert!(!breaker.allows(&spec, at(10_000)), "a failed probe opens it again");
        assert!(breaker.allows(&spec, at(10_100)) && breaker.allows(&spec, at(10_100)));
        breaker.heard(&spec, true, at(10_200));
        breaker.heard(&spec, true, at(10_200));
        assert_eq!(breaker, Breaker::default());
    }

    #[test]
    fn a_breaker_opens_at_a_ratio_once_it_has_seen_enough() {
        let spec = BreakerSpec {
            consecutive: None,
            error_ratio: Some(ratio(0.5)),
            minimum: 10,
            window: SimDuration::from_secs(10),
            open: SimDuration::from_secs(5),
            probes: 1,
        };
        let mut breaker = Breaker::default();
        for n in 0..9 {
            breaker.heard(&spec, false, at(n));
            assert!(breaker.allows(&spec, at(n)));
        }
        breaker.heard(&spec, false, at(9));
        assert!(!breaker.allows(&spec, at(9)));
        let mut breaker = Breaker::default();
        for n in 0..40 {
            breaker.heard(&spec, n % 3 != 0, at(n));
        }
        assert!(breaker.allows(&spec, at(50)), "a third is less than half");
    }

    #[test]
    fn retries_are_paid_for_and_stop_when_much_fails() {
        let budget =
            Guards { budget: Some(BudgetSpec { ratio: ratio(0.1), burst: 2.0 }), ..Guards::default() };
        let mut client = Client::new(&budget);
        let spent = (0..5).filter(|_| client.may_retry(&budget, at(0))).count();
        assert_eq!(spent, 2);
        for n in 0..10 {
            assert!(!client.may_retry(&budget, at(n)), "after {n} first attempts");
            client.admit(&budget, true, 0.5, at(n));
        }
        assert!(client.may_retry(&budget, at(10)));

        let window = SimDuration::from_secs(100);
        let stop = Guards { stop: Some(StopSpec { ratio: ratio(0.1), window }), ..Guards::default() };
        let mut client = Client::new(&stop);
        (0..10).for_each(|n| assert_eq!(client.admit(&stop, true, 0.5, at(n)), Admission::Send));
        client.heard(&stop, Code::Failed, at(10));
        assert!(client.may_retry(&stop, at(10)));
        client.heard(&stop, Code::TimedOut, at(11));
        assert!(!client.may_retry(&stop, at(11)));
    }

    #[test]
    fn the_throttle_is_the_book_s_formula() {
        let window = SimDuration::from_secs(120);
        let guards = Guards { throttle: Some(ThrottleSpec { k: 2.0, window }), ..Guards::default() };
        let mut client = Client::new(&guards);
        for _ in 0..10 {
            assert_eq!(client.admit(&guards, true, 0.999, at(0)), Admission::Send);
        }
        client.heard(&guards, Code::Failed, at(1));
        client.heard(&guards, Code::Rejected, at(1));
        // Ten requests, one accept: (10 - 2) / 11.
        assert_eq!(client.clone().admit(&guards, true, 8.0 / 11.0 - 1e-9, at(1)), Admission::Refuse);
        assert_eq!(client.admit(&guards, true, 8.0 / 11.0 + 1e-9, at(1)), Admission::Send);
    }

    #[test]
    fn a_pool_lends_waits_and_refuses() {
        let pool = PoolSpec { size: 1, waiting: 1, timeout: None };
        let guards = Guards { pool: Some(pool), ..Guards::default() };
        let mut client = Client::new(&guards);
        assert_eq!(client.admit(&guards, true, 0.5, at(0)), Admission::Send);
        assert_eq!(client.admit(&guards, true, 0.5, at(0)), Admission::Wait);
        client.waiting.push_back((7, 1));
        assert_eq!(client.admit(&guards, true, 0.5, at(0)), Admission::Refuse);
        assert_eq!(client.free_connection(), Some((7, 1)));
        assert_eq!(
            client.admit(&guards, true, 0.5, at(0)),
            Admission::Wait,
            "it went to the one that waited"
        );
        assert_eq!(client.free_connection(), None);
        assert_eq!(client.admit(&guards, true, 0.5, at(0)), Admission::Send);
    }
}
