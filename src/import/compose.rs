//! Compose files as policies: what Docker Swarm does with `deploy.update_config` and `rollback_config`.
//!
//! Only Swarm (`docker stack deploy`) reads them; `docker compose up` replaces all containers at once and never goes back.
//! Defaults are those of the engine (docs.docker.com, compose deploy reference; moby/swarmkit `api/defaults`):
//! `parallelism` 1 (0 is all at once), `delay` 0s, `failure_action` pause, `monitor` 5s, `max_failure_ratio` 0,
//! `order` stop-first; a health check has `interval` 30s, `retries` 3, `start_period` 0s. The watching is
//! [`crate::policy::swarm`].
//!
//! The update itself is played as a rolling update within the bounds that `parallelism` and `order` make, with `delay` as
//! the time a task must have run before the next is replaced. That is what Swarm does as long as tasks start; where they do
//! not, Swarm goes on to the next task and the rolling update waits, which is said as a stand-in.
//!
//! If some service says `update_config`, those that do are policies; else all with `deploy:` are, under the defaults. Where
//! the user names a service (`--bind service=NAME`), only that one is.

use super::graph::{has_updates, is_compose};
use super::unread::{self, Notes};
use super::{ImportOptions, line, stem};
use crate::diagnostic::Diagnostic;
use crate::document::{NodeValue, Reader};
use crate::policy::loaded::{CheckDef, Limits, Loaded, StandIn};
use crate::policy::swarm::{FailureAction, Swarm, Update};
use crate::rollback::ProcedureSpec;
use crate::rollback::compose_rollback::{ComposeRollback, Order};
use crate::strategy::StrategySpec;
use crate::strategy::rolling::Rolling;
use crate::strategy::support::replicas::{Amount, Bounds};
use crate::telemetry::naming::{Engine, Naming};
use crate::time::SimDuration;

const NOTES: Notes = &[
    ("replicas", "overridden: the scenario says how many replicas the service has"),
    ("resources", "overridden: the scenario says what a pod may use"),
    ("restart_policy", "a task that ends is started again, whatever it says"),
    ("timeout", "a check that takes too long is one that fails, as the scenario's probes are"),
    ("test", "the scenario says what makes a pod ready"),
    ("mode", "every service is played as a replicated one"),
    ("placement", "the simulation places no tasks"),
];

/// Keys of `rollback_config` that its procedure does not have.
const ROLLBACK_WITHOUT: [&str; 4] = ["delay", "failure_action", "monitor", "max_failure_ratio"];

/// Whether a document is a compose file.
pub(super) fn is_one(root: &Reader<'_>) -> bool {
    is_compose(root)
}

/// Whether it says how Swarm deploys a service, which is what makes it a policy.
pub(super) fn is_policy(root: &Reader<'_>) -> bool {
    has_updates(root)
}

/// The policies of a compose file.
pub(super) fn load(root: &Reader<'_>, options: &ImportOptions) -> Result<Vec<Loaded>, Diagnostic> {
    let services = root.required("services")?.entries()?;
    let says = services.iter().any(|(_, _, at)| at.at("deploy.update_config").is_some());
    let mut loaded = Vec::new();
    for (name, _, at) in &services {
        let is_one = if says { at.at("deploy.update_config").is_some() } else { at.get("deploy").is_some() };
        if is_one && options.service.as_deref().is_none_or(|wanted| wanted == *name) {
            loaded.push(one(name, at)?);
        }
    }
    if loaded.is_empty() && !has_updates(root) {
        let help = "only Swarm's `deploy:` is a policy; a scenario is made with `backout init FILE --from` this file";
        return Err(root
            .diagnostic_at("no service of this compose file has `deploy:`", help)
            .with_code("unknown_format"));
    }
    Ok(loaded)
}

/// What a `..._config` says of the order of things.
struct Pace {
    parallelism: u32,
    order: Order,
}

