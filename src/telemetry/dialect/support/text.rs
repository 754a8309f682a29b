//! What is written into a label: a fixed word, or something that depends on the service, the role, the pod, the code
//! or the bucket.

use std::borrow::Cow;
use std::fmt::Write;

use super::signal::Buckets;
use crate::effect::SetName;
use crate::telemetry::instrument::{Instrument, SeriesKey, WHOLE_SET};
use crate::telemetry::naming::{
    Engine, EnvoyClusters, ModelNames, Naming, Role, RoleNames, pod_suffix, template_hash,
};
use crate::world::instruments::Code;

/// Bounds in seconds as Go prints them; the same bounds as `world::instruments::BOUNDS`.
const SECONDS: [&str; 17] = [
    "0.0005", "0.001", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "30",
    "60", "300", "+Inf",
];
/// The same in milliseconds.
const MILLIS: [&str; 17] = [
    "0.5", "1", "5", "10", "25", "50", "100", "250", "500", "1000", "2500", "5000", "10000", "30000",
    "60000", "300000", "+Inf",
];

/// What a label holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Text {
    /// Always this.
    Word(&'static str),
    /// The namespace.
    Namespace,
    /// The service in front of both roles.
    Apex,
    /// The Kubernetes service of the role.
    Service,
    /// `service.namespace.svc.cluster.local`.
    ServiceHost,
    /// `http://service.namespace`.
    ServiceUrl,
    /// The workload of the role.
    Workload,
    /// The workload if it is a Deployment; the label's series do not exist when it is not (an Argo rollout).
    Deployment,
    /// `workload-hash`, the name of the replica set.
    ReplicaSet,
    /// The name of the canary or rollout object, the same for both roles.
    Object,
    /// The hash of the pod template.
    PodHash,
    /// The version label.
    Version,
    /// The pod's name.
    Pod,
    /// Address and port of the pod.
    Instance(u16),
    /// The node the pod runs on.
    Node,
    /// `stable` or `candidate`, where the scrape configuration adds it.
    RoleWord,
    /// `stable` or `canary`.
    TrackWord,
    /// `true` on the candidate, else nothing.
    CanaryFlag,
    /// The ingress in front.
    Ingress,
    /// `namespace-service-port` on the candidate, else nothing: NGINX's alternative upstream.
    CanaryUpstream,
    /// `namespace_service_port`, or as Gloo calls it: Envoy's cluster name.
    EnvoyCluster,
    /// The HTTP status; on latency series, which are not told apart, that of success.
    Status,
    /// `2xx`, `5xx`.
    StatusClass,
    /// `2`, `5`.
    StatusDigit,
    /// The gRPC code's name.
    GrpcCode,
    /// `success` or `failure`.
    Classification,
    /// `SUCCESS` or `SERVER_ERROR`.
    Outcome,
    /// Envoy's flags, as its callers write them.
    ResponseFlags,
    /// The bucket's bound in seconds.
    BoundSeconds(Buckets),
    /// The bucket's bound in milliseconds.
    BoundMillis(Buckets),
    /// The segment of the requests.
    Segment,
    /// The class that was predicted, `positive` or `negative`.
    Predicted,
    /// The class that was true, `positive` or `negative`.
    Actual,
    /// `true` or `false`: whether the prediction was right.
    Correct,
    /// `good` or `bad`: what users said.
    Liking,
    /// What the user bound by hand: an index into the naming's label roles.
    Bound(u16),
}

/// The version of a service that is released beside the target.
const RELEASED: &str = "v2";

/// A neutral series seen through a naming.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The names.
    pub naming: &'a Naming,
    /// The names of this service in this role.
    pub names: &'a RoleNames,
    /// Whether it is the service that is rolled out.
    pub is_target: bool,
    /// The model behind the service that is rolled out.
    pub model: &'a ModelNames,
    /// The series.
    pub key: SeriesKey,
}

