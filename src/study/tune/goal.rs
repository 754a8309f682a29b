//! What a variant has to keep to: `false_rollback_rate < 1%`, `detection_time <= 2m`.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::figures::{Figures, Measure};
use crate::time::SimDuration;

/// A limit of a figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Goal {
    /// Of which figure.
    pub measure: Measure,
    /// Whether it has to be below the limit, and not above it.
    pub below: bool,
    /// Whether the limit itself will not do.
    pub strict: bool,
    /// The limit: a share, seconds or a count.
    pub limit: f64,
    written: String,
}

impl Goal {
    /// How far a variant is from it, as a share of the limit; 0 where it keeps to it. A figure that is not there does not.
    pub(super) fn missed_by(&self, figures: &Figures) -> f64 {
        let Some(value) = figures.get(self.measure).value else { return f64::INFINITY };
        if self.holds(value) {
            return 0.0;
        }
        // On the limit, where it has to be passed, is as near as can be.
        ((value - self.limit).abs() / self.limit.abs().max(1e-9)).max(f64::MIN_POSITIVE)
    }

    /// Whether this value keeps to it.
    pub fn holds(&self, value: f64) -> bool {
        let below = if self.below { value < self.limit } else { value > self.limit };
        below || (!self.strict && value == self.limit)
    }

    /// Whether the whole interval keeps to it, as far as it is known: `None` where the limit lies inside.
    pub fn is_shown(&self, figures: &Figures) -> Option<bool> {
        let figure = figures.get(self.measure);
        let (low, high) = (figure.low.map(|low| self.holds(low))?, figure.high.map(|high| self.holds(high))?);
        (low == high).then_some(low)
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl Serialize for Goal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written)
    }
}

impl FromStr for Goal {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let at = text.find(['<', '>']).ok_or("there is no `<` or `>` in it")?;
        let (name, rest) = text.split_at(at);
        let names = || Measure::ALL.map(Measure::name).join(", ");
        let measure = Measure::named(name.trim())
            .ok_or_else(|| format!("`{}` is no figure: there are {}", name.trim(), names()))?;
        let below = rest.starts_with('<');
        let rest = &rest[1..];
        let (strict, value) = rest.strip_prefix('=').map_or((true, rest), |value| (false, value));
        let limit = limit(value.trim()).ok_or_else(|| {
            format!("`{}` is no limit: write a number, a share like `1%` or a time like `2m`", value.trim())
        })?;
        Ok(Goal { measure, below, strict, limit, written: text.trim().to_owned() })
    }
}

fn limit(text: &str) -> Option<f64> {
    let number = |text: &str| text.parse::<f64>().ok().filter(|value| value.is_finite());
    if let Some(percent) = text.strip_suffix('%') {
        return number(percent.trim()).map(|percent| percent / 100.0);
    }
    number(text).or_else(|| text.parse::<SimDuration>().ok().map(SimDuration::as_secs_f64))
}

#[cfg(test)]
mod tests {
    use super::super::figures::tests::outcome;
    use super::*;

    #[test]
    fn goals_are_read_or_refused_with_a_reason() {
        let goal: Goal = "false_rollback_rate < 1%".parse().unwrap();
        assert_eq!(
            (goal.measure, goal.below, goal.strict, goal.limit),
            (Measure::FalseRollbackRate, true, true, 0.01)
        );
        let goal: Goal = "detection_time<=2m".parse().unwrap();
        assert_eq!((goal.limit, goal.strict, goal.holds(120.0)), (120.0, false, true));
        let wrong = |text: &str| text.parse::<Goal>().unwrap_err();
        assert!(wrong("speed < 1").contains("there are detection_time"));
        assert!(wrong("cost = 1").contains("no `<`"));
        assert!(wrong("cost < cheap").contains("is no limit"));
    }

    #[test]
    fn distance_and_proof() {
        let half: Vec<_> = (0..40).map(|i| outcome(i, Some(60.0), i % 2 == 0)).collect();
        let figures = Figures::of(&[half], &[1.0]);
        let of = |text: &str| text.parse::<Goal>().unwrap();
        assert_eq!(of("false_rollback_rate < 60%").missed_by(&figures), 0.0);
        assert!((of("false_rollback_rate < 25%").missed_by(&figures) - 1.0).abs() < 1e-12);
        assert_eq!(of("false_rollback_rate < 60%").is_shown(&figures), None);
        assert_eq!(of("false_rollback_rate < 90%").is_shown(&figures), Some(true));
        assert_eq!(of("false_rollback_rate < 10%").is_shown(&figures), Some(false));
    }
}
