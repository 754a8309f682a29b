//! A run store: a folder that keeps every finished replication of one study.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::entry::{self, Contents};
use super::{FORMAT, Sealed};
use crate::cli::exit::Failure;
use crate::cli::results::{Facts, Results};
use crate::cli::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::policy::process::Trouble;
use crate::replication::record::ReplicationRecord;
use crate::study::Job;

/// The journal in the folder.
const NAME: &str = "records.jsonl.gz";
const HOLDS: &str = "run_store";

/// The first line of a store.
#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    holds: String,
    study: Sealed,
    facts: Facts,
}

/// A store that is open for writing. It is locked until it is dropped or the process ends.
pub(crate) struct RunStore {
    file: File,
    path: PathBuf,
    whole: u64,
}

/// What was finished before.
#[derive(Default)]
pub(crate) struct Kept {
    /// Finished replications with their jobs.
    pub(crate) records: Vec<(Job, ReplicationRecord)>,
    /// Policies whose process failed.
    pub(crate) troubles: Vec<(String, Trouble)>,
}

impl RunStore {
    /// Opens the store of this study, or makes it; what never got whole is cut off.
    ///
    /// # Errors
    /// When the folder holds something else or another study, when somebody else is writing, when it cannot be written.
    pub(crate) fn open(
        folder: &Path,
        study: &Sealed,
        facts: &Facts,
        ui: &Ui,
    ) -> Result<(Self, Kept), Failure> {
        let path = folder.join(NAME);
        let failed = |error: std::io::Error| unwritable(&path, &error);
        std::fs::create_dir_all(folder).map_err(failed)?;
        if !path.exists() && std::fs::read_dir(folder).map_err(failed)?.next().is_some() {
            let fact = format!("`{}` holds other files and no run store", folder.display());
            return Err(Failure::input(
                Diagnostic::error(fact).with_help("name a new folder, or an empty one"),
            ));
        }
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(failed)?;
        locked(file.try_lock(), folder)?;
        let mut store = RunStore { file, path: path.clone(), whole: 0 };
        let name = path.display().to_string();
        let contents: Option<Contents<Header>> = entry::read(&name, HOLDS, &store.file)?;
        let Some(contents) = contents else {
            store.begin(folder, study, facts)?;
            return Ok((store, Kept::default()));
        };
        same_study(folder, &contents.header.study, study)?;
        store.whole = contents.whole;
        store.cut()?;
        let kept = kept(&name, facts, contents)?;
        ui.say(&resumed(folder, kept.records.len(), facts.jobs().count()));
        Ok((store, kept))
    }

    /// What a store that nobody writes to holds, if everything of its study is there.
    ///
    /// # Errors
    /// When there is no store, when it is in use, damaged or unfinished.
    pub(crate) fn read(folder: &Path) -> Result<Results, Failure> {
        let path = folder.join(NAME);
        let file = File::open(&path).map_err(|error| {
            let fact = format!("there is no run store in `{}`: {error}", folder.display());
            Failure::input(Diagnostic::error(fact).with_help("name the folder given to `score --store`"))
        })?;
        locked(file.try_lock_shared(), folder)?;
        let name = path.display().to_string();
        let contents: Option<Contents<Header>> = entry::read(&name, HOLDS, &file)?;
        let Some(mut contents) = contents else {
            let fact = format!("nothing was finished in `{}`", folder.display());
            let help = "run the `score --store` that made it again";
            return Err(Failure::Unfinished(Box::new(Diagnostic::error(fact).with_help(help))));
        };
        let facts = contents.header.facts.clone();
        let troubles = std::mem::take(&mut contents.troubles);
        let records = kept(&name, &facts, contents)?.records;
        let (there, all) = (records.len(), facts.jobs().count());
        if there < all {
            let fact = format!("{} of {all} replications are missing in `{}`", all - there, folder.display());
            let help = format!("`{} --store {}` plays them", facts.command, folder.display());
            return Err(Failure::Unfinished(Box::new(Diagnostic::error(fact).with_help(help))));
        }
        Ok(Results { facts, records: in_order(records), troubles })
    }

    /// Writes these lines behind what is there, and waits until they are on the disk.
    ///
    /// # Errors
    /// When they cannot be written; the store is then as it was before.
    pub(super) fn append(&mut self, lines: &[u8]) -> Result<(), Failure> {
        let block = entry::blocked(lines)?;
        let written = self.file.write_all(&block).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // If cutting fails too, the next one to open it does it.
            let _ = self.cut();
            return Err(unwritable(&self.path, &error));
        }
        self.whole += block.len() as u64;
        Ok(())
    }

    /// The folder, as it was given.
    pub(super) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }

    /// Writes the header into an empty file, and makes the file itself last.
    fn begin(&mut self, folder: &Path, study: &Sealed, facts: &Facts) -> Result<(), Failure> {
        self.cut()?;
        let header =
            Header { format: FORMAT, holds: HOLDS.to_owned(), study: study.clone(), facts: facts.clone() };
        self.append(&entry::line(&header)?)?;
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|error| unwritable(&self.path, &error))
    }

    /// Cuts off whatever is behind the last whole block.
    fn cut(&mut self) -> Result<(), Failure> {
        let cut = self.file.set_len(self.whole).and_then(|()| self.file.seek(SeekFrom::Start(self.whole)));
        cut.map(|_| ()).map_err(|error| unwritable(&self.path, &error))
    }
}

/// The records with their jobs, each once.
fn kept(name: &str, facts: &Facts, contents: Contents<Header>) -> Result<Kept, Failure> {
    let mut seen = BTreeSet::new();
    let mut records = Vec::new();
    for record in contents.records {
        let Some(job) = facts.job_of(&record) else {
            let fact = format!(
                "`{name}` holds replication {} of `{}`, which is not of its study",
                record.replication, record.scenario
            );
            return Err(Failure::input(Diagnostic::error(fact).with_help("was it put together by hand?")));
        };
        if seen.insert(job) {
            records.push((job, record));
        }
    }
    Ok(Kept { records, troubles: contents.troubles })
}

/// Records in the order of their study.
pub(super) fn in_order(mut records: Vec<(Job, ReplicationRecord)>) -> Vec<ReplicationRecord> {
    records.sort_by_key(|(job, _)| *job);
    records.into_iter().map(|(_, record)| record).collect()
}

fn same_study(folder: &Path, there: &Sealed, here: &Sealed) -> Result<(), Failure> {
    let differences = there.differences(here);
    if differences.is_empty() {
        return Ok(());
    }
    let fact = format!("`{}` is the run store of another study", folder.display());
    let help = format!("{}\nname another folder, or ask for the same again", differences.join("\n"));
    Err(Failure::input(Diagnostic::error(fact).with_help(help)))
}

fn locked(lock: Result<(), TryLockError>, folder: &Path) -> Result<(), Failure> {
    match lock {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            let fact = format!("the run store `{}` is in use by another process", folder.display());
            let help = "wait until it has ended, or name another folder";
            Err(Failure::Busy(Box::new(Diagnostic::error(fact).with_help(help))))
        }
        Err(TryLockError::Error(error)) => {
            Err(Failure::Output(format!("the run store `{}` cannot be locked: {error}", folder.display())))
        }
    }
}

fn resumed(folder: &Path, there: usize, all: usize) -> String {
    format!("`{}` has {there} of {all} replications: {} are played", folder.display(), all - there)
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    let kept = "what was finished before is kept, and the same command goes on from there";
    Failure::Output(format!("`{}` could not be written: {error}; {kept}", path.display()))
}
