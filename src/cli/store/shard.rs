//! The result of one shard: a function of the plan and the number of the shard, whole or not there.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::entry::{self, Contents, Line};
use super::{FORMAT, WorkPlan};
use crate::cli::exit::Failure;
use crate::diagnostic::Diagnostic;
use crate::replication::record::ReplicationRecord;
use crate::study::Job;

const HOLDS: &str = "shard";
/// Records in a block.
const BLOCK: usize = 64;

/// The first line of a shard.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Header {
    format: u32,
    holds: String,
    plan: String,
    shard: u32,
    of: u32,
}

/// A shard that was read and is whole.
pub(crate) struct Shard {
    /// Its number.
    pub(crate) number: u32,
    /// Its records with their jobs, in order.
    pub(crate) records: Vec<(Job, ReplicationRecord)>,
}

impl Shard {
    /// The bytes of a shard with these records, which are in the order of its jobs.
    ///
    /// # Errors
    /// When they cannot be said in JSON, which would be a mistake of this program.
    pub(crate) fn bytes(
        plan: &WorkPlan,
        number: u32,
        records: &[ReplicationRecord],
    ) -> Result<Vec<u8>, Failure> {
        let mut bytes = entry::blocked(&entry::line(&Header::of(plan, number))?)?;
        for part in records.chunks(BLOCK) {
            let mut lines = Vec::new();
            for record in part {
                lines.extend(entry::line(&Line::Record(record))?);
            }
            bytes.extend(entry::blocked(&lines)?);
        }
        let end = Line::End { records: records.len() as u64 };
        bytes.extend(entry::blocked(&entry::line(&end)?)?);
        Ok(bytes)
    }

    /// Reads a shard of this plan.
    ///
    /// # Errors
    /// When it is of another plan, damaged, or not whole.
    pub(crate) fn read(plan: &WorkPlan, path: &Path) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let wrong = |fact: String, help: &str| Failure::input(Diagnostic::error(fact).with_help(help));
        let file = File::open(path).map_err(|error| {
            wrong(format!("the shard `{name}` cannot be read: {error}"), "`backout work` writes it")
        })?;
        let contents: Option<Contents<Header>> = entry::read(&name, HOLDS, std::io::BufReader::new(file))?;
        let again =
            "`backout work` writes it whole or not at all: was it copied in part? copy or play it again";
        let Some(contents) = contents else { return Err(wrong(format!("`{name}` is not whole"), again)) };
        let Header { plan: of, shard, .. } = &contents.header;
        if contents.header != Header::of(plan, *shard) || *shard >= plan.shards.get() {
            let fact = format!("`{name}` is a shard of another plan");
            return Err(wrong(fact, &format!("it is of plan {of}, this is {}", plan.digest)));
        }
        if contents.torn || contents.end != Some(contents.records.len() as u64) {
            return Err(wrong(format!("`{name}` is not whole"), again));
        }
        let number = *shard;
        let jobs = plan.jobs_of(number);
        let is_job = |(record, job): (&ReplicationRecord, &Job)| plan.facts.job_of(record) == Some(*job);
        if jobs.len() != contents.records.len() || !contents.records.iter().zip(&jobs).all(is_job) {
            let fact = format!("`{name}` does not hold the replications of shard {number}");
            return Err(wrong(fact, "was it put together by hand?"));
        }
        Ok(Shard { number, records: jobs.into_iter().zip(contents.records).collect() })
    }
}

impl Header {
    fn of(plan: &WorkPlan, shard: u32) -> Self {
        let (plan, of) = (plan.digest.clone(), plan.shards.get());
        Header { format: FORMAT, holds: HOLDS.to_owned(), plan, shard, of }
    }
}

/// Writes a file whole or not at all: beside its place first, then to its place, both made to last.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut name = path.file_name().unwrap_or_default().to_owned();
    // Two workers of one shard must not write to one file; the last to finish wins, with the same bytes.
    name.push(format!(".{}.part", std::process::id()));
    let part = folder.join(name);
    let written = File::create(&part)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&part, path))
        .and_then(|()| File::open(folder)?.sync_all());
    written.map_err(|error| {
        let _ = std::fs::remove_file(&part);
        Failure::Output(format!("`{}` could not be written: {error}", path.display()))
    })
}
