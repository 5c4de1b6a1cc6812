//! A small organization for tests of what is decided: who is in it, and one cluster, `prod`.
//!
//! Users: `olga` (owner), `ada` (admin), `eve` (owns `prod`), `bob`, `carol` and `tom` (developers)
//! and `dan` (disabled). Project `shop` has the cluster once it is put into it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Circumstances, ClusterSnapshot, People};
use crate::domain::Timestamp;
use crate::domain::access::{Grant, Level, Power};
use crate::domain::account_name::{AccountName, Home};
use crate::domain::binding::{Binding, BindingId, Bound};
use crate::domain::cluster::{Address, Cluster, ClusterId, ManagerKind, State, WriteScope};
use crate::domain::credential::{self, Credential, CredentialId, Subject};
use crate::domain::installation::InstallationId;
use crate::domain::power::RoleRef;
use crate::domain::project::{Holder, Project, ProjectId, ProjectRole, SharedLevel};
use crate::domain::rows::Rows;
use crate::domain::shard::Shard;
use crate::domain::user::{Role, User, UserId};

/// The cluster's number.
pub(crate) const PROD: ClusterId = ClusterId(1);
/// The project's number.
pub(crate) const SHOP: ProjectId = ProjectId(1);

/// A time at which everything happens.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_timestamp(1_790_000_000, 0).expect("a time")
}

/// So many hours after it.
pub(crate) fn hours_later(hours: i64) -> Timestamp {
    now() + chrono::TimeDelta::hours(hours)
}

/// The organization, to be changed until it is the one that a test is about.
#[derive(Debug, Clone)]
pub(crate) struct World(pub(crate) Rows);

impl World {
    /// The users and the cluster, and nothing given to anybody.
    pub(crate) fn new() -> Self {
        let users = [
            ("olga", Role::Owner, true),
            ("ada", Role::Admin, true),
            ("eve", Role::Developer, true),
            ("bob", Role::Developer, true),
            ("carol", Role::Developer, true),
            ("tom", Role::Developer, true),
            ("dan", Role::Developer, false),
        ];
        let users = (1..).zip(users).map(|(id, (name, role, active))| {
            let user = User {
                id: UserId(id),
                name: name.parse().expect("a name"),
                email: None,
                role,
                active,
                key: Some(format!("age1{name}")),
                oidc: None,
                created_at: now(),
            };
            (user.id, user)
        });
        let people = Arc::new(People {
            users: users.collect(),
            projects: BTreeMap::from([(SHOP, "shop".parse().expect("a name"))]),
            named: None,
            provider: None,
            projects_by_name: BTreeMap::from([("shop".parse().expect("a name"), SHOP)]),
            roles: BTreeMap::new(),
        });
        let mut world = Self(Rows {
            registered: vec![],
            ssh_keys: vec![],
            ssh_nodes: vec![],
            clusters: vec![prod(&people)],
            project: Some(Project {
                id: SHOP,
                name: "shop".parse().expect("a name"),
                description: String::new(),
                created_at: now(),
            }),
            people,
        });
        world.on().cluster.owner = Some(world.id("eve"));
        world
    }

    /// A user by name.
    pub(crate) fn user(&self, name: &str) -> &User {
        let mut users = self.0.people.users.values();
        let found = users.find(|user| user.name.as_str() == name);
        found.expect("somebody of the fixture")
    }

    /// A user's number.
    pub(crate) fn id(&self, name: &str) -> UserId {
        self.user(name).id
    }

    /// The cluster's rows, to be changed.
    pub(crate) fn on(&mut self) -> &mut ClusterSnapshot {
        &mut self.0.clusters[0]
    }

    /// The people, to be changed.
    pub(crate) fn change_people(mut self, change: impl FnOnce(&mut People)) -> Self {
        let mut people = People::clone(&self.0.people);
        change(&mut people);
        self.0.people = Arc::new(people);
        let people = self.0.people.clone();
        self.on().people = people;
        self
    }

    /// Changes a user.
    pub(crate) fn with_user(self, name: &str, change: impl FnOnce(&mut User)) -> Self {
        let id = self.id(name);
        self.change_people(|people| change(people.users.get_mut(&id).expect("somebody")))
    }

    /// Gives a grant without an end, or with one.
    pub(crate) fn grant(mut self, name: &str, level: Level, ends_at: Option<Timestamp>) -> Self {
        let (user, by) = (self.id(name), self.id("ada"));
        let grant = Grant {
            user,
            cluster: PROD,
            level,
            granted_at: now(),
            granted_by: by,
            ends_at,
            reason: String::new(),
        };
        Arc::make_mut(&mut self.on().grants).insert(user, grant);
        self
    }

    /// Issues the next version of a subject, which is active.
    pub(crate) fn issue(mut self, subject: Subject, power: Power) -> Self {
        let on = self.on();
        let version = on.next_version(subject);
        let id = i64::try_from(on.credentials.len()).expect("few") + 1;
        let owner = on.subject_name(subject).expect("somebody of the fixture");
        let account = AccountName::new(&owner, [0; 4], version, Home::Own);
        on.numbers.insert(subject, version);
        Arc::make_mut(&mut on.credentials).push(Credential {
            id: CredentialId(id),
            subject,
            owner,
            cluster: PROD,
            version,
            account,
            power,
            shard: Shard::FIRST,
            renews: None,
            state: credential::State::Active,
            ended_because: None,
            created_at: now(),
            issued_at: Some(now()),
            ended_at: None,
            revoked_at: None,
            token_expires_at: None,
            until: None,
        });
        self
    }

