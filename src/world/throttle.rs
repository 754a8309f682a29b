//! What a CPU limit does to service times.
//!
//! A request in service keeps a part of a core busy: its CPU time over its service time, on average `per_request /
//! mean(service_time)`. A pod carries `limit` over that part of requests at full speed; when more are in service, the
//! kernel's quota gives all of them the same share and each gets slower by the same factor. That is a
//! processor-sharing queue of as many (not necessarily whole) servers.
//!
//! The request level plays it request by request. The flow level uses its mean: the number of requests in a
//! processor-sharing queue with Poisson arrivals depends on the service time through its mean alone (Kelly 1979,
//! "Reversibility and Stochastic Networks", ch. 3), so it is the birth-death chain of M/M/k, and by Little's law the
//! slow-down is its mean number over what it would be without a limit.
//!
//! Traps: the chain is the long-run one, so a backlog that takes minutes to build or to go is right at request level
//! only; scenarios with pods above [`BUSIEST`] of their limit are not played at flow level by themselves.

/// Share of the CPU limit up to which the flow level is chosen.
pub const BUSIEST: f64 = 0.8;

/// Longest chain that is summed; beyond it a pod is far overloaded and the exact figure means nothing.
const LONGEST: u32 = 4096;

/// Mean factor by which a limit slows requests down.
///
/// `offered` is arrivals per second x mean service time at full speed; `at_full_speed` how many requests run at full
/// speed together; `places` how many there can be in the pod at all, waiting ones included.
pub fn slowdown(offered: f64, at_full_speed: f64, places: u32) -> f64 {
    if offered <= 0.0 || !at_full_speed.is_finite() {
        return 1.0;
    }
    // One request alone can be too much for a small limit.
    let alone = (1.0 / at_full_speed).max(1.0);
    let (mut weight, mut total, mut number) = (1.0, 1.0, 0.0);
    for n in 1..=places.clamp(1, LONGEST) {
        let n = f64::from(n);
        weight *= offered / n.min(at_full_speed);
        total += weight;
        number += n * weight;
        if weight < 1e-14 * total && n > offered {
            break;
        }
        if total > 1e200 {
            (weight, total, number) = (weight * 1e-200, total * 1e-200, number * 1e-200);
        }
    }
    // Those who found no place are not slow but turned away.
    let served = offered * (1.0 - (weight / total).min(1.0 - 1e-9));
    (number / total / served).max(alone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_is_the_textbook_processor_sharing() {
        for load in [0.1, 0.5, 0.8] {
            let expected = 1.0 / (1.0 - load);
            assert!((slowdown(load, 1.0, 4096) - expected).abs() < 1e-6, "{load}");
        }
    }

    #[test]
    fn several_servers_are_erlang_c() {
        // M/M/4 with offered load 3: C = 0.50943, mean wait / mean service = C / (4 - 3).
        assert!((slowdown(3.0, 4.0, 4096) - 1.509_433_96).abs() < 1e-6);
    }

    #[test]
    fn a_limit_far_away_slows_nobody_down_and_a_full_pod_stays_finite() {
        assert!((slowdown(2.0, 1000.0, 320) - 1.0).abs() < 1e-9);
        assert_eq!(slowdown(0.0, 1.0, 10), 1.0);
        assert!((slowdown(0.001, 0.5, 10) - 2.0).abs() < 0.01);
        let full = slowdown(50.0, 10.0, 320);
        assert!(full.is_finite() && full > 20.0 && full < 40.0, "{full}");
    }
}
