//! Alerts of a canary: which events reach whom (pkg/controller/events.go).
//!
//! Traps: a failed check tells nobody, only the rollback does; a rollback at the progress deadline sends no alert at
//! all unless the failed checks have reached their threshold as well; a file without alerts leaves it to a notifier
//! of the controller that no file names.

use crate::policy::observation::Severity;

/// Somebody who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Name of the alert in the file.
    pub name: String,
    /// The least severe event it is told of.
    pub severity: Severity,
    /// Who is told: the provider, with its channel if the file gives it.
    pub whom: String,
}

impl Alert {
    /// Whether an event of this severity is sent: `info` gets all, `warn` gets warnings and errors, `error` only errors.
    pub fn gets(&self, severity: Severity) -> bool {
        severity >= self.severity
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_lets_through_what_is_as_severe_or_more() {
        let all = [Severity::Info, Severity::Warn, Severity::Error];
        let gets = |severity| {
            let alert = Alert { name: "a".to_owned(), severity, whom: "slack".to_owned() };
            all.map(|event| alert.gets(event))
        };
        assert_eq!(gets(Severity::Info), [true, true, true]);
        assert_eq!(gets(Severity::Warn), [false, true, true]);
        assert_eq!(gets(Severity::Error), [false, false, true]);
    }
}
