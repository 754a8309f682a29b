//! The scenario file of a finding: what the world is, what was seen there, how to see it again, and then the scenario.
//!
//! Trap: the comments may say anything, the scenario below them must stay byte for byte the one that was played.

use std::fmt::Write as _;

use super::{Replay, shown, what};
use crate::report::support::lines::{clean, wrap};
use crate::score::words;
use crate::study::hunt::{Finding, Hunted, Measure};

/// How every such file begins.
pub const HEADER: &str = "# Found by `backout hunt`:";

/// Comments are broken at this width, but for commands.
const WIDTH: usize = 120;

/// The text of the file; `command` is the one that found it.
pub fn file(hunted: &Hunted, finding: &Finding, replay: &Replay, command: &str) -> String {
    let mut out = String::new();
    let mut line = |text: String| {
        for part in wrap(&clean(&text), WIDTH, "", "#     ") {
            let _ = writeln!(out, "{part}");
        }
    };
    line(format!("{HEADER} `{}` at its worst by {}.", hunted.policy, hunted.measure.name()));
    line(format!("# Situation: {}.", what(finding)));
    for event in finding.events.iter().filter(|event| !event.summary.is_empty()) {
        line(format!("#   {}: {}.", event.name, event.summary));
    }
    if !finding.settings.is_empty() {
        line(format!("#   Other than in the scenario the hunt began with: {}.", finding.settings.join(", ")));
    }
    line(format!("# Seen: {}.", seen(hunted, finding)));
    for (why, count) in &finding.why {
        line(format!("#   {}, {count} times: {why}.", because(hunted.measure)));
    }
    line(format!("# Good policy: {}.", good(hunted.measure)));
    line(format!(
        "# Smallest: everything that could be left out was; {} lines of {} are left.",
        finding.lines, finding.lines_before
    ));
    line(
        "# Source: hunted, not observed. The luck of a file follows its folder and name; under other names the rate above \
         holds, and not the number of the replication."
            .to_owned(),
    );
    for (name, command) in
        [("Found", command), ("Replay", replay.run.as_str()), ("Rate", replay.score.as_str())]
    {
        let _ = writeln!(out, "# {name}: {}", clean(command));
    }
    out.push_str(&finding.scenario);
    out
}

fn seen(hunted: &Hunted, finding: &Finding) -> String {
    let share = format!("{} of {} fresh releases", shown(finding), finding.shown.n);
    let amount = words::duration(finding.amount);
    let least = words::duration(finding.least);
    match hunted.measure {
        Measure::FalseRollback => format!("rolls back {share}, all of them healthy"),
        Measure::Slowest => format!("decides {least} after first harm or later in {share}; mean {amount}"),
        Measure::Missed => {
            format!("misses {share} with harm of at least {least} of mean traffic each; mean {amount}")
        }
        Measure::Impact => {
            format!("lets {least} of mean traffic or more be harmed beyond need in {share}; mean {amount}")
        }
        Measure::RollbackFailed => {
            format!(
                "its rollback fails in {share} with harm of at least {least} of mean traffic; mean {amount}"
            )
        }
    }
}

fn because(measure: Measure) -> &'static str {
    match measure {
        Measure::FalseRollback => "vanishes without",
        _ => "why",
    }
}

fn good(measure: Measure) -> &'static str {
    match measure {
        Measure::FalseRollback => "leaves the healthy release alone",
        Measure::RollbackFailed => "knows that the way back does not work before it needs it",
        Measure::Missed | Measure::Slowest | Measure::Impact => "rolls it back soon",
    }
}
