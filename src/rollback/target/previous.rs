//! The revision that was current before the present one.
//!
//! `kubectl rollout undo` without a number: the highest revision number below the current one's
//! (kubectl/pkg/polymorphichelpers/rollback.go). Asked twice it comes back to where it started.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Shelf, TargetRule, Which};
use crate::catalogue::Entry;

/// The revision that was current before the present one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Previous {}

impl Entry for Previous {
    const NAME: &'static str = "previous";
    const SUMMARY: &'static str = "the one that was current before; asked twice, where one came from";
    const EXAMPLE: &'static str = "previous: {}";
}

impl TargetRule for Previous {
    fn pick(&self, shelf: &Shelf<'_>) -> Result<Which, String> {
        let listed = shelf.listed();
        let before = listed.len().checked_sub(2).map(|index| listed[index]);
        before.ok_or_else(|| "no rollout history found".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::super::support::testing::{history, shelf};
    use super::*;

    #[test]
    fn asked_twice_it_comes_back_to_where_it_started() {
        let history = history();
        let mut log = history.log();
        let first = Previous {}.pick(&shelf(&history, &log)).unwrap();
        assert_eq!(first, Which::Past(history.running));
        log.retain(|which| *which != first);
        log.push(first);
        assert_eq!(Previous {}.pick(&shelf(&history, &log)), Ok(Which::New));
    }

    #[test]
    fn a_limit_of_zero_leaves_nothing() {
        let mut history = history();
        history.retention.revisions = Some(0);
        let log = history.log();
        assert!(Previous {}.pick(&shelf(&history, &log)).is_err());
    }
}
