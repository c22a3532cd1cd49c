use crate::Service;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

/// Connections at a time; others wait in the queue of the socket.
const CONNECTIONS: usize = 1024;
/// After an error of accepting, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves HTTP/1.1 until it is dropped.
pub async fn serve(listener: TcpListener, service: Service) {
    let (service, places) = (Arc::new(service), Arc::new(Semaphore::new(CONNECTIONS)));
    // Never closed.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let service = Arc::clone(&service);
                tokio::spawn(async move {
                    connection(stream, service).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, service: Arc<Service>) {
    // Answers are written whole: nothing is gained by waiting for more.
    let _ = stream.set_nodelay(true);
    let answer = service_fn(|request| {
        let service = Arc::clone(&service);
        async move { Ok::<_, Infallible>(service.answer(request).await) }
    });
    let mut server = http1::Builder::new();
    // Requests that come together are answered together.
    if let Err(error) = server.pipeline_flush(true).serve_connection(TokioIo::new(stream), answer).await {
        tracing::debug!(%error, "a connection broke");
    }
}
