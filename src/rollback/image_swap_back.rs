//! The previous image run again on each host, by a script.
//!
//! Sound: the previous image is started beside the running one, looked at, and then the running one is stopped; if it
//! does not come up, users stay where they are. As scripts often do it: the running container is stopped
//! first, the previous one run in its place, and looked at a few seconds later. If the look finds nothing healthy, the
//! script stops that one too and ends: both are down, and nobody has started the first again (seen when such a script was
//! run against a previous image that does not start).
//!
//! The image is only a part of what runs. `--env-file` is a file of the host: if the release brought a new one, the previous
//! image starts with that, and is as bad as the release if it is the environment that is wrong (`new_environment`).
//! And the line after the running image in `docker images`, `grep -A1 "$CURRENT" | tail -1`, is the previous image only while nothing
//! else was built or pulled in between; `app:v1` also matches `app:v10`, and what follows may be a database's. Such a container
//! never answers the health check of the service (`unrelated_image`): beside the running one nobody misses it, and with the stop
//! first nothing is left. Whoever is called then takes the right image and the right file.
//!
//! Traps: with the stop first, an image that only starts slowly is enough, because the look comes after a
//! fixed sleep; and every rollback is a downtime, of good releases too.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::CheckSpec;
use super::check::health_endpoint::HealthEndpoint;
use super::{Brings, PlannedStep, Procedure, Services, StepKind, needs_one_pool};
use crate::catalogue::Entry;
use crate::effect::Routing;
use crate::time::SimDuration;

/// The previous image again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ImageSwapBack {
    /// Whether the running container is stopped before the previous one is run.
    pub stop_first: bool,
    /// Time from one command to the next.
    pub command: SimDuration,
    /// Time between starting the previous image (sound: its containers being ready) and the look at it.
    pub sleep: SimDuration,
    /// The look.
    pub check: CheckSpec,
    /// Whether the environment on the host is still that of the release.
    pub new_environment: bool,
    /// Whether the image that is found is some other one.
    pub unrelated_image: bool,
    /// Whether the release's container is removed in the end, logs and all: who looks for the cause has less to look at.
    pub removes: bool,
}

impl Default for ImageSwapBack {
    fn default() -> Self {
        ImageSwapBack {
            stop_first: false,
            command: SimDuration::from_secs(1),
            sleep: SimDuration::from_secs(5),
            check: CheckSpec::HealthEndpoint(HealthEndpoint::default()),
            new_environment: false,
            unrelated_image: false,
            removes: false,
        }
    }
}

impl Entry for ImageSwapBack {
    const NAME: &'static str = "image_swap_back";
    const SUMMARY: &'static str =
        "the previous image run beside the other, looked at, then the other stopped";
    const EXAMPLE: &'static str = "image_swap_back: {stop_first: true, sleep: 5s}";
}

impl Procedure for ImageSwapBack {
    fn brings(&self) -> Brings {
        match (self.unrelated_image, self.new_environment) {
            (true, _) => Brings::AnotherImage,
            (false, true) => Brings::InTheNewEnvironment,
            (false, false) => Brings::Itself,
        }
    }

    fn plan(&self, _: &Services) -> Vec<PlannedStep> {
        let step = |name: &'static str, what| PlannedStep::new(name, self.command, what);
        let look = PlannedStep::new("look at it", self.sleep, StepKind::Check(self.check.clone()));
        if self.stop_first {
            let mut plan = vec![
                step("docker stop what runs", StepKind::ScaleDown),
                step("docker run the previous image", StepKind::Launch),
                look.leaving_nothing(),
            ];
            if self.removes {
                plan.push(step("docker rm what ran", StepKind::Wait).removing_evidence(true));
            }
            return plan;
        }
        vec![
            step("docker run the previous image beside it", StepKind::RestoreCapacity),
            look,
            step("docker stop the other image", StepKind::ScaleDown).removing_evidence(self.removes),
        ]
    }

    fn why_not(&self, routing: Routing) -> Option<&'static str> {
        needs_one_pool(routing)
    }
}
