//! The last lines of what a process writes to its standard error.
//!
//! A thread reads it all, so that a process that writes much is never held up, and keeps the end.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Most bytes that are kept.
const KEPT: usize = 8192;
/// Most lines that are shown, and most characters of each.
const SHOWN: (usize, usize) = (8, 200);
/// How long the last words of a process that has ended are waited for.
const PATIENCE: Duration = Duration::from_millis(300);

/// The end of a stream.
#[derive(Debug, Default)]
pub(super) struct Tail {
    kept: Mutex<Kept>,
    over: Condvar,
}

#[derive(Debug, Default)]
struct Kept {
    bytes: VecDeque<u8>,
    is_over: bool,
}

impl Tail {
    /// Reads a stream to its end, in a thread of its own that nobody waits for.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub(super) fn of(stream: impl Read + Send + 'static) -> std::io::Result<Arc<Tail>> {
        let tail = Arc::new(Tail::default());
        let kept = Arc::clone(&tail);
        std::thread::Builder::new()
            .name("stderr of a policy".to_owned())
            .spawn(move || kept.follow(stream))?;
        Ok(tail)
    }

    fn follow(&self, mut stream: impl Read) {
        let mut chunk = [0; 4096];
        loop {
            match stream.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => self.keep(&chunk[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        self.kept().is_over = true;
        self.over.notify_all();
    }

    fn keep(&self, bytes: &[u8]) {
        let mut kept = self.kept();
        kept.bytes.extend(bytes);
        let excess = kept.bytes.len().saturating_sub(KEPT);
        kept.bytes.drain(..excess);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last lines; of a process that is ending they are waited for, but not long.
    pub(super) fn lines(&self) -> Vec<String> {
        let open = |kept: &mut Kept| !kept.is_over;
        let waited = self.over.wait_timeout_while(self.kept(), PATIENCE, open);
        let (mut kept, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(kept.bytes.make_contiguous()).into_owned();
        let (most, longest) = SHOWN;
        let shown =
            |line: &str| line.chars().take(longest).map(|c| if c.is_control() { ' ' } else { c }).collect();
        let lines: Vec<String> = text.lines().filter(|line| !line.trim().is_empty()).map(shown).collect();
        lines[lines.len().saturating_sub(most)..].to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_kept_and_bounded() {
        let mut text: Vec<u8> = (0..10_000).flat_map(|n| format!("line {n}\n\n").into_bytes()).collect();
        text.extend_from_slice(&[0xff, 0x1b, b'x', b'\n']);
        text.extend_from_slice("y".repeat(5000).as_bytes());
        let tail = Tail::of(std::io::Cursor::new(text)).unwrap();
        let lines = tail.lines();
        assert_eq!(lines.len(), 8);
        assert_eq!(lines[5], "line 9999");
        assert_eq!(lines[6], "\u{fffd} x", "what would steer a terminal is taken out");
        assert_eq!(lines[7].len(), 200);
        assert!(tail.kept().bytes.len() <= KEPT);
    }

    #[test]
    fn a_stream_that_stays_open_is_not_waited_for() {
        let (ours, _theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let tail = Tail::of(ours).unwrap();
        let began = std::time::Instant::now();
        assert!(tail.lines().is_empty());
        assert!(began.elapsed() < Duration::from_secs(10));
    }
}
