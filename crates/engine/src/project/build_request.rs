//! What a service's `build` asks of the builder.

use super::labels;
use ::build::{BuildRequest, CacheExport, CacheLocation, DockerfileSource, NamedContext, RunNetwork, Secret};
use compose::model::{Build, BuildContext, FileSource, Project, Service};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The request for the image `image` of a service; secrets are read now.
///
/// # Errors
/// In words, what the builder cannot do or what cannot be read.
pub fn build_request(
    project: &Project,
    service: &Service,
    build: &Build,
    image: &str,
) -> Result<BuildRequest, String> {
    let dockerfile = match (&build.dockerfile_inline, &build.dockerfile) {
        (Some(text), _) => DockerfileSource::Inline(text.clone()),
        (None, Some(path)) => DockerfileSource::Path(path.clone()),
        (None, None) => DockerfileSource::Path(Path::new("Dockerfile").to_owned()),
    };
    let mut labels = build.labels.clone();
    labels.insert(labels::PROJECT.to_owned(), project.name.to_string());
    labels.insert(labels::SERVICE.to_owned(), service.name.to_string());
    let hosts =
        build.extra_hosts.iter().flat_map(|(name, all)| all.iter().map(move |ip| (name.clone(), ip.clone())));
    let (context, context_url) = match &build.context {
        BuildContext::Local(directory) => (directory.clone(), None),
        BuildContext::Remote(url) => (PathBuf::new(), Some(url.clone())),
    };
    let exports = build.cache_to.iter().filter(|text| !is_inline(text));
    Ok(BuildRequest {
        context,
        context_url,
        dockerfile,
        target: build.target.clone(),
        tags: std::iter::once(image.to_owned()).chain(build.tags.iter().cloned()).collect(),
        build_args: build.args.clone(),
        labels,
        no_cache: build.no_cache,
        pull: build.pull,
        contexts: contexts(project, build)?,
        secrets: secrets(project, build)?,
        ssh: build.ssh.iter().map(|text| agent(text)).collect::<Result<_, _>>()?,
        cache_from: build.cache_from.iter().map(|text| cache(text)).collect::<Result<_, _>>()?,
        cache_to: exports.map(|text| cache_export(text)).collect::<Result<_, _>>()?,
        inline_cache: build.cache_to.iter().any(|text| is_inline(text)),
        allow_insecure: build.entitlements.iter().any(|right| right == "security.insecure"),
        platform: build.platforms.first().cloned().or_else(|| service.platform.clone()),
        network: network(build.network.as_deref())?,
        extra_hosts: hosts.collect(),
        shm_size: build.shm_size,
        ..BuildRequest::default()
    })
}

fn network(name: Option<&str>) -> Result<RunNetwork, String> {
    match name {
        None | Some("default" | "bridge") => Ok(RunNetwork::Default),
        Some("host") => Ok(RunNetwork::Host),
        Some("none") => Ok(RunNetwork::None),
        Some(other) => Err(format!("a build can use the network `default`, `host` or `none`, not `{other}`")),
    }
}

/// `additional_contexts`
fn contexts(project: &Project, build: &Build) -> Result<BTreeMap<String, NamedContext>, String> {
    let one = |(name, text): (&String, &String)| {
        let context = match text.strip_prefix("service:") {
            Some(name) => {
                let service = project.services.get(name);
                let service =
                    service.ok_or_else(|| format!("the context `{text}` names no service of the project"))?;
                NamedContext::Image(project.image_of(service))
            }
            None => NamedContext::parse(text),
        };
        match &context {
            NamedContext::Directory(path) | NamedContext::Layout { directory: path, .. }
                if !path.is_absolute() =>
            {
                Err(format!("the context `{text}` is no absolute directory, image, or address"))
            }
            _ => Ok((name.clone(), context)),
        }
    };
    build.additional_contexts.iter().map(one).collect()
}

/// `secrets`, by the id that the Dockerfile knows.
fn secrets(project: &Project, build: &Build) -> Result<BTreeMap<String, Secret>, String> {
    let mut secrets = BTreeMap::new();
    for used in &build.secrets {
        let name = used.source.as_str();
        let Some(object) = project.secrets.get(name) else { continue };
        let content = match &object.source {
            FileSource::File(path) => std::fs::read(path).map_err(|error| {
                format!("the secret `{name}` cannot be read from {}: {error}", path.display())
            })?,
            FileSource::Environment { value, .. } => value.clone().unwrap_or_default().into_bytes(),
            FileSource::Content(text) => text.clone().into_bytes(),
            FileSource::External => {
                return Err(format!("the secret `{name}` is external, which a build cannot use"));
            }
        };
        let id = used.target.rsplit('/').next().filter(|id| !id.is_empty()).unwrap_or(name);
        let secret =
            Secret::new(content).ok_or_else(|| format!("the secret `{name}` is too large for a build"))?;
        secrets.insert(id.to_owned(), secret);
    }
    Ok(secrets)
}

/// `default` or `id=socket`
fn agent(text: &str) -> Result<(String, PathBuf), String> {
    let own = || std::env::var_os("SSH_AUTH_SOCK").map(PathBuf::from);
    match text.split_once('=') {
        Some((id, socket)) => Ok((id.to_owned(), PathBuf::from(socket))),
        None => own().map(|socket| (text.to_owned(), socket)).ok_or_else(|| {
            format!("ssh: SSH_AUTH_SOCK is not set; name the agent's socket: `{text}=SOCKET`")
        }),
    }
}

/// `type=local,src=…`, `type=registry,ref=…` or an image.
fn cache(text: &str) -> Result<CacheLocation, String> {
    let field = |wanted: &[&str]| {
        let fields = text.split(',').filter_map(|field| field.split_once('='));
        fields.into_iter().find(|(name, _)| wanted.contains(name)).map(|(_, value)| value.to_owned())
    };
    match (field(&["type"]).as_deref(), field(&["src", "dest"]), field(&["ref"])) {
        (Some("local"), Some(path), _) => Ok(CacheLocation::Directory(PathBuf::from(path))),
        (None | Some("registry"), _, Some(reference)) => Ok(CacheLocation::Registry(reference)),
        (None, _, None) if !text.contains('=') => Ok(CacheLocation::Registry(text.to_owned())),
        _ => Err(format!("the cache `{text}` is neither type=local with a directory nor an image")),
    }
}

/// `type=inline`
fn is_inline(text: &str) -> bool {
    text.split(',').any(|field| field == "type=inline")
}

fn cache_export(text: &str) -> Result<CacheExport, String> {
    Ok(CacheExport { to: cache(text)?, all_stages: text.split(',').any(|field| field == "mode=max") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caches_and_agents_are_read() {
        assert_eq!(cache("type=local,src=/c"), Ok(CacheLocation::Directory("/c".into())));
        assert_eq!(cache("app:cache"), Ok(CacheLocation::Registry("app:cache".into())));
        assert!(
            cache("type=gha").is_err() && cache_export("type=local,dest=/c,mode=max").unwrap().all_stages
        );
        assert_eq!(agent("id=/socket"), Ok(("id".to_owned(), "/socket".into())));
        assert!(network(Some("other")).is_err());
    }
}
