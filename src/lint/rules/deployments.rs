//! Deployments and compose files that cannot be gone back from, or that take a pod for good before it answers.

use super::super::support::place::At;
use super::super::{Check, Example, Files, Mistake, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "no-revision-history",
        summary: "a Deployment keeps no old revisions",
        effect: "With a history limit of 0 old replica sets are deleted, and `kubectl rollout undo` has nothing to go back to.",
        example: Example::file(
            "apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  revisionHistoryLimit: 0
",
        ),
        check: Check::Files(history),
    },
    Rule {
        id: "image-without-version",
        summary: "an image has the tag `latest` or none",
        effect: "The previous revision names the same tag, so going back pulls the image that was just released, or a third one.",
        example: Example::file(
            "apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers:
        - name: web
          image: registry.example.com:5000/shop/web:latest
          readinessProbe: {httpGet: {path: /ready, port: 80}}
",
        ),
        check: Check::Files(images),
    },
    Rule {
        id: "no-readiness-probe",
        summary: "a Deployment has a container without a readiness probe",
        effect: "A pod is ready as soon as its process runs: a rolling update replaces every pod with one that may answer nothing, and no deadline notices.",
        example: Example::file(
            "apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers:
        - name: web
          image: shop/web:1.4.2
",
        ),
        check: Check::Files(readiness),
    },
    Rule {
        id: "rollback-without-healthcheck",
        summary: "a compose service rolls back on failure and has no health check",
        effect: "Without a health check a task fails only if its process exits; one that hangs or answers errors is a success.",
        example: Example::file(
            "services:
  web:
    image: shop/web:1.4.2
    deploy:
      update_config: {failure_action: rollback, monitor: 60s}
",
        ),
        check: Check::Files(healthcheck),
    },
    Rule {
        id: "monitor-before-unhealthy",
        summary: "a compose service is watched for less time than its health check takes to fail",
        effect: "A task that turns unhealthy after it was healthy once ends only after `interval` times `retries`; by then `monitor` is over and its failure counts for nothing.",
        example: Example::file(
            "services:
  web:
    image: shop/web:1.4.2
    healthcheck: {test: [CMD, check], interval: 10s, retries: 3}
    deploy:
      update_config: {failure_action: rollback}
",
        ),
        check: Check::Files(monitor),
    },
];

fn history(files: &Files<'_>) -> Vec<Mistake> {
    let limits = files.objects(&["Deployment"]).filter_map(|object| object.at("spec.revisionHistoryLimit"));
    limits
        .filter(|at| at.raw() == "0")
        .map(|at| {
            let fact = "no old revision is kept, so there is nothing to undo a release to";
            at.spot().mistake(fact, "leave it out (10 are kept then), or keep at least 2")
        })
        .collect()
}

/// The containers of a Deployment's pods.
fn containers<'a>(object: &At<'a>) -> Vec<At<'a>> {
    let list = object.at("spec.template.spec.containers");
    list.map(|list| list.items().collect()).unwrap_or_default()
}

/// The services of compose files among the texts.
fn services<'a>(files: &'a Files<'_>) -> Vec<At<'a>> {
    let compose = files.documents().filter(|root| root.get("kind").is_none() && root.get("format").is_none());
    let lists = compose.filter_map(|root| root.get("services"));
    lists.flat_map(|list| list.keys().filter_map(|(key, _)| list.get(key)).collect::<Vec<_>>()).collect()
}

fn images(files: &Files<'_>) -> Vec<Mistake> {
    let of_pods = files.objects(&["Deployment"]).flat_map(|object| containers(&object));
    let of_pods: Vec<At<'_>> = of_pods.filter_map(|container| container.get("image")).collect();
    let of_services = services(files).into_iter().filter(|service| service.at("deploy").is_some());
    let of_services: Vec<At<'_>> = of_services.filter_map(|service| service.get("image")).collect();
    of_pods.iter().chain(&of_services).filter_map(unversioned).collect()
}

/// An image by a moving tag. A digest fixes it, and what a variable holds nobody knows.
fn unversioned(at: &At<'_>) -> Option<Mistake> {
    let image = at.raw();
    if image.is_empty() || image.contains(['@', '$', '{']) {
        return None;
    }
    // A colon before the last slash is the port of a registry.
    let name = image.rsplit('/').next().unwrap_or(image);
    let tag = name.split_once(':').map(|(_, tag)| tag);
    let fact = match tag {
        None => {
            format!("`{image}` has no tag, which means `latest`: the revision before names the same image")
        }
        Some("latest") => format!("`{image}` moves: the revision before names the same image"),
        Some(_) => return None,
    };
    Some(at.spot().mistake(fact, "give each release a tag of its own, or a digest (`@sha256:...`)"))
}

fn readiness(files: &Files<'_>) -> Vec<Mistake> {
    let mut found = Vec::new();
    for object in files.objects(&["Deployment"]) {
        let containers = containers(&object);
        // One container that is looked at keeps the pod from being ready too early.
        if containers.iter().any(|container| container.get("readinessProbe").is_some()) {
            continue;
        }
        found.extend(containers.first().map(|container| {
            let fact = "no readiness probe: a pod counts as ready as soon as its process runs";
            container.spot().mistake(fact, "add a `readinessProbe` that asks what users ask")
        }));
    }
    found
}

fn rolls_back(service: &At<'_>) -> Option<bool> {
    Some(service.at("deploy.update_config.failure_action")?.raw() == "rollback")
}

fn healthcheck(files: &Files<'_>) -> Vec<Mistake> {
    let services = services(files).into_iter();
    services
        .filter(|service| rolls_back(service) == Some(true) && service.get("healthcheck").is_none())
        .filter_map(|service| service.at("deploy.update_config.failure_action"))
        .map(|at| {
            let fact =
                "rolls back on failure, and without a health check only a process that exits has failed";
            at.spot().mistake(fact, "add a `healthcheck` that asks what users ask (or one in the image)")
        })
        .collect()
}

fn monitor(files: &Files<'_>) -> Vec<Mistake> {
    let mut found = Vec::new();
    for service in services(files) {
        let Some(check) = service.get("healthcheck").filter(|_| rolls_back(&service) == Some(true)) else {
            continue;
        };
        if check.get("disable").is_some() {
            continue;
        }
        let time = |at: Option<At<'_>>, default: f64| at.map_or(Some(default), |at| seconds(at.raw()));
        let interval = time(check.get("interval"), 30.0);
        let retries = check.get("retries").map_or(Some(3.0), |at| at.raw().parse().ok());
        let monitor = time(service.at("deploy.update_config.monitor"), 5.0);
        let (Some(interval), Some(retries), Some(monitor)) = (interval, retries, monitor) else { continue };
        let unhealthy: f64 = interval * retries;
        if monitor < unhealthy {
            let at =
                service.at("deploy.update_config.monitor").or_else(|| service.at("deploy.update_config"));
            found.extend(at.map(|at| {
                let fact =
                    format!("failures count for {monitor} s, and a task is unhealthy after {unhealthy} s");
                at.spot().mistake(
                    fact,
                    format!("write `monitor: {}s` or more, or check more often", unhealthy + interval),
                )
            }));
        }
    }
    found
}

/// Seconds of a duration in Go's language.
fn seconds(text: &str) -> Option<f64> {
    crate::document::duration_of_go(text).map(|time| time.as_secs_f64())
}
