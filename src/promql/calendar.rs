//! Fields of a date: `hour()`, `day_of_week()` and the like, always in UTC.
//!
//! They read seconds since the beginning of 1970 (`promql/functions.go`, `dateWrapper`), parts of a second cut off. In a
//! simulation that is the beginning of the warm-up, so a run begins on a Thursday at midnight.
//!
//! Traps: a week begins with Sunday, as 0; what is no finite number has no date and gives NaN.

/// A field of a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Field {
    Minute,
    Hour,
    DayOfWeek,
    DayOfMonth,
    DayOfYear,
    DaysInMonth,
    Month,
    Year,
}

const DAY: i64 = 86_400;
/// Days before each month of a year that is no leap year.
const BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];

impl Field {
    /// The field of the date so many seconds after the beginning of 1970.
    pub(super) fn of(self, seconds: f64) -> f64 {
        if !seconds.is_finite() {
            return f64::NAN;
        }
        // Dates beyond the range of an integer are its ends.
        let seconds = seconds.trunc() as i64;
        let (days, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
        let (year, month, day) = civil(days);
        let value = match self {
            Field::Minute => second / 60 % 60,
            Field::Hour => second / 3600,
            Field::DayOfWeek => (days + 4).rem_euclid(7),
            Field::DayOfMonth => day,
            Field::DayOfYear => days_before(year, month) + day,
            Field::DaysInMonth => days_in_month(year, month),
            Field::Month => month,
            Field::Year => year,
        };
        value as f64
    }
}

/// Year, month (1 to 12) and day (1 to 31) of a day counted from the beginning of 1970, in the Gregorian calendar.
///
/// Years are counted from March, so that the day that is not always there is the last of its year (H. Hinnant,
/// "chrono-compatible low-level date algorithms").
fn civil(days: i64) -> (i64, i64, i64) {
    let from_year_0 = days + 719_468;
    let (era, in_era) = (from_year_0.div_euclid(146_097), from_year_0.rem_euclid(146_097));
    let year_of_era = (in_era - in_era / 1460 + in_era / 36_524 - in_era / 146_096) / 365;
    let day_of_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_before(year: i64, month: i64) -> i64 {
    let leap_day = i64::from(month > 2 && is_leap(year));
    usize::try_from(month - 1).ok().and_then(|month| BEFORE.get(month)).map_or(0, |days| days + leap_day)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_that_are_known() {
        // 2006-01-02 22:04:05 UTC was a Monday; 2000-02-29 was in a leap year, 1969-12-31 was before the beginning.
        for (seconds, fields) in [
            (1_136_239_445.0, [4.0, 22.0, 1.0, 2.0, 2.0, 31.0, 1.0, 2006.0]),
            (951_782_400.5, [0.0, 0.0, 2.0, 29.0, 60.0, 29.0, 2.0, 2000.0]),
            (-1.0, [59.0, 23.0, 3.0, 31.0, 365.0, 31.0, 12.0, 1969.0]),
            (0.0, [0.0, 0.0, 4.0, 1.0, 1.0, 31.0, 1.0, 1970.0]),
        ] {
            use Field as F;
            let all = [
                F::Minute,
                F::Hour,
                F::DayOfWeek,
                F::DayOfMonth,
                F::DayOfYear,
                F::DaysInMonth,
                F::Month,
                F::Year,
            ];
            assert_eq!(all.map(|field| field.of(seconds)), fields, "{seconds}");
        }
        assert!(Field::Year.of(f64::INFINITY).is_nan() && Field::Hour.of(f64::NAN).is_nan());
        assert!(Field::Year.of(1e300).is_finite());
    }

    #[test]
    fn days_go_on_one_by_one() {
        let mut before = civil(-800_000);
        for day in -799_999..800_000 {
            let date = civil(day);
            let (year, month, of_month) = before;
            let next = match of_month + 1 {
                day if day <= days_in_month(year, month) => (year, month, day),
                _ if month < 12 => (year, month + 1, 1),
                _ => (year + 1, 1, 1),
            };
            assert_eq!(date, next);
            before = date;
        }
    }
}
