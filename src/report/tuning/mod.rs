//! The answer of a search for better numbers, for people to read, and the files it would make.

mod table;

use std::fmt::Write as _;

use serde::Serialize;
use similar::TextDiff;

use crate::import::knobs::Knob;
use crate::report::support::lines::{clean, pad, wrap};
use crate::study::tune::answer::{Answer, Better, Row};

/// A file before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Edit {
    /// Its name.
    pub file: String,
    /// The unified difference; empty where nothing changes.
    pub diff: String,
    /// What it would hold.
    #[serde(skip)]
    pub text: String,
}

impl Edit {
    /// The difference between two texts of a file.
    pub fn new(file: &str, old: &str, new: String) -> Self {
        let diff = TextDiff::from_lines(old, new.as_str());
        let diff =
            if old == new { String::new() } else { diff.unified_diff().header(file, file).to_string() };
        Edit { file: file.to_owned(), diff, text: new }
    }
}

/// A finished search with the files it would make.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tuning {
    /// The answer.
    pub answer: Answer,
    /// The row the edits are of.
    pub picked: usize,
    /// The files.
    pub edits: Vec<Edit>,
    /// The command that repeats it.
    pub command: String,
    /// The command that shows how much the traffic can show at all.
    pub size: String,
}

/// Text, at most this wide where nothing must be whole.
pub fn text(tuning: &Tuning, width: usize) -> String {
    let answer = &tuning.answer;
    let mut lines = wrap(&headline(answer), width, "", "");
    lines.push(String::new());
    lines.extend(table::table(answer, tuning.picked, width));
    lines.push(String::new());
    lines.extend(verdict(tuning, width));
    if let Some(row) = answer.rows.get(tuning.picked) {
        lines.push(String::new());
        lines.extend(changes(row));
    }
    lines.push(String::new());
    lines.extend(wrap(&format!("repeat: {}", tuning.command), usize::MAX, "", ""));
    let mut out = lines.join("\n") + "\n";
    for edit in tuning.edits.iter().filter(|edit| !edit.diff.is_empty()) {
        let _ = write!(out, "\n{}", edit.diff);
    }
    out
}

fn headline(answer: &Answer) -> String {
    let scenarios = match answer.scenarios.as_slice() {
        [one] => format!("`{one}`"),
        many => format!("{} scenarios", many.len()),
    };
    let dropped = match answer.dropped {
        0 => String::new(),
        n => format!(" ({n} more could not be read)"),
    };
    let played = match answer.replications {
        [flow, 0] => format!("{flow} releases of each kind"),
        [0, request] => format!("{request} releases of each kind at request level"),
        [flow, request] => format!("{flow} releases of each kind, {request} at request level"),
    };
    format!(
        "{}: {} variants{dropped} of {} numbers over {scenarios}, searched with seed {}; the figures are of {played} a \
         scenario with seed {}, which had no part in the choice",
        answer.policy, answer.played, answer.knobs, answer.seed, answer.fresh_seed
    )
}

