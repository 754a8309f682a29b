//! How much must be seen to tell one error ratio from another, and what so many requests can show at all.
//!
//! A canary serves a number of requests; no trigger, however clever, knows more than they tell. Two bounds are given: a
//! normal approximation for two arms that are compared with each other (the usual sample-size formula), and an exact
//! binomial one for a candidate whose normal error ratio is known beforehand, which is the most that can be hoped for.
//!
//! Traps: both look once, at the end; whoever looks again and again at this level raises more false alarms, and whoever
//! pays for that needs more requests. Both take requests to fail independently; where errors come in bursts the same number
//! of requests says less.

use crate::rng::{binomial_cdf, normal_quantile};

/// What a test may get wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Demands {
    /// The probability of a false alarm, 0 to 1, both ends left out.
    pub alpha: f64,
    /// The probability of an alarm where there is an effect, 0 to 1, both ends left out.
    pub power: f64,
}

/// Requests that the candidate must serve so that a one-sided comparison of two shares tells `changed` from `normal`, when
/// the control serves `control` times as many (1 = as many). `None` where the shares are not 0 <= normal < changed <= 1.
///
/// The pooled variance under "no change", each arm's own under the change (Fleiss, Levin and Paik 2003, section 4.2,
/// without a correction for continuity).
pub fn requests_beside(normal: f64, changed: f64, control: f64, demands: Demands) -> Option<f64> {
    let fits = 0.0 <= normal && normal < changed && changed <= 1.0 && control > 0.0;
    if !fits || !are_demands(demands) {
        return None;
    }
    let (z_alpha, z_power) = (normal_quantile(1.0 - demands.alpha), normal_quantile(demands.power));
    let pooled = (changed + control * normal) / (1.0 + control);
    let under_none = pooled * (1.0 - pooled) * (1.0 + 1.0 / control);
    let under_change = changed * (1.0 - changed) + normal * (1.0 - normal) / control;
    let root = (z_alpha * under_none.sqrt() + z_power * under_change.sqrt()) / (changed - normal);
    Some((root * root).ceil())
}

/// The fewest bad ones among `requests` that are an alarm: more than a share of `alpha` of healthy releases never shows as
/// many.
pub fn alarm_from(requests: u64, normal: f64, alpha: f64) -> u64 {
    least(0, requests.saturating_add(1), |bad| at_least(requests, normal, bad) <= alpha)
}

/// The probability that an exact test of `requests` against a known share of bad ones raises an alarm when it is `changed`.
pub fn power_of(requests: u64, normal: f64, changed: f64, alpha: f64) -> f64 {
    at_least(requests, changed, alarm_from(requests, normal, alpha))
}

/// The smallest share of bad ones that so many requests can tell from `normal`; `None` if not even a release that fails
/// every request would be told.
pub fn smallest_effect(requests: u64, normal: f64, demands: Demands) -> Option<f64> {
    if !are_demands(demands) || !(0.0..1.0).contains(&normal) {
        return None;
    }
    let from = alarm_from(requests, normal, demands.alpha);
    if at_least(requests, 1.0, from) < demands.power {
        return None;
    }
    let (mut below, mut enough) = (normal, 1.0);
    while enough - below > 1e-6 * enough {
        let middle = 0.5 * (below + enough);
        if at_least(requests, middle, from) < demands.power {
            below = middle;
        } else {
            enough = middle;
        }
    }
    Some(enough)
}

/// Requests of the candidate after which an exact test against a known share tells `changed` from `normal`; `None` beyond
/// `most`.
pub fn requests_alone(normal: f64, changed: f64, demands: Demands, most: u64) -> Option<u64> {
    let fits = 0.0 <= normal && normal < changed && changed <= 1.0 && are_demands(demands);
    let enough = |n: u64| power_of(n, normal, changed, demands.alpha) >= demands.power;
    if !fits || !enough(most) {
        return None;
    }
    // Power is not quite monotone in the number (the alarm is at whole numbers); close to the edge one of several numbers
    // around the first is found.
    Some(least(1, most, enough))
}

/// The probability of at least so many.
fn at_least(n: u64, p: f64, bad: u64) -> f64 {
    match bad {
        0 => 1.0,
        _ if bad > n => 0.0,
        _ if p >= 1.0 => 1.0,
        _ => binomial_cdf(n, p, bad - 1).upper,
    }
}

/// The least number from which on something holds, given that it holds at `most`.
fn least(from: u64, most: u64, holds: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (from, most);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) { high = middle } else { low = middle + 1 }
    }
    low
}

fn are_demands(Demands { alpha, power }: Demands) -> bool {
    0.0 < alpha && alpha < 1.0 && 0.0 < power && power < 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Demands = Demands { alpha: 0.05, power: 0.9 };

    #[test]
    fn an_alarm_is_rare_without_a_change_and_one_fewer_would_not_be() {
        for (n, p) in [(100, 0.01), (1000, 0.001), (5000, 0.02), (1, 0.5)] {
            let from = alarm_from(n, p, 0.05);
            assert!(at_least(n, p, from) <= 0.05);
            assert!(from == 0 || at_least(n, p, from - 1) > 0.05, "{n} {p}: {from}");
        }
    }

    #[test]
    fn no_errors_expected_means_that_the_first_is_an_alarm() {
        // Without any normal error one bad request is proof; it shows with probability 1 - (1-p)^n.
        assert_eq!(alarm_from(1000, 0.0, 0.05), 1);
        let smallest = smallest_effect(1000, 0.0, USUAL).unwrap();
        let exact = 1.0 - libm::pow(0.1, 1.0 / 1000.0);
        assert!((smallest - exact).abs() < 1e-5 * exact, "{smallest} {exact}");
    }

    #[test]
    fn what_is_found_by_number_is_found_by_share() {
        let n = requests_alone(0.001, 0.005, USUAL, 1_000_000).unwrap();
        assert!(power_of(n, 0.001, 0.005, 0.05) >= 0.9);
        let smallest = smallest_effect(n, 0.001, USUAL).unwrap();
        assert!((smallest - 0.005).abs() < 0.0002, "{n}: {smallest}");
        let beside = requests_beside(0.001, 0.005, 1.0, USUAL).unwrap();
        assert!((n as f64) < beside, "who knows what is normal needs fewer: {n} {beside}");
    }

    #[test]
    fn too_little_shows_nothing_and_odd_questions_have_no_answer() {
        assert_eq!(smallest_effect(0, 0.01, USUAL), None);
        assert_eq!(smallest_effect(1, 0.5, USUAL), None, "one of two releases fails one request");
        assert_eq!(requests_alone(0.01, 0.011, USUAL, 100), None);
        for (normal, changed, control) in
            [(0.2, 0.1, 1.0), (-0.1, 0.1, 1.0), (0.1, 0.2, 0.0), (f64::NAN, 0.1, 1.0)]
        {
            assert_eq!(requests_beside(normal, changed, control, USUAL), None);
        }
        assert_eq!(requests_beside(0.1, 0.2, 1.0, Demands { alpha: 0.0, power: 0.9 }), None);
    }
}
