//! How often a policy rolls back a good release, where that is too rare to be seen in plain replications.
//!
//! The healthy release of one scenario is played with one policy in worlds whose luck leans for a while after the deploy
//! ([`crate::world::luck`]); each false rollback counts with the likelihood ratio of its replication ([`crate::stats::rare`]).
//! Which luck helps is searched first, with replications of their own, policy by policy: a policy that looks at errors needs
//! other luck than one that looks at latency.
//!
//! Where it does not apply, and says so: at request level (each request has draws of its own, too many to lean); where the
//! effective number of events stays below [`LEAST_EFFECTIVE`](crate::stats::rare::LEAST_EFFECTIVE) (the estimate is refused); and where no event is seen in the
//! search (plain replications then give an upper limit). What only lost scrapes, failing queries, latency buckets, quick noise, spikes or
//! the parameters of circumstances bring about does not get more frequent by leaning: it is seen in the plain tenth of the
//! replications, or not at all.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rayon::prelude::*;
use serde::Serialize;

use super::{Progress, StudyError};
use crate::policy::loaded::Loaded;
use crate::replication::leaning::{self, Course, Seat};
use crate::replication::name::Name;
use crate::replication::prepared::{PrepareOptions, Prepared};
use crate::rng::{Key, Purpose};
use crate::scenario::Scenario;
use crate::stats::rare::{Proposal, RareShare, Run, weigh};
use crate::stats::rare_search::{Found, search};
use crate::time::SimDuration;
use crate::world::luck::{Luck, Strand, strands};

/// Confidence of the intervals.
const CONFIDENCE: f64 = 0.95;
/// Numbers of replications from here on are pilots': none of them is in an estimate.
const PILOTS: u32 = 1 << 31;

/// What is asked.
pub struct Question<'q> {
    /// The scenario.
    pub scenario: &'q Arc<Scenario>,
    /// Who watches.
    pub policies: &'q [Loaded],
    /// Seed of all randomness.
    pub seed: u64,
    /// Replications of each policy that enter the estimate.
    pub replications: u32,
    /// Replications of each step of the search.
    pub each: u32,
    /// Threads.
    pub jobs: NonZeroUsize,
    /// How policies are bound.
    pub prepare: PrepareOptions,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum RareError {
    /// The policies cannot be played.
    #[error(transparent)]
    Study(#[from] StudyError),
    /// Each request is an event.
    #[error("`{0}` is played request by request, where luck cannot lean")]
    RequestLevel(String),
}

/// What became of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The interval can be trusted.
    Known,
    /// Too few effective events, or one that is too much of the estimate: no figure.
    Refused,
    /// No event was seen: only an upper limit is known.
    NeverSeen,
}

/// How often a policy rolls back a good release.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rarity {
    /// The policy.
    pub policy: String,
    /// Whether the figure is one.
    pub standing: Standing,
    /// The share of good releases rolled back, its interval, and the effective sample size.
    pub share: RareShare,
    /// How many plain replications would have the same relative error.
    pub worth: Option<f64>,
    /// The luck that was drawn from, strand by strand, in standard deviations a slot.
    pub luck: Vec<(String, f64)>,
    /// How long it leans.
    pub lasts: SimDuration,
    /// Replications of the search, and false rollbacks seen in it.
    pub searched: (u64, usize),
}

/// One policy at its place.
struct Watched<'a> {
    prepared: &'a Prepared,
    seat: Seat,
    strands: Vec<Strand>,
    slots: Range<usize>,
    progress: &'a Progress,
}

