//! The flows that are tried, and what must be true after each.

use super::{installation, token_of};
use crate::home::Home;
use crate::oracle::{Books, Credential, Held};

/// One command, with what comes before it and what exit code 0 must mean.
pub(super) struct Flow {
    pub(super) name: &'static str,
    pub(super) before: &'static [&'static str],
    /// Whether the cluster is replaced between.
    pub(super) rebuilt: bool,
    /// A command that meets a dead API server, and so leaves something pending.
    pub(super) pending: Option<&'static str>,
    pub(super) words: &'static str,
    pub(super) goal: fn(&Home, &Books) -> bool,
}

const ADD: &str = "cluster add dev --kubeconfig admin.conf";

const GRANT: &str = "access grant bob --cluster dev --level write";

const DOWNLOAD: &str = "kubeconfig download dev --user bob --plain -f bob.conf --force";

const OTHERS: &str = "access grant carol --cluster dev --level read";

const OTHERS_FILE: &str = "kubeconfig download dev --user carol --plain -f carol.conf";

const TEAM: &str = "project create team";

const IN_TEAM: &str = "cluster set dev --project team";

const MEMBER: &str = "project add-member bob --project team --role viewer";

const SHARED: &str = "kubeconfig download dev --shared --user bob --plain -f bob.conf --force";

const BIND: &str = "rbac bind bob --cluster dev --cluster-role view -n shop";

pub(super) const fn flow(
    name: &'static str,
    before: &'static [&'static str],
    words: &'static str,
    goal: fn(&Home, &Books) -> bool,
) -> Flow {
    Flow {
        name,
        before,
        rebuilt: false,
        pending: None,
        words,
        goal,
    }
}

fn is_active(home: &Home, books: &Books) -> bool {
    let accounts = books.accounts("bob");
    let last = accounts.last().map_or("", |row| row.account.as_str());
    books.latest("bob") == "active"
        && home
            .read("bob.conf")
            .is_some_and(|text| token_of(&text) == last)
}

fn is_out(home: &Home, books: &Books) -> bool {
    let held = Held::read(home, &installation(home));
    books.latest("bob") == "revoked"
        && books
            .accounts("bob")
            .iter()
            .all(|row| !held.lets_in(&row.account))
}

/// The latest version of the team's shared kubeconfig works, and no earlier one does.
fn team_goes_on(home: &Home, books: &Books) -> bool {
    let held = Held::read(home, books.installation());
    let mut rows = books.others("team/read");
    rows.pop()
        .is_some_and(|last| last.state == "active" && held.lets_in(&last.account))
        && rows
            .iter()
            .all(|row| row.state == "revoked" && !held.lets_in(&row.account))
}

/// Whether bob is on the list of the role that he is bound to.
fn bob_is_listed(home: &Home, books: &Books) -> bool {
    let held = Held::read(home, books.installation());
    let accounts = books.accounts("bob");
    let is_his = |name: &String| accounts.iter().any(|row| row.account == *name);
    held.lists.iter().any(|((namespace, list), (_, names))| {
        namespace == "shop" && list.ends_with(":clusterrole:view") && names.iter().any(is_his)
    })
}