fn one(name: &str, at: &Reader<'_>) -> Result<Loaded, Diagnostic> {
    for (key, _, _) in at.entries()? {
        if !["deploy", "healthcheck"].contains(&key) {
            at.ignore(key);
        }
    }
    let config = at.at("deploy.update_config");
    let pace = pace(config.as_ref())?;
    let delay = duration(config.as_ref(), "delay", SimDuration::ZERO)?;
    let update = update(config.as_ref(), at)?;
    let bounds = bounds(&pace, delay);
    let mut unsupported = Vec::new();
    let back = at.at("deploy.rollback_config");
    let pace_back = self::pace(back.as_ref())?;
    for key in ROLLBACK_WITHOUT {
        if let Some(key) = back.as_ref().and_then(|back| back.get(key)) {
            unsupported.push(unread::unsupported(
                &key,
                "a rollback goes on task by task, without a watch of its own",
            ));
        }
    }
    unsupported.extend(unread::list(at, NOTES));
    let at_line = config.as_ref().map_or(line(at), line);
    let rollback = ComposeRollback { parallelism: pace_back.parallelism, order: pace_back.order };
    Ok(Loaded {
        name: name.to_owned(),
        source: at.source().name.to_owned(),
        engine: Engine::Swarm,
        identity: format!("{}/{name}", stem(at.source().name)),
        summary: format!("Swarm's update of {name} ({})", word(update.action)),
        prototype: Box::new(Swarm::new(update)),
        queries: Vec::new(),
        checks: vec![CheckDef {
            name: "failed tasks over tasks".to_owned(),
            query: None,
            good: format!("<= {}", update.max_failure_ratio),
            limits: Limits { min: None, max: Some(update.max_failure_ratio), strict: false },
            line: at_line,
        }],
        rollout: Some(StrategySpec::Rolling(Rolling { bounds })),
        rollback: Some(ProcedureSpec::ComposeRollback(rollback)),
        naming: Naming::native(name).with_engine(Engine::Swarm),
        needs_truth: false,
        tells_only: false,
        unsupported,
        stand_ins: vec![StandIn {
            what: "Swarm's updater".to_owned(),
            line: at_line,
            setting:
                "a rolling update; where a task does not start it waits, and Swarm would go on to the next"
                    .to_owned(),
        }],
        reading: reading(&pace, delay, &update),
    })
}

fn reading(pace: &Pace, delay: SimDuration, update: &Update) -> Vec<String> {
    let at_once = if pace.parallelism == 0 { "all".to_owned() } else { pace.parallelism.to_string() };
    let order = match pace.order {
        Order::StopFirst => "the old one is stopped first, so capacity goes down meanwhile",
        Order::StartFirst => "the new one is started first",
    };
    let ratio = update.max_failure_ratio;
    let watched = match update.action {
        FailureAction::Continue => "Failures are not looked at: the update always goes through.".to_owned(),
        action => format!(
            "When more than {} % of the tasks end before they run or within {} after, it {}; later failures are nobody's.",
            ratio * 100.0,
            update.monitor,
            if action == FailureAction::Pause { "stops where it is, and tells nobody" } else { "rolls back" },
        ),
    };
    let health = match update.unhealthy_after {
        Some(after) => format!(
            "A task runs once its health check passes, and ends after {after} of failures in a row; nothing looks at what it answers to others."
        ),
        None => "There is no health check: a task runs as soon as its process does, whatever it answers."
            .to_owned(),
    };
    vec![
        "Only Docker Swarm reads this (`docker stack deploy`); `docker compose up` does none of it."
            .to_owned(),
        format!("Tasks are replaced {at_once} at a time, {delay} apart; {order}."),
        watched,
        health,
    ]
}

const fn word(action: FailureAction) -> &'static str {
    match action {
        FailureAction::Pause => "pause",
        FailureAction::Continue => "continue",
        FailureAction::Rollback => "rollback",
    }
}

/// The rollout that an `update_config` makes, if it can be read.
pub(super) fn rollout(config: &Reader<'_>) -> Option<StrategySpec> {
    let pace = pace(Some(config)).ok()?;
    let delay = duration(Some(config), "delay", SimDuration::ZERO).ok()?;
    Some(StrategySpec::Rolling(Rolling { bounds: bounds(&pace, delay) }))
}

