//! Webhooks: nobody answers them here, so each is a stand-in, and a load test becomes synthetic traffic.
//!
//! Without a word from the user checks succeed, a rollback webhook never asks for one, and a gate opens when a person
//! has had time to look. Flagger's own load tester says more in its URL: `/gate/approve` is always open, `/gate/halt`
//! always closed.

use super::{Draft, Load};
use crate::diagnostic::Diagnostic;
use crate::document::Reader;
use crate::import::unread::unsupported;
use crate::import::{line, load_test};
use crate::policy::flagger::{Answer, HookKind, Opens, Webhook};
use crate::policy::loaded::StandIn;
use crate::quantity::Rate;
use crate::time::SimDuration;

/// The webhooks of an analysis.
#[derive(Default)]
pub(super) struct Webhooks {
    pub(super) hooks: Vec<Webhook>,
    /// The synthetic load they make while the canary is analysed.
    pub(super) load: Load,
}

pub(super) fn read(draft: &mut Draft<'_, '_>, section: &Reader<'_>) -> Result<Webhooks, Diagnostic> {
    let Some(list) = section.get("webhooks") else { return Ok(Webhooks::default()) };
    let (mut hooks, mut total) = (Vec::new(), 0.0);
    for item in list.seq()? {
        let kind_reader = item.get("type");
        let written = kind_reader.as_ref().map(|reader| reader.text()).transpose()?.unwrap_or("rollout");
        let Some(kind) = HookKind::ALL.into_iter().find(|kind| kind.name() == written) else {
            let note = "no type of webhook that Flagger knows: it is never called";
            draft.unsupported.push(unsupported(kind_reader.as_ref().unwrap_or(&item), note));
            item.whole();
            continue;
        };
        let hook = one(draft, &item, kind)?;
        let command = item.at("metadata.cmd").map(|reader| reader.text()).transpose()?;
        item.whole();
        let answers = !fails_always(&hook.answer);
        let load = command.filter(|_| kind == HookKind::Rollout && answers).and_then(load_test::rate);
        total += load.map_or(0.0, Rate::get);
        let what = format!("webhook {} ({})", hook.name, kind.name());
        let mut setting = describe(&hook);
        if let Some(rate) = load {
            setting =
                format!("{rate} synthetic requests to the canary from the first analysis on; {setting}");
            if command.is_some_and(|command| !command.contains("-canary") && !command.contains("-H")) {
                setting.push_str(" (sent to the service in front: taken as if all of it reached the canary)");
            }
        } else if command.is_some_and(load_test::is_one) {
            setting.push_str("; the command names no rate, so no load is made");
        }
        draft.stand_ins.push(StandIn { what, line: line(&item), setting });
        hooks.push(hook);
    }
    let load = Rate::per_second(total).ok().filter(|rate| rate.get() > 0.0);
    Ok(Webhooks { hooks, load })
}

fn one(draft: &Draft<'_, '_>, item: &Reader<'_>, kind: HookKind) -> Result<Webhook, Diagnostic> {
    let name = item.get("name").map(|reader| reader.text()).transpose()?.unwrap_or("webhook").to_owned();
    let url = item.get("url").map(|reader| reader.text()).transpose()?.unwrap_or_default();
    let mute_alert = item.get("muteAlert").map(|reader| reader.bool()).transpose()?.unwrap_or(false);
    let mut answer = Answer::default();
    if let Some(reader) = item.get("timeout") {
        answer.timeout = reader.duration_go()?;
    }
    if let Some(reader) = item.get("retries") {
        answer.retries = u32::try_from(reader.i64()?).unwrap_or(0).min(100);
    }
    answer.opens = match kind {
        HookKind::Rollback => Opens::Never,
        _ if !kind.is_gate() || url.ends_with("/gate/approve") => Opens::AtOnce,
        _ if url.ends_with("/gate/halt") => Opens::Never,
        _ => Opens::AfterAsked(draft.options.resume_after),
    };
    for setting in ["*", name.as_str()].iter().filter_map(|key| draft.options.webhooks.get(*key)) {
        setting.put_into(&mut answer, kind);
    }
    Ok(Webhook { name, kind, answer, mute_alert })
}

/// Whether no call can ever succeed.
fn fails_always(answer: &Answer) -> bool {
    let refuses = answer.statuses.iter().take(answer.retries as usize + 1).all(|status| *status > 202);
    answer.takes >= answer.timeout
        || answer.fails >= 1.0
        || answer.opens == Opens::Never
        || (!answer.statuses.is_empty() && refuses)
}

/// What happens instead, in words.
fn describe(hook: &Webhook) -> String {
    let answer = &hook.answer;
    if matches!(hook.kind, HookKind::Event) {
        return "not called".to_owned();
    }
    if answer.takes >= answer.timeout {
        let late = format!("answers after {}, beyond its time-out of {}", answer.takes, answer.timeout);
        return format!("{late}: every call fails");
    }
    let mut says = match (hook.kind, answer.opens) {
        (HookKind::Rollback, Opens::Never) => "does not ask for a rollback".to_owned(),
        (HookKind::Rollback, Opens::AtOnce) => "asks for a rollback at once".to_owned(),
        (HookKind::Rollback, Opens::AfterDeploy(wait) | Opens::AfterAsked(wait)) => {
            format!("asks for a rollback {wait} after the deploy")
        }
        (kind, Opens::AtOnce) if kind.is_gate() => "approves at once".to_owned(),
        (kind, Opens::Never) if kind.is_gate() => "never approves".to_owned(),
        (kind, Opens::AfterAsked(wait) | Opens::AfterDeploy(wait)) if kind.is_gate() => {
            format!("a person approves {wait} after the first question, once and for all")
        }
        (_, Opens::Never) => "fails always".to_owned(),
        (_, Opens::AtOnce) => "succeeds".to_owned(),
        (_, Opens::AfterAsked(wait) | Opens::AfterDeploy(wait)) => {
            format!("succeeds from {wait} after the first call on")
        }
    };
    if !answer.statuses.is_empty() {
        let list: Vec<String> = answer.statuses.iter().map(u16::to_string).collect();
        says.push_str(&format!("; answers {} with {} retries", list.join(", then "), answer.retries));
    }
    if answer.fails > 0.0 {
        says.push_str(&format!("; {} % of the attempts fail", answer.fails * 100.0));
    }
    if answer.takes > SimDuration::ZERO {
        says.push_str(&format!("; answers after {}, which delays nothing here", answer.takes));
    }
    says
}
