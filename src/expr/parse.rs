//! Tokens to tree, by operator precedence.
//!
//! The rules that surprise: comparisons chain (`0 < x < 1` means both), `??` may not be mixed with another
//! operator without parentheses, a pipe puts its left side in front of the arguments of the call on its right,
//! and a predicate may be written bare or in braces. Depth and size are bounded, so hostile text ends in an error.

use super::ast::{BinOp, Kind, Node, Pointer, Quantifier, UnOp};
use super::error::ParseError;
use super::function::Function;
use super::number::number_literal;
use super::precedence::{binary, is_ordering, may_be_negated};
use super::token::{Token, TokenKind, tokens};

/// Deepest nesting of the text.
const MAX_NESTING: usize = 80;
/// Deepest tree; `a || b || c ...` grows one level per operator.
const MAX_DEPTH: usize = 250;

pub(super) type Parsed = Result<Node, ParseError>;

/// Reads `source` as one expression.
pub(super) fn parse(source: &str) -> Parsed {
    let mut parser = Parser { tokens: tokens(source)?, at: 0, nesting: 0, predicates: 0, lets: Vec::new() };
    let node = parser.sequence()?;
    if parser.kind() != TokenKind::End {
        return Err(parser.unexpected());
    }
    Ok(node)
}

/// A pattern of `matches`, of bounded size.
pub(super) fn compile(pattern: &str) -> Result<regex::Regex, String> {
    regex::RegexBuilder::new(pattern).size_limit(1 << 20).build().map_err(|e| e.to_string())
}

/// Where reading stands; calls and literals are read in `parse_call`.
pub(super) struct Parser<'s> {
    tokens: Vec<Token<'s>>,
    at: usize,
    nesting: usize,
    /// Predicates around the current place.
    pub(super) predicates: usize,
    lets: Vec<String>,
}

