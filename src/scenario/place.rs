//! Where in the text a part of the document stands, so that a finding about its meaning points as well as one about
//! its form.
//!
//! A path is a list of keys and, for sequences, indices as text: `["traffic", "0", "to"]`. A key that was left out
//! has the place of what it would stand in.

use crate::diagnostic::{Diagnostic, Location, Severity, Source};
use crate::document::{Node, NodeValue, parse_documents};

/// A document's text with its tree of places.
pub(super) struct Places<'a> {
    source: Source<'a>,
    root: Option<Node>,
}

impl<'a> Places<'a> {
    /// The places of a text; of one that is not YAML there are none.
    pub(super) fn of(source: Source<'a>) -> Self {
        let root = parse_documents(source.name, source.text).ok().and_then(|all| all.into_iter().next());
        Places { source, root }
    }

    /// The place of a path: of the value if it is a scalar, of its key if it is not.
    fn location(&self, path: &[&str]) -> Option<Location> {
        let mut node = self.root.as_ref()?;
        let mut location = node.location;
        for step in path {
            let next = match &node.value {
                NodeValue::Seq(items) => {
                    step.parse::<usize>().ok().and_then(|at| items.get(at)).map(|item| (item.location, item))
                }
                _ => node.entries().iter().find(|entry| entry.key == *step).map(|entry| {
                    let inside = matches!(entry.value.value, NodeValue::Map(_) | NodeValue::Seq(_));
                    (if inside { entry.location } else { entry.value.location }, &entry.value)
                }),
            };
            let Some((place, child)) = next else { break };
            (location, node) = (place, child);
        }
        Some(location)
    }

    fn finding(&self, severity: Severity, path: &[&str], fact: String) -> Diagnostic {
        let finding = Diagnostic::new(severity, fact);
        match self.location(path) {
            Some(location) => finding.at(self.source, location),
            None => finding.in_source(self.source.name),
        }
    }

    /// An error about the path.
    pub(super) fn error(&self, path: &[&str], fact: impl Into<String>) -> Diagnostic {
        self.finding(Severity::Error, path, fact.into())
    }

    /// A warning about the path.
    pub(super) fn warning(&self, path: &[&str], fact: impl Into<String>) -> Diagnostic {
        self.finding(Severity::Warning, path, fact.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line_column(path: &[&str]) -> Option<(u32, u32)> {
        let text = "format: 1\nservices:\n  web: {replicas: 0}\ntraffic:\n  - to: web\n    rate: 1/s\n";
        let places = Places::of(Source::new("s.yaml", text));
        places.location(path).map(|place| (place.line, place.column))
    }

    #[test]
    fn paths_lead_to_values_keys_and_parents() {
        assert_eq!(line_column(&["services", "web", "replicas"]), Some((3, 19)), "a scalar: its value");
        assert_eq!(line_column(&["services", "web"]), Some((3, 3)), "a mapping: its key");
        assert_eq!(line_column(&["traffic", "0", "rate"]), Some((6, 11)));
        assert_eq!(line_column(&["services", "web", "queue"]), Some((3, 3)), "left out: its parent");
    }

    #[test]
    fn a_text_without_places_still_names_its_source() {
        let error = Places::of(Source::new("s.yaml", "a: [")).error(&["a"], "wrong");
        assert_eq!((error.source.as_deref(), error.location), (Some("s.yaml"), None));
    }
}
