//! Analysis templates and their arguments.
//!
//! Several templates of one analysis are one run: their metrics are put together. Arguments are texts that replace
//! `{{args.name}}` anywhere in a metric; the user's win over the rollout's, the rollout's over the template's own.

use std::collections::BTreeMap;

use regex::Regex;

use super::{Draft, line, metrics};
use crate::diagnostic::Diagnostic;
use crate::document::Reader;
use crate::import::bundle::Object;
use crate::import::placeholder;
use crate::policy::argo::engine::AnalysisDef;
use crate::telemetry::naming::Role;

/// How deep templates may refer to templates.
const DEEPEST: usize = 8;

/// Arguments a rollout gives.
#[derive(Clone, Debug, Default)]
pub(super) struct Arguments(pub(super) BTreeMap<String, String>);

/// The arguments listed at `list` (name with value or valueFrom).
pub(super) fn arguments(
    draft: &mut Draft<'_, '_>,
    list: Option<Reader<'_>>,
) -> Result<Arguments, Diagnostic> {
    let mut found = Arguments::default();
    let Some(list) = list else { return Ok(found) };
    for item in list.seq()? {
        let name = item.required("name")?.text()?.to_owned();
        if let Some(value) = value(draft, &item, &name)? {
            found.0.insert(name, value);
        }
    }
    Ok(found)
}

fn value(draft: &mut Draft<'_, '_>, item: &Reader<'_>, name: &str) -> Result<Option<String>, Diagnostic> {
    if let Some(value) = item.get("value") {
        return of_template(draft, &value).map(Some);
    }
    let Some(from) = item.get("valueFrom") else { return Ok(None) };
    if let Some(hash) = from.get("podTemplateHashValue") {
        let role = match hash.text()? {
            "Stable" => Role::Stable,
            "Latest" => Role::Candidate,
            _ => return Err(hash.diagnostic_at("must be `Stable` or `Latest`", "write `Latest`")),
        };
        return Ok(Some(draft.naming.role(role).pod_hash.clone()));
    }
    if let Some(field) = from.at("fieldRef.fieldPath") {
        let path = field.text()?;
        let value = match path {
            "metadata.name" => draft.naming.workload.clone(),
            "metadata.namespace" => draft.naming.namespace.clone(),
            _ => draft.naming.candidate.version.clone(),
        };
        let (what, line) = (format!("argument {name} from the field {path}"), line(&field));
        draft.stand_in(what, line, format!("`{value}`"));
        return Ok(Some(value));
    }
    from.whole();
    draft.stand_in(format!("argument {name} from a secret"), line(item), "not read: nobody asks for it here");
    Ok(Some("secret".to_owned()))
}

/// A value as it is written; `{{templates.NAME.podTemplateHash}}` is known inside of an experiment.
fn of_template(draft: &Draft<'_, '_>, value: &Reader<'_>) -> Result<String, Diagnostic> {
    let text = value.text()?;
    if draft.templates.is_empty() || !text.contains("{{templates.") {
        return Ok(text.to_owned());
    }
    let known = |name: &str| {
        let (template, what) = name.strip_prefix("templates.")?.rsplit_once('.')?;
        let names = draft.naming.role(*draft.templates.get(template)?);
        (what == "podTemplateHash").then(|| names.pod_hash.clone())
    };
    placeholder::fill(text, known).map_err(|fact| {
        let help = "the experiment's templates have names, and a `podTemplateHash` each";
        value.diagnostic_at(fact, help).with_code("placeholder")
    })
}

/// The templates named at `list`, from the files given.
///
/// # Errors
/// A name that no file has, unless missing templates are allowed.
pub(super) fn find<'b, 'a>(
    draft: &mut Draft<'b, 'a>,
    list: &Reader<'_>,
    namespace: &str,
) -> Result<Vec<&'b Object<'a>>, Diagnostic> {
    let mut found = Vec::new();
    for item in list.seq()? {
        found.extend(find_one(draft, &item, namespace)?);
    }
    Ok(found)
}

/// The template that `item` names; `None` if it is missing and that is allowed.
pub(super) fn find_one<'b, 'a>(
    draft: &mut Draft<'b, 'a>,
    item: &Reader<'_>,
    namespace: &str,
) -> Result<Option<&'b Object<'a>>, Diagnostic> {
    let reader = item.required("templateName")?;
    let name = reader.text()?;
    let cluster = item.get("clusterScope").map(|reader| reader.bool()).transpose()?.unwrap_or(false);
    let bundle = draft.bundle;
    let all = if cluster { &bundle.cluster_templates } else { &bundle.analysis_templates };
    let named = || all.iter().filter(|object| object.name == name);
    let fits = |object: &&Object<'_>| cluster || object.namespace == namespace;
    let exact = named().find(fits);
    let found = exact.or_else(|| named().find(|object| !object.names_namespace)).or_else(|| named().next());
    if found.is_some() {
        return Ok(found);
    }
    if draft.options.allow_missing {
        let what = format!("analysis template {name}, which is not given");
        draft.stand_in(what, line(&reader), "assumed to succeed");
        return Ok(None);
    }
    let kind = if cluster { "ClusterAnalysisTemplate" } else { "AnalysisTemplate" };
    let fact = format!("{kind} `{name}` is not in the files given");
    let help = format!("give the file with this {kind} as well");
    Err(reader.diagnostic_at(fact, help).with_code("missing_template"))
}

