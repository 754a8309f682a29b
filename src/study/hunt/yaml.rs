//! A scenario document as a person would write it: sections in the order of the reference page, short parts on one line.
//!
//! Trap: a text that looks like something else (`503`, `true`, `1e3`) must be quoted, or it reads back as that.

use serde_json::{Map, Value};

use super::amount;

/// The sections of a scenario, in the order in which people read them.
const ORDER: [&str; 22] = [
    "format",
    "summary",
    "warm_up",
    "horizon",
    "watch",
    "fidelity",
    "weight",
    "services",
    "traffic",
    "rollouts",
    "database",
    "model",
    "change",
    "confounders",
    "surroundings",
    "history",
    "rollback",
    "rehearsal",
    "forward_fix",
    "people",
    "telemetry",
    "slo",
];

/// A part that is longer gets lines of its own.
const WIDTH: usize = 100;

/// The text of the document.
pub(super) fn text(document: &Value) -> String {
    let mut out = String::new();
    let Some(map) = document.as_object() else { return out };
    for key in ORDER.iter().copied().chain(map.keys().map(String::as_str).filter(|key| !ORDER.contains(key)))
    {
        if let Some(value) = map.get(key) {
            entry(&mut out, 0, key, value);
        }
    }
    out
}

/// Lines that are neither comments nor empty.
pub(super) fn lines(text: &str) -> usize {
    let counts = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    text.lines().filter(counts).count()
}

/// `key: value`, on one line where that is short. Sections always show their first level.
fn entry(out: &mut String, indent: usize, key: &str, value: &Value) {
    let flow = flow(value);
    let key = scalar(key);
    let pad = " ".repeat(indent);
    let short = indent + key.len() + flow.len() + 2 <= WIDTH;
    match value {
        Value::Object(map) if !map.is_empty() && (!short || opens(indent, value)) => {
            out.push_str(&format!("{pad}{key}:\n"));
            in_order(map).for_each(|(key, value)| entry(out, indent + 2, key, value));
        }
        Value::Array(items) if !items.is_empty() && (!short || opens(indent, value)) => {
            out.push_str(&format!("{pad}{key}:\n"));
            items.iter().for_each(|value| item(out, indent + 2, value));
        }
        _ => out.push_str(&format!("{pad}{key}: {flow}\n")),
    }
}

/// Sections that hold parts with parts are opened, so that each of those has a line.
fn opens(indent: usize, value: &Value) -> bool {
    let holds = |value: &Value| value.is_object() || value.is_array();
    let mut parts: Box<dyn Iterator<Item = &Value>> = match value {
        Value::Object(map) => Box::new(map.values()),
        Value::Array(items) => Box::new(items.iter()),
        _ => return false,
    };
    indent == 0 && parts.any(holds)
}

/// One item of a list; a long one is opened and its first key stands behind the dash.
fn item(out: &mut String, indent: usize, value: &Value) {
    let flow = flow(value);
    let pad = " ".repeat(indent);
    match value {
        Value::Object(map) if !map.is_empty() && indent + flow.len() + 2 > WIDTH => {
            let mut inner = String::new();
            in_order(map).for_each(|(key, value)| entry(&mut inner, indent + 2, key, value));
            out.push_str(&format!("{pad}- {}", inner.trim_start()));
        }
        _ => out.push_str(&format!("{pad}- {flow}\n")),
    }
}

/// Short parts before long ones, names first.
fn in_order(map: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    let mut all: Vec<(&String, &Value)> = map.iter().collect();
    let rank = |key: &str| match key {
        "service" | "to" | "bad" | "replicas" => 0,
        "rate" | "share" | "factor" => 1,
        "at" | "after" | "for" => 3,
        _ => 2,
    };
    all.sort_by_key(|(key, value)| (value.is_array(), rank(key)));
    all.into_iter()
}

/// The value in YAML's flow form.
pub(super) fn flow(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let entries = in_order(map).map(|(key, value)| format!("{}: {}", scalar(key), flow(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::String(text) => scalar(text),
        other => other.to_string(),
    }
}

/// The text bare where it reads back as itself, else quoted as JSON does, which YAML reads too.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._%/-".contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let word = !matches!(
        text.to_lowercase().as_str(),
        "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n" | "nan" | "inf"
    );
    let quantity = amount::read(&Value::String(text.to_owned())).is_some();
    if text.chars().all(plain) && ((begins && word) || quantity) {
        return text.to_owned();
    }
    Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::parse_typed;
    use serde_json::json;

    #[test]
    fn what_is_written_reads_back_as_it_was() {
        let document = json!({
            "format": 1, "summary": "a: b # c", "services": {"web": {"error_ratio": "0.1%", "replicas": 4}},
            "traffic": [{"to": "web", "rate": "100/s", "noise": {"tau": "3m", "cv": 0.15}}],
            "surroundings": [{"http_error": {"status": "503", "share": "10%", "at": "5m", "note": "true",
                "long": "x".repeat(90)}}],
            "odd": {"a b": [], "empty": {}, "none": null, "text": ""},
        });
        let text = text(&document);
        let read: Value = parse_typed("t", &text).unwrap();
        assert_eq!(read, document, "{text}");
        assert!(
            text.starts_with("format: 1\nsummary: \"a: b # c\"\nservices:\n  web: {replicas: 4"),
            "{text}"
        );
        assert_eq!(lines(&format!("# comment\n\n{text}")), text.lines().count());
    }
}
