use super::world::{World, project};
use crate::project::observed::{ObservedContainer, ObservedPort, ObservedResource, ObservedState};
use crate::project::options::{BuildChoice, PullChoice, UpOptions};
use crate::project::plan::images::plan_images;
use crate::project::plan::touched_services;
use crate::project::preflight::preflight;
use compose::model::Protocol;

fn problems(world: &World, shop: &compose::model::Project) -> Vec<String> {
    let plan = world.plan(shop, &UpOptions::default());
    preflight(shop, &plan, &world.observed).iter().map(ToString::to_string).collect()
}

fn stranger(name: &str) -> ObservedContainer {
    ObservedContainer {
        id: "e".repeat(64),
        name: name.to_owned(),
        state: ObservedState::Running,
        ..Default::default()
    }
}

#[test]
fn every_problem_is_told_before_anything_starts() {
    let shop = project("
services:
  web: {image: web, ports: ['80:80', '127.0.0.1:81:81'], networks: {n: {ipv4_address: 10.1.0.5}}}
  named: {image: web, container_name: taken}
networks: {n: {name: outer, external: true}, m: {ipam: {config: [{subnet: 10.7.0.0/16}]}}, default: {ipam: {config: [{subnet: 192.168.1.0/24}]}}}
");
    let mut world = World::with_images(&shop);
    let mut other = stranger("taken");
    other.published = vec![
        ObservedPort { host_ip: None, port: 80, protocol: Protocol::Tcp },
        ObservedPort { host_ip: Some("127.0.0.2".parse().unwrap()), port: 81, protocol: Protocol::Tcp },
    ];
    other.addresses.insert("outer".to_owned(), vec!["10.1.0.5".parse().unwrap()]);
    world.observed.containers.push(other);
    world.observed.networks.insert("outer".to_owned(), ObservedResource::default());
    world.observed.host_routes.push(("192.168.0.0/16".parse().unwrap(), "eth0".to_owned()));
    assert_eq!(
        problems(&world, &shop),
        [
            "the subnet 192.168.1.0/24 of the network `shop_default` collides with the host's route to 192.168.0.0/16 by `eth0`; choose another `subnet`, or leave it out to get a free one",
            "the port 80/tcp of the host, which `web` publishes, is taken by the container `taken`; stop that, or publish another port",
            "the address 10.1.0.5 on the network `outer`, which `web` wants, is taken by the container `taken`; stop that, or choose another address",
            "the container name `taken`, which `named` needs, is taken by a container that does not belong to the project; remove or rename that",
        ]
    );
}

#[test]
fn places_that_cannot_be_had_are_named() {
    let shop = project(
        "
services: {web: {image: web, ports: ['127.0.0.1:81:81'], networks: {own: {ipv4_address: 10.8.0.5}}}}
networks: {own: {name: outer, external: true}}
",
    );
    let mut world = World::with_images(&shop);
    let subnets = vec!["10.7.0.0/16".parse().unwrap()];
    world.observed.networks.insert("outer".to_owned(), ObservedResource { subnets, ..Default::default() });
    let mut other = stranger("other");
    other.published = vec![ObservedPort { host_ip: None, port: 81, protocol: Protocol::Tcp }];
    world.observed.containers.push(other);
    assert_eq!(
        problems(&world, &shop),
        [
            "the port 127.0.0.1:81/tcp of the host, which `web` publishes, is taken by the container `other`; stop that, or publish another port",
            "the address 10.8.0.5, which `web` wants, is outside the network `outer` (10.7.0.0/16); choose one inside",
        ]
    );
}

#[test]
fn what_the_plan_itself_takes_away_is_no_problem() {
    let shop = project(
        "services: {web: {image: web, ports: ['80:80'], networks: {default: {ipv4_address: 10.1.0.5}}}}\nnetworks: {default: {ipam: {config: [{subnet: 10.1.0.0/24}]}}}",
    );
    let mut world = World::with_images(&shop);
    world.up(&shop, &UpOptions::default());
    let changed = project(
        "services: {web: {image: web, command: x, ports: ['80:80'], networks: {default: {ipv4_address: 10.1.0.5}}}}\nnetworks: {default: {ipam: {config: [{subnet: 10.1.0.0/24}]}}}",
    );
    assert!(problems(&world, &changed).is_empty());
}

#[test]
fn images_are_built_when_missing_or_wanted_and_each_only_once() {
    let shop = project(
        "
services:
  a: {image: shared, build: .}
  b: {image: shared, build: .}
  c: {image: shared}
  d: {build: ./d}
  e: {image: nowhere}
  f: {image: there, build: .}
",
    );
    let mut world = World::with_images(&shop);
    for missing in ["shared", "shop-d", "nowhere"] {
        world.observed.images.remove(missing);
    }
    let look = |options: &UpOptions| {
        let services = touched_services(&shop, options).unwrap();
        let plan = plan_images(&shop, &world.observed, options, &services);
        let builds: Vec<String> =
            plan.builds.iter().map(|b| format!("{} for {}", b.image, b.service)).collect();
        let missing: Vec<String> =
            plan.missing.iter().map(|(image, service)| format!("{image} of {service}")).collect();
        let pulls: Vec<String> =
            plan.pulls.iter().map(|(image, service)| format!("{image} of {service}")).collect();
        (builds, missing, pulls)
    };
    let missing_only = look(&UpOptions::default());
    assert_eq!(missing_only.0, ["shared for a", "shop-d for d"]);
    assert_eq!((missing_only.1.len(), missing_only.2), (0, vec!["nowhere of e".to_owned()]));
    let offline = look(&UpOptions { pull: Some(PullChoice::Never), ..UpOptions::default() });
    assert_eq!((offline.1, offline.2.len()), (vec!["nowhere of e".to_owned()], 0));
    let always = UpOptions { build: true, ..UpOptions::default() };
    assert_eq!(look(&always).0, ["shared for a", "shop-d for d", "there for f"]);
    let never = UpOptions { no_build: true, ..UpOptions::default() };
    assert_eq!(never.build_choice(), BuildChoice::Never);
    assert_eq!(
        look(&never),
        (
            Vec::new(),
            vec!["shared of a".to_owned(), "shop-d of d".to_owned()],
            vec!["nowhere of e".to_owned()]
        )
    );
}

#[test]
fn images_are_built_after_those_they_take_files_from() {
    let shop = project(
        "
services:
  app: {build: {context: ., additional_contexts: {base: 'service:zero', lib: 'service:lib'}}}
  lib: {build: {context: ., additional_contexts: ['b=service:zero']}}
  zero: {build: .}
",
    );
    let mut world = World::with_images(&shop);
    let look = |world: &World, options: &UpOptions| -> Vec<String> {
        let services = touched_services(&shop, options).unwrap();
        let plan = plan_images(&shop, &world.observed, options, &services);
        plan.builds.iter().map(|build| build.service.to_string()).collect()
    };
    let always = UpOptions { build: true, ..UpOptions::default() };
    assert_eq!(look(&world, &always), ["zero", "lib", "app"]);
    let app = UpOptions { services: vec!["app".into()], ..UpOptions::default() };
    assert_eq!(look(&world, &app), Vec::<String>::new());
    world.observed.images.clear();
    assert_eq!(look(&world, &app), ["zero", "lib", "app"]);
}
