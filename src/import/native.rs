//! Files of native triggers; see [`crate::policy::native`] for what they mean.

use promql_parser::parser::{self, Expr, token};

use super::native_condition::{Builder, words as condition_words};
use super::native_tree;
use super::query_book::QueryBook;
use super::{ImportOptions, SourceText, stem};
use crate::diagnostic::{Diagnostic, Source};
use crate::document::{self, Node, Reader};
use crate::policy::loaded::{CheckDef, Limits, Loaded};
use crate::policy::native::{
    AfterDecision, Bind, ConditionSpec, Native, NativeFile, OnTrouble, Phase, Rearm, Rule, Then, TriggerDef,
    TriggerSpec, paces,
};
use crate::telemetry::naming::{Engine, LabelRole, MetricBinding, Naming};
use crate::time::SimDuration;

/// The JSON schema of native files.
pub fn schema() -> schemars::Schema {
    schemars::SchemaGenerator::default().into_root_schema_for::<NativeFile>()
}

/// The policy in a native file.
pub(super) fn load(source: SourceText<'_>, options: &ImportOptions) -> Result<Loaded, Diagnostic> {
    let file: NativeFile = document::parse_typed(source.name, source.text)?;
    let documents = document::parse_documents(source.name, source.text)?;
    let empty = Node {
        value: document::NodeValue::Null,
        location: Default::default(),
        raw: String::new(),
        style: document::ScalarStyle::Plain,
        tag: None,
    };
    let root = Reader::new(Source::new(source.name, source.text), documents.first().unwrap_or(&empty));
    check_file(&file, &root)?;
    let mut book = QueryBook::default();
    let (mut triggers, mut checks, mut reading) = (Vec::new(), Vec::<CheckDef>::new(), Vec::new());
    for (index, spec) in file.triggers.iter().enumerate() {
        let at = root.at(&format!("triggers[{index}]")).unwrap_or_else(|| root.clone());
        check_trigger(spec, &file.triggers, index, &at)?;
        let def = trigger(spec, &at, &mut book, &mut checks)?;
        reading.push(sentence(spec, &def));
        triggers.push(def);
    }
    let trees = native_tree::load(&file.decide, &root, &mut book, &mut checks, &mut reading)?;
    reading.push(after_sentence(file.after_decision));
    let name = stem(source.name).to_owned();
    let service = file.bind.service.as_deref().or(options.service.as_deref()).unwrap_or("app");
    let summary =
        file.summary.clone().unwrap_or_else(|| format!("{} native triggers", triggers.len() + trees.len()));
    Ok(Loaded {
        identity: format!("native/{name}"),
        name,
        source: source.name.to_owned(),
        engine: Engine::Native,
        summary,
        prototype: Box::new(Native::new(triggers, file.after_decision).with_trees(trees)),
        queries: book.into_queries(),
        checks,
        rollout: None,
        rollback: None,
        naming: naming(&file.bind, service, options),
        needs_truth: false,
        tells_only: false,
        unsupported: Vec::new(),
        stand_ins: Vec::new(),
        reading,
    })
}

/// How names in the queries mean the simulated service.
pub(super) fn naming(bind: &Bind, service: &str, options: &ImportOptions) -> Naming {
    let mut naming = Naming::native(service);
    if let Some(namespace) = bind.namespace.as_ref().or(options.namespace.as_ref()) {
        naming.namespace.clone_from(namespace);
    }
    let metric = |m: &crate::policy::native::MetricSpec| MetricBinding {
        metric: m.metric.clone(),
        signal: m.signal,
        unit: m.unit,
    };
    naming.bind = bind.metrics.iter().map(metric).collect();
    let label = |l: &crate::policy::native::LabelRoleSpec| LabelRole {
        label: l.label.clone(),
        stable: l.stable.clone(),
        candidate: l.candidate.clone(),
    };
    naming.label_roles = bind.labels.iter().map(label).collect();
    naming
}

fn check_file(file: &NativeFile, root: &Reader<'_>) -> Result<(), Diagnostic> {
    if file.format != 1 {
        let at = root.get("format").unwrap_or_else(|| root.clone());
        return Err(at.diagnostic_at(format!("format {} is not known", file.format), "write `format: 1`"));
    }
    if file.triggers.is_empty() && file.decide.is_empty() {
        let at = root.get("triggers").unwrap_or_else(|| root.clone());
        return Err(at.diagnostic_at("there are no triggers", "write at least one"));
    }
    Ok(())
}

