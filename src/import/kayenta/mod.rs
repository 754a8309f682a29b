//! Kayenta canary configurations, in JSON or YAML.
//!
//! A configuration says what is compared and how it is scored. It does not say how long a run lasts, how often it judges
//! and who is compared: that is in the request that starts a run, and here in [`CanaryRun`], printed by `explain`. The
//! experiment is the candidate; the control is the baseline where the rollout has fresh pods of the old revision, and else
//! the stable revision, which is older and warmer than the candidate: a trap of its own.
//!
//! A configuration brings no rollout and no way back: both are the scenario's.

mod metrics;
mod queries;
mod run_setting;

pub use run_setting::{CANARY_RUN_SETTINGS, CanaryRun};

use std::collections::BTreeMap;

use super::query_book::QueryBook;
use super::unread::{self, Notes};
use super::{ImportOptions, line, signals, stem};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::document::Reader;
use crate::policy::kayenta::{Analysis, Kayenta, Run};
use crate::policy::loaded::{CheckDef, Loaded, StandIn};
use crate::telemetry::naming::{Engine, Naming};

/// Thresholds where neither the file nor the run says any (the pair of Kayenta's own examples).
const PASS: f64 = 75.0;
const MARGINAL: f64 = 50.0;

const NOTES: Notes = &[
    ("query.sumByFields", "an old key that Kayenta no longer reads: the average is over everything"),
    ("query.metricName", "not read: the template is a whole expression"),
    ("query.labelBindings", "not read: the template is a whole expression"),
    ("query.groupByFields", "not read: the template is a whole expression"),
    ("query.customFilterTemplate", "another template comes first"),
];

/// A policy while it is read.
struct Draft<'a, 'o> {
    root: Reader<'a>,
    options: &'o ImportOptions,
    naming: Naming,
    book: QueryBook,
    checks: Vec<CheckDef>,
    stand_ins: Vec<StandIn>,
    reading: Vec<String>,
}

impl Draft<'_, '_> {
    fn stand_in(&mut self, what: &str, at: &Reader<'_>, setting: &str) {
        let stand_in = StandIn { what: what.to_owned(), line: line(at), setting: setting.to_owned() };
        if !self.stand_ins.contains(&stand_in) {
            self.stand_ins.push(stand_in);
        }
    }
}

/// Whether a document is a canary configuration.
pub(super) fn is_canary_config(root: &Reader<'_>) -> bool {
    root.has("metrics") && (root.has("classifier") || root.has("judge")) && !root.has("services")
}

/// The policy of a configuration.
pub(super) fn load(root: &Reader<'_>, options: &ImportOptions) -> Result<Loaded, Vec<Diagnostic>> {
    let mut problems = Diagnostics::new();
    let mut draft = Draft {
        root: root.clone(),
        options,
        naming: naming(options),
        book: QueryBook::default(),
        checks: Vec::new(),
        stand_ins: Vec::new(),
        reading: Vec::new(),
    };
    for key in ["description", "configVersion", "applications", "id", "createdTimestamp", "updatedTimestamp"]
    {
        root.ignore(key);
    }
    let one = |found: Diagnostic| vec![found];
    judge(root).map_err(one)?;
    let run = run(root, options).map_err(one)?;
    let weights = weights(root).map_err(one)?;
    say_run(&mut draft, &run);
    let mut read = Vec::new();
    for item in root.required("metrics").and_then(|list| list.seq()).map_err(one)? {
        read.extend(problems.keep(metrics::metric(&mut draft, &item)));
    }
    if read.is_empty() && !problems.has_errors() {
        problems.push(root.diagnostic_at("there are no metrics to judge", "list them under `metrics`"));
    }
    if problems.has_errors() {
        return Err(problems.into_iter().collect());
    }
    root.ignore("templates");
    let analysis = Analysis { metrics: read, weights, run };
    Ok(finish(draft, analysis))
}

fn finish(draft: Draft<'_, '_>, analysis: Analysis) -> Loaded {
    let root = &draft.root;
    let source = root.source().name;
    let named = root.get("name").and_then(|name| name.text().ok());
    let name = named.map_or_else(|| stem(source).to_owned(), str::to_owned);
    let run = &analysis.run;
    let summary = format!(
        "Kayenta canary: {} metrics, judged every {} for {}",
        analysis.metrics.len(),
        run.interval,
        run.lifetime
    );
    let mut unsupported = unread::list(root, NOTES);
    unsupported.sort_by(|a, b| (a.line, &a.path).cmp(&(b.line, &b.path)));
    Loaded {
        identity: format!("kayenta/{name}"),
        name,
        source: source.to_owned(),
        engine: Engine::Kayenta,
        summary,
        prototype: Box::new(Kayenta::new(analysis)),
        queries: draft.book.into_queries(),
        checks: draft.checks,
        rollout: None,
        rollback: None,
        naming: draft.naming,
        needs_truth: false,
        tells_only: false,
        unsupported,
        stand_ins: draft.stand_ins,
        reading: draft.reading,
    }
}