/// The flows of projects, role bindings and shells.
fn further_flows() -> Vec<Flow> {
    vec![
        flow(
            "shared download",
            &[ADD, TEAM, IN_TEAM, MEMBER],
            SHARED,
            |home, books| {
                let rows = books.others("team/read");
                let last = rows.last().map_or("", |row| row.account.as_str());
                let file = home.read("bob.conf");
                team_goes_on(home, books) && file.is_some_and(|text| token_of(&text) == last)
            },
        ),
        flow(
            "project rotate",
            &[ADD, TEAM, IN_TEAM, MEMBER, SHARED],
            "project rotate team --yes",
            |home, books| books.others("team/read").len() == 2 && team_goes_on(home, books),
        ),
        flow(
            "remove member",
            &[ADD, TEAM, IN_TEAM, MEMBER, SHARED],
            "project remove-member bob --project team --yes",
            |home, books| books.others("team/read").len() == 2 && team_goes_on(home, books),
        ),
        flow("bind", &[ADD, GRANT, DOWNLOAD], BIND, |home, books| {
            books.has_role("bob", "view") && bob_is_listed(home, books)
        }),
        flow(
            "unbind",
            &[ADD, GRANT, DOWNLOAD, BIND],
            "rbac unbind bob --cluster dev --cluster-role view -n shop --yes",
            |home, books| !books.has_role("bob", "view") && !bob_is_listed(home, books),
        ),
        flow("shell", &[ADD], "shell dev -- true", |home, books| {
            let held = Held::read(home, books.installation());
            let rows = books.others("alice/shell");
            let over = |row: &&Credential| row.state == "revoked" && !held.lets_in(&row.account);
            rows.len() == 1 && rows.iter().all(over)
        }),
    ]
}

pub(super) fn flows() -> Vec<Flow> {
    let rotate = "kubeconfig rotate dev -f alice.conf";
    let mut flows = vec![
        flow("cluster add", &[], ADD, |home, _| {
            home.call("cluster check dev").code == 0
        }),
        flow(
            "first download",
            &[ADD, OTHERS, OTHERS_FILE, GRANT],
            DOWNLOAD,
            is_active,
        ),
        flow(
            "second download",
            &[ADD, OTHERS, OTHERS_FILE, GRANT, DOWNLOAD],
            DOWNLOAD,
            is_active,
        ),
        flow(
            "revoke",
            &[ADD, OTHERS, OTHERS_FILE, GRANT, DOWNLOAD],
            "access revoke bob --cluster dev --yes",
            is_out,
        ),
        flow(
            "level change",
            &[ADD, OTHERS, OTHERS_FILE, GRANT, DOWNLOAD],
            "access grant bob --cluster dev --level read",
            is_out,
        ),
        flow(
            "rotate",
            &[ADD, GRANT, DOWNLOAD, "kubeconfig download dev"],
            rotate,
            |_, books| books.accounts("alice").len() == 2 && books.latest("alice") == "active",
        ),
        flow(
            "disable",
            &[ADD, OTHERS, OTHERS_FILE, GRANT, DOWNLOAD],
            "user disable bob --yes",
            is_out,
        ),
        flow(
            "set role",
            &[ADD, GRANT, DOWNLOAD],
            "user set-role bob admin",
            is_out,
        ),
        flow(
            "exclude",
            &[ADD, GRANT, DOWNLOAD],
            "cluster set dev --exclude shop",
            |home, _| {
                let held = Held::read(home, &installation(home));
                !held.lists.keys().any(|(namespace, _)| namespace == "shop")
            },
        ),
        flow(
            "relink",
            &[ADD, GRANT, DOWNLOAD],
            "cluster relink dev --kubeconfig admin.conf --yes",
            is_active,
        ),
        Flow {
            rebuilt: true,
            ..flow(
                "relink a rebuilt one",
                &[ADD, GRANT, DOWNLOAD],
                "cluster relink dev --kubeconfig admin.conf --yes",
                is_out,
            )
        },
        Flow {
            pending: Some("access revoke bob --cluster dev --yes"),
            ..flow(
                "reconcile a revoke",
                &[ADD, OTHERS, OTHERS_FILE, GRANT, DOWNLOAD],
                "reconcile",
                is_out,
            )
        },
        Flow {
            pending: Some(rotate),
            ..flow(
                "reconcile a rotate",
                &[ADD, GRANT, DOWNLOAD, "kubeconfig download dev"],
                "reconcile",
                |_, books| books.accounts("alice").len() == 2 && books.latest("alice") == "active",
            )
        },
    ];
    flows.extend(further_flows());
    flows
}
