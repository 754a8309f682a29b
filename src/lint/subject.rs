//! What a rule looks at: the texts, one policy, the facts, and every judgement of the policy with its place.

use std::collections::BTreeMap;

use super::Facts;
use super::support::judged::{self, Judged};
use super::support::place::{At, File};
use crate::policy::loaded::Loaded;
use crate::strategy::StrategySpec;

/// A text that belongs to a policy, under the name the policy knows it by.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    /// Its path or name.
    pub name: &'a str,
    /// What is in it.
    pub text: &'a str,
}

/// What the user says beside the files.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// Values of placeholders (`--arg`).
    pub args: BTreeMap<String, String>,
    /// What the rolled-out service is called (`--bind service=`).
    pub service: Option<String>,
    /// Whether every policy is played on the scenario's rollout, whatever its file brings.
    pub scenario_rollout: bool,
}

/// One policy with all that rules may know.
pub struct Subject<'a> {
    /// The policy as it was loaded.
    pub policy: &'a Loaded,
    /// Facts about the scenario.
    pub facts: &'a Facts,
    /// What is said beside the files.
    pub said: &'a Said,
    pub(crate) files: Vec<File<'a>>,
    pub(crate) judged: Vec<Judged>,
}

impl<'a> Subject<'a> {
    /// A policy that was loaded from `texts`, to be played in a scenario with these facts. Texts that are not YAML
    /// are passed over: loading them has failed already.
    pub fn new(texts: &[Text<'a>], policy: &'a Loaded, facts: &'a Facts, said: &'a Said) -> Self {
        let files: Vec<File<'a>> = texts.iter().filter_map(File::parse).collect();
        let judged = judged::all(policy, &files, facts);
        Subject { policy, facts, said, files, judged }
    }

    /// The rollout the policy watches: its file's, or the scenario's.
    pub(crate) fn rollout(&self) -> &StrategySpec {
        let own = self.policy.rollout.as_ref().filter(|_| !self.said.scenario_rollout);
        own.unwrap_or(&self.facts.rollout)
    }

    /// Every document of every file.
    pub(crate) fn documents(&self) -> impl Iterator<Item = At<'_>> {
        self.files.iter().flat_map(File::documents)
    }

    /// The documents of this kind.
    pub(crate) fn objects<'s>(&'s self, kinds: &'s [&'s str]) -> impl Iterator<Item = At<'s>> {
        self.documents().filter(move |at| {
            let kind = at.get("kind").map(|kind| kind.raw().to_owned());
            kind.is_some_and(|kind| kinds.contains(&kind.as_str()))
        })
    }

    /// The first document of the policy's own file.
    pub(crate) fn own_file(&self) -> Option<At<'_>> {
        self.files.iter().find(|file| file.name() == self.policy.source)?.documents().next()
    }
}
