//! How callers and servers behave beyond a plain call: fan-out, retries and their limits, circuit breakers, adaptive
//! throttling, connection pools, load shedding, queue disciplines, users that retry and closed-loop sessions.
//!
//! These are request-level features. A call, service or traffic source without any of them holds `None` and pays for
//! none of them.
//!
//! Traps: retry budgets, breakers, throttles and pools belong to one *caller pod* and one entry of its list of calls,
//! as they do in client libraries and sidecars; nothing is shared between pods, and a restart forgets everything. An
//! attempt that its own side refuses (breaker, throttle, pool) never reaches the callee and is not tried again.

use super::caching::CacheSpec;
use crate::quantity::Ratio;
use crate::rng::Distribution;
use crate::time::SimDuration;

/// What a call does beyond one attempt after the other to one service.
#[derive(Clone, Debug, PartialEq)]
pub struct CallOptions {
    /// Share of requests that make the call.
    pub probability: Ratio,
    /// How often each of those makes it; one after the other, or all at once in a group.
    pub count: u32,
    /// Neighbouring calls of one group are made at once; the request fails when one of them has failed.
    pub group: Option<u16>,
    /// A failed call does not fail the request: it answers without that part (a degraded answer).
    pub ignore_failure: bool,
    /// The call gets no more time than its caller has left, and a callee does not begin it after that.
    pub pass_deadline: bool,
    /// How pauses before retries are made.
    pub pause: Pause,
    /// What the caller pod remembers about the callee; `None` if it remembers nothing.
    pub guards: Option<Guards>,
    /// Where the caller looks before it calls; `None` for no cache.
    pub cache: Option<CacheSpec>,
    /// Which requests a caller and a callee of different revisions get wrong; `None` where all revisions understand each
    /// other.
    pub skew: Option<Skew>,
}

/// Shares of the requests that fail between revisions that differ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Skew {
    /// From a caller of the new revision to a callee of the old one.
    pub new_to_old: Ratio,
    /// From a caller of the old revision to a callee of the new one.
    pub old_to_new: Ratio,
}

impl Skew {
    /// The share that fails between these: whether the caller and the callee run their new revision.
    pub fn share(&self, caller: bool, callee: bool) -> f64 {
        match (caller, callee) {
            (true, false) => self.new_to_old.get(),
            (false, true) => self.old_to_new.get(),
            _ => 0.0,
        }
    }
}

impl Default for CallOptions {
    fn default() -> Self {
        CallOptions {
            probability: Ratio::ONE,
            count: 1,
            group: None,
            ignore_failure: false,
            pass_deadline: false,
            pause: Pause::default(),
            guards: None,
            cache: None,
            skew: None,
        }
    }
}

/// How the pause before a retry follows from the back-off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Doubled for each further attempt, or always the same.
    pub doubling: bool,
    /// Full jitter: uniform between nothing and the pause. Without it, exactly the pause.
    pub jitter: bool,
}

impl Default for Pause {
    fn default() -> Self {
        Pause { doubling: true, jitter: true }
    }
}

impl Pause {
    /// The pause before attempt number `attempt` (from 1), given a uniform number.
    pub fn before(self, backoff: SimDuration, attempt: u16, uniform: impl FnOnce() -> f64) -> SimDuration {
        let doublings = if self.doubling { u64::from(attempt.saturating_sub(1).min(16)) } else { 0 };
        let pause = backoff * (1 << doublings);
        if self.jitter { pause.scale(uniform()) } else { pause }
    }
}

/// Client-side limits of one entry of a caller's list of calls.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Guards {
    /// Token bucket for retries.
    pub budget: Option<BudgetSpec>,
    /// No retries while too much fails.
    pub stop: Option<StopSpec>,
    /// Circuit breaker.
    pub breaker: Option<BreakerSpec>,
    /// Adaptive throttling.
    pub throttle: Option<ThrottleSpec>,
    /// Connection pool.
    pub pool: Option<PoolSpec>,
}

