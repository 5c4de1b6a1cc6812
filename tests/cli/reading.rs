//! Reading what people have: pipes, other encodings, large files, and what stands beside what is
//! meant.

use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::path::Path;

use base64::Engine as _;
use kubegrant_sandbox::Sandbox;
use serde_json::json;

use crate::home::{Home, get, set_mode, yaml};

fn home() -> Home {
    Home::organization(Sandbox::builder())
}

/// What `<(command)` becomes: the path of a pipe that holds this. It ends with the reader.
fn pipe(bytes: &[u8]) -> (std::io::PipeReader, String) {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let bytes = bytes.to_vec();
    std::thread::spawn(move || writer.write_all(&bytes));
    let path = format!("/dev/fd/{}", reader.as_raw_fd());
    (reader, path)
}

/// A FIFO that somebody writes this to, as fish's `psub` does.
fn fifo(home: &Home, name: &str, bytes: &[u8]) {
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    let path = home.path(name);
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode).expect("a FIFO");
    let bytes = bytes.to_vec();
    std::thread::spawn(move || {
        let mut fifo = std::fs::File::options().write(true).open(path)?;
        fifo.write_all(&bytes)
    });
}

fn utf16(text: &str) -> Vec<u8> {
    let marked = format!("\u{feff}{text}");
    marked.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn a_pipe_will_do_wherever_a_file_is_read() {
    let mut kg = home();
    let admin = kg.sandbox.admin_kubeconfig_token();
    let (_open, path) = pipe(admin.as_bytes());
    kg.run(&format!("cluster add prod --kubeconfig {path}"))
        .success();
    fifo(&kg, "admin.fifo", admin.as_bytes());
    kg.run("cluster relink prod --kubeconfig admin.fifo --yes")
        .success();
    let key = kg.make_identity("dora");
    let (_open, path) = pipe(format!("{key}\n").as_bytes());
    kg.run(&format!("user add dora --key {path}")).success();
    let file = kg.grant_and_download("bob", "read");
    let (_open, path) = pipe(file.as_bytes());
    kg.run(&format!("kubeconfig whose {path}"))
        .success()
        .says("bob");
    let (_open, path) =
        pipe(b"token-of-hetzner-0123456789012345678901234567890123456789012345678901");
    kg.run(&format!("cluster provider-token set prod --file {path}"))
        .success();
    kg.run("kubeconfig download prod --user bob -f sealed.age")
        .success();
    let sealed = std::fs::read(kg.path("sealed.age")).expect("a file");
    let (_open, path) = pipe(&sealed);
    let opened = kg.run_as("bob", &format!("open {path}"));
    assert!(
        opened.success().stdout.contains("kind: Config"),
        "to stdout"
    );
    kg.run("backup copy.db").success();
    let copy = std::fs::read(kg.path("copy.db")).expect("a file");
    let (_open, path) = pipe(&copy);
    kg.run(&format!("restore {path} --dry-run --yes")).success();
    let identity = std::fs::read(kg.identity("olivia")).expect("a file");
    let (_open, path) = pipe(&identity);
    kg.run(&format!("whoami --identity {path}"))
        .success()
        .says("olivia");
}

#[test]
fn standard_input_has_several_names() {
    let mut kg = Home::new();
    let file = kg.grant_and_download("bob", "read");
    for name in ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"] {
        let ran = kg.run_with_input(&format!("kubeconfig whose {name}"), &file);
        ran.success().says("bob");
    }
    let admin = kg.sandbox.admin_kubeconfig_token();
    kg.run_with_input("cluster relink prod --kubeconfig /dev/stdin --yes", &admin)
        .success();
}

