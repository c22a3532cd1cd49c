//! Engines of other machines: TCP with mutual TLS, and ssh.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

use e2e::{Host, Outcome, berth_binary, eventually, images};
use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

const PORT: u16 = 2376;

/// An authority with a certificate for the engine and one for a client, in a directory as Docker's tools have them.
fn certificates(host: &Host, name: &str) -> PathBuf {
    let dir = host.dir(name);
    let openssl = |line: &str| {
        Outcome::of(Command::new("openssl").args(line.split(' ')).current_dir(&dir)).ok();
    };
    openssl(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=authority -keyout ca-key.pem -out ca.pem",
    );
    for (who, usage) in [("server", "serverAuth"), ("", "clientAuth")] {
        let (key, cert) = match who {
            "" => ("key.pem".to_owned(), "cert.pem".to_owned()),
            who => (format!("{who}-key.pem"), format!("{who}-cert.pem")),
        };
        std::fs::write(
            dir.join("extensions"),
            format!("subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage={usage}\n"),
        )
        .unwrap();
        openssl(&format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN={name} -keyout {key} -out request.pem"
        ));
        openssl(&format!(
            "x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 -extfile extensions -out {cert}"
        ));
    }
    dir
}

/// An engine in the foreground, ended with the test.
struct Engine(Child);

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn engine_on_tcp(host: &Host, certificates: &Path) -> Engine {
    let file = |name: &str| certificates.join(name).display().to_string();
    let address = format!("127.0.0.1:{PORT}");
    let mut command = host.berth_command(["--log-level", "info", "engine", "--tcp", &address]);
    command.args(["--tls-ca", &file("ca.pem"), "--tls-cert", &file("server-cert.pem")]);
    command.args(["--tls-key", &file("server-key.pem")]).stdin(Stdio::null()).stdout(Stdio::null());
    let log = std::fs::File::create(host.dir("log").join("engine")).unwrap();
    let engine = Engine(command.stderr(log).spawn().unwrap());
    eventually("the engine listens", || log_of(host).contains("ready on TCP"));
    engine
}

fn log_of(host: &Host) -> String {
    std::fs::read_to_string(host.dir("log").join("engine")).unwrap()
}

/// Runs a client against the TCP port with the certificates of a directory.
fn over_tcp(host: &Host, program: &str, certificates: &Path, words: &[&str]) -> Outcome {
    let mut command = host.foreign(program);
    command.env_remove("BERTH_RUN").env_remove("BERTH_ROOT");
    command.env("DOCKER_HOST", format!("tcp://127.0.0.1:{PORT}"));
    command.env("DOCKER_TLS_VERIFY", "1").env("DOCKER_CERT_PATH", certificates);
    Outcome::of(command.args(words))
}

#[test]
fn an_engine_is_driven_over_tcp_with_mutual_tls() {
    let host = Host::new();
    let own = certificates(&host, "own");
    let engine = engine_on_tcp(&host, &own);
    images::tiny(&host);
    let berth = berth_binary().display().to_string();
    for program in ["docker", &berth] {
        let run = |words: &[&str]| over_tcp(&host, program, &own, words).ok();
        assert_eq!(run(&["run", "--rm", "tiny", "echo", "far away"]), "far away\n");
        run(&["run", "-d", "--name", "there", "tiny", "sleep", "1000"]);
        let mut typed = host.foreign("sh");
        typed.env_remove("BERTH_RUN").env("DOCKER_HOST", format!("tcp://127.0.0.1:{PORT}"));
        typed.env("DOCKER_TLS_VERIFY", "1").env("DOCKER_CERT_PATH", &own);
        let piped = format!("printf typed | {program} exec -i there cat");
        assert_eq!(Outcome::of(typed.args(["-c", &piped])).ok(), "typed");
        run(&["rm", "-f", "there"]);
    }
    let log = log_of(&host);
    assert!(log.contains("certificate ") && log.contains("/containers/create"), "{log}");
    drop(engine);
}

#[test]
fn who_shows_no_certificate_of_the_authority_is_refused() {
    let host = Host::new();
    let (own, other) = (certificates(&host, "own"), certificates(&host, "other"));
    let engine = engine_on_tcp(&host, &own);
    // The engine is verified by the right authority; the client's certificate is another authority's.
    std::fs::copy(own.join("ca.pem"), other.join("ca.pem")).unwrap();
    let berth = berth_binary().display().to_string();
    for program in ["docker", &berth] {
        let refused = over_tcp(&host, program, &other, &["ps"]);
        assert_ne!(refused.code, Some(0), "{refused}");
    }
    let curl = |words: &[&str]| Outcome::of(host.foreign("curl").args(["-sS", "-k"]).args(words));
    let bare = curl(&["https://127.0.0.1:2376/_ping"]);
    assert_ne!(bare.code, Some(0), "{bare}");
    let plain = curl(&["http://127.0.0.1:2376/_ping"]);
    assert!(plain.code != Some(0) && !plain.stdout.contains("OK"), "{plain}");
    drop(engine);
}

#[test]
fn tcp_is_not_offered_without_certificates() {
    let host = Host::new();
    let refused = host.fails(125, "engine --tcp 127.0.0.1:2375");
    assert!(refused.contains("--tls-ca"), "{refused}");
}

/// A stand-in for ssh that runs what it is told on this machine, as another user's login shell would.
const SSH: &str = "#!/bin/sh\nwhile [ \"$1\" != -- ]; do shift; done\nshift; shift\nexec \"$@\"\n";

