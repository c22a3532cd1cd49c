use super::world::{World, project};
use crate::project::labels;
use crate::project::observed::{ObservedContainer, ObservedState};
use crate::project::options::UpOptions;
use crate::project::plan::{PlanError, plan, plan_run};

const THREE: &str = "
services:
  db:
    image: db
    healthcheck: {test: [CMD, x]}
    volumes: ['data:/data']
  web:
    image: web
    depends_on: {db: {condition: service_healthy}}
    ports: ['80:80']
    scale: 2
  job:
    image: job
    labels: {one-shot: ''}
    depends_on: [db]
volumes: {data: }
";

fn without_second_web(text: &str) -> String {
    text.replace("    ports: ['80:80']\n", "")
}

fn shop() -> compose::model::Project {
    project(&without_second_web(THREE))
}

fn options() -> UpOptions {
    UpOptions::default()
}

fn named(services: &[&str]) -> UpOptions {
    UpOptions { services: services.iter().map(|name| (*name).to_owned()).collect(), ..options() }
}

#[track_caller]
fn assert_plan(plan: &crate::project::plan::Plan, expected: &str) {
    // A container that replaces another has twelve digits of that one's id in its name.
    let shown = |word: &str| match word.split_once('_') {
        Some((id, name)) if id.len() == 12 => format!("OLD_{name}"),
        _ => word.to_owned(),
    };
    let line = |line: &str| line.trim().split(' ').map(shown).collect::<Vec<_>>().join(" ");
    let lines =
        |text: &str| -> Vec<String> { text.lines().map(line).filter(|line| !line.is_empty()).collect() };
    assert_eq!(lines(&plan.to_string()), lines(expected), "\n{plan}");
}

#[test]
fn the_first_up_makes_everything_and_waits_where_it_must() {
    let plan = World::with_images(&shop()).plan(&shop(), &options());
    assert_plan(
        &plan,
        "
        0 create volume shop_data
        1 create network shop_default
        2 create shop-db-1 after 0 1
        3 start shop-db-1 after 2
        4 create shop-job-1 after 1
        5 start shop-job-1 after 3 4
        6 create shop-web-1 after 1
        7 create shop-web-2 after 1
        8 wait until db is healthy after 3
        9 start shop-web-1 after 6 8
        10 start shop-web-2 after 7 8
        ",
    );
}

#[test]
fn the_second_up_does_nothing() {
    let mut world = World::with_images(&shop());
    world.up(&shop(), &options());
    let before = world.shown();
    let plan = world.up(&shop(), &options());
    assert!(plan.is_empty(), "{plan}");
    assert_eq!(world.shown(), before);
    assert_eq!(plan.completed.len(), 1);
}

#[test]
fn a_changed_service_is_replaced_alone() {
    let mut world = World::with_images(&shop());
    world.up(&shop(), &options());
    let changed = project(&without_second_web(THREE).replace("image: web", "image: web\n    command: other"));
    assert_plan(
        &world.up(&changed, &options()),
        "
        0 create OLD_shop-web-1 in place of shop-web-1
        1 stop shop-web-1 after 0
        2 remove shop-web-1 after 1
        3 rename web#1 to shop-web-1 after 2
        4 create OLD_shop-web-2 in place of shop-web-2
        5 stop shop-web-2 after 4
        6 remove shop-web-2 after 5
        7 rename web#2 to shop-web-2 after 6
        8 wait until db is healthy
        9 start shop-web-1 after 3 8
        10 start shop-web-2 after 7 8
        ",
    );
    assert!(world.up(&changed, &options()).is_empty());
}

#[test]
fn a_new_image_replaces_its_containers() {
    let mut world = World::with_images(&shop());
    world.up(&shop(), &options());
    world.observed.images.insert("db".to_owned(), "sha256:newer".to_owned());
    let plan = world.up(&shop(), &options()).to_string();
    assert!(plan.contains("in place of shop-db-1") && !plan.contains("shop-web-1"), "{plan}");
}