fn naming(options: &ImportOptions) -> Naming {
    let namespace = options.namespace.as_deref().unwrap_or("default");
    Naming::kayenta(namespace, options.service.as_deref().unwrap_or("app"))
}

/// Only one judge is played; `dredd-v1.0` is its old name.
fn judge(root: &Reader<'_>) -> Result<(), Diagnostic> {
    let Some(judge) = root.get("judge") else { return Ok(()) };
    if judge.get("judgeConfigurations").is_some_and(|settings| settings.peek().entries().is_empty()) {
        judge.ignore("judgeConfigurations");
    }
    let Some(name) = judge.get("name") else { return Ok(()) };
    match name.text()? {
        "NetflixACAJudge-v1.0" | "dredd-v1.0" => Ok(()),
        other => Err(name.diagnostic_at(
            format!("the judge `{other}` is not played"),
            "write `NetflixACAJudge-v1.0`, Kayenta's own",
        )),
    }
}

fn weights(root: &Reader<'_>) -> Result<BTreeMap<String, f64>, Diagnostic> {
    let mut weights = BTreeMap::new();
    let groups = root.get("classifier").and_then(|classifier| classifier.get("groupWeights"));
    let Some(groups) = groups else { return Ok(weights) };
    for (group, _, weight) in groups.entries()? {
        let value = weight.f64()?;
        if !(0.0..=100.0).contains(&value) {
            return Err(weight
                .diagnostic_at("a weight lies between 0 and 100", "the weights of all groups sum to 100"));
        }
        weights.insert(group.to_owned(), value);
    }
    let sum: f64 = weights.values().sum();
    if sum > 100.0 {
        return Err(groups.diagnostic_at(format!("the weights sum to {sum}"), "let them sum to 100"));
    }
    Ok(weights)
}

/// The run the options say, with the file's thresholds unless the options have their own.
fn run(root: &Reader<'_>, options: &ImportOptions) -> Result<Run, Diagnostic> {
    let said = options.kayenta;
    if let Some(fact) = said.contradiction() {
        return Err(root.diagnostic_at(fact, "change `--kayenta`"));
    }
    let thresholds = root.get("classifier").and_then(|classifier| classifier.get("scoreThresholds"));
    let of_file = |key: &str| -> Result<Option<f64>, Diagnostic> {
        let reader = thresholds.as_ref().and_then(|thresholds| thresholds.get(key));
        reader.map(|reader| reader.f64()).transpose()
    };
    let pass = said.pass.or(of_file("pass")?).unwrap_or(PASS);
    let marginal = said.marginal.or(of_file("marginal")?).unwrap_or(MARGINAL);
    if marginal > pass {
        let fact = format!("the marginal threshold {marginal} is above the pass threshold {pass}");
        let at = thresholds.unwrap_or_else(|| root.clone());
        return Err(at.diagnostic_at(fact, "Kayenta asks for marginal <= pass"));
    }
    Ok(Run {
        lifetime: said.lifetime,
        interval: said.interval.min(said.lifetime),
        begin_after: said.begin_after,
        lookback: said.lookback,
        step: said.step,
        pass,
        marginal,
    })
}

fn say_run(draft: &mut Draft<'_, '_>, run: &Run) {
    let window = if run.lookback.is_zero() {
        "everything since it began".to_owned()
    } else {
        format!("the last {}", run.lookback)
    };
    let begins = if run.begin_after.is_zero() {
        "the deploy".to_owned()
    } else {
        format!("{} after the deploy", run.begin_after)
    };
    let judgements = run.judgements();
    draft.reading.push(format!(
        "A run of {} from {begins}: {judgements} judgements, each at the end of its {}, over {window}, one value every {}.",
        run.lifetime, run.interval, run.step
    ));
    draft.reading.push(
        "The candidate against the baseline where the rollout has one, else against the stable revision."
            .to_owned(),
    );
    draft.reading.push(format!(
        "A score up to {} rolls back at once; after the last judgement anything below {} does; between them the rollout goes on.",
        run.marginal, run.pass
    ));
    let what = "request that starts the run".to_owned();
    let setting = format!(
        "lifetime={}, interval={}, begin_after={}, lookback={}, step={}, pass={}, marginal={} (`--kayenta KEY=VALUE`)",
        run.lifetime, run.interval, run.begin_after, run.lookback, run.step, run.pass, run.marginal
    );
    draft.stand_ins.push(StandIn { what, line: 0, setting });
}
