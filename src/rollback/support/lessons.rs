//! What a rehearsal has taught: which commands were mended before they were needed.
//!
//! A rehearsal plays the procedure; whatever a person would have mended in the middle of an outage they have mended
//! in peace, and the plan of production begins with it. What is wrong in production only stays as it is.
//!
//! Traps: a lesson is about steps of one procedure, and helps nobody who rolls back in another way. A flaw that showed in no step
//! and no look of the rehearsal teaches nothing, as in life.

use super::step::{Command, PlannedStep};

/// What a rehearsal has taught.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lessons {
    /// The procedure that was rehearsed.
    pub procedure: &'static str,
    /// Its steps whose commands were mended, by their place in the plan.
    pub mended: Vec<usize>,
    /// Whether the artefact to go back to was missed, and kept from then on.
    pub artefact_kept: bool,
    /// Whether what the change removes from the old revision's configuration was missed, and kept.
    pub configuration_kept: bool,
}

impl Lessons {
    /// Mends the commands of a plan of this procedure.
    pub fn mend(&self, procedure: &str, plan: &mut [PlannedStep]) {
        if procedure != self.procedure {
            return;
        }
        for &index in &self.mended {
            if let Some(step) = plan.get_mut(index) {
                step.working = Command::Works;
                step.swallows = false;
            }
        }
    }

    /// Adds what was learnt next.
    pub fn add(&mut self, next: Lessons) {
        self.procedure = next.procedure;
        self.mended.extend(next.mended);
        self.mended.sort_unstable();
        self.mended.dedup();
        self.artefact_kept |= next.artefact_kept;
        self.configuration_kept |= next.configuration_kept;
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.mended.is_empty() && !self.artefact_kept && !self.configuration_kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollback::kubectl_undo::KubectlUndo;
    use crate::rollback::{Procedure, Services};

    #[test]
    fn a_lesson_is_of_its_procedure_and_its_steps() {
        let spoiled = || {
            let mut plan = KubectlUndo::default().plan(&Services::default());
            plan.iter_mut().for_each(|step| step.working = Command::DoesNothing);
            plan
        };
        let lessons = Lessons { procedure: "kubectl_undo", mended: vec![0, 99], ..Lessons::default() };
        let mut plan = spoiled();
        lessons.mend("switch_back", &mut plan);
        assert_eq!(plan, spoiled());
        lessons.mend("kubectl_undo", &mut plan);
        assert_eq!(plan[0].working, Command::Works);
        assert!(plan[1..].iter().all(|step| step.working == Command::DoesNothing));
    }
}
