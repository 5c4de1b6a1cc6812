//! What the tool does without a network, at sizes that nobody should notice: `cargo bench`.
//!
//! `domain` imports nothing of ours, so it can be compiled into a benchmark as it is; whole
//! commands run through the library's front door.

#[expect(
    dead_code,
    unused_imports,
    reason = "a benchmark uses a part of the rules, and not their tests"
)]
#[path = "../src"]
mod source {
    pub(crate) mod domain;
}

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use divan::{Bencher, black_box};
use domain::access::{Access, Power};
use domain::cluster::State;
use domain::credential::CredentialId;
use domain::escalation;
use domain::installation::InstallationId;
use domain::plan::{self, Account, Desired, Observed, ObservedBinding};
use domain::policy::{self, Actor, ClusterAction, Standing, Target};
use domain::power::{Binding, RoleRef, Roles, Rule, Subject};
use domain::shard::Shard;
use domain::user::Role;
use kubegrant::env::{Env, Fixture};
use rusqlite::Connection;
use sha2::{Digest as _, Sha256};
use source::domain;

const USERS: i64 = 200;
const CLUSTERS: i64 = 50;
const NAMESPACES: usize = 500;
const AUDIT_ROWS: i64 = 100_000;
const NOW: i64 = 1_790_000_000;

fn main() {
    divan::main();
}

fn namespaces() -> BTreeSet<String> {
    (0..NAMESPACES).map(|n| format!("team-{n:03}")).collect()
}

/// The rules: every action, once.
#[divan::bench]
fn policy_of_every_action(bencher: Bencher<'_, '_>) {
    let actor = Actor {
        role: Role::Developer,
        active: true,
    };
    let target = Target {
        access: Access::ClusterOwner,
        project: None,
        state: State::Active,
        protected: false,
        standing: Standing::Live,
    };
    bencher.bench(|| {
        ClusterAction::ALL
            .into_iter()
            .filter(|action| policy::on_cluster(actor, *action, black_box(target)).is_ok())
            .count()
    });
}

/// Where write reaches, on a cluster of 500 namespaces with a controller in each.
#[divan::bench]
fn excluded_among_500_namespaces(bencher: Bencher<'_, '_>) {
    let own = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let rule = |resource: &str, verb: &str| Rule {
        groups: own(&[""]),
        resources: own(&[resource]),
        verbs: own(&[verb]),
        ..Rule::default()
    };
    let mut roles = Roles::default();
    roles
        .cluster
        .insert("edit".to_owned(), vec![rule("secrets", "get")]);
    roles
        .cluster
        .insert("harmless".to_owned(), vec![rule("pods", "get")]);
    let names = namespaces();
    let mut bindings = vec![];
    for (number, name) in names.iter().enumerate() {
        // Every tenth can write to the next: one long chain to follow.
        let role = if number % 10 == 0 { "edit" } else { "harmless" };
        let place = format!("team-{:03}", (number + 10) % NAMESPACES);
        bindings.push(Binding {
            namespace: Some(place),
            name: "robot".to_owned(),
            role: RoleRef::Cluster(role.to_owned()),
            subjects: vec![Subject::Account {
                namespace: name.clone(),
                name: "robot".to_owned(),
            }],
        });
    }
    let held = BTreeSet::from(["team-490".to_owned()]);
    let none = BTreeSet::new();
    bencher.bench(|| {
        let judged = escalation::judge(&names, black_box(&held), &none, &bindings, &roles);
        judged.excluded().len()
    });
}

/// A plan for 100 writers in 500 namespaces, one of whom is new.
#[divan::bench]
fn plan_of_100_writers_in_500_namespaces(bencher: Bencher<'_, '_>) {
    let account = |n: i64| Account {
        name: format!("user-{n}-00000000-v1"),
        user: format!("user-{n}").parse().expect("a good name"),
        credential: CredentialId(n),
        power: Power::Write,
        shard: Shard::FIRST,
    };
    let installation = InstallationId::new([0x0b, 0xad, 0xca, 0xfe]);
    let mut desired = Desired {
        keeps_lists: false,
        renewers: vec![],
        accounts: (0..99).map(account).collect(),
        installation: installation.clone(),
        bound: BTreeMap::new(),
        write_cluster_wide: false,
        keep: BTreeSet::new(),
    };
    let listed: BTreeSet<String> = desired.accounts.iter().map(|a| a.name.clone()).collect();
    let binding = |role: &str| ObservedBinding {
        uid: "uid".to_owned(),
        resource_version: "1".to_owned(),
        role: RoleRef::Cluster(role.to_owned()),
        accounts: listed.clone(),
        has_strangers: false,
        deleting: false,
        held: false,
        unlabelled: false,
    };
    let mut bindings = BTreeMap::new();
    let name = |role: &str| plan::binding_name(&installation, role);
    bindings.insert((None, name("view")), binding("view"));
    for namespace in namespaces() {
        bindings.insert((Some(namespace), name("edit")), binding("edit"));
    }
    let observed = Observed {
        bindings,
        write_reaches: namespaces(),
        ..Observed::default()
    };
    desired.accounts.push(account(99));
    bencher.bench(|| plan::plan(&desired, black_box(&observed)).steps().count());
}

