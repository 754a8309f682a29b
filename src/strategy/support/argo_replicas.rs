//! How many pods a canary has (argo-rollouts `utils/replicaset/canary.go`).
//!
//! Without traffic routing a weight is approximated by pod counts, so the share of requests a canary really gets
//! is canary pods over all pods, and 1 % on two replicas is one of two. With traffic routing the weight is exact
//! and the stable side stays at full size.

use super::replicas::{Amount, resolve};

/// Pods for a traffic-routed weight: `replicas x weight / max_weight`, rounded up. A `max_weight` of 0 is 100.
pub fn traffic_routed(replicas: u32, weight: u32, max_weight: u32) -> u32 {
    let max_weight = if max_weight == 0 { 100 } else { max_weight };
    let pods = (u64::from(replicas) * u64::from(weight)).div_ceil(u64::from(max_weight));
    u32::try_from(pods).unwrap_or(u32::MAX)
}

/// The pod counts (canary, stable) that come nearest to `weight` of `max_weight` with `replicas` pods in all, or
/// one more if surge is allowed.
///
/// Ties go to more canary. With a weight strictly between 0 and all, and more than one pod to give (surge
/// included), the canary has at least one; but for the one case upstream leaves open: where rounding up would take
/// all pods and rounding down is as far away (75 % of two, 90 % of five) and nothing may surge, the canary gets none.
/// A `max_weight` of 0 is 100.
pub fn approximate_weighted(replicas: u32, weight: u32, max_weight: u32, max_surge: u32) -> (u32, u32) {
    if replicas == 0 {
        return (0, 0);
    }
    let max_weight = if max_weight == 0 { 100 } else { max_weight };
    let exact = u64::from(replicas) * u64::from(weight);
    let pods = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    let ceiling = pods(exact.div_ceil(u64::from(max_weight)));
    let floor = pods(exact / u64::from(max_weight));
    let zero_allowed = weight == 0 || weight == max_weight || (replicas == 1 && max_surge == 0);
    let floor_allowed = |total: u32| !is_tied(weight, max_weight, total) && (floor != 0 || zero_allowed);
    let surged = replicas.saturating_add(1);

    let options = [
        (ceiling, replicas, ceiling < replicas || zero_allowed),
        (floor, replicas, floor_allowed(replicas)),
        (ceiling, surged, max_surge > 0),
        (floor, surged, max_surge > 0 && floor_allowed(surged)),
    ];
    let mut best: Option<(f64, u32, u32)> = None;
    for (canary, total, _) in options.into_iter().filter(|(.., allowed)| *allowed) {
        let share = f64::from(canary) * f64::from(max_weight) / f64::from(total);
        let distance = (share - f64::from(weight)).abs();
        if best.is_none_or(|(least, ..)| distance < least) {
            best = Some((distance, canary, total));
        }
    }
    match best {
        Some((_, canary, total)) => (canary, total.saturating_sub(canary)),
        None => (0, replicas),
    }
}

/// Whether rounding up and down are equally far from the weight.
fn is_tied(weight: u32, max_weight: u32, total: u32) -> bool {
    let exact = u64::from(total) * u64::from(weight) % u64::from(max_weight);
    exact * 2 == u64::from(max_weight)
}

/// The canary's weight of 100 while a traffic-routed rollout aborts (`rollout/trafficrouting.go`).
///
/// Without `dynamicStableScale` it is 0 at once, since the stable side is at full size. With it, traffic goes back as
/// fast as stable pods become available, and never up again.
pub fn abort_weight(
    replicas: u32,
    stable_available: u32,
    current_weight: u32,
    dynamic_stable_scale: bool,
) -> u32 {
    if !dynamic_stable_scale || replicas == 0 {
        return 0;
    }
    let supported = u64::from(stable_available) * 100 / u64::from(replicas);
    let needed = 100u64.saturating_sub(supported);
    u32::try_from(needed).unwrap_or(100).min(current_weight)
}

/// The pods of one ReplicaSet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PodSet {
    /// Pods asked for.
    pub desired: u32,
    /// Pods that are ready.
    pub available: u32,
}

impl PodSet {
    /// Pods to reckon with when scaling down: those available, or those asked for when availability is not to
    /// count or more are available than asked for.
    fn for_scale_down(self, ignore_availability: bool) -> i64 {
        if ignore_availability || self.desired < self.available {
            self.desired.into()
        } else {
            self.available.into()
        }
    }
}

/// What a basic canary (no traffic routing) is moving towards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BasicCanary {
    /// `spec.replicas`.
    pub replicas: u32,
    /// The weight of the current step, of 100.
    pub weight: u32,
    /// Pods beyond `replicas` at any time.
    pub max_surge: Amount,
    /// Pods of `replicas` that may be missing at any time.
    pub max_unavailable: Amount,
}

