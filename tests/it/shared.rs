//! The folder of other people's policy files, conformance tables and data, read where it lies.

use std::io::Write as _;
use std::path::PathBuf;

/// The shared folder, or `None` (said on stderr) when it is not beside the project.
///
/// # Panics
/// With `BACKOUT_REQUIRE_SHARED=1`, when the folder is missing.
pub fn folder() -> Option<PathBuf> {
    let path = std::env::var_os("BACKOUT_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")), PathBuf::from);
    if path.join("conformance").is_dir() {
        return Some(path);
    }
    let required = std::env::var("BACKOUT_REQUIRE_SHARED").is_ok_and(|v| v == "1");
    assert!(!required, "BACKOUT_REQUIRE_SHARED=1 but there is no shared folder at {}", path.display());
    // Past the test harness, which swallows what tests that pass say.
    static SAID: std::sync::Once = std::sync::Once::new();
    SAID.call_once(|| {
        let place = path.display();
        let _ = writeln!(
            std::io::stderr(),
            "skipped: tests that read other people's files, no shared folder at {place} (set BACKOUT_SHARED)"
        );
    });
    None
}
