//! What whoever verifies a rollback can look up: requests and errors, scrape by scrape, for a while; and what keeps
//! commands from the cluster.

use std::collections::VecDeque;

use crate::rollback::check::{Evidence, Seen};
use crate::time::{SimDuration, SimTime};
use crate::world::tally::Tally;

/// Nobody looks back further than this.
const KEPT: SimDuration = SimDuration::from_mins(15);

/// Totals at a scrape.
#[derive(Clone, Copy, Debug)]
struct Entry {
    at: SimTime,
    answered: u64,
    bad: u64,
    harmed: u64,
}

/// The totals of the last scrapes.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    entries: VecDeque<Entry>,
    /// A service that commands need and that does not answer.
    cut_off_by: Option<String>,
}

impl Ledger {
    /// Notes what keeps commands from the cluster at present.
    pub fn note_cut(&mut self, by: Option<&str>) {
        self.cut_off_by = by.map(str::to_owned);
    }

    /// Notes the totals of a scrape.
    pub fn note(&mut self, at: SimTime, tally: &Tally) {
        let counts = &tally.counts;
        let bad = counts.failed + counts.timed_out + counts.rejected;
        let entry = Entry { at, answered: counts.succeeded + bad, bad, harmed: tally.harm.total() };
        self.entries.push_back(entry);
        while self.entries.len() > 2 && at.since(self.entries[1].at) > KEPT {
            self.entries.pop_front();
        }
    }
}

impl Evidence for Ledger {
    fn seen(&self, window: SimDuration) -> Option<Seen> {
        let last = self.entries.back()?;
        // A window shorter than the scrape interval still needs two scrapes.
        let inside = |entry: &&Entry| entry.at < last.at && last.at.since(entry.at) <= window;
        let first = self.entries.iter().find(inside).or_else(|| self.entries.iter().rev().nth(1))?;
        Some(Seen {
            answered: last.answered - first.answered,
            bad: last.bad - first.bad,
            seconds: last.at.since(first.at).as_secs_f64(),
        })
    }

    fn cut_off_by(&self) -> Option<&str> {
        self.cut_off_by.as_deref()
    }

    fn is_harming(&self) -> bool {
        let mut newest = self.entries.iter().rev();
        matches!((newest.next(), newest.next()), (Some(last), Some(before)) if last.harmed > before.harmed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(totals: &[(u64, u64, u64)]) -> Ledger {
        let mut ledger = Ledger::default();
        for &(at, good, bad) in totals {
            let mut tally = Tally::default();
            tally.counts.succeeded = good;
            tally.counts.failed = bad;
            tally.harm.failed = bad;
            ledger.note(SimTime::ZERO + SimDuration::from_secs(at), &tally);
        }
        ledger
    }

    #[test]
    fn a_window_holds_what_was_scraped_in_it() {
        let ledger = ledger(&[(0, 100, 50), (15, 200, 60), (30, 300, 60), (45, 400, 60)]);
        let seen = ledger.seen(SimDuration::from_secs(30)).unwrap();
        assert_eq!((seen.answered, seen.bad, seen.seconds), (200, 0, 30.0));
        let all = ledger.seen(SimDuration::from_mins(5)).unwrap();
        assert_eq!((all.answered, all.bad, all.seconds), (310, 10, 45.0));
        let short = ledger.seen(SimDuration::from_secs(1)).unwrap();
        assert_eq!((short.answered, short.seconds), (100, 15.0));
        assert!(!ledger.is_harming());
    }

    #[test]
    fn one_scrape_shows_nothing() {
        assert_eq!(ledger(&[(0, 1, 1)]).seen(KEPT), None);
        assert!(ledger(&[(0, 1, 0), (15, 2, 1)]).is_harming());
    }

    #[test]
    fn old_scrapes_are_forgotten() {
        let many: Vec<(u64, u64, u64)> = (0..500).map(|n| (15 * n, n, 0)).collect();
        assert!(ledger(&many).entries.len() < 70);
    }
}
