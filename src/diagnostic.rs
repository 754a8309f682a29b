//! What is wrong with a text a user wrote: a fact, where it is, and what to do about it.
//!
//! A diagnostic carries its own copy of the source line, so it can be rendered long after the file was dropped
//! and by people who never had it. The rendered form is
//! `error: <fact>` / `  --> file:line:column` with the line / `  = help: <what to do>`.
//!
//! Traps: lines and columns count from 1, columns count *characters*, `start..end` counts *bytes* of the source.
//! The message is a lower-case fact without a full stop; what to do about it belongs in `help`.

use std::fmt;
use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde::{Deserialize, Serialize};

/// A source line longer than this (bytes) is not shown: minified JSON helps nobody.
const LONGEST_SHOWN_LINE: usize = 4096;

/// A place in a source text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Location {
    /// Line, counted from 1.
    pub line: u32,
    /// Column in characters, counted from 1.
    pub column: u32,
    /// First byte of the range in the source.
    pub start: u32,
    /// One past the last byte of the range; equal to `start` for a mere point.
    pub end: u32,
}

impl Location {
    /// A place from counts; what does not fit 32 bits becomes the largest that does.
    pub fn new(line: usize, column: usize, bytes: Range<usize>) -> Self {
        let fit = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Location { line: fit(line), column: fit(column), start: fit(bytes.start), end: fit(bytes.end) }
    }

    /// The place of a byte range of `text`; offsets outside of it or inside a character move back to a boundary.
    pub fn of_bytes(text: &str, start: usize, end: usize) -> Self {
        let start = floor_boundary(text, start);
        let end = floor_boundary(text, end).max(start);
        let before = text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        Location::new(line, column, start..end)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

fn floor_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// A text with the name under which its reader knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source<'a> {
    /// Usually the path as it was given on the command line.
    pub name: &'a str,
    /// The whole text.
    pub text: &'a str,
}

impl<'a> Source<'a> {
    /// `text` under the name `name`.
    pub const fn new(name: &'a str, text: &'a str) -> Self {
        Source { name, text }
    }

    /// An error at `location`, with the source line copied in.
    pub fn error(self, location: Location, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(message).at(self, location)
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// For information.
    Note,
    /// Read on, but look at this.
    Warning,
    /// The text cannot be used.
    Error,
}

/// One finding about a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The fact: lower case, no full stop.
    pub message: String,
    /// The name of the source, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Box<str>>,
    /// Where in the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<Box<str>>,
    /// A stable name of the kind of finding, for lists of accepted findings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// The line of the source that `location` points into, without its line break.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_line: Option<Box<str>>,
}

impl Diagnostic {
    /// A finding of the given severity, about no place yet.
    pub fn new(severity: Severity, message: impl Into<String>) -> Self {
        Diagnostic {
            severity,
            message: message.into(),
            source: None,
            location: None,
            help: None,
            code: None,
            source_line: None,
        }
    }
    /// An error about no place yet.
    pub fn error(message: impl Into<String>) -> Self {
        Diagnostic::new(Severity::Error, message)
    }
    /// A warning about no place yet.
    pub fn warning(message: impl Into<String>) -> Self {
        Diagnostic::new(Severity::Warning, message)
    }
    /// A note about no place yet.
    pub fn note(message: impl Into<String>) -> Self {
        Diagnostic::new(Severity::Note, message)
    }
    /// This finding, placed in `source`; the line is copied.
    #[must_use]
    pub fn at(mut self, source: Source<'_>, location: Location) -> Self {
        self.source = Some(source.name.into());
        self.location = Some(location);
        self.source_line = source
            .text
            .split('\n')
            .nth(location.line.saturating_sub(1) as usize)
            .map(|line| line.trim_end_matches('\r'))
            .filter(|line| line.len() <= LONGEST_SHOWN_LINE)
            .map(Box::from);
        self
    }
    /// This finding, about `source` as a whole.
    #[must_use]
    pub fn in_source(mut self, name: &str) -> Self {
        self.source = Some(name.into());
        self
    }
    /// This finding with advice.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into().into_boxed_str());
        self
    }
    /// This finding with a stable code.
    #[must_use]
    pub fn with_code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// The finding as people read it, over several lines without a final line break; `colour` adds terminal
    /// colours.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        renderer.decor_style(DecorStyle::Ascii).render(&[self.group()])
    }

    fn group(&self) -> Group<'_> {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Note => Level::NOTE,
        };
        let mut title = level.primary_title(self.message.as_str());
        if let Some(code) = self.code {
            title = title.id(code);
        }
        let mut group = Group::with_title(title);
        let name = self.source.as_deref();
        match (name, self.location, self.source_line.as_deref()) {
            (Some(name), Some(location), Some(line)) => group = group.element(snippet(name, location, line)),
            (Some(name), Some(location), None) => {
                let origin =
                    Origin::path(name).line(location.line as usize).char_column(location.column as usize);
                group = group.element(origin);
            }
            (Some(name), None, _) => group = group.element(Origin::path(name)),
            (None, ..) => {}
        }
        match &self.help {
            Some(help) => group.element(Level::HELP.message(&**help)),
            None => group,
        }
    }
}

