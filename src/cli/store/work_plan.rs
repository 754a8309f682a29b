//! A study cut into shards: everything another machine needs.
//!
//! Replication number `i` of the list of a study belongs to shard `i mod N`: long and short scenarios are spread evenly,
//! and what a replication draws depends on its own number only. So the number of shards changes no figure.

use std::num::NonZeroU32;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::entry::check_kind;
use super::{FORMAT, Sealed, digest};
use crate::cli::exit::Failure;
use crate::cli::results::Facts;
use crate::diagnostic::Diagnostic;
use crate::study::Job;

const HOLDS: &str = "plan";

/// A plan, as it is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct WorkPlan {
    format: u32,
    holds: String,
    /// SHA-256 of the rest: shards say of which plan they are.
    pub(crate) digest: String,
    /// How many shards there are.
    pub(crate) shards: NonZeroU32,
    /// What is played.
    pub(crate) study: Sealed,
    /// What the report says beside the figures.
    pub(crate) facts: Facts,
}

impl WorkPlan {
    /// The plan of a study.
    ///
    /// # Errors
    /// When it cannot be said in JSON, which would be a mistake of this program.
    pub(crate) fn new(study: Sealed, facts: Facts, shards: NonZeroU32) -> Result<Self, Failure> {
        let mut plan =
            WorkPlan { format: FORMAT, holds: HOLDS.to_owned(), digest: String::new(), shards, study, facts };
        plan.digest = plan.own_digest()?;
        Ok(plan)
    }

    /// Reads a plan and checks that it is whole and of this version.
    ///
    /// # Errors
    /// When it is not.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let name = path.display();
        let wrong = |fact: String, help: &str| Failure::input(Diagnostic::error(fact).with_help(help));
        let bytes = std::fs::read(path).map_err(|error| {
            wrong(format!("the plan `{name}` cannot be read: {error}"), "`backout plan --out` writes it")
        })?;
        let no_plan = |error: serde_json::Error| {
            wrong(format!("`{name}` is no plan: {error}"), "`backout plan --out` writes one")
        };
        let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(no_plan)?;
        let format = value.get("format").and_then(serde_json::Value::as_u64).unwrap_or(0);
        let holds =
            value.get("holds").and_then(serde_json::Value::as_str).unwrap_or("file of another program");
        check_kind(&name.to_string(), HOLDS, u32::try_from(format).unwrap_or(u32::MAX), holds)?;
        let plan: WorkPlan = serde_json::from_value(value).map_err(no_plan)?;
        if plan.own_digest()? != plan.digest {
            return Err(wrong(
                format!("the plan `{name}` was changed after it was made"),
                "make a new one: results say of which plan they are",
            ));
        }
        let version = env!("CARGO_PKG_VERSION");
        if plan.study.version != version {
            return Err(wrong(
                format!("the plan `{name}` was made by version {}, this is {version}", plan.study.version),
                "another version may play otherwise: use the same one for plan, work and merge",
            ));
        }
        Ok(plan)
    }

    /// What a shard plays, in order.
    pub(crate) fn jobs_of(&self, shard: u32) -> Vec<Job> {
        let step = self.shards.get() as usize;
        self.facts.jobs().skip(shard as usize).step_by(step).collect()
    }

    fn own_digest(&self) -> Result<String, Failure> {
        let rest = WorkPlan { digest: String::new(), ..self.clone() };
        let bytes =
            serde_json::to_vec(&rest).map_err(|error| Failure::Unexpected(format!("no JSON: {error}")))?;
        Ok(digest(&bytes))
    }
}
