//! Moves a CRM export into Pipedrive, step by step: a small embedding of crmkit that is also a usable tool.

mod connect;
mod documents;
mod options;
mod progress;
mod steps;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    let options = options::Options::parse();
    match steps::run(&options).await {
        Ok(steps::Ending::Clean) => ExitCode::SUCCESS,
        Ok(steps::Ending::Open) => ExitCode::from(2),
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}
