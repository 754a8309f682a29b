//! The rehearsal of a release: its rollout and its rollback played in staging, and what is learnt from that.
//!
//! A pass is a replication of the staging world: warm-up, deploy, and after a while the rollback, with its steps, defects and
//! looks, as in production. What it teaches is what happened in it:
//!
//! * a command that a person mended, because it failed or because a look afterwards found users where they were, is mended
//!   in production (the rule of a person in [`Execution`], see there);
//! * a command that had no artefact to start pods from: the artefact is kept;
//! * every command works, and the old revision's pods do not come back or fail users: its configuration is
//!   compared, and what the change has removed is put back.
//!
//! Then it is repeated with what was mended, until nothing new is found. The bad release and its healthy twin are rehearsed
//! each by itself, with the numbers of their faults drawn as for production; everything else about staging is drawn
//! apart.
//!
//! Traps: a look that asks for errors finds nothing if the release makes none *in staging*; a step of a migration that cannot
//! be undone is found and not mended; what shared state or clients keep is found by nobody, as staging has few of both
//! and nobody waits.
//!
//! [`Execution`]: crate::rollback::Execution

use std::sync::Arc;

use crate::rollback::{Lessons, StepKind};
use crate::strategy::Signal;
use crate::time::SimTime;
use crate::world::World;

use super::baseline::{Baseline, Warm};
use super::branch::Branch;
use super::play::{Stage, play_slot};
use super::prepared::Prepared;
use super::record::RehearsalRecord;
use super::setting::Setting;
use super::station::Station;

/// What a pass has shown.
struct Pass {
    lessons: Lessons,
    found: Vec<String>,
}

/// Rehearses the release, good or bad, and returns what is known before production and how it was found.
pub fn rehearse(prepared: &Prepared, production: &Setting, bad: bool) -> Option<(Lessons, RehearsalRecord)> {
    let rehearsal = prepared.scenario.rehearsal.as_ref()?;
    let staging = prepared.staging.as_deref()?;
    let mut lessons = Lessons::default();
    let mut record = RehearsalRecord::default();
    while record.passes < rehearsal.passes {
        let mut setting = Setting::rehearsing(production, &staging.scenario);
        setting.learn(&lessons, bad);
        let roll_back_at = setting.deploy_at + rehearsal.roll_back_after;
        let pass = play_pass(staging, &setting, (bad, roll_back_at));
        record.passes += 1;
        record.found.extend(pass.found);
        if pass.lessons.is_empty() {
            break;
        }
        lessons.add(pass.lessons);
    }
    Some((lessons, record))
}

/// One pass of staging.
fn play_pass(staging: &Prepared, setting: &Setting, (bad, roll_back_at): (bool, SimTime)) -> Pass {
    let plan = &staging.rollouts[0];
    let world = World::new(Arc::clone(&setting.common), Arc::clone(&setting.draw.confounders), staging.level);
    let warm = Warm::up(setting, world, Station::blind());
    let baseline = Baseline::play(setting, &warm, setting.horizon_at);
    let stage = Stage::to_the_horizon(staging, plan, setting, bad);
    let nobody = super::rider(0, &plan.players[0], setting, setting.horizon_at);
    let mut branch = super::begin(setting, &warm, plan, bad, vec![nobody], Some(&baseline));
    branch.control(Signal::Start);
    while branch.world.now() < roll_back_at && play_slot(&stage, &mut branch).is_none() {}
    branch.roll_back(&plan.players[0].procedure, &Arc::new(setting.way_back(bad)));
    while play_slot(&stage, &mut branch).is_none() {}
    let burdened = setting.draw.faults.iter().any(|fault| fault.what.is_of_old());
    learn(&branch, bad && burdened)
}

/// What a pass teaches; `burdened` says whether the change has taken something from the old revision.
fn learn(branch: &Branch, burdened: bool) -> Pass {
    let Some(rollback) = &branch.rollback else {
        return Pass { lessons: Lessons::default(), found: Vec::new() };
    };
    let execution = &rollback.execution;
    let mended = execution.mended().to_vec();
    let mut found: Vec<String> =
        mended.iter().map(|&index| format!("the command of `{}`", execution.step_name(index))).collect();
    let mut lessons = Lessons { procedure: execution.name(), mended, ..Lessons::default() };
    let gone = execution.misses_artefact() || execution.is_impossible();
    if gone {
        lessons.artefact_kept = true;
        found.push("the artefact to go back to".to_owned());
    }
    if lessons.is_empty() && execution.failed_at().is_some_and(|what| *what == StepKind::SchemaBack) {
        found.push("a migration that nothing undoes".to_owned());
    }
    let unwell = rollback.restored.is_none() || branch.is_harming();
    if lessons.is_empty() && unwell && burdened {
        lessons.configuration_kept = true;
        found.push("the configuration of the old revision".to_owned());
    }
    Pass { lessons, found }
}
