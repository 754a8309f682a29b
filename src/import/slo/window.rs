//! Spans and placeholders in files of objectives.

use crate::diagnostic::Diagnostic;
use crate::document::Reader;
use crate::time::SimDuration;

/// Puts a window in the place of `{{.window}}`, however that is spaced.
pub(super) fn filled(query: &str, window: &str) -> String {
    let mut out = String::new();
    let mut rest = query;
    while let Some((before, (inside, after))) =
        rest.split_once("{{").and_then(|(before, rest)| Some((before, rest.split_once("}}")?)))
    {
        out.push_str(before);
        match inside.trim() {
            ".window" => out.push_str(window),
            _ => out.extend(["{{", inside, "}}"]),
        }
        rest = after;
    }
    out + rest
}

/// A span of OpenSLO: a whole number with one unit, `m h d w M Q Y`, where a lower-case `m` is a minute and an upper-case `M`
/// a month (OpenSLO v1, "duration-shorthand"); months have 30 days, quarters 90, years 365.
///
/// # Errors
/// If it is none.
pub(super) fn span(at: &Reader<'_>) -> Result<SimDuration, Diagnostic> {
    const MINUTES: [(char, u64); 7] = [
        ('m', 1),
        ('h', 60),
        ('d', 24 * 60),
        ('w', 7 * 24 * 60),
        ('M', 30 * 24 * 60),
        ('Q', 90 * 24 * 60),
        ('Y', 365 * 24 * 60),
    ];
    let text = at.text()?;
    let found = MINUTES.iter().find_map(|(unit, minutes)| {
        let count: u64 = text.strip_suffix(*unit)?.parse().ok()?;
        let minutes = count.checked_mul(*minutes).filter(|minutes| (1..=366 * 24 * 60).contains(minutes))?;
        Some(SimDuration::from_mins(minutes))
    });
    found.ok_or_else(|| {
        let fact = format!("`{}` is no duration of OpenSLO: `{text}`", at.path());
        at.diagnostic_at(fact, "write a whole number and one of m, h, d, w, M, Q, Y, at most a year")
    })
}

/// A span as PromQL writes it.
pub(super) fn promql(span: SimDuration) -> String {
    let minutes = span.as_millis() / 60_000;
    match minutes {
        m if m % (24 * 60) == 0 => format!("{}d", m / (24 * 60)),
        m if m % 60 == 0 => format!("{}h", m / 60),
        m => format!("{m}m"),
    }
}

/// Days of a span, for sentences.
pub(super) fn days_of(span: SimDuration) -> f64 {
    span.as_secs_f64() / 86_400.0
}

/// A span as Prometheus' library writes it (`model.Duration`): years, weeks and days only where they come out even, then
/// hours, minutes and seconds one after the other.
pub(super) fn model_duration(span: SimDuration) -> String {
    const UNITS: [(&str, i64, bool); 7] = [
        ("y", 365 * 86_400_000, true),
        ("w", 7 * 86_400_000, true),
        ("d", 86_400_000, false),
        ("h", 3_600_000, false),
        ("m", 60_000, false),
        ("s", 1000, false),
        ("ms", 1, false),
    ];
    let mut left = span.as_millis();
    if left == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, millis, only_even) in UNITS {
        let count = left / millis;
        if count > 0 && (!only_even || left % millis == 0) {
            text.push_str(&format!("{count}{unit}"));
            left -= count * millis;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_put_where_they_belong() {
        assert_eq!(
            filled("rate(x[{{.window}}]) / y{a=\"{{b}}\"}[{{ .window }}]", "5m"),
            "rate(x[5m]) / y{a=\"{{b}}\"}[5m]"
        );
        assert_eq!(filled("x {{", "5m"), "x {{");
        for (minutes, wanted) in [(5, "5m"), (90, "90m"), (120, "2h"), (1440, "1d"), (10_080, "7d")] {
            assert_eq!(promql(SimDuration::from_mins(minutes)), wanted);
        }
        for (minutes, wanted) in
            [(64, "1h4m"), (1440, "1d"), (10_080, "1w"), (40_320, "4w"), (11_520, "8d"), (1500, "1d1h")]
        {
            assert_eq!(model_duration(SimDuration::from_mins(minutes)), wanted);
        }
    }
}
