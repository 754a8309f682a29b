//! What a command is going to do, with everything looked up.

use std::num::NonZeroUsize;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::args::{Global, RolloutFrom, StudyArgs, Twin};
use super::exit::Failure;
use super::files::Text;
use super::inputs::PolicyText;
use super::ui::Ui;
use super::{chaos, doubts, files, inputs};
use crate::diagnostic::Diagnostics;
use crate::policy::loaded::Loaded;
use crate::replication::prepared::PrepareOptions;
use crate::scenario::Scenario;
use crate::score::ScenarioMeta;
use crate::study::{Replications, Study, StudyError, scenario_meta};

/// A scenario with the word that names it in replay commands.
#[derive(Clone, Debug)]
pub struct PlannedScenario {
    /// The scenario.
    pub scenario: Arc<Scenario>,
    /// What to write on the command line to get it.
    pub source: String,
}

/// The texts of a study: with them and its options it is played anywhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StudyTexts {
    /// Whether policies were named; those that are played by default are not doubted.
    pub(super) named: bool,
    /// Policy files.
    pub(super) policies: Vec<PolicyText>,
    /// Scenario files.
    pub(super) scenarios: Vec<Text>,
    /// Files of chaos tools.
    pub(super) chaos: Vec<Text>,
}

impl StudyTexts {
    /// Reads the files: the shipped ones where none is named.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(super) fn read(named: &[String], args: &StudyArgs) -> Result<Self, Failure> {
        files::check_stdin_once(named.iter().chain(&args.scenario).chain(&args.chaos.chaos))?;
        Ok(StudyTexts {
            scenarios: inputs::scenario_texts(&args.scenario, &args.quick)?,
            chaos: chaos::texts(&args.chaos)?,
            named: !named.is_empty(),
            policies: inputs::policy_texts(named)?,
        })
    }
}

/// What a study plays.
pub struct StudyPlan {
    /// The scenarios, in order.
    pub scenarios: Vec<PlannedScenario>,
    /// The policies, in order.
    pub policies: Vec<Loaded>,
    /// What the rules about policy files found in them.
    pub findings: Diagnostics,
    /// Seed of all randomness.
    pub seed: u64,
    /// Replications of each scenario; the default depends on their number and fidelity.
    pub replications: Option<Replications>,
    /// Threads.
    pub jobs: NonZeroUsize,
    /// Whose rollout is played.
    pub rollout: RolloutFrom,
    /// Whether a query that can never find a series is played anyway.
    pub allow_missing: bool,
    /// The texts all of this was made of.
    pub(super) texts: StudyTexts,
}

impl StudyPlan {
    /// Reads everything that is asked for: policy files (the shipped policies if there are none) and scenarios.
    ///
    /// # Errors
    /// When a file cannot be read, or is wrong.
    pub(super) fn read(
        global: &Global,
        named: &[String],
        args: &StudyArgs,
        ui: &Ui,
    ) -> Result<Self, Failure> {
        Self::of(StudyTexts::read(named, args)?, global.seed, jobs(global), args, ui)
    }

    /// The same from texts that were read before, here or on another machine.
    ///
    /// # Errors
    /// When a text is wrong.
    pub(super) fn of(
        texts: StudyTexts,
        seed: u64,
        jobs: NonZeroUsize,
        args: &StudyArgs,
        ui: &Ui,
    ) -> Result<Self, Failure> {
        let scenarios = inputs::scenarios_of(&texts.scenarios, &args.quick, ui)?;
        let scenarios = chaos::apply_texts(scenarios, &texts.chaos, &args.chaos, ui)?;
        let scenarios = inputs::at_fidelity(scenarios, args.play)?;
        Self::made_of(scenarios, texts, (seed, jobs), args)
    }

    /// Reads policy files beside scenarios that are known already.
    ///
    /// # Errors
    /// When a file cannot be read, or is wrong.
    pub(super) fn with_scenarios(
        scenarios: Vec<PlannedScenario>,
        global: &Global,
        named: &[String],
        args: &StudyArgs,
    ) -> Result<Self, Failure> {
        let policies = inputs::policy_texts(named)?;
        let texts =
            StudyTexts { named: !named.is_empty(), policies, scenarios: Vec::new(), chaos: Vec::new() };
        Self::made_of(scenarios, texts, (global.seed, jobs(global)), args)
    }

