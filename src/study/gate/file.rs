//! Gate files: `format: 1`, a summary, the scenarios to play if nobody says otherwise, and clauses.
//!
//! A clause is a text, or a mapping with the text and the scenarios it is about. Patterns are those of a shell over names of
//! scenarios (`fault/*`, `*/retry-*`); a name without a star is that scenario only.
//!
//! Trap: a pattern that matches nothing that was played does not make a clause pass; it leaves it undecided.

use glob::Pattern;
use serde_json::{Value, json};

use super::clause::{Clause, DAYS_SINCE_DRILL, Wrong};
use crate::diagnostic::{Diagnostic, Diagnostics, Location, Source};
use crate::document::{Reader, ScalarStyle, parse_documents};
use crate::score::figure::FIGURES;

/// Version of the format.
pub const FORMAT: i64 = 1;

/// A gate.
#[derive(Clone, Debug)]
pub struct Gate {
    /// The file, as it was named.
    pub source: String,
    /// What it is for.
    pub summary: String,
    /// The scenarios to play if none are asked for; empty for all.
    pub scenarios: Vec<Pattern>,
    /// Its clauses, at least one.
    pub clauses: Vec<Placed>,
}

/// A clause in its file.
#[derive(Clone, Debug)]
pub struct Placed {
    /// The clause.
    pub clause: Clause,
    /// The scenarios it is about; empty for all that are played.
    pub scenarios: Vec<Pattern>,
    /// Where it is written.
    pub location: Location,
}

/// Whether a scenario is among those of the patterns; no pattern stands for all.
pub fn matches(patterns: &[Pattern], scenario: &str) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(scenario))
}

/// Reads a gate file.
///
/// # Errors
/// Everything that is wrong with it, each with its place.
pub fn parse(source: Source<'_>) -> Result<Gate, Diagnostics> {
    let mut wrong = Diagnostics::new();
    let gate = wrong.keep(read(source)).map(|(gate, more)| {
        wrong.extend(more);
        gate
    });
    match gate {
        Some(gate) if !wrong.has_errors() => Ok(gate),
        _ => Err(wrong),
    }
}

fn read(source: Source<'_>) -> Result<(Gate, Vec<Diagnostic>), Diagnostic> {
    let documents = parse_documents(source.name, source.text)?;
    let [node] = documents.as_slice() else {
        let fact = format!("a gate is one document, here are {}", documents.len());
        return Err(Diagnostic::error(fact).in_source(source.name).with_help("write one gate a file"));
    };
    let top = Reader::new(source, node);
    let format = top.required("format")?;
    if format.i64()? != FORMAT {
        return Err(format.diagnostic_at("this format is not known", format!("write `format: {FORMAT}`")));
    }
    let summary = top.get("summary").map(|text| text.str()).transpose()?.unwrap_or_default().to_owned();
    let scenarios = top.get("scenarios").map(|list| patterns(&list)).transpose()?.unwrap_or_default();
    let list = top.required("clauses")?;
    let (mut clauses, mut wrong) = (Vec::new(), Vec::new());
    for item in list.seq()? {
        match placed(&item) {
            Ok(clause) => clauses.push(clause),
            Err(finding) => wrong.push(finding),
        }
    }
    if clauses.is_empty() && wrong.is_empty() {
        wrong.push(list.diagnostic_at("a gate without clauses lets everything pass", "add a clause"));
    }
    for unread in top.unread() {
        let key = unread.path.clone();
        let known = "keys: format, summary, scenarios, clauses; of a clause: clause, scenarios";
        wrong.push(source.error(unread.location, format!("unknown field `{key}`")).with_help(known));
    }
    Ok((Gate { source: source.name.to_owned(), summary, scenarios, clauses }, wrong))
}

/// A clause: a text, or a mapping with a text.
fn placed(item: &Reader<'_>) -> Result<Placed, Diagnostic> {
    let (text, scenarios) = if item.peek().entries().is_empty() {
        (item.clone(), Vec::new())
    } else {
        let scenarios = item.get("scenarios").map(|list| patterns(&list)).transpose()?;
        (item.required("clause")?, scenarios.unwrap_or_default())
    };
    let clause = Clause::parse(text.str()?).map_err(|wrong| at(&text, &wrong))?;
    Ok(Placed { clause, scenarios, location: text.location() })
}

/// The place of a mistake inside a text; of a text with escapes or in a block, where it begins.
fn at(text: &Reader<'_>, wrong: &Wrong) -> Diagnostic {
    let (source, whole, node) = (text.source(), text.location(), text.peek());
    let quote = usize::from(node.style == ScalarStyle::Quoted);
    let start = whole.start as usize + quote;
    let is_literal = node.style != ScalarStyle::Block
        && source.text.get(start..).is_some_and(|rest| rest.starts_with(node.raw.as_str()));
    let place = if is_literal {
        Location::of_bytes(source.text, start + wrong.start, start + wrong.end)
    } else {
        whole
    };
    source.error(place, wrong.fact.as_str()).with_help(wrong.help.as_str())
}

