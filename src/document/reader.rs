//! A cursor over a [`Node`] that remembers what was read.
//!
//! An importer honours some keys of a file and not others; which ones it did not is what the user must hear. Readers
//! that come from one another share one record: whatever is reached through `get`, `at`, `seq`, `entries` or
//! `required` counts as read, and [`Reader::unread`] lists the topmost nodes nobody reached.
//!
//! Traps: a key that holds `null` reads as absent, as Kubernetes has it. Reaching a mapping is not reading what is
//! in it: its keys are listed one by one unless [`Reader::whole`] or [`Reader::ignore`] takes them all.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use super::node::{Node, NodeValue, ScalarStyle};
use super::{duration, scalar};
use crate::diagnostic::{Diagnostic, Location, Source, did_you_mean};
use crate::time::SimDuration;

/// A cursor over a node.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    source: Source<'a>,
    node: &'a Node,
    path: String,
    record: Rc<RefCell<Record>>,
}

#[derive(Debug, Default)]
struct Record {
    reached: BTreeSet<String>,
    whole: BTreeSet<String>,
}

/// A part of a file that nobody read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Where in the tree: `spec.metrics[0].name`.
    pub path: String,
    /// Where in the text: the key for entries of mappings, the value for items of sequences.
    pub location: Location,
}

impl<'a> Reader<'a> {
    /// A cursor at `node`, with a fresh record; `source` is the text it was parsed from.
    pub fn new(source: Source<'a>, node: &'a Node) -> Self {
        Reader { source, node, path: String::new(), record: Rc::default() }
    }

