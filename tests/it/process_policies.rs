//! Policies that are processes, with real processes: each way to fail ends in a clear report, the rest of the study is as
//! without it, and nothing is left running.
//!
//! The processes are shell scripts, so that nothing is needed but a shell; the example in Python runs where there is one.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use backout::cli::process::Processes;
use backout::diagnostic::Source;
use backout::import::{ImportOptions, SourceText, load};
use backout::policy::loaded::Loaded;
use backout::replication::prepared::PrepareOptions;
use backout::replication::record::{Player, ReplicationRecord, RunRecord};
use backout::scenario::{self, Scenario, embedded};
use backout::study::{Progress, Replications, Study};
use backout::telemetry::naming::Engine;
use serde_json::Value;
use tempfile::TempDir;

const SCENARIO: &str = "canary/error-regression";
const RATIO: &str = r#"sum(rate(http_requests_total{code=~"5.."}[1m])) / sum(rate(http_requests_total[1m]))"#;

/// The body of a policy in shell: `$n` is the number of the observation in the life of the process, `$what` its session and
/// tick as JSON; `before` is run before each answer.
fn script(first: &str, before: &str) -> String {
    format!(
        r#"n=0
{first}
while read -r line; do
  case "$line" in
    *'"type":"hello"'*) echo '{{"type":"ready"}}' ;;
    *'"type":"observe"'*)
      n=$((n + 1)); verdict=continue
      head=${{line%%,\"now_s\"*}}; what=${{head#*,}}
      {before}
      echo "{{\"type\":\"verdict\",$what,\"verdict\":\"$verdict\"}}" ;;
  esac
done
"#
    )
}

/// A folder with a policy `mine.yaml` that runs `policy.sh`.
struct Folder(TempDir);

impl Folder {
    fn new(script: &str, answer_within: &str) -> Self {
        let command = ["/bin/sh", "policy.sh"];
        Folder::running(&command, script, answer_within)
    }

    fn running(command: &[&str], script: &str, answer_within: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("policy.sh"), script).unwrap();
        let policy = format!(
            "format: 1\nprocess:\n  command: {command:?}\n  answer_within: {answer_within}\n  start_within: 60s\n  \
             queries:\n    error_ratio: '{RATIO}'\n"
        );
        std::fs::write(folder.path().join("mine.yaml"), policy).unwrap();
        Folder(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// The program, somewhere else than where the policy is.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_backout"));
        command.args(words).current_dir(env!("CARGO_TARGET_TMPDIR"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn mine(&self) -> String {
        self.path().join("mine.yaml").to_str().unwrap().to_owned()
    }

    /// A study of this policy beside a native one.
    fn score(&self, more: &[&str]) -> Output {
        let mine = self.mine();
        let words =
            ["score", mine.as_str(), "five-xx-10pct-2m", "--scenario", SCENARIO, "--replications", "3"];
        self.command(&[&words, more].concat()).output().unwrap()
    }

    /// The processes that have this folder as their working directory.
    fn left(&self) -> Vec<String> {
        let Ok(all) = std::fs::read_dir("/proc") else { return Vec::new() };
        let folder = self.path().canonicalize().unwrap();
        all.flatten()
            .filter(|entry| std::fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == folder))
            .map(|entry| std::fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default())
            .collect()
    }
}

fn json(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text)
        .unwrap_or_else(|_| panic!("{text}\n{}", String::from_utf8_lossy(&output.stderr)))
}

/// The study without any process.
fn without() -> Value {
    let words =
        ["score", "five-xx-10pct-2m", "--scenario", SCENARIO, "--replications", "3", "--format", "json"];
    let output = Command::new(env!("CARGO_BIN_EXE_backout")).args(words).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    json(&output)
}

/// A way to fail, what the report says of it, and what it advises.
struct Failing {
    name: &'static str,
    first: &'static str,
    before: &'static str,
    within: &'static str,
    reason: &'static str,
    stderr: &'static str,
}

const FIFTH: &str = "[ $n -eq 5 ] && ";

fn failing() -> Vec<Failing> {
    let case =
        |name, first, before, reason| Failing { name, first, before, within: "60s", reason, stderr: "" };
    let hurried = |name, first, before, reason| Failing { within: "1s", ..case(name, first, before, reason) };
    vec![
        hurried("hangs and ignores SIGTERM", "trap '' TERM", "sleep 1000", "did not answer within 1s"),
        hurried("answers late", "", "sleep 2", "did not answer within 1s"),
        Failing { stderr: "boom", ..case("dies", "", "echo boom >&2; exit 7", "ended (exit status: 7)") },
        case("prints garbage", "", "echo checking...", "said `checking...`, which is no answer"),
        case(
            "answers for another tick",
            "",
            "what='\"session\":0,\"tick\":99'",
            "tick 99 when asked for session",
        ),
        case("gives an unknown verdict", "", "verdict=rollback", "unknown verdict `rollback`"),
        case(
            "floods",
            "",
            "while :; do printf '%01000d' 0; done",
            "more than 65536 bytes without a line break",
        ),
        case("answers twice", "", "echo \"{$what,\\\"verdict\\\":\\\"hold\\\"}\"", "without being asked"),
        Failing {
            stderr: "no model",
            ..case(
                "exits at its start",
                "echo no model >&2; exit 3",
                "",
                "ended (exit status: 3) before it was ready",
            )
        },
        hurried("never reads", "echo '{\"type\":\"ready\"}'; sleep 1000", "", "did not answer within 1s"),
        case(
            "counts over runs",
            "",
            "[ $n -ge 9 ] && verdict=hold",
            "gave different answers to the same observations",
        ),
    ]
}

#[test]
fn each_way_to_fail_is_told_and_the_rest_of_the_study_is_as_without_it() {
    let expected = without();
    for Failing { name, first, before, within, reason, stderr } in failing() {
        let fifth = if name == "counts over runs" || before.is_empty() { "" } else { FIFTH };
        let before = if before.is_empty() { ":" } else { before };
        // What goes wrong goes wrong as a whole, at the fifth observation.
        let before =
            if fifth.is_empty() { before.to_owned() } else { format!("if [ $n -eq 5 ]; then {before}; fi") };
        let folder = Folder::new(&script(first, &before), within);
        let output = folder.score(&["--format", "json"]);
        assert_eq!(output.status.code(), Some(11), "{name}");
        let report = json(&output);
        let void = &report["void"];
        assert_eq!(void.as_array().map(Vec::len), Some(1), "{name}: {void}");
        let trouble = &void[0]["trouble"];
        let told = trouble["reason"].as_str().unwrap();
        // Answering twice is found as words nobody asked for, or as the answer to the tick before.
        let twice = name == "answers twice" && told.contains("when asked for session");
        assert!(told.contains(reason) || twice, "{name}: {told}");
        assert!(!trouble["help"].as_str().unwrap().is_empty(), "{name}");
        assert!(trouble["stderr"].to_string().contains(stderr), "{name}: {trouble}");
        assert_eq!(trouble["scenario"], SCENARIO, "{name}");
        let again = format!("backout run {SCENARIO} {} --seed", folder.mine());
        assert!(void[0]["command"].as_str().unwrap().starts_with(&again), "{name}: {void}");
        assert_eq!(
            report["scorecard"].to_string(),
            expected["scorecard"].to_string(),
            "{name}: other rows have changed"
        );
        assert_eq!(report["policies"], expected["policies"], "{name}");
        assert_eq!(folder.left(), [""; 0], "{name}: something is left running");
    }
}

#[test]
fn a_command_that_is_not_there_is_told() {
    for command in ["no-such-program-anywhere", "./no/such/program"] {
        let folder = Folder::running(&[command], "", "1s");
        let output = folder.score(&[]);
        assert_eq!(output.status.code(), Some(11));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("Void: in no figure"), "{text}");
        let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(joined.contains(&format!("could not be started: `{command}`")), "{text}");
        assert!(joined.contains("relative paths are from the folder of the policy file"), "{text}");
        assert!(joined.contains("five-xx-10pct-2m"), "the other row is there");
    }
}

