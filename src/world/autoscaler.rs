//! The horizontal pod autoscaler of Kubernetes (`autoscaling/v2`) on CPU utilisation.
//!
//! Every sync period it compares the mean CPU use of the ready pods, relative to their request, with the target and
//! asks for `ceil(ready pods x use / target)`, unless the ratio is within the tolerance. Semantics of
//! `pkg/controller/podautoscaler`: `replica_calculator.go` (`GetResourceReplicas`) and `horizontal.go`
//! (`normalizeDesiredReplicasWithBehaviors`) with the default behaviour: up at most to the double or by 4 pods a
//! period, down freely, upwards at once, downwards to the largest recommendation of the stabilisation window.
//!
//! Traps: the count starts from the *ready pods* it sees, not from the replicas asked for, so pods beyond them (the
//! canary of an Argo rollout) raise the number; a pod counts as not ready until it has been ready for a whole metrics
//! window (one sync period here) in its first five minutes, and then uses nothing when the ratio asks for more.

use std::collections::VecDeque;

use crate::quantity::Ratio;
use crate::time::{SimDuration, SimTime};

/// For this long after its creation a pod's CPU use only counts once it was ready for a whole metrics window
/// (`--horizontal-pod-autoscaler-cpu-initialization-period`).
pub const CPU_INITIALIZATION: SimDuration = SimDuration::from_mins(5);

/// Pods a single period may add whatever the number (default policies: the larger of 100 % and 4 pods per 15 s).
const PODS_UP: u32 = 4;

/// The parameters of an autoscaler.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AutoscalerSpec {
    /// Fewest replicas, at least 1.
    pub min: u32,
    /// Most replicas.
    pub max: u32,
    /// Target: mean CPU use over CPU request.
    pub target: Ratio,
    /// Time between looks, and the window CPU use is measured over.
    pub sync: SimDuration,
    /// Deviation of the ratio of use and target from 1 that changes nothing.
    pub tolerance: Ratio,
    /// An increase must have been recommended throughout this time.
    pub stabilize_up: SimDuration,
    /// A decrease must have been recommended throughout this time.
    pub stabilize_down: SimDuration,
}

/// How a pod counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PodLoad {
    /// It counts with this CPU use, relative to its request.
    Used(f64),
    /// It is not ready, or not for long enough.
    Unready,
    /// Its container does not run, so there are no metrics of it.
    Missing,
}

/// An autoscaler at work on one workload.
#[derive(Clone, Debug, PartialEq)]
pub struct Autoscaler {
    /// Replicas it asks for.
    pub replicas: u32,
    /// What it would have asked for at recent syncs, before stabilisation.
    recommendations: VecDeque<(SimTime, u32)>,
}

impl Autoscaler {
    /// One that finds this many replicas.
    pub fn new(replicas: u32) -> Self {
        Autoscaler { replicas, recommendations: VecDeque::new() }
    }

    /// One sync; returns whether the number changed.
    pub fn sync(&mut self, spec: &AutoscalerSpec, pods: &[PodLoad], now: SimTime) -> bool {
        let before = self.replicas;
        let wanted = proposal(spec, pods, before).clamp(spec.min, spec.max);
        self.replicas =
            self.stabilized(spec, wanted, now).clamp(spec.min, spec.max).min(limit_up(before).max(spec.min));
        self.replicas != before
    }

    /// The recommendation that the whole stabilisation window supports.
    fn stabilized(&mut self, spec: &AutoscalerSpec, wanted: u32, now: SimTime) -> u32 {
        let longest = spec.stabilize_up.max(spec.stabilize_down);
        while self.recommendations.front().is_some_and(|(at, _)| now.since(*at) >= longest) {
            self.recommendations.pop_front();
        }
        let within = |window: SimDuration| {
            self.recommendations.iter().filter(move |(at, _)| now.since(*at) < window).map(|(_, n)| *n)
        };
        let up = within(spec.stabilize_up).fold(wanted, u32::min);
        let down = within(spec.stabilize_down).fold(wanted, u32::max);
        self.recommendations.push_back((now, wanted));
        self.replicas.max(up).min(down.max(up))
    }

    /// What it remembers, for comparisons: times and numbers.
    pub fn memory(&self) -> impl Iterator<Item = (SimTime, u32)> + '_ {
        self.recommendations.iter().copied()
    }
}

fn limit_up(replicas: u32) -> u32 {
    (replicas * 2).max(replicas + PODS_UP)
}