/// A token bucket: each first attempt adds `ratio` of a token, each retry takes one; it begins full.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BudgetSpec {
    /// Tokens per first attempt: the share of retries in the long run.
    pub ratio: Ratio,
    /// Most tokens.
    pub burst: f64,
}

/// Retries stop while failed attempts are more than this share of the requests of the window (Brooker's retry
/// circuit breaker, `retry_sim`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StopSpec {
    /// Failed attempts over first attempts.
    pub ratio: Ratio,
    /// Length of the window.
    pub window: SimDuration,
}

/// A circuit breaker: closed, open for a while, half open for some probes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BreakerSpec {
    /// Opens after this many failed attempts in a row.
    pub consecutive: Option<u32>,
    /// Opens when this share of the attempts of the window failed.
    pub error_ratio: Option<Ratio>,
    /// Attempts the window must hold before the ratio counts.
    pub minimum: u32,
    /// Length of the window.
    pub window: SimDuration,
    /// How long it stays open before it lets probes through.
    pub open: SimDuration,
    /// Attempts let through half open; as many successes close it, one failure opens it again.
    pub probes: u32,
}

/// Client-side adaptive throttling (Site Reliability Engineering, chapter 21): an attempt is refused with probability
/// `max(0, (requests - k * accepts) / (requests + 1))` of the window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ThrottleSpec {
    /// Requests per accepted one that are still sent; 2 in the book.
    pub k: f64,
    /// Length of the window; two minutes in the book.
    pub window: SimDuration,
}

/// A connection pool: attempts beyond its size wait for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolSpec {
    /// Attempts in flight at a time.
    pub size: u32,
    /// Attempts that may wait; more are refused.
    pub waiting: u32,
    /// Longest wait; for ever if `None`.
    pub timeout: Option<SimDuration>,
}

/// What a pod, and the router in front of it, does beyond first come, first served.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ServerOptions {
    /// Added to the service time for each request in flight in the pod, the new one included.
    pub contention: SimDuration,
    /// Rejects new requests while at least this share of its concurrency is in use.
    pub shed_utilisation: Option<Ratio>,
    /// Rejects new requests while at least this share of its queue is taken.
    pub shed_queue: Option<Ratio>,
    /// Who is served next.
    pub order: QueueOrder,
    /// A request that has waited longer than this when its turn comes is rejected (as CoDel does it, without its
    /// grace interval).
    pub target: Option<SimDuration>,
    /// When its router takes pods out of the rotation by their answers; `None` for never.
    pub ejection: Option<EjectionSpec>,
}

/// Passive health checks of the router in front of a service, as Envoy's outlier detection does them on consecutive
/// errors: a pod with so many failed answers in a row (errors, rejections, time-outs) is out of the rotation for the
/// base time, the double the second time and so on; each interval it is in takes one off the multiplier. It is out only
/// while fewer than `most` of the pods are, or if it is the first.
///
/// When the share of pods that are ready and in the rotation falls below the panic threshold, all running pods get
/// requests again, healthy or not: an outage of everything is taken for a mistake of the checks.
///
/// Traps: Envoy's proxies each know for themselves what is known to all callers at once here, and they let a pod back
/// in only at their next look, up to an interval later.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EjectionSpec {
    /// Failed answers in a row before a pod is out; 5 in Envoy.
    pub consecutive: u32,
    /// Time between looks; 10 s in Envoy.
    pub interval: SimDuration,
    /// How long the first ejection lasts; 30 s in Envoy.
    pub base: SimDuration,
    /// Longest ejection; 5 min in Envoy.
    pub longest: SimDuration,
    /// Largest share of the pods that are out at a time; 10 % in Envoy, though always one.
    pub most: Ratio,
    /// Share of healthy pods below which all are used again; 50 % in Envoy, 0 for never.
    pub panic_threshold: Ratio,
}

