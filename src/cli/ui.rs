//! What people see: messages on stderr, results on stdout or in a file.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use super::args::Global;
use super::exit::Failure;
use super::output_failure;
use crate::diagnostic::{Diagnostic, Diagnostics};

/// The streams and how talkative they are.
pub(super) struct Ui {
    pub(super) quiet: bool,
    stderr_colour: bool,
}

impl Ui {
    pub(super) fn new(global: &Global) -> Self {
        let choice = anstream::AutoStream::choice(&io::stderr());
        Ui { quiet: global.quiet, stderr_colour: choice != anstream::ColorChoice::Never }
    }

    /// Whether results on stdout may be coloured.
    pub(super) fn stdout_colour() -> bool {
        anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never
    }

    /// Columns of the terminal, as the shell says; 100 if it does not.
    pub(super) fn width() -> usize {
        let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        said.filter(|columns| (40..=1000).contains(columns)).unwrap_or(100)
    }

    /// Whether a progress bar would be seen.
    pub(super) fn shows_progress(&self) -> bool {
        !self.quiet && io::stderr().is_terminal()
    }

    /// A message that is no error; `--quiet` silences it.
    pub(super) fn say(&self, text: &str) {
        if !self.quiet {
            let _ = writeln!(anstream::stderr(), "{text}");
        }
    }

    /// Warnings; `--quiet` silences them.
    pub(super) fn warn(&self, findings: &Diagnostics) {
        for finding in findings {
            self.say(&finding.render(self.stderr_colour));
        }
    }

    /// Why the command failed; never silenced.
    pub(super) fn failure(&self, failure: &Failure) {
        let text = match failure {
            Failure::BrokenPipe | Failure::Tests | Failure::Void | Failure::Gate | Failure::GateOpen => {
                return;
            }
            Failure::Usage(finding)
            | Failure::Unfinished(finding)
            | Failure::Busy(finding)
            | Failure::Interrupted(finding) => finding.render(self.stderr_colour),
            Failure::Input(findings) => findings.render(self.stderr_colour),
            Failure::Output(fact) => Diagnostic::error(fact.as_str())
                .with_help("check the path, its permissions and the space that is left")
                .render(self.stderr_colour),
            Failure::Unexpected(fact) => Diagnostic::error(fact.as_str())
                .with_help("this should not happen: please report it with the command that shows it")
                .render(self.stderr_colour),
        };
        let _ = writeln!(anstream::stderr(), "{text}");
    }
}

/// Where a result goes.
pub(super) enum Sink {
    /// Standard output.
    Stdout,
    /// A file, already open.
    File(PathBuf, File),
}

impl Sink {
    /// Opens the file, if one is asked for; what is in it stays until there is something to write.
    pub(super) fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else { return Ok(Sink::Stdout) };
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path);
        match file {
            Ok(file) => Ok(Sink::File(path.to_owned(), file)),
            Err(error) => Err(output_failure(error, &format!("`{}`", path.display()))),
        }
    }

    /// Whether the result may be coloured.
    pub(super) fn colour(&self) -> bool {
        matches!(self, Sink::Stdout) && Ui::stdout_colour()
    }

    /// Writes the result, all at once; a device that cannot be shortened is written to as it is.
    pub(super) fn write(self, bytes: &[u8]) -> Result<(), Failure> {
        match self {
            Sink::Stdout => {
                let mut stdout = anstream::stdout().lock();
                let done = stdout.write_all(bytes).and_then(|()| stdout.flush());
                done.map_err(|error| output_failure(error, "standard output"))
            }
            Sink::File(path, mut file) => {
                let regular = file.metadata().is_ok_and(|metadata| metadata.is_file());
                let cleared = if regular { file.set_len(0) } else { Ok(()) };
                let done = cleared.and_then(|()| file.write_all(bytes)).and_then(|()| file.flush());
                done.map_err(|error| output_failure(error, &format!("`{}`", path.display())))
            }
        }
    }
}
