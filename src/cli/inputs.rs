//! Scenarios and policies from the words of the command line.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::args::{FidelityArg, PlayArgs, PolicyArgs, QuickArgs};
use super::exit::Failure;
use super::files::{self, Shipped, Text};
use super::plan::PlannedScenario;
use super::process::Processes;
use super::ui::Ui;
use crate::diagnostic::{Diagnostic, Diagnostics, Source, did_you_mean};
use crate::import::{self, ALERT_SETTINGS, CANARY_RUN_SETTINGS, HOOK_SETTINGS, ImportOptions, SourceText};
use crate::policy::loaded::Loaded;
use crate::scenario::quick::{FAMILY, NUMBERS, Quick};
use crate::scenario::resolved::FidelityChoice;
use crate::scenario::{self, Resolved, Scenario, embedded};
use crate::telemetry::dialect::{Signal, Unit};
use crate::telemetry::naming::{LabelRole, MetricBinding};

/// The scenarios a study plays: the ones named, those made from numbers, or all that ship.
pub(super) fn scenarios(
    words: &[String],
    quick: &QuickArgs,
    ui: &Ui,
) -> Result<Vec<PlannedScenario>, Failure> {
    let numbers = quick_of(quick)?;
    let named = words.iter().map(|word| files::read(word, Shipped::Scenarios));
    let mut texts: Vec<Text> = named.collect::<Result<_, _>>()?;
    if texts.is_empty() && numbers.is_none() {
        texts = embedded::SCENARIOS.iter().map(files::of_shipped).collect();
    }
    let mut planned = Vec::new();
    let mut wrong = Diagnostics::new();
    for text in &texts {
        match resolve(text, ui) {
            Ok(one) => planned.push(one),
            Err(findings) => wrong.extend(findings),
        }
    }
    if let Some(numbers) = numbers {
        match numbers.family() {
            Ok(family) => planned.extend(family.into_iter().map(|resolved| of_quick(resolved, ui))),
            Err(findings) => wrong.extend(findings),
        }
    }
    if !wrong.is_empty() {
        return Err(Failure::Input(wrong));
    }
    check_names(&planned)?;
    Ok(planned)
}

/// One scenario: a file, a shipped one, or a member of the quick family.
pub(super) fn one_scenario(word: &str, quick: &QuickArgs, ui: &Ui) -> Result<PlannedScenario, Failure> {
    let Some(variant) = FAMILY.iter().find(|variant| word.strip_prefix("quick/") == Some(variant.name))
    else {
        if quick.is_given() {
            let names: Vec<String> = FAMILY.iter().map(|variant| format!("quick/{}", variant.name)).collect();
            let fact = format!("`{word}` is not made from numbers, so `--rate` and its like have no effect");
            return Err(Failure::usage(fact, format!("name one of {}", names.join(", "))));
        }
        let text = files::read(word, Shipped::Scenarios)?;
        return resolve(&text, ui).map_err(Failure::Input);
    };
    let numbers = quick_of(quick)?.unwrap_or_default();
    let name = format!("quick/{}", variant.name);
    let resolved = scenario::read(&name, Source::new(NUMBERS, &numbers.text(variant)));
    resolved.map(|resolved| of_quick(resolved, ui)).map_err(Failure::Input)
}

/// The same scenarios at the level asked for.
///
/// # Errors
/// When the flow level is asked for and cannot play it: a service calls another one, or users wait for answers.
pub(super) fn at_fidelity(
    planned: Vec<PlannedScenario>,
    play: PlayArgs,
) -> Result<Vec<PlannedScenario>, Failure> {
    let choice = match play.fidelity {
        FidelityArg::Auto => return Ok(planned),
        FidelityArg::Flow => FidelityChoice::Flow,
        FidelityArg::Request => FidelityChoice::Request,
    };
    let at = |planned: PlannedScenario| {
        let why = planned.scenario.why_never_flow();
        if let Some(why) = why.filter(|_| choice == FidelityChoice::Flow) {
            let fact = format!("`{}` cannot be played at flow level: {why}", planned.scenario.name);
            return Err(Failure::usage(fact, "leave --fidelity out, or choose other scenarios".to_owned()));
        }
        let scenario = Scenario { fidelity: choice, ..planned.scenario.as_ref().clone() };
        Ok(PlannedScenario { scenario: Arc::new(scenario), ..planned })
    };
    planned.into_iter().map(at).collect()
}

