//! `backout list`: everything that has a name.

use std::fmt::Write as _;

use clap::ValueEnum as _;
use serde::Serialize;

use super::super::args::{Global, List, ListKind};
use super::super::exit::Failure;
use crate::catalogue::{Card, Catalogue as _};
use crate::detect::DetectorSpec;
use crate::diagnostic::Source;
use crate::document::parse_documents;
use crate::fault::{ConfounderSpec, FaultSpec, SurroundingSpec};
use crate::import::{FORMATS, graph};
use crate::policy::reference::Reference;
use crate::report::OUTPUTS;
use crate::rollback::ProcedureSpec;
use crate::rollback::check::CheckSpec;
use crate::rollback::defect::DefectSpec;
use crate::rollback::target::TargetSpec;
use crate::scenario;
use crate::scenario::embedded::{self, File, SCENARIOS};
use crate::scenario::noise::{PRESETS, Preset};
use crate::strategy::StrategySpec;
use crate::telemetry::dialect::Dialect;

/// Something with a name.
#[derive(Debug, Serialize)]
struct Item {
    name: String,
    summary: String,
    /// How it is written in a file, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    example: Option<String>,
}

/// Things of one kind.
#[derive(Debug, Serialize)]
struct Section {
    kind: String,
    items: Vec<Item>,
}

pub(super) fn run(global: &Global, list: &List) -> Result<(), Failure> {
    let format = super::format(global, &["text", "json"])?;
    let kinds: Vec<ListKind> =
        list.kind.map_or_else(|| ListKind::value_variants().to_vec(), |kind| vec![kind]);
    let sections: Vec<Section> = kinds.into_iter().map(section).collect();
    let bytes = if format == "json" { super::json(&sections)? } else { text(&sections).into_bytes() };
    super::sink(global)?.write(&bytes)
}

fn section(kind: ListKind) -> Section {
    let items = match kind {
        ListKind::Scenarios => SCENARIOS.iter().map(scenario_item).collect(),
        ListKind::Policies => policies(),
        ListKind::Faults => cards(FaultSpec::CARDS),
        ListKind::Confounders => cards(ConfounderSpec::CARDS),
        ListKind::Surroundings => cards(SurroundingSpec::CARDS),
        ListKind::Detectors => cards(DetectorSpec::CARDS),
        ListKind::Strategies => cards(StrategySpec::CARDS),
        ListKind::Procedures => cards(ProcedureSpec::CARDS),
        ListKind::Targets => cards(TargetSpec::CARDS),
        ListKind::Checks => cards(CheckSpec::CARDS),
        ListKind::Defects => cards(DefectSpec::CARDS),
        ListKind::Noise => PRESETS.iter().map(noise_item).collect(),
        ListKind::Reports => OUTPUTS.iter().map(|output| item(output.name, output.summary)).collect(),
        ListKind::Dialects => Dialect::ALL.iter().map(|d| item(d.name(), d.summary())).collect(),
        ListKind::Formats => {
            FORMATS.iter().chain(graph::FORMATS).map(|format| item(format.name, format.summary)).collect()
        }
        ListKind::Warnings => warnings(),
    };
    let kind = kind.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    Section { kind, items }
}

/// The rules about policy files, then the doubts about scenarios.
fn warnings() -> Vec<Item> {
    let rules = crate::lint::rules().map(|rule| item(rule.id, rule.summary));
    rules.chain(scenario::DOUBTS.iter().map(|(id, summary)| item(id, summary))).collect()
}

fn item(name: &str, summary: &str) -> Item {
    Item { name: name.to_owned(), summary: summary.to_owned(), example: None }
}

fn scenario_item(file: &File) -> Item {
    let read = scenario::read(file.name(), Source::new(file.path, file.text));
    item(file.name(), read.as_ref().map_or("", |resolved| resolved.scenario.summary.as_str()))
}

/// A preset with its parameters written out.
fn noise_item(preset: &Preset) -> Item {
    Item {
        name: preset.name.to_owned(),
        summary: format!("{} (from {})", preset.summary, preset.source),
        example: Some(preset.written()),
    }
}

/// Shipped policies by their summary or the comment they open with, then the reference policies.
fn policies() -> Vec<Item> {
    let shipped = embedded::all_policies().map(|file| {
        let key = parse_documents(file.path, file.text).ok();
        let summary = key.and_then(|all| all.first()?.get("summary")?.as_str().map(str::to_owned));
        item(file.name(), &summary.unwrap_or_else(|| opening(file.text)))
    });
    let references = Reference::ALL.iter().map(|reference| {
        item(reference.name(), &format!("{} (reference: in every score)", reference.summary()))
    });
    shipped.chain(references).collect()
}

/// The first clause of the comment a file opens with.
fn opening(text: &str) -> String {
    let lines = text.lines().map_while(|line| line.strip_prefix('#')).map(str::trim);
    let comment = lines.collect::<Vec<_>>().join(" ");
    let ends = [": ", "; ", ". "].iter().filter_map(|end| comment.find(end)).min();
    ends.and_then(|end| comment.get(..end)).unwrap_or(&comment).trim_end_matches('.').to_owned()
}

fn cards(cards: &[Card]) -> Vec<Item> {
    let item = |card: &Card| Item {
        name: card.name.to_owned(),
        summary: card.summary.to_owned(),
        example: Some(card.example.to_owned()),
    };
    cards.iter().map(item).collect()
}

fn text(sections: &[Section]) -> String {
    let mut text = String::new();
    for (index, section) in sections.iter().enumerate() {
        let blank = if index > 0 { "\n" } else { "" };
        let _ = writeln!(text, "{blank}{}", section.kind);
        let width = section.items.iter().map(|item| item.name.chars().count()).max().unwrap_or(0);
        for item in &section.items {
            let _ = writeln!(text, "  {:width$}  {}", item.name, item.summary);
            if let Some(example) = &item.example {
                let _ = writeln!(text, "  {:width$}  {example}", "");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_opening_clause_of_a_comment_may_wrap() {
        assert_eq!(opening("# A canary of\n# checkout: five steps.\nkind: Canary\n"), "A canary of checkout");
        assert_eq!(opening("# One. Two.\n"), "One");
        assert_eq!(opening("kind: Canary\n"), "");
    }

    #[test]
    fn every_kind_has_members_with_a_summary() {
        for kind in ListKind::value_variants() {
            let section = section(*kind);
            assert!(!section.items.is_empty(), "{kind:?}");
            for item in &section.items {
                assert!(!item.name.is_empty() && !item.summary.is_empty(), "{kind:?}: {item:?}");
            }
        }
    }
}
