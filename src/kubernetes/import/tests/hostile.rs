//! A corpus of hostile and broken kubeconfigs: each is refused, and for the right reason.

use super::*;

/// Writes a file with the given cluster and user bodies, in flow style.
fn file(cluster: &str, user: &str) -> String {
    format!(
        "apiVersion: v1
kind: Config
current-context: a
clusters: [{{name: c, cluster: {{{cluster}}}}}]
contexts: [{{name: a, context: {{cluster: c, user: u}}}}]
users: [{{name: u, user: {{{user}}}}}]
"
    )
}

fn cluster(cluster: &str) -> String {
    file(cluster, "token: t")
}

fn server(server: &str) -> String {
    cluster(&format!("server: \"{server}\""))
}

fn user(user: &str) -> String {
    file("server: 'https://c.example'", user)
}

fn exec(exec: &str) -> String {
    user(&format!("exec: {{{exec}}}"))
}

/// Asserts that a text is refused by a variant, without and with every permission.
macro_rules! refused {
    ($($name:ident: $text:expr => $pattern:pat,)+) => {
        $(
            #[test]
            fn $name() {
                let text = $text;
                let error = take(&text, Allowed::default()).expect_err("must be refused");
                assert!(matches!(error.refused, $pattern), "{error:?}");
                let shown = error.to_string();
                assert!(!shown.chars().any(char::is_control), "{shown:?}");
                assert!(!shown.ends_with('.'), "{shown}");
            }
        )+
    };
}

/// Asserts that a text is refused even where files and commands are allowed.
macro_rules! refused_anyway {
    ($($name:ident: $text:expr => $pattern:pat,)+) => {
        $(
            #[test]
            fn $name() {
                let allowed = Allowed { files: true, exec: true, context: None };
                let error = take(&$text, allowed).expect_err("must be refused");
                assert!(matches!(error.refused, $pattern), "{error:?}");
            }
        )+
    };
}

// The shape of the text.
refused! {
    nothing: "" => Refused::Empty,
    only_a_comment: "# hello\n" => Refused::Empty,
    only_null: "~" => Refused::Empty,
    text: "hello" => Refused::NotKubeconfig { .. },
    a_list: "- a\n- b" => Refused::NotKubeconfig { .. },
    html: "<html><body>Sign in</body></html>" => Refused::NotKubeconfig { .. },
    a_private_key: KEY_PEM.clone() => Refused::NotKubeconfig { .. } | Refused::NotYaml { .. } | Refused::SeveralDocuments { .. },
    another_kind: "apiVersion: v1\nkind: Secret\n" => Refused::NotKubeconfig { .. },
    another_version: "apiVersion: v2\nkind: Config\n" => Refused::NotKubeconfig { .. },
    an_unclosed_list: "clusters: [" => Refused::NotYaml { .. },
    an_unclosed_quote: "clusters: \"" => Refused::NotYaml { .. },
    a_tab_for_indentation: "clusters:\n\t- a" => Refused::NotYaml { .. },
    too_large: format!("# {}", "x".repeat(16 * 1024 * 1024)) => Refused::TooLarge { .. },
    too_deep_in_flow_style: format!("a: {}{}", "[".repeat(40), "]".repeat(40)) => Refused::TooDeep { .. },
    absurdly_deep: format!("a: {}", "[".repeat(100_000)) => Refused::TooDeep { .. } | Refused::NotYaml { .. },
    absurdly_deep_mappings: format!("a: {}", "{a: ".repeat(50_000)) => Refused::TooDeep { .. } | Refused::NotYaml { .. },
    too_deep_in_block_style: (0..40).map(|n| " ".repeat(n) + "a:\n").collect::<String>() => Refused::TooDeep { .. },
    two_documents: format!("{}---\n{}", user("token: t"), user("token: t")) => Refused::SeveralDocuments { .. },
    an_anchor: "a: &x 1\n" => Refused::Anchor { .. },
    an_anchored_mapping: "a: &x {b: 1}\n" => Refused::Anchor { .. },
    an_anchored_list: "a: &x [1]\n" => Refused::Anchor { .. },
    an_alias: "a: *x\n" => Refused::Alias { .. },
    an_alias_as_key: "*x : 1\n" => Refused::Alias { .. },
    a_bomb: "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n" => Refused::Anchor { .. },
    a_string_tag: "a: !!str 1\n" => Refused::Tag { .. },
    a_binary_tag: user("token: !!binary aGk=") => Refused::Tag { .. },
    an_object_tag: "a: !!python/object/apply:os.system [id]\n" => Refused::Tag { .. },
    an_own_tag: "a: !include /etc/passwd\n" => Refused::Tag { .. },
    a_tagged_mapping: "a: !x {b: 1}\n" => Refused::Tag { .. },
    a_tagged_key: "!x a: 1\n" => Refused::Tag { .. },
    a_merge_key: "a: {<<: {b: 1}}\n" => Refused::MergeKey { .. },
    a_duplicate_key: "kind: Config\nkind: Config\n" => Refused::DuplicateKey { .. },
    a_duplicate_token: user("token: a, token: b") => Refused::DuplicateKey { .. },
    a_duplicate_key_by_escape: user("token: a, \"tok\\x65n\": b") => Refused::DuplicateKey { .. },
    a_list_as_key: "[a, b]: 1\n" => Refused::StrangeKey { .. },
    a_number_as_key: "1: 1\n" => Refused::StrangeKey { .. },
    a_raw_escape: "a: \u{1b}[2J\n" => Refused::ControlCharacter { .. },
    a_raw_nul: "a: \u{0}\n" => Refused::ControlCharacter { .. },
    a_raw_c1: "a: \u{9b}31m\n" => Refused::ControlCharacter { .. },
    a_raw_control_in_a_comment: "# \u{1b}]0;x\u{7}\na: 1\n" => Refused::ControlCharacter { .. },
    an_escaped_escape: "a: \"\\e[31m\"\n" => Refused::ControlCharacter { .. },
    an_escaped_nul_in_a_key: "\"a\\0\": 1\n" => Refused::ControlCharacter { .. },
}

