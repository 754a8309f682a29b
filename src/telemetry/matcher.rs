//! Selectors as far as binding needs them: a metric name and matchers on labels.
//!
//! Traps: a label that a series does not have is matched as the empty string, so `canary!=""` needs the label and
//! `code!~"5.."` does not. Regular expressions are anchored at both ends.

use std::fmt;

use regex::Regex;

/// How a matcher compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    const fn sign(self) -> &'static str {
        match self {
            MatchOp::Equal => "=",
            MatchOp::NotEqual => "!=",
            MatchOp::Regex => "=~",
            MatchOp::NotRegex => "!~",
        }
    }
}

/// A condition on one label.
#[derive(Clone, Debug)]
pub struct LabelMatcher {
    label: String,
    op: MatchOp,
    value: String,
    regex: Option<Regex>,
}

impl LabelMatcher {
    /// A matcher on `label`.
    ///
    /// # Errors
    /// When `value` should be a regular expression and is none.
    pub fn new(label: &str, op: MatchOp, value: &str) -> Result<Self, regex::Error> {
        let regex = match op {
            MatchOp::Regex | MatchOp::NotRegex => Some(Regex::new(&format!("^(?s:{value})$"))?),
            MatchOp::Equal | MatchOp::NotEqual => None,
        };
        Ok(LabelMatcher { label: label.to_owned(), op, value: value.to_owned(), regex })
    }

    /// The label it looks at.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// What it compares with.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// How it compares.
    pub fn op(&self) -> MatchOp {
        self.op
    }

    /// Whether a label of this value passes; empty = no such label.
    pub fn accepts(&self, value: &str) -> bool {
        match (self.op, &self.regex) {
            (MatchOp::Equal, _) => value == self.value,
            (MatchOp::NotEqual, _) => value != self.value,
            (MatchOp::Regex, Some(regex)) => regex.is_match(value),
            (MatchOp::NotRegex, Some(regex)) => !regex.is_match(value),
            (MatchOp::Regex | MatchOp::NotRegex, None) => false,
        }
    }
}

impl fmt::Display for LabelMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{:?}", self.label, self.op.sign(), self.value)
    }
}

impl PartialEq for LabelMatcher {
    fn eq(&self, other: &Self) -> bool {
        (&self.label, self.op, &self.value) == (&other.label, other.op, &other.value)
    }
}

/// A vector selector: what a query reads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SelectorShape {
    /// The metric name; `None` when the selector has only matchers (possibly on `__name__`).
    pub name: Option<String>,
    /// Conditions on labels, in the order written.
    pub matchers: Vec<LabelMatcher>,
}

impl SelectorShape {
    /// A selector of one metric without conditions.
    pub fn named(name: &str) -> Self {
        SelectorShape { name: Some(name.to_owned()), matchers: Vec::new() }
    }

    /// This selector with one more condition.
    ///
    /// # Errors
    /// When `value` should be a regular expression and is none.
    pub fn with(mut self, label: &str, op: MatchOp, value: &str) -> Result<Self, regex::Error> {
        self.matchers.push(LabelMatcher::new(label, op, value)?);
        Ok(self)
    }

    /// Whether a metric of this name passes.
    pub fn accepts_name(&self, name: &str) -> bool {
        self.name.as_deref().is_none_or(|wanted| wanted == name)
            && self.matchers.iter().filter(|m| m.label == "__name__").all(|m| m.accepts(name))
    }

    /// The conditions on labels other than the name.
    pub fn conditions(&self) -> impl Iterator<Item = &LabelMatcher> {
        self.matchers.iter().filter(|m| m.label != "__name__")
    }
}

impl fmt::Display for SelectorShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name.as_deref().unwrap_or(""))?;
        if self.matchers.is_empty() && self.name.is_some() {
            return Ok(());
        }
        let matchers: Vec<String> = self.matchers.iter().map(ToString::to_string).collect();
        write!(f, "{{{}}}", matchers.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regular_expressions_are_anchored_and_absent_labels_are_empty() {
        let m = LabelMatcher::new("code", MatchOp::NotRegex, "5.*").unwrap();
        assert!(m.accepts("200") && m.accepts("") && !m.accepts("500") && m.accepts("1500"));
        let m = LabelMatcher::new("pod", MatchOp::Regex, "podinfo|other").unwrap();
        assert!(m.accepts("podinfo") && m.accepts("other") && !m.accepts("podinfo-1"));
        assert!(LabelMatcher::new("code", MatchOp::Regex, "5[").is_err());
    }

    #[test]
    fn prints_as_it_was_written() {
        let s = SelectorShape::named("up").with("job", MatchOp::Regex, "a|b").unwrap();
        assert_eq!(s.to_string(), r#"up{job=~"a|b"}"#);
        assert_eq!(SelectorShape::named("up").to_string(), "up");
    }
}
