//! The rules against the two spec files that a person reviews: every cell, some thousands.

mod organization;
mod server;

use super::*;
use crate::domain::Timestamp;
use crate::domain::access::{Grant, effective};
use crate::domain::cluster::{Cluster, Issuer, ManagerKind};
use crate::domain::snapshot::fixture::World;
use crate::domain::user::{User, UserId};

const SPEC: &str = include_str!("../../../tests/policy.spec");
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(seconds, 0).expect("a small number of seconds is a time")
}

fn user(role: Role, active: bool) -> User {
    User {
        id: UserId(1),
        name: "u".parse().expect("a good name"),
        email: None,
        role,
        active,
        key: None,
        oidc: None,
        created_at: at(0),
    }
}

fn cluster(owner: Option<UserId>, state: State, protected: bool) -> Cluster {
    let world = World::new().cluster(|it| {
        it.owner = owner;
        it.state = state;
        it.protected = protected;
    });
    world.0.clusters[0].cluster.clone()
}

/// A principal as the store would describe one: role, ownership, grant.
#[derive(Debug, Clone, Copy)]
struct Principal {
    column: &'static str,
    role: Role,
    owns: bool,
    grant: Option<(Level, bool)>,
    bound: bool,
}

impl Principal {
    fn grant_on(&self, user: &User, cluster: &Cluster) -> Option<Grant> {
        let (level, ended) = self.grant?;
        Some(Grant {
            user: user.id,
            cluster: cluster.id,
            level,
            granted_at: at(1),
            granted_by: user.id,
            ends_at: Some(at(if ended { 1000 } else { 1001 })),
            reason: String::new(),
        })
    }
}

const fn principal(column: &'static str, role: Role) -> Principal {
    Principal {
        column,
        role,
        owns: false,
        grant: None,
        bound: false,
    }
}

const PRINCIPALS: [Principal; 16] = [
    principal("owner", Role::Owner),
    principal("admin", Role::Admin),
    Principal {
        owns: true,
        ..principal("admin", Role::Admin)
    },
    Principal {
        grant: Some((Level::Read, false)),
        ..principal("admin", Role::Admin)
    },
    Principal {
        owns: true,
        ..principal("cluster-owner", Role::Developer)
    },
    // A grant neither downgrades nor removes the cluster's owner.
    Principal {
        owns: true,
        grant: Some((Level::Read, false)),
        ..principal("cluster-owner", Role::Developer)
    },
    Principal {
        grant: Some((Level::Write, false)),
        ..principal("write", Role::Developer)
    },
    Principal {
        grant: Some((Level::Read, false)),
        ..principal("read", Role::Developer)
    },
    // A binding adds nothing to what a level lets one ask of kubegrant.
    Principal {
        grant: Some((Level::Read, false)),
        bound: true,
        ..principal("read", Role::Developer)
    },
    Principal {
        owns: true,
        bound: true,
        ..principal("cluster-owner", Role::Developer)
    },
    Principal {
        bound: true,
        ..principal("bound", Role::Developer)
    },
    Principal {
        grant: Some((Level::Write, true)),
        bound: true,
        ..principal("bound", Role::Developer)
    },
    principal("none", Role::Developer),
    Principal {
        grant: Some((Level::Write, true)),
        ..principal("none", Role::Developer)
    },
    Principal {
        grant: Some((Level::Read, true)),
        ..principal("none", Role::Developer)
    },
    Principal {
        owns: true,
        grant: Some((Level::Read, true)),
        ..principal("cluster-owner", Role::Developer)
    },
];

/// What one is in the cluster's project, with its column.
const IN_PROJECT: [(Option<ProjectRole>, &str); 4] = [
    (None, "none"),
    (Some(ProjectRole::Viewer), "viewer"),
    (Some(ProjectRole::Editor), "editor"),
    (Some(ProjectRole::Owner), "editor"),
];

const STANDINGS: [Standing; 5] = [
    Standing::Nothing,
    Standing::Live,
    Standing::Ending,
    Standing::Ended,
    Standing::Blocked,
];

