//! The script language of `promqltest`: `load`, `clear`, `eval` and what an eval expects.
//!
//! Blocks end at an empty line or a comment. Samples that are native histograms are left out of the data; an
//! expectation that names one is kept as such, so that the row cannot pass by accident.

use backout::promql::{Labels, STALE, SeriesLine, parse_labels, parse_series, parse_values};
use backout::time::SimDuration;

/// One command.
#[derive(Clone, Debug)]
pub enum Command {
    /// Drops all data.
    Clear,
    /// Adds series, one value per interval from time zero.
    Load { interval_ms: i64, series: Vec<SeriesLine> },
    /// Evaluates and compares.
    Eval(Eval),
}

/// When an expression is evaluated.
#[derive(Clone, Copy, Debug)]
pub enum When {
    Instant(i64),
    Range { start: i64, end: i64, step: i64 },
}

/// One evaluation and its expected outcome.
#[derive(Clone, Debug)]
pub struct Eval {
    pub line: usize,
    pub when: When,
    pub expr: String,
    pub fails: bool,
    pub ordered: bool,
    pub expected: Expected,
}

/// What must come out.
#[derive(Clone, Debug)]
pub enum Expected {
    /// Series with one value (instant) or one value per step.
    Series(Vec<SeriesLine>),
    Scalar(f64),
    String(String),
    /// A range vector with values at these times.
    Matrix {
        start: i64,
        step: i64,
        series: Vec<SeriesLine>,
    },
    /// The result holds native histograms.
    NativeHistogram,
}

/// Milliseconds of `5m`, `1m10s` or plain seconds.
pub fn millis(text: &str) -> i64 {
    if let Ok(seconds) = text.parse::<f64>() {
        return (seconds * 1000.0).round() as i64;
    }
    text.parse::<SimDuration>().unwrap_or_else(|e| panic!("{e}")).as_millis()
}

/// Reads a script.
pub fn commands(text: &str) -> Vec<Command> {
    let lines: Vec<&str> =
        text.lines().map(str::trim).map(|line| if line.starts_with('#') { "" } else { line }).collect();
    let mut commands = Vec::new();
    let mut number = 0;
    while number < lines.len() {
        let head = lines[number];
        let start = number;
        number += 1;
        if head.is_empty() {
            continue;
        }
        if head == "clear" {
            commands.push(Command::Clear);
            continue;
        }
        while number < lines.len() && !lines[number].is_empty() {
            number += 1;
        }
        let block = &lines[start + 1..number];
        commands.push(match head.split_whitespace().next() {
            Some("load" | "load_with_nhcb") => load(head, block),
            Some(word) if word.starts_with("eval") => Command::Eval(eval(head, block, start + 1)),
            _ => panic!("line {}: unknown command {head}", start + 1),
        });
    }
    commands
}

fn load(head: &str, block: &[&str]) -> Command {
    let interval_ms = millis(head.split_whitespace().nth(1).expect("an interval"));
    let series = block
        .iter()
        .map(|line| parse_series(&without_histograms(line)).unwrap_or_else(|e| panic!("{line}: {e}")));
    Command::Load { interval_ms, series: series.collect() }
}

