//! What the simulated services are called in a policy's queries.
//!
//! The simulator knows services, sets and pods by number. Whose file is being played decides their names: Flagger
//! calls the stable workload `podinfo-primary`, Argo tells revisions apart by the hash of the pod template, a native
//! policy by a `role` label. A [`Naming`] holds these names for one policy file; it renames the service that is rolled
//! out, whatever the scenario calls it.
//!
//! Traps: names follow the *destination*, not the code: after a Flagger promotion the primary workload runs the new
//! revision and is still called stable. After an Argo promotion the simulator goes on calling the new pods candidate.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::effect::SetName;
use crate::telemetry::dialect::{Signal, Unit};

/// Whose file format a policy comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// This project's own triggers.
    Native,
    /// Flagger canaries.
    Flagger,
    /// Argo Rollouts analyses.
    Argo,
    /// Prometheus alerting rules.
    Prometheus,
    /// Kayenta canary configurations.
    Kayenta,
    /// Keptn analyses.
    Keptn,
    /// AWS CodeDeploy with CloudWatch alarms.
    Codedeploy,
    /// Docker Swarm's updates of services in compose files.
    Swarm,
    /// A user's own program.
    Process,
    /// The reference policies every score is framed by.
    Reference,
}

impl Engine {
    /// The engine's name in lower case, as in identities and records.
    pub const fn name(self) -> &'static str {
        match self {
            Engine::Native => "native",
            Engine::Flagger => "flagger",
            Engine::Argo => "argo",
            Engine::Prometheus => "prometheus",
            Engine::Kayenta => "kayenta",
            Engine::Keptn => "keptn",
            Engine::Codedeploy => "codedeploy",
            Engine::Swarm => "swarm",
            Engine::Process => "process",
            Engine::Reference => "reference",
        }
    }
}

/// What the monitoring of a model tells apart; nothing where there is no model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelNames {
    /// Its segments, in order.
    pub segments: Vec<String>,
    /// Whether users are asked what they think of answers.
    pub feedback: bool,
}

/// Which side of a rollout a name means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// What users had before.
    Stable,
    /// What is being rolled out.
    Candidate,
    /// Fresh pods of what users had before, to compare the candidate with.
    Baseline,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 3] = [Role::Stable, Role::Candidate, Role::Baseline];

    /// The word for it in a `role` label.
    pub const fn word(self) -> &'static str {
        match self {
            Role::Stable => "stable",
            Role::Candidate => "candidate",
            Role::Baseline => "baseline",
        }
    }

    /// The role under which a set is reached.
    pub const fn of(set: SetName) -> Role {
        match set {
            SetName::New => Role::Candidate,
            SetName::Old | SetName::Promoted | SetName::Other => Role::Stable,
            SetName::Baseline => Role::Baseline,
        }
    }
}

/// The names of one role.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleNames {
    /// Deployment, or workload of another kind.
    pub workload: String,
    /// Kubernetes service that selects its pods.
    pub service: String,
    /// Hash of the pod template.
    pub pod_hash: String,
    /// Value of the `version` label.
    pub version: String,
}

/// A metric name that the user says means a signal.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricBinding {
    /// The metric name in queries.
    pub metric: String,
    /// What it counts.
    pub signal: Signal,
    /// The unit of its values and bucket bounds.
    pub unit: Unit,
}

/// How Envoy's clusters are called, which is up to whoever configures it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EnvoyClusters {
    /// `namespace_service_port`: Contour.
    #[default]
    Contour,
    /// `namespace-service-port_gloo-system`: the upstreams that Gloo discovers.
    Gloo,
}

/// A label value that the user says means a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelRole {
    /// The label.
    pub label: String,
    /// Its value on series of the stable role, if it has one there.
    pub stable: Option<String>,
    /// Its value on series of the candidate, if it has one there.
    pub candidate: Option<String>,
}

