//! The messages between `backout` and a process, as types: what the published schema is made from, and how answers are read.
//!
//! What is sent is rendered by hand (`wire.rs`), many thousand times a second; a test reads every kind of line back
//! as the type it has here. Fields of answers that are not known are passed over, so that a process may say more.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::host::Breakdown;
use crate::diagnostic::did_you_mean;
use crate::policy::Verdict;
use crate::time::SimDuration;

/// Version of the protocol.
pub const FORMAT: u32 = 1;

/// Most reasons of one verdict that are kept, and most characters of each.
const REASONS_MAX: (usize, usize) = (16, 300);
/// The longest delay of a verdict: ten years, in seconds.
const DELAY_MAX_S: f64 = 315_360_000.0;

/// One line, in either direction; `type` says which.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Message {
    /// To the process, first and once.
    Hello(Hello),
    /// From the process: the answer to `hello`.
    Ready(Ready),
    /// To the process: a new run begins. Nothing of other sessions may count in it. Not answered.
    Reset(Reset),
    /// To the process: what monitoring shows now. Answered with a verdict before the next line comes.
    Observe(Observe),
    /// From the process: the answer to `observe`.
    Verdict(Answer),
    /// To the process: this session is over and may be forgotten. Not answered.
    End(End),
}

/// The greeting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Hello {
    /// Version of the protocol: 1.
    pub format: u32,
    /// Name of the policy.
    pub policy: String,
    /// Seconds between observations.
    pub every_s: f64,
    /// The names of the metrics in each observation.
    pub queries: Vec<String>,
    /// `params:` of the policy file.
    pub params: serde_json::Value,
}

/// The process is ready.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ready {
    /// Version of the protocol it speaks; 1 if absent.
    #[serde(default)]
    pub format: Option<u32>,
    /// What it calls itself; for people.
    #[serde(default)]
    pub name: Option<String>,
}

/// A new run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reset {
    /// Its number; never used twice in one process.
    pub session: u64,
}

/// What monitoring shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Observe {
    /// The run.
    pub session: u64,
    /// Number of the observation in its run, from 0.
    pub tick: u64,
    /// Seconds since the deploy.
    pub now_s: f64,
    /// Where the rollout is.
    pub step: StepSeen,
    /// Percent of the traffic that routers send to the candidate.
    pub weight: f64,
    /// Pods of the candidate.
    pub candidate: PodsSeen,
    /// Whether the candidate has become the stable revision.
    pub promoted: bool,
    /// A number in `[0, 1)`, the same whenever this run is played: for policies that need chance.
    pub chance: f64,
    /// One entry a query.
    pub metrics: BTreeMap<String, Metric>,
}

/// A step of the rollout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepSeen {
    /// Its index in the list of steps, from 0.
    pub index: usize,
    /// `progressing`, `bake`, `analysis`, `pause`, `superseded`, `promoting` or `done`.
    pub kind: String,
    /// When it began, in seconds since the deploy.
    pub since_s: f64,
}

/// Pods of the candidate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PodsSeen {
    /// How many there should be.
    pub desired: u32,
    /// How many are ready.
    pub ready: u32,
}

/// The value of a query.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Metric {
    /// No data, or no number (0/0 without traffic).
    None,
    /// A number; what is infinite is sent as the largest number there is.
    Number(f64),
    /// Monitoring failed to answer.
    Error {
        /// Why.
        error: String,
    },
    /// More than one series: the query does not aggregate.
    Series {
        /// One entry a series.
        series: Vec<SeriesSeen>,
    },
}

/// One of several series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SeriesSeen {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value; absent if it is no number.
    pub value: Option<f64>,
}

/// A run is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct End {
    /// The run.
    pub session: u64,
}

/// What the process says to an observation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Answer {
    /// The run it is about: that of the observation.
    pub session: u64,
    /// The observation it is about.
    pub tick: u64,
    /// `continue`, `advance`, `promote`, `page`, `defer`, `hold`, `inconclusive`, `investigate`, `forward_fix`,
    /// `roll_back` or `stop`. After `roll_back`, `forward_fix` and `stop` the session ends.
    pub verdict: String,
    /// Why, for people; the policy's name if there is none.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// Seconds after which the verdict counts; at once if absent.
    #[serde(default)]
    pub after_s: Option<f64>,
}

