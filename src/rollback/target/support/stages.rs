//! The stages of a model registry, as its client shows them.
//!
//! Versions are numbered in the order in which they were registered, which is that of their deploys. A version is in *Production*,
//! in *Archived*, or in neither. The client answers "the newest version of a stage" with the one of the highest *number*, and
//! lists versions with the one first whose entry was *changed last*: a transition is a change, and so is a tag or a new
//! description. (Both tried with MLflow 3.17's own store; stages are deprecated there since 2.9 and still work.)
//!
//! Traps: two versions in Production are no error, and the newest promotion need not win; none is no error either, the client
//! just answers with an empty list.

use super::history::History;
use super::shelf::{Shelf, Which};

/// Which versions are in which stage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stages {
    /// Versions in Production.
    production: Vec<Which>,
    /// Archived versions, the one whose entry was changed last first.
    archived: Vec<Which>,
}

/// The number under which a version was registered.
fn number(which: Which, history: &History) -> usize {
    let past = history.past.len();
    match which {
        Which::Past(index) => past - index,
        Which::New => past + 1,
        Which::Fix => past + 2,
    }
}

impl Stages {
    /// The stages after the current version was promoted; `archived` says whether that archived what was in Production before.
    /// Earlier promotions archived what they replaced.
    pub fn after_promotion(shelf: &Shelf<'_>, archived: bool) -> Self {
        let mut before: Vec<Which> = shelf.log.iter().rev().skip(1).copied().collect();
        let mut production = vec![shelf.current()];
        if !archived && !before.is_empty() {
            production.push(before.remove(0));
        }
        Stages { production, archived: before }
    }

    /// The version servers find: the one in Production with the highest number.
    pub fn served(&self, history: &History) -> Option<Which> {
        self.production.iter().copied().max_by_key(|which| number(*which, history))
    }

    /// Archived versions in the order in which the client lists them.
    pub fn archived(&self) -> &[Which] {
        &self.archived
    }

    /// Somebody changes the entry of a version without moving it.
    pub fn touch(&mut self, which: Which) {
        if let Some(place) = self.archived.iter().position(|other| *other == which) {
            let touched = self.archived.remove(place);
            self.archived.insert(0, touched);
        }
    }

    /// A version goes to Archived.
    pub fn archive(&mut self, which: Which) {
        self.production.retain(|other| *other != which);
        self.archived.retain(|other| *other != which);
        self.archived.insert(0, which);
    }

    /// A version goes to Production; what was there goes to Archived or stays.
    pub fn promote(&mut self, which: Which, archive_existing: bool) {
        if archive_existing {
            let replaced: Vec<Which> =
                self.production.iter().copied().filter(|other| *other != which).collect();
            replaced.into_iter().for_each(|other| self.archive(other));
        }
        self.archived.retain(|other| *other != which);
        if !self.production.contains(&which) {
            self.production.push(which);
        }
    }

    /// Every version in a stage.
    #[cfg(test)]
    fn all(&self) -> Vec<Which> {
        let mut all: Vec<Which> = self.production.iter().chain(&self.archived).copied().collect();
        all.sort_by_key(|which| match which {
            Which::New => 1000,
            Which::Fix => 1001,
            Which::Past(index) => *index,
        });
        all
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{history, shelf};
    use super::*;

    #[test]
    fn the_highest_number_is_served_not_the_newest_promotion() {
        let history = history();
        let log = history.log();
        let mut stages = Stages::after_promotion(&shelf(&history, &log), true);
        assert_eq!(stages.served(&history), Some(Which::New));
        assert_eq!(stages.archived()[0], Which::Past(1), "what ran is archived last");
        stages.promote(Which::Past(1), false);
        assert_eq!(stages.served(&history), Some(Which::New), "two in Production");
        stages.archive(Which::New);
        assert_eq!(stages.served(&history), Some(Which::Past(1)));
        stages.archive(Which::Past(1));
        assert_eq!(stages.served(&history), None);
    }

    #[test]
    fn a_second_swap_brings_the_bad_version_back() {
        let history = history();
        let log = history.log();
        let mut stages = Stages::after_promotion(&shelf(&history, &log), true);
        for expected in [Which::Past(1), Which::New, Which::Past(1)] {
            let (current, first) = (stages.served(&history).unwrap(), stages.archived()[0]);
            stages.archive(current);
            stages.promote(first, false);
            assert_eq!(stages.served(&history), Some(expected));
        }
    }

    #[test]
    fn a_promotion_that_archives_nothing_leaves_nothing_of_its_own_to_go_back_to() {
        let history = History::default();
        let log = history.log();
        let stages = Stages::after_promotion(&shelf(&history, &log), false);
        assert!(stages.archived().is_empty());
        assert_eq!(stages.served(&history), Some(Which::New));
    }

    proptest! {
        /// Whatever is done to stages, no version is deleted and none is in two of them.
        #[test]
        fn a_transition_deletes_no_version(moves in proptest::collection::vec((0..4usize, 0..4usize), 0..20)) {
            let history = history();
            let log = history.log();
            let mut stages = Stages::after_promotion(&shelf(&history, &log), true);
            let all = stages.all();
            prop_assert_eq!(all.len(), 4);
            for (what, version) in moves {
                let which = all[version];
                match what {
                    0 => stages.archive(which),
                    1 => stages.touch(which),
                    _ => stages.promote(which, what == 2),
                }
                prop_assert_eq!(&stages.all(), &all);
            }
        }
    }
}