fn check_trigger(
    spec: &TriggerSpec,
    all: &[TriggerSpec],
    index: usize,
    at: &Reader<'_>,
) -> Result<(), Diagnostic> {
    let place = |key: &str| at.get(key).unwrap_or_else(|| at.clone());
    if all.iter().take(index).any(|earlier| earlier.name == spec.name) {
        let fact = format!("there are two triggers `{}`", spec.name);
        return Err(place("name").diagnostic_at(fact, "give each its own name"));
    }
    check_schedule(spec.every, &spec.evaluate, at)?;
    let counts = [
        ("for", spec.hold_for.is_some()),
        ("consecutive", spec.consecutive.is_some()),
        ("k_of_n", spec.k_of_n.is_some()),
        ("cumulative", spec.cumulative.is_some()),
    ];
    let given: Vec<&str> = counts.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
    if let [first, second, ..] = given.as_slice() {
        let fact = format!("`{first}` and `{second}` cannot be in one trigger");
        return Err(place(second).diagnostic_at(fact, "write two triggers, or keep one of them"));
    }
    if spec.keep_firing_for.is_some() && given.iter().any(|name| *name != "for") {
        let fact = "`keep_firing_for` goes with `for` only";
        return Err(place("keep_firing_for").diagnostic_at(fact, "remove it, or count with `for`"));
    }
    let zero = |key: &str| {
        Err(place(key)
            .diagnostic_at(format!("`{key}` must be at least 1"), "write 1 to fire at the first bad one"))
    };
    if spec.consecutive == Some(0) {
        return zero("consecutive");
    }
    if spec.cumulative == Some(0) {
        return zero("cumulative");
    }
    if let Some(k_of_n) = spec.k_of_n
        && !(1..=k_of_n.n).contains(&k_of_n.k)
    {
        let fact = format!("{} of {} can never happen or always does", k_of_n.k, k_of_n.n);
        return Err(place("k_of_n").diagnostic_at(fact, "k must be between 1 and n"));
    }
    if let Then::After(delayed) = &spec.then
        && matches!(*delayed.then, Then::After(_))
    {
        return Err(place("then").diagnostic_at("`after` inside of `after`", "add the two delays"));
    }
    Ok(())
}

/// Either one interval, or phases of which only the last has no end.
pub(super) fn check_schedule(
    every: SimDuration,
    phases: &[Phase],
    at: &Reader<'_>,
) -> Result<(), Diagnostic> {
    let place = |key: &str| at.get(key).unwrap_or_else(|| at.clone());
    let second = SimDuration::from_secs(1);
    let written = at.get("every").is_some();
    if written && !phases.is_empty() {
        let fact = "`every` and `evaluate` cannot be in one";
        return Err(place("every").diagnostic_at(fact, "write the last phase without `for`"));
    }
    if every < second {
        let help = "write `every: 15s`";
        return Err(place("every").diagnostic_at("evaluations must be at least 1s apart", help));
    }
    for (index, phase) in phases.iter().enumerate() {
        let is_last = index + 1 == phases.len();
        let here = || at.at(&format!("evaluate[{index}]")).unwrap_or_else(|| place("evaluate"));
        if phase.every < second {
            let fact = "evaluations must be at least 1s apart";
            return Err(here().diagnostic_at(fact, "write `{every: 10s, for: 1h}`"));
        }
        if phase.lasts.is_none() != is_last {
            let fact = if is_last { "the last phase has an end" } else { "a phase without an end" };
            let help = "write `for` in every phase but the last: `[{every: 10s, for: 1h}, {every: 60s}]`";
            return Err(here().diagnostic_at(fact, help));
        }
    }
    Ok(())
}

/// `10s for 1h, then every 60s`.
pub(super) fn pace_words(every: SimDuration, phases: &[Phase]) -> String {
    if phases.is_empty() {
        return every.to_string();
    }
    let words = |phase: &Phase| match phase.lasts {
        Some(lasts) => format!("{} for {lasts}", phase.every),
        None => phase.every.to_string(),
    };
    phases.iter().map(words).collect::<Vec<_>>().join(", then every ")
}