// Contexts and names.
refused! {
    no_contexts: "kind: Config\n" => Refused::NoContexts,
    a_missing_context: user("token: t").replace("current-context: a", "current-context: b") => Refused::UnknownContext { .. },
    a_missing_cluster: user("token: t").replace("cluster: c,", "cluster: d,") => Refused::UnknownCluster { .. },
    a_missing_user: user("token: t").replace("user: u}", "user: v}") => Refused::UnknownUser { .. },
    a_context_without_a_cluster: user("token: t").replace("cluster: c,", "") => Refused::Missing { .. },
    a_context_without_a_user: user("token: t").replace(", user: u}", "}") => Refused::Missing { .. },
    an_empty_context: user("token: t").replace("{cluster: c, user: u}", "") => Refused::Missing { .. },
    only_an_entry_without_a_name: "users: [{user: {token: t}}]" => Refused::NoContexts,
    two_users_of_one_name: user("token: t").replace("users: [", "users: [{name: u}, ") => Refused::DuplicateEntry { kind: "users", .. },
    two_clusters_of_one_name: user("token: t").replace("clusters: [", "clusters: [{name: c}, ") => Refused::DuplicateEntry { kind: "clusters", .. },
    two_contexts_of_one_name: user("token: t").replace("contexts: [", "contexts: [{name: a}, ") => Refused::DuplicateEntry { kind: "contexts", .. },
    a_name_that_is_a_truth_value: user("token: t").replace("name: a", "name: no") => Refused::WrongKind { .. },
    a_name_that_is_a_number: user("token: t").replace("name: u", "name: 1_000") => Refused::WrongKind { .. },
    a_name_that_turns_around: user("token: t").replace("name: u", "name: \"a\u{202e}b\"").replace("user: u}", "user: \"a\u{202e}b\"}") => Refused::HiddenCharacter { .. },
    a_name_with_a_zero_width_space: user("token: t").replace("name: u", "name: \"a\\u200Bb\"").replace("user: u}", "user: \"a\\u200Bb\"}") => Refused::HiddenCharacter { .. },
    a_name_of_two_lines: user("token: t").replace("name: u", "name: \"a\\nb\"").replace("user: u}", "user: \"a\\nb\"}") => Refused::HiddenCharacter { .. },
    a_namespace_of_two_lines: user("token: t").replace("user: u}", "user: u, namespace: \"a\\nb\"}") => Refused::HiddenCharacter { .. },
    users_that_are_a_mapping: "users: {a: b}" => Refused::WrongKind { .. },
    an_entry_that_is_text: "users: [a]" => Refused::WrongKind { .. },
    a_cluster_that_is_text: user("token: t").replace("cluster: {server: 'https://c.example'}", "cluster: x") => Refused::WrongKind { .. },
}

