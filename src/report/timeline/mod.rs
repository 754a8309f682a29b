//! The timeline of one run: what really happened above, what the policy saw below, then every event in the order of
//! time, and what it came to.
//!
//! Text for people, read from a record that was played with [`timeline`](crate::replication::Options::timeline) on;
//! the records themselves are the machine's form. Rows never wrap: they fit the screen (80 columns at least, more when
//! there are more), sentences wrap, and words longer than a line are cut. Colour says what [`Tone`](super::support::paint::Tone)
//! says and nothing else.
//!
//! Traps: all players of a replication share a branch until they act differently, so its timeline holds the words of
//! everybody who was on it. Decisions of others are told by the policy's own record and left out; a sentence of
//! another policy of the same study cannot be told apart, so play a policy alone to read its timeline. A branch that
//! ended early, because it equalled the world without a deploy, has no truth after its end: its columns stay blank.

mod axis;
mod checks;
mod events;
mod outcome;
mod truth;

use super::Screen;
use super::support::lines::{clean, pad, shorten, wrap};
use crate::replication::record::{
    BranchEnd, Fidelity, Nanos, Player, ReplicationRecord, RolloutRecord, RunRecord, TracePoint, TwinRecord,
};
use crate::score::meta::{PolicyMeta, ScenarioMeta};
use crate::score::words;

pub use super::support::sparkline::Glyphs;
use axis::Axis;

/// Narrower screens are treated as this wide.
const WIDTH_MIN: usize = 80;
/// Columns left of the rows over time: two blank, a name, the scale, one blank.
const GUTTER: usize = 24;

/// Which release of a replication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Twin {
    /// The release with its fault.
    Bad,
    /// The same release without it.
    Healthy,
}

/// What a timeline is made from.
#[derive(Clone, Copy, Debug)]
pub struct TimelineInput<'a> {
    /// The replication, played with a timeline.
    pub record: &'a ReplicationRecord,
    /// Its scenario.
    pub scenario: &'a ScenarioMeta,
    /// The policy whose run is told; its `rollout` says where to find it.
    pub policy: &'a PolicyMeta,
    /// The seed of the study.
    pub seed: u64,
    /// Which release.
    pub twin: Twin,
    /// Width and colour.
    pub screen: Screen,
    /// Which characters to draw with; with [`Glyphs::Ascii`] the whole text is ASCII.
    pub glyphs: Glyphs,
}

/// How rows are laid out.
struct Page<'a> {
    width: usize,
    axis: Axis,
    deploy_at: Nanos,
    glyphs: Glyphs,
    colour: bool,
    policy: &'a PolicyMeta,
}

impl Page<'_> {
    /// The left end of a row: a name, and what stands at its right end.
    fn label(&self, name: &str, right: &str) -> String {
        let room = GUTTER - 3;
        let right = shorten(right, room);
        let name = shorten(name, room.saturating_sub(right.chars().count() + 1));
        format!("  {name}{} ", pad(&right, room - name.chars().count(), true))
    }

    /// An instant as time after the deploy.
    fn clock(&self, at: Nanos) -> String {
        clock(at, self.deploy_at)
    }
}

/// `+04:15` after the deploy, `-00:30` before it, `+1:02:03` from an hour on.
fn clock(at: Nanos, deploy_at: Nanos) -> String {
    let sign = if at < deploy_at { '-' } else { '+' };
    let seconds = at.abs_diff(deploy_at) / 1_000_000_000;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, m, s) => format!("{sign}{m:02}:{s:02}"),
        (h, m, s) => format!("{sign}{h}:{m:02}:{s:02}"),
    }
}

/// Share of its requests from which on a scrape interval counts as bad again.
const AGAIN: f64 = 0.01;

/// When requests are harmed again after the five good minutes that counted as recovery; `None` if they are not, or
/// where no trace was kept.
fn harmed_again(run: &RunRecord) -> Option<Nanos> {
    const GOOD_MINUTES: Nanos = 5 * 60_000_000_000;
    let from = run.recovered_at? + GOOD_MINUTES;
    let bad = |pair: &&[TracePoint]| {
        let issued = pair[1].counts.issued.saturating_sub(pair[0].counts.issued);
        pair[0].at >= from && (pair[1].harmed.saturating_sub(pair[0].harmed)) as f64 > AGAIN * issued as f64
    };
    run.trace.windows(2).find(bad).map(|pair| pair[1].at)
}

