//! The addresses of a cluster's nodes.

use k8s_openapi::api::core::v1::Node;
use kube::api::ListParams;

use super::connection::Connection;
use super::error::Error;
use super::list::{Found, Kept, Scope};

/// How many nodes are read at once: a Node with its images has some 15 KB.
const NODES_AT_ONCE: u32 = 100;

/// A node of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NodeAddress {
    /// The node's name in the cluster.
    pub(crate) name: String,
    /// Where it is reached: its external address, else its internal one, else a host name.
    pub(crate) address: String,
}

/// The best address of a node: external, else internal, else a name.
fn best(node: &Node) -> Option<String> {
    let addresses = node.status.as_ref()?.addresses.as_ref()?;
    let kinds = [
        "ExternalIP",
        "InternalIP",
        "ExternalDNS",
        "InternalDNS",
        "Hostname",
    ];
    kinds.iter().find_map(|kind| {
        let found = addresses.iter().find(|found| found.type_ == *kind)?;
        Some(found.address.clone())
    })
}

impl Connection {
    /// Lists the nodes with an address each; a node without one is left out.
    pub(crate) async fn nodes(&self) -> Result<Vec<NodeAddress>, Error> {
        let params = ListParams::default().limit(NODES_AT_ONCE);
        let listed = self.list(
            "the nodes",
            Scope::Cluster,
            &params,
            |found: Found<Node>| {
                let Found::Object(node) = found else {
                    return None;
                };
                Some(NodeAddress {
                    address: best(&node)?,
                    name: node.metadata.name?,
                })
            },
        );
        Ok(listed.await?.items)
    }
}

impl Kept for NodeAddress {
    fn weight(&self) -> usize {
        self.name.len() + self.address.len() + size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(addresses: &[(&str, &str)]) -> Node {
        let addresses: Vec<_> = addresses
            .iter()
            .map(|(kind, address)| serde_json::json!({"type": kind, "address": address}))
            .collect();
        serde_json::from_value(serde_json::json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": "n"},
            "status": {"addresses": addresses},
        }))
        .expect("a node")
    }

    #[test]
    fn external_goes_before_internal_and_both_before_names() {
        let all = [
            ("Hostname", "n"),
            ("InternalIP", "10.0.0.1"),
            ("ExternalIP", "203.0.113.1"),
        ];
        assert_eq!(best(&node(&all)).as_deref(), Some("203.0.113.1"));
        assert_eq!(best(&node(&all[..2])).as_deref(), Some("10.0.0.1"));
        assert_eq!(best(&node(&all[..1])).as_deref(), Some("n"));
        assert_eq!(best(&node(&[])), None);
    }
}
