//! Policies without a score because their own process failed: what happened, where, and how to see it again.

use serde::{Deserialize, Serialize};

use super::lines::{clean, wrap};
use crate::policy::process::Trouble;
use crate::score::words;

/// A row without figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoidRow {
    /// The policy.
    pub policy: String,
    /// Its file as the user gave it.
    pub source: String,
    /// What happened first.
    pub trouble: Trouble,
    /// The command that plays that replication again.
    pub command: String,
}

impl VoidRow {
    /// "`mine` did not answer within 1s, 45s after the deploy (tick 3) in replication 0 of fault/errors".
    pub fn sentence(&self) -> String {
        let trouble = &self.trouble;
        let at =
            trouble.at.map(|nanos| format!(", {} after the deploy", words::duration(nanos as f64 / 1e9)));
        let tick = trouble.tick.map(|tick| format!(" (tick {tick})"));
        format!(
            "the process of `{}` {}{}{}; replication {} of {}",
            self.policy,
            trouble.reason,
            at.unwrap_or_default(),
            tick.unwrap_or_default(),
            trouble.replication,
            trouble.scenario
        )
    }
}

/// What people read about void rows; nothing where there are none.
pub fn lines(rows: &[VoidRow], width: usize) -> Vec<String> {
    let Some(_) = rows.first() else { return Vec::new() };
    let mut lines = vec!["Void: in no figure, the rows of others are as without them".to_owned()];
    for row in rows {
        lines.push(format!("  {}", clean(&row.policy)));
        lines.extend(wrap(&row.sentence(), width, "    ", "      "));
        lines.extend(wrap(&format!("help: {}", row.trouble.help), width, "    ", "      "));
        if !row.trouble.stderr.is_empty() {
            lines.push("    its standard error ends with".to_owned());
            lines.extend(row.trouble.stderr.iter().map(|line| format!("      | {}", clean(line))));
        }
        lines.push(format!("    # play it again\n    {}", clean(&row.command)));
    }
    lines.push(String::new());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::{rendered, sample};
    use crate::report::{OUTPUTS, Report};

    fn void() -> VoidRow {
        let trouble = Trouble {
            scenario: "fault/errors".into(),
            replication: 3,
            tick: Some(4),
            at: Some(75_000_000_000),
            reason: "ended (exit status: 1)".into(),
            help: "read to the end".into(),
            stderr: vec!["ZeroDivisionError: \u{1b}[31mdivision by zero".into()],
        };
        let command = "backout run fault/errors mine.yaml --seed 7 --replication 3".into();
        VoidRow { policy: "mine".into(), source: "mine.yaml".into(), trouble, command }
    }

    #[test]
    fn every_output_tells_of_a_void_row_and_changes_nothing_else() {
        let plain = sample();
        let with = Report { void: vec![void()], ..sample() };
        for output in OUTPUTS {
            let (before, after) = (rendered(output, &plain), rendered(output, &with));
            assert!(!before.contains("ended (exit status: 1)"));
            assert!(after.contains("ended (exit status: 1)"), "{}", output.name);
            assert!(!after.contains('\u{1b}'), "{}: nothing steers a terminal", output.name);
            let kept = |line: &&str| before.lines().any(|other| other == *line);
            let told = after.lines().filter(kept).count();
            assert!(
                told >= before.lines().count() - 1,
                "{}: {told} of {}",
                output.name,
                before.lines().count()
            );
        }
        let text = lines(&[void()], 80).join("\n");
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("1m15s after the deploy (tick 4); replication 3 of fault/errors"), "{text}");
        assert!(text.contains("backout run fault/errors mine.yaml --seed 7 --replication 3"));
    }
}