fn verdict(tuning: &Tuning, width: usize) -> Vec<String> {
    let answer = &tuning.answer;
    let mut said = Vec::new();
    let name =
        |row: usize| answer.rows.get(row).map_or_else(String::new, |row| format!("variant {}", row.variant));
    let goals = |row: &Row| {
        let missed = answer.goals.iter().zip(&row.goals).filter(|(_, (kept, _))| !kept);
        missed.map(|(goal, _)| format!("`{goal}`")).collect::<Vec<_>>().join(", ")
    };
    let recommended = match (answer.recommended, answer.rows.get(answer.recommended)) {
        (0, _) => format!("Recommended: the file as it is; no variant has less {}.", answer.minimise.name()),
        (row, Some(figures)) => {
            let delta = figures.differences.as_ref().and_then(|less| less.get(answer.minimise).high);
            let sure = if delta.is_some_and(|high| high < 0.0) {
                ""
            } else {
                " in the search; the fresh runs do not show it"
            };
            format!("Recommended: {}, least {}{sure}.", name(row), answer.minimise.name())
        }
        (_, None) => String::new(),
    };
    said.push(recommended);
    let open = answer.rows.get(answer.recommended).map(goals).unwrap_or_default();
    if !open.is_empty() {
        said.push(format!("It does not keep to {open}."));
    }
    for (index, goal) in answer.goals.iter().enumerate() {
        let shown = answer.rows.get(answer.recommended).and_then(|row| row.goals.get(index));
        if let Some((true, None)) = shown {
            said.push(format!("Its interval reaches beyond `{goal}`: more replications (-n) would tell."));
        }
    }
    said.push(match &answer.better {
        Better::Apart { row } => {
            format!("{} is better on both detection time and false rollbacks: the 95 % intervals do not overlap.", name(*row))
        }
        Better::Paired { row } => format!(
            "{} is better on both detection time and false rollbacks, compared release by release (95 %); the intervals of \
             the figures themselves overlap.",
            name(*row)
        ),
        Better::None { reason } => {
            format!("None is better on both detection time and false rollbacks: {reason}. How much the traffic can show: {}", tuning.size)
        }
    });
    said.iter().flat_map(|sentence| wrap(sentence, width, "", "  ")).collect()
}

/// The numbers of a variant, old and new.
fn changes(row: &Row) -> Vec<String> {
    if row.changes.is_empty() {
        return vec!["No number changes.".to_owned()];
    }
    let cells: Vec<[String; 4]> = row
        .changes
        .iter()
        .map(|change| {
            let place = format!("{}:{}", change.file, change.line);
            [clean(&place), clean(&change.path), clean(&change.old), clean(&change.new)]
        })
        .collect();
    let widest = |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [widest(0), widest(1), widest(2)];
    let mut lines = vec![format!("Numbers of variant {}:", row.variant)];
    lines.extend(cells.iter().map(|[place, path, old, new]| {
        let [a, b, c] = widths;
        format!("  {}  {}  {} -> {new}", pad(place, a, false), pad(path, b, false), pad(old, c, true))
    }));
    lines
}

/// Every knob of files: where it stands, what it says, how far it may go.
pub fn knobs(files: &[&str], knobs: &[Knob], turned: &dyn Fn(&Knob) -> bool) -> String {
    let cells: Vec<[String; 4]> = knobs
        .iter()
        .map(|knob| {
            let (low, high) = knob.range.ends();
            let range = if turned(knob) {
                format!("{} .. {}", knob.spell(low), knob.spell(high))
            } else {
                "-".to_owned()
            };
            let place = format!("{}:{}", files.get(knob.file).copied().unwrap_or_default(), knob.location);
            [clean(&knob.path), clean(&knob.written), range, clean(&place)]
        })
        .collect();
    let widest = |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let [a, b, c] = [widest(0).max(6), widest(1).max(3), widest(2).max(5)];
    let line = |path: &str, now: &str, range: &str, place: &str| {
        format!("{}  {}  {}  {place}\n", pad(path, a, false), pad(now, b, true), pad(range, c, false))
    };
    let mut out = line("number", "now", "range", "place");
    for [path, now, range, place] in &cells {
        out.push_str(&line(path, now, range, place));
    }
    out.push_str("-: turned only with `--tune PATH=LOW..HIGH`\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_unified_and_nothing_is_nothing() {
        let edit = Edit::new("a.yaml", "x: 1\ny: 2\n", "x: 1\ny: 3\n".to_owned());
        assert_eq!(edit.diff, "--- a.yaml\n+++ a.yaml\n@@ -1,2 +1,2 @@\n x: 1\n-y: 2\n+y: 3\n");
        assert_eq!(Edit::new("a.yaml", "x\n", "x\n".to_owned()).diff, "");
    }
}
