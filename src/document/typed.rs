//! Texts of our own formats into their types, with errors that point and advise.

use serde::de::DeserializeOwned;
use serde_saphyr::{Error, MessageFormatter, UserMessageFormatter};

use super::{check_size, limits, template_help};
use crate::diagnostic::{Diagnostic, Location, Source, did_you_mean};

/// One value of a single-document text.
///
/// Give the type `deny_unknown_fields` and externally tagged enums; untagged, internally tagged and flattened ones
/// lose the place of an error.
///
/// # Errors
/// What the text is not, with its place and, for unknown names, the one that was likely meant and all that exist.
///
/// ```
/// #[derive(serde::Deserialize, Debug)]
/// #[serde(deny_unknown_fields)]
/// struct Step { weight: backout::quantity::Weight }
/// let error = backout::document::parse_typed::<Step>("a.yaml", "wieght: 5%").unwrap_err();
/// assert_eq!(error.message, "unknown field `wieght`");
/// assert_eq!(error.help.as_deref(), Some("did you mean `weight`? it is the only field there is"));
/// ```
pub fn parse_typed<T: DeserializeOwned>(source_name: &str, text: &str) -> Result<T, Diagnostic> {
    let source = Source::new(source_name, text);
    check_size(source)?;
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: limits::MAX_TYPED_DEPTH,
            flow_nesting_limit: limits::MAX_TYPED_DEPTH,
            max_nodes: limits::MAX_NODES,
            max_total_scalar_bytes: limits::MAX_SCALAR_BYTES,
        },
        strict_booleans: true,
        with_snippet: false,
        emit_comments: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| diagnose(source, &error))
}

fn diagnose(source: Source<'_>, error: &Error) -> Diagnostic {
    let (message, help, code) = describe(inner(error));
    let place = inner(error).location().or_else(|| error.location()).filter(|place| place.line() > 0);
    let mut diagnostic = Diagnostic::error(message).in_source(source.name).with_code(code);
    let mut template = None;
    if let Some(place) = place {
        let start = place.span().byte_offset().unwrap_or(0) as usize;
        let length = place.span().byte_len().unwrap_or(0) as usize;
        let (line, column) = (place.line() as usize, place.column() as usize);
        template = template_help(source, line);
        diagnostic = diagnostic.at(source, Location::new(line, column, start..start.saturating_add(length)));
    }
    match help.or(template.map(str::to_owned)) {
        Some(help) => diagnostic.with_help(help),
        None => diagnostic,
    }
}

/// The error itself, out of the wrappers that add an alias or a snippet.
fn inner(mut error: &Error) -> &Error {
    while let Error::AliasError { error: next, .. } | Error::WithSnippet { error: next, .. } = error {
        error = next;
    }
    error
}

fn describe(error: &Error) -> (String, Option<String>, &'static str) {
    match error {
        Error::SerdeUnknownField { field, expected, .. } => (
            format!("unknown field `{field}`"),
            Some(alternatives(field, expected, "field")),
            "unknown_field",
        ),
        Error::SerdeUnknownVariant { variant, expected, .. } => (
            format!("unknown name `{variant}`"),
            Some(alternatives(variant, expected, "name")),
            "unknown_name",
        ),
        Error::SerdeMissingField { field, .. } => {
            (format!("the field `{field}` is missing"), Some(format!("add `{field}:` here")), "missing_field")
        }
        Error::SerdeInvalidType { unexpected, expected, .. }
        | Error::SerdeInvalidValue { unexpected, expected, .. } => {
            (format!("expected {expected}, found {unexpected}"), None, "wrong_type")
        }
        Error::DuplicateMappingKey { key: Some(key), .. } => (
            format!("the key `{key}` is written twice"),
            Some("remove one of the two".to_owned()),
            "duplicate_key",
        ),
        Error::Budget { .. } | Error::AliasReplayLimitExceeded { .. } => {
            (lower_first(&UserMessageFormatter.format_message(error)), None, "budget")
        }
        Error::Message { msg, .. } => {
            let (fact, help) = advice(msg);
            (lower_first(fact), help, "invalid")
        }
        other => (lower_first(&UserMessageFormatter.format_message(other)), None, "syntax"),
    }
}

/// Values say what is wrong and how to write it in one sentence; here these are two.
fn advice(message: &str) -> (&str, Option<String>) {
    match message.split_once(": write ") {
        Some((fact, how)) => (fact, Some(format!("write {how}"))),
        None => (message, None),
    }
}

