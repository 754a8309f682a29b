//! The revision of the second newest successful deploy.
//!
//! What scripts do that ask a pipeline for its runs (`listWorkflowRuns`, `status: success`, the second entry). A
//! deploy that went through is a success to the pipeline whatever the release did then, and a rollback is no deploy:
//! after one, the second newest deploy is the revision that was rolled back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Shelf, TargetRule, Which};
use crate::catalogue::Entry;

/// The revision of the second newest successful deploy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SecondNewestDeploy {}

impl Entry for SecondNewestDeploy {
    const NAME: &'static str = "second_newest_deploy";
    const SUMMARY: &'static str = "the second newest run of the deploy pipeline, which knows of no rollback";
    const EXAMPLE: &'static str = "second_newest_deploy: {}";
}

impl TargetRule for SecondNewestDeploy {
    fn pick(&self, shelf: &Shelf<'_>) -> Result<Which, String> {
        shelf.deployed().nth(1).ok_or_else(|| "the pipeline has run only once".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::super::support::testing::{history, shelf};
    use super::*;

    #[test]
    fn after_a_rollback_it_is_the_known_bad_one() {
        let history = history();
        let log = history.log();
        assert_eq!(
            SecondNewestDeploy {}.pick(&shelf(&history, &log)),
            Ok(Which::Past(0)),
            "v3, which failed"
        );
    }
}