fn resolve(text: &Text, ui: &Ui) -> Result<PlannedScenario, Diagnostics> {
    let name = scenario::name_of(&text.name);
    let resolved = scenario::read(&name, Source::new(&text.name, &text.text))?;
    ui.warn(&resolved.warnings);
    // Shipped scenarios are named as the program finds them, wherever it is started.
    let source = match embedded::scenario(&name) {
        Some(file) if file.text == text.text => name,
        _ => text.name.clone(),
    };
    Ok(PlannedScenario { scenario: Arc::new(resolved.scenario), source })
}

fn of_quick(resolved: Resolved, ui: &Ui) -> PlannedScenario {
    ui.warn(&resolved.warnings);
    PlannedScenario { source: resolved.scenario.name.clone(), scenario: Arc::new(resolved.scenario) }
}

/// The service in numbers, if any number was given.
pub(super) fn quick_of(quick: &QuickArgs) -> Result<Option<Quick>, Failure> {
    if !quick.is_given() {
        return Ok(None);
    }
    let known = Quick::default();
    let quick = Quick {
        service: quick.service.clone().unwrap_or(known.service),
        rate: quick.rate.unwrap_or(known.rate),
        errors: quick.errors.unwrap_or(known.errors),
        p50: quick.p50,
        p99: quick.p99.unwrap_or(known.p99),
        users: quick.users,
        replicas: quick.replicas,
        strategy: None,
    };
    if quick.p50.is_some_and(|p50| p50 > quick.p99) {
        let fact = format!("the median {} is above the p99 {}", quick.p50.unwrap_or_default(), quick.p99);
        return Err(Failure::usage(fact, "give `--p50` below `--p99`"));
    }
    Ok(Some(quick))
}

/// Two scenarios of one name would draw the same numbers and share a row.
fn check_names(planned: &[PlannedScenario]) -> Result<(), Failure> {
    let mut seen = BTreeSet::new();
    match planned.iter().find(|one| !seen.insert(one.scenario.name.as_str())) {
        None => Ok(()),
        Some(twice) => {
            let fact = format!("two scenarios are called `{}`", twice.scenario.name);
            Err(Failure::usage(fact, "a scenario is called by its folder and file name: rename one of them"))
        }
    }
}

/// Policies that were loaded together, and the texts they come from.
pub(super) struct PolicySet {
    pub(super) texts: Vec<Text>,
    pub(super) policies: Vec<Loaded>,
}

/// The policies named, or all that ship. Files of the user are read together, each shipped one for itself.
pub(super) fn policies(words: &[String], args: &PolicyArgs) -> Result<Vec<Loaded>, Failure> {
    Ok(policy_sets(words, args)?.into_iter().flat_map(|set| set.policies).collect())
}

/// As [`policies`], with the texts.
pub(super) fn policy_sets(words: &[String], args: &PolicyArgs) -> Result<Vec<PolicySet>, Failure> {
    let mut texts = Vec::new();
    for word in words {
        texts.push((word.as_str(), files::read(word, Shipped::Policies)?));
    }
    policy_sets_of(texts, args)
}

/// As [`policy_sets`], of texts that were read, each with the word that names it; all that ship if there are none.
pub(super) fn policy_sets_of(words: Vec<(&str, Text)>, args: &PolicyArgs) -> Result<Vec<PolicySet>, Failure> {
    let options = import_options(args)?;
    let is_none = words.is_empty();
    let (mut own, mut sets): (Vec<Text>, Vec<Vec<Text>>) = (Vec::new(), Vec::new());
    for (word, text) in words {
        if embedded::policy(word).is_some_and(|file| file.text == text.text) {
            sets.push(vec![text]);
        } else {
            own.push(text);
        }
    }
    if !own.is_empty() {
        sets.insert(0, own);
    }
    if is_none {
        sets = embedded::POLICIES.iter().map(|file| vec![files::of_shipped(file)]).collect();
    }
    let mut loaded = Vec::new();
    let mut wrong = Diagnostics::new();
    for texts in sets {
        match load(&texts, &options) {
            Ok(policies) => loaded.push(PolicySet { texts, policies }),
            Err(findings) => wrong.extend(findings),
        }
    }
    if wrong.has_errors() {
        return Err(Failure::Input(wrong));
    }
    check_webhooks(&options, loaded.iter().flat_map(|set| &set.policies))?;
    check_alerts(&options, loaded.iter().flat_map(|set| &set.policies))?;
    name_apart(loaded.iter_mut().flat_map(|set| &mut set.policies));
    Ok(loaded)
}

