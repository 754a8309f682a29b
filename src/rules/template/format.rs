//! The values of templates, how Go writes them, and the functions on them.

use std::fmt;

use regex::Regex;

/// A value in a template.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shown {
    Number(f64),
    Text(String),
    Flag(bool),
    Map(Vec<(String, String)>),
}

impl fmt::Display for Shown {
    /// As Go's `%v`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shown::Number(value) => f.write_str(&general(*value)),
            Shown::Text(text) => f.write_str(text),
            Shown::Flag(flag) => write!(f, "{flag}"),
            Shown::Map(pairs) => {
                let mut pairs: Vec<String> = pairs.iter().map(|(k, v)| format!("{k}:{v}")).collect();
                pairs.sort_unstable();
                write!(f, "map[{}]", pairs.join(" "))
            }
        }
    }
}

impl Shown {
    /// Whether Go takes it as true: not zero, not empty.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Shown::Number(value) => *value != 0.0,
            Shown::Text(text) => !text.is_empty(),
            Shown::Flag(flag) => *flag,
            Shown::Map(pairs) => !pairs.is_empty(),
        }
    }

    fn number(&self) -> Result<f64, String> {
        match self {
            Shown::Number(value) => Ok(*value),
            Shown::Text(text) => text.parse().map_err(|_| format!("`{text}` is no number")),
            _ => Err("no number".to_owned()),
        }
    }
}

/// A function of templates with its arguments.
pub(super) fn apply(name: &str, arguments: &[Shown]) -> Result<Shown, String> {
    let text = |index: usize| arguments.get(index).map(ToString::to_string).unwrap_or_default();
    let number = |index: usize| arguments.get(index).ok_or("missing argument")?.number();
    let needs = |count: usize| {
        let found = arguments.len();
        if found == count {
            Ok(())
        } else {
            Err(format!("wrong number of args for {name}: want {count} got {found}"))
        }
    };
    let one = |shown: fn(f64) -> String| -> Result<Shown, String> {
        needs(1)?;
        Ok(Shown::Text(shown(number(0)?)))
    };
    match name {
        "humanize" => one(humanize),
        "humanize1024" => one(humanize_1024),
        "humanizePercentage" => one(|share| format!("{}%", significant(share * 100.0))),
        "humanizeDuration" => one(humanize_duration),
        "toUpper" | "toLower" | "title" => {
            needs(1)?;
            Ok(Shown::Text(match name {
                "toUpper" => text(0).to_uppercase(),
                "toLower" => text(0).to_lowercase(),
                _ => title(&text(0)),
            }))
        }
        "match" => {
            needs(2)?;
            Ok(Shown::Flag(pattern(&text(0))?.is_match(&text(1))))
        }
        "reReplaceAll" => {
            needs(3)?;
            Ok(Shown::Text(pattern(&text(0))?.replace_all(&text(2), text(1)).into_owned()))
        }
        "eq" | "ne" => {
            needs(2)?;
            Ok(Shown::Flag((arguments[0] == arguments[1]) == (name == "eq")))
        }
        "lt" | "le" | "gt" | "ge" => {
            needs(2)?;
            let (left, right) = (number(0)?, number(1)?);
            Ok(Shown::Flag(match name {
                "lt" => left < right,
                "le" => left <= right,
                "gt" => left > right,
                _ => left >= right,
            }))
        }
        "not" => {
            needs(1)?;
            Ok(Shown::Flag(!arguments[0].is_true()))
        }
        "and" | "or" => {
            let decides = |argument: &&Shown| argument.is_true() == (name == "or");
            arguments
                .iter()
                .find(decides)
                .or(arguments.last())
                .cloned()
                .ok_or_else(|| "missing argument".to_owned())
        }
        "printf" => printf(&text(0), arguments.get(1..).unwrap_or_default()).map(Shown::Text),
        other => Err(format!("function `{other}` is not supported")),
    }
}

fn pattern(text: &str) -> Result<Regex, String> {
    Regex::new(text).map_err(|_| format!("`{text}` is no regular expression"))
}

/// The first letter of every word in capitals.
fn title(text: &str) -> String {
    let mut starts = true;
    let raise = |c: char| {
        let shown: String = if starts { c.to_uppercase().collect() } else { c.to_string() };
        starts = !c.is_alphanumeric();
        shown
    };
    text.chars().map(raise).collect()
}

