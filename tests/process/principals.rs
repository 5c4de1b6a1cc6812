//! Several principals at the same time in one process, over one store and two clusters: as a server
//! has them.

use age::secrecy::ExposeSecret as _;
use kubegrant::env::{Env, Fixture};

use crate::crowd::{Worker, json};
use crate::home::{Home, Ran, called};
use crate::oracle::Oracle;

const CLUSTERS: [&str; 2] = ["dev", "test"];
/// How many principals: of four, three are admins.
const PRINCIPALS: usize = 16;
/// How many commands each runs.
const TURNS: usize = 6;

/// Somebody with an identity, who acts in this process.
struct Somebody {
    name: String,
    world: Fixture,
    /// What they do; developers only look.
    worker: Option<Worker>,
}

impl Somebody {
    fn join(home: &Home, number: usize) -> Self {
        let identity = age::x25519::Identity::generate();
        let (name, key) = (format!("p{number}"), format!("p{number}.pub"));
        home.write(&key, &identity.to_public().to_string());
        let is_admin = !number.is_multiple_of(4);
        let role = if is_admin { "admin" } else { "developer" };
        let words = format!("user add {name} --role {role} --key {key}");
        drop(home.call(&words).success());
        let worker = is_admin.then(|| Worker::new(number, &CLUSTERS));
        if worker.is_none() {
            let words = format!("access grant {name} --cluster dev --level read");
            drop(home.call(&words).success());
        } else {
            // Whom their commands are about.
            drop(home.call(&format!("user add w{number}")).success());
        }
        Self {
            world: home.world_of(identity.to_string().expose_secret(), number as u64),
            name,
            worker,
        }
    }

    /// Acts for some turns; gives what was wrong.
    fn act(&mut self, shared: &kubegrant::Shared) -> Vec<String> {
        let mut found = Vec::new();
        let world = &self.world;
        let run = |words: &str| called(world, words, |args, env| shared.run(args, env));
        for _ in 0..TURNS {
            match &mut self.worker {
                Some(worker) => found.extend(worker.step(&run).1),
                None => found.extend(looks(&run, &self.name)),
            }
            let who = run("whoami -o json");
            if !who.stdout.contains(&format!("\"user\": \"{}\"", self.name)) {
                found.push(format!("'{}' is told: {who}", self.name));
            }
        }
        found
    }
}

/// A developer sees what is theirs, and nothing else, whatever the admins beside may.
fn looks(run: &dyn Fn(&str) -> Ran, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    let clusters = run("cluster list -o name");
    if clusters.code != 0 || clusters.stdout != "cluster/dev\n" {
        found.push(format!("'{name}' sees: {clusters}"));
    }
    for (words, code) in [
        ("user list", 4),
        ("audit list", 4),
        ("cluster show test", 3),
        ("access grant bob --cluster dev --level write", 4),
        ("access list --cluster dev", 0),
    ] {
        let ran = run(words);
        if ran.code != code {
            found.push(format!("'{name}' is answered: {ran}"));
        }
    }
    found
}

#[test]
fn sixteen_principals_act_at_once_in_one_process_and_the_oracle_agrees() {
    let mut home = Home::with_people();
    for cluster in CLUSTERS {
        home.add_cluster(cluster);
    }
    drop(home.call("project create team").success());
    drop(home.call("cluster set test --project team").success());
    let mut all: Vec<Somebody> = (0..PRINCIPALS)
        .map(|number| Somebody::join(&home, number))
        .collect();
    let mut oracle = Oracle::new(&home);
    let shared = kubegrant::Shared::new(&Env::fixed(home.fixture()), &home.store());
    let mut found: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = all
            .iter_mut()
            .map(|somebody| {
                let shared = shared.clone();
                scope.spawn(move || somebody.act(&shared))
            })
            .collect();
        let done = threads.into_iter();
        done.flat_map(|thread| thread.join().expect("it ends"))
            .collect()
    });
    found.extend(oracle.look(&home));
    drop(home.run("reconcile").success());
    found.extend(oracle.disagreements(&home));
    let (access, clusters) = (json(&home, "access list"), json(&home, "cluster list"));
    let workers = all.iter().filter_map(|somebody| somebody.worker.as_ref());
    found.extend(workers.flat_map(|worker| worker.lost(&access, &clusters)));
    drop(home.run("audit verify").success());
    assert_eq!(found, Vec::<String>::new());
}
