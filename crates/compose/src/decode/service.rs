//! One service.

use super::build::build;
use super::cursor::Cursor;
use super::deploy::deploy;
use super::environment::{EnvFileUse, LabelFileUse, env_files, label_files};
use super::fields::Fields;
use super::values::parse_duration;
use super::{lifecycle, networking, process, resources, security, storage, unsupported};
use crate::model::{
    Attachment, Condition, Dependency, Deploy, DeployRestartCondition, InvalidName, Logging, Origin,
    PullPolicy, Resources, RestartPolicy, Service, ServiceName, VolumesFromSource,
};
use crate::report::Finding;
use std::collections::BTreeMap;

/// A service, and the files that are read once it is known to be enabled.
#[derive(Debug)]
pub(crate) struct DecodedService {
    pub(crate) service: Service,
    pub(crate) env_files: Vec<EnvFileUse>,
    pub(crate) label_files: Vec<LabelFileUse>,
}

/// One entry of `services`.
pub(super) fn service(cursor: &Cursor<'_>, name: Result<ServiceName, InvalidName>) -> Option<DecodedService> {
    let name = name.ok()?;
    if cursor.is_null() {
        return cursor.fail("says nothing", "give it an `image` or a `build`");
    }
    let fields = cursor.fields()?;
    let mut service = Service::new(name);
    service.origin = cursor.context.sources.origin(cursor.key_span());
    service.key_origins = key_origins(cursor);
    image(&fields, &mut service);
    groups(&fields, &mut service);
    service.deploy = fields.parse("deploy", deploy);
    service.replicas = replicas(&fields, service.deploy.as_ref());
    apply_deploy(cursor, &fields, &mut service);
    add_implied_dependencies(&mut service);
    unsupported::of_service(&fields);
    let provider = fields.get("provider");
    let env_files = fields.parse("env_file", env_files).unwrap_or_default();
    let label_files = fields.parse("label_file", label_files).unwrap_or_default();
    let _ = fields.get("extends");
    let is_given = fields.get("image").is_some_and(|c| !c.is_empty_text()) || fields.get("build").is_some();
    service.extensions = fields.extensions();
    fields.finish();
    if let Some(provider) = provider {
        return provider.fail(
            "is not supported: no program is run to provide a service",
            "give the service an `image` or a `build`",
        );
    }
    if !is_given {
        cursor.report(
            Finding::error(
                cursor.key_span(),
                format!("`{}` has neither an image nor a build", cursor.path()),
            )
            .help("add `image: NAME` or `build: DIRECTORY`"),
        );
    }
    Some(DecodedService { service, env_files, label_files })
}

fn key_origins(cursor: &Cursor<'_>) -> BTreeMap<String, Origin> {
    let entries = cursor.node.as_mapping().map(|mapping| mapping.entries.as_slice()).unwrap_or_default();
    entries.iter().map(|e| (e.key.clone(), cursor.context.sources.origin(e.key_span))).collect()
}

fn image(fields: &Fields<'_>, service: &mut Service) {
    service.image = fields.parse("image", image_reference);
    service.build = fields.parse("build", build);
    service.platform = fields.text("platform");
    service.pull_policy = fields.parse("pull_policy", pull_policy);
    service.container_name = fields.parse("container_name", container_name);
    service.labels = fields.pairs("labels");
    service.annotations = fields.pairs("annotations");
    service.profiles = fields.texts("profiles");
    service.attach = fields.boolean("attach").unwrap_or(true);
    service.logging = fields.parse("logging", logging);
    service.runtime = fields.text("runtime");
}

/// A reference without what can never be in one; the store knows the rest.
fn image_reference(cursor: &Cursor<'_>) -> Option<String> {
    let text = cursor.text()?;
    let name = text.rsplit('/').next().unwrap_or_default();
    let repository = text.split(['@']).next().unwrap_or_default();
    let lower_case = match name.contains(':') {
        true => repository.rsplit_once(':').map_or(repository, |(before, _)| before),
        false => repository,
    };
    let problem = if text.is_empty() {
        return None;
    } else if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        "white space"
    } else if text.ends_with([':', '@', '/']) {
        "nothing after its last `:`, `@` or `/`"
    } else if lower_case
        .split('/')
        .next_back()
        .is_some_and(|name| name.contains(|c: char| c.is_ascii_uppercase()))
    {
        "upper-case letters in its name"
    } else {
        return Some(text.to_owned());
    };
    cursor.fail(
        format!("is not an image: `{text}` has {problem}"),
        "write `NAME`, `NAME:TAG` or `HOST/NAME:TAG`",
    )
}

fn groups(fields: &Fields<'_>, service: &mut Service) {
    service.process = process::process(fields);
    service.networking = networking::networking(fields);
    service.storage = storage::storage(fields);
    service.security = security::security(fields);
    service.resources = resources::resources(fields);
    service.lifecycle = lifecycle::lifecycle(fields);
}

fn container_name(cursor: &Cursor<'_>) -> Option<String> {
    let text = cursor.text()?;
    let mut chars = text.chars();
    let first = chars.next().is_some_and(|c| c.is_ascii_alphanumeric());
    if first && text.len() > 1 && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')) {
        return Some(text.to_owned());
    }
    cursor.fail(
        format!("is not a container name: `{text}`"),
        "use at least two of a-z, A-Z, 0-9, `_`, `.` and `-`, and start with a letter or digit",
    )
}

