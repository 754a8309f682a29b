//! A query that never reached the monitoring system, its emptiness taken for zero.
//!
//! An unescaped bracket in a URL, an empty answer that a shell compares as a number: the script prints that all is
//! well whatever is served.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Check, Evidence};
use crate::catalogue::Entry;
use crate::effect::{RolloutView, SetName};

/// A query that never reached the monitoring system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UnansweredQuery {}

impl Entry for UnansweredQuery {
    const NAME: &'static str = "unanswered_query";
    const SUMMARY: &'static str = "flawed: a query that never ran, its empty answer taken for zero errors";
    const EXAMPLE: &'static str = "unanswered_query: {}";
}

impl Check for UnansweredQuery {
    fn passes(&self, _target: SetName, _view: &RolloutView, _evidence: &dyn Evidence) -> bool {
        true
    }
}
