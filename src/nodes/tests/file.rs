//! What adding and removing do to `authorized_keys`, and what they leave alone.

use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use super::*;

#[test]
fn adding_twice_adds_once() {
    let Some(nodes) = Nodes::start(1) else { return };
    let (client, node, public) = (Client::new(&nodes), node(&nodes, 0), line(&ed25519()));
    assert_eq!(client.add(&node, &public).expect("added"), Added::Added);
    let after = format!("{}\n{public}\n", nodes.admin_line());
    assert_eq!(text(&nodes), after);
    assert_eq!(client.add(&node, &public).expect("there"), Added::Present);
    assert_eq!(text(&nodes), after);
    assert_eq!(
        client.remove(&node, &public).expect("removed"),
        Removed::Removed
    );
    assert_eq!(text(&nodes), format!("{}\n", nodes.admin_line()));
    assert_eq!(
        client.remove(&node, &public).expect("absent"),
        Removed::Absent
    );
    let left: Vec<_> = std::fs::read_dir(nodes.node(0).home().join(".ssh"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(left, ["authorized_keys"]);
}

#[test]
fn a_missing_line_end_is_added_before_the_line() {
    let Some(nodes) = Nodes::start(1) else { return };
    let (client, node, public) = (Client::new(&nodes), node(&nodes, 0), line(&ed25519()));
    let admin = nodes.admin_line();
    nodes.node(0).put_authorized_keys(&admin);
    assert_eq!(client.add(&node, &public).expect("added"), Added::Added);
    assert_eq!(text(&nodes), format!("{admin}\n{public}\n"));
    // And one that stays without its line end stays so.
    nodes
        .node(0)
        .put_authorized_keys(&format!("{public}\n{admin}"));
    assert_eq!(
        client.remove(&node, &public).expect("removed"),
        Removed::Removed
    );
    assert_eq!(text(&nodes), admin);
    nodes
        .node(0)
        .put_authorized_keys(&format!("{admin}\n{public}"));
    assert_eq!(
        client.remove(&node, &public).expect("removed"),
        Removed::Removed
    );
    assert_eq!(text(&nodes), format!("{admin}\n"));
}

#[test]
fn lines_of_others_stay_byte_for_byte() {
    let Some(nodes) = Nodes::start(1) else { return };
    let (client, node, public) = (Client::new(&nodes), node(&nodes, 0), line(&ed25519()));
    let ours = public.to_string();
    let blob = ours.split(' ').nth(1).expect("a key");
    let (head, tail) = (&blob[..blob.len() - 1], &blob[1..]);
    let admin = nodes.admin_line();
    let other = line(&ed25519());
    let before = format!(
        "# keys of\tall\r\n\n  {admin}\r\nfrom=\"10.0.0.0/8\",command=\"echo \\\"x\\\" # y\" {other}\n\
         #{ours}\nssh-ed25519 {head} shorter\nssh-ed25519 {tail}\nno key at all\n   \n\t\
         {other} its comment is {blob}\ncommand=\"ssh-ed25519 {blob}\" {other}\n\u{e9}\u{301}\n\n"
    );
    nodes.node(0).put_authorized_keys(&before);
    assert_eq!(client.add(&node, &public).expect("added"), Added::Added);
    assert_eq!(text(&nodes), format!("{before}{ours}\n"));
    assert_eq!(
        client.remove(&node, &public).expect("removed"),
        Removed::Removed
    );
    assert_eq!(text(&nodes), before);
}

#[test]
fn a_line_is_known_by_its_key_whatever_stands_around_it() {
    let Some(nodes) = Nodes::start(1) else { return };
    let (client, node, public) = (Client::new(&nodes), node(&nodes, 0), line(&ed25519()));
    let ours = public.to_string();
    let bare = ours.split(' ').take(2).collect::<Vec<_>>().join(" ");
    let tabbed = bare.replace(' ', "\t");
    let admin = nodes.admin_line();
    for form in [
        bare.clone(),
        format!("{bare} somebody else's comment"),
        format!("{bare}\r"),
        format!("  {tabbed}\tx"),
        format!("restrict,pty {bare}"),
        format!("command=\"echo \\\"a b\\\" c\",from=\"*\" {bare} x\r"),
    ] {
        let before = format!("{form}\n{admin}\n");
        nodes.node(0).put_authorized_keys(&before);
        assert_eq!(
            client.add(&node, &public).expect("there"),
            Added::Present,
            "{form:?}"
        );
        assert_eq!(text(&nodes), before);
        assert_eq!(
            client.remove(&node, &public).expect("removed"),
            Removed::Removed,
            "{form:?}"
        );
        assert_eq!(text(&nodes), format!("{admin}\n"));
    }
}

#[test]
fn the_key_of_an_authority_lets_nobody_in_and_goes_all_the_same() {
    let Some(nodes) = Nodes::start(1) else { return };
    let (client, node, public) = (Client::new(&nodes), node(&nodes, 0), line(&ed25519()));
    let admin = nodes.admin_line();
    let authority = format!("cert-authority,principals=\"x\" {public}");
    nodes
        .node(0)
        .put_authorized_keys(&format!("{authority}\n{admin}\n"));
    assert_eq!(client.add(&node, &public).expect("added"), Added::Added);
    assert_eq!(text(&nodes), format!("{authority}\n{admin}\n{public}\n"));
    assert_eq!(
        client.remove(&node, &public).expect("removed"),
        Removed::Removed
    );
    assert_eq!(text(&nodes), format!("{admin}\n"));
}

#[test]
fn the_last_key_is_never_removed() {
    let Some(nodes) = Nodes::start(1) else { return };
    let client = Client::new(&nodes);
    let admin: ssh_key::PublicKey = nodes.admin_line().parse().expect("a key");
    let public = PublicLine::new(&admin).expect("a line");
    // Neither a comment nor a damaged line lets anybody in.
    let before = format!(
        "# {admin}\n{public}\nssh-ed25519 AAAA x\n{public} again\n",
        admin = nodes.admin_line()
    );
    nodes.node(0).put_authorized_keys(&before);
    let node = node(&nodes, 0);
    assert_eq!(client.remove(&node, &public).expect("last"), Removed::Last);
    assert_eq!(text(&nodes), before);
}

#[test]
fn mode_and_owner_stay() {
    let Some(nodes) = Nodes::start(1) else { return };
    let (client, node, public) = (Client::new(&nodes), node(&nodes, 0), line(&ed25519()));
    let file = nodes.node(0).authorized_keys();
    let root = rustix::process::geteuid().is_root();
    for mode in [0o600, 0o640, 0o644, 0o400] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("a mode");
        if root {
            std::os::unix::fs::chown(&file, Some(12_345), Some(54_321)).expect("an owner");
        }
        let before = std::fs::metadata(&file).expect("a file");
        let mut old = std::fs::File::open(&file).expect("a file");
        assert_eq!(client.add(&node, &public).expect("added"), Added::Added);
        // Whoever reads the old file while it is replaced reads all of it.
        let mut whole = String::new();
        old.read_to_string(&mut whole).expect("text");
        assert_eq!(whole, format!("{}\n", nodes.admin_line()));
        assert_eq!(
            client.remove(&node, &public).expect("removed"),
            Removed::Removed
        );
        let after = std::fs::metadata(&file).expect("a file");
        assert_eq!(
            (after.mode(), after.uid(), after.gid()),
            (before.mode(), before.uid(), before.gid())
        );
    }
}

#[test]
fn a_link_stays_and_its_target_changes() {
    let Some(nodes) = Nodes::start(1) else { return };
    let (client, node, public) = (Client::new(&nodes), node(&nodes, 0), line(&ed25519()));
    let file = nodes.node(0).authorized_keys();
    let real = nodes.node(0).home().join("managed");
    std::fs::create_dir(&real).expect("a folder");
    std::fs::rename(&file, real.join("keys")).expect("moved");
    symlink("../managed/keys", &file).expect("a link");
    assert_eq!(client.add(&node, &public).expect("added"), Added::Added);
    assert!(file.is_symlink());
    assert!(!real.join("keys").is_symlink());
    assert_eq!(text(&nodes), format!("{}\n{public}\n", nodes.admin_line()));
    assert_eq!(std::fs::read_dir(&real).expect("a folder").count(), 1);
}

#[test]
fn what_is_no_file_is_left_alone_and_said() {
    let Some(nodes) = Nodes::start(1) else { return };
    let (home, public) = (nodes.node(0).home(), line(&ed25519()));
    let file = nodes.node(0).authorized_keys();
    // Nobody could log in to such a node: the script runs here.
    for (what, prepare) in [
        (
            "a folder",
            Box::new(|| std::fs::create_dir(&file)) as Box<dyn Fn() -> _>,
        ),
        (
            "a link to nowhere",
            Box::new(|| symlink("/nowhere/at/all", &file)),
        ),
        ("a loop", Box::new(|| symlink("authorized_keys", &file))),
    ] {
        let _gone_or_not = std::fs::remove_file(&file);
        let _gone_or_not = std::fs::remove_dir(&file);
        prepare().expect(what);
        let answer = script::run("/bin/sh", &home, "add", &public);
        assert!(answer.starts_with("failed: "), "{what}: {answer}");
    }
}

#[test]
fn keys_that_come_at_once_all_stay() {
    let Some(nodes) = Nodes::start(1) else { return };
    let (client, node) = (Client::new(&nodes), node(&nodes, 0));
    let lines: Vec<_> = (0..6).map(|_| line(&ed25519())).collect();
    let adding = lines
        .iter()
        .map(|public| client.ssh.add_line(&node, public, None));
    for added in wait(futures::future::join_all(adding)) {
        assert_eq!(added.expect("added"), Added::Added);
    }
    let text = text(&nodes);
    for public in &lines {
        assert!(text.contains(&public.to_string()), "{public} is lost");
    }
    assert_eq!(text.lines().count(), 1 + lines.len());
}
