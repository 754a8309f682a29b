//! Every judgement of a policy in one form, whatever its engine: what is compared, how often, how many times it must
//! be bad, and where in the files it is written.

use promql_parser::parser::Expr;

use super::place::{At, File, Spot};
use super::query::{self, Comparison, Operator};
use super::values::{Reading, Values};
use crate::lint::{Facts, Files};
use crate::policy::loaded::{CheckDef, Loaded};
use crate::policy::native::{Then, TriggerSpec, paces};
use crate::strategy::StrategySpec;
use crate::telemetry::naming::Engine;
use crate::time::SimDuration;

/// One judgement.
pub(crate) struct Judged {
    /// Its name in the file.
    pub(crate) name: String,
    /// The query as it is sent.
    pub(crate) tree: Option<Expr>,
    /// What is compared with numbers, and which side is bad.
    pub(crate) comparisons: Vec<Compared>,
    /// When it is looked at.
    pub(crate) pace: Option<Pace>,
    /// Whether it can lead to a rollback.
    pub(crate) acts: bool,
    /// Where it is written, for what has no better place.
    pub(crate) spot: Spot,
    /// Where its `for` is written, if it has one.
    pub(crate) hold: Spot,
    /// Where its query is written.
    pub(crate) query: Spot,
    /// The trigger, in a native file.
    pub(crate) trigger: Option<TriggerSpec>,
    /// The metric, in an Argo file.
    pub(crate) metric: Option<Metric>,
}

/// A comparison with its values and its place.
pub(crate) struct Compared {
    pub(crate) what: Comparison,
    pub(crate) values: Values,
    pub(crate) spot: Spot,
}

impl Compared {
    /// `errors > 5`, for messages.
    pub(crate) fn words(&self) -> String {
        format!("`{} {}`", self.what.operator.sign(), self.what.number)
    }
}

/// When a judgement is made, and how often it must be bad.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pace {
    /// Time between evaluations; none for a single measurement.
    pub(crate) every: SimDuration,
    /// Time from its begin to the first evaluation.
    pub(crate) first: SimDuration,
    /// Bad evaluations that are needed.
    pub(crate) needed: u64,
    /// Whether `needed` counts evaluations, and is not the length of a `for`.
    pub(crate) counts: bool,
    /// What passes from the last bad evaluation to the rollback.
    pub(crate) delay: SimDuration,
}

impl Pace {
    /// Time from the first bad evaluation to the last one needed.
    pub(crate) fn spread(&self) -> SimDuration {
        self.every * self.needed.saturating_sub(1)
    }
    /// The earliest rollback, from the begin.
    pub(crate) fn earliest(&self) -> SimDuration {
        self.first + self.spread() + self.delay
    }
}

/// An Argo metric as it is written. Texts with a placeholder count as absent.
#[derive(Clone, Debug)]
pub(crate) struct Metric {
    pub(crate) success: Option<(String, Spot)>,
    pub(crate) failure: Option<(String, Spot)>,
    /// How many measurements there are; none when they go on for ever.
    pub(crate) count: Option<i64>,
    pub(crate) failure_limit: i64,
    pub(crate) limit_spot: Spot,
}

/// The judgements of a policy, in the order of its checks.
pub(crate) fn all(policy: &Loaded, files: &Files<'_>, facts: &Facts) -> Vec<Judged> {
    match policy.engine {
        Engine::Native => native(policy, files, facts),
        _ => policy.checks.iter().map(|check| of_check(policy, check, files, facts)).collect(),
    }
}

fn with_values(
    comparisons: Vec<Comparison>,
    policy: &Loaded,
    facts: &Facts,
    spot: impl Fn(f64) -> Spot,
) -> Vec<Compared> {
    let reading = Reading { naming: &policy.naming, facts };
    let compared = |what: Comparison| {
        let values = reading.values(&what.left);
        let spot = spot(what.number);
        Compared { what, values, spot }
    };
    comparisons.into_iter().map(compared).collect()
}