fn action_word(action: ClusterAction) -> &'static str {
    match action {
        ClusterAction::See => "see",
        ClusterAction::OwnKubeconfig => "own-kubeconfig",
        ClusterAction::SharedKubeconfig => "shared-kubeconfig",
        ClusterAction::KubeconfigFor => "kubeconfig-for",
        ClusterAction::ChangeSettings => "change-settings",
        ClusterAction::SshKey => "ssh-key",
        ClusterAction::ManageSshKey => "manage-ssh-key",
        ClusterAction::Grant => "grant",
        ClusterAction::TeamList => "team-list",
        ClusterAction::TeamRotate => "team-rotate",
        ClusterAction::TeamRevoke => "team-revoke",
        ClusterAction::Protect => "protect",
        ClusterAction::Archive => "archive",
        ClusterAction::Unarchive => "unarchive",
        ClusterAction::Delete => "delete",
        ClusterAction::Sensitive => "sensitive",
        ClusterAction::WidenWrite => "widen-write",
        ClusterAction::Transfer => "transfer",
        ClusterAction::Operate => "operate",
        ClusterAction::BindLevel => "bind-level",
        ClusterAction::UnbindLevel => "unbind-level",
        ClusterAction::BindRole => "bind-role",
        ClusterAction::UnbindRole => "unbind-role",
        ClusterAction::ExplainOthers => "explain-others",
    }
}

fn outcome_word(outcome: Result<(), Denial>) -> &'static str {
    match outcome {
        Ok(()) => "yes",
        Err(Denial::Disabled) => "disabled",
        Err(Denial::UnknownCluster | Denial::UnknownProject) => "hidden",
        Err(Denial::NotOnCluster(_) | Denial::NotInProject(_) | Denial::AdminsOnly(_)) => "no",
        Err(Denial::OwnersOnly) => "owners",
        Err(Denial::NotServed) => "not-served",
        Err(Denial::AccessRevoked) => "revoked",
        Err(Denial::Archived(_)) => "archived",
        Err(Denial::Protected(_)) => "protected",
        Err(Denial::NotArchived) => "not-archived",
    }
}

/// The rows of a spec: the words before each cell's column name.
fn rows(spec: &'static str) -> (Vec<&'static str>, Vec<Vec<&'static str>>) {
    let mut lines = spec
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
        .map(|line| {
            line.split_whitespace()
                .filter(|word| *word != "|")
                .collect::<Vec<_>>()
        });
    let header = lines.next().expect("the spec has a header");
    (header, lines.collect())
}

fn cell(header: &[&'static str], row: &[&'static str], column: &str) -> &'static str {
    // Rows of the organization's spec name the action in several words: count from the right.
    let index = header
        .iter()
        .position(|name| *name == column)
        .expect("a column of the spec");
    row[row.len() - (header.len() - index)]
}

/// One row of a spec, with the names of its columns.
#[derive(Clone, Copy)]
struct SpecLine<'a> {
    header: &'a [&'static str],
    row: &'a [&'static str],
}

/// Who asks.
#[derive(Clone, Copy)]
struct Asker {
    principal: Principal,
    project: Option<ProjectRole>,
    active: bool,
}

fn active(principal: Principal, project: Option<ProjectRole>) -> Asker {
    Asker {
        principal,
        project,
        active: true,
    }
}

/// How things stand on the cluster.
#[derive(Clone, Copy)]
struct There {
    state: State,
    protected: bool,
    standing: Standing,
}

/// What the spec says of one cell, in the order that the spec itself describes.
fn expected(
    line: SpecLine<'_>,
    principal: &Principal,
    project: &'static str,
    there: There,
) -> &'static str {
    let cell = |column| cell(line.header, line.row, column);
    let alone = cell(principal.column);
    let through = cell(project);
    let who = match (alone, through) {
        (_, "yes") => "yes",
        ("hidden", through) => through,
        (alone, _) => alone,
    };
    if who != "yes" {
        return who;
    }
    let state_column = if there.state == State::Archived {
        "archived"
    } else {
        "active"
    };
    let mut columns = vec![state_column];
    if there.protected {
        columns.push("protected");
    }
    if there.standing == Standing::Blocked {
        columns.push("blocked");
    }
    columns
        .into_iter()
        .map(cell)
        .find(|it| *it != "same")
        .unwrap_or("yes")
}

#[test]
fn every_cell_of_the_cluster_rules_is_as_the_spec_says() {
    let (header, rows) = rows(SPEC);
    assert_eq!(
        rows.len(),
        ClusterAction::ALL.len(),
        "every action has its row"
    );
    let mut cells = 0;
    for action in ClusterAction::ALL {
        let word = action_word(action);
        let row = rows
            .iter()
            .find(|row| row[0] == word)
            .expect("every action has its row");
        let everybody = PRINCIPALS
            .into_iter()
            .flat_map(|principal| IN_PROJECT.map(|project| (principal, project)));
        for (principal, (role, column)) in everybody {
            for active in [true, false] {
                for state in [State::Active, State::Archived] {
                    for protected in [false, true] {
                        for standing in STANDINGS {
                            let there = There {
                                state,
                                protected,
                                standing,
                            };
                            let line = SpecLine {
                                header: &header,
                                row,
                            };
                            let asker = Asker {
                                principal,
                                project: role,
                                active,
                            };
                            let outcome = decide(asker, action, there);
                            let want = if active {
                                expected(line, &principal, column, there)
                            } else {
                                "disabled"
                            };
                            assert_eq!(
                                outcome_word(outcome),
                                want,
                                "{word}: {principal:?} {role:?} {active} {state} {protected} {standing:?}"
                            );
                            cells += 1;
                        }
                    }
                }
            }
        }
    }
    assert_eq!(cells, ClusterAction::ALL.len() * 16 * 4 * 2 * 2 * 2 * 5);
}

