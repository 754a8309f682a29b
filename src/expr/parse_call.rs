//! Reads calls, predicates, lists and maps.

use super::ast::{Kind, Node, Quantifier};
use super::error::ParseError;
use super::fold::integers_to_floats;
use super::function::Function;
use super::parse::{Parsed, Parser};
use super::token::TokenKind;

impl Parser<'_> {
    /// A call of `name`; `piped` is the left side of a pipe.
    pub(super) fn call(&mut self, name: String, at: usize, piped: Option<Node>) -> Parsed {
        if let Some(quantifier) = Quantifier::named(&name) {
            return self.quantified(quantifier, at, piped);
        }
        match Function::named(&name) {
            Some(f) => {
                let mut arguments = self.arguments(piped)?;
                if matches!(f, Function::IsNan | Function::IsInf) {
                    arguments.iter_mut().for_each(integers_to_floats);
                }
                self.node(at, Kind::Call(f, arguments))
            }
            None => {
                let kind = self.resolve(name);
                let callee = Box::new(self.node(at, kind)?);
                let arguments = self.arguments(piped)?;
                self.node(at, Kind::CallValue(callee, arguments))
            }
        }
    }

    pub(super) fn arguments(&mut self, piped: Option<Node>) -> Result<Vec<Node>, ParseError> {
        let mut arguments: Vec<Node> = piped.into_iter().collect();
        let given = arguments.len();
        self.expect(TokenKind::Bracket, "(")?;
        while !self.is_bracket(")") {
            if arguments.len() > given {
                self.expect(TokenKind::Operator, ",")?;
                if self.is_bracket(")") {
                    break;
                }
            }
            arguments.push(self.expression(0)?);
        }
        self.expect(TokenKind::Bracket, ")")?;
        Ok(arguments)
    }

    fn quantified(&mut self, quantifier: Quantifier, at: usize, piped: Option<Node>) -> Parsed {
        let (least, most) = quantifier.arguments();
        let mut arguments: Vec<Node> = piped.into_iter().collect();
        let given = arguments.len();
        self.expect(TokenKind::Bracket, "(")?;
        while arguments.len() < most {
            if self.is_bracket(")") {
                if arguments.len() < least {
                    return Err(self.error(format!("expected at least {} arguments", least - given)));
                }
                break;
            }
            if arguments.len() > given {
                self.expect(TokenKind::Operator, ",")?;
                if arguments.len() >= least && self.is_bracket(")") {
                    break;
                }
            }
            let argument = if arguments.len() == 1 { self.predicate()? } else { self.expression(0)? };
            arguments.push(argument);
        }
        self.take(TokenKind::Operator, ",");
        self.expect(TokenKind::Bracket, ")")?;
        self.node(at, Kind::Quantified(quantifier, arguments))
    }

    fn predicate(&mut self) -> Parsed {
        self.predicates += 1;
        let node = if self.is_bracket("{") { self.block() } else { self.expression(0) };
        self.predicates -= 1;
        node
    }

    pub(super) fn array(&mut self, at: usize) -> Parsed {
        self.expect(TokenKind::Bracket, "[")?;
        let mut nodes = Vec::new();
        while !self.is_bracket("]") {
            if !nodes.is_empty() {
                self.expect(TokenKind::Operator, ",")?;
                if self.is_bracket("]") {
                    break;
                }
            }
            nodes.push(self.expression(0)?);
        }
        self.expect(TokenKind::Bracket, "]")?;
        self.node(at, Kind::Array(nodes))
    }

    pub(super) fn map(&mut self, at: usize) -> Parsed {
        self.expect(TokenKind::Bracket, "{")?;
        let mut pairs = Vec::new();
        while !self.is_bracket("}") {
            if !pairs.is_empty() {
                self.expect(TokenKind::Operator, ",")?;
                if self.is_bracket("}") {
                    break;
                }
            }
            let key_at = self.offset();
            let key = match self.kind() {
                TokenKind::Number | TokenKind::Text | TokenKind::Identifier => {
                    let text = self.text().to_owned();
                    self.next();
                    self.node(key_at, Kind::Text(text))?
                }
                TokenKind::Bracket if self.is_bracket("(") => self.expression(0)?,
                _ => {
                    return Err(self.error(
                        "a map key must be a quoted string, a number, an identifier or an expression in parentheses",
                    ));
                }
            };
            self.expect(TokenKind::Operator, ":")?;
            pairs.push((key, self.expression(0)?));
        }
        self.expect(TokenKind::Bracket, "}")?;
        self.node(at, Kind::Map(pairs))
    }
}
