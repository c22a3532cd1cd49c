//! `compose port`.

use clap::Args;

use super::exec::running;
use crate::cli::{Context, Run, Verb, verb};
use crate::failure::Outcome;
use crate::verbs::containers::look::print_ports;

/// The command.
pub(crate) const PORT: Verb = verb::<Port>("port", "Show where a service's port is published");

/// Show where a service's port is published.
#[derive(Debug, Args)]
pub(crate) struct Port {
    /// tcp or udp
    #[arg(long, value_name = "PROTOCOL", default_value = "tcp", hide_default_value = true)]
    protocol: String,
    /// Number of the container
    #[arg(long, value_name = "N")]
    index: Option<u32>,
    /// The service
    service: String,
    /// Port in the container
    port: Option<String>,
}

impl Run for Port {
    async fn run(self, context: &Context) -> Outcome {
        let id = running(context, &self.service, self.index).await?;
        let port =
            self.port.map(|port| if port.contains('/') { port } else { format!("{port}/{}", self.protocol) });
        print_ports(context, &id, &self.service, port.as_deref()).await
    }
}
