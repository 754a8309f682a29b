//! Experiments of chaos tools that leave behind what they did.

use super::super::support::place::At;
use super::super::{Check, Example, Files, Mistake, Rule};

pub(super) const RULES: &[Rule] = &[Rule {
    id: "chaos-not-undone",
    summary: "an experiment makes something that no rollback of it removes",
    effect: "The rollback reports success and undoes something else: the disturbance stays, and the next release is judged under it.",
    example: Example::file(
        r#"title: slow dependency
description: requests to the database take longer
method:
  - name: slow-down
    type: action
    provider:
      type: python
      module: chaostoxi.toxic.actions
      func: create_latency_toxic
      arguments: {for_proxy: db, toxic_name: db-latency, latency: 500}
rollbacks:
  - name: speed-up
    type: action
    provider:
      type: python
      module: chaostoxi.toxic.actions
      func: delete_toxic
      arguments: {for_proxy: db, toxic_name: db_latency}
"#,
    ),
    check: Check::Files(not_undone),
}];

/// The arguments of an activity's function that make a name, and the functions that remove it again.
const MAKERS: &[(&str, &str, &[&str])] =
    &[("create_", "toxic_name", &["delete_toxic"]), ("disable_proxy", "proxy_name", &["enable_proxy"])];
/// Removes whatever there is.
const RESET: &[&str] = &["reset", "reset_proxies"];

fn function<'f>(activity: &At<'f>) -> &'f str {
    activity.at("provider.func").map_or("", |function| function.raw())
}

fn argument<'f>(activity: &At<'f>, name: &str) -> Option<At<'f>> {
    activity.at("provider.arguments")?.get(name)
}

/// The `${…}` of a text, in order. Two texts are known to differ only where theirs are the same.
fn placeholders(text: &str) -> Vec<&str> {
    text.split("${").skip(1).filter_map(|part| part.split_once('}').map(|(name, _)| name)).collect()
}

fn not_undone(files: &Files<'_>) -> Vec<Mistake> {
    let mut found = Vec::new();
    for root in files.documents().filter(|root| root.get("title").is_some()) {
        let list = |key: &str| root.get(key).into_iter().flat_map(|list| list.items());
        let all: Vec<At<'_>> = list("method").chain(list("rollbacks")).collect();
        if all.iter().any(|activity| RESET.contains(&function(activity))) {
            continue;
        }
        for made in list("method") {
            let maker = MAKERS.iter().find(|(makes, ..)| function(&made).starts_with(makes));
            let Some((name, (_, key, removers))) =
                maker.and_then(|maker| Some((argument(&made, maker.1)?, maker)))
            else {
                continue;
            };
            let removed: Vec<At<'_>> = all
                .iter()
                .filter(|activity| removers.contains(&function(activity)))
                .filter_map(|activity| argument(activity, key))
                .collect();
            let may_be = |other: &At<'_>| {
                other.raw() == name.raw() || placeholders(other.raw()) != placeholders(name.raw())
            };
            if removed.iter().any(may_be) {
                continue;
            }
            let fact = match removed.as_slice() {
                [] => format!("`{}` stays: nothing in `rollbacks` undoes it", name.raw()),
                [other, ..] => {
                    format!("`{}` stays: what the rollback undoes is `{}`", name.raw(), other.raw())
                }
            };
            let help = format!("let `rollbacks` call `{}` with `{key}: {}`", removers[0], name.raw());
            found.push(name.spot().mistake(fact, help));
        }
    }
    found
}
