//! Steps of a procedure that are about the database and the application in front of it.
//!
//! A step asks once after each command; then it waits for what it asked for, and goes on or has failed by how that ended.
//!
//! Trap: where a scenario has no database these steps find nothing to do and are over.

use super::drive::Standing;
use super::step::StepKind;
use crate::effect::{Action, DatabaseAction, DatabaseView, RolloutView};

/// Pushes a step on; `asked` says whether it has been pushed before since its command went out.
pub(super) fn drive(what: &StepKind, asked: bool, view: &RolloutView, actions: &mut Vec<Action>) -> Standing {
    let Some(database) = view.database else { return Standing::Over };
    let mut ask = |action| actions.push(Action::Database(action));
    match *what {
        StepKind::StopApplication | StepKind::StartApplication => {
            let stop = matches!(what, StepKind::StopApplication);
            if database.application_stopped != stop {
                ask(if stop { DatabaseAction::StopApplication } else { DatabaseAction::StartApplication });
            }
            Standing::over_if(database.application_stopped == stop)
        }
        // Whatever is under way, a step of the way up perhaps, ends first.
        _ if database.running => Standing::Pending,
        StepKind::SchemaBack => schema_back(asked, &database, ask),
        StepKind::Restore { pick, into_empty } if !asked => {
            ask(DatabaseAction::Restore { pick, into_empty });
            Standing::Pending
        }
        _ if database.failed => Standing::Bad,
        _ => Standing::Over,
    }
}

fn schema_back(asked: bool, database: &DatabaseView, mut ask: impl FnMut(DatabaseAction)) -> Standing {
    if database.applied == 0 {
        return Standing::Over;
    }
    if !database.can_step_back || asked && database.failed {
        return Standing::Bad;
    }
    ask(DatabaseAction::Backward);
    Standing::Pending
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effect::{Pick, Routing, SetName, SetView, Split};
    use crate::time::SimTime;

    fn pushed(what: &StepKind, asked: bool, database: DatabaseView) -> (Standing, Vec<Action>) {
        let view = RolloutView {
            now: SimTime::ZERO,
            deploy_at: SimTime::ZERO,
            replicas: 1,
            sets: [SetView::default(); SetName::COUNT],
            split: Split::STABLE,
            in_force: Split::STABLE,
            routing: Routing::Endpoints,
            hold: false,
            database: Some(database),
            others_back: 0,
        };
        let mut actions = Vec::new();
        (drive(what, asked, &view, &mut actions), actions)
    }

    #[test]
    fn a_restore_is_asked_for_once_and_judged_by_how_it_ends() {
        let restore = StepKind::Restore { pick: Pick::Newest, into_empty: true };
        // That something failed before is no reason not to try.
        let failed = DatabaseView { failed: true, ..Default::default() };
        let (standing, actions) = pushed(&restore, false, failed);
        assert_eq!((standing, actions.len()), (Standing::Pending, 1));
        let running = DatabaseView { running: true, ..Default::default() };
        assert_eq!(pushed(&restore, true, running), (Standing::Pending, Vec::new()));
        assert_eq!(pushed(&restore, true, failed), (Standing::Bad, Vec::new()));
        assert_eq!(pushed(&restore, true, DatabaseView::default()), (Standing::Over, Vec::new()));
    }

    #[test]
    fn the_schema_goes_back_step_by_step_until_none_is_left_or_nothing_undoes_it() {
        let at = |applied, can_step_back| DatabaseView { applied, can_step_back, ..Default::default() };
        assert_eq!(pushed(&StepKind::SchemaBack, false, at(2, true)).1.len(), 1);
        assert_eq!(pushed(&StepKind::SchemaBack, true, at(1, true)).0, Standing::Pending);
        assert_eq!(pushed(&StepKind::SchemaBack, true, at(0, false)).0, Standing::Over);
        assert_eq!(pushed(&StepKind::SchemaBack, false, at(5, false)), (Standing::Bad, Vec::new()));
        let failed = DatabaseView { failed: true, ..at(1, true) };
        assert_eq!(pushed(&StepKind::SchemaBack, true, failed).0, Standing::Bad);
        assert_eq!(pushed(&StepKind::SchemaBack, false, failed).1.len(), 1, "tried again");
    }
}
