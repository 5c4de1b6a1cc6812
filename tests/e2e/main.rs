//! The promises of the tool, kept against an API server: the sandbox, or a real kube-apiserver.
//!
//! Every scenario drives the real binary and asks the API server with the files that it handed
//! out. With `KUBEBUILDER_ASSETS` naming a folder that holds `kube-apiserver` and `etcd` (and, if
//! possible, `kube-controller-manager` and `kubectl`), the same scenarios run against those.

mod aggregation;
mod caller;
mod certificate;
mod drift;
mod ends;
mod escalation;
mod everybody;
mod excess;
mod excluded;
mod home;
mod installations;
mod issuer;
mod levels;
mod life;
mod others;
mod platforms;
mod probes;
mod projects;
mod rbac;
mod real;
mod renewal;
mod rotation;
mod round_trips;
mod servers;
mod serving;
mod taking;
mod world;

use std::io::Write as _;

/// Says a line on the screen, past the capture of test output.
pub(crate) fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("stderr takes a line");
}
