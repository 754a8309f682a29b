//! The revision with a given name or number.
//!
//! `kubectl rollout undo --to-revision=3`: fails if the platform does not list it any more.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Shelf, TargetRule, Which};
use crate::catalogue::Entry;

/// The revision with this name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// Its name.
    pub name: String,
}

impl Entry for Named {
    const NAME: &'static str = "named";
    const SUMMARY: &'static str = "the one with this name, if the platform still lists it";
    const EXAMPLE: &'static str = "named: {name: v3}";
}

impl TargetRule for Named {
    fn pick(&self, shelf: &Shelf<'_>) -> Result<Which, String> {
        let found = shelf.listed().iter().copied().find(|&which| shelf.history.name(which) == self.name);
        found.ok_or_else(|| format!("unable to find revision `{}` in the history", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::super::support::testing::{history, shelf};
    use super::*;

    #[test]
    fn a_revision_beyond_the_limit_is_not_found() {
        let mut history = history();
        let log = history.log();
        let v1 = Named { name: "v1".to_owned() };
        assert_eq!(v1.pick(&shelf(&history, &log)), Ok(Which::Past(2)));
        history.retention.revisions = Some(1);
        assert!(v1.pick(&shelf(&history, &log)).unwrap_err().contains("`v1`"));
    }
}