// The cluster.
refused! {
    plain_http: server("http://c.example") => Refused::PlainHttp { .. },
    plain_http_in_capitals: server("HTTP://c.example") => Refused::PlainHttp { .. },
    no_server: cluster("") => Refused::Missing { .. },
    no_scheme: server("c.example:6443") => Refused::BadServer { .. },
    a_file_address: server("file:///etc/passwd") => Refused::BadServer { .. },
    a_socket_address: server("unix:///run/docker.sock") => Refused::BadServer { .. },
    a_login_in_the_address: server("https://me:pw@c.example") => Refused::BadServer { .. },
    a_host_that_only_looks_like_the_login: server("https://good.example@evil.example") => Refused::BadServer { .. },
    a_query: server("https://c.example/?a=b") => Refused::BadServer { .. },
    a_fragment: server("https://c.example/#a") => Refused::BadServer { .. },
    no_host: server("https://") => Refused::BadServer { .. },
    no_host_but_a_port: server("https://:6443") => Refused::BadServer { .. },
    port_zero: server("https://c.example:0") => Refused::BadServer { .. },
    port_too_large: server("https://c.example:65536") => Refused::BadServer { .. },
    an_empty_port: server("https://c.example:") => Refused::BadServer { .. },
    a_port_with_a_sign: server("https://c.example:+443") => Refused::BadServer { .. },
    steps_in_the_path: server("https://c.example/a/../b") => Refused::BadServer { .. },
    encoded_steps_in_the_path: server("https://c.example/a/%2e%2e/b") => Refused::BadServer { .. },
    empty_steps_in_the_path: server("https://c.example//a") => Refused::BadServer { .. },
    a_backslash: server("https://c.example\\\\evil.example") => Refused::BadServer { .. },
    a_space: server("https://c.example /") => Refused::BadServer { .. },
    letters_that_look_alike: server("https://с.example") => Refused::BadServer { .. },
    a_shortened_address: server("https://127.1") => Refused::BadServer { .. },
    a_hexadecimal_address: server("https://0x7f.0x1") => Refused::BadServer { .. },
    a_broken_address: server("https://[::1") => Refused::BadServer { .. },
    a_server_that_is_a_number: cluster("server: 1") => Refused::WrongKind { .. },
    a_server_of_two_lines: server("https://c.example\\nX-Header: 1") => Refused::HiddenCharacter { .. },
    unchecked_tls: cluster("server: 'https://c.example', insecure-skip-tls-verify: true") => Refused::InsecureTls { .. },
    unchecked_tls_in_old_words: cluster("server: 'https://c.example', insecure-skip-tls-verify: on") => Refused::InsecureTls { .. },
    unchecked_tls_in_quotes: cluster("server: 'https://c.example', insecure-skip-tls-verify: 'true'") => Refused::WrongKind { .. },
    an_unknown_field: cluster("server: 'https://c.example', server2: x") => Refused::UnknownField { .. },
    a_misspelt_authority: cluster("server: 'https://c.example', certificate-authority-dat: x") => Refused::UnknownField { .. },
    a_server_name_that_is_none: cluster("server: 'https://c.example', tls-server-name: 'a b'") => Refused::BadTlsServerName { .. },
    a_proxy_with_a_password: cluster("server: 'https://c.example', proxy-url: 'http://me:pw@p'") => Refused::BadProxy { .. },
    a_proxy_that_is_none: cluster("server: 'https://c.example', proxy-url: 'ftp://p'") => Refused::BadProxy { .. },
    an_authority_file: cluster("server: 'https://c.example', certificate-authority: /etc/passwd") => Refused::FileReference { .. },
    an_authority_that_is_no_base64: cluster("server: 'https://c.example', certificate-authority-data: '***'") => Refused::NotBase64 { .. },
    an_authority_that_is_no_pem: cluster("server: 'https://c.example', certificate-authority-data: aGVsbG8=") => Refused::NoCertificate { .. },
    an_authority_that_is_a_key: cluster("server: 'https://c.example', certificate-authority-data: {KEY}") => Refused::NoCertificate { .. },
    an_authority_with_other_bytes: cluster(&format!("server: 'https://c.example', certificate-authority-data: {}", STANDARD.encode("-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n"))) => Refused::BadCertificate { .. },
    an_authority_that_is_an_empty_shell: cluster(&format!("server: 'https://c.example', certificate-authority-data: {}", STANDARD.encode("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"))) => Refused::BadCertificate { .. },
    an_authority_that_breaks_off: cluster(&format!("server: 'https://c.example', certificate-authority-data: {}", STANDARD.encode("-----BEGIN CERTIFICATE-----\nMAA="))) => Refused::BadCertificate { .. },
}