/// The one line of the source with the part that lies in `location` underlined.
fn snippet<'a>(
    name: &'a str,
    location: Location,
    line: &'a str,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let column = location.column.saturating_sub(1) as usize;
    let start = line.char_indices().nth(column).map_or(line.len(), |(at, _)| at);
    let length = location.end.saturating_sub(location.start) as usize;
    let end = floor_boundary(line, start.saturating_add(length)).max(start);
    Snippet::source(line)
        .line_start(location.line as usize)
        .path(name)
        .annotation(AnnotationKind::Primary.span(start..end))
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostic {}

/// Findings in the order in which they were made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// No findings.
    pub const fn new() -> Self {
        Diagnostics(Vec::new())
    }
    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }
    /// Keeps the value, or the error as a finding.
    pub fn keep<T>(&mut self, result: Result<T, Diagnostic>) -> Option<T> {
        result.map_err(|diagnostic| self.push(diagnostic)).ok()
    }
    /// The findings in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }
    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// Whether one of them is an error.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|d| d.severity == Severity::Error)
    }
    /// All of them rendered, an empty line between two, no final line break.
    pub fn render(&self, colour: bool) -> String {
        self.0.iter().map(|d| d.render(colour)).collect::<Vec<_>>().join("\n\n")
    }
}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<I: IntoIterator<Item = Diagnostic>>(&mut self, more: I) {
        self.0.extend(more);
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// Longest word, in characters, for which a correction is looked for: the distance is quadratic.
const LONGEST_CORRECTED: usize = 64;

/// The candidate that `word` most likely means: at most two slips away (Damerau-Levenshtein in its optimal string
/// alignment form: insertion, deletion, substitution, swap of neighbours) and fewer slips than half its length,
/// or else the shortest one that `word` abbreviates (three letters or more). The first of equals wins.
///
/// ```
/// use backout::diagnostic::did_you_mean;
/// assert_eq!(did_you_mean("wieght", &["weight", "bake"]), Some("weight"));
/// assert_eq!(did_you_mean("avail", &["latency", "availability"]), Some("availability"));
/// assert_eq!(did_you_mean("colour", &["weight", "bake"]), None);
/// ```
pub fn did_you_mean<'c, S: AsRef<str>>(word: &str, candidates: &'c [S]) -> Option<&'c str> {
    let lower = word.to_lowercase();
    let length = lower.chars().count();
    if length > LONGEST_CORRECTED {
        return None;
    }
    let allowed = (length.saturating_sub(1) / 2).clamp(1, 2);
    let near = candidates
        .iter()
        .map(AsRef::as_ref)
        .map(|candidate| (distance(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(slips, candidate)| *slips <= allowed && *slips < candidate.chars().count())
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, candidate)| candidate);
    near.or_else(|| {
        candidates
            .iter()
            .map(AsRef::as_ref)
            .filter(|candidate| length >= 3 && candidate.to_lowercase().starts_with(&lower))
            .min_by_key(|candidate| candidate.len())
    })
}

fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    if left.len().abs_diff(right.len()) > 2 {
        return usize::MAX;
    }
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let substitution = last[j] + usize::from(a != b);
            let mut best = substitution.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                best = best.min(before_last[j - 1] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "format: 1\nweigth: 5%\n";

    fn misspelt() -> Diagnostic {
        Source::new("a.yaml", TEXT)
            .error(Location::of_bytes(TEXT, 10, 16), "unknown field `weigth`")
            .with_help("did you mean `weight`?")
            .with_code("unknown_field")
    }

    #[test]
    fn a_finding_reads_as_fact_place_and_help() {
        let expected = "\
error[unknown_field]: unknown field `weigth`
 --> a.yaml:2:1
  |
2 | weigth: 5%
  | ^^^^^^
  |
  = help: did you mean `weight`?";
        assert_eq!(misspelt().render(false), expected);
        assert_eq!(misspelt().to_string(), expected);
        assert!(misspelt().render(true).contains("\u{1b}["), "colour");
    }

    #[test]
    fn a_finding_without_a_place_still_renders() {
        assert_eq!(Diagnostic::warning("nothing to do").render(false), "warning: nothing to do");
        let long = "x".repeat(LONGEST_SHOWN_LINE + 1);
        let rendered =
            Source::new("b.json", &long).error(Location::of_bytes(&long, 7, 8), "too long").render(false);
        assert!(rendered.contains("b.json:1:8") && !rendered.contains("xxx"), "{rendered}");
    }

    #[test]
    fn columns_count_characters_and_never_split_one() {
        let text = "äöü: ☃\n";
        let at = text.find('☃').unwrap();
        let location = Location::of_bytes(text, at, at + 3);
        assert_eq!((location.line, location.column), (1, 6));
        assert_eq!(Location::of_bytes(text, at + 1, at + 2).column, 6);
        assert!(Source::new("c", text).error(location, "cold").render(false).contains("c:1:6"));
        assert_eq!(Location::of_bytes(text, 999, 0).start as usize, text.len());
    }

    #[test]
    fn the_json_form_has_names_and_numbers() {
        let json = serde_json::to_value(Diagnostics(vec![misspelt()])).unwrap();
        assert_eq!(json[0]["severity"], "error");
        assert_eq!(json[0]["location"]["line"], 2);
        assert_eq!(json[0]["location"]["end"], 16);
        assert_eq!(json[0]["code"], "unknown_field");
    }

    #[test]
    fn a_list_knows_whether_it_holds_an_error() {
        let mut list = Diagnostics::new();
        assert_eq!(list.keep(Ok(3)), Some(3));
        list.push(Diagnostic::warning("w"));
        assert!(!list.has_errors());
        assert_eq!(list.keep::<u8>(Err(misspelt())), None);
        assert!(list.has_errors() && list.len() == 2);
        assert!(list.render(false).starts_with("warning: w\n\nerror["));
    }

    #[test]
    fn corrections_are_near_or_abbreviated() {
        let fields = ["threshold", "interval", "for", "maxWeight"];
        assert_eq!(did_you_mean("treshold", &fields), Some("threshold"));
        assert_eq!(did_you_mean("MaxWeigth", &fields), Some("maxWeight"));
        assert_eq!(did_you_mean("fro", &fields), Some("for"));
        assert_eq!(did_you_mean("inter", &fields), Some("interval"));
        assert_eq!(did_you_mean("in", &fields), None);
        assert_eq!(did_you_mean("x", &["y"]), None);
        assert_eq!(did_you_mean(&"a".repeat(10_000), &fields), None);
        assert_eq!(distance("ca", "abc"), 3, "optimal string alignment, not full Damerau");
    }
}
