//! A server whose store is on a disk that gets full.

use super::{Serving, comes_in};
use crate::disk::mounted;
use crate::home::say;
use crate::oracle::{Books, Held, Oracle};
use crate::proof::{Tally, full};

/// What a script does around clients, to have a server with its store on a disk that gets full. What is said
/// comes into files, each with its exit code.
fn with_full_store(serving: &Serving, before: &str, full: &str) -> String {
    let (words, _) = serving.command("--self-signed");
    let login = serving.login();
    format!(
        "data=$HOME/.local/share/kubegrant; work=$PWD; cp -a $data kept
        mount -t tmpfs -o size=1m,mode=700 tmpfs $data; cp -a kept/. $data
        \"$1\" {words} >server.out 2>server.err & server=$!
        until grep -q 'Serving at' server.err; do kill -0 $server || exit 9; sleep 0.05; done
        as() {{
            user=$1; name=$2; shift 2; mkdir -p $work/far/$user/work
            (cd $work/far/$user/work && unset XDG_RUNTIME_DIR && HOME=$work/far/$user \\
                KUBEGRANT_IDENTITY_FILE=$work/$user.identity \"$@\" >$work/$name 2>&1; echo \"exit $?\" >>$work/$name)
        }}
        as bob login.bob \"$1\" {login}; as dave login.dave \"$1\" {login}
        {before}
        dd if=/dev/zero of=$data/fill bs=4k 2>/dev/null; dd if=/dev/zero of=$data/fill2 bs=1 2>/dev/null
        {full}
        rm $data/fill $data/fill2
        as bob after \"$1\" kubeconfig show dev
        kill -TERM $server; wait $server; echo \"server $?\"
        cp -a $data/. kept/; umount $data; cp -a kept/. $data/; rm -r kept"
    )
}

#[test]
fn a_server_whose_disk_is_full_says_what_is_so() {
    let mut tally = Tally::new("serving: a full disk");
    // The write-ahead log may have room for a little more, so that either may come of it: what is said is so.
    for (words, user) in [
        ("kubeconfig download dev --force", "bob"),
        ("kubeconfig rotate dev --force", "bob"),
        ("access revoke bob --cluster dev --yes", "dave"),
        ("team revoke bob --cluster dev --yes", "dave"),
        ("access grant carol --cluster dev --level write", "dave"),
        ("session list", "bob"),
    ] {
        let serving = Serving::new();
        let home = &serving.home;
        let script = with_full_store(
            &serving,
            "as bob first \"$1\" kubeconfig download dev",
            &format!(
                "cp far/bob/work/dev.kubeconfig first.conf; as {user} said \"$1\" {words}; as {user} again \"$1\" {words}"
            ),
        );
        let mut oracle = Oracle::new(home);
        let Some(ran) = mounted(home, &script, "a server with its store on a full disk") else {
            return;
        };
        let mut found = Vec::new();
        if !ran.stdout.contains("server 0") {
            found.push(format!("the server did not end well: {ran}"));
        }
        let said = home.read("said").unwrap_or_default();
        let first = home.read("first.conf").expect("a file");
        let told = |code: u8| said.contains(&format!("exit {code}\n"));
        let why = ["no space left", "could not be recorded", "cannot be used"];
        if !told(0) && !why.iter().any(|words| said.contains(words)) {
            found.push(format!("it does not say why: {said}"));
        }
        found.extend(oracle.look(home));
        let books = Books::read(home).expect("a store");
        let held = Held::read(home, books.installation());
        if words.contains("revoke") {
            // Said or not recorded: nobody gets in.
            let status = comes_in(&first);
            let is_in = books
                .accounts("bob")
                .iter()
                .any(|it| held.lets_in(&it.account));
            if (told(0) || told(6)) && (is_in || status == 200) {
                found.push(format!("the file is answered {status}: {said}"));
            }
        }
        if words.starts_with("kubeconfig") && told(0) {
            let file = serving.file("bob", "dev.kubeconfig").expect("a file");
            let status = comes_in(&file);
            if status != 200 {
                found.push(format!("what was handed over is answered {status}: {said}"));
            }
        }
        let after = home.read("after").unwrap_or_default();
        if !after.contains("exit 0") {
            found.push(format!("with room again it does not go on: {after}"));
        }
        drop(home.run("reconcile").success());
        drop(home.run("audit verify").success());
        found.extend(oracle.disagreements(home));
        let again = home.read("again").unwrap_or_default();
        if full() {
            let (first, second) = (last(&said), last(&again));
            say(&format!("full disk: `{words}`: {first}, again: {second}"));
        }
        tally.case((!found.is_empty()).then(|| format!("{words}: {found:?}: {}", serving.said())));
    }
    tally.end(6);
}

fn last(text: &str) -> &str {
    text.lines().last().unwrap_or_default()
}
