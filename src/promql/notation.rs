//! The series notation of Prometheus' rule unit tests: `requests_total{code="500"} 0+10x5 _ 3 stale`.
//!
//! `a+bxn` is n + 1 values (`a`, `a+b` ... ), `axn` is `a` n + 1 times, but `_xn` is a gap of n samples. Values are one
//! interval apart, starting at time zero. Native histograms (`{{...}}`) are not supported.

use promql_parser::label::MatchOp;
use promql_parser::parser::Expr;

use super::error::PromqlError;
use super::labels::{Labels, METRIC_NAME};
use super::storage::STALE;
use super::syntax;

/// The most values one series may have.
const VALUES_MAX: usize = 1_000_000;

/// One line of series notation.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesLine {
    /// The labels, metric name included.
    pub labels: Labels,
    /// One entry per interval, `None` where there is no sample; [`STALE`] for `stale`.
    pub values: Vec<Option<f64>>,
}

/// Reads labels and values.
///
/// # Errors
/// If the labels or the values are malformed, or there are more than a million values.
pub fn parse_series(line: &str) -> Result<SeriesLine, PromqlError> {
    let end = labels_end(line);
    let (labels, values) = line.split_at(end);
    Ok(SeriesLine { labels: parse_labels(labels)?, values: parse_values(values)? })
}

/// Reads labels alone: `name{a="b"}`, `{a="b"}`, `name` or `{}`.
///
/// # Errors
/// If it is not a list of `label="value"`.
pub fn parse_labels(text: &str) -> Result<Labels, PromqlError> {
    let text = text.trim();
    if text == "{}" {
        return Ok(Labels::empty());
    }
    let Expr::VectorSelector(selector) = syntax::parse(text)? else {
        return Err(PromqlError::syntax(format!("`{text}` is not a series")));
    };
    if selector.at.is_some() || selector.offset.is_some() || !selector.matchers.or_matchers.is_empty() {
        return Err(PromqlError::syntax(format!("`{text}` is not a series")));
    }
    let matchers = &selector.matchers.matchers;
    if matchers.iter().any(|matcher| !matches!(matcher.op, MatchOp::Equal)) {
        return Err(PromqlError::syntax(format!("`{text}` is not a series: only `=` is allowed")));
    }
    let name = selector.name.as_deref().map(|name| (METRIC_NAME, name));
    Ok(Labels::new(name.into_iter().chain(matchers.iter().map(|m| (m.name.as_str(), m.value.as_str())))))
}

/// Where the labels end and the values begin.
fn labels_end(line: &str) -> usize {
    let name_end = line.find(|c: char| c.is_whitespace() || c == '{').unwrap_or(line.len());
    let rest = line.get(name_end..).unwrap_or("");
    let brace = rest.len() - rest.trim_start().len();
    let after = rest.get(brace..).unwrap_or("");
    if !after.starts_with('{') || after.starts_with("{{") {
        return name_end;
    }
    let (mut quote, mut escaped) = (None, false);
    for (offset, c) in after.char_indices() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some(q), '\\') if q != '`' => escaped = true,
            (Some(q), c) if c == q => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '}') => return name_end + brace + offset + 1,
            _ => {}
        }
    }
    line.len()
}

/// Reads values alone: `1 2 _ 0+10x5 stale NaN`.
///
/// # Errors
/// If a value is malformed or there are more than a million of them.
pub fn parse_values(text: &str) -> Result<Vec<Option<f64>>, PromqlError> {
    if text.contains("{{") {
        return Err(PromqlError::unsupported("a native histogram"));
    }
    let mut values = Vec::new();
    for item in text.split_whitespace() {
        push_item(item, &mut values)?;
        if values.len() > VALUES_MAX {
            return Err(PromqlError::syntax(format!("more than {VALUES_MAX} values")));
        }
    }
    Ok(values)
}

fn push_item(item: &str, values: &mut Vec<Option<f64>>) -> Result<(), PromqlError> {
    let malformed = || PromqlError::syntax(format!("`{item}` is not a value of a series"));
    if item == "stale" {
        values.push(Some(STALE));
        return Ok(());
    }
    let (value, times) = match item.rsplit_once('x') {
        // `0x1F` is a number.
        Some((value, times)) if !matches!(value, "0" | "-0" | "+0") || times.parse::<f64>().is_ok() => {
            (value, Some(times.parse::<usize>().map_err(|_| malformed())?))
        }
        _ => (item, None),
    };
    if times.is_some_and(|times| times > VALUES_MAX) {
        return Err(PromqlError::syntax(format!("more than {VALUES_MAX} values")));
    }
    if value == "_" {
        values.extend(std::iter::repeat_n(None, times.unwrap_or(1)));
        return Ok(());
    }
    let (mut number, step) = split_step(value).ok_or_else(malformed)?;
    if step.is_some() && times.is_none() {
        return Err(malformed());
    }
    for _ in 0..=times.unwrap_or(0) {
        values.push(Some(number));
        number += step.unwrap_or(0.0);
    }
    Ok(())
}

/// `a+b` or `a-b` into its two numbers, `a` alone into one. The sign of an exponent is part of the number.
fn split_step(text: &str) -> Option<(f64, Option<f64>)> {
    if let Some(number) = number(text) {
        return Some((number, None));
    }
    let bytes = text.as_bytes();
    let is_split = |&place: &usize| {
        matches!(bytes.get(place), Some(b'+' | b'-')) && !matches!(bytes.get(place - 1), Some(b'e' | b'E'))
    };
    (1..bytes.len()).filter(is_split).find_map(|place| {
        let (first, second) = (text.get(..place)?, text.get(place..)?);
        Some((number(first)?, Some(number(second)?)))
    })
}

fn number(text: &str) -> Option<f64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if let Some(hex) = digits.strip_prefix("0x") {
        return Some(sign * u64::from_str_radix(hex, 16).ok()? as f64);
    }
    if digits.starts_with(['+', '-']) {
        return None;
    }
    Some(sign * digits.parse::<f64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<Option<f64>> {
        parse_values(text).unwrap()
    }

    #[test]
    fn repeats_and_steps() {
        assert_eq!(values("1+2x2"), [Some(1.0), Some(3.0), Some(5.0)]);
        assert_eq!(values("5-1x1 _x2 7"), [Some(5.0), Some(4.0), None, None, Some(7.0)]);
        assert_eq!(values("3x1 1e-3+1x0 -Inf"), [Some(3.0), Some(3.0), Some(0.001), Some(f64::NEG_INFINITY)]);
        assert_eq!(values("0x2"), [Some(0.0); 3]);
        assert_eq!(values("stale")[0].map(f64::to_bits), Some(super::super::STALE_BITS));
    }

    #[test]
    fn labels_and_values_are_told_apart() {
        let line = parse_series(r#"up{a="x } y", b="1"} 1 2"#).unwrap();
        assert_eq!(line.labels, Labels::new([("__name__", "up"), ("a", "x } y"), ("b", "1")]));
        assert_eq!(line.values.len(), 2);
        assert_eq!(parse_series("up 1x3").unwrap().values.len(), 4);
        assert_eq!(parse_series("{} 1").unwrap().labels, Labels::empty());
    }

    #[test]
    fn malformed_values_are_errors() {
        for text in ["1+x2", "1+2", "abc", "1x99999999999999999999", "1x9999999", "x", "1xx1", "{{sum:1}}"] {
            assert!(parse_values(text).is_err(), "{text}");
        }
        assert!(parse_series(r#"up{a=~"b"} 1"#).is_err());
    }
}