impl Context<'_> {
    /// The label's value; empty = the series does not have the label.
    pub fn text(&self, text: Text) -> Cow<'static, str> {
        let set = self.key.set;
        let namespace = &self.naming.namespace;
        let service = &self.names.service;
        let code = self.key.instrument.code().unwrap_or(Code::Ok);
        let candidate = self.is_target && Role::of(set) == Role::Candidate;
        match text {
            Text::Word(word) => Cow::Borrowed(word),
            Text::Namespace => Cow::Owned(namespace.clone()),
            Text::Apex if self.is_target => Cow::Owned(self.naming.apex.clone()),
            Text::Object if self.is_target => Cow::Owned(self.naming.workload.clone()),
            Text::Service | Text::Apex => Cow::Owned(service.clone()),
            Text::ServiceHost => Cow::Owned(format!("{service}.{namespace}.svc.cluster.local")),
            Text::ServiceUrl => Cow::Owned(format!("http://{service}.{namespace}")),
            Text::Deployment if self.is_rollout() => Cow::Borrowed(""),
            Text::Workload | Text::Deployment | Text::Object => Cow::Owned(self.names.workload.clone()),
            Text::ReplicaSet => Cow::Owned(format!("{}-{}", self.names.workload, self.hash())),
            Text::PodHash => self.hash(),
            Text::Version => Cow::Owned(self.version().to_owned()),
            Text::Pod => self.pod(),
            Text::Instance(port) => {
                self.address().map_or(Cow::Borrowed(""), |ip| format!("{ip}:{port}").into())
            }
            Text::Node => format!("node-{}", 1 + self.key.pod % 3).into(),
            Text::RoleWord if !self.naming.labels_role() => Cow::Borrowed(""),
            Text::RoleWord => Cow::Borrowed(self.role().word()),
            Text::TrackWord => Cow::Borrowed(if candidate { "canary" } else { self.role().word() }),
            Text::CanaryFlag => Cow::Borrowed(if candidate { "true" } else { "" }),
            Text::Ingress if self.is_target => Cow::Owned(self.naming.ingress.clone()),
            Text::Ingress => Cow::Owned(service.clone()),
            Text::CanaryUpstream if candidate => format!("{namespace}-{service}-80").into(),
            Text::CanaryUpstream => Cow::Borrowed(""),
            Text::EnvoyCluster => match self.naming.envoy_clusters {
                EnvoyClusters::Contour => format!("{namespace}_{service}_80").into(),
                EnvoyClusters::Gloo => format!("{namespace}-{service}-80_gloo-system").into(),
            },
            Text::Status => Cow::Borrowed(code.status()),
            Text::StatusClass => Cow::Borrowed(if code == Code::Ok { "2xx" } else { "5xx" }),
            Text::StatusDigit => Cow::Borrowed(if code == Code::Ok { "2" } else { "5" }),
            Text::GrpcCode => Cow::Borrowed(grpc(code)),
            Text::Classification => Cow::Borrowed(if code == Code::Ok { "success" } else { "failure" }),
            Text::Outcome => Cow::Borrowed(if code == Code::Ok { "SUCCESS" } else { "SERVER_ERROR" }),
            Text::ResponseFlags => Cow::Borrowed(self.flags(code)),
            Text::BoundSeconds(buckets) => self.bound(&SECONDS, buckets),
            Text::BoundMillis(buckets) => self.bound(&MILLIS, buckets),
            Text::Segment => Cow::Owned(self.segment().unwrap_or_default().to_owned()),
            Text::Predicted | Text::Actual | Text::Correct | Text::Liking => {
                Cow::Borrowed(prediction_word(text, self.key.instrument))
            }
            Text::Bound(index) => self.bound_by_hand(index, candidate),
        }
    }

    /// Whether a series with this label exists at all: a bucket the histogram does not have, and a deployment that
    /// is a rollout, do not.
    pub fn exists(&self, text: Text) -> bool {
        match text {
            Text::BoundSeconds(_) | Text::BoundMillis(_) | Text::Deployment => !self.text(text).is_empty(),
            _ => true,
        }
    }

    fn segment(&self) -> Option<&str> {
        let index = self.key.instrument.segment()?;
        self.model.segments.get(index).map(String::as_str)
    }

    /// Whether a series with these labels exists at all.
    pub fn has_series<'t>(&self, mut texts: impl Iterator<Item = &'t Text>) -> bool {
        let is_there = match self.key.instrument {
            Instrument::Feedback { .. } => self.is_target && self.model.feedback,
            Instrument::InputDrift => self.is_target && !self.model.segments.is_empty(),
            Instrument::Predictions { .. } | Instrument::Labelled { .. } => {
                self.is_target && self.segment().is_some()
            }
            _ => true,
        };
        is_there && texts.all(|text| self.exists(*text))
    }

    /// The role its pods are labelled with: only the service that is rolled out has more than one.
    fn role(&self) -> Role {
        if self.is_target { Role::of(self.key.set) } else { Role::Stable }
    }

    fn is_rollout(&self) -> bool {
        self.is_target && self.naming.engine == Engine::Argo
    }

    /// The version a pod runs, whatever its role: after a Flagger promotion the primary runs the new one, after a
    /// rollback perhaps a third one.
    fn version(&self) -> &str {
        match self.key.set {
            SetName::Promoted if self.is_target => &self.naming.candidate.version,
            SetName::Other => "other",
            SetName::New if !self.is_target => RELEASED,
            _ => &self.names.version,
        }
    }

    fn hash(&self) -> Cow<'static, str> {
        match self.key.set {
            SetName::Promoted | SetName::Other => template_hash(&self.names.workload, self.version()).into(),
            SetName::New if !self.is_target => template_hash(&self.names.workload, RELEASED).into(),
            _ => Cow::Owned(self.names.pod_hash.clone()),
        }
    }

    fn pod(&self) -> Cow<'static, str> {
        if self.key.pod == WHOLE_SET {
            return Cow::Borrowed("");
        }
        let hash = self.hash();
        let mut name = format!("{}-{hash}-", self.names.workload);
        name.push_str(&pod_suffix(&hash, self.key.pod));
        name.into()
    }

    fn address(&self) -> Option<String> {
        if self.key.pod == WHOLE_SET {
            return None;
        }
        let set = self.key.set.index() as u16;
        let (service, pod) = (self.key.service.0, self.key.pod);
        let mut ip = String::new();
        let _ = write!(ip, "10.{}.{}.{}", 16 + service % 200, set * 80 + pod / 250 % 80, pod % 250 + 2);
        Some(ip)
    }

    /// Envoy's response flags: `UH` no healthy upstream, `UO` overflow, `UT` upstream time-out.
    fn flags(&self, code: Code) -> &'static str {
        match (self.key.instrument, code) {
            (Instrument::ClientNoPod, _) => "UH",
            (_, Code::Rejected) => "UO",
            (_, Code::TimedOut) => "UT",
            (_, Code::Ok | Code::Failed) => "-",
        }
    }

    fn bound(&self, table: &[&'static str; 17], buckets: Buckets) -> Cow<'static, str> {
        let bucket = self.key.instrument.bucket().filter(|&bucket| buckets.has(bucket));
        Cow::Borrowed(bucket.and_then(|bucket| table.get(bucket)).copied().unwrap_or(""))
    }

    fn bound_by_hand(&self, index: u16, candidate: bool) -> Cow<'static, str> {
        let role = self.naming.label_roles.get(usize::from(index)).filter(|_| self.is_target);
        let value =
            role.and_then(|role| if candidate { role.candidate.clone() } else { role.stable.clone() });
        Cow::Owned(value.unwrap_or_default())
    }
}

