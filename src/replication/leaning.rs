//! The healthy release alone, watched by one policy, in a world whose luck leans: what a rare false rollback is found with.
//!
//! Nothing else of a replication is played: no bad twin, no reference players, no world without a deploy. The decision is the
//! one of the whole replication under the same keys and the same luck (a test compares them), at a fraction of its time.

use crate::strategy::Signal;
use crate::time::SimTime;
use crate::world::luck::{Luck, Strand, plain_score};

use super::baseline::Warm;
use super::name::Name;
use super::play::{Stage, play};
use super::prepared::Prepared;
use super::record::Player;
use super::setting::Setting;

/// Which policy is asked: the rollout it rides on and its index among the players there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    rollout: usize,
    player: usize,
}

/// Where each policy of a prepared scenario sits, in the order of rollouts and players.
pub fn seats(prepared: &Prepared) -> Vec<(Seat, Name)> {
    let of_plan = |(rollout, plan): (usize, &super::prepared::RolloutPlan)| {
        let players = plan.who.iter().enumerate();
        let named = players.filter_map(move |(player, who)| match who {
            Player::Policy(name) => Some((Seat { rollout, player }, name.clone())),
            Player::Reference(_) => None,
        });
        named.collect::<Vec<_>>()
    };
    prepared.rollouts.iter().enumerate().flat_map(of_plan).collect()
}

/// What came of the healthy release.
#[derive(Clone, Debug, PartialEq)]
pub enum Course {
    /// The world was not steady at the end of the warm-up; nothing was deployed.
    NotStarted,
    /// The policy let it be.
    Quiet,
    /// The policy decided against it.
    Decided {
        /// When.
        at: SimTime,
        /// The normal scores of the strands that were asked for, slot by slot from the first that may lean up to the last that
        /// can have mattered: `scores[slot][strand]`.
        scores: Vec<Vec<f64>>,
    },
}

/// Plays the healthy release with this policy alone; `strands` are those whose scores are handed back.
#[must_use]
pub fn play_healthy(
    prepared: &Prepared,
    seat: Seat,
    replication: u32,
    luck: Option<&Luck>,
    strands: &[Strand],
) -> Course {
    let plan = &prepared.rollouts[seat.rollout];
    let drawn = Setting::leaning(&prepared.scenario, prepared.seed, replication, luck.cloned());
    let setting = super::rehearsed(prepared, drawn);
    let warm = super::warm_up(prepared, &setting);
    if warm.unsteady.is_some() {
        return Course::NotStarted;
    }
    let warm: Warm = warm.watched_by(prepared, plan);
    let stage =
        Stage { merge: true, decisions_only: true, ..Stage::to_the_horizon(prepared, plan, &setting, false) };
    let rider = super::rider(seat.player, &plan.players[seat.player], &setting, setting.horizon_at);
    let mut branch = super::begin(&setting, &warm, plan, false, vec![rider], None);
    branch.control(Signal::Start);
    let mut spare = prepared.spares.take();
    let mut finished = play(&stage, branch, &mut spare);
    let decided = finished
        .iter()
        .flat_map(|one| &one.branch.riders)
        .find_map(|rider| Some(rider.decision.as_ref()?.at));
    finished.iter_mut().for_each(|one| spare.add(one.branch.station.close()));
    prepared.spares.leave(spare);
    match decided {
        None => Course::Quiet,
        Some(at) => {
            let at = SimTime::from_nanos(at);
            Course::Decided { at, scores: scores(&setting, luck, strands, at) }
        }
    }
}

/// The scores of the strands up to this instant.
fn scores(setting: &Setting, luck: Option<&Luck>, strands: &[Strand], until: SimTime) -> Vec<Vec<f64>> {
    let spec = &setting.common.spec;
    let slots = setting.common.climate.slots_between(setting.deploy_at, until.min(setting.horizon_at));
    let score = |slot: usize, strand: &Strand| {
        let shift = luck.map_or(0.0, |luck| luck.of(*strand).shift(slot as u64));
        plain_score(spec, setting.key, *strand, slot) + shift
    };
    slots.map(|slot| strands.iter().map(|strand| score(slot, strand)).collect()).collect()
}

/// The slots in which luck may lean: all that end after the deploy, to the horizon.
#[must_use]
pub fn slots(prepared: &Prepared) -> std::ops::Range<usize> {
    let scenario = &prepared.scenario;
    let slot = scenario.world.slot.as_nanos().max(1);
    let deploy = scenario.warm_up.as_nanos() / slot;
    let horizon = (scenario.warm_up.as_nanos() + scenario.horizon.as_nanos()) / slot;
    deploy as usize + 1..horizon as usize + 2
}