impl Watched<'_> {
    /// One replication drawn from this proposal.
    fn run(&self, proposal: &Proposal, number: u32) -> Run {
        let key = Key::root(self.prepared.seed, &self.prepared.scenario.name).replication(number);
        let burst = proposal.burst(key.purpose(Purpose::Leaning).uniform());
        let luck = burst.map(|burst| Luck {
            shifts: self.strands.iter().copied().zip(proposal.shifts.iter().copied()).collect(),
            from: self.slots.start + burst.start,
            until: self.slots.start + burst.end,
        });
        self.progress.done.fetch_add(1, Ordering::Relaxed);
        match leaning::play_healthy(self.prepared, self.seat, number, luck.as_ref(), &self.strands) {
            Course::NotStarted => Run::Void,
            Course::Quiet => Run::Quiet,
            Course::Decided { scores, .. } => Run::Event(scores),
        }
    }

    fn runs(&self, proposal: &Proposal, numbers: Range<u32>) -> Vec<Run> {
        numbers.into_par_iter().map(|number| self.run(proposal, number)).collect()
    }

    /// Searches for luck that helps, and counts.
    fn answer(&self, policy: &str, replications: u32, each: u32) -> Rarity {
        let directions = directions(&self.strands);
        let pilot = |proposal: &Proposal, numbers: Range<u32>| {
            let numbers = PILOTS.saturating_add(numbers.start)..PILOTS.saturating_add(numbers.end);
            Ok::<_, std::convert::Infallible>(self.runs(proposal, numbers))
        };
        let Ok(found) = search((&directions, self.slots.len()), each, pilot);
        let plain = || Found {
            proposal: Proposal::plain(self.strands.len(), self.slots.len()),
            runs: self.progress.done(),
            events: 0,
        };
        let found = found.unwrap_or_else(plain);
        let proposal = &found.proposal;
        let (weights, counted) = weigh(proposal, &self.runs(proposal, 0..replications));
        let share = RareShare::of(&weights, counted, proposal.plain, CONFIDENCE);
        let standing = match share.events {
            0 => Standing::NeverSeen,
            _ if share.is_degenerate() => Standing::Refused,
            _ => Standing::Known,
        };
        let named = self.strands.iter().zip(&proposal.shifts).filter(|(_, shift)| **shift != 0.0);
        Rarity {
            policy: policy.to_owned(),
            standing,
            share,
            worth: (standing == Standing::Known).then(|| share.worth()).filter(|worth| worth.is_finite()),
            luck: named.map(|(strand, shift)| (name(*strand), *shift)).collect(),
            lasts: self.prepared.scenario.world.slot * proposal.length as u64,
            searched: (found.runs, found.events),
        }
    }
}

impl Question<'_> {
    /// Replications in all, about: what the bar goes by.
    #[must_use]
    pub fn total(&self) -> u64 {
        let directions = directions(&strands(&self.scenario.world)).len() as u64;
        let searched = u64::from(self.each) * (1 + 16 * directions + 12);
        self.policies.len() as u64 * (searched + u64::from(self.replications))
    }

    /// Answers for each policy, in their order on their rollouts.
    ///
    /// # Errors
    /// When a policy cannot be bound to the scenario, threads do not start, or the scenario is played at request level.
    pub fn answer(&self, progress: &Progress) -> Result<Vec<Rarity>, RareError> {
        if !self.scenario.is_flow() {
            return Err(RareError::RequestLevel(self.scenario.name.clone()));
        }
        let prepared = Prepared::new(Arc::clone(self.scenario), self.policies, self.seed, self.prepare)
            .map_err(StudyError::Binding)?;
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(self.jobs.get())
            .build()
            .map_err(StudyError::Threads)?;
        let of = |(seat, policy): (Seat, Name)| {
            let watched = Watched {
                prepared: &prepared,
                seat,
                strands: strands(&self.scenario.world),
                slots: leaning::slots(&prepared),
                progress,
            };
            pool.install(|| watched.answer(&policy, self.replications, self.each))
        };
        Ok(leaning::seats(&prepared).into_iter().map(of).collect())
    }
}

/// What bad luck is to begin with: more errors, more of them at the candidate, slower pods, more and less traffic.
fn directions(strands: &[Strand]) -> Vec<Vec<f64>> {
    let vector = |weight: &dyn Fn(Strand) -> f64| strands.iter().map(|strand| weight(*strand)).collect();
    let traffic = |sign: f64| {
        move |strand: Strand| match strand {
            Strand::Arrivals | Strand::TrafficNoise(_) => sign,
            _ => 0.0,
        }
    };
    let is = |yes: bool| if yes { 1.0 } else { 0.0 };
    let mut all: Vec<Vec<f64>> = vec![
        vector(&|s| is(matches!(s, Strand::Failures | Strand::CandidateFailures | Strand::ErrorNoise))),
        vector(&|s| is(matches!(s, Strand::Failures | Strand::ErrorNoise))),
        vector(&|s| is(s == Strand::CandidateFailures)),
        vector(&|s| is(matches!(s, Strand::TimeNoise | Strand::PodNoise(_)))),
        vector(&|s| is(matches!(s, Strand::PodNoise(_)))),
        vector(&traffic(1.0)),
        vector(&traffic(-1.0)),
    ];
    all.retain(|direction| direction.iter().any(|weight| *weight != 0.0));
    all.dedup();
    all
}

fn name(strand: Strand) -> String {
    match strand {
        Strand::Arrivals => "arrivals".to_owned(),
        Strand::Failures => "errors".to_owned(),
        Strand::CandidateFailures => "errors at the candidate".to_owned(),
        Strand::ErrorNoise => "noise of the error ratio".to_owned(),
        Strand::TimeNoise => "noise of the service time".to_owned(),
        Strand::PodNoise(ordinal) => format!("noise of candidate pod {ordinal}"),
        Strand::TrafficNoise(source) => format!("noise of traffic source {source}"),
    }
}
