//! What a policy says.

use crate::time::SimDuration;

/// The verdict of a policy on one observation.
///
/// When triggers of one policy disagree the order is: stop > roll back > forward fix > investigate > inconclusive > hold >
/// defer > page > promote > advance > continue ([`Verdict::precedence`]).
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
    /// Tell a person, who looks and rolls back if it still stands; the rollout is held until then.
    Investigate {
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
        /// What counts now.
        meanwhile: Box<Verdict>,
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
            Verdict::Investigate { .. } => 7,
            Verdict::ForwardFix { .. } => 8,
            Verdict::RollBack { .. } => 9,
            Verdict::Stop { .. } => 10,
            Verdict::After { meanwhile, .. } => meanwhile.precedence(),
        }
    }

    /// A verdict that counts after `delay`, and nothing until then.
    pub fn after(delay: SimDuration, verdict: Verdict) -> Verdict {
        Verdict::After { delay, verdict: Box::new(verdict), meanwhile: Box::default() }
    }

    /// The stronger of two verdicts; the first of two equals. A verdict that counts later does not compete: it is
    /// kept beside what counts now.
    #[must_use]
    pub fn stronger(self, other: Verdict) -> Verdict {
        let (this, other) = match (self, other) {
            (Verdict::After { delay, verdict, meanwhile }, other)
            | (other, Verdict::After { delay, verdict, meanwhile }) => {
                return Verdict::After { delay, verdict, meanwhile: Box::new(meanwhile.stronger(other)) };
            }
            pair => pair,
        };
        if other.precedence() > this.precedence() { other } else { this }
    }

    /// Whether this decides the fate of the release.
    pub fn is_decision(&self) -> bool {
        match self {
            Verdict::After { meanwhile, .. } => meanwhile.is_decision(),
            _ => matches!(self, Verdict::RollBack { .. } | Verdict::ForwardFix { .. } | Verdict::Stop { .. }),
        }
    }

    /// Whether the strategy must not advance while this is the policy's last word.
    pub fn holds(&self) -> bool {
        match self {
            Verdict::After { meanwhile, .. } => meanwhile.holds(),
            _ => matches!(self, Verdict::Hold | Verdict::Inconclusive { .. } | Verdict::Investigate { .. }),
        }
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

    #[test]
    fn a_verdict_that_counts_later_swallows_nothing() {
        let later = Verdict::after(SimDuration::from_mins(10), Verdict::RollBack { reasons: vec![] });
        let both = later.clone().stronger(Verdict::Hold);
        assert!(both.holds() && !both.is_decision());
        assert_eq!(Verdict::Hold.stronger(later), both);
    }
}
