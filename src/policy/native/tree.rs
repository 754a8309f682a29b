//! A decision tree: questions to monitoring and to people's knowledge of the change, and a verdict at each leaf.
//!
//! At each evaluation the questions are asked from the root; a question to monitoring is answered with yes exactly when
//! a trigger's expression would be bad. The verdict of the leaf counts once the same leaf has been reached at every
//! evaluation for the time `for`. Decisions and holds stand while the leaf is reached; the others are said once, when it is
//! reached.
//!
//! Traps: no data is no, as for a trigger that ignores it; a query that fails makes the whole evaluation void, it neither
//! carries a spell on nor ends it. What nobody knows of the change is no as well, whichever way the question is put.

use std::sync::Arc;

use super::schedule::{Clock, Later};
use super::spec::Then;
use super::trigger::{Seen, look, verdict_of};
use super::{Observation, Start, Verdict};
use crate::policy::Facts;
use crate::time::{SimDuration, SimTime};

/// A tree as it was loaded.
#[derive(Clone, Debug, PartialEq)]
pub struct TreeDef {
    /// Its name.
    pub name: String,
    /// The first question, or the only verdict.
    pub root: Node,
    /// Time between evaluations.
    pub every: SimDuration,
    /// Other intervals later on.
    pub later: Vec<Later>,
    /// Time from the deploy to the first evaluation.
    pub start_after: SimDuration,
    /// How long the same leaf must be reached before it counts.
    pub hold_for: SimDuration,
}

/// A place in a tree.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// A question.
    Ask(Box<Ask>),
    /// A verdict; `None` is no opinion.
    Say(Option<Then>),
}

/// A question with two ways on.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// The question in words, for reasons.
    pub question: String,
    /// Who answers it.
    pub test: Test,
    /// Where yes leads.
    pub yes: Node,
    /// Where no leads.
    pub no: Node,
}

/// Who answers a question.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// Monitoring: the indices of the query, of the two sides of its comparison, and of the check it is noted under.
    Query {
        /// The expression.
        query: usize,
        /// Its sides, for "no data".
        sides: Vec<usize>,
        /// The check.
        check: usize,
    },
    /// People who know the change.
    Facts(Facts),
}

/// The way taken through a tree.
#[derive(Clone, Debug, PartialEq)]
struct Way {
    /// Questions with their answers.
    answers: Vec<(String, bool)>,
    say: Option<Then>,
}

/// A tree at work.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    def: Arc<TreeDef>,
    clock: Clock,
    /// The leaf that was last reached, since when, and whether its verdict has been said.
    at: Option<(Way, SimTime, bool)>,
    standing: Verdict,
}

impl Tree {
    pub(super) fn new(def: Arc<TreeDef>) -> Self {
        let clock = Clock::new(def.every, &def.later);
        Tree { def, clock, at: None, standing: Verdict::Continue }
    }

    pub(super) fn start(&mut self, start: &Start) {
        *self = Tree::new(Arc::clone(&self.def));
        self.clock.start(start.deploy_at, start.phase, self.def.start_after);
    }

    /// Forgets everything; the next evaluation is the first of the grid at or after `at`.
    pub(super) fn restart(&mut self, at: SimTime) {
        self.at = None;
        self.standing = Verdict::Continue;
        self.clock.resume(at);
    }

    pub(super) fn next_tick(&self) -> SimTime {
        self.clock.next()
    }

    pub(super) fn standing(&self) -> Verdict {
        self.standing.clone()
    }

    pub(super) fn evaluate(&mut self, o: &mut Observation<'_>) -> Verdict {
        self.clock.tick(o.now);
        let Some(way) = walk(&self.def.root, o) else { return self.standing() };
        let (since, said) = match &self.at {
            Some((before, since, said)) if *before == way => (*since, *said),
            _ => (o.now, false),
        };
        let counts = o.now.since(since) >= self.def.hold_for;
        let verdict = if counts { self.verdict(&way, said, o) } else { Verdict::Continue };
        self.at = Some((way, since, said || counts));
        self.standing = if verdict == Verdict::Hold { Verdict::Hold } else { Verdict::Continue };
        verdict
    }

    fn verdict(&self, way: &Way, said: bool, o: &mut Observation<'_>) -> Verdict {
        let Some(then) = &way.say else { return Verdict::Continue };
        let stands = matches!(then, Then::RollBack | Then::Stop | Then::ForwardFix | Then::Hold);
        if said && !stands {
            return Verdict::Continue;
        }
        let reason = self.reason(way);
        if !said {
            o.say(|| reason.clone());
        }
        verdict_of(then, &reason)
    }

    fn reason(&self, way: &Way) -> String {
        let answer = |(question, yes): &(String, bool)| {
            format!("{} {}", question.trim(), if *yes { "Yes." } else { "No." })
        };
        let answers: Vec<String> = way.answers.iter().map(answer).collect();
        format!("{}: {}", self.def.name, answers.join(" "))
    }
}

/// The way through the tree at this instant; `None` if a query failed.
fn walk(root: &Node, o: &mut Observation<'_>) -> Option<Way> {
    let mut answers = Vec::new();
    let mut node = root;
    loop {
        match node {
            Node::Say(say) => return Some(Way { answers, say: say.clone() }),
            Node::Ask(ask) => {
                let yes = match &ask.test {
                    Test::Facts(asked) => o.facts.answer(asked),
                    Test::Query { query, sides, check } => match look(*query, sides, *check, o) {
                        Seen::Bad(_) => true,
                        Seen::Good | Seen::NoData => false,
                        Seen::Error => return None,
                    },
                };
                answers.push((ask.question.clone(), yes));
                node = if yes { &ask.yes } else { &ask.no };
            }
        }
    }
}
