//! Tuning: other people's files get better numbers or a reason why none are, and nothing but numbers changes in them.

use std::num::NonZeroUsize;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use backout::diagnostic::Source;
use backout::import::knobs::{self, Knob};
use backout::import::{ImportOptions, SourceText, load};
use backout::quantity::Rate;
use backout::replication::prepared::PrepareOptions;
use backout::scenario::quick::{FAMILY, Quick};
use backout::scenario::{self, Scenario};
use backout::score::CostWeights;
use backout::study::tune::answer::{Answer, Better};
use backout::study::tune::{Measure, Question};
use backout::study::{Progress, Replications, scenario_meta};

use crate::shared;

/// Two requests in a hundred fail whoever is released, now more and now less, and a bad release fails a quarter and more
/// of its own: there is room for a limit between the two.
const NOISY: &str = "format: 1
summary: A service with a high and restless error ratio.
warm_up: 10m
horizon: 45m
services:
  web: {replicas: 10, concurrency: 64, service_time: {lognormal: {p50: 20ms, p99: 120ms}}, error_ratio: 2%,
        error_noise: {tau: 5m, cv: 0.3, shared: 80%}}
traffic: [ {to: web, rate: 300/s, users: 20000} ]
rollouts:
  - service: web
    strategy: {canary: {steps: [ {weight: 20%, bake: 10m}, {weight: 50%, bake: 10m} ]}}
change: { bad: 10%, faults: [ {error_burst: {share: {uniform: [25%, 50%]}, after: {uniform: [0s, 5m]}}} ] }
telemetry: { scrape: 15s, lag: 2s }
slo: { availability: 90%, latency: {p99: 400ms} }
";

fn noisy() -> Arc<Scenario> {
    Arc::new(scenario::read("test/noisy", Source::new("noisy.yaml", NOISY)).unwrap().scenario)
}

/// A middling service whose bad releases fail 1 to 10 % of their requests, as `--rate 300/s` makes it.
fn middling() -> Arc<Scenario> {
    let quick = Quick { rate: Rate::per_second(300.0).unwrap(), ..Quick::default() };
    let text = quick.text(&FAMILY[0]);
    Arc::new(scenario::read("quick/errors", Source::new("numbers", &text)).unwrap().scenario)
}

/// Tunes the only policy of a text.
fn tuned(
    name: &str,
    text: &str,
    options: &ImportOptions,
    (world, jobs): (Arc<Scenario>, usize),
) -> (Answer, Vec<Knob>) {
    let sources = [SourceText { name, text }];
    let knobs: Vec<Knob> = knobs::find(&sources).unwrap().into_iter().filter(|knob| knob.usual).collect();
    let policy = load(&sources, options).unwrap().remove(0).name;
    let scenarios = [world];
    let metas = [scenario_meta(&scenarios[0], "noisy.yaml")];
    let question = Question {
        sources: &sources,
        options,
        policy: &policy,
        knobs: &knobs,
        scenarios: &scenarios,
        metas: &metas,
        seed: 7,
        variants: 96,
        replications: Replications { flow: 48, request: 1 },
        jobs: NonZeroUsize::new(jobs).unwrap(),
        prepare: PrepareOptions { allow_missing: true, scenario_rollout: false },
        goals: &[],
        minimise: Measure::Cost,
        weights: CostWeights::default(),
    };
    (question.answer(&Progress::default()).unwrap(), knobs)
}

/// The text with every number and duration as `#`.
fn without_numbers(text: &str) -> String {
    let number = regex::Regex::new(r"(\d+(\.\d+)?(ms|h|m|s)?)+").unwrap();
    number.replace_all(text, "#").into_owned()
}

/// Whether one is better as the answer says: by intervals that are apart.
fn check_claim(answer: &Answer) -> bool {
    let old = &answer.rows[0].figures;
    match &answer.better {
        Better::Apart { row } => {
            let new = &answer.rows[*row].figures;
            for measure in [Measure::DetectionTime, Measure::FalseRollbackRate] {
                let (new, old) = (new.get(measure), old.get(measure));
                assert!(new.high.unwrap() < old.low.unwrap(), "{measure:?}: {new:?} is not below {old:?}");
            }
            true
        }
        Better::Paired { row } => {
            let less = answer.rows[*row].differences.as_ref().unwrap();
            assert!(less.detection_time.high.unwrap() < 0.0 && less.false_rollback_rate.high.unwrap() < 0.0);
            true
        }
        Better::None { reason } => {
            assert!(!reason.is_empty());
            false
        }
    }
}

/// Every variant of the table is a file that loads and differs in its numbers only.
fn check_files(name: &str, text: &str, options: &ImportOptions, answer: &Answer, knobs: &[Knob]) {
    let sources = [SourceText { name, text }];
    for row in &answer.rows {
        let new = knobs::edited(&sources, knobs, &row.values).remove(0);
        assert_eq!(new == text, row.changes.is_empty());
        assert_eq!(without_numbers(&new), without_numbers(text));
        let again = [SourceText { name, text: &new }];
        load(&again, options).unwrap_or_else(|found| panic!("{name}: {}", found[0].render(false)));
    }
}