// The user.
refused! {
    no_credential: user("") => Refused::NoCredential { .. },
    an_empty_token: user("token: ''") => Refused::NoCredential { .. },
    a_token_that_is_a_number: user("token: 12345") => Refused::WrongKind { .. },
    a_token_that_is_a_mapping: user("token: {a: b}") => Refused::WrongKind { .. },
    a_token_with_a_header: user("token: \"t\\r\\nX-Evil: 1\"") => Refused::BadToken { .. },
    a_token_with_a_space: user("token: 'a b'") => Refused::BadToken { .. },
    a_token_beyond_ascii: user("token: 'é'") => Refused::BadToken { .. },
    a_token_file: user("tokenFile: /etc/shadow") => Refused::FileReference { .. },
    a_token_file_beside_a_token: user("token: t, tokenFile: /etc/shadow") => Refused::FileReference { .. },
    a_certificate_file: user("client-certificate: /etc/shadow, client-key: /etc/shadow") => Refused::FileReference { .. },
    a_key_file: user("client-certificate-data: {CERT}, client-key: /etc/shadow") => Refused::FileReference { .. },
    a_certificate_without_a_key: user("client-certificate-data: {CERT}") => Refused::HalfPair { .. },
    a_key_without_a_certificate: user("client-key-data: {KEY}") => Refused::HalfPair { .. },
    a_certificate_that_is_a_key: user("client-certificate-data: {KEY}, client-key-data: {KEY}") => Refused::NoCertificate { .. },
    a_key_that_is_a_certificate: user("client-certificate-data: {CERT}, client-key-data: {CERT}") => Refused::NoPrivateKey { .. },
    a_key_that_is_no_base64: user("client-certificate-data: {CERT}, client-key-data: '='") => Refused::NotBase64 { .. },
    an_encrypted_key: user(&format!("client-certificate-data: {{CERT}}, client-key-data: {}", STANDARD.encode("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n"))) => Refused::EncryptedKey { .. },
    an_old_encrypted_key: user(&format!("client-certificate-data: {{CERT}}, client-key-data: {}", STANDARD.encode("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nMAA=\n-----END RSA PRIVATE KEY-----\n"))) => Refused::EncryptedKey { .. },
    a_password_without_a_name: user("password: p") => Refused::HalfPair { .. },
    a_name_without_a_password: user("username: me") => Refused::HalfPair { .. },
    a_name_with_a_colon: user("username: 'a:b', password: p") => Refused::BadToken { .. },
    a_token_and_a_password: user("token: t, username: me, password: p") => Refused::TwoLogins { .. },
    an_unknown_user_field: user("token: t, sudo: true") => Refused::UnknownField { .. },
    impersonation: user("token: t, as: admin") => Refused::Impersonation { .. },
    impersonation_of_groups: user("token: t, as-groups: ['system:masters']") => Refused::Impersonation { .. },
    impersonation_by_uid: user("token: t, as-uid: '1'") => Refused::Impersonation { .. },
    impersonation_by_extra: user("token: t, as-user-extra: {a: [b]}") => Refused::Impersonation { .. },
    impersonation_in_other_words: user("token: t, impersonate: admin") => Refused::Impersonation { .. },
    an_auth_provider: user("auth-provider: {name: gcp, config: {cmd-path: /bin/sh}}") => Refused::AuthProvider { .. },
    an_auth_provider_beside_a_token: user("token: t, auth-provider: {name: oidc}") => Refused::AuthProvider { .. },
    a_command: exec("apiVersion: client.authentication.k8s.io/v1, command: /bin/sh, args: [-c, 'rm -rf ~']") => Refused::Exec { .. },
    a_command_beside_a_token: user("token: t, exec: {apiVersion: client.authentication.k8s.io/v1, command: sh}") => Refused::Exec { .. },
    a_command_that_hides: exec("apiVersion: client.authentication.k8s.io/v1, command: \"a\\u202eb\"") => Refused::HiddenCharacter { .. },
}

