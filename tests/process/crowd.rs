//! Many at once: processes that share one store and four clusters.
//!
//! Each worker runs one command after the other. Half of them are about a user and a label that are
//! this worker's alone: every one must succeed, and what its last one said must be there at the end,
//! whatever the others did meanwhile (no update is lost). The other half all workers do to the same
//! few users, and any of them may come too late.
//!
//! `cargo test` runs 96 commands of 16 workers; `KUBEGRANT_CROWD=full` 10,240 of 64.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::home::{Dice, Home, Ran, Started, say, switch};
use crate::oracle::Oracle;
use crate::proof::Tally;

const CLUSTERS: [&str; 4] = ["dev", "test", "stage", "prod"];

/// What all do to the same few, on the cluster that stands for `@`.
const CONTESTED: [&str; 20] = [
    "access grant bob --cluster @ --level write",
    "kubeconfig download @ --user bob --plain --force -f bob-@.conf",
    "access revoke bob --cluster @ --yes",
    "access grant carol --cluster @ --level read",
    "kubeconfig download @ --user carol --plain --force -f carol-@.conf",
    "kubeconfig rotate @ --no-download",
    "access grant bob --cluster @ --level read",
    "reconcile @",
    "kubeconfig download @ --shared --user carol --plain --force -f team-@.conf",
    "project rotate team --yes",
    "project remove-member carol --project team --yes",
    "project add-member carol --project team --role editor",
    "rbac bind bob --cluster @ --cluster-role view -n shop",
    "rbac unbind bob --cluster @ --cluster-role view -n shop --yes",
    "shell @ -- true",
    "shell @ --level read -- true",
    "team revoke bob --cluster @ --yes",
    "team restore bob --cluster @",
    "cluster set @ --exclude web",
    "cluster set @ --remove-exclude web",
];

/// A worker, with what its commands have said of what is its alone.
pub(crate) struct Worker {
    number: usize,
    /// The clusters that it works on.
    clusters: &'static [&'static str],
    dice: Dice,
    turn: usize,
    /// The level of its user, by cluster.
    levels: BTreeMap<&'static str, &'static str>,
    /// The value of its label, by cluster.
    labels: BTreeMap<&'static str, String>,
}

impl Worker {
    pub(crate) fn new(number: usize, clusters: &'static [&'static str]) -> Self {
        Self {
            number,
            clusters,
            dice: Dice::new(number as u64 + 1),
            turn: 0,
            levels: BTreeMap::new(),
            labels: BTreeMap::new(),
        }
    }

    /// Runs one command; gives what was wrong with it.
    pub(crate) fn step(&mut self, run: &dyn Fn(&str) -> Ran) -> (Ran, Vec<String>) {
        self.turn += 1;
        let cluster = self.clusters[self.dice.place(self.clusters.len())];
        if self.dice.place(2) == 0 {
            let words = CONTESTED[self.dice.place(CONTESTED.len())].replace('@', cluster);
            let ran = run(&words);
            // What a command needs was taken away by another one meanwhile.
            let late = match ran.code {
                3 => ran.stderr.contains("no member 'carol'"),
                4 => ran.stderr.contains("Access Revoked"),
                code => matches!(code, 0 | 5),
            };
            let found = judged(&ran, late);
            return (ran, found);
        }
        let user = format!("w{}", self.number);
        let level = self.levels.get(cluster).copied();
        let words = match (self.dice.place(6), level) {
            (0 | 1, Some(_)) => {
                format!(
                    "kubeconfig download {cluster} --user {user} --plain --force -f {user}-{cluster}.conf"
                )
            }
            (2, Some(_)) => {
                self.levels.remove(cluster);
                format!("access revoke {user} --cluster {cluster} --yes")
            }
            (3 | 4, _) => {
                self.labels.insert(cluster, self.turn.to_string());
                format!("cluster set {cluster} --label {user}={}", self.turn)
            }
            (_, level) => {
                let next = if level == Some("read") {
                    "write"
                } else {
                    "read"
                };
                self.levels.insert(cluster, next);
                format!("access grant {user} --cluster {cluster} --level {next}")
            }
        };
        let ran = run(&words);
        let found = judged(&ran, ran.code == 0);
        (ran, found)
    }

    /// What the store must say of what is this worker's alone, and does not.
    pub(crate) fn lost(&self, access: &Value, clusters: &Value) -> Vec<String> {
        let mut found = Vec::new();
        let user = format!("w{}", self.number);
        for cluster in self.clusters {
            let level = rows(access)
                .find(|row| row["user"] == user.as_str() && row["cluster"] == *cluster)
                .and_then(|row| row["level"].as_str());
            let wanted = self.levels.get(cluster).copied();
            if level != wanted {
                found.push(format!(
                    "'{user}' has {level:?} on '{cluster}', not {wanted:?}"
                ));
            }
            let label = rows(clusters)
                .find(|row| row["name"] == *cluster)
                .and_then(|row| row["labels"][&user].as_str());
            let wanted = self.labels.get(cluster).map(String::as_str);
            if label != wanted {
                found.push(format!(
                    "label {user} of '{cluster}' is {label:?}, not {wanted:?}"
                ));
            }
        }
        found
    }
}

