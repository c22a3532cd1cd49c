//! The service: everything is put together here, and taken apart at the end.

mod routes;

use crate::{
    cli::{ClickHouseArgs, Outcome, PasteArgs, RedisArgs},
    clickhouse::ClickHouse,
    dependency::{Dependency, Failure},
    metrics::{self, Metrics},
    queue::{Kind, ListQueue, Queue, StreamQueue},
    redis_link::LinkError,
    results::Writer,
    worker::Worker,
};
use clap::Args;
use prometheus_client::{metrics::gauge::Gauge, registry::Registry};
use std::{error::Error, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::{Mutex, Semaphore},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

/// Between looks at whether ClickHouse answers, so that readiness is true without tasks too; and the longest that one may
/// take.
const PING: Duration = Duration::from_secs(2);

/// Options of `serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    redis: RedisArgs,
    #[command(flatten)]
    clickhouse: ClickHouseArgs,
    /// Seconds that a query of ClickHouse may take.
    #[arg(long, env = "CLICKHOUSE_TIMEOUT", default_value_t = 15, value_parser = clap::value_parser!(u16).range(1..))]
    clickhouse_timeout: u16,
    #[command(flatten)]
    paste: PasteArgs,
    /// Address of the HTTP server.
    #[arg(long, env = "LOOKUP_LISTEN", default_value = "127.0.0.1:8000")]
    listen: SocketAddr,
    /// The file of results. Workers may share it.
    #[arg(long, env = "LOOKUP_RESULTS", default_value = "results.jsonl")]
    results: PathBuf,
    /// The consumer group of a stream.
    #[arg(long, env = "LOOKUP_GROUP", default_value = "lookup")]
    group: String,
    /// Most tasks of a batch.
    #[arg(long, env = "LOOKUP_BATCH", default_value_t = 2048, value_parser = clap::value_parser!(u16).range(1..=4096))]
    batch: u16,
    /// Batches in flight.
    #[arg(long, env = "LOOKUP_LANES", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    lanes: u16,
    /// Seconds without a sign of life after which a worker's tasks are taken back.
    #[arg(long, env = "LOOKUP_LEASE", default_value_t = 15, value_parser = clap::value_parser!(u16).range(1..))]
    lease: u16,
    /// Seconds that SIGTERM leaves for what is in flight.
    #[arg(long, env = "LOOKUP_DRAIN", default_value_t = 20)]
    drain: u16,
}

/// The dependencies of the service.
#[derive(Debug)]
pub(crate) struct Dependencies {
    redis: Arc<Dependency>,
    clickhouse: Arc<Dependency>,
    paste: Arc<Dependency>,
    disk: Arc<Dependency>,
}

impl Dependencies {
    fn new(sends: usize) -> Self {
        let dependency = |name, turns| Arc::new(Dependency::new(name, turns));
        Self {
            redis: dependency("redis", usize::MAX),
            clickhouse: dependency("clickhouse", usize::MAX),
            paste: dependency("paste", sends),
            disk: dependency("results", usize::MAX),
        }
    }

    fn each(&self) -> [&Dependency; 4] {
        [&self.redis, &self.clickhouse, &self.paste, &self.disk]
    }
}

/// What the HTTP server answers from.
#[derive(Debug)]
pub(crate) struct Shared {
    dependencies: Dependencies,
    clickhouse: ClickHouse,
    /// The same with less patience.
    pinged: ClickHouse,
    metrics: Metrics,
    registry: Registry,
    up: Vec<Gauge>,
    questions: Semaphore,
    stop: CancellationToken,
}

/// Serves until SIGTERM or SIGINT.
pub(crate) async fn serve(args: ServeArgs) -> Outcome {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (worker, shared) = assemble(&args)?;
    let listener = TcpListener::bind(args.listen).await?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    let mut tasks = JoinSet::new();
    tasks.spawn(routes::serve(listener, Arc::clone(&shared)));
    let lanes = spawn_lanes(&worker, args.lanes.into(), Duration::from_secs(args.lease.into()));
    tasks.spawn(ping(Arc::clone(&shared)));
    tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
    drain(&worker, lanes, Duration::from_secs(args.drain.into())).await;
    tasks.shutdown().await;
    Ok(())
}

