//! Where a renewal is put, and for whom.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::artifact::file::read_private;
use crate::artifact::renewal::BYTES_MAX;
use crate::config::{Config, Options};
use crate::domain::cluster::Address;
use crate::env::{Env, Fixture};
use crate::secrets::{Identity, SecretString};
use crate::session::App;

fn session(home: &Path) -> Session {
    let now = "2026-11-22T10:00:00Z".parse().expect("a time");
    let fixture = Fixture::new(now)
        .variable("HOME", home)
        .variable("XDG_RUNTIME_DIR", home.join("run"));
    let env = Env::fixed(&fixture);
    let config = Config::without_store(&env, Options::default()).expect("places");
    let app = Arc::new(App::new(&env, &config.store));
    Session::new(app, env, config, Box::new(|_| Ok(None)), Box::new(|_| ()))
}

fn renewal(version: u32) -> Renewal {
    Renewal {
        installation: "0badcafe".parse().expect("an id"),
        cluster: "prod".parse().expect("a name"),
        cluster_uid: None,
        subject: "shop/read".parse().expect("a name"),
        version,
        address: Address {
            server: "https://c.example".to_owned(),
            ca_pem: None,
            tls_server_name: None,
            proxy_url: None,
        },
        namespace: "kubegrant".to_owned(),
        account: "works".to_owned(),
        renewer: "renews".to_owned(),
        is_rolling: false,
        token: SecretString::from("a.b.c"),
        token_ends_at: Timestamp::UNIX_EPOCH,
    }
}

fn mode(path: &Path) -> u32 {
    let found = std::fs::metadata(path).expect("it is there");
    found.permissions().mode() & 0o777
}

#[tokio::test]
async fn a_renewal_is_put_where_it_is_looked_for_and_a_newer_one_in_its_place() {
    let home = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(home.path().join("run")).expect("a folder");
    let session = session(home.path());
    let workspace = &session.workspace;
    let bob = Identity::generate();
    for version in [1, 2] {
        let renewal = renewal(version);
        let path = put(workspace, &renewal, &bob.recipient()).await;
        let path = path.expect("it is put");
        let folder = home.path().join(".local/share/kubegrant/renew");
        assert_eq!(path, folder.join("prod.shop.read.0badcafe.age"));
        assert_eq!((mode(&folder), mode(&path)), (0o700, 0o600));
        let name = renewal.name().to_string();
        let meant = Meant::of(workspace, OsStr::new(&name)).expect("a name");
        let (sealed, _) = meant.read().expect("it is there");
        let opened = Renewal::open(&sealed, &bob).expect("it is bob's");
        assert_eq!(opened.version, version);
    }
}

#[tokio::test]
async fn it_waits_for_whoever_mints() {
    let home = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(home.path().join("run")).expect("a folder");
    let session = session(home.path());
    let workspace = &session.workspace;
    let bob = Identity::generate();
    let path = put(workspace, &renewal(1), &bob.recipient()).await;
    let path = path.expect("it is put");
    let cache = Cache::open(workspace, &path).expect("a place");
    let lock = cache.lock().expect("a lock");
    // A program that another test starts has a copy of what is open here, until it begins.
    while !lock.try_lock().expect("it is asked") {
        std::thread::sleep(Duration::from_millis(1));
    }
    let (next, to) = (renewal(2), bob.recipient());
    let mut putting = Box::pin(put(workspace, &next, &to));
    let version = || {
        let sealed = read_private(&path, BYTES_MAX).expect("it is there");
        Renewal::open(&sealed, &bob).expect("it is bob's").version
    };
    assert!(futures::poll!(&mut putting).is_pending());
    assert_eq!(version(), 1);
    drop(lock);
    putting.await.expect("it is put");
    assert_eq!(version(), 2);
}
