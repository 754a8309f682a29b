//! One process: its start, its questions, its end.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::guard::Guard;
use super::tail::Tail;
use crate::policy::process::message::{quoted, ready};
use crate::policy::process::{Breakdown, Line, Order};

/// The longest line that is read.
const LONGEST: usize = 65_536;
/// How long an answer is looked for before the thread goes to sleep.
const LOOK: Duration = Duration::from_micros(100);
/// How long a process that is not needed any more may take to end by itself.
const GRACE: Duration = Duration::from_millis(300);
/// How long a process that stopped talking has to come to its end by itself.
const MOMENT: Duration = Duration::from_millis(50);
/// The signal that cannot be ignored, on every Unix.
const SIGKILL: i32 = 9;

/// A process that is ready.
#[derive(Debug)]
pub(super) struct Child {
    talk: Mutex<Talk>,
    life: Mutex<Life>,
    tail: Arc<Tail>,
    answer_within: Duration,
    /// The same connection, to end a talk that goes on.
    socket: UnixStream,
}

/// What is said and heard.
#[derive(Debug)]
struct Talk {
    socket: UnixStream,
    /// Posted lines that go out with the next question.
    posted: Vec<u8>,
    /// What was read beyond a line.
    rest: Vec<u8>,
    chunk: Vec<u8>,
    patience: Patience,
}

/// Whether it is worth looking for an answer before going to sleep: as long as answers come while one looks, and now and
/// then to see whether they do again.
#[derive(Debug, Default)]
struct Patience {
    /// Answers in a row that did not come while somebody looked, or were not looked for.
    missed: u32,
}

impl Patience {
    /// Misses after which only one answer in so many is looked for.
    const MISSES: u32 = 16;

    fn looks(&mut self) -> bool {
        let is_time = self.missed < Self::MISSES || self.missed.is_multiple_of(4 * Self::MISSES);
        if !is_time {
            self.missed = self.missed.wrapping_add(1);
        }
        is_time
    }

    fn saw(&mut self, seen: bool) {
        self.missed = if seen { 0 } else { self.missed.wrapping_add(1) };
    }
}

/// The process itself; dropped in this order, so that the guard is through before the process is waited for.
#[derive(Debug)]
struct Life {
    guard: Option<Guard>,
    process: std::process::Child,
}

impl Child {
    /// Starts a process, greets it and waits until it is ready.
    ///
    /// # Errors
    /// When it cannot be started or is not ready in time.
    pub(super) fn start(order: &Order) -> Result<Child, Breakdown> {
        let failed = |error: std::io::Error| {
            let program = order.command.first().map_or("", String::as_str);
            let reason = format!("could not be started: `{program}` in `{}`: {error}", order.folder);
            Breakdown::new(reason, "check `command:`; relative paths are from the folder of the policy file")
        };
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;
        let mut process = spawn(order, theirs).map_err(failed)?;
        let stderr = process.stderr.take();
        let mut life = Life { guard: None, process };
        let unguarded = |error: std::io::Error| {
            let reason =
                format!("could not be started safely: `/bin/sh`, which ends it in any case: {error}");
            Breakdown::new(reason, "install a shell at /bin/sh")
        };
        life.guard = Some(Guard::of(life.process.id()).map_err(unguarded)?);
        let tail = match stderr {
            Some(stderr) => Tail::of(stderr).map_err(failed)?,
            None => Arc::default(),
        };
        let socket = ours.try_clone().map_err(failed)?;
        let talk = Talk {
            socket: ours,
            posted: Vec::new(),
            rest: Vec::new(),
            chunk: vec![0; 8192],
            patience: Patience::default(),
        };
        let (talk, life) = (Mutex::new(talk), Mutex::new(life));
        let child = Child { talk, life, tail, answer_within: order.answer_within, socket };
        child.greet(order)?;
        Ok(child)
    }

    fn greet(&self, order: &Order) -> Result<(), Breakdown> {
        let mut answer = Vec::new();
        self.talk().deadline(order.start_within);
        let said = self.talk().exchange(&order.hello, &mut answer, order.start_within);
        said.map_err(|broken| self.explained(broken, order.start_within, "before it was ready"))?;
        ready(&answer).map_err(|wrong| Breakdown { stderr: self.stderr(), ..wrong })?;
        // The usual deadline from here on: it is set once and not per question.
        self.talk().deadline(self.answer_within);
        Ok(())
    }

