//! Figures as people read them: rounded to what the eye needs, never rounded across a limit that matters.
//!
//! A share above 0 never prints as `0 %`, one below 1 never as `100 %`; a time keeps its two largest units.

/// A share as a percentage: `3.1 %`, `21 %`, `<0.1 %`.
pub fn percent(share: f64) -> String {
    let p = share * 100.0;
    match p {
        p if p <= 0.0 => "0 %".to_owned(),
        p if p < 0.1 => "<0.1 %".to_owned(),
        p if p < 9.95 => format!("{} %", trim(format!("{p:.1}"))),
        p if p >= 100.0 => format!("{p:.0} %"),
        p if p > 99.9 => ">99.9 %".to_owned(),
        p if p >= 99.5 => format!("{p:.1} %"),
        _ => format!("{p:.0} %"),
    }
}

/// A percentage without its sign, for intervals: `1.9`, `21`, `<.1`.
pub fn bare_percent(share: f64) -> String {
    percent(share).trim_end_matches(" %").replace("<0.1", "<.1")
}

/// Seconds as a time: `0s`, `0.4s`, `42s`, `1m42s`, `12m`, `1h05m`; negative ones with their sign.
pub fn duration(seconds: f64) -> String {
    if seconds < 0.0 {
        return format!("-{}", duration(-seconds));
    }
    if seconds < 9.95 {
        return match seconds {
            s if s <= 0.0 => "0s".to_owned(),
            s if s < 0.1 => "<0.1s".to_owned(),
            s => format!("{}s", trim(format!("{s:.1}"))),
        };
    }
    let whole = seconds.round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, 0) => format!("{m}m"),
        (0, m, s) => format!("{m}m{s:02}s"),
        (h, 0, _) => format!("{h}h"),
        (h, m, _) => format!("{h}h{m:02}m"),
    }
}

/// A mean count: `0`, `0.3`, `42`, `9,876`, `12.3k`, `4.5M`.
pub fn count(n: f64) -> String {
    if n < 0.0 {
        return format!("-{}", count(-n));
    }
    match n {
        n if n <= 0.0 => "0".to_owned(),
        n if n < 0.1 => "<0.1".to_owned(),
        n if n < 9.95 => trim(format!("{n:.1}")),
        n if n < 9_999.5 => thousands(n.round() as u64),
        n if n < 999_950.0 => format!("{}k", trim(format!("{:.1}", n / 1e3))),
        n => format!("{}M", trim(format!("{:.1}", n / 1e6))),
    }
}

/// A whole number with a comma every three digits.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Any value to three significant digits, small and huge ones with an exponent: `0.0083`, `99.2`, `412`, `1.2e-7`.
pub fn value(x: f64) -> String {
    let size = x.abs();
    match size {
        0.0 => "0".to_owned(),
        s if !(1e-4..1e7).contains(&s) => format!("{x:.1e}"),
        s if s >= 1000.0 => format!("{x:.0}"),
        s => {
            let digits = (2 - libm::floor(libm::log10(s)) as i64).clamp(0, 6) as usize;
            trim(format!("{x:.digits$}"))
        }
    }
}

/// Without zeros after the point.
fn trim(text: String) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_do_not_round_across_none_and_all() {
        for (share, text) in [
            (0.0, "0 %"),
            (0.0004, "<0.1 %"),
            (0.031, "3.1 %"),
            (0.05, "5 %"),
            (0.0996, "10 %"),
            (0.214, "21 %"),
            (0.9962, "99.6 %"),
            (0.99996, ">99.9 %"),
            (1.0, "100 %"),
        ] {
            assert_eq!(percent(share), text);
        }
        assert_eq!(bare_percent(0.0004), "<.1");
    }

    #[test]
    fn times_keep_two_units() {
        for (seconds, text) in [
            (0.0, "0s"),
            (0.42, "0.4s"),
            (9.97, "10s"),
            (59.6, "1m"),
            (102.0, "1m42s"),
            (125.0, "2m05s"),
            (3900.0, "1h05m"),
            (7200.0, "2h"),
            (-90.0, "-1m30s"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn counts_and_values() {
        for (n, text) in [
            (0.0, "0"),
            (0.04, "<0.1"),
            (0.31, "0.3"),
            (42.4, "42"),
            (9876.0, "9,876"),
            (12_345.0, "12.3k"),
            (4.5e6, "4.5M"),
            (-3.0, "-3"),
        ] {
            assert_eq!(count(n), text);
        }
        for (x, text) in [
            (0.008_31, "0.00831"),
            (99.21, "99.2"),
            (412.3, "412"),
            (1.2e-7, "1.2e-7"),
            (0.0, "0"),
            (0.5, "0.5"),
        ] {
            assert_eq!(value(x), text);
        }
        assert_eq!(thousands(1_234_567), "1,234,567");
    }
}