    /// Where this cursor stands: `spec.metrics[0].name`, empty at the top.
    pub fn path(&self) -> &str {
        &self.path
    }
    /// Where this cursor stands in the text.
    pub fn location(&self) -> Location {
        self.node.location
    }
    /// The text this cursor reads.
    pub fn source(&self) -> Source<'a> {
        self.source
    }
    /// The node under this cursor; looking at it marks nothing as read.
    pub fn peek(&self) -> &'a Node {
        self.node
    }
    /// Whether there is a value other than null under `key`; marks nothing as read.
    pub fn has(&self, key: &str) -> bool {
        self.node.get(key).is_some_and(|node| !matches!(node.value, NodeValue::Null))
    }

    /// The value under `key`, which counts as read; `None` if there is none or it is null.
    pub fn get(&self, key: &str) -> Option<Reader<'a>> {
        let child = self.reach(self.node.get(key)?, key_path(&self.path, key));
        (!matches!(child.node.value, NodeValue::Null)).then_some(child)
    }

    /// The value at the end of a dotted path like `spec.metrics[0].name`; everything on the way counts as read. Keys
    /// that contain dots are reached with [`Reader::get`].
    pub fn at(&self, path: &str) -> Option<Reader<'a>> {
        path.split('.').try_fold(self.clone(), |reader, segment| {
            let (key, mut indices) = segment.split_at(segment.find('[').unwrap_or(segment.len()));
            let mut reader = if key.is_empty() { reader } else { reader.get(key)? };
            while let Some((index, rest)) = indices.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                reader = reader.item(index.parse().ok()?)?;
                indices = rest;
            }
            indices.is_empty().then_some(reader)
        })
    }

    /// The value under `key`.
    ///
    /// # Errors
    /// If there is none, at this cursor, naming the path, and a key that was likely meant.
    pub fn required(&self, key: &str) -> Result<Reader<'a>, Diagnostic> {
        if let Some(reader) = self.get(key) {
            return Ok(reader);
        }
        let keys: Vec<&str> = self.node.entries().iter().map(|entry| entry.key.as_str()).collect();
        let path = key_path(&self.path, key);
        Err(match did_you_mean(key, &keys).filter(|near| *near != key) {
            Some(near) => self
                .diagnostic_at(format!("`{path}` is missing"), format!("is `{near}` a misspelling of it?")),
            None => self.diagnostic_at(format!("`{path}` is missing"), format!("add `{key}:` here")),
        })
    }

    fn item(&self, index: usize) -> Option<Reader<'a>> {
        Some(self.reach(self.node.items().get(index)?, format!("{}[{index}]", self.path)))
    }

    fn reach(&self, node: &'a Node, path: String) -> Reader<'a> {
        self.record.borrow_mut().reached.insert(path.clone());
        Reader { source: self.source, node, path, record: Rc::clone(&self.record) }
    }

    /// The text.
    ///
    /// # Errors
    /// If it is anything else, a number too; see [`Reader::text`] for "whatever was written".
    pub fn str(&self) -> Result<&'a str, Diagnostic> {
        self.node.as_str().ok_or_else(|| self.expected("a text", "put it in quotes"))
    }

    /// The scalar as it was written: `1.10` stays `1.10`.
    ///
    /// # Errors
    /// If it is a sequence, a mapping or null.
    pub fn text(&self) -> Result<&'a str, Diagnostic> {
        match self.node.value {
            NodeValue::Seq(_) | NodeValue::Map(_) | NodeValue::Null => {
                Err(self.expected("a text or a number", "write a single value"))
            }
            _ => Ok(&self.node.raw),
        }
    }

    /// The whole number, written as a number or, as Kubernetes allows, as a text (`"5"`).
    ///
    /// # Errors
    /// If it is anything else, or beyond 64 bits.
    pub fn i64(&self) -> Result<i64, Diagnostic> {
        let value = match &self.node.value {
            NodeValue::Str(text) => scalar::number(text),
            other => Some(other.clone()),
        };
        match value {
            Some(NodeValue::Int(value)) => Ok(value),
            Some(NodeValue::Float(value)) if value.fract() == 0.0 && value.abs() < 9e15 => Ok(value as i64),
            _ => Err(self.expected("a whole number", "write digits only, like `5`")),
        }
    }

    /// The number, written as a number or as a text.
    ///
    /// # Errors
    /// If it is anything else, or not finite.
    pub fn f64(&self) -> Result<f64, Diagnostic> {
        let value = match &self.node.value {
            NodeValue::Str(text) => scalar::number(text),
            other => Some(other.clone()),
        };
        match value {
            Some(NodeValue::Int(value)) => Ok(value as f64),
            Some(NodeValue::Float(value)) if value.is_finite() => Ok(value),
            _ => Err(self.expected("a number", "write it like `0.5`")),
        }
    }

    /// The boolean; unquoted `yes`, `no`, `on`, `off` count, as in the YAML 1.1 of Kubernetes and Prometheus.
    ///
    /// # Errors
    /// If it is anything else.
    pub fn bool(&self) -> Result<bool, Diagnostic> {
        let old_form = (self.node.style == ScalarStyle::Plain).then(|| scalar::yaml11_bool(&self.node.raw));
        match (&self.node.value, old_form.flatten()) {
            (NodeValue::Bool(value), _) => Ok(*value),
            (NodeValue::Str(_), Some(value)) => Ok(value),
            _ => Err(self.expected("true or false", "write `true` or `false`")),
        }
    }

    /// The duration in Go's language (`90s`, `1h30m`, `1.5m`, `0`), as Argo, Flagger and Kubernetes read it.
    ///
    /// # Errors
    /// If it is anything else: a number without a unit, a day, a negative one.
    pub fn duration_go(&self) -> Result<SimDuration, Diagnostic> {
        duration::go(&self.node.raw)
            .ok_or_else(|| self.expected("a duration", "write it like `90s`, `5m` or `1h30m`"))
    }

    /// The duration in Prometheus' language (`5m`, `1h30m`, `1d`), whole numbers with falling units.
    ///
    /// # Errors
    /// If it is anything else.
    pub fn duration_prometheus(&self) -> Result<SimDuration, Diagnostic> {
        duration::prometheus(&self.node.raw)
            .ok_or_else(|| self.expected("a duration", "write it like `90s`, `5m`, `1h30m` or `1d`"))
    }

    /// The items of the sequence, each of which counts as read.
    ///
    /// # Errors
    /// If it is no sequence.
    pub fn seq(&self) -> Result<Vec<Reader<'a>>, Diagnostic> {
        match &self.node.value {
            NodeValue::Seq(items) => Ok((0..items.len()).filter_map(|index| self.item(index)).collect()),
            _ => Err(self.expected("a sequence", "start each item with `- `")),
        }
    }

    /// Key, place of the key and value of each entry in order; each counts as read. Null values are included.
    ///
    /// # Errors
    /// If it is no mapping.
    pub fn entries(&self) -> Result<Vec<(&'a str, Location, Reader<'a>)>, Diagnostic> {
        let NodeValue::Map(entries) = &self.node.value else {
            return Err(self.expected("a mapping", "write `key: value` lines"));
        };
        let reach = |entry: &'a super::Entry| {
            let value = self.reach(&entry.value, key_path(&self.path, &entry.key));
            (entry.key.as_str(), entry.location, value)
        };
        Ok(entries.iter().map(reach).collect())
    }

    /// The node with all that is in it, which counts as read.
    pub fn whole(&self) -> &'a Node {
        self.record.borrow_mut().whole.insert(self.path.clone());
        self.node
    }

    /// Takes everything under a dotted path as known and without effect, so that it is not listed as unread. A path
    /// that does not exist is no error.
    pub fn ignore(&self, path: &str) {
        if let Some(reader) = self.at_without_reading(path) {
            self.record.borrow_mut().whole.insert(reader.path);
        }
    }

    /// Like `at`, on a record of its own, so that nothing on the way counts as read in the shared one.
    fn at_without_reading(&self, path: &str) -> Option<Reader<'a>> {
        let apart = Reader { record: Rc::default(), ..self.clone() };
        let (parent, last) =
            path.rsplit_once('.').map_or((None, path), |(parent, last)| (Some(parent), last));
        let parent = match parent {
            Some(parent) => apart.at(parent)?,
            None => apart,
        };
        if last.contains('[') {
            return parent.at(last);
        }
        // `ignore("status")` must also silence `status: null`, which `at` takes as absent.
        Some(parent.reach(parent.node.get(last)?, key_path(&parent.path, last)))
    }

    /// The topmost nodes under this cursor that nobody reached, in the order of the text.
    pub fn unread(&self) -> Vec<Unread> {
        let mut found = Vec::new();
        self.record.borrow().collect(self.node, &self.path, &mut found);
        found
    }

    /// An error at this cursor.
    pub fn diagnostic_at(&self, message: impl Into<String>, help: impl Into<String>) -> Diagnostic {
        self.source.error(self.node.location, message).with_help(help)
    }

    fn expected(&self, what: &str, help: &str) -> Diagnostic {
        let place = if self.path.is_empty() { "the document" } else { &format!("`{}`", self.path) };
        let fact = format!("{place} must be {what}, found {}", self.node.describe());
        self.diagnostic_at(fact, help).with_code("wrong_type")
    }
}

