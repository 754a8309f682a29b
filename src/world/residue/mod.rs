//! What a release leaves behind that no pod holds: entries of shared state, and what clients keep.
//!
//! Both are *mixes* of two kinds, new and old, in a well-mixed store. With `n` entries of the new kind, `o` of the old
//! one, gains `g` and `h` per second and a rate `r` at which every entry goes (it expires, or is overwritten),
//!
//! ```text
//! dn/dt = g - r n        do/dt = h - r o        share of the new kind = n / (n + o)
//! ```
//!
//! which between two changes of pods, weights or load has the solution `n(t) = n0 e^(-rt) + (g/r)(1 - e^(-rt))`
//! ([`mix`]).
//!
//! * **Shared state** (sessions, a cache, a queue) whose format the new revision changes: every request writes one entry in
//!   the format of the revision that serves it (copies that a router makes of requests too), and an entry lives for
//!   the mean time `T`. So `g` and `h` are the requests per second served by revisions that write the new and the old
//!   format, `r = 1/T`, and the store begins full of old entries, `o = T x` the rate of the deploy. Under constant
//!   load the share follows `dc/dt = (s - c)/T`, `s` the candidate's share of the traffic; after a rollback it decays
//!   as `e^(-t/T)`. A request that reads an entry it cannot decode fails.
//! * **Clients** that keep what they fetched: each fetches every `F` seconds on average, and what is bad is replaced
//!   with the half-life `H`. With the share `s` of the traffic on a revision that hands out the bad kind and `u` on one
//!   that does not, `g = s/F`, `h = u ln 2/H`, `r = g + h`; the share of clients with the bad kind decays as
//!   `2^(-t/H)` once nobody hands it out any more. Their requests fail wherever they are served.
//!
//! The third revision is like the old one if it is older; a fix of the new one reads and writes the new format and hands out
//! nothing bad.
//!
//! Traps: the rollback does not end this, only time does: `restored` (traffic and capacity) comes before users are well.
//! The mix follows the *expected* requests, at both levels. A request that cannot read an entry does not mend it, and
//! which entry it reads is not remembered: users fail alike at shared state, but a client that holds something bad
//! fails again and again. Where nobody serves nothing is written, and entries go all the same.

pub mod mix;

use std::sync::Arc;

use super::conditions::Conditions;
use super::database::revision_shares;
use super::spec::TimedDisturbance;
use super::{Common, World};
use crate::effect::{Destination, Revision, WorldDisturbance};
use crate::rng::{Key, Purpose};
use crate::time::SimTime;

use mix::Mix;

/// A share below this is none: less than one request in a thousand millions.
const NONE_LEFT: f64 = 1e-9;

/// Which mix it is, and how requests meet it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Law {
    /// Entries of shared state.
    Store {
        /// Share of the requests that read an entry.
        reads: f64,
        /// Mean time an entry lives, in seconds.
        lifetime: f64,
        /// Whether the new revision reads what the old one wrote.
        new_reads_old: bool,
    },
    /// What clients keep.
    Clients {
        /// Share of the requests of a client with something bad that fail.
        fails: f64,
        /// Mean time between two fetches, in seconds.
        every: f64,
        /// Seconds after which half of those with something bad have replaced it.
        half_life: f64,
        /// Tells which clients come first from other choices.
        salt: u64,
    },
}

impl Law {
    fn of(what: &WorldDisturbance) -> Option<(Law, Revision)> {
        match *what {
            WorldDisturbance::StateFormat { revision, reads, lifetime, new_reads_old } => {
                let lifetime = lifetime.as_secs_f64().max(1e-3);
                Some((Law::Store { reads: reads.get(), lifetime, new_reads_old }, revision))
            }
            WorldDisturbance::BadFetch { revision, fails, every, half_life, salt } => {
                let (every, half_life) = (every.as_secs_f64().max(1e-3), half_life.as_secs_f64().max(1e-3));
                Some((Law::Clients { fails: fails.get(), every, half_life, salt }, revision))
            }
            _ => None,
        }
    }

    fn is_like(&self, other: &Law) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

/// One mix with whoever spoils it.
#[derive(Clone, Debug)]
struct Residue {
    law: Law,
    from: SimTime,
    until: SimTime,
    /// Whether the candidate and the third revision have the fault.
    spoiled_by: [bool; 2],
    mix: Mix,
}

impl Residue {
    fn new(law: Law, timed: &TimedDisturbance, rate: f64) -> Self {
        let old = match law {
            Law::Store { lifetime, .. } => rate * lifetime,
            Law::Clients { .. } => 1.0,
        };
        Residue { law, from: timed.from, until: timed.until, spoiled_by: [false; 2], mix: Mix::of_old(old) }
    }