/// A home whose store was filled by hand.
struct Home {
    folder: tempfile::TempDir,
    fixture: Fixture,
}

impl Home {
    fn new(fill: impl FnOnce(&Connection)) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let now = domain::Timestamp::from_timestamp(NOW, 0).expect("a time");
        let fixture = Fixture::new(now)
            .variable("HOME", folder.path())
            .current_dir(folder.path());
        let home = Self { folder, fixture };
        home.run("init --organization Acme --owner ana");
        let store = Path::new(".local/share/kubegrant/store.db");
        let store = Connection::open(home.folder.path().join(store)).expect("the store is there");
        store.execute_batch("BEGIN").expect("a transaction");
        fill(&store);
        store.execute_batch("COMMIT").expect("rows are kept");
        // Rows that were not written by the program are refused until somebody accepts them.
        home.run("audit accept --reason benchmark --yes");
        home
    }

    fn run(&self, line: &str) -> usize {
        let words = std::iter::once("kubegrant").chain(line.split_whitespace());
        let args: Vec<OsString> = words.map(OsString::from).collect();
        let code = kubegrant::run(&args, Env::fixed(&self.fixture));
        let (said, words) = (self.fixture.take_stdout(), self.fixture.take_stderr());
        assert!(code == ExitCode::SUCCESS, "kubegrant {line}: {words}");
        said.len()
    }
}

fn everybody_everywhere(store: &Connection) {
    for n in 2..=USERS {
        store
            .execute(
                "INSERT INTO users (id, name, role, created_at) VALUES (?1, ?2, 'developer', ?3)",
                (n, format!("user-{n}"), NOW),
            )
            .expect("a user");
    }
    for n in 1..=CLUSTERS {
        store
            .execute(
                "INSERT INTO clusters (id, name, server, kube_system_uid, manager, manager_kind,
                   created_at) VALUES (?1, ?2, 'https://10.0.0.1', ?2, 'm', 'token', ?3)",
                (n, format!("cluster-{n}"), NOW),
            )
            .expect("a cluster");
        for user in 2..=USERS {
            store
                .execute(
                    "INSERT INTO grants (cluster, user, level, granted_at, granted_by)
                     VALUES (?1, ?2, 'read', ?3, 1)",
                    (n, user, NOW),
                )
                .expect("a grant");
        }
    }
}

/// 9,950 grants, as a table.
#[divan::bench(sample_count = 20)]
fn access_list_of_200_users_on_50_clusters(bencher: Bencher<'_, '_>) {
    let home = Home::new(everybody_everywhere);
    bencher.bench_local(|| home.run("access list"));
}

/// The same for one user.
#[divan::bench(sample_count = 20)]
fn access_list_of_one_user(bencher: Bencher<'_, '_>) {
    let home = Home::new(everybody_everywhere);
    bencher.bench_local(|| home.run("access list --user user-7"));
}

/// The chain of hashes as the store writes it.
fn audit_rows(store: &Connection) {
    let last = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1";
    let (first, mut prev): (i64, String) = store
        .query_row(last, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .expect("init was recorded");
    for seq in first + 1..=AUDIT_ROWS {
        let detail = format!("read for 'user-{seq}'");
        let hash = audit_hash(&prev, seq, &detail);
        store
            .prepare_cached(
                "INSERT INTO audit (seq, at, actor, action, phase, cluster, detail, prev, hash)
                 VALUES (?1, ?2, 'ana', 'access grant', 'done', 'prod', ?3, ?4, ?5)",
            )
            .and_then(|mut insert| insert.execute((seq, NOW, &detail, &prev, &hash)))
            .expect("an event");
        prev = hash;
    }
}

fn audit_hash(prev: &str, seq: i64, detail: &str) -> String {
    let mut hasher = Sha256::new();
    let mut field = |bytes: &[u8]| {
        hasher.update((bytes.len() as u64).to_be_bytes());
        hasher.update(bytes);
    };
    field(prev.as_bytes());
    field(&seq.to_be_bytes());
    field(&NOW.to_be_bytes());
    for text in [
        Some("ana"),
        None,
        Some("access grant"),
        Some("done"),
        Some("prod"),
        None,
        Some(detail),
    ] {
        field(text.map_or(&[][..], str::as_bytes));
        field(&[u8::from(text.is_some())]);
    }
    field(&0i64.to_be_bytes());
    let bytes = hasher.finalize();
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes all text");
        text
    })
}

/// What relies on all that the store says: every guarded row is checked.
#[divan::bench(sample_count = 20)]
fn user_add_beside_9_950_grants(bencher: Bencher<'_, '_>) {
    let home = Home::new(everybody_everywhere);
    let mut number = 0;
    bencher.bench_local(|| {
        number += 1;
        home.run(&format!("user add new-{number}"))
    });
}

/// 100,000 events.
#[divan::bench(sample_count = 5)]
fn audit_verify_of_100_000_events(bencher: Bencher<'_, '_>) {
    let home = Home::new(audit_rows);
    bencher.bench_local(|| home.run("audit verify"));
}
