//! Functions from label set to label set: groupings, match signatures, `label_replace`, `label_join`.

use regex::Regex;

use super::error::PromqlError;
use super::labels::Labels;
use super::selector::anchored;

/// A list of label names.
pub(super) type LabelNames = Box<[Box<str>]>;

/// What a transform does, in a form that can be compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TransformKind {
    /// Keeps only these labels (`by`, `on`).
    Keep(LabelNames),
    /// Removes these labels (`without`, `ignoring`).
    Drop(LabelNames),
    /// Sets `target` from a match of the whole value of `source` (`label_replace`).
    Replace { target: Box<str>, replacement: Box<str>, source: Box<str>, pattern: Box<str> },
    /// Sets `target` to the joined values of `sources` (`label_join`).
    Join { target: Box<str>, separator: Box<str>, sources: LabelNames },
}

/// A transform ready for use.
#[derive(Clone, Debug)]
pub(super) struct Transform {
    kind: TransformKind,
    regex: Option<Regex>,
}

impl Transform {
    /// # Errors
    /// If the pattern of a replacement is not a regular expression.
    pub(super) fn new(kind: TransformKind) -> Result<Self, PromqlError> {
        let regex = match &kind {
            TransformKind::Replace { pattern, .. } => Some(anchored(pattern)?),
            _ => None,
        };
        Ok(Transform { kind, regex })
    }

    /// The labels that are kept, if that is what it does.
    pub(super) fn kept(&self) -> Option<&LabelNames> {
        match &self.kind {
            TransformKind::Keep(names) => Some(names),
            _ => None,
        }
    }

    pub(super) fn apply(&self, labels: &Labels) -> Labels {
        match &self.kind {
            TransformKind::Keep(names) => labels.keep(names),
            TransformKind::Drop(names) => labels.without(names),
            TransformKind::Replace { target, replacement, source, .. } => {
                let Some(found) = self.regex.as_ref().and_then(|regex| regex.captures(labels.value(source)))
                else {
                    return labels.clone();
                };
                let mut value = String::new();
                found.expand(&braced(replacement), &mut value);
                labels.with(target, &value)
            }
            TransformKind::Join { target, separator, sources } => {
                let values: Vec<&str> = sources.iter().map(|name| labels.value(name)).collect();
                labels.with(target, &values.join(separator))
            }
        }
    }
}

/// Writes `$1x` the way both Go and Rust read it: the longest run of letters, digits and `_` is the group's name.
/// The two agree on that rule; only a `$` before anything else differs (Go drops it from the result).
fn braced(replacement: &str) -> String {
    let mut out = String::with_capacity(replacement.len());
    let mut chars = replacement.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('$', Some('$')) => {
                chars.next();
                out.push_str("$$");
            }
            ('$', Some(next)) if *next == '{' || *next == '_' || next.is_alphanumeric() => out.push('$'),
            ('$', _) => {}
            (c, _) => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replace(replacement: &str, pattern: &str) -> Labels {
        let kind = TransformKind::Replace {
            target: "to".into(),
            replacement: replacement.into(),
            source: "from".into(),
            pattern: pattern.into(),
        };
        Transform::new(kind).unwrap().apply(&Labels::new([("from", "ab-12"), ("to", "old")]))
    }

    #[test]
    fn replacement_takes_groups_of_a_whole_match() {
        assert_eq!(replace("$2:$1", "(.*)-(.*)").value("to"), "12:ab");
        assert_eq!(replace("${1}x", "(.*)-.*").value("to"), "abx");
        assert_eq!(replace("$1", "(a)").value("to"), "old", "a part of the value is no match");
        assert_eq!(replace("", ".*").get("to"), None, "an empty value removes the label");
        assert_eq!(replace("$$1 $", ".*").value("to"), "$1 ");
    }
}