#[test]
fn a_pipe_is_read_within_bounds_and_devices_not_at_all() {
    let mut kg = Home::new();
    let (_open, path) = pipe(&vec![b'#'; 17 * 1024 * 1024]);
    kg.run(&format!("kubeconfig whose {path}"))
        .exit(2)
        .says("is larger than 16777216 bytes");
    let (_open, path) = pipe(b"");
    kg.run(&format!("cluster relink prod --kubeconfig {path} --yes"))
        .exit(2)
        .says("the file is empty");
    for device in ["/dev/null", "/dev/zero"] {
        kg.run(&format!("kubeconfig whose {device}"))
            .exit(2)
            .says("is a device, not a regular file");
    }
    // What a kubeconfig points to is no argument: a pipe there stays closed.
    fifo(&kg, "token", b"canary");
    let mut config = yaml(&kg.sandbox.admin_kubeconfig_token());
    config["users"][0]["user"] = json!({ "tokenFile": kg.path("token") });
    kg.write("k", &serde_saphyr::to_string(&config).expect("YAML"));
    kg.run("cluster relink prod --kubeconfig k --inline-files --yes")
        .exit(2)
        .says("cannot be read");
}

#[test]
fn other_encodings_are_read_or_named() {
    let mut kg = home();
    let admin = kg.sandbox.admin_kubeconfig_token();
    kg.write_bytes("utf16", &utf16(&admin));
    kg.run("cluster add prod --kubeconfig utf16").success();
    let bom = format!("\u{feff}{}", admin.replace('\n', "  \r\n"));
    kg.write("bom", &bom);
    kg.run("cluster relink prod --kubeconfig bom --yes")
        .success();
    let found = kg.grant_and_download("bob", "read");
    kg.write_bytes("found", &utf16(&found));
    kg.run("kubeconfig whose found").success().says("bob");
    let latin1 = [b"# caf\xe9\n".to_vec(), admin.into_bytes()].concat();
    kg.write_bytes("latin1", &latin1);
    kg.run("cluster relink prod --kubeconfig latin1 --yes")
        .exit(2)
        .says("it is not UTF-8 text: line 1 holds the byte 0xE9")
        .says("iconv -f ISO-8859-1 -t UTF-8");
    let encoded = base64::engine::general_purpose::STANDARD.encode(&found);
    kg.write("encoded", &encoded);
    kg.run("cluster relink prod --kubeconfig encoded --yes")
        .exit(2)
        .says("it is one in base64; `base64 -d FILE` writes what is in it");
    kg.run("kubeconfig download prod --user bob --force -f sealed")
        .success();
    kg.run("cluster relink prod --kubeconfig sealed --yes")
        .exit(2)
        .says("is sealed")
        .says("kubegrant open FILE");
    // What is merged into has to be written back as it was.
    for (bytes, words) in [
        (utf16(&found), "iconv -f UTF-16 -t UTF-8"),
        (latin1, "iconv -f ISO-8859-1 -t UTF-8"),
    ] {
        kg.write_bytes("mine", &bytes);
        set_mode(&kg.path("mine"), 0o600);
        kg.run("kubeconfig download prod --merge -f mine")
            .exit(7)
            .says(words);
        let after = std::fs::read(kg.path("mine")).expect("it stays");
        assert_eq!(after, bytes);
    }
}

#[test]
fn a_large_kubeconfig_is_taken_and_merged_into() {
    let mut kg = home();
    let mut config = yaml(&kg.sandbox.admin_kubeconfig_token());
    let padding = "QUFB".repeat(500);
    for number in 0..2000 {
        let name = format!("tenant-{number}");
        let entries = [
            (
                "clusters",
                "cluster",
                json!({ "server": "https://k.example", "certificate-authority-data": padding }),
            ),
            (
                "contexts",
                "context",
                json!({ "cluster": name, "user": name }),
            ),
            ("users", "user", json!({ "client-key-data": padding })),
        ];
        for (list, kind, body) in entries {
            let list = config[list].as_array_mut().expect("a list");
            list.push(json!({ "name": name, kind: body }));
        }
    }
    let text = config.to_string();
    assert!(text.len() > 8 * 1024 * 1024);
    kg.write("large", &text);
    kg.run("cluster add prod --kubeconfig large").success();
    set_mode(&kg.path("large"), 0o600);
    kg.run("kubeconfig download prod --merge -f large")
        .success();
    let contexts = yaml(&kg.read("large"))["contexts"].as_array().map(Vec::len);
    assert_eq!(contexts, Some(2002));
}

