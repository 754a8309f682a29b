//! The revisions that ran before the deploy, as a scenario writes them, and checked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::limits::{MAX_FAULTS, MAX_REVISIONS, MAX_SPAN};
use super::resolve::{Checker, check_services};
use crate::catalogue::Catalogue;
use crate::diagnostic::did_you_mean;
use crate::fault::FaultSpec;
use crate::fault::missing_env::LackedBy;
use crate::rollback::target::{History, NewRevision, Past, Reputation, Retention};
use crate::time::SimDuration;

/// The revisions that ran before the deploy; one good one, a day old, if absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HistoryDocument {
    /// How the new revision is known.
    pub new: NewRevision,
    /// What was deployed before, newest deploy first.
    pub past: Vec<Past>,
    /// Name of the revision that runs; the newest that did not fail if absent.
    pub running: Option<String>,
    /// What is thrown away.
    pub retention: Retention,
}

/// Checks the history; what was found wrong is with the checker.
pub(super) fn resolve(checker: &mut Checker<'_>) -> History {
    let document = checker.document;
    let Some(written) = &document.history else { return History::default() };
    let book = History::default();
    let past = if written.past.is_empty() { book.past } else { written.past.clone() };
    if past.len() > MAX_REVISIONS {
        let fact = format!("{} revisions are more than {MAX_REVISIONS}", past.len());
        checker.error(&["history", "past"], fact, "leave the oldest out");
    }
    for (index, revision) in written.past.iter().enumerate() {
        check_revision(checker, written, index, revision);
    }
    let running = running(checker, written, &past);
    History { past, running, new: written.new.clone(), retention: written.retention.clone() }
}

fn check_revision(checker: &mut Checker<'_>, written: &HistoryDocument, index: usize, revision: &Past) {
    let number = index.to_string();
    let place = |field| ["history", "past", number.as_str(), field];
    let (newer, older) = written.past.split_at(index);
    if newer.iter().any(|other| other.name == revision.name) || revision.name == written.new.name {
        let fact = format!("two revisions are called `{}`", revision.name);
        checker.error(&place("name"), fact, "give each its own name");
    }
    if older.get(1).is_some_and(|next| next.deployed_ago < revision.deployed_ago) {
        let fact = format!("`{}` is older than the one after it", revision.name);
        checker.error(&place("deployed_ago"), fact, "list the newest deploy first");
    }
    // Somebody may keep a release for years; MAX_SPAN is about what is played.
    let most = MAX_SPAN * 1000;
    checker.span(&place("deployed_ago"), revision.deployed_ago, SimDuration::ZERO, most);
    if revision.faults.len() > MAX_FAULTS {
        let fact = format!("{} entries are more than {MAX_FAULTS}", revision.faults.len());
        checker.error(&place("faults"), fact, "a revision that fails in one way is enough");
    }
    for (fault_number, fault) in revision.faults.iter().enumerate() {
        let fault_number = fault_number.to_string();
        let place = ["history", "past", number.as_str(), "faults", fault_number.as_str(), fault.name()];
        check_services(checker, &place, fault.as_dyn());
        if matches!(fault, FaultSpec::MissingEnv(missing) if missing.lacked_by == LackedBy::Old) {
            let fact = "a past revision takes nothing from the one before the deploy";
            checker.error(&place, fact, "write it under `change.faults`, or `lacked_by: new` here");
        }
    }
}

fn running(checker: &mut Checker<'_>, written: &HistoryDocument, past: &[Past]) -> usize {
    let Some(name) = &written.running else {
        return past.iter().position(|revision| revision.reputation == Reputation::Good).unwrap_or(0);
    };
    if let Some(found) = past.iter().position(|revision| revision.name == *name) {
        return found;
    }
    let names: Vec<&str> = past.iter().map(|revision| revision.name.as_str()).collect();
    let meant = did_you_mean(name, &names).map(|meant| format!("did you mean `{meant}`? "));
    let help = format!("{}name one of `past`", meant.unwrap_or_default());
    checker.error(&["history", "running"], format!("there is no past revision `{name}`"), help);
    0
}
