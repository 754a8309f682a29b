//! The file format of policies that are processes.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::policy::native::Bind;
use crate::time::SimDuration;

/// A file of a policy that is a process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessFile {
    /// Version of the format: 1.
    pub format: u32,
    /// One line on what it does.
    #[serde(default)]
    pub summary: Option<String>,
    /// The process.
    pub process: ProcessBlock,
    /// How names in the queries mean the simulated service.
    #[serde(default)]
    pub bind: Bind,
}

/// What is started, and what it is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessBlock {
    /// The program and its words, without a shell; it is started in the folder of this file.
    pub command: Vec<String>,
    /// Time between observations.
    #[serde(default = "fifteen_seconds")]
    pub every: SimDuration,
    /// Time from the deploy to the first observation.
    #[serde(default)]
    pub start_after: SimDuration,
    /// What it is shown, by the names it sees: PromQL, as in alerts but without a comparison.
    #[serde(default)]
    pub queries: BTreeMap<String, String>,
    /// Whatever it wants to be told at its start, handed on as it is.
    #[serde(default)]
    pub params: serde_json::Value,
    /// How long an answer may take, in real time.
    #[serde(default = "one_second")]
    pub answer_within: SimDuration,
    /// How long it may take to be ready, in real time.
    #[serde(default = "ten_seconds")]
    pub start_within: SimDuration,
}

fn fifteen_seconds() -> SimDuration {
    SimDuration::from_secs(15)
}

fn one_second() -> SimDuration {
    SimDuration::from_secs(1)
}

fn ten_seconds() -> SimDuration {
    SimDuration::from_secs(10)
}
