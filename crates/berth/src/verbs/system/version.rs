//! `berth version`.

use serde_json::{Value, json};

use crate::cli::{Context, Run, Verb, verb};
use crate::client::{API_VERSION, Call};
use crate::failure::{Exit, Outcome};
use crate::format::render_template;
use crate::output;

/// The command.
pub(crate) const VERB: Verb = verb::<Version>("version", "Show the versions of berth and of the engine");

/// Show the versions of berth and, when it runs, of the engine. It starts no engine.
#[derive(Debug, clap::Args)]
pub(crate) struct Version {
    /// Print with a Go template, or `json`
    #[arg(short, long, value_name = "TEMPLATE")]
    format: Option<String>,
}

impl Run for Version {
    async fn run(self, context: &Context) -> Outcome {
        let client = json!({
            "Version": env!("CARGO_PKG_VERSION"),
            "ApiVersion": API_VERSION,
            "Os": std::env::consts::OS,
            "Arch": "amd64",
        });
        let server = match context.engine.running().await {
            true => context.engine.json(Call::get("/version")).await?,
            false => Value::Null,
        };
        let text = match &self.format {
            Some(format) => render_template(format, &json!({"Client": client, "Server": server}))?,
            None => plain(&client, &server),
        };
        output::line(&text)?;
        Ok(Exit::SUCCESS)
    }
}

fn plain(client: &Value, server: &Value) -> String {
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or("-").to_owned();
    let mut lines = vec![
        "Client: Berth".to_owned(),
        format!(" Version:      {}", text(client, "Version")),
        format!(" API version:  {}", text(client, "ApiVersion")),
        format!(" OS/Arch:      {}/{}", text(client, "Os"), text(client, "Arch")),
    ];
    if server.is_null() {
        lines.push("\nServer: not running; the first command that needs it starts it".to_owned());
    } else {
        lines.push("\nServer: Berth".to_owned());
        lines.push(format!(" Version:      {}", text(server, "Version")));
        lines.push(format!(
            " API version:  {} (minimum {})",
            text(server, "ApiVersion"),
            text(server, "MinAPIVersion")
        ));
        lines.push(format!(" Kernel:       {}", text(server, "KernelVersion")));
    }
    lines.join("\n")
}
