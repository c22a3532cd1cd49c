//! What is secret is nowhere to be read, however much is logged and whatever goes wrong.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test fails where it stands"
)]

mod support;

use support::{Answer, Running, Server, World, eventually, free_port, get};

const REDIS: &str = "queue-secret-4711";
const CLICKHOUSE: &str = "accounts-secret-4711";
const PASTE: &str = "paste-secret-4711";
/// What all of them have in common.
const MARK: &str = "secret-4711";

/// Gives all servers passwords.
fn lock_up(world: &mut World) {
    world.redis.ask::<String>(&["CONFIG", "SET", "requirepass", REDIS]);
    world.clickhouse.kill();
    let users = world.dir.path().join("clickhouse/users.xml");
    let text = std::fs::read_to_string(&users).unwrap();
    let locked = format!("<password>{CLICKHOUSE}</password>");
    std::fs::write(&users, text.replace("<password></password>", &locked)).unwrap();
    world.clickhouse.up();
}

/// Everything that can be read of a service from outside.
fn outside(world: &World, service: &Running) -> String {
    let mut text = std::fs::read_to_string(world.dir.path().join("log")).unwrap();
    for path in ["/metrics", "/readyz", "/healthz", "/users/10.0.0.1;00:00:00:00:00:01"] {
        text += &get(service.port, path).unwrap().1;
    }
    text + &String::from_utf8_lossy(
        &std::fs::read(format!("/proc/{}/cmdline", service.server.0.id())).unwrap(),
    )
}

/// The service, logging everything, with secrets as files.
fn serve(world: &World, [redis, clickhouse]: [&str; 2]) -> Running {
    let file = |name: &str, secret: &str| {
        let path = world.dir.path().join(name);
        std::fs::write(&path, secret).unwrap();
        path
    };
    let port = free_port();
    let mut command = world.lookup.command("serve");
    command
        .env("LOOKUP_LISTEN", format!("127.0.0.1:{port}"))
        .env("RUST_LOG", "trace")
        .env("REDIS_PASSWORD_FILE", file("redis", redis))
        .env("CLICKHOUSE_PASSWORD_FILE", file("clickhouse-password", clickhouse))
        .env("PASTE_KEY_FILE", file("paste", PASTE))
        .stderr(std::fs::File::create(world.dir.path().join("log")).unwrap());
    let running = Running { server: Server(command.spawn().unwrap()), port };
    eventually("the service lives", || get(port, "/healthz").is_some());
    running
}

#[test]
fn in_fair_weather_and_when_the_paste_service_repeats_the_key() {
    let Some(mut world) =
        World::new("list", Answer::Status(200, "", "what shall I do with paste-secret-4711?"))
    else {
        return;
    };
    world.lookup.ok("enqueue --count 20 --hit-ratio 1");
    lock_up(&mut world);
    let service = serve(&world, [REDIS, CLICKHOUSE]);
    eventually("rubbish was answered", || service.metric("lookup_paste_failures_total") > 3.0);
    world.paste.now(Answer::Url);
    eventually("all is saved", || world.lookup.saved_count() == 20);
    let text = outside(&world, &service);
    assert!(text.contains("what shall I do with …?"), "everything is logged");
    assert!(!text.contains(MARK), "{text}");
}

#[test]
fn when_passwords_are_wrong() {
    let Some(mut world) = World::new("list", Answer::Url) else { return };
    lock_up(&mut world);
    let service = serve(&world, ["wrong-secret-4711-a", "wrong-secret-4711-b"]);
    for what in ["redis", "clickhouse"] {
        eventually("both are down", || service.metric(&format!("lookup_{what}_up")) == 0.0);
    }
    let text = outside(&world, &service);
    assert!(!text.contains(MARK), "{text}");
}