/// A setting for a webhook that no file has would have no effect.
fn check_webhooks<'a>(
    options: &ImportOptions,
    loaded: impl Iterator<Item = &'a Loaded>,
) -> Result<(), Failure> {
    let replaced = |policy: &Loaded| policy.stand_ins.iter().map(|s| s.what.clone()).collect::<Vec<_>>();
    let all: Vec<String> = loaded.flat_map(replaced).collect();
    let known: Vec<&str> =
        all.iter().filter_map(|what| Some(what.strip_prefix("webhook ")?.rsplit_once(" (")?.0)).collect();
    match options.webhooks.keys().find(|name| *name != "*" && !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let help = if known.is_empty() {
                "the files have no webhooks".to_owned()
            } else {
                format!("webhooks: {}", known.join(", "))
            };
            Err(Failure::usage(format!("no webhook is called `{name}`"), help))
        }
    }
}

/// A setting for an alert that no file has would have no effect. Labels are not looked up: templates fill them in later.
fn check_alerts<'a>(
    options: &ImportOptions,
    loaded: impl Iterator<Item = &'a Loaded>,
) -> Result<(), Failure> {
    let known: BTreeSet<String> = loaded
        .flat_map(|policy| &policy.stand_ins)
        .filter_map(|stand_in| stand_in.what.strip_prefix(import::RECEIVERS_OF).map(str::to_owned))
        .collect();
    let named = options.alerts.iter().map(|setting| setting.which.as_str());
    match named.filter(|which| *which != "*" && !which.contains(':')).find(|which| !known.contains(*which)) {
        None => Ok(()),
        Some(name) => {
            let names: Vec<&str> = known.iter().map(String::as_str).collect();
            let help = match did_you_mean(name, &names) {
                Some(near) => format!("did you mean `{near}`?"),
                None if known.is_empty() => "the files have no alerts".to_owned(),
                None => format!("alerts: {}", names.join(", ")),
            };
            Err(Failure::usage(format!("no alert is called `{name}`"), help))
        }
    }
}

/// The policies in texts that belong together.
pub(super) fn load(texts: &[Text], options: &ImportOptions) -> Result<Vec<Loaded>, Vec<Diagnostic>> {
    let sources: Vec<SourceText<'_>> =
        texts.iter().map(|text| SourceText { name: &text.name, text: &text.text }).collect();
    import::load(&sources, options)
}

/// Rows and records are told apart by name.
fn name_apart<'l>(loaded: impl Iterator<Item = &'l mut Loaded>) {
    let mut taken: BTreeMap<String, u32> = BTreeMap::new();
    for policy in loaded {
        let count = taken.entry(policy.name.clone()).or_default();
        *count += 1;
        if *count > 1 {
            policy.name = format!("{}#{count}", policy.name);
        }
    }
}

/// What the options say about reading policy files.
pub(super) fn import_options(args: &PolicyArgs) -> Result<ImportOptions, Failure> {
    let mut options = ImportOptions {
        allow_missing: args.allow_missing_series,
        processes: Some(Arc::new(Processes)),
        ..ImportOptions::default()
    };
    for pair in &args.arg {
        let (name, value) = pair_of("arg", pair)?;
        options.args.insert(name.to_owned(), value.to_owned());
    }
    for pair in &args.webhook {
        let (name, value) = pair_of("webhook", pair)?;
        let setting = value.parse().map_err(|fact| {
            Failure::usage(format!("`--webhook {pair}`: {fact}"), format!("settings: {HOOK_SETTINGS}"))
        })?;
        options.webhooks.insert(name.to_owned(), setting);
    }
    for pair in &args.alert {
        let setting = pair.parse().map_err(|fact| {
            Failure::usage(format!("`--alert {pair}`: {fact}"), format!("settings: {ALERT_SETTINGS}"))
        })?;
        options.alerts.push(setting);
    }
    for pair in &args.kayenta {
        let (key, value) = pair_of("kayenta", pair)?;
        options.kayenta.set(key, value).map_err(|fact| {
            Failure::usage(format!("`--kayenta {pair}`: {fact}"), format!("settings: {CANARY_RUN_SETTINGS}"))
        })?;
    }
    for pair in &args.bind {
        let (key, value) = pair_of("bind", pair)?;
        match key {
            "service" => options.service = Some(value.to_owned()),
            "namespace" => options.namespace = Some(value.to_owned()),
            _ => bind_prefixed(&mut options, key, value)?,
        }
    }
    Ok(options)
}

