//! The numbers in users' files that can be turned: what a tuner may change, with the exact bytes where each is written.
//!
//! A *knob* is a number of known meaning: a threshold, a `for`, the window of a query, a weight of a step. Its value is
//! changed by replacing the bytes of its spans and nothing else, so comments, order, quotes, anchors and the rest of the
//! file stay as they are by construction ([`edited`]). A number behind an anchor stands once in the text and is one knob;
//! so are equal windows, or equal limits, of one expression: `rate(bad[5m]) / rate(all[5m])` makes sense with one window
//! only.
//!
//! Which numbers are knobs is said per format in `roles.rs`; how far each may move by itself in `range.rs`. Every other
//! number of a policy's document is a knob that is not *usual*: it is turned only if somebody names it with a range.
//!
//! Traps: a limit of 0 is a guard ("is there any traffic?") and no threshold; `==` and `!=` compare with a word, not with
//! a limit; whether `0.5` is a share or half a second follows from the query beside it, never from the number alone.

mod place;
mod range;
mod roles;
mod scan;

use std::collections::BTreeMap;
use std::ops::Range as Bytes;

use super::SourceText;
use crate::diagnostic::{Diagnostic, Location};
use crate::document::{self, Node, NodeValue};
pub use range::{Range, Unit};
use roles::{Document, Role};

/// A number that can be turned.
#[derive(Clone, Debug, PartialEq)]
pub struct Knob {
    /// Its name: the object and the path of the field, items by their name or place from 0:
    /// `podinfo.analysis.metrics[request-success-rate].thresholdRange.min`. Inside of an expression `threshold` and
    /// `window`, numbered from 1 where there are several.
    pub path: String,
    /// Index of its file.
    pub file: usize,
    /// The first place where it is written.
    pub location: Location,
    /// All bytes in which it is written; they hold the same text.
    pub spans: Vec<Bytes<usize>>,
    /// What is written there.
    pub written: String,
    /// The number: seconds for durations, else as written (1 for `1%`).
    pub value: f64,
    /// How it is spelt.
    pub unit: Unit,
    /// Where it may go.
    pub range: Range,
    /// Knobs with the same number are steps of one ladder: their values must not fall.
    pub ladder: Option<usize>,
    /// Whether it is turned without being named.
    pub usual: bool,
}

impl Knob {
    /// The value at `u` of `[0, 1)` of its range.
    pub fn draw(&self, u: f64) -> f64 {
        self.range.at(u)
    }

    /// The value as its file writes it; what is written now, if it is that.
    pub fn spell(&self, value: f64) -> String {
        if value == self.value { self.written.clone() } else { self.unit.spell(value) }
    }

    /// Gives it another range: `90..99.9`, `30s..10m`, or values `1m,2m,5m`.
    ///
    /// # Errors
    /// Why the text is no range of this knob.
    pub fn set_range(&mut self, text: &str) -> Result<(), String> {
        self.range = self.range.replaced(text, self.unit, &self.written)?;
        self.usual = true;
        Ok(())
    }

    /// Whether `pattern` names it: some of its path, whole segments in a row; items may be left open
    /// (`metrics.thresholdRange` names those of all metrics).
    pub fn is_named(&self, pattern: &str) -> bool {
        let (own, wanted) = (segments(&self.path), segments(pattern));
        // A path that occurs twice ends in its number, an item in its name.
        let fits = |own: &str, wanted: &str| {
            let own = own.split('#').next().unwrap_or(own);
            own == wanted || own.split('[').next() == Some(wanted)
        };
        !wanted.is_empty()
            && own
                .windows(wanted.len())
                .any(|part| part.iter().zip(&wanted).all(|(own, want)| fits(own, want)))
    }
}

