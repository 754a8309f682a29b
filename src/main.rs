//! The `backout` command.

fn main() -> std::process::ExitCode {
    backout::cli::main()
}
