//! `backout hunt` as a user meets it: a policy file, an empty folder, the real binary.
//!
//! The policy looks once a minute at the share of errors among the candidate's requests of the last minute (window and pause are
//! the same, so no request falls between two looks) and rolls back above 5 %. By construction it cannot see: errors that stay
//! below 5 % of any minute, whether spread evenly or in bursts; anything that is no error; and it fires when something other
//! than the release makes 5 % of a minute fail. The hunt has to find one of each by itself.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

const POLICY: &str = r#"format: 1
summary: every minute, rolls back at more than 5 % errors in the last minute
triggers:
  - name: error_rate
    expr: >-
      100 * sum(rate(http_requests_total{role="candidate",code=~"5.."}[1m]))
      / sum(rate(http_requests_total{role="candidate"}[1m])) > 5
    every: 60s
    then: roll_back
"#;

/// Faults by which requests fail: evenly, in bursts, or because the candidate is not there.
const ERRORS: [&str; 4] = ["error_burst", "flapping", "crash_loop", "failing_health_check"];
/// Faults that never make a request fail with a 5xx.
const NO_ERRORS: [&str; 3] = ["wrong_answers", "latency_regression", "vulnerable_release"];
/// What the issue calls small.
const SMALL: u64 = 30;

struct Folder(tempfile::TempDir);

impl Folder {
    fn with_policy() -> Self {
        let folder = Folder(tempfile::tempdir().unwrap());
        std::fs::write(folder.path().join("policy.yaml"), POLICY).unwrap();
        folder
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    #[track_caller]
    fn run(&self, words: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_backout"));
        command.args(words).current_dir(self.path()).env_clear().stdin(Stdio::null());
        let output = command.output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {err}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    fn json(&self, words: &[&str]) -> Value {
        serde_json::from_str(&self.run(&[words, &["--format", "json"]].concat())).unwrap()
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }
}

/// The findings of a hunt for the only policy.
fn findings(hunted: &Value) -> Vec<Value> {
    hunted[0]["findings"].as_array().unwrap().clone()
}

fn events(finding: &Value) -> Vec<String> {
    let events = finding["events"].as_array().unwrap().iter();
    events.map(|event| event["name"].as_str().unwrap().to_owned()).collect()
}

/// The file of a finding is small and valid, and the replication it names shows the failure again; gives the policy's runs
/// of the bad and of the healthy release in it.
#[track_caller]
fn replays(folder: &Folder, finding: &Value) -> (Value, Value) {
    let file = format!("hunt/{}.yaml", finding["stem"].as_str().unwrap());
    let text = folder.read(&file);
    let counts = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let lines = text.lines().filter(counts).count() as u64;
    assert!(lines <= SMALL, "{lines} lines:\n{text}");
    assert_eq!(Some(lines), finding["lines"].as_u64());
    folder.run(&["validate", &file]);
    let number = finding["replication"].to_string();
    let record = folder.json(&["run", &file, "policy.yaml", "--replication", &number]);
    let rollout = &record["rollouts"][0];
    let own = |twin: &str| {
        let runs = rollout[twin]["runs"].as_array().unwrap();
        runs.iter().find(|run| run["player"].get("policy").is_some()).unwrap().clone()
    };
    assert!(text.contains(&format!("--replication {number}")), "{text}");
    (own("bad"), own("healthy"))
}

#[test]
fn worlds_in_which_an_error_rate_misses_are_found_shrunk_and_replayed() {
    let folder = Folder::with_policy();
    let hunted = folder.json(&["hunt", "policy.yaml", "--budget", "400"]);
    let found = findings(&hunted);
    let only = |kinds: &[&str]| {
        let of = |finding: &&Value| events(finding).iter().all(|name| kinds.contains(&name.as_str()));
        found.iter().filter(of).cloned().collect::<Vec<Value>>()
    };
    let (errors, others) = (only(&ERRORS), only(&NO_ERRORS));
    assert!(!errors.is_empty(), "an error fault it never sees: {found:#?}");
    assert!(!others.is_empty(), "another kind of fault it cannot see: {found:#?}");
    for finding in errors.iter().chain(&others) {
        let (bad, _) = replays(&folder, finding);
        assert!(bad["decision"].is_null(), "it fires in {finding:#}");
        let harmed = &bad["harmed"];
        let kinds = ["failed", "timed_out", "rejected", "wrong", "slow"];
        assert!(kinds.iter().any(|kind| harmed[kind].as_u64().unwrap() > 0), "{bad:#}");
        assert!(finding["amount"].as_f64().unwrap() >= 30.0, "the floor of harm: {finding:#}");
        assert!(finding["shown"]["value"].as_f64().unwrap() >= 0.5, "{finding:#}");
    }
    let seen = &hunted[0]["events"]["error_burst"];
    assert!(seen["worlds"].as_u64().unwrap() > 5 && seen["numbers"]["share"].is_array(), "{seen}");
    assert!(hunted[0]["left_out"]["silent_corruption"].is_string(), "it needs a database");
}

#[test]
fn a_healthy_world_in_which_an_error_rate_fires_is_found() {
    let folder = Folder::with_policy();
    let hunted = folder.json(&["hunt", "policy.yaml", "--measure", "false-rollback", "--budget", "400"]);
    let found = findings(&hunted);
    assert!(!found.is_empty(), "{hunted:#}");
    for finding in &found {
        let (_, healthy) = replays(&folder, finding);
        assert_eq!(healthy["decision"]["kind"], "roll_back", "{finding:#}");
        let text = folder.read(&format!("hunt/{}.yaml", finding["stem"].as_str().unwrap()));
        assert!(!text.contains("faults:") && text.contains("--twin healthy"), "{text}");
    }
}

#[test]
fn a_hunt_is_the_same_whatever_the_number_of_threads_and_leaves_other_files_alone() {
    let (one, two) = (Folder::with_policy(), Folder::with_policy());
    let words = ["hunt", "policy.yaml", "--budget", "60", "--jobs"];
    let alone = one.run(&[&words[..], &["1"]].concat());
    let together = two.run(&[&words[..], &["2"]].concat());
    let repeat = |text: &str| text.lines().filter(|line| !line.starts_with("repeat:")).collect::<String>();
    assert_eq!(repeat(&alone), repeat(&together));
    let files = |folder: &Folder| {
        let all = std::fs::read_dir(folder.path().join("hunt")).unwrap();
        let mut names: Vec<String> =
            all.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(files(&one), files(&two));
    let first = files(&one).into_iter().next().expect("something is found in sixty worlds");
    let scenario = |folder: &Folder| {
        let text = folder.read(&format!("hunt/{first}"));
        text.lines().filter(|line| !line.starts_with("# Found:")).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(scenario(&one), scenario(&two));
    std::fs::write(one.path().join("hunt").join(&first), "format: 1\n").unwrap();
    let mut again = Command::new(env!("CARGO_BIN_EXE_backout"));
    again.args(words).arg("2").current_dir(one.path()).env_clear();
    assert_eq!(again.output().unwrap().status.code(), Some(30));
    assert_eq!(one.read(&format!("hunt/{first}")), "format: 1\n");
}

/// The page has every range as the search has it.
#[test]
fn the_page_gives_the_ranges_that_are_searched() {
    let page = include_str!("../../docs/hunting.md");
    for [what, range, why] in backout::study::hunt::ranges() {
        let row = format!("| {what} | {range} | {why} |");
        assert!(page.contains(&row), "docs/hunting.md lacks the row\n{row}");
    }
}
