//! Sloth's own files (`version: prometheus/v1`, `slos:`) and its Kubernetes objects (`sloth.slok.dev/v1`,
//! `PrometheusServiceLevel`), which say the same with keys in camel case.

use super::{Objective, Read, Sli, TierAlert};
use crate::diagnostic::Diagnostic;
use crate::document::Reader;
use crate::policy::loaded::Unsupported;

/// Days of the period where nobody says otherwise on Sloth's command line.
const DAYS: u32 = 30;

/// Adds the objectives of a file.
///
/// # Errors
/// If it is none, with the place.
pub(super) fn read(root: &Reader<'_>, read: &mut Read) -> Result<(), Diagnostic> {
    let version = root.required("version")?;
    if version.text()? != "prometheus/v1" {
        let fact = format!("`{}` is no version of Sloth's files that is read", version.text()?);
        return Err(version.diagnostic_at(fact, "write `version: prometheus/v1`"));
    }
    objectives(root, read)?;
    list_unread(root, read);
    Ok(())
}

/// Adds the objectives of a Kubernetes object.
///
/// # Errors
/// As [`read`].
pub(super) fn read_object(root: &Reader<'_>, read: &mut Read) -> Result<(), Diagnostic> {
    let kind = root.required("kind")?;
    if kind.text()? != "PrometheusServiceLevel" {
        let fact = format!("`{}` of Sloth is not read", kind.text()?);
        return Err(kind.diagnostic_at(fact, "give a PrometheusServiceLevel"));
    }
    for key in ["apiVersion", "metadata", "status"] {
        root.ignore(key);
    }
    objectives(&root.required("spec")?, read)?;
    list_unread(root, read);
    Ok(())
}

fn objectives(at: &Reader<'_>, read: &mut Read) -> Result<(), Diagnostic> {
    let service = at.required("service")?.text()?.to_owned();
    let common = pairs(at, "labels")?;
    for slo in at.required("slos")?.seq()? {
        let objective = objective(&slo, &service, &common)?;
        read.objectives.push(objective);
    }
    Ok(())
}

/// A key of files, or as objects write it.
fn either<'a>(at: &Reader<'a>, file: &str, object: &str) -> Result<Reader<'a>, Diagnostic> {
    at.get(object).map_or_else(|| at.required(file), Ok)
}

fn list_unread(root: &Reader<'_>, read: &mut Read) {
    read.unsupported.extend(root.unread().into_iter().map(|unread| Unsupported {
        path: unread.path,
        line: unread.location.line as usize,
        note: "not honoured: no rule follows from it".to_owned(),
    }));
}

fn objective(slo: &Reader<'_>, service: &str, common: &[(String, String)]) -> Result<Objective, Diagnostic> {
    let name = slo.required("name")?.text()?.to_owned();
    let target = target(&slo.required("objective")?)?;
    slo.ignore("description");
    let labels = merged(&[common.to_vec(), pairs(slo, "labels")?]);
    Ok(Objective {
        service: service.to_owned(),
        name,
        target,
        days: DAYS,
        sli: sli(&slo.required("sli")?)?,
        labels,
        tiers: tiers(slo)?,
        alerts: Vec::new(),
        place: slo.location(),
    })
}

/// An objective in percent.
///
/// # Errors
/// If it leaves no budget, or everything.
pub(super) fn target(at: &Reader<'_>) -> Result<f64, Diagnostic> {
    let percent = at.f64()?;
    if percent > 0.0 && percent < 100.0 {
        return Ok(percent);
    }
    let help = "an objective is between 0 and 100 %, both left out: at 100 % there is no budget to burn";
    Err(at.diagnostic_at(format!("an objective of {percent} % cannot be alerted on"), help))
}

fn sli(at: &Reader<'_>) -> Result<Sli, Diagnostic> {
    if let Some(events) = at.get("events") {
        let query = |file: &str, object: &str| {
            Ok::<_, Diagnostic>(either(&events, file, object)?.text()?.trim().to_owned())
        };
        return Ok(Sli::Events {
            errors: query("error_query", "errorQuery")?,
            total: query("total_query", "totalQuery")?,
        });
    }
    if let Some(raw) = at.get("raw") {
        let query = either(&raw, "error_ratio_query", "errorRatioQuery")?;
        return Ok(Sli::Ratio(query.text()?.trim().to_owned()));
    }
    let help = "write `events:` with two queries or `raw:` with one; plugins are programs and are not run";
    Err(at.diagnostic_at("there is no query in this SLI", help))
}

fn tiers(slo: &Reader<'_>) -> Result<Vec<TierAlert>, Diagnostic> {
    let Some(alerting) = slo.get("alerting") else { return Ok(Vec::new()) };
    let (labels, annotations) = (pairs(&alerting, "labels")?, pairs(&alerting, "annotations")?);
    let mut tiers = Vec::new();
    for (key, object, word) in
        [("page_alert", "pageAlert", "page"), ("ticket_alert", "ticketAlert", "ticket")]
    {
        let own = alerting.get(object).or_else(|| alerting.get(key));
        let (own_labels, own_annotations, disabled) = match &own {
            Some(own) => {
                let disabled = own.get("disable").map(|disable| disable.bool()).transpose()?;
                (pairs(own, "labels")?, pairs(own, "annotations")?, disabled.unwrap_or(false))
            }
            None => (Vec::new(), Vec::new(), false),
        };
        if disabled {
            continue;
        }
        let severity = vec![("sloth_severity".to_owned(), word.to_owned())];
        tiers.push(TierAlert {
            name: alerting.required("name")?.text()?.to_owned(),
            is_page: key == "page_alert",
            labels: merged(&[labels.clone(), own_labels, severity]),
            annotations: merged(&[usual(word), annotations.clone(), own_annotations]),
        });
    }
    Ok(tiers)
}

/// The texts that Sloth gives an alert.
pub(super) fn usual(word: &str) -> Vec<(String, String)> {
    let who = "{{$labels.sloth_service}} {{$labels.sloth_slo}}";
    let text = |name: &str, text: String| (name.to_owned(), text);
    vec![
        text("summary", format!("{who} SLO error budget burn rate is over expected.")),
        text("title", format!("({word}) {who} SLO error budget burn rate is too fast.")),
    ]
}

fn pairs(at: &Reader<'_>, key: &str) -> Result<Vec<(String, String)>, Diagnostic> {
    let Some(map) = at.get(key) else { return Ok(Vec::new()) };
    let entries = map.entries()?.into_iter();
    entries.map(|(name, _, value)| Ok((name.to_owned(), value.text()?.to_owned()))).collect()
}

/// All of them; of equal names the last.
fn merged(lists: &[Vec<(String, String)>]) -> Vec<(String, String)> {
    let all: std::collections::BTreeMap<String, String> = lists.iter().flatten().cloned().collect();
    all.into_iter().collect()
}
