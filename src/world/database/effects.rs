//! What the state of the table does to requests of the service.
//!
//! A request inserts a row, updates one, reads one, or has nothing to do with the table; one number keyed by the request
//! decides, so it is the same request in every branch. Both levels take their figures from the one [`TableUse`] in force:
//! the request level asks it request by request ([`TableUse::meets`]), the flow level for means ([`TableUse::fails`]).
//!
//! Traps: it is worked out when the state of the database changes and at every scrape, not per request; while a lock is
//! held, the wait until its end is taken in quarters of the longest wait.

use crate::effect::Revision;

/// What a request does with the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Inserts a row.
    Insert,
    /// Updates a row.
    Update,
    /// Reads a row.
    Read,
}

/// What requests of one kind meet.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Seconds they wait.
    pub wait: f64,
    /// Share of them that fails, after the wait.
    pub fails: f64,
    /// Share of them that is answered wrongly.
    pub wrong: f64,
}

/// What one request meets.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Met {
    /// Seconds it waits.
    pub wait: f64,
    /// Whether it fails.
    pub fails: bool,
    /// Whether its answer is wrong.
    pub wrong: bool,
}

/// What the table does to requests at present.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TableUse {
    /// Shares of all requests that insert, update and read.
    pub shares: [f64; 3],
    /// What they meet, by revision and [`Kind`].
    pub outcomes: [[Outcome; 3]; Revision::COUNT],
    /// The application is stopped: it takes no request at all.
    pub stopped: bool,
}

impl TableUse {
    /// Whether any request meets anything.
    pub fn is_felt(&self) -> bool {
        self.stopped || self.outcomes.as_flattened().iter().any(|outcome| *outcome != Outcome::default())
    }

    /// What a request of this revision with this number meets.
    pub fn meets(&self, revision: Revision, number: f64) -> Met {
        let mut low = 0.0;
        for (share, outcome) in self.shares.iter().zip(&self.outcomes[revision as usize]) {
            if number < low + share {
                // Within its kind the number is uniform again.
                let luck = (number - low) / share;
                let fails = luck < outcome.fails;
                let wrong = !fails && luck < outcome.fails + outcome.wrong;
                return Met { wait: outcome.wait, fails, wrong };
            }
            low += share;
        }
        Met::default()
    }

    fn mean(&self, revision: Revision, of: impl Fn(&Outcome) -> f64) -> f64 {
        self.shares.iter().zip(&self.outcomes[revision as usize]).map(|(share, o)| share * of(o)).sum()
    }

    /// Share of the requests of a revision that fail.
    pub fn fails(&self, revision: Revision) -> f64 {
        self.mean(revision, |outcome| outcome.fails)
    }

    /// Share of the requests of a revision that are answered wrongly, of those that do not fail.
    pub fn wrong(&self, revision: Revision) -> f64 {
        let good = 1.0 - self.fails(revision);
        if good > 0.0 { (self.mean(revision, |outcome| outcome.wrong) / good).min(1.0) } else { 0.0 }
    }

    /// Share of the requests of a revision that wait, and how many seconds each of those does on average.
    pub fn waits(&self, revision: Revision) -> (f64, f64) {
        let share = self.mean(revision, |outcome| f64::from(u8::from(outcome.wait > 0.0)));
        let seconds = self.mean(revision, |outcome| outcome.wait);
        if share > 0.0 { (share, seconds / share) } else { (0.0, 0.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_decides_kind_and_luck_and_the_means_agree() {
        let read = Outcome { wait: 0.5, fails: 0.25, wrong: 0.5 };
        let update = Outcome { wait: 0.0, fails: 1.0, wrong: 0.0 };
        let outcomes = [[Outcome::default(), update, read], [Outcome::default(); 3], [Outcome::default(); 3]];
        let table = TableUse { shares: [0.1, 0.2, 0.4], outcomes, stopped: false };
        let met: Vec<Met> =
            (0..1000).map(|i| table.meets(Revision::Stable, (f64::from(i) + 0.5) / 1000.0)).collect();
        let share = |of: fn(&Met) -> bool| met.iter().filter(|m| of(m)).count() as f64 / 1000.0;
        assert!((share(|m| m.fails) - table.fails(Revision::Stable)).abs() < 2e-3);
        assert!((table.fails(Revision::Stable) - 0.3).abs() < 1e-12);
        assert!((share(|m| m.wrong) - 0.2).abs() < 2e-3 && !met.iter().any(|m| m.fails && m.wrong));
        assert!((table.wrong(Revision::Stable) * 0.7 - 0.2).abs() < 1e-12);
        assert!((share(|m| m.wait > 0.0) - 0.4).abs() < 2e-3);
        assert_eq!(table.waits(Revision::Stable), (0.4, 0.5));
        assert_eq!(table.meets(Revision::Candidate, 0.2), Met::default());
        assert!(table.is_felt() && !TableUse::default().is_felt());
    }
}
