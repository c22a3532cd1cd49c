//! Networks, volumes, secrets and configs.

use super::object::Object;
use super::values::escape;
use crate::model::{FileObject, FileSource, Ipam, Network, Volume};

pub(super) fn network(network: &Network) -> Object {
    let mut out = Object::default();
    out.set("name", escape(&network.name));
    out.flag("external", network.external);
    out.text("driver", network.driver.as_deref());
    out.pairs("driver_opts", &network.driver_opts);
    out.object("ipam", ipam(&network.ipam));
    out.flag("internal", network.internal);
    out.flag("attachable", network.attachable);
    out.option("enable_ipv4", network.enable_ipv4);
    out.option("enable_ipv6", network.enable_ipv6);
    out.pairs("labels", &network.labels);
    out
}

fn ipam(ipam: &Ipam) -> Object {
    let mut out = Object::default();
    out.text("driver", ipam.driver.as_deref());
    out.list(
        "config",
        ipam.pools.iter().map(|pool| {
            let mut out = Object::default();
            out.option("subnet", pool.subnet.map(|subnet| subnet.to_string()));
            out.option("ip_range", pool.ip_range.map(|range| range.to_string()));
            out.option("gateway", pool.gateway.map(|gateway| gateway.to_string()));
            let addresses =
                pool.aux_addresses.iter().map(|(name, ip)| (name.clone(), ip.to_string())).collect();
            out.pairs("aux_addresses", &addresses);
            out
        }),
    );
    out.pairs("options", &ipam.options);
    out
}

pub(super) fn volume(volume: &Volume) -> Object {
    let mut out = Object::default();
    out.set("name", escape(&volume.name));
    out.flag("external", volume.external);
    out.text("driver", volume.driver.as_deref());
    out.pairs("driver_opts", &volume.driver_opts);
    out.pairs("labels", &volume.labels);
    out
}

pub(super) fn file_object(object: &FileObject) -> Object {
    let mut out = Object::default();
    out.set("name", escape(&object.name));
    match &object.source {
        FileSource::File(path) => out.set("file", escape(&path.display().to_string())),
        FileSource::Environment { variable, .. } => out.set("environment", escape(variable)),
        FileSource::Content(content) => out.set("content", escape(content)),
        FileSource::External => out.set("external", true),
    }
    out.pairs("labels", &object.labels);
    out
}