/// One analysis made of the metrics of several templates.
pub(super) fn analysis(
    draft: &mut Draft<'_, '_>,
    templates: &[&Object<'_>],
    given: &Arguments,
    at: &Reader<'_>,
) -> Result<AnalysisDef, Diagnostic> {
    let mut all = metrics::Collected::default();
    let mut names = Vec::new();
    for template in templates {
        names.push(template.name.clone());
        collect(draft, template, given, &mut all, 0)?;
    }
    let dry = at.get("dryRun");
    let metrics = all.finish(draft, dry.as_ref(), at)?;
    Ok(AnalysisDef::new(names.join("+"), metrics))
}

fn collect(
    draft: &mut Draft<'_, '_>,
    template: &Object<'_>,
    given: &Arguments,
    all: &mut metrics::Collected,
    depth: usize,
) -> Result<(), Diagnostic> {
    draft.used.insert((template.reader.source().name.to_owned(), line(&template.reader)));
    let spec = template.reader.required("spec")?;
    if depth > DEEPEST {
        return Err(spec.diagnostic_at("templates refer to templates without end", "remove the circle"));
    }
    let arguments = resolve(draft, &spec, given, all)?;
    if let Some(metrics) = spec.get("metrics") {
        for item in metrics.seq()? {
            metrics::one(draft, &item, &arguments, all)?;
        }
    }
    if let Some(dry) = spec.get("dryRun") {
        all.add_dry_run(&dry)?;
    }
    if let Some(list) = spec.get("templates") {
        let inner = find(draft, &list, &template.namespace)?;
        for template in inner {
            collect(draft, template, &arguments, all, depth + 1)?;
        }
    }
    draft.list_unread(template);
    Ok(())
}

/// The values of a template's arguments.
fn resolve(
    draft: &mut Draft<'_, '_>,
    spec: &Reader<'_>,
    given: &Arguments,
    all: &mut metrics::Collected,
) -> Result<Arguments, Diagnostic> {
    let mut resolved = given.clone();
    if let Some(list) = spec.get("args") {
        for item in list.seq()? {
            let name = item.required("name")?.text()?.to_owned();
            let own = value(draft, &item, &name)?;
            if let Some(value) = &own
                && all.defaults.insert(name.clone(), value.clone()).is_some_and(|other| other != *value)
            {
                let fact = format!("two templates of one analysis give argument `{name}` different values");
                let help =
                    "Argo refuses such an analysis: give the argument one value in all of its templates";
                return Err(item.diagnostic_at(fact, help).with_code("arguments"));
            }
            if resolved.0.contains_key(&name) || draft.options.args.contains_key(&name) {
                continue;
            }
            let value = match own {
                Some(value) => value,
                None => guess(draft, spec, &item, &name),
            };
            resolved.0.insert(name, value);
        }
    }
    let said = draft.options.args.iter().map(|(name, value)| (name.clone(), value.clone()));
    resolved.0.extend(said);
    Ok(resolved)
}

/// A value for an argument nobody gives, from its name: the candidate's service if nothing else fits.
fn guess(draft: &mut Draft<'_, '_>, spec: &Reader<'_>, item: &Reader<'_>, name: &str) -> String {
    let naming = &draft.naming;
    let lower = name.to_lowercase();
    let role = if ["stable", "primary", "baseline"].iter().any(|word| lower.contains(word)) {
        Role::Stable
    } else {
        Role::Candidate
    };
    let names = naming.role(role);
    let (value, what) = if lower.contains("hash") {
        (names.pod_hash.clone(), "pod template hash")
    } else if lower.contains("namespace") {
        (naming.namespace.clone(), "namespace")
    } else if lower.contains("ingress") {
        (naming.ingress.clone(), "ingress")
    } else if is_host(spec, name) {
        (format!("{}.{}.svc.cluster.local", names.service, naming.namespace), "service")
    } else {
        (names.service.clone(), "service")
    };
    let setting = format!("`{value}`, the {}'s {what}; set it with an argument", role.word());
    draft.stand_in(format!("argument {name}, which nobody gives"), line(item), setting);
    value
}

/// Whether queries compare the argument with Istio's full host name of a service.
fn is_host(spec: &Reader<'_>, name: &str) -> bool {
    let pattern =
        format!(r#"destination_service\s*=~?\s*["']\{{\{{\s*args\.{}\s*\}}\}}"#, regex::escape(name));
    let Ok(pattern) = Regex::new(&pattern) else { return false };
    let metrics = spec.peek().get("metrics").map_or(&[][..], |metrics| metrics.items());
    metrics.iter().any(|metric| {
        let query = metric.get("provider").and_then(|p| p.get("prometheus")).and_then(|p| p.get("query"));
        query.is_some_and(|query| pattern.is_match(&query.raw))
    })
}