/// A pattern or a list of them.
fn patterns(reader: &Reader<'_>) -> Result<Vec<Pattern>, Diagnostic> {
    let one = |reader: &Reader<'_>| {
        let text = reader.str()?;
        Pattern::new(text).map_err(|error| {
            reader.diagnostic_at(format!("`{text}` is no pattern: {error}"), "write like `fault/*`")
        })
    };
    if reader.peek().as_str().is_some() {
        Ok(vec![one(reader)?])
    } else {
        reader.seq()?.iter().map(one).collect()
    }
}

/// The JSON schema of gate files.
pub fn schema() -> Value {
    let scores: Vec<&str> = FIGURES.iter().map(|figure| figure.name).chain([DAYS_SINCE_DRILL]).collect();
    let clause = json!({
        "type": "string",
        "description": "<score>[.stat] <op> <value> [vs base] [at 95%]",
        "pattern": format!(
            "^\\s*({})(\\.(mean|rate|worst|p[1-9][0-9]?))*\\s*(<=?|>=?)\\s*-?[0-9][^<>=]*$",
            scores.join("|")
        ),
        "examples": ["missed_rate <= 5% at 95%", "detection_time.p95 < 3m at 95%", "cost <= 0 vs base"],
    });
    let patterns = json!({
        "description": "Patterns over names of scenarios, like fault/*.",
        "oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
    });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "backout gate",
        "type": "object",
        "additionalProperties": false,
        "required": ["format", "clauses"],
        "properties": {
            "format": {"const": FORMAT},
            "summary": {"type": "string"},
            "scenarios": patterns,
            "clauses": {"type": "array", "minItems": 1, "items": {"oneOf": [
                clause,
                {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["clause"],
                    "properties": {"clause": clause, "scenarios": patterns},
                },
            ]}},
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GATE: &str = "format: 1\nsummary: Goals.\nscenarios: [\"fault/*\"]\nclauses:\n  - missed_rate <= 5% at 95%\n  - {clause: \"detection_time.p95 < 3m\", scenarios: \"fault/crash-loop\"}\n";

    #[test]
    fn a_gate_is_read_with_places_and_groups() {
        let gate = parse(Source::new("g.yaml", GATE)).unwrap();
        assert_eq!((gate.summary.as_str(), gate.clauses.len()), ("Goals.", 2));
        assert_eq!((gate.clauses[0].location.line, gate.clauses[0].location.column), (5, 5));
        assert!(matches(&gate.clauses[0].scenarios, "noise/independent"));
        assert!(matches(&gate.clauses[1].scenarios, "fault/crash-loop"));
        assert!(!matches(&gate.clauses[1].scenarios, "fault/flapping"));
        assert!(matches(&gate.scenarios, "fault/flapping") && !matches(&gate.scenarios, "noise/x"));
    }

    #[test]
    fn mistakes_are_placed() {
        let found = |text: &str| parse(Source::new("g.yaml", text)).unwrap_err().render(false);
        let typo = found(&GATE.replace("p95 < 3m", "p95 < 3"));
        assert!(typo.contains("g.yaml:6:") && typo.contains("is no value of this score"), "{typo}");
        // The place is that of the word, inside of the quotes.
        let error = parse(Source::new("g.yaml", &GATE.replace("p95 < 3m", "p95 < 3"))).unwrap_err();
        assert_eq!(error.iter().next().unwrap().location.unwrap().column, 36);
        assert!(found("format: 2\nclauses: [cost < 5]\n").contains("this format is not known"));
        assert!(found("format: 1\nclauses: []\n").contains("lets everything pass"));
        assert!(found("format: 1\nclauses: [cost < 5]\nclases: 1\n").contains("unknown field `clases`"));
        assert!(found("clauses: [cost < 5]\n").contains("format"));
        assert!(found("").contains("one document"));
        let both = found("format: 1\nclauses: [cots < 5, cost < x]\n");
        assert!(both.contains("no score `cots`") && both.contains("`x` is no value"), "{both}");
    }

    #[test]
    fn the_schema_takes_what_is_read() {
        let schema = jsonschema::validator_for(&schema()).unwrap();
        let gate = json!({"format": 1, "clauses": [
            "missed_rate <= 5% at 95%",
            {"clause": "detection_time.p95.worst < 3m vs base", "scenarios": ["fault/*"]},
        ]});
        assert!(schema.is_valid(&gate));
        for wrong in [
            json!({"format": 1}),
            json!({"format": 1, "clauses": ["mised < 1"]}),
            json!({"format": 1, "clauses": [], "x": 1}),
        ] {
            assert!(!schema.is_valid(&wrong), "{wrong}");
        }
    }
}
