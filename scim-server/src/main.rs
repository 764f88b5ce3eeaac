//! The program: reads the command line, then serves, or carries out one command.

use std::io::Write as _;
use std::process::ExitCode;

use scim_server::cli::{self, Cli, Command, Failure};
use scim_server::config::{Config, ServeFlags, environment};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let command_line = match cli::parse(std::env::args_os()) {
        Ok(command_line) => command_line,
        Err(error) => {
            // Help that nobody reads to its end, as with `| head`, is no failure.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match actix_web::rt::System::new().block_on(run(command_line)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "{failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(Cli { common, command }: Cli) -> Result<(), Failure> {
    match command {
        Command::Serve(flags) => cli::serve(Config::load(&common, &flags, &environment)?).await,
        command => cli::run(command, Config::load(&common, &ServeFlags::default(), &environment)?).await,
    }
}
