//! The PromQL Kayenta sends for a metric of type `prometheus` (`PrometheusMetricsService.java`).
//!
//! A template that begins with `PromQL:` is the whole expression. Else it is `avg(metric{filters}) by (fields)`, the filters
//! being those of the template, then `labelBindings`. Without a template Kayenta adds a filter for the kind of resource the
//! run names (instances of a group in a cloud), which pods have not: here it is the label `role`.
//!
//! Placeholders are filled in textually for each scope: `${scope}` is the name of the workload, and the rest is what the
//! run says (`--arg location=…`).

use super::Draft;
use crate::diagnostic::Diagnostic;
use crate::document::Reader;
use crate::telemetry::naming::Role;

/// The expressions of a metric for experiment, baseline and stable.
pub(super) struct Expressions {
    pub(super) texts: [String; 3],
    /// The place errors are reported at.
    pub(super) at: Place,
}

/// Which text an expression is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The template or filter.
    Template,
    /// The name of the metric.
    Name,
}

/// Whom the three expressions are about.
pub(super) const ROLES: [Role; 3] = [Role::Candidate, Role::Baseline, Role::Stable];

/// The text of the template a query names or holds.
pub(super) fn template<'a>(
    draft: &Draft<'a, '_>,
    query: &Reader<'a>,
) -> Result<Option<Reader<'a>>, Diagnostic> {
    for key in ["customInlineTemplate", "customFilter"] {
        if let Some(inline) =
            query.get(key).filter(|text| text.text().is_ok_and(|text| !text.trim().is_empty()))
        {
            return Ok(Some(inline));
        }
    }
    let Some(named) = query.get("customFilterTemplate") else { return Ok(None) };
    let name = named.text()?;
    let known = draft.root.get("templates").and_then(|templates| templates.get(name));
    known.map(Some).ok_or_else(|| {
        named.diagnostic_at(format!("there is no template `{name}`"), "add it under `templates:`")
    })
}

/// The expressions of a Prometheus query.
pub(super) fn expressions<'a>(
    draft: &mut Draft<'a, '_>,
    query: &Reader<'a>,
) -> Result<(Expressions, Reader<'a>), Diagnostic> {
    let template = template(draft, query)?;
    let mut texts = [String::new(), String::new(), String::new()];
    let bindings = list(query, "labelBindings")?;
    let fields = list(query, "groupByFields")?;
    let mut whole = false;
    for (text, role) in texts.iter_mut().zip(ROLES) {
        let filled = template.as_ref().map(|at| fill(draft, at, role)).transpose()?;
        if let Some(promql) = filled.as_deref().and_then(|text| text.trim().strip_prefix("PromQL:")) {
            whole = true;
            *text = promql.trim().to_owned();
            continue;
        }
        let scope = match filled {
            Some(filters) => filters,
            None => format!("role=\"{}\"", role.word()),
        };
        let filters: Vec<&str> = std::iter::once(scope.as_str())
            .chain(bindings.iter().map(String::as_str))
            .filter(|f| !f.trim().is_empty())
            .collect();
        let name = query.required("metricName")?;
        let by = if fields.is_empty() { String::new() } else { format!(" by ({})", fields.join(",")) };
        *text = format!("avg({}{{{}}}){by}", name.text()?, filters.join(","));
    }
    if whole {
        // Kayenta reads neither in this case.
        query.ignore("metricName");
    }
    if template.is_none() {
        let setting = "the label `role` tells the sides apart";
        draft.stand_in("kind of resource of the run", query, setting);
    }
    let at = match &template {
        Some(template) => template.clone(),
        None => query.required("metricName")?,
    };
    let place = if template.is_some() { Place::Template } else { Place::Name };
    Ok((Expressions { texts, at: place }, at))
}

/// Texts of a list, or nothing.
fn list(query: &Reader<'_>, key: &str) -> Result<Vec<String>, Diagnostic> {
    let Some(list) = query.get(key) else { return Ok(Vec::new()) };
    list.seq()?.iter().map(|item| Ok(item.text()?.to_owned())).collect()
}

/// The text with its placeholders filled in for one side.
fn fill(draft: &Draft<'_, '_>, at: &Reader<'_>, role: Role) -> Result<String, Diagnostic> {
    let text = at.text()?;
    let (mut filled, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, behind)) = after.split_once('}') else {
            return Err(at.diagnostic_at("`${` has no `}`", "write it like `${scope}`"));
        };
        filled.push_str(before.strip_suffix('\\').unwrap_or(before));
        let value = value(draft, name.trim(), role).ok_or_else(|| {
            let help = format!("the request of a run says it; here: `--arg {}=VALUE`", name.trim());
            at.diagnostic_at(format!("nothing is known about `${{{name}}}`"), &help)
        })?;
        filled.push_str(&value);
        rest = behind;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn value(draft: &Draft<'_, '_>, name: &str, role: Role) -> Option<String> {
    if name == "scope" {
        return Some(draft.naming.role(role).workload.clone());
    }
    let said = draft.options.args.get(name).cloned();
    said.or_else(|| (name == "namespace").then(|| draft.naming.namespace.clone()))
}
