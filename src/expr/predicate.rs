//! `all`, `filter`, `map` and their like: functions that run a predicate over a list.

use super::ast::{BinOp, Node, Quantifier};
use super::error::ExprErrorKind;
use super::eval::{Evaluated, Evaluator, Scope, Stop, fail, stop};
use super::ops;
use super::value::Val;

impl<'a> Evaluator<'a> {
    pub(super) fn quantified(
        &mut self,
        quantifier: Quantifier,
        arguments: &'a [Node],
        at: usize,
    ) -> Evaluated<'a> {
        let Some((first, rest)) = arguments.split_first() else {
            return Err(fail(at, "no collection"));
        };
        let collection = self.visit(first)?;
        let length = collection.list_len().ok_or_else(|| {
            fail(first.at, format!("{} takes only array (got {})", quantifier.name(), collection.go_name()))
        })?;
        let predicate = rest.first();
        let start = match rest.get(1) {
            Some(node) => Some(self.visit(node)?),
            None => None,
        };
        self.scopes.push(Scope { collection, index: 0, accumulator: Val::Nil });
        let value = self.over(quantifier, predicate, start, length, at);
        self.scopes.pop();
        value
    }

    fn over(
        &mut self,
        quantifier: Quantifier,
        predicate: Option<&'a Node>,
        start: Option<Val<'a>>,
        length: usize,
        at: usize,
    ) -> Evaluated<'a> {
        match quantifier {
            Quantifier::All => Ok(Val::Bool(self.first(predicate, 0..length, false)?.is_none())),
            Quantifier::None => Ok(Val::Bool(self.first(predicate, 0..length, true)?.is_none())),
            Quantifier::Any => Ok(Val::Bool(self.first(predicate, 0..length, true)?.is_some())),
            Quantifier::One => Ok(Val::Bool(self.chosen(predicate, length)?.len() == 1)),
            Quantifier::Count => Ok(whole(self.chosen(predicate, length)?.len())),
            Quantifier::Filter => {
                let mut items = Vec::new();
                for index in self.chosen(predicate, length)? {
                    let item = self.element_at(index);
                    self.spend(1 + item.weight(), at)?;
                    items.push(item.into_owned());
                }
                Ok(ops::list(items))
            }
            Quantifier::Map => {
                let mut items = Vec::new();
                for index in 0..length {
                    let item = self.at_index(predicate, index)?;
                    self.spend(1 + item.weight(), at)?;
                    items.push(item.into_owned());
                }
                Ok(ops::list(items))
            }
            Quantifier::Sum => {
                let mut total = Val::Int(0);
                for index in 0..length {
                    let value = self.at_index(predicate, index)?;
                    total = ops::arithmetic(BinOp::Add, &total, &value)
                        .ok_or_else(|| fail(at, format!("invalid operation: sum of {}", value.go_name())))?;
                }
                Ok(total)
            }
            Quantifier::Find => {
                Ok(self.first(predicate, 0..length, true)?.map_or(Val::Nil, |i| self.element_at(i)))
            }
            Quantifier::FindLast => {
                Ok(self.first(predicate, (0..length).rev(), true)?.map_or(Val::Nil, |i| self.element_at(i)))
            }
            Quantifier::FindIndex => Ok(self.first(predicate, 0..length, true)?.map_or(Val::Int(-1), whole)),
            Quantifier::FindLastIndex => {
                Ok(self.first(predicate, (0..length).rev(), true)?.map_or(Val::Int(-1), whole))
            }
            Quantifier::Reduce => self.reduce(predicate, start, length, at),
            Quantifier::GroupBy | Quantifier::SortBy => {
                let message = format!("{} is not imitated", quantifier.name());
                Err(stop(ExprErrorKind::Unsupported, at, message))
            }
        }
    }

    fn reduce(
        &mut self,
        predicate: Option<&'a Node>,
        start: Option<Val<'a>>,
        length: usize,
        at: usize,
    ) -> Evaluated<'a> {
        // Without a start value the first element is it.
        let (mut accumulator, skipped) = match start {
            Some(value) => (value, 0),
            None if length == 0 => return Err(fail(at, "reduce of empty array with no initial value")),
            None => (self.element_at(0), 1),
        };
        for index in skipped..length {
            if let Some(scope) = self.scopes.last_mut() {
                scope.accumulator = accumulator;
            }
            accumulator = self.at_index(predicate, index)?;
        }
        Ok(accumulator)
    }

    fn element_at(&self, index: usize) -> Val<'a> {
        self.scopes.last().map_or(Val::Nil, |scope| scope.collection.element(index))
    }

    /// The predicate's value at `index`, or the element itself without a predicate.
    fn at_index(&mut self, predicate: Option<&'a Node>, index: usize) -> Evaluated<'a> {
        if let Some(scope) = self.scopes.last_mut() {
            scope.index = index;
        }
        match predicate {
            Some(node) => self.visit(node),
            None => Ok(self.element_at(index)),
        }
    }

    fn holds(&mut self, predicate: Option<&'a Node>, index: usize) -> Result<bool, Stop> {
        match self.at_index(predicate, index)? {
            Val::Bool(b) => Ok(b),
            other => {
                let at = predicate.map_or(0, |node| node.at);
                Err(fail(at, format!("predicate gives {}, not bool", other.go_name())))
            }
        }
    }

    /// The first of `indices` where the predicate is `wanted`.
    fn first(
        &mut self,
        predicate: Option<&'a Node>,
        indices: impl Iterator<Item = usize>,
        wanted: bool,
    ) -> Result<Option<usize>, Stop> {
        for index in indices {
            if self.holds(predicate, index)? == wanted {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    fn chosen(&mut self, predicate: Option<&'a Node>, length: usize) -> Result<Vec<usize>, Stop> {
        let mut chosen = Vec::new();
        for index in 0..length {
            if self.holds(predicate, index)? {
                chosen.push(index);
            }
        }
        Ok(chosen)
    }
}

fn whole<'a>(count: usize) -> Val<'a> {
    Val::Int(i64::try_from(count).unwrap_or(i64::MAX))
}
