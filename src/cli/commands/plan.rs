//! `backout plan`: a study cut into shards for other machines.

use std::time::{Duration, Instant};

use super::super::args::{Global, Plan};
use super::super::exit::Failure;
use super::super::plan::StudyPlan;
use super::super::repeat::Invocation;
use super::super::results::Facts;
use super::super::store::{Sealed, WorkPlan};
use super::super::ui::Ui;
use crate::policy::loaded::Loaded;
use crate::replication::{Options, replicate};
use crate::study::Study;
use crate::telemetry::naming::Engine;

/// Replications of each scenario that are played to see how long one takes.
const TRIED: u32 = 2;

pub(super) fn run(global: &Global, args: &Plan, ui: &Ui, invocation: &Invocation) -> Result<(), Failure> {
    super::format(global, &["text"])?;
    let sink = super::sink(global)?;
    let plan = StudyPlan::read(global, &args.files, &args.study, ui)?;
    can_travel(&plan.policies)?;
    let study = plan.bind(ui)?;
    let facts = Facts::of(&plan, &study, &args.study, invocation.with_seed(plan.seed));
    let replications = facts.replications.clone();
    let work = WorkPlan::new(Sealed::of(&plan, &args.study), facts, args.shards)?;
    let bytes = match &args.kubernetes {
        None => super::json(&work)?,
        Some(image) => super::kubernetes::manifest(&work, image)?.into_bytes(),
    };
    if !args.no_estimate {
        ui.say(&estimate(&study, &replications, args.shards.get()));
    }
    sink.write(&bytes)
}

/// A process of the user's is no text: another machine does not have it.
fn can_travel(policies: &[Loaded]) -> Result<(), Failure> {
    match policies.iter().find(|policy| policy.engine == Engine::Process) {
        None => Ok(()),
        Some(policy) => Err(Failure::usage(
            format!("`{}` is a process of yours, which a plan cannot hold", policy.name),
            "score it on one machine; `--store` makes a long study last",
        )),
    }
}

/// How long everything takes, from a few replications of each scenario on one thread.
fn estimate(study: &Study, replications: &[u32], shards: u32) -> String {
    let mut all = Duration::ZERO;
    for (prepared, count) in study.prepared().iter().zip(replications) {
        let tried = TRIED.min(*count).max(1);
        let began = Instant::now();
        for replication in 0..tried {
            replicate(prepared, replication, Options::default());
        }
        all += began.elapsed().mul_f64(f64::from(*count) / f64::from(tried));
    }
    let total: u64 = replications.iter().map(|count| u64::from(*count)).sum();
    let hours = all.as_secs_f64() / 3600.0;
    let each = all.as_secs_f64() / f64::from(shards);
    format!(
        "{total} replications, about {hours:.2} core-hours ({each:.0} s a shard on one core), measured on this machine \
         with {TRIED} of each scenario"
    )
}