/// Seconds between two instants, 0 if they are the wrong way round.
fn seconds(from: Nanos, to: Nanos) -> f64 {
    to.saturating_sub(from) as f64 / 1e9
}

/// The run that is told, with what stands around it.
struct Told<'a> {
    input: TimelineInput<'a>,
    rollout: &'a RolloutRecord,
    twin: &'a TwinRecord,
    run: &'a RunRecord,
}

/// The timeline as text; a sentence when the record holds no run of the policy.
pub fn render(input: &TimelineInput<'_>) -> String {
    let lines = match find(input) {
        Some(told) => told.lines(),
        None if input.record.could_not_start.is_some() => vec![format!(
            "replication {} of {} could not start: {}",
            input.record.replication,
            clean(&input.record.scenario),
            clean(input.record.could_not_start.as_deref().unwrap_or_default())
        )],
        None => vec![format!(
            "replication {} of {} holds no run of policy `{}`",
            input.record.replication,
            clean(&input.record.scenario),
            clean(&input.policy.name)
        )],
    };
    let mut text = lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n");
    text.push('\n');
    match input.glyphs {
        Glyphs::Blocks => text,
        Glyphs::Ascii => text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect(),
    }
}

/// The policy's run, on the rollout it watched or else on the first that has one.
fn find<'a>(input: &TimelineInput<'a>) -> Option<Told<'a>> {
    let is = |run: &&RunRecord| matches!(&run.player, Player::Policy(name) if **name == *input.policy.name);
    let told = |rollout: &'a RolloutRecord| {
        let twin = match input.twin {
            Twin::Bad => &rollout.bad,
            Twin::Healthy => &rollout.healthy,
        };
        let run = twin.runs.iter().find(is)?;
        Some(Told { input: *input, rollout, twin, run })
    };
    let rollouts = || input.record.rollouts.iter();
    rollouts()
        .filter(|rollout| rollout.rollout == input.policy.rollout)
        .find_map(told)
        .or_else(|| rollouts().find_map(told))
}

impl Told<'_> {
    fn lines(&self) -> Vec<String> {
        let width = self.input.screen.width.max(WIDTH_MIN);
        let record = self.input.record;
        let markers = axis::markers(record.deploy_at, self.twin, self.run);
        let last = markers.iter().map(|m| m.at).chain(self.run.timeline.iter().map(|e| e.at)).max();
        let end = self.run.ended_at.max(last.unwrap_or(0));
        let page = Page {
            width,
            axis: Axis::new(record.deploy_at, end, width - GUTTER),
            deploy_at: record.deploy_at,
            glyphs: self.input.glyphs,
            colour: self.input.screen.colour,
            policy: self.input.policy,
        };
        let mut lines = self.header(&page);
        lines.push(String::new());
        lines.push("TRUTH".to_owned());
        lines.extend(truth::rows(&page, &self.run.trace));
        lines.push(format!("{}{}", page.label("minutes after deploy", ""), page.axis.clock()));
        lines.extend(axis::marker_rows(&page, &markers));
        lines.extend(axis::legend(&page, &markers));
        lines.push(String::new());
        lines.push("WHAT THE POLICY SAW".to_owned());
        lines.extend(checks::rows(&page, self.run));
        lines.push(String::new());
        lines.push("EVENTS".to_owned());
        lines.extend(events::lines(&page, self.run));
        lines.push(String::new());
        lines.push("SUMMARY".to_owned());
        lines.extend(outcome::lines(&page, self));
        lines
    }

    /// What was played, and how it can be told from other runs.
    fn header(&self, page: &Page<'_>) -> Vec<String> {
        let record = self.input.record;
        let release = match self.input.twin {
            Twin::Bad => "the bad release",
            Twin::Healthy => "its healthy twin (the fault of the release removed)",
        };
        let title = format!("{}: policy {} and {release}", record.scenario, self.input.policy.name);
        let level = match record.fidelity {
            Fidelity::Request => "request",
            Fidelity::Flow => "flow",
        };
        let rollout = match self.rollout.rollout.as_str() {
            "scenario" => "the scenario's rollout".to_owned(),
            file => format!("the rollout of {file}"),
        };
        let played = format!(
            "replication {}, seed {}, {level} level, {rollout}, {}/s",
            record.replication,
            self.input.seed,
            words::value(record.mean_rate)
        );
        let until = page.clock(self.run.ended_at);
        let followed = match self.run.end {
            BranchEnd::Span => format!("Followed until {until}."),
            BranchEnd::Merged => format!(
                "Followed until {until}: from there on all is as without the deploy; counted until {}.",
                page.clock(self.rollout.counted_until)
            ),
            BranchEnd::Settled => format!(
                "Followed until {until}: no harm and nothing to do any more; counted until {}.",
                page.clock(self.rollout.counted_until)
            ),
        };
        let mut lines = wrap(&title, page.width, "", "  ");
        lines.extend(wrap(&format!("{played}. {followed}"), page.width, "", "  "));
        if !record.draws.is_empty() {
            let drawn: Vec<String> = record
                .draws
                .iter()
                .map(|(path, value)| format!("{path} = {}", words::value(*value)))
                .collect();
            lines.extend(wrap(&drawn.join(", "), page.width, "drawn: ", "  "));
        }
        lines.into_iter().flat_map(|line| cut(&line, page.width)).collect()
    }
}

