//! Engines of other machines: over TCP behind mutual TLS, and through `ssh`.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::cli::SshTarget;

/// Why an engine of another machine cannot be talked to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemoteError {
    /// Nothing says where the certificates are.
    #[error(
        "which certificates? An engine is reached by TCP with mutual TLS only: set BERTH_CERT_PATH to the directory of \
         ca.pem, cert.pem and key.pem"
    )]
    NoCertificates,
    /// A certificate or key cannot be read.
    #[error("cannot use {} as {what} in PEM", path.display())]
    File {
        /// What it should be.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: pem::Error,
    },
    /// Certificate and key cannot be used.
    #[error("cannot use the certificates in {}", path.display())]
    Certificates {
        /// Their directory.
        path: PathBuf,
        /// Why not.
        #[source]
        source: rustls::Error,
    },
    /// The address names no machine.
    #[error("the address {address:?} cannot be verified")]
    Name {
        /// The address.
        address: String,
        /// Why not.
        #[source]
        source: InvalidDnsNameError,
    },
    /// The machine does not answer, or is not who it should be.
    #[error("cannot connect to the engine at tcp://{address}")]
    Connect {
        /// The address.
        address: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// `ssh` cannot be started.
    #[error("cannot start ssh for {target}; is openssh-client installed?")]
    Ssh {
        /// Where to.
        target: SshTarget,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// Connects to `host:port`, shows the user's certificate and verifies the engine's.
pub(super) async fn tls(address: &str) -> Result<TlsStream<TcpStream>, RemoteError> {
    let directory = certificates().ok_or(RemoteError::NoCertificates)?;
    let connector = TlsConnector::from(Arc::new(config(&directory)?));
    let failed = |source| RemoteError::Connect { address: address.to_owned(), source };
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']']);
    let name = ServerName::try_from(host.to_owned())
        .map_err(|source| RemoteError::Name { address: address.to_owned(), source })?;
    let stream = TcpStream::connect(address).await.map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    connector.connect(name, stream).await.map_err(failed)
}

/// The directory of the user's certificates; Docker's variable is understood.
fn certificates() -> Option<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("BERTH_CERT_PATH").or_else(|| set("DOCKER_CERT_PATH"))
}

fn config(directory: &Path) -> Result<ClientConfig, RemoteError> {
    let unusable = |source| RemoteError::Certificates { path: directory.to_owned(), source };
    let mut roots = RootCertStore::empty();
    for certificate in chain(&directory.join("ca.pem"))? {
        roots.add(certificate).map_err(unusable)?;
    }
    let path = directory.join("key.pem");
    let key = PrivateKeyDer::from_pem_file(&path).map_err(|source| RemoteError::File {
        what: "a private key",
        path,
        source,
    })?;
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain(&directory.join("cert.pem"))?, key)
        .map_err(unusable)
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, RemoteError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    read.map_err(|source| RemoteError::File { what: "certificates", path: path.to_owned(), source })
}

/// What `ssh` carries: the standard streams of `berth system dial-stdio` on the other machine.
pub(super) struct Tunnel {
    output: ChildStdout,
    input: Option<ChildStdin>,
    /// Killed with the tunnel.
    _ssh: Child,
}

/// Starts `ssh`, which asks on the terminal for what it needs and says on standard error what fails.
pub(super) fn ssh(target: &SshTarget) -> Result<Tunnel, RemoteError> {
    let failed = |source| RemoteError::Ssh { target: target.clone(), source };
    let mut command = Command::new("ssh");
    if let Some(user) = &target.user {
        command.args(["-l", user]);
    }
    if let Some(port) = target.port {
        command.args(["-p", &port.to_string()]);
    }
    command.args(["-T", "-o", "ConnectTimeout=30", "--", &target.host, "berth", "system", "dial-stdio"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut ssh = command.spawn().map_err(failed)?;
    let (Some(input), Some(output)) = (ssh.stdin.take(), ssh.stdout.take()) else {
        return Err(failed(io::ErrorKind::BrokenPipe.into()));
    };
    Ok(Tunnel { output, input: Some(input), _ssh: ssh })
}

impl AsyncRead for Tunnel {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.output).poll_read(context, buffer)
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.input {
            Some(input) => Pin::new(input).poll_write(context, bytes),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.input {
            Some(input) => Pin::new(input).poll_flush(context),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Closing the pipe is the end of the input over there.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.as_mut().poll_flush(context) {
            Poll::Ready(flushed) => {
                self.input = None;
                Poll::Ready(flushed)
            }
            Poll::Pending => Poll::Pending,
        }
    }
}
