//! Places in users' files: a node with its text, and mistakes found there.

use std::ops::Range;
use std::sync::OnceLock;

use crate::diagnostic::{Diagnostic, Location, Source};
use crate::document::{Node, NodeValue, parse_documents, parse_typed};
use crate::lint::{Mistake, Text};
use crate::policy::native::NativeFile;

/// A parsed text.
pub(crate) struct File<'a> {
    source: Source<'a>,
    documents: Vec<Node>,
    native: OnceLock<Option<NativeFile>>,
}

impl<'a> File<'a> {
    pub(crate) fn parse(text: &Text<'a>) -> Option<Self> {
        let documents = parse_documents(text.name, text.text).ok()?;
        Some(File { source: Source::new(text.name, text.text), documents, native: OnceLock::new() })
    }

    pub(crate) fn name(&self) -> &'a str {
        self.source.name
    }

    pub(crate) fn documents(&self) -> impl Iterator<Item = At<'_>> {
        self.documents.iter().map(|node| At { source: self.source, node, place: node.location })
    }

    pub(crate) fn document(&self, place: usize) -> Option<At<'_>> {
        let node = self.documents.get(place)?;
        Some(At { source: self.source, node, place: node.location })
    }

    /// What it says if it is a file of native triggers.
    pub(crate) fn native(&self) -> Option<&NativeFile> {
        self.native.get_or_init(|| parse_typed(self.source.name, self.source.text).ok()).as_ref()
    }
}

/// A node in its text.
#[derive(Clone, Copy)]
pub(crate) struct At<'f> {
    source: Source<'f>,
    node: &'f Node,
    /// The key for what is in a mapping and is itself none or several lines long, the value elsewhere.
    place: Location,
}

impl<'f> At<'f> {
    /// The value under `key`; null reads as absent.
    pub(crate) fn get(&self, key: &str) -> Option<At<'f>> {
        let entry = self.node.entries().iter().find(|entry| entry.key == key)?;
        let inside = matches!(entry.value.value, NodeValue::Map(_) | NodeValue::Seq(_));
        let place = if inside { entry.location } else { entry.value.location };
        let there = !matches!(entry.value.value, NodeValue::Null);
        there.then_some(At { source: self.source, node: &entry.value, place })
    }

    /// The value at the end of a dotted path.
    pub(crate) fn at(&self, path: &str) -> Option<At<'f>> {
        path.split('.').try_fold(*self, |at, key| at.get(key))
    }

    /// The items of a sequence.
    pub(crate) fn items(&self) -> impl Iterator<Item = At<'f>> + use<'f> {
        let source = self.source;
        self.node.items().iter().map(move |node| At { source, node, place: node.location })
    }

    /// The scalar as it is written; empty for containers.
    pub(crate) fn raw(&self) -> &'f str {
        &self.node.raw
    }

    /// The keys of a mapping, with their places.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (&'f str, Location)> + use<'f> {
        self.node.entries().iter().map(|entry| (entry.key.as_str(), entry.location))
    }

    /// Every scalar in it, as written; depth is bounded where the file is parsed.
    pub(crate) fn texts(&self, found: &mut Vec<&'f str>) {
        found.push(self.raw());
        self.items().for_each(|item| item.texts(found));
        for entry in self.node.entries() {
            At { source: self.source, node: &entry.value, place: entry.location }.texts(found);
        }
    }

    /// The line of the node, from 1.
    pub(crate) fn line(&self) -> usize {
        self.node.location.line as usize
    }

    /// The place itself.
    pub(crate) fn spot(&self) -> Spot {
        Spot { file: Diagnostic::warning("").at(self.source, self.place) }
    }

    /// Whether a number is written in this scalar.
    pub(crate) fn holds(&self, number: f64) -> bool {
        numbers(self.raw()).any(|(_, value)| value == number.abs())
    }

    /// The place of a number inside of this scalar, however it is written; the scalar's own place if it is not there.
    pub(crate) fn spot_of(&self, number: f64) -> Spot {
        let start = self.node.location.start as usize;
        // Folding and escapes make what is written longer than what is read, by about the indentation of each line.
        let lines = self.node.raw.lines().count() + 2;
        let reach = self.node.raw.len() + lines * 60;
        let text = self.source.text;
        let end = (start + reach).min(text.len());
        let end = (end..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
        let written = text.get(start..end).unwrap_or_default();
        match numbers(written).find(|(_, value)| *value == number.abs()) {
            Some((range, _)) => {
                let place = Location::of_bytes(text, start + range.start, start + range.end);
                Spot { file: Diagnostic::warning("").at(self.source, place) }
            }
            None => self.spot(),
        }
    }

    /// The place of a key.
    pub(crate) fn spot_at(&self, place: Location) -> Spot {
        Spot { file: Diagnostic::warning("").at(self.source, place) }
    }
}

