//! Text to trees: the parser's events are folded with an explicit stack, so nesting never recurses while reading.
//!
//! Aliases are copied in, merge keys (`<<`) are expanded (own keys win, then earlier mappings), a repeated key is an
//! error. Every copy is charged to the budgets of [`super::limits`], so a text that doubles itself stops early.

use std::collections::BTreeMap;

use serde_saphyr::granit_parser::{self as parser, Event, Parser, Span, Tag};

use super::node::{Entry, Node, NodeValue, ScalarStyle};
use super::{check_size, limits, scalar, template_help};
use crate::diagnostic::{Diagnostic, Location, Source};

/// Every document of a YAML stream, or the one of a JSON text, in order. Empty documents (nothing between two
/// `---`, or only comments) are left out, as `kubectl` does.
///
/// # Errors
/// The first thing that is not YAML, a repeated key, a key that is not a scalar, an alias without an anchor or
/// inside of its own anchor, or a broken budget; always with a place.
pub fn parse_documents(source_name: &str, text: &str) -> Result<Vec<Node>, Diagnostic> {
    let source = Source::new(source_name, text);
    check_size(source)?;
    let mut options = parser::Options::default();
    options.set_emit_comments(false);
    options.flow_nesting_limit = limits::MAX_DEPTH;
    options.block_nesting_limit = limits::MAX_DEPTH;
    let mut builder = Builder::new(source);
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = next.map_err(|error| syntax_error(source, &error))?;
        builder.take(event, &span)?;
    }
    Ok(builder.documents)
}

fn syntax_error(source: Source<'_>, error: &parser::ScanError) -> Diagnostic {
    let marker = error.marker();
    let start = marker.byte_offset().unwrap_or(0);
    let location = Location::new(marker.line(), marker.col() + 1, start..start);
    let diagnostic = source.error(location, error.info()).with_code("syntax");
    match template_help(source, location.line as usize) {
        Some(help) => diagnostic.with_help(help),
        None => diagnostic,
    }
}

fn place(span: &Span) -> Location {
    let bytes = span.byte_range().unwrap_or(0..0);
    Location::new(span.start.line(), span.start.col() + 1, bytes)
}

/// A container that is still open.
struct Frame {
    node: Node,
    anchor: usize,
    /// Keys seen, for mappings.
    keys: BTreeMap<String, Location>,
    /// A key that waits for its value.
    pending: Option<(String, Location, bool)>,
    /// Mappings to merge when this one closes.
    merges: Vec<Node>,
    /// Levels below and including this one.
    height: usize,
}

/// A finished anchored node with what a copy of it costs.
struct Anchored {
    node: Node,
    nodes: usize,
    bytes: usize,
    height: usize,
}

struct Builder<'a> {
    source: Source<'a>,
    documents: Vec<Node>,
    open: Vec<Frame>,
    anchors: BTreeMap<usize, Anchored>,
    nodes: usize,
    bytes: usize,
}

impl<'a> Builder<'a> {
    fn new(source: Source<'a>) -> Self {
        Builder {
            source,
            documents: Vec::new(),
            open: Vec::new(),
            anchors: BTreeMap::new(),
            nodes: 0,
            bytes: 0,
        }
    }

    fn take(&mut self, event: Event<'_>, span: &Span) -> Result<(), Diagnostic> {
        let location = place(span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                // The parser spells a value that is not there `~`; here the text is what was written.
                let is_absent = style == parser::ScalarStyle::Plain && span.is_empty();
                let text = if is_absent { "" } else { &*text };
                self.charge(location, 1, text.len())?;
                let node = scalar_node(text, style, tag.as_deref(), location);
                self.finish(node, anchor, 0)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.open(NodeValue::Seq(Vec::new()), anchor, tag.as_deref(), location)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.open(NodeValue::Map(Vec::new()), anchor, tag.as_deref(), location)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => self.alias(anchor, location),
            _ => Ok(()),
        }
    }

    fn charge(&mut self, location: Location, nodes: usize, bytes: usize) -> Result<(), Diagnostic> {
        self.nodes = self.nodes.saturating_add(nodes);
        self.bytes = self.bytes.saturating_add(bytes);
        if self.nodes <= limits::MAX_NODES && self.bytes <= limits::MAX_SCALAR_BYTES {
            return Ok(());
        }
        let fact = format!(
            "the document is too large: more than {} values or {} bytes of text, aliases expanded",
            limits::MAX_NODES,
            limits::MAX_SCALAR_BYTES
        );
        Err(self.source.error(location, fact).with_code("budget"))
    }

    fn open(
        &mut self,
        value: NodeValue,
        anchor: usize,
        tag: Option<&Tag>,
        location: Location,
    ) -> Result<(), Diagnostic> {
        self.charge(location, 1, 0)?;
        self.check_depth(location, 1)?;
        let tag = tag.filter(|tag| !tag.is_yaml_core_schema()).map(Tag::original);
        let node = Node { value, location, raw: String::new(), style: ScalarStyle::Plain, tag };
        self.open.push(Frame {
            node,
            anchor,
            keys: BTreeMap::new(),
            pending: None,
            merges: Vec::new(),
            height: 1,
        });
        Ok(())
    }

    fn check_depth(&self, location: Location, more: usize) -> Result<(), Diagnostic> {
        if self.open.len() + more <= limits::MAX_DEPTH {
            return Ok(());
        }
        let fact = format!("nested more than {} levels deep", limits::MAX_DEPTH);
        Err(self.source.error(location, fact).with_code("budget"))
    }

