//! A group at work: its rules one after the other, each seeing what those before it have written.

use crate::promql::{Evaluator, MemoryStorage, Options, Program, PromqlError, QueryId};

use super::alert::Alert;
use super::file::{GroupDef, RuleDef};
use super::rule::{Failure, Rule};
use super::template::Expansion;

#[derive(Debug)]
struct Member {
    def: RuleDef,
    query: QueryId,
    rule: Rule,
}

/// A group with its state.
#[derive(Debug)]
pub struct Group {
    name: String,
    offset_ms: i64,
    program: Program,
    evaluator: Evaluator,
    members: Vec<Member>,
}

impl Group {
    /// A group that has not been evaluated yet.
    ///
    /// # Errors
    /// If an expression cannot be compiled; those of a parsed file can.
    pub fn new(def: &GroupDef, options: Options) -> Result<Self, PromqlError> {
        let mut program = Program::with_options(options);
        let member = |rule: &RuleDef| {
            let query = program.add(&rule.expr)?;
            Ok(Member { def: rule.clone(), query, rule: Rule::new(rule, def.limit) })
        };
        let members = def.rules.iter().map(member).collect::<Result<_, PromqlError>>()?;
        Ok(Group {
            name: def.name.clone(),
            offset_ms: def.query_offset.as_millis(),
            program,
            evaluator: Evaluator::new(),
            members,
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its alerts, in order.
    pub fn alerts(&self) -> impl Iterator<Item = &Alert> {
        self.members.iter().filter_map(|member| member.rule.alert())
    }

    /// Evaluates every rule at `at_ms` and writes what follows; the rules that failed, with the reason.
    pub fn evaluate(
        &mut self,
        store: &mut MemoryStorage,
        at_ms: i64,
        world: &Expansion<'_>,
    ) -> Vec<(&RuleDef, Failure)> {
        let looked_at_ms = at_ms - self.offset_ms;
        let mut failures = Vec::new();
        for member in &mut self.members {
            let value = self.evaluator.eval(&self.program, store, member.query, looked_at_ms);
            let taken = value
                .map_err(Failure::Query)
                .and_then(|value| member.rule.take(value, store, (at_ms, looked_at_ms), world));
            if let Err(failure) = taken {
                failures.push((&member.def, failure));
            }
        }
        failures
    }
}
