//! Files of users, replaced whole or not at all.
//!
//! The new text goes into a file beside the old one, gets its permissions, and takes its name in one step: whoever reads
//! meanwhile sees the old file or the new one. A link is followed, so that the file it points to changes and not the link.
//!
//! Trap: between reading and writing lie minutes. A file that has changed since is left alone.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::exit::Failure;

const BOM: &str = "\u{feff}";

/// Replaces the file if it still holds `old`.
///
/// # Errors
/// When it holds something else, or cannot be read or written.
pub(super) fn replace(path: &Path, old: &str, new: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::Output(format!("`{}` could not be written: {error}", path.display()))
    };
    let target = std::fs::canonicalize(path).map_err(failed)?;
    let mut now = Vec::new();
    let mut file = std::fs::File::open(&target).map_err(failed)?;
    std::io::Read::read_to_end(&mut file, &mut now).map_err(failed)?;
    let (mark, content) = match now.strip_prefix(BOM.as_bytes()) {
        Some(content) => (BOM, content),
        None => ("", now.as_slice()),
    };
    if content != old.as_bytes() {
        return Err(Failure::Output(format!(
            "`{}` has changed since it was read: it is left as it is",
            path.display()
        )));
    }
    let permissions = file.metadata().map_err(failed)?.permissions();
    let beside = beside(&target);
    let written = write_new(&beside, &[mark, new])
        .and_then(|()| std::fs::set_permissions(&beside, permissions))
        .and_then(|()| std::fs::rename(&beside, &target));
    written.map_err(|error| {
        // Whatever went wrong, nothing of ours is left beside the file.
        let _ = std::fs::remove_file(&beside);
        failed(error)
    })
}

/// Writes a new file into a folder, which is made if it is not there.
///
/// # Errors
/// When the folder or the file cannot be made, or the file is there already.
pub(super) fn create(folder: &Path, name: &str, text: &str) -> Result<PathBuf, Failure> {
    let path = folder.join(Path::new(name).file_name().unwrap_or_else(|| name.as_ref()));
    let failed = |error: std::io::Error| {
        Failure::Output(format!("`{}` could not be written: {error}", path.display()))
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    write_new(&path, &[text]).map_err(failed)?;
    Ok(path)
}

fn write_new(path: &Path, parts: &[&str]) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(path)?;
    for part in parts {
        file.write_all(part.as_bytes())?;
    }
    file.sync_all()
}

/// A name in the same folder that nobody else uses.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    path.with_file_name(format!(".{name}.backout-{}", std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_if_it_is_what_was_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = create(folder.path(), "some/where/a.yaml", "\u{feff}x: 1\n").unwrap();
        assert_eq!(path, folder.path().join("a.yaml"));
        replace(&path, "x: 1\n", "x: 2\n").unwrap();
        let content = || String::from_utf8(std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(content(), "\u{feff}x: 2\n");
        assert!(replace(&path, "x: 1\n", "x: 3\n").is_err());
        assert!(create(folder.path(), "a.yaml", "").is_err());
        assert_eq!(content(), "\u{feff}x: 2\n");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn permissions_and_links_stay() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = create(folder.path(), "a.yaml", "1").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let link = folder.path().join("link.yaml");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        replace(&link, "1", "2").unwrap();
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!((mode & 0o777, std::fs::read(&path).unwrap()), (0o640, b"2".to_vec()));
    }
}