    /// Whether a revision has the fault itself.
    fn spoils(&self, revision: Revision) -> bool {
        match revision {
            Revision::Stable => false,
            Revision::Candidate => self.spoiled_by[0],
            Revision::Other => self.spoiled_by[1],
        }
    }

    /// Whether a revision knows the new format.
    fn knows_new(&self, revision: Revision, third_is_fix: bool) -> bool {
        self.spoils(revision) || revision == Revision::Other && third_is_fix && self.spoiled_by[0]
    }

    fn set_flows(&mut self, at: SimTime, flows: &Flows, third_is_fix: bool) {
        let acts = self.from <= at && at < self.until;
        let sum = |of: &[f64; Revision::COUNT], new: bool, is_new: &dyn Fn(Revision) -> bool| -> f64 {
            let chosen = Revision::ALL.into_iter().filter(|r| (acts && is_new(*r)) == new);
            chosen.map(|r| of[r as usize]).sum()
        };
        match self.law {
            Law::Store { lifetime, .. } => {
                let knows = |revision| self.knows_new(revision, third_is_fix);
                let gains = [sum(&flows.writes, true, &knows), sum(&flows.writes, false, &knows)];
                self.mix.set(gains, 1.0 / lifetime);
            }
            Law::Clients { every, half_life, .. } => {
                let spoils = |revision| self.spoils(revision);
                let bad = sum(&flows.shares, true, &spoils) / every;
                let good = sum(&flows.shares, false, &spoils) * std::f64::consts::LN_2 / half_life;
                self.mix.set([bad, good], bad + good);
            }
        }
    }

    /// Share of the requests of a revision that fail where this share of the mix is new.
    fn fails(&self, revision: Revision, share: f64, third_is_fix: bool) -> f64 {
        match self.law {
            Law::Store { reads, new_reads_old, .. } => {
                let unread_new = if self.knows_new(revision, third_is_fix) { 0.0 } else { share };
                let unread_old = if self.spoils(revision) && !new_reads_old { 1.0 - share } else { 0.0 };
                reads * (unread_new + unread_old)
            }
            Law::Clients { fails, .. } => fails * share,
        }
    }
}

/// Requests that reach pods of each revision.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flows {
    /// Share of the traffic.
    shares: [f64; Revision::COUNT],
    /// Requests per second that write an entry, copies among them.
    writes: [f64; Revision::COUNT],
}

/// A request where it is asked whether it fails.
pub struct Reader<'a> {
    /// The request.
    pub key: Key,
    /// The revision that serves it.
    pub revision: Revision,
    /// The name of its source and its user; `None` for load that no user sends.
    pub user: Option<(&'a str, u64)>,
}

/// Everything a release has left behind in one branch.
#[derive(Clone, Debug, Default)]
pub struct Residues {
    list: Vec<Residue>,
    third_is_fix: bool,
    at: SimTime,
}

impl Residues {
    /// Whether there is none, and never was.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// A revision exists from now on with these faults; what others left behind stays. `rate` is the usual rate of requests.
    pub(super) fn introduce(
        &mut self,
        revision: Revision,
        faults: &[TimedDisturbance],
        rate: f64,
        now: SimTime,
    ) {
        let place = usize::from(revision == Revision::Other);
        self.list.iter_mut().for_each(|residue| residue.spoiled_by[place] = false);
        self.at = now;
        for timed in faults {
            let Some((law, of)) = Law::of(&timed.what).filter(|(_, of)| *of == revision) else { continue };
            // A second revision with the same fault spoils the same store.
            let known = self.list.iter().position(|r| place == 1 && r.law.is_like(&law));
            let index = known.unwrap_or_else(|| {
                self.list.push(Residue::new(law, timed, rate));
                self.list.len() - 1
            });
            self.list[index].spoiled_by[usize::from(of == Revision::Other)] = true;
        }
    }

    /// Whether the third revision is a fix of the new one.
    pub(super) fn third_is_fix(&mut self, is_fix: bool) {
        self.third_is_fix = is_fix;
    }

    /// What reaches pods from now on.
    fn set_flows(&mut self, flows: &Flows) {
        let (at, third_is_fix) = (self.at, self.third_is_fix);
        self.list.iter_mut().for_each(|residue| residue.set_flows(at, flows, third_is_fix));
    }

