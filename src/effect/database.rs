//! The words for a database: what is asked of it, and what a controller sees of it.
//!
//! Trap: a database is one for all revisions; nothing said here is about the code of one of them.

/// What can be asked of a database and of the application in front of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseAction {
    /// Run the next step of the migration.
    Forward,
    /// Undo the last step that was run.
    Backward,
    /// Put a backup in the place of the data.
    Restore {
        /// Which backup.
        pick: Pick,
        /// Whether it is restored into an empty database that then takes the place of the old one. Else the dump is
        /// played over the tables that are there, which reports success and changes nothing.
        into_empty: bool,
    },
    /// Stop the application: every request is turned away.
    StopApplication,
    /// Start it again.
    StartApplication,
    /// Refuse writes.
    StopWrites,
    /// Accept them again.
    AllowWrites,
}

/// Which of several backups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// The newest, whatever it holds.
    Newest,
    /// The newest of those taken before the deploy.
    BeforeDeploy,
}

/// What a controller sees of the database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DatabaseView {
    /// Steps of the migration that are done.
    pub applied: u16,
    /// All of them.
    pub steps: u16,
    /// Those at the head of the list that are to be done before the first pod.
    pub before: u16,
    /// Whether a step or a restore is under way.
    pub running: bool,
    /// Whether the last one asked for failed.
    pub failed: bool,
    /// Whether the application is stopped.
    pub application_stopped: bool,
    /// Whether writes are refused.
    pub writes_stopped: bool,
    /// Whether there is a step to undo, and something undoes it.
    pub can_step_back: bool,
}
