//! A catalogue's list, its directory and its examples must agree.

use std::fs;
use std::path::Path;

use backout::catalogue::Card;

/// Asserts that the Rust files of `directory` are exactly the members of a catalogue; `mod.rs` and the `support`
/// folder do not count, nor does a folder with a catalogue of its own; a member may be a folder of its name.
///
/// # Panics
/// If they are not.
pub fn assert_directory_matches(directory: &Path, cards: &[Card]) {
    let mut files: Vec<String> = fs::read_dir(directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.unwrap())
        .filter(|entry| !is_catalogue(&entry.path()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name != "mod.rs" && name != "support")
        .map(|name| name.trim_end_matches(".rs").to_owned())
        .collect();
    files.sort();
    let mut names: Vec<&str> = cards.iter().map(|card| card.name).collect();
    names.sort_unstable();
    assert_eq!(files, names, "files of {} (left) and its catalogue (right) differ", directory.display());
}

fn is_catalogue(folder: &Path) -> bool {
    fs::read_to_string(folder.join("mod.rs")).is_ok_and(|text| text.contains("crate::catalogue! {"))
}

mod toy {
    use backout::catalogue::Entry;

    pub mod steady {
        /// Does nothing.
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct Steady {}
    }

    impl Entry for steady::Steady {
        const NAME: &'static str = "steady";
        const SUMMARY: &'static str = "does nothing";
        const EXAMPLE: &'static str = "steady: {}";
    }

    pub trait Nothing {
        fn nothing(&self) -> u8;
    }

    impl Nothing for steady::Steady {
        fn nothing(&self) -> u8 {
            0
        }
    }

    backout::catalogue! {
        /// Toys.
        pub enum Spec: Nothing {
            steady => steady::Steady,
        }
    }
}

fn toy_directory(files: &[&str]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("support")).unwrap();
    for file in files {
        fs::write(directory.path().join(file), "").unwrap();
    }
    directory
}

#[test]
fn a_directory_that_matches_passes() {
    use backout::catalogue::Catalogue as _;
    let directory = toy_directory(&["mod.rs", "steady.rs"]);
    assert_directory_matches(directory.path(), toy::Spec::CARDS);
    backout::catalogue::check_examples::<toy::Spec>().unwrap();
    let spec: toy::Spec = backout::document::parse_typed("t", toy::Spec::CARDS[0].example).unwrap();
    assert_eq!(spec.as_dyn().nothing(), 0);
}

#[test]
#[should_panic(expected = "differ")]
fn a_file_that_is_not_listed_is_caught() {
    use backout::catalogue::Catalogue as _;
    let directory = toy_directory(&["mod.rs", "steady.rs", "forgotten.rs"]);
    assert_directory_matches(directory.path(), toy::Spec::CARDS);
}

#[test]
#[should_panic(expected = "differ")]
fn a_member_without_a_file_is_caught() {
    use backout::catalogue::Catalogue as _;
    assert_directory_matches(toy_directory(&["mod.rs"]).path(), toy::Spec::CARDS);
}

#[test]
fn faults_and_confounders_are_the_files_of_their_directory_and_their_examples_read() {
    use backout::catalogue::{Catalogue, check_examples};
    use backout::fault::{ConfounderSpec, FaultSpec, SurroundingSpec};
    let lists = [FaultSpec::CARDS, ConfounderSpec::CARDS, SurroundingSpec::CARDS];
    let cards: Vec<_> = lists.concat();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/fault");
    assert_directory_matches(&directory, &cards);
    check_examples::<FaultSpec>().unwrap();
    check_examples::<ConfounderSpec>().unwrap();
    check_examples::<SurroundingSpec>().unwrap();
}

#[test]
fn strategies_and_procedures_are_the_files_of_their_directories() {
    use backout::catalogue::{Catalogue, check_examples};
    use backout::rollback::ProcedureSpec;
    use backout::strategy::StrategySpec;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    assert_directory_matches(&source.join("strategy"), StrategySpec::CARDS);
    assert_directory_matches(&source.join("rollback"), ProcedureSpec::CARDS);
    check_examples::<StrategySpec>().unwrap();
    check_examples::<ProcedureSpec>().unwrap();
}

#[test]
fn detectors_are_the_files_of_their_directory() {
    use backout::catalogue::Catalogue;
    use backout::detect::DetectorSpec;
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/detect");
    assert_directory_matches(&directory, DetectorSpec::CARDS);
}

#[test]
fn what_surrounds_a_rollback_is_the_files_of_its_directories() {
    use backout::catalogue::{Catalogue, check_examples};
    use backout::rollback::check::CheckSpec;
    use backout::rollback::defect::DefectSpec;
    use backout::rollback::target::TargetSpec;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rollback");
    assert_directory_matches(&source.join("target"), TargetSpec::CARDS);
    assert_directory_matches(&source.join("check"), CheckSpec::CARDS);
    assert_directory_matches(&source.join("defect"), DefectSpec::CARDS);
    check_examples::<TargetSpec>().unwrap();
    check_examples::<CheckSpec>().unwrap();
    check_examples::<DefectSpec>().unwrap();
}
