//! The private key is handed out once.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;

use super::{events, put_nodes, shown, ssh_keygen, state, text, with_key};
use crate::home::{Home, set_mode};

#[test]
fn a_key_is_taken_with_the_command_to_copy_for_every_node() {
    let mut kg = with_key();
    put_nodes(
        &kg,
        &[
            (
                "n1",
                &[("InternalIP", "10.0.0.1"), ("ExternalIP", "203.0.113.1")],
            ),
            ("n2", &[("Hostname", "n2"), ("InternalIP", "10.0.0.2")]),
            ("n3", &[]),
        ],
    );
    let ran = kg.run("ssh-key download prod");
    ran.success().never_says("PRIVATE");
    insta::assert_snapshot!(ran, @r"
        CLUSTER   FINGERPRINT                                          USER     FILE                                    TAKEN
        prod      [FINGERPRINT]   olivia   [HOME]/work/ssh-key-prod.pem   2026-11-22T10:00:00Z
        ----- stderr -----
        The SSH key of cluster 'prod' was taken by 'olivia' on 2026-11-22T10:00:00Z.
        warning: it is not in the store any more: whoever has it can log in to the nodes. Keep it as you keep a password, and do not pass it on
        warning: backups and copies of the store from before still hold it, sealed to 'olivia': destroy them, and put a new key on the nodes when one of these people leaves
        hint: log in with `ssh -i ssh-key-prod.pem root@203.0.113.1`
        hint: log in with `ssh -i ssh-key-prod.pem root@10.0.0.2`
        [exit 0]
        ");
    assert_eq!(kg.mode("ssh-key-prod.pem"), 0o600);
    assert_eq!(kg.files(), ["admin.conf", "ssh-key-prod.pem"]);
    let shown = shown(&mut kg);
    let file = kg.path("ssh-key-prod.pem");
    if let Some(line) = ssh_keygen(&["-y", "-f"], &file) {
        assert_eq!(line, text(&shown, "public"));
    }
    if let Some(line) = ssh_keygen(&["-l", "-f"], &file) {
        assert!(line.contains(&text(&shown, "fingerprint")), "{line}");
        assert!(line.contains("kubegrant:prod (ED25519)"), "{line}");
    }
    assert_eq!(
        events(&mut kg),
        [
            "ssh-key generate: done",
            "ssh-key download: requested",
            "ssh-key download: done"
        ]
    );
}

#[test]
fn where_no_node_is_known_the_place_of_its_address_is_shown() {
    let mut kg = with_key();
    kg.run("ssh-key download prod")
        .success()
        .says("`ssh -i ssh-key-prod.pem root@<node-ip>`");
    // A cluster that is away keeps nobody from the key who takes that upon themselves.
    let mut kg = with_key();
    kg.sandbox.stop();
    kg.run("ssh-key download prod --yes")
        .success()
        .says("root@<node-ip>");
}

#[test]
fn the_command_to_copy_names_the_file_as_a_shell_reads_it() {
    let mut kg = with_key();
    std::fs::create_dir(kg.path("my keys")).expect("a folder");
    kg.run("ssh-key download prod -f \"my keys/it's.pem\"")
        .success()
        .says(r"`ssh -i 'my keys/it'\''s.pem' root@<node-ip>`");
    let mut kg = with_key();
    let file = kg.root().join("home/key.pem").display().to_string();
    kg.run(&format!("ssh-key download prod -f {file}"))
        .success()
        .says(&format!("`ssh -i {file} root@<node-ip>`"));
}

#[test]
fn a_second_hand_out_is_refused_and_names_the_first() {
    let mut kg = with_key();
    kg.run("ssh-key download prod").success();
    kg.tick(1);
    insta::assert_snapshot!(kg.run("ssh-key download prod -f again"), @r"
        ----- stderr -----
        error: the SSH key of cluster 'prod' was taken by 'olivia' on 2026-11-22T10:00:00Z

        hint: put a new key on the nodes with `kubegrant ssh-key rotate prod`; the new one can be taken once
        [exit 5]
        ");
    // Also where the file is gone, and also to standard output.
    std::fs::remove_file(kg.path("ssh-key-prod.pem")).expect("removed");
    kg.run("ssh-key download prod").exit(5);
    let ran = kg.run("ssh-key download prod -f -");
    assert_eq!((ran.code, ran.stdout.as_str()), (5, ""));
    kg.run("access grant bob -c prod -l write").success();
    kg.run("ssh-key download prod --user bob").exit(5);
    assert_eq!(kg.files(), ["admin.conf"]);
    assert_eq!(kg.events("ssh-key download", "denied"), 4);
}

#[test]
fn standard_output_is_handed_the_key_at_most_once() {
    let mut kg = with_key();
    let ran = kg.run("ssh-key download prod -f -");
    ran.success().says("at most once");
    assert!(
        ran.stdout
            .starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    );
    assert!(ran.stdout.ends_with("-----END OPENSSH PRIVATE KEY-----\n"));
    assert!(!ran.stderr.contains("PRIVATE"), "{}", ran.stderr);
    kg.write("key", &ran.stdout);
    set_mode(&kg.path("key"), 0o600);
    if let Some(line) = ssh_keygen(&["-y", "-f"], &kg.path("key")) {
        assert_eq!(line, text(&shown(&mut kg), "public"));
    }
    kg.run("ssh-key download prod -f -").exit(5);
    // What cannot be checked is recorded first: a reader that leaves has had it.
    let mut kg = with_key();
    kg.run_where(
        kubegrant::env::Fixture::broken_stdout,
        "ssh-key download prod -f -",
    )
    .exit(141);
    assert_eq!(state(&mut kg), "downloaded");
}

#[test]
fn a_screen_is_warned_of_the_secret_on_it() {
    let mut kg = with_key();
    kg.run_where(
        |it| it.terminal(true),
        "ssh-key download prod -f - --color never",
    )
    .success()
    .says("this is a secret, on your screen");
}

#[test]
fn for_somebody_else_the_file_is_sealed_to_them() {
    let mut kg = with_key();
    kg.run("access grant bob -c prod -l write").success();
    let ran = kg.run("ssh-key download prod --user bob");
    ran.success().never_says("PRIVATE");
    insta::assert_snapshot!(ran, @r"
        CLUSTER   FINGERPRINT                                          USER   FILE                                            TAKEN
        prod      [FINGERPRINT]   bob    [HOME]/work/ssh-key-prod.bob.pem.age   2026-11-22T10:00:00Z
        ----- stderr -----
        The SSH key of cluster 'prod' was taken by 'bob' on 2026-11-22T10:00:00Z.
        warning: it is not in the store any more: whoever has it can log in to the nodes. Keep it as you keep a password, and do not pass it on
        warning: backups and copies of the store from before still hold it, sealed to 'olivia': destroy them, and put a new key on the nodes when one of these people leaves
        hint: 'bob' opens it with `age -d -i IDENTITY -o ssh-key-prod.pem ssh-key-prod.bob.pem.age`
        [exit 0]
        ");
    let name = "ssh-key-prod.bob.pem.age";
    assert_eq!(kg.files(), ["admin.conf", name]);
    assert_eq!(kg.mode(name), 0o600);
    let sealed = std::fs::read(kg.path(name)).expect("a file");
    let opened = kg.open("bob", &sealed).expect("bob opens it");
    assert!(opened.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n"));
    for other in ["olivia", "alice"] {
        assert!(kg.open(other, &sealed).is_none(), "{other} opens it");
    }
    let shown = shown(&mut kg);
    assert_eq!(
        (&shown["taken_by"], &shown["handed_out_by"]),
        (&"bob".into(), &"olivia".into())
    );
    kg.run("ssh-key download prod")
        .exit(5)
        .says("taken by 'bob'");
    // As the hint says, with the age tool.
    let identity = kg.identity("bob");
    let opened_by_tool = Command::new("age")
        .args(["-d", "-i"])
        .arg(identity)
        .args(["-o", "opened.pem", name])
        .current_dir(kg.path(""))
        .output();
    match opened_by_tool {
        Ok(ended) => {
            assert!(ended.status.success(), "{ended:?}");
            assert_eq!(kg.read("opened.pem"), opened);
        }
        Err(_) => super::said("not run, for there is no `age`: that it opens a sealed SSH key"),
    }
}

#[test]
fn nobody_without_write_is_handed_the_key() {
    let mut kg = with_key();
    kg.run("ssh-key download prod --user bob").exit(4);
    kg.run("access grant bob -c prod -l read").success();
    kg.run("ssh-key download prod --user bob").exit(4);
    kg.run("user add keyless").success();
    kg.run("access grant keyless -c prod -l write").success();
    kg.run("ssh-key download prod --user keyless")
        .exit(5)
        .says("has no key to seal the file to");
    kg.run("access grant bob -c prod -l write").success();
    kg.run("user disable bob --yes").success();
    let ran = kg.run("ssh-key download prod --user bob");
    assert!(matches!(ran.code, 4 | 5), "{ran}");
    kg.run("ssh-key download prod --user nobody").exit(3);
    assert_eq!(state(&mut kg), "available");
    assert_eq!(kg.files(), ["admin.conf"]);
}

#[test]
fn an_open_umask_opens_nothing() {
    // The other way round too: a file that its owner cannot read helps nobody. The umask belongs
    // to the process, so that the real binary is asked for both in `tests/process`.
    let mut kg = with_key();
    kg.run("ssh-key download prod").success();
    let found = std::fs::metadata(kg.path("ssh-key-prod.pem")).expect("a file");
    assert_eq!(found.permissions().mode() & 0o7777, 0o600);
}

/// Puts something in the file's way.
type Obstacle = fn(&Home);

#[test]
fn whatever_is_in_the_way_stays_and_the_key_can_still_be_taken() {
    let obstacles: &[(&str, Obstacle, u8)] = &[
        ("somebody's file", |kg| kg.write("there", "theirs"), 5),
        (
            "a link",
            |kg| symlink(kg.path("admin.conf"), kg.path("there")).expect("a link"),
            5,
        ),
        (
            "a dangling link",
            |kg| symlink("nowhere", kg.path("there")).expect("a link"),
            5,
        ),
        (
            "a FIFO",
            |kg| {
                let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
                rustix::fs::mkfifoat(rustix::fs::CWD, kg.path("there"), mode).expect("a FIFO");
            },
            5,
        ),
        (
            "a folder",
            |kg| std::fs::create_dir(kg.path("there")).expect("a folder"),
            5,
        ),
    ];
    for (what, put, code) in obstacles {
        let mut kg = with_key();
        put(&kg);
        let before = std::fs::symlink_metadata(kg.path("there")).expect("there");
        let ran = kg.run("ssh-key download prod -f there");
        assert_eq!(ran.code, *code, "{what}: {ran}");
        ran.says("--file");
        let after = std::fs::symlink_metadata(kg.path("there")).expect("there");
        assert_eq!(before.file_type(), after.file_type(), "{what}");
        assert_eq!(before.len(), after.len(), "{what}");
        assert!(!kg.path("nowhere").exists(), "{what}");
        assert_eq!(state(&mut kg), "available", "{what}");
        assert_eq!(kg.files(), ["admin.conf", "there"], "{what}");
        kg.run("ssh-key download prod").success();
    }
}

#[test]
fn a_folder_that_is_not_there_or_cannot_be_written_takes_nothing() {
    let mut kg = with_key();
    let ran = kg.run("ssh-key download prod -f absent/key.pem");
    assert!(matches!(ran.code, 3 | 5), "{ran}");
    assert_eq!(state(&mut kg), "available");
    for name in ["..", ".", "folder/"] {
        let ran = kg.run(&format!("ssh-key download prod -f {name}"));
        assert_ne!(ran.code, 0, "{name}: {ran}");
    }
    assert_eq!(state(&mut kg), "available");
    std::fs::create_dir(kg.path("closed")).expect("a folder");
    set_mode(&kg.path("closed"), 0o500);
    if rustix::process::geteuid().is_root() {
        // Root writes there all the same; `tests/process` has a file system that is read-only.
        return;
    }
    kg.run("ssh-key download prod -f closed/key.pem").exit(5);
    assert_eq!(state(&mut kg), "available");
}

#[test]
fn a_dry_run_takes_nothing() {
    let mut kg = with_key();
    insta::assert_snapshot!(kg.run("ssh-key download prod --dry-run"), @r"
        WOULD
        hand SSH key [FINGERPRINT] of cluster 'prod' out to 'olivia', and destroy the sealed copy: nobody can take it again
        ask cluster 'prod' whether this is the store that it knows
        write it to `[HOME]/work/ssh-key-prod.pem`
        ----- stderr -----
        Nothing was changed (dry run).
        [exit 0]
        ");
    assert_eq!(state(&mut kg), "available");
    assert_eq!(kg.files(), ["admin.conf"]);
}

#[test]
fn a_hand_out_that_was_cut_off_is_told_by_its_file() {
    // What a killed run leaves behind is made here by hand; `tests/process` kills for real.
    let claim = |kg: &mut Home, path: &str, digest: &str| {
        let sql = rusqlite::Connection::open(kg.store()).expect("open");
        let path = kg.path(path);
        sql.execute(
            "UPDATE ssh_keys SET custody = 'claimed', claimed_at = 1795341600, claimed_by = 1,
               claimed_to = 1, claimed_path = ?1, claimed_digest = ?2",
            (path.as_os_str().as_encoded_bytes(), digest),
        )
        .expect("claimed");
        drop(sql);
        kg.run("audit accept --reason test --yes").success();
    };
    let mut kg = with_key();
    claim(&mut kg, "key.pem", "00");
    assert_eq!(state(&mut kg), "available", "there is no file");
    kg.write("key.pem", "something else");
    claim(&mut kg, "key.pem", "00");
    // It cannot be told whether somebody has the key: nobody gets it, and it is owed.
    let ran = kg.run("ssh-key show prod");
    ran.success().says("was cut off");
    // A dry run settles nothing.
    std::fs::remove_file(kg.path("key.pem")).expect("ours");
    let preview = kg.run("ssh-key download prod -f other --dry-run");
    assert!(
        preview
            .success()
            .stdout
            .contains("find out how far the hand-out came"),
        "{preview}"
    );
    assert_eq!(
        kg.sealed("SELECT CAST(custody AS BLOB) FROM ssh_keys"),
        b"claimed"
    );
    kg.write("key.pem", "something else");
    assert_eq!(state(&mut kg), "claimed");
    kg.run("ssh-key download prod -f other")
        .exit(5)
        .says("ssh-key reset prod");
    kg.run("status").exit(6).says("was cut off");
    kg.run("ssh-key reset prod --yes").success();
    kg.run("reconcile").success();
    kg.run("status").success();
    kg.run("ssh-key download prod -f other").success();
}
