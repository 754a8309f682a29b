//! `for` and `keep_firing_for` as Prometheus' alerting rules have them (rules/alerting.go), per series.

use std::collections::BTreeMap;

use crate::promql::Labels;
use crate::time::{SimDuration, SimTime};

/// An alert of one series.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Alert {
    /// Since when it has been bad without a break.
    active_at: SimTime,
    firing: bool,
    /// Since when its series has been missing while it goes on firing.
    missing_since: Option<SimTime>,
}

/// The alerts of one rule.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Alerts(BTreeMap<Labels, Alert>);

impl Alerts {
    /// An evaluation: these series are bad now. Returns whether an alert fires.
    pub(super) fn update(
        &mut self,
        bad: impl IntoIterator<Item = Labels>,
        now: SimTime,
        hold_for: SimDuration,
        keep_firing_for: SimDuration,
    ) -> bool {
        let mut present: BTreeMap<Labels, ()> = BTreeMap::new();
        for labels in bad {
            let fresh = Alert { active_at: now, firing: false, missing_since: None };
            let alert = self.0.entry(labels.clone()).or_insert(fresh);
            alert.missing_since = None;
            alert.firing |= now.since(alert.active_at) >= hold_for;
            present.insert(labels, ());
        }
        self.0.retain(|labels, alert| {
            if present.contains_key(labels) {
                return true;
            }
            let since = *alert.missing_since.get_or_insert(now);
            alert.firing && now.since(since) < keep_firing_for
        });
        self.0.values().any(|alert| alert.firing)
    }

    /// An evaluation without data that counts as bad: what is active stays so, and something is active.
    pub(super) fn count_as_bad(&mut self, now: SimTime, hold_for: SimDuration) -> bool {
        if self.0.is_empty() {
            let alert = Alert { active_at: now, firing: false, missing_since: None };
            self.0.insert(Labels::empty(), alert);
        }
        for alert in self.0.values_mut() {
            alert.missing_since = None;
            alert.firing |= now.since(alert.active_at) >= hold_for;
        }
        self.is_firing()
    }

    /// Whether an alert fires.
    pub(super) fn is_firing(&self) -> bool {
        self.0.values().any(|alert| alert.firing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOR: SimDuration = SimDuration::from_secs(30);

    fn at(seconds: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_secs(seconds)
    }

    fn series(name: &str) -> Labels {
        Labels::new([("pod", name)])
    }

    #[test]
    fn a_series_must_be_bad_without_a_break() {
        let mut alerts = Alerts::default();
        let mut update = |names: &[&str], seconds| {
            alerts.update(names.iter().map(|n| series(n)), at(seconds), FOR, SimDuration::ZERO)
        };
        assert!(!update(&["a"], 0));
        assert!(!update(&["b"], 15), "another series does not carry the first one on");
        assert!(!update(&["a", "b"], 30));
        assert!(update(&["a", "b"], 45), "b has been bad for 30 s");
        assert!(!update(&["a"], 46));
        assert!(!update(&[], 60));
    }

    #[test]
    fn keep_firing_counts_from_the_first_miss_strictly() {
        let mut alerts = Alerts::default();
        let keep = SimDuration::from_secs(60);
        assert!(alerts.update([series("a")], at(0), SimDuration::ZERO, keep));
        assert!(alerts.update([], at(15), SimDuration::ZERO, keep));
        assert!(alerts.update([], at(74), SimDuration::ZERO, keep));
        assert!(!alerts.update([], at(75), SimDuration::ZERO, keep));
    }

    #[test]
    fn pending_is_dropped_at_once_even_when_firing_is_kept() {
        let mut alerts = Alerts::default();
        let keep = SimDuration::from_secs(60);
        assert!(!alerts.update([series("a")], at(0), FOR, keep));
        assert!(!alerts.update([], at(15), FOR, keep));
        assert!(!alerts.update([series("a")], at(30), FOR, keep));
        assert!(alerts.update([series("a")], at(60), FOR, keep));
    }
}
