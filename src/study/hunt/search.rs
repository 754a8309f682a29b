//! The search: many drawn worlds, few replications each; more for the better ones; then small changes of the best.
//!
//! *Cells* keep the search wide: there is one for each kind of event that can be the cause (and one for worlds in which
//! nothing happens), all get the same number of worlds, and the best of each goes on. Inside of a cell worlds are drawn swarm
//! style (Groce et al. 2012, "Swarm Testing": random subsets of features find what all features at once hide): other events
//! and settings are switched on at random. Half of the budget is drawn so and thinned out by successive halving (Jamieson
//! and Talwalkar 2016), keeping a third at each of three rungs; the other half is a (1+4) evolution strategy around the
//! best of each cell. All worlds meet the same luck, so differences are the worlds'.
//!
//! Trap: the best of many is partly lucky. Nothing here is a finding; findings are played again on other luck.

use rayon::prelude::*;

use super::account::Tried;
use super::judge::{Judge, Tally};
use super::kind::pick;
use super::world::{Stage, World};
use super::yaml;
use crate::rng::{Key, Stream};
use crate::study::Progress;

/// The name that keys the luck of all worlds of the search.
pub(super) const NAME: &str = "hunt/search";
/// Replications of a world after each rung; at request level a third.
const RUNGS: [u32; 3] = [4, 12, 36];
/// Children of a generation.
const CHILDREN: u64 = 4;

/// A part of the search: worlds with one kind of cause.
pub(super) struct Cell {
    /// The kind; `None` for worlds without one.
    pub(super) principal: Option<usize>,
    /// One of these is in each world as well, where the cause is none itself and the measure needs a bad release.
    pub(super) faults: Vec<usize>,
    /// How likely each setting is otherwise.
    pub(super) otherwise: f64,
}

/// A world that was played.
#[derive(Clone)]
pub(super) struct Scored {
    pub(super) world: World,
    pub(super) tally: Tally,
}

/// What is searched, and with what.
pub(super) struct Search<'s> {
    pub(super) stage: &'s Stage,
    pub(super) judge: &'s Judge<'s>,
    pub(super) cells: &'s [Cell],
    /// Kinds that may be in a world beside its cause.
    pub(super) others: &'s [usize],
    pub(super) key: Key,
    /// Worlds in all.
    pub(super) budget: u32,
    pub(super) progress: &'s Progress,
}

