//! The architecture: which module may name which. The table here *is* the rule; a module that is not in it fails.
//!
//! A module may name modules of the rows above its own. Within a row only the pairs of [`NEIGHBOURS`] are allowed,
//! and [`FORBIDDEN`] takes some away. Unit tests inside `src` are held to the same rule, comments are not.

use std::path::Path;

use crate::source::{code_of, rust_files};

const ROWS: &[&[&str]] = &[
    &["time", "quantity", "diagnostic", "document", "catalogue"],
    &["rng", "stats"],
    &["engine", "effect", "people", "detect"],
    &["world"],
    &["fault", "strategy", "telemetry"],
    &["promql", "expr"],
    &["rollback", "rules"],
    &["policy"],
    &["import", "lint"],
    &["scenario"],
    &["replication"],
    &["score"],
    &["study"],
    &["report"],
    &["drill", "live"],
    &["cli"],
];

/// (who, whom) within one row. They must not form a circle.
const NEIGHBOURS: &[(&str, &str)] = &[
    ("document", "diagnostic"),
    ("document", "time"),
    ("document", "quantity"),
    ("catalogue", "diagnostic"),
    ("catalogue", "document"),
    ("catalogue", "quantity"),
    ("stats", "rng"),
];

/// (who, whom) although the row would allow it: a policy sees what monitoring shows, never the world behind it.
const FORBIDDEN: &[(&str, &str)] = &[("policy", "world"), ("policy", "fault"), ("policy", "rng")];

fn row(module: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&module))
}

fn may_name(who: &str, whom: &str) -> Result<(), String> {
    let of = |module: &str| row(module).ok_or(format!("`{module}` is not in the table of layers"));
    let (from, to) = (of(who)?, of(whom)?);
    let allowed = who == whom || to < from || NEIGHBOURS.contains(&(who, whom));
    if allowed && !FORBIDDEN.contains(&(who, whom)) {
        Ok(())
    } else {
        Err(format!("`{who}` may not name `{whom}`"))
    }
}

/// Words and punctuation of code, with line numbers; `::` is one token.
fn tokens(code: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut line = 1;
    let mut joins = false;
    for c in code.chars() {
        let is_word = c.is_alphanumeric() || c == '_';
        match found.last_mut() {
            Some((_, last))
                if joins && is_word && last.ends_with(|l: char| l.is_alphanumeric() || l == '_') =>
            {
                last.push(c);
            }
            Some((_, last)) if joins && c == ':' && last == ":" => last.push(c),
            _ if c.is_whitespace() => {}
            _ => found.push((line, c.to_string())),
        }
        joins = !c.is_whitespace();
        line += usize::from(c == '\n');
    }
    found
}

/// Top-level modules named in `text`, a file of the module `path` (`["world", "queue"]`), with their lines.
fn named(path: &[&str], text: &str) -> Vec<(usize, String)> {
    let tokens = tokens(&code_of(text));
    let word = |at: usize| tokens.get(at).map_or("", |(_, token)| token.as_str());
    let mut found = Vec::new();
    let mut open: Vec<bool> = Vec::new();
    for at in 0..tokens.len() {
        match word(at) {
            "{" => open.push(at >= 2 && word(at - 2) == "mod"),
            "}" => {
                open.pop();
            }
            // A renamed root would hide whatever is named through it.
            "crate" | "super" if word(at + 1) == "as" => {
                found.push((tokens[at].0, "a renamed root".to_owned()))
            }
            "crate" if word(at + 1) == "::" => found.extend(heads(&tokens, at + 2)),
            "super" if at == 0 || word(at - 1) != "::" => {
                let supers =
                    (0..).take_while(|n| word(at + 2 * n) == "super" && word(at + 2 * n + 1) == "::").count();
                let depth = path.len() + open.iter().filter(|is_module| **is_module).count();
                if supers > 0 && supers >= depth {
                    found.extend(heads(&tokens, at + 2 * supers));
                }
            }
            _ => {}
        }
    }
    found
}

/// The first segments at `at`: one word, or those of a braced list.
fn heads(tokens: &[(usize, String)], at: usize) -> Vec<(usize, String)> {
    let Some((line, first)) = tokens.get(at) else { return Vec::new() };
    if first != "{" {
        return vec![(*line, first.clone())];
    }
    let (mut found, mut depth, mut expects) = (Vec::new(), 0usize, true);
    for (line, token) in &tokens[at..] {
        match token.as_str() {
            "{" => depth += 1,
            "}" if depth == 1 => break,
            "}" => depth -= 1,
            "," if depth == 1 => expects = true,
            word if depth == 1 && expects => {
                found.push((*line, word.to_owned()));
                expects = false;
            }
            _ => {}
        }
    }
    found
}