#[test]
fn an_engine_is_driven_through_ssh() {
    let host = Host::new();
    images::tiny(&host);
    let ssh = host.file("bin/ssh", SSH);
    std::fs::set_permissions(&ssh, std::fs::Permissions::from_mode(0o755)).unwrap();
    let bin = ssh.parent().unwrap();
    std::os::unix::fs::symlink(berth_binary(), bin.join("berth")).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let berth = |words: &[&str]| {
        let mut command = host.foreign(berth_binary());
        Outcome::of(command.env("PATH", &path).args(["-H", "ssh://me@far:2222"]).args(words))
    };
    assert_eq!(berth(&["run", "--rm", "tiny", "echo", "far away"]).ok(), "far away\n");
    berth(&["run", "-d", "--name", "there", "tiny", "sleep", "1000"]).ok();
    assert_eq!(berth(&["ps", "--format", "{{.Names}}"]).ok(), "there\n");
    berth(&["rm", "-f", "there"]).ok();
}

/// A real sshd on the host's loopback, with keys and a configuration of its own; ended with the test.
struct Sshd(Child);

const SSH_PORT: u16 = 2222;

impl Sshd {
    /// Starts it. Commands of its sessions find `programs`; `ssh` of a client finds it by the directory this gives, which
    /// is to be the first of its path.
    fn start(host: &Host, programs: &[(&str, &Path)]) -> (Self, PathBuf) {
        let (dir, bin) = (host.dir("ssh"), host.dir("remote-bin"));
        for name in ["host_key", "key"] {
            let key = dir.join(name).display().to_string();
            let words = ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", &key];
            Outcome::of(Command::new("ssh-keygen").args(words)).ok();
        }
        for (name, program) in programs {
            std::os::unix::fs::symlink(program, bin.join(name)).unwrap();
        }
        let (at, bin) = (dir.display(), bin.display());
        let (root, run) = (host.root().display(), host.run_dir().display());
        let config = format!(
            "ListenAddress 127.0.0.1:{SSH_PORT}\nHostKey {at}/host_key\nAuthorizedKeysFile {at}/key.pub\nPidFile none\n\
             UsePAM no\nStrictModes no\nPermitRootLogin prohibit-password\nPasswordAuthentication no\n\
             SetEnv PATH={bin}:/usr/bin:/bin BERTH_ROOT={root} BERTH_RUN={run}\n"
        );
        let config = host.file("ssh/sshd_config", &config).display().to_string();
        // Where it separates privileges; the service of the package would make it.
        std::fs::create_dir_all("/run/sshd").unwrap();
        let log = std::fs::File::create(dir.join("log")).unwrap();
        let mut command = host.command("/usr/sbin/sshd");
        command.args(["-D", "-e", "-f", &config]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let server = Self(command.spawn().unwrap());
        let known = std::fs::read_to_string(dir.join("host_key.pub")).unwrap();
        host.file("ssh/known_hosts", &format!("[127.0.0.1]:{SSH_PORT} {known}"));
        let client = format!(
            "Host *\nIdentityFile {at}/key\nIdentitiesOnly yes\nUserKnownHostsFile {at}/known_hosts\nStrictHostKeyChecking yes\n\
             BatchMode yes\n"
        );
        let client = host.file("ssh/config", &client);
        let wrapper = format!("#!/bin/sh\nexec /usr/bin/ssh -F {} \"$@\"\n", client.display());
        let wrapper = host.file("client-bin/ssh", &wrapper);
        std::fs::set_permissions(&wrapper, std::fs::Permissions::from_mode(0o755)).unwrap();
        eventually("sshd listens", || {
            let asked = Outcome::of(host.command("curl").args([
                "-s",
                &format!("telnet://127.0.0.1:{SSH_PORT}"),
                "-m",
                "1",
            ]));
            asked.stdout.starts_with("SSH-2.0")
        });
        (server, wrapper.parent().unwrap().to_owned())
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a user does with another machine's engine, through a command line that begins with `words`.
fn driven_through_ssh(host: &Host, client_bin: &Path, words: &[&str]) {
    let path = format!("{}:{}", client_bin.display(), std::env::var("PATH").unwrap());
    let run = |line: &str| {
        let (program, before) = words.split_first().unwrap();
        let mut command = host.foreign(program);
        command.env_remove("BERTH_RUN").env_remove("BERTH_ROOT").env_remove("DOCKER_HOST").env("PATH", &path);
        Outcome::of(command.args(before).args(line.split(' '))).ok()
    };
    assert_eq!(run("run --rm tiny echo far-away"), "far-away\n", "{words:?}");
    run("run -d --name there tiny sleep 1000");
    assert_eq!(run("ps --format {{.Names}}"), "there\n", "{words:?}");
    let mut typed = host.foreign("sh");
    typed.env_remove("BERTH_RUN").env_remove("DOCKER_HOST").env("PATH", &path);
    let piped = format!("printf typed | {} exec -i there cat", words.join(" "));
    assert_eq!(Outcome::of(typed.args(["-c", &piped])).ok(), "typed", "{words:?}");
    run("rm -f there");
}

#[test]
fn clients_drive_the_engine_through_a_real_sshd() {
    let host = Host::new();
    images::tiny(&host);
    let berth = berth_binary();
    // Docker's command line runs `docker system dial-stdio` there: on a host that has Berth only, that is a link to it.
    let (_sshd, client_bin) = Sshd::start(&host, &[("berth", &berth), ("docker", &berth)]);
    let address = format!("ssh://root@127.0.0.1:{SSH_PORT}");
    driven_through_ssh(&host, &client_bin, &[&berth.display().to_string(), "-H", &address]);
    for docker in ["docker", "/usr/bin/docker"] {
        driven_through_ssh(&host, &client_bin, &[docker, "-H", &address]);
    }
}