fn printf(layout: &str, arguments: &[Shown]) -> Result<String, String> {
    let mut out = String::new();
    let mut arguments = arguments.iter();
    let mut rest = layout;
    while let Some(start) = rest.find('%') {
        out.push_str(&rest[..start]);
        let verb = &rest[start + 1..];
        let end =
            verb.find(|c: char| c.is_ascii_alphabetic() || c == '%').ok_or("unfinished verb in printf")?;
        let flags = &verb[..end];
        let letter = &verb[end..=end];
        rest = &verb[end + 1..];
        if letter == "%" {
            out.push('%');
            continue;
        }
        let argument = arguments.next().ok_or("missing argument of printf")?;
        let digits = flags.split_once('.').map(|(_, digits)| digits.parse::<usize>().unwrap_or(0).min(64));
        out.push_str(&match (letter, digits) {
            ("f", digits) => format!("{:.*}", digits.unwrap_or(6), argument.number()?),
            ("d", _) => format!("{:.0}", argument.number()?),
            ("q", _) => format!("{:?}", argument.to_string()),
            ("s" | "v" | "g", Some(digits)) if letter != "s" => significant_to(argument.number()?, digits),
            ("s" | "v" | "g", _) => argument.to_string(),
            (other, _) => return Err(format!("%{other} is not supported")),
        });
    }
    out.push_str(rest);
    Ok(out)
}

/// `%.4g`.
fn significant(value: f64) -> String {
    significant_to(value, 4)
}

fn not_finite(value: f64) -> Option<String> {
    let word = if value.is_nan() {
        "NaN"
    } else if value == f64::INFINITY {
        "+Inf"
    } else if value == f64::NEG_INFINITY {
        "-Inf"
    } else {
        return None;
    };
    Some(word.to_owned())
}

/// Go's `%v` of a float: the shortest digits that give it back, with an exponent from 1e6 on and below 1e-4.
fn general(value: f64) -> String {
    if let Some(word) = not_finite(value) {
        return word;
    }
    if value == 0.0 {
        return if value.is_sign_negative() { "-0" } else { "0" }.to_owned();
    }
    let (digits, exponent) = scientific(&format!("{value:e}"));
    if (-4..6).contains(&exponent) { format!("{value}") } else { with_exponent(&digits, exponent) }
}

fn significant_to(value: f64, digits: usize) -> String {
    if let Some(word) = not_finite(value) {
        return word;
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let digits = digits.max(1);
    let (mantissa, exponent) = scientific(&format!("{value:.*e}", digits - 1));
    if exponent < -4 || exponent >= i32::try_from(digits).unwrap_or(i32::MAX) {
        return with_exponent(trimmed(&mantissa), exponent);
    }
    let places = usize::try_from(digits as i32 - 1 - exponent).unwrap_or(0);
    trimmed(&format!("{value:.places$}")).to_owned()
}

fn scientific(text: &str) -> (String, i32) {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    (mantissa.to_owned(), exponent.parse().unwrap_or(0))
}

fn with_exponent(mantissa: &str, exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

/// Without zeros at the end of a fraction.
fn trimmed(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

fn humanize(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return significant(value);
    }
    let up = ["", "k", "M", "G", "T", "P", "E", "Z", "Y"];
    let down = ["", "m", "u", "n", "p", "f", "a", "z", "y"];
    let (mut scaled, mut steps) = (value, 0);
    if value.abs() >= 1.0 {
        while scaled.abs() >= 1000.0 && steps + 1 < up.len() {
            scaled /= 1000.0;
            steps += 1;
        }
        return format!("{}{}", significant(scaled), up[steps]);
    }
    while scaled.abs() < 1.0 && steps + 1 < down.len() {
        scaled *= 1000.0;
        steps += 1;
    }
    format!("{}{}", significant(scaled), down[steps])
}

fn humanize_1024(value: f64) -> String {
    if value.abs() <= 1.0 || !value.is_finite() {
        return significant(value);
    }
    let prefixes = ["", "ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];
    let (mut scaled, mut steps) = (value, 0);
    while scaled.abs() >= 1024.0 && steps + 1 < prefixes.len() {
        scaled /= 1024.0;
        steps += 1;
    }
    format!("{}{}", significant(scaled), prefixes[steps])
}

fn humanize_duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return significant(seconds);
    }
    if seconds == 0.0 {
        return "0s".to_owned();
    }
    if seconds.abs() < 1.0 {
        let (mut scaled, mut steps) = (seconds, 0);
        let prefixes = ["", "m", "u", "n", "p", "f", "a", "z", "y"];
        while scaled.abs() < 1.0 && steps + 1 < prefixes.len() {
            scaled *= 1000.0;
            steps += 1;
        }
        return format!("{}{}s", significant(scaled), prefixes[steps]);
    }
    let sign = if seconds < 0.0 { "-" } else { "" };
    let whole = seconds.abs() as u64;
    let (days, hours, minutes, rest) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60, whole % 60);
    match (days, hours, minutes) {
        (1.., _, _) => format!("{sign}{days}d {hours}h {minutes}m {rest}s"),
        (0, 1.., _) => format!("{sign}{hours}h {minutes}m {rest}s"),
        (0, 0, 1..) => format!("{sign}{minutes}m {rest}s"),
        _ => format!("{sign}{}s", significant(seconds.abs())),
    }
}
