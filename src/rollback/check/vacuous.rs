//! A check of nothing (`python -c 'import sys; sys.exit(0)'` in the container): passes if the container runs at all.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Check, Evidence};
use crate::catalogue::Entry;
use crate::effect::{RolloutView, SetName};

/// A check of nothing but a running container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Vacuous {}

impl Entry for Vacuous {
    const NAME: &'static str = "vacuous";
    const SUMMARY: &'static str = "flawed: passes as soon as any container of the service exists";
    const EXAMPLE: &'static str = "vacuous: {}";
}

impl Check for Vacuous {
    fn passes(&self, _target: SetName, view: &RolloutView, _evidence: &dyn Evidence) -> bool {
        SetName::ALL.iter().any(|set| view.set(*set).created > 0)
    }
}
