//! The end of a process and of everything it has started, whatever becomes of this program.
//!
//! A process leads a group of its own, so that its children can be ended with it. Beside it stands a guard: a shell that
//! waits for the end of its standard input, of which this program holds the only other side, and then kills the group.
//! The system closes that side when this program ends in any way, be it `kill -9` or Ctrl-C at a terminal (which reaches
//! neither group), so the guard needs no handler of signals here. SIGKILL cannot be ignored.
//!
//! Trap: a group's number must not be used after its leader was waited for, for then it may be another's. The guard is
//! therefore always through before the process is.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

/// What the guard does with the number of the group. Not every shell takes `--` after the signal.
const SCRIPT: &str = r#"read -r line; kill -9 "-$1""#;

/// A shell that kills a group when it is dropped or orphaned.
#[derive(Debug)]
pub(super) struct Guard(Child);

impl Guard {
    /// A guard of the group that the process of this number leads.
    ///
    /// # Errors
    /// When there is no shell.
    pub(super) fn of(leader: u32) -> std::io::Result<Guard> {
        let child = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "sh", &leader.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Guard(child))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // It reads to the end of its input, kills and ends: there is nothing it could wait for.
        let _ = self.0.wait();
    }
}
