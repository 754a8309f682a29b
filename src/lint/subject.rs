//! What a rule looks at: the texts, one policy, the facts, and every judgement of the policy with its place.

use std::collections::BTreeMap;

use super::Facts;
use super::files::Files;
use super::support::judged::{self, Judged};
use super::support::place::At;
use crate::policy::loaded::Loaded;
use crate::strategy::StrategySpec;
use crate::time::SimDuration;

/// What the user says beside the files.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// Values of placeholders (`--arg`).
    pub args: BTreeMap<String, String>,
    /// What the rolled-out service is called (`--bind service=`).
    pub service: Option<String>,
    /// Whether every policy is played on the scenario's rollout, whatever its file brings.
    pub scenario_rollout: bool,
    /// How long a run of Kayenta lasts and how often it judges (`--kayenta`), where it is known.
    pub canary_run: Option<(SimDuration, SimDuration)>,
}

/// One policy with all that rules may know.
pub struct Subject<'a> {
    /// The policy as it was loaded.
    pub policy: &'a Loaded,
    /// Facts about the scenario.
    pub facts: &'a Facts,
    /// What is said beside the files.
    pub said: &'a Said,
    pub(crate) files: &'a Files<'a>,
    pub(crate) judged: Vec<Judged>,
}

impl<'a> Subject<'a> {
    /// A policy that was loaded from `files`, to be played in a scenario with these facts.
    pub fn new(files: &'a Files<'a>, policy: &'a Loaded, facts: &'a Facts, said: &'a Said) -> Self {
        let judged = judged::all(policy, files, facts);
        Subject { policy, facts, said, files, judged }
    }

    /// The rollout the policy watches: its file's, or the scenario's.
    pub(crate) fn rollout(&self) -> &StrategySpec {
        let own = self.policy.rollout.as_ref().filter(|_| !self.said.scenario_rollout);
        own.unwrap_or(&self.facts.rollout)
    }

    /// Every document of every file.
    pub(crate) fn documents(&self) -> impl Iterator<Item = At<'_>> {
        self.files.documents()
    }

    /// The documents of this kind.
    pub(crate) fn objects(&self, kinds: &[&str]) -> impl Iterator<Item = At<'a>> + use<'a> {
        self.files.objects(kinds)
    }

    /// The first document of the policy's own file.
    pub(crate) fn own_file(&self) -> Option<At<'_>> {
        self.files.get(&self.policy.source)?.document(0)
    }
}