#[test]
fn a_process_does_not_outlive_a_program_that_is_killed() {
    // The policy and what it has started both stay, and write where they are.
    let begin = "trap '' TERM INT HUP; sleep 1000 & touch started; wait";
    let folder = Folder::new(&script("", begin), "1000s");
    let mine = folder.mine();
    let words = ["run", SCENARIO, mine.as_str()];
    let mut program = folder.command(&words).spawn().unwrap();
    wait_until("it has started", || folder.path().join("started").exists());
    if Path::new("/proc/self/cwd").exists() {
        assert!(folder.left().len() >= 2, "{:?}", folder.left());
    }
    program.kill().unwrap();
    program.wait().unwrap();
    wait_until("nothing is left", || folder.left().is_empty());
}

fn wait_until(what: &str, done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}: not within a minute");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_process_that_behaves_has_a_row_whatever_the_threads() {
    // It rolls back at its tenth observation of a session, wherever it is.
    let tenth = "case \"$what\" in *'\"tick\":9') verdict=roll_back ;; esac";
    let folder = Folder::new(&script("", tenth), "60s");
    let score = |jobs: &str| {
        let output = folder.score(&["--format", "json", "--jobs", jobs]);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        json(&output)
    };
    let (one, two) = (score("1"), score("2"));
    assert_eq!(one["scorecard"], two["scorecard"]);
    assert_eq!(one.get("void"), None);
    let row =
        one["scorecard"]["rows"].as_array().unwrap().iter().find(|row| row["player"]["policy"] == "mine");
    let rate = &row.unwrap()["detection"]["false_rollback_rate"]["value"];
    assert_eq!(rate.as_f64(), Some(1.0), "it rolls everything back");
    assert_eq!(folder.left(), [""; 0]);
}

