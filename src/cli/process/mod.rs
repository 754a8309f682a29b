//! Processes of users' policies: started here, asked with a deadline, and never left behind.
//!
//! A worker thread has one process of each policy, which is started at its first question and serves all of its runs. A
//! question costs one write and one read; nothing is started per question. The connection is a pair of sockets and
//! not two pipes, because a socket can be read with a deadline without a thread beside it.
//!
//! Traps: whatever a process does ends in a [`Breakdown`] and not in waiting: it may never read (writing has a deadline), never
//! answer (so has reading), answer without a line break (lines have a longest length), or end. Killing is done by a
//! guard that also acts when this program is killed itself.

#[cfg(unix)]
mod child;
#[cfg(unix)]
mod guard;
#[cfg(unix)]
mod tail;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::policy::process::{Breakdown, Host, Launcher, Line, Order};

#[cfg(unix)]
use child::Child;

/// Starts processes on this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Processes;

impl Launcher for Processes {
    fn host(&self, order: Order) -> Arc<dyn Host> {
        Arc::new(Pool { order, state: Mutex::default() })
    }
}

/// The processes of one policy: one a worker thread.
#[derive(Debug)]
struct Pool {
    order: Order,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// By the number of the thread in its pool of workers; `None` is any other thread.
    lines: Vec<(Option<usize>, Arc<Child>)>,
    is_closed: bool,
}

impl Pool {
    fn state(&self) -> MutexGuard<'_, State> {
        // A state is whole whatever its last holder did.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host for Pool {
    fn line(&self) -> Result<Arc<dyn Line>, Breakdown> {
        let thread = rayon::current_thread_index();
        let closed = || Breakdown::new("was ended", "an earlier failure of it is the one to look at");
        {
            let state = self.state();
            if state.is_closed {
                return Err(closed());
            }
            if let Some((_, line)) = state.lines.iter().find(|(whose, _)| *whose == thread) {
                return Ok(Arc::clone(line) as Arc<dyn Line>);
            }
        }
        // Starting takes its time, and other threads do not wait for it.
        let child = Arc::new(Child::start(&self.order)?);
        let mut state = self.state();
        if state.is_closed {
            return Err(closed());
        }
        state.lines.push((thread, Arc::clone(&child)));
        Ok(child)
    }

    fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        for (_, child) in state.lines.drain(..) {
            child.kill();
        }
    }
}

/// Where processes cannot be guarded they are not started.
#[cfg(not(unix))]
#[derive(Debug)]
struct Child;

#[cfg(not(unix))]
impl Child {
    fn start(_order: &Order) -> Result<Child, Breakdown> {
        let help = "run this study on Linux or macOS";
        Err(Breakdown::new("was not started: processes are policies on Unix systems only", help))
    }

    fn kill(&self) {}
}

#[cfg(not(unix))]
impl Line for Child {
    fn exchange(&self, _request: &[u8], _answer: &mut Vec<u8>) -> Result<(), Breakdown> {
        Err(Breakdown::new("was not started", ""))
    }

    fn post(&self, _request: &[u8]) {}

    fn stderr(&self) -> Vec<String> {
        Vec::new()
    }
}
