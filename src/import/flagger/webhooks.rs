//! Webhooks: nothing answers them here, so each is a stand-in, and a load test becomes synthetic traffic.

use super::{Draft, Load};
use crate::diagnostic::Diagnostic;
use crate::document::Reader;
use crate::import::line;
use crate::import::load_test;
use crate::policy::loaded::StandIn;
use crate::quantity::Rate;

/// Reads the webhooks; the synthetic load they make while the canary is analysed.
pub(super) fn read(draft: &mut Draft<'_, '_>, section: &Reader<'_>) -> Result<Load, Diagnostic> {
    let Some(list) = section.get("webhooks") else { return Ok(None) };
    let mut total = 0.0;
    for hook in list.seq()? {
        let name = hook.get("name").map(|reader| reader.text()).transpose()?.unwrap_or("webhook").to_owned();
        let kind = hook.get("type").map(|reader| reader.text()).transpose()?.unwrap_or("rollout").to_owned();
        let command = hook.at("metadata.cmd").map(|reader| reader.text()).transpose()?;
        hook.whole();
        let load = command.filter(|_| kind == "rollout").and_then(load_test::rate);
        total += load.map_or(0.0, Rate::get);
        let setting = match (load, kind.as_str()) {
            (Some(rate), _) => format!("{rate} synthetic requests to the canary from the first analysis on"),
            (None, "rollback") => "does not ask for a rollback".to_owned(),
            (None, "event" | "post-rollout") => "not called".to_owned(),
            (None, "confirm-rollout" | "confirm-traffic-increase" | "confirm-promotion") => {
                "approves at once".to_owned()
            }
            (None, _) if command.is_some_and(|command| command.contains("hey ")) => {
                "succeeds; the command names no rate (-q), so no load is made".to_owned()
            }
            (None, _) => "succeeds".to_owned(),
        };
        let what = format!("webhook {name} ({kind})");
        draft.stand_ins.push(StandIn { what, line: line(&hook), setting });
    }
    Ok(Rate::per_second(total).ok().filter(|rate| rate.get() > 0.0))
}
