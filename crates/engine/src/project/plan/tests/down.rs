use super::world::{World, project};
use crate::project::options::{DownOptions, UpOptions};
use crate::project::plan::plan_down;

const SHOP: &str = "
services:
  db: {image: db, volumes: ['data:/data', 'kept:/kept']}
  cache: {image: cache}
  web: {build: ., depends_on: [db, cache]}
volumes: {data: , kept: {external: true}}
";

fn world(shop: &compose::model::Project) -> World {
    let mut world = World::with_images(shop);
    world.observed.volumes.insert("kept".to_owned(), Default::default());
    world.up(shop, &UpOptions::default());
    world
}

#[test]
fn dependents_stop_first_and_the_rest_at_once() {
    let shop = project(SHOP);
    let world = world(&shop);
    let plan = plan_down(&shop.name, Some(&shop), &world.observed, &DownOptions::default());
    assert_eq!(
        plan.to_string(),
        "0 stop shop-web-1\n\
         1 remove shop-web-1 after 0\n\
         2 stop shop-cache-1 after 0\n\
         3 remove shop-cache-1 after 2\n\
         4 stop shop-db-1 after 0\n\
         5 remove shop-db-1 after 4\n\
         6 remove network shop_default after 1 3 5\n"
    );
}

#[test]
fn nothing_is_left_and_a_second_down_does_nothing() {
    let shop = project(SHOP);
    let mut world = world(&shop);
    let options = DownOptions { volumes: true, rmi: Some("local".to_owned()), ..DownOptions::default() };
    world.down(&shop, &options);
    assert!(world.observed.containers.is_empty() && world.observed.networks.is_empty());
    assert_eq!(world.observed.volumes.keys().collect::<Vec<_>>(), ["kept"]);
    assert_eq!(world.observed.images.keys().collect::<Vec<_>>(), ["cache", "db"]);
    assert!(world.down(&shop, &options).is_empty());
    let all = DownOptions { rmi: Some("all".to_owned()), ..options };
    world.down(&shop, &all);
    assert!(world.observed.images.is_empty());
}

#[test]
fn a_project_whose_file_is_gone_is_known_by_its_labels() {
    let shop = project(SHOP);
    let mut world = world(&shop);
    let plan = plan_down(
        &shop.name,
        None,
        &world.observed,
        &DownOptions { volumes: true, ..DownOptions::default() },
    );
    world.take(&shop, &plan, plan.steps.len());
    assert!(world.observed.containers.is_empty() && world.observed.networks.is_empty());
    assert_eq!(world.observed.volumes.keys().collect::<Vec<_>>(), ["kept"]);
}

#[test]
fn named_services_go_alone_and_the_network_stays() {
    let shop = project(SHOP);
    let mut world = world(&shop);
    let plan = world.down(&shop, &DownOptions { services: vec!["web".to_owned()], ..DownOptions::default() });
    assert_eq!(plan.to_string(), "0 stop shop-web-1\n1 remove shop-web-1 after 0\n");
    assert_eq!(world.shown(), ["shop-cache-1 Running", "shop-db-1 Running"]);
}

#[test]
fn orphans_stay_and_hold_their_network_unless_they_are_to_go() {
    let shop = project(SHOP);
    let mut world = world(&shop);
    let smaller = project("services: {db: {image: db}, cache: {image: cache}}");
    let plan = plan_down(&smaller.name, Some(&smaller), &world.observed, &DownOptions::default());
    assert!(
        plan.to_string()
            .contains("warning: the network `shop_default` stays, because it is used by shop-web-1")
    );
    world.down(&smaller, &DownOptions { remove_orphans: true, ..DownOptions::default() });
    assert!(world.observed.containers.is_empty() && world.observed.networks.is_empty());
}
