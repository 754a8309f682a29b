//! Findings about files in the forms that other tools read: SARIF for code scanning, workflow commands for GitHub.
//!
//! A finding keeps its place; one without a place (a policy that is made of several files) is about no file. Traps: both
//! forms count lines and columns from 1, as [`Location`](crate::diagnostic::Location) does; a form that lists rules must list
//! every rule a result names.

pub mod github;
pub mod sarif;

use crate::diagnostic::Severity;

/// What SARIF and GitHub call a severity.
fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    }
}
