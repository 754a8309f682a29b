//! What `lint` is given, sorted: policies, migrations, chaos files, and what is passed over.
//!
//! What a file is follows from its ending (`.sql`) and else from its keys. A file that is named and is none of these is an
//! error; one that is found in a folder is passed over and counted. A policy of a folder that cannot be used is a finding
//! among the others, and the rest is looked at without it.

use std::collections::BTreeSet;

use super::args::PolicyArgs;
use super::exit::Failure;
use super::files::{self, Shipped, Text};
use super::inputs::{self, PolicySet, PolicyText};
use crate::diagnostic::Diagnostics;
use crate::import::{Contents, contents};

/// Endings of files in folders that may hold a policy or an experiment.
const TREES: &[&str] = &[".yaml", ".yml", ".json"];

/// The files of a command, by what they are.
#[derive(Default)]
pub(super) struct LintInputs {
    /// Policies that were loaded together.
    pub(super) sets: Vec<PolicySet>,
    /// SQL.
    pub(super) migrations: Vec<Text>,
    /// Files of chaos tools, and objects beside policies that are none by themselves.
    pub(super) others: Vec<Text>,
    /// How many of the `others` are files of chaos tools.
    pub(super) chaos: usize,
    /// How many files of folders are none of these.
    pub(super) passed_over: usize,
    /// Policies of folders that cannot be used.
    pub(super) unusable: Diagnostics,
}

/// Reads and sorts what the words name.
///
/// # Errors
/// When a file cannot be read, or one that is named by itself cannot be used.
pub(super) fn gather(words: &[String], args: &PolicyArgs) -> Result<LintInputs, Failure> {
    let mut found = LintInputs::default();
    let (mut policies, mut in_folders) = (Vec::new(), Vec::new());
    for word in words {
        if std::fs::metadata(word).is_ok_and(|metadata| metadata.is_dir()) {
            for path in files::below(word)? {
                found.take_of_folder(&path, &mut in_folders)?;
            }
            continue;
        }
        let text = inputs::policy_text(word)?;
        let file = &text.file;
        if is_sql(&file.name) {
            found.migrations.push(text.file);
        } else if contents(&file.name, &file.text) == Contents::Chaos {
            found.chaos += 1;
            found.others.push(text.file);
        } else {
            policies.push(text);
        }
    }
    found.load(policies, in_folders, args)?;
    Ok(found)
}

fn is_sql(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with(".sql")
}

impl LintInputs {
    /// A file of a folder. One that is no text, or too long, is passed over as well.
    fn take_of_folder(&mut self, path: &str, policies: &mut Vec<Text>) -> Result<(), Failure> {
        let lower = path.to_ascii_lowercase();
        if !is_sql(&lower) && !TREES.iter().any(|ending| lower.ends_with(ending)) {
            self.passed_over += 1;
            return Ok(());
        }
        let Ok(text) = files::read(path, Shipped::None) else {
            self.passed_over += 1;
            return Ok(());
        };
        if is_sql(&lower) {
            self.migrations.push(text);
            return Ok(());
        }
        match contents(&text.name, &text.text) {
            Contents::Policy => policies.push(text),
            Contents::Chaos => {
                self.chaos += 1;
                self.others.push(text);
            }
            Contents::Other | Contents::Unreadable => self.passed_over += 1,
        }
        Ok(())
    }

    /// Loads the policies; those of folders are left out one after the other until the rest can be used.
    fn load(
        &mut self,
        named: Vec<PolicyText>,
        mut in_folders: Vec<Text>,
        args: &PolicyArgs,
    ) -> Result<(), Failure> {
        loop {
            if named.is_empty() && in_folders.is_empty() {
                return Ok(());
            }
            let folder = in_folders.iter().map(|text| PolicyText { shipped: false, file: text.clone() });
            let all = named.iter().cloned().chain(folder).collect();
            let wrong = match inputs::policy_sets_of(all, args) {
                Ok(sets) => {
                    self.sets = sets;
                    return Ok(());
                }
                Err(Failure::Input(wrong)) => wrong,
                Err(failure) => return Err(failure),
            };
            let places: BTreeSet<String> =
                wrong.iter().filter_map(|one| Some(one.source.as_deref()?.to_owned())).collect();
            let before = in_folders.len();
            in_folders.retain(|text| !places.contains(&text.name));
            if in_folders.len() == before {
                // What is left holds no policy by itself, like a template without its canary: its texts are looked at.
                if named.is_empty() && places.is_empty() {
                    self.others.append(&mut in_folders);
                    return Ok(());
                }
                return Err(Failure::Input(wrong));
            }
            self.unusable.extend(wrong);
        }
    }
}
