//! Label sets: the identity of a series.
//!
//! Traps: the metric name is a label like any other, called `__name__`; a label with an empty value is the same as
//! no label at all, so empty values are never stored; order of writing never matters, the set is kept sorted.

use std::fmt;
use std::sync::Arc;

/// The label that holds the metric name.
pub const METRIC_NAME: &str = "__name__";
/// The label that holds the inclusive upper bound of a histogram bucket.
pub const BUCKET_BOUND: &str = "le";

/// An immutable, sorted set of (name, value) pairs; cloning shares the storage.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels(Arc<[(Box<str>, Box<str>)]>);

impl Labels {
    /// The set of `pairs`; a name given twice keeps its last value, empty values are dropped.
    ///
    /// ```
    /// use backout::promql::Labels;
    /// let labels = Labels::new([("__name__", "up"), ("job", "web"), ("zone", "")]);
    /// assert_eq!(labels.to_string(), r#"up{job="web"}"#);
    /// ```
    pub fn new<N: Into<Box<str>>, V: Into<Box<str>>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let mut sorted: Vec<(Box<str>, Box<str>)> =
            pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        sorted.sort_by(|a, b| a.0.cmp(&b.0));
        let mut kept: Vec<(Box<str>, Box<str>)> = Vec::with_capacity(sorted.len());
        for pair in sorted {
            match kept.last_mut() {
                Some(last) if last.0 == pair.0 => *last = pair,
                _ => kept.push(pair),
            }
        }
        kept.retain(|(_, value)| !value.is_empty());
        Labels(kept.into())
    }

    /// The set without any label.
    pub fn empty() -> Self {
        Labels(Arc::from([]))
    }

    /// The value of `name`, if the set has it.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| &**n == name).map(|(_, value)| &**value)
    }

    /// The value of `name`, empty if the set does not have it: what a matcher compares with.
    pub fn value(&self, name: &str) -> &str {
        self.get(name).unwrap_or("")
    }

    /// The metric name, if there is one.
    pub fn metric_name(&self) -> Option<&str> {
        self.get(METRIC_NAME)
    }

    /// The pairs in order of name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Whether both share their storage, and so are equal; equal sets may also be stored twice.
    pub(crate) fn is_same(&self, other: &Labels) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// How many labels there are, the metric name included.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no label at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// This set less the labels called `names`.
    pub fn without<S: AsRef<str>>(&self, names: &[S]) -> Labels {
        self.filtered(|name| !names.iter().any(|n| n.as_ref() == name))
    }

    /// Only the labels called `names`.
    pub fn keep<S: AsRef<str>>(&self, names: &[S]) -> Labels {
        self.filtered(|name| names.iter().any(|n| n.as_ref() == name))
    }

    /// This set with `name` set to `value`; an empty value removes the label.
    pub fn with(&self, name: &str, value: &str) -> Labels {
        let others = self.iter().filter(|(n, _)| *n != name);
        Labels::new(others.chain([(name, value)]))
    }

    fn filtered(&self, keep: impl Fn(&str) -> bool) -> Labels {
        if self.0.iter().all(|(name, _)| keep(name)) {
            return self.clone();
        }
        Labels(self.0.iter().filter(|(name, _)| keep(name)).cloned().collect())
    }
}

impl Default for Labels {
    fn default() -> Self {
        Labels::empty()
    }
}

impl fmt::Display for Labels {
    /// The form of Prometheus: `name{a="1", b="2"}`, `{}` for the empty set.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain_name = self.metric_name().filter(|name| is_plain_metric_name(name));
        if let Some(name) = plain_name {
            f.write_str(name)?;
        }
        let mut rest =
            self.iter().filter(|(name, _)| plain_name.is_none() || *name != METRIC_NAME).peekable();
        if plain_name.is_some() && rest.peek().is_none() {
            return Ok(());
        }
        f.write_str("{")?;
        for (index, (name, value)) in rest.enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{name}={}", Quoted(value))?;
        }
        f.write_str("}")
    }
}

/// A string in double quotes, escaped the way PromQL reads it.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\t' => f.write_str("\\t")?,
                '\r' => f.write_str("\\r")?,
                c => write!(f, "{c}")?,
            }
        }
        f.write_str("\"")
    }
}

fn is_plain_metric_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_of_writing_and_empty_values_do_not_matter() {
        let one = Labels::new([("b", "2"), ("a", "1"), ("c", "")]);
        let other = Labels::new([("a", "0"), ("b", "2"), ("a", "1")]);
        assert_eq!(one, other);
        assert_eq!(one.len(), 2);
        assert_eq!(one.value("c"), "");
    }

    #[test]
    fn prints_as_prometheus_does() {
        assert_eq!(Labels::empty().to_string(), "{}");
        assert_eq!(Labels::new([("__name__", "up")]).to_string(), "up");
        assert_eq!(
            Labels::new([("__name__", "my metric"), ("a", "\"\\\n")]).to_string(),
            r#"{__name__="my metric", a="\"\\\n"}"#
        );
    }

    #[test]
    fn keep_and_without_split_the_set() {
        let labels = Labels::new([("__name__", "x"), ("a", "1"), ("b", "2")]);
        assert_eq!(labels.keep(&["a", "zz"]), Labels::new([("a", "1")]));
        assert_eq!(labels.without(&["a", "__name__"]), Labels::new([("b", "2")]));
        assert_eq!(labels.with("b", ""), labels.without(&["b"]));
    }
}
