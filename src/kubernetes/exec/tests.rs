//! The command runs once, within bounds, and its output is never shown.

use secrecy::ExposeSecret as _;

use super::*;

fn cluster() -> Imported {
    Imported {
        context: "a".to_owned(),
        server: "https://c.example".to_owned(),
        ca_pem: Some("PEM".to_owned()),
        tls_server_name: None,
        proxy_url: None,
        exec_config: Some(serde_json::json!({ "audience": "ops", "ttl": 7 })),
        notes: vec![],
        credential: OperatorCredential::Token("unused".into()),
    }
}

fn shell(script: &str) -> ExecPlugin {
    ExecPlugin {
        command: "/bin/sh".into(),
        args: vec!["-c".to_owned(), script.to_owned()],
        env: vec![("GREETING".to_owned(), "hello".to_owned())],
        api_version: "client.authentication.k8s.io/v1".to_owned(),
        install_hint: Some("install\u{1b}[31m it".to_owned()),
        provide_cluster_info: true,
    }
}

fn run(plugin: &ExecPlugin) -> Result<OperatorCredential, ExecError> {
    run_for(plugin, Duration::from_secs(20))
}

fn run_for(plugin: &ExecPlugin, limit: Duration) -> Result<OperatorCredential, ExecError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(run_exec(
            plugin,
            &cluster(),
            &Run {
                limit,
                search: Some("/usr/bin:/bin".into()),
                say: &|_| (),
            },
        ))
}

const HEAD: &str = r#""apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential""#;

fn printing(text: &str) -> ExecPlugin {
    let mut plugin = shell("printf %s \"$OUTPUT\"");
    plugin.env.push(("OUTPUT".to_owned(), text.to_owned()));
    plugin
}