refused_anyway! {
    no_command: exec("apiVersion: client.authentication.k8s.io/v1") => Refused::BadExec { .. },
    a_command_without_a_version: exec("command: sh") => Refused::BadExec { .. },
    a_command_of_an_old_version: exec("apiVersion: client.authentication.k8s.io/v1alpha1, command: sh") => Refused::BadExec { .. },
    a_command_of_an_unknown_version: exec("apiVersion: v1, command: sh") => Refused::BadExec { .. },
    a_command_that_must_ask: exec("apiVersion: client.authentication.k8s.io/v1, command: sh, interactiveMode: Always") => Refused::BadExec { .. },
    a_command_of_an_unknown_mode: exec("apiVersion: client.authentication.k8s.io/v1, command: sh, interactiveMode: Often") => Refused::BadExec { .. },
    a_variable_with_an_equals_sign: exec("apiVersion: client.authentication.k8s.io/v1, command: sh, env: [{name: 'A=B', value: c}]") => Refused::BadExec { .. },
    a_variable_without_a_name: exec("apiVersion: client.authentication.k8s.io/v1, command: sh, env: [{value: c}]") => Refused::BadExec { .. },
    an_argument_that_is_a_number: exec("apiVersion: client.authentication.k8s.io/v1, command: sh, args: [1]") => Refused::WrongKind { .. },
    an_unknown_exec_field: exec("apiVersion: client.authentication.k8s.io/v1, command: sh, shell: true") => Refused::UnknownField { .. },
    an_auth_provider_with_every_permission: user("auth-provider: {name: gcp}") => Refused::AuthProvider { .. },
    impersonation_with_every_permission: user("token: t, as: admin") => Refused::Impersonation { .. },
    unchecked_tls_with_every_permission: cluster("server: 'https://c.example', insecure-skip-tls-verify: true") => Refused::InsecureTls { .. },
    plain_http_before_any_file_is_read: file("server: 'http://c.example'", "tokenFile: /dev/zero") => Refused::PlainHttp { .. },
    an_endless_file: user("tokenFile: /dev/zero") => Refused::TooLarge { .. },
    an_absent_file: user("tokenFile: /nowhere") => Refused::UnreadableFile { .. },
    an_empty_file: user("tokenFile: empty") => Refused::BadToken { .. },
    a_token_file_that_is_a_certificate: user("tokenFile: ca.crt") => Refused::BadToken { .. },
    a_file_name_that_hides: user("tokenFile: \"a\\u202eb\"") => Refused::HiddenCharacter { .. },
}

#[test]
fn no_long_text_takes_long() {
    let pieces = [
        "[", "{", "- ", "? ", ": ", "a: ", "'", "\"", "\\", "\n", "#\n", "x", "x ", "&a ", "*a ",
        "!a ", "!!str ", "%a ", "---\n", "...\n", "- a\n", "- {}\n", "|\n ", "> ", ",", "[],",
        "a\n\n", "\t", "<<: ", "\u{e9}", "\"\\x41", "- - ", "? a\n",
    ];
    for piece in pieces {
        for head in ["", "a: [", "a: \""] {
            let text = head.to_owned() + &piece.repeat(256 * 1024 / piece.len());
            let begun = std::time::Instant::now();
            assert!(take(&text, Allowed::default()).is_err());
            // A limit against hanging, not a measure of speed.
            let taken = begun.elapsed();
            assert!(
                taken.as_secs() < 60,
                "{head:?} and many {piece:?} took {taken:?}"
            );
        }
    }
}

#[test]
fn no_refusal_shows_a_secret() {
    for text in [
        user("token: canary, token: canary"),
        user("token: 'canary canary'"),
        user("token: {canary: canary}").replace("canary: canary", "x: canary"),
        user("token: canary, username: canary, password: canary")
            .replace("username: canary", "username: x"),
        user("password: canary"),
        exec(
            "apiVersion: client.authentication.k8s.io/v1, command: sh, env: [{name: A, value: canary}]",
        ),
        "users: [{name: u, user: {token: \"canary".to_owned(),
        "token: canary: canary".to_owned(),
    ] {
        let error = take(&text, Allowed::default()).expect_err("must be refused");
        assert!(!error.to_string().contains("canary"), "{error}");
    }
}