/// `label.LABEL=…`, `provider.METRIC=…`, or else a metric.
fn bind_prefixed(options: &mut ImportOptions, key: &str, value: &str) -> Result<(), Failure> {
    if let Some(label) = key.strip_prefix("label.") {
        options.label_roles.push(label_role(label, value)?);
    } else if let Some(name) = key.strip_prefix("provider.") {
        let answer = import::Answer::parse(value).map_err(|fact| {
            Failure::usage(
                fact,
                "write succeed, fail, error, inconclusive, no_data, a share like `90%`, or a result",
            )
        })?;
        options.providers.insert(name.to_owned(), answer);
    } else {
        options.bindings.push(metric_binding(key, value)?);
    }
    Ok(())
}

pub(super) fn pair_of<'p>(option: &str, pair: &'p str) -> Result<(&'p str, &'p str), Failure> {
    match pair.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim(), value.trim())),
        _ => Err(Failure::usage(
            format!("`--{option} {pair}` is no pair"),
            format!("write `--{option} name=value`"),
        )),
    }
}

/// `label.LABEL=STABLE/CANDIDATE`; an empty side has no value of its own.
fn label_role(label: &str, value: &str) -> Result<LabelRole, Failure> {
    let Some((stable, candidate)) = value.split_once('/') else {
        let fact = format!("`label.{label}={value}` does not say which value means which release");
        return Err(Failure::usage(fact, format!("write `label.{label}=STABLE/CANDIDATE`")));
    };
    let side = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Ok(LabelRole { label: label.to_owned(), stable: side(stable), candidate: side(candidate) })
}

/// `METRIC=SIGNAL` or `METRIC=SIGNAL:UNIT`, in the words of native policy files.
fn metric_binding(metric: &str, value: &str) -> Result<MetricBinding, Failure> {
    let (signal, unit) = value.split_once(':').map_or((value, None), |(signal, unit)| (signal, Some(unit)));
    let signal: Signal = word_of("signal", signal)?;
    let unit: Unit = unit.map_or(Ok(Unit::default()), |unit| word_of("unit", unit))?;
    Ok(MetricBinding { metric: metric.to_owned(), signal, unit })
}

/// A value of an enum of the file formats, by its name there.
fn word_of<T: serde::de::DeserializeOwned + schemars::JsonSchema>(
    what: &str,
    word: &str,
) -> Result<T, Failure> {
    serde_json::from_value(serde_json::Value::String(word.to_owned())).map_err(|_| {
        let names = names_of(&schemars::SchemaGenerator::default().into_root_schema_for::<T>().to_value());
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let meant = did_you_mean(word, &names).map(|meant| format!("did you mean `{meant}`? "));
        let help = format!("{}there are: {}", meant.unwrap_or_default(), names.join(", "));
        Failure::usage(format!("there is no {what} `{word}`"), help)
    })
}

/// The names of an enum in its schema.
fn names_of(schema: &serde_json::Value) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    if let Some(word) = schema.get("const").and_then(|name| name.as_str()) {
        names.push(word.to_owned());
    }
    for list in ["enum", "oneOf"] {
        for entry in schema.get(list).and_then(|list| list.as_array()).into_iter().flatten() {
            match entry.as_str() {
                Some(word) => names.push(word.to_owned()),
                None => names.extend(names_of(entry)),
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(bind: &[&str], arg: &[&str]) -> Result<ImportOptions, Failure> {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        import_options(&PolicyArgs { bind: texts(bind), arg: texts(arg), ..PolicyArgs::default() })
    }

    fn usage(result: Result<ImportOptions, Failure>) -> String {
        match result {
            Err(Failure::Usage(finding)) => finding.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn bindings_have_four_forms() {
        let bind =
            ["service=podinfo", "namespace=test", "label.version=v1/v2", "http_errors=errors:milliseconds"];
        let options = options(&bind, &["a=b=c"]).unwrap();
        assert_eq!(
            (options.service.as_deref(), options.namespace.as_deref()),
            (Some("podinfo"), Some("test"))
        );
        let role = &options.label_roles[0];
        assert_eq!((role.stable.as_deref(), role.candidate.as_deref()), (Some("v1"), Some("v2")));
        assert_eq!(
            (options.bindings[0].metric.as_str(), options.bindings[0].signal),
            ("http_errors", Signal::Errors)
        );
        assert_eq!(options.args.get("a").map(String::as_str), Some("b=c"));
    }

    #[test]
    fn wrong_bindings_are_told_what_there_is() {
        assert!(usage(options(&["x"], &[])).contains("`--bind x` is no pair"));
        assert!(usage(options(&["x=erors"], &[])).contains("did you mean `errors`? there are: requests"));
        assert!(usage(options(&["label.version=v2"], &[])).contains("label.version=STABLE/CANDIDATE"));
        assert!(usage(options(&[], &["=v"])).contains("is no pair"));
    }
}
