//! `resolv.conf`, read and written (resolv.conf(5)).

use std::net::IpAddr;
use std::path::Path;

use super::sockets::ADDRESS;

/// Where systemd-resolved tells which resolvers it asks.
const BEHIND_STUB: &str = "/run/systemd/resolve/resolv.conf";
const STUBS: [&str; 2] = ["127.0.0.53", "127.0.0.54"];

/// The parts of a `resolv.conf` that matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolvConf {
    /// `nameserver` lines. A zone (`fe80::1%eth0`) means nothing inside a container; such lines are skipped.
    pub nameservers: Vec<IpAddr>,
    /// The last `search` or `domain` line.
    pub search: Vec<String>,
    /// `options`.
    pub options: Vec<String>,
}

impl ResolvConf {
    /// Reads the text of a `resolv.conf`; what is not understood is skipped.
    pub fn parse(text: &str) -> Self {
        let mut conf = Self::default();
        for line in text.lines() {
            let line = line.split(['#', ';']).next().unwrap_or_default();
            let mut words = line.split_whitespace();
            let keyword = words.next();
            let words = words.map(str::to_owned);
            match keyword {
                Some("nameserver") => {
                    conf.nameservers.extend(words.take(1).filter_map(|word| word.parse::<IpAddr>().ok()))
                }
                Some("search") => conf.search = words.collect(),
                Some("domain") => conf.search = words.take(1).collect(),
                Some("options") => conf.options.extend(words),
                _ => {}
            }
        }
        conf
    }

    /// The text of a `resolv.conf`.
    pub fn render(&self) -> String {
        let mut text: String =
            self.nameservers.iter().map(|address| format!("nameserver {address}\n")).collect();
        for (keyword, words) in [("search", &self.search), ("options", &self.options)] {
            if !words.is_empty() {
                text.push_str(&format!("{keyword} {}\n", words.join(" ")));
            }
        }
        text
    }
}

/// The host's resolvers as containers can use them: when `/etc/resolv.conf` names only a stub of systemd-resolved,
/// what is behind it.
pub fn host_resolv_conf() -> ResolvConf {
    let read =
        |path: &str| std::fs::read_to_string(Path::new(path)).ok().map(|text| ResolvConf::parse(&text));
    behind_stub(read("/etc/resolv.conf").unwrap_or_default(), || read(BEHIND_STUB))
}

fn behind_stub(conf: ResolvConf, behind: impl FnOnce() -> Option<ResolvConf>) -> ResolvConf {
    let stub = |address: &IpAddr| STUBS.contains(&address.to_string().as_str());
    match !conf.nameservers.is_empty() && conf.nameservers.iter().all(stub) {
        true => behind().filter(|real| !real.nameservers.is_empty()).unwrap_or(conf),
        false => conf,
    }
}

/// What a container with the embedded server gets: `nameserver 127.0.0.11`, the host's search domains unless the user
/// names some (`.` alone for none), and `ndots:0` unless the user sets `ndots`.
pub fn embedded_resolv_conf(host: &ResolvConf, search: &[String], options: &[String]) -> ResolvConf {
    let mut options = if options.is_empty() { host.options.clone() } else { options.to_vec() };
    if !options.iter().any(|option| option.starts_with("ndots:")) {
        options.push("ndots:0".to_owned());
    }
    let search = match search {
        [] => host.search.clone(),
        [only] if only == "." => Vec::new(),
        named => named.to_vec(),
    };
    ResolvConf { nameservers: vec![ADDRESS.into()], search, options }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn a_resolv_conf_is_read_as_resolvers_do() {
        let text = "# comment\nnameserver 10.0.0.1 # first\nnameserver fe80::1%eth0\nnameserver fd00::1\ndomain a.example\n\
                    search b.example c.example\noptions ndots:2 edns0\noptions rotate\nsortlist 10.0.0.0\n";
        let conf = ResolvConf::parse(text);
        assert_eq!(conf.nameservers, ["10.0.0.1".parse::<IpAddr>().unwrap(), "fd00::1".parse().unwrap()]);
        assert_eq!(conf.search, ["b.example", "c.example"]);
        assert_eq!(conf.options, ["ndots:2", "edns0", "rotate"]);
        assert_eq!(ResolvConf::parse(&conf.render()), conf);
    }

    #[test]
    fn a_container_asks_the_embedded_server() {
        let host = ResolvConf { search: words(&["corp.example"]), ..ResolvConf::default() };
        let text = embedded_resolv_conf(&host, &[], &[]).render();
        assert_eq!(text, "nameserver 127.0.0.11\nsearch corp.example\noptions ndots:0\n");
    }

    #[test]
    fn the_user_decides_about_search_and_options() {
        let host = ResolvConf {
            search: words(&["corp.example"]),
            options: words(&["rotate"]),
            ..ResolvConf::default()
        };
        let none = embedded_resolv_conf(&host, &words(&["."]), &words(&["ndots:3"]));
        assert_eq!(none.render(), "nameserver 127.0.0.11\noptions ndots:3\n");
        let other = embedded_resolv_conf(&host, &words(&["x.example"]), &[]);
        assert_eq!((other.search, other.options), (words(&["x.example"]), words(&["rotate", "ndots:0"])));
    }

    #[test]
    fn what_is_behind_the_stub_is_asked() {
        let stub = ResolvConf::parse("nameserver 127.0.0.53\n");
        let real = ResolvConf::parse("nameserver 10.0.0.1\n");
        assert_eq!(behind_stub(stub.clone(), || Some(real.clone())), real);
        assert_eq!(behind_stub(stub.clone(), || None), stub);
        let local = ResolvConf::parse("nameserver 127.0.0.1\n");
        assert_eq!(behind_stub(local.clone(), || Some(real)), local);
    }
}
