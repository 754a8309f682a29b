//! What a policy asks of whoever runs its process. `policy` starts no processes: the command line does, and tests put
//! scripted answers in its place.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How a process broke its word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Breakdown {
    /// What happened, as a sentence without its subject ("ended (exit status: 1)").
    pub reason: String,
    /// What to do about it.
    pub help: String,
    /// The last lines it wrote to its standard error.
    pub stderr: Vec<String>,
}

impl Breakdown {
    /// A breakdown with advice.
    pub fn new(reason: impl Into<String>, help: impl Into<String>) -> Self {
        Breakdown { reason: reason.into(), help: help.into(), stderr: Vec::new() }
    }
}

/// Why the answers of a policy cannot be used: its row is void.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// The scenario that was played.
    pub scenario: String,
    /// The replication that was played.
    pub replication: u32,
    /// Which question of the session it was, from 0; `None` if none had been asked.
    pub tick: Option<u64>,
    /// When that was, in nanoseconds since the deploy.
    pub at: Option<u64>,
    /// What happened, as a sentence without its subject.
    pub reason: String,
    /// What to do about it.
    pub help: String,
    /// The last lines the process wrote to its standard error.
    pub stderr: Vec<String>,
}

/// A process that is ready to be asked. Sessions share it; a question and its answer are not torn apart.
pub trait Line: Debug + Send + Sync {
    /// Sends whole lines and waits for one line, which replaces what is in `answer`, without its line break.
    ///
    /// # Errors
    /// When no whole line came in time.
    fn exchange(&self, request: &[u8], answer: &mut Vec<u8>) -> Result<(), Breakdown>;
    /// Whole lines that nobody answers; they may be kept back until the next question.
    fn post(&self, request: &[u8]);
    /// The last lines it wrote to its standard error.
    fn stderr(&self) -> Vec<String>;
}

/// Whoever runs the processes of one policy.
pub trait Host: Debug + Send + Sync {
    /// The process for the calling thread; started, greeted and found ready if there is none.
    ///
    /// # Errors
    /// When it does not start or does not say in time that it is ready.
    fn line(&self) -> Result<Arc<dyn Line>, Breakdown>;
    /// Ends all processes; none is started again.
    fn close(&self);
}

/// Whoever can start processes.
pub trait Launcher: Debug + Send + Sync {
    /// A host for this order. Nothing is started before the first question.
    fn host(&self, order: Order) -> Arc<dyn Host>;
}

/// What is to be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The program and its words.
    pub command: Vec<String>,
    /// The folder it is started in, as the user wrote it: that of the policy file.
    pub folder: String,
    /// The first line it is sent.
    pub hello: Vec<u8>,
    /// How long it may take to be ready.
    pub start_within: Duration,
    /// How long it may take to answer.
    pub answer_within: Duration,
}
