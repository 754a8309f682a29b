//! What people know about a change that no metric shows.
//!
//! A scenario states facts; a policy's decision tree asks for them. They are what somebody who knows the change would
//! answer at once: that takes no time here, and nobody is wrong.
//!
//! Trap: whether data are being corrupted is a fact about the fault, not about the change. It is answered with no before
//! the fault acts and in a healthy release, so a tree that asks for it is as good as the best audit there could be.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Facts about a change; in a decision tree, the answers a branch asks for. What is left out is not known, or not asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Facts {
    /// A fix is ready or as good as ready.
    pub quick_fix_available: Option<bool>,
    /// There is something to go back to, and going back loses nothing.
    pub rollback_possible: Option<bool>,
    /// What is wrong can wait until the next working day.
    pub can_wait: Option<bool>,
    /// Data are being corrupted or lost.
    pub data_corruption: Option<bool>,
    /// How bad the bug is.
    pub severity: Option<Gravity>,
    /// How hard it is to fix.
    pub complexity: Option<Complexity>,
}

/// How bad a bug is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Gravity {
    /// Users can live with it.
    Minor,
    /// They cannot.
    Critical,
}

/// How hard a bug is to fix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Complexity {
    /// A line or two.
    Simple,
    /// Nobody can say how long it will take.
    Complex,
}

impl Facts {
    /// Whether everything that is asked is so; what is not known is not so.
    pub fn answer(&self, asked: &Facts) -> bool {
        fn so<T: PartialEq>(known: Option<T>, asked: Option<T>) -> bool {
            asked.is_none() || known == asked
        }
        so(self.quick_fix_available, asked.quick_fix_available)
            && so(self.rollback_possible, asked.rollback_possible)
            && so(self.can_wait, asked.can_wait)
            && so(self.data_corruption, asked.data_corruption)
            && so(self.severity, asked.severity)
            && so(self.complexity, asked.complexity)
    }

    /// The same before anything is wrong: no data are corrupted.
    #[must_use]
    pub fn without_a_fault(self) -> Facts {
        Facts { data_corruption: self.data_corruption.map(|_| false), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_not_so_and_what_is_not_asked_does_not_matter() {
        let known = Facts { can_wait: Some(true), severity: Some(Gravity::Minor), ..Facts::default() };
        let asks = |asked: Facts| known.answer(&asked);
        assert!(asks(Facts::default()));
        assert!(asks(Facts { can_wait: Some(true), ..Facts::default() }));
        assert!(!asks(Facts { can_wait: Some(false), ..Facts::default() }));
        assert!(!asks(Facts { can_wait: Some(true), severity: Some(Gravity::Critical), ..Facts::default() }));
        assert!(!asks(Facts { rollback_possible: Some(false), ..Facts::default() }));
        assert!(!asks(Facts { rollback_possible: Some(true), ..Facts::default() }));
    }

    #[test]
    fn nothing_is_corrupted_without_a_fault() {
        let known = Facts { data_corruption: Some(true), can_wait: Some(true), ..Facts::default() };
        let sound = known.without_a_fault();
        assert_eq!((sound.data_corruption, sound.can_wait), (Some(false), Some(true)));
        assert_eq!(Facts::default().without_a_fault(), Facts::default());
    }
}
