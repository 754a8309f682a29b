//! Rules about users' policy files: what can be read and played, and is most likely not meant.
//!
//! A file that cannot be used is an error of [`crate::import`]. What is here is one step softer: a threshold no
//! histogram can reach, a percentage compared with a share, a trigger that only pages. Each mistake has a [`Rule`] with
//! a stable id, one sentence, and an example that triggers exactly this rule. Findings are warnings whose code is the
//! id; they point to the place in the file that somebody would have to change.
//!
//! A rule sees a [`Subject`]: the texts, one policy of them as it was loaded, and [`Facts`] about the scenario that
//! whoever calls fills in (horizon, traffic, exporters). It never sees a run.
//!
//! Traps: rules claim only what follows from the file and these facts. The values an expression can have are
//! over-approximated (`support::values`), so "never holds" is a proof and silence is none. Placeholders of Argo are
//! filled in while a file is loaded, so a condition that still has one is left alone.

mod facts;
mod files;
mod migration;
mod rules;
mod subject;
mod support;

pub use facts::Facts;
pub use files::{Files, Text};
pub use migration::Migrations;
pub use rules::{FAMILIES, rules, unused_bindings};
pub use subject::{Said, Subject};

use std::collections::BTreeSet;

use crate::diagnostic::{Diagnostic, Diagnostics};

/// A mistake with a name.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Stable name, in words joined by hyphens.
    pub id: &'static str,
    /// The mistake in one sentence, lower case, without a full stop.
    pub summary: &'static str,
    /// What really happens, for the reference page.
    pub effect: &'static str,
    /// A file that has the mistake and no other.
    pub example: Example,
    /// Looks for it.
    pub(crate) check: Check,
}

/// What a rule looks at.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Check {
    /// A policy that was loaded.
    Policy(fn(&Subject<'_>) -> Vec<Mistake>),
    /// The texts as they stand, whether or not there is a policy in them.
    Files(fn(&Files<'_>) -> Vec<Mistake>),
    /// SQL.
    Migrations(fn(&Migrations<'_>) -> Vec<Mistake>),
}

/// A file that triggers a rule.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// What it is called; the ending says whether it is SQL.
    pub name: &'static str,
    /// The file.
    pub file: &'static str,
    /// Values given with `--arg` beside it, as `name=value`.
    pub args: &'static [&'static str],
    /// Settings of a Kayenta run given with `--kayenta`, as `key=value`.
    pub kayenta: &'static [&'static str],
    /// Other rules that find something in it, because the mistake is one of theirs as well.
    pub beside: &'static [&'static str],
}

impl Example {
    /// A file without anything said beside it.
    pub const fn file(file: &'static str) -> Self {
        Example { name: "example.yaml", file, args: &[], kayenta: &[], beside: &[] }
    }

    /// A migration.
    pub const fn sql(name: &'static str, file: &'static str) -> Self {
        Example { name, ..Example::file(file) }
    }

    /// The same, of which other rules say something as well.
    #[must_use]
    pub const fn beside(self, rules: &'static [&'static str]) -> Self {
        Example { beside: rules, ..self }
    }
}

/// One place where a rule found its mistake, before it has a name.
#[derive(Clone, Debug)]
pub(crate) struct Mistake(Diagnostic);

/// Everything the rules find in one policy, in the order of the rules; each place once a rule.
pub fn check(subject: &Subject<'_>) -> Diagnostics {
    all(|check| match check {
        Check::Policy(look) => look(subject),
        Check::Files(_) | Check::Migrations(_) => Vec::new(),
    })
}

/// What the rules find in texts that need not be a policy: across files, and in files of chaos tools.
pub fn check_files(files: &Files<'_>) -> Diagnostics {
    all(|check| match check {
        Check::Files(look) => look(files),
        Check::Policy(_) | Check::Migrations(_) => Vec::new(),
    })
}

/// What the rules find in migrations.
pub fn check_migrations(migrations: &Migrations<'_>) -> Diagnostics {
    all(|check| match check {
        Check::Migrations(look) => look(migrations),
        Check::Policy(_) | Check::Files(_) => Vec::new(),
    })
}

fn all(look: impl Fn(Check) -> Vec<Mistake>) -> Diagnostics {
    let mut found = Diagnostics::new();
    let mut seen = BTreeSet::new();
    for rule in rules() {
        for Mistake(finding) in look(rule.check) {
            let place = (rule.id, finding.source.clone(), finding.location, finding.message.clone());
            if seen.insert(place) {
                found.push(finding.with_code(rule.id));
            }
        }
    }
    found
}