#[test]
fn a_stopped_container_is_started_again_and_a_one_shot_that_failed_too() {
    let mut world = World::with_images(&shop());
    world.up(&shop(), &options());
    world.container("shop-web-2").state = ObservedState::Exited { code: 0, by_itself: false };
    world.container("shop-job-1").state = ObservedState::Exited { code: 1, by_itself: true };
    assert_plan(
        &world.plan(&shop(), &options()),
        "
        0 start shop-job-1
        1 wait until db is healthy
        2 start shop-web-2 after 1
        ",
    );
}

#[test]
fn a_one_shot_that_was_stopped_by_hand_runs_again_and_a_changed_one_too() {
    let mut world = World::with_images(&shop());
    world.up(&shop(), &options());
    world.container("shop-job-1").state = ObservedState::Exited { code: 0, by_itself: false };
    assert_plan(&world.plan(&shop(), &options()), "0 start shop-job-1");
    world.container("shop-job-1").state = ObservedState::Exited { code: 0, by_itself: true };
    let changed = project(&without_second_web(THREE).replace("image: job", "image: job\n    command: again"));
    assert!(world.plan(&changed, &options()).to_string().contains("in place of shop-job-1"));
}

#[test]
fn named_services_bring_their_dependencies_unless_told_otherwise() {
    let world = World::with_images(&shop());
    let with = world.plan(&shop(), &named(&["job"])).to_string();
    assert!(with.contains("start shop-db-1") && !with.contains("web"), "{with}");
    let without = world.plan(&shop(), &UpOptions { no_deps: true, ..named(&["web"]) });
    assert_plan(
        &without,
        "
        0 create network shop_default
        1 create shop-web-1 after 0
        2 create shop-web-2 after 0
        3 start shop-web-1 after 1
        4 start shop-web-2 after 2
        ",
    );
}

#[test]
fn forcing_replaces_the_named_services_and_not_their_dependencies() {
    let mut world = World::with_images(&shop());
    world.up(&shop(), &options());
    let forced = UpOptions { force_recreate: true, ..named(&["job"]) };
    let text = world.plan(&shop(), &forced).to_string();
    assert!(text.contains("in place of shop-job-1") && !text.contains("db-1"), "{text}");
    let all = UpOptions { always_recreate_deps: true, ..forced };
    assert!(world.plan(&shop(), &all).to_string().contains("in place of shop-db-1"));
}

#[test]
fn no_recreate_keeps_what_is_out_of_date() {
    let mut world = World::with_images(&shop());
    world.up(&shop(), &options());
    let changed = project(&without_second_web(THREE).replace("image: web", "image: web\n    command: other"));
    assert!(world.plan(&changed, &UpOptions { no_recreate: true, ..options() }).is_empty());
}

#[test]
fn scaling_up_takes_new_numbers_and_scaling_down_the_highest_away() {
    let mut world = World::with_images(&shop());
    let scaled = |count| UpOptions { scale: [("web".to_owned(), count)].into(), ..options() };
    world.up(&shop(), &scaled(3));
    assert_plan(
        &world.up(&shop(), &scaled(1)),
        "
        0 stop shop-web-2
        1 remove shop-web-2 with its volumes after 0
        2 stop shop-web-3
        3 remove shop-web-3 with its volumes after 2
    ",
    );
    let up = world.up(&shop(), &scaled(2)).to_string();
    assert!(up.contains("create shop-web-2"), "{up}");
    assert!(world.up(&shop(), &scaled(0)).to_string().contains("remove shop-web-1"));
}

