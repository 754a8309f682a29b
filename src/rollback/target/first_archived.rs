//! The first archived version that the client of a model registry lists: what scripts take for "the previous one".
//!
//! Clients list first what was changed last. That is the version that was replaced last, as long as nobody has touched the entry
//! of another one since: a tag, a description are enough. Asked twice it brings the failed version back, because the first
//! rollback archived it; and where promotions archive nothing there is none.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support::stages::Stages;
use super::{Shelf, TargetRule, Which};
use crate::catalogue::Entry;

/// The archived version that a registry lists first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FirstArchived {
    /// Whether the promotion of the new version archived the old one.
    pub promotion_archived: bool,
    /// Name of an archived version whose entry was changed after the deploy.
    pub touched: Option<String>,
}

impl Default for FirstArchived {
    fn default() -> Self {
        FirstArchived { promotion_archived: true, touched: None }
    }
}

impl Entry for FirstArchived {
    const NAME: &'static str = "first_archived";
    const SUMMARY: &'static str =
        "the archived version a model registry lists first; asked twice, the failed one";
    const EXAMPLE: &'static str = "first_archived: {touched: v1.0}";
}

impl TargetRule for FirstArchived {
    fn pick(&self, shelf: &Shelf<'_>) -> Result<Which, String> {
        let mut stages = Stages::after_promotion(shelf, self.promotion_archived);
        let touched = self.touched.as_ref();
        let touched =
            touched.and_then(|name| shelf.log.iter().find(|which| shelf.history.name(**which) == name));
        touched.into_iter().for_each(|which| stages.touch(*which));
        stages.archived().first().copied().ok_or_else(|| "no version is in the stage Archived".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::super::support::history::History;
    use super::super::support::testing::{history, shelf};
    use super::*;

    #[test]
    fn what_was_changed_last_comes_first() {
        let history = history();
        let log = history.log();
        let pick = |rule: &FirstArchived| rule.pick(&shelf(&history, &log));
        assert_eq!(pick(&FirstArchived::default()), Ok(Which::Past(history.running)));
        let touched = FirstArchived { touched: Some("v1".to_owned()), ..FirstArchived::default() };
        assert_eq!(pick(&touched), Ok(Which::Past(2)), "v1 got a tag");
        let left = FirstArchived { promotion_archived: false, ..FirstArchived::default() };
        assert_eq!(pick(&left), Ok(Which::Past(0)), "v2 is still in Production; v3 had failed");
    }

    #[test]
    fn asked_twice_it_brings_the_failed_version_back_and_there_may_be_none() {
        let history = history();
        let mut log = history.log();
        log.retain(|which| *which != Which::Past(1));
        log.push(Which::Past(1));
        assert_eq!(FirstArchived::default().pick(&shelf(&history, &log)), Ok(Which::New));
        let one = History::default();
        let rule = FirstArchived { promotion_archived: false, ..FirstArchived::default() };
        assert!(rule.pick(&shelf(&one, &one.log())).unwrap_err().contains("Archived"));
    }
}
