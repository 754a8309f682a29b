//! A procedure carried out by a person instead of a controller.
//!
//! A person is slower if they have not practised, slips, and looks at users afterwards; what slipped is reported as done
//! until then. Steps that a controller repeats by itself ([`PlannedStep::retry`]) are the controller's: nobody can
//! leave them out, but they can be begun for something else.

use std::borrow::Cow;

use crate::people::{Slip, Slips};
use crate::rng::Key;
use crate::rollback::check::CheckSpec;
use crate::rollback::check::error_ratio::ErrorRatio;
use crate::rollback::{Command, PlannedStep, StepKind};
use crate::time::SimDuration;

/// Whoever carries out a procedure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hands {
    /// What slips.
    pub slips: Slips,
    /// Multiplier of the time steps take.
    pub slower: f64,
    /// From the last step until they look at users again.
    pub looks_after: SimDuration,
    /// Time until a failed command is repeated: whoever does it is there already.
    pub again: SimDuration,
}

impl Hands {
    /// The steps as these hands do them; `key` is that of the rollback.
    pub fn take(&self, steps: &mut Vec<PlannedStep>, key: Key) {
        let by_hand = |step: &PlannedStep| step.retry.is_none() && step.acts();
        let manual: Vec<usize> = (0..steps.len()).filter(|&index| by_hand(&steps[index])).collect();
        let slips = self.slips.draw(manual.len(), key);
        for slip in &slips {
            match *slip {
                Slip::Skip(number) => spoil(&mut steps[manual[number]], "left out"),
                Slip::Reorder(number) => steps.swap(manual[number], manual[number + 1]),
                Slip::WrongTarget => {
                    steps.iter_mut().filter(|step| step.acts()).for_each(|step| spoil(step, "wrong target"));
                }
            }
        }
        if slips.iter().any(|slip| !matches!(slip, Slip::Reorder(_))) {
            // The status of a rollout that was not begun, or of another one, is good.
            let looks = steps.iter_mut().filter(|step| step.what == StepKind::Verify);
            looks.for_each(|step| step.working = Command::DoesNothing);
        }
        let look = CheckSpec::ErrorRatio(ErrorRatio { after: self.looks_after, ..ErrorRatio::default() });
        let name = "look whether it helped";
        steps.push(PlannedStep::new(name, self.looks_after, StepKind::Check(look)));
    }
}

/// Reported as done, and not done.
fn spoil(step: &mut PlannedStep, how: &str) {
    step.working = Command::DoesNothing;
    step.name = Cow::Owned(format!("{} ({how})", step.name));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantity::Ratio;
    use crate::rollback::Procedure;
    use crate::rollback::Services;
    use crate::rollback::kubectl_undo::KubectlUndo;
    use crate::rollback::switch_back::SwitchBack;

    fn hands(slips: Slips) -> Hands {
        let minute = SimDuration::from_mins(1);
        Hands { slips, slower: 1.0, looks_after: minute, again: minute }
    }

    fn taken(procedure: &dyn Procedure, slips: Slips) -> Vec<PlannedStep> {
        let mut steps = procedure.plan(&Services::default());
        hands(slips).take(&mut steps, Key::root(1, "hands"));
        steps
    }

    #[test]
    fn practised_hands_add_a_look_and_nothing_else() {
        let steps = taken(&KubectlUndo::default(), Slips::default());
        let (look, rest) = steps.split_last().unwrap();
        assert_eq!(rest, KubectlUndo::default().plan(&Services::default()));
        assert!(matches!(look.what, StepKind::Check(_)) && look.command == SimDuration::from_mins(1));
    }

    #[test]
    fn a_step_left_out_is_silent_and_a_controller_s_step_cannot_be() {
        let skip = Slips { skip: Ratio::ONE, ..Slips::default() };
        let acting = |steps: &[PlannedStep]| -> Vec<Command> {
            steps.iter().filter(|step| step.acts()).map(|step| step.working).collect()
        };
        let undone = acting(&taken(&KubectlUndo::default(), skip));
        assert!(!undone.is_empty() && undone.iter().all(|working| *working == Command::DoesNothing));
        let switched = acting(&taken(&SwitchBack::default(), skip));
        assert!(!switched.is_empty() && switched.iter().all(|working| *working == Command::Works));
        let elsewhere = Slips { wrong_target: Ratio::ONE, ..Slips::default() };
        let switched = acting(&taken(&SwitchBack::default(), elsewhere));
        assert!(switched.iter().all(|working| *working == Command::DoesNothing));
    }
}