/// The number of replicas that brings the use to the target, before bounds and stabilisation.
fn proposal(spec: &AutoscalerSpec, pods: &[PodLoad], current: u32) -> u32 {
    let target = spec.target.get().max(1e-9);
    let used: Vec<f64> = pods
        .iter()
        .filter_map(|pod| if let PodLoad::Used(use_) = pod { Some(*use_) } else { None })
        .collect();
    if used.is_empty() {
        return current;
    }
    let unready = pods.iter().filter(|pod| **pod == PodLoad::Unready).count();
    let missing = pods.iter().filter(|pod| **pod == PodLoad::Missing).count();
    let sum: f64 = used.iter().sum();
    let ratio = sum / used.len() as f64 / target;
    let steady = |ratio: f64| (ratio - 1.0).abs() <= spec.tolerance.get();
    // Counts stay far below 2^32.
    let pods_for = |ratio: f64, count: usize| (ratio * count as f64 - 1e-9).ceil().max(0.0) as u32;
    let rising = ratio > 1.0;
    if (unready == 0 || !rising) && missing == 0 {
        return if steady(ratio) { current } else { pods_for(ratio, used.len()) };
    }
    // Pods that say nothing are taken to be against the change: full when it goes down, idle when it goes up.
    let (mut count, mut total) = (used.len(), sum);
    if missing > 0 {
        count += missing;
        total += if ratio < 1.0 { missing as f64 * target.max(1.0) } else { 0.0 };
    }
    if rising {
        count += unready;
    }
    let careful = total / count as f64 / target;
    if steady(careful) || (ratio < 1.0) != (careful < 1.0) {
        return current;
    }
    let wanted = pods_for(careful, count);
    if (careful < 1.0 && wanted > current) || (careful > 1.0 && wanted < current) { current } else { wanted }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> AutoscalerSpec {
        AutoscalerSpec {
            min: 2,
            max: 20,
            target: Ratio::new(0.5).unwrap(),
            sync: SimDuration::from_secs(15),
            tolerance: Ratio::new(0.1).unwrap(),
            stabilize_up: SimDuration::ZERO,
            stabilize_down: SimDuration::from_mins(5),
        }
    }

    fn at(seconds: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_secs(seconds)
    }

    #[test]
    fn the_documented_arithmetic() {
        let used = |share: f64, n: usize| vec![PodLoad::Used(share); n];
        assert_eq!(proposal(&spec(), &used(0.75, 4), 4), 6);
        assert_eq!(proposal(&spec(), &used(0.54, 4), 4), 4, "inside the tolerance");
        assert_eq!(proposal(&spec(), &used(0.2, 4), 4), 2);
        assert_eq!(proposal(&spec(), &[], 4), 4);
        assert_eq!(proposal(&spec(), &used(0.6, 5), 4), 6, "the pods that are seen count, not the replicas");
    }

    #[test]
    fn silent_pods_speak_against_the_change() {
        let mut pods = vec![PodLoad::Used(1.0); 4];
        pods.extend([PodLoad::Unready; 2]);
        // 4 of 6 at the double: 8 instead of 8 from 4, but no more than 4 / 6 x 2 x 6.
        assert_eq!(proposal(&spec(), &pods, 6), 8);
        let mut pods = vec![PodLoad::Used(0.6); 4];
        pods.extend([PodLoad::Unready; 2]);
        assert_eq!(proposal(&spec(), &pods, 6), 6, "the unready ones turn the direction");
        let mut pods = vec![PodLoad::Used(0.2); 4];
        pods.push(PodLoad::Missing);
        // Missing counts as 100 %: (4 x 0.2 + 1) / 5 / 0.5 = 0.72.
        assert_eq!(proposal(&spec(), &pods, 5), 4);
    }

    #[test]
    fn up_at_once_within_the_policy_down_after_the_window() {
        let mut scaler = Autoscaler::new(2);
        assert!(scaler.sync(&spec(), &[PodLoad::Used(5.0); 2], at(15)));
        assert_eq!(scaler.replicas, 6, "two pods may become six in a period");
        assert!(scaler.sync(&spec(), &[PodLoad::Used(5.0); 6], at(30)));
        assert_eq!(scaler.replicas, 12);
        for step in 3..=21 {
            assert!(!scaler.sync(&spec(), &[PodLoad::Used(0.05); 12], at(15 * step)), "{step}");
        }
        assert!(scaler.sync(&spec(), &[PodLoad::Used(0.05); 12], at(330)));
        assert_eq!(scaler.replicas, 2);
    }
}
