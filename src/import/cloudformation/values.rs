//! Values of a CloudFormation template: texts, and the functions that stand in their place.
//!
//! `!Ref` of a parameter is what the user says (`--arg NAME=VALUE`) or its default; `!Ref` of a resource is its logical
//! name, which is what alarms and hooks are found by. Short tags and the long form (`Fn::Sub:`) mean the same. What
//! CloudFormation alone could work out (`!If`, `!FindInMap`, account numbers) has no value here.

use crate::document::{Node, NodeValue, Reader};
use crate::import::ImportOptions;

/// What a value comes down to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Resolved {
    /// A text or number.
    Plain(String),
    /// The logical name of another resource, with the attribute that was asked for.
    Resource(String),
    /// Nothing that can be told from the template.
    Unknown,
}

impl Resolved {
    /// The text of either kind.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Resolved::Plain(text) | Resolved::Resource(text) => Some(text),
            Resolved::Unknown => None,
        }
    }
}

/// The value at a cursor, which counts as read with all that is in it.
pub(super) fn resolve(at: &Reader<'_>, root: &Reader<'_>, options: &ImportOptions) -> Resolved {
    let node = at.whole();
    let long = |key: &str| node.entries().first().filter(|entry| entry.key == key).map(|entry| &entry.value);
    match (node.tag.as_deref(), &node.value) {
        (Some("!Ref"), _) => reference(&node.raw, root, options),
        (Some("!GetAtt"), NodeValue::Seq(items)) => first(items),
        (Some("!GetAtt"), _) => attribute(&node.raw),
        (Some("!Sub"), NodeValue::Str(_)) => substituted(&node.raw, root, options),
        (Some(_), _) | (None, NodeValue::Seq(_) | NodeValue::Null) => Resolved::Unknown,
        (None, NodeValue::Map(_)) => match (long("Ref"), long("Fn::GetAtt"), long("Fn::Sub")) {
            (Some(name), ..) => reference(&name.raw, root, options),
            (_, Some(path), _) if path.items().is_empty() => attribute(&path.raw),
            (_, Some(path), _) => first(path.items()),
            (.., Some(text)) => substituted(&text.raw, root, options),
            _ => Resolved::Unknown,
        },
        (None, _) => Resolved::Plain(node.raw.clone()),
    }
}

fn first(items: &[Node]) -> Resolved {
    items.first().map_or(Resolved::Unknown, |item| Resolved::Resource(item.raw.clone()))
}

fn attribute(path: &str) -> Resolved {
    Resolved::Resource(path.split('.').next().unwrap_or(path).to_owned())
}

fn reference(name: &str, root: &Reader<'_>, options: &ImportOptions) -> Resolved {
    let said = options.args.get(name).cloned();
    let default = || {
        let default = root.peek().get("Parameters")?.get(name)?.get("Default")?;
        Some(default.raw.clone())
    };
    if let Some(value) = said.or_else(default) {
        return Resolved::Plain(value);
    }
    // SAM adds attributes to references: `Function.Version`, `Function.Alias`.
    let owner = name.split('.').next().unwrap_or(name);
    if root.peek().get("Resources").is_some_and(|resources| resources.get(owner).is_some()) {
        Resolved::Resource(owner.to_owned())
    } else {
        Resolved::Unknown
    }
}

fn substituted(text: &str, root: &Reader<'_>, options: &ImportOptions) -> Resolved {
    let (mut filled, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, behind)) = after.split_once('}') else { return Resolved::Unknown };
        filled.push_str(before);
        match reference(name, root, options).text() {
            Some(value) => filled.push_str(value),
            None => return Resolved::Unknown,
        }
        rest = behind;
    }
    filled.push_str(rest);
    Resolved::Plain(filled)
}