/// What a label of a prediction holds.
const fn prediction_word(text: Text, instrument: Instrument) -> &'static str {
    const fn class(positive: bool) -> &'static str {
        if positive { "positive" } else { "negative" }
    }
    match (text, instrument) {
        (Text::Predicted, Instrument::Predictions { positive, .. }) => class(positive),
        (Text::Predicted, Instrument::Labelled { cell, .. }) => class(cell.is_positive()),
        (Text::Actual, Instrument::Labelled { cell, .. }) => class(cell.is_truly_positive()),
        (Text::Correct, Instrument::Labelled { cell, .. }) if cell.is_right() => "true",
        (Text::Correct, Instrument::Labelled { .. }) => "false",
        (Text::Liking, Instrument::Feedback { good: true }) => "good",
        (Text::Liking, Instrument::Feedback { good: false }) => "bad",
        _ => "",
    }
}

/// The gRPC status an HTTP status stands for (gRPC's own table for proxies without a gRPC answer).
const fn grpc(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Failed => "Internal",
        Code::Rejected => "Unavailable",
        Code::TimedOut => "DeadlineExceeded",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::instruments::BOUNDS;

    #[test]
    fn bounds_are_the_simulators_in_gos_notation() {
        for (index, &bound) in BOUNDS.iter().enumerate().take(16) {
            assert_eq!(SECONDS[index].parse::<f64>().unwrap(), bound);
            assert!((MILLIS[index].parse::<f64>().unwrap() / (bound * 1000.0) - 1.0).abs() < 1e-12);
            assert_eq!(SECONDS[index], format!("{bound}"));
        }
        assert_eq!((SECONDS[16], MILLIS[16]), ("+Inf", "+Inf"));
        let default: Vec<&str> =
            (0..17).filter(|&i| Buckets::ClientDefault.has(i)).map(|i| SECONDS[i]).collect();
        assert_eq!(
            default,
            ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"]
        );
    }
}
