//! Where variants are made and played: values to texts to policies to outcomes.
//!
//! Records of thousands of variants do not fit into memory together, and are not needed: replications are played in
//! batches, and what is kept of a run is one [`Outcome`].

use std::collections::BTreeMap;

use super::Question;
use super::figures::Outcome;
use crate::import::knobs::edited;
use crate::import::{self, SourceText};
use crate::policy::loaded::Loaded;
use crate::replication::Options;
use crate::score::stratum::{Who, gather};
use crate::study::{Job, Progress, Replications, Study, StudyError};

/// Runs whose records are held at once, about.
const HELD: usize = 4096;

/// Number of a variant on its bench; 0 is the file as it is.
pub(super) type Id = usize;

/// What became of a variant: by scenario, in order of replications.
pub(super) type Outcomes = Vec<Vec<Outcome>>;

/// A variant that could be read.
pub(super) struct Variant {
    /// What its file says for each knob.
    pub(super) values: Vec<String>,
    policy: Loaded,
}

/// Every variant there is.
pub(super) struct Bench<'q> {
    pub(super) question: &'q Question<'q>,
    progress: &'q Progress,
    variants: Vec<Variant>,
    known: BTreeMap<Vec<String>, Option<Id>>,
}

impl<'q> Bench<'q> {
    /// With the file as it is.
    pub(super) fn new(question: &'q Question<'q>, progress: &'q Progress) -> Self {
        let mut bench = Bench { question, progress, variants: Vec::new(), known: BTreeMap::new() };
        bench.add(question.knobs.iter().map(|knob| knob.written.clone()).collect());
        bench
    }

    /// The variant with these values, made if it is new; `None` if its files cannot be read.
    pub(super) fn add(&mut self, values: Vec<String>) -> Option<Id> {
        if let Some(known) = self.known.get(&values) {
            return *known;
        }
        let id = self.load(&values).map(|policy| {
            self.variants.push(Variant { values: values.clone(), policy });
            self.variants.len() - 1
        });
        self.known.insert(values, id);
        id
    }

    /// The policy of the files with these values.
    fn load(&self, values: &[String]) -> Option<Loaded> {
        let asked = self.question;
        let texts = edited(asked.sources, asked.knobs, values);
        let sources: Vec<SourceText<'_>> = asked
            .sources
            .iter()
            .zip(&texts)
            .map(|(source, text)| SourceText { name: source.name, text })
            .collect();
        let loaded = import::load(&sources, asked.options).ok()?;
        let mut policy = loaded.into_iter().find(|policy| policy.name == asked.policy)?;
        // Players are told apart by name; what keys the phase of their ticks stays the same.
        policy.name = format!("{}@{}", policy.name, self.variants.len());
        Some(policy)
    }

    /// A variant.
    pub(super) fn variant(&self, id: Id) -> Option<&Variant> {
        self.variants.get(id)
    }

    /// Plays variants side by side, each scenario from one number of replications to another; outcomes come in the order
    /// of `ids`.
    ///
    /// # Errors
    /// When the files do not fit the scenarios, or the threads cannot be started.
    pub(super) fn play(
        &self,
        ids: &[Id],
        seed: u64,
        (from, to): (Replications, Replications),
    ) -> Result<Vec<Outcomes>, StudyError> {
        let asked = self.question;
        let policies: Vec<Loaded> =
            ids.iter().filter_map(|id| self.variant(*id)).map(|variant| variant.policy.clone()).collect();
        let place: BTreeMap<String, usize> =
            policies.iter().enumerate().map(|(at, policy)| (policy.name.clone(), at)).collect();
        let study = Study::new(asked.scenarios, &policies, seed, asked.prepare)?
            .with_jobs(asked.jobs)
            .with_options(Options { no_blame: true, ..Options::default() });
        let mut jobs = Vec::new();
        for (scenario, prepared) in study.prepared().iter().enumerate() {
            let count = |of: Replications| if prepared.scenario.is_flow() { of.flow } else { of.request };
            jobs.extend((count(from)..count(to)).map(|replication| Job { scenario, replication }));
        }
        let mut all: Vec<Outcomes> = vec![vec![Vec::new(); asked.scenarios.len()]; policies.len()];
        let prices = asked.weights.prices();
        for batch in jobs.chunks((HELD / policies.len().max(1)).max(8)) {
            let records = study.play_jobs(batch, self.progress)?;
            for ((who, _), strata) in gather(&records, asked.metas)? {
                let Who::Policy(name) = who else { continue };
                let Some(mine) = place.get(&*name).and_then(|at| all.get_mut(*at)) else { continue };
                for stratum in strata {
                    let Some(kept) = mine.get_mut(stratum.scenario) else { continue };
                    kept.extend(
                        stratum.cases.iter().map(|case| Outcome::of(case, stratum.base_rate, &prices)),
                    );
                }
            }
        }
        Ok(all)
    }
}