/// The names of one policy file.
#[derive(Clone, Debug, PartialEq)]
pub struct Naming {
    /// Whose conventions hold.
    pub engine: Engine,
    /// Namespace of every workload.
    pub namespace: String,
    /// The name users and other services call: the service in front of both roles.
    pub apex: String,
    /// The name of the rollout, canary or deployment object.
    pub workload: String,
    /// Names of what users had before.
    pub stable: RoleNames,
    /// Names of what is being rolled out.
    pub candidate: RoleNames,
    /// Names of fresh pods of what users had before.
    pub baseline: RoleNames,
    /// Name of the ingress in front, for ingress metrics.
    pub ingress: String,
    /// How Envoy's clusters are called.
    pub envoy_clusters: EnvoyClusters,
    /// Names of other services, by their name in the scenario; a service that is not listed keeps its own.
    pub renamed: BTreeMap<String, RoleNames>,
    /// Metric names the user bound by hand.
    pub bind: Vec<MetricBinding>,
    /// Label values the user bound by hand.
    pub label_roles: Vec<LabelRole>,
    /// Arguments of the file, for placeholders, in order.
    pub args: Vec<(String, String)>,
    /// What the file calls the service that it is about, where nothing else says how the released one is called: it is
    /// called so if the scenario calls it so.
    pub about: Option<String>,
}

impl Naming {
    /// The names in a Flagger canary called `name`: workloads `name-primary` and `name`, services `name-primary` and
    /// `name-canary`.
    pub fn flagger(namespace: &str, name: &str) -> Self {
        let primary = format!("{name}-primary");
        let stable = role(&primary, &primary, "v1");
        let candidate = role(name, &format!("{name}-canary"), "v2");
        Naming::new(Engine::Flagger, namespace, name, name, stable, candidate)
    }

    /// The names in an Argo rollout: one workload, two services, told apart by the hash of the pod template. Without
    /// services of its own, a rollout is reached under one name: pass it twice.
    pub fn argo(namespace: &str, rollout: &str, stable_service: &str, canary_service: &str) -> Self {
        let stable = role(rollout, stable_service, "v1");
        let candidate = role(rollout, canary_service, "v2");
        Naming::new(Engine::Argo, namespace, stable_service, rollout, stable, candidate)
    }

    /// The names for native triggers about `service`: one service and deployment for both roles, told apart by the
    /// labels `role` (`stable`, `candidate`) and `version` (`v1`, `v2`).
    pub fn native(service: &str) -> Self {
        let (stable, candidate) = (role(service, service, "v1"), role(service, service, "v2"));
        Naming::new(Engine::Native, "default", service, service, stable, candidate)
    }

    /// The names under which Kayenta's scopes find the sides: workloads `service`, `service-canary` and
    /// `service-baseline` behind one service.
    pub fn kayenta(namespace: &str, service: &str) -> Self {
        let (stable, candidate) =
            (role(service, service, "v1"), role(&format!("{service}-canary"), service, "v2"));
        let mut naming = Naming::new(Engine::Kayenta, namespace, service, service, stable, candidate);
        naming.baseline.service = service.to_owned();
        naming
    }

    fn new(
        engine: Engine,
        namespace: &str,
        apex: &str,
        workload: &str,
        stable: RoleNames,
        candidate: RoleNames,
    ) -> Self {
        let of_baseline = format!("{workload}-baseline");
        let mut baseline = role(&of_baseline, &of_baseline, &stable.version);
        if engine == Engine::Argo {
            // Pods of an experiment belong to the rollout; their template hash tells them apart.
            baseline.workload = workload.to_owned();
        }
        Naming {
            engine,
            namespace: namespace.to_owned(),
            apex: apex.to_owned(),
            workload: workload.to_owned(),
            stable,
            candidate,
            baseline,
            ingress: apex.to_owned(),
            envoy_clusters: EnvoyClusters::default(),
            renamed: BTreeMap::new(),
            bind: Vec::new(),
            label_roles: Vec::new(),
            args: Vec::new(),
            about: None,
        }
    }

    /// The names where the released service of the scenario is called `released`. A service that the file is about and that
    /// is another one there keeps its own name.
    pub fn in_scenario(&self, released: &str) -> Cow<'_, Naming> {
        if self.about.as_deref() != Some(released) || self.workload == released {
            return Cow::Borrowed(self);
        }
        let Naming { apex, workload, stable, candidate, baseline, ingress, .. } = Naming::native(released);
        Cow::Owned(Naming { apex, workload, stable, candidate, baseline, ingress, ..self.clone() })
    }

    /// The same names under another engine's conventions (Prometheus and Kayenta files use the native ones).
    #[must_use]
    pub fn with_engine(mut self, engine: Engine) -> Self {
        self.engine = engine;
        self
    }

    /// The names of a role of the service that is rolled out.
    pub fn role(&self, role: Role) -> &RoleNames {
        match role {
            Role::Stable => &self.stable,
            Role::Candidate => &self.candidate,
            Role::Baseline => &self.baseline,
        }
    }

    /// Whether series carry a `role` label, as if the scrape configuration added it.
    pub fn labels_role(&self) -> bool {
        !matches!(self.engine, Engine::Flagger | Engine::Argo)
    }

    /// The names of a service that is not rolled out.
    pub(crate) fn other(&self, simulated: &str) -> RoleNames {
        self.renamed.get(simulated).cloned().unwrap_or_else(|| role(simulated, simulated, "v1"))
    }
}