    fn made_of(
        scenarios: Vec<PlannedScenario>,
        texts: StudyTexts,
        (seed, jobs): (u64, NonZeroUsize),
        args: &StudyArgs,
    ) -> Result<Self, Failure> {
        let sets = inputs::policy_sets_of(texts.policies.clone(), &args.policy)?;
        // Nobody who names no file has to be told about ours.
        let findings =
            if !texts.named { Diagnostics::new() } else { doubts::find(&sets, &scenarios, &args.policy)? };
        Ok(StudyPlan {
            scenarios,
            policies: sets.into_iter().flat_map(|set| set.policies).collect(),
            findings,
            seed,
            texts,
            replications: args.replications.map(|n| Replications { flow: n, request: n }),
            jobs,
            rollout: args.policy.rollout,
            allow_missing: args.policy.allow_missing_series,
        })
    }

    /// Binds every policy to every scenario, and says what rules found in the files.
    ///
    /// # Errors
    /// When a query can never match; at its place in the file, where a rule knows it.
    pub(super) fn bind(&self, ui: &Ui) -> Result<Study, Failure> {
        let study = self.with_seed(self.seed).map_err(|failure| self.placed(failure))?;
        ui.warn(&self.findings);
        Ok(study)
    }

    /// The same with other randomness.
    ///
    /// # Errors
    /// When a query can never match.
    pub(super) fn with_seed(&self, seed: u64) -> Result<Study, Failure> {
        let scenarios: Vec<Arc<Scenario>> =
            self.scenarios.iter().map(|planned| Arc::clone(&planned.scenario)).collect();
        let prepare = PrepareOptions {
            allow_missing: self.allow_missing,
            scenario_rollout: self.rollout == RolloutFrom::Scenario,
        };
        let study = Study::new(&scenarios, &self.policies, seed, prepare).map_err(study_failed)?;
        Ok(study.with_jobs(self.jobs).with_replications(self.replications()))
    }

    /// What the scores need to know of the scenarios.
    pub(super) fn scenario_metas(&self) -> Vec<ScenarioMeta> {
        self.scenarios.iter().map(|planned| scenario_meta(&planned.scenario, &planned.source)).collect()
    }

    /// How often each scenario is played: as often as was asked for, or as suits their number.
    pub(super) fn replications(&self) -> Replications {
        let flow = self.scenarios.iter().filter(|planned| planned.scenario.is_flow()).count();
        self.replications.unwrap_or_else(|| Replications::of_many(flow))
    }

    /// Errors about queries, where the rules know their places.
    fn placed(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Input(errors) => Failure::Input(doubts::placed(errors, &self.findings)),
            other => other,
        }
    }
}

/// Threads to use.
pub(super) fn jobs(global: &Global) -> NonZeroUsize {
    global.jobs.unwrap_or_else(|| std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
}

/// Queries that cannot be asked are the fault of the files; threads that do not start are not.
pub(super) fn study_failed(error: StudyError) -> Failure {
    match error {
        StudyError::Binding(found) => {
            let mut all = Diagnostics::new();
            all.extend(found);
            Failure::Input(all)
        }
        StudyError::Threads(_) | StudyError::Records(_) => Failure::Unexpected(error.to_string()),
    }
}

/// What `run` plays.
pub struct RunPlan {
    /// The scenario.
    pub scenario: Arc<Scenario>,
    /// The policies, in order.
    pub policies: Vec<Loaded>,
    /// Seed of all randomness.
    pub seed: u64,
    /// Number of the replication.
    pub replication: u32,
    /// Which release is shown.
    pub twin: Twin,
    /// Whose rollout is played.
    pub rollout: RolloutFrom,
    /// Whether a query that can never find a series is played anyway.
    pub allow_missing: bool,
}
