//! Moves a CRM export into Pipedrive or Twenty, step by step: a small embedding of crmkit that is also a usable tool.

mod apsis;
mod connect;
mod documents;
mod options;
mod progress;
mod source;
mod steps;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    let options = match options::Options::try_parse() {
        Ok(options) => options,
        // 2 is for what is held or differs; a wrong call is an error like any other.
        Err(wrong) => {
            let _ = wrong.print();
            return if wrong.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    match Box::pin(steps::run(&options)).await {
        Ok(steps::Ending::Clean) => ExitCode::SUCCESS,
        Ok(steps::Ending::Open) => ExitCode::from(2),
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}
