//! What an address of a store says, and what of it is shown.

use super::*;

fn parse(text: &str) -> Result<Database, AddressError> {
    Database::parse(text, false)
}

#[test]
fn an_address_is_read_whole_and_shown_without_its_password() {
    let text = "postgres://kube%40grant:p%3Aw@db.example.com:6543/our%20store\
                ?sslrootcert=/etc/ca.pem&sslcert=/c&sslkey=/k";
    let database = parse(text).expect("a good address");
    assert_eq!(database.user, "kube@grant");
    assert_eq!(
        database.password.as_ref().map(Password::expose),
        Some("p:w")
    );
    assert_eq!(
        (database.host.as_str(), database.port),
        ("db.example.com", 6543)
    );
    assert_eq!(database.name, "our store");
    assert_eq!(database.mode, SslMode::VerifyFull);
    let shown = database.to_string();
    assert!(
        !shown.contains("p:w") && !shown.contains("p%3Aw"),
        "{shown}"
    );
    let secret = format!("{database:?}");
    assert!(!secret.contains("p:w"), "{secret}");
    let again = Database {
        password: None,
        ..database
    };
    assert_eq!(parse(&shown), Ok(again), "what is shown leads there");
}

#[test]
fn a_socket_needs_no_tls_and_a_network_does() {
    let local = parse("postgres://me@/store?host=/run/postgresql").expect("a socket");
    assert_eq!(local.mode, SslMode::Disable);
    assert!(!local.is_insecure());
    assert_eq!(parse(&local.to_string()), Ok(local));
    for mode in ["disable", "require", "verify-ca"] {
        let text = format!("postgres://me@db/store?sslmode={mode}");
        assert_eq!(
            parse(&text),
            Err(AddressError::Insecure(match mode {
                "disable" => "disable",
                "require" => "require",
                _ => "verify-ca",
            }))
        );
        let database = Database::parse(&text, true).expect("somebody wants it so");
        assert!(database.is_insecure());
    }
    for mode in ["prefer", "allow", "", "VERIFY-FULL"] {
        let text = format!("postgres://me@db/store?sslmode={mode}");
        assert_eq!(
            Database::parse(&text, true),
            Err(AddressError::Mode(mode.to_owned()))
        );
    }
}

#[test]
fn what_is_no_address_is_refused() {
    for text in [
        "postgres://",
        "postgres://db/store",
        "postgres://me@/store",
        "postgres://me@db",
        "postgres://me@db:x/store",
        "postgres://me@[::1/store",
        "postgres://me@[::1]x/store",
        "postgres://me@db/store?nonsense=1",
        "postgres://me@db/st%0re",
        "postgres://me@db/s%00",
        "postgres://me@db/store?sslcert=/c",
        "mysql://me@db/store",
    ] {
        assert!(parse(text).is_err(), "{text}");
    }
    let host = parse("postgres://me@[::1]:5/store").map(|it| (it.host, it.port));
    assert_eq!(host, Ok(("::1".to_owned(), 5)));
}

#[test]
fn a_password_is_found_where_its_line_fits() {
    let database = parse("postgres://me@db:7/store").expect("a good address");
    for (line, password) in [
        ("db:7:store:me:pa\\:ss", Some("pa:ss")),
        ("*:*:*:me:x:y", Some("x:y")),
        ("db:8:store:me:x", None),
        ("other:7:store:me:x", None),
        ("#db:7:store:me:x", None),
        ("db:7:store", None),
    ] {
        let found = database.password_of_line(line);
        assert_eq!(found.as_ref().map(Password::expose), password, "{line}");
    }
    let local = parse("postgres://me@/store?host=/run").expect("a socket");
    for line in ["localhost:5432:store:me:x", "/run:*:*:*:x"] {
        assert!(local.password_of_line(line).is_some(), "{line}");
    }
}

#[test]
fn what_begins_like_an_address_is_one_and_no_part_of_a_password_is_shown() {
    for text in [
        "POSTGRES://u:s3cr3t@h/db",
        " postgres://u:s3cr3t@h/db",
        "mysql://u:s3cr3t@h/db",
        "postgres://u:s3/cr3t@h/db",
        "postgres://u:s3?cr3t=1@h/db",
        "postgres://u:1/s3cr3t@h/db",
    ] {
        assert!(Place::is_address(text), "{text}");
        let shown = match Database::parse(text, false) {
            Ok(database) => format!("{database} {database:?}"),
            Err(error) => format!("{error} {error:?}"),
        };
        assert!(!shown.contains("cr3t"), "{shown}");
    }
    assert!(parse("POSTGRES://u@h/db").is_ok());
    for file in ["store.db", "/srv/a:b", "./x://y", "://x"] {
        assert!(!Place::is_address(file), "{file}");
    }
}
