//! SARIF 2.1.0 (OASIS), the form that code scanning takes.
//!
//! One run; its driver lists the rules that were found, in the order of their ids; results point to files as they were
//! named on the command line. Fingerprints are made of rule, file and message, not of lines, so that a finding stays the
//! same when a line is added above it.

use serde_json::{Value, json};

use super::level;
use crate::diagnostic::{Diagnostic, Severity};
use crate::lint::Rule;

/// Where a reader finds more about the tool.
const HOME: &str = env!("CARGO_PKG_NAME");

/// The findings as a SARIF log; `rules` are all there are, those that were found are listed.
pub fn render<'d>(findings: impl IntoIterator<Item = &'d Diagnostic>, rules: &[&Rule]) -> Value {
    let findings: Vec<&Diagnostic> = findings.into_iter().collect();
    let mut codes: Vec<&str> = findings.iter().filter_map(|finding| finding.code).collect();
    codes.sort_unstable();
    codes.dedup();
    let descriptors: Vec<Value> = codes.iter().map(|code| descriptor(code, rules)).collect();
    let results: Vec<Value> = findings.iter().map(|finding| result(finding, &codes)).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": HOME,
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": descriptors,
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn descriptor(code: &str, rules: &[&Rule]) -> Value {
    match rules.iter().find(|rule| rule.id == code) {
        Some(rule) => json!({
            "id": code,
            "shortDescription": {"text": rule.summary},
            "fullDescription": {"text": rule.effect},
            "defaultConfiguration": {"level": "warning"},
        }),
        None => json!({"id": code}),
    }
}

fn result(finding: &Diagnostic, codes: &[&str]) -> Value {
    let help = finding.help.as_deref().map(|help| format!("\n{help}")).unwrap_or_default();
    let sarif_level = if finding.severity == Severity::Note { "note" } else { level(finding.severity) };
    let mut result = json!({
        "level": sarif_level,
        "message": {"text": format!("{}{help}", finding.message)},
        "locations": [],
        "partialFingerprints": {"backout/v1": fingerprint(finding)},
    });
    if let Some(code) = finding.code {
        result["ruleId"] = json!(code);
        result["ruleIndex"] = json!(codes.iter().position(|known| *known == code));
    }
    if let Some(source) = &finding.source {
        let mut place = json!({"artifactLocation": {"uri": uri(source)}});
        if let Some(location) = finding.location {
            place["region"] = json!({"startLine": location.line, "startColumn": location.column});
        }
        result["locations"] = json!([{"physicalLocation": place}]);
    }
    result
}

/// 64 bits of FNV-1a over what the finding is about.
fn fingerprint(finding: &Diagnostic) -> String {
    let parts =
        [finding.code.unwrap_or_default(), finding.source.as_deref().unwrap_or_default(), &finding.message];
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    let digest = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{digest:016x}")
}

/// A path as a URI reference: what may not stand there is percent-encoded.
fn uri(path: &str) -> String {
    let mut out = String::new();
    for byte in path.replace('\\', "/").bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
        if plain { out.push(char::from(byte)) } else { out.push_str(&format!("%{byte:02X}")) }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Location, Source};

    #[test]
    fn results_point_to_rules_and_places() {
        let source = Source::new("dir/a b.yaml", "x: 1\n");
        let finding = source.error(Location::of_bytes(source.text, 3, 4), "wrong").with_code("page-only");
        let rules: Vec<&Rule> = crate::lint::rules().collect();
        let log = render([&finding, &Diagnostic::warning("no place")], &rules);
        let run = &log["runs"][0];
        assert_eq!(run["tool"]["driver"]["rules"][0]["id"], "page-only");
        let first = &run["results"][0];
        assert_eq!(first["ruleIndex"], 0);
        let place = &first["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "dir/a%20b.yaml");
        assert_eq!((&place["region"]["startLine"], &place["region"]["startColumn"]), (&json!(1), &json!(4)));
        assert_eq!(run["results"][1]["locations"], json!([]));
    }

    #[test]
    fn a_finding_keeps_its_fingerprint_when_it_moves() {
        let at = |text: &'static str, place: usize| {
            let source = Source::new("a.yaml", text);
            fingerprint(&source.error(Location::of_bytes(text, place, place), "wrong").with_code("r"))
        };
        assert_eq!(at("x: 1\n", 3), at("\nx: 1\n", 4));
    }
}
