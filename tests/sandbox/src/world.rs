//! One cluster: its objects, its keys, and the controllers that run in it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::aggregation;
use crate::bootstrap;
use crate::certificate::Authority;
use crate::clock::Clock;
use crate::impersonate::Mode;
use crate::managed::{self, Manager};
use crate::object::{self, text};
use crate::resource::{self, Resource};
use crate::store::Store;
use crate::token::Signer;
use crate::user::User;

/// How a sandbox is to behave.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Whether successful token reviews are believed for 10 seconds.
    pub(crate) token_cache: bool,
    /// The longest lifetime of a requested token.
    pub(crate) max_token_ttl: Option<Duration>,
    /// Whether the controllers run.
    pub(crate) controllers: bool,
    /// Whether everybody may everything.
    pub(crate) always_allow: bool,
    /// How long a namespace takes to go away.
    pub(crate) namespace_cleanup: Duration,
    /// How long a list waits before it is answered.
    pub(crate) list_wait: Duration,
    /// How many API servers share the state.
    pub(crate) servers: usize,
    /// What tokens live by.
    pub(crate) clock: Clock,
}

/// The whole state of a cluster.
pub(crate) struct World {
    /// Every object.
    pub(crate) store: Store,
    /// The certificate authority.
    pub(crate) authority: Arc<Authority>,
    /// What signs `ServiceAccount` tokens.
    pub(crate) signer: Signer,
    /// The static bearer token of the admin.
    pub(crate) admin_token: String,
    /// Host and port.
    pub(crate) address: String,
    /// How to behave.
    pub(crate) settings: Settings,
    /// What the servers know that hear of no changes.
    pub(crate) lagging: HashMap<usize, Store>,
    /// Tokens that were valid a moment ago, at each server.
    pub(crate) token_cache: HashMap<(usize, String), (User, Instant)>,
    /// How each user acted as somebody else the last time.
    pub(crate) impersonations: HashMap<String, Mode>,
    /// Client certificates that were recognized.
    pub(crate) certificates: HashMap<Vec<u8>, User>,
    /// Terminating namespaces that are to be looked after again.
    pub(crate) doomed: BTreeSet<String>,
}

impl World {
    /// A new cluster with its bootstrap objects. Fails when the system has no randomness.
    pub(crate) fn new(
        authority: Arc<Authority>,
        admin_token: String,
        address: String,
        settings: Settings,
    ) -> anyhow::Result<World> {
        let mut world = World {
            store: Store::new(),
            authority,
            signer: Signer::new(settings.clock.clone())?,
            admin_token,
            address,
            settings,
            lagging: HashMap::new(),
            token_cache: HashMap::new(),
            impersonations: HashMap::new(),
            certificates: HashMap::new(),
            doomed: BTreeSet::new(),
        };
        bootstrap::fill(&mut world.store);
        for namespace in bootstrap::NAMESPACES {
            world.furnish_namespace(namespace);
        }
        Ok(world)
    }

    /// What the controllers do after an object came or changed.
    pub(crate) fn after_write(&mut self, resource: &Resource, object: &Value) {
        if resource.plural == "clusterroles" {
            aggregation::fill(&mut self.store);
        }
        if !self.settings.controllers {
            return;
        }
        match resource.plural {
            "namespaces" if !object::is_terminating(object) => {
                self.furnish_namespace(object::name(object));
            }
            "secrets" => self.fill_token_secret(object),
            _ => {}
        }
    }

    /// What the controllers do after an object went.
    pub(crate) fn after_remove(&mut self, resource: &Resource, object: &Value) {
        // The namespace may have waited for it.
        let within = object::namespace(object);
        if resource.namespaced && self.is_going(within) {
            self.doomed.insert(within.to_owned());
        }
        if self.settings.controllers && matches!(resource.plural, "clusterrolebindings") {
            self.collect_garbage(object::uid(object));
        }
        match resource.plural {
            "clusterroles" => aggregation::fill(&mut self.store),
            "serviceaccounts" if self.settings.controllers => {
                self.remove_token_secrets(object);
                let (namespace, name) = (object::namespace(object), object::name(object));
                if name == "default" {
                    self.furnish_namespace(namespace);
                }
            }
            _ => {}
        }
    }

