//! Texts from files, from standard input and from the binary itself.

use std::io::Read as _;

use serde::{Deserialize, Serialize};

use super::exit::Failure;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::document::{decode, limits};
use crate::scenario::embedded::{self, File};

/// A text with the name under which messages mention it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Text {
    pub(super) name: String,
    pub(super) text: String,
}

/// The catalogue of shipped files a word may name.
#[derive(Clone, Copy)]
pub(super) enum Shipped {
    Scenarios,
    Policies,
    Gates,
    /// Both: what the file is follows from its keys.
    Any,
    /// None: the word is a path.
    None,
}

impl Shipped {
    fn find(self, word: &str) -> Option<&'static File> {
        match self {
            Shipped::Scenarios => embedded::scenario(word),
            Shipped::Policies => embedded::policy(word),
            Shipped::Gates => embedded::gate(word),
            Shipped::Any => embedded::scenario(word).or_else(|| embedded::policy(word)),
            Shipped::None => None,
        }
    }

    fn names(self) -> Vec<&'static str> {
        let scenarios = embedded::SCENARIOS.iter().map(File::name);
        let policies = embedded::all_policies().map(File::name);
        match self {
            Shipped::Scenarios => scenarios.collect(),
            Shipped::Policies => policies.collect(),
            Shipped::Gates => embedded::GATES.iter().map(File::name).collect(),
            Shipped::Any => scenarios.chain(policies).collect(),
            Shipped::None => Vec::new(),
        }
    }
}

/// The text a word of the command line stands for: `-`, a file, or the name of a shipped one. A file wins.
pub(super) fn read(word: &str, shipped: Shipped) -> Result<Text, Failure> {
    if word == "-" {
        return stdin();
    }
    match std::fs::metadata(word) {
        Ok(metadata) if metadata.is_dir() => Err(Failure::input(
            Diagnostic::error(format!("`{word}` is a folder"))
                .with_help(format!("name the files in it, like `{}/*.yaml`", word.trim_end_matches('/'))),
        )),
        Ok(_) => file(word),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => match shipped.find(word) {
            Some(file) => Ok(of_shipped(file)),
            None => Err(Failure::input(missing(word, shipped))),
        },
        Err(error) => Err(Failure::input(Diagnostic::error(format!("`{word}` cannot be read: {error}")))),
    }
}

/// A shipped file; its name is the path it has in the repository.
pub(super) fn of_shipped(file: &File) -> Text {
    Text { name: format!("scenarios/{}", file.path), text: file.text.to_owned() }
}

/// The files below a folder, in the order of their paths; hidden ones and links are left out.
pub(super) fn below(folder: &str) -> Result<Vec<String>, Failure> {
    let failed = |path: &str, error: std::io::Error| {
        Failure::input(Diagnostic::error(format!("`{path}` cannot be read: {error}")))
    };
    let (mut open, mut found) = (vec![folder.trim_end_matches('/').to_owned()], Vec::new());
    while let Some(path) = open.pop() {
        for entry in std::fs::read_dir(&path).map_err(|error| failed(&path, error))? {
            let entry = entry.map_err(|error| failed(&path, error))?;
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
            let kind = entry.file_type().map_err(|error| failed(&path, error))?;
            let inside = format!("{path}/{name}");
            if name.starts_with('.') {
                continue;
            } else if kind.is_dir() {
                open.push(inside);
            } else if kind.is_file() {
                found.push(inside);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn file(path: &str) -> Result<Text, Failure> {
    let failed = |error: std::io::Error| {
        Failure::input(Diagnostic::error(format!("`{path}` cannot be read: {error}")))
    };
    let mut bytes = Vec::new();
    // One byte more than is accepted, so that too long a file is refused and an endless one ends.
    let limit = limits::MAX_BYTES as u64 + 1;
    std::fs::File::open(path).map_err(failed)?.take(limit).read_to_end(&mut bytes).map_err(failed)?;
    text(path, &bytes)
}

fn stdin() -> Result<Text, Failure> {
    let mut bytes = Vec::new();
    let limit = limits::MAX_BYTES as u64 + 1;
    std::io::stdin().lock().take(limit).read_to_end(&mut bytes).map_err(|error| {
        Failure::input(Diagnostic::error(format!("standard input cannot be read: {error}")))
    })?;
    text("<stdin>", &bytes)
}

fn text(name: &str, bytes: &[u8]) -> Result<Text, Failure> {
    let text = decode(name, bytes).map_err(Failure::input)?;
    Ok(Text { name: name.to_owned(), text: text.strip_prefix('\u{feff}').unwrap_or(text).to_owned() })
}

fn missing(word: &str, shipped: Shipped) -> Diagnostic {
    let names = shipped.names();
    let stems: Vec<&str> = names.iter().filter_map(|name| name.rsplit('/').next()).collect();
    let meant = did_you_mean(word, &names).or_else(|| did_you_mean(word, &stems));
    let other = match shipped {
        Shipped::Policies => embedded::scenario(word)
            .map(|file| format!("`{word}` is a scenario: `--scenario {}` plays it", file.name())),
        Shipped::Scenarios => {
            embedded::policy(word).map(|_| format!("`{word}` is a policy: name it without `--scenario`"))
        }
        Shipped::Gates | Shipped::Any | Shipped::None => None,
    };
    let (kind, list) = match shipped {
        Shipped::Scenarios => ("no file and no shipped scenario", "`backout list scenarios` shows them"),
        Shipped::Policies => ("no file and no shipped policy", "`backout list policies` shows them"),
        Shipped::Gates => ("no file and no shipped gate", "gates: rollback-goals, rollback-test"),
        Shipped::Any => ("no file and nothing shipped that is called", "`backout list` shows what there is"),
        Shipped::None => ("no file", "check the path"),
    };
    let meant = meant.map(|meant| format!("did you mean `{meant}`? ")).unwrap_or_default();
    let help = other.unwrap_or_else(|| format!("{meant}{list}"));
    Diagnostic::error(format!("there is {kind} `{word}`")).with_help(help)
}

/// Refuses a second `-`: standard input can be read once.
pub(super) fn check_stdin_once<'w>(words: impl IntoIterator<Item = &'w String>) -> Result<(), Failure> {
    if words.into_iter().filter(|word| *word == "-").count() > 1 {
        return Err(Failure::usage("`-` is given twice", "standard input can be read once"));
    }
    Ok(())
}
