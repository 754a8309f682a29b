//! A CloudWatch alarm: M of N datapoints, and what becomes of those that are missing.
//!
//! An alarm looks back over more periods than it evaluates (the *evaluation range*), so that late data have a chance. If
//! the range holds at least as many datapoints as are evaluated, the newest of those count and how missing data are
//! treated does not matter. Else all that are there count, and the setting fills up the rest (CloudWatch user guide,
//! "Configuring how CloudWatch alarms treat missing data").
//!
//! Traps: with `missing`, the default, an alarm goes to ALARM on fewer than M datapoints when every one there is breaching
//! and the oldest is at least M periods old; a service without traffic has no datapoints at all, which only `breaching`
//! takes for a failure.

/// One period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Datapoint {
    /// On the good side.
    Good,
    /// On the bad side.
    Breaching,
    /// There is no datapoint.
    Missing,
}

/// `treatMissingData`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TreatMissing {
    /// It is not known: no data at all is INSUFFICIENT_DATA.
    #[default]
    Missing,
    /// The state stays.
    Ignore,
    /// It counts as bad.
    Breaching,
    /// It counts as good.
    NotBreaching,
}

/// The state of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlarmState {
    /// Good.
    Ok,
    /// Bad.
    Alarm,
    /// Not known.
    InsufficientData,
}

impl AlarmState {
    /// CloudWatch's word.
    pub const fn word(self) -> &'static str {
        match self {
            AlarmState::Ok => "OK",
            AlarmState::Alarm => "ALARM",
            AlarmState::InsufficientData => "INSUFFICIENT_DATA",
        }
    }
}

/// Periods looked at beyond those that are evaluated, as in the guide's examples (5 for 3); CloudWatch itself chooses the
/// number by the length of the period.
pub const EXTRA_PERIODS: u32 = 2;

/// The state after the datapoints of an evaluation range, oldest first; `None` if it stays what it is.
///
/// `needed` of `evaluated` datapoints must be breaching.
pub fn evaluate(
    points: &[Datapoint],
    needed: u32,
    evaluated: u32,
    treat: TreatMissing,
) -> Option<AlarmState> {
    let breaching = |points: &[Datapoint]| points.iter().filter(|p| **p == Datapoint::Breaching).count();
    let there: Vec<Datapoint> = points.iter().copied().filter(|p| *p != Datapoint::Missing).collect();
    let (needed, evaluated) = (needed as usize, evaluated as usize);
    let state = |bad: usize| Some(if bad >= needed { AlarmState::Alarm } else { AlarmState::Ok });
    if there.len() >= evaluated {
        return state(breaching(&there[there.len() - evaluated..]));
    }
    let (bad, filled) = (breaching(&there), evaluated - there.len());
    match treat {
        TreatMissing::Breaching => return state(bad + filled),
        TreatMissing::NotBreaching => return state(bad),
        TreatMissing::Missing if there.is_empty() => return Some(AlarmState::InsufficientData),
        TreatMissing::Ignore if there.is_empty() => return None,
        _ => {}
    }
    if bad >= needed || bad < there.len() {
        return state(bad);
    }
    // All that is there is breaching, and it is too little to say so, unless it has been so for long enough.
    let first = points.iter().position(|p| *p == Datapoint::Breaching).unwrap_or(points.len());
    let is_old_enough = points.len() - first >= needed;
    (treat == TreatMissing::Missing && is_old_enough).then_some(AlarmState::Alarm)
}

/// `ComparisonOperator` against a fixed threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `GreaterThanThreshold`.
    Above,
    /// `GreaterThanOrEqualToThreshold`.
    AtLeast,
    /// `LessThanThreshold`.
    Below,
    /// `LessThanOrEqualToThreshold`.
    AtMost,
}

impl Comparison {
    /// Whether a value is on the bad side.
    pub fn breaches(self, value: f64, threshold: f64) -> bool {
        match self {
            Comparison::Above => value > threshold,
            Comparison::AtLeast => value >= threshold,
            Comparison::Below => value < threshold,
            Comparison::AtMost => value <= threshold,
        }
    }

    /// The comparison as it is written.
    pub const fn sign(self) -> &'static str {
        match self {
            Comparison::Above => ">",
            Comparison::AtLeast => ">=",
            Comparison::Below => "<",
            Comparison::AtMost => "<=",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(text: &str) -> Vec<Datapoint> {
        let of = |c| match c {
            '0' => Datapoint::Good,
            'X' => Datapoint::Breaching,
            _ => Datapoint::Missing,
        };
        text.chars().map(of).collect()
    }

    #[test]
    fn a_breach_that_is_young_does_not_fire_and_one_that_is_old_does() {
        use TreatMissing::{Ignore, Missing};
        assert_eq!(evaluate(&points("----X"), 3, 3, Missing), None);
        assert_eq!(evaluate(&points("--X--"), 3, 3, Missing), Some(AlarmState::Alarm));
        assert_eq!(evaluate(&points("--X--"), 3, 3, Ignore), None);
        // The newest datapoints count, from further back if need be.
        assert_eq!(evaluate(&points("XX--X"), 3, 3, Ignore), Some(AlarmState::Alarm));
        assert_eq!(evaluate(&points("X-00-"), 1, 3, Missing), Some(AlarmState::Alarm));
        assert_eq!(evaluate(&points("X-00-"), 1, 2, Missing), Some(AlarmState::Ok));
    }

    #[test]
    fn the_threshold_itself_is_on_the_side_the_operator_says() {
        let all = [Comparison::Above, Comparison::AtLeast, Comparison::Below, Comparison::AtMost];
        assert_eq!(all.map(|c| c.breaches(1.0, 1.0)), [false, true, false, true]);
        assert_eq!(all.map(|c| c.breaches(f64::NAN, 1.0)), [false; 4]);
    }
}