fn native(policy: &Loaded, files: &Files<'_>, facts: &Facts) -> Vec<Judged> {
    let Some(root) = own(policy, files) else { return Vec::new() };
    let Some(file) = files.get(&policy.source).and_then(File::native) else { return Vec::new() };
    let items = root.get("triggers").into_iter().flat_map(|list| list.items());
    let judged = |(spec, item): (&TriggerSpec, At<'_>)| {
        // Where the pace changes, the first one is judged.
        let spec = TriggerSpec { every: paces(spec.every, &spec.evaluate).0, ..spec.clone() };
        let expr = item.get("expr").unwrap_or(item);
        let tree = spec.expr.as_deref().and_then(query::tree);
        let comparisons = tree.as_ref().map(query::comparisons).unwrap_or_default();
        Judged {
            name: spec.name.clone(),
            comparisons: with_values(comparisons, policy, facts, |number| expr.spot_of(number)),
            tree,
            pace: Some(pace(&spec)),
            acts: acts(&spec.then),
            spot: item.get("name").unwrap_or(item).spot(),
            hold: item.get("for").unwrap_or(item).spot(),
            query: expr.spot(),
            trigger: Some(spec),
            metric: None,
        }
    };
    file.triggers.iter().zip(items).map(judged).collect()
}

fn own<'f>(policy: &Loaded, files: &'f Files<'_>) -> Option<At<'f>> {
    files.get(&policy.source)?.document(0)
}

/// Whether a verdict is a decision, at once or later.
pub(crate) fn acts(then: &Then) -> bool {
    match then {
        Then::RollBack | Then::Stop | Then::ForwardFix | Then::Investigate => true,
        Then::After(delayed) => acts(&delayed.then),
        Then::Hold | Then::Page | Then::Defer | Then::Promote | Then::Advance => false,
    }
}

fn pace(spec: &TriggerSpec) -> Pace {
    let (needed, counts) = match (spec.consecutive, spec.k_of_n, spec.cumulative, spec.hold_for) {
        (Some(count), ..) | (_, _, Some(count), _) => (u64::from(count), true),
        (_, Some(k_of_n), ..) => (u64::from(k_of_n.k), true),
        (.., Some(hold)) => (hold.as_nanos().div_ceil(spec.every.as_nanos().max(1)) + 1, false),
        _ => (1, true),
    };
    let delay = match &spec.then {
        Then::After(delayed) => delayed.delay,
        _ => SimDuration::ZERO,
    };
    Pace { every: spec.every, first: spec.start_after, needed, counts, delay }
}

/// An Argo metric or a Flagger check. Its band is what loading made of conditions and ranges.
fn of_check(policy: &Loaded, check: &CheckDef, files: &Files<'_>, facts: &Facts) -> Judged {
    let item = find(policy, check, files);
    let tree = check.query.as_deref().and_then(query::tree);
    let limits = [
        (check.limits.min, if check.limits.strict { Operator::AtMost } else { Operator::Below }),
        (check.limits.max, if check.limits.strict { Operator::AtLeast } else { Operator::Above }),
    ];
    let compare = |(limit, operator): (Option<f64>, Operator)| {
        let (left, number) = (tree.clone()?, limit?);
        Some(Comparison { left, operator, number, alone: true })
    };
    let comparisons: Vec<Comparison> = limits.into_iter().filter_map(compare).collect();
    let whole =
        item.map_or_else(|| Spot::of_source(&policy.source), |item| item.get("name").unwrap_or(item).spot());
    let condition = |number: f64| {
        let Some(item) = item else { return whole.clone() };
        let places =
            ["successCondition", "failureCondition", "thresholdRange.min", "thresholdRange.max", "threshold"];
        let found: Vec<At<'_>> = places.into_iter().filter_map(|path| item.at(path)).collect();
        // A range is two numbers: the first place that holds this one, else the first there is.
        let holds = found.iter().find(|at| at.holds(number)).or(found.first());
        holds.map_or_else(|| item.spot(), |at| at.spot_of(number))
    };
    let query = item.and_then(|item| item.at("provider.prometheus.query").or_else(|| item.get("query")));
    let is_argo = policy.engine == Engine::Argo;
    Judged {
        name: check.name.clone(),
        comparisons: with_values(comparisons, policy, facts, condition),
        pace: item.and_then(|item| if is_argo { argo_pace(item) } else { flagger_pace(policy, files) }),
        acts: true,
        query: query.map_or_else(|| whole.clone(), |at| at.spot()),
        metric: item.filter(|_| is_argo).map(|item| metric(item, &whole)),
        tree,
        hold: whole.clone(),
        spot: whole,
        trigger: None,
    }
}

