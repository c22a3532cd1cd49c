use crate::{Breaker, dependency::Dependency};
use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};
use tokio::time::Instant;

/// What is counted of the work.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    pub(crate) taken: Counter,
    pub(crate) finished: Family<End, Counter>,
    pub(crate) reclaimed: Counter,
    pub(crate) returned: Counter,
    pub(crate) duplicates: Counter,
    pub(crate) in_flight: Gauge,
    pub(crate) batch: Histogram,
    pub(crate) latency: Histogram,
    pub(crate) users: Family<Found, Counter>,
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct End {
    pub(crate) end: Ending,
}

/// The ends of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum Ending {
    /// Its URL is in the file.
    Saved,
    /// Its URL was in the file already.
    Known,
    /// The device has no account.
    NoAccount,
    /// It is in the dead-letter list.
    DeadLetter,
}

/// Whether a user was found.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Found {
    pub(crate) found: FoundValue,
}

/// The answers to a question for an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum FoundValue {
    Yes,
    No,
    Unavailable,
}

/// What is counted of a dependency.
#[derive(Debug, Clone)]
pub(crate) struct DependencyMetrics {
    calls: Counter,
    failures: Counter,
    seconds: Histogram,
}

/// The time of a call under way.
#[derive(Debug)]
pub(crate) struct Timer<'a> {
    metrics: &'a DependencyMetrics,
    start: Instant,
}

impl Metrics {
    /// The metrics, registered under their names.
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            taken: Counter::default(),
            finished: Family::default(),
            reclaimed: Counter::default(),
            returned: Counter::default(),
            duplicates: Counter::default(),
            in_flight: Gauge::default(),
            batch: Histogram::new(exponential_buckets(1.0, 2.0, 13)),
            latency: Histogram::new(exponential_buckets(0.001, 2.0, 16)),
            users: Family::default(),
        };
        let it = &metrics;
        registry.register("lookup_tasks_taken", "Entries taken from the queue", it.taken.clone());
        registry.register("lookup_tasks_finished", "Tasks brought to an end", it.finished.clone());
        registry.register("lookup_tasks_reclaimed", "Tasks of dead workers put back", it.reclaimed.clone());
        registry.register("lookup_tasks_returned", "Tasks put back when stopping", it.returned.clone());
        registry.register(
            "lookup_sent_twice",
            "Pastes whose task another worker had saved",
            it.duplicates.clone(),
        );
        registry.register("lookup_tasks_in_flight", "Tasks taken and not ended", it.in_flight.clone());
        registry.register("lookup_batch_tasks", "Tasks in a batch", it.batch.clone());
        registry.register("lookup_batch_seconds", "From taking a batch to its removal", it.latency.clone());
        registry.register("lookup_users_requests", "Questions over HTTP for an account", it.users.clone());
        metrics
    }

    pub(crate) fn ended(&self, end: Ending) {
        self.finished.get_or_create(&End { end }).inc();
    }
}

impl Default for DependencyMetrics {
    fn default() -> Self {
        Self {
            calls: Counter::default(),
            failures: Counter::default(),
            seconds: Histogram::new(exponential_buckets(0.0005, 2.0, 16)),
        }
    }
}

impl DependencyMetrics {
    pub(crate) fn start(&self) -> Timer<'_> {
        Timer { metrics: self, start: Instant::now() }
    }

    fn register(&self, registry: &mut Registry) {
        registry.register("calls", "Calls made", self.calls.clone());
        registry.register("failures", "Calls that failed", self.failures.clone());
        registry.register("seconds", "Time of a call", self.seconds.clone());
    }
}

impl Timer<'_> {
    pub(crate) fn succeeded(self) {
        self.metrics.calls.inc();
        self.metrics.seconds.observe(self.start.elapsed().as_secs_f64());
    }

    pub(crate) fn failed(self) {
        self.metrics.failures.inc();
        self.succeeded();
    }
}

/// Registers a dependency; its breaker is read when metrics are asked for, through `up`.
pub(crate) fn register(registry: &mut Registry, dependency: &Dependency, up: &Gauge) {
    let registry = registry.sub_registry_with_prefix(format!("lookup_{}", dependency.name()));
    dependency.metrics.register(registry);
    registry.register("up", "1 while the circuit breaker lets calls pass", up.clone());
}

/// 1 while a breaker is closed.
pub(crate) fn up(breaker: &Breaker) -> i64 {
    i64::from(breaker.is_closed())
}
