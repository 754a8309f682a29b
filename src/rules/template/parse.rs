//! Reading templates.

/// A part of a template.
#[derive(Debug)]
pub(super) enum Piece {
    Text(String),
    Value(Pipeline),
    If { condition: Pipeline, then: Vec<Piece>, or_else: Vec<Piece> },
}

/// Commands, each of which hands its value to the next.
pub(super) type Pipeline = Vec<Vec<Operand>>;

/// A part of a command.
#[derive(Debug)]
pub(super) enum Operand {
    Number(f64),
    Text(String),
    /// A function.
    Word(String),
    /// `$labels.job`, `.Value`.
    Field(Vec<String>),
    /// A pipeline in parentheses.
    Group(Pipeline),
}

/// The nesting that is read; deeper templates are refused.
const DEPTH_MAX: usize = 32;

enum Item<'t> {
    Text(&'t str),
    Action(&'t str),
}

/// The parts of a template.
pub(super) fn parse(text: &str) -> Result<Vec<Piece>, String> {
    let items = items(text)?;
    let mut rest = items.as_slice();
    let (pieces, ended_by) = pieces(&mut rest, 0)?;
    match ended_by {
        None => Ok(pieces),
        Some(word) => Err(format!("unexpected {{{{{word}}}}}")),
    }
}

/// Text and actions in turn, with the space that trim markers take away.
fn items(mut text: &str) -> Result<Vec<Item<'_>>, String> {
    let mut items = Vec::new();
    let mut trims = false;
    while let Some(start) = text.find("{{") {
        let (before, after) = (&text[..start], &text[start + 2..]);
        let before = if trims { before.trim_start() } else { before };
        let trims_left = after.starts_with("- ");
        items.push(Item::Text(if trims_left { before.trim_end() } else { before }));
        let after = if trims_left { &after[2..] } else { after };
        let end = closing(after).ok_or("unclosed action")?;
        let inside = &after[..end];
        trims = inside.ends_with(" -");
        items.push(Item::Action(if trims { &inside[..inside.len() - 2] } else { inside }.trim()));
        text = &after[end + 2..];
    }
    items.push(Item::Text(if trims { text.trim_start() } else { text }));
    Ok(items)
}

/// Where the action ends: at braces outside of quotes.
fn closing(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some('"'), '\\') => escaped = true,
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '`') => quote = Some(c),
            (None, '}') if text[at..].starts_with("}}") => return Some(at),
            _ => {}
        }
    }
    None
}

/// Parts up to the end or to an `else` or `end` that belongs to somebody outside; that action's text.
fn pieces<'t>(rest: &mut &[Item<'t>], depth: usize) -> Result<(Vec<Piece>, Option<&'t str>), String> {
    if depth > DEPTH_MAX {
        return Err("too deeply nested".to_owned());
    }
    let mut found = Vec::new();
    while let Some((first, others)) = rest.split_first() {
        *rest = others;
        match first {
            Item::Text("") => {}
            Item::Text(text) => found.push(Piece::Text((*text).to_owned())),
            Item::Action(action) if action.starts_with("/*") => {}
            Item::Action(action) => match action.split_whitespace().next() {
                Some("end" | "else") => return Ok((found, Some(action))),
                Some("if") => found.push(choice(&action[2..], rest, depth + 1)?),
                Some(word @ ("range" | "with" | "template" | "define" | "block")) => {
                    return Err(format!("`{word}` is not supported"));
                }
                _ => found.push(Piece::Value(pipeline(action)?)),
            },
        }
    }
    Ok((found, None))
}

