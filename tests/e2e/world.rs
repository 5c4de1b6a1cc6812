//! The world that a scenario runs in.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use kubegrant_sandbox::Sandbox;

use crate::caller::Caller;
use crate::real::Server;

/// When waiting is given up. It measures nothing: a machine may be as slow as it likes.
pub(crate) const HANG: Duration = Duration::from_mins(5);

/// One request that an API server saw.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// The path with its query.
    pub(crate) path: String,
    /// The status of the answer.
    pub(crate) status: u16,
}

/// An API server.
pub(crate) trait World {
    /// A kubeconfig of a member of `system:masters`.
    fn admin_kubeconfig(&self) -> String;
    /// Whether it is a real kube-apiserver.
    fn is_real(&self) -> bool;
    /// Whether controllers run: default accounts, token Secrets, the end of namespaces.
    fn has_controllers(&self) -> bool;

    /// Waits where a real server needs a while to hear of a change, or to forget a token. The
    /// sandbox has heard of everything at once, and keeps no token.
    fn let_pass(&self, time: Duration) {
        if self.is_real() {
            std::thread::sleep(time);
        }
    }

    /// Someone who may everything.
    fn admin(&self) -> Caller {
        Caller::new(&self.admin_kubeconfig())
    }
}

/// An API server of one test alone, which it may break.
pub(crate) trait Breakable: World {
    /// Ends it; its state stays.
    fn stop(&mut self);
    /// Starts it again.
    fn restart(&mut self);
    /// Replaces it by an empty one at the same address, with the same certificate authority.
    fn rebuild(&mut self);
    /// What it was asked since it started, in order, but for what its own controllers ask.
    fn asked(&self) -> Vec<Asked>;
}

/// The folder of the real server's programs, if there is one. Says once when there is none.
fn assets() -> Option<&'static PathBuf> {
    static ASSETS: OnceLock<Option<PathBuf>> = OnceLock::new();
    ASSETS
        .get_or_init(|| {
            #[expect(clippy::disallowed_methods, reason = "a test asks the world itself")]
            let folder = std::env::var_os("KUBEBUILDER_ASSETS").filter(|name| !name.is_empty());
            if folder.is_none() {
                crate::say(
                    "e2e: KUBEBUILDER_ASSETS is not set: the scenarios run against the sandbox, \
                     no real kube-apiserver was used",
                );
            }
            folder.map(PathBuf::from)
        })
        .as_ref()
}

/// kubectl, where it stands beside the real server's programs.
pub(crate) fn kubectl() -> Option<PathBuf> {
    let path = assets()?.join("kubectl");
    path.exists().then_some(path)
}

/// A world that scenarios share: each with its own installation, in its own namespaces.
pub(crate) fn shared() -> Box<dyn World> {
    static SERVER: OnceLock<Server> = OnceLock::new();
    match assets() {
        None => Box::new(Sandbox::start().expect("the sandbox starts")),
        Some(assets) => Box::new(SERVER.get_or_init(|| Server::start(assets, None))),
    }
}

/// A world of one test alone; `token_max` caps the lifetime of requested tokens.
pub(crate) fn alone(token_max: Option<Duration>) -> Box<dyn Breakable> {
    match assets() {
        None => {
            let builder = Sandbox::builder().max_token_ttl(token_max);
            Box::new(builder.start().expect("the sandbox starts"))
        }
        Some(assets) => Box::new(Server::start(assets, token_max)),
    }
}

/// A world of one test alone in which everybody who logs in may everything.
pub(crate) fn without_rbac() -> Box<dyn Breakable> {
    match assets() {
        None => {
            let builder = Sandbox::builder().always_allow(true);
            Box::new(builder.start().expect("the sandbox starts"))
        }
        Some(assets) => Box::new(Server::start_with(assets, None, "AlwaysAllow")),
    }
}

impl World for Sandbox {
    fn admin_kubeconfig(&self) -> String {
        Sandbox::admin_kubeconfig(self)
    }

    fn is_real(&self) -> bool {
        false
    }

    fn has_controllers(&self) -> bool {
        true
    }
}

impl Breakable for Sandbox {
    fn stop(&mut self) {
        Sandbox::stop(self);
    }

    fn restart(&mut self) {
        Sandbox::restart(self).expect("the sandbox starts again");
    }

    fn rebuild(&mut self) {
        Sandbox::rebuild(self).expect("the sandbox starts anew");
    }

    fn asked(&self) -> Vec<Asked> {
        let asked = |request: kubegrant_sandbox::Recorded| Asked {
            path: request.path,
            status: request.status,
        };
        self.requests().into_iter().map(asked).collect()
    }
}
