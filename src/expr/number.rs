//! Numbers and their text, as Go reads and prints them.

use super::ast::Kind;

/// A number token as a literal; the message says why it is none.
pub(super) fn number_literal(text: &str) -> Result<Kind, String> {
    let plain = text.replace('_', "");
    let lower = plain.to_ascii_lowercase();
    let integer = |digits: &str, radix, what: &str| {
        i64::from_str_radix(digits, radix).map(Kind::Int).map_err(|e| format!("invalid {what} literal: {e}"))
    };
    if let Some(digits) = lower.strip_prefix("0x") {
        return integer(digits, 16, "hex");
    }
    if lower.contains(['.', 'e']) {
        return go_float(&plain).map(Kind::Float).ok_or_else(|| format!("invalid float literal: {text}"));
    }
    if let Some(digits) = lower.strip_prefix("0b") {
        return integer(digits, 2, "binary");
    }
    if let Some(digits) = lower.strip_prefix("0o") {
        return integer(digits, 8, "octal");
    }
    integer(&lower, 10, "integer")
}

/// Go's `strconv.ParseFloat` without hexadecimal floats: a decimal that does not fit is an error, `inf` is not.
pub(super) fn go_float(text: &str) -> Option<f64> {
    let value: f64 = text.parse().ok()?;
    let spelled = text.bytes().any(|b| b.eq_ignore_ascii_case(&b'i'));
    if value.is_infinite() && !spelled { None } else { Some(value) }
}

/// Go's `%v` of a float: exponents below 1e-4 and from 1e21 on.
pub(super) fn float_text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let size = value.abs();
    if size == 0.0 || (1e-4..1e21).contains(&size) {
        return format!("{value}");
    }
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) => {
            let (sign, digits) = match exponent.strip_prefix('-') {
                Some(digits) => ('-', digits),
                None => ('+', exponent),
            };
            format!("{mantissa}e{sign}{digits:0>2}")
        }
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_read_and_print_as_in_go() {
        assert_eq!(go_float("1e400"), None);
        assert_eq!(go_float("+Inf"), Some(f64::INFINITY));
        assert_eq!(go_float("ok"), None);
        for (value, text) in [
            (0.99, "0.99"),
            (1.0, "1"),
            (1e21, "1e+21"),
            (1.5e-7, "1.5e-07"),
            (1e20, "100000000000000000000"),
        ] {
            assert_eq!(float_text(value), text);
        }
    }

    #[test]
    fn literals_of_every_radix() {
        assert!(matches!(number_literal("1_000"), Ok(Kind::Int(1000))));
        assert!(matches!(number_literal("0xfF"), Ok(Kind::Int(255))));
        assert!(matches!(number_literal("0b11"), Ok(Kind::Int(3))));
        assert!(matches!(number_literal(".95"), Ok(Kind::Float(f)) if f == 0.95));
        assert!(number_literal("99999999999999999999").is_err());
        assert!(number_literal("1e").is_err());
    }
}
