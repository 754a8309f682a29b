//! `backout work`: one shard of a plan.

use std::path::{Path, PathBuf};

use super::super::args::{Global, Work};
use super::super::exit::Failure;
use super::super::plan::{jobs, study_failed};
use super::super::progress;
use super::super::store::{Shard, Stop, WorkPlan, write_whole};
use super::super::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::replication::record::ReplicationRecord;
use crate::study::{Job, Progress, Study};

pub(super) fn run(global: &Global, work: &Work, ui: &Ui) -> Result<(), Failure> {
    let plan = WorkPlan::read(&work.plan)?;
    let of = plan.shards.get();
    if work.shard >= of {
        let fact = format!("there is no shard {}: the plan has {of}", work.shard);
        return Err(Failure::usage(fact, format!("shards are counted from 0 to {}", of - 1)));
    }
    let path = global.out.clone().unwrap_or_else(|| PathBuf::from(format!("shard-{}.bin", work.shard)));
    if is_there(&plan, work.shard, &path)? {
        ui.say(&format!("`{}` is there and whole: nothing to do", path.display()));
        return Ok(());
    }
    let study = plan.study.plan(jobs(global), ui)?.bind(ui)?;
    let records = play(&plan, work.shard, &study, ui)?;
    write_whole(&path, &Shard::bytes(&plan, work.shard, &records)?)
}

/// Whether the result is there. Nothing else is written over: neither another shard nor what is none.
fn is_there(plan: &WorkPlan, number: u32, path: &Path) -> Result<bool, Failure> {
    if !path.exists() {
        return Ok(false);
    }
    let shard = Shard::read(plan, path)?;
    if shard.number != number {
        let fact = format!("`{}` is shard {}, not {number}", path.display(), shard.number);
        return Err(Failure::input(Diagnostic::error(fact).with_help("give each shard a file of its own")));
    }
    Ok(true)
}

/// Plays the shard. Whoever ends it gets no result: nothing is written before everything is there.
fn play(plan: &WorkPlan, shard: u32, study: &Study, ui: &Ui) -> Result<Vec<ReplicationRecord>, Failure> {
    let (jobs, done, stop) = (plan.jobs_of(shard), Progress::default(), Stop::listen());
    let finished = std::sync::Mutex::new(Vec::with_capacity(jobs.len()));
    let keep = |job: Job, record: ReplicationRecord| {
        finished.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((job, record));
        !stop.is_asked()
    };
    let play = || study.play_each(&jobs, &done, keep);
    progress::with_bar(ui, jobs.len() as u64, || done.done(), play).map_err(study_failed)?;
    let mut records = finished.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    if records.len() < jobs.len() {
        let fact = format!("interrupted; nothing of shard {shard} was written");
        let help = "a shard is written whole or not at all: play it again, or cut the study into more shards";
        return Err(Failure::Interrupted(Box::new(Diagnostic::error(fact).with_help(help))));
    }
    records.sort_by_key(|(job, _)| *job);
    Ok(records.into_iter().map(|(_, record)| record).collect())
}