#[test]
fn run_shows_how_far_a_failing_policy_came() {
    let folder = Folder::new(&script("", "[ $n -eq 5 ] && exit 4"), "60s");
    let mine = folder.mine();
    let output = folder.command(&["run", SCENARIO, &mine]).output().unwrap();
    assert_eq!(output.status.code(), Some(11));
    let text = String::from_utf8(output.stdout).unwrap();
    let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(joined.contains("the process of `mine` ended (exit status: 4),"), "{text}");
    assert!(joined.contains("(tick 4); replication 0"), "{text}");
}

#[test]
fn files_are_checked_where_they_are_wrong() {
    let options = || ImportOptions { processes: Some(Arc::new(Processes)), ..ImportOptions::default() };
    let refused = |text: &str, options: &ImportOptions| {
        let found = load(&[SourceText { name: "mine.yaml", text }], options).err().expect("it is wrong");
        found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let cases = [
        ("format: 2\nprocess: {command: [a]}\n", "mine.yaml:1:9", "format 2 is not known"),
        ("format: 1\nprocess: {command: []}\n", "mine.yaml:2:20", "there is no command"),
        ("format: 1\nprocess:\n  command: [a]\n  every: 10ms\n", "mine.yaml:4", "at least 1s apart"),
        ("format: 1\nprocess:\n  command: [a]\n  answer_within: 0s\n", "mine.yaml:4", "no time at all"),
        ("format: 1\nprocess:\n  comand: [a]\n", "mine.yaml:3:3", "did you mean `command`"),
        ("format: 1\nprocess:\n  command: [a]\n  queries: {x: 'sum('}\n", "mine.yaml:4", ""),
        ("format: 1\nprocess:\n  command: [\"a\\0b\"]\n", "mine.yaml:3", "NUL"),
    ];
    for (text, place, fact) in cases {
        let told = refused(text, &options());
        assert!(told.contains(place) && told.contains(fact), "{text}: {told}");
    }
    let told = refused("format: 1\nprocess: {command: [a]}\n", &ImportOptions::default());
    assert!(told.contains("no process can be started here"), "{told}");
}

/// The example of the documentation, if Python is there to run it.
fn example() -> Option<Loaded> {
    if Command::new("python3").arg("--version").output().is_err() {
        println!("python3 is not there: the example in Python was not run");
        return None;
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/rollback_policy.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    // A loaded machine is no reason to fail.
    let text =
        text.replace("answer_within: 5s", "answer_within: 60s\n  start_within: 60s").replace("0.05", "0.03");
    let options = ImportOptions { processes: Some(Arc::new(Processes)), ..ImportOptions::default() };
    Some(load(&[SourceText { name: path, text: &text }], &options).unwrap().remove(0))
}

fn shipped(name: &str) -> Arc<Scenario> {
    let file = embedded::scenario(name).unwrap();
    let resolved = scenario::read(file.name(), Source::new(file.path, file.text)).unwrap();
    Arc::new(resolved.scenario)
}

fn runs<'r>(record: &'r ReplicationRecord, policy: &str) -> Vec<&'r RunRecord> {
    let rollout = &record.rollouts[0];
    let all = rollout.bad.runs.iter().chain(&rollout.healthy.runs);
    all.filter(|run| run.player == Player::Policy(policy.into())).collect()
}

/// More than 3 % of errors twice in a row, said to a process and to a native trigger: the same decisions at the same
/// instants, because both are one rule on one grid.
#[test]
fn the_example_decides_as_the_native_trigger_of_the_same_rule() {
    let Some(mut example) = example() else { return };
    let text = format!(
        "format: 1\ntriggers:\n  - {{name: errors, expr: '{RATIO} > 0.03', consecutive: 2, every: 15s}}\n  \
         - {{name: slow, expr: 'histogram_quantile(0.95, sum by (le) \
         (rate(http_request_duration_seconds_bucket[1m]))) > 1', consecutive: 2, every: 15s}}\n"
    );
    let native = load(&[SourceText { name: "native.yaml", text: &text }], &ImportOptions::default())
        .unwrap()
        .remove(0);
    // The phase of the grid is keyed by engine and identity.
    (example.engine, example.identity) = (Engine::Native, native.identity.clone());
    let study = Study::new(&[shipped(SCENARIO)], &[example, native], 11, PrepareOptions::default()).unwrap();
    let study = study.with_replications(Replications { flow: 12, request: 1 });
    let records = study.play(&Progress::default()).unwrap();
    assert_eq!(study.troubles(), []);
    let mut decided = 0;
    for record in &records {
        let (mine, native) = (runs(record, "rollback_policy"), runs(record, "native"));
        assert_eq!((mine.len(), native.len()), (2, 2));
        for (mine, native) in mine.iter().zip(&native) {
            let instant = |run: &RunRecord| run.decision.as_ref().map(|d| (d.at, d.kind));
            assert_eq!(instant(mine), instant(native), "replication {}", record.replication);
            assert_eq!(
                mine.checks[0].evaluations, native.checks[0].evaluations,
                "replication {}",
                record.replication
            );
            decided += usize::from(mine.decision.is_some());
        }
    }
    assert!(decided >= 3, "{decided} decisions compare little");
}
