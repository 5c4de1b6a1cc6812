//! What a server opens, and what it does for those who log in to it.

use super::*;
use crate::domain::action::Action;
use crate::domain::cluster::SelfService;

#[test]
fn a_server_opens_what_self_service_gives_it_and_acts_for_whoever_logs_in() {
    let ssh = Which::SshKey {
        id: crate::domain::ssh::SshKeyId(1),
        fingerprint: String::new(),
    };
    let secrets = [
        Which::ManagerLogin,
        Which::ProviderToken,
        Which::IssuerLogin,
        ssh,
    ];
    // Also where it would be the owner, which nobody can make it.
    let mut on = cluster(Some(UserId(1)), State::Active, false);
    let opened = |on: &Cluster, active: bool| {
        let server = user(Role::Server, active);
        secrets.clone().map(|which| may_open(&server, on, &which))
    };
    for (how, want) in [
        (SelfService::Off, [false, false, false, false]),
        (SelfService::On, [false, false, true, false]),
        (SelfService::WithSshKey, [false, false, true, true]),
    ] {
        on.self_service = how;
        assert_eq!(opened(&on, true), want, "{how}");
        assert_eq!(opened(&on, false), [false; 4], "{how}");
    }
    let access = effective(&user(Role::Server, true), &on, None, at(1000));
    assert_eq!(access, Access::None);
    for (holder, of, may) in [
        (Role::Server, Role::Owner, true),
        (Role::Server, Role::Developer, true),
        (Role::Server, Role::Server, false),
        (Role::Admin, Role::Developer, true),
        (Role::Admin, Role::Owner, false),
        (Role::Owner, Role::Admin, true),
        (Role::Developer, Role::Developer, false),
    ] {
        for active in [true, false] {
            let holder = Actor {
                role: holder,
                active,
            };
            assert_eq!(act_as(holder, of).is_ok(), may && active, "{holder:?} {of}");
        }
    }
    for action in ClusterAction::ALL {
        let target = Target {
            access,
            project: None,
            state: State::Active,
            protected: false,
            standing: Standing::Nothing,
        };
        let server = Actor {
            role: Role::Server,
            active: true,
        };
        let refused = on_cluster(server, action, target);
        assert_eq!(refused, Err(Denial::UnknownCluster), "{action:?}");
    }
}

#[test]
fn what_a_server_decides_for_others_is_no_more_than_it_could_do_itself() {
    use ClusterAction as A;
    for asked in ClusterAction::ALL {
        let served = |how| is_served(Action::ClusterShow, asked, how);
        let looks_or_takes = [
            A::See,
            A::UnbindLevel,
            A::UnbindRole,
            A::ExplainOthers,
            A::TeamList,
        ];
        let gives = [
            A::OwnKubeconfig,
            A::KubeconfigFor,
            A::Grant,
            A::TeamRotate,
            A::TeamRevoke,
        ];
        let always = looks_or_takes.contains(&asked);
        assert_eq!(served(SelfService::Off), always, "{asked:?}");
        let on = always || gives.contains(&asked);
        assert_eq!(served(SelfService::On), on, "{asked:?}");
        // Root on the nodes is given where somebody said so.
        let with_key = on || asked == A::SshKey;
        assert_eq!(served(SelfService::WithSshKey), with_key, "{asked:?}");
    }
    // What takes away is refused nowhere.
    for (command, asked) in [
        (Action::AccessRevoke, A::Grant),
        (Action::TeamRevoke, A::TeamRevoke),
    ] {
        assert!(is_served(command, asked, SelfService::Off));
    }
    for (command, asked) in [
        (Action::AccessGrant, A::Grant),
        (Action::TeamRestore, A::TeamRevoke),
    ] {
        assert!(!is_served(command, asked, SelfService::Off));
    }
}
