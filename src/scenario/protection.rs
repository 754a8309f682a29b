//! Fan-out, retries and their limits, overload protection and sessions, as written and as resolved.
//!
//! Every field is optional, and leaving all of them out costs nothing. Each forces the request level, because each
//! couples requests to each other.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::{Call, Retry, Service, Traffic};
use super::limits::{
    MAX_ATTEMPTS, MAX_CACHED, MAX_CACHED_IN_ALL, MAX_COUNT, MAX_SERVICE_TIME, MAX_SESSION, MAX_SKEW,
    MAX_SLOTS,
};
use super::resolve::Checker;
use crate::quantity::Ratio;
use crate::rng::Distribution;
use crate::time::SimDuration;
use crate::world::caching::CacheSpec;
use crate::world::protection::{
    BreakerSpec, BudgetSpec, CallOptions, EjectionSpec, Guards, Pause, PeopleSpec, PoolSpec, QueueOrder,
    ServerOptions, SessionSpec, StopSpec, ThrottleSpec, UserRetry,
};

/// What a request does when a call has finally failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// It fails too.
    #[default]
    Fail,
    /// It answers without that part (a degraded answer).
    Ignore,
}

/// How the pause before a retry grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Growth {
    /// Twice as long before each further attempt.
    #[default]
    Doubling,
    /// Always the same.
    Constant,
}

/// The random part of the pause before a retry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Jitter {
    /// Anything between no pause and the whole.
    #[default]
    Full,
    /// None: exactly the pause.
    None,
}

/// A token bucket for retries, one per caller pod; it begins full.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Tokens each first attempt adds: the share of retries in the long run.
    pub ratio: Ratio,
    /// Most tokens; a retry takes one.
    #[serde(default = "ten")]
    pub burst: f64,
}

/// No retries while failed attempts are more than this share of the requests of the window, per caller pod.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StopAbove {
    /// Failed attempts over first attempts.
    pub ratio: Ratio,
    /// Length of the window.
    #[serde(default = "ten_seconds")]
    pub window: SimDuration,
}

/// A circuit breaker, one per caller pod: while it is open, calls fail without being sent. Give `error_ratio`,
/// `consecutive` or both.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Breaker {
    /// Opens when this share of the attempts of the window failed.
    #[serde(default)]
    pub error_ratio: Option<Ratio>,
    /// Opens after this many failed attempts in a row.
    #[serde(default)]
    pub consecutive: Option<u32>,
    /// Attempts the window must hold before the ratio counts.
    #[serde(default = "twenty")]
    pub minimum: u32,
    /// Length of the window.
    #[serde(default = "ten_seconds")]
    pub window: SimDuration,
    /// How long it stays open.
    #[serde(default = "five_seconds")]
    pub open: SimDuration,
    /// Attempts let through after that: as many successes close it, one failure opens it again.
    #[serde(default = "one")]
    pub probes: u32,
}

/// Adaptive throttling, one per caller pod: an attempt fails without being sent with probability
/// `max(0, (requests - k * accepts) / (requests + 1))` (Site Reliability Engineering, chapter 21). Rejections and
/// time-outs are not accepts; errors are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Throttle {
    /// Requests per accepted one that are still sent.
    #[serde(default = "two")]
    pub k: f64,
    /// Length of the window.
    #[serde(default = "two_minutes")]
    pub window: SimDuration,
}

/// A connection pool, one per caller pod. The time-out of a call begins when it has its connection.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// Attempts in flight at a time.
    pub size: u32,
    /// Attempts that may wait for a connection; more fail without being sent.
    #[serde(default = "thousand")]
    pub waiting: u32,
    /// Longest wait for a connection; for ever if absent.
    #[serde(default)]
    pub timeout: Option<SimDuration>,
}

/// A cache that a service looks into before it calls: what hits never reaches the callee, and every answer of the callee
/// fills. It is full when the world begins; after a loss it refills as misses succeed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// Share of the requests that hit when everything is in it; the rest asks for what nobody keeps.
    pub hit_ratio: Ratio,
    /// Number of different things it keeps: the fewer, the sooner it is warm again.
    #[serde(default = "ten_thousand")]
    pub keys: u32,
    /// Exponent of their popularity: 0 if all are asked for alike, about 0.8 for pages of the web.
    #[serde(default = "web")]
    pub skew: f64,
    /// How long an entry lives after it was filled; for ever if absent. It lowers the share of hits.
    #[serde(default)]
    pub ttl: Option<SimDuration>,
    /// Where it is.
    #[serde(default)]
    pub scope: CacheScope,
}

