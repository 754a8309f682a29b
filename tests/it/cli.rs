//! The command line as a user meets it: an empty folder, an empty environment, the real binary.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A folder with nothing in it, and the program to run there.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        std::fs::write(self.path().join(name), content).unwrap();
        self
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_backout"));
        command.args(words).current_dir(self.path()).env_clear().stdin(Stdio::null());
        command
    }

    #[must_use]
    pub fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// Runs and expects this exit code; gives stdout and stderr.
    #[track_caller]
    pub fn expect(&self, code: i32, words: &[&str]) -> (String, String) {
        let output = self.run(words);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{words:?}\nstdout: {out}\nstderr: {err}");
        (out, err)
    }

    /// Runs with this on stdin.
    pub fn pipe(&self, words: &[&str], input: &str) -> Output {
        let mut command = self.command(words);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

const COMMANDS: [&str; 20] = [
    "score",
    "compare",
    "gate",
    "report",
    "plan",
    "work",
    "merge",
    "size",
    "tune",
    "hunt",
    "rare",
    "run",
    "explain",
    "validate",
    "lint",
    "list",
    "schema",
    "test rules",
    "init",
    "completions",
];

#[test]
fn help_texts() {
    let folder = Folder::new();
    let mut all = folder.expect(0, &["--help"]).0;
    for command in COMMANDS {
        let words: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        let (help, err) = folder.expect(0, &words);
        assert!(err.is_empty(), "{err}");
        all += &format!("\n==== {command}\n{help}");
    }
    insta::assert_snapshot!("help", all);
}

#[test]
fn messages_about_wrong_input() {
    let folder = Folder::new();
    folder
        .file("typo.yaml", SCENARIO.replace("error_ratio", "eror_ratio"))
        .file("name.yaml", SCENARIO.replace("to: web", "to: wbe"))
        .file("late.yaml", SCENARIO.replace("horizon: 30m", "horizon: 5m"))
        .file("bytes.yaml", b"format: 1\nsummary: \xff\n")
        .file("open.yaml", "services: [")
        .file("template.yaml", "services:\n  {{ .Values.services }}\n")
        .file("other.yaml", "hello: world\n");
    let mut all = String::new();
    for (code, words) in [
        (10, vec!["score", "missing.yaml"]),
        (10, vec!["score", "golden-signal"]),
        (10, vec!["score", "--scenario", "crash-lop"]),
        (10, vec!["score", "fault/crash-loop"]),
        (10, vec!["score", "--scenario", "golden-signals"]),
        (2, vec!["score", "golden-signals", "--fidelity", "flow"]),
        (10, vec!["validate", "typo.yaml", "name.yaml"]),
        (0, vec!["validate", "late.yaml"]),
        (10, vec!["validate", "bytes.yaml"]),
        (10, vec!["validate", "open.yaml"]),
        (10, vec!["validate", "template.yaml"]),
        (10, vec!["validate", "other.yaml"]),
        (10, vec!["validate", "."]),
        (10, vec!["init", "--rate", "1000000000/s"]),
        (2, vec!["score", "--bind", "http_errors=erors"]),
        (2, vec!["score", "--p50", "1s", "--p99", "20ms"]),
        (2, vec!["run", "crash-loop", "--rate", "5/s"]),
        (2, vec!["list", "--format", "csv"]),
        (2, vec!["size", "--severity", "150%"]),
        (2, vec!["size", "--effect", "latency"]),
        (2, vec!["size", "--alpha", "0%"]),
        (2, vec!["size", "--scenario", "fault/crash-loop", "--rate", "5/s"]),
        (2, vec!["lint", "golden-signals", "--format", "csv"]),
        (2, vec!["score", "--rate", "5"]),
        (2, vec!["score", "-", "-"]),
        (30, vec!["list", "--out", "no/such/folder"]),
    ] {
        let (_, err) = folder.expect(code, &words);
        all += &format!("$ backout {}\n{err}[exit {code}]\n\n", words.join(" "));
    }
    insta::assert_snapshot!("messages", all);
}

const SCENARIO: &str = "\
format: 1
horizon: 30m
services:
  web: {service_time: 20ms, error_ratio: 0.1%}
traffic: [{to: web, rate: 100/s}]
rollouts: [{service: web, strategy: {canary: {steps: [{weight: 10%, bake: 10m}]}}}]
change: {faults: [{error_burst: {share: 5%}}]}
";

#[test]
fn it_works_in_an_empty_folder() {
    let folder = Folder::new();
    let (list, err) = folder.expect(0, &["list"]);
    assert!(list.contains("fault/crash-loop") && list.contains("error_burst") && err.is_empty());
    let (run, err) = folder.expect(0, &["run", "canary/error-regression", "five-xx-10pct-2m"]);
    assert!(run.contains("WHAT THE POLICY SAW") && run.contains("repeat: backout run"), "{run}");
    assert!(err.is_empty(), "{err}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn the_command_that_a_run_prints_repeats_it() {
    let folder = Folder::new();
    let words = [
        "run",
        "quick/errors",
        "five-xx-10pct-2m",
        "--rate",
        "50/s",
        "--seed",
        "9",
        "-r",
        "3",
        "--twin",
        "healthy",
    ];
    let (first, _) = folder.expect(0, &words);
    let repeat = first.lines().last().unwrap().strip_prefix("repeat: backout ").unwrap();
    let words: Vec<&str> = repeat.split(' ').collect();
    assert_eq!(folder.expect(0, &words).0, first);
}

#[test]
fn init_writes_a_scenario_that_is_valid_and_can_be_played() {
    let folder = Folder::new();
    folder.expect(0, &["init", "mine.yaml", "--fault", "latency", "--rate", "40/s", "--replicas", "5"]);
    let written = folder.read("mine.yaml");
    assert!(written.contains("latency_regression") && written.contains("rate: 40/s"), "{written}");
    assert!(written.contains("replicas: 5") && written.lines().any(|line| line.starts_with('#')));
    assert!(folder.expect(0, &["validate", "mine.yaml"]).0.contains("is valid"));
    let (out, _) = folder.expect(0, &["score", "golden-signals", "-s", "mine.yaml", "-n", "2"]);
    assert!(out.contains("golden-signals"), "{out}");
    folder.expect(2, &["init", "mine.yaml"]);
    assert_eq!(folder.read("mine.yaml"), written, "an existing file stays");
    folder.expect(0, &["init", "mine.yaml", "--force"]);
    assert!(folder.read("mine.yaml").contains("error_burst"));
}

#[test]
fn init_takes_the_rollout_of_a_file() {
    let folder = Folder::new();
    folder.file("rollout.yaml", backout::scenario::embedded::policy("argo-checkout").unwrap().text);
    let (scenario, _) = folder.expect(0, &["init", "-", "--from", "rollout.yaml"]);
    assert!(scenario.contains("  checkout:\n    replicas: 4\n"), "{scenario}");
    assert!(
        scenario.contains("{bake: 5m, kind: analysis}") && scenario.contains("weight: 30%"),
        "{scenario}"
    );
    folder.file("s.yaml", &scenario).expect(0, &["validate", "s.yaml"]);
    folder.file("native.yaml", backout::scenario::embedded::policy("five-xx-10pct-2m").unwrap().text);
    let (_, err) = folder.expect(2, &["init", "-", "--from", "native.yaml"]);
    assert!(err.contains("no rollout in native.yaml"), "{err}");
}

#[test]
fn scores_do_not_depend_on_the_number_of_threads_and_go_where_they_are_told() {
    let folder = Folder::new();
    let score = |jobs: &str, file: &str| {
        let mut words = vec!["score", "five-xx-10pct-2m", "flagger-checkout", "--rate", "50/s", "-n", "3"];
        words.extend(["--format", "json", "--out", "scores.json"]);
        let output = folder.command(&words).env("BACKOUT_JOBS", jobs).output().unwrap();
        assert!(output.status.success() && output.stdout.is_empty(), "{}", text(&output.stderr));
        std::fs::rename(folder.path().join("scores.json"), folder.path().join(file)).unwrap();
    };
    score("1", "one.json");
    score("3", "three.json");
    assert_eq!(folder.read("one.json"), folder.read("three.json"));
    let report: serde_json::Value = serde_json::from_str(&folder.read("one.json")).unwrap();
    assert_eq!(report["scenarios"].as_array().unwrap().len(), 3);
    assert_eq!(report["policies"].as_array().unwrap().len(), 2);
    let command = report["command"].as_str().unwrap();
    assert!(command.starts_with("backout score five-xx-10pct-2m flagger-checkout --rate 50/s"), "{command}");
    assert!(command.ends_with("--seed 20261121"), "{command}");
    for replay in report["replays"].as_array().unwrap() {
        assert!(replay["command"].as_str().unwrap().contains(" --rate 50/s"), "{replay}");
    }
}

#[test]
fn a_failed_run_leaves_the_output_file_as_it_was() {
    let folder = Folder::new();
    folder.file("scores.txt", "precious").expect(10, &["score", "missing.yaml", "--out", "scores.txt"]);
    assert_eq!(folder.read("scores.txt"), "precious");
    folder.expect(0, &["list", "faults", "--out", "scores.txt"]);
    assert!(folder.read("scores.txt").starts_with("faults\n"));
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let folder = Folder::new();
    let mut child = folder
        .command(&["schema", "scenario"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
}

#[test]
fn a_full_disk_is() {
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else { return };
    let folder = Folder::new();
    let output = folder.command(&["list"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(30));
    assert!(text(&output.stderr).contains("standard output could not be written"));
}

#[test]
fn standard_input_is_a_file_like_any_other() {
    let folder = Folder::new();
    let policy = backout::scenario::embedded::policy("golden-signals").unwrap().text;
    let output = folder.pipe(&["explain", "-"], policy);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("`restarts`: rolls back when"));
    let output = folder.pipe(&["validate", "-"], SCENARIO);
    assert!(text(&output.stdout).contains("is valid"), "{}", text(&output.stderr));
}

#[test]
fn explain_tells_checks_queries_and_what_has_no_effect() {
    let folder = Folder::new();
    let (out, _) = folder.expect(0, &["explain", "flagger-checkout", "argo-checkout", "golden-signals"]);
    for part in [
        "Rollout: its own, from the file",
        "Rollout: the scenario's",
        "Queries, as asked of `canary/error-regression`",
        "istio_requests_total (istio)",
        "What has no effect here\n  line 10: `spec.replicas`",
    ] {
        assert!(out.contains(part), "{part}: {out}");
    }
    let (json, _) = folder.expect(0, &["explain", "golden-signals", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["checks"].as_array().unwrap().len(), 3);
}

#[test]
fn a_query_that_can_never_be_answered_is_invalid_unless_accepted() {
    let folder = Folder::new();
    let policy = "format: 1\ntriggers:\n  - {name: t, expr: 'no_such_metric_of_ours > 1'}\n";
    folder.file("p.yaml", policy);
    let words = ["score", "p.yaml", "-s", "canary/clean-low-traffic", "-n", "1"];
    let (_, err) = folder.expect(10, &words);
    assert!(err.contains("p.yaml:3") && err.contains("no_such_metric_of_ours"), "{err}");
    folder.expect(0, &[&words[..], &["--allow-missing-series"]].concat());
}

#[test]
fn colours_are_for_terminals_or_on_demand() {
    let folder = Folder::new();
    let plain = folder.expect(10, &["validate", "missing"]).1;
    let coloured = folder.expect(10, &["validate", "missing", "--color", "always"]).1;
    assert!(!plain.contains('\u{1b}') && coloured.contains('\u{1b}'));
    let forced = folder.command(&["validate", "missing"]).env("CLICOLOR_FORCE", "1").output().unwrap();
    assert!(text(&forced.stderr).contains('\u{1b}'));
    let refused = folder
        .command(&["validate", "missing"])
        .env("CLICOLOR_FORCE", "1")
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    assert!(!text(&refused.stderr).contains('\u{1b}'));
}

#[test]
fn quiet_silences_warnings_and_never_errors() {
    let folder = Folder::new();
    folder.file("late.yaml", SCENARIO.replace("horizon: 30m", "horizon: 5m"));
    assert!(folder.expect(0, &["validate", "late.yaml"]).1.contains("ends before the rollout"));
    assert!(folder.expect(0, &["validate", "late.yaml", "-q"]).1.is_empty());
    assert!(folder.expect(10, &["validate", "missing", "-q"]).1.contains("error:"));
}

#[test]
fn schemas_and_completions_are_complete() {
    let folder = Folder::new();
    for kind in ["scenario", "policy", "process-file", "record"] {
        let schema: serde_json::Value = serde_json::from_str(&folder.expect(0, &["schema", kind]).0).unwrap();
        assert!(schema["properties"]["format"].is_object(), "{kind}");
    }
    let messages: serde_json::Value =
        serde_json::from_str(&folder.expect(0, &["schema", "process"]).0).unwrap();
    let kinds: Vec<&str> = messages["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|message| message["properties"]["type"]["const"].as_str())
        .collect();
    assert_eq!(kinds, ["hello", "ready", "reset", "observe", "verdict", "end"]);
    let (script, _) = folder.expect(0, &["completions", "bash"]);
    for command in COMMANDS {
        let first = command.split(' ').next().unwrap();
        assert!(script.contains(&format!("backout,{first})")), "{command}");
    }
}

#[test]
fn the_same_seed_is_the_same_result_and_another_is_another() {
    let folder = Folder::new();
    let run = |seed: &str| {
        let words =
            ["run", "canary/clean-low-traffic", "five-xx-10pct-2m", "--format", "json", "--seed", seed];
        folder.expect(0, &words).0
    };
    assert_eq!(run("1"), run("1"));
    assert_ne!(run("1"), run("2"));
}

const MISTAKEN: &str = "\
format: 1
triggers:
  - name: errors
    expr: sum(rate(http_requests_total{role=\"candidate\",code=~\"5..\"}[1m])) > 5e3
    then: page
";

#[test]
fn lint_names_mistakes_and_strict_makes_them_fail() {
    let folder = Folder::new();
    folder.file("p.yaml", MISTAKEN).file("bad.yaml", "format: 1\ntriggers:\n  - {name: t, expr: a >}\n");
    let (out, err) = folder.expect(0, &["lint", "p.yaml"]);
    assert!(out.contains("warning[page-only]") && out.contains("--> p.yaml:4:78"), "{out}");
    assert!(out.contains("warning[rate-above-traffic]") && out.contains("2 warnings in 1 policy"), "{out}");
    assert!(err.is_empty(), "{err}");
    let (json, err) = folder.expect(10, &["lint", "p.yaml", "--strict", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let codes: Vec<&str> =
        json["findings"].as_array().unwrap().iter().map(|f| f["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["rate-above-traffic", "page-only"]);
    assert!(err.trim().is_empty(), "{err}");
    let (out, _) = folder.expect(0, &["lint", "golden-signals", "--strict"]);
    assert!(out.contains("nothing found in 1 policy"), "{out}");
    folder.expect(10, &["lint", "bad.yaml"]);
    let piped = folder.pipe(&["lint", "-", "-s", "fault/crash-loop"], MISTAKEN);
    assert!(text(&piped.stdout).contains("--> <stdin>:4:78"), "{}", text(&piped.stdout));
}

#[test]
fn score_and_explain_say_each_warning_once() {
    let folder = Folder::new();
    folder.file("p.yaml", MISTAKEN);
    let words =
        ["score", "p.yaml", "-s", "canary/clean-low-traffic", "-s", "canary/error-regression", "-n", "1"];
    let (_, err) = folder.expect(0, &words);
    for id in ["warning[page-only]", "warning[rate-above-traffic]"] {
        assert_eq!(err.matches(id).count(), 1, "{err}");
    }
    assert!(folder.expect(0, &[&words[..], &["-q"]].concat()).1.is_empty());
    let (out, _) = folder.expect(0, &["explain", "p.yaml"]);
    assert!(out.contains("What is most likely not meant") && out.contains("[page-only]"), "{out}");
    let (out, _) = folder.expect(0, &["list", "warnings"]);
    assert!(out.contains("threshold-above-buckets") && out.contains("horizon-before-rollout"), "{out}");
}

#[test]
fn what_is_bound_or_given_for_nothing_is_said() {
    let folder = Folder::new();
    folder.file("p.yaml", MISTAKEN);
    let words = ["lint", "p.yaml", "--bind", "http_requests_totl=errors", "--arg", "service=x"];
    let (out, _) = folder.expect(0, &words);
    assert!(out.contains("no query uses what `--bind http_requests_totl=...` binds"), "{out}");
    assert!(out.contains("did you mean `http_requests_total`?"), "{out}");
    assert!(out.contains("nothing asks for `--arg service=...`"), "{out}");
}

#[test]
fn a_query_that_means_nothing_is_refused_at_its_place() {
    let folder = Folder::new();
    folder.file("p.yaml", MISTAKEN.replace("role=\"candidate\"", "role=\"candidat\""));
    let (_, err) = folder.expect(10, &["score", "p.yaml", "-s", "canary/clean-low-traffic", "-n", "1"]);
    assert_eq!(err.matches("error[query-matches-nothing]").count(), 1, "{err}");
    assert!(
        err.contains("--> p.yaml:4:11")
            && err.contains("did you mean")
            && err.contains("--allow-missing-series"),
        "{err}"
    );
}
