//! TCP with mutual TLS: whoever connects shows a certificate of the authority. There is no TCP without.

use super::peer::Peer;
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject as _},
    server::{VerifierBuilderError, WebPkiClientVerifier},
};
use sha2::{Digest as _, Sha256};
use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// How long a client may take to show its certificate.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Where the certificates are, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The authority that clients' certificates are of.
    pub ca: PathBuf,
    /// The engine's certificate, with those between it and its authority.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Why TCP cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is not what it should be.
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
    /// The authority's file holds no certificate.
    #[error("{} holds no certificate", .0.display())]
    Empty(PathBuf),
    /// The authority's certificates cannot be used.
    #[error("cannot verify clients with the certificates in {}", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: VerifierBuilderError,
    },
    /// Certificate and key cannot be used.
    #[error("cannot use the certificate {} with its key", path.display())]
    Certificate {
        /// The certificate.
        path: PathBuf,
        /// Why not.
        #[source]
        source: rustls::Error,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: String,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
}

/// An open TCP port behind mutual TLS.
pub struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl TlsListener {
    /// Listens on `host:port`. Must be called inside a tokio runtime.
    pub async fn bind(address: &str, files: &TlsFiles) -> Result<Self, TlsError> {
        let acceptor = TlsAcceptor::from(Arc::new(config(files)?));
        let listener = TcpListener::bind(address).await;
        let listener = listener.map_err(|source| TlsError::Listen { address: address.to_owned(), source })?;
        Ok(Self { listener, acceptor })
    }

    /// The address it listens on.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    pub(super) async fn accept(&self) -> io::Result<Waiting> {
        let (stream, address) = self.listener.accept().await?;
        Ok(Waiting { stream, address, acceptor: self.acceptor.clone() })
    }
}

/// A client that has shown nothing yet.
pub(super) struct Waiting {
    stream: TcpStream,
    address: SocketAddr,
    acceptor: TlsAcceptor,
}

impl Waiting {
    /// Waits for the client's certificate.
    pub(super) async fn handshake(self) -> io::Result<(TlsStream<TcpStream>, Peer)> {
        // Small writes are a terminal's.
        self.stream.set_nodelay(true)?;
        let stream = timeout(HANDSHAKE, self.acceptor.accept(self.stream)).await??;
        let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        let digest = shown.map(|certificate| digest(certificate)).unwrap_or_default();
        Ok((stream, Peer::Certificate { address: self.address, digest }))
    }
}

fn digest(certificate: &CertificateDer<'_>) -> String {
    Sha256::digest(certificate).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let read =
        read.map_err(|source| TlsError::File { what: "certificates", path: path.to_owned(), source })?;
    if read.is_empty() { Err(TlsError::Empty(path.to_owned())) } else { Ok(read) }
}

fn config(files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let unusable = |source| TlsError::Certificate { path: files.cert.clone(), source };
    let authority = |source| TlsError::Authority { path: files.ca.clone(), source };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&files.ca)? {
        roots.add(certificate).map_err(unusable)?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .map_err(authority)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|source| TlsError::File {
        what: "a private key",
        path: files.key.clone(),
        source,
    })?;
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(certificates(&files.cert)?, key)
        .map_err(unusable)
}