    /// Removes the accounts and Secrets that were owned by an object that went, and by nothing else.
    fn collect_garbage(&mut self, owner: &str) {
        for kind in ["secrets", "serviceaccounts"] {
            let resource = resource::named(kind);
            let owned = |object: &&Value| {
                let owners = object::items(object, "/metadata/ownerReferences");
                !owners.is_empty() && owners.iter().all(|it| text(it, "/uid") == owner)
            };
            let doomed: Vec<Value> = self
                .store
                .list(resource, None)
                .filter(owned)
                .cloned()
                .collect();
            for object in doomed {
                let (namespace, name) = (object::namespace(&object), object::name(&object));
                self.store.remove(resource, namespace, name);
                self.after_remove(resource, &object);
            }
        }
    }

    /// Gives a namespace its default `ServiceAccount` and the certificate authority.
    pub(crate) fn furnish_namespace(&mut self, namespace: &str) {
        let accounts = resource::named("serviceaccounts");
        if !self.settings.controllers || self.is_going(namespace) {
            return;
        }
        if self.store.get(accounts, namespace, "default").is_none() {
            let account = json!({ "metadata": { "name": "default", "namespace": namespace } });
            self.put_new(accounts, account);
        }
        let maps = resource::named("configmaps");
        if self
            .store
            .get(maps, namespace, "kube-root-ca.crt")
            .is_none()
        {
            let map = json!({
                "metadata": {
                    "name": "kube-root-ca.crt",
                    "namespace": namespace,
                    "annotations": {
                        "kubernetes.io/description": "Contains a CA bundle that can be used to \
                            verify the kube-apiserver when using internal endpoints such as the \
                            internal service IP or kubernetes.default.svc. No other usage is \
                            guaranteed across distributions of Kubernetes clusters.",
                    },
                },
                "data": { "ca.crt": self.authority.pem() },
            });
            self.put_new(maps, map);
        }
    }

    /// Whether a namespace is missing or on its way out.
    pub(crate) fn is_going(&self, namespace: &str) -> bool {
        self.store
            .get(resource::named("namespaces"), "", namespace)
            .is_none_or(object::is_terminating)
    }

    /// Puts a token into a new `kubernetes.io/service-account-token` Secret, or removes the Secret
    /// when its account does not exist.
    fn fill_token_secret(&mut self, secret: &Value) {
        let is_token = text(secret, "/type") == "kubernetes.io/service-account-token";
        if !is_token || !text(secret, "/data/token").is_empty() {
            return;
        }
        let (namespace, name) = (object::namespace(secret), object::name(secret));
        let wanted = object::annotation(secret, "kubernetes.io/service-account.name");
        let account = self.store.get(
            resource::named("serviceaccounts"),
            namespace,
            wanted.unwrap_or_default(),
        );
        let secrets = resource::named("secrets");
        let Some(account) = account else {
            self.store.remove(secrets, namespace, name);
            return;
        };
        let Some(token) = self.signer.mint_legacy(account, name) else {
            return;
        };
        let mut filled = secret.clone();
        object::map_at(&mut filled["metadata"], "annotations").insert(
            "kubernetes.io/service-account.uid".into(),
            object::uid(account).into(),
        );
        filled["data"] = json!({
            "ca.crt": encode(&self.authority.pem()),
            "namespace": encode(namespace),
            "token": encode(&token),
        });
        let manager = manager("kube-controller-manager", false);
        managed::record_update(secret, &mut filled, &manager, "v1");
        self.store.put(secrets, filled);
    }

    fn remove_token_secrets(&mut self, account: &Value) {
        let secrets = resource::named("secrets");
        let namespace = object::namespace(account);
        let uid = object::uid(account);
        let doomed: Vec<String> = self
            .store
            .list(secrets, Some(namespace))
            .filter(|secret| {
                text(secret, "/type") == "kubernetes.io/service-account-token"
                    && object::annotation(secret, "kubernetes.io/service-account.uid") == Some(uid)
            })
            .map(|secret| object::name(secret).to_owned())
            .collect();
        for name in doomed {
            self.store.remove(secrets, namespace, &name);
        }
    }

    fn put_new(&mut self, resource: &Resource, mut object: Value) {
        let manager = manager("kube-controller-manager", false);
        managed::record_update(&json!({}), &mut object, &manager, &resource.api_version());
        object::set(&mut object, "uid", object::new_uid());
        object::set(&mut object, "creationTimestamp", object::now());
        self.store.put(resource, object);
    }
}

fn manager(name: &str, applies: bool) -> Manager {
    Manager {
        name: name.into(),
        applies,
        subresource: String::new(),
    }
}

/// Text as Secrets carry it.
pub(crate) fn encode(text: &str) -> String {
    STANDARD.encode(text)
}
