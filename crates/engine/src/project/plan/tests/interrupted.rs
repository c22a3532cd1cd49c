//! An `up` that is cut short at any step is finished by the next one.

use super::world::{World, project};
use crate::project::options::{DownOptions, UpOptions};
use proptest::prelude::*;

const BEFORE: &str = "
services:
  db: {image: db, networks: [n], volumes: ['v:/v']}
  web: {image: web, networks: [n, m], depends_on: {db: {condition: service_started, restart: true}}, scale: 2}
  side: {image: side, network_mode: 'service:db'}
  job: {image: job, networks: [m], labels: {one-shot: ''}, depends_on: [web]}
  port: {image: port, networks: [m], ports: ['80:80']}
networks:
  n: {ipam: {config: [{subnet: 10.1.0.0/24}]}}
  m:
volumes: {v: }
";

/// Versions of the project: each changes something else.
fn versions() -> &'static [compose::model::Project] {
    static VERSIONS: std::sync::LazyLock<Vec<compose::model::Project>> =
        std::sync::LazyLock::new(make_versions);
    &VERSIONS
}

fn make_versions() -> Vec<compose::model::Project> {
    let changes: [(&str, &str); 7] = [
        ("", ""),
        ("image: db", "image: db, command: other"),
        ("10.1.0.0", "10.2.0.0"),
        ("scale: 2", "scale: 3"),
        ("scale: 2", "scale: 1, command: other"),
        ("image: job", "image: job, command: other"),
        ("port: {image: port", "port2: {image: port"),
    ];
    changes
        .iter()
        .map(|(from, to)| {
            project(&if from.is_empty() { BEFORE.to_owned() } else { BEFORE.replace(from, to) })
        })
        .collect()
}

fn images(world: &mut World) {
    for name in ["db", "web", "side", "job", "port"] {
        world.observed.images.insert(name.to_owned(), format!("sha256:{name}"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn the_next_up_ends_where_an_uninterrupted_one_does(
        ups in prop::collection::vec((0_usize..7, prop::collection::vec(0_usize..100, 0..40), any::<bool>()), 1..5),
        last in 0_usize..7,
    ) {
        let versions = versions();
        let mut world = World::with_images(&versions[0]);
        images(&mut world);
        for (version, choices, force) in ups {
            let options = UpOptions { force_recreate: force, remove_orphans: true, ..UpOptions::default() };
            let plan = world.plan(&versions[version], &options);
            world.take_some(&versions[version], &plan, &choices);
        }
        let options = UpOptions { remove_orphans: true, ..UpOptions::default() };
        world.up(&versions[last], &options);
        let again = world.plan(&versions[last], &options);
        prop_assert!(again.is_empty(), "{}", again);

        let mut straight = World::with_images(&versions[0]);
        images(&mut straight);
        straight.up(&versions[last], &options);
        let states = |world: &World| {
            let mut states: Vec<String> = world.shown().iter().map(|line| {
                // Which numbers the containers of a service have depends on the way there.
                line.split_once("-web-").map_or(line.clone(), |(head, tail)| {
                    format!("{head}-web-N {}", tail.split_once(' ').unwrap().1)
                })
            }).collect();
            states.sort();
            states
        };
        prop_assert_eq!(states(&world), states(&straight));

        world.down(&versions[last], &DownOptions { volumes: true, remove_orphans: true, ..DownOptions::default() });
        prop_assert!(world.observed.containers.is_empty());
        prop_assert!(world.observed.networks.is_empty() && world.observed.volumes.is_empty());
    }

    #[test]
    fn steps_come_after_all_they_need(version in 0_usize..7, last in 0_usize..7) {
        let versions = versions();
        let mut world = World::with_images(&versions[0]);
        images(&mut world);
        world.up(&versions[version], &UpOptions::default());
        let plan = world.plan(&versions[last], &UpOptions { remove_orphans: true, ..UpOptions::default() });
        for (id, step) in plan.steps.iter().enumerate() {
            prop_assert!(step.after.iter().all(|after| *after < id), "{}", plan);
        }
    }
}
