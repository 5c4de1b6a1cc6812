//! Proxies are decided as Go decides them.

use super::*;

fn decide(server: &str, variables: &[(&str, &str)]) -> Result<Option<String>, ProxyError> {
    proxy_for(server, &|name| {
        variables
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| (*value).to_owned())
    })
}

#[test]
fn no_variable_means_no_proxy() {
    assert_eq!(decide("https://api.example", &[]), Ok(None));
    assert_eq!(
        decide("https://api.example", &[("HTTPS_PROXY", " ")]),
        Ok(None)
    );
    assert_eq!(
        decide("https://api.example", &[("HTTP_PROXY", "http://p:3128")]),
        Ok(None)
    );
}

#[test]
fn upper_case_goes_before_lower_case() {
    let both = [
        ("https_proxy", "http://low:1"),
        ("HTTPS_PROXY", "http://up:1"),
    ];
    assert_eq!(
        decide("https://api.example", &both),
        Ok(Some("http://up:1".to_owned()))
    );
    assert_eq!(
        decide("https://api.example", &both[..1]),
        Ok(Some("http://low:1".to_owned()))
    );
}

#[test]
fn a_proxy_without_a_scheme_is_an_http_proxy() {
    let found = decide("https://api.example", &[("HTTPS_PROXY", "proxy:3128")]);
    assert_eq!(found, Ok(Some("http://proxy:3128".to_owned())));
}

/// What `NO_PROXY` says, the server, and whether the way goes directly.
const EXCEPTIONS: &[(&str, &str, bool)] = &[
    ("*", "https://api.example", true),
    ("other, *", "https://api.example", true),
    ("api.example", "https://api.example:6443", true),
    ("API.Example", "https://api.example", true),
    ("example", "https://api.example", true),
    ("xample", "https://api.example", false),
    (".example", "https://api.example", true),
    (".api.example", "https://api.example", false),
    ("*.example", "https://api.example", true),
    ("api.example,", "https://api.example", true),
    (",,", "https://api.example", false),
    ("", "https://api.example", false),
    (".", "https://api.example", false),
    ("api.example:6443", "https://api.example:6443", true),
    ("api.example:6443", "https://api.example", false),
    ("api.example:443", "https://api.example", true),
    ("10.0.0.0/8", "https://10.1.2.3:6443", true),
    ("10.0.0.0/8", "https://11.1.2.3:6443", false),
    ("10.1.2.3/32", "https://10.1.2.3", true),
    ("0.0.0.0/0", "https://10.1.2.3", true),
    ("10.0.0.0/33", "https://10.1.2.3", false),
    ("10.0.0.0/x", "https://10.1.2.3", false),
    ("10.0.0.0/8", "https://api.example", false),
    ("fd00::/8", "https://[fd00::1]:6443", true),
    ("fd00::/8", "https://[fe00::1]:6443", false),
    ("::/0", "https://[fe00::1]:6443", true),
    ("[fd00::1]:6443", "https://[fd00::1]:6443", true),
    ("[fd00::1]:443", "https://[fd00::1]:6443", false),
    ("fd00::1", "https://[fd00::1]:6443", true),
    ("10.1.2.3", "https://10.1.2.3:6443", true),
    ("10.1.2.3:6443", "https://10.1.2.3:6443", true),
    ("10.1.2.3:443", "https://10.1.2.3:6443", false),
    ("2.3", "https://10.1.2.3", false),
    // The proxy's own name is of no interest.
    ("proxy:3128", "https://api.example", false),
];

#[test]
fn exceptions_are_compared_with_the_clusters_host() {
    for &(exceptions, server, direct) in EXCEPTIONS {
        let variables = [
            ("HTTPS_PROXY", "http://proxy:3128"),
            ("NO_PROXY", exceptions),
        ];
        let found = decide(server, &variables).expect("a good proxy");
        assert_eq!(
            found.is_none(),
            direct,
            "NO_PROXY={exceptions} for {server}"
        );
    }
}

/// Why the library's matcher is not used: the day it decides as Go does, this fails.
#[test]
fn the_librarys_matcher_decides_otherwise() {
    use hyper_util::client::proxy::matcher::Matcher;
    let goes_directly = |proxy: &str, exceptions: &str, server: &str| {
        let matcher = Matcher::builder().https(proxy).no(exceptions).build();
        let server = server.parse().expect("an address");
        matcher.intercept(&server).is_none()
    };
    let otherwise: Vec<&str> = EXCEPTIONS
        .iter()
        .filter(|(exceptions, server, direct)| {
            goes_directly("http://proxy:3128", exceptions, server) != *direct
        })
        .map(|(exceptions, _, _)| *exceptions)
        .collect();
    assert_eq!(
        otherwise,
        [
            ".api.example",
            "*.example",
            "api.example:6443",
            "api.example:443",
            "[fd00::1]:6443",
            "10.1.2.3:6443"
        ]
    );
    assert!(goes_directly("ftp://proxy", "", "https://api.example"));
}

#[test]
fn this_machine_is_never_reached_through_a_proxy() {
    for server in [
        "https://localhost:6443",
        "https://127.0.0.1:6443",
        "https://[::1]:6443",
    ] {
        assert_eq!(
            decide(server, &[("HTTPS_PROXY", "http://proxy:3128")]),
            Ok(None),
            "{server}"
        );
    }
}

#[test]
fn a_bad_proxy_is_an_error_and_not_a_direct_connection() {
    for proxy in [
        "ftp://proxy",
        "http://",
        "http://proxy/path",
        "http://p?q",
        "http://u:%zz@p",
    ] {
        assert!(
            decide("https://api.example", &[("HTTPS_PROXY", proxy)]).is_err(),
            "{proxy}"
        );
    }
}

#[test]
fn an_address_is_taken_apart() {
    let proxy = Proxy::parse("socks5://me:p%40ss@proxy").expect("a good proxy");
    assert_eq!(proxy.kind, ProxyKind::Socks5);
    assert_eq!(proxy.uri, "http://proxy:1080/");
    let login = proxy.login.map(|it| (it.name, it.password));
    assert_eq!(login, Some(("me".to_owned(), "p@ss".to_owned())));
    let proxy = Proxy::parse("HTTP://[::1]:3128/").expect("a good proxy");
    assert_eq!(
        (proxy.kind, proxy.uri.to_string().as_str()),
        (ProxyKind::Http, "http://[::1]:3128/")
    );
    assert!(!proxy.has_login());
}
