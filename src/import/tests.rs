//! What importers make of files: read, refused, listed.

use super::*;
use crate::strategy::StrategySpec;
use crate::strategy::canary::WaitKind;

fn load_one(text: &str) -> Result<Vec<Loaded>, Vec<Diagnostic>> {
    load(&[SourceText { name: "p.yaml", text }], &ImportOptions::default())
}

#[track_caller]
fn only(text: &str) -> Loaded {
    let mut loaded = load_one(text).unwrap_or_else(|found| panic!("{}", render(&found)));
    assert_eq!(loaded.len(), 1);
    loaded.remove(0)
}

#[track_caller]
fn refused(text: &str) -> Diagnostic {
    let mut found = load_one(text).err().unwrap_or_else(|| panic!("{text} was read"));
    assert_eq!(found.len(), 1, "{}", render(&found));
    found.remove(0)
}

fn render(found: &[Diagnostic]) -> String {
    found.iter().map(|d| d.render(false)).collect::<Vec<_>>().join("\n\n")
}