/// The parts of a path; dots inside of brackets belong to names.
fn segments(path: &str) -> Vec<&str> {
    let (mut parts, mut begin, mut depth) = (Vec::new(), 0, 0usize);
    for (at, c) in path.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            '.' if depth == 0 => {
                parts.push(&path[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&path[begin..]);
    parts.retain(|part| !part.is_empty());
    parts
}

/// Every knob of the files, in the order of files and places.
///
/// # Errors
/// The first text that is no YAML, with its place.
pub fn find(sources: &[SourceText<'_>]) -> Result<Vec<Knob>, Diagnostic> {
    let mut found = Finder::default();
    for (file, source) in sources.iter().enumerate() {
        for root in &document::parse_documents(source.name, source.text)? {
            let Some(kind) = Document::of(root) else { continue };
            let name = roles::name_of(root).unwrap_or_default();
            let mut walk = Walk { found: &mut found, file, text: source.text, kind, keys: Vec::new() };
            walk.visit(root, name, &mut Vec::new());
        }
    }
    Ok(found.in_order())
}

/// The texts with other values: one text per source, one spelling per knob.
///
/// Spans do not overlap, so the order of the replacements does not matter; they are made from the end.
pub fn edited(sources: &[SourceText<'_>], knobs: &[Knob], values: &[String]) -> Vec<String> {
    let mut texts: Vec<String> = sources.iter().map(|source| source.text.to_owned()).collect();
    let mut changes: Vec<(usize, &Bytes<usize>, &str)> = Vec::new();
    for (knob, value) in knobs.iter().zip(values).filter(|(knob, value)| knob.written != **value) {
        changes.extend(knob.spans.iter().map(|span| (knob.file, span, value.as_str())));
    }
    changes.sort_by_key(|(file, span, _)| (*file, std::cmp::Reverse(span.start)));
    for (file, span, value) in changes {
        if let Some(text) = texts.get_mut(file).filter(|text| text.get(span.clone()).is_some()) {
            text.replace_range(span.clone(), value);
        }
    }
    texts
}

/// What was found so far.
#[derive(Default)]
struct Finder {
    knobs: Vec<Knob>,
    /// Files and bytes that are taken: what comes through an alias is met again.
    taken: BTreeMap<(usize, usize), ()>,
    ladders: BTreeMap<(usize, String), usize>,
}

impl Finder {
    fn push(&mut self, knob: Knob) {
        let is_new = knob.spans.iter().all(|span| !self.taken.contains_key(&(knob.file, span.start)));
        if is_new {
            self.taken.extend(knob.spans.iter().map(|span| ((knob.file, span.start), ())));
            self.knobs.push(knob);
        }
    }

    fn ladder(&mut self, file: usize, path: &str) -> usize {
        let next = self.ladders.len();
        *self.ladders.entry((file, path.to_owned())).or_insert(next)
    }

    /// By place; a path that occurs twice gets a number.
    fn in_order(mut self) -> Vec<Knob> {
        self.knobs.sort_by_key(|knob| (knob.file, knob.spans.first().map_or(0, |span| span.start)));
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for knob in &mut self.knobs {
            let count = seen.entry(knob.path.clone()).or_default();
            *count += 1;
            if *count > 1 {
                knob.path = format!("{}#{count}", knob.path);
            }
        }
        self.knobs
    }
}

/// One document on the way through its values.
struct Walk<'f, 't> {
    found: &'f mut Finder,
    file: usize,
    text: &'t str,
    kind: Document,
    /// Keys from the root, `*` for items.
    keys: Vec<String>,
}

impl Walk<'_, '_> {
    fn visit<'n>(&mut self, node: &'n Node, path: String, above: &mut Vec<&'n Node>) {
        above.push(node);
        match &node.value {
            NodeValue::Map(entries) => {
                for entry in entries {
                    let dot = if path.is_empty() { "" } else { "." };
                    // The way to the interesting part is the same in every object of a kind.
                    let hidden = self.kind.hides(&self.keys, &entry.key);
                    let below = if hidden { path.clone() } else { format!("{path}{dot}{}", entry.key) };
                    self.keys.push(entry.key.clone());
                    self.visit(&entry.value, below, above);
                    self.keys.pop();
                }
            }
            NodeValue::Seq(items) => {
                self.keys.push("*".to_owned());
                for (index, item) in items.iter().enumerate() {
                    let name = roles::item_name(item).map_or_else(|| index.to_string(), str::to_owned);
                    self.visit(item, format!("{path}[{name}]"), above);
                }
                self.keys.pop();
            }
            _ => self.leaf(node, &path, above),
        }
        above.pop();
    }

    fn leaf(&mut self, node: &Node, path: &str, above: &[&Node]) {
        let keys: Vec<&str> = self.keys.iter().map(String::as_str).collect();
        match self.kind.role(&keys) {
            Role::Query => self.expression(node, path, scan::Language::PromQl, ""),
            Role::Condition => {
                self.expression(node, path, scan::Language::Argo, &roles::about(above));
            }
            Role::None => {}
            Role::Number(meaning) => {
                let Some(span) = place::scalar(self.text, node) else { return };
                let about = roles::about(above);
                let ladder = roles::is_ladder(&keys).then(|| {
                    let list = path.rsplit_once('[').map_or(path, |(list, _)| list);
                    self.found.ladder(self.file, list)
                });
                let knob = self.knob(path.to_owned(), vec![span], &node.raw, |unit, value| {
                    range::usual(meaning, unit, value, &node.raw, &about)
                });
                if let Some(knob) = knob {
                    self.found.push(Knob { ladder, ..knob });
                }
            }
            Role::Other => {
                let Some(span) = place::scalar(self.text, node) else { return };
                let knob = self.knob(path.to_owned(), vec![span], &node.raw, |unit, value| {
                    range::usual(roles::Meaning::Plain, unit, value, &node.raw, "")
                });
                if let Some(knob) = knob {
                    self.found.push(Knob { usual: false, ..knob });
                }
            }
        }
    }

    /// The knobs of an expression: its windows and its limits, equal ones as one.
    fn expression(&mut self, node: &Node, path: &str, language: scan::Language, about: &str) {
        let Some(bytes) = place::embedded(self.text, node) else { return };
        let mut groups: Vec<(scan::Spot, Vec<Bytes<usize>>)> = Vec::new();
        for spot in scan::spots(&node.raw, language) {
            let (Some(start), Some(end)) = (bytes.get(spot.at.start), bytes.get(spot.at.end - 1)) else {
                continue;
            };
            let span = *start..*end + 1;
            if self.text.get(span.clone()) != Some(spot.text.as_str()) {
                continue;
            }
            match groups
                .iter_mut()
                .find(|(known, _)| (known.is_window, &known.text) == (spot.is_window, &spot.text))
            {
                Some((_, spans)) => spans.push(span),
                None => groups.push((spot, vec![span])),
            }
        }
        for is_window in [true, false] {
            let of_kind: Vec<_> = groups.iter().filter(|(spot, _)| spot.is_window == is_window).collect();
            for (index, (spot, spans)) in of_kind.iter().enumerate() {
                let word = if is_window { "window" } else { "threshold" };
                let number = if of_kind.len() > 1 { format!("[{}]", index + 1) } else { String::new() };
                let meaning = if is_window { roles::Meaning::Window } else { roles::Meaning::Threshold };
                let beside = format!("{about} {}", spot.beside);
                let knob =
                    self.knob(format!("{path}.{word}{number}"), spans.clone(), &spot.text, |unit, value| {
                        range::usual(meaning, unit, value, &spot.text, &beside)
                    });
                if let Some(knob) = knob {
                    self.found.push(knob);
                }
            }
        }
    }

    /// A knob, if the text is a number and can go somewhere.
    fn knob(
        &self,
        path: String,
        spans: Vec<Bytes<usize>>,
        written: &str,
        range: impl FnOnce(Unit, f64) -> Option<Range>,
    ) -> Option<Knob> {
        let (unit, value) = Unit::read(written)?;
        let first = spans.first()?;
        let location = Location::of_bytes(self.text, first.start, first.end);
        let range = range(unit, value)?;
        let written = written.to_owned();
        Some(Knob {
            path,
            file: self.file,
            location,
            spans,
            written,
            value,
            unit,
            range,
            ladder: None,
            usual: true,
        })
    }
}

#[cfg(test)]
mod tests;