    /// Adds the time up to now, in which nothing changed.
    fn settle(&mut self, now: SimTime) {
        let seconds = now.since(self.at).as_secs_f64();
        if seconds > 0.0 {
            self.list.iter_mut().for_each(|residue| residue.mix.settle(seconds));
            self.at = now;
        }
    }

    /// Share of the requests of a revision that failed because of it, on average over the last time that was added.
    pub fn mean_errors(&self, revision: Revision) -> f64 {
        let good = |residue: &Residue| 1.0 - residue.fails(revision, residue.mix.mean(), self.third_is_fix);
        1.0 - self.list.iter().map(good).product::<f64>()
    }

    /// Whether it fails this request now.
    pub fn fails(&self, reader: &Reader<'_>, now: SimTime) -> bool {
        let since = now.since(self.at).as_secs_f64();
        self.list.iter().enumerate().any(|(index, residue)| {
            let share = residue.mix.share_after(since);
            let luck = || reader.key.purpose(Purpose::Residue).id(index as u64).uniform();
            match residue.law {
                Law::Store { .. } => {
                    let fails = residue.fails(reader.revision, share, self.third_is_fix);
                    fails > 0.0 && luck() < fails
                }
                Law::Clients { fails, salt, .. } => {
                    // The clients with the lowest numbers hold it: always the same ones while the share stays.
                    let number = |(source, user): (&str, u64)| {
                        Key::root(salt, source).purpose(Purpose::Residue).id(user).uniform()
                    };
                    reader.user.is_some_and(|user| number(user) < share) && luck() < fails
                }
            }
        })
    }

    /// Share of the new kind in each mix now: entries in the new format, clients with something bad.
    pub fn shares(&self, now: SimTime) -> Vec<f64> {
        let since = now.since(self.at).as_secs_f64();
        self.list.iter().map(|residue| residue.mix.share_after(since)).collect()
    }

    /// Whether nothing is left that requests of the old revision could meet.
    pub fn is_gone(&self) -> bool {
        let met = |r: &Residue| r.fails(Revision::Stable, r.mix.share_after(0.0), self.third_is_fix);
        self.list.iter().all(|residue| met(residue) < NONE_LEFT)
    }

    /// Share of the users who ever held something bad of the fault `what`.
    pub(super) fn ever_held(&self, what: &WorldDisturbance) -> Option<f64> {
        let (law, _) = Law::of(what).filter(|(law, _)| matches!(law, Law::Clients { .. }))?;
        self.list.iter().find(|residue| residue.law == law).map(|residue| residue.mix.highest())
    }
}

impl World {
    /// Adds the time up to now to what the release leaves behind, before something changes.
    pub(super) fn settle_residue(&mut self) {
        if self.conditions.residues.is_empty() || self.conditions.residues.at >= self.now {
            return;
        }
        self.refresh_residue();
        self.conditions.residues.settle(self.now);
    }

    /// What reaches pods of each revision decides from now on what is left behind.
    pub(super) fn refresh_residue(&mut self) {
        if self.conditions.residues.is_empty() {
            return;
        }
        let flows = self.flows(self.conditions.residues.at);
        self.conditions.residues.set_flows(&flows);
    }

    fn flows(&self, at: SimTime) -> Flows {
        let shares = revision_shares(&self.cluster, &self.common.spec);
        let rate = request_rate(&self.common, &self.conditions, at);
        let mut writes = shares.map(|share| share * rate);
        let target = self.common.spec.target;
        if self.cluster.ready_behind(target, Destination::Candidate) > 0 {
            let stable = self.cluster.overall_shares(&self.common.spec)[Destination::Stable.index()];
            writes[Revision::Candidate as usize] += rate * stable * self.cluster.split.mirror;
        }
        Flows { shares, writes }
    }

    /// A revision of the target exists from now on.
    pub(super) fn begin_residue(&mut self, revision: Revision, faults: &Arc<[TimedDisturbance]>) {
        let rate = request_rate(&self.common, &self.conditions, self.now);
        self.conditions.residues.introduce(revision, faults, rate, self.now);
        self.refresh_residue();
    }

    /// Share of the new kind in each mix that the release leaves behind: entries in the new format, clients with
    /// something bad; in the order of the faults.
    pub fn residue(&self) -> Vec<f64> {
        self.conditions.residues.shares(self.now)
    }
}