    fn close(&mut self) -> Result<(), Diagnostic> {
        let Some(mut frame) = self.open.pop() else { return Ok(()) };
        if let NodeValue::Map(entries) = &mut frame.node.value {
            for merged in frame.merges {
                let NodeValue::Map(more) = merged.value else { continue };
                for entry in more {
                    if !frame.keys.contains_key(&entry.key) {
                        frame.keys.insert(entry.key.clone(), entry.location);
                        entries.push(entry);
                    }
                }
            }
        }
        self.finish(frame.node, frame.anchor, frame.height)
    }

    fn alias(&mut self, anchor: usize, location: Location) -> Result<(), Diagnostic> {
        let Some(anchored) = self.anchors.get(&anchor) else {
            return Err(self.source.error(location, "an alias stands inside of its own anchor"));
        };
        let (nodes, bytes, height) = (anchored.nodes, anchored.bytes, anchored.height);
        self.charge(location, nodes, bytes)?;
        self.check_depth(location, height)?;
        let node = self.anchors.get(&anchor).map(|anchored| anchored.node.clone());
        node.map_or(Ok(()), |node| self.finish(node, 0, height))
    }

    /// A node is complete: remember it if it has an anchor, then hand it to the container it stands in.
    fn finish(&mut self, node: Node, anchor: usize, height: usize) -> Result<(), Diagnostic> {
        if anchor != 0 {
            let (nodes, bytes) = size(&node);
            self.charge(node.location, nodes, bytes)?;
            self.anchors.insert(anchor, Anchored { node: node.clone(), nodes, bytes, height });
        }
        let source = self.source;
        let Some(frame) = self.open.last_mut() else {
            let is_empty = matches!(node.value, NodeValue::Null) && node.raw.is_empty();
            if !is_empty {
                self.documents.push(node);
            }
            return Ok(());
        };
        frame.height = frame.height.max(height + 1);
        match &mut frame.node.value {
            NodeValue::Seq(items) => items.push(node),
            NodeValue::Map(entries) => match frame.pending.take() {
                None => frame.pending = Some(key(source, &mut frame.keys, &node)?),
                Some((_, _, true)) => merge(source, &mut frame.merges, node)?,
                Some((key, location, false)) => entries.push(Entry { key, location, value: node }),
            },
            _ => {}
        }
        Ok(())
    }
}

/// The node as a key: its text, its place, and whether it is a merge key.
fn key(
    source: Source<'_>,
    keys: &mut BTreeMap<String, Location>,
    node: &Node,
) -> Result<(String, Location, bool), Diagnostic> {
    if matches!(node.value, NodeValue::Seq(_) | NodeValue::Map(_)) {
        let diagnostic = source.error(node.location, format!("{} cannot be a key", node.describe()));
        let help = template_help(source, node.location.line as usize)
            .unwrap_or("write a plain word before the colon");
        return Err(diagnostic.with_help(help));
    }
    if node.raw == "<<" && node.style == ScalarStyle::Plain {
        return Ok((node.raw.clone(), node.location, true));
    }
    if let Some(first) = keys.insert(node.raw.clone(), node.location) {
        let fact = format!("the key `{}` is written twice", node.raw);
        let help = format!("it is also on line {}: remove one of the two", first.line);
        return Err(source.error(node.location, fact).with_help(help).with_code("duplicate_key"));
    }
    Ok((node.raw.clone(), node.location, false))
}

fn merge(source: Source<'_>, merges: &mut Vec<Node>, node: Node) -> Result<(), Diagnostic> {
    let refuse = |node: &Node| {
        let fact = format!("`<<` merges mappings, but this is {}", node.describe());
        Err(source.error(node.location, fact))
    };
    match node.value {
        NodeValue::Map(_) => merges.push(node),
        NodeValue::Seq(items) => {
            for item in items {
                if !matches!(item.value, NodeValue::Map(_)) {
                    return refuse(&item);
                }
                merges.push(item);
            }
        }
        _ => return refuse(&node),
    }
    Ok(())
}

fn scalar_node(text: &str, style: parser::ScalarStyle, tag: Option<&Tag>, location: Location) -> Node {
    let style = match style {
        parser::ScalarStyle::Plain => ScalarStyle::Plain,
        parser::ScalarStyle::SingleQuoted | parser::ScalarStyle::DoubleQuoted => ScalarStyle::Quoted,
        parser::ScalarStyle::Literal | parser::ScalarStyle::Folded => ScalarStyle::Block,
    };
    let as_text = || NodeValue::Str(text.to_owned());
    let value = match tag.map(|tag| (tag.core_suffix(), tag)) {
        None if style == ScalarStyle::Plain => scalar::resolve(text),
        Some((Some("int" | "float" | "bool" | "null"), _)) => scalar::resolve(text),
        _ => as_text(),
    };
    let tag = tag.filter(|tag| !tag.is_yaml_core_schema()).map(Tag::original);
    Node { value, location, raw: text.to_owned(), style, tag }
}

/// Values and bytes of text in a finished node; bounded by [`limits::MAX_DEPTH`].
fn size(node: &Node) -> (usize, usize) {
    let mut total = (1, node.raw.len());
    let mut add = |(nodes, bytes): (usize, usize)| total = (total.0 + nodes, total.1 + bytes);
    match &node.value {
        NodeValue::Seq(items) => items.iter().for_each(|item| add(size(item))),
        NodeValue::Map(entries) => entries.iter().for_each(|entry| {
            add((1, entry.key.len()));
            add(size(&entry.value));
        }),
        _ => {}
    }
    total
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
