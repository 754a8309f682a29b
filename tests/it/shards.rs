//! Plans, shards and their merger: many machines give the bytes of one.

use backout::study::journal::{Journal, block};

use crate::cli::Folder;
use crate::store::POLICY;

const STUDY: [&str; 9] = [
    "mine.yaml",
    "golden-signals",
    "-s",
    "canary/error-regression",
    "-s",
    "fault/crash-loop",
    "-n",
    "5",
    "--seed=9",
];

fn with<'w>(first: &'w str, words: &[&'w str], more: &[&'w str]) -> Vec<&'w str> {
    [&[first], words, more].concat()
}

/// A folder with a plan of so many shards in it, and nothing of what it was made of.
fn planned(shards: &str) -> Folder {
    let folder = Folder::new();
    folder.file("mine.yaml", POLICY);
    let (_, said) = folder.expect(0, &with("plan", &STUDY, &["--shards", shards, "--out", "plan.json"]));
    assert!(said.contains("10 replications, about 0.0") && said.contains("core-hours"), "{said}");
    std::fs::remove_file(folder.path().join("mine.yaml")).unwrap();
    folder
}

fn work(folder: &Folder, shard: u32) -> String {
    let name = format!("shard-{shard}.bin");
    folder.expect(0, &["work", "plan.json", "--shard", &shard.to_string(), "--out", &name]);
    name
}

#[test]
fn one_two_and_seven_shards_give_the_bytes_of_one_machine() {
    let alone = Folder::new();
    alone.file("mine.yaml", POLICY);
    for shards in [1, 2, 7] {
        let folder = planned(&shards.to_string());
        // In any order: here backwards.
        let names: Vec<String> = (0..shards).rev().map(|shard| work(&folder, shard)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for format in ["text", "json"] {
            let merged =
                folder.expect(0, &[&["merge", "plan.json", "--format", format], &names[..]].concat()).0;
            let expected = alone.expect(0, &with("score", &STUDY, &["--format", format])).0;
            assert_eq!(merged, expected, "{shards} shards, {format}");
        }
    }
}

#[test]
fn a_plan_is_a_function_of_the_study() {
    let (first, second) = (planned("3"), planned("3"));
    assert_eq!(first.read("plan.json"), second.read("plan.json"));
    let bytes = |folder: &Folder| std::fs::read(folder.path().join(work(folder, 1))).unwrap();
    assert_eq!(bytes(&first), bytes(&second));
}

#[test]
fn missing_shards_are_named_and_the_same_twice_is_once() {
    let folder = planned("4");
    let (zero, three) = (work(&folder, 0), work(&folder, 3));
    std::fs::copy(folder.path().join(&zero), folder.path().join("copy.bin")).unwrap();
    let (out, said) = folder.expect(12, &["merge", "plan.json", &zero, &three, "copy.bin"]);
    assert!(out.is_empty() && said.contains("2 of 4 shards are missing: 1-2"), "{said}");
    assert!(said.contains("`backout work plan.json --shard 1` plays the first of them"), "{said}");
    let (one, two) = (work(&folder, 1), work(&folder, 2));
    folder.expect(0, &["merge", "plan.json", &zero, &one, &two, &three, "copy.bin"]);
}

#[test]
fn a_shard_that_is_there_is_kept() {
    let folder = planned("2");
    let name = work(&folder, 0);
    let path = folder.path().join(&name);
    let before = std::fs::metadata(&path).unwrap().modified().unwrap();
    let (_, said) = folder.expect(0, &["work", "plan.json", "--shard", "0"]);
    assert!(said.contains("`shard-0.bin` is there and whole: nothing to do"), "{said}");
    assert_eq!(std::fs::metadata(&path).unwrap().modified().unwrap(), before);
    let (_, said) = folder.expect(10, &["work", "plan.json", "--shard", "1", "--out", &name]);
    assert!(said.contains("`shard-0.bin` is shard 0, not 1"), "{said}");
    let (_, said) = folder.expect(2, &["work", "plan.json", "--shard", "2"]);
    assert!(said.contains("there is no shard 2: the plan has 2"), "{said}");
    // A queue says it by the environment.
    let status = folder.command(&["work", "plan.json"]).env("JOB_COMPLETION_INDEX", "1").status().unwrap();
    assert!(status.success() && folder.path().join("shard-1.bin").exists());
    let left: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".part"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn foreign_damaged_and_contradicting_shards_are_refused() {
    let folder = planned("2");
    let (zero, one) = (work(&folder, 0), work(&folder, 1));
    let bytes = std::fs::read(folder.path().join(&zero)).unwrap();
    let refused = |words: &[&str], reason: &str| {
        let (out, said) = folder.expect(10, words);
        assert!(out.is_empty() && said.contains(reason), "{said}");
    };
    let other = planned("3");
    std::fs::copy(other.path().join(work(&other, 0)), folder.path().join("other.bin")).unwrap();
    refused(&["merge", "plan.json", "other.bin", &one], "`other.bin` is a shard of another plan");
    for cut in [10, bytes.len() / 2, bytes.len() - 1] {
        folder.file("cut.bin", &bytes[..cut]);
        refused(&["merge", "plan.json", "cut.bin", &one], "`cut.bin` is not whole");
    }
    // A machine that computes something else, with everything else in order.
    let mut journal = Journal::new(&bytes[..]);
    let mut forged = Vec::new();
    while let Some(lines) = journal.next_block().unwrap() {
        let lines = String::from_utf8(lines).unwrap();
        forged.extend(block(lines.replace("\"mean_rate\":", "\"mean_rate\":1").as_bytes()).unwrap());
    }
    folder.file("forged.bin", forged);
    refused(&["merge", "plan.json", &zero, "forged.bin", &one], "are both shard 0 and differ");
    refused(&["merge", "plan.json", "plan.json"], "`plan.json` is no file of this program");
    refused(&["merge", &zero, &one], "`shard-0.bin` is no plan");
    folder.file("changed.json", folder.read("plan.json").replace("> 0.10", "> 0.11"));
    refused(&["work", "changed.json", "--shard", "0"], "`changed.json` was changed after it was made");
    let newer = folder.read("plan.json").replacen("\"format\": 1", "\"format\": 2", 1);
    folder.file("newer.json", newer);
    refused(&["work", "newer.json", "--shard", "0"], "`newer.json` has format 2, this program knows 1");
}

#[test]
fn the_manifest_is_yaml_and_holds_the_plan() {
    let folder = planned("5");
    folder.file("mine.yaml", POLICY);
    let words =
        with("plan", &STUDY, &["--shards", "5", "--no-estimate", "--kubernetes", "registry/backout:1"]);
    let (manifest, _) = folder.expect(0, &words);
    let parts: Vec<serde_json::Value> = manifest
        .split("---\n")
        .map(|part| backout::document::parse_typed("manifest", part).unwrap())
        .collect();
    let plan = parts[0]["data"]["plan.json"].as_str().unwrap();
    let plan: serde_json::Value = serde_json::from_str(plan).unwrap();
    let written: serde_json::Value = serde_json::from_str(&folder.read("plan.json")).unwrap();
    assert_eq!(plan, written);
    let job = &parts[2]["spec"];
    assert_eq!((&job["completionMode"], &job["completions"]), (&"Indexed".into(), &5.into()));
    assert_eq!(job["template"]["spec"]["restartPolicy"], "Never");
    assert_eq!(job["template"]["spec"]["containers"][0]["image"], "registry/backout:1");
    assert_eq!(job["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"], serde_json::json!([2, 10]));
}
