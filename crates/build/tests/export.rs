//! Results and caches that go elsewhere.
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod common;

use std::fs;
use std::path::Path;

use std::io::Write;

use build::{
    BuildEvent, BuildRequest, BuildResult, CacheExport, CacheLocation, Cancel, FetchError, FetchRequest,
    Fetched, Output, OutputKind, Remote,
};
use common::{Bench, chain, owner_and_mode};
use image::Store;

const TEXT: &str = "FROM scratch AS base\nRUN mkdir d && echo 1 > d/file && chown 5:6 d/file && ln -s file d/link\n\
                    RUN echo 2 > two\nFROM scratch\nCOPY --from=base / /\nCOPY a /\n";

fn with_output(bench: &Bench, kind: OutputKind, to: &Path) -> BuildRequest {
    let outputs = vec![Output { kind, to: to.to_owned(), owner: (7, 8) }];
    bench.write("a", "A");
    BuildRequest { outputs, ..bench.request(TEXT) }
}

#[test]
fn files_are_written_over_those_that_are_there() {
    let mut bench = Bench::new();
    let to = bench.dir.path().join("out");
    fs::create_dir_all(to.join("d")).unwrap();
    fs::write(to.join("d/file"), "old").unwrap();
    fs::write(to.join("d/kept"), "").unwrap();
    let result = bench.try_request(&with_output(&bench, OutputKind::Directory, &to)).unwrap();
    assert_eq!(result.image, "");
    assert_eq!(fs::read_to_string(to.join("d/file")).unwrap(), "1\n");
    assert_eq!(owner_and_mode(&to.join("d/file")), (7, 8, 0o644));
    let mut names: Vec<_> = fs::read_dir(&to).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["a", "d", "two"]);
    assert!(to.join("d/kept").exists() && bench.store.list().unwrap().is_empty());
    bench.assert_tidy();
}

#[test]
fn files_and_images_become_archives() {
    let mut bench = Bench::new();
    let to = bench.dir.path().join("out.tar");
    bench.try_request(&with_output(&bench, OutputKind::Tar, &to)).unwrap();
    let mut tar = tar::Archive::new(fs::File::open(&to).unwrap());
    let entries = tar.entries().unwrap().map(|entry| {
        let entry = entry.unwrap();
        (entry.path().unwrap().display().to_string(), entry.header().uid().unwrap())
    });
    let entries: Vec<_> = entries.collect();
    assert!(entries.contains(&("d/file".to_owned(), 5)), "{entries:?}");
    assert_eq!(owner_and_mode(&to).0, 7);
    let mut request = with_output(&bench, OutputKind::OciArchive, &to);
    request.tags = vec!["app:1".into()];
    let result = bench.try_request(&request).unwrap();
    let other = Bench::new();
    let mut file = fs::File::open(&to).unwrap();
    other.store.load(&mut file, &mut |_| ()).unwrap();
    assert_eq!(other.store.resolve("app:1").unwrap().id.to_string(), result.image);
}

#[test]
fn an_output_that_cannot_be_written_is_named() {
    let mut bench = Bench::new();
    let to = bench.dir.path().join("none/out.tar");
    let error = bench.try_request(&with_output(&bench, OutputKind::Tar, &to)).unwrap_err();
    assert!(chain(&error).starts_with(&format!("cannot write the result to {}", to.display())));
}

fn with_cache(bench: &Bench, cache: &Path, all_stages: bool) -> BuildRequest {
    let location = CacheLocation::Directory(cache.to_owned());
    bench.write("a", "A");
    BuildRequest {
        cache_from: vec![location.clone()],
        cache_to: vec![CacheExport { to: location, all_stages }],
        ..bench.request(TEXT)
    }
}

#[test]
fn a_cache_serves_another_store() {
    let mut bench = Bench::new();
    let cache = bench.dir.path().join("cache");
    let first = bench.try_request(&with_cache(&bench, &cache, true)).unwrap();
    let mut other = Bench::new();
    let second =
        other.try_request(&with_cache(&other, &cache, true)).unwrap_or_else(|e| panic!("{}", chain(&e)));
    assert_eq!((second.cached, other.runs()), (4, 0));
    let layers = |bench: &Bench, image| bench.store.resolve(image).unwrap().layers.clone();
    assert_eq!(layers(&bench, &first.image), layers(&other, &second.image));
    other.assert_tidy();
}

#[test]
fn a_small_cache_has_the_steps_of_the_result() {
    let mut bench = Bench::new();
    let cache = bench.dir.path().join("cache");
    bench.try_request(&with_cache(&bench, &cache, false)).unwrap();
    let mut other = Bench::new();
    assert_eq!(other.try_request(&with_cache(&other, &cache, false)).unwrap().cached, 2);
}

