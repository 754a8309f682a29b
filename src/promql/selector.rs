//! Selectors: which series a query reads, and over which window.
//!
//! Traps: a regular expression matches the *whole* value (it is anchored), and `.` matches a new line (since
//! Prometheus 3.0); a label that a series does not have compares as the empty string, so `{code!="500"}` matches a
//! series without `code`.

use std::fmt;
use std::sync::Arc;

use regex::Regex;

use super::error::PromqlError;
use super::labels::{Labels, METRIC_NAME, Quoted};
use crate::time::SimDuration;

/// How a matcher compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Regex,
    /// `!~`
    NotRegex,
}

impl MatchOp {
    /// The operator as written in PromQL.
    pub fn symbol(self) -> &'static str {
        match self {
            MatchOp::Equal => "=",
            MatchOp::NotEqual => "!=",
            MatchOp::Regex => "=~",
            MatchOp::NotRegex => "!~",
        }
    }
}

/// One condition on one label.
#[derive(Clone, Debug)]
pub struct Matcher {
    name: String,
    op: MatchOp,
    value: String,
    regex: Option<Regex>,
}

impl Matcher {
    /// A condition on label `name`.
    ///
    /// # Errors
    /// If `value` of a regular-expression matcher is not a regular expression.
    pub fn new(name: &str, op: MatchOp, value: &str) -> Result<Self, PromqlError> {
        let regex = match op {
            MatchOp::Equal | MatchOp::NotEqual => None,
            MatchOp::Regex | MatchOp::NotRegex => Some(anchored(value)?),
        };
        Ok(Matcher { name: name.to_owned(), op, value: value.to_owned(), regex })
    }

    /// The label it looks at.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// How it compares.
    pub fn op(&self) -> MatchOp {
        self.op
    }
    /// What it compares with: a text or the source of a regular expression.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether a label value (empty if the label is missing) satisfies the condition.
    pub fn is_match(&self, value: &str) -> bool {
        let matches = self.regex.as_ref().map_or(self.value == value, |regex| regex.is_match(value));
        match self.op {
            MatchOp::Equal | MatchOp::Regex => matches,
            MatchOp::NotEqual | MatchOp::NotRegex => !matches,
        }
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.name, self.op.symbol(), Quoted(&self.value))
    }
}

/// Compiles `source` so that it matches whole values only. Go reads a `{` that starts no repetition as itself; the
/// crate `regex` refuses it, so it is escaped in a second try.
///
/// # Errors
/// If it is no regular expression in either reading.
pub(super) fn anchored(source: &str) -> Result<Regex, PromqlError> {
    Regex::new(&format!("^(?s:{source})$"))
        .or_else(|_| Regex::new(&format!("^(?s:{})$", escape_lone_braces(source))))
        .map_err(|_| PromqlError::syntax(format!("`{source}` is not a regular expression")))
}

fn escape_lone_braces(source: &str) -> String {
    let mut out = String::with_capacity(source.len() + 4);
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let tail = rest.get(c.len_utf8()..).unwrap_or("");
        match c {
            '\\' => {
                out.push(c);
                out.extend(tail.chars().next());
                rest = tail.get(tail.chars().next().map_or(0, char::len_utf8)..).unwrap_or("");
                continue;
            }
            '{' if !starts_repetition(tail) => out.push_str("\\{"),
            c => out.push(c),
        }
        rest = tail;
    }
    out
}

fn starts_repetition(after_brace: &str) -> bool {
    let Some((inside, _)) = after_brace.split_once('}') else { return false };
    let mut numbers = inside.splitn(2, ',');
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    numbers.next().is_some_and(is_number) && numbers.next().is_none_or(|n| n.is_empty() || is_number(n))
}

/// Which instant a selector or subquery looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct When {
    /// How far before the instant of the evaluation, or after it if negative [ms].
    pub(super) offset_ms: i64,
    /// The instant of `@`, in whose place no evaluation changes anything.
    pub(super) pin: Option<Pin>,
}

/// What `@` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Pin {
    /// An instant [ms].
    At(i64),
    /// The first instant of the evaluation the query is part of.
    Start,
    /// The last one.
    End,
}

/// The instants at which a query is evaluated [ms]: one, or those of a range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: i64,
    pub(super) end: i64,
    /// 0 for a single instant.
    pub(super) step: i64,
}

impl Span {
    pub(super) fn instant(at_ms: i64) -> Self {
        Span { start: at_ms, end: at_ms, step: 0 }
    }
}

impl When {
    /// The instant for an evaluation at `at_ms` within `span`.
    pub(super) fn of(self, at_ms: i64, span: Span) -> i64 {
        let at_ms = match self.pin {
            None => at_ms,
            Some(Pin::At(at_ms)) => at_ms,
            Some(Pin::Start) => span.start,
            Some(Pin::End) => span.end,
        };
        at_ms.saturating_sub(self.offset_ms)
    }
}

/// What one selector of a query reads.
#[derive(Clone, Debug)]
pub struct Selector {
    pub(super) matchers: Arc<[Matcher]>,
    /// Which set of matchers this is; selectors that differ only in window or offset share it.
    pub(super) matcher_set: u32,
    pub(super) range_ms: Option<i64>,
    pub(super) when: When,
}

impl Selector {
    /// The metric name, if the selector fixes one.
    pub fn name(&self) -> Option<&str> {
        self.matchers.iter().find(|m| m.name == METRIC_NAME && m.op == MatchOp::Equal).map(Matcher::value)
    }

    /// All conditions, sorted, the one on `__name__` included.
    pub fn matchers(&self) -> &[Matcher] {
        &self.matchers
    }

    /// The range window, `None` for an instant selector (which looks back by the look-back span).
    pub fn range(&self) -> Option<SimDuration> {
        self.range_ms.map(|ms| SimDuration::from_millis(ms.unsigned_abs()))
    }

    /// How far back the window is moved (ms); negative for a negative offset (into the future).
    pub fn offset_ms(&self) -> i64 {
        self.when.offset_ms
    }

    /// Whether a series with these labels is selected.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.matchers.iter().all(|matcher| matcher.is_match(labels.value(&matcher.name)))
    }
}

impl fmt::Display for Selector {
    /// The matchers in Prometheus form, without window and offset.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        f.write_str(name.unwrap_or(""))?;
        let mut rest = self
            .matchers
            .iter()
            .filter(|m| name.is_none() || m.name != METRIC_NAME || m.op != MatchOp::Equal)
            .peekable();
        if rest.peek().is_none() {
            return Ok(());
        }
        f.write_str("{")?;
        for (index, matcher) in rest.enumerate() {
            write!(f, "{}{matcher}", if index > 0 { "," } else { "" })?;
        }
        f.write_str("}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regular_expressions_are_anchored() {
        let matcher = Matcher::new("code", MatchOp::Regex, "5..|429").unwrap();
        assert!(matcher.is_match("503") && matcher.is_match("429"));
        assert!(!matcher.is_match("1503") && !matcher.is_match("5033") && !matcher.is_match(""));
        assert!(Matcher::new("code", MatchOp::NotRegex, "5..").unwrap().is_match(""));
        assert!(Matcher::new("x", MatchOp::Regex, "a.b").unwrap().is_match("a\nb"));
    }

    #[test]
    fn a_brace_that_repeats_nothing_is_itself() {
        assert!(Matcher::new("x", MatchOp::Regex, "a{b}c").unwrap().is_match("a{b}c"));
        assert!(Matcher::new("x", MatchOp::Regex, "a{2}").unwrap().is_match("aa"));
        assert!(Matcher::new("x", MatchOp::Regex, "a(").is_err());
    }
}