/// Where a cache is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CacheScope {
    /// One for all pods of the service, which outlives them (a cache server).
    #[default]
    Shared,
    /// In the memory of each pod: a fresh process begins without.
    Pod,
}

/// When the router in front of a service takes a pod out of the rotation because of its answers, as Envoy's outlier
/// detection on consecutive errors.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ejection {
    /// Failed answers in a row (errors, rejections, time-outs) before a pod is out.
    #[serde(default = "five")]
    pub consecutive: u32,
    /// Time between looks: each look at which a pod is in forgives it one ejection.
    #[serde(default = "ten_seconds")]
    pub interval: SimDuration,
    /// How long the first ejection lasts; the next ones two, three, four times as long.
    #[serde(default = "thirty_seconds")]
    pub base: SimDuration,
    /// Longest ejection.
    #[serde(default = "five_minutes")]
    pub longest: SimDuration,
    /// Largest share of the pods that are out at a time; one always may.
    #[serde(default = "tenth")]
    pub most: Ratio,
    /// Share of pods that are ready and in the rotation below which all that run are used again; 0% for never.
    #[serde(default = "half")]
    pub panic_threshold: Ratio,
}

/// When a pod rejects new requests, before its queue is full. Give one or both.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shed {
    /// While at least this share of its concurrency is in use.
    #[serde(default)]
    pub utilisation: Option<Ratio>,
    /// While at least this share of its queue is taken.
    #[serde(default)]
    pub queue: Option<Ratio>,
}

/// Who is served next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Oldest first.
    #[default]
    Fifo,
    /// Newest first.
    Lifo,
    /// Oldest first while at most half of the queue is taken, else newest first.
    Adaptive,
}

/// Closed-loop users: each sends its requests one after the other, and thinks in between.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sessions {
    /// Mean number of requests of a session; geometric.
    pub requests: f64,
    /// Time between an answer and the next request.
    pub think: Distribution<SimDuration>,
}

fn web() -> f64 {
    0.8
}
fn ten_thousand() -> u32 {
    10_000
}
fn five() -> u32 {
    5
}
fn tenth() -> Ratio {
    Ratio::new(0.1).unwrap_or(Ratio::ZERO)
}
fn half() -> Ratio {
    Ratio::new(0.5).unwrap_or(Ratio::ZERO)
}
fn thirty_seconds() -> SimDuration {
    SimDuration::from_secs(30)
}
fn five_minutes() -> SimDuration {
    SimDuration::from_mins(5)
}
fn one() -> u32 {
    1
}
fn two() -> f64 {
    2.0
}
fn ten() -> f64 {
    10.0
}
fn twenty() -> u32 {
    20
}
fn thousand() -> u32 {
    1000
}
fn five_seconds() -> SimDuration {
    SimDuration::from_secs(5)
}
fn ten_seconds() -> SimDuration {
    SimDuration::from_secs(10)
}
fn two_minutes() -> SimDuration {
    SimDuration::from_mins(2)
}

/// Notes findings about the fields of one entry of a document.
struct At<'c, 'a, 'p> {
    checker: &'c mut Checker<'a>,
    path: Vec<&'p str>,
}

