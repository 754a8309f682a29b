//! How much of the past each rule needs before its first evaluation, so that a policy starts as a server that has been
//! running for long: a record as far back as anybody looks at it, an alert as long as it stays pending or lingers.
//!
//! Rule by rule, because only few need much: of Sloth's records the five-minute one is read thirty days back, all
//! others at an instant.

use super::{Kind, RuleDef};
use crate::time::SimDuration;

/// The most that is filled in; a rule that reads itself has no end.
const MOST: SimDuration = SimDuration::from_mins(40 * 24 * 60);

/// A rule as far as the past of others depends on it.
pub(super) struct Looks {
    /// The series that it writes.
    pub(super) writes: Vec<String>,
    /// The records that it reads.
    pub(super) reads: Vec<String>,
    /// How far back it looks at them.
    pub(super) reach: SimDuration,
    /// What it needs of its own past.
    pub(super) own: SimDuration,
}

impl Looks {
    /// `reads` and how far back is that of the rule's expression; `every` the time between its evaluations.
    pub(super) fn of(rule: &RuleDef, reads: Vec<String>, reach: SimDuration, every: SimDuration) -> Self {
        match &rule.kind {
            Kind::Record(name) => Looks { writes: vec![name.clone()], reads, reach, own: SimDuration::ZERO },
            // One evaluation more, so that what fires since before the deploy does not begin to fire at it.
            Kind::Alert { hold, keep_firing, .. } => Looks {
                writes: super::OWN_SERIES.map(str::to_owned).to_vec(),
                reads,
                reach,
                own: *hold + *keep_firing + every,
            },
        }
    }
}

/// The past that each rule needs: its own, and for every rule that reads it that one's with its window.
pub(super) fn needed(rules: &[Looks]) -> Vec<SimDuration> {
    let mut past: Vec<SimDuration> = rules.iter().map(|rule| rule.own).collect();
    // A chain is at most as long as there are rules.
    for _ in rules {
        let before = past.clone();
        for (reader, its_past) in rules.iter().zip(&before) {
            let wanted = (*its_past + reader.reach).min(MOST);
            for (rule, past) in rules.iter().zip(&mut past) {
                if rule.writes.iter().any(|name| reader.reads.contains(name)) {
                    *past = (*past).max(wanted);
                }
            }
        }
        if past == before {
            break;
        }
    }
    past
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(writes: &str, reads: &[&str], reach: u64, own: u64) -> Looks {
        Looks {
            writes: vec![writes.to_owned()],
            reads: reads.iter().map(|name| (*name).to_owned()).collect(),
            reach: SimDuration::from_mins(reach),
            own: SimDuration::from_mins(own),
        }
    }

    #[test]
    fn a_record_is_filled_in_as_far_as_it_is_read() {
        let month = 30 * 24 * 60;
        let rules = [
            looks("r5m", &[], 5, 0),
            looks("r30d", &["r5m"], month, 0),
            looks("budget", &["r30d"], 5, 0),
            looks("ALERTS", &["budget", "r5m"], 5, 60),
        ];
        let minutes = |past: Vec<SimDuration>| -> Vec<f64> {
            past.iter().map(|past| past.as_secs_f64() / 60.0).collect()
        };
        let month = month as f64;
        // The alert's hour, then five minutes of each link of the chain.
        assert_eq!(minutes(needed(&rules)), [month + 70.0, 70.0, 65.0, 60.0]);
        let itself = [looks("r", &["r"], 10, 0)];
        assert_eq!(minutes(needed(&itself)), [10.0]);
    }
}
