//! What the way from a command to the cluster depends on: the registry, continuous integration, identity, name
//! resolution, the edge.
//!
//! While a service that it needs does not answer (by the rule of `World::answers`), no command of the procedure that
//! changes anything goes out. It *waits* and is tried again, for a while, or it *fails* at once. Either way a person in the end finds
//! another way (a console, a machine inside, a stale copy of the artefact), and from then on the path is not needed.
//!
//! Traps: what is broken by the release may be what its rollback needs, and then waiting ends with somebody only. A
//! controller that repeats a failed command goes the same way, so its repetitions are no help here. What has
//! gone out before goes on: pods that were asked for start.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::effect::ServiceId;
use crate::time::SimDuration;

/// What a command does while a service it needs does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutOfReach {
    /// It is tried again and again, and then fails.
    Wait {
        /// Pause between two attempts.
        every: SimDuration,
        /// How long after the first attempt it fails.
        at_most: SimDuration,
    },
    /// It fails at once.
    Fail,
}

impl Default for OutOfReach {
    fn default() -> Self {
        OutOfReach::Wait { every: SimDuration::from_secs(15), at_most: SimDuration::from_mins(10) }
    }
}

/// The way from a command to the cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeployPath {
    /// Services without which no command goes out, with their names.
    pub needs: Vec<(ServiceId, String)>,
    /// What commands do meanwhile.
    pub out_of_reach: OutOfReach,
}
