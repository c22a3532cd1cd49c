//! `berth system dial-stdio`: the engine's connection on the standard streams, for `ssh`.

use tokio::io::{AsyncWriteExt as _, copy, stdin, stdout};

use crate::cli::{Context, Run, Verb, verb};
use crate::failure::{Exit, Failure, Outcome};

/// The command.
pub(crate) const VERB: Verb =
    verb::<DialStdio>("dial-stdio", "Join the standard streams with the engine (what -H ssh:// runs)");

/// Join standard input and output with a connection to the engine
///
/// Run by `berth -H ssh://HOST` on the other machine, and by docker's command line there where `docker` is a link to
/// `berth`. The engine is started if it does not run.
#[derive(Debug, clap::Args)]
pub(crate) struct DialStdio {}

impl Run for DialStdio {
    async fn run(self, context: &Context) -> Outcome {
        let (mut output, mut input) = tokio::io::split(context.engine.dial().await?);
        let inbound = async {
            copy(&mut stdin(), &mut input).await?;
            input.shutdown().await
        };
        let outbound = async {
            let mut to = stdout();
            copy(&mut output, &mut to).await?;
            to.flush().await
        };
        // The end of the input does not end the output.
        tokio::pin!(inbound, outbound);
        let ended = tokio::select! {
            ended = &mut outbound => ended,
            ended = &mut inbound => match ended {
                Ok(()) => outbound.await,
                Err(error) => Err(error),
            },
        };
        ended.map_err(|error| Failure::new(format!("the connection to the engine broke: {error}")))?;
        Ok(Exit::SUCCESS)
    }
}
