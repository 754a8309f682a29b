//! Gates and comparisons as a pipeline meets them: the real binary, exit codes, reports that validate.

use std::path::Path;
use std::process::Command;

use roxmltree::{Document, Node};
use serde_json::Value;

use crate::shared;

/// A trigger on the candidate's error ratio, with this threshold; the service fails 0.1 % of its requests when well.
fn policy(threshold: &str, comment: &str) -> String {
    format!(
        "# {comment}\nformat: 1\ntriggers:\n  - name: five_xx\n    expr: sum(rate(http_requests_total{{role=\"candidate\",code=~\"5..\"}}[1m])) / \
         sum(rate(http_requests_total{{role=\"candidate\"}}[1m])) > {threshold}\n    for: 30s\n    then: roll_back\n"
    )
}

const GATE: &str = "\
format: 1
summary: Bad releases are found, good ones are left alone.
clauses:
  - false_rollback_rate <= 20% at 95%
  - {clause: missed_rate <= 20% vs base at 95%, scenarios: \"canary/*\"}
";

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Folder(tempfile::tempdir().unwrap());
        folder.file("old.yaml", &policy("0.01", "as it is"));
        folder.file("same.yaml", &policy("0.0101", "a hair apart, and a comment"));
        // The bad release fails a few percent: half of all requests failing is a threshold that never fires.
        folder.file("loose.yaml", &policy("0.5", "loosened"));
        folder.file("gate.yaml", GATE);
        folder
    }

    fn file(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).unwrap();
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Runs, expects this exit code, gives stdout.
    #[track_caller]
    fn expect(&self, code: i32, words: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_backout"));
        let output = command.args(words).current_dir(self.path()).env_clear().output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{words:?}\nstdout: {out}\nstderr: {err}");
        out.into_owned()
    }
}

/// The worlds of these tests: a service in numbers, so that all three kinds of trouble are played.
const WORLD: [&str; 6] = ["--rate", "300/s", "--errors", "0.1%", "--as-of", "2026-11-21"];

fn gate<'w>(words: &[&'w str]) -> Vec<&'w str> {
    ["gate", "gate.yaml"].into_iter().chain(words.iter().copied()).chain(WORLD).collect()
}

#[test]
fn a_loosened_threshold_fails_and_is_named_and_a_harmless_change_passes() {
    let folder = Folder::new();
    let words = ["--scenario", "canary/error-regression", "-n", "60", "--base", "old.yaml"];
    let same = folder.expect(0, &[&["gate", "gate.yaml", "same.yaml"][..], &words, &WORLD[4..]].concat());
    assert!(same.contains("0 failed, 0 inconclusive, 2 passed"), "{same}");
    let loose =
        folder.expect(20, &[&["gate", "gate.yaml", "loose.yaml", "--why"][..], &words, &WORLD[4..]].concat());
    assert!(loose.contains("fail         missed_rate <= 20% vs base at 95%"), "{loose}");
    // The figure, the scenario, and how to see it.
    assert!(loose.contains("canary/error-regression") && loose.contains("the difference is +"), "{loose}");
    assert!(loose.contains("backout run canary/error-regression loose.yaml"), "{loose}");
}

#[test]
fn what_cannot_be_decided_exits_21() {
    let folder = Folder::new();
    // Two replications bound no share below a third: one of 0 in 2 may still be 84 % (Clopper and Pearson).
    folder.file(
        "gate.yaml",
        "format: 1\nclauses:\n  - false_rollback_rate <= 1% at 95%\n  - days_since_drill <= 90d\n",
    );
    let text = folder.expect(21, &gate(&["old.yaml", "-n", "2"]));
    assert!(text.contains("inconclusive false_rollback_rate"), "{text}");
    assert!(text.contains("no drill is known"), "{text}");
    folder.file("drills.jsonl", "{\"date\": \"2026-11-01\", \"outcome\": \"passed\"}\n");
    let text = folder.expect(21, &gate(&["old.yaml", "-n", "2", "--drill-history", "drills.jsonl"]));
    assert!(text.contains("last drill 2026-11-01") && text.contains("20 days ago"), "{text}");
}

#[test]
fn mistakes_in_gates_are_placed() {
    let folder = Folder::new();
    folder.file("gate.yaml", "format: 1\nclauses:\n  - mised_rate < 5%\n");
    folder.expect(10, &gate(&["old.yaml"]));
    folder.file("gate.yaml", "format: 1\nclauses:\n  - missed_rate < 5% vs base\n");
    folder.expect(10, &gate(&["old.yaml"]));
    folder.expect(10, &["gate", "rollback-gaols", "old.yaml"]);
    folder.expect(2, &["gate", "rollback-goals", "old.yaml", "--as-of", "tomorrow"]);
}

#[test]
fn reports_validate() {
    let folder = Folder::new();
    folder.file(
        "gate.yaml",
        "format: 1\nclauses:\n  - missed_rate <= 1%\n  - false_rollback_rate <= 1% at 95%\n  - cost >= 0\n",
    );
    let run = |format: &str| {
        let args = ["loose.yaml", "-n", "3", "--format", format, "--summary", "summary.md"];
        folder.expect(20, &gate(&args))
    };
    let (xml, sarif, annotations) = (run("junit"), run("sarif"), run("github"));
    assert!(annotations.starts_with("::error file=gate.yaml,line=3,col=5"), "{annotations}");
    let summary = std::fs::read_to_string(folder.path().join("summary.md")).unwrap();
    assert_eq!(summary.matches("### backout gate").count(), 3, "each run adds to the summary");
    let Some(shared) = shared::folder() else { return };
    let schemas = shared.join("conformance/schemas");
    let schema: Value =
        serde_json::from_str(&std::fs::read_to_string(schemas.join("sarif-2.1.0.json")).unwrap()).unwrap();
    let log: Value = serde_json::from_str(&sarif).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let wrong: Vec<String> = validator.iter_errors(&log).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    let xsd = std::fs::read_to_string(schemas.join("junit.xsd")).unwrap();
    let xsd = Document::parse(&xsd).unwrap();
    check(Document::parse(&xml).unwrap().root_element(), declared(&xsd, "testsuites"));
}

