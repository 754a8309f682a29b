//! Whether a rollback that brought traffic and capacity back did users any good: by counting, not by what was restored.
//!
//! The pods of the old revision may be back and fail as the new ones did: for want of a variable that the change has
//! removed, because of what is left in shared state, because the fault was never in the code. So bad and slow answers
//! from the minute after the restoration to the end of the span are compared with those of the same minutes where nobody
//! rolls back, each beyond those of the world without a deploy. A rollback after which at least nine tenths of them are
//! left, and users have not recovered by the end, had no effect.
//!
//! Trap: one that made more of them is worse than that; which of the two is decided by the requests of the whole run
//! (`MadeWorse`), because a rollback that harms for a while may still be worth it.

use crate::time::{SimDuration, SimTime};
use crate::world::tally::Minute;

use super::baseline::Baseline;
use super::play::Finished;
use super::record::BranchEnd;

/// Bad and slow answers of the minutes from `from` on beyond those without a deploy.
fn excess(finished: &Finished, baseline: &Baseline, from: usize) -> i64 {
    let minutes = finished.branch.world.tally().map_or(&[][..], |tally| &tally.minutes);
    let followed = match finished.end {
        BranchEnd::Span => minutes.len(),
        // What it had counted when its following ended is part of a minute; the rest equals the world without a deploy.
        BranchEnd::Merged | BranchEnd::Settled => minutes.len().saturating_sub(1),
    };
    let bad = |minute: &Minute| i64::from(minute.bad) + i64::from(minute.slow);
    let without = |index: usize| baseline.minutes.get(index).map_or(0, bad);
    (from..followed).map(|index| bad(&minutes[index]) - without(index)).sum()
}

/// Whether users are left with as much harm from the restoration on as where nobody rolls back.
pub(super) fn is_useless(
    finished: &Finished,
    never: &Finished,
    baseline: &Baseline,
    restored: SimTime,
) -> bool {
    let minute = SimDuration::from_mins(1);
    let since = restored.since(finished.branch.deploy_at);
    let from = (since.as_nanos() / minute.as_nanos()) as usize + 1;
    let there = excess(never, baseline, from);
    there > 0 && excess(finished, baseline, from) * 10 >= there * 9
}