#[test]
fn what_stands_beside_the_chosen_context_spoils_nothing() {
    let mut kg = home();
    let mut config = yaml(&kg.sandbox.admin_kubeconfig_token());
    for list in ["clusters", "contexts", "users"] {
        let list = config[list].as_array_mut().expect("a list");
        list.insert(0, json!({}));
        list.push(json!(null));
        list.push(json!({ "name": "a\u{200b}b" }));
    }
    config["users"][1]["user"]["client-certificate-data"] = json!(null);
    // One certificate of the bundle is none, and one is cut off.
    let bundle = format!(
        "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\nwords\n{}\
         -----BEGIN CERTIFICATE-----\nMIIB",
        kg.sandbox.ca_pem()
    );
    kg.write("ca.pem", &bundle);
    let cluster = &mut config["clusters"][1]["cluster"];
    cluster["certificate-authority-data"] = json!(null);
    cluster["certificate-authority"] = json!(kg.path("ca.pem"));
    kg.write("k", &serde_saphyr::to_string(&config).expect("YAML"));
    kg.run("cluster add prod --kubeconfig k --inline-files")
        .success()
        .says(
            "2 certificates of the authority of cluster 'sandbox' cannot be read and were left out",
        );
    kg.run("cluster check prod").success();
}

#[test]
fn a_login_whose_time_is_over_is_said() {
    let mut kg = home();
    let mut config = yaml(&kg.sandbox.admin_kubeconfig_token());
    let part = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let claims = part(r#"{"sub":"a","exp":1700000000}"#);
    let token = format!("{}.{claims}.{}", part("{}"), part("signature"));
    config["users"][0]["user"] = json!({ "token": token });
    kg.write("old", &serde_saphyr::to_string(&config).expect("YAML"));
    kg.run("cluster add prod --kubeconfig old")
        .exit(4)
        .says("cannot log in: its token expired on 2023-11-14 22:13 UTC")
        .never_says(&token);
    let old = include_str!("../../src/kubernetes/tls/tests/old-client.fixture");
    kg.write("old.pem", old);
    let path = kg.path("old.pem");
    config["users"][0]["user"] = json!({ "client-certificate": path, "client-key": path });
    kg.write("old", &serde_saphyr::to_string(&config).expect("YAML"));
    kg.run("cluster add prod --kubeconfig old --inline-files")
        .says("cannot log in: its client certificate expired on 2011-01-01 00:00 UTC");
}

#[test]
fn files_carry_the_public_address() {
    let mut kg = Home::new();
    let port = kg
        .sandbox
        .url()
        .rsplit(':')
        .next()
        .expect("a port")
        .to_owned();
    // To the reader of a file this address is their own machine.
    kg.grant_and_download("bob", "read");
    let words = "leads whoever uses it to their own machine";
    kg.run("kubeconfig download prod --user bob --force -f bob.age")
        .success()
        .says(words)
        .says("kubegrant cluster set prod --public-server URL");
    kg.run("kubeconfig download prod -f mine")
        .success()
        .never_says(words);
    let public = format!("https://localhost:{port}");
    let set = format!("cluster set prod --public-server {public}/");
    kg.run(&format!("{set} --dry-run"))
        .success()
        .says(&format!("files carry {public}"));
    kg.run(&set)
        .success()
        .says(&format!("In files:      {public}"));
    kg.run(&set).success().says("Nothing was changed");
    assert_eq!(
        kg.run("cluster show prod -o json").json()["public_server"],
        public
    );
    assert_eq!(kg.events("cluster set", "done"), 1);
    kg.run("kubeconfig download prod -f mine --force").success();
    let file = yaml(&kg.read("mine"));
    assert_eq!(file["clusters"][0]["cluster"]["server"], public);
    assert_eq!(get(&kg.read("mine"), "/version"), 200);
    // This address is in no certificate, and leads there: files say which name is.
    kg.run(&format!(
        "cluster set prod --public-server https://[::ffff:127.0.0.1]:{port}"
    ))
    .success()
    .says("files also say `tls-server-name: 127.0.0.1`");
    kg.run("kubeconfig download prod -f mine --force").success();
    let file = yaml(&kg.read("mine"));
    assert_eq!(
        file["clusters"][0]["cluster"]["tls-server-name"],
        "127.0.0.1"
    );
    kg.run("cluster set prod --public-server https://127.0.0.1:1")
        .success()
        .says("could not be tried from here");
    kg.run("cluster set prod --no-public-server")
        .success()
        .never_says("In files");
    let words = ["audit", "list", "--action", "cluster set"];
    let registered = format!("files carry {}, as registered", kg.sandbox.url());
    kg.run_words(&words).success().says(&registered);
    kg.run("audit verify").success();
}

#[test]
fn a_public_address_that_does_not_do_is_refused() {
    let mut kg = Home::new();
    let other = kg.add_cluster("other");
    let url = other.url();
    // The other cluster's certificate is of another authority.
    kg.run(&format!("cluster set prod --public-server {url}"))
        .exit(7)
        .says("files cannot carry");
    for (address, words) in [
        ("http://k.example", "plain http"),
        ("https://a@k.example", "user name"),
        ("https://k.example/?a", "query"),
        ("https://k.example/#a", "fragment"),
        ("k.example", "must begin with https://"),
        ("https://", "no URL"),
    ] {
        kg.run(&format!("cluster set prod --public-server {address}"))
            .exit(2)
            .says(words);
    }
    kg.run("cluster set prod --public-server https://k.example --public-tls-server-name a/b")
        .exit(2)
        .says("not a host name");
    // Where others' tokens are sent is for those who manage the cluster.
    kg.run("access grant bob --cluster prod --level write")
        .success();
    kg.run_as("bob", "cluster set prod --public-server https://k.example")
        .exit(4);
    // A hand that edits it is found.
    let sql = rusqlite::Connection::open(kg.store()).expect("a database");
    sql.execute_batch("UPDATE clusters SET public_server = 'https://evil.example'")
        .expect("whoever has the file can");
    kg.run("kubeconfig download prod -f mine").exit(7);
}

#[test]
fn a_login_command_is_heard_and_bounded() {
    let mut kg = home();
    let mut config = yaml(&kg.sandbox.admin_kubeconfig_token());
    let token = config["users"][0]["user"]["token"].clone();
    let answer = json!({
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "kind": "ExecCredential",
        "status": { "token": token },
    });
    std::fs::create_dir(kg.path("bin")).expect("a folder");
    kg.write(
        "bin/login",
        &format!(
            "#!/bin/sh\necho \"enter \\033[1mQX7T\\033[0m\\033[2J\" >&2\nif [ -n \"$SLOW\" ]; then \
             sleep 300; fi\ncat <<'X'\n{answer}\nX\n"
        ),
    );
    set_mode(&kg.path("bin/login"), 0o700);
    let exec = |command: &str, slow: &str| {
        json!({ "exec": {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": command,
            "env": [{ "name": "SLOW", "value": slow }],
            "installHint": "get it\u{a0}\nhere",
            "interactiveMode": "IfAvailable",
        } })
    };
    // A path begins in the folder of the kubeconfig.
    std::fs::create_dir(kg.path("sub")).expect("a folder");
    for (command, slow, file) in [
        ("../bin/login", "", "sub/quick"),
        ("../bin/login", "1", "sub/slow"),
        ("no-such-login", "", "sub/absent"),
    ] {
        config["users"][0]["user"] = exec(command, slow);
        kg.write(file, &serde_saphyr::to_string(&config).expect("YAML"));
    }
    let add = "cluster add prod --allow-exec --kubeconfig";
    kg.run(&format!("{add} sub/absent"))
        .exit(5)
        .says("is not installed: get it");
    kg.run(&format!("{add} sub/slow --exec-timeout 1s"))
        .exit(5)
        .says("login: enter QX7T\\u{1b}[2J\n")
        .says("did not end within 1 s; `--exec-timeout 10m` gives it more time");
    kg.run(&format!("{add} sub/quick --exec-timeout 2h"))
        .exit(2);
    kg.run(&format!("{add} sub/quick --exec-timeout 5m"))
        .success()
        .says("login: enter QX7T")
        .never_says(token.as_str().expect("a token"));
    assert!(Path::new(&kg.path("bin/login")).exists());
}