fn rows(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn judged(ran: &Ran, fits: bool) -> Vec<String> {
    let words = ["database is locked", "is busy", "panicked"];
    let shown = words.iter().any(|word| ran.stderr.contains(word));
    (!fits || shown)
        .then(|| ran.to_string())
        .into_iter()
        .collect()
}

pub(crate) fn json(home: &Home, words: &str) -> Value {
    let ran = home.run(&format!("{words} -o json")).success();
    serde_json::from_str(&ran.stdout).expect("JSON")
}

#[test]
fn a_crowd_of_processes_leaves_store_and_clusters_of_one_mind() {
    let full = switch("KUBEGRANT_CROWD").is_some_and(|size| size == "full");
    let (crowd, turns, rounds) = if full { (64, 16, 10) } else { (16, 6, 1) };
    let mut home = Home::with_people();
    for cluster in CLUSTERS {
        home.add_cluster(cluster);
    }
    drop(home.call("project create team").success());
    for cluster in &CLUSTERS[..2] {
        let words = format!("cluster set {cluster} --project team");
        drop(home.call(&words).success());
    }
    for number in 0..crowd {
        drop(home.call(&format!("user add w{number}")).success());
    }
    let mut workers: Vec<Worker> = (0..crowd)
        .map(|number| Worker::new(number, &CLUSTERS))
        .collect();
    let mut oracle = Oracle::new(&home);
    let mut tally = Tally::new("commands of a crowd");
    let mut codes: BTreeMap<i32, usize> = BTreeMap::new();
    for round in 1..=rounds {
        let home = &home;
        let ran: Vec<(Ran, Vec<String>)> = std::thread::scope(|scope| {
            let threads: Vec<_> = workers
                .iter_mut()
                .map(|worker| {
                    scope.spawn(move || {
                        (0..turns)
                            .map(|_| worker.step(&|words| home.run(words)))
                            .collect()
                    })
                })
                .collect();
            let all = threads
                .into_iter()
                .map(|thread| thread.join().expect("it ends"));
            all.collect::<Vec<Vec<_>>>().into_iter().flatten().collect()
        });
        for (ran, found) in ran {
            *codes.entry(ran.code).or_default() += 1;
            tally.case(found);
        }
        let mut found = oracle.look(home);
        // Nothing is pending but what a command could not know of: that `web` is reached again.
        drop(home.run("reconcile").success());
        found.extend(oracle.disagreements(home));
        let (access, clusters) = (json(home, "access list"), json(home, "cluster list"));
        found.extend(
            workers
                .iter()
                .flat_map(|worker| worker.lost(&access, &clusters)),
        );
        drop(home.run("audit verify").success());
        if full {
            let wrong = found.len();
            say(&format!(
                "round {round} of {rounds}: exit codes {codes:?}, {wrong} wrong at its end"
            ));
        }
        tally.case(found);
    }
    tally.end(crowd * turns * rounds + rounds);
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
