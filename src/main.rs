//! The `jiaoying` command.

fn main() -> std::process::ExitCode {
    jiaoying::cli::main()
}