/// The line in pieces of at most `width` characters: only words longer than a line are ever cut.
fn cut(line: &str, width: usize) -> Vec<String> {
    let chars: Vec<char> = line.chars().collect();
    if chars.is_empty() {
        return vec![String::new()];
    }
    chars.chunks(width.max(1)).map(|piece| piece.iter().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::testing::Sample;

    const SECOND: Nanos = 1_000_000_000;

    #[test]
    fn clocks_count_from_the_deploy() {
        assert_eq!(clock(75 * SECOND, 60 * SECOND), "+00:15");
        assert_eq!(clock(30 * SECOND, 60 * SECOND), "-00:30");
        assert_eq!(clock(3723 * SECOND, 0), "+1:02:03");
    }

    #[test]
    fn lines_are_cut_only_when_a_word_does_not_fit() {
        assert_eq!(cut("", 4), [""]);
        assert_eq!(cut("abcd", 4), ["abcd"]);
        assert_eq!(cut("abcdefghij", 4), ["abcd", "efgh", "ij"]);
    }

    /// Records without any timeline (a stored study) still give a header, a summary and no panic.
    #[test]
    fn records_without_a_timeline_say_so() {
        let sample = Sample::new();
        for record in &sample.records {
            let scenario = sample.scenarios.iter().find(|s| s.name == record.scenario).unwrap();
            for policy in &sample.policies {
                for twin in [Twin::Bad, Twin::Healthy] {
                    let (screen, glyphs) = (Screen::default(), Glyphs::Ascii);
                    let text =
                        render(&TimelineInput { record, scenario, policy, seed: 7, twin, screen, glyphs });
                    assert!(text.contains("no trace was kept"), "{text}");
                    assert!(text.is_ascii() && text.lines().all(|line| line.len() <= 80), "{text}");
                }
            }
        }
    }

    #[test]
    fn a_policy_that_was_not_played_is_said() {
        let sample = Sample::new();
        let policy = PolicyMeta { name: "ghost\u{1b}".to_owned(), ..PolicyMeta::default() };
        let text = render(&TimelineInput {
            record: &sample.records[0],
            scenario: &sample.scenarios[0],
            policy: &policy,
            seed: 7,
            twin: Twin::Bad,
            screen: Screen::default(),
            glyphs: Glyphs::Blocks,
        });
        assert!(text.ends_with("holds no run of policy `ghost?`\n"), "{text}");
    }
}