/// An answer as it is read, without copies of what is only looked at.
#[derive(Deserialize)]
struct Heard<'a> {
    #[serde(default, rename = "type", borrow)]
    kind: Option<Cow<'a, str>>,
    session: u64,
    tick: u64,
    #[serde(borrow)]
    verdict: Cow<'a, str>,
    #[serde(default)]
    reasons: Vec<String>,
    #[serde(default)]
    after_s: Option<f64>,
}

/// The JSON schema of all messages.
pub fn schema() -> schemars::Schema {
    schemars::SchemaGenerator::default().into_root_schema_for::<Message>()
}

/// Reads the answer to `hello`.
///
/// # Errors
/// When it is none, or of another version of the protocol.
pub fn ready(line: &[u8]) -> Result<Ready, Breakdown> {
    let help = r#"the first line it prints must be {"type": "ready"}"#;
    let wrong = || Breakdown::new(format!("said {} instead of being ready", quoted(line)), help);
    match serde_json::from_slice(line).map_err(|_| wrong())? {
        Message::Ready(ready) => match ready.format {
            None | Some(FORMAT) => Ok(ready),
            Some(other) => {
                let reason = format!("speaks format {other} of the protocol, and this is format {FORMAT}");
                Err(Breakdown::new(reason, "`backout schema process` prints the protocol"))
            }
        },
        _ => Err(wrong()),
    }
}

/// Reads the answer to an observation.
///
/// # Errors
/// When it is no answer, or one to something else.
pub(super) fn verdict(line: &[u8], session: u64, tick: u64, policy: &str) -> Result<Verdict, Breakdown> {
    let heard: Heard<'_> = serde_json::from_slice(line).map_err(|error| not_an_answer(line, &error))?;
    if let Some(kind) = heard.kind.as_deref().filter(|kind| *kind != "verdict") {
        let help = r#"every observation is answered with {"type": "verdict", ...}"#;
        return Err(Breakdown::new(
            format!("answered with a message of type {}", quoted(kind.as_bytes())),
            help,
        ));
    }
    if (heard.session, heard.tick) != (session, tick) {
        let reason = format!(
            "answered for session {}, tick {} when asked for session {session}, tick {tick}",
            heard.session, heard.tick
        );
        let help = "copy `session` and `tick` from the observation, and answer each observation once";
        return Err(Breakdown::new(reason, help));
    }
    let reasons = reasons(heard.reasons, policy);
    let verdict = of_word(&heard.verdict, reasons)?;
    match heard.after_s {
        None => Ok(verdict),
        Some(delay) if (0.0..=DELAY_MAX_S).contains(&delay) => {
            Ok(Verdict::after(SimDuration::from_secs_f64(delay), verdict))
        }
        Some(delay) => {
            let reason = format!("wants its verdict to count after {delay} s");
            Err(Breakdown::new(reason, format!("`after_s` is between 0 and {DELAY_MAX_S}")))
        }
    }
}