fn alternatives(word: &str, all: &[&'static str], kind: &str) -> String {
    let list = all.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match (did_you_mean(word, all), all.len()) {
        (_, 0) => format!("no {kind}s are allowed here"),
        (Some(meant), 1) => format!("did you mean `{meant}`? it is the only {kind} there is"),
        (None, 1) => format!("the only {kind} there is: {list}"),
        (Some(meant), _) => format!("did you mean `{meant}`? {kind}s: {list}"),
        (None, _) => format!("{kind}s: {list}"),
    }
}

/// Messages are lower-case facts; a name in capitals stays as it is.
fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;
    use crate::quantity::{Rate, Ratio};
    use crate::time::SimDuration;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct File {
        format: u8,
        #[serde(default)]
        services: BTreeMap<String, Service>,
        #[serde(default)]
        faults: Vec<Fault>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Service {
        errors: Ratio,
        rate: Option<Rate>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "snake_case")]
    enum Fault {
        LatencyShift(Shift),
        ErrorBurst { share: Ratio },
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Shift {
        factor: f64,
        after: Option<SimDuration>,
    }

    fn refused(text: &str) -> Diagnostic {
        parse_typed::<File>("f.yaml", text).unwrap_err()
    }

    fn place(diagnostic: &Diagnostic) -> (u32, u32) {
        diagnostic.location.map_or((0, 0), |location| (location.line, location.column))
    }

    #[test]
    fn a_sound_file_is_read() {
        let text = "format: 1\nservices: {web: {errors: 0.1%, rate: 300/s}}\nfaults: [{latency_shift: {factor: 2}}]\n";
        let file: File = parse_typed("f.yaml", text).unwrap();
        assert_eq!(file.services["web"].errors.get(), 0.001);
        assert_eq!(file.faults, [Fault::LatencyShift(Shift { factor: 2.0, after: None })]);
    }

    #[test]
    fn an_unknown_field_points_at_it_and_advises() {
        let error = refused("format: 1\nservices:\n  web:\n    erors: 1%\n");
        assert_eq!((error.message.as_str(), place(&error)), ("unknown field `erors`", (4, 5)));
        assert_eq!(error.help.as_deref(), Some("did you mean `errors`? fields: `errors`, `rate`"));
        let shown = error.render(false);
        assert!(shown.contains("f.yaml:4:5") && shown.contains("4 |     erors: 1%"), "{shown}");
        assert!(shown.contains("^^^^^"), "{shown}");
    }

    #[test]
    fn an_unknown_name_lists_the_names_there_are() {
        let error = refused("format: 1\nfaults:\n  - latency_shfit: {factor: 2}\n");
        assert_eq!((error.message.as_str(), place(&error)), ("unknown name `latency_shfit`", (3, 5)));
        assert_eq!(
            error.help.as_deref(),
            Some("did you mean `latency_shift`? names: `latency_shift`, `error_burst`")
        );
    }

    #[test]
    fn wrong_values_are_pointed_at_where_they_stand() {
        let error = refused(
            "format: 1\nfaults:\n  - error_burst: {share: 5%}\n  - latency_shift:\n      factor: fast\n",
        );
        assert_eq!(place(&error), (5, 15), "{error}");
        let error = refused("format: 1\nservices: {web: {errors: 5}}\n");
        assert!(error.message.contains("5 is out of range: a ratio lies between 0 and 1"), "{error}");
        assert_eq!(place(&error), (2, 26), "{error}");
        let error = refused("format: 1\nservices: {web: {errors: 1%, rate: 5}}\n");
        assert!(error.message.contains("`5` has no unit"), "{error}");
        let error = refused("services: {}\n");
        assert_eq!(error.message, "the field `format` is missing");
        let error = refused("format: 1\nformat: 2\n");
        assert!(error.message.contains("`format` is written twice"), "{error}");
        assert_eq!(place(&error), (2, 1));
        let error = refused("format: 1\nfaults:\n  - latency_shift: {factor: 2, after: 5}\n");
        assert!(error.message.contains("`5` has no unit"), "{error}");
    }

    #[test]
    fn broken_texts_and_templates_are_refused_with_a_place() {
        for text in
            ["", "format: [1\n", "format: {{ x }}\n", "format: 1\n---\nformat: 1\n", "format: *x\n", "[]"]
        {
            let error = refused(text);
            assert_eq!(error.severity, crate::diagnostic::Severity::Error, "{text}");
            assert!(!error.message.is_empty() && !error.message.contains(" at line "), "{error}");
            assert!(text.is_empty() || error.location.is_some(), "{text}: {error}");
        }
        assert!(refused("format: {{ x }}\n").help.is_some_and(|help| help.contains("template")));
    }

    #[test]
    fn hostile_texts_stop() {
        #[derive(Debug, Deserialize)]
        struct Nest(#[expect(dead_code, reason = "only its depth matters")] Vec<Nest>);
        for deep in ["[".repeat(100_000), "- ".repeat(100_000)] {
            assert!(parse_typed::<Nest>("deep", &deep).is_err());
            assert!(parse_typed::<serde_json::Value>("deep", &deep).is_err());
        }
        let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let below = vec![format!("*a{}", level - 1); 9].join(", ");
            laughs.push_str(&format!("a{level}: &a{level} [{below}]\n"));
        }
        let error = parse_typed::<serde_json::Value>("laughs", &laughs).unwrap_err();
        assert_eq!(error.code, Some("budget"), "{error}");
    }
}
