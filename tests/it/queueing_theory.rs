//! Closed forms of elementary queueing theory, to hold simulations against.
//!
//! Notation of the field: arrival rate lambda, service rate mu of one server, offered load a = lambda / mu,
//! utilisation rho = a / c. "Waiting" is the time in the queue, "sojourn" waiting plus service. Formulas as in
//! Kleinrock, Queueing Systems vol. 1 (1975); all for the steady state, so rho < 1 except where a queue is bounded.

/// Steady state of a queue with unbounded room.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Steady {
    /// Share of arrivals that must wait.
    pub(crate) p_wait: f64,
    /// Mean waiting time.
    pub(crate) waiting: f64,
    /// Mean sojourn time.
    pub(crate) sojourn: f64,
    /// Mean number in the system.
    pub(crate) in_system: f64,
}

/// M/M/1.
pub(crate) fn mm1(lambda: f64, mu: f64) -> Steady {
    mmc(lambda, mu, 1)
}

/// The `p` quantile of the sojourn time in M/M/1, which is exponential with rate mu - lambda.
pub(crate) fn mm1_sojourn_quantile(lambda: f64, mu: f64, p: f64) -> f64 {
    -libm::log(1.0 - p) / (mu - lambda)
}

/// n times the variance of the mean waiting time of n successive customers of M/M/1, for large n (Daley 1968).
pub(crate) fn mm1_waiting_asymptotic_variance(lambda: f64, mu: f64) -> f64 {
    let rho = lambda / mu;
    let idle = 1.0 - rho;
    rho * (2.0 + 5.0 * rho - 4.0 * rho * rho + rho * rho * rho) / (mu * mu * idle * idle * idle * idle)
}

/// M/M/c by the Erlang C formula.
pub(crate) fn mmc(lambda: f64, mu: f64, servers: u32) -> Steady {
    let offered = lambda / mu;
    let p_wait = erlang_c(servers, offered);
    let waiting = p_wait / (f64::from(servers) * mu - lambda);
    let sojourn = waiting + 1.0 / mu;
    Steady { p_wait, waiting, sojourn, in_system: lambda * sojourn }
}

/// Share of arrivals lost in M/G/c/c (Erlang B), by the stable recursion over servers.
pub(crate) fn erlang_b(servers: u32, offered: f64) -> f64 {
    (1..=servers).fold(1.0, |blocked, c| offered * blocked / (f64::from(c) + offered * blocked))
}

/// Share of arrivals that wait in M/M/c (Erlang C); offered load below the number of servers.
pub(crate) fn erlang_c(servers: u32, offered: f64) -> f64 {
    let blocked = erlang_b(servers, offered);
    let rho = offered / f64::from(servers);
    blocked / (1.0 - rho * (1.0 - blocked))
}

/// M/G/1 by Pollaczek and Khinchine; `scv` is the squared coefficient of variation of the service time.
pub(crate) fn mg1(lambda: f64, mean_service: f64, scv: f64) -> Steady {
    let rho = lambda * mean_service;
    let waiting = lambda * mean_service * mean_service * (1.0 + scv) / (2.0 * (1.0 - rho));
    let sojourn = waiting + mean_service;
    Steady { p_wait: rho, waiting, sojourn, in_system: lambda * sojourn }
}

/// Share of arrivals turned away by M/M/1/K: room for `room` customers including the one in service, any rho.
pub(crate) fn mm1k(rho: f64, room: u32) -> f64 {
    // Balance equations: p(n) is proportional to rho^n; the sum also covers rho = 1.
    let (mut power, mut total) = (1.0, 1.0);
    for _ in 0..room {
        power *= rho;
        total += power;
    }
    power / total
}

fn close(actual: f64, published: f64, tolerance: f64) {
    assert!((actual - published).abs() <= tolerance, "{actual} is not {published} within {tolerance}");
}

#[test]
fn mm1_table() {
    for (rho, in_system, sojourn, p95, p99) in [
        (0.5, 1.0, 2.0, 5.991, 9.210),
        (0.8, 4.0, 5.0, 14.979, 23.026),
        (0.9, 9.0, 10.0, 29.957, 46.052),
        (0.95, 19.0, 20.0, 59.915, 92.103),
    ] {
        let steady = mm1(rho, 1.0);
        close(steady.p_wait, rho, 1e-12);
        close(steady.in_system, in_system, 1e-9);
        close(steady.sojourn, sojourn, 1e-9);
        close(mm1_sojourn_quantile(rho, 1.0, 0.95), p95, 5e-4);
        close(mm1_sojourn_quantile(rho, 1.0, 0.99), p99, 5e-4);
    }
    close(mm1_waiting_asymptotic_variance(0.8, 1.0), 1976.0, 0.5);
}

/// Servers, offered load, share waiting, mean waiting time at mu = 1.
pub(crate) const MMC: [(u32, f64, f64, f64); 6] = [
    (2, 1.6, 0.711111, 1.77778),
    (5, 4.0, 0.554113, 0.554113),
    (10, 8.0, 0.409180, 0.204590),
    (10, 9.0, 0.668732, 0.668732),
    (20, 18.0, 0.550769, 0.275385),
    (100, 90.0, 0.216940, 0.021694),
];

#[test]
fn mmc_table() {
    for (servers, offered, p_wait, waiting) in MMC {
        let steady = mmc(offered, 1.0, servers);
        close(steady.p_wait, p_wait, 5e-6);
        close(steady.waiting, waiting, 5e-6);
    }
}

#[test]
fn mg1_table() {
    for (scv, waiting) in [(0.0, 2.0), (0.25, 2.5), (1.0, 4.0), (4.0, 10.0)] {
        close(mg1(0.8, 1.0, scv).waiting, waiting, 1e-9);
    }
    close(mg1(0.8, 1.0, 1.0).sojourn, mm1(0.8, 1.0).sojourn, 1e-9);
    close(mg1(0.8, 1.0, 1.0).in_system, 4.0, 1e-9);
}

/// rho, room, share turned away.
pub(crate) const MM1K: [(f64, u32, f64); 5] =
    [(0.8, 5, 0.088819), (0.8, 10, 0.023493), (1.0, 10, 0.090909), (1.2, 10, 0.192586), (2.0, 10, 0.500244)];

#[test]
fn mm1k_table() {
    for (rho, room, blocked) in MM1K {
        close(mm1k(rho, room), blocked, 5e-7);
    }
    close(mm1k(0.7, 1), erlang_b(1, 0.7), 1e-12);
}

/// Servers, offered load, share lost.
pub(crate) const ERLANG_B: [(u32, f64, f64); 4] =
    [(5, 3.0, 0.110054), (10, 5.0, 0.018385), (10, 10.0, 0.214582), (100, 90.0, 0.026957)];

#[test]
fn erlang_b_table() {
    for (servers, offered, lost) in ERLANG_B {
        close(erlang_b(servers, offered), lost, 5e-7);
    }
}
