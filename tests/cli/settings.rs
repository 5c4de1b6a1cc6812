//! The file of settings: which store is used where nobody says.

use crate::home::{Home, set_mode, write_at};

fn elsewhere() -> Home {
    let mut kg = Home::organization(kubegrant_sandbox::Sandbox::builder());
    let settings = kg.root().join("config/kubegrant/config.toml");
    std::fs::create_dir_all(kg.root().join("config/kubegrant")).expect("a folder");
    write_at(&settings, "store = \"team/store.db\"\n");
    set_mode(&settings, 0o600);
    kg.run("user list")
        .exit(3)
        .says("config/kubegrant/team/store.db");
    kg
}

#[test]
fn settings_name_the_store_and_a_variable_or_a_flag_another_one() {
    let mut kg = elsewhere();
    let identity = kg.root().join("other.identity").display().to_string();
    kg.run(&format!(
        "init --organization Team --owner tina --identity {identity}"
    ))
    .success();
    assert!(kg.root().join("config/kubegrant/team/store.db").exists());
    let usual = kg
        .root()
        .join("data/kubegrant/store.db")
        .display()
        .to_string();
    let by_flag = kg.run(&format!("whoami -o name --store {usual}"));
    let by_variable = kg.run_where(
        |it| it.variable("KUBEGRANT_STORE", &usual),
        "whoami -o name",
    );
    let by_settings = kg.run(&format!("whoami -o name --identity {identity}"));
    assert_eq!(by_flag.success().stdout, "user/olivia\n");
    assert_eq!(by_variable.success().stdout, "user/olivia\n");
    assert_eq!(by_settings.success().stdout, "user/tina\n");
}

#[test]
fn settings_that_others_can_read_are_refused() {
    let mut kg = elsewhere();
    let settings = kg.root().join("config/kubegrant/config.toml");
    for mode in [0o640, 0o604, 0o666] {
        set_mode(&settings, mode);
        kg.run("user list")
            .exit(7)
            .says("cannot use the settings")
            .says("config.toml");
    }
    // The way out that is named.
    set_mode(&settings, 0o600);
    kg.run("user list").exit(3);
}

#[test]
fn settings_that_are_none_are_named_and_nothing_in_them_is_shown() {
    let mut kg = elsewhere();
    let settings = kg.root().join("config/kubegrant/config.toml");
    for (text, line) in [
        ("store = s3cret\n", 1),
        ("# ours\nstore = \"a\" s3cret\n", 2),
        ("s3cret = \"x\"\n", 1),
        ("\nstore = 53\n", 2),
        ("store = \"a\"\nstore = \"s3cret\"\n", 2),
    ] {
        write_at(&settings, text);
        kg.run("user list")
            .exit(2)
            .says(&format!(
                "config.toml`: line {line} is not `store = \"PLACE\"`"
            ))
            .never_says("s3cret");
    }
    // A password in the file is nobody else's to read, and is shown nowhere.
    write_at(&settings, "store = \"postgres://a:s3cret@localhost:1/k\"\n");
    kg.run("user list")
        .exit(8)
        .says("postgres://a@localhost:1/k")
        .never_says("s3cret");
}
