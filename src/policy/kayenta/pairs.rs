//! Series of the experiment beside series of the control (`MetricSetMixerService.java`).
//!
//! Both sides are laid on the grid of the window, NaN where there is no value. Series with equal labels are a pair; what
//! has no counterpart gets one without values. Where one side has no labels at all (it usually has no series either) it
//! is without values for every series of the other. Sides whose series have different label names cannot be paired.
//!
//! Trap: an expression that keeps a label which tells the two releases apart pairs nothing, so all of it is without data.

use std::collections::{BTreeMap, BTreeSet};

use crate::promql::{Labels, Value};
use crate::time::{SimDuration, SimTime};

/// The instants of a window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    pub(super) start: SimTime,
    pub(super) end: SimTime,
    pub(super) step: SimDuration,
}

/// A metric's values on both sides.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pair {
    /// The labels of both, as they are shown: empty, or `{zone="a"}`.
    pub(super) tags: String,
    pub(super) experiment: Vec<f64>,
    pub(super) control: Vec<f64>,
}

type Side = BTreeMap<Labels, Vec<f64>>;

impl Grid {
    fn len(&self) -> usize {
        let steps = self.end.since(self.start).as_nanos() / self.step.as_nanos().max(1);
        usize::try_from(steps).unwrap_or(usize::MAX).saturating_add(1)
    }

    fn nothing(&self) -> Vec<f64> {
        vec![f64::NAN; self.len()]
    }

    fn lay(&self, points: &[(i64, f64)]) -> Vec<f64> {
        let mut values = self.nothing();
        for (at, value) in points {
            let place = (at - self.start.as_millis()) / self.step.as_millis().max(1);
            if let Some(slot) = usize::try_from(place).ok().and_then(|place| values.get_mut(place)) {
                *slot = *value;
            }
        }
        values
    }
}

/// The series of one side by their labels; one without labels and values where there is none.
fn side(value: &Value, grid: &Grid) -> Side {
    let mut side = Side::new();
    if let Value::Matrix(all) = value {
        for series in all {
            side.insert(series.labels.without(&[crate::promql::METRIC_NAME]), grid.lay(&series.points));
        }
    }
    if side.is_empty() {
        side.insert(Labels::empty(), grid.nothing());
    }
    side
}

/// The pairs of two answers.
///
/// # Errors
/// When the series of the two have different label names, in words.
pub(super) fn mix(experiment: &Value, control: &Value, grid: Grid) -> Result<Vec<Pair>, String> {
    let (experiment, control) = (side(experiment, &grid), side(control, &grid));
    let (of_experiment, of_control) = (names(&experiment), names(&control));
    if !of_experiment.is_empty() && !of_control.is_empty() && of_experiment != of_control {
        let shown = |names: &BTreeSet<&str>| names.iter().copied().collect::<Vec<_>>().join(", ");
        return Err(format!(
            "series of the experiment have the labels {} and those of the control {}",
            shown(&of_experiment),
            shown(&of_control)
        ));
    }
    let empty = Labels::empty();
    let tags: BTreeSet<&Labels> = match (experiment.contains_key(&empty), control.contains_key(&empty)) {
        (true, false) => control.keys().collect(),
        (false, true) => experiment.keys().collect(),
        _ => experiment.keys().chain(control.keys()).collect(),
    };
    let of = |side: &Side, tags: &Labels| side.get(tags).cloned().unwrap_or_else(|| grid.nothing());
    Ok(tags
        .into_iter()
        .map(|tags| Pair {
            tags: shown(tags),
            experiment: of(&experiment, tags),
            control: of(&control, tags),
        })
        .collect())
}

fn names(side: &Side) -> BTreeSet<&str> {
    side.keys().flat_map(|labels| labels.iter().map(|(name, _)| name)).collect()
}

fn shown(labels: &Labels) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{{{}}}", pairs.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promql::Series;

    fn grid() -> Grid {
        let at = |seconds| SimTime::ZERO + SimDuration::from_secs(seconds);
        Grid { start: at(60), end: at(180), step: SimDuration::from_mins(1) }
    }

    fn series(labels: &[(&str, &str)], points: &[(i64, f64)]) -> Series {
        let pairs: Vec<(&str, &str)> = labels.to_vec();
        Series { labels: Labels::new(pairs), points: points.to_vec() }
    }

    fn same(found: &[f64], expected: &[f64]) -> bool {
        found.len() == expected.len()
            && found.iter().zip(expected).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()))
    }

    #[test]
    fn values_lie_on_the_grid_and_gaps_are_nan() {
        let one = Value::Matrix(vec![series(&[], &[(60_000, 1.0), (180_000, 3.0)])]);
        let pairs = mix(&one, &one, grid()).unwrap();
        assert_eq!(pairs.len(), 1);
        assert!(same(&pairs[0].experiment, &[1.0, f64::NAN, 3.0]));
    }

    #[test]
    fn series_are_paired_by_labels_and_a_missing_one_has_no_values() {
        let a = || series(&[("zone", "a")], &[(60_000, 1.0)]);
        let b = || series(&[("zone", "b")], &[(60_000, 2.0)]);
        let pairs = mix(&Value::Matrix(vec![a(), b()]), &Value::Matrix(vec![b()]), grid()).unwrap();
        let tags: Vec<&str> = pairs.iter().map(|pair| pair.tags.as_str()).collect();
        assert_eq!(tags, ["{zone=\"a\"}", "{zone=\"b\"}"]);
        assert!(pairs[0].control.iter().all(|v| v.is_nan()) && pairs[1].control[0] == 2.0);
        // Nothing on one side: every series of the other stands alone.
        let pairs = mix(&Value::Matrix(vec![a(), b()]), &Value::Matrix(Vec::new()), grid()).unwrap();
        assert_eq!(pairs.len(), 2);
        // Nothing on both: one pair without values.
        let none = Value::Matrix(Vec::new());
        let pairs = mix(&none, &none, grid()).unwrap();
        assert!(pairs.len() == 1 && pairs[0].control.len() == 3);
    }

    #[test]
    fn other_label_names_cannot_be_paired() {
        let a = Value::Matrix(vec![series(&[("zone", "a")], &[(60_000, 1.0)])]);
        let b = Value::Matrix(vec![series(&[("region", "a")], &[(60_000, 1.0)])]);
        let fact = mix(&a, &b, grid()).unwrap_err();
        assert!(fact.contains("zone") && fact.contains("region"), "{fact}");
    }
}
