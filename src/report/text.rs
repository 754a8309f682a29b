//! The first screen: who detects fastest, who rolls back good releases, what each one misses and why, what to run next.
//!
//! Tables never wrap: they fit 80 columns, and names get what room there is; from 110 columns on, misses and efficacy
//! show their intervals too. Sentences wrap, commands never do (they are there to be copied). Colour, when asked for,
//! says one thing: whether a policy's efficacy is beyond doubt above 0 (green), below it (red) or neither (yellow);
//! the frame of reference players is dim.

use super::support::headline::{counted, exposure, headline, played};
use super::support::lines::{clean, wrap};
use super::support::ranking;
use super::support::table::table;
use super::support::verdict::verdict;
use super::support::void;
use super::{Artifact, Output, Replay, Report};
use crate::score::reading::Singling;
use crate::score::{Note, Row, words};

/// The entry of the catalogue.
pub const OUTPUT: Output = Output { name: "text", summary: "the first screen, for people", render };

/// Most policies that are told about below the table.
const READINGS_MAX: usize = 12;
/// Of those, so many are told in full; the others with what they do worst.
const READINGS_FULL: usize = 6;
/// Most policies of which replications are offered.
const REPLAYS_MAX: usize = 2;
/// Narrower screens are treated as this wide.
const WIDTH_MIN: usize = 80;

fn render(report: &Report) -> Vec<Artifact> {
    let width = report.screen.width.max(WIDTH_MIN);
    let mut lines = Vec::new();
    lines.extend(wrap(&headline(report), width, "", "  "));
    lines.extend(wrap(&played(report), width, "", "  "));
    lines.extend(exposure(report).iter().flat_map(|line| wrap(line, width, "", "  ")));
    lines.push(String::new());
    lines.extend(table(report, width));
    lines.push(String::new());
    lines.extend(wrap(&verdict(report), width, "", "  "));
    lines.push(String::new());
    lines.extend(void::lines(&report.void, width));
    lines.extend(readings(report, width));
    lines.extend(remarks(report, width));
    lines.extend(commands(report));
    let mut text = lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n");
    text.push('\n');
    vec![Artifact { name: "scorecard.txt".to_owned(), bytes: text.into_bytes() }]
}

/// Per policy: where it does worst and why, what else it does wrong, what of its file was not honoured.
fn readings(report: &Report, width: usize) -> Vec<String> {
    let mut lines = vec!["Where each does worst, and why".to_owned()];
    let rows = ranking::policies(report);
    for (index, row) in rows.iter().take(READINGS_MAX).enumerate() {
        let Some(reading) = &row.reading else { continue };
        lines.push(format!("  {}{}", clean(row.name()), ranking::mark(report, row)));
        if row.efficacy.note == Some(Note::NothingToGain) {
            lines.push("    nothing to gain: doing nothing costs no more than the best known".to_owned());
        }
        let silent = row.detection.precision.note == Some(Note::NeverFires);
        let never = if silent { "never fires; " } else { "" };
        lines.extend(wrap(&format!("{never}{}", reading.worst), width, "    ", "      "));
        if index >= READINGS_FULL {
            continue;
        }
        for also in &reading.also {
            lines.extend(wrap(&format!("also {also}"), width, "    ", "      "));
        }
        let outcomes = &row.detection.outcomes;
        if outcomes.helpful > 0 {
            let (helpful, all) =
                (words::thousands(outcomes.helpful), counted(outcomes.false_rollbacks, "good release"));
            lines.push(format!(
                "    of {all} rolled back, {helpful} would have cost more left alone (helpful)"
            ));
        }
        if let Some(honoured) = not_honoured(report, row) {
            lines.extend(wrap(&honoured, width, "    ", "      "));
        }
    }
    if rows.len() > READINGS_MAX {
        lines.push(format!("  ... {} more in --format markdown", rows.len() - READINGS_MAX));
    }
    lines.push(String::new());
    lines
}

fn not_honoured(report: &Report, row: &Row) -> Option<String> {
    let meta = report.policies.iter().find(|meta| meta.name == row.name())?;
    let mut parts = Vec::new();
    if meta.unsupported > 0 {
        parts.push(format!("{} of its file not honoured", counted(u64::from(meta.unsupported), "setting")));
    }
    if meta.stand_ins > 0 {
        parts.push(counted(u64::from(meta.stand_ins), "stand-in"));
    }
    (!parts.is_empty()).then(|| format!("{} (`backout explain` lists them)", parts.join(", ")))
}

/// Prices, how ranks hang on them, notes and warnings.
fn remarks(report: &Report, width: usize) -> Vec<String> {
    let prices = format!("Cost, in failed requests: {}.", report.scorecard.weights.sentence());
    let mut lines = wrap(&prices, width, "", "  ");
    let moves = rank_moves(report);
    if !moves.is_empty() {
        lines.extend(wrap(&moves, width, "", "  "));
    }
    for note in &report.notes {
        lines.extend(wrap(note, width, "note: ", "  "));
    }
    for warning in &report.warnings {
        lines.extend(wrap(warning, width, "warning: ", "  "));
    }
    lines.push(String::new());
    lines
}