fn pull_policy(cursor: &Cursor<'_>) -> Option<PullPolicy> {
    const DAY: u64 = 24 * 3600;
    let text = cursor.text()?;
    Some(match text {
        "always" => PullPolicy::Always,
        "never" => PullPolicy::Never,
        "missing" | "if_not_present" => PullPolicy::Missing,
        "build" => PullPolicy::Build,
        "daily" => PullPolicy::Refresh { seconds: DAY },
        "weekly" => PullPolicy::Refresh { seconds: 7 * DAY },
        _ => match text.strip_prefix("every_").and_then(parse_duration) {
            Some(nanoseconds) => PullPolicy::Refresh { seconds: nanoseconds / 1_000_000_000 },
            None => {
                return cursor.fail(
                    format!("cannot be `{text}`"),
                    "write `always`, `missing`, `never`, `build`, `daily`, `weekly` or `every_<time>`",
                );
            }
        },
    })
}

fn logging(cursor: &Cursor<'_>) -> Option<Logging> {
    let fields = cursor.fields()?;
    let options = fields.get("options").and_then(|c| c.entries()).unwrap_or_default();
    let logging = Logging {
        driver: fields.parse("driver", log_driver),
        options: options
            .iter()
            .filter(|(_, c)| !c.is_null())
            .filter_map(|(name, c)| Some(((*name).to_owned(), c.any_text()?.to_owned())))
            .collect(),
    };
    fields.finish();
    Some(logging)
}

fn log_driver(cursor: &Cursor<'_>) -> Option<String> {
    let driver = cursor.text()?;
    if !matches!(driver, "json-file" | "none" | "local" | "") {
        cursor.report(
            cursor.warning(format!("is `{driver}`, a driver that is not supported yet: json-file is used")),
        );
    }
    Some(driver.to_owned())
}

/// `scale`, or `deploy.replicas`, or 1.
fn replicas(fields: &Fields<'_>, deploy: Option<&Deploy>) -> u32 {
    let scale_cursor = fields.get("scale");
    let scale: Option<u32> = scale_cursor.as_ref().and_then(Cursor::integer);
    let replicas = deploy.and_then(|deploy| deploy.replicas);
    if let (Some(scale), Some(replicas), Some(cursor)) = (scale, replicas, scale_cursor)
        && scale != replicas
    {
        cursor.report(
            cursor
                .error(format!("is {scale}, but `deploy.replicas` is {replicas}"))
                .help("keep one of the two"),
        );
    }
    scale.or(replicas).unwrap_or(1)
}

/// What `deploy` says about limits and restarting takes effect where the older keys are silent.
fn apply_deploy(cursor: &Cursor<'_>, fields: &Fields<'_>, service: &mut Service) {
    let Some(deploy) = service.deploy.clone() else { return };
    let Resources { nano_cpus, mem_limit, mem_reservation, pids_limit, .. } = &mut service.resources;
    let (limits, reservations) = (&deploy.resources.limits, &deploy.resources.reservations);
    let mut clash = Vec::new();
    take(nano_cpus, limits.nano_cpus, ("cpus", "limits.cpus"), &mut clash);
    take(mem_limit, limits.memory, ("mem_limit", "limits.memory"), &mut clash);
    take(pids_limit, limits.pids, ("pids_limit", "limits.pids"), &mut clash);
    take(mem_reservation, reservations.memory, ("mem_reservation", "reservations.memory"), &mut clash);
    for (key, other) in clash {
        let span = fields.get(key).map_or(cursor.key_span(), |c| c.key_span());
        let message =
            format!("`{}.{key}` and `deploy.resources.{other}` say different things", cursor.path());
        cursor.report(Finding::error(span, message).help("keep one of the two"));
    }
    service.lifecycle.restart_delay = deploy.restart_policy.and_then(|policy| policy.delay);
    let restart_is_given = fields.get("restart").is_some();
    if let (false, Some(policy)) = (restart_is_given, &deploy.restart_policy) {
        service.lifecycle.restart = match policy.condition {
            DeployRestartCondition::None => RestartPolicy::No,
            DeployRestartCondition::OnFailure => {
                RestartPolicy::OnFailure { max_retries: policy.max_attempts }
            }
            DeployRestartCondition::Any => RestartPolicy::Always,
        };
    }
}

/// Sets a limit that is not set; tells when both are and differ.
fn take<T: PartialEq + Copy>(
    own: &mut Option<T>,
    of_deploy: Option<T>,
    names: (&'static str, &'static str),
    clash: &mut Vec<(&'static str, &'static str)>,
) {
    match (*own, of_deploy) {
        (Some(a), Some(b)) if a != b => clash.push(names),
        (None, Some(value)) => *own = Some(value),
        _ => {}
    }
}

/// `links`, `volumes_from` and the `service:` modes need the other service first.
fn add_implied_dependencies(service: &mut Service) {
    let shared = |mode: &Option<String>| {
        mode.as_deref()
            .and_then(|mode| mode.strip_prefix("service:"))
            .and_then(|name| ServiceName::new(name).ok())
    };
    let mut implied: Vec<(ServiceName, bool)> = Vec::new();
    implied.extend(service.networking.links.iter().map(|link| (link.service.clone(), true)));
    if let Attachment::Service(name) = &service.networking.attachment {
        implied.push((name.clone(), true));
    }
    let security = &service.security;
    implied.extend(
        [&security.ipc, &security.pid, &security.uts].into_iter().filter_map(shared).map(|n| (n, true)),
    );
    for from in &service.storage.volumes_from {
        if let VolumesFromSource::Service(name) = &from.source {
            implied.push((name.clone(), false));
        }
    }
    for (name, restart) in implied {
        let dependency = Dependency { condition: Condition::ServiceStarted, restart, required: true };
        service.lifecycle.depends_on.entry(name).or_insert(dependency);
    }
}
