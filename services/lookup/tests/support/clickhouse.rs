use super::{Clock, Server, eventually, free_port, get};
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    rc::Rc,
};

/// A clickhouse-server of a test.
pub struct ClickHouse {
    pub port: u16,
    directory: PathBuf,
    server: Option<Server>,
    clock: Option<Rc<Clock>>,
}

impl ClickHouse {
    pub fn start(directory: &Path) -> Self {
        Self::with_clock(directory, None)
    }

    pub fn with_clock(directory: &Path, clock: Option<Rc<Clock>>) -> Self {
        let directory = directory.join("clickhouse");
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("users.xml"), USERS).unwrap();
        let mut server = Self { port: free_port(), directory, server: None, clock };
        let config = CONFIG
            .replace("{dir}", &server.directory.display().to_string())
            .replace("{port}", &server.port.to_string())
            .replace("{tcp}", &free_port().to_string());
        std::fs::write(server.directory.join("config.xml"), config).unwrap();
        server.up();
        server
    }

    /// Starts it (again) on its data.
    pub fn up(&mut self) {
        let mut command = Command::new("/usr/sbin/clickhouse-server");
        command.arg(format!("--config-file={}", self.directory.join("config.xml").display()));
        command.envs(self.clock.iter().flat_map(|clock| clock.environment()));
        let child =
            command.current_dir(&self.directory).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        self.server = Some(Server(child));
        eventually("clickhouse answers", || get(self.port, "/ping").is_some_and(|(status, _)| status == 200));
    }

    /// Kills it with SIGKILL.
    pub fn kill(&mut self) {
        self.server = None;
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

const CONFIG: &str = r"<yandex>
<logger><level>warning</level><log>{dir}/log</log><errorlog>{dir}/errors</errorlog></logger>
<http_port>{port}</http_port><tcp_port>{tcp}</tcp_port><listen_host>127.0.0.1</listen_host>
<path>{dir}/data/</path><tmp_path>{dir}/tmp/</tmp_path>
<users_config>users.xml</users_config><default_profile>default</default_profile>
<default_database>default</default_database><mark_cache_size>16777216</mark_cache_size>
</yandex>";

const USERS: &str = r"<yandex><profiles><default/></profiles><users><default><password></password>
<networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default></users>
<quotas><default/></quotas></yandex>";
