//! The newest revision that ran and was not rolled back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Reputation, Shelf, TargetRule, Which};
use crate::catalogue::Entry;

/// The newest revision that ran and was not rolled back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LastKnownGood {}

impl Entry for LastKnownGood {
    const NAME: &'static str = "last_known_good";
    const SUMMARY: &'static str = "the newest that ran and was not rolled back, whatever came between";
    const EXAMPLE: &'static str = "last_known_good: {}";
}

impl TargetRule for LastKnownGood {
    fn pick(&self, shelf: &Shelf<'_>) -> Result<Which, String> {
        let good = |past: &usize| {
            let revision = &shelf.history.past[*past];
            revision.reputation == Reputation::Good && Which::Past(*past) != shelf.current()
        };
        let found = (0..shelf.history.past.len()).find(good);
        found.map(Which::Past).ok_or_else(|| "no earlier revision is known to be good".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::super::support::testing::{history, shelf};
    use super::*;

    #[test]
    fn failed_ones_are_passed_over() {
        let history = history();
        let log = history.log();
        // v3 was rolled back to v2, which runs.
        assert_eq!(LastKnownGood {}.pick(&shelf(&history, &log)), Ok(Which::Past(1)));
        let mut back = log.clone();
        back.push(Which::Past(1));
        assert_eq!(LastKnownGood {}.pick(&shelf(&history, &back)), Ok(Which::Past(2)));
    }
}
