//! Policy files: our own ones in full, other people's as they lie in the shared folder.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use backout::import::{ImportOptions, SourceText, load};
use backout::policy::loaded::Loaded;

use crate::shared;

fn read(paths: &[PathBuf]) -> Result<Vec<Loaded>, String> {
    let texts: Vec<(String, String)> = paths
        .iter()
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    let sources: Vec<SourceText<'_>> = texts.iter().map(|(name, text)| SourceText { name, text }).collect();
    load(&sources, &ImportOptions::default())
        .map_err(|found| found.iter().map(|d| d.render(false)).collect::<Vec<_>>().join("\n\n"))
}

/// Everything a report says about policies, as text.
fn told(loaded: &[Loaded]) -> String {
    let mut out = String::new();
    for policy in loaded {
        writeln!(out, "== {} [{}] {} ({})", policy.name, policy.engine.name(), policy.summary, policy.identity).unwrap();
        for line in &policy.reading {
            writeln!(out, "{line}").unwrap();
        }
        for check in &policy.checks {
            writeln!(out, "check {} (line {}): {} {:?}", check.name, check.line, check.good, check.limits).unwrap();
        }
        for query in &policy.queries {
            let text: Vec<&str> = query.text.split_whitespace().collect();
            writeln!(out, "query (line {}): {}", query.line, text.join(" ")).unwrap();
        }
        for stand_in in &policy.stand_ins {
            writeln!(out, "stand-in (line {}): {} -> {}", stand_in.line, stand_in.what, stand_in.setting).unwrap();
        }
        for unsupported in &policy.unsupported {
            writeln!(out, "unsupported (line {}): {}: {}", unsupported.line, unsupported.path, unsupported.note).unwrap();
        }
        if let Some(rollout) = &policy.rollout {
            writeln!(out, "rollout: {}", serde_json::to_string(rollout).unwrap()).unwrap();
        }
        if let Some(rollback) = &policy.rollback {
            writeln!(out, "rollback: {}", serde_json::to_string(rollback).unwrap()).unwrap();
        }
    }
    out
}

fn own(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/policies").join(name)
}

#[test]
fn show() {
    let Some(shared) = shared::folder() else { return };
    let mut files: Vec<PathBuf> = std::fs::read_dir(shared.join("policies")).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    let sets: Vec<Vec<PathBuf>> = files.iter().map(|f| vec![f.clone()]).collect();
    for set in sets {
        let name = set[0].file_name().unwrap().to_string_lossy().into_owned();
        if !(name.starts_with("argo") || name.starts_with("flagger")) { continue; }
        println!("######## {name}");
        match read(&set) { Ok(l) => println!("{}", told(&l)), Err(e) => println!("ERR {e}") }
    }
    for pair in [["flagger-04-gitops-istio-frontend-canary.yaml", "flagger-05-gitops-istio-metric-templates.yaml"], ["argo-09-lab-success-rate-p95.yaml", "argo-10-lab-rollout-alb-anchors.yaml"]] {
        let set: Vec<PathBuf> = pair.iter().map(|p| shared.join("policies").join(p)).collect();
        println!("######## {pair:?}");
        match read(&set) { Ok(l) => println!("{}", told(&l)), Err(e) => println!("ERR {e}") }
    }
    let _ = own("x");
}
