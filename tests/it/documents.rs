//! Real files of other people through the door for YAML and JSON.

use std::fs;
use std::path::{Path, PathBuf};

use backout::document::{NodeValue, decode, parse_documents};

use crate::shared;

fn texts_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|e| ["yaml", "yml", "json"].iter().any(|known| e == *known))
            {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn policy_files_of_other_people_are_read_or_refused_with_a_place() {
    let Some(shared) = shared::folder() else { return };
    let files = texts_below(&shared.join("policies"));
    assert!(!files.is_empty(), "no policy files below {}", shared.display());
    let (mut read, mut refused) = (0, Vec::new());
    for file in &files {
        let bytes = fs::read(file).unwrap();
        let name = file.display().to_string();
        match decode(&name, &bytes).and_then(|text| parse_documents(&name, text)) {
            Ok(documents) => {
                read += 1;
                let is_tree = |value: &NodeValue| matches!(value, NodeValue::Map(_) | NodeValue::Seq(_));
                assert!(documents.iter().all(|d| is_tree(&d.value)), "{name} is a bare scalar");
            }
            Err(error) => {
                assert!(error.location.is_some() || error.message.contains("more than"), "{error}");
                refused.push(error.render(false));
            }
        }
    }
    eprintln!("{read} of {} files read; refused:\n{}", files.len(), refused.join("\n\n"));
    assert!(read * 10 >= files.len() * 9, "only {read} of {} files read", files.len());
}