/// Requests per second that reach the target, expected, at an instant.
fn request_rate(common: &Common, conditions: &Conditions, at: SimTime) -> f64 {
    let slot = common.climate.slot_of(at);
    let sources = common.spec.traffic.iter().zip(common.visits()).enumerate();
    let rates = sources.map(|(index, (source, visits))| {
        source.request_rate() * visits * common.climate.arrivals(index, slot) * source.shape.level(at)
    });
    rates.sum::<f64>() * conditions.arrival_factor(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantity::Ratio;
    use crate::time::SimDuration;

    fn timed(what: WorldDisturbance) -> TimedDisturbance {
        TimedDisturbance { from: SimTime::ZERO, until: SimTime::NEVER, what }
    }

    fn format(revision: Revision, new_reads_old: bool) -> TimedDisturbance {
        let lifetime = SimDuration::from_secs(100);
        timed(WorldDisturbance::StateFormat { revision, reads: Ratio::ONE, lifetime, new_reads_old })
    }

    fn served_by(shares: [f64; 3]) -> Flows {
        Flows { shares, writes: shares.map(|share| 10.0 * share) }
    }

    fn at(seconds: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_secs(seconds)
    }

    /// Half of the traffic on the candidate until the mix has settled.
    fn half_and_half(new_reads_old: bool) -> Residues {
        let mut residues = Residues::default();
        let faults = [format(Revision::Candidate, new_reads_old)];
        residues.introduce(Revision::Candidate, &faults, 10.0, SimTime::ZERO);
        residues.set_flows(&served_by([0.5, 0.5, 0.0]));
        residues.settle(at(100_000));
        residues
    }

    fn errors_now(residues: &mut Residues, revision: Revision) -> f64 {
        let now = residues.at + SimDuration::from_nanos(1);
        residues.settle(now);
        residues.mean_errors(revision)
    }

    #[test]
    fn who_can_read_what_decides_who_fails() {
        let mut reads_old = half_and_half(true);
        assert!((errors_now(&mut reads_old, Revision::Stable) - 0.5).abs() < 1e-9);
        assert_eq!(errors_now(&mut reads_old, Revision::Candidate), 0.0);
        let mut reads_only_new = half_and_half(false);
        assert!((errors_now(&mut reads_only_new, Revision::Candidate) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn a_fix_is_of_the_new_format_and_an_older_revision_is_not() {
        let mut residues = half_and_half(false);
        residues.introduce(Revision::Other, &[], 10.0, residues.at);
        assert!((errors_now(&mut residues, Revision::Other) - 0.5).abs() < 1e-9, "it is older");
        residues.third_is_fix(true);
        assert_eq!(errors_now(&mut residues, Revision::Other), 0.0, "a fix reads both");
        residues.introduce(Revision::Other, &[format(Revision::Other, false)], 10.0, residues.at);
        assert!((errors_now(&mut residues, Revision::Other) - 0.5).abs() < 1e-9, "a fix that mends nothing");
        assert_eq!(residues.list.len(), 1, "it spoils the same store");
    }

    #[test]
    fn clients_with_something_bad_are_the_same_ones_and_become_fewer() {
        let mut residues = Residues::default();
        let half_life = SimDuration::from_secs(60);
        let what = WorldDisturbance::BadFetch {
            revision: Revision::Candidate,
            fails: Ratio::ONE,
            every: SimDuration::from_secs(60),
            half_life,
            salt: 7,
        };
        residues.introduce(Revision::Candidate, &[timed(what.clone())], 10.0, SimTime::ZERO);
        residues.set_flows(&served_by([0.0, 1.0, 0.0]));
        residues.settle(at(600));
        residues.set_flows(&served_by([1.0, 0.0, 0.0]));
        let failing = |residues: &Residues, seconds: u64| -> Vec<u64> {
            let key = Key::root(1, "residue");
            let asks = |user| Reader { key, revision: Revision::Stable, user: Some(("users", user)) };
            (0..4000).filter(|&user| residues.fails(&asks(user), at(seconds))).collect()
        };
        let (first, later) = (failing(&residues, 600), failing(&residues, 660));
        assert!(later.iter().all(|user| first.contains(user)), "nobody falls ill after the rollback");
        // Half of 4000, give or take three standard deviations of a binomial number.
        assert!((later.len() as f64 - 2000.0).abs() < 3.0 * 32.0, "{}", later.len());
        assert!(residues.ever_held(&what).unwrap() > 0.99 && !residues.is_gone());
        residues.settle(at(600 + 40 * 60));
        assert!(residues.is_gone());
    }
}
