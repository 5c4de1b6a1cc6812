//! What is written can be read, whatever the names are.

use proptest::prelude::*;

use super::*;

fn fields() -> KubeconfigFields {
    KubeconfigFields {
        cluster: "prod-eu".to_owned(),
        server: "https://api.prod-eu.example:6443".to_owned(),
        ca_pem: Some("-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n".into()),
        tls_server_name: Some("kubernetes.default".to_owned()),
        proxy_url: None,
        user: "alice@prod-eu".to_owned(),
        context: "prod-eu".to_owned(),
        namespace: Some("shop".to_owned()),
        login: Login::Token(SecretString::from("header.body.signature")),
    }
}

fn read(text: &SecretString) -> serde_json::Value {
    serde_saphyr::from_str(text.expose_secret()).expect("rendered text is YAML")
}

#[test]
fn the_whole_file_is_as_kubectl_writes_it() {
    let text = render(&fields()).expect("plain fields render");
    insta::assert_snapshot!(text.expose_secret(), @r"
    apiVersion: v1
    kind: Config
    clusters:
    - name: prod-eu
      cluster:
        server: https://api.prod-eu.example:6443
        certificate-authority-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1BTUNBUUU9Ci0tLS0tRU5EIENFUlRJRklDQVRFLS0tLS0K
        tls-server-name: kubernetes.default
    contexts:
    - name: prod-eu
      context:
        cluster: prod-eu
        user: alice@prod-eu
        namespace: shop
    current-context: prod-eu
    users:
    - name: alice@prod-eu
      user:
        token: header.body.signature
    ");
}

fn renewing(renewal: &str) -> Login {
    Login::Renewing {
        renewal: renewal.to_owned(),
    }
}

#[test]
fn a_login_that_renews_itself_is_asked_for_and_no_secret_stands_in_the_file() {
    let fields = KubeconfigFields {
        login: renewing("prod-eu.alice.0badcafe"),
        ..fields()
    };
    let text = render(&fields).expect("plain fields render");
    let read = read(&text);
    insta::assert_json_snapshot!(read["users"], @r#"
    [
      {
        "name": "alice@prod-eu",
        "user": {
          "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "args": [
              "credential",
              "--renewal",
              "prod-eu.alice.0badcafe"
            ],
            "command": "kubegrant",
            "installHint": "This kubeconfig renews itself with kubegrant, which is not installed here, or not in a folder of PATH. Get the program from whoever gave you the kubeconfig and put it in one, e.g. /usr/local/bin/kubegrant; `kubegrant credential --help` must work. Without it, ask for a kubeconfig that holds its login: `kubegrant kubeconfig download CLUSTER` without `--renew`.",
            "interactiveMode": "IfAvailable",
            "provideClusterInfo": false
          }
        }
      }
    ]
    "#);
    assert!(!text.expose_secret().contains("token:"));
}

#[test]
fn absent_fields_leave_no_trace() {
    let plain = KubeconfigFields {
        ca_pem: None,
        tls_server_name: None,
        namespace: None,
        ..fields()
    };
    let read = read(&render(&plain).expect("plain fields render"));
    assert_eq!(
        read["clusters"][0]["cluster"],
        serde_json::json!({ "server": "https://api.prod-eu.example:6443" })
    );
    assert_eq!(
        read["contexts"][0]["context"],
        serde_json::json!({ "cluster": "prod-eu", "user": "alice@prod-eu" })
    );
}

#[test]
fn names_that_yaml_would_misread_are_quoted() {
    let names = [
        "no",
        "on",
        "off",
        "y",
        "N",
        "null",
        "~",
        "1_000",
        "0x1f",
        "1e3",
        ".inf",
        "-",
        "a: b",
        "a #b",
        "'",
        "\"",
        "it's \"it\"",
        "é",
        "🦀",
        "line\nbreak",
        "\tx",
        "x ",
        " x",
        "[a]",
        "{}",
        "&a",
        "*a",
        "!a",
        "%a",
        "@a",
        "`a",
        "---",
        "...",
        "? a",
        "<<",
        "=",
        "2026-11-22",
        "\\n",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "a\r\nb",
        "|",
        ">-",
    ];
    for name in names {
        let nasty = KubeconfigFields {
            cluster: name.to_owned(),
            user: name.to_owned(),
            context: name.to_owned(),
            namespace: Some(name.to_owned()),
            ..fields()
        };
        let text = render(&nasty).expect(name);
        let read = read(&text);
        for found in [
            &read["clusters"][0]["name"],
            &read["users"][0]["name"],
            &read["contexts"][0]["name"],
            &read["current-context"],
            &read["contexts"][0]["context"]["namespace"],
        ] {
            assert_eq!(found, name, "{}", text.expose_secret());
        }
    }
}