fn decide(asker: Asker, action: ClusterAction, there: There) -> Result<(), Denial> {
    let Asker {
        principal,
        project,
        active,
    } = asker;
    let There {
        state,
        protected,
        standing,
    } = there;
    let now = at(1000);
    let user = user(principal.role, active);
    let cluster = cluster(principal.owns.then_some(user.id), state, protected);
    let grant = principal.grant_on(&user, &cluster);
    // A disabled user's access is none; the rule about them must speak before the cluster hides.
    let access = effective(&user, &cluster, grant.as_ref(), now).or_bound(&user, principal.bound);
    on_cluster(
        Actor {
            role: user.role,
            active,
        },
        action,
        Target {
            access,
            project,
            state,
            protected,
            standing,
        },
    )
}

#[test]
fn power_is_monotone_from_none_to_owner() {
    let ladder = [
        "none",
        "bound",
        "read",
        "write",
        "cluster-owner",
        "admin",
        "owner",
    ];
    for action in ClusterAction::ALL {
        for state in [State::Active, State::Archived] {
            for protected in [false, true] {
                for standing in STANDINGS {
                    let mut was_allowed = false;
                    for step in ladder {
                        let principal = PRINCIPALS
                            .into_iter()
                            .find(|principal| principal.column == step)
                            .expect("every step is a principal");
                        let there = There {
                            state,
                            protected,
                            standing,
                        };
                        let allowed = decide(active(principal, None), action, there).is_ok();
                        // A member of the project loses nothing by that.
                        for (role, _) in IN_PROJECT {
                            let with = decide(active(principal, role), action, there).is_ok();
                            assert!(with || !allowed, "{action:?} lost by {role:?}");
                        }
                        assert!(allowed || !was_allowed, "{action:?} lost at {step}");
                        was_allowed = allowed;
                    }
                }
            }
        }
    }
}

#[test]
fn only_active_admins_and_the_clusters_owner_open_its_secrets_and_admins_alone_the_managers() {
    let world = World::new()
        .with_user("tom", |it| (it.role, it.active) = (Role::Admin, false))
        .with_user("eve", |it| it.key = None);
    let cluster = &world.0.clusters[0].cluster;
    let issuer = Issuer {
        account: "kubegrant-issuer-00000000".to_owned(),
        kind: ManagerKind::Token,
        generation: 1,
        expires_at: None,
    };
    let with_issuer = Cluster {
        issuer: Some(issuer),
        ..cluster.clone()
    };
    for (name, opens, once_active) in [
        ("olga", true, true),
        ("ada", true, true),
        ("eve", true, true),
        ("bob", false, false),
        ("dan", false, false),
        ("tom", false, true),
    ] {
        let user = world.user(name);
        for which in [
            Which::IssuerLogin,
            Which::ProviderToken,
            Which::ManagerLogin,
        ] {
            assert_eq!(may_open(user, cluster, &which), opens, "{name} {which:?}");
            let active = opens_while_active(user, cluster, &which);
            assert_eq!(active, once_active, "{name} {which:?}");
            let is_managers = which == Which::ManagerLogin;
            let opens = opens && (!is_managers || user.role.is_admin());
            assert_eq!(
                may_open(user, &with_issuer, &which),
                opens,
                "{name} {which:?}"
            );
        }
    }
}

#[test]
fn who_sees_and_who_manages_is_who_the_rules_let() {
    for principal in PRINCIPALS {
        for (project, _) in IN_PROJECT {
            let there = There {
                state: State::Active,
                protected: false,
                standing: Standing::Nothing,
            };
            let allowed = |action| decide(active(principal, project), action, there).is_ok();
            let user = user(principal.role, true);
            let cluster = cluster(principal.owns.then_some(user.id), State::Active, false);
            let grant = principal.grant_on(&user, &cluster);
            let access = effective(&user, &cluster, grant.as_ref(), at(1000));
            let access = access.or_bound(&user, principal.bound);
            assert_eq!(sees(access, project), allowed(ClusterAction::See));
            assert_eq!(manages(access), allowed(ClusterAction::Operate));
            // Whoever manages a cluster may open its secrets, and nobody else.
            assert_eq!(
                manages(access),
                may_open(&user, &cluster, &Which::IssuerLogin)
            );
        }
    }
}