impl BasicCanary {
    /// The next pod counts to ask for (canary, stable), one controller step towards the weight inside
    /// `maxSurge` and `maxUnavailable`. Older revisions must be gone.
    pub fn next_counts(&self, canary: PodSet, stable: PodSet) -> (u32, u32) {
        let (surge, unavailable) = resolve(self.max_surge, self.max_unavailable, self.replicas);
        let (want_canary, want_stable) = approximate_weighted(self.replicas, self.weight, 100, surge);
        let (want_canary, want_stable) = (i64::from(want_canary), i64::from(want_stable));
        let limits = Limits {
            most: i64::from(self.replicas) + i64::from(surge),
            least_available: i64::from(self.replicas) - i64::from(unavailable),
        };
        let (mut canary_count, mut stable_count) = (i64::from(canary.desired), i64::from(stable.desired));

        // Upwards first: the stable side before the canary, with what the surge leaves.
        let mut room = (limits.most - canary_count - stable_count).max(0);
        let stable_gain = (want_stable - stable_count).clamp(0, room);
        stable_count += stable_gain;
        room -= stable_gain;
        canary_count += (want_canary - canary_count).clamp(0, room);

        // Downwards: growing canaries excuse unavailable stable pods' counterpart and the other way round.
        let increasing = want_canary >= i64::from(canary.desired);
        let reckoned = canary.for_scale_down(!increasing) + stable.for_scale_down(increasing);
        let spare = reckoned - limits.least_available;
        if spare > 0 {
            if increasing {
                stable_count = drained(stable, want_stable, spare, stable_count);
                (stable_count, canary_count) = limits.adjust((stable, stable_count), (canary, canary_count));
            } else {
                canary_count = drained(canary, want_canary, spare, canary_count);
                (canary_count, stable_count) = limits.adjust((canary, canary_count), (stable, stable_count));
            }
        }
        let pods = |n: i64| u32::try_from(n.max(0)).unwrap_or(u32::MAX);
        (pods(canary_count), pods(stable_count))
    }
}

/// The count of a side that shrinks: as far as `spare` lets it, not below what is wanted.
fn drained(set: PodSet, wanted: i64, spare: i64, count: i64) -> i64 {
    let desired = i64::from(set.desired);
    if desired > wanted { wanted.max(desired - spare) } else { count }
}

struct Limits {
    most: i64,
    least_available: i64,
}

impl Limits {
    /// Brings a shrinking and a kept side inside the limits (`adjustReplicaWithinLimits`): the kept side gives up
    /// what is above the surge, gets back what availability needs, and the shrinking side pays for that.
    fn adjust(&self, (drain, drain_count): (PodSet, i64), (keep, keep_count): (PodSet, i64)) -> (i64, i64) {
        let over = (keep_count + drain_count - self.most).max(0);
        let mut kept = keep_count - over;
        let keep_available = i64::from(keep.available);
        let available = i64::from(drain.available).min(drain_count) + keep_available.min(kept);
        let lost = (keep_available - kept).max(0);
        let missing = (self.least_available - available).max(0);
        kept += lost.min(missing);
        let over = (kept + drain_count - self.most).max(0);
        (drain_count - over, kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_always_add_up() {
        for replicas in 0..30 {
            for weight in 0..=100 {
                for surge in 0..2 {
                    let (canary, stable) = approximate_weighted(replicas, weight, 100, surge);
                    let total = canary + stable;
                    assert!(total >= replicas && total <= replicas + surge, "{replicas} {weight} {surge}");
                    let left_open = surge == 0
                        && is_tied(weight, 100, replicas)
                        && weight * replicas > 100 * (replicas - 1);
                    if replicas > 1 && weight > 0 && !left_open {
                        assert!(canary >= 1, "{replicas} {weight} {surge}");
                    }
                }
            }
        }
    }

    #[test]
    fn an_even_tie_next_to_all_pods_gives_none_as_upstream() {
        assert_eq!(approximate_weighted(2, 75, 100, 0), (0, 2));
        assert_eq!(approximate_weighted(5, 90, 100, 0), (0, 5));
        assert_eq!(approximate_weighted(5, 90, 100, 1), (5, 1));
    }

    #[test]
    fn allowances_round_apart_and_are_never_both_zero() {
        let quarter = Amount::Percent(25.0);
        assert_eq!(resolve(quarter, quarter, 10), (3, 2));
        assert_eq!(resolve(Amount::Pods(0), Amount::Percent(0.0), 10), (0, 1));
        assert_eq!(resolve(Amount::Percent(1.0), Amount::Pods(50), 10), (1, 10));
    }

    #[test]
    fn an_abort_waits_for_stable_pods_only_with_dynamic_scale() {
        assert_eq!(abort_weight(10, 5, 50, false), 0);
        assert_eq!(abort_weight(10, 5, 50, true), 50);
        assert_eq!(abort_weight(10, 9, 50, true), 10);
        assert_eq!(abort_weight(10, 8, 10, true), 10);
        assert_eq!(abort_weight(10, 12, 50, true), 0);
    }

    #[test]
    fn a_basic_canary_reaches_its_weight_when_pods_become_ready() {
        let target = BasicCanary {
            replicas: 10,
            weight: 40,
            max_surge: Amount::Pods(1),
            max_unavailable: Amount::Pods(0),
        };
        let ready = |n| PodSet { desired: n, available: n };
        let (mut canary, mut stable) = (ready(0), ready(10));
        for _ in 0..20 {
            let (c, s) = target.next_counts(canary, stable);
            assert!(c + s <= 11 && c.min(canary.available) + s.min(stable.available) >= 10);
            (canary, stable) = (ready(c), ready(s));
        }
        assert_eq!((canary.desired, stable.desired), approximate_weighted(10, 40, 100, 1));
    }
}