/// Files, what is said beside them, their world, and whether a better variant must be found: Flagger's file counts up to ten
/// failed checks, of which noise makes some and small errors too few.
#[test]
fn files_of_other_people_get_better_or_a_reason() {
    let Some(shared) = shared::folder() else { return };
    let mut argo = ImportOptions { allow_missing: true, ..ImportOptions::default() };
    argo.args.insert("service-name".to_owned(), "web".to_owned());
    let mut rules = ImportOptions { allow_missing: true, ..ImportOptions::default() };
    rules.alerts.push("IstioHigh5xxErrorRate=roll_back".parse().unwrap());
    let flagger = ImportOptions { allow_missing: true, ..ImportOptions::default() };
    for (file, options, (world, sure)) in [
        ("flagger-01-istio-canary.yaml", &flagger, (middling(), true)),
        ("argo-07-docs-success-rate-istio.yaml", &argo, (noisy(), false)),
        ("prom-01-istio-alerts.yml", &rules, (noisy(), false)),
    ] {
        let text = std::fs::read_to_string(shared.join("policies").join(file)).unwrap();
        let (answer, knobs) = tuned(file, &text, options, (world, 2));
        println!(
            "{file}: {:?}\n{:#?}",
            answer.better,
            answer.rows.get(answer.recommended).map(|row| &row.changes)
        );
        let is_better = check_claim(&answer);
        assert!(is_better || !sure, "{file}: {:?}", answer.better);
        check_files(file, &text, options, &answer, &knobs);
    }
}

const TRIGGER: &str = "# Ours.
format: 1
triggers:
  - name: errors   # of the candidate
    expr: |
      sum(rate(http_requests_total{role=\"candidate\",code=~\"5..\"}[1m]))
        / sum(rate(http_requests_total{role=\"candidate\"}[1m])) > 0.02   # two in a hundred
    for: &wait 2m
    every: 15s
  - name: slow
    expr: histogram_quantile(0.9, sum by (le) (rate(http_request_duration_seconds_bucket{role=\"candidate\"}[5m]))) > 30
    for: *wait
";

#[test]
fn the_number_of_threads_changes_nothing_and_idle_numbers_stay() {
    let options = ImportOptions::default();
    let (one, knobs) = tuned("ours.yaml", TRIGGER, &options, (noisy(), 1));
    let (two, _) = tuned("ours.yaml", TRIGGER, &options, (noisy(), 2));
    assert_eq!(one, two);
    check_claim(&one);
    check_files("ours.yaml", TRIGGER, &options, &one, &knobs);
    // Nothing in this world takes seconds: half a minute is never reached, however it is turned within its range.
    let recommended = &one.rows[one.recommended];
    assert!(one.recommended > 0, "2 % is below what is normal here: {:?}", one.rows[0].figures);
    let idle = |path: &str| path.starts_with("triggers[slow]");
    assert!(recommended.changes.iter().all(|change| !idle(&change.path)), "{:?}", recommended.changes);
}

fn run(folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_backout"));
    command.args(words).current_dir(folder).env_clear().stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_command_lists_shows_and_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ours.yaml");
    std::fs::write(&path, TRIGGER).unwrap();
    std::fs::write(folder.path().join("noisy.yaml"), NOISY).unwrap();

    let list = run(
        folder.path(),
        &["tune", "ours.yaml", "--list", "--tune", "expr.threshold=0.05..0.2", "--keep", "every"],
    );
    assert_eq!(list.status.code(), Some(0), "{}", text(&list.stderr));
    let list = text(&list.stdout);
    let line = |path: &str| list.lines().find(|line| line.starts_with(path)).unwrap_or_default().to_owned();
    assert!(line("triggers[errors].expr.threshold").contains("0.05 .. 0.2"), "{list}");
    assert!(line("triggers[errors].every").contains(" - "), "{list}");

    let words = [
        "tune",
        "ours.yaml",
        "--scenario",
        "noisy.yaml",
        "--variants",
        "12",
        "-n",
        "16",
        "--jobs",
        "2",
        "--tune",
        "triggers[errors].expr.threshold=0.05..0.2",
    ];
    let shown = run(folder.path(), &words);
    assert_eq!(shown.status.code(), Some(0), "{}", text(&shown.stderr));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), TRIGGER);
    let written = run(folder.path(), &[&words[..], &["--write"]].concat());
    assert_eq!(written.status.code(), Some(0), "{}", text(&written.stderr));
    let diff =
        |output: &Output| text(&output.stdout).split_once("\n--- ").map(|(_, diff)| diff.to_owned()).unwrap();
    assert_eq!(diff(&written), diff(&shown));
    let new = std::fs::read_to_string(&path).unwrap();
    assert!(new != TRIGGER && without_numbers(&new) == without_numbers(TRIGGER), "{new}");
    for line in diff(&shown).lines().filter(|line| line.starts_with('+') && !line.starts_with("+++")) {
        assert!(new.contains(&line[1..]), "{line}");
    }

    let json = run(folder.path(), &[&words[..], &["--format", "json", "--out-dir", "tuned"]].concat());
    let value: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(value["answer"]["rows"][0]["variant"], 0);
    assert!(folder.path().join("tuned/ours.yaml").is_file());
}

#[test]
fn the_command_refuses_what_it_cannot_do() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ours.yaml"), TRIGGER).unwrap();
    for (words, fact) in [
        (&["tune", "-", "--write"][..], "no numbers in these files"),
        (&["tune", "golden-signals", "--write"][..], "is no file that could be written"),
        (&["tune", "ours.yaml", "--tune", "evry=1s..2s"][..], "names no number of these files"),
        (&["tune", "ours.yaml", "--tune", "every=1..2"][..], "is not written as"),
        (&["tune", "ours.yaml", "--where", "speed < 1"][..], "is no figure"),
        (&["tune", "ours.yaml", "--minimise", "speed"][..], "is no figure"),
        (&["tune", "ours.yaml", "--only"][..], "no number is left"),
        (&["tune", "ours.yaml", "--policy", "other"][..], "no policy is called"),
    ] {
        let output = run(folder.path(), words);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {said}");
        assert!(said.contains(fact), "{words:?}: {said}");
    }
}