#[test]
fn a_token_is_taken() {
    let text = format!(
        r#"{{{HEAD},"spec":{{}},"status":{{"token":"t0k\n","expirationTimestamp":"2030-01-02T03:04:05Z"}}}}"#
    );
    match run(&printing(&text)).expect("a token") {
        OperatorCredential::Token(token) => assert_eq!(token.expose_secret(), "t0k"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_token_in_yaml_is_taken() {
    let text = "\u{feff}apiVersion: client.authentication.k8s.io/v1\nkind: ExecCredential\n\
                status:\n  token: t0k\n  expirationTimestamp: '2030-01-02T03:04:05Z'\n";
    match run(&printing(text)).expect("a token") {
        OperatorCredential::Token(token) => assert_eq!(token.expose_secret(), "t0k"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_client_certificate_is_taken() {
    let status = serde_json::json!({
        "clientCertificateData": include_str!("../tls/tests/v1-client.crt"),
        "clientKeyData": include_str!("../tls/tests/v1-client.key"),
    });
    let taken = run(&printing(&format!(r#"{{{HEAD},"status":{status}}}"#)));
    assert!(
        matches!(taken, Ok(OperatorCredential::ClientCertificate { .. })),
        "{taken:?}"
    );
}

#[test]
fn the_command_is_told_about_the_cluster_and_sees_its_variables() {
    let script = format!(
        r#"case "$KUBERNETES_EXEC_INFO" in *'"server":"https://c.example"'*) ;; *) exit 3;; esac
        case "$KUBERNETES_EXEC_INFO" in *'"interactive":false'*) ;; *) exit 4;; esac
        case "$KUBERNETES_EXEC_INFO" in *'"config":{{"audience":"ops","ttl":7}}'*) ;; *) exit 6;; esac
        if read -r line; then exit 5; fi
        printf '{{{HEAD},"status":{{"token":"%s"}}}}' "$GREETING""#
    );
    match run(&shell(&script)).expect("a token") {
        OperatorCredential::Token(token) => assert_eq!(token.expose_secret(), "hello"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_absent_command_shows_how_to_install_it() {
    let mut plugin = shell("");
    plugin.command = "/nowhere/aws".into();
    let error = run(&plugin).expect_err("no such command").to_string();
    assert_eq!(
        error,
        "`/nowhere/aws -c` is not installed: install\\u{1b}[31m it"
    );
}

#[test]
fn a_failing_command_shows_its_complaint() {
    let error = run(&shell(
        "echo canary; echo 'log in \u{1b}[31mfirst' >&2; exit 7",
    ));
    let error = error.expect_err("a failure").to_string();
    assert!(error.contains("exit status: 7"), "{error}");
    assert!(error.ends_with("log in \\u{1b}[31mfirst"), "{error}");
}

#[test]
fn a_silent_command_is_ended() {
    let error = run_for(&shell("sleep 30"), Duration::from_millis(50)).expect_err("too slow");
    assert!(matches!(error, ExecError::TooSlow { .. }), "{error}");
}

#[test]
fn endless_output_is_cut_off() {
    let error = run(&shell("exec yes")).expect_err("too much");
    assert!(matches!(error, ExecError::TooMuch { .. }), "{error}");
}

#[test]
fn much_talk_on_the_side_does_not_block() {
    let script =
        format!("yes | head -c 300000 >&2; echo '{{{HEAD},\"status\":{{\"token\":\"t\"}}}}'");
    assert!(run(&shell(&script)).is_ok());
}

#[test]
fn what_is_no_credential_is_refused_and_not_shown() {
    let v1beta1 = r#"{"apiVersion":"client.authentication.k8s.io/v1beta1","kind":"ExecCredential","status":{"token":"canary"}}"#;
    let bodies = [
        String::new(),
        "canary".to_owned(),
        "\"canary\"".to_owned(),
        "{}".to_owned(),
        v1beta1.to_owned(),
        format!("{{{HEAD}}}"),
        format!(r#"{{{HEAD},"status":{{}}}}"#),
        format!(r#"{{{HEAD},"status":{{"token":""}}}}"#),
        format!(r#"{{{HEAD},"status":{{"token":["canary"]}}}}"#),
        format!(r#"{{{HEAD},"status":{{"token":"canary canary"}}}}"#),
        format!(r#"{{{HEAD},"status":{{"token":"canary","expirationTimestamp":"soon"}}}}"#),
        format!(r#"{{{HEAD},"status":{{"clientCertificateData":"canary"}}}}"#),
        format!(r#"{{{HEAD},"status":{{"clientKeyData":"canary"}}}}"#),
        format!(
            r#"{{{HEAD},"status":{{"clientKeyData":"canary","clientCertificateData":"canary"}}}}"#
        ),
        format!(r#"{{{HEAD},"status":{{"token":"canary"}}}} canary"#),
    ];
    for body in bodies {
        let error = run(&printing(&body)).expect_err(&body);
        assert!(matches!(error, ExecError::NoCredential { .. }), "{error}");
        assert!(!error.to_string().contains("canary"), "{error}");
    }
}

#[test]
fn what_it_says_is_heard_while_it_runs() {
    let said = std::cell::RefCell::new(Vec::new());
    let go = tempfile::NamedTempFile::new().expect("a file");
    let path = go.path().to_owned();
    // It goes on only when its question was heard.
    let script = format!(
        "printf 'enter the code \\033[1mQX7T\\033[0m' >&2
         while ! grep -q heard '{}'; do sleep 0.01; done
         echo canary-end >&2
         printf '{{{HEAD},\"status\":{{\"token\":\"t\"}}}}'",
        path.display()
    );
    let say = |line: &str| {
        use std::io::Write as _;
        said.borrow_mut().push(line.to_owned());
        let mut go = go.as_file();
        go.write_all(b"heard").expect("written");
    };
    let run = Run {
        limit: Duration::from_mins(1),
        search: None,
        say: &say,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let taken = runtime.block_on(run_exec(&shell(&script), &cluster(), &run));
    assert!(taken.is_ok(), "{taken:?}");
    let expected = ["sh: enter the code QX7T", "sh: canary-end"];
    assert_eq!(*said.borrow(), expected);
}

#[test]
fn what_it_leaves_running_does_not_hold_it_up() {
    let script =
        format!("sleep 600 >/dev/null & printf '{{{HEAD},\"status\":{{\"token\":\"t\"}}}}'");
    assert!(run(&shell(&script)).is_ok());
}

#[test]
fn a_bare_name_is_found_in_the_path_alone() {
    let search = Some(Path::new("bin:/nowhere:/usr/bin:/bin"));
    let found = find(Path::new("sh"), search).expect("a shell");
    assert!(found.is_absolute() && found.ends_with("sh"), "{found:?}");
    assert_eq!(find(Path::new("no-such-command"), search), None);
    assert_eq!(find(Path::new("sh"), None), None);
    let given = Path::new("/opt/aws");
    assert_eq!(find(given, None).as_deref(), Some(given));
}