#[test]
fn what_is_fixed_cannot_be_scaled() {
    let project = project(
        "services: {a: {image: a, container_name: fixed}, b: {image: b, ports: ['80:80']}, c: {image: c}}",
    );
    let world = World::with_images(&project);
    let options = UpOptions {
        scale: [("a".to_owned(), 2), ("b".to_owned(), 2), ("c".to_owned(), 2)].into(),
        ..options()
    };
    let errors = plan(&project, &world.observed, &options).unwrap_err();
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "`a` cannot run 2 containers, because its container name is fixed; remove that, or run one",
            "`b` cannot run 2 containers, because its port on the host is fixed; remove that, or run one",
        ]
    );
    let errors = plan(&project, &world.observed, &named(&["nobody"])).unwrap_err();
    assert!(matches!(errors.as_slice(), [PlanError::UnknownService { .. }]));
}

const RESTARTING: &str = "
services:
  db: {image: db}
  web: {image: web, depends_on: {db: {condition: service_started, restart: true}}}
  top: {image: top, depends_on: {web: {condition: service_started, restart: true}}}
  other: {image: other, depends_on: [db]}
";

#[test]
fn dependents_restart_with_a_replaced_dependency_only_if_they_say_so() {
    let shop = project(RESTARTING);
    let mut world = World::with_images(&shop);
    world.up(&shop, &options());
    let changed = project(&RESTARTING.replace("image: db", "image: db, command: x"));
    for options in [options(), named(&["db"])] {
        assert_plan(
            &world.plan(&changed, &options),
            "
            0 stop shop-top-1
            1 stop shop-web-1 after 0
            2 create OLD_shop-db-1 in place of shop-db-1
            3 stop shop-db-1 after 1 2
            4 remove shop-db-1 after 3
            5 rename db#1 to shop-db-1 after 4
            6 start shop-db-1 after 5
            7 start shop-web-1 after 1 6
            8 start shop-top-1 after 0 7
            ",
        );
    }
    world.up(&changed, &options());
    assert!(world.up(&changed, &options()).is_empty());
}

#[test]
fn who_shares_a_namespace_is_replaced_with_its_owner() {
    let text = "
services:
  vpn: {image: vpn}
  app: {image: app, network_mode: 'service:vpn'}
";
    let shop = project(text);
    let mut world = World::with_images(&shop);
    assert_plan(
        &world.up(&shop, &options()),
        "
        0 create network shop_default
        1 create shop-vpn-1 after 0
        2 start shop-vpn-1 after 1
        3 create shop-app-1 after 1
        4 start shop-app-1 after 2 3
        ",
    );
    let changed = project(&text.replace("image: vpn}", "image: vpn, command: x}"));
    let plan = world.up(&changed, &options());
    assert!(plan.to_string().contains("in place of shop-app-1"), "{plan}");
    assert!(world.up(&changed, &options()).is_empty());
}

#[test]
fn orphans_are_told_and_removed_only_on_request() {
    let mut world = World::with_images(&shop());
    world.up(&shop(), &options());
    let smaller = project(
        "services: {db: {image: db, healthcheck: {test: [CMD, x]}, volumes: ['data:/data']}}\nvolumes: {data: }",
    );
    let plan = world.plan(&smaller, &options());
    assert_plan(
        &plan,
        "warning: there are containers of services that the project no longer has: shop-job-1, shop-web-1, shop-web-2; `--remove-orphans` removes them",
    );
    world.up(&smaller, &UpOptions { remove_orphans: true, ..options() });
    assert_eq!(world.shown(), ["shop-db-1 Running"]);
}

#[test]
fn a_port_moves_to_another_service_only_after_it_was_given_back() {
    let text = "services: {a: {image: a, ports: ['80:80']}, b: {image: b, ports: ['81:80']}}";
    let shop = project(text);
    let mut world = World::with_images(&shop);
    world.up(&shop, &options());
    let swapped = project("services: {a: {image: a, ports: ['81:80']}, b: {image: b, ports: ['80:80']}}");
    let plan = world.up(&swapped, &options());
    assert!(world.up(&swapped, &options()).is_empty(), "{plan}");
    let renamed = project("services: {c: {image: a, ports: ['81:80']}}");
    world.observed.images.insert("a".to_owned(), "sha256:a".to_owned());
    let plan = world.up(&renamed, &UpOptions { remove_orphans: true, ..options() });
    assert_eq!(world.shown(), ["shop-c-1 Running"], "{plan}");
}

