//! The steps of a plan: what each is meant to do, and what its command really does.

use std::borrow::Cow;

use crate::effect::{Pick, ServiceId};
use crate::quantity::Ratio;
use crate::rng::Distribution;
use crate::rollback::check::CheckSpec;
use crate::strategy::support::drift::Ladder;
use crate::strategy::support::polling::Polling;
use crate::strategy::support::replicas::Bounds;
use crate::time::SimDuration;

use super::registry::Transition;

/// What the command of a step really does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Command {
    /// What it is meant to; it may fail by chance.
    #[default]
    Works,
    /// It succeeds and changes nothing.
    DoesNothing,
    /// It fails until a person has mended it.
    FailsUntilMended,
}

/// One step of a procedure.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedStep {
    /// What it is called in reports.
    pub name: Cow<'static, str>,
    /// Time from the end of the previous step until its command goes out.
    pub command: SimDuration,
    /// Where that time is a matter of chance (people, queues): its law, instead of `command`.
    pub varies: Option<Distribution<SimDuration>>,
    /// What it does and when it is over.
    pub what: StepKind,
    /// After a failure the controller tries again by itself after this long; `None` = somebody else must.
    pub retry: Option<SimDuration>,
    /// What its command really does.
    pub working: Command,
    /// Whether a failure counts as success.
    pub swallows: bool,
    /// Whether a person is needed for it even when nothing fails.
    pub by_hand: bool,
    /// Whether it removes what somebody would look at to find the cause: containers and their logs.
    pub removes_evidence: bool,
    /// Whether the script stops everything when the step fails, and ends.
    pub leaves_nothing: bool,
    /// Chance that whoever carries it out dies before its command goes out, and nobody goes on.
    pub dies: Ratio,
}

impl PlannedStep {
    /// A step whose command goes out after this time and works, and is repeated by nobody.
    pub fn new(name: impl Into<Cow<'static, str>>, command: SimDuration, what: StepKind) -> Self {
        PlannedStep {
            name: name.into(),
            command,
            varies: None,
            what,
            retry: None,
            working: Command::Works,
            swallows: false,
            by_hand: false,
            removes_evidence: false,
            leaves_nothing: false,
            dies: Ratio::ZERO,
        }
    }

    /// The same, repeated by a controller after each failure.
    #[must_use]
    pub fn retried(self, after: SimDuration) -> Self {
        PlannedStep { retry: Some(after), ..self }
    }

    /// The same, after a time of chance.
    #[must_use]
    pub fn after(self, law: Distribution<SimDuration>) -> Self {
        PlannedStep { varies: Some(law), ..self }
    }

    /// The same, by a person.
    #[must_use]
    pub fn by_hand(self) -> Self {
        PlannedStep { by_hand: true, ..self }
    }

    /// The same, where it is true that what it stops is removed, logs and all.
    #[must_use]
    pub fn removing_evidence(self, is_so: bool) -> Self {
        PlannedStep { removes_evidence: is_so, ..self }
    }

    /// The same; when it fails the script stops everything and ends.
    #[must_use]
    pub fn leaving_nothing(self) -> Self {
        PlannedStep { leaves_nothing: true, ..self }
    }

    /// The same; with this chance whoever carries it out does not live to see it.
    #[must_use]
    pub fn dying(self, dies: Ratio) -> Self {
        PlannedStep { dies, ..self }
    }

    /// Whether it changes anything in production.
    pub fn acts(&self) -> bool {
        !matches!(self.what, StepKind::Wait | StepKind::Verify | StepKind::OthersBack(_) | StepKind::Check(_))
    }

    /// Whether it moves users from one destination to another.
    pub fn moves_traffic(&self) -> bool {
        matches!(
            self.what,
            StepKind::FlipWeight
                | StepKind::WalkWeightBack
                | StepKind::DriftBack(_)
                | StepKind::Registry { .. }
        )
    }

    /// Whether servers have to fetch the target anew, however long it has been running elsewhere.
    pub fn loads_anew(&self) -> bool {
        matches!(self.what, StepKind::Registry { .. })
    }

    /// Whether it may have to start pods of the target.
    pub fn starts_pods(&self) -> bool {
        matches!(
            self.what,
            StepKind::RestoreCapacity
                | StepKind::Launch
                | StepKind::WalkWeightBack
                | StepKind::RollBack(_)
                | StepKind::Apply(_)
                | StepKind::RollPartlyBack { .. }
        )
    }
}

/// What a step does and when it is over.
#[derive(Clone, Debug, PartialEq)]
pub enum StepKind {
    /// Nothing but time passes (a queue, an approval, work at a desk).
    Wait,
    /// Start the target's pods that are missing; over when all of them are ready.
    RestoreCapacity,
    /// The same, and over when the command is out: nobody waits for them.
    Launch,
    /// All traffic to the stable destination; over when the command is out.
    FlipWeight,
    /// Start the target's pods that are missing and hand traffic back as fast as they become available; over when the
    /// stable destination has all of it.
    WalkWeightBack,
    /// Replace the other pods by the target's within the bounds; over when that is done.
    RollBack(Bounds),
    /// The same, and the infrastructure configured as before.
    Apply(Bounds),
    /// The same until so many of the pods are left that are not the target's.
    RollPartlyBack {
        /// Share of the replicas, rounded up to whole pods.
        left: Ratio,
        /// The bounds.
        bounds: Bounds,
    },
    /// The value that clients look up is taken back; over when the last of them has looked.
    DriftBack(Ladder),
    /// A call to a registry of models; over when servers have followed, if there is anything to follow.
    Registry {
        /// What it does there.
        transition: Transition,
        /// How servers follow.
        polling: Polling,
    },
    /// Stop the pods of an earlier target that ran where this one will run; over when they are gone.
    ClearTarget,
    /// No side stands by for the other any more; over when the command is out.
    DropBackup,
    /// Stop all pods but the target's; over when they are gone.
    ScaleDown,
    /// Look whether it helped; over when the target's pods are ready and no traffic reaches the new revision.
    Verify,
    /// Undo the steps of the migration, last one first; over when none is left, failed when one fails or nothing undoes it.
    SchemaBack,
    /// Put a backup in the place of the data; failed when it cannot be restored.
    Restore {
        /// Which one.
        pick: Pick,
        /// Whether into an empty database; else over the tables that are there, which does nothing and reports success.
        into_empty: bool,
    },
    /// Stop the application; over when it takes no requests.
    StopApplication,
    /// Start it again.
    StartApplication,
    /// A service of the change beside the target goes back; over when it is, or when the command is out.
    UndoOther {
        /// Which one.
        service: ServiceId,
        /// Whether it is waited for.
        wait: bool,
    },
    /// Look whether these services are back, by their [bits](ServiceId::bit); over when they are.
    OthersBack(u64),
    /// Look once; a bad finding is a failure of the step.
    Check(CheckSpec),
}
