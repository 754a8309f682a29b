//! The lines of a journal, and journals read as a whole.

use std::io::Read;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::FORMAT;
use crate::cli::exit::Failure;
use crate::diagnostic::Diagnostic;
use crate::policy::process::Trouble;
use crate::replication::record::{self, ReplicationRecord};
use crate::study::journal::{Damage, Journal, block};

/// A line that is to be written.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line<'a> {
    /// A finished replication.
    Record(&'a ReplicationRecord),
    /// A policy whose process failed.
    Void {
        /// Its name.
        policy: &'a str,
        /// How.
        trouble: &'a Trouble,
    },
    /// There is nothing more to come.
    End {
        /// Finished replications in all.
        records: u64,
    },
}

/// A line that was read.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry {
    Record(Box<ReplicationRecord>),
    Void { policy: String, trouble: Trouble },
    End { records: u64 },
}

/// The value as a line.
///
/// # Errors
/// When it cannot be said in JSON, which would be a mistake of this program.
pub(super) fn line(value: &impl Serialize) -> Result<Vec<u8>, Failure> {
    let mut line =
        serde_json::to_vec(value).map_err(|error| Failure::Unexpected(format!("no JSON: {error}")))?;
    line.push(b'\n');
    Ok(line)
}

/// These lines as a block.
///
/// # Errors
/// When they are too many.
pub(super) fn blocked(lines: &[u8]) -> Result<Vec<u8>, Failure> {
    block(lines).map_err(|error| Failure::Unexpected(error.to_string()))
}

/// What every file of this kind begins with.
#[derive(Deserialize)]
struct Kind {
    format: u32,
    holds: String,
}

/// A journal that was read.
pub(super) struct Contents<H> {
    pub(super) header: H,
    pub(super) records: Vec<ReplicationRecord>,
    pub(super) troubles: Vec<(String, Trouble)>,
    /// How many records there should be, if the journal was ended.
    pub(super) end: Option<u64>,
    /// Bytes up to the end of the last whole block.
    pub(super) whole: u64,
    /// Whether something follows that never got whole.
    pub(super) torn: bool,
}

/// Reads a journal that `holds` this kind of thing; `None` if not even its header is whole.
///
/// # Errors
/// When it is foreign, damaged, newer than this program, or holds something else; `name` is what messages call it.
pub(super) fn read<H: DeserializeOwned>(
    name: &str,
    holds: &str,
    from: impl Read,
) -> Result<Option<Contents<H>>, Failure> {
    let mut journal = Journal::new(from);
    let damaged = |damage: Damage| Failure::input(damage_of(name, &damage));
    let Some(first) = journal.next_block().map_err(damaged)? else { return Ok(None) };
    let header = header(name, holds, &first)?;
    let mut contents =
        Contents { header, records: Vec::new(), troubles: Vec::new(), end: None, whole: 0, torn: false };
    loop {
        let at = journal.whole();
        let Some(lines) = journal.next_block().map_err(damaged)? else { break };
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let wrong = |fact: String| {
                let help = "its checksum is right, so it was written like this: by another program?";
                Failure::input(
                    Diagnostic::error(format!(
                        "`{name}` holds what it should not, in the block at byte {at}: {fact}"
                    ))
                    .with_help(help),
                )
            };
            match serde_json::from_slice(line).map_err(|error| wrong(error.to_string()))? {
                Entry::Record(one) if one.format != record::FORMAT => {
                    return Err(wrong(format!("a record of format {}", one.format)));
                }
                Entry::Record(one) => contents.records.push(*one),
                Entry::Void { policy, trouble } => contents.troubles.push((policy, trouble)),
                Entry::End { records } => contents.end = Some(records),
            }
        }
    }
    (contents.whole, contents.torn) = (journal.whole(), journal.is_torn());
    Ok(Some(contents))
}

fn header<H: DeserializeOwned>(name: &str, holds: &str, first: &[u8]) -> Result<H, Failure> {
    let wrong = |error: serde_json::Error| {
        Failure::input(
            Diagnostic::error(format!("the header of `{name}` cannot be used: {error}"))
                .with_help("was it written by this program?"),
        )
    };
    let value: serde_json::Value = serde_json::from_slice(first).map_err(wrong)?;
    let kind: Kind = serde_json::from_value(value.clone()).map_err(wrong)?;
    check_kind(name, holds, kind.format, &kind.holds)?;
    serde_json::from_value(value).map_err(wrong)
}

/// Refuses what another kind of command or a newer program wrote.
///
/// # Errors
/// Just then.
pub(super) fn check_kind(name: &str, wanted: &str, format: u32, holds: &str) -> Result<(), Failure> {
    let refused = |fact: String, help: &str| Err(Failure::input(Diagnostic::error(fact).with_help(help)));
    if format > FORMAT {
        let fact = format!("`{name}` has format {format}, this program knows {FORMAT}");
        return refused(fact, "it was written by a newer version: use that one");
    }
    if holds != wanted {
        let fact = format!("`{name}` is a {}, not a {}", holds.replace('_', " "), wanted.replace('_', " "));
        return refused(
            fact,
            "a store is read by `backout report`, a plan by `work`, plan and shards by `merge`",
        );
    }
    Ok(())
}

fn damage_of(name: &str, damage: &Damage) -> Diagnostic {
    let help = match damage {
        Damage::Foreign => "stores are folders made by `score --store`, shards are files made by `work`",
        Damage::Broken { .. } => {
            "it was whole when it was written: look at the disk; without the file, everything is played again and \
             comes out the same"
        }
        Damage::Io(_) => "check the path, its permissions and the disk",
    };
    Diagnostic::error(format!("`{name}` {damage}")).with_help(help)
}