impl Parser<'_> {
    // Tokens.

    pub(super) fn kind(&self) -> TokenKind {
        self.tokens.get(self.at).map_or(TokenKind::End, |t| t.kind)
    }

    pub(super) fn text(&self) -> &str {
        self.tokens.get(self.at).map_or("", |t| &t.text)
    }

    pub(super) fn offset(&self) -> usize {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(0, |t| t.at)
    }

    pub(super) fn next(&mut self) {
        self.at = (self.at + 1).min(self.tokens.len().saturating_sub(1));
    }

    fn is(&self, kind: TokenKind, text: &str) -> bool {
        self.kind() == kind && self.text() == text
    }

    pub(super) fn is_operator(&self, text: &str) -> bool {
        self.is(TokenKind::Operator, text)
    }

    pub(super) fn is_bracket(&self, text: &str) -> bool {
        self.is(TokenKind::Bracket, text)
    }

    pub(super) fn take(&mut self, kind: TokenKind, text: &str) -> bool {
        let found = self.is(kind, text);
        if found {
            self.next();
        }
        found
    }

    pub(super) fn expect(&mut self, kind: TokenKind, text: &str) -> Result<(), ParseError> {
        if self.take(kind, text) { Ok(()) } else { Err(self.unexpected()) }
    }

    pub(super) fn identifier(&mut self) -> Result<String, ParseError> {
        if self.kind() != TokenKind::Identifier {
            return Err(self.unexpected());
        }
        let name = self.text().to_owned();
        self.next();
        Ok(name)
    }

    pub(super) fn error(&self, message: impl Into<String>) -> ParseError {
        ParseError::new(message, self.offset())
    }

    fn unexpected(&self) -> ParseError {
        match self.kind() {
            TokenKind::End => self.error("unexpected end of the expression"),
            _ => self.error(format!("unexpected `{}`", self.text())),
        }
    }

    // Nodes.

    pub(super) fn node(&self, at: usize, kind: Kind) -> Parsed {
        let mut below = 0;
        kind.children(&mut |child| below = below.max(child.depth));
        if below >= MAX_DEPTH {
            return Err(ParseError::new(format!("expression is deeper than {MAX_DEPTH} levels"), at));
        }
        Ok(Node { kind, at, depth: below + 1 })
    }

    /// Expressions separated by `;`, the last of which is the value.
    pub(super) fn sequence(&mut self) -> Parsed {
        let at = self.offset();
        let mut nodes = vec![self.expression(0)?];
        while self.take(TokenKind::Operator, ";") {
            if self.kind() == TokenKind::End {
                break;
            }
            nodes.push(self.expression(0)?);
        }
        match nodes.pop() {
            Some(only) if nodes.is_empty() => Ok(only),
            Some(last) => {
                nodes.push(last);
                self.node(at, Kind::Sequence(nodes))
            }
            None => Err(self.unexpected()),
        }
    }

    pub(super) fn expression(&mut self, least: u16) -> Parsed {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err(self.error(format!("expression is nested deeper than {MAX_NESTING} levels")));
        }
        let node = match least {
            0 if self.is_operator("let") => self.declaration(),
            0 if self.is_operator("if") => self.conditional_if(),
            _ => self.operators(least),
        };
        self.nesting -= 1;
        node
    }

    fn operators(&mut self, least: u16) -> Parsed {
        let mut left = self.primary()?;
        let mut after_coalesce = false;
        while self.kind() == TokenKind::Operator {
            if self.is_operator("|") {
                if least > 0 {
                    break;
                }
                self.next();
                let at = self.offset();
                let name = self.identifier()?;
                left = self.call(name, at, Some(left))?;
                after_coalesce = false;
                continue;
            }
            let negated = self.is_operator("not");
            let start = self.at;
            if negated {
                self.next();
                if !(self.kind() == TokenKind::Operator && may_be_negated(self.text())) {
                    return Err(self.unexpected());
                }
            }
            let Some((op, precedence, to_right)) = binary(self.text()).filter(|b| b.1 >= least) else {
                self.at = start;
                break;
            };
            let at = self.offset();
            if after_coalesce && op != BinOp::Coalesce {
                return Err(self.error(format!(
                    "operator `{}` and `??` cannot be mixed: wrap either in parentheses",
                    self.text()
                )));
            }
            self.next();
            left = if is_ordering(op) {
                self.comparison(left, op, precedence, at)?
            } else {
                let right = self.expression(if to_right { precedence } else { precedence + 1 })?;
                self.binary_node(op, left, right, at)?
            };
            if negated {
                left = self.node(at, Kind::Unary(UnOp::Not, Box::new(left)))?;
            }
            after_coalesce = op == BinOp::Coalesce;
        }
        if least == 0 { self.ternary(left) } else { Ok(left) }
    }

    fn binary_node(&self, op: BinOp, left: Node, right: Node, at: usize) -> Parsed {
        if op != BinOp::Matches {
            return self.node(at, Kind::Binary(op, Box::new(left), Box::new(right)));
        }
        let compiled = match &right.kind {
            Kind::Text(pattern) => Some(compile(pattern)),
            _ => None,
        };
        self.node(at, Kind::Matches { text: Box::new(left), pattern: Box::new(right), compiled })
    }

    fn comparison(&mut self, left: Node, op: BinOp, precedence: u16, at: usize) -> Parsed {
        let mut nodes = vec![left, self.expression(precedence + 1)?];
        let mut ops = vec![op];
        while self.kind() == TokenKind::Operator {
            match binary(self.text()) {
                Some((op, ..)) if is_ordering(op) => {
                    self.next();
                    ops.push(op);
                    nodes.push(self.expression(precedence + 1)?);
                }
                _ => break,
            }
        }
        if ops.len() > 1 {
            return self.node(at, Kind::Compare(nodes, ops));
        }
        match (nodes.pop(), nodes.pop()) {
            (Some(right), Some(left)) => self.binary_node(op, left, right, at),
            _ => Err(self.unexpected()),
        }
    }

    fn ternary(&mut self, mut node: Node) -> Parsed {
        while self.is_operator("?") {
            let at = self.offset();
            self.next();
            node = if self.take(TokenKind::Operator, ":") {
                let otherwise = self.expression(0)?;
                self.node(at, Kind::Elvis(Box::new([node, otherwise])))?
            } else {
                let then = self.expression(0)?;
                self.expect(TokenKind::Operator, ":")?;
                let otherwise = self.expression(0)?;
                self.node(at, Kind::Conditional(Box::new([node, then, otherwise])))?
            };
        }
        Ok(node)
    }

    fn conditional_if(&mut self) -> Parsed {
        let at = self.offset();
        self.expect(TokenKind::Operator, "if")?;
        let condition = self.expression(0)?;
        let then = self.block()?;
        self.expect(TokenKind::Operator, "else")?;
        let otherwise = if self.is_operator("if") { self.expression(0)? } else { self.block()? };
        self.node(at, Kind::Conditional(Box::new([condition, then, otherwise])))
    }

    pub(super) fn block(&mut self) -> Parsed {
        self.expect(TokenKind::Bracket, "{")?;
        let node = self.sequence()?;
        self.expect(TokenKind::Bracket, "}")?;
        Ok(node)
    }

    fn declaration(&mut self) -> Parsed {
        self.expect(TokenKind::Operator, "let")?;
        let at = self.offset();
        let name = self.identifier()?;
        self.expect(TokenKind::Operator, "=")?;
        let value = Box::new(self.expression(0)?);
        self.expect(TokenKind::Operator, ";")?;
        let taken = name == "result"
            || self.lets.contains(&name)
            || Function::named(&name).is_some()
            || Quantifier::named(&name).is_some();
        let refused = taken.then(|| format!("cannot redeclare {name}"));
        self.lets.push(name);
        let body = self.sequence();
        self.lets.pop();
        self.node(at, Kind::Let { refused, value, body: Box::new(body?) })
    }

    fn primary(&mut self) -> Parsed {
        let at = self.offset();
        if self.kind() == TokenKind::Operator {
            let unary = match self.text() {
                "not" | "!" => Some((UnOp::Not, 50)),
                "-" => Some((UnOp::Minus, 90)),
                "+" => Some((UnOp::Plus, 90)),
                _ => None,
            };
            if let Some((op, precedence)) = unary {
                self.next();
                let operand = self.expression(precedence)?;
                let node = self.node(at, Kind::Unary(op, Box::new(operand)))?;
                return self.postfix(node);
            }
        }
        if self.take(TokenKind::Bracket, "(") {
            let node = self.sequence()?;
            self.expect(TokenKind::Bracket, ")")?;
            return self.postfix(node);
        }
        if self.predicates > 0 && (self.is_operator("#") || self.is_operator(".")) {
            let pointer = if self.take(TokenKind::Operator, "#") { self.pointer() } else { Pointer::Element };
            let node = self.node(at, Kind::Pointer(pointer))?;
            return self.postfix(node);
        }
        if self.take(TokenKind::Operator, "::") {
            let name = self.identifier()?;
            let node = self.call(name, at, None)?;
            return self.postfix(node);
        }
        self.operand(at)
    }

    fn pointer(&mut self) -> Pointer {
        if self.kind() != TokenKind::Identifier {
            return Pointer::Element;
        }
        let pointer = match self.text() {
            "index" => Pointer::Index,
            "acc" => Pointer::Accumulator,
            other => Pointer::Unknown(other.to_owned()),
        };
        self.next();
        pointer
    }

    fn operand(&mut self, at: usize) -> Parsed {
        match self.kind() {
            TokenKind::Number => {
                let kind = number_literal(self.text()).map_err(|message| self.error(message))?;
                self.next();
                // As in expr-lang: nothing may follow a number, so `1[0]` is an unexpected bracket.
                self.node(at, kind)
            }
            TokenKind::Text => {
                let text = self.text().to_owned();
                self.next();
                let node = self.node(at, Kind::Text(text))?;
                self.postfix(node)
            }
            TokenKind::Identifier => self.name(at),
            TokenKind::Bracket if self.is_bracket("[") => {
                let node = self.array(at)?;
                self.postfix(node)
            }
            TokenKind::Bracket if self.is_bracket("{") => {
                let node = self.map(at)?;
                self.postfix(node)
            }
            _ => Err(self.unexpected()),
        }
    }

    fn name(&mut self, at: usize) -> Parsed {
        let name = self.identifier()?;
        match name.as_str() {
            "true" => return self.node(at, Kind::Bool(true)),
            "false" => return self.node(at, Kind::Bool(false)),
            "nil" => return self.node(at, Kind::Nil),
            _ => {}
        }
        let node = if self.is_bracket("(") {
            self.call(name, at, None)?
        } else {
            let kind = self.resolve(name);
            self.node(at, kind)?
        };
        self.postfix(node)
    }

    pub(super) fn resolve(&self, name: String) -> Kind {
        if let Some(slot) = self.lets.iter().rposition(|declared| *declared == name) {
            return Kind::Local(slot);
        }
        match name.as_str() {
            "$env" => Kind::Environment,
            "result" => Kind::Result,
            n if Function::named(n).is_some() || Quantifier::named(n).is_some() => Kind::FunctionName,
            _ => Kind::UnknownName(name),
        }
    }

    fn postfix(&mut self, mut node: Node) -> Parsed {
        loop {
            let at = self.offset();
            let optional = self.is_operator("?.");
            if optional || self.is_operator(".") {
                self.next();
                if !(optional && self.is_bracket("[")) {
                    node = self.field(node, optional)?;
                    continue;
                }
            }
            if !self.take(TokenKind::Bracket, "[") {
                return Ok(node);
            }
            node = self.index(node, optional, at)?;
        }
    }

    /// `node.name` or `node.name(...)`; inside a chain the step joins the chain.
    fn field(&mut self, node: Node, optional: bool) -> Parsed {
        let at = self.offset();
        let word = self.text().starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '$');
        if !(self.kind() == TokenKind::Identifier || self.kind() == TokenKind::Operator && word) {
            return Err(self.error("expected name"));
        }
        let property = Kind::Text(self.text().to_owned());
        self.next();
        let property = Box::new(self.node(at, property)?);
        let (base, chained) = unchain(node);
        let mut member = self.node(at, Kind::Member { base: Box::new(base), property, optional })?;
        if self.is_bracket("(") {
            let arguments = self.arguments(None)?;
            member = self.node(at, Kind::CallValue(Box::new(member), arguments))?;
        }
        if chained || optional { self.node(at, Kind::Chain(Box::new(member))) } else { Ok(member) }
    }

    /// What follows `[`: an index or a slice.
    fn index(&mut self, node: Node, optional: bool, at: usize) -> Parsed {
        let from = if self.is_operator(":") { None } else { Some(Box::new(self.expression(0)?)) };
        if self.take(TokenKind::Operator, ":") {
            let to = if self.is_bracket("]") { None } else { Some(Box::new(self.expression(0)?)) };
            self.expect(TokenKind::Bracket, "]")?;
            return self.node(at, Kind::Slice { base: Box::new(node), from, to });
        }
        self.expect(TokenKind::Bracket, "]")?;
        let property = from.ok_or_else(|| self.unexpected())?;
        let (base, chained) = unchain(node);
        let member = self.node(at, Kind::Member { base: Box::new(base), property, optional })?;
        if chained || optional { self.node(at, Kind::Chain(Box::new(member))) } else { Ok(member) }
    }
}