fn trigger(
    spec: &TriggerSpec,
    at: &Reader<'_>,
    queries: &mut QueryBook,
    checks: &mut Vec<CheckDef>,
) -> Result<TriggerDef, Diagnostic> {
    let place = |key: &str| at.get(key).unwrap_or_else(|| at.clone());
    let mut builder = Builder { queries, checks, name: &spec.name };
    let when = match (&spec.expr, &spec.when) {
        (Some(expr), None) => builder.expr(expr, &place("expr"))?,
        (None, Some(when)) => builder.condition(when, &place("when"))?,
        _ => {
            let fact = format!("the trigger `{}` needs either `expr` or `when`", spec.name);
            return Err(
                at.diagnostic_at(fact, "write `expr:` for PromQL, `when:` for detectors and combinations")
            );
        }
    };
    let (every, later) = paces(spec.every, &spec.evaluate);
    Ok(TriggerDef {
        name: spec.name.clone(),
        reason: spec.reason.clone().unwrap_or_else(|| spec.name.clone()),
        when,
        rule: rule(spec),
        every,
        later,
        start_after: spec.start_after,
        then: spec.then.clone(),
        when_accepted: spec.when_accepted.clone(),
        on_no_data: spec.on_no_data,
        on_error: spec.on_error,
    })
}

/// The queries of the sides of a comparison.
pub(super) fn sides(comparison: Option<&Comparison>, line: usize, book: &mut QueryBook) -> Vec<usize> {
    let mut sides = Vec::new();
    for side in comparison.into_iter().flat_map(|c| [&c.left, &c.right]).flatten() {
        if book.reads(side) {
            sides.push(book.insert(side.clone(), line));
        }
    }
    sides
}

fn rule(spec: &TriggerSpec) -> Rule {
    match (spec.consecutive, spec.k_of_n, spec.cumulative) {
        (Some(count), _, _) => Rule::Consecutive(count),
        (_, Some(k_of_n), _) => Rule::KOfN { k: k_of_n.k, n: k_of_n.n },
        (_, _, Some(count)) => Rule::Cumulative(count),
        _ => Rule::For {
            hold: spec.hold_for.unwrap_or(SimDuration::ZERO),
            keep: spec.keep_firing_for.unwrap_or(SimDuration::ZERO),
        },
    }
}

/// A comparison at the top of an expression, its number (if one side is one) on the right.
pub(super) struct Comparison {
    /// The left side, unless it is a number.
    left: Option<String>,
    /// The right side, unless it is a number.
    right: Option<String>,
    operator: &'static str,
    number: Option<f64>,
}

/// Reads a text that is known to be PromQL.
pub(super) fn comparison(text: &str) -> Option<Comparison> {
    let mut tree = parser::parse(text.trim()).ok()?;
    while let Expr::Paren(inner) = tree {
        tree = *inner.expr;
    }
    let Expr::Binary(binary) = tree else { return None };
    if binary.return_bool() {
        return None;
    }
    let (operator, mirrored) = match binary.op.id() {
        token::T_GTR => (">", "<"),
        token::T_GTE => (">=", "<="),
        token::T_LSS => ("<", ">"),
        token::T_LTE => ("<=", ">="),
        token::T_EQLC => ("==", "=="),
        token::T_NEQ => ("!=", "!="),
        _ => return None,
    };
    let text_of = |side: &Expr| number(side).is_none().then(|| side.to_string());
    let (left, right) = (text_of(&binary.lhs), text_of(&binary.rhs));
    Some(match (number(&binary.lhs), number(&binary.rhs)) {
        (Some(constant), None) => {
            Comparison { left: right, right: None, operator: mirrored, number: Some(constant) }
        }
        (_, constant) => Comparison { left, right, operator, number: constant },
    })
}

fn number(side: &Expr) -> Option<f64> {
    match side {
        Expr::NumberLiteral(literal) => Some(literal.val),
        Expr::Paren(inner) => number(&inner.expr),
        Expr::Unary(negated) => number(&negated.expr).map(|value| -value),
        _ => None,
    }
}

