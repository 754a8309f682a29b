//! The positioned tree of a user's file.

use crate::diagnostic::Location;

/// A value with the place where it is written.
///
/// What came through an alias (`*x`) or a merge key (`<<`) keeps the place of its definition: that is the line
/// somebody would have to change.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The value.
    pub value: NodeValue,
    /// Where it starts; for scalars with its extent.
    pub location: Location,
    /// The scalar as written, escapes and folding resolved: `1.10` stays `1.10`. Empty for containers.
    pub raw: String,
    /// How the scalar was written; [`ScalarStyle::Plain`] for containers.
    pub style: ScalarStyle,
    /// A tag that is not of YAML's core schema, as written: `!Ref`, `!GetAtt`, `!vault`.
    pub tag: Option<String>,
}

/// What a [`Node`] holds.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeValue {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number; whole numbers beyond 64 bits too.
    Float(f64),
    /// A text.
    Str(String),
    /// A sequence.
    Seq(Vec<Node>),
    /// A mapping, in the order written; merged entries come last. Keys are unique.
    Map(Vec<Entry>),
}

/// One entry of a mapping.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key as written; `1` and `"1"` are the same key.
    pub key: String,
    /// Where the key is written.
    pub location: Location,
    /// What it maps to.
    pub value: Node,
}

/// How a scalar was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScalarStyle {
    /// Without quotes: its type follows from its form.
    Plain,
    /// In single or double quotes: always a text.
    Quoted,
    /// A literal (`|`) or folded (`>`) block: always a text.
    Block,
}

impl Node {
    /// The value under `key`, if this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// The entries of a mapping; none for anything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            NodeValue::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a sequence; none for anything else.
    pub fn items(&self) -> &[Node] {
        match &self.value {
            NodeValue::Seq(items) => items,
            _ => &[],
        }
    }

    /// The text, if this is one.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            NodeValue::Str(text) => Some(text),
            _ => None,
        }
    }

    /// What it is, for messages: `a mapping`, `the text "x"`.
    pub fn describe(&self) -> String {
        match &self.value {
            NodeValue::Null => "nothing".to_owned(),
            NodeValue::Bool(_) => format!("the boolean {}", self.raw),
            NodeValue::Int(_) | NodeValue::Float(_) => format!("the number {}", self.raw),
            NodeValue::Str(text) if text.chars().count() > 40 => "a text".to_owned(),
            NodeValue::Str(text) => format!("the text {text:?}"),
            NodeValue::Seq(_) => "a sequence".to_owned(),
            NodeValue::Map(_) => "a mapping".to_owned(),
        }
    }
}
