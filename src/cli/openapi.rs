//! `openapi`: the description of both listeners, for clients that are generated.

use std::process::ExitCode;

use clap::Args;

use super::output;
use crate::http::openapi;

/// Prints the `OpenAPI` 3.1 document that a running service gives at /openapi.json
#[derive(Debug, Args)]
#[command(after_help = "Example:
  refund-receiver openapi > docs/openapi.json")]
pub struct Openapi {}

impl Openapi {
    #[expect(
        clippy::unused_self,
        reason = "commands have one shape, this one has no options"
    )]
    pub fn run(&self) -> ExitCode {
        output::line(openapi::text().trim_end());
        ExitCode::SUCCESS
    }
}
