//! Alerts: who is told of what.

use super::Draft;
use crate::diagnostic::Diagnostic;
use crate::document::Reader;
use crate::import::bundle::Object;
use crate::import::line;
use crate::policy::Severity;
use crate::policy::flagger::Alert;
use crate::policy::loaded::StandIn;

pub(super) fn read(draft: &mut Draft<'_, '_>, section: &Reader<'_>) -> Result<Vec<Alert>, Diagnostic> {
    let Some(list) = section.get("alerts") else { return Ok(Vec::new()) };
    list.seq()?.iter().map(|item| one(draft, item)).collect()
}

fn one(draft: &mut Draft<'_, '_>, item: &Reader<'_>) -> Result<Alert, Diagnostic> {
    let name = item.get("name").map(|reader| reader.text()).transpose()?.unwrap_or("alert").to_owned();
    let severity = match item.get("severity") {
        None => Severity::Info,
        Some(reader) => match reader.text()? {
            "info" => Severity::Info,
            "warn" => Severity::Warn,
            "error" => Severity::Error,
            other => {
                let fact = format!("`{other}` is no severity of an alert");
                return Err(reader.diagnostic_at(fact, "write info, warn or error"));
            }
        },
    };
    let reference = item.required("providerRef")?;
    let provider = reference.required("name")?.text()?;
    let namespace = match reference.get("namespace") {
        Some(reader) => reader.text()?.to_owned(),
        None => draft.names.namespace.clone(),
    };
    let whom = match find(draft, provider, &namespace) {
        Some(object) => address(object, provider)?,
        None => {
            draft.stand_ins.push(StandIn {
                what: format!("alert provider {provider}.{namespace}, which is not given"),
                line: line(&reference),
                setting: "assumed to exist and to deliver at once".to_owned(),
            });
            provider.to_owned()
        }
    };
    Ok(Alert { name, severity, whom })
}

fn find<'b, 'a>(draft: &Draft<'b, 'a>, name: &str, namespace: &str) -> Option<&'b Object<'a>> {
    let named = |object: &&Object<'a>| object.name == name;
    let all = || draft.bundle.alert_providers.iter().filter(named);
    all()
        .find(|object| object.namespace == namespace)
        .or_else(|| all().find(|object| !object.names_namespace))
}

/// `on-call (slack #alerts)`.
fn address(object: &Object<'_>, provider: &str) -> Result<String, Diagnostic> {
    let spec = object.reader.required("spec")?;
    let kind = spec.required("type")?.text()?.to_owned();
    let channel = spec.get("channel").map(|reader| reader.text()).transpose()?;
    Ok(match channel {
        Some(channel) => format!("{provider} ({kind} #{})", channel.trim_start_matches('#')),
        None => format!("{provider} ({kind})"),
    })
}

/// Who hears what, in a sentence.
pub(super) fn sentence(alerts: &[Alert]) -> String {
    if alerts.is_empty() {
        return "The file has no alerts: who hears of a rollback is up to the controller's own notifier, and here \
                nobody does."
            .to_owned();
    }
    let of = |alert: &Alert| match alert.severity {
        Severity::Info => format!("everything to {}", alert.whom),
        Severity::Warn => format!("warnings and errors to {}", alert.whom),
        Severity::Error => format!("errors to {}", alert.whom),
    };
    let list: Vec<String> = alerts.iter().map(of).collect();
    format!("Alerts: {}. A rollback at the progress deadline sends none.", list.join("; "))
}