/// Replaces histogram samples by gaps of the same length.
fn without_histograms(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let (_, mut after) = after.split_once("}}").expect("a closed histogram");
        if let Some(step) = after.strip_prefix("+{{").or_else(|| after.strip_prefix("-{{")) {
            after = step.split_once("}}").expect("a closed histogram").1;
        }
        out.push('_');
        if let Some(times) = after.strip_prefix('x') {
            let digits = times.find(|c: char| !c.is_ascii_digit()).unwrap_or(times.len());
            let times_more: usize = times[..digits].parse().expect("a count");
            // `axn` is n + 1 samples, `_xn` a gap of n.
            out.push_str(&format!("x{}", times_more + 1));
            after = &times[digits..];
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

fn eval(head: &str, block: &[&str], line: usize) -> Eval {
    let (word, rest) = head.split_once(char::is_whitespace).expect("an evaluation");
    let (when, expr) = when(rest.trim());
    let mut fails = word == "eval_fail";
    let mut ordered = word == "eval_ordered";
    let (mut text, mut matrix, mut values) = (None, None, Vec::new());
    for line in block {
        let Some(expectation) = line.strip_prefix("expect ") else {
            values.push(*line);
            continue;
        };
        if expectation.starts_with("fail") {
            fails = true;
        } else if expectation == "ordered" {
            ordered = true;
        } else if let Some(literal) = expectation.strip_prefix("string ") {
            text = Some(literal.trim_matches(['"', '`']).to_owned());
        } else if let Some(range) = expectation.strip_prefix("range vector ") {
            let words: Vec<&str> = range.split_whitespace().collect();
            matrix = Some((millis(words[1]), millis(words[5])));
        } else {
            assert!(
                ["warn", "no_warn", "info", "no_info"].iter().any(|known| expectation.starts_with(known)),
                "line {line}: unknown expectation"
            );
        }
    }
    let expected = match (text, matrix) {
        (Some(text), _) => Expected::String(text),
        (None, _) if values.iter().any(|line| line.contains("{{")) => Expected::NativeHistogram,
        (None, Some((start, step))) => {
            Expected::Matrix { start, step, series: values.iter().map(|l| expect(l)).collect() }
        }
        (None, None) => match values.as_slice() {
            [only] if is_scalar(only) => {
                Expected::Scalar(parse_values(only).expect("a number")[0].expect("a number"))
            }
            lines => Expected::Series(lines.iter().map(|line| expect(line)).collect()),
        },
    };
    Eval { line, when, expr, fails, ordered, expected }
}

fn is_scalar(line: &str) -> bool {
    !line.contains(char::is_whitespace) && parse_values(line).is_ok()
}

fn expect(line: &str) -> SeriesLine {
    parse_series(line).unwrap_or_else(|e| panic!("{line}: {e}"))
}

fn when(text: &str) -> (When, String) {
    let words: Vec<&str> = text.split_whitespace().collect();
    let after = |count: usize| {
        let mut rest = text;
        for word in &words[..count] {
            rest = rest.trim_start().strip_prefix(word).expect("the word");
        }
        rest.trim().to_owned()
    };
    match words[0] {
        "instant" => (When::Instant(millis(words[2])), after(3)),
        "range" => {
            (When::Range { start: millis(words[2]), end: millis(words[4]), step: millis(words[6]) }, after(7))
        }
        other => panic!("unknown kind of evaluation {other}"),
    }
}

#[test]
fn histograms_become_gaps_of_the_same_length() {
    let line = without_histograms("x{a=\"1\"} 1 {{sum:1 count:2}}+{{sum:1}}x3 {{}} 2");
    assert_eq!(line, "x{a=\"1\"} 1 _x4 _ 2");
    assert_eq!(parse_series(&line).unwrap().values.len(), 7);
}

#[test]
fn a_script_is_read_into_commands() {
    let script = "load 5m\n  up 1 stale\n\n# comment\neval range from 0 to 10m step 5m up + 1\n  expect no_warn\n  {} 2 _\n";
    let commands = commands(script);
    let [Command::Load { interval_ms: 300_000, series }, Command::Eval(eval)] = commands.as_slice() else {
        panic!("{commands:?}");
    };
    assert_eq!(series[0].values[1].map(f64::to_bits), Some(STALE.to_bits()));
    assert_eq!((eval.line, eval.expr.as_str(), eval.fails), (5, "up + 1", false));
    assert!(matches!(eval.when, When::Range { start: 0, end: 600_000, step: 300_000 }));
    let Expected::Series(series) = &eval.expected else { panic!("{eval:?}") };
    assert_eq!((series[0].labels.clone(), series[0].values.len()), (Labels::empty(), 2));
    assert!(parse_labels("up").is_ok());
}