    fn talk(&self) -> MutexGuard<'_, Talk> {
        self.talk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What went wrong, in words.
    fn explained(&self, broken: Broken, within: Duration, when: &str) -> Breakdown {
        let told = |reason: String, help: &str| Breakdown::new(reason, help);
        let mut breakdown = match broken {
            Broken::Late => told(
                format!("did not answer within {within:?}{}", space(when)),
                "answer every observation, and flush after each line; `answer_within:` and `start_within:` give it more time",
            ),
            Broken::Deaf => told(
                format!("did not read what it was sent within {within:?}{}", space(when)),
                "read one line of standard input for each answer",
            ),
            Broken::Ended => told(
                format!("ended ({}){}", self.status(), space(when)),
                "it has to read its standard input to the end: many runs are played with one process",
            ),
            Broken::TooLong(begin) => told(
                format!(
                    "wrote more than {LONGEST} bytes without a line break, beginning with {}",
                    quoted(&begin)
                ),
                "an answer is one line",
            ),
            Broken::Unasked(said) => told(
                format!("said {} without being asked", quoted(&said)),
                "its standard output is for answers only, one for each observation: print everything else to standard error",
            ),
        };
        breakdown.stderr = self.stderr();
        breakdown
    }

    /// How it ended. It stopped talking, so it is through: what is left of it is ended.
    fn status(&self) -> String {
        // Its output is closed a moment before its status is there; a signal now would be taken for its end.
        std::thread::sleep(MOMENT);
        match self.life().end() {
            Some(status) if status.signal() == Some(SIGKILL) => {
                "killed, or its standard output was closed".to_owned()
            }
            Some(status) => status.to_string(),
            None => "its standard output was closed".to_owned(),
        }
    }

    /// Ends it at once, and with it whatever it has started.
    pub(super) fn kill(&self) {
        let _ = self.socket.shutdown(Shutdown::Both);
        self.life().end();
    }
}

impl Line for Child {
    fn exchange(&self, request: &[u8], answer: &mut Vec<u8>) -> Result<(), Breakdown> {
        let said = self.talk().exchange(request, answer, self.answer_within);
        said.map_err(|broken| self.explained(broken, self.answer_within, ""))
    }

    fn post(&self, request: &[u8]) {
        self.talk().posted.extend_from_slice(request);
    }

    fn stderr(&self) -> Vec<String> {
        self.tail.lines()
    }
}

impl Drop for Child {
    /// It is told that nothing more comes, has a moment to end by itself, and is ended.
    fn drop(&mut self) {
        self.talk().part();
        self.life().end();
    }
}

impl Life {
    /// Ends the process and all it has started; how it ended.
    fn end(&mut self) -> Option<ExitStatus> {
        drop(self.guard.take());
        // Without a guard, because there is no shell, at least the process itself is ended.
        let _ = self.process.kill();
        self.process.wait().ok()
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.end();
    }
}

/// Why there is no answer.
#[derive(Debug)]
enum Broken {
    Late,
    Deaf,
    Ended,
    TooLong(Vec<u8>),
    Unasked(Vec<u8>),
}

impl Talk {
    /// The deadline of each read and write.
    fn deadline(&self, within: Duration) {
        // It is refused for a duration of nothing only.
        let within = Some(within.max(Duration::from_millis(1)));
        let _ = self.socket.set_read_timeout(within);
        let _ = self.socket.set_write_timeout(within);
    }

    /// One question and its answer. A process that fills neither a line nor the time in its first read or write has what is
    /// left of the time for the next.
    fn exchange(&mut self, request: &[u8], answer: &mut Vec<u8>, within: Duration) -> Result<(), Broken> {
        answer.clear();
        if !self.rest.is_empty() {
            return Err(Broken::Unasked(std::mem::take(&mut self.rest)));
        }
        self.posted.extend_from_slice(request);
        let began = Instant::now();
        let mut is_pressed = false;
        let sent = self.send(began, within, &mut is_pressed);
        self.posted.clear();
        let heard = sent.and_then(|()| self.hear(answer, began, within, &mut is_pressed));
        if is_pressed {
            self.deadline(within);
        }
        heard
    }

    /// Sets the deadline to what is left of the time.
    fn press(&self, began: Instant, within: Duration, late: Broken) -> Result<(), Broken> {
        match within.checked_sub(began.elapsed()).filter(|left| !left.is_zero()) {
            Some(left) => {
                self.deadline(left);
                Ok(())
            }
            None => Err(late),
        }
    }