fn bounds(pace: &Pace, delay: SimDuration) -> Bounds {
    let batch = if pace.parallelism == 0 { Amount::Percent(100.0) } else { Amount::Pods(pace.parallelism) };
    let none = Amount::Pods(0);
    let (max_surge, max_unavailable) = match pace.order {
        Order::StopFirst => (none, batch),
        Order::StartFirst => (batch, none),
    };
    Bounds { max_surge, max_unavailable, min_ready: delay }
}

fn pace(config: Option<&Reader<'_>>) -> Result<Pace, Diagnostic> {
    let parallelism = match config.and_then(|config| config.get("parallelism")) {
        Some(at) => u32::try_from(at.i64()?)
            .map_err(|_| at.diagnostic_at("`parallelism` must be 0 or more", "0 is all tasks at once"))?,
        None => 1,
    };
    let order = match config.and_then(|config| config.get("order")) {
        None => Order::StopFirst,
        Some(at) => match at.text()? {
            "stop-first" => Order::StopFirst,
            "start-first" => Order::StartFirst,
            other => {
                let fact = format!("there is no order `{other}`");
                return Err(at.diagnostic_at(fact, "write `stop-first` or `start-first`"));
            }
        },
    };
    Ok(Pace { parallelism, order })
}

fn duration(config: Option<&Reader<'_>>, key: &str, default: SimDuration) -> Result<SimDuration, Diagnostic> {
    config.and_then(|config| config.get(key)).map_or(Ok(default), |at| at.duration_go())
}

fn update(config: Option<&Reader<'_>>, service: &Reader<'_>) -> Result<Update, Diagnostic> {
    let action = match config.and_then(|config| config.get("failure_action")) {
        None => FailureAction::Pause,
        Some(at) => match at.text()? {
            "pause" => FailureAction::Pause,
            "continue" => FailureAction::Continue,
            "rollback" => FailureAction::Rollback,
            other => {
                let fact = format!("there is no failure action `{other}`");
                return Err(at.diagnostic_at(fact, "write `continue`, `rollback` or `pause`"));
            }
        },
    };
    let max_failure_ratio = match config.and_then(|config| config.get("max_failure_ratio")) {
        None => 0.0,
        Some(at) => {
            let ratio = at.f64()?;
            if !(0.0..=1.0).contains(&ratio) {
                return Err(at.diagnostic_at(
                    "`max_failure_ratio` is not between 0 and 1",
                    "write a share like `0.3`",
                ));
            }
            ratio
        }
    };
    let check = service.get("healthcheck").filter(|check| !is_off(check));
    let (mut unhealthy_after, mut start_period) = (None, SimDuration::ZERO);
    if let Some(check) = &check {
        let interval = duration(Some(check), "interval", SimDuration::from_secs(30))?;
        let retries = match check.get("retries") {
            Some(at) => u64::try_from(at.i64()?)
                .map_err(|_| at.diagnostic_at("`retries` must be 0 or more", "write a whole number"))?,
            None => 3,
        };
        // 0 means the default to the engine.
        let interval = if interval.is_zero() { SimDuration::from_secs(30) } else { interval };
        unhealthy_after = Some(interval * if retries == 0 { 3 } else { retries });
        start_period = duration(Some(check), "start_period", SimDuration::ZERO)?;
    }
    let monitor = duration(config, "monitor", SimDuration::from_secs(5))?;
    Ok(Update { monitor, max_failure_ratio, action, unhealthy_after, start_period })
}

/// Whether a health check is switched off.
fn is_off(check: &Reader<'_>) -> bool {
    let test = check.peek().get("test");
    let first = test.and_then(|test| test.items().first().or(Some(test))).and_then(|word| word.as_str());
    let disabled = check.peek().get("disable").is_some_and(|at| at.value == NodeValue::Bool(true));
    disabled || first == Some("NONE")
}