#[test]
fn data_stays_on_the_line_of_its_key() {
    let long = KubeconfigFields {
        ca_pem: Some("x".repeat(5000)),
        login: Login::Token(SecretString::from("t".repeat(2000))),
        ..fields()
    };
    let text = render(&long).expect("long fields render");
    let lines: Vec<_> = text.expose_secret().lines().collect();
    assert!(
        lines
            .iter()
            .any(|line| line.contains("certificate-authority-data: ") && line.len() > 5000)
    );
    assert!(
        lines
            .iter()
            .any(|line| line.contains("token: ") && line.len() > 2000)
    );
}

#[test]
fn an_empty_name_is_refused() {
    for spoil in [
        (|fields: &mut KubeconfigFields| fields.cluster.clear()) as fn(&mut KubeconfigFields),
        |fields| fields.server.clear(),
        |fields| fields.user.clear(),
        |fields| fields.context.clear(),
        |fields| fields.login = Login::Token(SecretString::from("")),
        |fields| fields.login = renewing(""),
    ] {
        let mut fields = fields();
        spoil(&mut fields);
        assert!(matches!(render(&fields), Err(RenderError::Empty { .. })));
    }
}

proptest! {
    #[test]
    fn whatever_a_renewal_is_called_is_read_back(renewal in "\\PC{1,80}|.{1,80}") {
        let fields = KubeconfigFields { login: renewing(&renewal), ..fields() };
        let text = render(&fields);
        prop_assert!(text.is_ok(), "{:?}", text.err());
        let read = read(&text.expect("asserted above"));
        prop_assert_eq!(&read["users"][0]["user"]["exec"]["args"][2], &renewal);
    }

    #[test]
    fn whatever_is_written_is_read_back(
        cluster in "\\PC{1,40}|.{1,40}",
        user in "\\PC{1,40}|.{1,40}",
        namespace in proptest::option::of(".{0,20}"),
        token in "[!-~]{1,200}",
    ) {
        let fields = KubeconfigFields {
            cluster: cluster.clone(),
            user: user.clone(),
            namespace: namespace.clone(),
            login: Login::Token(SecretString::from(token.clone())),
            ..fields()
        };
        let text = render(&fields);
        prop_assert!(text.is_ok(), "{:?}", text.err());
        let read = read(&text.expect("asserted above"));
        prop_assert_eq!(&read["clusters"][0]["name"], &cluster);
        prop_assert_eq!(&read["users"][0]["name"], &user);
        prop_assert_eq!(&read["users"][0]["user"]["token"], &token);
        prop_assert_eq!(read["contexts"][0]["context"]["namespace"].as_str(), namespace.as_deref());
    }
}

#[test]
fn what_a_server_hands_over_is_read_back_and_runs_no_program() {
    let fields = KubeconfigFields {
        cluster: "c".to_owned(),
        server: "https://k.example".to_owned(),
        ca_pem: None,
        tls_server_name: None,
        proxy_url: None,
        user: "u".to_owned(),
        context: "x".to_owned(),
        namespace: Some("n".to_owned()),
        login: Login::Token(SecretString::from("t0ken")),
    };
    let honest = render(&fields).expect("rendered");
    let back = super::read(&honest).expect("ours");
    assert_eq!(back.context, "x");
    assert_eq!(back.namespace.as_deref(), Some("n"));
    let honest = honest.expose_secret();
    let exec = "exec:\n      apiVersion: client.authentication.k8s.io/v1\n      args: []\n      \
        command: touch\n      installHint: x\n      interactiveMode: Never\n      provideClusterInfo: false\n    token: t0ken";
    for (was, is) in [
        ("token: t0ken", exec),
        ("token: t0ken", "token: ''"),
        ("token: t0ken", "token: ' '"),
        ("token: t0ken", "tokenFile: /etc/passwd"),
        ("kind: Config", "kind: Config\npreferences: {}"),
    ] {
        let evil = honest.replace(was, is);
        assert_ne!(evil, honest, "{is}");
        assert!(super::read(&SecretString::from(evil)).is_none(), "{is}");
    }
}
