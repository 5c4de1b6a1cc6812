//! Many at once: processes that share one store and one cluster.

use crate::home::{Home, Started, switch};
use crate::oracle::Oracle;

/// What the processes do, in turns.
const MIX: [&str; 16] = [
    "access grant bob --cluster dev --level write",
    "kubeconfig download dev --user bob --plain --force -f bob.conf",
    "access revoke bob --cluster dev --yes",
    "access grant carol --cluster dev --level read",
    "kubeconfig download dev --user carol --plain --force -f carol.conf",
    "kubeconfig rotate dev",
    "access grant bob --cluster dev --level read",
    "reconcile",
    "kubeconfig download dev --shared --user carol --plain --force -f team.conf",
    "project rotate team --yes",
    "project remove-member carol --project team --yes",
    "project add-member carol --project team --role editor",
    "rbac bind bob --cluster dev --cluster-role view -n shop",
    "rbac unbind bob --cluster dev --cluster-role view -n shop --yes",
    "shell dev -- true",
    "shell dev --level read -- true",
];

#[test]
fn sixteen_processes_at_once_leave_store_and_cluster_of_one_mind() {
    let rounds: usize =
        switch("KUBEGRANT_ROUNDS").map_or(1, |count| count.parse().expect("a count"));
    let home = Home::with_cluster();
    for words in [
        "project create team",
        "cluster set dev --project team",
        "project add-member carol --project team --role editor",
    ] {
        drop(home.run(words).success());
    }
    let mut oracle = Oracle::new(&home);
    for round in 0..rounds {
        let started: Vec<Started> = (0..16)
            .map(|number| home.start(MIX[(number + round) % MIX.len()]))
            .collect();
        for process in started {
            let ran = process.finish();
            // 3 and 5: what a command needs was taken away by another one meanwhile.
            let gone = ran.code == 3 && ran.stderr.contains("no member 'carol'");
            assert!(matches!(ran.code, 0 | 5) || gone, "{ran}");
            assert!(!ran.stderr.contains("locked"), "{ran}");
            assert!(!ran.stderr.contains("busy"), "{ran}");
        }
        assert_eq!(oracle.look(&home), Vec::<String>::new());
        drop(home.run("reconcile").success());
        assert_eq!(oracle.settled(&home), Vec::<String>::new());
        drop(home.run("audit verify").success());
    }
}

#[test]
fn sixteen_first_runs_make_one_organization() {
    let home = Home::new();
    let started: Vec<Started> = (0..16)
        .map(|_| home.start("init --organization Acme --owner alice"))
        .collect();
    let codes: Vec<i32> = started
        .into_iter()
        .map(|process| {
            let ran = process.finish();
            assert!(matches!(ran.code, 0 | 5), "{ran}");
            ran.code
        })
        .collect();
    assert!(codes.contains(&0));
    drop(home.run("whoami").success());
    drop(home.run("user list").success());
    drop(home.run("audit verify").success());
}
