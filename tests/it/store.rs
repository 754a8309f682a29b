//! Run stores: a study that is killed, starved of disk or interrupted goes on to the same bytes, and a store is read by
//! whoever has nothing else.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use backout::study::journal::{Journal, block};

use crate::cli::Folder;

const FILE: &str = "night/records.jsonl.gz";
/// A study that takes a while on one thread.
const LONG: [&str; 10] =
    ["score", "golden-signals", "-s", "canary/error-regression", "-n", "600", "--jobs", "1", "--seed", "5"];
/// The same, short.
const SHORT: [&str; 8] =
    ["score", "golden-signals", "-s", "canary/error-regression", "-n", "10", "--seed", "5"];

fn with<'w>(words: &[&'w str], more: &[&'w str]) -> Vec<&'w str> {
    [words, more].concat()
}

fn size(folder: &Folder) -> u64 {
    std::fs::metadata(folder.path().join(FILE)).map_or(0, |file| file.len())
}

/// Waits until the store is so large; says whether it became so before the child ended.
fn grown(folder: &Folder, child: &mut std::process::Child, to: u64) -> bool {
    let limit = Instant::now() + Duration::from_secs(300);
    while size(folder) < to {
        assert!(Instant::now() < limit, "the store does not grow");
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    true
}

fn start(folder: &Folder, words: &[&str]) -> std::process::Child {
    folder.command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn a_study_that_is_killed_five_times_gives_the_bytes_of_one_that_never_was() {
    let whole = Folder::new();
    let (expected, _) = whole.expect(0, &with(&LONG, &["--store", "night"]));
    let full = size(&whole);
    let folder = Folder::new();
    // Where the store is when it is hit: anywhere in or between blocks.
    for share in [0.01, 0.2, 0.37, 0.55, 0.8] {
        let mut child = start(&folder, &with(&LONG, &["--store", "night"]));
        assert!(grown(&folder, &mut child, (share * full as f64) as u64), "ended before {share}");
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().code(), None, "it was killed, at {share}");
        assert!(size(&folder) < full);
        folder.expect(12, &["report", "night"]);
    }
    let (resumed, said) = folder.expect(0, &with(&LONG, &["--store", "night"]));
    assert_eq!(resumed, expected);
    assert!(said.contains("of 600 replications: "), "{said}");
    assert_eq!(folder.expect(0, &["report", "night"]).0, expected);
    assert_eq!(folder.expect(0, &LONG).0, expected, "without a store");
}

#[test]
fn a_store_is_reported_to_the_bytes_of_the_score_in_every_form() {
    let folder = Folder::new();
    for format in ["text", "json", "markdown", "csv"] {
        let (plain, _) = folder.expect(0, &with(&SHORT, &["--format", format]));
        assert_eq!(folder.expect(0, &with(&SHORT, &["--store", "night", "--format", format])).0, plain);
        assert_eq!(folder.expect(0, &["report", "night", "--format", format]).0, plain, "{format}");
    }
}

#[test]
fn what_never_got_whole_is_played_again() {
    let folder = Folder::new();
    let kept = with(&SHORT, &["--store", "night"]);
    let (expected, _) = folder.expect(0, &kept);
    let bytes = std::fs::read(folder.path().join(FILE)).unwrap();
    for cut in [0, 7, 19, 20, 300, bytes.len() / 2, bytes.len() - 1] {
        folder.file(FILE, &bytes[..cut]);
        assert_eq!(folder.expect(0, &kept).0, expected, "cut at {cut}");
        // How records are put together in members depends on the clock, so sizes may differ; what they say may not.
        assert_eq!(folder.expect(0, &["report", "night"]).0, expected, "cut at {cut}");
    }
}

#[test]
fn a_full_disk_ends_the_run_and_loses_nothing() {
    let whole = Folder::new();
    let words = with(&LONG, &["--store", "night"]);
    let (expected, _) = whole.expect(0, &words);
    let folder = Folder::new();
    let blocks = (size(&whole) / 2 / 512).to_string();
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f \"$0\"; exec \"$@\"", &blocks]);
    command
        .arg(env!("CARGO_BIN_EXE_backout"))
        .args(&words)
        .current_dir(folder.path())
        .env("BACKOUT_JOBS", "1");
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(30), "{said}");
    assert!(said.contains("the same command goes on from there"), "{said}");
    let before = size(&folder);
    assert!(before > 0 && output.stdout.is_empty());
    let (resumed, said) = folder.expect(0, &words);
    assert_eq!(resumed, expected);
    assert!(!said.contains("has 0 of 600"), "something was kept: {said}");
}