    fn send(&mut self, began: Instant, within: Duration, is_pressed: &mut bool) -> Result<(), Broken> {
        let mut sent = 0;
        while sent < self.posted.len() {
            if sent > 0 {
                *is_pressed = true;
                self.press(began, within, Broken::Deaf)?;
            }
            match self.socket.write(&self.posted[sent..]) {
                Ok(0) => return Err(Broken::Ended),
                Ok(count) => sent += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_late(&error) => return Err(Broken::Deaf),
                Err(_) => return Err(Broken::Ended),
            }
        }
        Ok(())
    }

    /// Reads what is there, looking again for a moment before going to sleep: to be woken takes longer than most answers do.
    fn read(&mut self) -> std::io::Result<usize> {
        if !self.patience.looks() {
            return self.socket.read(&mut self.chunk);
        }
        self.socket.set_nonblocking(true)?;
        let began = Instant::now();
        let seen = loop {
            match self.socket.read(&mut self.chunk) {
                Err(error) if error.kind() == ErrorKind::WouldBlock && began.elapsed() < LOOK => {
                    std::thread::yield_now();
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break None,
                done => break Some(done),
            }
        };
        self.socket.set_nonblocking(false)?;
        self.patience.saw(seen.is_some());
        match seen {
            Some(done) => done,
            None => self.socket.read(&mut self.chunk),
        }
    }

    fn hear(
        &mut self,
        answer: &mut Vec<u8>,
        began: Instant,
        within: Duration,
        is_pressed: &mut bool,
    ) -> Result<(), Broken> {
        loop {
            let count = match self.read() {
                Ok(0) => return Err(Broken::Ended),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if is_late(&error) => return Err(Broken::Late),
                Err(_) => return Err(Broken::Ended),
            };
            let read = &self.chunk[..count];
            if let Some(end) = read.iter().position(|byte| *byte == b'\n') {
                answer.extend_from_slice(&read[..end]);
                self.rest.extend_from_slice(&read[end + 1..]);
                return Ok(());
            }
            answer.extend_from_slice(read);
            if answer.len() > LONGEST {
                return Err(Broken::TooLong(std::mem::take(answer)));
            }
            *is_pressed = true;
            self.press(began, within, Broken::Late)?;
        }
    }

    /// Says that nothing more comes, and waits a moment for the other side to close.
    fn part(&mut self) {
        self.deadline(GRACE);
        let _ = self.socket.write(&self.posted);
        let _ = self.socket.shutdown(Shutdown::Write);
        let began = Instant::now();
        while began.elapsed() < GRACE && matches!(self.socket.read(&mut self.chunk), Ok(1..)) {}
    }
}

fn is_late(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// Starts the process with this side of the connection as its standard input and output.
fn spawn(order: &Order, side: UnixStream) -> std::io::Result<std::process::Child> {
    let side = OwnedFd::from(side);
    let (program, words) = match order.command.split_first() {
        Some((program, words)) => (program.as_str(), words),
        None => ("", &[][..]),
    };
    let folder = Path::new(&order.folder);
    // The command goes with its copies of the connection at the end of this function: an end of the process is then seen.
    Command::new(program_path(program, folder)?)
        .args(words)
        .current_dir(folder)
        .stdin(Stdio::from(side.try_clone()?))
        .stdout(Stdio::from(side))
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
}

/// A program with a folder in its name is meant from the folder of the policy file; a bare name is looked up.
fn program_path(program: &str, folder: &Path) -> std::io::Result<PathBuf> {
    let path = Path::new(program);
    if path.components().count() < 2 || path.is_absolute() {
        return Ok(path.to_owned());
    }
    Ok(std::fs::canonicalize(folder)?.join(path))
}

fn space(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!(" {words}") }
}

#[cfg(test)]
mod tests {
    use super::Patience;

    #[test]
    fn nobody_looks_for_answers_that_never_come_soon_but_now_and_then() {
        let mut patience = Patience::default();
        let mut looked = |soon: bool| {
            let looks = patience.looks();
            if looks {
                patience.saw(soon);
            }
            looks
        };
        let slow: Vec<bool> = (0..1_000).map(|_| looked(false)).collect();
        assert!(slow[..16].iter().all(|looks| *looks));
        let later = slow[16..].iter().filter(|looks| **looks).count();
        assert!((10..20).contains(&later), "{later} of 984");
        // The next look finds an answer, and from then on all are looked for.
        while !looked(true) {}
        assert!((0..100).all(|_| looked(true)));
    }
}