const NETWORKED: &str = "
services:
  a: {image: a, networks: [n], volumes: [/anonymous]}
  b: {image: b, networks: [n, m]}
  c: {image: c, networks: [m]}
networks:
  n: {ipam: {config: [{subnet: 10.1.0.0/24}]}}
  m:
";

#[test]
fn a_changed_network_is_made_anew_with_all_that_is_on_it() {
    let shop = project(NETWORKED);
    let mut world = World::with_images(&shop);
    world.up(&shop, &options());
    world.container("shop-a-1").anonymous_volumes.insert("/anonymous".to_owned(), "v123".to_owned());
    let changed = project(&NETWORKED.replace("10.1.0.0", "10.2.0.0"));
    let plan = world.up(&changed, &named(&["a"]));
    assert_plan(
        &plan,
        "
        0 stop shop-a-1
        1 remove shop-a-1 after 0
        2 stop shop-b-1
        3 remove shop-b-1 after 2
        4 remove network shop_n after 1 3
        5 create network shop_n after 4
        6 create shop-a-1 with v123 at /anonymous after 1 5
        7 start shop-a-1 after 6
        8 create shop-b-1 after 3 5
        9 start shop-b-1 after 8
        ",
    );
    assert!(world.up(&changed, &options()).is_empty());
}

#[test]
fn what_stays_leaves_a_changed_network_and_joins_the_new_one() {
    let shop = project(NETWORKED);
    let mut world = World::with_images(&shop);
    world.up(&shop, &options());
    let orphan = ObservedContainer {
        id: "e".repeat(64),
        name: "shop-old-1".to_owned(),
        labels: [(labels::PROJECT, "shop"), (labels::SERVICE, "old")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        networks: ["shop_n".to_owned()].into(),
        ..ObservedContainer::default()
    };
    let foreign = ObservedContainer {
        id: "f".repeat(64),
        name: "foreign".to_owned(),
        labels: Default::default(),
        ..orphan.clone()
    };
    world.observed.containers.extend([orphan, foreign]);
    let changed = project(&NETWORKED.replace("10.1.0.0", "10.2.0.0"));
    let plan = world.up(&changed, &UpOptions { remove_orphans: true, ..options() });
    assert_plan(
        &plan,
        "
        0 stop shop-a-1
        1 remove shop-a-1 after 0
        2 stop shop-b-1
        3 remove shop-b-1 after 2
        4 remove shop-old-1 with its volumes
        5 take foreign out of shop_n
        6 remove network shop_n after 1 3 4 5
        7 create network shop_n after 6
        8 put foreign back into shop_n after 7
        9 create shop-a-1 after 1 7
        10 start shop-a-1 after 9
        11 create shop-b-1 after 3 7
        12 start shop-b-1 after 11
        ",
    );
}

#[test]
fn a_container_that_is_off_one_of_its_networks_is_replaced() {
    let shop = project(NETWORKED);
    let mut world = World::with_images(&shop);
    world.up(&shop, &options());
    world.container("shop-b-1").networks.remove("shop_m");
    let plan = world.plan(&shop, &options()).to_string();
    assert!(plan.contains("in place of shop-b-1") && !plan.contains("shop-a-1"), "{plan}");
}

#[test]
fn anonymous_volumes_go_to_the_new_container_unless_fresh_ones_are_wanted() {
    let shop = project(NETWORKED);
    let mut world = World::with_images(&shop);
    world.up(&shop, &options());
    world.container("shop-a-1").anonymous_volumes.insert("/anonymous".to_owned(), "v123".to_owned());
    let forced = UpOptions { force_recreate: true, ..named(&["a"]) };
    let plan = world.plan(&shop, &forced).to_string();
    assert!(plan.contains("in place of shop-a-1 with v123 at /anonymous"), "{plan}");
    let renewed = world.plan(&shop, &UpOptions { renew_anon_volumes: true, ..forced }).to_string();
    assert!(!renewed.contains("v123") && renewed.contains("remove shop-a-1 with its volumes"), "{renewed}");
}

#[test]
fn external_things_must_be_there_and_foreign_ones_are_not_taken() {
    let shop = project(
        "
services: {a: {image: a, networks: [e, f], volumes: ['v:/v', 'w:/w']}}
networks: {e: {external: true}, f: }
volumes: {v: {external: true}, w: }
",
    );
    let mut world = World::with_images(&shop);
    world.observed.networks.insert("shop_f".to_owned(), Default::default());
    world.observed.volumes.insert("shop_w".to_owned(), Default::default());
    let errors = plan(&shop, &world.observed, &options()).unwrap_err();
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "the network `e` is external, and does not exist; make it with `berth network create e`",
            "the network `shop_f` exists, but does not belong to the project `shop`; declare it as `external: true`, or rename it",
            "the volume `v` is external, and does not exist; make it with `berth volume create v`",
        ]
    );
}