fn not_an_answer(line: &[u8], error: &serde_json::Error) -> Breakdown {
    let missing = error.is_data();
    let (what, help) = if missing {
        (format!(" ({error})"), r#"write {"session": .., "tick": .., "verdict": "continue"}"#)
    } else {
        (String::new(), "its standard output is for answers only: print everything else to standard error")
    };
    Breakdown::new(format!("said {}, which is no answer{what}", quoted(line)), help)
}

fn reasons(given: Vec<String>, policy: &str) -> Vec<String> {
    let (most, longest) = REASONS_MAX;
    let cut = |reason: String| match reason.char_indices().nth(longest) {
        Some((at, _)) => format!("{}...", &reason[..at]),
        None => reason,
    };
    let kept: Vec<String> = given.into_iter().take(most).map(cut).collect();
    if kept.is_empty() { vec![policy.to_owned()] } else { kept }
}

/// Every verdict a process can give.
const WORDS: [&str; 11] = [
    "continue",
    "advance",
    "promote",
    "page",
    "defer",
    "hold",
    "inconclusive",
    "investigate",
    "forward_fix",
    "roll_back",
    "stop",
];

fn of_word(word: &str, reasons: Vec<String>) -> Result<Verdict, Breakdown> {
    Ok(match word {
        "continue" => Verdict::Continue,
        "advance" => Verdict::Advance,
        "promote" => Verdict::Promote,
        "page" => Verdict::Page { reasons },
        "defer" => Verdict::Defer { reasons },
        "hold" => Verdict::Hold,
        "inconclusive" => Verdict::Inconclusive { reasons },
        "investigate" => Verdict::Investigate { reasons },
        "forward_fix" => Verdict::ForwardFix { reasons },
        "roll_back" => Verdict::RollBack { reasons },
        "stop" => Verdict::Stop { reasons },
        other => {
            let meant = did_you_mean(other, &WORDS).map(|meant| format!("did you mean `{meant}`? "));
            let help = format!("{}there are: {}", meant.unwrap_or_default(), WORDS.join(", "));
            return Err(Breakdown::new(
                format!("gave the unknown verdict {}", quoted(other.as_bytes())),
                help,
            ));
        }
    })
}

/// The beginning of what was said, fit for a message.
pub(crate) fn quoted(said: &[u8]) -> String {
    const MOST: usize = 60;
    let said = said.trim_ascii_end();
    let text = String::from_utf8_lossy(&said[..said.len().min(4 * MOST)]);
    let mut shown: String = text.chars().take(MOST).map(|c| if c.is_control() { '?' } else { c }).collect();
    if said.len() > shown.len() {
        shown.push_str("...");
    }
    format!("`{shown}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> Result<Verdict, String> {
        verdict(line.as_bytes(), 7, 3, "mine").map_err(|wrong| format!("{}; {}", wrong.reason, wrong.help))
    }

    #[test]
    fn every_verdict_has_its_word() {
        for word in WORDS {
            let line = format!(r#"{{"type":"verdict","session":7,"tick":3,"verdict":"{word}","more":[1]}}"#);
            assert!(said(&line).is_ok(), "{word}");
        }
        let back = r#"{"session":7,"tick":3,"verdict":"roll_back","reasons":["5 % > 1 %"]}"#;
        assert_eq!(said(back), Ok(Verdict::RollBack { reasons: vec!["5 % > 1 %".into()] }));
        let later = r#"{"session":7,"tick":3,"verdict":"page","after_s":60}"#;
        let page = Verdict::Page { reasons: vec!["mine".into()] };
        assert_eq!(said(later), Ok(Verdict::after(SimDuration::from_secs(60), page)));
    }

    #[test]
    fn what_is_no_answer_is_told_from_a_wrong_one() {
        let cases = [
            ("checking...", "`checking...`, which is no answer; its standard output is for answers only"),
            ("", "``, which is no answer"),
            ("[]", "which is no answer"),
            (r#"{"session":7,"tick":3}"#, "missing field `verdict`"),
            (
                r#"{"session":7,"tick":2,"verdict":"hold"}"#,
                "answered for session 7, tick 2 when asked for session 7, tick 3",
            ),
            (r#"{"session":8,"tick":3,"verdict":"hold"}"#, "answered for session 8, tick 3"),
            (r#"{"type":"ready","session":7,"tick":3,"verdict":"hold"}"#, "a message of type `ready`"),
            (
                r#"{"session":7,"tick":3,"verdict":"rollback"}"#,
                "unknown verdict `rollback`; did you mean `roll_back`?",
            ),
            (r#"{"session":7,"tick":3,"verdict":"page","after_s":-1}"#, "`after_s` is between 0 and"),
            (r#"{"session":-7,"tick":3,"verdict":"page"}"#, "which is no answer"),
        ];
        for (line, expected) in cases {
            let wrong = said(line).unwrap_err();
            assert!(wrong.contains(expected), "{line}: {wrong}");
        }
        let deep = "[".repeat(10_000);
        assert!(said(&deep).unwrap_err().contains("..."), "long and deep lines are cut");
    }

    #[test]
    fn reasons_are_bounded() {
        let many = vec!["ä".repeat(1000); 100];
        let kept = reasons(many, "mine");
        assert_eq!((kept.len(), kept[0].chars().count()), (16, 303));
    }

    #[test]
    fn being_ready_has_one_form() {
        assert!(ready(br#"{"type":"ready"}"#).is_ok());
        assert_eq!(ready(br#"{"type":"ready","format":1,"name":"x"}"#).unwrap().name.as_deref(), Some("x"));
        assert!(ready(br#"{"type":"ready","format":2}"#).unwrap_err().reason.contains("format 2"));
        assert!(
            ready(b"Loading model").unwrap_err().reason.contains("`Loading model` instead of being ready")
        );
    }
}
