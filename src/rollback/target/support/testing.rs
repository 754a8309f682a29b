//! A history with a trap for every rule: v3 was rolled back to v2, which runs; v1 is tagged stable.

use super::history::{History, NewRevision, Past, Reputation};
use super::shelf::{Shelf, Which};
use crate::time::SimDuration;

/// v4 is deployed.
pub(crate) fn history() -> History {
    let past = |name: &str, days: u64, metric: f64| Past {
        name: name.to_owned(),
        deployed_ago: SimDuration::from_mins(1440 * days),
        metric: Some(metric),
        ..History::default().past.remove(0)
    };
    let mut failed = past("v3", 2, 0.93);
    failed.reputation = Reputation::Failed;
    let mut stable = past("v1", 20, 0.90);
    stable.tags = vec!["stable".to_owned()];
    History {
        past: vec![failed, past("v2", 9, 0.92), stable],
        running: 1,
        new: NewRevision { name: "v4".to_owned(), tags: vec!["latest".to_owned()], metric: Some(0.95) },
        ..History::default()
    }
}

/// What a rule sees.
pub(crate) fn shelf<'a>(history: &'a History, log: &'a [Which]) -> Shelf<'a> {
    Shelf { history, log }
}
