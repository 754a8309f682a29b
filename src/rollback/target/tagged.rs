//! The newest artefact with a given tag.
//!
//! Right for a tag that is moved only after a revision has proved itself (`stable-2024-01-15`); wrong for one that
//! every build takes over (`latest`), which then names the new revision itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Shelf, TargetRule, Which};
use crate::catalogue::Entry;

/// The newest artefact with this tag.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tagged {
    /// The tag.
    pub tag: String,
}

impl Entry for Tagged {
    const NAME: &'static str = "tagged";
    const SUMMARY: &'static str = "the newest with this tag, which may be the new one itself";
    const EXAMPLE: &'static str = "tagged: {tag: stable}";
}

impl TargetRule for Tagged {
    fn pick(&self, shelf: &Shelf<'_>) -> Result<Which, String> {
        let found = shelf.deployed().find(|&which| shelf.tags(which).contains(&self.tag));
        found.ok_or_else(|| format!("nothing is tagged `{}`", self.tag))
    }
}

#[cfg(test)]
mod tests {
    use super::super::support::testing::{history, shelf};
    use super::*;

    #[test]
    fn a_tag_that_every_build_takes_over_names_the_new_revision() {
        let history = history();
        let log = history.log();
        let by = |tag: &str| Tagged { tag: tag.to_owned() }.pick(&shelf(&history, &log));
        assert_eq!(by("stable"), Ok(Which::Past(2)));
        assert_eq!(by("latest"), Ok(Which::New));
        assert!(by("none").is_err());
    }
}
