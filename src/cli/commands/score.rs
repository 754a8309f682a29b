//! `backout score`: policies over scenarios, to a scorecard.

use super::super::args::{Global, SCORE_FORMATS, Score};
use super::super::exit::Failure;
use super::super::plan::{StudyPlan, study_failed};
use super::super::progress;
use super::super::repeat::Invocation;
use super::super::results::{Facts, Results};
use super::super::store::{self, RunStore, Sealed};
use super::super::ui::Ui;
use crate::study::Progress;

pub(super) fn run(global: &Global, score: &Score, ui: &Ui, invocation: &Invocation) -> Result<(), Failure> {
    let format = super::format(global, &SCORE_FORMATS)?;
    let sink = super::sink(global)?;
    let plan = StudyPlan::read(global, &score.files, &score.study, ui)?;
    let study = plan.bind(ui)?;
    let facts = Facts::of(&plan, &study, &score.study, invocation.with_seed(plan.seed));
    let results = match &score.store {
        None => {
            let done = Progress::default();
            let played = progress::with_bar(ui, study.total(), || done.done(), || study.play(&done));
            Results { facts, records: played.map_err(study_failed)?, troubles: study.troubles() }
        }
        Some(folder) => {
            let sealed = Sealed::of(&plan, &score.study);
            let (mut kept_in, kept) = RunStore::open(folder, &sealed, &facts, ui)?;
            store::play(&study, facts, &mut kept_in, kept, ui)?
        }
    };
    results.write(format, sink)
}