impl<'p> At<'_, '_, 'p> {
    fn error(&mut self, field: &[&'p str], fact: impl Into<String>, help: &str) {
        let path: Vec<&str> = self.path.iter().chain(field).copied().collect();
        self.checker.error(&path, fact, help);
    }

    fn count(&mut self, field: &[&'p str], number: u32, least: u32, most: u32, what: &str) {
        let path: Vec<&str> = self.path.iter().chain(field).copied().collect();
        self.checker.count(&path, number, least, most, what);
    }

    fn some_time(&mut self, field: &[&'p str], time: SimDuration) {
        if time.is_zero() {
            self.error(field, "a time of 0s", "give how long it lasts, like `10s`");
        }
    }

    fn some_share(&mut self, field: &[&'p str], share: Ratio) {
        if share.get() <= 0.0 {
            self.error(field, "a share of 0%", "give a share above zero, like `10%`");
        }
    }

    fn number(&mut self, field: &[&'p str], number: f64, least: f64, most: f64) {
        if !(number.is_finite() && (least..=most).contains(&number)) {
            self.error(field, format!("{number} is not between {least} and {most}"), "write a number in it");
        }
    }
}

/// What a call does beyond plain attempts; `None` when the file asks for nothing.
pub(super) fn call(
    checker: &mut Checker<'_>,
    path: &[&str],
    calls: &[Call],
    index: usize,
) -> Option<Box<CallOptions>> {
    let call = calls.get(index)?;
    let caller = path.get(1).and_then(|name| checker.document.services.get(*name));
    let pods = caller.map_or(1, super::resources::most_replicas);
    let mut at = At { checker, path: path.to_vec() };
    at.count(&["count"], call.count, 1, MAX_COUNT, "calls");
    if call.probability.get() <= 0.0 {
        at.error(&["probability"], "a call that is never made", "leave the call out");
    }
    let group = call.parallel.as_ref().map(|name| group(&mut at, calls, index, name));
    let guards = Guards {
        budget: call.retry.budget.map(|budget| {
            at.some_share(&["retry", "budget", "ratio"], budget.ratio);
            at.number(&["retry", "budget", "burst"], budget.burst, 1.0, 1e6);
            BudgetSpec { ratio: budget.ratio, burst: budget.burst }
        }),
        stop: call.retry.stop_above.map(|stop| {
            at.some_time(&["retry", "stop_above", "window"], stop.window);
            StopSpec { ratio: stop.ratio, window: stop.window }
        }),
        breaker: call.breaker.map(|breaker| resolve_breaker(&mut at, breaker)),
        throttle: call.throttle.map(|throttle| {
            at.number(&["throttle", "k"], throttle.k, 1.0, 1000.0);
            at.some_time(&["throttle", "window"], throttle.window);
            ThrottleSpec { k: throttle.k, window: throttle.window }
        }),
        pool: call.pool.map(|pool| {
            at.count(&["pool", "size"], pool.size, 1, MAX_SLOTS, "connections");
            at.count(&["pool", "waiting"], pool.waiting, 0, MAX_SLOTS, "waiting attempts");
            PoolSpec { size: pool.size, waiting: pool.waiting, timeout: pool.timeout }
        }),
    };
    let limited = guards.budget.is_some() || guards.stop.is_some();
    if limited && call.retry.attempts < 2 {
        at.error(&["retry"], "a limit on retries, and no retries", "write how many `attempts:` there are");
    }
    let options = CallOptions {
        probability: call.probability,
        count: call.count,
        group,
        ignore_failure: call.on_failure == OnFailure::Ignore,
        pass_deadline: call.pass_deadline,
        pause: pause(&call.retry),
        guards: (guards != Guards::default()).then_some(guards),
        cache: call.cache.map(|cache| resolve_cache(&mut at, cache, pods)),
        skew: call.skew.map(super::group::Skew::resolved),
    };
    (options != CallOptions::default()).then(|| Box::new(options))
}

fn resolve_cache(at: &mut At<'_, '_, '_>, cache: Cache, pods: u32) -> CacheSpec {
    at.some_share(&["cache", "hit_ratio"], cache.hit_ratio);
    at.count(&["cache", "keys"], cache.keys, 1, MAX_CACHED, "entries");
    at.number(&["cache", "skew"], cache.skew, 0.0, MAX_SKEW);
    if let Some(ttl) = cache.ttl {
        at.some_time(&["cache", "ttl"], ttl);
    }
    let shared = cache.scope == CacheScope::Shared;
    let entries = u64::from(cache.keys) * u64::from(if shared { 1 } else { pods });
    if entries > MAX_CACHED_IN_ALL {
        let fact = format!("{entries} entries in the pods of the service are more than {MAX_CACHED_IN_ALL}");
        at.error(&["cache", "keys"], fact, "take fewer keys: few make most of the hits");
    }
    CacheSpec { hit_ratio: cache.hit_ratio, keys: cache.keys, skew: cache.skew, ttl: cache.ttl, shared }
}

fn resolve_ejection(at: &mut At<'_, '_, '_>, ejection: Ejection) -> EjectionSpec {
    at.count(&["ejection", "consecutive"], ejection.consecutive, 1, 1_000_000, "failures in a row");
    at.some_time(&["ejection", "interval"], ejection.interval);
    at.some_time(&["ejection", "base"], ejection.base);
    at.some_share(&["ejection", "most"], ejection.most);
    EjectionSpec {
        consecutive: ejection.consecutive,
        interval: ejection.interval,
        base: ejection.base,
        longest: ejection.longest,
        most: ejection.most,
        panic_threshold: ejection.panic_threshold,
    }
}

/// The number of the group a call belongs to: the index of its first call.
fn group(at: &mut At<'_, '_, '_>, calls: &[Call], index: usize, name: &str) -> u16 {
    let is_in = |call: &Call| call.parallel.as_deref() == Some(name);
    let first = calls.iter().position(is_in).unwrap_or(index);
    if calls.iter().skip(first).take(index - first).any(|call| !is_in(call)) {
        let fact = format!("another call stands between those made at once as `{name}`");
        at.error(&["parallel"], fact, "put the calls of a group beside each other, or rename one group");
    }
    first as u16
}

fn resolve_breaker(at: &mut At<'_, '_, '_>, breaker: Breaker) -> BreakerSpec {
    if breaker.error_ratio.is_none() && breaker.consecutive.is_none() {
        let help = "write `error_ratio: 50%` or `consecutive: 5`";
        at.error(&["breaker"], "a breaker that nothing opens", help);
    }
    if let Some(ratio) = breaker.error_ratio {
        at.some_share(&["breaker", "error_ratio"], ratio);
    }
    if let Some(consecutive) = breaker.consecutive {
        at.count(&["breaker", "consecutive"], consecutive, 1, 1_000_000, "failures in a row");
    }
    at.count(&["breaker", "probes"], breaker.probes, 1, 1_000_000, "probes");
    at.some_time(&["breaker", "window"], breaker.window);
    at.some_time(&["breaker", "open"], breaker.open);
    BreakerSpec {
        consecutive: breaker.consecutive,
        error_ratio: breaker.error_ratio,
        minimum: breaker.minimum,
        window: breaker.window,
        open: breaker.open,
        probes: breaker.probes,
    }
}

fn pause(retry: &Retry) -> Pause {
    Pause { doubling: retry.growth == Growth::Doubling, jitter: retry.jitter == Jitter::Full }
}

/// What the pods of a service do beyond first come, first served; `None` when the file asks for nothing.
pub(super) fn server(checker: &mut Checker<'_>, path: &[&str], service: &Service) -> Option<ServerOptions> {
    let mut at = At { checker, path: path.to_vec() };
    if let Some(shed) = service.shed {
        if shed.utilisation.is_none() && shed.queue.is_none() {
            at.error(&["shed"], "shedding without a limit", "write `utilisation: 90%` or `queue: 50%`");
        }
        for (field, share) in [("utilisation", shed.utilisation), ("queue", shed.queue)] {
            if let Some(share) = share {
                at.some_share(&["shed", field], share);
            }
        }
    }
    if service.queue_target.is_some_and(SimDuration::is_zero) {
        let help = "give the longest good wait, or write `queue: 0` for no queue";
        at.error(&["queue_target"], "whoever waits is rejected", help);
    }
    if service.contention > MAX_SERVICE_TIME {
        let fact = format!("a contention of {} for each request", service.contention);
        at.error(&["contention"], fact, "give the time one more request in flight costs, like `10ms`");
    }
    let options = ServerOptions {
        contention: service.contention,
        shed_utilisation: service.shed.and_then(|shed| shed.utilisation),
        shed_queue: service.shed.and_then(|shed| shed.queue),
        order: match service.queue_order {
            Order::Fifo => QueueOrder::Fifo,
            Order::Lifo => QueueOrder::Lifo,
            Order::Adaptive => QueueOrder::Adaptive,
        },
        target: service.queue_target,
        ejection: service.ejection.map(|ejection| resolve_ejection(&mut at, ejection)),
    };
    (options != ServerOptions::default()).then_some(options)
}

/// What the users of a source do beyond one request; `None` when the file asks for nothing.
pub(super) fn people(checker: &mut Checker<'_>, path: &[&str], traffic: &Traffic) -> Option<Box<PeopleSpec>> {
    let mut at = At { checker, path: path.to_vec() };
    let retry = traffic.retry.map(|retry| {
        at.count(&["retry"], retry.attempts, 1, MAX_ATTEMPTS, "attempts");
        if retry.budget.is_some() || retry.stop_above.is_some() {
            let help = "put the limit on a call of a service";
            at.error(&["retry"], "users share no limit on their retries", help);
        }
        UserRetry { attempts: retry.attempts, backoff: retry.backoff, pause: pause(&retry) }
    });
    let sessions = traffic.sessions.as_ref().map(|sessions| {
        at.number(&["sessions", "requests"], sessions.requests, 1.0, MAX_SESSION);
        let mean = sessions.think.mean();
        if !(mean.is_finite() && mean <= 86_400.0) {
            at.error(&["sessions", "think"], "users think for more than a day", "give a shorter time");
        }
        SessionSpec { requests: sessions.requests, think: sessions.think.clone() }
    });
    let people = PeopleSpec { retry: retry.filter(|retry| retry.attempts > 1), sessions };
    (people != PeopleSpec::default()).then(|| Box::new(people))
}