/// The check behind a trigger: its left side against a number, or the difference of two sides against zero.
pub(super) fn check(
    name: &str,
    expr: &str,
    comparison: Option<&Comparison>,
    line: usize,
    book: &mut QueryBook,
) -> CheckDef {
    let name = name.to_owned();
    let whole = || CheckDef {
        name: name.clone(),
        query: Some(expr.trim().to_owned()),
        good: "without a result".to_owned(),
        limits: Limits { min: None, max: None, strict: false },
        line,
    };
    let Some(comparison) = comparison else { return whole() };
    let (query, bound) = match (&comparison.left, &comparison.right, comparison.number) {
        (Some(left), None, Some(number)) => (left.clone(), number),
        (Some(left), Some(right), _) => (format!("({left}) - ({right})"), 0.0),
        _ => return whole(),
    };
    if !book.reads(&query) {
        return whole();
    }
    let limits = |min, max, strict| Limits { min, max, strict };
    let (good, limits) = match comparison.operator {
        ">" => ("<=", limits(None, Some(bound), false)),
        ">=" => ("<", limits(None, Some(bound), true)),
        "<" => (">=", limits(Some(bound), None, false)),
        "<=" => (">", limits(Some(bound), None, true)),
        "==" => ("!=", limits(None, None, false)),
        _ => ("==", limits(Some(bound), Some(bound), false)),
    };
    CheckDef { name, query: Some(query), good: format!("{good} {bound}"), limits, line }
}

fn sentence(spec: &TriggerSpec, def: &TriggerDef) -> String {
    let bad_when = match (&spec.expr, &spec.when) {
        (Some(expr), _) => condition_words(&ConditionSpec::Expr(expr.clone())),
        (None, when) => when.as_ref().map(condition_words).unwrap_or_default(),
    };
    let accepted = spec.when_accepted.as_ref();
    let accepted =
        accepted.map(|then| format!("; {} when it is accepted", then_words(then))).unwrap_or_default();
    let bad = match def.rule {
        Rule::For { hold, keep } => {
            let long = if hold.is_zero() { String::new() } else { format!(" for {hold}") };
            let kept = if keep.is_zero() { String::new() } else { format!(", kept firing for {keep}") };
            format!("{long}{kept}")
        }
        Rule::Consecutive(count) => format!(" {count} times in a row"),
        Rule::KOfN { k, n } => format!(" at {k} of the last {n} evaluations"),
        Rule::Cumulative(count) => format!(" {count} times in all"),
    };
    let trouble = |what: &str, rule: OnTrouble| match rule {
        OnTrouble::Ignore => String::new(),
        OnTrouble::Count => format!("; {what} counts as bad"),
        OnTrouble::Hold => format!("; {what} holds the rollout"),
        OnTrouble::Page => format!("; {what} pages"),
        OnTrouble::RollBack => format!("; {what} rolls back"),
    };
    let grace = match spec.start_after {
        SimDuration::ZERO => String::new(),
        after => format!(" from {after} after the deploy on"),
    };
    format!(
        "Every {}{grace}, `{}`: {} when {bad_when}{bad}{accepted}{}{}.",
        pace_words(spec.every, &spec.evaluate),
        spec.name,
        then_words(&spec.then),
        trouble("no data", spec.on_no_data),
        trouble("a failed query", spec.on_error),
    )
}

pub(super) fn then_words(then: &Then) -> String {
    match then {
        Then::RollBack => "rolls back".to_owned(),
        Then::Hold => "holds the rollout".to_owned(),
        Then::Page => "pages a person".to_owned(),
        Then::Investigate => "holds and pages a person, who rolls back if it still stands,".to_owned(),
        Then::Stop => "halts writes".to_owned(),
        Then::ForwardFix => "repairs forwards".to_owned(),
        Then::Defer => "schedules a fix".to_owned(),
        Then::Promote => "promotes".to_owned(),
        Then::Advance => "ends the bake".to_owned(),
        Then::After(delayed) => format!("after {} {}", delayed.delay, then_words(&delayed.then)),
    }
}

fn after_sentence(after: AfterDecision) -> String {
    match after {
        AfterDecision::Stop => "After a decision nothing more is evaluated.".to_owned(),
        AfterDecision::ReArm(Rearm { cooldown }) => {
            format!("All triggers start over {cooldown} after a rollback has ended.")
        }
    }
}