impl Record {
    /// Recursion is bounded by `limits::MAX_DEPTH`.
    fn collect(&self, node: &Node, path: &str, found: &mut Vec<Unread>) {
        if self.whole.contains(path) {
            return;
        }
        for (index, item) in node.items().iter().enumerate() {
            self.visit(item, format!("{path}[{index}]"), item.location, found);
        }
        for entry in node.entries() {
            self.visit(&entry.value, key_path(path, &entry.key), entry.location, found);
        }
    }

    fn visit(&self, node: &Node, path: String, location: Location, found: &mut Vec<Unread>) {
        let known = self.reached.contains(&path) || self.whole.contains(&path) || self.ignores_below(&path);
        if known {
            self.collect(node, &path, found);
        } else {
            found.push(Unread { path, location });
        }
    }

    /// Whether something inside of `path` is ignored although `path` itself was not reached.
    fn ignores_below(&self, path: &str) -> bool {
        let inside = |known: &String| {
            known.strip_prefix(path).is_some_and(|rest| rest.starts_with('.') || rest.starts_with('['))
        };
        self.whole.range(path.to_owned()..).take_while(|known| known.starts_with(path)).any(inside)
    }
}

/// `path.key`, or `path["odd key"]` for a key that is no plain word.
fn key_path(path: &str, key: &str) -> String {
    let is_word = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '$'));
    match (path.is_empty(), is_word) {
        (true, true) => key.to_owned(),
        (false, true) => format!("{path}.{key}"),
        (_, false) => format!("{path}[{key:?}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::parse_documents;

    const CANARY: &str = r#"
apiVersion: flagger.app/v1beta1
metadata:
  name: podinfo
  labels: {app: podinfo, team: web}
  annotations:
    example.com/owner: me
spec:
  analysis:
    interval: 1m
    threshold: "5"
    maxWeight: 50
    mirror: yes
    metrics:
      - name: request-success-rate
        thresholdRange: {min: 99.5}
      - name: latency
        unknown: 3
  version: 1.10
status:
"#;

    fn with<T>(text: &str, look: impl FnOnce(Reader<'_>) -> T) -> T {
        let documents = parse_documents("canary.yaml", text).unwrap();
        look(Reader::new(Source::new("canary.yaml", text), &documents[0]))
    }

    #[test]
    fn values_are_read_by_path_and_type() {
        with(CANARY, |root| {
            let analysis = root.at("spec.analysis").unwrap();
            assert_eq!(analysis.get("interval").unwrap().duration_go().unwrap(), SimDuration::from_mins(1));
            assert_eq!(analysis.get("threshold").unwrap().i64().unwrap(), 5);
            assert_eq!(analysis.get("maxWeight").unwrap().f64().unwrap(), 50.0);
            assert!(analysis.get("mirror").unwrap().bool().unwrap());
            assert_eq!(root.at("spec.version").unwrap().text().unwrap(), "1.10");
            assert_eq!(root.at("spec.analysis.metrics[0].thresholdRange.min").unwrap().f64().unwrap(), 99.5);
            assert_eq!(root.at("spec.analysis.metrics[1]").unwrap().path(), "spec.analysis.metrics[1]");
            assert!(
                root.at("spec.analysis.metrics[7]").is_none() && root.at("spec.analysis.metrics[x").is_none()
            );
            assert!(root.get("status").is_none() && !root.has("status") && root.has("spec"));
        });
    }

    #[test]
    fn what_nobody_read_is_listed_topmost_first_in_text_order() {
        with(CANARY, |root| {
            root.get("apiVersion");
            root.at("metadata.name");
            root.ignore("metadata.labels");
            root.ignore("status");
            root.ignore("not.there");
            for metric in root.at("spec.analysis.metrics").unwrap().seq().unwrap() {
                metric.get("name");
                metric.get("thresholdRange").map(|range| range.whole());
            }
            let unread = root.unread();
            let paths: Vec<&str> = unread.iter().map(|u| u.path.as_str()).collect();
            let expected = [
                "metadata.annotations",
                "spec.analysis.interval",
                "spec.analysis.threshold",
                "spec.analysis.maxWeight",
                "spec.analysis.mirror",
                "spec.analysis.metrics[1].unknown",
                "spec.version",
            ];
            assert_eq!(paths, expected);
            assert_eq!((unread[0].location.line, unread[0].location.column), (6, 3));
            assert_eq!(unread[5].location.line, 18);
        });
    }

    #[test]
    fn ignoring_a_part_leaves_its_neighbours_listed() {
        with("a: {b: 1, c: 2}\nab: 3\n", |root| {
            root.ignore("a.b");
            let paths: Vec<String> = root.unread().into_iter().map(|u| u.path).collect();
            assert_eq!(paths, ["a.c", "ab"]);
            root.whole();
            assert!(root.unread().is_empty());
        });
        with("a:\n  x.y/z: 1\n", |root| {
            root.get("a");
            assert_eq!(root.unread()[0].path, r#"a["x.y/z"]"#);
        });
    }

    #[test]
    fn errors_name_path_place_and_what_was_found() {
        with(CANARY, |root| {
            let error = root.at("spec.analysis.interval").unwrap().i64().unwrap_err();
            assert_eq!(
                error.message,
                "`spec.analysis.interval` must be a whole number, found the text \"1m\""
            );
            assert_eq!(error.location.map(|l| (l.line, l.column)), Some((10, 15)));
            let error = root.get("spec").unwrap().required("anaylsis").unwrap_err();
            assert_eq!(error.message, "`spec.anaylsis` is missing");
            assert_eq!(error.help.as_deref(), Some("is `analysis` a misspelling of it?"));
            let error = root.at("spec.version").unwrap().str().unwrap_err();
            assert!(error.render(false).contains("canary.yaml:19:12"), "{error}");
            assert!(root.seq().unwrap_err().message.starts_with("the document must be a sequence"));
            assert!(root.at("spec.analysis.maxWeight").unwrap().duration_go().is_err());
            assert!(root.at("metadata.name").unwrap().entries().is_err());
        });
    }

    #[test]
    fn numbers_that_are_not_numbers_are_refused() {
        with("a: .nan\nb: 1e3\nc: \"yes\"\nd: 1.5\ne: 99999999999999999999\n", |root| {
            assert!(root.get("a").unwrap().f64().is_err());
            assert_eq!(root.get("b").unwrap().i64().unwrap(), 1000);
            assert!(root.get("c").unwrap().bool().is_err(), "quoted");
            assert!(root.get("d").unwrap().i64().is_err());
            assert!(root.get("e").unwrap().i64().is_err());
        });
    }

    #[test]
    fn entries_come_with_the_place_of_their_key() {
        with("b: 1\na: ~\n", |root| {
            let entries = root.entries().unwrap();
            let keys: Vec<_> = entries.iter().map(|(key, at, _)| (*key, at.line)).collect();
            assert_eq!(keys, [("b", 1), ("a", 2)]);
            assert!(root.unread().is_empty());
        });
    }
}
