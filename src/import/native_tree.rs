//! Decision trees of native files; see [`crate::policy::native::TreeDef`] for what they mean.

use super::line;
use super::native::{check, check_schedule, comparison, pace_words, sides, then_words};
use super::query_book::QueryBook;
use crate::diagnostic::Diagnostic;
use crate::document::Reader;
use crate::policy::loaded::CheckDef;
use crate::policy::native::{Ask, AskSpec, Node, NodeSpec, Test, TreeDef, TreeSpec, paces};
use crate::time::SimDuration;

/// What the questions of a file share: its queries and checks.
struct Books<'b> {
    queries: &'b mut QueryBook,
    checks: &'b mut Vec<CheckDef>,
}

/// The trees of a file; their questions to monitoring become checks after those of the triggers.
pub(super) fn load(
    specs: &[TreeSpec],
    root: &Reader<'_>,
    queries: &mut QueryBook,
    checks: &mut Vec<CheckDef>,
    reading: &mut Vec<String>,
) -> Result<Vec<TreeDef>, Diagnostic> {
    let mut trees: Vec<TreeDef> = Vec::new();
    let mut books = Books { queries, checks };
    for (index, spec) in specs.iter().enumerate() {
        let at = root.at(&format!("decide[{index}]")).unwrap_or_else(|| root.clone());
        if trees.iter().any(|earlier| earlier.name == spec.name) {
            let fact = format!("there are two trees `{}`", spec.name);
            let place = at.get("name").unwrap_or_else(|| at.clone());
            return Err(place.diagnostic_at(fact, "give each its own name"));
        }
        check_schedule(spec.every, &spec.evaluate, &at)?;
        let place = at.get("tree").unwrap_or_else(|| at.clone());
        let root = node(&spec.tree, &spec.name, &place, &mut books)?;
        let (every, later) = paces(spec.every, &spec.evaluate);
        reading.push(sentence(spec));
        trees.push(TreeDef {
            name: spec.name.clone(),
            root,
            every,
            later,
            start_after: spec.start_after,
            hold_for: spec.hold_for.unwrap_or(SimDuration::ZERO),
        });
    }
    Ok(trees)
}

fn node(spec: &NodeSpec, tree: &str, at: &Reader<'_>, books: &mut Books<'_>) -> Result<Node, Diagnostic> {
    let NodeSpec::Ask(ask) = spec else { return Ok(Node::Say(spec.then())) };
    let at = at.get("ask").unwrap_or_else(|| at.clone());
    let inside = |key: &str| at.get(key).unwrap_or_else(|| at.clone());
    let test = test(ask, tree, &at, books)?;
    let yes = node(&ask.then, tree, &inside("then"), books)?;
    let no = node(&ask.otherwise, tree, &inside("else"), books)?;
    Ok(Node::Ask(Box::new(Ask { question: ask.question.clone(), test, yes, no })))
}

fn test(ask: &AskSpec, tree: &str, at: &Reader<'_>, books: &mut Books<'_>) -> Result<Test, Diagnostic> {
    let (expr, facts) = (ask.expr.as_ref(), ask.facts);
    match (expr, facts) {
        (None, Some(facts)) => Ok(Test::Facts(facts)),
        (Some(expr), None) => {
            let place = at.get("expr").unwrap_or_else(|| at.clone());
            let line = line(&place);
            let query = books.queries.add(expr, &place)?;
            let compared = comparison(expr);
            let sides = sides(compared.as_ref(), line, books.queries);
            let name = format!("{tree}: {}", ask.question.trim());
            let def = check(&name, expr, compared.as_ref(), line, books.queries);
            books.checks.push(def);
            Ok(Test::Query { query, sides, check: books.checks.len() - 1 })
        }
        _ => {
            let fact = format!("the question `{}` needs either `expr` or `facts`", ask.question.trim());
            Err(at.diagnostic_at(fact, "write `expr:` for monitoring, `facts: {can_wait: true}` for people"))
        }
    }
}

/// `Every 15s, `tree`: Data corruption? Yes: halts writes. No: ...`.
fn sentence(spec: &TreeSpec) -> String {
    let held = spec.hold_for.map(|hold| format!(", the same for {hold}")).unwrap_or_default();
    format!("Every {}{held}, `{}`: {}.", pace_words(spec.every, &spec.evaluate), spec.name, words(&spec.tree))
}

fn words(node: &NodeSpec) -> String {
    match (node, node.then()) {
        (NodeSpec::Ask(ask), _) => {
            format!("{} Yes: {}. No: {}", ask.question.trim(), words(&ask.then), words(&ask.otherwise))
        }
        (_, Some(then)) => then_words(&then),
        (_, None) => "nothing".to_owned(),
    }
}