fn unchain(node: Node) -> (Node, bool) {
    match node.kind {
        Kind::Chain(inner) => (*inner, true),
        _ => (node, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_chain_and_coalesce_stands_alone() {
        assert!(matches!(parse("0 < result <= 1").unwrap().kind, Kind::Compare(..)));
        assert!(parse("result ?? 1 >= 0.5").unwrap_err().message.contains("cannot be mixed"));
        assert!(parse("(result ?? 1) >= 0.5").is_ok());
    }

    #[test]
    fn hostile_depth_is_refused_and_not_followed() {
        for text in ["(".repeat(5000), "!".repeat(5000), "[".repeat(5000), "1+".repeat(5000) + "1"] {
            assert!(parse(&text).is_err());
        }
        assert!(parse(&("result[0] > 1 || ".repeat(200) + "true")).is_ok());
    }

    #[test]
    fn predicates_may_be_bare_or_in_braces() {
        for text in
            ["all(result, # > 1)", "all(result, {# > 1})", "result | all(# > 1)", "all(result, {.v > 1},)"]
        {
            assert!(matches!(parse(text).unwrap().kind, Kind::Quantified(Quantifier::All, _)), "{text}");
        }
        assert!(parse("# > 1").is_err());
        assert!(parse("any(result < 0.85)").unwrap_err().message.contains("at least 2"));
    }
}
