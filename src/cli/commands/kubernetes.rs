//! A plan as a Kubernetes Indexed Job: the plan in a ConfigMap, one pod a shard, results on a volume.
//!
//! Semantics (Kubernetes documentation, "Jobs"): `completionMode: Indexed` gives each pod its number in
//! `JOB_COMPLETION_INDEX`; `backoffLimitPerIndex` (1.33 stable) counts retries shard by shard and needs
//! `restartPolicy: Never`; a `podFailurePolicy` ends the Job for failures that no retry mends, here the exit codes for
//! wrong usage and unusable input, and does not count pods that were disrupted.

use super::super::exit::{self, Failure};
use super::super::store::WorkPlan;

/// What a ConfigMap may hold, in bytes (the API server's limit is 1 MiB for all of it).
const MOST: usize = 1_000_000;
/// Tries of one shard beyond the first.
const RETRIES: u32 = 3;

/// The manifest that plays this plan with this image.
///
/// # Errors
/// When the plan is too large for a ConfigMap.
pub(super) fn manifest(plan: &WorkPlan, image: &str) -> Result<String, Failure> {
    let text =
        serde_json::to_string(plan).map_err(|error| Failure::Unexpected(format!("no JSON: {error}")))?;
    if text.len() > MOST {
        let fact = format!("the plan has {} bytes, a ConfigMap may hold {MOST}", text.len());
        return Err(Failure::usage(fact, "put the plan on the volume: docs/distributed.md shows how"));
    }
    // A JSON string is a YAML double-quoted one.
    let quoted = |text: &str| serde_json::to_string(text).unwrap_or_default();
    let (shards, name) = (plan.shards, format!("backout-{}", &plan.digest[..plan.digest.len().min(12)]));
    let (usage, input) = (exit::USAGE, exit::INVALID_INPUT);
    let (plan, image) = (quoted(&text), quoted(image));
    Ok(format!(
        "\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {name}
data:
  plan.json: {plan}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {name}
spec:
  accessModes: [ReadWriteMany]
  resources:
    requests:
      storage: 1Gi
---
apiVersion: batch/v1
kind: Job
metadata:
  name: {name}
spec:
  completionMode: Indexed
  completions: {shards}
  parallelism: {shards}
  backoffLimitPerIndex: {RETRIES}
  podFailurePolicy:
    rules:
      - action: FailJob
        onExitCodes:
          containerName: work
          operator: In
          values: [{usage}, {input}]
      - action: Ignore
        onPodConditions:
          - type: DisruptionTarget
            status: \"True\"
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: work
          image: {image}
          args: [work, /plan/plan.json, --shard, $(JOB_COMPLETION_INDEX), --out, /results/shard-$(JOB_COMPLETION_INDEX).bin, --jobs, \"1\"]
          resources:
            requests:
              cpu: \"1\"
          volumeMounts:
            - name: plan
              mountPath: /plan
            - name: results
              mountPath: /results
      volumes:
        - name: plan
          configMap:
            name: {name}
        - name: results
          persistentVolumeClaim:
            claimName: {name}
"
    ))
}