/// The numbers in a text with their places: not those within names or durations, and without their signs.
fn numbers(text: &str) -> impl Iterator<Item = (Range<usize>, f64)> + '_ {
    let in_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | ':');
    let mut at = 0;
    std::iter::from_fn(move || {
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let length = rest.find(|c| !in_word(c)).unwrap_or(rest.len());
            let begin = at;
            at += length.max(rest.chars().next().map_or(1, char::len_utf8));
            let word = rest.get(..length).unwrap_or_default();
            // An exponent's sign parts `1e-5` into two words.
            let tail = text.get(begin + length..).unwrap_or_default();
            let signed = word.ends_with(['e', 'E']) && tail.starts_with(['-', '+']);
            let more = tail.get(1..).filter(|_| signed).unwrap_or_default();
            let digits = more.find(|c: char| !c.is_ascii_digit()).unwrap_or(more.len());
            let end = begin + length + if signed && digits > 0 { 1 + digits } else { 0 };
            let plain = text.get(begin..end).unwrap_or_default().replace('_', "");
            if plain.starts_with(|c: char| c.is_ascii_digit() || c == '.')
                && let Ok(value) = plain.parse::<f64>()
            {
                at = end.max(at);
                return Some((begin..end, value));
            }
        }
        None
    })
}

/// A place that has outlived its file.
#[derive(Clone, Debug)]
pub(crate) struct Spot {
    file: Diagnostic,
}

impl Spot {
    /// The beginning of a file that has no place of its own for this.
    pub(crate) fn of_source(name: &str) -> Self {
        Spot { file: Diagnostic::warning("").in_source(name) }
    }

    /// A place in a text that is no tree.
    pub(crate) fn in_text(source: Source<'_>, place: Location) -> Self {
        Spot { file: Diagnostic::warning("").at(source, place) }
    }

    /// A mistake here: the fact, and what to do.
    pub(crate) fn mistake(&self, fact: impl Into<String>, help: impl Into<String>) -> Mistake {
        let mut finding = self.file.clone().with_help(help);
        finding.message = fact.into();
        Mistake(finding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_as_written_and_whole() {
        let text =
            Text { name: "p.yaml", text: "a:\n  expr: |\n    rate(x_5[5m]) > 5.0 or y < -1e-3\n  for: 2m\n" };
        let file = File::parse(&text).unwrap();
        let root = file.documents().next().unwrap();
        let expr = root.at("a.expr").unwrap();
        let place = |spot: Spot| spot.file.location.map(|at| (at.line, at.column, at.end - at.start));
        assert_eq!(place(expr.spot_of(5.0)), Some((3, 21, 3)));
        assert_eq!(place(expr.spot_of(-0.001)), Some((3, 33, 4)));
        assert_eq!(place(root.at("a.for").unwrap().spot()), Some((4, 8, 2)));
        assert_eq!(place(root.get("a").unwrap().spot()), Some((1, 1, 1)), "the key of a mapping");
        assert_eq!(place(root.at("a.for").unwrap().spot_of(3.0)), Some((4, 8, 2)), "as a whole");
    }
}
