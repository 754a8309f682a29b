//! What processes find missing in their environment: variables, configuration files, secrets.
//!
//! A process reads its environment when it starts, so who started before a variable was deleted has it still, and whoever
//! starts afterwards lacks it: pods that never stopped are a sound way back where new pods of the same revision
//! are not. Where configuration is *reloaded*, running processes lack it too.
//!
//! Traps: what the old revision lacks, every older one lacks as well, but not a fix of the new one; fresh pods of the
//! old revision beside the candidate (a baseline) are new processes. Of several things missing the worst counts.

use super::{Acting, Conditions};
use crate::effect::{Revision, WorldDisturbance};
use crate::time::SimTime;

/// Something that is missing at present.
#[derive(Clone, Copy, Debug)]
pub(super) struct Missing {
    from: SimTime,
    revision: Revision,
    share: f64,
    at_start: bool,
    reloads: bool,
}

impl Missing {
    fn hits_process(&self, started_at: SimTime) -> bool {
        self.reloads || started_at >= self.from
    }
}

impl Acting {
    pub(super) fn add_missing(&mut self, from: SimTime, what: &WorldDisturbance) {
        if let WorldDisturbance::MissingEnv { revision, share, at_start, reloads } = *what {
            self.missing.push(Missing { from, revision, share: share.get(), at_start, reloads });
        }
    }
}

impl Conditions {
    /// Whether anything is missing in any environment.
    pub fn any_missing(&self) -> bool {
        !self.acting.missing.is_empty()
    }

    fn missing(&self, of: Revision) -> impl Iterator<Item = &Missing> {
        let as_old = of == Revision::Other && !self.third_is_fix;
        let needs = move |m: &&Missing| m.revision == of || as_old && m.revision == Revision::Stable;
        self.acting.missing.iter().filter(needs)
    }

    /// Share of the requests that fail in a process of a revision that started then, because of what it lacks.
    pub fn lacks(&self, revision: Revision, started_at: SimTime) -> f64 {
        let hit = self.missing(revision).filter(|m| !m.at_start && m.hits_process(started_at));
        hit.map(|m| m.share).fold(0.0, f64::max)
    }

    /// Whether a process of a revision that starts now exits at once, because of what it lacks.
    pub fn exits_at_start(&self, revision: Revision) -> bool {
        self.missing(revision).any(|m| m.at_start)
    }

    /// Whether the change takes, or will take, something away from processes of the old revision.
    pub fn burdens_old_processes(&self) -> bool {
        self.faults.iter().any(|fault| fault.what.is_of_old())
    }

    /// Whether requests of the old revision may fail because of the change.
    pub fn reaches_old(&self) -> bool {
        !self.residues.is_empty() || self.burdens_old_processes()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::quantity::Ratio;
    use crate::time::SimDuration;
    use crate::world::spec::Timed;

    fn at(seconds: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_secs(seconds)
    }

    fn after(revision: Revision, at_start: bool, reloads: bool) -> Conditions {
        let share = Ratio::new(0.4).unwrap();
        let what = WorldDisturbance::MissingEnv { revision, share, at_start, reloads };
        let mut conditions = Conditions::new(1, Arc::new([]));
        conditions.deploy(Arc::new([Timed { from: at(10), until: SimTime::NEVER, what }]), at(5));
        conditions
    }

    #[test]
    fn who_started_before_has_it_still() {
        let mut conditions = after(Revision::Stable, false, false);
        assert_eq!(conditions.lacks(Revision::Stable, at(30)), 0.0, "nothing is missing yet");
        conditions.refresh(at(10));
        let lacks = |started| conditions.lacks(Revision::Stable, at(started));
        assert_eq!((lacks(0), lacks(10), lacks(30)), (0.0, 0.4, 0.4));
        assert_eq!(conditions.lacks(Revision::Candidate, at(30)), 0.0);
        assert!(!conditions.exits_at_start(Revision::Stable) && conditions.burdens_old_processes());
    }

    #[test]
    fn what_is_read_again_is_missing_everywhere() {
        let mut conditions = after(Revision::Stable, false, true);
        conditions.refresh(at(10));
        assert_eq!(conditions.lacks(Revision::Stable, at(0)), 0.4);
    }

    #[test]
    fn an_older_revision_lacks_it_too_and_a_fix_does_not() {
        let mut conditions = after(Revision::Stable, true, false);
        conditions.refresh(at(10));
        assert!(conditions.exits_at_start(Revision::Other));
        conditions.third_is_fix = true;
        assert!(!conditions.exits_at_start(Revision::Other));
        assert_eq!(conditions.lacks(Revision::Stable, at(20)), 0.0, "a process that never ran fails nothing");
    }
}