/// Who is served next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueueOrder {
    /// Oldest first.
    #[default]
    Fifo,
    /// Newest first: some are served in time when all would be late.
    Lifo,
    /// Oldest first while at most half of the queue is taken, else newest first.
    Adaptive,
}

impl ServerOptions {
    /// Whether a pod that serves `in_flight` of `concurrency` and has `waiting` of `queue` rejects a new request.
    pub fn sheds(&self, (in_flight, concurrency): (u32, u32), (waiting, queue): (u32, u32)) -> bool {
        let reached = |limit: Option<Ratio>, used: u32, all: u32| {
            limit.is_some_and(|limit| f64::from(used) >= limit.get() * f64::from(all))
        };
        reached(self.shed_utilisation, in_flight, concurrency)
            || (waiting > 0 && reached(self.shed_queue, waiting, queue))
    }
}

/// What the users of a traffic source do beyond sending one request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PeopleSpec {
    /// They try again.
    pub retry: Option<UserRetry>,
    /// They come for a session: several requests, each sent after the answer to the one before and some thinking.
    pub sessions: Option<SessionSpec>,
}

/// Users that try again; the time-out of the source is that of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserRetry {
    /// Attempts in all, the first included.
    pub attempts: u32,
    /// Pause before the second attempt.
    pub backoff: SimDuration,
    /// How the pause grows.
    pub pause: Pause,
}

/// Closed-loop users: sessions start at the rate of the source, whatever happens to them.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionSpec {
    /// Mean number of requests, at least 1; geometric.
    pub requests: f64,
    /// Time between an answer (or giving up) and the next request.
    pub think: Distribution<SimDuration>,
}

impl SessionSpec {
    /// The number of requests of a session, given a uniform number in (0, 1): geometric on 1, 2, ...
    pub fn planned(&self, uniform: f64) -> u32 {
        let end = 1.0 / self.requests;
        if end >= 1.0 {
            return 1;
        }
        // The inverse of P(N > n) = (1 - end)^n; a session of more than a million requests is cut off.
        1 + (libm::log(uniform) / libm::log1p(-end)).min(1e6) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_or_not_and_jitter_or_not() {
        let second = SimDuration::from_secs(1);
        let pause = |doubling, jitter, attempt| {
            Pause { doubling, jitter }.before(second, attempt, || 0.25).as_secs_f64()
        };
        assert_eq!([1, 2, 3].map(|n| pause(true, false, n)), [1.0, 2.0, 4.0]);
        assert_eq!([1, 2, 3].map(|n| pause(true, true, n)), [0.25, 0.5, 1.0]);
        assert_eq!([1, 2, 3].map(|n| pause(false, false, n)), [1.0, 1.0, 1.0]);
        assert!(pause(true, false, u16::MAX) <= 65_536.0, "the doubling is bounded");
    }

    #[test]
    fn pods_shed_at_their_limits() {
        let half = Some(Ratio::new(0.5).unwrap());
        let busy = ServerOptions { shed_utilisation: half, ..Default::default() };
        assert!(busy.sheds((4, 8), (0, 10)) && !busy.sheds((3, 8), (9, 10)));
        let queue = ServerOptions { shed_queue: half, ..Default::default() };
        assert!(queue.sheds((0, 8), (5, 10)) && !queue.sheds((8, 8), (4, 10)));
        assert!(!queue.sheds((8, 8), (0, 0)), "nobody waits");
    }

    #[test]
    fn sessions_have_their_mean_length() {
        let spec = SessionSpec { requests: 8.0, think: Distribution::fixed(1.0).unwrap() };
        let n = 100_000;
        let sum: u64 = (0..n).map(|i| u64::from(spec.planned((f64::from(i) + 0.5) / f64::from(n)))).sum();
        assert!((sum as f64 / f64::from(n) - 8.0).abs() < 0.01, "{sum}");
        assert_eq!(SessionSpec { requests: 1.0, ..spec }.planned(1e-9), 1);
    }
}