/// Elements and attributes that a declaration of the schema allows, with whether they are required.
#[derive(Default)]
struct Declared<'x> {
    children: Vec<(Node<'x, 'x>, bool)>,
    attributes: Vec<(&'x str, bool)>,
}

fn declared<'x>(xsd: &'x Document<'x>, name: &str) -> Node<'x, 'x> {
    let own =
        |node: &Node<'_, '_>| node.tag_name().name() == "element" && node.attribute("name") == Some(name);
    xsd.root_element().children().find(own).unwrap()
}

/// Walks a declaration, into the types it extends and not into its children.
fn collect<'x>(node: Node<'x, 'x>, xsd: &'x Document<'x>, optional: bool, found: &mut Declared<'x>) {
    for child in node.children().filter(Node::is_element) {
        match child.tag_name().name() {
            "element" => {
                let needed = !optional && child.attribute("minOccurs") != Some("0");
                found.children.push((child, needed));
            }
            "attribute" => {
                found
                    .attributes
                    .push((child.attribute("name").unwrap(), child.attribute("use") == Some("required")));
            }
            kind => {
                if let Some(base) = child.attribute("base").filter(|_| kind == "extension") {
                    let named = |n: &Node<'_, '_>| {
                        n.tag_name().name() == "complexType" && n.attribute("name") == Some(base)
                    };
                    if let Some(base) = xsd.root_element().children().find(named) {
                        collect(base, xsd, optional, found);
                    }
                }
                collect(child, xsd, optional || kind == "choice", found);
            }
        }
    }
}

/// Holds an element against its declaration: attributes, required ones, children in the order of the schema.
fn check(element: Node<'_, '_>, declaration: Node<'_, '_>) {
    let name = element.tag_name().name();
    let mut allowed = Declared::default();
    collect(declaration, declaration.document(), false, &mut allowed);
    for attribute in element.attributes() {
        assert!(
            allowed.attributes.iter().any(|(known, _)| *known == attribute.name()),
            "{name} has no {}",
            attribute.name()
        );
    }
    for (attribute, _) in allowed.attributes.iter().filter(|(_, required)| *required) {
        assert!(element.has_attribute(*attribute), "{name} needs {attribute}");
    }
    let position = |child: &Node<'_, '_>| {
        let is = |(known, _): &(Node<'_, '_>, bool)| known.attribute("name") == Some(child.tag_name().name());
        allowed
            .children
            .iter()
            .position(is)
            .unwrap_or_else(|| panic!("{name} has no {}", child.tag_name().name()))
    };
    let children: Vec<Node<'_, '_>> = element.children().filter(Node::is_element).collect();
    let order: Vec<usize> = children.iter().map(position).collect();
    assert!(order.is_sorted(), "{name}: children are out of order");
    for (at, (needed, required)) in allowed.children.iter().enumerate() {
        assert!(!required || order.contains(&at), "{name} needs {:?}", needed.attribute("name"));
    }
    for (child, at) in children.iter().zip(&order) {
        check(*child, allowed.children[*at].0);
    }
}

#[test]
fn the_check_against_the_schema_finds_what_is_wrong() {
    let Some(shared) = shared::folder() else { return };
    let xsd = std::fs::read_to_string(shared.join("conformance/schemas/junit.xsd")).unwrap();
    let xsd = Document::parse(&xsd).unwrap();
    for wrong in [
        "<testsuites><testsuite/></testsuites>",
        "<testsuites><suite/></testsuites>",
        "<testsuites name=\"x\"/>",
    ] {
        let document = Document::parse(wrong).unwrap();
        let held = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            check(document.root_element(), declared(&xsd, "testsuites"));
        }));
        assert!(held.is_err(), "{wrong}");
    }
}

#[test]
fn two_versions_of_a_file_are_compared_in_the_same_worlds() {
    let folder = Folder::new();
    let words = ["--scenario", "canary/error-regression", "-n", "40"];
    let json = |new: &str| -> Value {
        let out = folder.expect(0, &[&["compare", "old.yaml", new, "--format", "json"][..], &words].concat());
        serde_json::from_str(&out).unwrap()
    };
    // The same file: not one world differs.
    let same = json("old.yaml");
    assert_eq!(same["comparisons"][0]["disagreements"]["total"], 0);
    assert_eq!(same["comparisons"][0]["overall"]["within_noise"], 1);
    // One that never fires misses what the other finds.
    let loose = json("loose.yaml");
    let one = &loose["comparisons"][0];
    assert_eq!(one["overall"]["better"], 0, "{one}");
    assert_eq!(one["overall"]["worse"].as_u64().unwrap() + one["overall"]["mixed"].as_u64().unwrap(), 1);
    let missed = one["figures"].as_array().unwrap().iter().find(|f| f["figure"] == "missed_rate").unwrap();
    assert_eq!(missed["standing"], "worse");
    let first = &one["disagreements"]["listed"][0];
    assert!(first["base"].is_object() && first["new"].is_null(), "{first}");
    assert!(
        loose["replays"][0][1]
            .as_str()
            .unwrap()
            .starts_with("backout run canary/error-regression loose.yaml")
    );
    let text = folder.expect(0, &[&["compare", "old.yaml", "loose.yaml"][..], &words].concat());
    assert!(text.contains("they disagreed in") && text.contains("decided nothing"), "{text}");
}