fn assemble(args: &ServeArgs) -> Result<(Arc<Worker>, Arc<Shared>), Box<dyn Error + Send + Sync>> {
    let dependencies = Dependencies::new(args.paste.paste_sends.into());
    let (stop, deadline) = (CancellationToken::new(), CancellationToken::new());
    let mut registry = Registry::default();
    let metrics = Metrics::new(&mut registry);
    let up: Vec<Gauge> = dependencies.each().iter().map(|_| Gauge::default()).collect();
    for (dependency, up) in dependencies.each().into_iter().zip(&up) {
        metrics::register(&mut registry, dependency, up);
    }
    let query = Duration::from_secs(args.clickhouse_timeout.into());
    let (clickhouse, pinged) = (args.clickhouse.client(query)?, args.clickhouse.client(PING.min(query))?);
    let link = args.redis.link()?;
    let worker = Worker {
        queue: queue(args),
        batch: args.batch.into(),
        lease: Duration::from_secs(args.lease.into()),
        taking: Mutex::new(link.another()),
        link,
        redis: Arc::clone(&dependencies.redis),
        clickhouse: clickhouse.clone(),
        database: Arc::clone(&dependencies.clickhouse),
        pastebin: args.paste.client()?,
        paste: Arc::clone(&dependencies.paste),
        results: Writer::open(&args.results, Arc::clone(&dependencies.disk))?,
        metrics: metrics.clone(),
        stop: stop.clone(),
        deadline,
    };
    let questions = Semaphore::new(64);
    let shared = Shared { dependencies, clickhouse, pinged, metrics, registry, up, questions, stop };
    Ok((Arc::new(worker), Arc::new(shared)))
}

fn queue(args: &ServeArgs) -> Queue {
    let lease = Duration::from_secs(args.lease.into());
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let worker = format!("{host}-{}-{:08x}", std::process::id(), rand::random::<u32>());
    match args.redis.queue_kind {
        Kind::List => Queue::List(ListQueue::new(&args.redis.queue, &worker, args.lanes.into(), lease)),
        Kind::Stream => Queue::Stream(StreamQueue::new(&args.redis.queue, &args.group, &worker, lease)),
    }
}

/// Starts the lanes, after the first sign of life, and what gives further ones.
fn spawn_lanes(worker: &Arc<Worker>, lanes: usize, lease: Duration) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let (ready, first) = tokio::sync::watch::channel(false);
    for lane in 0..lanes {
        let (worker, mut first) = (Arc::clone(worker), first.clone());
        tasks.spawn(async move {
            tokio::select! {
                signed = first.wait_for(|signed| *signed) => if signed.is_err() { return },
                () = worker.stop.cancelled() => return,
            }
            worker.lane(lane).await;
        });
    }
    tokio::spawn(keep(Arc::clone(worker), lease / 5, ready));
    tasks
}

/// Shows that this worker lives and takes back what dead ones had, until its work is given up.
async fn keep(worker: Arc<Worker>, every: Duration, ready: tokio::sync::watch::Sender<bool>) {
    loop {
        let call = || async { worker.queue.keep(&worker.link).await.map_err(Failure::<LinkError>::from) };
        if let Ok(reclaimed) = worker.redis.insist(u32::MAX, call).await {
            if reclaimed > 0 {
                tracing::info!(tasks = reclaimed, "took back what a dead worker had");
                worker.metrics.reclaimed.inc_by(reclaimed as u64);
            }
            let _ = ready.send(true);
        }
        tokio::time::sleep(every).await;
    }
}

/// Looks whether ClickHouse answers.
async fn ping(shared: Arc<Shared>) {
    loop {
        // The breaker learns what it has to know.
        let _ = shared.dependencies.clickhouse.attempt(|| shared.pinged.ping()).await;
        tokio::time::sleep(PING).await;
    }
}

/// Finishes what is in flight; what is not finished in time goes back.
async fn drain(worker: &Worker, mut lanes: JoinSet<()>, limit: Duration) {
    tracing::info!(?limit, "stopping: finishing what is in flight");
    worker.stop.cancel();
    let finished = tokio::time::timeout(limit, async { while lanes.join_next().await.is_some() {} }).await;
    if finished.is_err() {
        tracing::warn!("not finished in time: giving tasks back");
        worker.deadline.cancel();
        let grace = Duration::from_secs(3);
        let _ = tokio::time::timeout(grace, async { while lanes.join_next().await.is_some() {} }).await;
    }
    let left = tokio::time::timeout(Duration::from_secs(1), worker.queue.leave(&worker.link)).await;
    tracing::info!(signed_off = matches!(left, Ok(Ok(()))), "stopped");
}