fn role(workload: &str, service: &str, version: &str) -> RoleNames {
    RoleNames {
        workload: workload.to_owned(),
        service: service.to_owned(),
        pod_hash: template_hash(workload, version),
        version: version.to_owned(),
    }
}

/// The alphabet of Kubernetes' generated names (`k8s.io/apimachinery/pkg/util/rand`): no vowels, no 0, 1 and 3.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// A pod template hash that stands for this revision of this workload; stable, ten characters, first one a digit.
pub(crate) fn template_hash(workload: &str, version: &str) -> String {
    let digest = fnv(&[workload.as_bytes(), b"@", version.as_bytes()]);
    letters(digest, 10)
}

/// The last part of a pod's name.
pub(crate) fn pod_suffix(hash: &str, ordinal: u16) -> String {
    letters(fnv(&[hash.as_bytes(), &ordinal.to_le_bytes()]), 5)
}

fn letters(mut digest: u64, count: usize) -> String {
    let mut text = String::with_capacity(count);
    for _ in 0..count {
        let index = (digest % ALPHABET.len() as u64) as usize;
        text.push(char::from(ALPHABET[index]));
        digest /= ALPHABET.len() as u64;
    }
    text
}

/// A number in `[0, 1)` that a name stands for, always the same.
pub(crate) fn phase_of(name: &str) -> f64 {
    (fnv(&[name.as_bytes()]) >> 11) as f64 / (1u64 << 53) as f64
}

/// FNV-1a, 64 bits, with a final mix so that short inputs fill the high digits.
fn fnv(parts: &[&[u8]]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for byte in parts.iter().copied().flatten() {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash ^= hash >> 32;
    hash = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash ^ (hash >> 29)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_engine_names_the_roles_its_own_way() {
        let flagger = Naming::flagger("test", "podinfo");
        assert_eq!(flagger.stable.workload, "podinfo-primary");
        assert_eq!(flagger.candidate.workload, "podinfo");
        assert_eq!(flagger.candidate.service, "podinfo-canary");
        let argo = Naming::argo("demo", "web", "web-stable", "web-canary");
        assert_eq!(argo.stable.workload, argo.candidate.workload);
        assert_ne!(argo.stable.pod_hash, argo.candidate.pod_hash);
        assert_eq!(argo.role(Role::of(SetName::Promoted)).service, "web-stable");
        assert!(Naming::native("checkout").labels_role() && !argo.labels_role());
    }

    #[test]
    fn what_a_file_is_about_names_the_released_service_if_the_scenario_calls_it_so() {
        let about = |about: &str| Naming { about: Some(about.to_owned()), ..Naming::native("app") };
        let named = about("checkout").in_scenario("checkout").into_owned();
        assert_eq!(named.apex, "checkout");
        assert_eq!(named.candidate, Naming::native("checkout").candidate);
        // Another service of the scenario has its own name already, and an option has been said.
        assert_eq!(about("cart").in_scenario("checkout").apex, "app");
        assert_eq!(Naming::native("app").in_scenario("checkout").apex, "app");
    }

    #[test]
    fn hashes_and_suffixes_look_like_kubernetes_and_differ() {
        let hash = template_hash("podinfo", "v2");
        assert_eq!(hash.len(), 10);
        assert!(hash.bytes().all(|b| ALPHABET.contains(&b)));
        assert_eq!(hash, template_hash("podinfo", "v2"), "the same at every start");
        let suffixes: BTreeSet<String> = (0..500).map(|ordinal| pod_suffix(&hash, ordinal)).collect();
        assert_eq!(suffixes.len(), 500);
    }
}