#[test]
fn a_damaged_cache_is_told_and_not_used() {
    let mut bench = Bench::new();
    let cache = bench.dir.path().join("cache");
    bench.try_request(&with_cache(&bench, &cache, true)).unwrap();
    for entry in fs::read_dir(cache.join("blobs/sha256")).unwrap() {
        let path = entry.unwrap().path();
        if fs::read(&path).unwrap().starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            fs::write(&path, "damaged").unwrap();
        }
    }
    let mut other = Bench::new();
    let mut request = with_cache(&other, &cache, true);
    request.cache_to.clear();
    let result = other.try_request(&request).unwrap();
    assert_eq!(result.cached, 0);
    fs::write(cache.join("index.json"), "{").unwrap();
    other.try_request(&request).unwrap();
    let told = other
        .events
        .iter()
        .any(|event| matches!(event, BuildEvent::Warning(warning) if warning.rule == "CacheNotUsed"));
    assert!(told);
    other.assert_tidy();
}

/// A registry that is another store.
struct Registry {
    own: Store,
    client: Store,
}

fn moved(from: &Store, name: &str, to: &Store) -> Result<(), FetchError> {
    let mut stream = Vec::new();
    let failed = |error: String| FetchError::Transfer(error.into());
    from.save(&[name.to_owned()], &mut stream).map_err(|error| failed(error.to_string()))?;
    to.load(&mut stream.as_slice(), &mut |_| ()).map(drop).map_err(|error| failed(error.to_string()))
}

impl Remote for Registry {
    fn fetch(&self, _: &FetchRequest<'_>, _: &mut (dyn Write + Send)) -> Result<Fetched, FetchError> {
        Err(FetchError::Offline)
    }

    fn pull(&self, name: &str, _: &Cancel) -> Result<(), FetchError> {
        moved(&self.own, name, &self.client)
    }

    fn push(&self, name: &str, _: &Cancel) -> Result<(), FetchError> {
        moved(&self.client, name, &self.own)
    }
}

fn build_with(bench: &mut Bench, registry: &Store, request: &BuildRequest) -> BuildResult {
    let remote = Registry { own: registry.clone(), client: bench.store.clone() };
    let events = &mut bench.events;
    events.clear();
    let built = build::build(&bench.store, &bench.runner, &remote, request, &mut |event| events.push(event));
    built.unwrap_or_else(|error| panic!("{}", chain(&error)))
}

#[test]
fn a_cache_in_a_registry_serves_another_store() {
    let registry = Bench::new();
    let request = |bench: &Bench| {
        let location = CacheLocation::Registry("registry.example/cache:1".into());
        bench.write("a", "A");
        BuildRequest {
            cache_from: vec![location.clone()],
            cache_to: vec![CacheExport { to: location, all_stages: true }],
            tags: vec!["app:1".into()],
            ..bench.request(TEXT)
        }
    };
    let (mut one, mut two) = (Bench::new(), Bench::new());
    let (first, second) = (request(&one), request(&two));
    assert_eq!(build_with(&mut one, &registry.store, &first).cached, 0);
    let told = |bench: &Bench| {
        bench
            .events
            .iter()
            .any(|event| matches!(event, BuildEvent::Warning(warning) if warning.rule == "CacheNotUsed"))
    };
    assert!(told(&one));
    assert_eq!(build_with(&mut two, &registry.store, &second).cached, 4);
    assert!(!told(&two) && two.runs() == 0);
    // The cache is no image of its users.
    for bench in [&one, &two] {
        let names =
            bench.store.list().unwrap().iter().flat_map(|image| image.references.clone()).collect::<Vec<_>>();
        assert_eq!(names.iter().map(ToString::to_string).collect::<Vec<_>>(), ["docker.io/library/app:1"]);
    }
}

#[test]
fn base_images_are_fetched_when_they_are_missing_or_asked_for_anew() {
    let mut registry = Bench::new();
    registry.build_as("base:1", "FROM scratch\nRUN echo 1 > version\n");
    let mut bench = Bench::new();
    let mut request = bench.request("FROM base:1\nCOPY --from=base:1 /version /copied\n");
    let first = build_with(&mut bench, &registry.store, &request);
    assert_eq!(bench.read(&first, "copied"), "1\n");
    registry.build_as("base:1", "FROM scratch\nRUN echo 2 > version\n");
    let second = build_with(&mut bench, &registry.store, &request);
    assert_eq!(bench.read(&second, "copied"), "1\n");
    request.pull = true;
    let third = build_with(&mut bench, &registry.store, &request);
    assert_eq!(bench.read(&third, "copied"), "2\n");
    let pulls = bench.events.iter().filter(|event| matches!(event, BuildEvent::Pulling { .. })).count();
    assert_eq!(pulls, 1);
}