    /// The versions that are not revoked.
    pub(crate) fn credentials(&mut self) -> &mut Vec<Credential> {
        Arc::make_mut(&mut self.on().credentials)
    }

    /// Issues a user's own kubeconfig.
    pub(crate) fn personal(self, name: &str, power: Power) -> Self {
        let subject = Subject::Personal(self.id(name));
        self.issue(subject, power)
    }

    /// Puts the cluster into project `shop`.
    pub(crate) fn in_shop(mut self) -> Self {
        self.on().cluster.project = Some(SHOP);
        self
    }

    /// Makes somebody a member of project `shop`.
    pub(crate) fn member(self, name: &str, role: ProjectRole) -> Self {
        let id = self.id(name);
        self.change_people(|people| {
            people.roles.insert((SHOP, id), role);
        })
    }

    /// Issues a shared kubeconfig of project `shop`, held by these.
    pub(crate) fn shared(self, level: SharedLevel, holders: &[&str]) -> Self {
        let subject = Subject::Shared {
            project: SHOP,
            level,
        };
        let mut world = self.issue(subject, level.power());
        let ids: Vec<UserId> = holders.iter().map(|name| world.id(name)).collect();
        let on = world.on();
        let id = on.credentials.last().expect("just issued").id;
        let holders = ids.into_iter().map(|user| Holder {
            user,
            at: now(),
            kept: false,
        });
        on.holders.insert(id, holders.collect());
        world
    }

    /// Binds a ClusterRole to somebody.
    pub(crate) fn bind(mut self, name: &str, role: &str) -> Self {
        let (user, by) = (self.id(name), self.id("ada"));
        let on = self.on();
        let id = i64::try_from(on.bindings.len()).expect("few") + 1;
        on.bindings.push(Binding {
            id: BindingId(id),
            user,
            cluster: PROD,
            bound: Bound {
                place: None,
                role: RoleRef::Cluster(role.to_owned()),
            },
            bound_at: now(),
            bound_by: by,
            reason: String::new(),
            is_removed: false,
            is_pending: false,
        });
        self
    }

    /// Blocks somebody's kubeconfig.
    pub(crate) fn block(mut self, name: &str) -> Self {
        let user = self.id(name);
        self.on().blocks.insert(user);
        self
    }

    /// Changes the cluster's record.
    pub(crate) fn cluster(mut self, change: impl FnOnce(&mut Cluster)) -> Self {
        change(&mut self.on().cluster);
        self
    }

    /// What follows from effects, as sentences.
    pub(crate) fn follow(&self, effects: &[super::Effect]) -> Vec<String> {
        let after = self.0.after(effects);
        let found = after.clusters[0].consequences(&circumstances());
        found.effects.iter().map(|it| self.0.describe(it)).collect()
    }
}

/// Everything as it is when nothing is wrong with clocks and shells.
pub(crate) fn circumstances() -> Circumstances {
    Circumstances {
        now: now(),
        clocks_agree: Some(true),
        lost_shells: std::collections::BTreeSet::new(),
    }
}

fn prod(people: &Arc<People>) -> ClusterSnapshot {
    ClusterSnapshot {
        cluster: Cluster {
            id: PROD,
            name: "prod".parse().expect("a name"),
            state: State::Active,
            protected: false,
            owner: None,
            project: None,
            description: String::new(),
            labels: BTreeMap::new(),
            marks: crate::domain::mark::Marks::default(),
            address: Address {
                server: "https://prod.example:6443".to_owned(),
                ca_pem: None,
                tls_server_name: None,
                proxy_url: None,
            },
            public: None,
            kube_system_uid: "uid".to_owned(),
            version: "v1.36.0".to_owned(),
            manager: "kubegrant-manager".to_owned(),
            manager_kind: ManagerKind::Token,
            manager_generation: 1,
            manager_expires_at: None,
            issuer: None,
            write_scope: WriteScope::Namespaces,
            excluded: std::collections::BTreeSet::new(),
            included: std::collections::BTreeSet::new(),
            write_allow: std::collections::BTreeSet::new(),
            created_at: now(),
            reached_at: None,
            looked_at: None,
            scan_every: crate::domain::cluster::SCAN_EVERY_DEFAULT,
            self_service: crate::domain::cluster::SelfService::Off,
            deleting_at: None,
        },
        installation: InstallationId::new([0x0b, 0xad, 0xca, 0xfe]),
        people: people.clone(),
        grants: Arc::default(),
        blocks: std::collections::BTreeSet::new(),
        credentials: Arc::default(),
        holders: BTreeMap::new(),
        bindings: vec![],
        secrets: vec![],
        numbers: BTreeMap::new(),
        floors: BTreeMap::new(),
        reach_pending: false,
        older_logins: false,
        former: vec![],
        orphans_pending: false,
    }
}
