//! Tuning: which numbers of a policy file would do better, and by how much.
//!
//! Variants of the files are drawn (`sequence.rs`), read by the importers as any file is, and played side by side: all of
//! them share the worlds of a replication. Rounds of successive halving play fewer variants for longer (`search.rs`), what
//! is left is played as often as the answer will be, and the choice is made there. The answer itself comes from a *fresh
//! seed*: figures of the chosen on the runs they were chosen by would flatter them ([`answer`]).
//!
//! Everything is a function of the files, the scenarios and the seed: draws are keyed by the name of the knob and the number of
//! the variant, ties go to the lower number.
//!
//! Traps: a variant that cannot be read (weights the importer refuses) is dropped and counted; a number that changes
//! nothing would still be drawn, so numbers of the chosen that make no difference in any run are put back.

pub mod answer;
mod bench;
mod figures;
mod front;
pub mod goal;
mod polish;
mod search;
mod sequence;

use std::num::NonZeroUsize;
use std::sync::Arc;

use super::{Progress, Replications, StudyError};
use crate::import::knobs::Knob;
use crate::import::{ImportOptions, SourceText};
use crate::replication::prepared::PrepareOptions;
use crate::scenario::Scenario;
use crate::score::{CostWeights, ScenarioMeta};
use answer::Answer;
use bench::Bench;
pub use figures::{Figures, Measure};
use goal::Goal;

/// What is asked.
pub struct Question<'q> {
    /// The files, read together.
    pub sources: &'q [SourceText<'q>],
    /// How they are read.
    pub options: &'q ImportOptions,
    /// The policy in them that is tuned, by name.
    pub policy: &'q str,
    /// The numbers that are turned.
    pub knobs: &'q [Knob],
    /// The worlds.
    pub scenarios: &'q [Arc<Scenario>],
    /// What the scores need to know of them, in the same order.
    pub metas: &'q [ScenarioMeta],
    /// Seed of the search; the answer is played with the next one.
    pub seed: u64,
    /// Variants of the first round, the file as it is among them.
    pub variants: usize,
    /// Replications of each scenario behind the answer.
    pub replications: Replications,
    /// Threads.
    pub jobs: NonZeroUsize,
    /// What to do where policies and scenarios do not fit.
    pub prepare: PrepareOptions,
    /// What a variant has to keep to.
    pub goals: &'q [Goal],
    /// What the recommended variant has least of.
    pub minimise: Measure,
    /// The price list.
    pub weights: CostWeights,
}

impl Question<'_> {
    /// Searches, and plays what was chosen on fresh randomness.
    ///
    /// # Errors
    /// When the files do not fit the scenarios, or the threads cannot be started.
    pub fn answer(&self, progress: &Progress) -> Result<Answer, StudyError> {
        let mut bench = Bench::new(self, progress);
        let chosen = search::search(&mut bench)?;
        answer::of(&mut bench, chosen)
    }

    /// About how many replications that takes, for a progress bar.
    pub fn total(&self) -> u64 {
        let flow = self.scenarios.iter().filter(|scenario| scenario.is_flow()).count() as u64;
        let request = self.scenarios.len() as u64 - flow;
        let once = flow * u64::from(self.replications.flow) + request * u64::from(self.replications.request);
        // Search, the numbers put back, and the answer.
        3 * once
    }
}