#[test]
fn wait_and_no_start_change_the_end_of_the_plan() {
    let shop = project(
        "services: {a: {image: a}, b: {image: b, depends_on: {a: {condition: service_healthy, required: false}}}}",
    );
    let world = World::with_images(&shop);
    assert_plan(
        &world.plan(&shop, &UpOptions { wait: true, ..options() }),
        "
        0 create network shop_default
        1 create shop-a-1 after 0
        2 start shop-a-1 after 1
        3 create shop-b-1 after 0
        4 wait until a is healthy (optional) after 2
        5 start shop-b-1 after 3 4
        6 wait until a is ready after 2
        7 wait until b is ready after 5
        ",
    );
    let created = world.plan(&shop, &UpOptions { no_start: true, wait: true, ..options() }).to_string();
    assert!(
        created.contains("create shop-b-1") && !created.contains("start") && !created.contains("wait"),
        "{created}"
    );
}

#[test]
fn containers_of_run_are_left_alone() {
    let mut world = World::with_images(&shop());
    world.up(&shop(), &options());
    let mut one_off: ObservedContainer = world.container("shop-web-1").clone();
    one_off.id = "f".repeat(64);
    one_off.name = "shop-web-run-1".to_owned();
    one_off.labels.insert(crate::project::labels::ONE_OFF.to_owned(), "True".to_owned());
    world.observed.containers.push(one_off);
    assert!(world.plan(&shop(), &options()).is_empty());
}

#[test]
fn run_brings_up_what_its_service_needs_and_leaves_the_service_alone() {
    let shop = project(
        "
services:
  db: {image: db}
  cache: {image: c}
  web: {image: w, volumes: ['data:/d'], depends_on: {db: {condition: service_healthy}}}
volumes: {data: {}}
",
    );
    let mut world = World::with_images(&shop);
    let run = UpOptions { services: vec!["web".to_owned()], ..options() };
    assert_plan(
        &plan_run(&shop, &world.observed, &run).unwrap(),
        "
        0 create volume shop_data
        1 create network shop_default
        2 create shop-db-1 after 1
        3 start shop-db-1 after 2
        4 wait until db is healthy after 3
        ",
    );
    let alone = UpOptions { no_deps: true, ..run.clone() };
    let plan = plan_run(&shop, &world.observed, &alone).unwrap().to_string();
    assert!(!plan.contains("shop-db-1"), "{plan}");
    // The service's own containers stay as they are, also when they are out of date.
    world.up(&shop, &options());
    let mut changed = shop.clone();
    changed.services.get_mut("web").unwrap().labels.insert("new".to_owned(), "1".to_owned());
    let plan = plan_run(&changed, &world.observed, &run).unwrap().to_string();
    assert!(!plan.contains("shop-web-1"), "{plan}");
}