/// `src/world/queue.rs` is the module `world::queue`; `mod.rs` is its folder.
fn module_path(file: &Path) -> Vec<String> {
    let mut parts: Vec<String> =
        file.components().skip(1).map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    let last = parts.pop().unwrap_or_default();
    let stem = last.trim_end_matches(".rs");
    if stem != "mod" {
        parts.push(stem.to_owned());
    }
    parts
}

fn violations(file: &Path, text: &str) -> Vec<String> {
    let path = module_path(file);
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let Some(who) = path.first() else { return Vec::new() };
    named(&path, text)
        .into_iter()
        .filter_map(|(line, whom)| {
            may_name(who, &whom).err().map(|fact| format!("{}:{line}: {fact}", file.display()))
        })
        .collect()
}

#[test]
fn every_module_names_only_rows_above_its_own() {
    let roots = ["src/lib.rs", "src/main.rs"];
    let mut found = Vec::new();
    for (file, text) in rust_files("src") {
        if roots.iter().any(|root| file == Path::new(root)) {
            continue;
        }
        let module = module_path(&file);
        if row(&module[0]).is_none() {
            found.push(format!("{}: `{}` is not in the table of layers", file.display(), module[0]));
        }
        found.extend(violations(&file, &text));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_table_has_each_module_once_and_no_circle() {
    let all: Vec<&str> = ROWS.concat();
    for module in &all {
        assert_eq!(all.iter().filter(|other| *other == module).count(), 1, "{module}");
    }
    // Taking away modules that name nobody left must end with nothing.
    let mut pairs = NEIGHBOURS.to_vec();
    for (who, whom) in &pairs {
        assert_eq!(row(who), row(whom), "{who} and {whom} are not neighbours");
    }
    while !pairs.is_empty() {
        let before = pairs.len();
        let rest = pairs.clone();
        pairs.retain(|(_, whom)| rest.iter().any(|(who, _)| who == whom));
        assert!(pairs.len() < before, "a circle: {pairs:?}");
    }
}

#[test]
fn violations_are_found_and_reported_with_their_line() {
    let check = |file: &str, text: &str| violations(Path::new(file), text);
    assert_eq!(
        check("src/policy/mod.rs", "use crate::time::SimTime;\n\nuse crate::world::World;\n"),
        ["src/policy/mod.rs:3: `policy` may not name `world`"]
    );
    assert_eq!(check("src/time.rs", "use crate::{\n  quantity::{Rate, Ratio},\n  rng,\n};").len(), 2);
    assert_eq!(check("src/rng.rs", "fn f() { crate::stats::g(); }").len(), 1, "a neighbour");
    assert_eq!(
        check("src/rng.rs", "use crate::nowhere::X;"),
        ["src/rng.rs:1: `nowhere` is not in the table of layers"]
    );
    assert_eq!(check("src/rng.rs", "mod tests { use crate::world::X; }").len(), 1, "unit tests too");
}

#[test]
fn climbing_with_super_is_followed_and_stays_inside_where_it_does() {
    let check = |file: &str, text: &str| violations(Path::new(file), text);
    assert_eq!(check("src/rng.rs", "use super::world::X;").len(), 1);
    assert_eq!(check("src/rng.rs", "mod tests { use super::*; use super::super::world; }").len(), 1);
    assert_eq!(check("src/rng.rs", "mod tests {} use super::{world, time};").len(), 1);
    assert_eq!(check("src/world/queue.rs", "use super::service::S; use super::super::policy::P;").len(), 1);
    assert_eq!(check("src/world/mod.rs", "use super::policy::P;").len(), 1);
    assert_eq!(check("src/world/queue.rs", "pub(super) fn f() {} pub(in super::super) fn g() {}").len(), 0);
    assert_eq!(
        check("src/world/queue.rs", "mod a { mod b { use super::super::super::super::cli::X; } }").len(),
        1
    );
}

#[test]
fn a_renamed_root_is_a_violation() {
    for text in [
        "use crate as c;",
        "use crate::{self as c};",
        "use super::super as c;",
        "use super::super::{self as c};",
    ] {
        assert_eq!(violations(Path::new("src/world/queue.rs"), text).len(), 1, "{text}");
    }
}

#[test]
fn comments_strings_and_rows_above_are_no_violations() {
    let text = "//! [`crate::world`]\n/// crate::world::X\nconst A: &str = \"crate::world\"; /* crate::cli */\n\
                use crate::rng::Key; use crate::{time, quantity::{Rate}}; fn f() { crate::engine::g::<crate::effect::E>() }";
    assert_eq!(violations(Path::new("src/world/mod.rs"), text), Vec::<String>::new());
    assert_eq!(
        violations(Path::new("src/document/mod.rs"), "use crate::time::SimTime;"),
        Vec::<String>::new()
    );
}