/// An `if` after its condition, up to its `end`.
fn choice(condition: &str, rest: &mut &[Item<'_>], depth: usize) -> Result<Piece, String> {
    let condition = pipeline(condition)?;
    let (then, ended_by) = pieces(rest, depth)?;
    let or_else = match ended_by.map(|action| action.split_whitespace().collect::<Vec<_>>()) {
        Some(words) if words == ["end"] => Vec::new(),
        Some(words) if words == ["else"] => match pieces(rest, depth)? {
            (pieces, Some("end")) => pieces,
            _ => return Err("`else` without `end`".to_owned()),
        },
        Some(words) if words.starts_with(&["else", "if"]) => {
            let action = ended_by.unwrap_or_default();
            let at = action.find("if").map_or(0, |at| at + 2);
            vec![choice(&action[at..], rest, depth + 1)?]
        }
        _ => return Err("`if` without `end`".to_owned()),
    };
    Ok(Piece::If { condition, then, or_else })
}

fn pipeline(text: &str) -> Result<Pipeline, String> {
    let mut tokens = Tokens { text, depth: 0 };
    let stages = tokens.pipeline()?;
    if tokens.text.trim().is_empty() {
        Ok(stages)
    } else {
        Err(format!("unexpected `{}`", tokens.text.trim()))
    }
}

struct Tokens<'t> {
    text: &'t str,
    depth: usize,
}

impl Tokens<'_> {
    /// Commands up to the end or a closing parenthesis, which is left.
    fn pipeline(&mut self) -> Result<Pipeline, String> {
        let mut stages = vec![Vec::new()];
        loop {
            self.text = self.text.trim_start();
            match self.text.chars().next() {
                None | Some(')') => break,
                Some('|') => {
                    self.text = &self.text[1..];
                    stages.push(Vec::new());
                }
                Some(_) => {
                    let operand = self.operand()?;
                    if let Some(stage) = stages.last_mut() {
                        stage.push(operand);
                    }
                }
            }
        }
        if stages.iter().any(Vec::is_empty) {
            Err("missing value for command".to_owned())
        } else {
            Ok(stages)
        }
    }

    fn operand(&mut self) -> Result<Operand, String> {
        match self.text.as_bytes().first() {
            Some(b'(') => self.group(),
            Some(b'"') => self.quoted(),
            Some(b'`') => {
                let inside = &self.text[1..];
                let end = inside.find('`').ok_or("unterminated raw quoted string")?;
                self.text = &inside[end + 1..];
                Ok(Operand::Text(inside[..end].to_owned()))
            }
            _ => self.word(),
        }
    }

    fn group(&mut self) -> Result<Operand, String> {
        if self.depth >= DEPTH_MAX {
            return Err("too deeply nested".to_owned());
        }
        self.text = &self.text[1..];
        self.depth += 1;
        let pipeline = self.pipeline()?;
        self.depth -= 1;
        self.text = self.text.strip_prefix(')').ok_or("unclosed left paren")?;
        Ok(Operand::Group(pipeline))
    }

    fn quoted(&mut self) -> Result<Operand, String> {
        let mut out = String::new();
        let mut chars = self.text.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.text = &self.text[at + 1..];
                    return Ok(Operand::Text(out));
                }
                '\\' => match chars.next().map(|(_, c)| c) {
                    Some('n') => out.push('\n'),
                    Some('t') => out.push('\t'),
                    Some(c) => out.push(c),
                    None => break,
                },
                c => out.push(c),
            }
        }
        Err("unterminated quoted string".to_owned())
    }

    fn word(&mut self) -> Result<Operand, String> {
        let end =
            self.text.find(|c: char| c.is_whitespace() || "|()\"`".contains(c)).unwrap_or(self.text.len());
        let (word, rest) = self.text.split_at(end);
        self.text = rest;
        if let Ok(number) = word.parse::<f64>() {
            return Ok(Operand::Number(number));
        }
        if word.starts_with(['$', '.']) {
            let path: Vec<String> = word.trim_start_matches('.').split('.').map(str::to_owned).collect();
            return Ok(Operand::Field(path));
        }
        let is_name = word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if is_name && !word.is_empty() {
            Ok(Operand::Word(word.to_owned()))
        } else {
            Err(format!("unexpected `{word}`"))
        }
    }
}