/// The item a check was read from: the metric on its line.
fn find<'f>(policy: &Loaded, check: &CheckDef, files: &'f Files<'_>) -> Option<At<'f>> {
    // Lines repeat across files: the policy's own comes first.
    let own = files.iter().filter(|file| file.name() == policy.source);
    let others = files.iter().filter(|file| file.name() != policy.source);
    let lists = own.chain(others).flat_map(File::documents).flat_map(|document| {
        ["spec.metrics", "spec.analysis.metrics", "spec.canaryAnalysis.metrics"]
            .into_iter()
            .filter_map(move |path| document.at(path))
    });
    let named = |item: &At<'_>| {
        let name = item.get("name").map_or("", |name| name.raw());
        item.line() == check.line && (name == check.name || name.contains("{{"))
    };
    lists.flat_map(|list| list.items()).find(named)
}

fn argo_duration(item: At<'_>, key: &str) -> Option<SimDuration> {
    crate::expr::go_duration(item.get(key)?.raw()).ok()
}

fn whole_number(item: At<'_>, key: &str) -> Option<i64> {
    item.get(key)?.raw().trim().parse().ok()
}

fn argo_pace(item: At<'_>) -> Option<Pace> {
    let limit = whole_number(item, "failureLimit").unwrap_or(0);
    let every = argo_duration(item, "interval").unwrap_or(SimDuration::ZERO);
    let first = argo_duration(item, "initialDelay").unwrap_or(SimDuration::ZERO);
    let needed = u64::try_from(limit).ok()?.saturating_add(1);
    Some(Pace { every, first, needed, counts: true, delay: SimDuration::ZERO })
}

fn flagger_pace(policy: &Loaded, files: &Files<'_>) -> Option<Pace> {
    let Some(StrategySpec::Flagger(flagger)) = &policy.rollout else { return None };
    let file = files.get(&policy.source)?;
    let canary = file.documents().find(|at| at.get("kind").is_some_and(|kind| kind.raw() == "Canary"))?;
    let analysis = canary.at("spec.analysis").or_else(|| canary.at("spec.canaryAnalysis"))?;
    let needed = whole_number(analysis, "threshold").and_then(|count| u64::try_from(count).ok()).unwrap_or(1);
    let every = flagger.interval;
    // The first tick sets the weight; the rollback comes a tick after the last failed check.
    Some(Pace { every, first: every, needed: needed.max(1), counts: true, delay: every })
}

fn metric(item: At<'_>, whole: &Spot) -> Metric {
    let condition = |key: &str| {
        let at = item.get(key).filter(|at| !at.raw().contains("{{"))?;
        Some((at.raw().to_owned(), at.spot()))
    };
    Metric {
        success: condition("successCondition"),
        failure: condition("failureCondition"),
        // Without an interval there is one measurement.
        count: whole_number(item, "count").or(item.get("interval").is_none().then_some(1)),
        failure_limit: whole_number(item, "failureLimit").unwrap_or(0),
        limit_spot: item.get("failureLimit").map_or_else(|| whole.clone(), |at| at.spot()),
    }
}