/// Whether the first place depends on a price: "quick leads at failed x10, slow x10".
fn rank_moves(report: &Report) -> String {
    let rows = ranking::policies(report);
    let [first, others @ ..] = &rows[..] else { return String::new() };
    let mut leaders: Vec<(&str, Vec<String>)> = Vec::new();
    for row in others {
        let leads = row.sensitivity.iter().filter(|s| s.rank == 1);
        let at: Vec<String> = leads.map(|s| format!("{} x{}", s.weight, s.factor)).collect();
        if !at.is_empty() {
            leaders.push((row.name(), at));
        }
    }
    let told = |(name, at): &(&str, Vec<String>)| format!("{name} leads at {}", at.join(", "));
    match leaders.len() {
        0 if others.is_empty() => String::new(),
        0 => format!("{} leads at a tenth and at ten times of every price, too.", first.name()),
        _ => format!(
            "Other prices, other ranks: {}.",
            leaders.iter().take(3).map(told).collect::<Vec<_>>().join("; ")
        ),
    }
}

/// What to run next, one command a line.
fn commands(report: &Report) -> Vec<String> {
    let mut lines = vec!["Run next".to_owned()];
    let mut add = |what: &str, command: &str| {
        lines.extend([format!("  # {}", clean(what)), format!("  {}", clean(command))])
    };
    for replay in shown(report) {
        add(&format!("{}: {}", replay.policy, told(replay)), &replay.command);
    }
    for next in &report.next {
        add(&next.what, &next.command);
    }
    add("repeat this", &report.command);
    lines
}

fn told(replay: &Replay) -> String {
    let what = replay.singled.what.words();
    match replay.singled.what {
        Singling::SlowestDetection => format!("{what}, {}", words::duration(replay.singled.value)),
        Singling::Missed | Singling::WorstImpact => {
            format!("{what}, {} requests harmed", words::count(replay.singled.value))
        }
        Singling::FalseRollback | Singling::FailedRollback => what.to_owned(),
    }
}

/// Of the first policies: the worst miss or else its slowest detection, and a false rollback.
fn shown(report: &Report) -> Vec<&Replay> {
    let mut shown = Vec::new();
    for row in ranking::policies(report).iter().take(REPLAYS_MAX) {
        let of =
            |what: Singling| report.replays.iter().find(|r| r.policy == row.name() && r.singled.what == what);
        shown.extend(of(Singling::Missed).or_else(|| of(Singling::SlowestDetection)));
        shown.extend(of(Singling::FalseRollback));
    }
    shown
}

#[cfg(test)]
mod tests {
    use crate::replication::record::Player;

    use super::super::Screen;
    use super::super::testing::{rendered, sample};
    use super::*;

    #[test]
    fn the_first_screen() {
        insta::assert_snapshot!(rendered(&OUTPUT, &sample()));
    }

    #[test]
    fn with_more_room() {
        let mut report = sample();
        report.screen.width = 120;
        insta::assert_snapshot!(rendered(&OUTPUT, &report));
    }

    #[test]
    fn nothing_but_commands_is_wider_than_the_screen() {
        for width in [0, 80, 97, 110, 200] {
            let mut report = sample();
            report.screen = Screen { width, colour: false };
            for row in &mut report.scorecard.rows {
                if let Player::Policy(name) = &mut row.player {
                    *name = format!("{name}-with-a-name-longer-than-any-column-of-the-table").into();
                }
            }
            let text = rendered(&OUTPUT, &report);
            let table = text.split("Where each").next().unwrap();
            let widest = table.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(widest <= width.max(80), "{widest} > {width}\n{table}");
        }
    }

    #[test]
    fn colour_changes_nothing_but_colour() {
        let mut report = sample();
        let plain = rendered(&OUTPUT, &report);
        report.screen.colour = true;
        let coloured = rendered(&OUTPUT, &report);
        assert!(coloured.contains("\u{1b}["));
        let mut stripped = String::new();
        let mut escape = false;
        for c in coloured.chars() {
            match c {
                '\u{1b}' => escape = true,
                'm' if escape => escape = false,
                c if !escape => stripped.push(c),
                _ => {}
            }
        }
        assert_eq!(stripped, plain);
    }

    #[test]
    fn many_policies_and_rollouts_stay_on_a_screen() {
        let mut report = sample();
        let row = report.scorecard.rows.iter().find(|row| row.name() == "quick").cloned().unwrap();
        for i in 0..100 {
            let mut variant = row.clone();
            variant.player = Player::Policy(format!("variant-{i}").into());
            variant.rollout = "own.yaml".to_owned();
            report.scorecard.rows.push(variant);
        }
        let text = rendered(&OUTPUT, &report);
        assert!(text.contains("... 78 more in --format csv"), "{text}");
        assert!(text.contains("[1] the scenario's rollout, [2] the rollout of own.yaml"));
        assert!(text.lines().count() < 130);
    }
}
