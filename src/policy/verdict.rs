//! What a policy says.

use crate::time::SimDuration;

/// The verdict of a policy on one observation.
///
/// When triggers of one policy disagree the order is: stop > roll back > forward fix > inconclusive > hold > defer >
/// page > promote > advance > continue ([`Verdict::precedence`]).
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Verdict {
    /// No opinion.
    #[default]
    Continue,
    /// End the present bake early.
    Advance,
    /// Give all traffic to the candidate now.
    Promote,
    /// Tell a person.
    Page {
        /// Why.
        reasons: Vec<String>,
    },
    /// Do not act now, schedule a fix.
    Defer {
        /// Why.
        reasons: Vec<String>,
    },
    /// Do not advance while this stands.
    Hold,
    /// Pause until somebody resumes.
    Inconclusive {
        /// Why.
        reasons: Vec<String>,
    },
    /// Repair forwards.
    ForwardFix {
        /// Why.
        reasons: Vec<String>,
    },
    /// Go back to the stable revision.
    RollBack {
        /// Why, in the engine's own words.
        reasons: Vec<String>,
    },
    /// Halt writes: data is being corrupted.
    Stop {
        /// Why.
        reasons: Vec<String>,
    },
    /// A verdict that counts later (a person who needs time, a notification on its way).
    After {
        /// How much later.
        delay: SimDuration,
        /// What counts then.
        verdict: Box<Verdict>,
    },
}

impl Verdict {
    /// Rank among verdicts of one policy: the highest wins.
    pub fn precedence(&self) -> u8 {
        match self {
            Verdict::Continue => 0,
            Verdict::Advance => 1,
            Verdict::Promote => 2,
            Verdict::Page { .. } => 3,
            Verdict::Defer { .. } => 4,
            Verdict::Hold => 5,
            Verdict::Inconclusive { .. } => 6,
            Verdict::ForwardFix { .. } => 7,
            Verdict::RollBack { .. } => 8,
            Verdict::Stop { .. } => 9,
            Verdict::After { verdict, .. } => verdict.precedence(),
        }
    }

    /// The stronger of two verdicts; the first of two equals.
    #[must_use]
    pub fn stronger(self, other: Verdict) -> Verdict {
        if other.precedence() > self.precedence() { other } else { self }
    }

    /// Whether this decides the fate of the release.
    pub fn is_decision(&self) -> bool {
        matches!(self, Verdict::RollBack { .. } | Verdict::ForwardFix { .. } | Verdict::Stop { .. })
    }

    /// Whether the strategy must not advance while this is the policy's last word.
    pub fn holds(&self) -> bool {
        matches!(self, Verdict::Hold | Verdict::Inconclusive { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stronger_verdict_wins_whatever_the_order() {
        let back = Verdict::RollBack { reasons: vec!["five_xx".into()] };
        assert_eq!(Verdict::Hold.stronger(back.clone()), back);
        assert_eq!(back.clone().stronger(Verdict::Hold), back);
        assert_eq!(Verdict::Continue.stronger(Verdict::Advance), Verdict::Advance);
    }
}
