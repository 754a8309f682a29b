//! When triggers and trees are evaluated: at one interval, or at others as a release grows older.
//!
//! The interval in force at an evaluation is the distance to the next one, so a change of pace takes effect after the
//! last evaluation at the old one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::time::{SimDuration, SimTime};

/// One pace of a schedule (`evaluate: [{every: 10s, for: 1h}, {every: 60s}]`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// Time between evaluations.
    pub every: SimDuration,
    /// How long this goes on, from the deploy or from the end of the phase before; the last one has no end.
    #[serde(default, rename = "for")]
    pub lasts: Option<SimDuration>,
}

/// A pace that is taken up later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Later {
    /// From how long after the deploy on.
    pub from: SimDuration,
    /// Time between evaluations.
    pub every: SimDuration,
}

/// The first interval of a schedule and the later ones; a single interval if no phases are given.
pub fn paces(every: SimDuration, phases: &[Phase]) -> (SimDuration, Vec<Later>) {
    let Some((first, rest)) = phases.split_first() else { return (every, Vec::new()) };
    let mut from = first.lasts.unwrap_or(SimDuration::ZERO);
    let mut later = Vec::new();
    for phase in rest {
        later.push(Later { from, every: phase.every });
        from += phase.lasts.unwrap_or(SimDuration::ZERO);
    }
    (first.every, later)
}

/// When something is evaluated.
#[derive(Clone, Debug)]
pub(in crate::policy) struct Clock {
    every: SimDuration,
    later: Vec<Later>,
    deploy_at: SimTime,
    origin: SimTime,
    next: SimTime,
}

impl Clock {
    /// A clock that never rings before its start.
    pub(in crate::policy) fn new(every: SimDuration, later: &[Later]) -> Self {
        let later = later.to_vec();
        Clock { every, later, deploy_at: SimTime::ZERO, origin: SimTime::ZERO, next: SimTime::NEVER }
    }

    /// The deploy: the first evaluation is the first of the grid at or after `start_after`.
    pub(in crate::policy) fn start(&mut self, deploy_at: SimTime, phase: f64, start_after: SimDuration) {
        self.deploy_at = deploy_at;
        self.origin = deploy_at + self.every.scale(phase);
        self.resume(deploy_at + start_after);
    }

    /// The next evaluation is the first of the grid in force at or after `at`.
    pub(in crate::policy) fn resume(&mut self, at: SimTime) {
        self.next = super::on_grid(self.origin, self.interval(at), at);
    }

    /// An evaluation takes place now.
    pub(in crate::policy) fn tick(&mut self, now: SimTime) {
        self.next = now + self.interval(now);
    }

    /// When the next one is.
    pub(in crate::policy) fn next(&self) -> SimTime {
        self.next
    }

    fn interval(&self, at: SimTime) -> SimDuration {
        let age = at.since(self.deploy_at);
        self.later.iter().rev().find(|later| later.from <= age).map_or(self.every, |later| later.every)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(n: u64) -> SimDuration {
        SimDuration::from_secs(n)
    }

    #[test]
    fn every_ten_seconds_for_a_minute_then_every_minute() {
        let phases = [
            Phase { every: seconds(10), lasts: Some(seconds(60)) },
            Phase { every: seconds(30), lasts: Some(seconds(60)) },
            Phase { every: seconds(60), lasts: None },
        ];
        let (every, later) = paces(seconds(15), &phases);
        let mut clock = Clock::new(every, &later);
        assert_eq!(clock.next(), SimTime::NEVER);
        let deploy = SimTime::ZERO + seconds(600);
        clock.start(deploy, 0.5, SimDuration::ZERO);
        let mut ticks = Vec::new();
        for _ in 0..12 {
            ticks.push(clock.next().since(deploy).as_secs_f64() as u64);
            clock.tick(clock.next());
        }
        assert_eq!(ticks, [5, 15, 25, 35, 45, 55, 65, 95, 125, 185, 245, 305]);
        clock.resume(deploy + seconds(400));
        assert_eq!(
            clock.next(),
            deploy + seconds(425),
            "the grid of the pace in force, from the first origin"
        );
    }

    #[test]
    fn without_phases_there_is_one_interval() {
        assert_eq!(paces(seconds(15), &[]), (seconds(15), Vec::new()));
        let mut clock = Clock::new(seconds(15), &[]);
        clock.start(SimTime::ZERO, 0.0, seconds(40));
        assert_eq!(clock.next(), SimTime::ZERO + seconds(45));
    }
}
