//! The policies every score is framed by: doing nothing, always going back, knowing, and guessing.
//!
//! `never` leaves the rollout alone; `always` rolls back at its first tick, the deploy; `oracle` rolls back at the
//! first harmed request, which only the replication can tell it; `random` rolls back at any tick with a small chance,
//! which is what a policy is worth that looks at nothing.
//!
//! Traps: `oracle` is the best *detector*, not always the cheapest policy (going back has a price too), so reports
//! compare with the cheapest of `never`, `always` and `oracle`.

use super::loaded::Loaded;
use super::{Observation, Policy, Start, Truth, Verdict};
use crate::telemetry::naming::{Engine, Naming};
use crate::time::{SimDuration, SimTime};

/// Time between the ticks of `random`.
pub const TICK: SimDuration = SimDuration::from_secs(15);

/// Chance of a rollback at one tick of `random`: one an hour on average.
pub const CHANCE: f64 = 1.0 / 240.0;

/// Which reference policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    /// Never rolls back.
    Never,
    /// Rolls back at the deploy.
    Always,
    /// Rolls back at the first harmed request.
    Oracle,
    /// Rolls back at a random tick.
    Random,
}

impl Reference {
    /// All of them.
    pub const ALL: [Reference; 4] =
        [Reference::Never, Reference::Always, Reference::Oracle, Reference::Random];

    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Reference::Never => "never",
            Reference::Always => "always",
            Reference::Oracle => "oracle",
            Reference::Random => "random",
        }
    }

    /// One line on what it does.
    pub const fn summary(self) -> &'static str {
        match self {
            Reference::Never => "never rolls back",
            Reference::Always => "rolls every release back at once",
            Reference::Oracle => "rolls back at the first harmed request",
            Reference::Random => "rolls back at a random moment, one an hour on average",
        }
    }

    /// The policy. The oracle knows nothing yet; the replication [informs](Policy::inform) it.
    pub fn policy(self) -> Box<dyn Policy> {
        let next_tick = SimTime::NEVER;
        Box::new(Player { kind: self, first_harm: None, next_tick })
    }

    /// The policy as if it had been loaded from a file.
    pub fn loaded(self) -> Loaded {
        Loaded {
            name: self.name().to_owned(),
            source: format!("reference:{}", self.name()),
            engine: Engine::Reference,
            identity: format!("reference/{}", self.name()),
            summary: self.summary().to_owned(),
            prototype: self.policy(),
            queries: Vec::new(),
            checks: Vec::new(),
            rollout: None,
            rollback: None,
            naming: Naming::native("app").with_engine(Engine::Reference),
            needs_truth: self == Reference::Oracle,
            tells_only: false,
            unsupported: Vec::new(),
            stand_ins: Vec::new(),
            reading: vec![format!("{}.", self.summary())],
        }
    }
}

#[derive(Clone, Debug)]
struct Player {
    kind: Reference,
    first_harm: Option<SimTime>,
    next_tick: SimTime,
}

impl Player {
    fn decides(&self, o: &Observation<'_>) -> bool {
        match self.kind {
            Reference::Never => false,
            Reference::Always => true,
            Reference::Oracle => {
                let truth = o.truth.and_then(|truth| truth.first_harm).or(self.first_harm);
                truth.is_some_and(|first_harm| o.now >= first_harm)
            }
            Reference::Random => o.chance < CHANCE,
        }
    }
}

impl Policy for Player {
    fn start(&mut self, start: &Start) {
        self.next_tick = match self.kind {
            Reference::Never => SimTime::NEVER,
            Reference::Always => start.deploy_at,
            Reference::Oracle => self.first_harm.map_or(SimTime::NEVER, |at| at.max(start.deploy_at)),
            Reference::Random => start.deploy_at + TICK.scale(start.phase),
        };
    }

    fn inform(&mut self, truth: &Truth) {
        self.first_harm = truth.first_harm;
        if self.kind == Reference::Oracle {
            self.next_tick = truth.first_harm.unwrap_or(SimTime::NEVER);
        }
    }

    fn next_tick(&self) -> SimTime {
        self.next_tick
    }

    fn observe(&mut self, o: &mut Observation<'_>) -> Verdict {
        if o.now < self.next_tick {
            return Verdict::Continue;
        }
        if self.decides(o) {
            self.next_tick = SimTime::NEVER;
            return Verdict::RollBack { reasons: vec![self.kind.name().to_owned()] };
        }
        self.next_tick = match self.kind {
            Reference::Random => o.now + TICK,
            _ => SimTime::NEVER,
        };
        Verdict::Continue
    }

    fn may_resume(&self) -> bool {
        false
    }

    fn boxed(&self) -> Box<dyn Policy> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Truth;
    use crate::policy::bench::{Bench, at};

    fn oracle(first_harm: Option<SimTime>) -> Box<dyn Policy> {
        let mut policy = Reference::Oracle.policy();
        policy.inform(&Truth { first_harm });
        policy
    }

    fn back(name: &str) -> Verdict {
        Verdict::RollBack { reasons: vec![name.to_owned()] }
    }

    #[test]
    fn never_is_never_asked_and_always_acts_at_the_deploy() {
        let never = Bench::new(Reference::Never.policy(), false);
        assert_eq!(never.policy.next_tick(), SimTime::NEVER);
        let mut always = Bench::new(Reference::Always.policy(), false);
        assert_eq!(always.tick(vec![]), (at(0), back("always")));
        assert_eq!(always.policy.next_tick(), SimTime::NEVER);
    }

    #[test]
    fn the_oracle_acts_at_the_first_harm_and_not_without() {
        let mut knowing = Bench::new(oracle(Some(at(7))), false);
        knowing.truth = Some(Truth { first_harm: Some(at(7)) });
        assert_eq!(knowing.tick(vec![]), (at(7), back("oracle")));
        assert_eq!(Bench::new(oracle(None), false).policy.next_tick(), SimTime::NEVER);
        assert!(Reference::Oracle.loaded().needs_truth && !Reference::Always.loaded().needs_truth);
    }

    #[test]
    fn random_acts_when_its_draw_is_small() {
        let mut random = Bench::new(Reference::Random.policy(), false);
        random.chance = CHANCE;
        assert_eq!(random.tick(vec![]), (at(0), Verdict::Continue));
        random.chance = CHANCE / 2.0;
        assert_eq!(random.tick(vec![]), (at(15), back("random")));
    }
}
