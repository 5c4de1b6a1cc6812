//! Rows that are kept while nothing changes them.

use super::*;
use crate::domain::access::Level;
use crate::domain::credential::CredentialId;

/// A command looks at the same rows several times: what is kept of them follows what it commits, and what others do.
#[test]
fn rows_that_are_kept_are_never_old() {
    type Work<'a> = &'a dyn Fn(&WriteTxn<'_>) -> Result<()>;
    let (home, store) = new_store();
    let other = Store::open(&home.path().join("kubegrant/store.db")).expect("it is there");
    let id = crate::domain::cluster::ClusterId(1);
    let write = |store: &Store, work: Work<'_>| {
        let done = store.write(|tx| {
            work(tx)?;
            fixture::append(tx, &event())
        });
        done.expect("committed");
    };
    let user = std::cell::Cell::new(crate::domain::user::UserId(0));
    write(&store, &|tx| {
        meta::set(tx, "installation", "0badcafe")?;
        user.set(add_user(tx, "bob"));
        add_cluster(tx, user.get())
    });
    let user = user.get();
    let grant = |level| crate::domain::access::Grant {
        user,
        cluster: id,
        level,
        granted_at: at(1),
        granted_by: user,
        ends_at: None,
        reason: String::new(),
    };
    let account = "bob-v1".parse().expect("a good name");
    let begun = credentials::NewCredential {
        cluster: id,
        subject: Subject::Personal(user),
        version: 1,
        account: &account,
        power: Power::Read,
        shard: Shard::FIRST,
        created_at: at(1),
    };
    let changes: [Work<'_>; 7] = [
        &|tx| grants::put(tx, &grant(Level::Read)),
        &|tx| users::set_active(tx, user, false),
        &|tx| credentials::insert(tx, &begun).map(drop),
        &|tx| grants::put(tx, &grant(Level::Write)),
        &|tx| {
            let name = "shop".parse().expect("a good name");
            projects::insert(tx, &name, "", user, at(1)).map(drop)
        },
        &|tx| credentials::end(tx, CredentialId(1), "over", at(2)).map(drop),
        &|tx| grants::remove(tx, id, user, at(3)),
    ];
    let look = |store: &Store| {
        let look = store.read(|tx| snapshots::get(tx, id)).expect("a look");
        let people: Vec<_> = look.people.users.values().cloned().collect();
        format!("{:?} {:?} {people:?}", look.grants, look.credentials)
    };
    for (number, change) in changes.iter().enumerate() {
        let (by, before) = (if number == 3 { &other } else { &store }, look(&store));
        write(by, change);
        let fresh = Store::open(&home.path().join("kubegrant/store.db")).expect("it is there");
        let now = look(&store);
        assert_eq!(now, look(&fresh), "change {number}");
        assert_eq!(now == before, number == 4, "change {number}");
    }
}
