//! Figures as the cells of a table: short, rounded, `-` where there is nothing to say.

use crate::score::times::Times;
use crate::score::{Estimate, Note, words};

/// Most characters of an efficacy with its interval.
pub const WITHIN_MAX: usize = 9;

/// A cell without a figure.
pub const NONE: &str = "-";

/// A quantile of a time: `1m42s`, or `>30m` when it was not reached within that follow-up.
pub fn time(estimate: &Estimate, times: &Times) -> String {
    match (estimate.value, estimate.note, times.followed) {
        (Some(seconds), _, _) => words::duration(seconds),
        (None, Some(Note::BeyondFollowUp), Some(followed)) => {
            format!(">{}", words::duration(coarse(followed)))
        }
        _ => NONE.to_owned(),
    }
}

/// A follow-up rounded down to minutes from ten minutes on, to hours from ten hours on: "longer than" stays true.
fn coarse(seconds: f64) -> f64 {
    let unit = match seconds {
        s if s >= 36_000.0 => 3600.0,
        s if s >= 600.0 => 60.0,
        _ => return seconds,
    };
    (seconds / unit).floor() * unit
}

/// A share: `3.1%`.
pub fn share(estimate: &Estimate) -> String {
    estimate.value.map_or_else(|| NONE.to_owned(), |share| words::percent(share).replace(' ', ""))
}

/// A share with its interval: `3.1% (1.9-4.8)`; whole percents from 10 on.
pub fn share_with_interval(estimate: &Estimate) -> String {
    let (Some(value), Some(low), Some(high)) = (estimate.value, estimate.low, estimate.high) else {
        return share(estimate);
    };
    let limit = |x: f64| if value >= 0.0995 { format!("{:.0}", x * 100.0) } else { words::bare_percent(x) };
    format!("{} ({}-{})", share(estimate), limit(low), limit(high))
}

/// A mean count.
pub fn count(estimate: &Estimate) -> String {
    estimate.value.map_or_else(|| NONE.to_owned(), words::count)
}

/// Efficacy: `72`, `-340`, `-12.3k`.
pub fn efficacy(estimate: &Estimate) -> String {
    estimate.value.map_or_else(|| NONE.to_owned(), whole)
}

/// Efficacy and half the width of its interval: `72 ±7`; the jackknife's interval is symmetric.
pub fn efficacy_within(estimate: &Estimate) -> String {
    match (estimate.value, estimate.high) {
        (Some(value), Some(high)) if high > value => {
            let both = format!("{} ±{}", whole(value), whole(high - value));
            // Where it is worse than nothing by far, how far exactly is not what one looks for.
            if both.chars().count() > WITHIN_MAX { whole(value) } else { both }
        }
        _ => efficacy(estimate),
    }
}

/// Efficacy with its interval: `72 (65 to 78)`.
pub fn efficacy_with_interval(estimate: &Estimate) -> String {
    match (estimate.value, estimate.low, estimate.high) {
        (Some(value), Some(low), Some(high)) => {
            format!("{} ({} to {})", whole(value), whole(low), whole(high))
        }
        _ => efficacy(estimate),
    }
}

/// A number without a fraction.
pub fn whole(x: f64) -> String {
    if x.abs() < 9_999.5 {
        let rounded = x.round();
        return format!("{}", if rounded == 0.0 { 0.0 } else { rounded });
    }
    words::count(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_say_what_is_known() {
        let e = |v, l, h| Estimate::new(v, Some(l), Some(h), 9);
        assert_eq!(share_with_interval(&e(0.031, 0.019, 0.048)), "3.1% (1.9-4.8)");
        assert_eq!(share_with_interval(&e(0.996, 0.991, 0.999)), "99.6% (99-100)");
        assert_eq!(share_with_interval(&e(0.0, 0.0, 0.0004)), "0% (0-<.1)");
        assert_eq!(efficacy_with_interval(&e(-0.2, -3.4, 2.0)), "0 (-3 to 2)");
        assert_eq!(efficacy_within(&e(72.0, 65.0, 79.0)), "72 ±7");
        assert_eq!(efficacy_within(&e(-1378.0, -1500.0, -1256.0)), "-1378");
        assert_eq!((coarse(599.0), coarse(1759.0), coarse(37_000.0)), (599.0, 1740.0, 36_000.0));
        assert_eq!(efficacy(&e(-12_345.0, -13_000.0, 0.0)), "-12.3k");
        assert_eq!(efficacy(&Estimate::absent(Note::NothingToGain, 3)), "-");
    }
}