#[test]
fn an_interrupted_run_says_how_to_go_on() {
    let folder = Folder::new();
    let words = with(&LONG, &["--store", "night"]);
    let mut child = start(&folder, &words);
    assert!(grown(&folder, &mut child, 1), "ended too early");
    // The header is written before anybody listens for signals; records only after.
    let header = size(&folder);
    assert!(grown(&folder, &mut child, header + 1), "ended too early");
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("of 600 replications are kept in `night`"), "{said}");
    let again = "backout score golden-signals -s canary/error-regression -n 600 --seed 5 --store night";
    assert!(said.contains(again), "{said}");
    folder.expect(0, &words);
}

#[test]
fn one_process_at_a_time_writes() {
    let folder = Folder::new();
    let kept = with(&SHORT, &["--store", "night"]);
    folder.expect(0, &kept);
    let held = OpenOptions::new().read(true).write(true).open(folder.path().join(FILE)).unwrap();
    held.lock().unwrap();
    for words in [&kept[..], &["report", "night"]] {
        let (out, said) = folder.expect(13, words);
        assert!(out.is_empty() && said.contains("`night` is in use by another process"), "{said}");
    }
    held.unlock().unwrap();
    held.lock_shared().unwrap();
    folder.expect(0, &["report", "night"]);
    folder.expect(13, &kept);
    drop(held);
    folder.expect(0, &kept);
}

#[test]
fn another_study_is_refused_and_told_apart() {
    let folder = Folder::new();
    folder.file("mine.yaml", POLICY);
    let study = ["score", "mine.yaml", "-s", "canary/error-regression", "-n", "3", "--store", "night"];
    folder.expect(0, &with(&study, &["--seed", "5"]));
    let (_, said) = folder.expect(10, &with(&study, &["--seed", "6", "--rollout", "scenario"]));
    assert!(said.contains("`night` is the run store of another study"), "{said}");
    assert!(said.contains("seed: 5 there, 6 here"), "{said}");
    assert!(said.contains("--rollout: file there, scenario here"), "{said}");
    folder.file("mine.yaml", POLICY.replace("0.10", "0.20"));
    let (_, said) = folder.expect(10, &with(&study, &["--seed", "5"]));
    assert!(said.contains("policy `mine.yaml`: its text, from line 4 on"), "{said}");
    // The report needs nothing but the store.
    std::fs::remove_file(folder.path().join("mine.yaml")).unwrap();
    folder.expect(0, &["report", "night"]);
}

#[test]
fn files_that_are_no_store_are_named() {
    let folder = Folder::new();
    let kept = with(&SHORT, &["--store", "night"]);
    folder.expect(0, &kept);
    let bytes = std::fs::read(folder.path().join(FILE)).unwrap();
    let mut journal = Journal::new(&bytes[..]);
    let header = String::from_utf8(journal.next_block().unwrap().unwrap()).unwrap();
    let ends = journal.whole() as usize;
    let both = |words: &[&str], reason: &str| {
        for words in [words, &["report", "night"]] {
            let (out, said) = folder.expect(10, words);
            assert!(out.is_empty() && said.contains(reason), "{said}");
        }
    };
    folder.file(FILE, "hello, this is no journal at all");
    both(&kept, "`night/records.jsonl.gz` is no file of this program");
    let mut broken = bytes.clone();
    broken[ends / 2] ^= 1;
    folder.file(FILE, &broken);
    both(&kept, "`night/records.jsonl.gz` is no file of this program");
    let newer = header.replacen("\"format\":1", "\"format\":2", 1);
    folder.file(FILE, block(newer.as_bytes()).unwrap());
    both(&kept, "has format 2, this program knows 1");
    let other = header.replacen("run_store", "shard", 1);
    folder.file(FILE, block(other.as_bytes()).unwrap());
    both(&kept, "is a shard, not a run store");
    let mut file = File::create(folder.path().join(FILE)).unwrap();
    file.write_all(&bytes[..ends]).unwrap();
    file.write_all(&block(b"{\"record\":{}}\n").unwrap()).unwrap();
    both(&kept, "holds what it should not, in the block at byte");
    let mut damaged = bytes.clone();
    damaged[ends + 40] ^= 1;
    damaged.extend(block(b"").unwrap());
    folder.file(FILE, &damaged);
    both(&kept, &format!("is damaged at byte {ends}"));
    folder.file("other.txt", "something else");
    let (_, said) = folder.expect(10, &with(&SHORT, &["--store", "."]));
    assert!(said.contains("holds other files and no run store"), "{said}");
    folder.expect(10, &["report", "nowhere"]);
}

pub const POLICY: &str = r#"format: 1
triggers:
  - name: five_xx
    expr: sum(rate(http_requests_total{role="candidate",code=~"5.."}[1m])) / sum(rate(http_requests_total{role="candidate"}[1m])) > 0.10
    for: 1m
    then: roll_back
"#;
