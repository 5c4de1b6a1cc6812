//! What is written is noted, whichever table is written first, and after what was undone.

use super::*;

#[test]
fn each_guarded_table_is_noted_before_it_is_first_written() {
    for guarded in GUARDED {
        let (_home, store) = store();
        let standing =
            "SELECT count(*) FROM sqlite_temp_schema WHERE type = 'trigger' AND tbl_name = ?1";
        let statements = [
            format!("DELETE FROM {} WHERE 1 = 0", guarded.table),
            format!(
                "UPDATE {0} SET {1} = {1} WHERE 1 = 0",
                guarded.table,
                guarded.columns()[0]
            ),
            format!(
                "INSERT INTO {0} SELECT * FROM {0} WHERE 1 = 0",
                guarded.table
            ),
        ];
        for statement in statements {
            let store = Store::open(store.path()).expect("it is there");
            let done: Result<()> = store.write(|tx| {
                let count = || {
                    tx.sql()
                        .one(standing, [guarded.table], |row| row.get::<i64>(0))
                };
                assert_eq!(count()?, 0, "{statement}");
                tx.execute(&statement, [])?;
                assert!(count()? >= 3, "{statement}");
                Ok(())
            });
            done.expect("nothing was changed");
        }
    }
}

#[test]
fn what_is_undone_takes_its_triggers_with_it_and_the_next_write_is_noted_again() {
    let (_home, store) = store();
    let store = Store::open(store.path()).expect("it is there");
    for _again in 0..3 {
        let undone: Result<()> = store.write(|tx| {
            users::set_role(tx, UserId(1), Role::Owner)?;
            Err(Error::Silent)
        });
        undone.expect_err("it is undone");
        let done: Result<()> = store.write(|tx| {
            let role = users::list(tx)?[0].role;
            let other = if role == Role::Admin {
                Role::Developer
            } else {
                Role::Admin
            };
            users::set_role(tx, UserId(1), other)?;
            fixture::append(tx, &event()).map(drop)
        });
        done.expect("it can be written");
        assert_eq!(complaints(&store), Vec::<String>::new());
    }
    let other = rusqlite::Connection::open(store.path()).expect("it is a database");
    let edit = "UPDATE users SET role = 'owner' WHERE id = 1";
    other.execute_batch(edit).expect(edit);
    assert_eq!(complaints(&store), ["the record of user 'alice'"]);
}
