//! `backout compare`: two policies in the same worlds.

use super::super::args::{Compare, Global};
use super::super::exit::Failure;
use super::super::files;
use super::super::plan::{PlannedScenario, StudyPlan, study_failed};
use super::super::repeat::{self, Invocation};
use super::super::results::void_rows;
use super::super::ui::Ui;
use super::super::{progress, sides};
use crate::replication::record::ReplicationRecord;
use crate::report::compare::{CompareReport, Robustness, markdown, text};
use crate::report::{self, Screen};
use crate::score::{CostWeights, PolicyMeta};
use crate::study::Progress;
use crate::study::compare::robust::{VARIANTS, Variant, vary};
use crate::study::compare::{Comparison, Side, compare};

const FORMATS: [&str; 3] = ["text", "json", "markdown"];

pub(super) fn run(global: &Global, args: &Compare, ui: &Ui, invocation: &Invocation) -> Result<(), Failure> {
    let format = super::format(global, &FORMATS)?;
    let sink = super::sink(global)?;
    let (base_files, new_files) = match args.files.as_slice() {
        [base, new] => (vec![base.clone()], vec![new.clone()]),
        _ => (args.base.clone(), args.new.clone()),
    };
    files::check_stdin_once(base_files.iter().chain(&new_files).chain(&args.study.scenario))?;
    let new = StudyPlan::read(global, &new_files, &args.study, ui)?;
    let base = sides::beside(&new, global, (&base_files, &args.study))?;
    let pairs = sides::pairs(&new.policies, &base.policies)?;
    let (comparisons, metas) = played(&new, &base, &pairs, ui)?;
    let (seed, scenarios) = (new.seed, new.scenario_metas());
    let robustness =
        if args.robust { robustness((new, base), &pairs, &comparisons, ui)? } else { Vec::new() };
    let options = repeat::study_options(&args.study);
    let command = invocation.with_seed(seed);
    let mut told = CompareReport::new((seed, &command, &options), scenarios, metas, comparisons);
    told.robustness = robustness;
    told.screen = Screen { width: Ui::width(), colour: sink.colour() };
    let bytes = match format {
        "json" => super::json(&told)?,
        "markdown" => markdown::render(&told).into_bytes(),
        _ => text::render(&told).into_bytes(),
    };
    sink.write(&bytes)
}

/// The policies of the base and the new ones.
type Metas = (Vec<PolicyMeta>, Vec<PolicyMeta>);

/// Plays both sides and compares them.
fn played(
    new: &StudyPlan,
    base: &StudyPlan,
    pairs: &[(String, String)],
    ui: &Ui,
) -> Result<(Vec<Comparison>, Metas), Failure> {
    let (ours, our_metas) = records(new, ui)?;
    let (theirs, their_metas) = records(base, ui)?;
    let (scenarios, prices) = (new.scenario_metas(), CostWeights::default().prices());
    let one = |(name, other): &(String, String)| {
        let (base, side) = (Side { policy: other, records: &theirs }, Side { policy: name, records: &ours });
        compare(base, side, &scenarios, &prices, new.seed)
            .map_err(|error| Failure::Unexpected(error.to_string()))
    };
    let comparisons: Result<Vec<Comparison>, Failure> = pairs.iter().map(one).collect();
    Ok((comparisons?, (their_metas, our_metas)))
}

/// Everything a side did.
fn records(plan: &StudyPlan, ui: &Ui) -> Result<(Vec<ReplicationRecord>, Vec<PolicyMeta>), Failure> {
    let study = plan.bind(ui)?;
    let done = Progress::default();
    let records = progress::with_bar(ui, study.total(), || done.done(), || study.play(&done));
    let (records, troubles) = (records.map_err(study_failed)?, study.troubles());
    let metas = study.policy_metas().to_vec();
    if troubles.is_empty() {
        return Ok((records, metas));
    }
    let rows = void_rows(plan.seed, &plan.scenario_metas(), &metas, troubles);
    ui.say(report::void_lines(&rows, Ui::width()).join("\n").trim_end());
    Err(Failure::Void)
}

/// The same with noise and traffic off by two.
fn robustness(
    (mut new, mut base): (StudyPlan, StudyPlan),
    pairs: &[(String, String)],
    as_written: &[Comparison],
    ui: &Ui,
) -> Result<Vec<Robustness>, Failure> {
    let scenarios = new.scenarios.clone();
    let varied = |variant: Variant| -> Vec<PlannedScenario> {
        let one = |planned: &PlannedScenario| PlannedScenario {
            scenario: vary(&planned.scenario, variant),
            source: planned.source.clone(),
        };
        scenarios.iter().map(one).collect()
    };
    let mut all = Vec::new();
    for variant in VARIANTS {
        new.scenarios = varied(variant);
        base.scenarios = varied(variant);
        let (comparisons, _) = played(&new, &base, pairs, ui)?;
        for (there, here) in comparisons.iter().zip(as_written) {
            let figures = there.figures.iter().zip(&here.figures);
            let figures =
                figures.map(|(a, b)| (a.figure.clone(), a.standing, a.standing == b.standing)).collect();
            all.push(Robustness { variant: variant.name.to_owned(), policy: there.new.clone(), figures });
        }
    }
    Ok(all)
}
