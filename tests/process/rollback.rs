//! Going back to a backup, from every point of a life: what was issued since ends.

use crate::home::Home;
use crate::oracle::Oracle;

/// What happens to the organization, a command at a time; a backup is made before each.
const LIFE: [&str; 20] = [
    "access grant bob --cluster dev --level read",
    "kubeconfig download dev --user bob --plain -f bob1.conf",
    "access grant carol --cluster dev --level write",
    "kubeconfig download dev --user carol --plain -f carol1.conf",
    "--as bob kubeconfig rotate dev --no-download",
    "kubeconfig download dev --user bob --plain -f bob2.conf",
    "access grant bob --cluster dev --level write",
    "kubeconfig download dev --user bob --plain -f bob3.conf",
    "kubeconfig download dev --user dave --plain -f dave1.conf",
    "team revoke carol --cluster dev --yes",
    "cluster rotate-manager dev",
    "team restore carol --cluster dev",
    "kubeconfig download dev --user carol --plain -f carol2.conf",
    "user set-role dave developer",
    "cluster transfer dev --to carol --yes",
    "access revoke bob --cluster dev --yes",
    "cluster set dev --exclude shop",
    "access grant bob --cluster dev --level read",
    "user disable carol --yes",
    "kubeconfig download dev --user bob --plain -f bob4.conf",
];

/// Lives, goes back to before the command with this number, and looks. The manager's login of a
/// backup from before it was rotated does not work any more: it is renewed, as the error says.
fn back_to(point: usize) {
    let home = Home::with_cluster();
    for (number, words) in LIFE.iter().enumerate() {
        if number == point {
            drop(home.call("backup b.db").success());
        }
        let ran = home.call(words);
        assert_eq!(ran.code, 0, "{ran}");
    }
    drop(home.call("restore b.db --yes").success());
    drop(home.call("audit verify").success());
    let first = home.call("reconcile");
    if first.code != 0 {
        assert!(first.stderr.contains("cluster relink dev"), "{first}");
        assert!(point <= 10, "the login is that of the backup: {first}");
        let relink = "cluster relink dev --kubeconfig admin.conf --yes";
        drop(home.call(relink).success());
        drop(home.call("reconcile").success());
    }
    assert_eq!(
        Oracle::new(&home).disagreements(&home),
        Vec::<String>::new(),
        "{point}"
    );
    drop(home.call("audit verify").success());
    drop(home.call("status").success());
}

#[test]
fn a_restore_at_each_of_twenty_points_leaves_the_cluster_equal_to_the_store() {
    for point in 0..LIFE.len() {
        back_to(point);
    }
}