impl Search<'_> {
    /// The best world of each cell, where one can be played.
    pub(super) fn run(&self, tried: &mut Tried) -> Vec<Option<Scored>> {
        let cells = self.cells.len().max(1) as u32;
        let drawn = (self.budget / 2).div_ceil(cells).max(1);
        let grown = (self.budget / cells).saturating_sub(drawn);
        let numbers: Vec<usize> = (0..self.cells.len()).collect();
        let found: Vec<(Option<Scored>, Tried)> = numbers
            .par_iter()
            .map(|number| {
                let mut own = Tried::default();
                let best = self.explore(*number, drawn, &mut own);
                (self.improve(*number, best, grown, &mut own), own)
            })
            .collect();
        let keep = |(best, own): (Option<Scored>, Tried)| {
            tried.add(own);
            best
        };
        found.into_iter().map(keep).collect()
    }

    fn stream(&self, cell: usize, phase: u64, number: u64) -> Stream {
        self.key.id(cell as u64).id(phase).id(number).stream()
    }

    /// Drawn worlds, thinned out rung by rung.
    fn explore(&self, number: usize, count: u32, tried: &mut Tried) -> Option<Scored> {
        let cell = self.cells.get(number)?;
        let one = |index: u32| {
            let mut stream = self.stream(number, 0, u64::from(index));
            let mut world = self.stage.draw(cell.principal, self.others, cell.otherwise, &mut stream);
            let fault = pick(&cell.faults, &mut stream).copied();
            world.members.extend(fault.and_then(|kind| self.stage.member(kind, &mut stream)));
            world
        };
        let worlds: Vec<World> = (0..count).map(one).collect();
        let mut left = self.all(worlds, 0..self.rung(0), tried);
        for rung in 1..RUNGS.len() {
            sort(self.judge, &mut left);
            left.truncate(left.len().div_ceil(3));
            for scored in &mut left {
                if let Ok(more) = self.tally(&scored.world, self.rung(rung - 1)..self.rung(rung)) {
                    tried.replications += u64::from(more.played);
                    scored.tally.add(more);
                }
            }
        }
        sort(self.judge, &mut left);
        left.into_iter().next()
    }

    /// Small changes of the best; a child that does better takes its place.
    fn improve(&self, number: usize, best: Option<Scored>, count: u32, tried: &mut Tried) -> Option<Scored> {
        let mut best = best?;
        let principal = self.cells.get(number)?.principal.is_some();
        // Parent and children are compared on the same replications.
        best.tally = self.tally(&best.world, 0..self.rung(1)).ok()?;
        tried.replications += u64::from(best.tally.played);
        for generation in 0..u64::from(count) / CHILDREN {
            let child = |index: u64| {
                let mut stream = self.stream(number, 1, generation * CHILDREN + index);
                self.stage.vary(&best.world, principal, self.others, &mut stream)
            };
            let worlds: Vec<World> = (0..CHILDREN).map(child).collect();
            let mut children = self.all(worlds, 0..self.rung(1), tried);
            sort(self.judge, &mut children);
            if let Some(first) = children.into_iter().next()
                && rank(self.judge, &first) > rank(self.judge, &best)
            {
                best = first;
            }
        }
        Some(best)
    }

    /// Plays worlds that were not played yet.
    fn all(&self, worlds: Vec<World>, numbers: std::ops::Range<u32>, tried: &mut Tried) -> Vec<Scored> {
        let one = |world: World| {
            let played = self.tally(&world, numbers.clone());
            self.progress.one_more();
            (world, played)
        };
        let played: Vec<(World, Result<Tally, String>)> = worlds.into_par_iter().map(one).collect();
        let keep = |(world, played): (World, Result<Tally, String>)| {
            tried.world(self.stage, &world, played.as_ref().ok());
            Some(Scored { world, tally: played.ok()? })
        };
        played.into_iter().filter_map(keep).collect()
    }

    fn tally(&self, world: &World, numbers: std::ops::Range<u32>) -> Result<Tally, String> {
        let text = yaml::text(&self.stage.document(world));
        let ready = self.judge.ready(NAME, &text)?;
        Ok(self.judge.play(&ready, numbers, 0.0, false))
    }

    fn rung(&self, number: usize) -> u32 {
        let count = RUNGS.get(number).copied().unwrap_or(1);
        if self.judge.requests { count.div_ceil(3) } else { count }
    }
}

/// What an event beside the cause costs in the rank of a world: it must make the failure this much more frequent (or larger, for
/// measures of more or less). Else the worst world of every kind would be one with the same strong company.
const COMPANY: f64 = 0.25;
/// What a setting that is otherwise costs.
const SETTING: f64 = 0.02;

/// What makes one world worse than another: how often the failure shows and its amount second, or the mean amount, less what
/// the world needs for it.
fn rank(judge: &Judge<'_>, scored: &Scored) -> f64 {
    let events = scored.world.members.len().saturating_sub(1) as f64;
    let cost = COMPANY * events + SETTING * scored.world.settings.len() as f64;
    let mean = scored.tally.mean();
    if judge.measure.is_yes_or_no() {
        scored.tally.share() + 0.25 * mean / (mean + 600.0) - cost
    } else {
        mean / (1.0 + cost)
    }
}

fn sort(judge: &Judge<'_>, worlds: &mut [Scored]) {
    worlds.sort_by(|one, other| rank(judge, other).total_cmp(&rank(judge, one)));
}
