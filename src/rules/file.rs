//! Rule files: plain ones with `groups:` at the top, and `PrometheusRule` objects with it under `spec`.
//!
//! Prometheus is strict about them, and so is this: an unknown key, two groups of one name in a file, a rule that is
//! both `record` and `alert` or neither, a bad expression are errors with their place.

use std::collections::BTreeSet;

use super::keys::{dated, known_keys, span};
use crate::diagnostic::{Diagnostics, Location, Source};
use crate::document::{Node, Reader, parse_documents};
use crate::promql::{self, Program};
use crate::time::SimDuration;

/// A group of rules as written.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupDef {
    /// Its name, unique in its file.
    pub name: String,
    /// Time between its evaluations; the server's if absent.
    pub interval: Option<SimDuration>,
    /// Queries look at the instant this long before the evaluation; zero if absent.
    pub query_offset: SimDuration,
    /// The most series a rule may return, 0 for any number; a rule that returns more fails.
    pub limit: u32,
    /// Its rules, in order.
    pub rules: Vec<RuleDef>,
}

/// A rule as written.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleDef {
    /// What it is and its name.
    pub kind: Kind,
    /// Its query.
    pub expr: String,
    /// Labels it sets, a group's first; those of an alert are templates.
    pub labels: Vec<(String, String)>,
    /// Where its expression stands.
    pub place: Location,
}

/// What a rule is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// It writes the value of its query under this name.
    Record(String),
    /// It alerts.
    Alert {
        /// The name of the alert.
        name: String,
        /// How long it is pending before it fires.
        hold: SimDuration,
        /// How long it goes on firing after its query has stopped returning it.
        keep_firing: SimDuration,
        /// Texts for people, templates.
        annotations: Vec<(String, String)>,
    },
}

impl RuleDef {
    /// The name of the record or of the alert.
    pub fn name(&self) -> &str {
        match &self.kind {
            Kind::Record(name) | Kind::Alert { name, .. } => name,
        }
    }
}

const GROUP_KEYS: [&str; 7] =
    ["name", "interval", "query_offset", "limit", "rules", "labels", "partial_response_strategy"];
const RULE_KEYS: [&str; 7] = ["record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations"];

/// Reads the groups of a file; documents of it that hold none (other Kubernetes objects) are passed over.
///
/// # Errors
/// Everything that is wrong with it, each with its place.
pub fn parse(source: Source<'_>) -> Result<Vec<GroupDef>, Diagnostics> {
    let mut wrong = Diagnostics::new();
    let Some(documents) = wrong.keep(parse_documents(source.name, source.text)) else { return Err(wrong) };
    let mut groups = Vec::new();
    let mut names = BTreeSet::new();
    for document in &documents {
        let root = Reader::new(source, document);
        let Some(list) = list_of_groups(document, &root) else { continue };
        let Some(list) = wrong.keep(list.seq()) else { continue };
        for item in list {
            if let Some(group) = group(&item, &mut wrong) {
                if !names.insert(group.name.clone()) {
                    let help = "give every group of a file a name of its own";
                    wrong.push(item.diagnostic_at(format!("there are two groups `{}`", group.name), help));
                }
                groups.push(group);
            }
        }
    }
    if wrong.has_errors() { Err(wrong) } else { Ok(groups) }
}

/// Whether a document is a rule file, by what stands at its top.
fn list_of_groups<'a>(document: &Node, root: &Reader<'a>) -> Option<Reader<'a>> {
    if document.get("kind").is_some() {
        let is_rule = document.get("kind").and_then(Node::as_str) == Some("PrometheusRule");
        return if is_rule { root.at("spec.groups") } else { None };
    }
    root.get("groups")
}

fn group(item: &Reader<'_>, wrong: &mut Diagnostics) -> Option<GroupDef> {
    known_keys(item, &GROUP_KEYS, wrong);
    let name = wrong.keep(item.required("name").and_then(|name| name.text()))?.to_owned();
    let interval = wrong.keep(span(item, "interval"))?.filter(|every| !every.is_zero());
    let query_offset = wrong.keep(span(item, "query_offset"))?.unwrap_or(SimDuration::ZERO);
    let limit = wrong.keep(item.get("limit").map(|limit| limit.i64()).transpose())?.unwrap_or(0);
    let common = pairs(item, "labels", wrong);
    let list = item.get("rules").map(|rules| rules.seq()).transpose();
    let list = wrong.keep(list)?.unwrap_or_default();
    let rules = list.iter().filter_map(|rule| self::rule(rule, &common, wrong)).collect();
    Some(GroupDef { name, interval, query_offset, limit: u32::try_from(limit).unwrap_or(0), rules })
}

fn rule(item: &Reader<'_>, common: &[(String, String)], wrong: &mut Diagnostics) -> Option<RuleDef> {
    known_keys(item, &RULE_KEYS, wrong);
    let name = |key: &str| item.get(key).map(|name| name.text().map(str::to_owned)).transpose();
    let record = wrong.keep(name("record"))?;
    let alert = wrong.keep(name("alert"))?;
    let hold = wrong.keep(span(item, "for"))?;
    let keep_firing = wrong.keep(span(item, "keep_firing_for"))?;
    let annotations = pairs(item, "annotations", wrong);
    let kind = match (record, alert) {
        (Some(name), None) => {
            for key in ["for", "keep_firing_for", "annotations"].into_iter().filter(|key| item.has(key)) {
                wrong.push(item.diagnostic_at(
                    format!("the recording rule `{name}` has `{key}`"),
                    format!("only alerts have `{key}`: leave it out"),
                ));
            }
            Kind::Record(name)
        }
        (None, Some(name)) => Kind::Alert {
            name,
            hold: hold.unwrap_or(SimDuration::ZERO),
            keep_firing: keep_firing.unwrap_or(SimDuration::ZERO),
            annotations,
        },
        (Some(_), Some(_)) => {
            wrong.push(item.diagnostic_at("a rule is both `record` and `alert`", "make it two rules"));
            return None;
        }
        (None, None) => {
            wrong.push(
                item.diagnostic_at("a rule is neither `record` nor `alert`", "name it with one of them"),
            );
            return None;
        }
    };
    let expr = wrong.keep(item.required("expr"))?;
    let text = wrong.keep(expr.text())?.to_owned();
    if let Err(why) = Program::with_options(dated()).add(&text) {
        wrong.push(promql::placed(&why, &text, &expr));
        return None;
    }
    // A label of the rule takes the place of the group's.
    let mut labels = common.to_vec();
    for (name, value) in pairs(item, "labels", wrong) {
        labels.retain(|(other, _)| *other != name);
        labels.push((name, value));
    }
    Some(RuleDef { kind, expr: text, labels, place: expr.location() })
}

fn pairs(item: &Reader<'_>, key: &str, wrong: &mut Diagnostics) -> Vec<(String, String)> {
    let Some(map) = item.get(key) else { return Vec::new() };
    let Some(entries) = wrong.keep(map.entries()) else { return Vec::new() };
    let text = |(name, _, value): (&str, Location, Reader<'_>)| {
        Some((name.to_owned(), wrong.keep(value.text())?.to_owned()))
    };
    entries.into_iter().filter_map(text).collect()
}
