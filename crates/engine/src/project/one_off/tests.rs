use super::{about, overrides};
use crate::project::convert::container_spec;
use crate::project::observed::{Observed, ObservedContainer};
use crate::project::options::RunOptions;
use crate::spec::{ContainerName, ContainerSpec, EnvVar, RestartPolicy};
use compose::model::Project;
use compose::{LoadOptions, load};
use std::path::PathBuf;

const YAML: &str = "
services:
  db: {image: debian}
  web:
    image: debian
    container_name: only-one
    command: [serve]
    entrypoint: [app]
    restart: always
    environment: {A: file}
    ports: ['8080:80']
    volumes: ['data:/data', 'cache:/cache']
    depends_on: [db]
    network_mode: bridge
  net:
    image: debian
    networks: {lan: {aliases: [also], ipv4_address: 10.9.0.5}}
volumes: {data: {}, cache: {}}
networks: {lan: {ipam: {config: [{subnet: 10.9.0.0/24}]}}}
";

fn project() -> Project {
    let options = LoadOptions {
        files: vec![PathBuf::from("-")],
        stdin: Some(YAML.to_owned()),
        current_dir: PathBuf::from("/shop"),
        project_name: Some("shop".to_owned()),
        ..LoadOptions::default()
    };
    load(&options).unwrap_or_else(|error| panic!("{error}")).project
}

fn spec(options: &RunOptions, asked: ContainerSpec) -> ContainerSpec {
    let project = project();
    let declared = &project.services[options.service.as_str()];
    let service = overrides::service_of(declared, options);
    let about = about(&project, declared, &Observed::default(), "0123456789ab");
    let mut spec = container_spec(&project, &service, &about).unwrap();
    overrides::apply(&mut spec, &service, options, asked);
    spec
}

fn run(service: &str) -> RunOptions {
    RunOptions { service: service.to_owned(), ..RunOptions::default() }
}

#[test]
fn it_has_a_name_and_labels_of_its_own_and_is_not_restarted() {
    let spec = spec(&run("web"), ContainerSpec::default());
    assert_eq!(spec.name.unwrap().as_str(), "shop-web-run-0123456789ab");
    assert_eq!(spec.labels["com.docker.compose.oneoff"], "True");
    assert_eq!(spec.labels["com.docker.compose.service"], "web");
    assert_eq!(spec.labels["com.docker.compose.slug"], "0123456789ab");
    assert_eq!(spec.restart, RestartPolicy::No);
    assert_eq!(spec.command.unwrap(), ["serve"]);
    assert_eq!(spec.entrypoint.unwrap(), ["app"]);
    assert!(spec.network.ports.is_empty());
}

#[test]
fn what_is_asked_for_stands_over_the_service() {
    let mut asked = ContainerSpec {
        name: Some(ContainerName::parse("mine").unwrap()),
        entrypoint: Some(vec!["sh".to_owned()]),
        env: vec![EnvVar::parse("A=asked")],
        user: Some("7".to_owned()),
        auto_remove: true,
        ..ContainerSpec::default()
    };
    asked.labels.insert("com.docker.compose.service".to_owned(), "other".to_owned());
    asked.labels.insert("own".to_owned(), "1".to_owned());
    asked.streams.tty = true;
    let spec = spec(&RunOptions { service_ports: true, ..run("web") }, asked);
    assert_eq!(spec.name.unwrap().as_str(), "mine");
    assert_eq!((spec.entrypoint.unwrap(), spec.command), (vec!["sh".to_owned()], None));
    assert_eq!(spec.env, [EnvVar::parse("A=file"), EnvVar::parse("A=asked")]);
    assert_eq!(spec.labels["com.docker.compose.service"], "web");
    assert_eq!(spec.labels["own"], "1");
    assert!(spec.streams.tty && spec.auto_remove);
    assert_eq!(spec.user.as_deref(), Some("7"));
    assert_eq!(spec.network.ports.len(), 1);
}

#[test]
fn names_and_addresses_in_networks_are_the_services_own_unless_asked_for() {
    let endpoint = |options: &RunOptions| {
        let spec = spec(options, ContainerSpec::default());
        spec.network.endpoints.into_values().next().unwrap()
    };
    let plain = endpoint(&run("net"));
    assert!(plain.aliases.is_empty() && plain.ipv4.is_none(), "{plain:?}");
    let with = endpoint(&RunOptions { use_aliases: true, ..run("net") });
    assert_eq!(with.aliases, ["net", "also"]);
    assert_eq!(with.ipv4.unwrap().to_string(), "10.9.0.5");
}

#[test]
fn the_first_container_of_a_service_lends_its_namespaces() {
    let container = |id: &str, number: &str, one_off: &str| {
        let labels = [
            ("com.docker.compose.project", "shop"),
            ("com.docker.compose.service", "db"),
            ("com.docker.compose.container-number", number),
            ("com.docker.compose.oneoff", one_off),
        ];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        ObservedContainer { id: id.to_owned(), labels, ..ObservedContainer::default() }
    };
    let containers =
        vec![container("c", "1", "True"), container("b", "2", "False"), container("a", "1", "False")];
    let providers = super::providers(&project(), &Observed { containers, ..Observed::default() });
    assert_eq!(providers["db"], "a");
}
