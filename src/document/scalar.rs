//! What an unquoted scalar is: the core schema of YAML 1.2.2, section 10.3.2.

use super::node::NodeValue;

/// The value of a plain scalar.
pub(super) fn resolve(text: &str) -> NodeValue {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return NodeValue::Null,
        "true" | "True" | "TRUE" => return NodeValue::Bool(true),
        "false" | "False" | "FALSE" => return NodeValue::Bool(false),
        _ => {}
    }
    number(text).unwrap_or_else(|| NodeValue::Str(text.to_owned()))
}

/// The number that `text` spells, if it does: decimal, `0o17`, `0x1F`, `1e3`, `.5`, `.inf`, `.nan`.
pub(super) fn number(text: &str) -> Option<NodeValue> {
    if let Some(digits) = text.strip_prefix("0x") {
        return unsigned(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return unsigned(digits, 8);
    }
    let unsigned_text = text.strip_prefix(['-', '+']).unwrap_or(text);
    match unsigned_text {
        ".inf" | ".Inf" | ".INF" if text.starts_with('-') => {
            return Some(NodeValue::Float(f64::NEG_INFINITY));
        }
        ".inf" | ".Inf" | ".INF" => return Some(NodeValue::Float(f64::INFINITY)),
        _ => {}
    }
    if matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Some(NodeValue::Float(f64::NAN));
    }
    if !unsigned_text.bytes().any(|b| b.is_ascii_digit())
        || !unsigned_text.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        || !unsigned_text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'))
    {
        return None;
    }
    match text.parse::<i64>() {
        Ok(int) => Some(NodeValue::Int(int)),
        Err(_) => text.parse::<f64>().ok().filter(|value| value.is_finite()).map(NodeValue::Float),
    }
}

/// Rust's own parsing takes a sign after the base's prefix, YAML does not.
fn unsigned(digits: &str, base: u32) -> Option<NodeValue> {
    if digits.starts_with(['+', '-']) {
        return None;
    }
    i64::from_str_radix(digits, base).ok().map(NodeValue::Int)
}

/// The boolean that `text` spells in YAML 1.1, which Kubernetes and Prometheus read.
pub(super) fn yaml11_bool(text: &str) -> Option<bool> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        let int = |value| NodeValue::Int(value);
        let float = NodeValue::Float;
        let text = |value: &str| NodeValue::Str(value.to_owned());
        for (written, expected) in [
            ("", NodeValue::Null),
            ("~", NodeValue::Null),
            ("TRUE", NodeValue::Bool(true)),
            ("yes", text("yes")),
            ("0", int(0)),
            ("-17", int(-17)),
            ("+3", int(3)),
            ("0o17", int(15)),
            ("0x1F", int(31)),
            ("0x-1", text("0x-1")),
            ("010", int(10)),
            ("1.10", float(1.1)),
            (".5", float(0.5)),
            ("5.", float(5.0)),
            ("1e3", float(1000.0)),
            ("-.inf", float(f64::NEG_INFINITY)),
            ("9223372036854775808", float(9_223_372_036_854_775_808.0)),
            ("1e999", text("1e999")),
            ("5m", text("5m")),
            ("1.2.3", text("1.2.3")),
            ("e", text("e")),
            (".", text(".")),
            ("-", text("-")),
            ("inf", text("inf")),
            ("2024-01-01", text("2024-01-01")),
            ("12:30", text("12:30")),
        ] {
            assert_eq!(resolve(written), expected, "{written}");
        }
        assert!(matches!(resolve(".nan"), NodeValue::Float(value) if value.is_nan()));
    }
}
